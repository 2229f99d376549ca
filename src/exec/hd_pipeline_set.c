/* hd_pipeline_set.c - a working set: tables of the backend that hold the part of the state behind
   that blocks lately used. What lanes miss is supplied, what is old is dropped. */
#include <stdlib.h>
#include <string.h>

#include "exec/hd_pipeline_internal.h"

/* Room for codes: this part of the limit, but never less than the second. */
#define CODE_PART 4u
#define CODE_BYTES_MIN ((uint64_t)1 << 20)
#define ACCOUNTS_MIN 64u
#define SLOTS_MIN 64u
#define LOOP_MIN 512u /* look-ups worth threads */

/* ---- life ---- */

hd_err hd_pipe_set_reset(hd_pipeline *p) {
    hd_pipe_codes *c = &p->codes;
    hd_pipe *q = &p->pipe;
    hd_pipe_counters *counters;
    hd_world w;
    hd_world_code *codes;
    uint8_t *bytes;
    uint64_t *words, byte_cap;
    uint32_t code_idx;
    p->is_loaded = 0;
    hd_state_world(&w, p->behind.s);
    q->world.seed = w.seed;
    q->world.flags = 0; /* what is not there is asked for */
    q->world.account_cnt = q->world.code_cnt = 0;
    memset(&p->counters, 0, sizeof(p->counters));
    ROOM(M_COUNTERS, counters, 1);
    q->counters = counters;
    TRY(hd_pipe_counters_put(p));
    byte_cap = HD_MAX(p->behind.options.resident_max / CODE_PART, CODE_BYTES_MIN);
    ROOM(M_WORLD_CODES, codes, 64);
    ROOM(M_WORLD_BYTES, bytes, byte_cap);
    ROOM(M_WORLD_JUMPS, words, byte_cap / 32); /* 8 bytes for 64 of code, and one word a code */
    c->cap = (uint32_t)(p->rooms[M_WORLD_CODES].sz / sizeof(*codes));
    c->byte_cap = byte_cap;
    c->word_cap = byte_cap / 32;
    c->byte_cnt = c->word_cnt = 0;
    if (c->to_cap)
        memset(c->to, 0, c->to_cap * sizeof(*c->to));
    q->world.codes = codes;
    q->world.code_bytes = bytes;
    q->world.jump_words = words;
    TRY(hd_pipe_code(p, &code_idx, 0)); /* no code comes first, here as there */
    TRY(hd_pipe_accounts_make(p, ACCOUNTS_MIN, 0));
    TRY(hd_pipe_slots_make(p, SLOTS_MIN, NULL, 0));
    TRY(p->e->wait(p->ctx));
    p->set.is_spoilt = 0;
    p->is_loaded = 1;
    return HD_OK;
}

void hd_pipe_set_close(hd_pipeline *p) {
    hd_pipe_working_set *x = &p->set;
    pthread_mutex_destroy(&x->gate);
    pthread_rwlock_destroy(&x->lock);
    if (x->accounts)
        p->e->unpin(p->ctx, x->accounts);
    if (x->slots)
        p->e->unpin(p->ctx, x->slots);
    free(x->table);
    memset(x, 0, sizeof(*x));
}

/* ---- supply ---- */

typedef struct {
    hd_pipeline *p;
    const hd_world_need *needs;
    hd_world world; /* of the state behind */
} looking;

/* The gate lets a writer pass whom readers would never let in. */
static void world_enter(void *ctx) {
    hd_pipe_working_set *x = &((hd_pipeline *)ctx)->set;
    pthread_mutex_lock(&x->gate);
    pthread_mutex_unlock(&x->gate);
    pthread_rwlock_rdlock(&x->lock);
}

static void world_leave(void *ctx) { pthread_rwlock_unlock(&((hd_pipeline *)ctx)->set.lock); }

static hd_err pinned_make(hd_pipeline *p, void **out, size_t *cap, size_t cnt, size_t elem_sz) {
    if (cnt <= *cap && *out)
        return HD_OK;
    if (*out)
        p->e->unpin(p->ctx, *out);
    *out = NULL;
    *cap = 0;
    size_t want = cnt + cnt / 2 + 64;
    TRY(p->e->pin(p->ctx, out, want * elem_sz));
    *cap = want;
    return HD_OK;
}

static uint32_t need_hash(uint64_t seed, const hd_world_need *n) {
    uint32_t h = hd_world_account_hash(seed, n->addr);
    return n->is_slot ? hd_world_slot_hash(seed, h, n->key) : h;
}

/* Each need once: accounts and slots to their arrays, as names alone. Lanes of a launch ask for the
   same things. */
