/* hd_trace_cuda.h - a transaction on the device with every step recorded; for hd_exec_cuda.cu. */
#ifndef HD_TRACE_CUDA_H
#define HD_TRACE_CUDA_H

#include "exec/hd_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hd_trace_cuda hd_trace_cuda;

/* HD_ERR_NOMEM, HD_ERR_DEVICE. */
hd_err hd_trace_cuda_open(hd_trace_cuda **out);
void hd_trace_cuda_close(hd_trace_cuda *t);

/* hd_trace_cuda_step runs lane 0 of a wave (wave_args of hd_wave.inc) for one launch on stream (a
   cudaStream_t) and gives the steps that ended to fn. Only the ten topmost words of the stack are
   recorded: those below read as zero. is_new: the transaction begins. HD_ERR_DEVICE; HD_ERR_LIMIT:
   a stretch of more than 65,536 instructions without a jump or call. */
hd_err hd_trace_cuda_step(hd_trace_cuda *t, const void *wave, int is_new, int64_t fuel,
                          hd_trace_fn fn, void *ctx, void *stream);

#ifdef __cplusplus
}
#endif

#endif
