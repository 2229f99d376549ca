/* evm_case.h - one transaction run on every host backend: the results must be the same to the last
   byte, and are then applied to the case's state. */
#ifndef EVM_CASE_H
#define EVM_CASE_H

#include "hd_test.h"

#include "crypto/hd_keccak.h"
#include "evm_asm.h"
#include "evm_compare.h"
#include "state/hd_state.h"

#define CASE_BACKEND_CNT 3u
#define CASE_DATA_MAX 131072u

/* The people of a case. All contracts are small numbers too, above the precompiles. */
#define CASE_SENDER addr_of(0xaaaa)
#define CASE_C addr_of(0xc000) /* called by the transaction unless said otherwise */
#define CASE_D addr_of(0xd000)
#define CASE_E addr_of(0xe000)
#define CASE_X addr_of(0x1111)
#define CASE_COINBASE addr_of(0xc01bc01b)
#define CASE_GAS_PRICE 10u
#define CASE_BASE_FEE 7u

typedef struct {
    hd_state *state;
    hd_env env;
    hd_tx tx;
    uint32_t batch_flags;
    uint32_t has_nonce; /* tx.nonce is the test's, not the sender's */
    uint32_t data_sz;
    _Alignas(8) uint8_t data[CASE_DATA_MAX]; /* the machine reads hd_auth in place */
    hd_exec *x[CASE_BACKEND_CNT];
    hd_results out[CASE_BACKEND_CNT];
} evm_case;

static evm_case the_case;

static inline hd_u256 u64(uint64_t x) { return hd_u256_from_u64(x); }

static inline hd_u256 u256_max(void) { return hd_u256_not(hd_u256_zero()); }

/* A case of a fork: a rich sender calls CASE_C with a million gas. It is one object, used again. */
static inline evm_case *case_new(uint32_t fork) {
    evm_case *c = &the_case;
    if (!c->state) {
        static const uint32_t backends[CASE_BACKEND_CNT] = {HD_BACKEND_HOST, HD_BACKEND_SWITCH,
                                                            HD_BACKEND_TILED};
        c->state = hd_state_new();
        assert_non_null(c->state);
        for (uint32_t i = 0; i < CASE_BACKEND_CNT; i++) {
            hd_exec_options options = {.backend = backends[i], .threads = 1};
            assert_int_equal(hd_exec_open(&c->x[i], &options), HD_OK);
        }
    }
    hd_address sender = CASE_SENDER;
    hd_state_reset(c->state);
    c->batch_flags = c->has_nonce = c->data_sz = 0;
    assert_int_equal(hd_state_set(c->state, &sender, 0, hd_u256_shl_bits(u64(1), 100), NULL, 0),
                     HD_OK);
    memset(&c->env, 0, sizeof c->env);
    c->env.fork = fork;
    c->env.number = 1000;
    c->env.timestamp = 1700000000;
    c->env.gas_limit = 1ull << 50;
    c->env.chain_id = 1;
    c->env.coinbase = CASE_COINBASE;
    c->env.base_fee = u64(fork >= HD_FORK_LONDON ? CASE_BASE_FEE : 0);
    c->env.blob_base_fee = u64(fork >= HD_FORK_CANCUN ? 5 : 0);
    c->env.blob_cnt_max = 6;
    memset(&c->tx, 0, sizeof c->tx);
    c->tx.gas_price = c->tx.priority_fee = u64(CASE_GAS_PRICE);
    c->tx.gas_limit = 1000000;
    c->tx.sender = sender;
    c->tx.to = CASE_C;
    return c;
}

static inline int case_group_teardown(void **state) {
    (void)state;
    for (uint32_t i = 0; i < CASE_BACKEND_CNT; i++) {
        hd_exec_close(the_case.x[i]);
        hd_results_free(&the_case.out[i]);
    }
    hd_state_free(the_case.state);
    memset(&the_case, 0, sizeof the_case);
    return 0;
}

static inline void case_account(evm_case *c, hd_address a, uint64_t nonce, uint64_t wei) {
    assert_int_equal(hd_state_set(c->state, &a, nonce, u64(wei), NULL, 0), HD_OK);
}

/* A contract with nonce 1 and this balance. */
static inline void case_contract(evm_case *c, hd_address a, const evm_asm *code, uint64_t wei) {
    assert_int_equal(hd_state_set(c->state, &a, 1, u64(wei), code->b, code->sz), HD_OK);
}

/* An account of the given nonce delegated to another (EIP-7702). */
static inline void case_delegated(evm_case *c, hd_address a, uint64_t nonce, hd_address to) {
    uint8_t code[23] = {0xef, 0x01, 0x00};
    memcpy(code + 3, to.b, 20);
    assert_int_equal(hd_state_set(c->state, &a, nonce, u64(0), code, sizeof code), HD_OK);
}

static inline void case_slot_set(evm_case *c, hd_address a, uint64_t key, uint64_t value) {
    assert_int_equal(hd_state_set_slot(c->state, &a, u64(key), u64(value)), HD_OK);
}

/* Appends to the batch's bytes at a multiple of 8 and gives the place. */
static inline uint64_t case_data(evm_case *c, const void *p, size_t sz) {
    uint64_t at = c->data_sz;
    assert_true(sz <= CASE_DATA_MAX - 8 - c->data_sz);
    if (sz)
        memcpy(c->data + at, p, sz);
    c->data_sz = (uint32_t)(at + sz + 7) & ~7u;
    return at;
}

static inline void case_calldata(evm_case *c, const void *p, size_t sz) {
    c->tx.data_off = case_data(c, p, sz);
    c->tx.data_sz = (uint32_t)sz;
}

