/* hd_state_trie.c - the tries of an hd_state: what was touched, and the batch made of it. */
#include "state/hd_state_trie.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "state/hd_forest_node.h"
#include "state/hd_state_internal.h"

#define TABLE_MIN 256u
#define TOUCHED_MAX (1u << 29)

typedef struct {
    uint32_t addr[5];
    uint32_t state_idx; /* its index in the state, while a root is made; NONE: not there */
} touched_account;

typedef struct {
    hd_u256 key;
    uint32_t account; /* among the touched */
    uint32_t reserved;
} touched_slot;

#define NONE UINT32_MAX

struct hd_state_trie {
    hd_forest_host *forest;
    hd_forest_change_fn *watch; /* may be NULL */
    void *watch_ctx;
    hd_pool *pool;
    uint64_t seed;
    touched_account *accounts;
    touched_slot *slots;
    uint32_t *account_table, *slot_table; /* index + 1, open addressing */
    uint32_t *incarnations;               /* of the state's accounts, as the tries have them */
    hd_forest_account_change *account_changes;
    hd_forest_slot_change *slot_changes;
    hd_u256 *slot_keys; /* numbers of the slots in slot_changes */
    size_t account_cap, slot_cap, incarnation_cap, account_change_cap, slot_change_cap, key_cap;
    size_t incarnation_cnt;
    uint32_t account_cnt, slot_cnt, account_mask, slot_mask;
};

#define GROW(array, cap, need) \
    hd_state_grow((void **)&(array), &(cap), (size_t)(need), sizeof *(array))

/* ---- touching ---- */

static uint32_t *table_new(uint32_t cnt) { return (uint32_t *)calloc(cnt, sizeof(uint32_t)); }

