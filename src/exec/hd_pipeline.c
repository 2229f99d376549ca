/* hd_pipeline.c - the pipeline's driver: which phase comes when, memory for a block, growth of the
   resident tables. What a backend does not do itself is in hd_pipeline_serial.c. */
#include "exec/hd_pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "exec/hd_pipe_engine.h"
#include "exec/hd_pipeline_serial.h"

/* The host's path costs the whole resident state twice, so rounds go on as long as each settles an
   eighth of what is left. */
#define ROUND_MAX 64u
#define ROUND_GAIN 8u
#define RAW_PAD 64u /* lanes read calldata in words */

enum {
    M_COUNTERS,
    M_LATE,
    M_INVALID,
    M_LIST,
    M_GAS,
    M_FOLDS,
    M_WIPES,
    M_ACCOUNT_KEYS,
    M_ACCOUNT_VERSIONS,
    M_SLOT_KEYS,
    M_SLOT_VERSIONS,
    M_VERSIONS,
    M_SET, /* of accounts: eight arrays; then of slots */
    M_WORLD_ACCOUNTS = M_SET + 16,
    M_WORLD_TABLE,
    M_WORLD_SLOTS,
    M_WORLD_CODES,
    M_WORLD_BYTES,
    M_WORLD_JUMPS,
    M_NODES,
    M_BLOOM,
    M_CNT
};

typedef struct {
    void *p;
    size_t sz;
} room;

/* What admission makes of a block. There are two, so that one block is admitted while the one
   before it runs. */
enum { IN_ENV, IN_COUNTERS, IN_RAW, IN_RAW_OFF, IN_TXS, IN_HASHES, IN_ITEMS, IN_SENDERS, IN_CNT };

typedef struct {
    room rooms[IN_CNT];
    hd_pipe pipe;            /* the fields of admission */
    hd_pipeline_block block; /* as it was given */
    uint32_t is_begun;
    size_t raw_sz;
} intake;

struct hd_pipeline {
    const hd_pipe_engine *e;
    void *ctx;
    room rooms[M_CNT];
    intake in[2];
    uint32_t in_idx; /* of the block that runs, or that runs next */
    hd_pipe pipe;
    hd_pipe_counters counters; /* as last read */
    uint32_t backend;
    uint32_t threads;
    uint32_t is_loaded;
    uint32_t account_cap;
    size_t raw_sz;
};

#define TRY(call) \
    do { \
        hd_err try_ = (call); \
        if (try_ != HD_OK) \
            return try_; \
    } while (0)

/* ---- memory ---- */

/* Room for sz bytes; what was there is lost. */
static hd_err room_grow(hd_pipeline *p, room *r, void **out, size_t sz) {
    if (sz > r->sz || !r->p) {
        size_t want = sz + sz / 8 + 256;
        p->e->release(p->ctx, r->p);
        r->p = NULL;
        r->sz = 0;
        TRY(p->e->alloc(p->ctx, &r->p, want));
        r->sz = want;
    }
    *out = r->p;
    return HD_OK;
}

#define ROOM_AT(room, field, cnt) \
    TRY(room_grow(p, room, (void **)&(field), (size_t)(cnt) * sizeof(*(field))))
#define ROOM(which, field, cnt) ROOM_AT(&p->rooms[which], field, cnt)

static hd_err run(hd_pipeline *p, uint32_t phase, uint32_t cnt) {
    return cnt ? p->e->run(p->ctx, phase, &p->pipe, cnt) : HD_OK;
}

static hd_err counters_put(hd_pipeline *p) {
    return p->e->up(p->ctx, p->pipe.counters, &p->counters, sizeof(p->counters));
}
static hd_err counters_get(hd_pipeline *p) {
    return p->e->down(p->ctx, &p->counters, p->pipe.counters, sizeof(p->counters));
}

static uint32_t table_cap(uint64_t cnt) {
    uint64_t cap = 64;
    while (cap < 2 * cnt)
        cap *= 2;
    return (uint32_t)cap;
}

/* ---- opening ---- */

hd_err hd_pipeline_open(hd_pipeline **out, const hd_pipeline_options *options) {
    hd_err err = HD_ERR_ABSENT;
    uint32_t backend = options->backend;
    if (backend != HD_BACKEND_AUTO && backend != HD_BACKEND_HOST && backend != HD_BACKEND_CUDA)
        return HD_ERR_UNSUPPORTED;
    hd_pipeline *p = calloc(1, sizeof(*p));
    if (!p)
        return HD_ERR_NOMEM;
    p->threads = options->threads;
#ifdef HD_WITH_CUDA
    if (backend != HD_BACKEND_HOST) {
        err = hd_pipe_cuda_open(&p->e, &p->ctx);
        p->backend = HD_BACKEND_CUDA;
    }
#endif
    if (backend == HD_BACKEND_HOST || (backend == HD_BACKEND_AUTO && err == HD_ERR_ABSENT)) {
        err = hd_pipe_host_open(&p->e, &p->ctx, p->threads);
        p->backend = HD_BACKEND_HOST;
    }
    if (err != HD_OK) {
        free(p);
        return err;
    }
    *out = p;
    return HD_OK;
}

