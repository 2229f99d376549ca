/* test_backends_gpu.c - random programs give the same receipts and differences, byte for byte, on a
   GPU and on the host. Skipped where there is no device. */
#include "random_batches.h"

static void compare_on_device(uint32_t cnt, uint32_t flags) {
    hd_exec_options options = {.backend = HD_BACKEND_CUDA};
    hd_exec_options plain_options = {.backend = HD_BACKEND_HOST};
    hd_exec *cuda = NULL, *plain = NULL;
    hd_results want, have;
    random_tally tally;
    hd_err err = hd_exec_open(&cuda, &options);
    if (err == HD_ERR_ABSENT) {
        print_message("no usable device\n");
        skip();
    }
    assert_int_equal(err, HD_OK);
    assert_int_equal(hd_exec_open(&plain, &plain_options), HD_OK);
    memset(&want, 0, sizeof want);
    memset(&have, 0, sizeof have);
    memset(&tally, 0, sizeof tally);
    for (uint32_t i = 0; i < cnt; i++) {
        uint64_t seed = batch_seed() + (uint64_t)i * BATCH_TX_CNT;
        const hd_batch *b = batch_make(seed, (i % 3 == 2 ? HD_BATCH_READS : 0) | flags);
        assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
        assert_int_equal(hd_exec_run(cuda, &have, b), HD_OK);
        /* Work counts what a run repeats, and the device's runs are shorter. */
        batch_expect_equal(&want, &have, "plain", "cuda", seed, 0);
        batch_count(&tally, &want);
    }
    tally_expect_variety(&tally);
    hd_results_free(&want);
    hd_results_free(&have);
    hd_exec_close(plain);
    hd_exec_close(cuda);
    batch_free();
}

static void the_device_runs_random_programs_as_the_host_does(void **state) {
    (void)state;
    compare_on_device(batch_cnt(32), 0);
}

static void the_device_runs_ungrouped_random_programs_as_the_host_does(void **state) {
    (void)state;
    compare_on_device(batch_cnt(16), HD_BATCH_UNSORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_runs_random_programs_as_the_host_does),
        cmocka_unit_test(the_device_runs_ungrouped_random_programs_as_the_host_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
