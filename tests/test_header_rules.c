/* test_header_rules.c - headers after their parents, bodies, ommers: each rule broken alone. */
#include "hd_test.h"

#include "exec/hd_block_exec.h"
#include "exec/hd_header_rules.h"
#include "state/hd_trie.h"

static hd_chain_config configs[8];
static uint32_t config_cnt;

static hd_chain_rules rules_of(const char *name, uint64_t number) {
    hd_chain_config *config = &configs[config_cnt++ % 8];
    hd_chain_rules rules;
    hd_chain_place place = {.number = number};
    assert_int_equal(hd_chain_config_named(config, NULL, name), HD_OK);
    assert_int_equal(hd_chain_rules_at(&rules, NULL, config, &place), HD_OK);
    return rules;
}

static hd_hash empty_ommers(void) {
    static hd_block none;
    hd_hash hash;
    assert_int_equal(hd_block_ommers_hash(&hash, &none), HD_OK);
    return hash;
}

static hd_header work_parent(void) {
    hd_header h;
    memset(&h, 0, sizeof h);
    h.number = 100;
    h.timestamp = 1000;
    h.gas_limit = 1024000;
    h.gas_used = 100000;
    h.difficulty = hd_u256_from_u64(200000000);
    h.ommers_hash = empty_ommers();
    h.field_cnt = HD_HEADER_FIELDS_FRONTIER;
    return h;
}

/* The parent's valid child. */
static hd_header child_of(const hd_header *parent, const hd_chain_rules *rules) {
    hd_header h = *parent;
    hd_difficulty_input in = {.parent_difficulty = parent->difficulty,
                              .parent_timestamp = parent->timestamp,
                              .timestamp = parent->timestamp + 10,
                              .number = parent->number + 1,
                              .rules = rules->difficulty};
    h.number++;
    h.timestamp += 10;
    assert_int_equal(hd_header_hash(&h.parent_hash, parent), HD_OK);
    if (rules->flags & HD_RULES_MERGED)
        h.difficulty = hd_u256_zero();
    else
        h.difficulty = hd_difficulty(&in);
    if (rules->fork >= HD_FORK_LONDON) {
        h.field_cnt = HD_MAX(h.field_cnt, HD_HEADER_FIELDS_LONDON);
        h.base_fee = parent->field_cnt < HD_HEADER_FIELDS_LONDON
                         ? hd_u256_from_u64(1000000000)
                         : hd_base_fee(parent->base_fee, parent->gas_used, parent->gas_limit);
    }
    return h;
}

static hd_header merged_parent(uint32_t field_cnt) {
    hd_header h = work_parent();
    h.difficulty = hd_u256_zero();
    h.base_fee = hd_u256_from_u64(1000000000);
    h.field_cnt = field_cnt;
    return h;
}

static uint32_t check(const hd_header *h, const hd_header *parent, const char *name) {
    hd_block_verdict verdict = {0};
    hd_chain_rules rules = rules_of(name, 0);
    uint32_t status = hd_header_check(&verdict, h, parent, &rules, &rules);
    assert_int_equal(status, verdict.status);
    if (status != HD_BLOCK_VALID)
        assert_true(verdict.msg.text[0] != 0);
    return status;
}

