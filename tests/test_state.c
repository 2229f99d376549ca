/* test_state.c - the host's state: tables as hd_world describes them, differences, roots. */
#include "hd_test.h"

#include "base/hd_file.h"
#include "base/hd_json.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_fork.h"
#include "state/hd_state.h"
#include "state/hd_trie.h"

static uint64_t rng_state;

static uint64_t rng(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static hd_address addr_of(uint32_t n) {
    hd_address a;
    memset(&a, 0x5a, sizeof a);
    hd_store_be32(a.b + 16, n);
    return a;
}

static hd_u256 num(uint64_t x) {
    hd_u256 r = {{x, 0, 0, 0}};
    return r;
}

static void assert_num(hd_u256 x, uint64_t want) {
    assert_int_equal(x.w[0], want);
    assert_int_equal(x.w[1] | x.w[2] | x.w[3], 0);
}

static void assert_empty_root(const hd_state *s) {
    hd_hash root, empty;
    hd_trie_empty_root(&empty);
    assert_int_equal(hd_state_root(&root, s), HD_OK);
    assert_memory_equal(&root, &empty, sizeof root);
}

static void assert_same_root(const hd_state *a, const hd_state *b) {
    hd_hash x, y;
    assert_int_equal(hd_state_root(&x, a), HD_OK);
    assert_int_equal(hd_state_root(&y, b), HD_OK);
    assert_memory_equal(&x, &y, sizeof x);
}

/* What a transaction sees: look-ups as hd_evm.h describes them, and nothing of hd_state's own. */
static const hd_world_account *world_account(const hd_world *w, const hd_address *wire) {
    uint32_t addr[5];
    hd_addr_from_wire(addr, wire);
    uint32_t i = hd_world_account_hash(w->seed, addr) & w->account_mask;
    for (uint32_t steps = 0; steps <= w->account_mask; steps++, i = (i + 1) & w->account_mask) {
        uint32_t ref = w->account_table[i];
        if (ref == 0)
            return NULL;
        assert_true(ref <= w->account_cnt);
        if (memcmp(w->accounts[ref - 1].addr, addr, sizeof addr) == 0)
            return &w->accounts[ref - 1];
    }
    fail_msg("the account table is full");
    return NULL;
}

static hd_u256 world_slot(const hd_world *w, const hd_address *wire, hd_u256 key) {
    const hd_world_account *a = world_account(w, wire);
    if (!a)
        return num(0);
    uint32_t idx = (uint32_t)(a - w->accounts);
    uint32_t i = hd_world_slot_hash(w->seed, idx, key) & w->slot_mask;
    for (uint32_t steps = 0; steps <= w->slot_mask; steps++, i = (i + 1) & w->slot_mask) {
        const hd_world_slot *t = &w->slots[i];
        if (t->account_ref == 0)
            return num(0);
        if (t->account_ref == idx + 1 && t->incarnation == a->incarnation &&
            memcmp(&t->key, &key, sizeof key) == 0)
            return t->value;
    }
    fail_msg("the slot table is full");
    return num(0);
}

/* --- roots */

static void state_root_of_a_reset_state_is_empty(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    assert_empty_root(s);
    for (uint32_t i = 0; i < 500; i++) {
        hd_address a = addr_of(i);
        uint8_t code[3] = {0x60, (uint8_t)i, (uint8_t)(i >> 8)};
        assert_int_equal(hd_state_set(s, &a, i, num(i), code, sizeof code), HD_OK);
        assert_int_equal(hd_state_set_slot(s, &a, num(i), num(7)), HD_OK);
    }
    hd_state_reset(s);
    assert_empty_root(s);
    assert_int_equal(hd_state_account_max(s), 0);
    hd_state_account got;
    hd_address a = addr_of(1);
    assert_int_equal(hd_state_get(&got, s, &a), HD_ERR_ABSENT);
    hd_state_free(s);
}

static void reset_state_has_small_tables_again(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_world fresh, w;
    hd_state_world(&fresh, s);
    hd_address a = addr_of(0);
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(hd_state_set_slot(s, &a, num(i), num(1)), HD_OK);
    hd_state_world(&w, s);
    assert_true(w.slot_mask > fresh.slot_mask);
    hd_state_reset(s);
    hd_state_world(&w, s);
    assert_int_equal(w.slot_mask, fresh.slot_mask);
    assert_int_equal(w.account_mask, fresh.account_mask);
    assert_int_equal(w.code_cnt, 1);
    for (uint32_t i = 0; i <= w.slot_mask; i++)
        assert_int_equal(w.slots[i].account_ref, 0);
    for (uint32_t i = 0; i < 3000; i++) /* and they grow over the memory of before */
        assert_int_equal(hd_state_set_slot(s, &a, num(i), num(i + 2)), HD_OK);
    for (uint32_t i = 0; i < 3000; i++)
        assert_num(hd_state_get_slot(s, &a, num(i)), i + 2);
    hd_state_free(s);
}

static void read_account(hd_state *s, const char *addr_text, hd_json val) {
    hd_json storage;
    hd_address addr;
    uint8_t word[32] = {0};
    hd_hash balance;
    hd_u256 x[2];
    uint64_t nonce;
    hd_buf code;
    size_t sz;
    hd_buf_init(&code);
    assert_int_equal(strlen(addr_text), 42);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(sscanf(addr_text + 2 + 2 * i, "%2hhx", &addr.b[i]), 1);
    assert_int_equal(hd_json_get_u64(&nonce, NULL, val, "nonce"), HD_OK);
    assert_int_equal(hd_json_get_num(&balance, NULL, val, "balance"), HD_OK);
    assert_int_equal(hd_json_get_bytes(&code, NULL, val, "code"), HD_OK);
    for (uint32_t i = 0; i < 4; i++)
        x[0].w[i] = hd_load_be64(balance.b + 24 - 8 * i);
    assert_int_equal(hd_state_set(s, &addr, nonce, x[0], code.data, code.sz), HD_OK);
    hd_buf_free(&code);
    if (!hd_json_find(&storage, val, "storage"))
        return;
    for (hd_json_iter it = hd_json_begin(storage); hd_json_next(&it);) {
        hd_hash value;
        memset(word, 0, sizeof word);
        sz = strlen(it.key);
        for (size_t i = 2; i < sz; i++) { /* right-aligned digits */
            unsigned digit;
            assert_int_equal(sscanf(it.key + i, "%1x", &digit), 1);
            size_t at = 64 - (sz - i);
            word[at / 2] |= (uint8_t)(at & 1 ? digit : digit << 4);
        }
        assert_int_equal(hd_json_num(&value, NULL, it.val), HD_OK);
        for (uint32_t i = 0; i < 4; i++) {
            x[0].w[i] = hd_load_be64(word + 24 - 8 * i);
            x[1].w[i] = hd_load_be64(value.b + 24 - 8 * i);
        }
        assert_int_equal(hd_state_set_slot(s, &addr, x[0], x[1]), HD_OK);
    }
}

/* execution-spec-tests give the whole state after each case, and its root. */
static uint64_t check_post_states(hd_state *s, const char *path) {
    hd_json_doc *doc;
    hd_json root, post, after;
    uint64_t cnt = 0;
    assert_int_equal(hd_json_load(&doc, &root, NULL, path, HD_FILE_SZ_MAX, 64), HD_OK);
    for (hd_json_iter c = hd_json_begin(root); hd_json_next(&c);) {
        assert_int_equal(hd_json_get(&post, NULL, c.val, "post"), HD_OK);
        for (hd_json_iter f = hd_json_begin(post); hd_json_next(&f);)
            for (size_t i = 0; i < hd_json_cnt(f.val); i++) {
                hd_hash want, got;
                hd_json entry = hd_json_at(f.val, i);
                if (!hd_json_find(&after, entry, "state"))
                    continue;
                assert_int_equal(hd_json_get_hash(&want, NULL, entry, "hash"), HD_OK);
                hd_state_reset(s);
                for (hd_json_iter a = hd_json_begin(after); hd_json_next(&a);)
                    read_account(s, a.key, a.val);
                assert_int_equal(hd_state_root(&got, s), HD_OK);
                if (memcmp(&got, &want, sizeof got) != 0)
                    fail_msg("%s: %s", path, c.key);
                cnt++;
            }
    }
    hd_json_close(doc);
    return cnt;
}

static void state_root_is_that_of_official_post_states(void **state) {
    (void)state;
    char path[512];
    const char *folder = getenv("HD_TEST_POST_STATES"); /* more of them than a quick test needs */
    hd_file_list files;
    uint64_t cnt = 0;
    hd_test_fixture(path, sizeof path, folder ? folder : "eest-state/shanghai");
    assert_int_equal(hd_file_walk(&files, NULL, path, ".json"), HD_OK);
    hd_state *s = hd_state_new();
    for (size_t i = 0; i < files.path_cnt; i++)
        cnt += check_post_states(s, files.paths[i]);
    print_message("%llu post-states\n", (unsigned long long)cnt);
    assert_true(cnt > 0);
    hd_state_free(s);
    hd_file_list_free(&files);
}

/* --- storage */

static void deleted_account_loses_its_slots(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_address a = addr_of(1);
    hd_state_account got;
    hd_world w;
    assert_int_equal(hd_state_set(s, &a, 1, num(2), (const uint8_t *)"\x5b", 1), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(3), num(4)), HD_OK);
    assert_int_equal(hd_state_delete(s, &a), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &a), HD_ERR_ABSENT);
    assert_num(hd_state_get_slot(s, &a, num(3)), 0);
    hd_state_world(&w, s);
    assert_num(world_slot(&w, &a, num(3)), 0);
    const hd_world_account *wa = world_account(&w, &a);
    assert_non_null(wa);
    assert_int_equal(wa->flags, 0);
    assert_int_equal(wa->nonce, 0);
    assert_int_equal(wa->code_idx, 0);
    assert_num(wa->balance_wei, 0);
    assert_empty_root(s);
    assert_int_equal(hd_state_delete(s, &a), HD_OK);
    hd_state_free(s);
}

