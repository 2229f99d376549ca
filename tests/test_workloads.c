/* test_workloads.c - generated workloads do what they say, and the sample agrees with another
   implementation. */
#include "hd_test.h"

#include "base/hd_json.h"
#include "crypto/hd_keccak.h"
#include "exec/hd_exec_ordered.h"
#include "exec/hd_workload.h"

static void open_workload(hd_workload *w, uint32_t kind, uint32_t tx_cnt, uint64_t seed,
                          uint32_t threads) {
    hd_workload_options options = {.kind = kind,
                                   .seed = seed,
                                   .tx_cnt = tx_cnt,
                                   .account_cnt = 50,
                                   .fork = HD_FORK_OSAKA,
                                   .threads = threads};
    assert_int_equal(hd_workload_open(w, &options), HD_OK);
}

static void run_batch(hd_results *results, const hd_workload *w, uint32_t backend) {
    hd_exec_options options = {.backend = backend, .threads = 2};
    hd_exec *x = NULL;
    hd_batch batch;
    hd_world world;
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    hd_workload_batch(&batch, &world, w);
    memset(results, 0, sizeof *results);
    assert_int_equal(hd_exec_run(x, results, &batch), HD_OK);
    hd_exec_close(x);
}

static void every_transaction_of_a_workload_succeeds(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < HD_WORKLOAD_CNT; kind++) {
        hd_workload w;
        hd_sequence seq;
        hd_ordered_stats stats;
        hd_exec *x = NULL;
        hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
        open_workload(&w, kind, 100, 9, 2);
        if (kind != HD_WORKLOAD_ERC20_RANDOM) { /* whose nonces follow one another */
            hd_results results;
            run_batch(&results, &w, HD_BACKEND_HOST);
            for (size_t i = 0; i < results.receipt_cnt; i++)
                if (results.receipts[i].status != HD_TX_SUCCESS)
                    fail_msg("%s %zu: %s", hd_workload_name(kind), i,
                             hd_tx_status_name(results.receipts[i].status));
            hd_results_free(&results);
        }
        assert_int_equal(hd_exec_open(&x, &options), HD_OK);
        hd_workload_sequence(&seq, &w);
        assert_int_equal(hd_exec_ordered(x, w.state, &seq, &stats), HD_OK);
        assert_int_equal(stats.failed_cnt + stats.refused_cnt, 0);
        hd_exec_close(x);
        hd_workload_close(&w);
    }
}

static void a_seed_gives_one_workload_whatever_the_threads(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < HD_WORKLOAD_CNT; kind++) {
        hd_workload a, b, c;
        hd_hash roots[3];
        open_workload(&a, kind, 3000, 5, 1);
        open_workload(&b, kind, 3000, 5, 3);
        open_workload(&c, kind, 3000, 6, 3);
        assert_int_equal(a.data_sz, b.data_sz);
        assert_memory_equal(a.txs, b.txs, a.tx_cnt * sizeof *a.txs);
        assert_memory_equal(a.data, b.data, a.data_sz);
        assert_int_equal(hd_state_root(&roots[0], a.state), HD_OK);
        assert_int_equal(hd_state_root(&roots[1], b.state), HD_OK);
        assert_int_equal(hd_state_root(&roots[2], c.state), HD_OK);
        assert_memory_equal(&roots[0], &roots[1], sizeof roots[0]);
        assert_memory_not_equal(&roots[0], &roots[2], sizeof roots[0]);
        hd_workload_close(&a);
        hd_workload_close(&b);
        hd_workload_close(&c);
    }
}

