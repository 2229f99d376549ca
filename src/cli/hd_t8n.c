/* hd_t8n.c - the state transition tool: runs a block's transactions one after another, then
   rewards, withdrawals and requests, and writes go-ethereum's result. */
#include "cli/hd_t8n.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_rlp.h"
#include "cli/hd_t8n_read.h"
#include "cli/hd_t8n_write.h"
#include "cli/hd_trace_json.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_decimal.h"
#include "exec/hd_genesis.h"
#include "exec/hd_system_calls.h"

#define FAIL(run, code, ...) (hd_msg_set(&(run)->out->msg, __VA_ARGS__), (code))

static int fail_machine(hd_t8n_run_state *r, hd_err err) {
    return FAIL(r, HD_T8N_EVM, "the execution failed: %s", hd_err_name(err));
}

/* ---- the environment, checked and completed by the fork's rules ---- */

static int check_base_fee(hd_t8n_run_state *r) {
    hd_t8n_env *env = &r->env;
    if (r->rules.fork < HD_FORK_LONDON || env->has & HD_T8N_HAS_BASE_FEE)
        return HD_T8N_OK;
    if (!(env->has & HD_T8N_HAS_PARENT_BASE_FEE) || env->number == 0)
        return FAIL(r, HD_T8N_CONFIG, "EIP-1559 config but missing 'parentBaseFee' in env section");
    env->base_fee = hd_base_fee(env->parent_base_fee, env->parent_gas_used, env->parent_gas_limit);
    env->has |= HD_T8N_HAS_BASE_FEE;
    return HD_T8N_OK;
}

/* Old callers name no ommers' hash of the parent, or zero: that is a parent without ommers. */
static int has_parent_ommers(const hd_t8n_env *env) {
    static const uint8_t zero[32];
    hd_hash empty;
    const uint8_t empty_list = 0xc0;
    hd_keccak256(empty.b, &empty_list, 1);
    return memcmp(env->parent_ommers_hash.b, zero, 32) != 0 &&
           memcmp(env->parent_ommers_hash.b, empty.b, 32) != 0;
}

static int check_difficulty(hd_t8n_run_state *r) {
    hd_t8n_env *env = &r->env;
    if (r->rules.fork >= HD_FORK_PARIS) {
        if (!(env->has & HD_T8N_HAS_RANDOM))
            return FAIL(r, HD_T8N_CONFIG, "post-merge requires currentRandom to be defined in env");
        if (env->has & HD_T8N_HAS_DIFFICULTY && !hd_u256_is_zero(env->difficulty))
            return FAIL(r, HD_T8N_CONFIG, "post-merge difficulty must be zero (or omitted) in env");
        env->has &= ~HD_T8N_HAS_DIFFICULTY;
        return HD_T8N_OK;
    }
    if (env->has & HD_T8N_HAS_DIFFICULTY)
        return HD_T8N_OK;
    if (!(env->has & HD_T8N_HAS_PARENT_DIFFICULTY))
        return FAIL(r, HD_T8N_CONFIG,
                    "currentDifficulty was not provided, and cannot be calculated due to missing "
                    "parentDifficulty");
    if (env->number == 0)
        return FAIL(r, HD_T8N_CONFIG, "currentDifficulty needs to be provided for block number 0");
    if (env->timestamp <= env->parent_timestamp)
        return FAIL(r, HD_T8N_CONFIG,
                    "currentDifficulty cannot be calculated -- currentTime (%" PRIu64
                    ") needs to be after parent time (%" PRIu64 ")",
                    env->timestamp, env->parent_timestamp);
    hd_difficulty_input in = {
        .parent_difficulty = env->parent_difficulty,
        .parent_timestamp = env->parent_timestamp,
        .timestamp = env->timestamp,
        .number = env->number,
        .has_parent_ommers = (uint32_t)has_parent_ommers(env),
        .rules = r->rules.difficulty,
    };
    env->difficulty = hd_difficulty(&in);
    env->has |= HD_T8N_HAS_DIFFICULTY;
    return HD_T8N_OK;
}

