/* hd_state_json.c - reads accounts, environments and transactions of state tests and t8n. */
#include "cli/hd_state_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_tx_codec.h"
#include "exec/hd_chain_config.h"

int hd_fork_from_name(uint32_t *fork, const char *name, size_t name_sz) {
    hd_chain_fork found;
    int is_found = hd_chain_fork_find(&found, name, name_sz);
    if (is_found)
        *fork = found.fork;
    return is_found;
}

const char *hd_fork_name(uint32_t fork) { return hd_chain_fork_name(fork); }

/* --- numbers */

static hd_err get_u256(hd_u256 *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_hash word;
    hd_err err = hd_json_get_num(&word, msg, obj, key);
    if (err == HD_OK)
        *out = hd_u256_load_be(word.b);
    return err;
}

/* A member that may be missing: *out stays. */
static hd_err find_u256(hd_u256 *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    return hd_json_find(&val, obj, key) ? get_u256(out, msg, obj, key) : HD_OK;
}

static hd_err find_u64(uint64_t *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    return hd_json_find(&val, obj, key) ? hd_json_u64(out, msg, val) : HD_OK;
}

/* A transaction's number, which may be one that no transaction can hold (*is_large): more than
   bit_cnt bits, or the tests' "0x:bigint 0x1..." */
static hd_err read_wide(hd_u256 *out, uint32_t *is_large, hd_msg *msg, hd_json val,
                        uint32_t bit_cnt) {
    static const char mark[] = "0x:bigint ";
    const size_t mark_sz = sizeof mark - 1;
    *out = hd_u256_zero();
    if (hd_json_is_string(val)) {
        const char *text, *reason = NULL;
        size_t sz;
        hd_hash word;
        hd_err err = hd_json_str(&text, &sz, msg, val);
        if (err != HD_OK)
            return err;
        if (sz > mark_sz && memcmp(text, mark, mark_sz) == 0) {
            text += mark_sz;
            sz -= mark_sz;
        }
        if (sz >= 2 && text[0] == '0' && text[1] == 'x' &&
            hd_hex_parse_num(word.b, sizeof word.b, &reason, text, sz) == HD_ERR_LIMIT) {
            *is_large = 1;
            return HD_OK;
        }
    }
    hd_hash num;
    hd_err err = hd_json_num(&num, msg, val);
    if (err != HD_OK)
        return err;
    *out = hd_u256_load_be(num.b);
    if (hd_u256_bit_len(*out) > bit_cnt)
        *is_large = 1;
    return HD_OK;
}

/* The member key, which must be there unless is_optional. */
static hd_err get_wide(hd_u256 *out, uint32_t *is_large, hd_msg *msg, hd_json obj, const char *key,
                       uint32_t bit_cnt, int is_optional) {
    hd_json val;
    *out = hd_u256_zero();
    if (is_optional && !hd_json_find(&val, obj, key))
        return HD_OK;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? read_wide(out, is_large, msg, val, bit_cnt) : err;
}

/* --- accounts */

size_t hd_alloc_cnt(const hd_alloc *alloc) { return alloc->accounts.sz / sizeof(hd_alloc_account); }

void hd_alloc_free(hd_alloc *alloc) {
    hd_buf_free(&alloc->accounts);
    hd_buf_free(&alloc->slots);
    hd_buf_free(&alloc->codes);
}

static hd_err read_account(hd_alloc *out, hd_msg *msg, const char *key, hd_json val) {
    hd_alloc_account account;
    const char *reason = NULL;
    hd_json member;
    memset(&account, 0, sizeof account);
    size_t key_sz = strlen(key), got_sz = 0;
    /* go-ethereum's alloc files leave out the prefix. */
    hd_err err = key_sz == 40 ? hd_hex_decode(account.addr.b, 20, &got_sz, &reason, key, key_sz)
                              : hd_hex_decode_exact(account.addr.b, 20, &reason, key, key_sz);
    if (err != HD_OK)
        return hd_json_fail(msg, val, "the key must be an address: %s (\"%.80s\")", reason, key);
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an account (an object) is expected");
    err = find_u256(&account.balance_wei, msg, val, "balance");
    if (err == HD_OK)
        err = find_u64(&account.nonce, msg, val, "nonce");
    account.code_off = out->codes.sz;
    if (err == HD_OK && hd_json_find(&member, val, "code"))
        err = hd_json_bytes(&out->codes, msg, member);
    account.code_sz = out->codes.sz - account.code_off;
    account.slot_idx = out->slots.sz / sizeof(hd_alloc_slot);
    if (err == HD_OK && hd_json_find(&member, val, "storage")) {
        if (!hd_json_is_object(member))
            return hd_json_fail(msg, member, "storage must be an object");
        for (hd_json_iter it = hd_json_begin(member); err == HD_OK && hd_json_next(&it);) {
            hd_hash word;
            hd_alloc_slot slot;
            if (hd_hex_parse_num(word.b, sizeof word.b, &reason, it.key, strlen(it.key)) != HD_OK)
                return hd_json_fail(msg, member, "the key must be a slot: %s (\"%.80s\")", reason,
                                    it.key);
            slot.key = hd_u256_load_be(word.b);
            err = hd_json_num(&word, msg, it.val);
            slot.value = hd_u256_load_be(word.b);
            if (err == HD_OK && !hd_u256_is_zero(slot.value))
                err = hd_buf_append(&out->slots, &slot, sizeof slot);
        }
    }
    account.slot_cnt = out->slots.sz / sizeof(hd_alloc_slot) - account.slot_idx;
    return err == HD_OK ? hd_buf_append(&out->accounts, &account, sizeof account) : err;
}

