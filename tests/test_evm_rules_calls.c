/* test_evm_rules_calls.c - corner cases of instructions, calls, storage and precompiles. */
#include "evm_case.h"

/* ---- instructions and the forks that brought them ---- */

/* Code of one instruction with enough words below it; stops after it. */
static evm_asm *code_of_op(uint32_t idx, uint32_t op) {
    evm_asm *a = asm_new(idx);
    for (uint32_t i = 0; i < 7; i++)
        asm_push(a, 0);
    asm_op(a, op);
    return a;
}

static void an_instruction_is_unknown_before_its_fork(void **state) {
    (void)state;
    static const struct {
        uint8_t byte;
        uint32_t first;
    } ops[] = {
#define HD_X(byte, name, gas, pops, pushes, fork) {byte, fork},
        HD_EVM_OPS(HD_X)
#undef HD_X
    };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (ops[i].byte == HD_OP_INVALID || ops[i].byte == HD_OP_JUMP)
            continue; /* both fail in every fork */
        for (uint32_t fork = ops[i].first ? ops[i].first - 1 : 0; fork <= ops[i].first; fork++) {
            evm_case *c = case_new(fork);
            case_contract(c, CASE_C, code_of_op(0, ops[i].byte), 0);
            const hd_receipt *r = case_run(c);
            if (fork < ops[i].first)
                assert_int_equal(r->error, HD_EVM_ERR_BAD_OPCODE);
            else if (ops[i].byte == HD_OP_REVERT)
                assert_int_equal(r->status, HD_TX_REVERT);
            else
                assert_int_equal(r->status, HD_TX_SUCCESS);
        }
    }
}

static void bytes_that_are_no_instruction_halt_in_every_fork(void **state) {
    (void)state;
    uint8_t is_known[256] = {0};
#define HD_X(byte, name, gas, pops, pushes, fork) is_known[byte] = 1;
    HD_EVM_OPS(HD_X)
#undef HD_X
    is_known[HD_OP_INVALID] = 0;
    for (uint32_t op = 0; op < 256; op++) {
        if (is_known[op] || (op >= HD_OP_PUSH1 && op <= HD_OP_SWAP16))
            continue;
        evm_case *c = case_new(HD_FORK_OSAKA);
        case_contract(c, CASE_C, code_of_op(0, op), 0);
        assert_int_equal(case_halts(c, HD_EVM_ERR_BAD_OPCODE)->gas_used, 1000000);
    }
}

static void push0_comes_with_shanghai(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_SHANGHAI);
    evm_asm *a = asm_new(0);
    asm_measure(a);
    asm_op(a, HD_OP_PUSH0);
    asm_keep(a, 32);
    asm_measured(a, 0);
    asm_return(a, 0, 64);
    case_contract(c, CASE_C, a, 0);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 2 + 3 + (3 + 6) + 2);
    assert_word_equal(case_word(c, 1), u64(0));
    c->env.fork = HD_FORK_PARIS;
    case_halts(c, HD_EVM_ERR_BAD_OPCODE);
}

static void clz_counts_from_osaka_on(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    const hd_u256 x[5] = {u64(0), u64(1), u256_max(), hd_u256_shl_bits(u64(1), 128),
                          hd_u256_shr_bits(u256_max(), 1)};
    const uint64_t want[5] = {256, 255, 0, 127, 1};
    for (uint32_t i = 0; i < 5; i++) {
        asm_push_word(a, x[i]);
        asm_op(a, HD_OP_CLZ);
        asm_keep(a, 32 * i);
    }
    asm_return(a, 0, 160);
    case_contract(c, CASE_C, a, 0);
    case_succeeds(c);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(case_word_u64(c, i), want[i]);
    c->env.fork = HD_FORK_PRAGUE;
    case_halts(c, HD_EVM_ERR_BAD_OPCODE);
}

static void jumps_go_to_jumpdests_that_are_no_push_data(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    const struct {
        uint8_t code[8];
        uint32_t sz, error;
    } tries[] = {
        {{0x60, 3, 0x56, 0x5b}, 4, 0},
        {{0x60, 4, 0x56, 0x60, 0x5b}, 5, HD_EVM_ERR_BAD_JUMP}, /* the data of a PUSH1 */
        {{0x60, 4, 0x56, 0x5b}, 4, HD_EVM_ERR_BAD_JUMP},       /* just beyond the code */
        {{0x60, 2, 0x56}, 3, HD_EVM_ERR_BAD_JUMP},             /* the JUMP itself */
        {{0x60, 0, 0x60, 9, 0x57}, 5, 0},                      /* a JUMPI not taken looks nowhere */
        {{0x60, 1, 0x60, 9, 0x57}, 5, HD_EVM_ERR_BAD_JUMP},
        {{0x60, 5, 0x56, 0x7f, 0x5b, 0x5b}, 6, HD_EVM_ERR_BAD_JUMP}, /* a PUSH32 cut short */
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        evm_asm *a = asm_new(0);
        asm_bytes(a, tries[i].code, tries[i].sz);
        case_contract(c, CASE_C, a, 0);
        const hd_receipt *r = case_run(c);
        assert_int_equal(r->error, tries[i].error);
    }
    /* 2^64 plus a good destination is no destination. */
    evm_asm *a = asm_new(0);
    asm_push_word(a, hd_u256_make(0, 0, 1, 11));
    asm_op(a, HD_OP_JUMP);
    asm_op(a, HD_OP_JUMPDEST);
    assert_int_equal(a->sz, 12);
    assert_int_equal(a->b[11], HD_OP_JUMPDEST);
    case_contract(c, CASE_C, a, 0);
    case_halts(c, HD_EVM_ERR_BAD_JUMP);
}