static int check_env(hd_t8n_run_state *r) {
    hd_t8n_env *env = &r->env;
    int status = check_base_fee(r);
    if (status != HD_T8N_OK)
        return status;
    if (r->rules.fork >= HD_FORK_SHANGHAI && !(env->has & HD_T8N_HAS_WITHDRAWALS))
        return FAIL(r, HD_T8N_CONFIG, "Shanghai config but missing 'withdrawals' in env section");
    status = check_difficulty(r);
    if (status != HD_T8N_OK)
        return status;
    if (r->rules.fork < HD_FORK_CANCUN)
        env->has &= ~HD_T8N_HAS_BEACON_ROOT;
    else if (!(env->has & HD_T8N_HAS_BEACON_ROOT))
        return FAIL(r, HD_T8N_CONFIG, "post-cancun env requires parentBeaconBlockRoot to be set");
    return HD_T8N_OK;
}

/* From Cancun excess blob gas is given, or follows from the parent's values, or is unknown. */
static void find_blob_fee(hd_t8n_run_state *r) {
    hd_t8n_env *env = &r->env;
    const uint32_t parent = HD_T8N_HAS_PARENT_EXCESS | HD_T8N_HAS_PARENT_BLOB_GAS;
    if (r->rules.fork < HD_FORK_CANCUN)
        return;
    if (!(env->has & HD_T8N_HAS_EXCESS) && (env->has & parent) == parent) {
        env->excess_blob_gas =
            hd_excess_blob_gas(env->parent_excess_blob_gas, env->parent_blob_gas_used,
                               env->parent_base_fee, r->rules.blobs, r->rules.fork);
        env->has |= HD_T8N_HAS_EXCESS;
    }
    if (env->has & HD_T8N_HAS_EXCESS) {
        r->has_blob_fee = 1;
        r->blob_fee = hd_blob_fee(env->excess_blob_gas, r->rules.blobs.update_fraction);
    }
}

static hd_env block_env(const hd_t8n_run_state *r) {
    const hd_t8n_env *env = &r->env;
    hd_env out = {0};
    out.difficulty = r->rules.fork >= HD_FORK_PARIS ? env->random : env->difficulty;
    out.base_fee = r->rules.fork >= HD_FORK_LONDON ? env->base_fee : hd_u256_zero();
    out.blob_base_fee = r->blob_fee;
    out.number = env->number;
    out.timestamp = env->timestamp;
    out.gas_limit = env->gas_limit;
    out.chain_id = r->options->chain_id;
    out.coinbase = env->coinbase;
    out.fork = r->rules.fork;
    out.blob_cnt_max = r->rules.blobs.max_cnt;
    return out;
}

/* ---- running ---- */

static int compare_number(const void *key, const void *entry) {
    uint64_t x = *(const uint64_t *)key, y = ((const hd_t8n_block_hash *)entry)->number;
    return x < y ? -1 : x > y;
}

static const hd_t8n_block_hash *find_block_hash(const hd_t8n_env *env, uint64_t number) {
    size_t cnt = env->block_hashes.sz / sizeof(hd_t8n_block_hash);
    if (cnt == 0)
        return NULL;
    return bsearch(&number, env->block_hashes.data, cnt, sizeof(hd_t8n_block_hash), compare_number);
}

static hd_err get_block_hash(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number) {
    hd_t8n_run_state *r = ctx;
    (void)world_idx;
    const hd_t8n_block_hash *found = find_block_hash(&r->env, number);
    if (!found) {
        r->missing_number = number; /* the batch has one transaction: nobody else writes */
        return HD_ERR_ABSENT;
    }
    *out = found->hash;
    return HD_OK;
}

static int fail_run(hd_t8n_run_state *r, hd_err err) {
    if (err == HD_ERR_ABSENT)
        return FAIL(r, HD_T8N_BLOCKHASH, "getHash(%" PRIu64 ") invoked, %s", r->missing_number,
                    r->env.has & HD_T8N_HAS_BLOCK_HASHES ? "blockhash for that block not provided"
                                                         : "no blockhashes provided");
    return fail_machine(r, err);
}

static hd_system_host system_host(hd_t8n_run_state *r, const hd_env *env) {
    hd_system_host host = {.exec = r->options->exec,
                           .state = r->state,
                           .env = env,
                           .blockhash = get_block_hash,
                           .blockhash_ctx = r};
    return host;
}

