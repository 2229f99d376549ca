/* hd_snapshot_import.c - makes a store from a snapshot's file, believing nothing in it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_rlp.h"
#include "state/hd_snapshot_internal.h"

#define BATCH_SZ ((size_t)1 << 25) /* bytes of writes between two commits */
#define HEADER_SZ_MAX 65536u
#define HEADER_ITEM_STATE_ROOT 3u
#define HEADER_ITEM_NUMBER 8u

typedef struct {
    FILE *file;
    const char *path;
    hd_msg *msg;
    hd_store *store;
    hd_store_batch *batch;
    hd_buf chunk;
    uint32_t kind; /* of the chunk at hand */
    uint64_t chunk_idx;
    uint64_t chunk_off; /* bytes */
    uint64_t file_off;
    hd_snapshot_info info;
    hd_store_rooter rooter;
    uint64_t header_cnt;
    hd_store_head last_header; /* the newest so far */
    uint32_t has_account;
    hd_hash account_hash;
    hd_store_account account;
} reader;

static hd_err bad(const reader *x, const char *text) {
    hd_msg_set(x->msg, "%s: chunk %llu at byte %llu: %s", x->path, (unsigned long long)x->chunk_idx,
               (unsigned long long)x->chunk_off, text);
    return HD_ERR_FORMAT;
}

/* HD_ERR_ABSENT: the file ends before the first byte. */
static hd_err get_raw(reader *x, void *out, size_t sz) {
    size_t got = fread(out, 1, sz, x->file);
    x->file_off += got;
    if (got == sz)
        return HD_OK;
    if (ferror(x->file)) {
        hd_msg_set(x->msg, "%s: at byte %llu: %s", x->path, (unsigned long long)x->file_off,
                   strerror(errno));
        return HD_ERR_IO;
    }
    return got == 0 ? HD_ERR_ABSENT : bad(x, "the file ends in the middle: it is truncated");
}

static hd_err get_chunk(reader *x) {
    uint8_t head[8], check[8], want[8];
    x->chunk_off = x->file_off;
    hd_err err = get_raw(x, head, sizeof head);
    if (err == HD_ERR_ABSENT)
        return bad(x, "the file ends before its last chunk: it is truncated");
    if (err != HD_OK)
        return err;
    x->kind = hd_load_be32(head);
    uint32_t sz = hd_load_be32(head + 4);
    if (x->kind < HD_SNAPSHOT_HEAD || x->kind > HD_SNAPSHOT_END)
        return bad(x, "is of no kind that there is");
    if (sz > HD_SNAPSHOT_CHUNK_SZ_MAX)
        return bad(x, "is longer than a chunk may be");
    hd_buf_clear(&x->chunk);
    err = hd_buf_reserve(&x->chunk, sz);
    if (err != HD_OK)
        return err;
    err = sz ? get_raw(x, x->chunk.data, sz) : HD_OK;
    x->chunk.sz = sz;
    if (err == HD_OK)
        err = get_raw(x, check, sizeof check);
    if (err == HD_ERR_ABSENT)
        return bad(x, "the file ends in the middle: it is truncated");
    if (err != HD_OK)
        return err;
    hd_snapshot_check(want, x->chunk_idx, head, hd_buf_span(&x->chunk));
    return memcmp(check, want, sizeof check) == 0 ? HD_OK : bad(x, "the checksum does not match");
}

/* Takes sz bytes off the front of *in; NULL when there are fewer. */
static const uint8_t *take(hd_span *in, size_t sz) {
    if (in->sz < sz)
        return NULL;
    const uint8_t *p = in->data;
    in->data += sz;
    in->sz -= sz;
    return p;
}

static hd_err commit_if(reader *x, size_t sz) {
    return hd_store_batch_sz(x->batch) < sz ? HD_OK : hd_store_commit(x->store, x->msg, x->batch);
}

/* ---- chunks */

static hd_err read_head(reader *x, hd_span in) {
    const uint8_t *p = take(&in, 72);
    if (!p || in.sz)
        return bad(x, "the head has a wrong size");
    x->info.head.number = hd_load_be64(p);
    memcpy(x->info.head.hash.b, p + 8, 32);
    memcpy(x->info.head.state_root.b, p + 40, 32);
    return HD_OK;
}

