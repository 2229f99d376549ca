/* test_proof.c - Merkle proofs: made from a forest and from sorted items, verified, and refused
   when anything in them is altered. */
#include "hd_test.h"

#include "base/hd_file.h"
#include "base/hd_json.h"
#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"
#include "state/hd_forest_host.h"
#include "state/hd_proof.h"

static uint64_t rng_state;

static uint64_t rng(void) { /* xorshift64: the same numbers on every machine */
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

#define ITEMS_MAX 60u

typedef struct {
    hd_hash keys[ITEMS_MAX];
    hd_u256 numbers[ITEMS_MAX];
    hd_buf values[ITEMS_MAX];
    hd_trie_item items[ITEMS_MAX]; /* sorted */
    size_t cnt;
    hd_forest_host *forest; /* one account whose storage they are */
    hd_hash account_key;
    hd_hash root; /* of the storage */
} trie;

/* Kind 0: random keys; 1: keys that differ in the last nibbles, so that nodes lie in each other; 2:
   keys that differ in three nibbles anywhere. */
static void random_key(hd_hash *k, uint32_t kind) {
    memset(k, 0x22, sizeof *k);
    for (size_t i = 0; kind == 0 && i < 32; i++)
        k->b[i] = (uint8_t)rng();
    if (kind == 1) {
        k->b[31] = (uint8_t)rng();
        k->b[30] = (uint8_t)(rng() & 0x11);
    }
    for (uint32_t i = 0; kind == 2 && i < 3; i++)
        k->b[rng() % 32] ^= (uint8_t)(rng() & 0x33);
}

static int item_order(const void *a, const void *b) {
    return memcmp(((const hd_trie_item *)a)->key.data, ((const hd_trie_item *)b)->key.data, 32);
}

static void trie_make(trie *t, uint32_t kind, size_t cnt) {
    hd_forest_account_change account;
    hd_forest_slot_change slots[ITEMS_MAX];
    hd_hash root;
    memset(t, 0, sizeof *t);
    memset(&account, 0, sizeof account);
    memset(slots, 0, sizeof slots);
    while (t->cnt < cnt) {
        size_t i = t->cnt, k = 0;
        uint8_t be[32];
        random_key(&t->keys[i], kind);
        while (k < i && memcmp(&t->keys[k], &t->keys[i], 32) != 0)
            k++;
        if (k < i)
            continue;
        t->numbers[i].w[0] = rng() % 3 ? 1 + rng() % 200 : rng() | 1;
        t->numbers[i].w[3] = rng() % 3 ? 0 : rng();
        for (uint32_t j = 0; j < 4; j++)
            hd_store_be64(be + 8 * j, t->numbers[i].w[3 - j]);
        hd_buf_init(&t->values[i]);
        hd_rlp_put_num(&t->values[i], be, 32);
        t->items[i].key = (hd_span){t->keys[i].b, 32};
        t->items[i].value = hd_buf_span(&t->values[i]);
        memcpy(&slots[i].key, &t->keys[i], 32);
        slots[i].value = t->numbers[i];
        t->cnt++;
    }
    qsort(t->items, t->cnt, sizeof t->items[0], item_order);
    assert_int_equal(hd_trie_root_sorted(&t->root, t->items, t->cnt), HD_OK);
    memset(t->account_key.b, 7, 32);
    memcpy(&account.key, &t->account_key, 32);
    account.nonce = 1;
    assert_int_equal(hd_forest_open(&t->forest, NULL, NULL), HD_OK);
    assert_int_equal(hd_forest_apply(&root, t->forest, &account, 1, slots, t->cnt), HD_OK);
}

static void trie_free(trie *t) {
    for (size_t i = 0; i < t->cnt; i++)
        hd_buf_free(&t->values[i]);
    hd_forest_close(t->forest);
}

typedef struct {
    hd_buf bytes;
    size_t sizes[HD_PROOF_NODES_MAX];
    hd_span nodes[HD_PROOF_NODES_MAX];
    size_t cnt;
} proof;

static void proof_split(proof *p) {
    size_t off = 0;
    for (size_t i = 0; i < p->cnt; i++) {
        p->nodes[i] = (hd_span){p->bytes.data + off, p->sizes[i]};
        off += p->sizes[i];
    }
    assert_int_equal(off, p->bytes.sz);
}

/* The same proof from the forest and from the items. */
static void proof_make(proof *p, trie *t, const hd_hash *key) {
    proof q;
    hd_buf_init(&p->bytes);
    hd_buf_init(&q.bytes);
    assert_int_equal(hd_forest_prove(&p->bytes, p->sizes, &p->cnt, t->forest, &t->account_key, key),
                     HD_OK);
    assert_int_equal(hd_proof_from_items(&q.bytes, q.sizes, &q.cnt, key, t->items, t->cnt), HD_OK);
    assert_int_equal(p->cnt, q.cnt);
    assert_memory_equal(p->sizes, q.sizes, p->cnt * sizeof p->sizes[0]);
    assert_int_equal(p->bytes.sz, q.bytes.sz);
    if (q.bytes.sz)
        assert_memory_equal(p->bytes.data, q.bytes.data, q.bytes.sz);
    hd_buf_free(&q.bytes);
    proof_split(p);
}

static const hd_trie_item *item_find(const trie *t, const hd_hash *key) {
    for (size_t i = 0; i < t->cnt; i++)
        if (memcmp(t->items[i].key.data, key, 32) == 0)
            return &t->items[i];
    return NULL;
}

static void proofs_show_what_is_there_and_what_is_not(void **state) {
    (void)state;
    rng_state = 3;
    for (uint32_t r = 0; r < 120; r++) {
        trie t;
        trie_make(&t, r % 3, r < 6 ? r / 3 : rng() % ITEMS_MAX);
        for (uint32_t i = 0; i < 40; i++) {
            proof p;
            hd_hash key;
            hd_span value;
            const char *reason = NULL;
            if (t.cnt && i % 2)
                key = t.keys[rng() % t.cnt];
            else
                random_key(&key, r % 3);
            proof_make(&p, &t, &key);
            const hd_trie_item *item = item_find(&t, &key);
            uint32_t result = hd_proof_verify(&value, &reason, &t.root, &key, p.nodes, p.cnt);
            assert_int_equal(result, item ? HD_PROOF_FOUND : HD_PROOF_ABSENT);
            assert_int_equal(value.sz, item ? item->value.sz : 0);
            if (item)
                assert_memory_equal(value.data, item->value.data, value.sz);
            hd_buf_free(&p.bytes);
        }
        trie_free(&t);
    }
}

static void altered_proofs_are_wrong(void **state) {
    uint32_t cases = 0;
    (void)state;
    rng_state = 4;
    for (uint32_t r = 0; r < 60; r++) {
        trie t;
        trie_make(&t, r % 3, 2 + rng() % (ITEMS_MAX - 2));
        for (uint32_t i = 0; i < 60; i++) {
            proof p;
            hd_hash key = t.keys[rng() % t.cnt];
            hd_span value;
            const char *reason = NULL;
            if (i % 3 == 0)
                random_key(&key, r % 3);
            proof_make(&p, &t, &key);
            size_t n = rng() % p.cnt, at = rng() % p.nodes[n].sz;
            uint8_t *byte = (uint8_t *)p.nodes[n].data + at;
            switch (i % 6) {
            case 0:
            case 1: *byte ^= (uint8_t)(1 << rng() % 8); break;
            case 2: p.nodes[n].sz = at; break;
            case 3: p.cnt--; break;
            case 4:
                p.nodes[p.cnt] = p.nodes[n];
                p.cnt++;
                break;
            default:
                if (p.cnt > 1) {
                    hd_span first = p.nodes[0];
                    p.nodes[0] = p.nodes[p.cnt - 1];
                    p.nodes[p.cnt - 1] = first;
                } else {
                    p.cnt = 0;
                }
            }
            assert_int_equal(hd_proof_verify(&value, &reason, &t.root, &key, p.nodes, p.cnt),
                             HD_PROOF_WRONG);
            assert_non_null(reason);
            hd_buf_free(&p.bytes);
            cases++;
        }
        trie_free(&t);
    }
    assert_int_equal(cases, 3600);
}

/* The document in the answer's line of an .io file. */
static void answer_parse(hd_json_doc **doc, hd_json *result, const char *name) {
    char path[1024], full[256];
    hd_buf file;
    hd_msg msg = {""};
    hd_json top;
    snprintf(full, sizeof full, "rpc/execution-apis/%s", name);
    hd_test_fixture(path, sizeof path, full);
    hd_buf_init(&file);
    assert_int_equal(hd_file_read(&file, &msg, path, 1 << 20), HD_OK);
    const char *text = strstr(hd_buf_str(&file), "<< ");
    assert_non_null(text);
    text += 3;
    assert_int_equal(hd_json_parse(doc, &top, &msg, name, text, strcspn(text, "\n"), 16), HD_OK);
    assert_int_equal(hd_json_get(result, &msg, top, "result"), HD_OK);
    hd_buf_free(&file);
}

/* One node, whatever it is, whose hash is the root. */
static uint32_t verify_one(const uint8_t *node, size_t sz) {
    hd_hash root, key;
    hd_span value, nodes[1] = {{node, sz}};
    const char *reason;
    memset(&key, 0x22, sizeof key);
    hd_keccak256(root.b, node, sz);
    return hd_proof_verify(&value, &reason, &root, &key, nodes, 1);
}

static void nodes_that_are_no_nodes_are_wrong(void **state) {
    uint8_t node[HD_PROOF_NODE_SZ_MAX + 1];
    (void)state;
    rng_state = 6;
    for (uint32_t r = 0; r < 20000; r++) { /* lists of random bytes */
        size_t sz = 1 + rng() % 54;
        node[0] = (uint8_t)(0xc0 + sz);
        for (size_t i = 1; i <= sz; i++)
            node[i] = rng() % 3 ? (uint8_t)(rng() % 4 * 0x40) : (uint8_t)rng();
        uint32_t result = verify_one(node, sz + 1);
        assert_true(result == HD_PROOF_WRONG || result == HD_PROOF_ABSENT);
    }
    for (size_t sz = 0; sz <= sizeof node; sz += 41) { /* nested as deep as it gets */
        memset(node, 0xc1, sizeof node);
        if (sz)
            node[sz - 1] = 0xc0;
        assert_int_equal(verify_one(node, sz), HD_PROOF_WRONG);
    }
    /* A branch with one child; a branch with a value. */
    uint8_t branch[64];
    memset(branch, 0x80, sizeof branch);
    branch[0] = 0xf1;
    branch[0] = 0xc0 + 17 + 3;
    branch[1] = 0xc3;
    memset(branch + 2, 0x20, 3);
    assert_int_equal(verify_one(branch, 21), HD_PROOF_WRONG);
    branch[0] = 0xc0 + 17;
    memset(branch + 1, 0x80, 17);
    assert_int_equal(verify_one(branch, 18), HD_PROOF_WRONG);
    branch[17] = 0x01;
    assert_int_equal(verify_one(branch, 18), HD_PROOF_WRONG);
}

static void proofs_of_another_implementation_are_accepted(void **state) {
    static const char *const names[] = {"eth_getProof/get-account-proof-latest.io",
                                        "eth_getProof/get-account-proof-default-block.io",
                                        "eth_getProof/get-account-proof-blockhash.io"};
    hd_json_doc *doc;
    hd_json result, nodes;
    hd_msg msg = {""};
    hd_hash root;
    (void)state;
    answer_parse(&doc, &result, "eth_getBlockByNumber/get-latest.io");
    assert_int_equal(hd_json_get_hash(&root, &msg, result, "stateRoot"), HD_OK);
    hd_json_close(doc);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        answer_parse(&doc, &result, names[i]);
        assert_int_equal(hd_json_get(&nodes, &msg, result, "accountProof"), HD_OK);
        proof p;
        hd_buf_init(&p.bytes);
        p.cnt = hd_json_cnt(nodes);
        assert_in_range(p.cnt, 1, HD_PROOF_NODES_MAX);
        for (size_t k = 0; k < p.cnt; k++) {
            size_t before = p.bytes.sz;
            assert_int_equal(hd_json_bytes(&p.bytes, &msg, hd_json_at(nodes, k)), HD_OK);
            p.sizes[k] = p.bytes.sz - before;
        }
        proof_split(&p);
        hd_address addr;
        hd_hash code_hash, storage_root, balance;
        uint64_t nonce;
        hd_forest_account account;
        assert_int_equal(hd_json_get_address(&addr, &msg, result, "address"), HD_OK);
        assert_int_equal(hd_json_get_hash(&code_hash, &msg, result, "codeHash"), HD_OK);
        assert_int_equal(hd_json_get_hash(&storage_root, &msg, result, "storageHash"), HD_OK);
        assert_int_equal(hd_json_get_num(&balance, &msg, result, "balance"), HD_OK);
        assert_int_equal(hd_json_get_u64(&nonce, &msg, result, "nonce"), HD_OK);
        assert_int_equal(hd_proof_verify_account(&account, NULL, &root, &addr, p.nodes, p.cnt),
                         HD_PROOF_FOUND);
        assert_memory_equal(&account.code_hash, &code_hash, 32);
        assert_memory_equal(&account.storage_root, &storage_root, 32);
        assert_true(account.nonce == nonce);
        assert_true(account.balance_wei.w[0] == hd_load_be64(balance.b + 24));
        addr.b[19] ^= 1; /* another account is not there, or needs other nodes */
        assert_int_not_equal(hd_proof_verify_account(&account, NULL, &root, &addr, p.nodes, p.cnt),
                             HD_PROOF_FOUND);
        hd_buf_free(&p.bytes);
        hd_json_close(doc);
    }
}

