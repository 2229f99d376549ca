/* hd_bench_recover.c - signature recovery: how many addresses a second, checked by libsecp256k1. */
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_threads.h"
#include "cli/hd_bench.h"
#include "crypto/hd_recover.h"
#include "crypto/hd_secp256k1.h"

#define CNT_HOST 100000u
#define CNT_CUDA (1u << 20)
#define CHECK_ALL_MAX 100000u /* above it one item in CHECK_STEP is checked */
#define CHECK_STEP 16u

typedef struct {
    hd_recover_item *items;
    hd_recover_result *results;
    uint64_t seed;
    uint32_t cnt;
    uint32_t step;
    int is_half; /* every second item is left as it was drawn: half of these have no key */
} job;

/* A stream of numbers for each item, so that threads draw the same items in any order. */
static uint64_t next(uint64_t *x) {
    uint64_t z = *x += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static hd_u256 next_word(uint64_t *x) {
    uint64_t a = next(x), b = next(x), c = next(x), d = next(x);
    return hd_u256_make(a, b, c, d);
}

static int is_on_curve(const hd_u256 *r) {
    hd_f256 x = hd_f256_make(r->w[3], r->w[2], r->w[1], r->w[0]), y2, y, t;
    t = hd_f256_make(0, 0, 0, 7);
    hd_k1_sqr(&y2, &x);
    hd_k1_mul(&y2, &y2, &x);
    hd_k1_add(&y2, &y2, &t);
    hd_k1_sqrt(&y, &y2);
    hd_k1_sqr(&t, &y);
    hd_k1_sub(&t, &t, &y2);
    return hd_k1_is_zero(&t);
}

/* Any hash, any s and any r that is the x of a point are somebody's signature, spread as real ones
   are; none has to be signed for that. */
static hd_err draw(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_recover_item *it = &j->items[i];
        uint64_t x = (j->seed << 40) + ((uint64_t)i << 8);
        memset(it, 0, sizeof *it);
        x = next(&x);
        hd_u256_store_be(it->hash.b, next_word(&x));
        it->s = next_word(&x);
        it->parity = (uint32_t)next(&x) & 1;
        do {
            it->r = next_word(&x);
        } while (!(j->is_half && (i & 1)) && !is_on_curve(&it->r));
    }
    return HD_OK;
}

static hd_err check(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    job *j = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_recover_result want;
        size_t at = i * j->step;
        hd_err err = hd_recover_one(&want, &j->items[at]);
        if (err != HD_OK)
            return err;
        if (memcmp(&want, &j->results[at], sizeof want) != 0)
            return HD_ERR_CORRUPT;
    }
    return HD_OK;
}

static hd_err measure(hd_msg *msg, const hd_bench_options *o, hd_recover *rec, hd_pool *pool,
                      hd_bench_row *row, job *j) {
    hd_bench_sample samples[HD_BENCH_REPEAT_MAX];
    uint32_t ok_cnt = 0;
    hd_err err = hd_pool_for(pool, j->cnt, 0, draw, j);
    if (err == HD_OK)
        err = hd_recover_run(rec, j->results, j->items, j->cnt);
    if (err == HD_OK && o->is_checked) {
        j->step = j->cnt > CHECK_ALL_MAX ? CHECK_STEP : 1;
        err = hd_pool_for(pool, (j->cnt - 1) / j->step + 1, 0, check, j);
        if (err == HD_ERR_CORRUPT)
            hd_msg_set(msg, "recover: an address or status differs from libsecp256k1's");
    }
    for (uint32_t i = 0; err == HD_OK && i < j->cnt; i++)
        ok_cnt += j->results[i].status == HD_RECOVER_OK;
    if (err == HD_OK && !j->is_half && ok_cnt != j->cnt) {
        hd_msg_set(msg, "recover: %u of %u valid signatures were refused", j->cnt - ok_cnt, j->cnt);
        err = HD_ERR_CORRUPT;
    }
    for (uint64_t i = 0; err == HD_OK && i < o->repeat_cnt; i++) {
        uint64_t begin_ns = hd_clock_ns();
        err = hd_recover_run(rec, j->results, j->items, j->cnt);
        samples[i].ns = hd_clock_ns() - begin_ns;
        samples[i].kernel_ns = hd_recover_kernel_ns(rec);
    }
    if (err != HD_OK)
        return err;
    hd_bench_sample m = hd_bench_median(samples, o->repeat_cnt);
    row->name = j->is_half ? "three-quarters valid" : "valid";
    row->median_ns = m.ns;
    row->kernel_ns = m.kernel_ns;
    hd_bench_put(o, row);
    return HD_OK;
}

static uint32_t backend_of(uint32_t backend) {
    switch (backend) {
    case HD_BACKEND_AUTO: return HD_RECOVER_AUTO;
    case HD_BACKEND_CUDA: return HD_RECOVER_CUDA;
    case HD_BACKEND_TILED: return HD_RECOVER_BODY;
    default: return HD_RECOVER_HOST;
    }
}

hd_err hd_bench_recover(hd_msg *msg, const hd_bench_options *o) {
    job j;
    hd_pool *pool = NULL;
    hd_recover *rec = NULL;
    uint32_t threads = o->threads ? (uint32_t)o->threads : hd_cpu_cnt();
    memset(&j, 0, sizeof j);
    memset(msg, 0, sizeof *msg);
    hd_err err = hd_pool_open(&pool, threads);
    if (err == HD_OK)
        err = hd_recover_open(&rec, backend_of(o->backend), pool);
    if (err != HD_OK) {
        hd_msg_set(msg, "the backend %s is not usable here: %s", hd_bench_backend_name(o->backend),
                   hd_err_name(err));
        hd_pool_close(pool);
        return err;
    }
    int is_cuda = hd_recover_backend(rec) == HD_RECOVER_CUDA;
    j.cnt = o->tx_cnt ? (uint32_t)o->tx_cnt : is_cuda ? CNT_CUDA : CNT_HOST;
    j.seed = o->seed;
    j.items = malloc(j.cnt * sizeof *j.items);
    j.results = malloc(j.cnt * sizeof *j.results);
    if (!j.items || !j.results)
        err = HD_ERR_NOMEM;
    hd_bench_row row = {.workload = "recover", .threads = is_cuda ? 0 : threads, .tx_cnt = j.cnt};
    row.backend = is_cuda                                      ? HD_BACKEND_CUDA
                  : hd_recover_backend(rec) == HD_RECOVER_BODY ? HD_BACKEND_TILED
                                                               : HD_BACKEND_HOST;
    for (j.is_half = 0; err == HD_OK && j.is_half < 2; j.is_half++)
        err = measure(msg, o, rec, pool, &row, &j);
    free(j.items);
    free(j.results);
    hd_recover_close(rec);
    hd_pool_close(pool);
    return err;
}
