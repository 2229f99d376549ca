/* hd_versions.h - what the transactions of a block wrote in an earlier round: versions of accounts
   and slots by transaction, as a lane of a later round reads them.

   A reader at position t sees, of each key, the version of the nearest transaction before t, else
   the committed state (hd_world). Plain flat tables like hd_world's, read-only during a round, so
   that they can lie on a device. Keys are spread over parts by the low bits of their hash; a part's
   tables are open addressing over its keys (entry = index + 1, 0 = free), at most half full. */
#ifndef HD_VERSIONS_H
#define HD_VERSIONS_H

#include "evm/hd_evm.h"

#define HD_VERSION_EXISTS 1u
#define HD_VERSION_HAS_STORAGE 2u
#define HD_VERSION_STORAGE_UNSURE 4u /* slots of it were written: HAS_STORAGE is an upper bound */

/* An account after transaction tx, whole: additions are folded. */
typedef struct {
    hd_u256 balance_wei;
    uint64_t nonce;
    uint32_t tx;       /* position in the sequence */
    uint32_t flags;    /* HD_VERSION_... */
    uint32_t code_ref; /* index into the world's codes, or HD_CODE_VERSION | index into codes */
    uint32_t wiped;    /* position + 1 of the last transaction that destroyed it; 0: none */
} hd_account_version;

typedef struct {
    hd_u256 value;
    uint32_t tx;
    uint32_t reserved;
} hd_slot_version;

/* A key and its versions, ascending by transaction. */
typedef struct {
    uint32_t addr[5]; /* numeric */
    uint32_t first;   /* into the part's versions */
    uint32_t cnt;
} hd_versions_account;

typedef struct {
    hd_u256 key;
    uint32_t addr[5];
    uint32_t first;
    uint32_t cnt;
    uint32_t reserved;
} hd_versions_slot;

HD_STATIC_ASSERT(sizeof(hd_account_version) == 56, "no padding");
HD_STATIC_ASSERT(sizeof(hd_slot_version) == 40, "no padding");
HD_STATIC_ASSERT(sizeof(hd_versions_account) == 28, "no padding");
HD_STATIC_ASSERT(sizeof(hd_versions_slot) == 64, "no padding");

typedef struct {
    const uint32_t *account_table;
    const hd_versions_account *accounts;
    const hd_account_version *account_versions;
    const uint32_t *slot_table;
    const hd_versions_slot *slots;
    const hd_slot_version *slot_versions;
    uint32_t account_mask;
    uint32_t slot_mask;
    uint32_t account_cnt; /* keys */
    uint32_t account_version_cnt;
    uint32_t slot_cnt;
    uint32_t slot_version_cnt;
} hd_versions_part;

/* Codes deployed or delegated by the block's transactions: as a world's. */
#define HD_CODE_VERSION 0x40000000u

typedef struct hd_versions {
    const hd_versions_part *parts;
    const hd_world_code *codes;
    const uint8_t *code_bytes;
    const uint64_t *jump_words;
    uint64_t seed;
    uint64_t code_bytes_sz;
    uint64_t jump_word_cnt;
    uint32_t part_bits; /* of a hash: 2^part_bits parts */
    uint32_t code_cnt;
    /* Host only: where these tables have nothing of a key, those have it (NULL: nobody). A chain of
       transactions lays what its own members wrote over what all wrote. */
    const struct hd_versions *below;
} hd_versions;

HD_INL uint32_t hd_versions_slot_hash(uint64_t seed, const uint32_t addr[5], hd_u256 key) {
    return hd_world_slot_hash(seed, hd_world_account_hash(seed, addr), key);
}

/* The newest version before tx in these tables alone, or NULL. */
HD_INL const hd_account_version *hd_versions_account_in(const hd_versions *v,
                                                        const uint32_t addr[5], uint32_t tx) {
    uint32_t h = hd_world_account_hash(v->seed, addr);
    const hd_versions_part *part = &v->parts[h & ((1u << v->part_bits) - 1)];
    for (h >>= v->part_bits;; h++) {
        uint32_t ref = part->account_table[h & part->account_mask];
        if (ref == 0)
            return 0;
        const hd_versions_account *a = &part->accounts[ref - 1];
        if (a->addr[0] != addr[0] || a->addr[1] != addr[1] || a->addr[2] != addr[2] ||
            a->addr[3] != addr[3] || a->addr[4] != addr[4])
            continue;
        const hd_account_version *x = part->account_versions + a->first;
        uint32_t low = 0, high = a->cnt; /* versions before low are older than tx */
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (x[mid].tx < tx)
                low = mid + 1;
            else
                high = mid;
        }
        return low ? &x[low - 1] : 0;
    }
}

HD_INL const hd_slot_version *hd_versions_slot_in(const hd_versions *v, const uint32_t addr[5],
                                                  hd_u256 key, uint32_t tx) {
    uint32_t h = hd_versions_slot_hash(v->seed, addr, key);
    const hd_versions_part *part = &v->parts[h & ((1u << v->part_bits) - 1)];
    for (h >>= v->part_bits;; h++) {
        uint32_t ref = part->slot_table[h & part->slot_mask];
        if (ref == 0)
            return 0;
        const hd_versions_slot *s = &part->slots[ref - 1];
        if (!hd_u256_is_equal(s->key, key) || s->addr[0] != addr[0] || s->addr[1] != addr[1] ||
            s->addr[2] != addr[2] || s->addr[3] != addr[3] || s->addr[4] != addr[4])
            continue;
        const hd_slot_version *x = part->slot_versions + s->first;
        uint32_t low = 0, high = s->cnt;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (x[mid].tx < tx)
                low = mid + 1;
            else
                high = mid;
        }
        return low ? &x[low - 1] : 0;
    }
}

/* hd_versions_account_find gives the account as transaction tx finds it, or NULL: as committed. */
HD_INL const hd_account_version *hd_versions_account_find(const hd_versions *v,
                                                          const uint32_t addr[5], uint32_t tx) {
#if HD_ON_DEVICE
    return hd_versions_account_in(v, addr, tx);
#else
    for (;; v = v->below) {
        const hd_account_version *x = hd_versions_account_in(v, addr, tx);
        if (x || !v->below)
            return x;
    }
#endif
}

/* The same of a slot. */
HD_INL const hd_slot_version *hd_versions_slot_find(const hd_versions *v, const uint32_t addr[5],
                                                    hd_u256 key, uint32_t tx) {
#if HD_ON_DEVICE
    return hd_versions_slot_in(v, addr, key, tx);
#else
    for (;; v = v->below) {
        const hd_slot_version *x = hd_versions_slot_in(v, addr, key, tx);
        if (x || !v->below)
            return x;
    }
#endif
}

#endif
