/* hd_version_index.c - write sets spread by hash over parts, each part's keys and versions built by
   one worker; reads compared with them; the last versions committed.

   A chunk is larger than the caches, and looking a key up costs more than all arithmetic. So who
   looks one up keeps what he finds: a part compares what its writers read as it folds their writes,
   and remembers where the world has the account for the commit. */
#include "exec/hd_version_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_mutation.h"
#include "state/hd_state_bulk.h"

#define PART_BITS 6u /* enough parts that workers share them evenly */
#define PART_CNT (1u << PART_BITS)
/* Ranges of transactions that are gathered at once. Each has counters for all parts, which one
   thread sums up. */
#define CHUNK_CNT_MAX 96u
#define CHUNK_TX_MIN 64u
#define ENTRY_FEE UINT32_MAX
#define COINBASE_MAX 8u /* whose readers are looked for; of more blocks' fees all are versions */

/* One write: of an account (its difference, or the coinbase's fee) or of a slot. */
typedef struct {
    uint32_t tx;
    uint32_t at; /* into results.accounts, or its slots; ENTRY_FEE */
    uint32_t hash;
    uint32_t may_differ; /* hd_account_may_differ, hd_slot_may_differ */
} entry;

#define KIND_ACCOUNT 0u
#define KIND_SLOT 1u
#define KIND_CNT 2u
#define KIND_FEE 2u /* counted apart: an account's, if anybody reads coinbases */

/* What is known of an account or slot that a transaction met. */
#define READ_UNKNOWN 0u /* not written by it: to be looked up */
#define READ_HOLDS 1u
#define READ_FAILS 2u

typedef struct {
    void *p;
    size_t sz;
} room;

typedef struct {
    hd_versions_part *view; /* where the index's readers look */
    room account_table, accounts, account_versions, slot_table, slots, slot_versions, key_ids;
    room account_refs;          /* of each key: the world's account + 1; 0: it has none */
    uint32_t *rest;             /* keys that a bulk did not take, in key_ids' memory */
    uint32_t rest_cnt, sum_cnt; /* sums: slot versions that are */
    uint32_t has_wiped;         /* a version is of an account that was destroyed */
    uint32_t reserved;
} part;

struct hd_version_index {
    hd_pool *pool;
    hd_versions versions;
    part parts[PART_CNT];
    hd_versions_part views[PART_CNT];
    const hd_version_input *in;
    room entries[KIND_CNT];                     /* by part, then by tx */
    room reads[KIND_CNT];                       /* READ_..., of each of the results' entries */
    uint32_t (*counts)[KIND_CNT + 1][PART_CNT]; /* of each chunk; then where each begins */
    uint32_t first[KIND_CNT][PART_CNT], cnt[KIND_CNT][PART_CNT]; /* entries of each part */
    uint32_t all_cnt[KIND_CNT];
    uint32_t chunk_cnt, chunk_tx_cnt;
    uint32_t with_fees;                        /* somebody read a coinbase: fees are versions too */
    uint32_t has_wiped;                        /* a part has */
    const hd_address *coinbases[COINBASE_MAX]; /* of the input's blocks, each once */
    uint32_t coinbase_cnt;                     /* COINBASE_MAX + 1: they are more */
    uint32_t *found;                           /* of each chunk: invalid ones */
    room codes, code_bytes, jump_words;
    uint32_t *invalid;
    hd_state_bulk *bulk;
};

static hd_err room_make(room *r, size_t sz) {
    if (sz <= r->sz && r->p)
        return HD_OK;
    size_t want = sz + sz / 4 + 64;
    void *p = malloc(want);
    if (!p)
        return HD_ERR_NOMEM;
    free(r->p);
    r->p = p;
    r->sz = want;
    return HD_OK;
}

hd_err hd_version_index_open(hd_version_index **out, hd_pool *pool) {
    hd_version_index *x = calloc(1, sizeof(*x));
    if (!x)
        return HD_ERR_NOMEM;
    x->pool = pool;
    for (uint32_t i = 0; i < PART_CNT; i++)
        x->parts[i].view = &x->views[i];
    x->counts = calloc(CHUNK_CNT_MAX, sizeof(*x->counts));
    x->found = calloc(CHUNK_CNT_MAX, sizeof(*x->found));
    if (!x->counts || !x->found || hd_state_bulk_open(&x->bulk) != HD_OK) {
        hd_version_index_close(x);
        return HD_ERR_NOMEM;
    }
    *out = x;
    return HD_OK;
}

void hd_version_index_close(hd_version_index *x) {
    if (!x)
        return;
    for (uint32_t i = 0; i < PART_CNT; i++) {
        part *p = &x->parts[i];
        free(p->account_table.p);
        free(p->accounts.p);
        free(p->account_versions.p);
        free(p->slot_table.p);
        free(p->slots.p);
        free(p->slot_versions.p);
        free(p->key_ids.p);
        free(p->account_refs.p);
    }
    hd_state_bulk_close(x->bulk);
    for (uint32_t kind = 0; kind < KIND_CNT; kind++) {
        free(x->entries[kind].p);
        free(x->reads[kind].p);
    }
    free(x->counts);
    free(x->found);
    free(x->codes.p);
    free(x->code_bytes.p);
    free(x->jump_words.p);
    free(x);
}

/* ---- what a transaction wrote ---- */

static const hd_hash no_code = {HD_EMPTY_CODE_HASH};

