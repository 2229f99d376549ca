/* hd_blake2f.h - the BLAKE2b compression function with a given number of rounds (RFC 7693,
   EIP-152), shared by host and device. */
#ifndef HD_BLAKE2F_H
#define HD_BLAKE2F_H

#include "base/hd_base.h"
#include "crypto/hd_unroll.h"

#define HD_BLAKE2F_IN_SZ 213u /* rounds 4, h 64, m 128, t 16, final 1 */

HD_INL uint64_t hd_blake2f_rotr(uint64_t x, uint32_t n) { return x >> n | x << (64 - n); }

HD_INL void hd_blake2f_mix(uint64_t v[16], uint32_t a, uint32_t b, uint32_t c, uint32_t d,
                           uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = hd_blake2f_rotr(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = hd_blake2f_rotr(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = hd_blake2f_rotr(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = hd_blake2f_rotr(v[b] ^ v[c], 63);
}

/* One round; the message order is one nibble an entry, read from the left, and constant at each
   call, so that v and m stay in registers. */
HD_INL void hd_blake2f_round(uint64_t v[16], const uint64_t m[16], uint64_t order) {
    hd_blake2f_mix(v, 0, 4, 8, 12, m[order >> 60 & 15], m[order >> 56 & 15]);
    hd_blake2f_mix(v, 1, 5, 9, 13, m[order >> 52 & 15], m[order >> 48 & 15]);
    hd_blake2f_mix(v, 2, 6, 10, 14, m[order >> 44 & 15], m[order >> 40 & 15]);
    hd_blake2f_mix(v, 3, 7, 11, 15, m[order >> 36 & 15], m[order >> 32 & 15]);
    hd_blake2f_mix(v, 0, 5, 10, 15, m[order >> 28 & 15], m[order >> 24 & 15]);
    hd_blake2f_mix(v, 1, 6, 11, 12, m[order >> 20 & 15], m[order >> 16 & 15]);
    hd_blake2f_mix(v, 2, 7, 8, 13, m[order >> 12 & 15], m[order >> 8 & 15]);
    hd_blake2f_mix(v, 3, 4, 9, 14, m[order >> 4 & 15], m[order & 15]);
}

/* hd_blake2f compresses block m into h with offset counter t. is_final is 0 or 1. */
HD_NOINL void hd_blake2f(uint64_t h[8], const uint64_t m[16], const uint64_t t[2],
                         uint32_t is_final, uint32_t round_cnt) {
    uint64_t v[16];
    HD_UNROLL(8)
    for (uint32_t i = 0; i < 8; i++)
        v[i] = h[i];
    v[8] = 0x6a09e667f3bcc908ull;
    v[9] = 0xbb67ae8584caa73bull;
    v[10] = 0x3c6ef372fe94f82bull;
    v[11] = 0xa54ff53a5f1d36f1ull;
    v[12] = 0x510e527fade682d1ull ^ t[0];
    v[13] = 0x9b05688c2b3e6c1full ^ t[1];
    v[14] = 0x1f83d9abfb41bd6bull ^ (0 - (uint64_t)(is_final & 1));
    v[15] = 0x5be0cd19137e2179ull;
    /* Ten permutations of the message, used in turn. */
    for (uint32_t left = round_cnt; left;) {
        hd_blake2f_round(v, m, 0x0123456789abcdefull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0xea489fd61c02b753ull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0xb8c052fdae367194ull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0x7931dcbe265a40f8ull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0x905724afe1bc683dull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0x2c6a0b834d75fe19ull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0xc51fed4a0763928bull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0xdb7ec13950f4862aull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0x6fe9b308c2d714a5ull);
        if (!--left)
            break;
        hd_blake2f_round(v, m, 0xa2847615fb9e3cd0ull);
        left--;
    }
    HD_UNROLL(8)
    for (uint32_t i = 0; i < 8; i++)
        h[i] ^= v[i] ^ v[i + 8];
}

/* hd_blake2f_run is precompile 9: 213 bytes in, 64 bytes out. Returns 1, or 0 when the final flag
   is neither 0 nor 1. */
HD_INL int hd_blake2f_run(uint8_t out[64], const uint8_t in[213]) {
    uint64_t h[8], m[16], t[2];
    if (in[212] > 1)
        return 0;
    HD_UNROLL(8)
    for (uint32_t i = 0; i < 8; i++)
        h[i] = hd_load_le64(in + 4 + 8 * i);
    HD_UNROLL(16)
    for (uint32_t i = 0; i < 16; i++)
        m[i] = hd_load_le64(in + 68 + 8 * i);
    t[0] = hd_load_le64(in + 196);
    t[1] = hd_load_le64(in + 204);
    hd_blake2f(h, m, t, in[212], hd_load_be32(in));
    HD_UNROLL(8)
    for (uint32_t i = 0; i < 8; i++)
        hd_store_le64(out + 8 * i, h[i]);
    return 1;
}

#endif