static void account_recreated_after_delete_starts_without_storage(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_state *plain = hd_state_new();
    hd_address a = addr_of(1);
    hd_state_account got;
    for (uint32_t round = 0; round < 200; round++) { /* dead slots go when the table is rehashed */
        for (uint32_t k = 0; k < 10; k++)
            assert_int_equal(hd_state_set_slot(s, &a, num(k), num(9)), HD_OK);
        assert_int_equal(hd_state_get(&got, s, &a), HD_OK);
        assert_int_equal(got.flags, HD_ACCOUNT_EXISTS | HD_ACCOUNT_HAS_STORAGE);
        assert_int_equal(hd_state_delete(s, &a), HD_OK);
    }
    assert_int_equal(hd_state_set_balance(s, &a, num(5)), HD_OK);
    assert_int_equal(hd_state_set_balance(plain, &a, num(5)), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &a), HD_OK);
    assert_int_equal(got.flags, HD_ACCOUNT_EXISTS);
    for (uint32_t k = 0; k < 10; k++)
        assert_num(hd_state_get_slot(s, &a, num(k)), 0);
    assert_same_root(s, plain);
    assert_int_equal(hd_state_set_slot(s, &a, num(3), num(1)), HD_OK);
    assert_int_equal(hd_state_set_slot(plain, &a, num(3), num(1)), HD_OK);
    assert_same_root(s, plain);
    hd_world w;
    hd_state_world(&w, s);
    assert_true(w.slot_mask < 256);
    hd_state_free(s);
    hd_state_free(plain);
}

