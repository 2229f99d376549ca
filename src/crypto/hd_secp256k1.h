/* hd_secp256k1.h - public-key recovery on secp256k1 (ECRECOVER and every sender of a transaction).

   The curve is y^2 = x^3 + 7 over p = 2^256 - 2^32 - 977, with prime order n. Recovery computes
   Q = u1*G + u2*R. Both scalars are split in two halves of at most 128 bits by the endomorphism
   lambda*(x, y) = (beta*x, y), and the four half-length products share one ladder of doublings.

   Digits of the halves come in two forms that the ladder treats alike: on the host the sparse
   width-w NAF, on the device digits at fixed places, so that the 32 threads of a warp add at the
   same steps. HD_K1_FIXED picks the form; a test runs both. */
#ifndef HD_SECP256K1_H
#define HD_SECP256K1_H

#include "crypto/hd_field256.h"

#if !defined(HD_K1_FIXED)
#define HD_K1_FIXED HD_ON_DEVICE
#endif

/* ---- the field: any value below 2^256 stands for itself modulo p, until hd_k1_norm ---- */

#define HD_K1_C 0x1000003d1ull /* 2^256 mod p */

HD_INL hd_f256 hd_k1_p(void) {
    return hd_f256_make(0xffffffffffffffffull, 0xffffffffffffffffull, 0xffffffffffffffffull,
                        0xfffffffefffffc2full);
}

HD_INL hd_f256_mod hd_k1_n(void) {
    hd_f256_mod n;
    n.m = hd_f256_make(0xffffffffffffffffull, 0xfffffffffffffffeull, 0xbaaedce6af48a03bull,
                       0xbfd25e8cd0364141ull);
    n.neg_inv = 0x4b0dff665588b13full;
    n.one = hd_f256_make(0, 1, 0x4551231950b75fc4ull, 0x402da1732fc9bebfull);
    n.rr = hd_f256_make(0x9d671cd581c69bc5ull, 0xe697f5e45bcd07c6ull, 0x741496c20e7cf878ull,
                        0x896cf21467d7d140ull);
    return n;
}

HD_INL void hd_k1_norm(hd_f256 *a) {
    hd_f256 p = hd_k1_p(), d;
    uint64_t k = hd_f256_sub_raw(&d, a, &p);
    hd_f256_select(a, a, &d, k ^ 1);
}

HD_INL int hd_k1_is_zero(const hd_f256 *a) {
    hd_f256 p = hd_k1_p();
    return hd_f256_is_zero(a) | hd_f256_is_equal(a, &p);
}

/* A carry out is worth HD_K1_C. Adding that can carry once more only if the sum was within
   HD_K1_C of 2^256; what remains is then so small that the third addition stays in limb 0. */
HD_INL void hd_k1_add(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256 s, k;
    uint64_t c = hd_f256_add_raw(&s, a, b);
    k = hd_f256_make(0, 0, 0, HD_K1_C & (0 - c));
    c = hd_f256_add_raw(r, &s, &k);
    r->w[0] += HD_K1_C & (0 - c);
}

HD_INL void hd_k1_sub(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256 s, k;
    uint64_t c = hd_f256_sub_raw(&s, a, b);
    k = hd_f256_make(0, 0, 0, HD_K1_C & (0 - c));
    c = hd_f256_sub_raw(r, &s, &k);
    r->w[0] -= HD_K1_C & (0 - c);
}

HD_INL void hd_k1_neg(hd_f256 *r, const hd_f256 *a) {
    hd_f256 z = hd_f256_make(0, 0, 0, 0);
    hd_k1_sub(r, &z, a);
}

/* r = s + top * 2^256 for top below 2^34. */
HD_INL void hd_k1_fold(hd_f256 *r, const hd_f256 *s, uint64_t top) {
    hd_f256 k;
    uint64_t lo = top * 977, hi = top >> 32; /* top*C = top*977 + top*2^32 */
    k = hd_f256_make(0, 0, 0, 0);
    k.w[0] = lo + (top << 32);
    k.w[1] = hi + (uint64_t)(k.w[0] < lo);
    uint64_t c = hd_f256_add_raw(r, s, &k);
    uint64_t w0 = r->w[0];
    r->w[0] += HD_K1_C & (0 - c);
    r->w[1] += (uint64_t)(r->w[0] < w0); /* after a carry r is below 2^67: limb 1 has room */
}

#if HD_F256_U128
HD_INL void hd_k1_reduce(hd_f256 *r, const uint64_t t[8]) {
    hd_f256 s;
    uint64_t c;
    HD_F256_MAC(s.w[0], c, t[0], t[4], HD_K1_C, 0);
    HD_F256_MAC(s.w[1], c, t[1], t[5], HD_K1_C, c);
    HD_F256_MAC(s.w[2], c, t[2], t[6], HD_K1_C, c);
    HD_F256_MAC(s.w[3], c, t[3], t[7], HD_K1_C, c);
    hd_k1_fold(r, &s, c);
}
#endif

HD_INL void hd_k1_reduce_rows(hd_f256 *r, const uint32_t t[16]) {
    uint32_t u[10], h[8];
    hd_f256 s;
    for (int i = 0; i < 8; i++) {
        u[i] = t[i];
        h[i] = t[8 + i];
    }
    u[8] = hd_f256_row(u, h[0], h[2], h[4], h[6], 977);
    u[9] = hd_f256_row(u + 1, h[1], h[3], h[5], h[7], 977);
    u[9] += hd_f256_add8(u + 1, h, 0);
    hd_f256_join(&s, u);
    hd_k1_fold(r, &s, (uint64_t)u[8] | (uint64_t)u[9] << 32);
}

HD_INL void hd_k1_mul_rows(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    uint32_t x[8], y[8], t[16];
    hd_f256_split(x, a);
    hd_f256_split(y, b);
    hd_f256_mul_rows(t, x, y);
    hd_k1_reduce_rows(r, t);
}

HD_INL void hd_k1_sqr_rows(hd_f256 *r, const hd_f256 *a) {
    uint32_t x[8], t[16];
    hd_f256_split(x, a);
    hd_f256_sqr_rows(t, x);
    hd_k1_reduce_rows(r, t);
}

#if HD_F256_X86
/* clang-format off: it cannot lay out strings that macros join. */
#define HD_K1_X86_FOLD(hi_limb, lo, hi) \
    "mulxq %[" hi_limb "], %[y], %[z]; adcxq %[y], %[" lo "]; adoxq %[z], %[" hi "];"
/* (t7..t0) mod p: the upper half times C onto the lower one, then what leaves it times C (below
   2^68), then the last carry times C, after which t1 has room. */
