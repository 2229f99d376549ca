/* hd_chain_disk.c - a chain's callbacks on the persistent store, one commit an import. */
#include "exec/hd_chain_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"
#include "state/hd_state_trie.h"
#include "state/hd_store_nodes.h"
#include "state/hd_store_undo.h"

/* A block that is not committed yet. */
typedef struct {
    hd_chain_entry entry;
    hd_buf rlp;
    hd_buf undo; /* encoded; empty while the state does not stand on the block */
} fresh;

struct hd_chain_disk {
    hd_chain_store callbacks;
    hd_store *store;
    hd_state *state;
    hd_store_batch *batch;
    hd_buf nodes; /* log of node_change: of the tries since the last commit */
    fresh *blocks;
    size_t block_cnt, block_cap;
    hd_undo touched;   /* what the pushes and pops since the last commit changed */
    hd_undo undo;      /* scratch */
    hd_buf bytes;      /* scratch */
    hd_hash committed; /* the head of the last commit */
    uint32_t is_moved; /* the state was moved since the last commit */
    hd_msg msg;
};

static int is_same(const hd_hash *a, const hd_hash *b) { return memcmp(a, b, sizeof *a) == 0; }

static fresh *fresh_find(const hd_chain_disk *d, const hd_hash *hash) {
    for (size_t i = 0; i < d->block_cnt; i++)
        if (is_same(&d->blocks[i].entry.hash, hash))
            return &d->blocks[i];
    return NULL;
}

/* Memory of entries is kept; *out has empty buffers. */
static hd_err fresh_add(fresh **out, hd_chain_disk *d, const hd_chain_entry *entry) {
    if (d->block_cnt == d->block_cap) {
        size_t cap = d->block_cap ? 2 * d->block_cap : 4;
        fresh *blocks = (fresh *)realloc(d->blocks, cap * sizeof *blocks);
        if (!blocks)
            return HD_ERR_NOMEM;
        memset(blocks + d->block_cap, 0, (cap - d->block_cap) * sizeof *blocks);
        d->blocks = blocks;
        d->block_cap = cap;
    }
    fresh *f = &d->blocks[d->block_cnt++];
    f->entry = *entry;
    hd_buf_clear(&f->rlp);
    hd_buf_clear(&f->undo);
    *out = f;
    return HD_OK;
}

static void fresh_clear(hd_chain_disk *d) {
    hd_undo_clear(&d->touched);
    d->block_cnt = 0;
    d->is_moved = 0;
    hd_buf_clear(&d->nodes);
}

static hd_err corrupt(hd_msg *msg, uint64_t number, const char *text) {
    hd_msg_set(msg, "block %llu in the store: %s", (unsigned long long)number, text);
    return HD_ERR_CORRUPT;
}

/* ---- reading ---- */

/* The items of a body: transactions, ommers, withdrawals. */
static hd_err body_item(hd_rlp_item *out, hd_span body, uint32_t idx) {
    for (uint32_t i = 0;; i++) {
        hd_err err = hd_rlp_read(out, &body, NULL, body);
        if (err != HD_OK || i == idx)
            return err;
    }
}

static hd_err read_ommers(hd_chain_entry *out, hd_span body) {
    hd_rlp_item ommers, ommer;
    hd_rlp_iter iter;
    out->ommer_cnt = 0;
    hd_err err = body_item(&ommers, body, 1);
    if (err == HD_OK)
        err = hd_rlp_iter_init(&iter, &ommers);
    while (err == HD_OK && !hd_rlp_iter_is_end(&iter) && out->ommer_cnt < HD_OMMER_CNT_MAX) {
        err = hd_rlp_iter_next(&iter, &ommer);
        if (err == HD_OK)
            hd_keccak256(out->ommer_hashes[out->ommer_cnt++].b, ommer.whole.data, ommer.whole.sz);
    }
    return err;
}

