/* hd_store_batch.c - what a batch collects, and writing it in one transaction. */
#include <stdlib.h>
#include <string.h>

#include "state/hd_store_internal.h"

#define OP_PUT 0u
#define OP_DELETE 1u
#define OP_DELETE_PREFIX 2u
#define OP_DELETE_ALL 3u /* its key means nothing */
#define GROWS_MAX 32u    /* doublings of the map in one commit */

/* An operation in the batch's buffer; key and record (with its checksum) follow it. The order of
   operations counts, so they are a log and not a table. */
typedef struct {
    uint32_t db;
    uint32_t kind;
    uint64_t key_sz;
    uint64_t value_sz;
} op_head;

struct hd_store_batch {
    hd_buf ops;
    uint64_t head_number; /* where has_head: undo records are pruned by it */
    uint32_t has_head;
};

hd_store_batch *hd_store_batch_new(void) {
    return (hd_store_batch *)calloc(1, sizeof(hd_store_batch));
}

void hd_store_batch_free(hd_store_batch *b) {
    if (!b)
        return;
    hd_buf_free(&b->ops);
    free(b);
}

void hd_store_batch_clear(hd_store_batch *b) {
    hd_buf_clear(&b->ops);
    b->has_head = 0;
}

size_t hd_store_batch_sz(const hd_store_batch *b) { return b->ops.sz; }

static void op_add(hd_store_batch *b, uint32_t db, uint32_t kind, hd_span key, hd_span value) {
    op_head head = {db, kind, key.sz, value.sz};
    HD_ASSERT(db < HD_STORE_DB_CNT && key.sz && key.sz <= HD_STORE_KEY_SZ_MAX);
    if (kind == OP_PUT)
        head.value_sz += HD_STORE_CHECK_SZ;
    if (value.sz > HD_STORE_VALUE_SZ_MAX) {
        b->ops.err = HD_ERR_LIMIT;
        return;
    }
    hd_buf_append(&b->ops, &head, sizeof head);
    hd_buf_append(&b->ops, key.data, key.sz);
    if (kind != OP_PUT)
        return;
    uint8_t check[HD_STORE_CHECK_SZ];
    hd_store_check_make(check, db, key, value);
    hd_buf_append(&b->ops, value.data, value.sz);
    hd_buf_append(&b->ops, check, sizeof check);
}

void hd_store_batch_put(hd_store_batch *b, uint32_t db, hd_span key, hd_span value) {
    op_add(b, db, OP_PUT, key, value);
}

void hd_store_batch_delete(hd_store_batch *b, uint32_t db, hd_span key) {
    op_add(b, db, OP_DELETE, key, hd_store_span(NULL, 0));
}

void hd_store_batch_delete_prefix(hd_store_batch *b, uint32_t db, hd_span prefix) {
    op_add(b, db, OP_DELETE_PREFIX, prefix, hd_store_span(NULL, 0));
}

/* ---- state */

void hd_store_put_account(hd_store_batch *b, const hd_store_account_change *change) {
    hd_hash hash = hd_store_address_hash(&change->addr);
    hd_span key = hd_store_span(hash.b, sizeof hash.b);
    if (change->flags & (HD_STORE_DELETED | HD_STORE_WIPED))
        hd_store_batch_delete_prefix(b, HD_STORE_DB_SLOTS, key);
    if (change->flags & HD_STORE_DELETED) {
        hd_store_batch_delete(b, HD_STORE_DB_ACCOUNTS, key);
        return;
    }
    uint8_t record[HD_STORE_ACCOUNT_SZ];
    memcpy(record, change->addr.b, 20);
    hd_store_be64(record + 20, change->nonce);
    hd_u256_store_be(record + 28, change->balance_wei);
    memcpy(record + 60, change->code_hash.b, 32);
    hd_store_batch_put(b, HD_STORE_DB_ACCOUNTS, key, hd_store_span(record, sizeof record));
}

/* The number's bytes without leading zeros, in word[32 - result, 32). */
static uint32_t trim(uint8_t word[32], hd_u256 x) {
    hd_u256_store_be(word, x);
    return hd_u256_byte_len(x);
}

