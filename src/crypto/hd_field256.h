/* hd_field256.h - arithmetic on four 64-bit limbs under the 256-bit curve fields.

   Plain helpers (add, subtract, compare, 512-bit products, byte order), Montgomery multiplication
   modulo any odd 256-bit number, and two inversions: a fast one whose time depends on the value
   (host) and Fermat's, which every thread of a warp walks alike (device). All values are public
   (signatures, points of precompiles), so nothing here hides its timing.

   Three ways to multiply compute the same: unsigned __int128 on the host, 32-bit rows with PTX
   carry chains on the device, and the same rows in portable C, which nvcc's host pass uses and
   which -DHD_F256_ROWS=1 forces so that a host test runs the device's algorithm. */
#ifndef HD_FIELD256_H
#define HD_FIELD256_H

#include "base/hd_base.h"

#if !defined(__CUDACC__) && defined(__SIZEOF_INT128__) && !defined(HD_F256_ROWS)
#define HD_F256_U128 1
__extension__ typedef unsigned __int128 hd_f256_u128;
#else
#define HD_F256_U128 0
#endif

#if HD_F256_U128 && defined(__x86_64__) && defined(__GNUC__)
#define HD_F256_X86 1
#else
#define HD_F256_X86 0
#endif

#if HD_ON_DEVICE
#define HD_F256_UNROLL _Pragma("unroll")
#elif defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define HD_F256_UNROLL _Pragma("GCC unroll 8")
#else
#define HD_F256_UNROLL
#endif

/* A number below 2^256, w[0] least significant; the field it belongs to is the caller's matter. */
typedef struct {
    uint64_t w[4];
} hd_f256;

/* An odd modulus m: neg_inv = -1/m mod 2^64, one = 2^256 mod m, rr = 2^512 mod m. */
typedef struct {
    hd_f256 m;
    uint64_t neg_inv;
    hd_f256 one;
    hd_f256 rr;
} hd_f256_mod;

HD_INL hd_f256 hd_f256_make(uint64_t w3, uint64_t w2, uint64_t w1, uint64_t w0) {
    hd_f256 r;
    r.w[0] = w0;
    r.w[1] = w1;
    r.w[2] = w2;
    r.w[3] = w3;
    return r;
}

HD_INL int hd_f256_is_zero(const hd_f256 *a) {
    return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

HD_INL int hd_f256_is_equal(const hd_f256 *a, const hd_f256 *b) {
    return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
            (a->w[3] ^ b->w[3])) == 0;
}

/* Full adder and subtracter: *carry is 0 or 1 on entry and on return. */
HD_INL uint64_t hd_f256_adc(uint64_t *carry, uint64_t a, uint64_t b) {
#if HD_F256_U128
    hd_f256_u128 t = (hd_f256_u128)a + b + *carry;
    *carry = (uint64_t)(t >> 64);
    return (uint64_t)t;
#else
    uint64_t s = a + b, t = s + *carry;
    *carry = (uint64_t)(s < a) | (uint64_t)(t < s);
    return t;
#endif
}

HD_INL uint64_t hd_f256_sbb(uint64_t *borrow, uint64_t a, uint64_t b) {
    uint64_t d = a - b, t = d - *borrow;
    *borrow = (uint64_t)(a < b) | (uint64_t)(d < *borrow);
    return t;
}

/* r = a + b mod 2^256; returns the carry. */
HD_INL uint64_t hd_f256_add_raw(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    uint64_t r0 = a->w[0], r1 = a->w[1], r2 = a->w[2], r3 = a->w[3], c = 0;
#if HD_ON_DEVICE
    asm("add.cc.u64 %0, %0, %5; addc.cc.u64 %1, %1, %6; addc.cc.u64 %2, %2, %7; "
        "addc.cc.u64 %3, %3, %8; addc.u64 %4, 0, 0;"
        : "+&l"(r0), "+&l"(r1), "+&l"(r2), "+&l"(r3), "=&l"(c)
        : "l"(b->w[0]), "l"(b->w[1]), "l"(b->w[2]), "l"(b->w[3]));
#elif HD_F256_X86
    __asm__("addq %5, %0\n\tadcq %6, %1\n\tadcq %7, %2\n\tadcq %8, %3\n\tadcq $0, %4"
            : "+&r"(r0), "+&r"(r1), "+&r"(r2), "+&r"(r3), "+&r"(c)
            : "rm"(b->w[0]), "rm"(b->w[1]), "rm"(b->w[2]), "rm"(b->w[3])
            : "cc");
#else
    r0 = hd_f256_adc(&c, r0, b->w[0]);
    r1 = hd_f256_adc(&c, r1, b->w[1]);
    r2 = hd_f256_adc(&c, r2, b->w[2]);
    r3 = hd_f256_adc(&c, r3, b->w[3]);
#endif
    *r = hd_f256_make(r3, r2, r1, r0);
    return c;
}

/* r = a - b mod 2^256; returns the borrow, 0 or 1. */
HD_INL uint64_t hd_f256_sub_raw(hd_f256 *r, const hd_f256 *a, const hd_f256 *b) {
    uint64_t r0 = a->w[0], r1 = a->w[1], r2 = a->w[2], r3 = a->w[3], c = 0;
#if HD_ON_DEVICE
    asm("sub.cc.u64 %0, %0, %5; subc.cc.u64 %1, %1, %6; subc.cc.u64 %2, %2, %7; "
        "subc.cc.u64 %3, %3, %8; subc.u64 %4, 0, 0;"
        : "+&l"(r0), "+&l"(r1), "+&l"(r2), "+&l"(r3), "=&l"(c)
        : "l"(b->w[0]), "l"(b->w[1]), "l"(b->w[2]), "l"(b->w[3]));
    c &= 1; /* the device gives all ones */
#elif HD_F256_X86
    __asm__("subq %5, %0\n\tsbbq %6, %1\n\tsbbq %7, %2\n\tsbbq %8, %3\n\tadcq $0, %4"
            : "+&r"(r0), "+&r"(r1), "+&r"(r2), "+&r"(r3), "+&r"(c)
            : "rm"(b->w[0]), "rm"(b->w[1]), "rm"(b->w[2]), "rm"(b->w[3])
            : "cc");
#else
    r0 = hd_f256_sbb(&c, r0, b->w[0]);
    r1 = hd_f256_sbb(&c, r1, b->w[1]);
    r2 = hd_f256_sbb(&c, r2, b->w[2]);
    r3 = hd_f256_sbb(&c, r3, b->w[3]);
#endif
    *r = hd_f256_make(r3, r2, r1, r0);
    return c;
}

