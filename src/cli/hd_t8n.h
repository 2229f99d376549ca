/* hd_t8n.h - the state transition tool: applies a block's transactions to accounts given as JSON,
   by go-ethereum's contract (`evm t8n`). */
#ifndef HD_T8N_H
#define HD_T8N_H

#include "base/hd_buf.h"
#include "base/hd_json.h"
#include "exec/hd_exec.h"

/* Exit statuses of go-ethereum's t8n. */
#define HD_T8N_OK 0
#define HD_T8N_EVM 2       /* the block cannot be made: a system call failed, or our machine did */
#define HD_T8N_CONFIG 3    /* unknown fork, an environment that the fork does not allow */
#define HD_T8N_BLOCKHASH 4 /* BLOCKHASH of a block that env.blockHashes lacks */
#define HD_T8N_JSON 10     /* malformed input */
#define HD_T8N_IO 11       /* a file cannot be read or written */

typedef struct {
    hd_json alloc;       /* {address: {balance, nonce, code, storage}} */
    hd_json env;         /* currentNumber, currentCoinbase, ... */
    hd_json txs;         /* array of transactions, or a string: the RLP list in hexadecimal */
    hd_json tx_rlp;      /* such a string, has precedence when not empty; obj NULL: none */
    hd_json blob_params; /* {target, max, baseFeeUpdateFraction}; obj NULL: the fork's */
} hd_t8n_input;

typedef struct {
    const char *fork; /* go-ethereum's name */
    uint64_t chain_id;
    int64_t reward_wei;    /* of the block; below 0: no reward and no touch of the coinbase */
    hd_exec *exec;         /* host backend */
    const char *trace_dir; /* a file of EIP-3155 lines for each transaction; NULL: none */
    uint32_t trace_flags;  /* HD_TRACE_... of hd_trace_json.h */
} hd_t8n_options;

typedef struct {
    hd_buf alloc;  /* JSON without white space */
    hd_buf result; /* JSON without white space */
    hd_buf body;   /* RLP list of the included transactions */
    hd_msg msg;    /* why status is not HD_T8N_OK */
    int status;    /* HD_T8N_... */
} hd_t8n_output;

/* hd_t8n_run fills *out (zeroed before its first use; buffers are reused). Any number of threads,
   each with its own exec. Returns out->status. */
int hd_t8n_run(hd_t8n_output *out, const hd_t8n_input *in, const hd_t8n_options *options);
void hd_t8n_output_free(hd_t8n_output *out);

/* hd_t8n_indent appends the JSON text in[0,in_sz) to out with line breaks and unit for each level.
 */
hd_err hd_t8n_indent(hd_buf *out, const char *in, size_t in_sz, const char *unit);

#endif
