/* hd_store_read.c - records out of the store, each verified; walks, loading, the flat state's root.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hd_rlp.h"
#include "state/hd_store_internal.h"

#define SLOT_LEAF_SZ_MAX 33u
#define ACCOUNT_LEAF_SZ_MAX 110u /* 9 + 33 + 33 + 33 bytes and the list's header */

static hd_span span_of(MDB_val v) { return hd_store_span(v.mv_data, v.mv_size); }

hd_err hd_store_open_record(hd_span *out, hd_msg *msg, const hd_store *s, uint32_t db, MDB_val key,
                            MDB_val value) {
    uint8_t check[HD_STORE_CHECK_SZ];
    *out = hd_store_span(NULL, 0);
    if (value.mv_size < HD_STORE_CHECK_SZ)
        return hd_store_name_record(msg, s->dir, db, span_of(key), "is too short");
    hd_span body = hd_store_span(value.mv_data, value.mv_size - HD_STORE_CHECK_SZ);
    hd_store_check_make(check, db, span_of(key), body);
    if (memcmp(check, body.data + body.sz, HD_STORE_CHECK_SZ) != 0)
        return hd_store_name_record(msg, s->dir, db, span_of(key), "the checksum does not match");
    *out = body;
    return HD_OK;
}

hd_err hd_store_fetch(hd_span *out, hd_msg *msg, hd_store_read *r, uint32_t db, hd_span key) {
    MDB_val k = {key.sz, (void *)(uintptr_t)key.data}, v;
    int rc = mdb_get(r->txn, r->store->dbis[db], &k, &v);
    *out = hd_store_span(NULL, 0);
    if (rc == MDB_NOTFOUND) {
        hd_store_name_record(msg, r->store->dir, db, key, "is not there");
        return HD_ERR_ABSENT;
    }
    if (rc != 0) {
        hd_err err = hd_store_fail(msg, r->store->dir, rc, "reading");
        hd_msg_prefix(msg, "database %s: ", hd_store_db_name(db));
        return err;
    }
    return hd_store_open_record(out, msg, r->store, db, k, v);
}

/* A record of a size that is known. */
static hd_err fetch_sized(hd_span *out, hd_msg *msg, hd_store_read *r, uint32_t db, hd_span key,
                          size_t sz) {
    hd_err err = hd_store_fetch(out, msg, r, db, key);
    if (err == HD_OK && out->sz != sz)
        return hd_store_name_record(msg, r->store->dir, db, key, "has a wrong size");
    return err;
}

static hd_hash hash_at(const uint8_t *p) {
    hd_hash h;
    memcpy(h.b, p, sizeof h.b);
    return h;
}

/* ---- state */

static void account_read(hd_store_account *out, const uint8_t *record) {
    out->nonce = hd_load_be64(record + 20);
    out->balance_wei = hd_u256_load_be(record + 28);
    out->code_hash = hash_at(record + 60);
}

hd_err hd_store_get_account(hd_store_account *out, hd_msg *msg, hd_store_read *r,
                            const hd_address *addr) {
    hd_hash hash = hd_store_address_hash(addr);
    hd_span record;
    hd_err err = fetch_sized(&record, msg, r, HD_STORE_DB_ACCOUNTS, hd_store_span(hash.b, 32),
                             HD_STORE_ACCOUNT_SZ);
    if (err == HD_OK)
        account_read(out, record.data);
    return err;
}

static int slot_read(hd_u256 *key, hd_u256 *value, hd_span record) {
    if (record.sz <= 32 || record.sz > 64 || record.data[32] == 0)
        return 0;
    *key = hd_u256_load_be(record.data);
    *value = hd_u256_load_be_n(record.data + 32, record.sz - 32);
    return 1;
}

