/* hd_forest_host.c - a batch of changes through the phases of hd_forest.h, on a pool of threads. */
#include "state/hd_forest_host.h"

#include <stdlib.h>
#include <string.h>

#include "state/hd_forest_internal.h"

/* Below this many lanes a loop is not worth waking threads for. */
#define LANES_SERIAL_MAX 64u
#define CAP_MIN 64u

/* ---- memory ---- */

static size_t slab_elem_sz(uint32_t slab) {
    return slab == HD_FOREST_BRANCHES ? sizeof(hd_forest_branch)
           : slab == HD_FOREST_LEAVES ? sizeof(hd_forest_leaf)
                                      : sizeof(hd_forest_trie);
}

static void **slab_array(hd_forest *f, uint32_t slab) {
    return slab == HD_FOREST_BRANCHES ? (void **)&f->branches
           : slab == HD_FOREST_LEAVES ? (void **)&f->leaves
                                      : (void **)&f->tries;
}

static hd_err array_resize(void **p, uint64_t cnt, size_t elem_sz) {
    void *q = realloc(*p, (size_t)cnt * elem_sz);
    if (!q)
        return HD_ERR_NOMEM;
    *p = q;
    return HD_OK;
}

static hd_err array_room(void **p, uint32_t *cap, uint64_t cnt, size_t elem_sz) {
    if (cnt <= *cap)
        return HD_OK;
    uint64_t next = HD_MAX(*cap, CAP_MIN);
    while (next < cnt)
        next *= 2;
    if (next > UINT32_MAX)
        return HD_ERR_LIMIT;
    hd_err err = array_resize(p, next, elem_sz);
    if (err == HD_OK)
        *cap = (uint32_t)next;
    return err;
}

hd_err hd_forest_room(hd_forest_host *h, uint32_t slab, uint64_t cnt) {
    uint64_t need = (uint64_t)h->n.top[slab] + h->spare[slab] + cnt;
    if (need <= h->cap[slab] + (uint64_t)h->n.free_cnt[slab])
        return HD_OK;
    need -= h->n.free_cnt[slab];
    uint64_t next = HD_MAX(h->cap[slab], CAP_MIN);
    while (next < need)
        next *= 2;
    if (next > (uint64_t)HD_FOREST_INDEX_MAX + 1)
        next = (uint64_t)HD_FOREST_INDEX_MAX + 1;
    if (next < need)
        return HD_ERR_LIMIT;
    hd_err err = array_resize((void **)&h->f.frees[slab], next, sizeof(uint32_t));
    if (err == HD_OK)
        err = array_resize(slab_array(&h->f, slab), next, slab_elem_sz(slab));
    if (err == HD_OK && slab == HD_FOREST_BRANCHES) {
        static const uint32_t by_branch[] = {HD_FOREST_DIRTY, HD_FOREST_ORDERED, HD_FOREST_SWEEP,
                                             HD_FOREST_SWEEP_NEXT};
        for (size_t k = 0; k < sizeof by_branch / sizeof by_branch[0] && err == HD_OK; k++)
            err = array_room((void **)&h->f.lists[by_branch[k]], &h->list_cap[by_branch[k]], next,
                             sizeof(uint32_t));
    }
    if (err == HD_OK)
        h->cap[slab] = (uint32_t)next;
    return err;
}

/* Lists for a batch of cnt changes. What each change can push, at most: TOUCHED one where it is
   written, two where it is inserted, three where it is removed (the account of a trie that became
   empty, and two branches that shrink: for each removed leaf its own and one that it emptied). */
static hd_err batch_room(hd_forest_host *h, uint64_t cnt) {
    static const struct {
        uint32_t list, factor;
    } wanted[] = {{HD_FOREST_TOUCHED, 3},        {HD_FOREST_REMOVED, 1},
                  {HD_FOREST_SHRINKING, 2},      {HD_FOREST_SLOT_LEAVES, 3},
                  {HD_FOREST_ACCOUNT_LEAVES, 3}, {HD_FOREST_PENDING, 1},
                  {HD_FOREST_PENDING_NEXT, 1}};
    hd_err err = HD_OK;
    for (size_t k = 0; k < sizeof wanted / sizeof wanted[0] && err == HD_OK; k++) {
        uint32_t l = wanted[k].list;
        err = array_room((void **)&h->f.lists[l], &h->list_cap[l], wanted[k].factor * cnt,
                         sizeof(uint32_t));
    }
    if (err == HD_OK)
        err = array_room((void **)&h->f.at, &h->at_cap, cnt, sizeof *h->f.at);
    if (err == HD_OK)
        err = array_room((void **)&h->at2, &h->at2_cap, cnt, sizeof *h->at2);
    if (err == HD_OK && h->is_stored) /* one for each change that waits, or each shrinking branch */
        err = array_room((void **)&h->f.needs, &h->need_cap, 2 * cnt, sizeof *h->f.needs);
    return err;
}

