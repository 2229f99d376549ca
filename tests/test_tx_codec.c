/* test_tx_codec.c - transactions on the wire: every type, hostile bytes, signatures, static rules.
 */
#include "evm/hd_tx_codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "crypto/hd_keccak.h"
#include "hd_test.h"

static const uint8_t secret[32] = {0x45, 0xa9, 0x15, 0xe4, 0xd0, 0x60, 0x14, 0x9e, 0xb4, 0x36, 0x59,
                                   0x60, 0xe6, 0xa7, 0xa4, 0x5f, 0x33, 0x43, 0x93, 0x09, 0x30, 0x61,
                                   0x11, 0x6b, 0x19, 0x7e, 0x32, 0x40, 0x06, 0x5f, 0xf2, 0xd8};

/* ---- a sample of each type ---- */

typedef struct {
    hd_tx tx;
    hd_tx_envelope envelope;
    hd_buf data;
    hd_buf raw;
} sample;

static void add_access_list(sample *s) {
    uint8_t entry[20 + 4 + 64] = {0};
    memset(entry, 0x11, 20);
    hd_store_le32(entry + 20, 2);
    memset(entry + 24, 0x22, 64);
    s->tx.access_off = s->data.sz;
    assert_int_equal(hd_buf_append(&s->data, entry, sizeof entry), HD_OK);
    uint8_t bare[24] = {0x33};
    assert_int_equal(hd_buf_append(&s->data, bare, sizeof bare), HD_OK);
    s->tx.access_cnt = 2;
    s->tx.access_key_cnt = 2;
    s->tx.access_sz = (uint32_t)(s->data.sz - s->tx.access_off);
}

static void add_authorizations(sample *s) {
    hd_auth auth[2];
    hd_auth_sig sig[2];
    memset(auth, 0, sizeof auth);
    for (int i = 0; i < 2; i++) {
        auth[i].chain_id = hd_u256_from_u64((uint64_t)i);
        auth[i].nonce = (uint64_t)i * 300;
        memset(auth[i].address.b, 0x44, 20);
        sig[i].y_parity = hd_u256_from_u64((uint64_t)i);
        sig[i].r = hd_u256_from_u64(77);
        sig[i].s = hd_u256_from_u64(78);
    }
    hd_buf_append_zero(&s->data, (8 - s->data.sz % 8) % 8);
    s->tx.auth_off = s->data.sz;
    hd_buf_append(&s->data, auth, sizeof auth);
    s->envelope.auth_sig_off = s->data.sz;
    assert_int_equal(hd_buf_append(&s->data, sig, sizeof sig), HD_OK);
    s->tx.auth_cnt = 2;
}

static void make_sample(sample *s, uint32_t type, int is_create) {
    memset(s, 0, sizeof *s);
    s->tx.type = type;
    s->tx.nonce = 9;
    s->tx.gas_limit = 1000000;
    s->tx.value_wei = hd_u256_make(0, 0, 1, 5);
    s->tx.gas_price = hd_u256_from_u64(3000000000u);
    s->tx.priority_fee = type >= HD_TX_DYNAMIC_FEE ? hd_u256_from_u64(7) : s->tx.gas_price;
    s->tx.chain_id = 1;
    s->envelope.chain_id = hd_u256_from_u64(1);
    if (is_create)
        s->tx.flags |= HD_TX_CREATE;
    else
        memset(s->tx.to.b, 0x35, 20);
    s->tx.data_off = s->data.sz;
    assert_int_equal(hd_buf_append(&s->data, "\x00\x01payload", 9), HD_OK);
    s->tx.data_sz = 9;
    if (type == HD_TX_LEGACY)
        s->envelope.flags = HD_TX_ENVELOPE_PROTECTED;
    else
        add_access_list(s);
    if (type == HD_TX_BLOB) {
        uint8_t hashes[64] = {1};
        hashes[32] = 1;
        s->tx.blob_fee = hd_u256_from_u64(12);
        s->tx.blob_off = s->data.sz;
        s->tx.blob_cnt = 2;
        assert_int_equal(hd_buf_append(&s->data, hashes, sizeof hashes), HD_OK);
    }
    if (type == HD_TX_SET_CODE)
        add_authorizations(s);
    assert_int_equal(hd_tx_sign(&s->tx, &s->envelope, s->data.data, secret), HD_OK);
    assert_int_equal(hd_tx_encode(&s->raw, &s->tx, &s->envelope, s->data.data), HD_OK);
}

