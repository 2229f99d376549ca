/* test_curves.c - secp256k1 against libsecp256k1, P-256 against OpenSSL, BN254 against its own
   algebra, all three against go-ethereum's vectors; and the three ways to multiply against each
   other. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <json-c/json.h>

#include "crypto/hd_bn254.h"
#include "crypto/hd_inverse30.h"
#include "crypto/hd_keccak.h"
#include "crypto/hd_p256.h"
#include "crypto/hd_secp256k1.h"
#include "hd_test.h"

#define GETH "precompiles/geth-core-vm-testdata/precompiles/"
#define IN_MAX 8192u

static uint64_t rng_state = 0x243f6a8885a308d3ull;

static uint64_t next_random(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1dull;
}

static void fill_random(uint8_t *out, size_t sz) {
    for (size_t i = 0; i < sz; i++)
        out[i] = (uint8_t)(next_random() >> 56);
}

/* Limbs that are all ones, zero or nearly so find the carries that random ones never meet. */
static hd_f256 random_f256(void) {
    hd_f256 r;
    for (int i = 0; i < 4; i++) {
        uint64_t kind = next_random() >> 60, x = next_random();
        r.w[i] = kind < 3    ? 0
                 : kind < 6  ? ~0ull
                 : kind < 8  ? x >> 60
                 : kind < 10 ? 0 - (x >> 60)
                             : x;
    }
    return r;
}

static size_t unhex(uint8_t *out, size_t out_max, const char *hex) {
    size_t sz = strlen(hex) / 2;
    assert_true(sz <= out_max);
    for (size_t i = 0; i < sz; i++) {
        unsigned x = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &x), 1);
        out[i] = (uint8_t)x;
    }
    return sz;
}

static hd_f256_mod bn_mod(void) {
    hd_f256_mod m = {*hd_bn_p(), HD_BN_NEG_INV, hd_bn_one(), hd_bn_rr()};
    return m;
}

static hd_f256_mod p256_mod(void) {
    hd_f256_mod m = {*hd_p256_p(), 1, hd_p256_one(), hd_p256_rr()};
    return m;
}

/* ---- field ---- */

static void f256_all_ways_to_multiply_agree(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        hd_f256 a = random_f256(), b = random_f256();
        uint64_t t[8], u[8], v[8];
        uint32_t x[8], y[8], z[16];
        hd_f256_mul_wide(t, &a, &b);
        hd_f256_u128_mul_wide(u, &a, &b);
        assert_memory_equal(t, u, 64);
        hd_f256_split(x, &a);
        hd_f256_split(y, &b);
        hd_f256_mul_rows(z, x, y);
        for (int j = 0; j < 8; j++)
            v[j] = (uint64_t)z[2 * j] | (uint64_t)z[2 * j + 1] << 32;
        assert_memory_equal(t, v, 64);
        hd_f256_sqr_wide(t, &a);
        hd_f256_u128_mul_wide(u, &a, &a);
        assert_memory_equal(t, u, 64);
        hd_f256_sqr_rows(z, x);
        for (int j = 0; j < 8; j++)
            v[j] = (uint64_t)z[2 * j] | (uint64_t)z[2 * j + 1] << 32;
        assert_memory_equal(t, v, 64);
    }
}

static void f256_all_ways_to_reduce_agree(void **state) {
    (void)state;
    hd_f256_mod mods[3] = {hd_k1_n(), bn_mod(), p256_mod()};
    for (int i = 0; i < 20000; i++) {
        uint32_t is_short = i % 3 == 1;
        const hd_f256_mod *m = &mods[i % 3];
        hd_f256 a = random_f256(), b = random_f256(), r, s;
        while (!hd_f256_is_below(&b, &m->m))
            b.w[3] >>= 1;
        while (is_short && !hd_f256_is_below(&a, &m->m))
            a.w[3] >>= 1;
        uint64_t top = hd_f256_u128_mont(&r, &a, &b, &m->m, m->neg_inv, is_short);
        assert_int_equal(top, hd_f256_rows_mont(&s, &a, &b, &m->m, m->neg_inv));
        assert_memory_equal(&r, &s, sizeof r);
        if (is_short)
            hd_f256_mont_mul(&s, &a, &b, &m->m, m->neg_inv, 1);
        else
            hd_f256_mont_mul(&s, &a, &b, &m->m, m->neg_inv, 0);
        hd_f256_reduce_once(&r, top, &r, &m->m);
        assert_memory_equal(&r, &s, sizeof r);
        assert_true(hd_f256_is_below(&r, &m->m));

        hd_k1_mul(&r, &a, &b);
        hd_k1_mul_rows(&s, &a, &b);
        hd_k1_norm(&r);
        hd_k1_norm(&s);
        assert_memory_equal(&r, &s, sizeof r);
        hd_k1_u128_mul(&s, &a, &b);
        hd_k1_norm(&s);
        assert_memory_equal(&r, &s, sizeof r);
        hd_k1_sqr(&r, &a);
        hd_k1_mul(&s, &a, &a);
        hd_k1_norm(&r);
        hd_k1_norm(&s);
        assert_memory_equal(&r, &s, sizeof r);
    }
}

static BIGNUM *bn_of(const hd_f256 *a) {
    uint8_t b[32];
    hd_f256_store_be(b, a);
    return BN_bin2bn(b, 32, NULL);
}

