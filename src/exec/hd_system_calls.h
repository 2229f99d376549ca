/* hd_system_calls.h - the calls that a block makes itself, and the requests it ends with
   (EIP-4788, 2935, 6110, 7002, 7251, 7685).

   Host only; one thread at a time for each handle and state. */
#ifndef HD_SYSTEM_CALLS_H
#define HD_SYSTEM_CALLS_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"
#include "evm/hd_block.h"
#include "exec/hd_block_rules.h"
#include "exec/hd_exec.h"
#include "state/hd_state.h"

/* Where system calls run. exec should be a host backend: a device is slow at one transaction. */
typedef struct {
    hd_exec *exec;
    hd_state *state;
    const hd_env *env; /* of the block's transactions */
    /* As in hd_batch. */
    hd_err (*blockhash)(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number);
    void *blockhash_ctx;
    /* Called with each call's receipt, before its writes enter the state; what was only read is
       then listed, too. NULL: none. */
    hd_err (*access)(void *ctx, const hd_receipt *r, const hd_results *from);
    void *access_ctx;
} hd_system_host;

/* hd_system_call_run calls a contract and writes its effects into the state; out->receipts[0] says
   what became of it, which is no error here. It pays and touches nobody but what the code touches.
   Errors of hd_exec_run and hd_state_apply, HD_ERR_NOMEM. */
hd_err hd_system_call_run(hd_results *out, const hd_system_host *host, hd_address to,
                          const uint8_t *data, uint32_t data_sz);

/* hd_system_begin makes the calls before the transactions: the beacon block's root from Cancun on,
   the parent's hash from Prague on; NULL leaves one out. Whether the contracts are there, and what
   becomes of the calls, does not matter. */
hd_err hd_system_begin(hd_results *out, const hd_system_host *host, const hd_hash *beacon_root,
                       const hd_hash *parent_hash);

/* The logs of a block's transactions, in order; data_off counts from bytes. */
typedef struct {
    const hd_log_entry *logs;
    const uint8_t *bytes;
    size_t log_cnt;
} hd_block_logs;

/* Why a block's requests cannot be had. */
typedef struct {
    uint32_t status; /* HD_BLOCK_VALID, _INVALID_DEPOSIT, _INVALID_SYSTEM_EMPTY or _SYSTEM_CALL */
    uint32_t type;   /* HD_REQUEST_... that it happened with */
    hd_msg why;
} hd_requests_verdict;

/* hd_requests_collect appends the block's requests, from Prague on: deposits out of the logs of the
   deposit contract, then what the two queues give. requests[i] is of type i, without its type byte.
   Errors as above; *verdict says whether the block is valid so far. */
hd_err hd_requests_collect(hd_buf requests[3], hd_requests_verdict *verdict, hd_results *out,
                           const hd_system_host *host, const hd_block_logs *logs,
                           const hd_address *deposit_contract);

#endif
