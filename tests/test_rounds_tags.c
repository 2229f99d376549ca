/* test_rounds_tags.c - what tagged runs may and may not take a slot's value for: a block made for
   each rule, run in every way. */
#include "rule_blocks.h"

#define HOT 0x5107u /* the slot that everybody adds to */

static hd_u256 top(uint64_t below) { return hd_u256_sub(word(0), word(below + 1)); }

static void set_slot_of(hd_address a, uint64_t key, hd_u256 value) {
    assert_int_equal(hd_state_set_slot(the_block.first, &a, word(key), value), HD_OK);
}

static void load(evm_asm *a, uint64_t key) {
    asm_push(a, key);
    asm_op(a, HD_OP_SLOAD);
}

static void store(evm_asm *a, uint64_t key) {
    asm_push(a, key);
    asm_op(a, HD_OP_SSTORE);
}

/* slots[HOT] += w1, without a check. */
static void add_hot(evm_asm *a) {
    block_word(a, 1);
    load(a, HOT);
    asm_op(a, HD_OP_ADD);
    store(a, HOT);
}

/* Everybody adds 1 to 3, from MANY senders. */
static void everybody_calls(hd_address to) {
    for (uint32_t i = 0; i < MANY; i++)
        call(i, to, word(i), word(1 + i % 3), word(0));
}

static uint64_t sum_of_all(void) { return MANY / 3 * 6; }

static void expect_rounds(uint64_t round_cnt, uint64_t rerun_cnt_max) {
    expect_serial();
    hd_ordered_stats stats = rounds_of();
    assert_int_equal(stats.round_cnt, round_cnt);
    assert_true(stats.rerun_cnt <= rerun_cnt_max);
}

static void transfers(uint32_t cnt, uint64_t amount) {
    for (uint32_t i = 0; i < cnt; i++)
        ask(i, BLOCK_TOKEN, whom(nobody(7)), amount, word(0));
}

/* ---- sums */

static void many_transfers_to_one_recipient_take_two_rounds(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++)
        set_slot(BLOCK_TOKEN, whom(block_account(i)), 1000);
    set_slot(BLOCK_TOKEN, whom(nobody(7)), 5);
    transfers(MANY, 10);
    expect_rounds(2, MANY - 1);
    assert_int_equal(slot_of(BLOCK_TOKEN, whom(nobody(7))), 5 + 10 * MANY);
    assert_true(rounds_of().sum_cnt >= MANY - 1);
}

static void what_met_before_is_followed_from_the_start(void **state) {
    static const block_way way = {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL, 0};
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 2};
    hd_exec *x = NULL;
    hd_state *s = hd_state_new();
    block_tally tally;
    (void)state;
    memset(&tally, 0, sizeof tally);
    assert_non_null(s);
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++)
        set_slot(BLOCK_TOKEN, whom(block_account(i)), 1000);
    set_slot(BLOCK_TOKEN, whom(nobody(7)), 5);
    transfers(MANY, 10);
    for (uint32_t i = 0; i < MANY; i++) /* another selector */
        ask(i, BLOCK_TOKEN, addr_word(random_sender()), 1, word(0));
    assert_int_equal(random_block_serial(&the_block, &tally), HD_OK);
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    for (uint64_t round_cnt = 2; round_cnt > 0; round_cnt--) {
        hd_ordered_stats stats;
        char why[256];
        assert_int_equal(random_block_check(why, sizeof why, &stats, &the_block, x, s, &way),
                         HD_OK);
        assert_int_equal(stats.round_cnt, round_cnt);
        assert_true(stats.sum_cnt >= MANY - 1);
    }
    hd_exec_close(x);
    hd_state_free(s);
}

static void the_first_transfer_to_a_recipient_with_nothing_pays_for_its_slot(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++)
        set_slot(BLOCK_TOKEN, whom(block_account(i)), 1000);
    transfers(MANY, 10);
    expect_rounds(2, MANY - 1);
    assert_int_equal(gas_of(0) - gas_of(1), 20000 - 2900);
}

/* It comes in the middle, so that those before it hold with a slot of zero and pay nothing. */
static void transfers_of_nothing_leave_the_price_to_the_first_that_pays(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++)
        ask(i, BLOCK_COUNTER + 1, whom(nobody(7)), 0, word(0));
    for (uint32_t i = 0; i < MANY; i++)
        set_slot(BLOCK_TOKEN, whom(block_account(i)), 1000);
    transfers(MANY, 1);
    expect_serial();
    assert_int_equal(gas_of(MANY) - gas_of(MANY + 1), 20000 - 2900);
}