hd_err hd_forest_open(hd_forest_host **out, hd_pool *pool, const hd_forest_source *source) {
    *out = NULL;
    hd_forest_host *h = (hd_forest_host *)calloc(1, sizeof *h);
    if (!h)
        return HD_ERR_NOMEM;
    h->pool = pool;
    h->f.n = &h->n;
    hd_buf_init(&h->node);
    if (source) {
        h->source = *source;
        h->is_stored = h->is_kept = 1;
    }
    hd_err err = HD_OK;
    for (uint32_t k = 0; k < HD_FOREST_SLABS && err == HD_OK; k++) {
        err = hd_forest_room(h, k, CAP_MIN);
        h->n.top[k] = 1; /* index 0 is none, and the account trie */
    }
    if (err == HD_OK)
        err = batch_room(h, 1); /* reads need a list to ask with */
    if (err != HD_OK) {
        hd_forest_close(h);
        return err;
    }
    hd_forest_trie *t = &h->f.tries[0];
    memset(t, 0, sizeof *t);
    t->root = hd_forest_empty_root();
    if (source && memcmp(&t->root, &source->root, sizeof t->root) != 0) {
        memcpy(&t->root, &source->root, sizeof t->root);
        t->root_ref = HD_FOREST_STUB;
    }
    *out = h;
    return HD_OK;
}

void hd_forest_close(hd_forest_host *h) {
    if (!h)
        return;
    free(h->f.branches);
    free(h->f.leaves);
    free(h->f.tries);
    for (uint32_t k = 0; k < HD_FOREST_SLABS; k++)
        free(h->f.frees[k]);
    for (uint32_t k = 0; k < HD_FOREST_LISTS; k++)
        free(h->f.lists[k]);
    free(h->f.gone);
    free(h->f.needs);
    free(h->f.at);
    free(h->at2);
    free(h->wiped);
    hd_buf_free(&h->node);
    free(h);
}

void hd_forest_keep_changes(hd_forest_host *h, int is_kept) { h->is_kept = is_kept; }

/* ---- lanes over the pool ---- */

typedef struct {
    hd_forest *f;
    uint32_t *at2;
    const uint32_t *list;
    uint32_t depth;
} lanes;

#define LANES(name, call) \
    static hd_err name(void *ctx, size_t begin, size_t end, uint32_t worker_idx) { \
        const lanes *x = (const lanes *)ctx; \
        (void)worker_idx; \
        for (uint32_t i = (uint32_t)begin; i < end; i++) \
            call; \
        return HD_OK; \
    }

LANES(run_find_account, hd_forest_find_account(x->f, i))
LANES(run_find_slot, hd_forest_find_slot(x->f, i))
LANES(run_write_account, hd_forest_write_account(x->f, i))
LANES(run_write_slot, hd_forest_write_slot(x->f, i))
LANES(run_remove, hd_forest_remove(x->f, i))
LANES(run_shrink, hd_forest_shrink(x->f, i, x->depth))
LANES(run_sweep, hd_forest_sweep(x->f, i))
LANES(run_claim, hd_forest_claim(x->f, i))
LANES(run_insert, hd_forest_insert(x->f, x->at2, i))
LANES(run_climb, hd_forest_climb(x->f, i))
LANES(run_order, hd_forest_order(x->f, i))

static hd_err run_hash_leaves(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const lanes *x = (const lanes *)ctx;
    (void)worker_idx;
    hd_forest_hash_leaves(x->f, x->list + begin, end - begin);
    return HD_OK;
}

static hd_err run_hash_branches(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    const lanes *x = (const lanes *)ctx;
    (void)worker_idx;
    hd_forest_hash_branches(x->f, x->list + begin, end - begin);
    return HD_OK;
}

/* Lanes report what is wrong in n.wrong, so that a loop itself never fails. */
static void run(hd_forest_host *h, hd_pool_fn *fn, size_t cnt, const uint32_t *list) {
    lanes x = {&h->f, h->at2, list, 0};
    (void)hd_pool_for(cnt < LANES_SERIAL_MAX ? NULL : h->pool, cnt, 0, fn, &x);
}

/* ---- phases ---- */

