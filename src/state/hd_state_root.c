/* hd_state_root.c - the state's Merkle Patricia root, computed from its tables. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hd_keccak.h"
#include "state/hd_state_internal.h"
#include "state/hd_trie.h"

/* rlp([nonce, balance, storage root, code hash]): 9 + 33 + 33 + 33 bytes and the list's header */
#define ACCOUNT_LEAF_SZ_MAX 110u
#define SLOT_LEAF_SZ_MAX 33u

/* Up to this many leaves insertion is faster than four passes of counting. */
#define SORT_SMALL_MAX 48u

typedef struct {
    uint64_t prefix; /* the key's first eight bytes, big-endian */
    uint32_t idx;
    uint32_t reserved;
} sort_entry;

/* Leaves of one trie: keys[i] and the value_szs[i] bytes at values + i * stride. */
typedef struct {
    hd_hash *keys;
    uint8_t *values;
    uint8_t *value_szs;
    sort_entry *entries, *entries_tmp;
    hd_trie_item *items;
    size_t key_cap, value_cap, sz_cap, entry_cap, tmp_cap, item_cap;
    size_t cnt;
    size_t stride;
} leaf_set;

struct hd_state_root_scratch {
    leaf_set accounts;
    leaf_set slots;
};

hd_state_root_scratch *hd_state_root_scratch_new(void) {
    hd_state_root_scratch *x = (hd_state_root_scratch *)calloc(1, sizeof *x);
    if (x) {
        x->accounts.stride = ACCOUNT_LEAF_SZ_MAX;
        x->slots.stride = SLOT_LEAF_SZ_MAX;
    }
    return x;
}

static void leaf_set_free(leaf_set *l) {
    free(l->keys);
    free(l->values);
    free(l->value_szs);
    free(l->entries);
    free(l->entries_tmp);
    free(l->items);
}

void hd_state_root_scratch_free(hd_state_root_scratch *x) {
    if (!x)
        return;
    leaf_set_free(&x->accounts);
    leaf_set_free(&x->slots);
    free(x);
}

#define GROW(array, cap, need) \
    hd_state_grow((void **)&(array), &(cap), (size_t)(need), sizeof *(array))

static hd_err leaf_set_start(leaf_set *l, size_t cnt) {
    hd_err err = GROW(l->keys, l->key_cap, cnt);
    l->cnt = 0;
    if (err == HD_OK)
        err = GROW(l->values, l->value_cap, cnt * l->stride);
    if (err == HD_OK)
        err = GROW(l->value_szs, l->sz_cap, cnt);
    if (err == HD_OK)
        err = GROW(l->entries, l->entry_cap, cnt);
    if (err == HD_OK)
        err = GROW(l->entries_tmp, l->tmp_cap, cnt);
    if (err == HD_OK)
        err = GROW(l->items, l->item_cap, cnt);
    return err;
}

/* ---- order ---- */

static int entry_is_below(const leaf_set *l, const sort_entry *a, const sort_entry *b) {
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    return memcmp(&l->keys[a->idx], &l->keys[b->idx], sizeof(hd_hash)) < 0;
}

/* Keys are hashes: after four passes over their upper 32 bits the entries are in order but for
   chance meetings, which the insertion at the end puts right in about one step each. */
static void leaf_set_sort(leaf_set *l) {
    if (l->cnt > SORT_SMALL_MAX) {
        sort_entry *from = l->entries, *to = l->entries_tmp;
        for (uint32_t shift = 32; shift < 64; shift += 8) {
            size_t starts[256] = {0}, sum = 0;
            for (size_t i = 0; i < l->cnt; i++)
                starts[(from[i].prefix >> shift) & 255]++;
            for (uint32_t d = 0; d < 256; d++) {
                size_t n = starts[d];
                starts[d] = sum;
                sum += n;
            }
            for (size_t i = 0; i < l->cnt; i++)
                to[starts[(from[i].prefix >> shift) & 255]++] = from[i];
            sort_entry *swap = from;
            from = to;
            to = swap;
        }
    }
    for (size_t i = 1; i < l->cnt; i++) {
        sort_entry e = l->entries[i];
        size_t j = i;
        for (; j && entry_is_below(l, &e, &l->entries[j - 1]); j--)
            l->entries[j] = l->entries[j - 1];
        l->entries[j] = e;
    }
}

