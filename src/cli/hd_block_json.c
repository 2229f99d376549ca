/* hd_block_json.c - blocks, accounts, codes and block hashes from JSON. */
#include "cli/hd_block_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "cli/hd_t8n_read.h"
#include "crypto/hd_keccak.h"

#define MAINNET_ID 1u /* for transactions that are not signed yet, of which a block has none */

/* ---- headers */

static hd_err get_u256(hd_u256 *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_hash word;
    hd_err err = hd_json_get_num(&word, msg, obj, key);
    *out = err == HD_OK ? hd_u256_load_be(word.b) : hd_u256_zero();
    return err;
}

/* "0x" and exactly sz bytes. */
static hd_err get_fixed(uint8_t *out, size_t sz, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    const char *text, *reason = NULL;
    size_t text_sz;
    hd_err err = hd_json_get(&val, msg, obj, key);
    if (err == HD_OK)
        err = hd_json_str(&text, &text_sz, msg, val);
    if (err != HD_OK)
        return err;
    if (hd_hex_decode_exact(out, sz, &reason, text, text_sz) != HD_OK)
        return hd_json_fail(msg, val, "0x and %zu bytes are expected: %s", sz, reason);
    return HD_OK;
}

static hd_err get_extra(hd_header *h, hd_msg *msg, hd_json obj) {
    hd_json val;
    const char *text, *reason = NULL;
    size_t text_sz, sz = 0;
    hd_err err = hd_json_get(&val, msg, obj, "extraData");
    if (err == HD_OK)
        err = hd_json_str(&text, &text_sz, msg, val);
    if (err != HD_OK)
        return err;
    if (hd_hex_decode_0x(h->extra, sizeof h->extra, &sz, &reason, text, text_sz) != HD_OK)
        return hd_json_fail(msg, val, "0x and at most %zu bytes are expected: %s", sizeof h->extra,
                            reason);
    h->extra_sz = (uint32_t)sz;
    return HD_OK;
}

/* The fields that later forks appended, each group only where the one before is there. */
static hd_err read_tail(hd_header *h, hd_msg *msg, hd_json obj) {
    hd_json val;
    h->field_cnt = HD_HEADER_FIELDS_FRONTIER;
    if (!hd_json_find(&val, obj, "baseFeePerGas"))
        return HD_OK;
    hd_err err = get_u256(&h->base_fee, msg, obj, "baseFeePerGas");
    h->field_cnt = HD_HEADER_FIELDS_LONDON;
    if (err != HD_OK || !hd_json_find(&val, obj, "withdrawalsRoot"))
        return err;
    err = hd_json_hash(&h->withdrawals_root, msg, val);
    h->field_cnt = HD_HEADER_FIELDS_SHANGHAI;
    if (err != HD_OK || !hd_json_find(&val, obj, "blobGasUsed"))
        return err;
    err = hd_json_u64(&h->blob_gas_used, msg, val);
    if (err == HD_OK)
        err = hd_json_get_u64(&h->excess_blob_gas, msg, obj, "excessBlobGas");
    if (err == HD_OK)
        err = hd_json_get_hash(&h->beacon_root, msg, obj, "parentBeaconBlockRoot");
    h->field_cnt = HD_HEADER_FIELDS_CANCUN;
    if (err != HD_OK || !hd_json_find(&val, obj, "requestsHash"))
        return err;
    h->field_cnt = HD_HEADER_FIELDS_PRAGUE;
    return hd_json_hash(&h->requests_hash, msg, val);
}

