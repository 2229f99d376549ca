/* hd_exec_cuda.h - the cuda backend as the wiring in hd_exec.c sees it. */
#ifndef HD_EXEC_CUDA_H
#define HD_EXEC_CUDA_H

#include "exec/hd_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hd_exec_cuda hd_exec_cuda;

/* HD_ERR_ABSENT: no usable device. HD_ERR_DEVICE, HD_ERR_NOMEM. */
hd_err hd_exec_cuda_open(hd_exec_cuda **out);
void hd_exec_cuda_close(hd_exec_cuda *x);
/* As hd_exec_run; offsets are already checked. */
hd_err hd_exec_cuda_run(hd_exec_cuda *x, hd_results *out, const hd_batch *batch);

/* Results in the memory of the device, in arrays that grow; as hd_results. Zeroed before first use.
 */
typedef struct {
    hd_receipt *receipts;
    hd_account_diff *accounts;
    hd_account_read *reads;
    hd_slot_diff *slots;
    hd_slot_read *slot_reads;
    hd_log_entry *logs;
    uint8_t *bytes;
    uint64_t account_cnt, slot_cnt, log_cnt, bytes_sz;
    uint64_t receipt_cap, account_cap, read_cap, slot_cap, slot_read_cap, log_cap, bytes_cap;
    uint64_t kernel_ns;
} hd_cuda_results;

/* hd_exec_cuda_run_resident is hd_exec_cuda_run with worlds, envs, txs, data and versions in the
   memory of the device (one world; the list lies in the host's) and results left there. Offsets of
   the transactions are taken as sound. HD_BATCH_READS must be set. A transaction that could not be
   finished keeps HD_TX_PENDING. */
hd_err hd_exec_cuda_run_resident(hd_exec_cuda *x, hd_cuda_results *out, const hd_batch *batch);
void hd_exec_cuda_results_free(hd_cuda_results *r);
/* The cudaStream_t that all of its work goes to. */
void *hd_exec_cuda_stream(hd_exec_cuda *x);

/* One transaction after another, with every step given to fn; see hd_trace_cuda.h. */
hd_err hd_exec_cuda_trace(hd_exec_cuda *x, hd_results *out, const hd_batch *batch, hd_trace_fn fn,
                          void *ctx);

/* Devices: their number; the name, memory and multiprocessors of one. */
uint32_t hd_cuda_device_cnt(void);
hd_err hd_cuda_device_info(uint32_t idx, char *name, size_t name_sz, uint64_t *memory_sz,
                           uint32_t *multiprocessor_cnt);

#ifdef __cplusplus
}
#endif

#endif
