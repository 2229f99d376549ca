/* hd_results_diff.h - the first difference between two backends' results of one transaction. */
#ifndef HD_RESULTS_DIFF_H
#define HD_RESULTS_DIFF_H

#include "base/hd_msg.h"
#include "exec/hd_exec.h"

/* hd_results_diff compares receipt, accounts, slots, logs and bytes of transaction ai of a with bi
   of b, whatever their offsets are. Returns 0 when all is equal, else 1 with the first field that
   differs in msg. */
int hd_results_diff(hd_msg *msg, const hd_results *a, size_t ai, const hd_results *b, size_t bi);

/* hd_trace_diff runs the batch's one transaction traced on both handles and writes the first step
   that differs to msg. HD_OK (also when no step differs: msg says so), or the error of the handle
   that cannot trace, with msg left alone. */
hd_err hd_trace_diff(hd_msg *msg, hd_exec *a, hd_exec *b, const hd_batch *batch);

#endif
