/* hd_forest_walk.c - what a forest shows: accounts, slots, changed nodes, proofs. */
#include <string.h>

#include "state/hd_forest_internal.h"

/* ---- values ---- */

static hd_err account_find(uint32_t *leaf, hd_forest_host *h, const hd_hash *key) {
    hd_forest_key k;
    memcpy(&k, key, sizeof k);
    if (h->is_broken)
        return HD_ERR_CORRUPT;
    return hd_forest_find_read(leaf, h, 0, &k);
}

hd_err hd_forest_get_account(hd_forest_account *out, hd_forest_host *h, const hd_hash *key) {
    uint32_t leaf;
    hd_err err = account_find(&leaf, h, key);
    if (err != HD_OK)
        return err;
    if (!leaf)
        return HD_ERR_ABSENT;
    const hd_forest_leaf *l = &h->f.leaves[leaf];
    const hd_forest_trie *t = &h->f.tries[l->account];
    out->balance_wei = l->value;
    out->nonce = t->nonce;
    memcpy(&out->code_hash, &t->code_hash, sizeof out->code_hash);
    memcpy(&out->storage_root, &t->root, sizeof out->storage_root);
    return HD_OK;
}

hd_err hd_forest_get_slot(hd_u256 *out, hd_forest_host *h, const hd_hash *account_key,
                          const hd_hash *key) {
    uint32_t leaf;
    hd_forest_key k;
    memcpy(&k, key, sizeof k);
    hd_err err = account_find(&leaf, h, account_key);
    if (err == HD_OK && leaf)
        err = hd_forest_find_read(&leaf, h, h->f.leaves[leaf].account, &k);
    if (err != HD_OK)
        return err;
    if (!leaf)
        return HD_ERR_ABSENT;
    *out = h->f.leaves[leaf].value;
    return HD_OK;
}

/* The extension above a branch. */
static uint32_t ext_bytes(uint8_t out[HD_FOREST_NODE_SZ_MAX], const hd_forest_branch *b,
                          uint32_t from) {
    hd_forest_ref inner;
    hd_forest_ref_branch(&inner, b, 0);
    return hd_forest_ext_bytes(out, b, from, &inner);
}

/* ---- changes ---- */

typedef struct {
    hd_forest_host *h;
    hd_forest_change_fn *fn;
    void *ctx;
    int is_writing; /* else nodes that are not stored any more */
} emission;

static hd_err emit(const emission *x, uint32_t trie, const hd_forest_key *key, uint32_t path_cnt,
                   hd_span node) {
    const hd_forest *f = &x->h->f;
    uint8_t path[HD_FOREST_DEPTH_CNT];
    hd_hash owner;
    for (uint32_t i = 0; i < path_cnt; i++)
        path[i] = (uint8_t)hd_forest_nibble(key, i);
    if (trie)
        memcpy(&owner, &f->leaves[f->tries[trie].leaf].key, sizeof owner);
    return x->fn(x->ctx, trie ? &owner : NULL, path, path_cnt, node);
}

static hd_err emit_node(const emission *x, uint32_t trie, const hd_forest_key *key,
                        uint32_t path_cnt, const uint8_t *bytes, uint32_t sz) {
    int is_stored = sz >= 32 || path_cnt == 0;
    hd_span node = {bytes, is_stored ? sz : 0};
    return is_stored == x->is_writing ? emit(x, trie, key, path_cnt, node) : HD_OK;
}

static hd_err emit_leaf(const emission *x, uint32_t idx) {
    uint8_t bytes[HD_FOREST_NODE_SZ_MAX];
    const hd_forest_leaf *l = &x->h->f.leaves[idx];
    uint32_t sz = hd_forest_leaf_bytes(bytes, &x->h->f, l);
    return emit_node(x, l->trie, &l->key, hd_forest_from(&x->h->f, l->parent), bytes, sz);
}

static hd_err emit_branch(const emission *x, uint32_t idx) {
    uint8_t bytes[HD_FOREST_NODE_SZ_MAX];
    const hd_forest_branch *b = &x->h->f.branches[idx];
    uint32_t from = hd_forest_from(&x->h->f, b->parent);
    hd_err err = HD_OK;
    if (from < b->depth)
        err = emit_node(x, b->trie, &b->prefix, from, bytes, ext_bytes(bytes, b, from));
    if (err == HD_OK)
        err = emit_node(x, b->trie, &b->prefix, b->depth, bytes, hd_forest_branch_bytes(bytes, b));
    return err;
}

