/* hd_exec_ordered.c - rounds: a chunk at once, validation by value, the invalid again; where that
   does not converge, in order; and the choice between chunks and serial execution. */
#include "exec/hd_exec_ordered.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_log.h"
#include "base/hd_mutation.h"
#include "exec/hd_chains.h"
#include "exec/hd_tx_ahead.h"
#include "exec/hd_version_index.h"

/* A thread's share of a chunk's results should fit its core's cache. */
#define CHUNK_THREAD 1024u
#define CHUNK_HOST_MIN 2048u /* whatever that share: a dozen loops over a chunk are handed out */
#define CHUNK_HOST 16384u    /* and more brings more conflicts */
#define CHUNK_CUDA 65536u
/* The shortest chunk worth its launch. */
#define CHUNK_MIN_HOST 256u
#define CHUNK_MIN_CUDA 8192u
/* The first chunk of a handle; the length then follows what conflicts allow. */
#define CHUNK_FIRST_HOST 2048u
/* Transactions that run alone, so that there is a serial price to compare chunks with: first, and
   again after so many chunks, since what blocks are made of changes. */
#define PROBE_CNT 32u
#define PROBE_CHUNKS 32u
/* Fewer transactions than this run alone: handing them out costs more than it can bring. */
#define CHUNK_WORTH 16u
/* After a chunk that was dearer than serial execution so many times its length run alone, and four
   times as many each time in a row, through as many sequences as that takes. Then chunks are tried
   again: where everything conflicts, one transaction in 17 runs twice. */
#define SERIAL_FACTOR_MIN 1u /* the machine may have done something else for a moment */
#define SERIAL_FACTOR_MAX 16u
/* From the second in a row on at least for so many times as long as was lost, so that attempts cost
   an eighth at most. */
#define LOSS_FACTOR 8.0
#define PRICE_GAS_MAX (1ull << 26)
/* Rounds after which a chunk is finished in order; also as soon as a round leaves more than half of
   what the one before it left. */
#define ROUND_MAX 8u
/* Rounds after the first are the device's from this many transactions on. A round there costs its
   launches and two copies, a few milliseconds, in which host threads run thousands of transfers. */
#define ROUND_DEVICE_MIN 2048u
#define ROUND_DEVICE_MIN_TEST 8u /* with HD_ORDERED_DEVICE_ROUNDS: small blocks try both */
/* A round that leaves more than one in so many of what the one before it left is about chains.
   Few of these are ready at once, and the host's threads are faster one by one. */
#define ROUND_CHAIN_SHARE 4u
/* What a transaction that holds costs where a chunk is finished in order: comparing and applying,
   one after the other. */
#define HELD_NS 400u
/* Running a chain's member costs so much more than running it alone, in percent: it looks into two
   indexes, and its loads are followed. */
#define LANE_PERCENT 125u

/* In serial execution the places of a transaction's accounts are asked for so many before it, and
   the accounts. */
#define AHEAD_FAR 2u
#define AHEAD_NEAR 1u

/* What a range of the chunk's transactions came to, so that nobody walks over all of them alone. */
#define RANGE_TX_CNT 128u

typedef struct {
    uint64_t gas, block_gas; /* used: by all, and by those that count for the block */
    uint64_t gas_limit_max;  /* these' largest, and their blobs */
    uint64_t blob_cnt;
    uint32_t refused_cnt, failed_cnt;
    uint32_t is_mixed; /* more than one block */
    uint32_t reserved;
} range_sum;

/* Of a chunk in which at least one in so many transactions did not hold, the (code, selector) pairs
   of these are remembered, and run tagged from their first round on; all are forgotten after so
   many chunks, since conflicts go away as well. */
#define REMEMBER_SHARE 8u
#define REMEMBERED_CNT 256u
#define REMEMBERED_CHUNKS 64u
#define REMEMBER_SAMPLE_CNT 256u
/* Tagged runs are dearer: below this share of what they bring nobody begins so. */
#define TAGGED_SHARE_MIN 0.25

/* What is kept at the handle from one sequence to the next. */
typedef struct {
    hd_exec *alone; /* host, one thread */
    hd_exec *many;  /* of a device's handle: host threads for what the device is not to run */
    int is_device_lost;
    hd_version_index *index;
    hd_chains *chains;
    hd_results chunk;  /* of the present chunk */
    hd_results one;    /* of a transaction that ran alone */
    uint64_t first_ns; /* of the present chunk's first round */
    uint32_t *invalid;
    uint32_t lane_rerun_cnt; /* of the present chunk: what ran again in chains */
    uint8_t *is_late; /* how often a transaction ran against versions; 255: so often or more */
    uint8_t *tagged;  /* whether a transaction is of a remembered pair */
    range_sum *ranges;
    size_t tx_max;                       /* room of these four */
    uint64_t remembered[REMEMBERED_CNT]; /* by their low bits; 0: none */
    uint32_t remembered_cnt;             /* pairs that came since all were forgotten */
    uint32_t remembered_chunks;          /* chunks since then */
    /* The choice between chunks and serial execution, and what it is made from. */
    uint64_t alone_gas, alone_ns; /* what transactions cost that ran alone */
    uint32_t is_warm;             /* some did: the first ones of a handle pay for its memory */
    uint32_t chunk_cnt;           /* transactions of the next chunk; 0: none ran yet */
    uint32_t warm_cnt;            /* of the longest chunk so far */
    uint32_t probed_cnt;          /* chunks since the last probe */
    uint32_t serial_cnt;          /* transactions that run alone before the next chunk */
    uint32_t serial_factor;       /* how many do after a chunk that was dear, for each of its */
    double tagged_share;          /* of what a chunk's second round ran, about how much then held */
} kept;

