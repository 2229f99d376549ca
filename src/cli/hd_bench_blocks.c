/* hd_bench_blocks.c - `heddle bench blocks`: blocks of about a gigagas in memory, one after the
   other, on threads, and as independent copies. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_threads.h"
#include "cli/hd_bench.h"
#include "exec/hd_workload.h"

#define BLOCK_GAS 1000000000ull
#define PROBE_CNT 8u /* transactions that tell how many make a block of so much gas */

/* tx_cnt 0: as many as BLOCK_GAS needs. The first two numbers are those that others measure with.
 */
static const struct {
    const char *name;
    uint32_t kind, tx_cnt, hot_percent, is_chain, pool_traders;
} cases[] = {
    {"ether", HD_WORKLOAD_ETHER, 47620, 0, 0, 0},
    {"erc20", HD_WORKLOAD_ERC20, 37123, 0, 0, 0},
    {"swap", HD_WORKLOAD_SWAP, 0, 0, 0, 4},
    {"swap-pools", HD_WORKLOAD_SWAP, 0, 0, 0, 512},
    {"swap-disjoint", HD_WORKLOAD_SWAP, 0, 0, 0, 1},
    {"ether-hot", HD_WORKLOAD_ETHER, 47620, 30, 0, 0},
    {"erc20-hot", HD_WORKLOAD_ERC20, 37123, 30, 0, 0},
    {"ether-chain", HD_WORKLOAD_ETHER, 47620, 0, 1, 0},
    {"swap-chain", HD_WORKLOAD_SWAP, 0, 0, 0, UINT32_MAX},
};
#define CASE_CNT (sizeof cases / sizeof cases[0])

typedef struct {
    const hd_bench_options *o;
    const char *name; /* of the block: "ether" */
    hd_workload w;
    hd_bench_sample *samples;
    hd_hash root; /* of the serial run, which every other must reach */
    uint64_t gas;
} bench;

static hd_err wrong(hd_msg *msg, const bench *b, const char *how, const char *why) {
    hd_msg_set(msg, "%s, %s: %s", b->name, how, why);
    return HD_ERR_CORRUPT;
}

static void put_row(const bench *b, const char *how, uint32_t backend, uint32_t threads,
                    uint32_t copy_cnt) {
    hd_bench_sample median = hd_bench_median(b->samples, b->o->repeat_cnt);
    char name[40];
    snprintf(name, sizeof name, "%s/%s", b->name, how);
    hd_bench_row row = {.workload = "blocks",
                        .name = name,
                        .backend = backend,
                        .threads = threads,
                        .tx_cnt = (uint64_t)b->w.tx_cnt * copy_cnt,
                        .gas = b->gas * copy_cnt,
                        .median_ns = median.ns,
                        .kernel_ns = median.kernel_ns};
    hd_bench_put(b->o, &row);
}

/* One way of running. */
typedef struct {
    const char *name;
    uint32_t backend, threads;
    int is_serial; /* sets what the others are compared with */
    int is_forced; /* in chunks even where serial execution would be chosen */
} way;

/* Runs the block on a copy of the first state. */
static hd_err run_once(hd_ordered_stats *stats, hd_state *copy, hd_exec *x, const bench *b,
                       const way *w) {
    hd_sequence seq;
    hd_workload_sequence(&seq, &b->w);
    seq.chunk_cnt = w->is_serial ? 1 : 0;
    seq.flags |= w->is_forced ? HD_ORDERED_NEVER_SERIAL : 0;
    hd_err err = hd_state_copy(copy, b->w.state);
    return err == HD_OK ? hd_exec_ordered(x, copy, &seq, stats) : err;
}

