/* hd_trie_map.c - the trie in memory: a radix tree by nibbles whose nodes remember their encoding.

   A tree node stands for a leaf (no children), a branch, or an extension with its branch (a path
   and children). Every node but the root's holds a value or at least two children. Nodes know their
   parents, so that no walk recurses: depth is chosen by whoever chooses the keys. */
#include <stdlib.h>
#include <string.h>

#include "state/hd_trie.h"
#include "state/hd_trie_node.h"

typedef struct node node;
struct node {
    node *child[16];
    node *parent;
    uint8_t *path; /* nibbles between the one that chose this node and its own fork */
    uint8_t *value;
    size_t path_cnt;
    size_t value_sz;
    uint32_t child_cnt;
    uint32_t scan_idx; /* how far hd_trie_root has come in child */
    hd_trie_ref ref;   /* valid unless is_dirty */
    uint8_t nibble;    /* this is parent->child[nibble] */
    uint8_t is_dirty;
};

struct hd_trie {
    node *root;
};

hd_trie *hd_trie_new(void) { return (hd_trie *)calloc(1, sizeof(hd_trie)); }

static void node_free(node *n) {
    if (!n)
        return;
    free(n->path);
    free(n->value);
    free(n);
}

void hd_trie_free(hd_trie *t) {
    if (!t)
        return;
    node *n = t->root;
    while (n) {
        uint32_t i = 0;
        while (i < 16 && !n->child[i])
            i++;
        if (i < 16) {
            n = n->child[i];
            continue;
        }
        node *parent = n->parent;
        if (parent)
            parent->child[n->nibble] = NULL;
        node_free(n);
        n = parent;
    }
    free(t);
}

static int bytes_copy(uint8_t **out, const uint8_t *in, size_t sz) {
    *out = NULL;
    if (sz == 0)
        return 1;
    *out = (uint8_t *)malloc(sz);
    if (*out)
        memcpy(*out, in, sz);
    return *out != NULL;
}

/* A leaf for nibbles [from, end) of key. */
static node *leaf_new(hd_span key, size_t from, hd_span value) {
    node *n = (node *)calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->path_cnt = key.sz * 2 - from;
    n->path = n->path_cnt ? (uint8_t *)malloc(n->path_cnt) : NULL;
    if ((n->path_cnt && !n->path) || !bytes_copy(&n->value, value.data, value.sz)) {
        node_free(n);
        return NULL;
    }
    for (size_t i = 0; i < n->path_cnt; i++)
        n->path[i] = hd_trie_nibble(key.data, from + i);
    n->value_sz = value.sz;
    n->is_dirty = 1;
    return n;
}

static void node_hang(hd_trie *t, node *parent, uint8_t nibble, node *n) {
    n->parent = parent;
    n->nibble = nibble;
    if (!parent) {
        t->root = n;
        return;
    }
    if (!parent->child[nibble])
        parent->child_cnt++;
    parent->child[nibble] = n;
}

static void mark_dirty(node *n) {
    for (; n && !n->is_dirty; n = n->parent)
        n->is_dirty = 1;
}

/* Where a walk along a key ends. */
typedef struct {
    node *n;       /* the last node whose beginning the key reached; NULL in an empty trie */
    size_t off;    /* nibbles of the key before n's path */
    size_t common; /* of n's path that agree with the key */
} position;

static position descend(const hd_trie *t, hd_span key) {
    position p = {t->root, 0, 0};
    size_t cnt = key.sz * 2;
    while (p.n) {
        node *n = p.n;
        size_t max = HD_MIN(n->path_cnt, cnt - p.off);
        p.common = 0;
        while (p.common < max && n->path[p.common] == hd_trie_nibble(key.data, p.off + p.common))
            p.common++;
        size_t end = p.off + n->path_cnt;
        if (p.common < n->path_cnt || end == cnt)
            break;
        node *next = n->child[hd_trie_nibble(key.data, end)];
        if (!next)
            break;
        p.n = next;
        p.off = end + 1;
    }
    return p;
}

static int is_exact(const position *p, hd_span key) {
    return p->n && p->common == p->n->path_cnt && p->off + p->common == key.sz * 2;
}

hd_err hd_trie_get(hd_span *value, const hd_trie *t, hd_span key) {
    if (key.sz > HD_TRIE_KEY_SZ_MAX)
        return HD_ERR_ABSENT;
    position p = descend(t, key);
    if (!is_exact(&p, key) || p.n->value_sz == 0)
        return HD_ERR_ABSENT;
    value->data = p.n->value;
    value->sz = p.n->value_sz;
    return HD_OK;
}

