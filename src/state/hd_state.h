/* hd_state.h - the host's mutable state: accounts, slots and code in the flat tables that hd_world
   describes, changed by state differences, with its Merkle Patricia root. */
#ifndef HD_STATE_H
#define HD_STATE_H

#include "evm/hd_evm.h"

typedef struct hd_state hd_state;

/* hd_state_new gives an empty state or NULL. One thread at a time may change a state. */
hd_state *hd_state_new(void);
void hd_state_free(hd_state *s);

/* hd_state_reset empties the state and keeps its memory (cost proportional to what was in it). */
void hd_state_reset(hd_state *s);

/* hd_state_copy makes dst equal to src: table for table, so that indexes mean the same in both.
   HD_ERR_NOMEM: dst is unchanged or empty. */
hd_err hd_state_copy(hd_state *dst, const hd_state *src);

/* hd_state_world fills *out with a view of the tables, valid until the state is next changed. */
void hd_state_world(hd_world *out, const hd_state *s);

typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    hd_hash code_hash;
    const uint8_t *code;
    uint32_t code_sz;
    uint32_t flags; /* HD_ACCOUNT_... */
} hd_state_account;

/* hd_state_get: HD_OK, or HD_ERR_ABSENT if the account is not in the trie. */
hd_err hd_state_get(hd_state_account *out, const hd_state *s, const hd_address *addr);
hd_u256 hd_state_get_slot(const hd_state *s, const hd_address *addr, hd_u256 key);

/* hd_state_set creates or replaces nonce, balance and code (storage stays). code may be NULL when
   code_sz is 0. HD_ERR_NOMEM. */
hd_err hd_state_set(hd_state *s, const hd_address *addr, uint64_t nonce, hd_u256 balance_wei,
                    const uint8_t *code, size_t code_sz);
hd_err hd_state_set_balance(hd_state *s, const hd_address *addr, hd_u256 balance_wei); /* creates */
hd_err hd_state_set_slot(hd_state *s, const hd_address *addr, hd_u256 key,
                         hd_u256 value); /* creates */
/* hd_state_set_account sets nonce and balance and keeps code and storage; creates. */
hd_err hd_state_set_account(hd_state *s, const hd_address *addr, uint64_t nonce,
                            hd_u256 balance_wei);
/* hd_state_set_code sets the code, whose keccak-256 is hash; creates. */
hd_err hd_state_set_code(hd_state *s, const hd_address *addr, const hd_hash *hash,
                         const uint8_t *code, size_t code_sz);
/* The account and its storage are gone; HD_OK also when there was none. */
hd_err hd_state_delete(hd_state *s, const hd_address *addr);

/* hd_state_keep_code makes the state know a code that no account has: taking a change back
   (hd_undo_apply) may need it. HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_state_keep_code(hd_state *s, const uint8_t *code, size_t code_sz);

/* hd_state_add_balance credits; a credit of 0 touches: from EIP-158 (fork >= SPURIOUS) an empty
   account stays away or is deleted, before it is created. */
hd_err hd_state_add_balance(hd_state *s, const hd_address *addr, hd_u256 wei, uint32_t fork);

/* hd_state_apply writes one receipt's difference: accounts with HD_DIFF_CHANGED, slots with
   HD_DIFF_CHANGED, then the coinbase's fee (a touch where it is 0) unless HD_RECEIPT_FEE_PAID.
   accounts and slots are the whole arrays of hd_results; bytes likewise. Refused transactions
   change nothing. */
hd_err hd_state_apply(hd_state *s, const hd_receipt *r, const hd_account_diff *accounts,
                      const hd_slot_diff *slots, const uint8_t *bytes, const hd_address *coinbase,
                      uint32_t fork);

/* hd_code_mark_jumps sets the bits of code's valid jump destinations in words (zeroed by the
   caller, code_sz / 64 + 1 of them), as hd_world has them. */
void hd_code_mark_jumps(uint64_t *words, const uint8_t *code, size_t code_sz);

/* hd_state_root computes the state root from the tables (no incremental work yet). It uses memory
   that the state keeps for this, so it counts as a change: one thread at a time. HD_ERR_NOMEM. */
hd_err hd_state_root(hd_hash *out, const hd_state *s);

/* Iteration in order of creation: idx in [0, hd_state_account_max). Returns 0 when idx holds no
   account that exists. */
uint32_t hd_state_account_max(const hd_state *s);
int hd_state_account_at(hd_address *addr, hd_state_account *out, const hd_state *s, uint32_t idx);
/* Calls fn for each non-zero slot of the account, in order of creation; fn must not change s. */
void hd_state_each_slot(const hd_state *s, const hd_address *addr,
                        void (*fn)(void *ctx, hd_u256 key, hd_u256 value), void *ctx);

#endif
