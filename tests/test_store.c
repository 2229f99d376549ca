/* test_store.c - the persistent store: what is committed is there, damage is named. */
#define _GNU_SOURCE
#include "hd_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hd_file.h"
#include "base/hd_threads.h"
#include "state/hd_trie.h"
#include "store_box.h"

/* ---- cases */

static void trie_stream_gives_the_root_of_sorted_items(void **state) {
    (void)state;
    hd_trie_stream *st = hd_trie_stream_new();
    assert_non_null(st);
    for (uint32_t cnt = 0; cnt < 400; cnt = cnt < 20 ? cnt + 1 : cnt * 2) {
        hd_hash keys[640], got, want;
        hd_trie_item items[640];
        for (uint32_t i = 0; i < cnt; i++) {
            keys[i] = hash_of(i * 7919);
            /* Keys that share many nibbles make branches far from the root. */
            if (i % 3)
                memcpy(keys[i].b, keys[i - 1].b, i % 32);
        }
        for (uint32_t i = 1; i < cnt; i++)
            for (uint32_t j = i; j && memcmp(&keys[j - 1], &keys[j], 32) > 0; j--) {
                hd_hash t = keys[j];
                keys[j] = keys[j - 1];
                keys[j - 1] = t;
            }
        for (uint32_t i = 0; i < cnt; i++) {
            items[i].key = (hd_span){keys[i].b, 32};
            items[i].value = (hd_span){keys[i].b, 1 + i % 32};
            assert_int_equal(hd_trie_stream_add(st, &keys[i], items[i].value), HD_OK);
        }
        assert_int_equal(hd_trie_root_sorted(&want, items, cnt), HD_OK);
        assert_int_equal(hd_trie_stream_root(&got, st), HD_OK);
        assert_memory_equal(&got, &want, 32);
    }
    hd_hash k = hash_of(1);
    assert_int_equal(hd_trie_stream_add(st, &k, (hd_span){k.b, 1}), HD_OK);
    assert_int_equal(hd_trie_stream_add(st, &k, (hd_span){k.b, 1}), HD_ERR_FORMAT);
    hd_trie_stream_free(st);
}

static void state_is_the_same_after_reopening(void **state) {
    (void)state;
    box x;
    hd_state *s = make_state(500), *t = hd_state_new();
    box_init(&x);
    assert_int_equal(box_try_open(&x, 0, 0), HD_ERR_ABSENT);
    box_open(&x, HD_STORE_CREATE, 0);
    put_genesis(&x, s, 0);
    box_close(&x);
    box_open(&x, 0, 0);
    box_begin(&x);
    assert_ok(hd_store_load(t, &x.msg, x.read), &x);
    assert_same_state(s, t);
    assert_ok(hd_store_verify(&x.msg, x.read), &x);
    hd_store_account account;
    hd_address a = addr_of(16), nobody = addr_of(99999);
    assert_ok(hd_store_get_account(&account, &x.msg, x.read, &a), &x);
    assert_int_equal(account.nonce, 16);
    assert_int_equal(hd_store_get_account(&account, &x.msg, x.read, &nobody), HD_ERR_ABSENT);
    hd_u256 value;
    hd_address contract = addr_of(33);
    assert_ok(hd_store_get_slot(&value, &x.msg, x.read, &contract, hd_u256_from_u64(0)), &x);
    assert_int_equal(value.w[0], 33 % 17 ? 1 : 0);
    assert_ok(hd_store_get_slot(&value, &x.msg, x.read, &nobody, hd_u256_from_u64(0)), &x);
    assert_true(hd_u256_is_zero(value));
    box_end(&x);
    box_close(&x);
    hd_state_free(s);
    hd_state_free(t);
    box_remove(&x);
}

