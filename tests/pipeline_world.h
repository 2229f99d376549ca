/* pipeline_world.h - a small world of users, contracts and random blocks of signed transactions,
   for the tests of the pipeline. */
#ifndef PIPELINE_WORLD_H
#define PIPELINE_WORLD_H

#ifndef PIPELINE_BACKEND
#error "define PIPELINE_BACKEND (HD_BACKEND_...) before including this"
#endif

#include "hd_test.h"

#include "evm/hd_tx_codec.h"
#include "exec/hd_pipeline.h"
#include "exec/hd_pipeline_serial.h"
#include "random_blocks.h"

#define USER_CNT 60u
#define TX_CNT 300u

/* Skips the case where the backend's device is absent. */
static hd_pipeline *pipeline_open(const hd_pipeline_options *options) {
    hd_pipeline *p = NULL;
    hd_err err = hd_pipeline_open(&p, options);
    if (err == HD_ERR_ABSENT) {
        print_message("no usable device\n");
        skip();
    }
    assert_int_equal(err, HD_OK);
    return p;
}

typedef struct {
    random_source r;
    hd_state *state; /* as the blocks before left it */
    hd_address users[USER_CNT];
    uint64_t nonces[USER_CNT];
    hd_env env;
    hd_buf raw;
    hd_buf data; /* of the transaction that is made */
    uint64_t off[TX_CNT + 1];
    uint32_t slot_cnt;
} world;

static void secret_of(uint8_t secret[32], uint32_t i) {
    memset(secret, 0, 32);
    secret[31] = (uint8_t)(i + 1);
    secret[5] = 0x77;
}

static void world_open(world *w, uint64_t seed, uint32_t fork) {
    memset(w, 0, sizeof *w);
    w->r.x = seed;
    w->state = hd_state_new();
    assert_non_null(w->state);
    w->slot_cnt = random_is(&w->r, 50) ? 4 : 4000;
    for (uint32_t i = 0; i < USER_CNT; i++) {
        uint8_t secret[32];
        secret_of(secret, i);
        assert_int_equal(hd_ecdsa_address(&w->users[i], secret), HD_OK);
        assert_int_equal(
            hd_state_set_balance(w->state, &w->users[i], hd_u256_from_u64(4000000000000000000u)),
            HD_OK);
        hd_address token = block_contract(BLOCK_TOKEN);
        uint32_t addr[5];
        hd_addr_from_wire(addr, &w->users[i]);
        uint8_t be[32] = {0};
        memcpy(be + 12, w->users[i].b, 20);
        assert_int_equal(
            hd_state_set_slot(w->state, &token, hd_u256_load_be(be), hd_u256_from_u64(1000000)),
            HD_OK);
    }
    for (uint32_t i = 0; i < BLOCK_KEEPER; i++) {
        static evm_asm a;
        hd_address at = block_contract(i);
        block_code(&a, i);
        assert_int_equal(hd_state_set(w->state, &at, i % 2, hd_u256_from_u64(i * 1000), a.b, a.sz),
                         HD_OK);
    }
    for (uint32_t i = BLOCK_SUMS_A; i <= BLOCK_SUMS_C; i++) {
        static evm_asm a;
        hd_address at = block_contract(i);
        block_sums(&a, seed, i);
        assert_int_equal(hd_state_set(w->state, &at, 1, hd_u256_zero(), a.b, a.sz), HD_OK);
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(
                hd_state_set_slot(w->state, &at, hd_u256_from_u64(k), hd_u256_from_u64(300 * k)),
                HD_OK);
    }
    w->env.fork = fork;
    w->env.chain_id = 1;
    w->env.number = 100;
    w->env.timestamp = 1000;
    w->env.gas_limit = 1000000000;
    w->env.coinbase = block_coinbase();
    w->env.base_fee = hd_u256_from_u64(fork >= HD_FORK_LONDON ? 7 : 0);
    w->env.blob_base_fee = hd_u256_from_u64(1);
    w->env.blob_cnt_max = 3 * TX_CNT;
}

static void world_close(world *w) {
    hd_state_free(w->state);
    hd_buf_free(&w->raw);
    hd_buf_free(&w->data);
}

/* Contracts that it may call, others and nobody, with slots that it may touch. */
static void add_access_list(world *w, hd_tx *tx, hd_buf *data) {
    tx->access_off = data->sz;
    tx->access_cnt = 1 + random_below(&w->r, 3);
    for (uint32_t i = 0; i < tx->access_cnt; i++) {
        uint8_t entry[24 + 2 * 32] = {0};
        uint32_t key_cnt = random_below(&w->r, 3);
        hd_address at = random_is(&w->r, 60)   ? block_contract(random_below(&w->r, BLOCK_KEEPER))
                        : random_is(&w->r, 50) ? w->users[random_below(&w->r, USER_CNT)]
                                               : addr_of(0xdead00 + random_below(&w->r, 40));
        memcpy(entry, at.b, 20);
        hd_store_le32(entry + 20, key_cnt);
        for (uint32_t k = 0; k < key_cnt; k++)
            hd_u256_store_be(entry + 24 + 32 * k,
                             hd_u256_from_u64(random_below(&w->r, w->slot_cnt)));
        assert_int_equal(hd_buf_append(data, entry, 24 + 32 * key_cnt), HD_OK);
        tx->access_key_cnt += key_cnt;
    }
    tx->access_sz = (uint32_t)(data->sz - tx->access_off);
}