static void free_sample(sample *s) {
    hd_buf_free(&s->data);
    hd_buf_free(&s->raw);
}

static int decode(hd_tx *tx, hd_tx_envelope *envelope, hd_buf *data, const uint8_t *raw,
                  size_t sz) {
    hd_msg msg = {""};
    hd_err err = hd_tx_decode(tx, envelope, data, &msg, (hd_span){raw, sz});
    if (err != HD_OK)
        assert_true(msg.text[0] != 0);
    return err == HD_OK;
}

static uint32_t status_of(hd_tx *tx, const hd_tx_envelope *envelope, uint32_t fork,
                          uint64_t chain_id) {
    uint32_t status;
    hd_msg msg = {""};
    hd_tx_recover(&status, tx, &msg, envelope, fork, chain_id);
    return status;
}

/* ---- round trips ---- */

static void every_type_decodes_to_what_was_encoded(void **state) {
    (void)state;
    for (uint32_t type = 0; type <= HD_TX_SET_CODE; type++) {
        sample s;
        hd_tx tx;
        hd_tx_envelope envelope;
        hd_buf data = {0}, again = {0};
        make_sample(&s, type, 0);
        assert_true(decode(&tx, &envelope, &data, s.raw.data, s.raw.sz));
        assert_int_equal(tx.type, type);
        assert_int_equal(tx.nonce, 9);
        assert_true(hd_u256_is_equal(tx.value_wei, s.tx.value_wei));
        assert_true(hd_u256_is_equal(tx.gas_price, s.tx.gas_price));
        assert_true(hd_u256_is_equal(tx.priority_fee, s.tx.priority_fee));
        assert_int_equal(tx.access_cnt, s.tx.access_cnt);
        assert_int_equal(tx.access_key_cnt, s.tx.access_key_cnt);
        assert_int_equal(tx.blob_cnt, s.tx.blob_cnt);
        assert_int_equal(tx.auth_cnt, s.tx.auth_cnt);
        assert_int_equal(tx.auth_off % 8, 0);
        assert_memory_equal(envelope.hash.b, s.envelope.hash.b, 32);
        assert_memory_equal(envelope.signing_hash.b, s.envelope.signing_hash.b, 32);
        assert_int_equal(hd_tx_encode(&again, &tx, &envelope, data.data), HD_OK);
        assert_int_equal(again.sz, s.raw.sz);
        assert_memory_equal(again.data, s.raw.data, again.sz);
        hd_buf_free(&data);
        hd_buf_free(&again);
        free_sample(&s);
    }
}

static void sender_of_every_type_is_the_signer(void **state) {
    (void)state;
    hd_address signer;
    assert_int_equal(hd_ecdsa_address(&signer, secret), HD_OK);
    for (uint32_t type = 0; type <= HD_TX_SET_CODE; type++) {
        sample s;
        make_sample(&s, type, 0);
        memset(&s.tx.sender, 0, sizeof s.tx.sender);
        assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 1), HD_TX_SUCCESS);
        assert_memory_equal(s.tx.sender.b, signer.b, 20);
        free_sample(&s);
    }
}

static void offsets_count_from_the_start_of_a_shared_buffer(void **state) {
    (void)state;
    sample s;
    hd_tx tx;
    hd_tx_envelope envelope;
    hd_buf data = {0}, again = {0};
    make_sample(&s, HD_TX_SET_CODE, 0);
    hd_buf_append(&data, "other", 5);
    assert_true(decode(&tx, &envelope, &data, s.raw.data, s.raw.sz));
    assert_int_equal(tx.data_off, 5);
    assert_int_equal(tx.auth_off % 8, 0);
    assert_int_equal(hd_tx_encode(&again, &tx, &envelope, data.data), HD_OK);
    assert_memory_equal(again.data, s.raw.data, s.raw.sz);
    hd_buf_free(&data);
    hd_buf_free(&again);
    free_sample(&s);
}