static void a_sender_that_spends_its_last_gets_the_refund(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    set_slot(BLOCK_TOKEN, whom(block_account(1)), 300);
    set_slot(BLOCK_TOKEN, whom(nobody(7)), 5);
    for (uint32_t i = 0; i < 5; i++)
        ask(1, BLOCK_TOKEN, whom(nobody(7)), 100, word(0));
    expect_serial();
    assert_int_equal(slot_of(BLOCK_TOKEN, whom(block_account(1))), 0);
    assert_true(gas_of(2) < gas_of(1)); /* the refund */
    assert_int_equal(status_of(3), HD_TX_REVERT);
}

static void a_sender_that_is_paid_in_between_can_spend_it(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    set_slot(BLOCK_TOKEN, whom(block_account(0)), 1000);
    for (uint32_t i = 0; i + 1 < 12; i++) /* down a line, a little less each time */
        ask(i, BLOCK_TOKEN, whom(block_account(i + 1)), 1000 - 10 * i, word(0));
    expect_serial();
    for (uint32_t i = 0; i + 1 < 12; i++)
        assert_int_equal(status_of(i), HD_TX_SUCCESS);
}

static void two_slots_with_one_key_of_two_contracts_are_two_sums(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    add_hot(a);
    hd_address x = put_code(1, a), y = put_code(2, a);
    set_slot_of(x, HOT, word(1));
    set_slot_of(y, HOT, word(1000));
    for (uint32_t i = 0; i < MANY; i++)
        call(i, i % 2 ? x : y, word(0), word(1 + i % 2), word(0));
    expect_rounds(2, MANY);
    assert_int_equal(slot_after(x, word(HOT)), 1 + MANY);
    assert_int_equal(slot_after(y, word(HOT)), 1000 + MANY / 2);
}

static void a_slot_is_one_sum_through_delegatecall(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    add_hot(a);
    hd_address library = put_code(1, a);
    a->sz = 0;
    add_hot(a);
    asm_op3(a, HD_OP_CALLDATACOPY, 0, 0, 96);
    asm_call(a, HD_OP_DELEGATECALL, library, (asm_call_args){.in_sz = 96});
    hd_address x = put_code(2, a);
    set_slot_of(x, HOT, word(1));
    everybody_calls(x);
    expect_rounds(2, MANY - 1);
    assert_int_equal(slot_after(x, word(HOT)), 1 + 2 * sum_of_all());
}

static void a_slot_loaded_after_its_own_store_is_still_a_sum(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    for (uint32_t i = 0; i < 3; i++)
        add_hot(a);
    hd_address x = put_code(1, a);
    set_slot_of(x, HOT, word(1));
    everybody_calls(x);
    expect_rounds(2, MANY - 1);
    assert_int_equal(slot_after(x, word(HOT)), 1 + 3 * sum_of_all());
}

static void stack_words_are_followed_through_dup_and_swap(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    asm_push(a, 11);
    block_word(a, 1);
    load(a, HOT);
    asm_op(a, HD_OP_DUP1);
    asm_op(a, HD_OP_SWAP1 + 2); /* value, amount, value, 11 */
    asm_op(a, HD_OP_POP);
    asm_op(a, HD_OP_SWAP1);
    asm_op(a, HD_OP_DUP1 + 1);
    asm_op(a, HD_OP_POP);
    asm_op(a, HD_OP_ADD);
    store(a, HOT);
    hd_address x = put_code(1, a);
    set_slot_of(x, HOT, word(1));
    everybody_calls(x);
    expect_rounds(2, MANY - 1);
    assert_int_equal(slot_after(x, word(HOT)), 1 + sum_of_all());
}

/* ---- comparisons */

/* w1 + slots[HOT], reverted where it is less than slots[HOT]. */
static hd_address put_checked_sum(void) {
    evm_asm *a = asm_new(0);
    block_word(a, 1);
    load(a, HOT);
    asm_op(a, HD_OP_ADD);
    load(a, HOT);
    asm_op(a, HD_OP_DUP1 + 1);
    asm_op(a, HD_OP_LT); /* sum < slot */
    uint32_t at = block_jump_if(a);
    store(a, HOT);
    asm_op(a, HD_OP_STOP);
    block_land(a, at);
    asm_op2(a, HD_OP_REVERT, 0, 0);
    return put_code(1, a);
}

