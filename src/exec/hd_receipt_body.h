/* hd_receipt_body.h - the lane functions of a block's receipts: each receipt encoded and hashed as
   the leaf of the receipts trie, the trie's branches level by level, the block's bloom.

   Shared code. The trie's keys are rlp(index), so that its shape follows from the number of
   receipts alone. They fall into classes by their first byte, each a range of indexes whose nibbles
   make a complete tree of 16 ways (but for its edges): 0  1 to 127                one byte: hangs
   off the root by its high nibble 1  128 to 255              behind 81 2  256 to 65,535 behind 82
     3  65,536 to 16,777,215    behind 83
   and index 0, which is 80. A receipt has more than 256 bytes, so every node is known by its hash.
 */
#ifndef HD_RECEIPT_BODY_H
#define HD_RECEIPT_BODY_H

#include "base/hd_atomic.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_evm.h"

#define HD_RECEIPT_CLASS_CNT 4u
#define HD_RECEIPT_INDEX_MAX 0xffffffu

/* A class: indexes lo to hi (hi < lo: none), `levels` levels of branches over them. */
typedef struct {
    uint32_t lo, hi, levels;
} hd_receipt_class;

HD_INL hd_receipt_class hd_receipt_class_of(uint32_t class_idx, uint32_t cnt) {
    HD_TABLE(uint32_t, first, 5) = {1, 128, 256, 65536, 16777216};
    HD_TABLE(uint32_t, levels, 4) = {1, 2, 4, 6};
    hd_receipt_class c;
    c.lo = first[class_idx];
    c.hi = HD_MIN(cnt, first[class_idx + 1]) - 1;
    c.levels = levels[class_idx];
    return c;
}

typedef struct {
    const hd_receipt *receipts;
    const hd_tx *txs;
    const hd_log_entry *logs;
    const uint8_t *bytes;
    const uint64_t *gas_at; /* used before each; cnt + 1 */
    uint32_t *bloom;        /* 64 words: bit n of the bloom is bit n % 32 of word n / 32 */
    hd_hash *nodes;         /* of all indexes, then of the groups of each level */
    uint32_t cnt;
    /* Of the phase that makes branches. */
    uint32_t class_idx;
    uint32_t level;
    uint32_t from_off; /* of the level below, in nodes */
    uint32_t to_off;
    uint32_t reserved;
} hd_receipt_job;

/* ---- RLP into a hash ---- */

HD_INL uint32_t hd_receipt_head_sz(uint32_t sz) {
    return sz <= 55 ? 1 : sz >> 24 ? 5 : sz >> 16 ? 4 : sz >> 8 ? 3 : 2;
}

/* base is 0x80 for strings, 0xc0 for lists. */
HD_NOINL void hd_receipt_head(hd_keccak *k, uint32_t base, uint32_t sz) {
    uint8_t head[8];
    uint32_t cnt = hd_receipt_head_sz(sz);
    head[0] = (uint8_t)(cnt == 1 ? base + sz : base + 55 + cnt - 1);
    for (uint32_t i = 1; i < cnt; i++)
        head[i] = (uint8_t)(sz >> (8 * (cnt - 1 - i)));
    hd_keccak_update(k, head, cnt);
}

HD_INL uint32_t hd_receipt_list_sz(uint32_t sz) { return hd_receipt_head_sz(sz) + sz; }

HD_INL uint32_t hd_receipt_data_sz(const hd_log_entry *l, const uint8_t *bytes) {
    if (l->data_sz == 1 && bytes[l->data_off] < 0x80)
        return 1;
    return hd_receipt_list_sz(l->data_sz);
}

HD_INL uint32_t hd_receipt_topic_cnt(const hd_log_entry *l) {
    return l->topic_cnt < 4 ? l->topic_cnt : 4;
}

HD_INL uint32_t hd_receipt_log_sz(const hd_log_entry *l, const uint8_t *bytes) {
    return 21 + hd_receipt_list_sz(33 * hd_receipt_topic_cnt(l)) + hd_receipt_data_sz(l, bytes);
}

HD_NOINL void hd_receipt_log(hd_keccak *k, const hd_log_entry *l, const uint8_t *bytes) {
    uint32_t topic_cnt = hd_receipt_topic_cnt(l);
    hd_receipt_head(k, 0xc0, hd_receipt_log_sz(l, bytes));
    hd_receipt_head(k, 0x80, 20);
    hd_keccak_update(k, l->addr.b, 20);
    hd_receipt_head(k, 0xc0, 33 * topic_cnt);
    for (uint32_t i = 0; i < topic_cnt; i++) {
        hd_receipt_head(k, 0x80, 32);
        hd_keccak_update(k, l->topics[i].b, 32);
    }
    if (!(l->data_sz == 1 && bytes[l->data_off] < 0x80))
        hd_receipt_head(k, 0x80, l->data_sz);
    hd_keccak_update(k, bytes + l->data_off, l->data_sz);
}

