/* hd_store_internal.h - the inside of the store: its databases, the form of keys and records, and
   what its files share. */
#ifndef HD_STORE_INTERNAL_H
#define HD_STORE_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>

#include "crypto/hd_keccak.h"
#include "state/hd_store.h"
#include "state/hd_trie.h"

/* The databases, their keys and records. Every record is followed by HD_STORE_CHECK_SZ bytes of
   checksum. "trimmed" is a number without its leading zeros; N is a block number in 8 bytes. */
#define HD_STORE_DBS(X) \
    X(META, "meta")             /* a name -> see below, or what the caller gave */ \
    X(ACCOUNTS, "accounts")     /* keccak(address) -> address, nonce 8, balance 32, code hash */ \
    X(SLOTS, "slots")           /* keccak(address), keccak(key) -> key, value trimmed */ \
    X(CODES, "codes")           /* keccak(code) -> code */ \
    X(NODES, "nodes")           /* owner, one byte a nibble -> node */ \
    X(HEADERS, "headers")       /* N, hash -> header */ \
    X(BODIES, "bodies")         /* N, hash -> the caller's */ \
    X(RECEIPTS, "receipts")     /* N, hash -> the caller's */ \
    X(UNDO, "undo")             /* N, hash -> the caller's */ \
    X(DIFFICULTY, "difficulty") /* N, hash -> total difficulty trimmed */ \
    X(CANONICAL, "canonical")   /* N -> hash */ \
    X(NUMBERS, "numbers")       /* hash -> N */ \
    X(TXS, "txs")               /* hash of a transaction -> N, index 8 */

enum {
#define HD_X(name, text) HD_STORE_DB_##name,
    HD_STORE_DBS(HD_X)
#undef HD_X
        HD_STORE_DB_CNT
};

/* Records of META that the store itself writes. A caller's names get HD_STORE_NAMED in front. */
#define HD_STORE_META_FORMAT "format" /* version 4, flags 4 */
#define HD_STORE_META_COMMIT "commit" /* LMDB's transaction id 8: an older tree does not pass */
#define HD_STORE_META_HEAD "head"     /* N, hash, state root */
#define HD_STORE_META_OLDEST "oldest" /* N */
#define HD_STORE_NAMED "-"

#define HD_STORE_FORMAT_ARCHIVE 1u

#define HD_STORE_CHECK_SZ 8u
#define HD_STORE_KEY_SZ_MAX 128u
#define HD_STORE_FILE "data.mdb"
#define HD_STORE_ACCOUNT_SZ 92u

struct hd_store {
    MDB_env *env;
    char *dir;
    MDB_dbi dbis[HD_STORE_DB_CNT];
    int lock_fd;
    uint32_t flags;    /* HD_STORE_... */
    uint32_t undo_cnt; /* UINT32_MAX: all */
    uint64_t map_sz;
    pthread_mutex_t commit_mutex; /* one commit at a time, growth included */
    /* Reads keep the map where it is: growing waits until reader_cnt is 0. */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    uint32_t reader_cnt;
    uint32_t is_growing;
};

struct hd_store_read {
    hd_store *store;
    MDB_txn *txn;
};

const char *hd_store_db_name(uint32_t db);

/* The checksum of a record. */
void hd_store_check_make(uint8_t out[HD_STORE_CHECK_SZ], uint32_t db, hd_span key, hd_span value);

/* hd_store_name_record writes "DIR/data.mdb: database NAME: record KEY: TEXT" and returns
   HD_ERR_CORRUPT. */
hd_err hd_store_name_record(hd_msg *msg, const char *dir, uint32_t db, hd_span key,
                            const char *text);

/* The same for a failure of LMDB while doing what. */
hd_err hd_store_fail(hd_msg *msg, const char *dir, int rc, const char *what);

/* hd_store_fetch reads a record and verifies it; *out is the record without its checksum,
   empty after an error. */
