/* hd_pipeline_serial.c - a block of raw transactions on the host, without any resident state. */
#include "exec/hd_pipeline_serial.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "evm/hd_tx_recover.h"
#include "exec/hd_exec_ordered.h"
#include "state/hd_receipt_root.h"

/* Receipts gathered as they become final: logs and bytes are copied. */
typedef struct {
    hd_pipeline_result *out;
    hd_receipt_body *bodies; /* logs and bytes are set at the end */
    const hd_tx *txs;
    hd_buf logs, bytes;
} gathered;

static hd_err take_receipt(void *ctx, uint32_t tx_idx, const hd_receipt *r,
                           const hd_results *from) {
    gathered *g = ctx;
    hd_err err = HD_OK;
    if (r->status >= HD_TX_INVALID && g->out->refused_status == HD_TX_SUCCESS) {
        g->out->refused_idx = tx_idx;
        g->out->refused_status = r->status;
    }
    g->out->gas_used += r->gas_used;
    g->bodies[tx_idx] = (hd_receipt_body){.log_cnt = r->log_cnt,
                                          .cumulative_gas = g->out->gas_used,
                                          .type = g->txs[tx_idx].type,
                                          .is_success = r->status == HD_TX_SUCCESS};
    for (uint32_t i = 0; err == HD_OK && i < r->log_cnt; i++) {
        hd_log_entry log = from->logs[r->log_off + i];
        const uint8_t *data = from->bytes + log.data_off;
        log.data_off = g->bytes.sz;
        err = hd_buf_append(&g->logs, &log, sizeof(log));
        if (err == HD_OK && log.data_sz)
            err = hd_buf_append(&g->bytes, data, log.data_sz);
    }
    return err;
}

/* ---- decoding, by ranges of transactions ---- */

#define RANGE_CNT_MAX 256u
#define RANGE_TX_MIN 64u
#define RANGE_ALIGN ((size_t)64) /* what stands in a buffer is aligned from the buffer's start */

typedef struct {
    hd_buf data; /* what the range's transactions point into */
    size_t base; /* where that will lie in the block's */
    hd_msg msg;
    uint32_t refused_idx, refused_status; /* HD_TX_SUCCESS: none is */
} decoded_range;

typedef struct {
    const hd_pipeline_block *b;
    hd_tx *txs;
    hd_tx_envelope *envelopes;
    decoded_range *ranges;
    hd_buf *data;
    uint32_t range_tx_cnt;
} decoding;

/* Up to the first that is refused. */
static hd_err decode_range(const decoding *d, decoded_range *to, uint32_t first, uint32_t last) {
    const hd_pipeline_block *b = d->b;
    for (uint32_t i = first; i < last; i++) {
        hd_span raw = {b->raw + b->off[i], (size_t)(b->off[i + 1] - b->off[i])};
        hd_err err = hd_tx_decode(&d->txs[i], &d->envelopes[i], &to->data, &to->msg, raw);
        to->refused_idx = i;
        if (err == HD_ERR_FORMAT || err == HD_ERR_LIMIT) {
            to->refused_status = HD_TX_INVALID;
            return HD_OK;
        }
        if (err != HD_OK)
            return err;
        if (d->txs[i].gas_limit >> 63) { /* more than any block has */
            to->refused_status = HD_TX_INVALID_GAS_BLOCK;
            hd_msg_set(&to->msg, "%s", hd_tx_status_name(HD_TX_INVALID_GAS_BLOCK));
            return HD_OK;
        }
    }
    return HD_OK;
}

static void range_at(const decoding *d, size_t c, uint32_t *first, uint32_t *last) {
    *first = (uint32_t)c * d->range_tx_cnt;
    *last = HD_MIN(*first + d->range_tx_cnt, d->b->tx_cnt);
}

static hd_err decode_ranges(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const decoding *d = ctx;
    hd_err err = HD_OK;
    (void)worker_idx;
    for (size_t c = begin; err == HD_OK && c < end; c++) {
        uint32_t first, last;
        range_at(d, c, &first, &last);
        err = decode_range(d, &d->ranges[c], first, last);
    }
    return err;
}

static hd_err join_ranges(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const decoding *d = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        const decoded_range *r = &d->ranges[c];
        uint32_t first, last;
        range_at(d, c, &first, &last);
        if (r->data.sz)
            memcpy(d->data->data + r->base, r->data.data, r->data.sz);
        for (uint32_t i = first; i < last; i++) {
            d->txs[i].data_off += r->base;
            d->txs[i].access_off += r->base;
            d->txs[i].auth_off += r->base;
            d->txs[i].blob_off += r->base;
            d->envelopes[i].auth_sig_off += r->base;
        }
    }
    return HD_OK;
}

static hd_err decode_all(hd_pipeline_result *out, hd_tx *txs, hd_tx_envelope *envelopes,
                         hd_buf *data, hd_msg *msg, const hd_pipeline_block *b, hd_pool *pool) {
    decoding d = {.b = b, .txs = txs, .envelopes = envelopes, .data = data};
    d.range_tx_cnt = HD_MAX(b->tx_cnt / RANGE_CNT_MAX + 1, RANGE_TX_MIN);
    size_t range_cnt = (b->tx_cnt + d.range_tx_cnt - 1) / d.range_tx_cnt, sz = 0;
    d.ranges = calloc(range_cnt + 1, sizeof(*d.ranges));
    if (!d.ranges)
        return HD_ERR_NOMEM;
    hd_err err = hd_pool_for(pool, range_cnt, 1, decode_ranges, &d);
    for (size_t c = 0; err == HD_OK && c < range_cnt; c++) {
        if (d.ranges[c].refused_status != HD_TX_SUCCESS) {
            out->refused_idx = d.ranges[c].refused_idx;
            out->refused_status = d.ranges[c].refused_status;
            if (msg)
                *msg = d.ranges[c].msg;
            goto done;
        }
        d.ranges[c].base = sz;
        sz += (d.ranges[c].data.sz + RANGE_ALIGN - 1) & ~(RANGE_ALIGN - 1);
    }
    if (err == HD_OK)
        err = hd_buf_append_zero(data, sz);
    if (err == HD_OK)
        err = hd_pool_for(pool, range_cnt, 1, join_ranges, &d);
done:
    for (size_t c = 0; c < range_cnt; c++)
        hd_buf_free(&d.ranges[c].data);
    free(d.ranges);
    return err;
}

