/* hd_pipe_body.h - the lane functions of the block pipeline: admission, the index of what a block
   wrote, validation, commit and the changes of the state's tries.

   Shared code: hd_pipeline_host.c runs these in loops, hd_pipeline_cuda.cu as kernels. A phase is a
   function of (pipe, lane); in one phase lanes are independent but for atomic operations, and
   between phases all lanes meet. The driver is hd_pipeline.c.

   The index holds what hd_version_index.c's does (same versions, same rules of validation), but is
   built by sorting: an entry for each write, ordered by (hash of the key, transaction); equal
   hashes of different keys are noticed and make the block go to the CPU. Accounts are folded by a
   segmented scan over what each entry does to an account, so that a recipient of a million payments
   costs no more than a million recipients; and so are slots, which later rounds leave as sums
   (hd_core_tags.inc). Every transaction's fee is an entry of its coinbase, and
   the owner of a written slot always has an entry. */
#ifndef HD_PIPE_BODY_H
#define HD_PIPE_BODY_H

#include "base/hd_atomic.h"
#include "evm/hd_tx_admit.h"
#include "evm/hd_versions.h"
#include "exec/hd_receipt_body.h"
#include "state/hd_forest.h"

#define HD_PIPE_NONE UINT32_MAX
#define HD_PIPE_FEE UINT32_MAX /* hd_pipe_entry.idx: the coinbase's fee */

/* Why the block has to go to the CPU. */
#define HD_PIPE_ADMISSION 1u /* a transaction was refused, or is none that lanes decode */
#define HD_PIPE_CODE \
    2u /* code was deployed or delegated: it is not published on the device yet \
        */
#define HD_PIPE_COLLISION 4u /* two keys of one hash */
#define HD_PIPE_REFUSED 8u   /* a transaction is invalid, or the block has too little gas for it */
#define HD_PIPE_ROUNDS 16u   /* rounds did not converge */

/* Entries of a working set are as many blocks old as lie since they were last used, at most: */
#define HD_PIPE_AGE_MAX 15u

typedef struct {
    uint32_t why;         /* HD_PIPE_... */
    uint32_t account_new; /* accounts that the world does not have yet */
    uint32_t account_cnt; /* in the world */
    uint32_t slot_cnt;    /* entries in use */
    uint32_t change_cnt;  /* slots to be changed in the tries */
    uint32_t diff_cnt;    /* slots among the differences for the state behind */
    uint32_t missing_cnt; /* addresses that are not resident */
    uint32_t blob_cnt;    /* of the block */
    uint32_t account_ages[HD_PIPE_AGE_MAX + 1]; /* entries of each age */
    uint32_t slot_ages[HD_PIPE_AGE_MAX + 1];
} hd_pipe_counters;

/* What a block made of an account and of a slot, for the state behind the pipeline. */
#define HD_PIPE_DIFF_WIPED 0x100u /* its storage before the block is gone */

typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    uint32_t addr[5];  /* numeric */
    uint32_t flags;    /* HD_ACCOUNT_EXISTS, HD_PIPE_DIFF_WIPED */
    uint32_t code_idx; /* of the resident codes */
    uint32_t reserved;
} hd_pipe_diff_account;

typedef struct {
    hd_u256 key;
    hd_u256 value;
    uint32_t account; /* among the accounts' differences */
    uint32_t reserved;
} hd_pipe_diff_slot;

/* What the state behind supplies of a slot; of an account it is the entry itself. */
typedef struct {
    hd_u256 key;
    hd_u256 value;
    uint32_t addr[5];
    uint32_t account_ref; /* 0: nothing is to be inserted */
    uint32_t incarnation;
    uint32_t reserved;
} hd_pipe_new_slot;

HD_STATIC_ASSERT(sizeof(hd_pipe_diff_account) == 72, "no padding");
HD_STATIC_ASSERT(sizeof(hd_pipe_diff_slot) == 72, "no padding");
HD_STATIC_ASSERT(sizeof(hd_pipe_new_slot) == 96, "no padding");

/* A write, in the order of the sort that follows its key's hash. */
typedef struct {
    uint32_t tx;
    uint32_t idx; /* among the receipt's accounts or slots; HD_PIPE_FEE */
} hd_pipe_entry;

/* What entries do to an account, as a function that can be composed. */
#define HD_PIPE_HEAD 1u       /* the first of its key: nothing before it counts */
#define HD_PIPE_RESET 2u      /* destroyed: what was before it is gone */
#define HD_PIPE_SETS_NONCE 4u /* nonce is set */
#define HD_PIPE_NO_CODE 8u    /* code is set, to none */
#define HD_PIPE_WROTE 16u     /* slots were written */

typedef struct {
    hd_u256 delta; /* of the balance, modulo 2^256 */
    uint64_t nonce;
    uint32_t flags;
    uint32_t wiped; /* position + 1 of the last RESET */
} hd_pipe_fold;

HD_INL hd_pipe_fold hd_pipe_fold_join(const hd_pipe_fold *a, const hd_pipe_fold *b) {
    hd_pipe_fold r = *b;
    if (b->flags & HD_PIPE_HEAD)
        return r;
    r.flags |= a->flags & HD_PIPE_HEAD;
    r.wiped = HD_MAX(a->wiped, b->wiped);
    if (b->flags & HD_PIPE_RESET)
        return r;
    r.delta = hd_u256_add(a->delta, b->delta);
    if (!(b->flags & HD_PIPE_SETS_NONCE))
        r.nonce = a->nonce;
    r.flags |= a->flags;
    return r;
}

/* What entries do to a slot: the last that sets it counts, and what was added since. The first of a
   key always sets. */
typedef struct {
    hd_u256 value; /* or what is added, modulo 2^256 */
    uint64_t is_set;
} hd_pipe_sum;

HD_INL hd_pipe_sum hd_pipe_sum_join(const hd_pipe_sum *a, const hd_pipe_sum *b) {
    hd_pipe_sum r = *b;
    if (b->is_set)
        return r;
    r.value = hd_u256_add(a->value, b->value);
    r.is_set = a->is_set;
    return r;
}

/* The later of two wipes; bit 32 begins a key. */
HD_INL uint64_t hd_pipe_wipe_join(uint64_t a, uint64_t b) {
    if (b >> 32)
        return b;
    uint32_t x = (uint32_t)a, y = (uint32_t)b;
    return (a >> 32 << 32) | (x > y ? x : y);
}

