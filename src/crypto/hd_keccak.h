/* hd_keccak.h - Keccak-256 as Ethereum uses it (rate 136, padding byte 0x01, not SHA-3's 0x06).

   A round reads one set of 25 lanes and writes another, and two rounds make one turn of the loop,
   so that no lane is copied and no array is indexed. The round is written once and expanded for
   three machines (HD_KECCAK_ROUND's first argument):
   GPU  chi's a ^ (~b & c) is one instruction.
   CPU  six lanes are kept complemented, which turns most of the "and not" into plain "or" and
        "and": one "not" a row remains.
   VL   x86-64 with AVX-512VL: each lane in the low half of its own vector register. 16 general
        registers cannot hold 25 lanes, 32 vector registers can; chi and three-way sums are one
        instruction and rotations are too. Found out at run time. */
#ifndef HD_KECCAK_H
#define HD_KECCAK_H

#include "base/hd_base.h"

#define HD_KECCAK_RATE_SZ 136

/* An unfinished hash: off bytes of the current block, below the rate, are already in s. */
typedef struct {
    uint64_t s[25];
    uint32_t off;
} hd_keccak;

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define HD_KECCAK_HAS_VL 1
#else
#define HD_KECCAK_HAS_VL 0
#endif

/* x turned left by n, 0 < n < 64. */
HD_INL uint64_t hd_keccak_rotl(uint64_t x, unsigned n) {
#if HD_ON_DEVICE
    uint32_t lo = (uint32_t)x, hi = (uint32_t)(x >> 32);
    uint32_t a = n & 32 ? hi : lo, b = n & 32 ? lo : hi;
    return (uint64_t)__funnelshift_l(a, b, n) << 32 | __funnelshift_l(b, a, n);
#else
    return x << n | x >> (64u - n);
#endif
}

HD_INL uint64_t hd_keccak_round_constant(int i) {
    HD_TABLE(uint64_t, rc, 24) = {
        0x0000000000000001u, 0x0000000000008082u, 0x800000000000808au, 0x8000000080008000u,
        0x000000000000808bu, 0x0000000080000001u, 0x8000000080008081u, 0x8000000000008009u,
        0x000000000000008au, 0x0000000000000088u, 0x0000000080008009u, 0x000000008000000au,
        0x000000008000808bu, 0x800000000000008bu, 0x8000000000008089u, 0x8000000000008003u,
        0x8000000000008002u, 0x8000000000000080u, 0x000000000000800au, 0x800000008000000au,
        0x8000000080008081u, 0x8000000000008080u, 0x0000000080000001u, 0x8000000080008008u};
    return rc[i];
}

/* ---- what a machine brings to the round ----
   XOR5 and ROTL; THETA, which declares what a column adds to its lanes, x ^ rotl(y, 1), and ADD,
   which adds it; CHI of each row, from b0..b4. VL keeps x and rotl(y, 1) apart, as a sum of three
   costs it no more than a sum of two; on a GPU that would cost six registers. */

#define HD_KECCAK_GPU_XOR5(a, b, c, d, e) ((a) ^ (b) ^ (c) ^ (d) ^ (e))
#define HD_KECCAK_GPU_ROTL(x, n) hd_keccak_rotl(x, n)
#define HD_KECCAK_GPU_THETA(lane, d, r, x, y) lane d = (x) ^ hd_keccak_rotl(y, 1)
#define HD_KECCAK_GPU_ADD(a, d, r) ((a) ^ (d))
#define HD_KECCAK_GPU_CHI0(e0, e1, e2, e3, e4) \
    e0 = b0 ^ (~b1 & b2); \
    e1 = b1 ^ (~b2 & b3); \
    e2 = b2 ^ (~b3 & b4); \
    e3 = b3 ^ (~b4 & b0); \
    e4 = b4 ^ (~b0 & b1)
#define HD_KECCAK_GPU_CHI1 HD_KECCAK_GPU_CHI0
#define HD_KECCAK_GPU_CHI2 HD_KECCAK_GPU_CHI0
#define HD_KECCAK_GPU_CHI3 HD_KECCAK_GPU_CHI0
#define HD_KECCAK_GPU_CHI4 HD_KECCAK_GPU_CHI0