HD_INL int hd_f256_is_below(const hd_f256 *a, const hd_f256 *b) {
    hd_f256 d;
    return (int)hd_f256_sub_raw(&d, a, b);
}

/* r = is_b ? b : a, without a branch. */
HD_INL void hd_f256_select(hd_f256 *r, const hd_f256 *a, const hd_f256 *b, uint64_t is_b) {
    uint64_t k = 0 - is_b;
    for (int i = 0; i < 4; i++)
        r->w[i] = a->w[i] ^ (k & (a->w[i] ^ b->w[i]));
}

HD_INL hd_f256 hd_f256_load_be(const uint8_t *p) {
    return hd_f256_make(hd_load_be64(p), hd_load_be64(p + 8), hd_load_be64(p + 16),
                        hd_load_be64(p + 24));
}

HD_INL void hd_f256_store_be(uint8_t *p, const hd_f256 *a) {
    for (int i = 0; i < 4; i++)
        hd_store_be64(p + 8 * i, a->w[3 - i]);
}

HD_INL uint32_t hd_f256_bit(const hd_f256 *a, uint32_t bit_idx) {
    return (uint32_t)(a->w[bit_idx >> 6] >> (bit_idx & 63)) & 1u;
}

/* ---- 512-bit products ---- */

/* The device's asm marks every output as written early (&): the compiler knows that two operands
   hold the same zero and would otherwise give both one register.

   acc[0..7] += (a0 + a1*2^64 + a2*2^128 + a3*2^192) * b + carry; returns the carry out. Low and
   high halves of one product are neighbours in the chain, which is the form that the assembler
   turns into one wide multiply-add each. */
HD_INL uint32_t hd_f256_row(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                            uint32_t b) {
#if HD_ON_DEVICE
    uint32_t c;
    asm("mad.lo.cc.u32 %0, %9, %13, %0; madc.hi.cc.u32 %1, %9, %13, %1; "
        "madc.lo.cc.u32 %2, %10, %13, %2; madc.hi.cc.u32 %3, %10, %13, %3; "
        "madc.lo.cc.u32 %4, %11, %13, %4; madc.hi.cc.u32 %5, %11, %13, %5; "
        "madc.lo.cc.u32 %6, %12, %13, %6; madc.hi.cc.u32 %7, %12, %13, %7; "
        "addc.u32 %8, 0, 0;"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "+&r"(acc[6]), "+&r"(acc[7]), "=&r"(c)
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b));
    return c;
#else
    uint32_t a[4];
    uint32_t c = 0;
    a[0] = a0;
    a[1] = a1;
    a[2] = a2;
    a[3] = a3;
    for (int i = 0; i < 4; i++) {
        uint64_t p = (uint64_t)a[i] * b;
        uint64_t lo = (uint64_t)acc[2 * i] + (uint32_t)p + c;
        uint64_t hi = (uint64_t)acc[2 * i + 1] + (p >> 32) + (lo >> 32);
        acc[2 * i] = (uint32_t)lo;
        acc[2 * i + 1] = (uint32_t)hi;
        c = (uint32_t)(hi >> 32);
    }
    return c;
#endif
}

/* acc[0..7] += x[0..7] + carry (0 or 1); returns the carry out. */
HD_INL uint32_t hd_f256_add8(uint32_t *acc, const uint32_t *x, uint32_t carry) {
#if HD_ON_DEVICE
    uint32_t c = carry;
    asm("add.cc.u32 %8, %8, 0xffffffff; addc.cc.u32 %0, %0, %9; addc.cc.u32 %1, %1, %10; "
        "addc.cc.u32 %2, %2, %11; addc.cc.u32 %3, %3, %12; addc.cc.u32 %4, %4, %13; "
        "addc.cc.u32 %5, %5, %14; addc.cc.u32 %6, %6, %15; addc.cc.u32 %7, %7, %16; "
        "addc.u32 %8, 0, 0;"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "+&r"(acc[6]), "+&r"(acc[7]), "+&r"(c)
        : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(x[4]), "r"(x[5]), "r"(x[6]), "r"(x[7]));
    return c;
#else
    uint32_t c = carry;
    for (int i = 0; i < 8; i++) {
        uint64_t t = (uint64_t)acc[i] + x[i] + c;
        acc[i] = (uint32_t)t;
        c = (uint32_t)(t >> 32);
    }
    return c;
#endif
}

HD_INL void hd_f256_split(uint32_t d[8], const hd_f256 *a) {
    for (int i = 0; i < 4; i++) {
        d[2 * i] = (uint32_t)a->w[i];
        d[2 * i + 1] = (uint32_t)(a->w[i] >> 32);
    }
}

HD_INL void hd_f256_join(hd_f256 *r, const uint32_t d[8]) {
    for (int i = 0; i < 4; i++)
        r->w[i] = (uint64_t)d[2 * i] | (uint64_t)d[2 * i + 1] << 32;
}

/* t = a * b. Products at even positions gather in e, at odd positions in o (index = position - 1),
   so that no chain ever waits for another; each carry lands on a limb not yet used or on a
   counter of at most 2. */
