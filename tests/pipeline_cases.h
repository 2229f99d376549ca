/* pipeline_cases.h - what test_pipeline.c and test_pipeline_gpu.c hold the two backends of the
   pipeline to: same roots, receipts, gas and state as hd_exec_ordered, block after block. */
#ifndef PIPELINE_CASES_H
#define PIPELINE_CASES_H

#include "pipeline_world.h"

typedef struct {
    uint64_t block_cnt, host_cnt, rerun_cnt, round_cnt;
} tally;

static void run_blocks(tally *t, uint64_t seed, uint32_t fork, uint32_t tx_cnt, uint32_t block_cnt,
                       int is_wild) {
    static world w;
    hd_pipeline *p;
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    hd_hash root, other;
    hd_state *fetched = hd_state_new();
    world_open(&w, seed, fork);
    p = pipeline_open(&options);
    assert_int_equal(hd_pipeline_load(&root, p, w.state), HD_OK);
    assert_int_equal(hd_state_root(&other, w.state), HD_OK);
    assert_memory_equal(&root, &other, 32);
    for (uint32_t i = 0; i < block_cnt; i++) {
        hd_pipeline_result a, b;
        hd_msg msg = {""};
        hd_pipeline_block block = block_of(&w, tx_cnt, is_wild);
        assert_int_equal(hd_pipeline_run(&a, p, &msg, &block), HD_OK);
        assert_int_equal(hd_pipeline_serial(&b, w.state, &msg, &block, 1), HD_OK);
        expect_same(&a, &b);
        assert_int_equal(a.refused_idx, tx_cnt);
        t->block_cnt++;
        t->host_cnt += (a.flags & HD_PIPELINE_ON_HOST) != 0;
        t->rerun_cnt += a.rerun_cnt;
        t->round_cnt += a.round_cnt;
    }
    assert_int_equal(hd_pipeline_fetch(fetched, p), HD_OK);
    assert_int_equal(hd_state_root(&root, fetched), HD_OK);
    assert_int_equal(hd_state_root(&other, w.state), HD_OK);
    assert_memory_equal(&root, &other, 32);
    hd_state_free(fetched);
    hd_pipeline_close(p);
    world_close(&w);
}

static void blocks_end_as_serial_ones(void **state) {
    static const uint32_t forks[] = {HD_FORK_FRONTIER,  HD_FORK_HOMESTEAD, HD_FORK_SPURIOUS,
                                     HD_FORK_BYZANTIUM, HD_FORK_LONDON,    HD_FORK_SHANGHAI,
                                     HD_FORK_CANCUN,    HD_FORK_OSAKA};
    tally t = {0, 0, 0, 0};
    (void)state;
    for (uint32_t i = 0; i < 24; i++)
        run_blocks(&t, 100 + i, forks[i % 8],
                   i % 3 == 0   ? 12
                   : i % 3 == 1 ? 40
                                : TX_CNT,
                   6, i % 5 == 4);
    print_message(
        "%llu blocks, %llu on the host's path; %llu rounds, %llu transactions ran again\n",
        (unsigned long long)t.block_cnt, (unsigned long long)t.host_cnt,
        (unsigned long long)t.round_cnt, (unsigned long long)t.rerun_cnt);
    assert_true(t.host_cnt < t.block_cnt / 2);
    assert_true(t.rerun_cnt > 0);
}

/* ---- what a block may be, one at a time */

typedef struct {
    world w;
    hd_pipeline *p;
    hd_pipeline_block block;
} bench;

static void bench_open(bench *b, uint32_t fork) {
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    hd_hash root;
    world_open(&b->w, 1, fork);
    b->p = pipeline_open(&options);
    assert_int_equal(hd_pipeline_load(&root, b->p, b->w.state), HD_OK);
}

static void bench_close(bench *b) {
    hd_pipeline_close(b->p);
    world_close(&b->w);
}

/* One transaction more, of this user. */
static void put(bench *b, uint32_t from, hd_tx tx, const uint8_t *data, uint32_t data_sz) {
    hd_tx_envelope g = {.chain_id = hd_u256_from_u64(1), .flags = HD_TX_ENVELOPE_PROTECTED};
    uint8_t secret[32];
    uint32_t i = b->block.tx_cnt++;
    secret_of(secret, from);
    tx.gas_limit = tx.gas_limit ? tx.gas_limit : 100000;
    if (hd_u256_is_zero(tx.gas_price))
        tx.gas_price = hd_u256_from_u64(10);
    tx.priority_fee = tx.gas_price;
    tx.data_sz = data_sz;
    if (tx.type != HD_TX_LEGACY)
        g.flags = 0;
    assert_int_equal(hd_tx_sign(&tx, &g, data ? data : secret, secret), HD_OK);
    b->w.off[i] = b->w.raw.sz;
    assert_int_equal(hd_tx_encode(&b->w.raw, &tx, &g, data ? data : secret), HD_OK);
    b->w.off[i + 1] = b->w.raw.sz;
}

