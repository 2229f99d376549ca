/* hd_api_run.c - libheddle: running a batch, and what came out. */
#include "exec/hd_api.h"

#include <stdlib.h>

#include "base/hd_clock.h"
#include "exec/hd_exec_ordered.h"
#include "exec/hd_results.h"
#include "state/hd_receipt_root.h"

/* ---- running */

static hd_err find_ancestor(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number) {
    heddle_batch *batch = ctx;
    (void)world_idx;
    uint64_t idx = batch->env.number - 1 - number;
    if (idx < batch->ancestor_cnt) {
        *out = batch->ancestors[idx];
        return HD_OK;
    }
    atomic_store(&batch->missing_number, number);
    return HD_ERR_ABSENT;
}

/* The bytes of all transactions; never NULL, so that an empty range of them has an address. */
static const uint8_t *batch_data(const heddle_batch *batch) {
    return batch->data.data ? batch->data.data : (const uint8_t *)"";
}

static heddle_err run_begin(heddle_engine *engine, heddle_batch *batch, heddle_message *why) {
    batch->has_results = 0;
    memset(&batch->stats, 0, sizeof batch->stats);
    uint64_t begin_ns = hd_clock_ns();
    hd_err err = hd_api_recover_all(engine, batch);
    batch->stats.recover_ns = hd_clock_ns() - begin_ns;
    return hd_api_failed(why, err);
}

static heddle_err run_failed(heddle_batch *batch, hd_err err, heddle_message *why) {
    if (err == HD_ERR_ABSENT)
        return HD_API_REFUSE(why, err, "the hash of block %llu is needed, but was not given",
                             (unsigned long long)atomic_load(&batch->missing_number));
    return hd_api_failed(why, err);
}

/* The flags of a difference that heddle.h knows. */
#define DIFF_FLAGS \
    (HD_DIFF_CHANGED | HD_DIFF_DELETED | HD_DIFF_WIPED | HD_DIFF_CODE | HD_DIFF_EXISTED | \
     HD_DIFF_TOUCHED)

static void run_end(heddle_batch *batch, uint32_t flags, int is_ordered) {
    heddle_run_stats *stats = &batch->stats;
    for (uint32_t i = 0; i < batch->raw_cnt; i++)
        if (batch->raws[i].status != HD_TX_SUCCESS)
            batch->results.receipts[batch->raws[i].tx_idx].status = batch->raws[i].status;
    for (size_t i = 0; i < batch->results.receipt_cnt; i++) {
        hd_receipt *r = &batch->results.receipts[i];
        if (r->status >= HD_TX_INVALID) /* what it was refused for is no part of its result */
            r->account_cnt = r->slot_cnt = 0;
        stats->gas_used += r->gas_used;
        stats->success_cnt += r->status == HD_TX_SUCCESS;
        stats->failed_cnt += r->status == HD_TX_REVERT || r->status == HD_TX_HALT;
        stats->unknown_cnt += r->status > HD_TX_HALT && r->status < HD_TX_INVALID;
        stats->refused_cnt += r->status >= HD_TX_INVALID;
    }
    batch->run_flags = flags;
    batch->is_ordered = is_ordered;
    batch->has_results = 1;
}

heddle_err heddle_engine_run(heddle_engine *engine, heddle_batch *batch, const heddle_state *state,
                             const heddle_run_options *options, heddle_message *why) {
    heddle_run_options none = {0, 0};
    hd_world world;
    if (!engine || !batch || !state)
        return HD_API_NULL(why);
    if (!options)
        options = &none;
    if (options->flags & ~(HEDDLE_RUN_READS | HEDDLE_RUN_RECEIPTS_ONLY))
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "flags 0x%x are not known", options->flags);
    uint64_t begin_ns = hd_clock_ns();
    heddle_err err = run_begin(engine, batch, why);
    if (err != HEDDLE_OK)
        return err;
    hd_state_world(&world, state->s);
    hd_batch job = {.worlds = &world,
                    .envs = &batch->env,
                    .txs = batch->txs,
                    .data = batch_data(batch),
                    .data_sz = batch->data.sz,
                    .world_cnt = 1,
                    .env_cnt = 1,
                    .tx_cnt = batch->tx_cnt,
                    .flags = options->flags,
                    .work_max = options->work_max,
                    .blockhash = find_ancestor,
                    .blockhash_ctx = batch};
    err = hd_exec_run(engine->x, &batch->results, &job);
    if (err != HD_OK)
        return run_failed(batch, err, why);
    batch->stats.kernel_ns = batch->results.kernel_ns;
    batch->stats.rerun_cnt = batch->results.retry_cnt;
    run_end(batch, options->flags, 0);
    batch->stats.total_ns = hd_clock_ns() - begin_ns;
    return HEDDLE_OK;
}