HD_INL void hd_f256_mul_rows(uint32_t t[16], const uint32_t a[8], const uint32_t b[8]) {
    uint32_t e[18], o[18];
    HD_F256_UNROLL
    for (int i = 0; i < 18; i++) {
        e[i] = 0;
        o[i] = 0;
    }
    HD_F256_UNROLL
    for (int i = 0; i < 8; i += 2) {
        e[i + 8] += hd_f256_row(e + i, a[0], a[2], a[4], a[6], b[i]);
        o[i + 8] += hd_f256_row(o + i, a[1], a[3], a[5], a[7], b[i]);
        o[i + 8] += hd_f256_row(o + i, a[0], a[2], a[4], a[6], b[i + 1]);
        e[i + 10] += hd_f256_row(e + i + 2, a[1], a[3], a[5], a[7], b[i + 1]);
    }
    uint32_t z = 0;
    uint32_t c;
    t[0] = e[0];
    HD_F256_UNROLL
    for (int i = 1; i < 16; i++)
        t[i] = e[i];
    c = hd_f256_add8(t + 1, o, z);
    uint32_t top[8];
    HD_F256_UNROLL
    for (int i = 0; i < 7; i++)
        top[i] = t[9 + i];
    top[7] = 0;
    hd_f256_add8(top, o + 8, c);
    HD_F256_UNROLL
    for (int i = 0; i < 7; i++)
        t[9 + i] = top[i];
}

/* hd_f256_row with three products: acc[0..5] += (a0 + a1*2^64 + a2*2^128) * b; returns the carry.
 */
HD_INL uint32_t hd_f256_row3(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t b) {
#if HD_ON_DEVICE
    uint32_t c;
    asm("mad.lo.cc.u32 %0, %7, %10, %0; madc.hi.cc.u32 %1, %7, %10, %1; "
        "madc.lo.cc.u32 %2, %8, %10, %2; madc.hi.cc.u32 %3, %8, %10, %3; "
        "madc.lo.cc.u32 %4, %9, %10, %4; madc.hi.cc.u32 %5, %9, %10, %5; "
        "addc.u32 %6, 0, 0;"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "=&r"(c)
        : "r"(a0), "r"(a1), "r"(a2), "r"(b));
    return c;
#else
    uint32_t t[8], c;
    for (int i = 0; i < 6; i++)
        t[i] = acc[i];
    t[6] = 0;
    t[7] = 0;
    hd_f256_row(t, a0, a1, a2, 0, b);
    for (int i = 0; i < 6; i++)
        acc[i] = t[i];
    c = t[6];
    return c;
#endif
}

HD_INL uint32_t hd_f256_row2(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t b) {
#if HD_ON_DEVICE
    uint32_t c;
    asm("mad.lo.cc.u32 %0, %5, %7, %0; madc.hi.cc.u32 %1, %5, %7, %1; "
        "madc.lo.cc.u32 %2, %6, %7, %2; madc.hi.cc.u32 %3, %6, %7, %3; "
        "addc.u32 %4, 0, 0;"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "=&r"(c)
        : "r"(a0), "r"(a1), "r"(b));
    return c;
#else
    uint32_t t[6];
    for (int i = 0; i < 4; i++)
        t[i] = acc[i];
    t[4] = 0;
    t[5] = 0;
    hd_f256_row3(t, a0, a1, 0, b);
    for (int i = 0; i < 4; i++)
        acc[i] = t[i];
    return t[4];
#endif
}

HD_INL uint32_t hd_f256_row1(uint32_t *acc, uint32_t a0, uint32_t b) {
    uint64_t s = (uint64_t)acc[1] << 32 | acc[0], p = (uint64_t)a0 * b;
    s += p;
    acc[0] = (uint32_t)s;
    acc[1] = (uint32_t)(s >> 32);
    return (uint32_t)(s < p);
}

/* t = a * a. The 28 mixed products gather by the parity of their position as in hd_f256_mul_rows,
   each chain ending on a limb pair that holds at most a carry or just below one; their sum is
   doubled and the eight squares are added in one more chain: 36 products instead of 64. */
HD_INL void hd_f256_sqr_rows(uint32_t t[16], const uint32_t a[8]) {
    uint32_t e[18], o[18]; /* o is shifted: o[i] stands at position i + 1 */
    HD_F256_UNROLL
    for (int i = 0; i < 18; i++) {
        e[i] = 0;
        o[i] = 0;
    }
    hd_f256_row(o, a[1], a[3], a[5], a[7], a[0]);
    hd_f256_row3(e + 2, a[2], a[4], a[6], a[0]);
    o[8] = hd_f256_row3(o + 2, a[2], a[4], a[6], a[1]);
    hd_f256_row3(e + 4, a[3], a[5], a[7], a[1]);
    hd_f256_row3(o + 4, a[3], a[5], a[7], a[2]);
    e[10] = hd_f256_row2(e + 6, a[4], a[6], a[2]);
    o[10] = hd_f256_row2(o + 6, a[4], a[6], a[3]);
    hd_f256_row2(e + 8, a[5], a[7], a[3]);
    hd_f256_row2(o + 8, a[5], a[7], a[4]);
    e[12] = hd_f256_row1(e + 10, a[6], a[4]);
    o[12] = hd_f256_row1(o + 10, a[6], a[5]);
    hd_f256_row1(e + 12, a[7], a[5]);
    hd_f256_row1(o + 12, a[7], a[6]);
    uint32_t c = hd_f256_add8(e + 1, o, 0);
    hd_f256_add8(e + 9, o + 8, c); /* the sum ends below 2^480 */
    HD_F256_UNROLL
    for (int i = 15; i > 0; i--)
        e[i] = e[i] << 1 | e[i - 1] >> 31;
    e[0] = 0;
#if HD_ON_DEVICE
    asm("mad.lo.cc.u32 %0, %16, %16, %0; madc.hi.cc.u32 %1, %16, %16, %1; "
        "madc.lo.cc.u32 %2, %17, %17, %2; madc.hi.cc.u32 %3, %17, %17, %3; "
        "madc.lo.cc.u32 %4, %18, %18, %4; madc.hi.cc.u32 %5, %18, %18, %5; "
        "madc.lo.cc.u32 %6, %19, %19, %6; madc.hi.cc.u32 %7, %19, %19, %7; "
        "madc.lo.cc.u32 %8, %20, %20, %8; madc.hi.cc.u32 %9, %20, %20, %9; "
        "madc.lo.cc.u32 %10, %21, %21, %10; madc.hi.cc.u32 %11, %21, %21, %11; "
        "madc.lo.cc.u32 %12, %22, %22, %12; madc.hi.cc.u32 %13, %22, %22, %13; "
        "madc.lo.cc.u32 %14, %23, %23, %14; madc.hi.u32 %15, %23, %23, %15;"
        : "+&r"(e[0]), "+&r"(e[1]), "+&r"(e[2]), "+&r"(e[3]), "+&r"(e[4]), "+&r"(e[5]), "+&r"(e[6]),
          "+&r"(e[7]), "+&r"(e[8]), "+&r"(e[9]), "+&r"(e[10]), "+&r"(e[11]), "+&r"(e[12]),
          "+&r"(e[13]), "+&r"(e[14]), "+&r"(e[15])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]));
