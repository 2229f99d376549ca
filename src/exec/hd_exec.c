/* hd_exec.c - the backends' table, and the host backend: a batch over a pool of threads. */
#include "exec/hd_exec.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_threads.h"
#include "exec/hd_binding.h"
#include "exec/hd_exec_cuda.h"
#include "exec/hd_lane_memory.h"
#include "exec/hd_results.h"
#include "exec/hd_tx_ahead.h"
#include "exec/hd_versions_image.h"

/* Where auto takes the device: below this the copies cost more than the host's run. */
#define AUTO_CUDA_TX_MIN 4096u

/* Each worker counts in its own with every transaction: no two share a cache line, nor a pair of
   them, which processors fetch together. */
typedef struct {
    hd_results r;
    hd_results view;  /* HD_BATCH_GAPS: of the batch's results */
    uint32_t is_full; /* the view has no room left */
    uint8_t apart[124];
} worker_results;

struct hd_exec {
    uint32_t backend;
    uint32_t is_auto;
    uint32_t is_on_device; /* the last run was the device's */
    uint32_t thread_cnt;   /* asked for */
    uint32_t worker_cnt;
    hd_pool *pool;
    hd_lane_memory *lanes; /* one a worker */
    worker_results *parts; /* one a worker */
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

/* Entries that a worker takes at once; more where a transaction needs more. */
#define STRETCH_CNT 256u
#define STRETCH_SZ 8192u /* of bytes */

void hd_results_share(hd_results_shared *shared, const hd_results *out, int with_reads,
                      int with_slot_reads) {
    shared->next[0] = out->account_cnt;
    shared->next[1] = out->slot_cnt;
    shared->next[2] = out->log_cnt;
    shared->next[3] = out->bytes_sz;
    shared->max[0] = with_reads ? HD_MIN(out->account_max, out->read_max) : out->account_max;
    shared->max[1] = with_slot_reads ? HD_MIN(out->slot_max, out->slot_read_max) : out->slot_max;
    shared->max[2] = out->log_max;
    shared->max[3] = out->bytes_max;
    /* What lies there already may be more than reads have room for. */
    for (uint32_t i = 0; i < 4; i++)
        shared->max[i] = HD_MAX(shared->max[i], shared->next[i]);
}

void hd_results_view(hd_results *view, const hd_results *out, hd_results_shared *shared) {
    *view = *out;
    view->account_cnt = view->slot_cnt = view->log_cnt = view->bytes_sz = 0;
    view->account_max = view->slot_max = view->log_max = view->bytes_max = 0;
    view->shared = shared;
}

void hd_results_unshare(hd_results *out, const hd_results_shared *shared) {
    out->account_cnt = shared->next[0];
    out->slot_cnt = shared->next[1];
    out->log_cnt = shared->next[2];
    out->bytes_sz = shared->next[3];
}

static hd_err stretch_take(hd_results *r, uint32_t kind, size_t *at, size_t *max, size_t cnt) {
    if (*at + cnt <= *max)
        return HD_OK;
    uint64_t want = HD_MAX(cnt, kind == 3 ? STRETCH_SZ : STRETCH_CNT);
    uint64_t begin = __atomic_load_n(&r->shared->next[kind], __ATOMIC_RELAXED);
    do { /* who needs more than there is leaves it to the others */
        if (want > r->shared->max[kind] - begin)
            return HD_ERR_LIMIT;
    } while (!__atomic_compare_exchange_n(&r->shared->next[kind], &begin, begin + want, 1,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    *at = begin;
    *max = begin + want;
    return HD_OK;
}

hd_err hd_results_reserve(hd_results *r, size_t account_cnt, size_t slot_cnt, size_t log_cnt,
                          size_t bytes_sz) {
    if (r->shared) {
        hd_err err = stretch_take(r, 0, &r->account_cnt, &r->account_max, account_cnt);
        if (err == HD_OK)
            err = stretch_take(r, 1, &r->slot_cnt, &r->slot_max, slot_cnt);
        if (err == HD_OK)
            err = stretch_take(r, 2, &r->log_cnt, &r->log_max, log_cnt);
        if (err == HD_OK)
            err = stretch_take(r, 3, &r->bytes_sz, &r->bytes_max, bytes_sz);
        return err;
    }
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
    if (r->shared) /* they have room where accounts have */
        return HD_OK;
    return array_reserve((void **)&r->reads, &r->read_max, r->account_cnt + account_cnt,
                         sizeof(*r->reads));
}

hd_err hd_results_reserve_slot_reads(hd_results *r, size_t slot_cnt) {
    if (r->shared)
        return HD_OK;
    return array_reserve((void **)&r->slot_reads, &r->slot_read_max, r->slot_cnt + slot_cnt,
                         sizeof(*r->slot_reads));
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
    free(r->slot_reads);
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

/* The host looks at each transaction as it runs it. */
static int batch_is_sound(const hd_batch *b) {
    uint32_t run_cnt = b->list ? b->list_cnt : b->tx_cnt;
    for (uint32_t i = 0; i < run_cnt; i++)
        if (!tx_is_sound(b, &b->txs[b->list ? b->list[i] : i]))
            return 0;
    return 1;
}

/* ---- the host backend ---- */
typedef struct {
    hd_exec *x;
    hd_results *out;
    const hd_batch *batch;
    hd_binding_fn *fn, *tagged_fn;
    int with_gaps;
} host_job;

/* Transactions look for their accounts in tables that no cache holds. The places where the next
   ones will look are known: AHEAD_FAR of the table, AHEAD_NEAR of what stands there. */
#define AHEAD_FAR 4u
#define AHEAD_NEAR 2u

static void ahead_of(const hd_batch *b, size_t i, size_t end) {
    if (b->supply) /* its tables may move */
        return;
    for (uint32_t is_near = 0; is_near < 2; is_near++) {
        size_t n = i + (is_near ? AHEAD_NEAR : AHEAD_FAR);
        uint32_t t = n < end ? b->list ? b->list[n] : (uint32_t)n : UINT32_MAX;
        if (n < end && t < b->tx_cnt && b->txs[t].world_idx < b->world_cnt)
            hd_tx_ahead(&b->worlds[b->txs[t].world_idx], &b->txs[t], is_near);
    }
}

/* Whether the batch may have slots with HD_DIFF_RANGE. */
static int batch_has_tagged(const hd_batch *b) {
    return (b->flags & HD_BATCH_READS) && (b->tagged || b->flags & HD_BATCH_TAGGED);
}

#define WORKER_NONE UINT32_MAX /* its result is where it belongs */

/* One transaction, into the results at once where there is room, else into the worker's part, from
   which it is gathered. *from: where its ranges lie. */
static hd_err host_tx(host_job *h, const hd_results **from, hd_binding_fn *fn,
                      const hd_binding_job *job, uint32_t worker_idx, size_t place) {
    hd_exec *x = h->x;
    worker_results *w = &x->parts[worker_idx];
    hd_receipt *r = &h->out->receipts[job->tx_idx];
    hd_results *part = x->worker_cnt == 1 ? h->out : &w->r;
    if (h->with_gaps && !w->is_full) {
        hd_err err = fn(r, &w->view, &x->lanes[worker_idx], job);
        *from = &w->view;
        x->tx_worker[place] = WORKER_NONE;
        if (err != HD_ERR_LIMIT)
            return err;
        w->is_full = 1; /* it runs once more */
    }
    *from = part;
    if (x->worker_cnt > 1)
        x->tx_worker[place] = worker_idx;
    return fn(r, part, &x->lanes[worker_idx], job);
}

static hd_err host_chunk(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    host_job *h = ctx;
    /* Inside a worker of another pool the loop is serial and bears that worker's index. */
    if (worker_idx >= h->x->worker_cnt)
        worker_idx = 0;
    hd_binding_job job = {.batch = h->batch, .export_flags = h->batch->flags};
    const hd_results *from;
    int has_tagged = batch_has_tagged(h->batch);
    for (size_t i = begin; i < end; i++) {
        ahead_of(h->batch, i, end);
        job.tx_idx = h->batch->list ? h->batch->list[i] : (uint32_t)i;
        if (!tx_is_sound(h->batch, &h->batch->txs[job.tx_idx]))
            return HD_ERR_LIMIT;
        int is_tagged =
            has_tagged && (h->batch->flags & HD_BATCH_TAGGED || h->batch->tagged[job.tx_idx]);
        hd_err err = host_tx(h, &from, is_tagged ? h->tagged_fn : h->fn, &job, worker_idx, i);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static hd_err host_chains(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    host_job *h = ctx;
    hd_batch own = *h->batch;
    const hd_batch_chains *chains = own.chains;
    hd_binding_fn *fn = own.flags & HD_BATCH_TAGGED ? h->tagged_fn : h->fn;
    if (worker_idx >= h->x->worker_cnt)
        worker_idx = 0;
    hd_binding_job job = {.batch = &own, .export_flags = own.flags};
    const hd_results *from;
    for (size_t n = begin; n < end; n++) {
        for (uint32_t i = chains->first[n]; i < chains->first[n + 1]; i++) {
            uint32_t t = job.tx_idx = own.list[i];
            if (!tx_is_sound(&own, &own.txs[t]))
                return HD_ERR_LIMIT;
            hd_err err = chains->before(chains->ctx, &own.versions, worker_idx, (uint32_t)n, t);
            if (err == HD_OK && !own.versions) { /* it keeps its result */
                if (h->x->worker_cnt > 1)
                    h->x->tx_worker[i] = WORKER_NONE;
                continue;
            }
            if (err == HD_OK)
                err = host_tx(h, &from, fn, &job, worker_idx, i);
            if (err == HD_OK)
                err = chains->after(chains->ctx, worker_idx, t, &h->out->receipts[t], from);
            if (err != HD_OK)
                return err;
        }
    }
    return HD_OK;
}

/* Brings what the workers collected into transaction order, a range of transactions at a time:
   ranges are measured, then each is copied to its place. */
#define GATHER_RANGE_MAX 256u
#define GATHER_TX_MIN 64u /* a shorter range costs more to hand out than to copy */

typedef struct {
    uint64_t account, slot, log, byte;
} gather_place;

typedef struct {
    hd_exec *x;
    hd_results *out;
    const hd_batch *batch;
    size_t run_cnt, range_tx_cnt;
    gather_place places[GATHER_RANGE_MAX]; /* a range's sizes, then where it begins */
} gather;

static uint64_t bytes_of(const hd_results *p, const hd_receipt *r) {
    uint64_t sz = r->output_sz;
    for (uint32_t k = 0; k < r->account_cnt; k++)
        sz += p->accounts[r->account_off + k].code_sz;
    for (uint32_t k = 0; k < r->log_cnt; k++)
        sz += p->logs[r->log_off + k].data_sz;
    return sz;
}

static hd_err gather_measure(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    gather *g = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        size_t first = c * g->range_tx_cnt, last = HD_MIN(first + g->range_tx_cnt, g->run_cnt);
        gather_place sum = {0, 0, 0, 0};
        for (size_t i = first; i < last; i++) {
            if (g->x->tx_worker[i] == WORKER_NONE)
                continue;
            const hd_receipt *r = &g->out->receipts[g->batch->list ? g->batch->list[i] : i];
            sum.account += r->account_cnt;
            sum.slot += r->slot_cnt;
            sum.log += r->log_cnt;
            sum.byte += bytes_of(&g->x->parts[g->x->tx_worker[i]].r, r);
        }
        g->places[c] = sum;
    }
    return HD_OK;
}

static hd_err gather_copy(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    gather *g = ctx;
    hd_results *out = g->out;
    int is_read = (g->batch->flags & HD_BATCH_READS) != 0;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        size_t first = c * g->range_tx_cnt, last = HD_MIN(first + g->range_tx_cnt, g->run_cnt);
        gather_place at = g->places[c];
        for (size_t i = first; i < last; i++) {
            if (g->x->tx_worker[i] == WORKER_NONE)
                continue;
            hd_receipt *r = &out->receipts[g->batch->list ? g->batch->list[i] : i];
            const hd_results *p = &g->x->parts[g->x->tx_worker[i]].r;
            uint64_t shift = at.byte - r->output_off, sz = bytes_of(p, r);
            hd_account_diff *accounts = out->accounts + at.account;
            hd_log_entry *logs = out->logs + at.log;
            if (r->account_cnt)
                memcpy(accounts, p->accounts + r->account_off, r->account_cnt * sizeof *accounts);
            if (r->account_cnt && is_read)
                memcpy(out->reads + at.account, p->reads + r->account_off,
                       r->account_cnt * sizeof *p->reads);
            if (r->slot_cnt)
                memcpy(out->slots + at.slot, p->slots + r->slot_off,
                       r->slot_cnt * sizeof *p->slots);
            if (r->slot_cnt && p->slots[r->slot_off].flags & HD_DIFF_RANGE)
                memcpy(out->slot_reads + at.slot, p->slot_reads + r->slot_off,
                       r->slot_cnt * sizeof *p->slot_reads);
            if (r->log_cnt)
                memcpy(logs, p->logs + r->log_off, r->log_cnt * sizeof *logs);
            for (uint32_t k = 0; k < r->account_cnt; k++)
                accounts[k].code_off += shift;
            for (uint32_t k = 0; k < r->log_cnt; k++)
                logs[k].data_off += shift;
            if (sz)
                memcpy(out->bytes + at.byte, p->bytes + r->output_off, sz);
            r->output_off = at.byte;
            r->account_off = at.account;
            r->slot_off = at.slot;
            r->log_off = at.log;
            at.byte += sz;
            at.account += r->account_cnt;
            at.slot += r->slot_cnt;
            at.log += r->log_cnt;
        }
    }
    return HD_OK;
}

static hd_err host_gather(hd_exec *x, hd_results *out, const hd_batch *batch, size_t run_cnt) {
    gather g = {.x = x, .out = out, .batch = batch, .run_cnt = run_cnt};
    gather_place at = {out->account_cnt, out->slot_cnt, out->log_cnt, out->bytes_sz};
    g.range_tx_cnt = HD_MAX(run_cnt / GATHER_RANGE_MAX + 1, GATHER_TX_MIN);
    size_t range_cnt = (run_cnt + g.range_tx_cnt - 1) / g.range_tx_cnt;
    hd_err err = hd_pool_for(x->pool, range_cnt, 1, gather_measure, &g);
    for (size_t c = 0; c < range_cnt; c++) {
        gather_place cnt = g.places[c];
        g.places[c] = at;
        at.account += cnt.account;
        at.slot += cnt.slot;
        at.log += cnt.log;
        at.byte += cnt.byte;
    }
    if (err == HD_OK)
        err = hd_results_reserve(out, at.account - out->account_cnt, at.slot - out->slot_cnt,
                                 at.log - out->log_cnt, at.byte - out->bytes_sz);
    if (err == HD_OK && (batch->flags & HD_BATCH_READS))
        err = hd_results_reserve_reads(out, at.account - out->account_cnt);
    if (err == HD_OK && batch_has_tagged(batch))
        err = hd_results_reserve_slot_reads(out, at.slot - out->slot_cnt);
    if (err == HD_OK)
        err = hd_pool_for(x->pool, range_cnt, 1, gather_copy, &g);
    if (err != HD_OK)
        return err;
    out->account_cnt = at.account;
    out->slot_cnt = at.slot;
    out->log_cnt = at.log;
    out->bytes_sz = at.byte;
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

/* What does not lie in the results yet comes there. */
static hd_err host_collect(host_job *h, const hd_results_shared *shared, size_t run_cnt) {
    uint32_t is_full = !h->with_gaps;
    for (uint32_t w = 0; w < h->x->worker_cnt; w++)
        is_full |= h->x->parts[w].is_full;
    if (h->with_gaps)
        hd_results_unshare(h->out, shared);
    return is_full ? host_gather(h->x, h->out, h->batch, run_cnt) : HD_OK;
}

static hd_err host_run(hd_exec *x, hd_results *out, const hd_batch *batch) {
    host_job h = {.x = x, .out = out, .batch = batch};
    hd_results_shared shared;
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
    h.tagged_fn = x->backend == HD_BACKEND_TILED    ? hd_binding_tiled_tagged
                  : x->backend == HD_BACKEND_SWITCH ? hd_binding_switch_tagged
                                                    : hd_binding_tagged;
    size_t run_cnt = batch->list ? batch->list_cnt : batch->tx_cnt;
    if (x->worker_cnt > 1) {
        if (run_cnt > x->tx_worker_max) {
            uint32_t *p = realloc(x->tx_worker, run_cnt * sizeof(*p));
            if (!p)
                return HD_ERR_NOMEM;
            x->tx_worker = p;
            x->tx_worker_max = run_cnt;
        }
        h.with_gaps = (batch->flags & HD_BATCH_GAPS) != 0;
        hd_results_share(&shared, out, (batch->flags & HD_BATCH_READS) != 0,
                         batch_has_tagged(batch));
        for (uint32_t w = 0; w < x->worker_cnt; w++) {
            results_clear(&x->parts[w].r);
            hd_results_view(&x->parts[w].view, out, &shared);
            x->parts[w].is_full = 0;
        }
    }
    if (batch->chains) {
        uint32_t chain_cnt = batch->chains->chain_cnt;
        if (x->worker_cnt == 1)
            return host_chains(&h, 0, chain_cnt, 0);
        hd_err err = hd_pool_each(x->pool, chain_cnt, host_chains, &h);
        return err == HD_OK ? host_collect(&h, &shared, run_cnt) : err;
    }
    if (x->worker_cnt == 1) /* the pool's locks would cost more than a short transaction */
        return host_chunk(&h, 0, run_cnt, 0);
    /* Few transactions are handed out one by one: one of them may be as long as all others. */
    size_t chunk = HD_MAX(run_cnt / (x->worker_cnt * 16), 1u);
    hd_err err = hd_pool_for(x->pool, run_cnt, HD_MIN(chunk, 1024), host_chunk, &h);
    return err == HD_OK ? host_collect(&h, &shared, run_cnt) : err;
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
            hd_results_free(&x->parts[w].r);
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
    uint64_t begin_ns = batch->flags & HD_BATCH_UNTIMED ? 0 : hd_clock_ns();
    if (!(batch->flags & HD_BATCH_KEEP))
        results_clear(out);
    out->kernel_ns = 0;
    out->launch_cnt = 0;
    hd_err err = array_reserve((void **)&out->receipts, &out->receipt_max, batch->tx_cnt,
                               sizeof(*out->receipts));
    if (err != HD_OK)
        return err;
    int is_device_trace = x->cuda && !x->is_auto;
    uint32_t run_cnt = batch->list ? batch->list_cnt : batch->tx_cnt;
    int is_device = x->cuda && (!x->is_auto || run_cnt >= AUTO_CUDA_TX_MIN);
    if ((trace || is_device) && !batch_is_sound(batch))
        err = HD_ERR_LIMIT;
    else if (trace && !is_device_trace)
        err = trace_run(x, out, batch, trace, ctx);
#ifdef HD_WITH_CUDA
    else if (trace && (batch->list || batch->versions))
        err = HD_ERR_UNSUPPORTED;
    else if (trace)
        err = hd_exec_cuda_trace(x->cuda, out, batch, trace, ctx);
    else if (is_device)
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
    if (!(batch->flags & HD_BATCH_UNTIMED))
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
