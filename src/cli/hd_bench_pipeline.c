/* hd_bench_pipeline.c - blocks of signed token transfers from raw bytes to receipts and state root,
   by the pipeline; every block is compared with the host's own execution. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_threads.h"
#include "cli/hd_bench.h"
#include "crypto/hd_keccak.h"
#include "evm/hd_tx_codec.h"
#include "exec/hd_pipeline.h"
#include "exec/hd_pipeline_serial.h"
#include "exec/hd_workload.h"
#include "state/hd_state_trie.h"
#include "state/hd_undo.h"

#define N_HOST 2000u
#define N_CUDA 1000000u
#define GWEI 1000000000u
#define DATA_SZ_MAX 132u /* selector and four words */
#define TRANSFER_SZ 68u
#define RAW_MAX 288u /* bytes of one signed transaction */
#define CALL_GAS 70000u
#define SWAP_GAS 300000u
#define BLOCK_CNT_MAX 64u
#define ROW_CNT 4u /* blocks one behind the other, each admitted while the one before it runs */

enum { TO_OWN, TO_HOT, TO_ANYONE, SWAP_ONE, KIND_CNT };
static const char *const kind_names[KIND_CNT] = {"erc20", "erc20-hot30", "erc20-random",
                                                 "swap-one"};

typedef struct {
    const hd_bench_options *o;
    hd_pipeline *p;
    hd_pool *pool;
    hd_state *state;
    hd_state *behind;                      /* with --store */
    hd_exec *host;                         /* what runs blocks again, to compare */
    hd_state_trie *trie;                   /* of that state */
    hd_undo undo;                          /* what a block changed in it */
    hd_bench_sample alone[BLOCK_CNT_MAX];  /* and how long it took: without the state's root */
    hd_bench_sample rooted[BLOCK_CNT_MAX]; /* and with it */
    uint32_t alone_cnt;
    hd_address *accounts;
    uint8_t *packed; /* RAW_MAX bytes a transaction */
    uint32_t *sizes;
    uint8_t *raw; /* pinned; ROW_CNT blocks */
    uint64_t *off;
    hd_address token, other_token, pool_addr; /* the last two of swap-one */
    hd_env env;
    uint64_t nonce; /* of every account in the block that is made */
    uint32_t kind;
    uint32_t account_cnt;
    uint32_t tx_cnt;
    uint32_t threads;
} job;

static void secret_of(uint8_t secret[32], uint64_t seed, uint32_t idx) {
    uint8_t in[16];
    hd_store_be64(in, seed);
    hd_store_be64(in + 8, idx);
    hd_keccak256(secret, in, sizeof(in));
    secret[0] = 0; /* below the group order */
}

static hd_u256 address_word(const hd_address *a) {
    uint8_t word[32] = {0};
    memcpy(word + 12, a->b, sizeof(a->b));
    return hd_u256_load_be(word);
}

/* Solidity's place of mapping[a] whose own slot is that. */
static hd_u256 mapping_key(const hd_address *a, hd_u256 slot) {
    uint8_t in[64], out[32];
    hd_u256_store_be(in, address_word(a));
    hd_u256_store_be(in + 32, slot);
    hd_keccak256(out, in, sizeof(in));
    return hd_u256_load_be(out);
}

/* contracts/HeddleToken.sol: balances at 0, allowances at 1. */
static hd_u256 balance_key(const hd_address *a) { return mapping_key(a, hd_u256_zero()); }

static hd_u256 allowance_key(const hd_address *owner, const hd_address *spender) {
    return mapping_key(spender, mapping_key(owner, hd_u256_from_u64(1)));
}

/* Somebody who only receives. */
static hd_address receiver_of(uint32_t idx) {
    hd_address a;
    memset(&a, 0x5e, sizeof(a));
    hd_store_be64(a.b + 4, hd_mix64(idx));
    hd_store_be32(a.b + 16, idx);
    return a;
}

