/* hd_block.c - blocks in RLP, read strictly and written. */
#include "evm/hd_block.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"

/* ---- verdicts ---- */

const char *hd_block_status_name(uint32_t status) {
    static const char *const names[HD_BLOCK_STATUS_CNT] = {
#define HD_X(name, text) text,
        HD_BLOCK_STATUS(HD_X)
#undef HD_X
    };
    return status < HD_BLOCK_STATUS_CNT ? names[status] : "unknown";
}

uint32_t hd_block_refuse(hd_block_verdict *v, uint32_t status, const char *fmt, ...) {
    char text[HD_MSG_SZ];
    va_list args;
    if (!v)
        return status;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    v->status = status;
    if (text[0])
        hd_msg_set(&v->msg, "%s: %s", hd_block_status_name(status), text);
    else
        hd_msg_set(&v->msg, "%s", hd_block_status_name(status));
    return status;
}

/* ---- life ---- */

void hd_block_free(hd_block *b) {
    hd_buf_free(&b->ommers);
    hd_buf_free(&b->withdrawals);
    hd_buf_free(&b->txs);
    hd_buf_free(&b->envelopes);
    hd_buf_free(&b->tx_raws);
    hd_buf_free(&b->raws);
    hd_buf_free(&b->data);
    memset(b, 0, sizeof *b);
}

void hd_block_clear(hd_block *b) {
    memset(&b->header, 0, sizeof b->header);
    memset(&b->hash, 0, sizeof b->hash);
    b->rlp_sz = 0;
    b->has_withdrawals = b->tx_cnt = b->ommer_cnt = b->withdrawal_cnt = 0;
    hd_buf_clear(&b->ommers);
    hd_buf_clear(&b->withdrawals);
    hd_buf_clear(&b->txs);
    hd_buf_clear(&b->envelopes);
    hd_buf_clear(&b->tx_raws);
    hd_buf_clear(&b->raws);
    hd_buf_clear(&b->data);
}

/* ---- reading ---- */

/* The first error of a structure stays, so that readers can be written one after another. */
typedef struct {
    hd_rlp_iter iter;
    const char *what;  /* the structure */
    const char *field; /* being read when err came */
    hd_err err;
} reader;

static int begin_field(reader *r, const char *field) {
    if (r->err == HD_OK)
        r->field = field;
    return r->err == HD_OK;
}

static void get_fixed(reader *r, uint8_t *out, size_t sz, const char *field) {
    if (begin_field(r, field))
        r->err = hd_rlp_next_fixed(&r->iter, out, sz);
}

static void get_u64(reader *r, uint64_t *out, const char *field) {
    if (begin_field(r, field))
        r->err = hd_rlp_next_u64(&r->iter, out);
}

static void get_u256(reader *r, hd_u256 *out, const char *field) {
    hd_hash word;
    if (begin_field(r, field) && (r->err = hd_rlp_next_num(&r->iter, &word)) == HD_OK)
        *out = hd_u256_load_be(word.b);
}

static hd_err say_field(hd_msg *msg, const reader *r) {
    hd_msg_set(msg, "%s: %s: %s", r->what, r->field,
               r->iter.reason ? r->iter.reason : "malformed item");
    return HD_ERR_FORMAT;
}

/* Fields that forks appended; field_cnt counts those that are there. */
static void get_tail(reader *r, hd_header *h) {
    static const char *const names[] = {"baseFeePerGas", "withdrawalsRoot",       "blobGasUsed",
                                        "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"};
    h->field_cnt = HD_HEADER_FIELDS_FRONTIER;
    for (uint32_t i = 0; r->err == HD_OK && i < 6 && !hd_rlp_iter_is_end(&r->iter); i++) {
        switch (i) {
        case 0: get_u256(r, &h->base_fee, names[i]); break;
        case 1: get_fixed(r, h->withdrawals_root.b, 32, names[i]); break;
        case 2: get_u64(r, &h->blob_gas_used, names[i]); break;
        case 3: get_u64(r, &h->excess_blob_gas, names[i]); break;
        case 4: get_fixed(r, h->beacon_root.b, 32, names[i]); break;
        default: get_fixed(r, h->requests_hash.b, 32, names[i]); break;
        }
        h->field_cnt++;
    }
}

