/* test_pipeline_gpu.c - the same blocks as test_pipeline.c on the device. Skipped where there is
 * none. */
#ifdef HD_WITH_CUDA
#define PIPELINE_BACKEND HD_BACKEND_CUDA
#include "pipeline_cases.h"

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_end_as_serial_ones),
    cmocka_unit_test(payments_to_one_need_one_round),
    cmocka_unit_test(what_is_not_valid_refuses_the_block_and_changes_nothing),
    cmocka_unit_test(what_lanes_do_not_do_goes_to_the_host_and_comes_back),
    cmocka_unit_test(tables_grow_from_block_to_block),
    cmocka_unit_test(blocks_prepared_in_any_way_end_as_serial_ones),
};

HD_TEST_MAIN(tests)
#else
#include <stdio.h>

int main(void) {
    puts("SKIP: built without the GPU backend");
    return 77;
}
#endif