/* run_one executes one transaction against the state as it is; r->results holds its receipt. */
static int run_one(hd_t8n_run_state *r, const hd_tx *tx, const hd_env *env, const uint8_t *data,
                   size_t data_sz, hd_trace_file *trace) {
    hd_world world;
    hd_state_world(&world, r->state);
    hd_batch batch = {.worlds = &world,
                      .envs = env,
                      .txs = tx,
                      .data = data,
                      .data_sz = data_sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = 1,
                      .flags = trace ? hd_trace_batch_flags(trace->flags) : 0,
                      .blockhash = get_block_hash,
                      .blockhash_ctx = r};
    hd_err err = trace
                     ? hd_exec_trace(r->options->exec, &r->results, &batch, hd_trace_to_file, trace)
                     : hd_exec_run(r->options->exec, &r->results, &batch);
    if (err != HD_OK)
        return fail_run(r, err);
    uint32_t status = r->results.receipts[0].status;
    if (status == HD_TX_PENDING || status == HD_TX_NO_MEMORY || status == HD_TX_WORK_LIMIT)
        return FAIL(r, HD_T8N_EVM, "the execution failed: %s", hd_tx_status_name(status));
    return HD_T8N_OK;
}

static int apply(hd_t8n_run_state *r) {
    hd_err err =
        hd_state_apply(r->state, &r->results.receipts[0], r->results.accounts, r->results.slots,
                       r->results.bytes, &r->env.coinbase, r->rules.fork);
    return err == HD_OK ? HD_T8N_OK : fail_machine(r, err);
}

static int begin_block(hd_t8n_run_state *r) {
    const hd_t8n_env *env = &r->env;
    hd_env block = block_env(r);
    hd_system_host host = system_host(r, &block);
    hd_hash parent = {{0}};
    int has_parent = env->has & HD_T8N_HAS_BLOCK_HASHES && env->number > 0;
    const hd_t8n_block_hash *found = has_parent ? find_block_hash(env, env->number - 1) : NULL;
    if (found)
        parent = found->hash;
    hd_err err = hd_system_begin(&r->results, &host,
                                 env->has & HD_T8N_HAS_BEACON_ROOT ? &env->beacon_root : NULL,
                                 has_parent ? &parent : NULL);
    return err == HD_OK ? HD_T8N_OK : fail_run(r, err);
}

/* ---- refusals, in go-ethereum's words ---- */

/* EIP-55: a letter is upper case where the hash of the lower-case text has a high bit. */
static void checksum_address(char out[43], const hd_address *addr) {
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[32];
    out[0] = '0';
    out[1] = 'x';
    for (size_t i = 0; i < 20; i++) {
        out[2 + 2 * i] = digits[addr->b[i] >> 4];
        out[3 + 2 * i] = digits[addr->b[i] & 15];
    }
    out[42] = 0;
    hd_keccak256(hash, (const uint8_t *)out + 2, 40);
    for (size_t i = 0; i < 40; i++) {
        uint32_t nibble = i % 2 ? hash[i / 2] & 15u : hash[i / 2] >> 4;
        if (nibble >= 8 && out[2 + i] >= 'a')
            out[2 + i] = (char)(out[2 + i] - 'a' + 'A');
    }
}

/* What the sender must own: gas at its highest price, blobs and value. Returns 0 above 256 bits. */
static int wanted_funds(hd_u256 *out, const hd_tx *tx) {
    hd_u256 hi, part;
    hd_u256_mul_full(&hi, out, tx->gas_price, hd_u256_from_u64(tx->gas_limit));
    if (!hd_u256_is_zero(hi))
        return 0;
    hd_u256_mul_full(&hi, &part, tx->blob_fee,
                     hd_u256_from_u64((uint64_t)tx->blob_cnt * HD_EVM_BLOB_GAS));
    return hd_u256_is_zero(hi) && !hd_u256_add_carry(out, *out, part) &&
           !hd_u256_add_carry(out, *out, tx->value_wei);
}

static void say_funds(hd_msg *msg, const char *what, const char *addr, const hd_tx *tx,
                      const hd_state_account *sender) {
    char have[HD_DECIMAL_SZ], want[HD_DECIMAL_SZ];
    hd_u256 sum;
    if (!wanted_funds(&sum, tx))
        hd_msg_set(msg, "%s: address %s required balance exceeds 256 bits", what, addr);
    else
        hd_msg_set(msg, "%s: address %s have %s want %s", what, addr,
                   hd_decimal(have, sender->balance_wei), hd_decimal(want, sum));
}

