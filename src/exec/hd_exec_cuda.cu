/* hd_exec_cuda.cu - the cuda backend: a thread a transaction, lanes in given memory, interleaved by
   tiles of 32, grouped by code and selector; results exported and copied once.

   A wave is as many lanes as fit the pool. Its lanes run in launches of bounded work until each is
   done or needs a larger class; what a lane needs in between (precompiles, block hashes) is served
   between launches. Nothing is allocated in a kernel. */
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

#define HD_LANE_TILE 32
#define HD_CORE_GOTO 0
#define HD_CORE_TRACE 0
#define HD_CORE_RUN core_run
#include "evm/hd_core.inc"

#include "base/hd_clock.h"
#include "crypto/hd_precompile_cuda.h"
#include "exec/hd_cuda_classes.h"
#include "exec/hd_exec_cuda.h"
#include "exec/hd_results.h"
#include "exec/hd_tagged_cuda.h"
#include "exec/hd_trace_cuda.h"
#include "exec/hd_versions_image.h"
#include "exec/hd_wave.inc"

#define BLOCK_SZ 128u
/* Blocks of the interpreter that share a multiprocessor. 3 leaves it 168 registers; 4, 5 and 6
   spill and were 3 to 14 % slower for a million token transfers on an H100. */
#define STEP_BLOCKS_MIN 3
#define CLASS_CNT HD_CUDA_CLASS_CNT
/* Work units of a lane in one launch: about 100 ms of a lane that runs alone in its warp. */
#define LAUNCH_FUEL ((int64_t)1 << 17)
/* One thread runs one precompile call: calls that would hold a launch for long go to the host's
   runner, which gives the same bytes. */
#define MODEXP_DEVICE_SZ_MAX 1024u
#define CURVE_DEVICE_SZ_MAX \
    6144u                        /* pairings and multi-scalar multiplications: 16 pairs and more \
                                  */
#define HASH_DEVICE_SZ_MAX 8192u /* sha256 and ripemd160: 50 us; one call of 50 kB took 2.5 ms */
#define BLAKE2F_DEVICE_ROUNDS_MAX (1u << 20)
/* Lanes that went different ways share a warp badly: each waits for all others. So lanes that are
   few get a warp each, as long as the device runs that many warps at once. */
#define WARPS_PER_MULTIPROCESSOR (STEP_BLOCKS_MIN * BLOCK_SZ / 32)
#define LAUNCH_MAX \
    (1u << 20) /* of one wave: a bound on a driver loop, never reached by a sound core */

/* What happens on the device, told on stderr: for those who work on this file. */
static int is_verbose(void) { return getenv("HEDDLE_CUDA_VERBOSE") != NULL; }

#define CK(call) \
    do { \
        cudaError_t ck_ = (call); \
        if (ck_ != cudaSuccess) { \
            if (is_verbose()) \
                fprintf(stderr, "heddle: cuda: %s (%s:%d)\n", cudaGetErrorString(ck_), __FILE__, \
                        __LINE__); \
            return ck_ == cudaErrorMemoryAllocation ? HD_ERR_NOMEM : HD_ERR_DEVICE; \
        } \
    } while (0)

#define RET(call) \
    do { \
        hd_err ret_ = (call); \
        if (ret_ != HD_OK) \
            return ret_; \
    } while (0)

/* Runs lanes list[0,cnt) (all, from the start, where list is NULL), one in every `stride` threads.
 */