#define HD_K1_X86_REDUCE \
    "movabsq $0x1000003d1, %%rdx; xorl %k[y], %k[y];" HD_K1_X86_FOLD("t4", "t0", "t1") \
        HD_K1_X86_FOLD("t5", "t1", "t2") \
            HD_K1_X86_FOLD("t6", "t2", "t3") "movl $0, %k[t4];" HD_K1_X86_FOLD( \
                "t7", "t3", \
                "t4") "movl $0, %k[y]; adcxq %[y], %[t4]; mulxq %[t4], %[y], %[z];" \
                      "addq %[y], %[t0]; adcq %[z], %[t1]; adcq $0, %[t2]; adcq $0, %[t3];" \
                      "movl $0, %k[y]; cmovcq %%rdx, %[y]; addq %[y], %[t0]; adcq $0, %[t1]"
/* clang-format on */

HD_INL void hd_k1_x86_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4, t5, t6, t7, y, z;
    __asm__(HD_F256_X86_WIDE_ALL HD_K1_X86_REDUCE
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [t4] "=&r"(t4),
              [t5] "=&r"(t5), [t6] "=&r"(t6), [t7] "=&r"(t7), [y] "=&r"(y), [z] "=&r"(z)
            : [a] "r"(a), [b] "r"(b)
            : "rdx", "cc", "memory");
    r->w[0] = t0;
    r->w[1] = t1;
    r->w[2] = t2;
    r->w[3] = t3;
}
#endif

#if HD_F256_U128
HD_INL void hd_k1_u128_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    uint64_t t[8];
    hd_f256_u128_mul_wide(t, a, b);
    hd_k1_reduce(r, t);
}
#endif

HD_INL void hd_k1_mul_body(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
#if HD_F256_X86
    if (hd_f256_has_adx())
        hd_k1_x86_mul(r, a, b);
    else
        hd_k1_u128_mul(r, a, b);
#elif HD_F256_U128
    hd_k1_u128_mul(r, a, b);
#else
    hd_k1_mul_rows(r, a, b);
#endif
}

HD_INL void hd_k1_sqr_body(hd_f256 *r, const hd_f256 *a) {
#if HD_F256_X86
    if (hd_f256_has_adx()) {
        hd_k1_x86_mul(r, a, a);
        return;
    }
#endif
#if HD_F256_U128
    uint64_t t[8];
    hd_f256_sqr_wide(t, a);
    hd_k1_reduce(r, t);
#else
    hd_k1_sqr_rows(r, a);
#endif
}

#if defined(__CUDACC__)
/* By value: the device passes 32-byte structs in registers, a pointer would go through memory. */
HD_NOINL hd_f256 hd_k1_mul_val(hd_f256 a, hd_f256 b) {
    hd_f256 r;
    hd_k1_mul_body(&r, &a, &b);
    return r;
}
HD_INL void hd_k1_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    *r = hd_k1_mul_val(*a, *b);
}
HD_INL void hd_k1_sqr(hd_f256 *r, const hd_f256 *a) { *r = hd_k1_mul_val(*a, *a); }
#else
HD_NOINL void hd_k1_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) { hd_k1_mul_body(r, a, b); }
HD_NOINL void hd_k1_sqr(hd_f256 *r, const hd_f256 *a) { hd_k1_sqr_body(r, a); }
#endif

/* r = a^(2^cnt) * b */
HD_NOINL void hd_k1_sqr_mul(hd_f256 *r, const hd_f256 *a, uint32_t cnt, const hd_f256 *b) {
    hd_f256 t = *a;
    for (uint32_t i = 0; i < cnt; i++)
        hd_k1_sqr_body(&t, &t);
    hd_k1_mul(r, &t, b);
}

/* p - 2 and (p+1)/4 both begin with 223 ones, a zero and 22 ones: x2, x22 and x223 are a to the
   power of that many ones, t is a^(those 246 bits). */
HD_NOINL void hd_k1_pow_head(hd_f256 *t, hd_f256 *x2, const hd_f256 *a) {
    hd_f256 x3, x11, x22, x44, y;
    hd_k1_sqr_mul(x2, a, 1, a);
    hd_k1_sqr_mul(&x3, x2, 1, a);
    hd_k1_sqr_mul(&y, &x3, 3, &x3); /* 6 ones */
    hd_k1_sqr_mul(&y, &y, 3, &x3);  /* 9 */
    hd_k1_sqr_mul(&x11, &y, 2, x2); /* 11 */
    hd_k1_sqr_mul(&x22, &x11, 11, &x11);
    hd_k1_sqr_mul(&x44, &x22, 22, &x22);
    hd_k1_sqr_mul(&y, &x44, 44, &x44); /* 88 */
    hd_k1_sqr_mul(&y, &y, 88, &y);     /* 176 */
    hd_k1_sqr_mul(&y, &y, 44, &x44);   /* 220 */
    hd_k1_sqr_mul(&y, &y, 3, &x3);     /* 223 */
    hd_k1_sqr_mul(t, &y, 23, &x22);
}

/* The only candidate for a root, since p = 3 mod 4; the caller squares it to see. */
HD_NOINL void hd_k1_sqrt(hd_f256 *r, const hd_f256 *a) {
    hd_f256 t, x2;
    hd_k1_pow_head(&t, &x2, a);
    hd_k1_sqr_mul(&t, &t, 6, &x2); /* ...0000 11 00 */
    hd_k1_sqr(&t, &t);
    hd_k1_sqr(r, &t);
}

HD_NOINL void hd_k1_inv(hd_f256 *r, const hd_f256 *a) {
#if HD_F256_U128
    hd_f256 t = *a, p = hd_k1_p();
    hd_k1_norm(&t);
    hd_f256_inv_var(r, &t, &p, 0xd838091dd2253531ull);
#else
    hd_f256 t, x2;
    hd_k1_pow_head(&t, &x2, a);
    hd_k1_sqr_mul(&t, &t, 5, a); /* ...00001 011 01 */
    hd_k1_sqr_mul(&t, &t, 3, &x2);
    hd_k1_sqr_mul(r, &t, 2, a);
#endif
}

/* ---- points ---- */

typedef struct {
    hd_f256 x, y;
} hd_k1_affine;

/* (x/z^2, y/z^3); z = 0 is infinity. */
typedef struct {
    hd_f256 x, y, z;
} hd_k1_point;

HD_INL void hd_k1_set_infinity(hd_k1_point *r) { hd_zero(r, sizeof *r); }

