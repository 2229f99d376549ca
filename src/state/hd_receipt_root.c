/* hd_receipt_root.c - logs and receipts as a block commits to them. */
#include "state/hd_receipt_root.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"
#include "state/hd_trie.h"

void hd_bloom_add(uint8_t bloom[256], const uint8_t *data, size_t sz) {
    uint8_t hash[32];
    hd_keccak256(hash, data, sz);
    for (uint32_t i = 0; i < 6; i += 2) {
        uint32_t bit = ((uint32_t)hash[i] << 8 | hash[i + 1]) & 2047;
        bloom[255 - bit / 8] |= (uint8_t)(1u << (bit % 8)); /* a big-endian number of 2,048 bits */
    }
}

void hd_logs_bloom(uint8_t bloom[256], const hd_log_entry *logs, size_t cnt) {
    memset(bloom, 0, 256);
    for (size_t i = 0; i < cnt; i++) {
        hd_bloom_add(bloom, logs[i].addr.b, sizeof logs[i].addr.b);
        for (uint32_t t = 0; t < logs[i].topic_cnt && t < 4; t++)
            hd_bloom_add(bloom, logs[i].topics[t].b, sizeof logs[i].topics[t].b);
    }
}

static size_t log_payload_sz(const hd_log_entry *log, const uint8_t *bytes) {
    return 21 + hd_rlp_list_sz(33u * log->topic_cnt) +
           hd_rlp_bytes_sz(bytes + (log->data_sz ? log->data_off : 0), log->data_sz);
}

static hd_err put_logs(hd_buf *out, const hd_log_entry *logs, size_t cnt, const uint8_t *bytes) {
    static const uint8_t none[1];
    size_t sz = 0;
    if (!bytes)
        bytes = none;
    for (size_t i = 0; i < cnt; i++) {
        if (logs[i].topic_cnt > 4)
            return HD_ERR_CORRUPT;
        sz += hd_rlp_list_sz(log_payload_sz(&logs[i], bytes));
    }
    hd_rlp_put_list_head(out, sz);
    for (size_t i = 0; i < cnt; i++) {
        const hd_log_entry *log = &logs[i];
        hd_rlp_put_list_head(out, log_payload_sz(log, bytes));
        hd_rlp_put_bytes(out, log->addr.b, sizeof log->addr.b);
        hd_rlp_put_list_head(out, 33u * log->topic_cnt);
        for (uint32_t t = 0; t < log->topic_cnt; t++)
            hd_rlp_put_bytes(out, log->topics[t].b, sizeof log->topics[t].b);
        hd_rlp_put_bytes(out, bytes + (log->data_sz ? log->data_off : 0), log->data_sz);
    }
    return out->err;
}

hd_err hd_logs_hash(hd_hash *out, const hd_log_entry *logs, size_t cnt, const uint8_t *bytes) {
    hd_buf buf;
    if (cnt == 0) { /* most state tests */
        const uint8_t empty_list = 0xc0;
        hd_keccak256(out->b, &empty_list, 1);
        return HD_OK;
    }
    hd_buf_init(&buf);
    hd_err err = put_logs(&buf, logs, cnt, bytes);
    if (err == HD_OK)
        hd_keccak256(out->b, buf.data, buf.sz);
    hd_buf_free(&buf);
    return err;
}

static hd_err encode(hd_buf *out, uint8_t bloom[256], const hd_receipt_body *r) {
    if (r->type > 127)
        return HD_ERR_UNSUPPORTED;
    if (r->type != HD_TX_LEGACY)
        hd_buf_append_byte(out, (uint8_t)r->type);
    size_t mark = hd_rlp_list_open(out);
    if (r->post_root)
        hd_rlp_put_bytes(out, r->post_root->b, sizeof r->post_root->b);
    else
        hd_rlp_put_u64(out, r->is_success ? 1 : 0);
    hd_rlp_put_u64(out, r->cumulative_gas);
    hd_logs_bloom(bloom, r->logs, r->log_cnt);
    hd_rlp_put_bytes(out, bloom, 256);
    hd_err err = put_logs(out, r->logs, r->log_cnt, r->bytes);
    return err == HD_OK ? hd_rlp_list_close(out, mark) : err;
}

hd_err hd_receipt_encode(hd_buf *out, const hd_receipt_body *r) {
    uint8_t bloom[256];
    return encode(out, bloom, r);
}

/* ---- a block's ---- */

#define RANGE_CNT_MAX 256u /* of receipts, encoded by as many threads as there are */
#define RANGE_MIN 16u

typedef struct {
    hd_buf buf; /* one receipt after the other */
    uint8_t bloom[256];
} range;

typedef struct {
    const hd_receipt_body *receipts;
    hd_span *items;
    range *ranges;
    size_t cnt, range_sz;
} block_receipts;

static hd_err encode_ranges(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const block_receipts *b = (const block_receipts *)ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        range *to = &b->ranges[c];
        size_t first = c * b->range_sz, last = HD_MIN(first + b->range_sz, b->cnt), at = 0;
        for (size_t i = first; i < last; i++) {
            uint8_t bloom[256];
            hd_err err = encode(&to->buf, bloom, &b->receipts[i]);
            if (err != HD_OK)
                return err;
            b->items[i].sz = to->buf.sz - at;
            at = to->buf.sz;
            for (uint32_t k = 0; k < sizeof bloom; k++)
                to->bloom[k] |= bloom[k];
        }
        at = 0;
        for (size_t i = first; i < last; i++) { /* only now does the buffer no longer move */
            b->items[i].data = to->buf.data + at;
            at += b->items[i].sz;
        }
    }
    return HD_OK;
}

hd_err hd_receipts_root(hd_hash *root, uint8_t bloom[256], const hd_receipt_body *receipts,
                        size_t cnt, hd_pool *pool) {
    block_receipts b = {.receipts = receipts, .cnt = cnt};
    b.range_sz = HD_MAX(cnt / RANGE_CNT_MAX + 1, RANGE_MIN);
    size_t range_cnt = (cnt + b.range_sz - 1) / b.range_sz;
    b.items = (hd_span *)malloc((cnt + 1) * sizeof *b.items);
    b.ranges = (range *)calloc(range_cnt + 1, sizeof *b.ranges);
    hd_err err = b.items && b.ranges ? HD_OK : HD_ERR_NOMEM;
    for (size_t c = 0; err == HD_OK && c < range_cnt; c++)
        hd_buf_init(&b.ranges[c].buf);
    if (err == HD_OK)
        err = hd_pool_for(pool, range_cnt, 1, encode_ranges, &b);
    if (err == HD_OK)
        err = hd_trie_list_root(root, b.items, cnt, pool);
    if (bloom)
        memset(bloom, 0, 256);
    for (size_t c = 0; b.ranges && b.items && c < range_cnt; c++) {
        for (uint32_t k = 0; bloom && k < 256; k++)
            bloom[k] |= b.ranges[c].bloom[k];
        hd_buf_free(&b.ranges[c].buf);
    }
    free(b.ranges);
    free(b.items);
    return err;
}