static void a_check_for_overflow_lets_sums_be(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    hd_address x = put_checked_sum();
    set_slot_of(x, HOT, word(100));
    everybody_calls(x);
    expect_rounds(2, MANY - 1);
    assert_int_equal(slot_after(x, word(HOT)), 100 + sum_of_all());
}

static void a_sum_that_overflows_in_between_is_seen(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    hd_address x = put_checked_sum();
    set_slot_of(x, HOT, top(40));
    everybody_calls(x);
    expect_serial();
    uint32_t revert_cnt = 0;
    for (uint32_t i = 0; i < MANY; i++)
        revert_cnt += status_of(i) == HD_TX_REVERT;
    assert_in_range(revert_cnt, MANY / 3, MANY - 10);
}

/* Who comes when the slot passes 50 does something else. Each comparison, both ways around. */
static void a_bound_that_is_passed_in_between_is_seen(void **state) {
    static const uint8_t ops[] = {HD_OP_LT, HD_OP_GT, HD_OP_EQ, HD_OP_SLT, HD_OP_SGT};
    (void)state;
    for (uint32_t i = 0; i < 2 * sizeof ops; i++) {
        begin(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0);
        asm_push(a, 50);
        load(a, HOT);
        if (i % 2)
            asm_op(a, HD_OP_SWAP1);
        asm_op(a, ops[i / 2]);
        uint32_t at = block_jump_if(a);
        add_hot(a);
        asm_op(a, HD_OP_STOP);
        block_land(a, at);
        asm_push(a, 1);
        block_load(a, 0);
        asm_op(a, HD_OP_ADD);
        block_word(a, 0);
        asm_op(a, HD_OP_SSTORE);
        add_hot(a);
        hd_address x = put_code(1, a);
        set_slot_of(x, HOT, word(2));
        everybody_calls(x);
        expect_serial();
    }
}

static void two_loads_that_are_compared_are_exact(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    load(a, HOT);
    load(a, HOT + 1);
    asm_op(a, HD_OP_LT);
    uint32_t at = block_jump_if(a);
    add_hot(a);
    asm_op(a, HD_OP_STOP);
    block_land(a, at);
    asm_push(a, 2);
    load(a, HOT + 1);
    asm_op(a, HD_OP_ADD);
    store(a, HOT + 1);
    hd_address x = put_code(1, a);
    set_slot_of(x, HOT, word(20));
    set_slot_of(x, HOT + 1, word(10));
    everybody_calls(x);
    expect_serial();
}

static void a_load_that_decides_a_jump_is_seen(void **state) {
    (void)state;
    for (uint32_t is_zero = 0; is_zero < 2; is_zero++) {
        begin(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0);
        load(a, HOT);
        if (is_zero)
            asm_op(a, HD_OP_ISZERO);
        uint32_t at = block_jump_if(a);
        asm_push(a, 3);
        load(a, HOT);
        asm_op(a, HD_OP_SUB);
        store(a, HOT);
        asm_op(a, HD_OP_STOP);
        block_land(a, at);
        asm_push(a, 1);
        load(a, HOT);
        asm_op(a, HD_OP_SUB);
        store(a, HOT);
        hd_address x = put_code(1, a);
        set_slot_of(x, HOT, word(20));
        everybody_calls(x);
        expect_serial();
    }
}

/* Who finds 7 there counts in slot 1. Nothing but the jump asks for it, be it fused with the push
   of its destination or not. */
static void a_jump_asks_whether_a_sum_is_zero(void **state) {
    (void)state;
    for (uint32_t is_fused = 0; is_fused < 2; is_fused++) {
        begin(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0);
        asm_push(a, 7);
        load(a, HOT);
        asm_op(a, HD_OP_SUB);
        uint32_t at = a->sz;
        asm_op(a, HD_OP_PUSH2);
        asm_bytes(a, "\0\0", 2);
        if (!is_fused) {
            asm_op(a, HD_OP_JUMPDEST);
        }
        asm_op(a, HD_OP_JUMPI);
        asm_push(a, 1);
        load(a, 1);
        asm_op(a, HD_OP_ADD);
        store(a, 1);
        block_land(a, at + 1);
        add_hot(a);
        hd_address x = put_code(1, a);
        set_slot_of(x, HOT, word(3));
        set_slot_of(x, 1, word(5));
        for (uint32_t i = 0; i < MANY; i++)
            call(i, x, word(i), word(1), word(0));
        expect_serial();
        assert_int_equal(slot_after(x, word(1)), 6);
    }
}

