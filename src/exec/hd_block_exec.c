/* hd_block_exec.c - a block's execution from its first system call to its state root. */
#include "exec/hd_block_exec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_hex.h"
#include "evm/hd_tx_recover.h"
#include "exec/hd_dao_fork.h"
#include "exec/hd_system_calls.h"
#include "state/hd_trie.h"

/* One execution. is_refused says that the verdict, not the machine, ended it. */
typedef struct {
    hd_block_result *out;
    hd_block_verdict *verdict;
    hd_state *s;
    const hd_block *b;
    const hd_chain_rules *rules;
    const hd_block_exec_options *options;
    hd_system_host host;
    hd_results results; /* of a system call */
    hd_env env;
    hd_undo *undo;
    int is_refused;
} run;

/* A refusal travels as an error, so that it ends whatever is running; hd_block_exec tells the two
   apart by is_refused. */
static hd_err refuse_tx(run *r, uint32_t tx_idx, uint32_t tx_status) {
    hd_block_refuse(r->verdict, HD_BLOCK_INVALID_TX, "transaction %" PRIu32 ": %s", tx_idx,
                    hd_tx_status_name(tx_status));
    r->verdict->tx_idx = tx_idx;
    r->verdict->tx_status = tx_status;
    r->is_refused = 1;
    return HD_ERR_FORMAT;
}

#define REFUSE(r, status, ...) \
    (hd_block_refuse((r)->verdict, (status), __VA_ARGS__), (r)->is_refused = 1, HD_ERR_FORMAT)

static hd_block_receipt *receipts_of(const hd_block_result *r) {
    return (hd_block_receipt *)(void *)r->receipts.data;
}

static size_t receipt_cnt_of(const hd_block_result *r) {
    return r->receipts.sz / sizeof(hd_block_receipt);
}

/* ---- results ---- */

void hd_block_result_free(hd_block_result *r) {
    hd_buf_free(&r->receipts);
    hd_buf_free(&r->logs);
    hd_buf_free(&r->log_bytes);
    for (size_t i = 0; i < 3; i++)
        hd_buf_free(&r->requests[i]);
}

static void result_clear(hd_block_result *r) {
    static const hd_hash none;
    hd_buf_clear(&r->receipts);
    hd_buf_clear(&r->logs);
    hd_buf_clear(&r->log_bytes);
    for (size_t i = 0; i < 3; i++)
        hd_buf_clear(&r->requests[i]);
    memset(r->bloom, 0, sizeof r->bloom);
    memset(&r->stats, 0, sizeof r->stats);
    r->receipts_root = r->requests_hash = r->state_root = none;
    r->gas_used = r->blob_gas_used = 0;
    r->exec_ns = r->root_ns = 0;
}

static void receipt_body(hd_receipt_body *out, const hd_block_result *r, uint32_t tx_idx,
                         int is_rooted) {
    const hd_block_receipt *x = &receipts_of(r)[tx_idx];
    memset(out, 0, sizeof *out);
    out->logs = (const hd_log_entry *)(const void *)r->logs.data;
    if (out->logs)
        out->logs += x->log_idx;
    out->bytes = r->log_bytes.data;
    out->post_root = is_rooted ? &x->post_root : NULL;
    out->log_cnt = x->log_cnt;
    out->cumulative_gas = x->cumulative_gas;
    out->type = x->type;
    out->is_success = x->is_success;
}

hd_err hd_block_receipt_encode(hd_buf *out, const hd_block_result *r, uint32_t tx_idx) {
    hd_receipt_body body;
    if (tx_idx >= receipt_cnt_of(r))
        return HD_ERR_ABSENT;
    receipt_body(&body, r, tx_idx, receipts_of(r)[tx_idx].is_rooted != 0);
    return hd_receipt_encode(out, &body);
}

/* ---- roots of a body ---- */

hd_err hd_block_txs_root(hd_hash *out, const hd_block *b) {
    hd_span *items = malloc(((size_t)b->tx_cnt + 1) * sizeof *items);
    if (!items)
        return HD_ERR_NOMEM;
    for (uint32_t i = 0; i < b->tx_cnt; i++)
        items[i] = hd_block_tx_raw(b, i);
    hd_err err = hd_trie_list_root(out, items, b->tx_cnt, NULL);
    free(items);
    return err;
}