static void proof_of_work_header_breaks_each_rule_alone(void **state) {
    (void)state;
    hd_header parent = work_parent();
    hd_chain_rules rules = rules_of("Berlin", 0);
    hd_header good = child_of(&parent, &rules), h;
    assert_int_equal(check(&good, &parent, "Berlin"), HD_BLOCK_VALID);
#define BREAK(change, status) \
    do { \
        h = good; \
        change; \
        assert_int_equal(check(&h, &parent, "Berlin"), (status)); \
    } while (0)
    BREAK(h.number++, HD_BLOCK_INVALID_NUMBER);
    BREAK(h.number--, HD_BLOCK_INVALID_NUMBER);
    BREAK(h.timestamp = parent.timestamp, HD_BLOCK_INVALID_TIMESTAMP);
    BREAK(h.field_cnt = HD_HEADER_FIELDS_LONDON, HD_BLOCK_INVALID_FIELDS);
    BREAK(h.extra_sz = 32, HD_BLOCK_VALID);
    BREAK(h.extra_sz = 33, HD_BLOCK_INVALID_EXTRA_SIZE);
    BREAK(h.gas_limit += 999, HD_BLOCK_VALID);
    BREAK(h.gas_limit += 1000, HD_BLOCK_INVALID_GAS_LIMIT);
    BREAK(h.gas_limit -= 999, HD_BLOCK_VALID);
    BREAK(h.gas_limit -= 1000, HD_BLOCK_INVALID_GAS_LIMIT);
    BREAK(h.gas_used = h.gas_limit, HD_BLOCK_VALID);
    BREAK(h.gas_used = h.gas_limit + 1, HD_BLOCK_INVALID_GAS_USED_LIMIT);
    BREAK(h.difficulty.w[0]++, HD_BLOCK_INVALID_DIFFICULTY);
    BREAK(h.difficulty = hd_u256_zero(), HD_BLOCK_INVALID_MERGE);
    /* Only a seal would tell, and seals are not verified. */
    BREAK(h.nonce[0] = 1, HD_BLOCK_VALID);
#undef BREAK
}

static void merged_header_breaks_each_rule_alone(void **state) {
    (void)state;
    hd_header parent = merged_parent(HD_HEADER_FIELDS_PRAGUE);
    hd_chain_rules rules = rules_of("Prague", 0);
    hd_header good = child_of(&parent, &rules), h;
    assert_int_equal(check(&good, &parent, "Prague"), HD_BLOCK_VALID);
#define BREAK(change, status) \
    do { \
        h = good; \
        change; \
        assert_int_equal(check(&h, &parent, "Prague"), (status)); \
    } while (0)
    BREAK(h.difficulty = hd_u256_from_u64(1), HD_BLOCK_INVALID_MERGE);
    BREAK(h.nonce[7] = 1, HD_BLOCK_INVALID_MERGE);
    BREAK(h.ommers_hash.b[0] ^= 1, HD_BLOCK_INVALID_MERGE);
    BREAK(h.base_fee.w[0]++, HD_BLOCK_INVALID_BASE_FEE);
    BREAK(h.field_cnt--, HD_BLOCK_INVALID_FIELDS);
    BREAK(h.excess_blob_gas = HD_EVM_BLOB_GAS, HD_BLOCK_INVALID_EXCESS_BLOB_GAS);
    BREAK(h.blob_gas_used = HD_EVM_BLOB_GAS, HD_BLOCK_VALID);
    BREAK(h.blob_gas_used = HD_EVM_BLOB_GAS + 1, HD_BLOCK_INVALID_BLOB_GAS_USED);
#undef BREAK
}

static void gas_limit_has_a_least_value(void **state) {
    (void)state;
    hd_header parent = work_parent();
    hd_chain_rules rules = rules_of("Berlin", 0);
    parent.gas_limit = 5001;
    parent.gas_used = 0;
    hd_header h = child_of(&parent, &rules);
    h.gas_limit = 5000;
    assert_int_equal(check(&h, &parent, "Berlin"), HD_BLOCK_VALID);
    h.gas_limit = 4999;
    assert_int_equal(check(&h, &parent, "Berlin"), HD_BLOCK_INVALID_GAS_LIMIT);
}

static void londons_first_block_doubles_the_limit_and_starts_the_base_fee(void **state) {
    (void)state;
    hd_block_verdict v = {0};
    hd_header parent = work_parent();
    hd_chain_rules berlin = rules_of("Berlin", 0), london = rules_of("London", 0);
    hd_header h = child_of(&parent, &london);
    assert_int_equal(hd_header_check(&v, &h, &parent, &london, &berlin),
                     HD_BLOCK_INVALID_GAS_LIMIT);
    h.gas_limit = 2 * parent.gas_limit;
    assert_int_equal(hd_header_check(&v, &h, &parent, &london, &berlin), HD_BLOCK_VALID);
    h.base_fee.w[0]++;
    assert_int_equal(hd_header_check(&v, &h, &parent, &london, &berlin), HD_BLOCK_INVALID_BASE_FEE);
}

