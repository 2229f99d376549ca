/* hd_log.c - lines for the operator on standard error, and a progress line on a terminal. */
#define _GNU_SOURCE
#include "base/hd_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hd_clock.h"

#define SHOW_EVERY_NS 100000000u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* standard error and what is below */
static hd_log_level max_level = HD_LOG_INFO;
static int is_level_set;
static int is_line_shown; /* a progress line stands on the terminal */

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static void init_level(void) {
    if (is_level_set)
        return;
    is_level_set = 1;
    const char *text = getenv("HEDDLE_LOG");
    for (int i = HD_LOG_ERROR; text && i <= HD_LOG_DEBUG; i++)
        if (strcmp(text, level_names[i]) == 0)
            max_level = (hd_log_level)i;
}

static void wipe_line(void) {
    if (is_line_shown)
        fputs("\r\033[K", stderr);
    is_line_shown = 0;
}

void hd_log_set_level(hd_log_level level) {
    pthread_mutex_lock(&lock);
    is_level_set = 1;
    max_level = level;
    pthread_mutex_unlock(&lock);
}

void hd_log(hd_log_level level, const char *fmt, ...) {
    pthread_mutex_lock(&lock);
    init_level();
    if (level <= max_level) {
        va_list args;
        wipe_line();
        fprintf(stderr, "heddle: %s%s", level == HD_LOG_INFO ? "" : level_names[level],
                level == HD_LOG_INFO ? "" : ": ");
        va_start(args, fmt);
        vfprintf(stderr, fmt, args);
        va_end(args);
        fputc('\n', stderr);
        fflush(stderr);
    }
    pthread_mutex_unlock(&lock);
}

void hd_progress_init(hd_progress *progress, const char *name, uint64_t total_cnt) {
    memset(progress, 0, sizeof *progress);
    progress->name = name;
    progress->total_cnt = total_cnt;
    progress->start_ns = progress->shown_ns = hd_clock_ns();
    progress->is_shown = isatty(STDERR_FILENO) == 1;
}

void hd_progress_add(hd_progress *progress, uint64_t cnt) {
    if (!progress->is_shown)
        return;
    pthread_mutex_lock(&lock);
    progress->done_cnt += cnt;
    uint64_t now_ns = hd_clock_ns();
    if (now_ns - progress->shown_ns >= SHOW_EVERY_NS) {
        double s = (double)(now_ns - progress->start_ns) / 1e9;
        unsigned long long done = progress->done_cnt, total = progress->total_cnt;
        progress->shown_ns = now_ns;
        if (total)
            fprintf(stderr, "\r%s %llu/%llu %.1f %% %.0f/s\033[K", progress->name, done, total,
                    100.0 * (double)done / (double)total, (double)done / s);
        else
            fprintf(stderr, "\r%s %llu %.0f/s\033[K", progress->name, done, (double)done / s);
        is_line_shown = 1;
        fflush(stderr);
    }
    pthread_mutex_unlock(&lock);
}

void hd_progress_end(hd_progress *progress) {
    if (!progress->is_shown)
        return;
    pthread_mutex_lock(&lock);
    wipe_line();
    fflush(stderr);
    pthread_mutex_unlock(&lock);
}
