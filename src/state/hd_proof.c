/* hd_proof.c - Merkle proofs: verification, and making them from sorted items. */
#include "state/hd_proof.h"

#include <string.h>

#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"
#include "state/hd_trie_node.h"

#define KEY_NIBBLES 64u
/* Nodes below 32 bytes lie in each other; each costs at least a byte. */
#define NODE_DEPTH_MAX 32u

/* ---- verification ---- */

typedef struct {
    const char *reason;
    const hd_hash *key;
    const hd_span *nodes;
    size_t node_cnt, used_cnt;
    hd_span ref; /* what the parent holds: a hash, or a node below 32 bytes */
    uint32_t pos;
    int is_hash;
    int is_below_ext; /* where only a branch may stand */
} walk;

static uint32_t wrong(walk *w, const char *reason) {
    w->reason = reason;
    return HD_PROOF_WRONG;
}

/* An end is right only when all nodes were used. */
static uint32_t finish(walk *w, uint32_t result) {
    return w->used_cnt == w->node_cnt ? result : wrong(w, "it has more nodes than the key needs");
}

/* A branch's child or an extension's goal; 0: it is neither. */
static int ref_read(walk *w, const hd_rlp_item *item) {
    w->is_hash = !item->is_list;
    w->ref = item->is_list ? item->whole : item->body;
    return item->is_list ? w->ref.sz < 32 : w->ref.sz == 32;
}

static int is_no_child(const hd_rlp_item *item) { return !item->is_list && item->body.sz == 0; }

/* Not a result: the walk goes on in w->ref. */
#define WALK_ON (HD_PROOF_WRONG + 1u)

static uint32_t step_branch(walk *w, const hd_rlp_item *node) {
    hd_rlp_iter iter;
    hd_rlp_item item, chosen;
    uint32_t child_cnt = 0;
    if (w->pos >= KEY_NIBBLES || hd_rlp_iter_init(&iter, node) != HD_OK)
        return wrong(w, "a branch is deeper than the key");
    uint32_t nibble = hd_trie_nibble(w->key->b, w->pos);
    memset(&chosen, 0, sizeof chosen);
    for (uint32_t i = 0; i < 16; i++) {
        if (hd_rlp_iter_next(&iter, &item) != HD_OK)
            return wrong(w, "a branch is no list of 17 items");
        if (i == nibble)
            chosen = item;
        if (is_no_child(&item))
            continue;
        if (!ref_read(w, &item))
            return wrong(w, "a branch's child is neither a hash nor a node below 32 bytes");
        child_cnt++;
    }
    if (hd_rlp_iter_next(&iter, &item) != HD_OK || !is_no_child(&item))
        return wrong(w, "a branch holds a value, though no key ends there");
    if (child_cnt < 2)
        return wrong(w, "a branch has fewer than two children");
    if (is_no_child(&chosen))
        return finish(w, HD_PROOF_ABSENT);
    ref_read(w, &chosen);
    w->pos++;
    w->is_below_ext = 0;
    return WALK_ON;
}

/* Nibble i of a path in hex-prefix form, behind its flags. */
static uint32_t path_nibble(hd_span path, uint32_t i) {
    return hd_trie_nibble(path.data, i + (path.data[0] & 0x10 ? 1 : 2));
}