hd_err hd_block_withdrawals_root(hd_hash *out, const hd_block *b) {
    hd_buf buf = {0};
    hd_err err = HD_OK;
    hd_span *items = malloc(((size_t)b->withdrawal_cnt + 1) * sizeof *items);
    if (!items)
        return HD_ERR_NOMEM;
    /* Lengths first: the buffer moves while it grows. */
    for (uint32_t i = 0; i < b->withdrawal_cnt; i++) {
        size_t off = buf.sz;
        err = hd_withdrawal_encode(&buf, &hd_block_withdrawals(b)[i]);
        items[i].sz = buf.sz - off;
    }
    size_t off = 0;
    for (uint32_t i = 0; err == HD_OK && i < b->withdrawal_cnt; i++) {
        items[i].data = buf.data + off;
        off += items[i].sz;
    }
    if (err == HD_OK)
        err = hd_trie_list_root(out, items, b->withdrawal_cnt, NULL);
    free(items);
    hd_buf_free(&buf);
    return err;
}

hd_err hd_block_roots(hd_block *b) {
    hd_err err = hd_block_txs_root(&b->header.txs_root, b);
    if (err == HD_OK)
        err = hd_block_ommers_hash(&b->header.ommers_hash, b);
    if (err == HD_OK && b->has_withdrawals)
        err = hd_block_withdrawals_root(&b->header.withdrawals_root, b);
    return err == HD_OK ? hd_block_finish(b) : err;
}

hd_err hd_block_seal(hd_block *b, const hd_block_result *r, const hd_chain_rules *rules) {
    hd_header *h = &b->header;
    h->gas_used = r->gas_used;
    h->receipts_root = r->receipts_root;
    h->state_root = r->state_root;
    memcpy(h->bloom, r->bloom, sizeof h->bloom);
    if (rules->fork >= HD_FORK_CANCUN)
        h->blob_gas_used = r->blob_gas_used;
    if (rules->fork >= HD_FORK_PRAGUE)
        h->requests_hash = r->requests_hash;
    return hd_block_roots(b);
}

/* ---- senders ---- */

hd_err hd_block_recover(hd_block_verdict *verdict, hd_block *b, const hd_chain_rules *rules,
                        hd_pool *pool) {
    hd_tx *txs = hd_block_txs(b);
    const hd_tx_envelope *envelopes = hd_block_envelopes(b);
    uint32_t bad_idx = b->tx_cnt;
    hd_msg why = {""};
    verdict->status = HD_BLOCK_VALID;
    if (b->tx_cnt == 0)
        return HD_OK;
    uint32_t *statuses = calloc(b->tx_cnt, sizeof *statuses);
    if (!statuses)
        return HD_ERR_NOMEM;
    hd_err err = hd_txs_recover(statuses, txs, &bad_idx, &why, envelopes, b->tx_cnt, rules->fork,
                                rules->chain_id, NULL, pool);
    for (uint32_t i = 0; err == HD_OK && i < b->tx_cnt; i++)
        if (txs[i].type == HD_TX_LEGACY && !(envelopes[i].flags & HD_TX_ENVELOPE_PROTECTED))
            txs[i].chain_id = 0;
    if (err == HD_OK && bad_idx < b->tx_cnt) {
        hd_block_refuse(verdict, HD_BLOCK_INVALID_TX, "transaction %" PRIu32 ": %.300s", bad_idx,
                        why.text);
        verdict->tx_idx = bad_idx;
        verdict->tx_status = statuses[bad_idx];
    }
    free(statuses);
    return err;
}

/* ---- before the transactions ---- */

hd_env hd_block_env(const hd_header *h, const hd_chain_rules *rules) {
    hd_env env;
    memset(&env, 0, sizeof env);
    env.difficulty =
        rules->flags & HD_RULES_MERGED ? hd_u256_load_be(h->mix_hash.b) : h->difficulty;
    env.base_fee = h->base_fee;
    if (rules->fork >= HD_FORK_CANCUN)
        env.blob_base_fee = hd_blob_fee(h->excess_blob_gas, rules->blobs.update_fraction);
    env.number = h->number;
    env.timestamp = h->timestamp;
    env.gas_limit = h->gas_limit;
    env.chain_id = rules->chain_id;
    env.coinbase = h->coinbase;
    env.fork = rules->fork;
    env.blob_cnt_max = rules->blobs.max_cnt;
    return env;
}

