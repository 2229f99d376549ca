/* test_evm_rules.c - corner cases of transactions: who may send, what it costs, delegations. */
#include "evm_case.h"

/* ---- EIP-7702 ---- */

/* Appends a tuple to the list; all tuples of a case must be appended one after the other. */
static hd_auth *add_auth(evm_case *c, hd_address authority, uint64_t nonce, hd_address to) {
    hd_auth a;
    memset(&a, 0, sizeof a);
    a.chain_id = u64(1);
    a.nonce = nonce;
    a.address = to;
    a.authority = authority;
    a.flags = HD_AUTH_SIGNER;
    uint64_t at = case_data(c, &a, sizeof a);
    if (c->tx.auth_cnt++ == 0)
        c->tx.auth_off = at;
    c->tx.type = HD_TX_SET_CODE;
    return (hd_auth *)(void *)(c->data + at);
}

static int is_delegated_to(const evm_case *c, hd_address a, hd_address to) {
    hd_state_account s;
    return hd_state_get(&s, c->state, &a) == HD_OK && s.code_sz == 23 && s.code[0] == 0xef &&
           s.code[1] == 1 && s.code[2] == 0 && memcmp(s.code + 3, to.b, 20) == 0;
}

/* Code that returns 42. */
static evm_asm *code_42(uint32_t idx) {
    evm_asm *a = asm_new(idx);
    asm_push(a, 42);
    asm_return_top(a);
    return a;
}

/* Code that calls an address and returns success, size of the returned data, its first word. */
static evm_asm *code_caller(uint32_t idx, hd_address to) {
    evm_asm *a = asm_new(idx);
    asm_call(a, HD_OP_CALL, to, (asm_call_args){.gas = 50000, .out_off = 64, .out_sz = 32});
    asm_keep(a, 0);
    asm_op(a, HD_OP_RETURNDATASIZE);
    asm_keep(a, 32);
    asm_return(a, 0, 96);
    return a;
}

static void extcode_instructions_see_the_23_byte_designator(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    evm_asm *a = asm_new(0);
    uint8_t designator[23] = {0xef, 0x01, 0x00}, hash[32], want[32] = {0};
    hd_address target = CASE_D;
    memcpy(designator + 3, target.b, 20);
    memcpy(want, designator, 23);
    hd_keccak256(hash, designator, 23);
    asm_push_addr(a, CASE_X);
    asm_op(a, HD_OP_EXTCODESIZE);
    asm_keep(a, 0);
    asm_push_addr(a, CASE_X);
    asm_op(a, HD_OP_EXTCODEHASH);
    asm_keep(a, 32);
    asm_push(a, 32);
    asm_push(a, 0);
    asm_push(a, 64);
    asm_push_addr(a, CASE_X);
    asm_op(a, HD_OP_EXTCODECOPY);
    asm_return(a, 0, 96);
    case_contract(c, CASE_C, a, 0);
    case_contract(c, CASE_D, code_42(1), 0);
    add_auth(c, CASE_X, 0, CASE_D);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 23);
    assert_memory_equal(case_output(c, 96) + 32, hash, 32);
    assert_memory_equal(case_output(c, 96) + 64, want, 32);
    assert_true(is_delegated_to(c, CASE_X, CASE_D));
}

static void a_call_runs_the_code_an_account_delegates_to(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    evm_asm *a = asm_new(1);
    asm_op(a, HD_OP_ADDRESS); /* the authority's, not the target's */
    asm_return_top(a);
    case_contract(c, CASE_C, code_caller(0, CASE_X), 0);
    case_contract(c, CASE_D, a, 0);
    case_delegated(c, CASE_X, 1, CASE_D);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 1);
    assert_word_equal(case_word(c, 2), addr_word(CASE_X));
    c->tx.to = CASE_X;
    case_succeeds(c);
    assert_word_equal(case_word(c, 0), addr_word(CASE_X));
}

static void a_delegation_to_a_delegated_account_is_not_followed_twice(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    case_contract(c, CASE_C, code_caller(0, CASE_X), 0);
    case_contract(c, CASE_E, code_42(1), 0);
    case_delegated(c, CASE_X, 1, CASE_D);
    case_delegated(c, CASE_D, 1, CASE_E);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 0); /* it ran 0xef, which is no instruction */
    assert_int_equal(case_word_u64(c, 1), 0);
    c->tx.to = CASE_X;
    case_halts(c, HD_EVM_ERR_BAD_OPCODE);
    c->tx.to = CASE_D;
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 42);
}

