/* hd_state_bulk.c - writes in place by parts; what is new is put into the tables at a phase's end,
   again by parts: keys that are all different and all absent need free places alone. */
#include "state/hd_state_bulk.h"

#include <stdlib.h>
#include <string.h>

#include "state/hd_state_internal.h"

typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    uint32_t addr[5];
    uint32_t hash;
} new_account;

typedef struct {
    hd_u256 key;
    hd_u256 value;
    uint32_t account_idx;
    uint32_t
        run; /* once it is there: new slots from here on, of this part, that are the account's */
} new_slot;

/* What a part has brought; its place in the arrays of all parts begins at first. */
typedef struct {
    uint32_t first;
    uint32_t account_note_cnt, slot_note_cnt;
    uint32_t new_cnt, turn_cnt;
    uint32_t owner_ref; /* of the last slot's account; 0: none yet */
} part;

struct hd_state_bulk {
    hd_state *s;
    part parts[HD_STATE_BULK_PART_MAX];
    uint32_t part_cnt;
    uint32_t new_first;             /* the state's accounts, or links, before the phase */
    hd_undo_account *account_notes; /* inside the undo record; NULL: nobody notes */
    hd_undo_slot *slot_notes;
    new_account *new_accounts;
    new_slot *new_slots;
    uint32_t *turns; /* slots from or to zero: account index, doubled, plus 1 where not zero now */
    size_t new_account_cap, new_slot_cap, turn_cap;
};

#define GROW(array, cap, need) \
    hd_state_grow((void **)&(array), &(cap), (size_t)(need), sizeof *(array))

hd_err hd_state_bulk_open(hd_state_bulk **out) {
    *out = (hd_state_bulk *)calloc(1, sizeof **out);
    return *out ? HD_OK : HD_ERR_NOMEM;
}

void hd_state_bulk_close(hd_state_bulk *b) {
    if (!b)
        return;
    free(b->new_accounts);
    free(b->new_slots);
    free(b->turns);
    free(b);
}

/* ---- notes: each part has a range of the record's memory behind its end ---- */

static hd_err begin(uint64_t *sum, hd_state_bulk *b, hd_state *s, uint32_t part_cnt,
                    const uint32_t *cnts) {
    HD_ASSERT(part_cnt <= HD_STATE_BULK_PART_MAX);
    *sum = 0;
    b->s = s;
    b->part_cnt = part_cnt;
    b->account_notes = NULL;
    b->slot_notes = NULL;
    for (uint32_t i = 0; i < part_cnt; i++) {
        memset(&b->parts[i], 0, sizeof b->parts[i]);
        b->parts[i].first = (uint32_t)*sum;
        *sum += cnts[i];
        if (*sum >> 30)
            return HD_ERR_LIMIT;
    }
    if (!s->undo || *sum == 0)
        return HD_OK;
    hd_err err = hd_buf_reserve(&s->undo->accounts, *sum * sizeof(hd_undo_account));
    if (err == HD_OK)
        b->account_notes =
            (hd_undo_account *)(void *)(s->undo->accounts.data + s->undo->accounts.sz);
    return err;
}

/* Closes the gaps between the parts' ranges. */
static void end_notes(hd_state_bulk *b) {
    hd_undo *undo = b->s->undo;
    uint32_t account_cnt = 0, slot_cnt = 0;
    for (uint32_t i = 0; b->account_notes && i < b->part_cnt; i++) {
        const part *p = &b->parts[i];
        if (account_cnt != p->first)
            memmove(b->account_notes + account_cnt, b->account_notes + p->first,
                    p->account_note_cnt * sizeof *b->account_notes);
        account_cnt += p->account_note_cnt;
    }
    for (uint32_t i = 0; b->slot_notes && i < b->part_cnt; i++) {
        const part *p = &b->parts[i];
        if (slot_cnt != p->first)
            memmove(b->slot_notes + slot_cnt, b->slot_notes + p->first,
                    p->slot_note_cnt * sizeof *b->slot_notes);
        slot_cnt += p->slot_note_cnt;
    }
    if (b->account_notes)
        undo->accounts.sz += account_cnt * sizeof *b->account_notes;
    if (b->slot_notes)
        undo->slots.sz += slot_cnt * sizeof *b->slot_notes;
}

