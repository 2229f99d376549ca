/* hd_trie.c - roots of sorted items and of lists, in one pass with a stack of open branches. */
#include "state/hd_trie.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hd_keccak.h"
#include "state/hd_trie_node.h"

#define CHILDREN_SZ_MAX (16u * 33u)
#define LEVELS_FIXED 65u /* branches below each other with 32-byte keys */

/* A branch whose last children are still to come. Children arrive by ascending nibble, so their
   items are written as they will stand in the node. */
typedef struct {
    hd_span value;
    size_t depth;      /* nibbles before the one that chooses the child */
    uint32_t next_idx; /* children [0, next_idx) are written */
    uint32_t sz;
    uint8_t children[CHILDREN_SZ_MAX];
} level;

typedef struct {
    level *levels;
    level *more; /* levels, when fixed ones do not suffice */
    size_t cnt, cap;
} level_stack;

void hd_trie_empty_root(hd_hash *root) {
    const uint8_t nothing = 0x80;
    hd_keccak256(root->b, &nothing, 1);
}

static hd_err level_push(level_stack *st, size_t depth) {
    if (st->cnt == st->cap) {
        size_t cap = st->cap * 2;
        level *more = (level *)realloc(st->more, cap * sizeof *more);
        if (!more)
            return HD_ERR_NOMEM;
        if (!st->more)
            memcpy(more, st->levels, st->cnt * sizeof *more);
        st->levels = st->more = more;
        st->cap = cap;
    }
    level *l = &st->levels[st->cnt++];
    l->value.data = NULL;
    l->value.sz = 0;
    l->depth = depth;
    l->next_idx = 0;
    l->sz = 0;
    return HD_OK;
}

static void level_add(level *l, uint8_t nibble, const hd_trie_ref *ref) {
    while (l->next_idx < nibble) {
        l->children[l->sz++] = 0x80;
        l->next_idx++;
    }
    memcpy(l->children + l->sz, ref->b, ref->sz);
    l->sz += ref->sz;
    l->next_idx++;
}

/* Closes the innermost branch, which hangs below `above` nibbles of key, and takes it off. */
static hd_err level_close(hd_trie_ref *out, hd_trie_enc *enc, level_stack *st, const uint8_t *key,
                          size_t above) {
    level *l = &st->levels[--st->cnt];
    while (l->next_idx < 16) {
        l->children[l->sz++] = 0x80;
        l->next_idx++;
    }
    hd_trie_path path = {key, above, l->depth, 1};
    hd_span children = {l->children, l->sz};
    return hd_trie_enc_branch(out, enc, path, children, l->value);
}

static size_t common_nibbles(hd_span a, hd_span b) {
    size_t max = HD_MIN(a.sz, b.sz), i = 0;
    while (i < max && a.data[i] == b.data[i])
        i++;
    return i < max && (a.data[i] ^ b.data[i]) < 16 ? 2 * i + 1 : 2 * i;
}

static int is_below(hd_span a, hd_span b) {
    size_t max = HD_MIN(a.sz, b.sz);
    int d = max ? memcmp(a.data, b.data, max) : 0;
    return d < 0 || (d == 0 && a.sz < b.sz);
}

static hd_err check_item(const hd_trie_item *item, const hd_trie_item *before) {
    if (item->key.sz > HD_TRIE_KEY_SZ_MAX || item->value.sz > HD_TRIE_VALUE_SZ_MAX)
        return HD_ERR_LIMIT;
    if (item->value.sz == 0 || (before && !is_below(before->key, item->key)))
        return HD_ERR_FORMAT;
    return HD_OK;
}

/* The leaf of an item that hangs below depth nibbles, -1: that is all of the trie. */
static hd_err make_leaf(hd_trie_ref *ref, hd_trie_enc *enc, const hd_trie_item *item,
                        int64_t depth) {
    hd_trie_path path = {item->key.data, (size_t)(depth + 1), item->key.sz * 2, 1};
    return hd_trie_enc_leaf(ref, enc, path, item->value);
}

/* Adds one item; common_before and common_next are the nibbles it shares with its neighbours, -1
   where there is none. made: its leaf, NULL: it is still to be made. Leaves in *ref, when
   common_next is -1, the whole trie. */
