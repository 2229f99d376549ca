/* test_evm_rules_create.c - corner cases of creation and destruction of contracts. */
#include "evm_case.h"

/* Code of CASE_C that creates from its calldata (the initcode) with CREATE or CREATE2 and salt 7,
   and returns the address and what it cost. */
static evm_asm *code_factory(uint32_t idx, uint32_t op) {
    evm_asm *a = asm_new(idx);
    asm_op(a, HD_OP_CALLDATASIZE);
    asm_push(a, 0);
    asm_push(a, 0);
    asm_op(a, HD_OP_CALLDATACOPY);
    asm_measure(a);
    if (op == HD_OP_CREATE2)
        asm_push(a, 7);
    asm_op(a, HD_OP_CALLDATASIZE);
    asm_push(a, 0);
    asm_op(a, HD_OP_CALLVALUE);
    asm_op(a, op);
    asm_keep(a, 0);
    asm_measured(a, 32);
    asm_return(a, 0, 64);
    return a;
}

static hd_address address_of_word(hd_u256 x) {
    uint8_t b[32];
    hd_address a;
    hd_u256_store_be(b, x);
    memcpy(a.b, b + 12, 20);
    return a;
}

/* ---- addresses ---- */

static void create2_gives_the_addresses_of_eip_1014(void **state) {
    (void)state;
    static const struct {
        const char *from;
        const char *salt; /* its last 20 bytes */
        const char *init, *want;
    } rows[] = {
        {"0000000000000000000000000000000000000000", "0000000000000000000000000000000000000000",
         "00", "4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"},
        {"deadbeef00000000000000000000000000000000", "0000000000000000000000000000000000000000",
         "00", "B928f69Bb1D91Cd65274e3c79d8986362984fDA3"},
        {"deadbeef00000000000000000000000000000000", "feed000000000000000000000000000000000000",
         "00", "D04116cDd17beBE565EB2422F2497E06cC1C9833"},
        {"0000000000000000000000000000000000000000", "0000000000000000000000000000000000000000",
         "deadbeef", "70f2b2914A2a4b783FaEFb75f459A580616Fcb5e"},
        {"00000000000000000000000000000000deadbeef", "00000000000000000000000000000000cafebabe",
         "deadbeef", "60f3f640a8508fC6a86d45DF051962668E1e8AC7"},
        {"00000000000000000000000000000000deadbeef", "00000000000000000000000000000000cafebabe",
         "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
         "1d8bfDC5D46DC4f61D6b6115972536eBE6A8854C"},
        {"0000000000000000000000000000000000000000", "0000000000000000000000000000000000000000", "",
         "E33C0C7F7df4809055C3ebA6c09CFe4BaF1BD9e0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        evm_case *c = case_new(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0), *init = asm_new(1);
        hd_address from = addr_hex(rows[i].from), want = addr_hex(rows[i].want);
        for (const char *p = rows[i].init; *p; p += 2) {
            unsigned x = 0;
            assert_int_equal(sscanf(p, "%2x", &x), 1);
            asm_op(init, x);
        }
        asm_mem(a, 0, init->b, init->sz);
        asm_push_word(a, addr_word(addr_hex(rows[i].salt)));
        asm_push(a, init->sz);
        asm_push(a, 0);
        asm_push(a, 0);
        asm_op(a, HD_OP_CREATE2);
        asm_return_top(a);
        case_contract(c, from, a, 0);
        c->tx.to = from;
        c->batch_flags = HD_BATCH_READS;
        case_succeeds(c);
        /* 0xde is no instruction: that creation fails, but its address was looked at. */
        assert_true(case_has_read(c, want));
        int is_made = rows[i].init[0] != 'd';
        assert_word_equal(case_word(c, 0), is_made ? addr_word(want) : u64(0));
        assert_int_equal(case_exists(c, want), is_made);
        assert_true(
            memcmp(create2_of(from, addr_word(addr_hex(rows[i].salt)), init).b, want.b, 20) == 0);
    }
}

static void create_gives_the_address_of_sender_and_nonce(void **state) {
    (void)state;
    /* Computed by another implementation; the first two are those of old go-ethereum tests. */
    static const struct {
        uint64_t nonce;
        const char *want;
    } rows[] = {{0, "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"},
                {1, "343c43a37d37dff08ae8c4a11544c718abb4fcf8"},
                {127, "06d9a77f5e4b311bae8d559db9cdb4df94104aa0"},
                {128, "08e190dcb7b73f5fcdabb43e102215c83659a76d"},
                {255, "3ef7c1a519e4b4431e317d7839340e3139b03c65"},
                {256, "3837c1ae70354f670550c746580199ac6a73cb0a"},
                {UINT64_MAX - 1, "9ab3917bcc9efbcf7de35bced143ed95c3b3cbf5"}};
    hd_address from = addr_hex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hd_address want = addr_hex(rows[i].want);
        /* by an instruction */
        evm_case *c = case_new(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0);
        asm_op3(a, HD_OP_CREATE, 0, 0, 0);
        asm_return_top(a);
        assert_int_equal(hd_state_set(c->state, &from, rows[i].nonce, u64(0), a->b, a->sz), HD_OK);
        c->tx.to = from;
        case_succeeds(c);
        assert_word_equal(case_word(c, 0), addr_word(want));
        assert_int_equal(case_nonce(c, want), 1);
        assert_true(case_nonce(c, from) == rows[i].nonce + 1);
        /* by a transaction */
        c = case_new(HD_FORK_OSAKA);
        assert_int_equal(
            hd_state_set(c->state, &from, rows[i].nonce, hd_u256_shl_bits(u64(1), 90), NULL, 0),
            HD_OK);
        c->tx.sender = from;
        case_create(c, asm_new(0));
        const hd_receipt *r = case_succeeds(c);
        assert_true(r->flags & HD_RECEIPT_CREATED);
        assert_memory_equal(r->created.b, want.b, 20);
        assert_int_equal(case_nonce(c, want), 1);
    }
}

