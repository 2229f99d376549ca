/* test_rounds_rules.c - each rule without which parallel execution is not serial execution: a block
   made for it, run in every way. */
#include "rule_blocks.h"

/* ---- blind additions, predicates */

static void many_payments_to_one_account_add_up(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++) {
        pay(i, nobody(1), 1 + i);
        if (i % 20 == 19)
            ask(i, BLOCK_READER, whom(nobody(1)), 0, word(0)); /* in the middle of them */
    }
    expect_serial();
    assert_int_equal(slot_of(BLOCK_READER, word(0)), MANY * (MANY + 1) / 2);
}

static void a_slot_that_many_add_to_holds_their_sum(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++)
        set_slot(BLOCK_TOKEN, whom(block_account(i)), 100);
    for (uint32_t i = 1; i < MANY; i++)
        ask(i, BLOCK_TOKEN, whom(block_account(0)), i % 100, word(0));
    ask(0, BLOCK_TOKEN, whom(nobody(2)), 1500, word(0)); /* only what came in makes it enough */
    ask(0, BLOCK_TOKEN, whom(nobody(2)), 1500, word(0)); /* and not for this */
    expect_serial();
    assert_int_equal(status_of(MANY - 1), HD_TX_SUCCESS);
    assert_int_equal(status_of(MANY), HD_TX_REVERT);
}

/* Two to a slot: the second of each pair runs once more, and then the block stands. */
static void a_slots_second_writer_runs_once_more(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++)
        ask(i, BLOCK_COUNTER, word(i / 2), 0, word(0));
    expect_serial();
    assert_int_equal(rerun_cnt(), MANY / 2);
}

static void a_transfer_to_oneself_changes_nothing(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    set_slot(BLOCK_TOKEN, whom(block_account(0)), 100);
    for (uint32_t i = 0; i < 10; i++)
        ask(0, BLOCK_TOKEN, whom(block_account(0)), 100, word(0));
    expect_serial();
    assert_int_equal(slot_of(BLOCK_TOKEN, whom(block_account(0))), 100);
}

/* A slot that is read and written again and again in one transaction. */
static void more_than_255_loads_of_a_slot_are_counted(void **state) {
    evm_asm *a = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    asm_push(a, 300);
    uint32_t top = a->sz;
    asm_op(a, HD_OP_JUMPDEST);
    block_load(a, 0);
    block_add1(a);
    block_word(a, 0);
    asm_op(a, HD_OP_SSTORE);
    asm_push(a, 1);
    asm_op(a, HD_OP_SWAP1);
    asm_op(a, HD_OP_SUB);
    asm_op(a, HD_OP_DUP1);
    asm_push(a, top);
    asm_op(a, HD_OP_JUMPI);
    hd_address loop = put_code(0, a);
    for (uint32_t i = 0; i < 12; i++)
        call(i, loop, word(4), word(0), word(0));
    expect_serial();
    assert_int_equal(slot_after(loop, word(4)), 12 * 300);
}

/* slots[2] = slots[0] < slots[1], while others raise both. */
static void two_loads_in_one_comparison_see_their_turn(void **state) {
    evm_asm *a = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    asm_op1(a, HD_OP_SLOAD, 1);
    asm_op1(a, HD_OP_SLOAD, 0);
    asm_op(a, HD_OP_LT);
    asm_push(a, 100);
    asm_op(a, HD_OP_ADD);
    asm_push(a, 2);
    asm_op(a, HD_OP_SSTORE);
    block_load(a, 0); /* w0: which of the two to raise, by w1 */
    block_word(a, 1);
    asm_op(a, HD_OP_ADD);
    block_word(a, 0);
    asm_op(a, HD_OP_SSTORE);
    hd_address compare = put_code(0, a);
    for (uint32_t i = 0; i < 20; i++)
        call(i, compare, word(i % 2), word(1 + i % 7), word(0));
    expect_serial();
}

/* x += y and y += x: what is added is itself a load. */
static void sums_of_two_slots_follow_each_other(void **state) {
    evm_asm *a = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    block_load(a, 0);
    block_load(a, 1);
    asm_op(a, HD_OP_ADD);
    block_word(a, 0);
    asm_op(a, HD_OP_SSTORE);
    hd_address sum = put_code(0, a);
    assert_int_equal(hd_state_set_slot(the_block.first, &sum, word(0), word(1)), HD_OK);
    for (uint32_t i = 0; i < 30; i++) /* Fibonacci */
        call(i, sum, word((i + 1) % 2), word(i % 2), word(0));
    expect_serial();
    assert_int_equal(slot_after(sum, word(1)), 832040);
}