static hd_err add_item(hd_trie_ref *ref, hd_trie_enc *enc, level_stack *st,
                       const hd_trie_item *item, int64_t common_before, int64_t common_next,
                       const hd_trie_ref *made) {
    const uint8_t *key = item->key.data;
    size_t nibble_cnt = item->key.sz * 2;
    int64_t depth = HD_MAX(common_before, common_next);
    hd_err err;
    if (common_next > common_before) {
        err = level_push(st, (size_t)common_next);
        if (err != HD_OK)
            return err;
    }
    if (depth >= 0 && (size_t)depth == nibble_cnt) {
        st->levels[st->cnt - 1].value = item->value; /* the key ends in the branch */
    } else {
        err = made ? HD_OK : make_leaf(ref, enc, item, depth);
        if (err != HD_OK)
            return err;
        if (made)
            *ref = *made;
        if (depth >= 0)
            level_add(&st->levels[st->cnt - 1], hd_trie_nibble(key, (size_t)depth), ref);
    }
    /* Branches deeper than what the next key shares get no more children. */
    while (st->cnt && (int64_t)st->levels[st->cnt - 1].depth > common_next) {
        int64_t parent = st->cnt > 1 ? (int64_t)st->levels[st->cnt - 2].depth : -1;
        int is_new = parent < common_next; /* the next key branches off in between */
        if (is_new)
            parent = common_next;
        err = level_close(ref, enc, st, key, (size_t)(parent + 1));
        if (err == HD_OK && is_new)
            err = level_push(st, (size_t)parent);
        if (err != HD_OK)
            return err;
        if (parent >= 0)
            level_add(&st->levels[st->cnt - 1], hd_trie_nibble(key, (size_t)parent), ref);
    }
    return HD_OK;
}

static int64_t common_with_next(const hd_trie_item *items, size_t cnt, size_t i) {
    return i + 1 < cnt ? (int64_t)common_nibbles(items[i].key, items[i + 1].key) : -1;
}

/* leaves: of all items, made before; NULL: they are still to be made. */
static hd_err root_sorted(hd_hash *root, const hd_trie_item *items, size_t cnt,
                          const hd_trie_ref *leaves) {
    if (cnt == 0) {
        hd_trie_empty_root(root);
        return HD_OK;
    }
    level fixed[LEVELS_FIXED];
    level_stack st = {fixed, NULL, 0, LEVELS_FIXED};
    hd_trie_enc enc;
    hd_trie_ref ref;
    int64_t common_before = -1;
    hd_err err = HD_OK;
    hd_trie_enc_init(&enc);
    for (size_t i = 0; i < cnt && err == HD_OK; i++) {
        err = check_item(&items[i], i ? &items[i - 1] : NULL);
        if (err != HD_OK)
            break;
        int64_t common_next = common_with_next(items, cnt, i);
        err = add_item(&ref, &enc, &st, &items[i], common_before, common_next,
                       leaves ? &leaves[i] : NULL);
        common_before = common_next;
    }
    if (err == HD_OK)
        hd_trie_ref_root(root, &ref);
    hd_trie_enc_free(&enc);
    free(st.more);
    return err;
}

hd_err hd_trie_root_sorted(hd_hash *root, const hd_trie_item *items, size_t cnt) {
    return root_sorted(root, items, cnt, NULL);
}

/* ---- one at a time ---- */

/* The newest item waits until its successor says how many nibbles they share. */
struct hd_trie_stream {
    level levels[LEVELS_FIXED];
    level_stack stack;
    hd_trie_enc enc;
    int64_t common_before;
    uint32_t has_item;
    uint32_t value_sz;
    hd_hash key;
    uint8_t value[HD_TRIE_STREAM_VALUE_SZ_MAX];
};

static void stream_begin(hd_trie_stream *st) {
    st->stack.levels = st->levels;
    st->stack.more = NULL;
    st->stack.cnt = 0;
    st->stack.cap = LEVELS_FIXED;
    st->common_before = -1;
    st->has_item = 0;
}

hd_trie_stream *hd_trie_stream_new(void) {
    hd_trie_stream *st = (hd_trie_stream *)malloc(sizeof *st);
    if (!st)
        return NULL;
    hd_trie_enc_init(&st->enc);
    stream_begin(st);
    return st;
}

void hd_trie_stream_free(hd_trie_stream *st) {
    if (!st)
        return;
    hd_trie_enc_free(&st->enc);
    free(st->stack.more);
    free(st);
}

static hd_err stream_flush(hd_trie_ref *ref, hd_trie_stream *st, int64_t common_next) {
    hd_trie_item item = {{st->key.b, sizeof st->key}, {st->value, st->value_sz}};
    hd_err err = add_item(ref, &st->enc, &st->stack, &item, st->common_before, common_next, NULL);
    st->common_before = common_next;
    return err;
}