/* ---- other uses: the value is exact */

enum { USE_MUL, USE_HASH, USE_LOG, USE_VALUE, USE_KEY, USE_SUB, USE_JUMP, USE_RETURN, USE_CNT };

static void use(evm_asm *a, uint32_t which) {
    uint32_t at;
    load(a, HOT);
    switch (which) {
    case USE_MUL:
        asm_push(a, 3);
        asm_op(a, HD_OP_MUL);
        store(a, 1);
        break;
    case USE_HASH:
        asm_keep(a, 0);
        asm_op2(a, HD_OP_KECCAK256, 0, 32);
        store(a, 1);
        break;
    case USE_LOG:
        asm_push(a, 0);
        asm_push(a, 0);
        asm_op(a, HD_OP_LOG0 + 1);
        break;
    case USE_VALUE: /* gas, to, value, ... */
        asm_op(a, HD_OP_POP);
        for (uint32_t i = 0; i < 4; i++)
            asm_push(a, 0);
        load(a, HOT);
        asm_push_addr(a, nobody(3));
        asm_push(a, 30000);
        asm_op(a, HD_OP_CALL);
        break;
    case USE_KEY:
        asm_push(a, 1);
        asm_op(a, HD_OP_SWAP1);
        asm_op(a, HD_OP_SSTORE);
        break;
    case USE_SUB: /* 5000 - load */
        asm_push(a, 5000);
        asm_op(a, HD_OP_SUB);
        store(a, 1);
        break;
    case USE_JUMP: /* to one of two places, by its last bit */
        asm_push(a, 1);
        asm_op(a, HD_OP_AND);
        at = a->sz; /* PUSH1 at + 6, ADD, JUMP, STOP, JUMPDEST, JUMPDEST */
        asm_push(a, at + 5);
        asm_op(a, HD_OP_ADD);
        asm_op(a, HD_OP_JUMP);
        asm_op(a, HD_OP_STOP);
        asm_op(a, HD_OP_JUMPDEST);
        asm_op(a, HD_OP_JUMPDEST);
        asm_sstore(a, 1, 1);
        break;
    default: asm_return_top(a);
    }
}

static void what_else_becomes_of_a_load_is_exact(void **state) {
    (void)state;
    for (uint32_t which = 0; which < USE_CNT; which++) {
        begin(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0);
        add_hot(a);
        use(a, which);
        hd_address x = put_code(1, a);
        set_slot_of(x, HOT, word(20));
        set_balance(x, 1000000);
        everybody_calls(x);
        expect_serial();
        assert_int_equal(slot_after(x, word(HOT)), 20 + sum_of_all());
    }
}

static void a_load_stored_in_another_slot_is_exact(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    add_hot(a);
    load(a, HOT);
    store(a, HOT + 1);
    hd_address x = put_code(1, a);
    everybody_calls(x);
    expect_serial();
    assert_int_equal(slot_after(x, word(HOT + 1)), sum_of_all());
}

static void the_sum_of_two_loads_is_exact_in_one(void **state) {
    (void)state;
    for (uint32_t is_sub = 0; is_sub < 2; is_sub++) {
        begin(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0);
        load(a, HOT + 1);
        load(a, HOT);
        asm_op(a, is_sub ? HD_OP_SUB : HD_OP_ADD);
        store(a, HOT);
        asm_push(a, 1);
        load(a, HOT + 1);
        asm_op(a, HD_OP_ADD);
        store(a, HOT + 1);
        load(a, HOT);
        load(a, HOT);
        asm_op(a, is_sub ? HD_OP_SUB : HD_OP_ADD);
        store(a, HOT + 2);
        hd_address x = put_code(1, a);
        set_slot_of(x, HOT, word(5));
        everybody_calls(x);
        expect_serial();
    }
}

/* ---- reverts */