hd_err hd_store_get_slot(hd_u256 *out, hd_msg *msg, hd_store_read *r, const hd_address *addr,
                         hd_u256 key) {
    uint8_t path[64];
    hd_hash owner = hd_store_address_hash(addr), key_hash = hd_store_key_hash(key);
    hd_u256 found;
    hd_span record;
    memcpy(path, owner.b, 32);
    memcpy(path + 32, key_hash.b, 32);
    *out = hd_u256_zero();
    hd_err err =
        hd_store_fetch(&record, msg, r, HD_STORE_DB_SLOTS, hd_store_span(path, sizeof path));
    if (err == HD_ERR_ABSENT)
        return HD_OK;
    if (err == HD_OK && !slot_read(&found, out, record))
        return hd_store_name_record(msg, r->store->dir, HD_STORE_DB_SLOTS,
                                    hd_store_span(path, sizeof path), "has a wrong size");
    return err;
}

static int is_empty_code(const hd_hash *hash) {
    hd_hash empty;
    hd_keccak256(empty.b, (const uint8_t *)"", 0);
    return memcmp(hash, &empty, sizeof empty) == 0;
}

hd_err hd_store_get_code(hd_span *out, hd_msg *msg, hd_store_read *r, const hd_hash *hash) {
    *out = hd_store_span("", 0);
    if (is_empty_code(hash))
        return HD_OK;
    return hd_store_fetch(out, msg, r, HD_STORE_DB_CODES, hd_store_span(hash->b, 32));
}

hd_err hd_store_get_node(hd_span *rlp, hd_msg *msg, hd_store_read *r, const hd_hash *owner,
                         const uint8_t *nibbles, size_t nibble_cnt) {
    uint8_t key[32 + HD_STORE_NIBBLES_MAX];
    HD_ASSERT(nibble_cnt <= HD_STORE_NIBBLES_MAX);
    memcpy(key, owner->b, 32);
    if (nibble_cnt)
        memcpy(key + 32, nibbles, nibble_cnt);
    return hd_store_fetch(rlp, msg, r, HD_STORE_DB_NODES, hd_store_span(key, 32 + nibble_cnt));
}

/* ---- blocks */

static hd_err fetch_block(hd_span *out, hd_msg *msg, hd_store_read *r, uint32_t db, uint64_t number,
                          const hd_hash *hash) {
    uint8_t key[40];
    hd_store_be64(key, number);
    memcpy(key + 8, hash->b, 32);
    return hd_store_fetch(out, msg, r, db, hd_store_span(key, sizeof key));
}

hd_err hd_store_get_header(hd_span *rlp, hd_msg *msg, hd_store_read *r, uint64_t number,
                           const hd_hash *hash) {
    return fetch_block(rlp, msg, r, HD_STORE_DB_HEADERS, number, hash);
}

hd_err hd_store_get_body(hd_span *rlp, hd_msg *msg, hd_store_read *r, uint64_t number,
                         const hd_hash *hash) {
    return fetch_block(rlp, msg, r, HD_STORE_DB_BODIES, number, hash);
}

hd_err hd_store_get_receipts(hd_span *out, hd_msg *msg, hd_store_read *r, uint64_t number,
                             const hd_hash *hash) {
    return fetch_block(out, msg, r, HD_STORE_DB_RECEIPTS, number, hash);
}

hd_err hd_store_get_undo(hd_span *out, hd_msg *msg, hd_store_read *r, uint64_t number,
                         const hd_hash *hash) {
    return fetch_block(out, msg, r, HD_STORE_DB_UNDO, number, hash);
}

hd_err hd_store_get_difficulty(hd_u256 *total, hd_msg *msg, hd_store_read *r, uint64_t number,
                               const hd_hash *hash) {
    hd_span record;
    hd_err err = fetch_block(&record, msg, r, HD_STORE_DB_DIFFICULTY, number, hash);
    if (err != HD_OK)
        return err;
    if (record.sz > 32)
        return hd_store_name_record(msg, r->store->dir, HD_STORE_DB_DIFFICULTY,
                                    hd_store_span(hash->b, 32), "has a wrong size");
    *total = hd_u256_load_be_n(record.data, record.sz);
    return HD_OK;
}

