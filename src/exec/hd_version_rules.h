/* hd_version_rules.h - the rules of versions: what a transaction's writes make of accounts and
   slots, and whether what it read holds with other values before it. Whoever runs transactions
   beside each other on the host goes by these: the index of a chunk (hd_version_index.h), chains
   (hd_chains.h), execution in order (hd_exec_ordered.h). No function keeps anything; any thread. */
#ifndef HD_VERSION_RULES_H
#define HD_VERSION_RULES_H

#include "evm/hd_versions.h"
#include "exec/hd_exec.h"

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

static inline const hd_env *hd_version_env(const hd_version_input *in, uint32_t t) {
    return &in->envs[in->env_cnt == 1 ? 0 : in->txs[t].env_idx];
}

/* ---- the world; addr is numeric ---- */

/* The account, be it one that does not exist any more, or NULL. */
const hd_world_account *hd_world_find(const hd_world *w, const uint32_t addr[5]);

/* The value of the account's slot, zero where there is none. */
hd_u256 hd_world_slot_of(const hd_world *w, const hd_world_account *a, hd_u256 key);
hd_u256 hd_world_slot_value(const hd_world *w, const uint32_t addr[5], hd_u256 key);

/* The account (NULL: none) as a version before all. */
hd_account_version hd_account_version_of(const hd_world_account *a);
hd_account_version hd_account_version_of_world(const hd_world *w, const uint32_t addr[5]);

/* ---- writes ---- */

/* Whether the transaction's fee is still to be paid to its coinbase. */
static inline int hd_fee_is_written(const hd_receipt *r) {
    return r->status <= HD_TX_HALT && !(r->flags & HD_RECEIPT_FEE_PAID);
}

/* Whether d changes the account for those after it. */
int hd_account_is_written(const hd_account_diff *d, uint32_t fork);

/* v, the account before transaction tx, becomes what it is after it. d->reserved is the version of
   the code that it set, 0: none. */
void hd_account_version_fold(hd_account_version *v, const hd_account_diff *d, uint32_t tx,
                             uint32_t fork);
/* The same of a fee that transaction tx pays to it. */
void hd_account_version_pay(hd_account_version *v, hd_u256 fee_wei, uint32_t tx, uint32_t fork);

/* ---- reads ---- */

/* What an account was before a transaction, for hd_read_holds. */
typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    const hd_hash *code_hash;
    uint32_t is_there;    /* it exists */
    uint32_t has_storage; /* 0, 1, or 2: not known */
} hd_account_now;

/* v may be of versions or of the world. */
void hd_account_version_now(hd_account_now *now, const hd_account_version *v,
                            const hd_versions *versions, const hd_world *world);

/* hd_read_holds: 1 when a transaction that saw d and r would do the same with `now`. */
int hd_read_holds(const hd_account_diff *d, const hd_account_read *r, const hd_account_now *now);

/* The same of res->slots[i] and its value before the transaction. */
int hd_slot_holds(const hd_results *res, uint64_t i, hd_u256 now);

/* Whether the world itself has to be compared where nobody wrote before transaction t: it ran
   against versions, or, of account i of its receipt, against a sender (i 0) that was assumed. What
   else ran against the world saw the world. */
int hd_account_may_differ(const hd_version_input *in, uint32_t t, uint32_t i);
int hd_slot_may_differ(const hd_version_input *in, uint32_t t);

/* Whether account i of transaction t's receipt is as it finds it in these versions; *found is the
   version that it finds (NULL: none). Of slot i, where wiped is that of its account's version. */
int hd_versions_account_hold(const hd_account_version **found, const hd_versions *versions,
                             const hd_version_input *in, uint32_t t, uint32_t i);
int hd_versions_slot_hold(const hd_versions *versions, const hd_version_input *in, uint32_t t,
                          uint32_t i, uint32_t wiped);

/* Whether a transaction has no result: it was given up. It does not hold. */
static inline int hd_receipt_is_void(const hd_receipt *r) {
    return r->status > HD_TX_HALT && r->status < HD_TX_INVALID;
}

/* Whether all that transaction t of the input read is what it finds in these versions. */
int hd_versions_hold(const hd_versions *versions, const hd_version_input *in, uint32_t t);

/* ---- settling ---- */

/* hd_slot_settle rewrites d, which holds what the transaction saw, to what it is with `now` before
   it; it must hold. */
void hd_slot_settle(hd_slot_diff *d, hd_u256 now);

/* The same of an account: balance by the same difference, nonce, existence, deletion of touched
   empty accounts from EIP-158 on, and whether it is changed at all. */
void hd_account_settle(hd_account_diff *d, const hd_account_now *now, uint32_t fork);

#endif