/* ---- collisions: EIP-684, EIP-7610 ---- */

static void what_has_nonce_code_or_storage_cannot_be_created(void **state) {
    (void)state;
    evm_asm *init = asm_new(1);
    asm_initcode(init, "\x00", 1);
    for (uint32_t kind = 0; kind < 4; kind++) {
        evm_case *c = case_new(HD_FORK_OSAKA);
        hd_address target = create2_of(CASE_C, u64(7), init);
        case_contract(c, CASE_C, code_factory(0, HD_OP_CREATE2), 0);
        case_calldata(c, init->b, init->sz);
        if (kind == 0)
            assert_int_equal(hd_state_set(c->state, &target, 1, u64(0), NULL, 0), HD_OK);
        else if (kind == 1)
            assert_int_equal(hd_state_set(c->state, &target, 0, u64(0), init->b, 1), HD_OK);
        else if (kind == 2)
            case_slot_set(c, target, 9, 1);
        else
            assert_int_equal(hd_state_set(c->state, &target, 0, u64(5), NULL, 0), HD_OK);
        case_succeeds(c);
        assert_int_equal(case_nonce(c, CASE_C), 2); /* used up whatever becomes of it */
        if (kind == 3) {                            /* a balance is no obstacle, and stays */
            assert_word_equal(case_word(c, 0), addr_word(target));
            assert_int_equal(case_code_sz(c, target), 1);
            assert_word_equal(case_balance(c, target), u64(5));
            continue;
        }
        assert_word_equal(case_word(c, 0), u64(0));
        /* All but a 64th of the gas is gone, of nearly 950,000. */
        assert_true(case_word_u64(c, 1) > 900000);
        assert_int_equal(case_nonce(c, target), kind == 0);
        assert_word_equal(case_slot(c, target, 9), u64(kind == 2));
    }
}

