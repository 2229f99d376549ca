/* hd_trie_node.c - the encoding of trie nodes. */
#include "state/hd_trie_node.h"

#include <string.h>

#include "base/hd_rlp.h"
#include "crypto/hd_keccak.h"

void hd_trie_enc_init(hd_trie_enc *enc) {
    hd_buf_init_fixed(&enc->buf, enc->fixed, sizeof enc->fixed);
}

void hd_trie_enc_free(hd_trie_enc *enc) {
    if (!enc->buf.is_fixed)
        hd_buf_free(&enc->buf);
}

static hd_err start(hd_trie_enc *enc, size_t need) {
    if (enc->buf.is_fixed && need > sizeof enc->fixed)
        hd_buf_init(&enc->buf);
    hd_buf_clear(&enc->buf);
    return hd_buf_reserve(&enc->buf, need);
}

static hd_err finish(hd_trie_ref *out, const hd_trie_enc *enc) {
    const hd_buf *buf = &enc->buf;
    if (buf->err != HD_OK)
        return buf->err;
    if (buf->sz < 32) {
        out->sz = (uint8_t)buf->sz;
        memcpy(out->b, buf->data, buf->sz);
    } else {
        out->sz = 33;
        out->b[0] = 0xa0;
        hd_keccak256(out->b + 1, buf->data, buf->sz);
    }
    return HD_OK;
}

void hd_trie_ref_root(hd_hash *root, const hd_trie_ref *ref) {
    if (ref->sz == 33)
        memcpy(root->b, ref->b + 1, 32);
    else
        hd_keccak256(root->b, ref->b, ref->sz); /* the root is hashed however short it is */
}

static uint8_t path_at(const hd_trie_path *p, size_t i) {
    return p->is_packed ? hd_trie_nibble(p->data, i) : p->data[i];
}

/* Hex-prefix form: a nibble of flags (2: leaf, 1: odd count), an unused nibble when the count is
   even, then the path. Its first byte is below 0x40, so alone it is its own encoding. */
static size_t path_byte_cnt(const hd_trie_path *p) { return (p->to - p->from) / 2 + 1; }

static size_t string_sz(size_t sz) { /* of a string that does not encode as itself */
    size_t n = 1 + sz;
    for (size_t rest = sz > 55 ? sz : 0; rest; rest >>= 8)
        n++;
    return n;
}

static size_t path_sz(const hd_trie_path *p) {
    size_t n = path_byte_cnt(p);
    return n == 1 ? 1 : string_sz(n);
}

static void put_path(hd_buf *buf, const hd_trie_path *p, int is_leaf) {
    size_t cnt = p->to - p->from, n = path_byte_cnt(p), i = p->from;
    if (n > 55) {
        uint8_t len[8];
        size_t len_sz = string_sz(n) - 1 - n;
        hd_store_be64(len, n);
        hd_buf_append_byte(buf, (uint8_t)(0xb7 + len_sz));
        hd_buf_append(buf, len + 8 - len_sz, len_sz);
    } else if (n > 1) {
        hd_buf_append_byte(buf, (uint8_t)(0x80 + n));
    }
    uint8_t first = is_leaf ? 0x20 : 0;
    if (cnt & 1)
        first = (uint8_t)(first | 0x10 | path_at(p, i++));
    hd_buf_append_byte(buf, first);
    if (p->is_packed && !(i & 1)) {
        hd_buf_append(buf, p->data + i / 2, (p->to - i) / 2);
        return;
    }
    for (; i < p->to; i += 2)
        hd_buf_append_byte(buf, (uint8_t)(path_at(p, i) << 4 | path_at(p, i + 1)));
}

hd_err hd_trie_enc_leaf(hd_trie_ref *out, hd_trie_enc *enc, hd_trie_path path, hd_span value) {
    size_t payload_sz = path_sz(&path) + hd_rlp_bytes_sz(value.data, value.sz);
    hd_err err = start(enc, payload_sz + 9);
    if (err != HD_OK)
        return err;
    hd_rlp_put_list_head(&enc->buf, payload_sz);
    put_path(&enc->buf, &path, 1);
    hd_rlp_put_bytes(&enc->buf, value.data, value.sz);
    return finish(out, enc);
}

hd_err hd_trie_enc_branch(hd_trie_ref *out, hd_trie_enc *enc, hd_trie_path path, hd_span children,
                          hd_span value) {
    size_t payload_sz = children.sz + hd_rlp_bytes_sz(value.data, value.sz);
    hd_err err = start(enc, payload_sz + 9);
    if (err != HD_OK)
        return err;
    hd_rlp_put_list_head(&enc->buf, payload_sz);
    hd_buf_append(&enc->buf, children.data, children.sz);
    hd_rlp_put_bytes(&enc->buf, value.data, value.sz);
    err = finish(out, enc);
    if (err != HD_OK || path.from == path.to)
        return err;
    payload_sz = path_sz(&path) + out->sz;
    err = start(enc, payload_sz + 9);
    if (err != HD_OK)
        return err;
    hd_rlp_put_list_head(&enc->buf, payload_sz);
    put_path(&enc->buf, &path, 0);
    hd_buf_append(&enc->buf, out->b, out->sz);
    return finish(out, enc);
}
