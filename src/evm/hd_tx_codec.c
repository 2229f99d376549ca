/* hd_tx_codec.c - transactions on the wire: decoding, encoding, hashes and the rules that need no
   state. Signatures are in hd_tx_sign.c. */
#include "evm/hd_tx_codec.h"

#include <string.h>

#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_tx_admit.h"

/* ---- decoding ---- */

/* Where the reader stands: the list's remaining items, and the names for messages. */
typedef struct {
    hd_rlp_iter iter;
    hd_msg *msg;
    const char *type; /* go-ethereum's name of the transaction's type: testers match its messages */
} reader;

static const char *type_name(uint32_t type) {
    switch (type) {
    case HD_TX_ACCESS_LIST: return "AccessListTx";
    case HD_TX_DYNAMIC_FEE: return "DynamicFeeTx";
    case HD_TX_BLOB: return "BlobTx";
    case HD_TX_SET_CODE: return "SetCodeTx";
    default: return "LegacyTx";
    }
}

static hd_err fail(const reader *rd, const char *what, const char *kind, const char *field) {
    hd_msg_set(rd->msg, "rlp: %s for %s, decoding into (types.Transaction)(types.%s).%s", what,
               kind, rd->type, field);
    return HD_ERR_FORMAT;
}

static hd_err next_item(reader *rd, hd_rlp_item *item, const char *kind, const char *field) {
    hd_err err = hd_rlp_iter_next(&rd->iter, item);
    if (err == HD_ERR_ABSENT) {
        hd_msg_set(rd->msg, "rlp: too few elements for types.%s, decoding into (types.Transaction)",
                   rd->type);
        return HD_ERR_FORMAT;
    }
    if (err != HD_OK)
        return fail(rd, rd->iter.reason ? rd->iter.reason : "malformed item", kind, field);
    return HD_OK;
}

static hd_err next_string(reader *rd, hd_span *out, const char *kind, const char *field) {
    hd_rlp_item item;
    hd_err err = next_item(rd, &item, kind, field);
    if (err != HD_OK)
        return err;
    if (item.is_list)
        return fail(rd, "expected input string or byte", kind, field);
    *out = item.body;
    return HD_OK;
}

static hd_err next_number(reader *rd, hd_u256 *out, size_t sz_max, const char *kind,
                          const char *field) {
    hd_span s;
    hd_err err = next_string(rd, &s, kind, field);
    if (err != HD_OK)
        return err;
    if (s.sz > 0 && s.data[0] == 0)
        return fail(rd, "non-canonical integer (leading zero bytes)", kind, field);
    if (s.sz > sz_max)
        return fail(rd, "input string too long", kind, field);
    *out = hd_u256_load_be_n(s.data, s.sz);
    return HD_OK;
}

static hd_err next_u64(reader *rd, uint64_t *out, const char *field) {
    hd_u256 x;
    hd_err err = next_number(rd, &x, 8, "uint64", field);
    if (err == HD_OK)
        *out = x.w[0];
    return err;
}

static hd_err next_fixed(reader *rd, uint8_t *out, size_t sz, const char *kind, const char *field) {
    hd_span s;
    hd_err err = next_string(rd, &s, kind, field);
    if (err != HD_OK)
        return err;
    if (s.sz != sz)
        return fail(rd, s.sz < sz ? "input string too short" : "input string too long", kind,
                    field);
    memcpy(out, s.data, sz);
    return HD_OK;
}

/* next_list opens the next item as a list; *sub reads its items. */
static hd_err next_list(reader *rd, reader *sub, const char *kind, const char *field) {
    hd_rlp_item item;
    hd_err err = next_item(rd, &item, kind, field);
    if (err != HD_OK)
        return err;
    *sub = *rd;
    if (!item.is_list || hd_rlp_iter_init(&sub->iter, &item) != HD_OK)
        return fail(rd, "expected input list", kind, field);
    return HD_OK;
}

static hd_err expect_end(const reader *rd, const char *kind, const char *field) {
    return hd_rlp_iter_is_end(&rd->iter)
               ? HD_OK
               : fail(rd, "input list has too many elements", kind, field);
}

static hd_err read_to(hd_tx *tx, reader *rd) {
    hd_span s;
    hd_err err = next_string(rd, &s, "common.Address", "To");
    if (err != HD_OK)
        return err;
    /* Blob and set-code transactions cannot create: an empty recipient is malformed there. */
    if (s.sz == 0 && tx->type != HD_TX_BLOB && tx->type != HD_TX_SET_CODE) {
        tx->flags |= HD_TX_CREATE;
        return HD_OK;
    }
    if (s.sz != sizeof tx->to.b)
        return fail(rd, s.sz < sizeof tx->to.b ? "input string too short" : "input string too long",
                    "common.Address", "To");
    memcpy(tx->to.b, s.data, sizeof tx->to.b);
    return HD_OK;
}