static int has_run(const hd_receipt *r) { return r->status <= HD_TX_HALT; }

/* Calls put for every write of transactions [begin, end); fees are a kind of their own. */
typedef void put_fn(void *ctx, uint32_t kind, const entry *e);

static inline void each_write(const hd_version_index *x, uint32_t begin, uint32_t end, put_fn *put,
                              void *ctx) {
    const hd_version_input *in = x->in;
    const hd_results *res = in->results;
    const hd_env *fee_env = NULL;
    uint32_t fee_hash = 0, addr[5];
    for (uint32_t t = begin; t < end; t++) {
        const hd_receipt *r = &res->receipts[t];
        const hd_env *env = hd_version_env(in, t);
        if (!has_run(r))
            continue;
        for (uint32_t i = 0; i < r->account_cnt; i++) {
            uint32_t at = (uint32_t)(r->account_off + i);
            const hd_account_diff *d = &res->accounts[at];
            if (!hd_account_is_written(d, env->fork))
                continue;
            hd_addr_from_wire(addr, &d->addr);
            entry e = {t, at, hd_world_account_hash(x->versions.seed, addr),
                       (uint32_t)hd_account_may_differ(in, t, i)};
            put(ctx, KIND_ACCOUNT, &e);
        }
        if (hd_fee_is_written(r)) {
            if (env != fee_env) {
                hd_addr_from_wire(addr, &env->coinbase);
                fee_hash = hd_world_account_hash(x->versions.seed, addr);
                fee_env = env;
            }
            entry e = {t, ENTRY_FEE, fee_hash, 0};
            put(ctx, KIND_FEE, &e);
        }
        for (uint32_t i = 0; i < r->slot_cnt; i++) {
            uint32_t at = (uint32_t)(r->slot_off + i);
            const hd_slot_diff *d = &res->slots[at];
            if (!(d->flags & HD_DIFF_CHANGED))
                continue;
            hd_addr_from_wire(addr, &res->accounts[r->account_off + d->account_idx].addr);
            entry e = {t, at, hd_versions_slot_hash(x->versions.seed, addr, d->key),
                       (uint32_t)hd_slot_may_differ(in, t)};
            put(ctx, KIND_SLOT, &e);
        }
    }
}

static inline void put_count(void *ctx, uint32_t kind, const entry *e) {
    uint32_t(*counts)[PART_CNT] = ctx;
    counts[kind][e->hash & (PART_CNT - 1)]++;
}

typedef struct {
    entry *entries[KIND_CNT];
    uint8_t *reads[KIND_CNT];
    uint32_t (*at)[PART_CNT];
    uint32_t with_fees;
} placing;

static inline void put_place(void *ctx, uint32_t kind, const entry *e) {
    placing *p = ctx;
    if (kind == KIND_FEE) {
        if (!p->with_fees)
            return;
        kind = KIND_ACCOUNT;
    } else {
        p->reads[kind][e->at] = READ_HOLDS; /* until its part says otherwise */
    }
    p->entries[kind][p->at[kind][e->hash & (PART_CNT - 1)]++] = *e;
}

static void chunk_range(const hd_version_index *x, size_t chunk, uint32_t *begin, uint32_t *end) {
    *begin = (uint32_t)chunk * x->chunk_tx_cnt;
    *end = HD_MIN(*begin + x->chunk_tx_cnt, x->in->tx_cnt);
}

static int has_code(const hd_version_input *in, uint32_t t) {
    const hd_receipt *r = &in->results->receipts[t];
    uint32_t flags = 0;
    for (uint32_t i = 0; has_run(r) && i < r->account_cnt; i++)
        flags |= in->results->accounts[r->account_off + i].flags;
    return (flags & HD_DIFF_CODE) != 0;
}

static int is_same_address(const hd_address *a, const hd_address *b) {
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void find_coinbases(hd_version_index *x) {
    const hd_version_input *in = x->in;
    uint32_t env_idx = UINT32_MAX;
    x->coinbase_cnt = 0;
    /* Where all are of one block, the first tells. */
    uint32_t cnt = in->env_cnt == 1 ? HD_MIN(in->tx_cnt, 1u) : in->tx_cnt;
    for (uint32_t t = 0; t < cnt && x->coinbase_cnt <= COINBASE_MAX; t++) {
        if (in->txs[t].env_idx == env_idx)
            continue;
        env_idx = in->txs[t].env_idx;
        const hd_address *coinbase = &in->envs[env_idx].coinbase;
        uint32_t i = 0;
        while (i < x->coinbase_cnt && !is_same_address(x->coinbases[i], coinbase))
            i++;
        if (i < x->coinbase_cnt)
            continue;
        if (i < COINBASE_MAX)
            x->coinbases[i] = coinbase;
        x->coinbase_cnt++;
    }
}

/* Whether it saw a coinbase, be it an earlier block's. */
static int reads_coinbase(const hd_version_index *x, uint32_t t) {
    const hd_receipt *r = &x->in->results->receipts[t];
    if (r->status > HD_TX_HALT && r->status < HD_TX_INVALID)
        return 0;
    for (uint32_t i = 0; i < r->account_cnt; i++)
        for (uint32_t k = 0; k < x->coinbase_cnt; k++)
            if (is_same_address(&x->in->results->accounts[r->account_off + i].addr,
                                x->coinbases[k]))
                return 1;
    return 0;
}

#define FOUND_FEES 1u
#define FOUND_CODES 2u

/* How many writes a range of transactions has for each part, and what it needs besides. */
static hd_err count_writes(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    const hd_results *res = x->in->results;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        memset(x->counts[c], 0, sizeof(x->counts[c]));
        each_write(x, first, last, put_count, x->counts[c]);
        x->found[c] = x->coinbase_cnt > COINBASE_MAX ? FOUND_FEES : 0;
        for (uint32_t t = first; t < last; t++) {
            const hd_receipt *r = &res->receipts[t];
            if (!(x->found[c] & FOUND_FEES) && reads_coinbase(x, t))
                x->found[c] |= FOUND_FEES;
            if (!(x->found[c] & FOUND_CODES) && has_code(x->in, t))
                x->found[c] |= FOUND_CODES;
            memset((uint8_t *)x->reads[KIND_ACCOUNT].p + r->account_off, READ_UNKNOWN,
                   r->account_cnt);
            memset((uint8_t *)x->reads[KIND_SLOT].p + r->slot_off, READ_UNKNOWN, r->slot_cnt);
        }
    }
    return HD_OK;
}

