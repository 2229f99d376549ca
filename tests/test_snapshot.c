/* test_snapshot.c - snapshots of a store: what comes back is what went out, or nothing. */
#define _GNU_SOURCE
#include "hd_test.h"

#include "base/hd_file.h"
#include "base/hd_rlp.h"
#include "state/hd_snapshot.h"
#include "store_box.h"

static void header_put(hd_buf *out, uint64_t number, const hd_hash *parent, const hd_hash *root) {
    uint8_t zero[32] = {0};
    size_t mark = hd_rlp_list_open(out);
    hd_rlp_put_bytes(out, parent->b, 32);
    for (uint32_t i = 1; i < 8; i++)
        hd_rlp_put_bytes(out, i == 3 ? root->b : zero, 32);
    hd_rlp_put_u64(out, number);
    hd_rlp_list_close(out, mark);
}

/* A store with a chain of headers up to `last`, the last of which has the state's root. */
static void make_chain(box *x, const hd_state *s, uint64_t last) {
    hd_store_batch *b = hd_store_batch_new();
    hd_store_head head;
    hd_hash parent = {{0}};
    hd_buf header;
    hd_buf_init(&header);
    memset(&head, 0, sizeof head);
    assert_int_equal(hd_state_root(&head.state_root, s), HD_OK);
    for (uint64_t n = 0; n <= last; n++) {
        hd_store_block block = {.number = n};
        hd_buf_clear(&header);
        header_put(&header, n, &parent, &head.state_root);
        hd_keccak256(block.hash.b, header.data, header.sz);
        block.total_difficulty = hd_u256_from_u64(n * 7);
        block.header = hd_buf_span(&header);
        block.body = (hd_span){(const uint8_t *)"\xc0\xc0", 2};
        hd_store_put_block(b, &block);
        hd_store_put_canonical(b, n, &block.hash);
        parent = head.hash = block.hash;
        head.number = n;
    }
    assert_int_equal(hd_store_put_all(b, s), HD_OK);
    hd_store_put_named(b, "config", (hd_span){(const uint8_t *)"{\"chainId\":1}", 13});
    hd_store_put_head(b, &head);
    assert_ok(hd_store_commit(x->store, &x->msg, b), x);
    hd_store_batch_free(b);
    hd_buf_free(&header);
}

static void snap_path(char *out, size_t out_sz, const box *x) {
    snprintf(out, out_sz, "%s/snap", x->dir);
}

static void make_snapshot(box *x, const hd_state *s, uint64_t last) {
    char path[256];
    box_init(x);
    snap_path(path, sizeof path, x);
    box_open(x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 0);
    make_chain(x, s, last);
    box_begin(x);
    hd_snapshot_info info;
    assert_ok(hd_snapshot_export(&info, &x->msg, path, x->read), x);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal((uint64_t)st.st_size, info.file_sz);
    box_end(x);
    box_close(x);
}

static hd_err try_import(box *y, const char *path) {
    hd_snapshot_info info;
    hd_store_options options = {0, 0, 1u << 20};
    memset(&y->msg, 0, sizeof y->msg);
    return hd_snapshot_import(&info, &y->msg, path, y->dir, &options);
}