static hd_err read_data(hd_tx *tx, hd_buf *data, reader *rd) {
    hd_span s;
    hd_err err = next_string(rd, &s, "[]uint8", "Data");
    if (err != HD_OK)
        return err;
    tx->data_off = data->sz;
    tx->data_sz = (uint32_t)s.sz; /* HD_TX_ENCODED_SZ_MAX bounds it */
    return hd_buf_append(data, s.data, s.sz);
}

static hd_err read_access_list(hd_tx *tx, hd_buf *data, reader *rd) {
    reader list;
    hd_err err = next_list(rd, &list, "types.AccessList", "AccessList");
    tx->access_off = data->sz;
    while (err == HD_OK && !hd_rlp_iter_is_end(&list.iter)) {
        reader tuple, keys;
        uint8_t addr[20];
        uint32_t key_cnt = 0;
        err = next_list(&list, &tuple, "types.AccessTuple", "AccessList");
        if (err == HD_OK)
            err = next_fixed(&tuple, addr, sizeof addr, "common.Address", "AccessList.Address");
        if (err == HD_OK)
            err = next_list(&tuple, &keys, "[]common.Hash", "AccessList.StorageKeys");
        if (err == HD_OK)
            err = hd_buf_append(data, addr, sizeof addr);
        size_t cnt_off = data->sz;
        if (err == HD_OK)
            err = hd_buf_append_zero(data, 4);
        while (err == HD_OK && !hd_rlp_iter_is_end(&keys.iter)) {
            uint8_t key[32];
            err = next_fixed(&keys, key, sizeof key, "common.Hash", "AccessList.StorageKeys");
            if (err == HD_OK)
                err = hd_buf_append(data, key, sizeof key);
            key_cnt++;
        }
        if (err != HD_OK)
            break;
        hd_store_le32(data->data + cnt_off, key_cnt);
        tx->access_cnt++;
        tx->access_key_cnt += key_cnt;
        err = expect_end(&tuple, "types.AccessTuple", "AccessList");
    }
    if (err == HD_OK)
        tx->access_sz = (uint32_t)(data->sz - tx->access_off);
    return err;
}

static hd_err read_blob_hashes(hd_tx *tx, hd_buf *data, reader *rd) {
    reader list;
    hd_err err = next_list(rd, &list, "[]common.Hash", "BlobHashes");
    tx->blob_off = data->sz;
    while (err == HD_OK && !hd_rlp_iter_is_end(&list.iter)) {
        uint8_t hash[32];
        err = next_fixed(&list, hash, sizeof hash, "common.Hash", "BlobHashes");
        if (err == HD_OK)
            err = hd_buf_append(data, hash, sizeof hash);
        tx->blob_cnt++;
    }
    return err;
}

static hd_err read_auth(hd_auth *auth, hd_auth_sig *sig, reader *rd) {
    *auth = (hd_auth){0};
    hd_err err = next_number(rd, &auth->chain_id, 32, "uint256.Int", "AuthList.ChainID");
    if (err == HD_OK)
        err = next_fixed(rd, auth->address.b, sizeof auth->address.b, "common.Address",
                         "AuthList.Address");
    if (err == HD_OK)
        err = next_u64(rd, &auth->nonce, "AuthList.Nonce");
    if (err == HD_OK)
        err = next_number(rd, &sig->y_parity, 1, "uint8", "AuthList.V");
    if (err == HD_OK)
        err = next_number(rd, &sig->r, 32, "uint256.Int", "AuthList.R");
    if (err == HD_OK)
        err = next_number(rd, &sig->s, 32, "uint256.Int", "AuthList.S");
    if (err == HD_OK)
        err = expect_end(rd, "types.SetCodeAuthorization", "AuthList");
    if (err == HD_OK)
        hd_tx_auth_recover(auth, sig);
    return err;
}

