/* hd_header_rules.h - whether a block's header and body are valid after its parent, before anything
   is executed. Proof-of-work seals are not verified.

   Host only; functions of their arguments, safe from any thread. Sources: Yellow Paper 4.3.4 and
   11.1 (ommers), EIP-779 (DAO), EIP-1559, EIP-3675, EIP-4895, EIP-4844, EIP-4788, EIP-7685,
   EIP-7934. */
#ifndef HD_HEADER_RULES_H
#define HD_HEADER_RULES_H

#include "evm/hd_block.h"
#include "exec/hd_chain_config.h"

#define HD_EXTRA_DATA_SZ_MAX 32u
#define HD_GAS_LIMIT_MIN 5000u
#define HD_OMMER_CNT_MAX 2u
#define HD_OMMER_DEPTH_MAX 6u /* an ommer's number is that of the block less 1 to 6 */
#define HD_BLOCK_SZ_MAX \
    8388608u /* EIP-7934, from Osaka: 10 MiB less 2 MiB for the beacon block \
              */

/* hd_header_check returns HD_BLOCK_VALID, or the first rule that h breaks as a child of parent
   (h->parent_hash is not looked at). rules and parent_rules are those of the two blocks. */
uint32_t hd_header_check(hd_block_verdict *verdict, const hd_header *h, const hd_header *parent,
                         const hd_chain_rules *rules, const hd_chain_rules *parent_rules);

/* hd_body_check compares the body with the header: transactions root, ommers hash, withdrawals root
   and their presence, and the size. *verdict gets the answer. HD_ERR_NOMEM. */
hd_err hd_body_check(hd_block_verdict *verdict, const hd_block *b, const hd_chain_rules *rules);

/* ---- ommers */

/* An ancestor, nearest first: ancestors[0] is the block's parent. */
typedef struct {
    const hd_header *header;
    const hd_hash *hash;
    const hd_hash *ommer_hashes; /* of the ommers it included */
    const hd_chain_rules *rules;
    uint32_t ommer_cnt;
    uint32_t reserved;
} hd_ancestor;

/* hd_ommers_check judges b's ommers: at most HD_OMMER_CNT_MAX, each a child of ancestors[1] to
   [HD_OMMER_DEPTH_MAX], none an ancestor or included before, each header valid after its parent.
   ancestor_cnt is at most HD_OMMER_DEPTH_MAX + 1; fewer when the chain is shorter. An ommer obeys
   the rules of the ancestor of its number: forks before the merge go by number. */
hd_err hd_ommers_check(hd_block_verdict *verdict, const hd_block *b, const hd_ancestor *ancestors,
                       uint32_t ancestor_cnt);

#endif
