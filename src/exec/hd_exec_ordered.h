/* hd_exec_ordered.h - a sequence of transactions whose result equals serial execution in that
   order, run in rounds.

   A chunk of the sequence runs at once against the state as it is. What its transactions wrote is
   indexed, and each one's reads are compared by value with what the index says its predecessors
   left. Those that do not hold run again, reading the index; and so on until all hold. Where
   rounds do not converge, what does not hold is cut into chains that do not meet (hd_chains.h),
   each of which runs in order on a host thread; where they are one chain, or guessed wrong, the
   chunk is finished in order: what holds is applied, what does not runs again alone.

   On a device's handle (cuda; tiled, which stands for one in tests) the first round of a chunk and
   later ones of many transactions run on the device, the others on host threads that the handle
   keeps for this. A chunk in which the device fails is run anew on these threads; after
   HD_ERR_DEVICE, which is told once on standard error, so are all later chunks of the handle. */
#ifndef HD_EXEC_ORDERED_H
#define HD_EXEC_ORDERED_H

#include "exec/hd_exec.h"
#include "state/hd_state.h"

/* Chunks even where running one after the other would be faster: for tests and measurements. */
#define HD_ORDERED_NEVER_SERIAL 1u
/* Receipts given to hd_sequence.receipt list the accounts and slots that were only read, too: for
   witnesses. */
#define HD_ORDERED_READS 2u
/* A device also runs rounds that the host's threads would sooner be done with: for tests. */
#define HD_ORDERED_DEVICE_ROUNDS 4u

/* hd_sequence.receipt looks at status, gas, logs and output alone: it is spared the work that makes
   differences what they are in order. */
#define HD_ORDERED_RECEIPTS 8u

#define HD_ORDERED_CHUNK_MAX (1u << 20) /* transactions */

typedef struct {
    const hd_tx *txs; /* in canonical order; world_idx must be 0 */
    const hd_env *envs;
    const uint8_t *data; /* what the transactions' *_off point into */
    size_t data_sz;
    uint32_t tx_cnt;
    uint32_t env_cnt;
    uint32_t chunk_cnt; /* transactions in the largest chunk; 0: chosen by backend; 1: serial */
    uint32_t flags;     /* HD_ORDERED_... */
    /* Work units after which a transaction of a chunk is given up and runs alone at its turn, so
       that one misled lane cannot hold up a device; 0: none. Never changes a result. */
    uint64_t chunk_work_max;
    /* As in hd_batch; world_idx is 0. */
    hd_err (*blockhash)(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number);
    void *blockhash_ctx;
    /* Called in order with each final receipt, before its writes enter the state; the receipt's
       offsets point into from, which is valid during the call. Writes of its neighbours before it
       may not have entered the state yet either. An error ends the sequence with it. NULL: none. */
    hd_err (*receipt)(void *ctx, uint32_t tx_idx, const hd_receipt *r, const hd_results *from);
    void *receipt_ctx;
} hd_sequence;

typedef struct {
    uint64_t gas_used;     /* of all transactions */
    uint64_t chunk_cnt;    /* chunks that ran at once */
    uint64_t chunk_tx_cnt; /* transactions in them */
    uint64_t round_cnt;    /* rounds of all chunks, each chunk's first included */
    uint64_t rerun_cnt;    /* transactions that ran again, once for each time */
    uint64_t serial_cnt;   /* transactions that ran outside of chunks */
    uint64_t refused_cnt;  /* HD_TX_INVALID... in the end */
    uint64_t failed_cnt;   /* HD_TX_REVERT or HD_TX_HALT in the end */
    uint64_t sum_cnt;      /* slots that transactions of chunks left as sums (hd_core_tags.inc) */
    uint64_t chain_cnt;    /* the longest chain met: 1, and how often one transaction ran again */
    uint64_t device_round_cnt; /* of the rounds, those on a device */
    uint64_t device_lost_cnt;  /* chunks that a device failed at and the host ran anew */
    uint64_t chunk_ns;         /* time in which chunks ran at once */
    uint64_t kernel_ns;        /* of it, kernels (cuda) */
    uint64_t lane_chain_cnt;   /* chains that ran beside each other, each on one thread */
    uint64_t lane_tx_cnt;      /* transactions in them, those included that kept their results */
    uint64_t lane_ns;          /* finding and running them */
    uint64_t index_ns;         /* indexing and validating */
    uint64_t again_ns;         /* rounds after the first */
    uint64_t commit_ns;        /* receipts and writes of chunks */
    uint64_t rerun_ns;         /* what ran alone or was finished in order, writes included */
    uint64_t total_ns;
} hd_ordered_stats;

/* hd_exec_ordered runs the sequence on x and writes its effects into s: accounts, slots and the
   coinbase's fees (no rewards, withdrawals or system calls). The result hangs on s and the sequence
   alone: not on backend, threads or chunk size. A run of transactions with one env_idx is a block:
   a transaction whose gas limit or blobs exceed what its predecessors left of the block's is
   refused (HD_TX_SKIP_CHECKS ones neither count nor are refused); a refused one changes nothing and
   the sequence goes on. stats (may be NULL) is overwritten. Errors of hd_exec_run, hd_state_apply
   and seq->receipt, after which s holds the effects of some first transactions; HD_ERR_NOMEM also
   for a transaction that needs more memory than a lane has. */
hd_err hd_exec_ordered(hd_exec *x, hd_state *s, const hd_sequence *seq, hd_ordered_stats *stats);

#endif