static hd_err begin_block(run *r) {
    const hd_header *h = &r->b->header;
    hd_err err = HD_OK;
    if (r->rules->flags & HD_RULES_DAO_MOVE)
        err = hd_dao_fork_apply(r->s);
    return err == HD_OK ? hd_system_begin(&r->results, &r->host, &h->beacon_root, &h->parent_hash)
                        : err;
}

/* ---- the state's root ---- */

/* In verify builds the tries' root is compared with the one from all accounts: always where they
   are few, else in every so many-th block. */
#define ROOT_CHECK_ACCOUNTS_MAX 1024u
#define ROOT_CHECK_BLOCKS 64u

static hd_err root_of_state(hd_hash *out, run *r) {
    if (!r->options->trie)
        return hd_state_root(out, r->s);
    hd_err err = hd_state_trie_root(out, r->options->trie, r->s);
#ifdef HD_VERIFY
    if (err == HD_OK && (hd_state_account_max(r->s) <= ROOT_CHECK_ACCOUNTS_MAX ||
                         r->b->header.number % ROOT_CHECK_BLOCKS == 0)) {
        hd_hash whole;
        err = hd_state_root(&whole, r->s);
        HD_ASSERT(err != HD_OK || memcmp(out, &whole, sizeof whole) == 0);
    }
#endif
    return err;
}

static hd_err touch_changes(run *r, const hd_undo *undo) {
    return r->options->trie ? hd_state_trie_touch_undo(r->options->trie, undo) : HD_OK;
}

/* ---- transactions ---- */

static int is_rooted(const run *r) {
    return r->rules->fork < HD_FORK_BYZANTIUM && !(r->options->flags & HD_BLOCK_EXEC_NO_STATE_ROOT);
}

/* Before Byzantium a receipt holds the state's root after its transaction. Receipts come before the
   writes enter the state, so the root is taken when the next one comes, or at the end. */
static hd_err root_last(run *r) {
    size_t cnt = receipt_cnt_of(r->out);
    if (!is_rooted(r) || cnt == 0)
        return HD_OK;
    return root_of_state(&receipts_of(r->out)[cnt - 1].post_root, r);
}

/* A transaction may break several rules at once. They are named in the specification's order: what
   is wrong with it by itself, then what the block has no room for, then what hangs on accounts and
   fees. */
static uint32_t refusal_of(const run *r, const hd_tx *tx, uint32_t status) {
    uint64_t gas_left = r->env.gas_limit - HD_MIN(r->out->gas_used, r->env.gas_limit);
    uint64_t blob_cnt = r->out->blob_gas_used / HD_EVM_BLOB_GAS + tx->blob_cnt;
    switch (status) {
    case HD_TX_INVALID_TYPE:
    case HD_TX_INVALID_GAS_INTRINSIC:
    case HD_TX_INVALID_GAS_FLOOR:
    case HD_TX_INVALID_NONCE_MAX:
    case HD_TX_INVALID_INITCODE_SIZE:
    case HD_TX_INVALID_GAS_CAP: return status;
    default: break;
    }
    if (tx->gas_limit > gas_left)
        return HD_TX_INVALID_GAS_BLOCK;
    return tx->blob_cnt && blob_cnt > r->env.blob_cnt_max ? HD_TX_INVALID_BLOB_COUNT : status;
}

