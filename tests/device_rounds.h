/* device_rounds.h - what rounds on a device must keep, with the backend given: cuda, or tiled in
   its place. */
#ifndef DEVICE_ROUNDS_H
#define DEVICE_ROUNDS_H

#include "hd_test.h"

#include "exec/hd_workload.h"
#include "random_batches.h"
#include "rounds_runner.h"

/* Skips the case where there is no device. */
static inline hd_exec *device_open(uint32_t backend) {
    hd_exec_options options = {.backend = backend, .threads = 2};
    hd_exec *x = NULL;
    hd_err err = hd_exec_open(&x, &options);
    if (err == HD_ERR_ABSENT) {
        print_message("no usable device\n");
        skip();
    }
    assert_int_equal(err, HD_OK);
    return x;
}

/* Two lists, the second added to the results of the first, make what the whole batch makes. */
static inline void expect_halves_make_the_whole(uint32_t backend, uint32_t cnt) {
    hd_exec *device = device_open(backend), *plain = device_open(HD_BACKEND_HOST);
    uint32_t half[2][BATCH_TX_CNT], half_cnt[2] = {0, 0};
    hd_results want, have;
    memset(&want, 0, sizeof want);
    memset(&have, 0, sizeof have);
    for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
        uint32_t which = i % 3 == 1;
        half[which][half_cnt[which]++] = i;
    }
    for (uint32_t i = 0; i < cnt; i++) {
        uint64_t seed = batch_seed() + (uint64_t)i * BATCH_TX_CNT;
        const hd_batch *b = batch_make(seed, HD_BATCH_READS);
        hd_batch part = *b;
        assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
        part.list = half[0];
        part.list_cnt = half_cnt[0];
        assert_int_equal(hd_exec_run(device, &have, &part), HD_OK);
        part.list = half[1];
        part.list_cnt = half_cnt[1];
        part.flags |= HD_BATCH_KEEP | HD_BATCH_SAME;
        assert_int_equal(hd_exec_run(device, &have, &part), HD_OK);
        batch_expect_equal(&want, &have, "plain", "in two lists", seed, 0);
    }
    hd_results_free(&want);
    hd_results_free(&have);
    hd_exec_close(plain);
    hd_exec_close(device);
    batch_free();
}

static inline void expect_blocks_as_serial(uint32_t backend, uint64_t cnt, uint32_t tx_max) {
    const block_way ways[] = {
        {backend, 2, 0, HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS, 0},
        {backend, 2, 40, HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS, 2000},
        {backend, 2, 0, HD_ORDERED_NEVER_SERIAL, 0},
    };
    static runner run;
    hd_exec_close(device_open(backend));
    assert_int_equal(runner_open(&run, ways, 3), HD_OK);
    for (uint64_t seed = 7000; seed < 7000 + cnt; seed++)
        assert_true(runner_seed(&run, seed, tx_max));
    tally_print(&run);
    runner_close(&run);
}

/* Makes some of the transfers calls of a program whose value at each turn hangs on all before: ten
   chains of three and two of four. */
static inline void add_chains(hd_workload *w) {
    /* slots[callvalue] = 3 * slots[callvalue] + 1 */
    static const uint8_t code[] = {0x34, 0x54, 0x60, 3, 0x02, 0x60, 1, 0x01, 0x34, 0x55};
    hd_address to = addr_of(0xc4a1);
    assert_int_equal(hd_state_set(w->state, &to, 1, hd_u256_zero(), code, sizeof code), HD_OK);
    for (uint32_t i = 0; i < 38; i++) {
        hd_tx *tx = &w->txs[i * 200];
        tx->to = to;
        tx->value_wei = hd_u256_from_u64(i < 36 ? i % 12 : i - 36);
        tx->gas_limit = 100000;
    }
}

/* Rounds of thousands, small ones and chains: by the flags, how many of them were the device's. */
static inline void expect_transfers_as_serial(hd_exec *x, uint32_t flags, uint64_t round_cnt_min,
                                              uint64_t round_cnt_max) {
    hd_workload_options options = {.kind = HD_WORKLOAD_ERC20_RANDOM,
                                   .seed = 5,
                                   .tx_cnt = 8192,
                                   .account_cnt = 32768,
                                   .fork = HD_FORK_OSAKA,
                                   .threads = 2};
    hd_exec *plain = device_open(HD_BACKEND_HOST);
    hd_workload w;
    hd_sequence seq;
    hd_ordered_stats stats;
    hd_hash want, have;
    assert_int_equal(hd_workload_open(&w, &options), HD_OK);
    add_chains(&w);
    hd_workload_sequence(&seq, &w);
    hd_state *s = hd_state_new();
    assert_non_null(s);
    assert_int_equal(hd_state_copy(s, w.state), HD_OK);
    seq.chunk_cnt = 1;
    assert_int_equal(hd_exec_ordered(plain, s, &seq, &stats), HD_OK);
    assert_int_equal(hd_state_root(&want, s), HD_OK);
    assert_int_equal(hd_state_copy(s, w.state), HD_OK);
    seq.chunk_cnt = 8192; /* all at once, whatever suits the host's caches */
    seq.flags = HD_ORDERED_NEVER_SERIAL | flags;
    assert_int_equal(hd_exec_ordered(x, s, &seq, &stats), HD_OK);
    assert_int_equal(hd_state_root(&have, s), HD_OK);
    assert_memory_equal(&have, &want, sizeof want);
    print_message("%llu rounds, %llu of them the device's, %llu ran again\n",
                  (unsigned long long)stats.round_cnt, (unsigned long long)stats.device_round_cnt,
                  (unsigned long long)stats.rerun_cnt);
    assert_true(stats.rerun_cnt > 2048);
    assert_in_range(stats.device_round_cnt, round_cnt_min, round_cnt_max);
    assert_true(stats.device_round_cnt < stats.round_cnt);
    hd_state_free(s);
    hd_exec_close(plain);
    hd_workload_close(&w);
}

/* The device is lost at its run number `at` (from 0), in whatever round that is: every block ends
   as serial execution does, and the host alone runs what follows. */
static inline void expect_loss_survived(uint32_t backend, uint32_t at) {
#ifdef HD_VERIFY
    static random_block block;
    static block_tally tally;
    const block_way way = {backend, 2, 60, HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS, 0};
    hd_exec *x = device_open(backend);
    hd_state *s = hd_state_new();
    uint64_t lost_cnt = 0;
    char text[16], why[WHY_SZ];
    assert_non_null(s);
    snprintf(text, sizeof text, "%u", at);
    setenv("HEDDLE_DEVICE_FAILS_AFTER", text, 1);
    for (uint64_t seed = 100; seed < 112; seed++) {
        hd_ordered_stats stats;
        /* Blocks are made by a host handle, of which nothing is lost. */
        assert_int_equal(random_block_make(&block, &tally, seed, BLOCK_TX_MAX), HD_OK);
        hd_err err = random_block_check(why, sizeof why, &stats, &block, x, s, &way);
        if (err != HD_OK)
            fail_msg("lost at %u, seed %llu: %s", at, (unsigned long long)seed,
                     why[0] ? why : hd_err_name(err));
        if (lost_cnt)
            assert_int_equal(stats.device_round_cnt, 0);
        lost_cnt += stats.device_lost_cnt;
    }
    unsetenv("HEDDLE_DEVICE_FAILS_AFTER");
    assert_int_equal(lost_cnt, 1);
    random_block_free(&block);
    hd_state_free(s);
    hd_exec_close(x);
#else
    (void)backend, (void)at;
    print_message("failures are injected in builds with HD_VERIFY only\n");
    skip();
#endif
}

#endif
