/* hd_state_bulk.h - many values written into a state at once, by several threads.

   The writer spreads its keys over parts, so that no key lies in two; parts are worked on at the
   same time, each by one thread. Accounts and slots are phases of their own, each between its begin
   and its end; within a phase nobody else may look at the state. What a call refuses (it returns 0)
   the writer writes himself with hd_state.h once the phase has ended. Notes for an attached undo
   record are taken as elsewhere. */
#ifndef HD_STATE_BULK_H
#define HD_STATE_BULK_H

#include "base/hd_threads.h"
#include "state/hd_state.h"

#define HD_STATE_BULK_PART_MAX 64u

typedef struct hd_state_bulk hd_state_bulk;

/* Memory that is kept from one phase to the next. HD_ERR_NOMEM. */
hd_err hd_state_bulk_open(hd_state_bulk **out);
void hd_state_bulk_close(hd_state_bulk *b); /* NULL is allowed */

/* Part i brings at most cnts[i] accounts. What the phase needs to note is taken here, so that a
   failure of its end leaves what can be undone. HD_ERR_NOMEM, HD_ERR_LIMIT: there is no phase. */
hd_err hd_state_bulk_begin_accounts(hd_state_bulk *b, hd_state *s, uint32_t part_cnt,
                                    const uint32_t *cnts);
/* An account's nonce and balance, while code_idx (hd_world's) is the code that it has: 1 when it
   exists so, or is new to the state and has none; else 0. addr is numeric; ref is its index among
   the accounts of a view of the state (hd_state_world), plus 1, or 0 where the view's table does
   not have it. Who brings a value has often looked the old one up; for others hd_state_bulk_find.
 */
int hd_state_bulk_account(hd_state_bulk *b, uint32_t part_idx, const uint32_t addr[5], uint32_t ref,
                          uint64_t nonce, hd_u256 balance_wei, uint32_t code_idx);
uint32_t hd_state_bulk_find(const hd_state_bulk *b, const uint32_t addr[5]);
/* Asks for the memory of an account that comes soon. */
void hd_state_bulk_ahead_account(const hd_state_bulk *b, uint32_t ref);
/* New accounts come into being. HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_state_bulk_end_accounts(hd_state_bulk *b, hd_pool *pool);

/* The same for slots. A slot whose account does not exist is refused. */
hd_err hd_state_bulk_begin_slots(hd_state_bulk *b, hd_state *s, uint32_t part_cnt,
                                 const uint32_t *cnts);
int hd_state_bulk_slot(hd_state_bulk *b, uint32_t part_idx, const uint32_t addr[5], hd_u256 key,
                       hd_u256 value);
/* Asks for the memory of a slot that comes soon, where its account is that of the part's last. */
void hd_state_bulk_ahead_slot(const hd_state_bulk *b, uint32_t part_idx, const uint32_t addr[5],
                              hd_u256 key);
hd_err hd_state_bulk_end_slots(hd_state_bulk *b, hd_pool *pool);

#endif
