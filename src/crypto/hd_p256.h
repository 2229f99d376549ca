/* hd_p256.h - signature verification on P-256 (secp256r1), the precompile of EIP-7951.

   The curve is y^2 = x^3 - 3x + b over p = 2^256 - 2^224 + 2^192 + 2^96 - 1, of prime order n.
   u1*G + u2*Q is summed five bits of both scalars at a time with signed digits, at the same places
   for every signature, so that the threads of a warp stay together. Field elements are in
   Montgomery form and always below p. */
#ifndef HD_P256_H
#define HD_P256_H

#include "crypto/hd_field256.h"

/* ---- the field ---- */

HD_INL const hd_f256 *hd_p256_p(void) {
    HD_TABLE(hd_f256, p, 1) = {{{0xffffffffffffffffull, 0x00000000ffffffffull,
                                 0x0000000000000000ull, 0xffffffff00000001ull}}};
    return p;
}

HD_INL hd_f256 hd_p256_one(void) {
    return hd_f256_make(0x00000000fffffffeull, 0xffffffffffffffffull, 0xffffffff00000000ull,
                        0x0000000000000001ull);
}

HD_INL hd_f256 hd_p256_rr(void) {
    return hd_f256_make(0x00000004fffffffdull, 0xfffffffffffffffeull, 0xfffffffbffffffffull,
                        0x0000000000000003ull);
}

HD_INL hd_f256_mod hd_p256_n(void) {
    hd_f256_mod n;
    n.m = hd_f256_make(0xffffffff00000000ull, 0xffffffffffffffffull, 0xbce6faada7179e84ull,
                       0xf3b9cac2fc632551ull);
    n.neg_inv = 0xccd1c8aaee00bc4full;
    n.one = hd_f256_make(0x00000000ffffffffull, 0, 0x4319055258e8617bull, 0x0c46353d039cdaafull);
    n.rr = hd_f256_make(0x66e12d94f3d95620ull, 0x2845b2392b6bec59ull, 0x4699799c49bd6fa6ull,
                        0x83244c95be79eea2ull);
    return n;
}

HD_INL void hd_p256_fp_add(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256_add_mod(r, a, b, hd_p256_p());
}

HD_INL void hd_p256_fp_sub(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256_sub_mod(r, a, b, hd_p256_p());
}

#if defined(__CUDACC__)
/* By value: the device passes 32-byte structs in registers, a pointer would go through memory. */
HD_NOINL hd_f256 hd_p256_fp_mul_val(hd_f256 a, hd_f256 b) {
    hd_f256 r;
    hd_f256_mont_mul(&r, &a, &b, hd_p256_p(), 1, 0); /* p = -1 mod 2^64 */
    return r;
}
HD_INL void hd_p256_fp_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    *r = hd_p256_fp_mul_val(*a, *b);
}
#else
HD_NOINL void hd_p256_fp_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    hd_f256_mont_mul(r, a, b, hd_p256_p(), 1, 0); /* p = -1 mod 2^64 */
}
#endif

HD_INL void hd_p256_fp_sqr(hd_f256 *r, const hd_f256 *a) { hd_p256_fp_mul(r, a, a); }

/* ---- points ---- */

/* (x/z^2, y/z^3); z = 0 is infinity. */
typedef struct {
    hd_f256 x, y, z;
} hd_p256_point;

/* r = 2r. The order is odd, so no y is 0; infinity doubles to itself. */
HD_NOINL void hd_p256_double(hd_p256_point *r) {
    hd_f256 zz, yy, b, a, t;
    hd_p256_fp_sqr(&zz, &r->z);
    hd_p256_fp_sqr(&yy, &r->y);
    hd_p256_fp_mul(&r->z, &r->z, &r->y);
    hd_p256_fp_add(&r->z, &r->z, &r->z);
    hd_p256_fp_mul(&b, &r->x, &yy);
    hd_p256_fp_add(&b, &b, &b);
    hd_p256_fp_add(&b, &b, &b); /* 4xy^2 */
    hd_p256_fp_add(&a, &r->x, &zz);
    hd_p256_fp_sub(&t, &r->x, &zz);
    hd_p256_fp_mul(&t, &t, &a);
    hd_p256_fp_add(&a, &t, &t);
    hd_p256_fp_add(&a, &a, &t); /* 3(x + z^2)(x - z^2) = 3x^2 - 3z^4 */
    hd_p256_fp_sqr(&t, &a);
    hd_p256_fp_sub(&t, &t, &b);
    hd_p256_fp_sub(&r->x, &t, &b);
    hd_p256_fp_sub(&b, &b, &r->x);
    hd_p256_fp_mul(&b, &b, &a);
    hd_p256_fp_add(&yy, &yy, &yy);
    hd_p256_fp_sqr(&yy, &yy);
    hd_p256_fp_add(&yy, &yy, &yy); /* 8y^4 */
    hd_p256_fp_sub(&r->y, &b, &yy);
}