static hd_err read_header(hd_header *h, hd_msg *msg, hd_json obj) {
    const struct {
        const char *key;
        hd_hash *out;
    } hashes[] = {{"parentHash", &h->parent_hash},     {"sha3Uncles", &h->ommers_hash},
                  {"stateRoot", &h->state_root},       {"transactionsRoot", &h->txs_root},
                  {"receiptsRoot", &h->receipts_root}, {"mixHash", &h->mix_hash}};
    const struct {
        const char *key;
        uint64_t *out;
    } numbers[] = {{"number", &h->number},
                   {"gasLimit", &h->gas_limit},
                   {"gasUsed", &h->gas_used},
                   {"timestamp", &h->timestamp}};
    hd_err err = HD_OK;
    for (size_t i = 0; err == HD_OK && i < sizeof hashes / sizeof *hashes; i++)
        err = hd_json_get_hash(hashes[i].out, msg, obj, hashes[i].key);
    for (size_t i = 0; err == HD_OK && i < sizeof numbers / sizeof *numbers; i++)
        err = hd_json_get_u64(numbers[i].out, msg, obj, numbers[i].key);
    if (err == HD_OK)
        err = hd_json_get_address(&h->coinbase, msg, obj, "miner");
    if (err == HD_OK)
        err = get_fixed(h->bloom, sizeof h->bloom, msg, obj, "logsBloom");
    if (err == HD_OK)
        err = get_u256(&h->difficulty, msg, obj, "difficulty");
    if (err == HD_OK)
        err = get_extra(h, msg, obj);
    if (err == HD_OK)
        err = get_fixed(h->nonce, sizeof h->nonce, msg, obj, "nonce");
    return err == HD_OK ? read_tail(h, msg, obj) : err;
}

/* ---- bodies */

static hd_err read_withdrawals(hd_block *b, hd_msg *msg, hd_json list) {
    hd_err err = HD_OK;
    if (!hd_json_is_array(list))
        return hd_json_fail(msg, list, "an array of withdrawals is expected");
    b->has_withdrawals = 1;
    for (size_t i = 0; err == HD_OK && i < hd_json_cnt(list); i++) {
        hd_json obj = hd_json_at(list, i);
        hd_withdrawal w;
        memset(&w, 0, sizeof w);
        err = hd_json_get_u64(&w.index, msg, obj, "index");
        if (err == HD_OK)
            err = hd_json_get_u64(&w.validator, msg, obj, "validatorIndex");
        if (err == HD_OK)
            err = hd_json_get_u64(&w.amount_gwei, msg, obj, "amount");
        if (err == HD_OK)
            err = hd_json_get_address(&w.address, msg, obj, "address");
        if (err == HD_OK)
            err = hd_block_add_withdrawal(b, &w);
    }
    return err;
}

static hd_err read_txs(hd_block_json *out, hd_msg *msg, hd_json list) {
    hd_t8n_txs txs;
    hd_json none = {list.doc, NULL};
    memset(&txs, 0, sizeof txs);
    if (!hd_json_is_array(list))
        return hd_json_fail(msg, list, "an array of transactions is expected");
    hd_err err = hd_t8n_txs_read(&txs, msg, list, none, MAINNET_ID);
    size_t cnt = err == HD_OK ? txs.txs.sz / sizeof(hd_t8n_tx) : 0;
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        hd_t8n_tx t;
        hd_address sender;
        hd_hash hash;
        hd_json obj = hd_json_at(list, i);
        memcpy(&t, txs.txs.data + i * sizeof t, sizeof t);
        hd_span raw = {txs.raws.data + t.raw_off, t.raw_sz};
        err = hd_json_get_address(&sender, msg, obj, "from");
        if (err == HD_OK)
            err = hd_json_get_hash(&hash, msg, obj, "hash");
        if (err == HD_OK)
            err = hd_buf_append(&out->senders, &sender, sizeof sender);
        if (err == HD_OK)
            err = hd_buf_append(&out->tx_hashes, &hash, sizeof hash);
        if (err != HD_OK)
            break;
        hd_msg why = {""};
        err = hd_block_add_raw(&out->block, &why, raw);
        if (err != HD_OK && err != HD_ERR_NOMEM)
            err = hd_json_fail(msg, obj, "the transaction cannot be encoded: %s", why.text);
    }
    hd_t8n_txs_free(&txs);
    return err;
}

hd_err hd_block_json_read(hd_block_json *out, hd_msg *msg, hd_json val) {
    hd_json member;
    hd_block_clear(&out->block);
    hd_buf_clear(&out->senders);
    hd_buf_clear(&out->tx_hashes);
    out->total_difficulty = hd_u256_zero();
    out->has_total_difficulty = 0;
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "a block (an object) is expected");
    hd_err err = read_header(&out->block.header, msg, val);
    if (err == HD_OK)
        err = hd_json_get_hash(&out->hash, msg, val, "hash");
    if (err == HD_OK && hd_json_find(&member, val, "totalDifficulty")) {
        out->has_total_difficulty = 1;
        err = get_u256(&out->total_difficulty, msg, val, "totalDifficulty");
    }
    out->ommer_cnt = 0;
    if (err == HD_OK && hd_json_find(&member, val, "uncles"))
        out->ommer_cnt = (uint32_t)hd_json_cnt(member);
    if (err == HD_OK && hd_json_find(&member, val, "withdrawals"))
        err = read_withdrawals(&out->block, msg, member);
    if (err == HD_OK)
        err = hd_json_get(&member, msg, val, "transactions");
    if (err == HD_OK)
        err = read_txs(out, msg, member);
    return err == HD_OK ? hd_block_finish(&out->block) : err;
}