static void a_creating_transaction_that_collides_takes_all_its_gas(void **state) {
    (void)state;
    hd_address from = addr_hex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0");
    hd_address target = addr_hex("cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d");
    for (uint32_t kind = 0; kind < 3; kind++) {
        evm_case *c = case_new(HD_FORK_OSAKA);
        hd_u256 wei = hd_u256_shl_bits(u64(1), 90);
        assert_int_equal(hd_state_set(c->state, &from, 0, wei, NULL, 0), HD_OK);
        if (kind == 0)
            case_account(c, target, 1, 0);
        else if (kind == 1)
            assert_int_equal(hd_state_set(c->state, &target, 0, u64(0), from.b, 3), HD_OK);
        else
            case_slot_set(c, target, 9, 1);
        c->tx.sender = from;
        c->tx.value_wei = u64(100);
        case_create(c, asm_new(0));
        const hd_receipt *r = case_halts(c, HD_EVM_ERR_COLLISION);
        assert_int_equal(r->gas_used, c->tx.gas_limit);
        assert_word_equal(case_balance(c, target), u64(0));
        assert_int_equal(case_nonce(c, from), 1);
        assert_word_equal(case_balance(c, from),
                          hd_u256_sub(wei, u64(c->tx.gas_limit * CASE_GAS_PRICE)));
    }
}

static void a_contract_cannot_be_created_twice_in_one_transaction(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0);
    for (uint32_t i = 0; i < 2; i++) {
        asm_push(a, 7);
        asm_push(a, 0);
        asm_push(a, 0);
        asm_push(a, 0);
        asm_op(a, HD_OP_CREATE2);
        asm_keep(a, 32 * i);
    }
    asm_return(a, 0, 64);
    case_contract(c, CASE_C, a, 0);
    case_succeeds(c);
    assert_word_equal(case_word(c, 0), addr_word(create2_of(CASE_C, u64(7), asm_new(1))));
    assert_word_equal(case_word(c, 1), u64(0));
    assert_int_equal(case_nonce(c, CASE_C), 3);
}

/* ---- deployed code ---- */

/* Runs a transaction that deploys `code`, with so much gas beyond what it needs. */
static const hd_receipt *deploy(uint32_t fork, const evm_asm *code, int64_t gas_beyond) {
    evm_case *c = case_new(fork);
    evm_asm *init = asm_new(3);
    asm_initcode(init, code->b, code->sz);
    case_create(c, init);
    uint64_t words = (code->sz + 31) / 32;
    uint64_t gas = fork >= HD_FORK_HOMESTEAD ? 53000 : 21000;
    for (uint32_t i = 0; i < init->sz; i++)
        gas += init->b[i] ? (fork >= HD_FORK_ISTANBUL ? 16 : 68) : 4;
    if (fork >= HD_FORK_SHANGHAI)
        gas += 2 * (((uint64_t)init->sz + 31) / 32);
    /* Four pushes and a DUP1, CODECOPY with its words, memory, and the code itself. */
    gas += 5 * 3 + 3 + 3 * words + 3 * words + words * words / 512 + 200ull * code->sz;
    c->tx.gas_limit = (uint64_t)((int64_t)gas + gas_beyond);
    return case_run(c);
}

static void
code_without_gas_to_store_it_leaves_an_account_in_frontier_and_halts_later(void **state) {
    (void)state;
    evm_asm *code = asm_new(0);
    asm_bytes(code, "\x00\x00\x00\x00", 4);
    for (uint32_t fork = 0; fork < HD_FORK_PRAGUE; fork++) { /* Prague's floor hides the gas */
        const hd_receipt *r = deploy(fork, code, 0);
        assert_int_equal(r->status, HD_TX_SUCCESS);
        assert_int_equal(r->gas_used, the_case.tx.gas_limit);
        assert_int_equal(case_code_sz(&the_case, r->created), 4);
        r = deploy(fork, code, -1);
        if (fork == HD_FORK_FRONTIER) {
            assert_int_equal(r->status, HD_TX_SUCCESS);
            assert_true(case_exists(&the_case, r->created));
            assert_int_equal(case_code_sz(&the_case, r->created), 0);
            assert_int_equal(r->gas_used, the_case.tx.gas_limit - 799);
        } else {
            assert_int_equal(r->error, HD_EVM_ERR_CODE_GAS);
            assert_false(case_exists(&the_case, r->created));
            assert_int_equal(r->gas_used, the_case.tx.gas_limit);
        }
    }
}