static hd_err find_all(hd_forest_host *h) {
    hd_forest *f = &h->f;
    /* Each round reads the next stub on each way down. */
    for (uint32_t k = 0; k < HD_FOREST_STEPS_MAX; k++) {
        run(h, run_find_account, f->account_cnt, NULL);
        if (!h->n.need_cnt || h->n.wrong)
            break;
        hd_err err = hd_forest_read_needs(h);
        if (err != HD_OK)
            return err;
    }
    for (uint32_t k = 0; k < HD_FOREST_STEPS_MAX && !h->n.wrong; k++) {
        run(h, run_find_slot, f->slot_cnt, NULL);
        if (!h->n.need_cnt)
            break;
        hd_err err = hd_forest_read_needs(h);
        if (err != HD_OK)
            return err;
    }
    if (h->n.need_cnt) {
        hd_forest_drop_needs(h);
        return h->n.wrong == HD_FOREST_BAD_CHANGE ? HD_ERR_FORMAT : HD_ERR_CORRUPT;
    }
    return h->n.wrong & HD_FOREST_DAMAGED ? HD_ERR_CORRUPT : h->n.wrong ? HD_ERR_FORMAT : HD_OK;
}

static hd_err remove_all(hd_forest_host *h) {
    uint32_t *cnt = h->n.list_cnt;
    run(h, run_remove, cnt[HD_FOREST_REMOVED], NULL);
    for (uint32_t depth = HD_FOREST_DEPTH_CNT; depth-- > 0;) {
        /* A second time where a branch's last child had to be read. */
        for (uint32_t k = 0; k < 2 && h->n.shrink_cnt[depth]; k++) {
            lanes x = {&h->f, NULL, NULL, depth};
            uint32_t lane_cnt = cnt[HD_FOREST_SHRINKING];
            (void)hd_pool_for(lane_cnt < LANES_SERIAL_MAX ? NULL : h->pool, lane_cnt, 0, run_shrink,
                              &x);
            hd_err err = hd_forest_read_needs(h);
            if (err != HD_OK)
                return err;
        }
        if (h->n.shrink_cnt[depth])
            return HD_ERR_CORRUPT;
    }
    while (cnt[HD_FOREST_SWEEP]) { /* each round is a level nearer to the leaves */
        run(h, run_sweep, cnt[HD_FOREST_SWEEP], NULL);
        uint32_t *list = h->f.lists[HD_FOREST_SWEEP];
        h->f.lists[HD_FOREST_SWEEP] = h->f.lists[HD_FOREST_SWEEP_NEXT];
        h->f.lists[HD_FOREST_SWEEP_NEXT] = list;
        cnt[HD_FOREST_SWEEP] = cnt[HD_FOREST_SWEEP_NEXT];
        cnt[HD_FOREST_SWEEP_NEXT] = 0;
    }
    return HD_OK;
}

static hd_err insert_all(hd_forest_host *h) {
    uint32_t *cnt = h->n.list_cnt;
    memset(h->f.at, 0, cnt[HD_FOREST_PENDING] * sizeof *h->f.at);
    for (uint32_t k = 0; k < HD_FOREST_STEPS_MAX && cnt[HD_FOREST_PENDING]; k++) {
        run(h, run_claim, cnt[HD_FOREST_PENDING], NULL);
        if (h->n.wrong)
            return HD_ERR_CORRUPT;
        run(h, run_insert, cnt[HD_FOREST_PENDING], NULL);
        hd_forest_settle(&h->n);
        uint32_t *list = h->f.lists[HD_FOREST_PENDING], *at = h->f.at;
        h->f.lists[HD_FOREST_PENDING] = h->f.lists[HD_FOREST_PENDING_NEXT];
        h->f.lists[HD_FOREST_PENDING_NEXT] = list;
        h->f.at = h->at2;
        h->at2 = at;
        cnt[HD_FOREST_PENDING] = cnt[HD_FOREST_PENDING_NEXT];
        cnt[HD_FOREST_PENDING_NEXT] = 0;
    }
    return cnt[HD_FOREST_PENDING] ? HD_ERR_CORRUPT : HD_OK;
}

static hd_err hash_all(hd_forest_host *h) {
    const uint32_t *cnt = h->n.list_cnt;
    run(h, run_climb, cnt[HD_FOREST_TOUCHED], NULL);
    if (h->n.wrong)
        return HD_ERR_CORRUPT;
    hd_forest_order_start(&h->f);
    run(h, run_order, cnt[HD_FOREST_DIRTY], NULL);
    run(h, run_hash_leaves, cnt[HD_FOREST_SLOT_LEAVES], h->f.lists[HD_FOREST_SLOT_LEAVES]);
    for (uint32_t k = 0; k < HD_FOREST_BUCKETS; k++) {
        if (k == HD_FOREST_DEPTH_CNT) /* all storage roots are there */
            run(h, run_hash_leaves, cnt[HD_FOREST_ACCOUNT_LEAVES],
                h->f.lists[HD_FOREST_ACCOUNT_LEAVES]);
        uint32_t bucket_cnt = h->n.bucket_cnt[k];
        run(h, run_hash_branches, bucket_cnt,
            h->f.lists[HD_FOREST_ORDERED] + (h->n.bucket_off[k] - bucket_cnt));
    }
    return HD_OK;
}

