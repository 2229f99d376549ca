/* hd_forest.h - the state's tries in flat arrays: the account trie and all storage tries, changed
   by batches of leaves with lane functions that threads and the GPU both run.

   A trie is a radix tree by nibbles of 256-bit keys. Its nodes are leaves and branches; the path
   between a branch and its parent is an extension and has no record of its own. A branch holds, for
   each child, what its encoding holds of it: the child's hash, or its encoding where that is
   shorter than 32 bytes. So a node is encoded from one record, and a child that did not change is
   not read.

   A batch runs in phases. In each phase lanes are independent but for atomic operations, and
   between phases all lanes meet (the end of a parallel loop, or of a kernel):
   1. find     each change descends to its leaf, or to where its leaf is missing
   2. write    values of leaves that are there; what is missing or to be deleted goes to lists
   3. remove   leaves, then branches that are left with one child or none, deepest first
   4. insert   in rounds: of the changes that want the same slot one wins, the others descend on
   5. mark     from each touched node upward; marked branches are then ordered by depth
   6. hash     leaves of storage, branches of storage from the deepest, leaves of accounts with the
               new storage roots, branches of accounts
   The shape of a radix tree does not depend on the order of insertion, so neither do the hashes;
   the indexes of new nodes do.

   Records are found by index, 0 is none (trie 0 is the account trie). Nothing is allocated here:
   the driver (hd_forest_host.c, hd_forest_cuda.cu) makes room for a whole batch before phase 2.
   Words of keys and hashes are their bytes in memory order; the machine is little-endian. */
#ifndef HD_FOREST_H
#define HD_FOREST_H

#include "base/hd_atomic.h"
#include "base/hd_base.h"
#include "crypto/hd_u256.h"

#define HD_FOREST_DEPTH_CNT 64u
/* Each descent, climb or round gains at least a nibble of one of two keys; a bound on damage. */
#define HD_FOREST_STEPS_MAX 160u

/* What a slot for a child holds: 0 (no child), a branch's index, or */
#define HD_FOREST_LEAF 0x80000000u /* with a leaf's index */
#define HD_FOREST_STUB \
    0x40000000u /* alone: a child that lies in the store and was not read yet \
                 */
#define HD_FOREST_INDEX_MAX 0x3fffffffu

typedef struct {
    uint64_t w[4];
} hd_forest_key;

typedef struct {
    hd_forest_key refs[16]; /* hash of each child, or its encoding */
    uint32_t child[16];
    uint8_t ref_sz[16];   /* 32: hash; below: the encoding's size; 0: no child */
    hd_forest_key prefix; /* its first `depth` nibbles lead here, the rest means nothing */
    uint32_t depth;       /* nibbles before the one that chooses the child */
    uint32_t parent;      /* branch; 0: this is the root of its trie */
    uint32_t trie;
    uint32_t mark;  /* 1: to be encoded anew */
    uint32_t claim; /* bit n: somebody has child n in hand; HD_FOREST_SHRUNK */
    uint32_t reserved[3];
} hd_forest_branch;

#define HD_FOREST_SHRUNK 0x10000u /* it lost a child and is in the list of these */

typedef struct {
    hd_forest_key key;
    hd_u256 value;    /* of the slot; an account's balance in wei */
    uint32_t parent;  /* branch; 0: this is the root of its trie */
    uint32_t trie;    /* 0: an account */
    uint32_t account; /* an account's own record in tries */
    uint32_t mark;
} hd_forest_leaf;

/* A trie, and the account whose storage it is; trie 0 is the account trie. */
typedef struct {
    hd_forest_key root; /* hash */
    hd_forest_key code_hash;
    uint64_t nonce;
    uint32_t root_ref; /* as a child's slot */
    uint32_t leaf;     /* of the account */
    uint32_t claim;
    uint32_t reserved;
} hd_forest_trie;

HD_STATIC_ASSERT(sizeof(hd_forest_branch) == 656, "no padding");
HD_STATIC_ASSERT(sizeof(hd_forest_leaf) == 80, "no padding");
HD_STATIC_ASSERT(sizeof(hd_forest_trie) == 88, "no padding");

/* ---- changes ---- */

#define HD_FOREST_DELETE 1u /* the account is gone, with its storage */
#define HD_FOREST_WIPE 2u   /* its storage before this batch is gone */
#define HD_FOREST_KEEP 4u   /* nonce, balance and code stay; it is here for its slots alone */

