/* hd_chain_disk.h - lays a chain (hd_chain.h) on the persistent store (hd_store.h).

   What an import brings is collected and committed at once when the state stands at the head again:
   block, flat state, trie nodes, receipts, indexes, undo record and head together. An import that
   fails leaves the store as it was; the chain and its state must then be closed and opened anew.

   Records: a block's body is what follows the header in its RLP list; receipts are the RLP list of
   what lies in the receipts trie, each a list (legacy) or a string (typed); undo as in
   hd_store_undo.h. The chain's configuration is the named record "config", JSON in go-ethereum's
   format; "genesis" is the first block's hash. */
#ifndef HD_CHAIN_DISK_H
#define HD_CHAIN_DISK_H

#include "exec/hd_chain.h"
#include "state/hd_store.h"

#define HD_CHAIN_DISK_CONFIG "config"
#define HD_CHAIN_DISK_GENESIS "genesis"

typedef struct hd_chain_disk hd_chain_disk;

/* hd_chain_disk_open: store and state must outlive it; state is the chain's. HD_ERR_NOMEM. */
hd_err hd_chain_disk_open(hd_chain_disk **out, hd_store *store, hd_state *state);
void hd_chain_disk_close(hd_chain_disk *d); /* NULL is allowed; what was not committed is dropped */
/* The callbacks, for as long as d lives. */
const hd_chain_store *hd_chain_disk_store(hd_chain_disk *d);

/* hd_chain_disk_load fills the empty state with the store's and verifies that its root is the
   head's. HD_ERR_ABSENT: the store has no head yet. HD_ERR_CORRUPT and others with msg. */
hd_err hd_chain_disk_load(hd_store_head *head, hd_msg *msg, hd_chain_disk *d);

/* hd_chain_disk_begin prepares the batch of an empty store for hd_chain_start: the whole state and
   the configuration (JSON text) go into the same commit. */
hd_err hd_chain_disk_begin(hd_chain_disk *d, hd_span config, const hd_hash *genesis);

/* Why the last callback failed; empty when none has. */
const hd_msg *hd_chain_disk_msg(const hd_chain_disk *d);

/* hd_chain_disk_block appends a stored block's RLP. HD_ERR_ABSENT when header or body are not
   there (a store made from a snapshot has no bodies before it). */
hd_err hd_chain_disk_block(hd_buf *rlp, hd_msg *msg, hd_store_read *r, uint64_t number,
                           const hd_hash *hash);

#endif
