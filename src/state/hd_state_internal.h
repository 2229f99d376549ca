/* hd_state_internal.h - the inside of hd_state, for the files of this room that walk its tables. */
#ifndef HD_STATE_INTERNAL_H
#define HD_STATE_INTERNAL_H

#include "base/hd_threads.h"
#include "state/hd_state.h"
#include "state/hd_undo.h"

typedef struct hd_state_root_scratch hd_state_root_scratch;

/* What the world's table does not carry of an account; same index. */
typedef struct {
    uint32_t head_ref; /* links[head_ref - 1] is its first slot; 0: none */
    uint32_t tail_ref;
    uint32_t slot_cnt;   /* slots of the present incarnation that are not zero */
    uint32_t undo_epoch; /* equal to the state's: the attached record has this account */
} hd_state_meta;

/* One for each used entry of the slot table, in order of creation. */
typedef struct {
    uint32_t pos;      /* into slots */
    uint32_t next_ref; /* next slot of the same account and incarnation, plus 1 */
} hd_state_link;

struct hd_state {
    uint64_t seed;
    hd_world_account *accounts;
    hd_state_meta *metas;
    uint32_t *account_table;
    hd_world_slot *slots;
    hd_state_link *links;
    hd_world_code *codes;
    uint32_t *code_table; /* code index + 1, by hash */
    uint8_t *code_bytes;
    uint64_t *jump_words;
    hd_state_root_scratch *root_scratch;
    size_t account_cap, meta_cap, link_cap, code_cap, code_bytes_cap, jump_cap;
    size_t code_bytes_sz, jump_cnt;
    uint32_t account_cnt, account_mask, account_table_cap;
    uint32_t link_cnt, slot_mask, slot_table_cap;
    uint32_t code_cnt, code_mask, code_table_cap;
    uint32_t undo_epoch; /* of the last attachment, from 1 */
    hd_undo *undo;       /* what changes are noted in; NULL: nowhere */
};

/* Notes of changes about to be made; nothing where no record is attached. HD_ERR_NOMEM. */
hd_err hd_undo_note_account(hd_state *s, uint32_t account_idx);
hd_err hd_undo_note_new(hd_state *s, const hd_address *addr);
hd_err hd_undo_note_slot(hd_state *s, uint32_t account_idx, hd_u256 key, hd_u256 value);
/* All slots of the account that are not zero. */
hd_err hd_undo_note_storage(hd_state *s, uint32_t account_idx);

/* 1 and the index of an account that was ever there, or of a code; else 0. */
int hd_state_account_find(uint32_t *idx, const hd_state *s, const hd_address *addr);
int hd_state_code_find(uint32_t *code_idx, const hd_state *s, const hd_hash *hash);

/* Room for so many more accounts or slots, tables included. pool (NULL: nobody) helps to fill a
   larger table. HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_state_room_accounts(hd_state *s, uint32_t more_cnt, hd_pool *pool);
hd_err hd_state_room_slots(hd_state *s, uint32_t more_cnt);
/* Puts an account, which is not in the table, into it, where there is room. Any thread beside
   others that do the same, and nothing else. */
void hd_state_put_account(hd_state *s, uint32_t hash, uint32_t idx);
/* A slot at its place joins its account's chain; an account's slots that are not zero change by 1
   or -1. */
void hd_state_link_slot(hd_state *s, uint32_t account_idx, uint32_t pos);
void hd_state_count_slot(hd_state *s, uint32_t account_idx, int change);

/* hd_state_grow makes room for need elements, keeping what is there. HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_state_grow(void **p, size_t *cap, size_t need, size_t elem_sz);

/* Memory that hd_state_root keeps from one call to the next. */
hd_state_root_scratch *hd_state_root_scratch_new(void);
void hd_state_root_scratch_free(hd_state_root_scratch *x);

#endif
