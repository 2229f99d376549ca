/* test_trie.c - Merkle Patricia roots, the trie in memory, blooms and receipts. */
#include "hd_test.h"

#include "base/hd_file.h"
#include "base/hd_json.h"
#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"
#include "state/hd_receipt_root.h"
#include "state/hd_trie.h"

static uint64_t rng_state;

static uint64_t rng(void) { /* xorshift64: the same numbers on every machine */
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static hd_span span(const void *data, size_t sz) {
    hd_span s = {(const uint8_t *)data, sz};
    return s;
}

static hd_span text(const char *str) { return span(str, strlen(str)); }

static void assert_root(const hd_hash *root, const char *hex) {
    hd_buf buf;
    hd_buf_init(&buf);
    hd_buf_append_hex(&buf, root->b, sizeof root->b);
    assert_string_equal(hd_buf_str(&buf), hex);
    hd_buf_free(&buf);
}

static const char *const empty_root =
    "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";

/* --- a model: an array of keys with the values they should have */

#define MODEL_MAX 400u
#define MODEL_VALUE_SZ_MAX 2000u

typedef struct {
    uint8_t key[40];
    size_t key_sz;
    uint8_t *value;
    size_t value_sz; /* 0: not there */
} model_item;

typedef struct {
    model_item items[MODEL_MAX];
    size_t cnt;
} model;

static int key_cmp(hd_span a, hd_span b) {
    int d = memcmp(a.data, b.data, HD_MIN(a.sz, b.sz));
    return d ? d : (a.sz > b.sz) - (a.sz < b.sz);
}

static int model_cmp(const void *a, const void *b) {
    const model_item *x = a, *y = b;
    return key_cmp(span(x->key, x->key_sz), span(y->key, y->key_sz));
}

/* Different keys of kind 0: few nibbles, many of them beginnings of others; 1: 32 random bytes; 2:
   a long common beginning. Sorted. */
static void model_init(model *m, uint32_t kind) {
    memset(m, 0, sizeof *m);
    while (m->cnt < MODEL_MAX) {
        model_item *it = &m->items[m->cnt];
        it->key_sz = kind == 0 ? rng() % 7 : 32;
        for (size_t i = 0; i < it->key_sz; i++) {
            it->key[i] = (uint8_t)rng();
            if (kind == 0)
                it->key[i] &= 0x11;
            if (kind == 2 && i < 30)
                it->key[i] = 0xaa;
        }
        m->cnt++;
        for (size_t i = 0; i + 1 < m->cnt; i++)
            if (model_cmp(&m->items[i], it) == 0) {
                m->cnt--;
                break;
            }
    }
    qsort(m->items, m->cnt, sizeof m->items[0], model_cmp);
}

static void model_free(model *m) {
    for (size_t i = 0; i < m->cnt; i++)
        free(m->items[i].value);
}

static void model_set(model *m, hd_trie *t, size_t idx, size_t value_sz) {
    model_item *it = &m->items[idx];
    free(it->value);
    it->value = malloc(value_sz + 1);
    it->value_sz = value_sz;
    for (size_t i = 0; i < value_sz; i++)
        it->value[i] = (uint8_t)rng();
    hd_span key = span(it->key, it->key_sz);
    if (value_sz)
        assert_int_equal(hd_trie_set(t, key, span(it->value, value_sz)), HD_OK);
    else
        assert_int_equal(hd_trie_delete(t, key), HD_OK);
}

static size_t random_value_sz(void) {
    switch (rng() % 8) {
    case 0:
    case 1: return 0;
    case 2:
    case 3:
    case 4: return 1 + rng() % 4; /* nodes that are embedded in their parents */
    case 5: return rng() % MODEL_VALUE_SZ_MAX;
    default: return 1 + rng() % 60;
    }
}

/* The root by a trie filled afresh in another order, and by the one-pass code. */
static void assert_model_root(const model *m, hd_trie *t) {
    hd_hash root, other;
    hd_trie_item items[MODEL_MAX];
    size_t cnt = 0;
    hd_trie *fresh = hd_trie_new();
    for (size_t i = m->cnt; i-- > 0;)
        if (m->items[i].value_sz)
            assert_int_equal(hd_trie_set(fresh, span(m->items[i].key, m->items[i].key_sz),
                                         span(m->items[i].value, m->items[i].value_sz)),
                             HD_OK);
    for (size_t i = 0; i < m->cnt; i++)
        if (m->items[i].value_sz) {
            items[cnt].key = span(m->items[i].key, m->items[i].key_sz);
            items[cnt++].value = span(m->items[i].value, m->items[i].value_sz);
        }
    assert_int_equal(hd_trie_root(&root, t), HD_OK);
    assert_int_equal(hd_trie_root(&other, fresh), HD_OK);
    assert_memory_equal(&root, &other, sizeof root);
    assert_int_equal(hd_trie_root_sorted(&other, items, cnt), HD_OK);
    assert_memory_equal(&root, &other, sizeof root);
    hd_trie_free(fresh);
}

static void assert_model_neighbours(const model *m, const hd_trie *t, size_t idx) {
    hd_buf got;
    size_t i;
    hd_span key = span(m->items[idx].key, m->items[idx].key_sz);
    hd_buf_init(&got);
    for (i = idx + 1; i < m->cnt && m->items[i].value_sz == 0;)
        i++;
    assert_int_equal(hd_trie_next(&got, t, key), i < m->cnt ? HD_OK : HD_ERR_ABSENT);
    if (i < m->cnt) {
        assert_int_equal(got.sz, m->items[i].key_sz);
        assert_memory_equal(hd_buf_str(&got), m->items[i].key, got.sz);
    }
    for (i = idx; i > 0 && m->items[i - 1].value_sz == 0;)
        i--;
    assert_int_equal(hd_trie_prev(&got, t, key), i ? HD_OK : HD_ERR_ABSENT);
    if (i) {
        assert_int_equal(got.sz, m->items[i - 1].key_sz);
        assert_memory_equal(hd_buf_str(&got), m->items[i - 1].key, got.sz);
    }
    hd_buf_free(&got);
}

static void random_inserts_and_deletes_match_a_fresh_trie(void **state) {
    (void)state;
    static model m;
    rng_state = 0x9e3779b97f4a7c15u;
    for (uint32_t kind = 0; kind < 3; kind++) {
        hd_trie *t = hd_trie_new();
        model_init(&m, kind);
        for (uint32_t round = 0; round < 60; round++) {
            for (uint32_t i = 0; i < 40; i++)
                model_set(&m, t, rng() % m.cnt, random_value_sz());
            assert_model_root(&m, t);
            for (size_t i = 0; i < m.cnt; i++) {
                hd_span value;
                hd_err err = hd_trie_get(&value, t, span(m.items[i].key, m.items[i].key_sz));
                assert_int_equal(err, m.items[i].value_sz ? HD_OK : HD_ERR_ABSENT);
                if (err == HD_OK) {
                    assert_int_equal(value.sz, m.items[i].value_sz);
                    assert_memory_equal(value.data, m.items[i].value, value.sz);
                }
            }
        }
        model_free(&m);
        hd_trie_free(t);
    }
}

static void neighbours_are_those_of_the_sorted_keys(void **state) {
    (void)state;
    static model m;
    rng_state = 77;
    for (uint32_t kind = 0; kind < 3; kind++) {
        hd_trie *t = hd_trie_new();
        model_init(&m, kind);
        assert_model_neighbours(&m, t, 0);
        for (uint32_t round = 0; round < 30; round++) {
            for (uint32_t i = 0; i < 20; i++)
                model_set(&m, t, rng() % m.cnt, rng() % 3);
            for (size_t i = 0; i < m.cnt; i++)
                assert_model_neighbours(&m, t, i);
        }
        model_free(&m);
        hd_trie_free(t);
    }
}

static void deleting_every_key_gives_the_empty_root(void **state) {
    (void)state;
    static model m;
    rng_state = 5;
    for (uint32_t kind = 0; kind < 3; kind++) {
        hd_hash root;
        hd_trie *t = hd_trie_new();
        model_init(&m, kind);
        for (size_t i = 0; i < m.cnt; i++)
            model_set(&m, t, i, 1 + rng() % 50);
        for (size_t left = m.cnt; left;) {
            size_t idx = rng() % m.cnt;
            if (m.items[idx].value_sz) {
                model_set(&m, t, idx, 0);
                left--;
                if (left % 50 == 0)
                    assert_model_root(&m, t);
            }
        }
        assert_int_equal(hd_trie_root(&root, t), HD_OK);
        assert_root(&root, empty_root);
        model_free(&m);
        hd_trie_free(t);
    }
}

static void trie_of_nothing_has_the_empty_root(void **state) {
    (void)state;
    hd_hash root;
    hd_trie *t = hd_trie_new();
    assert_int_equal(hd_trie_root(&root, t), HD_OK);
    assert_root(&root, empty_root);
    memset(&root, 1, sizeof root);
    assert_int_equal(hd_trie_root_sorted(&root, NULL, 0), HD_OK);
    assert_root(&root, empty_root);
    memset(&root, 1, sizeof root);
    assert_int_equal(hd_trie_list_root(&root, NULL, 0, NULL), HD_OK);
    assert_root(&root, empty_root);
    assert_int_equal(hd_trie_delete(t, text("absent")), HD_OK);
    hd_trie_free(t);
}

static void trie_of_three_dogs_has_the_published_root(void **state) {
    (void)state;
    hd_hash root;
    hd_trie_item items[3] = {{text("doe"), text("reindeer")},
                             {text("dog"), text("puppy")},
                             {text("dogglesworth"), text("cat")}};
    assert_int_equal(hd_trie_root_sorted(&root, items, 3), HD_OK);
    assert_root(&root, "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3");
}

static void sorted_root_refuses_disorder_duplicates_and_empty_values(void **state) {
    (void)state;
    hd_hash root;
    hd_trie_item down[2] = {{text("b"), text("1")}, {text("a"), text("1")}};
    hd_trie_item twice[2] = {{text("a"), text("1")}, {text("a"), text("2")}};
    hd_trie_item longer_first[2] = {{text("ab"), text("1")}, {text("a"), text("2")}};
    hd_trie_item no_value[1] = {{text("a"), text("")}};
    assert_int_equal(hd_trie_root_sorted(&root, down, 2), HD_ERR_FORMAT);
    assert_int_equal(hd_trie_root_sorted(&root, twice, 2), HD_ERR_FORMAT);
    assert_int_equal(hd_trie_root_sorted(&root, longer_first, 2), HD_ERR_FORMAT);
    assert_int_equal(hd_trie_root_sorted(&root, no_value, 1), HD_ERR_FORMAT);
}

static void keys_beyond_the_limit_are_refused(void **state) {
    (void)state;
    hd_hash root;
    hd_span value;
    hd_trie *t = hd_trie_new();
    uint8_t *key = calloc(1, HD_TRIE_KEY_SZ_MAX + 1);
    hd_trie_item item = {span(key, HD_TRIE_KEY_SZ_MAX + 1), text("x")};
    assert_int_equal(hd_trie_set(t, item.key, item.value), HD_ERR_LIMIT);
    assert_int_equal(hd_trie_get(&value, t, item.key), HD_ERR_ABSENT);
    assert_int_equal(hd_trie_root_sorted(&root, &item, 1), HD_ERR_LIMIT);
    item.key.sz--;
    assert_int_equal(hd_trie_set(t, item.key, item.value), HD_OK);
    free(key);
    hd_trie_free(t);
}

/* Each key is the beginning of the next: as deep as a trie can be, far beyond what 32-byte keys
   give, in both kinds of trie. */
static void a_thousand_nested_keys_give_one_root_in_both_tries(void **state) {
    (void)state;
    enum { CNT = 1000 };
    static uint8_t key[CNT + 1];
    static hd_trie_item items[CNT];
    hd_hash a, b;
    hd_trie *t = hd_trie_new();
    for (size_t i = 0; i < CNT; i++) {
        key[i] = (uint8_t)(i * 31);
        items[i].key = span(key, i);
        items[i].value = text("some value that is not short, so that nodes are hashed");
        assert_int_equal(hd_trie_set(t, items[i].key, items[i].value), HD_OK);
    }
    assert_int_equal(hd_trie_root(&a, t), HD_OK);
    assert_int_equal(hd_trie_root_sorted(&b, items, CNT), HD_OK);
    assert_memory_equal(&a, &b, sizeof a);
    hd_trie_free(t);
}

static void list_root_is_that_of_a_trie_keyed_by_encoded_indexes(void **state) {
    (void)state;
    static const size_t cnts[] = {1, 2, 3, 16, 17, 127, 128, 129, 255, 256, 257, 700};
    static uint8_t bytes[700][80];
    hd_span items[700];
    rng_state = 3;
    for (size_t i = 0; i < 700; i++) {
        for (size_t k = 0; k < sizeof bytes[i]; k++)
            bytes[i][k] = (uint8_t)rng();
        items[i] = span(bytes[i], 1 + rng() % 80);
    }
    for (size_t c = 0; c < sizeof cnts / sizeof cnts[0]; c++) {
        hd_hash a, b;
        hd_trie *t = hd_trie_new();
        for (size_t i = 0; i < cnts[c]; i++) {
            hd_buf key;
            hd_buf_init(&key);
            hd_rlp_put_u64(&key, i);
            assert_int_equal(hd_trie_set(t, hd_buf_span(&key), items[i]), HD_OK);
            hd_buf_free(&key);
        }
        assert_int_equal(hd_trie_root(&a, t), HD_OK);
        for (uint32_t threads = 0; threads <= 4; threads += 2) {
            hd_pool *pool = NULL;
            if (threads)
                assert_int_equal(hd_pool_open(&pool, threads), HD_OK);
            assert_int_equal(hd_trie_list_root(&b, items, cnts[c], pool), HD_OK);
            assert_memory_equal(&a, &b, sizeof a);
            hd_pool_close(pool);
        }
        hd_trie_free(t);
    }
}

/* --- logs and receipts */

static void logs_hash_of_no_logs_is_that_of_the_empty_list(void **state) {
    (void)state;
    hd_hash hash;
    assert_int_equal(hd_logs_hash(&hash, NULL, 0, NULL), HD_OK);
    assert_root(&hash, "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
}

static void logs_hash_is_that_of_the_encoded_list(void **state) {
    (void)state;
    hd_log_entry logs[2];
    const uint8_t bytes[] = "..........a log's data";
    hd_hash hash, want;
    hd_buf buf;
    memset(logs, 0, sizeof logs);
    memset(&logs[0].addr, 0x11, 20);
    memset(&logs[1].addr, 0x22, 20);
    memset(&logs[1].topics[0], 0x33, 32);
    memset(&logs[1].topics[1], 0x44, 32);
    logs[1].topic_cnt = 2;
    logs[1].data_off = 10;
    logs[1].data_sz = 12;
    hd_buf_init(&buf);
    size_t list = hd_rlp_list_open(&buf);
    for (uint32_t i = 0; i < 2; i++) {
        size_t log = hd_rlp_list_open(&buf);
        hd_rlp_put_bytes(&buf, logs[i].addr.b, 20);
        size_t topics = hd_rlp_list_open(&buf);
        for (uint32_t k = 0; k < logs[i].topic_cnt; k++)
            hd_rlp_put_bytes(&buf, logs[i].topics[k].b, 32);
        hd_rlp_list_close(&buf, topics);
        hd_rlp_put_bytes(&buf, bytes + logs[i].data_off, logs[i].data_sz);
        hd_rlp_list_close(&buf, log);
    }
    hd_rlp_list_close(&buf, list);
    hd_keccak256(want.b, buf.data, buf.sz);
    assert_int_equal(hd_logs_hash(&hash, logs, 2, bytes), HD_OK);
    assert_memory_equal(&hash, &want, sizeof hash);
    logs[0].topic_cnt = 5;
    assert_int_equal(hd_logs_hash(&hash, logs, 2, bytes), HD_ERR_CORRUPT);
    hd_buf_free(&buf);
}

/* Receipts as JSON, with the memory that their bodies point into. */
#define RECEIPTS_MAX 64u
#define LOGS_MAX 256u

typedef struct {
    hd_receipt_body bodies[RECEIPTS_MAX];
    hd_log_entry logs[LOGS_MAX];
    hd_hash post_roots[RECEIPTS_MAX];
    hd_buf bytes;
    size_t cnt, log_cnt;
} receipt_set;

static void read_log(receipt_set *set, hd_json val) {
    hd_log_entry *log = &set->logs[set->log_cnt++];
    hd_json topics;
    assert_true(set->log_cnt < LOGS_MAX);
    memset(log, 0, sizeof *log);
    assert_int_equal(hd_json_get_address(&log->addr, NULL, val, "address"), HD_OK);
    assert_int_equal(hd_json_get(&topics, NULL, val, "topics"), HD_OK);
    log->topic_cnt = (uint32_t)hd_json_cnt(topics);
    assert_true(log->topic_cnt <= 4);
    for (uint32_t i = 0; i < log->topic_cnt; i++)
        assert_int_equal(hd_json_hash(&log->topics[i], NULL, hd_json_at(topics, i)), HD_OK);
    log->data_off = set->bytes.sz;
    assert_int_equal(hd_json_get_bytes(&set->bytes, NULL, val, "data"), HD_OK);
    log->data_sz = (uint32_t)(set->bytes.sz - log->data_off);
}

static void read_receipts(receipt_set *set, hd_json list) {
    memset(set, 0, sizeof *set);
    set->cnt = hd_json_cnt(list);
    assert_true(set->cnt <= RECEIPTS_MAX);
    for (size_t i = 0; i < set->cnt; i++) {
        hd_receipt_body *r = &set->bodies[i];
        hd_json val = hd_json_at(list, i), logs, member;
        const char *root;
        uint64_t type = 0, status = 0;
        r->logs = set->logs + set->log_cnt;
        if (hd_json_find(&logs, val, "logs"))
            for (size_t k = 0; k < hd_json_cnt(logs); k++)
                read_log(set, hd_json_at(logs, k));
        r->log_cnt = (size_t)(set->logs + set->log_cnt - r->logs);
        if (hd_json_find(&member, val, "type"))
            assert_int_equal(hd_json_u64(&type, NULL, member), HD_OK);
        if (hd_json_find(&member, val, "status"))
            assert_int_equal(hd_json_u64(&status, NULL, member), HD_OK);
        if (hd_json_find(&member, val, "root")) {
            assert_int_equal(hd_json_str(&root, NULL, NULL, member), HD_OK);
            if (strcmp(root, "0x") != 0) {
                assert_int_equal(hd_json_hash(&set->post_roots[i], NULL, member), HD_OK);
                r->post_root = &set->post_roots[i];
            }
        }
        assert_int_equal(hd_json_get_u64(&r->cumulative_gas, NULL, val, "cumulativeGasUsed"),
                         HD_OK);
        r->type = (uint32_t)type;
        r->is_success = status == 1;
        hd_buf bloom;
        uint8_t got[256];
        hd_buf_init(&bloom);
        assert_int_equal(hd_json_get_bytes(&bloom, NULL, val, "logsBloom"), HD_OK);
        hd_logs_bloom(got, r->logs, r->log_cnt);
        assert_int_equal(bloom.sz, sizeof got);
        assert_memory_equal(bloom.data, got, sizeof got);
        hd_buf_free(&bloom);
    }
    for (size_t i = 0; i < set->cnt; i++)
        set->bodies[i].bytes = set->bytes.data;
}

static void assert_receipts_root(hd_json list, const hd_hash *want) {
    static receipt_set set;
    hd_hash root;
    uint8_t bloom[256], want_bloom[256] = {0};
    hd_pool *pool;
    read_receipts(&set, list);
    assert_int_equal(hd_pool_open(&pool, 3), HD_OK);
    assert_int_equal(hd_receipts_root(&root, bloom, set.bodies, set.cnt, pool), HD_OK);
    hd_pool_close(pool);
    for (size_t i = 0; i < set.cnt; i++) {
        uint8_t one[256];
        hd_logs_bloom(one, set.bodies[i].logs, set.bodies[i].log_cnt);
        for (uint32_t k = 0; k < sizeof one; k++)
            want_bloom[k] |= one[k];
    }
    assert_memory_equal(bloom, want_bloom, sizeof bloom);
    assert_memory_equal(&root, want, sizeof root);
    hd_buf_free(&set.bytes);
}

/* The answer in a file of request and response lines. */
static void open_answer(hd_json_doc **doc, hd_json *result, const char *fixture) {
    char path[512];
    hd_buf file;
    hd_json root;
    hd_test_fixture(path, sizeof path, fixture);
    hd_buf_init(&file);
    assert_int_equal(hd_file_read(&file, NULL, path, 1u << 24), HD_OK);
    const char *answer = strstr(hd_buf_str(&file), "<< ");
    assert_non_null(answer);
    assert_int_equal(hd_json_parse(doc, &root, NULL, path, answer + 3, strlen(answer + 3), 64),
                     HD_OK);
    assert_int_equal(hd_json_get(result, NULL, root, "result"), HD_OK);
    hd_buf_free(&file);
}

static void receipts_root_of_a_block_with_logs_is_that_of_its_header(void **state) {
    (void)state;
    hd_json_doc *receipts_doc, *block_doc;
    hd_json receipts, block;
    hd_hash want;
    open_answer(&receipts_doc, &receipts,
                "rpc/execution-apis/eth_getBlockReceipts/get-block-receipts-latest.io");
    open_answer(&block_doc, &block, "rpc/execution-apis/eth_getBlockByNumber/get-latest.io");
    assert_int_equal(hd_json_get_hash(&want, NULL, block, "receiptsRoot"), HD_OK);
    assert_int_equal(hd_json_cnt(receipts), 4);
    assert_receipts_root(receipts, &want);
    hd_json_close(receipts_doc);
    hd_json_close(block_doc);
}

static void receipts_root_of_every_type_is_go_ethereums(void **state) {
    (void)state;
    static const char *const cases[] = {"1/exp.json",  "3/exp.json",  "13/exp2.json",
                                        "23/exp.json", "24/exp.json", "28/exp.json",
                                        "29/exp.json", "30/exp.json", "33/exp.json"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64], path[512];
        hd_json_doc *doc;
        hd_json root, result, receipts;
        hd_hash want;
        snprintf(name, sizeof name, "t8n/geth-cmd-evm-testdata/%s", cases[i]);
        hd_test_fixture(path, sizeof path, name);
        assert_int_equal(hd_json_load(&doc, &root, NULL, path, 1u << 24, 64), HD_OK);
        if (!hd_json_find(&result, root, "result"))
            result = root;
        assert_int_equal(hd_json_get(&receipts, NULL, result, "receipts"), HD_OK);
        assert_int_equal(hd_json_get_hash(&want, NULL, result, "receiptsRoot"), HD_OK);
        assert_receipts_root(receipts, &want);
        hd_json_close(doc);
    }
}

static void receipt_before_byzantium_holds_the_root(void **state) {
    (void)state;
    hd_receipt_body r;
    hd_hash root;
    hd_buf buf;
    hd_span rest;
    hd_rlp_item list, item;
    hd_rlp_iter iter;
    memset(&r, 0, sizeof r);
    memset(&root, 0xab, sizeof root);
    r.post_root = &root;
    r.cumulative_gas = 21000;
    hd_buf_init(&buf);
    assert_int_equal(hd_receipt_encode(&buf, &r), HD_OK);
    assert_int_equal(hd_rlp_read(&list, &rest, NULL, hd_buf_span(&buf)), HD_OK);
    assert_int_equal(rest.sz, 0);
    assert_int_equal(hd_rlp_iter_init(&iter, &list), HD_OK);
    assert_int_equal(hd_rlp_iter_next(&iter, &item), HD_OK);
    assert_int_equal(item.body.sz, 32);
    assert_memory_equal(item.body.data, &root, 32);
    hd_buf_free(&buf);
    r.type = 128;
    hd_buf_init(&buf);
    assert_int_equal(hd_receipt_encode(&buf, &r), HD_ERR_UNSUPPORTED);
    hd_buf_free(&buf);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(trie_of_nothing_has_the_empty_root),
    cmocka_unit_test(trie_of_three_dogs_has_the_published_root),
    cmocka_unit_test(deleting_every_key_gives_the_empty_root),
    cmocka_unit_test(random_inserts_and_deletes_match_a_fresh_trie),
    cmocka_unit_test(neighbours_are_those_of_the_sorted_keys),
    cmocka_unit_test(sorted_root_refuses_disorder_duplicates_and_empty_values),
    cmocka_unit_test(keys_beyond_the_limit_are_refused),
    cmocka_unit_test(a_thousand_nested_keys_give_one_root_in_both_tries),
    cmocka_unit_test(list_root_is_that_of_a_trie_keyed_by_encoded_indexes),
    cmocka_unit_test(logs_hash_of_no_logs_is_that_of_the_empty_list),
    cmocka_unit_test(logs_hash_is_that_of_the_encoded_list),
    cmocka_unit_test(receipts_root_of_a_block_with_logs_is_that_of_its_header),
    cmocka_unit_test(receipts_root_of_every_type_is_go_ethereums),
    cmocka_unit_test(receipt_before_byzantium_holds_the_root),
};

HD_TEST_MAIN(tests)
