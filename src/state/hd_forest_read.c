/* hd_forest_read.c - nodes of a stored forest, read when they are needed and checked. */
#include <string.h>

#include "base/hd_rlp.h"
#include "state/hd_forest_internal.h"

/* A path in hex-prefix form. */
typedef struct {
    uint8_t nibbles[HD_FOREST_DEPTH_CNT];
    uint32_t cnt;
    uint32_t is_leaf;
} node_path;

static int path_read(node_path *out, hd_span in) {
    if (in.sz == 0 || in.sz > 33)
        return 0;
    uint32_t flags = in.data[0] >> 4;
    uint32_t is_odd = flags & 1;
    if (flags > 3 || (!is_odd && (in.data[0] & 15)) || (in.sz == 33 && is_odd))
        return 0;
    out->is_leaf = flags >> 1;
    out->cnt = 0;
    if (is_odd)
        out->nibbles[out->cnt++] = in.data[0] & 15;
    for (size_t i = 1; i < in.sz; i++) {
        out->nibbles[out->cnt++] = in.data[i] >> 4;
        out->nibbles[out->cnt++] = in.data[i] & 15;
    }
    return 1;
}

static void key_set_nibble(hd_forest_key *k, uint32_t i, uint32_t nibble) {
    uint32_t shift = 8 * ((i >> 1) & 7) + (i & 1 ? 0 : 4);
    k->w[i >> 4] = (k->w[i >> 4] & ~((uint64_t)15 << shift)) | (uint64_t)nibble << shift;
}

/* ---- values ---- */

static int word_read(hd_u256 *out, const hd_rlp_item *item) {
    hd_hash be;
    if (hd_rlp_get_num(&be, NULL, item) != HD_OK)
        return 0;
    for (uint32_t i = 0; i < 4; i++)
        out->w[i] = hd_load_be64(be.b + 24 - 8 * i);
    return 1;
}

static int slot_value_read(hd_u256 *out, hd_span value) {
    hd_rlp_item item;
    return hd_rlp_read(&item, NULL, NULL, value) == HD_OK && word_read(out, &item) &&
           !hd_forest_value_is_zero(out);
}

static int account_value_read(hd_u256 *balance_wei, hd_forest_trie *t, hd_span value) {
    hd_rlp_item list, item;
    hd_rlp_iter iter;
    hd_forest_key empty = hd_forest_empty_root();
    memset(t, 0, sizeof *t);
    if (hd_rlp_read(&list, NULL, NULL, value) != HD_OK || hd_rlp_iter_init(&iter, &list) != HD_OK ||
        hd_rlp_iter_is_end(&iter) || hd_rlp_next_u64(&iter, &t->nonce) != HD_OK ||
        hd_rlp_iter_next(&iter, &item) != HD_OK || !word_read(balance_wei, &item) ||
        hd_rlp_iter_is_end(&iter) ||
        hd_rlp_next_fixed(&iter, (uint8_t *)&t->root, sizeof t->root) != HD_OK ||
        hd_rlp_iter_is_end(&iter) ||
        hd_rlp_next_fixed(&iter, (uint8_t *)&t->code_hash, sizeof t->code_hash) != HD_OK ||
        !hd_rlp_iter_is_end(&iter))
        return 0;
    t->root_ref = memcmp(&t->root, &empty, sizeof empty) == 0 ? 0 : HD_FOREST_STUB;
    return 1;
}

/* ---- nodes ---- */

typedef struct {
    hd_forest_key key; /* the nibbles so far */
    uint32_t cnt;
    uint32_t trie;
    uint32_t parent;
} place;

static uint32_t take(hd_forest_host *h, uint32_t slab) {
    uint32_t idx = hd_forest_take(&h->f, slab);
    hd_forest_settle(&h->n);
    return idx;
}

