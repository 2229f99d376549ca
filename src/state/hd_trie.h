/* hd_trie.h - Merkle Patricia tries: roots of sorted items and of lists, and a trie in memory.

   Yellow Paper, appendix D. Keys are bytes of any length up to HD_TRIE_KEY_SZ_MAX, one may be the
   beginning of another. An empty value means that the key is not there, so no item may hold one. */
#ifndef HD_TRIE_H
#define HD_TRIE_H

#include "base/hd_buf.h"
#include "base/hd_threads.h"

#define HD_TRIE_KEY_SZ_MAX 65536u
#define HD_TRIE_VALUE_SZ_MAX (1u << 30)
#define HD_TRIE_LIST_CNT_MAX (1u << 28)

typedef struct {
    hd_span key;
    hd_span value;
} hd_trie_item;

/* The root of a trie without keys: keccak-256 of the byte 0x80. */
void hd_trie_empty_root(hd_hash *root);

/* hd_trie_root_sorted computes the root of items that ascend by key (as memcmp orders them, a
   beginning before what continues it). It allocates nothing while keys are at most 32 bytes and
   values at most 1 KiB. HD_ERR_FORMAT for items out of order, twice the same key or an empty value,
   HD_ERR_LIMIT, HD_ERR_NOMEM. Any number of threads. */
hd_err hd_trie_root_sorted(hd_hash *root, const hd_trie_item *items, size_t cnt);

/* hd_trie_list_root: the root of a block's transactions, receipts or withdrawals: item i lies under
   rlp(i). pool (NULL: nobody) helps to hash the items. Errors as above. */
hd_err hd_trie_list_root(hd_hash *root, const hd_span *items, size_t cnt, hd_pool *pool);

/* The same root from items that come one at a time, in the memory of one path: for what is too much
   to hold at once. Keys are 32 bytes, values 1 to HD_TRIE_STREAM_VALUE_SZ_MAX. One thread. */
#define HD_TRIE_STREAM_VALUE_SZ_MAX 256u
typedef struct hd_trie_stream hd_trie_stream;

hd_trie_stream *hd_trie_stream_new(void); /* NULL: no memory */
void hd_trie_stream_free(hd_trie_stream *st);
/* hd_trie_stream_add copies key and value. HD_ERR_FORMAT for a key that is not above the one before
   or an empty value, HD_ERR_LIMIT, HD_ERR_NOMEM; after an error only freeing helps. */
hd_err hd_trie_stream_add(hd_trie_stream *st, const hd_hash *key, hd_span value);
/* hd_trie_stream_root gives the root of what was added and begins anew. */
hd_err hd_trie_stream_root(hd_hash *root, hd_trie_stream *st);

/* A trie in memory, which remembers the hashes of what did not change. One thread at a time. */
typedef struct hd_trie hd_trie;

hd_trie *hd_trie_new(void); /* NULL: no memory */
void hd_trie_free(hd_trie *t);
/* hd_trie_set puts a copy of value under key; an empty value deletes. After an error (HD_ERR_NOMEM,
   HD_ERR_LIMIT) the trie is as before. */
hd_err hd_trie_set(hd_trie *t, hd_span key, hd_span value);
/* HD_OK also when the key was not there. */
hd_err hd_trie_delete(hd_trie *t, hd_span key);
/* HD_OK and a view that lasts until the trie changes, or HD_ERR_ABSENT. */
hd_err hd_trie_get(hd_span *value, const hd_trie *t, hd_span key);
/* hd_trie_next gives the least key above key, hd_trie_prev the greatest below it; key itself need
   not be there. out is cleared first. HD_ERR_ABSENT when there is none, HD_ERR_NOMEM. */
hd_err hd_trie_next(hd_buf *out, const hd_trie *t, hd_span key);
hd_err hd_trie_prev(hd_buf *out, const hd_trie *t, hd_span key);
hd_err hd_trie_root(hd_hash *root, hd_trie *t);

#endif
