/* hd_version_fees.c - coinbases that nobody read are paid the sums of their blocks' fees. */
#include <string.h>

#include "exec/hd_version_index.h"

#define RANGE_CNT_MAX 96u /* of transactions, summed by as many threads as there are */
#define RANGE_TX_MIN 64u

/* A block's fees in a range of transactions. */
typedef struct {
    hd_u256 first_wei, rest_wei; /* the first fee, and the sum of the others */
    uint32_t env_idx;
    uint32_t is_paid;  /* there is a fee */
    uint32_t is_mixed; /* it is of more than one block: nothing else is said */
} fees;

typedef struct {
    const hd_version_input *in;
    uint32_t range_tx_cnt;
    fees ranges[RANGE_CNT_MAX];
} fee_sums;

static void range_at(const fee_sums *sums, size_t c, uint32_t *first, uint32_t *last) {
    *first = (uint32_t)c * sums->range_tx_cnt;
    *last = HD_MIN(*first + sums->range_tx_cnt, sums->in->tx_cnt);
}

static void add_fee(fees *f, const hd_receipt *r) {
    if (!hd_fee_is_written(r))
        return;
    if (f->is_paid)
        f->rest_wei = hd_u256_add(f->rest_wei, r->fee_wei);
    else
        f->first_wei = r->fee_wei;
    f->is_paid = 1;
}

static hd_err sum_fees(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    fee_sums *sums = ctx;
    const hd_version_input *in = sums->in;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        fees f;
        uint32_t first, last;
        range_at(sums, c, &first, &last);
        memset(&f, 0, sizeof(f));
        f.env_idx = in->txs[first].env_idx;
        for (uint32_t t = first; t < last && !f.is_mixed; t++) {
            f.is_mixed = in->txs[t].env_idx != f.env_idx;
            add_fee(&f, &in->results->receipts[t]);
        }
        sums->ranges[c] = f;
    }
    return HD_OK;
}

/* The first fee of a block enters alone: where it is nothing it may delete the account (EIP-158),
   which the sum would hide. */
static hd_err pay_fees(hd_state *s, const hd_version_input *in, const fees *f) {
    const hd_env *env = &in->envs[f->env_idx];
    hd_err err =
        f->is_paid ? hd_state_add_balance(s, &env->coinbase, f->first_wei, env->fork) : HD_OK;
    if (err != HD_OK || hd_u256_is_zero(f->rest_wei))
        return err;
    return hd_state_add_balance(s, &env->coinbase, f->rest_wei, env->fork);
}

/* f goes on with those of more, or is paid where more is another block's. */
static hd_err join_fees(fees *f, hd_state *s, const hd_version_input *in, const fees *more) {
    if (f->env_idx != more->env_idx) {
        hd_err err = pay_fees(s, in, f);
        *f = *more;
        return err;
    }
    if (f->is_paid)
        f->rest_wei = hd_u256_add(f->rest_wei, hd_u256_add(more->first_wei, more->rest_wei));
    else
        *f = *more;
    return HD_OK;
}

hd_err hd_version_fees_commit(hd_state *s, const hd_version_input *in, hd_pool *pool) {
    fee_sums sums;
    fees f;
    sums.in = in;
    sums.range_tx_cnt = HD_MAX(in->tx_cnt / RANGE_CNT_MAX + 1, RANGE_TX_MIN);
    uint32_t range_cnt = (in->tx_cnt + sums.range_tx_cnt - 1) / sums.range_tx_cnt;
    hd_err err = hd_pool_for(pool, range_cnt, 1, sum_fees, &sums);
    memset(&f, 0, sizeof(f));
    f.env_idx = in->tx_cnt ? in->txs[0].env_idx : 0;
    for (uint32_t c = 0; err == HD_OK && c < range_cnt; c++) {
        uint32_t first, last;
        if (!sums.ranges[c].is_mixed) {
            err = join_fees(&f, s, in, &sums.ranges[c]);
            continue;
        }
        range_at(&sums, c, &first, &last);
        for (uint32_t t = first; err == HD_OK && t < last; t++) {
            fees one;
            memset(&one, 0, sizeof(one));
            one.env_idx = in->txs[t].env_idx;
            add_fee(&one, &in->results->receipts[t]);
            err = join_fees(&f, s, in, &one);
        }
    }
    return err == HD_OK ? pay_fees(s, in, &f) : err;
}
