/* hd_lane_class.h - sizes of a lane's regions, and why a lane stops. */
#ifndef HD_LANE_CLASS_H
#define HD_LANE_CLASS_H

#include "base/hd_base.h"

/* Region starts (`_u`) and sizes in 16-byte units of one lane. */
typedef struct {
    uint32_t header_u, frames_u, stack_u, memory_u, ret_u, accounts_u, slots_u, journal_u, logs_u;
    uint32_t account_index_u, slot_index_u;
    uint32_t tags_u, slack_u;   /* where is_tagged */
    uint32_t frame_max;         /* frames */
    uint32_t stack_max;         /* words, of all frames */
    uint32_t memory_max;        /* bytes, of all frames; a multiple of 32, under 2^32 */
    uint32_t ret_max;           /* bytes */
    uint32_t account_max;       /* entries */
    uint32_t slot_max;          /* entries */
    uint32_t journal_max;       /* entries */
    uint32_t log_max;           /* units */
    uint32_t account_index_max; /* index entries, a power of two */
    uint32_t slot_index_max;
    uint32_t is_tagged; /* has the regions of tagged runs (hd_core_tags.inc) */
    uint32_t unit_cnt;  /* interleaved units in all */
    uint32_t linear_sz; /* bytes a lane, a multiple of 16 */
} hd_lane_class;

#define HD_ACCOUNT_UNITS 12u
#define HD_SLOT_UNITS 7u
#define HD_SLACK_UNITS 4u
#define HD_JOURNAL_UNITS 3u
#define HD_FRAME_UNITS 9u
#define HD_HEADER_UNITS 64u

/* Why run returned. RUNNING is the state between launches. */
#define HD_STOP_RUNNING 0u         /* out of fuel: call run again */
#define HD_STOP_DONE 1u            /* the receipt is final */
#define HD_STOP_NEED_MEMORY 2u     /* a region is full: start again in a larger class */
#define HD_STOP_NEED_PRECOMPILE 3u /* run the precompile in need_id on the top frame's input */
#define HD_STOP_NEED_BLOCKHASH 4u  /* put the hash of block need_number into the header */
#define HD_STOP_NEED_ACCOUNT 5u    /* put need_addr into the world */
#define HD_STOP_NEED_SLOT 6u       /* put need_key of need_addr into the world */

/* hd_lane_class_layout fills the region starts from the sizes. journal_max is at least 16
   (admission does not ask for room), account_max < account_index_max and slot_max < slot_index_max
   (else a probe would not end). */
HD_INL void hd_lane_class_layout(hd_lane_class *c) {
    uint32_t u = 0;
    c->header_u = u;
    u += HD_HEADER_UNITS;
    c->frames_u = u;
    u += c->frame_max * HD_FRAME_UNITS;
    c->stack_u = u;
    u += c->stack_max * 2;
    c->account_index_u = u;
    u += (c->account_index_max + 3) / 4;
    c->slot_index_u = u;
    u += (c->slot_index_max + 3) / 4;
    c->accounts_u = u;
    u += c->account_max * HD_ACCOUNT_UNITS;
    c->slots_u = u;
    u += c->slot_max * HD_SLOT_UNITS;
    c->journal_u = u;
    u += c->journal_max * HD_JOURNAL_UNITS;
    c->logs_u = u;
    u += c->log_max;
    c->memory_u = u;
    u += c->memory_max / 16 + 2; /* unaligned reads look a word beyond */
    c->ret_u = u;
    u += (c->ret_max + 15) / 16 + 2;
    c->tags_u = u;
    u += c->is_tagged ? (c->stack_max + 15) / 16 : 0;
    c->slack_u = u;
    u += c->is_tagged ? c->slot_max * HD_SLACK_UNITS : 0;
    c->unit_cnt = u;
}

#endif
