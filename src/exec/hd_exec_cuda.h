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
