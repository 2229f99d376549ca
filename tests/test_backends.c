/* test_backends.c - random programs give the same receipts and differences, byte for byte, on every
   host backend. */
#include "random_batches.h"

#define DEFAULT_BATCH_CNT 32u

static hd_exec *open_backend(uint32_t backend, uint32_t threads) {
    hd_exec_options options = {.backend = backend, .threads = threads};
    hd_exec *x = NULL;
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    return x;
}

/* Runs the batches on the plain backend and on another. */
static void compare_with(uint32_t backend, uint32_t threads, const char *name) {
    hd_exec *plain = open_backend(HD_BACKEND_HOST, 1), *other = open_backend(backend, threads);
    hd_results want, have;
    random_tally tally;
    memset(&want, 0, sizeof want);
    memset(&have, 0, sizeof have);
    memset(&tally, 0, sizeof tally);
    uint32_t cnt = batch_cnt(DEFAULT_BATCH_CNT);
    for (uint32_t i = 0; i < cnt; i++) {
        uint64_t seed = batch_seed() + (uint64_t)i * BATCH_TX_CNT;
        const hd_batch *b = batch_make(seed, i % 3 == 2 ? HD_BATCH_READS : 0);
        assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
        assert_int_equal(hd_exec_run(other, &have, b), HD_OK);
        batch_expect_equal(&want, &have, "plain", name, seed, 1);
        batch_count(&tally, &want);
    }
    tally_expect_variety(&tally);
    hd_results_free(&want);
    hd_results_free(&have);
    hd_exec_close(plain);
    hd_exec_close(other);
    batch_free();
}

static void a_switch_runs_random_programs_as_computed_goto_does(void **state) {
    (void)state;
    compare_with(HD_BACKEND_SWITCH, 1, "switch");
}

static void the_tiled_layout_runs_random_programs_as_the_contiguous_one_does(void **state) {
    (void)state;
    compare_with(HD_BACKEND_TILED, 1, "tiled");
}

static void two_threads_run_random_programs_as_one_does(void **state) {
    (void)state;
    compare_with(HD_BACKEND_HOST, 2, "threads");
}

typedef struct {
    uint64_t step_cnt;
    uint64_t gas_sum;
} trace_tally;

static void count_step(void *ctx, const hd_trace_step *step) {
    trace_tally *t = ctx;
    assert_true(step->stack_cnt <= 1024 && step->depth >= 1 && step->depth <= 1025);
    assert_true(step->op < 256 && step->error < HD_EVM_ERR_CNT && step->memory_sz % 32 == 0);
    t->step_cnt++;
    t->gas_sum += step->gas_cost;
}

static void a_traced_run_of_random_programs_gives_the_plain_one_s_results(void **state) {
    (void)state;
    hd_exec *plain = open_backend(HD_BACKEND_HOST, 1);
    hd_results want, have;
    trace_tally steps = {0, 0};
    memset(&want, 0, sizeof want);
    memset(&have, 0, sizeof have);
    uint32_t cnt = batch_cnt(DEFAULT_BATCH_CNT);
    for (uint32_t i = 0; i < cnt; i++) {
        uint64_t seed = batch_seed() + (uint64_t)i * BATCH_TX_CNT;
        const hd_batch *b = batch_make(seed, i % 3 == 2 ? HD_BATCH_READS : 0);
        assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
        assert_int_equal(hd_exec_trace(plain, &have, b, count_step, &steps), HD_OK);
        batch_expect_equal(&want, &have, "plain", "traced", seed, 1);
    }
    assert_true(steps.step_cnt > 100ull * cnt * BATCH_TX_CNT);
    hd_results_free(&want);
    hd_results_free(&have);
    hd_exec_close(plain);
    batch_free();
}

static void receipts_alone_are_those_of_a_run_with_differences(void **state) {
    (void)state;
    hd_exec *plain = open_backend(HD_BACKEND_HOST, 1);
    hd_results want, have;
    memset(&want, 0, sizeof want);
    memset(&have, 0, sizeof have);
    const hd_batch *b = batch_make(batch_seed(), 0);
    assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
    hd_batch bare = *b;
    bare.flags = HD_BATCH_NO_DIFF;
    assert_int_equal(hd_exec_run(plain, &have, &bare), HD_OK);
    for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
        hd_receipt p = compare_receipt(want.receipts[i], 1);
        hd_receipt q = compare_receipt(have.receipts[i], 1);
        p.account_cnt = p.slot_cnt = p.log_cnt = p.output_sz = 0;
        assert_memory_equal(&p, &q, sizeof p);
    }
    assert_int_equal(have.account_cnt + have.slot_cnt + have.log_cnt + have.bytes_sz, 0);
    hd_results_free(&want);
    hd_results_free(&have);
    hd_exec_close(plain);
    batch_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_runs_random_programs_as_computed_goto_does),
        cmocka_unit_test(the_tiled_layout_runs_random_programs_as_the_contiguous_one_does),
        cmocka_unit_test(two_threads_run_random_programs_as_one_does),
        cmocka_unit_test(a_traced_run_of_random_programs_gives_the_plain_one_s_results),
        cmocka_unit_test(receipts_alone_are_those_of_a_run_with_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