void hd_pipeline_close(hd_pipeline *p) {
    if (!p)
        return;
    for (uint32_t i = 0; i < M_CNT; i++)
        p->e->release(p->ctx, p->rooms[i].p);
    for (uint32_t i = 0; i < 2 * IN_CNT; i++)
        p->e->release(p->ctx, p->in[i / IN_CNT].rooms[i % IN_CNT].p);
    p->e->close(p->ctx);
    free(p);
}

uint32_t hd_pipeline_backend(const hd_pipeline *p) { return p->backend; }

hd_err hd_pipeline_pin(hd_pipeline *p, void **out, size_t sz) { return p->e->pin(p->ctx, out, sz); }

void hd_pipeline_unpin(hd_pipeline *p, void *memory) {
    if (memory)
        p->e->unpin(p->ctx, memory);
}

/* ---- the resident tables ---- */

/* New slot tables of cap places; old ones (cnt places, or none) are put in and given back. */
static hd_err slots_make(hd_pipeline *p, uint32_t cap, hd_world_slot *old, uint32_t old_cnt) {
    room *r = &p->rooms[M_WORLD_SLOTS];
    void *slots = NULL;
    size_t sz = (size_t)cap * sizeof(hd_world_slot);
    hd_err err = p->e->alloc(p->ctx, &slots, sz);
    if (err == HD_OK)
        err = p->e->zero(p->ctx, slots, sz);
    if (err != HD_OK) {
        p->e->release(p->ctx, slots);
        return err;
    }
    p->pipe.world.slots = slots;
    p->pipe.world.slot_mask = cap - 1;
    p->pipe.old_slots = old;
    p->counters.slot_cnt = 0;
    err = counters_put(p);
    if (err == HD_OK)
        err = run(p, HD_PIPE_GROW_SLOT, old_cnt);
    if (err == HD_OK)
        err = counters_get(p); /* and what is given back is read no more */
    p->e->release(p->ctx, r->p);
    r->p = slots;
    r->sz = sz;
    return err;
}

/* Account tables for cap accounts, of which cnt are there. */
static hd_err accounts_make(hd_pipeline *p, uint32_t cap, uint32_t cnt) {
    room *r = &p->rooms[M_WORLD_ACCOUNTS];
    void *accounts = NULL;
    uint32_t table_cnt = table_cap(cap), *table;
    TRY(p->e->alloc(p->ctx, &accounts, (size_t)cap * sizeof(hd_world_account)));
    hd_err err = HD_OK;
    if (cnt)
        err = p->e->move(p->ctx, accounts, r->p, (size_t)cnt * sizeof(hd_world_account));
    if (err == HD_OK)
        err = p->e->wait(p->ctx);
    p->e->release(p->ctx, r->p);
    r->p = accounts;
    r->sz = (size_t)cap * sizeof(hd_world_account);
    p->pipe.world.accounts = accounts;
    p->account_cap = cap;
    if (err != HD_OK)
        return err;
    ROOM(M_WORLD_TABLE, table, table_cnt);
    p->pipe.world.account_table = table;
    p->pipe.world.account_mask = table_cnt - 1;
    TRY(p->e->zero(p->ctx, table, (size_t)table_cnt * 4));
    return run(p, HD_PIPE_GROW_ACCOUNT, cnt);
}

/* Before the commit: room for all that it may add. */
static hd_err make_room(hd_pipeline *p) {
    uint64_t account_need = (uint64_t)p->counters.account_cnt + p->counters.account_new;
    uint64_t slot_need = (uint64_t)p->counters.slot_cnt + p->pipe.set[1].key_cnt;
    uint64_t slot_cap = (uint64_t)p->pipe.world.slot_mask + 1;
    if (account_need >> 28 || slot_need >> 29)
        return HD_ERR_LIMIT;
    if (account_need > p->account_cap)
        TRY(accounts_make(p, (uint32_t)(account_need + account_need / 2), p->counters.account_cnt));
    if (2 * slot_need > slot_cap)
        TRY(slots_make(p, table_cap(slot_need), (hd_world_slot *)p->pipe.world.slots,
                       (uint32_t)slot_cap));
    return HD_OK;
}