static void a_contract_pays_while_it_can(void **state) {
    hd_address payer = block_contract(BLOCK_SEND);
    (void)state;
    begin(HD_FORK_OSAKA);
    set_balance(nobody(3), 1);
    for (uint32_t i = 0; i < 20; i++) {
        if (i == 12)
            pay(40, payer, 300);
        ask(i, BLOCK_SEND, whom(nobody(3)), 100, word(50 + i));
    }
    set_balance(payer, 500);
    expect_serial();
    assert_int_equal(slot_of(BLOCK_SEND, word(50 + 4)), 3);  /* 1: it could, and 2 */
    assert_int_equal(slot_of(BLOCK_SEND, word(50 + 5)), 2);  /* nothing was left */
    assert_int_equal(slot_of(BLOCK_SEND, word(50 + 12)), 3); /* somebody had paid in */
    assert_int_equal(slot_of(BLOCK_SEND, word(50 + 15)), 2);
}

/* Both of the first two could pay before; so in between more is spent than there is, and the third
   sees a balance below zero, to which what it brings itself is added. */
static void what_was_overspent_for_a_round_misleads_nobody(void **state) {
    static const uint64_t has[] = {1000, 975}, wants[] = {478, 10};
    evm_asm *a = asm_new(0);
    hd_address payers[2];
    (void)state;
    begin(HD_FORK_OSAKA);
    block_code(a, BLOCK_SEND);
    for (uint32_t i = 0; i < 2; i++) {
        payers[i] = put_code(i, a);
        set_balance(payers[i], has[i]);
        call(4 * i, payers[i], whom(nobody(3)), word(600), word(5));
        call(4 * i + 1, payers[i], whom(nobody(4)), word(600), word(6));
        call(4 * i + 2, payers[i], whom(nobody(5)), word(wants[i]), word(5))->value_wei = word(229);
    }
    for (uint32_t i = 10; i < 40; i++)
        pay(i, nobody(i), 1);
    expect_serial();
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(slot_after(payers[i], word(5)), 3);
        assert_int_equal(slot_after(payers[i], word(6)), 2);
    }
}

/* The first round's payments add up to less than nothing: what the next round then shows as a
   balance is beyond all there is, and its sums wrap. */
static void a_balance_that_a_round_made_up_bounds_nothing(void **state) {
    (void)state;
    begin(HD_FORK_CANCUN);
    set_balance(nobody(3), 1);
    ask(0, BLOCK_SEND, whom(nobody(3)), 80, word(50));
    ask(1, BLOCK_SEND, whom(nobody(3)), 80, word(51));
    ask(2, BLOCK_SEND, whom(nobody(3)), 85, word(50))->value_wei = word(70); /* 50: runs again */
    for (uint32_t i = 3; i < 20; i++) /* so that few enough are invalid for another round */
        pay(i, nobody(i + 1), 1);
    set_balance(block_contract(BLOCK_SEND), 100);
    expect_serial();
    assert_int_equal(slot_of(BLOCK_SEND, word(51)), 2);
    assert_int_equal(slot_of(BLOCK_SEND, word(50)), 3); /* 20 were left, and 70 came with it */
}

/* ---- creation, code, destruction */

static void a_second_create2_at_an_address_fails(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 6; i++)
        ask(i, BLOCK_CREATE2, word(i % 2), 0, word(0));
    call(7, block_child(0), word(5), word(0), word(0)); /* to code that is new */
    call(8, block_child(1), word(5), word(0), word(0));
    expect_serial();
    assert_int_equal(slot_after(block_child(0), word(5)), 1);
    assert_int_equal(slot_after(block_child(0), word(1)), 1);
}

static void a_create_at_an_address_that_was_taken_fails(void **state) {
    evm_asm *init = asm_new(0);
    (void)state;
    /* The address of account 0's creation with nonce 1 is taken before it comes to it: by code that
       a CREATE2 cannot reach, so by a delegation, which is code, too. */
    begin(HD_FORK_OSAKA);
    hd_address sender = block_account(0), created = block_created(&sender, 1);
    block_child_init(init);
    pay(0, nobody(1), 1);
    hd_auth auth;
    memset(&auth, 0, sizeof auth);
    hd_tx *tx = add(1, nobody(0), 0, 200000);
    auth.authority = created;
    auth.address = block_contract(BLOCK_COUNTER);
    auth.flags = HD_AUTH_SIGNER;
    tx->type = HD_TX_SET_CODE;
    tx->auth_cnt = 1;
    tx->auth_off = block_put(&the_block, &auth, sizeof auth);
    create(0, init);
    call(2, created, word(3), word(0), word(0));
    expect_serial();
    assert_int_equal(status_of(2), HD_TX_HALT);
    assert_int_equal(slot_after(created, word(3)), 1);
}

