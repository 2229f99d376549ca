/* hd_header_rules.c - a block's header after its parent's, its body, its ommers. */
#include "exec/hd_header_rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/hd_hex.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_decimal.h"
#include "exec/hd_block_exec.h"
#include "exec/hd_dao_fork.h"

static hd_hash empty_ommers_hash(void) {
    hd_hash hash;
    const uint8_t empty_list = 0xc0;
    hd_keccak256(hash.b, &empty_list, 1);
    return hash;
}

static int is_same(const hd_hash *a, const hd_hash *b) { return memcmp(a, b, sizeof *a) == 0; }

/* ---- header ---- */

static uint32_t field_cnt_of(uint32_t fork) {
    if (fork >= HD_FORK_PRAGUE)
        return HD_HEADER_FIELDS_PRAGUE;
    if (fork >= HD_FORK_CANCUN)
        return HD_HEADER_FIELDS_CANCUN;
    if (fork >= HD_FORK_SHANGHAI)
        return HD_HEADER_FIELDS_SHANGHAI;
    return fork >= HD_FORK_LONDON ? HD_HEADER_FIELDS_LONDON : HD_HEADER_FIELDS_FRONTIER;
}

static uint32_t check_extra(hd_block_verdict *v, const hd_header *h, const hd_chain_rules *rules) {
    if (h->extra_sz > HD_EXTRA_DATA_SZ_MAX)
        return hd_block_refuse(v, HD_BLOCK_INVALID_EXTRA_SIZE, "%" PRIu32 " bytes", h->extra_sz);
    int is_dao =
        h->extra_sz == HD_DAO_EXTRA_SZ && memcmp(h->extra, HD_DAO_EXTRA, HD_DAO_EXTRA_SZ) == 0;
    if ((rules->flags & HD_RULES_DAO_EXTRA && !is_dao) ||
        (rules->flags & HD_RULES_DAO_NOT && is_dao))
        return hd_block_refuse(v, HD_BLOCK_INVALID_EXTRA_DAO,
                               rules->flags & HD_RULES_DAO_EXTRA ? "\"" HD_DAO_EXTRA
                                                                   "\" is expected"
                                                                 : "this chain is on the other "
                                                                   "side");
    return HD_BLOCK_VALID;
}

static uint32_t check_gas_limit(hd_block_verdict *v, const hd_header *h, const hd_header *parent,
                                const hd_chain_rules *rules, const hd_chain_rules *parent_rules) {
    uint64_t base = parent->gas_limit;
    /* EIP-1559: London's first block may hold twice as much, its target is what the limit was. */
    if (rules->fork >= HD_FORK_LONDON && parent_rules->fork < HD_FORK_LONDON)
        base = base > UINT64_MAX / 2 ? UINT64_MAX : 2 * base;
    uint64_t change = h->gas_limit > base ? h->gas_limit - base : base - h->gas_limit;
    if (change >= base / 1024)
        return hd_block_refuse(v, HD_BLOCK_INVALID_GAS_LIMIT,
                               "%" PRIu64 " after %" PRIu64 ", a change below %" PRIu64
                               " is allowed",
                               h->gas_limit, base, base / 1024);
    if (h->gas_limit < HD_GAS_LIMIT_MIN)
        return hd_block_refuse(v, HD_BLOCK_INVALID_GAS_LIMIT,
                               "%" PRIu64 ", at least %u is expected", h->gas_limit,
                               HD_GAS_LIMIT_MIN);
    if (h->gas_limit > INT64_MAX)
        return hd_block_refuse(v, HD_BLOCK_INVALID_GAS_LIMIT, "%" PRIu64 " is above 2^63 - 1",
                               h->gas_limit);
    if (h->gas_used > h->gas_limit)
        return hd_block_refuse(v, HD_BLOCK_INVALID_GAS_USED_LIMIT, "%" PRIu64 " of %" PRIu64,
                               h->gas_used, h->gas_limit);
    return HD_BLOCK_VALID;
}

/* EIP-3675: what proof of work needed is constant after the merge. */
static uint32_t check_merged(hd_block_verdict *v, const hd_header *h) {
    static const uint8_t zero[8];
    hd_hash none = empty_ommers_hash();
    if (!hd_u256_is_zero(h->difficulty))
        return hd_block_refuse(v, HD_BLOCK_INVALID_MERGE, "the difficulty must be 0");
    if (memcmp(h->nonce, zero, sizeof zero) != 0)
        return hd_block_refuse(v, HD_BLOCK_INVALID_MERGE, "the nonce must be 0");
    if (!is_same(&h->ommers_hash, &none))
        return hd_block_refuse(v, HD_BLOCK_INVALID_MERGE, "there must be no ommers");
    return HD_BLOCK_VALID;
}