static void f256_secp256k1_field_matches_big_numbers(void **state) {
    (void)state;
    BN_CTX *ctx = BN_CTX_new();
    hd_f256 pf = hd_k1_p();
    BIGNUM *p = bn_of(&pf), *w = BN_new();
    for (int i = 0; i < 3000; i++) {
        hd_f256 a = random_f256(), b = random_f256(), r;
        BIGNUM *x = bn_of(&a), *y = bn_of(&b);
        for (int op = 0; op < 3; op++) {
            if (op == 0) {
                hd_k1_add(&r, &a, &b);
                BN_mod_add(w, x, y, p, ctx);
            } else if (op == 1) {
                hd_k1_sub(&r, &a, &b);
                BN_mod_sub(w, x, y, p, ctx);
            } else {
                hd_k1_mul(&r, &a, &b);
                BN_mod_mul(w, x, y, p, ctx);
            }
            hd_k1_norm(&r);
            BIGNUM *z = bn_of(&r);
            assert_int_equal(BN_cmp(z, w), 0);
            BN_free(z);
        }
        BN_free(x);
        BN_free(y);
    }
    BN_free(p);
    BN_free(w);
    BN_CTX_free(ctx);
}

static void f256_inverse_times_value_is_one(void **state) {
    (void)state;
    hd_f256_mod mods[3] = {hd_k1_n(), bn_mod(), p256_mod()};
    for (int i = 0; i < 900; i++) {
        const hd_f256_mod *m = &mods[i % 3];
        hd_f256 a = random_f256(), b, c, e = m->m;
        while (!hd_f256_is_below(&a, &m->m))
            a.w[3] >>= 1;
        e.w[0] -= 2;
        hd_f256_inv_mod(&b, &a, m);
        hd_f256_mul_mod(&c, &a, &b, m);
        if (hd_f256_is_zero(&a))
            assert_true(hd_f256_is_zero(&b));
        else
            assert_memory_equal(&c, &m->one, sizeof c);
        hd_f256_pow_mod(&c, &a, &e, m); /* the device's ways */
        assert_memory_equal(&b, &c, sizeof c);
        c = hd_f256_inv_steps(a, m->m, m->neg_inv);
        hd_f256_mul_mod(&c, &c, &m->rr, m);
        hd_f256_mul_mod(&c, &c, &m->rr, m);
        assert_memory_equal(&b, &c, sizeof c);
    }
}

/* ---- secp256k1 ---- */

static secp256k1_context *secp;

static int open_secp(void **state) {
    (void)state;
    secp = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    return secp ? 0 : -1;
}

static int close_secp(void **state) {
    (void)state;
    secp256k1_context_destroy(secp);
    return 0;
}

/* What libsecp256k1 says. */
static int recover_expected(uint8_t pub[64], const uint8_t msg[32], const uint8_t rs[64],
                            uint32_t parity) {
    secp256k1_ecdsa_recoverable_signature sig;
    secp256k1_pubkey key;
    uint8_t full[65];
    size_t sz = sizeof full;
    /* The library lets r or s = 0 pass its parser and refuses it here. */
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(secp, &sig, rs, (int)parity) ||
        !secp256k1_ecdsa_recover(secp, &key, &sig, msg))
        return 0;
    secp256k1_ec_pubkey_serialize(secp, full, &sz, &key, SECP256K1_EC_UNCOMPRESSED);
    memcpy(pub, full + 1, 64);
    return 1;
}

/* Both digit forms must say what the library says; returns that. */
static int check_recover(const uint8_t msg[32], const uint8_t rs[64], uint32_t parity) {
    uint8_t want[64] = {0}, got[64];
    int is_ok = recover_expected(want, msg, rs, parity);
    memset(got, 0, sizeof got);
    assert_int_equal(hd_secp256k1_recover(got, msg, rs, rs + 32, parity), is_ok);
    assert_memory_equal(got, want, 64);
    for (uint32_t is_fixed = 0; is_fixed < 2; is_fixed++) {
        memset(got, 0, sizeof got);
        assert_int_equal(hd_k1_recover_form(got, msg, rs, rs + 32, parity, is_fixed), is_ok);
        assert_memory_equal(got, want, 64);
    }
    return is_ok;
}

static void secp256k1_recovers_what_the_library_recovers(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        uint8_t msg[32], secret[32], rs[64], pub[64], want[65];
        size_t sz = sizeof want;
        int rec_id;
        secp256k1_ecdsa_recoverable_signature sig;
        secp256k1_pubkey key;
        fill_random(msg, 32);
        fill_random(secret, 32);
        assert_int_equal(secp256k1_ecdsa_sign_recoverable(secp, &sig, msg, secret, NULL, NULL), 1);
        secp256k1_ecdsa_recoverable_signature_serialize_compact(secp, rs, &rec_id, &sig);
        assert_int_equal(secp256k1_ec_pubkey_create(secp, &key, secret), 1);
        secp256k1_ec_pubkey_serialize(secp, want, &sz, &key, SECP256K1_EC_UNCOMPRESSED);
        assert_true(rec_id < 2); /* 2 and 3 have a chance of 2^-127 */
        assert_int_equal(hd_secp256k1_recover(pub, msg, rs, rs + 32, (uint32_t)rec_id), 1);
        assert_memory_equal(pub, want + 1, 64);
        check_recover(msg, rs, (uint32_t)rec_id);

        assert_int_equal(check_recover(msg, rs, (uint32_t)rec_id ^ 1), 1); /* another key */
        assert_int_equal(hd_secp256k1_recover(pub, msg, rs, rs + 32, (uint32_t)rec_id ^ 1), 1);
        assert_memory_not_equal(pub, want + 1, 64);
        assert_int_equal(hd_secp256k1_pubkey(pub, secret), 1);
        assert_memory_equal(pub, want + 1, 64);
    }
}

