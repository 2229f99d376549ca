/* hd_pipeline_cuda.cu - the pipeline's backend on the GPU: its phases as kernels, sorts and scans
   by CUB, lanes by hd_exec_cuda, signatures by hd_recover_cuda, tries by hd_forest_cuda; all on one
   stream and in the device's memory. */
#include <cuda_runtime.h>
#include <stdlib.h>
#include <string.h>

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

#include "crypto/hd_recover_cuda.h"
#include "exec/hd_exec_cuda.h"
#include "exec/hd_pipe_engine.h"
#include "state/hd_forest_cuda.h"

#define BLOCK_SZ 128u

#define CK(call) \
    do { \
        cudaError_t ck_ = (call); \
        if (ck_ != cudaSuccess) \
            return ck_ == cudaErrorMemoryAllocation ? HD_ERR_NOMEM : HD_ERR_DEVICE; \
    } while (0)

#define RET(call) \
    do { \
        hd_err ret_ = (call); \
        if (ret_ != HD_OK) \
            return ret_; \
    } while (0)

typedef struct {
    uint8_t *p;
    size_t sz;
    int is_host; /* pinned */
} buffer;

enum {
    B_TEMP,      /* of CUB */
    B_WORKSPACE, /* of the recovery */
    B_WORLD,     /* hd_world */
    B_SELECT,
    B_LIST_HOST,
    B_CNT
};

typedef struct {
    hd_exec_cuda *exec;
    hd_recover_cuda *recover;
    hd_forest_cuda *forest;
    hd_cuda_results results;
    cudaStream_t streams[2]; /* HD_PIPE_STREAM_...; the first is exec's */
    cudaStream_t stream;     /* the one that is selected */
    cudaEvent_t marks[2];
    cudaStream_t copy_stream; /* what comes down beside the kernels */
    cudaEvent_t copy_event;
    buffer buf[B_CNT];
} device;

static hd_err buffer_reserve(buffer *b, size_t sz) {
    if (sz <= b->sz && b->p)
        return HD_OK;
    if (b->p)
        CK(b->is_host ? cudaFreeHost(b->p) : cudaFree(b->p));
    b->p = NULL;
    b->sz = 0;
    size_t want = sz + sz / 4 + 256;
    CK(b->is_host ? cudaMallocHost((void **)&b->p, want) : cudaMalloc((void **)&b->p, want));
    b->sz = want;
    return HD_OK;
}

static uint32_t grid(uint64_t cnt) { return (uint32_t)((cnt + BLOCK_SZ - 1) / BLOCK_SZ); }

/* ---- phases ---- */

#define HD_X(name, call) \
    static __global__ void phase_##name(const __grid_constant__ hd_pipe pipe, uint32_t cnt) { \
        const hd_pipe *p = &pipe; \
        uint32_t i = blockIdx.x * BLOCK_SZ + threadIdx.x; \
        if (i < cnt) \
            call; \
    }
HD_PIPE_PHASES(HD_X)
#undef HD_X

static hd_err device_run(void *ctx, uint32_t phase, const hd_pipe *p, uint32_t cnt) {
    device *d = (device *)ctx;
    switch (phase) {
#define HD_X(name, call) \
    case HD_PIPE_##name: phase_##name<<<grid(cnt), BLOCK_SZ, 0, d->stream>>>(*p, cnt); break;
        HD_PIPE_PHASES(HD_X)
#undef HD_X
    default: return HD_ERR_UNSUPPORTED;
    }
    CK(cudaGetLastError());
    return HD_OK;
}

/* ---- memory ---- */

static void device_close(void *ctx) {
    device *d = (device *)ctx;
    hd_exec_cuda_results_free(&d->results);
    hd_forest_cuda_close(d->forest);
    hd_recover_cuda_close(d->recover);
    for (uint32_t i = 0; i < B_CNT; i++) {
        if (d->buf[i].p && d->buf[i].is_host)
            cudaFreeHost(d->buf[i].p);
        else if (d->buf[i].p)
            cudaFree(d->buf[i].p);
    }
    if (d->streams[1])
        cudaStreamDestroy(d->streams[1]);
    for (uint32_t i = 0; i < 2; i++)
        if (d->marks[i])
            cudaEventDestroy(d->marks[i]);
    if (d->copy_event)
        cudaEventDestroy(d->copy_event);
    if (d->copy_stream)
        cudaStreamDestroy(d->copy_stream);
    hd_exec_cuda_close(d->exec);
    free(d);
}