static hd_err make_accounts(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        uint8_t secret[32];
        secret_of(secret, j->o->seed, (uint32_t)i);
        hd_err err = hd_ecdsa_address(&j->accounts[i], secret);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

/* swap(tokenOut, amountIn, leastOut, to) of the one pool: small amounts, in both directions. */
static void swap_call(hd_tx *tx, uint8_t *data, const job *j, size_t i, uint64_t r) {
    tx->to = j->pool_addr;
    tx->gas_limit = SWAP_GAS;
    tx->data_sz = DATA_SZ_MAX;
    hd_store_be32(data, 0xf9366446);
    data[4 + 31] = (uint8_t)(r & 1);
    hd_store_be64(data + 36 + 24, 1000000000000 + r % 1000000000);
    data[68 + 31] = 1;
    hd_u256_store_be(data + 100, address_word(&j->accounts[i % j->account_cnt]));
}

static hd_err sign_part(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_tx tx = {.type = HD_TX_DYNAMIC_FEE, .nonce = j->nonce, .gas_limit = CALL_GAS};
        hd_tx_envelope g = {.chain_id = hd_u256_from_u64(j->env.chain_id)};
        uint8_t secret[32], data[DATA_SZ_MAX] = {0};
        uint64_t r = hd_mix64(j->o->seed + j->nonce * 0x9e3779b97f4a7c15u + hd_mix64(i));
        hd_address to = receiver_of((uint32_t)i);
        if (j->kind == TO_HOT && r % 100 < 30)
            to = receiver_of(UINT32_MAX);
        else if (j->kind == TO_ANYONE)
            to = j->accounts[r % j->account_cnt];
        tx.to = j->token;
        tx.gas_price = hd_u256_from_u64(10 * (uint64_t)GWEI);
        tx.priority_fee = hd_u256_from_u64(GWEI);
        if (j->kind == SWAP_ONE) {
            swap_call(&tx, data, j, i, r);
        } else {
            tx.data_sz = TRANSFER_SZ;
            hd_store_be32(data, 0xa9059cbb); /* transfer(address,uint256) */
            memcpy(data + 16, to.b, sizeof(to.b));
            hd_store_be64(data + 60, 1 + r % 1000);
        }
        secret_of(secret, j->o->seed, (uint32_t)(i % j->account_cnt));
        hd_buf buf;
        hd_buf_init_fixed(&buf, j->packed + i * RAW_MAX, RAW_MAX);
        hd_err err = hd_tx_sign(&tx, &g, data, secret);
        if (err == HD_OK)
            err = hd_tx_encode(&buf, &tx, &g, data);
        if (err != HD_OK)
            return err;
        j->sizes[i] = (uint32_t)buf.sz;
    }
    return HD_OK;
}

/* The next block: one transaction of every account. They lie side by side. */
static hd_err make_block(job *j, hd_pipeline_block *out, uint32_t which) {
    hd_err err = hd_pool_for(j->pool, j->tx_cnt, 64, sign_part, j);
    uint8_t *raw = j->raw + (size_t)which * j->tx_cnt * RAW_MAX;
    uint64_t *off = j->off + (size_t)which * (j->tx_cnt + 1), at = 0;
    for (uint32_t i = 0; err == HD_OK && i < j->tx_cnt; i++) {
        off[i] = at;
        memcpy(raw + at, j->packed + (size_t)i * RAW_MAX, j->sizes[i]);
        at += j->sizes[i];
    }
    off[j->tx_cnt] = at;
    j->nonce++;
    j->env.number++;
    j->env.timestamp += 12;
    memset(out, 0, sizeof(*out));
    out->raw = raw;
    out->off = off;
    out->env = j->env;
    out->tx_cnt = j->tx_cnt;
    return err;
}

/* One pool of two tokens, whom all may spend for. contracts/HeddlePair.sol: the tokens at 0 and 1,
   reserves and time at 2, the lock at 3. */
static hd_err make_pool(job *j) {
    size_t pair_sz = 0, token_sz = 0;
    const uint8_t *pair = hd_workload_contract(&pair_sz, 1);
    const uint8_t *token = hd_workload_contract(&token_sz, 0);
    const hd_address *tokens[2] = {&j->token, &j->other_token};
    hd_u256 much = hd_u256_make(0, 0, 1u << 20, 0);
    hd_u256 packed = hd_u256_or(hd_u256_or(much, hd_u256_shl_bits(much, 112)),
                                hd_u256_shl_bits(hd_u256_from_u64(j->env.timestamp - 12), 224));
    const hd_u256 values[4] = {address_word(tokens[0]), address_word(tokens[1]), packed,
                               hd_u256_from_u64(1)};
    hd_err err = hd_state_set(j->state, &j->other_token, 1, hd_u256_zero(), token, token_sz);
    if (err == HD_OK)
        err = hd_state_set(j->state, &j->pool_addr, 1, hd_u256_zero(), pair, pair_sz);
    for (uint32_t k = 0; err == HD_OK && k < 4; k++)
        err = hd_state_set_slot(j->state, &j->pool_addr, hd_u256_from_u64(k), values[k]);
    for (uint32_t k = 0; err == HD_OK && k < 2; k++)
        err = hd_state_set_slot(j->state, tokens[k], balance_key(&j->pool_addr), much);
    for (uint32_t i = 0; err == HD_OK && i < 2 * j->account_cnt; i++) {
        const hd_address *a = &j->accounts[i / 2];
        hd_u256 enough = hd_u256_make(0, 0, 1, 0);
        err = hd_state_set_slot(j->state, tokens[i % 2], balance_key(a), enough);
        if (err == HD_OK)
            err =
                hd_state_set_slot(j->state, tokens[i % 2], allowance_key(a, &j->pool_addr), enough);
    }
    return err;
}

