/* hd_bn254.h - the curve of EIP-196 and EIP-197 (alt_bn128): addition, multiplication, pairing.

   E: y^2 = x^3 + 3 over p, of prime order r; the second group lies on the twist
   y^2 = x^3 + 3/(9+i) over Fp2 = Fp[i]/(i^2+1). Tower: Fp6 = Fp2[v]/(v^3 - (9+i)),
   Fp12 = Fp6[w]/(w^2 - v). u = 4965661367192848881 generates the family: p, r and the
   trace 6u^2 + 1 are polynomials in u.

   Field elements are in Montgomery form and always below p. Everything above an addition is
   HD_NOINL: inlined, a pairing would be a kernel too large to compile. */
#ifndef HD_BN254_H
#define HD_BN254_H

#include "crypto/hd_field256.h"

/* ---- Fp ---- */

#define HD_BN_NEG_INV 0x87d20782e4866389ull

HD_INL const hd_f256 *hd_bn_p(void) {
    HD_TABLE(hd_f256, p, 1) = {{{0x3c208c16d87cfd47ull, 0x97816a916871ca8dull,
                                 0xb85045b68181585dull, 0x30644e72e131a029ull}}};
    return p;
}

HD_INL hd_f256 hd_bn_one(void) {
    return hd_f256_make(0x0e0a77c19a07df2full, 0x666ea36f7879462cull, 0x0a78eb28f5c70b3dull,
                        0xd35d438dc58f0d9dull);
}

HD_INL hd_f256 hd_bn_rr(void) {
    return hd_f256_make(0x06d89f71cab8351full, 0x47ab1eff0a417ff6ull, 0xb5e71911d44501fbull,
                        0xf32cfc5b538afa89ull);
}

HD_INL hd_f256 hd_bn_zero(void) { return hd_f256_make(0, 0, 0, 0); }

HD_INL void hd_bn_fp_add(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256_add_mod(r, a, b, hd_bn_p());
}

HD_INL void hd_bn_fp_sub(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256_sub_mod(r, a, b, hd_bn_p());
}

HD_INL void hd_bn_fp_neg(hd_f256 *r, const hd_f256 *a) {
    hd_f256 z = hd_bn_zero();
    hd_bn_fp_sub(r, &z, a);
}

#if defined(__CUDACC__)
/* By value: the device passes 32-byte structs in registers, a pointer would go through memory. */
HD_NOINL hd_f256 hd_bn_fp_mul_val(hd_f256 a, hd_f256 b) {
    hd_f256 r;
    hd_f256_mont_mul(&r, &a, &b, hd_bn_p(), HD_BN_NEG_INV, 1);
    return r;
}
HD_INL void hd_bn_fp_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    *r = hd_bn_fp_mul_val(*a, *b);
}
#else
HD_NOINL void hd_bn_fp_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256_mont_mul(r, a, b, hd_bn_p(), HD_BN_NEG_INV, 1);
}
#endif

HD_INL void hd_bn_fp_sqr(hd_f256 *r, const hd_f256 *a) { hd_bn_fp_mul(r, a, a); }

HD_NOINL void hd_bn_fp_inv(hd_f256 *r, const hd_f256 *a) {
    hd_f256_mod m;
    m.m = *hd_bn_p();
    m.neg_inv = HD_BN_NEG_INV;
    m.one = hd_bn_one();
    m.rr = hd_bn_rr();
    hd_f256_inv_mod(r, a, &m);
}

/* Big-endian bytes into Montgomery form; 0 if not below p. */
HD_NOINL int hd_bn_fp_load(hd_f256 *r, const uint8_t *in) {
    hd_f256 rr = hd_bn_rr(), x = hd_f256_load_be(in);
    if (!hd_f256_is_below(&x, hd_bn_p()))
        return 0;
    hd_bn_fp_mul(r, &x, &rr);
    return 1;
}

HD_NOINL void hd_bn_fp_store(uint8_t *out, const hd_f256 *a) {
    hd_f256 one = hd_f256_make(0, 0, 0, 1), x;
    hd_bn_fp_mul(&x, a, &one);
    hd_f256_store_be(out, &x);
}

/* ---- Fp2 ---- */

typedef struct {
    hd_f256 c0, c1; /* c0 + c1*i */
} hd_bn_fp2;

HD_INL hd_bn_fp2 hd_bn_fp2_make(hd_f256 c0, hd_f256 c1) {
    hd_bn_fp2 r;
    r.c0 = c0;
    r.c1 = c1;
    return r;
}

HD_INL int hd_bn_fp2_is_zero(const hd_bn_fp2 *a) {
    return hd_f256_is_zero(&a->c0) & hd_f256_is_zero(&a->c1);
}

HD_INL int hd_bn_fp2_is_equal(const hd_bn_fp2 *a, const hd_bn_fp2 *b) {
    return hd_f256_is_equal(&a->c0, &b->c0) & hd_f256_is_equal(&a->c1, &b->c1);
}

HD_NOINL void hd_bn_fp2_add(hd_bn_fp2 *r, const hd_bn_fp2 *a, const hd_bn_fp2 *b) {
    hd_bn_fp_add(&r->c0, &a->c0, &b->c0);
    hd_bn_fp_add(&r->c1, &a->c1, &b->c1);
}

HD_NOINL void hd_bn_fp2_sub(hd_bn_fp2 *r, const hd_bn_fp2 *a, const hd_bn_fp2 *b) {
    hd_bn_fp_sub(&r->c0, &a->c0, &b->c0);
    hd_bn_fp_sub(&r->c1, &a->c1, &b->c1);
}

HD_INL void hd_bn_fp2_neg(hd_bn_fp2 *r, const hd_bn_fp2 *a) {
    hd_bn_fp_neg(&r->c0, &a->c0);
    hd_bn_fp_neg(&r->c1, &a->c1);
}

HD_INL void hd_bn_fp2_conj(hd_bn_fp2 *r, const hd_bn_fp2 *a) {
    r->c0 = a->c0;
    hd_bn_fp_neg(&r->c1, &a->c1);
}

HD_NOINL void hd_bn_fp2_mul(hd_bn_fp2 *r, const hd_bn_fp2 *a, const hd_bn_fp2 *b) {
    hd_f256 s, t, v0, v1;
    hd_bn_fp_add(&s, &a->c0, &a->c1);
    hd_bn_fp_add(&t, &b->c0, &b->c1);
    hd_bn_fp_mul(&v0, &a->c0, &b->c0);
    hd_bn_fp_mul(&v1, &a->c1, &b->c1);
    hd_bn_fp_mul(&s, &s, &t);
    hd_bn_fp_sub(&r->c0, &v0, &v1);
    hd_bn_fp_sub(&s, &s, &v0);
    hd_bn_fp_sub(&r->c1, &s, &v1);
}

