/* hd_bls_field.h - the fields of BLS12-381: Fp (381 bits, Montgomery form), Fp2, Fp6 and Fp12

   p = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf
         6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab

   Fp2 = Fp[i]/(i^2 + 1), Fp6 = Fp2[v]/(v^3 - (1 + i)), Fp12 = Fp6[w]/(w^2 - v).

   An Fp element is six 64-bit limbs, least first, holding a * 2^384 mod p, always below p, so that
   equal numbers have equal limbs. Results may be written over arguments everywhere in this file.
   Nothing here is constant time: the precompiles know no secrets.

   Inlined functions (HD_INL) here have no locals that live in memory: where nvcc 13.0 inlined such
   a function twice, it gave other locals of the caller, still in use, one stack slot (seen as wrong
   points from hd_bls_g1_sswu on an H100). */
#ifndef HD_BLS_FIELD_H
#define HD_BLS_FIELD_H

#include "base/hd_base.h"

typedef struct {
    uint64_t w[6];
} hd_bls_fp;

typedef struct {
    hd_bls_fp c0, c1; /* c0 + c1 i */
} hd_bls_fp2;

typedef struct {
    hd_bls_fp2 c0, c1, c2; /* c0 + c1 v + c2 v^2 */
} hd_bls_fp6;

typedef struct {
    hd_bls_fp6 c0, c1; /* c0 + c1 w */
} hd_bls_fp12;

HD_STATIC_ASSERT(sizeof(hd_bls_fp12) == 576, "field elements have no padding");

/* The limbs of p, and -1/p mod 2^64 (its low half is -1/p mod 2^32). */
#define HD_BLS_P0 0xb9feffffffffaaabu
#define HD_BLS_P1 0x1eabfffeb153ffffu
#define HD_BLS_P2 0x6730d2a0f6b0f624u
#define HD_BLS_P3 0x64774b84f38512bfu
#define HD_BLS_P4 0x4b1ba7b6434bacd7u
#define HD_BLS_P5 0x1a0111ea397fe69au
#define HD_BLS_P_NEG_INV 0x89f3fffcfffcfffdu

/* The curve family's parameter is -HD_BLS_X. */
#define HD_BLS_X 0xd201000000010000u

/* HD_BLS_PORTABLE (for tests) takes the forms for compilers without 128-bit integers. */

/* ---- limbs ---- */

/* hd_bls_mul64 gives the low half of a * b and puts the high half in *hi. */
HD_INL uint64_t hd_bls_mul64(uint64_t *hi, uint64_t a, uint64_t b) {
#if HD_ON_DEVICE
    *hi = __umul64hi(a, b);
    return a * b;
#elif defined(__SIZEOF_INT128__) && !defined(HD_BLS_PORTABLE)
    unsigned __int128 t = (unsigned __int128)a * b;
    *hi = (uint64_t)(t >> 64);
    return (uint64_t)t;
#else
    uint64_t al = a & 0xffffffffu, ah = a >> 32, bl = b & 0xffffffffu, bh = b >> 32;
    uint64_t ll = al * bl, lh = al * bh, hl = ah * bl;
    uint64_t mid = (ll >> 32) + (lh & 0xffffffffu) + (hl & 0xffffffffu);
    *hi = ah * bh + (lh >> 32) + (hl >> 32) + (mid >> 32);
    return a * b;
#endif
}

/* hd_bls_adc gives a + b + *carry and leaves the carry, 0 or 1. */
HD_INL uint64_t hd_bls_adc(uint64_t a, uint64_t b, uint64_t *carry) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__) && !defined(__clang__) && \
    !defined(HD_BLS_PORTABLE)
    /* gcc makes a chain of adc from this, and not from the portable form. */
    unsigned long long s;
    *carry = __builtin_ia32_addcarryx_u64((unsigned char)*carry, a, b, &s);
    return s;
#else
    uint64_t t = a + *carry;
    uint64_t s = t + b;
    *carry = (uint64_t)(t < a) | (uint64_t)(s < t);
    return s;
#endif
}

/* hd_bls_sbb gives a - b - *borrow and leaves the borrow, 0 or 1. */
HD_INL uint64_t hd_bls_sbb(uint64_t a, uint64_t b, uint64_t *borrow) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__) && !defined(__clang__) && \
    !defined(HD_BLS_PORTABLE)
    unsigned long long s;
    *borrow = __builtin_ia32_sbb_u64((unsigned char)*borrow, a, b, &s);
    return s;
#else
    uint64_t t = a - *borrow;
    uint64_t s = t - b;
    *borrow = (uint64_t)(t > a) | (uint64_t)(s > t);
    return s;
#endif
}

HD_INL int hd_bls_fp_is_zero(const hd_bls_fp *a) {
    return (a->w[0] | a->w[1] | a->w[2] | a->w[3] | a->w[4] | a->w[5]) == 0;
}

HD_INL int hd_bls_fp_is_equal(const hd_bls_fp *a, const hd_bls_fp *b) {
    uint64_t d = 0;
    for (int i = 0; i < 6; i++)
        d |= a->w[i] ^ b->w[i];
    return d == 0;
}

/* hd_bls_fp_is_below_p checks raw limbs that came from outside. */
HD_INL int hd_bls_fp_is_below_p(const hd_bls_fp *a) {
    uint64_t brw = 0;
    (void)hd_bls_sbb(a->w[0], HD_BLS_P0, &brw);
    (void)hd_bls_sbb(a->w[1], HD_BLS_P1, &brw);
    (void)hd_bls_sbb(a->w[2], HD_BLS_P2, &brw);
    (void)hd_bls_sbb(a->w[3], HD_BLS_P3, &brw);
    (void)hd_bls_sbb(a->w[4], HD_BLS_P4, &brw);
    (void)hd_bls_sbb(a->w[5], HD_BLS_P5, &brw);
    return brw != 0;
}

/* hd_bls_fp_reduce_once takes limbs below 2p to their residue below p. */
HD_INL void hd_bls_fp_reduce_once(hd_bls_fp *r, uint64_t t0, uint64_t t1, uint64_t t2, uint64_t t3,
                                  uint64_t t4, uint64_t t5) {
#if HD_ON_DEVICE
    uint64_t s0, s1, s2, s3, s4, s5, mask;
    asm("sub.cc.u64 %0, %7, %13;\n\t"
        "subc.cc.u64 %1, %8, %14;\n\t"
        "subc.cc.u64 %2, %9, %15;\n\t"
        "subc.cc.u64 %3, %10, %16;\n\t"
        "subc.cc.u64 %4, %11, %17;\n\t"
        "subc.cc.u64 %5, %12, %18;\n\t"
        "subc.u64 %6, 0, 0;"
        : "=&l"(s0), "=&l"(s1), "=&l"(s2), "=&l"(s3), "=&l"(s4), "=&l"(s5), "=&l"(mask)
        : "l"(t0), "l"(t1), "l"(t2), "l"(t3), "l"(t4), "l"(t5), "l"(HD_BLS_P0), "l"(HD_BLS_P1),
          "l"(HD_BLS_P2), "l"(HD_BLS_P3), "l"(HD_BLS_P4), "l"(HD_BLS_P5));
#else
    uint64_t brw = 0;
    uint64_t s0 = hd_bls_sbb(t0, HD_BLS_P0, &brw);
    uint64_t s1 = hd_bls_sbb(t1, HD_BLS_P1, &brw);
    uint64_t s2 = hd_bls_sbb(t2, HD_BLS_P2, &brw);
    uint64_t s3 = hd_bls_sbb(t3, HD_BLS_P3, &brw);
    uint64_t s4 = hd_bls_sbb(t4, HD_BLS_P4, &brw);
    uint64_t s5 = hd_bls_sbb(t5, HD_BLS_P5, &brw);
    uint64_t mask = 0 - brw;
#endif
    r->w[0] = mask ? t0 : s0;
    r->w[1] = mask ? t1 : s1;
    r->w[2] = mask ? t2 : s2;
    r->w[3] = mask ? t3 : s3;
    r->w[4] = mask ? t4 : s4;
    r->w[5] = mask ? t5 : s5;
}