#else
    c = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t p = (uint64_t)a[i] * a[i];
        uint64_t lo = (uint64_t)e[2 * i] + (uint32_t)p + c;
        uint64_t hi = (uint64_t)e[2 * i + 1] + (p >> 32) + (lo >> 32);
        e[2 * i] = (uint32_t)lo;
        e[2 * i + 1] = (uint32_t)hi;
        c = (uint32_t)(hi >> 32);
    }
#endif
    HD_F256_UNROLL
    for (int i = 0; i < 16; i++)
        t[i] = e[i];
}

/* r[0..7], returned carry = t / 2^256 mod m, below 2m when t < m * 2^256. T gathers the products
   at positions of one parity, S of the other; the carries of T would run into live limbs, so they
   wait in k until the end. */
HD_INL uint32_t hd_f256_reduce_rows(uint32_t r[8], uint32_t t[16], const uint32_t m[8],
                                    uint32_t neg_inv) {
    uint32_t s[18], k[9];
    uint32_t c = 0;
    HD_F256_UNROLL
    for (int i = 0; i < 18; i++)
        s[i] = 0;
    HD_F256_UNROLL
    for (int i = 0; i < 9; i++)
        k[i] = 0;
    HD_F256_UNROLL
    for (int i = 0; i < 8; i += 2) {
        uint32_t q = (t[i] + s[i] + c) * neg_inv;
        k[i] += hd_f256_row(t + i, m[0], m[2], m[4], m[6], q);
        s[i + 9] += hd_f256_row(s + i + 1, m[1], m[3], m[5], m[7], q);
        c = (uint32_t)(((uint64_t)t[i] + s[i] + c) >> 32);
        q = (t[i + 1] + s[i + 1] + c) * neg_inv;
        s[i + 9] += hd_f256_row(s + i + 1, m[0], m[2], m[4], m[6], q);
        k[i + 2] += hd_f256_row(t + i + 2, m[1], m[3], m[5], m[7], q);
        c = (uint32_t)(((uint64_t)t[i + 1] + s[i + 1] + c) >> 32);
    }
    HD_F256_UNROLL
    for (int i = 0; i < 8; i++)
        r[i] = t[8 + i];
    uint32_t top = k[8] + s[16];
    k[0] += c;
    top += hd_f256_add8(r, s + 8, 0);
    top += hd_f256_add8(r, k, 0);
    return top;
}

#if HD_F256_X86
/* With mulx and two carry chains (adcx, adox) a product takes a third of the time that the
   compiler's code takes; every server CPU since 2015 has them, but a portable build may not assume
   it, hence the check at run time (a load and a jump that is always predicted). */
HD_INL int hd_f256_has_adx(void) {
#if defined(__ADX__) && defined(__BMI2__)
    return 1;
#elif defined(__clang__) || __GNUC__ < 11
    return 0; /* they do not know adx by name */
#else
    return HD_LIKELY(__builtin_cpu_supports("adx") && __builtin_cpu_supports("bmi2"));
#endif
}

/* clang-format off: it cannot lay out strings that macros join. */
/* One product: y, z = rdx * limb at off(p), added to lo on one chain and hi on the other. */
#define HD_F256_X86_MUL(off, p, lo, hi) \
    "mulxq " off "(%[" p "]), %[y], %[z]; adcxq %[y], %[" lo "]; adoxq %[z], %[" hi "];"

/* (t4..t0) += rdx * (four limbs at p); y ends as 0 and the carry flags hold what leaves t4. */
#define HD_F256_X86_ROW(p, t0, t1, t2, t3, t4) \
    "xorl %k[y], %k[y];" HD_F256_X86_MUL("0", p, t0, t1) HD_F256_X86_MUL("8", p, t1, t2) \
        HD_F256_X86_MUL("16", p, t2, t3) \
            HD_F256_X86_MUL("24", p, t3, t4) "movl $0, %k[y]; adcxq %[y], %[" t4 "];"

/* What left t4 on either chain goes to t5. */
#define HD_F256_X86_TOP(t5) "adoxq %[y], %[" t5 "]; adcxq %[y], %[" t5 "];"

/* The limb of b at off times a, t_new being a limb that the sum has not reached yet. */
#define HD_F256_X86_STEP(off, t0, t1, t2, t3, t4, t_new) \
    "xorl %k[" t_new "], %k[" t_new "]; movq " off \
    "(%[b]), %%rdx;" HD_F256_X86_ROW("a", t0, t1, t2, t3, t4)

/* The multiple of m that clears t0. */
#define HD_F256_X86_CLEAR(t0, t1, t2, t3, t4) \
    "movq %[" t0 "], %%rdx; imulq %[inv], %%rdx;" HD_F256_X86_ROW("m", t0, t1, t2, t3, t4)

/* One limb of b in Montgomery multiplication; the next one renames (t5..t1) to (t4..t0). */
#define HD_F256_X86_MONT(off, t0, t1, t2, t3, t4, t5) \
    HD_F256_X86_STEP(off, t0, t1, t2, t3, t4, t5) \
    HD_F256_X86_TOP(t5) HD_F256_X86_CLEAR(t0, t1, t2, t3, t4) HD_F256_X86_TOP(t5)
/* The same for m < 2^254, where no sum leaves t4. */
#define HD_F256_X86_MONT_SHORT(off, t0, t1, t2, t3, t4) \
    HD_F256_X86_STEP(off, t0, t1, t2, t3, t4, t4) HD_F256_X86_CLEAR(t0, t1, t2, t3, t4)

