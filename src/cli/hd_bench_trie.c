/* hd_bench_trie.c - the root after a block of token transfers: a forest of tries of which three
   leaves a transfer change, on the host's threads or on the GPU. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_rlp.h"
#include "base/hd_threads.h"
#include "cli/hd_bench.h"
#include "crypto/hd_keccak.h"
#include "state/hd_forest_host.h"
#include "state/hd_forest_node.h"
#include "state/hd_trie.h"
#ifdef HD_WITH_CUDA
#include "state/hd_forest_cuda.h"
#endif

#define ACCOUNTS_DEFAULT 1000000u
#define ACCOUNTS_MAX 100000000u
#define LEAF_SZ_MAX 112u

/* How the block's leaves are given. */
enum {
    CASE_HINTED, /* with their places, as a state that stays on the device knows them */
    CASE_HASHED, /* by address and slot: keys are hashed and sought */
    CASE_CHURN,  /* as HINTED; each recipient's slot is deleted or comes into being */
    CASE_CNT
};

static const char *case_name(uint32_t kind) {
    static const char *const names[CASE_CNT] = {"update-hinted", "update-hashed", "churn"};
    return names[kind];
}

/* account_cnt accounts hold tokens, the one behind them is the token's contract; slot i is account
   i's balance, slot account_cnt + i that of a recipient who has no account. */
typedef struct {
    const hd_bench_options *o;
    hd_pool *pool;
    hd_forest_host *host;
#ifdef HD_WITH_CUDA
    hd_forest_cuda *cuda;
#endif
    uint64_t rng;
    uint32_t account_cnt, slot_cnt;
    uint32_t *addrs; /* five words each */
    hd_u256 *numbers;
    hd_forest_account_change *accounts; /* as they are now; leaf is their place */
    hd_forest_slot_change *slots;
    uint32_t *account_order, *slot_order; /* by key */
    uint32_t *shuffled;                   /* account indexes, in no order */
    hd_forest_account_change *block_accounts;
    hd_forest_slot_change *block_slots;
    uint32_t *block_addrs;
    hd_u256 *block_numbers;
    uint32_t *block_slot_idx;
    uint8_t *values; /* of the check */
    hd_trie_item *items;
    hd_bench_sample *samples;
} bench;

static uint64_t rng(bench *b) { /* splitmix64 */
    uint64_t x = b->rng += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* ---- the world ---- */

static hd_err hash_names(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    bench *b = (bench *)ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_forest_hash_slot(&b->slots[i].key, b->numbers[i]);
        if (i <= b->account_cnt)
            hd_forest_hash_address(&b->accounts[i].key, b->addrs + 5 * i);
    }
    return HD_OK;
}

static const bench *sorting; /* qsort takes no context */

static int account_order(const void *x, const void *y) {
    return memcmp(&sorting->accounts[*(const uint32_t *)x].key,
                  &sorting->accounts[*(const uint32_t *)y].key, sizeof(hd_forest_key));
}

static int slot_order(const void *x, const void *y) {
    return memcmp(&sorting->slots[*(const uint32_t *)x].key,
                  &sorting->slots[*(const uint32_t *)y].key, sizeof(hd_forest_key));
}