static void dao_fork_asks_for_its_extra_data_for_ten_blocks(void **state) {
    (void)state;
    hd_chain_config config;
    hd_chain_rules rules, before;
    hd_block_verdict v = {0};
    hd_header parent = work_parent();
    assert_int_equal(hd_chain_config_named(&config, NULL, "HomesteadToDaoAt5"), HD_OK);
    hd_chain_place place = {.number = 5};
    assert_int_equal(hd_chain_rules_at(&rules, NULL, &config, &place), HD_OK);
    before = rules;
    hd_header h = child_of(&parent, &rules);
    assert_int_equal(hd_header_check(&v, &h, &parent, &rules, &before), HD_BLOCK_INVALID_EXTRA_DAO);
    h.extra_sz = 13;
    memcpy(h.extra, "dao-hard-fork", 13);
    assert_int_equal(hd_header_check(&v, &h, &parent, &rules, &before), HD_BLOCK_VALID);
    config.flags &= ~HD_CHAIN_DAO_SUPPORT;
    assert_int_equal(hd_chain_rules_at(&rules, NULL, &config, &place), HD_OK);
    assert_int_equal(hd_header_check(&v, &h, &parent, &rules, &before), HD_BLOCK_INVALID_EXTRA_DAO);
    h.extra[0] = 'D';
    assert_int_equal(hd_header_check(&v, &h, &parent, &rules, &before), HD_BLOCK_VALID);
}

static void body_must_be_what_the_header_commits_to(void **state) {
    (void)state;
    hd_block b = {0};
    hd_block_verdict v = {0};
    hd_chain_rules rules = rules_of("Osaka", 0);
    hd_withdrawal w = {.index = 1};
    b.header = merged_parent(HD_HEADER_FIELDS_PRAGUE);
    assert_int_equal(hd_block_add_withdrawal(&b, &w), HD_OK);
    assert_int_equal(hd_block_roots(&b), HD_OK);
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_VALID);
    hd_block_withdrawals(&b)->amount_gwei = 1;
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_INVALID_WITHDRAWALS_ROOT);
    hd_block_withdrawals(&b)->amount_gwei = 0;
    b.header.txs_root.b[0] ^= 1;
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_INVALID_TXS_ROOT);
    b.header.txs_root.b[0] ^= 1;
    b.header.ommers_hash.b[0] ^= 1;
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_INVALID_OMMERS_HASH);
    b.header.ommers_hash.b[0] ^= 1;
    b.rlp_sz = HD_BLOCK_SZ_MAX;
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_VALID);
    b.rlp_sz = HD_BLOCK_SZ_MAX + 1;
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_INVALID_SIZE);
    rules = rules_of("Prague", 0);
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_VALID);
    b.has_withdrawals = 0;
    assert_int_equal(hd_body_check(&v, &b, &rules), HD_OK);
    assert_int_equal(v.status, HD_BLOCK_INVALID_FIELDS);
    hd_block_free(&b);
}

/* ---- ommers: a chain of ancestors, and children of them beside it */

enum { ANCESTORS = HD_OMMER_DEPTH_MAX + 1 };

typedef struct {
    hd_header headers[ANCESTORS]; /* nearest first */
    hd_hash hashes[ANCESTORS];
    hd_ancestor ancestors[ANCESTORS];
    hd_chain_rules rules;
    hd_block b;
} family;

static void make_family(family *f) {
    memset(f, 0, sizeof *f);
    f->rules = rules_of("Berlin", 0);
    f->headers[ANCESTORS - 1] = work_parent();
    for (uint32_t i = ANCESTORS - 1; i-- > 0;)
        f->headers[i] = child_of(&f->headers[i + 1], &f->rules);
    for (uint32_t i = 0; i < ANCESTORS; i++) {
        assert_int_equal(hd_header_hash(&f->hashes[i], &f->headers[i]), HD_OK);
        f->ancestors[i] =
            (hd_ancestor){.header = &f->headers[i], .hash = &f->hashes[i], .rules = &f->rules};
    }
    f->b.header = child_of(&f->headers[0], &f->rules);
}