#define HD_F256_X86_MONT_ALL \
    HD_F256_X86_MONT("0", "t0", "t1", "t2", "t3", "t4", "t5") \
    HD_F256_X86_MONT("8", "t1", "t2", "t3", "t4", "t5", "t0") \
    HD_F256_X86_MONT("16", "t2", "t3", "t4", "t5", "t0", "t1") \
    HD_F256_X86_MONT("24", "t3", "t4", "t5", "t0", "t1", "t2")
#define HD_F256_X86_MONT_SHORT_ALL \
    HD_F256_X86_MONT_SHORT("0", "t0", "t1", "t2", "t3", "t4") \
    HD_F256_X86_MONT_SHORT("8", "t1", "t2", "t3", "t4", "t0") \
    HD_F256_X86_MONT_SHORT("16", "t2", "t3", "t4", "t0", "t1") \
    HD_F256_X86_MONT_SHORT("24", "t3", "t4", "t0", "t1", "t2")
#define HD_F256_X86_WIDE_ALL \
    HD_F256_X86_STEP("0", "t0", "t1", "t2", "t3", "t4", "t4") \
    HD_F256_X86_STEP("8", "t1", "t2", "t3", "t4", "t5", "t5") \
    HD_F256_X86_STEP("16", "t2", "t3", "t4", "t5", "t6", "t6") \
    HD_F256_X86_STEP("24", "t3", "t4", "t5", "t6", "t7", "t7")
/* clang-format on */

HD_INL uint64_t hd_f256_x86_mont(hd_f256 *r, const hd_f256 *a, const hd_f256 *b, const hd_f256 *m,
                                 uint64_t neg_inv, uint32_t is_short) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0, t5, y, z;
    if (is_short) {
        __asm__(HD_F256_X86_MONT_SHORT_ALL
                : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [t4] "=&r"(t4),
                  [y] "=&r"(y), [z] "=&r"(z)
                : [a] "r"(a), [b] "r"(b), [m] "r"(m), [inv] "rm"(neg_inv)
                : "rdx", "cc", "memory");
        *r = hd_f256_make(t2, t1, t0, t4);
        return 0;
    }
    __asm__(HD_F256_X86_MONT_ALL
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [t4] "+&r"(t4),
              [t5] "=&r"(t5), [y] "=&r"(y), [z] "=&r"(z)
            : [a] "r"(a), [b] "r"(b), [m] "r"(m), [inv] "rm"(neg_inv)
            : "rdx", "cc", "memory");
    *r = hd_f256_make(t1, t0, t5, t4);
    return t2;
}

/* t = a * b: the rows slide up by one limb each time. */
HD_INL void hd_f256_x86_mul_wide(uint64_t t[8], const hd_f256 *a, const hd_f256 *b) {
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4, t5, t6, t7, y, z;
    __asm__(HD_F256_X86_WIDE_ALL
            : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [t4] "=&r"(t4),
              [t5] "=&r"(t5), [t6] "=&r"(t6), [t7] "=&r"(t7), [y] "=&r"(y), [z] "=&r"(z)
            : [a] "r"(a), [b] "r"(b)
            : "rdx", "cc", "memory");
    t[0] = t0;
    t[1] = t1;
    t[2] = t2;
    t[3] = t3;
    t[4] = t4;
    t[5] = t5;
    t[6] = t6;
    t[7] = t7;
}
#endif

#if HD_F256_U128
/* (c1,c0) += a * b + x, the inner step of every schoolbook loop; fits in 128 bits. */
#define HD_F256_MAC(lo, hi, x, a, b, c) \
    do { \
        hd_f256_u128 mac_t = (hd_f256_u128)(a) * (b) + (x) + (c); \
        (lo) = (uint64_t)mac_t; \
        (hi) = (uint64_t)(mac_t >> 64); \
    } while (0)
#endif

#if HD_F256_U128
HD_INL void hd_f256_u128_mul_wide(uint64_t t[8], const hd_f256 *a, const hd_f256 *b) {
    uint64_t c = 0;
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    HD_F256_UNROLL
    for (int i = 0; i < 4; i++) {
        uint64_t bi = b->w[i];
        HD_F256_MAC(t[i], c, t0, a->w[0], bi, 0);
        HD_F256_MAC(t0, c, t1, a->w[1], bi, c);
        HD_F256_MAC(t1, c, t2, a->w[2], bi, c);
        HD_F256_MAC(t2, t3, t3, a->w[3], bi, c);
    }
    t[4] = t0;
    t[5] = t1;
    t[6] = t2;
    t[7] = t3;
}
#endif

/* t = a * b, eight limbs. */
HD_INL void hd_f256_mul_wide(uint64_t t[8], const hd_f256 *a, const hd_f256 *b) {
#if HD_F256_X86
    if (hd_f256_has_adx())
        hd_f256_x86_mul_wide(t, a, b);
    else
        hd_f256_u128_mul_wide(t, a, b);
#elif HD_F256_U128
    hd_f256_u128_mul_wide(t, a, b);
#else
    uint32_t x[8], y[8], z[16];
    hd_f256_split(x, a);
    hd_f256_split(y, b);
    hd_f256_mul_rows(z, x, y);
    for (int i = 0; i < 8; i++)
        t[i] = (uint64_t)z[2 * i] | (uint64_t)z[2 * i + 1] << 32;
#endif
}