static void device_select_stream(void *ctx, uint32_t which) {
    device *d = (device *)ctx;
    d->stream = d->streams[which];
}

static hd_err device_alloc(void *ctx, void **out, size_t sz) {
    (void)ctx;
    *out = NULL;
    CK(cudaMalloc(out, sz ? sz : 1));
    return HD_OK;
}

static void device_release(void *ctx, void *p) {
    (void)ctx;
    cudaFree(p); /* it waits for what may use it */
}

static hd_err device_up(void *ctx, void *dst, const void *src, size_t sz) {
    if (sz)
        CK(cudaMemcpyAsync(dst, src, sz, cudaMemcpyHostToDevice, ((device *)ctx)->stream));
    return HD_OK;
}

static hd_err device_down(void *ctx, void *dst, const void *src, size_t sz) {
    device *d = (device *)ctx;
    if (sz)
        CK(cudaMemcpyAsync(dst, src, sz, cudaMemcpyDeviceToHost, d->stream));
    CK(cudaStreamSynchronize(d->stream));
    return HD_OK;
}

static hd_err device_down_begin(void *ctx, void *dst, const void *src, size_t sz) {
    device *d = (device *)ctx;
    if (sz == 0)
        return HD_OK;
    CK(cudaEventRecord(d->copy_event, d->stream));
    CK(cudaStreamWaitEvent(d->copy_stream, d->copy_event, 0));
    CK(cudaMemcpyAsync(dst, src, sz, cudaMemcpyDeviceToHost, d->copy_stream));
    return HD_OK;
}

static hd_err device_down_end(void *ctx) {
    CK(cudaStreamSynchronize(((device *)ctx)->copy_stream));
    return HD_OK;
}

static hd_err device_move(void *ctx, void *dst, const void *src, size_t sz) {
    if (sz)
        CK(cudaMemcpyAsync(dst, src, sz, cudaMemcpyDeviceToDevice, ((device *)ctx)->stream));
    return HD_OK;
}

static hd_err device_zero(void *ctx, void *p, size_t sz) {
    if (sz)
        CK(cudaMemsetAsync(p, 0, sz, ((device *)ctx)->stream));
    return HD_OK;
}

static hd_err device_wait(void *ctx) {
    CK(cudaStreamSynchronize(((device *)ctx)->stream));
    return HD_OK;
}

static hd_err device_mark(void *ctx, uint32_t idx) {
    device *d = (device *)ctx;
    CK(cudaEventRecord(d->marks[idx], d->stream));
    return HD_OK;
}

static hd_err device_meet(void *ctx, uint32_t idx) {
    CK(cudaEventSynchronize(((device *)ctx)->marks[idx]));
    return HD_OK;
}

static hd_err device_pin(void *ctx, void **out, size_t sz) {
    (void)ctx;
    *out = NULL;
    CK(cudaMallocHost(out, sz ? sz : 1));
    return HD_OK;
}

static void device_unpin(void *ctx, void *p) {
    (void)ctx;
    cudaFreeHost(p);
}

/* ---- sorts and scans ---- */

struct folds_join {
    __device__ hd_pipe_fold operator()(const hd_pipe_fold &a, const hd_pipe_fold &b) const {
        return hd_pipe_fold_join(&a, &b);
    }
};

struct wipes_join {
    __device__ uint64_t operator()(const uint64_t &a, const uint64_t &b) const {
        return hd_pipe_wipe_join(a, b);
    }
};

struct sums_join {
    __device__ hd_pipe_sum operator()(const hd_pipe_sum &a, const hd_pipe_sum &b) const {
        return hd_pipe_sum_join(&a, &b);
    }
};

/* CUB's functions first say how much memory they want, then use it. */
#define WITH_TEMP(d, call) \
    do { \
        void *temp = NULL; \
        size_t temp_sz = 0; \
        CK(call); \
        RET(buffer_reserve(&(d)->buf[B_TEMP], temp_sz)); \
        temp = (d)->buf[B_TEMP].p; \
        CK(call); \
    } while (0)

static hd_err device_sum32(void *ctx, uint32_t *x, uint32_t cnt) {
    device *d = (device *)ctx;
    WITH_TEMP(d, cub::DeviceScan::ExclusiveSum(temp, temp_sz, x, x, (int)cnt, d->stream));
    return HD_OK;
}

static hd_err device_sum64(void *ctx, uint64_t *x, uint32_t cnt) {
    device *d = (device *)ctx;
    WITH_TEMP(d, cub::DeviceScan::ExclusiveSum(temp, temp_sz, x, x, (int)cnt, d->stream));
    return HD_OK;
}