static void secp256k1_agrees_on_garbage(void **state) {
    (void)state;
    uint32_t ok_cnt = 0;
    for (int i = 0; i < 600; i++) {
        uint8_t msg[32], rs[64];
        hd_f256 m = random_f256(), r = random_f256(), s = random_f256();
        if (i & 1)
            r.w[3] ^= next_random(); /* else mostly special values */
        hd_f256_store_be(msg, &m);
        hd_f256_store_be(rs, &r);
        hd_f256_store_be(rs + 32, &s);
        ok_cnt += (uint32_t)check_recover(msg, rs, (uint32_t)i / 2 & 1);
    }
    assert_in_range(ok_cnt, 50, 400); /* half of the x have a point: both answers were seen */
}

static void secp256k1_refuses_r_and_s_out_of_range(void **state) {
    (void)state;
    uint8_t msg[32], rs[64], pub[64], before[64];
    hd_f256 n = hd_k1_n().m, one = hd_f256_make(0, 0, 0, 1), p = hd_k1_p(), v[5];
    memset(&v[0], 0, sizeof v[0]);
    v[1] = n;
    hd_f256_add_raw(&v[2], &n, &one);
    v[3] = p;
    memset(&v[4], 0xff, sizeof v[4]);
    fill_random(msg, 32);
    memset(pub, 0x5a, 64);
    memset(before, 0x5a, 64);
    for (int i = 0; i < 5; i++) {
        for (int which = 0; which < 2; which++) {
            memset(rs, 0, 64);
            rs[31] = 1; /* x = 1 is on the curve */
            rs[63] = 1;
            assert_int_equal(check_recover(msg, rs, 0), 1);
            hd_f256_store_be(rs + 32 * which, &v[i]);
            for (uint32_t parity = 0; parity < 2; parity++) {
                assert_int_equal(check_recover(msg, rs, parity), 0);
                assert_int_equal(hd_secp256k1_recover(pub, msg, rs, rs + 32, parity), 0);
                assert_memory_equal(pub, before, 64);
            }
        }
    }
    memset(rs, 0, 64);
    rs[31] = rs[63] = 1;
    assert_int_equal(hd_secp256k1_recover(pub, msg, rs, rs + 32, 2), 0);
    assert_int_equal(hd_secp256k1_recover(pub, msg, rs, rs + 32, 0xffffffffu), 0);
    rs[31] = 5; /* no point has x = 5 */
    assert_int_equal(check_recover(msg, rs, 0), 0);
    /* n - 1 is in range. */
    hd_f256_sub_raw(&v[0], &n, &one);
    rs[31] = 1;
    hd_f256_store_be(rs + 32, &v[0]);
    assert_int_equal(check_recover(msg, rs, 1), 1);
}

static void secp256k1_refuses_a_key_at_infinity(void **state) {
    (void)state;
    /* R = k*G and msg = s*k make u1*G + u2*R vanish. */
    for (uint32_t k = 1; k < 40; k++) {
        hd_f256_mod n = hd_k1_n();
        hd_f256 kf = hd_f256_make(0, 0, 0, k), s, t;
        uint8_t secret[32], pub[64], msg[32], rs[64];
        hd_f256_store_be(secret, &kf);
        assert_int_equal(hd_secp256k1_pubkey(pub, secret), 1);
        do {
            s = random_f256();
        } while (!hd_f256_is_below(&s, &n.m) || hd_f256_is_zero(&s));
        hd_f256_mul_mod(&t, &kf, &n.rr, &n);
        hd_f256_mul_mod(&t, &t, &s, &n);
        memcpy(rs, pub, 32);
        hd_f256_store_be(rs + 32, &s);
        hd_f256_store_be(msg, &t);
        assert_int_equal(check_recover(msg, rs, pub[63] & 1), 0);
        assert_int_equal(check_recover(msg, rs, (pub[63] & 1) ^ 1), 1);
        /* Near misses walk through equal and opposite points in the ladder. */
        for (uint32_t d = 1; d < 4; d++) {
            hd_f256 small = hd_f256_make(0, 0, 0, d);
            hd_f256_store_be(rs + 32, &small);
            hd_f256_store_be(msg, &small);
            check_recover(msg, rs, pub[63] & 1);
            check_recover(msg, rs, (pub[63] & 1) ^ 1);
        }
    }
}

