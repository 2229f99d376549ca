/* pipeline_behind_cases.h - pipelines with a state behind them, on the backend that the includer
   chose: that state, what is resident and the root equal what serial execution leaves, block after
   block. */
#ifndef PIPELINE_BEHIND_CASES_H
#define PIPELINE_BEHIND_CASES_H

#include "pipeline_world.h"

#include "state/hd_undo.h"

/* Keeps a second state in step by what it is told, as a store does. */
typedef struct {
    hd_hash before; /* the root that taking the block back has to give; of one block in three */
    int has_before;
    uint64_t call_cnt, number;
    uint64_t fails_at; /* this call fails; 0: none does */
} sink_probe;

static hd_err sink_probe_take(void *ctx, const hd_state *s, const hd_undo *changes,
                              uint64_t number) {
    sink_probe *k = ctx;
    hd_state *copy = hd_state_new();
    hd_hash root;
    assert_non_null(copy);
    assert_true(number > k->number);
    k->number = number;
    if (k->has_before) {
        assert_int_equal(hd_state_copy(copy, s), HD_OK);
        assert_int_equal(hd_undo_apply(copy, changes), HD_OK);
        assert_int_equal(hd_state_root(&root, copy), HD_OK);
        assert_memory_equal(&root, &k->before, 32);
    }
    k->has_before = k->call_cnt % 3 == 1;
    if (k->has_before)
        assert_int_equal(hd_state_root(&k->before, s), HD_OK);
    hd_state_free(copy);
    return ++k->call_cnt == k->fails_at ? HD_ERR_IO : HD_OK;
}

typedef struct {
    uint64_t block_cnt, host_cnt, lost_cnt, supply_cnt, evict_cnt, evict_block_cnt;
} behind_tally;

typedef struct {
    world w;         /* with the state of serial execution */
    hd_state *state; /* behind the pipeline */
    hd_pipeline *p;
    hd_hash root; /* of the first */
    sink_probe sink;
    behind_tally tally;
} behind;

static void behind_begin(behind *b, hd_pipeline *p, uint64_t seed, uint32_t fork,
                         uint64_t resident_max) {
    hd_pipeline_behind options = {
        .resident_max = resident_max, .sink = sink_probe_take, .sink_ctx = &b->sink};
    hd_hash root;
    memset(b, 0, sizeof *b);
    world_open(&b->w, seed, fork);
    b->state = hd_state_new();
    assert_non_null(b->state);
    assert_int_equal(hd_state_copy(b->state, b->w.state), HD_OK);
    assert_int_equal(hd_state_root(&b->sink.before, b->state), HD_OK);
    b->p = p;
    assert_int_equal(hd_pipeline_load_behind(&root, p, b->state, &options), HD_OK);
    assert_memory_equal(&root, &b->sink.before, 32);
    b->sink.has_before = 1;
    b->root = root;
}

static void behind_end(behind *b) {
    assert_int_equal(hd_pipeline_sync(b->p), HD_OK);
    assert_int_equal(b->sink.call_cnt, b->tally.block_cnt);
    hd_pipeline_close(b->p);
    hd_state_free(b->state);
    world_close(&b->w);
}

/* The state behind is the serial one, and what is resident is a part of it. */
static void behind_expect_equal(behind *b) {
    hd_hash root;
    assert_int_equal(hd_pipeline_sync(b->p), HD_OK);
    assert_int_equal(hd_state_root(&root, b->state), HD_OK);
    assert_memory_equal(&root, &b->root, 32);
    hd_err err = hd_pipeline_check(b->p);
    if (err != HD_ERR_ABSENT) /* the device was lost */
        assert_int_equal(err, HD_OK);
}

static hd_pipeline_result behind_run(behind *b, uint32_t tx_cnt, int is_wild, int is_looked_at) {
    hd_pipeline_result r, want;
    hd_msg msg = {""};
    hd_pipeline_block block = block_of(&b->w, tx_cnt, is_wild);
    assert_int_equal(hd_pipeline_run(&r, b->p, &msg, &block), HD_OK);
    assert_int_equal(hd_pipeline_serial(&want, b->w.state, &msg, &block, 1), HD_OK);
    expect_same(&r, &want);
    assert_int_equal(r.refused_idx, tx_cnt);
    b->root = want.state_root;
    if (is_looked_at) /* else the next block begins while this one's differences enter */
        behind_expect_equal(b);
    b->tally.block_cnt++;
    b->tally.host_cnt += (r.flags & HD_PIPELINE_ON_HOST) != 0;
    b->tally.lost_cnt += (r.flags & HD_PIPELINE_DEVICE_LOST) != 0;
    b->tally.supply_cnt += r.supply_cnt;
    b->tally.evict_cnt += r.evict_cnt;
    b->tally.evict_block_cnt += r.evict_cnt != 0;
    return r;
}

