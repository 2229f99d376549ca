/* hd_t8n_txs.c - reads t8n's transactions: JSON objects, which it may have to sign, or an RLP list.
 */
#include "cli/hd_t8n_read.h"

#include <string.h>

#include "base/hd_hex.h"
#include "base/hd_rlp.h"

/* One transaction that is being read. */
typedef struct {
    hd_t8n_tx *t;
    hd_buf *data;
    hd_msg *msg;
    hd_json obj;
} reader;

static hd_err get_u256(hd_u256 *out, const reader *rd, const char *key) {
    hd_json val;
    hd_hash word;
    *out = hd_u256_zero();
    if (!hd_json_find(&val, rd->obj, key))
        return hd_json_fail(rd->msg, rd->obj, "missing required field '%s' in transaction", key);
    hd_err err = hd_json_num(&word, rd->msg, val);
    if (err == HD_OK)
        *out = hd_u256_load_be(word.b);
    return err;
}

static hd_err find_u256(hd_u256 *out, const reader *rd, const char *key) {
    hd_json val;
    *out = hd_u256_zero();
    return hd_json_find(&val, rd->obj, key) ? get_u256(out, rd, key) : HD_OK;
}

static hd_err get_u64(uint64_t *out, const reader *rd, const char *key) {
    hd_json val;
    if (!hd_json_find(&val, rd->obj, key))
        return hd_json_fail(rd->msg, rd->obj, "missing required field '%s' in transaction", key);
    return hd_json_u64(out, rd->msg, val);
}

static hd_err read_fees(reader *rd) {
    hd_tx *tx = &rd->t->tx;
    if (tx->type < HD_TX_DYNAMIC_FEE) {
        hd_err err = get_u256(&tx->gas_price, rd, "gasPrice");
        tx->priority_fee = tx->gas_price;
        return err;
    }
    hd_err err = get_u256(&tx->priority_fee, rd, "maxPriorityFeePerGas");
    if (err == HD_OK)
        err = get_u256(&tx->gas_price, rd, "maxFeePerGas");
    if (err == HD_OK && tx->type == HD_TX_BLOB)
        err = get_u256(&tx->blob_fee, rd, "maxFeePerBlobGas");
    return err;
}

static hd_err read_to(reader *rd) {
    hd_tx *tx = &rd->t->tx;
    hd_json val;
    const char *text;
    size_t sz;
    if (!hd_json_find(&val, rd->obj, "to")) {
        tx->flags |= HD_TX_CREATE;
        return HD_OK;
    }
    hd_err err = hd_json_str(&text, &sz, rd->msg, val);
    if (err != HD_OK)
        return err;
    if (sz == 0) { /* test fillers write a creation so */
        tx->flags |= HD_TX_CREATE;
        return HD_OK;
    }
    return hd_json_address(&tx->to, rd->msg, val);
}

static hd_err read_input(reader *rd) {
    hd_tx *tx = &rd->t->tx;
    hd_json val;
    if (!hd_json_find(&val, rd->obj, "input") && !hd_json_find(&val, rd->obj, "data"))
        return hd_json_fail(rd->msg, rd->obj, "missing required field 'input' in transaction");
    tx->data_off = rd->data->sz;
    hd_err err = hd_json_bytes(rd->data, rd->msg, val);
    if (err == HD_OK && rd->data->sz - tx->data_off > HD_TX_ENCODED_SZ_MAX)
        err = hd_json_fail(rd->msg, val, "at most %zu bytes are expected", HD_TX_ENCODED_SZ_MAX);
    tx->data_sz = (uint32_t)(rd->data->sz - tx->data_off);
    return err;
}

static hd_err read_access_entry(reader *rd, hd_json entry) {
    hd_tx *tx = &rd->t->tx;
    hd_address addr;
    hd_json keys;
    hd_err err = hd_json_get_address(&addr, rd->msg, entry, "address");
    if (err == HD_OK)
        err = hd_buf_append(rd->data, addr.b, sizeof addr.b);
    size_t cnt_off = rd->data->sz;
    if (err == HD_OK)
        err = hd_buf_append_zero(rd->data, 4);
    uint32_t key_cnt = 0;
    if (err == HD_OK && hd_json_find(&keys, entry, "storageKeys")) {
        if (!hd_json_is_array(keys))
            return hd_json_fail(rd->msg, keys, "an array of storage keys is expected");
        for (size_t i = 0; err == HD_OK && i < hd_json_cnt(keys); i++, key_cnt++) {
            hd_hash key;
            err = hd_json_hash(&key, rd->msg, hd_json_at(keys, i));
            if (err == HD_OK)
                err = hd_buf_append(rd->data, key.b, sizeof key.b);
        }
    }
    if (err != HD_OK)
        return err;
    hd_store_le32(rd->data->data + cnt_off, key_cnt);
    tx->access_cnt++;
    tx->access_key_cnt += key_cnt;
    return HD_OK;
}