static hd_err sort_out(uint32_t counts[2], hd_pipeline *p, const hd_world_need *needs,
                       uint32_t cnt) {
    hd_pipe_working_set *x = &p->set;
    uint32_t cap = hd_pipe_table_cap(cnt);
    TRY(hd_pipe_array_make((void **)&x->table, &x->table_cap, cap, sizeof(*x->table)));
    TRY(pinned_make(p, (void **)&x->accounts, &x->account_cap, cnt, sizeof(*x->accounts)));
    TRY(pinned_make(p, (void **)&x->slots, &x->slot_cap, cnt, sizeof(*x->slots)));
    memset(x->table, 0, cap * sizeof(*x->table));
    counts[0] = counts[1] = 0;
    for (uint32_t i = 0; i < cnt; i++) {
        const hd_world_need *n = &needs[i];
        uint32_t at = need_hash(p->pipe.world.seed, n) & (cap - 1);
        while (x->table[at] && memcmp(&needs[x->table[at] - 1], n, sizeof(*n)) != 0)
            at = (at + 1) & (cap - 1);
        if (x->table[at])
            continue;
        x->table[at] = i + 1;
        if (n->is_slot) {
            hd_pipe_new_slot *to = &x->slots[counts[1]++];
            memset(to, 0, sizeof(*to));
            to->key = n->key;
            memcpy(to->addr, n->addr, sizeof(to->addr));
        } else {
            hd_world_account *to = &x->accounts[counts[0]++];
            memset(to, 0, sizeof(*to));
            memcpy(to->addr, n->addr, sizeof(to->addr));
        }
    }
    return HD_OK;
}

static hd_err look_accounts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const looking *l = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_world_account *a = &l->p->set.accounts[i];
        uint32_t idx = hd_pipe_world_find(&l->world, a->addr);
        if (idx != HD_PIPE_NONE && (l->world.accounts[idx].flags & HD_ACCOUNT_EXISTS))
            *a = l->world.accounts[idx];
        a->incarnation = 0; /* its slots here are of this one */
        a->reserved[0] = l->p->pipe.generation;
        a->reserved[1] = 0;
    }
    return HD_OK;
}

static hd_err look_slots(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const looking *l = ctx;
    const hd_world *w = &l->world;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_pipe_new_slot *t = &l->p->set.slots[i];
        uint32_t idx = hd_pipe_world_find(w, t->addr), at = HD_PIPE_NONE;
        if (idx != HD_PIPE_NONE && (w->accounts[idx].flags & HD_ACCOUNT_EXISTS))
            at = hd_pipe_world_find_slot(w, idx, w->accounts[idx].incarnation, t->key);
        if (at != HD_PIPE_NONE)
            t->value = w->slots[at].value;
    }
    return HD_OK;
}

/* The tables have room for so many more. */
static hd_err set_room(hd_pipeline *p, uint32_t account_cnt, uint32_t slot_cnt) {
    const hd_world *w = &p->pipe.world;
    uint64_t accounts = (uint64_t)p->counters.account_cnt + account_cnt;
    uint64_t slots = (uint64_t)p->counters.slot_cnt + slot_cnt;
    if (accounts >> 28 || slots >> 29)
        return HD_ERR_LIMIT;
    if (accounts > p->account_cap)
        TRY(hd_pipe_accounts_make(p, (uint32_t)(accounts + accounts / 2), p->counters.account_cnt));
    if (2 * slots > (uint64_t)w->slot_mask + 1)
        TRY(hd_pipe_slots_make(p, hd_pipe_table_cap(slots + slots / 2), (hd_world_slot *)w->slots,
                               w->slot_mask + 1));
    return HD_OK;
}

static hd_err supply_needs(hd_pipeline *p, const hd_world_need *needs, uint32_t cnt) {
    hd_pipe *q = &p->pipe;
    looking l = {.p = p, .needs = needs};
    uint32_t counts[2];
    TRY(sort_out(counts, p, needs, cnt));
    hd_state_world(&l.world, p->behind.s);
    TRY(hd_pool_for(counts[0] < LOOP_MIN ? NULL : p->behind.pool, counts[0], 0, look_accounts, &l));
    TRY(hd_pool_for(counts[1] < LOOP_MIN ? NULL : p->behind.pool, counts[1], 0, look_slots, &l));
    for (uint32_t i = 0; i < counts[0]; i++)
        TRY(hd_pipe_code(p, &p->set.accounts[i].code_idx, p->set.accounts[i].code_idx));
    TRY(set_room(p, counts[0], counts[1]));
    ROOM(M_NEW_ACCOUNTS, q->new_accounts, counts[0]);
    ROOM(M_NEW_SLOTS, q->new_slots, counts[1]);
    TRY(p->e->up(p->ctx, q->new_accounts, p->set.accounts, counts[0] * sizeof(*q->new_accounts)));
    TRY(p->e->up(p->ctx, q->new_slots, p->set.slots, counts[1] * sizeof(*q->new_slots)));
    TRY(hd_pipe_phase(p, HD_PIPE_NEW_ACCOUNT_FIND, counts[0]));
    TRY(hd_pipe_phase(p, HD_PIPE_NEW_ACCOUNT_PUT, counts[0]));
    TRY(hd_pipe_phase(p, HD_PIPE_NEW_SLOT_FIND, counts[1]));
    TRY(hd_pipe_phase(p, HD_PIPE_NEW_SLOT_PUT, counts[1]));
    TRY(hd_pipe_counters_get(p));
    q->world.account_cnt = p->counters.account_cnt;
    p->set.supply_cnt += (uint64_t)counts[0] + counts[1];
    return HD_OK;
}

