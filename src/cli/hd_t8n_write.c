/* hd_t8n_write.c - writes what t8n answers: accounts, result and body. */
#include "cli/hd_t8n_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "base/hd_rlp.h"
#include "cli/hd_cli.h"
#include "crypto/hd_keccak.h"
#include "state/hd_receipt_root.h"
#include "state/hd_trie.h"

/* ---- JSON pieces ---- */

static void put_bytes(hd_buf *out, const void *data, size_t sz) {
    hd_buf_append_str(out, "\"0x");
    hd_buf_append_hex(out, data, sz);
    hd_buf_append_byte(out, '"');
}

static void put_u256(hd_buf *out, hd_u256 x) {
    uint8_t be[32];
    char text[2 * sizeof be + 3];
    hd_u256_store_be(be, x);
    hd_hex_write_num(text, sizeof text, be, sizeof be);
    hd_buf_printf(out, "\"%s\"", text);
}

static void put_u64(hd_buf *out, uint64_t x) { hd_buf_printf(out, "\"0x%" PRIx64 "\"", x); }

static void put_key(hd_buf *out, const char *key) {
    uint8_t last = out->sz ? out->data[out->sz - 1] : 0;
    if (last != '{' && last != '[')
        hd_buf_append_byte(out, ',');
    hd_buf_printf(out, "\"%s\":", key);
}

static void put_hash(hd_buf *out, const char *key, const hd_hash *hash) {
    put_key(out, key);
    put_bytes(out, hash->b, sizeof hash->b);
}

hd_err hd_t8n_indent(hd_buf *out, const char *in, size_t in_sz, const char *unit) {
    size_t depth = 0;
    int is_string = 0;
    for (size_t i = 0; i < in_sz; i++) {
        char c = in[i];
        if (is_string) {
            hd_buf_append_byte(out, (uint8_t)c);
            if (c == '\\' && i + 1 < in_sz)
                hd_buf_append_byte(out, (uint8_t)in[++i]);
            else if (c == '"')
                is_string = 0;
            continue;
        }
        if ((c == '}' || c == ']') && depth > 0 && in[i - 1] != '{' && in[i - 1] != '[') {
            hd_buf_append_byte(out, '\n');
            for (size_t k = 0; k + 1 < depth; k++)
                hd_buf_append_str(out, unit);
        }
        hd_buf_append_byte(out, (uint8_t)c);
        is_string = c == '"';
        if (c == ':')
            hd_buf_append_byte(out, ' ');
        if (c == '}' || c == ']')
            depth -= depth > 0;
        int is_empty = i + 1 < in_sz && (in[i + 1] == '}' || in[i + 1] == ']');
        if (c == '{' || c == '[')
            depth++;
        if (((c == '{' || c == '[') && !is_empty) || c == ',') {
            hd_buf_append_byte(out, '\n');
            for (size_t k = 0; k < depth; k++)
                hd_buf_append_str(out, unit);
        }
    }
    return out->err;
}

/* ---- accounts ---- */

typedef struct {
    hd_hash key, value;
} slot;

static void keep_slot(void *ctx, hd_u256 key, hd_u256 value) {
    slot s;
    hd_u256_store_be(s.key.b, key);
    hd_u256_store_be(s.value.b, value);
    hd_buf_append(ctx, &s, sizeof s);
}

static int compare_slots(const void *a, const void *b) {
    return memcmp(((const slot *)a)->key.b, ((const slot *)b)->key.b, sizeof(hd_hash));
}

static int compare_addresses(const void *a, const void *b) {
    return memcmp(a, b, sizeof(hd_address));
}