HD_INL void hd_bls_fp_add(hd_bls_fp *r, const hd_bls_fp *a, const hd_bls_fp *b) {
#if HD_ON_DEVICE
    uint64_t t0, t1, t2, t3, t4, t5;
    asm("add.cc.u64 %0, %6, %12;\n\t"
        "addc.cc.u64 %1, %7, %13;\n\t"
        "addc.cc.u64 %2, %8, %14;\n\t"
        "addc.cc.u64 %3, %9, %15;\n\t"
        "addc.cc.u64 %4, %10, %16;\n\t"
        "addc.u64 %5, %11, %17;"
        : "=&l"(t0), "=&l"(t1), "=&l"(t2), "=&l"(t3), "=&l"(t4), "=&l"(t5)
        : "l"(a->w[0]), "l"(a->w[1]), "l"(a->w[2]), "l"(a->w[3]), "l"(a->w[4]), "l"(a->w[5]),
          "l"(b->w[0]), "l"(b->w[1]), "l"(b->w[2]), "l"(b->w[3]), "l"(b->w[4]), "l"(b->w[5]));
#else
    uint64_t cry = 0;
    uint64_t t0 = hd_bls_adc(a->w[0], b->w[0], &cry);
    uint64_t t1 = hd_bls_adc(a->w[1], b->w[1], &cry);
    uint64_t t2 = hd_bls_adc(a->w[2], b->w[2], &cry);
    uint64_t t3 = hd_bls_adc(a->w[3], b->w[3], &cry);
    uint64_t t4 = hd_bls_adc(a->w[4], b->w[4], &cry);
    uint64_t t5 = hd_bls_adc(a->w[5], b->w[5], &cry);
#endif
    hd_bls_fp_reduce_once(r, t0, t1, t2, t3, t4, t5);
}

HD_INL void hd_bls_fp_sub(hd_bls_fp *r, const hd_bls_fp *a, const hd_bls_fp *b) {
#if HD_ON_DEVICE
    uint64_t t0, t1, t2, t3, t4, t5, mask;
    asm("sub.cc.u64 %0, %7, %13;\n\t"
        "subc.cc.u64 %1, %8, %14;\n\t"
        "subc.cc.u64 %2, %9, %15;\n\t"
        "subc.cc.u64 %3, %10, %16;\n\t"
        "subc.cc.u64 %4, %11, %17;\n\t"
        "subc.cc.u64 %5, %12, %18;\n\t"
        "subc.u64 %6, 0, 0;"
        : "=&l"(t0), "=&l"(t1), "=&l"(t2), "=&l"(t3), "=&l"(t4), "=&l"(t5), "=&l"(mask)
        : "l"(a->w[0]), "l"(a->w[1]), "l"(a->w[2]), "l"(a->w[3]), "l"(a->w[4]), "l"(a->w[5]),
          "l"(b->w[0]), "l"(b->w[1]), "l"(b->w[2]), "l"(b->w[3]), "l"(b->w[4]), "l"(b->w[5]));
    asm("add.cc.u64 %0, %0, %6;\n\t"
        "addc.cc.u64 %1, %1, %7;\n\t"
        "addc.cc.u64 %2, %2, %8;\n\t"
        "addc.cc.u64 %3, %3, %9;\n\t"
        "addc.cc.u64 %4, %4, %10;\n\t"
        "addc.u64 %5, %5, %11;"
        : "+&l"(t0), "+&l"(t1), "+&l"(t2), "+&l"(t3), "+&l"(t4), "+&l"(t5)
        : "l"(mask & HD_BLS_P0), "l"(mask & HD_BLS_P1), "l"(mask & HD_BLS_P2),
          "l"(mask & HD_BLS_P3), "l"(mask & HD_BLS_P4), "l"(mask & HD_BLS_P5));
    r->w[0] = t0;
    r->w[1] = t1;
    r->w[2] = t2;
    r->w[3] = t3;
    r->w[4] = t4;
    r->w[5] = t5;
#else
    uint64_t brw = 0, cry = 0;
    uint64_t t0 = hd_bls_sbb(a->w[0], b->w[0], &brw);
    uint64_t t1 = hd_bls_sbb(a->w[1], b->w[1], &brw);
    uint64_t t2 = hd_bls_sbb(a->w[2], b->w[2], &brw);
    uint64_t t3 = hd_bls_sbb(a->w[3], b->w[3], &brw);
    uint64_t t4 = hd_bls_sbb(a->w[4], b->w[4], &brw);
    uint64_t t5 = hd_bls_sbb(a->w[5], b->w[5], &brw);
    uint64_t mask = 0 - brw;
    r->w[0] = hd_bls_adc(t0, mask & HD_BLS_P0, &cry);
    r->w[1] = hd_bls_adc(t1, mask & HD_BLS_P1, &cry);
    r->w[2] = hd_bls_adc(t2, mask & HD_BLS_P2, &cry);
    r->w[3] = hd_bls_adc(t3, mask & HD_BLS_P3, &cry);
    r->w[4] = hd_bls_adc(t4, mask & HD_BLS_P4, &cry);
    r->w[5] = hd_bls_adc(t5, mask & HD_BLS_P5, &cry);
#endif
}

HD_INL void hd_bls_fp_dbl(hd_bls_fp *r, const hd_bls_fp *a) { hd_bls_fp_add(r, a, a); }

/* -a is p - a, but for 0. */
HD_INL void hd_bls_fp_neg(hd_bls_fp *r, const hd_bls_fp *a) {
    uint64_t mask = hd_bls_fp_is_zero(a) ? 0 : ~(uint64_t)0;
    uint64_t brw = 0;
    r->w[0] = hd_bls_sbb(HD_BLS_P0, a->w[0], &brw) & mask;
    r->w[1] = hd_bls_sbb(HD_BLS_P1, a->w[1], &brw) & mask;
    r->w[2] = hd_bls_sbb(HD_BLS_P2, a->w[2], &brw) & mask;
    r->w[3] = hd_bls_sbb(HD_BLS_P3, a->w[3], &brw) & mask;
    r->w[4] = hd_bls_sbb(HD_BLS_P4, a->w[4], &brw) & mask;
    r->w[5] = hd_bls_sbb(HD_BLS_P5, a->w[5], &brw) & mask;
}

/* ---- Montgomery multiplication ---- */

#if HD_ON_DEVICE

