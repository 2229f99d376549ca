/* hd_pipeline.c - the pipeline's driver: which phase comes when, memory for a block, growth of the
   resident tables. What a backend does not do itself is in hd_pipeline_serial.c. */
#include "exec/hd_pipeline_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "exec/hd_pipeline_serial.h"

/* The host's path costs the whole resident state twice, so rounds go on as long as each settles an
   eighth of what is left. */
#define ROUND_MAX 64u
#define ROUND_GAIN 8u
/* After a block of which an eighth and more did not hold at first, and then did with its loads
   followed, so many begin with loads followed; after one where that brought next to nothing, so
   many that conflict as much go to the host at once. */
#define REMEMBER_SHARE 8u
#define REMEMBER_BLOCKS 16u

/* As hd_state.c lays a code out: zeros behind it, the next one at a multiple of 32. */
#define CODE_ROOM(sz) (((uint64_t)(sz) + 33 + 31) & ~(uint64_t)31)
#define CODE_WORDS(sz) (((uint64_t)(sz) + 63) / 64 + 1)

/* ---- memory ---- */

hd_err hd_pipe_room_make(hd_pipeline *p, hd_pipe_room *r, void **out, size_t sz) {
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

/* Room for sz bytes, behind the keep_sz that stay. */
static hd_err room_grow(hd_pipeline *p, uint32_t which, void **out, size_t sz, size_t keep_sz) {
    hd_pipe_room *r = &p->rooms[which];
    void *q = NULL;
    TRY(p->e->alloc(p->ctx, &q, sz));
    hd_err err = p->e->move(p->ctx, q, r->p, keep_sz);
    if (err == HD_OK)
        err = p->e->wait(p->ctx);
    if (err != HD_OK) {
        p->e->release(p->ctx, q);
        return err;
    }
    p->e->release(p->ctx, r->p);
    r->p = q;
    r->sz = sz;
    *out = q;
    return HD_OK;
}

hd_err hd_pipe_phase(hd_pipeline *p, uint32_t phase, uint32_t cnt) {
    return cnt ? p->e->run(p->ctx, phase, &p->pipe, cnt) : HD_OK;
}

hd_err hd_pipe_counters_put(hd_pipeline *p) {
    return p->e->up(p->ctx, p->pipe.counters, &p->counters, sizeof(p->counters));
}
hd_err hd_pipe_counters_get(hd_pipeline *p) {
    return p->e->down(p->ctx, &p->counters, p->pipe.counters, sizeof(p->counters));
}

uint32_t hd_pipe_table_cap(uint64_t cnt) {
    uint64_t cap = 64;
    while (cap < 2 * cnt)
        cap *= 2;
    return (uint32_t)cap;
}

hd_err hd_pipe_array_make(void **array, size_t *cap, size_t idx, size_t elem_sz) {
    if (idx < *cap)
        return HD_OK;
    size_t next = idx + idx / 2 + 64;
    void *q = realloc(*array, next * elem_sz);
    if (!q)
        return HD_ERR_NOMEM;
    memset((uint8_t *)q + *cap * elem_sz, 0, (next - *cap) * elem_sz);
    *array = q;
    *cap = next;
    return HD_OK;
}

/* ---- opening ---- */

hd_err hd_pipeline_open_engine(hd_pipeline **out, const hd_pipe_engine *engine, void *ctx,
                               uint32_t threads) {
    hd_pipeline *p = calloc(1, sizeof(*p));
    if (!p)
        return HD_ERR_NOMEM;
    p->e = engine;
    p->ctx = ctx;
    p->threads = threads;
    p->backend = HD_BACKEND_HOST;
    *out = p;
    return HD_OK;
}

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
    hd_pipe_behind_close(p);
    for (uint32_t i = 0; i < M_CNT; i++)
        p->e->release(p->ctx, p->rooms[i].p);
    hd_pipe_intake_close(p);
    p->e->close(p->ctx);
    free(p->codes.to);
    free(p->codes.from);
    free(p);
}

uint32_t hd_pipeline_backend(const hd_pipeline *p) { return p->backend; }

hd_err hd_pipeline_pin(hd_pipeline *p, void **out, size_t sz) { return p->e->pin(p->ctx, out, sz); }

