/* hd_version_index.h - indexes what a sequence's transactions wrote, so that a later round reads
   it (hd_versions.h), and says whose reads no longer hold. */
#ifndef HD_VERSION_INDEX_H
#define HD_VERSION_INDEX_H

#include "base/hd_threads.h"
#include "evm/hd_versions.h"
#include "exec/hd_exec.h"
#include "state/hd_state.h"

typedef struct hd_version_index hd_version_index;

/* A chunk of a sequence whose transactions have all run at least once, with HD_BATCH_READS. */
typedef struct {
    const hd_world *world;
    const hd_env *envs;
    const hd_tx *txs;       /* of the chunk; position i is txs[i] */
    hd_results *results;    /* receipts[i] of txs[i]; accounts' reserved fields are ours */
    const uint8_t *is_late; /* of each: it ran against versions, not the world alone */
    uint32_t tx_cnt;
    uint32_t env_cnt; /* 1: all are of one block */
} hd_version_input;

/* pool (NULL: the caller alone) must outlive the index. HD_ERR_NOMEM. */
hd_err hd_version_index_open(hd_version_index **out, hd_pool *pool);
void hd_version_index_close(hd_version_index *x);

/* hd_version_index_build indexes every write set as it stands. *out is valid until the next call.
   Additions are folded: each version of an account is what it is when all before it hold.
   HD_ERR_NOMEM, HD_ERR_LIMIT (over 2^31 entries). */
hd_err hd_version_index_build(hd_version_index *x, const hd_versions **out,
                              const hd_version_input *in);

/* Of the slots indexed last, those that are their original and a constant (HD_DIFF_ADD). */
uint32_t hd_version_index_sum_cnt(const hd_version_index *x);

/* hd_version_index_check compares what transactions [first, tx_cnt) read with the index that was
   built last, by value, and lists those that do not hold, ascending, in invalid (room for tx_cnt).
   A transaction that has no result (given up, out of memory) does not hold. */
hd_err hd_version_index_check(hd_version_index *x, uint32_t *invalid, uint32_t *invalid_cnt,
                              const hd_version_input *in, uint32_t first);

/* hd_version_index_settle rewrites all differences to what they are in order (hd_account_settle),
   for those who want them; every transaction of the input must hold. */
hd_err hd_version_index_settle(hd_version_index *x, const hd_version_input *in);

/* hd_version_index_commit writes the last version of every key into s. Every transaction of the
   input must hold. The world of the input is a view of s and ends with this. Errors of hd_state. */
hd_err hd_version_index_commit(hd_version_index *x, hd_state *s, const hd_version_input *in);

/* Whether the transaction's fee is still to be paid to its coinbase. */
static inline int hd_fee_is_written(const hd_receipt *r) {
    return r->status <= HD_TX_HALT && !(r->flags & HD_RECEIPT_FEE_PAID);
}

/* A part of hd_version_index_commit: each block's fees. */
hd_err hd_version_fees_commit(hd_state *s, const hd_version_input *in, hd_pool *pool);

/* What an account was before a transaction, for hd_read_holds. */
typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    const hd_hash *code_hash;
    uint32_t is_there;    /* it exists */
    uint32_t has_storage; /* 0, 1, or 2: not known */
} hd_account_now;

/* hd_read_holds: 1 when a transaction that saw d and r would do the same with `now`. */
int hd_read_holds(const hd_account_diff *d, const hd_account_read *r, const hd_account_now *now);

/* The same of res->slots[i] and its value before the transaction. */
int hd_slot_holds(const hd_results *res, uint64_t i, hd_u256 now);

/* hd_slot_settle rewrites d, which holds what the transaction saw, to what it is with `now` before
   it; it must hold. */
void hd_slot_settle(hd_slot_diff *d, hd_u256 now);

/* ---- for whoever lays versions of his own over an index (hd_chains.h) ---- */

/* Whether d changes the account for those after it. */
int hd_account_is_written(const hd_account_diff *d, uint32_t fork);

/* The account as the world has it, as a version before all. addr is numeric. */
hd_account_version hd_account_version_of_world(const hd_world *w, const uint32_t addr[5]);

/* v, the account before transaction tx, becomes what it is after it. d->reserved is the version of
   the code that it set, 0: none. */
void hd_account_version_fold(hd_account_version *v, const hd_account_diff *d, uint32_t tx,
                             uint32_t fork);

/* The same as hd_read_holds compares. v may be of versions or of the world. */
void hd_account_version_now(hd_account_now *now, const hd_account_version *v,
                            const hd_versions *versions, const hd_world *world);

/* The world's value of a slot, zero where there is none. */
hd_u256 hd_world_slot_value(const hd_world *w, const uint32_t addr[5], hd_u256 key);

/* Whether what transaction t of the input read is what it finds in these versions. Any thread. */
int hd_versions_hold(const hd_versions *versions, const hd_version_input *in, uint32_t t);

/* hd_account_settle rewrites d, which holds what the transaction saw, to what it is with `now`
   before it: balance by the same difference, nonce, existence, deletion of touched empty accounts
   from EIP-158 on, and whether it is changed at all. */
void hd_account_settle(hd_account_diff *d, const hd_account_now *now, uint32_t fork);

#endif