static hd_err world_make(bench *b) {
    uint32_t n = b->account_cnt + 1;
    size_t leaf_cnt = (size_t)n + b->slot_cnt;
    b->addrs = (uint32_t *)malloc(5 * sizeof(uint32_t) * n);
    b->numbers = (hd_u256 *)malloc(sizeof(hd_u256) * b->slot_cnt);
    b->accounts = (hd_forest_account_change *)calloc(n, sizeof *b->accounts);
    b->slots = (hd_forest_slot_change *)calloc(b->slot_cnt, sizeof *b->slots);
    b->account_order = (uint32_t *)malloc(sizeof(uint32_t) * n);
    b->slot_order = (uint32_t *)malloc(sizeof(uint32_t) * b->slot_cnt);
    b->shuffled = (uint32_t *)malloc(sizeof(uint32_t) * n);
    b->block_accounts = (hd_forest_account_change *)calloc(n, sizeof *b->block_accounts);
    b->block_slots = (hd_forest_slot_change *)calloc(b->slot_cnt, sizeof *b->block_slots);
    b->block_addrs = (uint32_t *)malloc(5 * sizeof(uint32_t) * n);
    b->block_numbers = (hd_u256 *)malloc(sizeof(hd_u256) * b->slot_cnt);
    b->block_slot_idx = (uint32_t *)malloc(sizeof(uint32_t) * b->slot_cnt);
    b->values = (uint8_t *)malloc(leaf_cnt * LEAF_SZ_MAX);
    b->items = (hd_trie_item *)malloc(leaf_cnt * sizeof *b->items);
    b->samples = (hd_bench_sample *)malloc(b->o->repeat_cnt * sizeof *b->samples);
    if (!b->addrs || !b->numbers || !b->accounts || !b->slots || !b->account_order ||
        !b->slot_order || !b->shuffled || !b->block_accounts || !b->block_slots ||
        !b->block_addrs || !b->block_numbers || !b->block_slot_idx || !b->values || !b->items ||
        !b->samples)
        return HD_ERR_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < 5; k++)
            b->addrs[5 * (size_t)i + k] = (uint32_t)rng(b);
        b->accounts[i].nonce = rng(b) % 1000;
        b->accounts[i].balance_wei.w[0] = rng(b);
        b->accounts[i].balance_wei.w[1] = rng(b) % 16;
        hd_keccak256((uint8_t *)&b->accounts[i].code_hash, (const uint8_t *)"x",
                     i == b->account_cnt);
        b->account_order[i] = b->shuffled[i] = i;
    }
    for (uint32_t i = 0; i < b->slot_cnt; i++) {
        for (uint32_t k = 0; k < 4; k++)
            b->numbers[i].w[k] = rng(b);
        b->slots[i].value.w[0] = rng(b) | 1;
        b->slots[i].account = b->account_cnt;
        b->slot_order[i] = i;
    }
    for (uint32_t i = b->account_cnt; i > 1; i--) {
        uint32_t k = (uint32_t)(rng(b) % i), swap = b->shuffled[i - 1];
        b->shuffled[i - 1] = b->shuffled[k];
        b->shuffled[k] = swap;
    }
    hd_err err = hd_pool_for(b->pool, b->slot_cnt, 0, hash_names, b);
    sorting = b;
    qsort(b->account_order, n, sizeof(uint32_t), account_order);
    qsort(b->slot_order, b->slot_cnt, sizeof(uint32_t), slot_order);
    return err;
}

static void world_free(bench *b) {
    free(b->addrs);
    free(b->numbers);
    free(b->accounts);
    free(b->slots);
    free(b->account_order);
    free(b->slot_order);
    free(b->shuffled);
    free(b->block_accounts);
    free(b->block_slots);
    free(b->block_addrs);
    free(b->block_numbers);
    free(b->block_slot_idx);
    free(b->values);
    free(b->items);
    free(b->samples);
}

/* ---- the check: everything computed anew, by other code than the forest's ---- */

static uint32_t put_number(uint8_t *out, const uint64_t *w, uint32_t cnt) {
    hd_buf buf;
    uint8_t be[32];
    for (uint32_t i = 0; i < cnt; i++)
        hd_store_be64(be + 8 * i, w[cnt - 1 - i]);
    hd_buf_init_fixed(&buf, out, 33);
    hd_rlp_put_num(&buf, be, 8 * cnt);
    return (uint32_t)buf.sz;
}

