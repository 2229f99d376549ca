/* hd_block_rules.h - what a block's header must say: difficulty, base fee, blob gas, rewards, the
   accounts of system calls, and the requests of EIP-7685.

   Host only; pure functions of numbers, safe from any thread. */
#ifndef HD_BLOCK_RULES_H
#define HD_BLOCK_RULES_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"
#include "evm/hd_evm.h"

/* ---- proof-of-work difficulty. Bomb delays are a fork of their own kind: MuirGlacier,
   ArrowGlacier and GrayGlacier change nothing else. */
#define HD_DIFFICULTY_FRONTIER 0u
#define HD_DIFFICULTY_HOMESTEAD 1u
#define HD_DIFFICULTY_BYZANTIUM 2u      /* EIP-100, and the bomb 3,000,000 blocks later */
#define HD_DIFFICULTY_CONSTANTINOPLE 3u /* 5,000,000, EIP-1234 */
#define HD_DIFFICULTY_MUIR_GLACIER 4u   /* 9,000,000, EIP-2384 */
#define HD_DIFFICULTY_LONDON 5u         /* 9,700,000, EIP-3554 */
#define HD_DIFFICULTY_ARROW_GLACIER 6u  /* 10,700,000, EIP-4345 */
#define HD_DIFFICULTY_GRAY_GLACIER 7u   /* 11,400,000, EIP-5133 */

typedef struct {
    hd_u256 parent_difficulty;
    uint64_t parent_timestamp; /* seconds */
    uint64_t timestamp;        /* seconds; not before the parent's (else treated as equal) */
    uint64_t number;           /* of the new block, from 1 */
    uint32_t has_parent_ommers;
    uint32_t rules; /* HD_DIFFICULTY_... */
} hd_difficulty_input;

hd_u256 hd_difficulty(const hd_difficulty_input *in);

/* hd_difficulty_rules gives the rules of a fork by its number alone: London's for Paris and later,
   the bomb of Constantinople up to Istanbul's and Muir Glacier's for Berlin. */
uint32_t hd_difficulty_rules(uint32_t fork);

/* ---- EIP-1559: base fee of a block from its parent's (London and later on both sides). A
   parent_gas_limit below 2 counts as 2. */
hd_u256 hd_base_fee(hd_u256 parent_base_fee, uint64_t parent_gas_used, uint64_t parent_gas_limit);

/* ---- EIP-4844 and its followers */
typedef struct {
    uint32_t target_cnt; /* blobs */
    uint32_t max_cnt;    /* blobs */
    uint64_t update_fraction;
} hd_blob_params;

/* The parameters of Cancun, Prague and Osaka on mainnet; zeros before Cancun. */
hd_blob_params hd_blob_params_of(uint32_t fork);

/* Wei for one unit of blob gas: EIP-4844's fake_exponential(1, excess, fraction). Exact up to
   2^190 wei, more than all there are; where a sum in between leaves 256 bits, 2^256 - 1.
   update_fraction 0 counts as 1. */
hd_u256 hd_blob_fee(uint64_t excess_blob_gas, uint64_t update_fraction);

/* Excess blob gas of a block from its parent's values; from Osaka with the reserve price of
 * EIP-7918. */
uint64_t hd_excess_blob_gas(uint64_t parent_excess, uint64_t parent_blob_gas_used,
                            hd_u256 parent_base_fee, hd_blob_params params, uint32_t fork);

/* ---- rewards: 5, 3, 2 ether and none from Paris. An ommer delta blocks older than the block
   (1 to 7) earns (8 - delta) / 8 of it, its includer 1/32 of the reward each. */
hd_u256 hd_block_reward(uint32_t fork);
hd_u256 hd_ommer_reward(hd_u256 reward_wei, uint32_t delta);
hd_u256 hd_includer_reward(hd_u256 reward_wei, uint32_t ommer_cnt);

/* Gwei, the unit of withdrawals (EIP-4895), in wei. */
hd_u256 hd_gwei(uint64_t amount_gwei);

/* ---- accounts that blocks call themselves */
#define HD_SYSTEM_CALL_GAS 30000000u
hd_address hd_system_sender(void);                  /* 0xff..fe */
hd_address hd_beacon_roots_address(void);           /* EIP-4788 */
hd_address hd_history_address(void);                /* EIP-2935 */
hd_address hd_withdrawal_requests_address(void);    /* EIP-7002 */
hd_address hd_consolidation_requests_address(void); /* EIP-7251 */
hd_address hd_deposit_contract_address(void);       /* mainnet's, EIP-6110 */

/* A transaction that calls such an account: data_sz bytes at data_off of the batch's data. Its
   environment must have HD_ENV_NO_TX_GAS_CAP and room for HD_SYSTEM_CALL_GAS. */
hd_tx hd_system_call(hd_address to, uint64_t data_off, uint32_t data_sz);

/* ---- requests (EIP-7685) */
#define HD_REQUEST_DEPOSIT 0u
#define HD_REQUEST_WITHDRAWAL 1u
#define HD_REQUEST_CONSOLIDATION 2u
#define HD_DEPOSIT_SZ 192u

/* hd_deposit_is_log: 1 when the log is a deposit event of the contract, which each chain's
   configuration names. */
int hd_deposit_is_log(const hd_log_entry *log, const hd_address *contract);
/* hd_deposit_parse appends the HD_DEPOSIT_SZ bytes of a deposit event's data to out. HD_ERR_FORMAT
   with msg when the layout is not the deposit contract's (EIP-6110: the block is invalid). */
hd_err hd_deposit_parse(hd_buf *out, hd_msg *msg, const uint8_t *data, size_t data_sz);

/* hd_requests_hash: sha256 over the sha256 of each request list that is not empty, in order of
   type; requests[i] is the data of type i without its type byte. HD_ERR_NOMEM, HD_ERR_LIMIT (more
   types than there are). */
hd_err hd_requests_hash(hd_hash *out, const hd_span *requests, size_t request_cnt);

#endif
