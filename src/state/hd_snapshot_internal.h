/* hd_snapshot_internal.h - what the two directions of a snapshot share: the form of the file. */
#ifndef HD_SNAPSHOT_INTERNAL_H
#define HD_SNAPSHOT_INTERNAL_H

#include "state/hd_snapshot.h"
#include "state/hd_store_internal.h"

#define HD_SNAPSHOT_MAGIC "heddleST"
#define HD_SNAPSHOT_HEAD 1u
#define HD_SNAPSHOT_NAMED 2u
#define HD_SNAPSHOT_HEADERS 3u
#define HD_SNAPSHOT_CODES 4u
#define HD_SNAPSHOT_ACCOUNTS 5u
#define HD_SNAPSHOT_END 6u
#define HD_SNAPSHOT_ACCOUNT_SZ 93u /* with the byte 1 in front */
#define HD_SNAPSHOT_SLOT_SZ 65u    /* with the byte 2 in front */

HD_INL void hd_snapshot_check(uint8_t out[8], uint64_t idx, const uint8_t head[8],
                              hd_span payload) {
    hd_keccak k;
    uint8_t number[8], hash[32];
    hd_store_be64(number, idx);
    hd_keccak_init(&k);
    hd_keccak_update(&k, number, sizeof number);
    hd_keccak_update(&k, head, 8);
    hd_keccak_update(&k, payload.data, payload.sz);
    hd_keccak_final(&k, hash);
    hd_copy(out, hash, 8);
}

#endif