typedef struct {
    hd_exec *x;
    kept *k;
    hd_state *s;
    const hd_sequence *seq;
    hd_ordered_stats *stats;
    hd_world world; /* view of s, renewed after each change */
    uint64_t block_gas_used;
    uint64_t block_blob_cnt;
    uint32_t env_idx; /* of the present block */
    uint32_t is_begun;
} ordered;

static void kept_free(void *ctx) {
    kept *k = ctx;
    hd_chains_close(k->chains); /* before the threads that it borrows */
    hd_version_index_close(k->index);
    hd_exec_close(k->alone);
    hd_exec_close(k->many);
    hd_results_free(&k->chunk);
    hd_results_free(&k->one);
    free(k->invalid);
    free(k->is_late);
    free(k->tagged);
    free(k->ranges);
    free(k);
}

/* Tiled lanes stand for the device's, so that all of this is tested without one. */
static int is_device(const hd_exec *x) {
    return hd_exec_backend(x) == HD_BACKEND_CUDA || hd_exec_backend(x) == HD_BACKEND_TILED;
}

/* The threads for what is done between rounds. */
static hd_pool *host_pool(const ordered *o) { return hd_exec_pool(o->k->many ? o->k->many : o->x); }

static hd_err kept_open(kept **out, hd_exec *x) {
    void **place = hd_exec_keep(x, kept_free);
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    hd_err err = HD_OK;
    if (!*place) {
        kept *k = calloc(1, sizeof(*k));
        if (!k)
            return HD_ERR_NOMEM;
        err = hd_exec_open(&k->alone, &options);
        if (err == HD_OK && is_device(x)) {
            options.threads = hd_exec_threads(x);
            err = hd_exec_open(&k->many, &options);
        }
        if (err == HD_OK)
            err = hd_version_index_open(&k->index, hd_exec_pool(k->many ? k->many : x));
        if (err == HD_OK)
            err = hd_chains_open(&k->chains, hd_exec_pool(k->many ? k->many : x));
        if (err != HD_OK) {
            kept_free(k);
            return err;
        }
        k->serial_factor = SERIAL_FACTOR_MIN;
        k->tagged_share = 1;
        *place = k;
    }
    *out = *place;
    return HD_OK;
}

static hd_err kept_reserve(kept *k, size_t tx_cnt) {
    if (tx_cnt <= k->tx_max)
        return HD_OK;
    free(k->invalid);
    free(k->is_late);
    free(k->tagged);
    free(k->ranges);
    k->tx_max = 0;
    k->invalid = malloc(tx_cnt * sizeof(*k->invalid));
    k->is_late = malloc(tx_cnt);
    k->tagged = malloc(tx_cnt);
    k->ranges = malloc((tx_cnt / RANGE_TX_CNT + 1) * sizeof(*k->ranges));
    if (!k->invalid || !k->is_late || !k->tagged || !k->ranges)
        return HD_ERR_NOMEM;
    k->tx_max = tx_cnt;
    return HD_OK;
}

/* ---- reading the state's tables: as hd_state_get does, but each account is looked up once for
   itself and its slots */

static const hd_world_account *world_account(const hd_world *w, const hd_address *wire) {
    uint32_t addr[5];
    hd_addr_from_wire(addr, wire);
    const hd_world_account *a = hd_world_find(w, addr);
    return a && a->flags & HD_ACCOUNT_EXISTS ? a : NULL;
}

static hd_account_now account_now(const ordered *o, const hd_world_account *a) {
    hd_account_now now;
    memset(&now, 0, sizeof(now));
    now.code_hash = &o->world.codes[a ? a->code_idx : 0].hash;
    if (a) {
        now.balance_wei = a->balance_wei;
        now.nonce = a->nonce;
        now.is_there = 1;
        now.has_storage = (a->flags & HD_ACCOUNT_HAS_STORAGE) != 0;
    }
    return now;
}

/* Accounts beyond this many are looked up again for each of their slots. */
#define ACCOUNT_KEEP_MAX 16u

/* Whether what a transaction read is in the state now. If so, its differences are rewritten to what
   they are from there. */
static int holds_now(ordered *o, const hd_tx *tx, const hd_receipt *r) {
    const hd_world_account *found[ACCOUNT_KEEP_MAX];
    const hd_results *chunk = &o->k->chunk;
    hd_account_diff *accounts = chunk->accounts + r->account_off;
    if (hd_receipt_is_void(r))
        return 0;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        const hd_world_account *a = world_account(&o->world, &accounts[i].addr);
        hd_account_now now = account_now(o, a);
        if (!hd_read_holds(&accounts[i], &chunk->reads[r->account_off + i], &now))
            return 0;
        if (i < ACCOUNT_KEEP_MAX)
            found[i] = a;
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &chunk->slots[r->slot_off + i];
        const hd_world_account *a = d->account_idx < ACCOUNT_KEEP_MAX
                                        ? found[d->account_idx]
                                        : world_account(&o->world, &accounts[d->account_idx].addr);
        if (!hd_slot_holds(chunk, r->slot_off + i,
                           a ? hd_world_slot_of(&o->world, a, d->key) : hd_u256_zero()))
            return 0;
    }
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        const hd_world_account *a =
            i < ACCOUNT_KEEP_MAX ? found[i] : world_account(&o->world, &accounts[i].addr);
        hd_account_now now = account_now(o, a);
        hd_account_settle(&accounts[i], &now, o->seq->envs[tx->env_idx].fork);
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        hd_slot_diff *d = &chunk->slots[r->slot_off + i];
        const hd_world_account *a = d->account_idx < ACCOUNT_KEEP_MAX
                                        ? found[d->account_idx]
                                        : world_account(&o->world, &accounts[d->account_idx].addr);
        if (d->flags & HD_DIFF_RANGE)
            hd_slot_settle(d, a ? hd_world_slot_of(&o->world, a, d->key) : hd_u256_zero());
    }
    return 1;
}

