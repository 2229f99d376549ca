/* hd_cmd_replay.c - `heddle replay`: executes blocks with the state before them, compares with
   their headers, measures. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hd_bench.h"
#include "cli/hd_cmd.h"
#include "cli/hd_replay.h"
#include "cli/hd_state_json.h"

#define PATHS_MAX 4096u

enum {
    OPTION_REPEAT = HD_REPLAY_OPTION_END,
    OPTION_EXPLAIN,
    OPTION_CSV,
    OPTION_JSON,
};

static const hd_cli_option options[] = {
    HD_REPLAY_OPTIONS,
    {"--repeat", "COUNT", "execute each block so often; the median counts (1)", OPTION_REPEAT},
    {"--explain", NULL, "print rounds, re-executions, chains and where time went", OPTION_EXPLAIN},
    {"--csv", "FILE", "append a row a block and one for all to FILE", OPTION_CSV},
    {"--json", NULL, "print a JSON array instead of lines", OPTION_JSON},
};

static const hd_cli_spec spec = {
    "replay",
    "[OPTION...] DIR...",
    "Execute blocks of Ethereum's main network. DIR holds block.json (eth_getBlockByNumber with\n"
    "full transactions) and pre_state.json ({address: {balance, nonce, code_hash, storage}}), or\n"
    "folders of that kind. Signatures, hashes, gas used, bloom and, from Byzantium on, the\n"
    "receipts root must be the block's. Time is that of execution in memory, senders known.",
    "heddle replay --threads 1 --repeat 5 blocks/",
    options,
    sizeof options / sizeof options[0]};

typedef struct {
    hd_replay_options o;
    uint64_t repeat_cnt;
    const char *csv_path;
    int is_explained, is_json;
} replay_options;

/* What all blocks came to. */
typedef struct {
    uint64_t block_cnt, ok_cnt, tx_cnt, gas, recover_ns, kernel_ns;
    uint64_t exec_ns; /* medians */
    uint64_t best_ns; /* of all repetitions */
    uint64_t round_cnt, rerun_cnt, serial_cnt;
} totals;

typedef struct {
    const replay_options *o;
    hd_replay replay;
    hd_replay_block block;
    hd_bench_sample *samples;
    FILE *csv;
    totals all;
} session;

/* ---- printing */

static double per_s(uint64_t cnt, uint64_t ns) { return ns ? (double)cnt * 1e9 / (double)ns : 0; }

static void put_json(const session *s, int is_ok, const char *why, uint64_t ns) {
    const hd_replay_block *b = &s->block;
    const hd_ordered_stats *t = &b->result.stats;
    hd_buf text = {0};
    hd_buf_printf(
        &text,
        "%s{\"number\":%" PRIu64 ",\"fork\":\"%s\",\"transactions\":%u,"
        "\"gasUsed\":%" PRIu64 ",\"pass\":%s,\"receiptsRoot\":\"%s\","
        "\"execNs\":%" PRIu64 ",\"recoverNs\":%" PRIu64 ",\"rootNs\":%" PRIu64
        ",\"rounds\":%" PRIu64 ",\"reexecuted\":%" PRIu64 ",\"alone\":%" PRIu64 ",\"error\":",
        s->all.block_cnt > 1 ? ",\n" : "[\n", b->json.block.header.number,
        hd_fork_name(b->rules.fork), b->json.block.tx_cnt, b->result.gas_used,
        is_ok ? "true" : "false",
        b->rules.fork < HD_FORK_BYZANTIUM ? "unchecked (pre-Byzantium)" : "checked", ns,
        b->result.recover_ns, b->result.root_ns, t->round_cnt, t->rerun_cnt, t->serial_cnt);
    hd_cli_put_str(&text, why, strlen(why));
    hd_buf_append_str(&text, "}");
    fputs(hd_buf_str(&text), stdout);
    hd_buf_free(&text);
}

static void put_line(const session *s, int is_ok, const char *why, uint64_t ns) {
    const hd_replay_block *b = &s->block;
    const hd_ordered_stats *t = &b->result.stats;
    printf("block %-9" PRIu64 " %-14s %5u txs %10" PRIu64 " gas %9.3f ms %8.1f Mgas/s %4" PRIu64
           " rounds %5" PRIu64 " again  %s%s%s\n",
           b->json.block.header.number, hd_fork_name(b->rules.fork), b->json.block.tx_cnt,
           b->result.gas_used, (double)ns / 1e6, per_s(b->result.gas_used, ns) / 1e6, t->round_cnt,
           t->rerun_cnt, is_ok ? "ok" : "FAILED: ", why,
           is_ok && b->rules.fork < HD_FORK_BYZANTIUM ? "; receiptsRoot: unchecked (pre-Byzantium)"
                                                      : "");
}