static hd_err load_codes(hd_pipeline *p, const hd_world *w) {
    uint64_t byte_cnt = 0, word_cnt = 0;
    for (uint32_t i = 0; i < w->code_cnt; i++) {
        const hd_world_code *c = &w->codes[i];
        byte_cnt = HD_MAX(byte_cnt, c->code_off + c->code_sz + 33);
        word_cnt = HD_MAX(word_cnt, c->jump_off + c->code_sz / 64 + 1);
    }
    hd_world_code *codes;
    uint8_t *bytes;
    uint64_t *words;
    ROOM(M_WORLD_CODES, codes, w->code_cnt);
    ROOM(M_WORLD_BYTES, bytes, byte_cnt);
    ROOM(M_WORLD_JUMPS, words, word_cnt);
    TRY(p->e->up(p->ctx, codes, w->codes, (size_t)w->code_cnt * sizeof(*codes)));
    TRY(p->e->up(p->ctx, bytes, w->code_bytes, byte_cnt));
    TRY(p->e->up(p->ctx, words, w->jump_words, word_cnt * 8));
    p->pipe.world.codes = codes;
    p->pipe.world.code_bytes = bytes;
    p->pipe.world.jump_words = words;
    p->pipe.world.code_cnt = w->code_cnt;
    return HD_OK;
}

/* The tables of w as they are, but for places that mean nothing any more. */
static hd_err load_tables(hd_pipeline *p, const hd_world *w) {
    void *old = NULL;
    size_t old_sz = ((size_t)w->slot_mask + 1) * sizeof(hd_world_slot);
    hd_pipe_counters *counters;
    p->pipe.world.seed = w->seed;
    p->pipe.world.flags = HD_WORLD_COMPLETE;
    p->pipe.world.account_cnt = w->account_cnt;
    memset(&p->counters, 0, sizeof(p->counters));
    p->counters.account_cnt = w->account_cnt;
    ROOM(M_COUNTERS, counters, 1);
    p->pipe.counters = counters;
    TRY(counters_put(p));
    TRY(load_codes(p, w));
    TRY(accounts_make(p, HD_MAX(w->account_cnt + w->account_cnt / 4, 64u), 0));
    TRY(p->e->up(p->ctx, (void *)p->pipe.world.accounts, w->accounts,
                 (size_t)w->account_cnt * sizeof(hd_world_account)));
    TRY(run(p, HD_PIPE_GROW_ACCOUNT, w->account_cnt));
    TRY(p->e->alloc(p->ctx, &old, old_sz));
    hd_err err = p->e->up(p->ctx, old, w->slots, old_sz);
    if (err == HD_OK)
        err =
            slots_make(p, table_cap(((uint64_t)w->slot_mask + 1) / 2 + 64), old, w->slot_mask + 1);
    p->e->release(p->ctx, old);
    return err;
}

static void key_of(hd_forest_key *out, const uint8_t *in, size_t sz) {
    uint8_t hash[32];
    hd_keccak256(hash, in, sz);
    memcpy(out, hash, sizeof(hash));
}

typedef struct {
    hd_forest_account_change *accounts;
    hd_forest_slot_change *slots;
    size_t account_cnt, slot_cnt, slot_max;
    hd_err err;
} leaves;

static void add_slot(void *ctx, hd_u256 key, hd_u256 value) {
    leaves *l = ctx;
    uint8_t be[32];
    if (l->err == HD_OK && l->slot_cnt == l->slot_max) {
        size_t next = l->slot_max * 2 + 1024;
        void *q = realloc(l->slots, next * sizeof(*l->slots));
        if (!q)
            l->err = HD_ERR_NOMEM;
        else
            l->slots = q;
        l->slot_max = q ? next : l->slot_max;
    }
    if (l->err != HD_OK)
        return;
    hd_forest_slot_change *c = &l->slots[l->slot_cnt++];
    memset(c, 0, sizeof(*c));
    hd_u256_store_be(be, key);
    key_of(&c->key, be, sizeof(be));
    c->value = value;
    c->account = (uint32_t)l->account_cnt - 1;
}

/* All leaves of the state as one batch. */
static hd_err load_forest(hd_hash *root, hd_pipeline *p, const hd_state *s) {
    uint32_t max = hd_state_account_max(s);
    leaves l = {.accounts = malloc(((size_t)max + 1) * sizeof(*l.accounts))};
    hd_forest_account_change *accounts;
    hd_forest_slot_change *slots;
    hd_err err = l.accounts ? p->e->forest_reset(p->ctx) : HD_ERR_NOMEM;
    for (uint32_t i = 0; err == HD_OK && i < max; i++) {
        hd_address addr;
        hd_state_account a;
        if (!hd_state_account_at(&addr, &a, s, i))
            continue;
        hd_forest_account_change *c = &l.accounts[l.account_cnt++];
        memset(c, 0, sizeof(*c));
        key_of(&c->key, addr.b, sizeof(addr));
        c->balance_wei = a.balance_wei;
        c->nonce = a.nonce;
        memcpy(&c->code_hash, &a.code_hash, sizeof(c->code_hash));
        hd_state_each_slot(s, &addr, add_slot, &l);
        err = l.err;
    }
    if (err == HD_OK)
        err = p->e->changes(p->ctx, &accounts, &slots, l.account_cnt, l.slot_cnt);
    if (err == HD_OK)
        err = p->e->up(p->ctx, accounts, l.accounts, l.account_cnt * sizeof(*accounts));
    if (err == HD_OK)
        err = p->e->up(p->ctx, slots, l.slots, l.slot_cnt * sizeof(*slots));
    if (err == HD_OK)
        err = p->e->root(p->ctx, root);
    free(l.accounts);
    free(l.slots);
    return err;
}

