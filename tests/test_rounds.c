/* test_rounds.c - random blocks whose transactions conflict end as serial execution does, on every
   number of threads. The program hd_rounds (rounds.c) runs many of them, on any backend. */
#include "hd_test.h"

#include "exec/hd_exec_ordered.h"
#include "rounds_runner.h"

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
    static const block_way ways[] = {
        {HD_BACKEND_TILED, 2, 0, HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS, 0},
        {HD_BACKEND_TILED, 1, 0, HD_ORDERED_NEVER_SERIAL, 0},
    };
    (void)state;
    run_seeds(ways, 2, 5000, 40, 64);
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

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_blocks_end_as_serial_ones_on_the_host),
        cmocka_unit_test(random_blocks_end_as_serial_ones_in_the_devices_layout),
        cmocka_unit_test(random_blocks_conflict_as_much_as_they_are_told),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
