/* hd_receipt_root.h - logs and receipts as a block commits to them: bloom, logs hash, receipt
   encoding, receipts root. */
#ifndef HD_RECEIPT_ROOT_H
#define HD_RECEIPT_ROOT_H

#include "base/hd_buf.h"
#include "base/hd_threads.h"
#include "evm/hd_evm.h"

/* In all of these `bytes` is what the logs' data_off point into (hd_results.bytes). Logs with more
   than four topics are refused with HD_ERR_CORRUPT. */

/* hd_bloom_add sets the three bits of one address or topic (Yellow Paper, M3:2048). */
void hd_bloom_add(uint8_t bloom[256], const uint8_t *data, size_t sz);
/* hd_logs_bloom sets bloom to that of the logs alone; a block's is the OR of its receipts'. */
void hd_logs_bloom(uint8_t bloom[256], const hd_log_entry *logs, size_t cnt);

/* keccak-256 of rlp([[address, [topic...], data]...]): the `logs` of a state test's result. */
hd_err hd_logs_hash(hd_hash *out, const hd_log_entry *logs, size_t cnt, const uint8_t *bytes);

/* What a receipt holds besides the bloom, which follows from the logs. */
typedef struct {
    const hd_log_entry *logs;
    const uint8_t *bytes;
    const hd_hash *post_root; /* before Byzantium: the state's root after it; else NULL */
    size_t log_cnt;
    uint64_t cumulative_gas;
    uint32_t type; /* HD_TX_LEGACY ... HD_TX_SET_CODE */
    uint32_t is_success;
} hd_receipt_body;

/* hd_receipt_encode appends the receipt as it lies in the receipts trie: rlp([status or root,
   cumulative gas, bloom, logs]) behind its type's byte (none for legacy). HD_ERR_NOMEM,
   HD_ERR_CORRUPT, HD_ERR_UNSUPPORTED (type above 127). */
hd_err hd_receipt_encode(hd_buf *out, const hd_receipt_body *r);
/* The root of a block's receipts, in order, and the block's bloom (NULL: nobody wants it). pool
   (NULL: nobody) helps to encode and hash. */
hd_err hd_receipts_root(hd_hash *root, uint8_t bloom[256], const hd_receipt_body *receipts,
                        size_t cnt, hd_pool *pool);

#endif
