/* hd_lane.h - a lane: the memory in which one transaction runs, and how its parts are reached.

   A lane is a row of 16-byte units. HD_LANE_TILE lanes lie interleaved: unit u of lane l of a tile
   is at tile + (u * HD_LANE_TILE + l) * 16, so that a warp whose lanes touch the same unit touches
   adjacent memory (measured on an H100: 2.7 times the speed of contiguous lanes). The includer
   defines HD_LANE_TILE: 1 (a lane is contiguous: the CPU) or 32 (the device, and the CPU in tests).
   Behind the interleaved part of a tile each lane has a contiguous part, `linear`, for code made at
   run time.

   Regions, in units: header, frames, stack, EVM memory of all frames one above the other, the
   return buffer, accounts, slots (persistent and transient), the journal, logs, the two hash
   indexes, and for tagged runs the stack's tags and the slots' slack. A region that is too small
   stops the lane with HD_STOP_NEED_MEMORY: it runs again in a larger class. Needs: hd_evm.h. */
#ifndef HD_LANE_H
#define HD_LANE_H

#include "evm/hd_evm.h"

#ifndef HD_LANE_TILE
#error "define HD_LANE_TILE (1 or 32) before including hd_lane.h"
#endif

#define HD_LANE_STEP ((size_t)16 * HD_LANE_TILE) /* bytes from a unit to the next */
#define HD_WORD_STEP (2 * HD_LANE_STEP)          /* bytes from a word to the next */

#include "evm/hd_lane_class.h"

HD_INL uint8_t *hd_unit(uint8_t *base, uint32_t unit) { return base + (size_t)unit * HD_LANE_STEP; }

/* ---- 16 and 32 bytes at a unit ---- */
typedef struct {
    uint64_t a, b;
} hd_unit_pair;

HD_INL hd_unit_pair hd_unit_get(const uint8_t *p) {
    hd_unit_pair r;
#if HD_ON_DEVICE
    ulonglong2 v = *(const ulonglong2 *)(const void *)p;
    r.a = v.x;
    r.b = v.y;
#else
    hd_copy(&r, p, 16);
#endif
    return r;
}

HD_INL void hd_unit_set(uint8_t *p, uint64_t a, uint64_t b) {
#if HD_ON_DEVICE
    *(ulonglong2 *)(void *)p = make_ulonglong2(a, b);
#else
    hd_unit_pair r;
    r.a = a;
    r.b = b;
    hd_copy(p, &r, 16);
#endif
}

HD_INL uint32_t hd_u32_get(const uint8_t *p, uint32_t idx) {
#if HD_ON_DEVICE
    return ((const uint32_t *)(const void *)p)[idx];
#else
    uint32_t x;
    hd_copy(&x, p + 4 * idx, 4);
    return x;
#endif
}

HD_INL void hd_u32_set(uint8_t *p, uint32_t idx, uint32_t x) {
#if HD_ON_DEVICE
    ((uint32_t *)(void *)p)[idx] = x;
#else
    hd_copy(p + 4 * idx, &x, 4);
#endif
}

HD_INL uint64_t hd_u64_get(const uint8_t *p, uint32_t idx) {
#if HD_ON_DEVICE
    return ((const uint64_t *)(const void *)p)[idx];
#else
    uint64_t x;
    hd_copy(&x, p + 8 * idx, 8);
    return x;
#endif
}

HD_INL void hd_u64_set(uint8_t *p, uint32_t idx, uint64_t x) {
#if HD_ON_DEVICE
    ((uint64_t *)(void *)p)[idx] = x;
#else
    hd_copy(p + 8 * idx, &x, 8);
#endif
}

HD_INL hd_u256 hd_word_get(const uint8_t *p) {
    hd_u256 r;
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    /* Limb by limb: a 16-byte load behind four 8-byte stores waits for all of them to retire. */
    r.w[0] = hd_u64_get(p, 0);
    r.w[1] = hd_u64_get(p, 1);
    r.w[2] = hd_u64_get(p, 2);
    r.w[3] = hd_u64_get(p, 3);
#else
    hd_unit_pair lo = hd_unit_get(p), hi = hd_unit_get(p + HD_LANE_STEP);
    r.w[0] = lo.a;
    r.w[1] = lo.b;
    r.w[2] = hi.a;
    r.w[3] = hi.b;
#endif
    return r;
}

