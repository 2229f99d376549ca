/* hd_cmd_bench.c - `heddle bench`: how fast, with the results checked in the same run. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_threads.h"
#include "cli/hd_bench.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "exec/hd_workload.h"
#ifdef HD_WITH_CUDA
#include "exec/hd_exec_cuda.h"
#endif

#ifndef HD_COMMIT
#define HD_COMMIT "unknown"
#endif

#define NAMES_MAX 64u
#define DEVICE_SZ 128

enum {
    OPTION_BACKEND = 1,
    OPTION_THREADS,
    OPTION_N,
    OPTION_ACCOUNTS,
    OPTION_SEED,
    OPTION_REPEAT,
    OPTION_ORDERED,
    OPTION_RECEIPTS,
    OPTION_NO_CHECK,
    OPTION_CPU_TIME,
    OPTION_STORE,
    OPTION_RESIDENT,
    OPTION_CSV,
    OPTION_FIXTURES,
    OPTION_LIST,
};

static const hd_cli_option options[] = {
    {"--backend", "NAME", "auto, host, cuda or tiled (auto)", OPTION_BACKEND},
    {"--threads", "COUNT", "worker threads of the host (all cores; evm: 1)", OPTION_THREADS},
    {"--n", "COUNT", "transactions at once (100000, cuda 1000000; evm: 1)", OPTION_N},
    {"--accounts", "COUNT", "of erc20-random (10000), trie (1000000)", OPTION_ACCOUNTS},
    {"--seed", "NUMBER", "what workloads are drawn from (1)", OPTION_SEED},
    {"--repeat", "COUNT", "measurements, of which the median counts (5)", OPTION_REPEAT},
    {"--ordered", NULL, "run workloads in order, writing the state", OPTION_ORDERED},
    {"--receipts", NULL, "no logs, outputs and state differences", OPTION_RECEIPTS},
    {"--no-check", NULL, "do not compare results", OPTION_NO_CHECK},
    {"--cpu-time", NULL, "evm: time of the processor, not of the clock (host, one thread)",
     OPTION_CPU_TIME},
    {"--store", NULL, "pipeline: keep a state behind it equal, and say what that costs",
     OPTION_STORE},
    {"--resident", "BYTES", "pipeline: with --store, at most so much of it is resident",
     OPTION_RESIDENT},
    {"--csv", "FILE", "append the rows to FILE", OPTION_CSV},
    {"--fixtures", "DIR", "where evm-benchmarks are ($HEDDLE_FIXTURES)", OPTION_FIXTURES},
    {"--list", NULL, "list what can be measured", OPTION_LIST},
};

static const hd_cli_spec spec = {
    "bench",
    "[OPTION...] NAME...",
    "Measure: a generated workload (see --list), `evm` for the public evm-benchmarks or `evm:TEXT` "
    "for\n"
    "those whose names hold TEXT, `blocks` or `blocks:NAME` for whole blocks of a gigagas, "
    "`recover`\n"
    "for signatures, or `all` workloads. Results are checked before they are timed.",
    "heddle bench erc20 --n 100000 --threads 2",
    options,
    sizeof options / sizeof options[0]};

const char *hd_bench_backend_name(uint32_t backend) {
    switch (backend) {
    case HD_BACKEND_AUTO: return "auto";
    case HD_BACKEND_CUDA: return "cuda";
    case HD_BACKEND_TILED: return "tiled";
    default: return "host";
    }
}

static int sample_order(const void *a, const void *b) {
    uint64_t x = ((const hd_bench_sample *)a)->ns, y = ((const hd_bench_sample *)b)->ns;
    return (x > y) - (x < y);
}

hd_bench_sample hd_bench_median(hd_bench_sample *samples, size_t cnt) {
    qsort(samples, cnt, sizeof *samples, sample_order);
    return samples[cnt / 2];
}

/* The processor's or GPU's name, without what would end a CSV field. */
static void device_name(char out[DEVICE_SZ], uint32_t backend) {
    snprintf(out, DEVICE_SZ, "unknown");
    if (backend == HD_BACKEND_CUDA) {
#ifdef HD_WITH_CUDA
        uint64_t memory_sz;
        uint32_t cnt;
        if (hd_cuda_device_info(0, out, DEVICE_SZ, &memory_sz, &cnt) != HD_OK)
            snprintf(out, DEVICE_SZ, "unknown");
#endif
    } else {
        char line[256];
        FILE *file = fopen("/proc/cpuinfo", "r");
        while (file && fgets(line, sizeof line, file)) {
            char *colon = strchr(line, ':');
            if (strncmp(line, "model name", 10) != 0 || !colon)
                continue;
            snprintf(out, DEVICE_SZ, "%.120s", colon + 1 + strspn(colon + 1, " "));
            break;
        }
        if (file)
            fclose(file);
    }
    out[strcspn(out, "\n")] = 0;
    for (char *p = out; *p; p++)
        if (*p == ',' || *p == '"')
            *p = ' ';
}