static uint32_t check_difficulty(hd_block_verdict *v, const hd_header *h, const hd_header *parent,
                                 const hd_chain_rules *rules) {
    char have[HD_DECIMAL_SZ], want[HD_DECIMAL_SZ];
    hd_hash none = empty_ommers_hash();
    hd_difficulty_input in = {.parent_difficulty = parent->difficulty,
                              .parent_timestamp = parent->timestamp,
                              .timestamp = h->timestamp,
                              .number = h->number,
                              .has_parent_ommers = !is_same(&parent->ommers_hash, &none),
                              .rules = rules->difficulty};
    hd_u256 expected = hd_difficulty(&in);
    if (hd_u256_is_equal(h->difficulty, expected))
        return HD_BLOCK_VALID;
    if (hd_u256_is_zero(h->difficulty))
        return hd_block_refuse(v, HD_BLOCK_INVALID_MERGE,
                               "no proof of work before the terminal total difficulty");
    return hd_block_refuse(v, HD_BLOCK_INVALID_DIFFICULTY, "%s, expected %s",
                           hd_decimal(have, h->difficulty), hd_decimal(want, expected));
}

static uint32_t check_base_fee(hd_block_verdict *v, const hd_header *h, const hd_header *parent,
                               const hd_chain_rules *parent_rules) {
    char have[HD_DECIMAL_SZ], want[HD_DECIMAL_SZ];
    hd_u256 expected = hd_u256_from_u64(1000000000); /* of London's first block */
    if (parent_rules->fork >= HD_FORK_LONDON)
        expected = hd_base_fee(parent->base_fee, parent->gas_used, parent->gas_limit);
    if (hd_u256_is_equal(h->base_fee, expected))
        return HD_BLOCK_VALID;
    return hd_block_refuse(v, HD_BLOCK_INVALID_BASE_FEE, "%s, expected %s",
                           hd_decimal(have, h->base_fee), hd_decimal(want, expected));
}

static uint32_t check_blobs(hd_block_verdict *v, const hd_header *h, const hd_header *parent,
                            const hd_chain_rules *rules) {
    uint64_t expected = hd_excess_blob_gas(parent->excess_blob_gas, parent->blob_gas_used,
                                           parent->base_fee, rules->blobs, rules->fork);
    if (h->excess_blob_gas != expected)
        return hd_block_refuse(v, HD_BLOCK_INVALID_EXCESS_BLOB_GAS,
                               "%" PRIu64 ", expected %" PRIu64, h->excess_blob_gas, expected);
    if (h->blob_gas_used % HD_EVM_BLOB_GAS)
        return hd_block_refuse(v, HD_BLOCK_INVALID_BLOB_GAS_USED,
                               "%" PRIu64 " is no multiple of a blob's %u", h->blob_gas_used,
                               HD_EVM_BLOB_GAS);
    return HD_BLOCK_VALID;
}

uint32_t hd_header_check(hd_block_verdict *v, const hd_header *h, const hd_header *parent,
                         const hd_chain_rules *rules, const hd_chain_rules *parent_rules) {
    uint32_t status;
    uint32_t field_cnt = field_cnt_of(rules->fork);
    if (parent->number == UINT64_MAX || h->number != parent->number + 1)
        return hd_block_refuse(v, HD_BLOCK_INVALID_NUMBER, "%" PRIu64 " after %" PRIu64, h->number,
                               parent->number);
    if (h->timestamp <= parent->timestamp)
        return hd_block_refuse(v, HD_BLOCK_INVALID_TIMESTAMP, "%" PRIu64 " after %" PRIu64,
                               h->timestamp, parent->timestamp);
    if (h->field_cnt != field_cnt)
        return hd_block_refuse(v, HD_BLOCK_INVALID_FIELDS, "%" PRIu32 ", %s has %" PRIu32,
                               h->field_cnt, rules->name ? rules->name : "the fork", field_cnt);
    if ((status = check_extra(v, h, rules)) != HD_BLOCK_VALID)
        return status;
    if ((status = check_gas_limit(v, h, parent, rules, parent_rules)) != HD_BLOCK_VALID)
        return status;
    status =
        rules->flags & HD_RULES_MERGED ? check_merged(v, h) : check_difficulty(v, h, parent, rules);
    if (status == HD_BLOCK_VALID && rules->fork >= HD_FORK_LONDON)
        status = check_base_fee(v, h, parent, parent_rules);
    if (status == HD_BLOCK_VALID && rules->fork >= HD_FORK_CANCUN)
        status = check_blobs(v, h, parent, rules);
    return status;
}

/* ---- body ---- */

static uint32_t differ(hd_block_verdict *v, uint32_t status, const hd_hash *have,
                       const hd_hash *want) {
    char texts[2][65];
    hd_hex_encode(texts[0], sizeof texts[0], have->b, sizeof have->b);
    hd_hex_encode(texts[1], sizeof texts[1], want->b, sizeof want->b);
    return hd_block_refuse(v, status, "the header says 0x%s, the body gives 0x%s", texts[0],
                           texts[1]);
}

