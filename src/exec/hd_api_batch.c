/* hd_api_batch.c - libheddle: a block, transactions going in, their senders. */
#include "exec/hd_api.h"

#include <stdlib.h>

/* Below this a transaction's signature is not worth waking other threads for. */
#define RECOVER_CHUNK 8u
/* No type of transaction: one whose signature is not valid carries it, so that the machine refuses
   it before it looks at anything else; the receipt then gets the true reason. */
#define TYPE_UNSIGNED 0xffu

static inline int word_is_zero(const heddle_word *w) {
    return hd_u256_is_zero(hd_api_number_in(w));
}

/* Makes room for one more element. */
static hd_err array_grow(void **p, size_t *cap, size_t cnt, size_t elem_sz) {
    if (cnt < *cap)
        return HD_OK;
    size_t next = *cap ? *cap * 2 : 16;
    void *q = next > SIZE_MAX / elem_sz ? NULL : realloc(*p, next * elem_sz);
    if (!q)
        return HD_ERR_NOMEM;
    *p = q;
    *cap = next;
    return HD_OK;
}

/* ---- batch: life */

static heddle_err batch_set_block(heddle_batch *batch, const heddle_block *block,
                                  heddle_message *why) {
    if (!block)
        return HD_API_NULL(why);
    if (block->fork >= HD_FORK_CNT)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "%u is no fork", block->fork);
    if (block->ancestor_cnt > HEDDLE_ANCESTOR_MAX)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "%u ancestors, at most %u",
                             block->ancestor_cnt, HEDDLE_ANCESTOR_MAX);
    if (block->ancestor_cnt > block->number)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "%u ancestors of block %llu",
                             block->ancestor_cnt, (unsigned long long)block->number);
    if (block->ancestor_cnt && !block->ancestor_hashes)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "ancestor_hashes is NULL");
    memset(&batch->env, 0, sizeof batch->env);
    batch->env.difficulty = hd_api_number_in(&block->difficulty);
    batch->env.base_fee = hd_api_number_in(&block->base_fee_wei);
    batch->env.blob_base_fee = hd_api_number_in(&block->blob_base_fee_wei);
    batch->env.number = block->number;
    batch->env.timestamp = block->timestamp;
    batch->env.gas_limit = block->gas_limit;
    batch->env.chain_id = block->chain_id;
    batch->env.coinbase = hd_api_address_in(&block->coinbase);
    batch->env.fork = block->fork;
    batch->env.blob_cnt_max = block->blob_cnt_max;
    batch->ancestor_cnt = block->ancestor_cnt;
    if (block->ancestor_cnt)
        memcpy(batch->ancestors, block->ancestor_hashes,
               block->ancestor_cnt * sizeof *batch->ancestors);
    return HEDDLE_OK;
}

heddle_err heddle_batch_new(heddle_batch **out, const heddle_block *block, heddle_message *why) {
    if (!out)
        return HD_API_NULL(why);
    heddle_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return hd_api_failed(why, HD_ERR_NOMEM);
    heddle_err err = batch_set_block(batch, block, why);
    if (err != HEDDLE_OK) {
        free(batch);
        return err;
    }
    hd_buf_init(&batch->data);
    *out = batch;
    return HEDDLE_OK;
}

void heddle_batch_free(heddle_batch *batch) {
    if (!batch)
        return;
    hd_results_free(&batch->results);
    hd_buf_free(&batch->data);
    free(batch->txs);
    free(batch->raws);
    free(batch);
}

heddle_err heddle_batch_reset(heddle_batch *batch, const heddle_block *block, heddle_message *why) {
    if (!batch)
        return HD_API_NULL(why);
    heddle_err err = batch_set_block(batch, block, why);
    if (err != HEDDLE_OK)
        return err;
    batch->tx_cnt = batch->raw_cnt = 0;
    batch->has_results = 0;
    hd_buf_clear(&batch->data);
    return HEDDLE_OK;
}

/* ---- batch: transactions */

static heddle_err batch_make_room(heddle_batch *batch, heddle_message *why) {
    if (batch->tx_cnt >= HEDDLE_BATCH_TX_MAX)
        return HD_API_REFUSE(why, HEDDLE_ERR_LIMIT, "a batch holds at most %u transactions",
                             HEDDLE_BATCH_TX_MAX);
    return hd_api_failed(
        why, array_grow((void **)&batch->txs, &batch->tx_cap, batch->tx_cnt, sizeof *batch->txs));
}

