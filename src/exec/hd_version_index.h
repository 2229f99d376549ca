/* hd_version_index.h - indexes what a sequence's transactions wrote, so that a later round reads
   it (hd_versions.h), and says whose reads no longer hold. */
#ifndef HD_VERSION_INDEX_H
#define HD_VERSION_INDEX_H

#include "base/hd_threads.h"
#include "exec/hd_version_rules.h"
#include "state/hd_state.h"

typedef struct hd_version_index hd_version_index;

/* pool (NULL: the caller alone) must outlive the index. HD_ERR_NOMEM. */
hd_err hd_version_index_open(hd_version_index **out, hd_pool *pool);
void hd_version_index_close(hd_version_index *x);

/* hd_version_index_build indexes every write set as it stands. *out is valid until the next call.
   Additions are folded: each version of an account is what it is when all before it hold.
   HD_ERR_NOMEM, HD_ERR_LIMIT (over 2^31 entries). */
hd_err hd_version_index_build(hd_version_index *x, const hd_versions **out,
                              const hd_version_input *in);

/* Of the slots indexed last, those that are their original and a constant (HD_DIFF_ADD). */
uint32_t hd_version_index_sum_cnt(const hd_version_index *x);

/* hd_version_index_check compares what transactions [first, tx_cnt) read with the index that was
   built last, by value, and lists those that do not hold, ascending, in invalid (room for tx_cnt).
   A transaction that has no result (given up, out of memory) does not hold. */
hd_err hd_version_index_check(hd_version_index *x, uint32_t *invalid, uint32_t *invalid_cnt,
                              const hd_version_input *in, uint32_t first);

/* hd_version_index_settle rewrites all differences to what they are in order (hd_account_settle),
   for those who want them; every transaction of the input must hold. */
hd_err hd_version_index_settle(hd_version_index *x, const hd_version_input *in);

/* hd_version_index_commit writes the last version of every key into s. Every transaction of the
   input must hold. The world of the input is a view of s and ends with this. Errors of hd_state. */
hd_err hd_version_index_commit(hd_version_index *x, hd_state *s, const hd_version_input *in);

/* A part of hd_version_index_commit: each block's fees. */
hd_err hd_version_fees_commit(hd_state *s, const hd_version_input *in, hd_pool *pool);

#endif
