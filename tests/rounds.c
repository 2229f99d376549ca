/* rounds.c - the program hd_rounds: many random blocks on any backend, without a test framework, so
   that it can be copied to where the device is. */
#include <stdlib.h>

#include "base/hd_clock.h"
#include "rounds_runner.h"

static const char help[] =
    "Usage: hd_rounds --blocks N [OPTION...]\n"
    "Runs random blocks whose transactions conflict and compares receipts and state root with\n"
    "serial execution. Exit status 0: all agree; 1: not all; 2: usage, or no such backend.\n"
    "  --seed S       the first block's seed (1)\n"
    "  --backend B    host, tiled, switch or cuda (host)\n"
    "  --threads A,B  numbers of threads, at most 16 (1,2,4,16; cuda: 1)\n"
    "  --txs N        the most transactions of a block (256)\n"
    "  --accounts N   accounts that send and are paid, at most 400 (by the seed)\n"
    "  --slots N      slots that contracts are asked to use (by the seed)\n"
    "  --hot P        of 100 choices, how many fall on the same (by the seed)\n"
    "  --adaptive     may also run serially, or small rounds of a device on the host, where that "
    "is\n"
    "                 cheaper\n";

static int usage(const char *what) {
    fprintf(stderr, "hd_rounds: %s (see hd_rounds --help)\n", what);
    return 2;
}

static uint32_t backend_of(const char *name) {
    static const uint32_t all[] = {HD_BACKEND_HOST, HD_BACKEND_TILED, HD_BACKEND_SWITCH,
                                   HD_BACKEND_CUDA};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(name, backend_name(all[i])) == 0)
            return all[i];
    return HD_BACKEND_AUTO;
}

int main(int argc, char **argv) {
    static runner run;
    uint64_t block_cnt = 0, seed = 1, failed_cnt = 0;
    uint32_t tx_max = BLOCK_TX_MAX, backend = HD_BACKEND_HOST;
    const char *threads = NULL;
    block_way ways[WAY_MAX];
    uint32_t flags = HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS;
    uint32_t way_cnt = 0, pool = 0, slots = 0, hot = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--adaptive") == 0) {
            flags = 0;
            continue;
        }
        if (i + 1 == argc)
            return usage("an option lacks its value");
        const char *name = argv[i++];
        if (strcmp(name, "--blocks") == 0)
            block_cnt = strtoull(argv[i], NULL, 10);
        else if (strcmp(name, "--seed") == 0)
            seed = strtoull(argv[i], NULL, 10);
        else if (strcmp(name, "--txs") == 0)
            tx_max = (uint32_t)strtoul(argv[i], NULL, 10);
        else if (strcmp(name, "--accounts") == 0)
            pool = (uint32_t)strtoul(argv[i], NULL, 10);
        else if (strcmp(name, "--slots") == 0)
            slots = (uint32_t)strtoul(argv[i], NULL, 10);
        else if (strcmp(name, "--hot") == 0)
            hot = (uint32_t)HD_MIN(strtoul(argv[i], NULL, 10), 100u) + 1;
        else if (strcmp(name, "--threads") == 0)
            threads = argv[i];
        else if (strcmp(name, "--backend") == 0)
            backend = backend_of(argv[i]);
        else
            return usage("an option is not known");
    }
    if (block_cnt == 0 || tx_max == 0 || tx_max > BLOCK_TX_MAX || backend == HD_BACKEND_AUTO)
        return usage("a value is out of range");
    if (!threads)
        threads = backend == HD_BACKEND_CUDA ? "1" : "1,2,4,16";
    for (const char *p = threads; *p && way_cnt < WAY_MAX; way_cnt++) {
        char *end;
        unsigned long n = strtoul(p, &end, 10);
        if (n == 0 || n > 1024 || (*end && *end != ','))
            return usage("--threads: numbers from 1, separated by commas, are expected");
        ways[way_cnt] = (block_way){backend, (uint32_t)n, 0, flags, 0};
        p = *end ? end + 1 : end;
    }
    hd_err err = runner_open(&run, ways, way_cnt);
    if (err != HD_OK) {
        fprintf(stderr, "hd_rounds: the backend %s is not usable here: %s\n", backend_name(backend),
                hd_err_name(err));
        return 2;
    }
    run.block.fixed_pool = pool;
    run.block.fixed_slots = slots;
    run.block.fixed_hot = hot;
    uint64_t begin_ns = hd_clock_ns();
    for (uint64_t i = 0; i < block_cnt && failed_cnt < 20; i++)
        failed_cnt += !runner_seed(&run, seed + i, tx_max);
    tally_print(&run);
    printf("%llu blocks from seed %llu, %s, threads %s: %llu failed; %.1f s\n",
           (unsigned long long)run.tally.block_cnt, (unsigned long long)seed, backend_name(backend),
           threads, (unsigned long long)failed_cnt, (double)(hd_clock_ns() - begin_ns) / 1e9);
    runner_close(&run);
    return failed_cnt ? 1 : 0;
}
