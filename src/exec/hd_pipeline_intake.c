/* hd_pipeline_intake.c - a block on its way in: upload, decoding, hashes and senders, for the block
   that runs or, beside it, for the next one. */
#include "exec/hd_pipeline_internal.h"

#include <string.h>

#include "base/hd_clock.h"

#define RAW_PAD 64u /* lanes read calldata in words */

hd_err hd_pipe_block_check(const hd_pipeline_block *b) {
    if (b->tx_cnt > HD_PIPELINE_TX_MAX)
        return HD_ERR_LIMIT;
    if (b->tx_cnt && b->off[0] > b->off[b->tx_cnt])
        return HD_ERR_LIMIT;
    for (uint32_t i = 0; i < b->tx_cnt; i++)
        if (b->off[i] > b->off[i + 1])
            return HD_ERR_LIMIT;
    return b->tx_cnt && b->off[b->tx_cnt] > HD_PIPELINE_RAW_MAX ? HD_ERR_LIMIT : HD_OK;
}

/* ---- admission: queued, nobody waits ---- */

static hd_err in_upload(hd_pipeline *p, hd_pipe_intake *in, const hd_pipeline_block *b) {
    hd_pipe *q = &in->pipe;
    uint32_t n = b->tx_cnt;
    uint8_t *raw;
    uint64_t *raw_off;
    hd_env *env;
    hd_recover_result *senders;
    size_t raw_sz = (size_t)b->off[n];
    in->data_sz = raw_sz + RAW_PAD + raw_sz + raw_sz / 16; /* see hd_pipe_admit */
    ROOM_AT(&in->rooms[IN_ENV], env, 1);
    ROOM_AT(&in->rooms[IN_COUNTERS], q->counters, 1);
    ROOM_AT(&in->rooms[IN_RAW], raw, in->data_sz + RAW_PAD);
    ROOM_AT(&in->rooms[IN_RAW_OFF], raw_off, (size_t)n + 1);
    ROOM_AT(&in->rooms[IN_TXS], q->txs, n);
    ROOM_AT(&in->rooms[IN_HASHES], q->hashes, n);
    ROOM_AT(&in->rooms[IN_ITEMS], q->items, n);
    ROOM_AT(&in->rooms[IN_SENDERS], senders, n);
    q->raw = raw;
    q->lists_off = raw_sz + RAW_PAD;
    q->raw_off = raw_off;
    q->env = env;
    q->senders = senders;
    q->tx_cnt = n;
    q->fork = b->env.fork;
    q->chain_id = b->env.chain_id;
    TRY(p->e->zero(p->ctx, q->counters, sizeof(*q->counters)));
    TRY(p->e->up(p->ctx, env, &b->env, sizeof(*env)));
    TRY(p->e->up(p->ctx, raw, b->raw, raw_sz));
    TRY(p->e->zero(p->ctx, raw + raw_sz, RAW_PAD));
    return p->e->up(p->ctx, raw_off, b->off, ((size_t)n + 1) * 8);
}

static hd_err in_recover(hd_pipeline *p, hd_pipe_intake *in) {
    hd_pipe *q = &in->pipe;
    TRY(p->e->recover(p->ctx, (hd_recover_result *)q->senders, q->items, q->tx_cnt));
    return p->e->run(p->ctx, HD_PIPE_SENDER, q, q->tx_cnt);
}

/* The block that is admitted becomes the one that runs. */
static hd_err in_take(hd_pipeline *p, const hd_pipe_intake *in) {
    hd_pipe *q = &p->pipe;
    uint8_t *is_late;
    uint32_t *list, n = in->pipe.tx_cnt;
    hd_pipe_counters counters;
    ROOM(M_LATE, is_late, n);
    ROOM(M_INVALID, q->is_invalid, n);
    ROOM(M_LIST, list, n);
    ROOM(M_GAS, q->gas_at, (size_t)n + 1);
    q->is_late = is_late;
    q->list = list;
    q->raw = in->pipe.raw;
    q->lists_off = in->pipe.lists_off;
    q->raw_off = in->pipe.raw_off;
    q->env = in->pipe.env;
    q->txs = in->pipe.txs;
    q->hashes = in->pipe.hashes;
    q->items = in->pipe.items;
    q->senders = in->pipe.senders;
    q->tx_cnt = n;
    q->fork = in->pipe.fork;
    q->chain_id = in->pipe.chain_id;
    q->versions = NULL;
    p->data_sz = in->data_sz;
    TRY(p->e->down(p->ctx, &counters, in->pipe.counters, sizeof(counters)));
    p->counters.why = counters.why;
    TRY(hd_pipe_counters_put(p));
    return p->e->zero(p->ctx, is_late, n);
}