static void a_delegation_to_itself_ends_at_once(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    case_delegated(c, CASE_X, 1, CASE_X);
    c->tx.to = CASE_X;
    case_halts(c, HD_EVM_ERR_BAD_OPCODE);
}

static void a_delegation_to_a_precompile_runs_empty_code(void **state) {
    (void)state;
    for (uint64_t id = 1; id <= 0x12; id++) {
        evm_case *c = case_new(HD_FORK_OSAKA);
        hd_address precompile = addr_of(id == 0x12 ? 0x100 : id);
        case_contract(c, CASE_C, code_caller(0, CASE_X), 0);
        case_delegated(c, CASE_X, 1, precompile);
        case_succeeds(c);
        assert_int_equal(case_word_u64(c, 0), 1);
        assert_int_equal(case_word_u64(c, 1), 0);
        c->tx.to = CASE_X;
        assert_int_equal(case_succeeds(c)->gas_used, 21000);
        assert_int_equal(c->out[0].receipts->output_sz, 0);
    }
}

static void a_delegation_to_the_zero_address_clears_the_code(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    case_contract(c, CASE_C, code_42(0), 0);
    case_delegated(c, CASE_X, 7, CASE_D);
    add_auth(c, CASE_X, 7, addr_of(0));
    case_succeeds(c);
    assert_true(case_exists(c, CASE_X));
    assert_int_equal(case_code_sz(c, CASE_X), 0);
    assert_int_equal(case_nonce(c, CASE_X), 8);
}

static void an_authority_that_is_not_empty_refunds_12500(void **state) {
    (void)state;
    for (uint32_t is_empty = 0; is_empty < 2; is_empty++) {
        evm_case *c = case_new(HD_FORK_PRAGUE);
        evm_asm *a = asm_new(0);
        asm_sstore(a, 0, 1); /* work enough that a fifth of the gas does not bound the refund */
        case_contract(c, CASE_C, a, 0);
        if (!is_empty)
            case_account(c, CASE_X, 0, 1);
        add_auth(c, CASE_X, 0, CASE_D);
        const hd_receipt *r = case_succeeds(c);
        uint64_t refund = is_empty ? 0 : 12500;
        assert_int_equal(r->gas_refund, refund);
        assert_int_equal(r->gas_used, 21000 + 25000 + 6 + 22100 - refund);
    }
}

static void a_delegation_survives_a_reverting_execution(void **state) {
    (void)state;
    for (uint32_t is_halt = 0; is_halt < 2; is_halt++) {
        evm_case *c = case_new(HD_FORK_PRAGUE);
        evm_asm *a = asm_new(0);
        asm_sstore(a, 0, 1);
        if (is_halt)
            asm_op(a, HD_OP_INVALID);
        else
            asm_op2(a, HD_OP_REVERT, 0, 0);
        case_contract(c, CASE_C, a, 0);
        add_auth(c, CASE_X, 0, CASE_D);
        case_expect(c, is_halt ? HD_TX_HALT : HD_TX_REVERT,
                    is_halt ? HD_EVM_ERR_BAD_OPCODE : HD_EVM_ERR_REVERTED);
        assert_true(is_delegated_to(c, CASE_X, CASE_D));
        assert_int_equal(case_nonce(c, CASE_X), 1);
        assert_word_equal(case_slot(c, CASE_C, 0), u64(0));
    }
}

static void tuples_of_a_wrong_chain_nonce_or_signature_are_skipped(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    case_contract(c, CASE_C, code_42(0), 0);
    case_contract(c, addr_of(0x2007), code_42(0), 0);
    case_account(c, addr_of(0x2004), UINT64_MAX, 0);
    add_auth(c, addr_of(0x2001), 0, CASE_D)->chain_id = u64(2);
    add_auth(c, addr_of(0x2002), 0, CASE_D)->chain_id = hd_u256_make(1, 0, 0, 1);
    add_auth(c, addr_of(0x2003), 1, CASE_D);
    add_auth(c, addr_of(0x2004), UINT64_MAX, CASE_D);
    add_auth(c, addr_of(0x2005), 0, CASE_D)->flags = 0;
    add_auth(c, addr_of(0x2006), 0, CASE_D)->chain_id = u64(0); /* any chain: this one counts */
    add_auth(c, addr_of(0x2007), 1, CASE_D);                    /* a contract */
    const hd_receipt *r = case_succeeds(c);
    assert_int_equal(r->gas_refund, 0);
    for (uint64_t i = 0x2001; i <= 0x2006; i++) {
        assert_int_equal(is_delegated_to(c, addr_of(i), CASE_D), i == 0x2006);
        assert_int_equal(case_exists(c, addr_of(i)), i == 0x2006 || i == 0x2004);
    }
    assert_true(case_nonce(c, addr_of(0x2004)) == UINT64_MAX);
    assert_int_equal(case_nonce(c, addr_of(0x2007)), 1);
    assert_int_equal(case_code_sz(c, addr_of(0x2007)), code_42(0)->sz);
}