static void zeroing_the_last_slot_empties_the_storage(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_state *plain = hd_state_new();
    hd_address a = addr_of(1);
    hd_state_account got;
    assert_int_equal(hd_state_set_slot(s, &a, num(1), num(0)), HD_OK); /* creates the account */
    assert_int_equal(hd_state_set_balance(plain, &a, num(0)), HD_OK);
    assert_same_root(s, plain);
    assert_int_equal(hd_state_set_slot(s, &a, num(1), num(5)), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(1), num(6)), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(2), num(7)), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(1), num(0)), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(1), num(0)), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &a), HD_OK);
    assert_true(got.flags & HD_ACCOUNT_HAS_STORAGE);
    assert_int_equal(hd_state_set_slot(s, &a, num(2), num(0)), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &a), HD_OK);
    assert_false(got.flags & HD_ACCOUNT_HAS_STORAGE);
    assert_same_root(s, plain);
    hd_state_free(s);
    hd_state_free(plain);
}

/* --- everything at random against plain arrays */

#define ACCOUNTS 48u
#define SLOTS 96u

typedef struct {
    uint64_t slots[ACCOUNTS][SLOTS];
    uint64_t balances[ACCOUNTS];
    uint8_t is_there[ACCOUNTS];
} model;

typedef struct {
    const model *m;
    uint32_t account;
    uint32_t cnt;
} slot_count;

