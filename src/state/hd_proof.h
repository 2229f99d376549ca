/* hd_proof.h - Merkle proofs of accounts and slots as eth_getProof gives them, and their
   verification. */
#ifndef HD_PROOF_H
#define HD_PROOF_H

#include "base/hd_buf.h"
#include "crypto/hd_u256.h"
#include "state/hd_forest_host.h"
#include "state/hd_trie.h"

#define HD_PROOF_NODES_MAX \
    131u /* an extension and a branch for each nibble, a leaf, two to spare */
#define HD_PROOF_NODE_SZ_MAX \
    1024u /* a branch with 16 hashes takes 532 bytes, an account's leaf 149 */

/* What became of a proof: never our machine's failure, as every byte of it is a stranger's. */
enum {
    HD_PROOF_FOUND,  /* the key has the value given */
    HD_PROOF_ABSENT, /* the key has no value */
    HD_PROOF_WRONG,  /* it proves nothing */
};

/* hd_proof_verify follows the nodes from root towards a key of 32 bytes (already hashed). Each node
   must be canonical RLP of a node with the hash that its parent, or root, names; nodes below 32
   bytes lie in their parents and may not be given again; there may be none too many. No nodes at
   all prove that the empty trie holds nothing. *value points into the nodes. *reason (may be NULL)
   is a sentence part where the result is HD_PROOF_WRONG. Allocates nothing; any number of threads.
 */
uint32_t hd_proof_verify(hd_span *value, const char **reason, const hd_hash *root,
                         const hd_hash *key, const hd_span *nodes, size_t node_cnt);

/* Proofs of an account under a state root, and of a slot under a storage root. An absent account
   reads as zeros with the hashes of nothing (empty code, empty trie), as eth_getProof answers; an
   absent slot as 0. A value that is no canonical account or number is HD_PROOF_WRONG. */
uint32_t hd_proof_verify_account(hd_forest_account *out, const char **reason, const hd_hash *root,
                                 const hd_address *addr, const hd_span *nodes, size_t node_cnt);
uint32_t hd_proof_verify_slot(hd_u256 *out, const char **reason, const hd_hash *storage_root,
                              hd_u256 slot, const hd_span *nodes, size_t node_cnt);

/* hd_proof_from_items makes the proof of key from a whole trie's items, sorted as for
   hd_trie_root_sorted, with keys of 32 bytes: nodes are appended to out one after the other,
   sizes[0,*cnt) (HD_PROOF_NODES_MAX of them) are theirs. Errors as hd_trie_root_sorted;
   HD_ERR_FORMAT also for keys of another size. A forest in memory does the same with
   hd_forest_prove. */
hd_err hd_proof_from_items(hd_buf *out, size_t *sizes, size_t *cnt, const hd_hash *key,
                           const hd_trie_item *items, size_t item_cnt);

#endif