void hd_store_put_slot_hashed(hd_store_batch *b, const hd_hash *owner, const hd_hash *key_hash,
                              hd_u256 key, hd_u256 value) {
    uint8_t path[64], record[64], word[32];
    memcpy(path, owner->b, 32);
    memcpy(path + 32, key_hash->b, 32);
    if (hd_u256_is_zero(value)) {
        hd_store_batch_delete(b, HD_STORE_DB_SLOTS, hd_store_span(path, sizeof path));
        return;
    }
    uint32_t sz = trim(word, value);
    hd_u256_store_be(record, key);
    memcpy(record + 32, word + 32 - sz, sz);
    hd_store_batch_put(b, HD_STORE_DB_SLOTS, hd_store_span(path, sizeof path),
                       hd_store_span(record, 32 + sz));
}

void hd_store_put_slot(hd_store_batch *b, const hd_address *addr, hd_u256 key, hd_u256 value) {
    hd_hash owner = hd_store_address_hash(addr), key_hash = hd_store_key_hash(key);
    hd_store_put_slot_hashed(b, &owner, &key_hash, key, value);
}

void hd_store_put_state(hd_store_batch *b, const hd_store_account_change *accounts,
                        size_t account_cnt, const hd_store_slot_change *slots, size_t slot_cnt) {
    for (size_t i = 0; i < account_cnt; i++)
        hd_store_put_account(b, &accounts[i]);
    for (size_t i = 0; i < slot_cnt; i++)
        hd_store_put_slot(b, &slots[i].addr, slots[i].key, slots[i].value);
}

void hd_store_put_code(hd_store_batch *b, const hd_hash *hash, const uint8_t *code,
                       size_t code_sz) {
    if (code_sz)
        hd_store_batch_put(b, HD_STORE_DB_CODES, hd_store_span(hash->b, 32),
                           hd_store_span(code, code_sz));
}

typedef struct {
    hd_store_batch *batch;
    const hd_address *addr;
} put_all_ctx;

static void put_all_slot(void *ctx, hd_u256 key, hd_u256 value) {
    put_all_ctx *x = (put_all_ctx *)ctx;
    hd_store_put_slot(x->batch, x->addr, key, value);
}

hd_err hd_store_put_all(hd_store_batch *b, const hd_state *state) {
    uint32_t max = hd_state_account_max(state);
    for (uint32_t i = 0; i < max && b->ops.err == HD_OK; i++) {
        hd_store_account_change change;
        hd_state_account account;
        memset(&change, 0, sizeof change);
        if (!hd_state_account_at(&change.addr, &account, state, i))
            continue;
        change.nonce = account.nonce;
        change.balance_wei = account.balance_wei;
        change.code_hash = account.code_hash;
        hd_store_put_code(b, &account.code_hash, account.code, account.code_sz);
        hd_store_put_account(b, &change);
        put_all_ctx ctx = {b, &change.addr};
        hd_state_each_slot(state, &change.addr, put_all_slot, &ctx);
    }
    return b->ops.err;
}

/* ---- trie nodes */

void hd_store_put_node(hd_store_batch *b, const hd_hash *owner, const uint8_t *nibbles,
                       size_t nibble_cnt, hd_span rlp) {
    uint8_t key[32 + HD_STORE_NIBBLES_MAX];
    HD_ASSERT(nibble_cnt <= HD_STORE_NIBBLES_MAX);
    memcpy(key, owner->b, 32);
    if (nibble_cnt)
        memcpy(key + 32, nibbles, nibble_cnt);
    if (rlp.sz)
        hd_store_batch_put(b, HD_STORE_DB_NODES, hd_store_span(key, 32 + nibble_cnt), rlp);
    else
        hd_store_batch_delete(b, HD_STORE_DB_NODES, hd_store_span(key, 32 + nibble_cnt));
}

void hd_store_delete_nodes(hd_store_batch *b, const hd_hash *owner) {
    hd_store_batch_delete_prefix(b, HD_STORE_DB_NODES, hd_store_span(owner->b, 32));
}

void hd_store_delete_all_nodes(hd_store_batch *b) {
    op_add(b, HD_STORE_DB_NODES, OP_DELETE_ALL, hd_store_span("", 1), hd_store_span(NULL, 0));
}

/* ---- blocks */

static hd_span block_key(uint8_t key[40], uint64_t number, const hd_hash *hash) {
    hd_store_be64(key, number);
    memcpy(key + 8, hash->b, 32);
    return hd_store_span(key, 40);
}

void hd_store_put_receipts(hd_store_batch *b, uint64_t number, const hd_hash *hash, hd_span data) {
    uint8_t key[40];
    hd_store_batch_put(b, HD_STORE_DB_RECEIPTS, block_key(key, number, hash), data);
}

