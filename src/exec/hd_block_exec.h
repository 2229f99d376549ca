/* hd_block_exec.h - executes whole blocks on a state, and checks them against their headers.

   One implementation for serial and parallel execution, import, replay and building: system calls,
   transactions (hd_exec_ordered), withdrawals, rewards, requests, receipts and roots. Host code
   around a backend; a handle of hd_exec serves one thread at a time. */
#ifndef HD_BLOCK_EXEC_H
#define HD_BLOCK_EXEC_H

#include "base/hd_threads.h"
#include "evm/hd_block.h"
#include "exec/hd_chain_config.h"
#include "exec/hd_exec_ordered.h"
#include "state/hd_receipt_root.h"
#include "state/hd_state_trie.h"
#include "state/hd_undo.h"

/* The state is partial (a witness without its root, `heddle replay`): no state roots are computed,
   state_root stays zero, and a block before Byzantium has no receipts_root. */
#define HD_BLOCK_EXEC_NO_STATE_ROOT 1u
/* Nothing is compared with the header: for building and for simulations. */
#define HD_BLOCK_EXEC_NO_CHECK 2u

typedef struct {
    hd_exec *exec;
    hd_pool *pool;          /* sender recovery; NULL: the caller's thread alone */
    uint32_t chunk_cnt;     /* as in hd_sequence: 0 parallel, 1 serial */
    uint32_t ordered_flags; /* HD_ORDERED_... */
    uint32_t flags;         /* HD_BLOCK_EXEC_... */
    uint32_t reserved;
    uint64_t chunk_work_max; /* as in hd_sequence */
    /* Block hash of `number`, one of the 256 before the block; as in hd_batch. */
    hd_err (*blockhash)(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number);
    void *blockhash_ctx;
    /* Called with the final receipt of each transaction and system call, before its writes enter
       the state; its accounts and slots are then also those that were only read. NULL: none. An
       error ends the block with it. */
    hd_err (*access)(void *ctx, const hd_receipt *r, const hd_results *from);
    void *access_ctx;
    /* The tries of s, which know of every change before the block (as touched, or in their last
       root): roots then cost what the block touched. What the block changes they are told, and
       again when it is taken back; who takes it back later tells them with its undo record. NULL:
       every root is computed from all accounts. */
    hd_state_trie *trie;
} hd_block_exec_options;

typedef struct {
    uint64_t gas_used;
    uint64_t cumulative_gas;
    uint64_t log_idx;  /* into hd_block_result.logs */
    hd_hash post_root; /* where is_rooted */
    hd_address created;
    uint32_t log_cnt;
    uint32_t type; /* HD_TX_LEGACY ... */
    uint32_t is_success;
    uint32_t is_rooted; /* before Byzantium: post_root instead of success */
    uint32_t reserved;
} hd_block_receipt;

/* Zeroed before its first use, then reused; hd_block_result_free. */
typedef struct {
    uint64_t gas_used;
    uint64_t blob_gas_used;
    uint8_t bloom[256];
    hd_hash receipts_root;
    hd_hash requests_hash; /* from Prague */
    hd_hash state_root;
    hd_buf receipts; /* of hd_block_receipt, one for each transaction */
    hd_buf logs;     /* of hd_log_entry, data_off into log_bytes */
    hd_buf log_bytes;
    hd_buf requests[3]; /* by HD_REQUEST_..., without the type byte (EIP-7685) */
    hd_ordered_stats stats;
    uint64_t recover_ns;
    uint64_t exec_ns; /* system calls to requests */
    uint64_t root_ns; /* receipts, bloom, state root */
} hd_block_result;

void hd_block_result_free(hd_block_result *r);

/* hd_block_recover finds the senders of all transactions under the fork's rules; verdict is
   HD_BLOCK_INVALID_TX with the lowest one that has none. pool may be NULL. HD_ERR_NOMEM. */
hd_err hd_block_recover(hd_block_verdict *verdict, hd_block *b, const hd_chain_rules *rules,
                        hd_pool *pool);

/* The environment of the block's transactions. */
hd_env hd_block_env(const hd_header *h, const hd_chain_rules *rules);

/* hd_block_exec executes b on s. Senders must be known (hd_block_recover). *verdict says whether
   the block is valid as far as its transactions, gas, bloom, receipts, requests and state root go;
   its header and body are judged by hd_header_rules.h. undo, which must be empty, records what
   changed. When the verdict is not HD_BLOCK_VALID, or an error is returned, s is as it was before
   and undo empty again. Errors: those of hd_exec_ordered, hd_state_root and hd_state_trie_root. */
hd_err hd_block_exec(hd_block_result *out, hd_block_verdict *verdict, hd_state *s, hd_undo *undo,
                     const hd_block *b, const hd_chain_rules *rules,
                     const hd_block_exec_options *options);

/* ---- parts, for tools that put blocks together (t8n, a sequencer) */

/* What a body commits to. HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_block_txs_root(hd_hash *out, const hd_block *b);
hd_err hd_block_withdrawals_root(hd_hash *out, const hd_block *b);
/* hd_block_roots sets txs_root, ommers_hash and, where has_withdrawals, withdrawals_root of the
   block's header, then hash and rlp_sz (hd_block_finish). */
hd_err hd_block_roots(hd_block *b);

/* hd_block_seal writes what an execution gave (with HD_BLOCK_EXEC_NO_CHECK) into the header: gas,
   blob gas, bloom, receipts root, requests hash and state root; then the body's (hd_block_roots).
   So a block that was put together becomes a valid one. */
hd_err hd_block_seal(hd_block *b, const hd_block_result *r, const hd_chain_rules *rules);

/* Appends the receipt as it lies in the receipts trie. HD_ERR_ABSENT: there is none. */
hd_err hd_block_receipt_encode(hd_buf *out, const hd_block_result *r, uint32_t tx_idx);

#endif
