/* hd_t8n_read.c - reads t8n's fork names, environment and accounts. */
#include "cli/hd_t8n_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"

/* ---- forks ---- */

static const struct {
    const char *name;
    uint32_t fork;
    uint32_t difficulty;
} forks[] = {
    {"Frontier", HD_FORK_FRONTIER, HD_DIFFICULTY_FRONTIER},
    {"Homestead", HD_FORK_HOMESTEAD, HD_DIFFICULTY_HOMESTEAD},
    {"EIP150", HD_FORK_TANGERINE, HD_DIFFICULTY_HOMESTEAD},
    {"TangerineWhistle", HD_FORK_TANGERINE, HD_DIFFICULTY_HOMESTEAD},
    {"EIP158", HD_FORK_SPURIOUS, HD_DIFFICULTY_HOMESTEAD},
    {"SpuriousDragon", HD_FORK_SPURIOUS, HD_DIFFICULTY_HOMESTEAD},
    {"Byzantium", HD_FORK_BYZANTIUM, HD_DIFFICULTY_BYZANTIUM},
    {"Constantinople", HD_FORK_CONSTANTINOPLE, HD_DIFFICULTY_CONSTANTINOPLE},
    {"ConstantinopleFix", HD_FORK_PETERSBURG, HD_DIFFICULTY_CONSTANTINOPLE},
    {"Petersburg", HD_FORK_PETERSBURG, HD_DIFFICULTY_CONSTANTINOPLE},
    {"Istanbul", HD_FORK_ISTANBUL, HD_DIFFICULTY_CONSTANTINOPLE},
    {"MuirGlacier", HD_FORK_ISTANBUL, HD_DIFFICULTY_MUIR_GLACIER},
    {"Berlin", HD_FORK_BERLIN, HD_DIFFICULTY_MUIR_GLACIER},
    {"London", HD_FORK_LONDON, HD_DIFFICULTY_LONDON},
    {"ArrowGlacier", HD_FORK_LONDON, HD_DIFFICULTY_ARROW_GLACIER},
    {"GrayGlacier", HD_FORK_LONDON, HD_DIFFICULTY_GRAY_GLACIER},
    {"Merge", HD_FORK_PARIS, HD_DIFFICULTY_GRAY_GLACIER},
    {"Paris", HD_FORK_PARIS, HD_DIFFICULTY_GRAY_GLACIER},
    {"Shanghai", HD_FORK_SHANGHAI, HD_DIFFICULTY_GRAY_GLACIER},
    {"Cancun", HD_FORK_CANCUN, HD_DIFFICULTY_GRAY_GLACIER},
    {"Prague", HD_FORK_PRAGUE, HD_DIFFICULTY_GRAY_GLACIER},
    {"Osaka", HD_FORK_OSAKA, HD_DIFFICULTY_GRAY_GLACIER},
};

/* Forks that change the blob parameters alone. */
static const struct {
    const char *name;
    hd_blob_params blobs;
} blob_forks[] = {
    {"BPO1", {10, 15, 8346193}},
    {"BPO2", {14, 21, 11684671}},
    {"BPO3", {21, 32, 20609697}},
    {"BPO4", {14, 21, 13739630}},
};

static int find_plain(hd_t8n_rules *out, const char *name, size_t name_sz) {
    for (size_t i = 0; i < sizeof forks / sizeof forks[0]; i++)
        if (strlen(forks[i].name) == name_sz && memcmp(forks[i].name, name, name_sz) == 0) {
            out->fork = forks[i].fork;
            out->difficulty = forks[i].difficulty;
            out->blobs = hd_blob_params_of(out->fork);
            return 1;
        }
    for (size_t i = 0; i < sizeof blob_forks / sizeof blob_forks[0]; i++)
        if (strlen(blob_forks[i].name) == name_sz &&
            memcmp(blob_forks[i].name, name, name_sz) == 0) {
            out->fork = HD_FORK_OSAKA;
            out->difficulty = HD_DIFFICULTY_GRAY_GLACIER;
            out->blobs = blob_forks[i].blobs;
            return 1;
        }
    return 0;
}