static void snapshot_brings_back_state_and_headers(void **state) {
    (void)state;
    const uint64_t lasts[] = {0, 10, 400};
    for (uint32_t i = 0; i < 3; i++) {
        box x, y;
        char path[256], again[256];
        hd_state *s = make_state(i == 1 ? 4000 : 100), *t = hd_state_new();
        make_snapshot(&x, s, lasts[i]);
        box_init(&y);
        snap_path(path, sizeof path, &x);
        snap_path(again, sizeof again, &y);
        assert_ok(try_import(&y, path), &y);
        assert_int_equal(try_import(&y, path), HD_ERR_IO); /* a store is there now */
        box_open(&y, 0, 0);
        box_begin(&y);
        assert_ok(hd_store_verify(&y.msg, y.read), &y);
        assert_ok(hd_store_load(t, &y.msg, y.read), &y);
        assert_same_state(s, t);
        hd_store_head head;
        hd_hash hash;
        hd_span out;
        hd_u256 difficulty;
        uint64_t low = lasts[i] > 255 ? lasts[i] - 255 : 0, oldest;
        assert_ok(hd_store_get_head(&head, &y.msg, y.read), &y);
        assert_int_equal(head.number, lasts[i]);
        assert_ok(hd_store_get_oldest(&oldest, &y.msg, y.read), &y);
        assert_int_equal(oldest, lasts[i]);
        assert_ok(hd_store_get_canonical(&hash, &y.msg, y.read, low), &y);
        assert_ok(hd_store_get_header(&out, &y.msg, y.read, low, &hash), &y);
        assert_ok(hd_store_get_difficulty(&difficulty, &y.msg, y.read, low, &hash), &y);
        assert_int_equal(difficulty.w[0], low * 7);
        if (low)
            assert_int_equal(hd_store_get_canonical(&hash, &y.msg, y.read, low - 1), HD_ERR_ABSENT);
        assert_ok(hd_store_get_named(&out, &y.msg, y.read, "config"), &y);
        assert_int_equal(out.sz, 13);
        /* The same state gives the same file. */
        assert_ok(hd_snapshot_export(NULL, &y.msg, again, y.read), &y);
        hd_buf a, b;
        hd_buf_init(&a);
        hd_buf_init(&b);
        assert_int_equal(hd_file_read(&a, NULL, path, HD_FILE_SZ_MAX), HD_OK);
        assert_int_equal(hd_file_read(&b, NULL, again, HD_FILE_SZ_MAX), HD_OK);
        assert_int_equal(a.sz, b.sz);
        assert_memory_equal(a.data, b.data, a.sz);
        hd_buf_free(&a);
        hd_buf_free(&b);
        box_end(&y);
        box_close(&y);
        hd_state_free(s);
        hd_state_free(t);
        box_remove(&x);
        box_remove(&y);
    }
}

static void assert_refused(box *y, const char *path, const char *name) {
    hd_err err = try_import(y, path);
    if (err != HD_ERR_FORMAT && err != HD_ERR_UNSUPPORTED)
        fail_msg("%s: %s %s", name, hd_err_name(err), y->msg.text);
    assert_non_null(strstr(y->msg.text, "snap"));
    /* Nothing is left behind. */
    char data[256];
    struct stat st;
    snprintf(data, sizeof data, "%s/data.mdb", y->dir);
    assert_int_not_equal(stat(data, &st), 0);
}

static void altered_or_truncated_file_is_refused(void **state) {
    (void)state;
    box x, y;
    char path[256];
    hd_buf file;
    hd_state *s = make_state(60);
    make_snapshot(&x, s, 5);
    box_init(&y);
    snap_path(path, sizeof path, &x);
    hd_buf_init(&file);
    assert_int_equal(hd_file_read(&file, NULL, path, HD_FILE_SZ_MAX), HD_OK);
    for (uint32_t i = 0; i < 200; i++) {
        size_t at = i < 40 ? i : (size_t)(rng() % file.sz);
        uint8_t old = file.data[at];
        file.data[at] ^= (uint8_t)(1u << rng() % 8);
        assert_int_equal(hd_file_write(NULL, path, file.data, file.sz), HD_OK);
        assert_refused(&y, path, "a flipped bit");
        file.data[at] = old;
    }
    for (uint32_t i = 0; i < 100; i++) {
        size_t left = i < 20 ? i : i < 40 ? file.sz - (i - 19) : (size_t)(rng() % file.sz);
        assert_int_equal(hd_file_write(NULL, path, file.data, left), HD_OK);
        assert_refused(&y, path, "a truncated file");
    }
    hd_buf_append_byte(&file, 0);
    assert_int_equal(hd_file_write(NULL, path, file.data, file.sz), HD_OK);
    assert_refused(&y, path, "a longer file");
    assert_int_equal(hd_file_write(NULL, path, file.data, file.sz - 1), HD_OK);
    assert_ok(try_import(&y, path), &y);
    hd_buf_free(&file);
    hd_state_free(s);
    box_remove(&x);
    box_remove(&y);
}

/* A forger makes the checksums right. Each chunk's bytes are given to the forger, who may change
   them. */
typedef void forger(uint32_t kind, uint8_t *data, uint32_t sz);

static void forge(hd_buf *file, forger *fn) {
    size_t pos = 16;
    for (uint64_t idx = 0; pos + 16 <= file->sz; idx++) {
        uint8_t *p = file->data + pos, number[8], hash[32];
        uint32_t kind = hd_load_be32(p), sz = hd_load_be32(p + 4);
        hd_keccak k;
        fn(kind, p + 8, sz);
        hd_store_be64(number, idx);
        hd_keccak_init(&k);
        hd_keccak_update(&k, number, 8);
        hd_keccak_update(&k, p, 8 + (size_t)sz);
        hd_keccak_final(&k, hash);
        memcpy(p + 8 + sz, hash, 8);
        pos += 16 + (size_t)sz;
    }
}