/* Keys differ in every limb, so that a comparison that leaves one out is noticed. */
static hd_u256 model_key(uint32_t i) {
    hd_u256 k = {{i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3}};
    return k;
}

static void count_slot(void *ctx, hd_u256 key, hd_u256 value) {
    slot_count *c = (slot_count *)ctx;
    uint32_t i = (uint32_t)(key.w[0] | key.w[1] << 1 | key.w[2] << 2 | key.w[3] << 3);
    assert_true(i < SLOTS);
    assert_num(value, c->m->slots[c->account][i]);
    assert_true(value.w[0] != 0);
    c->cnt++;
}

static void assert_model(const model *m, const hd_state *s) {
    hd_world w;
    hd_state *fresh = hd_state_new();
    hd_state_world(&w, s);
    for (uint32_t i = ACCOUNTS; i-- > 0;) {
        hd_address a = addr_of(i);
        hd_state_account got;
        slot_count c = {m, i, 0};
        uint32_t slot_cnt = 0;
        const hd_world_account *wa = world_account(&w, &a);
        assert_int_equal(hd_state_get(&got, s, &a), m->is_there[i] ? HD_OK : HD_ERR_ABSENT);
        assert_int_equal(wa ? wa->flags & HD_ACCOUNT_EXISTS : 0, m->is_there[i]);
        for (uint32_t k = 0; k < SLOTS; k++) {
            assert_num(hd_state_get_slot(s, &a, model_key(k)), m->slots[i][k]);
            assert_num(world_slot(&w, &a, model_key(k)), m->slots[i][k]);
            slot_cnt += m->slots[i][k] != 0;
            if (m->slots[i][k])
                hd_state_set_slot(fresh, &a, model_key(k), num(m->slots[i][k]));
        }
        hd_state_each_slot(s, &a, count_slot, &c);
        assert_int_equal(c.cnt, slot_cnt);
        if (!m->is_there[i])
            continue;
        assert_num(got.balance_wei, m->balances[i]);
        assert_int_equal(!!(got.flags & HD_ACCOUNT_HAS_STORAGE), slot_cnt != 0);
        hd_state_set_balance(fresh, &a, num(m->balances[i]));
    }
    assert_same_root(s, fresh);
    hd_state_free(fresh);
}

