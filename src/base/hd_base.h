/* hd_base.h - the language floor: fixed types, error codes, asserts, and the macros that let one
   source be C11 on the host and CUDA C++17 on the device.

   Freestanding: only <stdint.h> and <stddef.h>. Everything here may be used in shared (HD_FN) code.

   HD_FN      marks a function that runs on host and device.
   HD_INL     static inline HD_FN, inlined where it pays.
   HD_NOINL   static HD_FN, never inlined (field functions, cold paths): keeps kernels compilable.
   HD_ON_DEVICE is 1 while nvcc compiles the device side, else 0.
   HD_TABLE(type, name, cnt) opens a read-only table at function scope:
       HD_TABLE(uint32_t, k, 4) = {1, 2, 3, 4};
   (file-scope const arrays do not exist on the device). */
#ifndef HD_BASE_H
#define HD_BASE_H

#include <stddef.h>
#include <stdint.h>

/* Our machine failed (design section 7): HD_OK or negative, must be checked. */
typedef int hd_err;
#define HD_OK 0
#define HD_ERR_NOMEM (-1)       /* memory that we could not get */
#define HD_ERR_LIMIT (-2)       /* a named HD_..._MAX or a given buffer is too small */
#define HD_ERR_FORMAT (-3)      /* malformed input */
#define HD_ERR_IO (-4)          /* the operating system refused */
#define HD_ERR_CORRUPT (-5)     /* our own data is damaged */
#define HD_ERR_UNSUPPORTED (-6) /* a fork, type or device we do not know */
#define HD_ERR_DEVICE (-7)      /* the GPU or its driver failed */
#define HD_ERR_ABSENT (-8)      /* not there: key, file or device */

#if defined(__CUDA_ARCH__)
#define HD_ON_DEVICE 1
#else
#define HD_ON_DEVICE 0
#endif

#if defined(__CUDACC__)
#define HD_FN __host__ __device__
#define HD_INL static __host__ __device__ __forceinline__
#define HD_NOINL static __host__ __device__ __noinline__ __attribute__((unused))
#else
#define HD_FN
#define HD_INL static inline __attribute__((always_inline, unused))
#define HD_NOINL static __attribute__((noinline, unused))
#endif

#define HD_TABLE(type, name, cnt) static const type name[cnt]

#if defined(__GNUC__) || defined(__clang__)
#define HD_LIKELY(x) __builtin_expect(!!(x), 1)
#define HD_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define HD_LIKELY(x) (x)
#define HD_UNLIKELY(x) (x)
#endif

/* HD_ASSERT: a programmer's mistake stops the program. It exists in verify builds (HD_VERIFY) of
   host code only: shared code must not depend on it. */
#if defined(HD_VERIFY) && !HD_ON_DEVICE && !defined(__CUDACC__)
#define HD_ASSERT(x) ((x) ? (void)0 : __builtin_trap())
#else
#define HD_ASSERT(x) ((void)0)
#endif

#ifdef __cplusplus
#define HD_STATIC_ASSERT(x, text) static_assert(x, text)
#else
#define HD_STATIC_ASSERT(x, text) _Static_assert(x, text)
#endif

#define HD_MIN(a, b) ((a) < (b) ? (a) : (b))
#define HD_MAX(a, b) ((a) > (b) ? (a) : (b))

/* 20 and 32 bytes as on the wire (big-endian numbers, hashes). */
typedef struct {
    uint8_t b[20];
} hd_address;

typedef struct {
    uint8_t b[32];
} hd_hash;

HD_STATIC_ASSERT(sizeof(hd_address) == 20 && sizeof(hd_hash) == 32, "wire types have no padding");

/* hd_copy and hd_zero are memcpy and memset(0) without a libc; ranges must not overlap. */
HD_INL void hd_copy(void *dst, const void *src, size_t sz) {
#if HD_ON_DEVICE || defined(__CUDACC__)
    for (size_t i = 0; i < sz; i++)
        ((uint8_t *)dst)[i] = ((const uint8_t *)src)[i];
#else
    __builtin_memcpy(dst, src, sz);
#endif
}

HD_INL void hd_zero(void *dst, size_t sz) {
#if HD_ON_DEVICE || defined(__CUDACC__)
    if ((((size_t)dst | sz) & 7) == 0) {
        for (size_t i = 0; i < sz / 8; i++)
            ((uint64_t *)dst)[i] = 0;
        return;
    }
    for (size_t i = 0; i < sz; i++)
        ((uint8_t *)dst)[i] = 0;
#else
    __builtin_memset(dst, 0, sz);
#endif
}

HD_INL int hd_is_equal(const void *a, const void *b, size_t sz) {
    uint8_t d = 0;
    for (size_t i = 0; i < sz; i++)
        d |= (uint8_t)(((const uint8_t *)a)[i] ^ ((const uint8_t *)b)[i]);
    return d == 0;
}

HD_INL uint32_t hd_bswap32(uint32_t x) {
#if HD_ON_DEVICE
    return __byte_perm(x, 0, 0x0123);
#elif defined(__GNUC__) && !defined(__CUDACC__)
    return __builtin_bswap32(x);
#else
    return (x >> 24) | ((x >> 8) & 0xff00u) | ((x << 8) & 0xff0000u) | (x << 24);
#endif
}

HD_INL uint64_t hd_bswap64(uint64_t x) {
#if defined(__GNUC__) && !defined(__CUDACC__)
    return __builtin_bswap64(x); /* gcc 12 does not see one in two halves */
#endif
    return ((uint64_t)hd_bswap32((uint32_t)x) << 32) | hd_bswap32((uint32_t)(x >> 32));
}

/* Loads and stores of any alignment; le = little-endian, be = big-endian. */
HD_INL uint32_t hd_load_le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
HD_INL uint64_t hd_load_le64(const uint8_t *p) {
    return (uint64_t)hd_load_le32(p) | (uint64_t)hd_load_le32(p + 4) << 32;
}
HD_INL uint32_t hd_load_be32(const uint8_t *p) { return hd_bswap32(hd_load_le32(p)); }
HD_INL uint64_t hd_load_be64(const uint8_t *p) { return hd_bswap64(hd_load_le64(p)); }
HD_INL void hd_store_le32(uint8_t *p, uint32_t x) {
    p[0] = (uint8_t)x;
    p[1] = (uint8_t)(x >> 8);
    p[2] = (uint8_t)(x >> 16);
    p[3] = (uint8_t)(x >> 24);
}
HD_INL void hd_store_le64(uint8_t *p, uint64_t x) {
    hd_store_le32(p, (uint32_t)x);
    hd_store_le32(p + 4, (uint32_t)(x >> 32));
}
HD_INL void hd_store_be32(uint8_t *p, uint32_t x) { hd_store_le32(p, hd_bswap32(x)); }
HD_INL void hd_store_be64(uint8_t *p, uint64_t x) { hd_store_le64(p, hd_bswap64(x)); }

#endif