static void code_that_begins_with_ef_is_refused_from_london_on(void **state) {
    (void)state;
    evm_asm *code = asm_new(0);
    asm_bytes(code, "\xef\x00\x01", 3);
    assert_int_equal(deploy(HD_FORK_BERLIN, code, 10000)->status, HD_TX_SUCCESS);
    for (uint32_t fork = HD_FORK_LONDON; fork < HD_FORK_CNT; fork++) {
        const hd_receipt *r = deploy(fork, code, 10000);
        assert_int_equal(r->error, HD_EVM_ERR_CODE_EF);
        assert_int_equal(r->gas_used, the_case.tx.gas_limit);
        assert_false(case_exists(&the_case, r->created));
    }
    code->b[0] = 0xee;
    assert_int_equal(deploy(HD_FORK_OSAKA, code, 10000)->status, HD_TX_SUCCESS);
}

static void code_above_24576_bytes_is_refused_from_spurious_dragon_on(void **state) {
    (void)state;
    static const uint32_t forks[] = {HD_FORK_TANGERINE, HD_FORK_SPURIOUS, HD_FORK_CANCUN,
                                     HD_FORK_OSAKA};
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t sz = 24576; sz <= 24577; sz++) {
            evm_asm *code = asm_new(0);
            memset(code->b, 0, sz);
            code->sz = sz;
            const hd_receipt *r = deploy(forks[i], code, 300000);
            if (sz == 24577 && forks[i] >= HD_FORK_SPURIOUS) {
                assert_int_equal(r->error, HD_EVM_ERR_CODE_SIZE);
                assert_false(case_exists(&the_case, r->created));
            } else {
                assert_int_equal(r->status, HD_TX_SUCCESS);
                assert_int_equal(case_code_sz(&the_case, r->created), sz);
            }
        }
}

static void initcode_above_49152_bytes_is_refused_from_shanghai_on(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_PARIS; fork <= HD_FORK_SHANGHAI; fork++)
        for (uint32_t sz = 49152; sz <= 49153; sz++) {
            evm_case *c = case_new(fork);
            evm_asm *init = asm_new(1);
            memset(init->b, 0, sz);
            init->sz = sz;
            case_create(c, init);
            if (fork == HD_FORK_SHANGHAI && sz == 49153) {
                case_refused(c, HD_TX_INVALID_INITCODE_SIZE);
            } else {
                uint64_t words = (sz + 31) / 32;
                assert_int_equal(case_succeeds(c)->gas_used,
                                 53000 + 4 * sz + (fork == HD_FORK_SHANGHAI ? 2 * words : 0));
            }
            /* The same by an instruction: the frame halts. */
            c = case_new(fork);
            evm_asm *a = asm_new(0);
            asm_measure(a);
            asm_op3(a, HD_OP_CREATE, 0, 0, sz);
            asm_op(a, HD_OP_POP);
            asm_measured(a, 0);
            asm_return(a, 0, 32);
            case_contract(c, CASE_C, a, 0);
            if (fork == HD_FORK_SHANGHAI && sz == 49153) {
                case_halts(c, HD_EVM_ERR_INITCODE_SIZE);
                assert_int_equal(case_nonce(c, CASE_C), 1);
            } else {
                uint64_t words = (sz + 31) / 32;
                case_succeeds(c);
                assert_int_equal(case_word_u64(c, 0),
                                 9 + 32000 + 3 * words + words * words / 512 +
                                     (fork == HD_FORK_SHANGHAI ? 2 * words : 0) + 2 + 2);
            }
        }
}

