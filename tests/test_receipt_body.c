/* test_receipt_body.c - receipts hashed by lanes give the root and bloom of hd_receipts_root, for
   every shape of the trie. */
#include "exec/hd_receipt_body.h"

#include "hd_test.h"
#include "state/hd_receipt_root.h"

#define CNT_MAX 66000u
#define LOG_MAX 5u

typedef struct {
    hd_receipt *receipts;
    hd_tx *txs;
    hd_log_entry *logs;
    uint8_t bytes[512];
    uint64_t *gas_at;
    hd_hash *nodes;
    hd_receipt_body *bodies;
} box;

static void box_open(box *b, uint32_t log_max) {
    uint32_t log_cnt = 0;
    b->receipts = calloc(CNT_MAX, sizeof(*b->receipts));
    b->txs = calloc(CNT_MAX, sizeof(*b->txs));
    b->logs = calloc(CNT_MAX * LOG_MAX, sizeof(*b->logs));
    b->gas_at = calloc(CNT_MAX + 1, sizeof(*b->gas_at));
    b->nodes = calloc(CNT_MAX * 2 + 64, sizeof(*b->nodes));
    b->bodies = calloc(CNT_MAX, sizeof(*b->bodies));
    assert_true(b->receipts && b->txs && b->logs && b->gas_at && b->nodes && b->bodies);
    for (uint32_t i = 0; i < sizeof b->bytes; i++)
        b->bytes[i] = (uint8_t)(i * 7);
    for (uint32_t i = 0; i < CNT_MAX; i++) {
        hd_receipt *r = &b->receipts[i];
        uint64_t x = hd_mix64(i + 1);
        r->status = x % 5 ? HD_TX_SUCCESS : HD_TX_REVERT;
        r->gas_used = 21000 + x % 100000;
        b->txs[i].type = (uint32_t)(x >> 20) % 5;
        r->log_off = log_cnt;
        r->log_cnt = log_max ? (uint32_t)(x >> 30) % (log_max + 1) : 0;
        for (uint32_t k = 0; k < r->log_cnt; k++) {
            hd_log_entry *l = &b->logs[log_cnt++];
            uint64_t y = hd_mix64(x + k);
            hd_store_le64(l->addr.b, y % 50);
            l->topic_cnt = (uint32_t)(y >> 8) % 5;
            for (uint32_t t = 0; t < l->topic_cnt; t++)
                hd_store_le64(l->topics[t].b, y >> t);
            l->data_sz = (y >> 16) % 3 ? (uint32_t)(y >> 20) % 3 : (uint32_t)(y >> 20) % 400;
            l->data_off = (y >> 40) % 100;
        }
        b->gas_at[i + 1] = b->gas_at[i] + r->gas_used;
        b->bodies[i] = (hd_receipt_body){.logs = b->logs + r->log_off,
                                         .bytes = b->bytes,
                                         .log_cnt = r->log_cnt,
                                         .cumulative_gas = b->gas_at[i + 1],
                                         .type = b->txs[i].type,
                                         .is_success = r->status == HD_TX_SUCCESS};
    }
}

static void box_close(box *b) {
    free(b->receipts);
    free(b->txs);
    free(b->logs);
    free(b->gas_at);
    free(b->nodes);
    free(b->bodies);
}

static void compare(box *b, uint32_t cnt) {
    uint32_t words[64] = {0}, end = cnt;
    uint8_t bloom[256], want_bloom[256] = {0};
    hd_hash low[8], high[3], root, want;
    hd_receipt_job j = {.receipts = b->receipts,
                        .txs = b->txs,
                        .logs = b->logs,
                        .bytes = b->bytes,
                        .gas_at = b->gas_at,
                        .bloom = words,
                        .nodes = b->nodes,
                        .cnt = cnt};
    for (uint32_t i = 0; i < cnt; i++)
        hd_receipt_leaf(&j, i);
    for (uint32_t k = 0; k < HD_RECEIPT_CLASS_CNT; k++) {
        hd_receipt_class c = hd_receipt_class_of(k, cnt);
        j.class_idx = k;
        j.to_off = c.lo;
        if (cnt <= c.lo)
            break;
        for (j.level = 1; j.level <= c.levels; j.level++) {
            uint32_t group_cnt = (c.hi >> (4 * j.level)) - (c.lo >> (4 * j.level)) + 1;
            j.from_off = j.to_off;
            j.to_off = end;
            end += group_cnt;
            for (uint32_t i = 0; i < group_cnt; i++)
                hd_receipt_group(&j, i);
        }
        memcpy(k ? &high[k - 1] : low, b->nodes + j.to_off,
               (k ? 1 : end - j.to_off) * sizeof(hd_hash));
    }
    assert_true(end <= cnt + cnt / 8 + 64); /* what the driver makes room for */
    hd_receipt_top(&root, b->nodes, low, high, cnt);
    assert_int_equal(hd_receipts_root(&want, NULL, b->bodies, cnt, NULL), HD_OK);
    if (memcmp(&root, &want, sizeof root) != 0)
        print_message("%u receipts\n", cnt);
    assert_memory_equal(&root, &want, sizeof root);
    hd_receipt_bloom_bytes(bloom, words);
    for (uint32_t i = 0; i < cnt; i++) {
        uint8_t one[256];
        hd_logs_bloom(one, b->bodies[i].logs, b->bodies[i].log_cnt);
        for (uint32_t k = 0; k < 256; k++)
            want_bloom[k] |= one[k];
    }
    assert_memory_equal(bloom, want_bloom, 256);
}

static void every_shape_of_the_trie_has_its_root(void **state) {
    static const uint32_t large[] = {4095,  4096,  4097,  4112,  4113,  65535,
                                     65536, 65537, 65538, 65552, 65553, 65800};
    box b;
    (void)state;
    box_open(&b, 1);
    for (uint32_t cnt = 1; cnt <= 300; cnt++)
        compare(&b, cnt);
    for (uint32_t i = 0; i < sizeof large / sizeof *large; i++)
        compare(&b, large[i]);
    box_close(&b);
}

static void logs_of_every_form_are_encoded(void **state) {
    box b;
    (void)state;
    box_open(&b, LOG_MAX);
    compare(&b, 3000);
    box_close(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_shape_of_the_trie_has_its_root),
    cmocka_unit_test(logs_of_every_form_are_encoded),
};

HD_TEST_MAIN(tests)
