/* hd_forest_host.h - a forest in the host's memory, driven by a pool of threads: whole, or the part
   of a stored one that was looked at. */
#ifndef HD_FOREST_HOST_H
#define HD_FOREST_HOST_H

#include "base/hd_buf.h"
#include "base/hd_threads.h"
#include "state/hd_forest.h"

typedef struct hd_forest_host hd_forest_host;

/* Where a stored forest's nodes lie. A node is found by its owner (keccak-256 of the account's
   address for storage, NULL for the account trie) and by the nibbles that lead to it, one a byte.
   An extension lies where its path begins, its branch where that ends. */
typedef struct {
    /* Appends the node's encoding to out. HD_OK; HD_ERR_ABSENT is damage, as only nodes are asked
       for that others refer to. Called by one thread at a time. */
    hd_err (*read)(void *ctx, hd_buf *out, const hd_hash *owner, const uint8_t *path,
                   size_t path_cnt);
    void *ctx;
    hd_hash root; /* of the account trie */
} hd_forest_source;

/* hd_forest_open gives an empty forest, or with source one that reads nodes when it first needs
   them and checks each against the hash it is known by. pool (NULL: one thread) must outlive it.
   HD_ERR_NOMEM. One thread at a time may use a forest. */
hd_err hd_forest_open(hd_forest_host **out, hd_pool *pool, const hd_forest_source *source);
void hd_forest_close(hd_forest_host *h);

/* hd_forest_apply changes leaves and gives the new root of the account trie. Keys are different
   within accounts and, for one owner, within slots; each slot names its owner's entry in accounts
   (HD_FOREST_KEEP where only slots change). `leaf` and `trie` of the changes are written.
   HD_ERR_FORMAT: a change is wrong (KEEP of an absent account, an owner out of range or deleted)
   and the forest is as before. HD_ERR_NOMEM before anything is changed. HD_ERR_CORRUPT: a stored
   node is not what it should be, or keys repeat; like the source's own errors it may come in the
   middle, and then the forest must be closed: all further calls give HD_ERR_CORRUPT. */
hd_err hd_forest_apply(hd_hash *root, hd_forest_host *h, hd_forest_account_change *accounts,
                       size_t account_cnt, hd_forest_slot_change *slots, size_t slot_cnt);

void hd_forest_root(hd_hash *root, const hd_forest_host *h);
/* The leaf's own values, or HD_ERR_ABSENT; errors of the source. */
typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    hd_hash code_hash;
    hd_hash storage_root;
} hd_forest_account;
hd_err hd_forest_get_account(hd_forest_account *out, hd_forest_host *h, const hd_hash *key);
hd_err hd_forest_get_slot(hd_u256 *out, hd_forest_host *h, const hd_hash *account_key,
                          const hd_hash *key);

/* What the last hd_forest_apply means for a store, in this order: whole storages gone
   (path_cnt is HD_FOREST_ALL), nodes gone, then nodes written; a place may be in both of the
   latter. node is empty where it is gone, else the encoding, valid during the call. Nodes shorter
   than 32 bytes lie in their parents and are not written, but for roots. Stops at fn's first error
   and returns it. HD_ERR_ABSENT: no record was kept (see hd_forest_keep_changes). */
#define HD_FOREST_ALL SIZE_MAX
typedef hd_err hd_forest_change_fn(void *ctx, const hd_hash *owner, const uint8_t *path,
                                   size_t path_cnt, hd_span node);
hd_err hd_forest_each_change(hd_forest_host *h, hd_forest_change_fn *fn, void *ctx);
/* Whether the places that nodes leave are recorded; with a source they are, else not until asked.
 */
void hd_forest_keep_changes(hd_forest_host *h, int is_kept);

/* hd_forest_prove appends to out, one after the other, the encodings of the nodes from the root
   towards key, until its leaf or the node that shows that there is none; sizes[0,*cnt) are theirs.
   account_key NULL: in the account trie, else in that account's storage (whose absence gives no
   nodes). Nodes that lie in their parents (below 32 bytes) are not given again. */
#define HD_FOREST_PROOF_MAX 131u
hd_err hd_forest_prove(hd_buf *out, size_t *sizes, size_t *cnt, hd_forest_host *h,
                       const hd_hash *account_key, const hd_hash *key);

/* Nodes held in memory, and bytes of memory. */
typedef struct {
    uint64_t branch_cnt, leaf_cnt, trie_cnt, memory_sz;
} hd_forest_stats;
void hd_forest_count(hd_forest_stats *out, const hd_forest_host *h);

#endif