static hd_err device_scan_folds(void *ctx, hd_pipe_fold *x, uint32_t cnt) {
    device *d = (device *)ctx;
    WITH_TEMP(
        d, cub::DeviceScan::InclusiveScan(temp, temp_sz, x, x, folds_join(), (int)cnt, d->stream));
    return HD_OK;
}

static hd_err device_scan_wipes(void *ctx, uint64_t *x, uint32_t cnt) {
    device *d = (device *)ctx;
    WITH_TEMP(
        d, cub::DeviceScan::InclusiveScan(temp, temp_sz, x, x, wipes_join(), (int)cnt, d->stream));
    return HD_OK;
}

static hd_err device_scan_sums(void *ctx, hd_pipe_sum *x, uint32_t cnt) {
    device *d = (device *)ctx;
    WITH_TEMP(
        d, cub::DeviceScan::InclusiveScan(temp, temp_sz, x, x, sums_join(), (int)cnt, d->stream));
    return HD_OK;
}

static hd_err device_sort(void *ctx, const hd_pipe_set *s) {
    device *d = (device *)ctx;
    if (s->entry_cnt == 0)
        return HD_OK;
    WITH_TEMP(d, cub::DeviceRadixSort::SortPairs(temp, temp_sz, s->hash, s->hash_by, s->entry,
                                                 s->entry_by, (int)s->entry_cnt, 0, 64, d->stream));
    return HD_OK;
}

static __global__ void select_scatter(uint32_t *list, const uint32_t *flags, const uint32_t *at,
                                      uint32_t cnt) {
    uint32_t i = blockIdx.x * BLOCK_SZ + threadIdx.x;
    if (i < cnt && flags[i])
        list[at[i]] = i;
}

static hd_err device_select(void *ctx, uint32_t *list, uint32_t *cnt, const uint32_t *flags,
                            uint32_t flag_cnt) {
    device *d = (device *)ctx;
    RET(buffer_reserve(&d->buf[B_SELECT], ((size_t)flag_cnt + 1) * 4));
    uint32_t *at = (uint32_t *)d->buf[B_SELECT].p;
    CK(cudaMemcpyAsync(at, flags, (size_t)flag_cnt * 4, cudaMemcpyDeviceToDevice, d->stream));
    CK(cudaMemsetAsync(at + flag_cnt, 0, 4, d->stream));
    RET(device_sum32(d, at, flag_cnt + 1));
    select_scatter<<<grid(flag_cnt), BLOCK_SZ, 0, d->stream>>>(list, flags, at, flag_cnt);
    CK(cudaGetLastError());
    return device_down(d, cnt, at + flag_cnt, 4);
}

/* ---- stages ---- */

static hd_err device_recover(void *ctx, hd_recover_result *out, const hd_recover_item *items,
                             uint32_t cnt) {
    device *d = (device *)ctx;
    size_t sz = hd_recover_cuda_workspace_sz(cnt);
    RET(buffer_reserve(&d->buf[B_WORKSPACE], sz));
    return hd_recover_cuda_launch(d->recover, out, items, cnt, d->buf[B_WORKSPACE].p, sz,
                                  d->stream);
}

/* The tables that the supply changes are named by a copy of the world on the device. */
typedef struct {
    device *d;
    const hd_pipe *p;
    const hd_world_supply *of;
} supplying;

static hd_err device_need(void *ctx, const hd_world_need *needs, uint32_t cnt) {
    supplying *s = (supplying *)ctx;
    RET(s->of->need(s->of->ctx, needs, cnt));
    RET(device_up(s->d, s->d->buf[B_WORLD].p, &s->p->world, sizeof(s->p->world)));
    return device_wait(s->d);
}

