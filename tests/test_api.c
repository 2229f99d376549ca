/* test_api.c - libheddle keeps what include/heddle/heddle.h promises. */
#include "hd_test.h"

#include <heddle/heddle.h>

#include "evm/hd_tx_codec.h"
#include "exec/hd_exec.h"

#define CHAIN_ID 1u
#define GWEI 1000000000ull

static heddle_word word(uint64_t x) { return heddle_word_from_u64(x); }

static heddle_address address(uint64_t x) {
    heddle_word w = word(x);
    heddle_address a;
    memcpy(a.b, w.b + 12, sizeof a.b);
    return a;
}

static heddle_word address_word(const heddle_address *a) {
    heddle_word w = word(0);
    memcpy(w.b + 12, a->b, sizeof a->b);
    return w;
}

/* 2^96 wei: nobody in these cases runs out of it. */
static heddle_word rich(void) {
    heddle_word w = word(0);
    w.b[19] = 1;
    return w;
}

static heddle_block osaka_block(void) {
    heddle_block b;
    memset(&b, 0, sizeof b);
    b.fork = HEDDLE_FORK_OSAKA;
    b.number = 1000;
    b.timestamp = 1700000000;
    b.gas_limit = 1000000000;
    b.chain_id = CHAIN_ID;
    b.coinbase = address(0xc0);
    b.base_fee_wei = word(GWEI);
    b.blob_base_fee_wei = word(1);
    b.blob_cnt_max = 9;
    return b;
}

static heddle_transaction payment(uint64_t from, uint64_t to, uint64_t wei, uint64_t nonce) {
    heddle_transaction t;
    memset(&t, 0, sizeof t);
    t.sender = address(from);
    t.to = address(to);
    t.nonce = nonce;
    t.gas_limit = 200000;
    t.value_wei = word(wei);
    t.gas_price_wei = word(2 * GWEI);
    return t;
}

static void put_account(heddle_state *s, uint64_t addr, const uint8_t *code, size_t code_sz) {
    heddle_account a;
    heddle_address at = address(addr);
    memset(&a, 0, sizeof a);
    a.balance_wei = rich();
    a.code = code;
    a.code_sz = code_sz;
    assert_int_equal(heddle_state_set_account(s, &at, &a), HEDDLE_OK);
}

/* What most cases need; the contracts live at CONTRACT and above, accounts 1000 and above are rich.
 */
typedef struct {
    heddle_engine *engine;
    heddle_state *state;
    heddle_batch *batch;
    heddle_block block;
    heddle_message why;
} bench;

#define CONTRACT 0xcc00u
#define ACCOUNT 1000u

static void bench_open(bench *b, uint32_t account_cnt) {
    heddle_engine_options options = {HEDDLE_BACKEND_HOST, 2};
    memset(b, 0, sizeof *b);
    b->block = osaka_block();
    assert_int_equal(heddle_engine_open(&b->engine, &options, &b->why), HEDDLE_OK);
    assert_int_equal(heddle_state_new(&b->state), HEDDLE_OK);
    assert_int_equal(heddle_batch_new(&b->batch, &b->block, &b->why), HEDDLE_OK);
    for (uint32_t i = 0; i < account_cnt; i++)
        put_account(b->state, ACCOUNT + i, NULL, 0);
}

static void bench_close(bench *b) {
    heddle_batch_free(b->batch);
    heddle_state_free(b->state);
    heddle_engine_close(b->engine);
}

static uint32_t add(bench *b, const heddle_transaction *t) {
    uint32_t idx = UINT32_MAX;
    heddle_err err = heddle_batch_add(b->batch, &idx, t, &b->why);
    if (err != HEDDLE_OK)
        fail_msg("%s", b->why.text);
    return idx;
}

static void run(bench *b, uint32_t flags) {
    heddle_run_options options = {flags, 0};
    heddle_err err = heddle_engine_run(b->engine, b->batch, b->state, &options, &b->why);
    if (err != HEDDLE_OK)
        fail_msg("%s", b->why.text);
}

static void run_ordered(bench *b) {
    heddle_err err = heddle_engine_run_ordered(b->engine, b->batch, b->state, NULL, &b->why);
    if (err != HEDDLE_OK)
        fail_msg("%s", b->why.text);
}

static heddle_receipt receipt(const bench *b, uint32_t idx) {
    heddle_receipt r;
    assert_int_equal(heddle_batch_get_receipt(b->batch, &r, idx), HEDDLE_OK);
    return r;
}

static void expect_status(const bench *b, uint32_t idx, uint32_t status) {
    heddle_receipt r = receipt(b, idx);
    if (r.status != status)
        fail_msg("transaction %u: %s (%s), expected %s", idx, heddle_status_name(r.status),
                 heddle_halt_name(r.error), heddle_status_name(status));
}

static heddle_word slot_of(const bench *b, uint64_t addr, uint64_t key) {
    heddle_address at = address(addr);
    heddle_word k = word(key), v;
    assert_int_equal(heddle_state_get_slot(b->state, &v, &at, &k), HEDDLE_OK);
    return v;
}

static heddle_word root_of(heddle_state *s) {
    heddle_word root;
    assert_int_equal(heddle_state_root(s, &root), HEDDLE_OK);
    return root;
}

static void expect_word(heddle_word got, heddle_word want) {
    assert_memory_equal(got.b, want.b, sizeof got.b);
}

/* balance(0xbb) is read, slot[caller] = 7 is written, log1(topic caller, data 7), returns 7. */
static const uint8_t busy_code[] = {0x60, 0xbb, 0x31, 0x50, 0x60, 0x07, 0x33, 0x55,
                                    0x60, 0x07, 0x60, 0x00, 0x52, 0x33, 0x60, 0x20,
                                    0x60, 0x00, 0xa1, 0x60, 0x20, 0x60, 0x00, 0xf3};

/* ---- cases */

static void api_version_of_header_is_that_of_library(void **state) {
    char text[32];
    (void)state;
    snprintf(text, sizeof text, "%d.%d.%d", HEDDLE_VERSION_MAJOR, HEDDLE_VERSION_MINOR,
             HEDDLE_VERSION_PATCH);
    assert_string_equal(heddle_version(), HEDDLE_VERSION_STRING);
    assert_string_equal(heddle_version(), text);
}

