/* forest_model.h - what the tests of forests share: a model of a few accounts with slots, its root
   computed anew, and random batches of changes. */
#ifndef FOREST_MODEL_H
#define FOREST_MODEL_H

#include "hd_test.h"

#include "base/hd_rlp.h"
#include "state/hd_forest.h"
#include "state/hd_trie.h"

static uint64_t rng_state;

static uint64_t rng(void) { /* xorshift64: the same numbers on every machine */
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

/* ---- a model: a few accounts, each with a few slots */

#define ACCOUNTS 24u
#define SLOTS 40u

typedef struct {
    hd_hash key;
    hd_u256 value; /* 0: not there */
} model_slot;

typedef struct {
    hd_hash key, code_hash;
    hd_u256 balance_wei;
    uint64_t nonce;
    int is_there;
    model_slot slots[SLOTS];
} model_account;

typedef struct {
    model_account accounts[ACCOUNTS];
} model;

/* Keys that share much: few nibbles differ, at places that vary; or random ones. */
static void random_key(hd_hash *k, uint32_t kind) {
    memset(k, 0x11, sizeof *k);
    if (kind == 0) {
        for (size_t i = 0; i < 32; i++)
            k->b[i] = (uint8_t)rng();
    } else if (kind == 1) { /* all differences in the last nibbles: short nodes inside others */
        k->b[31] = (uint8_t)rng();
        k->b[30] = (uint8_t)(rng() & 0x31);
        k->b[29] = (uint8_t)(rng() & 1);
    } else {
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t at = (uint32_t)(rng() % 64);
            uint32_t nibble = rng() & 3;
            k->b[at / 2] = at & 1 ? (uint8_t)((k->b[at / 2] & 0xf0) | nibble)
                                  : (uint8_t)((k->b[at / 2] & 0x0f) | nibble << 4);
        }
    }
}

static hd_u256 random_value(void) {
    hd_u256 v = {{rng() % 3 ? 1 + rng() % 300 : rng() | 1, 0, 0, 0}};
    if (rng() % 4 == 0)
        v.w[rng() % 4] = rng();
    if (!(v.w[0] | v.w[1] | v.w[2] | v.w[3]))
        v.w[0] = 5;
    return v;
}

static int is_new_key(const hd_hash *k, const hd_hash *first, size_t stride, size_t cnt) {
    for (size_t i = 0; i < cnt; i++)
        if (memcmp((const uint8_t *)first + i * stride, k, sizeof *k) == 0)
            return 0;
    return 1;
}

static void model_init(model *m, uint32_t kind) {
    memset(m, 0, sizeof *m);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        model_account *a = &m->accounts[i];
        do
            random_key(&a->key, kind);
        while (!is_new_key(&a->key, &m->accounts[0].key, sizeof *a, i));
        for (size_t k = 0; k < SLOTS; k++)
            do
                random_key(&a->slots[k].key, kind);
            while (!is_new_key(&a->slots[k].key, &a->slots[0].key, sizeof a->slots[0], k));
    }
}

static int key_order(const void *a, const void *b) {
    return memcmp(((const hd_trie_item *)a)->key.data, ((const hd_trie_item *)b)->key.data, 32);
}

static void put_word(hd_buf *buf, hd_u256 v) {
    uint8_t be[32];
    for (uint32_t i = 0; i < 4; i++)
        hd_store_be64(be + 8 * i, v.w[3 - i]);
    hd_rlp_put_num(buf, be, sizeof be);
}

static void storage_root(hd_hash *root, const model_account *a) {
    hd_trie_item items[SLOTS];
    hd_buf values[SLOTS];
    size_t cnt = 0;
    for (size_t k = 0; k < SLOTS; k++) {
        const model_slot *s = &a->slots[k];
        if (hd_forest_value_is_zero(&s->value))
            continue;
        hd_buf_init(&values[cnt]);
        put_word(&values[cnt], s->value);
        items[cnt].key = (hd_span){s->key.b, 32};
        items[cnt].value = (hd_span){values[cnt].data, values[cnt].sz};
        cnt++;
    }
    qsort(items, cnt, sizeof items[0], key_order);
    assert_int_equal(hd_trie_root_sorted(root, items, cnt), HD_OK);
    for (size_t k = 0; k < cnt; k++)
        hd_buf_free(&values[k]);
}