static void put_storage(hd_buf *out, hd_buf *slots) {
    slot *s = (slot *)(void *)slots->data;
    size_t cnt = slots->sz / sizeof *s;
    if (cnt == 0)
        return;
    qsort(s, cnt, sizeof *s, compare_slots);
    put_key(out, "storage");
    hd_buf_append_byte(out, '{');
    for (size_t i = 0; i < cnt; i++) {
        hd_buf_append_str(out, i ? "," : "");
        put_bytes(out, s[i].key.b, sizeof s[i].key.b);
        hd_buf_append_byte(out, ':');
        put_bytes(out, s[i].value.b, sizeof s[i].value.b);
    }
    hd_buf_append_byte(out, '}');
}

static hd_err write_alloc(hd_buf *out, const hd_state *state) {
    hd_buf addrs = {0}, slots = {0};
    hd_state_account account;
    hd_address addr;
    for (uint32_t i = 0; i < hd_state_account_max(state); i++)
        if (hd_state_account_at(&addr, &account, state, i))
            hd_buf_append(&addrs, &addr, sizeof addr);
    size_t cnt = addrs.sz / sizeof addr;
    hd_err err = addrs.err;
    if (cnt)
        qsort(addrs.data, cnt, sizeof addr, compare_addresses);
    hd_buf_append_byte(out, '{');
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        memcpy(&addr, addrs.data + i * sizeof addr, sizeof addr);
        err = hd_state_get(&account, state, &addr);
        hd_buf_clear(&slots);
        hd_state_each_slot(state, &addr, keep_slot, &slots);
        if (err == HD_OK)
            err = slots.err;
        hd_buf_append_str(out, i ? "," : "");
        put_bytes(out, addr.b, sizeof addr.b);
        hd_buf_append_str(out, ":{");
        if (account.code_sz) {
            put_key(out, "code");
            put_bytes(out, account.code, account.code_sz);
        }
        put_storage(out, &slots);
        put_key(out, "balance");
        put_u256(out, account.balance_wei);
        if (account.nonce) {
            put_key(out, "nonce");
            put_u64(out, account.nonce);
        }
        hd_buf_append_byte(out, '}');
    }
    hd_buf_append_byte(out, '}');
    hd_buf_free(&addrs);
    hd_buf_free(&slots);
    return err == HD_OK ? out->err : err;
}

/* ---- receipts ---- */

hd_address hd_t8n_create_address(const hd_address *sender, uint64_t nonce) {
    uint8_t mem[40], hash[32];
    hd_buf buf;
    hd_address out;
    hd_buf_init_fixed(&buf, mem, sizeof mem);
    size_t mark = hd_rlp_list_open(&buf);
    hd_rlp_put_bytes(&buf, sender->b, sizeof sender->b);
    hd_rlp_put_u64(&buf, nonce);
    hd_rlp_list_close(&buf, mark);
    hd_keccak256(hash, buf.data, buf.sz);
    memcpy(out.b, hash + 12, sizeof out.b);
    return out;
}

static const hd_t8n_receipt *receipts_of(size_t *cnt, const hd_t8n_run_state *r) {
    *cnt = r->receipts.sz / sizeof(hd_t8n_receipt);
    return (const hd_t8n_receipt *)(const void *)r->receipts.data;
}

static const hd_t8n_tx *tx_of(const hd_t8n_run_state *r, size_t idx) {
    return (const hd_t8n_tx *)(const void *)r->txs.txs.data + idx;
}

/* The logs from idx on; NULL where the block has none. */
static const hd_log_entry *logs_from(const hd_t8n_run_state *r, size_t idx) {
    return r->logs.sz ? (const hd_log_entry *)(const void *)r->logs.data + idx : NULL;
}

/* go-ethereum's t8n knows no block hash and always says this one. */
static void put_block_hash(hd_buf *out) {
    hd_hash hash = {{0x13, 0x37}};
    put_hash(out, "blockHash", &hash);
}