static void each_tuple_raises_the_nonce_of_its_authority_and_the_last_one_wins(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    case_contract(c, CASE_C, code_42(0), 0);
    add_auth(c, CASE_X, 0, CASE_C);
    add_auth(c, CASE_X, 0, CASE_E); /* its nonce is used up */
    add_auth(c, CASE_X, 1, CASE_D);
    /* The sender's own nonce was raised before the tuples are looked at. */
    add_auth(c, CASE_SENDER, 1, CASE_D);
    case_succeeds(c);
    assert_true(is_delegated_to(c, CASE_X, CASE_D));
    assert_true(is_delegated_to(c, CASE_SENDER, CASE_D));
    assert_int_equal(case_nonce(c, CASE_X), 2);
    assert_int_equal(case_nonce(c, CASE_SENDER), 2);
}

static void an_authority_and_a_delegation_target_are_paid_for_by_warmth(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    evm_asm *a = asm_new(0);
    asm_measure(a);
    asm_call(a, HD_OP_CALL, CASE_X, (asm_call_args){.gas = 1000}); /* both cold */
    asm_op(a, HD_OP_POP);
    asm_measured(a, 0);
    asm_measure(a);
    asm_call(a, HD_OP_CALL, CASE_X, (asm_call_args){.gas = 1000}); /* both warm */
    asm_op(a, HD_OP_POP);
    asm_measured(a, 32);
    asm_measure(a);
    asm_push_addr(a, addr_of(0x2001)); /* the authority of a tuple that is skipped for its nonce */
    asm_op(a, HD_OP_BALANCE);
    asm_op(a, HD_OP_POP);
    asm_measured(a, 64);
    asm_return(a, 0, 96);
    case_contract(c, CASE_C, a, 0);
    case_contract(c, CASE_D, asm_new(1), 0);
    case_delegated(c, CASE_X, 1, CASE_D);
    add_auth(c, addr_of(0x2001), 5, CASE_D);
    case_succeeds(c);
    uint64_t pushes = 7 * 3 + 2 + 2;
    assert_int_equal(case_word_u64(c, 0), pushes + 2600 + 2600);
    assert_int_equal(case_word_u64(c, 1), pushes + 100 + 100);
    assert_int_equal(case_word_u64(c, 2), 3 + 100 + 2 + 2);
}

static void a_set_code_transaction_needs_tuples_and_a_recipient_and_prague(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    c->tx.type = HD_TX_SET_CODE;
    case_refused(c, HD_TX_INVALID_AUTH_NONE);
    add_auth(c, CASE_X, 0, CASE_D);
    c->tx.flags = HD_TX_CREATE;
    case_refused(c, HD_TX_INVALID_AUTH_CREATE);
    c->tx.flags = 0;
    c->env.fork = HD_FORK_CANCUN;
    case_refused(c, HD_TX_INVALID_TYPE);
}

/* ---- senders ---- */

static void senders_with_code_are_refused_but_delegated_ones_pass(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    hd_address sender = CASE_SENDER;
    uint8_t code[23] = {0xef, 0x01, 0x00, 0x11};
    hd_u256 wei = hd_u256_shl_bits(u64(1), 90);
    c->tx.to = CASE_E;
    assert_int_equal(hd_state_set(c->state, &sender, 0, wei, code, 23), HD_OK);
    case_succeeds(c);
    code[2] = 1;
    assert_int_equal(hd_state_set(c->state, &sender, 1, wei, code, 23), HD_OK);
    case_refused(c, HD_TX_INVALID_SENDER_CODE);
    code[2] = 0;
    assert_int_equal(hd_state_set(c->state, &sender, 1, wei, code, 22), HD_OK);
    case_refused(c, HD_TX_INVALID_SENDER_CODE);
    /* Before Prague a designator is code like any other. */
    c->env.fork = HD_FORK_CANCUN;
    assert_int_equal(hd_state_set(c->state, &sender, 1, wei, code, 23), HD_OK);
    case_refused(c, HD_TX_INVALID_SENDER_CODE);
}