static void the_stack_holds_1024_words_and_not_one_more(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    static const uint32_t pushers[] = {HD_OP_PC, HD_OP_PUSH0, HD_OP_DUP1, HD_OP_GAS};
    for (uint32_t k = 0; k < 4; k++)
        for (uint32_t cnt = 1023; cnt <= 1025; cnt++) {
            evm_asm *a = asm_new(0);
            asm_op(a, HD_OP_ADDRESS);
            for (uint32_t i = 1; i < cnt; i++)
                asm_op(a, pushers[k]);
            case_contract(c, CASE_C, a, 0);
            if (cnt <= 1024)
                case_succeeds(c);
            else
                case_halts(c, HD_EVM_ERR_STACK_OVERFLOW);
        }
    /* A frame below another has 1,024 words of its own. */
    evm_asm *a = asm_new(0), *b = asm_new(1);
    for (uint32_t i = 0; i < 1016; i++)
        asm_op(a, HD_OP_PC);
    asm_call(a, HD_OP_CALL, CASE_D, (asm_call_args){0});
    asm_return_top(a);
    for (uint32_t i = 0; i < 1024; i++)
        asm_op(b, HD_OP_PC);
    case_contract(c, CASE_C, a, 0);
    case_contract(c, CASE_D, b, 0);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 1);
}

static void an_instruction_without_its_operands_underflows(void **state) {
    (void)state;
    static const struct {
        uint8_t byte, pops;
        uint32_t first;
    } ops[] = {
#define HD_X(byte, name, gas, pops, pushes, fork) {byte, pops, fork},
        HD_EVM_OPS(HD_X)
#undef HD_X
#define HD_X(byte, name, n) {byte, n, 0},
            HD_EVM_DUPS(HD_X)
#undef HD_X
#define HD_X(byte, name, n) {byte, n + 1, 0},
                HD_EVM_SWAPS(HD_X)
#undef HD_X
    };
    evm_case *c = case_new(HD_FORK_OSAKA);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (ops[i].pops == 0)
            continue;
        evm_asm *a = asm_new(0);
        for (uint32_t k = 1; k < ops[i].pops; k++)
            asm_push(a, 0);
        asm_op(a, ops[i].byte);
        case_contract(c, CASE_C, a, 0);
        case_halts(c, HD_EVM_ERR_STACK_UNDERFLOW);
    }
}

static void returndatacopy_beyond_the_returned_data_halts(void **state) {
    (void)state;
    const struct {
        hd_u256 off, sz;
        int is_fine;
    } tries[] = {{u64(0), u64(0), 1},     {u64(0), u64(4), 1},     {u64(4), u64(0), 1},
                 {u64(5), u64(0), 0},     {u64(0), u64(5), 0},     {u64(1), u64(4), 0},
                 {u256_max(), u64(1), 0}, {u64(1), u256_max(), 0}, {u64(UINT64_MAX), u64(1), 0}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        evm_case *c = case_new(HD_FORK_BYZANTIUM);
        evm_asm *a = asm_new(0), *b = asm_new(1);
        asm_return(b, 0, 4);
        asm_call(a, HD_OP_CALL, CASE_D, (asm_call_args){.gas = 1000});
        asm_push_word(a, tries[i].sz);
        asm_push_word(a, tries[i].off);
        asm_push(a, 0);
        asm_op(a, HD_OP_RETURNDATACOPY);
        case_contract(c, CASE_C, a, 0);
        case_contract(c, CASE_D, b, 0);
        if (tries[i].is_fine)
            case_succeeds(c);
        else
            case_halts(c, HD_EVM_ERR_RETURNDATA_BOUNDS);
    }
}

static void mcopy_copies_as_if_the_source_were_read_first(void **state) {
    (void)state;
    static uint8_t data[12000], want[12000];
    static const struct {
        uint32_t dst, src, sz;
    } moves[] = {{1, 0, 40},      {0, 1, 40},    {32, 0, 64},     {0, 32, 64},
                 {0, 0, 96},      {7, 19, 9000}, {19, 7, 9000},   {4097, 1, 6000},
                 {1, 4097, 6000}, {9, 8, 11000}, {8, 9, 11000},   {16, 0, 8192},
                 {0, 16, 8192},   {3, 500, 0},   {1000, 0, 4096}, {0, 1000, 4097}};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 167 + (i >> 8));
    for (size_t m = 0; m < sizeof moves / sizeof *moves; m++) {
        evm_case *c = case_new(HD_FORK_CANCUN);
        evm_asm *a = asm_new(0);
        asm_op3(a, HD_OP_CALLDATACOPY, 0, 0, sizeof data);
        asm_op3(a, HD_OP_MCOPY, moves[m].dst, moves[m].src, moves[m].sz);
        asm_return(a, 0, sizeof data);
        case_contract(c, CASE_C, a, 0);
        case_calldata(c, data, sizeof data);
        case_succeeds(c);
        memcpy(want, data, sizeof want);
        memmove(want + moves[m].dst, want + moves[m].src, moves[m].sz);
        assert_memory_equal(case_output(c, sizeof data), want, sizeof want);
    }
}