/* leaf: a guess to start with (0: none; wrong ones cost a look), then where the leaf is (0: gone).
   trie is written: the account's record. */
typedef struct {
    hd_forest_key key; /* keccak-256 of the address */
    hd_u256 balance_wei;
    hd_forest_key code_hash;
    uint64_t nonce;
    uint32_t flags;
    uint32_t leaf;
    uint32_t trie;
    uint32_t reserved;
} hd_forest_account_change;

/* account: index of the owner in the batch's account changes, which must not delete it. value 0
   deletes. */
typedef struct {
    hd_forest_key key; /* keccak-256 of the slot's number */
    hd_u256 value;
    uint32_t account;
    uint32_t leaf;
} hd_forest_slot_change;

HD_STATIC_ASSERT(sizeof(hd_forest_account_change) == 120, "no padding");
HD_STATIC_ASSERT(sizeof(hd_forest_slot_change) == 72, "no padding");

#define HD_FOREST_NOT_READ UINT32_MAX /* in `leaf`: a stub lies on the way */

/* A place from which a node has gone: the first path_cnt nibbles of key. */
typedef struct {
    hd_forest_key key;
    uint32_t trie;
    uint32_t path_cnt;
} hd_forest_gone;

/* A stub that must be read: the child `nibble` of a branch, or the root where parent is 0. */
typedef struct {
    uint32_t trie;
    uint32_t parent;
    uint32_t nibble;
    uint32_t reserved;
} hd_forest_need;

/* ---- the forest ---- */

enum { HD_FOREST_BRANCHES, HD_FOREST_LEAVES, HD_FOREST_TRIES, HD_FOREST_SLABS };

/* Lists of a batch. */
enum {
    HD_FOREST_TOUCHED,        /* nodes whose own encoding changes, as children's slots name them */
    HD_FOREST_REMOVED,        /* leaves to be removed */
    HD_FOREST_SHRINKING,      /* branches that lost a child */
    HD_FOREST_DIRTY,          /* branches to be encoded */
    HD_FOREST_ORDERED,        /* the same by depth */
    HD_FOREST_SLOT_LEAVES,    /* leaves to be encoded */
    HD_FOREST_ACCOUNT_LEAVES, /* likewise */
    HD_FOREST_PENDING,        /* changes whose leaf is to be inserted */
    HD_FOREST_PENDING_NEXT,   /* those that lost a round */
    HD_FOREST_SWEEP,          /* branches of wiped storage */
    HD_FOREST_SWEEP_NEXT,
    HD_FOREST_LISTS
};

/* Buckets of marked branches: storage by falling depth, then accounts by falling depth. */
#define HD_FOREST_BUCKETS (2u * HD_FOREST_DEPTH_CNT)

#define HD_FOREST_BAD_CHANGE \
    1u                       /* KEEP of an account that is not there, or an index out of range \
                              */
#define HD_FOREST_DAMAGED 2u /* a walk did not end, or met a stub where none can be */

typedef struct {
    uint32_t free_cnt[HD_FOREST_SLABS]; /* indexes that were given back */
    uint32_t take_cnt[HD_FOREST_SLABS]; /* taken in the present phase */
    uint32_t top[HD_FOREST_SLABS];      /* above all indexes ever taken */
    uint32_t list_cnt[HD_FOREST_LISTS];
    uint32_t gone_cnt;
    uint32_t need_cnt;
    uint32_t wrong; /* HD_FOREST_BAD_CHANGE, HD_FOREST_DAMAGED */
    uint32_t reserved;
    uint32_t shrink_cnt[HD_FOREST_DEPTH_CNT]; /* branches in SHRINKING that wait, by depth */
    uint32_t bucket_cnt[HD_FOREST_BUCKETS];
    uint32_t bucket_off[HD_FOREST_BUCKETS];
} hd_forest_counters;

typedef struct {
    hd_forest_branch *branches;
    hd_forest_leaf *leaves;
    hd_forest_trie *tries;
    uint32_t *frees[HD_FOREST_SLABS];
    uint32_t *lists[HD_FOREST_LISTS];
    hd_forest_counters *n;
    hd_forest_gone *gone;  /* NULL: nobody wants to know */
    hd_forest_need *needs; /* NULL: there are no stubs */
    hd_forest_account_change *accounts;
    hd_forest_slot_change *slots;
    uint32_t *at; /* for each pending change of a round: the branch where it stands */
    uint32_t account_cnt, slot_cnt;
} hd_forest;