static hd_err read_entry(hd_chain_entry *out, hd_msg *msg, hd_store_read *r, const hd_hash *hash) {
    uint64_t number = 0;
    hd_span raw;
    memset(out, 0, sizeof *out);
    out->hash = *hash;
    hd_err err = hd_store_get_number(&number, msg, r, hash);
    if (err != HD_OK)
        return err;
    err = hd_store_get_header(&raw, msg, r, number, hash);
    if (err == HD_OK && hd_header_decode(&out->header, NULL, raw) != HD_OK)
        err = corrupt(msg, number, "its header does not decode");
    if (err == HD_OK)
        err = hd_store_get_difficulty(&out->total_difficulty, msg, r, number, hash);
    if (err != HD_OK)
        return err == HD_ERR_ABSENT ? HD_ERR_CORRUPT : err;
    err = hd_store_get_body(&raw, msg, r, number, hash);
    if (err == HD_ERR_ABSENT)
        return HD_OK; /* from a snapshot: without ommers */
    if (err == HD_OK && read_ommers(out, raw) != HD_OK)
        err = corrupt(msg, number, "its body does not decode");
    return err;
}

static hd_err get_entry(void *ctx, hd_chain_entry *out, const hd_hash *hash) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    hd_hash wanted = *hash; /* which may lie in *out */
    hd_store_read *r;
    const fresh *f = fresh_find(d, &wanted);
    if (f) {
        *out = f->entry;
        return HD_OK;
    }
    hd_err err = hd_store_read_begin(&r, &d->msg, d->store);
    if (err != HD_OK)
        return err;
    err = read_entry(out, &d->msg, r, &wanted);
    hd_store_read_end(r);
    return err;
}

hd_err hd_chain_disk_block(hd_buf *rlp, hd_msg *msg, hd_store_read *r, uint64_t number,
                           const hd_hash *hash) {
    hd_span header, body;
    hd_err err = hd_store_get_header(&header, msg, r, number, hash);
    if (err == HD_OK)
        err = hd_store_get_body(&body, msg, r, number, hash);
    if (err != HD_OK)
        return err;
    hd_rlp_put_list_head(rlp, header.sz + body.sz);
    hd_buf_append(rlp, header.data, header.sz);
    return hd_buf_append(rlp, body.data, body.sz);
}

static hd_err get_block(void *ctx, hd_buf *rlp, const hd_hash *hash) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    hd_store_read *r;
    uint64_t number;
    const fresh *f = fresh_find(d, hash);
    if (f && f->rlp.sz)
        return hd_buf_append(rlp, f->rlp.data, f->rlp.sz);
    hd_err err = hd_store_read_begin(&r, &d->msg, d->store);
    if (err != HD_OK)
        return err;
    err = hd_store_get_number(&number, &d->msg, r, hash);
    if (err == HD_OK)
        err = hd_chain_disk_block(rlp, &d->msg, r, number, hash);
    hd_store_read_end(r);
    return err;
}

/* Undo records of blocks below the states that are kept are gone. */
static hd_err say_too_deep(hd_chain_disk *d, hd_store_read *r, uint64_t number) {
    hd_msg other;
    uint64_t oldest = 0;
    hd_store_get_oldest(&oldest, &other, r);
    hd_msg_set(&d->msg,
               "block %llu cannot be undone: the store keeps states back to block %llu only",
               (unsigned long long)number, (unsigned long long)oldest);
    return HD_ERR_LIMIT;
}

static hd_err get_undo(void *ctx, hd_undo *out, const hd_hash *hash) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    const fresh *f = fresh_find(d, hash);
    hd_store_read *r;
    hd_span raw = {NULL, 0};
    uint64_t number = 0;
    hd_err err = hd_store_read_begin(&r, &d->msg, d->store);
    if (err != HD_OK)
        return err;
    if (f && f->undo.sz) {
        raw = hd_buf_span(&f->undo);
        number = f->entry.header.number;
    } else {
        err = hd_store_get_number(&number, &d->msg, r, hash);
        if (err == HD_OK)
            err = hd_store_get_undo(&raw, &d->msg, r, number, hash);
        if (err == HD_ERR_ABSENT)
            err = say_too_deep(d, r, number);
    }
    if (err == HD_OK) {
        err = hd_undo_decode(out, raw);
        if (err == HD_ERR_CORRUPT)
            corrupt(&d->msg, number, "its undo record does not decode");
    }
    if (err == HD_OK)
        err = hd_store_teach(d->state, &d->msg, r, out);
    hd_store_read_end(r);
    return err;
}

