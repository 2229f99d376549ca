/* hd_chains.c - finds chains by joining each transaction with the last writers of what it read, and
   keeps what a chain's members wrote in a small index of its own, over that of all. */
#include "exec/hd_chains.h"

#include <stdlib.h>
#include <string.h>

/* Last writers that are kept of a transaction's reads. Of more it joins the first: a guess. */
#define LINK_MAX 8u
#define TABLE_CAP_MIN 64u
#define SIZE_CNT 64u /* chains are sorted by the logarithm of their gas */

/* The newest version of each key that members of a worker's present chain left. Key i has version
   i. */
typedef struct {
    hd_versions view; /* of these tables, over those of all */
    hd_versions_part part;
    uint32_t *account_table, *slot_table;
    hd_versions_account *accounts;
    hd_account_version *account_versions;
    hd_u256 *more; /* of account i: by how much members now leave more, in sum, than all know */
    hd_versions_slot *slots;
    hd_slot_version *slot_versions;
    uint32_t account_cap, slot_cap; /* of the tables; half as many keys */
    uint32_t chain_idx;             /* UINT32_MAX: none yet */
    hd_receipt last;                /* of the transaction that runs now: its last run's */
} overlay;

struct hd_chains {
    hd_pool *pool;
    overlay **overlays; /* one a worker */
    uint32_t worker_cnt;
    const hd_versions *versions;
    const hd_version_input *in;
    hd_chains_found found;
    hd_batch_chains run;
    uint32_t tx_max;    /* room of the following */
    uint32_t begin;     /* the first invalid transaction */
    uint8_t *is_member; /* 1: invalid, or hangs on one that is */
    uint8_t *has_run;
    uint8_t *link_cnt;
    uint32_t *links;  /* LINK_MAX of each transaction */
    uint32_t *parent; /* union-find: the root of a chain is its first member */
    uint32_t *ids;    /* of a root: which chain */
    uint32_t *list, *first, *cnts, *order;
    uint64_t *gas;
};

/* ---- handles ---- */

static void arrays_free(hd_chains *c) {
    free(c->is_member);
    free(c->has_run);
    free(c->link_cnt);
    free(c->links);
    free(c->parent);
    free(c->ids);
    free(c->list);
    free(c->first);
    free(c->cnts);
    free(c->order);
    free(c->gas);
    c->is_member = c->has_run = c->link_cnt = NULL;
    c->links = c->parent = c->ids = c->list = c->first = c->cnts = c->order = NULL;
    c->gas = NULL;
    c->tx_max = 0;
}

static hd_err arrays_reserve(hd_chains *c, uint32_t tx_cnt) {
    size_t n = tx_cnt;
    if (tx_cnt <= c->tx_max)
        return HD_OK;
    arrays_free(c);
    c->is_member = malloc(n);
    c->has_run = malloc(n);
    c->link_cnt = malloc(n);
    c->links = malloc(n * LINK_MAX * sizeof *c->links);
    c->parent = malloc(n * sizeof *c->parent);
    c->ids = malloc(n * sizeof *c->ids);
    c->list = malloc(n * sizeof *c->list);
    c->first = malloc((n + 1) * sizeof *c->first);
    c->cnts = malloc(n * sizeof *c->cnts);
    c->order = malloc(n * sizeof *c->order);
    c->gas = malloc(n * sizeof *c->gas);
    if (!c->is_member || !c->has_run || !c->link_cnt || !c->links || !c->parent || !c->ids ||
        !c->list || !c->first || !c->cnts || !c->order || !c->gas) {
        arrays_free(c);
        return HD_ERR_NOMEM;
    }
    c->tx_max = tx_cnt;
    return HD_OK;
}

static void overlay_free(overlay *o) {
    if (!o)
        return;
    free(o->account_table);
    free(o->slot_table);
    free(o->accounts);
    free(o->account_versions);
    free(o->more);
    free(o->slots);
    free(o->slot_versions);
    free(o);
}