/* In PENDING: a change of an account, else of a slot. */
#define HD_FOREST_OF_ACCOUNT 0x80000000u
/* In `at`: the change has won its slot. */
#define HD_FOREST_WINS 0x80000000u

/* ---- keys ---- */

HD_INL uint32_t hd_forest_nibble(const hd_forest_key *k, uint32_t i) {
    uint32_t byte = (uint32_t)(k->w[i >> 4] >> (8 * ((i >> 1) & 7))) & 0xffu;
    return i & 1 ? byte & 15u : byte >> 4;
}

/* Nibbles that two keys share, 64 for equal ones. */
HD_INL uint32_t hd_forest_common(const hd_forest_key *a, const hd_forest_key *b) {
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t d = a->w[i] ^ b->w[i];
        if (d == 0)
            continue;
        uint32_t byte = 0;
        while ((d & 0xff) == 0) {
            d >>= 8;
            byte++;
        }
        return 16 * i + 2 * byte + ((d & 0xf0) == 0);
    }
    return 64;
}

HD_INL int hd_forest_key_is_equal(const hd_forest_key *a, const hd_forest_key *b) {
    return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
            (a->w[3] ^ b->w[3])) == 0;
}

HD_INL hd_forest_key hd_forest_empty_root(void) {
    hd_forest_key k;
    k.w[0] = 0xa655cc1b171fe856u;
    k.w[1] = 0x6ef8c092e64583ffu;
    k.w[2] = 0xc0ad6c991be0485bu;
    k.w[3] = 0x21b463e3b52f6201u;
    return k;
}

HD_INL int hd_forest_value_is_zero(const hd_u256 *v) {
    return (v->w[0] | v->w[1] | v->w[2] | v->w[3]) == 0;
}

/* ---- records ---- */

/* Takers and givers of one slab never run in the same phase. */
HD_INL uint32_t hd_forest_take(const hd_forest *f, uint32_t slab) {
    uint32_t i = hd_atomic_take(&f->n->take_cnt[slab]);
    uint32_t free_cnt = f->n->free_cnt[slab];
    return i < free_cnt ? f->frees[slab][free_cnt - 1 - i] : f->n->top[slab] + (i - free_cnt);
}

HD_INL void hd_forest_give(const hd_forest *f, uint32_t slab, uint32_t idx) {
    f->frees[slab][hd_atomic_take(&f->n->free_cnt[slab])] = idx;
}

/* After a phase that took: one lane. */
HD_INL void hd_forest_settle(hd_forest_counters *n) {
    for (uint32_t k = 0; k < HD_FOREST_SLABS; k++) {
        uint32_t taken = n->take_cnt[k], freed = n->free_cnt[k];
        if (taken > freed)
            n->top[k] += taken - freed;
        n->free_cnt[k] = taken > freed ? 0 : freed - taken;
        n->take_cnt[k] = 0;
    }
}

HD_INL void hd_forest_push(const hd_forest *f, uint32_t list, uint32_t x) {
    f->lists[list][hd_atomic_take(&f->n->list_cnt[list])] = x;
}

HD_INL void hd_forest_wrong(const hd_forest *f, uint32_t why) { hd_atomic_or32(&f->n->wrong, why); }

HD_INL void hd_forest_leave(const hd_forest *f, uint32_t trie, const hd_forest_key *key,
                            uint32_t path_cnt) {
    if (!f->gone)
        return;
    hd_forest_gone *g = &f->gone[hd_atomic_take(&f->n->gone_cnt)];
    g->key = *key;
    g->trie = trie;
    g->path_cnt = path_cnt;
}

/* Where a node's own path begins: behind the nibble that chose it. */
HD_INL uint32_t hd_forest_from(const hd_forest *f, uint32_t parent) {
    return parent ? f->branches[parent].depth + 1 : 0;
}

HD_INL const hd_forest_key *hd_forest_ref_key(const hd_forest *f, uint32_t ref) {
    return ref & HD_FOREST_LEAF ? &f->leaves[ref & HD_FOREST_INDEX_MAX].key
                                : &f->branches[ref].prefix;
}