HD_NOINL void hd_bn_fp2_sqr(hd_bn_fp2 *r, const hd_bn_fp2 *a) {
    hd_f256 s, d, t;
    hd_bn_fp_add(&s, &a->c0, &a->c1);
    hd_bn_fp_sub(&d, &a->c0, &a->c1);
    hd_bn_fp_mul(&t, &a->c0, &a->c1);
    hd_bn_fp_mul(&r->c0, &s, &d);
    hd_bn_fp_add(&r->c1, &t, &t);
}

HD_INL void hd_bn_fp2_mul_fp(hd_bn_fp2 *r, const hd_bn_fp2 *a, const hd_f256 *k) {
    hd_bn_fp_mul(&r->c0, &a->c0, k);
    hd_bn_fp_mul(&r->c1, &a->c1, k);
}

/* r = a * (9 + i) = (9 c0 - c1) + (9 c1 + c0) i */
HD_NOINL void hd_bn_fp2_mul_xi(hd_bn_fp2 *r, const hd_bn_fp2 *a) {
    hd_f256 x = a->c0, y = a->c1;
    for (int i = 0; i < 3; i++) {
        hd_bn_fp_add(&x, &x, &x);
        hd_bn_fp_add(&y, &y, &y);
    }
    hd_bn_fp_add(&x, &x, &a->c0);
    hd_bn_fp_add(&y, &y, &a->c1);
    hd_bn_fp_sub(&x, &x, &a->c1);
    hd_bn_fp_add(&y, &y, &a->c0);
    r->c0 = x;
    r->c1 = y;
}

HD_NOINL void hd_bn_fp2_inv(hd_bn_fp2 *r, const hd_bn_fp2 *a) {
    hd_f256 n, t;
    hd_bn_fp_sqr(&n, &a->c0);
    hd_bn_fp_sqr(&t, &a->c1);
    hd_bn_fp_add(&n, &n, &t);
    hd_bn_fp_inv(&n, &n);
    hd_bn_fp_mul(&r->c0, &a->c0, &n);
    hd_bn_fp_mul(&t, &a->c1, &n);
    hd_bn_fp_neg(&r->c1, &t);
}

/* (9+i)^(k(p-1)/6), k = 1..5: what the p-th power does to w^k. */
HD_NOINL hd_bn_fp2 hd_bn_frob_gamma(uint32_t k) {
    HD_TABLE(uint64_t, tab, 40) = {
        0xaf9ba69633144907ull, 0xca6b1d7387afb78aull, 0x11bded5ef08a2087ull, 0x02f34d751a1f3a7cull,
        0xa222ae234c492d72ull, 0xd00f02a4565de15bull, 0xdc2ff3a253dfc926ull, 0x10a75716b3899551ull,
        0xb5773b104563ab30ull, 0x347f91c8a9aa6454ull, 0x7a007127242e0991ull, 0x1956bcd8118214ecull,
        0x6e849f1ea0aa4757ull, 0xaa1c7b6d89f89141ull, 0xb6e713cdfae0ca3aull, 0x26694fbb4e82ebc3ull,
        0xe4bbdd0c2936b629ull, 0xbb30f162e133bacbull, 0x31a9d1b6f9645366ull, 0x253570bea500f8ddull,
        0xa1d77ce45ffe77c7ull, 0x07affd117826d1dbull, 0x6d16bd27bb7edc6bull, 0x2c87200285defeccull,
        0x7361d77f843abe92ull, 0xa5bb2bd3273411fbull, 0x9c941f314b3e2399ull, 0x15df9cddbb9fd3ecull,
        0x5dddfd154bd8c949ull, 0x62cb29a5a4445b60ull, 0x37bc870a0c7dd2b9ull, 0x24830a9d3171f0fdull,
        0xc970692f41690fe7ull, 0xe240342127694b0bull, 0x32bee66b83c459e8ull, 0x12aabced0ab08841ull,
        0x0d485d2340aebfa9ull, 0x05193418ab2fcc57ull, 0xd3b0a40b8a4910f5ull, 0x2f21ebb535d2925aull,
    };
    const uint64_t *t = tab + 8 * ((k - 1) % 5u);
    return hd_bn_fp2_make(hd_f256_make(t[3], t[2], t[1], t[0]),
                          hd_f256_make(t[7], t[6], t[5], t[4]));
}

/* The same for the p^2-th power: the norm of the above, which lies in Fp. */
HD_NOINL hd_f256 hd_bn_frob2_gamma(uint32_t k) {
    hd_bn_fp2 g = hd_bn_frob_gamma(k), c;
    hd_bn_fp2_conj(&c, &g);
    hd_bn_fp2_mul(&g, &g, &c);
    return g.c0;
}

/* ---- Fp6 ---- */

typedef struct {
    hd_bn_fp2 b0, b1, b2; /* b0 + b1*v + b2*v^2 */
} hd_bn_fp6;

HD_NOINL void hd_bn_fp6_add(hd_bn_fp6 *r, const hd_bn_fp6 *a, const hd_bn_fp6 *b) {
    hd_bn_fp2_add(&r->b0, &a->b0, &b->b0);
    hd_bn_fp2_add(&r->b1, &a->b1, &b->b1);
    hd_bn_fp2_add(&r->b2, &a->b2, &b->b2);
}

HD_NOINL void hd_bn_fp6_sub(hd_bn_fp6 *r, const hd_bn_fp6 *a, const hd_bn_fp6 *b) {
    hd_bn_fp2_sub(&r->b0, &a->b0, &b->b0);
    hd_bn_fp2_sub(&r->b1, &a->b1, &b->b1);
    hd_bn_fp2_sub(&r->b2, &a->b2, &b->b2);
}

HD_NOINL void hd_bn_fp6_neg(hd_bn_fp6 *r, const hd_bn_fp6 *a) {
    hd_bn_fp2_neg(&r->b0, &a->b0);
    hd_bn_fp2_neg(&r->b1, &a->b1);
    hd_bn_fp2_neg(&r->b2, &a->b2);
}

/* r = a * v; r may be a */
HD_NOINL void hd_bn_fp6_mul_v(hd_bn_fp6 *r, const hd_bn_fp6 *a) {
    hd_bn_fp2 t;
    hd_bn_fp2_mul_xi(&t, &a->b2);
    r->b2 = a->b1;
    r->b1 = a->b0;
    r->b0 = t;
}

