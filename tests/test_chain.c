/* test_chain.c - chains of blocks: import of a chain that crosses every fork, fork choice,
   reorganisation, refused blocks. */
#include "hd_test.h"

#include <unistd.h>

#include "base/hd_file.h"
#include "base/hd_rlp.h"
#include "base/hd_threads.h"
#include "exec/hd_chain.h"
#include "exec/hd_genesis.h"

/* ---- a chain with everything it needs */

typedef struct {
    hd_chain_config config;
    hd_state *state;
    hd_exec *exec;
    hd_chain_memory *memory;
    hd_chain *c;
    hd_block genesis;
} chain;

static void open_chain(chain *x, int is_serial) {
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 2};
    x->memory = hd_chain_memory_new();
    assert_non_null(x->memory);
    assert_int_equal(hd_exec_open(&x->exec, &options), HD_OK);
    hd_chain_options o = {.config = &x->config,
                          .state = x->state,
                          .store = hd_chain_memory_store(x->memory),
                          .exec = {.exec = x->exec,
                                   .chunk_cnt = is_serial ? 1 : 0,
                                   .ordered_flags = is_serial ? 0 : HD_ORDERED_NEVER_SERIAL}};
    assert_int_equal(hd_chain_open(&x->c, &o), HD_OK);
}

static void close_chain(chain *x) {
    hd_chain_close(x->c);
    hd_chain_memory_free(x->memory);
    hd_exec_close(x->exec);
    hd_state_free(x->state);
    hd_block_free(&x->genesis);
}

static void assert_state_is_the_heads(const chain *x) {
    hd_hash root, want = hd_chain_head(x->c)->header.state_root;
    assert_int_equal(hd_state_root(&root, x->state), HD_OK);
    assert_memory_equal(&root, &want, sizeof root);
    /* And so do the tries that the chain keeps, whatever was undone and redone. */
    assert_int_equal(hd_chain_root(&root, x->c), HD_OK);
    assert_memory_equal(&root, &want, sizeof root);
}

/* ---- a chain that somebody else made */

static void import_others(int is_serial) {
    chain x;
    char path[512];
    hd_msg msg = {""};
    hd_buf file = {0};
    hd_block_verdict verdict;
    uint32_t cnt = 0;
    memset(&x, 0, sizeof x);
    hd_test_fixture(path, sizeof path, "rpc/execution-apis/genesis.json");
    x.state = hd_state_new();
    assert_int_equal(hd_genesis_load(&x.genesis, &x.config, x.state, &msg, path), HD_OK);
    open_chain(&x, is_serial);
    assert_int_equal(hd_chain_start(x.c, &verdict, &x.genesis), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_VALID);
    hd_test_fixture(path, sizeof path, "rpc/execution-apis/chain.rlp");
    assert_int_equal(hd_file_read(&file, &msg, path, HD_FILE_SZ_MAX), HD_OK);
    for (hd_span rest = hd_buf_span(&file); rest.sz; cnt++) {
        hd_rlp_item item;
        assert_int_equal(hd_rlp_read(&item, &rest, NULL, rest), HD_OK);
        assert_int_equal(hd_chain_import(x.c, &verdict, item.whole), HD_OK);
        assert_string_equal(verdict.msg.text, "");
        assert_int_equal(verdict.status, HD_BLOCK_VALID);
    }
    assert_true(cnt > 10);
    assert_int_equal(hd_chain_head(x.c)->header.number, cnt);
    assert_state_is_the_heads(&x);
    hd_buf_free(&file);
    close_chain(&x);
}

static void chain_across_every_fork_imports_serially(void **state) {
    (void)state;
    import_others(1);
}

static void chain_across_every_fork_imports_in_parallel(void **state) {
    (void)state;
    import_others(0);
}

/* ---- chains of our own */

static const uint8_t secret[32] = {[31] = 9};