/* r += q, any two points; is_affine promises that q's z is one and saves four products. */
HD_NOINL void hd_p256_add(hd_p256_point *r, const hd_p256_point *q, uint32_t is_affine) {
    hd_f256 zz, u, h, s, t, hh, v;
    if (hd_f256_is_zero(&q->z))
        return;
    if (hd_f256_is_zero(&r->z)) {
        *r = *q;
        return;
    }
    u = r->x;
    t = r->y;
    if (!is_affine) {
        hd_p256_fp_sqr(&zz, &q->z);
        hd_p256_fp_mul(&u, &u, &zz);
        hd_p256_fp_mul(&zz, &zz, &q->z);
        hd_p256_fp_mul(&t, &t, &zz);
    }
    hd_p256_fp_sqr(&zz, &r->z);
    hd_p256_fp_mul(&h, &q->x, &zz);
    hd_p256_fp_sub(&h, &h, &u);
    hd_p256_fp_mul(&s, &zz, &r->z);
    hd_p256_fp_mul(&s, &s, &q->y);
    hd_p256_fp_sub(&s, &s, &t);
    if (HD_UNLIKELY(hd_f256_is_zero(&h))) {
        if (hd_f256_is_zero(&s))
            hd_p256_double(r);
        else
            hd_zero(r, sizeof *r);
        return;
    }
    if (!is_affine)
        hd_p256_fp_mul(&r->z, &r->z, &q->z);
    hd_p256_fp_mul(&r->z, &r->z, &h);
    hd_p256_fp_sqr(&hh, &h);
    hd_p256_fp_mul(&v, &u, &hh);
    hd_p256_fp_mul(&hh, &hh, &h);
    hd_p256_fp_sqr(&u, &s);
    hd_p256_fp_sub(&u, &u, &hh);
    hd_p256_fp_sub(&u, &u, &v);
    hd_p256_fp_sub(&r->x, &u, &v);
    hd_p256_fp_sub(&v, &v, &r->x);
    hd_p256_fp_mul(&v, &v, &s);
    hd_p256_fp_mul(&hh, &hh, &t);
    hd_p256_fp_sub(&r->y, &v, &hh);
}

#define HD_P256_MULTIPLE_CNT 16 /* digits are -16..16 */
#define HD_P256_WINDOW_CNT 52   /* of 5 bits: 260 */