/* Slots of one account lie in many parts: whoever is first notes it. */
static void note_account(hd_state_bulk *b, part *p, uint32_t idx) {
    hd_state *s = b->s;
    hd_state_meta *m = &s->metas[idx];
    if (!b->account_notes || __atomic_load_n(&m->undo_epoch, __ATOMIC_RELAXED) == s->undo_epoch ||
        __atomic_exchange_n(&m->undo_epoch, s->undo_epoch, __ATOMIC_RELAXED) == s->undo_epoch)
        return;
    const hd_world_account *a = &s->accounts[idx];
    hd_undo_account *note = &b->account_notes[p->first + p->account_note_cnt++];
    memset(note, 0, sizeof *note);
    note->balance_wei = a->balance_wei;
    note->nonce = a->nonce;
    note->code_hash = s->codes[a->code_idx].hash;
    note->is_there = (a->flags & HD_ACCOUNT_EXISTS) != 0;
    hd_addr_to_wire(&note->addr, a->addr);
}

static void note_slot(hd_state_bulk *b, part *p, uint32_t account_idx, hd_u256 key, hd_u256 value) {
    if (!b->slot_notes)
        return;
    hd_undo_slot *note = &b->slot_notes[p->first + p->slot_note_cnt++];
    memset(note, 0, sizeof *note);
    note->key = key;
    note->value = value;
    hd_addr_to_wire(&note->addr, b->s->accounts[account_idx].addr);
}

/* ---- accounts ---- */

#define AHEAD 8u /* new ones whose places are asked for before they are needed */

static int account_find(uint32_t *idx, const hd_state *s, const uint32_t addr[5]) {
    uint32_t i = hd_world_account_hash(s->seed, addr) & s->account_mask;
    for (; s->account_table[i]; i = (i + 1) & s->account_mask) {
        *idx = s->account_table[i] - 1;
        if (memcmp(s->accounts[*idx].addr, addr, sizeof s->accounts[*idx].addr) == 0)
            return 1;
    }
    return 0;
}

hd_err hd_state_bulk_begin_accounts(hd_state_bulk *b, hd_state *s, uint32_t part_cnt,
                                    const uint32_t *cnts) {
    uint64_t sum;
    hd_err err = begin(&sum, b, s, part_cnt, cnts);
    return err == HD_OK ? GROW(b->new_accounts, b->new_account_cap, sum + 1) : err;
}

uint32_t hd_state_bulk_find(const hd_state_bulk *b, const uint32_t addr[5]) {
    uint32_t idx;
    return account_find(&idx, b->s, addr) ? idx + 1 : 0;
}

void hd_state_bulk_ahead_account(const hd_state_bulk *b, uint32_t ref) {
    if (!ref)
        return;
    const char *a = (const char *)&b->s->accounts[ref - 1];
    __builtin_prefetch(a, 1);
    __builtin_prefetch(a + 64, 1);
    if (b->account_notes)
        __builtin_prefetch(&b->s->metas[ref - 1], 1);
}

int hd_state_bulk_account(hd_state_bulk *b, uint32_t part_idx, const uint32_t addr[5], uint32_t ref,
                          uint64_t nonce, hd_u256 balance_wei, uint32_t code_idx) {
    part *p = &b->parts[part_idx];
    hd_state *s = b->s;
    if (ref) {
        uint32_t idx = ref - 1;
        hd_world_account *a = &s->accounts[idx];
        HD_ASSERT(memcmp(a->addr, addr, sizeof a->addr) == 0);
        if (!(a->flags & HD_ACCOUNT_EXISTS) || a->code_idx != code_idx)
            return 0;
        note_account(b, p, idx);
        a->nonce = nonce;
        a->balance_wei = balance_wei;
        return 1;
    }
    if (code_idx != 0)
        return 0;
    new_account *n = &b->new_accounts[p->first + p->new_cnt++];
    n->balance_wei = balance_wei;
    n->nonce = nonce;
    memcpy(n->addr, addr, sizeof n->addr);
    n->hash = hd_world_account_hash(s->seed, addr);
    if (b->account_notes) {
        hd_undo_account *note = &b->account_notes[p->first + p->account_note_cnt++];
        memset(note, 0, sizeof *note);
        note->code_hash = s->codes[0].hash;
        hd_addr_to_wire(&note->addr, addr);
    }
    return 1;
}