void hd_pipeline_unpin(hd_pipeline *p, void *memory) {
    if (memory)
        p->e->unpin(p->ctx, memory);
}

/* ---- the resident tables ---- */

hd_err hd_pipe_slots_make(hd_pipeline *p, uint32_t cap, hd_world_slot *old, uint32_t old_cnt) {
    hd_pipe_room *r = &p->rooms[M_WORLD_SLOTS];
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
    err = hd_pipe_counters_put(p);
    if (err == HD_OK)
        err = hd_pipe_phase(p, HD_PIPE_GROW_SLOT, old_cnt);
    if (err == HD_OK)
        err = hd_pipe_counters_get(p); /* and what is given back is read no more */
    p->e->release(p->ctx, r->p);
    r->p = slots;
    r->sz = sz;
    return err;
}

hd_err hd_pipe_accounts_make(hd_pipeline *p, uint32_t cap, uint32_t cnt) {
    hd_pipe_room *r = &p->rooms[M_WORLD_ACCOUNTS];
    void *accounts = NULL;
    uint32_t table_cnt = hd_pipe_table_cap(cap), *table;
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
    return hd_pipe_phase(p, HD_PIPE_GROW_ACCOUNT, cnt);
}

/* Before the commit: room for all that it may add. */
hd_err hd_pipe_make_room(hd_pipeline *p) {
    uint64_t account_need = (uint64_t)p->counters.account_cnt + p->counters.account_new;
    uint64_t slot_need = (uint64_t)p->counters.slot_cnt + p->pipe.set[1].key_cnt;
    uint64_t slot_cap = (uint64_t)p->pipe.world.slot_mask + 1;
    if (account_need >> 28 || slot_need >> 29)
        return HD_ERR_LIMIT;
    if (account_need > p->account_cap)
        TRY(hd_pipe_accounts_make(p, (uint32_t)(account_need + account_need / 2),
                                  p->counters.account_cnt));
    if (2 * slot_need > slot_cap)
        TRY(hd_pipe_slots_make(p, hd_pipe_table_cap(slot_need),
                               (hd_world_slot *)p->pipe.world.slots, (uint32_t)slot_cap));
    return HD_OK;
}

static hd_err codes_note(hd_pipe_codes *c, uint32_t resident, uint32_t behind) {
    hd_err err = hd_pipe_array_make((void **)&c->to, &c->to_cap, behind, sizeof(*c->to));
    if (err == HD_OK)
        err = hd_pipe_array_make((void **)&c->from, &c->from_cap, resident, sizeof(*c->from));
    if (err != HD_OK)
        return err;
    c->to[behind] = resident + 1;
    c->from[resident] = behind;
    return HD_OK;
}

/* All codes of w, at the same indexes and places. */
static hd_err load_codes(hd_pipeline *p, const hd_world *w) {
    hd_pipe_codes *c = &p->codes;
    hd_world_code *codes;
    uint8_t *bytes;
    uint64_t *words;
    c->byte_cnt = c->word_cnt = 0;
    if (c->to_cap)
        memset(c->to, 0, c->to_cap * sizeof(*c->to));
    for (uint32_t i = 0; i < w->code_cnt; i++) {
        const hd_world_code *x = &w->codes[i];
        c->byte_cnt = HD_MAX(c->byte_cnt, x->code_off + CODE_ROOM(x->code_sz));
        c->word_cnt = HD_MAX(c->word_cnt, x->jump_off + CODE_WORDS(x->code_sz));
        TRY(codes_note(c, i, i));
    }
    ROOM(M_WORLD_CODES, codes, w->code_cnt);
    ROOM(M_WORLD_BYTES, bytes, c->byte_cnt);
    ROOM(M_WORLD_JUMPS, words, c->word_cnt);
    c->byte_cap = p->rooms[M_WORLD_BYTES].sz;
    c->word_cap = p->rooms[M_WORLD_JUMPS].sz / 8;
    c->cap = (uint32_t)(p->rooms[M_WORLD_CODES].sz / sizeof(*codes));
    TRY(p->e->up(p->ctx, codes, w->codes, (size_t)w->code_cnt * sizeof(*codes)));
    TRY(p->e->up(p->ctx, bytes, w->code_bytes, c->byte_cnt));
    TRY(p->e->up(p->ctx, words, w->jump_words, c->word_cnt * 8));
    p->pipe.world.codes = codes;
    p->pipe.world.code_bytes = bytes;
    p->pipe.world.jump_words = words;
    p->pipe.world.code_cnt = w->code_cnt;
    return HD_OK;
}