static void add_blobs(world *w, hd_tx *tx, hd_buf *data) {
    tx->blob_off = data->sz;
    tx->blob_cnt = 1 + random_below(&w->r, 3);
    tx->blob_fee = hd_u256_from_u64(1 + random_below(&w->r, 5));
    for (uint32_t i = 0; i < tx->blob_cnt; i++) {
        uint8_t hash[32] = {1, (uint8_t)i};
        assert_int_equal(hd_buf_append(data, hash, sizeof hash), HD_OK);
    }
}

/* calm: contracts of storage and payments; wild: everything, code too. */
static void add_tx(world *w, uint32_t i, int is_wild) {
    static const uint32_t calm[] = {BLOCK_COUNTER, BLOCK_TOKEN,  BLOCK_TOKEN,  BLOCK_BRANCH,
                                    BLOCK_SEND,    BLOCK_TRY,    BLOCK_READER, BLOCK_CHILD_A,
                                    BLOCK_SUMS_A,  BLOCK_SUMS_B, BLOCK_SUMS_C};
    uint32_t from = random_is(&w->r, 20) ? 0 : random_below(&w->r, USER_CNT);
    hd_tx tx = {.nonce = w->nonces[from]++, .gas_limit = 300000};
    hd_tx_envelope g = {.chain_id = hd_u256_from_u64(1)};
    uint8_t secret[32], data[100] = {0};
    tx.type = w->env.fork >= HD_FORK_CANCUN && random_is(&w->r, 10) ? HD_TX_BLOB
              : w->env.fork >= HD_FORK_LONDON                       ? random_below(&w->r, 3)
                                                                    : HD_TX_LEGACY;
    tx.gas_price = hd_u256_from_u64(7 + random_below(&w->r, 3));
    tx.priority_fee =
        tx.type >= HD_TX_DYNAMIC_FEE ? hd_u256_from_u64(random_below(&w->r, 3)) : tx.gas_price;
    if (tx.type == HD_TX_LEGACY && w->env.fork >= HD_FORK_SPURIOUS && random_is(&w->r, 50))
        g.flags = HD_TX_ENVELOPE_PROTECTED;
    if (random_is(&w->r, 30)) { /* a payment, some to nobody, some of nothing */
        tx.to = random_is(&w->r, 60)   ? w->users[random_below(&w->r, USER_CNT)]
                : random_is(&w->r, 20) ? block_coinbase()
                                       : addr_of(0xdead00 + random_below(&w->r, 40));
        tx.value_wei = hd_u256_from_u64(random_below(&w->r, 2) * random_below(&w->r, 100000));
    } else {
        uint32_t which = is_wild ? random_below(&w->r, BLOCK_KEEPER)
                                 : calm[random_below(&w->r, sizeof calm / sizeof *calm)];
        tx.to = block_contract(which);
        hd_u256 w0 = hd_u256_from_u64(random_below(&w->r, w->slot_cnt));
        if (which == BLOCK_SEND || which == BLOCK_READER || which == BLOCK_TOKEN)
            memcpy(data + 12, w->users[random_below(&w->r, USER_CNT)].b, 20);
        else
            hd_u256_store_be(data, w0);
        data[63] = (uint8_t)random_below(&w->r, 9);
        if (which == BLOCK_CHILD_A && !random_is(&w->r, 10))
            data[63] = 0;
        hd_u256_store_be(data + 64, hd_u256_from_u64(random_below(&w->r, w->slot_cnt)));
        tx.data_sz = 96;
        if (which == BLOCK_SEND)
            tx.value_wei = hd_u256_from_u64(random_below(&w->r, 5));
    }
    secret_of(secret, from);
    hd_buf_clear(&w->data);
    assert_int_equal(hd_buf_append(&w->data, data, sizeof data), HD_OK);
    if (tx.type != HD_TX_LEGACY && random_is(&w->r, 30))
        add_access_list(w, &tx, &w->data);
    if (tx.type == HD_TX_BLOB)
        add_blobs(w, &tx, &w->data);
    assert_int_equal(hd_tx_sign(&tx, &g, w->data.data, secret), HD_OK);
    w->off[i] = w->raw.sz;
    assert_int_equal(hd_tx_encode(&w->raw, &tx, &g, w->data.data), HD_OK);
    w->off[i + 1] = w->raw.sz;
}

static hd_pipeline_block block_of(world *w, uint32_t cnt, int is_wild) {
    hd_buf_clear(&w->raw);
    for (uint32_t i = 0; i < cnt; i++)
        add_tx(w, i, is_wild);
    w->env.number++;
    w->env.timestamp += 12;
    return (hd_pipeline_block){
        .raw = w->raw.data, .off = w->off, .env = w->env, .tx_cnt = cnt, .blockhash = NULL};
}

static inline void expect_same(const hd_pipeline_result *a, const hd_pipeline_result *b) {
    assert_int_equal(a->refused_idx, b->refused_idx);
    assert_int_equal(a->refused_status, b->refused_status);
    assert_int_equal(a->gas_used, b->gas_used);
    assert_memory_equal(&a->receipts_root, &b->receipts_root, 32);
    assert_memory_equal(a->bloom, b->bloom, 256);
    assert_memory_equal(&a->state_root, &b->state_root, 32);
}

/* A copy of a block that stays while others are made. */
typedef struct {
    uint8_t raw[TX_CNT * 400];
    uint64_t off[TX_CNT + 1];
    hd_pipeline_block block;
} kept_block;

static inline void keep_block(kept_block *k, world *w, uint32_t tx_cnt) {
    k->block = block_of(w, tx_cnt, 0);
    assert_true(w->raw.sz <= sizeof k->raw);
    memcpy(k->raw, w->raw.data, w->raw.sz);
    memcpy(k->off, w->off, (tx_cnt + 1) * sizeof *k->off);
    k->block.raw = k->raw;
    k->block.off = k->off;
}

#endif
