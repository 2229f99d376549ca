/* hd_u256.h - 256-bit unsigned integers, four 64-bit limbs, w[0] least significant.

   Words are values: every function takes and returns them by value, so that they live in registers
   on both sides. Meanings are those of the EVM: arithmetic is modulo 2^256, a division by zero
   gives zero, signed words are two's complement, a shift of 256 or more clears (or fills) the word.
   Words are public, so times may depend on them.

   Division uses the reciprocals of Moeller and Granlund ("Improved division by invariant integers",
   2011): one hardware division for a divisor, then only multiplications for its quotient digits. */
#ifndef HD_U256_H
#define HD_U256_H

#include "base/hd_base.h"

typedef struct {
    uint64_t w[4];
} hd_u256;

/* Quotient and remainder together. */
typedef struct {
    hd_u256 q;
    hd_u256 r;
} hd_u256_qr;

HD_STATIC_ASSERT(sizeof(hd_u256) == 32, "a word is 32 bytes");

#if !HD_ON_DEVICE && defined(__SIZEOF_INT128__)
#define HD_U256_HAS_U128 1
__extension__ typedef unsigned __int128 hd_u128;
#else
#define HD_U256_HAS_U128 0
#endif

#if !HD_ON_DEVICE && defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HD_U256_X86 1
#else
#define HD_U256_X86 0
#endif

/* ---- making and looking ---- */

HD_INL hd_u256 hd_u256_make(uint64_t w3, uint64_t w2, uint64_t w1, uint64_t w0) {
    hd_u256 r;
    r.w[0] = w0;
    r.w[1] = w1;
    r.w[2] = w2;
    r.w[3] = w3;
    return r;
}

HD_INL hd_u256 hd_u256_zero(void) { return hd_u256_make(0, 0, 0, 0); }

HD_INL hd_u256 hd_u256_from_u64(uint64_t x) { return hd_u256_make(0, 0, 0, x); }

HD_INL int hd_u256_is_zero(hd_u256 a) { return (a.w[0] | a.w[1] | a.w[2] | a.w[3]) == 0; }

HD_INL int hd_u256_is_equal(hd_u256 a, hd_u256 b) {
    return ((a.w[0] ^ b.w[0]) | (a.w[1] ^ b.w[1]) | (a.w[2] ^ b.w[2]) | (a.w[3] ^ b.w[3])) == 0;
}

HD_INL int hd_u256_fits_u64(hd_u256 a) { return (a.w[1] | a.w[2] | a.w[3]) == 0; }

/* Leading zero bits of a limb; x must not be 0. */
HD_INL unsigned hd_u64_clz(uint64_t x) {
#if HD_ON_DEVICE
    return (unsigned)__clzll((long long)x);
#else
    return (unsigned)__builtin_clzll(x);
#endif
}

/* Leading zero bits, 256 for zero. */
HD_INL unsigned hd_u256_clz(hd_u256 a) {
    uint64_t top = a.w[3];
    unsigned n = 0;
    if (top == 0) {
        top = a.w[2];
        n = 64;
    }
    if (top == 0) {
        top = a.w[1];
        n = 128;
    }
    if (top == 0) {
        top = a.w[0];
        n = 192;
    }
    return top == 0 ? 256u : n + hd_u64_clz(top);
}

HD_INL unsigned hd_u256_bit_len(hd_u256 a) { return 256u - hd_u256_clz(a); }

HD_INL unsigned hd_u256_byte_len(hd_u256 a) { return (hd_u256_bit_len(a) + 7u) / 8u; }

/* x again, made to pass through four general registers. Left alone, gcc moves words in 16-byte
   pieces; such a load of a word that an addition has just stored limb by limb cannot be forwarded
   from the store buffer and waits some 15 cycles for the cache. Use it to copy stack words. */
HD_INL hd_u256 hd_u256_scalar(hd_u256 x) {
#if HD_U256_X86
    __asm__("" : "+r"(x.w[0]), "+r"(x.w[1]), "+r"(x.w[2]), "+r"(x.w[3]));
#endif
    return x;
}

/* ---- bits ---- */

HD_INL hd_u256 hd_u256_and(hd_u256 a, hd_u256 b) {
    return hd_u256_scalar(
        hd_u256_make(a.w[3] & b.w[3], a.w[2] & b.w[2], a.w[1] & b.w[1], a.w[0] & b.w[0]));
}

HD_INL hd_u256 hd_u256_or(hd_u256 a, hd_u256 b) {
    return hd_u256_scalar(
        hd_u256_make(a.w[3] | b.w[3], a.w[2] | b.w[2], a.w[1] | b.w[1], a.w[0] | b.w[0]));
}

HD_INL hd_u256 hd_u256_xor(hd_u256 a, hd_u256 b) {
    return hd_u256_scalar(
        hd_u256_make(a.w[3] ^ b.w[3], a.w[2] ^ b.w[2], a.w[1] ^ b.w[1], a.w[0] ^ b.w[0]));
}

HD_INL hd_u256 hd_u256_not(hd_u256 a) {
    return hd_u256_scalar(hd_u256_make(~a.w[3], ~a.w[2], ~a.w[1], ~a.w[0]));
}

/* ---- sums and comparisons ---- */

/* *r = a + b; returns the carry out, 0 or 1. The chains are in assembly because gcc 12 makes plain
   add/adc of neither the C idiom nor the intrinsics. */
HD_INL unsigned hd_u256_add_carry(hd_u256 *r, hd_u256 a, hd_u256 b) {
#if HD_ON_DEVICE
    uint64_t r0, r1, r2, r3;
    uint32_t c;
    asm("add.cc.u64 %0, %5, %9;\n\t"
        "addc.cc.u64 %1, %6, %10;\n\t"
        "addc.cc.u64 %2, %7, %11;\n\t"
        "addc.cc.u64 %3, %8, %12;\n\t"
        "addc.u32 %4, 0, 0;"
        : "=&l"(r0), "=&l"(r1), "=&l"(r2), "=&l"(r3), "=&r"(c)
        : "l"(a.w[0]), "l"(a.w[1]), "l"(a.w[2]), "l"(a.w[3]), "l"(b.w[0]), "l"(b.w[1]), "l"(b.w[2]),
          "l"(b.w[3]));
    *r = hd_u256_make(r3, r2, r1, r0);
    return c;
#elif HD_U256_X86
    uint64_t r0 = a.w[0], r1 = a.w[1], r2 = a.w[2], r3 = a.w[3];
    int c;
    __asm__("addq %5, %0\n\t"
            "adcq %6, %1\n\t"
            "adcq %7, %2\n\t"
            "adcq %8, %3"
            : "+&r"(r0), "+&r"(r1), "+&r"(r2), "+&r"(r3), "=@ccc"(c)
            : "rme"(b.w[0]), "rme"(b.w[1]), "rme"(b.w[2]), "rme"(b.w[3]));
    *r = hd_u256_make(r3, r2, r1, r0);
    return (unsigned)c;
#else
    uint64_t c = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t s = a.w[i] + c;
        c = s < c;
        r->w[i] = s + b.w[i];
        c += r->w[i] < s;
    }
    return (unsigned)c;