static heddle_err check_gas_limit(uint64_t gas_limit, heddle_message *why) {
    if (gas_limit <= INT64_MAX)
        return HEDDLE_OK;
    return HD_API_REFUSE(why, HEDDLE_ERR_LIMIT, "a gas limit of %llu, at most 2^63 - 1",
                         (unsigned long long)gas_limit);
}

/* What the type of the transaction does not have must not be set: it would be lost silently. */
static heddle_err check_fields(const heddle_transaction *tx, uint32_t fork, heddle_message *why) {
    const heddle_err wrong = HEDDLE_ERR_ARGUMENT;
    hd_address to = hd_api_address_in(&tx->to), zero = {{0}};
    if (tx->type > HEDDLE_TX_SET_CODE)
        return HD_API_REFUSE(why, wrong, "%u is no type of transaction", tx->type);
    if (tx->flags & ~(HEDDLE_TX_CREATE | HEDDLE_TX_SIMULATE))
        return HD_API_REFUSE(why, wrong, "flags 0x%x are not known", tx->flags);
    if ((tx->flags & HEDDLE_TX_CREATE) && memcmp(&to, &zero, sizeof to) != 0)
        return HD_API_REFUSE(why, wrong, "a transaction that creates a contract has no recipient");
    if ((tx->flags & HEDDLE_TX_SIMULATE) && !hd_tx_type_is_active(tx->type, fork))
        return HD_API_REFUSE(why, HEDDLE_ERR_UNSUPPORTED, "the block's fork has no type %u",
                             tx->type);
    if (tx->type < HEDDLE_TX_DYNAMIC_FEE && !word_is_zero(&tx->priority_fee_wei))
        return HD_API_REFUSE(why, wrong, "type %u has no priority fee", tx->type);
    if (tx->type != HEDDLE_TX_BLOB && (tx->blob_cnt || !word_is_zero(&tx->blob_fee_wei)))
        return HD_API_REFUSE(why, wrong, "type %u has neither blobs nor a blob fee", tx->type);
    if (tx->type != HEDDLE_TX_SET_CODE && tx->authorization_cnt)
        return HD_API_REFUSE(why, wrong, "type %u has no authorizations", tx->type);
    if (tx->type == HEDDLE_TX_LEGACY && tx->access_cnt)
        return HD_API_REFUSE(why, wrong, "type 0 has no access list");
    if ((tx->data_sz && !tx->data) || (tx->access_cnt && !tx->access_list) ||
        (tx->authorization_cnt && !tx->authorizations) || (tx->blob_cnt && !tx->blob_hashes))
        return HD_API_REFUSE(why, wrong, "an array is NULL, but its length is not 0");
    return check_gas_limit(tx->gas_limit, why);
}

static heddle_err check_sizes(const heddle_transaction *tx, heddle_message *why) {
    /* No product leaves 64 bits, and no sum that has not been checked grows by more than one. */
    uint64_t sz = tx->data_sz > HEDDLE_TX_SZ_MAX ? HEDDLE_TX_SZ_MAX + 1 : tx->data_sz;
    sz += (uint64_t)tx->access_cnt * 24 + (uint64_t)tx->blob_cnt * sizeof(hd_hash) +
          (uint64_t)tx->authorization_cnt * sizeof(hd_auth);
    for (uint32_t i = 0; i < tx->access_cnt && sz <= HEDDLE_TX_SZ_MAX; i++) {
        const heddle_access_entry *entry = &tx->access_list[i];
        if (entry->key_cnt && !entry->keys)
            return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "keys of access list entry %u are NULL",
                                 i);
        sz += (uint64_t)entry->key_cnt * sizeof(hd_hash);
    }
    for (uint32_t i = 0; i < tx->authorization_cnt && sz <= HEDDLE_TX_SZ_MAX; i++)
        if (tx->authorizations[i].flags & ~HEDDLE_AUTH_SIGNER)
            return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT,
                                 "flags 0x%x of authorization %u are not known",
                                 tx->authorizations[i].flags, i);
    if (sz <= HEDDLE_TX_SZ_MAX)
        return HEDDLE_OK;
    return HD_API_REFUSE(why, HEDDLE_ERR_LIMIT, "the transaction is larger than %zu bytes",
                         HEDDLE_TX_SZ_MAX);
}

