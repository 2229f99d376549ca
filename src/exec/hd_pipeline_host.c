/* hd_pipeline_host.c - the pipeline's backend in the host's memory: the same lane functions in
   loops over threads, so that a machine without a GPU proves the algorithm. */
#include "exec/hd_pipe_engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_threads.h"
#include "state/hd_forest_host.h"

#define LOOP_MIN 512u /* lanes of a phase worth a loop over threads */

typedef struct {
    hd_exec *exec;
    hd_recover *recover;
    hd_forest_host *forest;
    hd_results results;
    hd_forest_account_change *account_changes;
    hd_forest_slot_change *slot_changes;
    size_t account_cap, slot_cap, account_cnt, slot_cnt;
} host;

static void host_close(void *ctx) {
    host *h = ctx;
    hd_recover_close(h->recover);
    hd_forest_close(h->forest);
    hd_results_free(&h->results);
    hd_exec_close(h->exec);
    free(h->account_changes);
    free(h->slot_changes);
    free(h);
}

static hd_err host_alloc(void *ctx, void **out, size_t sz) {
    (void)ctx;
    *out = malloc(sz ? sz : 1);
    return *out ? HD_OK : HD_ERR_NOMEM;
}

static void host_release(void *ctx, void *p) {
    (void)ctx;
    free(p);
}

static hd_err host_move(void *ctx, void *dst, const void *src, size_t sz) {
    (void)ctx;
    if (sz)
        memcpy(dst, src, sz);
    return HD_OK;
}

static hd_err host_zero(void *ctx, void *p, size_t sz) {
    (void)ctx;
    if (sz)
        memset(p, 0, sz);
    return HD_OK;
}

static void host_select_stream(void *ctx, uint32_t which) {
    (void)ctx;
    (void)which;
}

static hd_err host_wait(void *ctx) {
    (void)ctx;
    return HD_OK;
}

static hd_err host_mark(void *ctx, uint32_t idx) {
    (void)ctx;
    (void)idx;
    return HD_OK;
}

typedef struct {
    const hd_pipe *p;
    uint32_t phase;
} loop;

static hd_err loop_part(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const loop *l = ctx;
    const hd_pipe *p = l->p;
    (void)worker_idx;
    for (uint32_t i = (uint32_t)begin; i < end; i++)
        switch (l->phase) {
#define HD_X(name, call) \
    case HD_PIPE_##name: call; break;
            HD_PIPE_PHASES(HD_X)
#undef HD_X
        default: return HD_ERR_UNSUPPORTED;
        }
    return HD_OK;
}

static hd_err host_run(void *ctx, uint32_t phase, const hd_pipe *p, uint32_t cnt) {
    host *h = ctx;
    loop l = {p, phase};
    return hd_pool_for(cnt < LOOP_MIN ? NULL : hd_exec_pool(h->exec), cnt, 0, loop_part, &l);
}

static hd_err host_sum32(void *ctx, uint32_t *x, uint32_t cnt) {
    uint32_t sum = 0;
    (void)ctx;
    for (uint32_t i = 0; i < cnt; i++) {
        uint32_t add = x[i];
        x[i] = sum;
        sum += add;
    }
    return HD_OK;
}

static hd_err host_sum64(void *ctx, uint64_t *x, uint32_t cnt) {
    uint64_t sum = 0;
    (void)ctx;
    for (uint32_t i = 0; i < cnt; i++) {
        uint64_t add = x[i];
        x[i] = sum;
        sum += add;
    }
    return HD_OK;
}

static hd_err host_scan_folds(void *ctx, hd_pipe_fold *x, uint32_t cnt) {
    (void)ctx;
    for (uint32_t i = 1; i < cnt; i++)
        x[i] = hd_pipe_fold_join(&x[i - 1], &x[i]);
    return HD_OK;
}

static hd_err host_scan_wipes(void *ctx, uint64_t *x, uint32_t cnt) {
    (void)ctx;
    for (uint32_t i = 1; i < cnt; i++)
        x[i] = hd_pipe_wipe_join(x[i - 1], x[i]);
    return HD_OK;
}

static hd_err host_scan_sums(void *ctx, hd_pipe_sum *x, uint32_t cnt) {
    (void)ctx;
    for (uint32_t i = 1; i < cnt; i++)
        x[i] = hd_pipe_sum_join(&x[i - 1], &x[i]);
    return HD_OK;
}

/* By bytes, the least significant first, between the two pairs of arrays: eight passes end where
   they began, so a copy brings the result to its place. */
static hd_err host_sort(void *ctx, const hd_pipe_set *s) {
    uint64_t *hash = s->hash, *entry = s->entry, *hash_to = s->hash_by, *entry_to = s->entry_by;
    (void)ctx;
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        size_t at[257] = {0};
        for (uint32_t i = 0; i < s->entry_cnt; i++)
            at[1 + (hash[i] >> shift & 255)]++;
        for (uint32_t i = 0; i < 256; i++)
            at[i + 1] += at[i];
        for (uint32_t i = 0; i < s->entry_cnt; i++) {
            size_t to = at[hash[i] >> shift & 255]++;
            hash_to[to] = hash[i];
            entry_to[to] = entry[i];
        }
        uint64_t *swap = hash;
        hash = hash_to;
        hash_to = swap;
        swap = entry;
        entry = entry_to;
        entry_to = swap;
    }
    if (s->entry_cnt) {
        memcpy(s->hash_by, s->hash, (size_t)s->entry_cnt * 8);
        memcpy(s->entry_by, s->entry, (size_t)s->entry_cnt * 8);
    }
    return HD_OK;
}