static hd_err emit_lists(const emission *x) {
    const hd_forest *f = &x->h->f;
    const uint32_t *cnt = x->h->n.list_cnt;
    hd_err err = HD_OK;
    for (uint32_t i = 0; i < cnt[HD_FOREST_SLOT_LEAVES] && err == HD_OK; i++)
        err = emit_leaf(x, f->lists[HD_FOREST_SLOT_LEAVES][i]);
    for (uint32_t i = 0; i < cnt[HD_FOREST_ACCOUNT_LEAVES] && err == HD_OK; i++)
        err = emit_leaf(x, f->lists[HD_FOREST_ACCOUNT_LEAVES][i]);
    for (uint32_t i = 0; i < cnt[HD_FOREST_DIRTY] && err == HD_OK; i++)
        err = emit_branch(x, f->lists[HD_FOREST_ORDERED][i]);
    return err;
}

hd_err hd_forest_each_change(hd_forest_host *h, hd_forest_change_fn *fn, void *ctx) {
    emission x = {h, fn, ctx, 0};
    hd_span none = {NULL, 0};
    hd_err err = HD_OK;
    if (h->is_broken)
        return HD_ERR_CORRUPT;
    if (!h->was_kept)
        return HD_ERR_ABSENT;
    for (uint32_t i = 0; i < h->wiped_cnt && err == HD_OK; i++) {
        hd_hash owner;
        memcpy(&owner, &h->wiped[i], sizeof owner);
        err = fn(ctx, &owner, NULL, HD_FOREST_ALL, none);
    }
    for (uint32_t i = 0; i < h->n.gone_cnt && err == HD_OK; i++)
        err = emit(&x, h->f.gone[i].trie, &h->f.gone[i].key, h->f.gone[i].path_cnt, none);
    if (err == HD_OK)
        err = emit_lists(&x);
    x.is_writing = 1;
    return err == HD_OK ? emit_lists(&x) : err;
}

/* ---- proofs ---- */

typedef struct {
    hd_buf *out;
    size_t *sizes;
    size_t cnt;
} proof;

static hd_err proof_add(proof *p, const uint8_t *bytes, uint32_t sz) {
    if (sz < 32 && p->cnt) /* it lies in the node before it */
        return HD_OK;
    if (p->cnt == HD_FOREST_PROOF_MAX)
        return HD_ERR_CORRUPT;
    p->sizes[p->cnt++] = sz;
    return hd_buf_append(p->out, bytes, sz);
}

/* All nodes towards key have been read. */
static hd_err prove(proof *p, const hd_forest *f, uint32_t trie, const hd_forest_key *key) {
    uint8_t bytes[HD_FOREST_NODE_SZ_MAX];
    uint32_t ref = f->tries[trie].root_ref, from = 0;
    for (uint32_t k = 0; k <= HD_FOREST_DEPTH_CNT; k++) {
        if (ref == 0)
            return HD_OK;
        if (ref & HD_FOREST_LEAF)
            return proof_add(p, bytes,
                             hd_forest_leaf_bytes(bytes, f, &f->leaves[ref & HD_FOREST_INDEX_MAX]));
        const hd_forest_branch *b = &f->branches[ref];
        hd_err err = HD_OK;
        if (from < b->depth)
            err = proof_add(p, bytes, ext_bytes(bytes, b, from));
        if (err != HD_OK || hd_forest_common(key, &b->prefix) < b->depth)
            return err;
        err = proof_add(p, bytes, hd_forest_branch_bytes(bytes, b));
        if (err != HD_OK)
            return err;
        from = b->depth + 1;
        ref = b->child[hd_forest_nibble(key, b->depth)];
    }
    return HD_ERR_CORRUPT;
}

hd_err hd_forest_prove(hd_buf *out, size_t *sizes, size_t *cnt, hd_forest_host *h,
                       const hd_hash *account_key, const hd_hash *key) {
    proof p = {out, sizes, 0};
    hd_forest_key k;
    uint32_t leaf, trie = 0;
    hd_err err = HD_OK;
    *cnt = 0;
    if (h->is_broken)
        return HD_ERR_CORRUPT;
    if (account_key) {
        err = account_find(&leaf, h, account_key);
        if (err != HD_OK || !leaf)
            return err;
        trie = h->f.leaves[leaf].account;
    }
    memcpy(&k, key, sizeof k);
    err = hd_forest_find_read(&leaf, h, trie, &k);
    if (err == HD_OK)
        err = prove(&p, &h->f, trie, &k);
    *cnt = p.cnt;
    return err;
}
