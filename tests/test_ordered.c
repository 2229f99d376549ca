/* test_ordered.c - a sequence run in chunks ends as serial execution does. */
#include "hd_test.h"

#include "crypto/hd_keccak.h"
#include "exec/hd_exec_ordered.h"
#include "exec/hd_workload.h"

/* What both ways of running a sequence must agree on, one a transaction. */
typedef struct {
    uint64_t gas_used;
    uint32_t status;
    uint32_t log_cnt;
} outcome;

typedef struct {
    hd_hash root;
    outcome *outcomes;
    hd_ordered_stats stats;
} ending;

static uint64_t random_next(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15ull;
    return hd_mix64(*state);
}

static hd_err note_receipt(void *ctx, uint32_t tx_idx, const hd_receipt *r,
                           const hd_results *from) {
    ending *e = ctx;
    (void)from;
    e->outcomes[tx_idx] = (outcome){r->gas_used, r->status, r->log_cnt};
    return HD_OK;
}

/* Serial execution as plainly as it can be said; not the code under test. */
static void run_serially(ending *e, const hd_workload *w, const hd_sequence *seq) {
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    hd_exec *x = NULL;
    hd_results results;
    hd_state *s = hd_state_new();
    uint64_t left = 0;
    uint32_t blobs_left = 0;
    memset(&results, 0, sizeof results);
    memset(e, 0, sizeof *e);
    assert_non_null(s);
    assert_int_equal(hd_state_copy(s, w->state), HD_OK);
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    e->outcomes = calloc(seq->tx_cnt, sizeof *e->outcomes);
    assert_non_null(e->outcomes);
    for (uint32_t i = 0; i < seq->tx_cnt; i++) {
        hd_tx tx = seq->txs[i];
        hd_env env = seq->envs[tx.env_idx];
        hd_world world;
        if (i == 0 || tx.env_idx != seq->txs[i - 1].env_idx) {
            left = env.gas_limit;
            blobs_left = env.blob_cnt_max;
        }
        env.gas_limit = left;
        env.blob_cnt_max = blobs_left;
        tx.env_idx = 0;
        hd_state_world(&world, s);
        hd_batch batch = {.worlds = &world,
                          .envs = &env,
                          .txs = &tx,
                          .data = seq->data,
                          .data_sz = seq->data_sz,
                          .world_cnt = 1,
                          .env_cnt = 1,
                          .tx_cnt = 1};
        assert_int_equal(hd_exec_run(x, &results, &batch), HD_OK);
        const hd_receipt *r = results.receipts;
        assert_int_equal(hd_state_apply(s, r, results.accounts, results.slots, results.bytes,
                                        &env.coinbase, env.fork),
                         HD_OK);
        if (r->status < HD_TX_INVALID) {
            left -= r->gas_used;
            blobs_left -= tx.blob_cnt;
        }
        note_receipt(e, i, r, &results);
    }
    assert_int_equal(hd_state_root(&e->root, s), HD_OK);
    hd_results_free(&results);
    hd_exec_close(x);
    hd_state_free(s);
}

static void run_ordered(ending *e, const hd_workload *w, const hd_sequence *seq, uint32_t backend,
                        uint32_t threads) {
    hd_exec_options options = {.backend = backend, .threads = threads};
    hd_exec *x = NULL;
    hd_sequence own = *seq;
    hd_state *s = hd_state_new();
    memset(e, 0, sizeof *e);
    assert_non_null(s);
    assert_int_equal(hd_state_copy(s, w->state), HD_OK);
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    e->outcomes = calloc(seq->tx_cnt, sizeof *e->outcomes);
    assert_non_null(e->outcomes);
    own.receipt = note_receipt;
    own.receipt_ctx = e;
    assert_int_equal(hd_exec_ordered(x, s, &own, &e->stats), HD_OK);
    assert_int_equal(hd_state_root(&e->root, s), HD_OK);
    hd_exec_close(x);
    hd_state_free(s);
}

static void expect_equal(const ending *a, const ending *b, uint32_t tx_cnt) {
    for (uint32_t i = 0; i < tx_cnt; i++) {
        if (memcmp(&a->outcomes[i], &b->outcomes[i], sizeof(outcome)) != 0)
            fail_msg("transaction %u: %s, gas %llu; serially %s, gas %llu", i,
                     hd_tx_status_name(b->outcomes[i].status),
                     (unsigned long long)b->outcomes[i].gas_used,
                     hd_tx_status_name(a->outcomes[i].status),
                     (unsigned long long)a->outcomes[i].gas_used);
    }
    assert_memory_equal(&a->root, &b->root, sizeof a->root);
}