/* ---- running in order: receipts come one by one and are kept */

typedef struct {
    heddle_batch *batch;
    uint32_t *account_idxs; /* of one receipt: where an account went */
    size_t account_idx_cap;
    uint32_t flags;
    uint32_t reserved;
} keeper;

static uint64_t keep_bytes(hd_results *out, const uint8_t *bytes, uint64_t off, uint32_t sz) {
    uint64_t at = out->bytes_sz;
    if (sz)
        memcpy(out->bytes + at, bytes + off, sz);
    out->bytes_sz += sz;
    return at;
}

static hd_err keep_reserve(keeper *k, const hd_receipt *r, const hd_results *from) {
    size_t bytes_sz = r->output_sz;
    for (uint32_t i = 0; i < r->account_cnt; i++)
        bytes_sz += from->accounts[r->account_off + i].code_sz;
    for (uint32_t i = 0; i < r->log_cnt; i++)
        bytes_sz += from->logs[r->log_off + i].data_sz;
    if (r->account_cnt > k->account_idx_cap) {
        uint32_t *p = realloc(k->account_idxs, (size_t)r->account_cnt * 2 * sizeof *p);
        if (!p)
            return HD_ERR_NOMEM;
        k->account_idxs = p;
        k->account_idx_cap = (size_t)r->account_cnt * 2;
    }
    return hd_results_reserve(&k->batch->results, r->account_cnt, r->slot_cnt, r->log_cnt,
                              bytes_sz);
}

/* A chunk exports reads for its validation, and a transaction that ran alone does not: reads are
   left out, so that what comes out does not hang on how it was run. */
static hd_err keep_receipt(void *ctx, uint32_t tx_idx, const hd_receipt *r,
                           const hd_results *from) {
    keeper *k = ctx;
    hd_results *out = &k->batch->results;
    hd_receipt *kept = &out->receipts[tx_idx];
    *kept = *r;
    kept->output_off = out->bytes_sz;
    kept->account_off = out->account_cnt;
    kept->slot_off = out->slot_cnt;
    kept->log_off = out->log_cnt;
    kept->output_sz = kept->account_cnt = kept->slot_cnt = kept->log_cnt = 0;
    out->receipt_cnt = (size_t)tx_idx + 1;
    if (k->flags & HEDDLE_RUN_RECEIPTS_ONLY)
        return HD_OK;
    hd_err err = keep_reserve(k, r, from);
    if (err != HD_OK)
        return err;
    keep_bytes(out, from->bytes, r->output_off, r->output_sz);
    kept->output_sz = r->output_sz;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        hd_account_diff d = from->accounts[r->account_off + i];
        if (!(d.flags & HD_DIFF_CHANGED))
            continue;
        k->account_idxs[i] = kept->account_cnt++;
        d.code_off = keep_bytes(out, from->bytes, d.code_off, d.code_sz);
        out->accounts[out->account_cnt++] = d;
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        hd_slot_diff d = from->slots[r->slot_off + i];
        if (!(d.flags & HD_DIFF_CHANGED))
            continue;
        if (d.account_idx >= r->account_cnt)
            return HD_ERR_CORRUPT;
        /* A changed slot's account counts as changed, so the index was set above. */
        d.account_idx = k->account_idxs[d.account_idx];
        out->slots[out->slot_cnt++] = d;
        kept->slot_cnt++;
    }
    for (uint32_t i = 0; i < r->log_cnt; i++) {
        hd_log_entry l = from->logs[r->log_off + i];
        l.data_off = keep_bytes(out, from->bytes, l.data_off, l.data_sz);
        out->logs[out->log_cnt++] = l;
    }
    kept->log_cnt = r->log_cnt;
    return HD_OK;
}

static hd_err results_clear(hd_results *r, uint32_t tx_cnt) {
    r->receipt_cnt = r->account_cnt = r->slot_cnt = r->log_cnt = r->bytes_sz = 0;
    if (r->receipts && tx_cnt <= r->receipt_max)
        return HD_OK;
    size_t cnt = (size_t)tx_cnt + 1;
    hd_receipt *p = realloc(r->receipts, cnt * sizeof *p);
    if (!p)
        return HD_ERR_NOMEM;
    r->receipts = p;
    r->receipt_max = cnt;
    return HD_OK;
}