static void put_log(hd_buf *out, const hd_t8n_run_state *r, const hd_log_entry *log, size_t log_idx,
                    const hd_hash *tx_hash, size_t receipt_idx) {
    hd_buf_append_byte(out, '{');
    put_key(out, "address");
    put_bytes(out, log->addr.b, sizeof log->addr.b);
    put_key(out, "topics");
    hd_buf_append_byte(out, '[');
    for (uint32_t i = 0; i < log->topic_cnt && i < 4; i++) {
        hd_buf_append_str(out, i ? "," : "");
        put_bytes(out, log->topics[i].b, sizeof log->topics[i].b);
    }
    hd_buf_append_byte(out, ']');
    put_key(out, "data");
    put_bytes(out, log->data_sz ? r->log_bytes.data + log->data_off : NULL, log->data_sz);
    put_key(out, "blockNumber");
    put_u64(out, r->env.number);
    put_hash(out, "transactionHash", tx_hash);
    put_key(out, "transactionIndex");
    put_u64(out, receipt_idx);
    put_block_hash(out);
    put_key(out, "logIndex");
    put_u64(out, log_idx);
    hd_buf_append_str(out, ",\"removed\":false}");
}

static void put_receipt(hd_buf *out, const hd_t8n_run_state *r, const hd_t8n_receipt *x,
                        size_t idx) {
    const hd_t8n_tx *t = tx_of(r, x->tx_idx);
    uint8_t bloom[256];
    hd_buf_append_byte(out, '{');
    if (t->tx.type != HD_TX_LEGACY) {
        put_key(out, "type");
        put_u64(out, t->tx.type);
    }
    put_key(out, "root");
    put_bytes(out, x->post_root.b, r->rules.fork < HD_FORK_BYZANTIUM ? sizeof x->post_root.b : 0);
    put_key(out, "status");
    put_u64(out, x->is_success);
    put_key(out, "cumulativeGasUsed");
    put_u64(out, x->cumulative_gas);
    hd_logs_bloom(bloom, logs_from(r, x->log_idx), x->log_cnt);
    put_key(out, "logsBloom");
    put_bytes(out, bloom, sizeof bloom);
    put_key(out, "logs");
    hd_buf_append_byte(out, '[');
    for (size_t i = 0; i < x->log_cnt; i++) {
        hd_buf_append_str(out, i ? "," : "");
        put_log(out, r, logs_from(r, x->log_idx + i), x->log_idx + i, &t->envelope.hash, idx);
    }
    hd_buf_append_byte(out, ']');
    put_hash(out, "transactionHash", &t->envelope.hash);
    put_key(out, "contractAddress");
    put_bytes(out, x->created.b, sizeof x->created.b);
    put_key(out, "gasUsed");
    put_u64(out, x->gas_used);
    hd_buf_append_str(out, ",\"effectiveGasPrice\":null");
    if (t->tx.type == HD_TX_BLOB) {
        put_key(out, "blobGasUsed");
        put_u64(out, (uint64_t)t->tx.blob_cnt * HD_EVM_BLOB_GAS);
        put_key(out, "blobGasPrice");
        put_u256(out, r->blob_fee);
    }
    put_block_hash(out);
    put_key(out, "blockNumber");
    put_u64(out, r->env.number);
    put_key(out, "transactionIndex");
    put_u64(out, idx);
    hd_buf_append_byte(out, '}');
}

static hd_err put_receipts_root(hd_buf *out, const hd_t8n_run_state *r) {
    size_t cnt;
    hd_hash root;
    const hd_t8n_receipt *x = receipts_of(&cnt, r);
    hd_receipt_body *bodies = calloc(cnt + 1, sizeof *bodies);
    if (!bodies)
        return HD_ERR_NOMEM;
    for (size_t i = 0; i < cnt; i++) {
        bodies[i].logs = logs_from(r, x[i].log_idx);
        bodies[i].log_cnt = x[i].log_cnt;
        bodies[i].bytes = r->log_bytes.data;
        bodies[i].post_root = r->rules.fork < HD_FORK_BYZANTIUM ? &x[i].post_root : NULL;
        bodies[i].cumulative_gas = x[i].cumulative_gas;
        bodies[i].type = tx_of(r, x[i].tx_idx)->tx.type;
        bodies[i].is_success = x[i].is_success;
    }
    hd_err err = hd_receipts_root(&root, NULL, bodies, cnt, NULL);
    free(bodies);
    put_hash(out, "receiptsRoot", &root);
    return err;
}