static hd_err keep_receipt(void *ctx, uint32_t tx_idx, const hd_receipt *x,
                           const hd_results *from) {
    run *r = ctx;
    const hd_tx *tx = &hd_block_txs(r->b)[tx_idx];
    hd_block_result *out = r->out;
    if (x->status >= HD_TX_INVALID)
        return refuse_tx(r, tx_idx, refusal_of(r, tx, x->status));
    hd_err err = root_last(r);
    if (err == HD_OK && r->options->access)
        err = r->options->access(r->options->access_ctx, x, from);
    if (err == HD_OK && is_rooted(r) && r->options->trie)
        err = hd_state_trie_touch_receipt(r->options->trie, x, from->accounts, from->slots,
                                          &r->env.coinbase);
    out->gas_used += x->gas_used;
    out->blob_gas_used += (uint64_t)tx->blob_cnt * HD_EVM_BLOB_GAS;
    hd_block_receipt kept = {.gas_used = x->gas_used,
                             .cumulative_gas = out->gas_used,
                             .log_idx = out->logs.sz / sizeof(hd_log_entry),
                             .log_cnt = x->log_cnt,
                             .type = tx->type,
                             .is_success = x->status == HD_TX_SUCCESS,
                             .is_rooted = (uint32_t)is_rooted(r)};
    if (x->flags & HD_RECEIPT_CREATED)
        kept.created = x->created;
    for (uint32_t i = 0; err == HD_OK && i < x->log_cnt; i++) {
        hd_log_entry log = from->logs[x->log_off + i];
        size_t off = out->log_bytes.sz;
        err = hd_buf_append(&out->log_bytes, from->bytes + log.data_off, log.data_sz);
        log.data_off = off;
        if (err == HD_OK)
            err = hd_buf_append(&out->logs, &log, sizeof log);
    }
    return err == HD_OK ? hd_buf_append(&out->receipts, &kept, sizeof kept) : err;
}

/* The first transaction whose gas limit no backend takes (go-ethereum has 64 bits with a sign in
   places): a batch with it would be refused as a whole. No block has room for it either. */
static uint32_t find_too_much_gas(const run *r) {
    uint32_t i = 0;
    while (i < r->b->tx_cnt && hd_block_txs(r->b)[i].gas_limit <= INT64_MAX)
        i++;
    return i;
}

static hd_err run_transactions(run *r) {
    const hd_block_exec_options *o = r->options;
    uint32_t tx_cnt = find_too_much_gas(r);
    hd_err err = HD_OK;
    hd_sequence seq = {.txs = hd_block_txs(r->b),
                       .envs = &r->env,
                       .data = r->b->data.data,
                       .data_sz = r->b->data.sz,
                       .tx_cnt = tx_cnt,
                       .env_cnt = 1,
                       .chunk_cnt = is_rooted(r) ? 1 : o->chunk_cnt,
                       .flags = is_rooted(r) ? 0 : o->ordered_flags,
                       .chunk_work_max = o->chunk_work_max,
                       .blockhash = o->blockhash,
                       .blockhash_ctx = o->blockhash_ctx,
                       .receipt = keep_receipt,
                       .receipt_ctx = r};
    seq.flags |= o->access ? HD_ORDERED_READS : HD_ORDERED_RECEIPTS;
    if (tx_cnt)
        err = hd_exec_ordered(o->exec, r->s, &seq, &r->out->stats);
    if (err == HD_OK && tx_cnt < r->b->tx_cnt) {
        const hd_tx *tx = &hd_block_txs(r->b)[tx_cnt];
        uint32_t status = hd_tx_check(tx, r->b->data.data, r->rules->fork);
        return refuse_tx(r, tx_cnt, refusal_of(r, tx, status));
    }
    return err == HD_OK ? root_last(r) : err;
}

/* ---- the end of the block ---- */

static hd_err pay_rewards(run *r) {
    hd_u256 reward = hd_block_reward(r->rules->fork);
    uint32_t cnt = r->b->ommer_cnt;
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < cnt; i++) {
        const hd_header *ommer = &hd_block_ommers(r->b)[i];
        uint64_t delta = r->b->header.number - ommer->number; /* judged by hd_ommers_check */
        err = hd_state_add_balance(r->s, &ommer->coinbase,
                                   hd_ommer_reward(reward, (uint32_t)HD_MIN(delta, 9)),
                                   r->rules->fork);
    }
    if (err == HD_OK)
        err = hd_state_add_balance(r->s, &r->b->header.coinbase, hd_includer_reward(reward, cnt),
                                   r->rules->fork);
    return err;
}