static hd_err read_named(reader *x, hd_span in) {
    char name[HD_STORE_NAME_SZ_MAX + 1];
    const uint8_t *sz = take(&in, 1);
    const uint8_t *p = sz && *sz && *sz <= HD_STORE_NAME_SZ_MAX ? take(&in, *sz) : NULL;
    if (!p || memchr(p, 0, *sz))
        return bad(x, "a record's name has a wrong size");
    memcpy(name, p, *sz);
    name[*sz] = 0;
    hd_store_put_named(x->batch, name, in);
    return HD_OK;
}

static hd_err read_header(reader *x, uint64_t number, const hd_hash *hash, hd_span header) {
    hd_hash real, parent = {{0}}, root = {{0}};
    hd_rlp_item item;
    hd_rlp_iter iter;
    uint64_t own_number = 0;
    hd_keccak256(real.b, header.data, header.sz);
    if (memcmp(&real, hash, sizeof real) != 0)
        return bad(x, "a header's hash is not that of its bytes");
    if (hd_rlp_read(&item, NULL, NULL, header) != HD_OK || hd_rlp_iter_init(&iter, &item) != HD_OK)
        return bad(x, "a header is no list");
    for (uint32_t i = 0; i <= HEADER_ITEM_NUMBER; i++) {
        hd_rlp_item field;
        if (hd_rlp_iter_next(&iter, &field) != HD_OK || field.is_list)
            return bad(x, "a header is too short");
        if ((i == 0 || i == HEADER_ITEM_STATE_ROOT) && field.body.sz != 32)
            return bad(x, "a header's hash has a wrong size");
        if (i == 0)
            memcpy(parent.b, field.body.data, 32);
        if (i == HEADER_ITEM_STATE_ROOT)
            memcpy(root.b, field.body.data, 32);
        if (i == HEADER_ITEM_NUMBER && hd_rlp_get_u64(&own_number, NULL, &field) != HD_OK)
            return bad(x, "a header's number is none");
    }
    if (own_number != number)
        return bad(x, "a header has another number");
    if (x->header_cnt && (number != x->last_header.number + 1 ||
                          memcmp(&parent, &x->last_header.hash, sizeof parent) != 0))
        return bad(x, "the headers are no chain");
    x->header_cnt++;
    x->last_header.number = number;
    x->last_header.hash = *hash;
    x->last_header.state_root = root;
    return HD_OK;
}

static hd_err read_headers(reader *x, hd_span in) {
    while (in.sz) {
        const uint8_t *p = take(&in, 76);
        uint32_t sz = p ? hd_load_be32(p + 72) : 0;
        const uint8_t *header = p && sz <= HEADER_SZ_MAX ? take(&in, sz) : NULL;
        if (!header || x->header_cnt >= HD_SNAPSHOT_HEADER_CNT)
            return bad(x, "a header has a wrong size, or there are too many");
        uint64_t number = hd_load_be64(p);
        hd_hash hash;
        memcpy(hash.b, p + 8, 32);
        hd_err err = read_header(x, number, &hash, hd_store_span(header, sz));
        if (err != HD_OK)
            return err;
        hd_store_put_header(x->batch, number, &hash, hd_u256_load_be(p + 40),
                            hd_store_span(header, sz));
        hd_store_put_canonical(x->batch, number, &hash);
    }
    return HD_OK;
}

static hd_err read_codes(reader *x, hd_span in) {
    while (in.sz) {
        const uint8_t *p = take(&in, 4);
        uint32_t sz = p ? hd_load_be32(p) : 0;
        const uint8_t *code = sz ? take(&in, sz) : NULL;
        if (!code)
            return bad(x, "a code has a wrong size");
        hd_hash hash;
        hd_keccak256(hash.b, code, sz);
        hd_store_put_code(x->batch, &hash, code, sz);
        x->info.code_cnt++;
    }
    return commit_if(x, BATCH_SZ);
}

