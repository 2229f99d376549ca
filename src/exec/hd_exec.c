/* hd_exec.c - the backends' table, and the host backend: a batch over a pool of threads. */
#include "exec/hd_exec.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_threads.h"
#include "exec/hd_binding.h"
#include "exec/hd_exec_cuda.h"
#include "exec/hd_lane_memory.h"
#include "exec/hd_versions_image.h"

/* Where auto takes the device: below this the copies cost more than the host's run. */
#define AUTO_CUDA_TX_MIN 4096u

struct hd_exec {
    uint32_t backend;
    uint32_t is_auto;
    uint32_t is_on_device; /* the last run was the device's */
    uint32_t thread_cnt;   /* asked for */
    uint32_t worker_cnt;
    hd_pool *pool;
    hd_lane_memory *lanes; /* one a worker */
    hd_results *parts;     /* one a worker */
    hd_lane_memory trace_lane;
    int has_trace_lane;
    hd_exec_cuda *cuda;
    hd_trace_fn trace;
    void *trace_ctx;
    uint64_t device_run_cnt; /* counted for injected failures only */
    uint32_t *tx_worker;     /* which worker ran a transaction */
    size_t tx_worker_max;
    uint8_t *image; /* tiled: the versions as a device has them */
    size_t image_max;
    void *kept; /* hd_exec_keep */
    void (*kept_free)(void *);
};

const char *hd_tx_status_name(uint32_t status) {
    static const char *const names[] = {
#define HD_X(name, text) text,
        HD_TX_STATUS(HD_X)
#undef HD_X
    };
    return status < HD_TX_STATUS_CNT ? names[status] : "unknown status";
}

const char *hd_evm_error_name(uint32_t error) {
    static const char *const names[] = {
#define HD_X(name, text) text,
        HD_EVM_ERRORS(HD_X)
#undef HD_X
    };
    return error < HD_EVM_ERR_CNT ? names[error] : "unknown error";
}

/* ---- results ---- */

static hd_err array_reserve(void **p, size_t *max, size_t cnt, size_t item_sz) {
    if (cnt <= *max && *p)
        return HD_OK;
    size_t want = *max + *max / 2 + 16;
    if (want < cnt)
        want = cnt;
    if (want > SIZE_MAX / item_sz)
        return HD_ERR_NOMEM;
    void *q = realloc(*p, want * item_sz);
    if (!q)
        return HD_ERR_NOMEM;
    *p = q;
    *max = want;
    return HD_OK;
}

hd_err hd_results_reserve(hd_results *r, size_t account_cnt, size_t slot_cnt, size_t log_cnt,
                          size_t bytes_sz) {
    hd_err err = array_reserve((void **)&r->accounts, &r->account_max, r->account_cnt + account_cnt,
                               sizeof(*r->accounts));
    if (err == HD_OK)
        err = array_reserve((void **)&r->slots, &r->slot_max, r->slot_cnt + slot_cnt,
                            sizeof(*r->slots));
    if (err == HD_OK)
        err = array_reserve((void **)&r->logs, &r->log_max, r->log_cnt + log_cnt, sizeof(*r->logs));
    if (err == HD_OK)
        err = array_reserve((void **)&r->bytes, &r->bytes_max, r->bytes_sz + bytes_sz, 1);
    return err;
}

hd_err hd_results_reserve_reads(hd_results *r, size_t account_cnt) {
    return array_reserve((void **)&r->reads, &r->read_max, r->account_cnt + account_cnt,
                         sizeof(*r->reads));
}

static void results_clear(hd_results *r) {
    r->receipt_cnt = r->account_cnt = r->slot_cnt = r->log_cnt = r->bytes_sz = 0;
    r->kernel_ns = r->total_ns = 0;
    r->launch_cnt = r->retry_cnt = 0;
}

void hd_results_free(hd_results *r) {
    free(r->receipts);
    free(r->accounts);
    free(r->reads);
    free(r->slots);
    free(r->logs);
    free(r->bytes);
    memset(r, 0, sizeof(*r));
}

/* ---- the batch's offsets come from strangers ---- */
static int range_is_inside(uint64_t off, uint64_t sz, size_t all) {
    return off <= all && sz <= all - off;
}

