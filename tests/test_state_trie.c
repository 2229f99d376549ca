/* test_state_trie.c - the tries beside a state: the root after random changes is the one computed
   anew from the tables. */
#include "hd_test.h"

#include "base/hd_threads.h"
#include "state/hd_state_trie.h"

static uint64_t rng_state;

static uint64_t rng(void) { /* xorshift64: the same numbers on every machine */
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static hd_address address_at(uint64_t i) {
    hd_address a = {{0}};
    hd_store_be64(a.b + 4, i * 0x9e3779b97f4a7c15u);
    hd_store_be64(a.b + 12, i);
    return a;
}

static void change_state(hd_state *s, hd_state_trie *t, uint64_t account_cnt) {
    hd_address a = address_at(rng() % account_cnt);
    hd_u256 key = {{rng() % 30, 0, 0, rng() % 2}}, value = {{rng() % 4, rng() % 2, 0, 0}};
    static const uint8_t code[3][2] = {{0x60, 1}, {0x5b, 0}, {0, 0}};
    switch (rng() % 8) {
    case 0:
        assert_int_equal(hd_state_delete(s, &a), HD_OK);
        assert_int_equal(hd_state_trie_touch(t, &a), HD_OK);
        break;
    case 1:
        assert_int_equal(hd_state_set(s, &a, rng() % 9, value, code[rng() % 3], 2), HD_OK);
        assert_int_equal(hd_state_trie_touch(t, &a), HD_OK);
        break;
    case 2:
        assert_int_equal(hd_state_add_balance(s, &a, value, HD_FORK_CANCUN), HD_OK);
        assert_int_equal(hd_state_trie_touch(t, &a), HD_OK);
        break;
    default:
        assert_int_equal(hd_state_set_slot(s, &a, key, value), HD_OK);
        assert_int_equal(hd_state_trie_touch_slot(t, &a, key), HD_OK);
    }
}

static void check_blocks(hd_pool *pool, uint64_t account_cnt, uint32_t blocks, uint64_t changes) {
    hd_state *s = hd_state_new();
    hd_state_trie *t, *late;
    hd_hash expected, root;
    assert_non_null(s);
    assert_int_equal(hd_state_trie_open(&t, pool, NULL), HD_OK);
    for (uint32_t b = 0; b < blocks; b++) {
        for (uint64_t i = rng() % changes; i-- > 0;)
            change_state(s, t, account_cnt);
        assert_int_equal(hd_state_root(&expected, s), HD_OK);
        assert_int_equal(hd_state_trie_root(&root, t, s), HD_OK);
        assert_memory_equal(&root, &expected, 32);
    }
    /* One that begins with a state full already. */
    assert_int_equal(hd_state_trie_open(&late, pool, NULL), HD_OK);
    assert_int_equal(hd_state_trie_touch_all(late, s), HD_OK);
    assert_int_equal(hd_state_trie_root(&root, late, s), HD_OK);
    assert_memory_equal(&root, &expected, 32);
    change_state(s, late, account_cnt);
    assert_int_equal(hd_state_root(&expected, s), HD_OK);
    assert_int_equal(hd_state_trie_root(&root, late, s), HD_OK);
    assert_memory_equal(&root, &expected, 32);
    hd_state_trie_close(late);
    hd_state_trie_close(t);
    hd_state_free(s);
}

static void root_follows_the_state(void **state) {
    (void)state;
    rng_state = 17;
    check_blocks(NULL, 5, 1500, 12);
    check_blocks(NULL, 60, 300, 100);
    check_blocks(NULL, 2000, 20, 4000);
}

static void root_follows_the_state_with_threads(void **state) {
    hd_pool *pool;
    (void)state;
    rng_state = 18;
    assert_int_equal(hd_pool_open(&pool, 4), HD_OK);
    check_blocks(pool, 300, 60, 800);
    check_blocks(pool, 4000, 6, 9000);
    hd_pool_close(pool);
}

/* The record that undoes a block says all that changed, on the way there and on the way back; three
   blocks deep. */
static void root_follows_blocks_and_their_undoing(void **state) {
    hd_state *s = hd_state_new();
    hd_state_trie *t, *unused;
    hd_undo undo[3];
    hd_hash expected, root, before[3];
    (void)state;
    rng_state = 19;
    memset(undo, 0, sizeof undo);
    assert_int_equal(hd_state_trie_open(&t, NULL, NULL), HD_OK);
    assert_int_equal(hd_state_trie_open(&unused, NULL, NULL), HD_OK);
    for (uint32_t b = 0; b < 250; b++) {
        uint32_t depth = 1 + (uint32_t)(rng() % 3), back = (uint32_t)(rng() % (depth + 1));
        for (uint32_t d = 0; d < depth; d++) {
            assert_int_equal(hd_state_root(&before[d], s), HD_OK);
            hd_undo_attach(s, &undo[d]);
            for (uint64_t i = rng() % 60; i-- > 0;)
                change_state(s, unused, 12);
            hd_undo_attach(s, NULL);
            assert_int_equal(hd_state_trie_touch_undo(t, &undo[d]), HD_OK);
            if (rng() % 4 == 0)
                continue; /* no root is asked for between */
            assert_int_equal(hd_state_root(&expected, s), HD_OK);
            assert_int_equal(hd_state_trie_root(&root, t, s), HD_OK);
            assert_memory_equal(&root, &expected, 32);
        }
        for (uint32_t d = depth; d-- > depth - back;) {
            assert_int_equal(hd_undo_apply(s, &undo[d]), HD_OK);
            assert_int_equal(hd_state_trie_touch_undo(t, &undo[d]), HD_OK);
            assert_int_equal(hd_state_trie_root(&root, t, s), HD_OK);
            assert_memory_equal(&root, &before[d], 32);
        }
        for (uint32_t d = 0; d < 3; d++)
            hd_undo_clear(&undo[d]);
    }
    for (uint32_t d = 0; d < 3; d++)
        hd_undo_free(&undo[d]);
    hd_state_trie_close(unused);
    hd_state_trie_close(t);
    hd_state_free(s);
}

static void root_of_nothing_is_the_empty_one(void **state) {
    hd_state *s = hd_state_new();
    hd_state_trie *t;
    hd_hash expected, root;
    hd_address a = address_at(1);
    (void)state;
    assert_int_equal(hd_state_trie_open(&t, NULL, NULL), HD_OK);
    assert_int_equal(hd_state_root(&expected, s), HD_OK);
    assert_int_equal(hd_state_trie_root(&root, t, s), HD_OK);
    assert_memory_equal(&root, &expected, 32);
    hd_u256 one = {{1, 0, 0, 0}};
    assert_int_equal(hd_state_set_slot(s, &a, one, one), HD_OK);
    assert_int_equal(hd_state_trie_touch_slot(t, &a, one), HD_OK);
    assert_int_equal(hd_state_trie_root(&root, t, s), HD_OK);
    assert_memory_not_equal(&root, &expected, 32);
    assert_int_equal(hd_state_delete(s, &a), HD_OK);
    assert_int_equal(hd_state_trie_touch(t, &a), HD_OK);
    assert_int_equal(hd_state_trie_root(&root, t, s), HD_OK);
    assert_memory_equal(&root, &expected, 32);
    hd_state_trie_close(t);
    hd_state_free(s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(root_follows_the_state),
    cmocka_unit_test(root_follows_the_state_with_threads),
    cmocka_unit_test(root_follows_blocks_and_their_undoing),
    cmocka_unit_test(root_of_nothing_is_the_empty_one),
};

HD_TEST_MAIN(tests)