static void code_of_the_same_block_is_seen(void **state) {
    evm_asm *init = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    hd_address sender = block_account(0), created = block_created(&sender, 0);
    block_child_init(init);
    ask(3, BLOCK_READER, whom(created), 1, word(0)); /* nothing there yet */
    create(0, init);
    for (uint32_t i = 1; i < 10; i++)
        call(i, created, word(9), word(0), word(0));
    call(10, created, word(9), word(1), whom(nobody(4))); /* jumps in it */
    ask(20, BLOCK_READER, whom(created), 1, word(0));
    ask(21, BLOCK_FORWARD, whom(created), 9, word(0)); /* runs that code in its own name */
    for (uint32_t i = 22; i < 50; i++)                 /* so many that a round pays */
        pay(i, nobody(i), 1);
    expect_serial();
    assert_int_equal(slot_after(created, word(9)), 10);
    assert_true(slot_of(BLOCK_READER, word(1)) > 0);
}

/* Before EIP-158 a new contract has nonce 0: at an address with a balance only code tells. */
static void code_without_a_nonce_is_seen(void **state) {
    evm_asm *init = asm_new(0);
    (void)state;
    begin(HD_FORK_HOMESTEAD);
    hd_address sender = block_account(0), created = block_created(&sender, 0);
    block_child_init(init);
    set_balance(created, 5);
    create(0, init);
    call(1, created, word(9), word(0), word(0));
    expect_serial();
    assert_int_equal(slot_after(created, word(9)), 1);
}

static void destroyed_storage_is_gone_for_the_next(void **state) {
    (void)state;
    begin(HD_FORK_SHANGHAI);
    hd_address child = block_child(0);
    ask(0, BLOCK_CREATE2, word(0), 0, word(0));
    for (uint32_t i = 1; i < 5; i++)
        call(i, child, word(7), word(0), word(0)); /* slots[7] = 4 */
    call(5, child, word(7), word(1), whom(nobody(4)));
    call(6, child, word(7), word(0), word(0)); /* to an account without code */
    ask(7, BLOCK_CREATE2, word(0), 0, word(0));
    call(8, child, word(7), word(0), word(0));
    expect_serial();
    assert_int_equal(slot_after(child, word(7)), 1);
    assert_int_equal(slot_after(child, word(1)), 1); /* the initcode began at zero again */
}

static void a_contract_that_was_there_before_can_be_destroyed_and_paid(void **state) {
    hd_address child = block_contract(BLOCK_CHILD_A);
    (void)state;
    begin(HD_FORK_SHANGHAI);
    set_slot(BLOCK_CHILD_A, word(7), 50);
    set_balance(child, 33);
    call(0, child, word(7), word(0), word(0));
    pay(1, child, 5); /* runs its code: slots[0] += 1 */
    call(2, child, word(7), word(1), whom(nobody(5)));
    pay(3, child, 6); /* an account anew, without code */
    call(4, child, word(7), word(0), word(0));
    ask(5, BLOCK_READER, whom(child), 1, word(0));
    expect_serial();
    assert_int_equal(slot_after(child, word(7)), 0);
    assert_int_equal(slot_of(BLOCK_READER, word(0)), 6);
    assert_int_equal(slot_of(BLOCK_READER, word(1)), 0);
}

static void from_cancun_destruction_only_moves_the_balance(void **state) {
    hd_address child = block_contract(BLOCK_CHILD_A);
    (void)state;
    begin(HD_FORK_CANCUN);
    set_balance(child, 33);
    for (uint32_t i = 0; i < 6; i++) {
        pay(i, child, 10);
        call(10 + i, child, word(7), word(i % 2), whom(nobody(6)));
    }
    ask(30, BLOCK_CREATE2, word(2), 1, word(1)); /* created and destroyed in one transaction */
    ask(31, BLOCK_CREATE2, word(2), 0, word(0)); /* so it can be created again */
    expect_serial();
    assert_int_equal(slot_after(child, word(7)), 6);
}

/* EIP-7610: what has storage cannot be created, though it has neither code nor nonce. */
static void storage_without_code_forbids_creation(void **state) {
    evm_asm *init = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    hd_address sender = block_account(0), created = block_created(&sender, 1);
    block_child_init(init);
    set_balance(created, 1);
    assert_int_equal(hd_state_set_slot(the_block.first, &created, word(1), word(9)), HD_OK);
    pay(0, nobody(1), 1);
    create(0, init);
    pay(1, created, 5);
    expect_serial();
    assert_int_equal(status_of(1), HD_TX_HALT);
}