static hd_err host_select(void *ctx, uint32_t *list, uint32_t *cnt, const uint32_t *flags,
                          uint32_t flag_cnt) {
    (void)ctx;
    *cnt = 0;
    for (uint32_t i = 0; i < flag_cnt; i++)
        if (flags[i])
            list[(*cnt)++] = i;
    return HD_OK;
}

static hd_err host_recover(void *ctx, hd_recover_result *out, const hd_recover_item *items,
                           uint32_t cnt) {
    return hd_recover_run(((host *)ctx)->recover, out, items, cnt);
}

static hd_err host_execute(void *ctx, hd_pipe *p, const uint32_t *list, uint32_t cnt,
                           size_t data_sz, const hd_pipeline_block *block,
                           const hd_world_supply *supply) {
    host *h = ctx;
    hd_batch batch = {.worlds = &p->world,
                      .envs = p->env,
                      .txs = p->txs,
                      .data = p->raw,
                      .data_sz = data_sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = p->tx_cnt,
                      .flags = HD_BATCH_READS | (list ? HD_BATCH_KEEP : HD_BATCH_ASSUMED) |
                               (p->is_tagged ? HD_BATCH_TAGGED : 0),
                      .blockhash = block->blockhash,
                      .blockhash_ctx = block->blockhash_ctx,
                      .list = list,
                      .list_cnt = list ? cnt : 0,
                      .versions = p->versions,
                      .supply = supply};
    hd_err err = hd_exec_run(h->exec, &h->results, &batch);
    p->receipts = h->results.receipts;
    p->accounts = h->results.accounts;
    p->reads = h->results.reads;
    p->slots = h->results.slots;
    p->slot_reads = h->results.slot_reads;
    p->logs = h->results.logs;
    p->bytes = h->results.bytes;
    return err;
}

static hd_err host_forest_reset(void *ctx) {
    host *h = ctx;
    hd_forest_close(h->forest);
    h->forest = NULL;
    return hd_forest_open(&h->forest, hd_exec_pool(h->exec), NULL);
}

static hd_err host_changes(void *ctx, hd_forest_account_change **accounts,
                           hd_forest_slot_change **slots, size_t account_cnt, size_t slot_cnt) {
    host *h = ctx;
    if (account_cnt > h->account_cap) {
        free(h->account_changes);
        h->account_cap = 0;
        h->account_changes = malloc(account_cnt * sizeof(*h->account_changes));
        if (!h->account_changes)
            return HD_ERR_NOMEM;
        h->account_cap = account_cnt;
    }
    if (slot_cnt > h->slot_cap) {
        free(h->slot_changes);
        h->slot_cap = 0;
        h->slot_changes = malloc(slot_cnt * sizeof(*h->slot_changes));
        if (!h->slot_changes)
            return HD_ERR_NOMEM;
        h->slot_cap = slot_cnt;
    }
    *accounts = h->account_changes;
    *slots = h->slot_changes;
    h->account_cnt = account_cnt;
    h->slot_cnt = slot_cnt;
    return HD_OK;
}

static hd_err host_root(void *ctx, hd_hash *root) {
    host *h = ctx;
    return hd_forest_apply(root, h->forest, h->account_changes, h->account_cnt, h->slot_changes,
                           h->slot_cnt);
}

static const hd_pipe_engine host_engine = {.close = host_close,
                                           .select_stream = host_select_stream,
                                           .alloc = host_alloc,
                                           .release = host_release,
                                           .up = host_move,
                                           .down = host_move,
                                           .down_begin = host_move,
                                           .down_end = host_wait,
                                           .move = host_move,
                                           .zero = host_zero,
                                           .wait = host_wait,
                                           .mark = host_mark,
                                           .meet = host_mark,
                                           .pin = host_alloc,
                                           .unpin = host_release,
                                           .run = host_run,
                                           .sum32 = host_sum32,
                                           .sum64 = host_sum64,
                                           .scan_folds = host_scan_folds,
                                           .scan_wipes = host_scan_wipes,
                                           .scan_sums = host_scan_sums,
                                           .sort = host_sort,
                                           .select = host_select,
                                           .recover = host_recover,
                                           .execute = host_execute,
                                           .forest_reset = host_forest_reset,
                                           .changes = host_changes,
                                           .root = host_root};

hd_err hd_pipe_host_open(const hd_pipe_engine **engine, void **ctx, uint32_t threads) {
    host *h = calloc(1, sizeof(*h));
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = threads};
    if (!h)
        return HD_ERR_NOMEM;
    hd_err err = hd_exec_open(&h->exec, &options);
    if (err == HD_OK)
        err = hd_recover_open(&h->recover, HD_RECOVER_HOST, hd_exec_pool(h->exec));
    if (err == HD_OK)
        err = host_forest_reset(h);
    if (err != HD_OK) {
        host_close(h);
        return err;
    }
    *engine = &host_engine;
    *ctx = h;
    return HD_OK;
}