hd_err hd_pipeline_load(hd_hash *root, hd_pipeline *p, const hd_state *s) {
    hd_world w;
    p->is_loaded = 0;
    hd_state_world(&w, s);
    TRY(load_tables(p, &w));
    TRY(load_forest(root, p, s));
    TRY(p->e->wait(p->ctx));
    p->is_loaded = 1;
    return HD_OK;
}

hd_err hd_pipeline_fetch(hd_state *out, hd_pipeline *p) {
    if (!p->is_loaded)
        return HD_ERR_ABSENT;
    const hd_world *w = &p->pipe.world;
    size_t account_cnt = p->counters.account_cnt, slot_cnt = (size_t)w->slot_mask + 1;
    size_t byte_sz = p->rooms[M_WORLD_BYTES].sz;
    hd_world_account *accounts = malloc((account_cnt + 1) * sizeof(*accounts));
    hd_world_slot *slots = malloc(slot_cnt * sizeof(*slots));
    hd_world_code *codes = malloc(((size_t)w->code_cnt + 1) * sizeof(*codes));
    uint8_t *bytes = malloc(byte_sz + 1);
    hd_err err = accounts && slots && codes && bytes ? HD_OK : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = p->e->down(p->ctx, accounts, w->accounts, account_cnt * sizeof(*accounts));
    if (err == HD_OK)
        err = p->e->down(p->ctx, slots, w->slots, slot_cnt * sizeof(*slots));
    if (err == HD_OK)
        err = p->e->down(p->ctx, codes, w->codes, w->code_cnt * sizeof(*codes));
    if (err == HD_OK)
        err = p->e->down(p->ctx, bytes, w->code_bytes, byte_sz);
    hd_state_reset(out);
    for (size_t i = 0; err == HD_OK && i < account_cnt; i++) {
        const hd_world_account *a = &accounts[i];
        hd_address addr;
        if (!(a->flags & HD_ACCOUNT_EXISTS))
            continue;
        const hd_world_code *c = &codes[a->code_idx];
        hd_addr_to_wire(&addr, a->addr);
        err = hd_state_set_account(out, &addr, a->nonce, a->balance_wei);
        if (err == HD_OK && c->code_sz)
            err = hd_state_set_code(out, &addr, &c->hash, bytes + c->code_off, c->code_sz);
    }
    for (size_t i = 0; err == HD_OK && i < slot_cnt; i++) {
        const hd_world_slot *s = &slots[i];
        hd_address addr;
        if (s->account_ref == 0 || hd_u256_is_zero(s->value))
            continue;
        const hd_world_account *a = &accounts[s->account_ref - 1];
        if (a->incarnation != s->incarnation || !(a->flags & HD_ACCOUNT_EXISTS))
            continue;
        hd_addr_to_wire(&addr, a->addr);
        err = hd_state_set_slot(out, &addr, s->key, s->value);
    }
    free(accounts);
    free(slots);
    free(codes);
    free(bytes);
    return err;
}

/* ---- a block ---- */

static hd_err block_check(const hd_pipeline_block *b) {
    if (b->tx_cnt > HD_PIPELINE_TX_MAX)
        return HD_ERR_LIMIT;
    if (b->tx_cnt && b->off[0] > b->off[b->tx_cnt])
        return HD_ERR_LIMIT;
    for (uint32_t i = 0; i < b->tx_cnt; i++)
        if (b->off[i] > b->off[i + 1])
            return HD_ERR_LIMIT;
    return b->tx_cnt && b->off[b->tx_cnt] > HD_PIPELINE_RAW_MAX ? HD_ERR_LIMIT : HD_OK;
}

/* ---- admission: queued, nobody waits ---- */