/* The example in EIP-155's text. */
static void eip_155_example_is_signed_to_the_last_bit(void **state) {
    (void)state;
    static const char want_hash[] =
        "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53";
    static const char want[] =
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a0"
        "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb70330"
        "4b3800ccf555c9f3dc64214b297fb1966a3b6d83";
    uint8_t key[32];
    hd_tx tx = {0};
    hd_tx_envelope envelope = {0};
    hd_buf raw = {0};
    char text[512];
    memset(key, 0x46, sizeof key);
    tx.nonce = 9;
    tx.gas_price = hd_u256_from_u64(20000000000ull);
    tx.gas_limit = 21000;
    tx.value_wei = hd_u256_from_u64(1000000000000000000ull);
    memset(tx.to.b, 0x35, 20);
    envelope.chain_id = hd_u256_from_u64(1);
    envelope.flags = HD_TX_ENVELOPE_PROTECTED;
    assert_int_equal(hd_tx_sign(&tx, &envelope, (const uint8_t *)"", key), HD_OK);
    hd_hex_encode(text, sizeof text, envelope.signing_hash.b, 32);
    assert_string_equal(text, want_hash);
    assert_int_equal(hd_tx_encode(&raw, &tx, &envelope, (const uint8_t *)""), HD_OK);
    hd_hex_encode(text, sizeof text, raw.data, raw.sz);
    assert_string_equal(text, want);
    hd_buf_free(&raw);
}

/* ---- hostile bytes ---- */

static void every_cut_transaction_is_refused(void **state) {
    (void)state;
    for (uint32_t type = 0; type <= HD_TX_SET_CODE; type++) {
        sample s;
        hd_tx tx;
        hd_tx_envelope envelope;
        hd_buf data = {0};
        make_sample(&s, type, 0);
        for (size_t sz = 0; sz < s.raw.sz; sz++) {
            uint8_t *copy =
                malloc(sz + 1); /* of the exact size, so that a sanitizer sees a step beyond */
            assert_non_null(copy);
            copy = realloc(copy, sz ? sz : 1);
            memcpy(copy, s.raw.data, sz);
            assert_false(decode(&tx, &envelope, &data, copy, sz));
            assert_int_equal(data.sz, 0);
            free(copy);
        }
        hd_buf_append_byte(&s.raw, 0);
        assert_false(decode(&tx, &envelope, &data, s.raw.data, s.raw.sz));
        hd_buf_free(&data);
        free_sample(&s);
    }
}

/* Only one encoding of a transaction is accepted: whatever decodes encodes to the same bytes. */
static void changed_bytes_are_refused_or_encode_to_themselves(void **state) {
    (void)state;
    for (uint32_t type = 0; type <= HD_TX_SET_CODE; type++) {
        sample s;
        make_sample(&s, type, 0);
        for (size_t i = 0; i < s.raw.sz; i++)
            for (int k = 1; k < 256; k = k * 2 + (k == 64)) {
                hd_tx tx;
                hd_tx_envelope envelope;
                hd_buf data = {0}, again = {0};
                uint8_t old = s.raw.data[i];
                s.raw.data[i] ^= (uint8_t)k;
                if (decode(&tx, &envelope, &data, s.raw.data, s.raw.sz)) {
                    assert_int_equal(hd_tx_encode(&again, &tx, &envelope, data.data), HD_OK);
                    assert_int_equal(again.sz, s.raw.sz);
                    assert_memory_equal(again.data, s.raw.data, again.sz);
                    hd_hash hash = envelope.signing_hash;
                    assert_int_equal(hd_tx_rehash(&envelope, &tx, data.data), HD_OK);
                    if (type != HD_TX_LEGACY)
                        assert_memory_equal(hash.b, envelope.signing_hash.b, 32);
                }
                hd_buf_free(&data);
                hd_buf_free(&again);
                s.raw.data[i] = old;
            }
        free_sample(&s);
    }
}

