/* hd_t8n_read.c - reads t8n's fork names, environment and accounts. */
#include "cli/hd_t8n_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"

/* ---- forks ---- */

hd_err hd_t8n_rules_find(hd_t8n_rules *out, const char *name, uint64_t number, uint64_t timestamp) {
    hd_chain_config config;
    hd_chain_rules rules;
    hd_chain_place place = {.number = number, .timestamp = timestamp};
    hd_err err = hd_chain_config_named(&config, NULL, name);
    /* A block alone does not know its chain's total difficulty. */
    if (err == HD_OK && config.flags & HD_CHAIN_HAS_TERMINAL)
        err = HD_ERR_UNSUPPORTED;
    if (err == HD_OK)
        err = hd_chain_rules_at(&rules, NULL, &config, &place);
    if (err != HD_OK)
        return err;
    out->fork = rules.fork;
    out->difficulty = rules.difficulty;
    out->blobs = rules.blobs;
    return HD_OK;
}

/* ---- small readers ---- */

static hd_err get_address(hd_address *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    const char *text;
    size_t sz;
    hd_err err = hd_json_get(&val, msg, obj, key);
    if (err == HD_OK)
        err = hd_json_str(&text, &sz, msg, val);
    return err == HD_OK ? hd_json_key_address(out, msg, val, text, sz) : err;
}

/* Members that may be missing: *has gets the bit when one is there. */
static hd_err find_u64(uint64_t *out, uint32_t *has, uint32_t bit, hd_msg *msg, hd_json obj,
                       const char *key) {
    hd_json val;
    if (!hd_json_find(&val, obj, key))
        return HD_OK;
    *has |= bit;
    return hd_json_u64(out, msg, val);
}

static hd_err find_u256(hd_u256 *out, uint32_t *has, uint32_t bit, hd_msg *msg, hd_json obj,
                        const char *key) {
    hd_json val;
    hd_hash word;
    if (!hd_json_find(&val, obj, key))
        return HD_OK;
    *has |= bit;
    hd_err err = hd_json_num(&word, msg, val);
    if (err == HD_OK)
        *out = hd_u256_load_be(word.b);
    return err;
}

static hd_err find_hash(hd_hash *out, uint32_t *has, uint32_t bit, hd_msg *msg, hd_json obj,
                        const char *key) {
    hd_json val;
    if (!hd_json_find(&val, obj, key))
        return HD_OK;
    *has |= bit;
    return hd_json_hash(out, msg, val);
}

/* ---- environment ---- */

static int compare_block_hashes(const void *a, const void *b) {
    uint64_t x = ((const hd_t8n_block_hash *)a)->number;
    uint64_t y = ((const hd_t8n_block_hash *)b)->number;
    return x < y ? -1 : x > y;
}

static hd_err read_block_hashes(hd_t8n_env *out, hd_msg *msg, hd_json env) {
    hd_json val;
    if (!hd_json_find(&val, env, "blockHashes"))
        return HD_OK;
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of block numbers is expected");
    out->has |= HD_T8N_HAS_BLOCK_HASHES;
    for (hd_json_iter it = hd_json_begin(val); hd_json_next(&it);) {
        hd_t8n_block_hash entry;
        hd_hash word;
        hd_err err = hd_json_key_num(&word, msg, it.val, it.key);
        if (err == HD_OK)
            err = hd_json_hash(&entry.hash, msg, it.val);
        if (err != HD_OK)
            return err;
        hd_u256 number = hd_u256_load_be(word.b);
        if (!hd_u256_fits_u64(number))
            return hd_json_fail(msg, it.val, "a block number has 64 bits at most");
        entry.number = number.w[0];
        err = hd_buf_append(&out->block_hashes, &entry, sizeof entry);
        if (err != HD_OK)
            return err;
    }
    if (out->block_hashes.sz)
        qsort(out->block_hashes.data, out->block_hashes.sz / sizeof(hd_t8n_block_hash),
              sizeof(hd_t8n_block_hash), compare_block_hashes);
    return HD_OK;
}