static void model_root(hd_hash *root, const model *m) {
    hd_trie_item items[ACCOUNTS];
    hd_buf values[ACCOUNTS];
    size_t cnt = 0;
    for (size_t i = 0; i < ACCOUNTS; i++) {
        const model_account *a = &m->accounts[i];
        hd_hash storage;
        if (!a->is_there)
            continue;
        storage_root(&storage, a);
        hd_buf *v = &values[cnt];
        hd_buf_init(v);
        size_t mark = hd_rlp_list_open(v);
        hd_rlp_put_u64(v, a->nonce);
        put_word(v, a->balance_wei);
        hd_rlp_put_bytes(v, storage.b, 32);
        hd_rlp_put_bytes(v, a->code_hash.b, 32);
        hd_rlp_list_close(v, mark);
        items[cnt].key = (hd_span){a->key.b, 32};
        items[cnt].value = (hd_span){v->data, v->sz};
        cnt++;
    }
    qsort(items, cnt, sizeof items[0], key_order);
    assert_int_equal(hd_trie_root_sorted(root, items, cnt), HD_OK);
    for (size_t k = 0; k < cnt; k++)
        hd_buf_free(&values[k]);
}

/* ---- batches */

typedef struct {
    hd_forest_account_change accounts[ACCOUNTS];
    hd_forest_slot_change slots[ACCOUNTS * SLOTS];
    size_t account_cnt, slot_cnt;
} batch;

static void key_set(hd_forest_key *out, const hd_hash *in) { memcpy(out, in, sizeof *out); }

/* Slots change with probability of one in `rarity`; deletions are a third of the changes. */
static void batch_slots(batch *b, model_account *a, uint32_t account, uint32_t rarity) {
    for (size_t k = 0; k < SLOTS; k++) {
        model_slot *s = &a->slots[k];
        if (rng() % rarity)
            continue;
        s->value = rng() % 3 ? random_value() : (hd_u256){{0, 0, 0, 0}};
        hd_forest_slot_change *c = &b->slots[b->slot_cnt++];
        memset(c, 0, sizeof *c);
        key_set(&c->key, &s->key);
        c->value = s->value;
        c->account = account;
        c->leaf = rng() % 4 ? 0 : (uint32_t)(rng() % 64); /* wrong guesses must not matter */
    }
}

static void batch_random(batch *b, model *m) {
    uint32_t rarity = 1 + (uint32_t)(rng() % 12);
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        model_account *a = &m->accounts[i];
        if (rng() % rarity)
            continue;
        uint32_t account = (uint32_t)b->account_cnt;
        hd_forest_account_change *c = &b->accounts[b->account_cnt++];
        memset(c, 0, sizeof *c);
        key_set(&c->key, &a->key);
        uint32_t what = (uint32_t)(rng() % 8);
        if (what == 0) {
            c->flags = HD_FOREST_DELETE;
            a->is_there = 0;
        }
        if (what <= 1) {
            for (size_t k = 0; k < SLOTS; k++)
                a->slots[k].value = (hd_u256){{0, 0, 0, 0}};
            if (what == 0)
                continue;
            c->flags = HD_FOREST_WIPE;
        }
        if (what >= 6 && a->is_there) {
            c->flags = HD_FOREST_KEEP;
        } else {
            a->is_there = 1;
            a->nonce = rng() % 3 ? rng() % 200 : rng();
            a->balance_wei = rng() % 3 ? random_value() : (hd_u256){{0, 0, 0, 0}};
            memset(a->code_hash.b, (int)(rng() & 7), 32);
            c->nonce = a->nonce;
            c->balance_wei = a->balance_wei;
            key_set(&c->code_hash, &a->code_hash);
        }
        batch_slots(b, a, account, 1 + (uint32_t)(rng() % 20));
    }
}

#endif