hd_err hd_alloc_read(hd_alloc *out, hd_msg *msg, hd_json val) {
    hd_err err = HD_OK;
    hd_buf_clear(&out->accounts);
    hd_buf_clear(&out->slots);
    hd_buf_clear(&out->codes);
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object from addresses to accounts is expected");
    for (hd_json_iter it = hd_json_begin(val); err == HD_OK && hd_json_next(&it);)
        err = read_account(out, msg, it.key, it.val);
    if (err == HD_ERR_NOMEM || err == HD_ERR_LIMIT)
        hd_json_fail(msg, val, "%s", hd_err_name(err));
    return err;
}

hd_err hd_alloc_load(hd_state *s, const hd_alloc *alloc) {
    const hd_alloc_account *accounts = (const void *)alloc->accounts.data;
    const hd_alloc_slot *slots = (const void *)alloc->slots.data;
    for (size_t i = 0; i < hd_alloc_cnt(alloc); i++) {
        const hd_alloc_account *a = &accounts[i];
        const uint8_t *code = a->code_sz ? alloc->codes.data + a->code_off : NULL;
        hd_err err = hd_state_set(s, &a->addr, a->nonce, a->balance_wei, code, a->code_sz);
        for (size_t k = 0; err == HD_OK && k < a->slot_cnt; k++) {
            const hd_alloc_slot *slot = &slots[a->slot_idx + k];
            err = hd_state_set_slot(s, &a->addr, slot->key, slot->value);
        }
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

/* --- environment */

static hd_err read_config(uint64_t *chain_id, uint32_t *blob_cnt_max, uint64_t *fraction,
                          hd_msg *msg, hd_json config, const char *fork_name) {
    hd_json val, entry;
    uint64_t max = *blob_cnt_max;
    hd_err err = HD_OK;
    if (!hd_json_is_object(config))
        return HD_OK;
    err = find_u64(chain_id, msg, config, "chainid");
    if (err != HD_OK || !hd_json_find(&val, config, "blobSchedule") ||
        !hd_json_find(&entry, val, fork_name))
        return err;
    err = find_u64(&max, msg, entry, "max");
    if (err == HD_OK)
        err = find_u64(fraction, msg, entry, "baseFeeUpdateFraction");
    if (err != HD_OK)
        return err;
    if (max > UINT32_MAX || *fraction == 0)
        return hd_json_fail(msg, entry, "max below 2^32 and a fraction above 0 are expected");
    *blob_cnt_max = (uint32_t)max;
    return HD_OK;
}

hd_err hd_env_read(hd_env *out, hd_msg *msg, hd_json val, hd_json config, uint32_t fork,
                   const char *fork_name) {
    const hd_blob_params blobs = hd_blob_params_of(fork); /* where no schedule is given */
    uint64_t fraction = blobs.update_fraction, excess = 0;
    hd_json member;
    hd_err err;
    memset(out, 0, sizeof *out);
    out->fork = fork;
    out->chain_id = 1;
    out->blob_cnt_max = blobs.max_cnt;
    err = read_config(&out->chain_id, &out->blob_cnt_max, &fraction, msg, config, fork_name);
    if (err == HD_OK)
        err = hd_json_get_address(&out->coinbase, msg, val, "currentCoinbase");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->gas_limit, msg, val, "currentGasLimit");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->number, msg, val, "currentNumber");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->timestamp, msg, val, "currentTimestamp");
    if (err == HD_OK) /* before Paris, and where tests of Paris and later give no currentRandom */
        err = find_u256(&out->difficulty, msg, val, "currentDifficulty");
    if (err == HD_OK && fork >= HD_FORK_PARIS)
        err = find_u256(&out->difficulty, msg, val, "currentRandom");
    if (err == HD_OK && fork >= HD_FORK_LONDON) {
        /* The value the tests were filled with where none is written. */
        out->base_fee = hd_u256_from_u64(10);
        err = find_u256(&out->base_fee, msg, val, "currentBaseFee");
    }
    if (err == HD_OK && fork >= HD_FORK_CANCUN) {
        if (hd_json_find(&member, val, "currentExcessBlobGas"))
            err = hd_json_u64(&excess, msg, member);
        out->blob_base_fee = hd_blob_fee(excess, fraction);
    }
    return err;
}

