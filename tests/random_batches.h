/* random_batches.h - batches of random programs, run on two backends and compared. */
#ifndef RANDOM_BATCHES_H
#define RANDOM_BATCHES_H

#include "hd_test.h"

#include "evm_compare.h"
#include "random_programs.h"

#define BATCH_TX_CNT 128u

typedef struct {
    hd_state *states[BATCH_TX_CNT];
    random_case cases[BATCH_TX_CNT];
    hd_world worlds[BATCH_TX_CNT];
    hd_env envs[BATCH_TX_CNT];
    hd_tx txs[BATCH_TX_CNT];
    _Alignas(8) uint8_t data[BATCH_TX_CNT * RANDOM_DATA_MAX];
    hd_batch batch;
} random_batch;

static random_batch the_batch;

/* What the programs of a run came to: a generator whose programs all fail would prove little. */
typedef struct {
    uint64_t tx_cnt, gas, success_cnt, revert_cnt, halt_cnt, refused_cnt, log_cnt, created_cnt;
    uint64_t slot_cnt;
} random_tally;

/* Programs seed, seed + 1, ..., each with a world of its own. */
static inline const hd_batch *batch_make(uint64_t seed, uint32_t flags) {
    random_batch *b = &the_batch;
    for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
        if (!b->states[i])
            b->states[i] = hd_state_new();
        assert_non_null(b->states[i]);
        hd_state_reset(b->states[i]);
        assert_int_equal(random_case_make(&b->cases[i], b->states[i], seed + i), HD_OK);
        hd_state_world(&b->worlds[i], b->states[i]);
        b->envs[i] = b->cases[i].env;
        b->txs[i] = b->cases[i].tx;
        uint64_t at = (uint64_t)i * RANDOM_DATA_MAX;
        memcpy(b->data + at, b->cases[i].data, RANDOM_DATA_MAX);
        b->txs[i].data_off += at;
        b->txs[i].access_off += at;
        b->txs[i].auth_off += at;
        b->txs[i].blob_off += at;
        b->txs[i].world_idx = b->txs[i].env_idx = i;
    }
    memset(&b->batch, 0, sizeof b->batch);
    b->batch.worlds = b->worlds;
    b->batch.envs = b->envs;
    b->batch.txs = b->txs;
    b->batch.data = b->data;
    b->batch.data_sz = sizeof b->data;
    b->batch.world_cnt = b->batch.env_cnt = b->batch.tx_cnt = BATCH_TX_CNT;
    b->batch.flags = flags;
    b->batch.blockhash = random_blockhash;
    return &b->batch;
}

static inline void batch_free(void) {
    for (uint32_t i = 0; i < BATCH_TX_CNT; i++)
        hd_state_free(the_batch.states[i]);
    memset(&the_batch, 0, sizeof the_batch);
}

static inline void batch_expect_equal(const hd_results *want, const hd_results *have,
                                      const char *want_name, const char *have_name, uint64_t seed,
                                      int with_work) {
    assert_int_equal(want->receipt_cnt, BATCH_TX_CNT);
    assert_int_equal(have->receipt_cnt, BATCH_TX_CNT);
    for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
        const char *what = compare_tx(want, have, i, with_work);
        if (!what)
            continue;
        compare_print(want_name, &want->receipts[i]);
        compare_print(have_name, &have->receipts[i]);
        fail_msg("program %llu, fork %u: %s differs", (unsigned long long)(seed + i),
                 the_batch.envs[i].fork, what);
    }
}

static inline void batch_count(random_tally *t, const hd_results *r) {
    for (size_t i = 0; i < r->receipt_cnt; i++) {
        const hd_receipt *p = &r->receipts[i];
        t->tx_cnt++;
        t->gas += p->gas_used;
        t->success_cnt += p->status == HD_TX_SUCCESS;
        t->revert_cnt += p->status == HD_TX_REVERT;
        t->halt_cnt += p->status == HD_TX_HALT;
        t->refused_cnt += p->status >= HD_TX_INVALID;
        t->log_cnt += p->log_cnt;
        t->slot_cnt += p->slot_cnt;
        t->created_cnt += (p->flags & HD_RECEIPT_CREATED) && p->status == HD_TX_SUCCESS;
        assert_true(p->status <= HD_TX_HALT || p->status >= HD_TX_INVALID);
    }
}

static inline void tally_expect_variety(const random_tally *t) {
    print_message(
        "%llu programs: %llu succeeded, %llu reverted, %llu halted, %llu refused; %llu gas, "
        "%llu logs, %llu slots, %llu created\n",
        (unsigned long long)t->tx_cnt, (unsigned long long)t->success_cnt,
        (unsigned long long)t->revert_cnt, (unsigned long long)t->halt_cnt,
        (unsigned long long)t->refused_cnt, (unsigned long long)t->gas,
        (unsigned long long)t->log_cnt, (unsigned long long)t->slot_cnt,
        (unsigned long long)t->created_cnt);
    assert_true(t->success_cnt > t->tx_cnt / 5);
    assert_true(t->revert_cnt > t->tx_cnt / 50);
    assert_true(t->halt_cnt > t->tx_cnt / 50);
    assert_true(t->refused_cnt < t->tx_cnt / 5);
    assert_true(t->log_cnt > t->tx_cnt / 20 && t->slot_cnt > t->tx_cnt / 20);
    assert_true(t->created_cnt > 0);
}

/* How many batches a test runs: HD_RANDOM_BATCHES in the environment, else the default. */
static inline uint32_t batch_cnt(uint32_t default_cnt) {
    const char *text = getenv("HD_RANDOM_BATCHES");
    long n = text ? strtol(text, NULL, 10) : 0;
    return n > 0 && n < 1000000 ? (uint32_t)n : default_cnt;
}

/* Where the seeds begin: HD_RANDOM_SEED in the environment, else 1. */
static inline uint64_t batch_seed(void) {
    const char *text = getenv("HD_RANDOM_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

#endif