/* Karatsuba: six multiplications in Fp2. r may be a or b. */
HD_NOINL void hd_bn_fp6_mul(hd_bn_fp6 *r, const hd_bn_fp6 *a, const hd_bn_fp6 *b) {
    hd_bn_fp2 v0, v1, v2, s, t, c0, c1;
    hd_bn_fp2_mul(&v0, &a->b0, &b->b0);
    hd_bn_fp2_mul(&v1, &a->b1, &b->b1);
    hd_bn_fp2_mul(&v2, &a->b2, &b->b2);

    hd_bn_fp2_add(&s, &a->b1, &a->b2);
    hd_bn_fp2_add(&t, &b->b1, &b->b2);
    hd_bn_fp2_mul(&c0, &s, &t);
    hd_bn_fp2_sub(&c0, &c0, &v1);
    hd_bn_fp2_sub(&c0, &c0, &v2);
    hd_bn_fp2_mul_xi(&c0, &c0);
    hd_bn_fp2_add(&c0, &c0, &v0);

    hd_bn_fp2_add(&s, &a->b0, &a->b1);
    hd_bn_fp2_add(&t, &b->b0, &b->b1);
    hd_bn_fp2_mul(&c1, &s, &t);
    hd_bn_fp2_sub(&c1, &c1, &v0);
    hd_bn_fp2_sub(&c1, &c1, &v1);

    hd_bn_fp2_add(&s, &a->b0, &a->b2);
    hd_bn_fp2_add(&t, &b->b0, &b->b2);
    hd_bn_fp2_mul(&s, &s, &t);
    hd_bn_fp2_sub(&s, &s, &v0);
    hd_bn_fp2_sub(&s, &s, &v2);
    hd_bn_fp2_add(&r->b2, &s, &v1);

    hd_bn_fp2_mul_xi(&t, &v2);
    hd_bn_fp2_add(&r->b1, &c1, &t);
    r->b0 = c0;
}

/* r = a * (b0 + b1*v): five multiplications. r may be a. */
HD_NOINL void hd_bn_fp6_mul_01(hd_bn_fp6 *r, const hd_bn_fp6 *a, const hd_bn_fp2 *b0,
                               const hd_bn_fp2 *b1) {
    hd_bn_fp2 v0, v1, s, t, c0, c2;
    hd_bn_fp2_mul(&v0, &a->b0, b0);
    hd_bn_fp2_mul(&v1, &a->b1, b1);

    hd_bn_fp2_add(&s, &a->b1, &a->b2);
    hd_bn_fp2_mul(&c0, &s, b1);
    hd_bn_fp2_sub(&c0, &c0, &v1);
    hd_bn_fp2_mul_xi(&c0, &c0);
    hd_bn_fp2_add(&c0, &c0, &v0);

    hd_bn_fp2_add(&s, &a->b0, &a->b2);
    hd_bn_fp2_mul(&c2, &s, b0);
    hd_bn_fp2_sub(&c2, &c2, &v0);
    hd_bn_fp2_add(&c2, &c2, &v1);

    hd_bn_fp2_add(&s, &a->b0, &a->b1);
    hd_bn_fp2_add(&t, b0, b1);
    hd_bn_fp2_mul(&s, &s, &t);
    hd_bn_fp2_sub(&s, &s, &v0);
    hd_bn_fp2_sub(&r->b1, &s, &v1);
    r->b0 = c0;
    r->b2 = c2;
}

HD_NOINL void hd_bn_fp6_inv(hd_bn_fp6 *r, const hd_bn_fp6 *a) {
    hd_bn_fp2 t0, t1, t2, d, s;
    hd_bn_fp2_sqr(&t0, &a->b0);
    hd_bn_fp2_mul(&s, &a->b1, &a->b2);
    hd_bn_fp2_mul_xi(&s, &s);
    hd_bn_fp2_sub(&t0, &t0, &s); /* b0^2 - xi b1 b2 */
    hd_bn_fp2_sqr(&t1, &a->b2);
    hd_bn_fp2_mul_xi(&t1, &t1);
    hd_bn_fp2_mul(&s, &a->b0, &a->b1);
    hd_bn_fp2_sub(&t1, &t1, &s); /* xi b2^2 - b0 b1 */
    hd_bn_fp2_sqr(&t2, &a->b1);
    hd_bn_fp2_mul(&s, &a->b0, &a->b2);
    hd_bn_fp2_sub(&t2, &t2, &s); /* b1^2 - b0 b2 */
    hd_bn_fp2_mul(&d, &a->b2, &t1);
    hd_bn_fp2_mul(&s, &a->b1, &t2);
    hd_bn_fp2_add(&d, &d, &s);
    hd_bn_fp2_mul_xi(&d, &d);
    hd_bn_fp2_mul(&s, &a->b0, &t0);
    hd_bn_fp2_add(&d, &d, &s); /* the norm */
    hd_bn_fp2_inv(&d, &d);
    hd_bn_fp2_mul(&r->b0, &t0, &d);
    hd_bn_fp2_mul(&r->b1, &t1, &d);
    hd_bn_fp2_mul(&r->b2, &t2, &d);
}

/* ---- Fp12 ---- */

typedef struct {
    hd_bn_fp6 c0, c1; /* c0 + c1*w */
} hd_bn_fp12;

HD_NOINL void hd_bn_fp12_set_one(hd_bn_fp12 *r) {
    hd_zero(r, sizeof *r);
    r->c0.b0.c0 = hd_bn_one();
}

HD_NOINL int hd_bn_fp12_is_one(const hd_bn_fp12 *a) {
    hd_bn_fp12 one;
    hd_bn_fp12_set_one(&one);
    return hd_bn_fp2_is_equal(&a->c0.b0, &one.c0.b0) & hd_bn_fp2_is_zero(&a->c0.b1) &
           hd_bn_fp2_is_zero(&a->c0.b2) & hd_bn_fp2_is_zero(&a->c1.b0) &
           hd_bn_fp2_is_zero(&a->c1.b1) & hd_bn_fp2_is_zero(&a->c1.b2);
}

HD_NOINL void hd_bn_fp12_mul(hd_bn_fp12 *r, const hd_bn_fp12 *a, const hd_bn_fp12 *b) {
    hd_bn_fp6 v0, v1, s, t;
    hd_bn_fp6_mul(&v0, &a->c0, &b->c0);
    hd_bn_fp6_mul(&v1, &a->c1, &b->c1);
    hd_bn_fp6_add(&s, &a->c0, &a->c1);
    hd_bn_fp6_add(&t, &b->c0, &b->c1);
    hd_bn_fp6_mul(&s, &s, &t);
    hd_bn_fp6_sub(&s, &s, &v0);
    hd_bn_fp6_sub(&r->c1, &s, &v1);
    hd_bn_fp6_mul_v(&v1, &v1);
    hd_bn_fp6_add(&r->c0, &v0, &v1);
}

