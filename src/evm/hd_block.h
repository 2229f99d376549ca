/* hd_block.h - blocks on the wire: header, ommers, withdrawals and transactions, in RLP both ways.

   Host only. A block decoded here is well formed and nothing more: whether it is valid is asked of
   exec/hd_header_rules.h and exec/hd_block_exec.h. Sources: Yellow Paper 4.3 and appendix B,
   EIP-1559, EIP-2718, EIP-4399, EIP-4895, EIP-4844, EIP-4788, EIP-7685. */
#ifndef HD_BLOCK_H
#define HD_BLOCK_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"
#include "evm/hd_evm.h"
#include "evm/hd_tx_codec.h"

/* Bytes of extra data that can be held: valid blocks have at most 32, genesis blocks of
   proof-of-authority networks a few hundred. */
#define HD_HEADER_EXTRA_SZ_MAX 1024u
#define HD_BLOCK_RLP_SZ_MAX ((size_t)1 << 30)
#define HD_BLOCK_OMMER_CNT_MAX 64u /* that are decoded; valid blocks have at most 2 */
#define HD_BLOCK_WITHDRAWAL_CNT_MAX (1u << 20)
#define HD_BLOCK_TX_CNT_MAX (1u << 24)

/* hd_header.field_cnt: later forks append fields, none may be left out before a later one. */
#define HD_HEADER_FIELDS_FRONTIER 15u
#define HD_HEADER_FIELDS_LONDON 16u   /* base_fee */
#define HD_HEADER_FIELDS_SHANGHAI 17u /* withdrawals_root */
#define HD_HEADER_FIELDS_CANCUN 20u   /* blob_gas_used, excess_blob_gas, beacon_root */
#define HD_HEADER_FIELDS_PRAGUE 21u   /* requests_hash */

/* In order of the wire. Fields from field_cnt on are zero. */
typedef struct {
    hd_hash parent_hash;
    hd_hash ommers_hash;
    hd_address coinbase;
    hd_hash state_root;
    hd_hash txs_root;
    hd_hash receipts_root;
    uint8_t bloom[256];
    hd_u256 difficulty; /* 0 from Paris */
    uint64_t number;
    uint64_t gas_limit;
    uint64_t gas_used;
    uint64_t timestamp; /* seconds */
    uint8_t extra[HD_HEADER_EXTRA_SZ_MAX];
    uint32_t extra_sz;
    uint32_t field_cnt; /* HD_HEADER_FIELDS_..., or a number in between */
    hd_hash mix_hash;   /* from Paris PREVRANDAO */
    uint8_t nonce[8];
    hd_u256 base_fee; /* wei */
    hd_hash withdrawals_root;
    uint64_t blob_gas_used;
    uint64_t excess_blob_gas;
    hd_hash beacon_root; /* of the parent's beacon block, EIP-4788 */
    hd_hash requests_hash;
} hd_header;

typedef struct {
    uint64_t index;
    uint64_t validator;
    uint64_t amount_gwei;
    hd_address address;
    uint32_t reserved;
} hd_withdrawal;

/* Where a transaction's bytes lie: in hd_block.raws, as they enter the transactions trie. */
typedef struct {
    size_t off;
    size_t sz;
} hd_block_raw;

/* Zeroed is an empty block; hd_block_clear empties one and keeps its memory. Arrays lie in buffers,
   hd_block_txs and so on give them their types. The transactions are a batch as hd_exec wants it:
   offsets count from data.data, env_idx and world_idx are 0, senders are unknown until
   hd_block_recover (exec/hd_block_exec.h) has found them. */
typedef struct {
    hd_header header;
    hd_hash hash;             /* of the header */
    uint64_t rlp_sz;          /* of the whole block, for EIP-7934; 0: not known */
    uint32_t has_withdrawals; /* the list is there (Shanghai), though it may be empty */
    uint32_t tx_cnt;
    uint32_t ommer_cnt;
    uint32_t withdrawal_cnt;
    hd_buf ommers;      /* of hd_header */
    hd_buf withdrawals; /* of hd_withdrawal */
    hd_buf txs;         /* of hd_tx */
    hd_buf envelopes;   /* of hd_tx_envelope, same index */
    hd_buf tx_raws;     /* of hd_block_raw, same index */
    hd_buf raws;        /* bytes */
    hd_buf data;        /* bytes that the transactions' offsets point into */
} hd_block;

static inline hd_header *hd_block_ommers(const hd_block *b) {
    return (hd_header *)(void *)b->ommers.data;
}
static inline hd_withdrawal *hd_block_withdrawals(const hd_block *b) {
    return (hd_withdrawal *)(void *)b->withdrawals.data;
}
static inline hd_tx *hd_block_txs(const hd_block *b) { return (hd_tx *)(void *)b->txs.data; }
static inline hd_tx_envelope *hd_block_envelopes(const hd_block *b) {
    return (hd_tx_envelope *)(void *)b->envelopes.data;
}
static inline hd_span hd_block_tx_raw(const hd_block *b, uint32_t tx_idx) {
    const hd_block_raw *r = (const hd_block_raw *)(const void *)b->tx_raws.data + tx_idx;
    hd_span span = {b->raws.data + r->off, r->sz};
    return span;
}

void hd_block_free(hd_block *b);
void hd_block_clear(hd_block *b);

/* Readers are strict: every length and number in its shortest form, nothing before or after. They
   return HD_OK, HD_ERR_FORMAT with the reason in msg (may be NULL), HD_ERR_LIMIT (a named ..._MAX,
   with msg) or HD_ERR_NOMEM; after an error *out is of no use but may be cleared or freed. */