/* All the ways of running that shall make no difference. Returns how many transactions of chunks
   ran again, over all. */
static uint64_t expect_all_equal(const hd_workload *w, hd_sequence *seq) {
    static const struct {
        uint32_t backend, threads, chunk_cnt, flags;
    } ways[] = {
        {HD_BACKEND_HOST, 1, 1, 0},
        {HD_BACKEND_HOST, 1, 7, HD_ORDERED_NEVER_SERIAL},
        {HD_BACKEND_HOST, 2, 64, HD_ORDERED_NEVER_SERIAL},
        {HD_BACKEND_HOST, 2, 0, HD_ORDERED_NEVER_SERIAL},
        {HD_BACKEND_HOST, 2, 256, 0},
        {HD_BACKEND_TILED, 1, 300, HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS},
        {HD_BACKEND_TILED, 2, 0, 0},
    };
    ending serial, e;
    uint64_t rerun_cnt = 0;
    run_serially(&serial, w, seq);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        seq->chunk_cnt = ways[i].chunk_cnt;
        seq->flags = ways[i].flags;
        run_ordered(&e, w, seq, ways[i].backend, ways[i].threads);
        expect_equal(&serial, &e, seq->tx_cnt);
        rerun_cnt += e.stats.rerun_cnt;
        assert_int_equal(e.stats.chunk_tx_cnt + e.stats.serial_cnt, seq->tx_cnt);
        free(e.outcomes);
    }
    free(serial.outcomes);
    return rerun_cnt;
}

static void open_transfers(hd_workload *w, uint32_t tx_cnt, uint32_t account_cnt) {
    hd_workload_options options = {.kind = HD_WORKLOAD_ERC20_RANDOM,
                                   .seed = account_cnt,
                                   .tx_cnt = tx_cnt,
                                   .account_cnt = account_cnt,
                                   .fork = HD_FORK_OSAKA,
                                   .threads = 1};
    assert_int_equal(hd_workload_open(w, &options), HD_OK);
}

/* ---- cases */

static void ordered_equals_serial_at_any_conflict_rate(void **state) {
    static const uint32_t account_cnts[] = {2, 5, 40, 400, 20000};
    uint64_t rerun_cnt_before = UINT64_MAX;
    (void)state;
    for (size_t i = 0; i < sizeof account_cnts / sizeof account_cnts[0]; i++) {
        hd_workload w;
        hd_sequence seq;
        open_transfers(&w, 600, account_cnts[i]);
        hd_workload_sequence(&seq, &w);
        uint64_t rerun_cnt = expect_all_equal(&w, &seq);
        /* The fewer meet the fewer run again; but where nearly all do, they are finished in order,
           once each, and what chains guessed wrong comes on top. */
        assert_true(i < 3 ? rerun_cnt <= 600 * 7 * 2 : rerun_cnt <= rerun_cnt_before);
        rerun_cnt_before = rerun_cnt;
        hd_workload_close(&w);
    }
    assert_true(rerun_cnt_before < 1000);
}

static void ordered_equals_serial_for_every_workload(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < HD_WORKLOAD_CNT; kind++) {
        hd_workload w;
        hd_sequence seq;
        hd_workload_options options = {
            .kind = kind, .seed = 7, .tx_cnt = 300, .account_cnt = 30, .fork = HD_FORK_OSAKA};
        assert_int_equal(hd_workload_open(&w, &options), HD_OK);
        hd_workload_sequence(&seq, &w);
        expect_all_equal(&w, &seq);
        hd_workload_close(&w);
    }
}

static void ordered_without_conflicts_runs_nothing_again(void **state) {
    hd_workload w;
    hd_sequence seq;
    ending e;
    hd_workload_options options = {
        .kind = HD_WORKLOAD_ERC20, .seed = 3, .tx_cnt = 500, .fork = HD_FORK_OSAKA};
    (void)state;
    assert_int_equal(hd_workload_open(&w, &options), HD_OK);
    hd_workload_sequence(&seq, &w);
    seq.flags = HD_ORDERED_NEVER_SERIAL;
    run_ordered(&e, &w, &seq, HD_BACKEND_HOST, 2);
    assert_int_equal(e.stats.rerun_cnt, 0);
    assert_int_equal(e.stats.chunk_cnt, 1);
    assert_int_equal(e.stats.failed_cnt + e.stats.refused_cnt, 0);
    free(e.outcomes);
    hd_workload_close(&w);
}

