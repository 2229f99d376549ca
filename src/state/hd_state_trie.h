/* hd_state_trie.h - the tries of an hd_state, kept beside it: after a block only what was touched
   is hashed again. */
#ifndef HD_STATE_TRIE_H
#define HD_STATE_TRIE_H

#include "state/hd_forest_host.h"
#include "state/hd_state.h"
#include "state/hd_undo.h"

typedef struct hd_state_trie hd_state_trie;

/* hd_state_trie_open gives the tries of an empty state, or with source (may be NULL, see
   hd_forest_host.h) those that a store holds, of a state that was just loaded from it. pool (NULL:
   one thread) must outlive it. HD_ERR_NOMEM. One thread at a time may use it. */
hd_err hd_state_trie_open(hd_state_trie **out, hd_pool *pool, const hd_forest_source *source);
void hd_state_trie_close(hd_state_trie *t);

/* What may have changed since the last root, in any order and any number of times; values are read
   when the root is asked for. An account's new storage after its old one was wiped need not be
   named slot by slot. Undoing a block touches what the block touched. HD_ERR_NOMEM, HD_ERR_LIMIT.
 */
hd_err hd_state_trie_touch(hd_state_trie *t, const hd_address *addr);
hd_err hd_state_trie_touch_slot(hd_state_trie *t, const hd_address *addr, hd_u256 key);
/* All that one receipt's difference changes (see hd_state_apply); also HD_ERR_CORRUPT for an index
   out of range. */
hd_err hd_state_trie_touch_receipt(hd_state_trie *t, const hd_receipt *r,
                                   const hd_account_diff *accounts, const hd_slot_diff *slots,
                                   const hd_address *coinbase);
/* All that a record of changes names (see hd_undo.h): what a block changed, and just as well what
   undoing it changes back. HD_ERR_CORRUPT: not a whole number of entries. */
hd_err hd_state_trie_touch_undo(hd_state_trie *t, const hd_undo *undo);
/* Everything that is in s. */
hd_err hd_state_trie_touch_all(hd_state_trie *t, const hd_state *s);

/* hd_state_trie_root brings the tries to what s holds now and gives the state root; it forgets what
   was touched. s is always the same state, or a copy of it (hd_state_copy keeps its numbers).
   Errors as hd_forest_apply; after HD_ERR_NOMEM it may be asked for again. */
hd_err hd_state_trie_root(hd_hash *root, hd_state_trie *t, const hd_state *s);

/* hd_state_trie_watch: from now on each root tells fn what it changed, as hd_forest_each_change
   does. An error of fn is the root's: the tries are then further than what fn was told. fn NULL:
   no longer. */
void hd_state_trie_watch(hd_state_trie *t, hd_forest_change_fn *fn, void *ctx);

/* The forest, for proofs and for the nodes that the last root changed. */
hd_forest_host *hd_state_trie_forest(hd_state_trie *t);

#endif