static hd_err read_auth_list(hd_tx *tx, hd_tx_envelope *envelope, hd_buf *data, reader *rd) {
    reader list;
    size_t cnt = 0;
    hd_rlp_item item;
    hd_err err = next_list(rd, &list, "[]types.SetCodeAuthorization", "AuthList");
    /* The two arrays lie one behind the other, so their length must be known first. */
    for (hd_rlp_iter it = list.iter; err == HD_OK && !hd_rlp_iter_is_end(&it); cnt++)
        if (hd_rlp_iter_next(&it, &item) != HD_OK)
            err = fail(&list, it.reason ? it.reason : "malformed item",
                       "types.SetCodeAuthorization", "AuthList");
    if (err == HD_OK) /* hd_auth wants 8-byte alignment */
        err = hd_buf_append_zero(data, (8 - data->sz % 8) % 8);
    tx->auth_off = data->sz;
    envelope->auth_sig_off = data->sz + cnt * sizeof(hd_auth);
    if (err == HD_OK)
        err = hd_buf_append_zero(data, cnt * (sizeof(hd_auth) + sizeof(hd_auth_sig)));
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        reader tuple;
        hd_auth auth;
        hd_auth_sig sig;
        err = next_list(&list, &tuple, "types.SetCodeAuthorization", "AuthList");
        if (err == HD_OK)
            err = read_auth(&auth, &sig, &tuple);
        if (err != HD_OK)
            break;
        memcpy(data->data + tx->auth_off + i * sizeof auth, &auth, sizeof auth);
        memcpy(data->data + envelope->auth_sig_off + i * sizeof sig, &sig, sizeof sig);
    }
    tx->auth_cnt = (uint32_t)cnt;
    return err;
}

static hd_err read_payload(hd_tx *tx, hd_buf *data, reader *rd) {
    hd_err err = next_u64(rd, &tx->nonce, "Nonce");
    if (tx->type >= HD_TX_DYNAMIC_FEE) {
        if (err == HD_OK)
            err = next_number(rd, &tx->priority_fee, 32, "*big.Int", "GasTipCap");
        if (err == HD_OK)
            err = next_number(rd, &tx->gas_price, 32, "*big.Int", "GasFeeCap");
    } else {
        if (err == HD_OK)
            err = next_number(rd, &tx->gas_price, 32, "*big.Int", "GasPrice");
        tx->priority_fee = tx->gas_price;
    }
    if (err == HD_OK)
        err = next_u64(rd, &tx->gas_limit, "Gas");
    if (err == HD_OK)
        err = read_to(tx, rd);
    if (err == HD_OK)
        err = next_number(rd, &tx->value_wei, 32, "*big.Int", "Value");
    if (err == HD_OK)
        err = read_data(tx, data, rd);
    return err;
}

void hd_tx_split_v(hd_tx *tx, hd_tx_envelope *envelope) {
    hd_tx_signed g = {.v = envelope->v, .chain_id = envelope->chain_id, .type = tx->type};
    hd_tx_split(&g);
    if (g.is_protected)
        envelope->flags |= HD_TX_ENVELOPE_PROTECTED;
    envelope->chain_id = g.chain_id;
    tx->chain_id = hd_u256_fits_u64(g.chain_id) ? g.chain_id.w[0] : UINT64_MAX;
}

/* signing_hash hashes the decoded bytes that were signed: the list's items before the signature,
   under a header of their own, and for EIP-155 three more items. */
static hd_err signing_hash(hd_tx_envelope *envelope, uint32_t type, hd_span fields) {
    uint8_t head_mem[16], tail_mem[40];
    hd_buf head, tail;
    hd_buf_init_fixed(&head, head_mem, sizeof head_mem);
    hd_buf_init_fixed(&tail, tail_mem, sizeof tail_mem);
    if (envelope->flags & HD_TX_ENVELOPE_PROTECTED) {
        uint8_t id[32];
        hd_u256_store_be(id, envelope->chain_id);
        hd_rlp_put_num(&tail, id, sizeof id);
        hd_rlp_put_u64(&tail, 0);
        hd_rlp_put_u64(&tail, 0);
    }
    if (type != HD_TX_LEGACY)
        hd_buf_append_byte(&head, (uint8_t)type);
    hd_rlp_put_list_head(&head, fields.sz + tail.sz);
    if (head.err != HD_OK || tail.err != HD_OK)
        return HD_ERR_LIMIT;
    hd_keccak k;
    hd_keccak_init(&k);
    hd_keccak_update(&k, head.data, head.sz);
    hd_keccak_update(&k, fields.data, fields.sz);
    hd_keccak_update(&k, tail.data, tail.sz);
    hd_keccak_final(&k, envelope->signing_hash.b);
    return HD_OK;
}