static void mcopy_grows_memory_to_the_farther_end_and_reads_zeros(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_CANCUN);
    evm_asm *a = asm_new(0);
    asm_op2(a, HD_OP_MSTORE, 0, UINT64_MAX);
    asm_op3(a, HD_OP_MCOPY, 0, 100, 32); /* the source lies beyond memory */
    asm_op(a, HD_OP_MSIZE);
    asm_keep(a, 32);
    asm_op3(a, HD_OP_MCOPY, 0, UINT64_MAX, 0); /* no bytes: no growth */
    asm_return(a, 0, 64);
    case_contract(c, CASE_C, a, 0);
    case_succeeds(c);
    assert_word_equal(case_word(c, 0), u64(0));
    assert_int_equal(case_word_u64(c, 1), 160);
}

static void ranges_beyond_all_gas_run_out_of_it(void **state) {
    (void)state;
    static const uint32_t ops[] = {HD_OP_MCOPY,  HD_OP_CALLDATACOPY, HD_OP_CODECOPY, HD_OP_MSTORE,
                                   HD_OP_MLOAD,  HD_OP_KECCAK256,    HD_OP_LOG0,     HD_OP_RETURN,
                                   HD_OP_REVERT, HD_OP_CREATE2,      HD_OP_CALL,     HD_OP_MSTORE8};
    const hd_u256 far[] = {u64(1ull << 32), u64(0xffffffffull), u64(1ull << 40),
                           u64(1ull << 41), u64(UINT64_MAX),    hd_u256_make(0, 0, 1, 0),
                           u256_max()};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (size_t k = 0; k < sizeof far / sizeof *far; k++) {
            evm_case *c = case_new(HD_FORK_OSAKA);
            evm_asm *a = asm_new(0);
            for (uint32_t n = 0; n < 7; n++)
                asm_push_word(a, far[k]);
            if (ops[i] == HD_OP_CALL) {
                asm_op(a, HD_OP_POP);
                asm_op(a, HD_OP_POP);
                asm_op(a, HD_OP_POP);
                asm_push(a, 0); /* value, address, gas */
                asm_push(a, 0);
                asm_push(a, 0);
            }
            asm_op(a, ops[i]);
            case_contract(c, CASE_C, a, 0);
            const hd_receipt *r = case_run(c);
            assert_int_equal(r->status, HD_TX_HALT);
            assert_true(r->error == HD_EVM_ERR_OUT_OF_GAS || r->error == HD_EVM_ERR_INITCODE_SIZE);
        }
}

/* ---- calls ---- */

/* Calls itself with a counter one higher; the deepest frame, whose call fails, gives its own. */
static evm_asm *code_diver(uint64_t kept_gas) {
    evm_asm *a = asm_new(0);
    asm_op1(a, HD_OP_CALLDATALOAD, 0);
    asm_push(a, 1);
    asm_op(a, HD_OP_ADD);
    asm_keep(a, 0);
    asm_push(a, 32);
    asm_push(a, 32);
    asm_push(a, 32);
    asm_push(a, 0);
    asm_push(a, 0);
    asm_op(a, HD_OP_ADDRESS);
    asm_push(a, kept_gas); /* before EIP-150 a call must keep gas itself */
    asm_op(a, HD_OP_GAS);
    asm_op(a, HD_OP_SUB);
    asm_op(a, HD_OP_CALL);
    uint32_t at = a->sz;
    asm_push(a, 0); /* where to go on after success: set below */
    asm_op(a, HD_OP_JUMPI);
    asm_return(a, 0, 32);
    a->b[at + 1] = (uint8_t)a->sz;
    asm_op(a, HD_OP_JUMPDEST);
    asm_return(a, 32, 32);
    return a;
}

static void a_call_at_depth_1024_fails_and_keeps_its_gas(void **state) {
    (void)state;
    static const uint32_t forks[] = {HD_FORK_FRONTIER, HD_FORK_HOMESTEAD, HD_FORK_TANGERINE,
                                     HD_FORK_BERLIN, HD_FORK_PRAGUE};
    for (uint32_t i = 0; i < 5; i++) {
        evm_case *c = case_new(forks[i]);
        case_contract(c, CASE_C, code_diver(200), 0);
        c->tx.gas_limit = 1ull << 42;
        const hd_receipt *r = case_succeeds(c);
        assert_int_equal(case_word_u64(c, 0), 1025); /* frames: the first has depth 0 */
        assert_true(r->gas_used < 3000000);
    }
}