void hd_block_json_free(hd_block_json *b) {
    hd_block_free(&b->block);
    hd_buf_free(&b->senders);
    hd_buf_free(&b->tx_hashes);
    memset(b, 0, sizeof *b);
}

/* ---- codes */

static int code_order(const void *a, const void *b) {
    return memcmp(((const hd_code_entry *)a)->hash.b, ((const hd_code_entry *)b)->hash.b, 32);
}

hd_err hd_code_book_read(hd_code_book *out, hd_msg *msg, hd_json val) {
    hd_err err = HD_OK;
    hd_buf_clear(&out->entries);
    hd_buf_clear(&out->bytes);
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of codes by their hashes is expected");
    for (hd_json_iter it = hd_json_begin(val); err == HD_OK && hd_json_next(&it);) {
        hd_code_entry e = {.off = out->bytes.sz};
        hd_hash hash;
        const char *reason = NULL;
        if (hd_hex_decode_exact(e.hash.b, 32, &reason, it.key, strlen(it.key)) != HD_OK)
            return hd_json_fail(msg, it.val, "its name is not a code's hash: %s", reason);
        err = hd_json_bytes(&out->bytes, msg, it.val);
        if (err != HD_OK)
            break;
        e.sz = out->bytes.sz - e.off;
        hd_keccak256(hash.b, out->bytes.data + e.off, e.sz);
        if (memcmp(&hash, &e.hash, sizeof hash) != 0)
            return hd_json_fail(msg, it.val, "the code has another hash");
        err = hd_buf_append(&out->entries, &e, sizeof e);
    }
    if (err == HD_OK && out->entries.sz)
        qsort(out->entries.data, out->entries.sz / sizeof(hd_code_entry), sizeof(hd_code_entry),
              code_order);
    return err;
}

hd_err hd_code_book_find(hd_span *out, const hd_code_book *book, const hd_hash *hash) {
    hd_hash empty;
    hd_code_entry key = {.hash = *hash};
    const hd_code_entry *e = NULL;
    if (book->entries.sz)
        e = bsearch(&key, book->entries.data, book->entries.sz / sizeof key, sizeof key,
                    code_order);
    *out = (hd_span){NULL, 0};
    if (e) {
        *out = (hd_span){book->bytes.data + e->off, e->sz};
        return HD_OK;
    }
    hd_keccak256(empty.b, (const uint8_t *)"", 0);
    return memcmp(&empty, hash, sizeof empty) == 0 ? HD_OK : HD_ERR_ABSENT;
}

void hd_code_book_free(hd_code_book *book) {
    hd_buf_free(&book->entries);
    hd_buf_free(&book->bytes);
}

/* ---- block hashes */

static int number_order(const void *a, const void *b) {
    uint64_t x = ((const hd_block_hash_entry *)a)->number;
    uint64_t y = ((const hd_block_hash_entry *)b)->number;
    return (x > y) - (x < y);
}

/* "4370000" or "0x42ae50" */
static hd_err parse_number(uint64_t *out, const char **reason, const char *text) {
    uint8_t be[8];
    size_t sz = strlen(text);
    if (sz > 1 && text[0] == '0' && text[1] == 'x')
        return hd_hex_parse_u64(out, reason, text, sz);
    hd_err err = hd_dec_parse_num(be, sizeof be, reason, text, sz);
    *out = err == HD_OK ? hd_load_be64(be) : 0;
    return err;
}

