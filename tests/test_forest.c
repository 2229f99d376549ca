/* test_forest.c - the forest of tries: random batches against roots computed anew, in memory, from
   a store, on one thread and on several. */
#include "forest_model.h"

#include "base/hd_buf.h"
#include "base/hd_threads.h"
#include "crypto/hd_keccak.h"
#include "state/hd_forest_host.h"
#include "state/hd_forest_node.h"

/* ---- a store: nodes by owner and path */

typedef struct {
    uint8_t place[32 + 1 + 64 + 1]; /* owner, is there one, nibbles, their number */
    uint8_t *data;
    size_t sz;
} stored_node;

typedef struct {
    stored_node *nodes;
    size_t cnt, cap;
} store;

static void place_set(uint8_t place[98], const hd_hash *owner, const uint8_t *path, size_t cnt) {
    memset(place, 0, 98);
    if (owner) {
        memcpy(place, owner, 32);
        place[32] = 1;
    }
    if (cnt)
        memcpy(place + 33, path, cnt);
    place[97] = (uint8_t)cnt;
}

static stored_node *store_find(store *s, const uint8_t place[98]) {
    for (size_t i = 0; i < s->cnt; i++)
        if (memcmp(s->nodes[i].place, place, 98) == 0)
            return &s->nodes[i];
    return NULL;
}

static void store_drop(store *s, stored_node *n) {
    free(n->data);
    *n = s->nodes[--s->cnt];
}

static hd_err store_change(void *ctx, const hd_hash *owner, const uint8_t *path, size_t path_cnt,
                           hd_span node) {
    store *s = ctx;
    uint8_t place[98];
    if (path_cnt == HD_FOREST_ALL) {
        assert_non_null(owner);
        for (size_t i = 0; i < s->cnt;)
            if (s->nodes[i].place[32] && memcmp(s->nodes[i].place, owner, 32) == 0)
                store_drop(s, &s->nodes[i]);
            else
                i++;
        return HD_OK;
    }
    place_set(place, owner, path, path_cnt);
    stored_node *n = store_find(s, place);
    if (n)
        store_drop(s, n);
    if (node.sz == 0)
        return HD_OK;
    if (s->cnt == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->nodes = realloc(s->nodes, s->cap * sizeof *s->nodes);
        assert_non_null(s->nodes);
    }
    n = &s->nodes[s->cnt++];
    memcpy(n->place, place, 98);
    n->data = malloc(node.sz);
    memcpy(n->data, node.data, node.sz);
    n->sz = node.sz;
    return HD_OK;
}

static hd_err store_read(void *ctx, hd_buf *out, const hd_hash *owner, const uint8_t *path,
                         size_t path_cnt) {
    uint8_t place[98];
    place_set(place, owner, path, path_cnt);
    const stored_node *n = store_find(ctx, place);
    return n ? hd_buf_append(out, n->data, n->sz) : HD_ERR_ABSENT;
}

static void store_free(store *s) {
    while (s->cnt)
        store_drop(s, &s->nodes[0]);
    free(s->nodes);
    memset(s, 0, sizeof *s);
}

static int place_order(const void *a, const void *b) {
    return memcmp(((const stored_node *)a)->place, ((const stored_node *)b)->place, 98);
}

static void assert_same_store(store *a, store *b) {
    assert_int_equal(a->cnt, b->cnt);
    if (a->cnt == 0)
        return;
    qsort(a->nodes, a->cnt, sizeof *a->nodes, place_order);
    qsort(b->nodes, b->cnt, sizeof *b->nodes, place_order);
    for (size_t i = 0; i < a->cnt; i++) {
        assert_memory_equal(a->nodes[i].place, b->nodes[i].place, 98);
        assert_int_equal(a->nodes[i].sz, b->nodes[i].sz);
        assert_memory_equal(a->nodes[i].data, b->nodes[i].data, a->nodes[i].sz);
    }
}

/* ---- checks */

