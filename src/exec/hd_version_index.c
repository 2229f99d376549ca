/* hd_version_index.c - write sets spread by hash over parts, each part's keys and versions built by
   one worker; reads compared with them; the last versions committed. */
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
    uint32_t idx; /* into results.accounts of the receipt's range, or of its slots; ENTRY_FEE */
    uint32_t hash;
} entry;

typedef struct {
    void *p;
    size_t sz;
} room;

typedef struct {
    hd_versions_part *view; /* where the index's readers look */
    room account_table, accounts, account_versions, slot_table, slots, slot_versions, key_ids;
    uint32_t *rest;             /* keys that a bulk did not take, in key_ids' memory */
    uint32_t rest_cnt, sum_cnt; /* sums: slot versions that are */
} part;

struct hd_version_index {
    hd_pool *pool;
    hd_versions versions;
    part parts[PART_CNT];
    hd_versions_part views[PART_CNT];
    const hd_version_input *in;
    room entries[2];                               /* accounts, slots; by part, then by tx */
    uint32_t (*counts)[2][PART_CNT];               /* of each chunk; then where each begins */
    uint32_t first[2][PART_CNT], cnt[2][PART_CNT]; /* entries of each part */
    uint32_t chunk_cnt, chunk_tx_cnt;
    uint32_t with_fees;                        /* somebody read a coinbase: fees are versions too */
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
    }
    hd_state_bulk_close(x->bulk);
    free(x->entries[0].p);
    free(x->entries[1].p);
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

/* A touch without any change matters only where it may delete (EIP-158) or create (before it). */
int hd_account_is_written(const hd_account_diff *d, uint32_t fork) {
    if (d->flags & (HD_DIFF_DELETED | HD_DIFF_DESTROYED | HD_DIFF_CODE))
        return 1;
    if (d->nonce != d->original_nonce || !hd_u256_is_equal(d->balance_wei, d->original_balance_wei))
        return 1;
    if (!(d->flags & HD_DIFF_TOUCHED))
        return 0;
    if (fork < HD_FORK_SPURIOUS) /* the touch of 0x03 outlives a revert, and creates nothing */
        return HD_KEEPS(HD_MUTATION_TOUCH_OLD) && (d->flags & HD_DIFF_EXISTS) != 0;
    return !(d->flags & HD_DIFF_EXISTED) ||
           (d->nonce == 0 && memcmp(&d->code_hash, &no_code, sizeof(no_code)) == 0);
}

/* Calls put for every write of transactions [begin, end). */
typedef void put_fn(void *ctx, uint32_t kind, const entry *e);

static void each_write(const hd_version_index *x, uint32_t begin, uint32_t end, put_fn *put,
                       void *ctx) {
    const hd_version_input *in = x->in;
    const hd_results *res = in->results;
    for (uint32_t t = begin; t < end; t++) {
        const hd_receipt *r = &res->receipts[t];
        const hd_env *env = &in->envs[in->txs[t].env_idx];
        if (!has_run(r))
            continue;
        for (uint32_t i = 0; i < r->account_cnt; i++) {
            const hd_account_diff *d = &res->accounts[r->account_off + i];
            uint32_t addr[5];
            if (!hd_account_is_written(d, env->fork))
                continue;
            hd_addr_from_wire(addr, &d->addr);
            entry e = {t, i, hd_world_account_hash(x->versions.seed, addr)};
            put(ctx, 0, &e);
        }
        if (x->with_fees && hd_fee_is_written(r)) {
            uint32_t addr[5];
            hd_addr_from_wire(addr, &env->coinbase);
            entry e = {t, ENTRY_FEE, hd_world_account_hash(x->versions.seed, addr)};
            put(ctx, 0, &e);
        }
        for (uint32_t i = 0; i < r->slot_cnt; i++) {
            const hd_slot_diff *d = &res->slots[r->slot_off + i];
            uint32_t addr[5];
            if (!(d->flags & HD_DIFF_CHANGED))
                continue;
            hd_addr_from_wire(addr, &res->accounts[r->account_off + d->account_idx].addr);
            entry e = {t, i, hd_versions_slot_hash(x->versions.seed, addr, d->key)};
            put(ctx, 1, &e);
        }
    }
}

