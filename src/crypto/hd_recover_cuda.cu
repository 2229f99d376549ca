/* hd_recover_cuda.cu - the kernels of signature recovery and their launches. */
#include <cuda_runtime.h>
#include <stdlib.h>

#include "crypto/hd_recover_body.h"
#include "crypto/hd_recover_cuda.h"

#define G_BITS 16u         /* measured: 32 MiB, which the L2 cache holds */
#define CHUNK_MAX 64u      /* signatures that share an inversion, at most */
#define INVERT_LANES 4096u /* fewer signatures than this many chunks make the chunks smaller */
#define BLOCK 128u
#define LADDER_BLOCK 256u /* measured: with two on a multiprocessor, 128 registers */

/* Blocks from inv_block_cnt on lift; those before invert, since neither waits for the other. */
static __global__ void __launch_bounds__(BLOCK)
    prepare_kernel(hd_recover_batch bt, uint32_t inv_block_cnt) {
    if (blockIdx.x < inv_block_cnt) {
        uint32_t lane = blockIdx.x * BLOCK + threadIdx.x;
        if (lane < bt.lane_cnt)
            hd_recover_invert_r(&bt, lane);
        return;
    }
    uint32_t i = (blockIdx.x - inv_block_cnt) * BLOCK + threadIdx.x;
    if (i < bt.cnt)
        hd_recover_lift(&bt, i);
}

/* A block without a live signature leaves at once. */
static __global__ void __launch_bounds__(LADDER_BLOCK, 2) ladder_kernel(hd_recover_batch bt) {
    uint32_t i = blockIdx.x * LADDER_BLOCK + threadIdx.x;
    int is_live = hd_recover_is_live(&bt, i);
    if (__syncthreads_or(is_live))
        hd_recover_ladder(&bt, i, is_live);
}

static __global__ void __launch_bounds__(BLOCK) invert_z_kernel(hd_recover_batch bt) {
    uint32_t lane = blockIdx.x * BLOCK + threadIdx.x;
    if (lane < bt.lane_cnt)
        hd_recover_invert_z(&bt, lane);
}

static __global__ void __launch_bounds__(BLOCK) finish_kernel(hd_recover_batch bt) {
    uint32_t i = blockIdx.x * BLOCK + threadIdx.x;
    if (i < bt.cnt)
        hd_recover_finish(&bt, i);
}

/* bases[2*w], bases[2*w+1]: what window w needs. */
static __global__ void __launch_bounds__(BLOCK)
    table_kernel(hd_k1_affine *at, const hd_k1_affine *bases, uint32_t bits, uint32_t lane_each) {
    uint64_t first = (uint64_t)(blockIdx.x * BLOCK + threadIdx.x) * lane_each;
    if (first < hd_recover_g_cnt(bits)) {
        uint32_t w = (uint32_t)(first >> (bits - 1));
        hd_recover_g_lane(at, bits, first, &bases[2 * w], &bases[2 * w + 1]);
    }
}

struct hd_recover_cuda {
    hd_recover_g g;
    /* for hd_recover_cuda_run alone */
    void *items, *results, *work;
    uint32_t cnt_max;
    cudaEvent_t begin, end;
};

static hd_err err_from_cuda(cudaError_t e) {
    switch (e) {
    case cudaSuccess: return HD_OK;
    case cudaErrorMemoryAllocation: return HD_ERR_NOMEM;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver: return HD_ERR_ABSENT;
    default: return HD_ERR_DEVICE;
    }
}

static uint32_t blocks_for(uint64_t lane_cnt) { return (uint32_t)((lane_cnt + BLOCK - 1) / BLOCK); }

static hd_err build_table(hd_recover_cuda *rec, uint32_t bits) {
    hd_k1_affine bases[2 * 128];
    void *bases_dev = NULL, *at = NULL;
    uint32_t window_cnt = hd_recover_g_windows(bits);
    uint32_t each = HD_MIN(HD_RECOVER_G_LANE_CNT, 1u << (bits - 1));
    for (uint32_t w = 0; w < window_cnt; w++)
        hd_recover_g_base(&bases[2 * w], &bases[2 * w + 1], w ? &bases[2 * w - 2] : NULL, bits);
    hd_err err = err_from_cuda(cudaMalloc(&at, hd_recover_g_cnt(bits) * sizeof(hd_k1_affine)));
    rec->g.at = (const hd_k1_affine *)at;
    rec->g.bits = bits;
    if (err == HD_OK)
        err = err_from_cuda(cudaMalloc(&bases_dev, sizeof bases));
    if (err == HD_OK)
        err = err_from_cuda(cudaMemcpy(bases_dev, bases, sizeof bases, cudaMemcpyHostToDevice));
    if (err == HD_OK) {
        table_kernel<<<blocks_for(hd_recover_g_cnt(bits) / each), BLOCK>>>(
            (hd_k1_affine *)at, (const hd_k1_affine *)bases_dev, bits, each);
        err = err_from_cuda(cudaGetLastError());
    }
    if (err == HD_OK)
        err = err_from_cuda(cudaDeviceSynchronize());
    (void)cudaFree(bases_dev);
    return err;
}