static void batch_reset(hd_forest_host *h) {
    memset(h->n.list_cnt, 0, sizeof h->n.list_cnt);
    memset(h->n.shrink_cnt, 0, sizeof h->n.shrink_cnt);
    memset(h->n.bucket_cnt, 0, sizeof h->n.bucket_cnt);
    memset(h->n.bucket_off, 0, sizeof h->n.bucket_off);
    h->n.gone_cnt = h->n.need_cnt = h->n.wrong = 0;
    h->wiped_cnt = 0;
}

/* A removed leaf leaves one place; each shrinking branch, of which there are at most two for a
   removed leaf, three; an inserted leaf one. */
static hd_err keep_room(hd_forest_host *h, uint64_t cnt) {
    h->was_kept = h->is_kept;
    free(h->f.gone);
    h->f.gone = NULL;
    if (!h->is_kept)
        return HD_OK;
    h->f.gone = (hd_forest_gone *)malloc((size_t)(7 * cnt + 1) * sizeof *h->f.gone);
    if (!h->f.gone)
        return HD_ERR_NOMEM;
    size_t wiped_cnt = 0;
    for (uint32_t i = 0; i < h->f.account_cnt; i++)
        wiped_cnt += (h->f.accounts[i].flags & (HD_FOREST_DELETE | HD_FOREST_WIPE)) != 0;
    hd_err err = array_room((void **)&h->wiped, &h->wiped_cap, wiped_cnt, sizeof *h->wiped);
    for (uint32_t i = 0; i < h->f.account_cnt && err == HD_OK; i++)
        if (h->f.accounts[i].flags & (HD_FOREST_DELETE | HD_FOREST_WIPE))
            h->wiped[h->wiped_cnt++] = h->f.accounts[i].key;
    return err;
}

hd_err hd_forest_apply(hd_hash *root, hd_forest_host *h, hd_forest_account_change *accounts,
                       size_t account_cnt, hd_forest_slot_change *slots, size_t slot_cnt) {
    uint64_t cnt = (uint64_t)account_cnt + slot_cnt;
    if (h->is_broken)
        return HD_ERR_CORRUPT;
    if (account_cnt > HD_FOREST_INDEX_MAX || slot_cnt > HD_FOREST_INDEX_MAX)
        return HD_ERR_LIMIT;
    batch_reset(h);
    h->f.accounts = accounts;
    h->f.account_cnt = (uint32_t)account_cnt;
    h->f.slots = slots;
    h->f.slot_cnt = (uint32_t)slot_cnt;
    hd_err err = batch_room(h, cnt);
    if (err == HD_OK)
        err = keep_room(h, cnt);
    if (err == HD_OK)
        err = find_all(h);
    for (uint32_t k = 0; k < HD_FOREST_SLABS && err == HD_OK; k++) {
        /* Each insertion takes a leaf and at most one branch; what is read while branches shrink
           comes on top (at most one node for each, and the branch below an extension). */
        uint64_t need = k == HD_FOREST_TRIES ? account_cnt : cnt;
        err = hd_forest_room(h, k, need);
        if (err == HD_OK)
            h->spare[k] = (uint32_t)need;
    }
    if (err == HD_OK) {
        run(h, run_write_account, account_cnt, NULL);
        run(h, run_write_slot, slot_cnt, NULL);
        hd_forest_settle(&h->n);
        err = remove_all(h);
        if (err == HD_OK)
            err = insert_all(h);
        if (err == HD_OK)
            err = hash_all(h);
        h->is_broken = err != HD_OK;
    }
    memset(h->spare, 0, sizeof h->spare);
    h->f.accounts = NULL;
    h->f.slots = NULL;
    if (err != HD_OK) {
        batch_reset(h);
        h->was_kept = 0;
        return err;
    }
    hd_forest_root(root, h);
    return HD_OK;
}

void hd_forest_root(hd_hash *root, const hd_forest_host *h) {
    memcpy(root, &h->f.tries[0].root, sizeof *root);
}

void hd_forest_count(hd_forest_stats *out, const hd_forest_host *h) {
    uint64_t cnt[HD_FOREST_SLABS];
    out->memory_sz = sizeof *h;
    for (uint32_t k = 0; k < HD_FOREST_SLABS; k++) {
        cnt[k] = (uint64_t)h->n.top[k] - h->n.free_cnt[k] - 1;
        out->memory_sz += (uint64_t)h->cap[k] * (slab_elem_sz(k) + sizeof(uint32_t));
    }
    for (uint32_t k = 0; k < HD_FOREST_LISTS; k++)
        out->memory_sz += (uint64_t)h->list_cap[k] * sizeof(uint32_t);
    out->branch_cnt = cnt[HD_FOREST_BRANCHES];
    out->leaf_cnt = cnt[HD_FOREST_LEAVES];
    out->trie_cnt = cnt[HD_FOREST_TRIES] + 1;
}
