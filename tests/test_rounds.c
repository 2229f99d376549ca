/* test_rounds.c - random blocks whose transactions conflict end as serial execution does, on every
   number of threads. `test_rounds --help` tells how to run many of them, and on which backend. */
#include "hd_test.h"

#include "base/hd_clock.h"
#include "exec/hd_exec_ordered.h"
#include "random_blocks.h"

#define WAY_MAX 16u
#define WHY_SZ 256

typedef struct {
    block_way ways[WAY_MAX];
    hd_exec *x[WAY_MAX]; /* ways with the same backend and threads share one */
    uint32_t way_cnt;
    random_block block;
    hd_state *scratch;
    block_tally tally;
    hd_ordered_stats stats; /* summed over all ways */
} runner;

static const char *backend_name(uint32_t backend) {
    switch (backend) {
    case HD_BACKEND_CUDA: return "cuda";
    case HD_BACKEND_TILED: return "tiled";
    case HD_BACKEND_SWITCH: return "switch";
    default: return "host";
    }
}

static hd_err runner_open(runner *run, const block_way *ways, uint32_t way_cnt) {
    memset(run, 0, sizeof *run);
    run->scratch = hd_state_new();
    hd_err err = run->scratch && way_cnt <= WAY_MAX ? HD_OK : HD_ERR_NOMEM;
    for (uint32_t i = 0; err == HD_OK && i < way_cnt; i++) {
        hd_exec_options options = {.backend = ways[i].backend, .threads = ways[i].threads};
        run->ways[i] = ways[i];
        run->way_cnt++;
        for (uint32_t k = 0; k < i && !run->x[i]; k++)
            if (ways[k].backend == ways[i].backend && ways[k].threads == ways[i].threads)
                run->x[i] = run->x[k];
        if (!run->x[i])
            err = hd_exec_open(&run->x[i], &options);
    }
    return err;
}

static void runner_close(runner *run) {
    for (uint32_t i = 0; i < run->way_cnt; i++) {
        int is_shared = 0;
        for (uint32_t k = 0; k < i; k++)
            is_shared |= run->x[k] == run->x[i];
        if (!is_shared)
            hd_exec_close(run->x[i]);
    }
    random_block_free(&run->block);
    hd_state_free(run->scratch);
}

/* One seed in all ways. 0 and a line about the first that failed, else 1. */
static int runner_seed(runner *run, uint64_t seed, uint32_t tx_max) {
    const random_block *b = &run->block;
    char why[WHY_SZ];
    hd_err err = random_block_make(&run->block, &run->tally, seed, tx_max);
    if (err != HD_OK) {
        print_message("seed %llu: it cannot be made: %s\n", (unsigned long long)seed,
                      hd_err_name(err));
        return 0;
    }
    for (uint32_t i = 0; i < run->way_cnt; i++) {
        const block_way *w = &run->ways[i];
        hd_ordered_stats stats;
        memset(&stats, 0, sizeof stats);
        err = random_block_check(why, sizeof why, &stats, b, run->x[i], run->scratch, w);
        run->stats.chunk_tx_cnt += stats.chunk_tx_cnt;
        run->stats.rerun_cnt += stats.rerun_cnt;
        run->stats.serial_cnt += stats.serial_cnt;
        if (err == HD_OK)
            continue;
        print_message("seed %llu, at most %u transactions: fork %u, %u transactions in %u blocks, "
                      "%u accounts, %u slots, %u %% hot; %s, %u threads, chunks of %u, flags %u: "
                      "%s\n",
                      (unsigned long long)seed, tx_max, b->fork, b->tx_cnt, b->env_cnt, b->pool_cnt,
                      b->slot_cnt, b->hot_percent, backend_name(w->backend), w->threads,
                      w->chunk_cnt, w->flags, why[0] ? why : hd_err_name(err));
        return 0;
    }
    return 1;
}

static void tally_print(const runner *run) {
    const block_tally *t = &run->tally;
    print_message("%llu blocks, %llu transactions: %llu succeeded, %llu reverted, %llu halted, "
                  "%llu refused; %llu logs, %llu accounts created, %llu deleted, %llu codes set\n",
                  (unsigned long long)t->block_cnt, (unsigned long long)t->tx_cnt,
                  (unsigned long long)t->success_cnt, (unsigned long long)t->revert_cnt,
                  (unsigned long long)t->halt_cnt, (unsigned long long)t->refused_cnt,
                  (unsigned long long)t->log_cnt, (unsigned long long)t->created_cnt,
                  (unsigned long long)t->deleted_cnt, (unsigned long long)t->code_cnt);
    print_message("in %u ways: %llu ran at once, of which %llu ran again; %llu alone\n",
                  run->way_cnt, (unsigned long long)run->stats.chunk_tx_cnt,
                  (unsigned long long)run->stats.rerun_cnt,
                  (unsigned long long)run->stats.serial_cnt);
}

