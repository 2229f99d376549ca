/* hd_evm.h - what goes into a transaction's execution and what comes out: transaction, block
   environment, the read-only world it reads, receipt and state difference.

   Everything here is plain data without padding or pointers (but for hd_world, a table of array
   starts), so that it can be sent to a GPU as it is. Numbers are in wei and gas. "Numeric"
   addresses are five 32-bit words, least significant first; hd_address is big-endian as on the
   wire. */
#ifndef HD_EVM_H
#define HD_EVM_H

#include "base/hd_base.h"
#include "crypto/hd_u256.h"
#include "evm/hd_fork.h"

/* ---- limits of the machine itself (Yellow Paper, EIP-170, EIP-3860, EIP-7825) ---- */
#define HD_EVM_STACK_MAX 1024u
#define HD_EVM_DEPTH_MAX 1024u
#define HD_EVM_CODE_SZ_MAX 24576u
#define HD_EVM_INITCODE_SZ_MAX 49152u
#define HD_EVM_TX_GAS_CAP 16777216u /* EIP-7825, from Osaka */
#define HD_EVM_BLOB_GAS 131072u     /* gas of one blob, EIP-4844 */
#define HD_EVM_TX_BLOBS_MAX 6u      /* EIP-7594: blobs in one transaction, from Osaka */

/* ---- the world: a read-only pre-state in flat tables ----
   accounts[0, account_cnt) is dense. account_table is open addressing over it: entry = index + 1, 0
   = free; probe linearly from hd_world_account_hash & account_mask. slots is open addressing
   itself: free where account_ref == 0; probe linearly from hd_world_slot_hash & slot_mask; a slot
   counts only when its incarnation equals its account's. Tables are at most half full. code_bytes
   of each code are followed by at least 33 zero bytes; jump destinations are a bitmap of 64-bit
   words (bit pc%64 of word pc/64) at jump_words[jump_off]. codes[0] is the empty code. */
#define HD_ACCOUNT_EXISTS 1u      /* in the trie (possibly empty, before EIP-158) */
#define HD_ACCOUNT_HAS_STORAGE 2u /* its storage trie is not empty (EIP-7610) */

typedef struct {
    uint32_t addr[5]; /* numeric */
    uint32_t flags;   /* HD_ACCOUNT_... */
    uint64_t nonce;
    hd_u256 balance_wei;
    uint32_t code_idx;
    uint32_t incarnation;
    uint32_t reserved[2];
} hd_world_account;

typedef struct {
    hd_u256 key;
    hd_u256 value;
    uint32_t account_ref; /* account index + 1; 0 = free */
    uint32_t incarnation;
    uint32_t reserved[2];
} hd_world_slot;

typedef struct {
    hd_hash hash;      /* keccak-256 of the code */
    uint64_t code_off; /* into code_bytes */
    uint64_t jump_off; /* into jump_words */
    uint32_t code_sz;
    uint32_t is_delegation; /* EIP-7702: 0xef0100 and an address */
    uint64_t reserved;
} hd_world_code;

HD_STATIC_ASSERT(sizeof(hd_world_account) == 80, "no padding");
HD_STATIC_ASSERT(sizeof(hd_world_slot) == 80, "no padding");
HD_STATIC_ASSERT(sizeof(hd_world_code) == 64, "no padding");

/* keccak-256 of no code, as an initialiser of hd_hash.b. */
#define HD_EMPTY_CODE_HASH \
    { \
        0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, \
            0xc0, 0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, \
            0x85, 0xa4, 0x70 \
    }

#define HD_WORLD_COMPLETE 1u /* what is not in the tables does not exist; else the lane asks */

typedef struct {
    const hd_world_account *accounts;
    const uint32_t *account_table;
    const hd_world_slot *slots;
    const hd_world_code *codes;
    const uint8_t *code_bytes;
    const uint64_t *jump_words;
    uint64_t seed; /* of the two hashes: keys are chosen by strangers */
    uint32_t account_cnt;
    uint32_t account_mask;
    uint32_t slot_mask;
    uint32_t code_cnt;
    uint32_t flags; /* HD_WORLD_... */
    uint32_t reserved;
} hd_world;

HD_INL uint64_t hd_mix64(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    x ^= x >> 32;
    return x;
}

HD_INL uint32_t hd_world_account_hash(uint64_t seed, const uint32_t addr[5]) {
    uint64_t a = (uint64_t)addr[0] | (uint64_t)addr[1] << 32;
    uint64_t b = (uint64_t)addr[2] | (uint64_t)addr[3] << 32;
    return (uint32_t)hd_mix64(hd_mix64(a ^ seed) +
                              (b ^ ((uint64_t)addr[4] << 17)) * 0x9e3779b97f4a7c15ull);
}

