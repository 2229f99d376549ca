/* hd_chains.h - the transactions of a chunk that no longer hold, cut into chains that do not meet:
   each chain runs in canonical order on one host thread, chains beside each other.

   Who reads what another wrote is guessed from what both did when they last ran. A member of a
   chain reads the versions of all (hd_version_index.h) and over them what the members before it
   have left this time. Members that hold all the same keep their results. A wrong guess costs
   time, never a result: afterwards everything is indexed and validated as after any round. */
#ifndef HD_CHAINS_H
#define HD_CHAINS_H

#include "base/hd_threads.h"
#include "exec/hd_exec.h"
#include "exec/hd_version_index.h"

typedef struct hd_chains hd_chains;

/* What was found; gas is that of the last runs. */
typedef struct {
    uint64_t gas;         /* of all members */
    uint64_t longest_gas; /* of the chain that has most */
    uint32_t chain_cnt;
    uint32_t tx_cnt;      /* members: the invalid ones, and those that read what these wrote */
    uint32_t longest_cnt; /* members of the longest chain */
} hd_chains_found;

/* pool (NULL: the caller alone) is that of the backend that will run the chains, and must outlive
   the handle. HD_ERR_NOMEM. */
hd_err hd_chains_open(hd_chains **out, hd_pool *pool);
void hd_chains_close(hd_chains *c); /* NULL is allowed */

/* hd_chains_find cuts the invalid transactions (ascending, as hd_version_index_check lists them)
   and those that hang on them into chains. versions are those of the index. HD_ERR_NOMEM. */
hd_err hd_chains_find(hd_chains *c, hd_chains_found *out, const hd_versions *versions,
                      const hd_version_input *in, const uint32_t *invalid, uint32_t invalid_cnt);

/* hd_chains_begin makes the chains that were found last the list of batch, a round's otherwise.
   What hd_chains_find was given must stay as it was until the batch has run. */
void hd_chains_begin(hd_chains *c, hd_batch *batch);

/* hd_chains_end tells how many members ran again, and marks them in is_late (as
   hd_version_input's). *most is the largest mark. */
uint32_t hd_chains_end(hd_chains *c, uint8_t *is_late, uint32_t *most);

#endif
