/* hd_state.c - the host's mutable state: hd_world's tables grown and changed in place. */
#include "state/hd_state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/hd_keccak.h"
#include "state/hd_state_internal.h"

/* Tables start this small and fall back to it at every reset: the state-test runner resets one
   150,000 times and sends whole tables to the GPU, so neither may remember the largest case. */
#define TABLE_MIN 64u
#define CODE_TABLE_MIN 16u
#define TABLE_MAX (1u << 30)

/* ---- memory ---- */

hd_err hd_state_grow(void **p, size_t *cap, size_t need, size_t elem_sz) {
    if (need <= *cap)
        return HD_OK;
    size_t next = *cap < 16 ? 16 : *cap;
    while (next < need) {
        if (next > SIZE_MAX / 4)
            return HD_ERR_LIMIT;
        next *= 2;
    }
    if (next > SIZE_MAX / 2 / elem_sz)
        return HD_ERR_LIMIT;
    void *q = realloc(*p, next * elem_sz);
    if (!q)
        return HD_ERR_NOMEM;
    *p = q;
    *cap = next;
    return HD_OK;
}

#define GROW(array, cap, need) \
    hd_state_grow((void **)&(array), &(cap), (size_t)(need), sizeof *(array))

/* Tables are not copied when they grow (everything is put in anew), so they are not realloc'ed. */
static hd_err table_make(void **table, uint32_t *cap, uint32_t cnt, size_t elem_sz) {
    if (cnt > *cap) {
        void *q = malloc((size_t)cnt * elem_sz);
        if (!q)
            return HD_ERR_NOMEM;
        free(*table);
        *table = q;
        *cap = cnt;
    }
    memset(*table, 0, (size_t)cnt * elem_sz);
    return HD_OK;
}

/* ---- code ---- */

static uint32_t code_hash_of(const hd_state *s, const hd_hash *hash) {
    return (uint32_t)hd_mix64(hd_load_le64(hash->b) ^ s->seed);
}

static void code_table_put(hd_state *s, uint32_t code_idx) {
    uint32_t i = code_hash_of(s, &s->codes[code_idx].hash) & s->code_mask;
    while (s->code_table[i])
        i = (i + 1) & s->code_mask;
    s->code_table[i] = code_idx + 1;
}

static int code_find(uint32_t *code_idx, const hd_state *s, const hd_hash *hash) {
    uint32_t i = code_hash_of(s, hash) & s->code_mask;
    for (; s->code_table[i]; i = (i + 1) & s->code_mask) {
        uint32_t idx = s->code_table[i] - 1;
        if (memcmp(&s->codes[idx].hash, hash, sizeof *hash) == 0) {
            *code_idx = idx;
            return 1;
        }
    }
    return 0;
}

void hd_code_mark_jumps(uint64_t *words, const uint8_t *code, size_t code_sz) {
    for (size_t pc = 0; pc < code_sz; pc++) {
        uint8_t op = code[pc];
        if (op == 0x5b)
            words[pc / 64] |= 1ull << (pc % 64);
        else if (op >= 0x60 && op <= 0x7f)
            pc += op - 0x5fu; /* PUSHn's data never holds a jump destination */
    }
}