HD_INL uint32_t hd_world_slot_hash(uint64_t seed, uint32_t account_idx, hd_u256 key) {
    uint64_t h = hd_mix64(key.w[0] ^ seed ^ ((uint64_t)account_idx << 32));
    h = (h ^ key.w[1]) * 0x9e3779b97f4a7c15ull;
    h = hd_mix64(h ^ key.w[2]);
    return (uint32_t)hd_mix64(h + key.w[3] * 0xff51afd7ed558ccdull);
}

HD_INL void hd_addr_from_wire(uint32_t addr[5], const hd_address *a) {
    for (uint32_t i = 0; i < 5; i++)
        addr[i] = hd_load_be32(a->b + 16 - 4 * i);
}

HD_INL void hd_addr_to_wire(hd_address *a, const uint32_t addr[5]) {
    for (uint32_t i = 0; i < 5; i++)
        hd_store_be32(a->b + 16 - 4 * i, addr[i]);
}

/* ---- block environment ---- */
#define HD_ENV_NO_TX_GAS_CAP 1u /* system calls: EIP-7825 does not apply */

typedef struct {
    hd_u256 difficulty;    /* before Paris DIFFICULTY, from Paris PREVRANDAO, as pushed */
    hd_u256 base_fee;      /* wei; 0 before London */
    hd_u256 blob_base_fee; /* wei; from Cancun */
    uint64_t number;
    uint64_t timestamp; /* seconds */
    uint64_t
        gas_limit; /* of the block (or what is left of it: a transaction above it is refused) */
    uint64_t chain_id;
    hd_address coinbase;
    uint32_t fork;         /* HD_FORK_... */
    uint32_t blob_cnt_max; /* blobs allowed in the block (or left) */
    uint32_t flags;        /* HD_ENV_... */
} hd_env;

HD_STATIC_ASSERT(sizeof(hd_env) == 160, "no padding");

/* ---- transaction: senders are already recovered ----
   Variable parts lie in the batch's data bytes at *_off:
   - data: calldata or initcode.
   - access list: addr_cnt entries, each 20 bytes of address, a 4-byte little-endian count of keys,
   then 32 bytes big-endian a key.
   - authorizations: hd_auth array (8-byte aligned). - blob hashes: 32 bytes each. */
#define HD_TX_LEGACY 0u
#define HD_TX_ACCESS_LIST 1u /* EIP-2930 */
#define HD_TX_DYNAMIC_FEE 2u /* EIP-1559 */
#define HD_TX_BLOB 3u        /* EIP-4844 */
#define HD_TX_SET_CODE 4u    /* EIP-7702 */

#define HD_TX_CREATE 1u /* no recipient */
#define HD_TX_SKIP_CHECKS \
    2u /* system call or simulation: no nonce, fee, balance or code checks, \
          no fees paid, no intrinsic gas */

typedef struct {
    hd_u256 value_wei;
    hd_u256 gas_price;    /* legacy and 2930: the price; else max fee per gas */
    hd_u256 priority_fee; /* max priority fee; equals gas_price for legacy and 2930 */
    hd_u256 blob_fee;     /* max fee per blob gas */
    uint64_t gas_limit;
    uint64_t nonce;
    uint64_t chain_id; /* as signed; 0 when unprotected */
    uint64_t data_off;
    uint64_t access_off;
    uint64_t auth_off;
    uint64_t blob_off;
    uint32_t data_sz;
    uint32_t access_cnt;     /* addresses */
    uint32_t access_key_cnt; /* storage keys of all addresses */
    uint32_t access_sz;      /* bytes */
    uint32_t auth_cnt;
    uint32_t blob_cnt;
    uint32_t type;  /* HD_TX_... */
    uint32_t flags; /* HD_TX_CREATE ... */
    hd_address sender;
    hd_address to;
    uint32_t env_idx;   /* into the batch's environments */
    uint32_t world_idx; /* into the batch's worlds */
} hd_tx;

HD_STATIC_ASSERT(sizeof(hd_tx) == 264, "no padding");

#define HD_AUTH_SIGNER 1u /* authority was recovered from a valid signature (low s, y 0 or 1) */

typedef struct {
    hd_u256 chain_id;
    uint64_t nonce;
    hd_address address;   /* delegate to; zero clears */
    hd_address authority; /* recovered signer, where HD_AUTH_SIGNER */
    uint32_t flags;
    uint32_t reserved;
} hd_auth;