/* Entries of accounts (0) or of slots (1). */
typedef struct {
    uint32_t *at;      /* of each transaction: its entries, then where they begin; tx_cnt + 1 */
    uint64_t *hash;    /* as written */
    uint64_t *entry;   /* hd_pipe_entry: idx << 32 | tx */
    uint64_t *hash_by; /* the same, sorted */
    uint64_t *entry_by;
    uint32_t *key_at; /* 1 where a key begins, then the number of keys before; entry_cnt + 1 */
    uint32_t *table;  /* key + 1, open addressing */
    uint32_t *where;  /* of each key: its account or slot in the world, or HD_PIPE_NONE */
    uint32_t entry_cnt;
    uint32_t key_cnt;
    uint32_t mask;
    uint32_t reserved;
} hd_pipe_set;

typedef struct {
    hd_world world; /* its tables are the pipeline's own: commit writes them */
    const hd_env *env;
    hd_pipe_counters *counters;
    /* admission */
    const uint8_t *raw;
    const uint64_t *raw_off; /* tx_cnt + 1 */
    hd_tx *txs;
    hd_hash *hashes;
    hd_recover_item *items;
    const hd_recover_result *senders;
    uint64_t chain_id;
    uint64_t lists_off; /* into raw: where access lists and blob hashes are unpacked */
    uint32_t fork;
    uint32_t tx_cnt;
    /* what execution left */
    const hd_receipt *receipts;
    const hd_account_diff *accounts;
    const hd_account_read *reads;
    const hd_slot_diff *slots;
    const hd_slot_read *slot_reads; /* where HD_DIFF_RANGE says so */
    const hd_log_entry *logs;
    const uint8_t *bytes;
    uint8_t *is_late; /* ran against versions */
    uint32_t *is_invalid;
    const uint32_t *list;
    uint64_t *gas_at; /* tx_cnt + 1 */
    /* index */
    hd_pipe_set set[2];
    hd_pipe_fold *folds;
    uint64_t *wipes;
    hd_pipe_sum *sums;
    hd_versions_account *account_keys;
    hd_account_version *account_versions;
    hd_versions_slot *slot_keys;
    hd_slot_version *slot_versions;
    const hd_versions *versions; /* of the index that stands */
    uint64_t is_tagged;          /* the next run follows loads */
    /* tries */
    hd_forest_account_change *account_changes;
    hd_forest_slot_change *slot_changes;
    hd_receipt_job receipt;
    /* growth: what is put into the world's tables anew */
    const hd_world_slot *old_slots;
    /* the state behind */
    hd_pipe_diff_account *diff_accounts;
    hd_pipe_diff_slot *diff_slots;
    /* the working set */
    hd_world_account *new_accounts; /* reserved[1]: it is there already */
    hd_pipe_new_slot *new_slots;
    uint32_t *missing; /* five words an address */
    const hd_world_account *old_accounts;
    uint32_t *kept_at;   /* 1 for each account that stays, then the number of those before it */
    uint32_t generation; /* of the block; entries carry that of their last use in reserved[0] */
    uint32_t age_max;    /* older entries go */
} hd_pipe;

/* ---- admission ---- */

HD_INL void hd_pipe_admit(const hd_pipe *p, uint32_t t) {
    uint32_t status;
    uint64_t off = p->raw_off[t], sz = p->raw_off[t + 1] - off;
    uint32_t short_sz = sz > HD_ADMIT_SZ_MAX ? HD_ADMIT_SZ_MAX + 1 : (uint32_t)sz;
    hd_admit_room room;
    room.off = p->lists_off + off + off / 16; /* each has as much as it is long, and a sixteenth */
    room.at = (uint8_t *)p->raw + room.off;
    room.max = short_sz + short_sz / 16;
    uint32_t verdict = hd_tx_admit(&p->txs[t], &p->hashes[t], &p->items[t], &status, p->raw, off,
                                   short_sz, &room, p->fork, p->chain_id);
    /* A lane takes no gas limit of 2^63 and more. */
    if (verdict != HD_ADMIT_OK || status != HD_TX_SUCCESS || p->txs[t].gas_limit >> 63) {
        hd_atomic_or32(&p->counters->why, HD_PIPE_ADMISSION);
        hd_zero(&p->items[t], sizeof(p->items[t])); /* recovery runs over all, and refuses this */
    }
}

HD_INL void hd_pipe_sender(const hd_pipe *p, uint32_t t) {
    p->txs[t].sender = p->senders[t].address;
    if (p->senders[t].status != HD_RECOVER_OK)
        hd_atomic_or32(&p->counters->why, HD_PIPE_ADMISSION);
}

/* ---- what a transaction wrote ---- */

HD_INL int hd_pipe_has_run(const hd_receipt *r) { return r->status <= HD_TX_HALT; }

HD_INL int hd_pipe_is_no_code(const hd_hash *hash) {
    HD_TABLE(uint8_t, none, 32) = HD_EMPTY_CODE_HASH;
    return hd_is_equal(hash->b, none, 32);
}

/* As hd_version_rules.c has it; moreover what owns a written slot (which makes it CHANGED). */
HD_NOINL int hd_pipe_account_is_written(const hd_account_diff *d, uint32_t fork) {
    if (d->flags & (HD_DIFF_CHANGED | HD_DIFF_DELETED | HD_DIFF_DESTROYED | HD_DIFF_CODE))
        return 1;
    if (d->nonce != d->original_nonce || !hd_u256_is_equal(d->balance_wei, d->original_balance_wei))
        return 1;
    if (!(d->flags & HD_DIFF_TOUCHED))
        return 0;
    if (fork < HD_FORK_SPURIOUS)
        return (d->flags & HD_DIFF_EXISTS) != 0;
    return !(d->flags & HD_DIFF_EXISTED) || (d->nonce == 0 && hd_pipe_is_no_code(&d->code_hash));
}

/* Out of line, as all that works on small arrays here: nvcc 13.0 mixes up the arrays of functions
   that are inlined twice into one. */
HD_NOINL void hd_pipe_addr(uint32_t addr[5], const hd_address *a) { hd_addr_from_wire(addr, a); }

/* 64 bits of a key: the world's two hashes of it, made one. */
HD_NOINL uint64_t hd_pipe_account_hash(uint64_t seed, const uint32_t addr[5]) {
    uint64_t low = hd_world_account_hash(seed, addr);
    uint64_t high = hd_world_account_hash(hd_mix64(seed + 1), addr);
    return high << 32 | low;
}
HD_NOINL uint64_t hd_pipe_slot_hash(uint64_t seed, const uint32_t addr[5], hd_u256 key) {
    uint64_t low = hd_versions_slot_hash(seed, addr, key);
    uint64_t high = hd_versions_slot_hash(hd_mix64(seed + 1), addr, key);
    return high << 32 | low;
}