/* t = a * a: the six mixed products once, doubled, then the four squares. */
HD_INL void hd_f256_sqr_wide(uint64_t t[8], const hd_f256 *a) {
#if HD_F256_U128
    uint64_t a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];
    uint64_t t1, t2, t3, t4, t5, t6, t7, c;
    hd_f256_u128 s;
    HD_F256_MAC(t1, c, 0, a0, a1, 0);
    HD_F256_MAC(t2, c, 0, a0, a2, c);
    HD_F256_MAC(t3, t4, 0, a0, a3, c);
    HD_F256_MAC(t3, c, t3, a1, a2, 0);
    HD_F256_MAC(t4, t5, t4, a1, a3, c);
    HD_F256_MAC(t5, t6, t5, a2, a3, 0);
    t7 = t6 >> 63;
    t6 = t6 << 1 | t5 >> 63;
    t5 = t5 << 1 | t4 >> 63;
    t4 = t4 << 1 | t3 >> 63;
    t3 = t3 << 1 | t2 >> 63;
    t2 = t2 << 1 | t1 >> 63;
    t1 = t1 << 1;
    s = (hd_f256_u128)a0 * a0;
    t[0] = (uint64_t)s;
    s = (s >> 64) + t1;
    t[1] = (uint64_t)s;
    s = (hd_f256_u128)a1 * a1 + t2 + (uint64_t)(s >> 64);
    t[2] = (uint64_t)s;
    s = (s >> 64) + t3;
    t[3] = (uint64_t)s;
    s = (hd_f256_u128)a2 * a2 + t4 + (uint64_t)(s >> 64);
    t[4] = (uint64_t)s;
    s = (s >> 64) + t5;
    t[5] = (uint64_t)s;
    s = (hd_f256_u128)a3 * a3 + t6 + (uint64_t)(s >> 64);
    t[6] = (uint64_t)s;
    t[7] = (uint64_t)(s >> 64) + t7;
#else
    hd_f256_mul_wide(t, a, a);
#endif
}

/* ---- arithmetic modulo m, values always below m ---- */

/* r = top * 2^256 + a reduced once, for a value below 2m. */
HD_INL void hd_f256_reduce_once(hd_f256 *r, uint64_t top, const hd_f256 *a, const hd_f256 *m) {
#if HD_F256_X86
    /* Written out because the compiler would pass the limbs through vector registers. */
    uint64_t a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];
    uint64_t d0 = a0, d1 = a1, d2 = a2, d3 = a3;
    __asm__("subq %[m0], %[d0]\n\tsbbq %[m1], %[d1]\n\tsbbq %[m2], %[d2]\n\tsbbq %[m3], %[d3]\n\t"
            "sbbq $0, %[top]\n\t"
            "cmovcq %[a0], %[d0]\n\tcmovcq %[a1], %[d1]\n\tcmovcq %[a2], %[d2]\n\t"
            "cmovcq %[a3], %[d3]"
            : [d0] "+&r"(d0), [d1] "+&r"(d1), [d2] "+&r"(d2), [d3] "+&r"(d3), [top] "+&r"(top)
            : [a0] "r"(a0), [a1] "r"(a1), [a2] "r"(a2), [a3] "r"(a3), [m0] "m"(m->w[0]),
              [m1] "m"(m->w[1]), [m2] "m"(m->w[2]), [m3] "m"(m->w[3])
            : "cc");
    r->w[0] = d0;
    r->w[1] = d1;
    r->w[2] = d2;
    r->w[3] = d3;
#else
    hd_f256 d;
    uint64_t k = hd_f256_sub_raw(&d, a, m);
    hd_f256_select(r, a, &d, top | (k ^ 1));
#endif
}

HD_INL void hd_f256_add_mod(hd_f256 *r, const hd_f256 *a, const hd_f256 *b, const hd_f256 *m) {
    hd_f256 s;
    uint64_t top = hd_f256_add_raw(&s, a, b);
    hd_f256_reduce_once(r, top, &s, m);
}

HD_INL void hd_f256_sub_mod(hd_f256 *r, const hd_f256 *a, const hd_f256 *b, const hd_f256 *m) {
#if HD_F256_X86
    uint64_t d0 = a->w[0], d1 = a->w[1], d2 = a->w[2], d3 = a->w[3], k, z0, z1, z2, z3;
    __asm__("subq %[b0], %[d0]\n\tsbbq %[b1], %[d1]\n\tsbbq %[b2], %[d2]\n\tsbbq %[b3], %[d3]\n\t"
            "sbbq %[k], %[k]"
            : [d0] "+&r"(d0), [d1] "+&r"(d1), [d2] "+&r"(d2), [d3] "+&r"(d3), [k] "=&r"(k)
            : [b0] "m"(b->w[0]), [b1] "m"(b->w[1]), [b2] "m"(b->w[2]), [b3] "m"(b->w[3])
            : "cc");
    z0 = m->w[0] & k;
    z1 = m->w[1] & k;
    z2 = m->w[2] & k;
    z3 = m->w[3] & k;
    __asm__("addq %[z0], %[d0]\n\tadcq %[z1], %[d1]\n\tadcq %[z2], %[d2]\n\tadcq %[z3], %[d3]"
            : [d0] "+&r"(d0), [d1] "+&r"(d1), [d2] "+&r"(d2), [d3] "+&r"(d3)
            : [z0] "r"(z0), [z1] "r"(z1), [z2] "r"(z2), [z3] "r"(z3)
            : "cc");
    r->w[0] = d0;
    r->w[1] = d1;
    r->w[2] = d2;
    r->w[3] = d3;
#else
    hd_f256 d, z;
    uint64_t k = 0 - hd_f256_sub_raw(&d, a, b);
    for (int i = 0; i < 4; i++)
        z.w[i] = m->w[i] & k;
    hd_f256_add_raw(r, &d, &z);
#endif
}

HD_INL void hd_f256_neg_mod(hd_f256 *r, const hd_f256 *a, const hd_f256 *m) {
    hd_f256 z = hd_f256_make(0, 0, 0, 0);
    hd_f256_sub_mod(r, &z, a, m);
}

#if HD_F256_U128
/* *r + 2^256 * returned top = a * b / 2^256 mod m, below 2m. */
HD_INL uint64_t hd_f256_u128_mont(hd_f256 *r, const hd_f256 *a, const hd_f256 *b, const hd_f256 *m,
                                  uint64_t neg_inv, uint32_t is_short) {
    uint64_t a0 = a->w[0], a1 = a->w[1], a2 = a->w[2], a3 = a->w[3];
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
    HD_F256_UNROLL
    for (int i = 0; i < 4; i++) {
        uint64_t c, k, q, bi = b->w[i], t5 = 0;
        HD_F256_MAC(t0, c, t0, a0, bi, 0);
        HD_F256_MAC(t1, c, t1, a1, bi, c);
        HD_F256_MAC(t2, c, t2, a2, bi, c);
        HD_F256_MAC(t3, c, t3, a3, bi, c);
        t4 += c;
        if (!is_short)
            t5 = t4 < c;
        q = t0 * neg_inv;
        HD_F256_MAC(k, c, t0, q, m->w[0], 0);
        (void)k;
        HD_F256_MAC(t0, c, t1, q, m->w[1], c);
        HD_F256_MAC(t1, c, t2, q, m->w[2], c);
        HD_F256_MAC(t2, c, t3, q, m->w[3], c);
        t3 = t4 + c;
        t4 = is_short ? 0 : t5 + (uint64_t)(t3 < c);
    }
    r->w[0] = t0;
    r->w[1] = t1;
    r->w[2] = t2;
    r->w[3] = t3;
    return t4;
}
#endif