static void deleted_accounts_take_their_storage_along(void **state) {
    (void)state;
    box x;
    hd_state *s = make_state(200), *t = hd_state_new();
    hd_store_batch *b = hd_store_batch_new();
    box_init(&x);
    box_open(&x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 0);
    put_genesis(&x, s, 0);
    hd_store_account_change accounts[3];
    hd_store_slot_change slots[3];
    memset(accounts, 0, sizeof accounts);
    memset(slots, 0, sizeof slots);
    /* 33 goes, 66 is made anew with one slot, 99 loses one slot and gets another. */
    accounts[0].addr = addr_of(33);
    accounts[0].flags = HD_STORE_DELETED;
    hd_state_account old;
    accounts[1].addr = addr_of(66);
    assert_int_equal(hd_state_get(&old, s, &accounts[1].addr), HD_OK);
    accounts[1].flags = HD_STORE_WIPED;
    accounts[1].nonce = 7;
    accounts[1].code_hash = old.code_hash;
    slots[0] = (hd_store_slot_change){addr_of(66), hd_u256_from_u64(5), hd_u256_from_u64(9)};
    slots[1] = (hd_store_slot_change){addr_of(99), hd_u256_from_u64(3), hd_u256_zero()};
    slots[2] = (hd_store_slot_change){addr_of(99), hd_u256_from_u64(1), hd_u256_from_u64(256)};
    hd_store_put_state(b, accounts, 2, slots, 3);
    assert_ok(hd_store_commit(x.store, &x.msg, b), &x);
    hd_address gone = addr_of(33), anew = addr_of(66), third = addr_of(99);
    uint8_t code[64];
    memcpy(code, old.code, old.code_sz);
    assert_int_equal(hd_state_delete(s, &gone), HD_OK);
    size_t code_sz = old.code_sz;
    assert_int_equal(hd_state_delete(s, &anew), HD_OK);
    assert_int_equal(hd_state_set(s, &anew, 7, hd_u256_zero(), code, code_sz), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &anew, slots[0].key, slots[0].value), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &third, slots[1].key, slots[1].value), HD_OK);
    assert_int_equal(hd_state_set_slot(s, &third, slots[2].key, slots[2].value), HD_OK);
    box_begin(&x);
    assert_ok(hd_store_load(t, &x.msg, x.read), &x);
    assert_same_state(s, t);
    hd_hash want, got;
    assert_int_equal(hd_state_root(&want, s), HD_OK);
    assert_ok(hd_store_root(&got, &x.msg, x.read), &x);
    assert_memory_equal(&want, &got, 32);
    assert_int_equal(hd_store_verify(&x.msg, x.read), HD_ERR_CORRUPT); /* the head is genesis' */
    box_end(&x);
    hd_store_batch_free(b);
    box_close(&x);
    hd_state_free(s);
    hd_state_free(t);
    box_remove(&x);
}

