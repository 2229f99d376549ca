/* test_pipeline.c - blocks of raw transactions through the pipeline's phases in the host's memory.
 */
#define PIPELINE_BACKEND HD_BACKEND_HOST
#include "pipeline_cases.h"

static void a_pipeline_without_a_gpu_or_a_state_says_so(void **state) {
    hd_pipeline_options options = {.backend = HD_BACKEND_TILED};
    hd_pipeline *p = NULL;
    hd_pipeline_result r;
    hd_pipeline_block block = {.tx_cnt = 0};
    hd_state *s = hd_state_new();
    (void)state;
    assert_int_equal(hd_pipeline_open(&p, &options), HD_ERR_UNSUPPORTED);
    options.backend = HD_BACKEND_CUDA;
#ifndef HD_WITH_CUDA
    assert_int_equal(hd_pipeline_open(&p, &options), HD_ERR_ABSENT);
#endif
    options.backend = HD_BACKEND_HOST;
    assert_int_equal(hd_pipeline_open(&p, &options), HD_OK);
    assert_int_equal(hd_pipeline_run(&r, p, NULL, &block), HD_ERR_ABSENT);
    assert_int_equal(hd_pipeline_fetch(s, p), HD_ERR_ABSENT);
    hd_pipeline_close(p);
    hd_state_free(s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_end_as_serial_ones),
    cmocka_unit_test(payments_to_one_need_one_round),
    cmocka_unit_test(transfers_to_one_recipient_need_few_rounds),
    cmocka_unit_test(a_pool_that_all_meet_goes_to_the_host),
    cmocka_unit_test(what_is_not_valid_refuses_the_block_and_changes_nothing),
    cmocka_unit_test(what_lanes_do_not_do_goes_to_the_host_and_comes_back),
    cmocka_unit_test(lists_and_blobs_are_the_devices_own),
    cmocka_unit_test(tables_grow_from_block_to_block),
    cmocka_unit_test(blocks_prepared_in_any_way_end_as_serial_ones),
    cmocka_unit_test(a_row_that_was_not_begun_with_is_prepared_all_the_same),
    cmocka_unit_test(a_pipeline_without_a_gpu_or_a_state_says_so),
};

HD_TEST_MAIN(tests)