static hd_err root_anew(hd_hash *root, bench *b) {
    hd_hash storage, empty;
    size_t cnt = 0;
    uint8_t *at = b->values;
    for (uint32_t i = 0; i < b->slot_cnt; i++) {
        const hd_forest_slot_change *s = &b->slots[b->slot_order[i]];
        if (hd_forest_value_is_zero(&s->value))
            continue;
        uint32_t sz = put_number(at, s->value.w, 4);
        b->items[cnt++] = (hd_trie_item){{(const uint8_t *)&s->key, sizeof s->key}, {at, sz}};
        at += sz;
    }
    hd_err err = hd_trie_root_sorted(&storage, b->items, cnt);
    if (err != HD_OK)
        return err;
    hd_trie_empty_root(&empty);
    at = b->values;
    for (uint32_t i = 0; i <= b->account_cnt; i++) {
        const hd_forest_account_change *a = &b->accounts[b->account_order[i]];
        hd_buf buf;
        hd_buf_init_fixed(&buf, at, LEAF_SZ_MAX);
        size_t mark = hd_rlp_list_open(&buf);
        uint8_t number[33];
        hd_buf_append(&buf, number, put_number(number, &a->nonce, 1));
        hd_buf_append(&buf, number, put_number(number, a->balance_wei.w, 4));
        hd_rlp_put_bytes(&buf, b->account_order[i] == b->account_cnt ? storage.b : empty.b, 32);
        hd_rlp_put_bytes(&buf, &a->code_hash, 32);
        err = hd_rlp_list_close(&buf, mark);
        if (err != HD_OK)
            return err;
        b->items[i] = (hd_trie_item){{(const uint8_t *)&a->key, sizeof a->key}, {at, buf.sz}};
        at += buf.sz;
    }
    return hd_trie_root_sorted(root, b->items, (size_t)b->account_cnt + 1);
}

static hd_err check(hd_msg *msg, bench *b, const hd_hash *root, const char *what) {
    hd_hash expected;
    if (!b->o->is_checked)
        return HD_OK;
    hd_err err = root_anew(&expected, b);
    if (err == HD_OK && memcmp(&expected, root, sizeof *root) != 0) {
        hd_msg_set(msg, "trie: %s: the root is not the one computed anew", what);
        err = HD_ERR_CORRUPT;
    }
    return err;
}

/* ---- blocks ---- */

/* A block of tx_cnt transfers; all of its senders and recipients differ. */
static void block_make(bench *b, uint32_t kind, uint32_t tx_cnt) {
    uint32_t start = (uint32_t)(rng(b) % b->account_cnt);
    uint32_t start_to = (uint32_t)(rng(b) % b->account_cnt);
    for (uint32_t i = 0; i < tx_cnt; i++) {
        uint32_t from = b->shuffled[(start + i) % b->account_cnt];
        uint32_t to = b->account_cnt + b->shuffled[(start_to + i) % b->account_cnt];
        uint32_t slot[2] = {from, to};
        hd_forest_account_change *a = &b->accounts[from];
        a->nonce++;
        a->balance_wei.w[0] -= 21000 + rng(b) % 50000;
        b->block_accounts[i] = *a;
        memcpy(b->block_addrs + 5 * (size_t)i, b->addrs + 5 * (size_t)from, 20);
        for (uint32_t k = 0; k < 2; k++) {
            hd_forest_slot_change *s = &b->slots[slot[k]];
            int is_gone = kind == CASE_CHURN && k == 1 && s->value.w[0];
            s->value.w[0] = is_gone ? 0 : rng(b) | 1;
            b->block_slots[2 * i + k] = *s;
            b->block_slots[2 * i + k].account = tx_cnt;
            b->block_numbers[2 * i + k] = b->numbers[slot[k]];
            b->block_slot_idx[2 * i + k] = slot[k];
        }
    }
    b->block_accounts[tx_cnt] = b->accounts[b->account_cnt];
    b->block_accounts[tx_cnt].flags = HD_FOREST_KEEP;
    memcpy(b->block_addrs + 5 * (size_t)tx_cnt, b->addrs + 5 * (size_t)b->account_cnt, 20);
    for (uint32_t i = 0; kind == CASE_HASHED && i < 2 * tx_cnt; i++) {
        memset(&b->block_slots[i].key, 0, sizeof b->block_slots[i].key);
        b->block_slots[i].leaf = 0;
    }
    for (uint32_t i = 0; kind == CASE_HASHED && i <= tx_cnt; i++) {
        memset(&b->block_accounts[i].key, 0, sizeof b->block_accounts[i].key);
        b->block_accounts[i].leaf = 0;
    }
}

static hd_err hash_block_account(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    bench *b = (bench *)ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++)
        hd_forest_hash_address(&b->block_accounts[i].key, b->block_addrs + 5 * i);
    return HD_OK;
}

static hd_err hash_block_slot(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    bench *b = (bench *)ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++)
        hd_forest_hash_slot(&b->block_slots[i].key, b->block_numbers[i]);
    return HD_OK;
}