static hd_err make_state(job *j) {
    size_t code_sz = 0;
    const uint8_t *code = hd_workload_contract(&code_sz, 0);
    hd_address hot = receiver_of(UINT32_MAX);
    hd_state_reset(j->state);
    hd_err err = hd_state_set(j->state, &j->token, 1, hd_u256_zero(), code, code_sz);
    if (err == HD_OK) /* every receiver has something, so that all transfers cost the same */
        err = hd_state_set_slot(j->state, &j->token, balance_key(&hot), hd_u256_from_u64(1));
    for (uint32_t i = 0; err == HD_OK && i < j->account_cnt; i++) {
        hd_address to = receiver_of(i);
        err = hd_state_set_balance(j->state, &j->accounts[i],
                                   hd_u256_make(0, 0, 1, 0)); /* 18 ether and more */
        if (err == HD_OK)
            err = hd_state_set_slot(j->state, &j->token, balance_key(&j->accounts[i]),
                                    hd_u256_make(0, 0, 1, 0));
        if (err == HD_OK)
            err = hd_state_set_slot(j->state, &j->token, balance_key(&to), hd_u256_from_u64(1));
    }
    if (err == HD_OK && j->kind == SWAP_ONE)
        err = make_pool(j);
    return err;
}

static int is_same(const hd_pipeline_result *a, const hd_pipeline_result *b) {
    return a->refused_idx == b->refused_idx && a->gas_used == b->gas_used &&
           memcmp(&a->state_root, &b->state_root, sizeof(a->state_root)) == 0 &&
           memcmp(&a->receipts_root, &b->receipts_root, sizeof(a->receipts_root)) == 0 &&
           memcmp(a->bloom, b->bloom, sizeof(a->bloom)) == 0;
}

/* The figures of the issue: each holds the ones before it. */
enum { EXECUTION, CONFLICTS, SIGNATURES, WHOLE, STORE, STORE_WAITED, FIGURE_CNT };
static const char *const figure_names[FIGURE_CNT] = {
    "execution",
    "and conflicts",
    "and signatures",
    "and root and receipts",
    "and store, beside the next block", /* a block while its predecessor's differences enter */
    "and store, waited for"};

static void figures_of(uint64_t out[FIGURE_CNT], const hd_pipeline_result *r) {
    out[EXECUTION] = r->execute_ns;
    out[CONFLICTS] = out[EXECUTION] + r->index_ns + r->again_ns + r->commit_ns;
    out[SIGNATURES] = out[CONFLICTS] + r->upload_ns + r->admit_ns + r->recover_ns;
    out[WHOLE] = r->total_ns - r->store_ns;
    out[STORE] = out[STORE_WAITED] = 0;
}

static void print_stages(const job *j, const hd_pipeline_result *r) {
    printf(
        "# %s: upload %.2f, admit %.2f, recover %.2f, execute %.2f, index %.2f, again %.2f, commit "
        "%.2f, root %.2f, receipts %.2f, store %.2f ms; %u rounds, %" PRIu64 " ran again, %" PRIu64
        " supplied, %" PRIu64 " evicted%s\n",
        kind_names[j->kind], (double)r->upload_ns / 1e6, (double)r->admit_ns / 1e6,
        (double)r->recover_ns / 1e6, (double)r->execute_ns / 1e6, (double)r->index_ns / 1e6,
        (double)r->again_ns / 1e6, (double)r->commit_ns / 1e6, (double)r->root_ns / 1e6,
        (double)r->receipts_ns / 1e6, (double)r->store_ns / 1e6, r->round_cnt, r->rerun_cnt,
        r->supply_cnt, r->evict_cnt, r->flags & HD_PIPELINE_ON_HOST ? "; on the host's path" : "");
    fflush(stdout);
}

