/* hd_forest_node.h - the encoding of a forest's nodes, hashed as it is made or written to memory
   (Yellow Paper, appendix D). */
#ifndef HD_FOREST_NODE_H
#define HD_FOREST_NODE_H

#include "crypto/hd_keccak.h"
#include "state/hd_forest.h"

#define HD_FOREST_NODE_SZ_MAX \
    544u /* a branch with 16 hashes takes 532 bytes; 7 are written behind */
#define HD_FOREST_WORDS (HD_KECCAK_RATE_SZ / 8)

/* Bytes on their way into a hash, a word at a time; or, where out is set, into memory. The hash's
   state lies apart, so that the rest can be kept in registers. */
typedef struct {
    uint64_t *s;
    uint64_t word; /* the lowest bit_cnt bits are waiting */
    uint32_t bit_cnt;
    uint32_t word_cnt;
    uint8_t *out;
    uint32_t out_sz;
} hd_forest_enc;

HD_INL void hd_forest_enc_hash_start(hd_forest_enc *e, uint64_t s[25]) {
    for (uint32_t i = 0; i < 25; i++)
        s[i] = 0;
    e->s = s;
    e->word = 0;
    e->bit_cnt = e->word_cnt = e->out_sz = 0;
    e->out = NULL;
}

HD_INL void hd_forest_enc_bytes_start(hd_forest_enc *e, uint8_t *out) {
    e->s = NULL;
    e->word = 0;
    e->bit_cnt = e->word_cnt = e->out_sz = 0;
    e->out = out;
}

HD_INL void hd_forest_enc_flush(hd_forest_enc *e, uint64_t word) {
    e->s[e->word_cnt++] ^= word;
    if (e->word_cnt == HD_FOREST_WORDS) {
        hd_keccak_f1600(e->s);
        e->word_cnt = 0;
    }
}

/* The n lowest bytes of v, 1 to 8; those above are 0. */
HD_INL void hd_forest_enc_bytes(hd_forest_enc *e, uint64_t v, uint32_t n) {
    if (e->out) {
        hd_copy(e->out + e->out_sz, &v, 8); /* what is above n is written over or not looked at */
        e->out_sz += n;
        return;
    }
    uint32_t bit_cnt = e->bit_cnt + 8 * n;
    e->word |= v << e->bit_cnt;
    if (bit_cnt >= 64) {
        hd_forest_enc_flush(e, e->word);
        bit_cnt -= 64;
        e->word = bit_cnt ? v >> (8 * n - bit_cnt) : 0;
    }
    e->bit_cnt = bit_cnt;
}

HD_INL void hd_forest_enc_byte(hd_forest_enc *e, uint32_t byte) { hd_forest_enc_bytes(e, byte, 1); }

HD_INL void hd_forest_enc_hash(hd_forest_enc *e, const hd_forest_key *hash) {
    hd_forest_enc_byte(e, 0xa0);
    for (uint32_t i = 0; i < 4; i++)
        hd_forest_enc_bytes(e, hash->w[i], 8);
}

HD_INL void hd_forest_enc_end(hd_forest_enc *e, hd_forest_key *hash) {
    e->s[e->word_cnt] ^= e->word | (uint64_t)1 << e->bit_cnt;
    e->s[HD_FOREST_WORDS - 1] ^= 0x8000000000000000u;
    hd_keccak_f1600(e->s);
    for (uint32_t i = 0; i < 4; i++)
        hash->w[i] = e->s[i];
}

/* ---- pieces ---- */

/* Bytes of x, above 0, without leading zeros. */
HD_INL uint32_t hd_forest_word_sz(uint64_t x) {
#if HD_ON_DEVICE
    return 8 - (uint32_t)__clzll((long long)x) / 8;
#elif defined(__GNUC__) && !defined(__CUDACC__)
    return 8 - (uint32_t)__builtin_clzll(x) / 8;
#else
    uint32_t n = 0;
    for (; x; x >>= 8)
        n++;
    return n;
#endif
}

/* Bytes of a number without leading zeros. */
HD_INL uint32_t hd_forest_num_sz(const uint64_t *w, uint32_t cnt) {
    for (uint32_t i = cnt; i-- > 0;)
        if (w[i])
            return 8 * i + hd_forest_word_sz(w[i]);
    return 0;
}

/* Bytes of its string: 0 is the empty string, a byte below 0x80 stands for itself. */
HD_INL uint32_t hd_forest_num_item_sz(const uint64_t *w, uint32_t sz) {
    return sz == 1 && w[0] < 0x80 ? 1 : 1 + sz;
}

