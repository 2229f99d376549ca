/* hd_tagged_cuda.cu - the core for the device with loads followed: the interpreter's kernel once
   more. A file of its own, so that both are compiled side by side. */
#include <cuda_runtime.h>

#define HD_LANE_TILE 32
#define HD_CORE_GOTO 0
#define HD_CORE_TRACE 0
#define HD_CORE_TAGS 1
#define HD_CORE_RUN core_run_tagged
#include "evm/hd_core.inc"

#include "exec/hd_tagged_cuda.h"
#include "exec/hd_wave.inc"

#define BLOCK_SZ 128u
#define STEP_BLOCKS_MIN 3 /* as wave_step of hd_exec_cuda.cu, whose driver counts on it */

static __global__ void __launch_bounds__(BLOCK_SZ, STEP_BLOCKS_MIN)
    tagged_step(const __grid_constant__ wave_args w, const uint32_t *list, uint32_t cnt,
                uint32_t stride, int64_t fuel) {
    uint32_t i = blockIdx.x * BLOCK_SZ + threadIdx.x;
    if (i % stride || i / stride >= cnt)
        return;
    i /= stride;
    hd_vm vm;
    uint32_t lane = list ? list[i] : i;
    wave_bind(&vm, &w, lane);
    wave_step_lane(&vm, &w, lane, list == 0, fuel);
}

extern "C" void hd_tagged_cuda_step(const void *wave, const uint32_t *dev_list, uint32_t cnt,
                                    uint32_t stride, int64_t fuel, void *stream) {
    uint32_t block_cnt = (uint32_t)(((uint64_t)cnt * stride + BLOCK_SZ - 1) / BLOCK_SZ);
    tagged_step<<<block_cnt, BLOCK_SZ, 0, (cudaStream_t)stream>>>(*(const wave_args *)wave,
                                                                  dev_list, cnt, stride, fuel);
}