static void open_own(chain *x, const char *network) {
    hd_address sender;
    hd_block_verdict verdict;
    memset(x, 0, sizeof *x);
    assert_int_equal(hd_chain_config_named(&x->config, NULL, network), HD_OK);
    assert_int_equal(hd_ecdsa_address(&sender, secret), HD_OK);
    x->state = hd_state_new();
    assert_int_equal(hd_state_set_balance(x->state, &sender, hd_u256_make(0, 0, 1, 0)), HD_OK);
    hd_header *h = &x->genesis.header;
    h->difficulty = hd_u256_from_u64(131072);
    h->gas_limit = 10000000;
    h->field_cnt = HD_HEADER_FIELDS_FRONTIER;
    assert_int_equal(hd_state_root(&h->state_root, x->state), HD_OK);
    assert_int_equal(hd_block_roots(&x->genesis), HD_OK);
    open_chain(x, 1);
    assert_int_equal(hd_chain_start(x->c, &verdict, &x->genesis), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_VALID);
}

static void add_transfer(hd_block *b, uint64_t nonce, uint8_t to, uint64_t gas_limit) {
    hd_tx tx = {.nonce = nonce, .gas_limit = gas_limit};
    hd_tx_envelope envelope = {.flags = 0}; /* unprotected: valid in every fork */
    tx.value_wei = hd_u256_from_u64(1000);
    tx.gas_price = tx.priority_fee = hd_u256_from_u64(1);
    memset(tx.to.b, to, sizeof tx.to.b);
    assert_int_equal(hd_tx_sign(&tx, &envelope, b->data.data, secret), HD_OK);
    assert_int_equal(hd_block_add_tx(b, &tx, &envelope), HD_OK);
}

/* A valid child of x's head with tx_cnt transfers, as RLP; x itself does not see it. */
static void make_child(hd_buf *rlp, const chain *x, uint64_t seconds, uint32_t tx_cnt,
                       uint8_t mark) {
    const hd_chain_entry *parent = hd_chain_head(x->c);
    hd_block b = {0};
    hd_block_result result = {0};
    hd_block_verdict verdict = {0};
    hd_undo undo = {0};
    hd_chain_rules rules;
    hd_address sender;
    hd_state_account account;
    hd_chain_place place = {.number = parent->header.number + 1,
                            .timestamp = parent->header.timestamp + seconds,
                            .parent_difficulty = parent->total_difficulty};
    assert_int_equal(hd_chain_rules_at(&rules, NULL, &x->config, &place), HD_OK);
    b.header = parent->header;
    b.header.parent_hash = parent->hash;
    b.header.number = place.number;
    b.header.timestamp = place.timestamp;
    memset(b.header.coinbase.b, mark, 20);
    hd_difficulty_input in = {.parent_difficulty = parent->header.difficulty,
                              .parent_timestamp = parent->header.timestamp,
                              .timestamp = place.timestamp,
                              .number = place.number,
                              .rules = rules.difficulty};
    b.header.difficulty = rules.flags & HD_RULES_MERGED ? hd_u256_zero() : hd_difficulty(&in);
    if (rules.fork >= HD_FORK_LONDON) {
        b.header.field_cnt = HD_HEADER_FIELDS_LONDON;
        b.header.base_fee = hd_u256_from_u64(1000000000);
    }
    assert_int_equal(hd_ecdsa_address(&sender, secret), HD_OK);
    assert_int_equal(hd_state_get(&account, x->state, &sender), HD_OK);
    for (uint32_t i = 0; i < tx_cnt; i++)
        add_transfer(&b, account.nonce + i, (uint8_t)(mark + i), 21000);
    hd_block_exec_options o = {.exec = x->exec, .chunk_cnt = 1, .flags = HD_BLOCK_EXEC_NO_CHECK};
    assert_int_equal(hd_block_recover(&verdict, &b, &rules, NULL), HD_OK);
    assert_int_equal(hd_block_exec(&result, &verdict, x->state, &undo, &b, &rules, &o), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_VALID);
    assert_int_equal(hd_undo_apply(x->state, &undo), HD_OK);
    assert_int_equal(hd_block_seal(&b, &result, &rules), HD_OK);
    hd_buf_clear(rlp);
    assert_int_equal(hd_block_encode(rlp, &b), HD_OK);
    hd_undo_free(&undo);
    hd_block_result_free(&result);
    hd_block_free(&b);
}

static uint32_t import(chain *x, const hd_buf *rlp) {
    hd_block_verdict verdict;
    assert_int_equal(hd_chain_import(x->c, &verdict, hd_buf_span(rlp)), HD_OK);
    assert_state_is_the_heads(x);
    return verdict.status;
}

