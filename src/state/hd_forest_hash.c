/* hd_forest_hash.c - hashing a list of a forest's nodes on the host, eight at a time. */
#include <string.h>

#include "state/hd_forest_internal.h"

/* ---- memory ahead ----
   Records lie anywhere, so they are asked for some lanes ahead: a leaf, then the branch above it,
   whose depth its encoding needs. Measured: without this, half of a leaf's time is waiting. (gcc 12
   drops calls of functions that only prefetch; these are inlined.) */

HD_INL void prefetch_leaf(const hd_forest *f, const uint32_t *list, size_t i, size_t cnt) {
    if (i + 12 < cnt) {
        const hd_forest_leaf *l = &f->leaves[list[i + 12]];
        __builtin_prefetch(l);
        __builtin_prefetch((const uint8_t *)l + sizeof *l - 1);
    }
    if (i + 6 < cnt) {
        const hd_forest_leaf *l = &f->leaves[list[i + 6]];
        __builtin_prefetch(&f->branches[l->parent].depth);
        if (l->account)
            __builtin_prefetch(&f->tries[l->account]);
    }
}

HD_INL void prefetch_branch(const hd_forest *f, const uint32_t *list, size_t i, size_t cnt) {
    if (i + 4 < cnt) {
        const uint8_t *b = (const uint8_t *)&f->branches[list[i + 4]];
        for (size_t k = 0; k < sizeof(hd_forest_branch); k += 64)
            __builtin_prefetch(b + k);
    }
}

/* ---- eight at a time ---- */

#if HD_KECCAK_HAS_VL
#define LANES 8u
#define BLOCKS_MAX 4u /* of a branch: 532 bytes and the padding */

HD_STATIC_ASSERT(HD_FOREST_NODE_SZ_MAX <= BLOCKS_MAX * HD_KECCAK_RATE_SZ, "a node fits");

/* Nodes of one number of blocks that wait until there are eight. */
typedef struct {
    uint8_t bytes[LANES][BLOCKS_MAX * HD_KECCAK_RATE_SZ];
    uint32_t idx[LANES];
    uint32_t cnt;
} group;

typedef struct {
    const hd_forest *f;
    int is_leaf;
    group groups[BLOCKS_MAX];
} waiting;

static void group_flush(waiting *w, uint32_t block_cnt) {
    group *g = &w->groups[block_cnt - 1];
    hd_keccak_vec8 s[25];
    memset(s, 0, sizeof s);
    /* Lanes that nobody waits for hash what lies there. */
    for (uint32_t b = 0; b < block_cnt; b++) {
        for (uint32_t k = 0; k < HD_FOREST_WORDS; k++) {
            size_t off = (size_t)b * HD_KECCAK_RATE_SZ + 8 * (size_t)k;
            hd_keccak_vec8 in;
            for (uint32_t i = 0; i < LANES; i++) {
                uint64_t word;
                memcpy(&word, g->bytes[i] + off, sizeof word);
                in[i] = word;
            }
            s[k] ^= in;
        }
        hd_keccak_f1600_x8(s);
    }
    for (uint32_t i = 0; i < g->cnt; i++) {
        hd_forest_ref r = {{{s[0][i], s[1][i], s[2][i], s[3][i]}}, 32};
        if (w->is_leaf) {
            hd_forest_leaf *l = &w->f->leaves[g->idx[i]];
            hd_forest_put_ref(w->f, l->trie, l->parent, &l->key, &r);
            l->mark = 0;
        } else {
            hd_forest_branch *n = &w->f->branches[g->idx[i]];
            hd_forest_put_ref(w->f, n->trie, n->parent, &n->prefix, &r);
            n->mark = 0;
        }
    }
    g->cnt = 0;
}

/* The node whose encoding bytes[0,sz) is; bytes has room for the last block. */
static void wait_for(waiting *w, uint32_t idx, const uint8_t *bytes, uint32_t sz) {
    uint32_t block_cnt = sz / HD_KECCAK_RATE_SZ + 1, end = block_cnt * HD_KECCAK_RATE_SZ;
    group *g = &w->groups[block_cnt - 1];
    uint8_t *to = g->bytes[g->cnt];
    memcpy(to, bytes, sz);
    memset(to + sz, 0, end - sz);
    to[sz] = 0x01;
    to[end - 1] |= 0x80;
    g->idx[g->cnt++] = idx;
    if (g->cnt == LANES)
        group_flush(w, block_cnt);
}

static void waiting_start(waiting *w, const hd_forest *f, int is_leaf) {
    w->f = f;
    w->is_leaf = is_leaf;
    for (uint32_t k = 0; k < BLOCKS_MAX; k++) {
        w->groups[k].cnt = 0;
        for (uint32_t i = 0; i < LANES; i++)
            memset(w->groups[k].bytes[i], 0, (size_t)(k + 1) * HD_KECCAK_RATE_SZ);
    }
}

static void waiting_end(waiting *w) {
    for (uint32_t k = 0; k < BLOCKS_MAX; k++)
        if (w->groups[k].cnt)
            group_flush(w, k + 1);
}

static void leaves_x8(const hd_forest *f, const uint32_t *list, size_t cnt) {
    waiting w;
    uint8_t bytes[HD_FOREST_NODE_SZ_MAX];
    waiting_start(&w, f, 1);
    for (size_t i = 0; i < cnt; i++) {
        prefetch_leaf(f, list, i, cnt);
        const hd_forest_leaf *l = &f->leaves[list[i]];
        uint32_t sz = hd_forest_leaf_bytes(bytes, f, l);
        if (sz >= 32 || !l->parent)
            wait_for(&w, list[i], bytes, sz);
        else
            hd_forest_hash_leaf(f, list[i]);
    }
    waiting_end(&w);
}

static void branches_x8(const hd_forest *f, const uint32_t *list, size_t cnt) {
    waiting w;
    uint8_t bytes[HD_FOREST_NODE_SZ_MAX];
    waiting_start(&w, f, 0);
    for (size_t i = 0; i < cnt; i++) {
        prefetch_branch(f, list, i, cnt);
        const hd_forest_branch *b = &f->branches[list[i]];
        uint32_t sz = 0;
        int is_below_ext = hd_forest_from(f, b->parent) != b->depth;
        if (!is_below_ext)
            sz = hd_forest_branch_bytes(bytes, b);
        if (!is_below_ext && (sz >= 32 || !b->parent))
            wait_for(&w, list[i], bytes, sz);
        else /* rare: two nodes, the second with the first's hash in it */
            hd_forest_hash_branch(f, list[i]);
    }
    waiting_end(&w);
}
#endif

/* ---- lists ---- */

void hd_forest_hash_leaves(const hd_forest *f, const uint32_t *list, size_t cnt) {
#if HD_KECCAK_HAS_VL
    if (cnt >= LANES && hd_keccak_is_x8()) {
        leaves_x8(f, list, cnt);
        return;
    }
#endif
    for (size_t i = 0; i < cnt; i++) {
        prefetch_leaf(f, list, i, cnt);
        hd_forest_hash_leaf(f, list[i]);
    }
}

void hd_forest_hash_branches(const hd_forest *f, const uint32_t *list, size_t cnt) {
#if HD_KECCAK_HAS_VL
    if (cnt >= LANES && hd_keccak_is_x8()) {
        branches_x8(f, list, cnt);
        return;
    }
#endif
    for (size_t i = 0; i < cnt; i++) {
        prefetch_branch(f, list, i, cnt);
        hd_forest_hash_branch(f, list[i]);
    }
}
