/* test_state_bulk.c - many values written into a state by several threads: the same accounts,
   slots and root as one after the other, and an undo record that takes them back. */
#include "hd_test.h"

#include "base/hd_threads.h"
#include "state/hd_state_bulk.h"
#include "state/hd_undo.h"

#define PART_CNT 16u
#define ROUND_CNT 12u

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;

static uint64_t rng(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static void addr_of(uint32_t addr[5], uint32_t n) {
    for (uint32_t i = 0; i < 5; i++)
        addr[i] = 0x1234567u * i + n;
}

static hd_u256 num(uint64_t x) { return (hd_u256){{x, 0, 0, 0}}; }

typedef struct {
    uint32_t account;
    uint64_t nonce;
    hd_u256 key, value;
    int is_refused;
} item;

typedef struct {
    hd_state_bulk *b;
    item *items; /* item i is of part i % PART_CNT */
    uint32_t cnt;
    int is_slots;
} job;

static hd_err write_parts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t p = begin; p < end; p++)
        for (uint32_t i = (uint32_t)p; i < j->cnt; i += PART_CNT) {
            item *x = &j->items[i];
            uint32_t addr[5];
            addr_of(addr, x->account);
            uint32_t ref = hd_state_bulk_find(j->b, addr);
            hd_state_bulk_ahead_account(j->b, ref);
            hd_state_bulk_ahead_slot(j->b, (uint32_t)p, addr, x->key);
            x->is_refused =
                j->is_slots
                    ? !hd_state_bulk_slot(j->b, (uint32_t)p, addr, x->key, x->value)
                    : !hd_state_bulk_account(j->b, (uint32_t)p, addr, ref, x->nonce, x->value, 0);
        }
    return HD_OK;
}

static void write_alone(hd_state *s, const item *x, int is_slots) {
    uint32_t addr[5];
    hd_address wire;
    addr_of(addr, x->account);
    hd_addr_to_wire(&wire, addr);
    if (is_slots)
        assert_int_equal(hd_state_set_slot(s, &wire, x->key, x->value), HD_OK);
    else
        assert_int_equal(hd_state_set_account(s, &wire, x->nonce, x->value), HD_OK);
}

static void write_both(hd_state *bulk, hd_state *alone, hd_state_bulk *b, hd_pool *pool,
                       item *items, uint32_t cnt, int is_slots) {
    job j = {b, items, cnt, is_slots};
    uint32_t cnts[PART_CNT];
    for (uint32_t p = 0; p < PART_CNT; p++)
        cnts[p] = p < cnt ? (cnt - p - 1) / PART_CNT + 1 : 0;
    if (is_slots)
        assert_int_equal(hd_state_bulk_begin_slots(b, bulk, PART_CNT, cnts), HD_OK);
    else
        assert_int_equal(hd_state_bulk_begin_accounts(b, bulk, PART_CNT, cnts), HD_OK);
    assert_int_equal(hd_pool_for(pool, PART_CNT, 1, write_parts, &j), HD_OK);
    if (is_slots)
        assert_int_equal(hd_state_bulk_end_slots(b, pool), HD_OK);
    else
        assert_int_equal(hd_state_bulk_end_accounts(b, pool), HD_OK);
    for (uint32_t i = 0; i < cnt; i++) {
        write_alone(alone, &items[i], is_slots);
        if (items[i].is_refused)
            write_alone(bulk, &items[i], is_slots);
    }
}

static void delete_one(hd_state *s, uint32_t account) {
    uint32_t addr[5];
    hd_address wire;
    addr_of(addr, account);
    hd_addr_to_wire(&wire, addr);
    assert_int_equal(hd_state_delete(s, &wire), HD_OK);
}

static void expect_same(const hd_state *a, const hd_state *b) {
    hd_hash x, y;
    assert_int_equal(hd_state_root(&x, a), HD_OK);
    assert_int_equal(hd_state_root(&y, b), HD_OK);
    assert_memory_equal(&x, &y, sizeof x);
}

/* Accounts new and known, deleted ones that come back, slots to and from zero, tables that grow. */
static void run(uint32_t thread_cnt) {
    enum { CNT = 6000 };
    hd_state *bulk = hd_state_new(), *alone = hd_state_new(), *before = hd_state_new();
    hd_state_bulk *b;
    hd_pool *pool;
    item *items = calloc(CNT, sizeof *items);
    hd_undo undo;
    uint32_t refused_cnt = 0;
    memset(&undo, 0, sizeof undo);
    assert_int_equal(hd_pool_open(&pool, thread_cnt), HD_OK);
    assert_int_equal(hd_state_bulk_open(&b), HD_OK);
    for (uint32_t round = 0; round < ROUND_CNT; round++) {
        uint32_t cnt = (uint32_t)(rng() % (CNT / 2)), first = (uint32_t)(rng() % 4000);
        assert_int_equal(hd_state_copy(before, bulk), HD_OK);
        hd_undo_attach(bulk, &undo);
        for (uint32_t i = 0; i < cnt; i++)
            items[i] =
                (item){.account = first + i, .nonce = rng() % 9 + 1, .value = num(rng() % 1000)};
        write_both(bulk, alone, b, pool, items, cnt, 0);
        for (uint32_t i = 0; i < cnt; i++)
            refused_cnt += items[i].is_refused != 0;
        for (uint32_t i = 0; i < 20; i++) {
            uint32_t n = (uint32_t)(rng() % 6000);
            delete_one(bulk, n);
            delete_one(alone, n);
        }
        cnt = (uint32_t)(rng() % CNT);
        for (uint32_t i = 0; i < cnt; i++) /* keys differ: slots of an account lie in many parts */
            items[i] = (item){.account = first + i % 50,
                              .nonce = 0,
                              .key = num(i / 50 + rng() % 2 * 1000),
                              .value = num(rng() % 3)};
        write_both(bulk, alone, b, pool, items, cnt, 1);
        expect_same(bulk, alone);
        if (round % 3 == 2) { /* back, and forward again by the other's values */
            assert_int_equal(hd_undo_apply(bulk, &undo), HD_OK);
            expect_same(bulk, before);
            assert_int_equal(hd_state_copy(alone, bulk), HD_OK);
        }
        hd_undo_attach(bulk, NULL);
        hd_undo_clear(&undo);
    }
    assert_true(refused_cnt > 0);
    hd_undo_free(&undo);
    free(items);
    hd_state_bulk_close(b);
    hd_pool_close(pool);
    hd_state_free(bulk);
    hd_state_free(alone);
    hd_state_free(before);
}

static void writes_of_many_equal_writes_of_one_and_are_undone(void **state) {
    (void)state;
    run(1);
    run(4);
}

static void empty_bulk_changes_nothing(void **state) {
    uint32_t none[1] = {0};
    hd_state *s = hd_state_new();
    hd_state *empty = hd_state_new();
    hd_state_bulk *b;
    (void)state;
    assert_int_equal(hd_state_bulk_open(&b), HD_OK);
    assert_int_equal(hd_state_bulk_begin_accounts(b, s, 1, none), HD_OK);
    assert_int_equal(hd_state_bulk_end_accounts(b, NULL), HD_OK);
    assert_int_equal(hd_state_bulk_begin_slots(b, s, 1, none), HD_OK);
    assert_int_equal(hd_state_bulk_end_slots(b, NULL), HD_OK);
    expect_same(s, empty);
    hd_state_bulk_close(b);
    hd_state_free(s);
    hd_state_free(empty);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_of_many_equal_writes_of_one_and_are_undone),
        cmocka_unit_test(empty_bulk_changes_nothing),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