static void unknown_types_are_refused(void **state) {
    (void)state;
    hd_tx tx;
    hd_tx_envelope envelope;
    hd_buf data = {0};
    for (uint32_t type = 0; type < 0xc0; type++) {
        uint8_t raw[2] = {(uint8_t)type, 0xc0};
        assert_false(decode(&tx, &envelope, &data, raw, sizeof raw));
    }
    assert_false(decode(&tx, &envelope, &data, NULL, 0));
}

static void blob_transaction_without_recipient_is_malformed(void **state) {
    (void)state;
    hd_tx tx;
    hd_tx_envelope envelope;
    hd_buf data = {0};
    hd_msg msg = {""};
    sample s;
    make_sample(&s, HD_TX_BLOB, 1);
    assert_int_equal(hd_tx_decode(&tx, &envelope, &data, &msg, hd_buf_span(&s.raw)), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "rlp: input string too short for common.Address, decoding into "
                                  "(types.Transaction)(types.BlobTx).To");
    hd_buf_free(&data);
    free_sample(&s);
}

/* ---- signatures ---- */

static void negate_s(hd_tx_envelope *envelope) {
    hd_u256 order = hd_u256_make(0xffffffffffffffffull, 0xfffffffffffffffeull,
                                 0xbaaedce6af48a03bull, 0xbfd25e8cd0364141ull);
    envelope->s = hd_u256_sub(order, envelope->s);
    envelope->v = hd_u256_xor(hd_u256_sub(envelope->v, hd_u256_from_u64(27)), hd_u256_from_u64(1));
    envelope->v = hd_u256_add(envelope->v, hd_u256_from_u64(27));
}

static void high_s_is_refused_from_homestead_on(void **state) {
    (void)state;
    sample s;
    make_sample(&s, HD_TX_LEGACY, 0);
    hd_address signer = s.tx.sender;
    s.envelope.flags = 0;
    assert_int_equal(hd_tx_sign(&s.tx, &s.envelope, s.data.data, secret), HD_OK);
    negate_s(&s.envelope);
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_FRONTIER, 1), HD_TX_SUCCESS);
    assert_memory_equal(s.tx.sender.b, signer.b, 20);
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_HOMESTEAD, 1), HD_TX_INVALID_SIGNATURE);
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 1), HD_TX_INVALID_SIGNATURE);
    free_sample(&s);
}

static void zero_and_too_large_signature_numbers_are_refused(void **state) {
    (void)state;
    sample s;
    make_sample(&s, HD_TX_DYNAMIC_FEE, 0);
    hd_tx_envelope good = s.envelope;
    hd_u256 max = hd_u256_not(hd_u256_zero());
    s.envelope.r = hd_u256_zero();
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 1), HD_TX_INVALID_SIGNATURE);
    s.envelope.r = max;
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 1), HD_TX_INVALID_SIGNATURE);
    s.envelope = good;
    s.envelope.s = hd_u256_zero();
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 1), HD_TX_INVALID_SIGNATURE);
    s.envelope = good;
    s.envelope.v = hd_u256_from_u64(2);
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 1), HD_TX_INVALID_SIGNATURE);
    s.envelope.v = max;
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 1), HD_TX_INVALID_SIGNATURE);
    free_sample(&s);
}

static void another_chain_id_is_refused(void **state) {
    (void)state;
    for (uint32_t type = 0; type <= HD_TX_SET_CODE; type++) {
        sample s;
        make_sample(&s, type, 0);
        assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_OSAKA, 2), HD_TX_INVALID_CHAIN_ID);
        free_sample(&s);
    }
}

static void protected_signature_means_nothing_before_spurious_dragon(void **state) {
    (void)state;
    sample s;
    make_sample(&s, HD_TX_LEGACY, 0);
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_TANGERINE, 1), HD_TX_INVALID_SIGNATURE);
    assert_int_equal(status_of(&s.tx, &s.envelope, HD_FORK_SPURIOUS, 1), HD_TX_SUCCESS);
    free_sample(&s);
}