static void random_changes_read_back_as_plain_arrays_would(void **state) {
    (void)state;
    static model m;
    hd_state *s = hd_state_new();
    hd_state *copy = hd_state_new();
    rng_state = 0xfeedbeef;
    for (uint32_t round = 0; round < 40; round++) {
        if (round % 13 == 12) {
            memset(&m, 0, sizeof m);
            hd_state_reset(s);
        }
        for (uint32_t i = 0; i < 400; i++) {
            uint32_t n = (uint32_t)(rng() % ACCOUNTS), k = (uint32_t)(rng() % SLOTS);
            hd_address a = addr_of(n);
            switch (rng() % 16) {
            case 0:
                assert_int_equal(hd_state_delete(s, &a), HD_OK);
                memset(m.slots[n], 0, sizeof m.slots[n]);
                m.balances[n] = m.is_there[n] = 0;
                break;
            case 1:
            case 2:
                m.balances[n] = rng() >> 8;
                m.is_there[n] = 1;
                assert_int_equal(hd_state_set_balance(s, &a, num(m.balances[n])), HD_OK);
                break;
            case 3:
                m.balances[n] += 5;
                m.is_there[n] = 1;
                assert_int_equal(hd_state_add_balance(s, &a, num(5), HD_FORK_CANCUN), HD_OK);
                break;
            default:
                m.slots[n][k] = rng() % 3 ? rng() : 0;
                m.is_there[n] = 1;
                assert_int_equal(hd_state_set_slot(s, &a, model_key(k), num(m.slots[n][k])), HD_OK);
                break;
            }
        }
        assert_model(&m, s);
        assert_int_equal(hd_state_copy(copy, s), HD_OK);
        assert_model(&m, copy);
        assert_same_root(s, copy);
    }
    hd_state_free(s);
    hd_state_free(copy);
}

static void copy_does_not_follow_its_original(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_state *copy = hd_state_new();
    hd_address a = addr_of(1), b = addr_of(2);
    hd_state_account got;
    assert_int_equal(hd_state_set(s, &a, 1, num(2), (const uint8_t *)"\x60\x01", 2), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(1), num(1)), HD_OK);
    assert_int_equal(hd_state_copy(copy, s), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &a, num(1), num(2)), HD_OK);
    assert_int_equal(hd_state_set(s, &b, 1, num(2), (const uint8_t *)"\x60\x02", 2), HD_OK);
    for (uint32_t i = 0; i < 100; i++) /* the copy has room of its own to grow in */
        assert_int_equal(hd_state_set_slot(copy, &a, num(10 + i), num(1)), HD_OK);
    assert_num(hd_state_get_slot(copy, &a, num(1)), 1);
    assert_num(hd_state_get_slot(s, &a, num(10)), 0);
    assert_int_equal(hd_state_get(&got, copy, &b), HD_ERR_ABSENT);
    assert_int_equal(hd_state_get(&got, copy, &a), HD_OK);
    assert_int_equal(got.code_sz, 2);
    hd_state_free(s);
    hd_state_free(copy);
}

/* --- code */

static void equal_codes_are_kept_once_with_zeros_behind(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_world w;
    for (uint32_t i = 0; i < 300; i++) {
        hd_address a = addr_of(i);
        uint8_t code[100];
        memset(code, 0xff, sizeof code);
        code[0] = (uint8_t)(i % 100);
        assert_int_equal(hd_state_set(s, &a, 1, num(0), code, 1 + i % 100), HD_OK);
    }
    hd_state_world(&w, s);
    assert_int_equal(w.code_cnt, 101);
    assert_int_equal(w.codes[0].code_sz, 0);
    for (uint32_t i = 0; i < w.code_cnt; i++) {
        hd_hash hash;
        const hd_world_code *c = &w.codes[i];
        const uint8_t *code = w.code_bytes + c->code_off;
        hd_keccak256(hash.b, code, c->code_sz);
        assert_memory_equal(&hash, &c->hash, sizeof hash);
        for (uint32_t k = 0; k < 33; k++)
            assert_int_equal(code[c->code_sz + k], 0);
    }
    hd_state_free(s);
}