static void secp256k1_multiplies_g_by_special_scalars(void **state) {
    (void)state;
    hd_f256 n = hd_k1_n().m;
    hd_f256 lambda = hd_f256_make(0x5363ad4cc05c30e0ull, 0xa5261c028812645aull,
                                  0x122e22ea20816678ull, 0xdf02967c1b23bd72ull);
    for (int i = 0; i < 700; i++) {
        hd_f256 k = random_f256(), small = hd_f256_make(0, 0, 0, (uint64_t)i / 4);
        uint8_t secret[32], got[64], want[65];
        size_t sz = sizeof want;
        secp256k1_pubkey key;
        if (i < 200 && i % 4 == 0)
            k = small;
        else if (i < 200 && i % 4 == 1)
            hd_f256_sub_raw(&k, &n, &small);
        else if (i < 200 && i % 4 == 2)
            hd_f256_add_raw(&k, &lambda, &small);
        else if (i < 200)
            hd_f256_sub_raw(&k, &lambda, &small);
        else if (i < 456)
            k.w[0] = k.w[1] = k.w[2] = k.w[3] = 0, k.w[(i - 200) >> 6] = 1ull << ((i - 200) & 63);
        hd_f256_store_be(secret, &k);
        int is_ok = secp256k1_ec_pubkey_create(secp, &key, secret);
        assert_int_equal(hd_secp256k1_pubkey(got, secret), is_ok);
        if (!is_ok)
            continue;
        secp256k1_ec_pubkey_serialize(secp, want, &sz, &key, SECP256K1_EC_UNCOMPRESSED);
        assert_memory_equal(got, want + 1, 64);
        assert_int_equal(hd_k1_mul_sum(got, &k, &k, NULL, 1), 1);
        assert_memory_equal(got, want + 1, 64);
    }
}

/* ---- go-ethereum's vectors ---- */

typedef int (*vector_fn)(uint8_t *out, size_t *out_sz, const uint8_t *in, size_t in_sz);

static void check_vector(vector_fn fn, const char *name, const char *input, const char *expected) {
    static uint8_t in[IN_MAX + 256], want[256], out[256];
    memset(in, 0, sizeof in); /* precompiles read zeros beyond the input */
    size_t in_sz = unhex(in, IN_MAX, input), want_sz = unhex(want, sizeof want, expected);
    size_t out_sz = 0;
    memset(out, 0, sizeof out);
    if (!fn(out, &out_sz, in, in_sz))
        out_sz = 0;
    if (out_sz != want_sz || memcmp(out, want, want_sz) != 0)
        print_error("vector %s differs\n", name);
    assert_int_equal(out_sz, want_sz);
    assert_memory_equal(out, want, want_sz);
}

static void check_file(vector_fn fn, const char *name, size_t cnt_min) {
    char path[512];
    hd_test_fixture(path, sizeof path, name);
    struct json_object *all = json_object_from_file(path);
    assert_non_null(all);
    size_t cnt = json_object_array_length(all);
    assert_true(cnt >= cnt_min);
    for (size_t i = 0; i < cnt; i++) {
        struct json_object *o = json_object_array_get_idx(all, i);
        check_vector(fn, json_object_get_string(json_object_object_get(o, "Name")),
                     json_object_get_string(json_object_object_get(o, "Input")),
                     json_object_get_string(json_object_object_get(o, "Expected")));
    }
    json_object_put(all);
}

static int run_ecrecover(uint8_t *out, size_t *out_sz, const uint8_t *in, size_t in_sz) {
    uint8_t pub[64], hash[32];
    (void)in_sz;
    for (int i = 32; i < 63; i++)
        if (in[i] != 0)
            return 0;
    if ((in[63] != 27 && in[63] != 28) ||
        !hd_secp256k1_recover(pub, in, in + 64, in + 96, in[63] - 27u))
        return 0;
    hd_keccak256(hash, pub, 64);
    memcpy(out + 12, hash + 12, 20);
    *out_sz = 32;
    return 1;
}

static int run_p256(uint8_t *out, size_t *out_sz, const uint8_t *in, size_t in_sz) {
    out[31] = 1;
    *out_sz = 32;
    return in_sz == 160 && hd_p256_verify(in);
}

static int run_bn_add(uint8_t *out, size_t *out_sz, const uint8_t *in, size_t in_sz) {
    (void)in_sz;
    *out_sz = 64;
    return hd_bn254_add(out, in);
}

static int run_bn_mul(uint8_t *out, size_t *out_sz, const uint8_t *in, size_t in_sz) {
    (void)in_sz;
    *out_sz = 64;
    return hd_bn254_mul(out, in);
}

static int run_bn_pairing(uint8_t *out, size_t *out_sz, const uint8_t *in, size_t in_sz) {
    uint32_t is_one = 7;
    if (in_sz % 192 != 0 || !hd_bn254_pairing(&is_one, in, in_sz / 192))
        return 0;
    out[31] = (uint8_t)is_one;
    *out_sz = 32;
    return 1;
}