/* On the device a product is summed in two rows of 32-bit words, so that the low and high half of
   each 32 x 32 product land in one aligned pair (one wide multiply-add) and the carries of a row
   run in a single chain: E holds the words from position 0, O those from position 1, with products
   of even and odd words of a. After each reduction word 0 is zero, the sum moves down by a word,
   and the two rows change their roles. All sums stay below 3 p 2^32 < 2^415, thirteen words. */

/* acc[0,12) += sum of x[2k] * b at word 2k; the carry is added to *top. */
static __device__ __forceinline__ void hd_bls_row_add(uint32_t *acc, uint32_t *top,
                                                      const uint32_t *x, uint32_t b) {
    asm("mad.lo.cc.u32 %0, %13, %19, %0;\n\t"
        "madc.hi.cc.u32 %1, %13, %19, %1;\n\t"
        "madc.lo.cc.u32 %2, %14, %19, %2;\n\t"
        "madc.hi.cc.u32 %3, %14, %19, %3;\n\t"
        "madc.lo.cc.u32 %4, %15, %19, %4;\n\t"
        "madc.hi.cc.u32 %5, %15, %19, %5;\n\t"
        "madc.lo.cc.u32 %6, %16, %19, %6;\n\t"
        "madc.hi.cc.u32 %7, %16, %19, %7;\n\t"
        "madc.lo.cc.u32 %8, %17, %19, %8;\n\t"
        "madc.hi.cc.u32 %9, %17, %19, %9;\n\t"
        "madc.lo.cc.u32 %10, %18, %19, %10;\n\t"
        "madc.hi.cc.u32 %11, %18, %19, %11;\n\t"
        "addc.u32 %12, %12, 0;"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "+&r"(acc[6]), "+&r"(acc[7]), "+&r"(acc[8]), "+&r"(acc[9]), "+&r"(acc[10]),
          "+&r"(acc[11]), "+&r"(*top)
        : "r"(x[0]), "r"(x[2]), "r"(x[4]), "r"(x[6]), "r"(x[8]), "r"(x[10]), "r"(b));
}

/* The same for the odd row, whose sum cannot overflow. */
static __device__ __forceinline__ void hd_bls_row_add_odd(uint32_t *acc, const uint32_t *x,
                                                          uint32_t b) {
    asm("mad.lo.cc.u32 %0, %12, %18, %0;\n\t"
        "madc.hi.cc.u32 %1, %12, %18, %1;\n\t"
        "madc.lo.cc.u32 %2, %13, %18, %2;\n\t"
        "madc.hi.cc.u32 %3, %13, %18, %3;\n\t"
        "madc.lo.cc.u32 %4, %14, %18, %4;\n\t"
        "madc.hi.cc.u32 %5, %14, %18, %5;\n\t"
        "madc.lo.cc.u32 %6, %15, %18, %6;\n\t"
        "madc.hi.cc.u32 %7, %15, %18, %7;\n\t"
        "madc.lo.cc.u32 %8, %16, %18, %8;\n\t"
        "madc.hi.cc.u32 %9, %16, %18, %9;\n\t"
        "madc.lo.cc.u32 %10, %17, %18, %10;\n\t"
        "madc.hi.u32 %11, %17, %18, %11;"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "+&r"(acc[6]), "+&r"(acc[7]), "+&r"(acc[8]), "+&r"(acc[9]), "+&r"(acc[10]), "+&r"(acc[11])
        : "r"(x[1]), "r"(x[3]), "r"(x[5]), "r"(x[7]), "r"(x[9]), "r"(x[11]), "r"(b));
}

/* The old even row becomes the odd one: its word 1 goes to the new word 0, the rest move down by
   two, and the odd products are added on the way. */
static __device__ __forceinline__ void hd_bls_row_shift(uint32_t *acc, uint32_t *e0,
                                                        const uint32_t *x, uint32_t b) {
    asm("add.cc.u32 %12, %12, %1;\n\t"
        "madc.lo.cc.u32 %0, %13, %19, %2;\n\t"
        "madc.hi.cc.u32 %1, %13, %19, %3;\n\t"
        "madc.lo.cc.u32 %2, %14, %19, %4;\n\t"
        "madc.hi.cc.u32 %3, %14, %19, %5;\n\t"
        "madc.lo.cc.u32 %4, %15, %19, %6;\n\t"
        "madc.hi.cc.u32 %5, %15, %19, %7;\n\t"
        "madc.lo.cc.u32 %6, %16, %19, %8;\n\t"
        "madc.hi.cc.u32 %7, %16, %19, %9;\n\t"
        "madc.lo.cc.u32 %8, %17, %19, %10;\n\t"
        "madc.hi.cc.u32 %9, %17, %19, %11;\n\t"
        "madc.lo.cc.u32 %10, %18, %19, 0;\n\t"
        "madc.hi.u32 %11, %18, %19, 0;"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "+&r"(acc[6]), "+&r"(acc[7]), "+&r"(acc[8]), "+&r"(acc[9]), "+&r"(acc[10]),
          "+&r"(acc[11]), "+&r"(*e0)
        : "r"(x[1]), "r"(x[3]), "r"(x[5]), "r"(x[7]), "r"(x[9]), "r"(x[11]), "r"(b));
}

static __device__ __forceinline__ void hd_bls_fp_split(uint32_t *x, const hd_bls_fp *a) {
#pragma unroll
    for (int i = 0; i < 6; i++) {
        x[2 * i] = (uint32_t)a->w[i];
        x[2 * i + 1] = (uint32_t)(a->w[i] >> 32);
    }
}

/* One word of b (and of d, when there are two products), and one word of reduction. */
template <int TWO>
static __device__ __forceinline__ void hd_bls_row(uint32_t *e, uint32_t *o, const uint32_t *a,
                                                  uint32_t b, const uint32_t *c, uint32_t d,
                                                  const uint32_t *p) {
    hd_bls_row_shift(o, &e[0], a, b);
    hd_bls_row_add(e, &o[11], a, b);
    if (TWO) {
        hd_bls_row_add_odd(o, c, d);
        hd_bls_row_add(e, &o[11], c, d);
    }
    uint32_t m = e[0] * (uint32_t)HD_BLS_P_NEG_INV;
    hd_bls_row_add_odd(o, p, m);
    hd_bls_row_add(e, &o[11], p, m);
}