HD_INL void hd_word_set(uint8_t *p, hd_u256 x) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    hd_u64_set(p, 0, x.w[0]);
    hd_u64_set(p, 1, x.w[1]);
    hd_u64_set(p, 2, x.w[2]);
    hd_u64_set(p, 3, x.w[3]);
#else
    hd_unit_set(p, x.w[0], x.w[1]);
    hd_unit_set(p + HD_LANE_STEP, x.w[2], x.w[3]);
#endif
}

/* A struct of whole units, in and out of the lane. */
HD_INL void hd_units_load(void *dst, const uint8_t *p, uint32_t unit_cnt) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    hd_copy(dst, p, (size_t)unit_cnt * 16);
#elif !defined(__CUDACC__)
    for (uint32_t i = 0; i < unit_cnt; i++)
        hd_copy((uint8_t *)dst + 16 * i, p + (size_t)i * HD_LANE_STEP, 16);
#else
    for (uint32_t i = 0; i < unit_cnt; i++) {
        hd_unit_pair v = hd_unit_get(p + (size_t)i * HD_LANE_STEP);
        ((uint64_t *)dst)[2 * i] = v.a;
        ((uint64_t *)dst)[2 * i + 1] = v.b;
    }
#endif
}

HD_INL void hd_units_store(uint8_t *p, const void *src, uint32_t unit_cnt) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    hd_copy(p, src, (size_t)unit_cnt * 16);
#elif !defined(__CUDACC__)
    for (uint32_t i = 0; i < unit_cnt; i++)
        hd_copy(p + (size_t)i * HD_LANE_STEP, (const uint8_t *)src + 16 * i, 16);
#else
    for (uint32_t i = 0; i < unit_cnt; i++)
        hd_unit_set(p + (size_t)i * HD_LANE_STEP, ((const uint64_t *)src)[2 * i],
                    ((const uint64_t *)src)[2 * i + 1]);
#endif
}

/* ---- bytes: `m` is the first unit of a region, `a` a byte address in it ---- */
HD_INL uint8_t *hd_byte_ptr(uint8_t *m, uint32_t a) {
#if HD_LANE_TILE == 1
    return m + a;
#else
    return m + (size_t)(a >> 4) * HD_LANE_STEP + (a & 15);
#endif
}

/* Eight bytes at any address, first byte least significant. */
HD_INL uint64_t hd_bytes_get64(uint8_t *m, uint32_t a) {
#if HD_LANE_TILE == 1
    return hd_load_le64(m + a);
#else
    uint32_t r = a & 7;
    uint64_t lo = hd_u64_get(hd_byte_ptr(m, a & ~7u), 0);
    if (r == 0)
        return lo;
    uint64_t hi = hd_u64_get(hd_byte_ptr(m, (a & ~7u) + 8), 0);
    return lo >> (8 * r) | hi << (64 - 8 * r);
#endif
}

/* 32 bytes at any address as a big-endian number. */
HD_INL hd_u256 hd_bytes_get_word(uint8_t *m, uint32_t a) {
    hd_u256 r;
#if HD_LANE_TILE != 1
    if ((a & 15) == 0) {
        uint8_t *p = hd_byte_ptr(m, a);
        hd_unit_pair hi = hd_unit_get(p), lo = hd_unit_get(p + HD_LANE_STEP);
        r.w[3] = hd_bswap64(hi.a);
        r.w[2] = hd_bswap64(hi.b);
        r.w[1] = hd_bswap64(lo.a);
        r.w[0] = hd_bswap64(lo.b);
        return r;
    }
#endif
    r.w[3] = hd_bswap64(hd_bytes_get64(m, a));
    r.w[2] = hd_bswap64(hd_bytes_get64(m, a + 8));
    r.w[1] = hd_bswap64(hd_bytes_get64(m, a + 16));
    r.w[0] = hd_bswap64(hd_bytes_get64(m, a + 24));
    return r;
}

HD_INL void hd_bytes_set64(uint8_t *m, uint32_t a, uint64_t x) {
#if HD_LANE_TILE == 1
    hd_store_le64(m + a, x);
#else
    if ((a & 7) == 0) {
        hd_u64_set(hd_byte_ptr(m, a), 0, x);
    } else if ((a & 3) == 0) {
        hd_u32_set(hd_byte_ptr(m, a), 0, (uint32_t)x);
        hd_u32_set(hd_byte_ptr(m, a + 4), 0, (uint32_t)(x >> 32));
    } else {
        for (uint32_t i = 0; i < 8; i++)
            *hd_byte_ptr(m, a + i) = (uint8_t)(x >> (8 * i));
    }
#endif
}

