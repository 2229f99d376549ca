/* hd_cmd_statetest.c - `heddle statetest`: runs official state tests in large batches. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hd_hex.h"
#include "base/hd_log.h"
#include "base/hd_threads.h"
#include "cli/hd_cli.h"
#include "cli/hd_cli_case.h"
#include "cli/hd_cmd.h"
#include "cli/hd_expect.h"
#include "cli/hd_results_diff.h"
#include "cli/hd_state_cases.h"
#include "cli/hd_trace_json.h"
#include "exec/hd_exec.h"
#include "state/hd_receipt_root.h"

/* Bytes of JSON in one chunk of files, and transactions in one batch. A file is never split over
   chunks, so one chunk's memory is bounded by this plus the largest file. */
#define CHUNK_SZ_HOST \
    (1ull << 16) /* small: a few cases take seconds, and threads should share them */
#define CHUNK_SZ_CUDA (128ull << 20) /* large: the longest case of a batch sets its time */
#define BATCH_CNT_HOST 4096u
#define BATCH_CNT_CUDA 131072u
#define AUTO_CUDA_SZ (8ull << 20) /* fewer bytes of JSON than this are not worth a device */

typedef struct {
    hd_exec *exec; /* this worker's own: host or tiled; NULL when only the device runs */
    hd_results results;
    hd_results device_results;
    hd_state **states; /* one for each alloc of the chunk, reused */
    size_t state_cnt;
    hd_buf worlds; /* hd_world */
    hd_state *scratch;
    hd_state_cases cases;
    size_t first, end; /* transactions that results hold */
} worker;

typedef struct {
    size_t begin, end; /* files */
} chunk;

typedef struct {
    hd_file_list files;
    hd_state_filter filter;
    uint32_t backend;
    uint32_t batch_cnt;
    uint64_t work_max; /* work units after which a case is skipped; 0: none */
    int is_traced;
    chunk *chunks;
    hd_cli_part *parts; /* one for each chunk */
    size_t chunk_cnt;
    worker *workers;
    uint32_t worker_cnt;
    hd_exec *device; /* shared by the workers, or NULL */
    pthread_mutex_t device_mutex;
    hd_cli_report report;
    hd_progress progress;
} suite;

/* --- running */

static hd_err make_worlds(worker *w) {
    hd_state_cases *c = &w->cases;
    if (c->alloc_cnt > w->state_cnt) {
        hd_state **states = realloc(w->states, c->alloc_cnt * sizeof *states);
        if (!states)
            return HD_ERR_NOMEM;
        w->states = states;
        for (; w->state_cnt < c->alloc_cnt; w->state_cnt++)
            if (!(states[w->state_cnt] = hd_state_new()))
                return HD_ERR_NOMEM;
    }
    hd_buf_clear(&w->worlds);
    for (size_t i = 0; i < c->alloc_cnt; i++) {
        hd_world world;
        hd_state_reset(w->states[i]);
        hd_err err = hd_alloc_load(w->states[i], &c->allocs[i]);
        if (err != HD_OK)
            return err;
        hd_state_world(&world, w->states[i]);
        hd_buf_append(&w->worlds, &world, sizeof world);
    }
    return w->worlds.err;
}

static void make_batch(hd_batch *out, const suite *su, const worker *w, size_t first, size_t cnt) {
    const hd_state_cases *c = &w->cases;
    memset(out, 0, sizeof *out);
    out->worlds = (const void *)w->worlds.data;
    out->envs = (const void *)c->envs.data;
    out->txs = (const hd_tx *)(const void *)c->txs.data + first;
    out->data = c->data.data;
    out->data_sz = c->data.sz;
    out->world_cnt = (uint32_t)c->alloc_cnt;
    out->env_cnt = (uint32_t)(c->envs.sz / sizeof(hd_env));
    out->tx_cnt = (uint32_t)cnt;
    out->work_max = su->work_max;
    out->blockhash = hd_state_test_blockhash;
}

/* Runs transactions from first on, as many as fit, into the worker's results. A batch that is too
   large for the memory there is runs in halves. */