/* Where there is no room, the tables may be half made: the block goes to the host's path, and the
   next one begins with none. */
static hd_err need(void *ctx, const hd_world_need *needs, uint32_t cnt) {
    hd_pipeline *p = ctx;
    hd_pipe_working_set *x = &p->set;
    pthread_mutex_lock(&x->gate);
    pthread_rwlock_wrlock(&x->lock);
    hd_err err = x->is_spoilt ? HD_ERR_ABSENT : supply_needs(p, needs, cnt);
    if (err == HD_ERR_NOMEM || err == HD_ERR_LIMIT) {
        x->is_spoilt = 1;
        err = HD_ERR_ABSENT;
    }
    pthread_rwlock_unlock(&x->lock);
    pthread_mutex_unlock(&x->gate);
    return err;
}

hd_err hd_pipe_set_open(hd_pipeline *p) {
    hd_pipe_working_set *x = &p->set;
    memset(x, 0, sizeof(*x));
    if (pthread_mutex_init(&x->gate, NULL) != 0)
        return HD_ERR_NOMEM;
    if (pthread_rwlock_init(&x->lock, NULL) != 0) {
        pthread_mutex_destroy(&x->gate);
        return HD_ERR_NOMEM;
    }
    x->supply =
        (hd_world_supply){.need = need, .enter = world_enter, .leave = world_leave, .ctx = p};
    p->behind.is_set = 1;
    return HD_OK;
}

hd_err hd_pipe_set_prefetch(hd_pipeline *p, const hd_address *coinbase) {
    hd_pipe *q = &p->pipe;
    ROOM(M_MISSING, q->missing, (size_t)q->tx_cnt * 10);
    p->counters.missing_cnt = 0;
    TRY(hd_pipe_counters_put(p));
    TRY(hd_pipe_phase(p, HD_PIPE_MISSING, q->tx_cnt));
    TRY(hd_pipe_counters_get(p));
    uint32_t cnt = p->counters.missing_cnt;
    hd_world_need *needs = calloc((size_t)cnt + 1, sizeof(*needs));
    uint32_t *missing = malloc(((size_t)cnt + 1) * 20);
    hd_err err = needs && missing ? HD_OK : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = p->e->down(p->ctx, missing, q->missing, (size_t)cnt * 20);
    for (uint32_t i = 0; err == HD_OK && i < cnt; i++)
        memcpy(needs[i].addr, missing + 5 * (size_t)i, sizeof(needs[i].addr));
    if (err == HD_OK) { /* nobody need look at the coinbase, and it is paid all the same */
        hd_addr_from_wire(needs[cnt].addr, coinbase);
        err = need(p, needs, cnt + 1);
    }
    free(needs);
    free(missing);
    if (err != HD_ERR_ABSENT)
        return err;
    p->counters.why |= HD_PIPE_ROUNDS;
    return HD_OK;
}

/* ---- eviction ---- */

static uint64_t code_sz(const hd_pipeline *p) {
    return p->codes.byte_cnt + p->codes.word_cnt * 8 +
           (uint64_t)p->pipe.world.code_cnt * sizeof(hd_world_code);
}

static uint64_t accounts_sz(uint32_t cap) {
    return (uint64_t)cap * sizeof(hd_world_account) + (uint64_t)hd_pipe_table_cap(cap) * 4;
}

static uint32_t accounts_cap(uint32_t cnt) { return cnt + cnt / 4 + ACCOUNTS_MIN; }

static uint32_t slots_cap(uint32_t cnt) {
    return hd_pipe_table_cap((uint64_t)cnt + cnt / 4 + SLOTS_MIN / 2);
}

static uint64_t set_sz(const hd_pipeline *p) {
    return code_sz(p) + accounts_sz(p->account_cap) +
           ((uint64_t)p->pipe.world.slot_mask + 1) * sizeof(hd_world_slot);
}

/* What stays where entries of up to that age do. */
typedef struct {
    uint32_t age;
    uint32_t account_cnt, slot_cnt;
    uint64_t sz;
} keeping;