static void a_nonce_of_2_to_the_64_less_1_sends_and_creates_nothing(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    hd_address sender = CASE_SENDER, creator = CASE_C;
    hd_u256 wei = hd_u256_shl_bits(u64(1), 90);
    evm_asm *a = asm_new(0);
    asm_push(a, 77); /* stays below what CREATE leaves */
    asm_measure(a);
    asm_op3(a, HD_OP_CREATE, 0, 0, 0);
    asm_keep(a, 0);
    asm_measured(a, 32);
    asm_return(a, 0, 64);
    assert_int_equal(hd_state_set(c->state, &sender, UINT64_MAX, wei, NULL, 0), HD_OK);
    case_refused(c, HD_TX_INVALID_NONCE_MAX);
    assert_int_equal(hd_state_set(c->state, &sender, UINT64_MAX - 1, wei, NULL, 0), HD_OK);
    assert_int_equal(hd_state_set(c->state, &creator, UINT64_MAX, wei, a->b, a->sz), HD_OK);
    case_succeeds(c);
    assert_true(case_nonce(c, CASE_SENDER) == UINT64_MAX);
    assert_true(case_nonce(c, CASE_C) == UINT64_MAX);
    assert_int_equal(case_word_u64(c, 0), 0);
    /* The refused creation gives its gas back: 32,000 and the pushes. */
    assert_int_equal(case_word_u64(c, 1), 32000 + 9 + 3 + 3 + 3 + 2);
    /* One less creates, and is then at its end. */
    assert_int_equal(hd_state_set(c->state, &sender, 0, wei, NULL, 0), HD_OK);
    assert_int_equal(hd_state_set(c->state, &creator, UINT64_MAX - 1, wei, a->b, a->sz), HD_OK);
    case_succeeds(c);
    assert_false(hd_u256_is_zero(case_word(c, 0)));
    assert_true(case_nonce(c, CASE_C) == UINT64_MAX);
}

static void nonces_must_be_the_sender_s_own(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_LONDON);
    case_account(c, CASE_SENDER, 5, 1ull << 62);
    c->has_nonce = 1;
    c->tx.nonce = 4;
    case_refused(c, HD_TX_INVALID_NONCE_LOW);
    c->tx.nonce = 6;
    case_refused(c, HD_TX_INVALID_NONCE_HIGH);
    c->tx.nonce = 5;
    case_succeeds(c);
    assert_int_equal(case_nonce(c, CASE_SENDER), 6);
}

static void a_sender_must_own_the_highest_price_it_offers(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_LONDON);
    c->tx.type = HD_TX_DYNAMIC_FEE;
    c->tx.gas_price = u64(100);
    c->tx.priority_fee = u64(2);
    c->tx.gas_limit = 21000;
    c->tx.value_wei = u64(3);
    case_account(c, CASE_SENDER, 0, 2100002);
    case_refused(c, HD_TX_INVALID_FUNDS);
    case_account(c, CASE_SENDER, 0, 2100003);
    case_succeeds(c);
    /* It paid the base fee and the tip only; the coinbase gets the tip. */
    assert_word_equal(case_balance(c, CASE_SENDER), u64(2100000 - 21000 * (CASE_BASE_FEE + 2)));
    assert_word_equal(case_balance(c, CASE_COINBASE), u64(21000 * 2));
}

/* ---- gas of a transaction ---- */

static void a_transaction_above_the_gas_cap_is_refused_from_osaka_on(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    c->tx.gas_limit = (1u << 24) + 1;
    case_refused(c, HD_TX_INVALID_GAS_CAP);
    c->tx.gas_limit = 1u << 24;
    case_succeeds(c);
    c = case_new(HD_FORK_PRAGUE);
    c->tx.gas_limit = (1u << 24) + 1;
    case_succeeds(c);
}