static void api_every_status_has_the_number_of_the_machine(void **state) {
    static const struct {
        uint32_t ours, inner;
    } pairs[] = {
        {HEDDLE_STATUS_REFUSED_TYPE, HD_TX_INVALID_TYPE},
        {HEDDLE_STATUS_REFUSED_CHAIN_ID, HD_TX_INVALID_CHAIN_ID},
        {HEDDLE_STATUS_REFUSED_SIGNATURE, HD_TX_INVALID_SIGNATURE},
        {HEDDLE_STATUS_REFUSED_NONCE_LOW, HD_TX_INVALID_NONCE_LOW},
        {HEDDLE_STATUS_REFUSED_NONCE_HIGH, HD_TX_INVALID_NONCE_HIGH},
        {HEDDLE_STATUS_REFUSED_NONCE_MAX, HD_TX_INVALID_NONCE_MAX},
        {HEDDLE_STATUS_REFUSED_SENDER_CODE, HD_TX_INVALID_SENDER_CODE},
        {HEDDLE_STATUS_REFUSED_FUNDS, HD_TX_INVALID_FUNDS},
        {HEDDLE_STATUS_REFUSED_GAS_BLOCK, HD_TX_INVALID_GAS_BLOCK},
        {HEDDLE_STATUS_REFUSED_GAS_CAP, HD_TX_INVALID_GAS_CAP},
        {HEDDLE_STATUS_REFUSED_GAS_INTRINSIC, HD_TX_INVALID_GAS_INTRINSIC},
        {HEDDLE_STATUS_REFUSED_GAS_FLOOR, HD_TX_INVALID_GAS_FLOOR},
        {HEDDLE_STATUS_REFUSED_FEE_LOW, HD_TX_INVALID_FEE_LOW},
        {HEDDLE_STATUS_REFUSED_TIP_HIGH, HD_TX_INVALID_TIP_HIGH},
        {HEDDLE_STATUS_REFUSED_INITCODE_SIZE, HD_TX_INVALID_INITCODE_SIZE},
        {HEDDLE_STATUS_REFUSED_BLOB_FEE, HD_TX_INVALID_BLOB_FEE},
        {HEDDLE_STATUS_REFUSED_BLOB_CREATE, HD_TX_INVALID_BLOB_CREATE},
        {HEDDLE_STATUS_REFUSED_BLOB_NONE, HD_TX_INVALID_BLOB_NONE},
        {HEDDLE_STATUS_REFUSED_BLOB_VERSION, HD_TX_INVALID_BLOB_VERSION},
        {HEDDLE_STATUS_REFUSED_BLOB_COUNT, HD_TX_INVALID_BLOB_COUNT},
        {HEDDLE_STATUS_REFUSED_AUTH_NONE, HD_TX_INVALID_AUTH_NONE},
        {HEDDLE_STATUS_REFUSED_AUTH_CREATE, HD_TX_INVALID_AUTH_CREATE},
        {HEDDLE_STATUS_REFUSED_FEE_OVERFLOW, HD_TX_INVALID_FEE_OVERFLOW},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_int_equal(pairs[i].ours, pairs[i].inner);
}

static void api_payment_gives_two_changes_and_a_fee_apart(void **state) {
    bench b;
    heddle_account_change c;
    heddle_account a;
    heddle_address to = address(0x7777), coinbase = address(0xc0);
    (void)state;
    bench_open(&b, 1);
    heddle_transaction t = payment(ACCOUNT, 0x7777, 5, 0);
    assert_int_equal(add(&b, &t), 0);
    heddle_word before = root_of(b.state);
    run(&b, 0);
    expect_word(root_of(b.state), before); /* a run does not change the state */
    heddle_receipt r = receipt(&b, 0);
    assert_int_equal(r.status, HEDDLE_STATUS_SUCCESS);
    assert_int_equal(r.gas_used, 21000);
    assert_int_equal(heddle_word_to_u64(&r.fee_wei), 21000 * GWEI);
    assert_int_equal(r.flags, 0);
    assert_int_equal(r.account_cnt, 2);
    assert_int_equal(heddle_batch_get_account(b.batch, &c, 0, 1), HEDDLE_OK);
    assert_memory_equal(&c.address, &to, sizeof to);
    assert_int_equal(c.flags & (HEDDLE_CHANGE_CHANGED | HEDDLE_CHANGE_EXISTED),
                     HEDDLE_CHANGE_CHANGED);
    assert_int_equal(heddle_word_to_u64(&c.balance_wei), 5);
    assert_int_equal(heddle_batch_get_account(b.batch, &c, 0, 0), HEDDLE_OK);
    assert_int_equal(c.original_nonce, 0);
    assert_int_equal(c.nonce, 1);
    assert_int_equal(heddle_state_apply(b.state, b.batch, 0), HEDDLE_OK);
    assert_int_equal(heddle_state_get_account(b.state, &a, &to), HEDDLE_OK);
    assert_int_equal(heddle_word_to_u64(&a.balance_wei), 5);
    assert_int_equal(heddle_state_get_account(b.state, &a, &coinbase), HEDDLE_OK);
    assert_int_equal(heddle_word_to_u64(&a.balance_wei), 21000 * GWEI);
    bench_close(&b);
}

static void api_call_gives_output_log_and_slot(void **state) {
    bench b;
    heddle_slot_change slot;
    heddle_account_change c;
    heddle_log log;
    heddle_address sender = address(ACCOUNT), contract = address(CONTRACT);
    uint8_t bloom[256], none[256] = {0};
    (void)state;
    bench_open(&b, 1);
    put_account(b.state, CONTRACT, busy_code, sizeof busy_code);
    heddle_transaction t = payment(ACCOUNT, CONTRACT, 0, 0);
    add(&b, &t);
    run(&b, 0);
    heddle_receipt r = receipt(&b, 0);
    assert_int_equal(r.status, HEDDLE_STATUS_SUCCESS);
    assert_int_equal(r.output_sz, 32);
    assert_int_equal(r.output[31], 7);
    assert_int_equal(r.log_cnt, 1);
    assert_int_equal(heddle_batch_get_log(b.batch, &log, 0, 0), HEDDLE_OK);
    assert_memory_equal(&log.address, &contract, sizeof contract);
    assert_int_equal(log.topic_cnt, 1);
    expect_word(log.topics[0], address_word(&sender));
    assert_int_equal(log.data_sz, 32);
    assert_int_equal(log.data[31], 7);
    assert_int_equal(r.slot_cnt, 1);
    assert_int_equal(heddle_batch_get_slot(b.batch, &slot, 0, 0), HEDDLE_OK);
    expect_word(slot.key, address_word(&sender));
    expect_word(slot.value, word(7));
    expect_word(slot.original, word(0));
    assert_int_equal(heddle_batch_get_account(b.batch, &c, 0, slot.account_idx), HEDDLE_OK);
    assert_memory_equal(&c.address, &contract, sizeof contract);
    assert_int_equal(heddle_batch_get_bloom(b.batch, bloom, 0), HEDDLE_OK);
    assert_memory_not_equal(bloom, none, sizeof bloom);
    assert_int_equal(heddle_batch_get_log(b.batch, &log, 0, 1), HEDDLE_ERR_ARGUMENT);
    assert_int_equal(heddle_batch_get_slot(b.batch, &slot, 0, 1), HEDDLE_ERR_ARGUMENT);
    assert_int_equal(heddle_batch_get_receipt(b.batch, &r, 1), HEDDLE_ERR_ARGUMENT);
    /* With reads: the account whose balance was asked for is listed too, not as a change. */
    uint32_t change_cnt = r.account_cnt, read_cnt = 0;
    run(&b, HEDDLE_RUN_READS);
    r = receipt(&b, 0);
    for (uint32_t i = 0; i < r.account_cnt; i++) {
        assert_int_equal(heddle_batch_get_account(b.batch, &c, 0, i), HEDDLE_OK);
        read_cnt += !(c.flags & HEDDLE_CHANGE_CHANGED);
    }
    assert_int_equal(r.account_cnt, change_cnt + read_cnt);
    assert_true(read_cnt > 0);
    run(&b, HEDDLE_RUN_RECEIPTS_ONLY);
    r = receipt(&b, 0);
    assert_int_equal(r.account_cnt + r.slot_cnt + r.log_cnt + r.output_sz, 0);
    assert_int_equal(r.status, HEDDLE_STATUS_SUCCESS);
    assert_int_equal(heddle_state_apply(b.state, b.batch, 0), HEDDLE_ERR_ARGUMENT);
    bench_close(&b);
}

static void api_creation_gives_address_and_code(void **state) {
    /* Initcode that deploys one byte, STOP. */
    static const uint8_t initcode[] = {0x60, 0x01, 0x60, 0x00, 0xf3};
    bench b;
    heddle_account a;
    (void)state;
    bench_open(&b, 1);
    heddle_transaction t = payment(ACCOUNT, 0, 0, 0);
    t.flags = HEDDLE_TX_CREATE;
    t.data = initcode;
    t.data_sz = sizeof initcode;
    add(&b, &t);
    run_ordered(&b);
    heddle_receipt r = receipt(&b, 0);
    assert_int_equal(r.status, HEDDLE_STATUS_SUCCESS);
    assert_int_equal(r.output_sz, 0);
    assert_int_equal(r.flags & HEDDLE_RECEIPT_CREATED, HEDDLE_RECEIPT_CREATED);
    assert_int_equal(heddle_state_get_account(b.state, &a, &r.created), HEDDLE_OK);
    assert_int_equal(a.code_sz, 1);
    assert_int_equal(a.code[0], 0);
    assert_int_equal(a.nonce, 1);
    bench_close(&b);
}

/* Compares one transaction's results in two batches. */
static void expect_equal_results(const heddle_batch *x, const heddle_batch *y, uint32_t idx) {
    heddle_receipt r, s;
    assert_int_equal(heddle_batch_get_receipt(x, &r, idx), HEDDLE_OK);
    assert_int_equal(heddle_batch_get_receipt(y, &s, idx), HEDDLE_OK);
    assert_int_equal(r.status, s.status);
    assert_int_equal(r.gas_used, s.gas_used);
    assert_int_equal(r.account_cnt, s.account_cnt);
    assert_int_equal(r.slot_cnt, s.slot_cnt);
    assert_int_equal(r.log_cnt, s.log_cnt);
    assert_int_equal(r.output_sz, s.output_sz);
    if (r.output_sz)
        assert_memory_equal(r.output, s.output, r.output_sz);
    for (uint32_t i = 0; i < r.account_cnt; i++) {
        heddle_account_change c, d;
        assert_int_equal(heddle_batch_get_account(x, &c, idx, i), HEDDLE_OK);
        assert_int_equal(heddle_batch_get_account(y, &d, idx, i), HEDDLE_OK);
        assert_memory_equal(&c.address, &d.address, sizeof c.address);
        assert_int_equal(c.flags, d.flags);
        expect_word(c.balance_wei, d.balance_wei);
        expect_word(c.code_hash, d.code_hash);
    }
    for (uint32_t i = 0; i < r.slot_cnt; i++) {
        heddle_slot_change c, d;
        assert_int_equal(heddle_batch_get_slot(x, &c, idx, i), HEDDLE_OK);
        assert_int_equal(heddle_batch_get_slot(y, &d, idx, i), HEDDLE_OK);
        assert_int_equal(c.account_idx, d.account_idx);
        expect_word(c.key, d.key);
        expect_word(c.value, d.value);
    }
    for (uint32_t i = 0; i < r.log_cnt; i++) {
        heddle_log c, d;
        assert_int_equal(heddle_batch_get_log(x, &c, idx, i), HEDDLE_OK);
        assert_int_equal(heddle_batch_get_log(y, &d, idx, i), HEDDLE_OK);
        expect_word(c.topics[0], d.topics[0]);
        assert_int_equal(c.data_sz, d.data_sz);
        assert_memory_equal(c.data, d.data, c.data_sz);
    }
}

/* Long enough that some run alone and the others at once, whose reads must not come out. */
static void api_ordered_results_do_not_tell_how_they_were_run(void **state) {
    enum { CNT = 600 };
    bench b, ordered;
    (void)state;
    bench_open(&b, CNT);
    bench_open(&ordered, CNT);
    put_account(b.state, CONTRACT, busy_code, sizeof busy_code);
    put_account(ordered.state, CONTRACT, busy_code, sizeof busy_code);
    for (uint32_t i = 0; i < CNT; i++) {
        heddle_transaction t = payment(ACCOUNT + i, CONTRACT, 0, 0);
        add(&b, &t);
        add(&ordered, &t);
    }
    run(&b, 0);
    run_ordered(&ordered);
    for (uint32_t i = 0; i < CNT; i++) {
        expect_equal_results(b.batch, ordered.batch, i);
        assert_int_equal(heddle_state_apply(b.state, b.batch, i), HEDDLE_OK);
    }
    expect_word(root_of(ordered.state), root_of(b.state));
    assert_int_equal(heddle_state_apply(ordered.state, ordered.batch, 0), HEDDLE_ERR_ARGUMENT);
    bench_close(&b);
    bench_close(&ordered);
}

/* A slot that changed, then one that was only read: the account's entry is still a change. */
static void api_a_changed_slot_before_a_read_one_changes_its_account(void **state) {
    enum { CNT = 600 };
    static const uint8_t code[] = {0x60, 0x01, 0x33, 0x55, 0x60, 0x02, 0x54, 0x50};
    bench b;
    heddle_address contract = address(CONTRACT);
    (void)state;
    bench_open(&b, CNT);
    put_account(b.state, CONTRACT, code, sizeof code);
    for (uint32_t i = 0; i < CNT; i++) {
        heddle_transaction t = payment(ACCOUNT + i, CONTRACT, 0, 0);
        add(&b, &t);
    }
    for (int is_ordered = 0; is_ordered < 2; is_ordered++) {
        if (is_ordered)
            run_ordered(&b);
        else
            run(&b, HEDDLE_RUN_READS);
        for (uint32_t i = 0; i < CNT; i++) {
            heddle_receipt r;
            heddle_slot_change s;
            heddle_account_change a;
            assert_int_equal(heddle_batch_get_receipt(b.batch, &r, i), HEDDLE_OK);
            assert_int_equal(r.account_cnt, 2);
            assert_int_equal(heddle_batch_get_slot(b.batch, &s, i, 0), HEDDLE_OK);
            assert_int_equal(s.flags, HEDDLE_CHANGE_CHANGED);
            assert_int_equal(heddle_batch_get_account(b.batch, &a, i, s.account_idx), HEDDLE_OK);
            assert_memory_equal(&a.address, &contract, sizeof contract);
            assert_true(a.flags & HEDDLE_CHANGE_CHANGED);
        }
    }
    bench_close(&b);
}

static void api_ordered_sees_what_came_before(void **state) {
    bench b;
    heddle_run_stats stats;
    heddle_word root, empty_root;
    (void)state;
    bench_open(&b, 1);
    assert_int_equal(heddle_batch_receipts_root(b.batch, &root), HEDDLE_ERR_ARGUMENT);
    run_ordered(&b); /* an empty block is a block */
    assert_int_equal(heddle_batch_receipts_root(b.batch, &empty_root), HEDDLE_OK);
    for (uint32_t i = 0; i < 3; i++) {
        heddle_transaction t = payment(ACCOUNT, 0x7777, 5, i == 2 ? 7 : i);
        add(&b, &t);
    }
    run(&b, 0); /* all against the same state: the second nonce is wrong */
    expect_status(&b, 1, HEDDLE_STATUS_REFUSED_NONCE_HIGH);
    run_ordered(&b);
    expect_status(&b, 0, HEDDLE_STATUS_SUCCESS);
    expect_status(&b, 1, HEDDLE_STATUS_SUCCESS);
    expect_status(&b, 2, HEDDLE_STATUS_REFUSED_NONCE_HIGH);
    assert_int_equal(heddle_batch_get_stats(b.batch, &stats), HEDDLE_OK);
    assert_int_equal(stats.success_cnt, 2);
    assert_int_equal(stats.refused_cnt, 1);
    assert_int_equal(stats.gas_used, 42000);
    assert_int_equal(heddle_batch_receipts_root(b.batch, &root), HEDDLE_OK);
    assert_memory_not_equal(root.b, empty_root.b, sizeof root.b);
    bench_close(&b);
}

/* ---- encoded transactions */

static void encode_signed(hd_buf *out, uint32_t key, uint64_t nonce, uint64_t chain_id,
                          heddle_address *sender) {
    hd_tx tx;
    hd_tx_envelope envelope;
    uint8_t secret[32] = {0};
    memset(&tx, 0, sizeof tx);
    memset(&envelope, 0, sizeof envelope);
    hd_store_be32(secret + 28, key);
    tx.type = HD_TX_DYNAMIC_FEE;
    tx.nonce = nonce;
    tx.gas_limit = 21000;
    tx.gas_price = hd_u256_from_u64(2 * GWEI);
    tx.to.b[19] = 0x42;
    tx.value_wei = hd_u256_from_u64(9);
    envelope.chain_id = hd_u256_from_u64(chain_id);
    assert_int_equal(hd_tx_sign(&tx, &envelope, (const uint8_t *)"", secret), HD_OK);
    memcpy(sender->b, tx.sender.b, sizeof sender->b);
    hd_buf_clear(out);
    assert_int_equal(hd_tx_encode(out, &tx, &envelope, (const uint8_t *)""), HD_OK);
}

static void api_raw_transactions_find_their_senders(void **state) {
    enum { CNT = 40 };
    bench b;
    hd_buf raw;
    heddle_address senders[CNT], sender;
    heddle_account a;
    heddle_word hash;
    (void)state;
    bench_open(&b, 1);
    hd_buf_init(&raw);
    memset(&a, 0, sizeof a);
    a.balance_wei = rich();
    for (uint32_t i = 0; i < CNT; i++) {
        encode_signed(&raw, i + 1, 0, CHAIN_ID, &senders[i]);
        if (i == 7) /* another signature: another sender, who has nothing */
            raw.data[raw.sz - 1] ^= 1;
        if (i == 8) /* s is above the group's order */
            memset(raw.data + raw.sz - 32, 0xff, 32);
        assert_int_equal(heddle_batch_add_raw(b.batch, NULL, raw.data, raw.sz, &b.why), HEDDLE_OK);
        assert_int_equal(heddle_state_set_account(b.state, &senders[i], &a), HEDDLE_OK);
    }
    encode_signed(&raw, 1, 0, CHAIN_ID + 1, &sender);
    assert_int_equal(heddle_batch_add_raw(b.batch, NULL, raw.data, raw.sz, &b.why), HEDDLE_OK);
    heddle_transaction t = payment(ACCOUNT, 1, 1, 0);
    add(&b, &t);
    assert_int_equal(heddle_batch_get_sender(b.batch, &sender, 0, &b.why), HEDDLE_OK);
    assert_memory_equal(&sender, &senders[0], sizeof sender);
    for (int is_ordered = 0; is_ordered < 2; is_ordered++) {
        if (is_ordered)
            run_ordered(&b);
        else
            run(&b, 0);
        for (uint32_t i = 0; i < CNT; i++)
            if (i != 7 && i != 8)
                expect_status(&b, i, HEDDLE_STATUS_SUCCESS);
        assert_true(receipt(&b, 7).status >= HEDDLE_STATUS_REFUSED);
        expect_status(&b, 8, HEDDLE_STATUS_REFUSED_SIGNATURE);
        expect_status(&b, CNT, HEDDLE_STATUS_REFUSED_CHAIN_ID);
        expect_status(&b, CNT + 1, HEDDLE_STATUS_SUCCESS);
    }
    for (uint32_t i = 9; i < CNT; i++) {
        assert_int_equal(heddle_batch_get_sender(b.batch, &sender, i, &b.why), HEDDLE_OK);
        assert_memory_equal(&sender, &senders[i], sizeof sender);
    }
    assert_int_equal(heddle_batch_get_sender(b.batch, &sender, 8, &b.why), HEDDLE_ERR_ABSENT);
    assert_string_equal(b.why.text, "invalid signature");
    assert_int_equal(heddle_batch_get_hash(b.batch, &hash, 0), HEDDLE_OK);
    assert_int_equal(heddle_batch_get_hash(b.batch, &hash, CNT + 1), HEDDLE_ERR_ABSENT);
    hd_buf_free(&raw);
    bench_close(&b);
}

static void api_malformed_raw_transaction_leaves_batch_as_it_was(void **state) {
    bench b;
    hd_buf raw;
    heddle_address sender;
    (void)state;
    bench_open(&b, 0);
    hd_buf_init(&raw);
    encode_signed(&raw, 3, 0, CHAIN_ID, &sender);
    for (size_t sz = 0; sz < raw.sz; sz++) {
        b.why.text[0] = 0;
        assert_int_equal(heddle_batch_add_raw(b.batch, NULL, raw.data, sz, &b.why),
                         HEDDLE_ERR_FORMAT);
        assert_true(b.why.text[0] != 0);
        assert_int_equal(heddle_batch_tx_cnt(b.batch), 0);
    }
    assert_int_equal(heddle_batch_add_raw(b.batch, NULL, NULL, 5, NULL), HEDDLE_ERR_ARGUMENT);
    assert_int_equal(heddle_batch_add_raw(b.batch, NULL, raw.data, raw.sz, NULL), HEDDLE_OK);
    assert_int_equal(heddle_batch_get_sender(b.batch, &sender, 0, NULL), HEDDLE_OK);
    hd_buf_free(&raw);
    bench_close(&b);
}

/* Bytes from strangers: whatever is taken runs to a receipt. The seed is fixed. */
static void api_mutated_raw_transactions_are_refused_or_run(void **state) {
    bench b;
    hd_buf raw;
    heddle_address sender;
    uint64_t seed = 1, taken_cnt = 0;
    (void)state;
    bench_open(&b, 1);
    hd_buf_init(&raw);
    for (uint32_t i = 0; i < 3000; i++) {
        if (i % 500 == 0)
            encode_signed(&raw, i + 1, 0, CHAIN_ID, &sender);
        uint8_t copy[256];
        assert_true(raw.sz <= sizeof copy);
        memcpy(copy, raw.data, raw.sz);
        for (uint32_t k = 0; k <= i % 3; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            copy[(seed >> 33) % raw.sz] = (uint8_t)(seed >> 56);
        }
        heddle_err err = heddle_batch_add_raw(b.batch, NULL, copy, raw.sz, &b.why);
        assert_true(err == HEDDLE_OK || err == HEDDLE_ERR_FORMAT || err == HEDDLE_ERR_LIMIT);
        taken_cnt += err == HEDDLE_OK;
    }
    assert_true(taken_cnt > 100);
    assert_int_equal(heddle_batch_tx_cnt(b.batch), taken_cnt);
    run(&b, 0);
    for (uint32_t i = 0; i < taken_cnt; i++)
        assert_true(receipt(&b, i).status != HD_TX_PENDING);
    run_ordered(&b);
    hd_buf_free(&raw);
    bench_close(&b);
}

/* ---- types of transactions */

static void api_access_list_is_charged_and_warms(void **state) {
    /* sload(5) */
    static const uint8_t code[] = {0x60, 0x05, 0x54, 0x00};
    bench b;
    heddle_word keys[2] = {word(5), word(6)};
    heddle_access_entry entry = {address(CONTRACT), keys, 2};
    (void)state;
    bench_open(&b, 1);
    put_account(b.state, CONTRACT, code, sizeof code);
    heddle_transaction t = payment(ACCOUNT, CONTRACT, 0, 0);
    add(&b, &t);
    t.type = HEDDLE_TX_ACCESS_LIST;
    t.chain_id = CHAIN_ID;
    t.access_list = &entry;
    t.access_cnt = 1;
    add(&b, &t);
    t.chain_id = CHAIN_ID + 1;
    add(&b, &t);
    run(&b, 0);
    assert_int_equal(receipt(&b, 0).gas_used, 21000 + 3 + 2100);
    assert_int_equal(receipt(&b, 1).gas_used, 21000 + 2400 + 2 * 1900 + 3 + 100);
    expect_status(&b, 2, HEDDLE_STATUS_REFUSED_CHAIN_ID);
    bench_close(&b);
}

static void api_blob_hashes_reach_the_contract(void **state) {
    /* sstore(0, blobhash(1)) */
    static const uint8_t code[] = {0x60, 0x01, 0x49, 0x60, 0x00, 0x55, 0x00};
    bench b;
    heddle_word hashes[2];
    (void)state;
    bench_open(&b, 1);
    put_account(b.state, CONTRACT, code, sizeof code);
    memset(hashes, 0x11, sizeof hashes);
    hashes[0].b[0] = hashes[1].b[0] = 1;
    heddle_transaction t = payment(ACCOUNT, CONTRACT, 0, 0);
    t.type = HEDDLE_TX_BLOB;
    t.blob_fee_wei = word(1);
    t.blob_hashes = hashes;
    t.blob_cnt = 2;
    add(&b, &t);
    run_ordered(&b);
    expect_status(&b, 0, HEDDLE_STATUS_SUCCESS);
    expect_word(slot_of(&b, CONTRACT, 0), hashes[1]);
    bench_close(&b);
}

static void api_authorization_may_come_with_signer_or_signature(void **state) {
    bench b;
    hd_auth auth;
    heddle_authorization list[2];
    heddle_account a;
    (void)state;
    bench_open(&b, 1);
    put_account(b.state, CONTRACT, busy_code, sizeof busy_code);
    memset(list, 0, sizeof list);
    list[0].address = list[1].address = address(CONTRACT);
    list[0].flags = HEDDLE_AUTH_SIGNER;
    list[0].signer = address(0x5151);
    /* Any r that is the x of a point, with any s, is the signature of somebody. */
    list[1].r = word(1);
    list[1].s = word(1);
    memset(&auth, 0, sizeof auth);
    memcpy(auth.address.b, list[1].address.b, sizeof auth.address.b);
    hd_auth_sig sig = {hd_u256_zero(), hd_u256_from_u64(1), hd_u256_from_u64(1)};
    hd_tx_auth_recover(&auth, &sig);
    assert_int_equal(auth.flags, HD_AUTH_SIGNER);
    heddle_transaction t = payment(ACCOUNT, 0x9999, 0, 0);
    t.type = HEDDLE_TX_SET_CODE;
    t.authorizations = list;
    t.authorization_cnt = 2;
    add(&b, &t);
    run_ordered(&b);
    expect_status(&b, 0, HEDDLE_STATUS_SUCCESS);
    heddle_address authority;
    memcpy(authority.b, auth.authority.b, sizeof authority.b);
    const heddle_address *signers[] = {&list[0].signer, &authority};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(heddle_state_get_account(b.state, &a, signers[i]), HEDDLE_OK);
        assert_int_equal(a.code_sz, 23);
        assert_memory_equal(a.code + 3, list[0].address.b, 20);
        assert_int_equal(a.nonce, 1);
    }
    bench_close(&b);
}

