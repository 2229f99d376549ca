/* hd_tx_recover.h - the senders of many transactions at once. Host only; hd_tx_codec.h has the
   same for one. */
#ifndef HD_TX_RECOVER_H
#define HD_TX_RECOVER_H

#include "base/hd_threads.h"
#include "crypto/hd_recover.h"
#include "evm/hd_tx_codec.h"

#define HD_TX_NO_KEY_TEXT "recovery failed"

/* hd_tx_signature applies what hd_tx_recover checks before the curve is asked: the type exists in
   the fork, the chain id is ours, v gives a parity, r and s are in range, s is low from Homestead
   on. Returns HD_TX_SUCCESS with *y_parity set to 0 or 1, or the status of hd_tx_recover with its
   reason in msg (may be NULL). */
uint32_t hd_tx_signature(uint32_t *y_parity, hd_msg *msg, const hd_tx *tx,
                         const hd_tx_envelope *envelope, uint32_t fork, uint64_t chain_id);

/* hd_txs_recover does hd_tx_recover for txs[0,cnt) with envelopes[0,cnt), by rec (hd_recover.h) in
   one batch, the checks before it over pool (may be NULL; so may rec: libsecp256k1 over pool).
   statuses[i] and txs[i].sender are what hd_tx_recover would have made them; a sender whose
   signature is refused stays as it was. *first_bad_idx (may be NULL) is the lowest index whose
   status is not HD_TX_SUCCESS, or cnt; msg (may be NULL) receives that one's reason. One call at a
   time for a rec. HD_ERR_NOMEM, HD_ERR_LIMIT (more than HD_RECOVER_CNT_MAX), HD_ERR_DEVICE (the GPU
   failed; the same call with rec NULL still can succeed): then statuses and senders are undefined.
 */
hd_err hd_txs_recover(uint32_t *statuses, hd_tx *txs, uint32_t *first_bad_idx, hd_msg *msg,
                      const hd_tx_envelope *envelopes, uint32_t cnt, uint32_t fork,
                      uint64_t chain_id, hd_recover *rec, hd_pool *pool);

#endif
