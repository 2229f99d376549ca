/* hd_sha256.h - SHA-256 (FIPS 180-4) of a whole message, shared by host and device. */
#ifndef HD_SHA256_H
#define HD_SHA256_H

#include "base/hd_base.h"
#include "crypto/hd_unroll.h"

HD_INL uint32_t hd_sha256_rotr(uint32_t x, uint32_t n) { return x >> n | x << (32 - n); }

/* Absorbs one block of 64 bytes. The rounds are unrolled whole: the 16-word schedule then stays in
   registers and the round constants become immediates. */
HD_NOINL void hd_sha256_block(uint32_t h[8], const uint8_t p[64]) {
    HD_TABLE(uint32_t, k, 64) = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t w[16];
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], z = h[7];
    HD_UNROLL(64)
    for (uint32_t i = 0; i < 64; i++) {
        if (i < 16) {
            w[i & 15] = hd_load_be32(p + 4 * (i & 15));
        } else {
            uint32_t x = w[(i + 1) & 15], y = w[(i + 14) & 15];
            w[i & 15] += (hd_sha256_rotr(x, 7) ^ hd_sha256_rotr(x, 18) ^ x >> 3) + w[(i + 9) & 15] +
                         (hd_sha256_rotr(y, 17) ^ hd_sha256_rotr(y, 19) ^ y >> 10);
        }
        uint32_t t = z + (hd_sha256_rotr(e, 6) ^ hd_sha256_rotr(e, 11) ^ hd_sha256_rotr(e, 25)) +
                     (g ^ (e & (f ^ g))) + k[i] + w[i & 15];
        uint32_t u = (hd_sha256_rotr(a, 2) ^ hd_sha256_rotr(a, 13) ^ hd_sha256_rotr(a, 22)) +
                     ((a & b) | (c & (a | b)));
        z = g;
        g = f;
        f = e;
        e = d + t;
        d = c;
        c = b;
        b = a;
        a = t + u;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
    h[5] += f;
    h[6] += g;
    h[7] += z;
}

/* hd_sha256 writes the digest of in[0,in_sz) to out. */
HD_NOINL void hd_sha256(uint8_t out[32], const uint8_t *in, size_t in_sz) {
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t last[128];
    size_t off = 0;
    for (; in_sz - off >= 64; off += 64)
        hd_sha256_block(h, in + off);
    size_t rest_sz = in_sz - off;
    /* The 0x80 mark and the 8-byte bit count need 9 bytes: a second block when they do not fit. */
    size_t last_sz = rest_sz < 56 ? 64 : 128;
    hd_zero(last, sizeof last);
    if (rest_sz)
        hd_copy(last, in + off, rest_sz);
    last[rest_sz] = 0x80;
    hd_store_be64(last + last_sz - 8, (uint64_t)in_sz << 3);
    for (off = 0; off < last_sz; off += 64)
        hd_sha256_block(h, last + off);
    for (uint32_t i = 0; i < 8; i++)
        hd_store_be32(out + 4 * i, h[i]);
}

#endif