/* What has nothing but storage is empty: a touch takes the storage away, and then it can be. */
static void storage_that_a_touch_took_away_forbids_nothing(void **state) {
    evm_asm *init = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    hd_address sender = block_account(0), created = block_created(&sender, 0);
    block_child_init(init);
    set_balance(created, 0);
    assert_int_equal(hd_state_set_slot(the_block.first, &created, word(1), word(9)), HD_OK);
    pay(1, created, 0);
    create(0, init);
    call(2, created, word(7), word(0), word(0));
    expect_serial();
    assert_int_equal(status_of(1), HD_TX_SUCCESS);
    assert_int_equal(slot_after(created, word(1)), 1);
}

/* Code, nonce and balance are as before: only the storage tells that it was destroyed. */
static void a_contract_that_came_again_has_no_old_storage(void **state) {
    static evm_asm code;
    (void)state;
    begin(HD_FORK_SHANGHAI);
    hd_address child = block_child(0);
    block_code(&code, BLOCK_CHILD_A);
    assert_int_equal(hd_state_set(the_block.first, &child, 1, word(0), code.b, code.sz), HD_OK);
    assert_int_equal(hd_state_set_slot(the_block.first, &child, word(7), word(50)), HD_OK);
    call(0, child, word(8), word(1), whom(nobody(4)));
    ask(1, BLOCK_CREATE2, word(0), 0, word(0));
    call(2, child, word(7), word(0), word(0));
    for (uint32_t i = 3; i < 20; i++)
        pay(i, nobody(i), 1);
    expect_serial();
    assert_int_equal(slot_after(child, word(7)), 1);
    assert_int_equal(slot_after(child, word(1)), 1);
    /* Both run again when it is destroyed, the call once more when it is there again. */
    assert_int_equal(rerun_cnt(), 3);
}

/* ---- reverts, refunds, transient storage */

static void reverted_writes_are_gone_and_reverted_reads_count(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    /* Slot i + 1 becomes odd where slot i was even; where it was odd, all of that is undone. */
    for (uint32_t i = 0; i < 24; i++) {
        ask(i, BLOCK_TRY, word(i + 1), i, word(60 + i)); /* the reverter called by another */
        ask(30 + i, BLOCK_REVERTER, word(101 + i), 100 + i, word(0));
    }
    expect_serial();
    for (uint32_t i = 0; i < 24; i++) {
        assert_int_equal(slot_of(BLOCK_TRY, word(60 + i)), i % 2 ? 2 : 3);
        assert_int_equal(status_of(2 * i + 1), i % 2 ? HD_TX_REVERT : HD_TX_SUCCESS);
    }
}

/* The contract reverts where its balance is odd; what it looked at is no less seen then. */
static void what_a_reverted_call_saw_counts(void **state) {
    evm_asm *a = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    asm_push(a, 1);
    asm_op(a, HD_OP_SELFBALANCE);
    asm_op(a, HD_OP_AND);
    uint32_t at = block_jump_if(a);
    asm_op(a, HD_OP_STOP);
    block_land(a, at);
    asm_op2(a, HD_OP_REVERT, 0, 0);
    hd_address moody = put_code(0, a);
    set_balance(moody, 1);
    for (uint32_t i = 0; i < 20; i++) /* paid 1 it is even; paid 3 it would be odd and refuses */
        if (i == 5)
            pay(i, moody, 1);
        else if (i == 8)
            pay(i, moody, 3);
        else
            call(i, moody, word(0), word(0), word(0));
    expect_serial();
    assert_int_equal(status_of(4), HD_TX_REVERT);
    assert_int_equal(status_of(6), HD_TX_SUCCESS);
    assert_int_equal(status_of(8), HD_TX_REVERT);
    assert_int_equal(status_of(9), HD_TX_SUCCESS);
}

static void refunds_hang_on_what_the_one_before_left(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 20; i++) /* sets, clears, sets ... the same slot */
        ask(i, BLOCK_BRANCH, word(1), 2, word(0));
    expect_serial();
    assert_true(gas_of(2) != gas_of(3));
    assert_int_equal(slot_of(BLOCK_BRANCH, word(1)), 0);
}

static void transient_storage_ends_with_its_transaction(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 20; i++)
        ask(i, BLOCK_KEEPER, word(1 + i % 2), 2 - i % 2, word(0));
    expect_serial();
    assert_int_equal(slot_of(BLOCK_KEEPER, word(1)), 10);
}

/* ---- emptiness */

static void a_call_with_value_costs_more_where_nobody_is(void **state) {
    hd_address payer = block_contract(BLOCK_SEND);
    (void)state;
    begin(HD_FORK_OSAKA);
    set_balance(payer, 1000);
    ask(0, BLOCK_SEND, whom(nobody(7)), 1, word(80)); /* creates it */
    ask(1, BLOCK_SEND, whom(nobody(7)), 1, word(81));
    ask(2, BLOCK_SEND, whom(nobody(7)), 1, word(82));
    pay(3, nobody(8), 1); /* so does this */
    ask(4, BLOCK_SEND, whom(nobody(8)), 1, word(83));
    ask(5, BLOCK_SEND, whom(nobody(9)), 0, word(84)); /* not this */
    ask(6, BLOCK_SEND, whom(nobody(9)), 1, word(85));
    expect_serial();
    assert_int_equal(gas_of(0) - gas_of(1), 25000);
    assert_int_equal(gas_of(1), gas_of(4));
    assert_int_equal(gas_of(0), gas_of(6));
}