#endif
}

/* *r = a - b; returns the borrow out, 0 or 1. */
HD_INL unsigned hd_u256_sub_borrow(hd_u256 *r, hd_u256 a, hd_u256 b) {
#if HD_ON_DEVICE
    uint64_t r0, r1, r2, r3;
    uint32_t c;
    asm("sub.cc.u64 %0, %5, %9;\n\t"
        "subc.cc.u64 %1, %6, %10;\n\t"
        "subc.cc.u64 %2, %7, %11;\n\t"
        "subc.cc.u64 %3, %8, %12;\n\t"
        "subc.u32 %4, 0, 0;"
        : "=&l"(r0), "=&l"(r1), "=&l"(r2), "=&l"(r3), "=&r"(c)
        : "l"(a.w[0]), "l"(a.w[1]), "l"(a.w[2]), "l"(a.w[3]), "l"(b.w[0]), "l"(b.w[1]), "l"(b.w[2]),
          "l"(b.w[3]));
    *r = hd_u256_make(r3, r2, r1, r0);
    return c & 1u;
#elif HD_U256_X86
    uint64_t r0 = a.w[0], r1 = a.w[1], r2 = a.w[2], r3 = a.w[3];
    int c;
    __asm__("subq %5, %0\n\t"
            "sbbq %6, %1\n\t"
            "sbbq %7, %2\n\t"
            "sbbq %8, %3"
            : "+&r"(r0), "+&r"(r1), "+&r"(r2), "+&r"(r3), "=@ccc"(c)
            : "rme"(b.w[0]), "rme"(b.w[1]), "rme"(b.w[2]), "rme"(b.w[3]));
    *r = hd_u256_make(r3, r2, r1, r0);
    return (unsigned)c;
#else
    uint64_t c = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t s = a.w[i] - c;
        c = s > a.w[i];
        c += s < b.w[i];
        r->w[i] = s - b.w[i];
    }
    return (unsigned)c;
#endif
}

HD_INL hd_u256 hd_u256_add(hd_u256 a, hd_u256 b) {
#if HD_U256_X86
    uint64_t r0 = a.w[0], r1 = a.w[1], r2 = a.w[2], r3 = a.w[3];
    __asm__("addq %4, %0\n\t"
            "adcq %5, %1\n\t"
            "adcq %6, %2\n\t"
            "adcq %7, %3"
            : "+&r"(r0), "+&r"(r1), "+&r"(r2), "+&r"(r3)
            : "rme"(b.w[0]), "rme"(b.w[1]), "rme"(b.w[2]), "rme"(b.w[3])
            : "cc");
    return hd_u256_make(r3, r2, r1, r0);
#else
    hd_u256 r;
    (void)hd_u256_add_carry(&r, a, b);
    return r;
#endif
}

HD_INL hd_u256 hd_u256_sub(hd_u256 a, hd_u256 b) {
#if HD_U256_X86
    uint64_t r0 = a.w[0], r1 = a.w[1], r2 = a.w[2], r3 = a.w[3];
    __asm__("subq %4, %0\n\t"
            "sbbq %5, %1\n\t"
            "sbbq %6, %2\n\t"
            "sbbq %7, %3"
            : "+&r"(r0), "+&r"(r1), "+&r"(r2), "+&r"(r3)
            : "rme"(b.w[0]), "rme"(b.w[1]), "rme"(b.w[2]), "rme"(b.w[3])
            : "cc");
    return hd_u256_make(r3, r2, r1, r0);
#else
    hd_u256 r;
    (void)hd_u256_sub_borrow(&r, a, b);
    return r;
#endif
}

HD_INL hd_u256 hd_u256_neg(hd_u256 a) { return hd_u256_sub(hd_u256_zero(), a); }

/* 1 if a < b as unsigned numbers. */
HD_INL int hd_u256_lt(hd_u256 a, hd_u256 b) {
#if HD_U256_X86
    /* Only the borrow is wanted: one scratch register instead of four results. */
    uint64_t t;
    int c;
    __asm__("cmpq %6, %2\n\t"
            "movq %3, %0\n\t"
            "sbbq %7, %0\n\t"
            "movq %4, %0\n\t"
            "sbbq %8, %0\n\t"
            "movq %5, %0\n\t"
            "sbbq %9, %0"
            : "=&r"(t), "=@ccc"(c)
            : "r"(a.w[0]), "rm"(a.w[1]), "rm"(a.w[2]), "rm"(a.w[3]), "rme"(b.w[0]), "rme"(b.w[1]),
              "rme"(b.w[2]), "rme"(b.w[3]));
    return c;
#else
    hd_u256 r;
    return (int)hd_u256_sub_borrow(&r, a, b);
#endif
}

/* 1 if a < b as two's complement numbers: turning both sign bits over maps them to unsigned. */
HD_INL int hd_u256_slt(hd_u256 a, hd_u256 b) {
    const uint64_t top = 0x8000000000000000u;
    a.w[3] ^= top;
    b.w[3] ^= top;
    return hd_u256_lt(a, b);
}

/* ---- products ---- */

/* *hi:lo = a * b; returns lo. */
HD_INL uint64_t hd_u64_mul_wide(uint64_t *hi, uint64_t a, uint64_t b) {
#if HD_ON_DEVICE
    *hi = __umul64hi(a, b);
    return a * b;
#elif HD_U256_X86
    /* gcc 12 sends the halves of a 128-bit product through memory when they part ways. */
    __asm__("mulq %2" : "+a"(a), "=d"(*hi) : "r"(b) : "cc");
    return a;
#elif HD_U256_HAS_U128
    hd_u128 p = (hd_u128)a * b;
    *hi = (uint64_t)(p >> 64);
    return (uint64_t)p;
#else
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t ll = al * bl, lh = al * bh, hl = ah * bl;
    uint64_t mid = (ll >> 32) + (uint32_t)lh + (uint32_t)hl;
    *hi = ah * bh + (lh >> 32) + (hl >> 32) + (mid >> 32);
    return mid << 32 | (uint32_t)ll;
#endif
}

/* Returns the low limb of a * b + x + *carry, leaves the high one in *carry; never overflows. */
HD_INL uint64_t hd_u64_mac(uint64_t *carry, uint64_t a, uint64_t b, uint64_t x) {
#if HD_U256_HAS_U128
    hd_u128 p = (hd_u128)a * b + x + *carry;
    *carry = (uint64_t)(p >> 64);
    return (uint64_t)p;
#else
    uint64_t hi, lo = hd_u64_mul_wide(&hi, a, b);
    lo += x;
    hi += lo < x;
    lo += *carry;
    hi += lo < *carry;
    *carry = hi;
    return lo;
#endif
}