/* The code must have come before: the codes have all been committed. */
static hd_err check_code(reader *x, const hd_hash *hash) {
    hd_store_read *r;
    hd_span code;
    hd_err err = hd_store_read_begin(&r, x->msg, x->store);
    if (err != HD_OK)
        return err;
    err = hd_store_get_code(&code, x->msg, r, hash);
    hd_store_read_end(r);
    return err == HD_ERR_ABSENT ? bad(x, "an account's code is not in the snapshot") : err;
}

static hd_err end_account(reader *x) {
    if (!x->has_account)
        return HD_OK;
    x->has_account = 0;
    hd_err err = hd_store_rooter_account(&x->rooter, &x->account_hash, &x->account);
    return err == HD_ERR_FORMAT ? bad(x, "the accounts are out of order") : err;
}

static hd_err read_account(reader *x, const uint8_t *p) {
    hd_store_account_change change;
    hd_err err = end_account(x);
    if (err != HD_OK)
        return err;
    memset(&change, 0, sizeof change);
    memcpy(change.addr.b, p + 1, 20);
    change.nonce = hd_load_be64(p + 21);
    change.balance_wei = hd_u256_load_be(p + 29);
    memcpy(change.code_hash.b, p + 61, 32);
    err = check_code(x, &change.code_hash);
    if (err != HD_OK)
        return err;
    hd_store_put_account(x->batch, &change);
    x->account.nonce = change.nonce;
    x->account.balance_wei = change.balance_wei;
    x->account.code_hash = change.code_hash;
    x->account_hash = hd_store_address_hash(&change.addr);
    x->info.account_cnt++;
    x->has_account = 1;
    return HD_OK;
}

static hd_err read_slot(reader *x, const uint8_t *p) {
    if (!x->has_account)
        return bad(x, "a slot comes before any account");
    hd_u256 key = hd_u256_load_be(p + 1), value = hd_u256_load_be(p + 33);
    hd_hash key_hash = hd_store_key_hash(key);
    if (hd_u256_is_zero(value))
        return bad(x, "a slot holds zero");
    hd_err err = hd_store_rooter_slot(&x->rooter, &key_hash, value);
    if (err == HD_ERR_FORMAT)
        return bad(x, "the slots are out of order");
    hd_store_put_slot_hashed(x->batch, &x->account_hash, &key_hash, key, value);
    x->info.slot_cnt++;
    return err;
}