/* The token's own account is written by no transfer, only its slots. */
static void ordered_settles_dependent_transfers_in_rounds(void **state) {
    hd_workload w;
    hd_sequence seq;
    ending serial, e;
    (void)state;
    open_transfers(&w, 1024, 16384);
    hd_workload_sequence(&seq, &w);
    run_serially(&serial, &w, &seq);
    seq.flags = HD_ORDERED_NEVER_SERIAL;
    run_ordered(&e, &w, &seq, HD_BACKEND_HOST, 2);
    expect_equal(&serial, &e, seq.tx_cnt);
    assert_int_equal(e.stats.round_cnt, 2);      /* what was paid in may be any sum */
    assert_in_range(e.stats.rerun_cnt, 80, 140); /* about 116 meet one before them */
    free(serial.outcomes);
    free(e.outcomes);
    hd_workload_close(&w);
}

/* A program written by hand: its bytes go behind the calldata of the workload. */
static uint64_t put_data(hd_workload *w, const uint8_t *bytes, size_t sz) {
    uint8_t *p = realloc(w->data, w->data_sz + sz);
    assert_non_null(p);
    memcpy(p + w->data_sz, bytes, sz);
    w->data = p;
    w->data_sz += sz;
    return w->data_sz - sz;
}

/* Initcode that stores its caller's balance and deploys one byte, STOP. */
static const uint8_t deploy_code[] = {0x33, 0x31, 0x60, 0x00, 0x55, /* sstore(0, balance(caller)) */
                                      0x60, 0x01, 0x60, 0x00, 0xf3};
/* Initcode that destroys itself in favour of the coinbase. */
static const uint8_t destroy_code[] = {0x41, 0xff};
/* Initcode that stores the coinbase's balance, so that it hangs on all fees before. */
static const uint8_t fee_code[] = {0x41, 0x31, 0x60, 0x00, 0x55, 0x00};

/* Turns some of the transfers into payments, creations, refused transactions, calls to code that
   may not be there yet, payments by and to the coinbase. Nonces are then wrong in places: those are
   refused, by both ways of running for the same reason. */
static void shake(hd_workload *w, hd_env envs[3], uint64_t seed) {
    uint64_t deploy_off = put_data(w, deploy_code, sizeof deploy_code);
    uint64_t destroy_off = put_data(w, destroy_code, sizeof destroy_code);
    uint64_t fee_off = put_data(w, fee_code, sizeof fee_code);
    for (uint32_t i = 0; i < 3; i++) {
        envs[i] = w->env;
        envs[i].number += i;
    }
    envs[1].coinbase = w->txs[0].sender; /* an account that also sends */
    envs[2].gas_limit = 3000000;         /* too little for all of the last block */
    for (uint32_t i = 0; i < w->tx_cnt; i++) {
        hd_tx *tx = &w->txs[i];
        tx->env_idx = i * 3 / w->tx_cnt;
        switch (random_next(&seed) % 16) {
        case 0: /* ether to anyone */
            tx->data_sz = 0;
            tx->to = w->txs[random_next(&seed) % w->tx_cnt].sender;
            tx->value_wei = hd_u256_from_u64(random_next(&seed));
            break;
        case 1: /* to an account that is not there; at times nothing, which must not create it */
            tx->data_sz = 0;
            memset(tx->to.b, (int)(0x50 + random_next(&seed) % 4), 20);
            tx->value_wei = hd_u256_from_u64(random_next(&seed) % 2);
            break;
        case 2: tx->nonce += random_next(&seed) % 3; break;
        case 3:
            tx->flags |= HD_TX_CREATE;
            tx->data_off = deploy_off;
            tx->data_sz = sizeof deploy_code;
            tx->gas_limit = 200000;
            break;
        case 4:
            tx->flags |= HD_TX_CREATE;
            tx->data_off = destroy_off;
            tx->data_sz = sizeof destroy_code;
            tx->value_wei = hd_u256_from_u64(random_next(&seed) % 1000);
            break;
        case 5:
            tx->flags |= HD_TX_CREATE;
            tx->data_off = fee_off;
            tx->data_sz = sizeof fee_code;
            break;
        case 6: tx->gas_price = hd_u256_from_u64(1); break; /* below the base fee */
        case 7: tx->gas_limit = 21000; break;               /* below the intrinsic gas */
        case 8: /* all there is: a later one of the same sender lacks funds */
            tx->data_sz = 0;
            tx->to = w->txs[random_next(&seed) % w->tx_cnt].sender;
            tx->value_wei = hd_u256_mul(hd_u256_from_u64(999999), hd_u256_from_u64(1000000000));
            tx->value_wei = hd_u256_mul(tx->value_wei, hd_u256_from_u64(1000000000));
            break;
        default: break;
        }
    }
}