static int is_same_block(const hd_pipeline_block *a, const hd_pipeline_block *b) {
    return a->raw == b->raw && a->off == b->off && a->tx_cnt == b->tx_cnt &&
           memcmp(&a->env, &b->env, sizeof(a->env)) == 0;
}

hd_err hd_pipeline_prepare(hd_pipeline *p, const hd_pipeline_block *block) {
    hd_pipe_intake *in = &p->in[p->in_idx];
    TRY(hd_pipe_block_check(block));
    if (in->is_begun) /* it waits for its turn: this one comes after it */
        in = &p->in[1 - p->in_idx];
    if (block->tx_cnt == 0 || in->is_begun || p->behind.is_lost)
        return HD_OK;
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_INTAKE);
    hd_err err = in_upload(p, in, block);
    if (err == HD_OK)
        err = p->e->run(p->ctx, HD_PIPE_ADMIT, &in->pipe, block->tx_cnt);
    if (err == HD_OK)
        err = in_recover(p, in);
    if (err == HD_OK)
        err = p->e->mark(p->ctx, (uint32_t)(in - p->in));
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_MAIN);
    in->block = *block;
    in->is_begun = err == HD_OK;
    return HD_OK; /* what failed fails again when the block runs, and is dealt with there */
}

void hd_pipe_intake_close(hd_pipeline *p) {
    for (uint32_t i = 0; i < 2 * IN_CNT; i++)
        p->e->release(p->ctx, p->in[i / IN_CNT].rooms[i % IN_CNT].p);
    memset(p->in, 0, sizeof(p->in));
}

/* Where the block was prepared, or may be admitted now; that place's turn it is then. A prepared
   block that is passed over is void; one that waits for its turn stays. */
static hd_pipe_intake *choose(int *is_prepared, hd_pipeline *p, const hd_pipeline_block *b) {
    hd_pipe_intake *in = &p->in[p->in_idx], *other = &p->in[1 - p->in_idx];
    *is_prepared = 1;
    if (in->is_begun && is_same_block(&in->block, b))
        return in;
    if (other->is_begun && is_same_block(&other->block, b)) {
        in->is_begun = 0;
        p->in_idx = 1 - p->in_idx;
        return other;
    }
    *is_prepared = 0;
    if (in->is_begun && !other->is_begun) {
        p->in_idx = 1 - p->in_idx;
        return other;
    }
    if (in->is_begun)
        other->is_begun = 0;
    return in;
}

/* The admission of the block that runs now: what was prepared, else from the start. */
hd_err hd_pipe_admitted(hd_pipeline_result *out, hd_pipeline *p, const hd_pipeline_block *b) {
    uint64_t ns = hd_clock_ns(), now;
    int is_prepared;
    hd_pipe_intake *in = choose(&is_prepared, p, b);
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_INTAKE);
    hd_err err = HD_OK;
    in->is_begun = 0;
    if (!is_prepared) {
        err = in_upload(p, in, b);
        if (err == HD_OK)
            err = p->e->wait(p->ctx);
        now = hd_clock_ns();
        out->upload_ns = now - ns;
        ns = now;
        if (err == HD_OK)
            err = p->e->run(p->ctx, HD_PIPE_ADMIT, &in->pipe, b->tx_cnt);
        if (err == HD_OK)
            err = p->e->wait(p->ctx);
        now = hd_clock_ns();
        out->admit_ns = now - ns;
        ns = now;
        if (err == HD_OK)
            err = in_recover(p, in);
        if (err == HD_OK)
            err = p->e->mark(p->ctx, p->in_idx);
    }
    p->e->select_stream(p->ctx, HD_PIPE_STREAM_MAIN);
    if (err == HD_OK) /* the next block's admission may be queued behind: not to wait for that */
        err = p->e->meet(p->ctx, p->in_idx);
    if (err == HD_OK)
        err = in_take(p, in);
    out->recover_ns = hd_clock_ns() - ns;
    return err;
}