template <int TWO>
static __device__ __forceinline__ void hd_bls_fp_mul_rows(hd_bls_fp *r, const hd_bls_fp *a,
                                                          const hd_bls_fp *b, const hd_bls_fp *c,
                                                          const hd_bls_fp *d) {
    const uint32_t p[12] = {
        (uint32_t)HD_BLS_P0,         (uint32_t)(HD_BLS_P0 >> 32), (uint32_t)HD_BLS_P1,
        (uint32_t)(HD_BLS_P1 >> 32), (uint32_t)HD_BLS_P2,         (uint32_t)(HD_BLS_P2 >> 32),
        (uint32_t)HD_BLS_P3,         (uint32_t)(HD_BLS_P3 >> 32), (uint32_t)HD_BLS_P4,
        (uint32_t)(HD_BLS_P4 >> 32), (uint32_t)HD_BLS_P5,         (uint32_t)(HD_BLS_P5 >> 32)};
    uint32_t aw[12], bw[12], cw[12], dw[12], e[12], o[12];
    hd_bls_fp_split(aw, a);
    hd_bls_fp_split(bw, b);
    if (TWO) {
        hd_bls_fp_split(cw, c);
        hd_bls_fp_split(dw, d);
    }
#pragma unroll
    for (int i = 0; i < 12; i++)
        e[i] = o[i] = 0;
#pragma unroll
    for (int i = 0; i < 12; i += 2) {
        hd_bls_row<TWO>(e, o, aw, bw[i], cw, TWO ? dw[i] : 0, p);
        hd_bls_row<TWO>(o, e, aw, bw[i + 1], cw, TWO ? dw[i + 1] : 0, p);
    }
    /* Now o is the even row: the number is e plus o moved down by a word. */
    asm("add.cc.u32 %0, %0, %12;\n\t"
        "addc.cc.u32 %1, %1, %13;\n\t"
        "addc.cc.u32 %2, %2, %14;\n\t"
        "addc.cc.u32 %3, %3, %15;\n\t"
        "addc.cc.u32 %4, %4, %16;\n\t"
        "addc.cc.u32 %5, %5, %17;\n\t"
        "addc.cc.u32 %6, %6, %18;\n\t"
        "addc.cc.u32 %7, %7, %19;\n\t"
        "addc.cc.u32 %8, %8, %20;\n\t"
        "addc.cc.u32 %9, %9, %21;\n\t"
        "addc.cc.u32 %10, %10, %22;\n\t"
        "addc.u32 %11, %11, 0;"
        : "+&r"(e[0]), "+&r"(e[1]), "+&r"(e[2]), "+&r"(e[3]), "+&r"(e[4]), "+&r"(e[5]), "+&r"(e[6]),
          "+&r"(e[7]), "+&r"(e[8]), "+&r"(e[9]), "+&r"(e[10]), "+&r"(e[11])
        : "r"(o[1]), "r"(o[2]), "r"(o[3]), "r"(o[4]), "r"(o[5]), "r"(o[6]), "r"(o[7]), "r"(o[8]),
          "r"(o[9]), "r"(o[10]), "r"(o[11]));
    hd_bls_fp_reduce_once(r, (uint64_t)e[1] << 32 | e[0], (uint64_t)e[3] << 32 | e[2],
                          (uint64_t)e[5] << 32 | e[4], (uint64_t)e[7] << 32 | e[6],
                          (uint64_t)e[9] << 32 | e[8], (uint64_t)e[11] << 32 | e[10]);
}

HD_NOINL void hd_bls_fp_mul(hd_bls_fp *r, const hd_bls_fp *a, const hd_bls_fp *b) {
    hd_bls_fp_mul_rows<0>(r, a, b, a, b);
}

HD_NOINL void hd_bls_fp_mul_sum(hd_bls_fp *r, const hd_bls_fp *a, const hd_bls_fp *b,
                                const hd_bls_fp *c, const hd_bls_fp *d) {
    hd_bls_fp_mul_rows<1>(r, a, b, c, d);
}

#else

/* hd_bls_mac gives the low word of a * b + t + *carry and leaves the high word in *carry. */
HD_INL uint64_t hd_bls_mac(uint64_t t, uint64_t a, uint64_t b, uint64_t *carry) {
#if defined(__SIZEOF_INT128__) && !defined(HD_BLS_PORTABLE)
    unsigned __int128 s = (unsigned __int128)a * b + t + *carry;
    *carry = (uint64_t)(s >> 64);
    return (uint64_t)s;
#else
    uint64_t hi, lo = hd_bls_mul64(&hi, a, b);
    lo += t;
    hi += lo < t;
    lo += *carry;
    hi += lo < *carry;
    *carry = hi;
    return lo;
#endif
}

/* One limb of b and one limb of reduction. The top limb of p leaves three bits free, so that even
   two products and the reduction (below 3 p 2^64) never carry out of the seven limbs. */
#define HD_BLS_MUL_ROW(a, bi) \
    do { \
        uint64_t k_ = 0; \
        t0 = hd_bls_mac(t0, (a)->w[0], (bi), &k_); \
        t1 = hd_bls_mac(t1, (a)->w[1], (bi), &k_); \
        t2 = hd_bls_mac(t2, (a)->w[2], (bi), &k_); \
        t3 = hd_bls_mac(t3, (a)->w[3], (bi), &k_); \
        t4 = hd_bls_mac(t4, (a)->w[4], (bi), &k_); \
        t5 = hd_bls_mac(t5, (a)->w[5], (bi), &k_); \
        t6 += k_; \
    } while (0)
#define HD_BLS_REDUCE_ROW() \
    do { \
        uint64_t k_ = 0, m_ = t0 * HD_BLS_P_NEG_INV; \
        (void)hd_bls_mac(t0, m_, HD_BLS_P0, &k_); \
        t0 = hd_bls_mac(t1, m_, HD_BLS_P1, &k_); \
        t1 = hd_bls_mac(t2, m_, HD_BLS_P2, &k_); \
        t2 = hd_bls_mac(t3, m_, HD_BLS_P3, &k_); \
        t3 = hd_bls_mac(t4, m_, HD_BLS_P4, &k_); \
        t4 = hd_bls_mac(t5, m_, HD_BLS_P5, &k_); \
        t5 = t6 + k_; \
        t6 = 0; \
    } while (0)

HD_NOINL void hd_bls_fp_mul(hd_bls_fp *r, const hd_bls_fp *a, const hd_bls_fp *b) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0, t5 = 0, t6 = 0;
    HD_BLS_MUL_ROW(a, b->w[0]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[1]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[2]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[3]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[4]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[5]);
    HD_BLS_REDUCE_ROW();
    hd_bls_fp_reduce_once(r, t0, t1, t2, t3, t4, t5);
}

/* hd_bls_fp_mul_sum gives a b + c d with one reduction: what a product in Fp2 is made of. */
HD_NOINL void hd_bls_fp_mul_sum(hd_bls_fp *r, const hd_bls_fp *a, const hd_bls_fp *b,
                                const hd_bls_fp *c, const hd_bls_fp *d) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0, t5 = 0, t6 = 0;
    HD_BLS_MUL_ROW(a, b->w[0]);
    HD_BLS_MUL_ROW(c, d->w[0]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[1]);
    HD_BLS_MUL_ROW(c, d->w[1]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[2]);
    HD_BLS_MUL_ROW(c, d->w[2]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[3]);
    HD_BLS_MUL_ROW(c, d->w[3]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[4]);
    HD_BLS_MUL_ROW(c, d->w[4]);
    HD_BLS_REDUCE_ROW();
    HD_BLS_MUL_ROW(a, b->w[5]);
    HD_BLS_MUL_ROW(c, d->w[5]);
    HD_BLS_REDUCE_ROW();
    hd_bls_fp_reduce_once(r, t0, t1, t2, t3, t4, t5);
}

#undef HD_BLS_MUL_ROW
#undef HD_BLS_REDUCE_ROW
#endif

HD_INL void hd_bls_fp_sqr(hd_bls_fp *r, const hd_bls_fp *a) { hd_bls_fp_mul(r, a, a); }

/* ---- Fp ---- */

HD_INL void hd_bls_fp_one(hd_bls_fp *r) {
    HD_TABLE(hd_bls_fp, k, 1) = {
        {{0x760900000002fffdu, 0xebf4000bc40c0002u, 0x5f48985753c758bau, 0x77ce585370525745u,
          0x5c071a97a256ec6du, 0x15f65ec3fa80e493u}},
    };
    *r = k[0];
}

