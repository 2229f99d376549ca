/* hd_rlp.c - Recursive Length Prefix: a strict bounded reader and a writer. */
#include "base/hd_rlp.h"

#include <string.h>

/* First bytes: below 0x80 the byte itself, then strings and lists with short or long lengths. */
#define STR_SHORT 0x80u
#define STR_LONG 0xb7u
#define LIST_SHORT 0xc0u
#define LIST_LONG 0xf7u
#define SHORT_MAX 55u

static hd_err refuse(const char **reason, const char *text) {
    if (reason)
        *reason = text;
    return HD_ERR_FORMAT;
}

/* Reads the header at the front of in: its size, the body's size and kind. The body lies within in
   when this succeeds. */
static hd_err read_head(size_t *head_sz, size_t *body_sz, uint32_t *is_list, const char **reason,
                        hd_span in) {
    if (in.sz == 0)
        return refuse(reason, "the input ends where an item must begin");
    uint8_t first = in.data[0];
    size_t len_sz = 0, len = 0;
    *is_list = first >= LIST_SHORT;
    *head_sz = 1;
    if (first < STR_SHORT) {
        *head_sz = 0;
        *body_sz = 1;
        return HD_OK;
    }
    if (first <= STR_LONG)
        len = first - STR_SHORT;
    else if (first < LIST_SHORT)
        len_sz = first - STR_LONG;
    else if (first <= LIST_LONG)
        len = first - LIST_SHORT;
    else
        len_sz = first - LIST_LONG;
    if (len_sz) {
        if (len_sz > in.sz - 1)
            return refuse(reason, "the input ends inside a length");
        if (in.data[1] == 0)
            return refuse(reason, "a length has a leading zero");
        /* At most 8 bytes, which a 64-bit size holds. */
        uint64_t wide = 0;
        for (size_t i = 0; i < len_sz; i++)
            wide = wide << 8 | in.data[1 + i];
        if (wide <= SHORT_MAX)
            return refuse(reason, "a short length is written in the long form");
        if (wide > in.sz)
            return refuse(reason, "an item reaches beyond the end of the input");
        len = (size_t)wide;
        *head_sz = 1 + len_sz;
    }
    if (len > in.sz - *head_sz)
        return refuse(reason, "an item reaches beyond the end of the input");
    if (!*is_list && len_sz == 0 && len == 1 && in.data[1] < STR_SHORT)
        return refuse(reason, "a single byte below 0x80 has a length in front of it");
    *body_sz = len;
    return HD_OK;
}

hd_err hd_rlp_read(hd_rlp_item *out, hd_span *rest, const char **reason, hd_span in) {
    size_t head_sz, body_sz;
    uint32_t is_list;
    hd_err err = read_head(&head_sz, &body_sz, &is_list, reason, in);
    if (err != HD_OK)
        return err;
    size_t whole_sz = head_sz + body_sz;
    if (!rest && whole_sz != in.sz)
        return refuse(reason, "bytes follow the item");
    out->body.data = in.data + head_sz;
    out->body.sz = body_sz;
    out->whole.data = in.data;
    out->whole.sz = whole_sz;
    out->is_list = is_list;
    if (rest) {
        rest->data = in.data + whole_sz;
        rest->sz = in.sz - whole_sz;
    }
    return HD_OK;
}

hd_err hd_rlp_check(const char **reason, hd_span in, uint32_t depth_max) {
    /* ends[d] is where the list at depth d ends; an explicit stack, as depth comes from outside. */
    const uint8_t *ends[HD_RLP_DEPTH_MAX];
    uint32_t depth = 0;
    hd_rlp_item item;
    if (depth_max > HD_RLP_DEPTH_MAX)
        depth_max = HD_RLP_DEPTH_MAX;
    hd_err err = hd_rlp_read(&item, NULL, reason, in);
    if (err != HD_OK)
        return err;
    const uint8_t *pos = in.data;
    const uint8_t *end = in.data + in.sz;
    do {
        hd_span left = {pos, (size_t)((depth ? ends[depth - 1] : end) - pos)};
        size_t head_sz, body_sz;
        uint32_t is_list;
        err = read_head(&head_sz, &body_sz, &is_list, reason, left);
        if (err != HD_OK)
            return err;
        pos += head_sz;
        if (is_list) {
            if (depth >= depth_max)
                return refuse(reason, "lists are nested too deep");
            ends[depth++] = pos + body_sz;
        } else {
            pos += body_sz;
        }
        while (depth && pos == ends[depth - 1])
            depth--;
    } while (depth);
    return HD_OK;
}

