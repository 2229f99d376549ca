/* test_modexp.c - modular exponentiation against GMP, with both limb sizes: this file takes 32-bit
   limbs (what the device has), the library's shared runner 64-bit ones. */
#include "hd_test.h"

#include <gmp.h>

#define HD_MODEXP_LIMB_BITS 32
#include "crypto/hd_modexp.h"
#include "crypto/hd_precompile.h"

#define BUF_SZ 400u

static uint64_t rng = 0x13198a2e03707344ull;

static uint64_t next_rand(void) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

/* A number of a shape that breaks carries and borrows: random, all ones, a power of two, sparse,
   small, with long runs of zeros at either end. */
static void fill_number(uint8_t *p, size_t sz) {
    uint32_t shape = (uint32_t)(next_rand() % 9);
    memset(p, 0, sz);
    if (sz == 0)
        return;
    size_t at = next_rand() % sz;
    switch (shape) {
    case 0: break;
    case 1: memset(p, 0xff, sz); break;
    case 2: p[at] = (uint8_t)(1u << next_rand() % 8); break;
    case 3: p[sz - 1] = (uint8_t)(next_rand() % 4); break;
    case 4: memset(p + at, 0xff, sz - at); break;
    case 5:
        for (size_t i = at; i < sz; i++)
            p[i] = (uint8_t)next_rand();
        break;
    case 6:
        for (size_t i = 0; i < at; i++)
            p[i] = (uint8_t)next_rand();
        break;
    default:
        for (size_t i = 0; i < sz; i++)
            p[i] = (uint8_t)(next_rand() >> 20);
        break;
    }
}

static void gmp_modexp(uint8_t *out, const uint8_t *base, size_t base_sz, const uint8_t *exp,
                       size_t exp_sz, const uint8_t *mod, size_t mod_sz) {
    mpz_t b, e, m, r;
    mpz_inits(b, e, m, r, NULL);
    mpz_import(b, base_sz, 1, 1, 1, 0, base);
    mpz_import(e, exp_sz, 1, 1, 1, 0, exp);
    mpz_import(m, mod_sz, 1, 1, 1, 0, mod);
    memset(out, 0, mod_sz);
    if (mpz_sgn(m) != 0) {
        mpz_powm(r, b, e, m);
        size_t sz = (mpz_sizeinbase(r, 2) + 7) / 8;
        if (mpz_sgn(r) != 0)
            mpz_export(out + (mod_sz - sz), NULL, 1, 1, 1, 0, r);
    }
    mpz_clears(b, e, m, r, NULL);
}

static hd_modexp_num number(const uint8_t *p, size_t have_sz, size_t sz) {
    hd_modexp_num r;
    r.p = p;
    r.have_sz = have_sz;
    r.sz = sz;
    return r;
}

/* Runs both limb sizes and both runners on one case and compares them with GMP. The scratch memory
   is exactly as large as promised, filled with noise and unaligned. */
static void check(const uint8_t *base, size_t base_sz, const uint8_t *exp, size_t exp_sz,
                  const uint8_t *mod, size_t mod_sz) {
    uint8_t want[BUF_SZ], got[BUF_SZ], in[96 + 3 * BUF_SZ];
    gmp_modexp(want, base, base_sz, exp, exp_sz, mod, mod_sz);

    hd_modexp_num b = number(base, base_sz, base_sz), e = number(exp, exp_sz, exp_sz);
    hd_modexp_num m = number(mod, mod_sz, mod_sz);
    size_t scratch_sz = hd_modexp_scratch_sz(base_sz, exp_sz, mod_sz);
    size_t shift = next_rand() % 8;
    uint8_t *mem = (uint8_t *)malloc(scratch_sz + shift + 1);
    assert_non_null(mem);
    memset(mem, 0xa5, scratch_sz + shift + 1);
    assert_int_equal(hd_modexp(got, &b, &e, &m, mem + shift, scratch_sz), HD_OK);
    assert_memory_equal(got, want, mod_sz);

    memset(in, 0, 96);
    hd_store_be32(in + 28, (uint32_t)base_sz);
    hd_store_be32(in + 60, (uint32_t)exp_sz);
    hd_store_be32(in + 92, (uint32_t)mod_sz);
    memcpy(in + 96, base, base_sz);
    memcpy(in + 96 + base_sz, exp, exp_sz);
    memcpy(in + 96 + base_sz + exp_sz, mod, mod_sz);
    uint32_t in_sz = (uint32_t)(96 + base_sz + exp_sz + mod_sz), out_sz = 77;
    while (in_sz > 0 && in[in_sz - 1] == 0 && next_rand() % 4)
        in_sz--; /* zeros at the end may as well be missing */
    assert_int_equal(hd_precompile_run(got, BUF_SZ, &out_sz, HD_PRECOMPILE_MODEXP, in, in_sz,
                                       mem + shift, scratch_sz),
                     1);
    assert_int_equal(out_sz, mod_sz);
    assert_memory_equal(got, want, mod_sz);
    assert_int_equal(
        hd_precompile_host_run(got, BUF_SZ, &out_sz, HD_PRECOMPILE_MODEXP, in, in_sz, NULL, 0), 1);
    assert_int_equal(out_sz, mod_sz);
    assert_memory_equal(got, want, mod_sz);
    free(mem);
}

