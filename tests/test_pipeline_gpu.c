/* test_pipeline_gpu.c - the same blocks as test_pipeline.c on the device. Skipped where there is
 * none. */
#ifdef HD_WITH_CUDA
#define PIPELINE_BACKEND HD_BACKEND_CUDA
#include "pipeline_behind_cases.h"
#include "pipeline_cases.h"

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
    cmocka_unit_test(the_state_behind_equals_the_serial_one),
    cmocka_unit_test(a_working_set_that_loses_everything_after_each_block_gives_the_same),
    cmocka_unit_test(a_working_set_that_evicts_what_is_old_gives_the_same),
    cmocka_unit_test(a_working_set_with_room_is_supplied_once),
    cmocka_unit_test(a_refused_block_leaves_the_state_behind_as_it_was),
    cmocka_unit_test(what_the_caller_changes_behind_is_followed),
    cmocka_unit_test(an_error_of_the_sink_is_told_and_ends_it),
};

HD_TEST_MAIN(tests)
#else
#include <stdio.h>

int main(void) {
    puts("SKIP: built without the GPU backend");
    return 77;
}
#endif