static const char *commit_name(void) {
    const char *text = getenv("HEDDLE_COMMIT");
    return text && *text && !strpbrk(text, ",\"\n") ? text : HD_COMMIT;
}

static const char *duration(char out[32], uint64_t ns) {
    if (ns < 100000)
        snprintf(out, 32, "%.2f us", (double)ns / 1e3);
    else if (ns < 100000000)
        snprintf(out, 32, "%.3f ms", (double)ns / 1e6);
    else
        snprintf(out, 32, "%.3f s", (double)ns / 1e9);
    return out;
}

void hd_bench_put(const hd_bench_options *o, const hd_bench_row *row) {
    char median[32], kernel[32];
    double s = (double)row->median_ns / 1e9;
    double tx_per_s = s > 0 ? (double)row->tx_cnt / s : 0;
    double gas_per_s = s > 0 ? (double)row->gas / s : 0;
    printf("%-13s %-34s %-5s %3u %9" PRIu64 " %12s %12.0f %10.1f %12s\n", row->workload, row->name,
           hd_bench_backend_name(row->backend), row->threads, row->tx_cnt,
           duration(median, row->median_ns), tx_per_s, gas_per_s / 1e6,
           row->kernel_ns ? duration(kernel, row->kernel_ns) : "-");
    fflush(stdout);
    if (o->csv)
        hd_bench_csv_put(o->csv, row);
}

void hd_bench_csv_put(FILE *csv, const hd_bench_row *row) {
    char device[DEVICE_SZ];
    double s = (double)row->median_ns / 1e9;
    double tx_per_s = s > 0 ? (double)row->tx_cnt / s : 0;
    double gas_per_s = s > 0 ? (double)row->gas / s : 0;
    device_name(device, row->backend);
    fprintf(csv, "%s,%s,%s,%s,%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.1f,%.1f,%" PRIu64 ",%s\n",
            row->workload, row->name, hd_bench_backend_name(row->backend), device, row->threads,
            row->tx_cnt, row->gas, row->median_ns, tx_per_s, gas_per_s, row->kernel_ns,
            commit_name());
}

static int list(void) {
    printf("%-14s %s\n", "evm", "the public evm-benchmarks, one program at a time");
    printf("%-14s %s\n", "trie", "the state root after a block of transfers; n counts leaves");
    printf("%-14s %s\n", "recover", "addresses from signatures (n signatures, not transactions)");
    printf("%-14s %s\n", "pipeline", "signed transfers from raw bytes to receipts and root");
    printf("%-14s %s\n", "blocks", "blocks of a gigagas: serial, parallel, independent copies");
    for (uint32_t k = 0; k < HD_WORKLOAD_CNT; k++)
        printf("%-14s %s\n", hd_workload_name(k), hd_workload_text(k));
    return HD_EXIT_OK;
}

int hd_bench_csv_open(FILE **out, const char *command, const char *path) {
    FILE *csv = *out = fopen(path, "a");
    if (!csv) {
        fprintf(stderr, "heddle %s: %s: cannot be written\n", command, path);
        return 0;
    }
    fseek(csv, 0, SEEK_END);
    if (ftell(csv) == 0)
        fputs("workload,case,backend,device,threads,n,gas,median_ns,tx_per_s,gas_per_s,kernel_ns,"
              "commit\n",
              csv);
    return 1;
}

static int is_name(const char *name) {
    return strcmp(name, "all") == 0 || strcmp(name, "evm") == 0 || strncmp(name, "evm:", 4) == 0 ||
           strcmp(name, "trie") == 0 || strcmp(name, "recover") == 0 ||
           strcmp(name, "pipeline") == 0 || strncmp(name, "pipeline:", 9) == 0 ||
           strcmp(name, "blocks") == 0 || strncmp(name, "blocks:", 7) == 0 ||
           hd_workload_find(name) < HD_WORKLOAD_CNT;
}