/* --- transactions */

static hd_err read_sender(hd_tx *out, hd_msg *msg, hd_json val) {
    hd_json member;
    hd_hash secret;
    if (hd_json_find(&member, val, "sender"))
        return hd_json_address(&out->sender, msg, member);
    if (!hd_json_find(&member, val, "secretKey"))
        return hd_json_fail(msg, val, "a member \"sender\" or \"secretKey\" is expected");
    hd_err err = hd_json_hash(&secret, msg, member);
    if (err != HD_OK)
        return err;
    if (hd_ecdsa_address(&out->sender, secret.b) != HD_OK)
        return hd_json_fail(msg, member, "a secret key (not 0, below the group order) is expected");
    return HD_OK;
}

static hd_err read_blob_hashes(hd_tx *out, hd_buf *data, hd_msg *msg, hd_json val) {
    if (!hd_json_is_array(val))
        return hd_json_fail(msg, val, "an array of blob hashes is expected");
    size_t cnt = hd_json_cnt(val);
    out->blob_off = data->sz;
    for (size_t i = 0; i < cnt; i++) {
        hd_hash hash;
        hd_err err = hd_json_hash(&hash, msg, hd_json_at(val, i));
        if (err == HD_OK)
            err = hd_buf_append(data, &hash, sizeof hash);
        if (err != HD_OK)
            return err;
    }
    out->blob_cnt = (uint32_t)cnt;
    return HD_OK;
}

static hd_err read_auth(hd_auth *out, uint32_t *is_large, hd_msg *msg, hd_json val) {
    hd_u256 nonce;
    hd_auth_sig sig;
    hd_json member;
    memset(out, 0, sizeof *out);
    const char *y_key = hd_json_find(&member, val, "yParity") ? "yParity" : "v";
    hd_err err = get_wide(&out->chain_id, is_large, msg, val, "chainId", 256, 0);
    if (err == HD_OK)
        err = hd_json_get_address(&out->address, msg, val, "address");
    if (err == HD_OK)
        err = get_wide(&nonce, is_large, msg, val, "nonce", 64, 0);
    if (err == HD_OK)
        err = get_wide(&sig.y_parity, is_large, msg, val, y_key, 8, 0);
    if (err == HD_OK)
        err = get_wide(&sig.r, is_large, msg, val, "r", 256, 0);
    if (err == HD_OK)
        err = get_wide(&sig.s, is_large, msg, val, "s", 256, 0);
    if (err != HD_OK || *is_large)
        return err;
    out->nonce = nonce.w[0];
    hd_tx_auth_recover(out, &sig);
    return HD_OK;
}

static hd_err read_auths(hd_tx *out, uint32_t *is_large, hd_buf *data, hd_msg *msg, hd_json val) {
    if (!hd_json_is_array(val))
        return hd_json_fail(msg, val, "an array of authorizations is expected");
    size_t cnt = hd_json_cnt(val);
    hd_err err = hd_buf_append_zero(data, (8 - data->sz % 8) % 8);
    out->auth_off = data->sz;
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        hd_auth auth;
        err = read_auth(&auth, is_large, msg, hd_json_at(val, i));
        if (err == HD_OK)
            err = hd_buf_append(data, &auth, sizeof auth);
    }
    out->auth_cnt = (uint32_t)cnt;
    return err;
}

hd_err hd_tx_read_head(hd_tx *out, uint32_t *status, hd_buf *data, hd_msg *msg, hd_json val,
                       uint64_t chain_id) {
    uint32_t is_large = 0;
    hd_u256 num;
    hd_json member;
    const char *text;
    size_t sz;
    memset(out, 0, sizeof *out);
    hd_err err = read_sender(out, msg, val);
    if (err == HD_OK)
        err = get_wide(&num, &is_large, msg, val, "nonce", 64, 0);
    if (err != HD_OK)
        return err;
    out->nonce = num.w[0];
    /* No recipient: "", "0x", null, or no member at all. */
    if (!hd_json_find(&member, val, "to") || (hd_json_str(&text, &sz, msg, member) == HD_OK &&
                                              (sz == 0 || (sz == 2 && memcmp(text, "0x", 2) == 0))))
        out->flags |= HD_TX_CREATE;
    else
        err = hd_json_address(&out->to, msg, member);
    if (err != HD_OK)
        return err;
    if (hd_json_find(&member, val, "maxFeePerGas")) {
        out->type = HD_TX_DYNAMIC_FEE;
        err = read_wide(&out->gas_price, &is_large, msg, member, 256);
        if (err == HD_OK)
            err = get_wide(&out->priority_fee, &is_large, msg, val, "maxPriorityFeePerGas", 256, 1);
    } else {
        err = get_wide(&out->gas_price, &is_large, msg, val, "gasPrice", 256, 0);
        out->priority_fee = out->gas_price;
    }
    if (err == HD_OK && hd_json_find(&member, val, "maxFeePerBlobGas")) {
        out->type = HD_TX_BLOB;
        err = read_wide(&out->blob_fee, &is_large, msg, member, 256);
    }
    if (err == HD_OK && hd_json_find(&member, val, "blobVersionedHashes")) {
        out->type = HD_TX_BLOB;
        err = read_blob_hashes(out, data, msg, member);
    }
    if (err == HD_OK && hd_json_find(&member, val, "authorizationList")) {
        out->type = HD_TX_SET_CODE;
        err = read_auths(out, &is_large, data, msg, member);
    }
    if (out->type != HD_TX_LEGACY)
        out->chain_id = chain_id;
    if (err == HD_OK)
        err = find_u64(&out->chain_id, msg, val, "chainId");
    if (is_large)
        *status = HD_TX_INVALID;
    return err;
}