static void forge_nothing(uint32_t kind, uint8_t *data, uint32_t sz) {
    (void)kind;
    (void)data;
    (void)sz;
}
static void forge_balance(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 5 && sz > 60)
        data[60] ^= 1;
}
static void forge_order(uint32_t kind, uint8_t *data, uint32_t sz) {
    /* The first account's address becomes the last one's: its hash comes too early or too late. */
    if (kind == 5 && sz > 200)
        data[20] ^= 0xff;
}
static void forge_code(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 4 && sz > 10)
        data[5] ^= 1;
}
static void forge_count(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 6 && sz == 24)
        data[15] ^= 1;
}
static void forge_root(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 1 && sz == 72)
        data[71] ^= 1;
}
static void forge_hash(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 1 && sz == 72)
        data[20] ^= 1;
}
static void forge_header(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 3 && sz > 100)
        data[100] ^= 1;
}
static void forge_size(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 3 && sz > 100)
        memset(data + 72, 0xff, 4);
}
static void forge_tag(uint32_t kind, uint8_t *data, uint32_t sz) {
    if (kind == 5 && sz)
        data[0] = 2;
}

static void forged_file_with_right_checksums_is_refused(void **state) {
    (void)state;
    static const struct {
        forger *fn;
        const char *text;
    } cases[] = {
        {forge_balance, "root"},      {forge_order, ""},    {forge_code, "code"},
        {forge_count, "not as many"}, {forge_root, "root"}, {forge_hash, "head"},
        {forge_header, "hash"},       {forge_size, "size"}, {forge_tag, "before any account"},
    };
    box x, y;
    char path[256];
    hd_buf file;
    hd_state *s = make_state(60);
    make_snapshot(&x, s, 5);
    box_init(&y);
    snap_path(path, sizeof path, &x);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hd_buf_init(&file);
        assert_int_equal(hd_file_read(&file, NULL, path, HD_FILE_SZ_MAX), HD_OK);
        hd_buf keep;
        hd_buf_init(&keep);
        hd_buf_append(&keep, file.data, file.sz);
        forge(&file, cases[i].fn);
        assert_int_equal(hd_file_write(NULL, path, file.data, file.sz), HD_OK);
        assert_refused(&y, path, cases[i].text);
        if (!strstr(y.msg.text, cases[i].text))
            fail_msg("expected \"%s\" in: %s", cases[i].text, y.msg.text);
        assert_int_equal(hd_file_write(NULL, path, keep.data, keep.sz), HD_OK);
        hd_buf_free(&keep);
        hd_buf_free(&file);
    }
    hd_buf_init(&file);
    assert_int_equal(hd_file_read(&file, NULL, path, HD_FILE_SZ_MAX), HD_OK);
    forge(&file, forge_nothing);
    assert_int_equal(hd_file_write(NULL, path, file.data, file.sz), HD_OK);
    assert_ok(try_import(&y, path), &y);
    hd_buf_free(&file);
    hd_state_free(s);
    box_remove(&x);
    box_remove(&y);
}

static void wrong_flat_state_is_not_exported(void **state) {
    (void)state;
    box x;
    char path[256];
    struct stat st;
    hd_state *s = make_state(20);
    hd_store_batch *b = hd_store_batch_new();
    hd_address a = addr_of(3);
    box_init(&x);
    snap_path(path, sizeof path, &x);
    box_open(&x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 0);
    box_begin(&x);
    assert_int_equal(hd_snapshot_export(NULL, &x.msg, path, x.read), HD_ERR_ABSENT);
    box_end(&x);
    make_chain(&x, s, 2);
    hd_store_put_slot(b, &a, hd_u256_from_u64(77), hd_u256_from_u64(1));
    assert_ok(hd_store_commit(x.store, &x.msg, b), &x);
    box_begin(&x);
    assert_int_equal(hd_snapshot_export(NULL, &x.msg, path, x.read), HD_ERR_CORRUPT);
    assert_int_not_equal(stat(path, &st), 0);
    box_end(&x);
    box_close(&x);
    hd_store_batch_free(b);
    hd_state_free(s);
    box_remove(&x);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(snapshot_brings_back_state_and_headers),
    cmocka_unit_test(altered_or_truncated_file_is_refused),
    cmocka_unit_test(forged_file_with_right_checksums_is_refused),
    cmocka_unit_test(wrong_flat_state_is_not_exported),
};

HD_TEST_MAIN(tests)