static void grow(chain *x, hd_buf *rlps, uint32_t cnt, uint64_t seconds, uint8_t mark) {
    for (uint32_t i = 0; i < cnt; i++) {
        make_child(&rlps[i], x, seconds, 1 + i % 3, mark);
        assert_int_equal(import(x, &rlps[i]), HD_BLOCK_VALID);
    }
}

/* Slow blocks are easier: a branch of many of them can weigh less than one of fewer fast ones. */
static void heavier_branch_becomes_canonical_and_the_state_follows(void **state) {
    (void)state;
    chain a, b, x;
    hd_buf slow[5], fast[5];
    memset(slow, 0, sizeof slow);
    memset(fast, 0, sizeof fast);
    open_own(&a, "Homestead");
    open_own(&b, "Homestead");
    open_own(&x, "Homestead");
    grow(&a, slow, 4, 100, 0x40);
    grow(&b, fast, 5, 1, 0x60);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(import(&x, &slow[i]), HD_BLOCK_VALID);
    hd_hash old_head = hd_chain_head(x.c)->hash;
    /* Lighter, then equal or heavier: the head changes when the sum is exceeded, not before. */
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(import(&x, &fast[i]), HD_BLOCK_VALID);
        if (i < 3)
            assert_memory_equal(&hd_chain_head(x.c)->hash, &old_head, sizeof old_head);
    }
    assert_memory_equal(&hd_chain_head(x.c)->hash, &hd_chain_head(b.c)->hash, sizeof(hd_hash));
    /* A block of the branch that lost still finds its parent, and is judged there. */
    make_child(&slow[4], &a, 100, 2, 0x44);
    assert_int_equal(import(&x, &slow[4]), HD_BLOCK_VALID);
    assert_memory_equal(&hd_chain_head(x.c)->hash, &hd_chain_head(b.c)->hash, sizeof(hd_hash));
    for (uint32_t i = 0; i < 5; i++) {
        hd_buf_free(&slow[i]);
        hd_buf_free(&fast[i]);
    }
    close_chain(&a);
    close_chain(&b);
    close_chain(&x);
}

static void first_of_two_equal_branches_stays(void **state) {
    (void)state;
    chain a, b;
    hd_buf one = {0}, other = {0};
    open_own(&a, "Berlin");
    open_own(&b, "Berlin");
    make_child(&one, &a, 10, 1, 1);
    make_child(&other, &b, 10, 2, 2);
    assert_int_equal(import(&a, &one), HD_BLOCK_VALID);
    hd_hash head = hd_chain_head(a.c)->hash;
    assert_int_equal(import(&a, &other), HD_BLOCK_VALID);
    assert_memory_equal(&hd_chain_head(a.c)->hash, &head, sizeof head);
    hd_buf_free(&one);
    hd_buf_free(&other);
    close_chain(&a);
    close_chain(&b);
}

/* Changes one field of an encoded block and encodes it again. */
static void alter(hd_buf *out, const hd_buf *rlp, void (*fn)(hd_block *b)) {
    hd_block b = {0};
    assert_int_equal(hd_block_decode(&b, NULL, hd_buf_span(rlp)), HD_OK);
    fn(&b);
    hd_buf_clear(out);
    assert_int_equal(hd_block_encode(out, &b), HD_OK);
    hd_block_free(&b);
}

static void spoil_state(hd_block *b) { b->header.state_root.b[0] ^= 1; }
static void spoil_receipts(hd_block *b) { b->header.receipts_root.b[0] ^= 1; }
static void spoil_gas(hd_block *b) { b->header.gas_used++; }
static void spoil_bloom(hd_block *b) { b->header.bloom[0] ^= 1; }
static void spoil_txs(hd_block *b) { b->header.txs_root.b[0] ^= 1; }
static void spoil_parent(hd_block *b) { b->header.parent_hash.b[0] ^= 1; }
static void spoil_nonce(hd_block *b) {
    add_transfer(b, 77, 1, 21000);
    assert_int_equal(hd_block_roots(b), HD_OK);
}
/* More gas than a signed number of 64 bits, which no batch takes. */
static void spoil_gas_limit(hd_block *b) {
    add_transfer(b, 0, 1, 1ull << 63);
    assert_int_equal(hd_block_roots(b), HD_OK);
}