static void say_refusal(hd_msg *msg, const hd_t8n_run_state *r, const hd_tx *tx, uint32_t status) {
    const char *what = hd_tx_status_name(status);
    char addr[43], a[HD_DECIMAL_SZ], b[HD_DECIMAL_SZ];
    hd_state_account sender = {0};
    checksum_address(addr, &tx->sender);
    if (hd_state_get(&sender, r->state, &tx->sender) != HD_OK)
        memset(&sender, 0, sizeof sender);
    hd_tx_intrinsic_gas due = hd_tx_intrinsic(tx, r->txs.data.data, r->rules.fork);
    switch (status) {
    case HD_TX_INVALID_NONCE_LOW:
    case HD_TX_INVALID_NONCE_HIGH:
        hd_msg_set(msg, "%s: address %s, tx: %" PRIu64 " state: %" PRIu64, what, addr, tx->nonce,
                   sender.nonce);
        break;
    case HD_TX_INVALID_NONCE_MAX:
        hd_msg_set(msg, "%s: address %s, nonce: %" PRIu64, what, addr, sender.nonce);
        break;
    case HD_TX_INVALID_SENDER_CODE:
        hd_msg_set(msg, "%s: address %s, len(code): %" PRIu32, what, addr, sender.code_sz);
        break;
    case HD_TX_INVALID_FUNDS: say_funds(msg, what, addr, tx, &sender); break;
    case HD_TX_INVALID_FEE_OVERFLOW: /* go-ethereum sees it as a lack of funds */
        say_funds(msg, hd_tx_status_name(HD_TX_INVALID_FUNDS), addr, tx, &sender);
        break;
    case HD_TX_INVALID_GAS_CAP:
        hd_msg_set(msg, "%s (cap: %u, tx: %" PRIu64 ")", what, HD_EVM_TX_GAS_CAP, tx->gas_limit);
        break;
    case HD_TX_INVALID_GAS_INTRINSIC:
        hd_msg_set(msg, "%s: have %" PRIu64 ", want %" PRIu64, what, tx->gas_limit, due.gas);
        break;
    case HD_TX_INVALID_GAS_FLOOR:
        hd_msg_set(msg, "%s: have %" PRIu64 ", want %" PRIu64, what, tx->gas_limit, due.floor_gas);
        break;
    case HD_TX_INVALID_FEE_LOW:
        hd_msg_set(msg, "%s: address %s, maxFeePerGas: %s, baseFee: %s", what, addr,
                   hd_decimal(a, tx->gas_price), hd_decimal(b, r->env.base_fee));
        break;
    case HD_TX_INVALID_TIP_HIGH:
        hd_msg_set(msg, "%s: address %s, maxPriorityFeePerGas: %s, maxFeePerGas: %s", what, addr,
                   hd_decimal(a, tx->priority_fee), hd_decimal(b, tx->gas_price));
        break;
    case HD_TX_INVALID_INITCODE_SIZE:
        hd_msg_set(msg, "%s: code size %" PRIu32 " limit %u", what, tx->data_sz,
                   HD_EVM_INITCODE_SZ_MAX);
        break;
    case HD_TX_INVALID_BLOB_FEE:
        hd_msg_set(msg, "%s: address %s blobGasFeeCap: %s, blobBaseFee: %s", what, addr,
                   hd_decimal(a, tx->blob_fee), hd_decimal(b, r->blob_fee));
        break;
    case HD_TX_INVALID_BLOB_COUNT: hd_msg_set(msg, "blob transaction has too many blobs"); break;
    case HD_TX_INVALID_BLOB_VERSION: {
        uint32_t i = 0;
        while (i + 1 < tx->blob_cnt && r->txs.data.data[tx->blob_off + 32 * (size_t)i] == 1)
            i++;
        hd_msg_set(msg, "blob %" PRIu32 " has invalid hash version", i);
        break;
    }
    case HD_TX_INVALID_AUTH_NONE:
    case HD_TX_INVALID_AUTH_CREATE: hd_msg_set(msg, "%s (sender %s)", what, addr); break;
    default: hd_msg_set(msg, "%s", what);
    }
}

static int reject(hd_t8n_run_state *r, size_t idx, const char *reason) {
    hd_t8n_rejected x = {.idx = idx, .reason_off = r->rejected_text.sz};
    hd_err err = hd_buf_append(&r->rejected_text, reason, strlen(reason) + 1);
    if (err == HD_OK)
        err = hd_buf_append(&r->rejected, &x, sizeof x);
    return err == HD_OK ? HD_T8N_OK : fail_machine(r, err);
}