/* The path of rest_cnt nibbles of x, the lowest last, in hex-prefix encoding (Yellow Paper, C). */
HD_INL uint32_t hd_receipt_path(uint8_t out[8], uint32_t x, uint32_t rest_cnt, uint32_t is_leaf) {
    uint32_t sz = rest_cnt / 2 + 1, is_odd = rest_cnt & 1;
    for (uint32_t i = 0; i < sz; i++)
        out[sz - 1 - i] = (uint8_t)(x >> (8 * i));
    out[0] = (uint8_t)((is_odd ? out[0] & 15 : 0) | (2 * is_leaf + is_odd) << 4);
    return sz;
}

HD_INL uint32_t hd_receipt_path_sz(uint32_t path_sz) { return path_sz == 1 ? 1 : 1 + path_sz; }

HD_INL void hd_receipt_put_path(hd_keccak *k, const uint8_t *path, uint32_t sz) {
    if (sz > 1) /* one byte stands for itself: it is below 0x80 */
        hd_receipt_head(k, 0x80, sz);
    hd_keccak_update(k, path, sz);
}

/* ---- the bloom ---- */

HD_NOINL void hd_receipt_bloom_add(uint32_t bloom[64], const uint8_t *in, uint32_t sz) {
    uint8_t h[32];
    hd_keccak256(h, in, sz);
    for (uint32_t i = 0; i < 6; i += 2) {
        uint32_t bit = ((uint32_t)h[i] << 8 | h[i + 1]) & 2047;
        bloom[bit >> 5] |= 1u << (bit & 31);
    }
}

HD_INL void hd_receipt_bloom_bytes(uint8_t out[256], const uint32_t bloom[64]) {
    for (uint32_t i = 0; i < 64; i++)
        hd_store_be32(out + 252 - 4 * i, bloom[i]);
}

/* ---- nodes ---- */

/* How many nibbles lie between the node of level `level` that covers index i and its parent: levels
   whose group has one child alone have no branch. */
HD_INL uint32_t hd_receipt_gap(const hd_receipt_class *c, uint32_t level, uint32_t i) {
    uint32_t gap = 0;
    for (uint32_t m = level + 1; m <= c->levels; m++, gap++) {
        uint32_t group = i >> (4 * m);
        uint32_t a = HD_MAX(group << 4, c->lo >> (4 * (m - 1)));
        uint32_t b = HD_MIN(group << 4 | 15, c->hi >> (4 * (m - 1)));
        if (a != b)
            break;
    }
    return gap;
}

/* Nibbles of receipt t's key behind its parent. */
HD_INL uint32_t hd_receipt_rest(uint32_t t, uint32_t cnt, uint32_t *class_idx) {
    *class_idx = t < 128 ? 0 : t < 256 ? 1 : t < 65536 ? 2 : 3;
    if (t == 0) /* 80: the root itself, a child of the root, or of the branch at 8 */
        return cnt == 1 ? 2 : cnt <= 128 ? 1 : 0;
    hd_receipt_class c = hd_receipt_class_of(*class_idx, cnt);
    return hd_receipt_gap(&c, 0, t);
}

/* Encodes receipt t as a leaf and hashes it to nodes[t]; adds to the block's bloom. */
HD_NOINL void hd_receipt_leaf(const hd_receipt_job *j, uint32_t t) {
    const hd_receipt *r = &j->receipts[t];
    const hd_log_entry *logs = j->logs + r->log_off;
    uint32_t bloom[64], logs_sz = 0, class_idx;
    uint8_t path[8], bloom_bytes[256], gas[9];
    for (uint32_t i = 0; i < 64; i++)
        bloom[i] = 0;
    for (uint32_t i = 0; i < r->log_cnt; i++) {
        hd_receipt_bloom_add(bloom, logs[i].addr.b, 20);
        for (uint32_t k = 0; k < hd_receipt_topic_cnt(&logs[i]); k++)
            hd_receipt_bloom_add(bloom, logs[i].topics[k].b, 32);
        logs_sz += hd_receipt_list_sz(hd_receipt_log_sz(&logs[i], j->bytes));
    }
    for (uint32_t i = 0; i < 64; i++) /* most bits of a large block are soon there */
        if (bloom[i] & ~hd_atomic_load32(&j->bloom[i]))
            hd_atomic_or32(&j->bloom[i], bloom[i]);
    hd_receipt_bloom_bytes(bloom_bytes, bloom);
    uint64_t used = j->gas_at[t + 1];
    uint32_t gas_sz = 0;
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t b = (uint8_t)(used >> (56 - 8 * i));
        if (b || gas_sz)
            gas[1 + gas_sz++] = b;
    }
    gas[0] = (uint8_t)(0x80 + gas_sz); /* at least 21,000: two bytes and more */
    uint32_t payload_sz = 1 + 1 + gas_sz + 259 + hd_receipt_list_sz(logs_sz);
    uint32_t type = j->txs[t].type;
    uint32_t value_sz = (type != HD_TX_LEGACY) + hd_receipt_list_sz(payload_sz);
    uint32_t rest = hd_receipt_rest(t, j->cnt, &class_idx);
    /* Index 0 is written 80. */
    uint32_t path_sz = hd_receipt_path(path, t == 0 && rest == 2 ? 0x80 : t, rest, 1);
    hd_keccak k;
    hd_keccak_init(&k);
    hd_receipt_head(&k, 0xc0, hd_receipt_path_sz(path_sz) + hd_receipt_list_sz(value_sz));
    hd_receipt_put_path(&k, path, path_sz);
    hd_receipt_head(&k, 0x80, value_sz);
    if (type != HD_TX_LEGACY) {
        uint8_t b = (uint8_t)type;
        hd_keccak_update(&k, &b, 1);
    }
    hd_receipt_head(&k, 0xc0, payload_sz);
    uint8_t status = r->status == HD_TX_SUCCESS ? 1 : 0x80;
    hd_keccak_update(&k, &status, 1);
    hd_keccak_update(&k, gas, 1 + gas_sz);
    hd_receipt_head(&k, 0x80, 256);
    hd_keccak_update(&k, bloom_bytes, 256);
    hd_receipt_head(&k, 0xc0, logs_sz);
    for (uint32_t i = 0; i < r->log_cnt; i++)
        hd_receipt_log(&k, &logs[i], j->bytes);
    hd_keccak_final(&k, j->nodes[t].b);
}

