/* hd_store.h - the persistent store of a chain: flat state, code, trie nodes, blocks, receipts,
   indexes and undo records in one folder, each block committed at once.

   The folder holds data.mdb and lock.mdb (LMDB) and heddle.lock, which keeps a second process out.
   All numbers in records are big-endian. The flat state lies under keccak-256(address) and
   keccak-256(slot key), with the address or key inside the record: so a walk goes in the order of
   the tries and a root needs no sorting, strangers cannot choose where their keys fall, and reading
   costs one hash more, which the look-up hides.

   Damage. LMDB knows no checksums and reads through a memory map, where a bad page means a wrong
   answer or the end of the process. So each record ends with a checksum over its database, key and
   value, which every read verifies; and opening first reads the whole file through ordinary reads:
   it verifies the pages' structure, that no page is used twice, the order and number of all keys,
   and the checksums. What is wrong is named by page, database and record. Damage done to the file
   by others while it is open is beyond this.

   Durability. A commit is one LMDB transaction: after the end of the process at any point the last
   commit that returned is there, whole, or the one that was under way. By default each commit waits
   for the disk, and the same holds when the machine loses power. With HD_STORE_NO_SYNC it does not
   wait until hd_store_sync or hd_store_close: the end of the process still loses nothing, but a
   loss of power may lose or damage all since the last sync; the next opening finds that out and
   says so.

   Errors, throughout: HD_ERR_CORRUPT (damage, named in msg), HD_ERR_IO, HD_ERR_NOMEM, HD_ERR_LIMIT.
   msg may be NULL. */
#ifndef HD_STORE_H
#define HD_STORE_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"
#include "crypto/hd_u256.h"
#include "state/hd_state.h"

#define HD_STORE_VERSION 1u      /* of the format; others are refused */
#define HD_STORE_UNDO_CNT 128u   /* states kept below the head where nothing else is said */
#define HD_STORE_NIBBLES_MAX 64u /* of a trie node's path */
#define HD_STORE_NAME_SZ_MAX 64u /* of a caller's meta record */
#define HD_STORE_VALUE_SZ_MAX (1ull << 31)
#define HD_STORE_MAP_SZ (1ull << 36) /* address space at first, not disk */
#define HD_STORE_MAP_SZ_MAX (1ull << 46)

typedef struct hd_store hd_store;

#define HD_STORE_CREATE 1u    /* make the store when the folder holds none */
#define HD_STORE_READ_ONLY 2u /* no commits; several processes may then read at a time */
#define HD_STORE_NO_SYNC 4u   /* see above */
#define HD_STORE_ARCHIVE 8u   /* at creation: keep every undo record. A property of the store */

typedef struct {
    uint32_t flags;    /* HD_STORE_... */
    uint32_t undo_cnt; /* states to keep below the head; 0: HD_STORE_UNDO_CNT */
    uint64_t map_sz;   /* bytes of address space at first; it doubles when full. 0: the default */
} hd_store_options;

/* hd_store_open checks the file as said above (that takes as long as reading it) and opens it; or,
   with HD_STORE_CREATE, makes it (in a folder beside, so that an interrupted creation leaves
   nothing behind). HD_ERR_ABSENT: no store there. HD_ERR_UNSUPPORTED: another format.
   HD_ERR_IO also when another process has it. */
hd_err hd_store_open(hd_store **out, hd_msg *msg, const char *dir, const hd_store_options *options);
/* hd_store_close syncs and closes; no read may be open. NULL is allowed. HD_ERR_IO: the sync failed
   (all is closed nevertheless). */
hd_err hd_store_close(hd_store *s, hd_msg *msg);
/* hd_store_sync waits until all that was committed is on the disk. */
hd_err hd_store_sync(hd_store *s, hd_msg *msg);
int hd_store_is_archive(const hd_store *s);

/* ---- reading: a view of one commit, which later commits do not change.
   Any number of reads in any threads, one thread at a time in each; end them soon: pages freed
   meanwhile are kept for them. Spans are valid until the read ends. Unless said otherwise a
   getter gives HD_ERR_ABSENT for what is not there. */
typedef struct hd_store_read hd_store_read;

hd_err hd_store_read_begin(hd_store_read **out, hd_msg *msg, hd_store *s);
void hd_store_read_end(hd_store_read *r); /* NULL is allowed */

typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    hd_hash code_hash; /* keccak-256 of nothing where there is no code */
} hd_store_account;