/* One case of each of go-ethereum's files, for machines without the fixtures. */
static void curves_give_the_known_answers(void **state) {
    (void)state;
    check_vector(run_ecrecover, "ecRecover ValidKey",
                 "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c00000000"
                 "0000000000000000000000000000000000000000000000000000001c73b1693892219d73"
                 "6caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75feeb940b1d03b21e36b0e47e7"
                 "9769f095fe2ab855bd91e3a38756b7d75a9c4549",
                 "000000000000000000000000a94f5374fce5edbc8e2a8697c15331677e6ebf0b");
    check_vector(run_p256, "p256Verify CallP256Verify",
                 "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4da73bd490"
                 "3f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac36dbcd03009df8c5"
                 "9286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d604aebd3099c618202fcfe16ae"
                 "7770b0c49ab5eadf74b754204a3bb6060e44eff37618b065f9832de4ca6ca971a7a1adc8"
                 "26d0f7c00181a5fb2ddf79ae00b4e10e",
                 "0000000000000000000000000000000000000000000000000000000000000001");
    check_vector(run_bn_add, "bn256Add chfast1",
                 "18b18acfb4c2c30276db5411368e7185b311dd124691610c5d3b74034e093dc9063c909c"
                 "4720840cb5134cb9f59fa749755796819658d32efc0d288198f3726607c2b7f58a84bd61"
                 "45f00c9c2bc0bb1a187f20ff2c92963a88019e7c6a014eed06614e20c147e940f2d70da3"
                 "f74c9a17df361706a4485c742bd6788478fa17d7",
                 "2243525c5efd4b9c3d3c45ac0ca3fe4dd85e830a4ce6b65fa1eeaee202839703301d1d33"
                 "be6da8e509df21cc35964723180eed7532537db9ae5e7d48f195c915");
    check_vector(run_bn_mul, "bn256ScalarMul chfast1",
                 "2bd3e6d0f3b142924f5ca7b49ce5b9d54c4703d7ae5648e61d02268b1a0a9fb721611ce0"
                 "a6af85915e2f1d70300909ce2e49dfad4a4619c8390cae66cefdb2040000000000000000"
                 "0000000000000000000000000000000011138ce750fa15c2",
                 "070a8d6a982153cae4be29d434e8faef8a47b274a053f5a4ee2a6c9c13c31e5c031b8ce9"
                 "14eba3a9ffb989f9cdd5b0f01943074bf4f0f315690ec3cec6981afc");
    check_vector(run_bn_pairing, "bn256Pairing jeff1",
                 "1c76476f4def4bb94541d57ebba1193381ffa7aa76ada664dd31c16024c43f593034dd29"
                 "20f673e204fee2811c678745fc819b55d3e9d294e45c9b03a76aef41209dd15ebff5d46c"
                 "4bd888e51a93cf99a7329636c63514396b4a452003a35bf704bf11ca01483bfa8b34b435"
                 "61848d28905960114c8ac04049af4b6315a416782bb8324af6cfc93537a2ad1a445cfd0c"
                 "a2a71acd7ac41fadbf933c2a51be344d120a2a4cf30c1bf9845f20c6fe39e07ea2cce61f"
                 "0c9bb048165fe5e4de877550111e129f1cf1097710d41c4ac70fcdfa5ba2023c6ff1cbea"
                 "c322de49d1b6df7c2032c61a830e3c17286de9462bf242fca2883585b93870a73853face"
                 "6a6bf411198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                 "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed090689d0"
                 "585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b12c85ea5db8c6deb"
                 "4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
                 "0000000000000000000000000000000000000000000000000000000000000001");
}

static void secp256k1_passes_geth_vectors(void **state) {
    (void)state;
    check_file(run_ecrecover, GETH "ecRecover.json", 5);
}

static void p256_passes_geth_vectors(void **state) {
    (void)state;
    check_file(run_p256, GETH "p256Verify.json", 700);
}

static void bn254_add_passes_geth_vectors(void **state) {
    (void)state;
    check_file(run_bn_add, GETH "bn256Add.json", 16);
}

static void bn254_mul_passes_geth_vectors(void **state) {
    (void)state;
    check_file(run_bn_mul, GETH "bn256ScalarMul.json", 19);
}

static void bn254_pairing_passes_geth_vectors(void **state) {
    (void)state;
    check_file(run_bn_pairing, GETH "bn256Pairing.json", 14);
}

/* ---- P-256 ---- */

/* A signature by OpenSSL over a random hash, laid out for the precompile. */
static void make_p256(uint8_t in[160], EVP_PKEY *key) {
    uint8_t der[80], point[65];
    size_t der_sz = sizeof der, point_sz = 0;
    fill_random(in, 32);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, der, &der_sz, in, 32), 1);
    EVP_PKEY_CTX_free(ctx);
    const uint8_t *at = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_sz);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), in + 32, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), in + 64, 32), 32);
    ECDSA_SIG_free(sig);
    assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                     sizeof point, &point_sz),
                     1);
    assert_int_equal(point_sz, 65);
    memcpy(in + 96, point + 1, 64);
}

static void p256_accepts_signatures_of_openssl(void **state) {
    (void)state;
    for (int k = 0; k < 10; k++) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        assert_non_null(key);
        for (int i = 0; i < 10; i++) {
            uint8_t in[160];
            make_p256(in, key);
            assert_int_equal(hd_p256_verify(in), 1);
            for (int field = 0; field < 5; field++) { /* any changed bit breaks it */
                uint8_t bit = (uint8_t)(1u << next_random() % 8);
                size_t off = 32 * (size_t)field + next_random() % 32;
                in[off] ^= bit;
                assert_int_equal(hd_p256_verify(in), 0);
                in[off] ^= bit;
            }
            assert_int_equal(hd_p256_verify(in), 1);
        }
        EVP_PKEY_free(key);
    }
}

static void p256_refuses_values_out_of_range(void **state) {
    (void)state;
    uint8_t good[160], in[160];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    hd_f256 n = hd_p256_n().m, p = *hd_p256_p(), x, s, zero;
    assert_non_null(key);
    make_p256(good, key);
    EVP_PKEY_free(key);
    memset(&zero, 0, sizeof zero);
    for (int field = 1; field < 5; field++) {
        memcpy(in, good, 160);
        hd_f256_store_be(in + 32 * field, &zero);
        assert_int_equal(hd_p256_verify(in), 0);
        hd_f256_store_be(in + 32 * field, field < 3 ? &n : &p);
        assert_int_equal(hd_p256_verify(in), 0);
        memset(in + 32 * field, 0xff, 32);
        assert_int_equal(hd_p256_verify(in), 0);
    }
    memcpy(in, good, 160);
    memset(in + 96, 0, 64);
    assert_int_equal(hd_p256_verify(in), 0);
    /* n - s is as good as s: the curve's own symmetry, which EIP-7951 leaves alone. */
    memcpy(in, good, 160);
    s = hd_f256_load_be(in + 64);
    hd_f256_sub_raw(&x, &n, &s);
    hd_f256_store_be(in + 64, &x);
    assert_int_equal(hd_p256_verify(in), 1);
}