static void tally_add(behind_tally *to, const behind_tally *t) {
    to->block_cnt += t->block_cnt;
    to->host_cnt += t->host_cnt;
    to->lost_cnt += t->lost_cnt;
    to->supply_cnt += t->supply_cnt;
    to->evict_cnt += t->evict_cnt;
    to->evict_block_cnt += t->evict_block_cnt;
}

static const uint32_t behind_forks[] = {HD_FORK_FRONTIER,  HD_FORK_HOMESTEAD, HD_FORK_SPURIOUS,
                                        HD_FORK_BYZANTIUM, HD_FORK_LONDON,    HD_FORK_SHANGHAI,
                                        HD_FORK_CANCUN,    HD_FORK_OSAKA};

static void run_behind(behind_tally *t, uint64_t seed, uint32_t block_cnt, uint64_t resident_max) {
    static behind b;
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    behind_begin(&b, pipeline_open(&options), seed, behind_forks[seed % 8], resident_max);
    for (uint32_t i = 0; i < block_cnt; i++) {
        uint32_t tx_cnt = seed % 3 == 0 ? 12 : seed % 3 == 1 ? 60 : TX_CNT;
        behind_run(&b, tx_cnt, (seed + i) % 3 == 2, seed % 2 == 0 || i % 3 == 2);
    }
    tally_add(t, &b.tally);
    behind_end(&b);
}

static void behind_print(const behind_tally *t) {
    print_message("%llu blocks, %llu on the host's path; %llu supplied, %llu evicted by %llu "
                  "blocks\n",
                  (unsigned long long)t->block_cnt, (unsigned long long)t->host_cnt,
                  (unsigned long long)t->supply_cnt, (unsigned long long)t->evict_cnt,
                  (unsigned long long)t->evict_block_cnt);
}

static void the_state_behind_equals_the_serial_one(void **state) {
    behind_tally t = {0};
    (void)state;
    for (uint32_t i = 0; i < 16; i++)
        run_behind(&t, 300 + i, 6, 0);
    behind_print(&t);
    assert_true(t.host_cnt > 5 && t.host_cnt < t.block_cnt / 2);
    assert_int_equal(t.supply_cnt, 0);
}

static void a_working_set_that_loses_everything_after_each_block_gives_the_same(void **state) {
    behind_tally t = {0};
    (void)state;
    for (uint32_t i = 0; i < 16; i++)
        run_behind(&t, 400 + i, 6, 1);
    behind_print(&t);
    assert_true(t.host_cnt < t.block_cnt / 2);
    assert_int_equal(t.evict_block_cnt, t.block_cnt - t.host_cnt);
    assert_true(t.supply_cnt > 20 * t.block_cnt);
}

static void a_working_set_that_evicts_what_is_old_gives_the_same(void **state) {
    behind_tally t = {0};
    (void)state;
    for (uint32_t i = 0; i < 24; i++)
        run_behind(&t, 500 + i, 10, 40000 + 20000 * (i % 4));
    behind_print(&t);
    assert_true(t.host_cnt < t.block_cnt / 2);
    assert_true(t.evict_block_cnt > t.block_cnt / 20);
}

static void a_working_set_with_room_is_supplied_once(void **state) {
    static behind b;
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    (void)state;
    behind_begin(&b, pipeline_open(&options), 2, HD_FORK_SHANGHAI, (uint64_t)1 << 30);
    for (uint32_t i = 0; i < 5; i++)
        behind_run(&b, 80, 0, 1);
    uint64_t before = b.tally.supply_cnt;
    for (uint32_t i = 0; i < 5; i++)
        behind_run(&b, 80, 0, 1);
    behind_print(&b.tally);
    assert_true(before > 100);
    assert_true(b.tally.supply_cnt - before < before);
    assert_int_equal(b.tally.evict_cnt, 0);
    assert_int_equal(b.tally.host_cnt, 0);
    behind_end(&b);
}

