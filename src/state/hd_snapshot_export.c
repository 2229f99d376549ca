/* hd_snapshot_export.c - writes the state at a store's head into one file. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/hd_snapshot_internal.h"

#define CHUNK_SZ ((size_t)1 << 20) /* a chunk is written when it is at least so long */

typedef struct {
    FILE *file;
    const char *path;
    hd_msg *msg;
    hd_store_read *read;
    hd_buf chunk;
    uint32_t kind; /* of what chunk holds */
    uint64_t chunk_idx;
    hd_snapshot_info info;
    hd_store_rooter rooter;
} writer;

static hd_err fail_write(const writer *w) {
    hd_msg_set(w->msg, "%s: %s", w->path, strerror(errno));
    return HD_ERR_IO;
}

static hd_err put_raw(writer *w, const void *data, size_t sz) {
    w->info.file_sz += sz;
    return sz == 0 || fwrite(data, 1, sz, w->file) == sz ? HD_OK : fail_write(w);
}

/* Writes what is collected; also a chunk of nothing where is_forced. */
static hd_err flush(writer *w, int is_forced) {
    uint8_t head[8], check[8];
    if (w->chunk.err != HD_OK)
        return w->chunk.err;
    if (w->chunk.sz == 0 && !is_forced)
        return HD_OK;
    if (w->chunk.sz > HD_SNAPSHOT_CHUNK_SZ_MAX) {
        hd_msg_set(w->msg, "%s: a record of %zu bytes is longer than a snapshot holds", w->path,
                   w->chunk.sz);
        return HD_ERR_LIMIT;
    }
    hd_store_be32(head, w->kind);
    hd_store_be32(head + 4, (uint32_t)w->chunk.sz);
    hd_snapshot_check(check, w->chunk_idx++, head, hd_buf_span(&w->chunk));
    hd_err err = put_raw(w, head, sizeof head);
    if (err == HD_OK)
        err = put_raw(w, w->chunk.data, w->chunk.sz);
    if (err == HD_OK)
        err = put_raw(w, check, sizeof check);
    hd_buf_clear(&w->chunk);
    return err;
}

/* Between two records: the chunk is written when it is long enough, or of another kind. */
static hd_err turn(writer *w, uint32_t kind) {
    hd_err err = HD_OK;
    if (kind != w->kind || w->chunk.sz >= CHUNK_SZ)
        err = flush(w, 0);
    w->kind = kind;
    return err;
}

static void put_u32(hd_buf *buf, uint64_t x) {
    uint8_t b[4];
    hd_store_be32(b, (uint32_t)x);
    hd_buf_append(buf, b, sizeof b);
}

static void put_u64(hd_buf *buf, uint64_t x) {
    uint8_t b[8];
    hd_store_be64(b, x);
    hd_buf_append(buf, b, sizeof b);
}

static void put_word(hd_buf *buf, hd_u256 x) {
    uint8_t b[32];
    hd_u256_store_be(b, x);
    hd_buf_append(buf, b, sizeof b);
}

/* ---- parts */

static hd_err put_head(writer *w) {
    uint8_t start[16] = HD_SNAPSHOT_MAGIC;
    hd_err err = hd_store_get_head(&w->info.head, w->msg, w->read);
    if (err != HD_OK)
        return err;
    hd_store_be32(start + 8, HD_SNAPSHOT_VERSION);
    hd_store_be32(start + 12, 0);
    err = put_raw(w, start, sizeof start);
    if (err != HD_OK)
        return err;
    w->kind = HD_SNAPSHOT_HEAD;
    put_u64(&w->chunk, w->info.head.number);
    hd_buf_append(&w->chunk, w->info.head.hash.b, 32);
    hd_buf_append(&w->chunk, w->info.head.state_root.b, 32);
    return flush(w, 1);
}