static void types_are_refused_before_their_fork(void **state) {
    (void)state;
    static const uint32_t first[5] = {HD_FORK_FRONTIER, HD_FORK_BERLIN, HD_FORK_LONDON,
                                      HD_FORK_CANCUN, HD_FORK_PRAGUE};
    for (uint32_t type = 1; type <= HD_TX_SET_CODE; type++) {
        sample s;
        make_sample(&s, type, 0);
        for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++) {
            uint32_t want = fork < first[type] ? HD_TX_INVALID_TYPE : HD_TX_SUCCESS;
            assert_int_equal(status_of(&s.tx, &s.envelope, fork, 1), want);
            assert_int_equal(hd_tx_check(&s.tx, s.data.data, fork), want);
        }
        free_sample(&s);
    }
}

/* The second authorization of go-ethereum's t8n case 33. */
static void authority_is_recovered_from_a_valid_signature_only(void **state) {
    (void)state;
    static const char want[] = "703c4b2bd70c169f5717101caee543299fc946c7";
    hd_auth auth;
    hd_auth_sig sig;
    uint8_t word[32];
    char text[41];
    memset(&auth, 0, sizeof auth);
    auth.address.b[18] = 0xbb;
    auth.address.b[19] = 0xbb;
    size_t sz;
    hd_hex_decode(word, 32, &sz, NULL,
                  "5011890f198f0356a887b0779bde5afa1ed04e6acb1e3f37f8f18c7b6f521b98", 64);
    sig.r = hd_u256_load_be(word);
    hd_hex_decode(word, 32, &sz, NULL,
                  "56c3fa3456b103f3ef4a0acb4b647b9cab9ec4bc68fbcdf1e10b49fb2bcbcf61", 64);
    sig.s = hd_u256_load_be(word);
    sig.y_parity = hd_u256_from_u64(1);
    hd_tx_auth_recover(&auth, &sig);
    assert_int_equal(auth.flags, HD_AUTH_SIGNER);
    hd_hex_encode(text, sizeof text, auth.authority.b, 20);
    assert_string_equal(text, want);

    sig.y_parity = hd_u256_from_u64(2);
    hd_tx_auth_recover(&auth, &sig);
    assert_int_equal(auth.flags, 0);
    sig.y_parity = hd_u256_from_u64(0);
    sig.s = hd_u256_sub(hd_u256_make(0xffffffffffffffffull, 0xfffffffffffffffeull,
                                     0xbaaedce6af48a03bull, 0xbfd25e8cd0364141ull),
                        sig.s);
    hd_tx_auth_recover(&auth, &sig); /* the same signature with a high s */
    assert_int_equal(auth.flags, 0);
    sig.s = hd_u256_zero();
    hd_tx_auth_recover(&auth, &sig);
    assert_int_equal(auth.flags, 0);
}

/* ---- rules ---- */

static void intrinsic_gas_follows_the_forks(void **state) {
    (void)state;
    sample s;
    make_sample(&s, HD_TX_LEGACY, 1); /* one zero byte, eight others */
    assert_int_equal(hd_tx_intrinsic(&s.tx, s.data.data, HD_FORK_FRONTIER).gas, 21000 + 4 + 8 * 68);
    assert_int_equal(hd_tx_intrinsic(&s.tx, s.data.data, HD_FORK_HOMESTEAD).gas,
                     53000 + 4 + 8 * 68);
    assert_int_equal(hd_tx_intrinsic(&s.tx, s.data.data, HD_FORK_ISTANBUL).gas, 53000 + 4 + 8 * 16);
    assert_int_equal(hd_tx_intrinsic(&s.tx, s.data.data, HD_FORK_SHANGHAI).gas,
                     53000 + 4 + 8 * 16 + 2);
    assert_int_equal(hd_tx_intrinsic(&s.tx, s.data.data, HD_FORK_CANCUN).floor_gas, 0);
    assert_int_equal(hd_tx_intrinsic(&s.tx, s.data.data, HD_FORK_PRAGUE).floor_gas,
                     21000 + 10 * (1 + 4 * 8));
    free_sample(&s);
    make_sample(&s, HD_TX_SET_CODE, 0);
    assert_int_equal(hd_tx_intrinsic(&s.tx, s.data.data, HD_FORK_PRAGUE).gas,
                     21000 + 4 + 8 * 16 + 2 * 2400 + 2 * 1900 + 2 * 25000);
    free_sample(&s);
}