static uint32_t step_short(hd_span *value, walk *w, const hd_rlp_item *node) {
    hd_rlp_iter iter;
    hd_rlp_item path, goal;
    if (hd_rlp_iter_init(&iter, node) != HD_OK || hd_rlp_iter_next(&iter, &path) != HD_OK ||
        hd_rlp_iter_next(&iter, &goal) != HD_OK || path.is_list || path.body.sz == 0 ||
        path.body.sz > 33)
        return wrong(w, "a leaf or extension has no path");
    uint32_t first = path.body.data[0], is_leaf = first & 0x20;
    if (first & 0xc0 || (!(first & 0x10) && (first & 15)))
        return wrong(w, "a path's flags are not those of a leaf or extension");
    uint32_t cnt = 2 * (uint32_t)path.body.sz - (first & 0x10 ? 1 : 2);
    if (cnt > KEY_NIBBLES - w->pos ||
        (is_leaf ? cnt != KEY_NIBBLES - w->pos : cnt == 0 || cnt == KEY_NIBBLES - w->pos))
        return wrong(w, "a path does not fit the key's length");
    if (w->is_below_ext)
        return wrong(w, "below an extension there is no branch");
    int is_equal = 1;
    for (uint32_t i = 0; i < cnt && is_equal; i++)
        is_equal = path_nibble(path.body, i) == hd_trie_nibble(w->key->b, w->pos + i);
    if (is_leaf) {
        if (goal.is_list || goal.body.sz == 0)
            return wrong(w, "a leaf has no value");
        if (!is_equal)
            return finish(w, HD_PROOF_ABSENT);
        *value = goal.body;
        return finish(w, HD_PROOF_FOUND);
    }
    if (!ref_read(w, &goal))
        return wrong(w, "an extension leads neither to a hash nor to a node below 32 bytes");
    if (!is_equal)
        return finish(w, HD_PROOF_ABSENT);
    w->pos += cnt;
    w->is_below_ext = 1;
    return WALK_ON;
}

static uint32_t step(hd_span *value, walk *w) {
    hd_span in = w->ref;
    hd_rlp_item node;
    size_t item_cnt;
    if (w->is_hash) {
        hd_hash hash;
        if (w->used_cnt == w->node_cnt)
            return wrong(w, "a node is missing");
        in = w->nodes[w->used_cnt];
        if (in.sz > HD_PROOF_NODE_SZ_MAX)
            return wrong(w, "a node is larger than any can be");
        if (in.sz < 32 && w->used_cnt)
            return wrong(w, "a node below 32 bytes does not lie in its parent");
        hd_keccak256(hash.b, in.data, in.sz);
        if (memcmp(hash.b, w->ref.data, sizeof hash) != 0)
            return wrong(w, "a node does not have the hash that it is known by");
        w->used_cnt++;
    }
    if (hd_rlp_check(NULL, in, NODE_DEPTH_MAX) != HD_OK ||
        hd_rlp_read(&node, NULL, NULL, in) != HD_OK || hd_rlp_cnt(&item_cnt, &node) != HD_OK)
        return wrong(w, "a node is not a canonical RLP list");
    if (item_cnt == 17)
        return step_branch(w, &node);
    return item_cnt == 2 ? step_short(value, w, &node)
                         : wrong(w, "a node has neither 2 nor 17 items");
}

uint32_t hd_proof_verify(hd_span *value, const char **reason, const hd_hash *root,
                         const hd_hash *key, const hd_span *nodes, size_t node_cnt) {
    walk w;
    hd_hash empty;
    uint32_t result = WALK_ON;
    memset(&w, 0, sizeof w);
    w.key = key;
    w.nodes = nodes;
    w.node_cnt = node_cnt;
    w.ref.data = root->b;
    w.ref.sz = sizeof *root;
    w.is_hash = 1;
    value->data = NULL;
    value->sz = 0;
    hd_trie_empty_root(&empty);
    if (node_cnt == 0 && memcmp(root, &empty, sizeof empty) == 0)
        result = HD_PROOF_ABSENT;
    for (uint32_t i = 0; i < HD_PROOF_NODES_MAX && result == WALK_ON; i++)
        result = step(value, &w);
    if (result == WALK_ON)
        result = wrong(&w, "it does not end");
    if (reason)
        *reason = w.reason;
    return result;
}

static int word_read(hd_u256 *out, const hd_rlp_item *item) {
    hd_hash be;
    if (hd_rlp_get_num(&be, NULL, item) != HD_OK)
        return 0;
    for (uint32_t i = 0; i < 4; i++)
        out->w[i] = hd_load_be64(be.b + 24 - 8 * i);
    return 1;
}

