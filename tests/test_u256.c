/* test_u256.c - 256-bit words against GMP, on random words of many shapes and on named corners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "crypto/hd_u256.h"

#define CASE_CNT 30000

/* ---- words to try ---- */

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

static hd_u256 pow2(unsigned n) {
    hd_u256 x = hd_u256_zero();
    x.w[n / 64] = (uint64_t)1 << n % 64;
    return x;
}

static hd_u256 random_word(void) {
    hd_u256 x = hd_u256_make(next(), next(), next(), next());
    unsigned n = (unsigned)(next() % 256);
    switch (next() % 10) {
    case 0: /* 0 to 15 */ return hd_u256_from_u64(next() % 16);
    case 1: /* a power of two */ return pow2(n);
    case 2: /* all bits below one */ return hd_u256_sub(pow2(n), hd_u256_from_u64(1));
    case 3: /* the negative of a power of two, and near it */
        return hd_u256_sub(hd_u256_from_u64(next() % 3), pow2(n));
    case 4: /* any number of limbs, each at its own limits */
        for (unsigned i = 0; i < 4; i++)
            x.w[i] = next() % 3 == 0 ? 0 : next() % 2 == 0 ? ~(uint64_t)0 : x.w[i];
        return x;
    case 5: /* only low limbs */
        for (unsigned i = 1 + n % 4; i < 4; i++)
            x.w[i] = 0;
        return x;
    case 6: /* a random length */ return hd_u256_shr_bits(x, n);
    case 7: /* top bits that lead a quotient digit astray: 100..0, then ones or zeros */
        return hd_u256_make((uint64_t)1 << 63, next() % 2 ? ~(uint64_t)0 : 0, ~(uint64_t)0, next());
    default: return x;
    }
}

/* A second word, at times related to the first: equal, next to it, a multiple, equal on top. */
static hd_u256 random_word_near(hd_u256 a) {
    hd_u256 b = random_word();
    switch (next() % 12) {
    case 0: return a;
    case 1: return hd_u256_add(a, hd_u256_from_u64(1));
    case 2: return hd_u256_sub(a, hd_u256_from_u64(1));
    case 3: return hd_u256_mul(a, b);
    case 4: b.w[3] = a.w[3]; return b;
    case 5:
        b.w[3] = a.w[3];
        b.w[2] = a.w[2];
        return b;
    default: return b;
    }
}

/* ---- GMP's answers ---- */

typedef struct {
    mpz_t a, b, n, r; /* unsigned operands and the expected result */
    mpz_t sa, sb;     /* a and b as two's complement */
} numbers;

static void numbers_init(numbers *m) { mpz_inits(m->a, m->b, m->n, m->r, m->sa, m->sb, NULL); }

static void numbers_clear(numbers *m) { mpz_clears(m->a, m->b, m->n, m->r, m->sa, m->sb, NULL); }

static void set(mpz_t z, hd_u256 x) { mpz_import(z, 4, -1, 8, 0, 0, x.w); }

static void set_signed(mpz_t z, hd_u256 x) {
    set(z, x);
    if (x.w[3] >> 63) {
        mpz_t top;
        mpz_init_set_ui(top, 1);
        mpz_mul_2exp(top, top, 256);
        mpz_sub(z, z, top);
        mpz_clear(top);
    }
}

/* Asserts that x is z modulo 2^256, and shows both with the operands if it is not. */
static void expect(const char *what, const mpz_t z, hd_u256 x, hd_u256 a, hd_u256 b, hd_u256 n) {
    mpz_t want;
    hd_u256 w = hd_u256_zero();
    mpz_init(want);
    mpz_fdiv_r_2exp(want, z, 256);
    mpz_export(w.w, NULL, -1, 8, 0, 0, want);
    mpz_clear(want);
    if (memcmp(&w, &x, sizeof w) == 0)
        return;
    const hd_u256 all[5] = {a, b, n, x, w};
    const char *name[5] = {"a", "b", "n", "got", "want"};
    for (int i = 0; i < 5; i++)
        print_error("%s %s = %016llx %016llx %016llx %016llx\n", what, name[i],
                    (unsigned long long)all[i].w[3], (unsigned long long)all[i].w[2],
                    (unsigned long long)all[i].w[1], (unsigned long long)all[i].w[0]);
    fail();
}