static hd_err read_transaction(hd_tx *tx, hd_tx_envelope *envelope, hd_buf *data, reader *rd) {
    const uint8_t *first = rd->iter.rest.data;
    hd_err err = HD_OK;
    if (tx->type != HD_TX_LEGACY)
        err = next_number(rd, &envelope->chain_id, 32, "*big.Int", "ChainID");
    if (err == HD_OK)
        err = read_payload(tx, data, rd);
    if (err == HD_OK && tx->type != HD_TX_LEGACY)
        err = read_access_list(tx, data, rd);
    if (err == HD_OK && tx->type == HD_TX_BLOB)
        err = next_number(rd, &tx->blob_fee, 32, "uint256.Int", "BlobFeeCap");
    if (err == HD_OK && tx->type == HD_TX_BLOB)
        err = read_blob_hashes(tx, data, rd);
    if (err == HD_OK && tx->type == HD_TX_SET_CODE)
        err = read_auth_list(tx, envelope, data, rd);
    hd_span fields = {first, (size_t)(rd->iter.rest.data - first)};
    if (err == HD_OK)
        err = next_number(rd, &envelope->v, 32, "*big.Int", "V");
    if (err == HD_OK)
        err = next_number(rd, &envelope->r, 32, "*big.Int", "R");
    if (err == HD_OK)
        err = next_number(rd, &envelope->s, 32, "*big.Int", "S");
    if (err == HD_OK && !hd_rlp_iter_is_end(&rd->iter)) {
        hd_msg_set(rd->msg,
                   "rlp: input list has too many elements for types.%s, decoding into "
                   "(types.Transaction)",
                   rd->type);
        err = HD_ERR_FORMAT;
    }
    if (err != HD_OK)
        return err;
    hd_tx_split_v(tx, envelope);
    return signing_hash(envelope, tx->type, fields);
}

hd_err hd_tx_decode(hd_tx *tx, hd_tx_envelope *envelope, hd_buf *data, hd_msg *msg, hd_span raw) {
    *tx = (hd_tx){0};
    *envelope = (hd_tx_envelope){0};
    if (raw.sz == 0) {
        hd_msg_set(msg, "typed transaction too short");
        return HD_ERR_FORMAT;
    }
    if (raw.sz > HD_TX_ENCODED_SZ_MAX) {
        hd_msg_set(msg, "transaction longer than %zu bytes", HD_TX_ENCODED_SZ_MAX);
        return HD_ERR_LIMIT;
    }
    hd_span list = raw;
    if (raw.data[0] < 0xc0) {
        tx->type = raw.data[0];
        if (tx->type < HD_TX_ACCESS_LIST || tx->type > HD_TX_SET_CODE) {
            hd_msg_set(msg, "transaction type not supported");
            return HD_ERR_FORMAT;
        }
        list.data++;
        list.sz--;
    }
    reader rd = {.msg = msg, .type = type_name(tx->type)};
    hd_rlp_item item;
    const char *reason = NULL;
    hd_err err = hd_rlp_read(&item, NULL, &reason, list);
    if (err != HD_OK) {
        hd_msg_set(msg, "rlp: %s, decoding into (types.Transaction)(types.%s)",
                   reason ? reason : "malformed item", rd.type);
        return HD_ERR_FORMAT;
    }
    if (!item.is_list || hd_rlp_iter_init(&rd.iter, &item) != HD_OK) {
        hd_msg_set(msg, "rlp: expected input list for types.%s, decoding into (types.Transaction)",
                   rd.type);
        return HD_ERR_FORMAT;
    }
    size_t mark = data->sz;
    err = read_transaction(tx, envelope, data, &rd);
    if (err != HD_OK) {
        data->sz = mark;
        return err;
    }
    hd_keccak256(envelope->hash.b, raw.data, raw.sz);
    return HD_OK;
}

/* ---- encoding ---- */

static void put_u256(hd_buf *out, hd_u256 x) {
    uint8_t be[32];
    hd_u256_store_be(be, x);
    hd_rlp_put_num(out, be, sizeof be);
}

static void put_access_list(hd_buf *out, const hd_tx *tx, const uint8_t *data) {
    const uint8_t *p = tx->access_cnt ? data + tx->access_off : NULL;
    size_t list = hd_rlp_list_open(out);
    for (uint32_t i = 0; i < tx->access_cnt; i++) {
        size_t tuple = hd_rlp_list_open(out);
        hd_rlp_put_bytes(out, p, 20);
        uint32_t key_cnt = hd_load_le32(p + 20);
        p += 24;
        size_t keys = hd_rlp_list_open(out);
        for (uint32_t k = 0; k < key_cnt; k++, p += 32)
            hd_rlp_put_bytes(out, p, 32);
        hd_rlp_list_close(out, keys);
        hd_rlp_list_close(out, tuple);
    }
    hd_rlp_list_close(out, list);
}

