/* test_undo.c - undo records: random changes taken back give the same accounts, slots and root. */
#include "hd_test.h"

#include "evm/hd_fork.h"
#include "state/hd_state.h"
#include "state/hd_undo.h"

static uint64_t rng_state;

static uint64_t rng(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

#define ACCOUNT_CNT 24u
#define SLOT_CNT 12u

static hd_address addr_of(uint64_t n) {
    hd_address a;
    memset(&a, 0x5a, sizeof a);
    hd_store_be32(a.b + 16, (uint32_t)n);
    return a;
}

static hd_u256 num(uint64_t x) {
    hd_u256 r = {{x, 0, 0, 0}};
    return r;
}

/* ---- one of everything that changes a state */

static void apply_diff(hd_state *s, const hd_address *a) {
    uint8_t code[3] = {0x60, (uint8_t)rng(), 0x00};
    hd_account_diff account;
    hd_slot_diff slots[2];
    hd_receipt r;
    hd_address coinbase = addr_of(rng() % ACCOUNT_CNT);
    memset(&account, 0, sizeof account);
    memset(slots, 0, sizeof slots);
    memset(&r, 0, sizeof r);
    r.status = HD_TX_SUCCESS;
    r.account_cnt = 1;
    r.slot_cnt = 2;
    r.fee_wei = num(rng() % 3);
    account.addr = *a;
    account.nonce = rng() % 5;
    account.balance_wei = num(rng() % 1000);
    account.flags = HD_DIFF_CHANGED;
    if (rng() % 3 == 0)
        account.flags |= HD_DIFF_WIPED;
    if (rng() % 4 == 0)
        account.flags |= HD_DIFF_DELETED;
    if (rng() % 2) {
        account.flags |= HD_DIFF_CODE;
        account.code_sz = sizeof code;
        /* Any hash that follows from the code will do: the state does not hash it again. */
        memset(&account.code_hash, code[1], sizeof account.code_hash);
    }
    for (uint32_t i = 0; i < 2; i++) {
        slots[i].key = num(rng() % SLOT_CNT);
        slots[i].value = num(rng() % 3);
        slots[i].flags = HD_DIFF_CHANGED;
    }
    assert_int_equal(hd_state_apply(s, &r, &account, slots, code, &coinbase, HD_FORK_CANCUN),
                     HD_OK);
}

static void change(hd_state *s) {
    hd_address a = addr_of(rng() % ACCOUNT_CNT);
    uint8_t code[4] = {0x60, (uint8_t)rng(), 0x50, 0x00};
    hd_err err = HD_OK;
    switch (rng() % 8) {
    case 0: err = hd_state_set(s, &a, rng() % 9, num(rng() % 99), code, rng() % 2 ? 4 : 0); break;
    case 1: err = hd_state_set_balance(s, &a, num(rng() % 99)); break;
    case 2: err = hd_state_delete(s, &a); break;
    case 3:
        err = hd_state_add_balance(s, &a, num(rng() % 2),
                                   rng() % 2 ? HD_FORK_CANCUN : HD_FORK_FRONTIER);
        break;
    case 4: apply_diff(s, &a); break;
    default: err = hd_state_set_slot(s, &a, num(rng() % SLOT_CNT), num(rng() % 3)); break;
    }
    assert_int_equal(err, HD_OK);
}

/* ---- what a state shows */

typedef struct {
    hd_state_account account;
    hd_u256 slots[SLOT_CNT];
    uint32_t is_there;
} seen;

typedef struct {
    seen accounts[ACCOUNT_CNT];
    hd_hash root;
} view;

static void look(view *v, const hd_state *s) {
    memset(v, 0, sizeof *v);
    for (uint32_t i = 0; i < ACCOUNT_CNT; i++) {
        hd_address a = addr_of(i);
        seen *x = &v->accounts[i];
        x->is_there = hd_state_get(&x->account, s, &a) == HD_OK;
        x->account.code = NULL; /* the tables move */
        for (uint32_t k = 0; k < SLOT_CNT; k++)
            x->slots[k] = hd_state_get_slot(s, &a, num(k));
    }
    assert_int_equal(hd_state_root(&v->root, s), HD_OK);
}

static void make_random(hd_state *s, uint32_t change_cnt) {
    for (uint32_t i = 0; i < change_cnt; i++)
        change(s);
}

static void undo_gives_the_same_world_after_random_changes(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_undo undo = {0};
    view before, after;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        rng_state = seed * 0x9e3779b97f4a7c15ull;
        hd_state_reset(s);
        make_random(s, (uint32_t)(rng() % 200));
        look(&before, s);
        hd_undo_attach(s, &undo);
        make_random(s, (uint32_t)(rng() % 120));
        hd_undo_attach(s, NULL);
        if (seed % 4 < 2)
            assert_int_equal(hd_undo_unique(&undo, seed), HD_OK);
        size_t account_sz = undo.accounts.sz, slot_sz = undo.slots.sz;
        if (seed % 2)
            assert_int_equal(hd_undo_compact(&undo), HD_OK);
        if (seed % 4 == 1) { /* both leave each once */
            assert_int_equal(undo.accounts.sz, account_sz);
            assert_int_equal(undo.slots.sz, slot_sz);
        }
        assert_int_equal(hd_undo_apply(s, &undo), HD_OK);
        look(&after, s);
        assert_memory_equal(&before, &after, sizeof before);
        hd_undo_clear(&undo);
    }
    hd_undo_free(&undo);
    hd_state_free(s);
}

