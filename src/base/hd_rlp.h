/* hd_rlp.h - Recursive Length Prefix: a strict bounded reader and a writer. */
#ifndef HD_RLP_H
#define HD_RLP_H

#include "base/hd_buf.h"

#define HD_RLP_DEPTH_MAX 1024u

/* One item: body is the string's bytes or the list's concatenated items, whole includes the header.
   Both point into the input, which must outlive the item. */
typedef struct {
    hd_span body;
    hd_span whole;
    uint32_t is_list;
} hd_rlp_item;

/* Readers return HD_OK or HD_ERR_FORMAT and then set *reason, unless reason is NULL, to a constant
   sentence part. Strict: every length in its shortest form, nothing beyond the end. */

/* hd_rlp_read takes one item off the front; *rest (may be NULL: then nothing may be left) gets what
   follows it. Lists inside are not looked into: hd_rlp_check does that, or the iterator. */
hd_err hd_rlp_read(hd_rlp_item *out, hd_span *rest, const char **reason, hd_span in);
/* hd_rlp_check proves that in is exactly one item and canonical at every depth; depth_max counts
   nested lists (0: only a string), at most HD_RLP_DEPTH_MAX. */
hd_err hd_rlp_check(const char **reason, hd_span in, uint32_t depth_max);

/* An iterator over a list's items. */
typedef struct {
    hd_span rest;
    const char *reason; /* why the last call failed */
} hd_rlp_iter;

/* HD_ERR_FORMAT when the item is not a list. */
hd_err hd_rlp_iter_init(hd_rlp_iter *iter, const hd_rlp_item *list);
/* HD_OK with the next item, HD_ERR_ABSENT at the end, HD_ERR_FORMAT. */
hd_err hd_rlp_iter_next(hd_rlp_iter *iter, hd_rlp_item *out);
HD_INL int hd_rlp_iter_is_end(const hd_rlp_iter *iter) { return iter->rest.sz == 0; }
/* hd_rlp_cnt counts a list's items; HD_ERR_FORMAT when it is no list or one of them is bad. */
hd_err hd_rlp_cnt(size_t *out, const hd_rlp_item *list);

/* Typed next items: the iterator must not be at its end, and the item must be a string of that
   kind. Numbers have no leading zero byte. */
hd_err hd_rlp_next_u64(hd_rlp_iter *iter, uint64_t *out);
/* A number of at most 32 bytes, into a right-aligned big-endian word. */
hd_err hd_rlp_next_num(hd_rlp_iter *iter, hd_hash *out);
/* Exactly sz bytes. */
hd_err hd_rlp_next_fixed(hd_rlp_iter *iter, uint8_t *out, size_t sz);
/* A string of at most sz_max bytes, pointing into the input. */
hd_err hd_rlp_next_bytes(hd_rlp_iter *iter, hd_span *out, size_t sz_max);
hd_err hd_rlp_next_list(hd_rlp_iter *iter, hd_rlp_iter *out);
/* The same for an item that is at hand. */
hd_err hd_rlp_get_u64(uint64_t *out, const char **reason, const hd_rlp_item *item);
hd_err hd_rlp_get_num(hd_hash *out, const char **reason, const hd_rlp_item *item);

/* The writer appends to a hd_buf: a growing one, or caller memory through hd_buf_init_fixed. All
   return buf->err, which sticks. */
hd_err hd_rlp_put_bytes(hd_buf *buf, const void *data, size_t sz);
hd_err hd_rlp_put_u64(hd_buf *buf, uint64_t x);
/* hd_rlp_put_num writes the big-endian number be[0,sz) without its leading zeros. */
hd_err hd_rlp_put_num(hd_buf *buf, const uint8_t *be, size_t sz);
/* hd_rlp_put_list_head writes the header of a list whose items, payload_sz bytes, follow. */
hd_err hd_rlp_put_list_head(hd_buf *buf, size_t payload_sz);
/* When the payload's size is not known beforehand: mark = hd_rlp_list_open(buf); put the items;
   hd_rlp_list_close(buf, mark) moves them to make room for the header. */
size_t hd_rlp_list_open(const hd_buf *buf);
hd_err hd_rlp_list_close(hd_buf *buf, size_t mark);

/* Bytes that a string or a list with that payload takes. */
size_t hd_rlp_bytes_sz(const void *data, size_t sz);
size_t hd_rlp_list_sz(size_t payload_sz);

#endif