static hd_err pay_withdrawals(run *r) {
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < r->b->withdrawal_cnt; i++) {
        const hd_withdrawal *w = &hd_block_withdrawals(r->b)[i];
        err = hd_state_add_balance(r->s, &w->address, hd_gwei(w->amount_gwei), r->rules->fork);
    }
    return err;
}

static hd_err collect_requests(run *r) {
    static const char *const names[] = {"deposit", "withdrawal", "consolidation"};
    hd_block_logs logs = {.logs = (const hd_log_entry *)(const void *)r->out->logs.data,
                          .bytes = r->out->log_bytes.data,
                          .log_cnt = r->out->logs.sz / sizeof(hd_log_entry)};
    hd_requests_verdict verdict;
    hd_err err = hd_requests_collect(r->out->requests, &verdict, &r->results, &r->host, &logs,
                                     &r->rules->deposit_contract);
    if (err != HD_OK || verdict.status == HD_BLOCK_VALID)
        return err;
    return REFUSE(r, verdict.status, "%s requests%s%s", names[verdict.type],
                  verdict.why.text[0] ? ": " : "", verdict.why.text);
}

static hd_err end_block(run *r) {
    hd_err err = HD_OK;
    if (r->rules->fork < HD_FORK_PARIS)
        err = pay_rewards(r);
    if (err == HD_OK && r->rules->fork >= HD_FORK_SHANGHAI)
        err = pay_withdrawals(r);
    return err == HD_OK ? collect_requests(r) : err;
}

/* ---- what the block commits to ---- */

static hd_err make_roots(run *r) {
    hd_block_result *out = r->out;
    size_t cnt = receipt_cnt_of(out);
    hd_span requests[3];
    int has_receipts_root =
        r->rules->fork >= HD_FORK_BYZANTIUM || !(r->options->flags & HD_BLOCK_EXEC_NO_STATE_ROOT);
    hd_err err = HD_OK;
    if (!has_receipts_root) {
        hd_logs_bloom(out->bloom, (const hd_log_entry *)(const void *)out->logs.data,
                      out->logs.sz / sizeof(hd_log_entry));
    } else {
        hd_receipt_body *bodies = malloc((cnt + 1) * sizeof *bodies);
        if (!bodies)
            return HD_ERR_NOMEM;
        for (size_t i = 0; i < cnt; i++)
            receipt_body(&bodies[i], out, (uint32_t)i, is_rooted(r));
        err = hd_receipts_root(&out->receipts_root, out->bloom, bodies, cnt,
                               hd_exec_pool(r->options->exec));
        free(bodies);
    }
    for (size_t i = 0; i < 3; i++)
        requests[i] = hd_buf_span(&out->requests[i]);
    if (err == HD_OK && r->rules->fork >= HD_FORK_PRAGUE)
        err = hd_requests_hash(&out->requests_hash, requests, 3);
    if (err == HD_OK && !(r->options->flags & HD_BLOCK_EXEC_NO_STATE_ROOT))
        err = touch_changes(r, r->undo);
    if (err == HD_OK && !(r->options->flags & HD_BLOCK_EXEC_NO_STATE_ROOT))
        err = root_of_state(&out->state_root, r);
    return err;
}

static hd_err check_hash(run *r, uint32_t status, const hd_hash *header, const hd_hash *result) {
    char texts[2][65];
    if (memcmp(header, result, sizeof *header) == 0)
        return HD_OK;
    hd_hex_encode(texts[0], sizeof texts[0], header->b, sizeof header->b);
    hd_hex_encode(texts[1], sizeof texts[1], result->b, sizeof result->b);
    return REFUSE(r, status, "the header says 0x%s, execution gives 0x%s", texts[0], texts[1]);
}