static hd_err code_add(uint32_t *code_idx, hd_state *s, const hd_hash *hash, const uint8_t *code,
                       size_t sz) {
    if (sz > UINT32_MAX / 2 || s->code_cnt >= TABLE_MAX / 4)
        return HD_ERR_LIMIT;
    /* Rounded so that each code starts at a multiple of 32 and at least 33 zero bytes follow it. */
    size_t room = (sz + 33 + 31) & ~(size_t)31;
    size_t word_cnt = (sz + 63) / 64 + 1;
    hd_err err = GROW(s->code_bytes, s->code_bytes_cap, s->code_bytes_sz + room);
    if (err == HD_OK)
        err = GROW(s->jump_words, s->jump_cap, s->jump_cnt + word_cnt);
    if (err == HD_OK)
        err = GROW(s->codes, s->code_cap, (size_t)s->code_cnt + 1);
    if (err != HD_OK)
        return err;
    if ((s->code_cnt + 1) * 2 > s->code_mask + 1) {
        uint32_t cnt = (s->code_mask + 1) * 2;
        err = table_make((void **)&s->code_table, &s->code_table_cap, cnt, sizeof(uint32_t));
        if (err != HD_OK)
            return err;
        s->code_mask = cnt - 1;
        for (uint32_t i = 0; i < s->code_cnt; i++)
            code_table_put(s, i);
    }
    hd_world_code *c = &s->codes[s->code_cnt];
    memset(c, 0, sizeof *c);
    c->hash = *hash;
    c->code_off = s->code_bytes_sz;
    c->jump_off = s->jump_cnt;
    c->code_sz = (uint32_t)sz;
    c->is_delegation = sz == 23 && code[0] == 0xef && code[1] == 0x01 && code[2] == 0x00;
    if (sz)
        memcpy(s->code_bytes + s->code_bytes_sz, code, sz);
    memset(s->code_bytes + s->code_bytes_sz + sz, 0, room - sz);
    memset(s->jump_words + s->jump_cnt, 0, word_cnt * 8);
    hd_code_mark_jumps(s->jump_words + s->jump_cnt, code, sz);
    s->code_bytes_sz += room;
    s->jump_cnt += word_cnt;
    *code_idx = s->code_cnt++;
    code_table_put(s, *code_idx);
    return HD_OK;
}

static hd_err code_insert(uint32_t *code_idx, hd_state *s, const hd_hash *hash, const uint8_t *code,
                          size_t sz) {
    *code_idx = 0;
    if (sz == 0 || code_find(code_idx, s, hash))
        return HD_OK;
    return code_add(code_idx, s, hash, code, sz);
}

/* ---- accounts ---- */

static int account_find(uint32_t *idx, const hd_state *s, const uint32_t addr[5]) {
    uint32_t i = hd_world_account_hash(s->seed, addr) & s->account_mask;
    for (; s->account_table[i]; i = (i + 1) & s->account_mask) {
        uint32_t a = s->account_table[i] - 1;
        if (memcmp(s->accounts[a].addr, addr, sizeof s->accounts[a].addr) == 0) {
            *idx = a;
            return 1;
        }
    }
    return 0;
}

static int account_find_wire(uint32_t *idx, const hd_state *s, const hd_address *addr) {
    uint32_t a[5];
    hd_addr_from_wire(a, addr);
    return account_find(idx, s, a);
}

static int account_find_existing(uint32_t *idx, const hd_state *s, const hd_address *addr) {
    return account_find_wire(idx, s, addr) && (s->accounts[*idx].flags & HD_ACCOUNT_EXISTS);
}

