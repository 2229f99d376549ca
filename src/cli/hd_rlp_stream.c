/* hd_rlp_stream.c - RLP lists one after the other in a file of any length. */
#include "cli/hd_rlp_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_STEP ((size_t)1 << 20) /* memory follows what the file really holds */

struct hd_rlp_stream {
    FILE *file;
    const char *path;
    uint64_t off;
    hd_buf item;
};

hd_err hd_rlp_stream_open(hd_rlp_stream **out, hd_msg *msg, const char *path) {
    hd_rlp_stream *s = (hd_rlp_stream *)calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return HD_ERR_NOMEM;
    s->path = path;
    s->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!s->file) {
        hd_err err = errno == ENOENT ? HD_ERR_ABSENT : HD_ERR_IO;
        hd_msg_set(msg, "%s: %s", path, strerror(errno));
        free(s);
        return err;
    }
    *out = s;
    return HD_OK;
}

void hd_rlp_stream_close(hd_rlp_stream *s) {
    if (!s)
        return;
    if (s->file != stdin)
        fclose(s->file);
    hd_buf_free(&s->item);
    free(s);
}

static hd_err bad(const hd_rlp_stream *s, hd_msg *msg, const char *text) {
    hd_msg_set(msg, "%s: byte %llu: %s", s->path, (unsigned long long)s->off, text);
    return HD_ERR_FORMAT;
}

/* Appends sz bytes. HD_ERR_ABSENT when the file ends before the first of them. */
static hd_err take(hd_rlp_stream *s, hd_msg *msg, uint64_t sz) {
    uint64_t done = 0;
    while (done < sz) {
        size_t step = (size_t)HD_MIN(sz - done, READ_STEP);
        hd_err err = hd_buf_reserve(&s->item, step);
        if (err != HD_OK)
            return err;
        size_t got = fread(s->item.data + s->item.sz, 1, step, s->file);
        s->item.sz += got;
        done += got;
        if (got == step)
            continue;
        if (ferror(s->file)) {
            hd_msg_set(msg, "%s: %s", s->path, strerror(errno));
            return HD_ERR_IO;
        }
        return done == 0 ? HD_ERR_ABSENT : bad(s, msg, "the file ends in the middle of a list");
    }
    return HD_OK;
}

hd_err hd_rlp_stream_next(hd_span *out, uint64_t *off, hd_msg *msg, hd_rlp_stream *s,
                          uint64_t sz_max) {
    hd_buf_clear(&s->item);
    *off = s->off;
    hd_err err = take(s, msg, 1);
    if (err != HD_OK)
        return err;
    uint8_t first = s->item.data[0];
    uint64_t sz = first - 0xc0u;
    if (first < 0xc0)
        return bad(s, msg, "an RLP list is expected (a first byte of 0xc0 or more)");
    if (first > 0xf7) {
        uint32_t n = first - 0xf7u;
        err = take(s, msg, n);
        sz = 0;
        for (uint32_t i = 1; i <= n && err == HD_OK; i++) {
            if (sz >> 56)
                return bad(s, msg, "a list's length is out of bounds");
            sz = sz << 8 | s->item.data[i];
        }
    }
    if (err == HD_OK && sz > sz_max)
        return bad(s, msg, "a list is longer than is allowed");
    if (err == HD_OK)
        err = take(s, msg, sz);
    if (err == HD_ERR_ABSENT)
        return bad(s, msg, "the file ends in the middle of a list");
    if (err != HD_OK)
        return err;
    s->off += s->item.sz;
    *out = hd_buf_span(&s->item);
    return HD_OK;
}
