/* hd_ripemd160.h - RIPEMD-160 (Dobbertin, Bosselaers, Preneel 1996) of a whole message, shared by
   host and device. */
#ifndef HD_RIPEMD160_H
#define HD_RIPEMD160_H

#include "base/hd_base.h"
#include "crypto/hd_unroll.h"

HD_INL uint32_t hd_ripemd160_rotl(uint32_t x, uint32_t n) { return x << n | x >> (32 - n); }

/* The five boolean functions; the right line uses them in reverse order. */
HD_INL uint32_t hd_ripemd160_f(uint32_t j, uint32_t x, uint32_t y, uint32_t z) {
    switch (j) {
    case 0: return x ^ y ^ z;
    case 1: return (x & y) | (~x & z);
    case 2: return (x | ~y) ^ z;
    case 3: return (x & z) | (y & ~z);
    default: return x ^ (y | ~z);
    }
}

/* Sixteen steps of one line. order and shift hold one nibble a step, read from the left; everything
   but the state is a constant at the call, so the unrolled loop has neither tables nor branches. */
HD_INL void hd_ripemd160_line(uint32_t s[5], const uint32_t w[16], uint32_t f, uint32_t k,
                              uint64_t order, uint64_t shift) {
    HD_UNROLL(16)
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t idx = (uint32_t)(order >> (60 - 4 * i)) & 15;
        uint32_t rot = (uint32_t)(shift >> (60 - 4 * i)) & 15;
        uint32_t t = s[0] + hd_ripemd160_f(f, s[1], s[2], s[3]) + w[idx] + k;
        t = hd_ripemd160_rotl(t, rot) + s[4];
        s[0] = s[4];
        s[4] = s[3];
        s[3] = hd_ripemd160_rotl(s[2], 10);
        s[2] = s[1];
        s[1] = t;
    }
}

HD_NOINL void hd_ripemd160_block(uint32_t h[5], const uint8_t p[64]) {
    uint32_t w[16], l[5], r[5];
    HD_UNROLL(16)
    for (uint32_t i = 0; i < 16; i++)
        w[i] = hd_load_le32(p + 4 * i);
    HD_UNROLL(5)
    for (uint32_t i = 0; i < 5; i++)
        l[i] = r[i] = h[i];
    hd_ripemd160_line(l, w, 0, 0x00000000, 0x0123456789abcdefull, 0xbefc5879bdef6798ull);
    hd_ripemd160_line(l, w, 1, 0x5a827999, 0x74d1a6f3c0952eb8ull, 0x768db97f7cf9b7dcull);
    hd_ripemd160_line(l, w, 2, 0x6ed9eba1, 0x3ae49f812706db5cull, 0xbd67e9dfe8d65c75ull);
    hd_ripemd160_line(l, w, 3, 0x8f1bbcdc, 0x19ba08c4d37fe562ull, 0xbcefef989e56865cull);
    hd_ripemd160_line(l, w, 4, 0xa953fd4e, 0x40597c2ae138b6fdull, 0x9f5b68dc5cdeb856ull);
    hd_ripemd160_line(r, w, 4, 0x50a28be6, 0x5e7092b4d6f81a3cull, 0x899bdff5778beec6ull);
    hd_ripemd160_line(r, w, 3, 0x5c4dd124, 0x6b370d5aef8c4912ull, 0x9df7c89b77c76fdbull);
    hd_ripemd160_line(r, w, 2, 0x6d703ef3, 0xf5137e69b8c2a04dull, 0x97fb866ecd5edd75ull);
    hd_ripemd160_line(r, w, 1, 0x7a6d76e9, 0x86413bf05c2d97aeull, 0xf58bee6e69c9c5f8ull);
    hd_ripemd160_line(r, w, 0, 0x00000000, 0xcfa4158762de039bull, 0x85c9c5e68d65fdbbull);
    uint32_t t = h[1] + l[2] + r[3];
    h[1] = h[2] + l[3] + r[4];
    h[2] = h[3] + l[4] + r[0];
    h[3] = h[4] + l[0] + r[1];
    h[4] = h[0] + l[1] + r[2];
    h[0] = t;
}

/* hd_ripemd160 writes the 20-byte digest of in[0,in_sz) to out. */
HD_NOINL void hd_ripemd160(uint8_t out[20], const uint8_t *in, size_t in_sz) {
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t last[128];
    size_t off = 0;
    for (; in_sz - off >= 64; off += 64)
        hd_ripemd160_block(h, in + off);
    size_t rest_sz = in_sz - off;
    size_t last_sz = rest_sz < 56 ? 64 : 128; /* as in SHA-256, but little-endian */
    hd_zero(last, sizeof last);
    if (rest_sz)
        hd_copy(last, in + off, rest_sz);
    last[rest_sz] = 0x80;
    hd_store_le64(last + last_sz - 8, (uint64_t)in_sz << 3);
    for (off = 0; off < last_sz; off += 64)
        hd_ripemd160_block(h, last + off);
    for (uint32_t i = 0; i < 5; i++)
        hd_store_le32(out + 4 * i, h[i]);
}

#endif