static hd_err leaf_set_root(hd_hash *root, leaf_set *l) {
    for (size_t i = 0; i < l->cnt; i++) {
        l->entries[i].prefix = hd_load_be64(l->keys[i].b);
        l->entries[i].idx = (uint32_t)i;
        l->entries[i].reserved = 0;
    }
    leaf_set_sort(l);
    for (size_t i = 0; i < l->cnt; i++) {
        size_t idx = l->entries[i].idx;
        l->items[i].key.data = l->keys[idx].b;
        l->items[i].key.sz = sizeof(hd_hash);
        l->items[i].value.data = l->values + idx * l->stride;
        l->items[i].value.sz = l->value_szs[idx];
    }
    return hd_trie_root_sorted(root, l->items, l->cnt);
}

/* ---- leaves ---- */

static void store_word(uint8_t out[32], hd_u256 x) {
    for (uint32_t i = 0; i < 4; i++)
        hd_store_be64(out + 8 * i, x.w[3 - i]);
}

/* The number's shortest form as a string; a byte below 0x80 stands for itself, 0 is empty. */
static uint32_t put_num(uint8_t *out, const uint8_t *be, uint32_t sz) {
    uint32_t skip = 0;
    while (skip < sz && be[skip] == 0)
        skip++;
    uint32_t n = sz - skip;
    if (n == 1 && be[skip] < 0x80) {
        out[0] = be[skip];
        return 1;
    }
    out[0] = (uint8_t)(0x80 + n);
    memcpy(out + 1, be + skip, n);
    return 1 + n;
}

static hd_err storage_root(hd_hash *root, hd_state_root_scratch *x, const hd_state *s,
                           uint32_t account_idx) {
    const hd_state_meta *m = &s->metas[account_idx];
    leaf_set *l = &x->slots;
    hd_err err = leaf_set_start(l, m->slot_cnt);
    if (err != HD_OK)
        return err;
    for (uint32_t ref = m->head_ref; ref; ref = s->links[ref - 1].next_ref) {
        const hd_world_slot *t = &s->slots[s->links[ref - 1].pos];
        uint8_t word[32];
        if (!(t->value.w[0] | t->value.w[1] | t->value.w[2] | t->value.w[3]))
            continue;
        if (l->cnt >= m->slot_cnt)
            return HD_ERR_CORRUPT;
        store_word(word, t->key);
        hd_keccak256(l->keys[l->cnt].b, word, sizeof word);
        store_word(word, t->value);
        l->value_szs[l->cnt] = (uint8_t)put_num(l->values + l->cnt * l->stride, word, 32);
        l->cnt++;
    }
    return leaf_set_root(root, l);
}

static uint32_t account_leaf(uint8_t out[ACCOUNT_LEAF_SZ_MAX], const hd_state *s,
                             const hd_world_account *a, const hd_hash *storage) {
    uint8_t word[32];
    uint32_t n = 2;
    hd_store_be64(word, a->nonce);
    n += put_num(out + n, word, 8);
    store_word(word, a->balance_wei);
    n += put_num(out + n, word, 32);
    out[n++] = 0xa0;
    memcpy(out + n, storage->b, 32);
    n += 32;
    out[n++] = 0xa0;
    memcpy(out + n, s->codes[a->code_idx].hash.b, 32);
    n += 32;
    out[0] = 0xf8; /* two hashes make the payload longer than 55 bytes, and all shorter than 256 */
    out[1] = (uint8_t)(n - 2);
    return n;
}

hd_err hd_state_root(hd_hash *out, const hd_state *s) {
    hd_state_root_scratch *x = s->root_scratch;
    leaf_set *l = &x->accounts;
    hd_hash empty, storage;
    hd_err err = leaf_set_start(l, s->account_cnt);
    hd_trie_empty_root(&empty);
    for (uint32_t i = 0; i < s->account_cnt && err == HD_OK; i++) {
        const hd_world_account *a = &s->accounts[i];
        hd_address addr;
        if (!(a->flags & HD_ACCOUNT_EXISTS))
            continue;
        storage = empty;
        if (s->metas[i].slot_cnt)
            err = storage_root(&storage, x, s, i);
        hd_addr_to_wire(&addr, a->addr);
        hd_keccak256(l->keys[l->cnt].b, addr.b, sizeof addr.b);
        l->value_szs[l->cnt] =
            (uint8_t)account_leaf(l->values + l->cnt * l->stride, s, a, &storage);
        l->cnt++;
    }
    return err == HD_OK ? leaf_set_root(out, l) : err;
}