static void a_touched_empty_account_goes_away(void **state) {
    (void)state;
    begin(HD_FORK_BYZANTIUM);
    hd_address empty = nobody(10);
    assert_int_equal(hd_state_set(the_block.first, &empty, 0, word(0), NULL, 0), HD_OK);
    pay(0, empty, 0);
    pay(1, nobody(11), 0);
    ask(2, BLOCK_SEND, whom(nobody(12)), 0, word(80));
    pay(3, empty, 0);
    expect_serial();
    assert_false(is_there(empty) || is_there(nobody(11)) || is_there(nobody(12)));
}

/* Before EIP-158 a touch creates, and a call to what does not exist costs more. */
static void a_touched_account_comes_to_be_before_eip_158(void **state) {
    (void)state;
    begin(HD_FORK_HOMESTEAD);
    ask(0, BLOCK_SEND, whom(nobody(13)), 0, word(80));
    ask(1, BLOCK_SEND, whom(nobody(13)), 0, word(81));
    pay(2, nobody(14), 0);
    ask(3, BLOCK_SEND, whom(nobody(14)), 0, word(82));
    expect_serial();
    assert_int_equal(gas_of(0) - gas_of(1), 25000);
    assert_int_equal(gas_of(1), gas_of(3));
    assert_true(is_there(nobody(13)) && is_there(nobody(14)));
}

static void a_beneficiary_is_dearer_where_nobody_is(void **state) {
    hd_address child = block_contract(BLOCK_CHILD_A), other = block_contract(BLOCK_CHILD_B);
    (void)state;
    begin(HD_FORK_OSAKA);
    set_balance(child, 10);
    set_balance(other, 10);
    call(0, child, word(1), word(1), whom(nobody(15)));
    call(1, other, word(1), word(1), whom(nobody(15)));
    expect_serial();
    assert_int_equal(gas_of(0) - gas_of(1), 25000);
}

static void what_an_account_is_shows_in_its_hash(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    ask(0, BLOCK_READER, whom(nobody(16)), 1, word(0)); /* nobody: zero */
    pay(1, nobody(16), 1);
    ask(2, BLOCK_READER, whom(nobody(16)), 1, word(0)); /* somebody without code */
    expect_serial();
    assert_true(slot_of(BLOCK_READER, word(4)) != 0);
}

/* ---- delegations */

static void delegations_change_what_an_account_runs(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    hd_address a = block_account(50);
    for (uint32_t i = 0; i < 12; i++) {
        delegate(10 + i, 50,
                 i % 3 == 2 ? addr_of(0) : block_contract(i % 3 ? BLOCK_BRANCH : BLOCK_COUNTER));
        call(30 + i, a, word(1), word(2), word(0));
        ask(i % 10, BLOCK_READER, whom(a), 1, word(0));
    }
    expect_serial();
    assert_true(slot_after(a, word(2)) != 0 || slot_after(a, word(1)) != 0);
}

static void a_delegation_makes_the_next_nonce_invalid(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    delegate(1, 51, block_contract(BLOCK_COUNTER));
    hd_tx *tx = pay(51, nobody(1), 1);
    tx->nonce = 0; /* right before the delegation, not after it */
    pay(51, nobody(1), 1)->nonce = 1;
    delegate(2, 51, addr_of(0))->nonce = 0;
    expect_serial();
    assert_int_equal(status_of(1), HD_TX_INVALID_NONCE_LOW);
    assert_int_equal(status_of(2), HD_TX_SUCCESS);
}

static void an_authority_that_exists_gives_a_refund(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    hd_auth auth;
    for (uint32_t i = 0; i < 2; i++) {
        memset(&auth, 0, sizeof auth);
        hd_tx *tx = add(i, nobody(0), 0, 200000);
        auth.authority = nobody(20 + i);
        auth.address = block_contract(BLOCK_COUNTER);
        auth.flags = HD_AUTH_SIGNER;
        tx->type = HD_TX_SET_CODE;
        tx->auth_cnt = 1;
        tx->auth_off = block_put(&the_block, &auth, sizeof auth);
        if (i == 0)
            pay(5, nobody(21), 1);
    }
    expect_serial();
    assert_true(gas_of(0) > gas_of(2));
}