/* ---- writing ---- */

static hd_err put_block(void *ctx, const hd_chain_entry *entry, hd_span rlp) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    hd_rlp_item whole, header;
    fresh *f;
    hd_span rest;
    if (hd_rlp_read(&whole, NULL, NULL, rlp) != HD_OK ||
        hd_rlp_read(&header, &rest, NULL, whole.body) != HD_OK)
        return HD_ERR_FORMAT;
    hd_store_block block;
    memset(&block, 0, sizeof block);
    block.number = entry->header.number;
    block.hash = entry->hash;
    block.total_difficulty = entry->total_difficulty;
    block.header = header.whole;
    block.body = rest;
    hd_store_put_block(d->batch, &block);
    hd_err err = fresh_add(&f, d, entry);
    return err == HD_OK ? hd_buf_append(&f->rlp, rlp.data, rlp.sz) : err;
}

static hd_err touch(hd_chain_disk *d, const hd_undo *undo) {
    hd_err err = hd_buf_append(&d->touched.accounts, undo->accounts.data, undo->accounts.sz);
    return err == HD_OK ? hd_buf_append(&d->touched.slots, undo->slots.data, undo->slots.sz) : err;
}

static hd_err put_receipts(hd_chain_disk *d, const hd_chain_entry *entry,
                           const hd_block_result *result, uint32_t tx_cnt) {
    const hd_block_receipt *receipts =
        (const hd_block_receipt *)(const void *)result->receipts.data;
    hd_buf *out = &d->bytes, one;
    hd_err err = HD_OK;
    hd_buf_init(&one);
    hd_buf_clear(out);
    size_t mark = hd_rlp_list_open(out);
    for (uint32_t i = 0; i < tx_cnt && err == HD_OK; i++) {
        if (receipts[i].type == HD_TX_LEGACY) {
            err = hd_block_receipt_encode(out, result, i);
            continue;
        }
        hd_buf_clear(&one);
        err = hd_block_receipt_encode(&one, result, i);
        if (err == HD_OK)
            err = hd_rlp_put_bytes(out, one.data, one.sz);
    }
    if (err == HD_OK)
        err = hd_rlp_list_close(out, mark);
    if (err == HD_OK)
        hd_store_put_receipts(d->batch, entry->header.number, &entry->hash, hd_buf_span(out));
    hd_buf_free(&one);
    return err;
}

static hd_err push(void *ctx, const hd_chain_entry *entry, const hd_undo *undo,
                   const hd_block *block, const hd_block_result *result) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    fresh *f = fresh_find(d, &entry->hash);
    hd_err err = f ? HD_OK : fresh_add(&f, d, entry);
    if (err == HD_OK)
        err = touch(d, undo);
    d->is_moved = 1;
    hd_store_put_canonical(d->batch, entry->header.number, &entry->hash);
    if (err != HD_OK || !block)
        return err;
    for (uint32_t i = 0; i < block->tx_cnt; i++) {
        hd_store_tx_place place = {entry->header.number, i};
        hd_store_put_tx(d->batch, &hd_block_envelopes(block)[i].hash, place);
    }
    err = put_receipts(d, entry, result, block->tx_cnt);
    hd_undo_clear(&d->undo);
    if (err == HD_OK)
        err = hd_buf_append(&d->undo.accounts, undo->accounts.data, undo->accounts.sz);
    if (err == HD_OK)
        err = hd_buf_append(&d->undo.slots, undo->slots.data, undo->slots.sz);
    if (err == HD_OK)
        err = hd_undo_compact(&d->undo);
    if (err != HD_OK)
        return err;
    hd_buf_clear(&f->undo);
    err = hd_undo_encode(&f->undo, &d->undo);
    if (err == HD_OK)
        hd_store_put_undo(d->batch, entry->header.number, &entry->hash, hd_buf_span(&f->undo));
    return err;
}

