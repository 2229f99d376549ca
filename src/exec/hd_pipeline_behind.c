/* hd_pipeline_behind.c - the state behind a pipeline: a block's differences come down and enter it,
   by a thread beside the next block; what the host's path changes there goes up. */
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "exec/hd_pipeline_internal.h"
#include "exec/hd_pipeline_serial.h"

/* Entries of a part that is worth a thread. */
#define PART_MIN 256u
/* hd_pipe_diff_account.flags, on the host: not for hd_state_bulk. */
#define DIFF_REST 0x200u

/* ---- differences enter the state ---- */

typedef struct {
    hd_pipe_behind *d;
    const uint32_t *code_from;
    uint32_t part_cnt;
} entering;

static uint32_t part_begin(uint32_t cnt, uint32_t part_cnt, size_t i) {
    return (uint32_t)((uint64_t)cnt * i / part_cnt);
}

static uint32_t parts_of(uint32_t counts[HD_STATE_BULK_PART_MAX], uint32_t cnt) {
    uint32_t part_cnt = HD_MIN(cnt / PART_MIN + 1, HD_STATE_BULK_PART_MAX);
    for (uint32_t i = 0; i < part_cnt; i++)
        counts[i] = part_begin(cnt, part_cnt, i + 1) - part_begin(cnt, part_cnt, i);
    return part_cnt;
}

static hd_err enter_accounts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const entering *x = ctx;
    hd_pipe_diff *f = &x->d->diff;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        uint32_t last = part_begin(f->account_cnt, x->part_cnt, i + 1);
        for (uint32_t k = part_begin(f->account_cnt, x->part_cnt, i); k < last; k++) {
            hd_pipe_diff_account *a = &f->accounts[k];
            if (a->code_idx >= f->code_cnt) /* nothing of a device may lead the host astray */
                return HD_ERR_CORRUPT;
            if (a->flags != HD_ACCOUNT_EXISTS ||
                !hd_state_bulk_account(x->d->bulk, (uint32_t)i, a->addr,
                                       hd_state_bulk_find(x->d->bulk, a->addr), a->nonce,
                                       a->balance_wei, x->code_from[a->code_idx]))
                a->flags |= DIFF_REST;
        }
    }
    return HD_OK;
}

/* What is destroyed, or comes back. */
static hd_err enter_rest(const entering *x, const hd_pipe_diff_account *a) {
    hd_state *s = x->d->s;
    hd_address addr;
    hd_world w;
    hd_addr_to_wire(&addr, a->addr);
    hd_err err = HD_OK;
    if ((a->flags & HD_PIPE_DIFF_WIPED) || !(a->flags & HD_ACCOUNT_EXISTS))
        err = hd_state_delete(s, &addr);
    if (err != HD_OK || !(a->flags & HD_ACCOUNT_EXISTS))
        return err;
    err = hd_state_set_account(s, &addr, a->nonce, a->balance_wei);
    hd_state_world(&w, s);
    const hd_world_code *c = &w.codes[x->code_from[a->code_idx]];
    hd_hash hash = c->hash; /* the state knows it, so its tables stay where they are */
    return err == HD_OK ? hd_state_set_code(s, &addr, &hash, w.code_bytes + c->code_off, c->code_sz)
                        : err;
}

static hd_err enter_slots(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const entering *x = ctx;
    hd_pipe_diff *f = &x->d->diff;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        uint32_t last = part_begin(f->slot_cnt, x->part_cnt, i + 1);
        for (uint32_t k = part_begin(f->slot_cnt, x->part_cnt, i); k < last; k++) {
            const hd_pipe_diff_slot *t = &f->slots[k];
            /* Its account is written, too, and so exists by now. */
            if (t->account >= f->account_cnt ||
                !hd_state_bulk_slot(x->d->bulk, (uint32_t)i, f->accounts[t->account].addr, t->key,
                                    t->value))
                return HD_ERR_CORRUPT;
        }
    }
    return HD_OK;
}