HD_INL void hd_forest_set_parent(const hd_forest *f, uint32_t ref, uint32_t parent) {
    if (ref & HD_FOREST_LEAF)
        f->leaves[ref & HD_FOREST_INDEX_MAX].parent = parent;
    else
        f->branches[ref].parent = parent;
}

/* Puts ref into the slot of parent that key chooses. */
HD_INL void hd_forest_hang(const hd_forest *f, uint32_t trie, uint32_t parent,
                           const hd_forest_key *key, uint32_t ref) {
    if (!parent) {
        f->tries[trie].root_ref = ref;
        if (!ref)
            f->tries[trie].root = hd_forest_empty_root();
        return;
    }
    hd_forest_branch *p = &f->branches[parent];
    uint32_t n = hd_forest_nibble(key, p->depth);
    p->child[n] = ref;
    if (!ref)
        p->ref_sz[n] = 0;
}

/* ---- 1. find ---- */

typedef struct {
    uint32_t parent; /* the last branch on the way; 0: none */
    uint32_t ref;    /* what its slot holds: the leaf, something else in the way, or 0 */
    uint32_t common; /* nibbles that the key shares with ref; 64: it is the leaf */
} hd_forest_place;

/* From the branch `at`, whose prefix the key has, or from the trie's root where at is 0. */
HD_INL void hd_forest_descend(hd_forest_place *out, const hd_forest *f, uint32_t trie,
                              const hd_forest_key *key, uint32_t at) {
    uint32_t parent = at;
    uint32_t ref = at ? f->branches[at].child[hd_forest_nibble(key, f->branches[at].depth)]
                      : f->tries[trie].root_ref;
    uint32_t from = at ? f->branches[at].depth + 1 : 0;
    out->common = 0;
    for (uint32_t i = 0; i <= HD_FOREST_DEPTH_CNT; i++) {
        out->parent = parent;
        out->ref = ref;
        if (ref == 0 || ref == HD_FOREST_STUB)
            return;
        if (ref & HD_FOREST_LEAF) {
            out->common = hd_forest_common(key, &f->leaves[ref & HD_FOREST_INDEX_MAX].key);
            return;
        }
        const hd_forest_branch *b = &f->branches[ref];
        uint32_t depth = b->depth;
        if (from < depth) {
            out->common = hd_forest_common(key, &b->prefix);
            if (out->common < depth)
                return;
        }
        parent = ref;
        from = depth + 1;
        ref = b->child[hd_forest_nibble(key, depth)];
    }
    hd_forest_wrong(f, HD_FOREST_DAMAGED);
    out->ref = HD_FOREST_STUB;
}

/* The leaf of key, 0, or HD_FOREST_NOT_READ, where the stub is asked for. */
HD_INL uint32_t hd_forest_find(const hd_forest *f, uint32_t trie, const hd_forest_key *key) {
    hd_forest_place p;
    hd_forest_descend(&p, f, trie, key, 0);
    if (p.ref == HD_FOREST_STUB) {
        uint32_t nibble = p.parent ? hd_forest_nibble(key, f->branches[p.parent].depth) : 0;
        uint32_t *claim = p.parent ? &f->branches[p.parent].claim : &f->tries[trie].claim;
        uint32_t bit = 1u << nibble;
        if (!f->needs) {
            hd_forest_wrong(f, HD_FOREST_DAMAGED);
        } else if (!(hd_atomic_or32(claim, bit) & bit)) {
            hd_forest_need *need = &f->needs[hd_atomic_take(&f->n->need_cnt)];
            need->trie = trie;
            need->parent = p.parent;
            need->nibble = nibble;
            need->reserved = 0;
        }
        return HD_FOREST_NOT_READ;
    }
    if ((p.ref & HD_FOREST_LEAF) && p.common == 64)
        return p.ref & HD_FOREST_INDEX_MAX;
    return 0;
}

/* A guess of the leaf that proves right saves the descent. A free leaf has trie UINT32_MAX. */
HD_INL int hd_forest_is_leaf(const hd_forest *f, uint32_t idx, uint32_t trie,
                             const hd_forest_key *key) {
    return idx && idx < f->n->top[HD_FOREST_LEAVES] && f->leaves[idx].trie == trie &&
           hd_forest_key_is_equal(&f->leaves[idx].key, key);
}