hd_err hd_store_fetch(hd_span *out, hd_msg *msg, hd_store_read *r, uint32_t db, hd_span key);
/* hd_store_open_record takes the checksum off a record that a cursor gave. */
hd_err hd_store_open_record(hd_span *out, hd_msg *msg, const hd_store *s, uint32_t db, MDB_val key,
                            MDB_val value);

/* hd_store_grow doubles the map; see hd_store_commit. */
hd_err hd_store_grow(hd_store *s, hd_msg *msg);

/* hd_store_check_file reads dir's data.mdb page by page and refuses what is damaged. It changes
   nothing and needs no open environment. HD_ERR_CORRUPT, HD_ERR_IO, HD_ERR_NOMEM, HD_ERR_ABSENT. */
hd_err hd_store_check_file(hd_msg *msg, const char *dir);

/* hd_store_create makes a store in dir by filling one in a folder beside it and moving it into
   place when fill is done (NULL: an empty one). fill may commit as often as it likes. */
typedef hd_err hd_store_fill_fn(void *ctx, hd_msg *msg, hd_store *s);
hd_err hd_store_create(hd_msg *msg, const char *dir, const hd_store_options *options,
                       hd_store_fill_fn *fill, void *ctx);

/* ---- the walk over the flat state in the order of its hashes */
typedef struct {
    hd_hash hash; /* of the address */
    hd_address addr;
    hd_store_account account;
} hd_store_walk_account;

typedef struct {
    hd_hash hash; /* of the key */
    hd_u256 key;
    hd_u256 value;
} hd_store_walk_slot;

/* Each account, its slots, then its end. Members may be NULL. An error ends the walk. */
typedef struct {
    void *ctx;
    hd_err (*begin)(void *ctx, hd_msg *msg, const hd_store_walk_account *account);
    hd_err (*slot)(void *ctx, hd_msg *msg, const hd_store_walk_slot *slot);
    hd_err (*end)(void *ctx, hd_msg *msg, const hd_store_walk_account *account);
} hd_store_visitor;

/* HD_ERR_CORRUPT also for storage that belongs to no account. */
hd_err hd_store_walk(hd_msg *msg, hd_store_read *r, const hd_store_visitor *visitor);

/* The root of accounts and slots that come in the order of the walk. */
typedef struct {
    hd_trie_stream *accounts;
    hd_trie_stream *slots;
} hd_store_rooter;

hd_err hd_store_rooter_init(hd_store_rooter *x);
void hd_store_rooter_free(hd_store_rooter *x);
hd_err hd_store_rooter_slot(hd_store_rooter *x, const hd_hash *key_hash, hd_u256 value);
/* Ends an account: its slots have been added before. */
hd_err hd_store_rooter_account(hd_store_rooter *x, const hd_hash *addr_hash,
                               const hd_store_account *account);
hd_err hd_store_rooter_root(hd_hash *out, hd_store_rooter *x);

/* ---- what the batch holds */
void hd_store_batch_put(hd_store_batch *b, uint32_t db, hd_span key, hd_span value);
void hd_store_batch_delete(hd_store_batch *b, uint32_t db, hd_span key);
/* A slot whose hashes are known; a header without its block. */
void hd_store_put_slot_hashed(hd_store_batch *b, const hd_hash *owner, const hd_hash *key_hash,
                              hd_u256 key, hd_u256 value);
void hd_store_put_header(hd_store_batch *b, uint64_t number, const hd_hash *hash,
                         hd_u256 total_difficulty, hd_span header);
/* Every record whose key begins so. */
void hd_store_batch_delete_prefix(hd_store_batch *b, uint32_t db, hd_span prefix);

HD_INL hd_span hd_store_span(const void *data, size_t sz) {
    hd_span span = {(const uint8_t *)data, sz};
    return span;
}

HD_INL hd_hash hd_store_address_hash(const hd_address *addr) {
    hd_hash h;
    hd_keccak256(h.b, addr->b, sizeof addr->b);
    return h;
}

HD_INL hd_hash hd_store_key_hash(hd_u256 key) {
    hd_hash h;
    uint8_t word[32];
    hd_u256_store_be(word, key);
    hd_keccak256(h.b, word, sizeof word);
    return h;
}

#endif
