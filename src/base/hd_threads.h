/* hd_threads.h - a pool of threads and the parallel for over it. */
#ifndef HD_THREADS_H
#define HD_THREADS_H

#include "base/hd_base.h"

#define HD_POOL_THREADS_MAX 1024u

typedef struct hd_pool hd_pool;

/* Work on the indexes [begin,end). worker_idx < hd_pool_thread_cnt, and two calls that run at the
   same time never share one, so scratch memory may be kept per worker. */
typedef hd_err hd_pool_fn(void *ctx, size_t begin, size_t end, uint32_t worker_idx);

/* hd_pool_open starts thread_cnt - 1 threads (the caller is the last worker); 0 means one worker
   for each core this process may use. HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_pool_open(hd_pool **out, uint32_t thread_cnt);
/* hd_pool_close joins the threads; no loop may be running. NULL is allowed. */
void hd_pool_close(hd_pool *pool);
uint32_t hd_pool_thread_cnt(const hd_pool *pool);

/* hd_pool_for calls fn on [0,cnt) in chunks of chunk_cnt indexes (0: chosen so that each worker
   gets several) and returns when all are done. A worker begins with chunks of its own, the same
   part of [0,cnt) in every loop, and then takes others'; which worker runs a chunk is left to
   chance all the same, so results must be stored by index. The first error by index is returned:
   chunks before it have all run, chunks after it may not have. With pool NULL it runs serially as
   worker 0; a loop started inside fn runs serially as the worker that started it. Calls from
   several threads wait for each other. */
hd_err hd_pool_for(hd_pool *pool, size_t cnt, size_t chunk_cnt, hd_pool_fn *fn, void *ctx);

/* The same with chunks of one that whoever is free takes, in order: for few things of very unequal
   work, the longest first. */
hd_err hd_pool_each(hd_pool *pool, size_t cnt, hd_pool_fn *fn, void *ctx);

/* Cores that this process may use, at least 1. */
uint32_t hd_cpu_cnt(void);

#endif