hd_err hd_body_check(hd_block_verdict *v, const hd_block *b, const hd_chain_rules *rules) {
    const hd_header *h = &b->header;
    hd_hash root;
    v->status = HD_BLOCK_VALID;
    if (rules->fork >= HD_FORK_OSAKA && b->rlp_sz > HD_BLOCK_SZ_MAX) {
        hd_block_refuse(v, HD_BLOCK_INVALID_SIZE, "%" PRIu64 " bytes, %u are allowed", b->rlp_sz,
                        HD_BLOCK_SZ_MAX);
        return HD_OK;
    }
    if (b->has_withdrawals != (rules->fork >= HD_FORK_SHANGHAI)) {
        hd_block_refuse(v, HD_BLOCK_INVALID_FIELDS,
                        b->has_withdrawals ? "withdrawals before Shanghai"
                                           : "no withdrawals from Shanghai on");
        return HD_OK;
    }
    hd_err err = hd_block_ommers_hash(&root, b);
    if (err == HD_OK && !is_same(&root, &h->ommers_hash)) {
        differ(v, HD_BLOCK_INVALID_OMMERS_HASH, &h->ommers_hash, &root);
        return HD_OK;
    }
    if (err == HD_OK)
        err = hd_block_txs_root(&root, b);
    if (err == HD_OK && !is_same(&root, &h->txs_root)) {
        differ(v, HD_BLOCK_INVALID_TXS_ROOT, &h->txs_root, &root);
        return HD_OK;
    }
    if (err != HD_OK || !b->has_withdrawals)
        return err;
    err = hd_block_withdrawals_root(&root, b);
    if (err == HD_OK && !is_same(&root, &h->withdrawals_root))
        differ(v, HD_BLOCK_INVALID_WITHDRAWALS_ROOT, &h->withdrawals_root, &root);
    return err;
}

/* ---- ommers ---- */

static uint32_t check_ommer(hd_block_verdict *v, const hd_block *b, uint32_t ommer_idx,
                            const hd_hash *hashes, const hd_ancestor *ancestors,
                            uint32_t ancestor_cnt) {
    const hd_header *ommer = &hd_block_ommers(b)[ommer_idx];
    const hd_hash *hash = &hashes[ommer_idx];
    hd_block_verdict why = {.status = HD_BLOCK_VALID};
    for (uint32_t i = 0; i < ommer_idx; i++)
        if (is_same(&hashes[i], hash))
            return hd_block_refuse(v, HD_BLOCK_INVALID_OMMER_REPEATED, "ommer %" PRIu32, ommer_idx);
    for (uint32_t i = 0; i < ancestor_cnt; i++)
        for (uint32_t k = 0; k < ancestors[i].ommer_cnt; k++)
            if (is_same(&ancestors[i].ommer_hashes[k], hash))
                return hd_block_refuse(v, HD_BLOCK_INVALID_OMMER_REPEATED,
                                       "ommer %" PRIu32 ", included by block %" PRIu64, ommer_idx,
                                       ancestors[i].header->number);
    for (uint32_t i = 0; i < ancestor_cnt; i++)
        if (is_same(ancestors[i].hash, hash))
            return hd_block_refuse(v, HD_BLOCK_INVALID_OMMER_ANCESTOR,
                                   "ommer %" PRIu32 " is block %" PRIu64, ommer_idx,
                                   ancestors[i].header->number);
    for (uint32_t i = 1; i < ancestor_cnt && i <= HD_OMMER_DEPTH_MAX; i++) {
        if (!is_same(ancestors[i].hash, &ommer->parent_hash))
            continue;
        /* The ancestor below it has the same number and obeys the same rules. */
        if (hd_header_check(&why, ommer, ancestors[i].header, ancestors[i - 1].rules,
                            ancestors[i].rules) != HD_BLOCK_VALID)
            return hd_block_refuse(v, HD_BLOCK_INVALID_OMMER_HEADER, "ommer %" PRIu32 ": %.300s",
                                   ommer_idx, why.msg.text);
        return HD_BLOCK_VALID;
    }
    return hd_block_refuse(v, HD_BLOCK_INVALID_OMMER_PARENT, "ommer %" PRIu32, ommer_idx);
}

hd_err hd_ommers_check(hd_block_verdict *v, const hd_block *b, const hd_ancestor *ancestors,
                       uint32_t ancestor_cnt) {
    hd_hash hashes[HD_OMMER_CNT_MAX];
    v->status = HD_BLOCK_VALID;
    if (b->ommer_cnt > HD_OMMER_CNT_MAX) {
        hd_block_refuse(v, HD_BLOCK_INVALID_OMMER_CNT, "%" PRIu32 ", %u are allowed", b->ommer_cnt,
                        HD_OMMER_CNT_MAX);
        return HD_OK;
    }
    for (uint32_t i = 0; i < b->ommer_cnt; i++) {
        hd_err err = hd_header_hash(&hashes[i], &hd_block_ommers(b)[i]);
        if (err != HD_OK)
            return err;
    }
    for (uint32_t i = 0; i < b->ommer_cnt; i++)
        if (check_ommer(v, b, i, hashes, ancestors, ancestor_cnt) != HD_BLOCK_VALID)
            break;
    return HD_OK;
}