/* ---- transactions, withdrawals ---- */

static hd_err put_tx_root(hd_buf *out, const hd_t8n_run_state *r) {
    size_t cnt;
    hd_hash root;
    const hd_t8n_receipt *x = receipts_of(&cnt, r);
    hd_span *items = calloc(cnt + 1, sizeof *items);
    if (!items)
        return HD_ERR_NOMEM;
    for (size_t i = 0; i < cnt; i++) {
        items[i].data = r->txs.raws.data + tx_of(r, x[i].tx_idx)->raw_off;
        items[i].sz = tx_of(r, x[i].tx_idx)->raw_sz;
    }
    hd_err err = hd_trie_list_root(&root, items, cnt, NULL);
    free(items);
    put_hash(out, "txRoot", &root);
    return err;
}

static hd_err write_body(hd_buf *out, const hd_t8n_run_state *r) {
    size_t cnt, list = hd_rlp_list_open(out);
    const hd_t8n_receipt *x = receipts_of(&cnt, r);
    for (size_t i = 0; i < cnt; i++) {
        const hd_t8n_tx *t = tx_of(r, x[i].tx_idx);
        if (t->tx.type == HD_TX_LEGACY)
            hd_buf_append(out, r->txs.raws.data + t->raw_off, t->raw_sz);
        else
            hd_rlp_put_bytes(out, r->txs.raws.data + t->raw_off, t->raw_sz);
    }
    return hd_rlp_list_close(out, list);
}

static hd_err put_withdrawals_root(hd_buf *out, const hd_t8n_env *env) {
    const hd_t8n_withdrawal *w = (const hd_t8n_withdrawal *)(const void *)env->withdrawals.data;
    size_t cnt = env->withdrawals.sz / sizeof *w, off = 0;
    hd_buf bytes = {0};
    hd_hash root;
    hd_span *items = calloc(cnt + 1, sizeof *items);
    hd_err err = items ? HD_OK : HD_ERR_NOMEM;
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        size_t list = hd_rlp_list_open(&bytes);
        hd_rlp_put_u64(&bytes, w[i].index);
        hd_rlp_put_u64(&bytes, w[i].validator);
        hd_rlp_put_bytes(&bytes, w[i].addr.b, sizeof w[i].addr.b);
        hd_rlp_put_u64(&bytes, w[i].amount_gwei);
        err = hd_rlp_list_close(&bytes, list);
        items[i].sz = bytes.sz - list;
    }
    for (size_t i = 0; err == HD_OK && i < cnt; off += items[i++].sz)
        items[i].data = bytes.data + off; /* only now: the buffer moves while it grows */
    if (err == HD_OK)
        err = hd_trie_list_root(&root, items, cnt, NULL);
    free(items);
    hd_buf_free(&bytes);
    if (err == HD_OK)
        put_hash(out, "withdrawalsRoot", &root);
    return err;
}

/* ---- result ---- */

static void put_rejected(hd_buf *out, const hd_t8n_run_state *r) {
    const hd_t8n_rejected *x = (const hd_t8n_rejected *)(const void *)r->rejected.data;
    size_t cnt = r->rejected.sz / sizeof *x;
    if (cnt == 0)
        return;
    put_key(out, "rejected");
    hd_buf_append_byte(out, '[');
    for (size_t i = 0; i < cnt; i++) {
        const char *reason = (const char *)r->rejected_text.data + x[i].reason_off;
        hd_buf_printf(out, "%s{\"index\":%zu,\"error\":", i ? "," : "", x[i].idx);
        hd_cli_put_str(out, reason, strlen(reason));
        hd_buf_append_byte(out, '}');
    }
    hd_buf_append_byte(out, ']');
}