static void blocks_and_indexes_are_found(void **state) {
    (void)state;
    box x;
    box_init(&x);
    box_open(&x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 0);
    put_blocks(&x, 1, 20);
    hd_store_batch *b = hd_store_batch_new();
    hd_hash owner = {{0}}, other = hash_of(77), tx = hash_of(1000005), hash = hash_of(4);
    const uint8_t path[3] = {1, 15, 0};
    hd_store_put_node(b, &owner, path, 0, (hd_span){(const uint8_t *)"root", 4});
    hd_store_put_node(b, &owner, path, 3, (hd_span){(const uint8_t *)"deep", 4});
    hd_store_put_node(b, &other, path, 2, (hd_span){(const uint8_t *)"slot", 4});
    hd_store_put_node(b, &owner, path, 3, (hd_span){NULL, 0});
    hd_store_put_named(b, "config", (hd_span){(const uint8_t *)"{}", 2});
    assert_ok(hd_store_commit(x.store, &x.msg, b), &x);
    hd_store_delete_nodes(b, &other);
    hd_store_delete_tx(b, &tx);
    hd_store_put_canonical(b, 20, NULL);
    assert_ok(hd_store_commit(x.store, &x.msg, b), &x);
    hd_store_batch_free(b);
    box_begin(&x);
    hd_span out;
    uint64_t number;
    hd_u256 td;
    hd_hash canonical;
    hd_store_tx_place place;
    hd_store_head head;
    assert_ok(hd_store_get_number(&number, &x.msg, x.read, &hash), &x);
    assert_int_equal(number, 4);
    assert_ok(hd_store_get_header(&out, &x.msg, x.read, 4, &hash), &x);
    assert_int_equal(out.sz, 504);
    assert_ok(hd_store_get_body(&out, &x.msg, x.read, 4, &hash), &x);
    assert_int_equal(out.sz, 20000);
    assert_int_equal(out.data[19999], 4);
    assert_ok(hd_store_get_receipts(&out, &x.msg, x.read, 4, &hash), &x);
    assert_ok(hd_store_get_undo(&out, &x.msg, x.read, 4, &hash), &x);
    assert_ok(hd_store_get_difficulty(&td, &x.msg, x.read, 4, &hash), &x);
    assert_int_equal(td.w[0], 400);
    assert_ok(hd_store_get_canonical(&canonical, &x.msg, x.read, 4), &x);
    assert_memory_equal(&canonical, &hash, 32);
    assert_int_equal(hd_store_get_canonical(&canonical, &x.msg, x.read, 20), HD_ERR_ABSENT);
    assert_int_equal(hd_store_get_tx(&place, &x.msg, x.read, &tx), HD_ERR_ABSENT);
    tx = hash_of(1000006);
    assert_ok(hd_store_get_tx(&place, &x.msg, x.read, &tx), &x);
    assert_int_equal(place.block_number, 6);
    assert_ok(hd_store_get_node(&out, &x.msg, x.read, &owner, path, 0), &x);
    assert_memory_equal(out.data, "root", 4);
    assert_int_equal(hd_store_get_node(&out, &x.msg, x.read, &owner, path, 3), HD_ERR_ABSENT);
    assert_int_equal(hd_store_get_node(&out, &x.msg, x.read, &other, path, 2), HD_ERR_ABSENT);
    assert_ok(hd_store_get_named(&out, &x.msg, x.read, "config"), &x);
    assert_int_equal(out.sz, 2);
    assert_int_equal(hd_store_get_named(&out, &x.msg, x.read, "head"), HD_ERR_ABSENT);
    assert_ok(hd_store_get_head(&head, &x.msg, x.read), &x);
    assert_int_equal(head.number, 20);
    box_end(&x);
    box_close(&x);
    box_remove(&x);
}

static void only_the_last_states_are_kept(void **state) {
    (void)state;
    for (uint32_t is_archive = 0; is_archive < 2; is_archive++) {
        box x;
        uint64_t oldest;
        hd_span out;
        box_init(&x);
        hd_store_options options = {HD_STORE_CREATE | HD_STORE_NO_SYNC, 5, 0};
        if (is_archive)
            options.flags |= HD_STORE_ARCHIVE;
        assert_ok(hd_store_open(&x.store, &x.msg, x.dir, &options), &x);
        put_blocks(&x, 1, 12);
        box_begin(&x);
        assert_ok(hd_store_get_oldest(&oldest, &x.msg, x.read), &x);
        assert_int_equal(oldest, is_archive ? 0 : 7);
        hd_hash low = hash_of(7), high = hash_of(8);
        assert_int_equal(hd_store_get_undo(&out, &x.msg, x.read, 7, &low),
                         is_archive ? HD_OK : HD_ERR_ABSENT);
        assert_int_equal(hd_store_get_undo(&out, &x.msg, x.read, 8, &high), HD_OK);
        box_end(&x);
        box_close(&x);
        /* An archive stays one without the option. */
        options.flags = 0;
        assert_ok(hd_store_open(&x.store, &x.msg, x.dir, &options), &x);
        assert_int_equal(hd_store_is_archive(x.store), is_archive);
        box_close(&x);
        box_remove(&x);
    }
}

static void map_grows_when_it_is_full(void **state) {
    (void)state;
    box x;
    hd_state *s = make_state(3000), *t = hd_state_new();
    box_init(&x);
    box_open(&x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 1u << 18);
    put_genesis(&x, s, 0);
    put_blocks(&x, 1, 300);
    box_begin(&x);
    assert_ok(hd_store_load(t, &x.msg, x.read), &x);
    assert_same_state(s, t);
    box_end(&x);
    box_close(&x);
    box_open(&x, 0, 1u << 18);
    box_close(&x);
    hd_state_free(s);
    hd_state_free(t);
    box_remove(&x);
}