HD_NOINL void hd_bn_fp12_sqr(hd_bn_fp12 *r, const hd_bn_fp12 *a) {
    hd_bn_fp6 s, t, m;
    hd_bn_fp6_mul(&m, &a->c0, &a->c1);
    hd_bn_fp6_add(&s, &a->c0, &a->c1);
    hd_bn_fp6_mul_v(&t, &a->c1);
    hd_bn_fp6_add(&t, &t, &a->c0);
    hd_bn_fp6_mul(&s, &s, &t);
    hd_bn_fp6_sub(&s, &s, &m);
    hd_bn_fp6_add(&r->c1, &m, &m);
    hd_bn_fp6_mul_v(&m, &m);
    hd_bn_fp6_sub(&r->c0, &s, &m);
}

/* The p^6-th power; the inverse for elements of norm 1, which all are after the easy part of the
   final exponentiation. */
HD_INL void hd_bn_fp12_conj(hd_bn_fp12 *r, const hd_bn_fp12 *a) {
    r->c0 = a->c0;
    hd_bn_fp6_neg(&r->c1, &a->c1);
}

HD_NOINL void hd_bn_fp12_inv(hd_bn_fp12 *r, const hd_bn_fp12 *a) {
    hd_bn_fp6 s, t;
    hd_bn_fp6_mul(&s, &a->c0, &a->c0);
    hd_bn_fp6_mul(&t, &a->c1, &a->c1);
    hd_bn_fp6_mul_v(&t, &t);
    hd_bn_fp6_sub(&s, &s, &t);
    hd_bn_fp6_inv(&s, &s);
    hd_bn_fp6_mul(&r->c0, &a->c0, &s);
    hd_bn_fp6_mul(&t, &a->c1, &s);
    hd_bn_fp6_neg(&r->c1, &t);
}

/* r = a * (l0 + l1*w + l2*w^3), the shape of a line's value. */
HD_NOINL void hd_bn_fp12_mul_line(hd_bn_fp12 *r, const hd_bn_fp2 *l0, const hd_bn_fp2 *l1,
                                  const hd_bn_fp2 *l2) {
    hd_bn_fp6 v0, v1, s;
    hd_bn_fp2 t;
    hd_bn_fp2_mul(&v0.b0, &r->c0.b0, l0);
    hd_bn_fp2_mul(&v0.b1, &r->c0.b1, l0);
    hd_bn_fp2_mul(&v0.b2, &r->c0.b2, l0);
    hd_bn_fp6_mul_01(&v1, &r->c1, l1, l2);
    hd_bn_fp6_add(&s, &r->c0, &r->c1);
    hd_bn_fp2_add(&t, l0, l1);
    hd_bn_fp6_mul_01(&s, &s, &t, l2);
    hd_bn_fp6_sub(&s, &s, &v0);
    hd_bn_fp6_sub(&r->c1, &s, &v1);
    hd_bn_fp6_mul_v(&v1, &v1);
    hd_bn_fp6_add(&r->c0, &v0, &v1);
}

/* (x + y*s)^2 with s^2 = xi: one of the three squarings in Fp4 that a cyclotomic square takes. */
HD_NOINL void hd_bn_fp4_sqr(hd_bn_fp2 *r0, hd_bn_fp2 *r1, const hd_bn_fp2 *x, const hd_bn_fp2 *y) {
    hd_bn_fp2 xx, yy, s;
    hd_bn_fp2_sqr(&xx, x);
    hd_bn_fp2_sqr(&yy, y);
    hd_bn_fp2_add(&s, x, y);
    hd_bn_fp2_sqr(&s, &s);
    hd_bn_fp2_sub(&s, &s, &xx);
    hd_bn_fp2_sub(r1, &s, &yy);
    hd_bn_fp2_mul_xi(&yy, &yy);
    hd_bn_fp2_add(r0, &xx, &yy);
}

/* r = 3t - 2z and r = 3t + 2z; r may be z */
HD_INL void hd_bn_cyc_minus(hd_bn_fp2 *r, const hd_bn_fp2 *t, const hd_bn_fp2 *z) {
    hd_bn_fp2 s;
    hd_bn_fp2_sub(&s, t, z);
    hd_bn_fp2_add(&s, &s, &s);
    hd_bn_fp2_add(r, &s, t);
}
HD_INL void hd_bn_cyc_plus(hd_bn_fp2 *r, const hd_bn_fp2 *t, const hd_bn_fp2 *z) {
    hd_bn_fp2 s;
    hd_bn_fp2_add(&s, t, z);
    hd_bn_fp2_add(&s, &s, &s);
    hd_bn_fp2_add(r, &s, t);
}

/* Granger and Scott's squaring in the cyclotomic subgroup (order dividing p^4 - p^2 + 1). */
HD_NOINL void hd_bn_fp12_cyc_sqr(hd_bn_fp12 *r) {
    hd_bn_fp2 t0, t1, t2, t3;
    hd_bn_fp4_sqr(&t0, &t1, &r->c0.b0, &r->c1.b1);
    hd_bn_cyc_minus(&r->c0.b0, &t0, &r->c0.b0);
    hd_bn_cyc_plus(&r->c1.b1, &t1, &r->c1.b1);
    hd_bn_fp4_sqr(&t0, &t1, &r->c1.b0, &r->c0.b2);
    hd_bn_fp4_sqr(&t2, &t3, &r->c0.b1, &r->c1.b2);
    hd_bn_cyc_minus(&r->c0.b1, &t0, &r->c0.b1);
    hd_bn_cyc_plus(&r->c1.b2, &t1, &r->c1.b2);
    hd_bn_fp2_mul_xi(&t3, &t3);
    hd_bn_cyc_plus(&r->c1.b0, &t3, &r->c1.b0);
    hd_bn_cyc_minus(&r->c0.b2, &t2, &r->c0.b2);
}

/* r = a^p: conjugate each coefficient of w^k, then multiply it by gamma_k. */
HD_NOINL void hd_bn_fp12_frob(hd_bn_fp12 *r, const hd_bn_fp12 *a) {
    hd_bn_fp2 g, t;
    hd_bn_fp2_conj(&r->c0.b0, &a->c0.b0);
    g = hd_bn_frob_gamma(1);
    hd_bn_fp2_conj(&t, &a->c1.b0);
    hd_bn_fp2_mul(&r->c1.b0, &t, &g);
    g = hd_bn_frob_gamma(2);
    hd_bn_fp2_conj(&t, &a->c0.b1);
    hd_bn_fp2_mul(&r->c0.b1, &t, &g);
    g = hd_bn_frob_gamma(3);
    hd_bn_fp2_conj(&t, &a->c1.b1);
    hd_bn_fp2_mul(&r->c1.b1, &t, &g);
    g = hd_bn_frob_gamma(4);
    hd_bn_fp2_conj(&t, &a->c0.b2);
    hd_bn_fp2_mul(&r->c0.b2, &t, &g);
    g = hd_bn_frob_gamma(5);
    hd_bn_fp2_conj(&t, &a->c1.b2);
    hd_bn_fp2_mul(&r->c1.b2, &t, &g);
}