static hd_err place_writes(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        placing p = {{x->entries[0].p, x->entries[1].p},
                     {x->reads[0].p, x->reads[1].p},
                     x->counts[c],
                     x->with_fees};
        each_write(x, first, last, put_place, &p);
    }
    return HD_OK;
}

/* ---- codes that transactions deployed or delegated to ---- */

static hd_err publish_codes(hd_version_index *x) {
    const hd_version_input *in = x->in;
    hd_results *res = in->results;
    size_t code_cnt = 0, bytes_sz = 0, word_cnt = 0;
    for (uint32_t pass = 0; pass < 2; pass++) {
        size_t code_idx = 0, byte_off = 0, word_off = 0;
        for (uint32_t t = 0; t < in->tx_cnt; t++) {
            if (!(x->found[t / x->chunk_tx_cnt] & FOUND_CODES)) {
                t += x->chunk_tx_cnt - 1 - t % x->chunk_tx_cnt; /* to the end of its range */
                continue;
            }
            const hd_receipt *r = &res->receipts[t];
            for (uint32_t i = 0; has_run(r) && i < r->account_cnt; i++) {
                hd_account_diff *d = &res->accounts[r->account_off + i];
                if (!(d->flags & HD_DIFF_CODE) || d->code_sz == 0)
                    continue;
                size_t padded = ((size_t)d->code_sz + 33 + 31) & ~(size_t)31;
                size_t words = (size_t)d->code_sz / 64 + 2;
                if (pass == 1) {
                    hd_world_code *c = (hd_world_code *)x->codes.p + code_idx;
                    uint8_t *bytes = (uint8_t *)x->code_bytes.p + byte_off;
                    uint64_t *jumps = (uint64_t *)x->jump_words.p + word_off;
                    const uint8_t *code = res->bytes + d->code_off;
                    memset(c, 0, sizeof(*c));
                    c->hash = d->code_hash;
                    c->code_off = byte_off;
                    c->jump_off = word_off;
                    c->code_sz = d->code_sz;
                    c->is_delegation =
                        d->code_sz == 23 && code[0] == 0xef && code[1] == 1 && code[2] == 0;
                    memcpy(bytes, code, d->code_sz);
                    memset(bytes + d->code_sz, 0, padded - d->code_sz);
                    memset(jumps, 0, words * 8);
                    if (HD_KEEPS(HD_MUTATION_JUMPS))
                        hd_code_mark_jumps(jumps, code, d->code_sz);
                    d->reserved = (uint32_t)code_idx | HD_CODE_VERSION;
                }
                code_idx++;
                byte_off += padded;
                word_off += words;
            }
        }
        if (pass == 1 || code_idx == 0)
            break;
        code_cnt = code_idx;
        bytes_sz = byte_off;
        word_cnt = word_off;
        if (code_cnt >= HD_CODE_VERSION)
            return HD_ERR_LIMIT;
        hd_err err = room_make(&x->codes, code_cnt * sizeof(hd_world_code));
        if (err == HD_OK)
            err = room_make(&x->code_bytes, bytes_sz);
        if (err == HD_OK)
            err = room_make(&x->jump_words, word_cnt * 8);
        if (err != HD_OK)
            return err;
    }
    x->versions.code_cnt = (uint32_t)code_cnt;
    x->versions.code_bytes_sz = bytes_sz;
    x->versions.jump_word_cnt = word_cnt;
    x->versions.codes = x->codes.p;
    x->versions.code_bytes = x->code_bytes.p;
    x->versions.jump_words = x->jump_words.p;
    return HD_OK;
}

/* ---- what lies far away is asked for before it is needed: a chunk's results and tables are larger
   than a core's caches, and nearly every entry waits for memory otherwise ---- */

#define AHEAD_FAR 16u /* entries: what tells where the next thing lies */
#define AHEAD_NEAR 8u

static inline void ahead(const void *p) { __builtin_prefetch(p); }

static inline void ahead_of_item(const void *p, size_t sz) {
    for (size_t i = 0; i < sz; i += 64)
        ahead((const char *)p + i);
}

/* The results that entry i + AHEAD_NEAR of cnt writes, and the receipt that a slot's owner is found
   by. */