hd_err hd_chains_open(hd_chains **out, hd_pool *pool) {
    hd_chains *c = calloc(1, sizeof *c);
    if (!c)
        return HD_ERR_NOMEM;
    c->pool = pool;
    c->worker_cnt = hd_pool_thread_cnt(pool);
    c->overlays = calloc(c->worker_cnt, sizeof *c->overlays);
    hd_err err = c->overlays ? HD_OK : HD_ERR_NOMEM;
    for (uint32_t i = 0; err == HD_OK && i < c->worker_cnt; i++) {
        c->overlays[i] = calloc(1, sizeof **c->overlays);
        if (!c->overlays[i])
            err = HD_ERR_NOMEM;
    }
    if (err != HD_OK) {
        hd_chains_close(c);
        return err;
    }
    *out = c;
    return HD_OK;
}

void hd_chains_close(hd_chains *c) {
    if (!c)
        return;
    for (uint32_t i = 0; c->overlays && i < c->worker_cnt; i++)
        overlay_free(c->overlays[i]);
    free(c->overlays);
    arrays_free(c);
    free(c);
}

/* ---- finding ---- */

static void link_to(hd_chains *c, uint32_t t, uint32_t writer) {
    uint32_t *links = c->links + (size_t)t * LINK_MAX, cnt = c->link_cnt[t];
    if (writer < c->begin) /* it is final */
        return;
    for (uint32_t i = 0; i < cnt; i++)
        if (links[i] == writer)
            return;
    if (cnt == LINK_MAX)
        return;
    links[cnt] = writer;
    c->link_cnt[t]++;
}

/* Whether a read of an account hangs on what others did: the exact balance does; nonces and bounds
   only where they do not hold now. Otherwise whoever sends twice would join what else he meets. */
static int account_joins(const hd_chains *c, uint32_t t, const hd_account_diff *d,
                         const hd_account_read *r, const hd_account_version *v) {
    hd_account_now now;
    if (r->flags & (HD_READ_BALANCE | HD_READ_EXISTS | HD_READ_STORAGE))
        return 1;
    if (!c->is_member[t])
        return 0;
    hd_account_version_now(&now, v, c->versions, c->in->world);
    return !hd_read_holds(d, r, &now);
}

/* The same of a slot: it hangs on the exact value, or on a range in which that is not. */
static int slot_joins(const hd_chains *c, uint32_t t, uint64_t slot, const hd_slot_version *v) {
    const hd_results *res = c->in->results;
    return !(res->slots[slot].flags & HD_DIFF_RANGE) ||
           (c->is_member[t] && !hd_slot_holds(res, slot, v->value));
}

static hd_err find_links(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_chains *c = ctx;
    const hd_results *res = c->in->results;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        uint32_t t = c->begin + (uint32_t)i, addr[5];
        const hd_receipt *r = &res->receipts[t];
        c->link_cnt[t] = 0;
        for (uint32_t k = 0; k < r->account_cnt; k++) {
            const hd_account_diff *d = &res->accounts[r->account_off + k];
            hd_addr_from_wire(addr, &d->addr);
            const hd_account_version *v = hd_versions_account_find(c->versions, addr, t);
            if (v && account_joins(c, t, d, &res->reads[r->account_off + k], v))
                link_to(c, t, v->tx);
        }
        for (uint32_t k = 0; k < r->slot_cnt; k++) {
            const hd_slot_diff *d = &res->slots[r->slot_off + k];
            hd_addr_from_wire(addr, &res->accounts[r->account_off + d->account_idx].addr);
            const hd_slot_version *v = hd_versions_slot_find(c->versions, addr, d->key, t);
            if (v && slot_joins(c, t, r->slot_off + k, v))
                link_to(c, t, v->tx);
        }
    }
    return HD_OK;
}

static uint32_t root_of(hd_chains *c, uint32_t t) {
    while (c->parent[t] != t) {
        c->parent[t] = c->parent[c->parent[t]];
        t = c->parent[t];
    }
    return t;
}

