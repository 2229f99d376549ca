/* hd_results.h - growing the arrays of hd_results; for backends. */
#ifndef HD_RESULTS_H
#define HD_RESULTS_H

#include "exec/hd_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

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