static keeping keeping_of(const hd_pipeline *p, uint32_t age) {
    keeping k = {.age = age};
    for (uint32_t i = 0; i <= age; i++) {
        k.account_cnt += p->counters.account_ages[i];
        k.slot_cnt += p->counters.slot_ages[i];
    }
    k.sz = code_sz(p) + accounts_sz(accounts_cap(k.account_cnt)) +
           (uint64_t)slots_cap(k.slot_cnt) * sizeof(hd_world_slot);
    return k;
}

/* Moves what stays to new tables; old_accounts and old_slots are the caller's to release. */
static hd_err keep(hd_pipeline *p, const keeping *k, uint32_t old_cnt, uint32_t old_slot_cap) {
    hd_pipe *q = &p->pipe;
    ROOM(M_KEPT, q->kept_at, (size_t)old_cnt + 1);
    q->age_max = k->age;
    TRY(p->e->zero(p->ctx, q->kept_at + old_cnt, 4));
    TRY(hd_pipe_phase(p, HD_PIPE_KEEP, old_cnt));
    TRY(p->e->sum32(p->ctx, q->kept_at, old_cnt + 1));
    TRY(hd_pipe_accounts_make(p, accounts_cap(k->account_cnt), 0));
    TRY(hd_pipe_phase(p, HD_PIPE_KEEP_ACCOUNT, old_cnt));
    p->counters.account_cnt = q->world.account_cnt = k->account_cnt;
    const hd_world_slot *old_slots = q->old_slots;
    TRY(hd_pipe_slots_make(p, slots_cap(k->slot_cnt), NULL, 0));
    q->old_slots = old_slots;
    TRY(hd_pipe_phase(p, HD_PIPE_KEEP_SLOT, old_slot_cap));
    return hd_pipe_counters_get(p);
}

static hd_err evict(hd_pipeline *p, const keeping *k) {
    hd_pipe *q = &p->pipe;
    uint32_t old_cnt = p->counters.account_cnt, old_slot_cap = q->world.slot_mask + 1;
    hd_pipe_room *accounts = &p->rooms[M_WORLD_ACCOUNTS], *slots = &p->rooms[M_WORLD_SLOTS];
    void *old_accounts = accounts->p, *old_slots = slots->p;
    memset(accounts, 0, sizeof(*accounts));
    memset(slots, 0, sizeof(*slots));
    q->old_accounts = old_accounts;
    q->old_slots = old_slots;
    hd_err err = keep(p, k, old_cnt, old_slot_cap);
    p->e->release(p->ctx, old_accounts);
    p->e->release(p->ctx, old_slots);
    return err;
}

hd_err hd_pipe_set_begin(hd_pipeline *p) {
    const hd_pipe_codes *c = &p->codes;
    p->pipe.generation++;
    /* Codes stay until their room is nearly full; then all goes, as accounts name them. */
    if (p->set.is_spoilt || c->byte_cnt > c->byte_cap / 4 * 3 || c->word_cnt > c->word_cap / 4 * 3)
        return hd_pipe_set_reset(p);
    return HD_OK;
}

hd_err hd_pipe_set_end(hd_pipeline *p, hd_pipeline_result *out) {
    uint64_t max = p->behind.options.resident_max;
    uint64_t before = (uint64_t)p->counters.account_cnt + p->counters.slot_cnt;
    TRY(hd_pipe_phase(p, HD_PIPE_USED, p->pipe.tx_cnt));
    TRY(p->e->wait(p->ctx)); /* it reads the environment, whose place the next block may take */
    if (set_sz(p) <= max)
        return HD_OK;
    memset(p->counters.account_ages, 0, sizeof(p->counters.account_ages));
    memset(p->counters.slot_ages, 0, sizeof(p->counters.slot_ages));
    TRY(hd_pipe_counters_put(p));
    TRY(hd_pipe_phase(p, HD_PIPE_ACCOUNT_AGE, p->counters.account_cnt));
    TRY(hd_pipe_phase(p, HD_PIPE_SLOT_AGE, p->pipe.world.slot_mask + 1));
    TRY(hd_pipe_counters_get(p));
    keeping k = keeping_of(p, 0);
    if (k.sz > max) { /* not even what this block used */
        TRY(hd_pipe_set_reset(p));
        out->evict_cnt = before;
        return HD_OK;
    }
    for (uint32_t age = HD_PIPE_AGE_MAX; age > 0; age--) {
        keeping more = keeping_of(p, age);
        if (more.sz <= max / 2) {
            k = more;
            break;
        }
    }
    hd_err err = evict(p, &k);
    if (err == HD_ERR_NOMEM || err == HD_ERR_LIMIT) /* no room for new tables beside the old */
        err = hd_pipe_set_reset(p);
    if (err == HD_OK)
        out->evict_cnt = before - ((uint64_t)p->counters.account_cnt + p->counters.slot_cnt);
    return err;
}