static hd_err run_block(hd_pipeline_result *r, hd_msg *msg, job *j,
                        const hd_pipeline_block *block) {
    hd_err err = hd_pipeline_run(r, j->p, msg, block);
    if (err == HD_OK && r->refused_idx < j->tx_cnt) {
        hd_msg_set(msg, "%s: transaction %u of block %" PRIu64 " was refused", kind_names[j->kind],
                   r->refused_idx, block->env.number);
        err = HD_ERR_CORRUPT;
    }
    return err;
}

/* The root of the state after a block, as the CPU alone makes it; of the first one by another way
   as well. */
static hd_err root_alone(hd_hash *root, uint64_t *ns, job *j) {
    hd_hash whole;
    int is_first = !j->trie;
    hd_err err = HD_OK;
    if (is_first) {
        err = hd_state_trie_open(&j->trie, hd_exec_pool(j->host), NULL);
        if (err == HD_OK)
            err = hd_state_trie_touch_all(j->trie, j->state);
    }
    uint64_t begin_ns = hd_clock_ns();
    if (err == HD_OK && !is_first)
        err = hd_state_trie_touch_undo(j->trie, &j->undo);
    if (err == HD_OK)
        err = hd_state_trie_root(root, j->trie, j->state);
    *ns = hd_clock_ns() - begin_ns;
    if (err == HD_OK && is_first)
        err = hd_state_root(&whole, j->state);
    if (err == HD_OK && is_first && memcmp(&whole, root, sizeof(whole)) != 0)
        err = HD_ERR_CORRUPT;
    return err;
}

static hd_err check_block(hd_msg *msg, job *j, const hd_pipeline_result *r,
                          const hd_pipeline_block *block) {
    hd_pipeline_result want;
    uint64_t root_ns = 0;
    if (!j->o->is_checked)
        return HD_OK;
    int is_first = !j->trie; /* it makes the tries of the whole state */
    hd_undo_clear(&j->undo);
    hd_undo_attach(j->state, &j->undo);
    hd_err err = hd_pipeline_serial_on(&want, j->host, j->state, msg, block, NULL);
    hd_undo_attach(j->state, NULL);
    if (err == HD_OK)
        err = root_alone(&want.state_root, &root_ns, j);
    if (err == HD_OK && !is_first && j->alone_cnt < BLOCK_CNT_MAX) {
        uint64_t ns = want.recover_ns + want.execute_ns;
        j->alone[j->alone_cnt].ns = ns;
        j->rooted[j->alone_cnt++].ns = ns + root_ns;
    }
    if (err == HD_OK && !is_same(r, &want)) {
        hd_msg_set(msg, "%s: block %" PRIu64 " differs from the host's execution",
                   kind_names[j->kind], block->env.number);
        err = HD_ERR_CORRUPT;
    }
    return err;
}

/* One block; with --store another one right behind it, while its differences enter. */
static hd_err bench_blocks(uint64_t figures[FIGURE_CNT], uint64_t *gas, hd_msg *msg, job *j) {
    hd_pipeline_block blocks[2];
    hd_pipeline_result r[2];
    uint32_t cnt = j->o->is_stored ? 2 : 1;
    hd_err err = HD_OK;
    for (uint32_t k = 0; k < cnt && err == HD_OK; k++)
        err = make_block(j, &blocks[k], k);
    for (uint32_t k = 0; k < cnt && err == HD_OK; k++)
        err = run_block(&r[k], msg, j, &blocks[k]);
    uint64_t ns = hd_clock_ns();
    if (err == HD_OK && cnt == 2)
        err = hd_pipeline_sync(j->p);
    ns = hd_clock_ns() - ns;
    for (uint32_t k = 0; k < cnt && err == HD_OK; k++)
        err = check_block(msg, j, &r[k], &blocks[k]);
    if (err == HD_OK && cnt == 2 && j->o->is_checked) {
        err = hd_pipeline_check(j->p);
        if (err != HD_OK)
            hd_msg_set(msg, "%s: the state behind differs from what is resident",
                       kind_names[j->kind]);
    }
    if (err != HD_OK)
        return err;
    *gas = r[0].gas_used;
    for (uint32_t k = 0; k < cnt; k++)
        print_stages(j, &r[k]);
    figures_of(figures, &r[0]);
    if (cnt == 2) {
        figures[STORE] = r[1].total_ns;
        figures[STORE_WAITED] = r[1].total_ns + ns;
    }
    return HD_OK;
}