/* ---- transactions ---- */

/* admit makes the checks that go-ethereum makes before execution; 0 with a message: refused. */
static int admit(hd_msg *msg, hd_t8n_run_state *r, hd_t8n_tx *t) {
    uint32_t status;
    if (t->tx.type == HD_TX_BLOB && r->rules.fork >= HD_FORK_CANCUN && !r->has_blob_fee) {
        hd_msg_set(msg, "blob tx used but field env.ExcessBlobGas missing");
        return 0;
    }
    hd_tx_recover(&status, &t->tx, msg, &t->envelope, r->rules.fork, r->options->chain_id);
    if (status != HD_TX_SUCCESS)
        return 0;
    if (t->tx.type == HD_TX_LEGACY && !(t->envelope.flags & HD_TX_ENVELOPE_PROTECTED))
        t->tx.chain_id = 0;
    uint64_t blob_gas = r->blob_gas_used + (uint64_t)t->tx.blob_cnt * HD_EVM_BLOB_GAS;
    uint64_t blob_gas_max = (uint64_t)r->rules.blobs.max_cnt * HD_EVM_BLOB_GAS;
    if (t->tx.type == HD_TX_BLOB && blob_gas > blob_gas_max) {
        hd_msg_set(msg, "blob gas (%" PRIu64 ") would exceed maximum allowance %" PRIu64, blob_gas,
                   blob_gas_max);
        return 0;
    }
    return 1;
}

static int open_trace(hd_t8n_run_state *r, hd_trace_file *trace, const hd_hash *hash) {
    hd_buf path = {0};
    memset(trace, 0, sizeof *trace);
    hd_buf_printf(&path, "%s/trace-%u-0x", r->options->trace_dir, r->trace_cnt++);
    hd_buf_append_hex(&path, hash->b, sizeof hash->b);
    hd_buf_append_str(&path, ".jsonl");
    trace->file = path.err == HD_OK ? fopen(hd_buf_str(&path), "w") : NULL;
    trace->flags = r->options->trace_flags | HD_TRACE_END;
    int status = HD_T8N_OK;
    if (!trace->file)
        status = FAIL(r, HD_T8N_IO, "failed creating trace-file: %.400s", hd_buf_str(&path));
    hd_buf_free(&path);
    return status;
}

static int close_trace(hd_t8n_run_state *r, hd_trace_file *trace) {
    int is_written = !ferror((FILE *)trace->file) && trace->err == HD_OK;
    is_written &= fclose(trace->file) == 0;
    hd_buf_free(&trace->line);
    return is_written ? HD_T8N_OK : FAIL(r, HD_T8N_IO, "failed writing a trace-file");
}

/* keep_receipt copies what the result needs before r->results is used again. */
static int keep_receipt(hd_t8n_run_state *r, size_t tx_idx) {
    const hd_receipt *x = &r->results.receipts[0];
    hd_t8n_receipt kept = {.tx_idx = tx_idx,
                           .log_idx = r->logs.sz / sizeof(hd_log_entry),
                           .log_cnt = x->log_cnt,
                           .gas_used = x->gas_used,
                           .cumulative_gas = r->gas_used,
                           .is_success = x->status == HD_TX_SUCCESS};
    const hd_t8n_tx *t = (const hd_t8n_tx *)(const void *)r->txs.txs.data + tx_idx;
    if (t->tx.flags & HD_TX_CREATE)
        kept.created = hd_t8n_create_address(&t->tx.sender, t->tx.nonce);
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < x->log_cnt; i++) {
        hd_log_entry log = r->results.logs[x->log_off + i];
        size_t off = r->log_bytes.sz;
        err = hd_buf_append(&r->log_bytes, r->results.bytes + log.data_off, log.data_sz);
        log.data_off = off;
        if (err == HD_OK)
            err = hd_buf_append(&r->logs, &log, sizeof log);
    }
    if (err == HD_OK && r->rules.fork < HD_FORK_BYZANTIUM)
        err = hd_state_root(&kept.post_root, r->state);
    if (err == HD_OK)
        err = hd_buf_append(&r->receipts, &kept, sizeof kept);
    return err == HD_OK ? HD_T8N_OK : fail_machine(r, err);
}