static int bench_one(const hd_bench_options *o, const char *name) {
    hd_msg msg = {""};
    hd_err err = HD_OK;
    uint32_t kind = hd_workload_find(name);
    int is_all = strcmp(name, "all") == 0;
    if (kind < HD_WORKLOAD_CNT)
        err = hd_bench_workload(&msg, o, kind);
    else if (strcmp(name, "trie") == 0)
        err = hd_bench_trie(&msg, o);
    else if (strcmp(name, "recover") == 0)
        err = hd_bench_recover(&msg, o);
    else if (strncmp(name, "pipeline", 8) == 0)
        err = hd_bench_pipeline(&msg, o, name[8] == ':' ? name + 9 : NULL);
    else if (strncmp(name, "blocks", 6) == 0)
        err = hd_bench_blocks(&msg, o, name[6] == ':' ? name + 7 : NULL);
    else
        err = hd_bench_evm(&msg, o, name[3] == ':' ? name + 4 : NULL);
    for (kind = 0; is_all && err == HD_OK && kind < HD_WORKLOAD_CNT; kind++)
        err = hd_bench_workload(&msg, o, kind);
    if (err == HD_OK)
        return HD_EXIT_OK;
    fprintf(stderr, "heddle bench: %s\n", msg.text[0] ? msg.text : hd_err_name(err));
    return err == HD_ERR_ABSENT || err == HD_ERR_IO || err == HD_ERR_FORMAT ? HD_EXIT_USAGE
                                                                            : HD_EXIT_FAILED;
}

int hd_cmd_bench(int argc, char **argv) {
    hd_cli cli;
    int id;
    const char *names[NAMES_MAX];
    size_t name_cnt = 0;
    hd_bench_options o = {.repeat_cnt = 5, .seed = 1, .is_checked = 1};
    o.fixtures = getenv("HEDDLE_FIXTURES");
    if (o.fixtures && !*o.fixtures)
        o.fixtures = NULL;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        int is_right = 1;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case OPTION_BACKEND: is_right = hd_cli_backend(&o.backend, &cli, 0); break;
        case OPTION_THREADS: is_right = hd_cli_u64(&o.threads, &cli, 1, HD_POOL_THREADS_MAX); break;
        case OPTION_N: is_right = hd_cli_u64(&o.tx_cnt, &cli, 1, HD_WORKLOAD_TX_MAX); break;
        case OPTION_ACCOUNTS:
            is_right = hd_cli_u64(&o.account_cnt, &cli, 2, HD_WORKLOAD_TX_MAX);
            break;
        case OPTION_SEED: is_right = hd_cli_u64(&o.seed, &cli, 0, UINT64_MAX); break;
        case OPTION_REPEAT:
            is_right = hd_cli_u64(&o.repeat_cnt, &cli, 1, HD_BENCH_REPEAT_MAX);
            break;
        case OPTION_ORDERED: o.is_ordered = 1; break;
        case OPTION_RECEIPTS: o.is_receipts = 1; break;
        case OPTION_NO_CHECK: o.is_checked = 0; break;
        case OPTION_CPU_TIME: o.is_cpu_time = 1; break;
        case OPTION_STORE: o.is_stored = 1; break;
        case OPTION_RESIDENT:
            is_right = hd_cli_u64(&o.resident_max, &cli, 1, UINT64_MAX);
            o.is_stored = 1;
            break;
        case OPTION_CSV: o.csv_path = cli.value; break;
        case OPTION_FIXTURES: o.fixtures = cli.value; break;
        case OPTION_LIST: return list();
        default:
            if (!is_name(cli.value))
                return hd_cli_wrong(&cli, "nothing to measure is called \"%.80s\": see --list",
                                    cli.value);
            if (name_cnt == NAMES_MAX)
                return hd_cli_wrong(&cli, "more than %u names", NAMES_MAX);
            names[name_cnt++] = cli.value;
        }
        if (!is_right)
            return HD_EXIT_USAGE;
    }
    if (!name_cnt)
        return hd_cli_wrong(&cli, "a name is expected: see --list");
    if (o.csv_path && !hd_bench_csv_open(&o.csv, "bench", o.csv_path))
        return HD_EXIT_USAGE;
    printf("%-13s %-34s %-5s %3s %9s %12s %12s %10s %12s\n", "workload", "case", "where", "thr",
           "n", "median", "tx/s", "Mgas/s", "kernels");
    int status = HD_EXIT_OK;
    for (size_t i = 0; i < name_cnt && status == HD_EXIT_OK; i++)
        status = bench_one(&o, names[i]);
    if (o.csv && fclose(o.csv) != 0) {
        fprintf(stderr, "heddle bench: %s: cannot be written\n", o.csv_path);
        return HD_EXIT_USAGE;
    }
    return status;
}
