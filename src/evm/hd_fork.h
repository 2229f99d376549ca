/* hd_fork.h - the forks whose rules the machine knows, in order of activation. */
#ifndef HD_FORK_H
#define HD_FORK_H

#include "base/hd_base.h"

/* Only forks that change what a transaction means have a number. Names that change difficulty or
   block headers alone (MuirGlacier, ArrowGlacier, GrayGlacier, DAOFork, BPO1..) map onto these. */
#define HD_FORK_FRONTIER 0u
#define HD_FORK_HOMESTEAD 1u
#define HD_FORK_TANGERINE 2u /* EIP-150 */
#define HD_FORK_SPURIOUS 3u  /* EIP-155, 158/161, 160, 170 */
#define HD_FORK_BYZANTIUM 4u
#define HD_FORK_CONSTANTINOPLE 5u /* with EIP-1283 */
#define HD_FORK_PETERSBURG 6u     /* ConstantinopleFix: without it */
#define HD_FORK_ISTANBUL 7u
#define HD_FORK_BERLIN 8u
#define HD_FORK_LONDON 9u
#define HD_FORK_PARIS 10u
#define HD_FORK_SHANGHAI 11u
#define HD_FORK_CANCUN 12u
#define HD_FORK_PRAGUE 13u
#define HD_FORK_OSAKA 14u
#define HD_FORK_CNT 15u

#endif