/* The whole model in one batch, in a fresh forest. */
static void store_anew(store *s, const model *m) {
    hd_forest_host *h;
    hd_hash root;
    batch *b = calloc(1, sizeof *b);
    assert_int_equal(hd_forest_open(&h, NULL, NULL), HD_OK);
    hd_forest_keep_changes(h, 1);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        const model_account *a = &m->accounts[i];
        if (!a->is_there)
            continue;
        hd_forest_account_change *c = &b->accounts[b->account_cnt];
        key_set(&c->key, &a->key);
        key_set(&c->code_hash, &a->code_hash);
        c->nonce = a->nonce;
        c->balance_wei = a->balance_wei;
        for (size_t k = 0; k < SLOTS; k++) {
            hd_forest_slot_change *d = &b->slots[b->slot_cnt++];
            key_set(&d->key, &a->slots[k].key);
            d->value = a->slots[k].value;
            d->account = (uint32_t)b->account_cnt;
        }
        b->account_cnt++;
    }
    assert_int_equal(hd_forest_apply(&root, h, b->accounts, b->account_cnt, b->slots, b->slot_cnt),
                     HD_OK);
    assert_int_equal(hd_forest_each_change(h, store_change, s), HD_OK);
    hd_forest_close(h);
    free(b);
}

static void check_values(hd_forest_host *h, const model *m) {
    for (size_t i = 0; i < ACCOUNTS; i++) {
        const model_account *a = &m->accounts[i];
        hd_forest_account got;
        hd_u256 value;
        hd_err err = hd_forest_get_account(&got, h, &a->key);
        assert_int_equal(err, a->is_there ? HD_OK : HD_ERR_ABSENT);
        if (a->is_there) {
            assert_true(got.nonce == a->nonce);
            assert_memory_equal(&got.balance_wei, &a->balance_wei, 32);
            assert_memory_equal(&got.code_hash, &a->code_hash, 32);
        }
        for (size_t k = 0; k < SLOTS; k++) {
            int is_zero = hd_forest_value_is_zero(&a->slots[k].value);
            err = hd_forest_get_slot(&value, h, &a->key, &a->slots[k].key);
            assert_int_equal(err, is_zero ? HD_ERR_ABSENT : HD_OK);
            if (!is_zero)
                assert_memory_equal(&value, &a->slots[k].value, 32);
        }
    }
}

static void check_rounds(uint32_t kind, uint32_t rounds, hd_pool *pool, uint64_t seed) {
    model *m = malloc(sizeof *m);
    batch *b = malloc(sizeof *b), *copy = malloc(sizeof *copy);
    store incremental = {0}, anew = {0};
    hd_forest_host *whole, *stored;
    hd_forest_source source = {store_read, &incremental, {{0}}};
    hd_hash expected, root;
    rng_state = seed;
    model_init(m, kind);
    hd_trie_empty_root(&source.root);
    assert_int_equal(hd_forest_open(&whole, pool, NULL), HD_OK);
    assert_int_equal(hd_forest_open(&stored, pool, &source), HD_OK);
    for (uint32_t r = 0; r < rounds; r++) {
        batch_random(b, m);
        *copy = *b;
        model_root(&expected, m);
        assert_int_equal(
            hd_forest_apply(&root, whole, b->accounts, b->account_cnt, b->slots, b->slot_cnt),
            HD_OK);
        assert_memory_equal(&root, &expected, 32);
        assert_int_equal(hd_forest_apply(&root, stored, copy->accounts, copy->account_cnt,
                                         copy->slots, copy->slot_cnt),
                         HD_OK);
        assert_memory_equal(&root, &expected, 32);
        assert_int_equal(hd_forest_each_change(stored, store_change, &incremental), HD_OK);
        if (rng() % 4 == 0) {
            store_anew(&anew, m);
            assert_same_store(&incremental, &anew);
            store_free(&anew);
            check_values(whole, m);
            check_values(stored, m);
        }
        if (rng() % 4 == 0) { /* forget what was read */
            hd_forest_close(stored);
            source.root = root;
            assert_int_equal(hd_forest_open(&stored, pool, &source), HD_OK);
        }
    }
    hd_forest_close(whole);
    hd_forest_close(stored);
    store_free(&incremental);
    free(m);
    free(b);
    free(copy);
}

