/* hd_store_undo.h - what joins undo records (hd_undo.h) and the store: their form on disk, and what
   a block changed as writes of a batch. */
#ifndef HD_STORE_UNDO_H
#define HD_STORE_UNDO_H

#include "state/hd_store.h"
#include "state/hd_undo.h"

/* hd_undo_encode appends a record that was compacted: version 4 (1), accounts 8, slots 8; an
   account: address 20, whether it was there 1, nonce 8, balance 32, code hash 32; a slot: address
   20, key 32, value 32. All numbers are big-endian. HD_ERR_NOMEM. */
hd_err hd_undo_encode(hd_buf *out, const hd_undo *undo);
/* hd_undo_decode replaces what *out held. HD_ERR_CORRUPT, HD_ERR_NOMEM. */
hd_err hd_undo_decode(hd_undo *out, hd_span in);

/* hd_store_teach gives the state those codes that undoing will need and that it does not know: a
   state that was loaded knows only the codes of the accounts that are there. HD_ERR_CORRUPT with
   msg when the store has not got one either, HD_ERR_NOMEM. */
hd_err hd_store_teach(hd_state *s, hd_msg *msg, hd_store_read *r, const hd_undo *undo);

/* hd_store_load_at fills an empty state with that after canonical block `number`: the head's, taken
   back block by block, so it costs the whole state and every block in between. HD_ERR_ABSENT: the
   block is above the head, or its state is no longer kept (hd_store_get_oldest). HD_ERR_CORRUPT,
   HD_ERR_NOMEM. The caller compares the root with the block's header. */
hd_err hd_store_load_at(hd_state *out, hd_msg *msg, hd_store_read *r, uint64_t number);

/* hd_store_put_changed writes every account and slot that the compacted record names as it is in
   the state now, with the codes that are new: the difference between the record's state and this
   one. */
void hd_store_put_changed(hd_store_batch *b, const hd_state *s, const hd_undo *undo);

#endif