/* u and 6u+2 in signed binary: bits of +1 and of -1. */
#define HD_BN_U_TOP 62u
#define HD_BN_U_PLUS 0x450a14044a890a01ull
#define HD_BN_U_MINUS 0x0020815000200010ull
#define HD_BN_ATE_TOP 65u /* the bit above those of the masks below */
#define HD_BN_ATE_PLUS 0x2002004200804028ull
#define HD_BN_ATE_MINUS 0x82889008420a0480ull

/* r = a^u for a of the cyclotomic subgroup; r is not a. */
HD_NOINL void hd_bn_fp12_pow_u(hd_bn_fp12 *r, const hd_bn_fp12 *a) {
    hd_bn_fp12 inv;
    hd_bn_fp12_conj(&inv, a);
    *r = *a;
    for (uint32_t i = HD_BN_U_TOP; i-- > 0;) {
        hd_bn_fp12_cyc_sqr(r);
        if (HD_BN_U_PLUS >> i & 1)
            hd_bn_fp12_mul(r, r, a);
        else if (HD_BN_U_MINUS >> i & 1)
            hd_bn_fp12_mul(r, r, &inv);
    }
}

/* f^((p^12-1)/r * k) with k = 2u(6u^2+3u+1), which is prime to r: the result is one for the same
   f. Easy part: (p^6-1)(p^2+1). Hard part, in base p: the digits are
   1+6u+12u^2+12u^3, 4u+6u^2+12u^3, 6u+6u^2+12u^3, -1+4u+6u^2+12u^3
   (Fuentes-Castaneda, Knapp, Rodriguez-Henriquez: three powers by u). */
HD_NOINL void hd_bn_final_exp(hd_bn_fp12 *f) {
    hd_bn_fp12 t, u2, u4, a, b;
    hd_bn_fp12_inv(&t, f);
    hd_bn_fp12_conj(f, f);
    hd_bn_fp12_mul(f, f, &t);
    hd_bn_fp12_frob(&t, f);
    hd_bn_fp12_frob(&a, &t);
    hd_bn_fp12_mul(f, f, &a);

    hd_bn_fp12_pow_u(&u2, f);
    hd_bn_fp12_cyc_sqr(&u2); /* 2u */
    u4 = u2;
    hd_bn_fp12_cyc_sqr(&u4);      /* 4u */
    hd_bn_fp12_mul(&t, &u4, &u2); /* 6u */
    hd_bn_fp12_pow_u(&b, &t);     /* 6u^2 */
    t = b;
    hd_bn_fp12_cyc_sqr(&t);   /* 12u^2 */
    hd_bn_fp12_pow_u(&a, &t); /* 12u^3 */
    hd_bn_fp12_mul(&a, &a, &b);
    hd_bn_fp12_mul(&a, &a, &u4);  /* 4u+6u^2+12u^3: the digit of p */
    hd_bn_fp12_mul(&u2, &a, &u2); /* the digit of p^2 */
    hd_bn_fp12_mul(&b, &b, &u2);
    hd_bn_fp12_mul(&b, &b, f); /* the digit of 1 */
    hd_bn_fp12_conj(&u4, f);
    hd_bn_fp12_mul(&u4, &u4, &a); /* the digit of p^3 */

    hd_bn_fp12_frob(&t, &u4); /* Horner in the p-th power */
    hd_bn_fp12_mul(&t, &t, &u2);
    hd_bn_fp12_frob(&u4, &t);
    hd_bn_fp12_mul(&u4, &u4, &a);
    hd_bn_fp12_frob(&t, &u4);
    hd_bn_fp12_mul(f, &t, &b);
}

/* ---- first group ---- */

typedef struct {
    hd_f256 x, y;
    uint32_t is_infinity;
} hd_bn_g1;

/* (x/z^2, y/z^3); z = 0 is infinity. */
typedef struct {
    hd_f256 x, y, z;
} hd_bn_g1_jac;

/* EIP-196: both coordinates below p and on the curve, or (0, 0) for infinity. The order is prime,
   so any point of the curve is in the group. */
HD_NOINL int hd_bn_g1_load(hd_bn_g1 *r, const uint8_t in[64]) {
    hd_f256 a, b, three;
    if (!hd_bn_fp_load(&r->x, in) || !hd_bn_fp_load(&r->y, in + 32))
        return 0;
    r->is_infinity = (uint32_t)(hd_f256_is_zero(&r->x) & hd_f256_is_zero(&r->y));
    if (r->is_infinity)
        return 1;
    three = hd_bn_one();
    hd_bn_fp_add(&a, &three, &three);
    hd_bn_fp_add(&three, &three, &a);
    hd_bn_fp_sqr(&a, &r->x);
    hd_bn_fp_mul(&a, &a, &r->x);
    hd_bn_fp_add(&a, &a, &three);
    hd_bn_fp_sqr(&b, &r->y);
    return hd_f256_is_equal(&a, &b);
}

HD_NOINL void hd_bn_g1_double(hd_bn_g1_jac *r) {
    hd_f256 a, b, c, d, e;
    hd_bn_fp_sqr(&b, &r->y);
    hd_bn_fp_mul(&r->z, &r->z, &r->y);
    hd_bn_fp_add(&r->z, &r->z, &r->z);
    hd_bn_fp_sqr(&a, &r->x);
    hd_bn_fp_mul(&d, &r->x, &b);
    hd_bn_fp_add(&e, &a, &a);
    hd_bn_fp_add(&e, &e, &a);
    hd_bn_fp_add(&d, &d, &d);
    hd_bn_fp_add(&d, &d, &d);
    hd_bn_fp_sqr(&c, &b);
    hd_bn_fp_add(&c, &c, &c);
    hd_bn_fp_add(&c, &c, &c);
    hd_bn_fp_add(&c, &c, &c);
    hd_bn_fp_sqr(&a, &e);
    hd_bn_fp_sub(&a, &a, &d);
    hd_bn_fp_sub(&r->x, &a, &d);
    hd_bn_fp_sub(&d, &d, &r->x);
    hd_bn_fp_mul(&e, &e, &d);
    hd_bn_fp_sub(&r->y, &e, &c);
}