static void second_process_is_kept_out(void **state) {
    (void)state;
    box x, y;
    box_init(&x);
    y = x;
    box_open(&x, HD_STORE_CREATE, 0);
    assert_int_equal(box_try_open(&y, 0, 0), HD_ERR_IO);
    assert_non_null(strstr(y.msg.text, "in use"));
    box_close(&x);
    box_open(&x, HD_STORE_READ_ONLY, 0);
    box_open(&y, HD_STORE_READ_ONLY, 0);
    box_close(&y);
    box_close(&x);
    box_remove(&x);
}

typedef struct {
    box *x;
    uint32_t bad_cnt;
} reader_ctx;

/* Accounts a and b always hold 1000 wei together in any one commit. */
static hd_err read_pair(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    reader_ctx *r = (reader_ctx *)ctx;
    hd_address a = addr_of(1), b = addr_of(2);
    hd_msg msg;
    if (worker_idx == 0 && begin == 0) {
        hd_store_batch *batch = hd_store_batch_new();
        for (uint64_t i = 0; i < 300; i++) {
            hd_store_account_change c[2];
            memset(c, 0, sizeof c);
            c[0].addr = a;
            c[0].balance_wei = hd_u256_from_u64(i);
            c[1].addr = b;
            c[1].balance_wei = hd_u256_from_u64(1000 - i);
            hd_store_put_state(batch, c, 2, NULL, 0);
            if (hd_store_commit(r->x->store, &msg, batch) != HD_OK)
                __atomic_fetch_add(&r->bad_cnt, 1, __ATOMIC_RELAXED);
        }
        hd_store_batch_free(batch);
        return HD_OK;
    }
    for (size_t i = begin; i < end; i++) {
        hd_store_read *read;
        hd_store_account p, q;
        if (hd_store_read_begin(&read, &msg, r->x->store) != HD_OK ||
            hd_store_get_account(&p, &msg, read, &a) != HD_OK ||
            hd_store_get_account(&q, &msg, read, &b) != HD_OK ||
            p.balance_wei.w[0] + q.balance_wei.w[0] != 1000)
            __atomic_fetch_add(&r->bad_cnt, 1, __ATOMIC_RELAXED);
        hd_store_read_end(read);
    }
    return HD_OK;
}

static void readers_see_whole_commits(void **state) {
    (void)state;
    box x;
    hd_pool *pool;
    hd_store_batch *batch = hd_store_batch_new();
    hd_store_account_change c;
    box_init(&x);
    box_open(&x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 1u << 18);
    memset(&c, 0, sizeof c);
    c.addr = addr_of(1);
    hd_store_put_account(batch, &c);
    c.addr = addr_of(2);
    c.balance_wei = hd_u256_from_u64(1000);
    hd_store_put_account(batch, &c);
    assert_ok(hd_store_commit(x.store, &x.msg, batch), &x);
    hd_store_batch_free(batch);
    reader_ctx ctx = {&x, 0};
    assert_int_equal(hd_pool_open(&pool, 4), HD_OK);
    assert_int_equal(hd_pool_for(pool, 2000, 100, read_pair, &ctx), HD_OK);
    hd_pool_close(pool);
    assert_int_equal(ctx.bad_cnt, 0);
    box_close(&x);
    box_remove(&x);
}

static void interrupted_creation_leaves_nothing(void **state) {
    (void)state;
    box x;
    char path[256];
    box_init(&x);
    snprintf(path, sizeof path, "%s/creating", x.dir);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/creating/data.mdb", x.dir);
    assert_int_equal(hd_file_write(NULL, path, "half a file", 11), HD_OK);
    box_open(&x, HD_STORE_CREATE, 0);
    box_close(&x);
    box_remove(&x);
}

