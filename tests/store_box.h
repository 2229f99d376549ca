/* store_box.h - a store in a folder of its own, and something to put into it. */
#ifndef STORE_BOX_H
#define STORE_BOX_H

#include "hd_test.h"

#include <unistd.h>

#include "crypto/hd_keccak.h"
#include "state/hd_store.h"

typedef struct {
    char dir[128];
    hd_store *store;
    hd_store_read *read;
    hd_msg msg;
} box;

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;
static inline uint64_t rng(void) {
    rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
    return hd_mix64(rng_state);
}

static inline void assert_ok(hd_err err, const box *x) {
    if (err != HD_OK)
        fail_msg("%s: %s", hd_err_name(err), x->msg.text);
}

static inline void box_remove(const box *x) {
    const char *const names[] = {"data.mdb", "lock.mdb",          "heddle.lock",
                                 "unsynced", "creating/data.mdb", "creating/lock.mdb",
                                 "snap"};
    char path[256], temp[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", x->dir, names[i]);
        unlink(path);
    }
    snprintf(temp, sizeof temp, "%s/creating", x->dir);
    rmdir(temp);
    rmdir(x->dir);
}

static inline void box_init(box *x) {
    const char *base = getenv("TMPDIR");
    memset(x, 0, sizeof *x);
    snprintf(x->dir, sizeof x->dir, "%s/hd_store.XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(x->dir));
}

static inline hd_err box_try_open(box *x, uint32_t flags, uint64_t map_sz) {
    hd_store_options options = {flags, 0, map_sz};
    return hd_store_open(&x->store, &x->msg, x->dir, &options);
}

static inline void box_open(box *x, uint32_t flags, uint64_t map_sz) {
    assert_ok(box_try_open(x, flags, map_sz), x);
}

static inline void box_close(box *x) {
    assert_ok(hd_store_close(x->store, &x->msg), x);
    x->store = NULL;
}

static inline void box_begin(box *x) {
    assert_ok(hd_store_read_begin(&x->read, &x->msg, x->store), x);
}

static inline void box_end(box *x) {
    hd_store_read_end(x->read);
    x->read = NULL;
}

static inline hd_address addr_of(uint64_t i) {
    hd_address a;
    hd_hash h;
    hd_keccak256(h.b, (const uint8_t *)&i, sizeof i);
    memcpy(a.b, h.b, sizeof a.b);
    return a;
}

static inline hd_hash hash_of(uint64_t i) {
    hd_hash h;
    i ^= 0x5555;
    hd_keccak256(h.b, (const uint8_t *)&i, sizeof i);
    return h;
}

/* A state with account_cnt accounts, about every third a contract with some slots. */
static inline hd_state *make_state(uint32_t account_cnt) {
    hd_state *s = hd_state_new();
    assert_non_null(s);
    for (uint32_t i = 0; i < account_cnt; i++) {
        hd_address a = addr_of(i);
        uint8_t code[6000];
        size_t code_sz = i % 3 == 0 ? i % 50 == 0 ? sizeof code : 10 + i % 20 : 0;
        memset(code, (int)(i % 7), sizeof code);
        hd_u256 wei = hd_u256_make(0, i % 5 == 0 ? rng() : 0, rng(), rng());
        assert_int_equal(hd_state_set(s, &a, i, wei, code, code_sz), HD_OK);
        for (uint32_t k = 0; code_sz && k < i % 17; k++)
            assert_int_equal(
                hd_state_set_slot(s, &a, hd_u256_from_u64(k * 3),
                                  k & 1 ? hd_u256_make(rng(), 1, 2, 3) : hd_u256_from_u64(k + 1)),
                HD_OK);
    }
    return s;
}

static inline void put_genesis(box *x, const hd_state *s, uint64_t number) {
    hd_store_batch *b = hd_store_batch_new();
    hd_store_head head = {.number = number, .hash = hash_of(number)};
    assert_non_null(b);
    assert_int_equal(hd_state_root(&head.state_root, s), HD_OK);
    assert_int_equal(hd_store_put_all(b, s), HD_OK);
    hd_store_put_head(b, &head);
    assert_ok(hd_store_commit(x->store, &x->msg, b), x);
    assert_int_equal(hd_store_batch_sz(b), 0);
    hd_store_batch_free(b);
}

/* Blocks [from, to] with an undo record each and some state, each committed alone. */
static inline void put_blocks(box *x, uint64_t from, uint64_t to) {
    uint8_t big[20000];
    hd_store_batch *b = hd_store_batch_new();
    assert_non_null(b);
    for (uint64_t n = from; n <= to; n++) {
        memset(big, (int)n, sizeof big);
        hd_store_block block = {.number = n, .hash = hash_of(n)};
        hd_hash tx = hash_of(1000000 + n);
        block.total_difficulty = hd_u256_from_u64(n * 100);
        block.header = (hd_span){big, 500 + n % 100};
        block.body = (hd_span){big, n % 4 == 0 ? sizeof big : 100};
        block.receipts = (hd_span){big, 300};
        block.undo = (hd_span){big, 50};
        hd_store_put_block(b, &block);
        hd_store_put_canonical(b, n, &block.hash);
        hd_store_put_tx(b, &tx, (hd_store_tx_place){n, 0});
        hd_store_head head = {.number = n, .hash = block.hash};
        hd_store_put_head(b, &head);
        assert_ok(hd_store_commit(x->store, &x->msg, b), x);
    }
    hd_store_batch_free(b);
}

static inline void assert_same_state(const hd_state *a, const hd_state *b) {
    hd_hash ra, rb;
    assert_int_equal(hd_state_root(&ra, a), HD_OK);
    assert_int_equal(hd_state_root(&rb, b), HD_OK);
    assert_memory_equal(&ra, &rb, sizeof ra);
}

static inline size_t data_path(char *out, size_t out_sz, const box *x) {
    struct stat st;
    snprintf(out, out_sz, "%s/data.mdb", x->dir);
    assert_int_equal(stat(out, &st), 0);
    return (size_t)st.st_size;
}

#endif
