/* test_pipeline_behind.c - pipelines with a state behind them, in the host's memory; and engines
   that fail at any of their calls. */
#define PIPELINE_BACKEND HD_BACKEND_HOST
#include "exec/hd_pipe_engine.h"
#include "pipeline_behind_cases.h"

/* ---- an engine that fails at its n-th call and at all that follow until it is mended ---- */

typedef struct {
    const hd_pipe_engine *e;
    void *ctx;
    uint64_t call_cnt;
    uint64_t good_cnt; /* calls that go well */
    hd_err err;
} failing;

#define FAIL(f) \
    do { \
        if (((failing *)(f))->call_cnt++ >= ((failing *)(f))->good_cnt) \
            return ((failing *)(f))->err; \
    } while (0)
#define E(f) ((failing *)(f))->e
#define C(f) ((failing *)(f))->ctx

static void fail_close(void *f) { E(f)->close(C(f)); }
static hd_err fail_alloc(void *f, void **out, size_t sz) {
    *out = NULL;
    FAIL(f);
    return E(f)->alloc(C(f), out, sz);
}
static void fail_release(void *f, void *p) { E(f)->release(C(f), p); }
static hd_err fail_up(void *f, void *dst, const void *src, size_t sz) {
    FAIL(f);
    return E(f)->up(C(f), dst, src, sz);
}
static hd_err fail_down(void *f, void *dst, const void *src, size_t sz) {
    FAIL(f);
    return E(f)->down(C(f), dst, src, sz);
}
static hd_err fail_down_begin(void *f, void *dst, const void *src, size_t sz) {
    FAIL(f);
    return E(f)->down_begin(C(f), dst, src, sz);
}
static hd_err fail_down_end(void *f) {
    FAIL(f);
    return E(f)->down_end(C(f));
}
static hd_err fail_move(void *f, void *dst, const void *src, size_t sz) {
    FAIL(f);
    return E(f)->move(C(f), dst, src, sz);
}
static hd_err fail_zero(void *f, void *p, size_t sz) {
    FAIL(f);
    return E(f)->zero(C(f), p, sz);
}
static hd_err fail_wait(void *f) {
    FAIL(f);
    return E(f)->wait(C(f));
}
static void fail_select_stream(void *f, uint32_t which) { E(f)->select_stream(C(f), which); }
static hd_err fail_mark(void *f, uint32_t idx) {
    FAIL(f);
    return E(f)->mark(C(f), idx);
}
static hd_err fail_meet(void *f, uint32_t idx) {
    FAIL(f);
    return E(f)->meet(C(f), idx);
}
static hd_err fail_pin(void *f, void **out, size_t sz) {
    FAIL(f);
    return E(f)->pin(C(f), out, sz);
}
static void fail_unpin(void *f, void *p) { E(f)->unpin(C(f), p); }
static hd_err fail_run(void *f, uint32_t phase, const hd_pipe *p, uint32_t cnt) {
    FAIL(f);
    return E(f)->run(C(f), phase, p, cnt);
}
static hd_err fail_sum32(void *f, uint32_t *x, uint32_t cnt) {
    FAIL(f);
    return E(f)->sum32(C(f), x, cnt);
}
static hd_err fail_sum64(void *f, uint64_t *x, uint32_t cnt) {
    FAIL(f);
    return E(f)->sum64(C(f), x, cnt);
}
static hd_err fail_scan_folds(void *f, hd_pipe_fold *x, uint32_t cnt) {
    FAIL(f);
    return E(f)->scan_folds(C(f), x, cnt);
}
static hd_err fail_scan_wipes(void *f, uint64_t *x, uint32_t cnt) {
    FAIL(f);
    return E(f)->scan_wipes(C(f), x, cnt);
}
static hd_err fail_scan_sums(void *f, hd_pipe_sum *x, uint32_t cnt) {
    FAIL(f);
    return E(f)->scan_sums(C(f), x, cnt);
}
static hd_err fail_sort(void *f, const hd_pipe_set *s) {
    FAIL(f);
    return E(f)->sort(C(f), s);
}
static hd_err fail_select(void *f, uint32_t *list, uint32_t *cnt, const uint32_t *flags,
                          uint32_t flag_cnt) {
    FAIL(f);
    return E(f)->select(C(f), list, cnt, flags, flag_cnt);
}
static hd_err fail_recover(void *f, hd_recover_result *out, const hd_recover_item *items,
                           uint32_t cnt) {
    FAIL(f);
    return E(f)->recover(C(f), out, items, cnt);
}
static hd_err fail_execute(void *f, hd_pipe *p, const uint32_t *list, uint32_t cnt, size_t data_sz,
                           const hd_pipeline_block *block, const hd_world_supply *supply) {
    FAIL(f);
    return E(f)->execute(C(f), p, list, cnt, data_sz, block, supply);
}
static hd_err fail_forest_reset(void *f) {
    FAIL(f);
    return E(f)->forest_reset(C(f));
}
static hd_err fail_changes(void *f, hd_forest_account_change **accounts,
                           hd_forest_slot_change **slots, size_t account_cnt, size_t slot_cnt) {
    FAIL(f);
    return E(f)->changes(C(f), accounts, slots, account_cnt, slot_cnt);
}
static hd_err fail_root(void *f, hd_hash *root) {
    FAIL(f);
    return E(f)->root(C(f), root);
}