static hd_err read_ommers(hd_t8n_env *out, hd_msg *msg, hd_json env) {
    hd_json val;
    if (!hd_json_find(&val, env, "ommers"))
        return HD_OK;
    if (!hd_json_is_array(val))
        return hd_json_fail(msg, val, "an array of ommers is expected");
    for (size_t i = 0; i < hd_json_cnt(val); i++) {
        hd_t8n_ommer ommer;
        hd_json item = hd_json_at(val, i);
        hd_err err = hd_json_get_u64(&ommer.delta, msg, item, "delta");
        if (err == HD_OK)
            err = get_address(&ommer.addr, msg, item, "address");
        if (err == HD_OK && ommer.delta > 8)
            err = hd_json_fail(msg, item, "delta must be at most 8");
        if (err == HD_OK)
            err = hd_buf_append(&out->ommers, &ommer, sizeof ommer);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static hd_err read_withdrawals(hd_t8n_env *out, hd_msg *msg, hd_json env) {
    hd_json val;
    if (!hd_json_find(&val, env, "withdrawals"))
        return HD_OK;
    if (!hd_json_is_array(val))
        return hd_json_fail(msg, val, "an array of withdrawals is expected");
    out->has |= HD_T8N_HAS_WITHDRAWALS;
    for (size_t i = 0; i < hd_json_cnt(val); i++) {
        hd_t8n_withdrawal w;
        hd_json item = hd_json_at(val, i);
        hd_err err = hd_json_get_u64(&w.index, msg, item, "index");
        if (err == HD_OK)
            err = hd_json_get_u64(&w.validator, msg, item, "validatorIndex");
        if (err == HD_OK)
            err = hd_json_get_u64(&w.amount_gwei, msg, item, "amount");
        if (err == HD_OK)
            err = get_address(&w.addr, msg, item, "address");
        if (err == HD_OK)
            err = hd_buf_append(&out->withdrawals, &w, sizeof w);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static hd_err read_numbers(hd_t8n_env *out, hd_msg *msg, hd_json val) {
    uint32_t *has = &out->has;
    const struct {
        hd_u256 *out;
        const char *key;
        uint32_t bit;
    } wide[] = {
        {&out->difficulty, "currentDifficulty", HD_T8N_HAS_DIFFICULTY},
        {&out->random, "currentRandom", HD_T8N_HAS_RANDOM},
        {&out->base_fee, "currentBaseFee", HD_T8N_HAS_BASE_FEE},
        {&out->parent_difficulty, "parentDifficulty", HD_T8N_HAS_PARENT_DIFFICULTY},
        {&out->parent_base_fee, "parentBaseFee", HD_T8N_HAS_PARENT_BASE_FEE},
    };
    const struct {
        uint64_t *out;
        const char *key;
        uint32_t bit;
    } narrow[] = {
        {&out->parent_timestamp, "parentTimestamp", 0},
        {&out->parent_gas_used, "parentGasUsed", 0},
        {&out->parent_gas_limit, "parentGasLimit", 0},
        {&out->excess_blob_gas, "currentExcessBlobGas", HD_T8N_HAS_EXCESS},
        {&out->parent_excess_blob_gas, "parentExcessBlobGas", HD_T8N_HAS_PARENT_EXCESS},
        {&out->parent_blob_gas_used, "parentBlobGasUsed", HD_T8N_HAS_PARENT_BLOB_GAS},
    };
    hd_err err = HD_OK;
    for (size_t i = 0; err == HD_OK && i < sizeof wide / sizeof wide[0]; i++)
        err = find_u256(wide[i].out, has, wide[i].bit, msg, val, wide[i].key);
    for (size_t i = 0; err == HD_OK && i < sizeof narrow / sizeof narrow[0]; i++)
        err = find_u64(narrow[i].out, has, narrow[i].bit, msg, val, narrow[i].key);
    return err;
}

hd_err hd_t8n_env_read(hd_t8n_env *out, hd_msg *msg, hd_json val) {
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object is expected");
    hd_err err = get_address(&out->coinbase, msg, val, "currentCoinbase");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->gas_limit, msg, val, "currentGasLimit");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->number, msg, val, "currentNumber");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->timestamp, msg, val, "currentTimestamp");
    if (err == HD_OK)
        err = read_numbers(out, msg, val);
    if (err == HD_OK)
        err = find_hash(&out->parent_ommers_hash, &out->has, 0, msg, val, "parentUncleHash");
    if (err == HD_OK)
        err = find_hash(&out->beacon_root, &out->has, HD_T8N_HAS_BEACON_ROOT, msg, val,
                        "parentBeaconBlockRoot");
    if (err == HD_OK)
        err = read_block_hashes(out, msg, val);
    if (err == HD_OK)
        err = read_ommers(out, msg, val);
    if (err == HD_OK)
        err = read_withdrawals(out, msg, val);
    return err;
}

void hd_t8n_env_free(hd_t8n_env *env) {
    hd_buf_free(&env->block_hashes);
    hd_buf_free(&env->ommers);
    hd_buf_free(&env->withdrawals);
}