/* These forms follow from which of b0..b4 are complemented when a row is read and which lanes have
   to be when it is written: 1, 2, 8, 12, 17 and 20. */
#define HD_KECCAK_CPU_XOR5 HD_KECCAK_GPU_XOR5
#define HD_KECCAK_CPU_ROTL HD_KECCAK_GPU_ROTL
#define HD_KECCAK_CPU_THETA HD_KECCAK_GPU_THETA
#define HD_KECCAK_CPU_ADD HD_KECCAK_GPU_ADD
#define HD_KECCAK_CPU_CHI0(e0, e1, e2, e3, e4) \
    e0 = b0 ^ (b1 | b2); \
    e1 = b1 ^ (~b2 | b3); \
    e2 = b2 ^ (b3 & b4); \
    e3 = b3 ^ (b4 | b0); \
    e4 = b4 ^ (b0 & b1)
#define HD_KECCAK_CPU_CHI1(e0, e1, e2, e3, e4) \
    e0 = b0 ^ (b1 | b2); \
    e1 = b1 ^ (b2 & b3); \
    e2 = b2 ^ (b3 | ~b4); \
    e3 = b3 ^ (b4 | b0); \
    e4 = b4 ^ (b0 & b1)
#define HD_KECCAK_CPU_CHI2(e0, e1, e2, e3, e4) \
    e0 = b0 ^ (b1 | b2); \
    e1 = b1 ^ (b2 & b3); \
    e2 = b2 ^ (~b3 & b4); \
    e3 = ~b3 ^ (b4 | b0); \
    e4 = b4 ^ (b0 & b1)
#define HD_KECCAK_CPU_CHI3(e0, e1, e2, e3, e4) \
    e0 = b0 ^ (b1 & b2); \
    e1 = b1 ^ (b2 | b3); \
    e2 = b2 ^ (~b3 | b4); \
    e3 = ~b3 ^ (b4 & b0); \
    e4 = b4 ^ (b0 | b1)
#define HD_KECCAK_CPU_CHI4(e0, e1, e2, e3, e4) \
    e0 = b0 ^ (~b1 & b2); \
    e1 = ~b1 ^ (b2 | b3); \
    e2 = b2 ^ (b3 & b4); \
    e3 = b3 ^ (b4 | b0); \
    e4 = b4 ^ (b0 & b1)

#if HD_KECCAK_HAS_VL
/* In assembly, since gcc 12 makes ternary logic of some of these forms only. The immediates are
   truth tables: 0x96 is a ^ b ^ c, 0xd2 is a ^ (~b & c). */
typedef uint64_t hd_keccak_vec __attribute__((vector_size(16)));
typedef uint64_t hd_keccak_vec8 __attribute__((vector_size(64)));
#define HD_KECCAK_VL_XOR5(a, b, c, d, e) \
    __extension__({ \
        __typeof__(a) t_ = (a); \
        __asm__("vpternlogq $0x96, %2, %1, %0" : "+v"(t_) : "v"(b), "v"(c)); \
        __asm__("vpternlogq $0x96, %2, %1, %0" : "+v"(t_) : "v"(d), "v"(e)); \
        t_; \
    })
#define HD_KECCAK_VL_ROTL(x, n) \
    __extension__({ \
        __typeof__(x) t_; \
        __asm__("vprolq %2, %1, %0" : "=v"(t_) : "v"(x), "i"(n)); \
        t_; \
    })
#define HD_KECCAK_VL_THETA(lane, d, r, x, y) lane d = x, r = HD_KECCAK_VL_ROTL(y, 1)
#define HD_KECCAK_VL_ADD(a, d, r) \
    __extension__({ \
        __typeof__(a) t_ = (a); \
        __asm__("vpternlogq $0x96, %2, %1, %0" : "+v"(t_) : "v"(d), "vm"(r)); \
        t_; \
    })
#define HD_KECCAK_VL_AND_NOT(e, a, b, c) \
    e = a; \
    __asm__("vpternlogq $0xd2, %2, %1, %0" : "+v"(e) : "v"(b), "v"(c))
#define HD_KECCAK_VL_CHI0(e0, e1, e2, e3, e4) \
    HD_KECCAK_VL_AND_NOT(e0, b0, b1, b2); \
    HD_KECCAK_VL_AND_NOT(e1, b1, b2, b3); \
    HD_KECCAK_VL_AND_NOT(e2, b2, b3, b4); \
    HD_KECCAK_VL_AND_NOT(e3, b3, b4, b0); \
    HD_KECCAK_VL_AND_NOT(e4, b4, b0, b1)
