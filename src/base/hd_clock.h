/* hd_clock.h - time for measuring; never for anything whose result must be reproducible. */
#ifndef HD_CLOCK_H
#define HD_CLOCK_H

#include "base/hd_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds since some moment; never goes back. */
uint64_t hd_clock_ns(void);
/* Nanoseconds in which the calling thread had a processor: what others run does not count. */
uint64_t hd_clock_thread_ns(void);
/* Seconds since 1970. */
uint64_t hd_clock_unix_s(void);

#ifdef __cplusplus
}
#endif

#endif
