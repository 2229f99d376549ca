/* hd_buf.c - a byte buffer that grows, or that is confined to given memory. */
#include "base/hd_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 256u

void hd_buf_init(hd_buf *buf) { memset(buf, 0, sizeof *buf); }

void hd_buf_init_fixed(hd_buf *buf, void *mem, size_t cap) {
    memset(buf, 0, sizeof *buf);
    buf->data = mem;
    buf->cap = cap;
    buf->is_fixed = 1;
}

void hd_buf_free(hd_buf *buf) {
    if (!buf->is_fixed)
        free(buf->data);
    memset(buf, 0, sizeof *buf);
}

void hd_buf_clear(hd_buf *buf) {
    buf->sz = 0;
    buf->err = HD_OK;
}

hd_err hd_buf_reserve(hd_buf *buf, size_t more_sz) {
    if (buf->err != HD_OK)
        return buf->err;
    if (more_sz <= buf->cap - buf->sz)
        return HD_OK;
    if (buf->is_fixed || more_sz > HD_BUF_MAX - buf->sz)
        return buf->err = HD_ERR_LIMIT;
    size_t need = buf->sz + more_sz;
    size_t cap = buf->cap ? buf->cap : FIRST_CAP;
    /* Doubling keeps the cost of many appends linear. */
    while (cap < need)
        cap *= 2;
    uint8_t *data = realloc(buf->data, cap);
    if (!data)
        return buf->err = HD_ERR_NOMEM;
    buf->data = data;
    buf->cap = cap;
    return HD_OK;
}

hd_err hd_buf_append(hd_buf *buf, const void *data, size_t sz) {
    if (hd_buf_reserve(buf, sz) != HD_OK)
        return buf->err;
    if (sz)
        memcpy(buf->data + buf->sz, data, sz);
    buf->sz += sz;
    return HD_OK;
}

hd_err hd_buf_append_byte(hd_buf *buf, uint8_t byte) { return hd_buf_append(buf, &byte, 1); }

hd_err hd_buf_append_zero(hd_buf *buf, size_t sz) {
    if (hd_buf_reserve(buf, sz) != HD_OK)
        return buf->err;
    if (sz)
        memset(buf->data + buf->sz, 0, sz);
    buf->sz += sz;
    return HD_OK;
}

hd_err hd_buf_append_str(hd_buf *buf, const char *str) {
    return hd_buf_append(buf, str, strlen(str));
}

hd_err hd_buf_append_hex(hd_buf *buf, const void *data, size_t sz) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = data;
    if (sz > HD_BUF_MAX / 2)
        return buf->err = buf->err ? buf->err : HD_ERR_LIMIT;
    if (hd_buf_reserve(buf, 2 * sz) != HD_OK)
        return buf->err;
    for (size_t i = 0; i < sz; i++) {
        buf->data[buf->sz++] = (uint8_t)digits[in[i] >> 4];
        buf->data[buf->sz++] = (uint8_t)digits[in[i] & 15];
    }
    return HD_OK;
}

hd_err hd_buf_printf(hd_buf *buf, const char *fmt, ...) {
    char text[256];
    va_list args;
    if (buf->err != HD_OK)
        return buf->err;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0)
        return buf->err = HD_ERR_FORMAT;
    if ((size_t)len < sizeof text)
        return hd_buf_append(buf, text, (size_t)len);
    /* Too long for the stack: print again, the NUL needing one byte that does not count. */
    if (hd_buf_reserve(buf, (size_t)len + 1) != HD_OK)
        return buf->err;
    va_start(args, fmt);
    vsnprintf((char *)buf->data + buf->sz, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->sz += (size_t)len;
    return HD_OK;
}

const char *hd_buf_str(hd_buf *buf) {
    if (hd_buf_reserve(buf, 1) != HD_OK)
        return "";
    buf->data[buf->sz] = 0;
    return (const char *)buf->data;
}
