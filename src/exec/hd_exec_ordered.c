/* hd_exec_ordered.c - chunks at once, validation by value in order, the rest again alone. */
#include "exec/hd_exec_ordered.h"

#include <string.h>

#include "base/hd_clock.h"

#define CHUNK_HOST 8192u
#define CHUNK_CUDA 65536u
/* The shortest chunk worth its launch. */
#define CHUNK_MIN_HOST 256u
#define CHUNK_MIN_CUDA 8192u
/* Transactions that run alone first, so that there is a serial price to compare chunks with. */
#define PROBE_CNT 32u
/* After a chunk that was dearer than serial execution this many transactions run alone, and twice
   as many each time in a row. Chunks are then tried again: with 256 in 16,384 a sequence in which
   everything conflicts loses at most a few percent. */
#define SERIAL_MIN 1024u
#define SERIAL_MAX 16384u
#define PRICE_GAS_MAX (1ull << 26)

typedef struct {
    hd_exec *x;
    hd_exec *alone; /* host, one thread */
    hd_state *s;
    const hd_sequence *seq;
    hd_ordered_stats *stats;
    hd_results chunk; /* of the present chunk */
    hd_results one;   /* of a transaction that ran alone */
    hd_world world;   /* view of s, renewed after each change */
    uint64_t block_gas_used;
    uint64_t block_blob_cnt;
    uint32_t env_idx; /* of the present block */
    uint32_t is_begun;
    uint32_t is_code_changed; /* since the present chunk ran */
    uint32_t reserved;
    /* What transactions cost that ran alone, for the choice between chunks and serial. */
    uint64_t alone_gas, alone_ns;
} ordered;

/* ---- reading the state's tables: as hd_state_get does, but each account is looked up once for
   itself and its slots */

static const hd_world_account *world_account(const hd_world *w, const hd_address *wire) {
    uint32_t addr[5];
    hd_addr_from_wire(addr, wire);
    uint32_t i = hd_world_account_hash(w->seed, addr) & w->account_mask;
    for (; w->account_table[i]; i = (i + 1) & w->account_mask) {
        const hd_world_account *a = &w->accounts[w->account_table[i] - 1];
        if (memcmp(a->addr, addr, sizeof(addr)) == 0)
            return a->flags & HD_ACCOUNT_EXISTS ? a : NULL;
    }
    return NULL;
}

static hd_u256 world_slot(const hd_world *w, const hd_world_account *a, hd_u256 key) {
    uint32_t account_idx = (uint32_t)(a - w->accounts);
    uint32_t i = hd_world_slot_hash(w->seed, account_idx, key) & w->slot_mask;
    for (; w->slots[i].account_ref; i = (i + 1) & w->slot_mask) {
        const hd_world_slot *t = &w->slots[i];
        if (t->account_ref == account_idx + 1 && t->incarnation == a->incarnation &&
            memcmp(&t->key, &key, sizeof(key)) == 0)
            return t->value;
    }
    return hd_u256_zero();
}

/* ---- validation */

/* Whether an account is as the transaction saw it. Whether it has storage (EIP-7610) needs no look:
   what has storage has code or a nonce, or an address that no second creation can have. */
static int account_holds(const ordered *o, const hd_account_diff *d, const hd_world_account *a) {
    if ((a != NULL) != ((d->flags & HD_DIFF_EXISTED) != 0))
        return 0;
    if (!a)
        return 1;
    if (a->nonce != d->original_nonce || !hd_u256_is_equal(a->balance_wei, d->original_balance_wei))
        return 0;
    /* The difference holds the code at the end. Where that is not the code that was read, the
       answer is only sure while no code has changed at all. */
    if (d->flags & (HD_DIFF_CODE | HD_DIFF_DELETED))
        return !o->is_code_changed;
    return memcmp(&o->world.codes[a->code_idx].hash, &d->code_hash, sizeof(d->code_hash)) == 0;
}

/* Accounts beyond this many are looked up again for each of their slots. */
#define ACCOUNT_KEEP_MAX 16u