static void p256_refuses_a_sum_at_infinity(void **state) {
    (void)state;
    /* With key G and r = -hash the sum (hash + r)/s * G is infinity, for any s. */
    uint8_t in[160];
    hd_f256 n = hd_p256_n().m, h, r;
    const uint64_t *g = hd_p256_g_table();
    hd_f256 x = hd_f256_make(g[3], g[2], g[1], g[0]), y = hd_f256_make(g[7], g[6], g[5], g[4]);
    hd_f256 one = hd_f256_make(0, 0, 0, 1);
    hd_p256_fp_mul(&x, &x, &one);
    hd_p256_fp_mul(&y, &y, &one);
    for (int i = 0; i < 20; i++) {
        fill_random(in, 160);
        in[0] = in[64] = 0;
        h = hd_f256_load_be(in);
        hd_f256_sub_raw(&r, &n, &h);
        hd_f256_store_be(in + 32, &r);
        hd_f256_store_be(in + 96, &x);
        hd_f256_store_be(in + 128, &y);
        assert_int_equal(hd_p256_verify(in), 0);
    }
}

/* ---- BN254 ---- */

/* (1, 2) and the second group's generator, as EIP-197 writes them. */
static void set_generators(uint8_t pair[192]) {
    memset(pair, 0, 64);
    pair[31] = 1;
    pair[63] = 2;
    unhex(pair + 64, 128,
          "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
          "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
          "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
          "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa");
}

static hd_f256 bn_order(void) {
    return hd_f256_make(0x30644e72e131a029ull, 0xb85045b68181585dull, 0x2833e84879b97091ull,
                        0x43e1f593f0000001ull);
}

static void g1_times(uint8_t out[64], const uint8_t pt[64], const hd_f256 *k) {
    uint8_t in[96];
    memcpy(in, pt, 64);
    hd_f256_store_be(in + 64, k);
    assert_int_equal(hd_bn254_mul(out, in), 1);
}

static void g2_store(uint8_t out[128], const hd_bn_g2_jac *a) {
    hd_bn_fp2 zi, zz, t;
    memset(out, 0, 128);
    if (hd_bn_fp2_is_zero(&a->z))
        return;
    hd_bn_fp2_inv(&zi, &a->z);
    hd_bn_fp2_sqr(&zz, &zi);
    hd_bn_fp2_mul(&t, &a->x, &zz);
    hd_bn_fp_store(out, &t.c1);
    hd_bn_fp_store(out + 32, &t.c0);
    hd_bn_fp2_mul(&zz, &zz, &zi);
    hd_bn_fp2_mul(&t, &a->y, &zz);
    hd_bn_fp_store(out + 64, &t.c1);
    hd_bn_fp_store(out + 96, &t.c0);
}

/* Plain double-and-add, for comparison with whatever is quicker. */
static void g2_times(hd_bn_g2_jac *r, const hd_bn_g2_jac *q, const hd_f256 *k) {
    hd_bn_g2_jac base = *q;
    hd_zero(r, sizeof *r);
    for (uint32_t i = 256; i-- > 0;) {
        hd_bn_g2_double(r);
        if (hd_f256_bit(k, i))
            hd_bn_g2_add(r, &base);
    }
}

static void g2_from_bytes(hd_bn_g2_jac *r, const uint8_t in[128]) {
    assert_true(hd_bn_fp_load(&r->x.c1, in) && hd_bn_fp_load(&r->x.c0, in + 32) &&
                hd_bn_fp_load(&r->y.c1, in + 64) && hd_bn_fp_load(&r->y.c0, in + 96));
    r->z = hd_bn_fp2_make(hd_bn_one(), hd_bn_zero());
}

/* A point of the twist, x = 1 + 2i, outside the subgroup. */
static void set_stray_g2(uint8_t out[128]) {
    unhex(out, 128,
          "0000000000000000000000000000000000000000000000000000000000000002"
          "0000000000000000000000000000000000000000000000000000000000000001"
          "1b2a1855a4e18488457f136e6ecb627341346445800ed2ed6ab74dc9af538a66"
          "05202d732f082c817c10572228d33ffff38c112711b9b854f4e301b1c254340c");
}