static void expect(bench *b, hd_pipeline_result *out, uint32_t refused_idx, int is_on_host) {
    hd_pipeline_result want;
    hd_state *copy = hd_state_new();
    hd_msg msg = {""};
    b->block.raw = b->w.raw.data;
    b->block.off = b->w.off;
    b->block.env = b->w.env;
    assert_int_equal(hd_state_copy(copy, b->w.state), HD_OK);
    assert_int_equal(hd_pipeline_run(out, b->p, &msg, &b->block), HD_OK);
    assert_int_equal(hd_pipeline_serial(&want, copy, &msg, &b->block, 1), HD_OK);
    assert_int_equal(out->refused_idx, refused_idx);
    assert_int_equal((out->flags & HD_PIPELINE_ON_HOST) != 0, is_on_host);
    expect_same(out, &want);
    if (refused_idx == b->block.tx_cnt)
        assert_int_equal(hd_state_copy(b->w.state, copy), HD_OK);
    hd_state *fetched = hd_state_new();
    hd_hash root, other;
    assert_int_equal(hd_pipeline_fetch(fetched, b->p), HD_OK);
    assert_int_equal(hd_state_root(&root, fetched), HD_OK);
    assert_int_equal(hd_state_root(&other, b->w.state), HD_OK);
    assert_memory_equal(&root, &other, 32);
    hd_state_free(fetched);
    hd_state_free(copy);
    hd_buf_clear(&b->w.raw);
    b->block.tx_cnt = 0;
}

static void payments_to_one_need_one_round(void **state) {
    static bench b;
    hd_pipeline_result r;
    (void)state;
    memset(&b, 0, sizeof b);
    bench_open(&b, HD_FORK_SHANGHAI);
    for (uint32_t i = 0; i < 2 * USER_CNT; i++) /* two of each: chains of nonces */
        put(&b, i % USER_CNT,
            (hd_tx){.to = addr_of(0x40), .value_wei = hd_u256_from_u64(i), .nonce = i / USER_CNT},
            NULL, 0);
    expect(&b, &r, 2 * USER_CNT, 0);
    assert_int_equal(r.round_cnt, 1);
    assert_int_equal(r.rerun_cnt, 0);
    bench_close(&b);
}

/* cnt token transfers, percent of them to one recipient. */
static void put_transfers(bench *b, uint32_t cnt, uint32_t percent, hd_address hot) {
    for (uint32_t i = 0; i < cnt; i++) {
        uint32_t from = i % USER_CNT;
        uint8_t data[96] = {0};
        hd_address to = random_is(&b->w.r, percent) ? hot : addr_of(0xbeef00 + i);
        memcpy(data + 12, to.b, 20);
        data[63] = 7;
        put(b, from, (hd_tx){.to = block_contract(BLOCK_TOKEN), .nonce = b->w.nonces[from]++}, data,
            sizeof data);
    }
}

static void transfers_to_one_recipient_need_few_rounds(void **state) {
    static bench b;
    static const uint32_t percents[] = {30, 100};
    hd_pipeline_result r;
    (void)state;
    for (uint32_t k = 0; k < 2; k++) {
        memset(&b, 0, sizeof b);
        bench_open(&b, HD_FORK_OSAKA);
        b.w.env.gas_limit = 100000000;
        for (uint32_t block = 0; block < 3; block++) {
            /* One of each user's: none of them hangs on its sender's last. */
            put_transfers(&b, USER_CNT, percents[k], addr_of(0xfeed));
            expect(&b, &r, USER_CNT, 0);
            assert_true(r.round_cnt <= (block == 0 ? 2u : 1u));
            put_transfers(&b, TX_CNT, percents[k], addr_of(0xfeed + k));
            expect(&b, &r, TX_CNT, 0);
            assert_true(r.round_cnt <= 3);
        }
        bench_close(&b);
    }
}

/* slots[0] = 3 * slots[0] + 1: each hangs on all before it, and no following of loads helps. */
static void a_pool_that_all_meet_goes_to_the_host(void **state) {
    static bench b;
    static const uint8_t code[] = {0x60, 3, 0x5f, 0x54, 0x02, 0x60, 1, 0x01, 0x5f, 0x55, 0x00};
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    hd_address pool = addr_of(0x9001);
    hd_pipeline_result r;
    hd_hash root;
    (void)state;
    memset(&b, 0, sizeof b);
    world_open(&b.w, 1, HD_FORK_OSAKA);
    assert_int_equal(hd_state_set(b.w.state, &pool, 1, hd_u256_zero(), code, sizeof code), HD_OK);
    b.p = pipeline_open(&options);
    assert_int_equal(hd_pipeline_load(&root, b.p, b.w.state), HD_OK);
    for (uint32_t block = 0; block < 3; block++) {
        for (uint32_t i = 0; i < USER_CNT; i++)
            put(&b, i, (hd_tx){.to = pool, .nonce = block}, NULL, 0);
        expect(&b, &r, USER_CNT, 1);
        assert_true(r.round_cnt <= (block == 0 ? 2u : 1u)); /* it is not tried again at once */
    }
    bench_close(&b);
}