/* r += (x, y) */
HD_NOINL void hd_bn_g1_add_affine(hd_bn_g1_jac *r, const hd_f256 *x, const hd_f256 *y) {
    hd_f256 zz, h, s, hh, v;
    if (hd_f256_is_zero(&r->z)) {
        r->x = *x;
        r->y = *y;
        r->z = hd_bn_one();
        return;
    }
    hd_bn_fp_sqr(&zz, &r->z);
    hd_bn_fp_mul(&h, x, &zz);
    hd_bn_fp_sub(&h, &h, &r->x);
    hd_bn_fp_mul(&s, &zz, &r->z);
    hd_bn_fp_mul(&s, &s, y);
    hd_bn_fp_sub(&s, &s, &r->y);
    if (HD_UNLIKELY(hd_f256_is_zero(&h))) {
        if (hd_f256_is_zero(&s))
            hd_bn_g1_double(r);
        else
            hd_zero(r, sizeof *r);
        return;
    }
    hd_bn_fp_mul(&r->z, &r->z, &h);
    hd_bn_fp_sqr(&hh, &h);
    hd_bn_fp_mul(&v, &r->x, &hh);
    hd_bn_fp_mul(&hh, &hh, &h);
    hd_bn_fp_sqr(&zz, &s);
    hd_bn_fp_sub(&zz, &zz, &hh);
    hd_bn_fp_sub(&zz, &zz, &v);
    hd_bn_fp_sub(&r->x, &zz, &v);
    hd_bn_fp_sub(&v, &v, &r->x);
    hd_bn_fp_mul(&v, &v, &s);
    hd_bn_fp_mul(&hh, &hh, &r->y);
    hd_bn_fp_sub(&r->y, &v, &hh);
}

HD_NOINL void hd_bn_g1_store(uint8_t out[64], const hd_bn_g1_jac *a) {
    hd_f256 zi, zz, t;
    if (hd_f256_is_zero(&a->z)) {
        hd_zero(out, 64);
        return;
    }
    hd_bn_fp_inv(&zi, &a->z);
    hd_bn_fp_sqr(&zz, &zi);
    hd_bn_fp_mul(&t, &a->x, &zz);
    hd_bn_fp_store(out, &t);
    hd_bn_fp_mul(&zz, &zz, &zi);
    hd_bn_fp_mul(&t, &a->y, &zz);
    hd_bn_fp_store(out + 32, &t);
}

/* hd_bn254_add writes the sum of two points (x, y big-endian, infinity = zeros): EIP-196 ECADD.
   Returns 1; or 0 with out untouched if a coordinate is not below p or a point is off the curve.
   Any thread, no state; out may be in. */
HD_NOINL int hd_bn254_add(uint8_t out[64], const uint8_t in[128]) {
    hd_bn_g1 a, b;
    hd_bn_g1_jac acc;
    if (!hd_bn_g1_load(&a, in) || !hd_bn_g1_load(&b, in + 64))
        return 0;
    hd_zero(&acc, sizeof acc);
    if (!a.is_infinity)
        hd_bn_g1_add_affine(&acc, &a.x, &a.y);
    if (!b.is_infinity)
        hd_bn_g1_add_affine(&acc, &b.x, &b.y);
    hd_bn_g1_store(out, &acc);
    return 1;
}

/* hd_bn254_mul writes scalar * point: EIP-196 ECMUL, the scalar being any 256-bit number. Returns
   and fails as hd_bn254_add. Signed binary digits: a third of the bits cost an addition. */
HD_NOINL int hd_bn254_mul(uint8_t out[64], const uint8_t in[96]) {
    hd_bn_g1 a;
    hd_bn_g1_jac acc;
    hd_f256 k, k3, neg_y;
    uint64_t top;
    if (!hd_bn_g1_load(&a, in))
        return 0;
    hd_zero(&acc, sizeof acc);
    if (!a.is_infinity) {
        /* bit i+1 of 3k without that of k is a digit +1 at i, the other way round -1. */
        k = hd_f256_load_be(in + 64);
        top = hd_f256_add_raw(&k3, &k, &k);
        top += hd_f256_add_raw(&k3, &k3, &k);
        hd_bn_fp_neg(&neg_y, &a.y);
        for (uint32_t i = 257; i-- > 0;) {
            uint32_t b3 = i + 1 < 256 ? hd_f256_bit(&k3, i + 1) : (uint32_t)(top >> (i - 255)) & 1u;
            uint32_t b1 = i + 1 < 256 ? hd_f256_bit(&k, i + 1) : 0;
            if (!hd_f256_is_zero(&acc.z))
                hd_bn_g1_double(&acc);
            if (b3 != b1)
                hd_bn_g1_add_affine(&acc, &a.x, b3 ? &a.y : &neg_y);
        }
    }
    hd_bn_g1_store(out, &acc);
    return 1;
}

/* ---- second group ---- */

typedef struct {
    hd_bn_fp2 x, y;
    uint32_t is_infinity;
} hd_bn_g2;

typedef struct {
    hd_bn_fp2 x, y, z;
} hd_bn_g2_jac;

HD_NOINL void hd_bn_g2_double(hd_bn_g2_jac *r) {
    hd_bn_fp2 a, b, c, d, e;
    hd_bn_fp2_sqr(&b, &r->y);
    hd_bn_fp2_mul(&r->z, &r->z, &r->y);
    hd_bn_fp2_add(&r->z, &r->z, &r->z);
    hd_bn_fp2_sqr(&a, &r->x);
    hd_bn_fp2_mul(&d, &r->x, &b);
    hd_bn_fp2_add(&e, &a, &a);
    hd_bn_fp2_add(&e, &e, &a);
    hd_bn_fp2_add(&d, &d, &d);
    hd_bn_fp2_add(&d, &d, &d);
    hd_bn_fp2_sqr(&c, &b);
    hd_bn_fp2_add(&c, &c, &c);
    hd_bn_fp2_add(&c, &c, &c);
    hd_bn_fp2_add(&c, &c, &c);
    hd_bn_fp2_sqr(&a, &e);
    hd_bn_fp2_sub(&a, &a, &d);
    hd_bn_fp2_sub(&r->x, &a, &d);
    hd_bn_fp2_sub(&d, &d, &r->x);
    hd_bn_fp2_mul(&e, &e, &d);
    hd_bn_fp2_sub(&r->y, &e, &c);
}