HD_INL void hd_forest_enc_num(hd_forest_enc *e, const uint64_t *w, uint32_t sz) {
    if (!(sz == 1 && w[0] < 0x80))
        hd_forest_enc_byte(e, 0x80 + sz);
    if (sz == 0)
        return;
    uint32_t i = (sz - 1) / 8, n = (sz - 1) % 8 + 1;
    hd_forest_enc_bytes(e, hd_bswap64(w[i]) >> (8 * (8 - n)), n);
    while (i-- > 0)
        hd_forest_enc_bytes(e, hd_bswap64(w[i]), 8);
}

HD_INL uint32_t hd_forest_list_sz(uint32_t payload_sz) {
    return payload_sz + (payload_sz < 56 ? 1 : payload_sz < 256 ? 2 : 3);
}

HD_INL void hd_forest_enc_list(hd_forest_enc *e, uint32_t payload_sz) {
    if (payload_sz < 56)
        hd_forest_enc_byte(e, 0xc0 + payload_sz);
    else if (payload_sz < 256)
        hd_forest_enc_bytes(e, 0xf8 | payload_sz << 8, 2);
    else
        hd_forest_enc_bytes(e, 0xf9 | (payload_sz >> 8) << 8 | (payload_sz & 0xff) << 16, 3);
}

/* The string of a path in hex-prefix form: a nibble of flags (2: leaf, 1: odd count), an unused one
   where the count is even, then the path. A single byte of it is below 0x40 and stands for itself.
 */
HD_INL uint32_t hd_forest_path_sz(uint32_t from, uint32_t to) {
    return to - from < 2 ? 1 : 2 + (to - from) / 2;
}

HD_INL void hd_forest_enc_path(hd_forest_enc *e, const hd_forest_key *key, uint32_t from,
                               uint32_t to, uint32_t leaf_flag) {
    if (to - from >= 2)
        hd_forest_enc_byte(e, 0x80 + 1 + (to - from) / 2);
    if ((to - from) & 1) {
        hd_forest_enc_byte(e, leaf_flag | 0x10 | hd_forest_nibble(key, from));
        from++;
    } else {
        hd_forest_enc_byte(e, leaf_flag);
    }
    if (!(from & 1) && to == 64) { /* a leaf's: whole bytes to the key's end */
        uint32_t i = from / 16, skip = from / 2 % 8;
        if (skip) {
            hd_forest_enc_bytes(e, key->w[i] >> (8 * skip), 8 - skip);
            i++;
        }
        for (; i < 4; i++)
            hd_forest_enc_bytes(e, key->w[i], 8);
        return;
    }
    for (; from < to; from += 2)
        hd_forest_enc_byte(e, hd_forest_nibble(key, from) << 4 | hd_forest_nibble(key, from + 1));
}

/* ---- leaves ---- */

/* The sizes of a leaf's parts. */
typedef struct {
    uint32_t from;     /* where its path begins */
    uint32_t value_sz; /* the value: a slot's number, or an account's list */
    uint32_t num_sz;   /* slot: bytes of the number; account: of the balance */
    uint32_t nonce_sz;
    uint32_t payload_sz;
    uint32_t total_sz;
} hd_forest_leaf_form;

HD_INL void hd_forest_leaf_measure(hd_forest_leaf_form *m, const hd_forest *f,
                                   const hd_forest_leaf *l) {
    m->from = hd_forest_from(f, l->parent);
    m->num_sz = hd_forest_num_sz(l->value.w, 4);
    m->nonce_sz = 0;
    m->value_sz = hd_forest_num_item_sz(l->value.w, m->num_sz);
    uint32_t item_sz;
    if (l->trie) { /* a string with the number's string in it */
        item_sz = m->value_sz == 1 ? 1 : 1 + m->value_sz;
    } else {
        const uint64_t *nonce = &f->tries[l->account].nonce;
        m->nonce_sz = hd_forest_num_sz(nonce, 1);
        m->value_sz = 2 + m->value_sz + hd_forest_num_item_sz(nonce, m->nonce_sz) + 66;
        item_sz = 2 + m->value_sz;
    }
    m->payload_sz = hd_forest_path_sz(m->from, 64) + item_sz;
    m->total_sz = hd_forest_list_sz(m->payload_sz);
}

/* The value as it lies in the trie. */
HD_INL void hd_forest_enc_value(hd_forest_enc *e, const hd_forest_leaf_form *m, const hd_forest *f,
                                const hd_forest_leaf *l) {
    if (l->trie) {
        hd_forest_enc_num(e, l->value.w, m->num_sz);
        return;
    }
    const hd_forest_trie *t = &f->tries[l->account];
    hd_forest_enc_bytes(e, 0xf8 | (m->value_sz - 2) << 8, 2);
    hd_forest_enc_num(e, &t->nonce, m->nonce_sz);
    hd_forest_enc_num(e, l->value.w, m->num_sz);
    hd_forest_enc_hash(e, &t->root);
    hd_forest_enc_hash(e, &t->code_hash);
}