hd_err hd_state_trie_open(hd_state_trie **out, hd_pool *pool, const hd_forest_source *source) {
    *out = NULL;
    hd_state_trie *t = (hd_state_trie *)calloc(1, sizeof *t);
    if (!t)
        return HD_ERR_NOMEM;
    t->pool = pool;
    t->account_table = table_new(TABLE_MIN);
    t->slot_table = table_new(TABLE_MIN);
    t->account_mask = t->slot_mask = TABLE_MIN - 1;
    hd_err err = t->account_table && t->slot_table ? HD_OK : HD_ERR_NOMEM;
    if (err == HD_OK && getrandom(&t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed)
        err = HD_ERR_IO;
    if (err == HD_OK)
        err = hd_forest_open(&t->forest, pool, source);
    if (err != HD_OK) {
        hd_state_trie_close(t);
        return err;
    }
    *out = t;
    return HD_OK;
}

void hd_state_trie_close(hd_state_trie *t) {
    if (!t)
        return;
    hd_forest_close(t->forest);
    free(t->accounts);
    free(t->slots);
    free(t->account_table);
    free(t->slot_table);
    free(t->incarnations);
    free(t->account_changes);
    free(t->slot_changes);
    free(t->slot_keys);
    free(t);
}

hd_forest_host *hd_state_trie_forest(hd_state_trie *t) { return t->forest; }

void hd_state_trie_watch(hd_state_trie *t, hd_forest_change_fn *fn, void *ctx) {
    t->watch = fn;
    t->watch_ctx = ctx;
    hd_forest_keep_changes(t->forest, fn != NULL);
}

static uint32_t account_hash(const hd_state_trie *t, uint32_t i) {
    return hd_world_account_hash(t->seed, t->accounts[i].addr);
}

static uint32_t slot_hash(const hd_state_trie *t, uint32_t i) {
    return hd_world_slot_hash(t->seed, t->slots[i].account, t->slots[i].key);
}

/* A table of twice the size, with all cnt entries. */
static hd_err table_double(uint32_t **table, uint32_t *mask, const hd_state_trie *t, uint32_t cnt,
                           uint32_t (*hash)(const hd_state_trie *, uint32_t)) {
    uint32_t next_mask = 2 * *mask + 1;
    uint32_t *next = table_new(next_mask + 1);
    if (!next)
        return HD_ERR_NOMEM;
    for (uint32_t i = 0; i < cnt; i++) {
        uint32_t at = hash(t, i) & next_mask;
        while (next[at])
            at = (at + 1) & next_mask;
        next[at] = i + 1;
    }
    free(*table);
    *table = next;
    *mask = next_mask;
    return HD_OK;
}

static hd_err touch(uint32_t *idx, hd_state_trie *t, const uint32_t addr[5]) {
    uint32_t at = hd_world_account_hash(t->seed, addr) & t->account_mask;
    for (; t->account_table[at]; at = (at + 1) & t->account_mask) {
        *idx = t->account_table[at] - 1;
        if (memcmp(t->accounts[*idx].addr, addr, sizeof t->accounts[*idx].addr) == 0)
            return HD_OK;
    }
    if (t->account_cnt >= TOUCHED_MAX)
        return HD_ERR_LIMIT;
    hd_err err = GROW(t->accounts, t->account_cap, (size_t)t->account_cnt + 1);
    if (err != HD_OK)
        return err;
    *idx = t->account_cnt;
    memcpy(t->accounts[*idx].addr, addr, sizeof t->accounts[*idx].addr);
    t->accounts[*idx].state_idx = NONE;
    if ((t->account_cnt + 1) * 2 > t->account_mask) {
        err =
            table_double(&t->account_table, &t->account_mask, t, t->account_cnt + 1, account_hash);
        if (err != HD_OK)
            return err;
    } else {
        t->account_table[at] = *idx + 1;
    }
    t->account_cnt++;
    return HD_OK;
}

static hd_err touch_slot(hd_state_trie *t, uint32_t account, hd_u256 key) {
    uint32_t at = hd_world_slot_hash(t->seed, account, key) & t->slot_mask;
    for (; t->slot_table[at]; at = (at + 1) & t->slot_mask) {
        const touched_slot *s = &t->slots[t->slot_table[at] - 1];
        if (s->account == account && memcmp(&s->key, &key, sizeof key) == 0)
            return HD_OK;
    }
    if (t->slot_cnt >= TOUCHED_MAX)
        return HD_ERR_LIMIT;
    hd_err err = GROW(t->slots, t->slot_cap, (size_t)t->slot_cnt + 1);
    if (err != HD_OK)
        return err;
    touched_slot *s = &t->slots[t->slot_cnt];
    s->key = key;
    s->account = account;
    s->reserved = 0;
    if ((t->slot_cnt + 1) * 2 > t->slot_mask) {
        err = table_double(&t->slot_table, &t->slot_mask, t, t->slot_cnt + 1, slot_hash);
        if (err != HD_OK)
            return err;
    } else {
        t->slot_table[at] = t->slot_cnt + 1;
    }
    t->slot_cnt++;
    return HD_OK;
}

hd_err hd_state_trie_touch(hd_state_trie *t, const hd_address *addr) {
    uint32_t a[5], idx;
    hd_addr_from_wire(a, addr);
    return touch(&idx, t, a);
}

hd_err hd_state_trie_touch_slot(hd_state_trie *t, const hd_address *addr, hd_u256 key) {
    uint32_t a[5], idx;
    hd_addr_from_wire(a, addr);
    hd_err err = touch(&idx, t, a);
    return err == HD_OK ? touch_slot(t, idx, key) : err;
}

hd_err hd_state_trie_touch_receipt(hd_state_trie *t, const hd_receipt *r,
                                   const hd_account_diff *accounts, const hd_slot_diff *slots,
                                   const hd_address *coinbase) {
    if (r->status > HD_TX_HALT)
        return HD_OK;
    hd_err err = HD_OK;
    for (uint32_t i = 0; i < r->account_cnt && err == HD_OK; i++)
        if (accounts[r->account_off + i].flags & HD_DIFF_CHANGED)
            err = hd_state_trie_touch(t, &accounts[r->account_off + i].addr);
    for (uint32_t i = 0; i < r->slot_cnt && err == HD_OK; i++) {
        const hd_slot_diff *d = &slots[r->slot_off + i];
        if (!(d->flags & HD_DIFF_CHANGED))
            continue;
        if (d->account_idx >= r->account_cnt)
            return HD_ERR_CORRUPT;
        err = hd_state_trie_touch_slot(t, &accounts[r->account_off + d->account_idx].addr, d->key);
    }
    if (err == HD_OK && !(r->flags & HD_RECEIPT_FEE_PAID))
        err = hd_state_trie_touch(t, coinbase);
    return err;
}

hd_err hd_state_trie_touch_undo(hd_state_trie *t, const hd_undo *undo) {
    hd_err err = HD_OK;
    if (undo->accounts.sz % sizeof(hd_undo_account) || undo->slots.sz % sizeof(hd_undo_slot))
        return HD_ERR_CORRUPT;
    for (size_t off = 0; off < undo->accounts.sz && err == HD_OK; off += sizeof(hd_undo_account)) {
        hd_undo_account a; /* a record that was stored need not be aligned */
        memcpy(&a, undo->accounts.data + off, sizeof a);
        err = hd_state_trie_touch(t, &a.addr);
    }
    for (size_t off = 0; off < undo->slots.sz && err == HD_OK; off += sizeof(hd_undo_slot)) {
        hd_undo_slot s;
        memcpy(&s, undo->slots.data + off, sizeof s);
        err = hd_state_trie_touch_slot(t, &s.addr, s.key);
    }
    return err;
}

hd_err hd_state_trie_touch_all(hd_state_trie *t, const hd_state *s) {
    hd_err err = HD_OK;
    for (uint32_t i = 0; i < s->account_cnt && err == HD_OK; i++) {
        uint32_t idx;
        if (!(s->accounts[i].flags & HD_ACCOUNT_EXISTS))
            continue;
        err = touch(&idx, t, s->accounts[i].addr);
        for (uint32_t ref = s->metas[i].head_ref; ref && err == HD_OK;
             ref = s->links[ref - 1].next_ref)
            err = touch_slot(t, idx, s->slots[s->links[ref - 1].pos].key);
    }
    return err;
}

/* ---- the batch ---- */

typedef struct {
    hd_state_trie *t;
    const hd_state *s;
} work;

static uint32_t state_find(const hd_state *s, const uint32_t addr[5]) {
    uint32_t i = hd_world_account_hash(s->seed, addr) & s->account_mask;
    for (; s->account_table[i]; i = (i + 1) & s->account_mask) {
        uint32_t a = s->account_table[i] - 1;
        if (memcmp(s->accounts[a].addr, addr, sizeof s->accounts[a].addr) == 0)
            return a;
    }
    return NONE;
}

static int is_wiped(const hd_state_trie *t, const hd_state *s, uint32_t state_idx) {
    uint32_t before = state_idx < t->incarnation_cnt ? t->incarnations[state_idx] : 0;
    return s->accounts[state_idx].incarnation != before;
}

static hd_err fill_accounts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const work *w = (const work *)ctx;
    hd_state_trie *t = w->t;
    const hd_state *s = w->s;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_forest_account_change *c = &t->account_changes[i];
        uint32_t idx = state_find(s, t->accounts[i].addr);
        memset(c, 0, sizeof *c);
        hd_forest_hash_address(&c->key, t->accounts[i].addr);
        t->accounts[i].state_idx = idx;
        if (idx == NONE || !(s->accounts[idx].flags & HD_ACCOUNT_EXISTS)) {
            c->flags = HD_FOREST_DELETE;
            continue;
        }
        const hd_world_account *a = &s->accounts[idx];
        c->nonce = a->nonce;
        c->balance_wei = a->balance_wei;
        memcpy(&c->code_hash, &s->codes[a->code_idx].hash, sizeof c->code_hash);
        if (is_wiped(t, s, idx))
            c->flags = HD_FOREST_WIPE;
    }
    return HD_OK;
}