/* r = 2r. No point of this curve has y = 0, and infinity doubles to z = 0 again. */
HD_NOINL void hd_k1_double(hd_k1_point *r) {
    hd_f256 a, b, c, d, e;
    hd_k1_sqr(&b, &r->y);
    hd_k1_mul(&r->z, &r->z, &r->y);
    hd_k1_add(&r->z, &r->z, &r->z);
    hd_k1_sqr(&a, &r->x);
    hd_k1_mul(&d, &r->x, &b);
    hd_k1_add(&e, &a, &a);
    hd_k1_add(&e, &e, &a); /* 3x^2 */
    hd_k1_add(&d, &d, &d);
    hd_k1_add(&d, &d, &d); /* 4xy^2 */
    hd_k1_sqr(&c, &b);
    hd_k1_add(&c, &c, &c);
    hd_k1_add(&c, &c, &c);
    hd_k1_add(&c, &c, &c); /* 8y^4 */
    hd_k1_sqr(&a, &e);
    hd_k1_sub(&a, &a, &d);
    hd_k1_sub(&r->x, &a, &d);
    hd_k1_sub(&d, &d, &r->x);
    hd_k1_mul(&e, &e, &d);
    hd_k1_sub(&r->y, &e, &c);
}

/* r += q; when z_ratio is given it receives the factor by which z grew (meaningless in the
   special cases, which the table builder never meets). */
HD_NOINL void hd_k1_add_affine(hd_k1_point *r, const hd_k1_affine *q, hd_f256 *z_ratio) {
    hd_f256 zz, h, s, hh, v;
    if (hd_k1_is_zero(&r->z)) {
        r->x = q->x;
        r->y = q->y;
        r->z = hd_f256_make(0, 0, 0, 1);
        return;
    }
    hd_k1_sqr(&zz, &r->z);
    hd_k1_mul(&h, &q->x, &zz);
    hd_k1_sub(&h, &h, &r->x);
    hd_k1_mul(&s, &zz, &r->z);
    hd_k1_mul(&s, &s, &q->y);
    hd_k1_sub(&s, &s, &r->y);
    if (HD_UNLIKELY(hd_k1_is_zero(&h))) {
        if (hd_k1_is_zero(&s))
            hd_k1_double(r);
        else
            hd_k1_set_infinity(r);
        return;
    }
    if (z_ratio)
        *z_ratio = h;
    hd_k1_mul(&r->z, &r->z, &h);
    hd_k1_sqr(&hh, &h);
    hd_k1_mul(&v, &r->x, &hh);
    hd_k1_mul(&hh, &hh, &h);
    hd_k1_sqr(&zz, &s);
    hd_k1_sub(&zz, &zz, &hh);
    hd_k1_sub(&zz, &zz, &v);
    hd_k1_sub(&r->x, &zz, &v);
    hd_k1_sub(&v, &v, &r->x);
    hd_k1_mul(&v, &v, &s);
    hd_k1_mul(&hh, &hh, &r->y);
    hd_k1_sub(&r->y, &v, &hh);
}

/* ---- scalars ---- */

#define HD_K1_BIT_CNT 132 /* halves have at most 128 bits; a recoding reaches up to bit 128 */
#define HD_K1_G_WIDTH 8   /* digits of G: odd, |d| < 128, 64 multiples in the table below */
#define HD_K1_R_WIDTH 5   /* digits of R: odd, |d| < 16, 8 multiples */
#define HD_K1_R_CNT 8

/* Digits of u1 (0: first half, 1: times lambda) and u2 (2, 3) by bit position; 0 = nothing to
   add. tail is added once at position 0 besides. */
typedef struct {
    int8_t at[4][HD_K1_BIT_CNT];
    int8_t tail[4];
} hd_k1_digits;

/* r = round(k * g / 2^384) */
HD_INL void hd_k1_mul_shift(hd_f256 *r, const hd_f256 *k, const hd_f256 *g) {
    uint64_t t[8];
    hd_f256_mul_wide(t, k, g);
    uint64_t up = t[5] >> 63, w0 = t[6] + up;
    *r = hd_f256_make(0, 0, t[7] + (uint64_t)(w0 < up), w0);
}

HD_INL void hd_k1_mul_low(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    uint64_t t[8];
    hd_f256_mul_wide(t, a, b);
    *r = hd_f256_make(t[3], t[2], t[1], t[0]);
}

/* a = |a|; returns -1 if it was negative (two's complement of 256 bits), else 1. */
HD_INL int hd_k1_abs(hd_f256 *a) {
    hd_f256 z = hd_f256_make(0, 0, 0, 0);
    if (a->w[3] >> 63 == 0)
        return 1;
    hd_f256_sub_raw(a, &z, a);
    return -1;
}

/* k = k1 + k2 * lambda mod n, both signed and at most 128 bits long. (a1, b1) and (a2, b2 = a1)
   are the short basis of the lattice of (x, y) with x + y*lambda = 0 mod n; g1 and g2 are
   2^384*b2/n and -2^384*b1/n rounded. */
HD_NOINL void hd_k1_split(hd_f256 *k1, hd_f256 *k2, const hd_f256 *k) {
    hd_f256 g1 = hd_f256_make(0x3086d221a7d46bcdull, 0xe86c90e49284eb15ull, 0x3daa8a1471e8ca7full,
                              0xe893209a45dbb031ull);
    hd_f256 g2 = hd_f256_make(0xe4437ed6010e8828ull, 0x6f547fa90abfe4c4ull, 0x221208ac9df506c6ull,
                              0x1571b4ae8ac47f71ull);
    hd_f256 a1 = hd_f256_make(0, 0, 0x3086d221a7d46bcdull, 0xe86c90e49284eb15ull);
    hd_f256 minus_b1 = hd_f256_make(0, 0, 0xe4437ed6010e8828ull, 0x6f547fa90abfe4c3ull);
    hd_f256 a2 = hd_f256_make(0, 1, 0x14ca50f7a8e2f3f6ull, 0x57c1108d9d44cfd8ull);
    hd_f256 c1, c2, t;
    hd_k1_mul_shift(&c1, k, &g1);
    hd_k1_mul_shift(&c2, k, &g2);
    hd_k1_mul_low(&t, &c1, &a1);
    hd_f256_sub_raw(k1, k, &t);
    hd_k1_mul_low(&t, &c2, &a2);
    hd_f256_sub_raw(k1, k1, &t);
    hd_k1_mul_low(k2, &c1, &minus_b1);
    hd_k1_mul_low(&t, &c2, &a1);
    hd_f256_sub_raw(k2, k2, &t);
}

/* Digits of a k below 2^128 times sign, |digit| odd and below 2^(width-1). Sparse form: width-w
   NAF. Fixed form: one digit each width-1 bits, which needs an odd k, so an even one is raised by
   one and tail takes that back. */