static hd_err header_from_item(hd_header *out, hd_msg *msg, const hd_rlp_item *item) {
    reader r = {.what = "header", .field = "list", .err = HD_OK};
    hd_span extra = {NULL, 0};
    memset(out, 0, sizeof *out);
    r.err = hd_rlp_iter_init(&r.iter, item);
    get_fixed(&r, out->parent_hash.b, 32, "parentHash");
    get_fixed(&r, out->ommers_hash.b, 32, "sha3Uncles");
    get_fixed(&r, out->coinbase.b, 20, "miner");
    get_fixed(&r, out->state_root.b, 32, "stateRoot");
    get_fixed(&r, out->txs_root.b, 32, "transactionsRoot");
    get_fixed(&r, out->receipts_root.b, 32, "receiptsRoot");
    get_fixed(&r, out->bloom, sizeof out->bloom, "logsBloom");
    get_u256(&r, &out->difficulty, "difficulty");
    get_u64(&r, &out->number, "number");
    get_u64(&r, &out->gas_limit, "gasLimit");
    get_u64(&r, &out->gas_used, "gasUsed");
    get_u64(&r, &out->timestamp, "timestamp");
    if (begin_field(&r, "extraData"))
        r.err = hd_rlp_next_bytes(&r.iter, &extra, HD_HEADER_EXTRA_SZ_MAX);
    get_fixed(&r, out->mix_hash.b, 32, "mixHash");
    get_fixed(&r, out->nonce, sizeof out->nonce, "nonce");
    get_tail(&r, out);
    if (r.err != HD_OK)
        return say_field(msg, &r);
    if (!hd_rlp_iter_is_end(&r.iter)) {
        hd_msg_set(msg, "header: more than %u fields", HD_HEADER_FIELDS_PRAGUE);
        return HD_ERR_FORMAT;
    }
    out->extra_sz = (uint32_t)extra.sz;
    if (extra.sz)
        memcpy(out->extra, extra.data, extra.sz);
    return HD_OK;
}

static hd_err say_item(hd_msg *msg, const char *what, const char *reason) {
    hd_msg_set(msg, "%s: %s", what, reason ? reason : "malformed item");
    return HD_ERR_FORMAT;
}

hd_err hd_header_decode(hd_header *out, hd_msg *msg, hd_span raw) {
    hd_rlp_item item;
    const char *reason = NULL;
    if (hd_rlp_read(&item, NULL, &reason, raw) != HD_OK)
        return say_item(msg, "header", reason);
    return header_from_item(out, msg, &item);
}

static hd_err withdrawal_from_item(hd_withdrawal *out, hd_msg *msg, const hd_rlp_item *item) {
    reader r = {.what = "withdrawal", .field = "list", .err = HD_OK};
    memset(out, 0, sizeof *out);
    r.err = hd_rlp_iter_init(&r.iter, item);
    get_u64(&r, &out->index, "index");
    get_u64(&r, &out->validator, "validatorIndex");
    get_fixed(&r, out->address.b, 20, "address");
    get_u64(&r, &out->amount_gwei, "amount");
    if (r.err != HD_OK)
        return say_field(msg, &r);
    return hd_rlp_iter_is_end(&r.iter) ? HD_OK : say_item(msg, "withdrawal", "more than 4 fields");
}

/* One transaction of a block's list. A string holds a typed transaction; a list is a legacy one. */
static hd_err add_tx_item(hd_block *b, hd_msg *msg, const hd_rlp_item *item) {
    if (item->is_list)
        return hd_block_add_raw(b, msg, item->whole);
    if (item->body.sz == 0 || item->body.data[0] >= 0x80)
        return say_item(msg, "transaction", "a string must begin with a type below 0x80");
    return hd_block_add_raw(b, msg, item->body);
}

/* Walks a list whose items go to one of the three lists of a block. */
static hd_err read_list(hd_block *b, hd_msg *msg, const hd_rlp_item *list, const char *what,
                        uint32_t cnt_max,
                        hd_err (*add)(hd_block *b, hd_msg *msg, const hd_rlp_item *item)) {
    hd_rlp_iter iter;
    hd_rlp_item item;
    uint32_t cnt = 0;
    if (hd_rlp_iter_init(&iter, list) != HD_OK)
        return say_item(msg, what, iter.reason);
    while (!hd_rlp_iter_is_end(&iter)) {
        if (cnt == cnt_max) {
            hd_msg_set(msg, "%s: more than %u", what, cnt_max);
            return HD_ERR_LIMIT;
        }
        if (hd_rlp_iter_next(&iter, &item) != HD_OK)
            return say_item(msg, what, iter.reason);
        hd_err err = add(b, msg, &item);
        if (err == HD_ERR_FORMAT)
            hd_msg_prefix(msg, "%s %u: ", what, cnt);
        if (err != HD_OK)
            return err;
        cnt++;
    }
    return HD_OK;
}

static hd_err add_ommer_item(hd_block *b, hd_msg *msg, const hd_rlp_item *item) {
    hd_header ommer;
    hd_err err = header_from_item(&ommer, msg, item);
    return err == HD_OK ? hd_block_add_ommer(b, &ommer) : err;
}

static hd_err add_withdrawal_item(hd_block *b, hd_msg *msg, const hd_rlp_item *item) {
    hd_withdrawal w;
    hd_err err = withdrawal_from_item(&w, msg, item);
    return err == HD_OK ? hd_block_add_withdrawal(b, &w) : err;
}