static int tx_is_sound(const hd_batch *b, const hd_tx *tx) {
    return tx->world_idx < b->world_cnt && tx->env_idx < b->env_cnt &&
           range_is_inside(tx->data_off, tx->data_sz, b->data_sz) &&
           range_is_inside(tx->access_off, tx->access_sz, b->data_sz) &&
           range_is_inside(tx->auth_off, (uint64_t)tx->auth_cnt * sizeof(hd_auth), b->data_sz) &&
           (tx->auth_cnt == 0 || ((uintptr_t)b->data + tx->auth_off) % 8 == 0) &&
           range_is_inside(tx->blob_off, (uint64_t)tx->blob_cnt * 32, b->data_sz) &&
           tx->gas_limit <= INT64_MAX && b->envs[tx->env_idx].fork < HD_FORK_CNT;
}

/* ---- the host backend ---- */
typedef struct {
    hd_exec *x;
    hd_results *out;
    const hd_batch *batch;
    hd_binding_fn *fn;
} host_job;

static hd_err host_chunk(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    host_job *h = ctx;
    /* Inside a worker of another pool the loop is serial and bears that worker's index. */
    if (worker_idx >= h->x->worker_cnt)
        worker_idx = 0;
    hd_binding_job job = {.batch = h->batch, .export_flags = h->batch->flags};
    hd_results *part = h->x->worker_cnt == 1 ? h->out : &h->x->parts[worker_idx];
    for (size_t i = begin; i < end; i++) {
        job.tx_idx = h->batch->list ? h->batch->list[i] : (uint32_t)i;
        hd_err err = h->fn(&h->out->receipts[job.tx_idx], part, &h->x->lanes[worker_idx], &job);
        if (err != HD_OK)
            return err;
        if (h->x->worker_cnt > 1)
            h->x->tx_worker[i] = worker_idx;
    }
    return HD_OK;
}

/* Brings what the workers collected into transaction order. */
static hd_err host_gather(hd_exec *x, hd_results *out, const hd_batch *batch, size_t run_cnt) {
    int is_read = (batch->flags & HD_BATCH_READS) != 0;
    size_t accounts = 0, slots = 0, logs = 0, bytes = 0;
    for (uint32_t w = 0; w < x->worker_cnt; w++) {
        accounts += x->parts[w].account_cnt;
        slots += x->parts[w].slot_cnt;
        logs += x->parts[w].log_cnt;
        bytes += x->parts[w].bytes_sz;
    }
    hd_err err = hd_results_reserve(out, accounts, slots, logs, bytes);
    if (err == HD_OK && is_read)
        err = hd_results_reserve_reads(out, accounts);
    if (err != HD_OK)
        return err;
    for (size_t i = 0; i < run_cnt; i++) {
        hd_receipt *r = &out->receipts[batch->list ? batch->list[i] : i];
        const hd_results *p = &x->parts[x->tx_worker[i]];
        uint64_t shift = out->bytes_sz - r->output_off, sz = r->output_sz;
        memcpy(out->accounts + out->account_cnt, p->accounts + r->account_off,
               r->account_cnt * sizeof(*p->accounts));
        if (is_read)
            memcpy(out->reads + out->account_cnt, p->reads + r->account_off,
                   r->account_cnt * sizeof(*p->reads));
        memcpy(out->slots + out->slot_cnt, p->slots + r->slot_off, r->slot_cnt * sizeof(*p->slots));
        memcpy(out->logs + out->log_cnt, p->logs + r->log_off, r->log_cnt * sizeof(*p->logs));
        for (uint32_t k = 0; k < r->account_cnt; k++) {
            hd_account_diff *a = &out->accounts[out->account_cnt + k];
            a->code_off += shift;
            sz += a->code_sz;
        }
        for (uint32_t k = 0; k < r->log_cnt; k++) {
            hd_log_entry *l = &out->logs[out->log_cnt + k];
            l->data_off += shift;
            sz += l->data_sz;
        }
        if (sz)
            memcpy(out->bytes + out->bytes_sz, p->bytes + r->output_off, sz);
        r->output_off = out->bytes_sz;
        r->account_off = out->account_cnt;
        r->slot_off = out->slot_cnt;
        r->log_off = out->log_cnt;
        out->bytes_sz += sz;
        out->account_cnt += r->account_cnt;
        out->slot_cnt += r->slot_cnt;
        out->log_cnt += r->log_cnt;
    }
    return HD_OK;
}

/* Tiled lanes read the versions as those of a device do: from a copy of the tables. */
static hd_err tiled_versions(hd_exec *x, hd_batch *b) {
    uint64_t sz = hd_versions_image_sz(b->versions);
    hd_err err = array_reserve((void **)&x->image, &x->image_max, sz, 1);
    if (err != HD_OK)
        return err;
    hd_versions_image_put(x->image, x->image, b->versions);
    b->versions = (const hd_versions *)(const void *)x->image;
    return HD_OK;
}