HD_INL void hd_bls_fp_to_mont(hd_bls_fp *r, const hd_bls_fp *a) {
    HD_TABLE(hd_bls_fp, k, 1) = {
        {{0xf4df1f341c341746u, 0x0a76e6a609d104f1u, 0x8de5476c4c95b6d5u, 0x67eb88a9939d83c0u,
          0x9a793e85b519952du, 0x11988fe592cae3aau}},
    };
    hd_bls_fp_mul(r, a, &k[0]); /* 2^768 mod p */
}

HD_INL void hd_bls_fp_from_mont(hd_bls_fp *r, const hd_bls_fp *a) {
    HD_TABLE(hd_bls_fp, k, 1) = {{{1, 0, 0, 0, 0, 0}}};
    hd_bls_fp_mul(r, a, &k[0]);
}

/* hd_bls_fp_read takes 48 big-endian bytes; returns 0 if they are not below p. */
HD_NOINL int hd_bls_fp_read(hd_bls_fp *r, const uint8_t *in) {
    hd_bls_fp t;
    for (int i = 0; i < 6; i++)
        t.w[i] = hd_load_be64(in + 8 * (5 - i));
    if (!hd_bls_fp_is_below_p(&t))
        return 0;
    hd_bls_fp_to_mont(r, &t);
    return 1;
}

/* hd_bls_fp_write gives 48 big-endian bytes. */
HD_NOINL void hd_bls_fp_write(uint8_t *out, const hd_bls_fp *a) {
    hd_bls_fp t;
    hd_bls_fp_from_mont(&t, a);
    for (int i = 0; i < 6; i++)
        hd_store_be64(out + 8 * (5 - i), t.w[i]);
}

/* hd_bls_fp_sign is RFC 9380's sgn0: whether the number is odd. */
HD_NOINL int hd_bls_fp_sign(const hd_bls_fp *a) {
    hd_bls_fp t;
    hd_bls_fp_from_mont(&t, a);
    return (int)(t.w[0] & 1);
}

/* hd_bls_fp_is_large says whether a > (p - 1) / 2: the sign bit of compressed points. */
HD_NOINL int hd_bls_fp_is_large(const hd_bls_fp *a) {
    HD_TABLE(uint64_t, half, 6) = {0xdcff7fffffffd555u, 0x0f55ffff58a9ffffu, 0xb39869507b587b12u,
                                   0xb23ba5c279c2895fu, 0x258dd3db21a5d66bu, 0x0d0088f51cbff34du};
    hd_bls_fp t;
    uint64_t brw = 0;
    hd_bls_fp_from_mont(&t, a);
    for (int i = 0; i < 6; i++)
        (void)hd_bls_sbb(half[i], t.w[i], &brw);
    return brw != 0;
}

/* hd_bls_fp_pow_root gives e = a^((p-3)/4), from which follow, as p = 3 mod 4:
   the inverse e^4 a; the square root e a if there is one, else a root of -a; and e^2 a, which is 1
   if a has a root and -1 if not. For 0 it gives 0. */
HD_NOINL void hd_bls_fp_pow_root(hd_bls_fp *r, const hd_bls_fp *a) {
    HD_TABLE(uint64_t, k, 6) = {0xee7fbfffffffeaaau, 0x07aaffffac54ffffu, 0xd9cc34a83dac3d89u,
                                0xd91dd2e13ce144afu, 0x92c6e9ed90d2eb35u, 0x0680447a8e5ff9a6u};
    hd_bls_fp pow[16], t;
    hd_bls_fp_one(&pow[0]);
    pow[1] = *a;
    for (int i = 2; i < 16; i++)
        hd_bls_fp_mul(&pow[i], &pow[i - 1], a);
    t = pow[6]; /* the top window, bits 376 to 379 */
    for (int i = 93; i >= 0; i--) {
        uint32_t win = (uint32_t)(k[i >> 4] >> (4 * (i & 15))) & 15;
        hd_bls_fp_sqr(&t, &t);
        hd_bls_fp_sqr(&t, &t);
        hd_bls_fp_sqr(&t, &t);
        hd_bls_fp_sqr(&t, &t);
        if (win)
            hd_bls_fp_mul(&t, &t, &pow[win]);
    }
    *r = t;
}

/* hd_bls_fp_inv gives 1/a, and 0 for 0. */
HD_NOINL void hd_bls_fp_inv(hd_bls_fp *r, const hd_bls_fp *a) {
    hd_bls_fp e;
    hd_bls_fp_pow_root(&e, a);
    hd_bls_fp_sqr(&e, &e);
    hd_bls_fp_sqr(&e, &e);
    hd_bls_fp_mul(r, &e, a);
}

/* hd_bls_fp_sqrt returns 0 if a has no root. */
HD_NOINL int hd_bls_fp_sqrt(hd_bls_fp *r, const hd_bls_fp *a) {
    hd_bls_fp e, s;
    hd_bls_fp_pow_root(&e, a);
    hd_bls_fp_mul(&e, &e, a);
    hd_bls_fp_sqr(&s, &e);
    if (!hd_bls_fp_is_equal(&s, a))
        return 0;
    *r = e;
    return 1;
}

/* ---- Fp2 ---- */

HD_INL void hd_bls_fp2_one(hd_bls_fp2 *r) {
    hd_bls_fp_one(&r->c0);
    hd_zero(&r->c1, sizeof(r->c1));
}

HD_INL int hd_bls_fp2_is_zero(const hd_bls_fp2 *a) {
    return hd_bls_fp_is_zero(&a->c0) && hd_bls_fp_is_zero(&a->c1);
}

HD_INL int hd_bls_fp2_is_equal(const hd_bls_fp2 *a, const hd_bls_fp2 *b) {
    return hd_bls_fp_is_equal(&a->c0, &b->c0) && hd_bls_fp_is_equal(&a->c1, &b->c1);
}

HD_NOINL void hd_bls_fp2_add(hd_bls_fp2 *r, const hd_bls_fp2 *a, const hd_bls_fp2 *b) {
    hd_bls_fp_add(&r->c0, &a->c0, &b->c0);
    hd_bls_fp_add(&r->c1, &a->c1, &b->c1);
}

HD_NOINL void hd_bls_fp2_sub(hd_bls_fp2 *r, const hd_bls_fp2 *a, const hd_bls_fp2 *b) {
    hd_bls_fp_sub(&r->c0, &a->c0, &b->c0);
    hd_bls_fp_sub(&r->c1, &a->c1, &b->c1);
}

HD_INL void hd_bls_fp2_dbl(hd_bls_fp2 *r, const hd_bls_fp2 *a) { hd_bls_fp2_add(r, a, a); }

HD_NOINL void hd_bls_fp2_neg(hd_bls_fp2 *r, const hd_bls_fp2 *a) {
    hd_bls_fp_neg(&r->c0, &a->c0);
    hd_bls_fp_neg(&r->c1, &a->c1);
}

HD_INL void hd_bls_fp2_conj(hd_bls_fp2 *r, const hd_bls_fp2 *a) {
    r->c0 = a->c0;
    hd_bls_fp_neg(&r->c1, &a->c1);
}

