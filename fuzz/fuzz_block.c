/* fuzz_block.c - blocks on the wire: what is accepted is encoded again byte for byte, its parts lie
   inside, and rules and roots answer whatever the fields hold. */
#include "fuzz.h"

#include "exec/hd_block_exec.h"
#include "exec/hd_header_rules.h"

static void check_parts(const hd_block *b) {
    HD_FUZZ_CHECK(b->txs.sz == b->tx_cnt * sizeof(hd_tx));
    HD_FUZZ_CHECK(b->envelopes.sz == b->tx_cnt * sizeof(hd_tx_envelope));
    HD_FUZZ_CHECK(b->ommers.sz == b->ommer_cnt * sizeof(hd_header));
    HD_FUZZ_CHECK(b->withdrawals.sz == b->withdrawal_cnt * sizeof(hd_withdrawal));
    for (uint32_t i = 0; i < b->tx_cnt; i++) {
        const hd_tx *tx = &hd_block_txs(b)[i];
        hd_span raw = hd_block_tx_raw(b, i);
        HD_FUZZ_CHECK(raw.data >= b->raws.data && raw.sz <= b->raws.sz);
        HD_FUZZ_CHECK(tx->data_off <= b->data.sz && tx->data_sz <= b->data.sz - tx->data_off);
    }
}

/* A block that follows an empty one: every rule is asked under the first and the last fork. */
static void check_rules(const hd_block *b) {
    static const char *const networks[] = {"Frontier", "London", "Osaka"};
    static const hd_header parent;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        hd_chain_config config;
        hd_chain_rules rules;
        hd_block_verdict verdict = {0};
        hd_hash hash = {{0}};
        hd_chain_place place = {.number = b->header.number, .timestamp = b->header.timestamp};
        HD_FUZZ_CHECK(hd_chain_config_named(&config, NULL, networks[i]) == HD_OK);
        HD_FUZZ_CHECK(hd_chain_rules_at(&rules, NULL, &config, &place) == HD_OK);
        uint32_t status = hd_header_check(&verdict, &b->header, &parent, &rules, &rules);
        HD_FUZZ_CHECK(status < HD_BLOCK_STATUS_CNT);
        HD_FUZZ_CHECK(status == HD_BLOCK_VALID || verdict.msg.text[0]);
        HD_FUZZ_CHECK(hd_body_check(&verdict, b, &rules) == HD_OK);
        hd_ancestor ancestors[2] = {{&parent, &hash, NULL, &rules, 0, 0},
                                    {&parent, &b->header.parent_hash, NULL, &rules, 0, 0}};
        HD_FUZZ_CHECK(hd_ommers_check(&verdict, b, ancestors, 2) == HD_OK);
        hd_env env = hd_block_env(&b->header, &rules);
        HD_FUZZ_CHECK(env.number == b->header.number);
    }
}

void hd_fuzz_block(const uint8_t *data, size_t sz) {
    uint8_t *copy = hd_fuzz_copy(data, sz);
    hd_block b = {0};
    hd_buf out = {0};
    hd_hash hash;
    hd_msg msg = {""};
    hd_err err = hd_block_decode(&b, &msg, (hd_span){copy, sz});
    HD_FUZZ_CHECK(err == HD_OK || err == HD_ERR_FORMAT || err == HD_ERR_LIMIT);
    HD_FUZZ_CHECK(err == HD_OK || msg.text[0]);
    if (err == HD_OK) {
        HD_FUZZ_CHECK(hd_block_encode(&out, &b) == HD_OK);
        HD_FUZZ_CHECK(out.sz == sz && memcmp(out.data, copy, sz) == 0);
        HD_FUZZ_CHECK(hd_header_hash(&hash, &b.header) == HD_OK);
        HD_FUZZ_CHECK(memcmp(&hash, &b.hash, sizeof hash) == 0);
        check_parts(&b);
        check_rules(&b);
    }
    hd_buf_free(&out);
    hd_block_free(&b);
    free(copy);
}