/* In order: who hangs on a member is one, and joins its chain. */
static void join_members(hd_chains *c) {
    for (uint32_t t = c->begin; t < c->in->tx_cnt; t++) {
        const uint32_t *links = c->links + (size_t)t * LINK_MAX;
        uint32_t root = t;
        c->parent[t] = t;
        for (uint32_t i = 0; i < c->link_cnt[t]; i++) {
            if (!c->is_member[links[i]])
                continue;
            c->is_member[t] = 1;
            uint32_t other = root_of(c, links[i]);
            /* The earliest is the root of all. */
            c->parent[HD_MAX(root, other)] = HD_MIN(root, other);
            root = HD_MIN(root, other);
        }
    }
}

static uint32_t size_of(uint64_t gas) {
    uint32_t size = 0;
    while (gas >>= 1)
        size++;
    return size;
}

/* Numbers the chains by the order of their roots, then lists them: those of much gas first. */
static void list_members(hd_chains *c) {
    hd_chains_found *f = &c->found;
    const hd_receipt *receipts = c->in->results->receipts;
    uint32_t places[SIZE_CNT + 1] = {0}, at = 0;
    memset(f, 0, sizeof *f);
    for (uint32_t t = c->begin; t < c->in->tx_cnt; t++) {
        if (!c->is_member[t])
            continue;
        uint32_t root = root_of(c, t);
        if (root == t) {
            c->ids[t] = f->chain_cnt;
            c->gas[f->chain_cnt] = c->cnts[f->chain_cnt] = 0;
            f->chain_cnt++;
        }
        uint32_t id = c->ids[root];
        c->cnts[id]++;
        c->gas[id] += receipts[t].gas_used;
        f->gas += receipts[t].gas_used;
        f->tx_cnt++;
    }
    for (uint32_t id = 0; id < f->chain_cnt; id++) {
        f->longest_gas = HD_MAX(f->longest_gas, c->gas[id]);
        f->longest_cnt = HD_MAX(f->longest_cnt, c->cnts[id]);
        places[SIZE_CNT - 1 - size_of(c->gas[id])]++;
    }
    for (uint32_t size = 0; size < SIZE_CNT; size++) {
        uint32_t cnt = places[size];
        places[size] = at;
        at += cnt;
    }
    for (uint32_t id = 0; id < f->chain_cnt; id++)
        c->order[places[SIZE_CNT - 1 - size_of(c->gas[id])]++] = id;
    /* order: which chain is at a place; cnts becomes where a chain's next member goes. */
    at = 0;
    for (uint32_t place = 0; place < f->chain_cnt; place++) {
        uint32_t id = c->order[place], cnt = c->cnts[id];
        c->first[place] = at;
        c->cnts[id] = at;
        at += cnt;
    }
    c->first[f->chain_cnt] = at;
    for (uint32_t t = c->begin; t < c->in->tx_cnt; t++)
        if (c->is_member[t])
            c->list[c->cnts[c->ids[root_of(c, t)]]++] = t;
}

hd_err hd_chains_find(hd_chains *c, hd_chains_found *out, const hd_versions *versions,
                      const hd_version_input *in, const uint32_t *invalid, uint32_t invalid_cnt) {
    hd_err err = arrays_reserve(c, in->tx_cnt);
    if (err != HD_OK)
        return err;
    c->versions = versions;
    c->in = in;
    c->begin = invalid_cnt ? invalid[0] : in->tx_cnt;
    memset(c->is_member, 0, in->tx_cnt);
    for (uint32_t i = 0; i < invalid_cnt; i++)
        c->is_member[invalid[i]] = 1;
    err = hd_pool_for(c->pool, in->tx_cnt - c->begin, 0, find_links, c);
    if (err != HD_OK)
        return err;
    join_members(c);
    list_members(c);
    *out = c->found;
    return HD_OK;
}

/* ---- what a chain's members leave ---- */

/* Takes key idx out of a table that is being emptied: its chain of places may be broken already. */
static void empty_place(uint32_t *table, uint32_t cap, uint32_t hash, uint32_t idx) {
    while (table[hash & (cap - 1)] != idx + 1)
        hash++;
    table[hash & (cap - 1)] = 0;
}