static const hd_pipe_engine failing_engine = {.close = fail_close,
                                              .alloc = fail_alloc,
                                              .release = fail_release,
                                              .up = fail_up,
                                              .down = fail_down,
                                              .down_begin = fail_down_begin,
                                              .down_end = fail_down_end,
                                              .move = fail_move,
                                              .zero = fail_zero,
                                              .wait = fail_wait,
                                              .select_stream = fail_select_stream,
                                              .mark = fail_mark,
                                              .meet = fail_meet,
                                              .pin = fail_pin,
                                              .unpin = fail_unpin,
                                              .run = fail_run,
                                              .sum32 = fail_sum32,
                                              .sum64 = fail_sum64,
                                              .scan_folds = fail_scan_folds,
                                              .scan_wipes = fail_scan_wipes,
                                              .scan_sums = fail_scan_sums,
                                              .sort = fail_sort,
                                              .select = fail_select,
                                              .recover = fail_recover,
                                              .execute = fail_execute,
                                              .forest_reset = fail_forest_reset,
                                              .changes = fail_changes,
                                              .root = fail_root};

/* Each call of a block fails in turn, and after it all: that block and the next are the host's, and
   once the device is mended and loaded the one after that is its own again. */
static void fail_everywhere(uint64_t seed, uint64_t resident_max, hd_err err, int is_wild) {
    static behind b;
    static failing f;
    hd_pipeline *p;
    memset(&f, 0, sizeof f);
    f.good_cnt = UINT64_MAX;
    f.err = err;
    assert_int_equal(hd_pipe_host_open(&f.e, &f.ctx, 2), HD_OK);
    assert_int_equal(hd_pipeline_open_engine(&p, &failing_engine, &f, 2), HD_OK);
    behind_begin(&b, p, seed, HD_FORK_SHANGHAI, resident_max);
    uint64_t n = 0, lost_cnt = 0;
    for (int is_lost = 1; is_lost; n++) {
        hd_hash root, want;
        behind_run(&b, 10, 0, n % 2);
        assert_int_equal(hd_pipeline_sync(b.p), HD_OK);
        f.call_cnt = 0;
        f.good_cnt = n;
        hd_pipeline_result r = behind_run(&b, 10, is_wild && n % 2, 0);
        /* With a working set, what has no room is no loss. */
        is_lost = f.call_cnt > n;
        if (r.flags & HD_PIPELINE_DEVICE_LOST) {
            lost_cnt++;
            r = behind_run(&b, 10, 0, 1);
            assert_int_equal(r.flags, HD_PIPELINE_ON_HOST | HD_PIPELINE_DEVICE_LOST);
            assert_int_equal(hd_pipeline_reload(&root, b.p), f.err);
            r = behind_run(&b, 10, 0, 0);
            assert_int_equal(r.flags, HD_PIPELINE_ON_HOST | HD_PIPELINE_DEVICE_LOST);
        } else if (is_lost) {
            assert_int_not_equal(resident_max, 0);
        }
        f.good_cnt = UINT64_MAX;
        assert_int_equal(hd_pipeline_reload(&root, b.p), HD_OK);
        assert_int_equal(hd_pipeline_sync(b.p), HD_OK);
        assert_int_equal(hd_state_root(&want, b.state), HD_OK);
        assert_memory_equal(&root, &want, 32);
        r = behind_run(&b, 10, 0, 1);
        assert_int_equal(r.flags, 0);
    }
    print_message("%llu calls, %llu losses\n", (unsigned long long)n, (unsigned long long)lost_cnt);
    assert_true(lost_cnt > 50);
    behind_end(&b);
}

static void a_device_that_fails_at_any_call_costs_no_block(void **state) {
    (void)state;
    fail_everywhere(11, 0, HD_ERR_DEVICE, 1);
}

