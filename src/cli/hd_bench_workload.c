/* hd_bench_workload.c - generated workloads: many transactions of one batch, or in order. */
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_threads.h"
#include "cli/hd_bench.h"
#include "cli/hd_results_diff.h"
#include "exec/hd_workload.h"

#define TX_CNT_HOST 100000u
#define TX_CNT_CUDA 1000000u
#define SLICE_CNT 16384u /* transactions of the reference that are held at a time */
#define SAMPLE_CNT \
    1000u /* what the other CPU layout runs again: the first and the last so many \
           */

typedef struct {
    const hd_bench_options *o;
    hd_exec *x;
    hd_workload w;
    hd_results results;
    hd_bench_sample *samples;
    uint32_t threads;
} bench;

static hd_err wrong(hd_msg *msg, const char *workload, size_t tx_idx, const char *why) {
    hd_msg_set(msg, "%s: transaction %zu: %s", workload, tx_idx, why);
    return HD_ERR_CORRUPT;
}

/* Runs [begin,end) on another backend and compares all results. */
static hd_err compare_range(hd_msg *msg, bench *b, hd_exec *other, uint32_t kind, uint32_t begin,
                            uint32_t end) {
    hd_results reference;
    hd_err err = HD_OK;
    memset(&reference, 0, sizeof reference);
    while (err == HD_OK && begin < end) {
        hd_batch batch;
        hd_world world;
        hd_msg why;
        uint32_t cnt = HD_MIN(end - begin, SLICE_CNT);
        hd_workload_batch(&batch, &world, &b->w);
        batch.flags = b->o->is_receipts ? HD_BATCH_NO_DIFF : 0;
        batch.txs += begin;
        batch.tx_cnt = cnt;
        err = hd_exec_run(other, &reference, &batch);
        for (uint32_t i = 0; err == HD_OK && i < cnt; i++)
            if (hd_results_diff(&why, &b->results, begin + i, &reference, i)) {
                hd_msg_prefix(&why,
                              "%s and %s disagree: ", hd_bench_backend_name(hd_exec_backend(b->x)),
                              hd_bench_backend_name(hd_exec_backend(other)));
                err = wrong(msg, hd_workload_name(kind), begin + i, why.text);
            }
        begin += cnt;
    }
    hd_results_free(&reference);
    return err;
}

/* All results of a device or of the tiled layout are compared with the host's; the host's, at both
   ends, with the tiled layout's. Either way the gas of all is equal where all results are. */
static hd_err check_batch(hd_msg *msg, bench *b, uint32_t kind) {
    int is_host = hd_exec_backend(b->x) == HD_BACKEND_HOST;
    uint32_t cnt = b->w.tx_cnt;
    hd_exec *other = NULL;
    hd_exec_options options = {.backend = is_host ? HD_BACKEND_TILED : HD_BACKEND_HOST};
    for (uint32_t i = 0; i < cnt; i++)
        if (b->results.receipts[i].status != HD_TX_SUCCESS)
            return wrong(msg, hd_workload_name(kind), i,
                         hd_tx_status_name(b->results.receipts[i].status));
    hd_err err = hd_exec_open(&other, &options);
    if (err != HD_OK)
        return err;
    if (is_host) {
        err = compare_range(msg, b, other, kind, 0, HD_MIN(cnt, SAMPLE_CNT));
        if (err == HD_OK)
            err = compare_range(msg, b, other, kind, cnt - HD_MIN(cnt, SAMPLE_CNT), cnt);
    } else {
        err = compare_range(msg, b, other, kind, 0, cnt);
    }
    hd_exec_close(other);
    return err;
}

static hd_err run_batch(hd_msg *msg, hd_bench_row *row, bench *b, uint32_t kind) {
    hd_batch batch;
    hd_world world;
    hd_workload_batch(&batch, &world, &b->w);
    batch.flags = b->o->is_receipts ? HD_BATCH_NO_DIFF : 0;
    if (kind == HD_WORKLOAD_MIXED)
        batch.flags |= HD_BATCH_UNSORTED; /* what grouping by code is worth: mixed-sorted */
    hd_err err = hd_exec_run(b->x, &b->results, &batch); /* warms up; its results are checked */
    if (err == HD_OK && b->o->is_checked)
        err = check_batch(msg, b, kind);
    for (uint64_t i = 0; err == HD_OK && i < b->o->repeat_cnt; i++) {
        uint64_t begin_ns = hd_clock_ns();
        err = hd_exec_run(b->x, &b->results, &batch);
        b->samples[i].ns = hd_clock_ns() - begin_ns;
        b->samples[i].kernel_ns = b->results.kernel_ns;
    }
    for (uint32_t i = 0; err == HD_OK && i < b->w.tx_cnt; i++)
        row->gas += b->results.receipts[i].gas_used;
    return err;
}

