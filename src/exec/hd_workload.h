/* hd_workload.h - batches of transactions made from a name, a number and a seed: what bench and
   demo run and what tests compare backends with. */
#ifndef HD_WORKLOAD_H
#define HD_WORKLOAD_H

#include "exec/hd_exec.h"
#include "exec/hd_exec_ordered.h"
#include "state/hd_state.h"

#define HD_WORKLOAD_TX_MAX (1u << 24)

/* The contracts' sources are in contracts/. */
#define HD_WORKLOADS(X) \
    X(ERC20, "erc20", "token transfers, each between two accounts of its own") \
    X(ERC20_HOT, "erc20-hot", "token transfers to one recipient") \
    X(ERC20_RANDOM, "erc20-random", "token transfers among a set of accounts, nonces in sequence") \
    X(SWAP, "swap", "swaps in constant-product pools, four to a pool, two tokens called") \
    X(ARITH, "arith", "a loop of 256-bit arithmetic") \
    X(KECCAK, "keccak", "a chain of hashes") \
    X(SSTORE, "sstore", "writes to fresh slots") \
    X(EVERYTHING, "everything", "a loop of memory, hashes, arithmetic and storage") \
    X(MIXED, "mixed", "transfer, approve, balanceOf and totalSupply in turn") \
    X(MIXED_SORTED, "mixed-sorted", "the same, sorted by what is called") \
    X(ETHER, "ether", "plain payments, each between two accounts of its own")

enum {
#define HD_X(id, name, text) HD_WORKLOAD_##id,
    HD_WORKLOADS(HD_X)
#undef HD_X
        HD_WORKLOAD_CNT
};

typedef struct {
    uint64_t seed;
    uint32_t kind; /* HD_WORKLOAD_... */
    uint32_t tx_cnt;
    uint32_t account_cnt;  /* erc20-random: accounts, at least 2; 0: 10,000 */
    uint32_t fork;         /* from HD_FORK_CANCUN, which the contracts are compiled for */
    uint32_t threads;      /* to make it with; 0: all cores. The result is the same. */
    uint32_t hot_percent;  /* ether, erc20: how many of 100 go to one recipient, 0 to 100 */
    uint32_t pool_traders; /* swap: transactions that use one pool; 0: 4 */
    uint32_t is_chain;     /* ether: each sender has only what the one before sent */
} hd_workload_options;

/* Every transaction succeeds: erc20-random and chains in order, the others in any order and also
   all against the first state. */
typedef struct {
    hd_state *state;
    hd_tx *txs;
    uint8_t *data;
    size_t data_sz;
    uint32_t tx_cnt;
    hd_env env;
} hd_workload;

/* hd_workload_find returns HD_WORKLOAD_..., or HD_WORKLOAD_CNT where no workload has the name. */
uint32_t hd_workload_find(const char *name);
const char *hd_workload_name(uint32_t kind);
const char *hd_workload_text(uint32_t kind);

/* hd_workload_open makes a workload; the same options give the same one on every machine.
   HD_ERR_NOMEM, HD_ERR_LIMIT: an option is out of range. */
hd_err hd_workload_open(hd_workload *out, const hd_workload_options *options);
void hd_workload_close(hd_workload *w);

/* The workload as a batch against its state (world must outlive the batch), and as a sequence. */
void hd_workload_batch(hd_batch *out, hd_world *world, const hd_workload *w);
void hd_workload_sequence(hd_sequence *out, const hd_workload *w);

/* hd_workload_contract gives a compiled contract: 0 token, 1 pair, 2 work; NULL for others. */
const uint8_t *hd_workload_contract(size_t *code_sz, uint32_t idx);

#endif