/* Runs the block that lies in block_accounts and block_slots; its time is without the way of the
   changes to the device, where execution leaves them. */
static hd_err block_run(hd_hash *root, uint64_t *ns, bench *b, uint32_t kind, size_t account_cnt,
                        size_t slot_cnt) {
    hd_err err = HD_OK;
    uint64_t start_ns;
#ifdef HD_WITH_CUDA
    if (b->cuda) {
        err = hd_forest_cuda_put(b->cuda, b->block_accounts, account_cnt, b->block_slots, slot_cnt);
        if (err == HD_OK && kind == CASE_HASHED)
            err = hd_forest_cuda_put_names(b->cuda, b->block_addrs, b->block_numbers);
        start_ns = hd_clock_ns();
        if (err == HD_OK && kind == CASE_HASHED)
            err = hd_forest_cuda_hash_names(b->cuda);
        if (err == HD_OK)
            err = hd_forest_cuda_run(root, b->cuda);
        *ns = hd_clock_ns() - start_ns;
        return err == HD_OK ? hd_forest_cuda_get(b->cuda, b->block_accounts, b->block_slots) : err;
    }
#endif
    start_ns = hd_clock_ns();
    if (kind == CASE_HASHED) {
        err = hd_pool_for(b->pool, account_cnt, 0, hash_block_account, b);
        if (err == HD_OK)
            err = hd_pool_for(b->pool, slot_cnt, 0, hash_block_slot, b);
    }
    if (err == HD_OK)
        err = hd_forest_apply(root, b->host, b->block_accounts, account_cnt, b->block_slots,
                              slot_cnt);
    *ns = hd_clock_ns() - start_ns;
    return err;
}

static void places_keep(bench *b, uint32_t tx_cnt) {
    for (uint32_t i = 0; i < 2 * tx_cnt; i++)
        b->slots[b->block_slot_idx[i]].leaf = b->block_slots[i].leaf;
}

static void phases_print(const bench *b, uint32_t tx_cnt) {
#ifdef HD_WITH_CUDA
    hd_forest_cuda_stats st;
    if (!b->cuda)
        return;
    hd_forest_cuda_count(&st, b->cuda);
    printf("  %u transfers: find %.1f us, structure %.1f us, mark %.1f us, hash %.1f us; encoded "
           "%" PRIu64 " leaves, %" PRIu64 " branches; removed %" PRIu64 ", inserted %" PRIu64
           " in %" PRIu64 " rounds; %.2f GB on the device\n",
           tx_cnt, (double)st.find_ns / 1e3, (double)st.structure_ns / 1e3,
           (double)st.mark_ns / 1e3, (double)st.hash_ns / 1e3, st.leaf_cnt, st.branch_cnt,
           st.removed_cnt, st.inserted_cnt, st.round_cnt, (double)st.memory_sz / 1e9);
#else
    (void)b;
    (void)tx_cnt;
#endif
}

static hd_err measure(hd_msg *msg, bench *b, uint32_t kind, uint32_t tx_cnt) {
    hd_hash root;
    hd_err err = HD_OK;
    for (uint64_t r = 0; r <= b->o->repeat_cnt && err == HD_OK; r++) { /* the first warms up */
        uint64_t ns = 0;
        block_make(b, kind, tx_cnt);
        err = block_run(&root, &ns, b, kind, (size_t)tx_cnt + 1, 2 * (size_t)tx_cnt);
        places_keep(b, tx_cnt);
        if (r)
            b->samples[r - 1] = (hd_bench_sample){ns, 0};
    }
    if (err == HD_OK) /* of the last block, and so of all before it */
        err = check(msg, b, &root, case_name(kind));
    if (err != HD_OK)
        return err;
    char name[64];
    snprintf(name, sizeof name, "%s-%u-transfers", case_name(kind), tx_cnt);
    hd_bench_row row = {.workload = "trie",
                        .name = name,
                        .backend = b->host ? HD_BACKEND_HOST : HD_BACKEND_CUDA,
                        .threads = b->host ? hd_pool_thread_cnt(b->pool) : 0,
                        .tx_cnt = 3 * (uint64_t)tx_cnt + 1,
                        .median_ns = hd_bench_median(b->samples, b->o->repeat_cnt).ns};
    hd_bench_put(b->o, &row);
    phases_print(b, tx_cnt);
    return HD_OK;
}

