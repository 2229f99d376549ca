/* hd_witness.h - what a block looked at: accounts, slots, codes and block hashes, gathered while it
   runs and written so that `heddle replay` can read it back. */
#ifndef HD_WITNESS_H
#define HD_WITNESS_H

#include "cli/hd_replay.h"

/* Zeroed is empty. Keys may stand there more than once until hd_witness_finish. */
typedef struct {
    hd_buf accounts; /* of hd_address */
    hd_buf slots;    /* of hd_witness_slot */
} hd_witness;

typedef struct {
    hd_address addr;
    uint8_t key[32]; /* big-endian */
} hd_witness_slot;

void hd_witness_clear(hd_witness *w);
void hd_witness_free(hd_witness *w);

/* hd_witness_note adds what one transaction or system call read or wrote: a callback for
   hd_block_exec_options.access with the witness as ctx. */
hd_err hd_witness_note(void *ctx, const hd_receipt *r, const hd_results *from);

/* hd_witness_finish adds what the block itself changed (fees, rewards, withdrawals), and sorts:
   each key stands there once. */
hd_err hd_witness_finish(hd_witness *w, const hd_undo *undo);

typedef struct {
    uint64_t account_cnt, slot_cnt, code_cnt, hash_cnt; /* that are there */
    uint64_t state_sz, code_sz;                         /* bytes of JSON, of code */
} hd_witness_stats;

/* hd_witness_write writes DIR/block.json (the bytes of from_dir's), pre_state.json, bytecodes.json
   and block_hashes.json for the block that w is about; DIR is made where it does not exist. Errors
   with msg. */
hd_err hd_witness_write(hd_witness_stats *stats, hd_msg *msg, const hd_witness *w,
                        const hd_replay_block *b, const char *from_dir, const char *dir);

/* hd_witness_compare tells whether all that w names ended the same in both states: 1, or 0 with
   msg. */
int hd_witness_compare(hd_msg *msg, const hd_witness *w, const hd_state *a, const hd_state *b);

#endif