hd_err hd_rlp_iter_init(hd_rlp_iter *iter, const hd_rlp_item *list) {
    iter->rest = list->body;
    iter->reason = NULL;
    if (list->is_list)
        return HD_OK;
    iter->rest.sz = 0;
    return refuse(&iter->reason, "a list is expected, not a string");
}

hd_err hd_rlp_iter_next(hd_rlp_iter *iter, hd_rlp_item *out) {
    if (iter->rest.sz == 0) {
        iter->reason = "the list has too few items";
        return HD_ERR_ABSENT;
    }
    return hd_rlp_read(out, &iter->rest, &iter->reason, iter->rest);
}

hd_err hd_rlp_cnt(size_t *out, const hd_rlp_item *list) {
    hd_rlp_iter iter;
    hd_rlp_item item;
    hd_err err = hd_rlp_iter_init(&iter, list);
    size_t cnt = 0;
    while (err == HD_OK && !hd_rlp_iter_is_end(&iter)) {
        err = hd_rlp_iter_next(&iter, &item);
        cnt++;
    }
    if (err == HD_OK)
        *out = cnt;
    return err;
}

/* The next item where there must be one, so the end is a malformed list. */
static hd_err next_item(hd_rlp_iter *iter, hd_rlp_item *out) {
    hd_err err = hd_rlp_iter_next(iter, out);
    return err == HD_ERR_ABSENT ? HD_ERR_FORMAT : err;
}

static hd_err check_num(const char **reason, const hd_rlp_item *item, size_t sz_max) {
    if (item->is_list)
        return refuse(reason, "a number is expected, not a list");
    if (item->body.sz > 0 && item->body.data[0] == 0)
        return refuse(reason, "a number has a leading zero");
    if (item->body.sz > sz_max)
        return refuse(reason, "a number is too large");
    return HD_OK;
}

hd_err hd_rlp_get_u64(uint64_t *out, const char **reason, const hd_rlp_item *item) {
    hd_err err = check_num(reason, item, 8);
    if (err != HD_OK)
        return err;
    uint64_t x = 0;
    for (size_t i = 0; i < item->body.sz; i++)
        x = x << 8 | item->body.data[i];
    *out = x;
    return HD_OK;
}

hd_err hd_rlp_get_num(hd_hash *out, const char **reason, const hd_rlp_item *item) {
    hd_err err = check_num(reason, item, 32);
    if (err != HD_OK)
        return err;
    memset(out, 0, sizeof *out);
    memcpy(out->b + 32 - item->body.sz, item->body.data, item->body.sz);
    return HD_OK;
}

hd_err hd_rlp_next_u64(hd_rlp_iter *iter, uint64_t *out) {
    hd_rlp_item item;
    hd_err err = next_item(iter, &item);
    return err == HD_OK ? hd_rlp_get_u64(out, &iter->reason, &item) : err;
}

hd_err hd_rlp_next_num(hd_rlp_iter *iter, hd_hash *out) {
    hd_rlp_item item;
    hd_err err = next_item(iter, &item);
    return err == HD_OK ? hd_rlp_get_num(out, &iter->reason, &item) : err;
}

