/* hd_t8n_write.h - a run of t8n, and writing its result. */
#ifndef HD_T8N_WRITE_H
#define HD_T8N_WRITE_H

#include "cli/hd_t8n_read.h"

typedef struct {
    hd_hash post_root; /* before Byzantium: the state root behind it */
    uint64_t gas_used;
    uint64_t cumulative_gas;
    size_t tx_idx;  /* into the input's transactions */
    size_t log_idx; /* into the run's logs */
    size_t log_cnt;
    hd_address created; /* zero unless it was a creation */
    uint32_t is_success;
} hd_t8n_receipt;

typedef struct {
    size_t idx;        /* of the transaction in the input */
    size_t reason_off; /* into rejected_text */
} hd_t8n_rejected;

typedef struct {
    hd_t8n_output *out;
    const hd_t8n_options *options;
    hd_state *state;
    hd_t8n_rules rules;
    hd_t8n_env env;
    hd_t8n_txs txs;
    hd_results results; /* of the transaction that ran last */
    hd_buf receipts;    /* of hd_t8n_receipt */
    hd_buf logs;        /* of hd_log_entry, data in log_bytes */
    hd_buf log_bytes;
    hd_buf rejected;      /* of hd_t8n_rejected */
    hd_buf rejected_text; /* strings with their NUL */
    hd_buf requests[3];   /* by HD_REQUEST_..., without the type byte */
    hd_u256 blob_fee;     /* wei a blob gas */
    uint64_t gas_used;
    uint64_t blob_gas_used;
    uint64_t missing_number; /* the block whose hash was asked for in vain */
    uint32_t has_blob_fee;
    uint32_t trace_cnt;
} hd_t8n_run_state;

/* hd_t8n_write fills r->out's alloc, result and body. */
hd_err hd_t8n_write(hd_t8n_run_state *r);

/* The address of the contract that sender's transaction with this nonce creates. */
hd_address hd_t8n_create_address(const hd_address *sender, uint64_t nonce);

#endif