HD_STATIC_ASSERT(sizeof(hd_auth) == 88, "no padding");

/* ---- results ---- */

/* hd_receipt.status: what became of a transaction. From HD_TX_INVALID on it was refused and changed
   nothing. The order is stable: it is printed and compared. */
#define HD_TX_STATUS(X) \
    X(SUCCESS, "success") \
    X(REVERT, "execution reverted") \
    X(HALT, "execution halted") \
    X(PENDING, "not finished") \
    X(NO_MEMORY, "lane memory exhausted") \
    X(WORK_LIMIT, "work limit reached") \
    X(INVALID, "invalid transaction") \
    X(INVALID_TYPE, "transaction type not supported") \
    X(INVALID_CHAIN_ID, "invalid chain id") \
    X(INVALID_SIGNATURE, "invalid signature") \
    X(INVALID_NONCE_LOW, "nonce too low") \
    X(INVALID_NONCE_HIGH, "nonce too high") \
    X(INVALID_NONCE_MAX, "nonce has max value") \
    X(INVALID_SENDER_CODE, "sender not an eoa") \
    X(INVALID_FUNDS, "insufficient funds for gas * price + value") \
    X(INVALID_GAS_BLOCK, "gas limit reached") \
    X(INVALID_GAS_CAP, "transaction gas limit too high") \
    X(INVALID_GAS_INTRINSIC, "intrinsic gas too low") \
    X(INVALID_GAS_FLOOR, "insufficient gas for floor data gas cost") \
    X(INVALID_FEE_LOW, "max fee per gas less than block base fee") \
    X(INVALID_TIP_HIGH, "max priority fee per gas higher than max fee per gas") \
    X(INVALID_INITCODE_SIZE, "max initcode size exceeded") \
    X(INVALID_BLOB_FEE, "max fee per blob gas less than block blob gas fee") \
    X(INVALID_BLOB_CREATE, "blob transaction of type create") \
    X(INVALID_BLOB_NONE, "blob transaction missing blob hashes") \
    X(INVALID_BLOB_VERSION, "blob has invalid hash version") \
    X(INVALID_BLOB_COUNT, "too many blobs") \
    X(INVALID_AUTH_NONE, "EIP-7702 transaction with empty auth list") \
    X(INVALID_AUTH_CREATE, "EIP-7702 transaction cannot be used to create contract") \
    X(INVALID_FEE_OVERFLOW, "gas limit times price overflows")

enum {
#define HD_X(name, text) HD_TX_##name,
    HD_TX_STATUS(HD_X)
#undef HD_X
        HD_TX_STATUS_CNT
};

/* hd_receipt.error: why the outermost frame halted (status HALT). */
#define HD_EVM_ERRORS(X) \
    X(NONE, "") \
    X(OUT_OF_GAS, "out of gas") \
    X(STACK_UNDERFLOW, "stack underflow") \
    X(STACK_OVERFLOW, "stack overflow") \
    X(BAD_JUMP, "invalid jump destination") \
    X(BAD_OPCODE, "invalid opcode") \
    X(STATIC_WRITE, "write protection") \
    X(RETURNDATA_BOUNDS, "return data out of bounds") \
    X(CODE_SIZE, "max code size exceeded") \
    X(INITCODE_SIZE, "max initcode size exceeded") \
    X(CODE_EF, "invalid code: must not begin with 0xef") \
    X(CODE_GAS, "contract creation code storage out of gas") \
    X(COLLISION, "contract address collision") \
    X(NONCE_MAX, "nonce has max value") \
    X(DEPTH, "max call depth exceeded") \
    X(BALANCE, "insufficient balance for transfer") \
    X(PRECOMPILE, "precompile failed") \
    X(REVERTED, "execution reverted")

enum {
#define HD_X(name, text) HD_EVM_ERR_##name,
    HD_EVM_ERRORS(HD_X)
#undef HD_X
        HD_EVM_ERR_CNT
};

#define HD_RECEIPT_CREATED 1u /* `created` holds the new contract's address */
#define HD_RECEIPT_FEE_PAID \
    2u /* the coinbase was among the lane's accounts: its diff holds the fee */