#define HD_KECCAK_VL_CHI1 HD_KECCAK_VL_CHI0
#define HD_KECCAK_VL_CHI2 HD_KECCAK_VL_CHI0
#define HD_KECCAK_VL_CHI3 HD_KECCAK_VL_CHI0
#define HD_KECCAK_VL_CHI4 HD_KECCAK_VL_CHI0
#endif

/* ---- theta, rho, pi, chi and iota, from the lanes a0..a24 to the lanes e0..e24 ---- */

#define HD_KECCAK_ROUND(m, lane, a, e, rc) \
    do { \
        lane c0 = HD_KECCAK_##m##_XOR5(a##0, a##5, a##10, a##15, a##20); \
        lane c1 = HD_KECCAK_##m##_XOR5(a##1, a##6, a##11, a##16, a##21); \
        lane c2 = HD_KECCAK_##m##_XOR5(a##2, a##7, a##12, a##17, a##22); \
        lane c3 = HD_KECCAK_##m##_XOR5(a##3, a##8, a##13, a##18, a##23); \
        lane c4 = HD_KECCAK_##m##_XOR5(a##4, a##9, a##14, a##19, a##24); \
        HD_KECCAK_##m##_THETA(lane, d0, r0, c4, c1); \
        HD_KECCAK_##m##_THETA(lane, d1, r1, c0, c2); \
        HD_KECCAK_##m##_THETA(lane, d2, r2, c1, c3); \
        HD_KECCAK_##m##_THETA(lane, d3, r3, c2, c4); \
        HD_KECCAK_##m##_THETA(lane, d4, r4, c3, c0); \
        lane b0, b1, b2, b3, b4; \
        b0 = HD_KECCAK_##m##_ADD(a##0, d0, r0); \
        b1 = HD_KECCAK_##m##_ADD(a##6, d1, r1); \
        b1 = HD_KECCAK_##m##_ROTL(b1, 44); \
        b2 = HD_KECCAK_##m##_ADD(a##12, d2, r2); \
        b2 = HD_KECCAK_##m##_ROTL(b2, 43); \
        b3 = HD_KECCAK_##m##_ADD(a##18, d3, r3); \
        b3 = HD_KECCAK_##m##_ROTL(b3, 21); \
        b4 = HD_KECCAK_##m##_ADD(a##24, d4, r4); \
        b4 = HD_KECCAK_##m##_ROTL(b4, 14); \
        HD_KECCAK_##m##_CHI0(e##0, e##1, e##2, e##3, e##4); \
        e##0 ^= (rc); \
        b0 = HD_KECCAK_##m##_ADD(a##3, d3, r3); \
        b0 = HD_KECCAK_##m##_ROTL(b0, 28); \
        b1 = HD_KECCAK_##m##_ADD(a##9, d4, r4); \
        b1 = HD_KECCAK_##m##_ROTL(b1, 20); \
        b2 = HD_KECCAK_##m##_ADD(a##10, d0, r0); \
        b2 = HD_KECCAK_##m##_ROTL(b2, 3); \
        b3 = HD_KECCAK_##m##_ADD(a##16, d1, r1); \
        b3 = HD_KECCAK_##m##_ROTL(b3, 45); \
        b4 = HD_KECCAK_##m##_ADD(a##22, d2, r2); \
        b4 = HD_KECCAK_##m##_ROTL(b4, 61); \
        HD_KECCAK_##m##_CHI1(e##5, e##6, e##7, e##8, e##9); \
        b0 = HD_KECCAK_##m##_ADD(a##1, d1, r1); \
        b0 = HD_KECCAK_##m##_ROTL(b0, 1); \
        b1 = HD_KECCAK_##m##_ADD(a##7, d2, r2); \
        b1 = HD_KECCAK_##m##_ROTL(b1, 6); \
        b2 = HD_KECCAK_##m##_ADD(a##13, d3, r3); \
        b2 = HD_KECCAK_##m##_ROTL(b2, 25); \
        b3 = HD_KECCAK_##m##_ADD(a##19, d4, r4); \
        b3 = HD_KECCAK_##m##_ROTL(b3, 8); \
        b4 = HD_KECCAK_##m##_ADD(a##20, d0, r0); \
        b4 = HD_KECCAK_##m##_ROTL(b4, 18); \
        HD_KECCAK_##m##_CHI2(e##10, e##11, e##12, e##13, e##14); \
        b0 = HD_KECCAK_##m##_ADD(a##4, d4, r4); \
        b0 = HD_KECCAK_##m##_ROTL(b0, 27); \
        b1 = HD_KECCAK_##m##_ADD(a##5, d0, r0); \
        b1 = HD_KECCAK_##m##_ROTL(b1, 36); \
        b2 = HD_KECCAK_##m##_ADD(a##11, d1, r1); \
        b2 = HD_KECCAK_##m##_ROTL(b2, 10); \
        b3 = HD_KECCAK_##m##_ADD(a##17, d2, r2); \
        b3 = HD_KECCAK_##m##_ROTL(b3, 15); \
        b4 = HD_KECCAK_##m##_ADD(a##23, d3, r3); \
        b4 = HD_KECCAK_##m##_ROTL(b4, 56); \
        HD_KECCAK_##m##_CHI3(e##15, e##16, e##17, e##18, e##19); \
        b0 = HD_KECCAK_##m##_ADD(a##2, d2, r2); \
        b0 = HD_KECCAK_##m##_ROTL(b0, 62); \
        b1 = HD_KECCAK_##m##_ADD(a##8, d3, r3); \
        b1 = HD_KECCAK_##m##_ROTL(b1, 55); \
        b2 = HD_KECCAK_##m##_ADD(a##14, d4, r4); \
        b2 = HD_KECCAK_##m##_ROTL(b2, 39); \
        b3 = HD_KECCAK_##m##_ADD(a##15, d0, r0); \
        b3 = HD_KECCAK_##m##_ROTL(b3, 41); \
        b4 = HD_KECCAK_##m##_ADD(a##21, d1, r1); \
        b4 = HD_KECCAK_##m##_ROTL(b4, 2); \
        HD_KECCAK_##m##_CHI4(e##20, e##21, e##22, e##23, e##24); \
    } while (0)