static uint32_t judge(family *f) {
    hd_block_verdict v = {0};
    assert_int_equal(hd_ommers_check(&v, &f->b, f->ancestors, ANCESTORS), HD_OK);
    return v.status;
}

/* A valid child of an ancestor that is not on the chain. */
static hd_header beside(const family *f, uint32_t parent_idx, uint8_t mark) {
    hd_header h = child_of(&f->headers[parent_idx], &f->rules);
    h.coinbase.b[0] = mark;
    return h;
}

static void ommer_of_each_recent_generation_is_valid(void **state) {
    (void)state;
    static family f;
    for (uint32_t i = 1; i < ANCESTORS; i++) {
        make_family(&f);
        hd_header ommer = beside(&f, i, 1);
        assert_int_equal(hd_block_add_ommer(&f.b, &ommer), HD_OK);
        assert_int_equal(judge(&f), HD_BLOCK_VALID);
        hd_block_free(&f.b);
    }
}

static uint32_t judge_with(const hd_header *a, const hd_header *b, family *f) {
    hd_block_clear(&f->b);
    f->b.header = child_of(&f->headers[0], &f->rules);
    assert_int_equal(hd_block_add_ommer(&f->b, a), HD_OK);
    if (b)
        assert_int_equal(hd_block_add_ommer(&f->b, b), HD_OK);
    return judge(f);
}

static void ommer_breaks_each_rule_alone(void **state) {
    (void)state;
    static family f;
    make_family(&f);
    hd_header a = beside(&f, 1, 1), b = beside(&f, 2, 2), c = beside(&f, 3, 3), h;
    hd_hash hash;
    assert_int_equal(judge_with(&a, &b, &f), HD_BLOCK_VALID);
    assert_int_equal(judge_with(&a, &a, &f), HD_BLOCK_INVALID_OMMER_REPEATED);
    /* A brother of the block, and a stranger. */
    h = beside(&f, 0, 1);
    assert_int_equal(judge_with(&h, NULL, &f), HD_BLOCK_INVALID_OMMER_PARENT);
    h = a;
    h.parent_hash.b[0] ^= 1;
    assert_int_equal(judge_with(&h, NULL, &f), HD_BLOCK_INVALID_OMMER_PARENT);
    /* Parent, grandparent. */
    assert_int_equal(judge_with(&f.headers[0], NULL, &f), HD_BLOCK_INVALID_OMMER_ANCESTOR);
    assert_int_equal(judge_with(&f.headers[1], NULL, &f), HD_BLOCK_INVALID_OMMER_ANCESTOR);
    h = a;
    h.gas_limit *= 2;
    assert_int_equal(judge_with(&h, NULL, &f), HD_BLOCK_INVALID_OMMER_HEADER);
    /* Included by an ancestor. */
    assert_int_equal(hd_header_hash(&hash, &b), HD_OK);
    f.ancestors[0].ommer_hashes = &hash;
    f.ancestors[0].ommer_cnt = 1;
    assert_int_equal(judge_with(&b, NULL, &f), HD_BLOCK_INVALID_OMMER_REPEATED);
    assert_int_equal(judge_with(&a, &c, &f), HD_BLOCK_VALID);
    assert_int_equal(hd_block_add_ommer(&f.b, &b), HD_OK);
    assert_int_equal(judge(&f), HD_BLOCK_INVALID_OMMER_CNT);
    hd_block_free(&f.b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(proof_of_work_header_breaks_each_rule_alone),
    cmocka_unit_test(merged_header_breaks_each_rule_alone),
    cmocka_unit_test(gas_limit_has_a_least_value),
    cmocka_unit_test(londons_first_block_doubles_the_limit_and_starts_the_base_fee),
    cmocka_unit_test(dao_fork_asks_for_its_extra_data_for_ten_blocks),
    cmocka_unit_test(body_must_be_what_the_header_commits_to),
    cmocka_unit_test(ommer_of_each_recent_generation_is_valid),
    cmocka_unit_test(ommer_breaks_each_rule_alone),
};

HD_TEST_MAIN(tests)