static void slots_are_verified_by_their_numbers(void **state) {
    hd_forest_host *forest;
    hd_forest_account_change account;
    hd_forest_slot_change slots[50];
    hd_hash root, account_key;
    hd_forest_account got;
    (void)state;
    memset(&account, 0, sizeof account);
    memset(slots, 0, sizeof slots);
    hd_address addr = {{1, 2, 3}};
    hd_keccak256(account_key.b, addr.b, 20);
    memcpy(&account.key, &account_key, 32);
    account.nonce = 77;
    account.balance_wei.w[1] = 5;
    for (uint32_t i = 0; i < 50; i++) {
        uint8_t word[32] = {0};
        word[31] = (uint8_t)i;
        hd_keccak256((uint8_t *)&slots[i].key, word, 32);
        slots[i].value.w[i % 4] = i + 1;
    }
    assert_int_equal(hd_forest_open(&forest, NULL, NULL), HD_OK);
    assert_int_equal(hd_forest_apply(&root, forest, &account, 1, slots, 50), HD_OK);
    proof p;
    hd_buf_init(&p.bytes);
    assert_int_equal(hd_forest_prove(&p.bytes, p.sizes, &p.cnt, forest, NULL, &account_key), HD_OK);
    proof_split(&p);
    assert_int_equal(hd_proof_verify_account(&got, NULL, &root, &addr, p.nodes, p.cnt),
                     HD_PROOF_FOUND);
    assert_true(got.nonce == 77 && got.balance_wei.w[1] == 5);
    hd_hash storage_root = got.storage_root;
    for (uint32_t i = 0; i < 60; i++) {
        hd_hash key;
        uint8_t word[32] = {0};
        hd_u256 slot = {{i, 0, 0, 0}}, value;
        word[31] = (uint8_t)i;
        hd_keccak256(key.b, word, 32);
        hd_buf_clear(&p.bytes);
        assert_int_equal(hd_forest_prove(&p.bytes, p.sizes, &p.cnt, forest, &account_key, &key),
                         HD_OK);
        proof_split(&p);
        assert_int_equal(hd_proof_verify_slot(&value, NULL, &storage_root, slot, p.nodes, p.cnt),
                         i < 50 ? HD_PROOF_FOUND : HD_PROOF_ABSENT);
        assert_true(value.w[i % 4] == (i < 50 ? i + 1 : 0));
    }
    hd_buf_free(&p.bytes);
    hd_forest_close(forest);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(proofs_show_what_is_there_and_what_is_not),
    cmocka_unit_test(altered_proofs_are_wrong),
    cmocka_unit_test(nodes_that_are_no_nodes_are_wrong),
    cmocka_unit_test(proofs_of_another_implementation_are_accepted),
    cmocka_unit_test(slots_are_verified_by_their_numbers),
};

HD_TEST_MAIN(tests)