/* Times 1 + i, the non-residue that Fp6 is built on. */
HD_NOINL void hd_bls_fp2_mul_xi(hd_bls_fp2 *r, const hd_bls_fp2 *a) {
    hd_bls_fp t;
    hd_bls_fp_sub(&t, &a->c0, &a->c1);
    hd_bls_fp_add(&r->c1, &a->c0, &a->c1);
    r->c0 = t;
}

HD_NOINL void hd_bls_fp2_mul(hd_bls_fp2 *r, const hd_bls_fp2 *a, const hd_bls_fp2 *b) {
    hd_bls_fp neg, t;
    hd_bls_fp_neg(&neg, &a->c1);
    hd_bls_fp_mul_sum(&t, &a->c0, &b->c0, &neg, &b->c1);
    hd_bls_fp_mul_sum(&r->c1, &a->c0, &b->c1, &a->c1, &b->c0);
    r->c0 = t;
}

HD_NOINL void hd_bls_fp2_sqr(hd_bls_fp2 *r, const hd_bls_fp2 *a) {
    hd_bls_fp s, d, t;
    hd_bls_fp_add(&s, &a->c0, &a->c1);
    hd_bls_fp_sub(&d, &a->c0, &a->c1);
    hd_bls_fp_dbl(&t, &a->c0);
    hd_bls_fp_mul(&r->c1, &t, &a->c1);
    hd_bls_fp_mul(&r->c0, &s, &d);
}

HD_NOINL void hd_bls_fp2_mul_fp(hd_bls_fp2 *r, const hd_bls_fp2 *a, const hd_bls_fp *b) {
    hd_bls_fp t = *b;
    hd_bls_fp_mul(&r->c0, &a->c0, &t);
    hd_bls_fp_mul(&r->c1, &a->c1, &t);
}

/* The norm c0^2 + c1^2 lies in Fp. */
HD_INL void hd_bls_fp2_norm(hd_bls_fp *r, const hd_bls_fp2 *a) {
    hd_bls_fp_mul_sum(r, &a->c0, &a->c0, &a->c1, &a->c1);
}

HD_NOINL void hd_bls_fp2_inv(hd_bls_fp2 *r, const hd_bls_fp2 *a) {
    hd_bls_fp n;
    hd_bls_fp2 t;
    hd_bls_fp2_norm(&n, a);
    hd_bls_fp_inv(&n, &n);
    hd_bls_fp2_conj(&t, a);
    hd_bls_fp2_mul_fp(r, &t, &n);
}

/* RFC 9380's sgn0 for Fp2. */
HD_INL int hd_bls_fp2_sign(const hd_bls_fp2 *a) {
    return hd_bls_fp_is_zero(&a->c0) ? hd_bls_fp_sign(&a->c1) : hd_bls_fp_sign(&a->c0);
}

/* hd_bls_fp2_sqrt_norm gives a root of a, given a root of a's norm (which exists if and only if a
   has a root). With n the root, the real part squared is (c0 + n)/2 or (c0 - n)/2, the negative of
   the imaginary part squared is the other one; a single power decides which and gives both. */
HD_NOINL void hd_bls_fp2_sqrt_norm(hd_bls_fp2 *r, const hd_bls_fp2 *a, const hd_bls_fp *n) {
    HD_TABLE(hd_bls_fp, half, 1) = {
        {{0x1804000000015554u, 0x855000053ab00001u, 0x633cb57c253c276fu, 0x6e22d1ec31ebb502u,
          0xd3916126f2d14ca2u, 0x17fbb8571a006596u}},
    };
    hd_bls_fp t, e, z, q, h;
    hd_bls_fp_add(&t, &a->c0, n);
    if (hd_bls_fp_is_zero(&t)) /* c1 is 0 and n = -c0: take the other sign of n */
        hd_bls_fp_sub(&t, &a->c0, n);
    hd_bls_fp_mul(&t, &t, &half[0]);
    hd_bls_fp_pow_root(&e, &t);
    hd_bls_fp_mul(&z, &e, &t); /* z^2 = t or -t */
    hd_bls_fp_mul(&h, &half[0], &a->c1);
    hd_bls_fp_mul(&h, &h, &e); /* c1 / 2z or its negative */
    hd_bls_fp_sqr(&q, &z);
    if (hd_bls_fp_is_equal(&q, &t)) {
        r->c0 = z;
        r->c1 = h;
    } else {
        r->c1 = z;
        hd_bls_fp_neg(&r->c0, &h);
    }
}

/* ---- Fp6 ---- */

HD_NOINL void hd_bls_fp6_add(hd_bls_fp6 *r, const hd_bls_fp6 *a, const hd_bls_fp6 *b) {
    hd_bls_fp2_add(&r->c0, &a->c0, &b->c0);
    hd_bls_fp2_add(&r->c1, &a->c1, &b->c1);
    hd_bls_fp2_add(&r->c2, &a->c2, &b->c2);
}

HD_NOINL void hd_bls_fp6_sub(hd_bls_fp6 *r, const hd_bls_fp6 *a, const hd_bls_fp6 *b) {
    hd_bls_fp2_sub(&r->c0, &a->c0, &b->c0);
    hd_bls_fp2_sub(&r->c1, &a->c1, &b->c1);
    hd_bls_fp2_sub(&r->c2, &a->c2, &b->c2);
}

HD_NOINL void hd_bls_fp6_neg(hd_bls_fp6 *r, const hd_bls_fp6 *a) {
    hd_bls_fp2_neg(&r->c0, &a->c0);
    hd_bls_fp2_neg(&r->c1, &a->c1);
    hd_bls_fp2_neg(&r->c2, &a->c2);
}

HD_NOINL void hd_bls_fp6_mul_v(hd_bls_fp6 *r, const hd_bls_fp6 *a) {
    hd_bls_fp2 t;
    hd_bls_fp2_mul_xi(&t, &a->c2);
    r->c2 = a->c1;
    r->c1 = a->c0;
    r->c0 = t;
}

/* Karatsuba over the three coefficients: six products instead of nine. */
HD_NOINL void hd_bls_fp6_mul(hd_bls_fp6 *r, const hd_bls_fp6 *a, const hd_bls_fp6 *b) {
    hd_bls_fp2 t0, t1, t2, s, u, x0, x1;
    hd_bls_fp2_mul(&t0, &a->c0, &b->c0);
    hd_bls_fp2_mul(&t1, &a->c1, &b->c1);
    hd_bls_fp2_mul(&t2, &a->c2, &b->c2);
    hd_bls_fp2_add(&s, &a->c1, &a->c2);
    hd_bls_fp2_add(&u, &b->c1, &b->c2);
    hd_bls_fp2_mul(&s, &s, &u);
    hd_bls_fp2_sub(&s, &s, &t1);
    hd_bls_fp2_sub(&s, &s, &t2);
    hd_bls_fp2_mul_xi(&s, &s);
    hd_bls_fp2_add(&x0, &s, &t0);
    hd_bls_fp2_add(&s, &a->c0, &a->c1);
    hd_bls_fp2_add(&u, &b->c0, &b->c1);
    hd_bls_fp2_mul(&s, &s, &u);
    hd_bls_fp2_sub(&s, &s, &t0);
    hd_bls_fp2_sub(&s, &s, &t1);
    hd_bls_fp2_mul_xi(&u, &t2);
    hd_bls_fp2_add(&x1, &s, &u);
    hd_bls_fp2_add(&s, &a->c0, &a->c2);
    hd_bls_fp2_add(&u, &b->c0, &b->c2);
    hd_bls_fp2_mul(&s, &s, &u);
    hd_bls_fp2_sub(&s, &s, &t0);
    hd_bls_fp2_sub(&s, &s, &t2);
    hd_bls_fp2_add(&r->c2, &s, &t1);
    r->c0 = x0;
    r->c1 = x1;
}