HD_INL void hd_forest_enc_leaf(hd_forest_enc *e, const hd_forest_leaf_form *m, const hd_forest *f,
                               const hd_forest_leaf *l) {
    hd_forest_enc_list(e, m->payload_sz);
    hd_forest_enc_path(e, &l->key, m->from, 64, 0x20);
    if (!l->trie) {
        hd_forest_enc_bytes(e, 0xb8 | m->value_sz << 8, 2);
    } else if (m->value_sz > 1) {
        hd_forest_enc_byte(e, 0x80 + m->value_sz);
    }
    hd_forest_enc_value(e, m, f, l);
}

/* ---- branches ---- */

HD_INL uint32_t hd_forest_branch_payload_sz(const hd_forest_branch *b) {
    uint32_t sz = 1; /* a key never ends in a branch: no value */
    for (uint32_t i = 0; i < 16; i++)
        sz += b->ref_sz[i] == 32 ? 33 : b->ref_sz[i] ? b->ref_sz[i] : 1;
    return sz;
}

HD_INL void hd_forest_enc_branch(hd_forest_enc *e, const hd_forest_branch *b, uint32_t payload_sz) {
    hd_forest_enc_list(e, payload_sz);
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t sz = b->ref_sz[i];
        if (sz == 32) {
            hd_forest_enc_hash(e, &b->refs[i]);
        } else if (sz == 0) {
            hd_forest_enc_byte(e, 0x80);
        } else {
            for (uint32_t k = 0; k < sz; k++)
                hd_forest_enc_byte(e, (uint32_t)(b->refs[i].w[k / 8] >> (8 * (k % 8))) & 0xffu);
        }
    }
    hd_forest_enc_byte(e, 0x80);
}

/* What a parent holds of a node: sz 32 is a hash. */
typedef struct {
    hd_forest_key key;
    uint32_t sz;
} hd_forest_ref;

HD_INL uint32_t hd_forest_ext_payload_sz(const hd_forest_branch *b, uint32_t from,
                                         const hd_forest_ref *inner) {
    return hd_forest_path_sz(from, b->depth) + (inner->sz == 32 ? 33 : inner->sz);
}

/* The extension from nibble `from` to the branch, of which inner is the reference. */
HD_INL void hd_forest_enc_ext(hd_forest_enc *e, const hd_forest_branch *b, uint32_t from,
                              const hd_forest_ref *inner) {
    hd_forest_enc_list(e, hd_forest_ext_payload_sz(b, from, inner));
    hd_forest_enc_path(e, &b->prefix, from, b->depth, 0);
    if (inner->sz == 32) {
        hd_forest_enc_hash(e, &inner->key);
        return;
    }
    for (uint32_t k = 0; k < inner->sz; k++)
        hd_forest_enc_byte(e, (uint32_t)(inner->key.w[k / 8] >> (8 * (k % 8))) & 0xffu);
}

/* ---- 6. hash ---- */

/* A node that went into the hash's state: its hash, or, where it is below 32 bytes, the encoding
   itself, which then lies in the first words and was never permuted. */
HD_INL void hd_forest_enc_ref(hd_forest_enc *e, hd_forest_ref *r, uint32_t sz, int is_root) {
    if (sz >= 32 || is_root) { /* a root is hashed however short it is */
        hd_forest_enc_end(e, &r->key);
        r->sz = 32;
        return;
    }
    e->s[e->word_cnt] ^= e->word;
    for (uint32_t i = 0; i < 4; i++)
        r->key.w[i] = e->s[i];
    r->sz = sz;
}

/* A node's encoding in memory that is large enough (HD_FOREST_NODE_SZ_MAX for any); its size. */
HD_NOINL uint32_t hd_forest_leaf_bytes(uint8_t *out, const hd_forest *f, const hd_forest_leaf *l) {
    hd_forest_leaf_form m;
    hd_forest_enc e;
    hd_forest_leaf_measure(&m, f, l);
    hd_forest_enc_bytes_start(&e, out);
    hd_forest_enc_leaf(&e, &m, f, l);
    return e.out_sz;
}

HD_NOINL uint32_t hd_forest_branch_bytes(uint8_t *out, const hd_forest_branch *b) {
    hd_forest_enc e;
    hd_forest_enc_bytes_start(&e, out);
    hd_forest_enc_branch(&e, b, hd_forest_branch_payload_sz(b));
    return e.out_sz;
}

