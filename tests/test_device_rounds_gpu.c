/* test_device_rounds_gpu.c - as test_device_rounds.c, on a GPU. Skipped where there is none. */
#include "device_rounds.h"

static void the_gpu_runs_a_batch_as_two_lists(void **state) {
    (void)state;
    expect_halves_make_the_whole(HD_BACKEND_CUDA, batch_cnt(16));
}

static void the_gpus_blocks_end_as_serial_ones(void **state) {
    (void)state;
    expect_blocks_as_serial(HD_BACKEND_CUDA, 100, BLOCK_TX_MAX);
}

static void the_gpu_runs_large_rounds_and_the_host_small_ones(void **state) {
    (void)state;
    hd_exec *x = device_open(HD_BACKEND_CUDA);
    expect_transfers_as_serial(x, 0, 2, 2);
    hd_exec_close(x);
    x = device_open(HD_BACKEND_CUDA); /* which remembers no conflicts */
    expect_transfers_as_serial(x, HD_ORDERED_DEVICE_ROUNDS, 3, 9);
    hd_exec_close(x);
}

static void a_gpu_lost_in_any_round_changes_no_block(void **state) {
    (void)state;
    for (uint32_t at = 0; at < 12; at++)
        expect_loss_survived(HD_BACKEND_CUDA, at);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_gpu_runs_a_batch_as_two_lists),
    cmocka_unit_test(the_gpus_blocks_end_as_serial_ones),
    cmocka_unit_test(the_gpu_runs_large_rounds_and_the_host_small_ones),
    cmocka_unit_test(a_gpu_lost_in_any_round_changes_no_block),
};

HD_TEST_MAIN(tests)