static void calldata_costs_at_least_its_floor_from_prague_on(void **state) {
    (void)state;
    static uint8_t data[1100];
    memset(data, 1, 1000); /* 1000 other bytes and 100 zeros */
    evm_case *c = case_new(HD_FORK_PRAGUE);
    uint64_t floor = 21000 + 10 * (4 * 1000 + 100);
    case_calldata(c, data, sizeof data);
    c->tx.to = CASE_X;
    assert_int_equal(case_succeeds(c)->gas_used, floor);
    c->tx.gas_limit = floor;
    assert_int_equal(case_succeeds(c)->gas_used, floor);
    c->tx.gas_limit = floor - 1;
    case_refused(c, HD_TX_INVALID_GAS_FLOOR);
    c->tx.gas_limit = 21000 + 16 * 1000 + 4 * 100 - 1;
    case_refused(c, HD_TX_INVALID_GAS_INTRINSIC);
    c = case_new(HD_FORK_CANCUN);
    case_calldata(c, data, sizeof data);
    c->tx.to = CASE_X;
    assert_int_equal(case_succeeds(c)->gas_used, 21000 + 16 * 1000 + 4 * 100);
    c = case_new(HD_FORK_PETERSBURG);
    case_calldata(c, data, sizeof data);
    c->tx.to = CASE_X;
    assert_int_equal(case_succeeds(c)->gas_used, 21000 + 68 * 1000 + 4 * 100);
}

static void the_calldata_floor_is_compared_after_the_refund(void **state) {
    (void)state;
    static uint8_t data[400];
    memset(data, 1, sizeof data);
    evm_case *c = case_new(HD_FORK_PRAGUE);
    evm_asm *a = asm_new(0);
    for (uint64_t i = 0; i < 2; i++) {
        asm_sstore(a, i, 0);
        case_slot_set(c, CASE_C, i, 1);
    }
    case_contract(c, CASE_C, a, 0);
    case_calldata(c, data, sizeof data);
    const hd_receipt *r = case_succeeds(c);
    uint64_t used = 21000 + 16 * 400 + 2 * (6 + 5000);
    assert_int_equal(r->gas_refund, used / 5);
    assert_true(used - used / 5 < 21000 + 40 * 400 && used > 21000 + 40 * 400);
    assert_int_equal(r->gas_used, 21000 + 40 * 400);
}

static void refunds_are_capped_at_a_half_before_london_and_a_fifth_from_it(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_BERLIN; fork <= HD_FORK_LONDON; fork++) {
        evm_case *c = case_new(fork);
        evm_asm *a = asm_new(0);
        for (uint64_t i = 0; i < 2; i++) {
            asm_sstore(a, i, 0);
            case_slot_set(c, CASE_C, i, 1);
        }
        case_contract(c, CASE_C, a, 0);
        const hd_receipt *r = case_succeeds(c);
        uint64_t used = 21000 + 2 * (6 + 5000);
        uint64_t cap = fork == HD_FORK_BERLIN ? used / 2 : used / 5;
        assert_true(cap < (fork == HD_FORK_BERLIN ? 2 * 15000 : 2 * 4800));
        assert_int_equal(r->gas_refund, cap);
        assert_int_equal(r->gas_used, used - cap);
    }
    evm_case *c = case_new(HD_FORK_LONDON); /* one slot: 4,800 is below the cap */
    evm_asm *a = asm_new(0);
    asm_sstore(a, 0, 0);
    case_slot_set(c, CASE_C, 0, 1);
    case_contract(c, CASE_C, a, 0);
    assert_int_equal(case_succeeds(c)->gas_refund, 4800);
}

static void types_of_transactions_come_with_their_forks(void **state) {
    (void)state;
    static const struct {
        uint32_t type, first, status;
    } types[] = {{HD_TX_ACCESS_LIST, HD_FORK_BERLIN, 0},
                 {HD_TX_DYNAMIC_FEE, HD_FORK_LONDON, 0},
                 {HD_TX_BLOB, HD_FORK_CANCUN, HD_TX_INVALID_BLOB_NONE},
                 {HD_TX_SET_CODE, HD_FORK_PRAGUE, HD_TX_INVALID_AUTH_NONE}};
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++) {
            evm_case *c = case_new(fork);
            c->tx.type = types[i].type;
            if (fork < types[i].first)
                case_refused(c, HD_TX_INVALID_TYPE);
            else if (types[i].status)
                case_refused(c, types[i].status);
            else
                case_succeeds(c);
        }
}

