/* test_keccak.c - Keccak-256 against known answers and against a slow second writing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/hd_keccak.h"

/* ---- the permutation as FIPS 202 states it: A[x][y], constants from the shift register ---- */

static uint64_t turn(uint64_t x, unsigned n) { return n == 0 ? x : x << n | x >> (64 - n); }

/* Bit t of the shift register x^8 + x^6 + x^5 + x^4 + 1. */
static unsigned rc_bit(unsigned t) {
    unsigned r = 1;
    for (unsigned i = 0; i < t % 255; i++) {
        r <<= 1;
        if (r & 0x100)
            r ^= 0x171;
    }
    return r & 1;
}

static void slow_permute(uint64_t s[25]) {
    for (unsigned round = 0; round < 24; round++) {
        uint64_t a[5][5], b[5][5], c[5];
        for (unsigned x = 0; x < 5; x++) {
            c[x] = 0;
            for (unsigned y = 0; y < 5; y++)
                c[x] ^= s[x + 5 * y];
        }
        for (unsigned x = 0; x < 5; x++)
            for (unsigned y = 0; y < 5; y++)
                a[x][y] = s[x + 5 * y] ^ c[(x + 4) % 5] ^ turn(c[(x + 1) % 5], 1);
        b[0][0] = a[0][0];
        unsigned x = 1, y = 0;
        for (unsigned t = 0; t < 24; t++) {
            unsigned y2 = (2 * x + 3 * y) % 5;
            b[y][y2] = turn(a[x][y], (t + 1) * (t + 2) / 2 % 64);
            x = y;
            y = y2;
        }
        for (x = 0; x < 5; x++)
            for (y = 0; y < 5; y++)
                s[x + 5 * y] = b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y]);
        for (unsigned j = 0; j <= 6; j++)
            s[0] ^= (uint64_t)rc_bit(j + 7 * round) << ((1u << j) - 1);
    }
}

static void slow_keccak256(uint8_t out[32], const uint8_t *in, size_t sz) {
    uint64_t s[25] = {0};
    size_t padded_sz = (sz / 136 + 1) * 136;
    for (size_t i = 0; i < padded_sz; i++) {
        unsigned byte = i < sz ? in[i] : i == sz ? 1 : 0;
        if (i == padded_sz - 1)
            byte |= 0x80;
        s[i % 136 / 8] ^= (uint64_t)byte << 8 * (i % 8);
        if (i % 136 == 135)
            slow_permute(s);
    }
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(s[i / 8] >> 8 * (i % 8));
}

/* ---- tests ---- */

static uint8_t text[2000];

static void fill_text(void) {
    uint32_t x = 12345;
    for (size_t i = 0; i < sizeof text; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = (uint8_t)(x >> 24);
    }
}

static void assert_hash(const char *hex, const uint8_t *in, size_t sz) {
    uint8_t h[32];
    char s[65];
    hd_keccak256(h, in, sz);
    for (unsigned i = 0; i < 32; i++) {
        s[2 * i] = "0123456789abcdef"[h[i] >> 4];
        s[2 * i + 1] = "0123456789abcdef"[h[i] & 15];
    }
    s[64] = 0;
    assert_string_equal(s, hex);
}

static void keccak_of_nothing_is_the_empty_code_hash(void **state) {
    (void)state;
    assert_hash("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", text, 0);
}

static void keccak_of_rlp_empty_string_is_the_empty_trie_root(void **state) {
    (void)state;
    const uint8_t rlp[1] = {0x80};
    assert_hash("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421", rlp, 1);
}

static void keccak_of_known_texts_is_known(void **state) {
    (void)state;
    const char *transfer = "transfer(address,uint256)";
    uint8_t h[32];
    assert_hash("4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
                (const uint8_t *)"abc", 3);
    hd_keccak256(h, (const uint8_t *)transfer, strlen(transfer));
    const uint8_t selector[4] = {0xa9, 0x05, 0x9c, 0xbb};
    assert_memory_equal(h, selector, 4);
}