static void ordered_equals_serial_for_shaken_blocks(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        hd_workload w;
        hd_sequence seq;
        hd_env envs[3];
        open_transfers(&w, 500, 20 + 60 * (uint32_t)seed);
        shake(&w, envs, seed * 77);
        hd_workload_sequence(&seq, &w);
        seq.envs = envs;
        seq.env_cnt = 3;
        assert_true(expect_all_equal(&w, &seq) > 0);
        hd_workload_close(&w);
    }
}

/* EIP-7702: delegations set and cleared by transactions of one chunk, and calls through them. */
static void ordered_sees_delegations_of_the_same_chunk(void **state) {
    enum { TX_CNT = 200, SIGNER_CNT = 6 };
    hd_workload w;
    hd_sequence seq;
    uint64_t seed = 5, nonces[SIGNER_CNT] = {0};
    (void)state;
    open_transfers(&w, TX_CNT, 40);
    while (w.data_sz % 8)
        put_data(&w, (const uint8_t *)"", 1);
    hd_address token = w.txs[0].to;
    for (uint32_t i = 0; i < TX_CNT; i++) {
        hd_tx *tx = &w.txs[i];
        uint64_t r = random_next(&seed);
        uint32_t signer = (uint32_t)(r >> 8) % SIGNER_CNT;
        hd_address addr;
        memset(addr.b, (int)(0x70 + signer), sizeof addr.b);
        if (r % 3 == 0) { /* an authorization, at times with a nonce that is not its turn's */
            hd_auth auth;
            memset(&auth, 0, sizeof auth);
            auth.nonce = nonces[signer] + (r % 5 == 0);
            nonces[signer] += auth.nonce == nonces[signer];
            if (r % 4)
                auth.address = token;
            auth.authority = addr;
            auth.flags = HD_AUTH_SIGNER;
            tx->type = HD_TX_SET_CODE;
            tx->auth_off = put_data(&w, (const uint8_t *)&auth, sizeof auth);
            tx->auth_cnt = 1;
        } else if (r % 3 == 1) { /* a call to what may be the token's code now */
            tx->to = addr;
        }
        tx->gas_limit = 200000;
    }
    hd_workload_sequence(&seq, &w);
    assert_true(expect_all_equal(&w, &seq) > 0);
    hd_workload_close(&w);
}

/* Before EIP-158 a new contract has nonce 0, so at an address that has a balance already only the
   code tells that it is there. */
static void ordered_sees_code_that_came_without_a_nonce(void **state) {
    /* Deploys sstore(0, 1). */
    static const uint8_t code[] = {0x64, 0x60, 0x01, 0x60, 0x00, 0x55, 0x60,
                                   0x00, 0x52, 0x60, 0x05, 0x60, 0x1b, 0xf3};
    hd_workload w;
    hd_sequence seq;
    hd_address created;
    uint8_t rlp[23] = {0xd6, 0x94}, hash[32];
    (void)state;
    open_transfers(&w, 2, 1000);
    w.env.fork = HD_FORK_HOMESTEAD;
    w.env.base_fee = hd_u256_zero();
    for (uint32_t i = 0; i < 2; i++) {
        w.txs[i].type = HD_TX_LEGACY;
        w.txs[i].chain_id = 0;
        w.txs[i].priority_fee = w.txs[i].gas_price;
        w.txs[i].gas_limit = 200000;
        w.txs[i].data_sz = 0;
    }
    memcpy(rlp + 2, w.txs[0].sender.b, 20);
    rlp[22] = 0x80; /* nonce 0 */
    hd_keccak256(hash, rlp, sizeof rlp);
    memcpy(created.b, hash + 12, sizeof created.b);
    assert_int_equal(hd_state_set_balance(w.state, &created, hd_u256_from_u64(5)), HD_OK);
    w.txs[0].flags = HD_TX_CREATE;
    w.txs[0].data_off = put_data(&w, code, sizeof code);
    w.txs[0].data_sz = sizeof code;
    w.txs[1].to = created;
    hd_workload_sequence(&seq, &w);
    assert_true(expect_all_equal(&w, &seq) > 0);
    hd_workload_close(&w);
}