/* A process that is killed at any time leaves the last commit that returned, or the one after. */
static void killed_process_loses_no_commit(void **state) {
    (void)state;
    box x;
    box_init(&x);
    for (uint32_t round = 0; round < 20; round++) {
        int fds[2];
        uint64_t last = 0, seen;
        box_open(&x, HD_STORE_CREATE, 0); /* made here, so that the child is quick */
        box_close(&x);
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            box y = x;
            hd_store_batch *b = hd_store_batch_new();
            hd_store_head head;
            uint64_t n = 0;
            if (box_try_open(&y, round & 1 ? HD_STORE_NO_SYNC : 0, 1u << 20) != HD_OK ||
                hd_store_read_begin(&y.read, &y.msg, y.store) != HD_OK)
                _exit(1);
            if (hd_store_get_head(&head, &y.msg, y.read) == HD_OK)
                n = head.number;
            hd_store_read_end(y.read);
            uint8_t bytes[3000];
            for (;; n++) {
                memset(bytes, (int)n, sizeof bytes);
                memset(&head, 0, sizeof head);
                head.number = n + 1;
                hd_store_put_head(b, &head);
                for (uint64_t i = 0; i < 10; i++)
                    hd_store_put_undo(b, n + 1, &(hd_hash){{(uint8_t)i}},
                                      (hd_span){bytes, sizeof bytes});
                hd_u256 value = hd_u256_from_u64(n + 1);
                hd_address a = addr_of(n % 100);
                hd_store_put_slot(b, &a, hd_u256_from_u64(n % 7), value);
                if (hd_store_commit(y.store, &y.msg, b) != HD_OK)
                    _exit(1);
                uint64_t done = n + 1;
                if (write(fds[1], &done, sizeof done) != sizeof done)
                    _exit(1);
            }
        }
        close(fds[1]);
        usleep((useconds_t)(rng() % 30000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (read(fds[0], &seen, sizeof seen) == sizeof seen)
            last = seen;
        close(fds[0]);
        box_open(&x, 0, 0);
        box_begin(&x);
        hd_store_head head = {.number = 0};
        hd_err err = hd_store_get_head(&head, &x.msg, x.read);
        assert_true(err == HD_OK || err == HD_ERR_ABSENT);
        if (last)
            assert_true(head.number == last || head.number == last + 1);
        box_end(&x);
        box_close(&x);
    }
    box_remove(&x);
}

/* ---- damage */

/* Everything that can be read, folded to one hash; an error when a read fails. */
static hd_err fold_all(hd_hash *out, box *x) {
    hd_keccak k;
    hd_store_head head;
    hd_hash hash;
    hd_span span;
    hd_err err = hd_store_verify(&x->msg, x->read);
    hd_keccak_init(&k);
    if (err == HD_OK)
        err = hd_store_root(&hash, &x->msg, x->read);
    if (err == HD_OK)
        hd_keccak_update(&k, hash.b, 32);
    if (err == HD_OK)
        err = hd_store_get_head(&head, &x->msg, x->read);
    if (err == HD_OK)
        hd_keccak_update(&k, head.hash.b, 32);
    for (uint64_t n = 1; n <= 30 && err == HD_OK; n++) {
        err = hd_store_get_canonical(&hash, &x->msg, x->read, n);
        if (err == HD_OK)
            err = hd_store_get_body(&span, &x->msg, x->read, n, &hash);
        if (err == HD_OK)
            hd_keccak_update(&k, span.data, span.sz);
        if (err == HD_OK)
            err = hd_store_get_header(&span, &x->msg, x->read, n, &hash);
        if (err == HD_OK)
            hd_keccak_update(&k, span.data, span.sz);
    }
    hd_keccak_final(&k, out->b);
    return err;
}

/* A store with a state, blocks, and pages that were freed. */
static void make_victim(box *x, hd_hash *want) {
    hd_state *s = make_state(300);
    box_init(x);
    box_open(x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 0);
    put_blocks(x, 1, 30);
    put_genesis(x, s, 30);
    box_begin(x);
    assert_ok(fold_all(want, x), x);
    box_end(x);
    box_close(x);
    hd_state_free(s);
}

/* Opens and reads a damaged file: 1 when it was refused with a name, 0 when all is as it was. */
static int is_refused(box *x, const hd_hash *want) {
    hd_hash got;
    memset(&x->msg, 0, sizeof x->msg);
    hd_err err = box_try_open(x, 0, 0);
    if (err == HD_OK) {
        box_begin(x);
        err = fold_all(&got, x);
        box_end(x);
        box_close(x);
        if (err == HD_OK) {
            assert_memory_equal(&got, want, sizeof got);
            return 0;
        }
    }
    assert_true(err == HD_ERR_CORRUPT || err == HD_ERR_UNSUPPORTED);
    assert_non_null(strstr(x->msg.text, "data.mdb"));
    return 1;
}

static void flipped_bits_are_named_and_never_wrong(void **state) {
    (void)state;
    box x;
    hd_hash want;
    char path[256];
    uint32_t refused_cnt = 0;
    make_victim(&x, &want);
    size_t sz = data_path(path, sizeof path, &x);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (uint32_t i = 0; i < 700; i++) {
        /* Most anywhere; some in the heads of pages, where the structure is. */
        uint8_t byte, old;
        off_t at = (off_t)(rng() % sz);
        if (i % 3 == 0)
            at = (off_t)(rng() % (sz / 4096) * 4096 + rng() % 160);
        if (i % 10 == 0)
            at = (off_t)(rng() % 2 * 4096 + rng() % 152);
        assert_int_equal(pread(fd, &old, 1, at), 1);
        byte = i & 1 ? old ^ (uint8_t)(1u << rng() % 8) : (uint8_t)rng();
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        refused_cnt += (uint32_t)is_refused(&x, &want);
        /* A store that opened may have been synced, not changed. */
        assert_int_equal(pwrite(fd, &old, 1, at), 1);
    }
    close(fd);
    assert_true(refused_cnt > 200);
    assert_int_equal(is_refused(&x, &want), 0);
    box_remove(&x);
}

/* Whole pages that were lost, doubled or exchanged, as disks do it. */
static void misplaced_pages_are_named_and_never_wrong(void **state) {
    (void)state;
    box x;
    hd_hash want;
    char path[256];
    static uint8_t old[4096], page[4096];
    uint32_t refused_cnt = 0;
    make_victim(&x, &want);
    size_t page_cnt = data_path(path, sizeof path, &x) / 4096;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (uint32_t i = 0; i < 200; i++) {
        off_t at = (off_t)(rng() % page_cnt * 4096), from = (off_t)(rng() % page_cnt * 4096);
        assert_int_equal(pread(fd, old, 4096, at), 4096);
        assert_int_equal(pread(fd, page, 4096, from), 4096);
        if (i % 3 == 0)
            memset(page, 0, sizeof page);
        if (i % 3 == 1)
            for (uint32_t k = 0; k < 4096; k += 8)
                hd_store_le64(page + k, rng());
        assert_int_equal(pwrite(fd, page, 4096, at), 4096);
        refused_cnt += (uint32_t)is_refused(&x, &want);
        assert_int_equal(pwrite(fd, old, 4096, at), 4096);
    }
    close(fd);
    assert_true(refused_cnt > 100);
    box_remove(&x);
}

static void truncated_file_is_named(void **state) {
    (void)state;
    box x;
    hd_hash want;
    char path[256];
    hd_buf copy;
    make_victim(&x, &want);
    size_t sz = data_path(path, sizeof path, &x);
    hd_buf_init(&copy);
    assert_int_equal(hd_file_read(&copy, NULL, path, HD_FILE_SZ_MAX), HD_OK);
    for (uint32_t i = 0; i < 60; i++) {
        size_t left = i == 0 ? 0 : i < 20 ? sz - i * 4096 : (size_t)(rng() % sz);
        assert_int_equal(truncate(path, (off_t)left), 0);
        int refused = is_refused(&x, &want);
        if (left < sz / 2)
            assert_true(refused);
        if (refused && left)
            assert_non_null(strstr(x.msg.text, "truncated"));
        assert_int_equal(hd_file_write(NULL, path, copy.data, copy.sz), HD_OK);
    }
    assert_int_equal(is_refused(&x, &want), 0);
    hd_buf_free(&copy);
    box_remove(&x);
}

/* An older root in an intact file: the newest meta page is put back to one commit before. */
static void lost_meta_page_is_named(void **state) {
    (void)state;
    box x;
    hd_hash want;
    char path[256];
    uint8_t pages[2][4096];
    make_victim(&x, &want);
    data_path(path, sizeof path, &x);
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, pages, sizeof pages, 0), (ssize_t)sizeof pages);
    /* The transaction's number lies behind the two trees and the last page. */
    uint64_t a = hd_load_le64(pages[0] + 16 + 128), b = hd_load_le64(pages[1] + 16 + 128);
    uint32_t older = a < b ? 0 : 1;
    hd_store_le64(pages[older] + 16 + 128, (a < b ? a : b) + 2);
    assert_int_equal(pwrite(fd, pages, sizeof pages, 0), (ssize_t)sizeof pages);
    close(fd);
    assert_int_equal(is_refused(&x, &want), 1);
    box_remove(&x);
}