static inline void ahead_of_entry(const hd_version_input *in, uint32_t kind, const entry *entries,
                                  uint32_t i, uint32_t cnt) {
    const hd_results *res = in->results;
    if (kind == KIND_SLOT && i + AHEAD_FAR < cnt)
        ahead(&res->receipts[entries[i + AHEAD_FAR].tx].account_off);
    if (i + AHEAD_NEAR >= cnt || entries[i + AHEAD_NEAR].at == ENTRY_FEE)
        return;
    uint32_t at = entries[i + AHEAD_NEAR].at;
    if (kind == KIND_ACCOUNT)
        ahead_of_item(&res->accounts[at], sizeof(res->accounts[at]));
    else
        ahead_of_item(&res->slots[at], sizeof(res->slots[at]));
}

static inline void ahead_of_world(const hd_world *w, uint32_t hash) {
    ahead(&w->account_table[hash & w->account_mask]);
}

/* After ahead_of_world: the account, if it is the first of its place. */
static inline void ahead_of_world_account(const hd_world *w, uint32_t hash) {
    uint32_t ref = w->account_table[hash & w->account_mask];
    if (!ref)
        return;
    ahead(&w->accounts[ref - 1]);
    ahead((const char *)&w->accounts[ref - 1] + 64);
}

/* ---- a part's keys and versions ---- */

static uint32_t table_cap(uint32_t cnt) {
    uint32_t cap = 4;
    while (cap < 2 * cnt)
        cap *= 2;
    return cap;
}

/* v becomes the account after the entry's transaction. */
static void version_fold(hd_account_version *v, const hd_version_index *x, const entry *e) {
    const hd_version_input *in = x->in;
    uint32_t fork = hd_version_env(in, e->tx)->fork;
    if (e->at == ENTRY_FEE)
        hd_account_version_pay(v, in->results->receipts[e->tx].fee_wei, e->tx, fork);
    else
        hd_account_version_fold(v, &in->results->accounts[e->at], e->tx, fork);
}

/* Whether the transaction of an entry, not a fee's, would do the same with v before it. */
static int entry_holds(const hd_version_index *x, const entry *e, const hd_account_version *v) {
    const hd_results *res = x->in->results;
    hd_account_now now;
    hd_account_version_now(&now, v, &x->versions, x->in->world);
    return hd_read_holds(&res->accounts[e->at], &res->reads[e->at], &now);
}

/* Where keys begin among the versions; their counts begin anew. */
#define PLACE_KEYS(keys, key_cnt) \
    for (uint32_t k_ = 0, at_ = 0; k_ < (key_cnt); k_++) { \
        (keys)[k_].first = at_; \
        at_ += (keys)[k_].cnt; \
        (keys)[k_].cnt = 0; \
    }

static hd_err build_accounts(hd_version_index *x, part *p, const entry *entries, uint32_t cnt) {
    const hd_version_input *in = x->in;
    uint32_t cap = table_cap(cnt), key_cnt = 0;
    hd_err err = room_make(&p->account_table, (size_t)cap * 4);
    if (err == HD_OK)
        err = room_make(&p->accounts, (size_t)cnt * sizeof(hd_versions_account));
    if (err == HD_OK)
        err = room_make(&p->account_versions, (size_t)cnt * sizeof(hd_account_version));
    if (err == HD_OK)
        err = room_make(&p->account_refs, (size_t)cnt * 4);
    if (err == HD_OK)
        err = room_make(&p->key_ids, (size_t)cnt * 4);
    if (err != HD_OK)
        return err;
    uint32_t *table = p->account_table.p, *ids = p->key_ids.p, *refs = p->account_refs.p;
    uint8_t *reads = x->reads[KIND_ACCOUNT].p;
    hd_versions_account *keys = p->accounts.p;
    hd_account_version *versions = p->account_versions.p;
    memset(table, 0, (size_t)cap * 4);
    for (uint32_t i = 0; i < cnt; i++) {
        const entry *e = &entries[i];
        uint32_t addr[5], h = e->hash >> PART_BITS;
        ahead_of_entry(in, KIND_ACCOUNT, entries, i, cnt);
        if (i + AHEAD_NEAR < cnt)
            ahead_of_world(in->world, entries[i + AHEAD_NEAR].hash);
        hd_addr_from_wire(addr, e->at == ENTRY_FEE ? &hd_version_env(in, e->tx)->coinbase
                                                   : &in->results->accounts[e->at].addr);
        for (;; h++) {
            uint32_t *ref = &table[h & (cap - 1)];
            if (*ref == 0) {
                memcpy(keys[key_cnt].addr, addr, sizeof(addr));
                keys[key_cnt].cnt = 0;
                *ref = ++key_cnt;
            }
            if (memcmp(keys[*ref - 1].addr, addr, sizeof(addr)) == 0) {
                ids[i] = *ref - 1;
                keys[*ref - 1].cnt++;
                break;
            }
        }
    }
    PLACE_KEYS(keys, key_cnt)
    p->has_wiped = 0;
    /* Entries ascend by transaction, so each version follows the one before it. */
    for (uint32_t i = 0; i < cnt; i++) {
        const entry *e = &entries[i];
        hd_versions_account *k = &keys[ids[i]];
        hd_account_version v;
        if (i + AHEAD_NEAR < cnt)
            ahead_of_world_account(in->world, entries[i + AHEAD_NEAR].hash);
        if (i + AHEAD_NEAR < cnt && entries[i + AHEAD_NEAR].at != ENTRY_FEE)
            ahead_of_item(&in->results->reads[entries[i + AHEAD_NEAR].at], sizeof(hd_account_read));
        int is_first = k->cnt == 0;
        if (is_first) {
            const hd_world_account *a = hd_world_find(in->world, k->addr);
            refs[ids[i]] = a ? (uint32_t)(a - in->world->accounts) + 1 : 0;
            v = hd_account_version_of(a);
        } else {
            v = versions[k->first + k->cnt - 1];
        }
        if (e->at != ENTRY_FEE && (!is_first || e->may_differ) && !entry_holds(x, e, &v))
            reads[e->at] = READ_FAILS;
        version_fold(&v, x, e);
        p->has_wiped |= v.wiped;
        versions[k->first + k->cnt++] = v;
    }
    p->view->account_table = table;
    p->view->accounts = keys;
    p->view->account_versions = versions;
    p->view->account_mask = cap - 1;
    p->view->account_cnt = key_cnt;
    p->view->account_version_cnt = cnt;
    return HD_OK;
}

