/* hd_exec.h - running many transactions: batches, backends, results.

   A batch is n transactions, the worlds they read and bytes. Every transaction of a batch runs
   against its world as given: none sees another's writes (hd_exec_ordered.h runs a sequence whose
   result equals serial execution). All backends give the same results to the last bit. */
#ifndef HD_EXEC_H
#define HD_EXEC_H

#include "evm/hd_evm.h"

#define HD_BACKEND_AUTO 0u /* cuda where a device is usable and the batch is large, else host */
#define HD_BACKEND_HOST 1u
#define HD_BACKEND_CUDA 2u
#define HD_BACKEND_TILED 3u  /* the device's lane layout on the CPU: for tests */
#define HD_BACKEND_SWITCH 4u /* the host's lanes with the device's switch dispatch: for tests */

struct hd_results;
struct hd_versions;

/* A batch's list cut into chains, for host threads: a chain's transactions run in the list's order
   on one thread, chains beside each other. Both functions are called from the worker that runs the
   chain; worker_idx is below the pool's thread count, and no two chains share one at a time. */
typedef struct {
    const uint32_t *first; /* where chain i begins in the list; chain_cnt + 1 of them */
    uint32_t chain_cnt;
    void *ctx;
    /* The versions that the transaction is to read; NULL: the result that it has stays. */
    hd_err (*before)(void *ctx, const struct hd_versions **versions, uint32_t worker_idx,
                     uint32_t chain_idx, uint32_t tx_idx);
    /* It ran: its receipt, whose offsets point into from until the call returns. */
    hd_err (*after)(void *ctx, uint32_t worker_idx, uint32_t tx_idx, const hd_receipt *r,
                    const struct hd_results *from);
} hd_batch_chains;
/* What a lane looked for in a world that is not complete (HD_WORLD_COMPLETE) and did not find. */
typedef struct {
    hd_u256 key;      /* of a slot */
    uint32_t addr[5]; /* numeric */
    uint32_t is_slot; /* 0: the account */
} hd_world_need;

HD_STATIC_ASSERT(sizeof(hd_world_need) == 56, "no padding: needs are compared as bytes");

/* Who supplies it. need puts an entry of each of needs[0, cnt) into the world: an account's, which
   says by its flags that there is none, or a slot's, which may be zero, of an account that is
   there. It may move tables and must not move codes; what stopped then runs on. On host threads
   (any number at once, one need at a time) enter and leave stand around all that looks at the
   world, and need is called outside of them; on cuda they are not called, and need comes with all
   needs of a launch, from the thread that called hd_exec_run. An error ends the run. */
typedef struct {
    hd_err (*need)(void *ctx, const hd_world_need *needs, uint32_t cnt);
    void (*enter)(void *ctx);
    void (*leave)(void *ctx);
    void *ctx;
} hd_world_supply;

typedef struct {
    const hd_world *worlds;
    const hd_env *envs;
    const hd_tx *txs;
    const uint8_t *data; /* what the transactions' *_off point into; 8-byte aligned */
    size_t data_sz;
    uint32_t world_cnt;
    uint32_t env_cnt;
    uint32_t tx_cnt;
    uint32_t flags;    /* HD_BATCH_... */
    uint64_t work_max; /* work units a transaction may use before it ends with HD_TX_WORK_LIMIT; 0:
                          none */
    /* Block hash of `number` (one of the 256 before the environment's block). Must be set when code
       may ask; returns HD_OK, or HD_ERR_ABSENT, which ends hd_exec_run with that error. Called from
       the thread that called hd_exec_run or from workers: must be thread-safe. */
    hd_err (*blockhash)(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number);
    void *blockhash_ctx;
    /* Rounds (hd_exec_ordered.h) run some transactions of a sequence again, against what the others
       wrote: list holds their indexes, each once, NULL: all; versions what they read, NULL: the
       worlds alone (the transactions' positions are position + index). Not for a traced run on
       cuda. */
    const uint32_t *list;
    uint32_t list_cnt;
    uint32_t position;
    const struct hd_versions *versions;
    const hd_batch_chains *chains; /* NULL: none; else list is set, and the backend is host */
    /* Of each transaction: not 0: it runs as with HD_BATCH_TAGGED. NULL: as flags say. The host's
       backends look at it. */
    const uint8_t *tagged;
    const hd_world_supply *supply; /* NULL: an incomplete world ends the run with HD_ERR_ABSENT */
} hd_batch;