/* ---- loss of power while commits did not wait */

#define TORN_COMMITS 8u

/* A commit that changes state and adds a block. */
static void torn_commit(box *x, hd_state *s, hd_store_batch *b, uint64_t n) {
    hd_store_head head = {.number = n, .hash = hash_of(n)};
    uint8_t bytes[400];
    memset(bytes, (int)n, sizeof bytes);
    for (uint32_t i = 0; i < 20; i++) {
        hd_store_account_change c;
        hd_state_account old;
        memset(&c, 0, sizeof c);
        c.addr = addr_of(rng() % 300);
        assert_int_equal(hd_state_get(&old, s, &c.addr), HD_OK);
        c.nonce = old.nonce + 1;
        c.balance_wei = hd_u256_from_u64(rng());
        c.code_hash = old.code_hash;
        hd_store_put_account(b, &c);
        hd_u256 key = hd_u256_from_u64(rng() % 20), value = hd_u256_from_u64(rng() % 3);
        hd_store_put_slot(b, &c.addr, key, value);
        assert_int_equal(hd_state_set(s, &c.addr, c.nonce, c.balance_wei, old.code, old.code_sz),
                         HD_OK);
        assert_int_equal(hd_state_set_slot(s, &c.addr, key, value), HD_OK);
    }
    assert_int_equal(hd_state_root(&head.state_root, s), HD_OK);
    hd_store_block block = {.number = n, .hash = head.hash};
    block.header = block.body = (hd_span){bytes, sizeof bytes};
    hd_store_put_block(b, &block);
    hd_store_put_canonical(b, n, &head.hash);
    hd_store_put_head(b, &head);
    assert_ok(hd_store_commit(x->store, &x->msg, b), x);
}