static int run_transaction(hd_t8n_run_state *r, size_t idx) {
    hd_t8n_tx *t = (hd_t8n_tx *)(void *)r->txs.txs.data + idx;
    hd_msg msg = {""};
    hd_trace_file trace;
    if (t->reason_off != SIZE_MAX)
        return reject(r, idx, (const char *)r->txs.reasons.data + t->reason_off);
    if (!admit(&msg, r, t))
        return reject(r, idx, msg.text);
    hd_env env = block_env(r);
    env.gas_limit = r->env.gas_limit - r->gas_used;
    env.blob_cnt_max = UINT32_MAX; /* the block's limit was checked by admit */
    int is_traced = r->options->trace_dir != NULL;
    int status = is_traced ? open_trace(r, &trace, &t->envelope.hash) : HD_T8N_OK;
    if (status != HD_T8N_OK)
        return status;
    status = run_one(r, &t->tx, &env, r->txs.data.data, r->txs.data.sz, is_traced ? &trace : NULL);
    if (is_traced) {
        int closed = close_trace(r, &trace);
        status = status == HD_T8N_OK ? closed : status;
    }
    if (status != HD_T8N_OK)
        return status;
    const hd_receipt *receipt = &r->results.receipts[0];
    if (receipt->status >= HD_TX_INVALID) {
        say_refusal(&msg, r, &t->tx, receipt->status);
        return reject(r, idx, msg.text);
    }
    r->gas_used += receipt->gas_used;
    r->blob_gas_used += (uint64_t)t->tx.blob_cnt * HD_EVM_BLOB_GAS;
    status = apply(r);
    return status == HD_T8N_OK ? keep_receipt(r, idx) : status;
}

/* ---- the end of the block ---- */

static int pay(hd_t8n_run_state *r, const hd_address *to, hd_u256 wei) {
    hd_err err = hd_state_add_balance(r->state, to, wei, r->rules.fork);
    return err == HD_OK ? HD_T8N_OK : fail_machine(r, err);
}

static int pay_rewards(hd_t8n_run_state *r) {
    const hd_t8n_ommer *ommers = (const hd_t8n_ommer *)(const void *)r->env.ommers.data;
    size_t ommer_cnt = r->env.ommers.sz / sizeof *ommers;
    int status = HD_T8N_OK;
    if (r->options->reward_wei < 0)
        return status;
    hd_u256 reward = hd_u256_from_u64((uint64_t)r->options->reward_wei);
    for (size_t i = 0; status == HD_T8N_OK && i < ommer_cnt; i++)
        status = pay(r, &ommers[i].addr, hd_ommer_reward(reward, (uint32_t)ommers[i].delta));
    if (status == HD_T8N_OK)
        status = pay(r, &r->env.coinbase, hd_includer_reward(reward, (uint32_t)ommer_cnt));
    return status;
}

static int pay_withdrawals(hd_t8n_run_state *r) {
    const hd_t8n_withdrawal *w = (const hd_t8n_withdrawal *)(const void *)r->env.withdrawals.data;
    int status = HD_T8N_OK;
    for (size_t i = 0; status == HD_T8N_OK && i < r->env.withdrawals.sz / sizeof *w; i++)
        status = pay(r, &w[i].addr, hd_gwei(w[i].amount_gwei));
    return status;
}

/* go-ethereum's words for what ended the requests. */
static int fail_requests(hd_t8n_run_state *r, const hd_requests_verdict *verdict) {
    int is_withdrawal = verdict->type == HD_REQUEST_WITHDRAWAL;
    const char *what = is_withdrawal ? "withdrawal" : "consolidation";
    hd_address from =
        is_withdrawal ? hd_withdrawal_requests_address() : hd_consolidation_requests_address();
    char text[43];
    checksum_address(text, &from);
    switch (verdict->status) {
    case HD_BLOCK_INVALID_DEPOSIT:
        return FAIL(r, HD_T8N_EVM,
                    "could not parse requests logs: unable to parse deposit data: %s",
                    verdict->why.text);
    case HD_BLOCK_INVALID_SYSTEM_EMPTY:
        return FAIL(r, HD_T8N_EVM, "could not process %s requests: system contract empty code: %s",
                    what, text);
    default:
        return FAIL(r, HD_T8N_EVM,
                    "could not process %s requests: system call failed to execute: %s", what,
                    verdict->why.text);
    }
}