void hd_store_put_undo(hd_store_batch *b, uint64_t number, const hd_hash *hash, hd_span data) {
    uint8_t key[40];
    hd_store_batch_put(b, HD_STORE_DB_UNDO, block_key(key, number, hash), data);
}

void hd_store_delete_undo(hd_store_batch *b, uint64_t number, const hd_hash *hash) {
    uint8_t key[40];
    hd_store_batch_delete(b, HD_STORE_DB_UNDO, block_key(key, number, hash));
}

void hd_store_put_header(hd_store_batch *b, uint64_t number, const hd_hash *hash,
                         hd_u256 total_difficulty, hd_span header) {
    uint8_t key_bytes[40], record[8], word[32];
    hd_span key = block_key(key_bytes, number, hash);
    hd_store_be64(record, number);
    uint32_t sz = trim(word, total_difficulty);
    hd_store_batch_put(b, HD_STORE_DB_HEADERS, key, header);
    hd_store_batch_put(b, HD_STORE_DB_DIFFICULTY, key, hd_store_span(word + 32 - sz, sz));
    hd_store_batch_put(b, HD_STORE_DB_NUMBERS, hd_store_span(hash->b, 32),
                       hd_store_span(record, sizeof record));
}

void hd_store_put_block(hd_store_batch *b, const hd_store_block *block) {
    uint8_t key_bytes[40];
    hd_span key = block_key(key_bytes, block->number, &block->hash);
    hd_store_put_header(b, block->number, &block->hash, block->total_difficulty, block->header);
    hd_store_batch_put(b, HD_STORE_DB_BODIES, key, block->body);
    if (block->receipts.sz)
        hd_store_batch_put(b, HD_STORE_DB_RECEIPTS, key, block->receipts);
    if (block->undo.sz)
        hd_store_batch_put(b, HD_STORE_DB_UNDO, key, block->undo);
}

void hd_store_put_canonical(hd_store_batch *b, uint64_t number, const hd_hash *hash) {
    uint8_t key[8];
    hd_store_be64(key, number);
    if (hash)
        hd_store_batch_put(b, HD_STORE_DB_CANONICAL, hd_store_span(key, sizeof key),
                           hd_store_span(hash->b, 32));
    else
        hd_store_batch_delete(b, HD_STORE_DB_CANONICAL, hd_store_span(key, sizeof key));
}

void hd_store_put_tx(hd_store_batch *b, const hd_hash *tx_hash, hd_store_tx_place place) {
    uint8_t record[16];
    hd_store_be64(record, place.block_number);
    hd_store_be64(record + 8, place.tx_idx);
    hd_store_batch_put(b, HD_STORE_DB_TXS, hd_store_span(tx_hash->b, 32),
                       hd_store_span(record, sizeof record));
}

void hd_store_delete_tx(hd_store_batch *b, const hd_hash *tx_hash) {
    hd_store_batch_delete(b, HD_STORE_DB_TXS, hd_store_span(tx_hash->b, 32));
}

static void put_meta(hd_store_batch *b, const char *name, hd_span value) {
    hd_store_batch_put(b, HD_STORE_DB_META, hd_store_span(name, strlen(name)), value);
}

void hd_store_put_head(hd_store_batch *b, const hd_store_head *head) {
    uint8_t record[72];
    hd_store_be64(record, head->number);
    memcpy(record + 8, head->hash.b, 32);
    memcpy(record + 40, head->state_root.b, 32);
    put_meta(b, HD_STORE_META_HEAD, hd_store_span(record, sizeof record));
    b->has_head = 1;
    b->head_number = head->number;
}

void hd_store_put_named(hd_store_batch *b, const char *name, hd_span data) {
    char full[HD_STORE_NAME_SZ_MAX + sizeof HD_STORE_NAMED];
    size_t sz = strlen(name);
    HD_ASSERT(sz && sz <= HD_STORE_NAME_SZ_MAX);
    memcpy(full, HD_STORE_NAMED, sizeof HD_STORE_NAMED);
    memcpy(full + sizeof HD_STORE_NAMED - 1, name, sz + 1);
    put_meta(b, full, data);
}

/* ---- the commit */