static void put_count(void *ctx, uint32_t kind, const entry *e) {
    uint32_t(*counts)[PART_CNT] = ctx;
    counts[kind][e->hash & (PART_CNT - 1)]++;
}

typedef struct {
    entry *entries[2];
    uint32_t (*at)[PART_CNT];
} placing;

static void put_place(void *ctx, uint32_t kind, const entry *e) {
    placing *p = ctx;
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

/* What a range of transactions needs besides its writes. */
static hd_err find_needs(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        x->found[c] = 0;
        if (x->coinbase_cnt > COINBASE_MAX)
            x->found[c] = FOUND_FEES;
        for (uint32_t t = first; t < last; t++) {
            if (!(x->found[c] & FOUND_FEES) && reads_coinbase(x, t))
                x->found[c] |= FOUND_FEES;
            if (!(x->found[c] & FOUND_CODES) && has_code(x->in, t))
                x->found[c] |= FOUND_CODES;
        }
    }
    return HD_OK;
}

static hd_err count_writes(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        memset(x->counts[c], 0, sizeof(x->counts[c]));
        each_write(x, first, last, put_count, x->counts[c]);
    }
    return HD_OK;
}

static hd_err place_writes(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        placing p = {{x->entries[0].p, x->entries[1].p}, x->counts[c]};
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

/* The results that entry i + AHEAD... of cnt writes. */
static inline void ahead_of_entry(const hd_version_input *in, uint32_t kind, const entry *entries,
                                  uint32_t i, uint32_t cnt) {
    const hd_results *res = in->results;
    if (i + AHEAD_FAR < cnt)
        ahead(&res->receipts[entries[i + AHEAD_FAR].tx].account_off);
    if (i + AHEAD_NEAR >= cnt || entries[i + AHEAD_NEAR].idx == ENTRY_FEE)
        return;
    const entry *e = &entries[i + AHEAD_NEAR];
    const hd_receipt *r = &res->receipts[e->tx];
    const char *p = kind == 0 ? (const char *)&res->accounts[r->account_off + e->idx]
                              : (const char *)&res->slots[r->slot_off + e->idx];
    ahead(p);
    ahead(p + 64);
    ahead(p + 128);
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

static const hd_world_account *world_account(const hd_world *w, const uint32_t addr[5]) {
    uint32_t i = hd_world_account_hash(w->seed, addr) & w->account_mask;
    for (; w->account_table[i]; i = (i + 1) & w->account_mask) {
        const hd_world_account *a = &w->accounts[w->account_table[i] - 1];
        if (memcmp(a->addr, addr, sizeof(a->addr)) == 0)
            return a;
    }
    return NULL;
}

static hd_u256 world_slot(const hd_world *w, const hd_world_account *a, hd_u256 key) {
    uint32_t account_idx = (uint32_t)(a - w->accounts);
    uint32_t i = hd_world_slot_hash(w->seed, account_idx, key) & w->slot_mask;
    for (; w->slots[i].account_ref; i = (i + 1) & w->slot_mask) {
        const hd_world_slot *s = &w->slots[i];
        if (s->account_ref == account_idx + 1 && s->incarnation == a->incarnation &&
            hd_u256_is_equal(s->key, key))
            return s->value;
    }
    return hd_u256_zero();
}

hd_u256 hd_world_slot_value(const hd_world *w, const uint32_t addr[5], hd_u256 key) {
    const hd_world_account *a = world_account(w, addr);
    return a ? world_slot(w, a, key) : hd_u256_zero();
}

static void entry_addr(uint32_t addr[5], const hd_version_index *x, uint32_t kind, const entry *e) {
    const hd_version_input *in = x->in;
    const hd_receipt *r = &in->results->receipts[e->tx];
    uint32_t i = kind == 0 ? e->idx : in->results->slots[r->slot_off + e->idx].account_idx;
    hd_addr_from_wire(addr, e->idx == ENTRY_FEE ? &in->envs[in->txs[e->tx].env_idx].coinbase
                                                : &in->results->accounts[r->account_off + i].addr);
}

/* The account as the world has it, as a version before all. */
hd_account_version hd_account_version_of_world(const hd_world *w, const uint32_t addr[5]) {
    hd_account_version v;
    memset(&v, 0, sizeof(v));
    const hd_world_account *a = world_account(w, addr);
    if (!a || !(a->flags & HD_ACCOUNT_EXISTS))
        return v;
    v.balance_wei = a->balance_wei;
    v.nonce = a->nonce;
    v.code_ref = a->code_idx;
    v.flags = HD_VERSION_EXISTS;
    if (a->flags & HD_ACCOUNT_HAS_STORAGE)
        v.flags |= HD_VERSION_HAS_STORAGE;
    return v;
}

static void version_delete(hd_account_version *v, uint32_t tx) {
    v->balance_wei = hd_u256_zero();
    v->nonce = 0;
    v->code_ref = 0;
    v->flags = 0;
    v->wiped = tx + 1;
}

/* EIP-158: what was touched and is empty goes; before it, what was touched is there. */
static void version_touch(hd_account_version *v, uint32_t tx, uint32_t fork) {
    v->flags |= HD_VERSION_EXISTS;
    if (HD_KEEPS(HD_MUTATION_TOUCH) && fork >= HD_FORK_SPURIOUS && v->nonce == 0 &&
        v->code_ref == 0 && hd_u256_is_zero(v->balance_wei))
        version_delete(v, tx);
}

/* v becomes the account after the entry's transaction. */
static void version_fold(hd_account_version *v, const hd_version_index *x, const entry *e) {
    const hd_version_input *in = x->in;
    const hd_receipt *r = &in->results->receipts[e->tx];
    uint32_t fork = in->envs[in->txs[e->tx].env_idx].fork;
    v->tx = e->tx;
    if (e->idx == ENTRY_FEE) {
        v->balance_wei = hd_u256_add(v->balance_wei, r->fee_wei);
        version_touch(v, e->tx, fork);
        return;
    }
    hd_account_version_fold(v, &in->results->accounts[r->account_off + e->idx], e->tx, fork);
}

void hd_account_version_fold(hd_account_version *v, const hd_account_diff *d, uint32_t tx,
                             uint32_t fork) {
    v->tx = tx;
    if (d->flags & HD_DIFF_DESTROYED) {
        version_delete(v, tx);
        return;
    }
    /* A deletion of a touched empty account: the values are those of an empty one. */
    v->balance_wei =
        HD_KEEPS(HD_MUTATION_SUM)
            ? hd_u256_add(v->balance_wei, hd_u256_sub(d->balance_wei, d->original_balance_wei))
            : d->balance_wei;
    if (d->nonce != d->original_nonce)
        v->nonce = d->nonce;
    if (d->flags & HD_DIFF_CODE)
        v->code_ref = d->code_sz ? d->reserved : 0;
    if (d->flags & HD_DIFF_SLOTS)
        v->flags |= HD_VERSION_HAS_STORAGE | HD_VERSION_STORAGE_UNSURE;
    if (d->flags & HD_DIFF_TOUCHED)
        version_touch(v, tx, fork);
    else
        v->flags |= HD_VERSION_EXISTS;
}

static hd_err build_accounts(hd_version_index *x, part *p, const entry *entries, uint32_t cnt) {
    uint32_t cap = table_cap(cnt), key_cnt = 0;
    hd_err err = room_make(&p->account_table, (size_t)cap * 4);
    if (err == HD_OK)
        err = room_make(&p->accounts, (size_t)cnt * sizeof(hd_versions_account));
    if (err == HD_OK)
        err = room_make(&p->account_versions, (size_t)cnt * sizeof(hd_account_version));
    if (err == HD_OK)
        err = room_make(&p->key_ids, (size_t)cnt * 4);
    if (err != HD_OK)
        return err;
    uint32_t *table = p->account_table.p, *ids = p->key_ids.p;
    hd_versions_account *keys = p->accounts.p;
    hd_account_version *versions = p->account_versions.p;
    memset(table, 0, (size_t)cap * 4);
    for (uint32_t i = 0; i < cnt; i++) {
        uint32_t addr[5], h = entries[i].hash >> PART_BITS;
        ahead_of_entry(x->in, 0, entries, i, cnt);
        entry_addr(addr, x, 0, &entries[i]);
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
    uint32_t at = 0;
    for (uint32_t k = 0; k < key_cnt; k++) {
        keys[k].first = at;
        at += keys[k].cnt;
        keys[k].cnt = 0;
    }
    /* Entries ascend by transaction, so each version follows the one before it. */
    for (uint32_t i = 0; i < cnt; i++) {
        hd_versions_account *k = &keys[ids[i]];
        if (i + AHEAD_FAR < cnt)
            ahead_of_world(x->in->world, entries[i + AHEAD_FAR].hash);
        if (i + AHEAD_NEAR < cnt)
            ahead_of_world_account(x->in->world, entries[i + AHEAD_NEAR].hash);
        hd_account_version v = k->cnt ? versions[k->first + k->cnt - 1]
                                      : hd_account_version_of_world(x->in->world, k->addr);
        version_fold(&v, x, &entries[i]);
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

/* What the slot held before transaction tx, where last (NULL: none) is its version before that.
   Versions of accounts must be there. */
static hd_u256 slot_before(const hd_version_index *x, const hd_versions_slot *k,
                           const hd_slot_version *last, uint32_t tx) {
    const hd_account_version *owner = hd_versions_account_find(&x->versions, k->addr, tx);
    uint32_t wiped = owner ? owner->wiped : 0;
    if (last && last->tx + 1 > wiped)
        return last->value;
    const hd_world_account *w = wiped ? NULL : world_account(x->in->world, k->addr);
    return w ? world_slot(x->in->world, w, k->key) : hd_u256_zero();
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
    hd_versions_slot *keys = p->slots.p;
    hd_slot_version *versions = p->slot_versions.p;
    const hd_results *res = x->in->results;
    p->sum_cnt = 0;
    memset(table, 0, (size_t)cap * 4);
    for (uint32_t i = 0; i < cnt; i++) {
        uint32_t addr[5], h = entries[i].hash >> PART_BITS;
        ahead_of_entry(x->in, 1, entries, i, cnt);
        hd_u256 key = res->slots[res->receipts[entries[i].tx].slot_off + entries[i].idx].key;
        entry_addr(addr, x, 1, &entries[i]);
        for (;; h++) {
            uint32_t *ref = &table[h & (cap - 1)];
            if (*ref == 0) {
                memset(&keys[key_cnt], 0, sizeof(keys[key_cnt]));
                memcpy(keys[key_cnt].addr, addr, sizeof(addr));
                keys[key_cnt].key = key;
                *ref = ++key_cnt;
            }
            hd_versions_slot *k = &keys[*ref - 1];
            if (hd_u256_is_equal(k->key, key) && memcmp(k->addr, addr, sizeof(addr)) == 0) {
                ids[i] = *ref - 1;
                k->cnt++;
                break;
            }
        }
    }
    uint32_t at = 0;
    for (uint32_t k = 0; k < key_cnt; k++) {
        keys[k].first = at;
        at += keys[k].cnt;
        keys[k].cnt = 0;
    }
    for (uint32_t i = 0; i < cnt; i++) {
        hd_versions_slot *k = &keys[ids[i]];
        const hd_slot_diff *d = &res->slots[res->receipts[entries[i].tx].slot_off + entries[i].idx];
        hd_slot_version *v = &versions[k->first + k->cnt];
        v->value = d->value;
        v->tx = entries[i].tx;
        v->reserved = 0;
        p->sum_cnt += (d->flags & HD_DIFF_ADD) != 0;
        if (d->flags & HD_DIFF_ADD)
            v->value = hd_u256_add(slot_before(x, k, k->cnt ? v - 1 : NULL, v->tx),
                                   hd_u256_sub(d->value, d->original));
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

hd_err hd_version_index_build(hd_version_index *x, const hd_versions **out,
                              const hd_version_input *in) {
    x->in = in;
    x->versions.seed = in->world->seed;
    x->versions.part_bits = PART_BITS;
    x->versions.parts = x->views;
    x->chunk_tx_cnt = HD_MAX(in->tx_cnt / CHUNK_CNT_MAX + 1, CHUNK_TX_MIN);
    x->chunk_cnt = (in->tx_cnt + x->chunk_tx_cnt - 1) / x->chunk_tx_cnt;
    find_coinbases(x);
    hd_err err = hd_pool_for(x->pool, x->chunk_cnt, 1, find_needs, x);
    uint32_t found = 0;
    for (uint32_t c = 0; c < x->chunk_cnt; c++)
        found |= x->found[c];
    x->with_fees = HD_KEEPS(HD_MUTATION_FEES) ? found & FOUND_FEES : 0;
    if (err == HD_OK)
        err = hd_pool_for(x->pool, x->chunk_cnt, 1, count_writes, x);
    if (err != HD_OK)
        return err;
    for (uint32_t kind = 0; kind < 2; kind++) {
        uint64_t at = 0;
        for (uint32_t p = 0; p < PART_CNT; p++) {
            x->first[kind][p] = (uint32_t)at;
            for (uint32_t c = 0; c < x->chunk_cnt; c++) {
                uint32_t cnt = x->counts[c][kind][p];
                x->counts[c][kind][p] = (uint32_t)at;
                at += cnt;
            }
            if (at >> 31)
                return HD_ERR_LIMIT;
            x->cnt[kind][p] = (uint32_t)at - x->first[kind][p];
        }
        err = room_make(&x->entries[kind], (size_t)at * sizeof(entry));
        if (err != HD_OK)
            return err;
    }
    err = hd_pool_for(x->pool, x->chunk_cnt, 1, place_writes, x);
    x->versions.code_cnt = 0; /* unless some were published */
    x->versions.code_bytes_sz = x->versions.jump_word_cnt = 0;
    if (err == HD_OK && found & FOUND_CODES)
        err = publish_codes(x);
    if (err == HD_OK)
        err = hd_pool_for(x->pool, PART_CNT, 1, build_account_parts, x);
    if (err == HD_OK) /* a sum of slots asks when their account was destroyed */
        err = hd_pool_for(x->pool, PART_CNT, 1, build_slot_parts, x);
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

#define IS_CHECKED(kind) (HD_KEEPS(HD_MUTATION_ALL) && HD_KEEPS(kind))

int hd_read_holds(const hd_account_diff *d, const hd_account_read *r, const hd_account_now *now) {
    uint32_t flags = r->flags;
    if (IS_CHECKED(HD_MUTATION_CODE) &&
        memcmp(now->code_hash, &r->code_hash, sizeof(r->code_hash)) != 0)
        return 0;
    if (IS_CHECKED(HD_MUTATION_NONCE) && (flags & HD_READ_NONCE) && now->nonce != d->original_nonce)
        return 0;
    if (IS_CHECKED(HD_MUTATION_BALANCE) && (flags & HD_READ_BALANCE) &&
        !hd_u256_is_equal(now->balance_wei, d->original_balance_wei))
        return 0;
    /* Bounds are said of balances below 2^255, whose sums do not wrap. */
    if (HD_KEEPS(HD_MUTATION_ALL) && (flags & (HD_READ_AT_LEAST | HD_READ_BELOW)) &&
        now->balance_wei.w[3] >> 63)
        return 0;
    if (IS_CHECKED(HD_MUTATION_AT_LEAST) && (flags & HD_READ_AT_LEAST) &&
        hd_u256_lt(now->balance_wei, r->at_least_wei))
        return 0;
    if (IS_CHECKED(HD_MUTATION_BELOW) && (flags & HD_READ_BELOW) &&
        !hd_u256_lt(now->balance_wei, r->below_wei))
        return 0;
    if (IS_CHECKED(HD_MUTATION_EXISTS) && (flags & HD_READ_EXISTS) &&
        now->is_there != ((d->flags & HD_DIFF_EXISTED) != 0))
        return 0;
    return !IS_CHECKED(HD_MUTATION_STORAGE) || !(flags & HD_READ_STORAGE) ||
           now->has_storage == ((flags & HD_READ_HAD_STORAGE) != 0);
}

int hd_slot_holds(const hd_results *res, uint64_t i, hd_u256 now) {
    const hd_slot_diff *d = &res->slots[i];
    if (!(d->flags & HD_DIFF_RANGE))
        return !IS_CHECKED(HD_MUTATION_SLOT) || hd_u256_is_equal(now, d->original);
    const hd_slot_read *r = &res->slot_reads[i];
    return (!IS_CHECKED(HD_MUTATION_TAG_LO) || !hd_u256_lt(now, r->lo)) &&
           (!IS_CHECKED(HD_MUTATION_TAG_HI) || !hd_u256_lt(r->hi, now));
}

void hd_slot_settle(hd_slot_diff *d, hd_u256 now) {
    if (d->flags & HD_DIFF_ADD)
        d->value = hd_u256_add(now, hd_u256_sub(d->value, d->original));
    d->original = now;
    d->flags &= HD_DIFF_CHANGED;
}

void hd_account_settle(hd_account_diff *d, const hd_account_now *now, uint32_t fork) {
    uint32_t written = HD_DIFF_CHANGED | HD_DIFF_DESTROYED;
    if (fork >= HD_FORK_SPURIOUS || (d->flags & HD_DIFF_EXISTS))
        written |= HD_DIFF_TOUCHED;
    int is_nonce_written = d->nonce != d->original_nonce;
    d->balance_wei =
        hd_u256_add(now->balance_wei, hd_u256_sub(d->balance_wei, d->original_balance_wei));
    d->original_balance_wei = now->balance_wei;
    if (!is_nonce_written)
        d->nonce = now->nonce;
    d->original_nonce = now->nonce;
    d->reserved = 0;
    d->flags &= ~(HD_DIFF_EXISTED | HD_DIFF_DELETED);
    if (now->is_there)
        d->flags |= HD_DIFF_EXISTED;
    if (!(d->flags & written))
        return;
    int is_empty = d->nonce == 0 && hd_u256_is_zero(d->balance_wei) &&
                   memcmp(&d->code_hash, &no_code, sizeof(no_code)) == 0;
    if ((d->flags & HD_DIFF_DESTROYED) ||
        ((d->flags & HD_DIFF_TOUCHED) && fork >= HD_FORK_SPURIOUS && is_empty)) {
        d->flags &= ~(HD_DIFF_CHANGED | HD_DIFF_CODE);
        if (now->is_there)
            d->flags |= HD_DIFF_DELETED | HD_DIFF_CHANGED | HD_DIFF_EXISTS;
        return;
    }
    d->flags &= ~HD_DIFF_CHANGED;
    if (!now->is_there || !hd_u256_is_equal(d->balance_wei, d->original_balance_wei) ||
        d->nonce != d->original_nonce || (d->flags & (HD_DIFF_CODE | HD_DIFF_SLOTS)))
        d->flags |= HD_DIFF_CHANGED | HD_DIFF_EXISTS;
}

void hd_account_version_now(hd_account_now *now, const hd_account_version *v,
                            const hd_versions *versions, const hd_world *world) {
    now->balance_wei = v->balance_wei;
    now->nonce = v->nonce;
    now->code_hash = v->code_ref & HD_CODE_VERSION
                         ? &versions->codes[v->code_ref & ~HD_CODE_VERSION].hash
                         : &world->codes[v->code_ref].hash;
    now->is_there = v->flags & HD_VERSION_EXISTS;
    now->has_storage = v->flags & HD_VERSION_STORAGE_UNSURE ? 2
                       : v->flags & HD_VERSION_HAS_STORAGE  ? 1
                                                            : 0;
}

#define KEPT_MAX 16u

int hd_versions_hold(const hd_versions *versions, const hd_version_input *in, uint32_t t) {
    const hd_results *res = in->results;
    const hd_receipt *r = &res->receipts[t];
    const hd_account_version *kept[KEPT_MAX];
    if (r->status > HD_TX_HALT && r->status < HD_TX_INVALID)
        return 0;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        const hd_account_diff *d = &res->accounts[r->account_off + i];
        hd_account_now now;
        uint32_t addr[5];
        hd_addr_from_wire(addr, &d->addr);
        const hd_account_version *v = hd_versions_account_find(versions, addr, t);
        if (i < KEPT_MAX)
            kept[i] = v;
        hd_account_version world;
        if (!v) {
            /* What ran against the world saw the world, but for a sender that was assumed. */
            int is_assumed = HD_KEEPS(HD_MUTATION_ASSUMED) &&
                             memcmp(&d->addr, &in->txs[t].sender, sizeof(d->addr)) == 0;
            int is_late = HD_KEEPS(HD_MUTATION_LATE) && in->is_late[t];
            if (!is_late && !is_assumed)
                continue;
            world = hd_account_version_of_world(in->world, addr);
            v = &world;
        }
        hd_account_version_now(&now, v, versions, in->world);
        if (!hd_read_holds(d, &res->reads[r->account_off + i], &now))
            return 0;
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &res->slots[r->slot_off + i];
        const hd_account_diff *owner = &res->accounts[r->account_off + d->account_idx];
        uint32_t addr[5];
        hd_addr_from_wire(addr, &owner->addr);
        const hd_account_version *a = d->account_idx < KEPT_MAX
                                          ? kept[d->account_idx]
                                          : hd_versions_account_find(versions, addr, t);
        uint32_t wiped = a ? a->wiped : 0;
        const hd_slot_version *v = hd_versions_slot_find(versions, addr, d->key, t);
        hd_u256 now = hd_u256_zero();
        if (v && v->tx + 1 > wiped) {
            now = v->value;
        } else if (!wiped) {
            if (!HD_KEEPS(HD_MUTATION_LATE) || !in->is_late[t])
                continue;
            const hd_world_account *w = world_account(in->world, addr);
            if (w)
                now = world_slot(in->world, w, d->key);
        }
        if (!hd_slot_holds(res, r->slot_off + i, now))
            return 0;
    }
    return 1;
}

/* Transactions are compared one after the other; what the next ones will look up is known. */
static void ahead_of_check(const hd_version_index *x, uint32_t t, uint32_t last) {
    const hd_version_input *in = x->in;
    const hd_results *res = in->results;
    for (uint32_t near = 0; near < 2; near++) { /* far first, of the transaction after the next */
        uint32_t n = t + (near ? 1 : 2);
        if (n >= last)
            continue;
        const hd_receipt *r = &res->receipts[n];
        for (uint32_t i = 0; i < HD_MIN(r->account_cnt, KEPT_MAX); i++) {
            uint32_t addr[5];
            hd_addr_from_wire(addr, &res->accounts[r->account_off + i].addr);
            uint32_t h = hd_world_account_hash(x->versions.seed, addr);
            const hd_versions_part *p = &x->views[h & (PART_CNT - 1)];
            const uint32_t *ref = &p->account_table[(h >> PART_BITS) & p->account_mask];
            int is_sender = i == 0;
            if (!near) {
                ahead(ref);
                if (is_sender)
                    ahead_of_world(in->world, h);
                continue;
            }
            if (*ref)
                ahead(&p->accounts[*ref - 1]);
            if (is_sender)
                ahead_of_world_account(in->world, h);
        }
        for (uint32_t i = 0; i < HD_MIN(r->slot_cnt, KEPT_MAX); i++) {
            const hd_slot_diff *d = &res->slots[r->slot_off + i];
            uint32_t addr[5];
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

static hd_err check_chunks(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_version_index *x = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first, last;
        chunk_range(x, c, &first, &last);
        x->found[c] = 0;
        for (uint32_t t = first; t < last; t++) {
            ahead_of_check(x, t, last);
            if (!hd_versions_hold(&x->versions, x->in, t))
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
                    d,
                    slot_before(x, &k, hd_versions_slot_find(&x->versions, k.addr, d->key, t), t));
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
        p->rest = p->key_ids.p;
        p->rest_cnt = 0;
        for (uint32_t k = 0; k < p->view->account_cnt; k++) {
            const hd_account_version *v = last_account(p, k);
            if (v->wiped || !(v->flags & HD_VERSION_EXISTS) || v->code_ref & HD_CODE_VERSION ||
                !hd_state_bulk_account(x->bulk, (uint32_t)i, p->view->accounts[k].addr, v->nonce,
                                       v->balance_wei, v->code_ref))
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
            const hd_versions_slot *key = &p->view->slots[k];
            const hd_slot_version *v = last_slot(p, k);
            const hd_account_version *owner =
                hd_versions_account_find(&x->versions, key->addr, UINT32_MAX);
            if (HD_KEEPS(HD_MUTATION_WIPED_COMMIT) && owner && owner->wiped >= v->tx + 1)
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
