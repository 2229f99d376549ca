/* hd_clock.c - time for measuring. */
#define _GNU_SOURCE
#include "base/hd_clock.h"

#include <time.h>

uint64_t hd_clock_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t hd_clock_unix_s(void) { return (uint64_t)time(NULL); }