static hd_err in_upload(hd_pipeline *p, intake *in, const hd_pipeline_block *b) {
    hd_pipe *q = &in->pipe;
    uint32_t n = b->tx_cnt;
    uint8_t *raw;
    uint64_t *raw_off;
    hd_env *env;
    hd_recover_result *senders;
    in->raw_sz = (size_t)b->off[n];
    ROOM_AT(&in->rooms[IN_ENV], env, 1);
    ROOM_AT(&in->rooms[IN_COUNTERS], q->counters, 1);
    ROOM_AT(&in->rooms[IN_RAW], raw, in->raw_sz + RAW_PAD);
    ROOM_AT(&in->rooms[IN_RAW_OFF], raw_off, (size_t)n + 1);
    ROOM_AT(&in->rooms[IN_TXS], q->txs, n);
    ROOM_AT(&in->rooms[IN_HASHES], q->hashes, n);
    ROOM_AT(&in->rooms[IN_ITEMS], q->items, n);
    ROOM_AT(&in->rooms[IN_SENDERS], senders, n);
    q->raw = raw;
    q->raw_off = raw_off;
    q->env = env;
    q->senders = senders;
    q->tx_cnt = n;
    q->fork = b->env.fork;
    q->chain_id = b->env.chain_id;
    TRY(p->e->zero(p->ctx, q->counters, sizeof(*q->counters)));
    TRY(p->e->up(p->ctx, env, &b->env, sizeof(*env)));
    TRY(p->e->up(p->ctx, raw, b->raw, in->raw_sz));
    TRY(p->e->zero(p->ctx, raw + in->raw_sz, RAW_PAD));
    return p->e->up(p->ctx, raw_off, b->off, ((size_t)n + 1) * 8);
}

static hd_err in_recover(hd_pipeline *p, intake *in) {
    hd_pipe *q = &in->pipe;
    TRY(p->e->recover(p->ctx, (hd_recover_result *)q->senders, q->items, q->tx_cnt));
    return p->e->run(p->ctx, HD_PIPE_SENDER, q, q->tx_cnt);
}

/* The block that is admitted becomes the one that runs. */
static hd_err in_take(hd_pipeline *p, const intake *in) {
    hd_pipe *q = &p->pipe;
    uint8_t *is_late;
    uint32_t *list, n = in->pipe.tx_cnt;
    hd_pipe_counters counters;
    ROOM(M_LATE, is_late, n);
    ROOM(M_INVALID, q->is_invalid, n);
    ROOM(M_LIST, list, n);
    ROOM(M_GAS, q->gas_at, (size_t)n + 1);
    q->is_late = is_late;
    q->list = list;
    q->raw = in->pipe.raw;
    q->raw_off = in->pipe.raw_off;
    q->env = in->pipe.env;
    q->txs = in->pipe.txs;
    q->hashes = in->pipe.hashes;
    q->items = in->pipe.items;
    q->senders = in->pipe.senders;
    q->tx_cnt = n;
    q->fork = in->pipe.fork;
    q->chain_id = in->pipe.chain_id;
    q->versions = NULL;
    p->raw_sz = in->raw_sz;
    TRY(p->e->down(p->ctx, &counters, in->pipe.counters, sizeof(counters)));
    p->counters.why = counters.why;
    TRY(counters_put(p));
    return p->e->zero(p->ctx, is_late, n);
}

static int is_same_block(const hd_pipeline_block *a, const hd_pipeline_block *b) {
    return a->raw == b->raw && a->off == b->off && a->tx_cnt == b->tx_cnt &&
           memcmp(&a->env, &b->env, sizeof(a->env)) == 0;
}

hd_err hd_pipeline_prepare(hd_pipeline *p, const hd_pipeline_block *block) {
    intake *in = &p->in[p->in_idx];
    TRY(block_check(block));
    if (in->is_begun) /* it waits for its turn: this one comes after it */
        in = &p->in[1 - p->in_idx];
    if (block->tx_cnt == 0 || in->is_begun)
        return HD_OK;
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_INTAKE);
    hd_err err = in_upload(p, in, block);
    if (err == HD_OK)
        err = p->e->run(p->ctx, HD_PIPE_ADMIT, &in->pipe, block->tx_cnt);
    if (err == HD_OK)
        err = in_recover(p, in);
    if (err == HD_OK)
        err = p->e->mark(p->ctx, (uint32_t)(in - p->in));
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_MAIN);
    in->block = *block;
    in->is_begun = err == HD_OK;
    return err;
}

/* The admission of the block that runs now: what was prepared, else from the start. */
static hd_err admit(hd_pipeline_result *out, hd_pipeline *p, const hd_pipeline_block *b) {
    uint64_t ns = hd_clock_ns(), now;
    intake *in = &p->in[p->in_idx];
    int is_prepared = in->is_begun && is_same_block(&in->block, b);
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_INTAKE);
    hd_err err = HD_OK;
    in->is_begun = 0;
    if (!is_prepared) {
        p->in[1 - p->in_idx].is_begun = 0; /* it was to follow another block */
        err = in_upload(p, in, b);
        if (err == HD_OK)
            err = p->e->wait(p->ctx);
        now = hd_clock_ns();
        out->upload_ns = now - ns;
        ns = now;
        if (err == HD_OK)
            err = p->e->run(p->ctx, HD_PIPE_ADMIT, &in->pipe, b->tx_cnt);
        if (err == HD_OK)
            err = p->e->wait(p->ctx);
        now = hd_clock_ns();
        out->admit_ns = now - ns;
        ns = now;
        if (err == HD_OK)
            err = in_recover(p, in);
        if (err == HD_OK)
            err = p->e->mark(p->ctx, p->in_idx);
    }
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_MAIN);
    if (err == HD_OK) /* the next block's admission may be queued behind: not to wait for that */
        err = p->e->meet(p->ctx, p->in_idx);
    if (err == HD_OK)
        err = in_take(p, in);
    out->recover_ns = hd_clock_ns() - ns;
    return err;
}