static void a_failed_creation_leaves_its_address_warm(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_BERLIN);
    evm_asm *a = asm_new(0), *init = asm_new(1);
    asm_op(init, HD_OP_INVALID);
    asm_mem(a, 0, init->b, init->sz);
    asm_push(a, 7);
    asm_push(a, init->sz);
    asm_push(a, 0);
    asm_push(a, 0);
    asm_op(a, HD_OP_CREATE2);
    asm_keep(a, 0);
    asm_measure(a);
    asm_push_addr(a, create2_of(CASE_C, u64(7), init));
    asm_op(a, HD_OP_BALANCE);
    asm_op(a, HD_OP_POP);
    asm_measured(a, 32);
    asm_return(a, 0, 64);
    case_contract(c, CASE_C, a, 0);
    case_succeeds(c);
    assert_word_equal(case_word(c, 0), u64(0));
    assert_int_equal(case_word_u64(c, 1), 3 + 100 + 2 + 2);
}

static void a_reverting_creation_returns_its_data_and_a_successful_one_none(void **state) {
    (void)state;
    for (uint32_t is_reverted = 0; is_reverted < 2; is_reverted++) {
        evm_case *c = case_new(HD_FORK_OSAKA);
        evm_asm *a = asm_new(0), *init = asm_new(1);
        asm_op2(init, HD_OP_MSTORE, 0, 0x1234);
        asm_op2(init, is_reverted ? HD_OP_REVERT : HD_OP_RETURN, 0, 32);
        asm_mem(a, 0, init->b, init->sz);
        asm_op3(a, HD_OP_CREATE, 0, 0, init->sz);
        asm_op(a, HD_OP_RETURNDATASIZE);
        asm_keep(a, 0);
        asm_op(a, HD_OP_RETURNDATASIZE);
        asm_push(a, 0);
        asm_push(a, 32);
        asm_op(a, HD_OP_RETURNDATACOPY);
        asm_return(a, 0, 64);
        case_contract(c, CASE_C, a, 0);
        case_succeeds(c);
        assert_int_equal(case_word_u64(c, 0), is_reverted ? 32 : 0);
        assert_int_equal(case_word_u64(c, 1), is_reverted ? 0x1234 : 0);
    }
}

static void code_made_in_a_transaction_runs_in_it(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_OSAKA);
    evm_asm *a = asm_new(0), *init = asm_new(1), *code = asm_new(2);
    asm_push(code, 99);
    asm_return_top(code);
    asm_initcode(init, code->b, code->sz);
    asm_mem(a, 0, init->b, init->sz);
    asm_op3(a, HD_OP_CREATE, 0, 0, init->sz);
    asm_op(a, HD_OP_DUP1);
    asm_op(a, HD_OP_EXTCODEHASH);
    asm_keep(a, 0);
    asm_push(a, 0); /* a call of what is on the stack */
    asm_push(a, 0);
    asm_push(a, 0);
    asm_push(a, 0);
    asm_op(a, HD_OP_DUP1 + 4);
    asm_op(a, HD_OP_GAS);
    asm_op(a, HD_OP_STATICCALL);
    asm_op(a, HD_OP_POP);
    asm_op3(a, HD_OP_RETURNDATACOPY, 32, 0, 32);
    asm_return(a, 0, 64);
    case_contract(c, CASE_C, a, 0);
    case_succeeds(c);
    uint8_t hash[32];
    hd_keccak256(hash, code->b, code->sz);
    assert_memory_equal(case_output(c, 64), hash, 32);
    assert_int_equal(case_word_u64(c, 1), 99);
}

/* ---- destruction: EIP-6780, EIP-3529 ---- */

static evm_asm *code_selfdestruct(uint32_t idx, hd_address to) {
    evm_asm *a = asm_new(idx);
    asm_push_addr(a, to);
    asm_op(a, HD_OP_SELFDESTRUCT);
    return a;
}