static void what_is_not_valid_refuses_the_block_and_changes_nothing(void **state) {
    static bench b;
    hd_pipeline_result r;
    (void)state;
    memset(&b, 0, sizeof b);
    bench_open(&b, HD_FORK_SHANGHAI);
    hd_tx pay = {.to = addr_of(0x41), .value_wei = hd_u256_from_u64(5)};
    put(&b, 0, pay, NULL, 0);
    put(&b, 1, (hd_tx){.to = addr_of(0x41), .nonce = 1}, NULL, 0); /* too high */
    expect(&b, &r, 1, 1);
    assert_int_equal(r.refused_status, HD_TX_INVALID_NONCE_HIGH);
    put(&b, 0, pay, NULL, 0);
    put(&b, 1, pay, NULL, 0);
    b.w.raw.data[b.w.off[1]] ^= 1; /* no list any more */
    expect(&b, &r, 1, 1);
    put(&b, 0, pay, NULL, 0);
    put(&b, 1, pay, NULL, 0);
    memset(b.w.raw.data + b.w.raw.sz - 33, 0xff, 1); /* s has 33 bytes */
    expect(&b, &r, 1, 1);
    b.w.env.gas_limit = 130000;
    put(&b, 0, pay, NULL, 0);
    put(&b, 1, pay, NULL, 0);
    put(&b, 2, pay, NULL, 0); /* 100,000 when 88,000 are left */
    expect(&b, &r, 2, 1);
    assert_int_equal(r.refused_status, HD_TX_INVALID_GAS_BLOCK);
    b.w.env.gas_limit = 1000000;
    put(&b, 0, pay, NULL, 0);
    expect(&b, &r, 1, 0);
    bench_close(&b);
}

static void what_lanes_do_not_do_goes_to_the_host_and_comes_back(void **state) {
    static bench b;
    hd_pipeline_result r;
    /* Deploys the code 00. */
    static const uint8_t init[] = {0x60, 0x01, 0x5f, 0xf3};
    (void)state;
    memset(&b, 0, sizeof b);
    bench_open(&b, HD_FORK_SHANGHAI);
    put(&b, 0, (hd_tx){.flags = HD_TX_CREATE}, init, sizeof init);
    put(&b, 1, (hd_tx){.to = addr_of(0x41), .value_wei = hd_u256_from_u64(5)}, NULL, 0);
    expect(&b, &r, 2, 1);
    /* The next block calls nothing new, and is the device's own again. */
    put(&b, 0, (hd_tx){.to = addr_of(0x41), .nonce = 1}, NULL, 0);
    expect(&b, &r, 1, 0);
    expect(&b, &r, 0, 1); /* an empty block */
    bench_close(&b);
}

static void lists_and_blobs_are_the_devices_own(void **state) {
    static bench b;
    hd_pipeline_result r;
    uint8_t data[24 + 32 + 3 * 32] = {0};
    (void)state;
    memset(&b, 0, sizeof b);
    bench_open(&b, HD_FORK_CANCUN);
    hd_address counter = block_contract(BLOCK_COUNTER);
    memcpy(data, counter.b, 20);
    data[20] = 1; /* one key */
    data[24 + 32] = data[24 + 64] = data[24 + 96] = 1;
    hd_tx list = {.type = HD_TX_ACCESS_LIST,
                  .to = counter,
                  .access_cnt = 1,
                  .access_key_cnt = 1,
                  .access_sz = 56};
    hd_tx blobs = {.type = HD_TX_BLOB,
                   .to = addr_of(0x41),
                   .blob_off = 56,
                   .blob_cnt = 3,
                   .blob_fee = hd_u256_from_u64(1)};
    put(&b, 0, list, data, 0);
    put(&b, 1, blobs, data, 0);
    put(&b, 2, blobs, data, 0);
    expect(&b, &r, 3, 0);
    /* As many as the block has, and one more. */
    list.nonce = blobs.nonce = 1;
    b.w.env.blob_cnt_max = 6;
    put(&b, 1, blobs, data, 0);
    put(&b, 2, blobs, data, 0);
    expect(&b, &r, 2, 0);
    blobs.nonce = 2;
    b.w.env.blob_cnt_max = 5;
    put(&b, 0, list, data, 0);
    put(&b, 1, blobs, data, 0);
    put(&b, 2, blobs, data, 0);
    expect(&b, &r, 2, 1);
    bench_close(&b);
}