/* ---- one transaction at its turn */

/* Gives the receipt to the caller and counts it. */
static hd_err deliver(ordered *o, uint32_t tx_idx, const hd_receipt *r, const hd_results *from) {
    const hd_tx *tx = &o->seq->txs[tx_idx];
    if (o->seq->receipt) {
        hd_err err = o->seq->receipt(o->seq->receipt_ctx, tx_idx, r, from);
        if (err != HD_OK)
            return err;
    }
    if (r->status >= HD_TX_INVALID) {
        o->stats->refused_cnt++;
        return HD_OK;
    }
    o->stats->failed_cnt += r->status != HD_TX_SUCCESS;
    o->stats->gas_used += r->gas_used;
    if (!(tx->flags & HD_TX_SKIP_CHECKS)) {
        o->block_gas_used += r->gas_used;
        o->block_blob_cnt += tx->blob_cnt;
    }
    return HD_OK;
}

static hd_err commit(ordered *o, uint32_t tx_idx, const hd_receipt *r, const hd_results *from) {
    const hd_env *env = &o->seq->envs[o->seq->txs[tx_idx].env_idx];
    hd_err err = deliver(o, tx_idx, r, from);
    if (err == HD_OK)
        err = hd_state_apply(o->s, r, from->accounts, from->slots, from->bytes, &env->coinbase,
                             env->fork);
    hd_state_world(&o->world, o->s);
    return err;
}

/* Runs the transaction against the present state. is_over: it asks for more than is left of the
   block. It will be refused, but other reasons come first; so it meets a block of what is left. */
static hd_err run_alone(ordered *o, uint32_t tx_idx, int is_over) {
    hd_tx tx = o->seq->txs[tx_idx];
    hd_env env = o->seq->envs[tx.env_idx];
    if (is_over) {
        env.gas_limit -= HD_MIN(o->block_gas_used, env.gas_limit);
        env.blob_cnt_max -= (uint32_t)HD_MIN(o->block_blob_cnt, env.blob_cnt_max);
    }
    tx.env_idx = 0;
    hd_batch batch = {.worlds = &o->world,
                      .envs = &env,
                      .txs = &tx,
                      .data = o->seq->data,
                      .data_sz = o->seq->data_sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = 1,
                      .flags = HD_BATCH_UNTIMED |
                               (o->seq->flags & HD_ORDERED_READS ? HD_BATCH_READS : 0),
                      .blockhash = o->seq->blockhash,
                      .blockhash_ctx = o->seq->blockhash_ctx};
    hd_err err = hd_exec_run(o->k->alone, &o->k->one, &batch);
    if (err != HD_OK)
        return err;
    const hd_receipt *r = o->k->one.receipts;
    if (r->status > HD_TX_HALT && r->status < HD_TX_INVALID)
        return HD_ERR_NOMEM;
    return commit(o, tx_idx, r, &o->k->one);
}

/* Whether the block has too little gas or too few blobs left for the transaction. */
static int block_turn(ordered *o, const hd_tx *tx) {
    if (!o->is_begun || tx->env_idx != o->env_idx) {
        o->is_begun = 1;
        o->env_idx = tx->env_idx;
        o->block_gas_used = o->block_blob_cnt = 0;
    }
    const hd_env *env = &o->seq->envs[tx->env_idx];
    if (tx->flags & HD_TX_SKIP_CHECKS)
        return 0;
    return o->block_gas_used > env->gas_limit ||
           tx->gas_limit > env->gas_limit - o->block_gas_used ||
           (tx->blob_cnt && o->block_blob_cnt + tx->blob_cnt > env->blob_cnt_max);
}

static hd_err run_serial(ordered *o, uint32_t begin, uint32_t end) {
    uint64_t begin_ns = hd_clock_ns(), gas = o->stats->gas_used;
    kept *k = o->k;
    hd_err err = HD_OK;
    for (uint32_t i = begin; err == HD_OK && i < end; i++) {
        if (o->seq->txs[i].env_idx >= o->seq->env_cnt)
            return HD_ERR_LIMIT;
        if (i + AHEAD_FAR < end)
            hd_tx_ahead(&o->world, &o->seq->txs[i + AHEAD_FAR], 0);
        if (i + AHEAD_NEAR < end)
            hd_tx_ahead(&o->world, &o->seq->txs[i + AHEAD_NEAR], 1);
        err = run_alone(o, i, block_turn(o, &o->seq->txs[i]));
    }
    o->stats->serial_cnt += end - begin;
    uint64_t ns = hd_clock_ns() - begin_ns;
    o->stats->rerun_ns += ns;
    k->alone_ns += ns;
    k->alone_gas += o->stats->gas_used - gas;
    /* Old prices fade behind new ones, or a change of load would never be seen. */
    while (k->alone_gas > PRICE_GAS_MAX) {
        k->alone_gas /= 2;
        k->alone_ns /= 2;
    }
    return err;
}

/* ---- chunks */

typedef struct {
    const ordered *o;
    uint32_t begin, cnt;
} range_job;

