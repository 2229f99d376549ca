/* heddle.h - libheddle: Ethereum transactions in bulk on CPU cores or an NVIDIA GPU.

   Three handles. A heddle_state holds accounts, storage and code. A heddle_batch holds one block's
   environment, any number of transactions, and what became of them. A heddle_engine runs a batch
   on a state: all transactions against the same state (heddle_engine_run), or as a block, one after
   the other in effect (heddle_engine_run_ordered). Every engine gives the same results to the last
   bit. What is not said in this file is not promised.

   Units    Numbers of 256 bits are heddle_word: 32 bytes, big-endian. Amounts and fees are in wei,
            gas in gas, times in nanoseconds (_ns) or seconds (timestamp), sizes in bytes (_sz).
            Counts end in _cnt, indexes from 0 in _idx, inclusive upper bounds in _max.
   Owners   Who calls heddle_..._new or heddle_engine_open frees the handle. All that is passed in
            is copied before the function returns. Pointers that come out belong to the handle and
            are valid until it is next changed, run or freed.
   Threads  A handle is used by one thread at a time; different handles are independent. The one
            exception: several engines may run on one state at once as long as nobody changes it
            or asks for its root.
   Errors   Functions that can fail return heddle_err: HEDDLE_OK or one of HEDDLE_ERR_..., and
            change nothing unless they say so. They write one line that says what was wrong to
            *why; every `why` may be NULL. What a transaction does wrong is no error of these
            functions: it is told by heddle_receipt.status.
   Input    Transactions, code and encoded bytes may come from strangers. Structures are to be
            zeroed before they are filled in, so that fields added later mean nothing. */
#ifndef HEDDLE_H
#define HEDDLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version: while MAJOR is 0, a new MINOR may change anything, a new PATCH breaks nothing */
#define HEDDLE_VERSION_MAJOR 0
#define HEDDLE_VERSION_MINOR 1
#define HEDDLE_VERSION_PATCH 0
#define HEDDLE_VERSION_STRING "0.1.0"

/* heddle_version returns the version of the library that is linked, such as "0.1.0". */
const char *heddle_version(void);

/* ---- errors */
typedef int heddle_err;
#define HEDDLE_OK 0
#define HEDDLE_ERR_NOMEM (-1)       /* memory that could not be had, here or on the device */
#define HEDDLE_ERR_LIMIT (-2)       /* larger than a HEDDLE_..._MAX or than the machine can do */
#define HEDDLE_ERR_FORMAT (-3)      /* malformed encoded bytes */
#define HEDDLE_ERR_IO (-4)          /* the operating system refused */
#define HEDDLE_ERR_CORRUPT (-5)     /* the library's own data is damaged */
#define HEDDLE_ERR_UNSUPPORTED (-6) /* not possible for this fork */
#define HEDDLE_ERR_DEVICE (-7)      /* the GPU or its driver failed */
#define HEDDLE_ERR_ABSENT (-8)      /* not there: account, block hash, usable GPU */
#define HEDDLE_ERR_ARGUMENT (-100)  /* NULL, or out of range: a mistake of the caller */

/* heddle_err_name returns a few words for a code. */
const char *heddle_err_name(heddle_err err);

typedef struct {
    char text[512]; /* one line, ends in NUL, no control characters */
} heddle_message;

/* ---- numbers, hashes, addresses */
typedef struct {
    uint8_t b[32];
} heddle_word; /* a number, big-endian, or a hash */

typedef struct {
    uint8_t b[20];
} heddle_address;

static inline heddle_word heddle_word_from_u64(uint64_t x) {
    heddle_word w = {{0}};
    for (int i = 0; i < 8; i++)
        w.b[31 - i] = (uint8_t)(x >> (8 * i));
    return w;
}

/* The low 64 bits. */
static inline uint64_t heddle_word_to_u64(const heddle_word *w) {
    uint64_t x = 0;
    for (int i = 24; i < 32; i++)
        x = x << 8 | w->b[i];
    return x;
}