HD_NOINL void hd_k1_recode(int8_t *at, int8_t *tail, const hd_f256 *k, int sign, uint32_t width,
                           uint32_t is_fixed) {
    uint64_t lo = k->w[0], hi = k->w[1], top = 0; /* top: 1 if rounding up reached 2^128 */
    for (uint32_t i = 0; i < HD_K1_BIT_CNT; i++)
        at[i] = 0;
    *tail = 0;
    if ((lo | hi) == 0)
        return;
    if (is_fixed) {
        uint32_t step = width - 1, mask = (1u << width) - 1;
        if ((lo & 1) == 0) {
            lo += 1;
            *tail = (int8_t)-sign;
        }
        for (uint32_t pos = 0; pos < 128 - step; pos += step) {
            int d = (int)((uint32_t)lo & mask) - (1 << step);
            at[pos] = (int8_t)(d * sign);
            /* (k - d) / 2^step = floor(k / 2^step) with its low bit set */
            lo = (lo >> step | hi << (64 - step)) | 1;
            hi >>= step;
            top = pos + step;
        }
        at[top] = (int8_t)((int)lo * sign);
        return;
    }
    for (uint32_t pos = 0; pos <= 128; pos++) {
        /* Here k = top*2^128 + hi*2^64 + lo, shifted down by pos bits already. */
        if (lo & 1) {
            int d = (int)((uint32_t)lo & ((1u << width) - 1));
            uint64_t was = lo;
            if (d >= 1 << (width - 1))
                d -= 1 << width;
            at[pos] = (int8_t)(d * sign);
            lo -= (uint64_t)(int64_t)d;
            if (d < 0 && lo < was) { /* a positive digit only clears bits that were set */
                hi += 1;
                top += (uint64_t)(hi == 0);
            }
        }
        lo = lo >> 1 | hi << 63;
        hi = hi >> 1 | top << 63;
        top = 0;
    }
}