static void api_simulation_needs_neither_funds_nor_nonce(void **state) {
    bench b;
    (void)state;
    bench_open(&b, 0);
    put_account(b.state, CONTRACT, busy_code, sizeof busy_code);
    heddle_transaction t = payment(0x123456, CONTRACT, 3, 77);
    t.flags = HEDDLE_TX_SIMULATE;
    add(&b, &t);
    run(&b, 0);
    heddle_receipt r = receipt(&b, 0);
    assert_int_equal(r.status, HEDDLE_STATUS_SUCCESS);
    assert_int_equal(r.output[31], 7);
    expect_word(r.fee_wei, word(0));
    assert_true(r.gas_used < 53000); /* nothing due before the first instruction */
    bench_close(&b);
}

/* ---- what is wrong is said */

static void api_fields_that_a_type_lacks_are_refused(void **state) {
    bench b;
    heddle_access_entry entry;
    heddle_authorization auth;
    heddle_word hash = word(1);
    (void)state;
    bench_open(&b, 1);
    memset(&entry, 0, sizeof entry);
    memset(&auth, 0, sizeof auth);
    const heddle_transaction good = payment(ACCOUNT, 1, 1, 0);
    heddle_transaction bad[16];
    size_t n = 0;
    for (size_t i = 0; i < 16; i++)
        bad[i] = good;
    bad[n++].type = 5;
    bad[n++].flags = 4;
    bad[n++].flags = HEDDLE_TX_CREATE; /* with a recipient */
    bad[n++].priority_fee_wei = word(1);
    bad[n++].blob_fee_wei = word(1);
    bad[n].blob_hashes = &hash;
    bad[n++].blob_cnt = 1;
    bad[n].authorizations = &auth;
    bad[n++].authorization_cnt = 1;
    bad[n].access_list = &entry;
    bad[n++].access_cnt = 1;
    bad[n++].data_sz = 1;
    bad[n].type = 1;
    bad[n++].access_cnt = 1;
    entry.key_cnt = 1; /* keys is NULL */
    bad[n].type = 1;
    bad[n].access_list = &entry;
    bad[n++].access_cnt = 1;
    auth.flags = 2;
    bad[n].type = 4;
    bad[n].authorizations = &auth;
    bad[n++].authorization_cnt = 1;
    for (size_t i = 0; i < n; i++) {
        b.why.text[0] = 0;
        assert_int_equal(heddle_batch_add(b.batch, NULL, &bad[i], &b.why), HEDDLE_ERR_ARGUMENT);
        assert_true(b.why.text[0] != 0);
        assert_int_equal(heddle_batch_add(b.batch, NULL, &bad[i], NULL), HEDDLE_ERR_ARGUMENT);
    }
    assert_int_equal(heddle_batch_tx_cnt(b.batch), 0);
    bench_close(&b);
}