static hd_err recover_all(hd_pipeline_result *out, hd_tx *txs, const hd_tx_envelope *envelopes,
                          hd_msg *msg, const hd_pipeline_block *b, hd_pool *pool) {
    uint32_t bad_idx, *statuses = malloc(((size_t)b->tx_cnt + 1) * sizeof(*statuses));
    hd_err err = statuses ? hd_txs_recover(statuses, txs, &bad_idx, msg, envelopes, b->tx_cnt,
                                           b->env.fork, b->env.chain_id, NULL, pool)
                          : HD_ERR_NOMEM;
    if (err == HD_OK && bad_idx < b->tx_cnt) {
        out->refused_idx = bad_idx;
        out->refused_status = statuses[bad_idx];
    }
    free(statuses);
    return err;
}

static hd_err execute(hd_pipeline_result *out, gathered *g, hd_exec *x, hd_state *s, hd_msg *msg,
                      const hd_buf *data, const hd_pipeline_block *b) {
    hd_sequence seq = {.txs = g->txs,
                       .envs = &b->env,
                       .data = data->data,
                       .data_sz = data->sz,
                       .tx_cnt = b->tx_cnt,
                       .env_cnt = 1,
                       .flags = HD_ORDERED_RECEIPTS,
                       .blockhash = b->blockhash,
                       .blockhash_ctx = b->blockhash_ctx,
                       .receipt = take_receipt,
                       .receipt_ctx = g};
    hd_ordered_stats stats;
    hd_err err = hd_exec_ordered(x, s, &seq, &stats);
    out->rerun_cnt = stats.rerun_cnt;
    out->round_cnt = (uint32_t)stats.round_cnt;
    if (err != HD_OK)
        return err;
    if (out->refused_status != HD_TX_SUCCESS) {
        hd_msg_set(msg, "transaction %u: %s", out->refused_idx,
                   hd_tx_status_name(out->refused_status));
        return HD_OK;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < b->tx_cnt; i++) {
        g->bodies[i].logs = (const hd_log_entry *)(void *)g->logs.data + at;
        g->bodies[i].bytes = g->bytes.data;
        at += g->bodies[i].log_cnt;
    }
    return hd_receipts_root(&out->receipts_root, out->bloom, g->bodies, b->tx_cnt, hd_exec_pool(x));
}

hd_err hd_pipeline_serial_on(hd_pipeline_result *out, hd_exec *x, hd_state *s, hd_msg *msg,
                             const hd_pipeline_block *b, const hd_recover_result *senders) {
    uint64_t begin_ns = hd_clock_ns(), recovered_ns;
    hd_buf data;
    gathered g = {.out = out, .bodies = malloc(((size_t)b->tx_cnt + 1) * sizeof(*g.bodies))};
    hd_tx *txs = malloc(((size_t)b->tx_cnt + 1) * sizeof(*txs));
    hd_tx_envelope *envelopes = malloc(((size_t)b->tx_cnt + 1) * sizeof(*envelopes));
    hd_err err = g.bodies && txs && envelopes ? HD_OK : HD_ERR_NOMEM;
    hd_buf_init(&data);
    hd_buf_init(&g.logs);
    hd_buf_init(&g.bytes);
    g.txs = txs;
    memset(out, 0, sizeof(*out));
    out->refused_idx = b->tx_cnt;
    if (err == HD_OK)
        err = decode_all(out, txs, envelopes, &data, msg, b, hd_exec_pool(x));
    for (uint32_t i = 0; senders && err == HD_OK && i < b->tx_cnt; i++)
        txs[i].sender = senders[i].address;
    if (!senders && err == HD_OK && out->refused_status == HD_TX_SUCCESS)
        err = recover_all(out, txs, envelopes, msg, b, hd_exec_pool(x));
    recovered_ns = hd_clock_ns();
    if (err == HD_OK && out->refused_status == HD_TX_SUCCESS)
        err = execute(out, &g, x, s, msg, &data, b);
    out->recover_ns = recovered_ns - begin_ns;
    out->execute_ns = hd_clock_ns() - recovered_ns;
    hd_buf_free(&data);
    hd_buf_free(&g.logs);
    hd_buf_free(&g.bytes);
    free(g.bodies);
    free(txs);
    free(envelopes);
    return err;
}

hd_err hd_pipeline_serial(hd_pipeline_result *out, hd_state *s, hd_msg *msg,
                          const hd_pipeline_block *b, uint32_t threads) {
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = threads};
    hd_exec *x = NULL;
    hd_err err = hd_exec_open(&x, &options);
    if (err == HD_OK)
        err = hd_pipeline_serial_on(out, x, s, msg, b, NULL);
    if (err == HD_OK && out->refused_status == HD_TX_SUCCESS)
        err = hd_state_root(&out->state_root, s);
    hd_exec_close(x);
    return err;
}