static hd_err load_state(job *j) {
    hd_hash root;
    hd_pipeline_behind options = {.resident_max = j->o->resident_max};
    if (!j->o->is_stored)
        return hd_pipeline_load(&root, j->p, j->state);
    hd_err err = hd_pipeline_load(&root, j->p, j->state); /* what was behind is changed now */
    if (err == HD_OK)
        err = hd_state_copy(j->behind, j->state);
    return err == HD_OK ? hd_pipeline_load_behind(&root, j->p, j->behind, &options) : err;
}

static void put_row(const job *j, const char *figure, uint32_t backend, uint64_t gas,
                    uint64_t median_ns) {
    char name[64];
    snprintf(name, sizeof(name), "%s %s", kind_names[j->kind], figure);
    hd_bench_row row = {.workload = "pipeline",
                        .name = name,
                        .backend = backend,
                        .threads = backend == HD_BACKEND_CUDA ? 0 : j->threads,
                        .tx_cnt = j->tx_cnt,
                        .gas = gas,
                        .median_ns = median_ns};
    if (row.median_ns) /* stages of the host's path are not told apart */
        hd_bench_put(j->o, &row);
}

/* Blocks in a row, the next one prepared before each runs: *ns is the time of one, from the first
   byte's way up to the last root, and with --store until all have entered the state behind. */
static hd_err run_row(hd_msg *msg, job *j, uint64_t *ns) {
    hd_pipeline_block blocks[ROW_CNT];
    hd_pipeline_result r[ROW_CNT];
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < ROW_CNT; i++)
        err = make_block(j, &blocks[i], i);
    uint64_t begin_ns = hd_clock_ns();
    if (err == HD_OK)
        err = hd_pipeline_prepare(j->p, &blocks[0]);
    for (uint32_t i = 0; err == HD_OK && i < ROW_CNT; i++) {
        if (i + 1 < ROW_CNT)
            err = hd_pipeline_prepare(j->p, &blocks[i + 1]);
        if (err == HD_OK)
            err = run_block(&r[i], msg, j, &blocks[i]);
    }
    if (err == HD_OK && j->o->is_stored)
        err = hd_pipeline_sync(j->p);
    *ns = (hd_clock_ns() - begin_ns) / ROW_CNT;
    for (uint32_t i = 0; err == HD_OK && i < ROW_CNT; i++) {
        print_stages(j, &r[i]);
        err = check_block(msg, j, &r[i], &blocks[i]);
    }
    return err;
}

static hd_err bench_kind(hd_msg *msg, job *j) {
    hd_bench_sample samples[FIGURE_CNT][BLOCK_CNT_MAX];
    uint32_t cnt = (uint32_t)HD_MIN(j->o->repeat_cnt, BLOCK_CNT_MAX - 1);
    uint64_t gas = 0;
    j->nonce = 0;
    j->alone_cnt = 0;
    memset(j->alone, 0, sizeof(j->alone));
    memset(j->rooted, 0, sizeof(j->rooted));
    hd_state_trie_close(j->trie);
    j->trie = NULL;
    hd_err err = make_state(j);
    if (err == HD_OK)
        err = load_state(j);
    for (uint32_t i = 0; err == HD_OK && i < cnt + 1; i++) { /* the first one warms up */
        uint64_t figures[FIGURE_CNT];
        err = bench_blocks(figures, &gas, msg, j);
        for (uint32_t k = 0; err == HD_OK && i > 0 && k < FIGURE_CNT; k++) {
            samples[k][i - 1].ns = figures[k];
            samples[k][i - 1].kernel_ns = 0;
        }
    }
    for (uint32_t k = 0; err == HD_OK && k < FIGURE_CNT; k++)
        put_row(j, figure_names[k], hd_pipeline_backend(j->p), gas,
                hd_bench_median(samples[k], cnt).ns);
    uint64_t ns = 0;
    if (err == HD_OK && cnt > 1) /* of large blocks a row costs the comparison much */
        err = run_row(msg, j, &ns);
    if (err == HD_OK && ns)
        put_row(j, "blocks in a row", hd_pipeline_backend(j->p), gas, ns);
    if (err == HD_OK && j->alone_cnt)
        put_row(j, "host alone, no state root", HD_BACKEND_HOST, gas,
                hd_bench_median(j->alone, j->alone_cnt).ns);
    if (err == HD_OK && j->alone_cnt)
        put_row(j, "host alone, with state root", HD_BACKEND_HOST, gas,
                hd_bench_median(j->rooted, j->alone_cnt).ns);
    return err;
}