hd_err hd_block_decode(hd_block *out, hd_msg *msg, hd_span raw) {
    hd_rlp_item whole, item[4];
    hd_rlp_iter iter;
    const char *reason = NULL;
    uint32_t cnt = 0;
    hd_block_clear(out);
    if (raw.sz > HD_BLOCK_RLP_SZ_MAX) {
        hd_msg_set(msg, "block: longer than %zu bytes", HD_BLOCK_RLP_SZ_MAX);
        return HD_ERR_LIMIT;
    }
    if (hd_rlp_read(&whole, NULL, &reason, raw) != HD_OK)
        return say_item(msg, "block", reason);
    if (hd_rlp_iter_init(&iter, &whole) != HD_OK)
        return say_item(msg, "block", iter.reason);
    for (; cnt < 4 && !hd_rlp_iter_is_end(&iter); cnt++)
        if (hd_rlp_iter_next(&iter, &item[cnt]) != HD_OK)
            return say_item(msg, "block", iter.reason);
    if (cnt < 3 || !hd_rlp_iter_is_end(&iter))
        return say_item(msg, "block", "3 or 4 items are expected");
    hd_err err = header_from_item(&out->header, msg, &item[0]);
    if (err == HD_OK)
        err = read_list(out, msg, &item[1], "transaction", HD_BLOCK_TX_CNT_MAX, add_tx_item);
    if (err == HD_OK)
        err = read_list(out, msg, &item[2], "ommer", HD_BLOCK_OMMER_CNT_MAX, add_ommer_item);
    if (err == HD_OK && cnt == 4) {
        out->has_withdrawals = 1;
        err = read_list(out, msg, &item[3], "withdrawal", HD_BLOCK_WITHDRAWAL_CNT_MAX,
                        add_withdrawal_item);
    }
    if (err != HD_OK)
        return err;
    hd_keccak256(out->hash.b, item[0].whole.data, item[0].whole.sz);
    out->rlp_sz = raw.sz;
    return HD_OK;
}

/* ---- putting together ---- */

/* Keeps the bytes of the transaction that was just appended to txs. */
static hd_err keep_raw(hd_block *b, hd_span raw) {
    hd_block_raw place = {b->raws.sz, raw.sz};
    hd_err err = hd_buf_append(&b->raws, raw.data, raw.sz);
    if (err == HD_OK)
        err = hd_buf_append(&b->tx_raws, &place, sizeof place);
    if (err == HD_OK)
        b->tx_cnt++;
    return err;
}

static hd_err put_tx(hd_block *b, const hd_tx *tx, const hd_tx_envelope *envelope) {
    hd_err err = hd_buf_append(&b->txs, tx, sizeof *tx);
    return err == HD_OK ? hd_buf_append(&b->envelopes, envelope, sizeof *envelope) : err;
}

hd_err hd_block_add_raw(hd_block *b, hd_msg *msg, hd_span raw) {
    hd_tx tx;
    hd_tx_envelope envelope;
    hd_err err = hd_tx_decode(&tx, &envelope, &b->data, msg, raw);
    if (err == HD_OK)
        err = put_tx(b, &tx, &envelope);
    return err == HD_OK ? keep_raw(b, raw) : err;
}

hd_err hd_block_add_tx(hd_block *b, const hd_tx *tx, const hd_tx_envelope *envelope) {
    hd_tx_envelope e = *envelope;
    hd_block_raw place = {b->raws.sz, 0};
    hd_err err = hd_tx_rehash(&e, tx, b->data.data);
    if (err == HD_OK)
        err = hd_tx_encode(&b->raws, tx, &e, b->data.data);
    if (err == HD_OK)
        err = put_tx(b, tx, &e);
    place.sz = b->raws.sz - place.off;
    if (err == HD_OK)
        err = hd_buf_append(&b->tx_raws, &place, sizeof place);
    if (err == HD_OK)
        b->tx_cnt++;
    return err;
}

hd_err hd_block_add_ommer(hd_block *b, const hd_header *ommer) {
    hd_err err = hd_buf_append(&b->ommers, ommer, sizeof *ommer);
    if (err == HD_OK)
        b->ommer_cnt++;
    return err;
}

hd_err hd_block_add_withdrawal(hd_block *b, const hd_withdrawal *w) {
    hd_err err = hd_buf_append(&b->withdrawals, w, sizeof *w);
    b->has_withdrawals = 1;
    if (err == HD_OK)
        b->withdrawal_cnt++;
    return err;
}

hd_err hd_block_finish(hd_block *b) {
    hd_buf buf = {0};
    hd_err err = hd_header_hash(&b->hash, &b->header);
    if (err == HD_OK)
        err = hd_block_encode(&buf, b);
    b->rlp_sz = buf.sz;
    hd_buf_free(&buf);
    return err;
}