/* Times b0 + b1 v. */
HD_NOINL void hd_bls_fp6_mul_01(hd_bls_fp6 *r, const hd_bls_fp6 *a, const hd_bls_fp2 *b0,
                                const hd_bls_fp2 *b1) {
    hd_bls_fp2 t0, t1, s, u, x1;
    hd_bls_fp2_mul(&t0, &a->c0, b0);
    hd_bls_fp2_mul(&t1, &a->c1, b1);
    hd_bls_fp2_add(&s, &a->c0, &a->c1);
    hd_bls_fp2_add(&u, b0, b1);
    hd_bls_fp2_mul(&s, &s, &u);
    hd_bls_fp2_sub(&s, &s, &t0);
    hd_bls_fp2_sub(&x1, &s, &t1);
    hd_bls_fp2_mul(&s, &a->c2, b1);
    hd_bls_fp2_mul_xi(&s, &s);
    hd_bls_fp2_mul(&u, &a->c2, b0);
    hd_bls_fp2_add(&r->c0, &s, &t0);
    hd_bls_fp2_add(&r->c2, &u, &t1);
    r->c1 = x1;
}

/* Times b1 v. */
HD_NOINL void hd_bls_fp6_mul_1(hd_bls_fp6 *r, const hd_bls_fp6 *a, const hd_bls_fp2 *b1) {
    hd_bls_fp2 t;
    hd_bls_fp2_mul(&t, &a->c2, b1);
    hd_bls_fp2_mul(&r->c2, &a->c1, b1);
    hd_bls_fp2_mul(&r->c1, &a->c0, b1);
    hd_bls_fp2_mul_xi(&r->c0, &t);
}

HD_NOINL void hd_bls_fp6_inv(hd_bls_fp6 *r, const hd_bls_fp6 *a) {
    hd_bls_fp2 x0, x1, x2, t, u;
    hd_bls_fp2_sqr(&x0, &a->c0); /* x0 = c0^2 - xi c1 c2 */
    hd_bls_fp2_mul(&t, &a->c1, &a->c2);
    hd_bls_fp2_mul_xi(&t, &t);
    hd_bls_fp2_sub(&x0, &x0, &t);
    hd_bls_fp2_sqr(&x1, &a->c2); /* x1 = xi c2^2 - c0 c1 */
    hd_bls_fp2_mul_xi(&x1, &x1);
    hd_bls_fp2_mul(&t, &a->c0, &a->c1);
    hd_bls_fp2_sub(&x1, &x1, &t);
    hd_bls_fp2_sqr(&x2, &a->c1); /* x2 = c1^2 - c0 c2 */
    hd_bls_fp2_mul(&t, &a->c0, &a->c2);
    hd_bls_fp2_sub(&x2, &x2, &t);
    hd_bls_fp2_mul(&t, &a->c2, &x1); /* the norm: c0 x0 + xi (c2 x1 + c1 x2) */
    hd_bls_fp2_mul(&u, &a->c1, &x2);
    hd_bls_fp2_add(&t, &t, &u);
    hd_bls_fp2_mul_xi(&t, &t);
    hd_bls_fp2_mul(&u, &a->c0, &x0);
    hd_bls_fp2_add(&t, &t, &u);
    hd_bls_fp2_inv(&t, &t);
    hd_bls_fp2_mul(&r->c0, &x0, &t);
    hd_bls_fp2_mul(&r->c1, &x1, &t);
    hd_bls_fp2_mul(&r->c2, &x2, &t);
}

/* ---- Fp12 ---- */

HD_INL void hd_bls_fp12_one(hd_bls_fp12 *r) {
    hd_zero(r, sizeof(*r));
    hd_bls_fp_one(&r->c0.c0.c0);
}

HD_NOINL int hd_bls_fp12_is_one(const hd_bls_fp12 *a) {
    hd_bls_fp12 one;
    hd_bls_fp12_one(&one);
    return hd_is_equal(a, &one, sizeof(one));
}

HD_NOINL void hd_bls_fp12_conj(hd_bls_fp12 *r, const hd_bls_fp12 *a) {
    r->c0 = a->c0;
    hd_bls_fp6_neg(&r->c1, &a->c1);
}

HD_NOINL void hd_bls_fp12_mul(hd_bls_fp12 *r, const hd_bls_fp12 *a, const hd_bls_fp12 *b) {
    hd_bls_fp6 t0, t1, s, u;
    hd_bls_fp6_mul(&t0, &a->c0, &b->c0);
    hd_bls_fp6_mul(&t1, &a->c1, &b->c1);
    hd_bls_fp6_add(&s, &a->c0, &a->c1);
    hd_bls_fp6_add(&u, &b->c0, &b->c1);
    hd_bls_fp6_mul(&s, &s, &u);
    hd_bls_fp6_sub(&s, &s, &t0);
    hd_bls_fp6_sub(&r->c1, &s, &t1);
    hd_bls_fp6_mul_v(&t1, &t1);
    hd_bls_fp6_add(&r->c0, &t0, &t1);
}

HD_NOINL void hd_bls_fp12_sqr(hd_bls_fp12 *r, const hd_bls_fp12 *a) {
    hd_bls_fp6 t, s, u;
    hd_bls_fp6_mul(&t, &a->c0, &a->c1); /* c0^2 + v c1^2 = (c0 + c1)(c0 + v c1) - t - v t */
    hd_bls_fp6_add(&s, &a->c0, &a->c1);
    hd_bls_fp6_mul_v(&u, &a->c1);
    hd_bls_fp6_add(&u, &u, &a->c0);
    hd_bls_fp6_mul(&s, &s, &u);
    hd_bls_fp6_sub(&s, &s, &t);
    hd_bls_fp6_add(&r->c1, &t, &t);
    hd_bls_fp6_mul_v(&t, &t);
    hd_bls_fp6_sub(&r->c0, &s, &t);
}

/* Times l0 + l1 v + l2 v w: the shape of a line through points of the twist. */
HD_NOINL void hd_bls_fp12_mul_line(hd_bls_fp12 *r, const hd_bls_fp12 *a, const hd_bls_fp2 *l0,
                                   const hd_bls_fp2 *l1, const hd_bls_fp2 *l2) {
    hd_bls_fp6 t0, t1, s;
    hd_bls_fp2 u;
    hd_bls_fp6_mul_01(&t0, &a->c0, l0, l1);
    hd_bls_fp6_mul_1(&t1, &a->c1, l2);
    hd_bls_fp6_add(&s, &a->c0, &a->c1);
    hd_bls_fp2_add(&u, l1, l2);
    hd_bls_fp6_mul_01(&s, &s, l0, &u);
    hd_bls_fp6_sub(&s, &s, &t0);
    hd_bls_fp6_sub(&r->c1, &s, &t1);
    hd_bls_fp6_mul_v(&t1, &t1);
    hd_bls_fp6_add(&r->c0, &t0, &t1);
}

