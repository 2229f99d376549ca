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

hd_err hd_receipt_encode(hd_buf *out, const hd_receipt_body *r) {
    uint8_t bloom[256];
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
    hd_rlp_put_bytes(out, bloom, sizeof bloom);
    hd_err err = put_logs(out, r->logs, r->log_cnt, r->bytes);
    return err == HD_OK ? hd_rlp_list_close(out, mark) : err;
}

hd_err hd_receipts_root(hd_hash *root, const hd_receipt_body *receipts, size_t cnt) {
    hd_buf buf;
    hd_err err = HD_OK;
    size_t *ends = (size_t *)malloc((cnt + 1) * sizeof *ends);
    hd_span *items = (hd_span *)malloc((cnt + 1) * sizeof *items);
    hd_buf_init(&buf);
    if (!ends || !items)
        err = HD_ERR_NOMEM;
    for (size_t i = 0; i < cnt && err == HD_OK; i++) {
        err = hd_receipt_encode(&buf, &receipts[i]);
        ends[i] = buf.sz;
    }
    if (err == HD_OK) {
        for (size_t i = 0; i < cnt; i++) { /* only now does the buffer no longer move */
            size_t from = i ? ends[i - 1] : 0;
            items[i].data = buf.data + from;
            items[i].sz = ends[i] - from;
        }
        err = hd_trie_list_root(root, items, cnt);
    }
    hd_buf_free(&buf);
    free(ends);
    free(items);
    return err;
}