static hd_auth auth_in(const heddle_authorization *in) {
    hd_auth auth;
    memset(&auth, 0, sizeof auth);
    auth.chain_id = hd_api_number_in(&in->chain_id);
    auth.nonce = in->nonce;
    auth.address = hd_api_address_in(&in->address);
    if (in->flags & HEDDLE_AUTH_SIGNER) {
        auth.authority = hd_api_address_in(&in->signer);
        auth.flags = HD_AUTH_SIGNER;
    } else {
        hd_auth_sig sig = {hd_u256_from_u64(in->y_parity), hd_api_number_in(&in->r),
                           hd_api_number_in(&in->s)};
        hd_tx_auth_recover(&auth, &sig);
    }
    return auth;
}

/* Appends the variable parts in the layout of hd_evm.h; the buffer keeps the first error. */
static void put_parts(hd_tx *out, hd_buf *data, const heddle_transaction *tx) {
    out->data_off = data->sz;
    out->data_sz = (uint32_t)tx->data_sz;
    hd_buf_append(data, tx->data, tx->data_sz);
    out->access_off = data->sz;
    out->access_cnt = tx->access_cnt;
    for (uint32_t i = 0; i < tx->access_cnt; i++) {
        const heddle_access_entry *entry = &tx->access_list[i];
        uint8_t head[24];
        memcpy(head, entry->address.b, 20);
        hd_store_le32(head + 20, entry->key_cnt);
        hd_buf_append(data, head, sizeof head);
        hd_buf_append(data, entry->keys, (size_t)entry->key_cnt * sizeof *entry->keys);
        out->access_key_cnt += entry->key_cnt;
    }
    out->access_sz = (uint32_t)(data->sz - out->access_off);
    out->blob_off = data->sz;
    out->blob_cnt = tx->blob_cnt;
    hd_buf_append(data, tx->blob_hashes, (size_t)tx->blob_cnt * sizeof *tx->blob_hashes);
    if (tx->authorization_cnt) /* hd_auth wants 8-byte alignment */
        hd_buf_append_zero(data, (8 - data->sz % 8) % 8);
    out->auth_off = data->sz;
    out->auth_cnt = tx->authorization_cnt;
    for (uint32_t i = 0; i < tx->authorization_cnt; i++) {
        hd_auth auth = auth_in(&tx->authorizations[i]);
        hd_buf_append(data, &auth, sizeof auth);
    }
}

/* Takes back what a transaction appended that did not come to be. */
static void data_restore(hd_buf *data, size_t sz) {
    data->sz = sz;
    data->err = HD_OK;
}

heddle_err heddle_batch_add(heddle_batch *batch, uint32_t *tx_idx, const heddle_transaction *tx,
                            heddle_message *why) {
    if (!batch || !tx)
        return HD_API_NULL(why);
    heddle_err err = check_fields(tx, batch->env.fork, why);
    if (err == HEDDLE_OK)
        err = check_sizes(tx, why);
    if (err == HEDDLE_OK)
        err = batch_make_room(batch, why);
    if (err != HEDDLE_OK)
        return err;
    hd_tx *out = &batch->txs[batch->tx_cnt];
    memset(out, 0, sizeof *out);
    out->value_wei = hd_api_number_in(&tx->value_wei);
    out->gas_price = hd_api_number_in(&tx->gas_price_wei);
    out->priority_fee =
        tx->type < HEDDLE_TX_DYNAMIC_FEE ? out->gas_price : hd_api_number_in(&tx->priority_fee_wei);
    out->blob_fee = hd_api_number_in(&tx->blob_fee_wei);
    out->gas_limit = tx->gas_limit;
    out->nonce = tx->nonce;
    out->chain_id = tx->chain_id;
    out->type = tx->type;
    out->flags = tx->flags;
    out->sender = hd_api_address_in(&tx->sender);
    out->to = hd_api_address_in(&tx->to);
    size_t mark = batch->data.sz;
    put_parts(out, &batch->data, tx);
    err = batch->data.err;
    if (err != HEDDLE_OK) {
        data_restore(&batch->data, mark);
        return hd_api_failed(why, err);
    }
    if (tx_idx)
        *tx_idx = batch->tx_cnt;
    batch->tx_cnt++;
    return HEDDLE_OK;
}