/* Keys, tables and room of one kind, from entries that are placed. */
static hd_err build_set(hd_pipeline *p, uint32_t kind) {
    hd_pipe_set *s = &p->pipe.set[kind];
    uint32_t n = s->entry_cnt;
    TRY(p->e->sort(p->ctx, s));
    TRY(run(p, kind ? HD_PIPE_SLOT_HEAD : HD_PIPE_ACCOUNT_HEAD, n));
    TRY(p->e->zero(p->ctx, s->key_at + n, 4));
    TRY(p->e->sum32(p->ctx, s->key_at, n + 1));
    TRY(run(p, kind ? HD_PIPE_SLOT_KEY : HD_PIPE_ACCOUNT_KEY, n));
    TRY(p->e->down(p->ctx, &s->key_cnt, s->key_at + n, 4));
    uint32_t cap = table_cap(s->key_cnt);
    s->mask = cap - 1;
    uint32_t base = M_SET + 8 * kind;
    ROOM(base + 6, s->table, cap);
    ROOM(base + 7, s->where, s->key_cnt);
    TRY(p->e->zero(p->ctx, s->table, (size_t)cap * 4));
    return run(p, kind ? HD_PIPE_SLOT_TABLE : HD_PIPE_ACCOUNT_TABLE, s->key_cnt);
}

static hd_err publish(hd_pipeline *p) {
    struct {
        hd_versions versions;
        hd_versions_part part;
    } v, *dev;
    hd_pipe *q = &p->pipe;
    ROOM(M_VERSIONS, dev, 1);
    memset(&v, 0, sizeof(v));
    v.versions.parts = &dev->part;
    v.versions.seed = q->world.seed;
    v.part.account_table = q->set[0].table;
    v.part.accounts = q->account_keys;
    v.part.account_versions = q->account_versions;
    v.part.account_mask = q->set[0].mask;
    v.part.slot_table = q->set[1].table;
    v.part.slots = q->slot_keys;
    v.part.slot_versions = q->slot_versions;
    v.part.slot_mask = q->set[1].mask;
    q->versions = &dev->versions;
    return p->e->up(p->ctx, dev, &v, sizeof(v));
}

static hd_err build_index(hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    uint32_t n = q->tx_cnt;
    for (uint32_t k = 0; k < 2; k++) {
        ROOM(M_SET + 8 * k, q->set[k].at, (size_t)n + 1);
        TRY(p->e->zero(p->ctx, q->set[k].at + n, 4));
    }
    p->counters.account_new = 0;
    TRY(counters_put(p));
    TRY(run(p, HD_PIPE_COUNT, n));
    for (uint32_t k = 0; k < 2; k++) {
        hd_pipe_set *s = &q->set[k];
        TRY(p->e->sum32(p->ctx, s->at, n + 1));
        TRY(p->e->down(p->ctx, &s->entry_cnt, s->at + n, 4));
        uint32_t base = M_SET + 8 * k;
        ROOM(base + 1, s->hash, s->entry_cnt);
        ROOM(base + 2, s->entry, s->entry_cnt);
        ROOM(base + 3, s->hash_by, s->entry_cnt);
        ROOM(base + 4, s->entry_by, s->entry_cnt);
        ROOM(base + 5, s->key_at, (size_t)s->entry_cnt + 1);
    }
    ROOM(M_FOLDS, q->folds, q->set[0].entry_cnt);
    ROOM(M_WIPES, q->wipes, q->set[0].entry_cnt);
    ROOM(M_ACCOUNT_KEYS, q->account_keys, q->set[0].entry_cnt);
    ROOM(M_ACCOUNT_VERSIONS, q->account_versions, q->set[0].entry_cnt);
    ROOM(M_SLOT_KEYS, q->slot_keys, q->set[1].entry_cnt);
    ROOM(M_SLOT_VERSIONS, q->slot_versions, q->set[1].entry_cnt);
    TRY(run(p, HD_PIPE_PLACE, n));
    TRY(build_set(p, 0));
    TRY(build_set(p, 1));
    uint32_t cnt = q->set[0].entry_cnt;
    TRY(run(p, HD_PIPE_FOLD_MAKE, cnt));
    if (cnt)
        TRY(p->e->scan_folds(p->ctx, q->folds, cnt));
    TRY(run(p, HD_PIPE_FOLD_APPLY, cnt));
    if (cnt)
        TRY(p->e->scan_wipes(p->ctx, q->wipes, cnt));
    TRY(run(p, HD_PIPE_WIPE_APPLY, cnt));
    TRY(run(p, HD_PIPE_SLOT_VERSION, q->set[1].entry_cnt));
    return publish(p);
}