static void workload_options_out_of_range_are_refused(void **state) {
    hd_workload w;
    hd_workload_options good = {.tx_cnt = 1, .fork = HD_FORK_OSAKA}, o = good;
    (void)state;
    o.tx_cnt = 0;
    assert_int_equal(hd_workload_open(&w, &o), HD_ERR_LIMIT);
    o = good;
    o.kind = HD_WORKLOAD_CNT;
    assert_int_equal(hd_workload_open(&w, &o), HD_ERR_LIMIT);
    o = good;
    o.account_cnt = 1; /* nobody to send to */
    assert_int_equal(hd_workload_open(&w, &o), HD_ERR_LIMIT);
    o = good;
    o.fork = HD_FORK_SHANGHAI;
    assert_int_equal(hd_workload_open(&w, &o), HD_ERR_LIMIT);
    o = good;
    o.hot_percent = 101;
    assert_int_equal(hd_workload_open(&w, &o), HD_ERR_LIMIT);
    o = good;
    o.is_chain = 1; /* of tokens */
    assert_int_equal(hd_workload_open(&w, &o), HD_ERR_LIMIT);
    assert_int_equal(hd_workload_find("erc20-hot"), HD_WORKLOAD_ERC20_HOT);
    assert_int_equal(hd_workload_find("no such thing"), HD_WORKLOAD_CNT);
}

/* keccak(pad(account) . pad(0)): Solidity's place of balances[account]. */
static hd_u256 token_balance(const hd_state *s, const hd_address *token, const hd_address *who) {
    uint8_t in[64] = {0}, key[32];
    memcpy(in + 12, who->b, 20);
    hd_keccak256(key, in, sizeof in);
    return hd_state_get_slot(s, token, hd_u256_load_be(key));
}

static void a_transfer_moves_its_amount_and_says_so(void **state) {
    hd_workload w;
    hd_results results;
    hd_address to;
    (void)state;
    open_workload(&w, HD_WORKLOAD_ERC20, 10, 2, 1);
    const hd_tx *tx = &w.txs[4];
    const uint8_t *data = w.data + tx->data_off;
    memcpy(to.b, data + 4 + 12, sizeof to.b);
    hd_u256 value = hd_u256_load_be(data + 36);
    hd_u256 from_before = token_balance(w.state, &tx->to, &tx->sender);
    hd_u256 to_before = token_balance(w.state, &tx->to, &to);
    assert_false(hd_u256_is_zero(from_before));
    run_batch(&results, &w, HD_BACKEND_HOST);
    const hd_receipt *r = &results.receipts[4];
    assert_int_equal(r->log_cnt, 1);
    assert_memory_equal(results.bytes + results.logs[r->log_off].data_off, data + 36, 32);
    assert_int_equal(r->output_sz, 32);
    assert_int_equal(results.bytes[r->output_off + 31], 1);
    assert_int_equal(hd_state_apply(w.state, r, results.accounts, results.slots, results.bytes,
                                    &w.env.coinbase, w.env.fork),
                     HD_OK);
    hd_u256 from_after = token_balance(w.state, &tx->to, &tx->sender);
    hd_u256 to_after = token_balance(w.state, &tx->to, &to);
    assert_true(hd_u256_is_equal(hd_u256_add(from_after, value), from_before));
    assert_true(hd_u256_is_equal(hd_u256_add(to_before, value), to_after));
    hd_results_free(&results);
    hd_workload_close(&w);
}

static void a_swap_never_lowers_the_product(void **state) {
    hd_workload w;
    hd_results results;
    (void)state;
    open_workload(&w, HD_WORKLOAD_SWAP, 40, 2, 1);
    run_batch(&results, &w, HD_BACKEND_HOST);
    for (uint32_t i = 0; i < w.tx_cnt; i++) {
        const hd_address *pool = &w.txs[i].to;
        const hd_receipt *r = &results.receipts[i];
        hd_u256 before = hd_state_get_slot(w.state, pool, hd_u256_from_u64(2));
        assert_int_equal(hd_state_apply(w.state, r, results.accounts, results.slots, results.bytes,
                                        &w.env.coinbase, w.env.fork),
                         HD_OK);
        hd_u256 after = hd_state_get_slot(w.state, pool, hd_u256_from_u64(2));
        hd_u256 mask = hd_u256_sub(hd_u256_shl_bits(hd_u256_from_u64(1), 112), hd_u256_from_u64(1));
        hd_u256 product[2], reserve[2] = {before, after};
        for (uint32_t k = 0; k < 2; k++)
            product[k] = hd_u256_mul(hd_u256_and(reserve[k], mask),
                                     hd_u256_and(hd_u256_shr_bits(reserve[k], 112), mask));
        assert_false(hd_u256_is_equal(before, after));
        if (i % 4 == 0) /* the others of a pool ran against its first state too */
            assert_true(hd_u256_lt(product[0], product[1]));
        assert_int_equal(r->log_cnt, 4); /* two transfers, the reserves, the swap */
    }
    hd_results_free(&results);
    hd_workload_close(&w);
}