static hd_err enter_all(entering *x) {
    hd_pipe_behind *d = x->d;
    hd_pipe_diff *f = &d->diff;
    uint32_t counts[HD_STATE_BULK_PART_MAX];
    x->part_cnt = parts_of(counts, f->account_cnt);
    TRY(hd_state_bulk_begin_accounts(d->bulk, d->s, x->part_cnt, counts));
    hd_err err = hd_pool_for(d->pool, x->part_cnt, 1, enter_accounts, x);
    hd_err end = hd_state_bulk_end_accounts(d->bulk, d->pool);
    TRY(err != HD_OK ? err : end);
    for (uint32_t k = 0; k < f->account_cnt; k++)
        if (f->accounts[k].flags & DIFF_REST)
            TRY(enter_rest(x, &f->accounts[k]));
    x->part_cnt = parts_of(counts, f->slot_cnt);
    TRY(hd_state_bulk_begin_slots(d->bulk, d->s, x->part_cnt, counts));
    err = hd_pool_for(d->pool, x->part_cnt, 1, enter_slots, x);
    end = hd_state_bulk_end_slots(d->bulk, d->pool);
    return err != HD_OK ? err : end;
}

/* The block's record of changes takes the state back; where that fails nobody knows what it is. */
static hd_err take_back(hd_pipe_behind *d, hd_err why) {
    hd_err err = hd_undo_apply(d->s, &d->undo);
    if (err != HD_OK)
        d->err = err;
    return why;
}

/* The differences, with a record of what was there; all or nothing. */
static hd_err enter(hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    entering x = {.d = d, .code_from = p->codes.from};
    hd_undo_clear(&d->undo);
    hd_undo_attach(d->s, &d->undo);
    hd_err err = enter_all(&x);
    hd_undo_attach(d->s, NULL);
    return err == HD_OK ? HD_OK : take_back(d, err);
}

static hd_err tell_sink(hd_pipe_behind *d, uint64_t number) {
    return d->options.sink ? d->options.sink(d->options.sink_ctx, d->s, &d->undo, number) : HD_OK;
}

/* ---- the thread ---- */

static void *thread_run(void *ctx) {
    hd_pipeline *p = ctx;
    hd_pipe_behind *d = &p->behind;
    pthread_mutex_lock(&d->mutex);
    for (;;) {
        while (!d->is_busy && !d->is_closing)
            pthread_cond_wait(&d->cond, &d->mutex);
        if (!d->is_busy)
            break;
        pthread_mutex_unlock(&d->mutex);
        hd_err err = enter(p);
        if (err == HD_OK)
            err = tell_sink(d, d->diff.number);
        pthread_mutex_lock(&d->mutex);
        if (d->err == HD_OK)
            d->err = err;
        d->is_busy = 0;
        pthread_cond_broadcast(&d->cond);
    }
    pthread_mutex_unlock(&d->mutex);
    return NULL;
}

hd_err hd_pipe_behind_wait(hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    if (!d->has_thread)
        return d->err;
    pthread_mutex_lock(&d->mutex);
    while (d->is_busy)
        pthread_cond_wait(&d->cond, &d->mutex);
    hd_err err = d->err;
    pthread_mutex_unlock(&d->mutex);
    return err;
}

hd_err hd_pipe_diff_hand_over(hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    pthread_mutex_lock(&d->mutex);
    d->is_busy = 1;
    pthread_cond_broadcast(&d->cond);
    pthread_mutex_unlock(&d->mutex);
    return HD_OK;
}

/* ---- differences come down ---- */

static hd_err pinned_make(hd_pipeline *p, void **out, size_t *cap, size_t cnt, size_t elem_sz) {
    if (cnt <= *cap && *out)
        return HD_OK;
    if (*out)
        p->e->unpin(p->ctx, *out);
    *out = NULL;
    *cap = 0;
    size_t want = cnt + cnt / 4 + 64;
    TRY(p->e->pin(p->ctx, out, want * elem_sz));
    *cap = want;
    return HD_OK;
}

