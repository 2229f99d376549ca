/* hd_tx_recover.c - the senders of a block's transactions, in one batch. */
#include "evm/hd_tx_recover.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t *statuses;
    hd_tx *txs;
    const hd_tx_envelope *envelopes;
    hd_recover_item *items; /* NULL: each transaction is done at once, by libsecp256k1 */
    const hd_recover_result *results;
    uint64_t chain_id;
    uint32_t fork;
} job;

/* A transaction that is refused already becomes an item that no backend works on. */
static hd_err prepare(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        const hd_tx_envelope *env = &j->envelopes[i];
        hd_recover_item *it = &j->items[i];
        memset(it, 0, sizeof *it);
        j->statuses[i] = hd_tx_signature(&it->parity, NULL, &j->txs[i], env, j->fork, j->chain_id);
        if (j->statuses[i] != HD_TX_SUCCESS)
            continue;
        it->hash = env->signing_hash;
        it->r = env->r;
        it->s = env->s;
    }
    return HD_OK;
}

static hd_err finish(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        if (j->statuses[i] != HD_TX_SUCCESS)
            continue;
        if (j->results[i].status == HD_RECOVER_OK)
            j->txs[i].sender = j->results[i].address;
        else
            j->statuses[i] = HD_TX_INVALID_SIGNATURE;
    }
    return HD_OK;
}

static hd_err recover_each(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++)
        hd_tx_recover(&j->statuses[i], &j->txs[i], NULL, &j->envelopes[i], j->fork, j->chain_id);
    return HD_OK;
}

static hd_err run_batch(job *j, uint32_t cnt, hd_recover *rec, hd_pool *pool) {
    hd_recover_result *results = malloc(cnt * sizeof *results);
    hd_err err = HD_ERR_NOMEM;
    j->items = malloc(cnt * sizeof *j->items);
    j->results = results;
    if (!results || !j->items)
        goto done;
    err = hd_pool_for(pool, cnt, 0, prepare, j);
    if (err == HD_OK)
        err = hd_recover_run(rec, results, j->items, cnt);
    if (err == HD_OK)
        err = hd_pool_for(pool, cnt, 0, finish, j);
done:
    free(j->items);
    free(results);
    return err;
}

hd_err hd_txs_recover(uint32_t *statuses, hd_tx *txs, uint32_t *first_bad_idx, hd_msg *msg,
                      const hd_tx_envelope *envelopes, uint32_t cnt, uint32_t fork,
                      uint64_t chain_id, hd_recover *rec, hd_pool *pool) {
    job j = {.statuses = statuses,
             .txs = txs,
             .envelopes = envelopes,
             .chain_id = chain_id,
             .fork = fork};
    hd_err err = HD_OK;
    uint32_t bad_idx = 0;
    if (cnt > HD_RECOVER_CNT_MAX)
        return HD_ERR_LIMIT;
    if (cnt > 0 && rec && hd_recover_backend(rec) != HD_RECOVER_HOST)
        err = run_batch(&j, cnt, rec, pool);
    else if (cnt > 0)
        err = hd_pool_for(pool, cnt, 1, recover_each, &j);
    if (err != HD_OK)
        return err;
    while (bad_idx < cnt && statuses[bad_idx] == HD_TX_SUCCESS)
        bad_idx++;
    if (first_bad_idx)
        *first_bad_idx = bad_idx;
    if (bad_idx < cnt && msg) {
        uint32_t parity = 0;
        if (hd_tx_signature(&parity, msg, &txs[bad_idx], &envelopes[bad_idx], fork, chain_id) ==
            HD_TX_SUCCESS)
            hd_msg_set(msg, HD_TX_NO_KEY_TEXT);
    }
    return HD_OK;
}