static int account_read(hd_forest_account *out, hd_span value) {
    hd_rlp_item list, item;
    hd_rlp_iter iter;
    size_t cnt;
    return hd_rlp_read(&list, NULL, NULL, value) == HD_OK && hd_rlp_cnt(&cnt, &list) == HD_OK &&
           cnt == 4 && hd_rlp_iter_init(&iter, &list) == HD_OK &&
           hd_rlp_next_u64(&iter, &out->nonce) == HD_OK &&
           hd_rlp_iter_next(&iter, &item) == HD_OK && word_read(&out->balance_wei, &item) &&
           hd_rlp_next_fixed(&iter, out->storage_root.b, 32) == HD_OK &&
           hd_rlp_next_fixed(&iter, out->code_hash.b, 32) == HD_OK;
}

uint32_t hd_proof_verify_account(hd_forest_account *out, const char **reason, const hd_hash *root,
                                 const hd_address *addr, const hd_span *nodes, size_t node_cnt) {
    hd_hash key;
    hd_span value;
    memset(out, 0, sizeof *out);
    hd_keccak256(out->code_hash.b, (const uint8_t *)"", 0);
    hd_trie_empty_root(&out->storage_root);
    hd_keccak256(key.b, addr->b, sizeof addr->b);
    uint32_t result = hd_proof_verify(&value, reason, root, &key, nodes, node_cnt);
    if (result != HD_PROOF_FOUND || account_read(out, value))
        return result;
    if (reason)
        *reason = "the value is no account";
    return HD_PROOF_WRONG;
}

uint32_t hd_proof_verify_slot(hd_u256 *out, const char **reason, const hd_hash *storage_root,
                              hd_u256 slot, const hd_span *nodes, size_t node_cnt) {
    hd_hash key;
    hd_span value;
    hd_rlp_item item;
    for (uint32_t i = 0; i < 4; i++)
        hd_store_be64(key.b + 8 * i, slot.w[3 - i]);
    hd_keccak256(key.b, key.b, sizeof key);
    memset(out, 0, sizeof *out);
    uint32_t result = hd_proof_verify(&value, reason, storage_root, &key, nodes, node_cnt);
    if (result != HD_PROOF_FOUND)
        return result;
    if (hd_rlp_read(&item, NULL, NULL, value) == HD_OK && word_read(out, &item) &&
        item.body.sz != 0)
        return result;
    if (reason)
        *reason = "the value is no number above 0";
    return HD_PROOF_WRONG;
}

/* ---- from sorted items ---- */

static uint32_t common_nibbles(hd_span a, hd_span b) {
    uint32_t i = 0;
    while (i < KEY_NIBBLES && hd_trie_nibble(a.data, i) == hd_trie_nibble(b.data, i))
        i++;
    return i;
}

/* The items of one subtree, whose keys share their first pos nibbles. */
typedef struct {
    const hd_trie_item *items;
    size_t cnt;
    uint32_t pos;
} range;

/* The part of a branch's range, at nibble depth, that goes to one child. */
static range range_child(range r, uint32_t depth, uint32_t nibble) {
    range c = {r.items, 0, depth + 1};
    size_t begin = 0;
    while (begin < r.cnt && hd_trie_nibble(r.items[begin].key.data, depth) < nibble)
        begin++;
    c.items += begin;
    while (begin + c.cnt < r.cnt && hd_trie_nibble(c.items[c.cnt].key.data, depth) == nibble)
        c.cnt++;
    return c;
}

/* The items of a branch's children, encoded. Recurses once for each nibble of a key. */
static hd_err children_make(uint8_t out[16 * 33], size_t *sz, range r, uint32_t depth);

static hd_err range_ref(hd_trie_ref *ref, range r) {
    hd_trie_enc enc;
    hd_err err;
    const hd_trie_item *first = &r.items[0];
    hd_trie_enc_init(&enc);
    if (r.cnt == 1) {
        hd_trie_path path = {first->key.data, r.pos, KEY_NIBBLES, 1};
        err = hd_trie_enc_leaf(ref, &enc, path, first->value);
    } else {
        uint8_t children[16 * 33];
        hd_span none = {NULL, 0}, span = {children, 0};
        uint32_t depth = common_nibbles(first->key, r.items[r.cnt - 1].key);
        hd_trie_path path = {first->key.data, r.pos, depth, 1};
        err = children_make(children, &span.sz, r, depth);
        if (err == HD_OK)
            err = hd_trie_enc_branch(ref, &enc, path, span, none);
    }
    hd_trie_enc_free(&enc);
    return err;
}