typedef struct {
    hd_u256 fee_wei; /* the coinbase's share; to be added by hd_state_apply unless
                        HD_RECEIPT_FEE_PAID */
    uint64_t gas_used;
    uint64_t gas_refund;  /* what was given back through the refund counter */
    uint64_t output_off;  /* into hd_results.bytes */
    uint64_t account_off; /* index into hd_results.accounts */
    uint64_t slot_off;    /* index into hd_results.slots */
    uint64_t log_off;     /* index into hd_results.logs */
    uint64_t work;        /* work units spent, see hd_core.inc */
    uint32_t output_sz;
    uint32_t account_cnt;
    uint32_t slot_cnt;
    uint32_t log_cnt;
    uint32_t status; /* HD_TX_... */
    uint32_t error;  /* HD_EVM_ERR_... */
    uint32_t flags;  /* HD_RECEIPT_... */
    hd_address created;
    uint32_t error_pc;
    uint32_t reserved;
} hd_receipt;

HD_STATIC_ASSERT(sizeof(hd_receipt) == 144, "no padding");

/* An account as the transaction left it. Entries without a CHANGED bit are reads (exported on
   request): the original values are what the transaction saw. */
#define HD_DIFF_CHANGED \
    1u /* nonce, balance or code differ, or the account is new, or a slot changed */
#define HD_DIFF_DELETED 2u    /* gone at the end, with all its storage; other values mean nothing */
#define HD_DIFF_WIPED 4u      /* storage before this transaction is gone (new incarnation) */
#define HD_DIFF_CODE 8u       /* code changed: code_off, code_sz, code_hash */
#define HD_DIFF_EXISTED 16u   /* existed before */
#define HD_DIFF_TOUCHED 32u   /* touched (EIP-158: deleted when empty; before it, created) */
#define HD_DIFF_DESTROYED 64u /* deleted by SELFDESTRUCT, whatever its balance was */
#define HD_DIFF_SLOTS 256u    /* a slot of it changed */
#define HD_DIFF_EXISTS 128u   /* there at the end (but for a deletion) */
/* Of slots, by tagged runs: */
#define HD_DIFF_ADD 512u    /* the value is the original and a constant, whatever the original is */
#define HD_DIFF_RANGE 1024u /* hd_slot_read says for which originals; else for this one alone */

typedef struct {
    hd_u256 balance_wei;
    hd_u256 original_balance_wei;
    uint64_t nonce;
    uint64_t original_nonce;
    hd_hash code_hash; /* current */
    uint64_t code_off; /* into hd_results.bytes, where HD_DIFF_CODE */
    uint32_t code_sz;
    uint32_t flags; /* HD_DIFF_... */
    hd_address addr;
    uint32_t reserved;
} hd_account_diff;

typedef struct {
    hd_u256 key;
    hd_u256 value;
    hd_u256 original;
    uint32_t account_idx; /* into the accounts of the same receipt, from 0 */
    uint32_t flags;       /* HD_DIFF_CHANGED or a read; HD_DIFF_ADD, HD_DIFF_RANGE */
    uint64_t reserved;
} hd_slot_diff;

typedef struct {
    hd_hash topics[4];
    uint64_t data_off; /* into hd_results.bytes */
    uint32_t data_sz;
    uint32_t topic_cnt;
    hd_address addr;
    uint32_t reserved;
} hd_log_entry;

/* What a transaction's result hangs on, of an account as it was before it (the original values of
   its hd_account_diff); with other originals for which this holds, the result is the same but for
   the balance, which differs by as much. The code always has to be the same. */
#define HD_READ_NONCE 1u        /* the original nonce */
#define HD_READ_BALANCE 2u      /* the original balance, exactly */
#define HD_READ_EXISTS 4u       /* that it existed, or did not */
#define HD_READ_STORAGE 8u      /* that it had storage, or had none */
#define HD_READ_AT_LEAST 16u    /* that the balance was at least at_least_wei */
#define HD_READ_BELOW 32u       /* that the balance was below below_wei */
#define HD_READ_HAD_STORAGE 64u /* it had storage */

typedef struct {
    hd_u256 at_least_wei;
    hd_u256 below_wei;
    hd_hash code_hash; /* original */
    uint32_t flags;    /* HD_READ_... */
    uint32_t reserved;
} hd_account_read;

/* The same of a slot: with an original in [lo, hi] the transaction does the same, but that slots
   with HD_DIFF_ADD end as much higher or lower as they began. */
typedef struct {
    hd_u256 lo;
    hd_u256 hi;
} hd_slot_read;

HD_STATIC_ASSERT(sizeof(hd_slot_read) == 64, "no padding");
HD_STATIC_ASSERT(sizeof(hd_account_read) == 104, "no padding");
HD_STATIC_ASSERT(sizeof(hd_account_diff) == 152, "no padding");
HD_STATIC_ASSERT(sizeof(hd_slot_diff) == 112, "no padding");
HD_STATIC_ASSERT(sizeof(hd_log_entry) == 168, "no padding");

#endif