static void roots_equal_those_computed_anew(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < 3; kind++)
        for (uint64_t seed = 1; seed <= 4; seed++)
            check_rounds(kind, 150, NULL, 77 * seed + kind);
}

static void roots_are_the_same_with_threads(void **state) {
    hd_pool *pool;
    (void)state;
    assert_int_equal(hd_pool_open(&pool, 4), HD_OK);
    for (uint32_t kind = 0; kind < 3; kind++)
        check_rounds(kind, 60, pool, 991 + kind);
    hd_pool_close(pool);
}

static void wrong_changes_leave_the_forest_as_it_was(void **state) {
    hd_forest_host *h;
    hd_hash root, before;
    hd_forest_account_change a[2];
    hd_forest_slot_change s;
    (void)state;
    memset(a, 0, sizeof a);
    memset(&s, 0, sizeof s);
    assert_int_equal(hd_forest_open(&h, NULL, NULL), HD_OK);
    a[0].key.w[0] = 1;
    a[0].nonce = 1;
    s.key.w[0] = 3;
    s.value.w[0] = 9;
    assert_int_equal(hd_forest_apply(&before, h, a, 1, &s, 1), HD_OK);
    a[1] = a[0];
    a[1].key.w[0] = 2;
    a[1].flags = HD_FOREST_KEEP; /* of an account that is not there */
    a[0].nonce = 2;
    assert_int_equal(hd_forest_apply(&root, h, a, 2, NULL, 0), HD_ERR_FORMAT);
    s.account = 1; /* no such entry */
    assert_int_equal(hd_forest_apply(&root, h, a, 1, &s, 1), HD_ERR_FORMAT);
    s.account = 0;
    a[0].flags = HD_FOREST_DELETE; /* a slot of a deleted account */
    assert_int_equal(hd_forest_apply(&root, h, a, 1, &s, 1), HD_ERR_FORMAT);
    hd_forest_root(&root, h);
    assert_memory_equal(&root, &before, 32);
    assert_int_equal(hd_forest_apply(&root, h, a, 1, NULL, 0), HD_OK);
    hd_trie_empty_root(&before);
    assert_memory_equal(&root, &before, 32);
    hd_forest_stats stats;
    hd_forest_count(&stats, h);
    assert_int_equal(stats.branch_cnt + stats.leaf_cnt, 0);
    assert_int_equal(stats.trie_cnt, 1);
    hd_forest_close(h);
}

static void altered_nodes_of_a_store_are_refused(void **state) {
    model *m = malloc(sizeof *m);
    batch *b = malloc(sizeof *b);
    store s = {0};
    hd_forest_source source = {store_read, &s, {{0}}};
    uint32_t refused_cnt = 0;
    (void)state;
    rng_state = 4242;
    model_init(m, 0);
    for (uint32_t r = 0; r < 4; r++)
        batch_random(b, m);
    for (size_t i = 0; i < ACCOUNTS; i++)
        m->accounts[i].is_there = 1;
    store_anew(&s, m);
    model_root(&source.root, m);
    for (uint32_t r = 0; r < 300; r++) {
        hd_forest_host *h;
        hd_hash root;
        stored_node *n = &s.nodes[rng() % s.cnt];
        size_t at = rng() % n->sz, sz = n->sz;
        uint8_t bit = (uint8_t)(1 << (rng() % 8));
        int is_shorter = rng() % 8 == 0;
        if (is_shorter)
            n->sz = at;
        else
            n->data[at] ^= bit;
        model after = *m;
        batch_random(b, &after);
        assert_int_equal(hd_forest_open(&h, NULL, &source), HD_OK);
        hd_err err = hd_forest_apply(&root, h, b->accounts, b->account_cnt, b->slots, b->slot_cnt);
        if (err == HD_OK) {
            hd_hash expected;
            model_root(&expected, &after);
            assert_memory_equal(&root, &expected, 32); /* it was not needed */
        } else {
            assert_int_equal(err, HD_ERR_CORRUPT);
            refused_cnt++;
        }
        hd_forest_close(h);
        n->sz = sz;
        if (!is_shorter)
            n->data[at] ^= bit;
    }
    assert_true(refused_cnt > 20);
    store_free(&s);
    free(m);
    free(b);
}

