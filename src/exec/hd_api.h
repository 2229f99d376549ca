/* hd_api.h - the insides of libheddle's handles, for the hd_api files alone. */
#ifndef HD_API_H
#define HD_API_H

#include <heddle/heddle.h>

#include <stdatomic.h>
#include <string.h>

#include "base/hd_msg.h"
#include "base/hd_threads.h"
#include "evm/hd_tx_codec.h"
#include "exec/hd_exec.h"
#include "state/hd_state.h"

struct heddle_state {
    hd_state *s;
};

struct heddle_engine {
    hd_exec *x;
    hd_pool *pool; /* of signatures; made when first needed */
    uint32_t thread_cnt;
};

/* What belongs to a transaction that came encoded. */
typedef struct {
    hd_tx_envelope envelope;
    uint32_t tx_idx;
    uint32_t is_recovered;
    uint32_t status; /* HD_TX_SUCCESS, or why there is no sender */
    uint32_t reserved;
} hd_api_raw_tx;

struct heddle_batch {
    hd_env env;
    hd_hash ancestors[HEDDLE_ANCESTOR_MAX];
    uint32_t ancestor_cnt;
    uint32_t tx_cnt;
    hd_tx *txs;
    hd_api_raw_tx *raws; /* in order of tx_idx */
    size_t tx_cap, raw_cap;
    uint32_t raw_cnt;
    uint32_t run_flags;
    hd_buf data;
    hd_results results;
    heddle_run_stats stats;
    int has_results, is_ordered;
    /* The block whose hash was asked for and is not among the ancestors; written by workers. */
    _Atomic uint64_t missing_number;
};

/* Recovers the senders of the batch's encoded transactions that are not known yet. HD_ERR_NOMEM. */
hd_err hd_api_recover_all(heddle_engine *engine, heddle_batch *batch);

/* Writes the reason to `why` and is the error. */
#define HD_API_REFUSE(why, err, ...) (hd_msg_set((hd_msg *)(why), __VA_ARGS__), (err))
#define HD_API_NULL(why) HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "an argument is NULL")

static inline heddle_err hd_api_failed(heddle_message *why, hd_err err) {
    if (err != HD_OK)
        hd_msg_set((hd_msg *)why, "%s", hd_err_name(err));
    return err;
}

static inline hd_u256 hd_api_number_in(const heddle_word *w) { return hd_u256_load_be(w->b); }

static inline heddle_word hd_api_number_out(hd_u256 x) {
    heddle_word w;
    hd_u256_store_be(w.b, x);
    return w;
}

static inline heddle_word hd_api_hash_out(const hd_hash *h) {
    heddle_word w;
    memcpy(w.b, h->b, sizeof w.b);
    return w;
}

static inline hd_address hd_api_address_in(const heddle_address *a) {
    hd_address out;
    memcpy(out.b, a->b, sizeof out.b);
    return out;
}

static inline heddle_address hd_api_address_out(const hd_address *a) {
    heddle_address out;
    memcpy(out.b, a->b, sizeof out.b);
    return out;
}

#endif