/* x then y in Montgomery form, least significant limb first, of G, 2G, ... 16G. */
HD_INL const uint64_t *hd_p256_g_table(void) {
    HD_TABLE(uint64_t, tab, 128) = {
        0x79e730d418a9143cull, 0x75ba95fc5fedb601ull, 0x79fb732b77622510ull, 0x18905f76a53755c6ull,
        0xddf25357ce95560aull, 0x8b4ab8e4ba19e45cull, 0xd2e88688dd21f325ull, 0x8571ff1825885d85ull,
        0x850046d410ddd64dull, 0xaa6ae3c1a433827dull, 0x732205038d1490d9ull, 0xf6bb32e43dcf3a3bull,
        0x2f3648d361bee1a5ull, 0x152cd7cbeb236ff8ull, 0x19a8fb0e92042dbeull, 0x78c577510a5b8a3bull,
        0xffac3f904eebc127ull, 0xb027f84a087d81fbull, 0x66ad77dd87cbbc98ull, 0x26936a3fb6ff747eull,
        0xb04c5c1fc983a7ebull, 0x583e47ad0861fe1aull, 0x788208311a2ee98eull, 0xd5f06a29e587cc07ull,
        0x74b0b50d46918dccull, 0x4650a6edc623c173ull, 0x0cdaacace8100af2ull, 0x577362f541b0176bull,
        0x2d96f24ce4cbaba6ull, 0x17628471fad6f447ull, 0x6b6c36dee5ddd22eull, 0x84b14c394c5ab863ull,
        0xbe1b8aaec45c61f5ull, 0x90ec649a94b9537dull, 0x941cb5aad076c20cull, 0xc9079605890523c8ull,
        0xeb309b4ae7ba4f10ull, 0x73c568efe5eb882bull, 0x3540a9877e7a1f68ull, 0x73a076bb2dd1e916ull,
        0x403947373e77664aull, 0x55ae744f346cee3eull, 0xd50a961a5b17a3adull, 0x13074b5954213673ull,
        0x93d36220d377e44bull, 0x299c2b53adff14b5ull, 0xf424d44cef639f11ull, 0xa4c9916d4a07f75full,
        0x0746354ea0173b4full, 0x2bd20213d23c00f7ull, 0xf43eaab50c23bb08ull, 0x13ba5119c3123e03ull,
        0x2847d0303f5b9d4dull, 0x6742f2f25da67bddull, 0xef933bdc77c94195ull, 0xeaedd9156e240867ull,
        0x27f14cd19499a78full, 0x462ab5c56f9b3455ull, 0x8f90f02af02cfc6bull, 0xb763891eb265230dull,
        0xf59da3a9532d4977ull, 0x21e3327dcf9eba15ull, 0x123c7b84be60bbf0ull, 0x56ec12f27706df76ull,
        0x75c96e8f264e20e8ull, 0xabe6bfed59a7a841ull, 0x2cc09c0444c8eb00ull, 0xe05b3080f0c4e16bull,
        0x1eb7777aa45f3314ull, 0x56af7bedce5d45e3ull, 0x2b6e019a88b12f1aull, 0x086659cdfd835f9bull,
        0x2c18dbd19dc21ec8ull, 0x98f9868a0fcf8139ull, 0x737d2cd648250b49ull, 0xcc61c94724b3428full,
        0x0c2b407880dd9e76ull, 0xc43a8991383fbe08ull, 0x5f7d2d65779be5d2ull, 0x78719a54eb3b4ab5ull,
        0xea7d260a6245e404ull, 0x9de407956e7fdfe0ull, 0x1ff3a4158dac1ab5ull, 0x3e7090f1649c9073ull,
        0x1a7685612b944e88ull, 0x250f939ee57f61c8ull, 0x0c0daa891ead643dull, 0x68930023e125b88eull,
        0x04b71aa7d2697768ull, 0xabdedef5ca345a33ull, 0x2409d29dee37385eull, 0x4ee1df77cb83e156ull,
        0x0cac12d91cbb5b43ull, 0x170ed2f6ca895637ull, 0x28228cfa8ade6d66ull, 0x7ff57c9553238acaull,
        0xccc425634b2ed709ull, 0x0e356769856fd30dull, 0xbcbcd43f559e9811ull, 0x738477ac5395b759ull,
        0x35752b90c00ee17full, 0x68748390742ed2e3ull, 0x7cd06422bd1f5bc1ull, 0xfbc08769c9e7b797ull,
        0xa242a35bb0cf664aull, 0x126e48f77f9707e3ull, 0x1717bf54c6832660ull, 0xfaae7332fd12c72eull,
        0x27b52db7995d586bull, 0xbe29569e832237c2ull, 0xe8e4193e2a65e7dbull, 0x152706dc2eaa1bbbull,
        0x72bcd8b7bc60055bull, 0x03cc23ee56e27e4bull, 0xee337424e4819370ull, 0xe2aa0e430ad3da09ull,
        0x40b8524f6383c45dull, 0xd766355442a41b25ull, 0x64efa6de778a4797ull, 0x2042170a7079adf4ull,
        0x808b0b650bc6fb80ull, 0x5882e0753ffe2e6bull, 0xd5ef2f7c2c83f549ull, 0x54d63c809103b723ull,
        0xf2f11bd652a23f9bull, 0x3670c3194b0b6587ull, 0x55c4623bb1580e9eull, 0x64edf7b201efe220ull,
    };
    return tab;
}

/* Digit window_idx of k: its five bits, plus one if the bit below them is set, less 32 if their
   top bit is. The sum of digit * 32^window_idx is k. */
HD_INL int hd_p256_digit(const hd_f256 *k, uint32_t window_idx) {
    uint32_t v = 0, base = 5 * window_idx;
    for (uint32_t j = 0; j < 6; j++) {
        uint32_t pos = base + j; /* one above the bit meant */
        if (pos >= 1 && pos <= 256)
            v |= hd_f256_bit(k, pos - 1) << j;
    }
    return (int)(v >> 1) + (int)(v & 1) - (v >> 5 ? 32 : 0);
}

HD_NOINL void hd_p256_add_digit(hd_p256_point *acc, const hd_p256_point *q, int d,
                                uint32_t is_affine) {
    hd_p256_point t = *q;
    hd_f256 z = hd_f256_make(0, 0, 0, 0);
    if (d < 0)
        hd_p256_fp_sub(&t.y, &z, &q->y);
    hd_p256_add(acc, &t, is_affine);
}