/* A table as large as the longest chain's is not wiped for each short one. */
#define IS_SPARSE(cnt, cap) ((cnt) < (cap) / 16)

static void overlay_reset(overlay *o, const hd_versions *versions) {
    if (IS_SPARSE(o->part.account_cnt, o->account_cap)) {
        for (uint32_t i = 0; i < o->part.account_cnt; i++)
            empty_place(o->account_table, o->account_cap,
                        hd_world_account_hash(o->view.seed, o->accounts[i].addr), i);
    } else if (o->part.account_cnt) {
        memset(o->account_table, 0, o->account_cap * sizeof *o->account_table);
    }
    if (IS_SPARSE(o->part.slot_cnt, o->slot_cap)) {
        for (uint32_t i = 0; i < o->part.slot_cnt; i++)
            empty_place(o->slot_table, o->slot_cap,
                        hd_versions_slot_hash(o->view.seed, o->slots[i].addr, o->slots[i].key), i);
    } else if (o->part.slot_cnt) {
        memset(o->slot_table, 0, o->slot_cap * sizeof *o->slot_table);
    }
    o->part.account_cnt = o->part.account_version_cnt = 0;
    o->part.slot_cnt = o->part.slot_version_cnt = 0;
    /* A growth that failed half way may have moved them. */
    o->part.accounts = o->accounts;
    o->part.account_versions = o->account_versions;
    o->part.slots = o->slots;
    o->part.slot_versions = o->slot_versions;
    o->view = *versions;
    o->view.parts = &o->part;
    o->view.part_bits = 0;
    o->view.below = versions;
}

static void place_account(overlay *o, uint32_t idx) {
    uint32_t h = hd_world_account_hash(o->view.seed, o->accounts[idx].addr);
    while (o->account_table[h & (o->account_cap - 1)])
        h++;
    o->account_table[h & (o->account_cap - 1)] = idx + 1;
}

static void place_slot(overlay *o, uint32_t idx) {
    const hd_versions_slot *s = &o->slots[idx];
    uint32_t h = hd_versions_slot_hash(o->view.seed, s->addr, s->key);
    while (o->slot_table[h & (o->slot_cap - 1)])
        h++;
    o->slot_table[h & (o->slot_cap - 1)] = idx + 1;
}

/* *p has cnt elements from now on, what it had stays. */
static hd_err array_grow(void **p, size_t cnt, size_t elem_sz) {
    void *q = realloc(*p, cnt * elem_sz);
    if (!q)
        return HD_ERR_NOMEM;
    *p = q;
    return HD_OK;
}

static hd_err grow_accounts(overlay *o) {
    uint32_t cap = HD_MAX(o->account_cap * 2, TABLE_CAP_MIN);
    hd_err err = array_grow((void **)&o->accounts, cap / 2, sizeof *o->accounts);
    if (err == HD_OK)
        err = array_grow((void **)&o->account_versions, cap / 2, sizeof *o->account_versions);
    if (err == HD_OK)
        err = array_grow((void **)&o->more, cap / 2, sizeof *o->more);
    uint32_t *table = err == HD_OK ? calloc(cap, sizeof *table) : NULL;
    if (!table)
        return HD_ERR_NOMEM;
    free(o->account_table);
    o->account_table = table;
    o->account_cap = cap;
    o->part.account_table = table;
    o->part.accounts = o->accounts;
    o->part.account_versions = o->account_versions;
    o->part.account_mask = cap - 1;
    for (uint32_t i = 0; i < o->part.account_cnt; i++)
        place_account(o, i);
    return HD_OK;
}