static hd_err run_from(suite *su, worker *w, size_t first) {
    size_t left = w->cases.txs.sz / sizeof(hd_tx) - first;
    size_t cnt = HD_MIN(left, su->batch_cnt);
    for (;;) {
        hd_batch batch;
        hd_err err = HD_OK;
        make_batch(&batch, su, w, first, cnt);
        if (su->is_traced) {
            hd_trace_file trace = {.file = stderr};
            err = hd_exec_trace(w->exec, &w->results, &batch, hd_trace_to_file, &trace);
            if (err == HD_OK && !trace.line.err) {
                hd_buf_clear(&trace.line);
                hd_trace_json_end(&trace.line, &w->results.receipts[0], w->results.bytes);
                fwrite(trace.line.data, 1, trace.line.sz, stderr);
            }
            hd_buf_free(&trace.line);
        } else if (w->exec) {
            err = hd_exec_run(w->exec, &w->results, &batch);
        }
        if (err == HD_OK && su->device) {
            pthread_mutex_lock(&su->device_mutex);
            err = hd_exec_run(su->device, w->exec ? &w->device_results : &w->results, &batch);
            pthread_mutex_unlock(&su->device_mutex);
        }
        if (err == HD_OK) {
            w->first = first;
            w->end = first + cnt;
            return HD_OK;
        }
        if (err != HD_ERR_NOMEM || cnt == 1)
            return err;
        cnt = (cnt + 1) / 2;
    }
}

/* --- judging */

/* Backends that differ: the first field, and the first step where both can trace. */
static void tell_backends(suite *su, worker *w, const hd_state_case *k, hd_msg *why) {
    hd_msg diff, step;
    hd_batch batch;
    size_t i = k->tx_idx - w->first;
    if (!hd_results_diff(&diff, &w->results, i, &w->device_results, i))
        return;
    make_batch(&batch, su, w, k->tx_idx, 1);
    pthread_mutex_lock(&su->device_mutex);
    hd_err err = hd_trace_diff(&step, w->exec, su->device, &batch);
    pthread_mutex_unlock(&su->device_mutex);
    if (err == HD_OK)
        hd_msg_set(why, "host and cuda differ: %.200s; %.200s", diff.text, step.text);
    else
        hd_msg_set(why, "host and cuda differ: %.200s; cuda cannot trace, host's error pc is %u",
                   diff.text, w->results.receipts[i].error_pc);
}

static void tell_hash(hd_msg *why, const char *what, const hd_hash *got, const hd_hash *want) {
    char texts[2][65];
    hd_hex_encode(texts[0], sizeof texts[0], got->b, sizeof got->b);
    hd_hex_encode(texts[1], sizeof texts[1], want->b, sizeof want->b);
    hd_msg_set(why, "%s is 0x%s, expected 0x%s", what, texts[0], texts[1]);
}

/* The state and logs after a case; status is what became of its transaction. */
static hd_err settle(worker *w, const hd_state_case *k, const hd_receipt *r, hd_hash *root,
                     hd_hash *logs_hash) {
    const hd_env *env = (const hd_env *)(const void *)w->cases.envs.data + k->env_idx;
    const hd_results *res = &w->results;
    hd_state_reset(w->scratch);
    hd_err err = hd_alloc_load(w->scratch, &w->cases.allocs[k->alloc_idx]);
    if (err == HD_OK && r)
        err = hd_state_apply(w->scratch, r, res->accounts, res->slots, res->bytes, &env->coinbase,
                             env->fork);
    /* The suites without "config" credit the coinbase 0 after every transaction. */
    if (err == HD_OK && !(k->flags & HD_STATE_CASE_CONFIG))
        err = hd_state_add_balance(w->scratch, &env->coinbase, hd_u256_zero(), env->fork);
    if (err == HD_OK)
        err = hd_state_root(root, w->scratch);
    if (err == HD_OK) {
        size_t log_cnt = r ? r->log_cnt : 0;
        err = hd_logs_hash(logs_hash, log_cnt ? res->logs + r->log_off : NULL, log_cnt, res->bytes);
    }
    return err;
}

