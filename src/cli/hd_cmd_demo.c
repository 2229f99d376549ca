/* hd_cmd_demo.c - `heddle demo`: many token transfers, in order, on the best backend there is. */
#include <stdio.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_hex.h"
#include "base/hd_threads.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "exec/hd_exec_ordered.h"
#include "exec/hd_workload.h"

enum {
    OPTION_N = 1,
    OPTION_ACCOUNTS,
    OPTION_SEED,
    OPTION_BACKEND,
    OPTION_THREADS,
    OPTION_CHUNK,
    OPTION_CHECK,
    OPTION_JSON,
};

static const hd_cli_option options[] = {
    {"--n", "COUNT", "transactions (100000)", OPTION_N},
    {"--accounts", "COUNT", "accounts that they are drawn from (10000)", OPTION_ACCOUNTS},
    {"--seed", "NUMBER", "what all is drawn from (1)", OPTION_SEED},
    {"--backend", "NAME", "auto, host, cuda or tiled (auto)", OPTION_BACKEND},
    {"--threads", "COUNT", "worker threads of the host (all cores)", OPTION_THREADS},
    {"--chunk", "COUNT", "transactions that run at once, 1 is serial (by backend)", OPTION_CHUNK},
    {"--check", NULL, "run all again serially and compare the state roots", OPTION_CHECK},
    {"--json", NULL, "print one JSON object", OPTION_JSON},
};

static const hd_cli_spec spec = {
    "demo",
    "[OPTION...]",
    "Deploy a token, give it to many accounts, and run transfers among them: in their order, with\n"
    "the result of running them one after the other, at once where they do not conflict.",
    "heddle demo --n 100000 --accounts 10000 --check",
    options,
    sizeof options / sizeof options[0]};

typedef struct {
    uint64_t tx_cnt, account_cnt, seed, threads, chunk_cnt;
    uint32_t backend;
    int is_check, is_json;
} demo_options;

typedef struct {
    hd_ordered_stats stats;
    hd_hash root;
    uint64_t open_ns; /* of making the workload */
    uint64_t root_ns;
    uint32_t backend;
} demo_run;

static const char *backend_name(uint32_t backend) {
    return backend == HD_BACKEND_CUDA ? "cuda" : backend == HD_BACKEND_TILED ? "tiled" : "host";
}

/* Makes the workload and runs it; the state goes when the root is known. */
static hd_err run(demo_run *out, const demo_options *o, uint32_t backend, uint32_t threads,
                  uint32_t chunk_cnt) {
    hd_exec *x = NULL;
    hd_workload w;
    hd_sequence seq;
    memset(out, 0, sizeof *out);
    memset(&w, 0, sizeof w);
    hd_exec_options exec_options = {.backend = backend, .threads = threads};
    hd_workload_options workload = {.kind = HD_WORKLOAD_ERC20_RANDOM,
                                    .seed = o->seed,
                                    .tx_cnt = (uint32_t)o->tx_cnt,
                                    .account_cnt = (uint32_t)o->account_cnt,
                                    .fork = HD_FORK_OSAKA,
                                    .threads = threads};
    hd_err err = hd_exec_open(&x, &exec_options);
    if (err != HD_OK)
        return err;
    uint64_t begin_ns = hd_clock_ns();
    err = hd_workload_open(&w, &workload);
    out->open_ns = hd_clock_ns() - begin_ns;
    if (err == HD_OK) {
        out->backend = hd_exec_backend(x);
        hd_workload_sequence(&seq, &w);
        seq.chunk_cnt = chunk_cnt;
        err = hd_exec_ordered(x, w.state, &seq, &out->stats);
    }
    if (err == HD_OK) {
        begin_ns = hd_clock_ns();
        err = hd_state_root(&out->root, w.state);
        out->root_ns = hd_clock_ns() - begin_ns;
    }
    hd_workload_close(&w);
    hd_exec_close(x);
    return err;
}

static double per_s(uint64_t cnt, uint64_t ns) { return ns ? (double)cnt * 1e9 / (double)ns : 0; }

static void print_text(const demo_options *o, const demo_run *r, const demo_run *serial) {
    const hd_ordered_stats *s = &r->stats;
    char root[67];
    hd_hex_encode_0x(root, sizeof root, r->root.b, sizeof r->root.b);
    printf("Token transfers among %llu accounts, in order (fork Osaka, seed %llu)\n\n",
           (unsigned long long)o->account_cnt, (unsigned long long)o->seed);
    printf("transactions   %llu (%llu failed, %llu refused)\n", (unsigned long long)o->tx_cnt,
           (unsigned long long)s->failed_cnt, (unsigned long long)s->refused_cnt);
    printf("gas            %llu\n", (unsigned long long)s->gas_used);
    printf("time           %.3f s, and %.3f s for the state root\n", (double)s->total_ns / 1e9,
           (double)r->root_ns / 1e9);
    printf("rate           %.0f transactions/s, %.1f Mgas/s\n", per_s(o->tx_cnt, s->total_ns),
           per_s(s->gas_used, s->total_ns) / 1e6);
    printf("at once        %llu in %llu chunks, of these %llu again; %llu one after the other\n",
           (unsigned long long)s->chunk_tx_cnt, (unsigned long long)s->chunk_cnt,
           (unsigned long long)s->rerun_cnt, (unsigned long long)s->serial_cnt);
    printf("backend        %s\n", backend_name(r->backend));
    printf("state root     %s\n", root);
    if (serial)
        printf("check          serial execution gives %s root (%.3f s)\n",
               memcmp(&serial->root, &r->root, sizeof r->root) == 0 ? "the same" : "ANOTHER",
               (double)serial->stats.total_ns / 1e9);
}

