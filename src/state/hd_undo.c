/* hd_undo.c - notes what changes in a state, and takes it back. */
#include "state/hd_undo.h"

#include <stdlib.h>
#include <string.h>

#include "state/hd_state_internal.h"

void hd_undo_attach(hd_state *s, hd_undo *undo) {
    s->undo = undo;
    /* A new section: accounts are noted anew. At the end of the numbers all are told to forget. */
    if (undo && ++s->undo_epoch == 0) {
        for (uint32_t i = 0; i < s->account_cnt; i++)
            s->metas[i].undo_epoch = 0;
        s->undo_epoch = 1;
    }
}

void hd_undo_clear(hd_undo *undo) {
    hd_buf_clear(&undo->accounts);
    hd_buf_clear(&undo->slots);
}

void hd_undo_free(hd_undo *undo) {
    hd_buf_free(&undo->accounts);
    hd_buf_free(&undo->slots);
}

/* ---- notes ---- */

hd_err hd_undo_note_account(hd_state *s, uint32_t account_idx) {
    const hd_world_account *a = &s->accounts[account_idx];
    hd_state_meta *m = &s->metas[account_idx];
    hd_undo_account note = {.nonce = 0};
    if (!s->undo || m->undo_epoch == s->undo_epoch)
        return HD_OK;
    note.balance_wei = a->balance_wei;
    note.nonce = a->nonce;
    note.code_hash = s->codes[a->code_idx].hash;
    note.is_there = (a->flags & HD_ACCOUNT_EXISTS) != 0;
    hd_addr_to_wire(&note.addr, a->addr);
    hd_err err = hd_buf_append(&s->undo->accounts, &note, sizeof note);
    if (err == HD_OK)
        m->undo_epoch = s->undo_epoch;
    return err;
}

hd_err hd_undo_note_new(hd_state *s, const hd_address *addr) {
    hd_undo_account note = {.nonce = 0};
    if (!s->undo)
        return HD_OK;
    note.code_hash = s->codes[0].hash;
    note.addr = *addr;
    return hd_buf_append(&s->undo->accounts, &note, sizeof note);
}

hd_err hd_undo_note_slot(hd_state *s, uint32_t account_idx, hd_u256 key, hd_u256 value) {
    hd_undo_slot note = {.reserved = 0};
    if (!s->undo)
        return HD_OK;
    note.key = key;
    note.value = value;
    hd_addr_to_wire(&note.addr, s->accounts[account_idx].addr);
    return hd_buf_append(&s->undo->slots, &note, sizeof note);
}

hd_err hd_undo_note_storage(hd_state *s, uint32_t account_idx) {
    static const hd_u256 zero;
    hd_err err = HD_OK;
    if (!s->undo || s->metas[account_idx].slot_cnt == 0)
        return HD_OK;
    for (uint32_t ref = s->metas[account_idx].head_ref; ref && err == HD_OK;
         ref = s->links[ref - 1].next_ref) {
        const hd_world_slot *t = &s->slots[s->links[ref - 1].pos];
        if (memcmp(&t->value, &zero, sizeof zero) != 0)
            err = hd_undo_note_slot(s, account_idx, t->key, t->value);
    }
    return err;
}

/* ---- taking back ---- */

static hd_err restore_account(hd_state *s, const hd_undo_account *note) {
    uint32_t idx, code_idx;
    if (hd_state_account_find(&idx, s, &note->addr)) {
        /* The first note of an account is the oldest: it alone counts. */
        if (s->metas[idx].undo_epoch == s->undo_epoch)
            return HD_OK;
        s->metas[idx].undo_epoch = s->undo_epoch;
    }
    if (!note->is_there)
        return hd_state_delete(s, &note->addr);
    if (!hd_state_code_find(&code_idx, s, &note->code_hash))
        return HD_ERR_CORRUPT;
    hd_err err = hd_state_set_balance(s, &note->addr, note->balance_wei);
    if (err != HD_OK)
        return err;
    if (!hd_state_account_find(&idx, s, &note->addr))
        return HD_ERR_CORRUPT;
    s->metas[idx].undo_epoch = s->undo_epoch;
    s->accounts[idx].nonce = note->nonce;
    s->accounts[idx].code_idx = code_idx;
    return HD_OK;
}

hd_err hd_undo_apply(hd_state *s, const hd_undo *undo) {
    const hd_undo_slot *slots = (const hd_undo_slot *)(const void *)undo->slots.data;
    const hd_undo_account *accounts = (const hd_undo_account *)(const void *)undo->accounts.data;
    size_t slot_cnt = undo->slots.sz / sizeof *slots;
    size_t account_cnt = undo->accounts.sz / sizeof *accounts;
    hd_err err = HD_OK;
    hd_undo none = {.accounts = {.sz = 0}};
    s->undo = NULL;
    /* Slots first and backwards, so that the oldest value stands at last. This may bring accounts
       into being that were not there: their own notes, which exist, remove them again. */
    for (size_t i = slot_cnt; i-- > 0 && err == HD_OK;)
        err = hd_state_set_slot(s, &slots[i].addr, slots[i].key, slots[i].value);
    hd_undo_attach(s, &none); /* a fresh number, by which restored accounts are known */
    s->undo = NULL;
    for (size_t i = 0; i < account_cnt && err == HD_OK; i++)
        err = restore_account(s, &accounts[i]);
    return err;
}