static hd_err put_accounts(void *ctx, size_t begin_idx, size_t end_idx, uint32_t worker_idx) {
    hd_state_bulk *b = (hd_state_bulk *)ctx;
    hd_state *s = b->s;
    (void)worker_idx;
    for (size_t i = begin_idx; i < end_idx; i++) {
        uint32_t idx = b->new_first;
        for (size_t k = 0; k < i; k++)
            idx += b->parts[k].new_cnt;
        for (uint32_t k = 0; k < b->parts[i].new_cnt; k++, idx++) {
            const new_account *n = &b->new_accounts[b->parts[i].first + k];
            if (k + AHEAD < b->parts[i].new_cnt)
                __builtin_prefetch(&s->account_table[n[AHEAD].hash & s->account_mask], 1);
            hd_world_account *a = &s->accounts[idx];
            memset(a, 0, sizeof *a);
            memset(&s->metas[idx], 0, sizeof s->metas[idx]);
            s->metas[idx].undo_epoch = s->undo_epoch;
            memcpy(a->addr, n->addr, sizeof a->addr);
            a->nonce = n->nonce;
            a->balance_wei = n->balance_wei;
            a->flags = HD_ACCOUNT_EXISTS;
            hd_state_put_account(s, n->hash, idx);
        }
    }
    return HD_OK;
}

static uint32_t count_new(const hd_state_bulk *b) {
    uint32_t cnt = 0;
    for (uint32_t i = 0; i < b->part_cnt; i++)
        cnt += b->parts[i].new_cnt;
    return cnt;
}

hd_err hd_state_bulk_end_accounts(hd_state_bulk *b, hd_pool *pool) {
    hd_state *s = b->s;
    uint32_t cnt = count_new(b);
    end_notes(b);
    if (cnt == 0)
        return HD_OK;
    hd_err err = hd_state_room_accounts(s, cnt, pool);
    if (err != HD_OK)
        return err;
    b->new_first = s->account_cnt;
    s->account_cnt += cnt;
    return hd_pool_for(pool, b->part_cnt, 1, put_accounts, b);
}

/* ---- slots ---- */

hd_err hd_state_bulk_begin_slots(hd_state_bulk *b, hd_state *s, uint32_t part_cnt,
                                 const uint32_t *cnts) {
    uint64_t sum;
    hd_err err = begin(&sum, b, s, part_cnt, cnts);
    if (err == HD_OK && s->undo && sum) {
        err = hd_buf_reserve(&s->undo->slots, sum * sizeof(hd_undo_slot));
        if (err == HD_OK)
            b->slot_notes = (hd_undo_slot *)(void *)(s->undo->slots.data + s->undo->slots.sz);
    }
    if (err == HD_OK)
        err = GROW(b->new_slots, b->new_slot_cap, sum + 1);
    return err == HD_OK ? GROW(b->turns, b->turn_cap, sum + 1) : err;
}

static int is_zero(hd_u256 v) { return !(v.w[0] | v.w[1] | v.w[2] | v.w[3]); }

/* Whether the account is that of the part's last slot. */
static int is_owner(const hd_state_bulk *b, const part *p, const uint32_t addr[5]) {
    return p->owner_ref &&
           memcmp(b->s->accounts[p->owner_ref - 1].addr, addr, sizeof b->s->accounts[0].addr) == 0;
}

void hd_state_bulk_ahead_slot(const hd_state_bulk *b, uint32_t part_idx, const uint32_t addr[5],
                              hd_u256 key) {
    const part *p = &b->parts[part_idx];
    const hd_state *s = b->s;
    if (!is_owner(b, p, addr))
        return;
    uint32_t hash = hd_world_slot_hash(s->seed, p->owner_ref - 1, key);
    const char *t = (const char *)&s->slots[hash & s->slot_mask];
    __builtin_prefetch(t, 1);
    __builtin_prefetch(t + 64, 1);
}