/* ---- forks. Those that change difficulty or headers alone have no number of their own. */
#define HEDDLE_FORK_FRONTIER 0u
#define HEDDLE_FORK_HOMESTEAD 1u
#define HEDDLE_FORK_TANGERINE 2u
#define HEDDLE_FORK_SPURIOUS 3u
#define HEDDLE_FORK_BYZANTIUM 4u
#define HEDDLE_FORK_CONSTANTINOPLE 5u
#define HEDDLE_FORK_PETERSBURG 6u
#define HEDDLE_FORK_ISTANBUL 7u
#define HEDDLE_FORK_BERLIN 8u
#define HEDDLE_FORK_LONDON 9u
#define HEDDLE_FORK_PARIS 10u
#define HEDDLE_FORK_SHANGHAI 11u
#define HEDDLE_FORK_CANCUN 12u
#define HEDDLE_FORK_PRAGUE 13u
#define HEDDLE_FORK_OSAKA 14u

/* ======== state ======== */
typedef struct heddle_state heddle_state;

typedef struct {
    heddle_word balance_wei;
    uint64_t nonce;
    const uint8_t *code; /* NULL or anything where code_sz is 0 */
    size_t code_sz;
    heddle_word code_hash; /* keccak-256 of the code; given out, never read */
} heddle_account;

/* heddle_state_new makes an empty state. HEDDLE_ERR_NOMEM. */
heddle_err heddle_state_new(heddle_state **out);
/* NULL is allowed. */
void heddle_state_free(heddle_state *state);
/* heddle_state_copy makes dst equal to src. HEDDLE_ERR_NOMEM: dst is as it was, or empty. */
heddle_err heddle_state_copy(heddle_state *dst, const heddle_state *src);

/* heddle_state_set_account creates the account or replaces its balance, nonce and code; its storage
   stays. HEDDLE_ERR_NOMEM, HEDDLE_ERR_LIMIT. */
heddle_err heddle_state_set_account(heddle_state *state, const heddle_address *address,
                                    const heddle_account *account);
/* heddle_state_set_slot sets one storage slot and creates the account if there is none; a value of
   zero removes the slot. HEDDLE_ERR_NOMEM, HEDDLE_ERR_LIMIT. */
heddle_err heddle_state_set_slot(heddle_state *state, const heddle_address *address,
                                 const heddle_word *key, const heddle_word *value);
/* heddle_state_delete_account removes the account with its storage; fine when there is none. */
heddle_err heddle_state_delete_account(heddle_state *state, const heddle_address *address);
/* heddle_state_add_balance credits an account: rewards and withdrawals. A credit of zero is a
   touch: from Spurious Dragon it removes an empty account, before that it creates one. */
heddle_err heddle_state_add_balance(heddle_state *state, const heddle_address *address,
                                    const heddle_word *amount_wei, uint32_t fork);

/* heddle_state_get_account: HEDDLE_ERR_ABSENT when there is no such account. out->code is valid
   until the state is next changed. */
heddle_err heddle_state_get_account(const heddle_state *state, heddle_account *out,
                                    const heddle_address *address);
/* heddle_state_get_slot gives zero for what was never set. */
heddle_err heddle_state_get_slot(const heddle_state *state, heddle_word *out,
                                 const heddle_address *address, const heddle_word *key);

/* Walking, in order of creation: idx from 0 while it is below heddle_state_account_max;
   HEDDLE_ERR_ABSENT where an account has been deleted, which is no reason to stop. */
uint32_t heddle_state_account_max(const heddle_state *state);
heddle_err heddle_state_account_at(const heddle_state *state, heddle_address *address,
                                   heddle_account *out, uint32_t idx);
/* heddle_state_each_slot calls fn for every slot of the account that is not zero, in order of
   creation. fn must not change the state. */
heddle_err heddle_state_each_slot(const heddle_state *state, const heddle_address *address,
                                  void (*fn)(void *ctx, const heddle_word *key,
                                             const heddle_word *value),
                                  void *ctx);

/* heddle_state_root computes the root of the Merkle Patricia trie. It works in memory that the
   state keeps, so it counts as a change. HEDDLE_ERR_NOMEM. */
heddle_err heddle_state_root(heddle_state *state, heddle_word *out);

/* ======== engine ======== */
typedef struct heddle_engine heddle_engine;

#define HEDDLE_BACKEND_AUTO 0u /* the GPU for large batches where one is usable, else the host */
#define HEDDLE_BACKEND_HOST 1u
#define HEDDLE_BACKEND_CUDA 2u

#define HEDDLE_THREADS_MAX 1024u

typedef struct {
    uint32_t backend;    /* HEDDLE_BACKEND_... */
    uint32_t thread_cnt; /* of the host; 0: one for each core this process may use */
} heddle_engine_options;