static void ordered_gives_up_misled_lanes_without_a_trace(void **state) {
    hd_workload w;
    hd_sequence seq;
    ending serial, e;
    hd_workload_options options = {
        .kind = HD_WORKLOAD_EVERYTHING, .seed = 3, .tx_cnt = 60, .fork = HD_FORK_OSAKA};
    (void)state;
    assert_int_equal(hd_workload_open(&w, &options), HD_OK);
    hd_workload_sequence(&seq, &w);
    run_serially(&serial, &w, &seq);
    seq.flags = HD_ORDERED_NEVER_SERIAL;
    seq.chunk_work_max = 1;
    run_ordered(&e, &w, &seq, HD_BACKEND_HOST, 2);
    expect_equal(&serial, &e, seq.tx_cnt);
    free(serial.outcomes);
    free(e.outcomes);
    hd_workload_close(&w);
}

static hd_err count_reads(void *ctx, uint32_t tx_idx, const hd_receipt *r, const hd_results *from) {
    uint64_t *read_cnt = ctx;
    (void)tx_idx;
    for (uint32_t i = 0; i < r->account_cnt; i++)
        *read_cnt += !(from->accounts[r->account_off + i].flags & HD_DIFF_CHANGED);
    for (uint32_t i = 0; i < r->slot_cnt; i++)
        *read_cnt += !(from->slots[r->slot_off + i].flags & HD_DIFF_CHANGED);
    return HD_OK;
}

static void ordered_lists_the_same_reads_however_it_runs(void **state) {
    static const uint32_t chunks[] = {1, 7, 0};
    (void)state;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        hd_workload w;
        hd_sequence seq;
        hd_exec *x = NULL;
        hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 2};
        /* balanceOf and totalSupply look and change nothing: the token and one slot each. */
        hd_workload_options mixed = {
            .kind = HD_WORKLOAD_MIXED, .seed = 3, .tx_cnt = 100, .fork = HD_FORK_OSAKA};
        uint64_t read_cnt = 0;
        assert_int_equal(hd_workload_open(&w, &mixed), HD_OK);
        hd_workload_sequence(&seq, &w);
        seq.chunk_cnt = chunks[i];
        seq.flags = HD_ORDERED_READS | (chunks[i] == 1 ? 0 : HD_ORDERED_NEVER_SERIAL);
        seq.receipt = count_reads;
        seq.receipt_ctx = &read_cnt;
        assert_int_equal(hd_exec_open(&x, &options), HD_OK);
        assert_int_equal(hd_exec_ordered(x, w.state, &seq, NULL), HD_OK);
        assert_int_equal(read_cnt, 50 * 2);
        hd_exec_close(x);
        hd_workload_close(&w);
    }
}

static hd_err stop_at_third(void *ctx, uint32_t tx_idx, const hd_receipt *r,
                            const hd_results *from) {
    (void)ctx;
    (void)r;
    (void)from;
    return tx_idx == 3 ? HD_ERR_IO : HD_OK;
}

static void ordered_ends_with_the_error_of_its_caller(void **state) {
    hd_workload w;
    hd_sequence seq;
    hd_exec *x = NULL;
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 2};
    (void)state;
    open_transfers(&w, 50, 10);
    hd_workload_sequence(&seq, &w);
    seq.receipt = stop_at_third;
    assert_int_equal(hd_exec_open(&x, &options), HD_OK);
    assert_int_equal(hd_exec_ordered(x, w.state, &seq, NULL), HD_ERR_IO);
    seq.receipt = NULL;
    w.txs[10].data_off = w.data_sz; /* outside */
    assert_int_equal(hd_exec_ordered(x, w.state, &seq, NULL), HD_ERR_LIMIT);
    w.txs[10].env_idx = 9;
    seq.flags = HD_ORDERED_NEVER_SERIAL;
    assert_int_equal(hd_exec_ordered(x, w.state, &seq, NULL), HD_ERR_LIMIT);
    hd_exec_close(x);
    hd_workload_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordered_equals_serial_at_any_conflict_rate),
        cmocka_unit_test(ordered_equals_serial_for_every_workload),
        cmocka_unit_test(ordered_without_conflicts_runs_nothing_again),
        cmocka_unit_test(ordered_settles_dependent_transfers_in_rounds),
        cmocka_unit_test(ordered_equals_serial_for_shaken_blocks),
        cmocka_unit_test(ordered_sees_delegations_of_the_same_chunk),
        cmocka_unit_test(ordered_sees_code_that_came_without_a_nonce),
        cmocka_unit_test(ordered_gives_up_misled_lanes_without_a_trace),
        cmocka_unit_test(ordered_lists_the_same_reads_however_it_runs),
        cmocka_unit_test(ordered_ends_with_the_error_of_its_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