static hd_err hash_slots(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_state_trie *t = ((const work *)ctx)->t;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++)
        hd_forest_hash_slot(&t->slot_changes[i].key, t->slot_keys[i]);
    return HD_OK;
}

static hd_err put_slot(hd_state_trie *t, size_t *cnt, uint32_t account, hd_u256 key,
                       hd_u256 value) {
    hd_err err = GROW(t->slot_changes, t->slot_change_cap, *cnt + 1);
    if (err == HD_OK)
        err = GROW(t->slot_keys, t->key_cap, *cnt + 1);
    if (err != HD_OK)
        return err;
    hd_forest_slot_change *c = &t->slot_changes[*cnt];
    c->value = value;
    c->account = account;
    c->leaf = 0;
    t->slot_keys[(*cnt)++] = key;
    return HD_OK;
}

static hd_u256 slot_value(const hd_state *s, uint32_t state_idx, hd_u256 key) {
    hd_u256 zero = {{0, 0, 0, 0}};
    uint32_t incarnation = s->accounts[state_idx].incarnation;
    uint32_t i = hd_world_slot_hash(s->seed, state_idx, key) & s->slot_mask;
    for (; s->slots[i].account_ref; i = (i + 1) & s->slot_mask) {
        const hd_world_slot *x = &s->slots[i];
        if (x->account_ref == state_idx + 1 && x->incarnation == incarnation &&
            memcmp(&x->key, &key, sizeof key) == 0)
            return x->value;
    }
    return zero;
}