static void jump_destinations_are_marked_outside_push_data_only(void **state) {
    (void)state;
    /* JUMPDEST, PUSH1 5b, JUMPDEST, PUSH32 with 5b's, JUMPDEST in the second word, PUSH2 cut off */
    uint8_t code[130];
    uint32_t want[] = {0, 3, 37, 100, 126};
    hd_state *s = hd_state_new();
    hd_world w;
    hd_address a = addr_of(1);
    memset(code, 0x01, sizeof code);
    code[0] = code[3] = 0x5b;
    code[1] = 0x60;
    code[2] = 0x5b;
    code[4] = 0x7f;
    memset(code + 5, 0x5b, 32);
    code[37] = code[100] = code[126] = 0x5b;
    code[128] = 0x61;
    code[129] = 0x5b;
    assert_int_equal(hd_state_set(s, &a, 1, num(0), code, sizeof code), HD_OK);
    hd_state_world(&w, s);
    const hd_world_account *wa = world_account(&w, &a);
    const hd_world_code *c = &w.codes[wa->code_idx];
    for (uint32_t pc = 0, k = 0; pc < sizeof code; pc++) {
        int is_dest = k < 5 && want[k] == pc;
        k += (uint32_t)is_dest;
        assert_int_equal(w.jump_words[c->jump_off + pc / 64] >> (pc % 64) & 1, is_dest);
    }
    hd_state_free(s);
}

static void delegation_is_its_prefix_and_exactly_23_bytes(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    uint8_t code[24] = {0xef, 0x01, 0x00, 1, 2, 3};
    for (uint32_t sz = 3; sz <= 24; sz++) {
        hd_address a = addr_of(sz);
        hd_world w;
        assert_int_equal(hd_state_set(s, &a, 1, num(0), code, sz), HD_OK);
        hd_state_world(&w, s);
        assert_int_equal(w.codes[world_account(&w, &a)->code_idx].is_delegation, sz == 23);
    }
    code[2] = 1;
    hd_address a = addr_of(99);
    hd_world w;
    assert_int_equal(hd_state_set(s, &a, 1, num(0), code, 23), HD_OK);
    hd_state_world(&w, s);
    assert_int_equal(w.codes[world_account(&w, &a)->code_idx].is_delegation, 0);
    hd_state_free(s);
}

/* --- differences */

static void credit_of_zero_touches_as_the_fork_says(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_state_account got;
    hd_address a = addr_of(1), rich = addr_of(2);
    assert_int_equal(hd_state_add_balance(s, &a, num(0), HD_FORK_SPURIOUS), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &a), HD_ERR_ABSENT);
    assert_int_equal(hd_state_add_balance(s, &a, num(0), HD_FORK_TANGERINE), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &a), HD_OK);
    assert_int_equal(hd_state_add_balance(s, &a, num(0), HD_FORK_SPURIOUS), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &a), HD_ERR_ABSENT);
    hd_u256 all = {{UINT64_MAX, UINT64_MAX, 0, 0}};
    assert_int_equal(hd_state_set_balance(s, &rich, all), HD_OK);
    assert_int_equal(hd_state_add_balance(s, &rich, num(2), HD_FORK_SPURIOUS), HD_OK);
    assert_int_equal(hd_state_add_balance(s, &rich, num(0), HD_FORK_SPURIOUS), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &rich), HD_OK);
    assert_int_equal(got.balance_wei.w[0], 1);
    assert_int_equal(got.balance_wei.w[1], 0);
    assert_int_equal(got.balance_wei.w[2], 1);
    hd_state_free(s);
}

typedef struct {
    hd_receipt receipt;
    hd_account_diff accounts[8];
    hd_slot_diff slots[8];
    uint8_t bytes[64];
    hd_address coinbase;
} difference;

static void difference_init(difference *d) {
    memset(d, 0, sizeof *d);
    d->receipt.account_off = 2; /* ranges begin within the arrays */
    d->receipt.slot_off = 1;
    d->coinbase = addr_of(1000);
}

static hd_account_diff *add_account(difference *d, uint32_t n, uint32_t flags) {
    hd_account_diff *a = &d->accounts[d->receipt.account_off + d->receipt.account_cnt++];
    a->addr = addr_of(n);
    a->flags = flags;
    return a;
}