/* heddle_engine_open prepares a backend: threads and their memory, and the GPU. options may be
   NULL: all zeros. Opening costs up to a second on a GPU: keep the engine and reuse it.
   HEDDLE_ERR_ABSENT: cuda was asked for, and there is no usable GPU or the library was built
   without it. HEDDLE_ERR_ARGUMENT, HEDDLE_ERR_NOMEM, HEDDLE_ERR_DEVICE. */
heddle_err heddle_engine_open(heddle_engine **out, const heddle_engine_options *options,
                              heddle_message *why);
/* NULL is allowed. */
void heddle_engine_close(heddle_engine *engine);
/* heddle_engine_name returns "host" or "cuda": what large batches run on. */
const char *heddle_engine_name(const heddle_engine *engine);

/* ======== batch: a block's environment and its transactions ======== */
typedef struct heddle_batch heddle_batch;

#define HEDDLE_BATCH_TX_MAX ((uint32_t)1 << 24) /* transactions in a batch */
#define HEDDLE_TX_SZ_MAX ((size_t)1 << 27)      /* bytes of all variable parts of a transaction */
#define HEDDLE_ANCESTOR_MAX 256u

typedef struct {
    uint32_t fork;         /* HEDDLE_FORK_... */
    uint32_t blob_cnt_max; /* blobs that the block may hold; from Cancun */
    uint64_t number;
    uint64_t timestamp; /* seconds */
    uint64_t gas_limit;
    uint64_t chain_id;
    heddle_address coinbase;       /* receives the fees */
    heddle_word base_fee_wei;      /* of one gas; read from London on */
    heddle_word blob_base_fee_wei; /* of one blob gas; read from Cancun on */
    heddle_word difficulty;        /* from Paris on: PREVRANDAO */
    /* Hashes of the blocks before this one: [0] of number - 1, [1] of number - 2 and so on. Code
       may ask for any of the last 256: give all that exist, or a run may end in
       HEDDLE_ERR_ABSENT. */
    const heddle_word *ancestor_hashes;
    uint32_t ancestor_cnt; /* at most HEDDLE_ANCESTOR_MAX */
} heddle_block;

/* heddle_batch_new makes a batch without transactions. HEDDLE_ERR_ARGUMENT: unknown fork, too many
   ancestors. HEDDLE_ERR_NOMEM. */
heddle_err heddle_batch_new(heddle_batch **out, const heddle_block *block, heddle_message *why);
/* NULL is allowed. */
void heddle_batch_free(heddle_batch *batch);
/* heddle_batch_reset drops transactions and results, takes a new block, and keeps the memory.
   Errors as above, after which the batch is as it was. */
heddle_err heddle_batch_reset(heddle_batch *batch, const heddle_block *block, heddle_message *why);

#define HEDDLE_TX_LEGACY 0u
#define HEDDLE_TX_ACCESS_LIST 1u /* EIP-2930 */
#define HEDDLE_TX_DYNAMIC_FEE 2u /* EIP-1559 */
#define HEDDLE_TX_BLOB 3u        /* EIP-4844 */
#define HEDDLE_TX_SET_CODE 4u    /* EIP-7702 */

typedef struct {
    heddle_address address;
    const heddle_word *keys;
    uint32_t key_cnt;
} heddle_access_entry;

#define HEDDLE_AUTH_SIGNER 1u /* `signer` is known; else heddle_batch_add recovers it */

typedef struct {
    heddle_word chain_id;
    heddle_address address; /* to delegate to; zero clears */
    uint64_t nonce;
    uint32_t flags; /* HEDDLE_AUTH_... */
    heddle_address signer;
    uint32_t y_parity;
    heddle_word r;
    heddle_word s;
} heddle_authorization; /* one whose signature is not valid is skipped, as the rules say */

#define HEDDLE_TX_CREATE 1u /* creates a contract: no recipient, `data` is initcode */
#define HEDDLE_TX_SIMULATE \
    2u /* eth_call, system calls: no check of nonce, funds, fees, code or \
          block gas, no intrinsic gas, no fee, and the nonce stays (but \
          for a creation) */