#define EXPECT(what, got) expect(what, m.r, got, a, b, n)

/* ---- tests ---- */

static void u256_sums_and_products_agree_with_gmp(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (int i = 0; i < CASE_CNT; i++) {
        hd_u256 a = random_word(), b = random_word_near(a), n = hd_u256_zero(), x, hi, lo;
        set(m.a, a);
        set(m.b, b);
        mpz_add(m.r, m.a, m.b);
        EXPECT("add", hd_u256_add(a, b));
        unsigned carry = hd_u256_add_carry(&x, a, b);
        EXPECT("add_carry", x);
        assert_int_equal(carry, mpz_sizeinbase(m.r, 2) > 256);
        mpz_sub(m.r, m.a, m.b);
        EXPECT("sub", hd_u256_sub(a, b));
        unsigned borrow = hd_u256_sub_borrow(&x, a, b);
        EXPECT("sub_borrow", x);
        assert_int_equal(borrow, mpz_sgn(m.r) < 0);
        mpz_neg(m.r, m.a);
        EXPECT("neg", hd_u256_neg(a));
        mpz_mul(m.r, m.a, m.b);
        EXPECT("mul", hd_u256_mul(a, b));
        hd_u256_mul_full(&hi, &lo, a, b);
        EXPECT("mul_full low", lo);
        mpz_fdiv_q_2exp(m.r, m.r, 256);
        EXPECT("mul_full high", hi);
    }
    numbers_clear(&m);
}

static void u256_division_agrees_with_gmp(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (int i = 0; i < CASE_CNT; i++) {
        hd_u256 a = random_word(), b = random_word_near(a), n = hd_u256_zero();
        if (hd_u256_is_zero(b))
            continue;
        set(m.a, a);
        set(m.b, b);
        set_signed(m.sa, a);
        set_signed(m.sb, b);
        hd_u256_qr any = hd_u256_divrem(a, b), longhand = hd_u256_divrem_long(a, b);
        mpz_tdiv_q(m.r, m.a, m.b);
        EXPECT("div", hd_u256_div(a, b));
        EXPECT("divrem quotient", any.q);
        EXPECT("divrem_long quotient", longhand.q);
        mpz_tdiv_r(m.r, m.a, m.b);
        EXPECT("mod", hd_u256_mod(a, b));
        EXPECT("divrem remainder", any.r);
        EXPECT("divrem_long remainder", longhand.r);
        mpz_tdiv_q(m.r, m.sa, m.sb);
        EXPECT("sdiv", hd_u256_sdiv(a, b));
        mpz_tdiv_r(m.r, m.sa, m.sb);
        EXPECT("smod", hd_u256_smod(a, b));
    }
    numbers_clear(&m);
}

/* Random words hardly ever meet the digit whose estimate is too large. Dividends q * b + r with q
   of ones and r just below b do. */
static void u256_division_survives_digits_at_their_limits(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (int i = 0; i < CASE_CNT; i++) {
        hd_u256 b = random_word(), n = hd_u256_zero();
        if (hd_u256_is_zero(b))
            continue;
        unsigned limb_cnt = 1 + (unsigned)(next() % 3);
        hd_u256 q = hd_u256_sub(pow2(64 * limb_cnt), hd_u256_from_u64(next() % 3));
        q = hd_u256_sub(q, next() % 2 ? pow2(64) : hd_u256_zero());
        hd_u256 a = hd_u256_add(hd_u256_mul(q, b), hd_u256_sub(b, hd_u256_from_u64(next() % 3)));
        set(m.a, a);
        set(m.b, b);
        mpz_tdiv_q(m.r, m.a, m.b);
        EXPECT("div", hd_u256_div(a, b));
        EXPECT("divrem_long quotient", hd_u256_divrem_long(a, b).q);
        mpz_tdiv_r(m.r, m.a, m.b);
        EXPECT("mod", hd_u256_mod(a, b));
        EXPECT("divrem_long remainder", hd_u256_divrem_long(a, b).r);
    }
    numbers_clear(&m);
}