/* ---- blobs ---- */

static void blobhash_gives_zero_beyond_the_last_blob(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_CANCUN);
    evm_asm *a = asm_new(0);
    uint8_t hashes[64];
    memset(hashes, 0x33, sizeof hashes);
    hashes[0] = hashes[32] = 1;
    hashes[63] = 9;
    const hd_u256 at[4] = {u64(0), u64(1), u64(2), hd_u256_make(1, 0, 0, 0)};
    for (uint32_t i = 0; i < 4; i++) {
        asm_push_word(a, at[i]);
        asm_op(a, HD_OP_BLOBHASH);
        asm_keep(a, 32 * i);
    }
    asm_return(a, 0, 128);
    case_contract(c, CASE_C, a, 0);
    c->tx.type = HD_TX_BLOB;
    c->tx.blob_cnt = 2;
    c->tx.blob_fee = u64(5);
    c->tx.blob_off = case_data(c, hashes, sizeof hashes);
    case_succeeds(c);
    assert_memory_equal(case_output(c, 128), hashes, 64);
    assert_word_equal(case_word(c, 2), u64(0));
    assert_word_equal(case_word(c, 3), u64(0));
    c->tx.blob_fee = u64(4);
    case_refused(c, HD_TX_INVALID_BLOB_FEE);
    c->data[c->tx.blob_off + 32] = 2;
    case_refused(c, HD_TX_INVALID_BLOB_VERSION);
}

static void more_than_six_blobs_are_refused_from_osaka_on(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_PRAGUE; fork <= HD_FORK_OSAKA; fork++) {
        uint8_t hashes[7 * 32] = {0};
        for (uint32_t i = 0; i < 7; i++)
            hashes[32 * i] = 1;
        evm_case *c = case_new(fork);
        c->env.blob_cnt_max = 9;
        c->tx.type = HD_TX_BLOB;
        c->tx.blob_fee = u64(5);
        c->tx.blob_off = case_data(c, hashes, sizeof hashes);
        c->tx.blob_cnt = 7;
        if (fork < HD_FORK_OSAKA)
            case_succeeds(c);
        else
            case_refused(c, HD_TX_INVALID_BLOB_COUNT);
        c->tx.blob_cnt = 6;
        case_succeeds(c);
    }
}

static void blobbasefee_gives_the_block_s_price(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_CANCUN);
    evm_asm *a = asm_new(0);
    asm_op(a, HD_OP_BLOBBASEFEE);
    asm_return_top(a);
    case_contract(c, CASE_C, a, 0);
    c->env.blob_base_fee = hd_u256_make(0, 1, 2, 3);
    case_succeeds(c);
    assert_word_equal(case_word(c, 0), hd_u256_make(0, 1, 2, 3));
    c->env.fork = HD_FORK_SHANGHAI;
    case_halts(c, HD_EVM_ERR_BAD_OPCODE);
}

/* ---- the coinbase, and accounts touched ---- */

static void a_coinbase_that_destroys_itself_burns_its_fee(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_SPURIOUS; fork < HD_FORK_CNT; fork++) {
        evm_case *c = case_new(fork);
        evm_asm *a = asm_new(0);
        asm_push_addr(a, CASE_X);
        asm_op(a, HD_OP_SELFDESTRUCT);
        case_contract(c, CASE_C, a, 1000);
        c->env.coinbase = CASE_C;
        const hd_receipt *r = case_succeeds(c);
        assert_word_equal(case_balance(c, CASE_X), u64(1000));
        if (fork < HD_FORK_CANCUN) {
            assert_false(case_exists(c, CASE_C));
        } else { /* EIP-6780: it is only emptied, and then paid */
            assert_int_equal(case_code_sz(c, CASE_C), a->sz);
            assert_word_equal(case_balance(c, CASE_C),
                              u64(r->gas_used * (CASE_GAS_PRICE - CASE_BASE_FEE)));
        }
    }
}

static void the_coinbase_is_warm_from_shanghai_on(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_PARIS; fork <= HD_FORK_SHANGHAI; fork++) {
        evm_case *c = case_new(fork);
        evm_asm *a = asm_new(0);
        asm_measure(a);
        asm_push_addr(a, CASE_COINBASE);
        asm_op(a, HD_OP_BALANCE);
        asm_op(a, HD_OP_POP);
        asm_measured(a, 0);
        asm_return(a, 0, 32);
        case_contract(c, CASE_C, a, 0);
        case_succeeds(c);
        assert_int_equal(case_word_u64(c, 0), 7 + (fork == HD_FORK_PARIS ? 2600 : 100));
    }
}