static void selfdestruct_empties_an_old_account_and_deletes_it_only_before_cancun(void **state) {
    (void)state;
    for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++) {
        evm_case *c = case_new(fork);
        case_contract(c, CASE_C, code_selfdestruct(0, CASE_X), 55);
        case_slot_set(c, CASE_C, 3, 4);
        const hd_receipt *r = case_succeeds(c);
        assert_word_equal(case_balance(c, CASE_X), u64(55));
        assert_word_equal(case_balance(c, CASE_C), u64(0));
        assert_int_equal(case_exists(c, CASE_C), fork >= HD_FORK_CANCUN);
        assert_word_equal(case_slot(c, CASE_C, 3), u64(fork >= HD_FORK_CANCUN ? 4 : 0));
        uint64_t gas = 3 + (fork >= HD_FORK_TANGERINE ? 5000 + 25000 : 0) +
                       (fork >= HD_FORK_BERLIN ? 2600 : 0);
        uint64_t refund = fork < HD_FORK_LONDON ? HD_MIN(24000, (21000 + gas) / 2) : 0;
        assert_int_equal(r->gas_used, 21000 + gas - refund);
    }
}

static void selfdestruct_to_itself_burns_only_what_is_deleted(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_SHANGHAI; fork <= HD_FORK_CANCUN; fork++) {
        evm_case *c = case_new(fork);
        case_contract(c, CASE_C, code_selfdestruct(0, CASE_C), 55);
        case_succeeds(c);
        assert_int_equal(case_exists(c, CASE_C), fork == HD_FORK_CANCUN);
        assert_word_equal(case_balance(c, CASE_C), u64(fork == HD_FORK_CANCUN ? 55 : 0));
    }
    /* Created in this transaction: gone with its balance in Cancun too. */
    evm_case *c = case_new(HD_FORK_CANCUN);
    evm_asm *init = asm_new(1);
    asm_op(init, HD_OP_ADDRESS);
    asm_op(init, HD_OP_SELFDESTRUCT);
    case_contract(c, CASE_C, code_factory(0, HD_OP_CREATE), 0);
    case_calldata(c, init->b, init->sz);
    c->tx.value_wei = u64(55);
    case_succeeds(c);
    assert_false(hd_u256_is_zero(case_word(c, 0)));
    assert_false(case_exists(c, address_of_word(case_word(c, 0))));
    assert_word_equal(case_balance(c, CASE_C), u64(0));
}

static void a_contract_created_and_destroyed_in_one_transaction_is_gone_in_cancun(void **state) {
    (void)state;
    for (uint32_t is_balance_before = 0; is_balance_before < 2; is_balance_before++) {
        evm_case *c = case_new(HD_FORK_CANCUN);
        evm_asm *init = asm_new(1);
        asm_sstore(init, 1, 2);
        asm_push_addr(init, CASE_X);
        asm_op(init, HD_OP_SELFDESTRUCT);
        hd_address target = create2_of(CASE_C, u64(7), init);
        if (is_balance_before)
            case_account(c, target, 0, 30);
        case_contract(c, CASE_C, code_factory(0, HD_OP_CREATE2), 0);
        case_calldata(c, init->b, init->sz);
        c->tx.value_wei = u64(5);
        case_succeeds(c);
        assert_word_equal(case_word(c, 0), addr_word(target));
        assert_false(case_exists(c, target));
        assert_word_equal(case_slot(c, target, 1), u64(0));
        assert_word_equal(case_balance(c, CASE_X), u64(is_balance_before ? 35 : 5));
    }
}

