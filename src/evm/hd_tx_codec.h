/* hd_tx_codec.h - transactions on the wire: decoding, encoding, hashes, signatures and the rules
   that need no state.

   Host only. Decoded variable parts (calldata, access list, authorizations, blob hashes) are
   appended to a growable buffer in the layout that hd_evm.h describes; the offsets of the hd_tx
   count from that buffer's start, so that many transactions can share one buffer and become one
   batch. */
#ifndef HD_TX_CODEC_H
#define HD_TX_CODEC_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"
#include "evm/hd_evm.h"

#define HD_TX_ENCODED_SZ_MAX ((size_t)1 << 27) /* bytes of one encoded transaction */

#define HD_TX_ENVELOPE_PROTECTED 1u /* legacy: the chain id is signed (EIP-155) */

/* What belongs to a transaction but not to its execution. */
typedef struct {
    hd_u256 v; /* as encoded: 27, 28 or 35 + 2 * chain id + parity (legacy), else the parity */
    hd_u256 r;
    hd_u256 s;
    hd_u256 chain_id;     /* exact; hd_tx.chain_id is UINT64_MAX where this has more than 64 bits */
    hd_hash hash;         /* of the encoded transaction */
    hd_hash signing_hash; /* what the sender signed */
    uint64_t auth_sig_off; /* hd_auth_sig of each authorization, in the data buffer */
    uint32_t flags;        /* HD_TX_ENVELOPE_... */
    uint32_t reserved;
} hd_tx_envelope;

typedef struct {
    hd_u256 y_parity;
    hd_u256 r;
    hd_u256 s;
} hd_auth_sig;

/* hd_tx_decode reads one transaction: a legacy RLP list, or a type byte from 1 to 4 and a list,
   strictly canonical, nothing before or after. The sender is not recovered yet; the authorities of
   EIP-7702 are. HD_ERR_FORMAT with the reason in msg (may be NULL), in go-ethereum's words;
   HD_ERR_NOMEM, HD_ERR_LIMIT (more than HD_TX_ENCODED_SZ_MAX bytes). After an error data is as it
   was. */
hd_err hd_tx_decode(hd_tx *tx, hd_tx_envelope *envelope, hd_buf *data, hd_msg *msg, hd_span raw);

/* hd_tx_encode appends the signed transaction to out; data is the buffer that tx's offsets point
 * into. */
hd_err hd_tx_encode(hd_buf *out, const hd_tx *tx, const hd_tx_envelope *envelope,
                    const uint8_t *data);

/* hd_tx_split_v takes a legacy transaction's chain id and protection from envelope->v, and sets
   tx->chain_id from the envelope's for every type; hd_tx_decode does it itself. */
void hd_tx_split_v(hd_tx *tx, hd_tx_envelope *envelope);

/* hd_tx_rehash fills envelope->hash and signing_hash from the fields (for a transaction that was
   not decoded but put together). HD_ERR_NOMEM. */
hd_err hd_tx_rehash(hd_tx_envelope *envelope, const hd_tx *tx, const uint8_t *data);

/* hd_tx_sign signs with a secret key: sets v, r, s, both hashes and tx->sender. A legacy
   transaction is signed with its chain id when HD_TX_ENVELOPE_PROTECTED is set. HD_ERR_FORMAT: no
   valid key. */
hd_err hd_tx_sign(hd_tx *tx, hd_tx_envelope *envelope, const uint8_t *data,
                  const uint8_t secret[32]);

/* hd_tx_recover finds tx->sender from the signature under a fork's rules. *status (HD_TX_...) is
   HD_TX_SUCCESS, or HD_TX_INVALID_TYPE, HD_TX_INVALID_CHAIN_ID or HD_TX_INVALID_SIGNATURE with
   go-ethereum's words in msg. */
void hd_tx_recover(uint32_t *status, hd_tx *tx, hd_msg *msg, const hd_tx_envelope *envelope,
                   uint32_t fork, uint64_t chain_id);

/* hd_tx_auth_recover fills auth->authority and HD_AUTH_SIGNER, or clears them when sig is not valid
   (EIP-7702: parity 0 or 1, low s). */
void hd_tx_auth_recover(hd_auth *auth, const hd_auth_sig *sig);

/* hd_ecdsa_address gives the address of a secret key: HD_OK or HD_ERR_FORMAT (zero or too large).
 */
hd_err hd_ecdsa_address(hd_address *out, const uint8_t secret[32]);

/* hd_ecdsa_recover gives the address that signed hash: HD_OK, or HD_ERR_FORMAT when r or s is zero
   or not below the group order, or no such point exists. High s is allowed. */
hd_err hd_ecdsa_recover(hd_address *out, const hd_hash *hash, hd_u256 r, hd_u256 s,
                        uint32_t y_parity);

/* hd_tx_intrinsic gives the gas that is due before the first instruction, and the floor of EIP-7623
   (0 before Prague). data is what tx's offsets point into. */
typedef struct {
    uint64_t gas;
    uint64_t floor_gas;
} hd_tx_intrinsic_gas;
hd_tx_intrinsic_gas hd_tx_intrinsic(const hd_tx *tx, const uint8_t *data, uint32_t fork);

/* hd_tx_check applies the rules that need neither state nor block: type by fork, intrinsic gas and
   floor, largest nonce, tip above fee, gas times price within 256 bits, initcode size, gas cap,
   blob and authorization lists. The first broken rule is returned as HD_TX_..., else HD_TX_SUCCESS.
 */
uint32_t hd_tx_check(const hd_tx *tx, const uint8_t *data, uint32_t fork);

/* 1 when transactions of this type exist in the fork. */
int hd_tx_type_is_active(uint32_t type, uint32_t fork);

#endif