static hd_err device_execute(void *ctx, hd_pipe *p, const uint32_t *list, uint32_t cnt,
                             size_t data_sz, const hd_pipeline_block *block,
                             const hd_world_supply *supply) {
    device *d = (device *)ctx;
    supplying supplies = {d, p, supply};
    hd_world_supply own;
    hd_batch b;
    memset(&own, 0, sizeof(own));
    own.need = device_need;
    own.ctx = &supplies;
    memset(&b, 0, sizeof(b));
    RET(buffer_reserve(&d->buf[B_WORLD], sizeof(hd_world)));
    RET(device_up(d, d->buf[B_WORLD].p, &p->world, sizeof(p->world)));
    if (list) {
        RET(buffer_reserve(&d->buf[B_LIST_HOST], (size_t)cnt * 4));
        RET(device_down(d, d->buf[B_LIST_HOST].p, list, (size_t)cnt * 4));
        b.list = (const uint32_t *)d->buf[B_LIST_HOST].p;
        b.list_cnt = cnt;
    }
    b.worlds = (const hd_world *)d->buf[B_WORLD].p;
    b.envs = p->env;
    b.txs = p->txs;
    b.data = p->raw;
    b.data_sz = data_sz;
    b.world_cnt = 1;
    b.env_cnt = 1;
    b.tx_cnt = p->tx_cnt;
    b.flags = HD_BATCH_READS | (list ? HD_BATCH_KEEP : HD_BATCH_ASSUMED) |
              (p->is_tagged ? HD_BATCH_TAGGED : 0);
    b.blockhash = block->blockhash;
    b.blockhash_ctx = block->blockhash_ctx;
    b.versions = p->versions;
    b.supply = supply ? &own : NULL;
    RET(hd_exec_cuda_run_resident(d->exec, &d->results, &b));
    p->receipts = d->results.receipts;
    p->accounts = d->results.accounts;
    p->reads = d->results.reads;
    p->slots = d->results.slots;
    p->slot_reads = d->results.slot_reads;
    p->logs = d->results.logs;
    p->bytes = d->results.bytes;
    return HD_OK;
}

static hd_err device_forest_reset(void *ctx) {
    device *d = (device *)ctx;
    hd_forest_cuda_close(d->forest);
    d->forest = NULL;
    RET(hd_forest_cuda_open(&d->forest));
    /* Its work was queued on the default stream. */
    CK(cudaDeviceSynchronize());
    hd_forest_cuda_set_stream(d->forest, d->stream);
    return HD_OK;
}

static hd_err device_changes(void *ctx, hd_forest_account_change **accounts,
                             hd_forest_slot_change **slots, size_t account_cnt, size_t slot_cnt) {
    return hd_forest_cuda_changes(accounts, slots, ((device *)ctx)->forest, account_cnt, slot_cnt);
}

static hd_err device_root(void *ctx, hd_hash *root) {
    return hd_forest_cuda_run(root, ((device *)ctx)->forest);
}

static const hd_pipe_engine device_engine = {
    device_close,     device_select_stream, device_alloc,      device_release,
    device_up,        device_down,          device_down_begin, device_down_end,
    device_move,      device_zero,          device_wait,       device_mark,
    device_meet,      device_pin,           device_unpin,      device_run,
    device_sum32,     device_sum64,         device_scan_folds, device_scan_wipes,
    device_scan_sums, device_sort,          device_select,     device_recover,
    device_execute,   device_forest_reset,  device_changes,    device_root};

extern "C" hd_err hd_pipe_cuda_open(const hd_pipe_engine **engine, void **ctx) {
    device *d = (device *)calloc(1, sizeof(*d));
    if (!d)
        return HD_ERR_NOMEM;
    for (uint32_t i = B_LIST_HOST; i < B_CNT; i++)
        d->buf[i].is_host = 1;
    hd_err err = hd_exec_cuda_open(&d->exec);
    if (err == HD_OK) {
        d->stream = d->streams[0] = (cudaStream_t)hd_exec_cuda_stream(d->exec);
        /* Blocks are admitted in the gaps that running ones leave. */
        int low, high;
        if (cudaDeviceGetStreamPriorityRange(&low, &high) != cudaSuccess ||
            cudaStreamCreateWithPriority(&d->streams[1], cudaStreamNonBlocking, low) !=
                cudaSuccess ||
            cudaEventCreateWithFlags(&d->marks[0], cudaEventDisableTiming) != cudaSuccess ||
            cudaEventCreateWithFlags(&d->marks[1], cudaEventDisableTiming) != cudaSuccess ||
            cudaStreamCreateWithFlags(&d->copy_stream, cudaStreamNonBlocking) != cudaSuccess ||
            cudaEventCreateWithFlags(&d->copy_event, cudaEventDisableTiming) != cudaSuccess)
            err = HD_ERR_DEVICE;
    }
    if (err == HD_OK)
        err = hd_recover_cuda_open(&d->recover, 0);
    if (err == HD_OK)
        err = device_forest_reset(d);
    if (err != HD_OK) {
        device_close(d);
        return err;
    }
    *engine = &device_engine;
    *ctx = d;
    return HD_OK;
}