static hd_err leaf_make(uint32_t *ref, hd_forest_host *h, const place *p, hd_span value) {
    hd_u256 number;
    hd_forest_trie t;
    hd_err err = hd_forest_room(h, HD_FOREST_LEAVES, 1);
    if (err == HD_OK && p->trie == 0)
        err = hd_forest_room(h, HD_FOREST_TRIES, 1);
    if (err != HD_OK)
        return err;
    if (p->cnt != HD_FOREST_DEPTH_CNT)
        return HD_ERR_CORRUPT;
    if (p->trie ? !slot_value_read(&number, value) : !account_value_read(&number, &t, value))
        return HD_ERR_CORRUPT;
    uint32_t idx = take(h, HD_FOREST_LEAVES);
    hd_forest_leaf *l = &h->f.leaves[idx];
    memset(l, 0, sizeof *l);
    l->key = p->key;
    l->value = number;
    l->parent = p->parent;
    l->trie = p->trie;
    if (p->trie == 0) {
        l->account = take(h, HD_FOREST_TRIES);
        t.leaf = idx;
        h->f.tries[l->account] = t;
    }
    *ref = idx | HD_FOREST_LEAF;
    return HD_OK;
}

static hd_err branch_make(uint32_t *ref, hd_forest_host *h, const place *p,
                          const hd_rlp_item *node) {
    hd_rlp_iter iter;
    hd_rlp_item item;
    uint32_t child_cnt = 0;
    hd_err err = hd_forest_room(h, HD_FOREST_BRANCHES, 1);
    if (err != HD_OK)
        return err;
    if (p->cnt >= HD_FOREST_DEPTH_CNT || hd_rlp_iter_init(&iter, node) != HD_OK)
        return HD_ERR_CORRUPT;
    hd_forest_branch b;
    memset(&b, 0, sizeof b);
    for (uint32_t i = 0; i < 16; i++) {
        if (hd_rlp_iter_next(&iter, &item) != HD_OK)
            return HD_ERR_CORRUPT;
        if (!item.is_list && item.body.sz == 0)
            continue;
        hd_span bytes = item.is_list ? item.whole : item.body;
        if (item.is_list ? bytes.sz >= 32 : bytes.sz != 32)
            return HD_ERR_CORRUPT;
        memcpy(&b.refs[i], bytes.data, bytes.sz);
        b.ref_sz[i] = (uint8_t)bytes.sz;
        b.child[i] = HD_FOREST_STUB;
        child_cnt++;
    }
    /* Keys have one length, so none ends here. */
    if (child_cnt < 2 || hd_rlp_iter_next(&iter, &item) != HD_OK || item.is_list ||
        item.body.sz != 0 || !hd_rlp_iter_is_end(&iter))
        return HD_ERR_CORRUPT;
    b.prefix = p->key;
    b.depth = p->cnt;
    b.parent = p->parent;
    b.trie = p->trie;
    *ref = take(h, HD_FOREST_BRANCHES);
    h->f.branches[*ref] = b;
    return HD_OK;
}

/* The encoding that a reference of sz bytes stands for: itself, or what the source has here. */
static hd_err fetch(hd_span *out, hd_forest_host *h, const place *p, const uint8_t *ref,
                    uint32_t sz) {
    if (sz < 32) {
        out->data = ref;
        out->sz = sz;
        return HD_OK;
    }
    uint8_t path[HD_FOREST_DEPTH_CNT];
    hd_hash owner, hash;
    for (uint32_t i = 0; i < p->cnt; i++)
        path[i] = (uint8_t)hd_forest_nibble(&p->key, i);
    if (p->trie)
        memcpy(&owner, &h->f.leaves[h->f.tries[p->trie].leaf].key, sizeof owner);
    hd_buf_clear(&h->node);
    hd_err err = h->source.read(h->source.ctx, &h->node, p->trie ? &owner : NULL, path, p->cnt);
    if (err == HD_OK)
        err = h->node.err;
    if (err != HD_OK)
        return err == HD_ERR_ABSENT ? HD_ERR_CORRUPT : err;
    hd_keccak256(hash.b, h->node.data, h->node.sz);
    if (memcmp(&hash, ref, sizeof hash) != 0)
        return HD_ERR_CORRUPT;
    out->data = h->node.data;
    out->sz = h->node.sz;
    return HD_OK;
}