static void a_creation_at_depth_1024_fails_and_uses_no_nonce(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_PRAGUE);
    evm_asm *a = code_diver(200);
    /* The deepest frame creates instead of returning: CREATE's result and the nonce count. */
    evm_asm *b = asm_new(1);
    uint32_t cut = a->sz - 6 - 5; /* before its RETURN */
    assert_int_equal(a->b[cut + 5], HD_OP_JUMPDEST);
    asm_bytes(b, a->b, cut);
    asm_op3(b, HD_OP_CREATE, 0, 0, 0);
    asm_keep(b, 32);
    b->b[cut - 2] = (uint8_t)b->sz;
    asm_op(b, HD_OP_JUMPDEST);
    asm_return(b, 32, 32);
    case_contract(c, CASE_C, b, 0);
    c->tx.gas_limit = 1ull << 42;
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 0);
    assert_int_equal(case_nonce(c, CASE_C), 1);
}

static void a_call_that_cannot_pay_its_value_fails_and_keeps_its_gas(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    asm_measure(a);
    asm_call(a, HD_OP_CALL, CASE_X, (asm_call_args){.gas = 40000, .value = 11});
    asm_keep(a, 0);
    asm_measured(a, 32);
    asm_return(a, 0, 64);
    case_contract(c, CASE_C, a, 10);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 0);
    /* 2,300 come back on top of what was given: the stipend of a call that never ran. */
    assert_int_equal(case_word_u64(c, 1), 7 * 3 + 2600 + 9000 + 25000 - 2300 + (3 + 3 + 3) + 2);
    assert_false(case_exists(c, CASE_X));
}

/* Code that returns CALLER, CALLVALUE and ADDRESS. */
static evm_asm *code_who(uint32_t idx) {
    evm_asm *a = asm_new(idx);
    asm_op(a, HD_OP_CALLER);
    asm_keep(a, 0);
    asm_op(a, HD_OP_CALLVALUE);
    asm_keep(a, 32);
    asm_op(a, HD_OP_ADDRESS);
    asm_keep(a, 64);
    asm_return(a, 0, 96);
    return a;
}

static void each_kind_of_call_gives_its_own_caller_value_and_address(void **state) {
    (void)state;
    static const uint32_t ops[] = {HD_OP_CALL, HD_OP_CALLCODE, HD_OP_DELEGATECALL,
                                   HD_OP_STATICCALL};
    const hd_address callers[] = {CASE_C, CASE_C, CASE_SENDER, CASE_C};
    const uint64_t values[] = {3, 3, 5, 0};
    const hd_address selfs[] = {CASE_D, CASE_C, CASE_C, CASE_D};
    for (uint32_t i = 0; i < 4; i++) {
        evm_case *c = case_new(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0);
        asm_call(a, ops[i], CASE_D, (asm_call_args){.gas = 50000, .value = 3, .out_sz = 96});
        asm_op(a, HD_OP_POP);
        asm_return(a, 0, 96);
        case_contract(c, CASE_C, a, 0);
        case_contract(c, CASE_D, code_who(1), 0);
        c->tx.value_wei = u64(5);
        case_succeeds(c);
        assert_word_equal(case_word(c, 0), addr_word(callers[i]));
        assert_int_equal(case_word_u64(c, 1), values[i]);
        assert_word_equal(case_word(c, 2), addr_word(selfs[i]));
        /* Only CALL moves the value. */
        assert_word_equal(case_balance(c, CASE_C), u64(i == 0 ? 2 : 5));
        assert_word_equal(case_balance(c, CASE_D), u64(i == 0 ? 3 : 0));
    }
}

static void static_calls_refuse_every_write(void **state) {
    (void)state;
    static const uint32_t ops[] = {HD_OP_SSTORE,  HD_OP_TSTORE,      HD_OP_LOG0, HD_OP_LOG1,
                                   HD_OP_LOG2,    HD_OP_LOG3,        HD_OP_LOG4, HD_OP_CREATE,
                                   HD_OP_CREATE2, HD_OP_SELFDESTRUCT};
    for (uint32_t is_nested = 0; is_nested < 2; is_nested++)
        for (uint32_t i = 0; i <= sizeof ops / sizeof *ops; i++) {
            evm_case *c = case_new(HD_FORK_OSAKA);
            evm_asm *a = asm_new(0), *b = asm_new(1), *d = asm_new(2);
            asm_call(a, HD_OP_STATICCALL, CASE_D, (asm_call_args){.gas = 200000, .out_sz = 32});
            asm_keep(a, 32);
            asm_return(a, 0, 64);
            if (i < sizeof ops / sizeof *ops) {
                for (uint32_t n = 0; n < 6; n++)
                    asm_push(d, 0);
                asm_op(d, ops[i]);
            } else { /* a CALL with value, though it would fail for lack of funds */
                asm_call(d, HD_OP_CALL, CASE_X, (asm_call_args){.gas = 1, .value = 1});
            }
            asm_op2(d, HD_OP_MSTORE, 0, 1);
            asm_return(d, 0, 32);
            /* The flag is inherited through a plain call. */
            asm_call(b, HD_OP_CALL, CASE_E, (asm_call_args){.gas = 100000, .out_sz = 32});
            asm_op(b, HD_OP_POP);
            asm_return(b, 0, 32);
            case_contract(c, CASE_C, a, 0);
            case_contract(c, CASE_D, is_nested ? b : d, 10);
            case_contract(c, CASE_E, d, 10);
            case_succeeds(c);
            assert_int_equal(case_word_u64(c, 0), 0);
            assert_int_equal(case_word_u64(c, 1), is_nested);
            assert_int_equal(c->out[0].receipts->log_cnt, 0);
        }
}