static void modexp_agrees_with_gmp_on_all_small_numbers(void **state) {
    (void)state;
    for (uint32_t mod = 0; mod < 18; mod++)
        for (uint32_t base = 0; base < 20; base++)
            for (uint32_t exp = 0; exp < 9; exp++) {
                uint8_t b = (uint8_t)base, e = (uint8_t)exp, m = (uint8_t)mod;
                check(&b, 1, &e, 1, &m, 1);
            }
}

static void modexp_agrees_with_gmp_on_random_lengths_and_shapes(void **state) {
    (void)state;
    uint8_t base[BUF_SZ], exp[BUF_SZ], mod[BUF_SZ];
    for (int i = 0; i < 4000; i++) {
        size_t base_sz = next_rand() % 80, exp_sz = next_rand() % 20, mod_sz = next_rand() % 64;
        fill_number(base, base_sz);
        fill_number(exp, exp_sz);
        fill_number(mod, mod_sz);
        check(base, base_sz, exp, exp_sz, mod, mod_sz);
    }
}

static void modexp_agrees_with_gmp_on_even_moduli(void **state) {
    (void)state;
    uint8_t base[BUF_SZ], exp[BUF_SZ], mod[BUF_SZ];
    for (int i = 0; i < 2000; i++) {
        size_t base_sz = next_rand() % 80, exp_sz = next_rand() % 20, mod_sz = 1 + next_rand() % 64;
        fill_number(base, base_sz);
        fill_number(exp, exp_sz);
        fill_number(mod, mod_sz);
        /* An odd number of any size times a power of two of any size. */
        size_t zero_bits = next_rand() % (8 * mod_sz), zero_sz = zero_bits / 8;
        memset(mod + mod_sz - zero_sz, 0, zero_sz);
        mod[mod_sz - 1 - zero_sz] &= (uint8_t)(0xff << zero_bits % 8);
        check(base, base_sz, exp, exp_sz, mod, mod_sz);
    }
}

static void modexp_agrees_with_gmp_on_long_numbers(void **state) {
    (void)state;
    uint8_t base[BUF_SZ], exp[BUF_SZ], mod[BUF_SZ];
    for (int i = 0; i < 60; i++) {
        size_t base_sz = next_rand() % BUF_SZ, exp_sz = next_rand() % 60;
        size_t mod_sz = next_rand() % BUF_SZ;
        fill_number(base, base_sz);
        fill_number(exp, exp_sz);
        fill_number(mod, mod_sz);
        check(base, base_sz, exp, exp_sz, mod, mod_sz);
    }
}

static void modexp_of_modulus_zero_or_one_is_zero(void **state) {
    (void)state;
    uint8_t base[40], exp[40], mod[40] = {0};
    memset(base, 0x77, sizeof base);
    memset(exp, 0, sizeof exp);
    check(base, 40, exp, 40, mod, 40);
    mod[39] = 1;
    check(base, 40, exp, 40, mod, 40);
    check(base, 40, exp, 0, mod, 40);
}

static void modexp_with_an_empty_modulus_returns_nothing(void **state) {
    (void)state;
    uint8_t in[96], out[1] = {0xee};
    uint32_t out_sz = 5;
    memset(in, 0xff, 64); /* absurd lengths of base and exponent */
    memset(in + 64, 0, 32);
    assert_int_equal(hd_precompile_run(out, 1, &out_sz, HD_PRECOMPILE_MODEXP, in, 96, NULL, 0), 1);
    assert_int_equal(out_sz, 0);
    out_sz = 5;
    assert_int_equal(hd_precompile_host_run(out, 1, &out_sz, HD_PRECOMPILE_MODEXP, in, 96, NULL, 0),
                     1);
    assert_int_equal(out_sz, 0);
    assert_int_equal(out[0], 0xee);
}