HD_INL void hd_forest_find_account(const hd_forest *f, uint32_t i) {
    hd_forest_account_change *c = &f->accounts[i];
    if (!hd_forest_is_leaf(f, c->leaf, 0, &c->key))
        c->leaf = hd_forest_find(f, 0, &c->key);
    c->trie = 0;
    if (c->leaf && c->leaf != HD_FOREST_NOT_READ)
        c->trie = f->leaves[c->leaf].account;
    else if (!c->leaf && (c->flags & HD_FOREST_KEEP))
        hd_forest_wrong(f, HD_FOREST_BAD_CHANGE);
}

/* After all accounts were found. */
HD_INL void hd_forest_find_slot(const hd_forest *f, uint32_t i) {
    hd_forest_slot_change *c = &f->slots[i];
    if (c->account >= f->account_cnt || (f->accounts[c->account].flags & HD_FOREST_DELETE)) {
        hd_forest_wrong(f, HD_FOREST_BAD_CHANGE);
        return;
    }
    const hd_forest_account_change *a = &f->accounts[c->account];
    if (!a->trie || (a->flags & HD_FOREST_WIPE))
        c->leaf = 0;
    else if (!hd_forest_is_leaf(f, c->leaf, a->trie, &c->key))
        c->leaf = hd_forest_find(f, a->trie, &c->key);
}

/* ---- 2. write ----
   Nothing is written where a change was found to be wrong, so that the driver need not look before
   it starts this phase. */

HD_INL void hd_forest_wipe(const hd_forest *f, uint32_t trie) {
    hd_forest_trie *t = &f->tries[trie];
    uint32_t ref = t->root_ref;
    if (ref & HD_FOREST_LEAF) {
        f->leaves[ref & HD_FOREST_INDEX_MAX].trie = UINT32_MAX;
        hd_forest_give(f, HD_FOREST_LEAVES, ref & HD_FOREST_INDEX_MAX);
    } else if (ref && ref != HD_FOREST_STUB) {
        hd_forest_push(f, HD_FOREST_SWEEP, ref);
    }
    t->root_ref = 0;
    t->root = hd_forest_empty_root();
}

HD_INL void hd_forest_write_account(const hd_forest *f, uint32_t i) {
    hd_forest_account_change *c = &f->accounts[i];
    if (f->n->wrong)
        return;
    if (!c->leaf) {
        if (c->flags & HD_FOREST_DELETE)
            return;
        hd_forest_trie *t;
        c->trie = hd_forest_take(f, HD_FOREST_TRIES);
        t = &f->tries[c->trie];
        t->root = hd_forest_empty_root();
        t->code_hash = c->code_hash;
        t->nonce = c->nonce;
        t->root_ref = t->leaf = t->claim = t->reserved = 0;
        hd_forest_push(f, HD_FOREST_PENDING, i | HD_FOREST_OF_ACCOUNT);
        return;
    }
    hd_forest_leaf *l = &f->leaves[c->leaf];
    hd_forest_trie *t = &f->tries[c->trie];
    int is_changed = 0;
    if ((c->flags & (HD_FOREST_DELETE | HD_FOREST_WIPE)) && t->root_ref) {
        hd_forest_wipe(f, c->trie);
        is_changed = 1;
    }
    if (c->flags & HD_FOREST_DELETE) {
        hd_forest_push(f, HD_FOREST_REMOVED, c->leaf);
        c->leaf = 0;
        return;
    }
    if (!(c->flags & HD_FOREST_KEEP)) {
        is_changed |= t->nonce != c->nonce || !hd_forest_key_is_equal(&t->code_hash, &c->code_hash);
        for (uint32_t k = 0; k < 4; k++)
            is_changed |= l->value.w[k] != c->balance_wei.w[k];
        t->nonce = c->nonce;
        t->code_hash = c->code_hash;
        l->value = c->balance_wei;
    }
    if (is_changed)
        hd_forest_push(f, HD_FOREST_TOUCHED, c->leaf | HD_FOREST_LEAF);
}

HD_INL void hd_forest_write_slot(const hd_forest *f, uint32_t i) {
    hd_forest_slot_change *c = &f->slots[i];
    int is_zero = hd_forest_value_is_zero(&c->value);
    if (f->n->wrong)
        return;
    if (!c->leaf) {
        if (!is_zero)
            hd_forest_push(f, HD_FOREST_PENDING, i);
        return;
    }
    hd_forest_leaf *l = &f->leaves[c->leaf];
    if (is_zero) {
        hd_forest_push(f, HD_FOREST_REMOVED, c->leaf);
        c->leaf = 0;
        return;
    }
    int is_changed = 0;
    for (uint32_t k = 0; k < 4; k++)
        is_changed |= l->value.w[k] != c->value.w[k];
    if (is_changed) {
        l->value = c->value;
        hd_forest_push(f, HD_FOREST_TOUCHED, c->leaf | HD_FOREST_LEAF);
    }
}