int hd_state_bulk_slot(hd_state_bulk *b, uint32_t part_idx, const uint32_t addr[5], hd_u256 key,
                       hd_u256 value) {
    part *p = &b->parts[part_idx];
    hd_state *s = b->s;
    uint32_t idx = p->owner_ref - 1;
    if (!is_owner(b, p, addr) && !account_find(&idx, s, addr))
        return 0;
    p->owner_ref = idx + 1;
    if (!(s->accounts[idx].flags & HD_ACCOUNT_EXISTS))
        return 0;
    uint32_t incarnation = s->accounts[idx].incarnation;
    uint32_t i = hd_world_slot_hash(s->seed, idx, key) & s->slot_mask;
    hd_world_slot *t = &s->slots[i];
    for (; t->account_ref; i = (i + 1) & s->slot_mask, t = &s->slots[i])
        if (t->account_ref == idx + 1 && t->incarnation == incarnation &&
            memcmp(&t->key, &key, sizeof key) == 0)
            break;
    note_account(b, p, idx);
    if (!t->account_ref) {
        if (is_zero(value))
            return 1;
        note_slot(b, p, idx, key, (hd_u256){{0, 0, 0, 0}});
        new_slot *n = &b->new_slots[p->first + p->new_cnt++];
        n->key = key;
        n->value = value;
        n->account_idx = idx;
        return 1;
    }
    note_slot(b, p, idx, key, t->value);
    if (is_zero(t->value) != is_zero(value))
        b->turns[p->first + p->turn_cnt++] = 2 * idx + (is_zero(value) ? 0 : 1);
    t->value = value;
    return 1;
}

static uint32_t put_slot(hd_state *s, const new_slot *n) {
    uint32_t at = hd_world_slot_hash(s->seed, n->account_idx, n->key) & s->slot_mask;
    for (;; at = (at + 1) & s->slot_mask) {
        uint32_t none = 0, *ref = &s->slots[at].account_ref;
        if (__atomic_load_n(ref, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(ref, &none, n->account_idx + 1, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            break;
    }
    s->slots[at].key = n->key;
    s->slots[at].value = n->value;
    s->slots[at].incarnation = s->accounts[n->account_idx].incarnation;
    return at;
}

/* A part's links lie behind each other; those of one account that are neighbours form a run, which
   is linked here. */
static hd_err put_slots(void *ctx, size_t begin_idx, size_t end_idx, uint32_t worker_idx) {
    hd_state_bulk *b = (hd_state_bulk *)ctx;
    hd_state *s = b->s;
    (void)worker_idx;
    for (size_t i = begin_idx; i < end_idx; i++) {
        new_slot *slots = b->new_slots + b->parts[i].first;
        uint32_t ref = b->new_first + 1, cnt = b->parts[i].new_cnt, run_first = 0;
        for (size_t k = 0; k < i; k++)
            ref += b->parts[k].new_cnt;
        for (uint32_t k = 0; k < cnt; k++, ref++) {
            int is_last = k + 1 == cnt || slots[k + 1].account_idx != slots[k].account_idx;
            s->links[ref - 1] = (hd_state_link){put_slot(s, &slots[k]), is_last ? 0 : ref + 1};
            if (!is_last)
                continue;
            slots[run_first].run = k + 1 - run_first;
            run_first = k + 1;
        }
    }
    return HD_OK;
}

hd_err hd_state_bulk_end_slots(hd_state_bulk *b, hd_pool *pool) {
    hd_state *s = b->s;
    uint32_t cnt = count_new(b);
    hd_err err = HD_OK;
    end_notes(b);
    /* The accounts' numbers of living slots first: making room counts on them. */
    for (uint32_t i = 0; i < b->part_cnt; i++)
        for (uint32_t k = 0; k < b->parts[i].turn_cnt; k++) {
            uint32_t turn = b->turns[b->parts[i].first + k];
            hd_state_count_slot(s, turn / 2, turn % 2 ? 1 : -1);
        }
    if (cnt)
        err = hd_state_room_slots(s, cnt);
    if (err != HD_OK || cnt == 0)
        return err;
    b->new_first = s->link_cnt;
    s->link_cnt += cnt;
    err = hd_pool_for(pool, b->part_cnt, 1, put_slots, b);
    if (err != HD_OK)
        return err;
    /* Chains of an account's slots go through all parts. */
    uint32_t ref = b->new_first + 1;
    for (uint32_t i = 0; i < b->part_cnt; i++)
        for (uint32_t k = 0; k < b->parts[i].new_cnt;) {
            const new_slot *n = &b->new_slots[b->parts[i].first + k];
            hd_state_meta *m = &s->metas[n->account_idx];
            if (m->tail_ref)
                s->links[m->tail_ref - 1].next_ref = ref;
            else
                m->head_ref = ref;
            m->tail_ref = ref + n->run - 1;
            hd_state_count_slot(s, n->account_idx, (int)n->run);
            ref += n->run;
            k += n->run;
        }
    return HD_OK;
}
