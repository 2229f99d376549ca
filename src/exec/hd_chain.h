/* hd_chain.h - a chain of blocks: import, fork choice, reorganisation.

   The chain holds one state, which stands at its head, and asks a store for everything else by
   hash. Every block is executed before it is accepted, on whatever branch it lies. Before the merge
   the branch with the most total difficulty is canonical, the first seen where two are equal; after
   it the last valid block imported is the head (EIP-3675 leaves the choice to the caller).

   One thread at a time. */
#ifndef HD_CHAIN_H
#define HD_CHAIN_H

#include "exec/hd_block_exec.h"
#include "exec/hd_header_rules.h"

#define HD_CHAIN_BLOCKHASH_CNT 256u

/* What a chain remembers of an accepted block besides its bytes. */
typedef struct {
    hd_header header;
    hd_hash hash;
    hd_u256 total_difficulty; /* up to and with this block */
    hd_hash ommer_hashes[HD_OMMER_CNT_MAX];
    uint32_t ommer_cnt;
    uint32_t reserved;
} hd_chain_entry;

/* Where blocks are kept. Readers return HD_OK, HD_ERR_ABSENT or an error of theirs; the chain gives
   that on. All are called from the thread that called the chain. */
typedef struct {
    void *ctx;
    hd_err (*get_entry)(void *ctx, hd_chain_entry *out, const hd_hash *hash);
    hd_err (*get_block)(void *ctx, hd_buf *rlp, const hd_hash *hash); /* appends */
    hd_err (*get_undo)(void *ctx, hd_undo *out, const hd_hash *hash); /* out is empty */
    /* A block was accepted, on any branch. */
    hd_err (*put_block)(void *ctx, const hd_chain_entry *entry, hd_span rlp);
    /* The state went from a block's parent to the block, or back. Only blocks on the branch that
       the state stands on need an undo record. block and result are NULL for the genesis block. */
    hd_err (*push)(void *ctx, const hd_chain_entry *entry, const hd_undo *undo,
                   const hd_block *block, const hd_block_result *result);
    hd_err (*pop)(void *ctx, const hd_chain_entry *entry);
    /* A node of the state's tries changed (see hd_forest_each_change), in the order of changes from
       the first block on. What is tried and taken back is among it; at a commit the tries are the
       head's. May be NULL. */
    hd_forest_change_fn *node;
    /* The state stands at the head again: what came since the last call belongs together. May be
       NULL. */
    hd_err (*commit)(void *ctx, const hd_chain_entry *head);
} hd_chain_store;

typedef struct {
    const hd_chain_config *config;
    hd_state *state;
    const hd_chain_store *store;
    hd_block_exec_options exec; /* blockhash and trie are set by the chain */
} hd_chain_options;

typedef struct hd_chain hd_chain;

/* hd_chain_open: what options point to must outlive the chain. HD_ERR_NOMEM. */
hd_err hd_chain_open(hd_chain **out, const hd_chain_options *options);
void hd_chain_close(hd_chain *c); /* NULL is allowed */

/* hd_chain_start makes the first block of an empty store; the state must already hold its accounts.
   The verdict says whether the state's root is the header's. */
hd_err hd_chain_start(hd_chain *c, hd_block_verdict *verdict, const hd_block *genesis);
/* hd_chain_resume continues at a head that the store knows and that the state stands at; also
   HD_ERR_CORRUPT: it does not, its root is another. */
hd_err hd_chain_resume(hd_chain *c, const hd_hash *head);

/* hd_chain_import judges a block and, where it is valid, keeps it. A block that is already known is
   valid. What does not decode is HD_BLOCK_INVALID_RLP. Errors: HD_ERR_UNSUPPORTED with the reason
   in verdict->msg (the block lies past a fork that we do not know), those of hd_block_exec and of
   the store, HD_ERR_CORRUPT (the store's blocks contradict each other); after any of these but
   HD_ERR_UNSUPPORTED the chain must be closed. */
hd_err hd_chain_import(hd_chain *c, hd_block_verdict *verdict, hd_span rlp);

/* The head; before hd_chain_start or hd_chain_resume all zeros. */
const hd_chain_entry *hd_chain_head(const hd_chain *c);
/* The state's root, from the tries that the chain keeps beside it; it costs what changed since it
   was last taken. HD_ERR_ABSENT before a start or resume; errors of hd_state_trie_root. */
hd_err hd_chain_root(hd_hash *root, hd_chain *c);
/* The block that was executed last, on whatever branch, and its results: until the next import. */
const hd_block *hd_chain_last_block(const hd_chain *c);
const hd_block_result *hd_chain_last_result(const hd_chain *c);

/* ---- a store in memory */
typedef struct hd_chain_memory hd_chain_memory;

hd_chain_memory *hd_chain_memory_new(void); /* NULL: no memory */
void hd_chain_memory_free(hd_chain_memory *m);
/* The callbacks, for as long as m lives. */
const hd_chain_store *hd_chain_memory_store(hd_chain_memory *m);

#endif