/* A block hash may be missing that nobody asks for in order: that is for the host to see. */
static hd_err execute(hd_pipeline *p, const uint32_t *list, uint32_t cnt,
                      const hd_pipeline_block *b) {
    hd_err err = p->e->execute(p->ctx, &p->pipe, list, cnt, p->raw_sz, b);
    if (err != HD_ERR_ABSENT)
        return err;
    p->counters.why |= HD_PIPE_ROUNDS;
    return HD_OK;
}

/* Rounds until all holds, or counters.why says why not. */
static hd_err run_rounds(hd_pipeline_result *out, hd_pipeline *p, const hd_pipeline_block *b) {
    hd_pipe *q = &p->pipe;
    uint32_t invalid_cnt, last_cnt = q->tx_cnt;
    for (uint32_t round = 1;; round++) {
        uint64_t begin_ns = hd_clock_ns();
        TRY(build_index(p));
        TRY(run(p, HD_PIPE_CHECK, q->tx_cnt));
        TRY(p->e->select(p->ctx, (uint32_t *)q->list, &invalid_cnt, q->is_invalid, q->tx_cnt));
        TRY(counters_get(p));
        out->round_cnt++;
        out->index_ns += hd_clock_ns() - begin_ns;
        if (invalid_cnt == 0 || p->counters.why)
            return HD_OK;
        if (round > ROUND_MAX || invalid_cnt > last_cnt - last_cnt / ROUND_GAIN) {
            p->counters.why |= HD_PIPE_ROUNDS;
            return HD_OK;
        }
        last_cnt = invalid_cnt;
        begin_ns = hd_clock_ns();
        TRY(execute(p, q->list, invalid_cnt, b));
        if (p->counters.why)
            return HD_OK;
        TRY(run(p, HD_PIPE_LATE, invalid_cnt));
        out->rerun_cnt += invalid_cnt;
        out->again_ns += hd_clock_ns() - begin_ns;
    }
}

static hd_err check_gas(hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    TRY(run(p, HD_PIPE_GAS, q->tx_cnt));
    TRY(p->e->zero(p->ctx, q->gas_at + q->tx_cnt, 8));
    TRY(p->e->sum64(p->ctx, q->gas_at, q->tx_cnt + 1));
    TRY(run(p, HD_PIPE_GAS_CHECK, q->tx_cnt));
    return counters_get(p);
}

static hd_err commit(hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    TRY(make_room(p));
    p->is_loaded = 0; /* until it is whole again */
    TRY(run(p, HD_PIPE_COMMIT_ACCOUNT, q->set[0].key_cnt));
    TRY(run(p, HD_PIPE_FIND_SLOT, q->set[1].key_cnt));
    TRY(run(p, HD_PIPE_COMMIT_SLOT, q->set[1].key_cnt));
    TRY(counters_get(p));
    q->world.account_cnt = p->counters.account_cnt;
    return HD_OK;
}

static hd_err take_root(hd_hash *root, hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    uint32_t account_cnt = q->set[0].key_cnt;
    TRY(p->e->changes(p->ctx, &q->account_changes, &q->slot_changes, account_cnt,
                      q->set[1].key_cnt));
    p->counters.change_cnt = 0;
    TRY(counters_put(p));
    TRY(run(p, HD_PIPE_CHANGE_ACCOUNT, account_cnt));
    TRY(run(p, HD_PIPE_CHANGE_SLOT, q->set[1].key_cnt));
    TRY(counters_get(p));
    TRY(p->e->changes(p->ctx, &q->account_changes, &q->slot_changes, account_cnt,
                      p->counters.change_cnt));
    TRY(p->e->root(p->ctx, root));
    p->is_loaded = 1;
    return HD_OK;
}

/* The level of branches over what lies at *off in the nodes; *off is where it went. */
static hd_err receipt_level(hd_pipeline *p, uint32_t class_idx, uint32_t level, uint32_t *off,
                            uint32_t *end) {
    hd_receipt_job *j = &p->pipe.receipt;
    hd_receipt_class c = hd_receipt_class_of(class_idx, j->cnt);
    uint32_t cnt = (c.hi >> (4 * level)) - (c.lo >> (4 * level)) + 1;
    j->class_idx = class_idx;
    j->level = level;
    j->from_off = *off;
    j->to_off = *end;
    TRY(run(p, HD_PIPE_RECEIPT_GROUP, cnt));
    *off = *end;
    *end += cnt;
    return HD_OK;
}