#if HD_ON_DEVICE
/* The GPU multiplies 32 by 32 bits into 64 with a carry chain (IMAD.WIDE.X) if a chain's products
   sit at every second word. So products a[j]*b[i] with i+j even and with i+j odd are summed apart
   and joined once. Each row adds 1 to 4 such products, words apart by two, to acc[0,2n). */
#define HD_U256_PAIR0(lo, hi, a, b) \
    "mad.lo.cc.u32 " lo ", " a ", " b ", " lo ";\n\tmadc.hi.cc.u32 " hi ", " a ", " b ", " hi \
    ";\n\t"
#define HD_U256_PAIR(lo, hi, a, b) \
    "madc.lo.cc.u32 " lo ", " a ", " b ", " lo ";\n\tmadc.hi.cc.u32 " hi ", " a ", " b ", " hi \
    ";\n\t"

HD_INL void hd_u256_row1(uint32_t *acc, uint32_t a0, uint32_t b) {
    asm("{" HD_U256_PAIR0("%0", "%1", "%2", "%3") "}"
        : "+&r"(acc[0]), "+&r"(acc[1])
        : "r"(a0), "r"(b));
}
HD_INL void hd_u256_row2(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t b) {
    asm("{" HD_U256_PAIR0("%0", "%1", "%4", "%6") HD_U256_PAIR("%2", "%3", "%5", "%6") "}"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3])
        : "r"(a0), "r"(a1), "r"(b));
}
HD_INL void hd_u256_row3(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t b) {
    asm("{" HD_U256_PAIR0("%0", "%1", "%6", "%9") HD_U256_PAIR("%2", "%3", "%7", "%9")
            HD_U256_PAIR("%4", "%5", "%8", "%9") "}"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5])
        : "r"(a0), "r"(a1), "r"(a2), "r"(b));
}
/* Four products and the carry out added to acc[8]. */
HD_INL void hd_u256_row4(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                         uint32_t b) {
    asm("{" HD_U256_PAIR0("%0", "%1", "%9", "%13") HD_U256_PAIR("%2", "%3", "%10", "%13")
            HD_U256_PAIR("%4", "%5", "%11", "%13")
                HD_U256_PAIR("%6", "%7", "%12", "%13") "addc.u32 %8, %8, 0;}"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "+&r"(acc[6]), "+&r"(acc[7]), "+&r"(acc[8])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b));
}
/* The same with a last product of which only the low word is kept, at acc[2n]. */
HD_INL void hd_u256_row1_low(uint32_t *acc, uint32_t a0, uint32_t last, uint32_t b) {
    asm("{" HD_U256_PAIR0("%0", "%1", "%3", "%5") "madc.lo.u32 %2, %4, %5, %2;}"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2])
        : "r"(a0), "r"(last), "r"(b));
}
HD_INL void hd_u256_row2_low(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t last, uint32_t b) {
    asm("{" HD_U256_PAIR0("%0", "%1", "%5", "%8")
            HD_U256_PAIR("%2", "%3", "%6", "%8") "madc.lo.u32 %4, %7, %8, %4;}"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4])
        : "r"(a0), "r"(a1), "r"(last), "r"(b));
}
HD_INL void hd_u256_row3_low(uint32_t *acc, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t last,
                             uint32_t b) {
    asm("{" HD_U256_PAIR0("%0", "%1", "%7", "%11") HD_U256_PAIR("%2", "%3", "%8", "%11")
            HD_U256_PAIR("%4", "%5", "%9", "%11") "madc.lo.u32 %6, %10, %11, %6;}"
        : "+&r"(acc[0]), "+&r"(acc[1]), "+&r"(acc[2]), "+&r"(acc[3]), "+&r"(acc[4]), "+&r"(acc[5]),
          "+&r"(acc[6])
        : "r"(a0), "r"(a1), "r"(a2), "r"(last), "r"(b));
}
#undef HD_U256_PAIR0
#undef HD_U256_PAIR

HD_INL void hd_u256_split(uint32_t x[8], hd_u256 a) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        x[2 * i] = (uint32_t)a.w[i];
        x[2 * i + 1] = (uint32_t)(a.w[i] >> 32);
    }
}
HD_INL hd_u256 hd_u256_join(const uint32_t x[8]) {
    return hd_u256_make((uint64_t)x[7] << 32 | x[6], (uint64_t)x[5] << 32 | x[4],
                        (uint64_t)x[3] << 32 | x[2], (uint64_t)x[1] << 32 | x[0]);
}
#endif