static void u256_division_by_every_power_of_two_agrees_with_gmp(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (unsigned bit = 0; bit < 256; bit++) {
        for (int i = 0; i < 200; i++) {
            /* Also what is one bit away from a power of two, and two bits in different limbs. */
            hd_u256 a = random_word(), b = pow2(bit), n = hd_u256_zero();
            if (i % 4 == 1)
                b = hd_u256_or(b, pow2((unsigned)(next() % 256)));
            if (i % 4 == 2)
                a = hd_u256_sub(hd_u256_mul(a, b), hd_u256_from_u64(next() % 2));
            set(m.a, a);
            set(m.b, b);
            mpz_tdiv_q(m.r, m.a, m.b);
            EXPECT("div", hd_u256_div(a, b));
            mpz_tdiv_r(m.r, m.a, m.b);
            EXPECT("mod", hd_u256_mod(a, b));
        }
    }
    numbers_clear(&m);
}

static void u256_products_modulo_all_ones_agree_with_gmp(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    hd_u256 n = hd_u256_not(hd_u256_zero());
    for (int i = 0; i < CASE_CNT; i++) {
        /* 2^256 - 1 is (2^128 - 1)(2^128 + 1): products that are its multiples give zero. */
        hd_u256 a = random_word(), b = random_word_near(a), half = hd_u256_sub(pow2(128), pow2(0));
        if (i % 8 == 0)
            b = n;
        if (i % 8 == 1) {
            a = half;
            b = hd_u256_add(pow2(128), pow2(0));
        }
        set(m.a, a);
        set(m.b, b);
        set(m.n, n);
        mpz_mul(m.r, m.a, m.b);
        mpz_mod(m.r, m.r, m.n);
        EXPECT("mulmod", hd_u256_mulmod(a, b, n));
    }
    numbers_clear(&m);
}

static void u256_division_by_zero_gives_zero(void **state) {
    (void)state;
    const hd_u256 zero = hd_u256_zero();
    for (int i = 0; i < 1000; i++) {
        hd_u256 a = random_word(), b = random_word();
        assert_true(hd_u256_is_zero(hd_u256_div(a, zero)));
        assert_true(hd_u256_is_zero(hd_u256_mod(a, zero)));
        assert_true(hd_u256_is_zero(hd_u256_sdiv(a, zero)));
        assert_true(hd_u256_is_zero(hd_u256_smod(a, zero)));
        assert_true(hd_u256_is_zero(hd_u256_addmod(a, b, zero)));
        assert_true(hd_u256_is_zero(hd_u256_mulmod(a, b, zero)));
    }
}

static void u256_smallest_number_over_minus_one_is_itself(void **state) {
    (void)state;
    hd_u256 min = pow2(255), minus_one = hd_u256_not(hd_u256_zero());
    assert_true(hd_u256_is_equal(hd_u256_sdiv(min, minus_one), min));
    assert_true(hd_u256_is_zero(hd_u256_smod(min, minus_one)));
}

static void u256_modular_sums_and_products_agree_with_gmp(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (int i = 0; i < CASE_CNT; i++) {
        hd_u256 n = random_word(), a = random_word_near(n), b = random_word_near(n);
        if (hd_u256_is_zero(n))
            continue;
        set(m.a, a);
        set(m.b, b);
        set(m.n, n);
        mpz_add(m.r, m.a, m.b);
        mpz_mod(m.r, m.r, m.n);
        EXPECT("addmod", hd_u256_addmod(a, b, n));
        mpz_mul(m.r, m.a, m.b);
        mpz_mod(m.r, m.r, m.n);
        EXPECT("mulmod", hd_u256_mulmod(a, b, n));
        mpz_mul_2exp(m.r, m.a, 256);
        mpz_add(m.r, m.r, m.b);
        mpz_mod(m.r, m.r, m.n);
        EXPECT("mod_wide", hd_u256_mod_wide(a, b, n));
    }
    numbers_clear(&m);
}