static void api_sizes_beyond_the_limits_are_refused(void **state) {
    static const uint8_t some[1] = {0};
    bench b;
    heddle_word key = word(1);
    heddle_access_entry entries[3];
    (void)state;
    bench_open(&b, 1);
    heddle_transaction t = payment(ACCOUNT, 1, 1, 0);
    t.gas_limit = (uint64_t)1 << 63;
    assert_int_equal(heddle_batch_add(b.batch, NULL, &t, &b.why), HEDDLE_ERR_LIMIT);
    t.gas_limit = 21000;
    t.data = some; /* never read: the length comes first */
    t.data_sz = SIZE_MAX;
    assert_int_equal(heddle_batch_add(b.batch, NULL, &t, &b.why), HEDDLE_ERR_LIMIT);
    t.data_sz = HEDDLE_TX_SZ_MAX + 1;
    assert_int_equal(heddle_batch_add(b.batch, NULL, &t, &b.why), HEDDLE_ERR_LIMIT);
    t.data_sz = 0;
    t.type = HEDDLE_TX_ACCESS_LIST;
    memset(entries, 0, sizeof entries);
    for (size_t i = 0; i < 3; i++) {
        entries[i].keys = &key;
        entries[i].key_cnt = UINT32_MAX;
    }
    t.access_list = entries;
    t.access_cnt = 3;
    assert_int_equal(heddle_batch_add(b.batch, NULL, &t, &b.why), HEDDLE_ERR_LIMIT);
    t.access_cnt = UINT32_MAX;
    assert_int_equal(heddle_batch_add(b.batch, NULL, &t, &b.why), HEDDLE_ERR_LIMIT);
    assert_int_equal(heddle_batch_tx_cnt(b.batch), 0);
    bench_close(&b);
}