HD_NOINL uint32_t hd_forest_ext_bytes(uint8_t *out, const hd_forest_branch *b, uint32_t from,
                                      const hd_forest_ref *inner) {
    hd_forest_enc e;
    hd_forest_enc_bytes_start(&e, out);
    hd_forest_enc_ext(&e, b, from, inner);
    return e.out_sz;
}

/* Makes a node's reference. */
HD_NOINL void hd_forest_ref_leaf(hd_forest_ref *r, const hd_forest *f, const hd_forest_leaf *l) {
    hd_forest_leaf_form m;
    uint64_t s[25];
    hd_forest_enc e;
    hd_forest_leaf_measure(&m, f, l);
    hd_forest_enc_hash_start(&e, s);
    hd_forest_enc_leaf(&e, &m, f, l);
    hd_forest_enc_ref(&e, r, m.total_sz, !l->parent);
}

/* The branch alone, without the extension above it. */
HD_NOINL void hd_forest_ref_branch(hd_forest_ref *r, const hd_forest_branch *b, int is_root) {
    uint32_t payload_sz = hd_forest_branch_payload_sz(b);
    uint64_t s[25];
    hd_forest_enc e;
    hd_forest_enc_hash_start(&e, s);
    hd_forest_enc_branch(&e, b, payload_sz);
    hd_forest_enc_ref(&e, r, hd_forest_list_sz(payload_sz), is_root);
}

HD_NOINL void hd_forest_ref_ext(hd_forest_ref *r, const hd_forest_branch *b, uint32_t from,
                                const hd_forest_ref *inner) {
    uint64_t s[25];
    hd_forest_enc e;
    hd_forest_enc_hash_start(&e, s);
    hd_forest_enc_ext(&e, b, from, inner);
    hd_forest_enc_ref(&e, r, hd_forest_list_sz(hd_forest_ext_payload_sz(b, from, inner)),
                      !b->parent);
}

HD_INL void hd_forest_put_ref(const hd_forest *f, uint32_t trie, uint32_t parent,
                              const hd_forest_key *key, const hd_forest_ref *r) {
    if (!parent) {
        f->tries[trie].root = r->key;
        return;
    }
    hd_forest_branch *p = &f->branches[parent];
    uint32_t n = hd_forest_nibble(key, p->depth);
    p->refs[n] = r->key;
    p->ref_sz[n] = (uint8_t)r->sz;
}

HD_INL void hd_forest_hash_leaf(const hd_forest *f, uint32_t idx) {
    hd_forest_leaf *l = &f->leaves[idx];
    hd_forest_ref r;
    hd_forest_ref_leaf(&r, f, l);
    hd_forest_put_ref(f, l->trie, l->parent, &l->key, &r);
    l->mark = 0;
}

HD_INL void hd_forest_hash_branch(const hd_forest *f, uint32_t idx) {
    hd_forest_branch *b = &f->branches[idx];
    uint32_t from = hd_forest_from(f, b->parent);
    hd_forest_ref r;
    hd_forest_ref_branch(&r, b, !b->parent && from == b->depth);
    if (from < b->depth) {
        hd_forest_ref inner = r;
        hd_forest_ref_ext(&r, b, from, &inner);
    }
    hd_forest_put_ref(f, b->trie, b->parent, &b->prefix, &r);
    b->mark = 0;
}

/* keccak-256 of at most 32 bytes, for addresses and the numbers of slots. */
HD_INL void hd_forest_hash_slot(hd_forest_key *out, hd_u256 slot) {
    uint64_t s[25];
    for (uint32_t i = 0; i < 25; i++)
        s[i] = 0;
    for (uint32_t i = 0; i < 4; i++)
        s[i] = hd_bswap64(slot.w[3 - i]);
    s[4] = 1;
    s[HD_FOREST_WORDS - 1] ^= 0x8000000000000000u;
    hd_keccak_f1600(s);
    for (uint32_t i = 0; i < 4; i++)
        out->w[i] = s[i];
}

/* addr as in hd_world: five words, least significant first. */
HD_INL void hd_forest_hash_address(hd_forest_key *out, const uint32_t addr[5]) {
    uint64_t s[25];
    for (uint32_t i = 0; i < 25; i++)
        s[i] = 0;
    s[0] = (uint64_t)hd_bswap32(addr[4]) | (uint64_t)hd_bswap32(addr[3]) << 32;
    s[1] = (uint64_t)hd_bswap32(addr[2]) | (uint64_t)hd_bswap32(addr[1]) << 32;
    s[2] = (uint64_t)hd_bswap32(addr[0]) | (uint64_t)1 << 32;
    s[HD_FOREST_WORDS - 1] ^= 0x8000000000000000u;
    hd_keccak_f1600(s);
    for (uint32_t i = 0; i < 4; i++)
        out->w[i] = s[i];
}

#endif