/* ---- 3. remove ---- */

/* The branch `parent` lost a child; where it is 0 the trie is empty, and its account changes. */
HD_INL void hd_forest_lost(const hd_forest *f, uint32_t trie, uint32_t parent) {
    if (parent) {
        hd_forest_branch *p = &f->branches[parent];
        if (!(hd_atomic_or32(&p->claim, HD_FOREST_SHRUNK) & HD_FOREST_SHRUNK)) {
            hd_forest_push(f, HD_FOREST_SHRINKING, parent);
            hd_atomic_take(&f->n->shrink_cnt[p->depth]);
        }
    } else if (trie && f->tries[trie].leaf) {
        hd_forest_push(f, HD_FOREST_TOUCHED, f->tries[trie].leaf | HD_FOREST_LEAF);
    }
}

/* Lane i of the list REMOVED. */
HD_INL void hd_forest_remove(const hd_forest *f, uint32_t i) {
    uint32_t idx = f->lists[HD_FOREST_REMOVED][i];
    hd_forest_leaf *l = &f->leaves[idx];
    hd_forest_leave(f, l->trie, &l->key, hd_forest_from(f, l->parent));
    hd_forest_hang(f, l->trie, l->parent, &l->key, 0);
    hd_forest_lost(f, l->trie, l->parent);
    if (l->trie == 0)
        hd_forest_give(f, HD_FOREST_TRIES, l->account);
    l->trie = UINT32_MAX;
    hd_forest_give(f, HD_FOREST_LEAVES, idx);
}

/* Lane i of the list SHRINKING, for the branches of one depth; the driver goes from the deepest
   that waits upward. Where the one child left is a stub it is asked for, and the depth runs
   again. */
HD_INL void hd_forest_shrink(const hd_forest *f, uint32_t i, uint32_t depth) {
    uint32_t idx = f->lists[HD_FOREST_SHRINKING][i];
    hd_forest_branch *b = &f->branches[idx];
    /* A list entry is done when its bit is gone; the branch may have been freed since. */
    if (b->depth != depth || !(b->claim & HD_FOREST_SHRUNK))
        return;
    uint32_t cnt = 0, last = 0;
    for (uint32_t k = 0; k < 16; k++) {
        if (b->child[k]) {
            cnt++;
            last = k;
        }
    }
    if (cnt == 1 && b->child[last] == HD_FOREST_STUB) {
        if (!f->needs) {
            hd_forest_wrong(f, HD_FOREST_DAMAGED);
            return;
        }
        hd_forest_need *need = &f->needs[hd_atomic_take(&f->n->need_cnt)];
        need->trie = b->trie;
        need->parent = idx;
        need->nibble = last;
        need->reserved = 0;
        return;
    }
    hd_atomic_add32(&f->n->shrink_cnt[depth], UINT32_MAX);
    b->claim = 0;
    if (cnt >= 2) {
        hd_forest_push(f, HD_FOREST_TOUCHED, idx);
        return;
    }
    uint32_t parent = b->parent;
    hd_forest_leave(f, b->trie, &b->prefix, hd_forest_from(f, parent));
    if (hd_forest_from(f, parent) != depth)
        hd_forest_leave(f, b->trie, &b->prefix, depth);
    if (cnt == 1) {
        uint32_t ref = b->child[last];
        const hd_forest_key *key = hd_forest_ref_key(f, ref);
        hd_forest_leave(f, b->trie, key, depth + 1);
        hd_forest_hang(f, b->trie, parent, key, ref);
        hd_forest_set_parent(f, ref, parent);
        hd_forest_push(f, HD_FOREST_TOUCHED, ref);
    } else {
        hd_forest_hang(f, b->trie, parent, &b->prefix, 0);
        hd_forest_lost(f, b->trie, parent);
    }
    hd_forest_give(f, HD_FOREST_BRANCHES, idx);
}

/* Lane i of the list SWEEP: frees a branch of wiped storage and its leaves; its branches follow in
   SWEEP_NEXT. */