static hd_err children_make(uint8_t out[16 * 33], size_t *sz, range r, uint32_t depth) {
    *sz = 0;
    for (uint32_t n = 0; n < 16; n++) {
        range c = range_child(r, depth, n);
        hd_trie_ref ref = {1, {0x80}};
        hd_err err = c.cnt ? range_ref(&ref, c) : HD_OK;
        if (err != HD_OK)
            return err;
        memcpy(out + *sz, ref.b, ref.sz);
        *sz += ref.sz;
    }
    return HD_OK;
}

typedef struct {
    hd_buf *out;
    size_t *sizes;
    size_t cnt;
} proof;

static hd_err proof_add(proof *p, const hd_trie_enc *enc) {
    if (enc->buf.sz < 32 && p->cnt)
        return HD_OK;
    if (p->cnt == HD_PROOF_NODES_MAX)
        return HD_ERR_CORRUPT;
    p->sizes[p->cnt++] = enc->buf.sz;
    return hd_buf_append(p->out, enc->buf.data, enc->buf.sz);
}

/* The node (an extension and its branch are two) of r, and the range that key leads to; its cnt is
   0 where the proof ends. */
static hd_err proof_step(proof *p, range *r, hd_trie_enc *enc, const hd_hash *key) {
    hd_trie_ref ref;
    hd_err err;
    const hd_trie_item *first = &r->items[0];
    if (r->cnt == 1) {
        hd_trie_path path = {first->key.data, r->pos, KEY_NIBBLES, 1};
        err = hd_trie_enc_leaf(&ref, enc, path, first->value);
        r->cnt = 0;
        return err == HD_OK ? proof_add(p, enc) : err;
    }
    uint8_t children[16 * 33];
    hd_span none = {NULL, 0}, span = {children, 0}, wanted = {key->b, sizeof *key};
    uint32_t depth = common_nibbles(first->key, r->items[r->cnt - 1].key);
    hd_trie_path path = {first->key.data, r->pos, depth, 1};
    hd_trie_path no_path = {first->key.data, depth, depth, 1};
    err = children_make(children, &span.sz, *r, depth);
    if (err == HD_OK && depth > r->pos) {
        err = hd_trie_enc_branch(&ref, enc, path, span, none);
        if (err == HD_OK)
            err = proof_add(p, enc);
    }
    if (err != HD_OK)
        return err;
    if (common_nibbles(first->key, wanted) < depth) {
        r->cnt = 0;
        return HD_OK;
    }
    err = hd_trie_enc_branch(&ref, enc, no_path, span, none);
    *r = range_child(*r, depth, hd_trie_nibble(key->b, depth));
    return err == HD_OK ? proof_add(p, enc) : err;
}

hd_err hd_proof_from_items(hd_buf *out, size_t *sizes, size_t *cnt, const hd_hash *key,
                           const hd_trie_item *items, size_t item_cnt) {
    proof p = {out, sizes, 0};
    range r = {items, item_cnt, 0};
    hd_trie_enc enc;
    hd_err err = HD_OK;
    *cnt = 0;
    for (size_t i = 0; i < item_cnt; i++) {
        if (items[i].key.sz != 32 || items[i].value.sz == 0 ||
            (i && memcmp(items[i - 1].key.data, items[i].key.data, 32) >= 0))
            return HD_ERR_FORMAT;
        if (items[i].value.sz > HD_TRIE_VALUE_SZ_MAX)
            return HD_ERR_LIMIT;
    }
    hd_trie_enc_init(&enc);
    while (r.cnt && err == HD_OK) /* each step goes below a branch, and a key has 64 nibbles */
        err = proof_step(&p, &r, &enc, key);
    hd_trie_enc_free(&enc);
    *cnt = p.cnt;
    return err;
}