static hd_err read_access_list(reader *rd) {
    hd_tx *tx = &rd->t->tx;
    hd_json list;
    hd_err err = HD_OK;
    tx->access_off = rd->data->sz;
    if (!hd_json_find(&list, rd->obj, "accessList"))
        return HD_OK;
    if (!hd_json_is_array(list))
        return hd_json_fail(rd->msg, list, "an array of access tuples is expected");
    for (size_t i = 0; err == HD_OK && i < hd_json_cnt(list); i++)
        err = read_access_entry(rd, hd_json_at(list, i));
    if (err == HD_OK && rd->data->sz - tx->access_off > HD_TX_ENCODED_SZ_MAX)
        err = hd_json_fail(rd->msg, list, "the access list is too long");
    tx->access_sz = (uint32_t)(rd->data->sz - tx->access_off);
    return err;
}

static hd_err read_blob_hashes(reader *rd) {
    hd_tx *tx = &rd->t->tx;
    hd_json list;
    hd_err err = HD_OK;
    tx->blob_off = rd->data->sz;
    if (!hd_json_find(&list, rd->obj, "blobVersionedHashes"))
        return hd_json_fail(rd->msg, rd->obj,
                            "missing required field 'blobVersionedHashes' in transaction");
    if (!hd_json_is_array(list))
        return hd_json_fail(rd->msg, list, "an array of hashes is expected");
    for (size_t i = 0; err == HD_OK && i < hd_json_cnt(list); i++) {
        hd_hash hash;
        err = hd_json_hash(&hash, rd->msg, hd_json_at(list, i));
        if (err == HD_OK)
            err = hd_buf_append(rd->data, hash.b, sizeof hash.b);
        tx->blob_cnt++;
    }
    return err;
}

static hd_err read_auth(hd_auth *auth, hd_auth_sig *sig, const reader *rd, hd_json obj) {
    reader sub = *rd;
    sub.obj = obj;
    *auth = (hd_auth){0};
    hd_json ignored;
    const char *parity = hd_json_find(&ignored, obj, "yParity") ? "yParity" : "v";
    hd_err err = get_u256(&auth->chain_id, &sub, "chainId");
    if (err == HD_OK)
        err = hd_json_get_address(&auth->address, rd->msg, obj, "address");
    if (err == HD_OK)
        err = get_u64(&auth->nonce, &sub, "nonce");
    if (err == HD_OK)
        err = get_u256(&sig->y_parity, &sub, parity);
    if (err == HD_OK)
        err = get_u256(&sig->r, &sub, "r");
    if (err == HD_OK)
        err = get_u256(&sig->s, &sub, "s");
    if (err == HD_OK)
        hd_tx_auth_recover(auth, sig);
    return err;
}

static hd_err read_auth_list(reader *rd) {
    hd_tx *tx = &rd->t->tx;
    hd_json list;
    if (!hd_json_find(&list, rd->obj, "authorizationList"))
        return hd_json_fail(rd->msg, rd->obj,
                            "missing required field 'authorizationList' in transaction");
    if (!hd_json_is_array(list))
        return hd_json_fail(rd->msg, list, "an array of authorizations is expected");
    size_t cnt = hd_json_cnt(list);
    hd_err err = hd_buf_append_zero(rd->data, (8 - rd->data->sz % 8) % 8);
    tx->auth_off = rd->data->sz;
    rd->t->envelope.auth_sig_off = tx->auth_off + cnt * sizeof(hd_auth);
    if (err == HD_OK)
        err = hd_buf_append_zero(rd->data, cnt * (sizeof(hd_auth) + sizeof(hd_auth_sig)));
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        hd_auth auth;
        hd_auth_sig sig;
        err = read_auth(&auth, &sig, rd, hd_json_at(list, i));
        if (err != HD_OK)
            break;
        memcpy(rd->data->data + tx->auth_off + i * sizeof auth, &auth, sizeof auth);
        memcpy(rd->data->data + rd->t->envelope.auth_sig_off + i * sizeof sig, &sig, sizeof sig);
    }
    tx->auth_cnt = (uint32_t)cnt;
    return err;
}