static void u256_powers_agree_with_gmp(void **state) {
    (void)state;
    numbers m;
    mpz_t top;
    numbers_init(&m);
    mpz_init_set_ui(top, 1);
    mpz_mul_2exp(top, top, 256);
    for (int i = 0; i < CASE_CNT / 10; i++) {
        hd_u256 a = random_word(), b = random_word(), n = hd_u256_zero();
        set(m.a, a);
        set(m.b, b);
        mpz_powm(m.r, m.a, m.b, top);
        EXPECT("exp", hd_u256_exp(a, b));
        a = hd_u256_from_u64(2);
        mpz_set_ui(m.a, 2);
        mpz_powm(m.r, m.a, m.b, top);
        EXPECT("exp of two", hd_u256_exp(a, b));
        b = hd_u256_from_u64((uint64_t)i % 300);
        mpz_set_ui(m.b, (unsigned long)i % 300);
        mpz_powm(m.r, m.a, m.b, top);
        EXPECT("exp of two, small", hd_u256_exp(a, b));
    }
    hd_u256 zero = hd_u256_zero(), one = hd_u256_from_u64(1);
    assert_true(hd_u256_is_equal(hd_u256_exp(zero, zero), one));
    assert_true(hd_u256_is_zero(hd_u256_exp(zero, one)));
    mpz_clear(top);
    numbers_clear(&m);
}

static void u256_comparisons_agree_with_gmp(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (int i = 0; i < CASE_CNT; i++) {
        hd_u256 a = random_word(), b = random_word_near(a);
        set(m.a, a);
        set(m.b, b);
        set_signed(m.sa, a);
        set_signed(m.sb, b);
        assert_int_equal(hd_u256_lt(a, b), mpz_cmp(m.a, m.b) < 0);
        assert_int_equal(hd_u256_slt(a, b), mpz_cmp(m.sa, m.sb) < 0);
        assert_int_equal(hd_u256_is_equal(a, b), mpz_cmp(m.a, m.b) == 0);
        assert_int_equal(hd_u256_is_equal(a, a), 1);
        assert_int_equal(hd_u256_is_zero(a), mpz_sgn(m.a) == 0);
        assert_int_equal(hd_u256_fits_u64(a), mpz_sizeinbase(m.a, 2) <= 64);
        unsigned len = mpz_sgn(m.a) == 0 ? 0 : (unsigned)mpz_sizeinbase(m.a, 2);
        assert_int_equal(hd_u256_bit_len(a), len);
        assert_int_equal(hd_u256_clz(a), 256 - len);
        assert_int_equal(hd_u256_byte_len(a), (len + 7) / 8);
    }
    numbers_clear(&m);
}

static void u256_bitwise_operations_agree_with_gmp(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (int i = 0; i < CASE_CNT; i++) {
        hd_u256 a = random_word(), b = random_word_near(a), n = hd_u256_zero();
        set(m.a, a);
        set(m.b, b);
        mpz_and(m.r, m.a, m.b);
        EXPECT("and", hd_u256_and(a, b));
        mpz_ior(m.r, m.a, m.b);
        EXPECT("or", hd_u256_or(a, b));
        mpz_xor(m.r, m.a, m.b);
        EXPECT("xor", hd_u256_xor(a, b));
        mpz_com(m.r, m.a);
        EXPECT("not", hd_u256_not(a));
    }
    numbers_clear(&m);
}

static void u256_shifts_agree_with_gmp_for_every_amount(void **state) {
    (void)state;
    numbers m;
    numbers_init(&m);
    for (unsigned i = 0; i < CASE_CNT; i++) {
        unsigned s = i % 300;
        hd_u256 a = hd_u256_from_u64(s), b = random_word(), n = hd_u256_zero();
        set(m.b, b);
        set_signed(m.sb, b);
        mpz_mul_2exp(m.r, m.b, s);
        EXPECT("shl", hd_u256_shl(a, b));
        EXPECT("shl_bits", hd_u256_shl_bits(b, s));
        mpz_fdiv_q_2exp(m.r, m.b, s);
        EXPECT("shr", hd_u256_shr(a, b));
        EXPECT("shr_bits", hd_u256_shr_bits(b, s));
        mpz_fdiv_q_2exp(m.r, m.sb, s);
        EXPECT("sar", hd_u256_sar(a, b));
        EXPECT("sar_bits", hd_u256_sar_bits(b, s));
    }
    numbers_clear(&m);
}

static void u256_huge_shift_clears_or_fills(void **state) {
    (void)state;
    for (int i = 0; i < 3000; i++) {
        hd_u256 x = random_word(), s = random_word();
        s.w[i % 4] |= i % 4 ? 1u : 256u;
        hd_u256 fill = x.w[3] >> 63 ? hd_u256_not(hd_u256_zero()) : hd_u256_zero();
        assert_true(hd_u256_is_zero(hd_u256_shl(s, x)));
        assert_true(hd_u256_is_zero(hd_u256_shr(s, x)));
        assert_true(hd_u256_is_equal(hd_u256_sar(s, x), fill));
    }
}