hd_err hd_store_get_account(hd_store_account *out, hd_msg *msg, hd_store_read *r,
                            const hd_address *addr);
/* A slot that is not there is 0 and HD_OK. */
hd_err hd_store_get_slot(hd_u256 *out, hd_msg *msg, hd_store_read *r, const hd_address *addr,
                         hd_u256 key);
/* The code with that hash; the empty code is always there. */
hd_err hd_store_get_code(hd_span *out, hd_msg *msg, hd_store_read *r, const hd_hash *hash);

/* A trie's node: owner is zero for the account trie, else keccak-256 of the account's address;
   the path has one nibble a byte. */
hd_err hd_store_get_node(hd_span *rlp, hd_msg *msg, hd_store_read *r, const hd_hash *owner,
                         const uint8_t *nibbles, size_t nibble_cnt);

/* A block by its hash (and number, which hd_store_get_number tells): what the writer gave. */
hd_err hd_store_get_number(uint64_t *number, hd_msg *msg, hd_store_read *r, const hd_hash *hash);
hd_err hd_store_get_header(hd_span *rlp, hd_msg *msg, hd_store_read *r, uint64_t number,
                           const hd_hash *hash);
hd_err hd_store_get_body(hd_span *rlp, hd_msg *msg, hd_store_read *r, uint64_t number,
                         const hd_hash *hash);
hd_err hd_store_get_receipts(hd_span *out, hd_msg *msg, hd_store_read *r, uint64_t number,
                             const hd_hash *hash);
hd_err hd_store_get_undo(hd_span *out, hd_msg *msg, hd_store_read *r, uint64_t number,
                         const hd_hash *hash);
hd_err hd_store_get_difficulty(hd_u256 *total, hd_msg *msg, hd_store_read *r, uint64_t number,
                               const hd_hash *hash);
/* The canonical block of a number, and where a transaction lies in the canonical chain. */
hd_err hd_store_get_canonical(hd_hash *hash, hd_msg *msg, hd_store_read *r, uint64_t number);
typedef struct {
    uint64_t block_number;
    uint64_t tx_idx;
} hd_store_tx_place;
hd_err hd_store_get_tx(hd_store_tx_place *out, hd_msg *msg, hd_store_read *r, const hd_hash *hash);

/* The last block whose state is the flat state. HD_ERR_ABSENT in a store without a genesis. */
typedef struct {
    uint64_t number;
    hd_hash hash;
    hd_hash state_root;
} hd_store_head;
hd_err hd_store_get_head(hd_store_head *out, hd_msg *msg, hd_store_read *r);
/* The lowest block number whose state can be reached from the head by undo records. */
hd_err hd_store_get_oldest(uint64_t *number, hd_msg *msg, hd_store_read *r);
/* A record that the caller named, such as "genesis" or "config". */
hd_err hd_store_get_named(hd_span *out, hd_msg *msg, hd_store_read *r, const char *name);

/* How many records there are, and the bytes of the file that are in use. */
typedef struct {
    uint64_t account_cnt, slot_cnt, code_cnt, node_cnt;
    uint64_t block_cnt; /* on every branch */
    uint64_t tx_cnt, undo_cnt;
    uint64_t file_sz;
} hd_store_counts;
hd_err hd_store_count(hd_store_counts *out, hd_msg *msg, hd_store_read *r);

/* Walks by ascending hash. fn's error ends the walk and is returned. */
typedef hd_err hd_store_account_fn(void *ctx, const hd_address *addr,
                                   const hd_store_account *account);
typedef hd_err hd_store_slot_fn(void *ctx, hd_u256 key, hd_u256 value);
hd_err hd_store_each_account(hd_msg *msg, hd_store_read *r, hd_store_account_fn *fn, void *ctx);
hd_err hd_store_each_slot(hd_msg *msg, hd_store_read *r, const hd_address *addr,
                          hd_store_slot_fn *fn, void *ctx);

/* hd_store_load fills an empty state with the whole flat state; hd_store_root computes the flat
   state's root in the memory of one path. Both say HD_ERR_CORRUPT for storage without an account or
   an account without its code. Whether the root is the head's is the caller's question;
   hd_store_verify asks it: HD_ERR_CORRUPT when not, HD_OK also without a head. */
hd_err hd_store_load(hd_state *out, hd_msg *msg, hd_store_read *r);
hd_err hd_store_root(hd_hash *out, hd_msg *msg, hd_store_read *r);
hd_err hd_store_verify(hd_msg *msg, hd_store_read *r);