/* A callee that does `inner` and reverts, then slots[HOT] += w1 and a copy of it. */
static void a_block_of_reverted_stores(int inner_is_sum, int outer_is_sum) {
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    if (inner_is_sum) {
        add_hot(a);
    } else {
        asm_sstore(a, HOT, 7);
    }
    asm_op2(a, HD_OP_REVERT, 0, 0);
    hd_address inner = put_code(1, a);
    a->sz = 0;
    asm_op3(a, HD_OP_CALLDATACOPY, 0, 0, 96);
    asm_call(a, HD_OP_DELEGATECALL, inner, (asm_call_args){.in_sz = 96});
    asm_op(a, HD_OP_POP);
    if (outer_is_sum) {
        add_hot(a);
    } else {
        load(a, HOT);
        asm_push(a, 3);
        asm_op(a, HD_OP_MUL);
        store(a, 1);
        block_word(a, 1);
        store(a, HOT);
    }
    hd_address x = put_code(2, a);
    set_slot_of(x, HOT, word(100));
    everybody_calls(x);
    expect_serial();
    if (outer_is_sum)
        assert_int_equal(slot_after(x, word(HOT)), 100 + sum_of_all());
}

static void after_a_reverted_store_the_slot_is_a_sum_again(void **state) {
    (void)state;
    a_block_of_reverted_stores(0, 1);
    a_block_of_reverted_stores(1, 1);
    a_block_of_reverted_stores(0, 0);
    a_block_of_reverted_stores(1, 0);
}

/* The slot was plain when the reverted call began. */
static void after_a_reverted_sum_the_slot_is_plain_again(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    block_word(a, 2); /* slots[HOT] = its original + w1, by the word that the caller kept */
    asm_op(a, HD_OP_POP);
    add_hot(a);
    asm_op2(a, HD_OP_REVERT, 0, 0);
    hd_address inner = put_code(1, a);
    a->sz = 0;
    load(a, HOT); /* kept below all */
    asm_sstore(a, HOT, 9);
    asm_op3(a, HD_OP_CALLDATACOPY, 0, 0, 96);
    asm_call(a, HD_OP_DELEGATECALL, inner, (asm_call_args){.in_sz = 96});
    asm_op(a, HD_OP_POP);
    load(a, HOT);
    store(a, 1); /* 9, whatever there was */
    block_word(a, 1);
    asm_op(a, HD_OP_ADD);
    store(a, HOT); /* the kept word: a sum again */
    hd_address x = put_code(2, a);
    set_slot_of(x, HOT, word(100));
    everybody_calls(x);
    expect_serial();
    assert_int_equal(slot_after(x, word(HOT)), 100 + sum_of_all());
    assert_int_equal(slot_after(x, word(1)), 9);
}

static void a_sum_outlives_a_reverted_store_over_it(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    asm_sstore(a, HOT, 7);
    asm_op2(a, HD_OP_REVERT, 0, 0);
    hd_address inner = put_code(1, a);
    a->sz = 0;
    add_hot(a);
    asm_call(a, HD_OP_DELEGATECALL, inner, (asm_call_args){.out_sz = 0});
    hd_address x = put_code(2, a);
    set_slot_of(x, HOT, word(100));
    everybody_calls(x);
    expect_rounds(2, MANY - 1);
    assert_int_equal(slot_after(x, word(HOT)), 100 + sum_of_all());
}

static void what_was_compared_before_a_revert_was_seen(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    asm_push(a, 60);
    load(a, HOT);
    asm_op(a, HD_OP_LT);
    uint32_t at = block_jump_if(a);
    asm_op2(a, HD_OP_REVERT, 0, 0); /* 60 or more */
    block_land(a, at);
    asm_op2(a, HD_OP_REVERT, 0, 32);
    hd_address inner = put_code(1, a);
    a->sz = 0;
    asm_call(a, HD_OP_DELEGATECALL, inner, (asm_call_args){.out_sz = 0});
    asm_op(a, HD_OP_POP);
    asm_op(a, HD_OP_RETURNDATASIZE);
    load(a, 1);
    asm_op(a, HD_OP_ADD);
    store(a, 1);
    add_hot(a);
    hd_address x = put_code(2, a);
    set_slot_of(x, HOT, word(3));
    everybody_calls(x);
    expect_serial();
    assert_in_range(slot_after(x, word(1)), 32, 32 * MANY - 1);
}

/* ---- gas and refunds of SSTORE */