hd_err hd_store_get_number(uint64_t *number, hd_msg *msg, hd_store_read *r, const hd_hash *hash) {
    hd_span record;
    hd_err err = fetch_sized(&record, msg, r, HD_STORE_DB_NUMBERS, hd_store_span(hash->b, 32), 8);
    if (err == HD_OK)
        *number = hd_load_be64(record.data);
    return err;
}

hd_err hd_store_get_canonical(hd_hash *hash, hd_msg *msg, hd_store_read *r, uint64_t number) {
    uint8_t key[8];
    hd_span record;
    hd_store_be64(key, number);
    hd_err err =
        fetch_sized(&record, msg, r, HD_STORE_DB_CANONICAL, hd_store_span(key, sizeof key), 32);
    if (err == HD_OK)
        *hash = hash_at(record.data);
    return err;
}

hd_err hd_store_get_tx(hd_store_tx_place *out, hd_msg *msg, hd_store_read *r, const hd_hash *hash) {
    hd_span record;
    hd_err err = fetch_sized(&record, msg, r, HD_STORE_DB_TXS, hd_store_span(hash->b, 32), 16);
    if (err == HD_OK) {
        out->block_number = hd_load_be64(record.data);
        out->tx_idx = hd_load_be64(record.data + 8);
    }
    return err;
}

/* ---- meta */

static hd_err fetch_meta(hd_span *out, hd_msg *msg, hd_store_read *r, const char *name, size_t sz) {
    return fetch_sized(out, msg, r, HD_STORE_DB_META, hd_store_span(name, strlen(name)), sz);
}

hd_err hd_store_get_head(hd_store_head *out, hd_msg *msg, hd_store_read *r) {
    hd_span record;
    hd_err err = fetch_meta(&record, msg, r, HD_STORE_META_HEAD, 72);
    if (err == HD_OK) {
        out->number = hd_load_be64(record.data);
        out->hash = hash_at(record.data + 8);
        out->state_root = hash_at(record.data + 40);
    }
    return err;
}

hd_err hd_store_get_oldest(uint64_t *number, hd_msg *msg, hd_store_read *r) {
    hd_span record;
    hd_err err = fetch_meta(&record, msg, r, HD_STORE_META_OLDEST, 8);
    if (err == HD_OK)
        *number = hd_load_be64(record.data);
    return err;
}

hd_err hd_store_get_named(hd_span *out, hd_msg *msg, hd_store_read *r, const char *name) {
    char full[HD_STORE_NAME_SZ_MAX + sizeof HD_STORE_NAMED];
    size_t sz = strlen(name);
    HD_ASSERT(sz && sz <= HD_STORE_NAME_SZ_MAX);
    memcpy(full, HD_STORE_NAMED, sizeof HD_STORE_NAMED);
    memcpy(full + sizeof HD_STORE_NAMED - 1, name, sz + 1);
    return hd_store_fetch(out, msg, r, HD_STORE_DB_META, hd_store_span(full, strlen(full)));
}

hd_err hd_store_count(hd_store_counts *out, hd_msg *msg, hd_store_read *r) {
    const hd_store *s = r->store;
    const struct {
        uint32_t db;
        uint64_t *cnt;
    } table[] = {{HD_STORE_DB_ACCOUNTS, &out->account_cnt}, {HD_STORE_DB_SLOTS, &out->slot_cnt},
                 {HD_STORE_DB_CODES, &out->code_cnt},       {HD_STORE_DB_NODES, &out->node_cnt},
                 {HD_STORE_DB_HEADERS, &out->block_cnt},    {HD_STORE_DB_TXS, &out->tx_cnt},
                 {HD_STORE_DB_UNDO, &out->undo_cnt}};
    MDB_stat stat = {0};
    MDB_envinfo info;
    int rc = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table && rc == 0; i++) {
        rc = mdb_stat(r->txn, s->dbis[table[i].db], &stat);
        *table[i].cnt = stat.ms_entries;
    }
    if (rc == 0)
        rc = mdb_env_info(s->env, &info);
    if (rc != 0)
        return hd_store_fail(msg, s->dir, rc, "counting");
    out->file_sz = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    return HD_OK;
}