/* wiped of the account's version before transaction tx. Versions of accounts must be there. */
static uint32_t wiped_before(const hd_version_index *x, const uint32_t addr[5], uint32_t tx) {
    const hd_account_version *v =
        x->has_wiped ? hd_versions_account_find(&x->versions, addr, tx) : NULL;
    return v ? v->wiped : 0;
}

/* What the slot held before a transaction, where last (NULL: none) is its version before that, and
   wiped its account's. */
static hd_u256 slot_before(const hd_version_index *x, const hd_versions_slot *k,
                           const hd_slot_version *last, uint32_t wiped) {
    if (last && last->tx + 1 > wiped)
        return last->value;
    return wiped ? hd_u256_zero() : hd_world_slot_value(x->in->world, k->addr, k->key);
}

static hd_err build_slots(hd_version_index *x, part *p, const entry *entries, uint32_t cnt) {
    uint32_t cap = table_cap(cnt), key_cnt = 0;
    hd_err err = room_make(&p->slot_table, (size_t)cap * 4);
    if (err == HD_OK)
        err = room_make(&p->slots, (size_t)cnt * sizeof(hd_versions_slot));
    if (err == HD_OK)
        err = room_make(&p->slot_versions, (size_t)cnt * sizeof(hd_slot_version));
    if (err == HD_OK)
        err = room_make(&p->key_ids, (size_t)cnt * 4);
    if (err != HD_OK)
        return err;
    uint32_t *table = p->slot_table.p, *ids = p->key_ids.p;
    uint8_t *reads = x->reads[KIND_SLOT].p;
    hd_versions_slot *keys = p->slots.p;
    hd_slot_version *versions = p->slot_versions.p;
    const hd_results *res = x->in->results;
    p->sum_cnt = 0;
    memset(table, 0, (size_t)cap * 4);
    for (uint32_t i = 0; i < cnt; i++) {
        uint32_t addr[5], h = entries[i].hash >> PART_BITS;
        ahead_of_entry(x->in, KIND_SLOT, entries, i, cnt);
        const hd_slot_diff *d = &res->slots[entries[i].at];
        uint64_t owner = res->receipts[entries[i].tx].account_off + d->account_idx;
        hd_addr_from_wire(addr, &res->accounts[owner].addr);
        for (;; h++) {
            uint32_t *ref = &table[h & (cap - 1)];
            if (*ref == 0) {
                memset(&keys[key_cnt], 0, sizeof(keys[key_cnt]));
                memcpy(keys[key_cnt].addr, addr, sizeof(addr));
                keys[key_cnt].key = d->key;
                *ref = ++key_cnt;
            }
            hd_versions_slot *k = &keys[*ref - 1];
            if (hd_u256_is_equal(k->key, d->key) && memcmp(k->addr, addr, sizeof(addr)) == 0) {
                ids[i] = *ref - 1;
                k->cnt++;
                break;
            }
        }
    }
    PLACE_KEYS(keys, key_cnt)
    for (uint32_t i = 0; i < cnt; i++) {
        const entry *e = &entries[i];
        hd_versions_slot *k = &keys[ids[i]];
        const hd_slot_diff *d = &res->slots[e->at];
        hd_slot_version *v = &versions[k->first + k->cnt], *last = k->cnt ? v - 1 : NULL;
        int is_sum = (d->flags & HD_DIFF_ADD) != 0;
        v->value = d->value;
        v->tx = e->tx;
        v->reserved = 0;
        p->sum_cnt += is_sum;
        if (last || e->may_differ || is_sum || x->has_wiped) {
            uint32_t wiped = wiped_before(x, k->addr, e->tx);
            hd_u256 before = slot_before(x, k, last, wiped);
            int is_seen = !last && !e->may_differ && !wiped;
            if (!is_seen && !hd_slot_holds(res, e->at, before))
                reads[e->at] = READ_FAILS;
            if (is_sum)
                v->value = hd_u256_add(before, hd_u256_sub(d->value, d->original));
        }
        k->cnt++;
    }
    p->view->slot_table = table;
    p->view->slots = keys;
    p->view->slot_versions = versions;
    p->view->slot_mask = cap - 1;
    p->view->slot_cnt = key_cnt;
    p->view->slot_version_cnt = cnt;
    return HD_OK;
}

static hd_err build_account_parts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    hd_err err = HD_OK;
    (void)worker_idx;
    for (size_t i = begin; err == HD_OK && i < end; i++)
        err = build_accounts(x, &x->parts[i], (const entry *)x->entries[0].p + x->first[0][i],
                             x->cnt[0][i]);
    return err;
}