HD_INL void hd_bytes_set_word(uint8_t *m, uint32_t a, hd_u256 x) {
#if HD_LANE_TILE != 1
    if ((a & 15) == 0) {
        uint8_t *p = hd_byte_ptr(m, a);
        hd_unit_set(p, hd_bswap64(x.w[3]), hd_bswap64(x.w[2]));
        hd_unit_set(p + HD_LANE_STEP, hd_bswap64(x.w[1]), hd_bswap64(x.w[0]));
        return;
    }
#endif
    hd_bytes_set64(m, a, hd_bswap64(x.w[3]));
    hd_bytes_set64(m, a + 8, hd_bswap64(x.w[2]));
    hd_bytes_set64(m, a + 16, hd_bswap64(x.w[1]));
    hd_bytes_set64(m, a + 24, hd_bswap64(x.w[0]));
}

/* Plain bytes into a region. */
HD_NOINL void hd_bytes_put(uint8_t *m, uint32_t a, const uint8_t *src, uint32_t sz) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    if (sz)
        hd_copy(m + a, src, sz);
#else
    uint32_t i = 0;
    for (; i < sz && ((a + i) & 7); i++)
        *hd_byte_ptr(m, a + i) = src[i];
    for (; i + 8 <= sz; i += 8)
        hd_u64_set(hd_byte_ptr(m, a + i), 0, hd_load_le64(src + i));
    for (; i < sz; i++)
        *hd_byte_ptr(m, a + i) = src[i];
#endif
}

/* A region's bytes out to plain memory. */
HD_NOINL void hd_bytes_take(uint8_t *dst, uint8_t *m, uint32_t a, uint32_t sz) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    if (sz)
        hd_copy(dst, m + a, sz);
#else
    uint32_t i = 0;
    for (; i + 8 <= sz; i += 8)
        hd_store_le64(dst + i, hd_bytes_get64(m, a + i));
    for (; i < sz; i++)
        dst[i] = *hd_byte_ptr(m, a + i);
#endif
}

/* Between two regions that do not overlap (or from above to below: it copies upwards). */
HD_NOINL void hd_bytes_move(uint8_t *m_dst, uint32_t a, uint8_t *m_src, uint32_t b, uint32_t sz) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    if (sz)
        __builtin_memmove(m_dst + a, m_src + b, sz);
#else
    uint32_t i = 0;
    for (; i < sz && ((a + i) & 7); i++)
        *hd_byte_ptr(m_dst, a + i) = *hd_byte_ptr(m_src, b + i);
    for (; i + 8 <= sz; i += 8)
        hd_u64_set(hd_byte_ptr(m_dst, a + i), 0, hd_bytes_get64(m_src, b + i));
    for (; i < sz; i++)
        *hd_byte_ptr(m_dst, a + i) = *hd_byte_ptr(m_src, b + i);
#endif
}

/* The same from the end downwards, for a destination above an overlapping source. */
HD_NOINL void hd_bytes_move_down(uint8_t *m, uint32_t a, uint32_t b, uint32_t sz) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    if (sz)
        __builtin_memmove(m + a, m + b, sz);
#else
    uint32_t i = sz;
    for (; i > 0 && ((a + i) & 7); i--)
        *hd_byte_ptr(m, a + i - 1) = *hd_byte_ptr(m, b + i - 1);
    for (; i >= 8; i -= 8)
        hd_u64_set(hd_byte_ptr(m, a + i - 8), 0, hd_bytes_get64(m, b + i - 8));
    for (; i > 0; i--)
        *hd_byte_ptr(m, a + i - 1) = *hd_byte_ptr(m, b + i - 1);
#endif
}

HD_NOINL void hd_bytes_zero(uint8_t *m, uint32_t a, uint32_t sz) {
#if HD_LANE_TILE == 1 && !HD_ON_DEVICE
    if (sz)
        hd_zero(m + a, sz);
#else
    uint32_t i = 0;
    for (; i < sz && ((a + i) & 15); i++)
        *hd_byte_ptr(m, a + i) = 0;
    for (; i + 16 <= sz; i += 16)
        hd_unit_set(hd_byte_ptr(m, a + i), 0, 0);
    for (; i < sz; i++)
        *hd_byte_ptr(m, a + i) = 0;
#endif
}

#endif
