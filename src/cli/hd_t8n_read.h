/* hd_t8n_read.h - what t8n reads: fork names, environment, accounts, transactions. */
#ifndef HD_T8N_READ_H
#define HD_T8N_READ_H

#include "cli/hd_t8n.h"
#include "evm/hd_tx_codec.h"
#include "exec/hd_chain_config.h"
#include "state/hd_state.h"

/* ---- forks */
typedef struct {
    uint32_t fork;       /* HD_FORK_... */
    uint32_t difficulty; /* HD_DIFFICULTY_... */
    hd_blob_params blobs;
} hd_t8n_rules;

/* hd_t8n_rules_find knows go-ethereum's names, and the transitions (BerlinToLondonAt5,
   ShanghaiToCancunAtTime15k), which need the block. HD_ERR_UNSUPPORTED. */
hd_err hd_t8n_rules_find(hd_t8n_rules *out, const char *name, uint64_t number, uint64_t timestamp);

/* ---- environment */
#define HD_T8N_HAS_DIFFICULTY 1u
#define HD_T8N_HAS_RANDOM 2u
#define HD_T8N_HAS_BASE_FEE 4u
#define HD_T8N_HAS_PARENT_DIFFICULTY 8u
#define HD_T8N_HAS_PARENT_BASE_FEE 16u
#define HD_T8N_HAS_EXCESS 32u
#define HD_T8N_HAS_PARENT_EXCESS 64u
#define HD_T8N_HAS_PARENT_BLOB_GAS 128u
#define HD_T8N_HAS_BEACON_ROOT 256u
#define HD_T8N_HAS_WITHDRAWALS 512u
#define HD_T8N_HAS_BLOCK_HASHES 1024u

typedef struct {
    uint64_t number;
    hd_hash hash;
} hd_t8n_block_hash;

typedef struct {
    uint64_t delta;
    hd_address addr;
} hd_t8n_ommer;

typedef struct {
    uint64_t index;
    uint64_t validator;
    uint64_t amount_gwei;
    hd_address addr;
} hd_t8n_withdrawal;

typedef struct {
    hd_u256 difficulty, random, base_fee, parent_difficulty, parent_base_fee;
    uint64_t number, timestamp, gas_limit;
    uint64_t parent_timestamp, parent_gas_used, parent_gas_limit;
    uint64_t excess_blob_gas, parent_excess_blob_gas, parent_blob_gas_used;
    hd_hash parent_ommers_hash, beacon_root;
    hd_address coinbase;
    uint32_t has;        /* HD_T8N_HAS_... */
    hd_buf block_hashes; /* of hd_t8n_block_hash, ascending by number */
    hd_buf ommers;       /* of hd_t8n_ommer */
    hd_buf withdrawals;  /* of hd_t8n_withdrawal */
} hd_t8n_env;

/* Readers: HD_OK, HD_ERR_NOMEM, or HD_ERR_FORMAT with the place in msg. */
hd_err hd_t8n_env_read(hd_t8n_env *out, hd_msg *msg, hd_json val);
void hd_t8n_env_free(hd_t8n_env *env);

/* ---- transactions */
typedef struct {
    hd_tx tx;
    hd_tx_envelope envelope;
    size_t raw_off; /* into raws: the encoded transaction */
    size_t raw_sz;
    size_t reason_off; /* into reasons: why it cannot be read; SIZE_MAX: it can */
} hd_t8n_tx;

typedef struct {
    hd_buf txs;  /* of hd_t8n_tx */
    hd_buf data; /* what hd_tx offsets point into */
    hd_buf raws;
    hd_buf reasons; /* strings with their NUL */
} hd_t8n_txs;

/* hd_t8n_txs_read reads the array or the RLP text. JSON transactions with a secretKey and no
   signature are signed for chain_id. A transaction of an RLP list that cannot be decoded gets a
   reason. */
hd_err hd_t8n_txs_read(hd_t8n_txs *out, hd_msg *msg, hd_json txs, hd_json tx_rlp,
                       uint64_t chain_id);
void hd_t8n_txs_free(hd_t8n_txs *txs);

#endif