hd_err hd_tx_read_data(hd_tx *out, hd_buf *data, hd_msg *msg, hd_json val) {
    const char *text;
    size_t sz;
    out->data_off = data->sz;
    out->data_sz = 0;
    hd_err err = hd_json_str(&text, &sz, msg, val);
    if (err == HD_OK && sz) /* "" is no data, too */
        err = hd_json_bytes(data, msg, val);
    if (err == HD_OK && data->sz - out->data_off > UINT32_MAX)
        return hd_json_fail(msg, val, "less than 4 GiB of data is expected");
    out->data_sz = (uint32_t)(data->sz - out->data_off);
    return err;
}

hd_err hd_tx_read_gas(hd_tx *out, uint32_t *status, hd_msg *msg, hd_json val) {
    uint32_t is_large = 0;
    hd_u256 num;
    hd_err err = read_wide(&num, &is_large, msg, val, 64);
    out->gas_limit = num.w[0];
    if (is_large)
        *status = HD_TX_INVALID;
    return err;
}

hd_err hd_tx_read_value(hd_tx *out, uint32_t *status, hd_msg *msg, hd_json val) {
    uint32_t is_large = 0;
    hd_err err = read_wide(&out->value_wei, &is_large, msg, val, 256);
    if (is_large)
        *status = HD_TX_INVALID;
    return err;
}

hd_err hd_tx_read_access(hd_tx *out, hd_buf *data, hd_msg *msg, hd_json val, uint64_t chain_id) {
    uint64_t key_cnt = 0;
    if (hd_json_is_null(val))
        return HD_OK;
    if (!hd_json_is_array(val))
        return hd_json_fail(msg, val, "an access list (an array) is expected");
    size_t cnt = hd_json_cnt(val);
    out->access_off = data->sz;
    for (size_t i = 0; i < cnt; i++) {
        hd_json entry = hd_json_at(val, i), keys;
        hd_address addr;
        uint8_t count[4];
        size_t keys_cnt = 0;
        hd_err err = hd_json_get_address(&addr, msg, entry, "address");
        if (err != HD_OK)
            return err;
        if (hd_json_find(&keys, entry, "storageKeys")) {
            if (!hd_json_is_array(keys))
                return hd_json_fail(msg, keys, "an array of storage keys is expected");
            keys_cnt = hd_json_cnt(keys);
        }
        hd_store_le32(count, (uint32_t)keys_cnt);
        hd_buf_append(data, &addr, sizeof addr);
        hd_buf_append(data, count, sizeof count);
        for (size_t k = 0; k < keys_cnt; k++) {
            hd_hash key;
            err = hd_json_num(&key, msg, hd_json_at(keys, k));
            if (err != HD_OK)
                return err;
            hd_buf_append(data, &key, sizeof key);
        }
        key_cnt += keys_cnt;
        if (data->err != HD_OK)
            return data->err;
    }
    if (data->sz - out->access_off > UINT32_MAX)
        return hd_json_fail(msg, val, "an access list of less than 4 GiB is expected");
    out->access_cnt = (uint32_t)cnt;
    out->access_key_cnt = (uint32_t)key_cnt;
    out->access_sz = (uint32_t)(data->sz - out->access_off);
    if (out->type == HD_TX_LEGACY) {
        out->type = HD_TX_ACCESS_LIST;
        out->chain_id = chain_id;
    }
    return HD_OK;
}

hd_err hd_state_test_blockhash(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number) {
    char text[24];
    (void)ctx;
    (void)world_idx;
    int sz = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    hd_keccak256(out->b, (const uint8_t *)text, (size_t)sz);
    return HD_OK;
}