/* ---- contracts/sample-100.json */

static hd_u256 json_num(hd_json obj, const char *key) {
    hd_hash word;
    assert_int_equal(hd_json_get_num(&word, NULL, obj, key), HD_OK);
    return hd_u256_load_be(word.b);
}

static uint64_t json_u64(hd_json obj, const char *key) {
    uint64_t x = 0;
    assert_int_equal(hd_json_get_u64(&x, NULL, obj, key), HD_OK);
    return x;
}

static void sample_alloc(hd_state *s, hd_json alloc) {
    for (hd_json_iter it = hd_json_begin(alloc); hd_json_next(&it);) {
        hd_buf code;
        hd_json val;
        hd_address addr;
        char text[64];
        hd_buf_init(&code);
        snprintf(text, sizeof text, "\"%.42s\"", it.key);
        hd_json_doc *doc = NULL;
        assert_int_equal(hd_json_parse(&doc, &val, NULL, "address", text, strlen(text), 1), HD_OK);
        assert_int_equal(hd_json_address(&addr, NULL, val), HD_OK);
        hd_json_close(doc);
        if (hd_json_find(&val, it.val, "code"))
            assert_int_equal(hd_json_bytes(&code, NULL, val), HD_OK);
        uint64_t nonce = hd_json_find(&val, it.val, "nonce") ? json_u64(it.val, "nonce") : 0;
        assert_int_equal(
            hd_state_set(s, &addr, nonce, json_num(it.val, "balance"), code.data, code.sz), HD_OK);
        if (hd_json_find(&val, it.val, "storage"))
            for (hd_json_iter slot = hd_json_begin(val); hd_json_next(&slot);) {
                hd_hash key, value;
                hd_json key_val;
                char key_text[80];
                snprintf(key_text, sizeof key_text, "\"%.66s\"", slot.key);
                assert_int_equal(
                    hd_json_parse(&doc, &key_val, NULL, "key", key_text, strlen(key_text), 1),
                    HD_OK);
                assert_int_equal(hd_json_num(&key, NULL, key_val), HD_OK);
                hd_json_close(doc);
                assert_int_equal(hd_json_num(&value, NULL, slot.val), HD_OK);
                assert_int_equal(
                    hd_state_set_slot(s, &addr, hd_u256_load_be(key.b), hd_u256_load_be(value.b)),
                    HD_OK);
            }
        hd_buf_free(&code);
    }
}

static void sample_txs(hd_tx *txs, hd_buf *data, hd_json list) {
    for (size_t i = 0; i < hd_json_cnt(list); i++) {
        hd_json val = hd_json_at(list, i);
        hd_tx *tx = &txs[i];
        memset(tx, 0, sizeof *tx);
        tx->type = HD_TX_DYNAMIC_FEE;
        tx->chain_id = json_u64(val, "chainId");
        tx->nonce = json_u64(val, "nonce");
        tx->gas_limit = json_u64(val, "gas");
        tx->gas_price = json_num(val, "maxFeePerGas");
        tx->priority_fee = json_num(val, "maxPriorityFeePerGas");
        tx->value_wei = json_num(val, "value");
        assert_int_equal(hd_json_get_address(&tx->to, NULL, val, "to"), HD_OK);
        assert_int_equal(hd_json_get_address(&tx->sender, NULL, val, "sender"), HD_OK);
        tx->data_off = data->sz;
        assert_int_equal(hd_json_get_bytes(data, NULL, val, "input"), HD_OK);
        tx->data_sz = (uint32_t)(data->sz - tx->data_off);
    }
}

typedef struct {
    hd_json receipts; /* expected */
    uint32_t cnt;
} sample_check;

