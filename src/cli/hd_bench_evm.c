/* hd_bench_evm.c - the public evm-benchmarks: single programs, timed as transactions of one batch.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_json.h"
#include "cli/hd_bench.h"
#include "cli/hd_state_cases.h"

#define SAMPLE_NS 100000000ull /* a sample repeats the batch until it has taken this long */
#define LABEL_SZ 128
#define FILE_SZ_MAX (16u << 20)

/* The case's own name in "_info".labels, else its number. */
static void label_find(char label[LABEL_SZ], const char *path, const char *test,
                       uint32_t data_idx) {
    hd_json_doc *doc = NULL;
    hd_json root, val;
    char idx[16];
    const char *text;
    snprintf(idx, sizeof idx, "%u", data_idx);
    snprintf(label, LABEL_SZ, "%.60s/%s", test, idx);
    if (hd_json_load(&doc, &root, NULL, path, FILE_SZ_MAX, HD_JSON_DEPTH_DEFAULT) != HD_OK)
        return;
    if (hd_json_find(&val, root, test) && hd_json_find(&val, val, "_info") &&
        hd_json_find(&val, val, "labels") && hd_json_find(&val, val, idx) &&
        hd_json_str(&text, NULL, NULL, val) == HD_OK)
        snprintf(label, LABEL_SZ, "%.60s/%.60s", test, text);
    hd_json_close(doc);
    for (char *p = label; *p; p++)
        if (*p < 0x21 || *p == ',' || *p == '"' || *p > 0x7e)
            *p = '_'; /* it becomes a CSV field */
}

typedef struct {
    const hd_bench_options *o;
    hd_exec *x;
    hd_state *state;
    hd_results results;
    uint64_t (*clock_ns)(void);
} evm_bench;

/* Runs the transaction as it stands in the file: its state root is what the file expects. */
static hd_err check_case(hd_msg *msg, evm_bench *b, const hd_state_cases *c, const hd_state_case *k,
                         const char *label) {
    hd_world world;
    hd_hash root;
    const hd_env *env = (const hd_env *)(const void *)c->envs.data + k->env_idx;
    hd_tx tx = ((const hd_tx *)(const void *)c->txs.data)[k->tx_idx];
    tx.env_idx = tx.world_idx = 0;
    hd_state_world(&world, b->state);
    hd_batch batch = {.worlds = &world,
                      .envs = env,
                      .txs = &tx,
                      .data = c->data.data,
                      .data_sz = c->data.sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = 1,
                      .blockhash = hd_state_test_blockhash};
    hd_err err = hd_exec_run(b->x, &b->results, &batch);
    if (err == HD_OK)
        err = hd_state_apply(b->state, b->results.receipts, b->results.accounts, b->results.slots,
                             b->results.bytes, &env->coinbase, env->fork);
    if (err == HD_OK)
        err = hd_state_root(&root, b->state);
    if (err != HD_OK) {
        hd_msg_set(msg, "%s: %s", label, hd_err_name(err));
    } else if (memcmp(&root, &k->root, sizeof root) != 0) {
        hd_msg_set(msg, "%s: the state root is not the expected one (%s)", label,
                   hd_tx_status_name(b->results.receipts[0].status));
        err = HD_ERR_CORRUPT;
    }
    return err;
}

static hd_err time_case(hd_bench_row *row, evm_bench *b, const hd_state_cases *c,
                        const hd_state_case *k) {
    uint32_t cnt = (uint32_t)row->tx_cnt;
    hd_tx *txs = malloc(cnt * sizeof *txs);
    hd_bench_sample *samples = malloc(b->o->repeat_cnt * sizeof *samples);
    hd_world world;
    hd_err err = txs && samples ? HD_OK : HD_ERR_NOMEM;
    if (err != HD_OK)
        goto done;
    for (uint32_t i = 0; i < cnt; i++) {
        txs[i] = ((const hd_tx *)(const void *)c->txs.data)[k->tx_idx];
        txs[i].env_idx = txs[i].world_idx = 0;
        txs[i].flags |= HD_TX_SKIP_CHECKS;
    }
    hd_state_world(&world, b->state);
    hd_batch batch = {.worlds = &world,
                      .envs = (const hd_env *)(const void *)c->envs.data + k->env_idx,
                      .txs = txs,
                      .data = c->data.data,
                      .data_sz = c->data.sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = cnt,
                      .flags = HD_BATCH_NO_DIFF,
                      .blockhash = hd_state_test_blockhash};
    uint64_t run_cnt = 1;
    for (uint64_t i = 0; err == HD_OK && i < b->o->repeat_cnt;) {
        uint64_t kernel_ns = 0, begin_ns = b->clock_ns();
        for (uint64_t r = 0; err == HD_OK && r < run_cnt; r++) {
            err = hd_exec_run(b->x, &b->results, &batch);
            kernel_ns += b->results.kernel_ns;
        }
        uint64_t ns = b->clock_ns() - begin_ns;
        if (ns < SAMPLE_NS / 2) { /* too short to be exact: it warmed up and gave the count */
            run_cnt = ns < SAMPLE_NS / 200 ? run_cnt * 100 : run_cnt * SAMPLE_NS / ns + 1;
            continue;
        }
        samples[i].ns = ns / run_cnt;
        samples[i++].kernel_ns = kernel_ns / run_cnt;
    }
    if (err == HD_OK) {
        hd_bench_sample m = hd_bench_median(samples, b->o->repeat_cnt);
        row->median_ns = m.ns;
        row->kernel_ns = m.kernel_ns;
        for (uint32_t i = 0; i < cnt; i++)
            row->gas += b->results.receipts[i].gas_used;
    }
done:
    free(txs);
    free(samples);
    return err;
}

