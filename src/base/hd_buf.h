/* hd_buf.h - a byte buffer that grows, or that is confined to given memory. */
#ifndef HD_BUF_H
#define HD_BUF_H

#include "base/hd_base.h"

/* The largest buffer: a bound on what a length from outside can make us allocate. */
#define HD_BUF_MAX ((size_t)1 << 36)

/* A range of bytes that somebody else owns. */
typedef struct {
    const uint8_t *data;
    size_t sz;
} hd_span;

/* Errors stick: after a failed append the buffer keeps err, every later append returns it, and
   data[0,sz) is what was there before the failure. So a writer may append many times and look at
   err once. A zeroed hd_buf is a valid empty growing buffer. Not for two threads at a time. */
typedef struct {
    uint8_t *data;
    size_t sz;
    size_t cap;
    hd_err err;
    uint32_t is_fixed;
} hd_buf;

/* An empty buffer that grows by malloc, up to HD_BUF_MAX; hd_buf_free gives the memory back. */
void hd_buf_init(hd_buf *buf);
/* An empty buffer in mem[0,cap) which the caller keeps; an append beyond gives HD_ERR_LIMIT. */
void hd_buf_init_fixed(hd_buf *buf, void *mem, size_t cap);
void hd_buf_free(hd_buf *buf);
/* hd_buf_clear empties the buffer and forgets the error; the memory stays. */
void hd_buf_clear(hd_buf *buf);

/* All return buf->err: HD_OK, HD_ERR_NOMEM or HD_ERR_LIMIT. */
hd_err hd_buf_reserve(hd_buf *buf, size_t more_sz);
hd_err hd_buf_append(hd_buf *buf, const void *data, size_t sz);
hd_err hd_buf_append_byte(hd_buf *buf, uint8_t byte);
hd_err hd_buf_append_zero(hd_buf *buf, size_t sz);
hd_err hd_buf_append_str(hd_buf *buf, const char *str);
/* hd_buf_append_hex appends the 2*sz lower-case digits of data, without a prefix. */
hd_err hd_buf_append_hex(hd_buf *buf, const void *data, size_t sz);
hd_err hd_buf_printf(hd_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* hd_buf_str returns the content with a NUL behind it that does not count, "" after an error; it
   is valid until the buffer changes. */
const char *hd_buf_str(hd_buf *buf);

HD_INL hd_span hd_buf_span(const hd_buf *buf) {
    hd_span span = {buf->data, buf->sz};
    return span;
}

#endif
