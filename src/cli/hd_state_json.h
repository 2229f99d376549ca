/* hd_state_json.h - accounts, block environments and transactions as the official state tests and
   t8n write them in JSON.

   All readers return HD_OK, HD_ERR_NOMEM, or HD_ERR_FORMAT with "FILE: PLACE: what is expected" in
   msg. */
#ifndef HD_STATE_JSON_H
#define HD_STATE_JSON_H

#include "base/hd_json.h"
#include "evm/hd_evm.h"
#include "state/hd_state.h"

/* hd_fork_from_name returns 1 and *fork for the tests' names (Frontier to Osaka, EIP150, EIP158,
   ConstantinopleFix, Merge, MuirGlacier, ...), else 0. */
int hd_fork_from_name(uint32_t *fork, const char *name, size_t name_sz);
const char *hd_fork_name(uint32_t fork);

/* ---- accounts: {"0xADDRESS": {"balance", "nonce", "code", "storage"}} in flat arrays, so that a
   state can be made from them many times. Zeroed is empty. */
typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    size_t code_off; /* into codes */
    size_t code_sz;
    size_t slot_idx;
    size_t slot_cnt;
    hd_address addr;
} hd_alloc_account;

typedef struct {
    hd_u256 key;
    hd_u256 value;
} hd_alloc_slot;

typedef struct {
    hd_buf accounts; /* of hd_alloc_account */
    hd_buf slots;    /* of hd_alloc_slot */
    hd_buf codes;
} hd_alloc;

/* hd_alloc_read replaces what *out held. Any of the four members may be missing (0 or empty). */
hd_err hd_alloc_read(hd_alloc *out, hd_msg *msg, hd_json val);
/* hd_alloc_load writes the accounts into a state. */
hd_err hd_alloc_load(hd_state *s, const hd_alloc *alloc);
size_t hd_alloc_cnt(const hd_alloc *alloc);
void hd_alloc_free(hd_alloc *alloc);

/* ---- environment */

/* hd_env_read reads a state test's "env" for a fork. config (null: none) is the test's "config"
   with chainid and blobSchedule, fork_name the name to look up there. */
hd_err hd_env_read(hd_env *out, hd_msg *msg, hd_json val, hd_json config, uint32_t fork,
                   const char *fork_name);

/* ---- transactions. Variable parts are appended to data, where hd_tx's offsets point.
   A value that no transaction can hold (a nonce above 64 bits, a value above 256, "0x:bigint ...")
   is not an error: *status becomes HD_TX_INVALID (it is left alone otherwise). */

/* hd_tx_read_head reads everything but data, gas limit, value and access list: sender (or
   secretKey), to, nonce, fees, blob hashes, authorizations, type, chain id (of env where typed and
   not given). The type is 4 with authorizationList, 3 with blobVersionedHashes or
   maxFeePerBlobGas, 2 with maxFeePerGas, else 0. */
hd_err hd_tx_read_head(hd_tx *out, uint32_t *status, hd_buf *data, hd_msg *msg, hd_json val,
                       uint64_t chain_id);
hd_err hd_tx_read_data(hd_tx *out, hd_buf *data, hd_msg *msg, hd_json val);
hd_err hd_tx_read_gas(hd_tx *out, uint32_t *status, hd_msg *msg, hd_json val);
hd_err hd_tx_read_value(hd_tx *out, uint32_t *status, hd_msg *msg, hd_json val);
/* An access list; null is none. Makes a legacy transaction one of type 1. */
hd_err hd_tx_read_access(hd_tx *out, hd_buf *data, hd_msg *msg, hd_json val, uint64_t chain_id);

/* Block hashes of state tests: keccak-256 of the number in decimal (hd_batch.blockhash). */
hd_err hd_state_test_blockhash(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number);

#endif
