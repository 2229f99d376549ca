/* test_pipeline_store.c - a store that is committed to from a pipeline's sink, a block at a time.
 */
#define _GNU_SOURCE
#define PIPELINE_BACKEND HD_BACKEND_HOST
#include "pipeline_world.h"

#include <unistd.h>

#include "state/hd_store.h"
#include "state/hd_store_undo.h"

typedef struct {
    char dir[128];
    hd_store *store;
    hd_store_batch *batch;
    hd_undo undo; /* a compacted copy */
    hd_buf encoded;
    hd_msg msg;
} kept;

static void assert_kept(hd_err err, const kept *k) {
    if (err != HD_OK)
        fail_msg("%s: %s", hd_err_name(err), k->msg.text);
}

static void kept_open(kept *k, const hd_state *s) {
    const char *base = getenv("TMPDIR");
    hd_store_options options = {.flags = HD_STORE_CREATE | HD_STORE_NO_SYNC};
    memset(k, 0, sizeof *k);
    snprintf(k->dir, sizeof k->dir, "%s/hd_pipeline.XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(k->dir));
    assert_kept(hd_store_open(&k->store, &k->msg, k->dir, &options), k);
    k->batch = hd_store_batch_new();
    assert_non_null(k->batch);
    hd_store_head head = {.number = 0};
    assert_int_equal(hd_store_put_all(k->batch, s), HD_OK);
    hd_store_put_head(k->batch, &head);
    assert_kept(hd_store_commit(k->store, &k->msg, k->batch), k);
}

static void kept_close(kept *k) {
    static const char *const names[] = {"data.mdb", "lock.mdb", "heddle.lock", "unsynced"};
    char path[256];
    assert_kept(hd_store_close(k->store, &k->msg), k);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", k->dir, names[i]);
        unlink(path);
    }
    rmdir(k->dir);
    hd_store_batch_free(k->batch);
    hd_undo_free(&k->undo);
    hd_buf_free(&k->encoded);
}

static hd_hash hash_of_number(uint64_t number) {
    hd_hash h;
    hd_keccak256(h.b, (const uint8_t *)&number, sizeof number);
    return h;
}

/* Flat state, undo record and head in one commit, as hd_chain_disk makes it. */
static hd_err keep(void *ctx, const hd_state *s, const hd_undo *changes, uint64_t number) {
    kept *k = ctx;
    hd_store_head head = {.number = number, .hash = hash_of_number(number)};
    hd_undo_clear(&k->undo);
    hd_err err = hd_buf_append(&k->undo.accounts, changes->accounts.data, changes->accounts.sz);
    if (err == HD_OK)
        err = hd_buf_append(&k->undo.slots, changes->slots.data, changes->slots.sz);
    if (err == HD_OK)
        err = hd_undo_compact(&k->undo);
    hd_buf_clear(&k->encoded);
    if (err == HD_OK)
        err = hd_undo_encode(&k->encoded, &k->undo);
    if (err != HD_OK)
        return err;
    hd_store_put_changed(k->batch, s, &k->undo);
    hd_store_put_undo(k->batch, number, &head.hash, hd_buf_span(&k->encoded));
    hd_store_put_canonical(k->batch, number, &head.hash);
    hd_store_put_head(k->batch, &head);
    return hd_store_commit(k->store, &k->msg, k->batch);
}

static void expect_root(kept *k, const hd_hash *want, uint64_t number) {
    hd_state *s = hd_state_new();
    hd_store_read *read;
    hd_hash root;
    assert_kept(hd_store_read_begin(&read, &k->msg, k->store), k);
    assert_kept(hd_store_load_at(s, &k->msg, read, number), k);
    hd_store_read_end(read);
    assert_int_equal(hd_state_root(&root, s), HD_OK);
    assert_memory_equal(&root, want, 32);
    hd_state_free(s);
}

static void follow(uint64_t seed, uint64_t resident_max) {
    static world w;
    static kept k;
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    hd_pipeline *p = pipeline_open(&options);
    hd_state *behind = hd_state_new();
    hd_hash root, roots[8];
    uint64_t first = 0;
    world_open(&w, seed, HD_FORK_SHANGHAI);
    w.env.number = 0;
    assert_int_equal(hd_state_copy(behind, w.state), HD_OK);
    kept_open(&k, behind);
    hd_pipeline_behind with = {.resident_max = resident_max, .sink = keep, .sink_ctx = &k};
    assert_int_equal(hd_pipeline_load_behind(&root, p, behind, &with), HD_OK);
    for (uint32_t i = 0; i < 8; i++) {
        hd_pipeline_result r;
        hd_msg msg = {""};
        hd_pipeline_block block = block_of(&w, 60, i % 2);
        assert_int_equal(hd_pipeline_run(&r, p, &msg, &block), HD_OK);
        assert_int_equal(r.refused_idx, 60);
        roots[i] = r.state_root;
        first = first ? first : block.env.number;
    }
    assert_int_equal(hd_pipeline_sync(p), HD_OK);
    for (uint32_t i = 0; i < 8; i++)
        expect_root(&k, &roots[i], first + i);
    hd_pipeline_close(p);
    kept_close(&k);
    hd_state_free(behind);
    world_close(&w);
}

static void a_store_holds_every_block_of_a_pipeline(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 4; seed++) {
        follow(seed, 0);
        follow(seed, 50000);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_store_holds_every_block_of_a_pipeline),
};

HD_TEST_MAIN(tests)