HD_NOINL void hd_bls_fp12_inv(hd_bls_fp12 *r, const hd_bls_fp12 *a) {
    hd_bls_fp6 t, u;
    hd_bls_fp6_mul(&t, &a->c0, &a->c0);
    hd_bls_fp6_mul(&u, &a->c1, &a->c1);
    hd_bls_fp6_mul_v(&u, &u);
    hd_bls_fp6_sub(&t, &t, &u);
    hd_bls_fp6_inv(&t, &t);
    hd_bls_fp6_mul(&r->c0, &a->c0, &t);
    hd_bls_fp6_mul(&u, &a->c1, &t);
    hd_bls_fp6_neg(&r->c1, &u);
}

/* a^p: each coefficient of w^j is conjugated and multiplied by (1 + i)^(j (p-1)/6). */
HD_NOINL void hd_bls_fp12_frobenius(hd_bls_fp12 *r, const hd_bls_fp12 *a) {
    HD_TABLE(hd_bls_fp2, k, 5) = {
        {{{0x07089552b319d465u, 0xc6695f92b50a8313u, 0x97e83cccd117228fu, 0xa35baecab2dc29eeu,
           0x1ce393ea5daace4du, 0x08f2220fb0fb66ebu}},
         {{0xb2f66aad4ce5d646u, 0x5842a06bfc497cecu, 0xcf4895d42599d394u, 0xc11b9cba40a8e8d0u,
           0x2e3813cbe5a0de89u, 0x110eefda88847fafu}}},
        {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}},
         {{0xcd03c9e48671f071u, 0x5dab22461fcda5d2u, 0x587042afd3851b95u, 0x8eb60ebe01bacb9eu,
           0x03f97d6e83d050d2u, 0x18f0206554638741u}}},
        {{{0x7bcfa7a25aa30fdau, 0xdc17dec12a927e7cu, 0x2f088dd86b4ebef1u, 0xd1ca2087da74d4a7u,
           0x2da2596696cebc1du, 0x0e2b7eedbbfd87d2u}},
         {{0x7bcfa7a25aa30fdau, 0xdc17dec12a927e7cu, 0x2f088dd86b4ebef1u, 0xd1ca2087da74d4a7u,
           0x2da2596696cebc1du, 0x0e2b7eedbbfd87d2u}}},
        {{{0x890dc9e4867545c3u, 0x2af322533285a5d5u, 0x50880866309b7e2cu, 0xa20d1b8c7e881024u,
           0x14e4f04fe2db9068u, 0x14e56d3f1564853au}},
         {{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}}},
        {{{0x82d83cf50dbce43fu, 0xa2813e53df9d018fu, 0xc6f0caa53c65e181u, 0x7525cf528d50fe95u,
           0x4a85ed50f4798a6bu, 0x171da0fd6cf8eebdu}},
         {{0x3726c30af242c66cu, 0x7c2ac1aad1b6fe70u, 0xa04007fbba4b14a2u, 0xef517c3266341429u,
           0x0095ba654ed2226bu, 0x02e370eccc86f7ddu}}},
    };
    hd_bls_fp2_conj(&r->c0.c0, &a->c0.c0);
    hd_bls_fp2_conj(&r->c1.c0, &a->c1.c0);
    hd_bls_fp2_conj(&r->c0.c1, &a->c0.c1);
    hd_bls_fp2_conj(&r->c1.c1, &a->c1.c1);
    hd_bls_fp2_conj(&r->c0.c2, &a->c0.c2);
    hd_bls_fp2_conj(&r->c1.c2, &a->c1.c2);
    hd_bls_fp2_mul(&r->c1.c0, &r->c1.c0, &k[0]);
    hd_bls_fp2_mul(&r->c0.c1, &r->c0.c1, &k[1]);
    hd_bls_fp2_mul(&r->c1.c1, &r->c1.c1, &k[2]);
    hd_bls_fp2_mul(&r->c0.c2, &r->c0.c2, &k[3]);
    hd_bls_fp2_mul(&r->c1.c2, &r->c1.c2, &k[4]);
}

/* (a + b s)^2 in Fp4 = Fp2[s]/(s^2 - (1 + i)). */
HD_NOINL void hd_bls_fp4_sqr(hd_bls_fp2 *r0, hd_bls_fp2 *r1, const hd_bls_fp2 *a,
                             const hd_bls_fp2 *b) {
    hd_bls_fp2 t0, t1, s;
    hd_bls_fp2_sqr(&t0, a);
    hd_bls_fp2_sqr(&t1, b);
    hd_bls_fp2_add(&s, a, b);
    hd_bls_fp2_sqr(&s, &s);
    hd_bls_fp2_sub(&s, &s, &t0);
    hd_bls_fp2_sub(r1, &s, &t1);
    hd_bls_fp2_mul_xi(&t1, &t1);
    hd_bls_fp2_add(r0, &t0, &t1);
}

/* z = 3 t - 2 z and z = 3 t + 2 z. */
HD_NOINL void hd_bls_fp2_3t_minus_2z(hd_bls_fp2 *z, const hd_bls_fp2 *t) {
    hd_bls_fp2_sub(z, t, z);
    hd_bls_fp2_dbl(z, z);
    hd_bls_fp2_add(z, z, t);
}

HD_NOINL void hd_bls_fp2_3t_plus_2z(hd_bls_fp2 *z, const hd_bls_fp2 *t) {
    hd_bls_fp2_add(z, t, z);
    hd_bls_fp2_dbl(z, z);
    hd_bls_fp2_add(z, z, t);
}

/* The square of an element of the cyclotomic subgroup (order p^4 - p^2 + 1), by Granger and
   Scott's three squares in Fp4: half the work of a general square. */
HD_NOINL void hd_bls_fp12_cyclo_sqr(hd_bls_fp12 *r, const hd_bls_fp12 *a) {
    hd_bls_fp2 t0, t1, u0, u1;
    *r = *a;
    hd_bls_fp4_sqr(&t0, &t1, &a->c0.c0, &a->c1.c1);
    hd_bls_fp2_3t_minus_2z(&r->c0.c0, &t0);
    hd_bls_fp2_3t_plus_2z(&r->c1.c1, &t1);
    hd_bls_fp4_sqr(&t0, &t1, &r->c1.c0, &r->c0.c2);
    hd_bls_fp4_sqr(&u0, &u1, &r->c0.c1, &r->c1.c2);
    hd_bls_fp2_3t_minus_2z(&r->c0.c1, &t0);
    hd_bls_fp2_3t_plus_2z(&r->c1.c2, &t1);
    hd_bls_fp2_mul_xi(&t0, &u1);
    hd_bls_fp2_3t_plus_2z(&r->c1.c0, &t0);
    hd_bls_fp2_3t_minus_2z(&r->c0.c2, &u0);
}

/* a^-HD_BLS_X (that is, to the family's parameter) in the cyclotomic subgroup, where the conjugate
   is the inverse. */
HD_NOINL void hd_bls_fp12_cyclo_pow_x(hd_bls_fp12 *r, const hd_bls_fp12 *a) {
    hd_bls_fp12 t = *a;
    for (int i = 62; i >= 0; i--) {
        hd_bls_fp12_cyclo_sqr(&t, &t);
        if (HD_BLS_X >> i & 1)
            hd_bls_fp12_mul(&t, &t, a);
    }
    hd_bls_fp12_conj(r, &t);
}

#endif