/* The same statement for all 25 lanes. */
/* clang-format off */
#define HD_KECCAK_EACH(X) \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) \
    X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24)
/* clang-format on */
#define HD_KECCAK_LOAD(k) uint64_t a##k = s[k], e##k;
#define HD_KECCAK_STORE(k) s[k] = a##k;

#if HD_KECCAK_HAS_VL
#define HD_KECCAK_VL_LOAD(k) hd_keccak_vec a##k = {s[k], 0}, e##k;
#define HD_KECCAK_VL_STORE(k) s[k] = a##k[0];
__attribute__((noinline, unused, target("avx512f,avx512vl"))) static void
hd_keccak_f1600_vl(uint64_t s[25]) {
    HD_KECCAK_EACH(HD_KECCAK_VL_LOAD)
    for (int i = 0; i < 24; i += 2) {
        hd_keccak_vec rc0 = {hd_keccak_round_constant(i), 0};
        hd_keccak_vec rc1 = {hd_keccak_round_constant(i + 1), 0};
        HD_KECCAK_ROUND(VL, hd_keccak_vec, a, e, rc0);
        HD_KECCAK_ROUND(VL, hd_keccak_vec, e, a, rc1);
    }
    HD_KECCAK_EACH(HD_KECCAK_VL_STORE)
}
#undef HD_KECCAK_VL_LOAD
#undef HD_KECCAK_VL_STORE

/* Eight permutations at once, s[k] being lane k of each: the same code with whole registers. For
   machines where hd_keccak_is_x8. */