static hd_err sum_ranges(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const range_job *job = ctx;
    (void)worker_idx;
    for (size_t c = begin; c < end; c++) {
        uint32_t first = (uint32_t)c * RANGE_TX_CNT, last = HD_MIN(first + RANGE_TX_CNT, job->cnt);
        const hd_tx *txs = job->o->seq->txs + job->begin;
        range_sum sum;
        memset(&sum, 0, sizeof(sum));
        for (uint32_t i = first; i < last; i++) {
            const hd_receipt *r = &job->o->k->chunk.receipts[i];
            int is_counted = !(txs[i].flags & HD_TX_SKIP_CHECKS);
            sum.is_mixed |= txs[i].env_idx != txs[first].env_idx;
            if (is_counted)
                sum.gas_limit_max = HD_MAX(sum.gas_limit_max, txs[i].gas_limit);
            if (is_counted && r->status >= HD_TX_INVALID)
                sum.is_mixed |= txs[i].blob_cnt != 0; /* it asks for blobs that it does not get */
            if (r->status >= HD_TX_INVALID) {
                sum.refused_cnt++;
                continue;
            }
            sum.failed_cnt += r->status != HD_TX_SUCCESS;
            sum.gas += r->gas_used;
            if (is_counted) {
                sum.block_gas += r->gas_used;
                sum.blob_cnt += txs[i].blob_cnt;
            }
        }
        job->o->k->ranges[c] = sum;
    }
    return HD_OK;
}

/* Whether all of the range surely have room in the block that the first belongs to. */
static int range_fits(const ordered *o, const range_sum *sum) {
    const hd_env *env = &o->seq->envs[o->env_idx];
    return !sum->is_mixed && o->block_gas_used <= env->gas_limit &&
           sum->block_gas <= env->gas_limit - o->block_gas_used &&
           sum->gas_limit_max <= env->gas_limit - o->block_gas_used - sum->block_gas &&
           (!sum->blob_cnt || o->block_blob_cnt + sum->blob_cnt <= env->blob_cnt_max);
}

static void count_range(ordered *o, const range_sum *sum) {
    o->block_gas_used += sum->block_gas;
    o->block_blob_cnt += sum->blob_cnt;
}

/* The first transaction of the chunk that its block has no room for, or cnt. The ranges' sums are
   made. */
static uint32_t find_over(const ordered *o, uint32_t begin, uint32_t cnt) {
    ordered copy = *o;
    for (uint32_t i = 0; i < cnt; i++) {
        const hd_tx *tx = &o->seq->txs[begin + i];
        const hd_receipt *r = &o->k->chunk.receipts[i];
        const range_sum *sum = &o->k->ranges[i / RANGE_TX_CNT];
        int is_over = block_turn(&copy, tx);
        if (i % RANGE_TX_CNT == 0 && range_fits(&copy, sum)) {
            count_range(&copy, sum);
            i += RANGE_TX_CNT - 1;
            continue;
        }
        if (is_over && HD_KEEPS(HD_MUTATION_OVER))
            return i;
        if (r->status <= HD_TX_HALT && !(tx->flags & HD_TX_SKIP_CHECKS)) {
            copy.block_gas_used += r->gas_used;
            copy.block_blob_cnt += tx->blob_cnt;
        }
    }
    return cnt;
}

/* Gives the chunk's first cnt receipts to the caller, in order; where he asks for none, they are
   only counted. */
static hd_err deliver_chunk(ordered *o, uint32_t begin, uint32_t cnt) {
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < cnt; i++) {
        const range_sum *sum = &o->k->ranges[i / RANGE_TX_CNT];
        block_turn(o, &o->seq->txs[begin + i]);
        if (!o->seq->receipt && !sum->is_mixed && i % RANGE_TX_CNT == 0 &&
            cnt - i >= RANGE_TX_CNT) {
            count_range(o, sum);
            o->stats->refused_cnt += sum->refused_cnt;
            o->stats->failed_cnt += sum->failed_cnt;
            o->stats->gas_used += sum->gas;
            i += RANGE_TX_CNT - 1;
            continue;
        }
        err = deliver(o, begin + i, &o->k->chunk.receipts[i], &o->k->chunk);
    }
    return err;
}

/* Every transaction of the chunk holds: up to the first that its block has no room for they are
   delivered, and their last writes enter the state. */
static hd_err commit_chunk(ordered *o, hd_version_input *in, uint32_t begin, uint32_t *done_cnt) {
    uint64_t begin_ns = hd_clock_ns();
    const hd_versions *versions;
    range_job job = {.o = o, .begin = begin, .cnt = in->tx_cnt};
    hd_err err = hd_pool_for(host_pool(o), (in->tx_cnt + RANGE_TX_CNT - 1) / RANGE_TX_CNT, 0,
                             sum_ranges, &job);
    uint32_t cnt = find_over(o, begin, in->tx_cnt);
    if (cnt < in->tx_cnt) {
        in->tx_cnt = cnt;
        err = hd_version_index_build(o->k->index, &versions, in);
    }
    if (err == HD_OK && o->seq->receipt && !(o->seq->flags & HD_ORDERED_RECEIPTS))
        err = hd_version_index_settle(o->k->index, in);
    if (err == HD_OK)
        err = deliver_chunk(o, begin, cnt);
    if (err == HD_OK)
        err = hd_version_index_commit(o->k->index, o->s, in);
    hd_state_world(&o->world, o->s);
    *done_cnt = cnt;
    o->stats->commit_ns += hd_clock_ns() - begin_ns;
    return err;
}