/* why->text stays empty when the case is as expected. */
static void judge(suite *su, worker *w, const hd_state_case *k, hd_hash *root, hd_hash *logs_hash,
                  hd_msg *why) {
    const hd_receipt *r = NULL;
    uint32_t status = k->status;
    why->text[0] = 0;
    if (k->flags & HD_STATE_CASE_UNKNOWN_FORK) {
        hd_msg_set(why, "unknown fork \"%.80s\"", hd_state_cases_text(&w->cases, k->fork_off));
        return;
    }
    if (k->tx_idx != HD_STATE_CASE_NO_TX) {
        r = &w->results.receipts[k->tx_idx - w->first];
        status = r->status;
        if (su->device && w->exec) {
            tell_backends(su, w, k, why);
            if (why->text[0])
                return;
        }
    }
    if (status >= HD_TX_PENDING && status < HD_TX_INVALID) {
        hd_msg_set(why, "our machine: %s", hd_tx_status_name(status));
        return;
    }
    hd_err err = settle(w, k, r, root, logs_hash);
    if (err != HD_OK) {
        hd_msg_set(why, "our machine: %s", hd_err_name(err));
        return;
    }
    const char *exception = hd_state_cases_text(&w->cases, k->exception_off);
    int is_refused = status >= HD_TX_INVALID;
    int has_config = (k->flags & HD_STATE_CASE_CONFIG) != 0;
    if (exception[0] && !is_refused)
        hd_msg_set(why, "the transaction ran (%s), expected %.200s", hd_tx_status_name(status),
                   exception);
    else if (!exception[0] && has_config && is_refused)
        hd_msg_set(why, "the transaction was refused: %s", hd_tx_status_name(status));
    else if (exception[0] && has_config) {
        int match = hd_expect_match(exception, status);
        if (match == HD_EXPECT_UNKNOWN)
            hd_msg_set(why, "unknown name in %.200s (refused: %s)", exception,
                       hd_tx_status_name(status));
        else if (match == HD_EXPECT_NO)
            hd_msg_set(why, "refused with \"%s\", expected %.200s", hd_tx_status_name(status),
                       exception);
    }
    if (!why->text[0] && !hd_is_equal(root, &k->root, sizeof *root))
        tell_hash(why, "state root", root, &k->root);
    if (!why->text[0] && !hd_is_equal(logs_hash, &k->logs_hash, sizeof *logs_hash))
        tell_hash(why, "logs hash", logs_hash, &k->logs_hash);
}

static void put_case(suite *su, worker *w, hd_cli_part *part, const hd_state_case *k) {
    static const hd_hash none;
    hd_hash root = none, logs_hash = none;
    hd_msg why = {""};
    char extra[192];
    hd_cli_case_name named = {hd_state_cases_text(&w->cases, k->name_off),
                              su->files.paths[k->path_idx],
                              hd_state_cases_text(&w->cases, k->fork_off),
                              {k->data_idx, k->gas_idx, k->value_idx},
                              0};
    int outcome = HD_CLI_SKIPPED;
    if (k->flags & HD_STATE_CASE_SKIPPED) {
        hd_msg_set(&why, "a VMTests case (\"exec\" format), which is no state test");
    } else {
        judge(su, w, k, &root, &logs_hash, &why);
        outcome = why.text[0] ? HD_CLI_FAILED : HD_CLI_PASSED;
        if (su->work_max && k->tx_idx != HD_STATE_CASE_NO_TX &&
            w->results.receipts[k->tx_idx - w->first].status == HD_TX_WORK_LIMIT) {
            hd_msg_set(&why, "over the given limit of work units");
            outcome = HD_CLI_SKIPPED;
        }
    }
    if (hd_is_equal(&root, &none, sizeof none)) {
        snprintf(extra, sizeof extra, ",\"stateRoot\":null,\"logsHash\":null");
    } else {
        char texts[2][65];
        hd_hex_encode(texts[0], sizeof texts[0], root.b, sizeof root.b);
        hd_hex_encode(texts[1], sizeof texts[1], logs_hash.b, sizeof logs_hash.b);
        snprintf(extra, sizeof extra, ",\"stateRoot\":\"0x%s\",\"logsHash\":\"0x%s\"", texts[0],
                 texts[1]);
    }
    hd_cli_put_case(part, &named, extra, outcome, why.text);
}

/* --- chunks */