/* ---- walks */

typedef struct {
    hd_store_read *read;
    hd_msg *msg;
    MDB_cursor *cursor;
    MDB_val key, value;
    uint32_t db;
    int rc; /* 0: key and value hold a record */
} walker;

static hd_err walker_open(walker *w, hd_msg *msg, hd_store_read *r, uint32_t db, hd_span from) {
    memset(w, 0, sizeof *w);
    w->read = r;
    w->msg = msg;
    w->db = db;
    w->key.mv_data = (void *)(uintptr_t)from.data;
    w->key.mv_size = from.sz;
    int rc = mdb_cursor_open(r->txn, r->store->dbis[db], &w->cursor);
    if (rc != 0)
        return hd_store_fail(msg, r->store->dir, rc, "opening a cursor");
    w->rc = mdb_cursor_get(w->cursor, &w->key, &w->value, from.sz ? MDB_SET_RANGE : MDB_FIRST);
    return HD_OK;
}

static void walker_close(walker *w) {
    if (w->cursor)
        mdb_cursor_close(w->cursor);
}

static void walker_next(walker *w) {
    w->rc = mdb_cursor_get(w->cursor, &w->key, &w->value, MDB_NEXT);
}

static hd_err walker_end(const walker *w) {
    if (w->rc == 0 || w->rc == MDB_NOTFOUND)
        return HD_OK;
    return hd_store_fail(w->msg, w->read->store->dir, w->rc, "walking");
}

static hd_err walker_bad(const walker *w, const char *text) {
    return hd_store_name_record(w->msg, w->read->store->dir, w->db, span_of(w->key), text);
}

static hd_err walker_account(hd_store_walk_account *out, const walker *w) {
    hd_span record;
    hd_err err = hd_store_open_record(&record, w->msg, w->read->store, w->db, w->key, w->value);
    if (err != HD_OK)
        return err;
    if (w->key.mv_size != 32 || record.sz != HD_STORE_ACCOUNT_SZ)
        return walker_bad(w, "has a wrong size");
    out->hash = hash_at((const uint8_t *)w->key.mv_data);
    memcpy(out->addr.b, record.data, 20);
    account_read(&out->account, record.data);
    return HD_OK;
}

static hd_err walker_slot(hd_store_walk_slot *out, const walker *w) {
    hd_span record;
    hd_err err = hd_store_open_record(&record, w->msg, w->read->store, w->db, w->key, w->value);
    if (err != HD_OK)
        return err;
    if (w->key.mv_size != 64 || !slot_read(&out->key, &out->value, record))
        return walker_bad(w, "has a wrong size");
    out->hash = hash_at((const uint8_t *)w->key.mv_data + 32);
    return HD_OK;
}

static int walker_is_below(const walker *w, const hd_hash *owner) {
    return w->rc == 0 && w->key.mv_size >= 32 && memcmp(w->key.mv_data, owner->b, 32) == 0;
}