static hd_err host_run(hd_exec *x, hd_results *out, const hd_batch *batch) {
    host_job h = {.x = x, .out = out, .batch = batch};
    hd_batch copy;
    if (x->backend == HD_BACKEND_TILED && batch->versions) {
        copy = *batch;
        hd_err err = tiled_versions(x, &copy);
        if (err != HD_OK)
            return err;
        h.batch = batch = &copy;
    }
    h.fn = x->backend == HD_BACKEND_TILED    ? hd_binding_tiled
           : x->backend == HD_BACKEND_SWITCH ? hd_binding_switch
                                             : hd_binding_plain;
    size_t run_cnt = batch->list ? batch->list_cnt : batch->tx_cnt;
    if (x->worker_cnt > 1) {
        if (run_cnt > x->tx_worker_max) {
            uint32_t *p = realloc(x->tx_worker, run_cnt * sizeof(*p));
            if (!p)
                return HD_ERR_NOMEM;
            x->tx_worker = p;
            x->tx_worker_max = run_cnt;
        }
        for (uint32_t w = 0; w < x->worker_cnt; w++)
            results_clear(&x->parts[w]);
    }
    if (x->worker_cnt == 1) /* the pool's locks would cost more than a short transaction */
        return host_chunk(&h, 0, run_cnt, 0);
    size_t chunk = run_cnt / (x->worker_cnt * 8) + 1;
    hd_err err = hd_pool_for(x->pool, run_cnt, HD_MIN(chunk, 1024), host_chunk, &h);
    if (err == HD_OK)
        err = host_gather(x, out, batch, run_cnt);
    return err;
}