static int collect_requests(hd_t8n_run_state *r) {
    hd_env env = block_env(r);
    hd_system_host host = system_host(r, &env);
    hd_address deposit_contract = hd_deposit_contract_address();
    hd_block_logs logs = {.logs = (const hd_log_entry *)(const void *)r->logs.data,
                          .bytes = r->log_bytes.data,
                          .log_cnt = r->logs.sz / sizeof(hd_log_entry)};
    hd_requests_verdict verdict;
    hd_err err =
        hd_requests_collect(r->requests, &verdict, &r->results, &host, &logs, &deposit_contract);
    if (err != HD_OK)
        return fail_run(r, err);
    return verdict.status == HD_BLOCK_VALID ? HD_T8N_OK : fail_requests(r, &verdict);
}

/* ---- the whole ---- */

static int fail_json(hd_t8n_run_state *r, hd_err err, const char *what) {
    if (err != HD_ERR_FORMAT)
        return fail_machine(r, err);
    hd_msg_prefix(&r->out->msg, "failed unmarshalling %s: ", what);
    return HD_T8N_JSON;
}

static int read_input(hd_t8n_run_state *r, const hd_t8n_input *in) {
    hd_msg *msg = &r->out->msg;
    hd_err err = hd_genesis_alloc_read(r->state, msg, in->alloc);
    if (err != HD_OK)
        return fail_json(r, err, "alloc");
    err = hd_t8n_env_read(&r->env, msg, in->env);
    if (err != HD_OK)
        return fail_json(r, err, "env");
    if (hd_t8n_rules_find(&r->rules, r->options->fork, r->env.number, r->env.timestamp) != HD_OK)
        return FAIL(r, HD_T8N_CONFIG,
                    "failed constructing chain configuration: unsupported fork \"%.100s\"",
                    r->options->fork);
    if (in->blob_params.obj) {
        err = hd_blob_params_read(&r->rules.blobs, msg, in->blob_params);
        if (err != HD_OK)
            return fail_json(r, err, "blobParams");
    }
    err = hd_t8n_txs_read(&r->txs, msg, in->txs, in->tx_rlp, r->options->chain_id);
    return err == HD_OK ? HD_T8N_OK : fail_json(r, err, "txs");
}

static int run(hd_t8n_run_state *r, const hd_t8n_input *in) {
    int status = read_input(r, in);
    if (status == HD_T8N_OK)
        status = check_env(r);
    if (status != HD_T8N_OK)
        return status;
    find_blob_fee(r);
    status = begin_block(r);
    for (size_t i = 0; status == HD_T8N_OK && i < r->txs.txs.sz / sizeof(hd_t8n_tx); i++)
        status = run_transaction(r, i);
    if (status == HD_T8N_OK)
        status = pay_rewards(r);
    if (status == HD_T8N_OK)
        status = pay_withdrawals(r);
    if (status == HD_T8N_OK)
        status = collect_requests(r);
    if (status != HD_T8N_OK)
        return status;
    hd_err err = hd_t8n_write(r);
    return err == HD_OK ? HD_T8N_OK : fail_machine(r, err);
}

int hd_t8n_run(hd_t8n_output *out, const hd_t8n_input *in, const hd_t8n_options *options) {
    hd_buf_clear(&out->alloc);
    hd_buf_clear(&out->result);
    hd_buf_clear(&out->body);
    out->msg.text[0] = 0;
    hd_t8n_run_state *r = calloc(1, sizeof *r);
    if (r)
        r->state = hd_state_new();
    if (!r || !r->state) {
        free(r);
        hd_msg_set(&out->msg, "the execution failed: %s", hd_err_name(HD_ERR_NOMEM));
        return out->status = HD_T8N_EVM;
    }
    r->out = out;
    r->options = options;
    out->status = run(r, in);
    hd_state_free(r->state);
    hd_results_free(&r->results);
    hd_t8n_env_free(&r->env);
    hd_t8n_txs_free(&r->txs);
    hd_buf_free(&r->receipts);
    hd_buf_free(&r->logs);
    hd_buf_free(&r->log_bytes);
    hd_buf_free(&r->rejected);
    hd_buf_free(&r->rejected_text);
    for (size_t i = 0; i < 3; i++)
        hd_buf_free(&r->requests[i]);
    free(r);
    return out->status;
}

void hd_t8n_output_free(hd_t8n_output *out) {
    hd_buf_free(&out->alloc);
    hd_buf_free(&out->result);
    hd_buf_free(&out->body);
}