/* r += q, any two points. */
HD_NOINL void hd_bn_g2_add(hd_bn_g2_jac *r, const hd_bn_g2_jac *q) {
    hd_bn_fp2 za, zb, u, h, s, t, hh, v;
    if (hd_bn_fp2_is_zero(&q->z))
        return;
    if (hd_bn_fp2_is_zero(&r->z)) {
        *r = *q;
        return;
    }
    hd_bn_fp2_sqr(&za, &r->z);
    hd_bn_fp2_sqr(&zb, &q->z);
    hd_bn_fp2_mul(&u, &r->x, &zb);
    hd_bn_fp2_mul(&h, &q->x, &za);
    hd_bn_fp2_sub(&h, &h, &u);
    hd_bn_fp2_mul(&t, &zb, &q->z);
    hd_bn_fp2_mul(&t, &t, &r->y);
    hd_bn_fp2_mul(&s, &za, &r->z);
    hd_bn_fp2_mul(&s, &s, &q->y);
    hd_bn_fp2_sub(&s, &s, &t);
    if (hd_bn_fp2_is_zero(&h)) {
        if (hd_bn_fp2_is_zero(&s))
            hd_bn_g2_double(r);
        else
            hd_zero(r, sizeof *r);
        return;
    }
    hd_bn_fp2_mul(&r->z, &r->z, &q->z);
    hd_bn_fp2_mul(&r->z, &r->z, &h);
    hd_bn_fp2_sqr(&hh, &h);
    hd_bn_fp2_mul(&v, &u, &hh);
    hd_bn_fp2_mul(&hh, &hh, &h);
    hd_bn_fp2_sqr(&u, &s);
    hd_bn_fp2_sub(&u, &u, &hh);
    hd_bn_fp2_sub(&u, &u, &v);
    hd_bn_fp2_sub(&r->x, &u, &v);
    hd_bn_fp2_sub(&v, &v, &r->x);
    hd_bn_fp2_mul(&v, &v, &s);
    hd_bn_fp2_mul(&hh, &hh, &t);
    hd_bn_fp2_sub(&r->y, &v, &hh);
}

/* The p-th power carried over to the twist: (conj(x) gamma_2, conj(y) gamma_3), z conjugated. */
HD_NOINL void hd_bn_g2_psi(hd_bn_g2_jac *r) {
    hd_bn_fp2 g = hd_bn_frob_gamma(2);
    hd_bn_fp2_conj(&r->x, &r->x);
    hd_bn_fp2_mul(&r->x, &r->x, &g);
    g = hd_bn_frob_gamma(3);
    hd_bn_fp2_conj(&r->y, &r->y);
    hd_bn_fp2_mul(&r->y, &r->y, &g);
    hd_bn_fp2_conj(&r->z, &r->z);
}

/* 1 if r*q = 0. psi obeys psi^2 - t psi + p = 0 on the twist, whose order is r(2p - r). The norm
   of (u+1) + u psi + u psi^2 - 2u psi^3 in that ring is a multiple of r and prime to 2p - r, so
   this combination vanishes on q exactly when r does (Housni, Guillevic, Piellard 2022; both
   facts were recomputed for this u). It costs 62 doublings instead of 254. */
HD_NOINL int hd_bn_g2_is_in_group(const hd_bn_g2 *q) {
    hd_bn_g2_jac a, base, neg, b, s;
    base.x = q->x;
    base.y = q->y;
    base.z = hd_bn_fp2_make(hd_bn_one(), hd_bn_zero());
    neg = base;
    hd_bn_fp2_neg(&neg.y, &neg.y);
    a = base;
    for (uint32_t i = HD_BN_U_TOP; i-- > 0;) {
        hd_bn_g2_double(&a);
        if (HD_BN_U_PLUS >> i & 1)
            hd_bn_g2_add(&a, &base);
        else if (HD_BN_U_MINUS >> i & 1)
            hd_bn_g2_add(&a, &neg);
    }
    s = a; /* u*q */
    hd_bn_g2_add(&s, &base);
    b = a;
    hd_bn_g2_psi(&b);
    hd_bn_g2_add(&s, &b);
    hd_bn_g2_psi(&b);
    hd_bn_g2_add(&s, &b);
    hd_bn_g2_psi(&b);
    hd_bn_g2_double(&b);
    hd_bn_fp2_neg(&b.y, &b.y);
    hd_bn_g2_add(&s, &b);
    return hd_bn_fp2_is_zero(&s.z);
}

/* EIP-197: imaginary part first, four coordinates below p, on the twist and of order r; all zero
   is infinity. */
HD_NOINL int hd_bn_g2_load(hd_bn_g2 *r, const uint8_t in[128]) {
    hd_bn_fp2 a, b;
    if (!hd_bn_fp_load(&r->x.c1, in) || !hd_bn_fp_load(&r->x.c0, in + 32) ||
        !hd_bn_fp_load(&r->y.c1, in + 64) || !hd_bn_fp_load(&r->y.c0, in + 96))
        return 0;
    r->is_infinity = (uint32_t)(hd_bn_fp2_is_zero(&r->x) & hd_bn_fp2_is_zero(&r->y));
    if (r->is_infinity)
        return 1;
    b = hd_bn_fp2_make(hd_f256_make(0x2514c6324384a86dull, 0x26b7edf049755260ull,
                                    0x020b1b273633535dull, 0x3bf938e377b802a8ull),
                       hd_f256_make(0x0141b9ce4a688d4dull, 0xd749d0dd22ac00aaull,
                                    0x65f0b37d93ce0d3eull, 0x38e7ecccd1dcff67ull)); /* 3/(9+i) */
    hd_bn_fp2_sqr(&a, &r->x);
    hd_bn_fp2_mul(&a, &a, &r->x);
    hd_bn_fp2_add(&a, &a, &b);
    hd_bn_fp2_sqr(&b, &r->y);
    if (!hd_bn_fp2_is_equal(&a, &b))
        return 0;
    return hd_bn_g2_is_in_group(r);
}

/* ---- pairing ---- */

/* Both steps move t and multiply f by the line's value at p, times a factor of Fp2 that the final
   exponentiation kills. A slope k on the twist is k*w on the curve, so the line through (x, y) is
   yp - k*xp*w + (k*x - y)*w^3. minus_xp is -xp. */