static void api_missing_arguments_are_errors(void **state) {
    bench b;
    heddle_block bad = osaka_block();
    heddle_batch *none = NULL;
    heddle_engine *no_engine = NULL;
    heddle_word w;
    heddle_account a;
    heddle_address at = address(1);
    heddle_engine_options options = {9, 0};
    heddle_run_options run_options = {4, 0};
    const heddle_err wrong = HEDDLE_ERR_ARGUMENT;
    (void)state;
    bench_open(&b, 1);
    assert_int_equal(heddle_engine_open(NULL, NULL, NULL), wrong);
    assert_int_equal(heddle_engine_open(&no_engine, &options, NULL), wrong);
    options = (heddle_engine_options){HEDDLE_BACKEND_HOST, HEDDLE_THREADS_MAX + 1};
    assert_int_equal(heddle_engine_open(&no_engine, &options, NULL), wrong);
    bad.fork = 15;
    assert_int_equal(heddle_batch_new(&none, &bad, NULL), wrong);
    assert_int_equal(heddle_batch_reset(b.batch, &bad, NULL), wrong);
    bad = osaka_block();
    bad.ancestor_cnt = 1;
    assert_int_equal(heddle_batch_new(&none, &bad, NULL), wrong);
    bad.ancestor_cnt = 257;
    assert_int_equal(heddle_batch_new(&none, &bad, NULL), wrong);
    assert_int_equal(heddle_batch_new(&none, NULL, NULL), wrong);
    assert_null(none);
    assert_int_equal(heddle_batch_add(b.batch, NULL, NULL, NULL), wrong);
    assert_int_equal(heddle_engine_run(b.engine, b.batch, NULL, NULL, NULL), wrong);
    assert_int_equal(heddle_engine_run(b.engine, b.batch, b.state, &run_options, NULL), wrong);
    run_options = (heddle_run_options){HEDDLE_RUN_READS, 0};
    assert_int_equal(heddle_engine_run_ordered(b.engine, b.batch, b.state, &run_options, NULL),
                     wrong);
    run_options = (heddle_run_options){0, 1};
    assert_int_equal(heddle_engine_run_ordered(b.engine, b.batch, b.state, &run_options, NULL),
                     wrong);
    assert_int_equal(heddle_state_new(NULL), wrong);
    assert_int_equal(heddle_state_get_account(b.state, &a, NULL), wrong);
    assert_int_equal(heddle_state_get_account(b.state, &a, &at), HEDDLE_ERR_ABSENT);
    assert_int_equal(heddle_state_root(b.state, NULL), wrong);
    assert_int_equal(heddle_state_get_slot(b.state, &w, &at, NULL), wrong);
    heddle_batch_free(NULL);
    heddle_state_free(NULL);
    heddle_engine_close(NULL);
    bench_close(&b);
}