static void the_p256_precompile_is_warm_in_osaka_and_a_cold_account_before(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_PRAGUE; fork <= HD_FORK_OSAKA; fork++) {
        evm_case *c = case_new(fork);
        evm_asm *a = asm_new(0);
        asm_measure(a);
        asm_op1(a, HD_OP_BALANCE, 0x100);
        asm_op(a, HD_OP_POP);
        asm_measured(a, 0);
        asm_return(a, 0, 32);
        case_contract(c, CASE_C, a, 0);
        case_succeeds(c);
        assert_int_equal(case_word_u64(c, 0), 7 + (fork == HD_FORK_PRAGUE ? 2600 : 100));
    }
}

static void the_touch_of_account_3_survives_a_revert(void **state) {
    (void)state;
    for (uint32_t is_halt = 0; is_halt < 2; is_halt++) {
        evm_case *c = case_new(HD_FORK_SPURIOUS);
        evm_asm *a = asm_new(0), *b = asm_new(1);
        for (uint64_t id = 2; id <= 4; id++) {
            asm_call(b, HD_OP_CALL, addr_of(id), (asm_call_args){.gas = 5000});
            asm_op(b, HD_OP_POP);
            case_account(c, addr_of(id), 0, 0); /* empty, as accounts before EIP-158 could be */
        }
        if (is_halt)
            asm_op(b, HD_OP_INVALID);
        else
            asm_op(b, HD_OP_ADD); /* underflow */
        asm_call(a, HD_OP_CALL, CASE_D, (asm_call_args){.gas = 50000});
        case_contract(c, CASE_C, a, 0);
        case_contract(c, CASE_D, b, 0);
        case_succeeds(c);
        assert_true(case_exists(c, addr_of(2)));
        assert_false(case_exists(c, addr_of(3)));
        assert_true(case_exists(c, addr_of(4)));
    }
}

static void an_empty_account_that_is_touched_goes_from_spurious_dragon_on(void **state) {
    (void)state;
    for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++) {
        evm_case *c = case_new(fork);
        case_account(c, CASE_X, 0, 0);
        c->tx.to = CASE_X;
        case_succeeds(c);
        assert_int_equal(case_exists(c, CASE_X), fork < HD_FORK_SPURIOUS);
        c->tx.to = CASE_E; /* was never there: before EIP-158 it comes into being */
        case_succeeds(c);
        assert_int_equal(case_exists(c, CASE_E), fork < HD_FORK_SPURIOUS);
    }
}

/* A PUSH2 and the jump that it is for may run as one. What they need, and what is wrong with them,
   is the same with any gas, on any stack: every backend does it, and so does the trace. */