static hd_err build_slot_parts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    hd_err err = HD_OK;
    (void)worker_idx;
    for (size_t i = begin; err == HD_OK && i < end; i++)
        err = build_slots(x, &x->parts[i], (const entry *)x->entries[1].p + x->first[1][i],
                          x->cnt[1][i]);
    return err;
}

/* Where each range's entries begin in each part's. */
static hd_err place_ranges(hd_version_index *x) {
    for (uint32_t kind = 0; kind < KIND_CNT; kind++) {
        uint64_t at = 0;
        for (uint32_t p = 0; p < PART_CNT; p++) {
            x->first[kind][p] = (uint32_t)at;
            for (uint32_t c = 0; c < x->chunk_cnt; c++) {
                uint32_t cnt = x->counts[c][kind][p];
                if (kind == KIND_ACCOUNT && x->with_fees)
                    cnt += x->counts[c][KIND_FEE][p];
                x->counts[c][kind][p] = (uint32_t)at;
                at += cnt;
            }
            if (at >> 31)
                return HD_ERR_LIMIT;
            x->cnt[kind][p] = (uint32_t)at - x->first[kind][p];
        }
        x->all_cnt[kind] = (uint32_t)at;
        hd_err err = room_make(&x->entries[kind], (size_t)at * sizeof(entry));
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

hd_err hd_version_index_build(hd_version_index *x, const hd_versions **out,
                              const hd_version_input *in) {
    const hd_results *res = in->results;
    x->in = in;
    x->versions.seed = in->world->seed;
    x->versions.part_bits = PART_BITS;
    x->versions.parts = x->views;
    x->chunk_tx_cnt = HD_MAX(in->tx_cnt / CHUNK_CNT_MAX + 1, CHUNK_TX_MIN);
    x->chunk_cnt = (in->tx_cnt + x->chunk_tx_cnt - 1) / x->chunk_tx_cnt;
    if (res->account_cnt >= ENTRY_FEE || res->slot_cnt > UINT32_MAX)
        return HD_ERR_LIMIT;
    hd_err err = room_make(&x->reads[KIND_ACCOUNT], res->account_cnt);
    if (err == HD_OK)
        err = room_make(&x->reads[KIND_SLOT], res->slot_cnt);
    if (err != HD_OK)
        return err;
    find_coinbases(x);
    err = hd_pool_for(x->pool, x->chunk_cnt, 1, count_writes, x);
    uint32_t found = 0;
    for (uint32_t c = 0; c < x->chunk_cnt; c++)
        found |= x->found[c];
    x->with_fees = HD_KEEPS(HD_MUTATION_FEES) ? found & FOUND_FEES : 0;
    if (err == HD_OK)
        err = place_ranges(x);
    if (err == HD_OK)
        err = hd_pool_for(x->pool, x->chunk_cnt, 1, place_writes, x);
    x->versions.code_cnt = 0; /* unless some were published */
    x->versions.code_bytes_sz = x->versions.jump_word_cnt = 0;
    if (err == HD_OK && found & FOUND_CODES)
        err = publish_codes(x);
    if (err == HD_OK)
        err = hd_pool_for(x->pool, PART_CNT, 1, build_account_parts, x);
    x->has_wiped = 0;
    for (uint32_t i = 0; i < PART_CNT; i++)
        x->has_wiped |= x->parts[i].has_wiped;
    /* Accounts are done: a slot asks when its own was destroyed. One worker makes empty parts. */
    if (err == HD_OK)
        err = hd_pool_for(x->pool, PART_CNT, x->all_cnt[KIND_SLOT] ? 1 : PART_CNT, build_slot_parts,
                          x);
    *out = &x->versions;
    return err;
}

uint32_t hd_version_index_sum_cnt(const hd_version_index *x) {
    uint32_t cnt = 0;
    for (uint32_t i = 0; i < PART_CNT; i++)
        cnt += x->parts[i].sum_cnt;
    return cnt;
}

/* ---- validation ---- */

#define AHEAD_MAX 16u /* of a transaction's accounts, and slots */

/* Transactions are compared one after the other; what the next ones will look up is known. */
static void ahead_of_check(const hd_version_index *x, uint32_t t, uint32_t last) {
    const hd_results *res = x->in->results;
    const uint8_t *account_reads = x->reads[KIND_ACCOUNT].p, *slot_reads = x->reads[KIND_SLOT].p;
    for (uint32_t near = 0; near < 2; near++) { /* far first, of the transaction after the next */
        uint32_t n = t + (near ? 1 : 2), addr[5];
        if (n >= last)
            continue;
        const hd_receipt *r = &res->receipts[n];
        for (uint32_t i = 0; i < HD_MIN(r->account_cnt, AHEAD_MAX); i++) {
            if (account_reads[r->account_off + i] != READ_UNKNOWN)
                continue;
            hd_addr_from_wire(addr, &res->accounts[r->account_off + i].addr);
            uint32_t h = hd_world_account_hash(x->versions.seed, addr);
            const hd_versions_part *p = &x->views[h & (PART_CNT - 1)];
            const uint32_t *ref = &p->account_table[(h >> PART_BITS) & p->account_mask];
            if (!near)
                ahead(ref);
            else if (*ref)
                ahead(&p->accounts[*ref - 1]);
        }
        for (uint32_t i = 0; i < HD_MIN(r->slot_cnt, AHEAD_MAX); i++) {
            if (slot_reads[r->slot_off + i] != READ_UNKNOWN)
                continue;
            const hd_slot_diff *d = &res->slots[r->slot_off + i];
            hd_addr_from_wire(addr, &res->accounts[r->account_off + d->account_idx].addr);
            uint32_t h = hd_versions_slot_hash(x->versions.seed, addr, d->key);
            const hd_versions_part *p = &x->views[h & (PART_CNT - 1)];
            const uint32_t *ref = &p->slot_table[(h >> PART_BITS) & p->slot_mask];
            if (!near)
                ahead(ref);
            else if (*ref)
                ahead(&p->slots[*ref - 1]);
        }
    }
}

/* As hd_versions_hold: but what the parts have compared is not looked up again. */
static int tx_holds(const hd_version_index *x, uint32_t t) {
    const hd_version_input *in = x->in;
    const hd_results *res = in->results;
    const hd_receipt *r = &res->receipts[t];
    const uint8_t *account_reads = (const uint8_t *)x->reads[KIND_ACCOUNT].p + r->account_off;
    const uint8_t *slot_reads = (const uint8_t *)x->reads[KIND_SLOT].p + r->slot_off;
    const hd_account_version *v;
    if (hd_receipt_is_void(r))
        return 0;
    for (uint32_t i = 0; i < r->account_cnt; i++)
        if (account_reads[i] == READ_FAILS ||
            (account_reads[i] == READ_UNKNOWN &&
             !hd_versions_account_hold(&v, &x->versions, in, t, i)))
            return 0;
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        uint32_t addr[5];
        if (slot_reads[i] == READ_FAILS)
            return 0;
        if (slot_reads[i] == READ_HOLDS)
            continue;
        uint64_t owner = r->account_off + res->slots[r->slot_off + i].account_idx;
        hd_addr_from_wire(addr, &res->accounts[owner].addr);
        if (!hd_versions_slot_hold(&x->versions, in, t, i, wiped_before(x, addr, t)))
            return 0;
    }
    return 1;
}

static hd_err check_chunks(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        x->found[c] = 0;
        for (uint32_t t = first; t < last; t++) {
            ahead_of_check(x, t, last);
            if (!tx_holds(x, t))
                x->invalid[first + x->found[c]++] = t;
        }
    }
    return HD_OK;
}