/* Hashes of a block's transactions: of a list's bytes, or of a typed one's string. */
static hd_err delete_txs(hd_chain_disk *d, hd_span rlp, uint64_t number) {
    hd_rlp_item whole, header, txs, tx;
    hd_rlp_iter iter;
    hd_span rest;
    hd_err err = hd_rlp_read(&whole, NULL, NULL, rlp);
    if (err == HD_OK)
        err = hd_rlp_read(&header, &rest, NULL, whole.body);
    if (err == HD_OK)
        err = body_item(&txs, rest, 0);
    if (err == HD_OK)
        err = hd_rlp_iter_init(&iter, &txs);
    while (err == HD_OK && !hd_rlp_iter_is_end(&iter)) {
        hd_hash hash;
        err = hd_rlp_iter_next(&iter, &tx);
        if (err != HD_OK)
            break;
        hd_span raw = tx.is_list ? tx.whole : tx.body;
        hd_keccak256(hash.b, raw.data, raw.sz);
        hd_store_delete_tx(d->batch, &hash);
    }
    return err == HD_OK ? HD_OK : corrupt(&d->msg, number, "its body does not decode");
}

static hd_err pop(void *ctx, const hd_chain_entry *entry) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    uint64_t number = entry->header.number;
    hd_undo_clear(&d->undo);
    hd_err err = get_undo(ctx, &d->undo, &entry->hash);
    if (err == HD_OK)
        err = touch(d, &d->undo);
    d->is_moved = 1;
    hd_buf_clear(&d->bytes);
    if (err == HD_OK)
        err = get_block(ctx, &d->bytes, &entry->hash);
    if (err == HD_OK)
        err = delete_txs(d, hd_buf_span(&d->bytes), number);
    if (err != HD_OK)
        return err;
    hd_store_put_canonical(d->batch, number, NULL);
    hd_store_delete_undo(d->batch, number, &entry->hash);
    fresh *f = fresh_find(d, &entry->hash);
    if (f)
        hd_buf_clear(&f->undo);
    return HD_OK;
}

/* ---- trie nodes: what the chain tells is kept until it is clear that the state stays there ----
 */

typedef struct {
    hd_hash owner; /* zeros: the account trie */
    uint64_t path_cnt;
    uint64_t node_sz; /* the nibbles and the node follow */
} node_change;

static hd_err keep_node(void *ctx, const hd_hash *owner, const uint8_t *path, size_t path_cnt,
                        hd_span node) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    node_change x;
    memset(&x, 0, sizeof x);
    if (owner)
        x.owner = *owner;
    x.path_cnt = path_cnt;
    x.node_sz = node.sz;
    hd_buf_append(&d->nodes, &x, sizeof x);
    if (path_cnt != HD_FOREST_ALL)
        hd_buf_append(&d->nodes, path, path_cnt);
    return hd_buf_append(&d->nodes, node.data, node.sz);
}

static hd_err put_nodes(hd_chain_disk *d) {
    const uint8_t *p = d->nodes.data;
    if (d->nodes.err != HD_OK)
        return d->nodes.err;
    for (size_t off = 0; off < d->nodes.sz;) {
        node_change x;
        memcpy(&x, p + off, sizeof x);
        off += sizeof x;
        if (x.path_cnt == HD_FOREST_ALL) {
            hd_store_delete_nodes(d->batch, &x.owner);
            continue;
        }
        hd_span node = {p + off + x.path_cnt, x.node_sz};
        hd_store_put_node(d->batch, &x.owner, p + off, x.path_cnt, node);
        off += x.path_cnt + x.node_sz;
    }
    return HD_OK;
}

/* A store whose nodes are not those of its state (it came from a snapshot) gets them with the next
   commit. */
static hd_err make_nodes(hd_chain_disk *d, hd_msg *msg, const hd_hash *root) {
    hd_forest_source source;
    hd_store_nodes nodes = {d->store, msg};
    hd_state_trie *trie;
    hd_hash made;
    hd_err err = hd_store_nodes_source(&source, &nodes, root);
    if (err != HD_ERR_ABSENT)
        return err;
    err = hd_state_trie_open(&trie, NULL, NULL);
    if (err != HD_OK)
        return err;
    hd_store_delete_all_nodes(d->batch);
    hd_forest_keep_changes(hd_state_trie_forest(trie), 1);
    err = hd_state_trie_touch_all(trie, d->state);
    if (err == HD_OK)
        err = hd_state_trie_root(&made, trie, d->state);
    if (err == HD_OK)
        err = hd_store_put_nodes(d->batch, hd_state_trie_forest(trie));
    hd_state_trie_close(trie);
    return err;
}