/* ---- writing ---- */

static void put_u256(hd_buf *out, hd_u256 x) {
    uint8_t be[32];
    hd_u256_store_be(be, x);
    hd_rlp_put_num(out, be, sizeof be);
}

hd_err hd_header_encode(hd_buf *out, const hd_header *h) {
    size_t list = hd_rlp_list_open(out);
    hd_rlp_put_bytes(out, h->parent_hash.b, 32);
    hd_rlp_put_bytes(out, h->ommers_hash.b, 32);
    hd_rlp_put_bytes(out, h->coinbase.b, 20);
    hd_rlp_put_bytes(out, h->state_root.b, 32);
    hd_rlp_put_bytes(out, h->txs_root.b, 32);
    hd_rlp_put_bytes(out, h->receipts_root.b, 32);
    hd_rlp_put_bytes(out, h->bloom, sizeof h->bloom);
    put_u256(out, h->difficulty);
    hd_rlp_put_u64(out, h->number);
    hd_rlp_put_u64(out, h->gas_limit);
    hd_rlp_put_u64(out, h->gas_used);
    hd_rlp_put_u64(out, h->timestamp);
    hd_rlp_put_bytes(out, h->extra, HD_MIN(h->extra_sz, HD_HEADER_EXTRA_SZ_MAX));
    hd_rlp_put_bytes(out, h->mix_hash.b, 32);
    hd_rlp_put_bytes(out, h->nonce, sizeof h->nonce);
    if (h->field_cnt > 15)
        put_u256(out, h->base_fee);
    if (h->field_cnt > 16)
        hd_rlp_put_bytes(out, h->withdrawals_root.b, 32);
    if (h->field_cnt > 17)
        hd_rlp_put_u64(out, h->blob_gas_used);
    if (h->field_cnt > 18)
        hd_rlp_put_u64(out, h->excess_blob_gas);
    if (h->field_cnt > 19)
        hd_rlp_put_bytes(out, h->beacon_root.b, 32);
    if (h->field_cnt > 20)
        hd_rlp_put_bytes(out, h->requests_hash.b, 32);
    return hd_rlp_list_close(out, list);
}

hd_err hd_header_hash(hd_hash *out, const hd_header *h) {
    /* 600 bytes of fields, and extra data */
    uint8_t mem[1024 + HD_HEADER_EXTRA_SZ_MAX];
    hd_buf buf;
    hd_buf_init_fixed(&buf, mem, sizeof mem);
    hd_err err = hd_header_encode(&buf, h);
    if (err == HD_OK)
        hd_keccak256(out->b, buf.data, buf.sz);
    return err;
}

hd_err hd_withdrawal_encode(hd_buf *out, const hd_withdrawal *w) {
    size_t list = hd_rlp_list_open(out);
    hd_rlp_put_u64(out, w->index);
    hd_rlp_put_u64(out, w->validator);
    hd_rlp_put_bytes(out, w->address.b, 20);
    hd_rlp_put_u64(out, w->amount_gwei);
    return hd_rlp_list_close(out, list);
}

static hd_err put_ommers(hd_buf *out, const hd_block *b) {
    size_t list = hd_rlp_list_open(out);
    for (uint32_t i = 0; i < b->ommer_cnt; i++)
        hd_header_encode(out, &hd_block_ommers(b)[i]);
    return hd_rlp_list_close(out, list);
}

hd_err hd_block_ommers_hash(hd_hash *out, const hd_block *b) {
    hd_buf buf = {0};
    hd_err err = put_ommers(&buf, b);
    if (err == HD_OK)
        hd_keccak256(out->b, buf.data, buf.sz);
    hd_buf_free(&buf);
    return err;
}

hd_err hd_block_encode(hd_buf *out, const hd_block *b) {
    size_t list = hd_rlp_list_open(out);
    hd_header_encode(out, &b->header);
    size_t txs = hd_rlp_list_open(out);
    for (uint32_t i = 0; i < b->tx_cnt; i++) {
        hd_span raw = hd_block_tx_raw(b, i);
        if (hd_block_txs(b)[i].type == HD_TX_LEGACY)
            hd_buf_append(out, raw.data, raw.sz);
        else
            hd_rlp_put_bytes(out, raw.data, raw.sz);
    }
    hd_rlp_list_close(out, txs);
    put_ommers(out, b);
    if (b->has_withdrawals) {
        size_t withdrawals = hd_rlp_list_open(out);
        for (uint32_t i = 0; i < b->withdrawal_cnt; i++)
            hd_withdrawal_encode(out, &hd_block_withdrawals(b)[i]);
        hd_rlp_list_close(out, withdrawals);
    }
    return hd_rlp_list_close(out, list);
}