hd_err hd_pipe_diff_begin(hd_pipeline *p) {
    hd_pipe *q = &p->pipe;
    hd_pipe_diff *f = &p->behind.diff;
    uint32_t account_cnt = q->set[0].key_cnt, slot_cnt = q->set[1].key_cnt;
    ROOM(M_DIFF_ACCOUNTS, q->diff_accounts, account_cnt);
    ROOM(M_DIFF_SLOTS, q->diff_slots, slot_cnt);
    p->counters.diff_cnt = 0;
    TRY(hd_pipe_counters_put(p));
    TRY(hd_pipe_phase(p, HD_PIPE_DIFF_ACCOUNT, account_cnt));
    TRY(hd_pipe_phase(p, HD_PIPE_DIFF_SLOT, slot_cnt));
    TRY(hd_pipe_counters_get(p));
    f->account_cnt = account_cnt;
    f->slot_cnt = p->counters.diff_cnt;
    TRY(pinned_make(p, (void **)&f->accounts, &f->account_cap, account_cnt, sizeof(*f->accounts)));
    TRY(pinned_make(p, (void **)&f->slots, &f->slot_cap, f->slot_cnt, sizeof(*f->slots)));
    TRY(p->e->down_begin(p->ctx, f->accounts, q->diff_accounts,
                         account_cnt * sizeof(*f->accounts)));
    return p->e->down_begin(p->ctx, f->slots, q->diff_slots, f->slot_cnt * sizeof(*f->slots));
}

hd_err hd_pipe_diff_end(hd_pipeline *p, uint64_t number) {
    hd_pipe_diff *f = &p->behind.diff;
    TRY(p->e->down_end(p->ctx));
    f->number = number;
    f->code_cnt = p->pipe.world.code_cnt;
    return HD_OK;
}

/* ---- the host's tries ---- */

/* With what `changes` names; NULL: from all of the state. */
static hd_err trie_root(hd_hash *root, hd_pipe_behind *d, const hd_undo *changes) {
    hd_err err = HD_OK;
    if (!d->trie) {
        err = hd_state_trie_open(&d->trie, d->pool, NULL);
        if (err == HD_OK)
            err = hd_state_trie_touch_all(d->trie, d->s);
    } else if (changes) {
        err = hd_state_trie_touch_undo(d->trie, changes);
    }
    if (err == HD_OK)
        err = hd_state_trie_root(root, d->trie, d->s);
    if (err != HD_OK) { /* what it was told is not known any more: the next root begins anew */
        hd_state_trie_close(d->trie);
        d->trie = NULL;
    }
    return err;
}

hd_err hd_pipe_diff_enter(hd_hash *root, hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    hd_err err = enter(p);
    if (err == HD_OK) {
        err = trie_root(root, d, &d->undo);
        if (err != HD_OK)
            err = take_back(d, err);
    }
    if (err != HD_OK) { /* the backend is a block ahead */
        hd_pipe_lose_device(p);
        return err;
    }
    d->root = *root;
    d->err = tell_sink(d, d->diff.number);
    return d->err;
}

/* ---- what changed behind goes up: as keys with one version each, which are then committed ---- */

typedef struct {
    hd_versions_account *accounts;
    hd_account_version *account_versions;
    hd_versions_slot *slots;
    hd_slot_version *slot_versions;
    uint32_t account_cnt, slot_cnt;
} rising;