static void api_block_hash_that_is_missing_ends_the_run(void **state) {
    /* sstore(0, blockhash(998)), blockhash(997) */
    static const uint8_t code[] = {0x61, 0x03, 0xe6, 0x40, 0x60, 0x00, 0x55, 0x61,
                                   0x03, 0xe5, 0x40, 0x60, 0x01, 0x55, 0x00};
    bench b;
    heddle_word hashes[3] = {word(0xaa), word(0xbb), word(0xcc)};
    heddle_receipt r;
    (void)state;
    bench_open(&b, 1);
    put_account(b.state, CONTRACT, code, sizeof code);
    b.block.ancestor_hashes = hashes;
    heddle_transaction t = payment(ACCOUNT, CONTRACT, 0, 0);
    for (uint32_t cnt = 0; cnt < 3; cnt++) {
        b.block.ancestor_cnt = cnt;
        assert_int_equal(heddle_batch_reset(b.batch, &b.block, &b.why), HEDDLE_OK);
        add(&b, &t);
        assert_int_equal(heddle_engine_run_ordered(b.engine, b.batch, b.state, NULL, &b.why),
                         HEDDLE_ERR_ABSENT);
        assert_non_null(strstr(b.why.text, cnt < 2 ? "block 998" : "block 997"));
        assert_int_equal(heddle_batch_get_receipt(b.batch, &r, 0), HEDDLE_ERR_ARGUMENT);
    }
    b.block.ancestor_cnt = 3;
    assert_int_equal(heddle_batch_reset(b.batch, &b.block, &b.why), HEDDLE_OK);
    add(&b, &t);
    run_ordered(&b);
    expect_word(slot_of(&b, CONTRACT, 0), hashes[1]);
    expect_word(slot_of(&b, CONTRACT, 1), hashes[2]);
    bench_close(&b);
}