typedef struct {
    uint32_t type;  /* HEDDLE_TX_LEGACY ... HEDDLE_TX_SET_CODE */
    uint32_t flags; /* HEDDLE_TX_CREATE, HEDDLE_TX_SIMULATE */
    heddle_address sender;
    heddle_address to;
    uint64_t nonce;
    uint64_t gas_limit; /* below 2^63 */
    uint64_t chain_id;  /* 0: not signed, not checked */
    heddle_word value_wei;
    heddle_word gas_price_wei;    /* types 0 and 1: the price; others: the most per gas */
    heddle_word priority_fee_wei; /* the most for the coinbase, per gas; zero for types 0 and 1 */
    heddle_word blob_fee_wei;     /* type 3: the most per blob gas; else zero */
    const uint8_t *data;
    size_t data_sz;
    const heddle_access_entry *access_list; /* types 1 to 4 */
    uint32_t access_cnt;
    const heddle_authorization *authorizations; /* type 4 */
    uint32_t authorization_cnt;
    const heddle_word *blob_hashes; /* type 3 */
    uint32_t blob_cnt;
} heddle_transaction;

/* heddle_batch_add appends a transaction whose sender is known. *tx_idx (may be NULL) is its index.
   HEDDLE_ERR_ARGUMENT: a field that the type does not have is set, or an array is NULL.
   HEDDLE_ERR_LIMIT: HEDDLE_BATCH_TX_MAX, HEDDLE_TX_SZ_MAX or gas_limit. HEDDLE_ERR_UNSUPPORTED: a
   simulation of a type that the block's fork does not have. HEDDLE_ERR_NOMEM. A transaction that
   the rules of the chain refuse is no error here: its receipt says so. */
heddle_err heddle_batch_add(heddle_batch *batch, uint32_t *tx_idx, const heddle_transaction *tx,
                            heddle_message *why);

/* heddle_batch_add_raw appends a signed transaction as it travels: an RLP list, or a type's byte
   and a list (blobs without their sidecar). The sender is recovered when the batch runs, on all
   threads of the engine; a signature that is not valid under the block's fork and chain gives a
   receipt with HEDDLE_STATUS_REFUSED_SIGNATURE, _CHAIN_ID or _TYPE. HEDDLE_ERR_FORMAT: the bytes
   are no transaction. HEDDLE_ERR_LIMIT, HEDDLE_ERR_NOMEM as above. */
heddle_err heddle_batch_add_raw(heddle_batch *batch, uint32_t *tx_idx, const uint8_t *raw,
                                size_t raw_sz, heddle_message *why);

/* Transactions in the batch. */
uint32_t heddle_batch_tx_cnt(const heddle_batch *batch);
/* heddle_batch_get_sender gives a transaction's sender and recovers it if that is still to be done.
   HEDDLE_ERR_ABSENT: its signature is not valid; why says what is wrong with it. */
heddle_err heddle_batch_get_sender(heddle_batch *batch, heddle_address *out, uint32_t tx_idx,
                                   heddle_message *why);
/* heddle_batch_get_hash gives the hash of a transaction that came by heddle_batch_add_raw;
   HEDDLE_ERR_ABSENT for others. */
heddle_err heddle_batch_get_hash(const heddle_batch *batch, heddle_word *out, uint32_t tx_idx);

/* ======== running ======== */
#define HEDDLE_RUN_READS 1u         /* the changes also list what was only read */
#define HEDDLE_RUN_RECEIPTS_ONLY 2u /* no changes, logs, output: less to copy */

typedef struct {
    uint32_t flags; /* HEDDLE_RUN_... */
    /* Work units (about one instruction each) after which a transaction ends with
       HEDDLE_STATUS_WORK_LIMIT; 0: gas alone bounds it. Only for heddle_engine_run. The limit is
       looked at now and then, so it may be exceeded by some millions. */
    uint64_t work_max;
} heddle_run_options;

/* heddle_engine_run runs every transaction of the batch against the state as it is: none sees what
   another did, and the state is not changed. The batch then holds the results, instead of earlier
   ones. options may be NULL: all zeros.
   HEDDLE_ERR_NOMEM, HEDDLE_ERR_DEVICE, HEDDLE_ERR_ARGUMENT; HEDDLE_ERR_ABSENT: the hash of a block
   that was not given is needed. After an error the batch holds its transactions and no results. */
heddle_err heddle_engine_run(heddle_engine *engine, heddle_batch *batch, const heddle_state *state,
                             const heddle_run_options *options, heddle_message *why);

/* heddle_engine_run_ordered runs the batch as a block: the result equals running one transaction
   after the other, and the state has all effects at the end (transactions and their fees; no
   rewards, withdrawals or system calls). Those that do not conflict run at once. A transaction that
   the rules refuse, also for what its predecessors left of the block's gas and blobs, changes
   nothing, and the next one follows. HEDDLE_RUN_RECEIPTS_ONLY is the only option.
   Errors as above. After an error the batch holds no results, and the state the effects of some
   first transactions: copy it before, where that matters. HEDDLE_ERR_NOMEM also when one
   transaction needs more memory than there is. */