static hd_err rising_make(rising *r, hd_pipeline *p, const hd_undo *changes) {
    const hd_undo_account *accounts = (const hd_undo_account *)(const void *)changes->accounts.data;
    const hd_undo_slot *slots = (const hd_undo_slot *)(const void *)changes->slots.data;
    size_t account_cnt = changes->accounts.sz / sizeof(*accounts);
    size_t slot_cnt = changes->slots.sz / sizeof(*slots);
    hd_world w;
    if (account_cnt >> 30 || slot_cnt >> 30)
        return HD_ERR_LIMIT;
    r->accounts = calloc(account_cnt + 1, sizeof(*r->accounts));
    r->account_versions = calloc(account_cnt + 1, sizeof(*r->account_versions));
    r->slots = calloc(slot_cnt + 1, sizeof(*r->slots));
    r->slot_versions = calloc(slot_cnt + 1, sizeof(*r->slot_versions));
    if (!r->accounts || !r->account_versions || !r->slots || !r->slot_versions)
        return HD_ERR_NOMEM;
    hd_state_world(&w, p->behind.s);
    for (size_t i = 0; i < account_cnt; i++) {
        hd_versions_account *k = &r->accounts[r->account_cnt];
        hd_account_version *v = &r->account_versions[r->account_cnt];
        hd_addr_from_wire(k->addr, &accounts[i].addr);
        k->first = r->account_cnt++;
        k->cnt = 1;
        *v = hd_pipe_world_version(&w, hd_pipe_world_find(&w, k->addr));
        /* Slots that went with it are named one by one, unless it is gone. */
        v->wiped = !(v->flags & HD_VERSION_EXISTS);
        TRY(hd_pipe_code(p, &v->code_ref, v->code_ref));
    }
    for (size_t i = 0; i < slot_cnt; i++) {
        hd_versions_slot *k = &r->slots[r->slot_cnt];
        hd_addr_from_wire(k->addr, &slots[i].addr);
        k->key = slots[i].key;
        uint32_t owner = hd_pipe_world_find(&w, k->addr);
        if (owner == HD_PIPE_NONE || !(w.accounts[owner].flags & HD_ACCOUNT_EXISTS))
            continue;
        uint32_t at = hd_pipe_world_find_slot(&w, owner, w.accounts[owner].incarnation, k->key);
        k->first = r->slot_cnt;
        k->cnt = 1;
        if (at != HD_PIPE_NONE)
            r->slot_versions[r->slot_cnt].value = w.slots[at].value;
        r->slot_cnt++;
    }
    return HD_OK;
}

static hd_err rising_put(hd_hash *root, hd_pipeline *p, const rising *r) {
    hd_pipe *q = &p->pipe;
    uint32_t n = r->account_cnt, m = r->slot_cnt, cap = hd_pipe_table_cap(n);
    ROOM(M_ACCOUNT_KEYS, q->account_keys, n);
    ROOM(M_ACCOUNT_VERSIONS, q->account_versions, n);
    ROOM(M_SLOT_KEYS, q->slot_keys, m);
    ROOM(M_SLOT_VERSIONS, q->slot_versions, m);
    ROOM(M_SET + 6, q->set[0].table, cap);
    ROOM(M_SET + 7, q->set[0].where, n);
    ROOM(M_SET + 8 + 7, q->set[1].where, m);
    q->set[0].mask = cap - 1;
    q->set[0].entry_cnt = q->set[0].key_cnt = n;
    q->set[1].entry_cnt = q->set[1].key_cnt = m;
    p->counters.account_new = 0;
    TRY(hd_pipe_counters_put(p));
    TRY(p->e->zero(p->ctx, q->set[0].table, (size_t)cap * 4));
    TRY(p->e->up(p->ctx, q->account_keys, r->accounts, n * sizeof(*r->accounts)));
    TRY(p->e->up(p->ctx, q->account_versions, r->account_versions,
                 n * sizeof(*r->account_versions)));
    TRY(p->e->up(p->ctx, q->slot_keys, r->slots, m * sizeof(*r->slots)));
    TRY(p->e->up(p->ctx, q->slot_versions, r->slot_versions, m * sizeof(*r->slot_versions)));
    TRY(hd_pipe_phase(p, HD_PIPE_ACCOUNT_TABLE, n));
    TRY(hd_pipe_counters_get(p));
    TRY(hd_pipe_commit(p));
    if (!p->behind.is_set)
        TRY(hd_pipe_root(root, p));
    TRY(p->e->wait(p->ctx));
    p->is_loaded = 1;
    return HD_OK;
}