/* slots[HOT] += w1, then -= w2, and += w1 where w0 is odd: to zero, away from it, back. */
static void stores_are_priced_by_what_the_slot_held_in_every_fork(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_FRONTIER; fork < HD_FORK_CNT; fork++) {
        begin(fork);
        evm_asm *a = asm_new(0);
        add_hot(a);
        block_word(a, 2);
        load(a, HOT);
        asm_op(a, HD_OP_SUB);
        store(a, HOT);
        asm_push(a, 1);
        block_word(a, 0);
        asm_op(a, HD_OP_AND);
        uint32_t at = block_jump_if(a);
        asm_op(a, HD_OP_STOP);
        block_land(a, at);
        add_hot(a);
        hd_address x = put_code(1, a);
        set_slot_of(x, HOT, word(4));
        for (uint32_t i = 0; i < MANY; i++)
            call(i, x, word(i / 5), word(i % 4), word((i * 7 + i / 3) % 5));
        expect_serial();
    }
}

/* Sets, clears and sets again: what the slot held decides all three prices. */
static void plain_stores_are_priced_by_what_the_slot_held(void **state) {
    static const uint8_t values[][3] = {{0, 5, 0}, {5, 0, 5}, {5, 6, 5}, {0, 0, 3}, {3, 5, 0}};
    (void)state;
    for (uint32_t fork = HD_FORK_FRONTIER; fork < HD_FORK_CNT; fork++) {
        for (uint32_t i = 0; i < sizeof values / sizeof *values; i++) {
            begin(fork);
            evm_asm *a = asm_new(0);
            asm_push(a, 1);
            block_word(a, 0);
            asm_op(a, HD_OP_AND);
            uint32_t at = block_jump_if(a);
            for (uint32_t k = 0; k < 3; k++)
                asm_sstore(a, HOT, values[i][k]);
            asm_op(a, HD_OP_STOP);
            block_land(a, at);
            add_hot(a);
            hd_address x = put_code(1, a);
            set_slot_of(x, HOT, word(i % 2 ? 5 : 0));
            for (uint32_t k = 0; k < 24; k++)
                call(k, x, word(k), word(k % 7 == 1), word(0));
            expect_serial();
        }
    }
}

/* ---- where there are no sums */

static void the_storage_of_a_destroyed_account_is_no_sum(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_FRONTIER; fork <= HD_FORK_SHANGHAI; fork++) {
        begin(fork);
        set_slot(BLOCK_CHILD_A, word(HOT), 100);
        for (uint32_t i = 0; i < MANY; i++) {
            int is_end = i % 20 == 11;
            ask(i, BLOCK_CHILD_A, word(HOT), is_end, whom(nobody(1)));
            if (is_end) /* its balance comes back, and with it an account without code */
                pay(i, block_contract(BLOCK_CHILD_A), 5);
        }
        expect_serial();
        assert_int_equal(slot_of(BLOCK_CHILD_A, word(HOT)), 0);
    }
}

/* Created, used, destroyed and created again at its place, by one transaction or several. */
static void a_new_incarnation_begins_with_nothing(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_CONSTANTINOPLE; fork < HD_FORK_CNT; fork++) {
        begin(fork);
        hd_address child = block_child(0);
        for (uint32_t i = 0; i < 40; i++) {
            if (i % 8 == 0)
                ask(i, BLOCK_CREATE2, word(0), i, word(i % 16 == 8));
            else
                call(i, child, word(HOT), word(i % 8 == 6), word(3));
        }
        expect_serial();
    }
}

static void sums_before_a_destruction_vanish(void **state) {
    (void)state;
    begin(HD_FORK_SHANGHAI);
    hd_address child = block_child(0);
    uint32_t n = 0;
    ask(n++, BLOCK_CREATE2, word(0), 0, word(0));
    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < 10; i++)
            call(n++, child, word(HOT), word(0), word(0));
        call(n++, child, word(HOT), word(1), whom(nobody(1)));
        ask(n++, BLOCK_CREATE2, word(0), 0, word(0));
    }
    for (uint32_t i = 0; i < 5; i++)
        call(n++, child, word(HOT), word(0), word(0));
    expect_serial();
    assert_int_equal(slot_after(child, word(HOT)), 5);
}