HD_INL void hd_pipe_count(const hd_pipe *p, uint32_t t) {
    const hd_receipt *r = &p->receipts[t];
    uint32_t cnt[2] = {0, 0};
    p->is_invalid[t] = 0;
    if (hd_pipe_has_run(r)) {
        cnt[0] = (r->flags & HD_RECEIPT_FEE_PAID) == 0;
        for (uint32_t i = 0; i < r->account_cnt; i++) {
            const hd_account_diff *d = &p->accounts[r->account_off + i];
            cnt[0] += (uint32_t)hd_pipe_account_is_written(d, p->fork);
            if ((d->flags & HD_DIFF_CODE) && d->code_sz)
                hd_atomic_or32(&p->counters->why, HD_PIPE_CODE);
        }
        for (uint32_t i = 0; i < r->slot_cnt; i++)
            cnt[1] += p->slots[r->slot_off + i].flags & HD_DIFF_CHANGED;
    }
    p->set[0].at[t] = cnt[0];
    p->set[1].at[t] = cnt[1];
}

HD_INL uint64_t hd_pipe_entry_pack(uint32_t tx, uint32_t idx) { return (uint64_t)idx << 32 | tx; }
HD_INL hd_pipe_entry hd_pipe_entry_of(uint64_t x) {
    hd_pipe_entry e = {(uint32_t)x, (uint32_t)(x >> 32)};
    return e;
}

HD_INL void hd_pipe_place(const hd_pipe *p, uint32_t t) {
    const hd_receipt *r = &p->receipts[t];
    uint32_t at[2] = {p->set[0].at[t], p->set[1].at[t]}, addr[5];
    if (!hd_pipe_has_run(r))
        return;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        const hd_account_diff *d = &p->accounts[r->account_off + i];
        if (!hd_pipe_account_is_written(d, p->fork))
            continue;
        hd_pipe_addr(addr, &d->addr);
        p->set[0].hash[at[0]] = hd_pipe_account_hash(p->world.seed, addr);
        p->set[0].entry[at[0]++] = hd_pipe_entry_pack(t, i);
    }
    /* After the transaction's own entries: the coinbase is not among them then. */
    if (!(r->flags & HD_RECEIPT_FEE_PAID)) {
        hd_pipe_addr(addr, &p->env->coinbase);
        p->set[0].hash[at[0]] = hd_pipe_account_hash(p->world.seed, addr);
        p->set[0].entry[at[0]] = hd_pipe_entry_pack(t, HD_PIPE_FEE);
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &p->slots[r->slot_off + i];
        if (!(d->flags & HD_DIFF_CHANGED))
            continue;
        hd_pipe_addr(addr, &p->accounts[r->account_off + d->account_idx].addr);
        p->set[1].hash[at[1]] = hd_pipe_slot_hash(p->world.seed, addr, d->key);
        p->set[1].entry[at[1]++] = hd_pipe_entry_pack(t, i);
    }
}

/* ---- keys ---- */

/* The address of an entry, and a slot's key. */
HD_NOINL void hd_pipe_key_of(uint32_t addr[5], hd_u256 *key, const hd_pipe *p, uint32_t kind,
                             uint64_t packed) {
    hd_pipe_entry e = hd_pipe_entry_of(packed);
    const hd_receipt *r = &p->receipts[e.tx];
    if (kind == 0) {
        hd_pipe_addr(addr, e.idx == HD_PIPE_FEE ? &p->env->coinbase
                                                : &p->accounts[r->account_off + e.idx].addr);
        return;
    }
    const hd_slot_diff *d = &p->slots[r->slot_off + e.idx];
    hd_pipe_addr(addr, &p->accounts[r->account_off + d->account_idx].addr);
    *key = d->key;
}

/* Whether sorted entry i begins a key. */
HD_INL void hd_pipe_head(const hd_pipe *p, uint32_t kind, uint32_t i) {
    const hd_pipe_set *s = &p->set[kind];
    uint32_t is_head = i == 0 || s->hash_by[i] != s->hash_by[i - 1];
    if (!is_head) {
        uint32_t a[5], b[5];
        hd_u256 x = hd_u256_zero(), y = hd_u256_zero();
        hd_pipe_key_of(a, &x, p, kind, s->entry_by[i - 1]);
        hd_pipe_key_of(b, &y, p, kind, s->entry_by[i]);
        if (!hd_is_equal(a, b, sizeof(a)) || !hd_u256_is_equal(x, y))
            hd_atomic_or32(&p->counters->why, HD_PIPE_COLLISION);
    }
    s->key_at[i] = is_head;
}

/* key_at[i] has become the number of heads before i: the key of entry i is key_at[i + 1] - 1. */
HD_INL int hd_pipe_is_head(const hd_pipe_set *s, uint32_t i) {
    return s->key_at[i + 1] != s->key_at[i];
}

HD_INL void hd_pipe_key(const hd_pipe *p, uint32_t kind, uint32_t i) {
    const hd_pipe_set *s = &p->set[kind];
    if (!hd_pipe_is_head(s, i))
        return;
    uint32_t k = s->key_at[i];
    if (kind == 0) {
        hd_versions_account *a = &p->account_keys[k];
        hd_pipe_key_of(a->addr, 0, p, 0, s->entry_by[i]);
        a->first = i;
    } else {
        hd_versions_slot *a = &p->slot_keys[k];
        hd_pipe_key_of(a->addr, &a->key, p, 1, s->entry_by[i]);
        a->first = i;
        a->reserved = 0;
    }
}

HD_NOINL uint32_t hd_pipe_world_find(const hd_world *w, const uint32_t addr[5]) {
    uint32_t i = hd_world_account_hash(w->seed, addr) & w->account_mask;
    for (;; i = (i + 1) & w->account_mask) { /* a table is at most half full */
        uint32_t ref = w->account_table[i];
        if (ref == 0)
            return HD_PIPE_NONE;
        const uint32_t *x = w->accounts[ref - 1].addr;
        if (x[0] == addr[0] && x[1] == addr[1] && x[2] == addr[2] && x[3] == addr[3] &&
            x[4] == addr[4])
            return ref - 1;
    }
}

/* The place of a slot in the world's table, or HD_PIPE_NONE. */
HD_NOINL uint32_t hd_pipe_world_find_slot(const hd_world *w, uint32_t account_idx,
                                          uint32_t incarnation, hd_u256 key) {
    uint32_t i = hd_world_slot_hash(w->seed, account_idx, key) & w->slot_mask;
    for (;; i = (i + 1) & w->slot_mask) {
        const hd_world_slot *s = &w->slots[i];
        if (s->account_ref == 0)
            return HD_PIPE_NONE;
        if (s->account_ref == account_idx + 1 && s->incarnation == incarnation &&
            hd_u256_is_equal(s->key, key))
            return i;
    }
}