/* The backend follows what `changes`, each named once, name. */
static hd_err rise(hd_hash *root, hd_pipeline *p, const hd_undo *changes) {
    rising r = {.account_cnt = 0};
    if (p->behind.is_set && p->set.is_spoilt) /* nothing that is resident will be used again */
        return HD_OK;
    hd_err err = rising_make(&r, p, changes);
    if (err == HD_OK && r.account_cnt)
        err = rising_put(root, p, &r);
    else if (err == HD_ERR_LIMIT && p->behind.is_set) { /* no room for its code: begin anew */
        p->set.is_spoilt = 1;
        err = HD_OK;
    }
    if (err != HD_OK)
        (void)p->e->wait(p->ctx); /* what is on its way is read from memory that goes now */
    free(r.accounts);
    free(r.account_versions);
    free(r.slots);
    free(r.slot_versions);
    return err;
}

/* Backend and tries follow a change of the state behind. */
static hd_err follow(hd_hash *root, hd_pipeline *p, hd_undo *changes) {
    hd_pipe_behind *d = &p->behind;
    hd_world w;
    hd_state_world(&w, d->s);
    *root = d->root;
    TRY(hd_undo_unique(changes, w.seed));
    if (!d->is_lost) {
        hd_err err = rise(root, p, changes);
        if (err == HD_ERR_DEVICE || err == HD_ERR_NOMEM || err == HD_ERR_LIMIT)
            hd_pipe_lose_device(p);
        else if (err != HD_OK)
            return err;
    }
    if (d->is_set || d->is_lost)
        TRY(trie_root(root, d, changes));
    d->root = *root;
    return HD_OK;
}

/* ---- the host's path ---- */

void hd_pipe_lose_device(hd_pipeline *p) {
    p->behind.is_lost = 1;
    p->is_loaded = 0;
    p->in[0].is_begun = p->in[1].is_begun = 0;
}

hd_err hd_pipe_run_behind(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                          const hd_pipeline_block *b, const hd_recover_result *senders) {
    hd_pipe_behind *d = &p->behind;
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = p->threads};
    memset(out, 0, sizeof(*out));
    out->refused_idx = b->tx_cnt;
    TRY(hd_pipe_behind_wait(p));
    if (!d->exec)
        TRY(hd_exec_open(&d->exec, &options));
    hd_undo_clear(&d->undo);
    hd_undo_attach(d->s, &d->undo);
    hd_err err = hd_pipeline_serial_on(out, d->exec, d->s, msg, b, senders);
    hd_undo_attach(d->s, NULL);
    out->flags |= HD_PIPELINE_ON_HOST;
    if (err != HD_OK || out->refused_idx < b->tx_cnt)
        return take_back(d, err);
    uint64_t begin_ns = hd_clock_ns();
    err = follow(&out->state_root, p, &d->undo);
    out->root_ns = hd_clock_ns() - begin_ns;
    if (err != HD_OK) {
        hd_pipe_lose_device(p); /* it may have followed */
        return take_back(d, err);
    }
    begin_ns = hd_clock_ns();
    d->err = tell_sink(d, b->env.number);
    out->store_ns = hd_clock_ns() - begin_ns;
    return d->err;
}

/* ---- what the caller says ---- */

void hd_pipe_behind_close(hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    if (!d->s)
        return;
    (void)hd_pipe_behind_wait(p);
    if (d->has_thread) {
        pthread_mutex_lock(&d->mutex);
        d->is_closing = 1;
        pthread_cond_broadcast(&d->cond);
        pthread_mutex_unlock(&d->mutex);
        pthread_join(d->thread, NULL);
        pthread_cond_destroy(&d->cond);
        pthread_mutex_destroy(&d->mutex);
    }
    if (d->is_set)
        hd_pipe_set_close(p);
    if (d->diff.accounts)
        p->e->unpin(p->ctx, d->diff.accounts);
    if (d->diff.slots)
        p->e->unpin(p->ctx, d->diff.slots);
    hd_state_trie_close(d->trie);
    hd_exec_close(d->exec);
    hd_state_bulk_close(d->bulk);
    hd_pool_close(d->pool);
    hd_undo_free(&d->undo);
    memset(d, 0, sizeof(*d));
    p->is_loaded = 0;
}