/* The hash of a branch whose children first to last (nibbles) are children[0, last - first]. */
HD_NOINL void hd_receipt_branch(hd_hash *out, const hd_hash *children, uint32_t first,
                                uint32_t last) {
    uint32_t cnt = last - first + 1;
    uint8_t none = 0x80, some = 0xa0;
    hd_keccak k;
    hd_keccak_init(&k);
    hd_receipt_head(&k, 0xc0, 33 * cnt + 17 - cnt);
    for (uint32_t i = 0; i < 16; i++) {
        if (i < first || i > last) {
            hd_keccak_update(&k, &none, 1);
            continue;
        }
        hd_keccak_update(&k, &some, 1);
        hd_keccak_update(&k, children[i - first].b, 32);
    }
    hd_keccak_update(&k, &none, 1);
    hd_keccak_final(&k, out->b);
}

/* Group i of the level, from its children's nodes. */
HD_NOINL void hd_receipt_group(const hd_receipt_job *j, uint32_t i) {
    hd_receipt_class c = hd_receipt_class_of(j->class_idx, j->cnt);
    uint32_t m = j->level, first = c.lo >> (4 * (m - 1)), last = c.hi >> (4 * (m - 1));
    uint32_t group = (c.lo >> (4 * m)) + i;
    uint32_t a = HD_MAX(group << 4, first), b = HD_MIN(group << 4 | 15, last);
    const hd_hash *children = j->nodes + j->from_off + (a - first);
    hd_hash *out = &j->nodes[j->to_off + i];
    if (a == b) { /* no branch here; the child's path is the longer for it */
        *out = children[0];
        return;
    }
    hd_receipt_branch(out, children, a & 15, b & 15);
    uint32_t gap = hd_receipt_gap(&c, m, group << (4 * m));
    if (gap == 0)
        return;
    uint8_t path[8], some = 0xa0;
    hd_hash hash = *out;
    uint32_t path_sz = hd_receipt_path(path, group, gap, 0);
    hd_keccak k;
    hd_keccak_init(&k);
    hd_receipt_head(&k, 0xc0, hd_receipt_path_sz(path_sz) + 33);
    hd_receipt_put_path(&k, path, path_sz);
    hd_keccak_update(&k, &some, 1);
    hd_keccak_update(&k, hash.b, 32);
    hd_keccak_final(&k, out->b);
}

/* The root from the classes' tops: top[0, 8) of class 0 (as many as it has), then one of each other
   class there is; zero is the leaf of index 0. One lane. */
HD_NOINL void hd_receipt_top(hd_hash *root, const hd_hash *zero, const hd_hash *low,
                             const hd_hash high[3], uint32_t cnt) {
    hd_hash children[9], eighth[4];
    if (cnt == 1) {
        *root = *zero;
        return;
    }
    uint32_t low_cnt = (HD_MIN(cnt, 128u) - 1) / 16 + 1;
    for (uint32_t i = 0; i < low_cnt; i++)
        children[i] = low[i];
    eighth[0] = *zero;
    uint32_t high_cnt = cnt > 65536 ? 3 : cnt > 256 ? 2 : cnt > 128 ? 1 : 0;
    for (uint32_t i = 0; i < high_cnt; i++)
        eighth[1 + i] = high[i];
    if (high_cnt)
        hd_receipt_branch(&children[8], eighth, 0, high_cnt);
    else
        children[8] = *zero;
    /* Children between low_cnt and 8 are missing where there are few. */
    uint8_t none = 0x80, some = 0xa0;
    hd_keccak k;
    hd_keccak_init(&k);
    hd_receipt_head(&k, 0xc0, 33 * (low_cnt + 1) + 17 - (low_cnt + 1));
    for (uint32_t i = 0; i < 16; i++) {
        if (i < low_cnt || i == 8) {
            hd_keccak_update(&k, &some, 1);
            hd_keccak_update(&k, children[i].b, 32);
        } else {
            hd_keccak_update(&k, &none, 1);
        }
    }
    hd_keccak_update(&k, &none, 1);
    hd_keccak_final(&k, root->b);
}

#endif