static void api_work_limit_ends_a_long_transaction(void **state) {
    /* jumpdest push0 jump */
    static const uint8_t code[] = {0x5b, 0x5f, 0x56};
    bench b;
    heddle_run_options options = {0, 1000};
    heddle_run_stats stats;
    (void)state;
    bench_open(&b, 1);
    b.block.fork = HEDDLE_FORK_PRAGUE; /* Osaka caps a transaction's gas */
    assert_int_equal(heddle_batch_reset(b.batch, &b.block, &b.why), HEDDLE_OK);
    put_account(b.state, CONTRACT, code, sizeof code);
    heddle_transaction t = payment(ACCOUNT, CONTRACT, 0, 0);
    t.gas_limit = 1000000000;
    add(&b, &t);
    assert_int_equal(heddle_engine_run(b.engine, b.batch, b.state, &options, &b.why), HEDDLE_OK);
    expect_status(&b, 0, HEDDLE_STATUS_WORK_LIMIT);
    assert_int_equal(heddle_batch_get_stats(b.batch, &stats), HEDDLE_OK);
    assert_int_equal(stats.unknown_cnt, 1);
    heddle_word before = root_of(b.state);
    assert_int_equal(heddle_state_apply(b.state, b.batch, 0), HEDDLE_OK);
    expect_word(root_of(b.state), before);
    bench_close(&b);
}