static void bn254_addition_and_multiplication_agree(void **state) {
    (void)state;
    uint8_t g[192], a[64], b[64], c[64], sum[128], zero[64] = {0};
    hd_f256 r = bn_order();
    set_generators(g);
    g1_times(a, g, &r);
    assert_memory_equal(a, zero, 64); /* r*G is infinity */
    memcpy(sum, g, 64);
    memset(sum + 64, 0, 64);
    assert_int_equal(hd_bn254_add(a, sum), 1);
    assert_memory_equal(a, g, 64); /* P + 0 */
    memcpy(sum + 64, sum, 64);
    assert_int_equal(hd_bn254_add(a, sum), 1);
    hd_f256 two = hd_f256_make(0, 0, 0, 2);
    g1_times(b, g, &two);
    assert_memory_equal(a, b, 64); /* P + P = 2P */
    for (int i = 0; i < 100; i++) {
        hd_f256 x = random_f256(), y = random_f256(), z;
        x.w[3] >>= 1; /* x + y must not wrap */
        y.w[3] >>= 1;
        hd_f256_add_raw(&z, &x, &y);
        g1_times(a, g, &x);
        g1_times(b, g, &y);
        g1_times(c, g, &z);
        memcpy(sum, a, 64);
        memcpy(sum + 64, b, 64);
        assert_int_equal(hd_bn254_add(sum, sum), 1);
        assert_memory_equal(sum, c, 64);
        hd_f256 minus = r;
        minus.w[0] -= 1; /* P + (r-1)P = 0 */
        memcpy(sum, a, 64);
        g1_times(sum + 64, a, &minus);
        assert_int_equal(hd_bn254_add(b, sum), 1);
        assert_memory_equal(b, zero, 64);
    }
}

static void bn254_refuses_malformed_points(void **state) {
    (void)state;
    uint8_t g[192], in[192], out[64], before[64];
    uint32_t is_one = 9;
    hd_f256 p = *hd_bn_p(), x;
    memset(out, 0x5a, 64);
    memset(before, 0x5a, 64);
    set_generators(g);
    for (size_t off = 0; off < 192; off += 32) {
        /* The same residue, but not below p. */
        memcpy(in, g, 192);
        x = hd_f256_load_be(in + off);
        hd_f256_add_raw(&x, &x, &p);
        hd_f256_store_be(in + off, &x);
        assert_int_equal(hd_bn254_pairing(&is_one, in, 1), 0);
        memcpy(in, g, 192);
        in[off + 31] ^= 1; /* off the curve */
        assert_int_equal(hd_bn254_pairing(&is_one, in, 1), 0);
        memset(in + off, 0xff, 32);
        assert_int_equal(hd_bn254_pairing(&is_one, in, 1), 0);
        /* A zero for infinity must be all zero. */
        memset(in + (off < 64 ? 0 : 64), 0, off < 64 ? 64 : 128);
        in[off + 31] = 1;
        assert_int_equal(hd_bn254_pairing(&is_one, in, 1), 0);
        memset(in, 0, 192);
        hd_f256_store_be(in + off, &p);
        assert_int_equal(hd_bn254_pairing(&is_one, in, 1), 0);
    }
    for (size_t off = 0; off < 128; off += 32) {
        memcpy(in, g, 64);
        memcpy(in + 64, g, 64);
        in[off + 31] ^= 4;
        assert_int_equal(hd_bn254_add(out, in), 0);
        if (off < 64)
            assert_int_equal(hd_bn254_mul(out, in), 0);
        memset(in + 32 * (off / 32), 0, 32);
        hd_f256_store_be(in + off, &p);
        assert_int_equal(hd_bn254_add(out, in), 0);
    }
    assert_memory_equal(out, before, 64);
    assert_int_equal(is_one, 9);
    /* The bad one is found wherever it stands, infinity beside it or not. */
    memset(in, 0, 192);
    set_stray_g2(in + 64);
    assert_int_equal(hd_bn254_pairing(&is_one, in, 1), 0);
    uint8_t two[384];
    memcpy(two, g, 192);
    memcpy(two + 192, in, 192);
    assert_int_equal(hd_bn254_pairing(&is_one, two, 2), 0);
    assert_int_equal(is_one, 9);
}

static void bn254_subgroup_check_is_multiplication_by_r(void **state) {
    (void)state;
    uint8_t g[192], stray[128], bytes[128];
    hd_bn_g2_jac gen, t, a, b, m;
    hd_f256 r = bn_order();
    uint32_t in_cnt = 0;
    set_generators(g);
    set_stray_g2(stray);
    g2_from_bytes(&gen, g + 64);
    g2_from_bytes(&t, stray);
    for (int i = 0; i < 30; i++) {
        hd_f256 k = random_f256(), j = random_f256();
        if (i % 3 == 0)
            hd_zero(&j, sizeof j); /* no share of the stray point */
        else if (i % 3 == 1)
            hd_zero(&k, sizeof k), j.w[3] = 0, hd_f256_add_raw(&j, &j, &r); /* or little else */
        g2_times(&a, &gen, &k);
        g2_times(&b, &t, &j);
        if (i % 6 == 5) /* of an order that divides the cofactor */
            g2_times(&a, &t, &r), hd_zero(&b, sizeof b);
        hd_bn_g2_add(&a, &b);
        if (hd_bn_fp2_is_zero(&a.z))
            continue;
        g2_times(&m, &a, &r);
        g2_store(bytes, &a);
        hd_bn_g2 q;
        int is_in = hd_bn_g2_load(&q, bytes);
        assert_int_equal(is_in, hd_bn_fp2_is_zero(&m.z));
        in_cnt += (uint32_t)is_in;
    }
    assert_in_range(in_cnt, 5, 25);
}