heddle_err heddle_engine_run_ordered(heddle_engine *engine, heddle_batch *batch,
                                     heddle_state *state, const heddle_run_options *options,
                                     heddle_message *why) {
    heddle_run_options none = {0, 0};
    hd_ordered_stats stats;
    if (!engine || !batch || !state)
        return HD_API_NULL(why);
    if (!options)
        options = &none;
    if (options->flags & ~HEDDLE_RUN_RECEIPTS_ONLY)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "flags 0x%x are not for a run in order",
                             options->flags);
    if (options->work_max)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "a run in order has no work limit");
    uint64_t begin_ns = hd_clock_ns();
    heddle_err err = run_begin(engine, batch, why);
    if (err == HEDDLE_OK)
        err = hd_api_failed(why, results_clear(&batch->results, batch->tx_cnt));
    if (err != HEDDLE_OK)
        return err;
    keeper k = {.batch = batch, .flags = options->flags};
    hd_sequence seq = {.txs = batch->txs,
                       .envs = &batch->env,
                       .data = batch_data(batch),
                       .data_sz = batch->data.sz,
                       .tx_cnt = batch->tx_cnt,
                       .env_cnt = 1,
                       .blockhash = find_ancestor,
                       .blockhash_ctx = batch,
                       .receipt = keep_receipt,
                       .receipt_ctx = &k};
    err = hd_exec_ordered(engine->x, state->s, &seq, &stats);
    free(k.account_idxs);
    if (err != HD_OK)
        return run_failed(batch, err, why);
    batch->stats.kernel_ns = stats.kernel_ns;
    batch->stats.rerun_cnt = (uint32_t)stats.rerun_cnt;
    run_end(batch, options->flags, 1);
    batch->stats.total_ns = hd_clock_ns() - begin_ns;
    return HEDDLE_OK;
}

/* ---- results */

heddle_err heddle_batch_get_stats(const heddle_batch *batch, heddle_run_stats *out) {
    if (!batch || !out || !batch->has_results)
        return HEDDLE_ERR_ARGUMENT;
    *out = batch->stats;
    return HEDDLE_OK;
}

static const hd_receipt *receipt_at(const heddle_batch *batch, uint32_t tx_idx) {
    if (!batch || !batch->has_results || tx_idx >= batch->results.receipt_cnt)
        return NULL;
    return &batch->results.receipts[tx_idx];
}

heddle_err heddle_batch_get_receipt(const heddle_batch *batch, heddle_receipt *out,
                                    uint32_t tx_idx) {
    const hd_receipt *r = receipt_at(batch, tx_idx);
    if (!r || !out)
        return HEDDLE_ERR_ARGUMENT;
    memset(out, 0, sizeof *out);
    out->gas_used = r->gas_used;
    out->gas_refund = r->gas_refund;
    out->fee_wei = hd_api_number_out(r->fee_wei);
    out->work = r->work;
    out->output = r->output_sz ? batch->results.bytes + r->output_off : NULL;
    out->output_sz = r->output_sz;
    out->status = r->status;
    out->error = r->error;
    out->flags = r->flags;
    out->account_cnt = r->account_cnt;
    out->slot_cnt = r->slot_cnt;
    out->log_cnt = r->log_cnt;
    out->created = hd_api_address_out(&r->created);
    return HEDDLE_OK;
}

heddle_err heddle_batch_get_account(const heddle_batch *batch, heddle_account_change *out,
                                    uint32_t tx_idx, uint32_t account_idx) {
    const hd_receipt *r = receipt_at(batch, tx_idx);
    if (!r || !out || account_idx >= r->account_cnt)
        return HEDDLE_ERR_ARGUMENT;
    const hd_account_diff *d = &batch->results.accounts[r->account_off + account_idx];
    memset(out, 0, sizeof *out);
    out->address = hd_api_address_out(&d->addr);
    out->flags = d->flags & DIFF_FLAGS;
    out->nonce = d->nonce;
    out->original_nonce = d->original_nonce;
    out->balance_wei = hd_api_number_out(d->balance_wei);
    out->original_balance_wei = hd_api_number_out(d->original_balance_wei);
    out->code_hash = hd_api_hash_out(&d->code_hash);
    if (d->flags & HD_DIFF_CODE) {
        out->code = d->code_sz ? batch->results.bytes + d->code_off : NULL;
        out->code_sz = d->code_sz;
    }
    return HEDDLE_OK;
}

