/* hd_tagged_cuda.h - the interpreter's kernel with loads followed (hd_core_tags.inc); for
   hd_exec_cuda.cu. */
#ifndef HD_TAGGED_CUDA_H
#define HD_TAGGED_CUDA_H

#include "exec/hd_exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* hd_tagged_cuda_step launches on stream (a cudaStream_t) what wave_step does, for a wave
   (wave_args of hd_wave.inc) whose lanes have the regions of tagged runs. Errors of the launch are
   left to the caller. */
void hd_tagged_cuda_step(const void *wave, const uint32_t *dev_list, uint32_t cnt, uint32_t stride,
                         int64_t fuel, void *stream);

#ifdef __cplusplus
}
#endif

#endif