#define HD_BATCH_READS 1u   /* export read-only accounts and slots too (for validation) */
#define HD_BATCH_NO_DIFF 2u /* receipts only: no accounts, slots, logs, output */
#define HD_BATCH_ASSUMED \
    16u                   /* senders' nonces and funds are taken to suffice; validation decides */
#define HD_BATCH_KEEP 32u /* results are added; receipts of others than list's stay */
/* Worlds, envs, txs and data are those of the handle's last run, at the same places and unchanged:
   cuda uses the copy that it has. */
#define HD_BATCH_SAME 128u
/* With HD_BATCH_READS: loads are followed (hd_core_tags.inc), so that what a transaction did to a
   slot may hold for other values of it, too. Dearer; for what is likely to conflict. */
#define HD_BATCH_TAGGED 256u
/* host threads: results may leave gaps between their ranges, which spares bringing them together.
 */
#define HD_BATCH_GAPS 1024u
#define HD_BATCH_UNSORTED 4u     /* cuda: do not group lanes by code and selector (for measuring) */
#define HD_BATCH_UNTIMED 64u     /* total_ns stays 0: for batches shorter than the clock's price */
#define HD_BATCH_TRACE_MEMORY 8u /* host: steps hold the contents of memory, a copy each */

#define HD_BATCH_TRACE_RETURN_DATA 2048u /* host: steps hold the return data, a copy each */
#define HD_BATCH_TRACE_FRAMES 512u /* host: between the steps come where frames begin and end */

/* Results live in arrays that grow and are reused by the next hd_exec_run. receipts[i] belongs to
   txs[i]; its ranges lie anywhere in the arrays (a backend may finish transactions out of order),
   without gaps but with HD_BATCH_GAPS, its entries in the order in which the transaction met them.
   */
typedef struct hd_results {
    hd_receipt *receipts;
    hd_account_diff *accounts;
    hd_account_read *reads; /* of each of accounts, with HD_BATCH_READS */
    hd_slot_diff *slots;
    hd_slot_read *slot_reads; /* of each of slots that has HD_DIFF_RANGE */
    hd_log_entry *logs;
    uint8_t *bytes;
    size_t receipt_cnt, account_cnt, slot_cnt, log_cnt, bytes_sz;
    size_t receipt_max, account_max, read_max, slot_max, slot_read_max, log_max,
        bytes_max;      /* capacities */
    uint64_t kernel_ns; /* device time of the kernels (cuda), 0 elsewhere */
    uint64_t total_ns;  /* hd_exec_run as a whole, copies included */
    uint32_t launch_cnt;
    uint32_t retry_cnt;               /* transactions that ran again in a larger lane class */
    struct hd_results_shared *shared; /* NULL; else a worker's share of another's arrays */
} hd_results;

/* A call, a creation or a selfdestruct (which go-ethereum counts with them) begins or ends. Those
   that cannot begin (depth, balance, collision) do both at once, as precompiles do. */
typedef struct {
    hd_u256 value;
    hd_address from, to;
    const uint8_t *data; /* calldata or initcode; at the end the output or the code made */
    uint64_t data_sz;
    uint64_t gas;       /* given to it; at the end: used by it */
    uint32_t op;        /* HD_OP_CALL, ..., HD_OP_CREATE for a transaction that creates */
    uint32_t depth;     /* 0: the transaction itself */
    uint32_t is_end;    /* then from, to, value and op are not set */
    uint32_t error;     /* HD_EVM_ERR_... at the end */
    uint32_t error_op;  /* the instruction that ended it, with the words on the stack before it */
    uint32_t stack_cnt; /* (where error is of an instruction) */
} hd_trace_frame;