static hd_err run_chunk(suite *su, worker *w, const chunk *ch, hd_cli_part *part) {
    hd_state_cases_clear(&w->cases);
    w->first = w->end = 0;
    for (size_t i = ch->begin; i < ch->end; i++) {
        hd_err err =
            hd_state_cases_load(&w->cases, part, su->files.paths[i], (uint32_t)i, &su->filter);
        if (err != HD_OK)
            return err;
    }
    hd_err err = make_worlds(w);
    for (size_t i = 0; err == HD_OK && i < hd_state_cases_cnt(&w->cases); i++) {
        const hd_state_case *k = hd_state_cases_at(&w->cases, i);
        if (k->tx_idx != HD_STATE_CASE_NO_TX && k->tx_idx >= w->end)
            err = run_from(su, w, k->tx_idx);
        if (err == HD_OK)
            put_case(su, w, part, k);
    }
    return err;
}

static void run_one(void *ctx, size_t idx, uint32_t worker_idx) {
    suite *su = ctx;
    const chunk *ch = &su->chunks[idx];
    hd_err err = run_chunk(su, &su->workers[worker_idx], ch, &su->parts[idx]);
    if (err != HD_OK)
        hd_cli_put_bad(&su->parts[idx], "heddle statetest: %s: %s", su->files.paths[ch->begin],
                       hd_err_name(err));
    hd_cli_report_part(&su->report, idx);
    hd_progress_add(&su->progress, ch->end - ch->begin);
}