static void modexp_says_limit_when_memory_is_too_small(void **state) {
    (void)state;
    uint8_t in[99] = {0}, out[8] = {0}, scratch[8192];
    uint32_t out_sz = 5;
    in[31] = in[63] = 1;
    in[95] = 9;
    assert_int_equal(
        hd_precompile_run(out, 8, &out_sz, HD_PRECOMPILE_MODEXP, in, 99, scratch, sizeof scratch),
        HD_ERR_LIMIT);
    assert_int_equal(out_sz, 0);
    assert_int_equal(hd_precompile_host_run(out, 8, &out_sz, HD_PRECOMPILE_MODEXP, in, 99, NULL, 0),
                     HD_ERR_LIMIT);
    in[95] = 8;
    size_t need_sz = hd_precompile_scratch_sz(HD_PRECOMPILE_MODEXP, 99, in);
    assert_true(need_sz <= sizeof scratch);
    assert_int_equal(
        hd_precompile_run(out, 8, &out_sz, HD_PRECOMPILE_MODEXP, in, 99, scratch, need_sz - 1),
        HD_ERR_LIMIT);
    assert_int_equal(
        hd_precompile_run(out, 8, &out_sz, HD_PRECOMPILE_MODEXP, in, 99, scratch, need_sz), 1);
    in[64] = 1; /* a modulus of 2^248 bytes */
    assert_true(hd_precompile_scratch_sz(HD_PRECOMPILE_MODEXP, 99, in) == SIZE_MAX);
    assert_int_equal(
        hd_precompile_run(out, 8, &out_sz, HD_PRECOMPILE_MODEXP, in, 99, scratch, sizeof scratch),
        HD_ERR_LIMIT);
}

/* The exponent is 1 followed by zeros that the input does not hold: 2^(2^k) by another road. */
static void modexp_reads_zeros_past_the_end_of_the_input(void **state) {
    (void)state;
    uint8_t in[98] = {0}, want[1], got[1], mem[1024];
    uint32_t out_sz;
    in[31] = in[95] = 1;
    in[63] = 100;
    in[96] = 3;
    in[97] = 1;
    /* The modulus lies past the end as well: it is zero, and so is the result. */
    assert_int_equal(
        hd_precompile_run(got, 1, &out_sz, HD_PRECOMPILE_MODEXP, in, 98, mem, sizeof mem), 1);
    assert_int_equal(out_sz, 1);
    assert_int_equal(got[0], 0);
    assert_int_equal(
        hd_precompile_host_run(want, 1, &out_sz, HD_PRECOMPILE_MODEXP, in, 98, NULL, 0), 1);
    assert_int_equal(want[0], 0);
}

static void modexp_of_a_padded_number_equals_the_written_one(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        uint8_t base[24], exp[12], mod[24], want[24], got[24], mem[4096];
        size_t base_have = next_rand() % 25, exp_have = next_rand() % 13;
        fill_number(base, 24);
        fill_number(exp, 12);
        fill_number(mod, 24);
        hd_modexp_num b = number(base, base_have, 24), e = number(exp, exp_have, 12);
        hd_modexp_num m = number(mod, 24, 24);
        assert_int_equal(hd_modexp(got, &b, &e, &m, mem, sizeof mem), HD_OK);
        memset(base + base_have, 0, 24 - base_have);
        memset(exp + exp_have, 0, 12 - exp_have);
        gmp_modexp(want, base, 24, exp, 12, mod, 24);
        assert_memory_equal(got, want, 24);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(modexp_agrees_with_gmp_on_all_small_numbers),
    cmocka_unit_test(modexp_agrees_with_gmp_on_random_lengths_and_shapes),
    cmocka_unit_test(modexp_agrees_with_gmp_on_even_moduli),
    cmocka_unit_test(modexp_agrees_with_gmp_on_long_numbers),
    cmocka_unit_test(modexp_of_modulus_zero_or_one_is_zero),
    cmocka_unit_test(modexp_with_an_empty_modulus_returns_nothing),
    cmocka_unit_test(modexp_says_limit_when_memory_is_too_small),
    cmocka_unit_test(modexp_reads_zeros_past_the_end_of_the_input),
    cmocka_unit_test(modexp_of_a_padded_number_equals_the_written_one),
};

HD_TEST_MAIN(tests)