/* Room for one code more. */
static hd_err codes_grow(hd_pipeline *p, uint64_t byte_cnt, uint64_t word_cnt) {
    hd_pipe_codes *c = &p->codes;
    hd_world *w = &p->pipe.world;
    uint64_t byte_cap = c->byte_cnt + byte_cnt, word_cap = c->word_cnt + word_cnt;
    if (p->behind.is_set && (byte_cap > c->byte_cap || word_cap > c->word_cap))
        return HD_ERR_LIMIT;
    if (byte_cap > c->byte_cap) {
        byte_cap += byte_cap / 2;
        TRY(room_grow(p, M_WORLD_BYTES, (void **)&w->code_bytes, byte_cap, c->byte_cnt));
        c->byte_cap = byte_cap;
    }
    if (word_cap > c->word_cap) {
        word_cap += word_cap / 2;
        TRY(room_grow(p, M_WORLD_JUMPS, (void **)&w->jump_words, word_cap * 8, c->word_cnt * 8));
        c->word_cap = word_cap;
    }
    if (w->code_cnt == c->cap) {
        uint32_t cap = c->cap + c->cap / 2 + 16;
        TRY(room_grow(p, M_WORLD_CODES, (void **)&w->codes, cap * sizeof(hd_world_code),
                      w->code_cnt * sizeof(hd_world_code)));
        c->cap = cap;
    }
    return HD_OK;
}

