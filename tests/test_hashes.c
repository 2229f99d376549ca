/* test_hashes.c - SHA-256 and RIPEMD-160 against OpenSSL, BLAKE2b's compression against OpenSSL's
   BLAKE2b-512 and EIP-152's vectors. */
#include "hd_test.h"

#include <openssl/evp.h>

#include "crypto/hd_blake2f.h"
#include "crypto/hd_ripemd160.h"
#include "crypto/hd_sha256.h"

static uint64_t rng = 0x243f6a8885a308d3ull;

static uint64_t next_rand(void) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static void fill_rand(uint8_t *p, size_t sz) {
    for (size_t i = 0; i < sz; i++)
        p[i] = (uint8_t)(next_rand() >> 24);
}

static void assert_hex(const uint8_t *got, size_t sz, const char *want) {
    static const char digits[] = "0123456789abcdef";
    char text[257];
    assert_true(sz <= 128);
    for (size_t i = 0; i < sz; i++) {
        text[2 * i] = digits[got[i] >> 4];
        text[2 * i + 1] = digits[got[i] & 15];
    }
    text[2 * sz] = 0;
    assert_string_equal(text, want);
}

static void sha256_gives_the_standard_answers(void **state) {
    (void)state;
    uint8_t out[32];
    hd_sha256(out, NULL, 0);
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hd_sha256(out, (const uint8_t *)"abc", 3);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void ripemd160_gives_the_standard_answers(void **state) {
    (void)state;
    uint8_t out[20];
    hd_ripemd160(out, NULL, 0);
    assert_hex(out, 20, "9c1185a5c5e9fc54612808977ee8f548b2258d31");
    hd_ripemd160(out, (const uint8_t *)"message digest", 14);
    assert_hex(out, 20, "5d0689ef49d2fae572b881b123a85ffa21595f36");
}

/* Every length over four blocks, so that each padding case and block boundary is met. */
static void assert_agrees(const char *name, size_t out_sz,
                          void (*fn)(uint8_t *, const uint8_t *, size_t)) {
    uint8_t in[300], got[64], want[64];
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
    if (!md)
        skip(); /* OpenSSL before 3.0.7 has RIPEMD-160 in its legacy provider only */
    for (size_t sz = 0; sz <= sizeof in; sz++) {
        fill_rand(in, sizeof in);
        assert_int_equal(EVP_Digest(in, sz, want, NULL, md, NULL), 1);
        fn(got, in, sz);
        assert_memory_equal(got, want, out_sz);
    }
    EVP_MD_free(md);
}

static void sha256_fn(uint8_t *out, const uint8_t *in, size_t sz) { hd_sha256(out, in, sz); }
static void ripemd160_fn(uint8_t *out, const uint8_t *in, size_t sz) { hd_ripemd160(out, in, sz); }

/* BLAKE2b-512 built from the compression function, without a key. */
static void blake2b_fn(uint8_t *out, const uint8_t *in, size_t sz) {
    uint64_t h[8] = {0x6a09e667f3bcc908ull ^ 0x01010040,
                     0xbb67ae8584caa73bull,
                     0x3c6ef372fe94f82bull,
                     0xa54ff53a5f1d36f1ull,
                     0x510e527fade682d1ull,
                     0x9b05688c2b3e6c1full,
                     0x1f83d9abfb41bd6bull,
                     0x5be0cd19137e2179ull};
    size_t off = 0;
    for (;;) {
        size_t part_sz = sz - off < 128 ? sz - off : 128;
        uint8_t block[128] = {0};
        uint64_t m[16], t[2] = {off + part_sz, 0};
        int is_last = sz - off <= 128;
        memcpy(block, in + off, part_sz);
        for (int i = 0; i < 16; i++)
            m[i] = hd_load_le64(block + 8 * i);
        hd_blake2f(h, m, t, (uint32_t)is_last, 12);
        off += part_sz;
        if (is_last)
            break;
    }
    for (int i = 0; i < 8; i++)
        hd_store_le64(out + 8 * i, h[i]);
}

static void sha256_agrees_with_openssl_at_every_length(void **state) {
    (void)state;
    assert_agrees("SHA256", 32, sha256_fn);
}

static void ripemd160_agrees_with_openssl_at_every_length(void **state) {
    (void)state;
    assert_agrees("RIPEMD160", 20, ripemd160_fn);
}

static void blake2f_with_12_rounds_makes_blake2b(void **state) {
    (void)state;
    assert_agrees("BLAKE2B-512", 64, blake2b_fn);
}

/* EIP-152's vectors 4 to 7: the message "abc" with other round counts and flags. */
static void make_eip152_input(uint8_t in[213], uint32_t round_cnt, uint8_t is_final) {
    static const uint64_t iv[8] = {0x6a09e667f3bcc908ull ^ 0x01010040,
                                   0xbb67ae8584caa73bull,
                                   0x3c6ef372fe94f82bull,
                                   0xa54ff53a5f1d36f1ull,
                                   0x510e527fade682d1ull,
                                   0x9b05688c2b3e6c1full,
                                   0x1f83d9abfb41bd6bull,
                                   0x5be0cd19137e2179ull};
    memset(in, 0, 213);
    hd_store_be32(in, round_cnt);
    for (int i = 0; i < 8; i++)
        hd_store_le64(in + 4 + 8 * i, iv[i]);
    memcpy(in + 68, "abc", 3);
    in[196] = 3;
    in[212] = is_final;
}

static void blake2f_gives_the_answers_of_eip_152(void **state) {
    (void)state;
    uint8_t in[213], out[64];
    make_eip152_input(in, 0, 1);
    assert_int_equal(hd_blake2f_run(out, in), 1);
    assert_hex(out, 64,
               "08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5"
               "d282e6ad7f520e511f6c3e2b8c68059b9442be0454267ce079217e1319cde05b");
    make_eip152_input(in, 12, 1);
    assert_int_equal(hd_blake2f_run(out, in), 1);
    assert_hex(out, 64,
               "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
               "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    make_eip152_input(in, 12, 0);
    assert_int_equal(hd_blake2f_run(out, in), 1);
    assert_hex(out, 64,
               "75ab69d3190a562c51aef8d88f1c2775876944407270c42c9844252c26d28752"
               "98743e7f6d5ea2f2d3e8d226039cd31b4e426ac4f2d3d666a610c2116fde4735");
    make_eip152_input(in, 1, 1);
    assert_int_equal(hd_blake2f_run(out, in), 1);
    assert_hex(out, 64,
               "b63a380cb2897d521994a85234ee2c181b5f844d2c624c002677e9703449d2fb"
               "a551b3a8333bcdf5f2f7e08993d53923de3d64fcc68c034e717b9293fed7a421");
}

static void blake2f_refuses_a_final_flag_above_one(void **state) {
    (void)state;
    uint8_t in[213], out[64];
    for (uint32_t flag = 2; flag < 256; flag++) {
        make_eip152_input(in, 12, (uint8_t)flag);
        assert_int_equal(hd_blake2f_run(out, in), 0);
    }
}

/* Ten rounds use each permutation once; the round that follows must start over. */
static void blake2f_rounds_are_the_same_in_any_grouping(void **state) {
    (void)state;
    uint8_t in[213], out[64], seen[64][64];
    for (uint32_t rounds = 0; rounds < 64; rounds++) {
        make_eip152_input(in, rounds, 1);
        assert_int_equal(hd_blake2f_run(out, in), 1);
        memcpy(seen[rounds], out, 64);
        for (uint32_t k = 0; k < rounds; k++)
            assert_memory_not_equal(seen[k], out, 64);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(sha256_gives_the_standard_answers),
    cmocka_unit_test(sha256_agrees_with_openssl_at_every_length),
    cmocka_unit_test(ripemd160_gives_the_standard_answers),
    cmocka_unit_test(ripemd160_agrees_with_openssl_at_every_length),
    cmocka_unit_test(blake2f_with_12_rounds_makes_blake2b),
    cmocka_unit_test(blake2f_gives_the_answers_of_eip_152),
    cmocka_unit_test(blake2f_refuses_a_final_flag_above_one),
    cmocka_unit_test(blake2f_rounds_are_the_same_in_any_grouping),
};

HD_TEST_MAIN(tests)