static hd_err commit(void *ctx, const hd_chain_entry *head) {
    hd_chain_disk *d = (hd_chain_disk *)ctx;
    hd_err err = HD_OK;
    if (hd_store_batch_sz(d->batch) == 0) { /* an invalid block changed nothing in the end */
        hd_buf_clear(&d->nodes);
        return HD_OK;
    }
    /* Nor did a branch that lost, and on which the state stands no more. */
    if (d->is_moved && !is_same(&head->hash, &d->committed)) {
        hd_store_head record = {head->header.number, head->hash, head->header.state_root};
        err = hd_undo_compact(&d->touched);
        if (err == HD_OK)
            err = put_nodes(d);
        if (err == HD_OK)
            hd_store_put_changed(d->batch, d->state, &d->touched);
        hd_store_put_head(d->batch, &record);
    }
    if (err == HD_OK)
        err = hd_store_commit(d->store, &d->msg, d->batch);
    if (err != HD_OK)
        return err;
    d->committed = head->hash;
    fresh_clear(d);
    return HD_OK;
}

/* ---- life ---- */

hd_err hd_chain_disk_open(hd_chain_disk **out, hd_store *store, hd_state *state) {
    hd_chain_disk *d = (hd_chain_disk *)calloc(1, sizeof *d);
    *out = NULL;
    if (!d)
        return HD_ERR_NOMEM;
    d->store = store;
    d->state = state;
    d->batch = hd_store_batch_new();
    d->callbacks = (hd_chain_store){.ctx = d,
                                    .get_entry = get_entry,
                                    .get_block = get_block,
                                    .get_undo = get_undo,
                                    .put_block = put_block,
                                    .push = push,
                                    .pop = pop,
                                    .node = keep_node,
                                    .commit = commit};
    if (!d->batch) {
        hd_chain_disk_close(d);
        return HD_ERR_NOMEM;
    }
    *out = d;
    return HD_OK;
}

void hd_chain_disk_close(hd_chain_disk *d) {
    if (!d)
        return;
    for (size_t i = 0; i < d->block_cap; i++) {
        hd_buf_free(&d->blocks[i].rlp);
        hd_buf_free(&d->blocks[i].undo);
    }
    free(d->blocks);
    hd_undo_free(&d->touched);
    hd_undo_free(&d->undo);
    hd_buf_free(&d->bytes);
    hd_buf_free(&d->nodes);
    hd_store_batch_free(d->batch);
    free(d);
}

const hd_chain_store *hd_chain_disk_store(hd_chain_disk *d) { return &d->callbacks; }
const hd_msg *hd_chain_disk_msg(const hd_chain_disk *d) { return &d->msg; }

hd_err hd_chain_disk_load(hd_store_head *head, hd_msg *msg, hd_chain_disk *d) {
    hd_store_read *r;
    hd_hash root;
    hd_err err = hd_store_read_begin(&r, msg, d->store);
    if (err != HD_OK)
        return err;
    err = hd_store_get_head(head, msg, r);
    if (err == HD_OK)
        err = hd_store_load(d->state, msg, r);
    hd_store_read_end(r);
    if (err == HD_OK)
        err = hd_state_root(&root, d->state);
    if (err != HD_OK)
        return err;
    if (!is_same(&root, &head->state_root)) {
        hd_msg_set(msg, "the store's state is not that of block %llu, its head: the root differs",
                   (unsigned long long)head->number);
        return HD_ERR_CORRUPT;
    }
    d->committed = head->hash;
    return make_nodes(d, msg, &root);
}

hd_err hd_chain_disk_begin(hd_chain_disk *d, hd_span config, const hd_hash *genesis) {
    hd_store_put_named(d->batch, HD_CHAIN_DISK_CONFIG, config);
    hd_store_put_named(d->batch, HD_CHAIN_DISK_GENESIS, (hd_span){genesis->b, 32});
    return hd_store_put_all(d->batch, d->state);
}