static hd_err check_result(run *r) {
    const hd_header *h = &r->b->header;
    const hd_block_result *out = r->out;
    int is_partial = (r->options->flags & HD_BLOCK_EXEC_NO_STATE_ROOT) != 0;
    hd_err err = HD_OK;
    if (h->gas_used != out->gas_used)
        return REFUSE(r, HD_BLOCK_INVALID_GAS_USED,
                      "the header says %" PRIu64 ", execution gives %" PRIu64, h->gas_used,
                      out->gas_used);
    if (r->rules->fork >= HD_FORK_CANCUN && h->blob_gas_used != out->blob_gas_used)
        return REFUSE(r, HD_BLOCK_INVALID_BLOB_GAS_USED,
                      "the header says %" PRIu64 ", the transactions have %" PRIu64,
                      h->blob_gas_used, out->blob_gas_used);
    if (memcmp(h->bloom, out->bloom, sizeof h->bloom) != 0)
        return REFUSE(r, HD_BLOCK_INVALID_BLOOM, "%s", "");
    if (!is_partial || r->rules->fork >= HD_FORK_BYZANTIUM)
        err = check_hash(r, HD_BLOCK_INVALID_RECEIPTS_ROOT, &h->receipts_root, &out->receipts_root);
    if (err == HD_OK && r->rules->fork >= HD_FORK_PRAGUE)
        err = check_hash(r, HD_BLOCK_INVALID_REQUESTS, &h->requests_hash, &out->requests_hash);
    if (err == HD_OK && !is_partial)
        err = check_hash(r, HD_BLOCK_INVALID_STATE_ROOT, &h->state_root, &out->state_root);
    return err;
}

/* ---- the whole ---- */

static hd_err run_block(run *r) {
    uint64_t begin_ns = hd_clock_ns();
    hd_err err = begin_block(r);
    if (err == HD_OK && is_rooted(r))
        err = touch_changes(r, r->undo); /* before the first transaction's root */
    if (err == HD_OK)
        err = run_transactions(r);
    if (err == HD_OK)
        err = end_block(r);
    uint64_t middle_ns = hd_clock_ns();
    r->out->exec_ns = middle_ns - begin_ns;
    if (err == HD_OK)
        err = make_roots(r);
    r->out->root_ns = hd_clock_ns() - middle_ns;
    if (err == HD_OK && !(r->options->flags & HD_BLOCK_EXEC_NO_CHECK))
        err = check_result(r);
    return err;
}

hd_err hd_block_exec(hd_block_result *out, hd_block_verdict *verdict, hd_state *s, hd_undo *undo,
                     const hd_block *b, const hd_chain_rules *rules,
                     const hd_block_exec_options *options) {
    hd_undo own = {.accounts = {.sz = 0}};
    run r = {.out = out,
             .verdict = verdict,
             .s = s,
             .b = b,
             .rules = rules,
             .options = options,
             .host = {.exec = options->exec,
                      .state = s,
                      .blockhash = options->blockhash,
                      .blockhash_ctx = options->blockhash_ctx,
                      .access = options->access,
                      .access_ctx = options->access_ctx}};
    hd_err err = HD_OK;
    if (!undo)
        undo = &own;
    HD_ASSERT(undo->accounts.sz == 0 && undo->slots.sz == 0);
    result_clear(out);
    verdict->status = HD_BLOCK_VALID;
    verdict->msg.text[0] = 0;
    r.env = hd_block_env(&b->header, rules);
    r.host.env = &r.env;
    /* A device is slow at a single transaction. */
    if (hd_exec_backend(options->exec) == HD_BACKEND_CUDA) {
        hd_exec_options host = {.backend = HD_BACKEND_HOST, .threads = 1};
        r.host.exec = NULL;
        err = hd_exec_open(&r.host.exec, &host);
        if (err != HD_OK)
            return err;
    }
    r.undo = undo;
    hd_undo_attach(s, undo);
    err = run_block(&r);
    hd_undo_attach(s, NULL);
    if (err == HD_OK && options->flags & HD_BLOCK_EXEC_NO_STATE_ROOT)
        err = touch_changes(&r, undo); /* somebody else asks for the root */
    if (err != HD_OK) {
        hd_err undone = hd_undo_apply(s, undo);
        if (undone == HD_OK)
            undone = touch_changes(&r, undo);
        hd_undo_clear(undo);
        if (undone != HD_OK)
            err = undone;
        else if (r.is_refused)
            err = HD_OK;
    }
    hd_results_free(&r.results);
    if (r.host.exec != options->exec)
        hd_exec_close(r.host.exec);
    hd_undo_free(&own);
    return err;
}
