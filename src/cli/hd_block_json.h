/* hd_block_json.h - blocks as JSON-RPC writes them (eth_getBlockByNumber with full transactions),
   and what is known of the state before one: accounts, codes by hash, block hashes by number.

   All readers return HD_OK, HD_ERR_NOMEM, HD_ERR_LIMIT, or HD_ERR_FORMAT with "FILE: PLACE: what is
   expected" in msg; HD_ERR_ABSENT and HD_ERR_IO for files. What was read may be used by any number
   of threads. */
#ifndef HD_BLOCK_JSON_H
#define HD_BLOCK_JSON_H

#include "base/hd_json.h"
#include "evm/hd_block.h"
#include "state/hd_state.h"

#define HD_BLOCK_JSON_SZ_MAX (1ull << 30) /* bytes of a file */
#define HD_BLOCK_JSON_DEPTH_MAX 16u

/* Zeroed is empty; hd_block_json_free. */
typedef struct {
    hd_block block;           /* without ommers: JSON-RPC gives their hashes alone */
    hd_hash hash;             /* as the JSON says; block.hash is that of the encoded header */
    hd_buf senders;           /* of hd_address: "from" of each transaction */
    hd_buf tx_hashes;         /* of hd_hash, likewise */
    hd_u256 total_difficulty; /* up to and with the block; zero where it is not told */
    uint32_t has_total_difficulty;
    uint32_t ommer_cnt;
} hd_block_json;

/* hd_block_json_read replaces what *out held. Roots and hashes are not compared. */
hd_err hd_block_json_read(hd_block_json *out, hd_msg *msg, hd_json val);
void hd_block_json_free(hd_block_json *b);

/* ---- codes: {"0xHASH": "0xCODE"} */
typedef struct {
    hd_hash hash;
    size_t off; /* into bytes */
    size_t sz;
} hd_code_entry;

typedef struct {
    hd_buf entries; /* of hd_code_entry, ascending by hash */
    hd_buf bytes;
} hd_code_book;

/* Every code is hashed: one that lies under another's hash is HD_ERR_FORMAT. */
hd_err hd_code_book_read(hd_code_book *out, hd_msg *msg, hd_json val);
/* HD_ERR_ABSENT. The empty code is always there. */
hd_err hd_code_book_find(hd_span *out, const hd_code_book *book, const hd_hash *hash);
void hd_code_book_free(hd_code_book *book);

/* ---- block hashes: {"NUMBER": "0xHASH"} */
typedef struct {
    uint64_t number;
    hd_hash hash;
} hd_block_hash_entry;

typedef struct {
    hd_buf entries; /* of hd_block_hash_entry, ascending by number */
} hd_block_hash_book;

hd_err hd_block_hash_book_read(hd_block_hash_book *out, hd_msg *msg, hd_json val);
/* HD_ERR_ABSENT. */
hd_err hd_block_hash_book_find(hd_hash *out, const hd_block_hash_book *book, uint64_t number);
void hd_block_hash_book_free(hd_block_hash_book *book);

/* ---- accounts: {"0xADDRESS": {"balance", "nonce", "code_hash", "storage": {"0xKEY": "0xVALUE"}}};
   code_hash and storage may be missing. */

/* hd_pre_state_read adds the accounts to s. An account without anything is one that exists only
   before EIP-158 (fork). A code that book lacks is HD_ERR_FORMAT. */
hd_err hd_pre_state_read(hd_state *s, hd_msg *msg, hd_json val, const hd_code_book *book,
                         uint32_t fork);

#endif