static void put_requests(hd_buf *out, const hd_t8n_run_state *r) {
    if (r->rules.fork < HD_FORK_PRAGUE) {
        hd_buf_append_str(out, ",\"requests\":null");
        return;
    }
    hd_span spans[3];
    hd_hash hash;
    for (size_t i = 0; i < 3; i++)
        spans[i] = hd_buf_span(&r->requests[i]);
    hd_err err = hd_requests_hash(&hash, spans, 3);
    if (err != HD_OK) { /* as any failed append: the writer of the whole looks at it */
        out->err = err;
        return;
    }
    put_hash(out, "requestsHash", &hash);
    put_key(out, "requests");
    hd_buf_append_byte(out, '[');
    for (size_t i = 0, written = 0; i < 3; i++)
        if (spans[i].sz) {
            hd_buf_append_str(out, written++ ? "," : "");
            put_bytes(out, spans[i].data, spans[i].sz);
        }
    hd_buf_append_byte(out, ']');
}

static hd_err put_roots(hd_buf *out, hd_t8n_run_state *r) {
    size_t log_cnt = r->logs.sz / sizeof(hd_log_entry);
    hd_hash hash;
    hd_err err = hd_state_root(&hash, r->state);
    if (err != HD_OK)
        return err;
    put_hash(out, "stateRoot", &hash);
    err = put_tx_root(out, r);
    if (err == HD_OK)
        err = put_receipts_root(out, r);
    if (err == HD_OK)
        err = hd_logs_hash(&hash, logs_from(r, 0), log_cnt, r->log_bytes.data);
    if (err != HD_OK)
        return err;
    put_hash(out, "logsHash", &hash);
    uint8_t bloom[256];
    hd_logs_bloom(bloom, logs_from(r, 0), log_cnt);
    put_key(out, "logsBloom");
    put_bytes(out, bloom, sizeof bloom);
    return HD_OK;
}

static hd_err write_result(hd_buf *out, hd_t8n_run_state *r) {
    size_t cnt;
    const hd_t8n_receipt *x = receipts_of(&cnt, r);
    const hd_t8n_env *env = &r->env;
    hd_buf_append_byte(out, '{');
    hd_err err = put_roots(out, r);
    if (err != HD_OK)
        return err;
    put_key(out, "receipts");
    hd_buf_append_byte(out, '[');
    for (size_t i = 0; i < cnt; i++) {
        hd_buf_append_str(out, i ? "," : "");
        put_receipt(out, r, &x[i], i);
    }
    hd_buf_append_byte(out, ']');
    put_rejected(out, r);
    put_key(out, "currentDifficulty");
    if (env->has & HD_T8N_HAS_DIFFICULTY)
        put_u256(out, env->difficulty);
    else
        hd_buf_append_str(out, "null");
    put_key(out, "gasUsed");
    put_u64(out, r->gas_used);
    if (env->has & HD_T8N_HAS_BASE_FEE) {
        put_key(out, "currentBaseFee");
        put_u256(out, env->base_fee);
    }
    if (env->has & HD_T8N_HAS_WITHDRAWALS)
        err = put_withdrawals_root(out, env);
    if (err != HD_OK)
        return err;
    if (r->has_blob_fee) {
        put_key(out, "currentExcessBlobGas");
        put_u64(out, env->excess_blob_gas);
        put_key(out, "blobGasUsed");
        put_u64(out, r->blob_gas_used);
    }
    put_requests(out, r);
    return hd_buf_append_byte(out, '}');
}

hd_err hd_t8n_write(hd_t8n_run_state *r) {
    hd_err err = write_alloc(&r->out->alloc, r->state);
    if (err == HD_OK)
        err = write_result(&r->out->result, r);
    if (err == HD_OK)
        err = write_body(&r->out->body, r);
    return err;
}