static void static_calls_allow_reads_value_of_zero_and_callcode_with_value(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0), *d = asm_new(1);
    asm_call(a, HD_OP_STATICCALL, CASE_D, (asm_call_args){.gas = 200000, .out_sz = 32});
    asm_op(a, HD_OP_POP);
    asm_return(a, 0, 32);
    asm_op1(d, HD_OP_SLOAD, 0);
    asm_op1(d, HD_OP_TLOAD, 0);
    asm_call(d, HD_OP_CALL, CASE_X, (asm_call_args){.gas = 100});
    asm_call(d, HD_OP_CALLCODE, CASE_X, (asm_call_args){.gas = 100, .value = 1});
    asm_op(d, HD_OP_ADD);
    asm_return_top(d);
    case_contract(c, CASE_C, a, 0);
    case_contract(c, CASE_D, d, 10);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 2);
}

static void a_call_gets_all_but_a_64th_from_tangerine_whistle_on(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_HOMESTEAD; fork <= HD_FORK_TANGERINE; fork++) {
        evm_case *c = case_new(fork);
        evm_asm *a = asm_new(0), *d = asm_new(1);
        asm_call(a, HD_OP_CALL, CASE_D, (asm_call_args){.gas = 1ull << 40, .out_sz = 32});
        asm_op(a, HD_OP_POP);
        asm_return(a, 0, 32);
        asm_op(d, HD_OP_GAS);
        asm_return_top(d);
        case_contract(c, CASE_C, a, 0);
        case_contract(c, CASE_D, d, 0);
        c->tx.gas_limit = 121000;
        if (fork == HD_FORK_HOMESTEAD) {
            case_halts(c, HD_EVM_ERR_OUT_OF_GAS); /* it asked for more than there is */
            continue;
        }
        case_succeeds(c);
        uint64_t left = 100000 - 21 - 3 - 700; /* memory for the output too */
        assert_int_equal(case_word_u64(c, 0), left - left / 64 - 2);
    }
}

/* ---- storage ---- */

static void a_store_needs_more_than_the_stipend_from_istanbul_on(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_PETERSBURG; fork <= HD_FORK_BERLIN; fork++)
        for (uint64_t gas = 2300; gas <= 2301; gas++) {
            evm_case *c = case_new(fork);
            evm_asm *a = asm_new(0), *d = asm_new(1);
            asm_op1(a, HD_OP_SLOAD, 0);
            asm_op(a, HD_OP_POP);
            asm_call(a, HD_OP_DELEGATECALL, CASE_D, (asm_call_args){.gas = gas + 6});
            asm_return_top(a);
            asm_sstore(d, 0, 0); /* what is there already: the cheapest store */
            case_contract(c, CASE_C, a, 0);
            case_contract(c, CASE_D, d, 0);
            case_succeeds(c);
            /* Petersburg has no sentry, but its store costs 5,000. */
            assert_int_equal(case_word_u64(c, 0), fork != HD_FORK_PETERSBURG && gas > 2300);
        }
}