static hd_err grow_slots(overlay *o) {
    uint32_t cap = HD_MAX(o->slot_cap * 2, TABLE_CAP_MIN);
    hd_err err = array_grow((void **)&o->slots, cap / 2, sizeof *o->slots);
    if (err == HD_OK)
        err = array_grow((void **)&o->slot_versions, cap / 2, sizeof *o->slot_versions);
    uint32_t *table = err == HD_OK ? calloc(cap, sizeof *table) : NULL;
    if (!table)
        return HD_ERR_NOMEM;
    free(o->slot_table);
    o->slot_table = table;
    o->slot_cap = cap;
    o->part.slot_table = table;
    o->part.slots = o->slots;
    o->part.slot_versions = o->slot_versions;
    o->part.slot_mask = cap - 1;
    for (uint32_t i = 0; i < o->part.slot_cnt; i++)
        place_slot(o, i);
    return HD_OK;
}

/* The place of a key's version, if the chain has one. Members run in order, so it is older than
   whoever asks. */
static hd_account_version *own_account(overlay *o, const uint32_t addr[5]) {
    const hd_account_version *v = hd_versions_account_in(&o->view, addr, UINT32_MAX);
    return v ? &o->account_versions[v - o->account_versions] : NULL;
}

static hd_slot_version *own_slot(overlay *o, const uint32_t addr[5], hd_u256 key) {
    const hd_slot_version *v = hd_versions_slot_in(&o->view, addr, key, UINT32_MAX);
    return v ? &o->slot_versions[v - o->slot_versions] : NULL;
}

/* more_wei: what the transaction now adds to the balance beyond what it added before. */
static hd_err put_account(overlay *o, const uint32_t addr[5], hd_account_version v,
                          hd_u256 more_wei) {
    hd_account_version *own = own_account(o, addr);
    if (own) {
        hd_u256 *more = &o->more[own - o->account_versions];
        *own = v;
        *more = hd_u256_add(*more, more_wei);
        return HD_OK;
    }
    uint32_t idx = o->part.account_cnt;
    if (idx >= o->account_cap / 2) {
        hd_err err = grow_accounts(o);
        if (err != HD_OK)
            return err;
    }
    hd_versions_account *k = &o->accounts[idx];
    memcpy(k->addr, addr, sizeof k->addr);
    k->first = idx;
    k->cnt = 1;
    o->account_versions[idx] = v;
    o->more[idx] = more_wei;
    place_account(o, idx);
    o->part.account_cnt = o->part.account_version_cnt = idx + 1;
    return HD_OK;
}

static hd_err put_slot(overlay *o, const uint32_t addr[5], hd_u256 key, hd_slot_version v) {
    hd_slot_version *own = own_slot(o, addr, key);
    if (own) {
        *own = v;
        return HD_OK;
    }
    uint32_t idx = o->part.slot_cnt;
    if (idx >= o->slot_cap / 2) {
        hd_err err = grow_slots(o);
        if (err != HD_OK)
            return err;
    }
    hd_versions_slot *k = &o->slots[idx];
    memset(k, 0, sizeof *k);
    memcpy(k->addr, addr, sizeof k->addr);
    k->key = key;
    k->first = idx;
    k->cnt = 1;
    o->slot_versions[idx] = v;
    place_slot(o, idx);
    o->part.slot_cnt = o->part.slot_version_cnt = idx + 1;
    return HD_OK;
}

/* The account as transaction t finds it. */
static hd_account_version account_before(const hd_chains *c, const overlay *o,
                                         const uint32_t addr[5], uint32_t t) {
    const hd_account_version *v = hd_versions_account_find(&o->view, addr, t);
    return v ? *v : hd_account_version_of_world(c->in->world, addr);
}

/* The same of a slot; that its account may have been destroyed is left out: a guess. */
static hd_u256 slot_before(const hd_chains *c, const overlay *o, const uint32_t addr[5],
                           hd_u256 key, uint32_t t) {
    const hd_slot_version *v = hd_versions_slot_find(&o->view, addr, key, t);
    return v ? v->value : hd_world_slot_value(c->in->world, addr, key);
}

static hd_u256 added_by(const hd_account_diff *d) {
    return hd_u256_sub(d->balance_wei, d->original_balance_wei);
}

