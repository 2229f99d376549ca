/* test_bls.c - BLS12-381 and KZG: official vectors, and the group laws that they cannot cover */
#include "hd_test.h"

#include <json-c/json.h>

#include "crypto/hd_bls12381.h"
#include "crypto/hd_kzg.h"
#include "crypto/hd_sha256.h"

#define INPUT_SZ_MAX (1u << 20)

/* ---- helpers ---- */

static uint64_t rng_state = 0x1234567u;

static uint64_t rng(void) {
    rng_state += 0x9e3779b97f4a7c15u;
    uint64_t z = rng_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void rng_fill(uint8_t *p, size_t sz) {
    for (size_t i = 0; i < sz; i++)
        p[i] = (uint8_t)rng();
}

static size_t unhex(uint8_t *out, size_t out_sz, const char *s) {
    size_t sz = strlen(s) / 2;
    assert_true(sz <= out_sz);
    for (size_t i = 0; i < sz; i++) {
        unsigned v = 0;
        assert_int_equal(sscanf(s + 2 * i, "%2x", &v), 1);
        out[i] = (uint8_t)v;
    }
    return sz;
}

static void random_fp(hd_bls_fp *r) {
    uint8_t b[48];
    do {
        rng_fill(b, sizeof(b));
        b[0] &= 0x1f;
    } while (!hd_bls_fp_read(r, b));
}

static void random_fp12(hd_bls_fp12 *r) {
    hd_bls_fp *c = &r->c0.c0.c0;
    for (int i = 0; i < 12; i++)
        random_fp(&c[i]);
}

/* Points of the curve, which are outside the subgroup but for one in 2^125 (E1), 2^127 (E2). */
static void random_e1(hd_bls_e1_affine *p) {
    hd_bls_fp g;
    do {
        random_fp(&p->x);
        hd_bls_fp_sqr(&g, &p->x);
        hd_bls_fp_mul(&g, &g, &p->x);
        hd_bls_e1_add_b(&g);
    } while (!hd_bls_fp_sqrt(&p->y, &g));
}

/* A root of x^3 + b, if there is one. */
static int solve_e2(hd_bls_e2_affine *p) {
    hd_bls_fp2 g;
    hd_bls_fp n, s;
    hd_bls_fp2_sqr(&g, &p->x);
    hd_bls_fp2_mul(&g, &g, &p->x);
    hd_bls_e2_add_b(&g);
    hd_bls_fp2_norm(&n, &g);
    if (!hd_bls_fp_sqrt(&s, &n))
        return 0;
    hd_bls_fp2_sqrt_norm(&p->y, &g, &s);
    return 1;
}

static void random_e2(hd_bls_e2_affine *p) {
    do {
        random_fp(&p->x.c0);
        random_fp(&p->x.c1);
    } while (!solve_e2(p));
}

/* Plain double-and-add, for any point and any scalar. */
static void slow_mul_e1(hd_bls_e1_affine *r, const hd_bls_e1_affine *p, const uint8_t *k,
                        size_t sz) {
    hd_bls_e1_point acc;
    hd_bls_e1_set_inf(&acc);
    for (size_t i = 0; i < 8 * sz; i++) {
        hd_bls_e1_dbl(&acc, &acc);
        if (k[i / 8] >> (7 - i % 8) & 1)
            hd_bls_e1_add_affine(&acc, &acc, p);
    }
    hd_bls_e1_to_affine(r, &acc);
}

static void slow_mul_e2(hd_bls_e2_affine *r, const hd_bls_e2_affine *p, const uint8_t *k,
                        size_t sz) {
    hd_bls_e2_point acc;
    hd_bls_e2_set_inf(&acc);
    for (size_t i = 0; i < 8 * sz; i++) {
        hd_bls_e2_dbl(&acc, &acc);
        if (k[i / 8] >> (7 - i % 8) & 1)
            hd_bls_e2_add_affine(&acc, &acc, p);
    }
    hd_bls_e2_to_affine(r, &acc);
}

static void order_bytes(uint8_t *out) {
    for (int i = 0; i < 32; i++)
        out[i] = hd_kzg_modulus_byte(i);
}

/* Points of the subgroups, made from the maps. */
static void random_g1(uint8_t *out) {
    uint8_t u[64] = {0};
    rng_fill(u + 17, 47);
    assert_int_equal(hd_bls_map_fp_to_g1(out, u), 1);
}

static void random_g2(uint8_t *out) {
    uint8_t u[128] = {0};
    rng_fill(u + 17, 47);
    rng_fill(u + 81, 47);
    assert_int_equal(hd_bls_map_fp2_to_g2(out, u), 1);
}

/* The scalars that a decomposition could get wrong, then random ones. */
static void nth_scalar(uint8_t *k, int n) {
    static const char *const edge[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "0000000000000000000000000000000000000000000000000000000000000010",
        "000000000000000000000000000000000000000000000000d201000000010000",
        "000000000000000000000000000000000000000000000000d20100000000ffff",
        "00000000000000000000000000000000ac45a4010001a4020000000100000000",
        "00000000000000000000000000000000ac45a4010001a40200000000ffffffff",
        "00000000000000000000000000000000ffffffffffffffffffffffffffffffff",
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000",
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000002",
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfefffffffe00000001",
        "e7db4ea6533afa906673b0101343b00aa77b4805fffcb7fdfffffffe00000002",
        "e7db4ea6533afa906673b0101343b00aa77b4805fffcb7fdfffffffe00000001",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    if (n < (int)(sizeof(edge) / sizeof(edge[0])))
        (void)unhex(k, 32, edge[n]);
    else
        rng_fill(k, 32);
}

/* ---- official vectors ---- */

typedef enum { G1_ADD, G1_MSM, G2_ADD, G2_MSM, PAIRING, MAP_FP, MAP_FP2, KZG } precompile;

/* Runs a precompile on an input of any size; returns the output's size, 0 for a failure. */
static size_t call(precompile what, uint8_t *out, const uint8_t *in, size_t sz) {
    uint32_t is_one = 0;
    switch (what) {
    case G1_ADD: return sz == 256 && hd_bls_g1_add(out, in) ? 128 : 0;
    case G1_MSM: return sz % 160 == 0 && hd_bls_g1_msm(out, in, sz / 160) ? 128 : 0;
    case G2_ADD: return sz == 512 && hd_bls_g2_add(out, in) ? 256 : 0;
    case G2_MSM: return sz % 288 == 0 && hd_bls_g2_msm(out, in, sz / 288) ? 256 : 0;
    case MAP_FP: return sz == 64 && hd_bls_map_fp_to_g1(out, in) ? 128 : 0;
    case MAP_FP2: return sz == 128 && hd_bls_map_fp2_to_g2(out, in) ? 256 : 0;
    case KZG: return sz == 192 && hd_kzg_point_evaluation(out, in) ? 64 : 0;
    case PAIRING:
        if (sz % 384 || !hd_bls_pairing(&is_one, in, sz / 384))
            return 0;
        memset(out, 0, 32);
        out[31] = (uint8_t)is_one;
        return 32;
    }
    return 0;
}

/* Runs every case of a go-ethereum style file; a case without "Expected" must fail. */
static void run_file(precompile what, const char *folder, const char *name) {
    char path[600], file[300];
    snprintf(file, sizeof(file), "precompiles/%s/%s.json", folder, name);
    hd_test_fixture(path, sizeof(path), file);
    json_object *list = json_object_from_file(path);
    uint8_t *in = malloc(INPUT_SZ_MAX);
    assert_non_null(list);
    assert_non_null(in);
    size_t cnt = json_object_array_length(list);
    assert_true(cnt > 0);
    for (size_t i = 0; i < cnt; i++) {
        json_object *c = json_object_array_get_idx(list, i), *v;
        uint8_t want[256], out[256];
        size_t want_sz = 0;
        assert_true(json_object_object_get_ex(c, "Input", &v));
        size_t in_sz = unhex(in, INPUT_SZ_MAX, json_object_get_string(v));
        if (json_object_object_get_ex(c, "Expected", &v))
            want_sz = unhex(want, sizeof(want), json_object_get_string(v));
        size_t out_sz = call(what, out, in, in_sz);
        if (out_sz != want_sz || memcmp(out, want, want_sz) != 0) {
            print_error("%s: case %zu differs\n", file, i);
            fail();
        }
    }
    free(in);
    json_object_put(list);
}

#define EIP "eip-2537"
#define GETH "geth-core-vm-testdata/precompiles"

static void bls_g1_add_gives_the_official_sums(void **state) {
    (void)state;
    run_file(G1_ADD, EIP, "add_G1_bls");
    run_file(G1_ADD, EIP, "fail-add_G1_bls");
    run_file(G1_ADD, GETH, "blsG1Add");
    run_file(G1_ADD, GETH, "fail-blsG1Add");
}

static void bls_g2_add_gives_the_official_sums(void **state) {
    (void)state;
    run_file(G2_ADD, EIP, "add_G2_bls");
    run_file(G2_ADD, EIP, "fail-add_G2_bls");
    run_file(G2_ADD, GETH, "blsG2Add");
    run_file(G2_ADD, GETH, "fail-blsG2Add");
}

static void bls_g1_msm_gives_the_official_sums(void **state) {
    (void)state;
    run_file(G1_MSM, EIP, "mul_G1_bls");
    run_file(G1_MSM, EIP, "msm_G1_bls");
    run_file(G1_MSM, EIP, "fail-mul_G1_bls");
    run_file(G1_MSM, EIP, "fail-msm_G1_bls");
    run_file(G1_MSM, GETH, "blsG1Mul");
    run_file(G1_MSM, GETH, "blsG1MultiExp");
    run_file(G1_MSM, GETH, "fail-blsG1Mul");
    run_file(G1_MSM, GETH, "fail-blsG1MultiExp");
}

static void bls_g2_msm_gives_the_official_sums(void **state) {
    (void)state;
    run_file(G2_MSM, EIP, "mul_G2_bls");
    run_file(G2_MSM, EIP, "fail-mul_G2_bls");
    run_file(G2_MSM, EIP, "fail-msm_G2_bls");
    run_file(G2_MSM, GETH, "blsG2Mul");
    run_file(G2_MSM, GETH, "blsG2MultiExp");
    run_file(G2_MSM, GETH, "fail-blsG2Mul");
    run_file(G2_MSM, GETH, "fail-blsG2MultiExp");
}

static void bls_pairing_gives_the_official_answers(void **state) {
    (void)state;
    run_file(PAIRING, EIP, "pairing_check_bls");
    run_file(PAIRING, EIP, "fail-pairing_check_bls");
    run_file(PAIRING, GETH, "blsPairing");
    run_file(PAIRING, GETH, "fail-blsPairing");
}

static void bls_maps_give_the_official_points(void **state) {
    (void)state;
    run_file(MAP_FP, EIP, "map_fp_to_G1_bls");
    run_file(MAP_FP, EIP, "fail-map_fp_to_G1_bls");
    run_file(MAP_FP, GETH, "blsMapG1");
    run_file(MAP_FP, GETH, "fail-blsMapG1");
    run_file(MAP_FP2, EIP, "map_fp2_to_G2_bls");
    run_file(MAP_FP2, EIP, "fail-map_fp2_to_G2_bls");
    run_file(MAP_FP2, GETH, "blsMapG2");
    run_file(MAP_FP2, GETH, "fail-blsMapG2");
}

static void kzg_accepts_the_official_proof(void **state) {
    (void)state;
    run_file(KZG, GETH, "pointEvaluation");
}

/* The same without files: a case of each map from EIP-2537, and geth's point evaluation. */
static void bls_and_kzg_agree_with_inlined_vectors(void **state) {
    uint8_t in[192], want[256], out[256];
    (void)state;
    size_t sz = unhex(in, sizeof(in),
                      "00000000000000000000000000000000156c8a6a2c184569d69a76be144b5cdc"
                      "5141d2d2ca4fe341f011e25e3969c55ad9e9b9ce2eb833c81a908e5fa4ac5f03");
    unhex(want, sizeof(want),
          "00000000000000000000000000000000184bb665c37ff561a89ec2122dd343f2"
          "0e0f4cbcaec84e3c3052ea81d1834e192c426074b02ed3dca4e7676ce4ce48ba"
          "0000000000000000000000000000000004407b8d35af4dacc809927071fc0405"
          "218f1401a6d15af775810e4e460064bcc9468beeba82fdc751be70476c888bf3");
    assert_int_equal(call(MAP_FP, out, in, sz), 128);
    assert_memory_equal(out, want, 128);
    sz = unhex(in, sizeof(in),
               "0000000000000000000000000000000007355d25caf6e7f2f0cb2812ca0e513b"
               "d026ed09dda65b177500fa31714e09ea0ded3a078b526bed3307f804d4b93b04"
               "0000000000000000000000000000000002829ce3c021339ccb5caf3e187f6370"
               "e1e2a311dec9b75363117063ab2015603ff52c3d3b98f19c2f65575e99e8b78c");
    unhex(want, sizeof(want),
          "0000000000000000000000000000000000e7f4568a82b4b7dc1f14c6aaa055ed"
          "f51502319c723c4dc2688c7fe5944c213f510328082396515734b6612c4e7bb7"
          "00000000000000000000000000000000126b855e9e69b1f691f816e48ac69776"
          "64d24d99f8724868a184186469ddfd4617367e94527d4b74fc86413483afb35b"
          "000000000000000000000000000000000caead0fd7b6176c01436833c79d305c"
          "78be307da5f6af6c133c47311def6ff1e0babf57a0fb5539fce7ee12407b0a42"
          "000000000000000000000000000000001498aadcf7ae2b345243e281ae076df6"
          "de84455d766ab6fcdaad71fab60abb2e8b980a440043cd305db09d283c895e3d");
    assert_int_equal(call(MAP_FP2, out, in, sz), 256);
    assert_memory_equal(out, want, 256);
    sz = unhex(in, sizeof(in),
               "01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b"
               "564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306"
               "24d25032e67a7e6a4910df5834b8fe70e6bcfeeac0352434196bdf4b2485d5a1"
               "8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca2"
               "5f26936857bc3a7c2539ea8ec3a952b7873033e038326e87ed3e1276fd140253"
               "fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad446cbc7bcdbdcd780af2c16a");
    unhex(want, sizeof(want),
          "0000000000000000000000000000000000000000000000000000000000001000"
          "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    assert_int_equal(call(KZG, out, in, sz), 64);
    assert_memory_equal(out, want, 64);
    in[64] ^= 1; /* another value */
    assert_int_equal(call(KZG, out, in, sz), 0);
}

/* ---- fields ---- */

/* a * b * 2^-384 mod p by halving, one bit at a time: slow, and plain enough to trust. */
static void slow_mont_mul(hd_bls_fp *r, const hd_bls_fp *a, const hd_bls_fp *b) {
    static const uint64_t p[6] = {HD_BLS_P0, HD_BLS_P1, HD_BLS_P2, HD_BLS_P3, HD_BLS_P4, HD_BLS_P5};
    hd_bls_fp t;
    memset(&t, 0, sizeof(t));
    for (int bit = 0; bit < 384; bit++) {
        if (b->w[bit / 64] >> (bit % 64) & 1)
            hd_bls_fp_add(&t, &t, a);
        uint64_t is_odd = t.w[0] & 1; /* t + p is then even, and below 2p */
        unsigned __int128 sum = 0;
        for (int i = 0; i < 6; i++) {
            sum += (unsigned __int128)t.w[i] + (is_odd ? p[i] : 0);
            t.w[i] = (uint64_t)sum;
            sum >>= 64;
        }
        for (int i = 0; i < 6; i++)
            t.w[i] = t.w[i] >> 1 | (i < 5 ? t.w[i + 1] << 63 : 0);
    }
    *r = t;
}

static void bls_field_products_agree_with_bitwise_ones(void **state) {
    (void)state;
    hd_bls_fp edge[4];
    memset(edge, 0, sizeof(edge));
    edge[1].w[0] = 1;
    hd_bls_fp_neg(&edge[2], &edge[1]); /* p - 1 as limbs */
    hd_bls_fp_one(&edge[3]);
    for (int n = 0; n < 400; n++) {
        hd_bls_fp a, b, c, d, r, s, t;
        random_fp(&a);
        random_fp(&b);
        random_fp(&c);
        random_fp(&d);
        if (n < 256) {
            a = edge[n & 3];
            b = edge[n >> 2 & 3];
            c = edge[n >> 4 & 3];
            d = edge[n >> 6 & 3];
        }
        slow_mont_mul(&s, &a, &b);
        hd_bls_fp_mul(&r, &a, &b);
        assert_memory_equal(&r, &s, sizeof(r));
        slow_mont_mul(&t, &c, &d);
        hd_bls_fp_add(&s, &s, &t);
        hd_bls_fp_mul_sum(&r, &a, &b, &c, &d);
        assert_memory_equal(&r, &s, sizeof(r));
    }
}

static void bls_inverses_multiply_to_one(void **state) {
    (void)state;
    for (int n = 0; n < 20; n++) {
        hd_bls_fp12 a, b;
        random_fp12(&a);
        hd_bls_fp12_inv(&b, &a);
        hd_bls_fp12_mul(&b, &b, &a);
        assert_true(hd_bls_fp12_is_one(&b));
        hd_bls_fp x = a.c0.c0.c0, y, one;
        hd_bls_fp_inv(&y, &x);
        hd_bls_fp_mul(&y, &y, &x);
        hd_bls_fp_one(&one);
        assert_true(hd_bls_fp_is_equal(&y, &one));
    }
    hd_bls_fp zero;
    memset(&zero, 0, sizeof(zero));
    hd_bls_fp_inv(&zero, &zero);
    assert_true(hd_bls_fp_is_zero(&zero));
}

static void bls_frobenius_is_the_power_p(void **state) {
    static const uint64_t p[6] = {HD_BLS_P0, HD_BLS_P1, HD_BLS_P2, HD_BLS_P3, HD_BLS_P4, HD_BLS_P5};
    hd_bls_fp12 a, t, f;
    (void)state;
    random_fp12(&a);
    hd_bls_fp12_one(&t);
    for (int i = 383; i >= 0; i--) {
        hd_bls_fp12_sqr(&t, &t);
        if (p[i / 64] >> (i % 64) & 1)
            hd_bls_fp12_mul(&t, &t, &a);
    }
    hd_bls_fp12_frobenius(&f, &a);
    assert_memory_equal(&f, &t, sizeof(f));
}

static void bls_cyclotomic_square_is_the_square(void **state) {
    hd_bls_fp12 a, b, c;
    (void)state;
    random_fp12(&a);
    hd_bls_fp12_inv(&b, &a); /* to the power (p^6 - 1)(p^2 + 1) */
    hd_bls_fp12_conj(&a, &a);
    hd_bls_fp12_mul(&a, &a, &b);
    hd_bls_fp12_frobenius(&b, &a);
    hd_bls_fp12_frobenius(&b, &b);
    hd_bls_fp12_mul(&a, &a, &b);
    hd_bls_fp12_cyclo_sqr(&b, &a);
    hd_bls_fp12_sqr(&c, &a);
    assert_memory_equal(&b, &c, sizeof(b));
    hd_bls_fp12_mul(&c, &a, &a);
    assert_memory_equal(&b, &c, sizeof(b));
}

static void bls_square_roots_in_fp2_square_back(void **state) {
    (void)state;
    for (int n = 0; n < 40; n++) {
        hd_bls_fp2 a, b, r;
        hd_bls_fp m, s;
        random_fp(&a.c0);
        random_fp(&a.c1);
        if (n & 1)
            memset(&a.c1, 0, sizeof(a.c1)); /* real or, below, minus a square */
        if (n % 4 >= 2)
            memset(&a.c0, 0, sizeof(a.c0));
        hd_bls_fp2_sqr(&b, &a);
        hd_bls_fp2_norm(&m, &b);
        assert_true(hd_bls_fp_sqrt(&s, &m));
        for (int sign = 0; sign < 2; sign++) {
            hd_bls_fp2_sqrt_norm(&r, &b, &s);
            hd_bls_fp2_sqr(&r, &r);
            assert_true(hd_bls_fp2_is_equal(&r, &b));
            hd_bls_fp_neg(&s, &s);
        }
    }
}

/* ---- groups ---- */

/* Points outside the subgroup, among them some of small order, where an endomorphism could deceive:
   the cofactor of E1 is 3 (11 * 10177 * 859267 * 52437899)^2, all of exponent HD_BLS_X + 1; that
   of E2 has the factors 13^2, 23^2 and 2713. */
static void bls_subgroup_checks_agree_with_multiplication_by_the_order(void **state) {
    static const char *const e1_part[] = {
        "d201000000010001", /* the exponent itself */
        "460055555555aaab", /* divided by 3 */
        "13175d1745d18ba3", /* and by 11 */
    };
    static const char *const e2_part[] = {
        /* the cofactor divided by 13^2, 23^2 and 2713 */
        "0008d5fc7522f6c4d5a3c5663541d68b60a5f9bdc250555d81be2a9b0c648304"
        "5a5b213dcb71085945e0aef29c5e8629edf4046db800a8373336b3150941cfdd",
        "0002d2a367b86ae74a8af1a258a2d34cf3528b4f0309b1c647efceb33a28d243"
        "b0771fe9a3b739d5ddb42e36473f96c739a13152f610a9e2359fc03a804bb595",
        "00008ce7b7a81050c45e1694f20cb022ea16fbbdc8d346b59e4dcdcfe8e6158f"
        "82a7fa0cd0483e83d0bcd89a93e2689ae8e3cb6f1a5ef7b36bbddd1b8ae8bc2d",
    };
    uint8_t order[32], k[64], in[256];
    int small_cnt = 0;
    (void)state;
    order_bytes(order);
    for (int n = 0; n < 12; n++) {
        hd_bls_e1_affine p, q, t;
        hd_bls_e2_affine p2, q2, t2;
        random_e1(&p);
        slow_mul_e1(&q, &p, order, 32);
        assert_false(hd_bls_e1_affine_is_inf(&q));
        assert_false(hd_bls_e1_is_in_subgroup(&p));
        assert_false(hd_bls_e1_is_in_subgroup(&q)); /* its order divides the cofactor */
        random_e2(&p2);
        slow_mul_e2(&q2, &p2, order, 32);
        assert_false(hd_bls_e2_affine_is_inf(&q2));
        assert_false(hd_bls_e2_is_in_subgroup(&p2));
        assert_false(hd_bls_e2_is_in_subgroup(&q2));
        for (int i = 0; i < 3; i++) {
            slow_mul_e1(&t, &q, k, unhex(k, sizeof(k), e1_part[i]));
            assert_int_equal(hd_bls_e1_is_in_subgroup(&t), hd_bls_e1_affine_is_inf(&t));
            assert_true(i > 0 || hd_bls_e1_affine_is_inf(&t));
            small_cnt += i > 0 && !hd_bls_e1_affine_is_inf(&t);
            slow_mul_e2(&t2, &q2, k, unhex(k, sizeof(k), e2_part[i]));
            assert_int_equal(hd_bls_e2_is_in_subgroup(&t2), hd_bls_e2_affine_is_inf(&t2));
            small_cnt += !hd_bls_e2_affine_is_inf(&t2);
        }
        slow_mul_e1(&t, &p, k, unhex(k, sizeof(k), e1_part[0])); /* clears the cofactor */
        assert_true(hd_bls_e1_is_in_subgroup(&t));
        slow_mul_e1(&t, &t, order, 32);
        assert_true(hd_bls_e1_affine_is_inf(&t));
        random_g1(in);
        assert_true(hd_bls_e1_read(&p, in));
        assert_true(hd_bls_e1_is_in_subgroup(&p));
        slow_mul_e1(&q, &p, order, 32);
        assert_true(hd_bls_e1_affine_is_inf(&q));
        random_g2(in);
        assert_true(hd_bls_e2_read(&p2, in));
        assert_true(hd_bls_e2_is_in_subgroup(&p2));
        slow_mul_e2(&q2, &p2, order, 32);
        assert_true(hd_bls_e2_affine_is_inf(&q2));
    }
    assert_true(small_cnt > 30); /* most parts exist in most points */
}

static void bls_cofactors_are_cleared_by_the_rfcs_multiples(void **state) {
    uint8_t h1[8], h2[80];
    (void)state;
    unhex(h1, sizeof(h1), "d201000000010001");
    size_t h2_sz = unhex(h2, sizeof(h2),
                         "0bc69f08f2ee75b3584c6a0ea91b352888e2a8e9145ad7689986ff031508ffe1"
                         "329c2f178731db956d82bf015d1212b02ec0ec69d7477c1ae954cbc06689f6a3"
                         "59894c0adebbf6b4e8020005aaa95551");
    for (int n = 0; n < 4; n++) {
        hd_bls_e1_affine p, q;
        hd_bls_e1_point t;
        random_e1(&p);
        slow_mul_e1(&q, &p, h1, sizeof(h1));
        hd_bls_e1_from_affine(&t, &p);
        hd_bls_g1_clear_cofactor(&t, &t);
        assert_true(hd_bls_e1_is_same(&q, &t));
        hd_bls_e2_affine p2, q2;
        hd_bls_e2_point t2;
        random_e2(&p2);
        slow_mul_e2(&q2, &p2, h2, h2_sz);
        hd_bls_e2_from_affine(&t2, &p2);
        hd_bls_g2_clear_cofactor(&t2, &t2);
        assert_true(hd_bls_e2_is_same(&q2, &t2));
    }
}

/* r[0, cnt) = low + high * base over 64-bit words. */
static void recombine(uint64_t *r, int cnt, const uint64_t *low, const uint64_t *high,
                      const uint64_t *base, int base_cnt) {
    for (int i = 0; i < cnt; i++)
        r[i] = i < base_cnt ? low[i] : 0;
    for (int i = 0; i < base_cnt; i++) {
        uint64_t carry = 0;
        for (int j = 0; i + j < cnt; j++) {
            unsigned __int128 v = (unsigned __int128)high[i] * (j < base_cnt ? base[j] : 0);
            v += (unsigned __int128)r[i + j] + carry;
            r[i + j] = (uint64_t)v;
            carry = (uint64_t)(v >> 64);
        }
    }
}

static void bls_scalars_split_into_digits_that_recombine(void **state) {
    static const uint64_t x[1] = {HD_BLS_X}, xx[2] = {0x100000000u, 0xac45a4010001a402u};
    (void)state;
    for (int n = 0; n < 20000; n++) {
        uint8_t in[32];
        uint64_t want[4], k[4], d[4], r[4];
        nth_scalar(in, n);
        hd_bls_scalar_read(want, in);
        hd_bls_e1_split(k, in);
        recombine(r, 4, k, k + 2, xx, 2);
        assert_memory_equal(r, want, 32);
        for (int i = 0; i < 4; i += 2) /* each below the base */
            assert_true(k[i + 1] < xx[1] || (k[i + 1] == xx[1] && k[i] < xx[0]));
        hd_bls_e2_split(d, in);
        for (int i = 0; i < 4; i += 2) {
            recombine(r, 2, d + i, d + i + 1, x, 1);
            assert_memory_equal(r, k + i, 16);
            assert_true(d[i] < HD_BLS_X && d[i + 1] < HD_BLS_X);
        }
    }
}

static void bls_multiples_agree_with_double_and_add(void **state) {
    uint8_t g1[128], g2[256];
    hd_bls_e1_affine p1, q1;
    hd_bls_e2_affine p2, q2;
    (void)state;
    random_g1(g1);
    random_g2(g2);
    assert_true(hd_bls_e1_read(&p1, g1) && hd_bls_e2_read(&p2, g2));
    for (int n = 0; n < 40; n++) {
        uint8_t s[32];
        uint64_t k[4];
        hd_bls_e1_point t1;
        hd_bls_e2_point t2;
        nth_scalar(s, n);
        slow_mul_e1(&q1, &p1, s, 32);
        hd_bls_e1_split(k, s);
        hd_bls_e1_mul(&t1, &p1, k);
        assert_true(hd_bls_e1_is_same(&q1, &t1));
        slow_mul_e2(&q2, &p2, s, 32);
        hd_bls_e2_split(k, s);
        hd_bls_e2_mul(&t2, &p2, k);
        assert_true(hd_bls_e2_is_same(&q2, &t2));
    }
}

/* Fills terms with points that repeat, oppose each other or are at infinity. */
static void awkward_terms(uint8_t *in, size_t cnt, size_t point_sz,
                          void (*random_point)(uint8_t *)) {
    for (size_t i = 0; i < cnt; i++) {
        uint8_t *term = in + i * (point_sz + 32);
        const uint8_t *last = i ? term - point_sz - 32 : term;
        nth_scalar(term + point_sz, (int)(rng() % 25));
        switch (i ? rng() % 4 : 0) {
        case 0: random_point(term); break;
        case 1: memset(term, 0, point_sz); break;
        case 2: memcpy(term, last, point_sz + 32); break;
        default: memcpy(term, last, point_sz); break;
        }
    }
}

static void bls_sums_with_buckets_agree_with_single_terms(void **state) {
    static uint8_t in[40 * 288];
    (void)state;
    for (size_t cnt = 1; cnt <= 40; cnt += cnt < 16 ? 1 : 8) {
        uint8_t out[256], one[512];
        awkward_terms(in, cnt, 128, random_g1);
        memset(one, 0, sizeof(one));
        for (size_t i = 0; i < cnt; i++) {
            assert_true(hd_bls_g1_msm(one + 128, in + 160 * i, 1));
            assert_true(hd_bls_g1_add(one, one));
        }
        assert_true(hd_bls_g1_msm(out, in, cnt));
        assert_memory_equal(out, one, 128);
        hd_bls_e1_point acc;
        hd_bls_e1_affine a;
        hd_bls_e1_msm_buckets(&acc, in, cnt);
        assert_true(hd_bls_e1_read(&a, one) && hd_bls_e1_is_same(&a, &acc));
        awkward_terms(in, cnt, 256, random_g2);
        memset(one, 0, sizeof(one));
        for (size_t i = 0; i < cnt; i++) {
            assert_true(hd_bls_g2_msm(one + 256, in + 288 * i, 1));
            assert_true(hd_bls_g2_add(one, one));
        }
        assert_true(hd_bls_g2_msm(out, in, cnt));
        assert_memory_equal(out, one, 256);
        hd_bls_e2_point acc2;
        hd_bls_e2_affine a2;
        hd_bls_e2_msm_buckets(&acc2, in, cnt);
        assert_true(hd_bls_e2_read(&a2, one) && hd_bls_e2_is_same(&a2, &acc2));
    }
}

static void bls_pairing_is_bilinear_for_any_number_of_pairs(void **state) {
    static uint8_t in[9 * 384];
    (void)state;
    for (size_t half = 1; half <= 4; half++) {
        uint8_t term[288];
        uint32_t is_one = 2;
        /* e(aP, Q) e(P, -aQ) = 1, for several P, Q, a, with a pair at infinity at the end. */
        memset(in, 0, sizeof(in));
        for (size_t i = 0; i < half; i++) {
            uint8_t *x = in + 768 * i, *y = x + 384;
            uint8_t a[32];
            random_g1(y);
            random_g2(x + 128);
            rng_fill(a, 32);
            memcpy(term, y, 128);
            memcpy(term + 128, a, 32);
            assert_true(hd_bls_g1_msm(x, term, 1));
            memcpy(term, x + 128, 256);
            memcpy(term + 256, a, 32);
            assert_true(hd_bls_g2_msm(term, term, 1));
            order_bytes(term + 256);
            term[287] = 0; /* times r - 1 */
            assert_true(hd_bls_g2_msm(y + 128, term, 1));
        }
        random_g1(in + 768 * half);
        assert_true(hd_bls_pairing(&is_one, in, 2 * half + 1));
        assert_int_equal(is_one, 1);
        random_g2(in + 768 * half + 128);
        assert_true(hd_bls_pairing(&is_one, in, 2 * half + 1));
        assert_int_equal(is_one, 0);
        assert_true(hd_bls_pairing(&is_one, in + 384, 2 * half - 1));
        assert_int_equal(is_one, 0);
    }
}

static void bls_counts_of_zero_are_invalid(void **state) {
    uint8_t out[256], in[1] = {0};
    uint32_t is_one;
    (void)state;
    assert_int_equal(hd_bls_g1_msm(out, in, 0), 0);
    assert_int_equal(hd_bls_g2_msm(out, in, 0), 0);
    assert_int_equal(hd_bls_pairing(&is_one, in, 0), 0);
}

/* ---- KZG ---- */

/* From Ethereum's trusted_setup.txt (the KZG ceremony; npm package c-kzg 4.1.0): the second of its
   G2 points, and the second and third of its monomial G1 points, tau and tau^2 times G1. */
#define SETUP_G2_1 \
    "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d" \
    "2914e5870cb452d2afaaab24f3499f72185cbfee53492714734429b7b38608e2" \
    "3926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2"
#define SETUP_G1_1 \
    "ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42" \
    "d25926fc0c97b336e9f0fb35e5a04c81"
#define SETUP_G1_2 \
    "8029c8ce0d2dce761a7f29c2df2290850c85bdfaec2955626d7acc8864aeb01f" \
    "e16c9e156863dc63b6c22553910e27c1"

static void compress_e1(uint8_t *out, const hd_bls_e1_affine *p) {
    if (hd_bls_e1_affine_is_inf(p)) {
        memset(out, 0, 48);
        out[0] = 0xc0;
        return;
    }
    hd_bls_fp_write(out, &p->x);
    out[0] |= hd_bls_fp_is_large(&p->y) ? 0xa0 : 0x80;
}

static void kzg_tau_is_the_ceremonys_second_g2_point(void **state) {
    uint8_t b[96];
    hd_bls_e2_affine tau, p;
    (void)state;
    unhex(b, sizeof(b), SETUP_G2_1);
    int is_large = b[0] >> 5 & 1;
    assert_int_equal(b[0] >> 6, 2); /* compressed, not infinity */
    b[0] &= 0x1f;
    assert_true(hd_bls_fp_read(&p.x.c1, b) && hd_bls_fp_read(&p.x.c0, b + 48));
    assert_true(solve_e2(&p));
    assert_false(hd_bls_fp_is_zero(&p.y.c1));
    if (hd_bls_fp_is_large(&p.y.c1) != is_large)
        hd_bls_fp2_neg(&p.y, &p.y);
    assert_true(hd_bls_e2_is_in_subgroup(&p));
    hd_kzg_g2_tau(&tau);
    assert_memory_equal(&tau, &p, sizeof(p));
}

static void kzg_setup_file_holds_the_points_used_here(void **state) {
    char path[600], line[400];
    int no = 0, found = 0;
    (void)state;
    hd_test_fixture(path, sizeof(path), "precompiles/c-kzg/trusted_setup.txt");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (; fgets(line, sizeof(line), f); no++) {
        const char *want = no == 4099   ? SETUP_G2_1
                           : no == 4164 ? SETUP_G1_1
                           : no == 4165 ? SETUP_G1_2
                                        : NULL;
        line[strcspn(line, "\r\n")] = 0;
        if (want) {
            assert_string_equal(line, want);
            found++;
        }
    }
    fclose(f);
    assert_int_equal(found, 3);
}

/* A whole input of the precompile, with the hash that belongs to the commitment. */
static void kzg_input(uint8_t *in, const hd_bls_e1_affine *c, const uint8_t *z, const uint8_t *y,
                      const hd_bls_e1_affine *proof) {
    memcpy(in + 32, z, 32);
    memcpy(in + 64, y, 32);
    compress_e1(in + 96, c);
    compress_e1(in + 144, proof);
    hd_sha256(in, in + 96, 48);
    in[0] = 1;
}

static void add_e1(hd_bls_e1_affine *r, const hd_bls_e1_affine *p, const hd_bls_e1_affine *q) {
    hd_bls_e1_point t;
    hd_bls_e1_from_affine(&t, p);
    hd_bls_e1_add_affine(&t, &t, q);
    hd_bls_e1_to_affine(r, &t);
}

static void setup_points(hd_bls_e1_affine *g, hd_bls_e1_affine *tau, hd_bls_e1_affine *tau2) {
    uint8_t b[48];
    hd_kzg_g1_generator(g);
    unhex(b, sizeof(b), SETUP_G1_1);
    assert_true(hd_kzg_g1_read(tau, b));
    compress_e1(b, tau);
    unhex(b, sizeof(b), SETUP_G1_2);
    assert_true(hd_kzg_g1_read(tau2, b));
}

static void kzg_accepts_proofs_of_known_polynomials_and_no_other_values(void **state) {
    hd_bls_e1_affine g, tau, tau2, c, proof, inf;
    uint8_t in[192], out[64], y[32], z[32];
    (void)state;
    setup_points(&g, &tau, &tau2);
    memset(&inf, 0, sizeof(inf));
    for (int n = 0; n < 6; n++) {
        /* f = X: f(z) = z, and (f - f(z)) / (X - z) = 1 */
        rng_fill(z, 32);
        z[0] &= 0x3f;
        kzg_input(in, &tau, z, z, &g);
        assert_int_equal(hd_kzg_point_evaluation(out, in), 1);
        in[64 + 31 - n] ^= (uint8_t)(1 << n);
        assert_int_equal(hd_kzg_point_evaluation(out, in), 0);
        /* f = y: the quotient is 0 */
        rng_fill(y, 32);
        y[0] &= 0x3f;
        slow_mul_e1(&c, &g, y, 32);
        kzg_input(in, &c, z, y, &inf);
        assert_int_equal(hd_kzg_point_evaluation(out, in), 1);
        in[95] ^= 1;
        assert_int_equal(hd_kzg_point_evaluation(out, in), 0);
        /* f = X^2: the quotient is X + z */
        uint64_t small = rng() >> 2;
        unsigned __int128 square = (unsigned __int128)small * small;
        memset(z, 0, 32);
        memset(y, 0, 32);
        if (n == 0) { /* z = r - 1, y = 1 */
            order_bytes(z);
            z[31] = 0;
            y[31] = 1;
        } else {
            hd_store_be64(z + 24, small);
            hd_store_be64(y + 24, (uint64_t)square);
            hd_store_be64(y + 16, (uint64_t)(square >> 64));
        }
        slow_mul_e1(&proof, &g, z, 32);
        add_e1(&proof, &proof, &tau);
        kzg_input(in, &tau2, z, y, &proof);
        assert_int_equal(hd_kzg_point_evaluation(out, in), 1);
        kzg_input(in, &tau2, z, y, &tau);
        assert_int_equal(hd_kzg_point_evaluation(out, in), 0);
    }
    /* f = 0: everything is at infinity */
    memset(y, 0, 32);
    kzg_input(in, &inf, z, y, &inf);
    assert_int_equal(hd_kzg_point_evaluation(out, in), 1);
}

static void kzg_rejects_malformed_inputs(void **state) {
    hd_bls_e1_affine g, tau, tau2, p;
    uint8_t in[192], bad[192], out[64], z[32] = {0};
    (void)state;
    setup_points(&g, &tau, &tau2);
    z[31] = 5;
    kzg_input(in, &tau, z, z, &g);
    assert_int_equal(hd_kzg_point_evaluation(out, in), 1);
    memcpy(bad, in, 192); /* a wrong version */
    bad[0] = 2;
    assert_int_equal(hd_kzg_point_evaluation(out, bad), 0);
    memcpy(bad, in, 192); /* a wrong hash */
    bad[31] ^= 1;
    assert_int_equal(hd_kzg_point_evaluation(out, bad), 0);
    for (int at = 32; at <= 64; at += 32) { /* z or y plus r: the same number, another form */
        unsigned carry = 0;
        memcpy(bad, in, 192);
        for (int i = 31; i >= 0; i--) {
            carry += bad[at + i] + (unsigned)hd_kzg_modulus_byte(i);
            bad[at + i] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(hd_kzg_point_evaluation(out, bad), 0);
    }
    static const uint8_t flags[] = {0x20, 0x40, 0x60, 0x80}; /* toggled in the proof */
    for (size_t i = 0; i < sizeof(flags); i++) {
        memcpy(bad, in, 192);
        bad[144] ^= flags[i];
        assert_int_equal(hd_kzg_point_evaluation(out, bad), 0);
    }
    uint8_t b[48];
    compress_e1(b, &g);
    assert_true(hd_kzg_g1_read(&p, b));
    memset(b, 0, sizeof(b)); /* infinity, and forms close to it */
    b[0] = 0xc0;
    assert_true(hd_kzg_g1_read(&p, b) && hd_bls_e1_affine_is_inf(&p));
    b[0] = 0xe0;
    assert_false(hd_kzg_g1_read(&p, b));
    b[0] = 0xc0;
    b[47] = 1;
    assert_false(hd_kzg_g1_read(&p, b));
    b[0] = 0x40;
    b[47] = 0;
    assert_false(hd_kzg_g1_read(&p, b));
    static const uint64_t limbs[6] = {HD_BLS_P5, HD_BLS_P4, HD_BLS_P3,
                                      HD_BLS_P2, HD_BLS_P1, HD_BLS_P0};
    for (int i = 0; i < 6; i++) /* x = p, which is 0 in another form: (0, 2) is on the curve */
        hd_store_be64(b + 8 * i, limbs[i]);
    b[0] |= 0x80;
    assert_false(hd_kzg_g1_read(&p, b));
    random_e1(&p); /* on the curve, not in the subgroup */
    compress_e1(b, &p);
    assert_false(hd_kzg_g1_read(&p, b));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(bls_g1_add_gives_the_official_sums),
    cmocka_unit_test(bls_g2_add_gives_the_official_sums),
    cmocka_unit_test(bls_g1_msm_gives_the_official_sums),
    cmocka_unit_test(bls_g2_msm_gives_the_official_sums),
    cmocka_unit_test(bls_pairing_gives_the_official_answers),
    cmocka_unit_test(bls_maps_give_the_official_points),
    cmocka_unit_test(kzg_accepts_the_official_proof),
    cmocka_unit_test(bls_and_kzg_agree_with_inlined_vectors),
    cmocka_unit_test(bls_field_products_agree_with_bitwise_ones),
    cmocka_unit_test(bls_inverses_multiply_to_one),
    cmocka_unit_test(bls_frobenius_is_the_power_p),
    cmocka_unit_test(bls_cyclotomic_square_is_the_square),
    cmocka_unit_test(bls_square_roots_in_fp2_square_back),
    cmocka_unit_test(bls_subgroup_checks_agree_with_multiplication_by_the_order),
    cmocka_unit_test(bls_cofactors_are_cleared_by_the_rfcs_multiples),
    cmocka_unit_test(bls_scalars_split_into_digits_that_recombine),
    cmocka_unit_test(bls_multiples_agree_with_double_and_add),
    cmocka_unit_test(bls_sums_with_buckets_agree_with_single_terms),
    cmocka_unit_test(bls_pairing_is_bilinear_for_any_number_of_pairs),
    cmocka_unit_test(bls_counts_of_zero_are_invalid),
    cmocka_unit_test(kzg_tau_is_the_ceremonys_second_g2_point),
    cmocka_unit_test(kzg_setup_file_holds_the_points_used_here),
    cmocka_unit_test(kzg_accepts_proofs_of_known_polynomials_and_no_other_values),
    cmocka_unit_test(kzg_rejects_malformed_inputs),
};

HD_TEST_MAIN(tests)