static int delete_prefix(MDB_txn *txn, MDB_dbi dbi, MDB_val prefix) {
    MDB_cursor *cursor;
    MDB_val key = prefix, value;
    int rc = mdb_cursor_open(txn, dbi, &cursor);
    if (rc != 0)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && key.mv_size >= prefix.mv_size &&
           memcmp(key.mv_data, prefix.mv_data, prefix.mv_size) == 0) {
        rc = mdb_cursor_del(cursor, 0);
        /* After a deletion the cursor already stands at the next record, or behind the last of a
           page: looking again is right in both cases. */
        key = prefix;
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int apply(const hd_store *s, MDB_txn *txn, const hd_store_batch *b) {
    size_t pos = 0;
    int rc = 0;
    while (pos < b->ops.sz && rc == 0) {
        op_head head;
        memcpy(&head, b->ops.data + pos, sizeof head);
        pos += sizeof head;
        MDB_val key = {(size_t)head.key_sz, b->ops.data + pos};
        pos += (size_t)head.key_sz;
        if (head.kind == OP_PUT) {
            MDB_val value = {(size_t)head.value_sz, b->ops.data + pos};
            pos += (size_t)head.value_sz;
            rc = mdb_put(txn, s->dbis[head.db], &key, &value, 0);
        } else if (head.kind == OP_DELETE) {
            rc = mdb_del(txn, s->dbis[head.db], &key, NULL);
            if (rc == MDB_NOTFOUND)
                rc = 0;
        } else if (head.kind == OP_DELETE_ALL) {
            rc = mdb_drop(txn, s->dbis[head.db], 0);
        } else {
            rc = delete_prefix(txn, s->dbis[head.db], key);
        }
    }
    return rc;
}

static int put_record(const hd_store *s, MDB_txn *txn, const char *name, uint64_t number) {
    uint8_t record[8 + HD_STORE_CHECK_SZ];
    MDB_val key = {strlen(name), (void *)(uintptr_t)name}, value = {sizeof record, record};
    hd_store_be64(record, number);
    hd_store_check_make(record + 8, HD_STORE_DB_META, hd_store_span(name, strlen(name)),
                        hd_store_span(record, 8));
    return mdb_put(txn, s->dbis[HD_STORE_DB_META], &key, &value, 0);
}

/* Deletes the undo records of blocks at or below head - undo_cnt, and notes down to which block the
   rest leads: the one below the lowest that has a record, or the head. */
static int prune(const hd_store *s, MDB_txn *txn, uint64_t head_number) {
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t oldest = head_number;
    int rc = mdb_cursor_open(txn, s->dbis[HD_STORE_DB_UNDO], &cursor);
    if (rc != 0)
        return rc;
    for (;;) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (rc != 0 || key.mv_size < 8)
            break;
        uint64_t number = hd_load_be64((const uint8_t *)key.mv_data);
        if (s->undo_cnt == UINT32_MAX || head_number < s->undo_cnt ||
            number > head_number - s->undo_cnt) {
            if (number && number - 1 < oldest)
                oldest = number - 1;
            break;
        }
        rc = mdb_cursor_del(cursor, 0);
        if (rc != 0)
            break;
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    return put_record(s, txn, HD_STORE_META_OLDEST, oldest);
}

static int commit_once(const hd_store *s, const hd_store_batch *b) {
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (rc != 0)
        return rc;
    rc = apply(s, txn, b);
    if (rc == 0 && b->has_head)
        rc = prune(s, txn, b->head_number);
    if (rc == 0)
        rc = put_record(s, txn, HD_STORE_META_COMMIT, mdb_txn_id(txn));
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

hd_err hd_store_commit(hd_store *s, hd_msg *msg, hd_store_batch *b) {
    HD_ASSERT(!(s->flags & HD_STORE_READ_ONLY));
    if (b->ops.err != HD_OK) {
        hd_msg_set(msg, "%s: a batch of %zu bytes: %s", s->dir, b->ops.sz, hd_err_name(b->ops.err));
        return b->ops.err;
    }
    hd_err err = HD_OK;
    int rc = 0;
    pthread_mutex_lock(&s->commit_mutex);
    for (uint32_t i = 0; i <= GROWS_MAX && err == HD_OK; i++) {
        rc = commit_once(s, b);
        if (rc != MDB_MAP_FULL)
            break;
        err = hd_store_grow(s, msg);
    }
    pthread_mutex_unlock(&s->commit_mutex);
    if (err == HD_OK && rc != 0)
        err = hd_store_fail(msg, s->dir, rc, "committing");
    if (err == HD_OK)
        hd_store_batch_clear(b);
    return err;
}
