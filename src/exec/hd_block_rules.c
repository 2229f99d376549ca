/* hd_block_rules.c - what a block's header must say: difficulty, base fee, blob gas, rewards,
   system accounts and requests. */
#include "exec/hd_block_rules.h"

#include <string.h>

#include "crypto/hd_sha256.h"
#include "crypto/hd_u256.h"

#define DIFFICULTY_MIN 131072u
#define BOMB_PERIOD 100000u /* blocks between two doublings */

static hd_u256 u64(uint64_t x) { return hd_u256_from_u64(x); }

static hd_u256 max_u256(void) { return hd_u256_not(hd_u256_zero()); }

/* ---- difficulty ---- */

static uint64_t bomb_delay(uint32_t rules) {
    switch (rules) {
    case HD_DIFFICULTY_BYZANTIUM: return 3000000;
    case HD_DIFFICULTY_CONSTANTINOPLE: return 5000000;
    case HD_DIFFICULTY_MUIR_GLACIER: return 9000000;
    case HD_DIFFICULTY_LONDON: return 9700000;
    case HD_DIFFICULTY_ARROW_GLACIER: return 10700000;
    case HD_DIFFICULTY_GRAY_GLACIER: return 11400000;
    default: return 0;
    }
}

static hd_u256 not_below_min(hd_u256 x) {
    return hd_u256_lt(x, u64(DIFFICULTY_MIN)) ? u64(DIFFICULTY_MIN) : x;
}

hd_u256 hd_difficulty(const hd_difficulty_input *in) {
    hd_u256 parent = in->parent_difficulty;
    hd_u256 step = hd_u256_shr_bits(parent, 11); /* 1/2048 */
    uint64_t age = in->timestamp > in->parent_timestamp ? in->timestamp - in->parent_timestamp : 0;

    /* The change is rise - fall steps, at least -99 (Frontier: +1 or -1). */
    uint64_t rise = 1, fall;
    if (in->rules == HD_DIFFICULTY_FRONTIER) {
        fall = age < 13 ? 0 : 2;
    } else if (in->rules == HD_DIFFICULTY_HOMESTEAD) {
        fall = age / 10;
    } else {
        rise = in->has_parent_ommers ? 2 : 1;
        fall = age / 9;
    }
    hd_u256 x;
    if (fall <= rise) {
        x = hd_u256_add(parent, hd_u256_mul(step, u64(rise - fall)));
    } else {
        hd_u256 down = hd_u256_mul(step, u64(HD_MIN(fall - rise, 99)));
        x = hd_u256_sub(parent, down); /* 99/2048 of the parent is less than the parent */
    }

    uint64_t number = in->number;
    uint64_t delay = bomb_delay(in->rules);
    number = number > delay ? number - delay : 0;
    uint64_t period = number / BOMB_PERIOD;
    if (period > 1 && period - 2 < 256)
        x = hd_u256_add(x, hd_u256_shl_bits(u64(1), (unsigned)(period - 2)));
    /* Some clients raise to the minimum before they add the bomb. The specification and the old
       official tests do it last; mainnet was never near it. */
    return not_below_min(x);
}

uint32_t hd_difficulty_rules(uint32_t fork) {
    if (fork >= HD_FORK_LONDON)
        return HD_DIFFICULTY_LONDON;
    if (fork >= HD_FORK_BERLIN)
        return HD_DIFFICULTY_MUIR_GLACIER;
    if (fork >= HD_FORK_CONSTANTINOPLE)
        return HD_DIFFICULTY_CONSTANTINOPLE;
    if (fork >= HD_FORK_BYZANTIUM)
        return HD_DIFFICULTY_BYZANTIUM;
    return fork >= HD_FORK_HOMESTEAD ? HD_DIFFICULTY_HOMESTEAD : HD_DIFFICULTY_FRONTIER;
}

/* ---- base fee ---- */

/* a * b / d without overflow in between, for a result that fits; saturates where it does not. */
static hd_u256 mul_div(hd_u256 a, uint64_t b, uint64_t d) {
    hd_u256 hi, lo;
    hd_u256_mul_full(&hi, &lo, a, u64(b));
    if (hd_u256_is_zero(hi))
        return hd_u256_div(lo, u64(d));
    /* a >= 2^192, so that dividing first loses less than one part in 2^128. Only hostile input has
       such fees. */
    hd_u256 q = hd_u256_div(a, u64(d));
    hd_u256_mul_full(&hi, &lo, q, u64(b));
    return hd_u256_is_zero(hi) ? lo : max_u256();
}