/* a * b modulo 2^256. */
HD_INL hd_u256 hd_u256_mul(hd_u256 a, hd_u256 b) {
#if HD_ON_DEVICE
    uint32_t x[8], y[8], e[9] = {0, 0, 0, 0, 0, 0, 0, 0, 0}, o[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    hd_u256_split(x, a);
    hd_u256_split(y, b);
    /* e[k] is word k, o[k] is word k+1; what would reach word 8 is never computed or is dropped. */
    hd_u256_row4(e, x[0], x[2], x[4], x[6], y[0]);
    hd_u256_row3_low(o, x[1], x[3], x[5], x[7], y[0]);
    hd_u256_row3(e + 2, x[1], x[3], x[5], y[1]);
    hd_u256_row3_low(o, x[0], x[2], x[4], x[6], y[1]);
    hd_u256_row3(e + 2, x[0], x[2], x[4], y[2]);
    hd_u256_row2_low(o + 2, x[1], x[3], x[5], y[2]);
    hd_u256_row2(e + 4, x[1], x[3], y[3]);
    hd_u256_row2_low(o + 2, x[0], x[2], x[4], y[3]);
    hd_u256_row2(e + 4, x[0], x[2], y[4]);
    hd_u256_row1_low(o + 4, x[1], x[3], y[4]);
    hd_u256_row1(e + 6, x[1], y[5]);
    hd_u256_row1_low(o + 4, x[0], x[2], y[5]);
    hd_u256_row1(e + 6, x[0], y[6]);
    o[6] += x[1] * y[6] + x[0] * y[7];
    asm("add.cc.u32 %0, %0, %7;\n\t"
        "addc.cc.u32 %1, %1, %8;\n\t"
        "addc.cc.u32 %2, %2, %9;\n\t"
        "addc.cc.u32 %3, %3, %10;\n\t"
        "addc.cc.u32 %4, %4, %11;\n\t"
        "addc.cc.u32 %5, %5, %12;\n\t"
        "addc.u32 %6, %6, %13;"
        : "+&r"(e[1]), "+&r"(e[2]), "+&r"(e[3]), "+&r"(e[4]), "+&r"(e[5]), "+&r"(e[6]), "+&r"(e[7])
        : "r"(o[0]), "r"(o[1]), "r"(o[2]), "r"(o[3]), "r"(o[4]), "r"(o[5]), "r"(o[6]));
    return hd_u256_join(e);
#else
    uint64_t c = 0;
    uint64_t r0 = hd_u64_mac(&c, a.w[0], b.w[0], 0);
    uint64_t r1 = hd_u64_mac(&c, a.w[1], b.w[0], 0);
    uint64_t r2 = hd_u64_mac(&c, a.w[2], b.w[0], 0);
    uint64_t r3 = a.w[3] * b.w[0] + c;
    c = 0;
    r1 = hd_u64_mac(&c, a.w[0], b.w[1], r1);
    r2 = hd_u64_mac(&c, a.w[1], b.w[1], r2);
    r3 += a.w[2] * b.w[1] + c;
    c = 0;
    r2 = hd_u64_mac(&c, a.w[0], b.w[2], r2);
    r3 += a.w[1] * b.w[2] + a.w[0] * b.w[3] + c;
    return hd_u256_make(r3, r2, r1, r0);
#endif
}

/* *hi:*lo = a * b, all 512 bits. */
HD_INL void hd_u256_mul_full(hd_u256 *hi, hd_u256 *lo, hd_u256 a, hd_u256 b) {
#if HD_ON_DEVICE
    uint32_t x[8], y[8], e[18], o[18];
    hd_u256_split(x, a);
    hd_u256_split(y, b);
#pragma unroll
    for (int i = 0; i < 18; i++)
        e[i] = o[i] = 0;
        /* e[k] is word k, o[k] is word k+1. A row's carry goes to a word no earlier row has
           reached, so it can grow no further. */
#pragma unroll
    for (int i = 0; i < 8; i += 2) {
        hd_u256_row4(e + i, x[0], x[2], x[4], x[6], y[i]);
        hd_u256_row4(o + i, x[1], x[3], x[5], x[7], y[i]);
        hd_u256_row4(e + i + 2, x[1], x[3], x[5], x[7], y[i + 1]);
        hd_u256_row4(o + i, x[0], x[2], x[4], x[6], y[i + 1]);
    }
    hd_u256 el = hd_u256_join(e), eh = hd_u256_join(e + 8);
    hd_u256 ol, oh;
    ol = hd_u256_make((uint64_t)o[6] << 32 | o[5], (uint64_t)o[4] << 32 | o[3],
                      (uint64_t)o[2] << 32 | o[1], (uint64_t)o[0] << 32);
    oh = hd_u256_make((uint64_t)o[14] << 32 | o[13], (uint64_t)o[12] << 32 | o[11],
                      (uint64_t)o[10] << 32 | o[9], (uint64_t)o[8] << 32 | o[7]);
    unsigned c = hd_u256_add_carry(lo, el, ol);
    *hi = hd_u256_add(hd_u256_add(eh, oh), hd_u256_from_u64(c));
#else
    uint64_t r[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int i = 0; i < 4; i++) {
        uint64_t c = 0;
        r[i] = hd_u64_mac(&c, a.w[0], b.w[i], r[i]);
        r[i + 1] = hd_u64_mac(&c, a.w[1], b.w[i], r[i + 1]);
        r[i + 2] = hd_u64_mac(&c, a.w[2], b.w[i], r[i + 2]);
        r[i + 3] = hd_u64_mac(&c, a.w[3], b.w[i], r[i + 3]);
        r[i + 4] = c;
    }
    *lo = hd_u256_make(r[3], r[2], r[1], r[0]);
    *hi = hd_u256_make(r[7], r[6], r[5], r[4]);
#endif
}

/* ---- shifts ---- */

/* The high limb of hi:lo << n, for n in 0..63. Without BMI2 a shift by a register costs three steps
   in an x86 core, and so does the double shift. */
HD_INL uint64_t hd_u64_shl_pair(uint64_t hi, uint64_t lo, unsigned n) {
#if HD_U256_X86 && !defined(__BMI2__)
    __asm__("shldq %b2, %1, %0" : "+r"(hi) : "r"(lo), "c"(n) : "cc");
    return hi;
#else
    return hi << n | (lo >> 1) >> (63u - n);
#endif
}

/* The low limb of hi:lo >> n, for n in 0..63. */
HD_INL uint64_t hd_u64_shr_pair(uint64_t hi, uint64_t lo, unsigned n) {
#if HD_U256_X86 && !defined(__BMI2__)
    __asm__("shrdq %b2, %1, %0" : "+r"(lo) : "r"(hi), "c"(n) : "cc");
    return lo;
#else
    return lo >> n | (hi << 1) << (63u - n);
#endif
}

/* x << n, zero for n >= 256. A CPU branches on the whole limbs (an instruction in a loop shifts by
   the same number, so the branch is foreseen, and limbs that are zero cost nothing); a GPU picks
   words by selects, as indexing would push them out of its registers. */
HD_INL hd_u256 hd_u256_shl_bits(hd_u256 x, unsigned n) {
    if (n > 255)
        return hd_u256_zero();
#if HD_ON_DEVICE
    uint32_t h[8], m[8];
    hd_u256_split(h, x);
#pragma unroll
    for (int i = 7; i >= 0; i--)
        h[i] = n & 128 ? (i > 3 ? h[i > 3 ? i - 4 : 0] : 0) : h[i];
#pragma unroll
    for (int i = 7; i >= 0; i--)
        h[i] = n & 64 ? (i > 1 ? h[i > 1 ? i - 2 : 0] : 0) : h[i];
#pragma unroll
    for (int i = 7; i >= 0; i--)
        h[i] = n & 32 ? (i > 0 ? h[i > 0 ? i - 1 : 0] : 0) : h[i];
#pragma unroll
    for (int i = 0; i < 8; i++)
        m[i] = __funnelshift_l(i > 0 ? h[i > 0 ? i - 1 : 0] : 0, h[i], n);
    return hd_u256_join(m);
#else
    unsigned k = n & 63;
    if (n < 64)
        return hd_u256_make(hd_u64_shl_pair(x.w[3], x.w[2], k), hd_u64_shl_pair(x.w[2], x.w[1], k),
                            hd_u64_shl_pair(x.w[1], x.w[0], k), x.w[0] << k);
    if (n < 128)
        return hd_u256_make(hd_u64_shl_pair(x.w[2], x.w[1], k), hd_u64_shl_pair(x.w[1], x.w[0], k),
                            x.w[0] << k, 0);
    if (n < 192)
        return hd_u256_make(hd_u64_shl_pair(x.w[1], x.w[0], k), x.w[0] << k, 0, 0);
    return hd_u256_make(x.w[0] << k, 0, 0, 0);
#endif
}

/* x >> n for n in 0..255, the bits above x being those of fill (0 or all ones). */
HD_INL hd_u256 hd_u256_shr_fill(hd_u256 x, unsigned n, uint64_t fill) {
#if HD_ON_DEVICE
    uint32_t h[8], m[8], f = (uint32_t)fill;
    hd_u256_split(h, x);
#pragma unroll
    for (int i = 0; i < 8; i++)
        h[i] = n & 128 ? (i < 4 ? h[i < 4 ? i + 4 : 7] : f) : h[i];
#pragma unroll
    for (int i = 0; i < 8; i++)
        h[i] = n & 64 ? (i < 6 ? h[i < 6 ? i + 2 : 7] : f) : h[i];
#pragma unroll
    for (int i = 0; i < 8; i++)
        h[i] = n & 32 ? (i < 7 ? h[i < 7 ? i + 1 : 7] : f) : h[i];
#pragma unroll
    for (int i = 0; i < 8; i++)
        m[i] = __funnelshift_r(h[i], i < 7 ? h[i < 7 ? i + 1 : 7] : f, n);
    return hd_u256_join(m);
#else
    unsigned k = n & 63;
    if (n < 64)
        return hd_u256_make(hd_u64_shr_pair(fill, x.w[3], k), hd_u64_shr_pair(x.w[3], x.w[2], k),
                            hd_u64_shr_pair(x.w[2], x.w[1], k), hd_u64_shr_pair(x.w[1], x.w[0], k));
    if (n < 128)
        return hd_u256_make(fill, hd_u64_shr_pair(fill, x.w[3], k),
                            hd_u64_shr_pair(x.w[3], x.w[2], k), hd_u64_shr_pair(x.w[2], x.w[1], k));
    if (n < 192)
        return hd_u256_make(fill, fill, hd_u64_shr_pair(fill, x.w[3], k),
                            hd_u64_shr_pair(x.w[3], x.w[2], k));
    return hd_u256_make(fill, fill, fill, hd_u64_shr_pair(fill, x.w[3], k));
#endif
}

/* x >> n, zero for n >= 256. */
HD_INL hd_u256 hd_u256_shr_bits(hd_u256 x, unsigned n) {
    return n > 255 ? hd_u256_zero() : hd_u256_shr_fill(x, n, 0);
}

/* x >> n with the sign bit repeated: all sign bits for n >= 256. */
HD_INL hd_u256 hd_u256_sar_bits(hd_u256 x, unsigned n) {
    uint64_t fill = 0u - (x.w[3] >> 63);
    return n > 255 ? hd_u256_make(fill, fill, fill, fill) : hd_u256_shr_fill(x, n, fill);
}

/* A shift amount as a number from 0 to 256; 256 stands for everything above 255. */
HD_INL unsigned hd_u256_shift_amount(hd_u256 shift) {
    return hd_u256_fits_u64(shift) && shift.w[0] < 256 ? (unsigned)shift.w[0] : 256u;
}

/* EVM SHL, SHR and SAR: shift first, then the value, as they lie on the stack. */
HD_INL hd_u256 hd_u256_shl(hd_u256 shift, hd_u256 x) {
    return hd_u256_shl_bits(x, hd_u256_shift_amount(shift));
}
HD_INL hd_u256 hd_u256_shr(hd_u256 shift, hd_u256 x) {
    return hd_u256_shr_bits(x, hd_u256_shift_amount(shift));
}
HD_INL hd_u256 hd_u256_sar(hd_u256 shift, hd_u256 x) {
    return hd_u256_sar_bits(x, hd_u256_shift_amount(shift));
}

/* ---- bytes ---- */

/* Limb i of x, i in 0..3, by selects. */
HD_INL uint64_t hd_u256_limb(hd_u256 x, unsigned i) {
    uint64_t lo = i & 1 ? x.w[1] : x.w[0];
    uint64_t hi = i & 1 ? x.w[3] : x.w[2];
    return i & 2 ? hi : lo;
}

/* EVM BYTE: byte i counted from the most significant, zero for i >= 32. */
HD_INL hd_u256 hd_u256_byte(hd_u256 i, hd_u256 x) {
    if (!hd_u256_fits_u64(i) || i.w[0] > 31)
        return hd_u256_zero();
    unsigned n = 31u - (unsigned)i.w[0];
    return hd_u256_from_u64(hd_u256_limb(x, n >> 3) >> (8 * (n & 7)) & 0xff);
}

/* EVM SIGNEXTEND: byte byte_idx (0 is the least significant) holds the sign of x. */
HD_INL hd_u256 hd_u256_signextend(hd_u256 byte_idx, hd_u256 x) {
    if (!hd_u256_fits_u64(byte_idx) || byte_idx.w[0] > 30)
        return x;
    unsigned n = (unsigned)byte_idx.w[0], k = n >> 3, s = 56u - 8 * (n & 7);
    uint64_t top = (uint64_t)((int64_t)(hd_u256_limb(x, k) << s) >> s);
    uint64_t fill = 0u - (top >> 63);
    return hd_u256_make(k == 3 ? top : fill, k > 2 ? x.w[2] : (k == 2 ? top : fill),
                        k > 1 ? x.w[1] : (k == 1 ? top : fill), k > 0 ? x.w[0] : top);
}

HD_INL uint64_t hd_u64_bswap(uint64_t x) {
#if HD_U256_X86
    return __builtin_bswap64(x);
#else
    return hd_bswap64(x);
#endif
}

/* All 32 bytes in reverse order. */
HD_INL hd_u256 hd_u256_bswap(hd_u256 x) {
    return hd_u256_make(hd_u64_bswap(x.w[0]), hd_u64_bswap(x.w[1]), hd_u64_bswap(x.w[2]),
                        hd_u64_bswap(x.w[3]));
}

/* 32 big-endian bytes at any alignment. */
HD_INL hd_u256 hd_u256_load_be(const uint8_t p[32]) {
    return hd_u256_bswap(hd_u256_make(hd_load_le64(p + 24), hd_load_le64(p + 16),
                                      hd_load_le64(p + 8), hd_load_le64(p)));
}

HD_INL void hd_u256_store_be(uint8_t p[32], hd_u256 x) {
    x = hd_u256_bswap(x);
    hd_store_le64(p, x.w[0]);
    hd_store_le64(p + 8, x.w[1]);
    hd_store_le64(p + 16, x.w[2]);
    hd_store_le64(p + 24, x.w[3]);
}

/* n big-endian bytes as a number; reads p[0,n) only. n above 32 counts as 32. */
HD_INL hd_u256 hd_u256_load_be_n(const uint8_t *p, size_t n) {
    uint64_t w0 = 0, w1 = 0, w2 = 0, w3 = 0;
    size_t i = 0;
    n = n > 32 ? 32 : n;
    for (; i + 8 <= n; i += 8) {
        w3 = w2;
        w2 = w1;
        w1 = w0;
        w0 = hd_u64_bswap(hd_load_le64(p + i));
    }
    uint64_t t = 0;
    unsigned bits = 8 * (unsigned)(n - i);
    for (; i < n; i++)
        t = t << 8 | p[i];
    if (bits == 0)
        return hd_u256_make(w3, w2, w1, w0);
    return hd_u256_make(hd_u64_shl_pair(w3, w2, bits), hd_u64_shl_pair(w2, w1, bits),
                        hd_u64_shl_pair(w1, w0, bits), w0 << bits | t);
}

/* ---- division ---- */

/* floor((2^128 - 1) / d) - 2^64 for d >= 2^63. */
HD_INL uint64_t hd_u64_reciprocal(uint64_t d) {
#if HD_U256_X86
    /* (2^128 - 1) - 2^64 * d over d is that number itself. */
    uint64_t q, r;
    __asm__("divq %4" : "=a"(q), "=d"(r) : "0"(~(uint64_t)0), "1"(~d), "r"(d) : "cc");
    return q;
#else
    /* Three Newton steps from 11 bits: algorithm 3 of the paper, its table being this division. */
    uint64_t d0 = d & 1, d40 = (d >> 24) + 1, d63 = (d >> 1) + d0, t;
    uint64_t v0 = 0x7fd00u / (uint32_t)(d >> 55);
    uint64_t v1 = (v0 << 11) - (v0 * v0 * d40 >> 40) - 1;
    uint64_t v2 = (v1 << 13) + (v1 * (((uint64_t)1 << 60) - v1 * d40) >> 47);
    uint64_t e = ((v2 >> 1) & (0u - d0)) - v2 * d63;
    (void)hd_u64_mul_wide(&t, v2, e);
    uint64_t v3 = (v2 << 31) + (t >> 1);
    uint64_t lo = hd_u64_mul_wide(&t, v3, d);
    t += lo + d < d;
    return v3 - t - d;
#endif
}

/* floor((2^192 - 1) / d1:d0) - 2^64 for d1 >= 2^63. */
HD_INL uint64_t hd_u64_reciprocal2(uint64_t d1, uint64_t d0) {
    uint64_t v = hd_u64_reciprocal(d1);
    uint64_t p = d1 * v + d0;
    if (p < d0) {
        v--;
        if (p >= d1) {
            v--;
            p -= d1;
        }
        p -= d1;
    }
    uint64_t t1, t0 = hd_u64_mul_wide(&t1, v, d0);
    p += t1;
    if (p < t1) {
        v--;
        if (p > d1 || (p == d1 && t0 >= d0))
            v--;
    }
    return v;
}

/* u1:u0 / d with u1 < d, d >= 2^63, v its reciprocal: returns the quotient, *r the remainder. */
HD_INL uint64_t hd_u64_div_2by1(uint64_t *r, uint64_t u1, uint64_t u0, uint64_t d, uint64_t v) {
    uint64_t q1, q0 = hd_u64_mul_wide(&q1, v, u1);
    q0 += u0;
    q1 += u1 + (q0 < u0) + 1;
    uint64_t t = u0 - q1 * d;
    if (t > q0) {
        q1--;
        t += d;
    }
    if (HD_UNLIKELY(t >= d)) {
        q1++;
        t -= d;
    }
    *r = t;
    return q1;
}

/* u2:u1:u0 / d1:d0 with u2:u1 < d1:d0, d1 >= 2^63, v their reciprocal: returns the quotient,
 *r1:*r0 the remainder. */
HD_INL uint64_t hd_u64_div_3by2(uint64_t *r1, uint64_t *r0, uint64_t u2, uint64_t u1, uint64_t u0,
                                uint64_t d1, uint64_t d0, uint64_t v) {
    uint64_t q1, q0 = hd_u64_mul_wide(&q1, v, u2);
    q0 += u1;
    q1 += u2 + (q0 < u1);
    uint64_t t1, t0 = hd_u64_mul_wide(&t1, d0, q1);
    uint64_t x1 = u1 - q1 * d1, x0 = u0 - t0;
    x1 -= t1 + (u0 < t0);
    x1 -= d1 + (x0 < d0);
    x0 -= d0;
    q1++;
    if (x1 >= q0) {
        q1--;
        x0 += d0;
        x1 += d1 + (x0 < d0);
    }
    if (HD_UNLIKELY(x1 > d1 || (x1 == d1 && x0 >= d0))) {
        q1++;
        x1 -= d1 + (x0 < d0);
        x0 -= d0;
    }
    *r1 = x1;
    *r0 = x0;
    return q1;
}

/* One digit of a long division: *r * 2^64 + x over d, with *r < d, d >= 2^255 and v the reciprocal
   of d's two top limbs. Returns the digit and leaves the remainder in *r. */
HD_INL uint64_t hd_u256_div_digit(hd_u256 *r, uint64_t x, hd_u256 d, uint64_t v) {
    if (HD_UNLIKELY(r->w[3] == d.w[3] && r->w[2] == d.w[2])) {
        /* The two top limbs say 2^64 and *r < d says less: the digit is 2^64 - 1, and what remains
           is *r * 2^64 + x - d * 2^64 + d, computed modulo 2^256. */
        hd_u256 t = hd_u256_sub(*r, d);
        t = hd_u256_make(t.w[2], t.w[1], t.w[0], x);
        *r = hd_u256_add(t, d);
        return ~(uint64_t)0;
    }
    uint64_t t1, t0, c = 0;
    uint64_t q = hd_u64_div_3by2(&t1, &t0, r->w[3], r->w[2], r->w[1], d.w[3], d.w[2], v);
    uint64_t p0 = hd_u64_mac(&c, q, d.w[0], 0);
    uint64_t p1 = hd_u64_mac(&c, q, d.w[1], 0);
    hd_u256 t = hd_u256_make(t1, t0, r->w[0], x);
    if (hd_u256_sub_borrow(&t, t, hd_u256_make(0, c, p1, p0))) {
        /* The two lower limbs made the digit one too large, never two: d's top bit is set. */
        q--;
        t = hd_u256_add(t, d);
    }
    *r = t;
    return q;
}

/* a / b and a % b by shifting b up until its top bit is set: the quotient has s/64 + 1 digits, and
   only the first digit brings in a limb that is not zero. So there are no arrays, and all lanes of
   a warp do the same work. b must not be zero. */
HD_INL hd_u256_qr hd_u256_divrem_long(hd_u256 a, hd_u256 b) {
    hd_u256_qr o;
    unsigned s = hd_u256_clz(b), n = s & 63;
    hd_u256 d = hd_u256_shl_bits(b, s);
    uint64_t v = hd_u64_reciprocal2(d.w[3], d.w[2]), x = a.w[0] << n;
    uint64_t l4 = (a.w[3] >> 1) >> (63u - n), l3 = hd_u64_shl_pair(a.w[3], a.w[2], n);
    uint64_t l2 = hd_u64_shl_pair(a.w[2], a.w[1], n), l1 = hd_u64_shl_pair(a.w[1], a.w[0], n);
    hd_u256 r = hd_u256_make(l4, l3, l2, l1);
    hd_u256 q = hd_u256_zero();
#if HD_ON_DEVICE
#pragma unroll 1
#endif
    for (unsigned i = 0; i <= s >> 6; i++) {
        uint64_t digit = hd_u256_div_digit(&r, x, d, v);
        q = hd_u256_make(q.w[2], q.w[1], q.w[0], digit);
        x = 0;
    }
    o.q = q;
    o.r = hd_u256_shr_bits(r, s);
    return o;
}

/* One bit is set, and no more. */
HD_INL int hd_u256_is_power_of_2(hd_u256 x) {
    uint64_t more = 0;
    unsigned limb_cnt = 0;
    for (int i = 0; i < 4; i++) {
        limb_cnt += x.w[i] != 0;
        more |= x.w[i] & (x.w[i] - 1);
    }
    return more == 0 && limb_cnt == 1;
}

/* The functions below are called, not inlined, so that a kernel does not swell. Words go in limb by
   limb: as structures gcc would copy them in 16-byte pieces (see hd_u256_scalar). */
HD_NOINL hd_u256_qr hd_u256_divrem_call(uint64_t a3, uint64_t a2, uint64_t a1, uint64_t a0,
                                        uint64_t b3, uint64_t b2, uint64_t b1, uint64_t b0) {
    hd_u256 a = hd_u256_make(a3, a2, a1, a0), b = hd_u256_make(b3, b2, b1, b0);
    hd_u256_qr o;
    o.q = hd_u256_zero();
    o.r = hd_u256_zero();
    if (hd_u256_fits_u64(b)) {
        if (b.w[0] == 0)
            return o;
        if (hd_u256_fits_u64(a)) {
            o.q.w[0] = a.w[0] / b.w[0];
            o.r.w[0] = a.w[0] % b.w[0];
            return o;
        }
    }
    if (hd_u256_lt(a, b)) {
        o.r = a;
        return o;
    }
#if !HD_ON_DEVICE
    /* Code divides by powers of two: fixed point numbers, selectors, shifts before there were SHR.
     */
    if ((b.w[0] & (b.w[0] - 1)) == 0 && hd_u256_is_power_of_2(b)) {
        o.q = hd_u256_shr_bits(a, 255 - hd_u256_clz(b));
        o.r = hd_u256_and(a, hd_u256_sub(b, hd_u256_from_u64(1)));
        return o;
    }
    /* A CPU gains by leaving out the limbs that are zero. l4..l0 is a shifted like b; a limb that
       is not worth a digit becomes part of the first remainder, which stays below d. */
    if ((b.w[2] | b.w[3]) == 0) {
        unsigned n = hd_u64_clz(b.w[1] != 0 ? b.w[1] : b.w[0]);
        uint64_t l4 = (a.w[3] >> 1) >> (63u - n), l3 = hd_u64_shl_pair(a.w[3], a.w[2], n);
        uint64_t l2 = hd_u64_shl_pair(a.w[2], a.w[1], n), l1 = hd_u64_shl_pair(a.w[1], a.w[0], n);
        uint64_t l0 = a.w[0] << n;
        if (b.w[1] == 0) {
            uint64_t d = b.w[0] << n, v = hd_u64_reciprocal(d), r = l4;
            if (a.w[3] != 0)
                o.q.w[3] = hd_u64_div_2by1(&r, r, l3, d, v);
            else
                r = l3;
            if ((a.w[3] | a.w[2]) != 0)
                o.q.w[2] = hd_u64_div_2by1(&r, r, l2, d, v);
            else
                r = l2;
            o.q.w[1] = hd_u64_div_2by1(&r, r, l1, d, v);
            o.q.w[0] = hd_u64_div_2by1(&r, r, l0, d, v);
            o.r.w[0] = r >> n;
            return o;
        }
        uint64_t d1 = hd_u64_shl_pair(b.w[1], b.w[0], n), d0 = b.w[0] << n;
        uint64_t v = hd_u64_reciprocal2(d1, d0), r1 = l4, r0 = l3;
        if (a.w[3] != 0) {
            o.q.w[2] = hd_u64_div_3by2(&r1, &r0, r1, r0, l2, d1, d0, v);
        } else {
            r1 = l3;
            r0 = l2;
        }
        if ((a.w[3] | a.w[2]) != 0) {
            o.q.w[1] = hd_u64_div_3by2(&r1, &r0, r1, r0, l1, d1, d0, v);
        } else {
            r1 = l2;
            r0 = l1;
        }
        o.q.w[0] = hd_u64_div_3by2(&r1, &r0, r1, r0, l0, d1, d0, v);
        o.r.w[0] = hd_u64_shr_pair(r1, r0, n);
        o.r.w[1] = r1 >> n;
        return o;
    }
#endif
    return hd_u256_divrem_long(a, b);
}

/* a / b and a % b, both zero for b == 0. */
HD_INL hd_u256_qr hd_u256_divrem(hd_u256 a, hd_u256 b) {
    return hd_u256_divrem_call(a.w[3], a.w[2], a.w[1], a.w[0], b.w[3], b.w[2], b.w[1], b.w[0]);
}

/* EVM DIV and MOD. */
HD_INL hd_u256 hd_u256_div(hd_u256 a, hd_u256 b) { return hd_u256_scalar(hd_u256_divrem(a, b).q); }
HD_INL hd_u256 hd_u256_mod(hd_u256 a, hd_u256 b) { return hd_u256_scalar(hd_u256_divrem(a, b).r); }

/* x for is_neg 0, -x for is_neg 1, without a branch: signs are as good as random. */
HD_INL hd_u256 hd_u256_neg_if(hd_u256 x, unsigned is_neg) {
    uint64_t m = 0u - (uint64_t)is_neg;
    hd_u256 mask = hd_u256_make(m, m, m, m);
    return hd_u256_sub(hd_u256_xor(x, mask), mask);
}

HD_INL unsigned hd_u256_sign(hd_u256 x) { return (unsigned)(x.w[3] >> 63); }

/* EVM SDIV, rounding toward zero. -2^255 / -1 is -2^255 again, as 2^255 has the same bits. */
HD_INL hd_u256 hd_u256_sdiv(hd_u256 a, hd_u256 b) {
    unsigned sa = hd_u256_sign(a), sb = hd_u256_sign(b);
    return hd_u256_neg_if(hd_u256_div(hd_u256_neg_if(a, sa), hd_u256_neg_if(b, sb)), sa ^ sb);
}

/* EVM SMOD: the remainder has the sign of a. */
HD_INL hd_u256 hd_u256_smod(hd_u256 a, hd_u256 b) {
    unsigned sa = hd_u256_sign(a);
    hd_u256 m = hd_u256_mod(hd_u256_neg_if(a, sa), hd_u256_neg_if(b, hd_u256_sign(b)));
    return hd_u256_neg_if(m, sa);
}

/* hi:lo modulo m, zero for m == 0. The long division above with nine limbs l8..l0 to bring in. */
HD_INL hd_u256 hd_u256_mod_wide(hd_u256 hi, hd_u256 lo, hd_u256 m) {
    if (hd_u256_is_zero(hi))
        return hd_u256_mod(lo, m);
    if (hd_u256_is_zero(m))
        return m;
    unsigned s = hd_u256_clz(m), n = s & 63, digit_cnt = (s >> 6) + 5;
    hd_u256 d = hd_u256_shl_bits(m, s);
    uint64_t v = hd_u64_reciprocal2(d.w[3], d.w[2]);
    uint64_t x4 = hd_u64_shl_pair(hi.w[0], lo.w[3], n);
    uint64_t x3 = hd_u64_shl_pair(lo.w[3], lo.w[2], n);
    uint64_t x2 = hd_u64_shl_pair(lo.w[2], lo.w[1], n);
    uint64_t x1 = hd_u64_shl_pair(lo.w[1], lo.w[0], n);
    uint64_t x0 = lo.w[0] << n;
    uint64_t l8 = (hi.w[3] >> 1) >> (63u - n);
    hd_u256 r =
        hd_u256_make(hd_u64_shl_pair(hi.w[3], hi.w[2], n), hd_u64_shl_pair(hi.w[2], hi.w[1], n),
                     hd_u64_shl_pair(hi.w[1], hi.w[0], n), x4);
    if (l8 == 0 && hd_u256_lt(r, d)) {
        /* The usual case, both factors below m: the first digit would be zero. */
        x4 = x3;
        x3 = x2;
        x2 = x1;
        x1 = x0;
        x0 = 0;
        digit_cnt--;
    } else {
        r = hd_u256_make(l8, r.w[3], r.w[2], r.w[1]);
    }
#if HD_ON_DEVICE
#pragma unroll 1
#endif
    for (unsigned i = 0; i < digit_cnt; i++) {
        (void)hd_u256_div_digit(&r, x4, d, v);
        x4 = x3;
        x3 = x2;
        x2 = x1;
        x1 = x0;
        x0 = 0;
    }
    return hd_u256_shr_bits(r, s);
}

HD_NOINL hd_u256 hd_u256_addmod_call(uint64_t a3, uint64_t a2, uint64_t a1, uint64_t a0,
                                     uint64_t b3, uint64_t b2, uint64_t b1, uint64_t b0,
                                     uint64_t n3, uint64_t n2, uint64_t n1, uint64_t n0) {
    hd_u256 a = hd_u256_make(a3, a2, a1, a0), b = hd_u256_make(b3, b2, b1, b0);
    hd_u256 n = hd_u256_make(n3, n2, n1, n0);
    hd_u256 s, t;
    if (n.w[3] != 0 && a.w[3] <= n.w[3] && b.w[3] <= n.w[3]) {
        /* Field sized operands are below 2n: three subtractions do it. */
        if (!hd_u256_sub_borrow(&t, a, n))
            a = t;
        if (!hd_u256_sub_borrow(&t, b, n))
            b = t;
        unsigned carry = hd_u256_add_carry(&s, a, b);
        unsigned borrow = hd_u256_sub_borrow(&t, s, n);
        return carry >= borrow ? t : s;
    }
    unsigned carry = hd_u256_add_carry(&s, a, b);
    return hd_u256_mod_wide(hd_u256_from_u64(carry), s, n);
}

HD_NOINL hd_u256 hd_u256_mulmod_call(uint64_t a3, uint64_t a2, uint64_t a1, uint64_t a0,
                                     uint64_t b3, uint64_t b2, uint64_t b1, uint64_t b0,
                                     uint64_t n3, uint64_t n2, uint64_t n1, uint64_t n0) {
    hd_u256 a = hd_u256_make(a3, a2, a1, a0), b = hd_u256_make(b3, b2, b1, b0);
    hd_u256 n = hd_u256_make(n3, n2, n1, n0);
    hd_u256 hi, lo;
    hd_u256_mul_full(&hi, &lo, a, b);
#if !HD_ON_DEVICE
    /* The full product's upper half is had by a product modulo 2^256 - 1, which every mulDiv of 512
       bits begins with; 2^256 is 1 there. */
    if ((n.w[0] & n.w[1] & n.w[2] & n.w[3]) == ~(uint64_t)0) {
        unsigned carry = hd_u256_add_carry(&lo, lo, hi);
        lo = hd_u256_add(lo, hd_u256_from_u64(carry));
        return hd_u256_is_equal(lo, n) ? hd_u256_zero() : lo;
    }
#endif
    return hd_u256_mod_wide(hi, lo, n);
}

HD_NOINL hd_u256 hd_u256_exp_call(uint64_t a3, uint64_t a2, uint64_t a1, uint64_t a0, uint64_t e3,
                                  uint64_t e2, uint64_t e1, uint64_t e0) {
    hd_u256 base = hd_u256_make(a3, a2, a1, a0), exponent = hd_u256_make(e3, e2, e1, e0);
    hd_u256 r = hd_u256_from_u64(1);
    if (hd_u256_is_equal(base, hd_u256_from_u64(2)))
        return hd_u256_shl(exponent, r);
    for (unsigned i = 256u - hd_u256_clz(exponent); i > 0; i--) {
        if (exponent.w[0] & 1)
            r = hd_u256_mul(r, base);
        if (i > 1)
            base = hd_u256_mul(base, base);
        exponent = hd_u256_shr_fill(exponent, 1, 0);
    }
    return r;
}

/* EVM ADDMOD: (a + b) % n over 257 bits, zero for n == 0. */
HD_INL hd_u256 hd_u256_addmod(hd_u256 a, hd_u256 b, hd_u256 n) {
    return hd_u256_scalar(hd_u256_addmod_call(a.w[3], a.w[2], a.w[1], a.w[0], b.w[3], b.w[2],
                                              b.w[1], b.w[0], n.w[3], n.w[2], n.w[1], n.w[0]));
}

/* EVM MULMOD: (a * b) % n over 512 bits, zero for n == 0. */
HD_INL hd_u256 hd_u256_mulmod(hd_u256 a, hd_u256 b, hd_u256 n) {
    return hd_u256_scalar(hd_u256_mulmod_call(a.w[3], a.w[2], a.w[1], a.w[0], b.w[3], b.w[2],
                                              b.w[1], b.w[0], n.w[3], n.w[2], n.w[1], n.w[0]));
}

/* EVM EXP: base to the power of exponent modulo 2^256; 0^0 is 1. At most 256 rounds. */
HD_INL hd_u256 hd_u256_exp(hd_u256 base, hd_u256 exponent) {
    return hd_u256_scalar(hd_u256_exp_call(base.w[3], base.w[2], base.w[1], base.w[0],
                                           exponent.w[3], exponent.w[2], exponent.w[1],
                                           exponent.w[0]));
}

#endif