/* A file of which some pages are old and some are new is refused, or is one of the commits. */
static void torn_file_is_refused_or_one_commit(void **state) {
    (void)state;
    box x;
    char path[256], mark[256];
    hd_state *s = make_state(300);
    hd_store_batch *b = hd_store_batch_new();
    hd_buf files[TORN_COMMITS], torn;
    uint32_t refused_cnt = 0, named_cnt = 0;
    box_init(&x);
    snprintf(mark, sizeof mark, "%s/unsynced", x.dir);
    box_open(&x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 0);
    put_genesis(&x, s, 0);
    for (uint64_t n = 1; n <= TORN_COMMITS; n++) {
        torn_commit(&x, s, b, n);
        data_path(path, sizeof path, &x);
        hd_buf_init(&files[n - 1]);
        assert_int_equal(hd_file_read(&files[n - 1], NULL, path, HD_FILE_SZ_MAX), HD_OK);
    }
    box_close(&x);
    hd_buf_init(&torn);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t first = (uint32_t)(rng() % TORN_COMMITS), share = (uint32_t)(rng() % 20 + 1);
        const hd_buf *last = &files[TORN_COMMITS - 1], *old = &files[first];
        hd_buf_clear(&torn);
        for (size_t at = 0; at < last->sz; at += 4096) {
            const hd_buf *from = rng() % share == 0 && at + 4096 <= old->sz ? old : last;
            hd_buf_append(&torn, from->data + at, 4096);
        }
        assert_int_equal(hd_file_write(NULL, path, torn.data, torn.sz), HD_OK);
        assert_int_equal(hd_file_write(NULL, mark, "another boot", 12), HD_OK);
        hd_err err = box_try_open(&x, 0, 0);
        if (err == HD_OK) {
            hd_store_head head;
            hd_hash hash;
            hd_span raw;
            box_begin(&x);
            err = hd_store_verify(&x.msg, x.read);
            if (err == HD_OK) {
                assert_ok(hd_store_get_head(&head, &x.msg, x.read), &x);
                hd_hash want = hash_of(head.number);
                assert_memory_equal(&head.hash, &want, sizeof want);
                for (uint64_t n = 1; n <= head.number; n++) {
                    assert_ok(hd_store_get_canonical(&hash, &x.msg, x.read, n), &x);
                    assert_ok(hd_store_get_body(&raw, &x.msg, x.read, n, &hash), &x);
                    assert_int_equal(raw.data[0], n);
                }
            }
            box_end(&x);
            box_close(&x);
        } else if (strstr(x.msg.text, "the machine stopped")) {
            named_cnt++;
        }
        refused_cnt += err != HD_OK;
        assert_true(err == HD_OK || err == HD_ERR_CORRUPT);
    }
    assert_true(refused_cnt > 100 && named_cnt > 50);
    for (uint32_t i = 0; i < TORN_COMMITS; i++)
        hd_buf_free(&files[i]);
    hd_buf_free(&torn);
    hd_store_batch_free(b);
    hd_state_free(s);
    box_remove(&x);
}