hd_err hd_block_hash_book_read(hd_block_hash_book *out, hd_msg *msg, hd_json val) {
    hd_err err = HD_OK;
    hd_buf_clear(&out->entries);
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of block hashes by number is expected");
    for (hd_json_iter it = hd_json_begin(val); err == HD_OK && hd_json_next(&it);) {
        hd_block_hash_entry e;
        const char *reason = NULL;
        memset(&e, 0, sizeof e);
        if (parse_number(&e.number, &reason, it.key) != HD_OK)
            return hd_json_fail(msg, it.val, "its name is not a block number: %s", reason);
        err = hd_json_hash(&e.hash, msg, it.val);
        if (err == HD_OK)
            err = hd_buf_append(&out->entries, &e, sizeof e);
    }
    if (err == HD_OK && out->entries.sz)
        qsort(out->entries.data, out->entries.sz / sizeof(hd_block_hash_entry),
              sizeof(hd_block_hash_entry), number_order);
    return err;
}

hd_err hd_block_hash_book_find(hd_hash *out, const hd_block_hash_book *book, uint64_t number) {
    hd_block_hash_entry key = {.number = number};
    const hd_block_hash_entry *e = NULL;
    if (book->entries.sz)
        e = bsearch(&key, book->entries.data, book->entries.sz / sizeof key, sizeof key,
                    number_order);
    if (!e)
        return HD_ERR_ABSENT;
    *out = e->hash;
    return HD_OK;
}

void hd_block_hash_book_free(hd_block_hash_book *book) { hd_buf_free(&book->entries); }

/* ---- accounts */

static hd_err read_slots(hd_state *s, hd_msg *msg, hd_json slots, const hd_address *addr) {
    hd_err err = HD_OK;
    if (!hd_json_is_object(slots))
        return hd_json_fail(msg, slots, "an object of storage slots is expected");
    for (hd_json_iter it = hd_json_begin(slots); err == HD_OK && hd_json_next(&it);) {
        hd_hash key, value;
        const char *reason = NULL;
        if (hd_hex_parse_num(key.b, sizeof key.b, &reason, it.key, strlen(it.key)) != HD_OK)
            return hd_json_fail(msg, it.val, "its name is not a storage key: %s", reason);
        err = hd_json_num(&value, msg, it.val);
        hd_u256 word = hd_u256_load_be(value.b);
        if (err == HD_OK && !hd_u256_is_zero(word)) /* a zero only tells that it was looked at */
            err = hd_state_set_slot(s, addr, hd_u256_load_be(key.b), word);
    }
    return err;
}

static hd_err read_account(hd_state *s, hd_msg *msg, hd_json val, const hd_address *addr,
                           const hd_code_book *book, uint32_t fork) {
    hd_u256 balance;
    uint64_t nonce = 0;
    hd_json member;
    hd_span code = {NULL, 0};
    hd_err err = get_u256(&balance, msg, val, "balance");
    if (err == HD_OK)
        err = hd_json_get_u64(&nonce, msg, val, "nonce");
    if (err == HD_OK && hd_json_find(&member, val, "code_hash")) {
        hd_hash hash;
        err = hd_json_hash(&hash, msg, member);
        if (err == HD_OK && hd_code_book_find(&code, book, &hash) != HD_OK)
            err = hd_json_fail(msg, member, "this code is not among the bytecodes");
    }
    if (err != HD_OK)
        return err;
    int is_empty = hd_u256_is_zero(balance) && nonce == 0 && code.sz == 0;
    if (!is_empty || fork < HD_FORK_SPURIOUS)
        err = hd_state_set(s, addr, nonce, balance, code.data, code.sz);
    if (err == HD_OK && hd_json_find(&member, val, "storage"))
        err = read_slots(s, msg, member, addr);
    return err;
}

hd_err hd_pre_state_read(hd_state *s, hd_msg *msg, hd_json val, const hd_code_book *book,
                         uint32_t fork) {
    hd_err err = HD_OK;
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of accounts is expected");
    for (hd_json_iter it = hd_json_begin(val); err == HD_OK && hd_json_next(&it);) {
        hd_address addr;
        const char *reason = NULL;
        if (hd_hex_decode_exact(addr.b, sizeof addr.b, &reason, it.key, strlen(it.key)) != HD_OK)
            return hd_json_fail(msg, it.val, "its name is not an address: %s", reason);
        err = read_account(s, msg, it.val, &addr, book, fork);
    }
    return err;
}