static void u256_byte_counts_from_the_most_significant(void **state) {
    (void)state;
    for (int i = 0; i < 2000; i++) {
        hd_u256 x = random_word(), idx = random_word();
        uint8_t p[32];
        hd_u256_store_be(p, x);
        for (unsigned k = 0; k < 32; k++) {
            hd_u256 want = hd_u256_from_u64(p[k]);
            assert_true(hd_u256_is_equal(hd_u256_byte(hd_u256_from_u64(k), x), want));
        }
        idx.w[i % 4] |= i % 4 ? 1u : 32u;
        assert_true(hd_u256_is_zero(hd_u256_byte(idx, x)));
    }
}

static void u256_signextend_repeats_the_sign_of_its_byte(void **state) {
    (void)state;
    for (int i = 0; i < 2000; i++) {
        hd_u256 x = random_word(), idx = random_word();
        for (unsigned k = 0; k < 34; k++) {
            uint8_t p[32];
            hd_u256_store_be(p, x);
            for (unsigned j = 0; k < 31 && j < 31 - k; j++)
                p[j] = p[31 - k] & 0x80 ? 0xff : 0;
            hd_u256 got = hd_u256_signextend(hd_u256_from_u64(k), x);
            assert_true(hd_u256_is_equal(got, hd_u256_load_be(p)));
        }
        idx.w[i % 4] |= i % 4 ? 1u : 31u;
        if (hd_u256_fits_u64(idx) && idx.w[0] < 31)
            continue;
        assert_true(hd_u256_is_equal(hd_u256_signextend(idx, x), x));
    }
}

static void u256_bytes_are_big_endian_at_any_alignment(void **state) {
    (void)state;
    uint8_t buf[64], back[64];
    for (unsigned i = 0; i < 64; i++)
        buf[i] = (uint8_t)(i * 37 + 11);
    for (unsigned off = 0; off < 16; off++) {
        hd_u256 x = hd_u256_load_be(buf + off), rev = hd_u256_bswap(x);
        memset(back, 0xa5, sizeof back);
        hd_u256_store_be(back + off, x);
        assert_memory_equal(back + off, buf + off, 32);
        for (unsigned i = 0; i < 64; i++)
            assert_true((i >= off && i < off + 32) || back[i] == 0xa5);
        for (unsigned i = 0; i < 32; i++) {
            assert_int_equal((x.w[i / 8] >> 8 * (i % 8)) & 0xff, buf[off + 31 - i]);
            assert_int_equal((rev.w[i / 8] >> 8 * (i % 8)) & 0xff, buf[off + i]);
        }
        for (unsigned n = 0; n <= 40; n++) {
            unsigned used = n > 32 ? 32 : n;
            uint8_t p[32] = {0};
            memcpy(p + 32 - used, buf + off, used);
            assert_true(hd_u256_is_equal(hd_u256_load_be_n(buf + off, n), hd_u256_load_be(p)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u256_sums_and_products_agree_with_gmp),
        cmocka_unit_test(u256_division_agrees_with_gmp),
        cmocka_unit_test(u256_division_survives_digits_at_their_limits),
        cmocka_unit_test(u256_division_by_every_power_of_two_agrees_with_gmp),
        cmocka_unit_test(u256_products_modulo_all_ones_agree_with_gmp),
        cmocka_unit_test(u256_division_by_zero_gives_zero),
        cmocka_unit_test(u256_smallest_number_over_minus_one_is_itself),
        cmocka_unit_test(u256_modular_sums_and_products_agree_with_gmp),
        cmocka_unit_test(u256_powers_agree_with_gmp),
        cmocka_unit_test(u256_comparisons_agree_with_gmp),
        cmocka_unit_test(u256_bitwise_operations_agree_with_gmp),
        cmocka_unit_test(u256_shifts_agree_with_gmp_for_every_amount),
        cmocka_unit_test(u256_huge_shift_clears_or_fills),
        cmocka_unit_test(u256_byte_counts_from_the_most_significant),
        cmocka_unit_test(u256_signextend_repeats_the_sign_of_its_byte),
        cmocka_unit_test(u256_bytes_are_big_endian_at_any_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