/* The same from 32-bit rows. */
HD_INL uint64_t hd_f256_rows_mont(hd_f256 *r, const hd_f256 *a, const hd_f256 *b, const hd_f256 *m,
                                  uint64_t neg_inv) {
    uint32_t x[8], y[8], z[16], top;
    hd_f256_split(x, a);
    hd_f256_split(y, b);
    hd_f256_mul_rows(z, x, y);
    hd_f256_split(y, m);
    top = hd_f256_reduce_rows(x, z, y, (uint32_t)neg_inv);
    hd_f256_join(r, x);
    return top;
}

/* r = a * b / 2^256 mod m. Give m, neg_inv and is_short (1 if m < 2^254: no sum can then outgrow
   four limbs) as constants: the body is inlined into one HD_NOINL function a field. a may be any
   256-bit number if b < m and is_short is 0. */
HD_INL void hd_f256_mont_mul(hd_f256 *r, const hd_f256 *a, const hd_f256 *b, const hd_f256 *m,
                             uint64_t neg_inv, uint32_t is_short) {
    hd_f256 s;
    uint64_t top;
#if HD_F256_X86
    if (hd_f256_has_adx())
        top = hd_f256_x86_mont(&s, a, b, m, neg_inv, is_short);
    else
        top = hd_f256_u128_mont(&s, a, b, m, neg_inv, is_short);
#elif HD_F256_U128
    top = hd_f256_u128_mont(&s, a, b, m, neg_inv, is_short);
#else
    (void)is_short;
    top = hd_f256_rows_mont(&s, a, b, m, neg_inv);
#endif
    hd_f256_reduce_once(r, top, &s, m);
}

/* Montgomery multiplication with the modulus in memory, for work that is not hot (scalars). */
HD_NOINL void hd_f256_mul_mod(hd_f256 *r, const hd_f256 *a, const hd_f256 *b,
                              const hd_f256_mod *mod) {
    hd_f256_mont_mul(r, a, b, &mod->m, mod->neg_inv, 0);
}

/* r = a^e, a and r in Montgomery form; four bits of e a step. */
HD_NOINL void hd_f256_pow_mod(hd_f256 *r, const hd_f256 *a, const hd_f256 *e,
                              const hd_f256_mod *mod) {
    hd_f256 tab[16];
    hd_f256 acc = mod->one;
    tab[0] = mod->one;
    for (int i = 1; i < 16; i++)
        hd_f256_mul_mod(&tab[i], &tab[i - 1], a, mod);
    for (int i = 63; i >= 0; i--) {
        uint32_t d = (uint32_t)(e->w[i >> 4] >> ((i & 15) * 4)) & 15u;
        for (int j = 0; j < 4; j++)
            hd_f256_mul_mod(&acc, &acc, &acc, mod);
        hd_f256_mul_mod(&acc, &acc, &tab[d], mod);
    }
    *r = acc;
}

/* ---- inversion ---- */

#if HD_F256_U128
/* Bernstein and Yang's divsteps, 62 at a time on the low words alone, then one exact update of
   the full numbers. 256-bit inputs need at most 741 steps, hence the bound. */
#define HD_F256_INV_ROUND_MAX 12

__extension__ typedef __int128 hd_f256_i128;

/* Signed number in five limbs of 62 bits, the last one signed. */
typedef struct {
    int64_t v[5];
} hd_f256_s62;

#define HD_F256_M62 0x3fffffffffffffffull

HD_INL hd_f256_s62 hd_f256_to_s62(const hd_f256 *a) {
    hd_f256_s62 r;
    r.v[0] = (int64_t)(a->w[0] & HD_F256_M62);
    r.v[1] = (int64_t)((a->w[0] >> 62 | a->w[1] << 2) & HD_F256_M62);
    r.v[2] = (int64_t)((a->w[1] >> 60 | a->w[2] << 4) & HD_F256_M62);
    r.v[3] = (int64_t)((a->w[2] >> 58 | a->w[3] << 6) & HD_F256_M62);
    r.v[4] = (int64_t)(a->w[3] >> 56);
    return r;
}

/* (x, y) = (u x + v y, q x + r y) / 2^62, exact because the caller's matrix makes it so. */
HD_INL void hd_f256_s62_update(hd_f256_s62 *x, hd_f256_s62 *y, const int64_t mat[4]) {
    hd_f256_i128 cx = 0, cy = 0;
    for (int i = 0; i < 5; i++) {
        int64_t xi = x->v[i], yi = y->v[i];
        cx += (hd_f256_i128)mat[0] * xi + (hd_f256_i128)mat[1] * yi;
        cy += (hd_f256_i128)mat[2] * xi + (hd_f256_i128)mat[3] * yi;
        if (i > 0) {
            x->v[i - 1] = (int64_t)((uint64_t)cx & HD_F256_M62);
            y->v[i - 1] = (int64_t)((uint64_t)cy & HD_F256_M62);
        }
        cx >>= 62;
        cy >>= 62;
    }
    x->v[4] = (int64_t)cx;
    y->v[4] = (int64_t)cy;
}

/* The same modulo m: a multiple of m is added first that makes the low 62 bits zero. d and e stay
   in (-2m, m) because a negative one gets its row's share of m added beforehand. */