/* x then y, least significant limb first, of G, 3G, 5G, ... 127G. */
HD_INL const uint64_t *hd_k1_g_table(void) {
    HD_TABLE(uint64_t, tab, 512) = {
        0x59f2815b16f81798ull, 0x029bfcdb2dce28d9ull, 0x55a06295ce870b07ull, 0x79be667ef9dcbbacull,
        0x9c47d08ffb10d4b8ull, 0xfd17b448a6855419ull, 0x5da4fbfc0e1108a8ull, 0x483ada7726a3c465ull,
        0x8601f113bce036f9ull, 0xb531c845836f99b0ull, 0x49344f85f89d5229ull, 0xf9308a019258c310ull,
        0x6cb9fd7584b8e672ull, 0x6500a99934c2231bull, 0x0fe337e62a37f356ull, 0x388f7b0f632de814ull,
        0xcba8d569b240efe4ull, 0xe88b84bddc619ab7ull, 0x55b4a7250a5c5128ull, 0x2f8bde4d1a072093ull,
        0xdca87d3aa6ac62d6ull, 0xf788271bab0d6840ull, 0xd4dba9dda6c9c426ull, 0xd8ac222636e5e3d6ull,
        0xe92bddedcac4f9bcull, 0x3d419b7e0330e39cull, 0xa398f365f2ea7a0eull, 0x5cbdf0646e5db4eaull,
        0xa5082628087264daull, 0xa813d0b813fde7b5ull, 0xa3178d6d861a54dbull, 0x6aebca40ba255960ull,
        0xc35f110dfc27ccbeull, 0xe09796974c57e714ull, 0x09ad178a9f559abdull, 0xacd484e2f0c7f653ull,
        0x05cc262ac64f9c37ull, 0xadd888a4375f8e0full, 0x64380971763b61e9ull, 0xcc338921b0a7d9fdull,
        0xbbec17895da008cbull, 0x5649980be5c17891ull, 0x5ef4246b70c65aacull, 0x774ae7f858a9411eull,
        0x301d74c9c953c61bull, 0x372db1e2dff9d6a8ull, 0x0243dd56d7b7b365ull, 0xd984a032eb6b5e19ull,
        0xdeeddf8f19405aa8ull, 0xb075fbc6610e58cdull, 0xc7d1d205c3748651ull, 0xf28773c2d975288bull,
        0x29b5cb52db03ed81ull, 0x3a1a06da521fa91full, 0x758212eb65cdaf47ull, 0x0ab0902e8d880a89ull,
        0x44adbcf8e27e080eull, 0x31e5946f3c85f79eull, 0x5a465ae3095ff411ull, 0xd7924d4f7d43ea96ull,
        0xc504dc9ff6a26b58ull, 0xea40af2bd896d3a5ull, 0x83842ec228cc6defull, 0x581e2872a86c72a6ull,
        0x66e4faa04a2d4a34ull, 0xeb9898ae79b97687ull, 0xa420fee807eacf21ull, 0xdefdea4cdb677750ull,
        0xcfb199f69e56eb77ull, 0xced1f4a04a95c0f6ull, 0xe997b0ead2a93daeull, 0x4211ab0694635168ull,
        0x7475656138385b6cull, 0xf06acfebd7e86d27ull, 0x93ef5cff444f4979ull, 0x2b4ea0a797a443d2ull,
        0xb570c854e5c09b7aull, 0x1a01f60c50269763ull, 0xb343083b5a1c8613ull, 0x85e89bc037945d93ull,
        0x81340aef25be59d5ull, 0x1d9ad40271f81071ull, 0x4f93fa332ce33330ull, 0x352bbf4a4cdd1256ull,
        0x67bd3d8bcf81998cull, 0x4a1b3b2e71b1039cull, 0xd59c18259dda3e1full, 0x321eb4075348f534ull,
        0xdc9cdadd4ecacc3full, 0xe42ab8dfeff5ff29ull, 0x0230010559879124ull, 0x2fa2104d6b38d11bull,
        0x423ba76b532b7d67ull, 0x181d70ecfc882648ull, 0xb64569335bd5dd80ull, 0x02de1068295dd865ull,
        0x69ca0cd7f5453714ull, 0x263c3d84e09572e2ull, 0xab21a9b066edda83ull, 0x9248279b09b4d68dull,
        0xe54a32ce97cb3402ull, 0x3fc0de2a887912ffull, 0x5d1aa71bdea2b1ffull, 0x73016f7bf234aadeull,
        0x7e996d443dee8729ull, 0x2f570e144bf615c0ull, 0x8e70132fb0beb752ull, 0xdaed4f2be3a8bf27ull,
        0xab40e52290be1c55ull, 0x3f83c230f3afa726ull, 0xd4a1aca87ef8d700ull, 0xa69dce4a7d6c98e8ull,
        0xe6a3b5e87d22e7dbull, 0x11ecd9e9fdf281b0ull, 0x8acf28d7cbb19f90ull, 0xc44d12c7065d812eull,
        0xa039063f0e0e6482ull, 0x0e106e861edf61c5ull, 0x76c45926c982fdacull, 0x2119a460ce326cdcull,
        0xb61c65cbd269e6b4ull, 0x152b695336c28063ull, 0xc89a20cfded60853ull, 0x6a245bf6dc698504ull,
        0xfd5e6348100d8a82ull, 0x8b33ba48d0423b6eull, 0x8b3f5126f16a24adull, 0xe022cf42c2bd4a70ull,
        0xf95ae57f0d0bd6a5ull, 0xce13300b0bec1146ull, 0xc077e3d2fe541084ull, 0x1697ffa6fd9de627ull,
        0xadee9d63d01b2396ull, 0xa2cf15009e498ae7ull, 0x27561506e4557433ull, 0xb9c398f186806f5dull,
        0xf982345ef27a7479ull, 0x9deb8360ffb7f61dull, 0x986d0f07e834cb0dull, 0x605bdb019981718bull,
        0x3b01e1e9056b8c49ull, 0xc26bfae84fb14db4ull, 0x81a78d93ec96fe23ull, 0x02972d2de4f8d206ull,
        0xfe31c7e9d87ff33dull, 0xdcb01c354959b10cull, 0x7402fdc45a215e10ull, 0x62d14dab4150bf49ull,
        0x35f5642483b25eafull, 0x01aa132967ab4722ull, 0x98088a1950eed0dbull, 0x80fc06bd8cc5b010ull,
        0x5e555c2f86308b6full, 0x2c50e9f56b9b8b42ull, 0xde5b4b06c408e56bull, 0x80c60ad0040f27daull,
        0x1aa01f56430bd57aull, 0xa65eed4cbe7024ebull, 0x26e66bad7fe72f70ull, 0x1c38303f1cc5c30full,
        0x9d5eabb0fa03c8fbull, 0x4cc5dc9487d84704ull, 0xaa74c6348cc54d34ull, 0x7a9375ad6167ad54ull,
        0x02d499ec224dc7f7ull, 0xbdc59ea10c70ce2bull, 0x09559e0d79269046ull, 0x0d0e3fa9eca87269ull,
        0x4bb51f459bc3ffc9ull, 0xbb408ec39b68df50ull, 0x907a9ed045447a79ull, 0xd528ecd9b696b54cull,
        0x063465b521409933ull, 0xbc4345405c520dbcull, 0x9966f21881fd656eull, 0xeecf41253136e5f9ull,
        0x87231808f8b45963ull, 0x5266115e4a7ecb13ull, 0xea25f514e8ecdad0ull, 0x049370a4b5f43412ull,
        0xb653052a12949c9aull, 0x54c3f3afbb5b6764ull, 0x8b3081b0512fd62aull, 0x758f3f41afd6ed42ull,
        0xf1c13eb1fc345d74ull, 0x881d811e0e1498e2ull, 0xd73df930d64702efull, 0x77f230936ee88cbbull,
        0xbe8eb3c7671c60d6ull, 0x96c95330d97077cbull, 0x0a08266e9ba1b378ull, 0x958ef42a7886b640ull,
        0xeb28531b7739f530ull, 0x58c80074ab9d4dbaull, 0xea44887e5c7c0bceull, 0xf2dac991cc4ce4b9ull,
        0x1a117dba703a3c37ull, 0x9eb5fbeb0598e4fdull, 0x4da1f32dec2531dfull, 0xe0dedc9b3b2f8dadull,
        0xbcba4850c690d45bull, 0x5a216cdfc9dae3deull, 0x1b4be8fbbe252012ull, 0x463b3d9f662621fbull,
        0x1cb377b01af7307eull, 0xc622e27c970a1de3ull, 0x43114306dd8622d7ull, 0x5ed430d78c296c35ull,
        0xa32496b49998f247ull, 0x6b98fac14328a2d1ull, 0x09232d4aff3b5997ull, 0xf16f804244e46e2aull,
        0xd6579962c4e31df6ull, 0x2a6c53c26e5cce26ull, 0x13d206fcdf4e33d9ull, 0xcedabd9b82203f7eull,
        0x369e15f7151d41d1ull, 0x5d245315ace27c65ull, 0xb0352b7a14311af5ull, 0xcaf754272dc84563ull,
        0xc32f908318a04476ull, 0x5f4fa9b7962232a5ull, 0xa41b643fa5e46057ull, 0xcb474660ef35f5f2ull,
        0x24497bc86f082120ull, 0x44a09c07cb86d7c1ull, 0xf85d0f1709979d8bull, 0x2600ca4b282cb986ull,
        0x4b0be9475a7e4b40ull, 0x5ac6be74ab5f0ef4ull, 0xa693b03fcddbb45dull, 0x4119b88753c15bd6ull,
        0xc602a7746998e435ull, 0x01c48685e24f7dc8ull, 0x338ec53cd12220bcull, 0x7635ca72d7e8432cull,
        0xd9e76f302c5b9c61ull, 0x4ecfc061d57048baull, 0x3d1d5e590f78e6d7ull, 0x091b649609489d61ull,
        0xc1a50743bf56cc18ull, 0xb7f2b33479d468fbull, 0xdbbf4a87deee8a66ull, 0x754e3239f325570cull,
        0x0c5d98093c536683ull, 0x23ee33d0197a695dull, 0xb3cd0ed304ea49a0ull, 0x0673fb86e5bda30full,
        0x9fe2694691d9b9e8ull, 0x330800661d1c952full, 0xff57859c82d570f0ull, 0xe3e6bd1071a1e96aull,
        0x67002af4920e37f5ull, 0xa5a2283993e90c41ull, 0x40c0aa58379a3cb6ull, 0x59c9e0bba394e76full,
        0x4cc47fdcf04aa6ebull, 0xc4ccb1f32ba35f4bull, 0x26ae73d88f732985ull, 0x186b483d056a0338ull,
        0xa4a797f86e80888bull, 0x21fb8090895138b4ull, 0x2e17446e204180abull, 0x3b952d32c67cf77eull,
        0x1a8321724ce0963full, 0x5442e6d2b737d9c9ull, 0x44c98561f4be4f72ull, 0xdf9d70a6b9876ce5ull,
        0x17b8c45cf2ba2417ull, 0xb157222720ef9da2ull, 0x5f862b785dc39d4aull, 0x55eb2dafd84d6ccdull,
        0x5de64c5f34ce7143ull, 0xab52554f849ed899ull, 0x497ca815d5dce0f8ull, 0x5edd5cc23c51e87aull,
        0xcdc706ab7399a868ull, 0xc13c66c0d17a2905ull, 0x61e8cec030c89ad0ull, 0xefae9c8dbc141306ull,
        0x722d362f84614fbaull, 0x7aa3fba1c355b17aull, 0xda12fe02287e9e77ull, 0x290798c2b6476830ull,
        0x6d003afd41943e7aull, 0x5b29c094db2a2314ull, 0x988d00bcf79af25dull, 0xe38da76dcd440621ull,
        0x62dfdecef4053b45ull, 0xcd29552fe3602573ull, 0x054754efa150ac39ull, 0xaf3c423a95d9f5b3ull,
        0xbc2feded498fd9c6ull, 0xc8cd5aa667a15581ull, 0x9a93b0e6f35cfb40ull, 0xf98a3fd831eb2b74ull,
        0x8d2fed50d884249aull, 0x06bb66b26dcf98dfull, 0xcccaa28c99bf2749ull, 0x766dbb24d134e745ull,
        0x2c924f97cbac5996ull, 0x97584a65fa06ceddull, 0x8dcc887980da38b8ull, 0x744b1152eacbe5e3ull,
        0xce92e666191abe3eull, 0x45f7b44f6c596a58ull, 0xa21277c33784f416ull, 0x59dbf46f8c94759bull,
        0xd85e216c4a307f6eull, 0x42ce739a7919798cull, 0x0f4ea6ce648309a0ull, 0xc534ad44175fbc30ull,
        0xb62dc6018cfd87b8ull, 0xdd647e711a95e73cull, 0x305e691e74e9a4a8ull, 0xf13ada95103c4537ull,
        0x0778419bdaf5733dull, 0x6949e21a6a75c257ull, 0x63bf4bc808341f32ull, 0xe13817b44ee14de6ull,
        0x488550015a88522cull, 0xda1869c06ebadfb6ull, 0x6d4167a2c59cca4cull, 0x7754b4fa0e8aced0ull,
        0x37a48b57841163a2ull, 0x8d1e4e350b6cbcc5ull, 0x224b967c3020b8faull, 0x30e93e864e669d82ull,
        0xa6828c99e2262519ull, 0x01858f95de8041d2ull, 0xaa3874d46abef9d7ull, 0x948dcadf5990e048ull,
        0xcbba2cae5347d57eull, 0xdf9154efbd2ef1d2ull, 0xd5d28a3224b1bc25ull, 0xe491a42537f6e597ull,
        0x70328a8a3d7c77abull, 0xfb224cf5ac0bfa15ull, 0x89c7b48f8202ec37ull, 0x7962414450c76c16ull,
        0x60afa5b29db83437ull, 0x12507a051f04ac57ull, 0x0d5c1fc133ef6f6bull, 0x100b610ec4ffb476ull,
        0xb0dd085137ec47caull, 0x5a16977225b8847bull, 0xb15b160644d91548ull, 0x3514087834964b54ull,
        0x7e7d15a0de293311ull, 0x6039e77c15c2378bull, 0x8e1652c48e8127fcull, 0xef0afbb205620544ull,
        0x42943d3f7b527eafull, 0x93e947eb8df787b4ull, 0xc79ce2c9dd8bc549ull, 0xd3cc30ad6b483e4bull,
        0xafb34db04eede0a4ull, 0x3c2ad46290358630ull, 0x89c5e9be8f9508aeull, 0x8b378a22d827278dull,
        0x3975ba0ff4847610ull, 0x2b29823db913f649ull, 0xce1c78fcbfefe08bull, 0x1624d84780732860ull,
        0xcc06e2a404078575ull, 0x896878f5282be4c8ull, 0x0914448c6cd9d4caull, 0x68651cf9b6da903eull,
        0x6df7b4fd5fc61cd4ull, 0x5192474b5af207daull, 0x6902c95633e62a98ull, 0x733ce80da955a8a2ull,
        0xc54673bc1dc5ea1dull, 0x3e1ef8e0201e4578ull, 0x485a4d8b8db9fcceull, 0xf5435a2bd2badf7dull,
        0xef258dfab81c045cull, 0x8966c5092171e699ull, 0xcf1a1c33bbd3b49full, 0x15d9441254945064ull,
        0xfc37bbe9efe4070dull, 0x434800bacebfc685ull, 0x34f5137b73b84177ull, 0xd56eb30b69463e72ull,
        0xac138599d0717940ull, 0x1c21417c9d2b8aaaull, 0xb612136e5ce70d27ull, 0xa1d0fcf2ec9de675ull,
        0x19212d39c197a629ull, 0x641462a54070f3d5ull, 0xb2e90737309667f2ull, 0xedd77f50bcb5a3caull,
        0xc7ca37331cb36980ull, 0xa790badee8245c06ull, 0x5780c0735f84dbe9ull, 0xe22fbe15c0af8cccull,
        0xe43d06d77d31da06ull, 0xa38289154964799bull, 0x88b430a69f53a1a7ull, 0x0a855babad5cd60cull,
        0x4009452246cfa9b3ull, 0x69635e394704eaa7ull, 0x0ee13473c1155f5full, 0x311091dd9860e8e2ull,
        0xbd80f0b1286d8374ull, 0x871ec5a64feee685ull, 0xffd1f04788c06830ull, 0x66db656f87d1f04full,
        0x1867d4232ec2dbdfull, 0x883928b45a934078ull, 0xb31c0442d3e6ac24ull, 0x34c1fd04d301be89ull,
        0xc5321857ba73abeeull, 0xd57f1ceeb487443dull, 0x54bd46f730174136ull, 0x09414685e97b1b59ull,
        0xcc2a5e6b049b8d63ull, 0x8d13f3abbcd08affull, 0x1c14de5b557eb42aull, 0xf219ea5d6b54701cull,
        0xd8c2962a400766d1ull, 0xf4b08d3c07b27fb8ull, 0xf73af4544cccf6b1ull, 0x4cb95957e83d40b0ull,
        0x7236912469a0b448ull, 0x543a5490bca62708ull, 0xb1f683db8f45de26ull, 0xd7b8740f74a8fbaaull,
        0x411e0315eaa4593bull, 0xff15db5ed3c049b3ull, 0xe1010f337ad4717eull, 0xfa77968128d9c92eull,
        0x9fe4d3091aa824bfull, 0xad5bcd32abdd9428ull, 0xf86f7c98d3a3335eull, 0x32d31c222f8f6f0eull,
        0x118d14b8462e1661ull, 0x2e6dac9e6f26e961ull, 0x9ccd3d7915b9e1daull, 0x5f3032f5892156e3ull,
        0x340f86cbc18347b5ull, 0x8793d77cd59592c4ull, 0x71045a155d9831eaull, 0x7461f371914ab326ull,
        0xb39847b3cc092ff6ull, 0x2eee1ff50c986ea6ull, 0xcbdddcae0aa44254ull, 0x8ec0ba238b96bec0ull,
        0x287698bad7b2b2d6ull, 0x6d716b2c3e67453dull, 0x74356a25aa38206aull, 0xee079adb1df18600ull,
        0xebaac479ec1c8c1eull, 0xa446989af04c4e25ull, 0x4c5f37e0ecc5f9f6ull, 0x8dc2412aafe3be5cull,
        0x2bfd8616ba9da6b5ull, 0xe65de331874c9dc7ull, 0x467b18302ee620f7ull, 0x16ec93e447ec83f0ull,
        0x9626778e25b0674dull, 0x9d58186a50e49713ull, 0xd0e8c2a7ca5804a3ull, 0x5e4631150e62fb40ull,
        0x85b96065d537bd99ull, 0xd8855897f98b6aa4ull, 0x38978290afa70b6bull, 0xeaa5f980c245f6f0ull,
        0xb18041024edc07dcull, 0xd784869d7e6ea67full, 0x19a528391c994624ull, 0xf65f5d3e292c2e08ull,
        0xa96c4b6b35a49f51ull, 0x58ae04877151342eull, 0x692ee1910a024399ull, 0x078c9407544ac132ull,
        0x62b675f194a3ddb4ull, 0xfa1fbd583c064d24ull, 0xd5404795539a5e68ull, 0xf3e0319169eb9b85ull,
        0x726578d9702857a5ull, 0x01cdc8ae7a6fc688ull, 0x16dcd838431aea00ull, 0x494f4be219a1a770ull,
        0x55f4b031880d562cull, 0xf925ce30d767ed6eull, 0x39ba7f075e36ba2aull, 0x42242a969283a5f3ull,
        0xbf4c1e665c1fe9b5ull, 0xd28211ea58faa70eull, 0x6bc7f2f5144ea549ull, 0xa598a8030da6d86cull,
        0x10026dbd2d864e6bull, 0x23fc63b65b35f86aull, 0x7e4b4a7140737aecull, 0x204b5d6f84822c30ull,
        0x4dbadc3e58595997ull, 0x208f020f12570a18ull, 0x09192f5f2dbeafecull, 0xc41916365abb2b5dull,
        0xed16e96b58fa9913ull, 0xd5caf9450f34bfc0ull, 0x49d245b328984989ull, 0x04f14351d0087efaull,
        0xe4c73a5514742881ull, 0x92a2e0d2e0a36acfull, 0x5a724604da03bc5bull, 0x841d6063a586fa47ull,
        0xe7a36de01a8d6154ull, 0xe62562d6744c169cull, 0x1904f9a1c7543698ull, 0x073867f59c0659e8ull,
    };
    return tab;
}