/* ---- senders, the coinbase, limits */

static void a_chain_of_one_sender_keeps_its_nonces(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < MANY; i++) {
        if (i % 3)
            pay(0, nobody(22), i);
        else
            ask(0, BLOCK_COUNTER, word(1), 0, word(0));
    }
    pay(0, nobody(22), 1)->nonce = 5; /* too low, then too high */
    pay(0, nobody(22), 1)->nonce = 500;
    expect_serial();
    assert_int_equal(status_of(MANY - 1), HD_TX_SUCCESS);
    assert_int_equal(status_of(MANY), HD_TX_INVALID_NONCE_LOW);
    assert_int_equal(status_of(MANY + 1), HD_TX_INVALID_NONCE_HIGH);
}

/* A pays B, B pays C ... none of whom had anything. */
static void a_chain_of_payments_lets_each_pay_the_next(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    pay(0, block_account(100), 100000000);
    for (uint32_t i = 0; i < 40; i++)
        add(100 + i, block_account(101 + i), 100000000 - 210000 * (i + 1), 21000);
    expect_serial();
    for (uint32_t i = 0; i <= 40; i++)
        assert_int_equal(status_of(i), HD_TX_SUCCESS);
}

static void a_transaction_becomes_invalid_when_the_money_is_gone(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    set_balance(block_account(200), 1000000);
    add(200, nobody(23), 700000, 21000);
    add(200, nobody(23), 700000, 21000)->nonce = 1; /* it would have been enough before */
    pay(3, block_account(200), 2000000);
    add(200, nobody(23), 700000, 21000)->nonce = 1; /* and it is again */
    expect_serial();
    assert_int_equal(status_of(0), HD_TX_SUCCESS);
    assert_int_equal(status_of(1), HD_TX_INVALID_FUNDS);
    assert_int_equal(status_of(3), HD_TX_SUCCESS);
}

static void the_coinbases_balance_holds_the_fees_before(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 20; i++) {
        pay(i, nobody(24), 1);
        if (i % 5 == 4)
            ask(40 + i, BLOCK_READER, word(i), 1, word(0));
    }
    expect_serial();
    assert_true(slot_of(BLOCK_READER, word(3)) >= 20 * 63000); /* 21,000 gas at 3 wei each */
}

static void the_coinbase_sends_and_is_paid(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    the_block.envs[0].coinbase = block_account(7);
    for (uint32_t i = 0; i < 20; i++) {
        pay(i == 7 ? 8 : i, block_account(7), 5);
        if (i % 4 == 3)
            pay(7, nobody(25), 3);
    }
    expect_serial();
}

/* The coinbase has only what it earned in this block. */
static void the_coinbase_can_spend_its_fees(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    the_block.envs[0].coinbase = block_account(210);
    for (uint32_t i = 0; i < 10; i++)
        pay(i, nobody(26), 1);
    add(210, nobody(26), 1000, 21000);
    add(210, nobody(26), 1000, 21000)->nonce = 1;
    expect_serial();
    assert_int_equal(status_of(10), HD_TX_SUCCESS);
}

static void a_coinbase_that_is_destroyed_keeps_what_comes_after(void **state) {
    hd_address child = block_contract(BLOCK_CHILD_A);
    (void)state;
    begin(HD_FORK_SHANGHAI);
    the_block.envs[0].coinbase = child;
    for (uint32_t i = 0; i < 8; i++)
        pay(i, nobody(27), 1);
    call(20, child, word(1), word(1), whom(nobody(28)));
    for (uint32_t i = 0; i < 8; i++)
        pay(i, nobody(27), 1);
    ask(30, BLOCK_READER, whom(child), 1, word(0));
    expect_serial();
    assert_int_equal(slot_of(BLOCK_READER, word(1)), 0);
    assert_true(slot_of(BLOCK_READER, word(0)) >= 8 * 63000);
}

/* EIP-158: without fees the coinbase is touched, and goes away where it is empty. */
static void a_coinbase_without_fees_is_touched(void **state) {
    (void)state;
    begin(HD_FORK_LONDON);
    hd_address empty = nobody(29);
    the_block.envs[0].coinbase = empty;
    assert_int_equal(hd_state_set(the_block.first, &empty, 0, word(0), NULL, 0), HD_OK);
    for (uint32_t i = 0; i < 4; i++)
        pay(i, nobody(30), 1)->gas_price = word(7); /* the base fee, no tip */
    for (uint32_t i = 0; i < 4; i++)
        the_block.txs[i].priority_fee = word(7);
    expect_serial();
    assert_false(is_there(empty));
}