/* Slots of deleted accounts go with them; those of wiped ones are all given anew. */
static hd_err gather_slots(size_t *cnt, hd_state_trie *t, const hd_state *s) {
    hd_err err = HD_OK;
    *cnt = 0;
    for (uint32_t i = 0; i < t->slot_cnt && err == HD_OK; i++) {
        uint32_t account = t->slots[i].account;
        if (t->account_changes[account].flags)
            continue;
        hd_u256 value = slot_value(s, t->accounts[account].state_idx, t->slots[i].key);
        err = put_slot(t, cnt, account, t->slots[i].key, value);
    }
    for (uint32_t i = 0; i < t->account_cnt && err == HD_OK; i++) {
        if (t->account_changes[i].flags != HD_FOREST_WIPE)
            continue;
        const hd_state_meta *m = &s->metas[t->accounts[i].state_idx];
        for (uint32_t ref = m->head_ref; ref && err == HD_OK; ref = s->links[ref - 1].next_ref) {
            const hd_world_slot *x = &s->slots[s->links[ref - 1].pos];
            err = put_slot(t, cnt, i, x->key, x->value);
        }
    }
    return err;
}

static void forget_touched(hd_state_trie *t) {
    memset(t->account_table, 0, ((size_t)t->account_mask + 1) * sizeof *t->account_table);
    memset(t->slot_table, 0, ((size_t)t->slot_mask + 1) * sizeof *t->slot_table);
    t->account_cnt = t->slot_cnt = 0;
}

hd_err hd_state_trie_root(hd_hash *root, hd_state_trie *t, const hd_state *s) {
    work w = {t, s};
    size_t slot_cnt = 0;
    hd_err err = GROW(t->account_changes, t->account_change_cap, (size_t)t->account_cnt + 1);
    if (err == HD_OK)
        err = GROW(t->incarnations, t->incarnation_cap, (size_t)s->account_cnt + 1);
    if (err != HD_OK)
        return err;
    err = hd_pool_for(t->pool, t->account_cnt, 0, fill_accounts, &w);
    if (err == HD_OK)
        err = gather_slots(&slot_cnt, t, s);
    if (err == HD_OK)
        err = hd_pool_for(t->pool, slot_cnt, 0, hash_slots, &w);
    if (err == HD_OK)
        err = hd_forest_apply(root, t->forest, t->account_changes, t->account_cnt, t->slot_changes,
                              slot_cnt);
    if (err != HD_OK)
        return err;
    for (; t->incarnation_cnt < s->account_cnt; t->incarnation_cnt++)
        t->incarnations[t->incarnation_cnt] = 0;
    for (uint32_t i = 0; i < t->account_cnt; i++) {
        uint32_t idx = t->accounts[i].state_idx;
        if (idx != NONE)
            t->incarnations[idx] = s->accounts[idx].incarnation;
    }
    forget_touched(t);
    return t->watch ? hd_forest_each_change(t->forest, t->watch, t->watch_ctx) : HD_OK;
}