static hd_err check_receipt(void *ctx, uint32_t tx_idx, const hd_receipt *r,
                            const hd_results *from) {
    sample_check *c = ctx;
    (void)from;
    hd_json want = hd_json_at(c->receipts, tx_idx);
    assert_int_equal(tx_idx, c->cnt);
    c->cnt++;
    assert_int_equal(r->gas_used, json_u64(want, "gasUsed"));
    assert_int_equal(r->status == HD_TX_SUCCESS, json_u64(want, "status"));
    return HD_OK;
}

static void the_sample_ends_as_another_implementation_says(void **state) {
    enum { TX_CNT = 100 };
    hd_json_doc *doc = NULL;
    hd_json root, val, result;
    hd_msg msg = {""};
    hd_env env;
    hd_tx txs[TX_CNT];
    hd_buf data;
    hd_hash want, got;
    hd_exec *x = NULL;
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 2};
    hd_ordered_stats stats;
    sample_check check = {.cnt = 0};
    hd_state *s = hd_state_new();
    (void)state;
    hd_buf_init(&data);
    char path[1024];
    const char *file = strrchr(__FILE__, '/'); /* this file's folder is beside contracts/ */
    snprintf(path, sizeof path, "%.*s../contracts/sample-100.json",
             file ? (int)(file - __FILE__) + 1 : 0, __FILE__);
    if (hd_json_load(&doc, &root, &msg, path, 1 << 20, HD_JSON_DEPTH_DEFAULT) != HD_OK)
        fail_msg("%s", msg.text);
    memset(&env, 0, sizeof env);
    assert_int_equal(hd_json_get(&val, NULL, root, "env"), HD_OK);
    env.fork = HD_FORK_CANCUN;
    env.chain_id = 1;
    env.number = json_u64(val, "currentNumber");
    env.timestamp = json_u64(val, "currentTimestamp");
    env.gas_limit = json_u64(val, "currentGasLimit");
    env.base_fee = json_num(val, "currentBaseFee");
    env.difficulty = json_num(val, "currentRandom");
    env.blob_base_fee = hd_u256_from_u64(1);
    assert_int_equal(hd_json_get_address(&env.coinbase, NULL, val, "currentCoinbase"), HD_OK);
    assert_int_equal(hd_json_get(&val, NULL, root, "alloc"), HD_OK);
    sample_alloc(s, val);
    assert_int_equal(hd_json_get(&val, NULL, root, "txs"), HD_OK);
    assert_int_equal(hd_json_cnt(val), TX_CNT);
    sample_txs(txs, &data, val);
    assert_int_equal(hd_json_get(&result, NULL, root, "result"), HD_OK);
    assert_int_equal(hd_json_get(&check.receipts, NULL, result, "receipts"), HD_OK);

    hd_sequence seq = {.txs = txs,
                       .envs = &env,
                       .data = data.data,
                       .data_sz = data.sz,
                       .tx_cnt = TX_CNT,
                       .env_cnt = 1,
                       .flags = HD_ORDERED_NEVER_SERIAL,
                       .receipt = check_receipt,
                       .receipt_ctx = &check};
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    assert_int_equal(hd_exec_ordered(x, s, &seq, &stats), HD_OK);
    assert_int_equal(check.cnt, TX_CNT);
    assert_int_equal(stats.gas_used, json_u64(result, "gasUsed"));
    assert_true(stats.failed_cnt > 0); /* the sample holds transfers that must revert */
    assert_int_equal(hd_state_root(&got, s), HD_OK);
    assert_int_equal(hd_json_get_hash(&want, NULL, result, "stateRoot"), HD_OK);
    assert_memory_equal(&got, &want, sizeof got);
    hd_exec_close(x);
    hd_state_free(s);
    hd_buf_free(&data);
    hd_json_close(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_transaction_of_a_workload_succeeds),
        cmocka_unit_test(a_seed_gives_one_workload_whatever_the_threads),
        cmocka_unit_test(workload_options_out_of_range_are_refused),
        cmocka_unit_test(a_transfer_moves_its_amount_and_says_so),
        cmocka_unit_test(a_swap_never_lowers_the_product),
        cmocka_unit_test(the_sample_ends_as_another_implementation_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