/* gas_at holds the sums. */
static hd_err take_receipts(hd_pipeline_result *out, hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    hd_receipt_job *j = &q->receipt;
    uint32_t n = q->tx_cnt, words[64], end = n;
    hd_hash zero, low[8], high[3];
    memset(j, 0, sizeof(*j));
    ROOM(M_NODES, j->nodes, (size_t)n + n / 8 + 64);
    ROOM(M_BLOOM, j->bloom, 64);
    j->receipts = q->receipts;
    j->txs = q->txs;
    j->logs = q->logs;
    j->bytes = q->bytes;
    j->gas_at = q->gas_at;
    j->cnt = n;
    TRY(p->e->zero(p->ctx, j->bloom, sizeof(words)));
    TRY(run(p, HD_PIPE_RECEIPT, n));
    TRY(p->e->down(p->ctx, &zero, j->nodes, sizeof(zero)));
    for (uint32_t k = 0; k < HD_RECEIPT_CLASS_CNT; k++) {
        hd_receipt_class c = hd_receipt_class_of(k, n);
        uint32_t off = c.lo;
        if (n <= c.lo)
            break;
        for (uint32_t level = 1; level <= c.levels; level++)
            TRY(receipt_level(p, k, level, &off, &end));
        TRY(p->e->down(p->ctx, k ? &high[k - 1] : low, j->nodes + off,
                       (k ? 1 : end - off) * sizeof(hd_hash)));
    }
    hd_receipt_top(&out->receipts_root, &zero, low, high, n);
    TRY(p->e->down(p->ctx, words, j->bloom, sizeof(words)));
    hd_receipt_bloom_bytes(out->bloom, words);
    return p->e->down(p->ctx, &out->gas_used, q->gas_at + n, sizeof(out->gas_used));
}

/* Everything up to the commit, which changes nothing that lasts. */
static hd_err settle(hd_pipeline_result *out, hd_pipeline *p, const hd_pipeline_block *b) {
    uint64_t ns = hd_clock_ns(), now;
#define STAGE(field) \
    do { \
        TRY(p->e->wait(p->ctx)); \
        now = hd_clock_ns(); \
        out->field += now - ns; \
        ns = now; \
    } while (0)
    TRY(admit(out, p, b));
    ns = hd_clock_ns();
    if (p->counters.why)
        return HD_OK;
    TRY(execute(p, NULL, b->tx_cnt, b));
    STAGE(execute_ns);
    if (p->counters.why)
        return HD_OK;
    TRY(run_rounds(out, p, b));
    if (p->counters.why)
        return HD_OK;
    ns = hd_clock_ns();
    TRY(check_gas(p));
    STAGE(index_ns);
    return HD_OK;
}

static hd_err finish(hd_pipeline_result *out, hd_pipeline *p) {
    uint64_t ns = hd_clock_ns(), now;
    TRY(commit(p));
    STAGE(commit_ns);
    TRY(take_root(&out->state_root, p));
    STAGE(root_ns);
    TRY(take_receipts(out, p));
    STAGE(receipts_ns);
    return HD_OK;
#undef STAGE
}

/* The host's path: exact in everything, and the one that says why a block is refused. */
static hd_err run_on_host(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                          const hd_pipeline_block *b) {
    hd_state *s = hd_state_new();
    hd_hash root;
    hd_err err = s ? hd_pipeline_fetch(s, p) : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = hd_pipeline_serial(out, s, msg, b, p->threads);
    if (err == HD_OK && out->refused_idx == b->tx_cnt)
        err = hd_pipeline_load(&root, p, s);
    if (err == HD_OK && out->refused_idx == b->tx_cnt &&
        memcmp(&root, &out->state_root, sizeof(root)) != 0)
        err = HD_ERR_CORRUPT;
    out->flags |= HD_PIPELINE_ON_HOST;
    hd_state_free(s);
    return err;
}

hd_err hd_pipeline_run(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                       const hd_pipeline_block *block) {
    uint64_t begin_ns = hd_clock_ns();
    memset(out, 0, sizeof(*out));
    out->refused_idx = block->tx_cnt;
    if (!p->is_loaded)
        return HD_ERR_ABSENT;
    TRY(block_check(block));
    hd_err err = HD_OK;
    if (block->tx_cnt)
        err = settle(out, p, block);
    if (err == HD_OK && (block->tx_cnt == 0 || p->counters.why))
        err = run_on_host(out, p, msg, block);
    else if (err == HD_OK)
        err = finish(out, p);
    else if (err == HD_ERR_DEVICE)
        p->is_loaded = 0;
    if (block->tx_cnt)
        p->in_idx = 1 - p->in_idx;
    out->total_ns = hd_clock_ns() - begin_ns;
    return err;
}