/* What the transaction that runs now did to the account when it last ran, or NULL: nothing. likely:
   where it stands if both runs met the same accounts. */
static const hd_account_diff *last_diff(const hd_chains *c, const overlay *o,
                                        const hd_address *addr, uint32_t likely) {
    const hd_receipt *r = &o->last;
    const hd_account_diff *diffs = c->in->results->accounts + r->account_off;
    if (r->status > HD_TX_HALT)
        return NULL;
    if (likely < r->account_cnt && hd_is_equal(&diffs[likely].addr, addr, sizeof *addr))
        return &diffs[likely];
    for (uint32_t i = 0; i < r->account_cnt; i++)
        if (hd_is_equal(&diffs[i].addr, addr, sizeof *addr))
            return &diffs[i];
    return NULL;
}

/* Others add to the accounts of a chain's members, and senders send elsewhere, too: before a
   transaction the chain's versions of the accounts that it met are brought up to what all know. */
static void refresh(hd_chains *c, overlay *o, uint32_t t) {
    const hd_receipt *r = &o->last;
    for (uint32_t i = 0; o->part.account_cnt && i < r->account_cnt; i++) {
        uint32_t addr[5];
        hd_addr_from_wire(addr, &c->in->results->accounts[r->account_off + i].addr);
        hd_account_version *own = own_account(o, addr);
        const hd_account_version *all = own ? hd_versions_account_in(c->versions, addr, t) : NULL;
        if (!all || own->wiped || all->wiped || !(own->flags & all->flags & HD_VERSION_EXISTS))
            continue;
        own->balance_wei = hd_u256_add(all->balance_wei, o->more[own - o->account_versions]);
        own->nonce = HD_MAX(own->nonce, all->nonce);
    }
}

/* What t wrote when it last ran, and nobody in the chain before it: what was there before it stands
   over that, for the case that it does not write it again. */
static hd_err hide_last(hd_chains *c, overlay *o, uint32_t t) {
    const hd_receipt *r = &o->last;
    const hd_results *res = c->in->results;
    uint32_t fork = c->in->envs[c->in->txs[t].env_idx].fork, addr[5];
    hd_err err = HD_OK;
    if (r->status > HD_TX_HALT)
        return HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < r->account_cnt; i++) {
        const hd_account_diff *d = &res->accounts[r->account_off + i];
        hd_addr_from_wire(addr, &d->addr);
        if (!hd_account_is_written(d, fork))
            continue;
        hd_account_version *own = own_account(o, addr);
        if (own)
            o->more[own - o->account_versions] =
                hd_u256_sub(o->more[own - o->account_versions], added_by(d));
        else
            err = put_account(o, addr, account_before(c, o, addr, t),
                              hd_u256_sub(hd_u256_zero(), added_by(d)));
    }
    for (uint32_t i = 0; err == HD_OK && i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &res->slots[r->slot_off + i];
        if (!(d->flags & HD_DIFF_CHANGED))
            continue;
        hd_addr_from_wire(addr, &res->accounts[r->account_off + d->account_idx].addr);
        if (own_slot(o, addr, d->key))
            continue;
        const hd_slot_version *v = hd_versions_slot_find(&o->view, addr, d->key, t);
        hd_slot_version old = {.value =
                                   v ? v->value : hd_world_slot_value(c->in->world, addr, d->key),
                               .tx = v ? v->tx : 0};
        err = put_slot(o, addr, d->key, old);
    }
    return err;
}

/* The version of a code that t set: the one that it had set already when it last ran, if it is the
   same. Another is not published until the next index: its readers are misled so long. */
static uint32_t code_ref_of(const hd_account_diff *last, const hd_account_diff *d) {
    return last && last->flags & HD_DIFF_CODE && last->code_sz &&
                   hd_is_equal(&last->code_hash, &d->code_hash, sizeof d->code_hash)
               ? last->reserved
               : 0;
}

