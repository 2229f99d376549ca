/* hd_threads.c - a pool of threads and the parallel for over it. */
#define _GNU_SOURCE
#include "base/hd_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Shared code keeps large frames (pairings, division) on the machine stack; say how much there is
   instead of trusting a default that differs between systems. */
#define STACK_SZ ((size_t)8 << 20)

/* Loops follow each other closely: a block of 200 transactions has a dozen within a millisecond,
   and waking a thread costs tens of microseconds. So a thread that has nothing to do looks this
   often, with a pause each time, before it sleeps: some 100 microseconds, which is what one thread
   does between two loops. */
#define SPIN_CNT 2000u

/* Each worker begins with a share of the loop's chunks that is its own, and then helps others. So
   loops that follow each other over the same things find them in the same core's cache. */
struct worker {
    hd_pool *pool;
    pthread_t thread;
    uint32_t idx;
    size_t end; /* of its share of the chunks */
    uint8_t apart[128];
    atomic_size_t next; /* written by all: it shares a cache line with nothing that all read */
    uint8_t apart_too[128];
};

struct hd_pool {
    pthread_mutex_t call_lock; /* one loop at a time */
    pthread_mutex_t lock;      /* guards what threads sleep for */
    pthread_cond_t work_cond;
    pthread_cond_t done_cond;
    uint32_t sleeping_cnt; /* workers; under lock */
    uint32_t spin_cnt;     /* 0 where there are more threads than cores */
    atomic_uint_fast64_t round;
    atomic_uint busy_cnt; /* workers that have not finished the round */
    atomic_uint is_closing;
    /* The current loop; written before the round is published. */
    hd_pool_fn *fn;
    void *ctx;
    size_t cnt;
    size_t chunk_cnt;
    size_t chunks;
    atomic_size_t failed_chunk; /* the lowest that failed; chunks at first */
    hd_err err;                 /* that chunk's error, under lock */
    uint32_t thread_cnt;
    struct worker *workers;
};

/* Set while this thread runs a loop's function, so that a loop inside a loop runs serially, as the
   same worker, instead of waiting for itself. */
static _Thread_local uint32_t is_inside;
static _Thread_local uint32_t inside_idx;

uint32_t hd_cpu_cnt(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int cnt = CPU_COUNT(&set);
    return cnt > 0 ? (uint32_t)cnt : 1;
}

static void run_chunk(hd_pool *pool, size_t chunk, uint32_t worker_idx) {
    size_t begin = chunk * pool->chunk_cnt;
    size_t end = begin + HD_MIN(pool->chunk_cnt, pool->cnt - begin);
    hd_err err = pool->fn(pool->ctx, begin, end, worker_idx);
    if (err == HD_OK)
        return;
    pthread_mutex_lock(&pool->lock);
    if (chunk < atomic_load(&pool->failed_chunk)) {
        atomic_store(&pool->failed_chunk, chunk);
        pool->err = err;
    }
    pthread_mutex_unlock(&pool->lock);
}

static void run_chunks(hd_pool *pool, uint32_t worker_idx) {
    is_inside = 1;
    inside_idx = worker_idx;
    for (uint32_t i = 0; i < pool->thread_cnt; i++) {
        struct worker *from = &pool->workers[(worker_idx + i) % pool->thread_cnt];
        while (atomic_load(&from->next) < from->end) {
            size_t chunk = atomic_fetch_add(&from->next, 1);
            /* Chunks below a failed one run all the same. */
            if (chunk < from->end && chunk < atomic_load(&pool->failed_chunk))
                run_chunk(pool, chunk, worker_idx);
        }
    }
    is_inside = 0;
}

static void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Waits for a round after seen, or for the end. */
static void wait_for_round(hd_pool *pool, uint64_t seen_round) {
    for (uint32_t i = 0; i < pool->spin_cnt; i++) {
        if (atomic_load(&pool->round) != seen_round || atomic_load(&pool->is_closing))
            return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->lock);
    pool->sleeping_cnt++;
    while (atomic_load(&pool->round) == seen_round && !atomic_load(&pool->is_closing))
        pthread_cond_wait(&pool->work_cond, &pool->lock);
    pool->sleeping_cnt--;
    pthread_mutex_unlock(&pool->lock);
}