#define HD_KECCAK_X8_LOAD(k) hd_keccak_vec8 a##k = s[k], e##k;
#define HD_KECCAK_X8_STORE(k) s[k] = a##k;
__attribute__((noinline, unused, target("avx512f,avx512vl"))) static void
hd_keccak_f1600_x8(hd_keccak_vec8 s[25]) {
    HD_KECCAK_EACH(HD_KECCAK_X8_LOAD)
    for (int i = 0; i < 24; i += 2) {
        uint64_t k0 = hd_keccak_round_constant(i), k1 = hd_keccak_round_constant(i + 1);
        hd_keccak_vec8 rc0 = {k0, k0, k0, k0, k0, k0, k0, k0};
        hd_keccak_vec8 rc1 = {k1, k1, k1, k1, k1, k1, k1, k1};
        HD_KECCAK_ROUND(VL, hd_keccak_vec8, a, e, rc0);
        HD_KECCAK_ROUND(VL, hd_keccak_vec8, e, a, rc1);
    }
    HD_KECCAK_EACH(HD_KECCAK_X8_STORE)
}
#undef HD_KECCAK_X8_LOAD
#undef HD_KECCAK_X8_STORE

HD_INL int hd_keccak_is_x8(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}
#endif

/* The permutation for any machine, in place. */
HD_INL void hd_keccak_f1600_plain(uint64_t s[25]) {
    HD_KECCAK_EACH(HD_KECCAK_LOAD)
#if HD_ON_DEVICE
#pragma unroll 1
    for (int i = 0; i < 24; i += 2) {
        HD_KECCAK_ROUND(GPU, uint64_t, a, e, hd_keccak_round_constant(i));
        HD_KECCAK_ROUND(GPU, uint64_t, e, a, hd_keccak_round_constant(i + 1));
    }
#else
    a1 = ~a1;
    a2 = ~a2;
    a8 = ~a8;
    a12 = ~a12;
    a17 = ~a17;
    a20 = ~a20;
    for (int i = 0; i < 24; i += 2) {
        HD_KECCAK_ROUND(CPU, uint64_t, a, e, hd_keccak_round_constant(i));
        HD_KECCAK_ROUND(CPU, uint64_t, e, a, hd_keccak_round_constant(i + 1));
    }
    a1 = ~a1;
    a2 = ~a2;
    a8 = ~a8;
    a12 = ~a12;
    a17 = ~a17;
    a20 = ~a20;
#endif
    HD_KECCAK_EACH(HD_KECCAK_STORE)
}

/* The permutation, in place, the fastest way that this machine has. */
HD_NOINL void hd_keccak_f1600(uint64_t s[25]) {
#if HD_KECCAK_HAS_VL
    if (__builtin_cpu_supports("avx512vl")) {
        hd_keccak_f1600_vl(s);
        return;
    }
#endif
    hd_keccak_f1600_plain(s);
}

#undef HD_KECCAK_ROUND
#undef HD_KECCAK_EACH
#undef HD_KECCAK_LOAD
#undef HD_KECCAK_STORE

HD_INL void hd_keccak_init(hd_keccak *k) {
    for (int i = 0; i < 25; i++)
        k->s[i] = 0;
    k->off = 0;
}

/* Adds in[0,sz); any number of calls. */
HD_NOINL void hd_keccak_update(hd_keccak *k, const uint8_t *in, size_t sz) {
    uint32_t off = k->off;
    while (sz > 0) {
        if ((off & 7) == 0 && sz >= 8) {
            k->s[off >> 3] ^= hd_load_le64(in);
            in += 8;
            sz -= 8;
            off += 8;
        } else {
            k->s[off >> 3] ^= (uint64_t)*in << (8 * (off & 7));
            in++;
            sz--;
            off++;
        }
        if (off == HD_KECCAK_RATE_SZ) {
            hd_keccak_f1600(k->s);
            off = 0;
        }
    }
    k->off = off;
}

/* Writes the hash; k must be initialised again before it is used again. */
HD_NOINL void hd_keccak_final(hd_keccak *k, uint8_t out[32]) {
    k->s[k->off >> 3] ^= (uint64_t)1 << (8 * (k->off & 7));
    k->s[HD_KECCAK_RATE_SZ / 8 - 1] ^= 0x8000000000000000u;
    hd_keccak_f1600(k->s);
    for (int i = 0; i < 4; i++)
        hd_store_le64(out + 8 * i, k->s[i]);
}

/* out = keccak256(in[0,sz)). out may overlap in. */
HD_NOINL void hd_keccak256(uint8_t out[32], const uint8_t *in, size_t sz) {
    hd_keccak k;
    hd_keccak_init(&k);
    hd_keccak_update(&k, in, sz);
    hd_keccak_final(&k, out);
}

#endif
