/* rule_blocks.h - blocks made by hand, one for a rule, and run in every way. */
#ifndef RULE_BLOCKS_H
#define RULE_BLOCKS_H

#include "hd_test.h"

#include "exec/hd_exec_ordered.h"
#include "random_blocks.h"

#define RICH_CNT 64u /* accounts 0 to 63 can pay for everything */
#define MANY 60u

static random_block the_block;
static uint64_t nonces[RICH_CNT];

static inline hd_u256 word(uint64_t x) { return hd_u256_from_u64(x); }
static inline hd_u256 whom(hd_address a) { return addr_word(a); }
static inline hd_address nobody(uint32_t i) { return addr_of(0x99990000u + i); }

/* ---- making blocks */

/* The contracts of random_blocks.h without storage, and the rich accounts. */
static inline random_block *begin(uint32_t fork) {
    static evm_asm code;
    random_block *b = &the_block;
    assert_int_equal(random_block_reset(b), HD_OK);
    memset(nonces, 0, sizeof nonces);
    b->fork = b->r.fork = fork;
    b->tx_cnt = 0;
    b->env_cnt = 1;
    b->known_number = 0;
    hd_env *e = &b->envs[0];
    memset(e, 0, sizeof *e);
    e->fork = fork;
    e->number = 1000;
    e->timestamp = 1700000000;
    e->gas_limit = 1000000000;
    e->chain_id = 1;
    e->coinbase = block_coinbase();
    e->base_fee = word(fork >= HD_FORK_LONDON ? 7 : 0);
    e->blob_base_fee = word(fork >= HD_FORK_CANCUN);
    e->blob_cnt_max = 6;
    for (uint32_t i = 0; i < RICH_CNT; i++) {
        hd_address a = block_account(i);
        assert_int_equal(hd_state_set(b->first, &a, 0, hd_u256_shl_bits(word(1), 70), NULL, 0),
                         HD_OK);
    }
    for (uint32_t i = 0; i < BLOCK_CONTRACT_CNT; i++) {
        hd_address a = block_contract(i);
        block_code(&code, i);
        assert_int_equal(hd_state_set(b->first, &a, 1, word(0), code.b, code.sz), HD_OK);
    }
    return b;
}

static inline void set_slot(uint32_t contract, hd_u256 key, uint64_t value) {
    hd_address a = block_contract(contract);
    assert_int_equal(hd_state_set_slot(the_block.first, &a, key, word(value)), HD_OK);
}

static inline void set_balance(hd_address a, uint64_t wei) {
    assert_int_equal(hd_state_set_balance(the_block.first, &a, word(wei)), HD_OK);
}

static inline hd_address put_code(uint32_t idx, const evm_asm *code) {
    hd_address a = addr_of(0xcc00 + idx);
    assert_int_equal(hd_state_set(the_block.first, &a, 1, word(0), code->b, code->sz), HD_OK);
    return a;
}

static inline hd_tx *add(uint32_t from, hd_address to, uint64_t value, uint64_t gas) {
    random_block *b = &the_block;
    assert_true(b->tx_cnt < BLOCK_TX_MAX);
    hd_tx *tx = &b->txs[b->tx_cnt++];
    memset(tx, 0, sizeof *tx);
    tx->sender = block_account(from);
    tx->nonce = from < RICH_CNT ? nonces[from]++ : 0;
    tx->to = to;
    tx->value_wei = word(value);
    tx->gas_limit = gas;
    tx->gas_price = tx->priority_fee = word(10);
    return tx;
}

static inline hd_tx *pay(uint32_t from, hd_address to, uint64_t value) {
    return add(from, to, value, 100000);
}

static inline hd_tx *call(uint32_t from, hd_address to, hd_u256 w0, hd_u256 w1, hd_u256 w2) {
    uint8_t bytes[96];
    hd_u256_store_be(bytes, w0);
    hd_u256_store_be(bytes + 32, w1);
    hd_u256_store_be(bytes + 64, w2);
    hd_tx *tx = add(from, to, 0, 700000);
    tx->data_off = block_put(&the_block, bytes, sizeof bytes);
    tx->data_sz = sizeof bytes;
    return tx;
}

static inline hd_tx *ask(uint32_t from, uint32_t contract, hd_u256 w0, uint64_t w1, hd_u256 w2) {
    return call(from, block_contract(contract), w0, word(w1), w2);
}

static inline hd_tx *create(uint32_t from, const evm_asm *init) {
    hd_tx *tx = add(from, addr_of(0), 0, 700000);
    tx->flags = HD_TX_CREATE;
    tx->data_off = block_put(&the_block, init->b, init->sz);
    tx->data_sz = init->sz;
    return tx;
}

/* A delegation of `authority` to `to` (zero clears it); the authority's nonce is counted. */
static inline hd_tx *delegate(uint32_t from, uint32_t authority, hd_address to) {
    hd_auth auth;
    memset(&auth, 0, sizeof auth);
    hd_tx *tx = add(from, nobody(0), 0, 200000);
    auth.authority = block_account(authority);
    auth.nonce = nonces[authority]++;
    auth.address = to;
    auth.flags = HD_AUTH_SIGNER;
    tx->type = HD_TX_SET_CODE;
    tx->auth_cnt = 1;
    tx->auth_off = block_put(&the_block, &auth, sizeof auth);
    return tx;
}

/* ---- running them */

static inline void expect_serial(void) {
    static const block_way ways[] = {
        {HD_BACKEND_HOST, 1, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 5, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 16, 3, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL, 300},
        {HD_BACKEND_HOST, 2, 0, 0, 0},
        {HD_BACKEND_HOST, 1, 1, 0, 0},
        {HD_BACKEND_TILED, 2, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_TILED, 2, 0, HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS, 0},
        {HD_BACKEND_SWITCH, 2, 0, HD_ORDERED_NEVER_SERIAL, 0},
        {HD_BACKEND_CUDA, 1, 0, HD_ORDERED_NEVER_SERIAL, 0}, /* where there is one */
    };
    block_tally tally;
    hd_ordered_stats stats;
    char why[256];
    hd_state *s = hd_state_new();
    memset(&tally, 0, sizeof tally);
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
}

/* What the rounds of the block, which ran serially already, come to. */
static inline hd_ordered_stats rounds_of(void) {
    static const block_way way = {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL, 0};
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 2};
    hd_ordered_stats stats;
    hd_exec *x = NULL;
    hd_state *s = hd_state_new();
    char why[256];
    assert_non_null(s);
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    assert_int_equal(random_block_check(why, sizeof why, &stats, &the_block, x, s, &way), HD_OK);
    hd_exec_close(x);
    hd_state_free(s);
    return stats;
}

/* How often its transactions run again. */
static inline uint64_t rerun_cnt(void) { return rounds_of().rerun_cnt; }

/* What the serial run left. */
static inline uint64_t slot_after(hd_address a, hd_u256 key) {
    return hd_state_get_slot(the_block.last, &a, key).w[0];
}
static inline uint64_t slot_of(uint32_t contract, hd_u256 key) {
    return slot_after(block_contract(contract), key);
}
static inline int is_there(hd_address a) {
    hd_state_account account;
    return hd_state_get(&account, the_block.last, &a) == HD_OK;
}
static inline uint32_t status_of(uint32_t i) { return the_block.outcomes[i].status; }
static inline uint64_t gas_of(uint32_t i) { return the_block.outcomes[i].gas_used; }

#endif