static void refused_block_leaves_chain_and_state_as_they_were(void **state) {
    (void)state;
    static const struct {
        void (*spoil)(hd_block *b);
        uint32_t status;
    } cases[] = {
        {spoil_state, HD_BLOCK_INVALID_STATE_ROOT},
        {spoil_receipts, HD_BLOCK_INVALID_RECEIPTS_ROOT},
        {spoil_gas, HD_BLOCK_INVALID_GAS_USED},
        {spoil_bloom, HD_BLOCK_INVALID_BLOOM},
        {spoil_txs, HD_BLOCK_INVALID_TXS_ROOT},
        {spoil_parent, HD_BLOCK_INVALID_PARENT},
        {spoil_nonce, HD_BLOCK_INVALID_TX},
        {spoil_gas_limit, HD_BLOCK_INVALID_TX},
    };
    chain x;
    hd_buf rlps[3], good = {0}, bad = {0};
    memset(rlps, 0, sizeof rlps);
    open_own(&x, "Istanbul");
    grow(&x, rlps, 3, 5, 0x20);
    make_child(&good, &x, 5, 3, 0x21);
    hd_hash head = hd_chain_head(x.c)->hash;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alter(&bad, &good, cases[i].spoil);
        assert_int_equal(import(&x, &bad), cases[i].status);
        assert_memory_equal(&hd_chain_head(x.c)->hash, &head, sizeof head);
    }
    assert_int_equal(import(&x, &good), HD_BLOCK_VALID);
    assert_int_equal(import(&x, &good), HD_BLOCK_VALID); /* again */
    assert_int_equal(hd_chain_head(x.c)->header.number, 4);
    for (uint32_t i = 0; i < 3; i++)
        hd_buf_free(&rlps[i]);
    hd_buf_free(&good);
    hd_buf_free(&bad);
    close_chain(&x);
}

static void chain_stops_at_a_fork_it_does_not_know(void **state) {
    (void)state;
    chain x;
    hd_buf rlps[2] = {{0}, {0}};
    hd_block_verdict verdict;
    open_own(&x, "Berlin");
    make_child(&rlps[0], &x, 10, 1, 1);
    make_child(&rlps[1], &x, 60, 1, 1);
    hd_chain_fork *f = &x.config.forks[x.config.fork_cnt++];
    memset(f, 0, sizeof *f);
    strcpy(f->name, "strangeBlock");
    f->fork = HD_CHAIN_FORK_UNKNOWN;
    f->at = 2;
    assert_int_equal(import(&x, &rlps[0]), HD_BLOCK_VALID);
    f->at = 1;
    assert_int_equal(hd_chain_import(x.c, &verdict, hd_buf_span(&rlps[1])), HD_ERR_UNSUPPORTED);
    assert_non_null(strstr(verdict.msg.text, "strangeBlock"));
    f->at = 2;
    assert_int_equal(import(&x, &rlps[1]), HD_BLOCK_VALID);
    hd_buf_free(&rlps[0]);
    hd_buf_free(&rlps[1]);
    close_chain(&x);
}

static void chain_resumes_where_its_store_and_state_stand(void **state) {
    (void)state;
    chain x;
    hd_buf rlps[3], next = {0};
    memset(rlps, 0, sizeof rlps);
    open_own(&x, "Byzantium");
    grow(&x, rlps, 3, 7, 0x30);
    make_child(&next, &x, 7, 2, 0x31);
    hd_hash head = hd_chain_head(x.c)->hash;
    hd_chain_close(x.c);
    hd_chain_options o = {.config = &x.config,
                          .state = x.state,
                          .store = hd_chain_memory_store(x.memory),
                          .exec = {.exec = x.exec, .chunk_cnt = 1}};
    assert_int_equal(hd_chain_open(&x.c, &o), HD_OK);
    assert_int_equal(hd_chain_resume(x.c, &head), HD_OK);
    assert_int_equal(import(&x, &next), HD_BLOCK_VALID);
    assert_int_equal(hd_chain_head(x.c)->header.number, 4);
    for (uint32_t i = 0; i < 3; i++)
        hd_buf_free(&rlps[i]);
    hd_buf_free(&next);
    close_chain(&x);
}