static void pushed_jumps_cost_and_fail_as_push_jump_and_destination(void **state) {
    (void)state;
    static const struct {
        const char *code;
        uint32_t sz;
        uint64_t gas;   /* that it needs */
        uint32_t error; /* with enough of it */
    } codes[] = {
        {"\x61\0\x05\x56\xfe\x5b\0", 7, 3 + 8 + 1, 0},                  /* JUMP */
        {"\x61\0\x04\x56\xfe\x5b\0", 7, 3 + 8, HD_EVM_ERR_BAD_JUMP},    /* no JUMPDEST */
        {"\x61\xff\xff\x56", 4, 3 + 8, HD_EVM_ERR_BAD_JUMP},            /* beyond the code */
        {"\x61\0\x05\x57\xfe\x5b\0", 7, 3, HD_EVM_ERR_STACK_UNDERFLOW}, /* no condition */
        {"\x60\1\x61\0\x07\x57\xfe\x5b\0", 9, 3 + 3 + 10 + 1, 0},       /* taken */
        {"\x60\0\x61\0\x07\x57\0\x5b\xfe", 9, 3 + 3 + 10, 0},           /* not taken */
        {"\x60\0\x61\xff\xff\x57\0", 7, 3 + 3 + 10, 0},                 /* where to is not asked */
        {"\x60\1\x61\xff\xff\x57\0", 7, 3 + 3 + 10, HD_EVM_ERR_BAD_JUMP}, /* here it is */
        {"\x61\0\x04\x61\0\x56\x56", 7, 3 + 3 + 8, HD_EVM_ERR_BAD_JUMP},  /* 0x56 is data */
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        for (uint64_t gas = 0; gas < 24; gas++) {
            evm_case *c = case_new(HD_FORK_CANCUN);
            evm_asm *a = asm_new(0);
            asm_bytes(a, codes[i].code, codes[i].sz);
            case_contract(c, CASE_C, a, 0);
            c->tx.gas_limit = 21000 + gas;
            uint32_t error = gas < codes[i].gas ? HD_EVM_ERR_OUT_OF_GAS : codes[i].error;
            case_expect(c, error ? HD_TX_HALT : HD_TX_SUCCESS, error);
        }
    }
    /* With a full stack there is no room for the number. */
    for (uint32_t cnt = 1022; cnt <= 1024; cnt++) {
        evm_case *c = case_new(HD_FORK_CANCUN);
        evm_asm *a = asm_new(0);
        for (uint32_t k = 0; k < cnt; k++)
            asm_op(a, HD_OP_ADDRESS);
        uint32_t to = cnt + 4;
        const uint8_t jump[] = {HD_OP_PUSH1 + 1, (uint8_t)(to >> 8), (uint8_t)to,
                                HD_OP_JUMPI,     HD_OP_JUMPDEST,     HD_OP_STOP};
        asm_bytes(a, jump, sizeof jump);
        case_contract(c, CASE_C, a, 0);
        if (cnt < 1024)
            case_succeeds(c);
        else
            case_halts(c, HD_EVM_ERR_STACK_OVERFLOW);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushed_jumps_cost_and_fail_as_push_jump_and_destination),
        cmocka_unit_test(extcode_instructions_see_the_23_byte_designator),
        cmocka_unit_test(a_call_runs_the_code_an_account_delegates_to),
        cmocka_unit_test(a_delegation_to_a_delegated_account_is_not_followed_twice),
        cmocka_unit_test(a_delegation_to_itself_ends_at_once),
        cmocka_unit_test(a_delegation_to_a_precompile_runs_empty_code),
        cmocka_unit_test(a_delegation_to_the_zero_address_clears_the_code),
        cmocka_unit_test(an_authority_that_is_not_empty_refunds_12500),
        cmocka_unit_test(a_delegation_survives_a_reverting_execution),
        cmocka_unit_test(tuples_of_a_wrong_chain_nonce_or_signature_are_skipped),
        cmocka_unit_test(each_tuple_raises_the_nonce_of_its_authority_and_the_last_one_wins),
        cmocka_unit_test(an_authority_and_a_delegation_target_are_paid_for_by_warmth),
        cmocka_unit_test(a_set_code_transaction_needs_tuples_and_a_recipient_and_prague),
        cmocka_unit_test(senders_with_code_are_refused_but_delegated_ones_pass),
        cmocka_unit_test(a_nonce_of_2_to_the_64_less_1_sends_and_creates_nothing),
        cmocka_unit_test(nonces_must_be_the_sender_s_own),
        cmocka_unit_test(a_sender_must_own_the_highest_price_it_offers),
        cmocka_unit_test(a_transaction_above_the_gas_cap_is_refused_from_osaka_on),
        cmocka_unit_test(calldata_costs_at_least_its_floor_from_prague_on),
        cmocka_unit_test(the_calldata_floor_is_compared_after_the_refund),
        cmocka_unit_test(refunds_are_capped_at_a_half_before_london_and_a_fifth_from_it),
        cmocka_unit_test(types_of_transactions_come_with_their_forks),
        cmocka_unit_test(blobhash_gives_zero_beyond_the_last_blob),
        cmocka_unit_test(more_than_six_blobs_are_refused_from_osaka_on),
        cmocka_unit_test(blobbasefee_gives_the_block_s_price),
        cmocka_unit_test(a_coinbase_that_destroys_itself_burns_its_fee),
        cmocka_unit_test(the_coinbase_is_warm_from_shanghai_on),
        cmocka_unit_test(the_p256_precompile_is_warm_in_osaka_and_a_cold_account_before),
        cmocka_unit_test(the_touch_of_account_3_survives_a_revert),
        cmocka_unit_test(an_empty_account_that_is_touched_goes_from_spurious_dragon_on),
    };
    return cmocka_run_group_tests(tests, NULL, case_group_teardown);
}
