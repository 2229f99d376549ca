/* hd_expect.h - the official tests' names for refused transactions and blocks, and which of our
   statuses each stands for. */
#ifndef HD_EXPECT_H
#define HD_EXPECT_H

#include "evm/hd_block.h"

#define HD_EXPECT_NO 0 /* the status is none of those that the names mean */
#define HD_EXPECT_YES 1
#define HD_EXPECT_UNKNOWN 2 /* a name that is not in the table */

/* hd_expect_match judges a refusal by names as execution-spec-tests write them:
   "TransactionException.A|TransactionException.B". */
int hd_expect_match(const char *names, uint32_t status);

/* hd_expect_block_match does so for a refused block; the names may be of either kind:
   "BlockException.A|TransactionException.B". */
int hd_expect_block_match(const char *names, const hd_block_verdict *verdict);

#endif