hd_err hd_recover_cuda_open(hd_recover_cuda **out, uint32_t g_bits) {
    int device_cnt = 0;
    *out = NULL;
    if (g_bits == 0)
        g_bits = G_BITS;
    if (g_bits < 2 || g_bits > HD_RECOVER_G_BITS_MAX)
        return HD_ERR_LIMIT;
    if (cudaGetDeviceCount(&device_cnt) != cudaSuccess || device_cnt == 0) {
        (void)cudaGetLastError(); /* absence is an answer, not an error to be found later */
        return HD_ERR_ABSENT;
    }
    hd_recover_cuda *rec = (hd_recover_cuda *)calloc(1, sizeof *rec);
    if (!rec)
        return HD_ERR_NOMEM;
    hd_err err = build_table(rec, g_bits);
    if (err == HD_OK)
        err = err_from_cuda(cudaEventCreate(&rec->begin));
    if (err == HD_OK)
        err = err_from_cuda(cudaEventCreate(&rec->end));
    if (err == HD_OK)
        *out = rec;
    else
        hd_recover_cuda_close(rec);
    return err;
}

static void release_buffers(hd_recover_cuda *rec) {
    (void)cudaFree(rec->items);
    (void)cudaFree(rec->results);
    (void)cudaFree(rec->work);
    rec->items = rec->results = rec->work = NULL;
    rec->cnt_max = 0;
}

void hd_recover_cuda_close(hd_recover_cuda *rec) {
    if (!rec)
        return;
    release_buffers(rec);
    (void)cudaFree((void *)rec->g.at);
    if (rec->begin)
        (void)cudaEventDestroy(rec->begin);
    if (rec->end)
        (void)cudaEventDestroy(rec->end);
    free(rec);
}

size_t hd_recover_cuda_workspace_sz(uint32_t cnt) { return 4 * sizeof(hd_f256) * (size_t)cnt; }

hd_err hd_recover_cuda_launch(const hd_recover_cuda *rec, hd_recover_result *results_dev,
                              const hd_recover_item *items_dev, uint32_t cnt, void *workspace_dev,
                              size_t workspace_sz, void *stream) {
    cudaStream_t s = (cudaStream_t)stream;
    hd_recover_batch bt;
    if (cnt > HD_RECOVER_CNT_MAX || workspace_sz < hd_recover_cuda_workspace_sz(cnt))
        return HD_ERR_LIMIT;
    if (cnt == 0)
        return HD_OK;
    uint32_t chunk = HD_MIN(HD_MAX(cnt / INVERT_LANES, 1u), CHUNK_MAX);
    bt.items = items_dev;
    bt.results = results_dev;
    bt.a = (hd_f256 *)workspace_dev;
    bt.b = bt.a + cnt;
    bt.c = bt.b + cnt;
    bt.d = bt.c + cnt;
    bt.g = rec->g;
    bt.cnt = cnt;
    bt.lane_cnt = (cnt - 1) / chunk + 1;
    uint32_t inv_blocks = blocks_for(bt.lane_cnt), blocks = blocks_for(cnt);
    prepare_kernel<<<inv_blocks + blocks, BLOCK, 0, s>>>(bt, inv_blocks);
    ladder_kernel<<<(cnt - 1) / LADDER_BLOCK + 1, LADDER_BLOCK, 0, s>>>(bt);
    invert_z_kernel<<<inv_blocks, BLOCK, 0, s>>>(bt);
    finish_kernel<<<blocks, BLOCK, 0, s>>>(bt);
    return err_from_cuda(cudaGetLastError());
}

static hd_err reserve(hd_recover_cuda *rec, uint32_t cnt) {
    if (cnt <= rec->cnt_max)
        return HD_OK;
    release_buffers(rec);
    hd_err err = err_from_cuda(cudaMalloc(&rec->items, sizeof(hd_recover_item) * (size_t)cnt));
    if (err == HD_OK)
        err = err_from_cuda(cudaMalloc(&rec->results, sizeof(hd_recover_result) * (size_t)cnt));
    if (err == HD_OK)
        err = err_from_cuda(cudaMalloc(&rec->work, hd_recover_cuda_workspace_sz(cnt)));
    if (err == HD_OK)
        rec->cnt_max = cnt;
    else
        release_buffers(rec);
    return err;
}

hd_err hd_recover_cuda_run(hd_recover_cuda *rec, hd_recover_result *results, uint64_t *kernel_ns,
                           const hd_recover_item *items, uint32_t cnt) {
    float ms = 0;
    if (kernel_ns)
        *kernel_ns = 0;
    if (cnt > HD_RECOVER_CNT_MAX)
        return HD_ERR_LIMIT;
    if (cnt == 0)
        return HD_OK;
    hd_err err = reserve(rec, cnt);
    if (err == HD_OK)
        err = err_from_cuda(cudaMemcpyAsync(rec->items, items, sizeof *items * (size_t)cnt,
                                            cudaMemcpyHostToDevice, 0));
    if (err == HD_OK)
        err = err_from_cuda(cudaEventRecord(rec->begin, 0));
    if (err == HD_OK)
        err = hd_recover_cuda_launch(rec, (hd_recover_result *)rec->results,
                                     (const hd_recover_item *)rec->items, cnt, rec->work,
                                     hd_recover_cuda_workspace_sz(rec->cnt_max), NULL);
    if (err == HD_OK)
        err = err_from_cuda(cudaEventRecord(rec->end, 0));
    if (err == HD_OK)
        err = err_from_cuda(cudaMemcpy(results, rec->results, sizeof *results * (size_t)cnt,
                                       cudaMemcpyDeviceToHost));
    if (err == HD_OK && kernel_ns)
        err = err_from_cuda(cudaEventElapsedTime(&ms, rec->begin, rec->end));
    if (err == HD_OK && kernel_ns)
        *kernel_ns = (uint64_t)((double)ms * 1e6);
    return err;
}
