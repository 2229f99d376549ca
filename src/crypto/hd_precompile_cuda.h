/* hd_precompile_cuda.h - precompile calls in batches on the GPU: one kernel a precompile, one
   thread a call. The functions exist in builds with HD_WITH_CUDA only. */
#ifndef HD_PRECOMPILE_CUDA_H
#define HD_PRECOMPILE_CUDA_H

#include "base/hd_base.h"
#include "crypto/hd_u256.h"

/* One call: its input is in[in_off, in_off+in_sz), its output goes to out[out_off,
   out_off+out_max), its scratch memory starts at scratch_off and is as long as
   hd_precompile_scratch_sz says. The kernel sets out_sz and is_ok: 1, 0 (refused; all gas burnt),
   or a negative hd_err as hd_precompile_run returns it. */
typedef struct {
    uint64_t in_off;
    uint64_t out_off;
    uint64_t scratch_off;
    uint32_t in_sz;
    uint32_t out_max;
    uint32_t out_sz;
    uint32_t is_ok;
} hd_precompile_job;

HD_STATIC_ASSERT(sizeof(hd_precompile_job) == 40, "sent to the device as it is");

#ifdef __cplusplus
extern "C" {
#endif

/* hd_precompile_cuda_probe returns HD_OK when a GPU can be used, HD_ERR_ABSENT when there is
   none. */
hd_err hd_precompile_cuda_probe(void);

/* hd_precompile_cuda_launch starts precompile id over cnt jobs on `stream` (a cudaStream_t; NULL
   for the default stream) and does not wait. Everything lies in device memory; scratch_dev is
   8-byte aligned, may be NULL for all but modexp. Offsets are trusted: they are the caller's own.
   HD_ERR_UNSUPPORTED for an unknown id, HD_ERR_DEVICE when the launch failed. */
hd_err hd_precompile_cuda_launch(uint32_t id, hd_precompile_job *jobs_dev, uint32_t cnt,
                                 const uint8_t *in_dev, uint8_t *out_dev, uint8_t *scratch_dev,
                                 void *stream);

/* hd_precompile_cuda_run copies in[0,in_sz) and the jobs to the device, runs them, and copies jobs
   and out[0,out_sz) back. Ranges are checked (HD_ERR_LIMIT, before anything runs; out and scratch
   ranges of two jobs must not overlap). scratch_sz bytes of scratch memory are allocated on the
   device. HD_ERR_ABSENT without a GPU, HD_ERR_NOMEM when its memory is too small, HD_ERR_DEVICE
   when it failed. Allocates and waits: for tests and rare batches; a pipeline uses
   hd_precompile_cuda_launch. */
hd_err hd_precompile_cuda_run(uint32_t id, hd_precompile_job *jobs_host, uint32_t cnt,
                              const uint8_t *in, size_t in_sz, uint8_t *out, size_t out_sz,
                              size_t scratch_sz);

/* hd_word_op_cuda_run computes r[i] = hd_word_op(op, top[i], second[i]) on the device, for tests of
   its 256-bit arithmetic. Errors as above. */
hd_err hd_word_op_cuda_run(uint32_t op, hd_u256 *r, const hd_u256 *top, const hd_u256 *second,
                           uint32_t cnt);

#ifdef __cplusplus
}
#endif

#endif
