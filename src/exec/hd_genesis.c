/* hd_genesis.c - reads the first block of a chain and its accounts. */
#include "exec/hd_genesis.h"

#include <string.h>

#include "base/hd_file.h"
#include "base/hd_hex.h"
#include "exec/hd_block_exec.h"
#include "state/hd_trie.h"

/* ---- small readers ---- */

/* Members that may be missing: *out is then left alone. */
static hd_err find_u64(uint64_t *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    if (!hd_json_find(&val, obj, key))
        return HD_OK;
    return hd_json_u64(out, msg, val);
}

static hd_err find_u256(hd_u256 *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    hd_hash word;
    if (!hd_json_find(&val, obj, key))
        return HD_OK;
    hd_err err = hd_json_num(&word, msg, val);
    if (err == HD_OK)
        *out = hd_u256_load_be(word.b);
    return err;
}

/* A key of an object as a number; here also 64 hexadecimal digits alone. */
static hd_err read_key(hd_hash *out, hd_msg *msg, hd_json place, const char *key) {
    size_t sz = strlen(key), word_sz = 0;
    if (sz == 2 * sizeof out->b &&
        hd_hex_decode(out->b, sizeof out->b, &word_sz, NULL, key, sz) == HD_OK)
        return HD_OK;
    return hd_json_key_num(out, msg, place, key);
}

/* ---- accounts ---- */