/* ---- u1*G + u2*R ---- */

HD_INL hd_f256 hd_k1_beta(void) {
    return hd_f256_make(0x7ae96a2b657c0710ull, 0x6e64479eac3434e9ull, 0x9cf0497512f58995ull,
                        0xc1396c28719501eeull);
}

/* With dbl = 2*pt: both as points of the isomorphic curve on which 2*pt is affine. */
HD_INL void hd_k1_multiples_begin(hd_k1_point *acc, hd_k1_affine *step, const hd_k1_point *dbl,
                                  const hd_k1_affine *pt) {
    hd_f256 ff;
    step->x = dbl->x;
    step->y = dbl->y;
    hd_k1_sqr(&ff, &dbl->z);
    hd_k1_mul(&acc->x, &pt->x, &ff);
    hd_k1_mul(&ff, &ff, &dbl->z);
    hd_k1_mul(&acc->y, &pt->y, &ff);
    acc->z = hd_f256_make(0, 0, 0, 1);
}

/* tab = R, 3R, ... 15R as affine points of the isomorphic curve whose coordinates are (x*z^2,
   y*z^3): one common z saves the inversion. The curve's b never enters a formula, so sums may be
   computed over there, and multiplying their z by this one brings them home. */
HD_NOINL void hd_k1_odd_multiples(hd_k1_affine tab[HD_K1_R_CNT], hd_f256 *z,
                                  const hd_k1_affine *pt) {
    hd_f256 ratio[HD_K1_R_CNT];
    hd_f256 f, ff;
    hd_k1_point acc, dbl;
    hd_k1_affine step;
    dbl.x = pt->x;
    dbl.y = pt->y;
    dbl.z = hd_f256_make(0, 0, 0, 1);
    hd_k1_double(&dbl);
    hd_k1_multiples_begin(&acc, &step, &dbl, pt);
    tab[0].x = acc.x;
    tab[0].y = acc.y;
    for (uint32_t i = 1; i < HD_K1_R_CNT; i++) {
        /* (2i-1)R + 2R: never equal or opposite, for R has the prime order n. */
        hd_k1_add_affine(&acc, &step, &ratio[i]);
        tab[i].x = acc.x;
        tab[i].y = acc.y;
    }
    hd_k1_mul(z, &acc.z, &dbl.z);
    f = ratio[HD_K1_R_CNT - 1];
    for (uint32_t i = HD_K1_R_CNT - 1; i-- > 0;) {
        hd_k1_sqr(&ff, &f);
        hd_k1_mul(&tab[i].x, &tab[i].x, &ff);
        hd_k1_mul(&ff, &ff, &f);
        hd_k1_mul(&tab[i].y, &tab[i].y, &ff);
        if (i > 0)
            hd_k1_mul(&f, &f, &ratio[i]);
    }
}