static hd_err thread_open(hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    if (pthread_mutex_init(&d->mutex, NULL) != 0)
        return HD_ERR_NOMEM;
    if (pthread_cond_init(&d->cond, NULL) != 0) {
        pthread_mutex_destroy(&d->mutex);
        return HD_ERR_NOMEM;
    }
    if (pthread_create(&d->thread, NULL, thread_run, p) != 0) {
        pthread_cond_destroy(&d->cond);
        pthread_mutex_destroy(&d->mutex);
        return HD_ERR_NOMEM;
    }
    d->has_thread = 1;
    return HD_OK;
}

/* Everything, or nothing yet: then the root is the host's. */
static hd_err load(hd_hash *root, hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    if (!d->is_set) {
        hd_state_trie_close(d->trie);
        d->trie = NULL;
        return hd_pipe_load_all(root, p, d->s);
    }
    TRY(hd_pipe_set_reset(p));
    return trie_root(root, d, NULL);
}

hd_err hd_pipeline_load_behind(hd_hash *root, hd_pipeline *p, hd_state *s,
                               const hd_pipeline_behind *options) {
    hd_pipe_behind *d = &p->behind;
    hd_pipe_behind_close(p);
    p->is_loaded = 0;
    d->s = s;
    if (options)
        d->options = *options;
    hd_err err = hd_pool_open(&d->pool, p->threads);
    if (err == HD_OK)
        err = hd_state_bulk_open(&d->bulk);
    if (err == HD_OK && d->options.resident_max)
        err = hd_pipe_set_open(p);
    else if (err == HD_OK)
        err = thread_open(p);
    if (err == HD_OK)
        err = load(root, p);
    if (err != HD_OK) {
        hd_pipe_behind_close(p);
        return err;
    }
    d->root = *root;
    return HD_OK;
}

hd_err hd_pipeline_sync(hd_pipeline *p) {
    return p->behind.s ? hd_pipe_behind_wait(p) : HD_ERR_ABSENT;
}

hd_err hd_pipeline_changed(hd_hash *root, hd_pipeline *p, hd_undo *changes) {
    if (!p->behind.s)
        return HD_ERR_ABSENT;
    TRY(hd_pipe_behind_wait(p));
    hd_err err = follow(root, p, changes);
    if (err != HD_OK) { /* what is resident, and the tries, may not have followed */
        hd_pipe_lose_device(p);
        hd_state_trie_close(p->behind.trie);
        p->behind.trie = NULL;
    }
    return err;
}

hd_err hd_pipeline_reload(hd_hash *root, hd_pipeline *p) {
    hd_pipe_behind *d = &p->behind;
    if (!d->s)
        return HD_ERR_ABSENT;
    TRY(hd_pipe_behind_wait(p));
    hd_pipe_lose_device(p);
    p->in[0].is_begun = p->in[1].is_begun = 0; /* what was admitted may be lost, too */
    for (uint32_t i = 0; i < M_CNT; i++) {
        p->e->release(p->ctx, p->rooms[i].p);
        memset(&p->rooms[i], 0, sizeof(p->rooms[i]));
    }
    hd_pipe_intake_close(p);
    TRY(load(root, p));
    d->is_lost = 0;
    d->root = *root;
    return HD_OK;
}

/* ---- comparing ---- */

typedef struct {
    hd_world_account *accounts;
    hd_world_slot *slots;
    uint64_t account_cnt, slot_cnt; /* that exist, that are not zero */
} resident;