static hd_err read_fields(reader *rd) {
    hd_tx *tx = &rd->t->tx;
    hd_json val;
    uint64_t type = 0;
    hd_err err = HD_OK;
    if (hd_json_find(&val, rd->obj, "type"))
        err = hd_json_u64(&type, rd->msg, val);
    if (err == HD_OK && type > HD_TX_SET_CODE)
        err = hd_json_fail(rd->msg, rd->obj, "transaction type not supported");
    tx->type = (uint32_t)type;
    if (err == HD_OK)
        err = get_u64(&tx->nonce, rd, "nonce");
    if (err == HD_OK)
        err = hd_json_find(&val, rd->obj, "gas") ? get_u64(&tx->gas_limit, rd, "gas")
                                                 : get_u64(&tx->gas_limit, rd, "gasLimit");
    if (err == HD_OK)
        err = get_u256(&tx->value_wei, rd, "value");
    if (err == HD_OK)
        err = read_fees(rd);
    if (err == HD_OK)
        err = read_to(rd);
    if (err == HD_OK)
        err = read_input(rd);
    if (err == HD_OK && tx->type != HD_TX_LEGACY)
        err = read_access_list(rd);
    if (err == HD_OK && tx->type == HD_TX_BLOB)
        err = read_blob_hashes(rd);
    if (err == HD_OK && tx->type == HD_TX_SET_CODE)
        err = read_auth_list(rd);
    return err;
}

static hd_err sign(reader *rd, uint64_t chain_id, const hd_hash *secret) {
    hd_tx *tx = &rd->t->tx;
    hd_tx_envelope *envelope = &rd->t->envelope;
    hd_json val;
    uint32_t is_protected = 1;
    hd_u256 ours = hd_u256_from_u64(chain_id);
    hd_err err = HD_OK;
    if (hd_json_find(&val, rd->obj, "protected"))
        err = hd_json_bool(&is_protected, rd->msg, val);
    if (err != HD_OK)
        return err;
    if (tx->type == HD_TX_LEGACY) {
        envelope->chain_id = is_protected ? ours : hd_u256_zero();
        envelope->flags = is_protected ? HD_TX_ENVELOPE_PROTECTED : 0;
    } else if (hd_u256_is_zero(envelope->chain_id)) {
        envelope->chain_id = ours;
    } else if (!hd_u256_is_equal(envelope->chain_id, ours)) {
        return hd_json_fail(rd->msg, rd->obj, "failed to sign tx: invalid chain id for signer");
    }
    tx->chain_id = tx->type == HD_TX_LEGACY && !is_protected ? 0 : chain_id;
    err = hd_tx_sign(tx, envelope, rd->data->data, secret->b);
    if (err == HD_ERR_FORMAT)
        return hd_json_fail(rd->msg, rd->obj, "failed to sign tx: the secretKey is not valid");
    return err;
}

static hd_err read_signature(reader *rd, uint64_t chain_id) {
    hd_tx_envelope *envelope = &rd->t->envelope;
    hd_json val;
    hd_hash secret;
    hd_err err = HD_OK;
    if (rd->t->tx.type != HD_TX_LEGACY)
        err = get_u256(&envelope->chain_id, rd, "chainId");
    if (err == HD_OK && hd_json_find(&val, rd->obj, "v"))
        err = get_u256(&envelope->v, rd, "v");
    else if (err == HD_OK)
        err = find_u256(&envelope->v, rd, "yParity");
    if (err == HD_OK)
        err = find_u256(&envelope->r, rd, "r");
    if (err == HD_OK)
        err = find_u256(&envelope->s, rd, "s");
    if (err != HD_OK)
        return err;
    int is_signed = !hd_u256_is_zero(envelope->v) || !hd_u256_is_zero(envelope->r) ||
                    !hd_u256_is_zero(envelope->s);
    if (!is_signed && hd_json_find(&val, rd->obj, "secretKey")) {
        err = hd_json_hash(&secret, rd->msg, val);
        return err == HD_OK ? sign(rd, chain_id, &secret) : err;
    }
    hd_tx_split_v(&rd->t->tx, envelope);
    return hd_tx_rehash(envelope, &rd->t->tx, rd->data->data);
}

