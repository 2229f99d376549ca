/* test_chains.c - what does not hold after a round runs in chains beside each other, and ends as
   serial execution does. */
#include "rule_blocks.h"

/* At block_pointer: k = slots[w0]; slots[k] = 3 * slots[k] + w1; slots[w0] = w2 unless that is
   zero. So whom a transaction meets is known when it runs. */
static hd_address block_pointer(void) { return addr_of(0xcc01); }

static void put_pointer(void) {
    static evm_asm a;
    hd_address addr = block_pointer();
    a.sz = 0;
    block_load(&a, 0);
    asm_op(&a, HD_OP_SLOAD);
    asm_push(&a, 3);
    asm_op(&a, HD_OP_MUL);
    block_word(&a, 1);
    asm_op(&a, HD_OP_ADD);
    block_load(&a, 0);
    asm_op(&a, HD_OP_SSTORE);
    block_word(&a, 2);
    uint32_t at = block_jump_if(&a);
    asm_op(&a, HD_OP_STOP);
    block_land(&a, at);
    block_word(&a, 2);
    block_word(&a, 0);
    asm_op(&a, HD_OP_SSTORE);
    assert_int_equal(hd_state_set(the_block.first, &addr, 1, word(0), a.b, a.sz), HD_OK);
}

static void set_pointer(uint64_t slot, uint64_t value) {
    hd_address addr = block_pointer();
    assert_int_equal(hd_state_set_slot(the_block.first, &addr, word(slot), word(value)), HD_OK);
}

/* Runs the block in many ways; the statistics of the last, on five threads, are given. */
static hd_ordered_stats ends_as_serial(void) {
    static const block_way ways[] = {
        {HD_BACKEND_HOST, 1, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 16, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 3, 20, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL, 300},
        {HD_BACKEND_SWITCH, 2, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 2, 0, 0, 0},
        {HD_BACKEND_TILED, 2, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_TILED, 3, 0, HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS, 0},
        {HD_BACKEND_CUDA, 1, 0, HD_ORDERED_NEVER_SERIAL, 0}, /* where there is one */
        {HD_BACKEND_HOST, 5, 0, HD_ORDERED_NEVER_SERIAL, 0},
    };
    block_tally tally;
    hd_ordered_stats stats;
    char why[256];
    hd_state *s = hd_state_new();
    memset(&tally, 0, sizeof tally);
    memset(&stats, 0, sizeof stats);
    assert_non_null(s);
    assert_int_equal(the_block.data.err, HD_OK);
    assert_int_equal(random_block_serial(&the_block, &tally), HD_OK);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        hd_exec *x = NULL;
        hd_exec_options options = {.backend = ways[i].backend, .threads = ways[i].threads};
        hd_err err = hd_exec_open(&x, &options);
        if (err == HD_ERR_ABSENT && ways[i].backend == HD_BACKEND_CUDA)
            continue;
        assert_int_equal(err, HD_OK);
        err = random_block_check(why, sizeof why, &stats, &the_block, x, s, &ways[i]);
        if (err != HD_OK)
            fail_msg("backend %u, %u threads, chunks of %u, flags %u: %s", ways[i].backend,
                     ways[i].threads, ways[i].chunk_cnt, ways[i].flags,
                     why[0] ? why : hd_err_name(err));
        hd_exec_close(x);
    }
    hd_state_free(s);
    print_message("%llu chains of %llu on lanes, longest %llu, %llu again, %llu rounds\n",
                  (unsigned long long)stats.lane_chain_cnt, (unsigned long long)stats.lane_tx_cnt,
                  (unsigned long long)stats.chain_cnt, (unsigned long long)stats.rerun_cnt,
                  (unsigned long long)stats.round_cnt);
    return stats;
}

/* ---- */

static void chains_that_do_not_meet_run_beside_each_other(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 160; i++)
        ask(i % 61, BLOCK_COUNTER, word(i % 8), 0, word(0));
    hd_ordered_stats stats = ends_as_serial();
    assert_int_equal(slot_of(BLOCK_COUNTER, word(3)), 20);
    assert_int_equal(stats.lane_chain_cnt, 8);
    /* The head of each held, and what came next once loads were followed. */
    assert_int_equal(stats.chain_cnt, 18);
    assert_int_equal(stats.rerun_cnt, 152 + 144);
    assert_int_equal(stats.round_cnt, 3);
}

static void one_sender_in_many_chains_does_not_join_them(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 160; i++)
        ask(0, BLOCK_COUNTER, word(i % 8), 0, word(0));
    hd_ordered_stats stats = ends_as_serial();
    assert_int_equal(stats.lane_chain_cnt, 8);
    assert_int_equal(stats.round_cnt, 3);
}

static void a_single_chain_is_finished_in_order(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 150; i++)
        ask(i % 61, BLOCK_COUNTER, word(0), 0, word(0));
    hd_ordered_stats stats = ends_as_serial();
    assert_int_equal(slot_of(BLOCK_COUNTER, word(0)), 150);
    assert_int_equal(stats.lane_chain_cnt, 0);
    assert_int_equal(stats.rerun_cnt, 149 + 148); /* a round that follows loads, then in order */
}

/* From the 60th transaction on the third chain writes where the first does; nobody could know. */
static void chains_that_meet_when_they_run_again_see_each_other(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    put_pointer();
    for (uint32_t i = 0; i < 4; i++)
        set_pointer(100 + i, 1 + i);
    for (uint32_t i = 0; i < 160; i++)
        call(i % 61, block_pointer(), word(100 + i % 4), word(i + 1),
             word(i == 62    ? 1
                  : i == 102 ? 2
                             : 0));
    hd_ordered_stats stats = ends_as_serial();
    /* Three of the four have met by the time that chains are looked for. */
    assert_true(stats.lane_chain_cnt >= 2);
    assert_int_equal(slot_after(block_pointer(), word(102)), 2);
}