static void print_json(const demo_options *o, const demo_run *r, const demo_run *serial) {
    const hd_ordered_stats *s = &r->stats;
    char root[67];
    hd_hex_encode_0x(root, sizeof root, r->root.b, sizeof r->root.b);
    printf("{\"transactions\":%llu,\"accounts\":%llu,\"seed\":%llu,\"failed\":%llu,"
           "\"refused\":%llu,\"gas\":%llu,",
           (unsigned long long)o->tx_cnt, (unsigned long long)o->account_cnt,
           (unsigned long long)o->seed, (unsigned long long)s->failed_cnt,
           (unsigned long long)s->refused_cnt, (unsigned long long)s->gas_used);
    printf("\"time_ns\":%llu,\"root_ns\":%llu,\"kernel_ns\":%llu,\"tx_per_s\":%.0f,"
           "\"gas_per_s\":%.0f,",
           (unsigned long long)s->total_ns, (unsigned long long)r->root_ns,
           (unsigned long long)s->kernel_ns, per_s(o->tx_cnt, s->total_ns),
           per_s(s->gas_used, s->total_ns));
    printf("\"chunks\":%llu,\"in_chunks\":%llu,\"reruns\":%llu,\"serial\":%llu,",
           (unsigned long long)s->chunk_cnt, (unsigned long long)s->chunk_tx_cnt,
           (unsigned long long)s->rerun_cnt, (unsigned long long)s->serial_cnt);
    printf("\"backend\":\"%s\",\"state_root\":\"%s\",\"check\":%s}\n", backend_name(r->backend),
           root,
           !serial                                                ? "null"
           : memcmp(&serial->root, &r->root, sizeof r->root) == 0 ? "true"
                                                                  : "false");
}

static int fail(const char *what, hd_err err) {
    fprintf(stderr, "heddle demo: %s: %s\n", what, hd_err_name(err));
    return err == HD_ERR_ABSENT ? HD_EXIT_USAGE : HD_EXIT_FAILED;
}

int hd_cmd_demo(int argc, char **argv) {
    hd_cli cli;
    int id;
    demo_options o = {.tx_cnt = 100000, .account_cnt = 10000, .seed = 1};
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        int is_right = 1;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case OPTION_N: is_right = hd_cli_u64(&o.tx_cnt, &cli, 1, HD_WORKLOAD_TX_MAX); break;
        case OPTION_ACCOUNTS:
            is_right = hd_cli_u64(&o.account_cnt, &cli, 2, HD_WORKLOAD_TX_MAX);
            break;
        case OPTION_SEED: is_right = hd_cli_u64(&o.seed, &cli, 0, UINT64_MAX); break;
        case OPTION_BACKEND: is_right = hd_cli_backend(&o.backend, &cli, 0); break;
        case OPTION_THREADS: is_right = hd_cli_u64(&o.threads, &cli, 1, HD_POOL_THREADS_MAX); break;
        case OPTION_CHUNK:
            is_right = hd_cli_u64(&o.chunk_cnt, &cli, 1, HD_ORDERED_CHUNK_MAX);
            break;
        case OPTION_CHECK: o.is_check = 1; break;
        case OPTION_JSON: o.is_json = 1; break;
        default:
            return hd_cli_wrong(&cli, "no argument is expected, but there is \"%.80s\"", cli.value);
        }
        if (!is_right)
            return HD_EXIT_USAGE;
    }
    demo_run r, serial;
    hd_err err = run(&r, &o, o.backend, (uint32_t)o.threads, (uint32_t)o.chunk_cnt);
    if (err != HD_OK)
        return fail(err == HD_ERR_ABSENT ? "the backend is not usable here" : "the run failed",
                    err);
    if (o.is_check) {
        err = run(&serial, &o, HD_BACKEND_HOST, 1, 1);
        if (err != HD_OK)
            return fail("the serial run failed", err);
    }
    if (o.is_json)
        print_json(&o, &r, o.is_check ? &serial : NULL);
    else
        print_text(&o, &r, o.is_check ? &serial : NULL);
    if (o.is_check && memcmp(&serial.root, &r.root, sizeof r.root) != 0)
        return HD_EXIT_FAILED;
    return r.stats.failed_cnt || r.stats.refused_cnt ? HD_EXIT_FAILED : HD_EXIT_OK;
}
