/* hd_snapshot.h - the state at a store's head in one portable file, out and in.

   The file: 8 bytes "heddleST", version 4, zero 4; then chunks until the file's end. All numbers
   are big-endian. A chunk: kind 4, size 4, that many bytes, and 8 bytes of checksum: the first of
   keccak-256(index of the chunk 8, kind, size, bytes). Chunks come in this order:
   1  once: head number 8, head hash 32, state root 32
   2  one for each named record: size of the name 1, name, data
   3  up to 256 headers that end with the head's, ascending: number 8, hash 32, total difficulty 32,
      size 4, header
   4  codes: size 4, code
   5  accounts by ascending keccak-256 of their address, each followed by its slots by ascending
      keccak-256 of their key: either 1, address 20, nonce 8, balance 32, code hash 32; or 2, key
      32, value 32. An account's slots may go on in the next chunk.
   6  once, last: how many codes 8, accounts 8, slots 8
   Chunks of kinds 3 to 5 hold whole records and there may be any number of them. Both directions
   hold one chunk and the path to one leaf in memory, and import a batch of writes. */
#ifndef HD_SNAPSHOT_H
#define HD_SNAPSHOT_H

#include "state/hd_store.h"

#define HD_SNAPSHOT_VERSION 1u
#define HD_SNAPSHOT_CHUNK_SZ_MAX (1u << 26)
#define HD_SNAPSHOT_HEADER_CNT 256u /* what BLOCKHASH and the next block's rules look back at */

typedef struct {
    hd_store_head head;
    uint64_t code_cnt;
    uint64_t account_cnt;
    uint64_t slot_cnt;
    uint64_t file_sz;
} hd_snapshot_info;

/* hd_snapshot_export writes the file at once: path is there whole or as it was. out may be NULL.
   HD_ERR_ABSENT: the store has no head. HD_ERR_CORRUPT: the flat state's root is not the head's.
   HD_ERR_IO, HD_ERR_NOMEM. */
hd_err hd_snapshot_export(hd_snapshot_info *out, hd_msg *msg, const char *path, hd_store_read *r);

/* hd_snapshot_import makes a store in dir, which must hold none, from the file; when it fails there
   is none. It verifies the checksums, the order, that every code an account names is there, that
   the headers are a chain which ends with the head, and that the state's root is what the head's
   header says. What it cannot know is whether that head is the chain's: compare out->head.hash with
   one from a trusted place. HD_ERR_FORMAT with the file, the place and what is wrong;
   HD_ERR_UNSUPPORTED for another version; HD_ERR_ABSENT, HD_ERR_IO (also when dir holds a store),
   HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_snapshot_import(hd_snapshot_info *out, hd_msg *msg, const char *path, const char *dir,
                          const hd_store_options *options);

#endif
