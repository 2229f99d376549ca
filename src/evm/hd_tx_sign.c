/* hd_tx_sign.c - signatures of transactions and authorizations on the CPU, by libsecp256k1. */
#include "evm/hd_tx_codec.h"

#include <inttypes.h>
#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <string.h>

#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_decimal.h"
#include "evm/hd_tx_admit.h"
#include "evm/hd_tx_recover.h"

static pthread_once_t context_once = PTHREAD_ONCE_INIT;
static secp256k1_context *context_signing; /* lives as long as the process; read-only when built */

static void context_build(void) {
    context_signing = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
}

/* One context for all threads: the library allows shared use of a context that does not change. */
static const secp256k1_context *context(void) {
    pthread_once(&context_once, context_build);
    return context_signing;
}

static hd_err address_of(hd_address *out, const secp256k1_pubkey *key) {
    uint8_t point[65], hash[32];
    size_t sz = sizeof point;
    secp256k1_ec_pubkey_serialize(context(), point, &sz, key, SECP256K1_EC_UNCOMPRESSED);
    hd_keccak256(hash, point + 1, 64);
    memcpy(out->b, hash + 12, sizeof out->b);
    return HD_OK;
}

hd_err hd_ecdsa_address(hd_address *out, const uint8_t secret[32]) {
    secp256k1_pubkey key;
    if (!context())
        return HD_ERR_NOMEM;
    if (!secp256k1_ec_pubkey_create(context(), &key, secret))
        return HD_ERR_FORMAT;
    return address_of(out, &key);
}

hd_err hd_ecdsa_recover(hd_address *out, const hd_hash *hash, hd_u256 r, hd_u256 s,
                        uint32_t y_parity) {
    uint8_t rs[64];
    secp256k1_ecdsa_recoverable_signature sig;
    secp256k1_pubkey key;
    if (!context())
        return HD_ERR_NOMEM;
    if (y_parity > 1 || hd_u256_is_zero(r) || hd_u256_is_zero(s))
        return HD_ERR_FORMAT;
    hd_u256_store_be(rs, r);
    hd_u256_store_be(rs + 32, s);
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &sig, rs, (int)y_parity) ||
        !secp256k1_ecdsa_recover(context(), &key, &sig, hash->b))
        return HD_ERR_FORMAT;
    return address_of(out, &key);
}

void hd_tx_auth_recover(hd_auth *auth, const hd_auth_sig *sig) {
    auth->authority = (hd_address){{0}};
    auth->flags &= ~HD_AUTH_SIGNER;
    if (!hd_u256_fits_u64(sig->y_parity) || sig->y_parity.w[0] > 1 ||
        hd_u256_lt(hd_admit_half_order(), sig->s))
        return;
    uint8_t mem[96], id[32];
    hd_buf buf;
    hd_buf_init_fixed(&buf, mem, sizeof mem);
    hd_buf_append_byte(&buf, 0x05); /* EIP-7702's own domain */
    size_t list = hd_rlp_list_open(&buf);
    hd_u256_store_be(id, auth->chain_id);
    hd_rlp_put_num(&buf, id, sizeof id);
    hd_rlp_put_bytes(&buf, auth->address.b, sizeof auth->address.b);
    hd_rlp_put_u64(&buf, auth->nonce);
    if (hd_rlp_list_close(&buf, list) != HD_OK)
        return;
    hd_hash hash;
    hd_keccak256(hash.b, buf.data, buf.sz);
    if (hd_ecdsa_recover(&auth->authority, &hash, sig->r, sig->s, (uint32_t)sig->y_parity.w[0]) ==
        HD_OK)
        auth->flags |= HD_AUTH_SIGNER;
}

hd_err hd_tx_sign(hd_tx *tx, hd_tx_envelope *envelope, const uint8_t *data,
                  const uint8_t secret[32]) {
    secp256k1_ecdsa_recoverable_signature sig;
    uint8_t rs[64];
    int parity = 0;
    hd_err err = hd_ecdsa_address(&tx->sender, secret);
    if (err == HD_OK)
        err = hd_tx_rehash(envelope, tx, data);
    if (err != HD_OK)
        return err;
    /* The library's own nonce function is RFC 6979: the same key and transaction give the same
       signature everywhere. It always yields a low s. */
    if (!secp256k1_ecdsa_sign_recoverable(context(), &sig, envelope->signing_hash.b, secret, NULL,
                                          NULL))
        return HD_ERR_FORMAT;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), rs, &parity, &sig);
    envelope->r = hd_u256_load_be(rs);
    envelope->s = hd_u256_load_be(rs + 32);
    envelope->v = hd_u256_from_u64((uint64_t)parity);
    if (envelope->flags & HD_TX_ENVELOPE_PROTECTED)
        envelope->v = hd_u256_add(hd_u256_shl_bits(envelope->chain_id, 1),
                                  hd_u256_from_u64(35 + (uint64_t)parity));
    else if (tx->type == HD_TX_LEGACY)
        envelope->v = hd_u256_from_u64(27 + (uint64_t)parity);
    return hd_tx_rehash(envelope, tx, data);
}

uint32_t hd_tx_signature(uint32_t *y_parity, hd_msg *msg, const hd_tx *tx,
                         const hd_tx_envelope *envelope, uint32_t fork, uint64_t chain_id) {
    hd_tx_signed g = {envelope->v,
                      envelope->r,
                      envelope->s,
                      envelope->chain_id,
                      (envelope->flags & HD_TX_ENVELOPE_PROTECTED) != 0,
                      tx->type};
    uint32_t status =
        hd_tx_signed_check(y_parity, &g, hd_tx_type_is_active(tx->type, fork), fork, chain_id);
    char digits[HD_DECIMAL_SZ];
    switch (status) {
    case HD_TX_SUCCESS: break;
    case HD_TX_INVALID_TYPE: hd_msg_set(msg, "transaction type not supported"); break;
    case HD_TX_INVALID_CHAIN_ID:
        hd_msg_set(msg, "invalid chain id for signer: have %s want %" PRIu64,
                   hd_decimal(digits, envelope->chain_id), chain_id);
        break;
    default: hd_msg_set(msg, "invalid transaction v, r, s values"); break;
    }
    return status;
}

void hd_tx_recover(uint32_t *status, hd_tx *tx, hd_msg *msg, const hd_tx_envelope *envelope,
                   uint32_t fork, uint64_t chain_id) {
    uint32_t y_parity = 0;
    *status = hd_tx_signature(&y_parity, msg, tx, envelope, fork, chain_id);
    if (*status == HD_TX_SUCCESS && hd_ecdsa_recover(&tx->sender, &envelope->signing_hash,
                                                     envelope->r, envelope->s, y_parity) != HD_OK) {
        hd_msg_set(msg, HD_TX_NO_KEY_TEXT);
        *status = HD_TX_INVALID_SIGNATURE;
    }
}