static void the_blocks_gas_limits_who_comes_in(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    the_block.envs[0].gas_limit = 30 * 21000 + 50000;
    for (uint32_t i = 0; i < 50; i++)
        add(i, nobody(31), 1, i % 7 == 6 ? 21000 : 100000);
    expect_serial();
    /* Large ones no longer fit when small ones still do. */
    uint32_t refused_cnt = 0, came_after = 0;
    for (uint32_t i = 0; i < 50; i++) {
        refused_cnt += status_of(i) == HD_TX_INVALID_GAS_BLOCK;
        came_after += refused_cnt && status_of(i) == HD_TX_SUCCESS;
    }
    assert_true(refused_cnt > 0 && came_after > 0);
}

static void the_blocks_blobs_limit_who_comes_in(void **state) {
    uint8_t hashes[64];
    (void)state;
    memset(hashes, 1, sizeof hashes);
    begin(HD_FORK_CANCUN);
    for (uint32_t i = 0; i < 8; i++) {
        hd_tx *tx = pay(i, nobody(32), 1);
        tx->type = HD_TX_BLOB;
        tx->blob_cnt = 1 + i % 2;
        tx->blob_fee = word(1);
        tx->blob_off = block_put(&the_block, hashes, sizeof hashes);
    }
    expect_serial();
    assert_int_equal(status_of(3), HD_TX_SUCCESS); /* 1 + 2 + 1 + 2 */
    assert_int_equal(status_of(4), HD_TX_INVALID_BLOB_COUNT);
}

static void system_calls_stand_in_their_place(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 12; i++) {
        ask(i, BLOCK_COUNTER, word(0), 0, word(0));
        if (i % 4 == 1) {
            hd_tx *tx = &the_block.txs[the_block.tx_cnt++];
            *tx = hd_system_call(block_contract(BLOCK_COUNTER), 0, 0); /* slot 0, too */
        }
    }
    expect_serial();
    assert_int_equal(slot_of(BLOCK_COUNTER, word(0)), 15);
}

static void a_lane_that_was_misled_does_not_hold_up_the_block(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    for (uint32_t i = 0; i < 20; i++)
        ask(i, BLOCK_BURNER, word(1), 0, word(0)); /* loops by what the one before left */
    expect_serial();
    assert_int_equal(slot_of(BLOCK_BURNER, word(1)), 20 * 37);
}

/* A witness holds the hashes that serial execution asks for. What is misled may ask for others. */
static void a_block_hash_that_only_the_misled_ask_for_is_not_needed(void **state) {
    evm_asm *a = asm_new(0);
    (void)state;
    begin(HD_FORK_OSAKA);
    the_block.known_number = 995;
    block_word(a, 1); /* slots[0] = w0, or slots[1] = the hash of block slots[0] */
    uint32_t at = block_jump_if(a);
    asm_op1(a, HD_OP_SLOAD, 0);
    asm_op(a, HD_OP_BLOCKHASH);
    asm_push(a, 1);
    asm_op(a, HD_OP_SSTORE);
    asm_op(a, HD_OP_STOP);
    block_land(a, at);
    block_word(a, 0);
    asm_push(a, 0);
    asm_op(a, HD_OP_SSTORE);
    hd_address asker = put_code(0, a);
    assert_int_equal(hd_state_set_slot(the_block.first, &asker, word(0), word(994)), HD_OK);
    call(0, asker, word(995), word(1), word(0));
    for (uint32_t i = 1; i < 10; i++)
        call(i, asker, word(0), word(0), word(0));
    expect_serial();
    assert_true(slot_after(asker, word(1)) != 0);
}

static void several_blocks_follow_each_other(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    the_block.env_cnt = 3;
    the_block.envs[1] = the_block.envs[2] = the_block.envs[0];
    the_block.envs[1].coinbase = nobody(33);
    the_block.envs[1].gas_limit = 400000;
    for (uint32_t i = 0; i < 30; i++) {
        hd_tx *tx = i % 3 ? pay(i, nobody(33), 1) : ask(i, BLOCK_COUNTER, word(1), 0, word(0));
        tx->env_idx = i / 10;
        tx->gas_limit = 100000;
    }
    expect_serial();
}

/* A later block asks for what an earlier block's coinbase earned, while nobody asks for its own. */
static void a_later_block_sees_what_an_earlier_coinbase_earned(void **state) {
    (void)state;
    begin(HD_FORK_OSAKA);
    the_block.env_cnt = 2;
    the_block.envs[1] = the_block.envs[0];
    the_block.envs[0].coinbase = nobody(40);
    the_block.envs[1].coinbase = nobody(41);
    for (uint32_t i = 0; i < 10; i++)
        pay(i, nobody(42), 1);
    ask(10, BLOCK_READER, whom(nobody(40)), 0, word(0))->env_idx = 1;
    expect_serial();
    assert_int_equal(slot_of(BLOCK_READER, word(0)), 10 * 63000);
}