/* Puts a node over p.n that ends where key and path part. */
static node *split(hd_trie *t, const position *p) {
    node *low = p->n;
    node *top = (node *)calloc(1, sizeof *top);
    if (!top || !bytes_copy(&top->path, low->path, p->common)) {
        node_free(top);
        return NULL;
    }
    top->path_cnt = p->common;
    top->is_dirty = 1;
    mark_dirty(low->parent);
    node_hang(t, low->parent, low->nibble, top);
    uint8_t nibble = low->path[p->common];
    low->path_cnt -= p->common + 1;
    memmove(low->path, low->path + p->common + 1, low->path_cnt);
    low->is_dirty = 1; /* its path is shorter now */
    node_hang(t, top, nibble, low);
    return top;
}

hd_err hd_trie_set(hd_trie *t, hd_span key, hd_span value) {
    if (key.sz > HD_TRIE_KEY_SZ_MAX || value.sz > HD_TRIE_VALUE_SZ_MAX)
        return HD_ERR_LIMIT;
    if (value.sz == 0)
        return hd_trie_delete(t, key);
    position p = descend(t, key);
    size_t end = p.off + p.common;
    if (!p.n) {
        node *leaf = leaf_new(key, 0, value);
        if (leaf)
            node_hang(t, NULL, 0, leaf);
        return leaf ? HD_OK : HD_ERR_NOMEM;
    }
    if (end == key.sz * 2) { /* the value belongs to a node: one that is there, or a new fork */
        uint8_t *copy;
        if (!bytes_copy(&copy, value.data, value.sz))
            return HD_ERR_NOMEM;
        node *n = p.n;
        if (p.common < n->path_cnt)
            n = split(t, &p);
        if (!n) {
            free(copy);
            return HD_ERR_NOMEM;
        }
        free(n->value);
        n->value = copy;
        n->value_sz = value.sz;
        mark_dirty(n);
        return HD_OK;
    }
    node *leaf = leaf_new(key, end + 1, value);
    if (!leaf)
        return HD_ERR_NOMEM;
    node *n = p.n;
    if (p.common < n->path_cnt)
        n = split(t, &p);
    if (!n) {
        node_free(leaf);
        return HD_ERR_NOMEM;
    }
    node_hang(t, n, hd_trie_nibble(key.data, end), leaf);
    mark_dirty(n);
    return HD_OK;
}

/* A node with one child and no value becomes one with that child. The path is made by the caller,
   so that this cannot fail. */
static void merge(hd_trie *t, node *n, node *only, uint8_t *path, size_t path_cnt) {
    free(only->path);
    only->path = path;
    only->path_cnt = path_cnt;
    only->is_dirty = 1;
    mark_dirty(n->parent);
    node_hang(t, n->parent, n->nibble, only);
    node_free(n);
}

static node *child_other_than(const node *n, const node *gone) {
    for (uint32_t i = 0; i < 16; i++)
        if (n->child[i] && n->child[i] != gone)
            return n->child[i];
    return NULL;
}

hd_err hd_trie_delete(hd_trie *t, hd_span key) {
    if (key.sz > HD_TRIE_KEY_SZ_MAX)
        return HD_OK;
    position p = descend(t, key);
    if (!is_exact(&p, key) || p.n->value_sz == 0)
        return HD_OK;
    node *n = p.n, *gone = NULL;
    if (n->child_cnt == 0) { /* a leaf goes, and may leave its parent with one child */
        gone = n;
        n = n->parent;
        if (!n) {
            t->root = NULL;
            node_free(gone);
            return HD_OK;
        }
    }
    uint32_t left = n->child_cnt - (gone ? 1u : 0u);
    node *only = left == 1 && (!gone || n->value_sz == 0) ? child_other_than(n, gone) : NULL;
    uint8_t *path = NULL;
    size_t path_cnt = 0;
    if (only) {
        path_cnt = n->path_cnt + 1 + only->path_cnt;
        path = (uint8_t *)malloc(path_cnt);
        if (!path)
            return HD_ERR_NOMEM;
        if (n->path_cnt)
            memcpy(path, n->path, n->path_cnt);
        path[n->path_cnt] = only->nibble;
        if (only->path_cnt)
            memcpy(path + n->path_cnt + 1, only->path, only->path_cnt);
    }
    if (gone) {
        n->child[gone->nibble] = NULL;
        n->child_cnt--;
        node_free(gone);
    } else {
        free(n->value);
        n->value = NULL;
        n->value_sz = 0;
    }
    mark_dirty(n);
    if (only)
        merge(t, n, only, path, path_cnt);
    return HD_OK;
}

/* ---- root ---- */

static hd_err node_encode(node *n, hd_trie_enc *enc) {
    hd_trie_path path = {n->path, 0, n->path_cnt, 0};
    hd_span value = {n->value, n->value_sz};
    if (n->child_cnt == 0)
        return hd_trie_enc_leaf(&n->ref, enc, path, value);
    uint8_t children[16 * 33];
    hd_span span = {children, 0};
    for (uint32_t i = 0; i < 16; i++) {
        if (n->child[i]) {
            memcpy(children + span.sz, n->child[i]->ref.b, n->child[i]->ref.sz);
            span.sz += n->child[i]->ref.sz;
        } else {
            children[span.sz++] = 0x80;
        }
    }
    return hd_trie_enc_branch(&n->ref, enc, path, span, value);
}