/* acc = u1*G + u2*q */
HD_NOINL void hd_p256_mul_sum(hd_p256_point *acc, const hd_f256 *u1, const hd_f256 *u2,
                              const hd_p256_point *q) {
    hd_p256_point tab[HD_P256_MULTIPLE_CNT], g;
    tab[0] = *q;
    for (uint32_t i = 1; i < HD_P256_MULTIPLE_CNT; i++) {
        tab[i] = tab[i - 1];
        hd_p256_add(&tab[i], q, 1);
    }
    g.z = hd_p256_one();
    hd_zero(acc, sizeof *acc);
    for (uint32_t i = HD_P256_WINDOW_CNT; i-- > 0;) {
        int d1 = hd_p256_digit(u1, i), d2 = hd_p256_digit(u2, i);
        if (!hd_f256_is_zero(&acc->z))
            for (uint32_t j = 0; j < 5; j++)
                hd_p256_double(acc);
        if (d1 != 0) {
            const uint64_t *t = hd_p256_g_table() + 8 * ((d1 < 0 ? -d1 : d1) - 1);
            g.x = hd_f256_make(t[3], t[2], t[1], t[0]);
            g.y = hd_f256_make(t[7], t[6], t[5], t[4]);
            hd_p256_add_digit(acc, &g, d1, 1);
        }
        if (d2 != 0)
            hd_p256_add_digit(acc, &tab[(d2 < 0 ? -d2 : d2) - 1], d2, 0);
    }
}

/* 1 if (x, y), in Montgomery form, is on the curve; (0, 0), which EIP-7951 calls infinity, is
   not, since b is not 0. */
HD_NOINL int hd_p256_is_on_curve(const hd_f256 *x, const hd_f256 *y) {
    hd_f256 l, r;
    hd_f256 b = hd_f256_make(0xdc30061d04874834ull, 0xe5a220abf7212ed6ull, 0xacf005cd78843090ull,
                             0xd89cdf6229c4bddfull);
    hd_p256_fp_sqr(&r, x);
    hd_p256_fp_mul(&r, &r, x);
    hd_p256_fp_sub(&r, &r, x);
    hd_p256_fp_sub(&r, &r, x);
    hd_p256_fp_sub(&r, &r, x);
    hd_p256_fp_add(&r, &r, &b);
    hd_p256_fp_sqr(&l, y);
    return hd_f256_is_equal(&l, &r);
}

/* hd_p256_verify checks the signature in = hash | r | s | qx | qy, all big-endian: EIP-7951.
   Returns 1 if it is good; 0 if r or s is 0 or not below n, qx or qy is not below p, the key is
   not on the curve, or the signature does not match. Any thread, no state. */
HD_NOINL int hd_p256_verify(const uint8_t in[160]) {
    hd_f256_mod n = hd_p256_n();
    hd_f256 h = hd_f256_load_be(in), r = hd_f256_load_be(in + 32), s = hd_f256_load_be(in + 64);
    hd_f256 x = hd_f256_load_be(in + 96), y = hd_f256_load_be(in + 128);
    hd_f256 rr = hd_p256_rr(), w, t;
    hd_p256_point q, acc;
    if (hd_f256_is_zero(&r) || hd_f256_is_zero(&s) || !hd_f256_is_below(&r, &n.m) ||
        !hd_f256_is_below(&s, &n.m) || !hd_f256_is_below(&x, hd_p256_p()) ||
        !hd_f256_is_below(&y, hd_p256_p()))
        return 0;
    hd_p256_fp_mul(&q.x, &x, &rr);
    hd_p256_fp_mul(&q.y, &y, &rr);
    q.z = hd_p256_one();
    if (!hd_p256_is_on_curve(&q.x, &q.y))
        return 0;

    /* u1 = h/s, u2 = r/s; h needs no reduction (hd_f256_mont_mul says why). */
    hd_f256_mul_mod(&w, &s, &n.rr, &n);
    hd_f256_inv_mod(&w, &w, &n);
    hd_f256_mul_mod(&h, &h, &w, &n);
    hd_f256_mul_mod(&s, &r, &w, &n);
    hd_p256_mul_sum(&acc, &h, &s, &q);
    if (hd_f256_is_zero(&acc.z))
        return 0;

    /* x mod n = r means x/z^2 is r, or r + n where that is still below p. */
    hd_p256_fp_sqr(&acc.z, &acc.z);
    hd_p256_fp_mul(&t, &r, &rr);
    hd_p256_fp_mul(&t, &t, &acc.z);
    if (hd_f256_is_equal(&t, &acc.x))
        return 1;
    if (hd_f256_add_raw(&r, &r, &n.m) || !hd_f256_is_below(&r, hd_p256_p()))
        return 0;
    hd_p256_fp_mul(&t, &r, &rr);
    hd_p256_fp_mul(&t, &t, &acc.z);
    return hd_f256_is_equal(&t, &acc.x);
}

#endif