static void stores_cost_and_refund_by_original_current_and_new_value(void **state) {
    (void)state;
    /* The cases of EIP-2200 and EIP-1283: gas of two or three stores to slot 0, and the refund. */
    static const struct {
        uint8_t original, n, values[3];
        uint32_t istanbul_gas;
        int32_t istanbul_refund;
        uint32_t constantinople_gas;
        int32_t constantinople_refund;
    } rows[] = {
        {0, 2, {0, 0}, 1612, 0, 412, 0},
        {0, 2, {0, 1}, 20812, 0, 20212, 0},
        {0, 2, {1, 0}, 20812, 19200, 20212, 19800},
        {0, 2, {1, 2}, 20812, 0, 20212, 0},
        {0, 2, {1, 1}, 20812, 0, 20212, 0},
        {1, 2, {0, 0}, 5812, 15000, 5212, 15000},
        {1, 2, {0, 1}, 5812, 4200, 5212, 4800},
        {1, 2, {0, 2}, 5812, 0, 5212, 0},
        {1, 2, {2, 0}, 5812, 15000, 5212, 15000},
        {1, 2, {2, 3}, 5812, 0, 5212, 0},
        {1, 2, {2, 1}, 5812, 4200, 5212, 4800},
        {1, 2, {2, 2}, 5812, 0, 5212, 0},
        {1, 2, {1, 0}, 5812, 15000, 5212, 15000},
        {1, 2, {1, 2}, 5812, 0, 5212, 0},
        {1, 2, {1, 1}, 1612, 0, 412, 0},
        {0, 3, {1, 0, 1}, 40818, 19200, 40218, 19800},
        {1, 3, {0, 1, 0}, 10818, 19200, 10218, 19800},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint32_t is_istanbul = 0; is_istanbul < 2; is_istanbul++) {
            evm_case *c = case_new(is_istanbul ? HD_FORK_ISTANBUL : HD_FORK_CONSTANTINOPLE);
            evm_asm *a = asm_new(0);
            for (uint32_t k = 0; k < rows[i].n; k++)
                asm_sstore(a, 0, rows[i].values[k]);
            /* Enough other work that half of the gas bounds no refund. */
            for (uint32_t k = 0; k < 30; k++)
                asm_op2(a, HD_OP_LOG0, 0, 100);
            case_contract(c, CASE_C, a, 0);
            if (rows[i].original)
                case_slot_set(c, CASE_C, 0, rows[i].original);
            const hd_receipt *r = case_succeeds(c);
            uint64_t refund =
                (uint64_t)(is_istanbul ? rows[i].istanbul_refund : rows[i].constantinople_refund);
            uint64_t gas = is_istanbul ? rows[i].istanbul_gas : rows[i].constantinople_gas;
            assert_int_equal(r->gas_refund, refund);
            assert_int_equal(r->gas_used, 21000 + gas + 30 * (6 + 375 + 800) + 4 * 3 - refund);
        }
}

static void a_revert_makes_accounts_and_slots_cold_again(void **state) {
    (void)state;
    for (uint32_t is_reverted = 0; is_reverted < 2; is_reverted++) {
        evm_case *c = case_new(HD_FORK_BERLIN);
        evm_asm *a = asm_new(0), *d = asm_new(1);
        asm_call(a, HD_OP_DELEGATECALL, CASE_D, (asm_call_args){.gas = 10000});
        asm_op(a, HD_OP_POP);
        asm_measure(a);
        asm_push_addr(a, CASE_X);
        asm_op(a, HD_OP_BALANCE);
        asm_op(a, HD_OP_POP);
        asm_measured(a, 0);
        asm_measure(a);
        asm_op1(a, HD_OP_SLOAD, 5);
        asm_op(a, HD_OP_POP);
        asm_measured(a, 32);
        asm_return(a, 0, 64);
        asm_push_addr(d, CASE_X);
        asm_op(d, HD_OP_BALANCE);
        asm_op1(d, HD_OP_SLOAD, 5);
        if (is_reverted)
            asm_op2(d, HD_OP_REVERT, 0, 0);
        case_contract(c, CASE_C, a, 0);
        case_contract(c, CASE_D, d, 0);
        case_succeeds(c);
        assert_int_equal(case_word_u64(c, 0), 7 + (is_reverted ? 2600 : 100));
        assert_int_equal(case_word_u64(c, 1), 7 + (is_reverted ? 2100 : 100));
    }
}

static void an_access_list_is_paid_for_and_warm_and_stays_so_after_a_revert(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_BERLIN);
    evm_asm *a = asm_new(0);
    uint8_t list[24 + 32 + 24] = {0};
    hd_address at[2] = {CASE_C, CASE_X};
    memcpy(list, at[0].b, 20);
    list[20] = 1;
    list[55] = 5;
    memcpy(list + 56, at[1].b, 20);
    asm_measure(a);
    asm_push_addr(a, CASE_X);
    asm_op(a, HD_OP_BALANCE);
    asm_op(a, HD_OP_POP);
    asm_measured(a, 0);
    asm_measure(a);
    asm_op1(a, HD_OP_SLOAD, 5);
    asm_op(a, HD_OP_POP);
    asm_measured(a, 32);
    asm_return(a, 0, 64);
    case_contract(c, CASE_C, a, 0);
    c->tx.type = HD_TX_ACCESS_LIST;
    c->tx.access_off = case_data(c, list, sizeof list);
    c->tx.access_sz = sizeof list;
    c->tx.access_cnt = 2;
    c->tx.access_key_cnt = 1;
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 7 + 100);
    assert_int_equal(case_word_u64(c, 1), 7 + 100);
    c->tx.gas_limit = 21000 + 2 * 2400 + 1900 - 1;
    case_refused(c, HD_TX_INVALID_GAS_INTRINSIC);
}