static hd_err load_genesis(chain *x, hd_msg *msg, const char *text) {
    char path[] = "/tmp/hd_test_genesis_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    memset(x, 0, sizeof *x);
    x->state = hd_state_new();
    hd_err err = hd_genesis_load(&x->genesis, &x->config, x->state, msg, path);
    unlink(path);
    return err;
}

static void genesis_file_gives_accounts_rules_and_header(void **state) {
    (void)state;
    chain x;
    hd_msg msg = {""};
    hd_state_account account;
    hd_address addr = {{[19] = 0xaa}};
    assert_int_equal(
        load_genesis(&x, &msg,
                     "{\"config\": {\"chainId\": 5, \"homesteadBlock\": 0, \"londonBlock\": 0,"
                     "\"terminalTotalDifficulty\": 58750000000000000000000},"
                     "\"extraData\": \"0x00112233445566778899001122334455667788990011223344\","
                     "\"nonce\": \"0x42\", \"gasLimit\": \"0x1388\", \"difficulty\": \"1024\","
                     "\"alloc\": {\"00000000000000000000000000000000000000aa\": {\"balance\":"
                     "123456789012345678901234567890, \"nonce\": \"0x7\", \"code\": \"0x6001\","
                     "\"storage\": {\"0x01\": \"0x02\"}}}}"),
        HD_OK);
    hd_chain_config mainnet;
    hd_chain_config_mainnet(&mainnet);
    assert_true(hd_u256_is_equal(x.config.terminal_difficulty, mainnet.terminal_difficulty));
    assert_int_equal(x.config.chain_id, 5);
    assert_int_equal(x.genesis.header.field_cnt, HD_HEADER_FIELDS_LONDON);
    assert_int_equal(x.genesis.header.nonce[7], 0x42);
    assert_int_equal(x.genesis.header.gas_limit, 5000);
    assert_int_equal(x.genesis.header.extra_sz, 25);
    assert_int_equal(x.genesis.header.difficulty.w[0], 1024);
    assert_int_equal(hd_state_get(&account, x.state, &addr), HD_OK);
    assert_int_equal(account.nonce, 7);
    assert_int_equal(account.code_sz, 2);
    /* 123456789012345678901234567890 */
    assert_int_equal(account.balance_wei.w[1], 0x18ee90ff6ull);
    assert_int_equal(account.balance_wei.w[0], 0xc373e0ee4e3f0ad2ull);
    hd_state_free(x.state);
    hd_block_free(&x.genesis);
}

static void malformed_genesis_file_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "{}",
        "{\"config\": {}}",
        "{\"config\": {}, \"alloc\": []}",
        "{\"config\": {}, \"alloc\": {\"0x12\": {\"balance\": \"1\"}}}",
        "{\"config\": {}, \"alloc\": {}, \"nonce\": \"0x112233445566778899\"}",
        "{\"config\": {}, \"alloc\": {}, \"number\": 123456789012345678901234}",
        "{\"config\": {}, \"alloc\": {}, \"extraData\": \"0x1\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        chain x;
        hd_msg msg = {""};
        assert_int_equal(load_genesis(&x, &msg, texts[i]), HD_ERR_FORMAT);
        assert_non_null(strstr(msg.text, "hd_test_genesis"));
        hd_state_free(x.state);
        hd_block_free(&x.genesis);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(genesis_file_gives_accounts_rules_and_header),
    cmocka_unit_test(malformed_genesis_file_is_refused_with_its_place),
    cmocka_unit_test(chain_across_every_fork_imports_serially),
    cmocka_unit_test(chain_across_every_fork_imports_in_parallel),
    cmocka_unit_test(heavier_branch_becomes_canonical_and_the_state_follows),
    cmocka_unit_test(first_of_two_equal_branches_stays),
    cmocka_unit_test(refused_block_leaves_chain_and_state_as_they_were),
    cmocka_unit_test(chain_stops_at_a_fork_it_does_not_know),
    cmocka_unit_test(chain_resumes_where_its_store_and_state_stand),
};

HD_TEST_MAIN(tests)
