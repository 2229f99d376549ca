/* hd_log.h - lines for the operator on standard error, and a progress line on a terminal. */
#ifndef HD_LOG_H
#define HD_LOG_H

#include "base/hd_base.h"

typedef enum { HD_LOG_ERROR, HD_LOG_WARN, HD_LOG_INFO, HD_LOG_DEBUG } hd_log_level;

/* hd_log_set_level lets lines of that level and below pass; at first HD_LOG_INFO, or what
   HEDDLE_LOG (error, warn, info, debug) says. Any thread may log; lines are never mixed. */
void hd_log_set_level(hd_log_level level);
void hd_log(hd_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A progress line "name 12,000/92,732 12.9 % 4,100/s": only when standard error is a terminal, at
   most ten times a second, wiped at the end. Any thread may add. */
typedef struct {
    const char *name;
    uint64_t total_cnt; /* 0: not known */
    uint64_t done_cnt;
    uint64_t start_ns;
    uint64_t shown_ns;
    uint32_t is_shown;
} hd_progress;

void hd_progress_init(hd_progress *progress, const char *name, uint64_t total_cnt);
void hd_progress_add(hd_progress *progress, uint64_t cnt);
void hd_progress_end(hd_progress *progress);

#endif