static void tables_grow_from_block_to_block(void **state) {
    static bench b;
    hd_pipeline_result r;
    (void)state;
    memset(&b, 0, sizeof b);
    bench_open(&b, HD_FORK_SHANGHAI);
    b.w.env.gas_limit = 100000000;
    for (uint32_t block = 0; block < 8; block++) {
        for (uint32_t i = 0; i < 200; i++) {
            uint8_t data[96] = {0};
            hd_store_be32(data + 28, 1 + i + 200 * block);
            hd_tx tx = {.to = i % 2 ? block_contract(BLOCK_COUNTER)
                                    : addr_of(0x9000 + i + 200 * block),
                        .value_wei = hd_u256_from_u64(i % 2 ? 0 : 1),
                        .nonce = (i + 200 * block) / USER_CNT};
            put(&b, (i + 200 * block) % USER_CNT, tx, data, i % 2 ? 96 : 0);
        }
        expect(&b, &r, 200, 0);
    }
    bench_close(&b);
}

/* Prepared in turn, too late, not at all, twice, before a refused one, before another than runs. */
static void blocks_prepared_in_any_way_end_as_serial_ones(void **state) {
    static world w;
    static kept_block kept[10];
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    hd_pipeline *p = pipeline_open(&options);
    hd_hash root;
    (void)state;
    world_open(&w, 77, HD_FORK_CANCUN);
    assert_int_equal(hd_pipeline_load(&root, p, w.state), HD_OK);
    for (uint32_t i = 0; i < 10; i++)
        keep_block(&kept[i], &w, i == 4 ? 0 : 20 + 28 * i);
    for (uint32_t i = 0; i < 10; i++) {
        hd_pipeline_result a, b;
        hd_msg msg = {""};
        if (i < 3 || i == 8)
            assert_int_equal(hd_pipeline_prepare(p, &kept[i].block), HD_OK);
        if (i < 5 || i == 9)
            assert_int_equal(hd_pipeline_prepare(p, &kept[HD_MIN(i + 1, 9u)].block), HD_OK);
        if (i == 6) { /* the block is not valid until its byte is mended */
            kept[i].raw[kept[i].off[3]] ^= 1;
            assert_int_equal(hd_pipeline_prepare(p, &kept[i].block), HD_OK);
            assert_int_equal(hd_pipeline_run(&a, p, &msg, &kept[i].block), HD_OK);
            assert_true(a.refused_idx < kept[i].block.tx_cnt);
            kept[i].raw[kept[i].off[3]] ^= 1;
        }
        if (i == 7) /* something else was expected */
            assert_int_equal(hd_pipeline_prepare(p, &kept[2].block), HD_OK);
        assert_int_equal(hd_pipeline_run(&a, p, &msg, &kept[i].block), HD_OK);
        assert_int_equal(hd_pipeline_serial(&b, w.state, &msg, &kept[i].block, 1), HD_OK);
        expect_same(&a, &b);
        assert_int_equal(a.refused_idx, kept[i].block.tx_cnt);
    }
    hd_pipeline_close(p);
    world_close(&w);
}

/* The next block is prepared before each runs, the first never: from the second on none is admitted
   twice. */
static void a_row_that_was_not_begun_with_is_prepared_all_the_same(void **state) {
    static world w;
    static kept_block kept[5];
    hd_pipeline_options options = {.backend = PIPELINE_BACKEND, .threads = 2};
    hd_pipeline *p = pipeline_open(&options);
    hd_hash root;
    (void)state;
    world_open(&w, 78, HD_FORK_CANCUN);
    assert_int_equal(hd_pipeline_load(&root, p, w.state), HD_OK);
    for (uint32_t i = 0; i < 5; i++)
        keep_block(&kept[i], &w, 40);
    for (uint32_t i = 0; i < 5; i++) {
        hd_pipeline_result a, b;
        hd_msg msg = {""};
        if (i < 4)
            assert_int_equal(hd_pipeline_prepare(p, &kept[i + 1].block), HD_OK);
        assert_int_equal(hd_pipeline_run(&a, p, &msg, &kept[i].block), HD_OK);
        assert_int_equal(hd_pipeline_serial(&b, w.state, &msg, &kept[i].block, 1), HD_OK);
        expect_same(&a, &b);
        if (!(a.flags & HD_PIPELINE_ON_HOST))
            assert_int_equal(a.admit_ns == 0, i > 0);
    }
    hd_pipeline_close(p);
    world_close(&w);
}

#endif