static hd_err read_accounts(reader *x, hd_span in) {
    while (in.sz) {
        const uint8_t *p;
        hd_err err;
        if (in.data[0] == 1 && (p = take(&in, HD_SNAPSHOT_ACCOUNT_SZ)))
            err = read_account(x, p);
        else if (in.data[0] == 2 && (p = take(&in, HD_SNAPSHOT_SLOT_SZ)))
            err = read_slot(x, p);
        else
            err = bad(x, "a record is neither an account nor a slot");
        if (err == HD_OK)
            err = commit_if(x, BATCH_SZ);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static hd_err read_end(reader *x, hd_span in) {
    hd_hash root;
    const uint8_t *p = take(&in, 24);
    uint8_t more;
    if (!p || in.sz)
        return bad(x, "the end has a wrong size");
    hd_err err = end_account(x);
    if (err == HD_OK)
        err = hd_store_rooter_root(&root, &x->rooter);
    if (err != HD_OK)
        return err;
    if (hd_load_be64(p) != x->info.code_cnt || hd_load_be64(p + 8) != x->info.account_cnt ||
        hd_load_be64(p + 16) != x->info.slot_cnt)
        return bad(x, "there are not as many codes, accounts and slots as it says");
    if (memcmp(&root, &x->info.head.state_root, sizeof root) != 0)
        return bad(x, "the state's root is not that of the head");
    if (get_raw(x, &more, 1) != HD_ERR_ABSENT)
        return bad(x, "something follows the end");
    x->info.file_sz = x->file_off;
    hd_store_put_head(x->batch, &x->info.head);
    return hd_store_commit(x->store, x->msg, x->batch);
}

/* Between kinds: what must be complete before the next begins. */
static hd_err check_turn(reader *x, uint32_t before) {
    int is_single = x->kind == HD_SNAPSHOT_HEAD || x->kind == HD_SNAPSHOT_END;
    if (before == 0 && x->kind != HD_SNAPSHOT_HEAD)
        return bad(x, "the head must come first");
    if (x->kind < before || (x->kind == before && is_single))
        return bad(x, "the chunks are out of order");
    if (x->kind > HD_SNAPSHOT_HEADERS && before <= HD_SNAPSHOT_HEADERS) {
        if (!x->header_cnt || x->last_header.number != x->info.head.number ||
            memcmp(&x->last_header.hash, &x->info.head.hash, sizeof(hd_hash)) != 0)
            return bad(x, "the headers do not end with the head");
        if (memcmp(&x->last_header.state_root, &x->info.head.state_root, sizeof(hd_hash)) != 0)
            return bad(x, "the head's header has another state root");
    }
    if (x->kind > HD_SNAPSHOT_CODES && before <= HD_SNAPSHOT_CODES)
        return commit_if(x, 1);
    return HD_OK;
}

static hd_err fill(void *ctx, hd_msg *msg, hd_store *s) {
    reader *x = (reader *)ctx;
    uint32_t before = 0;
    hd_err err = HD_OK;
    (void)msg;
    x->store = s;
    while (err == HD_OK && before != HD_SNAPSHOT_END) {
        err = get_chunk(x);
        if (err == HD_OK)
            err = check_turn(x, before);
        if (err != HD_OK)
            break;
        hd_span in = hd_buf_span(&x->chunk);
        switch (x->kind) {
        case HD_SNAPSHOT_HEAD: err = read_head(x, in); break;
        case HD_SNAPSHOT_NAMED: err = read_named(x, in); break;
        case HD_SNAPSHOT_HEADERS: err = read_headers(x, in); break;
        case HD_SNAPSHOT_CODES: err = read_codes(x, in); break;
        case HD_SNAPSHOT_ACCOUNTS: err = read_accounts(x, in); break;
        default: err = read_end(x, in); break;
        }
        before = x->kind;
        x->chunk_idx++;
    }
    return err;
}

static hd_err read_start(reader *x) {
    uint8_t start[16];
    hd_err err = get_raw(x, start, sizeof start);
    if (err == HD_ERR_IO)
        return err;
    if (err != HD_OK || memcmp(start, HD_SNAPSHOT_MAGIC, 8) != 0) {
        hd_msg_set(x->msg, "%s: is no snapshot: it does not begin with \"%s\"", x->path,
                   HD_SNAPSHOT_MAGIC);
        return HD_ERR_FORMAT;
    }
    if (hd_load_be32(start + 8) != HD_SNAPSHOT_VERSION || hd_load_be32(start + 12) != 0) {
        hd_msg_set(x->msg, "%s: is a snapshot of version %u, this program knows version %u",
                   x->path, hd_load_be32(start + 8), HD_SNAPSHOT_VERSION);
        return HD_ERR_UNSUPPORTED;
    }
    return HD_OK;
}

hd_err hd_snapshot_import(hd_snapshot_info *out, hd_msg *msg, const char *path, const char *dir,
                          const hd_store_options *options) {
    reader x;
    memset(&x, 0, sizeof x);
    x.path = path;
    x.msg = msg;
    x.file = fopen(path, "rb");
    if (!x.file) {
        hd_msg_set(msg, "%s: %s", path, strerror(errno));
        return errno == ENOENT ? HD_ERR_ABSENT : HD_ERR_IO;
    }
    x.batch = hd_store_batch_new();
    hd_err err = x.batch ? hd_store_rooter_init(&x.rooter) : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = read_start(&x);
    if (err == HD_OK)
        err = hd_store_create(msg, dir, options, fill, &x);
    hd_store_rooter_free(&x.rooter);
    hd_store_batch_free(x.batch);
    hd_buf_free(&x.chunk);
    fclose(x.file);
    if (err == HD_OK && out)
        *out = x.info;
    return err;
}
