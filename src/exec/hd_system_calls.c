/* hd_system_calls.c - calls that a block makes itself, and its requests. */
#include "exec/hd_system_calls.h"

hd_err hd_system_call_run(hd_results *out, const hd_system_host *host, hd_address to,
                          const uint8_t *data, uint32_t data_sz) {
    hd_world world;
    hd_env env = *host->env;
    hd_tx tx = hd_system_call(to, 0, data_sz);
    env.gas_limit = HD_SYSTEM_CALL_GAS;
    env.flags = HD_ENV_NO_TX_GAS_CAP;
    tx.chain_id = env.chain_id;
    hd_state_world(&world, host->state);
    hd_batch batch = {.worlds = &world,
                      .envs = &env,
                      .txs = &tx,
                      .data = data,
                      .data_sz = data_sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = 1,
                      .flags = host->access ? HD_BATCH_READS : 0,
                      .blockhash = host->blockhash,
                      .blockhash_ctx = host->blockhash_ctx};
    hd_err err = hd_exec_run(host->exec, out, &batch);
    if (err != HD_OK)
        return err;
    hd_receipt receipt = out->receipts[0];
    if (receipt.status > HD_TX_HALT && receipt.status < HD_TX_INVALID)
        return HD_ERR_NOMEM;
    if (host->access)
        err = host->access(host->access_ctx, &receipt, out);
    if (err != HD_OK)
        return err;
    /* A system call pays nobody, so it does not touch the coinbase either. */
    receipt.flags |= HD_RECEIPT_FEE_PAID;
    return hd_state_apply(host->state, &receipt, out->accounts, out->slots, out->bytes,
                          &env.coinbase, env.fork);
}

hd_err hd_system_begin(hd_results *out, const hd_system_host *host, const hd_hash *beacon_root,
                       const hd_hash *parent_hash) {
    hd_err err = HD_OK;
    if (beacon_root && host->env->fork >= HD_FORK_CANCUN)
        err = hd_system_call_run(out, host, hd_beacon_roots_address(), beacon_root->b, 32);
    if (err == HD_OK && parent_hash && host->env->fork >= HD_FORK_PRAGUE)
        err = hd_system_call_run(out, host, hd_history_address(), parent_hash->b, 32);
    return err;
}

static hd_err collect_deposits(hd_buf *out, hd_requests_verdict *verdict, const hd_block_logs *logs,
                               const hd_address *contract) {
    for (size_t i = 0; i < logs->log_cnt; i++) {
        const hd_log_entry *log = &logs->logs[i];
        if (!hd_deposit_is_log(log, contract))
            continue;
        hd_err err = hd_deposit_parse(
            out, &verdict->why, log->data_sz ? logs->bytes + log->data_off : NULL, log->data_sz);
        if (err == HD_ERR_FORMAT) {
            verdict->status = HD_BLOCK_INVALID_DEPOSIT;
            return HD_OK;
        }
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static hd_err dequeue(hd_buf *requests, hd_requests_verdict *verdict, hd_results *out,
                      const hd_system_host *host, hd_address from) {
    hd_state_account account;
    if (hd_state_get(&account, host->state, &from) != HD_OK || account.code_sz == 0) {
        verdict->status = HD_BLOCK_INVALID_SYSTEM_EMPTY;
        return HD_OK;
    }
    hd_err err = hd_system_call_run(out, host, from, NULL, 0);
    if (err != HD_OK)
        return err;
    const hd_receipt *receipt = &out->receipts[0];
    if (receipt->status != HD_TX_SUCCESS) {
        verdict->status = HD_BLOCK_INVALID_SYSTEM_CALL;
        hd_msg_set(&verdict->why, "%s",
                   receipt->status == HD_TX_HALT ? hd_evm_error_name(receipt->error)
                                                 : hd_tx_status_name(receipt->status));
        return HD_OK;
    }
    return hd_buf_append(requests, out->bytes + receipt->output_off, receipt->output_sz);
}

hd_err hd_requests_collect(hd_buf requests[3], hd_requests_verdict *verdict, hd_results *out,
                           const hd_system_host *host, const hd_block_logs *logs,
                           const hd_address *deposit_contract) {
    verdict->status = HD_BLOCK_VALID;
    verdict->type = HD_REQUEST_DEPOSIT;
    verdict->why.text[0] = 0;
    if (host->env->fork < HD_FORK_PRAGUE)
        return HD_OK;
    hd_err err = collect_deposits(&requests[HD_REQUEST_DEPOSIT], verdict, logs, deposit_contract);
    for (uint32_t type = HD_REQUEST_WITHDRAWAL;
         err == HD_OK && verdict->status == HD_BLOCK_VALID && type <= HD_REQUEST_CONSOLIDATION;
         type++) {
        verdict->type = type;
        err = dequeue(&requests[type], verdict, out, host,
                      type == HD_REQUEST_WITHDRAWAL ? hd_withdrawal_requests_address()
                                                    : hd_consolidation_requests_address());
    }
    return err;
}