/* fn for each record of a database whose key begins with prefix. */
static hd_err each_record(writer *w, uint32_t db, hd_span prefix,
                          hd_err (*fn)(writer *w, hd_span key, hd_span value)) {
    MDB_cursor *cursor;
    MDB_val key = {prefix.sz, (void *)(uintptr_t)prefix.data}, value;
    hd_span record;
    hd_store *s = w->read->store;
    int rc = mdb_cursor_open(w->read->txn, s->dbis[db], &cursor);
    if (rc != 0)
        return hd_store_fail(w->msg, s->dir, rc, "opening a cursor");
    hd_err err = HD_OK;
    rc = mdb_cursor_get(cursor, &key, &value, prefix.sz ? MDB_SET_RANGE : MDB_FIRST);
    while (err == HD_OK && rc == 0 && key.mv_size >= prefix.sz &&
           (prefix.sz == 0 || memcmp(key.mv_data, prefix.data, prefix.sz) == 0)) {
        err = hd_store_open_record(&record, w->msg, s, db, key, value);
        if (err == HD_OK)
            err = fn(w, hd_store_span(key.mv_data, key.mv_size), record);
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (err == HD_OK && rc != 0 && rc != MDB_NOTFOUND)
        err = hd_store_fail(w->msg, s->dir, rc, "walking");
    return err;
}

static hd_err put_named(writer *w, hd_span key, hd_span value) {
    size_t skip = sizeof HD_STORE_NAMED - 1;
    w->kind = HD_SNAPSHOT_NAMED;
    hd_buf_append_byte(&w->chunk, (uint8_t)(key.sz - skip));
    hd_buf_append(&w->chunk, key.data + skip, key.sz - skip);
    hd_buf_append(&w->chunk, value.data, value.sz);
    return flush(w, 1);
}

static hd_err put_headers(writer *w) {
    uint64_t last = w->info.head.number;
    uint64_t from = last < HD_SNAPSHOT_HEADER_CNT ? 0 : last - HD_SNAPSHOT_HEADER_CNT + 1;
    hd_err err = HD_OK;
    for (uint64_t n = from; n <= last && err == HD_OK; n++) {
        hd_hash hash;
        hd_span header;
        hd_u256 difficulty;
        err = hd_store_get_canonical(&hash, w->msg, w->read, n);
        /* A store that was made from a snapshot goes less far back itself. */
        if (err == HD_ERR_ABSENT && w->chunk.sz == 0 && w->kind != HD_SNAPSHOT_HEADERS &&
            n < last) {
            err = HD_OK;
            continue;
        }
        if (err == HD_OK)
            err = hd_store_get_header(&header, w->msg, w->read, n, &hash);
        if (err == HD_OK)
            err = hd_store_get_difficulty(&difficulty, w->msg, w->read, n, &hash);
        if (err == HD_OK)
            err = turn(w, HD_SNAPSHOT_HEADERS);
        if (err != HD_OK)
            return err == HD_ERR_ABSENT ? HD_ERR_CORRUPT : err;
        put_u64(&w->chunk, n);
        hd_buf_append(&w->chunk, hash.b, 32);
        put_word(&w->chunk, difficulty);
        put_u32(&w->chunk, header.sz);
        hd_buf_append(&w->chunk, header.data, header.sz);
    }
    return err;
}

static hd_err put_code(writer *w, hd_span key, hd_span value) {
    (void)key;
    hd_err err = turn(w, HD_SNAPSHOT_CODES);
    put_u32(&w->chunk, value.sz);
    hd_buf_append(&w->chunk, value.data, value.sz);
    w->info.code_cnt++;
    return err;
}

static hd_err put_account(void *ctx, hd_msg *msg, const hd_store_walk_account *a) {
    writer *w = (writer *)ctx;
    (void)msg;
    hd_err err = turn(w, HD_SNAPSHOT_ACCOUNTS);
    hd_buf_append_byte(&w->chunk, 1);
    hd_buf_append(&w->chunk, a->addr.b, 20);
    put_u64(&w->chunk, a->account.nonce);
    put_word(&w->chunk, a->account.balance_wei);
    hd_buf_append(&w->chunk, a->account.code_hash.b, 32);
    w->info.account_cnt++;
    return err;
}

static hd_err put_slot(void *ctx, hd_msg *msg, const hd_store_walk_slot *slot) {
    writer *w = (writer *)ctx;
    (void)msg;
    hd_err err = turn(w, HD_SNAPSHOT_ACCOUNTS);
    hd_buf_append_byte(&w->chunk, 2);
    put_word(&w->chunk, slot->key);
    put_word(&w->chunk, slot->value);
    w->info.slot_cnt++;
    return err == HD_OK ? hd_store_rooter_slot(&w->rooter, &slot->hash, slot->value) : err;
}

static hd_err end_account(void *ctx, hd_msg *msg, const hd_store_walk_account *a) {
    writer *w = (writer *)ctx;
    (void)msg;
    return hd_store_rooter_account(&w->rooter, &a->hash, &a->account);
}

static hd_err put_end(writer *w) {
    hd_hash root;
    hd_err err = hd_store_rooter_root(&root, &w->rooter);
    if (err == HD_OK)
        err = flush(w, 0);
    if (err != HD_OK)
        return err;
    if (memcmp(&root, &w->info.head.state_root, sizeof root) != 0) {
        hd_msg_set(w->msg, "%s: the state's root is not that of block %llu, the head",
                   w->read->store->dir, (unsigned long long)w->info.head.number);
        return HD_ERR_CORRUPT;
    }
    w->kind = HD_SNAPSHOT_END;
    put_u64(&w->chunk, w->info.code_cnt);
    put_u64(&w->chunk, w->info.account_cnt);
    put_u64(&w->chunk, w->info.slot_cnt);
    err = flush(w, 1);
    if (err == HD_OK && (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0))
        err = fail_write(w);
    return err;
}

hd_err hd_snapshot_export(hd_snapshot_info *out, hd_msg *msg, const char *path, hd_store_read *r) {
    writer w;
    memset(&w, 0, sizeof w);
    w.path = path;
    w.msg = msg;
    w.read = r;
    size_t temp_sz = strlen(path) + 8;
    char *temp = (char *)malloc(temp_sz);
    if (!temp || hd_store_rooter_init(&w.rooter) != HD_OK) {
        free(temp);
        return HD_ERR_NOMEM;
    }
    snprintf(temp, temp_sz, "%s.XXXXXX", path);
    int fd = mkostemp(temp, 0);
    w.file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    hd_err err = w.file ? put_head(&w) : fail_write(&w);
    if (!w.file && fd >= 0)
        close(fd);
    if (err == HD_OK)
        err = each_record(&w, HD_STORE_DB_META,
                          hd_store_span(HD_STORE_NAMED, sizeof HD_STORE_NAMED - 1), put_named);
    if (err == HD_OK)
        err = put_headers(&w);
    if (err == HD_OK)
        err = each_record(&w, HD_STORE_DB_CODES, hd_store_span(NULL, 0), put_code);
    hd_store_visitor visitor = {&w, put_account, put_slot, end_account};
    if (err == HD_OK)
        err = hd_store_walk(msg, r, &visitor);
    if (err == HD_OK)
        err = put_end(&w);
    mode_t mask = umask(0); /* mkostemp makes files that only the owner reads */
    umask(mask);
    if (err == HD_OK && fchmod(fd, 0666 & ~mask) != 0)
        err = fail_write(&w);
    if (w.file && fclose(w.file) != 0 && err == HD_OK)
        err = fail_write(&w);
    if (err == HD_OK && rename(temp, path) != 0)
        err = fail_write(&w);
    if (err != HD_OK && fd >= 0)
        unlink(temp);
    hd_store_rooter_free(&w.rooter);
    hd_buf_free(&w.chunk);
    free(temp);
    if (err == HD_OK && out)
        *out = w.info;
    return err;
}