static void keccak_agrees_with_the_slow_one_at_every_size(void **state) {
    (void)state;
    uint8_t fast[32], slow[32];
    fill_text();
    for (size_t sz = 0; sz <= 420; sz++) { /* 135, 136, 137, 271, 272, 273 among them */
        hd_keccak256(fast, text + sz % 9, sz);
        slow_keccak256(slow, text + sz % 9, sz);
        assert_memory_equal(fast, slow, 32);
    }
    memset(text, 'a', 1000);
    hd_keccak256(fast, text, 1000);
    slow_keccak256(slow, text, 1000);
    assert_memory_equal(fast, slow, 32);
}

static void keccak_in_pieces_is_keccak_at_once(void **state) {
    (void)state;
    uint8_t once[32], pieces[32];
    fill_text();
    for (size_t step = 1; step < 300; step += step < 20 ? 1 : 13) {
        size_t sz = sizeof text - step;
        hd_keccak k;
        hd_keccak_init(&k);
        for (size_t off = 0; off < sz; off += step) {
            hd_keccak_update(&k, text + off, HD_MIN(step, sz - off));
            hd_keccak_update(&k, text, 0);
        }
        hd_keccak_final(&k, pieces);
        hd_keccak256(once, text, sz);
        assert_memory_equal(once, pieces, 32);
    }
}

static void keccak_may_overwrite_its_input(void **state) {
    (void)state;
    uint8_t want[32];
    fill_text();
    hd_keccak256(want, text, 64);
    hd_keccak256(text + 16, text, 64);
    assert_memory_equal(text + 16, want, 32);
}

static void keccak_permutations_of_all_machines_agree(void **state) {
    (void)state;
    uint64_t plain[25], best[25], slow[25];
    for (unsigned i = 0; i < 25; i++)
        plain[i] = best[i] = slow[i] = 0x9e3779b97f4a7c15u * (i + 1);
    for (unsigned i = 0; i < 200; i++) {
        hd_keccak_f1600_plain(plain);
        hd_keccak_f1600(best);
        slow_permute(slow);
        assert_memory_equal(plain, slow, sizeof slow);
        assert_memory_equal(best, slow, sizeof slow);
#if HD_KECCAK_HAS_VL
        if (__builtin_cpu_supports("avx512vl")) {
            uint64_t vl[25];
            memcpy(vl, slow, sizeof vl);
            hd_keccak_f1600_vl(vl);
            slow_permute(slow);
            assert_memory_equal(vl, slow, sizeof slow);
            memcpy(plain, slow, sizeof plain);
            memcpy(best, slow, sizeof best);
        }
#endif
    }
}

static void keccak_eight_at_once_are_eight_one_by_one(void **state) {
    (void)state;
#if HD_KECCAK_HAS_VL
    if (!hd_keccak_is_x8())
        skip();
    hd_keccak_vec8 s[25];
    uint64_t one[8][25];
    for (uint32_t k = 0; k < 25; k++)
        for (uint32_t i = 0; i < 8; i++)
            s[k][i] = one[i][k] = (k * 8 + i + 1) * 0x9e3779b97f4a7c15u;
    for (uint32_t round = 0; round < 20; round++) {
        hd_keccak_f1600_x8(s);
        for (uint32_t i = 0; i < 8; i++) {
            slow_permute(one[i]);
            for (uint32_t k = 0; k < 25; k++)
                assert_true(s[k][i] == one[i][k]);
        }
    }
#else
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keccak_of_nothing_is_the_empty_code_hash),
        cmocka_unit_test(keccak_of_rlp_empty_string_is_the_empty_trie_root),
        cmocka_unit_test(keccak_of_known_texts_is_known),
        cmocka_unit_test(keccak_agrees_with_the_slow_one_at_every_size),
        cmocka_unit_test(keccak_in_pieces_is_keccak_at_once),
        cmocka_unit_test(keccak_may_overwrite_its_input),
        cmocka_unit_test(keccak_permutations_of_all_machines_agree),
        cmocka_unit_test(keccak_eight_at_once_are_eight_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