hd_err hd_pipe_code(hd_pipeline *p, uint32_t *out, uint32_t code_idx) {
    hd_pipe_codes *c = &p->codes;
    hd_world *w = &p->pipe.world, behind;
    if (code_idx < c->to_cap && c->to[code_idx]) {
        *out = c->to[code_idx] - 1;
        return HD_OK;
    }
    hd_state_world(&behind, p->behind.s);
    hd_world_code x = behind.codes[code_idx];
    uint64_t byte_cnt = CODE_ROOM(x.code_sz), word_cnt = CODE_WORDS(x.code_sz);
    const uint8_t *bytes = behind.code_bytes + x.code_off;
    const uint64_t *words = behind.jump_words + x.jump_off;
    TRY(codes_grow(p, byte_cnt, word_cnt));
    x.code_off = c->byte_cnt;
    x.jump_off = c->word_cnt;
    TRY(p->e->up(p->ctx, (uint8_t *)w->code_bytes + c->byte_cnt, bytes, byte_cnt));
    TRY(p->e->up(p->ctx, (uint64_t *)w->jump_words + c->word_cnt, words, word_cnt * 8));
    TRY(p->e->up(p->ctx, (hd_world_code *)w->codes + w->code_cnt, &x, sizeof(x)));
    TRY(codes_note(c, w->code_cnt, code_idx));
    c->byte_cnt += byte_cnt;
    c->word_cnt += word_cnt;
    *out = w->code_cnt++;
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
    TRY(hd_pipe_counters_put(p));
    TRY(load_codes(p, w));
    TRY(hd_pipe_accounts_make(p, HD_MAX(w->account_cnt + w->account_cnt / 4, 64u), 0));
    TRY(p->e->up(p->ctx, (void *)p->pipe.world.accounts, w->accounts,
                 (size_t)w->account_cnt * sizeof(hd_world_account)));
    TRY(hd_pipe_phase(p, HD_PIPE_GROW_ACCOUNT, w->account_cnt));
    TRY(p->e->alloc(p->ctx, &old, old_sz));
    hd_err err = p->e->up(p->ctx, old, w->slots, old_sz);
    if (err == HD_OK)
        err = hd_pipe_slots_make(p, hd_pipe_table_cap(((uint64_t)w->slot_mask + 1) / 2 + 64), old,
                                 w->slot_mask + 1);
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

hd_err hd_pipe_load_all(hd_hash *root, hd_pipeline *p, const hd_state *s) {
    hd_world w;
    p->is_loaded = 0;
    hd_state_world(&w, s);
    TRY(load_tables(p, &w));
    TRY(load_forest(root, p, s));
    TRY(p->e->wait(p->ctx));
    p->is_loaded = 1;
    return HD_OK;
}

hd_err hd_pipeline_load(hd_hash *root, hd_pipeline *p, const hd_state *s) {
    hd_pipe_behind_close(p);
    return hd_pipe_load_all(root, p, s);
}

hd_err hd_pipeline_fetch(hd_state *out, hd_pipeline *p) {
    if (p->behind.s) {
        TRY(hd_pipe_behind_wait(p));
        if (p->behind.is_set || p->behind.is_lost)
            return hd_state_copy(out, p->behind.s);
    }
    if (!p->is_loaded)
        return HD_ERR_ABSENT;
    const hd_world *w = &p->pipe.world;
    size_t account_cnt = p->counters.account_cnt, slot_cnt = (size_t)w->slot_mask + 1;
    size_t byte_sz = (size_t)p->codes.byte_cnt;
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

/* Keys, tables and room of one kind, from entries that are placed. */
static hd_err build_set(hd_pipeline *p, uint32_t kind) {
    hd_pipe_set *s = &p->pipe.set[kind];
    uint32_t n = s->entry_cnt;
    TRY(p->e->sort(p->ctx, s));
    TRY(hd_pipe_phase(p, kind ? HD_PIPE_SLOT_HEAD : HD_PIPE_ACCOUNT_HEAD, n));
    TRY(p->e->zero(p->ctx, s->key_at + n, 4));
    TRY(p->e->sum32(p->ctx, s->key_at, n + 1));
    TRY(hd_pipe_phase(p, kind ? HD_PIPE_SLOT_KEY : HD_PIPE_ACCOUNT_KEY, n));
    TRY(p->e->down(p->ctx, &s->key_cnt, s->key_at + n, 4));
    uint32_t cap = hd_pipe_table_cap(s->key_cnt);
    s->mask = cap - 1;
    uint32_t base = M_SET + 8 * kind;
    ROOM(base + 6, s->table, cap);
    ROOM(base + 7, s->where, s->key_cnt);
    TRY(p->e->zero(p->ctx, s->table, (size_t)cap * 4));
    return hd_pipe_phase(p, kind ? HD_PIPE_SLOT_TABLE : HD_PIPE_ACCOUNT_TABLE, s->key_cnt);
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
    TRY(hd_pipe_counters_put(p));
    TRY(hd_pipe_phase(p, HD_PIPE_COUNT, n));
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
    ROOM(M_SUMS, q->sums, q->set[1].entry_cnt);
    ROOM(M_ACCOUNT_KEYS, q->account_keys, q->set[0].entry_cnt);
    ROOM(M_ACCOUNT_VERSIONS, q->account_versions, q->set[0].entry_cnt);
    ROOM(M_SLOT_KEYS, q->slot_keys, q->set[1].entry_cnt);
    ROOM(M_SLOT_VERSIONS, q->slot_versions, q->set[1].entry_cnt);
    TRY(hd_pipe_phase(p, HD_PIPE_PLACE, n));
    TRY(build_set(p, 0));
    TRY(build_set(p, 1));
    uint32_t cnt = q->set[0].entry_cnt;
    TRY(hd_pipe_phase(p, HD_PIPE_FOLD_MAKE, cnt));
    if (cnt)
        TRY(p->e->scan_folds(p->ctx, q->folds, cnt));
    TRY(hd_pipe_phase(p, HD_PIPE_FOLD_APPLY, cnt));
    if (cnt)
        TRY(p->e->scan_wipes(p->ctx, q->wipes, cnt));
    TRY(hd_pipe_phase(p, HD_PIPE_WIPE_APPLY, cnt));
    TRY(publish(p)); /* sums of slots look at the accounts' versions */
    cnt = q->set[1].entry_cnt;
    TRY(hd_pipe_phase(p, HD_PIPE_SUM_MAKE, cnt));
    if (cnt)
        TRY(p->e->scan_sums(p->ctx, q->sums, cnt));
    return hd_pipe_phase(p, HD_PIPE_SLOT_VERSION, cnt);
}

/* A block hash may be missing that nobody asks for in order: that is for the host to see. So it is
   where what the lanes ask for has no room. */
static hd_err execute(hd_pipeline *p, const uint32_t *list, uint32_t cnt,
                      const hd_pipeline_block *b) {
    hd_err err = p->e->execute(p->ctx, &p->pipe, list, cnt, p->data_sz, b,
                               p->behind.is_set ? &p->set.supply : NULL);
    if (err != HD_ERR_ABSENT)
        return err;
    p->counters.why |= HD_PIPE_ROUNDS;
    return HD_OK;
}

/* What the first two rounds say of the blocks to come. */
static void remember(hd_pipeline *p, uint32_t round, uint32_t began_tagged, uint32_t last_cnt,
                     uint32_t invalid_cnt) {
    int is_little = invalid_cnt > last_cnt - last_cnt / ROUND_GAIN;
    if (round == 1) {
        p->tagged_cnt -= began_tagged;
        p->hopeless_cnt -= p->hopeless_cnt > 0;
    } else if (round == 2 && last_cnt > p->pipe.tx_cnt / REMEMBER_SHARE) {
        p->tagged_cnt = is_little ? 0 : REMEMBER_BLOCKS;
        p->hopeless_cnt = is_little ? REMEMBER_BLOCKS : 0;
    }
}

/* Rounds until all holds, or counters.why says why not. Later rounds follow loads. */
static hd_err run_rounds(hd_pipeline_result *out, hd_pipeline *p, const hd_pipeline_block *b) {
    hd_pipe *q = &p->pipe;
    uint32_t invalid_cnt, last_cnt = q->tx_cnt;
    uint32_t began_tagged = q->is_tagged != 0;
    int is_hopeless = p->hopeless_cnt > 0;
    q->is_tagged = 1;
    for (uint32_t round = 1;; round++) {
        uint64_t begin_ns = hd_clock_ns();
        TRY(build_index(p));
        TRY(hd_pipe_phase(p, HD_PIPE_CHECK, q->tx_cnt));
        TRY(p->e->select(p->ctx, (uint32_t *)q->list, &invalid_cnt, q->is_invalid, q->tx_cnt));
        TRY(hd_pipe_counters_get(p));
        out->round_cnt++;
        out->index_ns += hd_clock_ns() - begin_ns;
        if (!p->counters.why)
            remember(p, round, began_tagged, last_cnt, invalid_cnt);
        if (invalid_cnt == 0 || p->counters.why)
            return HD_OK;
        /* What the first round left says little of the next: that follows loads, and with other
           values (a slot of zero holds for nobody but the first who adds to it). */
        int is_hoped = round == 1 && !is_hopeless;
        if (round > ROUND_MAX || (!is_hoped && invalid_cnt > last_cnt - last_cnt / ROUND_GAIN)) {
            p->counters.why |= HD_PIPE_ROUNDS;
            return HD_OK;
        }
        last_cnt = invalid_cnt;
        begin_ns = hd_clock_ns();
        TRY(execute(p, q->list, invalid_cnt, b));
        if (p->counters.why)
            return HD_OK;
        TRY(hd_pipe_phase(p, HD_PIPE_LATE, invalid_cnt));
        out->rerun_cnt += invalid_cnt;
        out->again_ns += hd_clock_ns() - begin_ns;
    }
}

static hd_err check_gas(hd_pipeline *p, const hd_env *env) {
    hd_pipe *q = &p->pipe;
    p->counters.blob_cnt = 0;
    TRY(hd_pipe_counters_put(p));
    TRY(hd_pipe_phase(p, HD_PIPE_GAS, q->tx_cnt));
    TRY(p->e->zero(p->ctx, q->gas_at + q->tx_cnt, 8));
    TRY(p->e->sum64(p->ctx, q->gas_at, q->tx_cnt + 1));
    TRY(hd_pipe_phase(p, HD_PIPE_GAS_CHECK, q->tx_cnt));
    TRY(hd_pipe_counters_get(p));
    if (p->counters.blob_cnt > env->blob_cnt_max)
        p->counters.why |= HD_PIPE_REFUSED;
    return HD_OK;
}

hd_err hd_pipe_commit(hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    TRY(hd_pipe_make_room(p));
    p->is_loaded = 0; /* until it is whole again */
    TRY(hd_pipe_phase(p, HD_PIPE_COMMIT_ACCOUNT, q->set[0].key_cnt));
    TRY(hd_pipe_phase(p, HD_PIPE_FIND_SLOT, q->set[1].key_cnt));
    TRY(hd_pipe_phase(p, HD_PIPE_COMMIT_SLOT, q->set[1].key_cnt));
    TRY(hd_pipe_counters_get(p));
    q->world.account_cnt = p->counters.account_cnt;
    return HD_OK;
}

hd_err hd_pipe_root(hd_hash *root, hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    uint32_t account_cnt = q->set[0].key_cnt;
    TRY(p->e->changes(p->ctx, &q->account_changes, &q->slot_changes, account_cnt,
                      q->set[1].key_cnt));
    p->counters.change_cnt = 0;
    TRY(hd_pipe_counters_put(p));
    TRY(hd_pipe_phase(p, HD_PIPE_CHANGE_ACCOUNT, account_cnt));
    TRY(hd_pipe_phase(p, HD_PIPE_CHANGE_SLOT, q->set[1].key_cnt));
    TRY(hd_pipe_counters_get(p));
    TRY(p->e->changes(p->ctx, &q->account_changes, &q->slot_changes, account_cnt,
                      p->counters.change_cnt));
    return p->e->root(p->ctx, root);
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
    TRY(hd_pipe_phase(p, HD_PIPE_RECEIPT_GROUP, cnt));
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
    TRY(hd_pipe_phase(p, HD_PIPE_RECEIPT, n));
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
    TRY(hd_pipe_admitted(out, p, b));
    ns = hd_clock_ns();
    if (p->counters.why)
        return HD_OK;
    if (p->behind.is_set) {
        TRY(hd_pipe_set_prefetch(p, &b->env.coinbase));
        STAGE(store_ns);
        if (p->counters.why)
            return HD_OK;
    }
    p->pipe.is_tagged = p->tagged_cnt > 0;
    TRY(execute(p, NULL, b->tx_cnt, b));
    STAGE(execute_ns);
    if (p->counters.why)
        return HD_OK;
    TRY(run_rounds(out, p, b));
    if (p->counters.why)
        return HD_OK;
    ns = hd_clock_ns();
    TRY(check_gas(p, &b->env));
    STAGE(index_ns);
    return HD_OK;
}

static hd_err finish(hd_pipeline_result *out, hd_pipeline *p) {
    uint64_t ns = hd_clock_ns(), now;
    TRY(hd_pipe_commit(p));
    STAGE(commit_ns);
    TRY(hd_pipe_root(&out->state_root, p));
    p->is_loaded = 1;
    STAGE(root_ns);
    TRY(take_receipts(out, p));
    STAGE(receipts_ns);
    return HD_OK;
}

/* The same with a state behind, which is not touched before the backend has done all of its part:
   whatever fails before, the block can be done again. */
static hd_err finish_behind(hd_pipeline_result *out, hd_pipeline *p, uint64_t number) {
    uint64_t ns = hd_clock_ns(), now;
    hd_pipe_behind *d = &p->behind;
    TRY(hd_pipe_commit(p));
    STAGE(commit_ns);
    TRY(hd_pipe_diff_begin(p));
    now = hd_clock_ns();
    out->store_ns += now - ns;
    ns = now;
    if (!d->is_set) {
        TRY(hd_pipe_root(&out->state_root, p));
        STAGE(root_ns);
    }
    TRY(take_receipts(out, p));
    STAGE(receipts_ns);
    TRY(hd_pipe_diff_end(p, number));
    p->is_loaded = 1;
    STAGE(store_ns);
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
        err = hd_pipe_load_all(&root, p, s);
    if (err == HD_OK && out->refused_idx == b->tx_cnt &&
        memcmp(&root, &out->state_root, sizeof(root)) != 0)
        err = HD_ERR_CORRUPT;
    out->flags |= HD_PIPELINE_ON_HOST;
    hd_state_free(s);
    return err;
}

static hd_err run_alone(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                        const hd_pipeline_block *block) {
    hd_err err = HD_OK;
    if (!p->is_loaded)
        return HD_ERR_ABSENT;
    if (block->tx_cnt)
        err = settle(out, p, block);
    if (err == HD_OK && (block->tx_cnt == 0 || p->counters.why))
        err = run_on_host(out, p, msg, block);
    else if (err == HD_OK)
        err = finish(out, p);
    else if (err == HD_ERR_DEVICE)
        p->is_loaded = 0;
    return err;
}

/* What ran on the backend enters the state behind. */
static hd_err enter_behind(hd_pipeline_result *out, hd_pipeline *p) {
    uint64_t begin_ns = hd_clock_ns();
    hd_err err;
    if (!p->behind.is_set) {
        p->behind.root = out->state_root;
        err = hd_pipe_diff_hand_over(p);
    } else {
        err = hd_pipe_diff_enter(&out->state_root, p);
        if (err == HD_OK && hd_pipe_set_end(p, out) != HD_OK)
            hd_pipe_lose_device(p); /* the block is done; the next one will run without */
    }
    out->store_ns += hd_clock_ns() - begin_ns;
    return err;
}

/* The senders of a block whose transactions were all admitted: the host need not find them again.
 */
static hd_err fetch_senders(hd_recover_result **out, hd_pipeline *p) {
    size_t sz = (size_t)p->pipe.tx_cnt * sizeof(**out);
    *out = malloc(sz);
    if (!*out)
        return HD_ERR_NOMEM;
    hd_err err = p->e->down(p->ctx, *out, p->pipe.senders, sz);
    if (err != HD_OK) {
        free(*out);
        *out = NULL;
    }
    return err;
}

static hd_err run_behind(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                         const hd_pipeline_block *block) {
    hd_recover_result *senders = NULL;
    hd_err err = HD_OK;
    int is_done = 0;
    if (!p->behind.is_lost && block->tx_cnt) {
        err = p->behind.is_set ? hd_pipe_set_begin(p) : HD_OK;
        if (err == HD_OK)
            err = settle(out, p, block);
        if (err == HD_OK && !p->counters.why) {
            err = hd_pipe_behind_wait(p); /* its differences' memory is the next ones' */
            if (err != HD_OK)
                return err;
            err = finish_behind(out, p, block->env.number);
            is_done = err == HD_OK;
            if (!is_done) { /* its tables may hold the block, which the state behind does not */
                hd_pipe_lose_device(p);
                err = HD_OK;
            }
        }
        if (err == HD_OK && !is_done && !p->behind.is_lost &&
            !(p->counters.why & HD_PIPE_ADMISSION))
            err = fetch_senders(&senders, p);
        if (err == HD_ERR_DEVICE || err == HD_ERR_NOMEM || err == HD_ERR_LIMIT)
            hd_pipe_lose_device(p);
        else if (err != HD_OK)
            return err;
    }
    if (is_done && err == HD_OK)
        return enter_behind(out, p);
    hd_pipeline_result again;
    err = hd_pipe_run_behind(&again, p, msg, block, senders);
    free(senders);
    again.store_ns += out->store_ns;
    again.supply_cnt = out->supply_cnt;
    *out = again;
    return err;
}

hd_err hd_pipeline_run(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                       const hd_pipeline_block *block) {
    uint64_t begin_ns = hd_clock_ns();
    hd_err err;
    memset(out, 0, sizeof(*out));
    out->refused_idx = block->tx_cnt;
    p->set.supply_cnt = 0;
    if (!p->behind.s && !p->is_loaded)
        return HD_ERR_ABSENT;
    TRY(hd_pipe_block_check(block));
    err = p->behind.s ? run_behind(out, p, msg, block) : run_alone(out, p, msg, block);
    if (p->behind.s && p->behind.is_lost)
        out->flags |= HD_PIPELINE_DEVICE_LOST;
    if (block->tx_cnt)
        p->in_idx = 1 - p->in_idx;
    out->supply_cnt = p->set.supply_cnt;
    out->total_ns = hd_clock_ns() - begin_ns;
    return err;
}