static void explain(const session *s) {
    const hd_block_result *r = &s->block.result;
    const hd_ordered_stats *t = &r->stats;
    printf("    %" PRIu64 " rounds over %" PRIu64 " transactions in %" PRIu64 " chunks, %" PRIu64
           " ran again, %" PRIu64 " ran alone, %" PRIu64 " failed\n"
           "    %" PRIu64 " chains beside each other, %" PRIu64
           " transactions in them; the longest chain met %" PRIu64 "\n"
           "    senders %.3f ms; first rounds %.3f ms (kernels %.3f ms), indexing and validation "
           "%.3f ms, later rounds %.3f ms, chains %.3f ms, commit %.3f ms; alone and in order "
           "%.3f ms;\n"
           "    transactions %.3f ms, block %.3f ms; receipts and roots %.3f ms\n",
           t->round_cnt, t->chunk_tx_cnt, t->chunk_cnt, t->rerun_cnt, t->serial_cnt, t->failed_cnt,
           t->lane_chain_cnt, t->lane_tx_cnt, t->chain_cnt, (double)r->recover_ns / 1e6,
           (double)t->chunk_ns / 1e6, (double)t->kernel_ns / 1e6, (double)t->index_ns / 1e6,
           (double)t->again_ns / 1e6, (double)t->lane_ns / 1e6, (double)t->commit_ns / 1e6,
           (double)t->rerun_ns / 1e6, (double)t->total_ns / 1e6, (double)r->exec_ns / 1e6,
           (double)r->root_ns / 1e6);
}

static void put_csv(const session *s, const char *name, uint64_t tx_cnt, uint64_t gas, uint64_t ns,
                    uint64_t kernel_ns) {
    uint32_t backend = hd_exec_backend(s->replay.exec);
    uint32_t threads = hd_pool_thread_cnt(s->replay.pool);
    hd_bench_row row = {.workload = s->o->o.is_serial ? "replay-serial" : "replay-parallel",
                        .name = name,
                        .backend = backend,
                        .threads = backend == HD_BACKEND_CUDA ? 0 : threads,
                        .tx_cnt = tx_cnt,
                        .gas = gas,
                        .median_ns = ns,
                        .kernel_ns = kernel_ns};
    hd_bench_csv_put(s->csv, &row);
}

static void put_summary(const session *s) {
    const totals *a = &s->all;
    fprintf(s->o->is_json ? stderr : stdout,
            "%" PRIu64 " blocks: %" PRIu64 " ok, %" PRIu64 " failed; %" PRIu64
            " transactions, %.1f Mgas in %.3f ms: %.1f Mgas/s, %.3f ns a gas, %.0f txs/s; "
            "%" PRIu64 " rounds, %" PRIu64 " again, %" PRIu64 " alone; best of %" PRIu64
            " %.3f ms; senders %.3f ms\n",
            a->block_cnt, a->ok_cnt, a->block_cnt - a->ok_cnt, a->tx_cnt, (double)a->gas / 1e6,
            (double)a->exec_ns / 1e6, per_s(a->gas, a->exec_ns) / 1e6,
            a->gas ? (double)a->exec_ns / (double)a->gas : 0, per_s(a->tx_cnt, a->exec_ns),
            a->round_cnt, a->rerun_cnt, a->serial_cnt, s->o->repeat_cnt, (double)a->best_ns / 1e6,
            (double)a->recover_ns / 1e6);
}

/* ---- one block */

/* Executes the block so often as was asked for; *is_ok and msg say whether it is right. */
static hd_err run_block(int *is_ok, hd_msg *msg, session *s) {
    hd_replay_block *b = &s->block;
    msg->text[0] = 0;
    hd_err err = hd_replay_check(is_ok, msg, b, &s->replay);
    if (err != HD_OK || !*is_ok) {
        memset(s->samples, 0, sizeof *s->samples);
        memset(&b->result.stats, 0, sizeof b->result.stats);
        b->result.gas_used = 0;
        return err;
    }
    for (uint64_t i = 0; err == HD_OK && *is_ok && i < s->o->repeat_cnt; i++) {
        err = hd_replay_run(b, &s->replay);
        if (err == HD_OK && b->verdict.status != HD_BLOCK_VALID) {
            *is_ok = 0;
            *msg = b->verdict.msg;
        }
        s->samples[i] = (hd_bench_sample){b->result.exec_ns, b->result.stats.kernel_ns};
    }
    return err;
}