static hd_err read_storage(hd_state *s, hd_msg *msg, const hd_address *addr, hd_json val) {
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of storage slots is expected");
    for (hd_json_iter it = hd_json_begin(val); hd_json_next(&it);) {
        hd_hash key, value;
        hd_err err = read_key(&key, msg, it.val, it.key);
        if (err == HD_OK)
            err = hd_json_num(&value, msg, it.val);
        if (err == HD_OK)
            err = hd_state_set_slot(s, addr, hd_u256_load_be(key.b), hd_u256_load_be(value.b));
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static hd_err read_account(hd_state *s, hd_buf *code, hd_msg *msg, const hd_address *addr,
                           hd_json val) {
    hd_json member;
    hd_u256 balance = hd_u256_zero();
    uint64_t nonce = 0;
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an account is expected");
    if (!hd_json_find(&member, val, "balance"))
        return hd_json_fail(msg, val, "missing required field 'balance'");
    hd_err err = find_u256(&balance, msg, val, "balance");
    if (err == HD_OK)
        err = find_u64(&nonce, msg, val, "nonce");
    hd_buf_clear(code);
    if (err == HD_OK && hd_json_find(&member, val, "code"))
        err = hd_json_bytes(code, msg, member);
    if (err == HD_OK)
        err = hd_state_set(s, addr, nonce, balance, code->data, code->sz);
    if (err == HD_OK && hd_json_find(&member, val, "storage"))
        err = read_storage(s, msg, addr, member);
    return err;
}

hd_err hd_genesis_alloc_read(hd_state *s, hd_msg *msg, hd_json val) {
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of accounts is expected");
    hd_buf code = {0};
    hd_err err = HD_OK;
    for (hd_json_iter it = hd_json_begin(val); err == HD_OK && hd_json_next(&it);) {
        hd_address addr;
        err = hd_json_key_address(&addr, msg, it.val, it.key, strlen(it.key));
        if (err == HD_OK)
            err = read_account(s, &code, msg, &addr, it.val);
    }
    hd_buf_free(&code);
    return err;
}

/* ---- header ---- */

static hd_err find_fixed(uint8_t *out, size_t sz, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    hd_hash word;
    if (!hd_json_find(&val, obj, key))
        return HD_OK;
    /* go-ethereum writes a nonce as a number as well: "0x0". */
    hd_err err = hd_json_num(&word, msg, val);
    for (size_t i = 0; err == HD_OK && i + sz < sizeof word.b; i++)
        if (word.b[i])
            err = hd_json_fail(msg, val, "at most %zu bytes are expected", sz);
    if (err == HD_OK)
        memcpy(out, word.b + sizeof word.b - sz, sz);
    return err;
}

static hd_err read_extra(hd_header *h, hd_msg *msg, hd_json obj) {
    hd_json val;
    hd_buf buf = {0};
    if (!hd_json_find(&val, obj, "extraData"))
        return HD_OK;
    hd_err err = hd_json_bytes(&buf, msg, val);
    if (err == HD_OK && buf.sz > sizeof h->extra)
        err = hd_json_fail(msg, val, "at most %zu bytes are expected", sizeof h->extra);
    if (err == HD_OK) {
        if (buf.sz)
            memcpy(h->extra, buf.data, buf.sz);
        h->extra_sz = (uint32_t)buf.sz;
    }
    hd_buf_free(&buf);
    return err;
}

static hd_err read_header(hd_header *h, hd_msg *msg, hd_json val) {
    h->gas_limit = 4712388; /* go-ethereum's, where the file says nothing */
    h->difficulty = hd_u256_from_u64(131072);
    hd_err err = find_u64(&h->number, msg, val, "number");
    if (err == HD_OK)
        err = find_u64(&h->timestamp, msg, val, "timestamp");
    if (err == HD_OK)
        err = find_u64(&h->gas_limit, msg, val, "gasLimit");
    if (err == HD_OK)
        err = find_u64(&h->gas_used, msg, val, "gasUsed");
    if (err == HD_OK)
        err = find_u256(&h->difficulty, msg, val, "difficulty");
    if (err == HD_OK)
        err = find_fixed(h->mix_hash.b, 32, msg, val, "mixHash");
    if (err == HD_OK)
        err = find_fixed(h->nonce, sizeof h->nonce, msg, val, "nonce");
    if (err == HD_OK)
        err = find_fixed(h->coinbase.b, 20, msg, val, "coinbase");
    if (err == HD_OK)
        err = find_fixed(h->parent_hash.b, 32, msg, val, "parentHash");
    return err == HD_OK ? read_extra(h, msg, val) : err;
}

/* Fields that the rules of its time add to the first header. */
static hd_err read_tail(hd_block *b, hd_msg *msg, const hd_chain_rules *rules, hd_json val) {
    hd_header *h = &b->header;
    hd_err err = HD_OK;
    h->field_cnt = HD_HEADER_FIELDS_FRONTIER;
    if (rules->fork >= HD_FORK_LONDON) {
        h->field_cnt = HD_HEADER_FIELDS_LONDON;
        h->base_fee = hd_u256_from_u64(1000000000);
        err = find_u256(&h->base_fee, msg, val, "baseFeePerGas");
    }
    if (rules->fork >= HD_FORK_SHANGHAI) {
        h->field_cnt = HD_HEADER_FIELDS_SHANGHAI;
        b->has_withdrawals = 1;
    }
    if (err == HD_OK && rules->fork >= HD_FORK_CANCUN) {
        h->field_cnt = HD_HEADER_FIELDS_CANCUN;
        err = find_u64(&h->blob_gas_used, msg, val, "blobGasUsed");
        if (err == HD_OK)
            err = find_u64(&h->excess_blob_gas, msg, val, "excessBlobGas");
        if (err == HD_OK)
            err = find_fixed(h->beacon_root.b, 32, msg, val, "parentBeaconBlockRoot");
    }
    if (err == HD_OK && rules->fork >= HD_FORK_PRAGUE) {
        h->field_cnt = HD_HEADER_FIELDS_PRAGUE;
        err = hd_requests_hash(&h->requests_hash, NULL, 0);
    }
    return err;
}

hd_err hd_genesis_read(hd_block *out, hd_chain_config *config, hd_state *s, hd_msg *msg,
                       hd_json val) {
    hd_json member;
    hd_chain_rules rules;
    hd_block_clear(out);
    hd_err err = hd_json_get(&member, msg, val, "config");
    if (err == HD_OK)
        err = hd_chain_config_read(config, msg, member);
    if (err == HD_OK)
        err = hd_json_get(&member, msg, val, "alloc");
    if (err == HD_OK)
        err = hd_genesis_alloc_read(s, msg, member);
    if (err == HD_OK)
        err = read_header(&out->header, msg, val);
    if (err != HD_OK)
        return err;
    hd_chain_place place = {.number = out->header.number, .timestamp = out->header.timestamp};
    err = hd_chain_rules_at(&rules, msg, config, &place);
    if (err == HD_OK)
        err = read_tail(out, msg, &rules, val);
    if (err == HD_OK)
        err = hd_state_root(&out->header.state_root, s);
    hd_trie_empty_root(&out->header.receipts_root);
    return err == HD_OK ? hd_block_roots(out) : err;
}

/* ---- files ---- */

static int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Copies JSON text with quotes around whole numbers that have too many digits for 64 bits, since
   the parser would cut them. Everything else is left for the parser to judge. */
static hd_err quote_long_numbers(hd_buf *out, hd_span in) {
    int is_text = 0;
    for (size_t i = 0; i < in.sz;) {
        size_t end = i;
        while (!is_text && end < in.sz && is_digit(in.data[end]))
            end++;
        int is_long = end - i >= 19 &&
                      (i == 0 || (in.data[i - 1] != '-' && in.data[i - 1] != '.')) &&
                      (end == in.sz || (in.data[end] != '.' && (in.data[end] | 0x20) != 'e'));
        if (end == i) {
            if (is_text && in.data[i] == '\\' && i + 1 < in.sz)
                end++;
            else if (in.data[i] == '"')
                is_text = !is_text;
            end++;
        }
        if (is_long)
            hd_buf_append_byte(out, '"');
        hd_buf_append(out, in.data + i, end - i);
        if (is_long)
            hd_buf_append_byte(out, '"');
        i = end;
    }
    return out->err;
}

hd_err hd_genesis_load(hd_block *out, hd_chain_config *config, hd_state *s, hd_msg *msg,
                       const char *path) {
    hd_buf file = {0}, text = {0};
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_err err = hd_file_read(&file, msg, path, HD_FILE_SZ_MAX);
    if (err == HD_OK)
        err = quote_long_numbers(&text, hd_buf_span(&file));
    if (err == HD_OK)
        err = hd_json_parse(&doc, &root, msg, path, hd_buf_str(&text), text.sz,
                            HD_JSON_DEPTH_DEFAULT);
    if (err == HD_OK)
        err = hd_genesis_read(out, config, s, msg, root);
    hd_json_close(doc);
    hd_buf_free(&text);
    hd_buf_free(&file);
    return err;
}