static uint64_t file_sz(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static hd_err make_chunks(suite *su, uint64_t chunk_sz) {
    su->chunks = calloc(su->files.path_cnt, sizeof *su->chunks);
    su->parts = calloc(su->files.path_cnt, sizeof *su->parts);
    if (!su->chunks || !su->parts)
        return HD_ERR_NOMEM;
    uint64_t sum = 0;
    for (size_t i = 0; i < su->files.path_cnt; i++) {
        uint64_t sz = file_sz(su->files.paths[i]);
        if (i == 0 || sum + sz > chunk_sz) {
            su->chunks[su->chunk_cnt++].begin = i;
            sum = 0;
        }
        su->chunks[su->chunk_cnt - 1].end = i + 1;
        sum += sz;
    }
    return HD_OK;
}

/* --- the command */

static hd_err open_workers(suite *su, uint32_t thread_cnt, int needs_host) {
    su->workers = calloc(thread_cnt, sizeof *su->workers);
    if (!su->workers)
        return HD_ERR_NOMEM;
    su->worker_cnt = thread_cnt;
    for (uint32_t i = 0; i < thread_cnt; i++) {
        worker *w = &su->workers[i];
        hd_exec_options options = {HD_BACKEND_HOST, 1, NULL, NULL};
        if (su->backend == HD_BACKEND_TILED)
            options.backend = HD_BACKEND_TILED;
        if (!(w->scratch = hd_state_new()))
            return HD_ERR_NOMEM;
        hd_err err = needs_host ? hd_exec_open(&w->exec, &options) : HD_OK;
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static void close_suite(suite *su) {
    for (uint32_t i = 0; i < su->worker_cnt; i++) {
        worker *w = &su->workers[i];
        hd_results_free(&w->results);
        hd_results_free(&w->device_results);
        if (w->exec)
            hd_exec_close(w->exec);
        for (size_t k = 0; k < w->state_cnt; k++)
            hd_state_free(w->states[k]);
        free(w->states);
        hd_buf_free(&w->worlds);
        if (w->scratch)
            hd_state_free(w->scratch);
        hd_state_cases_free(&w->cases);
    }
    free(su->workers);
    free(su->chunks);
    free(su->parts);
    if (su->device)
        hd_exec_close(su->device);
    hd_file_list_free(&su->files);
    pthread_mutex_destroy(&su->device_mutex);
}

static int run_suite(suite *su, uint32_t thread_cnt) {
    int is_cuda_named = su->backend == HD_BACKEND_CUDA || su->backend == HD_CLI_BACKEND_BOTH;
    uint64_t sz = 0;
    for (size_t i = 0; su->backend == HD_BACKEND_AUTO && i < su->files.path_cnt; i++)
        sz += file_sz(su->files.paths[i]);
    if (is_cuda_named || sz >= AUTO_CUDA_SZ) {
        su->device = hd_cli_suite_device(is_cuda_named ? "statetest" : NULL);
        if (!su->device && is_cuda_named)
            return HD_EXIT_USAGE;
    }
    int needs_host = !su->device || su->backend == HD_CLI_BACKEND_BOTH;
    su->batch_cnt = su->is_traced ? 1 : su->device ? BATCH_CNT_CUDA : BATCH_CNT_HOST;
    hd_err err = make_chunks(su, su->device ? CHUNK_SZ_CUDA : CHUNK_SZ_HOST);
    if (err == HD_OK)
        err = open_workers(su, thread_cnt, needs_host);
    if (err != HD_OK)
        return hd_cli_suite_fail("statetest", err);
    const hd_cli_suite run = {.command = "statetest",
                              .report = &su->report,
                              .progress = &su->progress,
                              .parts = su->parts,
                              .part_cnt = su->chunk_cnt,
                              .file_cnt = su->files.path_cnt,
                              .thread_cnt = thread_cnt};
    return hd_cli_suite_run(&run, run_one, su);
}

enum { OPT_FORK = 1, OPT_BACKEND, OPT_TRACE, OPT_THREADS, OPT_SAMPLE, OPT_NAME, OPT_WORK };

int hd_cmd_statetest(int argc, char **argv) {
    static const hd_cli_option options[] = {
        {"--fork", "FORK", "only results for this fork (Frontier to Osaka)", OPT_FORK},
        {"--backend", "NAME", "auto, host, cuda, tiled, or both (host and cuda, compared)",
         OPT_BACKEND},
        {"--threads", "N", "worker threads (default: all cores)", OPT_THREADS},
        {"--sample", "PERCENT", "only cases chosen by a hash of file and name", OPT_SAMPLE},
        {"--name", "TEXT", "only tests whose name holds TEXT", OPT_NAME},
        {"--work-max", "N", "skip cases that need more than N work units (about instructions)",
         OPT_WORK},
        {"--trace", NULL, "EIP-3155 lines on standard error (host, one thread)", OPT_TRACE},
    };
    static const hd_cli_spec spec = {
        "statetest",
        "[OPTION...] PATH...",
        "Runs state tests (files, or folders of .json files): state roots, logs hashes and\n"
        "refusals are checked. Standard output: one JSON array, one object a case. Exit status:\n"
        "0 all passed, 1 a case failed, 2 usage, unreadable input, no case, or no device.",
        "heddle statetest --fork Cancun --threads 2 GeneralStateTests/stExample",
        options,
        sizeof options / sizeof options[0]};
    hd_cli cli;
    suite su;
    uint64_t thread_cnt = 0, pct;
    size_t path_cnt = 0;
    memset(&su, 0, sizeof su);
    su.filter.fork = HD_FORK_CNT;
    su.filter.sample_pct = 100;
    hd_cli_init(&cli, &spec, argc, argv);
    for (int id; (id = hd_cli_next(&cli)) != HD_CLI_END;) {
        int is_good = 1;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case HD_CLI_ARG: argv[path_cnt++] = (char *)cli.value; break;
        case OPT_FORK: is_good = hd_cli_fork(&su.filter.fork, &cli); break;
        case OPT_BACKEND: is_good = hd_cli_backend(&su.backend, &cli, 1); break;
        case OPT_THREADS: is_good = hd_cli_u64(&thread_cnt, &cli, 1, HD_POOL_THREADS_MAX); break;
        case OPT_SAMPLE:
            is_good = hd_cli_u64(&pct, &cli, 1, 100);
            if (is_good)
                su.filter.sample_pct = (uint32_t)pct;
            break;
        case OPT_WORK: is_good = hd_cli_u64(&su.work_max, &cli, 1, UINT64_MAX); break;
        case OPT_NAME: su.filter.name = cli.value; break;
        case OPT_TRACE: su.is_traced = 1; break;
        }
        if (!is_good)
            return HD_EXIT_USAGE;
    }
    if (su.is_traced && su.backend != HD_BACKEND_AUTO && su.backend != HD_BACKEND_HOST)
        return hd_cli_wrong(&cli, "--trace goes with --backend host only");
    if (su.is_traced) {
        su.backend = HD_BACKEND_HOST;
        thread_cnt = 1;
    }
    if (hd_cli_suite_files(&su.files, &cli, argv, path_cnt) != HD_EXIT_OK)
        return HD_EXIT_USAGE;
    pthread_mutex_init(&su.device_mutex, NULL);
    int status = run_suite(&su, thread_cnt ? (uint32_t)thread_cnt : hd_cpu_cnt());
    close_suite(&su);
    return status;
}
