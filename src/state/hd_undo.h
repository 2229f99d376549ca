/* hd_undo.h - what a block changed, as it was before: takes a state back.

   While a record is attached to a state (hd_undo_attach), every change of the state notes what was
   there. Undoing gives the same accounts, slots and root; only incarnations grow, since one that
   was used is never used again. The same record serves a block that fails in the middle and a
   reorganisation long after. */
#ifndef HD_UNDO_H
#define HD_UNDO_H

#include "base/hd_buf.h"
#include "state/hd_state.h"

/* An account before its first change since the record was attached. */
typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    hd_hash code_hash; /* the state keeps all code it ever saw */
    hd_address addr;
    uint32_t is_there; /* 0: there was none */
} hd_undo_account;

/* A slot before one of its changes; an earlier entry for the same slot counts more. */
typedef struct {
    hd_u256 key;
    hd_u256 value;
    hd_address addr;
    uint32_t reserved;
} hd_undo_slot;

HD_STATIC_ASSERT(sizeof(hd_undo_account) == 96, "no padding: it is stored");
HD_STATIC_ASSERT(sizeof(hd_undo_slot) == 88, "no padding: it is stored");

/* Zeroed is empty. accounts may name one account more than once: the first entry counts. */
typedef struct {
    hd_buf accounts; /* of hd_undo_account */
    hd_buf slots;    /* of hd_undo_slot */
} hd_undo;

/* hd_undo_attach makes s note its changes in undo, until undo is NULL or another. A record that is
   attached again starts a new section: what it holds stays. The record must outlive the attachment.
   hd_state_reset and hd_state_copy detach. */
void hd_undo_attach(hd_state *s, hd_undo *undo);

/* hd_undo_apply takes s back to where it was when the empty record was attached; s must be as it
   was when it was detached. Detaches. HD_ERR_NOMEM (s is then of no use), HD_ERR_CORRUPT (a code
   that the state never saw). */
hd_err hd_undo_apply(hd_state *s, const hd_undo *undo);

/* hd_undo_compact leaves one entry for each account and slot, sorted by address and key, for
   storing. HD_ERR_NOMEM. */
hd_err hd_undo_compact(hd_undo *undo);

/* hd_undo_unique leaves one entry for each account and slot, those that were first, in their order:
   what a follower of the changes needs, for less than sorting costs. seed: what keys are hashed
   with, best a state's own (hd_world.seed), which nobody who chooses keys knows. HD_ERR_NOMEM,
   HD_ERR_LIMIT (2^30 entries). */
hd_err hd_undo_unique(hd_undo *undo, uint64_t seed);

void hd_undo_clear(hd_undo *undo);
void hd_undo_free(hd_undo *undo);

#endif