hd_err hd_version_index_check(hd_version_index *x, uint32_t *invalid, uint32_t *invalid_cnt,
                              const hd_version_input *in, uint32_t first) {
    x->in = in;
    x->invalid = invalid;
    uint32_t first_chunk = first / x->chunk_tx_cnt, cnt = 0;
    for (uint32_t c = 0; c < first_chunk; c++)
        x->found[c] = 0;
    hd_err err = hd_pool_for(x->pool, x->chunk_cnt, 1, check_chunks, x);
    for (uint32_t c = 0; c < x->chunk_cnt; c++)
        for (uint32_t i = 0; i < x->found[c]; i++) {
            uint32_t t = invalid[(size_t)c * x->chunk_tx_cnt + i];
            if (t >= first)
                invalid[cnt++] = t;
        }
    *invalid_cnt = cnt;
    return err;
}

/* ---- settling ---- */

static hd_err settle_chunks(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    const hd_version_input *in = x->in;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        for (uint32_t t = first; t < last; t++) {
            const hd_receipt *r = &in->results->receipts[t];
            for (uint32_t i = 0; has_run(r) && i < r->account_cnt; i++) {
                hd_account_diff *d = &in->results->accounts[r->account_off + i];
                hd_account_version world;
                hd_account_now now;
                uint32_t addr[5];
                hd_addr_from_wire(addr, &d->addr);
                const hd_account_version *v = hd_versions_account_find(&x->versions, addr, t);
                if (!v) {
                    world = hd_account_version_of_world(in->world, addr);
                    v = &world;
                }
                hd_account_version_now(&now, v, &x->versions, in->world);
                hd_account_settle(d, &now, in->envs[in->txs[t].env_idx].fork);
            }
            for (uint32_t i = 0; has_run(r) && i < r->slot_cnt; i++) {
                hd_slot_diff *d = &in->results->slots[r->slot_off + i];
                hd_versions_slot k;
                if (!(d->flags & HD_DIFF_RANGE))
                    continue;
                hd_addr_from_wire(k.addr,
                                  &in->results->accounts[r->account_off + d->account_idx].addr);
                k.key = d->key;
                hd_slot_settle(
                    d, slot_before(x, &k, hd_versions_slot_find(&x->versions, k.addr, d->key, t),
                                   wiped_before(x, k.addr, t)));
            }
        }
    }
    return HD_OK;
}

hd_err hd_version_index_settle(hd_version_index *x, const hd_version_input *in) {
    x->in = in;
    return hd_pool_for(x->pool, x->chunk_cnt, 1, settle_chunks, x);
}

/* ---- commit ---- */