static hd_err check_accounts(resident *r, const hd_pipeline *p, uint32_t cnt) {
    const hd_state *s = p->behind.s;
    hd_world w;
    hd_state_world(&w, s);
    for (uint32_t i = 0; i < cnt; i++) {
        const hd_world_account *a = &r->accounts[i];
        hd_state_account now;
        hd_address addr;
        hd_addr_to_wire(&addr, a->addr);
        int is_there = hd_state_get(&now, s, &addr) == HD_OK;
        if (is_there != ((a->flags & HD_ACCOUNT_EXISTS) != 0))
            return HD_ERR_CORRUPT;
        if (!is_there)
            continue;
        r->account_cnt++;
        if (a->nonce != now.nonce || !hd_u256_is_equal(a->balance_wei, now.balance_wei) ||
            a->code_idx >= p->pipe.world.code_cnt ||
            memcmp(&w.codes[p->codes.from[a->code_idx]].hash, &now.code_hash, 32) != 0 ||
            ((now.flags & HD_ACCOUNT_HAS_STORAGE) && !(a->flags & HD_ACCOUNT_HAS_STORAGE)))
            return HD_ERR_CORRUPT;
    }
    return HD_OK;
}

static hd_err check_slots(resident *r, const hd_pipeline *p, size_t cnt) {
    for (size_t i = 0; i < cnt; i++) {
        const hd_world_slot *t = &r->slots[i];
        hd_address addr;
        if (t->account_ref == 0)
            continue;
        if (t->account_ref > p->counters.account_cnt)
            return HD_ERR_CORRUPT;
        const hd_world_account *a = &r->accounts[t->account_ref - 1];
        if (a->incarnation != t->incarnation)
            continue;
        hd_addr_to_wire(&addr, a->addr);
        if (!hd_u256_is_equal(t->value, hd_state_get_slot(p->behind.s, &addr, t->key)))
            return HD_ERR_CORRUPT;
        r->slot_cnt += !hd_u256_is_zero(t->value);
    }
    return HD_OK;
}

static void count_slot(void *ctx, hd_u256 key, hd_u256 value) {
    (void)key;
    (void)value;
    ++*(uint64_t *)ctx;
}

/* Nothing that is behind is missing. */
static hd_err check_whole(const resident *r, const hd_state *s) {
    uint64_t account_cnt = 0, slot_cnt = 0;
    for (uint32_t i = 0; i < hd_state_account_max(s); i++) {
        hd_address addr;
        hd_state_account a;
        if (!hd_state_account_at(&addr, &a, s, i))
            continue;
        account_cnt++;
        hd_state_each_slot(s, &addr, count_slot, &slot_cnt);
    }
    return account_cnt == r->account_cnt && slot_cnt == r->slot_cnt ? HD_OK : HD_ERR_CORRUPT;
}

hd_err hd_pipeline_check(hd_pipeline *p) {
    const hd_world *w = &p->pipe.world;
    resident r = {.account_cnt = 0};
    if (!p->behind.s || p->behind.is_lost || !p->is_loaded)
        return HD_ERR_ABSENT;
    TRY(hd_pipe_behind_wait(p));
    uint32_t account_cnt = p->counters.account_cnt;
    size_t slot_cnt = (size_t)w->slot_mask + 1;
    r.accounts = malloc((account_cnt + (size_t)1) * sizeof(*r.accounts));
    r.slots = malloc(slot_cnt * sizeof(*r.slots));
    hd_err err = r.accounts && r.slots ? HD_OK : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = p->e->down(p->ctx, r.accounts, w->accounts, account_cnt * sizeof(*r.accounts));
    if (err == HD_OK)
        err = p->e->down(p->ctx, r.slots, w->slots, slot_cnt * sizeof(*r.slots));
    if (err == HD_OK)
        err = check_accounts(&r, p, account_cnt);
    if (err == HD_OK)
        err = check_slots(&r, p, slot_cnt);
    if (err == HD_OK && !p->behind.is_set)
        err = check_whole(&r, p->behind.s);
    free(r.accounts);
    free(r.slots);
    return err;
}