hd_err hd_store_walk(hd_msg *msg, hd_store_read *r, const hd_store_visitor *visitor) {
    walker accounts, slots;
    hd_store_walk_account account;
    hd_store_walk_slot slot;
    hd_err err = walker_open(&accounts, msg, r, HD_STORE_DB_ACCOUNTS, hd_store_span(NULL, 0));
    if (err != HD_OK)
        return err;
    err = walker_open(&slots, msg, r, HD_STORE_DB_SLOTS, hd_store_span(NULL, 0));
    for (; err == HD_OK && accounts.rc == 0; walker_next(&accounts)) {
        err = walker_account(&account, &accounts);
        if (err == HD_OK && visitor->begin)
            err = visitor->begin(visitor->ctx, msg, &account);
        for (; err == HD_OK && walker_is_below(&slots, &account.hash); walker_next(&slots)) {
            err = walker_slot(&slot, &slots);
            if (err == HD_OK && visitor->slot)
                err = visitor->slot(visitor->ctx, msg, &slot);
        }
        if (err == HD_OK && slots.rc == 0 && memcmp(slots.key.mv_data, account.hash.b, 32) < 0)
            err = walker_bad(&slots, "belongs to no account");
        if (err == HD_OK && visitor->end)
            err = visitor->end(visitor->ctx, msg, &account);
    }
    if (err == HD_OK)
        err = walker_end(&accounts);
    if (err == HD_OK)
        err = slots.rc == 0 ? walker_bad(&slots, "belongs to no account") : walker_end(&slots);
    walker_close(&accounts);
    walker_close(&slots);
    return err;
}

hd_err hd_store_each_account(hd_msg *msg, hd_store_read *r, hd_store_account_fn *fn, void *ctx) {
    walker w;
    hd_store_walk_account account;
    hd_err err = walker_open(&w, msg, r, HD_STORE_DB_ACCOUNTS, hd_store_span(NULL, 0));
    for (; err == HD_OK && w.rc == 0; walker_next(&w)) {
        err = walker_account(&account, &w);
        if (err == HD_OK)
            err = fn(ctx, &account.addr, &account.account);
    }
    if (err == HD_OK)
        err = walker_end(&w);
    walker_close(&w);
    return err;
}

hd_err hd_store_each_slot(hd_msg *msg, hd_store_read *r, const hd_address *addr,
                          hd_store_slot_fn *fn, void *ctx) {
    walker w;
    hd_store_walk_slot slot;
    hd_hash owner = hd_store_address_hash(addr);
    hd_err err = walker_open(&w, msg, r, HD_STORE_DB_SLOTS, hd_store_span(owner.b, 32));
    for (; err == HD_OK && walker_is_below(&w, &owner); walker_next(&w)) {
        err = walker_slot(&slot, &w);
        if (err == HD_OK)
            err = fn(ctx, slot.key, slot.value);
    }
    if (err == HD_OK)
        err = walker_end(&w);
    walker_close(&w);
    return err;
}

/* ---- loading */

typedef struct {
    hd_store_read *read;
    hd_state *state;
    hd_address addr;
} loader;

static hd_err load_account(void *ctx, hd_msg *msg, const hd_store_walk_account *a) {
    loader *x = (loader *)ctx;
    hd_span code;
    x->addr = a->addr;
    hd_err err = hd_store_get_code(&code, msg, x->read, &a->account.code_hash);
    if (err == HD_ERR_ABSENT)
        return HD_ERR_CORRUPT; /* the message names the code already */
    if (err != HD_OK)
        return err;
    return hd_state_set(x->state, &a->addr, a->account.nonce, a->account.balance_wei, code.data,
                        code.sz);
}

static hd_err load_slot(void *ctx, hd_msg *msg, const hd_store_walk_slot *slot) {
    loader *x = (loader *)ctx;
    (void)msg;
    return hd_state_set_slot(x->state, &x->addr, slot->key, slot->value);
}

hd_err hd_store_load(hd_state *out, hd_msg *msg, hd_store_read *r) {
    loader x;
    memset(&x, 0, sizeof x);
    x.read = r;
    x.state = out;
    hd_store_visitor visitor = {&x, load_account, load_slot, NULL};
    hd_err err = hd_store_walk(msg, r, &visitor);
    if (err == HD_ERR_NOMEM || err == HD_ERR_LIMIT)
        hd_msg_set(msg, "%s: loading the state: %s", r->store->dir, hd_err_name(err));
    return err;
}

/* ---- roots */