HD_NOINL void hd_bn_step_double(hd_bn_fp12 *f, hd_bn_g2_jac *t, const hd_f256 *minus_xp,
                                const hd_f256 *yp) {
    hd_bn_fp2 a, b, c, d, e, zz, l0, l1, l2;
    hd_bn_fp2_sqr(&a, &t->x);
    hd_bn_fp2_sqr(&b, &t->y);
    hd_bn_fp2_sqr(&zz, &t->z);
    hd_bn_fp2_mul(&t->z, &t->z, &t->y);
    hd_bn_fp2_add(&t->z, &t->z, &t->z);
    hd_bn_fp2_add(&e, &a, &a);
    hd_bn_fp2_add(&e, &e, &a); /* 3x^2 */

    hd_bn_fp2_mul(&l0, &t->z, &zz); /* everything is scaled by 2yz^3 */
    hd_bn_fp2_mul_fp(&l0, &l0, yp);
    hd_bn_fp2_mul(&l1, &e, &zz);
    hd_bn_fp2_mul_fp(&l1, &l1, minus_xp);
    hd_bn_fp2_mul(&l2, &e, &t->x);
    hd_bn_fp2_sub(&l2, &l2, &b);
    hd_bn_fp2_sub(&l2, &l2, &b);

    hd_bn_fp2_mul(&d, &t->x, &b);
    hd_bn_fp2_add(&d, &d, &d);
    hd_bn_fp2_add(&d, &d, &d);
    hd_bn_fp2_sqr(&c, &b);
    hd_bn_fp2_add(&c, &c, &c);
    hd_bn_fp2_add(&c, &c, &c);
    hd_bn_fp2_add(&c, &c, &c);
    hd_bn_fp2_sqr(&a, &e);
    hd_bn_fp2_sub(&a, &a, &d);
    hd_bn_fp2_sub(&t->x, &a, &d);
    hd_bn_fp2_sub(&d, &d, &t->x);
    hd_bn_fp2_mul(&e, &e, &d);
    hd_bn_fp2_sub(&t->y, &e, &c);
    hd_bn_fp12_mul_line(f, &l0, &l1, &l2);
}

/* t += (x, y). The two are never equal or opposite: both are multiples of one point of order r,
   by factors that differ modulo r throughout the loop. */
HD_NOINL void hd_bn_step_add(hd_bn_fp12 *f, hd_bn_g2_jac *t, const hd_bn_fp2 *x, const hd_bn_fp2 *y,
                             const hd_f256 *minus_xp, const hd_f256 *yp) {
    hd_bn_fp2 zz, h, s, hh, v, l0, l1, l2;
    hd_bn_fp2_sqr(&zz, &t->z);
    hd_bn_fp2_mul(&h, x, &zz);
    hd_bn_fp2_sub(&h, &h, &t->x);
    hd_bn_fp2_mul(&s, &zz, &t->z);
    hd_bn_fp2_mul(&s, &s, y);
    hd_bn_fp2_sub(&s, &s, &t->y);
    hd_bn_fp2_mul(&t->z, &t->z, &h);

    hd_bn_fp2_mul_fp(&l0, &t->z, yp); /* the slope is s / z: everything is scaled by z */
    hd_bn_fp2_mul_fp(&l1, &s, minus_xp);
    hd_bn_fp2_mul(&l2, &s, x);
    hd_bn_fp2_mul(&v, &t->z, y);
    hd_bn_fp2_sub(&l2, &l2, &v);

    hd_bn_fp2_sqr(&hh, &h);
    hd_bn_fp2_mul(&v, &t->x, &hh);
    hd_bn_fp2_mul(&hh, &hh, &h);
    hd_bn_fp2_sqr(&zz, &s);
    hd_bn_fp2_sub(&zz, &zz, &hh);
    hd_bn_fp2_sub(&zz, &zz, &v);
    hd_bn_fp2_sub(&t->x, &zz, &v);
    hd_bn_fp2_sub(&v, &v, &t->x);
    hd_bn_fp2_mul(&v, &v, &s);
    hd_bn_fp2_mul(&hh, &hh, &t->y);
    hd_bn_fp2_sub(&t->y, &v, &hh);
    hd_bn_fp12_mul_line(f, &l0, &l1, &l2);
}

/* f = Miller function of 6u+2 for q at p, with the two last lines of the optimal ate pairing. */
HD_NOINL void hd_bn_miller(hd_bn_fp12 *f, const hd_bn_g1 *p, const hd_bn_g2 *q) {
    hd_bn_g2_jac t;
    hd_bn_fp2 neg_y, x, g;
    hd_f256 minus_xp, k;
    hd_bn_fp_neg(&minus_xp, &p->x);
    hd_bn_fp2_neg(&neg_y, &q->y);
    t.x = q->x;
    t.y = q->y;
    t.z = hd_bn_fp2_make(hd_bn_one(), hd_bn_zero());
    hd_bn_fp12_set_one(f);
    for (uint32_t i = HD_BN_ATE_TOP; i-- > 0;) {
        if (i + 1 < HD_BN_ATE_TOP)
            hd_bn_fp12_sqr(f, f);
        hd_bn_step_double(f, &t, &minus_xp, &p->y);
        if (i < 64 && (HD_BN_ATE_PLUS >> i & 1))
            hd_bn_step_add(f, &t, &q->x, &q->y, &minus_xp, &p->y);
        else if (i < 64 && (HD_BN_ATE_MINUS >> i & 1))
            hd_bn_step_add(f, &t, &q->x, &neg_y, &minus_xp, &p->y);
    }
    /* + psi(q) */
    hd_bn_fp2 y;
    g = hd_bn_frob_gamma(2);
    hd_bn_fp2_conj(&x, &q->x);
    hd_bn_fp2_mul(&x, &x, &g);
    g = hd_bn_frob_gamma(3);
    hd_bn_fp2_conj(&y, &q->y);
    hd_bn_fp2_mul(&y, &y, &g);
    hd_bn_step_add(f, &t, &x, &y, &minus_xp, &p->y);
    /* - psi^2(q): psi^2 multiplies y by the norm of gamma_3, which is -1, so y stays. */
    k = hd_bn_frob2_gamma(2);
    hd_bn_fp2_mul_fp(&x, &q->x, &k);
    hd_bn_step_add(f, &t, &x, &q->y, &minus_xp, &p->y);
}

/* hd_bn254_pairing tells whether the product of the pairings of pair_cnt pairs (192 bytes each:
   G1 then G2) is one: EIP-197. No pairs give one. Returns 1 with *is_one 0 or 1; or 0 with *is_one
   untouched if any point is malformed, off its curve or not of order r. Memory does not grow with
   pair_cnt: each Miller value is multiplied into one accumulator. Any thread, no state. */
HD_NOINL int hd_bn254_pairing(uint32_t *is_one, const uint8_t *in, size_t pair_cnt) {
    hd_bn_fp12 acc, f;
    hd_bn_g1 p;
    hd_bn_g2 q;
    hd_bn_fp12_set_one(&acc);
    for (size_t i = 0; i < pair_cnt; i++) {
        if (!hd_bn_g1_load(&p, in + 192 * i) || !hd_bn_g2_load(&q, in + 192 * i + 64))
            return 0;
        if (p.is_infinity | q.is_infinity)
            continue;
        hd_bn_miller(&f, &p, &q);
        hd_bn_fp12_mul(&acc, &acc, &f);
    }
    hd_bn_final_exp(&acc);
    *is_one = (uint32_t)hd_bn_fp12_is_one(&acc);
    return 1;
}

#endif
