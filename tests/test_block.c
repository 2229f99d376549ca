/* test_block.c - blocks in RLP: round trips, known hashes, hostile bytes. */
#include "hd_test.h"

#include "base/hd_hex.h"
#include "base/hd_rlp.h"
#include "evm/hd_block.h"
#include "exec/hd_block_exec.h"
#include "state/hd_trie.h"

static const uint8_t secret[32] = {[31] = 7};

static uint64_t rng_state = 99;

static uint64_t rng(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

static void from_hex(uint8_t *out, size_t sz, const char *text) {
    size_t got;
    assert_int_equal(hd_hex_decode(out, sz, &got, NULL, text, strlen(text)), HD_OK);
    assert_int_equal(got, sz);
}

/* ---- a block with something of everything */

static hd_header make_header(uint32_t field_cnt) {
    hd_header h;
    memset(&h, 0, sizeof h);
    h.number = 300;
    h.gas_limit = 30000000;
    h.gas_used = 21000;
    h.timestamp = 1700000000;
    h.difficulty = hd_u256_make(0, 0, 1, 2);
    h.extra_sz = 5;
    memcpy(h.extra, "extra", 5);
    h.nonce[7] = 1;
    h.field_cnt = field_cnt;
    memset(h.parent_hash.b, 0x11, 32);
    memset(h.mix_hash.b, 0x22, 32);
    memset(h.bloom, 0x33, sizeof h.bloom);
    if (field_cnt > 15)
        h.base_fee = hd_u256_from_u64(1000);
    if (field_cnt > 17)
        h.blob_gas_used = 131072;
    if (field_cnt > 19)
        memset(h.beacon_root.b, 0x44, 32);
    if (field_cnt > 20)
        memset(h.requests_hash.b, 0x55, 32);
    return h;
}

static void add_transfer(hd_block *b, uint32_t type) {
    hd_tx tx = {0};
    hd_tx_envelope envelope = {0};
    tx.type = type;
    tx.nonce = b->tx_cnt;
    tx.gas_limit = 21000;
    tx.value_wei = hd_u256_from_u64(5);
    tx.gas_price = tx.priority_fee = hd_u256_from_u64(9);
    tx.chain_id = 1;
    envelope.chain_id = hd_u256_from_u64(1);
    envelope.flags = type == HD_TX_LEGACY ? HD_TX_ENVELOPE_PROTECTED : 0;
    memset(tx.to.b, 0x35, 20);
    tx.data_off = b->data.sz;
    tx.data_sz = 3;
    assert_int_equal(hd_buf_append(&b->data, "abc", 3), HD_OK);
    assert_int_equal(hd_tx_sign(&tx, &envelope, b->data.data, secret), HD_OK);
    assert_int_equal(hd_block_add_tx(b, &tx, &envelope), HD_OK);
}

static void make_block(hd_block *b) {
    hd_block_clear(b);
    b->header = make_header(HD_HEADER_FIELDS_PRAGUE);
    add_transfer(b, HD_TX_LEGACY);
    add_transfer(b, HD_TX_ACCESS_LIST);
    add_transfer(b, HD_TX_DYNAMIC_FEE);
    hd_header ommer = make_header(HD_HEADER_FIELDS_FRONTIER);
    assert_int_equal(hd_block_add_ommer(b, &ommer), HD_OK);
    for (uint64_t i = 0; i < 3; i++) {
        hd_withdrawal w = {.index = i, .validator = 200 * i, .amount_gwei = i << 40};
        memset(w.address.b, (int)i, 20);
        assert_int_equal(hd_block_add_withdrawal(b, &w), HD_OK);
    }
    assert_int_equal(hd_block_roots(b), HD_OK);
}

/* ---- cases */

static void header_of_mainnets_first_block_has_its_hash(void **state) {
    (void)state;
    hd_header h;
    hd_hash hash, want;
    memset(&h, 0, sizeof h);
    h.field_cnt = HD_HEADER_FIELDS_FRONTIER;
    from_hex(h.ommers_hash.b, 32,
             "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
    from_hex(h.state_root.b, 32,
             "d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544");
    hd_trie_empty_root(&h.txs_root);
    hd_trie_empty_root(&h.receipts_root);
    h.difficulty = hd_u256_from_u64(0x400000000);
    h.gas_limit = 5000;
    h.extra_sz = 32;
    from_hex(h.extra, 32, "11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa");
    h.nonce[7] = 0x42;
    from_hex(want.b, 32, "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
    assert_int_equal(hd_header_hash(&hash, &h), HD_OK);
    assert_memory_equal(&hash, &want, sizeof hash);
}

static void header_with_any_number_of_fields_decodes_to_what_was_encoded(void **state) {
    (void)state;
    for (uint32_t cnt = HD_HEADER_FIELDS_FRONTIER; cnt <= HD_HEADER_FIELDS_PRAGUE; cnt++) {
        hd_header h = make_header(cnt), got;
        hd_buf raw = {0};
        hd_msg msg = {""};
        assert_int_equal(hd_header_encode(&raw, &h), HD_OK);
        assert_int_equal(hd_header_decode(&got, &msg, hd_buf_span(&raw)), HD_OK);
        assert_memory_equal(&h, &got, sizeof h);
        hd_buf_free(&raw);
    }
}

static void block_decodes_to_what_was_put_together(void **state) {
    (void)state;
    hd_block b = {0}, got = {0};
    hd_buf raw = {0}, again = {0};
    hd_msg msg = {""};
    make_block(&b);
    assert_int_equal(hd_block_encode(&raw, &b), HD_OK);
    assert_int_equal(hd_block_decode(&got, &msg, hd_buf_span(&raw)), HD_OK);
    assert_int_equal(hd_block_encode(&again, &got), HD_OK);
    assert_int_equal(raw.sz, again.sz);
    assert_memory_equal(raw.data, again.data, raw.sz);
    assert_memory_equal(&b.header, &got.header, sizeof b.header);
    assert_memory_equal(&b.hash, &got.hash, sizeof b.hash);
    assert_int_equal(got.rlp_sz, raw.sz);
    assert_int_equal(b.rlp_sz, raw.sz);
    assert_int_equal(got.tx_cnt, 3);
    assert_int_equal(got.ommer_cnt, 1);
    assert_int_equal(got.withdrawal_cnt, 3);
    for (uint32_t i = 0; i < 3; i++) {
        hd_hash x = hd_block_envelopes(&b)[i].hash, y = hd_block_envelopes(&got)[i].hash;
        assert_memory_equal(&x, &y, sizeof x);
    }
    hd_hash x, y;
    assert_int_equal(hd_block_txs_root(&x, &got), HD_OK);
    assert_memory_equal(&x, &b.header.txs_root, sizeof x);
    assert_int_equal(hd_block_withdrawals_root(&y, &got), HD_OK);
    assert_memory_equal(&y, &b.header.withdrawals_root, sizeof y);
    hd_block_free(&b);
    hd_block_free(&got);
    hd_buf_free(&raw);
    hd_buf_free(&again);
}

static void cut_block_is_refused_at_every_length(void **state) {
    (void)state;
    hd_block b = {0}, got = {0};
    hd_buf raw = {0};
    make_block(&b);
    assert_int_equal(hd_block_encode(&raw, &b), HD_OK);
    for (size_t sz = 0; sz < raw.sz; sz++) {
        hd_msg msg = {""};
        assert_int_equal(hd_block_decode(&got, &msg, (hd_span){raw.data, sz}), HD_ERR_FORMAT);
        assert_true(msg.text[0] != 0);
    }
    hd_buf_append_byte(&raw, 0);
    assert_int_equal(hd_block_decode(&got, NULL, hd_buf_span(&raw)), HD_ERR_FORMAT);
    hd_block_free(&b);
    hd_block_free(&got);
    hd_buf_free(&raw);
}

/* Strict reading means that there is one encoding for each block: whatever still decodes after a
   change encodes to the changed bytes. */
static void changed_block_is_refused_or_encodes_to_the_change(void **state) {
    (void)state;
    hd_block b = {0}, got = {0};
    hd_buf raw = {0}, again = {0};
    uint32_t accepted_cnt = 0, refused_cnt = 0;
    make_block(&b);
    assert_int_equal(hd_block_encode(&raw, &b), HD_OK);
    for (uint32_t i = 0; i < 60000; i++) {
        size_t at[3];
        uint8_t old[3];
        uint32_t change_cnt = 1 + (uint32_t)(rng() % 3);
        for (uint32_t k = 0; k < change_cnt; k++) {
            at[k] = i < raw.sz && k == 0 ? i : rng() % raw.sz;
            old[k] = raw.data[at[k]];
            raw.data[at[k]] = (uint8_t)(rng() % 4 ? rng() : 0x80 + rng() % 2 * 0x40);
        }
        hd_err err = hd_block_decode(&got, NULL, hd_buf_span(&raw));
        if (err == HD_OK) {
            hd_buf_clear(&again);
            assert_int_equal(hd_block_encode(&again, &got), HD_OK);
            assert_int_equal(again.sz, raw.sz);
            assert_memory_equal(again.data, raw.data, raw.sz);
            accepted_cnt++;
        } else {
            assert_true(err == HD_ERR_FORMAT || err == HD_ERR_LIMIT);
            refused_cnt++;
        }
        for (uint32_t k = change_cnt; k-- > 0;)
            raw.data[at[k]] = old[k];
    }
    assert_true(accepted_cnt > 1000 && refused_cnt > 1000);
    hd_block_free(&b);
    hd_block_free(&got);
    hd_buf_free(&raw);
    hd_buf_free(&again);
}

/* Header, transactions and ommers from given RLP. */
static hd_err decode_parts(hd_msg *msg, const hd_header *h, hd_span txs, hd_span ommers) {
    hd_block got = {0};
    hd_buf raw = {0};
    size_t list = hd_rlp_list_open(&raw);
    hd_header_encode(&raw, h);
    hd_buf_append(&raw, txs.data, txs.sz);
    hd_buf_append(&raw, ommers.data, ommers.sz);
    assert_int_equal(hd_rlp_list_close(&raw, list), HD_OK);
    hd_err err = hd_block_decode(&got, msg, hd_buf_span(&raw));
    hd_block_free(&got);
    hd_buf_free(&raw);
    return err;
}

#define SPAN(text) ((hd_span){(const uint8_t *)(text), sizeof(text) - 1})

static void transactions_must_be_lists_or_typed_strings(void **state) {
    (void)state;
    hd_header h = make_header(HD_HEADER_FIELDS_FRONTIER);
    hd_msg msg = {""};
    assert_int_equal(decode_parts(&msg, &h, SPAN("\xc0"), SPAN("\xc0")), HD_OK);
    static const struct {
        hd_span txs, ommers;
    } bad[] = {
        {SPAN("\x80"), SPAN("\xc0")},             /* no list */
        {SPAN("\xc1\x80"), SPAN("\xc0")},         /* an empty string */
        {SPAN("\xc1\xc0"), SPAN("\xc0")},         /* an empty transaction */
        {SPAN("\xc1\x01"), SPAN("\xc0")},         /* a type without its list */
        {SPAN("\xc3\x82\xc1\xc0"), SPAN("\xc0")}, /* a legacy transaction in a string */
        {SPAN("\xc3\x82\x05\xc0"), SPAN("\xc0")}, /* an unknown type */
        {SPAN("\xc3\x82\x7f\xc0"), SPAN("\xc0")},
        {SPAN("\xc0"), SPAN("\x80")},
        {SPAN("\xc0"), SPAN("\xc1\xc0")}, /* an ommer without fields */
        {SPAN("\xc0"), SPAN("")},         /* no ommers at all */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        msg.text[0] = 0;
        assert_int_equal(decode_parts(&msg, &h, bad[i].txs, bad[i].ommers), HD_ERR_FORMAT);
        assert_true(msg.text[0] != 0);
    }
}

static void limits_of_a_block_are_named(void **state) {
    (void)state;
    hd_header h = make_header(HD_HEADER_FIELDS_FRONTIER);
    hd_buf ommers = {0};
    hd_msg msg = {""};
    size_t list = hd_rlp_list_open(&ommers);
    for (uint32_t i = 0; i <= HD_BLOCK_OMMER_CNT_MAX; i++)
        hd_header_encode(&ommers, &h);
    hd_rlp_list_close(&ommers, list);
    assert_int_equal(decode_parts(&msg, &h, SPAN("\xc0"), hd_buf_span(&ommers)), HD_ERR_LIMIT);
    assert_non_null(strstr(msg.text, "ommer"));
    hd_buf_free(&ommers);

    /* Extra data that no field could hold. */
    hd_buf raw = {0};
    list = hd_rlp_list_open(&raw);
    static const uint8_t zero[2000];
    for (int i = 0; i < 15; i++) {
        static const uint16_t sizes[] = {32, 32, 20, 32, 32, 32, 256, 0, 0, 0, 0, 0, 1025, 32, 8};
        hd_rlp_put_bytes(&raw, zero, sizes[i]);
    }
    hd_rlp_list_close(&raw, list);
    assert_int_equal(hd_header_decode(&h, &msg, hd_buf_span(&raw)), HD_ERR_FORMAT);
    assert_non_null(strstr(msg.text, "extraData"));
    hd_buf_free(&raw);
}

static void empty_block_has_the_empty_roots(void **state) {
    (void)state;
    hd_block b = {0};
    hd_hash empty;
    hd_trie_empty_root(&empty);
    b.header.field_cnt = HD_HEADER_FIELDS_SHANGHAI;
    b.has_withdrawals = 1;
    assert_int_equal(hd_block_roots(&b), HD_OK);
    assert_memory_equal(&b.header.txs_root, &empty, sizeof empty);
    assert_memory_equal(&b.header.withdrawals_root, &empty, sizeof empty);
    from_hex(empty.b, 32, "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
    assert_memory_equal(&b.header.ommers_hash, &empty, sizeof empty);
    hd_block_free(&b);
}

static void senders_are_found_or_the_lowest_bad_signature_named(void **state) {
    (void)state;
    hd_block b = {0};
    hd_block_verdict verdict = {0};
    hd_chain_config config;
    hd_chain_rules rules;
    hd_address want;
    hd_chain_place place = {.number = 1};
    assert_int_equal(hd_chain_config_named(&config, NULL, "Prague"), HD_OK);
    assert_int_equal(hd_chain_rules_at(&rules, NULL, &config, &place), HD_OK);
    assert_int_equal(hd_ecdsa_address(&want, secret), HD_OK);
    make_block(&b);
    assert_int_equal(hd_block_recover(&verdict, &b, &rules, NULL), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_VALID);
    for (uint32_t i = 0; i < b.tx_cnt; i++)
        assert_memory_equal(&hd_block_txs(&b)[i].sender, &want, sizeof want);
    hd_block_envelopes(&b)[1].s = hd_u256_zero();
    hd_block_envelopes(&b)[2].r = hd_u256_zero();
    assert_int_equal(hd_block_recover(&verdict, &b, &rules, NULL), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_INVALID_TX);
    assert_int_equal(verdict.tx_idx, 1);
    assert_int_equal(verdict.tx_status, HD_TX_INVALID_SIGNATURE);
    hd_block_free(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(header_of_mainnets_first_block_has_its_hash),
    cmocka_unit_test(header_with_any_number_of_fields_decodes_to_what_was_encoded),
    cmocka_unit_test(block_decodes_to_what_was_put_together),
    cmocka_unit_test(cut_block_is_refused_at_every_length),
    cmocka_unit_test(changed_block_is_refused_or_encodes_to_the_change),
    cmocka_unit_test(transactions_must_be_lists_or_typed_strings),
    cmocka_unit_test(limits_of_a_block_are_named),
    cmocka_unit_test(empty_block_has_the_empty_roots),
    cmocka_unit_test(senders_are_found_or_the_lowest_bad_signature_named),
};

HD_TEST_MAIN(tests)