hd_err hd_rlp_next_bytes(hd_rlp_iter *iter, hd_span *out, size_t sz_max) {
    hd_rlp_item item;
    hd_err err = next_item(iter, &item);
    if (err != HD_OK)
        return err;
    if (item.is_list)
        return refuse(&iter->reason, "a string is expected, not a list");
    if (item.body.sz > sz_max)
        return refuse(&iter->reason, "a string is too long");
    *out = item.body;
    return HD_OK;
}

hd_err hd_rlp_next_fixed(hd_rlp_iter *iter, uint8_t *out, size_t sz) {
    hd_span span;
    hd_err err = hd_rlp_next_bytes(iter, &span, sz);
    if (err != HD_OK)
        return err;
    if (span.sz != sz)
        return refuse(&iter->reason, "a string is too short");
    memcpy(out, span.data, sz);
    return HD_OK;
}

hd_err hd_rlp_next_list(hd_rlp_iter *iter, hd_rlp_iter *out) {
    hd_rlp_item item;
    hd_err err = next_item(iter, &item);
    if (err != HD_OK)
        return err;
    err = hd_rlp_iter_init(out, &item);
    if (err != HD_OK)
        iter->reason = out->reason;
    return err;
}

/* Writes the header of a body of sz bytes to head (9 bytes at most) and returns its size. */
static size_t make_head(uint8_t head[9], uint32_t is_list, size_t sz) {
    uint8_t base = is_list ? LIST_SHORT : STR_SHORT;
    if (sz <= SHORT_MAX) {
        head[0] = (uint8_t)(base + sz);
        return 1;
    }
    size_t len_sz = 0;
    for (uint64_t x = sz; x; x >>= 8)
        len_sz++;
    head[0] = (uint8_t)(base + SHORT_MAX + len_sz);
    for (size_t i = 0; i < len_sz; i++)
        head[len_sz - i] = (uint8_t)((uint64_t)sz >> (8 * i));
    return 1 + len_sz;
}

static int is_own_code(const void *data, size_t sz) {
    return sz == 1 && *(const uint8_t *)data < STR_SHORT;
}

hd_err hd_rlp_put_bytes(hd_buf *buf, const void *data, size_t sz) {
    uint8_t head[9];
    if (!is_own_code(data, sz))
        hd_buf_append(buf, head, make_head(head, 0, sz));
    return hd_buf_append(buf, data, sz);
}

hd_err hd_rlp_put_num(hd_buf *buf, const uint8_t *be, size_t sz) {
    while (sz && *be == 0) {
        be++;
        sz--;
    }
    return hd_rlp_put_bytes(buf, be, sz);
}

hd_err hd_rlp_put_u64(hd_buf *buf, uint64_t x) {
    uint8_t be[8];
    hd_store_be64(be, x);
    return hd_rlp_put_num(buf, be, sizeof be);
}

hd_err hd_rlp_put_list_head(hd_buf *buf, size_t payload_sz) {
    uint8_t head[9];
    return hd_buf_append(buf, head, make_head(head, 1, payload_sz));
}

size_t hd_rlp_list_open(const hd_buf *buf) { return buf->sz; }

hd_err hd_rlp_list_close(hd_buf *buf, size_t mark) {
    uint8_t head[9];
    if (buf->err != HD_OK)
        return buf->err;
    HD_ASSERT(mark <= buf->sz);
    size_t payload_sz = buf->sz - mark;
    size_t head_sz = make_head(head, 1, payload_sz);
    if (hd_buf_append_zero(buf, head_sz) != HD_OK)
        return buf->err;
    memmove(buf->data + mark + head_sz, buf->data + mark, payload_sz);
    memcpy(buf->data + mark, head, head_sz);
    return HD_OK;
}

size_t hd_rlp_bytes_sz(const void *data, size_t sz) {
    uint8_t head[9];
    return is_own_code(data, sz) ? 1 : make_head(head, 0, sz) + sz;
}

size_t hd_rlp_list_sz(size_t payload_sz) {
    uint8_t head[9];
    return make_head(head, 1, payload_sz) + payload_sz;
}