static void bn254_pairing_is_bilinear(void **state) {
    (void)state;
    uint8_t pairs[384], g[192], pt[64];
    hd_bn_g2_jac gen, q;
    hd_f256_mod r; /* scalars modulo the order */
    uint32_t is_one = 9;
    set_generators(g);
    g2_from_bytes(&gen, g + 64);
    r.m = bn_order();
    assert_int_equal(hd_bn254_pairing(&is_one, g, 0), 1);
    assert_int_equal(is_one, 1);
    assert_int_equal(hd_bn254_pairing(&is_one, g, 1), 1);
    assert_int_equal(is_one, 0); /* not degenerate */
    for (int i = 0; i < 8; i++) {
        /* e(aP, bQ) * e(-abP, Q) = 1, and with another factor it is not. */
        hd_f256 a = random_f256(), b = random_f256();
        a.w[3] >>= 3;
        b.w[3] >>= 3;
        g1_times(pairs, g, &a);
        g2_times(&q, &gen, &b);
        g2_store(pairs + 64, &q);
        g1_times(pt, pairs, &b); /* b*(a*P) */
        hd_f256 minus = r.m;
        minus.w[0] -= 1;
        g1_times(pairs + 192, pt, &minus);
        memcpy(pairs + 256, g + 64, 128);
        assert_int_equal(hd_bn254_pairing(&is_one, pairs, 2), 1);
        assert_int_equal(is_one, 1);
        minus.w[0] -= 1;
        g1_times(pairs + 192, pt, &minus);
        assert_int_equal(hd_bn254_pairing(&is_one, pairs, 2), 1);
        assert_int_equal(is_one, hd_f256_is_zero(&a) || hd_f256_is_zero(&b));
    }
}

static void bn254_infinity_pairs_count_as_one(void **state) {
    (void)state;
    uint8_t pairs[192 * 3];
    uint32_t is_one = 9;
    memset(pairs, 0, sizeof pairs);
    set_generators(pairs);
    set_generators(pairs + 192);
    memset(pairs, 0, 64);             /* 0 with Q */
    memset(pairs + 192 + 64, 0, 128); /* P with 0, then 0 with 0 */
    assert_int_equal(hd_bn254_pairing(&is_one, pairs, 3), 1);
    assert_int_equal(is_one, 1);
    set_generators(pairs + 384);
    assert_int_equal(hd_bn254_pairing(&is_one, pairs, 3), 1);
    assert_int_equal(is_one, 0);
}

static void bn254_cyclotomic_square_is_the_square(void **state) {
    (void)state;
    hd_bn_fp12 f, t, s;
    uint8_t g[192];
    hd_bn_g1 p;
    hd_bn_g2 q;
    set_generators(g);
    assert_true(hd_bn_g1_load(&p, g) && hd_bn_g2_load(&q, g + 64));
    hd_bn_miller(&f, &p, &q);
    hd_bn_fp12_inv(&t, &f); /* the easy part leads into the subgroup */
    hd_bn_fp12_mul(&s, &t, &f);
    assert_true(hd_bn_fp12_is_one(&s));
    hd_bn_fp12_conj(&f, &f);
    hd_bn_fp12_mul(&f, &f, &t);
    hd_bn_fp12_frob(&t, &f);
    hd_bn_fp12_frob(&s, &t);
    hd_bn_fp12_mul(&f, &f, &s);
    for (int i = 0; i < 20; i++) {
        hd_bn_fp12_mul(&t, &f, &f);
        hd_bn_fp12_sqr(&s, &f);
        assert_memory_equal(&s, &t, sizeof s);
        s = f;
        hd_bn_fp12_cyc_sqr(&s);
        assert_memory_equal(&s, &t, sizeof s);
        f = s;
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(f256_all_ways_to_multiply_agree),
    cmocka_unit_test(f256_all_ways_to_reduce_agree),
    cmocka_unit_test(f256_secp256k1_field_matches_big_numbers),
    cmocka_unit_test(f256_inverse_times_value_is_one),
    cmocka_unit_test_setup_teardown(secp256k1_recovers_what_the_library_recovers, open_secp,
                                    close_secp),
    cmocka_unit_test_setup_teardown(secp256k1_agrees_on_garbage, open_secp, close_secp),
    cmocka_unit_test_setup_teardown(secp256k1_refuses_r_and_s_out_of_range, open_secp, close_secp),
    cmocka_unit_test_setup_teardown(secp256k1_refuses_a_key_at_infinity, open_secp, close_secp),
    cmocka_unit_test_setup_teardown(secp256k1_multiplies_g_by_special_scalars, open_secp,
                                    close_secp),
    cmocka_unit_test(curves_give_the_known_answers),
    cmocka_unit_test(secp256k1_passes_geth_vectors),
    cmocka_unit_test(p256_passes_geth_vectors),
    cmocka_unit_test(bn254_add_passes_geth_vectors),
    cmocka_unit_test(bn254_mul_passes_geth_vectors),
    cmocka_unit_test(bn254_pairing_passes_geth_vectors),
    cmocka_unit_test(p256_accepts_signatures_of_openssl),
    cmocka_unit_test(p256_refuses_values_out_of_range),
    cmocka_unit_test(p256_refuses_a_sum_at_infinity),
    cmocka_unit_test(bn254_addition_and_multiplication_agree),
    cmocka_unit_test(bn254_refuses_malformed_points),
    cmocka_unit_test(bn254_subgroup_check_is_multiplication_by_r),
    cmocka_unit_test(bn254_pairing_is_bilinear),
    cmocka_unit_test(bn254_infinity_pairs_count_as_one),
    cmocka_unit_test(bn254_cyclotomic_square_is_the_square),
};

HD_TEST_MAIN(tests)