HD_INL void hd_f256_s62_update_mod(hd_f256_s62 *d, hd_f256_s62 *e, const int64_t mat[4],
                                   const hd_f256_s62 *m, uint64_t m_inv) {
    int64_t sd = d->v[4] >> 63, se = e->v[4] >> 63;
    int64_t md = (mat[0] & sd) + (mat[1] & se), me = (mat[2] & sd) + (mat[3] & se);
    uint64_t ld = (uint64_t)mat[0] * (uint64_t)d->v[0] + (uint64_t)mat[1] * (uint64_t)e->v[0];
    uint64_t le = (uint64_t)mat[2] * (uint64_t)d->v[0] + (uint64_t)mat[3] * (uint64_t)e->v[0];
    md -= (int64_t)((m_inv * ld + (uint64_t)md) & HD_F256_M62);
    me -= (int64_t)((m_inv * le + (uint64_t)me) & HD_F256_M62);
    hd_f256_i128 cd = 0, ce = 0;
    for (int i = 0; i < 5; i++) {
        int64_t di = d->v[i], ei = e->v[i];
        cd += (hd_f256_i128)mat[0] * di + (hd_f256_i128)mat[1] * ei + (hd_f256_i128)m->v[i] * md;
        ce += (hd_f256_i128)mat[2] * di + (hd_f256_i128)mat[3] * ei + (hd_f256_i128)m->v[i] * me;
        if (i > 0) {
            d->v[i - 1] = (int64_t)((uint64_t)cd & HD_F256_M62);
            e->v[i - 1] = (int64_t)((uint64_t)ce & HD_F256_M62);
        }
        cd >>= 62;
        ce >>= 62;
    }
    d->v[4] = (int64_t)cd;
    e->v[4] = (int64_t)ce;
}

/* 62 divsteps on the low words; mat receives the transition (times 2^62). Returns the new eta,
   which is minus the delta of the paper. */
HD_INL int64_t hd_f256_divsteps(int64_t mat[4], int64_t eta, uint64_t f, uint64_t g) {
    uint64_t u = 1, v = 0, q = 0, r = 1;
    int left = 62;
    for (;;) {
        int z = __builtin_ctzll(g | 1ull << left);
        g >>= z;
        u <<= z;
        v <<= z;
        eta -= z;
        left -= z;
        if (left == 0)
            break;
        if (eta < 0) {
            uint64_t x = f;
            eta = -eta;
            f = g;
            g = 0 - x;
            x = u;
            u = q;
            q = 0 - x;
            x = v;
            v = r;
            r = 0 - x;
        }
        /* f*(2 - f*f) inverts f modulo 2^6, so w*f cancels up to six low bits of g in one go;
           no more of them than the steps left before the next swap or the end. */
        int64_t lim = eta + 1 < left ? eta + 1 : left;
        uint64_t mask = lim >= 6 ? 63 : (1ull << lim) - 1;
        uint64_t w = (g * f * (f * f - 2)) & mask;
        g += f * w;
        q += u * w;
        r += v * w;
    }
    mat[0] = (int64_t)u;
    mat[1] = (int64_t)v;
    mat[2] = (int64_t)q;
    mat[3] = (int64_t)r;
    return eta;
}

/* r = 1/a mod m for odd m and a < m, plain form; 1/0 gives 0. */
HD_NOINL void hd_f256_inv_var(hd_f256 *r, const hd_f256 *a, const hd_f256 *m, uint64_t neg_inv) {
    hd_f256_s62 f = hd_f256_to_s62(m), g = hd_f256_to_s62(a), mm = f;
    hd_f256_s62 d, e;
    int64_t eta = -1;
    hd_zero(&d, sizeof d);
    hd_zero(&e, sizeof e);
    e.v[0] = 1;
    for (int i = 0; i < HD_F256_INV_ROUND_MAX; i++) {
        int64_t mat[4];
        uint64_t f0 = (uint64_t)f.v[0] | (uint64_t)f.v[1] << 62;
        uint64_t g0 = (uint64_t)g.v[0] | (uint64_t)g.v[1] << 62;
        eta = hd_f256_divsteps(mat, eta, f0, g0);
        hd_f256_s62_update_mod(&d, &e, mat, &mm, 0 - neg_inv);
        hd_f256_s62_update(&f, &g, mat);
        if ((g.v[0] | g.v[1] | g.v[2] | g.v[3] | g.v[4]) == 0)
            break;
    }
    /* Now f = +-1 (or +-m for a = 0, where d = 0) and d in (-2m, m) is +-1/a. */
    int64_t add = d.v[4] >> 63, flip = f.v[4] >> 63, c = 0;
    for (int i = 0; i < 5; i++) {
        int64_t x = d.v[i] + (mm.v[i] & add);
        d.v[i] = (x ^ flip) - flip + c;
        c = d.v[i] >> 62;
        if (i < 4)
            d.v[i] &= (int64_t)HD_F256_M62;
    }
    add = d.v[4] >> 63;
    c = 0;
    for (int i = 0; i < 5; i++) {
        d.v[i] += (mm.v[i] & add) + c;
        c = d.v[i] >> 62;
        if (i < 4)
            d.v[i] &= (int64_t)HD_F256_M62;
    }
    uint64_t v0 = (uint64_t)d.v[0], v1 = (uint64_t)d.v[1], v2 = (uint64_t)d.v[2];
    uint64_t v3 = (uint64_t)d.v[3], v4 = (uint64_t)d.v[4];
    *r = hd_f256_make(v3 >> 6 | v4 << 56, v2 >> 4 | v3 << 58, v1 >> 2 | v2 << 60, v0 | v1 << 62);
}
#endif

/* r = 1/a, a and r in Montgomery form, m prime; 1/0 gives 0. */
HD_NOINL void hd_f256_inv_mod(hd_f256 *r, const hd_f256 *a, const hd_f256_mod *mod) {
#if HD_F256_U128
    /* 1/(a*2^256) comes out; twice 2^512 brings it back to (1/a)*2^256. */
    hd_f256 t;
    hd_f256_inv_var(&t, a, &mod->m, mod->neg_inv);
    hd_f256_mul_mod(&t, &t, &mod->rr, mod);
    hd_f256_mul_mod(r, &t, &mod->rr, mod);
#else
    hd_f256 e = mod->m;
    e.w[0] -= 2; /* every modulus here is odd and ends above 2 */
    hd_f256_pow_mod(r, a, &e, mod);
#endif
}

#endif