static void what_is_sent_to_a_destroyed_contract_later_is_lost(void **state) {
    (void)state;
    evm_case *c = case_new(HD_FORK_SHANGHAI);
    evm_asm *a = asm_new(0);
    asm_call(a, HD_OP_CALL, CASE_D, (asm_call_args){.gas = 100000});
    asm_call(a, HD_OP_CALL, CASE_D, (asm_call_args){.gas = 0, .value = 9});
    asm_op(a, HD_OP_ADD);
    asm_return_top(a);
    case_contract(c, CASE_C, a, 9);
    case_contract(c, CASE_D, code_selfdestruct(1, CASE_D), 3);
    case_succeeds(c);
    assert_int_equal(case_word_u64(c, 0), 2);
    assert_false(case_exists(c, CASE_D));
    assert_word_equal(case_balance(c, CASE_C), u64(0));
}

static void a_reverted_destruction_did_not_happen(void **state) {
    (void)state;
    for (uint32_t fork = HD_FORK_SHANGHAI; fork <= HD_FORK_CANCUN; fork++) {
        evm_case *c = case_new(fork);
        evm_asm *a = asm_new(0), *b = asm_new(1);
        asm_call(a, HD_OP_CALL, CASE_D, (asm_call_args){.gas = 200000});
        asm_return_top(a);
        asm_call(b, HD_OP_CALL, CASE_E, (asm_call_args){.gas = 100000});
        asm_op2(b, HD_OP_REVERT, 0, 0);
        case_contract(c, CASE_C, a, 0);
        case_contract(c, CASE_D, b, 0);
        case_contract(c, CASE_E, code_selfdestruct(2, CASE_X), 50);
        case_slot_set(c, CASE_E, 1, 1);
        case_succeeds(c);
        assert_int_equal(case_word_u64(c, 0), 0);
        assert_word_equal(case_balance(c, CASE_E), u64(50));
        assert_word_equal(case_slot(c, CASE_E, 1), u64(1));
        assert_false(case_exists(c, CASE_X));
    }
}

static void a_new_contract_begins_with_nonce_1_from_spurious_dragon_on(void **state) {
    (void)state;
    for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++) {
        evm_case *c = case_new(fork);
        case_create(c, asm_new(0));
        c->tx.value_wei = u64(1);
        const hd_receipt *r = case_succeeds(c);
        assert_true(case_exists(c, r->created));
        assert_int_equal(case_nonce(c, r->created), fork >= HD_FORK_SPURIOUS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create2_gives_the_addresses_of_eip_1014),
        cmocka_unit_test(create_gives_the_address_of_sender_and_nonce),
        cmocka_unit_test(what_has_nonce_code_or_storage_cannot_be_created),
        cmocka_unit_test(a_creating_transaction_that_collides_takes_all_its_gas),
        cmocka_unit_test(a_contract_cannot_be_created_twice_in_one_transaction),
        cmocka_unit_test(
            code_without_gas_to_store_it_leaves_an_account_in_frontier_and_halts_later),
        cmocka_unit_test(code_that_begins_with_ef_is_refused_from_london_on),
        cmocka_unit_test(code_above_24576_bytes_is_refused_from_spurious_dragon_on),
        cmocka_unit_test(initcode_above_49152_bytes_is_refused_from_shanghai_on),
        cmocka_unit_test(a_failed_creation_leaves_its_address_warm),
        cmocka_unit_test(a_reverting_creation_returns_its_data_and_a_successful_one_none),
        cmocka_unit_test(code_made_in_a_transaction_runs_in_it),
        cmocka_unit_test(selfdestruct_empties_an_old_account_and_deletes_it_only_before_cancun),
        cmocka_unit_test(selfdestruct_to_itself_burns_only_what_is_deleted),
        cmocka_unit_test(a_contract_created_and_destroyed_in_one_transaction_is_gone_in_cancun),
        cmocka_unit_test(what_is_sent_to_a_destroyed_contract_later_is_lost),
        cmocka_unit_test(a_reverted_destruction_did_not_happen),
        cmocka_unit_test(a_new_contract_begins_with_nonce_1_from_spurious_dragon_on),
    };
    return cmocka_run_group_tests(tests, NULL, case_group_teardown);
}