static void
transient_storage_is_reverted_with_its_frame_and_gone_with_its_transaction(void **state) {
    (void)state;
    for (uint32_t is_reverted = 0; is_reverted < 2; is_reverted++) {
        evm_case *c = case_new(HD_FORK_CANCUN);
        evm_asm *a = asm_new(0), *d = asm_new(1);
        asm_op1(a, HD_OP_TLOAD, 1);
        asm_keep(a, 0);
        asm_op2(a, HD_OP_TSTORE, 1, 7);
        asm_call(a, HD_OP_DELEGATECALL, CASE_D, (asm_call_args){.gas = 10000});
        asm_op(a, HD_OP_POP);
        asm_op1(a, HD_OP_TLOAD, 1);
        asm_keep(a, 32);
        asm_op1(a, HD_OP_SLOAD, 1);
        asm_keep(a, 64);
        asm_return(a, 0, 96);
        asm_op2(d, HD_OP_TSTORE, 1, 8);
        if (is_reverted)
            asm_op2(d, HD_OP_REVERT, 0, 0);
        case_contract(c, CASE_C, a, 0);
        case_contract(c, CASE_D, d, 0);
        for (uint32_t i = 0; i < 2; i++) { /* the second transaction begins with nothing */
            case_succeeds(c);
            assert_int_equal(case_word_u64(c, 0), 0);
            assert_int_equal(case_word_u64(c, 1), is_reverted ? 7 : 8);
            assert_int_equal(case_word_u64(c, 2), 0);
        }
    }
}

/* ---- precompiles ---- */

static hd_u256 big(uint32_t bit) { return hd_u256_shl_bits(u64(1), bit); }

/* Calls modexp with these lengths and `data_sz` bytes of data behind them; returns success, the
   returned size, and what the call cost. */
static const hd_receipt *run_modexp(uint32_t fork, const hd_u256 lens[3], const uint8_t *data,
                                    uint32_t data_sz) {
    evm_case *c = case_new(fork);
    evm_asm *a = asm_new(0);
    static uint8_t input[96 + 4096];
    for (uint32_t i = 0; i < 3; i++)
        hd_u256_store_be(input + 32 * i, lens[i]);
    assert_true(data_sz <= 4096);
    if (data_sz)
        memcpy(input + 96, data, data_sz);
    asm_op3(a, HD_OP_CALLDATACOPY, 0, 0, 96 + data_sz);
    asm_measure(a);
    asm_call(a, HD_OP_CALL, addr_of(5), (asm_call_args){.gas = 900000, .in_sz = 96 + data_sz});
    asm_keep(a, 0);
    asm_measured(a, 32);
    asm_op(a, HD_OP_RETURNDATASIZE);
    asm_keep(a, 64);
    asm_op(a, HD_OP_RETURNDATASIZE);
    asm_push(a, 0);
    asm_push(a, 96);
    asm_op(a, HD_OP_RETURNDATACOPY);
    asm_push(a, 96);
    asm_op(a, HD_OP_RETURNDATASIZE);
    asm_op(a, HD_OP_ADD);
    asm_push(a, 0);
    asm_op(a, HD_OP_RETURN);
    case_contract(c, CASE_C, a, 0);
    case_calldata(c, input, 96 + data_sz);
    c->tx.gas_limit = 1100000;
    return case_succeeds(c);
}

static void modexp_beyond_1024_bytes_fails_in_osaka_before_any_shortcut(void **state) {
    (void)state;
    for (uint32_t which = 0; which < 3; which++) {
        hd_u256 lens[3] = {u64(0), u64(0), u64(0)};
        lens[which] = u64(1025);
        run_modexp(HD_FORK_OSAKA, lens, NULL, 0);
        assert_int_equal(case_word_u64(&the_case, 0), 0);
        assert_int_equal(case_word_u64(&the_case, 2), 0);
        run_modexp(HD_FORK_PRAGUE, lens, NULL, 0);
        assert_int_equal(case_word_u64(&the_case, 0), 1);
        assert_int_equal(case_word_u64(&the_case, 2), which == 2 ? 1025 : 0);
        lens[which] = u64(1024);
        run_modexp(HD_FORK_OSAKA, lens, NULL, 0);
        assert_int_equal(case_word_u64(&the_case, 0), 1);
        assert_int_equal(case_word_u64(&the_case, 2), which == 2 ? 1024 : 0);
    }
}

static void modexp_lengths_are_bounded_by_gas_alone_before_osaka(void **state) {
    (void)state;
    static uint8_t data[4002];
    memset(data, 0, sizeof data);
    /* 3^2 mod 2^15992: base and modulus of 2,000 bytes. */
    data[1999] = 3;
    data[2000] = 2;
    data[2001] = 1;
    hd_u256 lens[3] = {u64(2000), u64(1), u64(2000)};
    run_modexp(HD_FORK_PRAGUE, lens, data, 4001);
    assert_int_equal(case_word_u64(&the_case, 0), 1);
    assert_int_equal(case_word_u64(&the_case, 2), 2000);
    const uint8_t *out = case_output(&the_case, 96 + 2000) + 96;
    for (uint32_t i = 0; i < 1999; i++)
        assert_int_equal(out[i], 0);
    assert_int_equal(out[1999], 9);
    run_modexp(HD_FORK_OSAKA, lens, data, 4001);
    assert_int_equal(case_word_u64(&the_case, 0), 0);
    /* An exponent of 2^255 bytes costs nothing where base and modulus have none. */
    const hd_u256 absurd[] = {u64(1ull << 32), u64(UINT64_MAX), big(64), big(255), u256_max()};
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t fork = HD_FORK_BYZANTIUM; fork < HD_FORK_OSAKA; fork++) {
            hd_u256 exp_only[3] = {u64(0), absurd[i], u64(0)};
            run_modexp(fork, exp_only, NULL, 0);
            assert_int_equal(case_word_u64(&the_case, 0), 1);
            assert_int_equal(case_word_u64(&the_case, 2), 0);
        }
    /* ... while one byte of base beside it is beyond all gas. */
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t which = 0; which < 3; which++) {
            hd_u256 some[3] = {u64(1), u64(1), u64(1)};
            some[which] = absurd[i];
            run_modexp(HD_FORK_PRAGUE, some, NULL, 0);
            assert_int_equal(case_word_u64(&the_case, 0), 0);
            assert_true(case_word_u64(&the_case, 1) > 900000);
        }
}