hd_err hd_store_rooter_init(hd_store_rooter *x) {
    x->accounts = hd_trie_stream_new();
    x->slots = hd_trie_stream_new();
    if (x->accounts && x->slots)
        return HD_OK;
    hd_store_rooter_free(x);
    return HD_ERR_NOMEM;
}

void hd_store_rooter_free(hd_store_rooter *x) {
    hd_trie_stream_free(x->accounts);
    hd_trie_stream_free(x->slots);
    memset(x, 0, sizeof *x);
}

hd_err hd_store_rooter_slot(hd_store_rooter *x, const hd_hash *key_hash, hd_u256 value) {
    uint8_t word[32], leaf[SLOT_LEAF_SZ_MAX];
    hd_buf buf;
    hd_u256_store_be(word, value);
    hd_buf_init_fixed(&buf, leaf, sizeof leaf);
    hd_rlp_put_num(&buf, word, sizeof word);
    return buf.err == HD_OK ? hd_trie_stream_add(x->slots, key_hash, hd_buf_span(&buf)) : buf.err;
}

hd_err hd_store_rooter_account(hd_store_rooter *x, const hd_hash *addr_hash,
                               const hd_store_account *account) {
    uint8_t word[32], leaf[ACCOUNT_LEAF_SZ_MAX];
    hd_hash storage;
    hd_buf buf;
    hd_err err = hd_trie_stream_root(&storage, x->slots);
    if (err != HD_OK)
        return err;
    hd_u256_store_be(word, account->balance_wei);
    hd_buf_init_fixed(&buf, leaf, sizeof leaf);
    size_t mark = hd_rlp_list_open(&buf);
    hd_rlp_put_u64(&buf, account->nonce);
    hd_rlp_put_num(&buf, word, sizeof word);
    hd_rlp_put_bytes(&buf, storage.b, sizeof storage.b);
    hd_rlp_put_bytes(&buf, account->code_hash.b, sizeof account->code_hash.b);
    hd_rlp_list_close(&buf, mark);
    return buf.err == HD_OK ? hd_trie_stream_add(x->accounts, addr_hash, hd_buf_span(&buf))
                            : buf.err;
}

hd_err hd_store_rooter_root(hd_hash *out, hd_store_rooter *x) {
    return hd_trie_stream_root(out, x->accounts);
}

static hd_err root_slot(void *ctx, hd_msg *msg, const hd_store_walk_slot *slot) {
    (void)msg;
    return hd_store_rooter_slot((hd_store_rooter *)ctx, &slot->hash, slot->value);
}

static hd_err root_account(void *ctx, hd_msg *msg, const hd_store_walk_account *a) {
    (void)msg;
    return hd_store_rooter_account((hd_store_rooter *)ctx, &a->hash, &a->account);
}

hd_err hd_store_root(hd_hash *out, hd_msg *msg, hd_store_read *r) {
    hd_store_rooter x;
    hd_err err = hd_store_rooter_init(&x);
    if (err != HD_OK)
        return err;
    hd_store_visitor visitor = {&x, NULL, root_slot, root_account};
    err = hd_store_walk(msg, r, &visitor);
    if (err == HD_OK)
        err = hd_store_rooter_root(out, &x);
    hd_store_rooter_free(&x);
    return err;
}

hd_err hd_store_verify(hd_msg *msg, hd_store_read *r) {
    hd_store_head head;
    hd_hash root;
    hd_err err = hd_store_get_head(&head, msg, r);
    if (err == HD_ERR_ABSENT)
        return HD_OK;
    if (err == HD_OK)
        err = hd_store_root(&root, msg, r);
    if (err == HD_OK && memcmp(&root, &head.state_root, sizeof root) != 0) {
        hd_msg_set(msg, "%s: the state's root is not that of block %llu, the head", r->store->dir,
                   (unsigned long long)head.number);
        err = HD_ERR_CORRUPT;
    }
    return err;
}