/* Runs the sequence on a copy of the first state. */
static hd_err run_once(hd_ordered_stats *stats, hd_hash *root, bench *b, hd_state *copy,
                       uint32_t chunk_cnt) {
    hd_sequence seq;
    hd_workload_sequence(&seq, &b->w);
    seq.chunk_cnt = chunk_cnt;
    hd_err err = hd_state_copy(copy, b->w.state);
    if (err == HD_OK)
        err = hd_exec_ordered(b->x, copy, &seq, stats);
    return err == HD_OK && root ? hd_state_root(root, copy) : err;
}

static hd_err run_ordered(hd_msg *msg, hd_bench_row *row, bench *b, uint32_t kind) {
    hd_ordered_stats stats;
    hd_hash root, serial_root;
    hd_state *copy = hd_state_new();
    if (!copy)
        return HD_ERR_NOMEM;
    hd_err err = run_once(&stats, &root, b, copy, 0);
    if (err == HD_OK && stats.failed_cnt + stats.refused_cnt)
        err = wrong(msg, hd_workload_name(kind), 0, "not every transaction succeeded");
    row->gas = stats.gas_used;
    if (err == HD_OK && b->o->is_checked) {
        err = run_once(&stats, &serial_root, b, copy, 1);
        if (err == HD_OK &&
            (memcmp(&root, &serial_root, sizeof root) != 0 || stats.gas_used != row->gas))
            err = wrong(msg, hd_workload_name(kind), 0,
                        "the state root is not that of serial execution");
    }
    for (uint64_t i = 0; err == HD_OK && i < b->o->repeat_cnt; i++) {
        err = run_once(&stats, NULL, b, copy, 0);
        b->samples[i].ns = stats.total_ns;
        b->samples[i].kernel_ns = stats.kernel_ns;
    }
    hd_state_free(copy);
    return err;
}

hd_err hd_bench_workload(hd_msg *msg, const hd_bench_options *o, uint32_t kind) {
    bench b;
    memset(&b, 0, sizeof b);
    memset(msg, 0, sizeof *msg);
    b.o = o;
    b.threads = o->threads ? (uint32_t)o->threads : hd_cpu_cnt();
    hd_exec_options options = {.backend = o->backend, .threads = b.threads};
    hd_err err = hd_exec_open(&b.x, &options);
    if (err != HD_OK) {
        hd_msg_set(msg, "the backend %s is not usable here: %s", hd_bench_backend_name(o->backend),
                   hd_err_name(err));
        return err;
    }
    int is_cuda = hd_exec_backend(b.x) == HD_BACKEND_CUDA;
    int is_ordered = o->is_ordered || kind == HD_WORKLOAD_ERC20_RANDOM;
    hd_workload_options w = {.kind = kind,
                             .seed = o->seed,
                             .tx_cnt = (uint32_t)o->tx_cnt,
                             .account_cnt = (uint32_t)o->account_cnt,
                             .fork = HD_FORK_OSAKA};
    if (w.tx_cnt == 0)
        w.tx_cnt = is_cuda ? TX_CNT_CUDA : TX_CNT_HOST;
    b.samples = calloc(o->repeat_cnt, sizeof *b.samples);
    err = b.samples ? hd_workload_open(&b.w, &w) : HD_ERR_NOMEM;
    hd_bench_row row = {.workload = hd_workload_name(kind),
                        .name = is_ordered       ? "ordered"
                                : o->is_receipts ? "receipts"
                                                 : "batch",
                        .backend = hd_exec_backend(b.x),
                        .threads = is_cuda ? 0 : b.threads,
                        .tx_cnt = w.tx_cnt};
    if (err == HD_OK)
        err = is_ordered ? run_ordered(msg, &row, &b, kind) : run_batch(msg, &row, &b, kind);
    if (err == HD_OK) {
        hd_bench_sample m = hd_bench_median(b.samples, o->repeat_cnt);
        row.median_ns = m.ns;
        row.kernel_ns = m.kernel_ns;
        hd_bench_put(o, &row);
    } else if (!msg->text[0]) {
        hd_msg_set(msg, "%s: %s", hd_workload_name(kind), hd_err_name(err));
    }
    free(b.samples);
    hd_results_free(&b.results);
    hd_workload_close(&b.w);
    hd_exec_close(b.x);
    return err;
}