/* The transaction creates a contract. */
static inline void case_create(evm_case *c, const evm_asm *initcode) {
    c->tx.flags |= HD_TX_CREATE;
    memset(&c->tx.to, 0, sizeof c->tx.to);
    case_calldata(c, initcode->b, initcode->sz);
}

static inline hd_u256 case_balance(const evm_case *c, hd_address a) {
    hd_state_account s;
    return hd_state_get(&s, c->state, &a) == HD_OK ? s.balance_wei : hd_u256_zero();
}

static inline int case_exists(const evm_case *c, hd_address a) {
    hd_state_account s;
    return hd_state_get(&s, c->state, &a) == HD_OK;
}

static inline uint64_t case_nonce(const evm_case *c, hd_address a) {
    hd_state_account s;
    return hd_state_get(&s, c->state, &a) == HD_OK ? s.nonce : 0;
}

static inline uint32_t case_code_sz(const evm_case *c, hd_address a) {
    hd_state_account s;
    return hd_state_get(&s, c->state, &a) == HD_OK ? s.code_sz : 0;
}

static inline hd_u256 case_slot(const evm_case *c, hd_address a, uint64_t key) {
    return hd_state_get_slot(c->state, &a, u64(key));
}

/* Runs the transaction on all backends, compares, applies. The receipt lives until the next run. */
static inline const hd_receipt *case_run(evm_case *c) {
    hd_world world;
    hd_state_world(&world, c->state);
    if (!c->has_nonce)
        c->tx.nonce = case_nonce(c, c->tx.sender);
    for (uint32_t i = 0; i < CASE_BACKEND_CNT; i++) {
        hd_batch b = {.worlds = &world,
                      .envs = &c->env,
                      .txs = &c->tx,
                      .data = c->data,
                      .data_sz = c->data_sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = 1,
                      .flags = c->batch_flags};
        assert_int_equal(hd_exec_run(c->x[i], &c->out[i], &b), HD_OK);
        const char *what = compare_tx(&c->out[0], &c->out[i], 0, 1);
        if (what) {
            compare_print("plain", &c->out[0].receipts[0]);
            compare_print(i == 1 ? "switch" : "tiled", &c->out[i].receipts[0]);
            fail_msg("the backends differ: %s", what);
        }
    }
    const hd_results *o = &c->out[0];
    assert_int_equal(hd_state_apply(c->state, o->receipts, o->accounts, o->slots, o->bytes,
                                    &c->env.coinbase, c->env.fork),
                     HD_OK);
    return o->receipts;
}

static inline const hd_receipt *case_expect(evm_case *c, uint32_t status, uint32_t error) {
    const hd_receipt *r = case_run(c);
    if (r->status != status || r->error != error)
        fail_msg("want %s (%s), have %s (%s)", hd_tx_status_name(status), hd_evm_error_name(error),
                 hd_tx_status_name(r->status), hd_evm_error_name(r->error));
    return r;
}

static inline const hd_receipt *case_succeeds(evm_case *c) {
    return case_expect(c, HD_TX_SUCCESS, 0);
}

static inline const hd_receipt *case_halts(evm_case *c, uint32_t error) {
    return case_expect(c, HD_TX_HALT, error);
}

/* A refused transaction changes nothing, and its receipt says so. */
static inline void case_refused(evm_case *c, uint32_t status) {
    uint64_t nonce = case_nonce(c, c->tx.sender);
    hd_u256 wei = case_balance(c, c->tx.sender);
    const hd_receipt *r = case_expect(c, status, 0);
    assert_int_equal(r->gas_used, 0);
    assert_int_equal(r->account_cnt, 0);
    assert_int_equal(case_nonce(c, c->tx.sender), nonce);
    assert_true(hd_u256_is_equal(case_balance(c, c->tx.sender), wei));
}

static inline const uint8_t *case_output(const evm_case *c, uint32_t sz) {
    const hd_receipt *r = c->out[0].receipts;
    assert_int_equal(r->output_sz, sz);
    return c->out[0].bytes + r->output_off;
}

/* The output is words; gives the idx-th. */
static inline hd_u256 case_word(const evm_case *c, uint32_t idx) {
    const hd_receipt *r = c->out[0].receipts;
    assert_true(32 * idx + 32 <= r->output_sz);
    return hd_u256_load_be(c->out[0].bytes + r->output_off + 32 * idx);
}

static inline uint64_t case_word_u64(const evm_case *c, uint32_t idx) {
    hd_u256 x = case_word(c, idx);
    assert_true(hd_u256_fits_u64(x));
    return x.w[0];
}

#define assert_word_equal(a, b) assert_true(hd_u256_is_equal((a), (b)))

/* Whether the transaction read this account (with HD_BATCH_READS). */
static inline int case_has_read(const evm_case *c, hd_address a) {
    const hd_results *o = &c->out[0];
    for (uint32_t i = 0; i < o->receipts->account_cnt; i++)
        if (memcmp(&o->accounts[o->receipts->account_off + i].addr, &a, sizeof a) == 0)
            return 1;
    return 0;
}

/* The address of a hexadecimal string of 40 digits. */
static inline hd_address addr_hex(const char *text) {
    hd_address a;
    for (uint32_t i = 0; i < 20; i++) {
        unsigned x = 0;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &x), 1);
        a.b[i] = (uint8_t)x;
    }
    return a;
}

/* EIP-1014, from its text and not from the machine's code. */
static inline hd_address create2_of(hd_address from, hd_u256 salt, const evm_asm *initcode) {
    uint8_t b[85] = {0xff}, h[32];
    hd_address a;
    memcpy(b + 1, from.b, 20);
    hd_u256_store_be(b + 21, salt);
    hd_keccak256(b + 53, initcode->b, initcode->sz);
    hd_keccak256(h, b, sizeof b);
    memcpy(a.b, h + 12, 20);
    return a;
}

#endif