static void undo_of_a_chain_of_blocks_goes_back_block_by_block(void **state) {
    (void)state;
    enum { BLOCKS = 12 };
    hd_state *s = hd_state_new();
    hd_undo undo[BLOCKS];
    static view views[BLOCKS];
    view now;
    memset(undo, 0, sizeof undo);
    rng_state = 77;
    make_random(s, 100);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < BLOCKS; i++) {
            look(&views[i], s);
            hd_undo_clear(&undo[i]);
            hd_undo_attach(s, &undo[i]);
            make_random(s, 30);
            hd_undo_attach(s, NULL);
        }
        for (uint32_t i = BLOCKS; i-- > 0;) {
            assert_int_equal(hd_undo_apply(s, &undo[i]), HD_OK);
            look(&now, s);
            assert_memory_equal(&views[i], &now, sizeof now);
        }
        make_random(s, 10);
    }
    for (uint32_t i = 0; i < BLOCKS; i++)
        hd_undo_free(&undo[i]);
    hd_state_free(s);
}

static void undo_attached_again_goes_back_to_the_first_section(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_undo undo = {0};
    view before, after;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        rng_state = seed * 0xd6e8feb86659fd93ull;
        hd_state_reset(s);
        make_random(s, 100);
        look(&before, s);
        for (uint32_t i = 0; i < 4; i++) {
            hd_undo_attach(s, &undo);
            make_random(s, 20);
        }
        hd_undo_attach(s, NULL);
        assert_int_equal(hd_undo_apply(s, &undo), HD_OK);
        look(&after, s);
        assert_memory_equal(&before, &after, sizeof before);
        hd_undo_clear(&undo);
    }
    hd_undo_free(&undo);
    hd_state_free(s);
}

static void undo_works_on_a_copy_of_the_state(void **state) {
    (void)state;
    hd_state *s = hd_state_new(), *copy = hd_state_new();
    hd_undo undo = {0};
    view before, after;
    rng_state = 4242;
    make_random(s, 150);
    look(&before, s);
    hd_undo_attach(s, &undo);
    make_random(s, 150);
    assert_int_equal(hd_state_copy(copy, s), HD_OK);
    size_t noted = undo.slots.sz + undo.accounts.sz;
    make_random(copy, 5); /* a copy is not attached to what its origin is */
    assert_int_equal(undo.slots.sz + undo.accounts.sz, noted);
    assert_int_equal(hd_state_copy(copy, s), HD_OK);
    assert_int_equal(hd_undo_apply(copy, &undo), HD_OK);
    look(&after, copy);
    assert_memory_equal(&before, &after, sizeof before);
    hd_undo_free(&undo);
    hd_state_free(copy);
    hd_state_free(s);
}

static void undo_restores_storage_of_a_deleted_account(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_undo undo = {0};
    hd_address a = addr_of(1);
    hd_hash before, after;
    assert_int_equal(hd_state_set(s, &a, 1, num(5), (const uint8_t *)"\x00", 1), HD_OK);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(hd_state_set_slot(s, &a, num(i), num(i + 1)), HD_OK);
    assert_int_equal(hd_state_root(&before, s), HD_OK);
    hd_undo_attach(s, &undo);
    assert_int_equal(hd_state_delete(s, &a), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(7), num(70)), HD_OK);
    assert_int_equal(hd_state_delete(s, &a), HD_OK);
    /* Rehashing drops the slots of dead incarnations: the record must not need them. */
    hd_address other = addr_of(2);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(hd_state_set_slot(s, &other, num(i), num(1)), HD_OK);
    assert_int_equal(hd_undo_apply(s, &undo), HD_OK);
    assert_int_equal(hd_state_root(&after, s), HD_OK);
    assert_memory_equal(&before, &after, sizeof before);
    hd_undo_free(&undo);
    hd_state_free(s);
}

static void undo_refuses_a_code_that_the_state_never_saw(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_undo undo = {0};
    hd_undo_account note;
    memset(&note, 0, sizeof note);
    note.is_there = 1;
    note.code_hash.b[0] = 1;
    assert_int_equal(hd_buf_append(&undo.accounts, &note, sizeof note), HD_OK);
    assert_int_equal(hd_undo_apply(s, &undo), HD_ERR_CORRUPT);
    hd_undo_free(&undo);
    hd_state_free(s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(undo_gives_the_same_world_after_random_changes),
    cmocka_unit_test(undo_of_a_chain_of_blocks_goes_back_block_by_block),
    cmocka_unit_test(undo_attached_again_goes_back_to_the_first_section),
    cmocka_unit_test(undo_works_on_a_copy_of_the_state),
    cmocka_unit_test(undo_restores_storage_of_a_deleted_account),
    cmocka_unit_test(undo_refuses_a_code_that_the_state_never_saw),
};

HD_TEST_MAIN(tests)
