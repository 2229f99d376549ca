/* hd_clock.c - time for measuring. */
#define _GNU_SOURCE
#include "base/hd_clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t hd_clock_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t hd_clock_thread_ns(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

uint64_t hd_clock_unix_s(void) { return (uint64_t)time(NULL); }