/* EIP-158: a coinbase with nothing but storage goes with the first fee, were it of nothing, and
   comes again with the next. */
static void a_fee_of_nothing_takes_an_empty_coinbases_storage(void **state) {
    (void)state;
    begin(HD_FORK_LONDON);
    hd_address empty = nobody(43);
    the_block.envs[0].coinbase = empty;
    set_balance(empty, 0);
    assert_int_equal(hd_state_set_slot(the_block.first, &empty, word(1), word(9)), HD_OK);
    hd_tx *tx = pay(0, nobody(44), 1);
    tx->gas_price = tx->priority_fee = word(7);
    pay(1, nobody(44), 1);
    expect_serial();
    assert_true(is_there(empty));
    assert_int_equal(slot_after(empty, word(1)), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_payments_to_one_account_add_up),
        cmocka_unit_test(a_slot_that_many_add_to_holds_their_sum),
        cmocka_unit_test(a_slots_second_writer_runs_once_more),
        cmocka_unit_test(a_transfer_to_oneself_changes_nothing),
        cmocka_unit_test(more_than_255_loads_of_a_slot_are_counted),
        cmocka_unit_test(two_loads_in_one_comparison_see_their_turn),
        cmocka_unit_test(sums_of_two_slots_follow_each_other),
        cmocka_unit_test(a_contract_pays_while_it_can),
        cmocka_unit_test(what_was_overspent_for_a_round_misleads_nobody),
        cmocka_unit_test(a_balance_that_a_round_made_up_bounds_nothing),
        cmocka_unit_test(a_second_create2_at_an_address_fails),
        cmocka_unit_test(a_create_at_an_address_that_was_taken_fails),
        cmocka_unit_test(code_of_the_same_block_is_seen),
        cmocka_unit_test(code_without_a_nonce_is_seen),
        cmocka_unit_test(destroyed_storage_is_gone_for_the_next),
        cmocka_unit_test(a_contract_that_was_there_before_can_be_destroyed_and_paid),
        cmocka_unit_test(from_cancun_destruction_only_moves_the_balance),
        cmocka_unit_test(storage_without_code_forbids_creation),
        cmocka_unit_test(storage_that_a_touch_took_away_forbids_nothing),
        cmocka_unit_test(a_contract_that_came_again_has_no_old_storage),
        cmocka_unit_test(reverted_writes_are_gone_and_reverted_reads_count),
        cmocka_unit_test(what_a_reverted_call_saw_counts),
        cmocka_unit_test(refunds_hang_on_what_the_one_before_left),
        cmocka_unit_test(transient_storage_ends_with_its_transaction),
        cmocka_unit_test(a_call_with_value_costs_more_where_nobody_is),
        cmocka_unit_test(a_touched_empty_account_goes_away),
        cmocka_unit_test(a_touched_account_comes_to_be_before_eip_158),
        cmocka_unit_test(a_beneficiary_is_dearer_where_nobody_is),
        cmocka_unit_test(what_an_account_is_shows_in_its_hash),
        cmocka_unit_test(delegations_change_what_an_account_runs),
        cmocka_unit_test(a_delegation_makes_the_next_nonce_invalid),
        cmocka_unit_test(an_authority_that_exists_gives_a_refund),
        cmocka_unit_test(a_chain_of_one_sender_keeps_its_nonces),
        cmocka_unit_test(a_chain_of_payments_lets_each_pay_the_next),
        cmocka_unit_test(a_transaction_becomes_invalid_when_the_money_is_gone),
        cmocka_unit_test(the_coinbases_balance_holds_the_fees_before),
        cmocka_unit_test(the_coinbase_sends_and_is_paid),
        cmocka_unit_test(the_coinbase_can_spend_its_fees),
        cmocka_unit_test(a_coinbase_that_is_destroyed_keeps_what_comes_after),
        cmocka_unit_test(a_coinbase_without_fees_is_touched),
        cmocka_unit_test(the_blocks_gas_limits_who_comes_in),
        cmocka_unit_test(the_blocks_blobs_limit_who_comes_in),
        cmocka_unit_test(system_calls_stand_in_their_place),
        cmocka_unit_test(a_lane_that_was_misled_does_not_hold_up_the_block),
        cmocka_unit_test(a_block_hash_that_only_the_misled_ask_for_is_not_needed),
        cmocka_unit_test(several_blocks_follow_each_other),
        cmocka_unit_test(a_later_block_sees_what_an_earlier_coinbase_earned),
        cmocka_unit_test(a_fee_of_nothing_takes_an_empty_coinbases_storage),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed_cnt = cmocka_run_group_tests(tests, NULL, NULL);
    random_block_free(&the_block);
    return failed_cnt;
}