void hd_state_put_account(hd_state *s, uint32_t hash, uint32_t idx) {
    for (uint32_t i = hash & s->account_mask;; i = (i + 1) & s->account_mask) {
        uint32_t none = 0, *place = &s->account_table[i];
        if (__atomic_load_n(place, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(place, &none, idx + 1, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return;
    }
}

/* The places of a table are far apart, so each is asked for before it is needed. */
#define PUT_AHEAD 8u

static hd_err put_again(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    hd_state *s = ctx;
    uint32_t hashes[PUT_AHEAD];
    (void)worker_idx;
    for (size_t i = begin; i < end + PUT_AHEAD; i++) {
        if (i >= begin + PUT_AHEAD)
            hd_state_put_account(s, hashes[i % PUT_AHEAD], (uint32_t)(i - PUT_AHEAD));
        if (i >= end)
            continue;
        hashes[i % PUT_AHEAD] = hd_world_account_hash(s->seed, s->accounts[i].addr);
        __builtin_prefetch(&s->account_table[hashes[i % PUT_AHEAD] & s->account_mask], 1);
    }
    return HD_OK;
}

hd_err hd_state_room_accounts(hd_state *s, uint32_t more_cnt, hd_pool *pool) {
    uint64_t need = (uint64_t)s->account_cnt + more_cnt, cnt = (uint64_t)s->account_mask + 1;
    if (need > TABLE_MAX / 4)
        return HD_ERR_LIMIT;
    hd_err err = GROW(s->accounts, s->account_cap, need);
    if (err == HD_OK)
        err = GROW(s->metas, s->meta_cap, need);
    if (err != HD_OK || need * 2 <= cnt)
        return err;
    while (need * 2 > cnt)
        cnt *= 2;
    err = table_make((void **)&s->account_table, &s->account_table_cap, (uint32_t)cnt,
                     sizeof(uint32_t));
    if (err != HD_OK)
        return err;
    s->account_mask = (uint32_t)cnt - 1;
    return hd_pool_for(pool, s->account_cnt, 4096, put_again, s);
}

/* Gives the account's index; a new one, or one deleted before, comes into being empty. */
static hd_err account_make(uint32_t *idx, hd_state *s, const hd_address *wire) {
    uint32_t addr[5];
    hd_addr_from_wire(addr, wire);
    if (account_find(idx, s, addr)) {
        hd_err noted = hd_undo_note_account(s, *idx);
        if (noted == HD_OK)
            s->accounts[*idx].flags |= HD_ACCOUNT_EXISTS;
        return noted;
    }
    hd_err err = hd_state_room_accounts(s, 1, NULL);
    if (err == HD_OK)
        err = hd_undo_note_new(s, wire);
    if (err != HD_OK)
        return err;
    *idx = s->account_cnt;
    hd_world_account *a = &s->accounts[*idx];
    memset(a, 0, sizeof *a);
    memset(&s->metas[*idx], 0, sizeof s->metas[*idx]);
    s->metas[*idx].undo_epoch = s->undo_epoch;
    memcpy(a->addr, addr, sizeof a->addr);
    a->flags = HD_ACCOUNT_EXISTS;
    s->account_cnt++;
    hd_state_put_account(s, hd_world_account_hash(s->seed, addr), *idx);
    return HD_OK;
}

/* The slots stay in the table under the old incarnation, where nobody finds them, until the table
   is next rehashed: deleting costs the same whatever the account held. */
static hd_err account_wipe_storage(hd_state *s, uint32_t idx) {
    hd_state_meta *m = &s->metas[idx];
    hd_err err = hd_undo_note_storage(s, idx);
    if (err != HD_OK)
        return err;
    s->accounts[idx].incarnation++;
    s->accounts[idx].flags &= ~HD_ACCOUNT_HAS_STORAGE;
    m->head_ref = m->tail_ref = m->slot_cnt = 0;
    return HD_OK;
}

static hd_err account_delete(hd_state *s, uint32_t idx) {
    hd_world_account *a = &s->accounts[idx];
    hd_err err = hd_undo_note_account(s, idx);
    if (err == HD_OK)
        err = account_wipe_storage(s, idx);
    if (err != HD_OK)
        return err;
    a->flags = 0;
    a->nonce = 0;
    a->balance_wei = (hd_u256){{0, 0, 0, 0}};
    a->code_idx = 0;
    return HD_OK;
}

/* ---- slots ---- */

static int value_is_zero(hd_u256 v) { return !(v.w[0] | v.w[1] | v.w[2] | v.w[3]); }

static hd_u256 value_zero(void) { return (hd_u256){{0, 0, 0, 0}}; }

static uint32_t slot_find(const hd_state *s, uint32_t account_idx, hd_u256 key, int *is_found) {
    uint32_t incarnation = s->accounts[account_idx].incarnation;
    uint32_t i = hd_world_slot_hash(s->seed, account_idx, key) & s->slot_mask;
    for (; s->slots[i].account_ref; i = (i + 1) & s->slot_mask) {
        const hd_world_slot *t = &s->slots[i];
        if (t->account_ref == account_idx + 1 && t->incarnation == incarnation &&
            memcmp(&t->key, &key, sizeof key) == 0) {
            *is_found = 1;
            return i;
        }
    }
    *is_found = 0;
    return i;
}

/* Room in links has been made. Slots of an account are chained in order of creation, so that walks
   cost what the account holds and do not depend on the table's seed. */
void hd_state_link_slot(hd_state *s, uint32_t account_idx, uint32_t pos) {
    hd_state_meta *m = &s->metas[account_idx];
    uint32_t ref = ++s->link_cnt;
    s->links[ref - 1] = (hd_state_link){pos, 0};
    if (m->tail_ref)
        s->links[m->tail_ref - 1].next_ref = ref;
    else
        m->head_ref = ref;
    m->tail_ref = ref;
}

void hd_state_count_slot(hd_state *s, uint32_t account_idx, int change) {
    hd_state_meta *m = &s->metas[account_idx];
    m->slot_cnt += (uint32_t)change;
    if (m->slot_cnt)
        s->accounts[account_idx].flags |= HD_ACCOUNT_HAS_STORAGE;
    else
        s->accounts[account_idx].flags &= ~HD_ACCOUNT_HAS_STORAGE;
}

/* Puts the living, non-zero slots into a table with room for more_cnt more. */
static hd_err slot_rehash(hd_state *s, uint32_t more_cnt) {
    size_t live = 0;
    for (uint32_t i = 0; i < s->account_cnt; i++)
        live += s->metas[i].slot_cnt;
    uint64_t cnt = (uint64_t)s->slot_mask + 1;
    while ((live + more_cnt) * 4 > cnt)
        cnt *= 2;
    if (cnt > TABLE_MAX)
        return HD_ERR_LIMIT;
    hd_err err = GROW(s->links, s->link_cap, cnt / 2 + 1);
    if (err != HD_OK)
        return err;
    hd_world_slot *keep = (hd_world_slot *)malloc((live + 1) * sizeof *keep);
    if (!keep)
        return HD_ERR_NOMEM;
    size_t n = 0;
    for (uint32_t i = 0; i < s->link_cnt; i++) {
        const hd_world_slot *t = &s->slots[s->links[i].pos];
        if (t->incarnation == s->accounts[t->account_ref - 1].incarnation &&
            !value_is_zero(t->value) && n < live)
            keep[n++] = *t;
    }
    err = table_make((void **)&s->slots, &s->slot_table_cap, (uint32_t)cnt, sizeof *s->slots);
    if (err == HD_OK) {
        s->slot_mask = (uint32_t)cnt - 1;
        s->link_cnt = 0;
        for (uint32_t i = 0; i < s->account_cnt; i++)
            s->metas[i].head_ref = s->metas[i].tail_ref = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t pos = hd_world_slot_hash(s->seed, keep[i].account_ref - 1, keep[i].key);
            for (pos &= s->slot_mask; s->slots[pos].account_ref;)
                pos = (pos + 1) & s->slot_mask;
            s->slots[pos] = keep[i];
            hd_state_link_slot(s, keep[i].account_ref - 1, pos);
        }
    }
    free(keep);
    return err;
}

hd_err hd_state_room_slots(hd_state *s, uint32_t more_cnt) {
    uint64_t need = (uint64_t)s->link_cnt + more_cnt;
    return need * 2 > (uint64_t)s->slot_mask + 1 ? slot_rehash(s, more_cnt) : HD_OK;
}

static hd_err slot_set(hd_state *s, uint32_t account_idx, hd_u256 key, hd_u256 value) {
    int is_found;
    uint32_t pos = slot_find(s, account_idx, key, &is_found);
    int is_zero = value_is_zero(value);
    if (!is_found) {
        if (is_zero)
            return HD_OK;
        hd_err noted = hd_undo_note_slot(s, account_idx, key, value_zero());
        if (noted != HD_OK)
            return noted;
        if (((uint64_t)s->link_cnt + 1) * 2 > (uint64_t)s->slot_mask + 1) {
            hd_err err = slot_rehash(s, 1);
            if (err != HD_OK)
                return err;
            pos = slot_find(s, account_idx, key, &is_found);
        }
        hd_world_slot *t = &s->slots[pos];
        memset(t, 0, sizeof *t);
        t->key = key;
        t->account_ref = account_idx + 1;
        t->incarnation = s->accounts[account_idx].incarnation;
        hd_state_link_slot(s, account_idx, pos);
    } else {
        hd_err noted = hd_undo_note_slot(s, account_idx, key, s->slots[pos].value);
        if (noted != HD_OK)
            return noted;
    }
    hd_world_slot *t = &s->slots[pos];
    if (value_is_zero(t->value) != is_zero)
        hd_state_count_slot(s, account_idx, is_zero ? -1 : 1);
    t->value = value;
    return HD_OK;
}

/* ---- life of a state ---- */

hd_state *hd_state_new(void) {
    hd_state *s = (hd_state *)calloc(1, sizeof *s);
    if (!s)
        return NULL;
    hd_hash empty;
    hd_keccak256(empty.b, (const uint8_t *)"", 0);
    if (getrandom(&s->seed, sizeof s->seed, 0) != (ssize_t)sizeof s->seed)
        goto fail;
    if (table_make((void **)&s->account_table, &s->account_table_cap, TABLE_MIN, 4) != HD_OK ||
        table_make((void **)&s->slots, &s->slot_table_cap, TABLE_MIN, sizeof *s->slots) != HD_OK ||
        table_make((void **)&s->code_table, &s->code_table_cap, CODE_TABLE_MIN, 4) != HD_OK ||
        GROW(s->accounts, s->account_cap, TABLE_MIN / 2) != HD_OK ||
        GROW(s->metas, s->meta_cap, TABLE_MIN / 2) != HD_OK ||
        GROW(s->links, s->link_cap, TABLE_MIN / 2 + 1) != HD_OK)
        goto fail;
    s->account_mask = s->slot_mask = TABLE_MIN - 1;
    s->code_mask = CODE_TABLE_MIN - 1;
    uint32_t code_idx;
    if (code_add(&code_idx, s, &empty, (const uint8_t *)"", 0) != HD_OK)
        goto fail;
    s->root_scratch = hd_state_root_scratch_new();
    if (!s->root_scratch)
        goto fail;
    return s;
fail:
    hd_state_free(s);
    return NULL;
}

void hd_state_free(hd_state *s) {
    if (!s)
        return;
    free(s->accounts);
    free(s->metas);
    free(s->account_table);
    free(s->slots);
    free(s->links);
    free(s->codes);
    free(s->code_table);
    free(s->code_bytes);
    free(s->jump_words);
    hd_state_root_scratch_free(s->root_scratch);
    free(s);
}

void hd_state_reset(hd_state *s) {
    s->undo = NULL;
    s->account_cnt = 0;
    s->link_cnt = 0;
    /* codes[0], the empty code, lies first and stays; its table entry is put back. */
    s->code_cnt = 1;
    s->code_bytes_sz = 64;
    s->jump_cnt = 1;
    s->account_mask = s->slot_mask = TABLE_MIN - 1;
    s->code_mask = CODE_TABLE_MIN - 1;
    memset(s->account_table, 0, TABLE_MIN * sizeof *s->account_table);
    memset(s->slots, 0, TABLE_MIN * sizeof *s->slots);
    memset(s->code_table, 0, CODE_TABLE_MIN * sizeof *s->code_table);
    code_table_put(s, 0);
}

hd_err hd_state_copy(hd_state *dst, const hd_state *src) {
    if (dst == src)
        return HD_OK;
    hd_err err = GROW(dst->accounts, dst->account_cap, src->account_cnt);
    if (err == HD_OK)
        err = GROW(dst->metas, dst->meta_cap, src->account_cnt);
    if (err == HD_OK)
        err = GROW(dst->links, dst->link_cap, (size_t)src->slot_mask / 2 + 2);
    if (err == HD_OK)
        err = GROW(dst->codes, dst->code_cap, src->code_cnt);
    if (err == HD_OK)
        err = GROW(dst->code_bytes, dst->code_bytes_cap, src->code_bytes_sz);
    if (err == HD_OK)
        err = GROW(dst->jump_words, dst->jump_cap, src->jump_cnt);
    if (err != HD_OK)
        return err;
    /* From here on the tables are emptied: a failure leaves an empty state behind. */
    hd_state_reset(dst);
    err = table_make((void **)&dst->account_table, &dst->account_table_cap, src->account_mask + 1,
                     sizeof *dst->account_table);
    if (err == HD_OK)
        err = table_make((void **)&dst->slots, &dst->slot_table_cap, src->slot_mask + 1,
                         sizeof *dst->slots);
    if (err == HD_OK)
        err = table_make((void **)&dst->code_table, &dst->code_table_cap, src->code_mask + 1,
                         sizeof *dst->code_table);
    if (err != HD_OK) {
        hd_state_reset(dst);
        return err;
    }
    /* The order of the tables hangs on the seed, so it goes with them. */
    dst->seed = src->seed;
    dst->undo_epoch = src->undo_epoch;
    dst->account_cnt = src->account_cnt;
    dst->account_mask = src->account_mask;
    dst->slot_mask = src->slot_mask;
    dst->link_cnt = src->link_cnt;
    dst->code_cnt = src->code_cnt;
    dst->code_mask = src->code_mask;
    dst->code_bytes_sz = src->code_bytes_sz;
    dst->jump_cnt = src->jump_cnt;
    if (src->account_cnt) {
        memcpy(dst->accounts, src->accounts, src->account_cnt * sizeof *src->accounts);
        memcpy(dst->metas, src->metas, src->account_cnt * sizeof *src->metas);
    }
    if (src->link_cnt)
        memcpy(dst->links, src->links, src->link_cnt * sizeof *src->links);
    memcpy(dst->codes, src->codes, src->code_cnt * sizeof *src->codes);
    memcpy(dst->code_bytes, src->code_bytes, src->code_bytes_sz);
    memcpy(dst->jump_words, src->jump_words, src->jump_cnt * sizeof *src->jump_words);
    memcpy(dst->account_table, src->account_table,
           ((size_t)src->account_mask + 1) * sizeof *src->account_table);
    memcpy(dst->slots, src->slots, ((size_t)src->slot_mask + 1) * sizeof *src->slots);
    memcpy(dst->code_table, src->code_table,
           ((size_t)src->code_mask + 1) * sizeof *src->code_table);
    return HD_OK;
}

void hd_state_world(hd_world *out, const hd_state *s) {
    memset(out, 0, sizeof *out);
    out->accounts = s->accounts;
    out->account_table = s->account_table;
    out->slots = s->slots;
    out->codes = s->codes;
    out->code_bytes = s->code_bytes;
    out->jump_words = s->jump_words;
    out->seed = s->seed;
    out->account_cnt = s->account_cnt;
    out->account_mask = s->account_mask;
    out->slot_mask = s->slot_mask;
    out->code_cnt = s->code_cnt;
    out->flags = HD_WORLD_COMPLETE;
}

/* ---- reading and writing ---- */

static void account_fill(hd_state_account *out, const hd_state *s, uint32_t idx) {
    const hd_world_account *a = &s->accounts[idx];
    const hd_world_code *c = &s->codes[a->code_idx];
    out->balance_wei = a->balance_wei;
    out->nonce = a->nonce;
    out->code_hash = c->hash;
    out->code = s->code_bytes + c->code_off;
    out->code_sz = c->code_sz;
    out->flags = a->flags;
}

hd_err hd_state_get(hd_state_account *out, const hd_state *s, const hd_address *addr) {
    uint32_t idx;
    if (!account_find_existing(&idx, s, addr))
        return HD_ERR_ABSENT;
    account_fill(out, s, idx);
    return HD_OK;
}

hd_u256 hd_state_get_slot(const hd_state *s, const hd_address *addr, hd_u256 key) {
    hd_u256 zero = {{0, 0, 0, 0}};
    uint32_t idx;
    int is_found = 0;
    if (!account_find_existing(&idx, s, addr))
        return zero;
    uint32_t pos = slot_find(s, idx, key, &is_found);
    return is_found ? s->slots[pos].value : zero;
}

hd_err hd_state_set(hd_state *s, const hd_address *addr, uint64_t nonce, hd_u256 balance_wei,
                    const uint8_t *code, size_t code_sz) {
    hd_hash hash;
    uint32_t idx, code_idx = 0;
    if (code_sz) {
        hd_keccak256(hash.b, code, code_sz);
        hd_err err = code_insert(&code_idx, s, &hash, code, code_sz);
        if (err != HD_OK)
            return err;
    }
    hd_err err = account_make(&idx, s, addr);
    if (err != HD_OK)
        return err;
    hd_world_account *a = &s->accounts[idx];
    a->nonce = nonce;
    a->balance_wei = balance_wei;
    a->code_idx = code_idx;
    return HD_OK;
}

hd_err hd_state_keep_code(hd_state *s, const uint8_t *code, size_t code_sz) {
    hd_hash hash;
    uint32_t code_idx;
    hd_keccak256(hash.b, code, code_sz);
    return code_insert(&code_idx, s, &hash, code, code_sz);
}

hd_err hd_state_set_account(hd_state *s, const hd_address *addr, uint64_t nonce,
                            hd_u256 balance_wei) {
    uint32_t idx;
    hd_err err = account_make(&idx, s, addr);
    if (err != HD_OK)
        return err;
    s->accounts[idx].nonce = nonce;
    s->accounts[idx].balance_wei = balance_wei;
    return HD_OK;
}

hd_err hd_state_set_code(hd_state *s, const hd_address *addr, const hd_hash *hash,
                         const uint8_t *code, size_t code_sz) {
    uint32_t idx, code_idx;
    hd_err err = code_insert(&code_idx, s, hash, code, code_sz);
    if (err == HD_OK)
        err = account_make(&idx, s, addr);
    if (err == HD_OK)
        s->accounts[idx].code_idx = code_idx;
    return err;
}

hd_err hd_state_set_balance(hd_state *s, const hd_address *addr, hd_u256 balance_wei) {
    uint32_t idx;
    hd_err err = account_make(&idx, s, addr);
    if (err == HD_OK)
        s->accounts[idx].balance_wei = balance_wei;
    return err;
}

hd_err hd_state_set_slot(hd_state *s, const hd_address *addr, hd_u256 key, hd_u256 value) {
    uint32_t idx;
    hd_err err = account_make(&idx, s, addr);
    return err == HD_OK ? slot_set(s, idx, key, value) : err;
}

hd_err hd_state_delete(hd_state *s, const hd_address *addr) {
    uint32_t idx;
    return account_find_existing(&idx, s, addr) ? account_delete(s, idx) : HD_OK;
}

/* Wraps at 2^256 as the machine's own balances do: there is not that much ether. */
static hd_u256 balance_sum(hd_u256 a, hd_u256 b) {
    uint64_t carry = 0;
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t t = a.w[i] + carry;
        carry = t < carry;
        a.w[i] = t + b.w[i];
        carry += a.w[i] < t;
    }
    return a;
}

hd_err hd_state_add_balance(hd_state *s, const hd_address *addr, hd_u256 wei, uint32_t fork) {
    uint32_t idx;
    if (value_is_zero(wei) && fork >= HD_FORK_SPURIOUS) {
        if (account_find_existing(&idx, s, addr)) {
            const hd_world_account *a = &s->accounts[idx];
            if (a->nonce == 0 && a->code_idx == 0 && value_is_zero(a->balance_wei))
                return account_delete(s, idx);
        }
        return HD_OK;
    }
    hd_err err = account_make(&idx, s, addr);
    if (err == HD_OK)
        s->accounts[idx].balance_wei = balance_sum(s->accounts[idx].balance_wei, wei);
    return err;
}

static hd_err apply_account(hd_state *s, const hd_account_diff *d, const uint8_t *bytes) {
    uint32_t idx, code_idx = 0;
    if (d->flags & HD_DIFF_DELETED)
        return hd_state_delete(s, &d->addr);
    if (d->flags & HD_DIFF_CODE) {
        hd_err err = code_insert(&code_idx, s, &d->code_hash, bytes + d->code_off, d->code_sz);
        if (err != HD_OK)
            return err;
    }
    hd_err err = account_make(&idx, s, &d->addr);
    if (err == HD_OK && d->flags & HD_DIFF_WIPED)
        err = account_wipe_storage(s, idx);
    if (err != HD_OK)
        return err;
    hd_world_account *a = &s->accounts[idx];
    a->nonce = d->nonce;
    a->balance_wei = d->balance_wei;
    if (d->flags & HD_DIFF_CODE)
        a->code_idx = code_idx;
    return HD_OK;
}

hd_err hd_state_apply(hd_state *s, const hd_receipt *r, const hd_account_diff *accounts,
                      const hd_slot_diff *slots, const uint8_t *bytes, const hd_address *coinbase,
                      uint32_t fork) {
    /* What was refused, or could not be finished, has no effects. */
    if (r->status > HD_TX_HALT)
        return HD_OK;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        const hd_account_diff *d = &accounts[r->account_off + i];
        if (!(d->flags & HD_DIFF_CHANGED))
            continue;
        hd_err err = apply_account(s, d, bytes);
        if (err != HD_OK)
            return err;
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &slots[r->slot_off + i];
        if (!(d->flags & HD_DIFF_CHANGED))
            continue;
        if (d->account_idx >= r->account_cnt)
            return HD_ERR_CORRUPT;
        const hd_account_diff *owner = &accounts[r->account_off + d->account_idx];
        if (owner->flags & HD_DIFF_DELETED)
            continue;
        hd_err err = hd_state_set_slot(s, &owner->addr, d->key, d->value);
        if (err != HD_OK)
            return err;
    }
    if (r->flags & HD_RECEIPT_FEE_PAID)
        return HD_OK;
    return hd_state_add_balance(s, coinbase, r->fee_wei, fork);
}