static hd_err run_way(hd_msg *msg, bench *b, const way *w) {
    hd_ordered_stats stats;
    hd_hash root;
    hd_exec *x = NULL;
    hd_exec_options options = {.backend = w->backend, .threads = w->threads};
    hd_state *copy = hd_state_new();
    hd_err err = copy ? hd_exec_open(&x, &options) : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = run_once(&stats, copy, x, b, w);
    if (err == HD_OK)
        err = hd_state_root(&root, copy);
    if (err == HD_OK && stats.failed_cnt + stats.refused_cnt)
        err = wrong(msg, b, w->name, "not every transaction succeeded");
    if (err == HD_OK && w->is_serial) {
        b->root = root;
        b->gas = stats.gas_used;
    } else if (err == HD_OK &&
               (memcmp(&root, &b->root, sizeof root) != 0 || stats.gas_used != b->gas)) {
        err = wrong(msg, b, w->name, "the state root is not that of serial execution");
    }
    for (uint64_t i = 0; err == HD_OK && i < b->o->repeat_cnt; i++) {
        err = run_once(&stats, copy, x, b, w);
        b->samples[i] = (hd_bench_sample){stats.total_ns, stats.kernel_ns};
    }
    if (err == HD_OK)
        put_row(b, w->name, hd_exec_backend(x),
                hd_exec_backend(x) == HD_BACKEND_CUDA ? 0 : w->threads, 1);
    hd_exec_close(x);
    hd_state_free(copy);
    return err;
}

/* ---- independent copies: what the machine can do at most, with nothing shared but memory */

typedef struct {
    const bench *b;
    pthread_barrier_t *barrier;
    uint64_t *begin_ns, *end_ns; /* one for each repetition */
    hd_err err;
} copy_run;

static void *copy_main(void *ctx) {
    copy_run *c = ctx;
    hd_ordered_stats stats;
    hd_exec *x = NULL;
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    hd_state *copy = hd_state_new();
    c->err = copy ? hd_exec_open(&x, &options) : HD_ERR_NOMEM;
    for (uint64_t i = 0; i < c->b->o->repeat_cnt; i++) {
        hd_sequence seq;
        hd_workload_sequence(&seq, &c->b->w);
        seq.chunk_cnt = 1;
        if (c->err == HD_OK)
            c->err = hd_state_copy(copy, c->b->w.state);
        pthread_barrier_wait(c->barrier); /* also after an error: the others wait here */
        c->begin_ns[i] = hd_clock_ns();
        if (c->err == HD_OK)
            c->err = hd_exec_ordered(x, copy, &seq, &stats);
        c->end_ns[i] = hd_clock_ns();
    }
    if (c->err == HD_OK && (stats.gas_used != c->b->gas || stats.failed_cnt + stats.refused_cnt))
        c->err = HD_ERR_CORRUPT;
    hd_exec_close(x);
    hd_state_free(copy);
    return NULL;
}

static hd_err run_copies(hd_msg *msg, bench *b, uint32_t copy_cnt) {
    pthread_barrier_t barrier;
    uint64_t repeat_cnt = b->o->repeat_cnt;
    copy_run *runs = calloc(copy_cnt, sizeof *runs);
    pthread_t *threads = calloc(copy_cnt, sizeof *threads);
    uint64_t *times = calloc(copy_cnt * repeat_cnt * 2, sizeof *times);
    hd_err err = runs && threads && times ? HD_OK : HD_ERR_NOMEM;
    if (err == HD_OK && pthread_barrier_init(&barrier, NULL, copy_cnt) != 0)
        err = HD_ERR_NOMEM;
    if (err != HD_OK)
        goto done;
    for (uint32_t i = 0; i < copy_cnt; i++) {
        runs[i].b = b;
        runs[i].barrier = &barrier;
        runs[i].begin_ns = times + i * repeat_cnt * 2;
        runs[i].end_ns = runs[i].begin_ns + repeat_cnt;
        if (pthread_create(&threads[i], NULL, copy_main, &runs[i]) == 0)
            continue;
        /* The ones that wait at the barrier would wait for ever. */
        fprintf(stderr, "heddle bench: a thread cannot be started\n");
        exit(EXIT_FAILURE);
    }
    for (uint32_t i = 0; i < copy_cnt; i++) {
        pthread_join(threads[i], NULL);
        if (runs[i].err != HD_OK && err == HD_OK)
            err = wrong(msg, b, "copies", hd_err_name(runs[i].err));
    }
    pthread_barrier_destroy(&barrier);
    for (uint64_t k = 0; k < repeat_cnt; k++) {
        uint64_t begin = UINT64_MAX, end = 0;
        for (uint32_t i = 0; i < copy_cnt; i++) {
            begin = HD_MIN(begin, runs[i].begin_ns[k]);
            end = HD_MAX(end, runs[i].end_ns[k]);
        }
        b->samples[k] = (hd_bench_sample){end - begin, 0};
    }
    if (err == HD_OK)
        put_row(b, "copies", HD_BACKEND_HOST, copy_cnt, copy_cnt);
done:
    free(runs);
    free(threads);
    free(times);
    return err;
}