static void a_failing_precompile_takes_all_gas_given_and_returns_nothing(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    asm_measure(a);
    asm_call(a, HD_OP_CALL, addr_of(9), (asm_call_args){.gas = 5000, .in_sz = 212, .out_sz = 64});
    asm_keep(a, 0);
    asm_measured(a, 32);
    asm_op(a, HD_OP_RETURNDATASIZE);
    asm_keep(a, 64);
    asm_return(a, 0, 96);
    case_contract(c, CASE_C, a, 0);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 0);
    assert_int_equal(case_word_u64(c, 2), 0);
    /* 212 bytes of blake2f's input: seven words of memory. */
    assert_int_equal(case_word_u64(c, 1), 21 + 7 * 3 + 100 + 5000 + 6 + 2);
}

static void a_transaction_may_call_a_precompile_itself(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    uint8_t data[100];
    for (uint32_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i + 1);
    case_calldata(c, data, sizeof data);
    c->tx.to = addr_of(4);
    const hd_receipt *r = case_succeeds(c);
    assert_memory_equal(case_output(c, sizeof data), data, sizeof data);
    assert_int_equal(r->gas_used, 21000 + 40 * 100);
    c->tx.to = addr_of(2);
    c->tx.value_wei = u64(9);
    case_succeeds(c);
    assert_int_equal(c->out[0].receipts->output_sz, 32);
    assert_word_equal(case_balance(c, addr_of(2)), u64(9));
    c->tx.to = addr_of(9); /* wrong length: all gas, and the value comes back */
    r = case_halts(c, HD_EVM_ERR_OUT_OF_GAS);
    assert_int_equal(r->gas_used, 1000000);
    assert_false(case_exists(c, addr_of(9)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instruction_is_unknown_before_its_fork),
        cmocka_unit_test(bytes_that_are_no_instruction_halt_in_every_fork),
        cmocka_unit_test(push0_comes_with_shanghai),
        cmocka_unit_test(clz_counts_from_osaka_on),
        cmocka_unit_test(jumps_go_to_jumpdests_that_are_no_push_data),
        cmocka_unit_test(the_stack_holds_1024_words_and_not_one_more),
        cmocka_unit_test(an_instruction_without_its_operands_underflows),
        cmocka_unit_test(returndatacopy_beyond_the_returned_data_halts),
        cmocka_unit_test(mcopy_copies_as_if_the_source_were_read_first),
        cmocka_unit_test(mcopy_grows_memory_to_the_farther_end_and_reads_zeros),
        cmocka_unit_test(ranges_beyond_all_gas_run_out_of_it),
        cmocka_unit_test(a_call_at_depth_1024_fails_and_keeps_its_gas),
        cmocka_unit_test(a_creation_at_depth_1024_fails_and_uses_no_nonce),
        cmocka_unit_test(a_call_that_cannot_pay_its_value_fails_and_keeps_its_gas),
        cmocka_unit_test(each_kind_of_call_gives_its_own_caller_value_and_address),
        cmocka_unit_test(static_calls_refuse_every_write),
        cmocka_unit_test(static_calls_allow_reads_value_of_zero_and_callcode_with_value),
        cmocka_unit_test(a_call_gets_all_but_a_64th_from_tangerine_whistle_on),
        cmocka_unit_test(a_store_needs_more_than_the_stipend_from_istanbul_on),
        cmocka_unit_test(stores_cost_and_refund_by_original_current_and_new_value),
        cmocka_unit_test(a_revert_makes_accounts_and_slots_cold_again),
        cmocka_unit_test(an_access_list_is_paid_for_and_warm_and_stays_so_after_a_revert),
        cmocka_unit_test(
            transient_storage_is_reverted_with_its_frame_and_gone_with_its_transaction),
        cmocka_unit_test(modexp_beyond_1024_bytes_fails_in_osaka_before_any_shortcut),
        cmocka_unit_test(modexp_lengths_are_bounded_by_gas_alone_before_osaka),
        cmocka_unit_test(a_failing_precompile_takes_all_gas_given_and_returns_nothing),
        cmocka_unit_test(a_transaction_may_call_a_precompile_itself),
    };
    return cmocka_run_group_tests(tests, NULL, case_group_teardown);
}