/* In order: what holds is applied, what does not runs again. */
static hd_err finish_in_order(ordered *o, uint32_t begin, uint32_t cnt, uint32_t *rerun_cnt) {
    uint64_t begin_ns = hd_clock_ns();
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < cnt; i++) {
        const hd_tx *tx = &o->seq->txs[begin + i];
        const hd_receipt *r = &o->k->chunk.receipts[i];
        int is_over = block_turn(o, tx);
        if (!is_over && holds_now(o, tx, r)) {
            err = commit(o, begin + i, r, &o->k->chunk);
        } else {
            ++*rerun_cnt;
            o->stats->chain_cnt = HD_MAX(o->stats->chain_cnt, 2u + o->k->is_late[i]);
            err = run_alone(o, begin + i, is_over);
        }
    }
    o->stats->rerun_ns += hd_clock_ns() - begin_ns;
    return err;
}

/* ---- whose loads are followed from the start */

/* What a transaction runs: the code that it calls and the selector. 0: nothing. */
static uint64_t pair_of(const ordered *o, const hd_tx *tx) {
    const hd_sequence *seq = o->seq;
    const hd_world_account *a = tx->flags & HD_TX_CREATE ? NULL : world_account(&o->world, &tx->to);
    if (!a || !a->code_idx)
        return 0;
    uint64_t selector = 0; /* nobody has looked at the offset yet */
    if (tx->data_sz >= 4 && tx->data_off <= seq->data_sz && seq->data_sz - tx->data_off >= 4)
        selector = hd_load_le32(seq->data + tx->data_off);
    return (hd_load_le64(o->world.codes[a->code_idx].hash.b) ^ hd_mix64(selector)) | 1ull << 63;
}

static void remember(ordered *o, const hd_version_input *in, uint32_t invalid_cnt) {
    kept *k = o->k;
    uint32_t step = invalid_cnt / REMEMBER_SAMPLE_CNT + 1;
    if (++k->remembered_chunks > REMEMBERED_CHUNKS) {
        memset(k->remembered, 0, sizeof(k->remembered));
        k->remembered_cnt = k->remembered_chunks = 0;
    }
    for (uint32_t i = 0; invalid_cnt > in->tx_cnt / REMEMBER_SHARE && i < invalid_cnt; i += step) {
        uint64_t pair = pair_of(o, &in->txs[k->invalid[i]]);
        uint64_t *place = &k->remembered[pair % REMEMBERED_CNT];
        if (pair == 0 || *place == pair)
            continue;
        *place = pair;
        k->remembered_cnt++;
    }
}

typedef struct {
    ordered *o;
    const hd_version_input *in;
} recall;

static hd_err recall_txs(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const recall *r = ctx;
    kept *k = r->o->k;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        uint64_t pair = pair_of(r->o, &r->in->txs[i]);
        k->tagged[i] = pair && k->remembered[pair % REMEMBERED_CNT] == pair;
    }
    return HD_OK;
}

/* Fills k->tagged; how many transactions of the chunk are of remembered pairs. */
static uint32_t recall_chunk(ordered *o, const hd_version_input *in) {
    kept *k = o->k;
    recall r = {o, in};
    uint32_t cnt = 0;
    if (!k->remembered_cnt || k->tagged_share < TAGGED_SHARE_MIN)
        return 0;
    (void)hd_pool_for(hd_exec_pool(k->many ? k->many : o->x), in->tx_cnt, 1024, recall_txs, &r);
    for (uint32_t i = 0; i < in->tx_cnt; i++)
        cnt += k->tagged[i];
    return cnt;
}

/* Whether a round of cnt transactions, after one of last_cnt, is worth the device's while. */
static int is_for_device(const ordered *o, uint32_t round, uint32_t cnt, uint32_t last_cnt) {
    if (o->seq->flags & HD_ORDERED_DEVICE_ROUNDS)
        return cnt >= ROUND_DEVICE_MIN_TEST;
    return cnt >= ROUND_DEVICE_MIN && (round == 1 || cnt <= last_cnt / ROUND_CHAIN_SHARE);
}

/* One round, on the device or on the host's threads. */
static hd_err run_round(ordered *o, const hd_batch *batch, int on_device) {
    kept *k = o->k;
    hd_err err = hd_exec_run(on_device || !k->many ? o->x : k->many, &k->chunk, batch);
    o->stats->round_cnt++;
    o->stats->device_round_cnt += on_device != 0;
    o->stats->kernel_ns += k->chunk.kernel_ns;
    return err;
}

/* What comes after a validation. */
#define NEXT_ROUND 0u
#define NEXT_CHAINS 1u
#define NEXT_IN_ORDER 2u

/* What the chunk's transactions cost alone, ns for each gas, at the prices met so far. 0: not
   known. */
static double gas_price_ns(const kept *k) {
    return k->alone_gas ? (double)k->alone_ns / (double)k->alone_gas : 0;
}

/* What is cheapest at the prices met so far: the invalid ones at once, in chains beside each other,
   or one after the other. A round is taken to bring the share that the last one brought (of the
   first tagged round: what such rounds bring), and so do those after it, until none is left. */