/* One step of a trace (EIP-3155), before the instruction runs. stack is bottom first. */
typedef struct {
    const hd_trace_frame *frame; /* with HD_BATCH_TRACE_FRAMES: this, and no step; else NULL */
    const hd_u256 *stack;
    uint64_t pc;
    uint64_t gas;          /* before the instruction */
    uint64_t gas_cost;     /* a call's includes what it gave its callee, as go-ethereum prints it */
    uint64_t refund;       /* with what SSTORE and SELFDESTRUCT themselves give */
    uint64_t memory_sz;    /* bytes, before the instruction */
    const uint8_t *memory; /* its contents with HD_BATCH_TRACE_MEMORY on the host, else NULL */
    uint32_t stack_cnt;
    uint32_t depth; /* from 1 */
    uint32_t op;
    uint32_t error; /* HD_EVM_ERR_... of this step, 0 if it went well (REVERT does) */
    /* Host alone: */
    uint32_t fault;             /* error (or HD_EVM_ERR_REVERTED) that came after gas was paid */
    uint64_t fault_memory_sz;   /* bytes of memory then */
    const uint8_t *return_data; /* with HD_BATCH_TRACE_RETURN_DATA, before the instruction */
    uint64_t return_data_sz;
} hd_trace_step;

/* Called once for every instruction, after it ran (so that gas_cost and error are known) with the
   state as it was before. Makes the run serial. On cuda only the ten topmost words of the stack are
   known: those below read as zero. */
typedef void (*hd_trace_fn)(void *ctx, const hd_trace_step *step);

typedef struct hd_exec hd_exec;

typedef struct {
    uint32_t backend;  /* HD_BACKEND_... */
    uint32_t threads;  /* host: worker threads; 0: all cores */
    hd_trace_fn trace; /* NULL: none */
    void *trace_ctx;
} hd_exec_options;

/* hd_exec_open prepares a backend. HD_ERR_ABSENT: cuda asked for and no usable device or not built
   in. A handle may be used by one thread at a time. */
hd_err hd_exec_open(hd_exec **out, const hd_exec_options *options);
void hd_exec_close(hd_exec *x);

/* hd_exec_backend names what runs: HD_BACKEND_HOST, _CUDA, _TILED or _SWITCH. */
uint32_t hd_exec_backend(const hd_exec *x);

/* hd_exec_threads: the number of worker threads that was asked for; 0: all cores. */
uint32_t hd_exec_threads(const hd_exec *x);

/* hd_exec_pool: the host backend's threads, or NULL. Lent, for work between batches. */
struct hd_pool *hd_exec_pool(hd_exec *x);

/* hd_exec_keep: a place at the handle for what a driver keeps from one sequence to the next; it is
   freed with free_fn when the handle is closed. */
void **hd_exec_keep(hd_exec *x, void (*free_fn)(void *));

/* hd_exec_run runs the batch and fills *out (zeroed by the caller before first use, freed by
   hd_results_free). HD_ERR_NOMEM, HD_ERR_DEVICE, HD_ERR_LIMIT (an offset of a transaction lies
   outside data, or its gas limit is over 2^63 - 1: the whole batch is refused), HD_ERR_ABSENT
   (block hash). On error *out holds nothing. */
hd_err hd_exec_run(hd_exec *x, hd_results *out, const hd_batch *batch);

/* As hd_exec_run with every step given to fn, whatever the options of the handle were. On cuda also
   HD_ERR_LIMIT: more than 65,536 instructions without a jump or a call; and HD_ERR_UNSUPPORTED:
   list or versions are set. */
hd_err hd_exec_trace(hd_exec *x, hd_results *out, const hd_batch *batch, hd_trace_fn fn, void *ctx);

void hd_results_free(hd_results *r);

const char *hd_tx_status_name(uint32_t status); /* text of HD_TX_STATUS */
const char *hd_evm_error_name(uint32_t error);  /* text of HD_EVM_ERRORS */

#endif