static hd_err trace_run(hd_exec *x, hd_results *out, const hd_batch *batch, hd_trace_fn fn,
                        void *ctx) {
    if (!x->has_trace_lane) {
        hd_err err = hd_lane_memory_open(&x->trace_lane, 1);
        if (err != HD_OK)
            return err;
        x->has_trace_lane = 1;
    }
    hd_binding_job job = {
        .batch = batch, .export_flags = batch->flags, .trace = fn, .trace_ctx = ctx};
    for (uint32_t i = 0; i < batch->tx_cnt; i++) {
        job.tx_idx = i;
        hd_err err = hd_binding_traced(&out->receipts[i], out, &x->trace_lane, &job);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

/* ---- handles ---- */
static hd_err host_open(hd_exec *x, uint32_t threads) {
    hd_err err = hd_pool_open(&x->pool, threads);
    if (err != HD_OK)
        return err;
    x->worker_cnt = hd_pool_thread_cnt(x->pool);
    x->lanes = calloc(x->worker_cnt, sizeof(*x->lanes));
    x->parts = calloc(x->worker_cnt, sizeof(*x->parts));
    if (!x->lanes || !x->parts)
        return HD_ERR_NOMEM;
    for (uint32_t w = 0; w < x->worker_cnt; w++) {
        err = hd_lane_memory_open(&x->lanes[w], x->backend == HD_BACKEND_TILED ? 32 : 1);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

hd_err hd_exec_open(hd_exec **out, const hd_exec_options *options) {
    hd_exec *x = calloc(1, sizeof(*x));
    hd_err err = HD_OK;
    if (!x)
        return HD_ERR_NOMEM;
    x->trace = options->trace;
    x->trace_ctx = options->trace_ctx;
    x->thread_cnt = options->threads;
    x->is_auto = options->backend == HD_BACKEND_AUTO;
    x->backend = x->is_auto ? HD_BACKEND_HOST : options->backend;
#ifdef HD_WITH_CUDA
    if (x->is_auto || x->backend == HD_BACKEND_CUDA) {
        err = hd_exec_cuda_open(&x->cuda);
        if (err != HD_OK && x->is_auto)
            err = HD_OK; /* no device: the host serves */
        else if (err == HD_OK)
            x->backend = HD_BACKEND_CUDA;
    }
#else
    if (x->backend == HD_BACKEND_CUDA)
        err = HD_ERR_ABSENT;
#endif
    if (err == HD_OK && (x->is_auto || x->backend != HD_BACKEND_CUDA))
        err = host_open(x, options->threads);
    if (err != HD_OK) {
        hd_exec_close(x);
        return err;
    }
    *out = x;
    return HD_OK;
}

void hd_exec_close(hd_exec *x) {
    if (!x)
        return;
    if (x->kept)
        x->kept_free(x->kept);
    hd_pool_close(x->pool);
    for (uint32_t w = 0; w < x->worker_cnt; w++) {
        if (x->lanes)
            hd_lane_memory_close(&x->lanes[w]);
        if (x->parts)
            hd_results_free(&x->parts[w]);
    }
    if (x->has_trace_lane)
        hd_lane_memory_close(&x->trace_lane);
#ifdef HD_WITH_CUDA
    hd_exec_cuda_close(x->cuda);
#endif
    free(x->lanes);
    free(x->parts);
    free(x->tx_worker);
    free(x->image);
    free(x);
}

uint32_t hd_exec_backend(const hd_exec *x) { return x->backend; }

uint32_t hd_exec_threads(const hd_exec *x) { return x->thread_cnt; }

hd_pool *hd_exec_pool(hd_exec *x) { return x->pool; }

void **hd_exec_keep(hd_exec *x, void (*free_fn)(void *)) {
    x->kept_free = free_fn;
    return &x->kept;
}

#ifdef HD_WITH_CUDA
static hd_err cuda_run(hd_exec *x, hd_results *out, const hd_batch *batch) {
    hd_batch b = *batch;
    if (!x->is_on_device)
        b.flags &= ~HD_BATCH_SAME; /* what the host ran last is not on the device */
    hd_err err = hd_exec_cuda_run(x->cuda, out, &b);
    x->is_on_device = err == HD_OK;
    return err;
}
#endif

/* In builds with assertions, for tests: with HEDDLE_DEVICE_FAILS_AFTER=N every run of a device's
   handle after its first N fails, as those of a device that is lost do. */
static hd_err injected_failure(hd_exec *x) {
#ifdef HD_VERIFY
    const char *text = getenv("HEDDLE_DEVICE_FAILS_AFTER");
    if (text && (x->backend == HD_BACKEND_CUDA || x->backend == HD_BACKEND_TILED) &&
        ++x->device_run_cnt > strtoull(text, NULL, 10))
        return HD_ERR_DEVICE;
#else
    (void)x;
#endif
    return HD_OK;
}

static hd_err exec_run(hd_exec *x, hd_results *out, const hd_batch *batch, hd_trace_fn trace,
                       void *ctx) {
    uint64_t begin_ns = hd_clock_ns();
    uint32_t run_cnt = batch->list ? batch->list_cnt : batch->tx_cnt;
    if (!(batch->flags & HD_BATCH_KEEP))
        results_clear(out);
    out->kernel_ns = 0;
    out->launch_cnt = 0;
    for (uint32_t i = 0; i < run_cnt; i++)
        if (!tx_is_sound(batch, &batch->txs[batch->list ? batch->list[i] : i]))
            return HD_ERR_LIMIT;
    hd_err err = array_reserve((void **)&out->receipts, &out->receipt_max, batch->tx_cnt,
                               sizeof(*out->receipts));
    if (err != HD_OK)
        return err;
    int is_device_trace = x->cuda && !x->is_auto;
    if (trace && !is_device_trace)
        err = trace_run(x, out, batch, trace, ctx);
#ifdef HD_WITH_CUDA
    else if (trace && (batch->list || batch->versions))
        err = HD_ERR_UNSUPPORTED;
    else if (trace)
        err = hd_exec_cuda_trace(x->cuda, out, batch, trace, ctx);
    else if (x->cuda && (!x->is_auto || run_cnt >= AUTO_CUDA_TX_MIN))
        err = cuda_run(x, out, batch);
#endif
    else {
        x->is_on_device &= (batch->flags & HD_BATCH_SAME) != 0;
        err = host_run(x, out, batch);
    }
    if (err == HD_OK)
        err = injected_failure(x);
    if (err != HD_OK) {
        results_clear(out);
        return err;
    }
    out->receipt_cnt = batch->tx_cnt;
    out->total_ns = hd_clock_ns() - begin_ns;
    return HD_OK;
}

hd_err hd_exec_run(hd_exec *x, hd_results *out, const hd_batch *batch) {
    return exec_run(x, out, batch, x->trace, x->trace_ctx);
}

hd_err hd_exec_trace(hd_exec *x, hd_results *out, const hd_batch *batch, hd_trace_fn fn,
                     void *ctx) {
    return exec_run(x, out, batch, fn, ctx);
}