static void batch_undone_gives_the_root_before(void **state) {
    model *m = malloc(sizeof *m), *before = malloc(sizeof *before);
    batch *b = malloc(sizeof *b);
    hd_forest_host *h;
    hd_hash root, root_before;
    (void)state;
    rng_state = 5;
    model_init(m, 0);
    assert_int_equal(hd_forest_open(&h, NULL, NULL), HD_OK);
    hd_trie_empty_root(&root_before);
    for (uint32_t r = 0; r < 100; r++) {
        *before = *m;
        batch_random(b, m);
        assert_int_equal(
            hd_forest_apply(&root, h, b->accounts, b->account_cnt, b->slots, b->slot_cnt), HD_OK);
        if (rng() % 2) {
            root_before = root;
            continue;
        }
        /* Back: every account of the batch as it was, all its slots put in anew. */
        b->slot_cnt = 0;
        for (size_t i = 0; i < b->account_cnt; i++) {
            hd_forest_account_change *c = &b->accounts[i];
            size_t k = 0;
            while (memcmp(&before->accounts[k].key, &c->key, 32) != 0)
                k++;
            const model_account *a = &before->accounts[k];
            c->flags = a->is_there ? HD_FOREST_WIPE : HD_FOREST_DELETE;
            c->nonce = a->nonce;
            c->balance_wei = a->balance_wei;
            key_set(&c->code_hash, &a->code_hash);
            for (size_t j = 0; j < SLOTS && a->is_there; j++) {
                hd_forest_slot_change *d = &b->slots[b->slot_cnt++];
                memset(d, 0, sizeof *d);
                key_set(&d->key, &a->slots[j].key);
                d->value = a->slots[j].value;
                d->account = (uint32_t)i;
            }
        }
        assert_int_equal(
            hd_forest_apply(&root, h, b->accounts, b->account_cnt, b->slots, b->slot_cnt), HD_OK);
        assert_memory_equal(&root, &root_before, 32);
        *m = *before;
    }
    hd_forest_close(h);
    free(m);
    free(before);
    free(b);
}

static void keys_hash_as_their_bytes(void **state) {
    (void)state;
    rng_state = 9;
    for (uint32_t r = 0; r < 50; r++) {
        uint32_t addr[5];
        uint8_t wire[20], word[32];
        hd_hash expected;
        hd_forest_key key;
        hd_u256 slot;
        for (uint32_t i = 0; i < 5; i++) {
            addr[i] = (uint32_t)rng();
            hd_store_be32(wire + 16 - 4 * i, addr[i]);
        }
        for (uint32_t i = 0; i < 4; i++) {
            slot.w[i] = rng();
            hd_store_be64(word + 24 - 8 * i, slot.w[i]);
        }
        hd_forest_hash_address(&key, addr);
        hd_keccak256(expected.b, wire, sizeof wire);
        assert_memory_equal(&key, &expected, 32);
        hd_forest_hash_slot(&key, slot);
        hd_keccak256(expected.b, word, sizeof word);
        assert_memory_equal(&key, &expected, 32);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(roots_equal_those_computed_anew),
    cmocka_unit_test(roots_are_the_same_with_threads),
    cmocka_unit_test(wrong_changes_leave_the_forest_as_it_was),
    cmocka_unit_test(altered_nodes_of_a_store_are_refused),
    cmocka_unit_test(batch_undone_gives_the_root_before),
    cmocka_unit_test(keys_hash_as_their_bytes),
};

HD_TEST_MAIN(tests)