static void a_refused_block_leaves_the_state_behind_as_it_was(void **state) {
    static behind b;
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    (void)state;
    for (uint32_t k = 0; k < 2; k++) {
        behind_begin(&b, pipeline_open(&options), 7, HD_FORK_SHANGHAI, k ? 50000 : 0);
        for (uint32_t i = 0; i < 6; i++) {
            hd_pipeline_result r;
            hd_msg msg = {""};
            behind_run(&b, 40, i == 3, 1);
            uint64_t nonces[USER_CNT];
            memcpy(nonces, b.w.nonces, sizeof nonces);
            b.w.nonces[5]++; /* too high, once this user's turn comes */
            hd_pipeline_block block = block_of(&b.w, TX_CNT, i % 2);
            assert_int_equal(hd_pipeline_run(&r, b.p, &msg, &block), HD_OK);
            assert_true(r.refused_idx < TX_CNT);
            assert_int_equal(r.refused_status, HD_TX_INVALID_NONCE_HIGH);
            memcpy(b.w.nonces, nonces, sizeof nonces);
            behind_expect_equal(&b);
        }
        behind_end(&b);
    }
}

static void what_the_caller_changes_behind_is_followed(void **state) {
    static behind b;
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    (void)state;
    for (uint32_t k = 0; k < 2; k++) {
        hd_undo undo = {.accounts = {.sz = 0}};
        hd_hash root, want;
        behind_begin(&b, pipeline_open(&options), 8, HD_FORK_SHANGHAI, k ? 50000 : 0);
        for (uint32_t i = 0; i < 6; i++) {
            static const uint8_t code[] = {0x60, 0x01, 0x5f, 0x55};
            hd_address token = block_contract(BLOCK_TOKEN), child = addr_of(0x7700 + i);
            behind_run(&b, 60, i == 2, 0);
            assert_int_equal(hd_pipeline_sync(b.p), HD_OK);
            hd_undo_clear(&undo);
            hd_undo_attach(b.state, &undo);
            hd_state *both[] = {b.state, b.w.state};
            for (uint32_t s = 0; s < 2; s++) {
                assert_int_equal(hd_state_add_balance(both[s], &b.w.users[i], hd_u256_from_u64(9),
                                                      HD_FORK_SHANGHAI),
                                 HD_OK);
                assert_int_equal(hd_state_set(both[s], &child, 1, hd_u256_zero(), code, 3 + i % 2),
                                 HD_OK);
                assert_int_equal(
                    hd_state_set_slot(both[s], &child, hd_u256_from_u64(i), hd_u256_from_u64(1)),
                    HD_OK);
                if (i == 4) { /* gone and back with less */
                    assert_int_equal(hd_state_delete(both[s], &token), HD_OK);
                    assert_int_equal(hd_state_set_slot(both[s], &token, hd_u256_from_u64(1),
                                                       hd_u256_from_u64(1)),
                                     HD_OK);
                }
                hd_address first = addr_of(0x7700);
                if (i == 3) /* gone for good, its slots too, also when it comes back */
                    assert_int_equal(hd_state_delete(both[s], &first), HD_OK);
                if (i == 5)
                    assert_int_equal(hd_state_set_balance(both[s], &first, hd_u256_from_u64(1)),
                                     HD_OK);
            }
            hd_undo_attach(b.state, NULL);
            assert_int_equal(hd_pipeline_changed(&root, b.p, &undo), HD_OK);
            assert_int_equal(hd_state_root(&want, b.w.state), HD_OK);
            assert_memory_equal(&root, &want, 32);
            b.sink.before = b.root = want;
            b.sink.has_before = 1;
            behind_expect_equal(&b);
        }
        behind_end(&b);
        hd_undo_free(&undo);
    }
}

static void an_error_of_the_sink_is_told_and_ends_it(void **state) {
    static behind b;
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    hd_pipeline_result r;
    hd_msg msg = {""};
    hd_hash root;
    (void)state;
    behind_begin(&b, pipeline_open(&options), 9, HD_FORK_SHANGHAI, 0);
    b.sink.fails_at = 2;
    behind_run(&b, 12, 0, 1);
    hd_pipeline_block block = block_of(&b.w, 12, 0);
    assert_int_equal(hd_pipeline_run(&r, b.p, &msg, &block), HD_OK);
    assert_int_equal(hd_pipeline_sync(b.p), HD_ERR_IO);
    assert_int_equal(hd_pipeline_serial(&r, b.w.state, &msg, &block, 1), HD_OK);
    block = block_of(&b.w, 12, 0);
    assert_int_equal(hd_pipeline_run(&r, b.p, &msg, &block), HD_ERR_IO);
    /* The state behind has the second block; a new beginning runs the third. */
    assert_int_equal(hd_pipeline_load_behind(&root, b.p, b.state, NULL), HD_OK);
    assert_int_equal(hd_pipeline_run(&r, b.p, &msg, &block), HD_OK);
    assert_int_equal(hd_pipeline_serial(&r, b.w.state, &msg, &block, 1), HD_OK);
    b.root = r.state_root;
    behind_expect_equal(&b);
    hd_pipeline_close(b.p);
    hd_state_free(b.state);
    world_close(&b.w);
}

#endif