static void add_slot(difference *d, uint32_t key, uint64_t value, uint32_t flags) {
    hd_slot_diff *t = &d->slots[d->receipt.slot_off + d->receipt.slot_cnt++];
    t->key = num(key);
    t->value = num(value);
    t->account_idx = d->receipt.account_cnt - 1;
    t->flags = flags;
}

static hd_err apply(hd_state *s, const difference *d, uint32_t fork) {
    return hd_state_apply(s, &d->receipt, d->accounts, d->slots, d->bytes, &d->coinbase, fork);
}

static void applied_difference_changes_what_it_marks_and_pays_the_fee(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_state_account got;
    difference d;
    hd_address a[5];
    difference_init(&d);
    for (uint32_t i = 0; i < 5; i++) {
        a[i] = addr_of(i);
        assert_int_equal(hd_state_set(s, &a[i], 1, num(10), (const uint8_t *)"\x01", 1), HD_OK);
        assert_int_equal(hd_state_set_slot(s, &a[i], num(1), num(100)), HD_OK);
    }
    hd_account_diff *x = add_account(&d, 0, HD_DIFF_EXISTED); /* a read */
    x->balance_wei = num(77);
    add_slot(&d, 1, 55, 0); /* a read */
    x = add_account(&d, 1, HD_DIFF_CHANGED | HD_DIFF_EXISTED);
    x->balance_wei = num(11);
    x->nonce = 2;
    add_slot(&d, 1, 101, HD_DIFF_CHANGED);
    x = add_account(&d, 2, HD_DIFF_CHANGED | HD_DIFF_DELETED | HD_DIFF_EXISTED);
    x->balance_wei = num(88);
    add_slot(&d, 1, 5, HD_DIFF_CHANGED);
    x = add_account(&d, 3, HD_DIFF_CHANGED | HD_DIFF_WIPED | HD_DIFF_CODE);
    memcpy(d.bytes + 8, "\x60\x5b\x5b", 3);
    x->code_off = 8;
    x->code_sz = 3;
    hd_keccak256(x->code_hash.b, d.bytes + 8, 3);
    x->nonce = 1;
    add_slot(&d, 2, 7, HD_DIFF_CHANGED);
    x = add_account(&d, 5, HD_DIFF_CHANGED); /* new */
    x->balance_wei = num(3);
    d.receipt.fee_wei = num(1234);
    assert_int_equal(apply(s, &d, HD_FORK_CANCUN), HD_OK);

    assert_int_equal(hd_state_get(&got, s, &a[0]), HD_OK);
    assert_num(got.balance_wei, 10);
    assert_num(hd_state_get_slot(s, &a[0], num(1)), 100);
    assert_int_equal(hd_state_get(&got, s, &a[1]), HD_OK);
    assert_num(got.balance_wei, 11);
    assert_int_equal(got.nonce, 2);
    assert_int_equal(got.code_sz, 1); /* no HD_DIFF_CODE: as before */
    assert_num(hd_state_get_slot(s, &a[1], num(1)), 101);
    assert_int_equal(hd_state_get(&got, s, &a[2]), HD_ERR_ABSENT);
    assert_num(hd_state_get_slot(s, &a[2], num(1)), 0);
    assert_int_equal(hd_state_get(&got, s, &a[3]), HD_OK);
    assert_int_equal(got.code_sz, 3);
    assert_memory_equal(got.code, "\x60\x5b\x5b", 3);
    assert_num(hd_state_get_slot(s, &a[3], num(1)), 0);
    assert_num(hd_state_get_slot(s, &a[3], num(2)), 7);
    hd_address five = addr_of(5);
    assert_int_equal(hd_state_get(&got, s, &five), HD_OK);
    assert_num(got.balance_wei, 3);
    assert_int_equal(hd_state_get(&got, s, &d.coinbase), HD_OK);
    assert_num(got.balance_wei, 1234);
    d.receipt.flags = HD_RECEIPT_FEE_PAID;
    assert_int_equal(apply(s, &d, HD_FORK_CANCUN), HD_OK);
    assert_int_equal(hd_state_get(&got, s, &d.coinbase), HD_OK);
    assert_num(got.balance_wei, 1234);
    hd_state_free(s);
}