/* ---- writing: a batch collects changes in memory, hd_store_commit writes them in one transaction.
   Changes take effect in the order in which they were added. Appending cannot fail visibly: what
   failed is reported by the commit. One thread at a time in a batch. */
typedef struct hd_store_batch hd_store_batch;

hd_store_batch *hd_store_batch_new(void); /* NULL: no memory */
void hd_store_batch_free(hd_store_batch *b);
void hd_store_batch_clear(hd_store_batch *b);
size_t hd_store_batch_sz(const hd_store_batch *b); /* bytes collected */

#define HD_STORE_DELETED \
    1u /* the account and all its storage are gone; the other values do not count */
#define HD_STORE_WIPED \
    2u /* storage from before is gone; slots that follow are added to nothing \
        */

typedef struct {
    hd_address addr;
    uint32_t flags; /* HD_STORE_DELETED or HD_STORE_WIPED */
    uint64_t nonce;
    hd_u256 balance_wei;
    hd_hash code_hash; /* keccak-256 of nothing where there is none */
} hd_store_account_change;

typedef struct {
    hd_address addr;
    hd_u256 key;
    hd_u256 value; /* 0 deletes */
} hd_store_slot_change;

/* A block's difference: all accounts first, then all slots. */
void hd_store_put_state(hd_store_batch *b, const hd_store_account_change *accounts,
                        size_t account_cnt, const hd_store_slot_change *slots, size_t slot_cnt);
void hd_store_put_account(hd_store_batch *b, const hd_store_account_change *change);
void hd_store_put_slot(hd_store_batch *b, const hd_address *addr, hd_u256 key, hd_u256 value);
/* Codes are kept for ever: accounts of other states may share them. */
void hd_store_put_code(hd_store_batch *b, const hd_hash *hash, const uint8_t *code, size_t code_sz);
/* The whole of a state, for a genesis: all its accounts, slots and codes. */
hd_err hd_store_put_all(hd_store_batch *b, const hd_state *state);

/* rlp.sz 0 deletes the node. hd_store_delete_nodes deletes an owner's whole trie. */
void hd_store_put_node(hd_store_batch *b, const hd_hash *owner, const uint8_t *nibbles,
                       size_t nibble_cnt, hd_span rlp);
void hd_store_delete_nodes(hd_store_batch *b, const hd_hash *owner);
void hd_store_delete_all_nodes(hd_store_batch *b);

/* A block, canonical or not. receipts and undo may be empty: nothing is then stored for them. */
typedef struct {
    uint64_t number;
    hd_hash hash;
    hd_u256 total_difficulty;
    hd_span header;   /* RLP */
    hd_span body;     /* the caller's form */
    hd_span receipts; /* the caller's form */
    hd_span undo;     /* the caller's form */
} hd_store_block;
void hd_store_put_block(hd_store_batch *b, const hd_store_block *block);
/* Parts of a block that come later (a side chain's block that became canonical). */
void hd_store_put_receipts(hd_store_batch *b, uint64_t number, const hd_hash *hash, hd_span data);
void hd_store_put_undo(hd_store_batch *b, uint64_t number, const hd_hash *hash, hd_span data);
void hd_store_delete_undo(hd_store_batch *b, uint64_t number, const hd_hash *hash);

/* The chain's indexes: on the way to a block (and NULL: no block has that number any more). */
void hd_store_put_canonical(hd_store_batch *b, uint64_t number, const hd_hash *hash);
void hd_store_put_tx(hd_store_batch *b, const hd_hash *tx_hash, hd_store_tx_place place);
void hd_store_delete_tx(hd_store_batch *b, const hd_hash *tx_hash);

/* The new head: the flat state after this batch is that block's. Undo records of blocks further
   below than the states to keep are deleted with it, unless the store is an archive. */
void hd_store_put_head(hd_store_batch *b, const hd_store_head *head);
void hd_store_put_named(hd_store_batch *b, const char *name, hd_span data);

/* hd_store_commit writes the batch at once and empties it, or changes nothing and keeps it. It
   enlarges the map when that is full and waits for open reads to end first: a thread that commits
   must hold no read. One commit at a time; others wait. HD_ERR_LIMIT: reads stayed open for
   HD_STORE_GROW_WAIT_S seconds. */
#define HD_STORE_GROW_WAIT_S 30u
hd_err hd_store_commit(hd_store *s, hd_msg *msg, hd_store_batch *b);

#endif