static hd_err choose_next(ordered *o, uint32_t *next, hd_chains_found *found,
                          const hd_versions *versions, const hd_version_input *in, uint32_t round,
                          uint32_t last_cnt, uint32_t invalid_cnt, uint64_t index_ns) {
    kept *k = o->k;
    int is_free = (o->seq->flags & HD_ORDERED_NEVER_SERIAL) != 0;
    double price = gas_price_ns(k), threads = hd_pool_thread_cnt(host_pool(o));
    *next = NEXT_ROUND;
    if ((is_free || price == 0 || invalid_cnt < CHUNK_WORTH) &&
        (round == 1 || invalid_cnt <= last_cnt / 2))
        return HD_OK;
    uint64_t begin_ns = hd_clock_ns();
    hd_err err = hd_chains_find(k->chains, found, versions, in, k->invalid, invalid_cnt);
    o->stats->lane_ns += hd_clock_ns() - begin_ns;
    if (err != HD_OK)
        return err;
    /* Without prices, and for tests: sums are tried, then chains wherever there are two. */
    if (is_free || price == 0) {
        if (round > 1)
            *next = found->chain_cnt > 1 ? NEXT_CHAINS : NEXT_IN_ORDER;
        return HD_OK;
    }
    *next = NEXT_CHAINS;
    double in_order = (double)found->gas * price + (double)(in->tx_cnt - found->tx_cnt) * HELD_NS;
    double left = round == 1 ? 1 - k->tagged_share : (double)invalid_cnt / last_cnt;
    double rounds =
        left < 1 ? ((double)k->first_ns * invalid_cnt / in->tx_cnt + (double)index_ns) / (1 - left)
                 : in_order + 1;
    double chains = HD_MAX((double)found->gas / threads, (double)found->longest_gas) * price *
                        LANE_PERCENT / 100 +
                    (double)index_ns;
    if (rounds <= chains && rounds <= in_order)
        *next = NEXT_ROUND;
    else if (chains > in_order)
        *next = NEXT_IN_ORDER;
    return HD_OK;
}

/* The chains that were found last, on the host's threads. */
static hd_err run_chains(ordered *o, const hd_batch *round, const hd_chains_found *found,
                         uint32_t *rerun_cnt) {
    kept *k = o->k;
    uint64_t begin_ns = hd_clock_ns();
    hd_batch batch = *round;
    uint32_t most;
    batch.flags = HD_BATCH_READS | HD_BATCH_KEEP | HD_BATCH_GAPS | HD_BATCH_TAGGED;
    batch.tagged = NULL;
    hd_chains_begin(k->chains, &batch);
    hd_err err = hd_exec_run(k->many ? k->many : o->x, &k->chunk, &batch);
    if (err != HD_OK)
        return err;
    uint32_t cnt = hd_chains_end(k->chains, k->is_late, &most);
    *rerun_cnt += cnt;
    k->lane_rerun_cnt += cnt;
    o->stats->round_cnt++;
    o->stats->lane_chain_cnt += found->chain_cnt;
    o->stats->lane_tx_cnt += found->tx_cnt;
    o->stats->chain_cnt = HD_MAX(o->stats->chain_cnt, found->longest_cnt);
    o->stats->lane_ns += hd_clock_ns() - begin_ns;
    return HD_OK;
}

/* Rounds until every transaction of the chunk holds: *is_settled is 1; or until that is too dear.
 *on_device is 1 as long as rounds are the device's. */
static hd_err run_rounds(ordered *o, hd_batch *batch, hd_version_input *in, uint32_t *rerun_cnt,
                         int *is_settled, int *on_device) {
    kept *k = o->k;
    uint32_t invalid_cnt, last_cnt = in->tx_cnt, first = 0, next = NEXT_ROUND;
    int is_tagged = batch->tagged || batch->flags & HD_BATCH_TAGGED; /* the first round */
    hd_chains_found found;
    *is_settled = 0;
    for (uint32_t round = 1;; round++) {
        uint64_t begin_ns = hd_clock_ns(), index_ns;
        hd_err err = hd_version_index_build(k->index, &batch->versions, in);
        if (err == HD_OK)
            err = hd_version_index_check(k->index, k->invalid, &invalid_cnt, in, first);
        index_ns = hd_clock_ns() - begin_ns;
        o->stats->index_ns += index_ns;
        if (err != HD_OK)
            return err;
        if (round == 1)
            remember(o, in, invalid_cnt);
        if (round == 2 && next == NEXT_ROUND && !is_tagged) /* what tagging brought */
            k->tagged_share = (k->tagged_share + 1 - (double)invalid_cnt / last_cnt) / 2;
        else if (round == 1) /* it is tried again now and then */
            k->tagged_share += (1 - k->tagged_share) / 16;
        *is_settled = invalid_cnt == 0 || (!HD_KEEPS(HD_MUTATION_FINAL) && round > 1);
        if (*is_settled || round > ROUND_MAX)
            return HD_OK;
        if (next == NEXT_CHAINS && invalid_cnt > last_cnt / 2)
            return HD_OK; /* who meets whom was guessed wrong */
        err = choose_next(o, &next, &found, batch->versions, in, round, last_cnt, invalid_cnt,
                          index_ns);
        if (err != HD_OK || next == NEXT_IN_ORDER)
            return err;
        first = k->invalid[0]; /* what stands before it is final */
        if (next == NEXT_CHAINS) {
            err = run_chains(o, batch, &found, rerun_cnt);
            *on_device = 0;
            last_cnt = invalid_cnt;
            if (err != HD_OK)
                return err;
            continue;
        }
        begin_ns = hd_clock_ns();
        batch->list = k->invalid;
        batch->list_cnt = invalid_cnt;
        batch->flags = HD_BATCH_READS | HD_BATCH_KEEP | HD_BATCH_GAPS | HD_BATCH_TAGGED;
        /* Never back to the device: what is left only shrinks. */
        *on_device = *on_device && is_for_device(o, round, invalid_cnt, last_cnt);
        if (*on_device)
            batch->flags |= HD_BATCH_SAME;
        last_cnt = invalid_cnt;
        err = run_round(o, batch, *on_device);
        o->stats->again_ns += hd_clock_ns() - begin_ns;
        if (err != HD_OK)
            return err;
        for (uint32_t i = 0; i < invalid_cnt; i++) {
            uint8_t *late = &k->is_late[k->invalid[i]];
            *late = (uint8_t)(*late + (*late < UINT8_MAX));
            o->stats->chain_cnt = HD_MAX(o->stats->chain_cnt, 1u + *late);
        }
        *rerun_cnt += invalid_cnt;
    }
}