/* What the ladder adds: R's multiples, their x times beta, and the factors that take G's table
   over to R's curve. */
typedef struct {
    hd_k1_affine r[HD_K1_R_CNT];
    hd_f256 beta_x[HD_K1_R_CNT];
    hd_f256 zz, beta_zz, zzz;
} hd_k1_table;

HD_NOINL void hd_k1_add_digit(hd_k1_point *acc, const hd_k1_table *tab, uint32_t stream, int d) {
    hd_k1_affine q;
    uint32_t idx = (uint32_t)((d < 0 ? -d : d) - 1) >> 1;
    if (stream < 2) {
        const uint64_t *g = hd_k1_g_table() + 8 * (idx & 63u);
        q.x = hd_f256_make(g[3], g[2], g[1], g[0]);
        q.y = hd_f256_make(g[7], g[6], g[5], g[4]);
        hd_k1_mul(&q.x, &q.x, stream ? &tab->beta_zz : &tab->zz);
        hd_k1_mul(&q.y, &q.y, &tab->zzz);
    } else {
        idx &= HD_K1_R_CNT - 1;
        q.x = stream == 2 ? tab->r[idx].x : tab->beta_x[idx];
        q.y = tab->r[idx].y;
    }
    if (d < 0)
        hd_k1_neg(&q.y, &q.y);
    hd_k1_add_affine(acc, &q, 0);
}