static void run_seeds(const block_way *ways, uint32_t way_cnt, uint64_t first, uint64_t cnt,
                      uint32_t tx_max) {
    static runner run;
    uint64_t failed_cnt = 0;
    assert_int_equal(runner_open(&run, ways, way_cnt), HD_OK);
    for (uint64_t i = 0; i < cnt && failed_cnt < 5; i++)
        failed_cnt += !runner_seed(&run, first + i, tx_max);
    tally_print(&run);
    const block_tally t = run.tally;
    const hd_ordered_stats stats = run.stats;
    runner_close(&run);
    assert_int_equal(failed_cnt, 0);
    /* The generator does what it is for. */
    assert_true(t.success_cnt > t.tx_cnt / 4);
    assert_true(t.revert_cnt > t.tx_cnt / 100);
    assert_true(t.halt_cnt > t.tx_cnt / 100);
    assert_true(t.refused_cnt > t.tx_cnt / 100);
    assert_true(t.refused_cnt < t.tx_cnt / 2);
    assert_true(t.created_cnt > t.tx_cnt / 50);
    assert_true(t.deleted_cnt > t.tx_cnt / 500);
    assert_true(t.code_cnt > t.tx_cnt / 50);
    assert_true(stats.rerun_cnt > 0);
}

static void random_blocks_end_as_serial_ones_on_the_host(void **state) {
    static const block_way ways[] = {
        {HD_BACKEND_HOST, 1, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 3, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 16, 7, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 3, 0, 0, 0},
        {HD_BACKEND_HOST, 1, 1, 0, 0},
        {HD_BACKEND_HOST, 3, 40, HD_ORDERED_NEVER_SERIAL, 2000},
    };
    (void)state;
    run_seeds(ways, sizeof ways / sizeof *ways, 1, 150, BLOCK_TX_MAX);
}

static void random_blocks_end_as_serial_ones_in_the_devices_layout(void **state) {
    static const block_way ways[] = {{HD_BACKEND_TILED, 2, 0, HD_ORDERED_NEVER_SERIAL, 0}};
    (void)state;
    run_seeds(ways, 1, 5000, 40, 64);
}

static uint64_t reruns_of_1000(uint32_t pool, uint32_t slots, uint32_t hot_percent) {
    static const block_way way = {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL, 0};
    static runner run;
    assert_int_equal(runner_open(&run, &way, 1), HD_OK);
    run.block.fixed_pool = pool;
    run.block.fixed_slots = slots;
    run.block.fixed_hot = hot_percent + 1;
    for (uint64_t seed = 9000; seed < 9060; seed++)
        assert_true(runner_seed(&run, seed, 48));
    uint64_t rate = run.stats.rerun_cnt * 1000 / run.stats.chunk_tx_cnt;
    runner_close(&run);
    return rate;
}

static void random_blocks_conflict_as_much_as_they_are_told(void **state) {
    (void)state;
    uint64_t calm = reruns_of_1000(BLOCK_POOL_MAX, 100000, 0);
    uint64_t busy = reruns_of_1000(30, 60, 10);
    uint64_t hot = reruns_of_1000(3, 2, 90);
    print_message("of 1000 run again: %llu, %llu, %llu\n", (unsigned long long)calm,
                  (unsigned long long)busy, (unsigned long long)hot);
    assert_true(calm < busy && busy < hot);
}

/* ---- many of them, from the command line */

static const char help[] =
    "Usage: test_rounds [CASE]                    the cases of the test suite\n"
    "       test_rounds --blocks N [OPTION...]    N random blocks\n"
    "  --seed S       the first block's seed (1)\n"
    "  --backend B    host, tiled, switch or cuda (host)\n"
    "  --threads A,B  numbers of threads, at most 16 (1,2,4,16; cuda: 1)\n"
    "  --txs N        the most transactions of a block (256)\n"
    "  --accounts N   accounts that send and are paid, at most 400 (by the seed)\n"
    "  --slots N      slots that contracts are asked to use (by the seed)\n"
    "  --hot P        of 100 choices, how many fall on the same (by the seed)\n"
    "  --adaptive     may also run serially where that is cheaper\n";

static int usage(const char *what) {
    fprintf(stderr, "test_rounds: %s (see test_rounds --help)\n", what);
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

static int run_many(int argc, char **argv) {
    static runner run;
    uint64_t block_cnt = 0, seed = 1, failed_cnt = 0;
    uint32_t tx_max = BLOCK_TX_MAX, backend = HD_BACKEND_HOST, flags = HD_ORDERED_NEVER_SERIAL;
    const char *threads = NULL;
    block_way ways[WAY_MAX];
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
        fprintf(stderr, "test_rounds: the backend %s is not usable here: %s\n",
                backend_name(backend), hd_err_name(err));
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

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_blocks_end_as_serial_ones_on_the_host),
        cmocka_unit_test(random_blocks_end_as_serial_ones_in_the_devices_layout),
        cmocka_unit_test(random_blocks_conflict_as_much_as_they_are_told),
    };
    if (argc > 1 && argv[1][0] == '-')
        return run_many(argc, argv);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