heddle_err heddle_engine_run_ordered(heddle_engine *engine, heddle_batch *batch,
                                     heddle_state *state, const heddle_run_options *options,
                                     heddle_message *why);

/* ======== results: of the batch's latest run ========
   All return HEDDLE_ERR_ARGUMENT when there are no results or an index is out of range. */
typedef struct {
    uint64_t gas_used;
    uint64_t total_ns;   /* the whole call */
    uint64_t recover_ns; /* of it, signatures */
    uint64_t kernel_ns;  /* of it, kernels on the GPU */
    uint32_t success_cnt;
    uint32_t failed_cnt;  /* reverted or halted */
    uint32_t refused_cnt; /* HEDDLE_STATUS_REFUSED and above */
    uint32_t unknown_cnt; /* HEDDLE_STATUS_NO_MEMORY, HEDDLE_STATUS_WORK_LIMIT */
    uint32_t rerun_cnt;   /* ran more than once */
    uint32_t reserved;
} heddle_run_stats;

heddle_err heddle_batch_get_stats(const heddle_batch *batch, heddle_run_stats *out);

/* What became of a transaction. From HEDDLE_STATUS_REFUSED on it was refused and changed nothing.
   The numbers are stable. */
#define HEDDLE_STATUS_SUCCESS 0u
#define HEDDLE_STATUS_REVERT 1u     /* by the contract; gas and fee are paid, the rest is undone */
#define HEDDLE_STATUS_HALT 2u       /* by an error, see heddle_receipt.error; all gas is used */
#define HEDDLE_STATUS_NO_MEMORY 4u  /* more memory than there is: the result is not known */
#define HEDDLE_STATUS_WORK_LIMIT 5u /* more work than allowed: the result is not known */
#define HEDDLE_STATUS_REFUSED 6u
#define HEDDLE_STATUS_REFUSED_TYPE 7u
#define HEDDLE_STATUS_REFUSED_CHAIN_ID 8u
#define HEDDLE_STATUS_REFUSED_SIGNATURE 9u
#define HEDDLE_STATUS_REFUSED_NONCE_LOW 10u
#define HEDDLE_STATUS_REFUSED_NONCE_HIGH 11u
#define HEDDLE_STATUS_REFUSED_NONCE_MAX 12u
#define HEDDLE_STATUS_REFUSED_SENDER_CODE 13u
#define HEDDLE_STATUS_REFUSED_FUNDS 14u
#define HEDDLE_STATUS_REFUSED_GAS_BLOCK 15u
#define HEDDLE_STATUS_REFUSED_GAS_CAP 16u
#define HEDDLE_STATUS_REFUSED_GAS_INTRINSIC 17u
#define HEDDLE_STATUS_REFUSED_GAS_FLOOR 18u
#define HEDDLE_STATUS_REFUSED_FEE_LOW 19u
#define HEDDLE_STATUS_REFUSED_TIP_HIGH 20u
#define HEDDLE_STATUS_REFUSED_INITCODE_SIZE 21u
#define HEDDLE_STATUS_REFUSED_BLOB_FEE 22u
#define HEDDLE_STATUS_REFUSED_BLOB_CREATE 23u
#define HEDDLE_STATUS_REFUSED_BLOB_NONE 24u
#define HEDDLE_STATUS_REFUSED_BLOB_VERSION 25u
#define HEDDLE_STATUS_REFUSED_BLOB_COUNT 26u
#define HEDDLE_STATUS_REFUSED_AUTH_NONE 27u
#define HEDDLE_STATUS_REFUSED_AUTH_CREATE 28u
#define HEDDLE_STATUS_REFUSED_FEE_OVERFLOW 29u

/* heddle_status_name and heddle_halt_name return a few words for heddle_receipt.status and .error.
 */
const char *heddle_status_name(uint32_t status);
const char *heddle_halt_name(uint32_t error);

#define HEDDLE_RECEIPT_CREATED 1u      /* `created` is set: the contract exists after a success */
#define HEDDLE_RECEIPT_FEE_INCLUDED 2u /* the changes hold the coinbase with its fee */

