/* hd_trie_node.h - the encoding of trie nodes, for the two kinds of trie in this room. */
#ifndef HD_TRIE_NODE_H
#define HD_TRIE_NODE_H

#include "base/hd_buf.h"

/* What a parent holds of a child: the child's own encoding where that is shorter than 32 bytes,
   else the string of its hash. sz 0: no child. */
typedef struct {
    uint8_t sz;
    uint8_t b[33];
} hd_trie_ref;

/* Memory to encode a node in: fixed until a node is larger. */
typedef struct {
    hd_buf buf;
    uint8_t fixed[1280];
} hd_trie_enc;

void hd_trie_enc_init(hd_trie_enc *enc);
void hd_trie_enc_free(hd_trie_enc *enc);

/* Nibbles [from, to) of a key; a path is given as bytes with two nibbles each (is_packed) or with
   one each. */
typedef struct {
    const uint8_t *data;
    size_t from, to;
    int is_packed;
} hd_trie_path;

HD_INL uint8_t hd_trie_nibble(const uint8_t *key, size_t i) {
    return i & 1 ? (uint8_t)(key[i / 2] & 15) : (uint8_t)(key[i / 2] >> 4);
}

hd_err hd_trie_enc_leaf(hd_trie_ref *out, hd_trie_enc *enc, hd_trie_path path, hd_span value);
/* children: the items of the 16 children, already encoded one after the other (0x80: none). An
   empty path gives the branch, any other the extension that leads to it. */
hd_err hd_trie_enc_branch(hd_trie_ref *out, hd_trie_enc *enc, hd_trie_path path, hd_span children,
                          hd_span value);
/* The root's hash, of a node that is the root. */
void hd_trie_ref_root(hd_hash *root, const hd_trie_ref *ref);

#endif