static void wait_for_workers(hd_pool *pool) {
    for (uint32_t i = 0; i < pool->spin_cnt; i++) {
        if (atomic_load(&pool->busy_cnt) == 0)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->busy_cnt) != 0)
        pthread_cond_wait(&pool->done_cond, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker_main(void *arg) {
    struct worker *worker = arg;
    hd_pool *pool = worker->pool;
    uint64_t seen_round = 0;
    for (;;) {
        wait_for_round(pool, seen_round);
        if (atomic_load(&pool->is_closing))
            return NULL;
        seen_round++; /* no round begins before all workers have finished the one before */
        run_chunks(pool, worker->idx);
        if (atomic_fetch_sub(&pool->busy_cnt, 1) != 1)
            continue;
        pthread_mutex_lock(&pool->lock);
        pthread_cond_signal(&pool->done_cond);
        pthread_mutex_unlock(&pool->lock);
    }
}

hd_err hd_pool_open(hd_pool **out, uint32_t thread_cnt) {
    *out = NULL;
    if (thread_cnt == 0)
        thread_cnt = HD_MIN(hd_cpu_cnt(), HD_POOL_THREADS_MAX);
    if (thread_cnt > HD_POOL_THREADS_MAX)
        return HD_ERR_LIMIT;
    hd_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return HD_ERR_NOMEM;
    pthread_mutex_init(&pool->call_lock, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_cond, NULL);
    pthread_cond_init(&pool->done_cond, NULL);
    pool->thread_cnt = 1;
    pool->spin_cnt = thread_cnt <= hd_cpu_cnt() ? SPIN_CNT : 0;
    pool->workers = calloc(thread_cnt, sizeof *pool->workers);
    if (!pool->workers) {
        hd_pool_close(pool);
        return HD_ERR_NOMEM;
    }
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SZ);
    hd_err err = HD_OK;
    for (uint32_t i = 1; i < thread_cnt && err == HD_OK; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].idx = i;
        if (pthread_create(&pool->workers[i].thread, &attr, worker_main, &pool->workers[i]) == 0)
            pool->thread_cnt = i + 1;
        else
            err = HD_ERR_NOMEM;
    }
    pthread_attr_destroy(&attr);
    if (err != HD_OK) {
        hd_pool_close(pool);
        return err;
    }
    *out = pool;
    return HD_OK;
}

void hd_pool_close(hd_pool *pool) {
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->is_closing, 1);
    pthread_cond_broadcast(&pool->work_cond);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 1; i < pool->thread_cnt; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done_cond);
    pthread_cond_destroy(&pool->work_cond);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->call_lock);
    free(pool->workers);
    free(pool);
}

uint32_t hd_pool_thread_cnt(const hd_pool *pool) { return pool ? pool->thread_cnt : 1; }

/* The loop without help. */
static hd_err run_alone(size_t cnt, size_t chunk_cnt, hd_pool_fn *fn, void *ctx) {
    uint32_t worker_idx = is_inside ? inside_idx : 0;
    for (size_t begin = 0; begin < cnt;) {
        size_t end = begin + HD_MIN(chunk_cnt, cnt - begin);
        hd_err err = fn(ctx, begin, end, worker_idx);
        if (err != HD_OK)
            return err;
        begin = end;
    }
    return HD_OK;
}

/* in_order: nobody has a share of his own. */
static hd_err run_loop(hd_pool *pool, size_t cnt, size_t chunk_cnt, int in_order, hd_pool_fn *fn,
                       void *ctx) {
    uint32_t thread_cnt = pool->thread_cnt;
    pthread_mutex_lock(&pool->call_lock);
    pool->fn = fn;
    pool->ctx = ctx;
    pool->cnt = cnt;
    pool->chunk_cnt = chunk_cnt;
    pool->chunks = cnt / chunk_cnt + (cnt % chunk_cnt != 0);
    pool->err = HD_OK;
    size_t each = pool->chunks / thread_cnt, more = pool->chunks % thread_cnt, at = 0;
    for (uint32_t i = 0; i < thread_cnt; i++) {
        struct worker *w = &pool->workers[i];
        atomic_store_explicit(&w->next, at, memory_order_relaxed);
        at = in_order ? pool->chunks : at + each + (i < more);
        w->end = at;
    }
    atomic_store(&pool->failed_chunk, pool->chunks);
    int is_shared = pool->chunks > 1; /* one chunk is not worth anybody's waking */
    if (is_shared) {
        atomic_store(&pool->busy_cnt, thread_cnt - 1);
        pthread_mutex_lock(&pool->lock);
        atomic_fetch_add(&pool->round, 1);
        if (pool->sleeping_cnt)
            pthread_cond_broadcast(&pool->work_cond);
        pthread_mutex_unlock(&pool->lock);
    }
    run_chunks(pool, 0);
    if (is_shared)
        wait_for_workers(pool);
    hd_err err = pool->err;
    pthread_mutex_unlock(&pool->call_lock);
    return err;
}

hd_err hd_pool_for(hd_pool *pool, size_t cnt, size_t chunk_cnt, hd_pool_fn *fn, void *ctx) {
    if (cnt == 0)
        return HD_OK;
    if (chunk_cnt == 0) /* several chunks for each worker even out unequal work */
        chunk_cnt = HD_MAX(cnt / (8 * (size_t)hd_pool_thread_cnt(pool)), 1);
    if (!pool || is_inside)
        return run_alone(cnt, chunk_cnt, fn, ctx);
    return run_loop(pool, cnt, chunk_cnt, 0, fn, ctx);
}

hd_err hd_pool_each(hd_pool *pool, size_t cnt, hd_pool_fn *fn, void *ctx) {
    if (cnt == 0)
        return HD_OK;
    if (!pool || is_inside)
        return run_alone(cnt, 1, fn, ctx);
    return run_loop(pool, cnt, 1, 1, fn, ctx);
}