hd_err hd_header_decode(hd_header *out, hd_msg *msg, hd_span raw);
/* hd_block_decode reads rlp([header, transactions, ommers]) or, from Shanghai on, with a fourth
   item, the withdrawals. A transaction is a list (legacy), or a string of a type byte and a list.
 */
hd_err hd_block_decode(hd_block *out, hd_msg *msg, hd_span raw);

/* Writers append. HD_ERR_NOMEM. */
hd_err hd_header_encode(hd_buf *out, const hd_header *h);
hd_err hd_block_encode(hd_buf *out, const hd_block *b);
/* keccak-256 of the encoded header. HD_ERR_NOMEM. */
hd_err hd_header_hash(hd_hash *out, const hd_header *h);
/* The withdrawal as it lies in the withdrawals trie. */
hd_err hd_withdrawal_encode(hd_buf *out, const hd_withdrawal *w);
/* keccak-256 of the list of ommer headers. */
hd_err hd_block_ommers_hash(hd_hash *out, const hd_block *b);

/* ---- putting a block together from other sources than RLP (JSON, a mempool): clear it, fill
   header, add the parts, then hd_block_finish. */

/* hd_block_add_raw decodes one transaction (legacy list, or type byte and list) and appends it. */
hd_err hd_block_add_raw(hd_block *b, hd_msg *msg, hd_span raw);
/* hd_block_add_tx appends a signed transaction whose variable parts already lie in b->data; it is
   encoded, and the envelope's hashes are made anew. */
hd_err hd_block_add_tx(hd_block *b, const hd_tx *tx, const hd_tx_envelope *envelope);
hd_err hd_block_add_ommer(hd_block *b, const hd_header *ommer);
/* Also sets has_withdrawals. */
hd_err hd_block_add_withdrawal(hd_block *b, const hd_withdrawal *w);
/* hd_block_finish sets hash and rlp_sz from what the block holds. The roots in the header are the
   caller's: exec/hd_block_exec.h computes them (hd_block_roots). */
hd_err hd_block_finish(hd_block *b);

/* ---- what becomes of a block: the chain's answer, never an hd_err. The order is stable. */
#define HD_BLOCK_STATUS(X) \
    X(VALID, "valid") \
    X(INVALID_RLP, "malformed encoding") \
    X(INVALID_FIELDS, "header fields are not those of the fork") \
    X(INVALID_PARENT, "unknown parent") \
    X(INVALID_NUMBER, "block number does not follow the parent's") \
    X(INVALID_TIMESTAMP, "timestamp is not after the parent's") \
    X(INVALID_GAS_LIMIT, "gas limit out of bounds") \
    X(INVALID_GAS_USED_LIMIT, "gas used exceeds the gas limit") \
    X(INVALID_EXTRA_SIZE, "extra data longer than 32 bytes") \
    X(INVALID_EXTRA_DAO, "extra data is not the DAO fork's") \
    X(INVALID_DIFFICULTY, "wrong difficulty") \
    X(INVALID_MERGE, "a proof-of-work header after the merge, or the reverse") \
    X(INVALID_BASE_FEE, "wrong base fee") \
    X(INVALID_EXCESS_BLOB_GAS, "wrong excess blob gas") \
    X(INVALID_BLOB_GAS_USED, "blob gas used is not that of the transactions") \
    X(INVALID_BLOB_GAS_LIMIT, "blob gas used exceeds the block's limit") \
    X(INVALID_SIZE, "encoded block longer than the limit") \
    X(INVALID_TXS_ROOT, "transactions root is not that of the transactions") \
    X(INVALID_OMMERS_HASH, "ommers hash is not that of the ommers") \
    X(INVALID_WITHDRAWALS_ROOT, "withdrawals root is not that of the withdrawals") \
    X(INVALID_OMMER_CNT, "too many ommers") \
    X(INVALID_OMMER_REPEATED, "an ommer is there twice, or was included before") \
    X(INVALID_OMMER_ANCESTOR, "an ommer is an ancestor") \
    X(INVALID_OMMER_PARENT, "an ommer's parent is no recent ancestor") \
    X(INVALID_OMMER_HEADER, "an ommer's header is invalid") \
    X(INVALID_TX, "a transaction is invalid") \
    X(INVALID_SYSTEM_EMPTY, "a system contract has no code") \
    X(INVALID_SYSTEM_CALL, "a system call failed") \
    X(INVALID_DEPOSIT, "a deposit event's layout is wrong") \
    X(INVALID_REQUESTS, "requests hash is not that of the requests") \
    X(INVALID_GAS_USED, "gas used is not that of the transactions") \
    X(INVALID_BLOOM, "logs bloom is not that of the receipts") \
    X(INVALID_RECEIPTS_ROOT, "receipts root is not that of the receipts") \
    X(INVALID_STATE_ROOT, "state root is not that of the state")

enum {
#define HD_X(name, text) HD_BLOCK_##name,
    HD_BLOCK_STATUS(HD_X)
#undef HD_X
        HD_BLOCK_STATUS_CNT
};

typedef struct {
    uint32_t status;    /* HD_BLOCK_... */
    uint32_t tx_status; /* HD_TX_..., where status is HD_BLOCK_INVALID_TX */
    uint32_t tx_idx;    /* likewise */
    uint32_t reserved;
    hd_msg msg; /* empty for a valid block, else one line: what, where, what was expected */
} hd_block_verdict;

const char *hd_block_status_name(uint32_t status);
/* hd_block_refuse fills a verdict and returns status; the message begins with the status's words
   and goes on with fmt, where that is not empty. v may be NULL. */
uint32_t hd_block_refuse(hd_block_verdict *v, uint32_t status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