/* ---- walking ---- */

uint32_t hd_state_account_max(const hd_state *s) { return s->account_cnt; }

int hd_state_account_at(hd_address *addr, hd_state_account *out, const hd_state *s, uint32_t idx) {
    if (idx >= s->account_cnt || !(s->accounts[idx].flags & HD_ACCOUNT_EXISTS))
        return 0;
    hd_addr_to_wire(addr, s->accounts[idx].addr);
    account_fill(out, s, idx);
    return 1;
}

void hd_state_each_slot(const hd_state *s, const hd_address *addr,
                        void (*fn)(void *ctx, hd_u256 key, hd_u256 value), void *ctx) {
    uint32_t idx;
    if (!account_find_existing(&idx, s, addr))
        return;
    for (uint32_t ref = s->metas[idx].head_ref; ref; ref = s->links[ref - 1].next_ref) {
        const hd_world_slot *t = &s->slots[s->links[ref - 1].pos];
        if (!value_is_zero(t->value))
            fn(ctx, t->key, t->value);
    }
}

/* ---- for other files of the room ---- */

int hd_state_account_find(uint32_t *idx, const hd_state *s, const hd_address *addr) {
    return account_find_wire(idx, s, addr);
}

int hd_state_code_find(uint32_t *code_idx, const hd_state *s, const hd_hash *hash) {
    return code_find(code_idx, s, hash);
}
