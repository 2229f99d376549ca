/* hd_results.h - growing the arrays of hd_results; for backends. */
#ifndef HD_RESULTS_H
#define HD_RESULTS_H

#include "exec/hd_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Arrays that several workers fill at once: each takes stretches of what room there is, through an
   hd_results of his own that has these pointers, and `shared`. A reservation for which there is no
   room returns HD_ERR_LIMIT, and the worker goes on elsewhere. */
typedef struct hd_results_shared {
    uint64_t
        next[4]; /* free from here on: accounts and reads, slots and their reads, logs, bytes */
    uint64_t max[4];
} hd_results_shared;

/* What out has room for beyond its counts; with_reads: only where its reads have, too. */
void hd_results_share(hd_results_shared *shared, const hd_results *out, int with_reads,
                      int with_slot_reads);
/* A worker's view: nothing taken so far. */
void hd_results_view(hd_results *view, const hd_results *out, hd_results_shared *shared);
/* out's counts are what the workers took. */
void hd_results_unshare(hd_results *out, const hd_results_shared *shared);

/* Room for so many more entries; grows by half. HD_ERR_NOMEM. */
hd_err hd_results_reserve(hd_results *r, size_t account_cnt, size_t slot_cnt, size_t log_cnt,
                          size_t bytes_sz);

/* Room for the reads of as many more accounts. HD_ERR_NOMEM. */
hd_err hd_results_reserve_reads(hd_results *r, size_t account_cnt);

/* The same of slots. */
hd_err hd_results_reserve_slot_reads(hd_results *r, size_t slot_cnt);

#ifdef __cplusplus
}
#endif

#endif