static void refused_and_unfinished_transactions_change_nothing(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    difference d;
    difference_init(&d);
    add_account(&d, 1, HD_DIFF_CHANGED)->balance_wei = num(1);
    d.receipt.fee_wei = num(9);
    for (uint32_t status = HD_TX_HALT + 1; status < HD_TX_STATUS_CNT; status++) {
        d.receipt.status = status;
        assert_int_equal(apply(s, &d, HD_FORK_FRONTIER), HD_OK);
        assert_empty_root(s);
    }
    for (uint32_t status = HD_TX_SUCCESS; status <= HD_TX_HALT; status++) {
        d.receipt.status = status;
        hd_state_reset(s);
        assert_int_equal(apply(s, &d, HD_FORK_FRONTIER), HD_OK);
        assert_int_equal(hd_state_account_max(s), 2);
    }
    hd_state_free(s);
}

static void difference_whose_slot_has_no_account_is_refused(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    difference d;
    difference_init(&d);
    add_account(&d, 1, HD_DIFF_CHANGED);
    add_slot(&d, 1, 1, HD_DIFF_CHANGED);
    d.slots[d.receipt.slot_off].account_idx = 1;
    assert_int_equal(apply(s, &d, HD_FORK_CANCUN), HD_ERR_CORRUPT);
    hd_state_free(s);
}

static void walk_meets_existing_accounts_in_order_of_creation(void **state) {
    (void)state;
    hd_state *s = hd_state_new();
    hd_state_account got;
    hd_address a;
    for (uint32_t i = 0; i < 100; i++) {
        a = addr_of(i * 7919);
        assert_int_equal(hd_state_set_balance(s, &a, num(i)), HD_OK);
    }
    a = addr_of(3 * 7919);
    assert_int_equal(hd_state_delete(s, &a), HD_OK);
    assert_int_equal(hd_state_account_max(s), 100);
    for (uint32_t i = 0; i < 100; i++) {
        hd_address want = addr_of(i * 7919);
        assert_int_equal(hd_state_account_at(&a, &got, s, i), i != 3);
        if (i == 3)
            continue;
        assert_memory_equal(&a, &want, sizeof a);
        assert_num(got.balance_wei, i);
    }
    assert_int_equal(hd_state_account_at(&a, &got, s, 100), 0);
    hd_state_free(s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(state_root_of_a_reset_state_is_empty),
    cmocka_unit_test(reset_state_has_small_tables_again),
    cmocka_unit_test(state_root_is_that_of_official_post_states),
    cmocka_unit_test(deleted_account_loses_its_slots),
    cmocka_unit_test(account_recreated_after_delete_starts_without_storage),
    cmocka_unit_test(zeroing_the_last_slot_empties_the_storage),
    cmocka_unit_test(random_changes_read_back_as_plain_arrays_would),
    cmocka_unit_test(copy_does_not_follow_its_original),
    cmocka_unit_test(equal_codes_are_kept_once_with_zeros_behind),
    cmocka_unit_test(jump_destinations_are_marked_outside_push_data_only),
    cmocka_unit_test(delegation_is_its_prefix_and_exactly_23_bytes),
    cmocka_unit_test(credit_of_zero_touches_as_the_fork_says),
    cmocka_unit_test(applied_difference_changes_what_it_marks_and_pays_the_fee),
    cmocka_unit_test(refused_and_unfinished_transactions_change_nothing),
    cmocka_unit_test(difference_whose_slot_has_no_account_is_refused),
    cmocka_unit_test(walk_meets_existing_accounts_in_order_of_creation),
};

HD_TEST_MAIN(tests)