static hd_err read_json_tx(hd_t8n_txs *out, hd_msg *msg, hd_json obj, uint64_t chain_id) {
    hd_t8n_tx t = {.reason_off = SIZE_MAX, .raw_off = out->raws.sz};
    reader rd = {&t, &out->data, msg, obj};
    if (!hd_json_is_object(obj))
        return hd_json_fail(msg, obj, "a transaction is expected");
    hd_err err = read_fields(&rd);
    if (err == HD_OK)
        err = read_signature(&rd, chain_id);
    if (err == HD_OK)
        err = hd_tx_encode(&out->raws, &t.tx, &t.envelope, out->data.data);
    t.raw_sz = out->raws.sz - t.raw_off;
    if (err == HD_OK)
        err = hd_buf_append(&out->txs, &t, sizeof t);
    return err;
}

/* ---- RLP lists ---- */

/* decode_item reads one item of a block's body: a legacy transaction is a list, a typed one a
 * string. */
static hd_err decode_item(hd_t8n_tx *t, hd_buf *data, hd_msg *reason, const hd_rlp_item *item) {
    if (item->is_list)
        return hd_tx_decode(&t->tx, &t->envelope, data, reason, item->whole);
    if (item->body.sz <= 1) {
        hd_msg_set(reason, "typed transaction too short");
        return HD_ERR_FORMAT;
    }
    if (item->body.data[0] >= 0xc0) {
        hd_msg_set(reason, "transaction type not supported");
        return HD_ERR_FORMAT;
    }
    return hd_tx_decode(&t->tx, &t->envelope, data, reason, item->body);
}

static hd_err read_rlp(hd_t8n_txs *out, hd_msg *msg, hd_json place, hd_span raw) {
    hd_rlp_item list, item;
    hd_rlp_iter iter;
    const char *why = "it is no list";
    if (hd_rlp_read(&list, NULL, &why, raw) != HD_OK || hd_rlp_iter_init(&iter, &list) != HD_OK)
        return hd_json_fail(msg, place, "an RLP list of transactions is expected: %s", why);
    while (!hd_rlp_iter_is_end(&iter)) {
        hd_t8n_tx t = {.reason_off = SIZE_MAX, .raw_off = out->raws.sz};
        hd_msg reason = {""};
        if (hd_rlp_iter_next(&iter, &item) != HD_OK)
            return hd_json_fail(msg, place, "the RLP list of transactions is malformed: %s",
                                iter.reason);
        hd_err err = decode_item(&t, &out->data, &reason, &item);
        if (err == HD_ERR_NOMEM)
            return err;
        if (err != HD_OK) {
            t.reason_off = out->reasons.sz;
            err = hd_buf_append(&out->reasons, reason.text, strlen(reason.text) + 1);
        } else {
            hd_span bytes = item.is_list ? item.whole : item.body;
            err = hd_buf_append(&out->raws, bytes.data, bytes.sz);
            t.raw_sz = bytes.sz;
        }
        if (err == HD_OK)
            err = hd_buf_append(&out->txs, &t, sizeof t);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static hd_err read_rlp_text(hd_t8n_txs *out, hd_msg *msg, hd_json text) {
    hd_buf raw = {0};
    hd_err err = hd_json_bytes(&raw, msg, text);
    if (err == HD_OK)
        err = read_rlp(out, msg, text, hd_buf_span(&raw));
    hd_buf_free(&raw);
    return err;
}

hd_err hd_t8n_txs_read(hd_t8n_txs *out, hd_msg *msg, hd_json txs, hd_json tx_rlp,
                       uint64_t chain_id) {
    const char *text;
    size_t sz = 0;
    if (tx_rlp.obj && hd_json_is_string(tx_rlp)) {
        hd_err err = hd_json_str(&text, &sz, msg, tx_rlp);
        if (err != HD_OK)
            return err;
        if (sz > 0)
            return read_rlp_text(out, msg, tx_rlp);
    }
    if (!txs.obj) /* null or not given: a block without transactions */
        return HD_OK;
    if (hd_json_is_string(txs))
        return read_rlp_text(out, msg, txs);
    if (!hd_json_is_array(txs))
        return hd_json_fail(msg, txs, "an array of transactions or an RLP text is expected");
    hd_err err = HD_OK;
    for (size_t i = 0; err == HD_OK && i < hd_json_cnt(txs); i++)
        err = read_json_tx(out, msg, hd_json_at(txs, i), chain_id);
    return err;
}

void hd_t8n_txs_free(hd_t8n_txs *txs) {
    hd_buf_free(&txs->txs);
    hd_buf_free(&txs->data);
    hd_buf_free(&txs->raws);
    hd_buf_free(&txs->reasons);
}