static void put_auth_list(hd_buf *out, const hd_tx *tx, const hd_tx_envelope *envelope,
                          const uint8_t *data) {
    size_t list = hd_rlp_list_open(out);
    for (uint32_t i = 0; i < tx->auth_cnt; i++) {
        hd_auth auth;
        hd_auth_sig sig;
        memcpy(&auth, data + tx->auth_off + i * sizeof auth, sizeof auth);
        memcpy(&sig, data + envelope->auth_sig_off + i * sizeof sig, sizeof sig);
        size_t tuple = hd_rlp_list_open(out);
        put_u256(out, auth.chain_id);
        hd_rlp_put_bytes(out, auth.address.b, sizeof auth.address.b);
        hd_rlp_put_u64(out, auth.nonce);
        put_u256(out, sig.y_parity);
        put_u256(out, sig.r);
        put_u256(out, sig.s);
        hd_rlp_list_close(out, tuple);
    }
    hd_rlp_list_close(out, list);
}

static hd_err encode(hd_buf *out, const hd_tx *tx, const hd_tx_envelope *envelope,
                     const uint8_t *data, int is_signed) {
    if (tx->type != HD_TX_LEGACY)
        hd_buf_append_byte(out, (uint8_t)tx->type);
    size_t list = hd_rlp_list_open(out);
    if (tx->type != HD_TX_LEGACY)
        put_u256(out, envelope->chain_id);
    hd_rlp_put_u64(out, tx->nonce);
    if (tx->type >= HD_TX_DYNAMIC_FEE)
        put_u256(out, tx->priority_fee);
    put_u256(out, tx->gas_price);
    hd_rlp_put_u64(out, tx->gas_limit);
    hd_rlp_put_bytes(out, tx->to.b, tx->flags & HD_TX_CREATE ? 0 : sizeof tx->to.b);
    put_u256(out, tx->value_wei);
    /* data may be NULL where no transaction of the buffer has a variable part. */
    hd_rlp_put_bytes(out, tx->data_sz ? data + tx->data_off : NULL, tx->data_sz);
    if (tx->type != HD_TX_LEGACY)
        put_access_list(out, tx, data);
    if (tx->type == HD_TX_BLOB) {
        put_u256(out, tx->blob_fee);
        size_t blobs = hd_rlp_list_open(out);
        for (uint32_t i = 0; i < tx->blob_cnt; i++)
            hd_rlp_put_bytes(out, data + tx->blob_off + 32 * (size_t)i, 32);
        hd_rlp_list_close(out, blobs);
    }
    if (tx->type == HD_TX_SET_CODE)
        put_auth_list(out, tx, envelope, data);
    if (is_signed) {
        put_u256(out, envelope->v);
        put_u256(out, envelope->r);
        put_u256(out, envelope->s);
    } else if (envelope->flags & HD_TX_ENVELOPE_PROTECTED) {
        put_u256(out, envelope->chain_id);
        hd_rlp_put_u64(out, 0);
        hd_rlp_put_u64(out, 0);
    }
    return hd_rlp_list_close(out, list);
}

hd_err hd_tx_encode(hd_buf *out, const hd_tx *tx, const hd_tx_envelope *envelope,
                    const uint8_t *data) {
    return encode(out, tx, envelope, data, 1);
}

hd_err hd_tx_rehash(hd_tx_envelope *envelope, const hd_tx *tx, const uint8_t *data) {
    hd_buf buf;
    hd_buf_init(&buf);
    hd_err err = encode(&buf, tx, envelope, data, 0);
    if (err == HD_OK) {
        hd_keccak256(envelope->signing_hash.b, buf.data, buf.sz);
        hd_buf_clear(&buf);
        err = encode(&buf, tx, envelope, data, 1);
    }
    if (err == HD_OK)
        hd_keccak256(envelope->hash.b, buf.data, buf.sz);
    hd_buf_free(&buf);
    return err;
}

/* ---- rules that need no state ---- */

int hd_tx_type_is_active(uint32_t type, uint32_t fork) {
    switch (type) {
    case HD_TX_LEGACY: return 1;
    case HD_TX_ACCESS_LIST: return fork >= HD_FORK_BERLIN;
    case HD_TX_DYNAMIC_FEE: return fork >= HD_FORK_LONDON;
    case HD_TX_BLOB: return fork >= HD_FORK_CANCUN;
    case HD_TX_SET_CODE: return fork >= HD_FORK_PRAGUE;
    default: return 0;
    }
}