static void env_make(hd_env *env) {
    memset(env, 0, sizeof(*env));
    env->fork = HD_FORK_OSAKA;
    env->chain_id = 1;
    env->number = 1000;
    env->timestamp = 1760000000;
    env->gas_limit = (uint64_t)1 << 60; /* as many as are asked for */
    env->base_fee = hd_u256_from_u64(GWEI);
    env->blob_base_fee = hd_u256_from_u64(1);
    memset(env->coinbase.b, 0xc0, sizeof(env->coinbase.b));
}

static hd_err job_open(hd_msg *msg, job *j) {
    hd_pipeline_options options = {.backend = j->o->backend, .threads = j->threads};
    hd_err err = hd_pipeline_open(&j->p, &options);
    if (err != HD_OK) {
        hd_msg_set(msg, "the backend %s is not usable here: %s",
                   hd_bench_backend_name(j->o->backend), hd_err_name(err));
        return err;
    }
    int is_cuda = hd_pipeline_backend(j->p) == HD_BACKEND_CUDA;
    j->tx_cnt = j->o->tx_cnt ? (uint32_t)j->o->tx_cnt : is_cuda ? N_CUDA : N_HOST;
    j->account_cnt = (uint32_t)HD_MAX(j->o->account_cnt, j->tx_cnt);
    if (j->tx_cnt > HD_PIPELINE_TX_MAX) {
        hd_msg_set(msg, "pipeline: at most %u transactions", HD_PIPELINE_TX_MAX);
        return HD_ERR_LIMIT;
    }
    env_make(&j->env);
    memset(j->token.b, 0x70, sizeof(j->token.b));
    memset(j->other_token.b, 0x71, sizeof(j->other_token.b));
    memset(j->pool_addr.b, 0x72, sizeof(j->pool_addr.b));
    hd_exec_options host = {.backend = HD_BACKEND_HOST, .threads = j->threads};
    err = hd_exec_open(&j->host, &host);
    if (err != HD_OK)
        return err;
    j->state = hd_state_new();
    j->behind = hd_state_new();
    j->accounts = malloc(j->account_cnt * sizeof(*j->accounts));
    j->packed = malloc((size_t)j->tx_cnt * RAW_MAX);
    j->sizes = malloc(j->tx_cnt * sizeof(*j->sizes));
    if (!j->state || !j->behind || !j->accounts || !j->packed || !j->sizes)
        return HD_ERR_NOMEM;
    err = hd_pipeline_pin(j->p, (void **)&j->raw, (size_t)j->tx_cnt * RAW_MAX * ROW_CNT);
    if (err == HD_OK)
        err = hd_pipeline_pin(j->p, (void **)&j->off,
                              ((size_t)j->tx_cnt + 1) * sizeof(*j->off) * ROW_CNT);
    if (err == HD_OK)
        err = hd_pool_open(&j->pool, j->threads);
    return err == HD_OK ? hd_pool_for(j->pool, j->account_cnt, 64, make_accounts, j) : err;
}

hd_err hd_bench_pipeline(hd_msg *msg, const hd_bench_options *o, const char *filter) {
    job j;
    memset(&j, 0, sizeof(j));
    j.o = o;
    j.threads = o->threads ? (uint32_t)o->threads : hd_cpu_cnt();
    uint32_t found_cnt = 0;
    hd_err err = job_open(msg, &j);
    for (j.kind = 0; err == HD_OK && j.kind < KIND_CNT; j.kind++) {
        if (filter && strcmp(filter, kind_names[j.kind]) != 0)
            continue;
        found_cnt++;
        err = bench_kind(msg, &j);
    }
    if (err == HD_OK && found_cnt == 0) {
        hd_msg_set(msg, "no block of the pipeline is called \"%s\"", filter);
        err = HD_ERR_ABSENT;
    }
    if (j.p) {
        hd_pipeline_unpin(j.p, j.raw);
        hd_pipeline_unpin(j.p, j.off);
    }
    hd_pipeline_close(j.p);
    hd_state_trie_close(j.trie); /* before the threads that it borrows */
    hd_undo_free(&j.undo);
    hd_exec_close(j.host);
    hd_pool_close(j.pool);
    hd_state_free(j.state);
    hd_state_free(j.behind);
    free(j.accounts);
    free(j.packed);
    free(j.sizes);
    return err;
}