static hd_err commit_account(hd_version_index *x, hd_state *s, const hd_versions_account *k,
                             const hd_account_version *v) {
    hd_address addr;
    hd_addr_to_wire(&addr, k->addr);
    hd_err err = v->wiped ? hd_state_delete(s, &addr) : HD_OK;
    if (err != HD_OK || !(v->flags & HD_VERSION_EXISTS))
        return err != HD_OK || v->wiped ? err : hd_state_delete(s, &addr);
    err = hd_state_set_account(s, &addr, v->nonce, v->balance_wei);
    if (err != HD_OK || (v->code_ref && !(v->code_ref & HD_CODE_VERSION)))
        return err; /* the code that it had */
    const hd_world_code *c =
        v->code_ref ? &x->versions.codes[v->code_ref & ~HD_CODE_VERSION] : NULL;
    return hd_state_set_code(s, &addr, c ? &c->hash : &no_code,
                             c ? x->versions.code_bytes + c->code_off : NULL, c ? c->code_sz : 0);
}

static const hd_account_version *last_account(const part *p, uint32_t k) {
    const hd_versions_account *a = &p->view->accounts[k];
    return &p->view->account_versions[a->first + a->cnt - 1];
}

static const hd_slot_version *last_slot(const part *p, uint32_t k) {
    const hd_versions_slot *s = &p->view->slots[k];
    return &p->view->slot_versions[s->first + s->cnt - 1];
}

/* Keys of a part as a bulk takes them; the others wait in rest. */
static hd_err commit_part_accounts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        part *p = &x->parts[i];
        const uint32_t *refs = p->account_refs.p;
        uint32_t key_cnt = p->view->account_cnt;
        p->rest = p->key_ids.p;
        p->rest_cnt = 0;
        for (uint32_t k = 0; k < key_cnt; k++) {
            const hd_account_version *v = last_account(p, k);
            if (k + AHEAD_NEAR < key_cnt)
                hd_state_bulk_ahead_account(x->bulk, refs[k + AHEAD_NEAR]);
            if (v->wiped || !(v->flags & HD_VERSION_EXISTS) || v->code_ref & HD_CODE_VERSION ||
                !hd_state_bulk_account(x->bulk, (uint32_t)i, p->view->accounts[k].addr, refs[k],
                                       v->nonce, v->balance_wei, v->code_ref))
                p->rest[p->rest_cnt++] = k;
        }
    }
    return HD_OK;
}

static hd_err commit_part_slots(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        part *p = &x->parts[i];
        p->rest = p->key_ids.p;
        p->rest_cnt = 0;
        for (uint32_t k = 0; k < p->view->slot_cnt; k++) {
            const hd_versions_slot *key = &p->view->slots[k], *next = key + AHEAD_NEAR;
            const hd_slot_version *v = last_slot(p, k);
            if (k + AHEAD_NEAR < p->view->slot_cnt)
                hd_state_bulk_ahead_slot(x->bulk, (uint32_t)i, next->addr, next->key);
            if (HD_KEEPS(HD_MUTATION_WIPED_COMMIT) &&
                wiped_before(x, key->addr, UINT32_MAX) >= v->tx + 1)
                continue; /* its account was destroyed after it */
            if (!hd_state_bulk_slot(x->bulk, (uint32_t)i, key->addr, key->key, v->value))
                p->rest[p->rest_cnt++] = k;
        }
    }
    return HD_OK;
}

static hd_err commit_accounts(hd_version_index *x, hd_state *s) {
    uint32_t cnts[PART_CNT];
    for (uint32_t i = 0; i < PART_CNT; i++)
        cnts[i] = x->parts[i].view->account_cnt;
    hd_err err = hd_state_bulk_begin_accounts(x->bulk, s, PART_CNT, cnts);
    if (err == HD_OK)
        err = hd_pool_for(x->pool, PART_CNT, 1, commit_part_accounts, x);
    if (err == HD_OK)
        err = hd_state_bulk_end_accounts(x->bulk, x->pool);
    for (uint32_t i = 0; err == HD_OK && i < PART_CNT; i++) {
        const part *p = &x->parts[i];
        for (uint32_t k = 0; err == HD_OK && k < p->rest_cnt; k++)
            err = commit_account(x, s, &p->view->accounts[p->rest[k]], last_account(p, p->rest[k]));
    }
    return err;
}

static hd_err commit_slots(hd_version_index *x, hd_state *s) {
    uint32_t cnts[PART_CNT];
    if (x->all_cnt[KIND_SLOT] == 0)
        return HD_OK;
    for (uint32_t i = 0; i < PART_CNT; i++)
        cnts[i] = x->parts[i].view->slot_cnt;
    hd_err err = hd_state_bulk_begin_slots(x->bulk, s, PART_CNT, cnts);
    if (err == HD_OK)
        err = hd_pool_for(x->pool, PART_CNT, 1, commit_part_slots, x);
    if (err == HD_OK)
        err = hd_state_bulk_end_slots(x->bulk, x->pool);
    for (uint32_t i = 0; err == HD_OK && i < PART_CNT; i++) {
        const part *p = &x->parts[i];
        for (uint32_t k = 0; err == HD_OK && k < p->rest_cnt; k++) {
            const hd_versions_slot *key = &p->view->slots[p->rest[k]];
            hd_address addr;
            hd_addr_to_wire(&addr, key->addr);
            err = hd_state_set_slot(s, &addr, key->key, last_slot(p, p->rest[k])->value);
        }
    }
    return err;
}

hd_err hd_version_index_commit(hd_version_index *x, hd_state *s, const hd_version_input *in) {
    hd_err err = commit_accounts(x, s);
    if (err == HD_OK)
        err = commit_slots(x, s);
    return err == HD_OK && !x->with_fees ? hd_version_fees_commit(s, in, x->pool) : err;
}