static int reads_hold(const ordered *o, const hd_receipt *r) {
    const hd_world_account *kept[ACCOUNT_KEEP_MAX];
    const hd_account_diff *accounts = o->chunk.accounts + r->account_off;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        const hd_world_account *a = world_account(&o->world, &accounts[i].addr);
        if (!account_holds(o, &accounts[i], a))
            return 0;
        if (i < ACCOUNT_KEEP_MAX)
            kept[i] = a;
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &o->chunk.slots[r->slot_off + i];
        if (d->account_idx >= r->account_cnt)
            return 0;
        const hd_world_account *a = d->account_idx < ACCOUNT_KEEP_MAX
                                        ? kept[d->account_idx]
                                        : world_account(&o->world, &accounts[d->account_idx].addr);
        hd_u256 now = a ? world_slot(&o->world, a, d->key) : hd_u256_zero();
        if (!hd_u256_is_equal(now, d->original))
            return 0;
    }
    return 1;
}

/* ---- one transaction at its turn */

/* Gives the receipt to the caller and the writes to the state. */
static hd_err commit(ordered *o, uint32_t tx_idx, const hd_receipt *r, const hd_results *from) {
    const hd_tx *tx = &o->seq->txs[tx_idx];
    const hd_env *env = &o->seq->envs[tx->env_idx];
    hd_err err = HD_OK;
    if (o->seq->receipt)
        err = o->seq->receipt(o->seq->receipt_ctx, tx_idx, r, from);
    if (err != HD_OK)
        return err;
    for (uint32_t i = 0; i < r->account_cnt; i++)
        if (from->accounts[r->account_off + i].flags &
            (HD_DIFF_CODE | HD_DIFF_DELETED | HD_DIFF_WIPED))
            o->is_code_changed = 1;
    err = hd_state_apply(o->s, r, from->accounts, from->slots, from->bytes, &env->coinbase,
                         env->fork);
    hd_state_world(&o->world, o->s);
    if (r->status >= HD_TX_INVALID) {
        o->stats->refused_cnt++;
        return err;
    }
    o->stats->failed_cnt += r->status != HD_TX_SUCCESS;
    o->stats->gas_used += r->gas_used;
    if (!(tx->flags & HD_TX_SKIP_CHECKS)) {
        o->block_gas_used += r->gas_used;
        o->block_blob_cnt += tx->blob_cnt;
    }
    return err;
}

/* Runs the transaction against the present state. is_over: it asks for more than is left of the
   block. It will be refused, but other reasons come first; so it meets a block of what is left. */
static hd_err run_alone(ordered *o, uint32_t tx_idx, int is_over) {
    uint64_t begin_ns = hd_clock_ns();
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
                      .flags = o->seq->flags & HD_ORDERED_READS ? HD_BATCH_READS : 0,
                      .blockhash = o->seq->blockhash,
                      .blockhash_ctx = o->seq->blockhash_ctx};
    hd_err err = hd_exec_run(o->alone, &o->one, &batch);
    if (err != HD_OK)
        return err;
    const hd_receipt *r = o->one.receipts;
    if (r->status > HD_TX_HALT && r->status < HD_TX_INVALID)
        return HD_ERR_NOMEM;
    err = commit(o, tx_idx, r, &o->one);
    uint64_t ns = hd_clock_ns() - begin_ns;
    o->stats->rerun_ns += ns;
    o->alone_ns += ns;
    o->alone_gas += r->gas_used;
    return err;
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
    hd_err err = HD_OK;
    for (uint32_t i = begin; err == HD_OK && i < end; i++) {
        if (o->seq->txs[i].env_idx >= o->seq->env_cnt)
            return HD_ERR_LIMIT;
        err = run_alone(o, i, block_turn(o, &o->seq->txs[i]));
    }
    o->stats->serial_cnt += end - begin;
    return err;
}

/* ---- chunks */

static hd_err run_chunk(ordered *o, uint32_t begin, uint32_t cnt, uint32_t *rerun_cnt) {
    hd_batch batch = {.worlds = &o->world,
                      .envs = o->seq->envs,
                      .txs = o->seq->txs + begin,
                      .data = o->seq->data,
                      .data_sz = o->seq->data_sz,
                      .world_cnt = 1,
                      .env_cnt = o->seq->env_cnt,
                      .tx_cnt = cnt,
                      .flags = HD_BATCH_READS,
                      .work_max = o->seq->chunk_work_max,
                      .blockhash = o->seq->blockhash,
                      .blockhash_ctx = o->seq->blockhash_ctx};
    hd_err err = hd_exec_run(o->x, &o->chunk, &batch);
    o->stats->chunk_ns += o->chunk.total_ns;
    o->stats->kernel_ns += o->chunk.kernel_ns;
    o->stats->chunk_cnt++;
    o->stats->chunk_tx_cnt += cnt;
    o->is_code_changed = 0;
    *rerun_cnt = 0;
    for (uint32_t i = 0; err == HD_OK && i < cnt; i++) {
        const hd_receipt *r = &o->chunk.receipts[i];
        int is_over = block_turn(o, &o->seq->txs[begin + i]);
        /* A refused transaction exports nothing that could be validated; one that was given up has
           no result yet. */
        if (!is_over && r->status <= HD_TX_HALT && reads_hold(o, r)) {
            err = commit(o, begin + i, r, &o->chunk);
        } else {
            (*rerun_cnt)++;
            err = run_alone(o, begin + i, is_over);
        }
    }
    o->stats->rerun_cnt += *rerun_cnt;
    return err;
}