static hd_err bench_file(hd_msg *msg, evm_bench *b, const char *group, const char *path,
                         const char *filter, uint32_t *case_cnt) {
    hd_state_cases c;
    hd_cli_part part;
    hd_state_filter all = {.fork = HD_FORK_CNT, .sample_pct = 100};
    memset(&c, 0, sizeof c);
    memset(&part, 0, sizeof part);
    hd_err err = hd_state_cases_load(&c, &part, path, 0, &all);
    if (err == HD_OK && part.bad_input_cnt) {
        hd_msg_set(msg, "%.400s", hd_buf_str(&part.messages));
        msg->text[strcspn(msg->text, "\n")] = 0;
        err = HD_ERR_FORMAT;
    }
    for (size_t i = 0; err == HD_OK && i < hd_state_cases_cnt(&c); i++) {
        const hd_state_case *k = hd_state_cases_at(&c, i);
        char label[LABEL_SZ];
        if (k->flags & (HD_STATE_CASE_SKIPPED | HD_STATE_CASE_UNKNOWN_FORK) ||
            k->tx_idx == HD_STATE_CASE_NO_TX)
            continue;
        label_find(label, path, hd_state_cases_text(&c, k->name_off), k->data_idx);
        if (filter && !strstr(label, filter))
            continue;
        hd_state_reset(b->state);
        err = hd_alloc_load(b->state, &c.allocs[k->alloc_idx]);
        if (err == HD_OK && b->o->is_checked) {
            err = check_case(msg, b, &c, k, label);
            hd_state_reset(b->state);
            if (err == HD_OK)
                err = hd_alloc_load(b->state, &c.allocs[k->alloc_idx]);
        }
        hd_bench_row row = {.workload = group,
                            .name = label,
                            .backend = hd_exec_backend(b->x),
                            .threads = (uint32_t)b->o->threads,
                            .tx_cnt = b->o->tx_cnt};
        if (err == HD_OK)
            err = time_case(&row, b, &c, k);
        if (err == HD_OK) {
            hd_bench_put(b->o, &row);
            (*case_cnt)++;
        }
    }
    hd_state_cases_free(&c);
    hd_buf_free(&part.objects);
    hd_buf_free(&part.messages);
    return err;
}

hd_err hd_bench_evm(hd_msg *msg, const hd_bench_options *o, const char *filter) {
    static const char *const groups[] = {"main", "micro"};
    hd_bench_options own = *o;
    evm_bench b;
    uint32_t case_cnt = 0;
    memset(&b, 0, sizeof b);
    if (own.tx_cnt == 0)
        own.tx_cnt = 1;
    if (own.threads == 0)
        own.threads = 1; /* these programs are serial: a pool would only be woken */
    if (own.is_cpu_time && (own.threads != 1 || o->backend == HD_BACKEND_CUDA)) {
        hd_msg_set(msg, "the time of the processor is measured on one thread of the host alone");
        return HD_ERR_UNSUPPORTED;
    }
    b.clock_ns = own.is_cpu_time ? hd_clock_thread_ns : hd_clock_ns;
    b.o = &own;
    hd_exec_options options = {.backend = o->backend, .threads = (uint32_t)own.threads};
    hd_err err = hd_exec_open(&b.x, &options);
    if (err != HD_OK) {
        hd_msg_set(msg, "the backend %s is not usable here: %s", hd_bench_backend_name(o->backend),
                   hd_err_name(err));
        return err;
    }
    b.state = hd_state_new();
    if (!b.state)
        err = HD_ERR_NOMEM;
    for (size_t g = 0; err == HD_OK && g < 2; g++) {
        char path[1024], group[16];
        hd_file_list files;
        const char *home = getenv("HOME");
        snprintf(group, sizeof group, "evm/%s", groups[g]);
        if (o->fixtures)
            snprintf(path, sizeof path, "%s/contracts/evm-benchmarks/benchmarks/%s", o->fixtures,
                     groups[g]);
        else
            snprintf(path, sizeof path,
                     "%s/.cache/heddle/fixtures/contracts/evm-benchmarks/benchmarks/%s",
                     home ? home : "", groups[g]);
        err = hd_file_walk(&files, msg, path, ".json");
        for (size_t i = 0; err == HD_OK && i < files.path_cnt; i++)
            err = bench_file(msg, &b, group, files.paths[i], filter, &case_cnt);
        hd_file_list_free(&files);
    }
    if (err == HD_OK && case_cnt == 0) {
        hd_msg_set(msg, "no benchmark's name holds \"%.80s\"", filter ? filter : "");
        err = HD_ERR_ABSENT;
    }
    hd_results_free(&b.results);
    hd_state_free(b.state);
    hd_exec_close(b.x);
    return err;
}