HD_INL void hd_forest_sweep(const hd_forest *f, uint32_t i) {
    uint32_t idx = f->lists[HD_FOREST_SWEEP][i];
    const hd_forest_branch *b = &f->branches[idx];
    for (uint32_t k = 0; k < 16; k++) {
        uint32_t ref = b->child[k];
        if (ref & HD_FOREST_LEAF) {
            f->leaves[ref & HD_FOREST_INDEX_MAX].trie = UINT32_MAX;
            hd_forest_give(f, HD_FOREST_LEAVES, ref & HD_FOREST_INDEX_MAX);
        } else if (ref && ref != HD_FOREST_STUB) {
            hd_forest_push(f, HD_FOREST_SWEEP_NEXT, ref);
        }
    }
    hd_forest_give(f, HD_FOREST_BRANCHES, idx);
}

/* ---- 4. insert ---- */

HD_INL const hd_forest_key *hd_forest_pending_key(uint32_t *trie, const hd_forest *f, uint32_t c) {
    if (c & HD_FOREST_OF_ACCOUNT) {
        *trie = 0;
        return &f->accounts[c & ~HD_FOREST_OF_ACCOUNT].key;
    }
    *trie = f->accounts[f->slots[c].account].trie;
    return &f->slots[c].key;
}

/* Lane i of the list PENDING: descends from at[i] and claims the slot where it ends. */
HD_INL void hd_forest_claim(const hd_forest *f, uint32_t i) {
    uint32_t trie;
    hd_forest_key key = *hd_forest_pending_key(&trie, f, f->lists[HD_FOREST_PENDING][i]);
    hd_forest_place p;
    hd_forest_descend(&p, f, trie, &key, f->at[i]);
    if (p.ref == HD_FOREST_STUB || ((p.ref & HD_FOREST_LEAF) && p.common == 64)) {
        hd_forest_wrong(f, HD_FOREST_DAMAGED); /* or the same key twice */
        f->at[i] = p.parent;
        return;
    }
    uint32_t *claim = p.parent ? &f->branches[p.parent].claim : &f->tries[trie].claim;
    uint32_t bit = p.parent ? 1u << hd_forest_nibble(&key, f->branches[p.parent].depth) : 1u;
    uint32_t wins = 0;
    if (!(hd_atomic_load32(claim) & bit) && !(hd_atomic_or32(claim, bit) & bit))
        wins = HD_FOREST_WINS;
    f->at[i] = p.parent | wins;
}

/* Lane i of the list PENDING: a winner hangs its leaf into its slot, over a new branch where
   something is there already; the others go to PENDING_NEXT. at2 receives their places. */
HD_INL void hd_forest_insert(const hd_forest *f, uint32_t *at2, uint32_t i) {
    uint32_t c = f->lists[HD_FOREST_PENDING][i];
    uint32_t parent = f->at[i] & ~HD_FOREST_WINS;
    if (!(f->at[i] & HD_FOREST_WINS)) {
        uint32_t to = hd_atomic_take(&f->n->list_cnt[HD_FOREST_PENDING_NEXT]);
        f->lists[HD_FOREST_PENDING_NEXT][to] = c;
        at2[to] = parent;
        return;
    }
    uint32_t trie;
    hd_forest_key key = *hd_forest_pending_key(&trie, f, c);
    uint32_t idx = hd_forest_take(f, HD_FOREST_LEAVES);
    uint32_t ref = idx | HD_FOREST_LEAF;
    hd_forest_leaf *l = &f->leaves[idx];
    l->key = key;
    l->trie = trie;
    l->mark = 0;
    if (c & HD_FOREST_OF_ACCOUNT) {
        hd_forest_account_change *a = &f->accounts[c & ~HD_FOREST_OF_ACCOUNT];
        l->value = a->balance_wei;
        l->account = a->trie;
        a->leaf = idx;
        f->tries[a->trie].leaf = idx;
    } else {
        l->value = f->slots[c].value;
        l->account = 0;
        f->slots[c].leaf = idx;
    }
    uint32_t old;
    if (parent) {
        uint32_t nibble = hd_forest_nibble(&key, f->branches[parent].depth);
        old = f->branches[parent].child[nibble];
        hd_atomic_and32(&f->branches[parent].claim, ~(1u << nibble));
    } else {
        old = f->tries[trie].root_ref;
        hd_atomic_and32(&f->tries[trie].claim, ~1u);
    }
    l->parent = parent;
    if (old) {
        const hd_forest_key *old_key = hd_forest_ref_key(f, old);
        uint32_t depth = hd_forest_common(&key, old_key);
        uint32_t at = hd_forest_take(f, HD_FOREST_BRANCHES);
        hd_forest_branch *b = &f->branches[at];
        for (uint32_t k = 0; k < 16; k++) {
            b->child[k] = 0;
            b->ref_sz[k] = 0;
        }
        b->child[hd_forest_nibble(&key, depth)] = ref;
        b->child[hd_forest_nibble(old_key, depth)] = old;
        b->prefix = key;
        b->depth = depth;
        b->parent = parent;
        b->trie = trie;
        b->mark = 0;
        b->claim = 0;
        b->reserved[0] = b->reserved[1] = b->reserved[2] = 0;
        hd_forest_leave(f, trie, &key, hd_forest_from(f, parent));
        hd_forest_set_parent(f, old, at);
        hd_forest_push(f, HD_FOREST_TOUCHED, old);
        l->parent = at;
        hd_forest_hang(f, trie, parent, &key, at);
    } else {
        hd_forest_hang(f, trie, parent, &key, ref);
    }
    hd_forest_push(f, HD_FOREST_TOUCHED, ref);
}