HD_INL void hd_k1_digits_of(hd_k1_digits *dig, uint32_t stream, const hd_f256 *k, uint32_t width,
                            uint32_t is_fixed) {
    hd_f256 h[2];
    hd_k1_split(&h[0], &h[1], k);
    for (uint32_t i = 0; i < 2; i++) {
        int sign = hd_k1_abs(&h[i]);
        hd_k1_recode(dig->at[stream + i], &dig->tail[stream + i], &h[i], sign, width, is_fixed);
    }
}

/* out = u1*G + u2*pt as 64 bytes; pt may be absent (null). 0 if the sum is infinity. */
HD_NOINL int hd_k1_mul_sum(uint8_t out[64], const hd_f256 *u1, const hd_f256 *u2,
                           const hd_k1_affine *pt, uint32_t is_fixed) {
    hd_k1_digits dig;
    hd_k1_table tab;
    hd_k1_point acc;
    hd_f256 beta = hd_k1_beta();
    hd_f256 z = hd_f256_make(0, 0, 0, 1);
    uint32_t stream_cnt = 2;
    hd_k1_digits_of(&dig, 0, u1, HD_K1_G_WIDTH, is_fixed);
    if (pt) {
        stream_cnt = 4;
        hd_k1_digits_of(&dig, 2, u2, HD_K1_R_WIDTH, is_fixed);
        hd_k1_odd_multiples(tab.r, &z, pt);
        for (uint32_t i = 0; i < HD_K1_R_CNT; i++)
            hd_k1_mul(&tab.beta_x[i], &tab.r[i].x, &beta);
    }
    hd_k1_sqr(&tab.zz, &z);
    hd_k1_mul(&tab.zzz, &tab.zz, &z);
    hd_k1_mul(&tab.beta_zz, &tab.zz, &beta);

    hd_k1_set_infinity(&acc);
    for (uint32_t pos = HD_K1_BIT_CNT; pos-- > 0;) {
        if (!hd_f256_is_zero(&acc.z))
            hd_k1_double(&acc);
        for (uint32_t s = 0; s < stream_cnt; s++)
            if (dig.at[s][pos] != 0)
                hd_k1_add_digit(&acc, &tab, s, dig.at[s][pos]);
    }
    for (uint32_t s = 0; s < stream_cnt; s++)
        if (dig.tail[s] != 0)
            hd_k1_add_digit(&acc, &tab, s, dig.tail[s]);
    if (hd_k1_is_zero(&acc.z))
        return 0;

    hd_f256 zi, zi2;
    hd_k1_mul(&z, &z, &acc.z);
    hd_k1_inv(&zi, &z);
    hd_k1_sqr(&zi2, &zi);
    hd_k1_mul(&acc.x, &acc.x, &zi2);
    hd_k1_mul(&zi2, &zi2, &zi);
    hd_k1_mul(&acc.y, &acc.y, &zi2);
    hd_k1_norm(&acc.x);
    hd_k1_norm(&acc.y);
    hd_f256_store_be(out, &acc.x);
    hd_f256_store_be(out + 32, &acc.y);
    return 1;
}

/* The body of recovery with the digit form as an argument, for tests. */
HD_NOINL int hd_k1_recover_form(uint8_t pub[64], const uint8_t msg[32], const uint8_t r[32],
                                const uint8_t s[32], uint32_t parity, uint32_t is_fixed) {
    hd_f256_mod n = hd_k1_n();
    hd_f256 rn = hd_f256_load_be(r), sn = hd_f256_load_be(s), zn = hd_f256_load_be(msg);
    hd_k1_affine pt;
    hd_f256 t, y2;
    if (parity > 1 || hd_f256_is_zero(&rn) || hd_f256_is_zero(&sn) ||
        !hd_f256_is_below(&rn, &n.m) || !hd_f256_is_below(&sn, &n.m))
        return 0;

    pt.x = rn; /* below n, hence below p */
    t = hd_f256_make(0, 0, 0, 7);
    hd_k1_sqr(&y2, &pt.x);
    hd_k1_mul(&y2, &y2, &pt.x);
    hd_k1_add(&y2, &y2, &t);
    hd_k1_sqrt(&pt.y, &y2);
    hd_k1_sqr(&t, &pt.y);
    hd_k1_sub(&t, &t, &y2);
    if (!hd_k1_is_zero(&t))
        return 0; /* no point of the curve has this x */
    hd_k1_norm(&pt.y);
    if ((pt.y.w[0] & 1) != parity)
        hd_k1_neg(&pt.y, &pt.y);

    /* u1 = -z/r, u2 = s/r; z needs no reduction (hd_f256_mont_mul says why). */
    hd_f256_mul_mod(&t, &rn, &n.rr, &n);
    hd_f256_inv_mod(&t, &t, &n);
    hd_f256_mul_mod(&zn, &zn, &t, &n);
    hd_f256_neg_mod(&zn, &zn, &n.m);
    hd_f256_mul_mod(&sn, &sn, &t, &n);
    return hd_k1_mul_sum(pub, &zn, &sn, &pt, is_fixed);
}

/* hd_secp256k1_recover writes the public key (x, y big-endian) that made the signature (r, s) of
   the 32-byte msg, parity (0 or 1) being that of the nonce point's y. Returns 1; or 0 with pub
   untouched if r or s is 0 or not below n, parity is above 1, no point has x = r, or the key is
   infinity. A high s is accepted: callers that must refuse it do so. Any thread, no state. */
HD_NOINL int hd_secp256k1_recover(uint8_t pub[64], const uint8_t msg[32], const uint8_t r[32],
                                  const uint8_t s[32], uint32_t parity) {
    return hd_k1_recover_form(pub, msg, r, s, parity, HD_K1_FIXED);
}

/* hd_secp256k1_pubkey writes secret*G. Returns 1, or 0 if secret is 0 or not below n. Its timing
   depends on the secret: it serves tests and tools, not wallets. */
HD_NOINL int hd_secp256k1_pubkey(uint8_t pub[64], const uint8_t secret[32]) {
    hd_f256_mod n = hd_k1_n();
    hd_f256 k = hd_f256_load_be(secret);
    if (hd_f256_is_zero(&k) || !hd_f256_is_below(&k, &n.m))
        return 0;
    return hd_k1_mul_sum(pub, &k, &k, 0, HD_K1_FIXED);
}

#endif