static __global__ void __launch_bounds__(BLOCK_SZ, STEP_BLOCKS_MIN)
    wave_step(const __grid_constant__ wave_args w, const uint32_t *list, uint32_t cnt,
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

#include "exec/hd_wave_serve.inc"

/* Grouping: which code the transaction enters, and its selector. */
static __device__ uint32_t group_key(const hd_tx *tx, const hd_world *worlds, const uint8_t *data) {
    uint32_t addr[5], code = 0, selector = 0;
    if (!(tx->flags & HD_TX_CREATE)) {
        hd_addr_from_wire(addr, &tx->to);
        const hd_world *w = &worlds[tx->world_idx];
        uint32_t at = world_find(w, addr);
        if (at != HD_NONE)
            code = (uint32_t)hd_load_le32(w->codes[w->accounts[at].code_idx].hash.b) | 1;
        if (code && tx->data_sz >= 4)
            selector = hd_load_le32(data + tx->data_off);
    }
    return code * 0x9e3779b1u ^ selector * 0x85ebca77u;
}

/* Keys of the transactions idx[0,cnt), which without a list are all. Sets *is_mixed when not all
   keys are equal: a uniform batch need not be sorted. */
static __global__ void sort_keys(uint32_t *keys, uint32_t *idx, uint32_t *is_mixed,
                                 const hd_tx *txs, const hd_world *worlds, const uint8_t *data,
                                 uint32_t cnt, uint32_t is_listed) {
    uint32_t i = blockIdx.x * BLOCK_SZ + threadIdx.x;
    if (i >= cnt)
        return;
    if (!is_listed)
        idx[i] = i;
    keys[i] = group_key(&txs[idx[i]], worlds, data);
    if (keys[i] != group_key(&txs[is_listed ? idx[0] : 0], worlds, data))
        *is_mixed = 1;
}

/* Offsets of the export: one scan over the lanes' counts, four sums at once. */
typedef struct {
    uint64_t account, slot, log, byte;
} offsets;

struct offsets_sum {
    __device__ offsets operator()(const offsets &a, const offsets &b) const {
        offsets r = {a.account + b.account, a.slot + b.slot, a.log + b.log, a.byte + b.byte};
        return r;
    }
};

static __global__ void widen_counts(offsets *out, const hd_export_counts *counts, uint32_t cnt) {
    uint32_t i = blockIdx.x * BLOCK_SZ + threadIdx.x;
    if (i > cnt)
        return;
    offsets o = {0, 0, 0, 0};
    if (i < cnt) {
        o.account = counts[i].account_cnt;
        o.slot = counts[i].slot_cnt;
        o.log = counts[i].log_cnt;
        o.byte = counts[i].bytes_sz;
    }
    out[i] = o;
}

typedef struct {
    hd_receipt *receipts; /* of each lane */
    hd_account_diff *accounts;
    hd_account_read *reads; /* NULL: none asked for */
    hd_slot_diff *slots;
    hd_slot_read *slot_reads; /* of tagged runs */
    hd_log_entry *logs;
    uint8_t *bytes;
    const offsets *off;
    const uint32_t *lane_tx; /* receipts are in the transactions' order; NULL: in the lanes' */
    offsets base;            /* what stands in the arrays already */
} export_args;

static __global__ void __launch_bounds__(BLOCK_SZ)
    wave_export(const __grid_constant__ wave_args w, const __grid_constant__ export_args e) {
    uint32_t lane = blockIdx.x * BLOCK_SZ + threadIdx.x;
    if (lane >= w.lane_cnt)
        return;
    hd_vm vm;
    wave_bind(&vm, &w, lane);
    lane_load(&vm);
    hd_receipt *r = &e.receipts[e.lane_tx ? e.lane_tx[lane] : lane];
    if (vm.s.stop != HD_STOP_DONE) { /* ran out of its class: another wave reports it */
        r->status = HD_TX_PENDING;
        return;
    }
    r->account_off = e.base.account + e.off[lane].account;
    r->slot_off = e.base.slot + e.off[lane].slot;
    r->log_off = e.base.log + e.off[lane].log;
    r->output_off = e.base.byte + e.off[lane].byte;
    lane_export(r, e.accounts, e.reads, e.slots, e.slot_reads, e.logs, e.bytes, &vm,
                w.export_flags);
}

/* ---- host side ---- */

/* A growing device (or pinned) buffer. */
typedef struct {
    uint8_t *p;
    size_t sz;
    int is_host;
} buffer;

static hd_err buffer_reserve(buffer *b, size_t sz) {
    if (sz <= b->sz && b->p)
        return HD_OK;
    size_t want = sz >> 30 ? sz : sz + sz / 4 + 256;
    if (b->p) {
        if (b->is_host)
            cudaFreeHost(b->p);
        else
            cudaFree(b->p);
        b->p = NULL;
        b->sz = 0;
    }
    CK(b->is_host ? cudaMallocHost((void **)&b->p, want) : cudaMalloc((void **)&b->p, want));
    b->sz = want;
    return HD_OK;
}

static void buffer_free(buffer *b) {
    if (b->p && b->is_host)
        cudaFreeHost(b->p);
    else if (b->p)
        cudaFree(b->p);
    b->p = NULL;
    b->sz = 0;
}

enum {
    B_STAGE,          /* pinned: everything that goes up in one copy */
    B_UP,             /* its device image */
    B_VERSIONS_STAGE, /* pinned: what earlier transactions wrote, likewise */
    B_VERSIONS,
    B_POOL,
    B_ORDER,
    B_KEYS,
    B_TEMP,
    B_RECORDS,
    B_RECORDS_HOST, /* pinned */
    B_COUNTS,
    B_OFFSETS,
    B_LIST,
    B_JOBS,
    B_IN,
    B_OUT,
    B_SCRATCH,
    B_IN_HOST,  /* pinned: inputs and outputs of precompiles that the host's runner serves */
    B_OUT_HOST, /* pinned */
    B_RECEIPTS,
    B_RESULTS,
    B_DOWN, /* pinned */
    B_CNT
};

/* Where the parts of a batch lie on the device, and which batch that is. */
typedef struct {
    const hd_world *worlds;
    const hd_env *envs;
    const hd_tx *txs;
    const uint8_t *data;
    hd_batch of;
    int is_whole; /* the copy was made and the device has not failed since */
} upload;

struct hd_exec_cuda {
    cudaStream_t stream;
    cudaEvent_t begin, end;
    size_t pool_max;
    uint32_t warp_max; /* that run at once */
    hd_lane_class classes[CLASS_CNT];
    buffer buf[B_CNT];
    upload up;
    hd_cuda_results
        *resident; /* results of the present run stay on the device; NULL: they do not */
    uint64_t kernel_ns;
    uint32_t launch_cnt;
    hd_trace_cuda *trace; /* made when first asked for */
    hd_trace_fn trace_fn; /* of the present run; NULL: not traced */
    void *trace_ctx;
};

static uint64_t class_tile_sz(const hd_lane_class *c) {
    return (uint64_t)c->unit_cnt * 512 + (uint64_t)c->linear_sz * 32;
}

extern "C" uint32_t hd_cuda_device_cnt(void) {
    int n = 0;
    if (cudaGetDeviceCount(&n) != cudaSuccess || n < 0)
        return 0;
    return (uint32_t)n;
}

extern "C" hd_err hd_cuda_device_info(uint32_t idx, char *name, size_t name_sz, uint64_t *memory_sz,
                                      uint32_t *multiprocessor_cnt) {
    struct cudaDeviceProp p;
    if (cudaGetDeviceProperties(&p, (int)idx) != cudaSuccess)
        return HD_ERR_ABSENT;
    snprintf(name, name_sz, "%s", p.name);
    *memory_sz = p.totalGlobalMem;
    *multiprocessor_cnt = (uint32_t)p.multiProcessorCount;
    return HD_OK;
}

extern "C" hd_err hd_exec_cuda_open(hd_exec_cuda **out) {
    size_t free_sz, all_sz;
    if (hd_cuda_device_cnt() == 0)
        return HD_ERR_ABSENT;
    hd_exec_cuda *x = (hd_exec_cuda *)calloc(1, sizeof(*x));
    if (!x)
        return HD_ERR_NOMEM;
    *out = x;
    hd_cuda_classes_init(x->classes);
    x->buf[B_STAGE].is_host = x->buf[B_RECORDS_HOST].is_host = x->buf[B_DOWN].is_host = 1;
    x->buf[B_IN_HOST].is_host = x->buf[B_OUT_HOST].is_host = 1;
    x->buf[B_VERSIONS_STAGE].is_host = 1;
    hd_err err = HD_ERR_DEVICE;
    int low, high; /* priorities: what prepares later work gives way to what runs */
    if (cudaSetDevice(0) != cudaSuccess || cudaMemGetInfo(&free_sz, &all_sz) != cudaSuccess ||
        cudaDeviceGetStreamPriorityRange(&low, &high) != cudaSuccess ||
        cudaStreamCreateWithPriority(&x->stream, cudaStreamNonBlocking, high) != cudaSuccess ||
        cudaEventCreate(&x->begin) != cudaSuccess || cudaEventCreate(&x->end) != cudaSuccess)
        goto fail;
    int multiprocessor_cnt;
    if (cudaDeviceGetAttribute(&multiprocessor_cnt, cudaDevAttrMultiProcessorCount, 0) !=
        cudaSuccess)
        goto fail;
    x->pool_max = free_sz / 100 * 75;
    x->warp_max = (uint32_t)multiprocessor_cnt * WARPS_PER_MULTIPROCESSOR;
    /* Ask once whether the kernels were compiled for this device. */
    struct cudaFuncAttributes attributes;
    if (cudaFuncGetAttributes(&attributes, (const void *)wave_step) != cudaSuccess) {
        err = HD_ERR_ABSENT;
        goto fail;
    }
    return HD_OK;
fail:
    hd_exec_cuda_close(x);
    *out = NULL;
    return err;
}

extern "C" void hd_exec_cuda_close(hd_exec_cuda *x) {
    if (!x)
        return;
    for (uint32_t i = 0; i < B_CNT; i++)
        buffer_free(&x->buf[i]);
    hd_trace_cuda_close(x->trace);
    if (x->begin)
        cudaEventDestroy(x->begin);
    if (x->end)
        cudaEventDestroy(x->end);
    if (x->stream)
        cudaStreamDestroy(x->stream);
    free(x);
}

/* Kernel time between these two is added to kernel_ns; the second waits. */
static hd_err time_begin(hd_exec_cuda *x) {
    CK(cudaEventRecord(x->begin, x->stream));
    return HD_OK;
}
static hd_err time_end(hd_exec_cuda *x) {
    float ms = 0;
    CK(cudaEventRecord(x->end, x->stream));
    CK(cudaEventSynchronize(x->end));
    CK(cudaGetLastError());
    CK(cudaEventElapsedTime(&ms, x->begin, x->end));
    x->kernel_ns += (uint64_t)((double)ms * 1e6);
    return HD_OK;
}

static uint32_t grid(uint64_t cnt) { return (uint32_t)((cnt + BLOCK_SZ - 1) / BLOCK_SZ); }

/* ---- upload: everything a batch names, in one copy ---- */
static uint64_t place(uint64_t *at, uint64_t sz) {
    uint64_t off = *at;
    *at += (sz + 255) & ~(uint64_t)255;
    return off;
}

/* Bytes of a world's code: the end of its last code with its padding. Codes are appended in order.
 */
static void code_extent(uint64_t *bytes, uint64_t *words, const hd_world *w) {
    *bytes = *words = 0;
    for (uint32_t i = 0; i < w->code_cnt; i++) {
        const hd_world_code *c = &w->codes[i];
        *bytes = HD_MAX(*bytes, c->code_off + c->code_sz + 33);
        *words = HD_MAX(*words, c->jump_off + c->code_sz / 64 + 1);
    }
}

/* Whether what the batch names already lies on the device. The caller's word stands for the
   contents; that it is the same memory is checked. */
static int is_uploaded(const upload *u, const hd_batch *b) {
    return (b->flags & HD_BATCH_SAME) && u->is_whole && u->of.worlds == b->worlds &&
           u->of.envs == b->envs && u->of.txs == b->txs && u->of.data == b->data &&
           u->of.data_sz == b->data_sz && u->of.world_cnt == b->world_cnt &&
           u->of.env_cnt == b->env_cnt && u->of.tx_cnt == b->tx_cnt;
}

static hd_err upload_batch(hd_exec_cuda *x, const hd_batch *b) {
    upload *u = &x->up;
    uint64_t at = 0;
    if (is_uploaded(u, b))
        return HD_OK;
    u->is_whole = 0;
    uint64_t world_off = place(&at, (uint64_t)b->world_cnt * sizeof(hd_world));
    uint64_t env_off = place(&at, (uint64_t)b->env_cnt * sizeof(hd_env));
    uint64_t tx_off = place(&at, (uint64_t)b->tx_cnt * sizeof(hd_tx));
    uint64_t data_off = place(&at, b->data_sz + 64);
    uint64_t worlds_at = at;
    for (uint32_t i = 0; i < b->world_cnt; i++) {
        const hd_world *w = &b->worlds[i];
        uint64_t bytes, words;
        code_extent(&bytes, &words, w);
        place(&at, (uint64_t)w->account_cnt * sizeof(hd_world_account));
        place(&at, ((uint64_t)w->account_mask + 1) * 4);
        place(&at, ((uint64_t)w->slot_mask + 1) * sizeof(hd_world_slot));
        place(&at, (uint64_t)w->code_cnt * sizeof(hd_world_code));
        place(&at, bytes);
        place(&at, words * 8);
    }
    RET(buffer_reserve(&x->buf[B_STAGE], at));
    RET(buffer_reserve(&x->buf[B_UP], at));
    uint8_t *h = x->buf[B_STAGE].p, *d = x->buf[B_UP].p;
    u->worlds = (const hd_world *)(d + world_off);
    u->envs = (const hd_env *)(d + env_off);
    u->txs = (const hd_tx *)(d + tx_off);
    u->data = d + data_off;
    memcpy(h + env_off, b->envs, (size_t)b->env_cnt * sizeof(hd_env));
    memcpy(h + tx_off, b->txs, (size_t)b->tx_cnt * sizeof(hd_tx));
    if (b->data_sz)
        memcpy(h + data_off, b->data, b->data_sz);
    memset(h + data_off + b->data_sz, 0, 64);
    at = worlds_at;
    for (uint32_t i = 0; i < b->world_cnt; i++) {
        const hd_world *w = &b->worlds[i];
        hd_world v = *w;
        uint64_t bytes, words, off, sz;
        code_extent(&bytes, &words, w);
#define PUT(field, type, size) \
    do { \
        sz = (size); \
        off = place(&at, sz); \
        if (sz) \
            memcpy(h + off, w->field, sz); \
        v.field = (type)(d + off); \
    } while (0)
        PUT(accounts, const hd_world_account *,
            (uint64_t)w->account_cnt * sizeof(hd_world_account));
        PUT(account_table, const uint32_t *, ((uint64_t)w->account_mask + 1) * 4);
        PUT(slots, const hd_world_slot *, ((uint64_t)w->slot_mask + 1) * sizeof(hd_world_slot));
        PUT(codes, const hd_world_code *, (uint64_t)w->code_cnt * sizeof(hd_world_code));
        PUT(code_bytes, const uint8_t *, bytes);
        PUT(jump_words, const uint64_t *, words * 8);
#undef PUT
        memcpy(h + world_off + (size_t)i * sizeof(hd_world), &v, sizeof(v));
    }
    CK(cudaMemcpyAsync(d, h, at, cudaMemcpyHostToDevice, x->stream));
    u->of = *b;
    u->is_whole = 1;
    return HD_OK;
}

/* What the versions' tables hold goes up in one copy; *out is their place on the device. */
static hd_err upload_versions(hd_exec_cuda *x, const hd_versions **out, const hd_versions *v) {
    *out = NULL;
    if (!v)
        return HD_OK;
    uint64_t sz = hd_versions_image_sz(v);
    RET(buffer_reserve(&x->buf[B_VERSIONS_STAGE], sz));
    RET(buffer_reserve(&x->buf[B_VERSIONS], sz));
    hd_versions_image_put(x->buf[B_VERSIONS_STAGE].p, x->buf[B_VERSIONS].p, v);
    CK(cudaMemcpyAsync(x->buf[B_VERSIONS].p, x->buf[B_VERSIONS_STAGE].p, sz, cudaMemcpyHostToDevice,
                       x->stream));
    *out = (const hd_versions *)x->buf[B_VERSIONS].p;
    return HD_OK;
}

/* ---- serving lanes between launches ---- */

/* Whether a call is too long for one thread of the device. */
static int is_for_host(const stop_record *r) {
    switch (r->id) {
    case HD_PRECOMPILE_MODEXP: return r->in_sz > MODEXP_DEVICE_SZ_MAX;
    case HD_PRECOMPILE_BLAKE2F: return r->number > BLAKE2F_DEVICE_ROUNDS_MAX;
    case HD_PRECOMPILE_BN_PAIRING:
    case HD_PRECOMPILE_BLS_G1_MSM:
    case HD_PRECOMPILE_BLS_G2_MSM:
    case HD_PRECOMPILE_BLS_PAIRING: return r->in_sz > CURVE_DEVICE_SZ_MAX;
    default: return r->in_sz > HASH_DEVICE_SZ_MAX;
    }
}

/* Runs the precompiles that records[0,cnt) wait for, all of one id. */
static hd_err serve_precompiles(hd_exec_cuda *x, const wave_args *w, const stop_record *records,
                                uint32_t cnt) {
    uint32_t id = records[0].id, *lanes = (uint32_t *)malloc((size_t)cnt * 4);
    hd_precompile_job *jobs = (hd_precompile_job *)calloc(cnt, sizeof(*jobs));
    uint64_t in_sz = 0, out_sz = 0, scratch_sz = 0;
    hd_err err = HD_ERR_NOMEM;
    int is_host = 0;
    uint8_t *dev_jobs, *dev_lanes;
    if (!lanes || !jobs)
        goto done;
    for (uint32_t i = 0; i < cnt; i++) {
        lanes[i] = records[i].lane;
        jobs[i].in_off = in_sz;
        jobs[i].out_off = out_sz;
        jobs[i].scratch_off = scratch_sz;
        jobs[i].in_sz = records[i].in_sz;
        jobs[i].out_max = (uint32_t)records[i].out_max;
        in_sz += ((uint64_t)records[i].in_sz + 63) & ~(uint64_t)63;
        out_sz += (records[i].out_max + 63) & ~(uint64_t)63;
        if (records[i].scratch_sz < (uint64_t)1 << 32)
            scratch_sz += (records[i].scratch_sz + 63) & ~(uint64_t)63;
        is_host |= is_for_host(&records[i]);
    }
    err = buffer_reserve(&x->buf[B_IN], in_sz + 64);
    if (err == HD_OK)
        err = buffer_reserve(&x->buf[B_OUT], out_sz + 64);
    if (err == HD_OK)
        err = buffer_reserve(&x->buf[B_SCRATCH], is_host ? 64 : scratch_sz + 64);
    if (err == HD_OK)
        err = buffer_reserve(&x->buf[B_JOBS], (size_t)cnt * (sizeof(*jobs) + 4) + 256);
    if (err != HD_OK)
        goto done;
    dev_jobs = x->buf[B_JOBS].p;
    dev_lanes = dev_jobs + (size_t)cnt * sizeof(*jobs);
    err = HD_ERR_DEVICE;
    if (cudaMemcpyAsync(dev_jobs, jobs, (size_t)cnt * sizeof(*jobs), cudaMemcpyHostToDevice,
                        x->stream) != cudaSuccess ||
        cudaMemcpyAsync(dev_lanes, lanes, (size_t)cnt * 4, cudaMemcpyHostToDevice, x->stream) !=
            cudaSuccess)
        goto done;
    err = time_begin(x);
    if (err != HD_OK)
        goto done;
    precompile_in<<<grid((uint64_t)cnt * 32), BLOCK_SZ, 0, x->stream>>>(
        *w, (const uint32_t *)dev_lanes, (const hd_precompile_job *)dev_jobs, cnt, x->buf[B_IN].p);
    if (!is_host) {
        err = hd_precompile_cuda_launch(id, (hd_precompile_job *)dev_jobs, cnt, x->buf[B_IN].p,
                                        x->buf[B_OUT].p, x->buf[B_SCRATCH].p, x->stream);
    } else {
        err = buffer_reserve(&x->buf[B_IN_HOST], in_sz + 64);
        if (err == HD_OK)
            err = buffer_reserve(&x->buf[B_OUT_HOST], out_sz + 64);
        uint8_t *in = x->buf[B_IN_HOST].p, *out = x->buf[B_OUT_HOST].p;
        if (err == HD_OK && (cudaMemcpyAsync(in, x->buf[B_IN].p, in_sz, cudaMemcpyDeviceToHost,
                                             x->stream) != cudaSuccess ||
                             cudaStreamSynchronize(x->stream) != cudaSuccess))
            err = HD_ERR_DEVICE;
        for (uint32_t i = 0; err == HD_OK && i < cnt; i++) {
            int r = hd_precompile_host_run(out + jobs[i].out_off, jobs[i].out_max, &jobs[i].out_sz,
                                           id, in + jobs[i].in_off, jobs[i].in_sz, NULL, 0);
            jobs[i].is_ok = r == 1;
            if (r < 0)
                err = r;
        }
        if (err == HD_OK && (cudaMemcpyAsync(x->buf[B_OUT].p, out, out_sz, cudaMemcpyHostToDevice,
                                             x->stream) != cudaSuccess ||
                             cudaMemcpyAsync(dev_jobs, jobs, (size_t)cnt * sizeof(*jobs),
                                             cudaMemcpyHostToDevice, x->stream) != cudaSuccess ||
                             cudaStreamSynchronize(x->stream) != cudaSuccess))
            err = HD_ERR_DEVICE;
    }
    if (err != HD_OK)
        goto done;
    precompile_out<<<grid(cnt), BLOCK_SZ, 0, x->stream>>>(
        *w, (const uint32_t *)dev_lanes, (const hd_precompile_job *)dev_jobs, cnt, x->buf[B_OUT].p);
    x->launch_cnt += 3;
    err = time_end(x);
done:
    free(lanes);
    free(jobs);
    return err;
}

static hd_err serve_blockhashes(hd_exec_cuda *x, const wave_args *w, const hd_batch *b,
                                const uint32_t *lane_tx, const stop_record *records, uint32_t cnt) {
    size_t one = 4 + 8 + sizeof(hd_hash);
    uint8_t *h = (uint8_t *)malloc(one * cnt);
    hd_err err = h ? HD_OK : HD_ERR_NOMEM;
    /* Numbers first: they want 8-byte alignment. */
    for (uint32_t i = 0; err == HD_OK && i < cnt; i++) {
        hd_hash hash;
        memcpy(h + (size_t)i * 8, &records[i].number, 8);
        err = b->blockhash
                  ? b->blockhash(b->blockhash_ctx, &hash,
                                 x->resident ? 0 : b->txs[lane_tx[records[i].lane]].world_idx,
                                 records[i].number)
                  : HD_ERR_ABSENT;
        if (err == HD_OK)
            memcpy(h + (size_t)cnt * 8 + (size_t)i * 32, &hash, 32);
        memcpy(h + (size_t)cnt * 40 + (size_t)i * 4, &records[i].lane, 4);
    }
    if (err == HD_OK)
        err = buffer_reserve(&x->buf[B_JOBS], one * cnt);
    if (err == HD_OK) {
        uint8_t *d = x->buf[B_JOBS].p;
        if (cudaMemcpyAsync(d, h, one * cnt, cudaMemcpyHostToDevice, x->stream) != cudaSuccess)
            err = HD_ERR_DEVICE;
        supply_blockhash<<<grid(cnt), BLOCK_SZ, 0, x->stream>>>(
            *w, (const uint32_t *)(d + (size_t)cnt * 40), (const uint64_t *)d,
            (const hd_hash *)(d + (size_t)cnt * 8), cnt);
        x->launch_cnt++;
        if (cudaStreamSynchronize(x->stream) != cudaSuccess)
            err = HD_ERR_DEVICE;
    }
    free(h);
    return err;
}

/* Nothing runs on the device while the world is changed. */
static hd_err serve_needs(hd_exec_cuda *x, const wave_args *w, const hd_batch *b,
                          const stop_record *records, uint32_t cnt) {
    size_t needs_sz = (size_t)cnt * sizeof(hd_world_need);
    if (!b->supply)
        return HD_ERR_ABSENT;
    RET(buffer_reserve(&x->buf[B_JOBS], needs_sz + (size_t)cnt * 4));
    uint8_t *d = x->buf[B_JOBS].p, *h = (uint8_t *)malloc(needs_sz + (size_t)cnt * 4);
    hd_world_need *needs = (hd_world_need *)(void *)h;
    uint32_t *lanes = (uint32_t *)(void *)(h + needs_sz);
    if (!h)
        return HD_ERR_NOMEM;
    for (uint32_t i = 0; i < cnt; i++)
        lanes[i] = records[i].lane;
    hd_err err = HD_OK;
    if (cudaMemcpyAsync(d + needs_sz, lanes, (size_t)cnt * 4, cudaMemcpyHostToDevice, x->stream) !=
        cudaSuccess)
        err = HD_ERR_DEVICE;
    gather_needs<<<grid(cnt), BLOCK_SZ, 0, x->stream>>>(*w, (const uint32_t *)(d + needs_sz), cnt,
                                                        (hd_world_need *)d);
    x->launch_cnt++;
    if (cudaGetLastError() != cudaSuccess ||
        cudaMemcpyAsync(needs, d, needs_sz, cudaMemcpyDeviceToHost, x->stream) != cudaSuccess ||
        cudaStreamSynchronize(x->stream) != cudaSuccess)
        err = HD_ERR_DEVICE;
    if (err == HD_OK)
        err = b->supply->need(b->supply->ctx, needs, cnt);
    free(h);
    return err;
}

static int record_order(const void *a, const void *b) {
    const stop_record *p = (const stop_record *)a, *q = (const stop_record *)b;
    if (p->stop != q->stop)
        return p->stop < q->stop ? -1 : 1;
    if (p->id != q->id)
        return p->id < q->id ? -1 : 1;
    return p->lane < q->lane ? -1 : p->lane > q->lane;
}

/* Sets the receipt of a transaction that we could not finish. */
static void receipt_unfinished(hd_receipt *r, uint32_t status, uint64_t work) {
    memset(r, 0, sizeof(*r));
    r->status = status;
    r->work = work;
}

/* ---- one wave ---- */
static hd_err wave_export_down(hd_exec_cuda *x, hd_results *out, const wave_args *w,
                               const uint32_t *lane_tx);
static hd_err wave_export_resident(hd_exec_cuda *x, const wave_args *w);

/* One launch of the interpreter; the records of lanes that stopped come to records_host + 256. */
static hd_err launch_step(hd_exec_cuda *x, const wave_args *w, const uint32_t *dev_list,
                          uint32_t run_cnt, uint8_t *records_host, uint32_t *stop_cnt) {
    uint32_t stride = 1;
    while ((dev_list || w->is_retry) && stride < 32 &&
           (uint64_t)run_cnt * stride * 2 <= (uint64_t)x->warp_max * 32)
        stride *= 2;
    CK(cudaMemsetAsync(w->record_cnt, 0, 4, x->stream));
    RET(time_begin(x));
    if (x->trace_fn)
        RET(hd_trace_cuda_step(x->trace, w, dev_list == NULL, LAUNCH_FUEL, x->trace_fn,
                               x->trace_ctx, x->stream));
    else if (w->export_flags & HD_EXPORT_TAGGED)
        hd_tagged_cuda_step(w, dev_list, run_cnt, stride, LAUNCH_FUEL, x->stream);
    else
        wave_step<<<grid((uint64_t)run_cnt * stride), BLOCK_SZ, 0, x->stream>>>(
            *w, dev_list, run_cnt, stride, LAUNCH_FUEL);
    x->launch_cnt++;
    RET(time_end(x));
    CK(cudaMemcpy(records_host, w->record_cnt, 4, cudaMemcpyDeviceToHost));
    *stop_cnt = *(uint32_t *)(void *)records_host;
    CK(cudaMemcpy(records_host + 256, w->records, (size_t)*stop_cnt * sizeof(stop_record),
                  cudaMemcpyDeviceToHost));
    return HD_OK;
}

/* Runs lane_tx[0,cnt) (host copy; on the device at w->lane_tx) in lanes of class cls_idx. Those
   that need a larger class are appended to next. */
static hd_err wave_run(hd_exec_cuda *x, hd_results *out, const hd_batch *b, wave_args *w,
                       const uint32_t *lane_tx, uint32_t cls_idx, uint32_t *next,
                       uint32_t *next_cnt) {
    uint32_t cnt = w->lane_cnt, run_cnt = cnt, parked_cnt = 0, *list = NULL, *parked = NULL;
    hd_err err = HD_OK;
    RET(buffer_reserve(&x->buf[B_RECORDS], (size_t)cnt * sizeof(stop_record) + 256));
    RET(buffer_reserve(&x->buf[B_RECORDS_HOST], (size_t)cnt * sizeof(stop_record) + 256));
    RET(buffer_reserve(&x->buf[B_COUNTS], (size_t)cnt * sizeof(hd_export_counts)));
    w->record_cnt = (uint32_t *)x->buf[B_RECORDS].p;
    w->records = (stop_record *)(x->buf[B_RECORDS].p + 256);
    w->counts = (hd_export_counts *)x->buf[B_COUNTS].p;
    uint8_t *records_host = x->buf[B_RECORDS_HOST].p;
    const uint32_t *dev_list = NULL;
    for (uint32_t launch = 0; launch < LAUNCH_MAX; launch++) {
        uint32_t stop_cnt;
        uint64_t kernel_ns = x->kernel_ns;
        err = launch_step(x, w, dev_list, run_cnt, records_host, &stop_cnt);
        if (is_verbose() && x->kernel_ns - kernel_ns > 300000000)
            fprintf(stderr, "heddle: cuda: class %u: a launch of %u lanes took %.3f s\n", cls_idx,
                    run_cnt, (double)(x->kernel_ns - kernel_ns) * 1e-9);
        if (err != HD_OK || (stop_cnt == 0 && parked_cnt == 0))
            break;
        stop_record *r = (stop_record *)(records_host + 256);
        qsort(r, stop_cnt, sizeof(*r), record_order);
        if (!list) {
            list = (uint32_t *)malloc((size_t)cnt * 8);
            if (!list) {
                err = HD_ERR_NOMEM;
                break;
            }
            parked = list + cnt;
        }
        run_cnt = 0;
        for (uint32_t i = 0; i < stop_cnt && err == HD_OK;) {
            uint32_t same = 1, go_on = 1;
            while (i + same < stop_cnt && r[i + same].stop == r[i].stop &&
                   (r[i].stop != HD_STOP_NEED_PRECOMPILE || r[i + same].id == r[i].id))
                same++;
            if (r[i].stop == HD_STOP_NEED_PRECOMPILE) {
                err = serve_precompiles(x, w, r + i, same);
            } else if (r[i].stop == HD_STOP_NEED_BLOCKHASH) {
                err = serve_blockhashes(x, w, b, lane_tx, r + i, same);
            } else if (r[i].stop == HD_STOP_NEED_ACCOUNT || r[i].stop == HD_STOP_NEED_SLOT) {
                err = serve_needs(x, w, b, r + i, same);
            } else if (r[i].stop == HD_STOP_NEED_MEMORY) {
                go_on = 0;
                for (uint32_t k = 0; k < same; k++) {
                    uint32_t tx = lane_tx[r[i + k].lane];
                    if (cls_idx + 1 < CLASS_CNT)
                        next[(*next_cnt)++] = tx;
                    else
                        receipt_unfinished(&out->receipts[tx], HD_TX_NO_MEMORY, r[i + k].work);
                }
            } else if (r[i].stop != HD_STOP_RUNNING) {
                err = HD_ERR_ABSENT;
            }
            for (uint32_t k = 0; go_on && k < same; k++) {
                if (b->work_max && r[i + k].work >= b->work_max)
                    receipt_unfinished(&out->receipts[lane_tx[r[i + k].lane]], HD_TX_WORK_LIMIT,
                                       r[i + k].work);
                else if (r[i].stop == HD_STOP_RUNNING)
                    parked[parked_cnt++] = r[i + k].lane;
                else
                    list[run_cnt++] = r[i + k].lane;
            }
            i += same;
        }
        /* Lanes that were served go on alone: they would wait a whole launch for those that compute
           if both ran together, at each of their calls. */
        if (run_cnt == 0) {
            memcpy(list, parked, (size_t)parked_cnt * 4);
            run_cnt = parked_cnt;
            parked_cnt = 0;
        }
        if (err != HD_OK || run_cnt == 0)
            break;
        err = buffer_reserve(&x->buf[B_LIST], (size_t)run_cnt * 4);
        if (err != HD_OK)
            break;
        if (cudaMemcpyAsync(x->buf[B_LIST].p, list, (size_t)run_cnt * 4, cudaMemcpyHostToDevice,
                            x->stream) != cudaSuccess ||
            cudaStreamSynchronize(x->stream) != cudaSuccess) {
            err = HD_ERR_DEVICE;
            break;
        }
        dev_list = (const uint32_t *)x->buf[B_LIST].p;
    }
    free(list);
    if (err == HD_OK)
        err = x->resident ? wave_export_resident(x, w) : wave_export_down(x, out, w, lane_tx);
    return err;
}

/* Offsets of each lane's part in the export, on the device, and their sums. */
static hd_err export_offsets(hd_exec_cuda *x, offsets **out, offsets *sum, const wave_args *w) {
    uint32_t cnt = w->lane_cnt;
    size_t temp_sz = 0;
    offsets zero = {0, 0, 0, 0};
    RET(buffer_reserve(&x->buf[B_OFFSETS], ((size_t)cnt + 1) * sizeof(offsets)));
    offsets *off = (offsets *)x->buf[B_OFFSETS].p;
    CK(cub::DeviceScan::ExclusiveScan(NULL, temp_sz, off, off, offsets_sum(), zero, (int)cnt + 1,
                                      x->stream));
    RET(buffer_reserve(&x->buf[B_TEMP], temp_sz));
    temp_sz = x->buf[B_TEMP].sz;
    RET(time_begin(x));
    widen_counts<<<grid((uint64_t)cnt + 1), BLOCK_SZ, 0, x->stream>>>(off, w->counts, cnt);
    CK(cub::DeviceScan::ExclusiveScan(x->buf[B_TEMP].p, temp_sz, off, off, offsets_sum(), zero,
                                      (int)cnt + 1, x->stream));
    RET(time_end(x));
    CK(cudaMemcpy(sum, off + cnt, sizeof(*sum), cudaMemcpyDeviceToHost));
    *out = off;
    return HD_OK;
}

/* An array of the device with room for more; what is there stays. */
static hd_err array_reserve(hd_exec_cuda *x, void **p, uint64_t *cap, uint64_t cnt, uint64_t more,
                            size_t elem_sz) {
    if (cnt + more <= *cap && *p)
        return HD_OK;
    uint64_t next = cnt + more + (cnt + more) / 4 + 64;
    void *q;
    CK(cudaMalloc(&q, next * elem_sz));
    if (cnt)
        CK(cudaMemcpyAsync(q, *p, cnt * elem_sz, cudaMemcpyDeviceToDevice, x->stream));
    CK(cudaStreamSynchronize(x->stream));
    CK(cudaFree(*p));
    *p = q;
    *cap = next;
    return HD_OK;
}

/* The same into arrays on the device, behind what is there. */
static hd_err wave_export_resident(hd_exec_cuda *x, const wave_args *w) {
    hd_cuda_results *o = x->resident;
    export_args e;
    offsets *off, sum;
    RET(export_offsets(x, &off, &sum, w));
    uint64_t read_cap = o->read_cap;
    RET(array_reserve(x, (void **)&o->accounts, &o->account_cap, o->account_cnt, sum.account,
                      sizeof(*o->accounts)));
    RET(array_reserve(x, (void **)&o->reads, &read_cap, o->account_cnt, sum.account,
                      sizeof(*o->reads)));
    o->read_cap = read_cap;
    RET(array_reserve(x, (void **)&o->slots, &o->slot_cap, o->slot_cnt, sum.slot,
                      sizeof(*o->slots)));
    RET(array_reserve(x, (void **)&o->slot_reads, &o->slot_read_cap, o->slot_cnt, sum.slot,
                      sizeof(*o->slot_reads)));
    RET(array_reserve(x, (void **)&o->logs, &o->log_cap, o->log_cnt, sum.log, sizeof(*o->logs)));
    RET(array_reserve(x, (void **)&o->bytes, &o->bytes_cap, o->bytes_sz, sum.byte, 1));
    e.receipts = o->receipts;
    e.accounts = o->accounts;
    e.reads = o->reads;
    e.slots = o->slots;
    e.slot_reads = o->slot_reads;
    e.logs = o->logs;
    e.bytes = o->bytes;
    e.off = off;
    e.lane_tx = w->lane_tx;
    e.base.account = o->account_cnt;
    e.base.slot = o->slot_cnt;
    e.base.log = o->log_cnt;
    e.base.byte = o->bytes_sz;
    RET(time_begin(x));
    wave_export<<<grid(w->lane_cnt), BLOCK_SZ, 0, x->stream>>>(*w, e);
    x->launch_cnt += 2;
    RET(time_end(x));
    o->account_cnt += sum.account;
    o->slot_cnt += sum.slot;
    o->log_cnt += sum.log;
    o->bytes_sz += sum.byte;
    return HD_OK;
}

/* Exports the finished lanes of a wave and copies what they left. */
static hd_err wave_export_down(hd_exec_cuda *x, hd_results *out, const wave_args *w,
                               const uint32_t *lane_tx) {
    uint32_t cnt = w->lane_cnt;
    offsets *off, sum;
    export_args e;
    memset(&e, 0, sizeof(e));
    RET(export_offsets(x, &off, &sum, w));
    uint64_t total[4] = {sum.account, sum.slot, sum.log, sum.byte};
    uint64_t at = 0;
    uint64_t accounts_at = place(&at, total[0] * sizeof(hd_account_diff));
    uint64_t reads_cnt = w->export_flags & HD_EXPORT_READS ? total[0] : 0;
    uint64_t reads_at = place(&at, reads_cnt * sizeof(hd_account_read));
    uint64_t slots_at = place(&at, total[1] * sizeof(hd_slot_diff));
    uint64_t slot_reads_cnt = w->export_flags & HD_EXPORT_TAGGED ? total[1] : 0;
    uint64_t slot_reads_at = place(&at, slot_reads_cnt * sizeof(hd_slot_read));
    uint64_t logs_at = place(&at, total[2] * sizeof(hd_log_entry));
    uint64_t bytes_at = place(&at, total[3]);
    RET(buffer_reserve(&x->buf[B_RESULTS], at + 256));
    RET(buffer_reserve(&x->buf[B_RECEIPTS], (size_t)cnt * sizeof(hd_receipt)));
    e.receipts = (hd_receipt *)x->buf[B_RECEIPTS].p;
    e.accounts = (hd_account_diff *)(x->buf[B_RESULTS].p + accounts_at);
    e.reads = (hd_account_read *)(x->buf[B_RESULTS].p + reads_at);
    e.slots = (hd_slot_diff *)(x->buf[B_RESULTS].p + slots_at);
    e.slot_reads = (hd_slot_read *)(x->buf[B_RESULTS].p + slot_reads_at);
    e.logs = (hd_log_entry *)(x->buf[B_RESULTS].p + logs_at);
    e.bytes = x->buf[B_RESULTS].p + bytes_at;
    e.off = off;
    RET(time_begin(x));
    wave_export<<<grid(cnt), BLOCK_SZ, 0, x->stream>>>(*w, e);
    x->launch_cnt += 2;
    RET(time_end(x));

    uint64_t down_receipts = (uint64_t)cnt * sizeof(hd_receipt);
    RET(buffer_reserve(&x->buf[B_DOWN], down_receipts + at + 256));
    uint8_t *h = x->buf[B_DOWN].p, *hr = h + at;
    if (at)
        CK(cudaMemcpyAsync(h, x->buf[B_RESULTS].p, at, cudaMemcpyDeviceToHost, x->stream));
    CK(cudaMemcpyAsync(hr, x->buf[B_RECEIPTS].p, down_receipts, cudaMemcpyDeviceToHost, x->stream));
    CK(cudaStreamSynchronize(x->stream));
    RET(hd_results_reserve(out, total[0], total[1], total[2], total[3]));
    if (total[0])
        memcpy(out->accounts + out->account_cnt, h + accounts_at,
               total[0] * sizeof(hd_account_diff));
    if (reads_cnt) {
        RET(hd_results_reserve_reads(out, reads_cnt));
        memcpy(out->reads + out->account_cnt, h + reads_at, reads_cnt * sizeof(hd_account_read));
    }
    if (total[1])
        memcpy(out->slots + out->slot_cnt, h + slots_at, total[1] * sizeof(hd_slot_diff));
    if (slot_reads_cnt) {
        RET(hd_results_reserve_slot_reads(out, slot_reads_cnt));
        memcpy(out->slot_reads + out->slot_cnt, h + slot_reads_at,
               slot_reads_cnt * sizeof(hd_slot_read));
    }
    if (total[2])
        memcpy(out->logs + out->log_cnt, h + logs_at, total[2] * sizeof(hd_log_entry));
    if (total[3])
        memcpy(out->bytes + out->bytes_sz, h + bytes_at, total[3]);
    for (uint64_t i = 0; i < total[0]; i++)
        out->accounts[out->account_cnt + i].code_off += out->bytes_sz;
    for (uint64_t i = 0; i < total[2]; i++)
        out->logs[out->log_cnt + i].data_off += out->bytes_sz;
    for (uint32_t i = 0; i < cnt; i++) {
        const hd_receipt *r = (const hd_receipt *)(void *)hr + i;
        if (r->status == HD_TX_PENDING)
            continue;
        hd_receipt *to = &out->receipts[lane_tx[i]];
        *to = *r;
        to->account_off += out->account_cnt;
        to->slot_off += out->slot_cnt;
        to->log_off += out->log_cnt;
        to->output_off += out->bytes_sz;
    }
    out->account_cnt += total[0];
    out->slot_cnt += total[1];
    out->log_cnt += total[2];
    out->bytes_sz += total[3];
    return HD_OK;
}

static uint32_t batch_run_cnt(const hd_batch *b) { return b->list ? b->list_cnt : b->tx_cnt; }

/* The order of lanes: grouped by code and selector, or as given. Fills B_ORDER and its host copy.
 */
static hd_err order_lanes(hd_exec_cuda *x, uint32_t *host_order, const hd_batch *b,
                          const upload *u) {
    uint32_t n = batch_run_cnt(b);
    RET(buffer_reserve(&x->buf[B_ORDER], (size_t)n * 4));
    for (uint32_t i = 0; i < n; i++)
        host_order[i] = b->list ? b->list[i] : i;
    if ((b->flags & HD_BATCH_UNSORTED) || n <= 32) {
        CK(cudaMemcpyAsync(x->buf[B_ORDER].p, host_order, (size_t)n * 4, cudaMemcpyHostToDevice,
                           x->stream));
        return HD_OK;
    }
    size_t temp_sz = 0;
    uint32_t is_mixed = 0;
    RET(buffer_reserve(&x->buf[B_KEYS], (size_t)n * 12 + 256));
    uint32_t *flag = (uint32_t *)x->buf[B_KEYS].p, *keys = flag + 64, *keys_out = keys + n;
    uint32_t *idx = keys_out + n;
    CK(cudaMemsetAsync(flag, 0, 4, x->stream));
    if (b->list)
        CK(cudaMemcpyAsync(idx, host_order, (size_t)n * 4, cudaMemcpyHostToDevice, x->stream));
    RET(time_begin(x));
    sort_keys<<<grid(n), BLOCK_SZ, 0, x->stream>>>(keys, idx, flag, u->txs, u->worlds, u->data, n,
                                                   b->list != NULL);
    x->launch_cnt++;
    RET(time_end(x));
    CK(cudaMemcpy(&is_mixed, flag, 4, cudaMemcpyDeviceToHost));
    if (!is_mixed) {
        CK(cudaMemcpyAsync(x->buf[B_ORDER].p, idx, (size_t)n * 4, cudaMemcpyDeviceToDevice,
                           x->stream));
        return HD_OK;
    }
    CK(cub::DeviceRadixSort::SortPairs(NULL, temp_sz, keys, keys_out, idx,
                                       (uint32_t *)x->buf[B_ORDER].p, (int)n, 0, 32, x->stream));
    RET(buffer_reserve(&x->buf[B_TEMP], temp_sz));
    temp_sz = x->buf[B_TEMP].sz;
    RET(time_begin(x));
    CK(cub::DeviceRadixSort::SortPairs(x->buf[B_TEMP].p, temp_sz, keys, keys_out, idx,
                                       (uint32_t *)x->buf[B_ORDER].p, (int)n, 0, 32, x->stream));
    x->launch_cnt++;
    RET(time_end(x));
    CK(cudaMemcpy(host_order, x->buf[B_ORDER].p, (size_t)n * 4, cudaMemcpyDeviceToHost));
    return HD_OK;
}

static uint64_t class_lanes_max(const hd_exec_cuda *x, uint32_t c) {
    return x->pool_max / class_tile_sz(&x->classes[c]) * 32;
}

/* The class in which cnt lanes that ran out of class c begin again: the largest that holds them all
   at once, so that a long one begins again as seldom as can be; else the next. */
static uint32_t class_after(const hd_exec_cuda *x, uint32_t c, uint32_t cnt) {
    for (uint32_t i = CLASS_CNT - 1; i > c + 1; i--)
        if (class_lanes_max(x, i) >= cnt)
            return i;
    return c + 1;
}

static hd_err run_classes(hd_exec_cuda *x, hd_results *out, const hd_batch *b, uint32_t *order,
                          uint32_t *next) {
    const upload *u = &x->up;
    const hd_versions *versions;
    uint32_t cnt = batch_run_cnt(b), next_cnt;
    uint32_t is_tagged = b->flags & HD_BATCH_TAGGED && b->flags & HD_BATCH_READS && !x->trace_fn;
    hd_cuda_classes_layout(x->classes, is_tagged);
    if (x->resident) {
        x->up.worlds = b->worlds;
        x->up.envs = b->envs;
        x->up.txs = b->txs;
        x->up.data = b->data;
        x->up.is_whole = 0;
        versions = b->versions;
    } else {
        RET(upload_batch(x, b));
        RET(upload_versions(x, &versions, b->versions));
    }
    RET(order_lanes(x, order, b, u));
    /* A traced transaction must not begin twice. */
    uint32_t first = x->trace_fn ? class_after(x, 0, 1) : 0;
    for (uint32_t c = first; c < CLASS_CNT && cnt; c = class_after(x, c, cnt)) {
        wave_args w;
        memset(&w, 0, sizeof(w));
        w.worlds = u->worlds;
        w.envs = u->envs;
        w.txs = u->txs;
        w.data = u->data;
        w.cls = x->classes[c];
        w.tile_sz = class_tile_sz(&w.cls);
        w.export_flags = is_tagged ? b->flags : b->flags & ~HD_BATCH_TAGGED;
        w.is_retry = c > first;
        w.position = b->position;
        w.versions = versions;
        uint64_t lanes_max = class_lanes_max(x, c);
        if (lanes_max == 0)
            return HD_ERR_NOMEM;
        next_cnt = 0;
        if (c > first) {
            CK(cudaMemcpyAsync(x->buf[B_ORDER].p, order, (size_t)cnt * 4, cudaMemcpyHostToDevice,
                               x->stream));
            out->retry_cnt += cnt;
        }
        for (uint32_t at = 0; at < cnt; at += w.lane_cnt) {
            w.lane_cnt = (uint32_t)HD_MIN((uint64_t)(cnt - at), lanes_max);
            w.lane_tx = (const uint32_t *)x->buf[B_ORDER].p + at;
            RET(buffer_reserve(&x->buf[B_POOL], ((uint64_t)w.lane_cnt + 31) / 32 * w.tile_sz));
            w.pool = x->buf[B_POOL].p;
            uint64_t begin_ns = hd_clock_ns(), kernel_ns = x->kernel_ns;
            uint32_t launch_cnt = x->launch_cnt, waiting = next_cnt;
            RET(wave_run(x, out, b, &w, order + at, c, next, &next_cnt));
            if (is_verbose())
                fprintf(
                    stderr,
                    "heddle: cuda: class %u: %u lanes, %u launches, %.3f s (kernels %.3f s), %u "
                    "need a larger class\n",
                    c, w.lane_cnt, x->launch_cnt - launch_cnt,
                    (double)(hd_clock_ns() - begin_ns) * 1e-9,
                    (double)(x->kernel_ns - kernel_ns) * 1e-9, next_cnt - waiting);
        }
        memcpy(order, next, (size_t)next_cnt * 4);
        cnt = next_cnt;
    }
    return HD_OK;
}

extern "C" hd_err hd_exec_cuda_run(hd_exec_cuda *x, hd_results *out, const hd_batch *b) {
    uint32_t cnt = batch_run_cnt(b);
    if (cnt == 0)
        return HD_OK;
    uint32_t *order = (uint32_t *)malloc((size_t)cnt * 8);
    if (!order)
        return HD_ERR_NOMEM;
    x->kernel_ns = 0;
    x->launch_cnt = 0;
    hd_err err = run_classes(x, out, b, order, order + cnt);
    if (err != HD_OK) {
        /* What still runs uses the buffers, and an allocation that failed must not be taken for a
           failure of the next launch. The results do not matter: the run has failed. */
        x->up.is_whole = 0;
        (void)cudaStreamSynchronize(x->stream);
        (void)cudaGetLastError();
    }
    out->kernel_ns = x->kernel_ns;
    out->launch_cnt = x->launch_cnt;
    free(order);
    return err;
}

extern "C" void *hd_exec_cuda_stream(hd_exec_cuda *x) { return x->stream; }

extern "C" hd_err hd_exec_cuda_run_resident(hd_exec_cuda *x, hd_cuda_results *out,
                                            const hd_batch *b) {
    hd_results unfinished; /* receipts of those that nothing could be done for */
    memset(&unfinished, 0, sizeof(unfinished));
    if (!(b->flags & HD_BATCH_KEEP)) {
        out->account_cnt = out->slot_cnt = out->log_cnt = out->bytes_sz = 0;
        RET(array_reserve(x, (void **)&out->receipts, &out->receipt_cap, 0, b->tx_cnt,
                          sizeof(hd_receipt)));
    }
    unfinished.receipts = (hd_receipt *)calloc(b->tx_cnt, sizeof(hd_receipt));
    if (!unfinished.receipts)
        return HD_ERR_NOMEM;
    x->resident = out;
    hd_err err = hd_exec_cuda_run(x, &unfinished, b);
    x->resident = NULL;
    out->kernel_ns = unfinished.kernel_ns;
    free(unfinished.receipts);
    return err;
}

extern "C" void hd_exec_cuda_results_free(hd_cuda_results *r) {
    cudaFree(r->receipts);
    cudaFree(r->accounts);
    cudaFree(r->reads);
    cudaFree(r->slots);
    cudaFree(r->slot_reads);
    cudaFree(r->logs);
    cudaFree(r->bytes);
    memset(r, 0, sizeof(*r));
}

extern "C" hd_err hd_exec_cuda_trace(hd_exec_cuda *x, hd_results *out, const hd_batch *b,
                                     hd_trace_fn fn, void *ctx) {
    hd_err err = x->trace ? HD_OK : hd_trace_cuda_open(&x->trace);
    for (uint32_t i = 0; err == HD_OK && i < b->tx_cnt; i++) {
        hd_batch one = *b;
        hd_receipt first = out->receipts[0];
        one.txs = b->txs + i;
        one.tx_cnt = 1;
        x->trace_fn = fn;
        x->trace_ctx = ctx;
        err = hd_exec_cuda_run(x, out, &one); /* its receipt is receipts[0] */
        x->trace_fn = NULL;
        out->receipts[i] = out->receipts[0];
        if (i > 0)
            out->receipts[0] = first;
    }
    return err;
}