heddle_err heddle_batch_get_slot(const heddle_batch *batch, heddle_slot_change *out,
                                 uint32_t tx_idx, uint32_t slot_idx) {
    const hd_receipt *r = receipt_at(batch, tx_idx);
    if (!r || !out || slot_idx >= r->slot_cnt)
        return HEDDLE_ERR_ARGUMENT;
    const hd_slot_diff *d = &batch->results.slots[r->slot_off + slot_idx];
    out->account_idx = d->account_idx;
    out->flags = d->flags & DIFF_FLAGS;
    out->key = hd_api_number_out(d->key);
    out->value = hd_api_number_out(d->value);
    out->original = hd_api_number_out(d->original);
    return HEDDLE_OK;
}

heddle_err heddle_batch_get_log(const heddle_batch *batch, heddle_log *out, uint32_t tx_idx,
                                uint32_t log_idx) {
    const hd_receipt *r = receipt_at(batch, tx_idx);
    if (!r || !out || log_idx >= r->log_cnt)
        return HEDDLE_ERR_ARGUMENT;
    const hd_log_entry *l = &batch->results.logs[r->log_off + log_idx];
    memset(out, 0, sizeof *out);
    out->address = hd_api_address_out(&l->addr);
    out->topic_cnt = l->topic_cnt;
    for (uint32_t i = 0; i < l->topic_cnt && i < 4; i++)
        out->topics[i] = hd_api_hash_out(&l->topics[i]);
    out->data = l->data_sz ? batch->results.bytes + l->data_off : NULL;
    out->data_sz = l->data_sz;
    return HEDDLE_OK;
}

heddle_err heddle_batch_get_bloom(const heddle_batch *batch, uint8_t out[256], uint32_t tx_idx) {
    const hd_receipt *r = receipt_at(batch, tx_idx);
    if (!r || !out || (batch->run_flags & HEDDLE_RUN_RECEIPTS_ONLY))
        return HEDDLE_ERR_ARGUMENT;
    hd_logs_bloom(out, batch->results.logs + r->log_off, r->log_cnt);
    return HEDDLE_OK;
}

heddle_err heddle_batch_receipts_root(const heddle_batch *batch, heddle_word *out) {
    if (!batch || !out || !batch->has_results || !batch->is_ordered ||
        (batch->run_flags & HEDDLE_RUN_RECEIPTS_ONLY))
        return HEDDLE_ERR_ARGUMENT;
    if (batch->env.fork < HD_FORK_BYZANTIUM)
        return HEDDLE_ERR_UNSUPPORTED;
    const hd_results *results = &batch->results;
    hd_receipt_body *bodies = calloc(results->receipt_cnt + 1, sizeof *bodies);
    if (!bodies)
        return HEDDLE_ERR_NOMEM;
    size_t cnt = 0;
    uint64_t gas = 0;
    for (size_t i = 0; i < results->receipt_cnt; i++) {
        const hd_receipt *r = &results->receipts[i];
        if (r->status >= HD_TX_INVALID)
            continue;
        gas += r->gas_used;
        hd_receipt_body *body = &bodies[cnt++];
        body->logs = r->log_cnt ? results->logs + r->log_off : NULL;
        body->bytes = results->bytes;
        body->log_cnt = r->log_cnt;
        body->cumulative_gas = gas;
        body->type = batch->txs[i].type;
        body->is_success = r->status == HD_TX_SUCCESS;
    }
    hd_hash root;
    hd_err err = hd_receipts_root(&root, NULL, bodies, cnt, NULL);
    free(bodies);
    if (err == HD_OK)
        *out = hd_api_hash_out(&root);
    return err;
}

heddle_err heddle_state_apply(heddle_state *state, const heddle_batch *batch, uint32_t tx_idx) {
    const hd_receipt *r = receipt_at(batch, tx_idx);
    if (!state || !r || batch->is_ordered || (batch->run_flags & HEDDLE_RUN_RECEIPTS_ONLY))
        return HEDDLE_ERR_ARGUMENT;
    return hd_state_apply(state->s, r, batch->results.accounts, batch->results.slots,
                          batch->results.bytes, &batch->env.coinbase, batch->env.fork);
}