/* All rounds of the chunk. *on_device: the first is the device's; afterwards: the last was. */
static hd_err run_from_start(ordered *o, hd_version_input *in, uint32_t *rerun_cnt, int *is_settled,
                             int *on_device) {
    kept *k = o->k;
    hd_batch batch = {.worlds = &o->world,
                      .envs = o->seq->envs,
                      .txs = in->txs,
                      .data = o->seq->data,
                      .data_sz = o->seq->data_sz,
                      .world_cnt = 1,
                      .env_cnt = o->seq->env_cnt,
                      .tx_cnt = in->tx_cnt,
                      .flags = HD_BATCH_READS | HD_BATCH_ASSUMED | HD_BATCH_GAPS,
                      .work_max = o->seq->chunk_work_max,
                      .blockhash = o->seq->blockhash,
                      .blockhash_ctx = o->seq->blockhash_ctx};
    *rerun_cnt = 0;
    *is_settled = 0;
    k->lane_rerun_cnt = 0;
    uint32_t tagged_cnt = recall_chunk(o, in);
    batch.tagged = tagged_cnt ? k->tagged : NULL;
    if (*on_device && tagged_cnt > in->tx_cnt / 2) /* it runs all in one way */
        batch.flags |= HD_BATCH_TAGGED;
    hd_err err = run_round(o, &batch, *on_device);
    if (err != HD_OK)
        return err;
    k->first_ns = k->chunk.total_ns;
    o->stats->chunk_ns += k->chunk.total_ns;
    o->stats->chain_cnt = HD_MAX(o->stats->chain_cnt, 1u);
    memset(k->is_late, 0, in->tx_cnt);
    return run_rounds(o, &batch, in, rerun_cnt, is_settled, on_device);
}

/* The device failed at the chunk that begins at that transaction. */
static void device_failed(ordered *o, uint32_t begin, hd_err err) {
    o->stats->device_lost_cnt++;
    if (err != HD_ERR_DEVICE)
        return; /* it has no memory for this chunk; the next may fit */
    o->k->is_device_lost = 1;
    hd_log(HD_LOG_WARN,
           "the device failed in the chunk from transaction %u on: it and all that follow run on "
           "the host",
           begin);
}

/* *done_cnt 0: a block hash was missing, and the chunk has changed nothing. */
static hd_err run_chunk(ordered *o, uint32_t begin, uint32_t cnt, uint32_t *done_cnt,
                        uint32_t *rerun_cnt) {
    kept *k = o->k;
    int is_settled = 0, on_device = is_device(o->x) && !k->is_device_lost;
    *rerun_cnt = 0;
    *done_cnt = cnt;
    hd_err err = kept_reserve(k, cnt);
    if (err != HD_OK)
        return err;
    hd_version_input in = {.world = &o->world,
                           .envs = o->seq->envs,
                           .txs = o->seq->txs + begin,
                           .results = &k->chunk,
                           .is_late = k->is_late,
                           .tx_cnt = cnt,
                           .env_cnt = o->seq->env_cnt};
    err = run_from_start(o, &in, rerun_cnt, &is_settled, &on_device);
    if (on_device && (err == HD_ERR_DEVICE || err == HD_ERR_NOMEM)) {
        /* Nothing of the chunk has entered the state: it begins anew without the device. */
        device_failed(o, begin, err);
        on_device = 0;
        err = run_from_start(o, &in, rerun_cnt, &is_settled, &on_device);
    }
    if (err == HD_ERR_ABSENT)
        *done_cnt = 0;
    if (err != HD_OK)
        return err;
    o->stats->chunk_cnt++;
    o->stats->sum_cnt += hd_version_index_sum_cnt(k->index);
    if (is_settled)
        err = commit_chunk(o, &in, begin, done_cnt);
    else
        err = finish_in_order(o, begin, cnt, rerun_cnt);
    if (err == HD_OK && *done_cnt < cnt) {
        /* What came after it may have read its writes: it begins anew. */
        err = run_alone(o, begin + *done_cnt, block_turn(o, &in.txs[*done_cnt]));
        ++*done_cnt;
    }
    o->stats->chunk_tx_cnt += *done_cnt;
    o->stats->rerun_cnt += *rerun_cnt;
    return err;
}

/* By how much a chunk was dearer than serial execution is, ns; 0 where it was not. Compared by gas,
   since transactions differ. */
static double chunk_loss_ns(const ordered *o, uint64_t chunk_gas, uint64_t chunk_ns) {
    double price = gas_price_ns(o->k), loss = (double)chunk_ns - (double)chunk_gas * price;
    return price > 0 && loss > 0 ? loss : 0;
}

/* Transactions that run alone after such a chunk. */
static uint32_t serial_after(const ordered *o, uint32_t cnt, uint64_t chunk_gas, double loss_ns) {
    double tx_ns = (double)chunk_gas * gas_price_ns(o->k) / cnt;
    int is_again = o->k->serial_factor > SERIAL_FACTOR_MIN;
    double want = is_again && tx_ns > 0 ? LOSS_FACTOR * loss_ns / tx_ns : 0;
    want = HD_MAX(want, (double)cnt * o->k->serial_factor);
    return want < HD_ORDERED_CHUNK_MAX ? (uint32_t)want : HD_ORDERED_CHUNK_MAX;
}