/* Puts key + 1 where its hash leads; keys differ, so only free places matter. */
HD_INL void hd_pipe_table_put(uint32_t *table, uint32_t mask, uint32_t hash, uint32_t ref) {
    for (uint32_t i = hash & mask;; i = (i + 1) & mask)
#if HD_ON_DEVICE
        if (table[i] == 0 && atomicCAS(&table[i], 0u, ref) == 0)
            return;
#else
    {
        uint32_t none = 0;
        if (__atomic_compare_exchange_n(&table[i], &none, ref, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return;
    }
#endif
}

/* A key's versions end where the next one's begin; it enters the table, and is looked up. */
HD_INL void hd_pipe_table(const hd_pipe *p, uint32_t kind, uint32_t k) {
    const hd_pipe_set *s = &p->set[kind];
    int is_last = k + 1 == s->key_cnt;
    if (kind == 0) {
        hd_versions_account *a = &p->account_keys[k];
        a->cnt = (is_last ? s->entry_cnt : p->account_keys[k + 1].first) - a->first;
        hd_pipe_table_put(s->table, s->mask, hd_world_account_hash(p->world.seed, a->addr), k + 1);
        s->where[k] = hd_pipe_world_find(&p->world, a->addr);
        if (s->where[k] == HD_PIPE_NONE)
            hd_atomic_take(&p->counters->account_new);
    } else {
        hd_versions_slot *a = &p->slot_keys[k];
        a->cnt = (is_last ? s->entry_cnt : p->slot_keys[k + 1].first) - a->first;
        hd_pipe_table_put(s->table, s->mask, hd_versions_slot_hash(p->world.seed, a->addr, a->key),
                          k + 1);
    }
}

/* ---- versions ---- */

HD_INL hd_account_version hd_pipe_world_version(const hd_world *w, uint32_t account_idx) {
    hd_account_version v;
    hd_zero(&v, sizeof(v));
    if (account_idx == HD_PIPE_NONE || !(w->accounts[account_idx].flags & HD_ACCOUNT_EXISTS))
        return v;
    const hd_world_account *a = &w->accounts[account_idx];
    v.balance_wei = a->balance_wei;
    v.nonce = a->nonce;
    v.code_ref = a->code_idx;
    v.flags = HD_VERSION_EXISTS;
    if (a->flags & HD_ACCOUNT_HAS_STORAGE)
        v.flags |= HD_VERSION_HAS_STORAGE;
    return v;
}

/* What entry i does. */
HD_INL void hd_pipe_fold_make(const hd_pipe *p, uint32_t i) {
    const hd_pipe_set *s = &p->set[0];
    hd_pipe_entry e = hd_pipe_entry_of(s->entry_by[i]);
    const hd_receipt *r = &p->receipts[e.tx];
    hd_pipe_fold f;
    hd_zero(&f, sizeof(f));
    if (hd_pipe_is_head(s, i))
        f.flags |= HD_PIPE_HEAD;
    if (e.idx == HD_PIPE_FEE) {
        f.delta = r->fee_wei;
        p->folds[i] = f;
        return;
    }
    const hd_account_diff *d = &p->accounts[r->account_off + e.idx];
    if (d->flags & HD_DIFF_DESTROYED) {
        f.flags |= HD_PIPE_RESET;
        f.wiped = e.tx + 1;
        p->folds[i] = f;
        return;
    }
    f.delta = hd_u256_sub(d->balance_wei, d->original_balance_wei);
    if (d->nonce != d->original_nonce) {
        f.flags |= HD_PIPE_SETS_NONCE;
        f.nonce = d->nonce;
    }
    if (d->flags & HD_DIFF_CODE) /* to some code: the block leaves this path */
        f.flags |= HD_PIPE_NO_CODE;
    for (uint32_t k = 0; k < r->slot_cnt; k++) {
        const hd_slot_diff *x = &p->slots[r->slot_off + k];
        if (x->account_idx == e.idx && (x->flags & HD_DIFF_CHANGED))
            f.flags |= HD_PIPE_WROTE;
    }
    p->folds[i] = f;
}

/* folds[i] is all that the key's entries up to i do. What an entry leaves empty and touched is
   deleted (EIP-158): its balance, nonce and code are zero already, so that later sums stay right;
   only the wipe has to be handed on, by a scan of its own. */
HD_INL void hd_pipe_fold_apply(const hd_pipe *p, uint32_t i) {
    const hd_pipe_set *s = &p->set[0];
    hd_pipe_entry e = hd_pipe_entry_of(s->entry_by[i]);
    const hd_receipt *r = &p->receipts[e.tx];
    hd_pipe_fold f = p->folds[i];
    uint32_t is_reset = (f.flags & HD_PIPE_RESET) != 0;
    hd_account_version v =
        hd_pipe_world_version(&p->world, is_reset ? HD_PIPE_NONE : s->where[s->key_at[i + 1] - 1]);
    v.balance_wei = hd_u256_add(v.balance_wei, f.delta);
    if (f.flags & HD_PIPE_SETS_NONCE)
        v.nonce = f.nonce;
    if (f.flags & HD_PIPE_NO_CODE)
        v.code_ref = 0;
    v.tx = e.tx;
    v.wiped = f.wiped;
    v.flags |= HD_VERSION_EXISTS;
    if (f.flags & HD_PIPE_WROTE)
        v.flags |= HD_VERSION_HAS_STORAGE | HD_VERSION_STORAGE_UNSURE;
    uint32_t is_touch = 1, is_gone = 0;
    if (e.idx != HD_PIPE_FEE) {
        const hd_account_diff *d = &p->accounts[r->account_off + e.idx];
        is_touch = (d->flags & HD_DIFF_TOUCHED) != 0;
        is_gone = (d->flags & HD_DIFF_DESTROYED) != 0;
    }
    if (is_touch && p->fork >= HD_FORK_SPURIOUS && v.nonce == 0 && v.code_ref == 0 &&
        hd_u256_is_zero(v.balance_wei))
        is_gone = 1;
    if (is_gone) {
        hd_zero(&v, sizeof(v));
        v.tx = e.tx;
        v.wiped = e.tx + 1;
    }
    p->account_versions[i] = v;
    p->wipes[i] = (uint64_t)hd_pipe_is_head(s, i) << 32 | v.wiped;
}

/* wipes[i] is the last wipe up to i. */
HD_INL void hd_pipe_wipe_apply(const hd_pipe *p, uint32_t i) {
    hd_account_version *v = &p->account_versions[i];
    v->wiped = (uint32_t)p->wipes[i];
    /* What storage it had before is gone. */
    if (v->wiped && !(p->folds[i].flags & HD_PIPE_WROTE))
        v->flags &= ~(HD_VERSION_HAS_STORAGE | HD_VERSION_STORAGE_UNSURE);
}

/* What the world holds in a slot. */
HD_NOINL hd_u256 hd_pipe_world_slot(const hd_world *w, const uint32_t addr[5], hd_u256 key) {
    uint32_t at = hd_pipe_world_find(w, addr);
    if (at != HD_PIPE_NONE)
        at = hd_pipe_world_find_slot(w, at, w->accounts[at].incarnation, key);
    return at != HD_PIPE_NONE ? w->slots[at].value : hd_u256_zero();
}

/* What entry i does. An addition to what an account held when it was destroyed sets; p->versions
   has the accounts of this index already. */
HD_NOINL void hd_pipe_sum_make(const hd_pipe *p, uint32_t i) {
    const hd_pipe_set *s = &p->set[1];
    hd_pipe_entry e = hd_pipe_entry_of(s->entry_by[i]);
    const hd_receipt *r = &p->receipts[e.tx];
    const hd_slot_diff *d = &p->slots[r->slot_off + e.idx];
    hd_pipe_sum sum;
    sum.value = d->value;
    sum.is_set = 1;
    if (d->flags & HD_DIFF_ADD) {
        uint32_t addr[5], wiped;
        hd_pipe_addr(addr, &p->accounts[r->account_off + d->account_idx].addr);
        const hd_account_version *owner = hd_versions_account_find(p->versions, addr, e.tx);
        wiped = owner ? owner->wiped : 0;
        sum.value = hd_u256_sub(d->value, d->original);
        if (!hd_pipe_is_head(s, i))
            sum.is_set = hd_pipe_entry_of(s->entry_by[i - 1]).tx < wiped;
        else if (!wiped)
            sum.value = hd_u256_add(sum.value, hd_pipe_world_slot(&p->world, addr, d->key));
    }
    p->sums[i] = sum;
}

/* sums[i] is the slot after entry i. */
HD_INL void hd_pipe_slot_version(const hd_pipe *p, uint32_t i) {
    hd_slot_version *v = &p->slot_versions[i];
    v->value = p->sums[i].value;
    v->tx = hd_pipe_entry_of(p->set[1].entry_by[i]).tx;
    v->reserved = 0;
}

/* ---- validation: hd_version_rules.c has the same rules ---- */

HD_NOINL int hd_pipe_read_holds(const hd_account_diff *d, const hd_account_read *r,
                                const hd_account_version *now, const hd_hash *code_hash) {
    uint32_t flags = r->flags;
    if (!hd_is_equal(code_hash->b, r->code_hash.b, 32))
        return 0;
    if ((flags & HD_READ_NONCE) && now->nonce != d->original_nonce)
        return 0;
    if ((flags & HD_READ_BALANCE) && !hd_u256_is_equal(now->balance_wei, d->original_balance_wei))
        return 0;
    /* Bounds are said of balances below 2^255, whose sums do not wrap. */
    if ((flags & (HD_READ_AT_LEAST | HD_READ_BELOW)) && now->balance_wei.w[3] >> 63)
        return 0;
    if ((flags & HD_READ_AT_LEAST) && hd_u256_lt(now->balance_wei, r->at_least_wei))
        return 0;
    if ((flags & HD_READ_BELOW) && !hd_u256_lt(now->balance_wei, r->below_wei))
        return 0;
    if ((flags & HD_READ_EXISTS) &&
        ((now->flags & HD_VERSION_EXISTS) != 0) != ((d->flags & HD_DIFF_EXISTED) != 0))
        return 0;
    if (!(flags & HD_READ_STORAGE))
        return 1;
    return !(now->flags & HD_VERSION_STORAGE_UNSURE) &&
           ((now->flags & HD_VERSION_HAS_STORAGE) != 0) == ((flags & HD_READ_HAD_STORAGE) != 0);
}

HD_NOINL int hd_pipe_tx_holds(const hd_pipe *p, uint32_t t) {
    const hd_receipt *r = &p->receipts[t];
    uint32_t addr[5];
    if (r->status > HD_TX_HALT && r->status < HD_TX_INVALID)
        return 0;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        const hd_account_diff *d = &p->accounts[r->account_off + i];
        hd_pipe_addr(addr, &d->addr);
        const hd_account_version *v = hd_versions_account_find(p->versions, addr, t);
        hd_account_version world;
        if (!v) {
            /* What ran against the world saw the world, but for a sender that was assumed. */
            if (!p->is_late[t] && !hd_is_equal(d->addr.b, p->txs[t].sender.b, 20))
                continue;
            world = hd_pipe_world_version(&p->world, hd_pipe_world_find(&p->world, addr));
            v = &world;
        }
        if (!hd_pipe_read_holds(d, &p->reads[r->account_off + i], v,
                                &p->world.codes[v->code_ref].hash))
            return 0;
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &p->slots[r->slot_off + i];
        hd_pipe_addr(addr, &p->accounts[r->account_off + d->account_idx].addr);
        const hd_slot_version *v = hd_versions_slot_find(p->versions, addr, d->key, t);
        const hd_account_version *a = hd_versions_account_find(p->versions, addr, t);
        uint32_t wiped = a ? a->wiped : 0;
        hd_u256 now = hd_u256_zero();
        if (v && v->tx + 1 > wiped) {
            now = v->value;
        } else if (!wiped) {
            if (!p->is_late[t])
                continue;
            now = hd_pipe_world_slot(&p->world, addr, d->key);
        }
        if (d->flags & HD_DIFF_RANGE) {
            const hd_slot_read *range = &p->slot_reads[r->slot_off + i];
            if (hd_u256_lt(now, range->lo) || hd_u256_lt(range->hi, now))
                return 0;
        } else if (!hd_u256_is_equal(now, d->original)) {
            return 0;
        }
    }
    return 1;
}

HD_INL void hd_pipe_check(const hd_pipe *p, uint32_t t) {
    p->is_invalid[t] = !hd_pipe_tx_holds(p, t);
}

/* list[i] runs again. */
HD_INL void hd_pipe_late(const hd_pipe *p, uint32_t i) { p->is_late[p->list[i]] = 1; }

/* ---- the block's gas ---- */

HD_INL void hd_pipe_gas(const hd_pipe *p, uint32_t t) {
    const hd_receipt *r = &p->receipts[t];
    p->gas_at[t] = hd_pipe_has_run(r) ? r->gas_used : 0;
    if (p->txs[t].blob_cnt)
        hd_atomic_add32(&p->counters->blob_cnt, p->txs[t].blob_cnt);
    if (r->status >= HD_TX_INVALID)
        hd_atomic_or32(&p->counters->why, HD_PIPE_REFUSED);
}

/* gas_at[t] has become what the transactions before t used. */
HD_INL void hd_pipe_gas_check(const hd_pipe *p, uint32_t t) {
    uint64_t limit = p->env->gas_limit;
    if (p->gas_at[t] > limit || p->txs[t].gas_limit > limit - p->gas_at[t])
        hd_atomic_or32(&p->counters->why, HD_PIPE_REFUSED);
}

/* ---- commit: the last version of every key enters the world. There is room for all that may be
   new.
   ---- */

HD_INL void hd_pipe_commit_account(const hd_pipe *p, uint32_t k) {
    const hd_versions_account *key = &p->account_keys[k];
    const hd_account_version *v = &p->account_versions[key->first + key->cnt - 1];
    hd_world_account *accounts = (hd_world_account *)p->world.accounts;
    uint32_t idx = p->set[0].where[k];
    if (idx == HD_PIPE_NONE) {
        if (!(v->flags & HD_VERSION_EXISTS)) /* it never was */
            return;
        idx = hd_atomic_take(&p->counters->account_cnt);
        hd_zero(&accounts[idx], sizeof(accounts[idx]));
        for (uint32_t i = 0; i < 5; i++)
            accounts[idx].addr[i] = key->addr[i];
        hd_pipe_table_put((uint32_t *)p->world.account_table, p->world.account_mask,
                          hd_world_account_hash(p->world.seed, key->addr), idx + 1);
        p->set[0].where[k] = idx;
    } else if (v->wiped) {
        accounts[idx].incarnation++;
    }
    hd_world_account *a = &accounts[idx];
    a->balance_wei = v->balance_wei;
    a->nonce = v->nonce;
    a->code_idx = v->code_ref;
    /* An upper bound, as nobody counts the slots: it matters where an account without code and
       without nonce has storage, and such an account's slots are not written. */
    a->flags = (v->flags & HD_VERSION_EXISTS ? HD_ACCOUNT_EXISTS : 0) |
               (v->flags & HD_VERSION_HAS_STORAGE ? HD_ACCOUNT_HAS_STORAGE : 0);
}

/* The key of a written slot's owner. */
HD_INL uint32_t hd_pipe_owner(const hd_pipe *p, const uint32_t addr[5]) {
    const hd_pipe_set *s = &p->set[0];
    uint32_t i = hd_world_account_hash(p->world.seed, addr) & s->mask;
    for (;; i = (i + 1) & s->mask) {
        uint32_t ref = s->table[i];
        if (ref == 0)
            return HD_PIPE_NONE;
        if (hd_is_equal(p->account_keys[ref - 1].addr, addr, 20))
            return ref - 1;
    }
}

/* The key of the slot's owner, or HD_PIPE_NONE where the slot went with it. */
HD_INL uint32_t hd_pipe_slot_owner(const hd_pipe *p, uint32_t k) {
    const hd_versions_slot *key = &p->slot_keys[k];
    const hd_slot_version *v = &p->slot_versions[key->first + key->cnt - 1];
    uint32_t owner = hd_pipe_owner(p, key->addr);
    if (owner == HD_PIPE_NONE)
        return owner;
    const hd_versions_account *a = &p->account_keys[owner];
    const hd_account_version *now = &p->account_versions[a->first + a->cnt - 1];
    return (now->flags & HD_VERSION_EXISTS) && v->tx + 1 > now->wiped ? owner : HD_PIPE_NONE;
}

/* Reads only: a slot that another lane is about to insert is not looked at half written. */
HD_INL void hd_pipe_find_slot(const hd_pipe *p, uint32_t k) {
    uint32_t owner = hd_pipe_slot_owner(p, k);
    p->set[1].where[k] = HD_PIPE_NONE;
    if (owner == HD_PIPE_NONE)
        return;
    uint32_t idx = p->set[0].where[owner];
    p->set[1].where[k] = hd_pipe_world_find_slot(&p->world, idx, p->world.accounts[idx].incarnation,
                                                 p->slot_keys[k].key);
}

HD_INL void hd_pipe_slot_put(hd_world_slot *slots, uint32_t mask, uint64_t seed,
                             const hd_world_slot *x) {
    uint32_t i = hd_world_slot_hash(seed, x->account_ref - 1, x->key) & mask;
    for (;; i = (i + 1) & mask) {
#if HD_ON_DEVICE
        if (slots[i].account_ref || atomicCAS(&slots[i].account_ref, 0u, x->account_ref))
            continue;
#else
        uint32_t none = 0;
        if (!__atomic_compare_exchange_n(&slots[i].account_ref, &none, x->account_ref, 0,
                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            continue;
#endif
        slots[i].key = x->key;
        slots[i].value = x->value;
        slots[i].incarnation = x->incarnation;
        slots[i].reserved[0] = x->reserved[0];
        return;
    }
}

HD_INL void hd_pipe_commit_slot(const hd_pipe *p, uint32_t k) {
    const hd_versions_slot *key = &p->slot_keys[k];
    const hd_slot_version *v = &p->slot_versions[key->first + key->cnt - 1];
    hd_world_slot *slots = (hd_world_slot *)p->world.slots;
    uint32_t at = p->set[1].where[k], owner;
    if (at != HD_PIPE_NONE) {
        slots[at].value = v->value;
        return;
    }
    owner = hd_pipe_slot_owner(p, k);
    if (owner == HD_PIPE_NONE || hd_u256_is_zero(v->value))
        return;
    hd_world_slot x;
    hd_zero(&x, sizeof(x));
    uint32_t idx = p->set[0].where[owner];
    x.key = key->key;
    x.value = v->value;
    x.account_ref = idx + 1;
    x.incarnation = p->world.accounts[idx].incarnation;
    hd_pipe_slot_put(slots, p->world.slot_mask, p->world.seed, &x);
    hd_atomic_take(&p->counters->slot_cnt);
}

/* ---- growth: entry i of what was there, into empty tables ---- */

HD_INL void hd_pipe_grow_account(const hd_pipe *p, uint32_t i) {
    hd_pipe_table_put((uint32_t *)p->world.account_table, p->world.account_mask,
                      hd_world_account_hash(p->world.seed, p->world.accounts[i].addr), i + 1);
}

/* Slots of incarnations that are gone stay behind, and those of value 0 where they tell nothing. */
HD_INL void hd_pipe_grow_slot(const hd_pipe *p, uint32_t i) {
    const hd_world_slot *x = &p->old_slots[i];
    if (x->account_ref == 0 ||
        (hd_u256_is_zero(x->value) && (p->world.flags & HD_WORLD_COMPLETE)) ||
        p->world.accounts[x->account_ref - 1].incarnation != x->incarnation)
        return;
    hd_pipe_slot_put((hd_world_slot *)p->world.slots, p->world.slot_mask, p->world.seed, x);
    hd_atomic_take(&p->counters->slot_cnt);
}

/* ---- changes of the tries ---- */

HD_NOINL void hd_pipe_keccak_key(hd_forest_key *out, const uint8_t *in, uint32_t sz) {
    uint8_t h[32];
    hd_keccak256(h, in, sz);
    for (uint32_t i = 0; i < 4; i++)
        out->w[i] = hd_load_le64(h + 8 * i);
}

HD_INL void hd_pipe_change_account(const hd_pipe *p, uint32_t k) {
    const hd_versions_account *key = &p->account_keys[k];
    const hd_account_version *v = &p->account_versions[key->first + key->cnt - 1];
    hd_forest_account_change c;
    hd_address addr;
    hd_zero(&c, sizeof(c));
    hd_addr_to_wire(&addr, key->addr);
    hd_pipe_keccak_key(&c.key, addr.b, 20);
    if (!(v->flags & HD_VERSION_EXISTS)) {
        c.flags = HD_FOREST_DELETE;
    } else {
        c.flags = v->wiped ? HD_FOREST_WIPE : 0;
        c.balance_wei = v->balance_wei;
        c.nonce = v->nonce;
        for (uint32_t i = 0; i < 4; i++)
            c.code_hash.w[i] = hd_load_le64(p->world.codes[v->code_ref].hash.b + 8 * i);
    }
    p->account_changes[k] = c;
}

HD_INL void hd_pipe_change_slot(const hd_pipe *p, uint32_t k) {
    const hd_versions_slot *key = &p->slot_keys[k];
    uint32_t owner = hd_pipe_slot_owner(p, k);
    if (owner == HD_PIPE_NONE)
        return;
    hd_forest_slot_change c;
    uint8_t be[32];
    hd_zero(&c, sizeof(c));
    hd_u256_store_be(be, key->key);
    hd_pipe_keccak_key(&c.key, be, 32);
    c.value = p->slot_versions[key->first + key->cnt - 1].value;
    c.account = owner;
    p->slot_changes[hd_atomic_take(&p->counters->change_cnt)] = c;
}

/* ---- the state behind: the last versions again, as plain records ---- */

HD_INL void hd_pipe_diff_of_account(const hd_pipe *p, uint32_t k) {
    const hd_versions_account *key = &p->account_keys[k];
    const hd_account_version *v = &p->account_versions[key->first + key->cnt - 1];
    hd_pipe_diff_account *d = &p->diff_accounts[k];
    d->balance_wei = v->balance_wei;
    d->nonce = v->nonce;
    for (uint32_t i = 0; i < 5; i++)
        d->addr[i] = key->addr[i];
    d->flags = (v->flags & HD_VERSION_EXISTS ? HD_ACCOUNT_EXISTS : 0) |
               (v->wiped ? HD_PIPE_DIFF_WIPED : 0);
    d->code_idx = v->code_ref;
    d->reserved = 0;
}

HD_INL void hd_pipe_diff_of_slot(const hd_pipe *p, uint32_t k) {
    const hd_versions_slot *key = &p->slot_keys[k];
    uint32_t owner = hd_pipe_slot_owner(p, k);
    if (owner == HD_PIPE_NONE)
        return;
    hd_pipe_diff_slot *d = &p->diff_slots[hd_atomic_take(&p->counters->diff_cnt)];
    d->key = key->key;
    d->value = p->slot_versions[key->first + key->cnt - 1].value;
    d->account = owner;
    d->reserved = 0;
}

/* ---- the working set: who is missing, what comes, what was used, what goes ---- */

HD_INL void hd_pipe_miss(const hd_pipe *p, const uint32_t addr[5]) {
    if (hd_pipe_world_find(&p->world, addr) != HD_PIPE_NONE)
        return;
    uint32_t *to = p->missing + 5 * (size_t)hd_atomic_take(&p->counters->missing_cnt);
    for (uint32_t i = 0; i < 5; i++)
        to[i] = addr[i];
}

/* Two addresses a transaction at most: its sender and whom it calls or pays. */
HD_NOINL void hd_pipe_missing(const hd_pipe *p, uint32_t t) {
    uint32_t addr[5];
    hd_pipe_addr(addr, &p->txs[t].sender);
    hd_pipe_miss(p, addr);
    if (p->txs[t].flags & HD_TX_CREATE)
        return;
    hd_pipe_addr(addr, &p->txs[t].to);
    hd_pipe_miss(p, addr);
}

/* Finding and inserting are phases of their own, so that nobody looks at what is half written. What
   is given in one call is given once. */
HD_INL void hd_pipe_new_account_find(const hd_pipe *p, uint32_t i) {
    p->new_accounts[i].reserved[1] =
        hd_pipe_world_find(&p->world, p->new_accounts[i].addr) != HD_PIPE_NONE;
}

HD_INL void hd_pipe_new_account_put(const hd_pipe *p, uint32_t i) {
    if (p->new_accounts[i].reserved[1])
        return;
    uint32_t idx = hd_atomic_take(&p->counters->account_cnt);
    ((hd_world_account *)p->world.accounts)[idx] = p->new_accounts[i];
    hd_pipe_table_put((uint32_t *)p->world.account_table, p->world.account_mask,
                      hd_world_account_hash(p->world.seed, p->new_accounts[i].addr), idx + 1);
}

HD_INL void hd_pipe_new_slot_find(const hd_pipe *p, uint32_t i) {
    hd_pipe_new_slot *x = &p->new_slots[i];
    uint32_t idx = hd_pipe_world_find(&p->world, x->addr);
    x->account_ref = 0;
    if (idx == HD_PIPE_NONE)
        return;
    x->incarnation = p->world.accounts[idx].incarnation;
    if (hd_pipe_world_find_slot(&p->world, idx, x->incarnation, x->key) == HD_PIPE_NONE)
        x->account_ref = idx + 1;
}

HD_INL void hd_pipe_new_slot_put(const hd_pipe *p, uint32_t i) {
    const hd_pipe_new_slot *from = &p->new_slots[i];
    hd_world_slot x;
    if (!from->account_ref)
        return;
    hd_zero(&x, sizeof(x));
    x.key = from->key;
    x.value = from->value;
    x.account_ref = from->account_ref;
    x.incarnation = from->incarnation;
    x.reserved[0] = p->generation;
    hd_pipe_slot_put((hd_world_slot *)p->world.slots, p->world.slot_mask, p->world.seed, &x);
    hd_atomic_take(&p->counters->slot_cnt);
}

HD_INL void hd_pipe_stamp(uint32_t *at, uint32_t generation) {
    if (hd_atomic_load32(at) != generation)
        hd_atomic_exchange32(at, generation);
}

/* Stamps the entries that transaction t read or wrote, once all is committed. */
HD_NOINL void hd_pipe_used(const hd_pipe *p, uint32_t t) {
    const hd_receipt *r = &p->receipts[t];
    hd_world_account *accounts = (hd_world_account *)p->world.accounts;
    hd_world_slot *slots = (hd_world_slot *)p->world.slots;
    uint32_t addr[5], idx;
    hd_pipe_addr(addr, &p->env->coinbase);
    idx = hd_pipe_world_find(&p->world, addr);
    if (idx != HD_PIPE_NONE)
        hd_pipe_stamp(&accounts[idx].reserved[0], p->generation);
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        hd_pipe_addr(addr, &p->accounts[r->account_off + i].addr);
        idx = hd_pipe_world_find(&p->world, addr);
        if (idx != HD_PIPE_NONE)
            hd_pipe_stamp(&accounts[idx].reserved[0], p->generation);
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &p->slots[r->slot_off + i];
        hd_pipe_addr(addr, &p->accounts[r->account_off + d->account_idx].addr);
        idx = hd_pipe_world_find(&p->world, addr);
        if (idx == HD_PIPE_NONE)
            continue;
        uint32_t at =
            hd_pipe_world_find_slot(&p->world, idx, p->world.accounts[idx].incarnation, d->key);
        if (at != HD_PIPE_NONE)
            hd_pipe_stamp(&slots[at].reserved[0], p->generation);
    }
}

HD_INL uint32_t hd_pipe_age(const hd_pipe *p, uint32_t stamp) {
    uint32_t age = p->generation - stamp;
    return age > HD_PIPE_AGE_MAX ? HD_PIPE_AGE_MAX : age;
}

HD_INL void hd_pipe_account_age(const hd_pipe *p, uint32_t i) {
    hd_atomic_take(&p->counters->account_ages[hd_pipe_age(p, p->world.accounts[i].reserved[0])]);
}

HD_INL void hd_pipe_slot_age(const hd_pipe *p, uint32_t i) {
    if (p->world.slots[i].account_ref)
        hd_atomic_take(&p->counters->slot_ages[hd_pipe_age(p, p->world.slots[i].reserved[0])]);
}

/* Of the old accounts those that are young enough move together, and their slots with them. */
HD_INL void hd_pipe_keep(const hd_pipe *p, uint32_t i) {
    p->kept_at[i] = hd_pipe_age(p, p->old_accounts[i].reserved[0]) <= p->age_max;
}

HD_INL void hd_pipe_keep_account(const hd_pipe *p, uint32_t i) {
    uint32_t at = p->kept_at[i];
    if (p->kept_at[i + 1] == at)
        return;
    ((hd_world_account *)p->world.accounts)[at] = p->old_accounts[i];
    hd_pipe_table_put((uint32_t *)p->world.account_table, p->world.account_mask,
                      hd_world_account_hash(p->world.seed, p->old_accounts[i].addr), at + 1);
}

HD_INL void hd_pipe_keep_slot(const hd_pipe *p, uint32_t i) {
    hd_world_slot x = p->old_slots[i];
    if (x.account_ref == 0 || hd_pipe_age(p, x.reserved[0]) > p->age_max)
        return;
    uint32_t owner = x.account_ref - 1, at = p->kept_at[owner];
    if (p->kept_at[owner + 1] == at || p->old_accounts[owner].incarnation != x.incarnation)
        return;
    x.account_ref = at + 1;
    hd_pipe_slot_put((hd_world_slot *)p->world.slots, p->world.slot_mask, p->world.seed, &x);
    hd_atomic_take(&p->counters->slot_cnt);
}

/* ---- the phases ---- */
#define HD_PIPE_PHASES(X) \
    X(ADMIT, hd_pipe_admit(p, i)) \
    X(SENDER, hd_pipe_sender(p, i)) \
    X(COUNT, hd_pipe_count(p, i)) \
    X(PLACE, hd_pipe_place(p, i)) \
    X(ACCOUNT_HEAD, hd_pipe_head(p, 0, i)) \
    X(SLOT_HEAD, hd_pipe_head(p, 1, i)) \
    X(ACCOUNT_KEY, hd_pipe_key(p, 0, i)) \
    X(SLOT_KEY, hd_pipe_key(p, 1, i)) \
    X(ACCOUNT_TABLE, hd_pipe_table(p, 0, i)) \
    X(SLOT_TABLE, hd_pipe_table(p, 1, i)) \
    X(FOLD_MAKE, hd_pipe_fold_make(p, i)) \
    X(FOLD_APPLY, hd_pipe_fold_apply(p, i)) \
    X(WIPE_APPLY, hd_pipe_wipe_apply(p, i)) \
    X(SUM_MAKE, hd_pipe_sum_make(p, i)) \
    X(SLOT_VERSION, hd_pipe_slot_version(p, i)) \
    X(CHECK, hd_pipe_check(p, i)) \
    X(LATE, hd_pipe_late(p, i)) \
    X(GAS, hd_pipe_gas(p, i)) \
    X(GAS_CHECK, hd_pipe_gas_check(p, i)) \
    X(COMMIT_ACCOUNT, hd_pipe_commit_account(p, i)) \
    X(FIND_SLOT, hd_pipe_find_slot(p, i)) \
    X(COMMIT_SLOT, hd_pipe_commit_slot(p, i)) \
    X(GROW_ACCOUNT, hd_pipe_grow_account(p, i)) \
    X(GROW_SLOT, hd_pipe_grow_slot(p, i)) \
    X(CHANGE_ACCOUNT, hd_pipe_change_account(p, i)) \
    X(CHANGE_SLOT, hd_pipe_change_slot(p, i)) \
    X(DIFF_ACCOUNT, hd_pipe_diff_of_account(p, i)) \
    X(DIFF_SLOT, hd_pipe_diff_of_slot(p, i)) \
    X(MISSING, hd_pipe_missing(p, i)) \
    X(NEW_ACCOUNT_FIND, hd_pipe_new_account_find(p, i)) \
    X(NEW_ACCOUNT_PUT, hd_pipe_new_account_put(p, i)) \
    X(NEW_SLOT_FIND, hd_pipe_new_slot_find(p, i)) \
    X(NEW_SLOT_PUT, hd_pipe_new_slot_put(p, i)) \
    X(USED, hd_pipe_used(p, i)) \
    X(ACCOUNT_AGE, hd_pipe_account_age(p, i)) \
    X(SLOT_AGE, hd_pipe_slot_age(p, i)) \
    X(KEEP, hd_pipe_keep(p, i)) \
    X(KEEP_ACCOUNT, hd_pipe_keep_account(p, i)) \
    X(KEEP_SLOT, hd_pipe_keep_slot(p, i)) \
    X(RECEIPT, hd_receipt_leaf(&p->receipt, i)) \
    X(RECEIPT_GROUP, hd_receipt_group(&p->receipt, i))

enum {
#define HD_X(name, call) HD_PIPE_##name,
    HD_PIPE_PHASES(HD_X)
#undef HD_X
        HD_PIPE_PHASE_CNT
};

#endif