hd_err hd_trie_root(hd_hash *root, hd_trie *t) {
    node *n = t->root;
    if (!n) {
        hd_trie_empty_root(root);
        return HD_OK;
    }
    hd_trie_enc enc;
    hd_err err = HD_OK;
    hd_trie_enc_init(&enc);
    n->scan_idx = 0;
    while (n && n->is_dirty) {
        while (n->scan_idx < 16 && !(n->child[n->scan_idx] && n->child[n->scan_idx]->is_dirty))
            n->scan_idx++;
        if (n->scan_idx < 16) {
            n = n->child[n->scan_idx];
            n->scan_idx = 0;
            continue;
        }
        err = node_encode(n, &enc);
        if (err != HD_OK)
            break;
        n->is_dirty = 0;
        n = n->parent;
    }
    hd_trie_enc_free(&enc);
    if (err == HD_OK)
        hd_trie_ref_root(root, &t->root->ref);
    return err;
}

/* ---- neighbours ---- */

static node *child_from(const node *n, uint32_t i) { /* the least child at or above nibble i */
    for (; i < 16; i++)
        if (n->child[i])
            return n->child[i];
    return NULL;
}

static node *child_below(const node *n, uint32_t i) { /* the greatest below it */
    while (i-- > 0)
        if (n->child[i])
            return n->child[i];
    return NULL;
}

static node *first_in(node *n) {
    while (n && n->value_sz == 0)
        n = child_from(n, 0);
    return n;
}

static node *last_in(node *n) {
    while (n->child_cnt)
        n = child_below(n, 16);
    return n;
}

static node *first_after(const node *n) { /* behind the whole subtree */
    for (; n->parent; n = n->parent) {
        node *c = child_from(n->parent, n->nibble + 1u);
        if (c)
            return first_in(c);
    }
    return NULL;
}

static node *last_before(const node *n) {
    for (; n->parent; n = n->parent) {
        node *c = child_below(n->parent, n->nibble);
        if (c)
            return last_in(c);
        if (n->parent->value_sz)
            return n->parent;
    }
    return NULL;
}

static hd_err node_key(hd_buf *out, const node *n) {
    size_t cnt = 0;
    for (const node *m = n; m; m = m->parent)
        cnt += m->path_cnt + (m->parent ? 1 : 0);
    hd_buf_clear(out);
    if (hd_buf_append_zero(out, cnt / 2) != HD_OK)
        return out->err;
    for (const node *m = n; m; m = m->parent) {
        for (size_t i = m->path_cnt; i-- > 0;) {
            cnt--;
            out->data[cnt / 2] |= (uint8_t)(cnt & 1 ? m->path[i] : m->path[i] << 4);
        }
        if (m->parent) {
            cnt--;
            out->data[cnt / 2] |= (uint8_t)(cnt & 1 ? m->nibble : m->nibble << 4);
        }
    }
    return HD_OK;
}

/* How key relates to the path of the node where its walk ended: the first nibble that differs. */
static int path_is_above_key(const position *p, hd_span key) {
    size_t end = p->off + p->common;
    return end == key.sz * 2 || p->n->path[p->common] > hd_trie_nibble(key.data, end);
}

hd_err hd_trie_next(hd_buf *out, const hd_trie *t, hd_span key) {
    position p = descend(t, key);
    node *found = NULL;
    hd_buf_clear(out);
    if (!p.n)
        return HD_ERR_ABSENT;
    if (p.common < p.n->path_cnt) {
        found = path_is_above_key(&p, key) ? first_in(p.n) : first_after(p.n);
    } else {
        size_t end = p.off + p.common;
        uint32_t from = end == key.sz * 2 ? 0 : hd_trie_nibble(key.data, end) + 1u;
        node *c = child_from(p.n, from);
        found = c ? first_in(c) : first_after(p.n);
    }
    return found ? node_key(out, found) : HD_ERR_ABSENT;
}

hd_err hd_trie_prev(hd_buf *out, const hd_trie *t, hd_span key) {
    position p = descend(t, key);
    node *found = NULL;
    hd_buf_clear(out);
    if (!p.n)
        return HD_ERR_ABSENT;
    if (p.common < p.n->path_cnt) {
        found = path_is_above_key(&p, key) ? last_before(p.n) : last_in(p.n);
    } else if (p.off + p.common == key.sz * 2) {
        found = last_before(p.n);
    } else {
        node *c = child_below(p.n, hd_trie_nibble(key.data, p.off + p.common));
        found = c ? last_in(c) : p.n->value_sz ? p.n : last_before(p.n);
    }
    return found ? node_key(out, found) : HD_ERR_ABSENT;
}