hd_err hd_t8n_rules_find(hd_t8n_rules *out, const char *name, uint64_t number, uint64_t timestamp) {
    if (find_plain(out, name, strlen(name)))
        return HD_OK;
    /* "AToBAt5" changes at a block number, "AToBAtTime15k" at a time. */
    const char *to = strstr(name, "To");
    const char *at = to ? strstr(to + 2, "At") : NULL;
    if (!at)
        return HD_ERR_UNSUPPORTED;
    int is_after;
    if (strcmp(at, "At5") == 0)
        is_after = number >= 5;
    else if (strcmp(at, "AtTime15k") == 0)
        is_after = timestamp >= 15000;
    else
        return HD_ERR_UNSUPPORTED;
    hd_t8n_rules before, after;
    if (!find_plain(&before, name, (size_t)(to - name)) ||
        !find_plain(&after, to + 2, (size_t)(at - to - 2)))
        return HD_ERR_UNSUPPORTED;
    *out = is_after ? after : before;
    return HD_OK;
}

/* ---- small readers ---- */

/* An address with or without "0x". */
static hd_err read_address(hd_address *out, hd_msg *msg, hd_json place, const char *text,
                           size_t sz) {
    size_t out_sz = 0;
    const char *reason = NULL;
    if (sz >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
        sz -= 2;
    }
    if (sz != 2 * sizeof out->b ||
        hd_hex_decode(out->b, sizeof out->b, &out_sz, &reason, text, sz) != HD_OK)
        return hd_json_fail(msg, place,
                            "an address of 40 hexadecimal digits is expected, not "
                            "\"%.60s\"",
                            text);
    return HD_OK;
}

static hd_err get_address(hd_address *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    const char *text;
    size_t sz;
    hd_err err = hd_json_get(&val, msg, obj, key);
    if (err == HD_OK)
        err = hd_json_str(&text, &sz, msg, val);
    return err == HD_OK ? read_address(out, msg, val, text, sz) : err;
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

/* A key of an object as a number: decimal, or hexadecimal with "0x". */
static hd_err read_key(hd_hash *out, hd_msg *msg, hd_json place, const char *key) {
    size_t sz = strlen(key);
    const char *reason = "no digit";
    int is_hex = sz > 2 && key[0] == '0' && (key[1] == 'x' || key[1] == 'X');
    hd_err err = is_hex ? hd_hex_parse_num(out->b, sizeof out->b, &reason, key, sz)
                        : hd_dec_parse_num(out->b, sizeof out->b, &reason, key, sz);
    return err == HD_OK ? HD_OK
                        : hd_json_fail(msg, place, "\"%.80s\" is no number: %s", key, reason);
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
        hd_err err = read_key(&word, msg, it.val, it.key);
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

hd_err hd_t8n_blobs_read(hd_blob_params *out, hd_msg *msg, hd_json val) {
    uint64_t target, max;
    hd_err err = hd_json_get_u64(&target, msg, val, "target");
    if (err == HD_OK)
        err = hd_json_get_u64(&max, msg, val, "max");
    if (err == HD_OK)
        err = hd_json_get_u64(&out->update_fraction, msg, val, "baseFeeUpdateFraction");
    if (err != HD_OK)
        return err;
    if (target > max || max > 4096 || out->update_fraction == 0)
        return hd_json_fail(msg, val, "target <= max <= 4096 and a fraction above 0 are expected");
    out->target_cnt = (uint32_t)target;
    out->max_cnt = (uint32_t)max;
    return HD_OK;
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
    uint32_t has = 0;
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an account is expected");
    hd_err err = find_u256(&balance, &has, 1, msg, val, "balance");
    if (err == HD_OK && !has)
        err = hd_json_fail(msg, val, "missing required field 'balance'");
    if (err == HD_OK)
        err = find_u64(&nonce, &has, 0, msg, val, "nonce");
    hd_buf_clear(code);
    if (err == HD_OK && hd_json_find(&member, val, "code"))
        err = hd_json_bytes(code, msg, member);
    if (err == HD_OK)
        err = hd_state_set(s, addr, nonce, balance, code->data, code->sz);
    if (err == HD_OK && hd_json_find(&member, val, "storage"))
        err = read_storage(s, msg, addr, member);
    return err;
}

hd_err hd_t8n_alloc_read(hd_state *s, hd_msg *msg, hd_json val) {
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object of accounts is expected");
    hd_buf code = {0};
    hd_err err = HD_OK;
    for (hd_json_iter it = hd_json_begin(val); err == HD_OK && hd_json_next(&it);) {
        hd_address addr;
        err = read_address(&addr, msg, it.val, it.key, strlen(it.key));
        if (err == HD_OK)
            err = read_account(s, &code, msg, &addr, it.val);
    }
    hd_buf_free(&code);
    return err;
}