/* A chunk, and what follows from it for the next. */
static hd_err run_priced_chunk(ordered *o, uint32_t *at, const uint32_t range[2]) {
    kept *k = o->k;
    uint32_t rerun_cnt = 0, done_cnt = UINT32_MAX, cnt = HD_MIN(k->chunk_cnt, o->seq->tx_cnt - *at);
    uint64_t gas = o->stats->gas_used, ns = hd_clock_ns();
    hd_err err = run_chunk(o, *at, cnt, &done_cnt, &rerun_cnt);
    /* Those who were misled ask for block hashes that nobody needs, and that a witness lacks. */
    if (err == HD_ERR_ABSENT && done_cnt == 0) {
        err = run_serial(o, *at, *at + cnt);
        done_cnt = cnt;
    }
    gas = o->stats->gas_used - gas;
    ns = hd_clock_ns() - ns;
    *at += done_cnt;
    k->probed_cnt++;
    /* Conflicts within a chunk grow with its length: find the length that has few. What ran again
       in chains did so beside others, which longer chunks have more of. */
    if (k->lane_rerun_cnt > cnt / 16 && k->lane_rerun_cnt >= rerun_cnt / 8 * 7)
        k->chunk_cnt = HD_MIN(k->chunk_cnt * 2, range[1]);
    else if (rerun_cnt > cnt / 4)
        k->chunk_cnt = HD_MAX(k->chunk_cnt / 2, range[0]);
    else if (rerun_cnt < cnt / 16)
        k->chunk_cnt = HD_MIN(k->chunk_cnt * 4, range[1]);
    /* A chunk longer than all before it pays for memory that the others will find. */
    int is_cold = cnt > k->warm_cnt;
    k->warm_cnt = HD_MAX(k->warm_cnt, cnt);
    if (o->seq->flags & HD_ORDERED_NEVER_SERIAL || is_cold)
        return err;
    double loss_ns = chunk_loss_ns(o, gas, ns);
    if (loss_ns > 0) {
        k->serial_cnt = serial_after(o, cnt, gas, loss_ns);
        if (k->serial_factor > SERIAL_FACTOR_MIN)
            k->chunk_cnt = range[0]; /* the next attempt shall not cost much */
        k->serial_factor = HD_MIN(k->serial_factor * 4, SERIAL_FACTOR_MAX);
    } else {
        k->serial_factor = SERIAL_FACTOR_MIN;
    }
    return err;
}

/* range: the shortest and the longest chunk. */
static hd_err run_all(ordered *o, const uint32_t range[2]) {
    uint32_t at = 0, end = o->seq->tx_cnt;
    int may_be_serial = !(o->seq->flags & HD_ORDERED_NEVER_SERIAL);
    kept *k = o->k;
    hd_err err = HD_OK;
    if (may_be_serial && range[1] == 1)
        return run_serial(o, 0, end);
    k->chunk_cnt = HD_MIN(HD_MAX(k->chunk_cnt, range[0]), range[1]);
    while (err == HD_OK && at < end) {
        uint32_t cnt = 0;
        if (may_be_serial && k->serial_cnt) {
            cnt = HD_MIN(k->serial_cnt, end - at);
            k->serial_cnt -= cnt;
        } else if (may_be_serial && (!k->alone_gas || k->probed_cnt >= PROBE_CHUNKS)) {
            cnt = HD_MIN(PROBE_CNT, end - at);
            k->probed_cnt = 0;
        } else if (may_be_serial && end - at < CHUNK_WORTH) {
            cnt = end - at;
        }
        if (cnt) {
            err = run_serial(o, at, at + cnt);
            at += cnt;
            if (!k->is_warm)
                k->alone_gas = k->alone_ns = 0;
            k->is_warm = 1;
        } else {
            err = run_priced_chunk(o, &at, range);
        }
    }
    return err;
}

hd_err hd_exec_ordered(hd_exec *x, hd_state *s, const hd_sequence *seq, hd_ordered_stats *stats) {
    hd_ordered_stats own_stats;
    ordered o;
    uint64_t begin_ns = hd_clock_ns();
    memset(&o, 0, sizeof(o));
    o.stats = stats ? stats : &own_stats;
    memset(o.stats, 0, sizeof(*o.stats));
    hd_err err = kept_open(&o.k, x);
    if (err != HD_OK)
        return err;
    o.x = x;
    o.s = s;
    o.seq = seq;
    hd_state_world(&o.world, s);
    int is_cuda = hd_exec_backend(x) == HD_BACKEND_CUDA && !o.k->is_device_lost;
    uint32_t thread_cnt = hd_pool_thread_cnt(host_pool(&o));
    uint32_t chunk_max = is_cuda ? CHUNK_CUDA : HD_MIN(CHUNK_THREAD * thread_cnt, CHUNK_HOST);
    if (!is_cuda)
        chunk_max = HD_MAX(chunk_max, CHUNK_HOST_MIN);
    chunk_max = HD_MIN(seq->chunk_cnt ? seq->chunk_cnt : chunk_max, HD_ORDERED_CHUNK_MAX);
    /* One thread gains nothing by running ahead. */
    if (!is_cuda && thread_cnt == 1 && !(seq->flags & HD_ORDERED_NEVER_SERIAL))
        chunk_max = 1;
    uint32_t range[2] = {HD_MIN(is_cuda ? CHUNK_MIN_CUDA : CHUNK_MIN_HOST, chunk_max), chunk_max};
    if (seq->flags & HD_ORDERED_NEVER_SERIAL)
        o.k->chunk_cnt = chunk_max; /* what is measured and tested does not hang on the past */
    else if (!o.k->chunk_cnt)
        o.k->chunk_cnt = is_cuda ? chunk_max : CHUNK_FIRST_HOST;
    err = run_all(&o, range);
    o.stats->total_ns = hd_clock_ns() - begin_ns;
    return err;
}