/* Makes the node (or the extension and its branch) that a reference of sz bytes stands for. */
static hd_err node_make(uint32_t *out, hd_forest_host *h, place *p, const uint8_t *ref,
                        uint32_t sz) {
    uint8_t below[32];                 /* a copy, since the next fetch fills h->node anew */
    for (uint32_t k = 0; k < 2; k++) { /* the second time below an extension */
        hd_span in;
        hd_rlp_item node, first, second;
        hd_rlp_iter iter;
        size_t item_cnt;
        node_path path;
        hd_err err = fetch(&in, h, p, ref, sz);
        if (err != HD_OK)
            return err;
        if (hd_rlp_read(&node, NULL, NULL, in) != HD_OK || hd_rlp_cnt(&item_cnt, &node) != HD_OK)
            return HD_ERR_CORRUPT;
        if (item_cnt == 17)
            return branch_make(out, h, p, &node);
        if (k == 1 || item_cnt != 2 || hd_rlp_iter_init(&iter, &node) != HD_OK ||
            hd_rlp_iter_next(&iter, &first) != HD_OK || hd_rlp_iter_next(&iter, &second) != HD_OK ||
            first.is_list || !path_read(&path, first.body) ||
            p->cnt + path.cnt > HD_FOREST_DEPTH_CNT)
            return HD_ERR_CORRUPT;
        for (uint32_t i = 0; i < path.cnt; i++)
            key_set_nibble(&p->key, p->cnt++, path.nibbles[i]);
        if (path.is_leaf)
            return second.is_list ? HD_ERR_CORRUPT : leaf_make(out, h, p, second.body);
        if (path.cnt == 0)
            return HD_ERR_CORRUPT;
        hd_span bytes = second.is_list ? second.whole : second.body;
        if (second.is_list ? bytes.sz >= 32 : bytes.sz != 32)
            return HD_ERR_CORRUPT;
        memcpy(below, bytes.data, bytes.sz);
        ref = below;
        sz = (uint32_t)bytes.sz;
    }
    return HD_ERR_CORRUPT;
}

static hd_err need_read(hd_forest_host *h, const hd_forest_need *need) {
    hd_forest_trie *t = &h->f.tries[need->trie];
    hd_forest_branch *b = need->parent ? &h->f.branches[need->parent] : NULL;
    place p;
    uint8_t ref[32];
    uint32_t sz = 32, node = 0;
    memset(&p, 0, sizeof p);
    p.trie = need->trie;
    p.parent = need->parent;
    if (b) {
        p.key = b->prefix;
        p.cnt = b->depth;
        key_set_nibble(&p.key, p.cnt++, need->nibble);
        sz = b->ref_sz[need->nibble];
        memcpy(ref, &b->refs[need->nibble], 32);
    } else {
        memcpy(ref, &t->root, 32);
    }
    hd_err err = node_make(&node, h, &p, ref, sz);
    if (err != HD_OK)
        return err;
    if (need->parent) /* the arrays may have moved */
        h->f.branches[need->parent].child[need->nibble] = node;
    else
        h->f.tries[need->trie].root_ref = node;
    return HD_OK;
}

void hd_forest_drop_needs(hd_forest_host *h) {
    for (uint32_t i = 0; i < h->n.need_cnt; i++) {
        const hd_forest_need *need = &h->f.needs[i];
        uint32_t *claim =
            need->parent ? &h->f.branches[need->parent].claim : &h->f.tries[need->trie].claim;
        *claim &= ~(1u << need->nibble);
    }
    h->n.need_cnt = 0;
}

hd_err hd_forest_read_needs(hd_forest_host *h) {
    uint32_t cnt = h->n.need_cnt;
    hd_err err = HD_OK;
    hd_forest_drop_needs(h);
    for (uint32_t i = 0; i < cnt && err == HD_OK; i++)
        err = need_read(h, &h->f.needs[i]);
    return err;
}

hd_err hd_forest_find_read(uint32_t *leaf, hd_forest_host *h, uint32_t trie,
                           const hd_forest_key *key) {
    for (uint32_t k = 0; k < HD_FOREST_STEPS_MAX; k++) {
        *leaf = hd_forest_find(&h->f, trie, key);
        if (*leaf != HD_FOREST_NOT_READ)
            return HD_OK;
        if (!h->n.need_cnt)
            return HD_ERR_CORRUPT;
        hd_err err = hd_forest_read_needs(h);
        if (err != HD_OK)
            return err;
    }
    return HD_ERR_CORRUPT;
}