/* Returns an exit status. */
static int replay_dir(session *s, const char *dir) {
    char name[32];
    hd_msg msg = {""};
    int is_ok = 0;
    hd_err err = hd_replay_load(&s->block, &msg, &s->replay, dir);
    if (err != HD_OK) {
        fprintf(stderr, "heddle replay: %s%s%s\n", msg.text[0] ? "" : dir, msg.text[0] ? "" : ": ",
                msg.text[0] ? msg.text : hd_err_name(err));
        return HD_EXIT_USAGE;
    }
    err = run_block(&is_ok, &msg, s);
    if (err != HD_OK) {
        is_ok = 0;
        hd_msg_set(&msg, "it could not be executed: %s", hd_err_name(err));
    }
    const hd_block_result *r = &s->block.result;
    hd_bench_sample median = hd_bench_median(s->samples, is_ok ? s->o->repeat_cnt : 1);
    s->all.block_cnt++;
    s->all.ok_cnt += is_ok ? 1 : 0;
    s->all.tx_cnt += s->block.json.block.tx_cnt;
    s->all.gas += r->gas_used;
    s->all.exec_ns += median.ns;
    s->all.best_ns += s->samples[0].ns; /* the median sorted them */
    s->all.kernel_ns += median.kernel_ns;
    s->all.recover_ns += r->recover_ns;
    s->all.round_cnt += r->stats.round_cnt;
    s->all.rerun_cnt += r->stats.rerun_cnt;
    s->all.serial_cnt += r->stats.serial_cnt;
    if (s->o->is_json)
        put_json(s, is_ok, msg.text, median.ns);
    else
        put_line(s, is_ok, msg.text, median.ns);
    if (s->o->is_explained && !s->o->is_json)
        explain(s);
    if (s->csv) {
        snprintf(name, sizeof name, "%" PRIu64, s->block.json.block.header.number);
        put_csv(s, name, s->block.json.block.tx_cnt, r->gas_used, median.ns, median.kernel_ns);
    }
    fflush(stdout);
    return is_ok ? HD_EXIT_OK : HD_EXIT_FAILED;
}

/* Blocks that differ do not end the session, input that cannot be read does. */
static int replay_all(session *s, const hd_replay_dirs *dirs) {
    int status = HD_EXIT_OK;
    for (size_t i = 0; i < dirs->dir_cnt && status != HD_EXIT_USAGE; i++) {
        int one = replay_dir(s, dirs->dirs[i]);
        status = HD_MAX(status, one);
    }
    if (s->o->is_json)
        puts(s->all.block_cnt ? "\n]" : "[]");
    if (status != HD_EXIT_USAGE)
        put_summary(s);
    if (s->csv)
        put_csv(s, "all", s->all.tx_cnt, s->all.gas, s->all.exec_ns, s->all.kernel_ns);
    return status;
}

static int run(const replay_options *o, char **paths, size_t path_cnt) {
    static session s; /* holds a header and more: too large for the stack */
    hd_replay_dirs dirs;
    hd_msg msg = {""};
    memset(&s, 0, sizeof s);
    s.o = o;
    hd_err err = hd_replay_find(&dirs, &msg, paths, path_cnt);
    if (err != HD_OK) {
        fprintf(stderr, "heddle replay: %s\n", msg.text[0] ? msg.text : hd_err_name(err));
        return HD_EXIT_USAGE;
    }
    int status = hd_replay_open(&s.replay, &o->o);
    if (status == HD_EXIT_OK && o->csv_path && !hd_bench_csv_open(&s.csv, "replay", o->csv_path))
        status = HD_EXIT_USAGE;
    s.samples = calloc(o->repeat_cnt, sizeof *s.samples);
    if (!s.samples) {
        fputs("heddle replay: out of memory\n", stderr);
        status = HD_EXIT_USAGE;
    }
    if (status == HD_EXIT_OK)
        status = replay_all(&s, &dirs);
    if (s.csv && fclose(s.csv) != 0) {
        fprintf(stderr, "heddle replay: %s: cannot be written\n", o->csv_path);
        status = HD_EXIT_USAGE;
    }
    free(s.samples);
    hd_replay_block_free(&s.block);
    hd_replay_close(&s.replay);
    hd_replay_dirs_free(&dirs);
    return status;
}

int hd_cmd_replay(int argc, char **argv) {
    hd_cli cli;
    int id;
    char *paths[PATHS_MAX];
    size_t path_cnt = 0;
    replay_options o = {.o = {.command = "replay"}, .repeat_cnt = 1};
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        int is_right = 1;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case OPTION_REPEAT:
            is_right = hd_cli_u64(&o.repeat_cnt, &cli, 1, HD_BENCH_REPEAT_MAX);
            break;
        case OPTION_EXPLAIN: o.is_explained = 1; break;
        case OPTION_CSV: o.csv_path = cli.value; break;
        case OPTION_JSON: o.is_json = 1; break;
        case HD_CLI_ARG:
            if (path_cnt == PATHS_MAX)
                return hd_cli_wrong(&cli, "more than %u folders", PATHS_MAX);
            paths[path_cnt++] = (char *)(uintptr_t)cli.value;
            break;
        default: is_right = hd_replay_option(&o.o, &cli, id);
        }
        if (!is_right)
            return HD_EXIT_USAGE;
    }
    if (!path_cnt)
        return hd_cli_wrong(&cli, "a folder is expected");
    return run(&o, paths, path_cnt);
}
