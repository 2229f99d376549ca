/* hd_dao_fork.h - the irregular change of state in the DAO fork's block (EIP-779). */
#ifndef HD_DAO_FORK_H
#define HD_DAO_FORK_H

#include "state/hd_state.h"

/* "dao-hard-fork": the extra data of the fork's block and the nine after it. */
#define HD_DAO_EXTRA "dao-hard-fork"
#define HD_DAO_EXTRA_SZ 13u

/* hd_dao_fork_apply moves all ether of the listed accounts to the refund contract, before the
   block's transactions. HD_ERR_NOMEM. */
hd_err hd_dao_fork_apply(hd_state *s);

#endif