/* ---- 5. mark ---- */

HD_INL uint32_t hd_forest_bucket(const hd_forest_branch *b) {
    return (b->trie ? 0 : HD_FOREST_DEPTH_CNT) + (HD_FOREST_DEPTH_CNT - 1 - b->depth);
}

/* True once for each mark: a look first, since many climb to the same few nodes. */
HD_INL int hd_forest_mark(uint32_t *mark) {
    return hd_atomic_load32(mark) == 0 && hd_atomic_exchange32(mark, 1) == 0;
}

/* Lane i of the list TOUCHED. */
HD_INL void hd_forest_climb(const hd_forest *f, uint32_t i) {
    uint32_t ref = f->lists[HD_FOREST_TOUCHED][i];
    uint32_t branch = ref, trie;
    if (ref & HD_FOREST_LEAF) {
        hd_forest_leaf *l = &f->leaves[ref & HD_FOREST_INDEX_MAX];
        if (!hd_forest_mark(&l->mark))
            return;
        hd_forest_push(f, l->trie ? HD_FOREST_SLOT_LEAVES : HD_FOREST_ACCOUNT_LEAVES,
                       ref & HD_FOREST_INDEX_MAX);
        branch = l->parent;
        trie = l->trie;
    } else {
        trie = f->branches[ref].trie;
    }
    for (uint32_t k = 0; k < HD_FOREST_STEPS_MAX; k++) {
        if (branch) {
            hd_forest_branch *b = &f->branches[branch];
            if (!hd_forest_mark(&b->mark))
                return;
            hd_forest_push(f, HD_FOREST_DIRTY, branch);
            hd_atomic_take(&f->n->bucket_cnt[hd_forest_bucket(b)]);
            branch = b->parent;
        } else if (trie && f->tries[trie].leaf) {
            hd_forest_leaf *l = &f->leaves[f->tries[trie].leaf];
            if (!hd_forest_mark(&l->mark))
                return;
            hd_forest_push(f, HD_FOREST_ACCOUNT_LEAVES, f->tries[trie].leaf);
            branch = l->parent;
            trie = 0;
        } else {
            return;
        }
    }
    hd_forest_wrong(f, HD_FOREST_DAMAGED);
}

/* One lane, before hd_forest_order. */
HD_INL void hd_forest_order_start(const hd_forest *f) {
    uint32_t off = 0;
    for (uint32_t k = 0; k < HD_FOREST_BUCKETS; k++) {
        f->n->bucket_off[k] = off;
        off += f->n->bucket_cnt[k];
    }
}

/* Lane i of the list DIRTY. Afterwards bucket k ends at bucket_off[k]. */
HD_INL void hd_forest_order(const hd_forest *f, uint32_t i) {
    uint32_t idx = f->lists[HD_FOREST_DIRTY][i];
    uint32_t bucket = hd_forest_bucket(&f->branches[idx]);
    f->lists[HD_FOREST_ORDERED][hd_atomic_take(&f->n->bucket_off[bucket])] = idx;
}

#endif