heddle_err heddle_batch_add_raw(heddle_batch *batch, uint32_t *tx_idx, const uint8_t *raw,
                                size_t raw_sz, heddle_message *why) {
    if (!batch || (raw_sz && !raw))
        return HD_API_NULL(why);
    heddle_err err = batch_make_room(batch, why);
    if (err == HEDDLE_OK)
        err = hd_api_failed(why, array_grow((void **)&batch->raws, &batch->raw_cap, batch->raw_cnt,
                                            sizeof *batch->raws));
    if (err != HEDDLE_OK)
        return err;
    hd_api_raw_tx *side = &batch->raws[batch->raw_cnt];
    memset(side, 0, sizeof *side);
    side->tx_idx = batch->tx_cnt;
    size_t mark = batch->data.sz;
    hd_span span = {raw, raw_sz};
    hd_msg msg = {"out of memory"};
    err = hd_tx_decode(&batch->txs[batch->tx_cnt], &side->envelope, &batch->data, &msg, span);
    if (err != HEDDLE_OK)
        hd_msg_set((hd_msg *)why, "%s", msg.text);
    else
        err = check_gas_limit(batch->txs[batch->tx_cnt].gas_limit, why);
    if (err != HEDDLE_OK) {
        data_restore(&batch->data, mark);
        return err;
    }
    if (tx_idx)
        *tx_idx = batch->tx_cnt;
    batch->tx_cnt++;
    batch->raw_cnt++;
    return HEDDLE_OK;
}

uint32_t heddle_batch_tx_cnt(const heddle_batch *batch) { return batch ? batch->tx_cnt : 0; }

/* ---- batch: senders */

static void recover_one(heddle_batch *batch, hd_api_raw_tx *side, hd_msg *msg) {
    if (side->is_recovered)
        return;
    hd_tx *tx = &batch->txs[side->tx_idx];
    hd_tx_recover(&side->status, tx, msg, &side->envelope, batch->env.fork, batch->env.chain_id);
    if (side->status != HD_TX_SUCCESS)
        tx->type = TYPE_UNSIGNED;
    side->is_recovered = 1;
}

static hd_err recover_chunk(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    heddle_batch *batch = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++)
        recover_one(batch, &batch->raws[i], NULL);
    return HD_OK;
}

hd_err hd_api_recover_all(heddle_engine *engine, heddle_batch *batch) {
    if (batch->raw_cnt > RECOVER_CHUNK && !engine->pool) {
        hd_err err = hd_pool_open(&engine->pool, engine->thread_cnt);
        if (err != HD_OK)
            return err;
    }
    return hd_pool_for(engine->pool, batch->raw_cnt, RECOVER_CHUNK, recover_chunk, batch);
}

static hd_api_raw_tx *raw_find(const heddle_batch *batch, uint32_t tx_idx) {
    uint32_t lo = 0, hi = batch->raw_cnt;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (batch->raws[mid].tx_idx < tx_idx)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < batch->raw_cnt && batch->raws[lo].tx_idx == tx_idx ? &batch->raws[lo] : NULL;
}

heddle_err heddle_batch_get_sender(heddle_batch *batch, heddle_address *out, uint32_t tx_idx,
                                   heddle_message *why) {
    if (!batch || !out)
        return HD_API_NULL(why);
    if (tx_idx >= batch->tx_cnt)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "transaction %u of %u", tx_idx,
                             batch->tx_cnt);
    hd_api_raw_tx *side = raw_find(batch, tx_idx);
    if (side) {
        hd_msg msg = {""};
        recover_one(batch, side, &msg);
        if (side->status != HD_TX_SUCCESS)
            return HD_API_REFUSE(why, HEDDLE_ERR_ABSENT, "%s",
                                 msg.text[0] ? msg.text : hd_tx_status_name(side->status));
    }
    *out = hd_api_address_out(&batch->txs[tx_idx].sender);
    return HEDDLE_OK;
}

heddle_err heddle_batch_get_hash(const heddle_batch *batch, heddle_word *out, uint32_t tx_idx) {
    if (!batch || !out || tx_idx >= batch->tx_cnt)
        return HEDDLE_ERR_ARGUMENT;
    const hd_api_raw_tx *side = raw_find(batch, tx_idx);
    if (!side)
        return HEDDLE_ERR_ABSENT;
    *out = hd_api_hash_out(&side->envelope.hash);
    return HEDDLE_OK;
}