/* slots[i] for i below w0, then slots[w0] += w1. */
static void more_loads_than_tags_are_exact(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    asm_push(a, 0);
    uint32_t loop = a->sz;
    asm_op(a, HD_OP_JUMPDEST);
    asm_op(a, HD_OP_DUP1);
    asm_op(a, HD_OP_SLOAD);
    asm_op(a, HD_OP_POP);
    block_add1(a);
    block_word(a, 0);
    asm_op(a, HD_OP_DUP1 + 1);
    asm_op(a, HD_OP_LT);
    asm_push(a, loop);
    asm_op(a, HD_OP_JUMPI);
    block_word(a, 1);
    block_load(a, 0);
    asm_op(a, HD_OP_ADD);
    block_word(a, 0);
    asm_op(a, HD_OP_SSTORE);
    hd_address x = put_code(1, a);
    static const uint64_t cnts[] = {253, 254, 255, 256, 300};
    for (uint32_t k = 0; k < 5; k++)
        set_slot_of(x, cnts[k], word(10));
    for (uint32_t i = 0; i < 25; i++)
        call(i, x, word(cnts[i % 5]), word(1 + i), word(0))->gas_limit = 1500000;
    expect_serial();
    for (uint32_t k = 0; k < 5; k++)
        assert_true(slot_after(x, word(cnts[k])) > 10 + 5);
}

static void transient_storage_holds_exact_values(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    add_hot(a);
    load(a, HOT);
    asm_push(a, 1);
    asm_op(a, HD_OP_TSTORE);
    asm_push(a, 1);
    asm_op(a, HD_OP_TLOAD);
    asm_push(a, 2);
    asm_op(a, HD_OP_MUL);
    store(a, 1);
    hd_address x = put_code(1, a);
    everybody_calls(x);
    expect_serial();
    assert_int_equal(slot_after(x, word(1)), 2 * sum_of_all());
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_transfers_to_one_recipient_take_two_rounds),
        cmocka_unit_test(what_met_before_is_followed_from_the_start),
        cmocka_unit_test(the_first_transfer_to_a_recipient_with_nothing_pays_for_its_slot),
        cmocka_unit_test(transfers_of_nothing_leave_the_price_to_the_first_that_pays),
        cmocka_unit_test(a_sender_that_spends_its_last_gets_the_refund),
        cmocka_unit_test(a_sender_that_is_paid_in_between_can_spend_it),
        cmocka_unit_test(two_slots_with_one_key_of_two_contracts_are_two_sums),
        cmocka_unit_test(a_slot_is_one_sum_through_delegatecall),
        cmocka_unit_test(a_slot_loaded_after_its_own_store_is_still_a_sum),
        cmocka_unit_test(stack_words_are_followed_through_dup_and_swap),
        cmocka_unit_test(a_check_for_overflow_lets_sums_be),
        cmocka_unit_test(a_sum_that_overflows_in_between_is_seen),
        cmocka_unit_test(a_bound_that_is_passed_in_between_is_seen),
        cmocka_unit_test(two_loads_that_are_compared_are_exact),
        cmocka_unit_test(a_load_that_decides_a_jump_is_seen),
        cmocka_unit_test(a_jump_asks_whether_a_sum_is_zero),
        cmocka_unit_test(what_else_becomes_of_a_load_is_exact),
        cmocka_unit_test(a_load_stored_in_another_slot_is_exact),
        cmocka_unit_test(the_sum_of_two_loads_is_exact_in_one),
        cmocka_unit_test(after_a_reverted_store_the_slot_is_a_sum_again),
        cmocka_unit_test(after_a_reverted_sum_the_slot_is_plain_again),
        cmocka_unit_test(a_sum_outlives_a_reverted_store_over_it),
        cmocka_unit_test(what_was_compared_before_a_revert_was_seen),
        cmocka_unit_test(stores_are_priced_by_what_the_slot_held_in_every_fork),
        cmocka_unit_test(plain_stores_are_priced_by_what_the_slot_held),
        cmocka_unit_test(the_storage_of_a_destroyed_account_is_no_sum),
        cmocka_unit_test(a_new_incarnation_begins_with_nothing),
        cmocka_unit_test(sums_before_a_destruction_vanish),
        cmocka_unit_test(more_loads_than_tags_are_exact),
        cmocka_unit_test(transient_storage_holds_exact_values),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed_cnt = cmocka_run_group_tests(tests, NULL, NULL);
    random_block_free(&the_block);
    return failed_cnt;
}