/* ---- */

/* How many transactions make a block. */
static hd_err block_tx_cnt(uint32_t *out, const hd_bench_options *o, hd_workload_options options,
                           uint32_t wanted_cnt) {
    hd_ordered_stats stats;
    bench probe = {.o = o};
    hd_exec *x = NULL;
    hd_exec_options host = {.backend = HD_BACKEND_HOST, .threads = 1};
    const way serial = {.is_serial = 1};
    *out = o->tx_cnt ? (uint32_t)o->tx_cnt : wanted_cnt;
    if (*out)
        return HD_OK;
    options.tx_cnt = PROBE_CNT;
    hd_state *copy = hd_state_new();
    hd_err err = copy ? hd_workload_open(&probe.w, &options) : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = hd_exec_open(&x, &host);
    if (err == HD_OK)
        err = run_once(&stats, copy, x, &probe, &serial);
    if (err == HD_OK)
        *out = (uint32_t)(BLOCK_GAS * PROBE_CNT / HD_MAX(stats.gas_used, 1u)) + 1;
    hd_exec_close(x);
    hd_workload_close(&probe.w);
    hd_state_free(copy);
    return err;
}

static hd_err run_case(hd_msg *msg, const hd_bench_options *o, size_t idx) {
    uint32_t threads = o->threads ? (uint32_t)o->threads : hd_cpu_cnt();
    bench b = {.o = o, .name = cases[idx].name};
    hd_workload_options w = {.kind = cases[idx].kind,
                             .seed = o->seed,
                             .fork = HD_FORK_OSAKA,
                             .hot_percent = cases[idx].hot_percent,
                             .pool_traders = cases[idx].pool_traders,
                             .is_chain = cases[idx].is_chain};
    hd_err err = block_tx_cnt(&w.tx_cnt, o, w, cases[idx].tx_cnt);
    b.samples = calloc(o->repeat_cnt, sizeof *b.samples);
    if (err == HD_OK)
        err = b.samples ? hd_workload_open(&b.w, &w) : HD_ERR_NOMEM;
    const way ways[] = {
        {"serial", HD_BACKEND_HOST, 1, 1, 0},
        {"parallel", HD_BACKEND_HOST, 1, 0, 0},
        {"chunks", HD_BACKEND_HOST, 1, 0, 1},
        {"parallel", o->backend == HD_BACKEND_AUTO ? HD_BACKEND_HOST : o->backend, threads, 0, 0},
    };
    uint32_t way_cnt = threads > 1 || o->backend == HD_BACKEND_CUDA ? 4 : 3;
    for (uint32_t i = 0; err == HD_OK && i < way_cnt; i++)
        err = run_way(msg, &b, &ways[i]);
    if (err == HD_OK && threads > 1 && o->backend != HD_BACKEND_CUDA)
        err = run_copies(msg, &b, threads);
    if (err != HD_OK && !msg->text[0])
        hd_msg_set(msg, "%s: %s", b.name, hd_err_name(err));
    free(b.samples);
    hd_workload_close(&b.w);
    return err;
}

hd_err hd_bench_blocks(hd_msg *msg, const hd_bench_options *o, const char *filter) {
    uint32_t found_cnt = 0;
    hd_err err = HD_OK;
    memset(msg, 0, sizeof *msg);
    for (size_t i = 0; err == HD_OK && i < CASE_CNT; i++) {
        if (filter && strcmp(filter, cases[i].name) != 0)
            continue;
        found_cnt++;
        err = run_case(msg, o, i);
    }
    if (found_cnt)
        return err;
    hd_msg_set(msg, "no block is called \"%.80s\": see bench blocks", filter ? filter : "");
    return HD_ERR_ABSENT;
}