hd_u256 hd_base_fee(hd_u256 parent_base_fee, uint64_t parent_gas_used, uint64_t parent_gas_limit) {
    uint64_t target = HD_MAX(parent_gas_limit / 2, 1);
    if (parent_gas_used == target)
        return parent_base_fee;
    hd_u256 out;
    if (parent_gas_used > target) {
        hd_u256 up = mul_div(parent_base_fee, parent_gas_used - target, target);
        up = hd_u256_shr_bits(up, 3);
        if (hd_u256_is_zero(up))
            up = u64(1);
        return hd_u256_add_carry(&out, parent_base_fee, up) ? max_u256() : out;
    }
    hd_u256 down = mul_div(parent_base_fee, target - parent_gas_used, target);
    down = hd_u256_shr_bits(down, 3);
    return hd_u256_sub(parent_base_fee, down); /* at most an eighth of it */
}

/* ---- blobs ---- */

hd_blob_params hd_blob_params_of(uint32_t fork) {
    hd_blob_params none = {0, 0, 1}, cancun = {3, 6, 3338477}, prague = {6, 9, 5007716};
    if (fork >= HD_FORK_PRAGUE)
        return prague;
    return fork >= HD_FORK_CANCUN ? cancun : none;
}

hd_u256 hd_blob_fee(uint64_t excess_blob_gas, uint64_t update_fraction) {
    hd_u256 fraction = u64(HD_MAX(update_fraction, 1));
    hd_u256 term = fraction, sum = hd_u256_zero();
    /* The terms grow until i reaches excess / fraction; e^178 is above 2^256, so that a sum which
       has not overflowed before term 1,000 has long come to an end. */
    for (uint64_t i = 1; i < 1000 && !hd_u256_is_zero(term); i++) {
        hd_u256 hi, lo, divisor;
        if (hd_u256_add_carry(&sum, sum, term))
            return max_u256();
        hd_u256_mul_full(&hi, &lo, term, u64(excess_blob_gas));
        if (!hd_u256_is_zero(hi))
            return max_u256();
        hd_u256_mul_full(&hi, &divisor, fraction, u64(i));
        term = hd_u256_div(lo, divisor);
    }
    if (!hd_u256_is_zero(term))
        return max_u256();
    return hd_u256_div(sum, fraction);
}

uint64_t hd_excess_blob_gas(uint64_t parent_excess, uint64_t parent_blob_gas_used,
                            hd_u256 parent_base_fee, hd_blob_params params, uint32_t fork) {
    uint64_t target_gas = (uint64_t)params.target_cnt * HD_EVM_BLOB_GAS;
    uint64_t total = parent_excess + parent_blob_gas_used;
    if (total < parent_excess)
        total = UINT64_MAX;
    if (total < target_gas)
        return 0;
    if (fork >= HD_FORK_OSAKA && params.max_cnt > params.target_cnt) {
        /* EIP-7918: while blobs cost less than their share of execution, excess only grows. */
        hd_u256 hi, reserve, price;
        hd_u256_mul_full(&hi, &reserve, parent_base_fee, u64(8192));
        if (!hd_u256_is_zero(hi))
            reserve = max_u256();
        hd_u256_mul_full(&hi, &price, hd_blob_fee(parent_excess, params.update_fraction),
                         u64(HD_EVM_BLOB_GAS));
        if (!hd_u256_is_zero(hi))
            price = max_u256();
        if (hd_u256_lt(price, reserve)) {
            hd_u256 part =
                hd_u256_mul(u64(parent_blob_gas_used), u64(params.max_cnt - params.target_cnt));
            uint64_t add = hd_u256_div(part, u64(params.max_cnt)).w[0];
            return parent_excess + add < parent_excess ? UINT64_MAX : parent_excess + add;
        }
    }
    return total - target_gas;
}

/* ---- rewards ---- */

hd_u256 hd_block_reward(uint32_t fork) {
    uint64_t ether = 5;
    if (fork >= HD_FORK_PARIS)
        ether = 0;
    else if (fork >= HD_FORK_CONSTANTINOPLE)
        ether = 2;
    else if (fork >= HD_FORK_BYZANTIUM)
        ether = 3;
    return hd_u256_mul(u64(ether), u64(1000000000000000000ull));
}

hd_u256 hd_ommer_reward(hd_u256 reward_wei, uint32_t delta) {
    if (delta > 8)
        return hd_u256_zero();
    return hd_u256_shr_bits(hd_u256_mul(reward_wei, u64(8 - delta)), 3);
}

hd_u256 hd_includer_reward(hd_u256 reward_wei, uint32_t ommer_cnt) {
    hd_u256 each = hd_u256_shr_bits(reward_wei, 5);
    return hd_u256_add(reward_wei, hd_u256_mul(each, u64(ommer_cnt)));
}

hd_u256 hd_gwei(uint64_t amount_gwei) { return hd_u256_mul(u64(amount_gwei), u64(1000000000)); }