typedef struct {
    uint64_t gas_used;   /* after the refund */
    uint64_t gas_refund; /* given back by the refund counter */
    heddle_word fee_wei; /* the coinbase's share; in no change unless HEDDLE_RECEIPT_FEE_INCLUDED */
    uint64_t work;       /* work units spent */
    const uint8_t *output; /* return or revert data; nothing after a contract was created */
    size_t output_sz;
    uint32_t status; /* HEDDLE_STATUS_... */
    uint32_t
        error; /* why it halted: for heddle_halt_name; 0 unless HEDDLE_STATUS_HALT or _REVERT */
    uint32_t flags;       /* HEDDLE_RECEIPT_... */
    uint32_t account_cnt; /* accounts changed */
    uint32_t slot_cnt;    /* storage slots changed */
    uint32_t log_cnt;
    heddle_address created;
} heddle_receipt;

heddle_err heddle_batch_get_receipt(const heddle_batch *batch, heddle_receipt *out,
                                    uint32_t tx_idx);

/* The difference that a transaction makes to the state. Without HEDDLE_RUN_READS every entry is a
   change. The coinbase's fee is left out unless the transaction itself looked at the coinbase, so
   that transactions of one block do not all depend on each other. */
#define HEDDLE_CHANGE_CHANGED 1u /* else the entry was only read */
#define HEDDLE_CHANGE_DELETED \
    2u                         /* the account is gone with its storage; other values mean nothing */
#define HEDDLE_CHANGE_WIPED 4u /* the storage it had before is gone; the slots listed are new */
#define HEDDLE_CHANGE_CODE 8u  /* the code changed: `code` and `code_sz` */
#define HEDDLE_CHANGE_EXISTED 16u /* the account existed before */
#define HEDDLE_CHANGE_TOUCHED 32u /* in the sense of EIP-158 */

typedef struct {
    heddle_address address;
    uint32_t flags; /* HEDDLE_CHANGE_... */
    uint64_t nonce;
    uint64_t original_nonce;
    heddle_word balance_wei;
    heddle_word original_balance_wei;
    heddle_word code_hash; /* after the transaction */
    const uint8_t *code;   /* where HEDDLE_CHANGE_CODE */
    size_t code_sz;
} heddle_account_change;

typedef struct {
    uint32_t account_idx; /* of the account among the changes of the same transaction */
    uint32_t flags;       /* HEDDLE_CHANGE_CHANGED, or 0 for what was only read */
    heddle_word key;
    heddle_word value;
    heddle_word original;
} heddle_slot_change;

typedef struct {
    heddle_address address;
    uint32_t topic_cnt; /* at most 4 */
    heddle_word topics[4];
    const uint8_t *data;
    size_t data_sz;
} heddle_log;

heddle_err heddle_batch_get_account(const heddle_batch *batch, heddle_account_change *out,
                                    uint32_t tx_idx, uint32_t account_idx);
heddle_err heddle_batch_get_slot(const heddle_batch *batch, heddle_slot_change *out,
                                 uint32_t tx_idx, uint32_t slot_idx);
heddle_err heddle_batch_get_log(const heddle_batch *batch, heddle_log *out, uint32_t tx_idx,
                                uint32_t log_idx);

/* heddle_batch_get_bloom gives the bloom filter of a transaction's logs; a block's is the OR. */
heddle_err heddle_batch_get_bloom(const heddle_batch *batch, uint8_t out[256], uint32_t tx_idx);

/* heddle_batch_receipts_root gives the root of the receipts of a block that ran by
   heddle_engine_run_ordered; refused transactions have no receipt. HEDDLE_ERR_UNSUPPORTED before
   Byzantium, whose receipts hold state roots. HEDDLE_ERR_ARGUMENT after HEDDLE_RUN_RECEIPTS_ONLY,
   HEDDLE_ERR_NOMEM. */
heddle_err heddle_batch_receipts_root(const heddle_batch *batch, heddle_word *out);

/* heddle_state_apply writes the difference and the fee of one transaction, of a batch that ran by
   heddle_engine_run, into a state; one that was refused or whose result is not known changes
   nothing. It does not check that the state is the one which the transaction saw.
   HEDDLE_ERR_ARGUMENT after HEDDLE_RUN_RECEIPTS_ONLY or heddle_engine_run_ordered (which has done
   it). HEDDLE_ERR_NOMEM, HEDDLE_ERR_LIMIT: a part may be written. */
heddle_err heddle_state_apply(heddle_state *state, const heddle_batch *batch, uint32_t tx_idx);

#ifdef __cplusplus
}
#endif

#endif
