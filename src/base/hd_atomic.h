/* hd_atomic.h - atomic operations on 32-bit words for code that runs on host threads and on the
   GPU.

   All are relaxed: they order nothing else. The end of a parallel loop or of a kernel does that. */
#ifndef HD_ATOMIC_H
#define HD_ATOMIC_H

#include "base/hd_base.h"

HD_INL uint32_t hd_atomic_load32(const uint32_t *p) {
#if HD_ON_DEVICE
    return *(const volatile uint32_t *)p;
#else
    return __atomic_load_n(p, __ATOMIC_RELAXED);
#endif
}

/* The rest return what was there before. */
HD_INL uint32_t hd_atomic_add32(uint32_t *p, uint32_t x) {
#if HD_ON_DEVICE
    return atomicAdd(p, x);
#else
    return __atomic_fetch_add(p, x, __ATOMIC_RELAXED);
#endif
}

HD_INL uint32_t hd_atomic_or32(uint32_t *p, uint32_t x) {
#if HD_ON_DEVICE
    return atomicOr(p, x);
#else
    return __atomic_fetch_or(p, x, __ATOMIC_RELAXED);
#endif
}

HD_INL uint32_t hd_atomic_and32(uint32_t *p, uint32_t x) {
#if HD_ON_DEVICE
    return atomicAnd(p, x);
#else
    return __atomic_fetch_and(p, x, __ATOMIC_RELAXED);
#endif
}

HD_INL uint32_t hd_atomic_exchange32(uint32_t *p, uint32_t x) {
#if HD_ON_DEVICE
    return atomicExch(p, x);
#else
    return __atomic_exchange_n(p, x, __ATOMIC_RELAXED);
#endif
}

/* hd_atomic_take adds 1. On the device the lanes of a warp that take from the same counter do it
   with one operation: a million lanes that append to one list would else queue for one word. */
HD_INL uint32_t hd_atomic_take(uint32_t *p) {
#if HD_ON_DEVICE
    uint32_t peers = __match_any_sync(__activemask(), (unsigned long long)p);
    uint32_t lane = threadIdx.x & 31u;
    int leader = __ffs((int)peers) - 1;
    uint32_t first = 0;
    if ((int)lane == leader)
        first = atomicAdd(p, (uint32_t)__popc(peers));
    first = __shfl_sync(peers, first, leader);
    return first + (uint32_t)__popc(peers & ((1u << lane) - 1u));
#else
    return hd_atomic_add32(p, 1);
#endif
}

#endif