hd_err hd_trie_stream_add(hd_trie_stream *st, const hd_hash *key, hd_span value) {
    if (value.sz == 0)
        return HD_ERR_FORMAT;
    if (value.sz > HD_TRIE_STREAM_VALUE_SZ_MAX)
        return HD_ERR_LIMIT;
    if (st->has_item) {
        hd_span before = {st->key.b, sizeof st->key}, next = {key->b, sizeof *key};
        if (!is_below(before, next))
            return HD_ERR_FORMAT;
        hd_trie_ref ref;
        hd_err err = stream_flush(&ref, st, (int64_t)common_nibbles(before, next));
        if (err != HD_OK)
            return err;
    }
    st->key = *key;
    memcpy(st->value, value.data, value.sz);
    st->value_sz = (uint32_t)value.sz;
    st->has_item = 1;
    return HD_OK;
}

hd_err hd_trie_stream_root(hd_hash *root, hd_trie_stream *st) {
    hd_err err = HD_OK;
    if (!st->has_item) {
        hd_trie_empty_root(root);
    } else {
        hd_trie_ref ref;
        err = stream_flush(&ref, st, -1);
        if (err == HD_OK)
            hd_trie_ref_root(root, &ref);
    }
    free(st->stack.more);
    stream_begin(st);
    return err;
}

/* ---- lists ---- */

typedef struct {
    uint8_t b[8];
} list_key;

static uint32_t list_key_make(list_key *key, uint64_t idx) {
    if (idx - 1 < 0x7f) {
        key->b[0] = (uint8_t)idx;
        return 1;
    }
    uint32_t n = 0;
    for (uint64_t x = idx; x; x >>= 8)
        n++;
    key->b[0] = (uint8_t)(0x80 + n);
    for (uint32_t i = 0; i < n; i++)
        key->b[1 + i] = (uint8_t)(idx >> (8 * (n - 1 - i)));
    return 1 + n;
}

/* Below this many items the loop costs more than the hashes. */
#define LIST_SHARED_MIN 64u

typedef struct {
    const hd_trie_item *items;
    hd_trie_ref *leaves;
    size_t cnt;
} leaf_job;

static hd_err make_leaves(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const leaf_job *j = (const leaf_job *)ctx;
    hd_trie_enc enc;
    hd_err err = HD_OK;
    (void)worker_idx;
    hd_trie_enc_init(&enc);
    int64_t before = begin ? common_with_next(j->items, j->cnt, begin - 1) : -1;
    for (size_t i = begin; i < end && err == HD_OK; i++) {
        int64_t next = common_with_next(j->items, j->cnt, i);
        err = check_item(&j->items[i], i ? &j->items[i - 1] : NULL);
        if (err == HD_OK) /* no key of a list is the beginning of another: all are leaves */
            err = make_leaf(&j->leaves[i], &enc, &j->items[i], HD_MAX(before, next));
        before = next;
    }
    hd_trie_enc_free(&enc);
    return err;
}

hd_err hd_trie_list_root(hd_hash *root, const hd_span *items, size_t cnt, hd_pool *pool) {
    if (cnt > HD_TRIE_LIST_CNT_MAX)
        return HD_ERR_LIMIT;
    hd_trie_item *sorted = (hd_trie_item *)malloc((cnt + 1) * sizeof *sorted);
    list_key *keys = (list_key *)malloc((cnt + 1) * sizeof *keys);
    hd_err err = HD_ERR_NOMEM;
    if (sorted && keys) {
        for (size_t i = 0; i < cnt; i++) {
            /* rlp(0) is 0x80: it comes after 1 to 127 and before all others. */
            size_t at = i == 0 ? HD_MIN(cnt, 128) - 1 : i < 128 ? i - 1 : i;
            sorted[at].key.sz = list_key_make(&keys[i], i);
            sorted[at].key.data = keys[i].b;
            sorted[at].value = items[i];
        }
        leaf_job job = {sorted, NULL, cnt};
        err = HD_OK;
        if (cnt >= LIST_SHARED_MIN && hd_pool_thread_cnt(pool) > 1) {
            job.leaves = (hd_trie_ref *)malloc(cnt * sizeof *job.leaves);
            err = job.leaves ? hd_pool_for(pool, cnt, 0, make_leaves, &job) : HD_ERR_NOMEM;
        }
        if (err == HD_OK)
            err = root_sorted(root, sorted, cnt, job.leaves);
        free(job.leaves);
    }
    free(sorted);
    free(keys);
    return err;
}
