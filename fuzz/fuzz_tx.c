/* fuzz_tx.c - transactions on the wire: what is accepted is encoded again byte for byte, hashes are
   those of the bytes, and rules and recovery answer for every fork. */
#include "fuzz.h"

#include "crypto/hd_keccak.h"
#include "evm/hd_tx_codec.h"

/* Every variable part lies inside the data, after what was there. */
static void check_ranges(const hd_tx *tx, const hd_tx_envelope *envelope, const hd_buf *data,
                         size_t mark) {
#define INSIDE(off, part_sz) \
    HD_FUZZ_CHECK((part_sz) == 0 || \
                  ((off) >= mark && (off) <= data->sz && (part_sz) <= data->sz - (off)))
    INSIDE(tx->data_off, (uint64_t)tx->data_sz);
    INSIDE(tx->access_off, (uint64_t)tx->access_sz);
    INSIDE(tx->auth_off, (uint64_t)tx->auth_cnt * sizeof(hd_auth));
    INSIDE(envelope->auth_sig_off, (uint64_t)tx->auth_cnt * sizeof(hd_auth_sig));
    INSIDE(tx->blob_off, (uint64_t)tx->blob_cnt * 32);
#undef INSIDE
    HD_FUZZ_CHECK(tx->auth_off % 8 == 0);
    HD_FUZZ_CHECK(tx->access_sz == 24ull * tx->access_cnt + 32ull * tx->access_key_cnt);
}

static void check_rules(const hd_tx *tx, const hd_tx_envelope *envelope, const uint8_t *data) {
    for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++) {
        uint32_t status = hd_tx_check(tx, data, fork), found = 0;
        hd_tx copy = *tx;
        hd_msg msg = {""};
        HD_FUZZ_CHECK(status == HD_TX_SUCCESS ||
                      (status >= HD_TX_INVALID && status < HD_TX_STATUS_CNT));
        hd_tx_recover(&found, &copy, &msg, envelope, fork, 1);
        HD_FUZZ_CHECK(found == HD_TX_SUCCESS || found == HD_TX_INVALID_TYPE ||
                      found == HD_TX_INVALID_CHAIN_ID || found == HD_TX_INVALID_SIGNATURE);
        HD_FUZZ_CHECK(found == HD_TX_SUCCESS || msg.text[0]);
        HD_FUZZ_CHECK((found == HD_TX_INVALID_TYPE) == !hd_tx_type_is_active(tx->type, fork));
        hd_tx_intrinsic_gas due = hd_tx_intrinsic(tx, data, fork);
        HD_FUZZ_CHECK(due.gas >= 21000 && (status != HD_TX_SUCCESS || due.gas <= tx->gas_limit));
    }
}

/* Signed with a key of ours it has our address, before and after a way over the wire. */
static void check_sign(const hd_tx *tx, const hd_tx_envelope *envelope, const hd_buf *data) {
    static const uint8_t secret[32] = {[31] = 1};
    hd_tx signed_tx = *tx, read_tx;
    hd_tx_envelope signed_envelope = *envelope, read_envelope;
    hd_buf raw = {0}, read_data = {0};
    hd_address want;
    uint32_t found = HD_TX_INVALID;
    if (tx->chain_id == UINT64_MAX) /* its v would not have 256 bits, or the id not 64 */
        return;
    HD_FUZZ_CHECK(hd_ecdsa_address(&want, secret) == HD_OK);
    HD_FUZZ_CHECK(hd_tx_sign(&signed_tx, &signed_envelope, data->data, secret) == HD_OK);
    HD_FUZZ_CHECK(hd_tx_encode(&raw, &signed_tx, &signed_envelope, data->data) == HD_OK);
    HD_FUZZ_CHECK(hd_tx_decode(&read_tx, &read_envelope, &read_data, NULL, hd_buf_span(&raw)) ==
                  HD_OK);
    hd_tx_recover(&found, &read_tx, NULL, &read_envelope, HD_FORK_OSAKA, tx->chain_id);
    HD_FUZZ_CHECK(found == HD_TX_SUCCESS && memcmp(&want, &read_tx.sender, sizeof want) == 0);
    HD_FUZZ_CHECK(memcmp(&read_envelope.hash, &signed_envelope.hash, sizeof(hd_hash)) == 0);
    hd_buf_free(&raw);
    hd_buf_free(&read_data);
}

void hd_fuzz_tx(const uint8_t *data, size_t sz) {
    hd_fuzz_in in = {data, sz};
    size_t mark = hd_fuzz_u8(&in) & 15; /* other transactions' bytes may stand before ours */
    uint8_t *copy = hd_fuzz_copy(in.data, in.sz);
    hd_span raw = {copy, in.sz};
    hd_buf parts = {0}, again = {0};
    hd_tx tx;
    hd_tx_envelope envelope;
    hd_msg msg = {""};
    hd_buf_append_zero(&parts, mark);
    hd_err err = hd_tx_decode(&tx, &envelope, &parts, &msg, raw);
    if (err != HD_OK) {
        HD_FUZZ_CHECK(err == HD_ERR_FORMAT && msg.text[0]);
        HD_FUZZ_CHECK(parts.sz == mark && parts.err == HD_OK);
    } else {
        uint8_t hash[32];
        check_ranges(&tx, &envelope, &parts, mark);
        HD_FUZZ_CHECK(hd_tx_encode(&again, &tx, &envelope, parts.data) == HD_OK);
        HD_FUZZ_CHECK(again.sz == raw.sz && memcmp(again.data, raw.data, raw.sz) == 0);
        hd_keccak256(hash, raw.data, raw.sz);
        HD_FUZZ_CHECK(memcmp(hash, &envelope.hash, sizeof hash) == 0);
        hd_tx_envelope rehashed = envelope;
        HD_FUZZ_CHECK(hd_tx_rehash(&rehashed, &tx, parts.data) == HD_OK);
        HD_FUZZ_CHECK(memcmp(&rehashed, &envelope, sizeof envelope) == 0);
        check_rules(&tx, &envelope, parts.data);
        check_sign(&tx, &envelope, &parts);
    }
    hd_buf_free(&parts);
    hd_buf_free(&again);
    free(copy);
}