/* Whether a chunk of this price was dearer than serial execution is; compared by gas, since
   transactions differ. */
static int is_dear(const ordered *o, uint64_t chunk_gas, uint64_t chunk_ns) {
    return o->alone_gas &&
           (double)chunk_ns * (double)o->alone_gas > (double)o->alone_ns * (double)chunk_gas;
}

static hd_err run_all(ordered *o, uint32_t chunk_min, uint32_t chunk_max) {
    uint32_t at = 0, end = o->seq->tx_cnt, chunk = chunk_max, serial = SERIAL_MIN;
    int may_be_serial = !(o->seq->flags & HD_ORDERED_NEVER_SERIAL);
    hd_err err = HD_OK;
    if (may_be_serial) {
        at = chunk_max == 1 ? end : HD_MIN(end, PROBE_CNT);
        err = run_serial(o, 0, at);
    }
    while (err == HD_OK && at < end) {
        uint32_t rerun_cnt = 0, cnt = HD_MIN(chunk, end - at);
        uint64_t gas = o->stats->gas_used, ns = hd_clock_ns();
        err = run_chunk(o, at, cnt, &rerun_cnt);
        gas = o->stats->gas_used - gas;
        ns = hd_clock_ns() - ns;
        at += cnt;
        /* Conflicts within a chunk grow with its length: find the length that has few. */
        if (rerun_cnt > cnt / 4)
            chunk = HD_MAX(chunk / 2, chunk_min);
        else if (rerun_cnt < cnt / 16)
            chunk = HD_MIN(chunk * 2, chunk_max);
        if (err != HD_OK || !may_be_serial)
            continue;
        if (rerun_cnt > cnt / 2 || is_dear(o, gas, ns)) {
            cnt = HD_MIN(serial, end - at);
            err = run_serial(o, at, at + cnt);
            at += cnt;
            serial = HD_MIN(serial * 2, SERIAL_MAX);
            chunk = chunk_min; /* the next attempt shall not cost much */
        } else {
            serial = SERIAL_MIN;
        }
        /* Old prices fade behind new ones, or a change of load would never be seen. */
        if (o->alone_gas > PRICE_GAS_MAX) {
            o->alone_gas /= 2;
            o->alone_ns /= 2;
        }
    }
    return err;
}

hd_err hd_exec_ordered(hd_exec *x, hd_state *s, const hd_sequence *seq, hd_ordered_stats *stats) {
    hd_ordered_stats own_stats;
    ordered o;
    uint64_t begin_ns = hd_clock_ns();
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    memset(&o, 0, sizeof(o));
    o.stats = stats ? stats : &own_stats;
    memset(o.stats, 0, sizeof(*o.stats));
    hd_err err = hd_exec_open(&o.alone, &options);
    if (err != HD_OK)
        return err;
    o.x = x;
    o.s = s;
    o.seq = seq;
    hd_state_world(&o.world, s);
    int is_cuda = hd_exec_backend(x) == HD_BACKEND_CUDA;
    uint32_t chunk_max = seq->chunk_cnt ? seq->chunk_cnt : is_cuda ? CHUNK_CUDA : CHUNK_HOST;
    chunk_max = HD_MIN(chunk_max, HD_ORDERED_CHUNK_MAX);
    err = run_all(&o, HD_MIN(is_cuda ? CHUNK_MIN_CUDA : CHUNK_MIN_HOST, chunk_max), chunk_max);
    hd_results_free(&o.chunk);
    hd_results_free(&o.one);
    hd_exec_close(o.alone);
    o.stats->total_ns = hd_clock_ns() - begin_ns;
    return err;
}
