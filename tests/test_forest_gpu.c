/* test_forest_gpu.c - the forest on the device gives the roots computed anew. Skipped where there
   is no device. */
#ifdef HD_WITH_CUDA
#include "forest_model.h"

#include "state/hd_forest_cuda.h"

static hd_forest_cuda *device_forest(void) {
    hd_forest_cuda *x = NULL;
    hd_err err = hd_forest_cuda_open(&x);
    if (err == HD_ERR_ABSENT) {
        print_message("no usable device\n");
        skip();
    }
    assert_int_equal(err, HD_OK);
    return x;
}

static void roots_of_random_batches_equal_those_computed_anew(void **state) {
    model *m = malloc(sizeof *m);
    batch *b = malloc(sizeof *b);
    (void)state;
    for (uint32_t kind = 0; kind < 3; kind++) {
        hd_forest_cuda *x = device_forest();
        rng_state = 600 + kind;
        model_init(m, kind);
        for (uint32_t r = 0; r < 200; r++) {
            hd_hash expected, root;
            batch_random(b, m);
            model_root(&expected, m);
            assert_int_equal(
                hd_forest_cuda_apply(&root, x, b->accounts, b->account_cnt, b->slots, b->slot_cnt),
                HD_OK);
            assert_memory_equal(&root, &expected, 32);
        }
        hd_forest_cuda_close(x);
    }
    free(m);
    free(b);
}

/* Everything at once, then most of it away: rounds of insertion, branches that shrink, and memory
   that grows while it is used. */
static void roots_of_large_batches_equal_the_hosts(void **state) {
    enum { SLOT_CNT = 60000 };
    hd_forest_slot_change *slots = calloc(SLOT_CNT, sizeof *slots);
    hd_forest_cuda *x = device_forest();
    hd_trie_item *items = calloc(SLOT_CNT, sizeof *items);
    uint8_t value = 7;
    (void)state;
    rng_state = 5;
    for (uint32_t i = 0; i < SLOT_CNT; i++) {
        for (uint32_t k = 0; k < 4; k++)
            slots[i].key.w[k] = rng();
        if (i % 3 == 0) /* pairs that part late */
            slots[i].key = slots[i ? i - 1 : 1].key;
        slots[i].key.w[3] = rng();
    }
    for (uint32_t round = 0; round < 5; round++) {
        hd_forest_account_change account;
        hd_hash root, expected;
        size_t cnt = 0;
        memset(&account, 0, sizeof account);
        account.key.w[0] = 1;
        account.flags = round ? HD_FOREST_KEEP : 0;
        for (uint32_t i = 0; i < SLOT_CNT; i++) {
            slots[i].value.w[0] = round == 3 ? i % 1000 == 0 : rng() % 4 ? 7 : 0;
            if (slots[i].value.w[0])
                slots[i].value.w[0] = value;
            if (round == 4)
                slots[i].value.w[0] = 0;
            if (slots[i].value.w[0]) {
                items[cnt].key = (hd_span){(const uint8_t *)&slots[i].key, 32};
                items[cnt++].value = (hd_span){&value, 1};
            }
        }
        qsort(items, cnt, sizeof *items, key_order);
        assert_int_equal(hd_trie_root_sorted(&expected, items, cnt), HD_OK);
        hd_buf leaf;
        hd_buf_init(&leaf);
        size_t mark = hd_rlp_list_open(&leaf);
        hd_rlp_put_u64(&leaf, 0);
        hd_rlp_put_u64(&leaf, 0);
        hd_rlp_put_bytes(&leaf, &expected, 32);
        hd_rlp_put_bytes(&leaf, &account.code_hash, 32);
        hd_rlp_list_close(&leaf, mark);
        hd_trie_item item = {{(const uint8_t *)&account.key, 32}, {leaf.data, leaf.sz}};
        assert_int_equal(hd_trie_root_sorted(&expected, &item, 1), HD_OK);
        assert_int_equal(hd_forest_cuda_apply(&root, x, &account, 1, slots, SLOT_CNT), HD_OK);
        assert_memory_equal(&root, &expected, 32);
        hd_buf_free(&leaf);
    }
    hd_forest_cuda_close(x);
    free(slots);
    free(items);
}

static void wrong_changes_leave_the_device_forest_as_it_was(void **state) {
    hd_forest_cuda *x = device_forest();
    hd_forest_account_change a[2];
    hd_hash before, root;
    (void)state;
    memset(a, 0, sizeof a);
    a[0].key.w[0] = 1;
    assert_int_equal(hd_forest_cuda_apply(&before, x, a, 1, NULL, 0), HD_OK);
    a[0].nonce = 2;
    a[1].key.w[0] = 2;
    a[1].flags = HD_FOREST_KEEP; /* of an account that is not there */
    assert_int_equal(hd_forest_cuda_apply(&root, x, a, 2, NULL, 0), HD_ERR_FORMAT);
    a[0].nonce = 0;
    assert_int_equal(hd_forest_cuda_apply(&root, x, a, 1, NULL, 0), HD_OK);
    assert_memory_equal(&root, &before, 32);
    hd_forest_cuda_close(x);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(roots_of_random_batches_equal_those_computed_anew),
    cmocka_unit_test(roots_of_large_batches_equal_the_hosts),
    cmocka_unit_test(wrong_changes_leave_the_device_forest_as_it_was),
};

HD_TEST_MAIN(tests)
#else
#include <stdio.h>

int main(void) {
    puts("SKIP: built without the GPU backend");
    return 77;
}
#endif
