/* test_device_rounds.c - rounds as a device runs them, on lanes in its layout: what it adds, what
   it leaves to the host's threads, and its loss in the middle of a block. */
#include "device_rounds.h"

static void a_batch_run_as_two_lists_ends_as_in_one(void **state) {
    (void)state;
    expect_halves_make_the_whole(HD_BACKEND_TILED, batch_cnt(4));
    expect_halves_make_the_whole(HD_BACKEND_HOST, batch_cnt(4));
}

static void blocks_whose_rounds_are_the_devices_end_as_serial_ones(void **state) {
    (void)state;
    expect_blocks_as_serial(HD_BACKEND_TILED, 60, BLOCK_TX_MAX);
}

static void the_device_runs_large_rounds_and_the_host_small_ones(void **state) {
    (void)state;
    hd_exec *x = device_open(HD_BACKEND_TILED);
    expect_transfers_as_serial(x, 0, 2, 2);
    hd_exec_close(x);
    x = device_open(HD_BACKEND_TILED); /* which remembers no conflicts */
    expect_transfers_as_serial(x, HD_ORDERED_DEVICE_ROUNDS, 3, 9);
    hd_exec_close(x);
}

static void a_device_lost_in_any_round_changes_no_block(void **state) {
    (void)state;
    for (uint32_t at = 0; at < 12; at++)
        expect_loss_survived(HD_BACKEND_TILED, at);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_batch_run_as_two_lists_ends_as_in_one),
    cmocka_unit_test(blocks_whose_rounds_are_the_devices_end_as_serial_ones),
    cmocka_unit_test(the_device_runs_large_rounds_and_the_host_small_ones),
    cmocka_unit_test(a_device_lost_in_any_round_changes_no_block),
};

HD_TEST_MAIN(tests)