/* ---- compacting ---- */

/* Notes with their place, since the C library's sort is not stable. */
typedef struct {
    const uint8_t *note;
    size_t idx;
} sort_entry;

static int compare_accounts(const void *a, const void *b) {
    const sort_entry *x = a, *y = b;
    int order = memcmp(((const hd_undo_account *)(const void *)x->note)->addr.b,
                       ((const hd_undo_account *)(const void *)y->note)->addr.b, 20);
    return order ? order : x->idx < y->idx ? -1 : x->idx > y->idx;
}

static int compare_slots(const void *a, const void *b) {
    const sort_entry *x = a, *y = b;
    const hd_undo_slot *s = (const hd_undo_slot *)(const void *)x->note;
    const hd_undo_slot *t = (const hd_undo_slot *)(const void *)y->note;
    int order = memcmp(s->addr.b, t->addr.b, 20);
    for (int i = 3; order == 0 && i >= 0; i--)
        if (s->key.w[i] != t->key.w[i])
            order = s->key.w[i] < t->key.w[i] ? -1 : 1;
    return order ? order : x->idx < y->idx ? -1 : x->idx > y->idx;
}

static int is_same(const uint8_t *a, const uint8_t *b, int is_slot) {
    if (!is_slot)
        return memcmp(((const hd_undo_account *)(const void *)a)->addr.b,
                      ((const hd_undo_account *)(const void *)b)->addr.b, 20) == 0;
    const hd_undo_slot *s = (const hd_undo_slot *)(const void *)a;
    const hd_undo_slot *t = (const hd_undo_slot *)(const void *)b;
    return memcmp(s->addr.b, t->addr.b, 20) == 0 && memcmp(&s->key, &t->key, sizeof s->key) == 0;
}

static hd_err compact(hd_buf *notes, size_t note_sz, int is_slot) {
    size_t cnt = notes->sz / note_sz;
    hd_buf out = {0};
    if (cnt < 2)
        return HD_OK;
    sort_entry *entries = malloc(cnt * sizeof *entries);
    if (!entries)
        return HD_ERR_NOMEM;
    for (size_t i = 0; i < cnt; i++)
        entries[i] = (sort_entry){notes->data + i * note_sz, i};
    qsort(entries, cnt, sizeof *entries, is_slot ? compare_slots : compare_accounts);
    for (size_t i = 0; i < cnt; i++)
        if (i == 0 || !is_same(entries[i - 1].note, entries[i].note, is_slot))
            hd_buf_append(&out, entries[i].note, note_sz);
    free(entries);
    hd_err err = out.err;
    if (err == HD_OK) {
        hd_buf old = *notes;
        *notes = out;
        out = old;
    }
    hd_buf_free(&out);
    return err;
}

static uint32_t note_hash(const uint8_t *note, int is_slot, uint64_t seed) {
    const hd_undo_slot *s = (const hd_undo_slot *)(const void *)note;
    const hd_undo_account *a = (const hd_undo_account *)(const void *)note;
    uint32_t addr[5];
    hd_addr_from_wire(addr, is_slot ? &s->addr : &a->addr);
    uint32_t h = hd_world_account_hash(seed, addr);
    return is_slot ? hd_world_slot_hash(seed, h, s->key) : h;
}

/* Notes move down over those that are dropped; the table holds the places of those that stay. */
static hd_err unique(hd_buf *notes, size_t note_sz, int is_slot, uint64_t seed) {
    size_t cnt = notes->sz / note_sz, kept_cnt = 0, cap = 16;
    if (cnt < 2)
        return HD_OK;
    if (cnt >> 30)
        return HD_ERR_LIMIT;
    while (cap < 2 * cnt)
        cap *= 2;
    uint32_t *table = calloc(cap, sizeof *table);
    if (!table)
        return HD_ERR_NOMEM;
    for (size_t i = 0; i < cnt; i++) {
        const uint8_t *note = notes->data + i * note_sz;
        size_t at = note_hash(note, is_slot, seed) & (cap - 1);
        while (table[at] && !is_same(notes->data + (table[at] - 1) * note_sz, note, is_slot))
            at = (at + 1) & (cap - 1);
        if (table[at])
            continue;
        if (kept_cnt != i)
            memcpy(notes->data + kept_cnt * note_sz, note, note_sz);
        table[at] = (uint32_t)++kept_cnt;
    }
    free(table);
    notes->sz = kept_cnt * note_sz;
    return HD_OK;
}

hd_err hd_undo_unique(hd_undo *undo, uint64_t seed) {
    hd_err err = unique(&undo->accounts, sizeof(hd_undo_account), 0, seed);
    return err == HD_OK ? unique(&undo->slots, sizeof(hd_undo_slot), 1, seed) : err;
}

hd_err hd_undo_compact(hd_undo *undo) {
    hd_err err = compact(&undo->accounts, sizeof(hd_undo_account), 0);
    return err == HD_OK ? compact(&undo->slots, sizeof(hd_undo_slot), 1) : err;
}