hd_tx_intrinsic_gas hd_tx_intrinsic(const hd_tx *tx, const uint8_t *data, uint32_t fork) {
    /* Every count is below 2^32, so that no sum of these products leaves 64 bits. */
    uint64_t nonzero_cnt = 0;
    for (uint32_t i = 0; i < tx->data_sz; i++)
        nonzero_cnt += data[tx->data_off + i] != 0;
    uint64_t zero_cnt = tx->data_sz - nonzero_cnt;
    int is_create = (tx->flags & HD_TX_CREATE) != 0;

    hd_tx_intrinsic_gas out = {21000, 0};
    if (is_create && fork >= HD_FORK_HOMESTEAD)
        out.gas += 32000; /* EIP-2 */
    out.gas += zero_cnt * 4;
    out.gas += nonzero_cnt * (fork >= HD_FORK_ISTANBUL ? 16 : 68); /* EIP-2028 */
    if (is_create && fork >= HD_FORK_SHANGHAI)
        out.gas += ((uint64_t)tx->data_sz + 31) / 32 * 2;                             /* EIP-3860 */
    out.gas += (uint64_t)tx->access_cnt * 2400 + (uint64_t)tx->access_key_cnt * 1900; /* EIP-2930 */
    out.gas += (uint64_t)tx->auth_cnt * 25000;                                        /* EIP-7702 */
    if (fork >= HD_FORK_PRAGUE)
        out.floor_gas = 21000 + 10 * (zero_cnt + 4 * nonzero_cnt); /* EIP-7623 */
    return out;
}

static uint32_t check_blobs(const hd_tx *tx, const uint8_t *data, uint32_t fork) {
    if (tx->flags & HD_TX_CREATE)
        return HD_TX_INVALID_BLOB_CREATE;
    if (tx->blob_cnt == 0)
        return HD_TX_INVALID_BLOB_NONE;
    if (fork >= HD_FORK_OSAKA && tx->blob_cnt > HD_EVM_TX_BLOBS_MAX)
        return HD_TX_INVALID_BLOB_COUNT;
    for (uint32_t i = 0; i < tx->blob_cnt; i++)
        if (data[tx->blob_off + 32 * (size_t)i] != 1) /* the version of KZG commitments */
            return HD_TX_INVALID_BLOB_VERSION;
    return HD_TX_SUCCESS;
}

uint32_t hd_tx_check(const hd_tx *tx, const uint8_t *data, uint32_t fork) {
    if (!hd_tx_type_is_active(tx->type, fork))
        return HD_TX_INVALID_TYPE;
    hd_tx_intrinsic_gas due = hd_tx_intrinsic(tx, data, fork);
    if (tx->gas_limit < due.gas)
        return HD_TX_INVALID_GAS_INTRINSIC;
    if (tx->gas_limit < due.floor_gas)
        return HD_TX_INVALID_GAS_FLOOR;
    if (fork >= HD_FORK_OSAKA && tx->gas_limit > HD_EVM_TX_GAS_CAP)
        return HD_TX_INVALID_GAS_CAP;
    if (tx->nonce == UINT64_MAX)
        return HD_TX_INVALID_NONCE_MAX;
    if (hd_u256_lt(tx->gas_price, tx->priority_fee))
        return HD_TX_INVALID_TIP_HIGH;
    hd_u256 hi, lo;
    hd_u256_mul_full(&hi, &lo, tx->gas_price, hd_u256_from_u64(tx->gas_limit));
    if (!hd_u256_is_zero(hi))
        return HD_TX_INVALID_FEE_OVERFLOW;
    if (tx->flags & HD_TX_CREATE && fork >= HD_FORK_SHANGHAI &&
        tx->data_sz > HD_EVM_INITCODE_SZ_MAX)
        return HD_TX_INVALID_INITCODE_SIZE;
    if (tx->type == HD_TX_BLOB)
        return check_blobs(tx, data, fork);
    if (tx->type == HD_TX_SET_CODE && tx->auth_cnt == 0)
        return HD_TX_INVALID_AUTH_NONE;
    if (tx->type == HD_TX_SET_CODE && tx->flags & HD_TX_CREATE)
        return HD_TX_INVALID_AUTH_CREATE;
    return HD_TX_SUCCESS;
}