/* The second transaction was misled: it writes slot 60 only when it runs again, after the reader of
   slot 60 at the head of another chain had been found to hold. */
static void a_head_that_stops_holding_runs_again(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    ask(0, BLOCK_BRANCH, word(50), 60, word(0));
    ask(1, BLOCK_BRANCH, word(50), 60, word(0));
    for (uint32_t i = 0; i < 40; i++) {
        ask(2 + i % 50, BLOCK_BRANCH, word(60), 61 + i, word(0));
        ask(3 + i % 50, BLOCK_COUNTER, word(1), 0, word(0));
        ask(4 + i % 50, BLOCK_COUNTER, word(2), 0, word(0));
    }
    hd_ordered_stats stats = ends_as_serial();
    assert_true(stats.lane_chain_cnt >= 3);
    assert_int_equal(slot_of(BLOCK_BRANCH, word(50)), 0);
    assert_int_equal(slot_of(BLOCK_BRANCH, word(61)), 1);
}

static void contracts_come_and_go_inside_a_chain(void **state) {
    static const uint32_t forks[] = {HD_FORK_BYZANTIUM, HD_FORK_SHANGHAI, HD_FORK_CANCUN,
                                     HD_FORK_OSAKA};
    (void)state;
    for (uint32_t f = 0; f < sizeof forks / sizeof *forks; f++) {
        begin(forks[f]);
        for (uint32_t i = 0; i < 40; i++) {
            /* The child destroys itself in favour of somebody every third time. */
            hd_u256 heir = i % 3 == 2 ? addr_word(block_account(5 + i % 7)) : word(0);
            ask(i % 13, forks[f] < HD_FORK_CONSTANTINOPLE ? BLOCK_CREATE : BLOCK_CREATE2,
                word(i % 2), 0, heir);
            ask(13 + i % 17, BLOCK_CREATE2, word(2 + i % 2), 0, heir);
            ask(30 + i % 7, BLOCK_COUNTER, word(i % 3), 0, word(0));
            ask(40 + i % 11, BLOCK_SEND, word(0x99990000u + i % 3), i % 2, word(i % 5));
        }
        ends_as_serial();
    }
}

static void the_blocks_gas_ends_inside_a_chain(void **state) {
    (void)state;
    for (uint32_t cut = 0; cut < 3; cut++) {
        random_block *b = begin(HD_FORK_OSAKA);
        b->envs[0].gas_limit = 700000 + 2500000 + cut * 10007;
        for (uint32_t i = 0; i < 120; i++) {
            /* Those with little gas still fit where others do not. */
            ask(i % 61, BLOCK_COUNTER, word(i % 4), 0, word(0))->gas_limit = i % 5 ? 700000 : 60000;
        }
        ends_as_serial();
        assert_true(slot_of(BLOCK_COUNTER, word(0)) < 30);
        assert_true(slot_of(BLOCK_COUNTER, word(0)) > 5);
    }
}

/* Contracts that look at exact balances which others, outside of the chain, add to. */
static void balances_that_others_add_to_are_seen_inside_chains(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 40; i++) {
        add(i % 13, block_contract(BLOCK_TRY), 7,
            700000); /* data is none: it fails or notes something */
        ask(13 + i % 17, BLOCK_READER, word(0xb000 + BLOCK_SEND), 0, word(0));
        ask(30 + i % 7, BLOCK_SEND, word(0xb000 + BLOCK_READER), i, word(i % 3));
        ask(40 + i % 11, BLOCK_COUNTER, word(i % 3), 0, word(0));
        if (i % 4 == 0)
            add(55 + i % 6, block_contract(BLOCK_SEND), 1000, 700000);
    }
    ends_as_serial();
}

/* Fees are sums unless somebody looks: then chains must not hide them. */
static void a_coinbase_that_chains_look_at_is_paid_in_order(void **state) {
    (void)state;
    begin(HD_FORK_SHANGHAI);
    for (uint32_t i = 0; i < 40; i++) {
        ask(i % 13, BLOCK_READER, word(0xc01bc01b), 1, word(0));
        ask(13 + i % 17, BLOCK_COUNTER, word(i % 2), 0, word(0));
        ask(30 + i % 7, BLOCK_COUNTER, word(2 + i % 2), 0, word(0));
        add(40 + i % 11, block_coinbase(), 3, 700000);
    }
    ends_as_serial();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_that_do_not_meet_run_beside_each_other),
        cmocka_unit_test(one_sender_in_many_chains_does_not_join_them),
        cmocka_unit_test(a_single_chain_is_finished_in_order),
        cmocka_unit_test(chains_that_meet_when_they_run_again_see_each_other),
        cmocka_unit_test(a_head_that_stops_holding_runs_again),
        cmocka_unit_test(contracts_come_and_go_inside_a_chain),
        cmocka_unit_test(the_blocks_gas_ends_inside_a_chain),
        cmocka_unit_test(balances_that_others_add_to_are_seen_inside_chains),
        cmocka_unit_test(a_coinbase_that_chains_look_at_is_paid_in_order),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed_cnt = cmocka_run_group_tests(tests, NULL, NULL);
    random_block_free(&the_block);
    return failed_cnt;
}
