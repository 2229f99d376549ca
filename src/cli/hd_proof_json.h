/* hd_proof_json.h - proofs in the JSON of eth_getProof (EIP-1186): written, and checked. */
#ifndef HD_PROOF_JSON_H
#define HD_PROOF_JSON_H

#include "base/hd_json.h"
#include "state/hd_proof.h"

#define HD_PROOF_FILE_SZ_MAX (8ull << 20) /* parsed, up to 256 times as much */
#define HD_PROOF_JSON_DEPTH_MAX 16u
#define HD_PROOF_SLOTS_MAX 65536u /* storage proofs of one account */

/* A slot as it was asked for: keys are given back in the form in which they came. */
typedef struct {
    hd_u256 key;
    uint32_t is_word; /* 0x and 64 digits, else a quantity */
} hd_proof_slot;

/* hd_proof_json_write appends the object that eth_getProof answers with, without white space.
   Errors of hd_forest_prove and the forest's getters. */
hd_err hd_proof_json_write(hd_buf *out, hd_forest_host *forest, const hd_address *addr,
                           const hd_proof_slot *slots, size_t slot_cnt);

/* hd_proof_json_check checks such an object, or a JSON-RPC answer that holds one as "result",
   against a state root: every claim in it must follow from its nodes. One sentence about each
   claim goes to text, a line each; *wrong_cnt counts those that do not hold. HD_ERR_FORMAT: it is
   no such object (msg says where), HD_ERR_LIMIT: more storage proofs, or nodes in one, than any
   has; HD_ERR_NOMEM. Every byte may be a stranger's. */
hd_err hd_proof_json_check(hd_buf *text, size_t *wrong_cnt, hd_msg *msg, hd_json answer,
                           const hd_hash *root);

#endif