/* Random work for long: the checker never refuses what LMDB wrote. */
static void sound_files_pass_the_check(void **state) {
    (void)state;
    box x;
    hd_store_batch *b = hd_store_batch_new();
    static uint8_t bytes[30000];
    box_init(&x);
    for (uint32_t round = 0; round < 25; round++) {
        box_open(&x, HD_STORE_CREATE | HD_STORE_NO_SYNC, 1u << 18);
        for (uint32_t i = 0; i < 30; i++) {
            for (uint64_t n = rng() % 200; n; n--) {
                hd_hash owner = hash_of(rng() % 5);
                uint8_t path[64];
                size_t path_sz = rng() % 5;
                for (size_t k = 0; k < path_sz; k++)
                    path[k] = (uint8_t)(rng() % 16);
                size_t sz = rng() % 8 == 0 ? rng() % sizeof bytes : rng() % 300;
                if (rng() % 40 == 0)
                    hd_store_delete_nodes(b, &owner);
                else if (round % 5 == 4)
                    hd_store_put_node(b, &owner, path, path_sz, (hd_span){bytes, 0});
                else
                    hd_store_put_node(b, &owner, path, path_sz, (hd_span){bytes, sz});
            }
            assert_ok(hd_store_commit(x.store, &x.msg, b), &x);
        }
        box_close(&x);
    }
    hd_store_batch_free(b);
    box_remove(&x);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(trie_stream_gives_the_root_of_sorted_items),
    cmocka_unit_test(state_is_the_same_after_reopening),
    cmocka_unit_test(deleted_accounts_take_their_storage_along),
    cmocka_unit_test(blocks_and_indexes_are_found),
    cmocka_unit_test(only_the_last_states_are_kept),
    cmocka_unit_test(map_grows_when_it_is_full),
    cmocka_unit_test(second_process_is_kept_out),
    cmocka_unit_test(readers_see_whole_commits),
    cmocka_unit_test(interrupted_creation_leaves_nothing),
    cmocka_unit_test(killed_process_loses_no_commit),
    cmocka_unit_test(flipped_bits_are_named_and_never_wrong),
    cmocka_unit_test(misplaced_pages_are_named_and_never_wrong),
    cmocka_unit_test(truncated_file_is_named),
    cmocka_unit_test(lost_meta_page_is_named),
    cmocka_unit_test(torn_file_is_refused_or_one_commit),
    cmocka_unit_test(sound_files_pass_the_check),
};

HD_TEST_MAIN(tests)