static void a_working_set_whose_device_fails_at_any_call_costs_no_block(void **state) {
    (void)state;
    fail_everywhere(12, 60000, HD_ERR_DEVICE, 1);
    fail_everywhere(13, 1, HD_ERR_DEVICE, 0);
}

static void memory_that_is_short_at_any_call_costs_no_block(void **state) {
    (void)state;
    fail_everywhere(14, 0, HD_ERR_NOMEM, 0);
    fail_everywhere(15, 60000, HD_ERR_NOMEM, 1);
}

/* Blocks that were being admitted when the device failed: the host's, then its own again. */
static void prepared_blocks_survive_a_lost_device(void **state) {
    static behind b;
    static failing f;
    static kept_block kept[5];
    (void)state;
    for (uint64_t n = 0; n < 90; n += 8) {
        hd_pipeline *p;
        hd_hash root;
        memset(&f, 0, sizeof f);
        f.good_cnt = UINT64_MAX;
        f.err = HD_ERR_DEVICE;
        assert_int_equal(hd_pipe_host_open(&f.e, &f.ctx, 2), HD_OK);
        assert_int_equal(hd_pipeline_open_engine(&p, &failing_engine, &f, 2), HD_OK);
        behind_begin(&b, p, 20 + n, HD_FORK_CANCUN, n % 16 ? 60000 : 0);
        for (uint32_t i = 0; i < 5; i++)
            keep_block(&kept[i], &b.w, 30);
        for (uint32_t i = 0; i < 5; i++) {
            hd_pipeline_result r, want;
            hd_msg msg = {""};
            if (i == 0)
                assert_int_equal(hd_pipeline_prepare(p, &kept[0].block), HD_OK);
            if (i == 1) {
                f.call_cnt = 0;
                f.good_cnt = n;
            }
            if (i == 3) {
                f.good_cnt = UINT64_MAX;
                assert_int_equal(hd_pipeline_reload(&root, p), HD_OK);
            }
            if (i < 4)
                assert_int_equal(hd_pipeline_prepare(p, &kept[i + 1].block), HD_OK);
            assert_int_equal(hd_pipeline_run(&r, p, &msg, &kept[i].block), HD_OK);
            assert_int_equal(hd_pipeline_serial(&want, b.w.state, &msg, &kept[i].block, 1), HD_OK);
            expect_same(&r, &want);
            assert_int_equal((r.flags & HD_PIPELINE_DEVICE_LOST) != 0,
                             i == 2 || (i == 1 && r.flags));
            b.root = want.state_root;
            behind_expect_equal(&b);
            b.tally.block_cnt++;
        }
        behind_end(&b);
    }
}

static void a_pipeline_without_a_state_behind_says_so(void **state) {
    hd_pipeline_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    hd_pipeline *p = NULL;
    hd_state *s = hd_state_new();
    hd_undo undo = {.accounts = {.sz = 0}};
    hd_hash root;
    (void)state;
    assert_int_equal(hd_pipeline_open(&p, &options), HD_OK);
    assert_int_equal(hd_pipeline_load(&root, p, s), HD_OK);
    assert_int_equal(hd_pipeline_sync(p), HD_ERR_ABSENT);
    assert_int_equal(hd_pipeline_check(p), HD_ERR_ABSENT);
    assert_int_equal(hd_pipeline_reload(&root, p), HD_ERR_ABSENT);
    assert_int_equal(hd_pipeline_changed(&root, p, &undo), HD_ERR_ABSENT);
    hd_pipeline_close(p);
    hd_state_free(s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_state_behind_equals_the_serial_one),
    cmocka_unit_test(a_working_set_that_loses_everything_after_each_block_gives_the_same),
    cmocka_unit_test(a_working_set_that_evicts_what_is_old_gives_the_same),
    cmocka_unit_test(a_working_set_with_room_is_supplied_once),
    cmocka_unit_test(a_refused_block_leaves_the_state_behind_as_it_was),
    cmocka_unit_test(what_the_caller_changes_behind_is_followed),
    cmocka_unit_test(an_error_of_the_sink_is_told_and_ends_it),
    cmocka_unit_test(a_device_that_fails_at_any_call_costs_no_block),
    cmocka_unit_test(a_working_set_whose_device_fails_at_any_call_costs_no_block),
    cmocka_unit_test(memory_that_is_short_at_any_call_costs_no_block),
    cmocka_unit_test(prepared_blocks_survive_a_lost_device),
    cmocka_unit_test(a_pipeline_without_a_state_behind_says_so),
};

HD_TEST_MAIN(tests)