/* ---- the state by itself */

static void count_slot(void *ctx, const heddle_word *key, const heddle_word *value) {
    (void)key;
    *(uint64_t *)ctx += heddle_word_to_u64(value);
}

static void api_state_gives_back_what_was_set(void **state) {
    heddle_state *s, *copy;
    heddle_account a;
    heddle_address at = address(5), found;
    heddle_word k = word(1), v = word(10), zero = word(0), got;
    uint64_t sum = 0;
    (void)state;
    assert_int_equal(heddle_state_new(&s), HEDDLE_OK);
    assert_int_equal(heddle_state_new(&copy), HEDDLE_OK);
    heddle_word empty_root = root_of(s);
    memset(&a, 0, sizeof a);
    a.balance_wei = rich();
    a.nonce = 3;
    a.code = busy_code;
    a.code_sz = sizeof busy_code;
    assert_int_equal(heddle_state_set_account(s, &at, &a), HEDDLE_OK);
    assert_int_equal(heddle_state_set_slot(s, &at, &k, &v), HEDDLE_OK);
    k = word(2);
    assert_int_equal(heddle_state_set_slot(s, &at, &k, &v), HEDDLE_OK);
    memset(&a, 0, sizeof a);
    assert_int_equal(heddle_state_get_account(s, &a, &at), HEDDLE_OK);
    expect_word(a.balance_wei, rich());
    assert_int_equal(a.nonce, 3);
    assert_int_equal(a.code_sz, sizeof busy_code);
    assert_memory_equal(a.code, busy_code, sizeof busy_code);
    assert_int_equal(heddle_state_each_slot(s, &at, count_slot, &sum), HEDDLE_OK);
    assert_int_equal(sum, 20);
    assert_int_equal(heddle_state_copy(copy, s), HEDDLE_OK);
    expect_word(root_of(copy), root_of(s));
    assert_int_equal(heddle_state_set_slot(s, &at, &k, &zero), HEDDLE_OK);
    assert_int_equal(heddle_state_get_slot(copy, &got, &at, &k), HEDDLE_OK);
    expect_word(got, v);
    assert_int_equal(heddle_state_add_balance(s, &at, &v, HEDDLE_FORK_OSAKA), HEDDLE_OK);
    assert_int_equal(heddle_state_get_account(s, &a, &at), HEDDLE_OK);
    assert_int_equal(heddle_word_to_u64(&a.balance_wei), 10);
    assert_int_equal(heddle_state_account_max(s), 1);
    assert_int_equal(heddle_state_account_at(s, &found, &a, 0), HEDDLE_OK);
    assert_memory_equal(&found, &at, sizeof at);
    assert_int_equal(heddle_state_delete_account(s, &at), HEDDLE_OK);
    assert_int_equal(heddle_state_account_at(s, &found, &a, 0), HEDDLE_ERR_ABSENT);
    assert_int_equal(heddle_state_account_at(s, &found, &a, 1), HEDDLE_ERR_ARGUMENT);
    expect_word(root_of(s), empty_root);
    heddle_state_free(copy);
    heddle_state_free(s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(api_version_of_header_is_that_of_library),
    cmocka_unit_test(api_every_status_has_the_number_of_the_machine),
    cmocka_unit_test(api_payment_gives_two_changes_and_a_fee_apart),
    cmocka_unit_test(api_call_gives_output_log_and_slot),
    cmocka_unit_test(api_creation_gives_address_and_code),
    cmocka_unit_test(api_ordered_results_do_not_tell_how_they_were_run),
    cmocka_unit_test(api_a_changed_slot_before_a_read_one_changes_its_account),
    cmocka_unit_test(api_ordered_sees_what_came_before),
    cmocka_unit_test(api_raw_transactions_find_their_senders),
    cmocka_unit_test(api_malformed_raw_transaction_leaves_batch_as_it_was),
    cmocka_unit_test(api_mutated_raw_transactions_are_refused_or_run),
    cmocka_unit_test(api_access_list_is_charged_and_warms),
    cmocka_unit_test(api_blob_hashes_reach_the_contract),
    cmocka_unit_test(api_authorization_may_come_with_signer_or_signature),
    cmocka_unit_test(api_simulation_needs_neither_funds_nor_nonce),
    cmocka_unit_test(api_fields_that_a_type_lacks_are_refused),
    cmocka_unit_test(api_sizes_beyond_the_limits_are_refused),
    cmocka_unit_test(api_missing_arguments_are_errors),
    cmocka_unit_test(api_block_hash_that_is_missing_ends_the_run),
    cmocka_unit_test(api_work_limit_ends_a_long_transaction),
    cmocka_unit_test(api_state_gives_back_what_was_set),
};

HD_TEST_MAIN(tests)