/* ---- system accounts ---- */

hd_address hd_system_sender(void) {
    hd_address a = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};
    return a;
}

hd_address hd_beacon_roots_address(void) {
    hd_address a = {{0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80, 0x7e, 0xf1, 0x31,
                     0x9f, 0xb7, 0xb8, 0xbb, 0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
    return a;
}

hd_address hd_history_address(void) {
    hd_address a = {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
                     0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};
    return a;
}

hd_address hd_withdrawal_requests_address(void) {
    hd_address a = {{0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e, 0xb5, 0x5e, 0x80,
                     0xd1, 0x9a, 0xd8, 0x35, 0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}};
    return a;
}

hd_address hd_consolidation_requests_address(void) {
    hd_address a = {{0x00, 0x00, 0xbb, 0xdd, 0xc7, 0xce, 0x48, 0x86, 0x42, 0xfb,
                     0x57, 0x9f, 0x8b, 0x00, 0xf3, 0xa5, 0x90, 0x00, 0x72, 0x51}};
    return a;
}

hd_address hd_deposit_contract_address(void) {
    hd_address a = {{0x00, 0x00, 0x00, 0x00, 0x21, 0x9a, 0xb5, 0x40, 0x35, 0x6c,
                     0xbb, 0x83, 0x9c, 0xbe, 0x05, 0x30, 0x3d, 0x77, 0x05, 0xfa}};
    return a;
}

hd_tx hd_system_call(hd_address to, uint64_t data_off, uint32_t data_sz) {
    hd_tx tx = {0};
    tx.gas_limit = HD_SYSTEM_CALL_GAS;
    tx.data_off = data_off;
    tx.data_sz = data_sz;
    tx.flags = HD_TX_SKIP_CHECKS;
    tx.sender = hd_system_sender();
    tx.to = to;
    return tx;
}

/* ---- requests ---- */

int hd_deposit_is_log(const hd_log_entry *log, const hd_address *contract) {
    static const uint8_t topic[32] = {0x64, 0x9b, 0xbc, 0x62, 0xd0, 0xe3, 0x13, 0x42,
                                      0xaf, 0xea, 0x4e, 0x5c, 0xd8, 0x2d, 0x40, 0x49,
                                      0xe7, 0xe1, 0xee, 0x91, 0x2f, 0xc0, 0x88, 0x9a,
                                      0xa7, 0x90, 0x80, 0x3b, 0xe3, 0x90, 0x38, 0xc5};
    return log->topic_cnt > 0 && memcmp(log->addr.b, contract->b, sizeof contract->b) == 0 &&
           memcmp(log->topics[0].b, topic, sizeof topic) == 0;
}

static int word_is(const uint8_t *word, uint64_t x) {
    return hd_u256_is_equal(hd_u256_load_be(word), u64(x));
}

hd_err hd_deposit_parse(hd_buf *out, hd_msg *msg, const uint8_t *data, size_t data_sz) {
    /* Five byte strings in ABI encoding: where each starts in the data, and how long it is. */
    static const struct {
        uint32_t off, sz;
    } part[5] = {{160, 48}, {256, 32}, {320, 8}, {384, 96}, {512, 8}};
    if (data_sz != 576) {
        hd_msg_set(msg, "deposit wrong length: want 576, have %zu", data_sz);
        return HD_ERR_FORMAT;
    }
    for (size_t i = 0; i < 5; i++)
        if (!word_is(data + 32 * i, part[i].off) || !word_is(data + part[i].off, part[i].sz)) {
            hd_msg_set(msg, "deposit field %zu is not where the deposit contract puts it", i);
            return HD_ERR_FORMAT;
        }
    for (size_t i = 0; i < 5; i++)
        hd_buf_append(out, data + part[i].off + 32, part[i].sz);
    return out->err;
}

hd_err hd_requests_hash(hd_hash *out, const hd_span *requests, size_t request_cnt) {
    uint8_t inner[3 * 32];
    size_t sz = 0;
    hd_err err = HD_OK;
    hd_buf one;
    if (request_cnt > 3)
        return HD_ERR_LIMIT;
    hd_buf_init(&one);
    for (size_t i = 0; i < request_cnt && err == HD_OK; i++) {
        if (requests[i].sz == 0)
            continue;
        hd_buf_clear(&one);
        hd_buf_append_byte(&one, (uint8_t)i);
        err = hd_buf_append(&one, requests[i].data, requests[i].sz);
        if (err == HD_OK)
            hd_sha256(inner + sz, one.data, one.sz);
        sz += 32;
    }
    hd_buf_free(&one);
    if (err == HD_OK)
        hd_sha256(out->b, inner, sz);
    return err;
}