/* is_again: it ran now; else these writes are known to all. */
static hd_err put_writes(hd_chains *c, overlay *o, uint32_t t, const hd_receipt *r,
                         const hd_results *res, int is_again) {
    uint32_t fork = c->in->envs[c->in->txs[t].env_idx].fork, addr[5];
    hd_err err = HD_OK;
    if (r->status > HD_TX_HALT)
        return HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < r->account_cnt; i++) {
        const hd_account_diff *d = &res->accounts[r->account_off + i];
        if (!hd_account_is_written(d, fork))
            continue;
        hd_addr_from_wire(addr, &d->addr);
        hd_account_version v = account_before(c, o, addr, t);
        if (d->flags & HD_DIFF_CODE && d->code_sz) {
            hd_account_diff known = *d;
            if (is_again)
                known.reserved = code_ref_of(last_diff(c, o, &d->addr, i), d);
            hd_account_version_fold(&v, &known, t, fork);
        } else {
            hd_account_version_fold(&v, d, t, fork);
        }
        err = put_account(o, addr, v, is_again ? added_by(d) : hd_u256_zero());
    }
    for (uint32_t i = 0; err == HD_OK && i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &res->slots[r->slot_off + i];
        if (!(d->flags & HD_DIFF_CHANGED))
            continue;
        hd_addr_from_wire(addr, &res->accounts[r->account_off + d->account_idx].addr);
        hd_u256 value = d->value;
        if (d->flags & HD_DIFF_ADD && !is_again)
            value =
                hd_u256_add(slot_before(c, o, addr, d->key, t), hd_u256_sub(value, d->original));
        err = put_slot(o, addr, d->key, (hd_slot_version){.value = value, .tx = t});
    }
    return err;
}

/* ---- running ---- */

static hd_err before(void *ctx, const hd_versions **versions, uint32_t worker_idx,
                     uint32_t chain_idx, uint32_t tx_idx) {
    hd_chains *c = ctx;
    overlay *o = c->overlays[worker_idx];
    if (o->chain_idx != chain_idx) {
        o->chain_idx = chain_idx;
        if (!o->account_cap || !o->slot_cap) {
            hd_err err = grow_accounts(o);
            if (err == HD_OK)
                err = grow_slots(o);
            if (err != HD_OK)
                return err;
        }
        overlay_reset(o, c->versions);
    }
    o->last = c->in->results->receipts[tx_idx];
    refresh(c, o, tx_idx);
    c->has_run[tx_idx] = !hd_versions_hold(&o->view, c->in, tx_idx);
    *versions = c->has_run[tx_idx] ? &o->view : NULL;
    return *versions ? HD_OK : put_writes(c, o, tx_idx, &o->last, c->in->results, 0);
}

static hd_err after(void *ctx, uint32_t worker_idx, uint32_t tx_idx, const hd_receipt *r,
                    const hd_results *from) {
    hd_chains *c = ctx;
    overlay *o = c->overlays[worker_idx];
    hd_err err = hide_last(c, o, tx_idx);
    return err == HD_OK ? put_writes(c, o, tx_idx, r, from, 1) : err;
}

void hd_chains_begin(hd_chains *c, hd_batch *batch) {
    for (uint32_t i = 0; i < c->worker_cnt; i++)
        c->overlays[i]->chain_idx = UINT32_MAX;
    c->run = (hd_batch_chains){.first = c->first,
                               .chain_cnt = c->found.chain_cnt,
                               .ctx = c,
                               .before = before,
                               .after = after};
    batch->list = c->list;
    batch->list_cnt = c->found.tx_cnt;
    batch->chains = &c->run;
}

uint32_t hd_chains_end(hd_chains *c, uint8_t *is_late, uint32_t *most) {
    uint32_t cnt = 0;
    *most = 0;
    for (uint32_t i = 0; i < c->found.tx_cnt; i++) {
        uint32_t t = c->list[i];
        if (!c->has_run[t])
            continue;
        cnt++;
        is_late[t] = (uint8_t)(is_late[t] + (is_late[t] < UINT8_MAX));
        *most = HD_MAX(*most, is_late[t]);
    }
    return cnt;
}