static void static_rules_refuse_what_they_should(void **state) {
    (void)state;
    sample s;
    make_sample(&s, HD_TX_DYNAMIC_FEE, 0);
    const uint8_t *data = s.data.data;
    hd_tx good = s.tx;
    assert_int_equal(hd_tx_check(&s.tx, data, HD_FORK_OSAKA), HD_TX_SUCCESS);
    s.tx.gas_limit = hd_tx_intrinsic(&s.tx, data, HD_FORK_OSAKA).gas - 1;
    assert_int_equal(hd_tx_check(&s.tx, data, HD_FORK_OSAKA), HD_TX_INVALID_GAS_INTRINSIC);
    s.tx = good;
    s.tx.gas_limit = HD_EVM_TX_GAS_CAP + 1;
    assert_int_equal(hd_tx_check(&s.tx, data, HD_FORK_PRAGUE), HD_TX_SUCCESS);
    assert_int_equal(hd_tx_check(&s.tx, data, HD_FORK_OSAKA), HD_TX_INVALID_GAS_CAP);
    s.tx = good;
    s.tx.nonce = UINT64_MAX;
    assert_int_equal(hd_tx_check(&s.tx, data, HD_FORK_OSAKA), HD_TX_INVALID_NONCE_MAX);
    s.tx = good;
    s.tx.priority_fee = hd_u256_add(s.tx.gas_price, hd_u256_from_u64(1));
    assert_int_equal(hd_tx_check(&s.tx, data, HD_FORK_OSAKA), HD_TX_INVALID_TIP_HIGH);
    s.tx = good;
    s.tx.gas_price = hd_u256_not(hd_u256_zero());
    assert_int_equal(hd_tx_check(&s.tx, data, HD_FORK_OSAKA), HD_TX_INVALID_FEE_OVERFLOW);
    free_sample(&s);
    make_sample(&s, HD_TX_BLOB, 0);
    s.tx.blob_cnt = 0;
    assert_int_equal(hd_tx_check(&s.tx, s.data.data, HD_FORK_OSAKA), HD_TX_INVALID_BLOB_NONE);
    s.tx.blob_cnt = 2;
    s.data.data[s.tx.blob_off + 32] = 2;
    assert_int_equal(hd_tx_check(&s.tx, s.data.data, HD_FORK_OSAKA), HD_TX_INVALID_BLOB_VERSION);
    free_sample(&s);
    make_sample(&s, HD_TX_SET_CODE, 0);
    s.tx.auth_cnt = 0;
    assert_int_equal(hd_tx_check(&s.tx, s.data.data, HD_FORK_OSAKA), HD_TX_INVALID_AUTH_NONE);
    free_sample(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_type_decodes_to_what_was_encoded),
    cmocka_unit_test(sender_of_every_type_is_the_signer),
    cmocka_unit_test(offsets_count_from_the_start_of_a_shared_buffer),
    cmocka_unit_test(eip_155_example_is_signed_to_the_last_bit),
    cmocka_unit_test(every_cut_transaction_is_refused),
    cmocka_unit_test(changed_bytes_are_refused_or_encode_to_themselves),
    cmocka_unit_test(unknown_types_are_refused),
    cmocka_unit_test(blob_transaction_without_recipient_is_malformed),
    cmocka_unit_test(high_s_is_refused_from_homestead_on),
    cmocka_unit_test(zero_and_too_large_signature_numbers_are_refused),
    cmocka_unit_test(another_chain_id_is_refused),
    cmocka_unit_test(protected_signature_means_nothing_before_spurious_dragon),
    cmocka_unit_test(types_are_refused_before_their_fork),
    cmocka_unit_test(authority_is_recovered_from_a_valid_signature_only),
    cmocka_unit_test(intrinsic_gas_follows_the_forks),
    cmocka_unit_test(static_rules_refuse_what_they_should),
};

HD_TEST_MAIN(tests)