/* ---- all of it ---- */

static hd_err forest_open(bench *b) {
#ifdef HD_WITH_CUDA
    if (b->o->backend == HD_BACKEND_CUDA || b->o->backend == HD_BACKEND_AUTO) {
        hd_err err = hd_forest_cuda_open(&b->cuda);
        if (err == HD_OK)
            return hd_forest_cuda_reserve(b->cuda, (uint64_t)b->account_cnt + 1, b->slot_cnt,
                                          (uint64_t)b->account_cnt + 1 + b->slot_cnt);
        if (err != HD_ERR_ABSENT || b->o->backend == HD_BACKEND_CUDA)
            return err;
    }
#else
    if (b->o->backend == HD_BACKEND_CUDA)
        return HD_ERR_UNSUPPORTED;
#endif
    return hd_forest_open(&b->host, b->pool, NULL);
}

/* The whole world as one batch. */
static hd_err world_apply(hd_msg *msg, bench *b) {
    hd_hash root;
    uint64_t ns;
    hd_err err;
    size_t account_cnt = (size_t)b->account_cnt + 1;
    memcpy(b->block_accounts, b->accounts, account_cnt * sizeof *b->accounts);
    memcpy(b->block_slots, b->slots, b->slot_cnt * sizeof *b->slots);
    err = block_run(&root, &ns, b, CASE_HINTED, account_cnt, b->slot_cnt);
    if (err != HD_OK)
        return err;
    for (size_t i = 0; i < account_cnt; i++)
        b->accounts[i].leaf = b->block_accounts[i].leaf;
    for (size_t i = 0; i < b->slot_cnt; i++)
        b->slots[i].leaf = b->block_slots[i].leaf;
    hd_bench_row row = {.workload = "trie",
                        .name = "build",
                        .backend = b->host ? HD_BACKEND_HOST : HD_BACKEND_CUDA,
                        .threads = b->host ? hd_pool_thread_cnt(b->pool) : 0,
                        .tx_cnt = (uint64_t)account_cnt + b->slot_cnt,
                        .median_ns = ns};
    err = check(msg, b, &root, "build");
    if (err != HD_OK)
        return err;
    hd_bench_put(b->o, &row);
    phases_print(b, 0);
    return HD_OK;
}

hd_err hd_bench_trie(hd_msg *msg, const hd_bench_options *o) {
    static const uint32_t tx_cnts[] = {10000, 100000, 1000000};
    bench b = {.o = o, .rng = o->seed};
    uint64_t account_cnt = o->account_cnt ? o->account_cnt : ACCOUNTS_DEFAULT;
    if (account_cnt > ACCOUNTS_MAX) {
        hd_msg_set(msg, "trie: at most %u accounts", ACCOUNTS_MAX);
        return HD_ERR_FORMAT;
    }
    b.account_cnt = (uint32_t)account_cnt;
    b.slot_cnt = 2 * b.account_cnt;
    hd_err err = hd_pool_open(&b.pool, (uint32_t)o->threads);
    if (err == HD_OK)
        err = forest_open(&b);
    if (err == HD_OK)
        err = world_make(&b);
    if (err == HD_OK)
        err = world_apply(msg, &b);
    for (uint32_t kind = 0; kind < CASE_CNT && err == HD_OK; kind++) {
        if (o->tx_cnt)
            err = measure(msg, &b, kind, (uint32_t)HD_MIN(o->tx_cnt, account_cnt));
        for (size_t i = 0; !o->tx_cnt && i < sizeof tx_cnts / sizeof tx_cnts[0] && err == HD_OK;
             i++)
            if (tx_cnts[i] <= account_cnt)
                err = measure(msg, &b, kind, tx_cnts[i]);
    }
    world_free(&b);
    hd_forest_close(b.host);
#ifdef HD_WITH_CUDA
    hd_forest_cuda_close(b.cuda);
#endif
    hd_pool_close(b.pool);
    return err;
}
