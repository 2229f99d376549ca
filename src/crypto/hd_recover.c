/* hd_recover.c - batches of signatures: libsecp256k1 over threads, the device's functions on the
   host, and the way to the GPU. */
#include "crypto/hd_recover.h"

#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hd_recover_body.h"
#ifdef HD_WITH_CUDA
#include "crypto/hd_recover_cuda.h"
#endif

/* The host's table of G's multiples is built in milliseconds and fits into a core's cache. */
#define BODY_G_BITS 8u
#define BODY_CHUNK_CNT 64u /* signatures that share one inversion */

struct hd_recover {
    hd_pool *pool;
    hd_k1_affine *g;
    hd_f256 *work; /* four arrays of work_cnt */
    uint32_t work_cnt;
    uint32_t backend;
    uint64_t kernel_ns;
#ifdef HD_WITH_CUDA
    hd_recover_cuda *cuda;
#endif
};

/* ---- libsecp256k1 ---- */

static pthread_once_t context_once = PTHREAD_ONCE_INIT;
static secp256k1_context *context_shared; /* lives as long as the process; read-only when built */

static void context_build(void) {
    context_shared = secp256k1_context_create(SECP256K1_CONTEXT_VERIFY);
}

static const secp256k1_context *context(void) {
    pthread_once(&context_once, context_build);
    return context_shared;
}

hd_err hd_recover_one(hd_recover_result *result, const hd_recover_item *item) {
    uint8_t rs[64], point[65], hash[32];
    size_t sz = sizeof point;
    secp256k1_ecdsa_recoverable_signature sig;
    secp256k1_pubkey key;
    const secp256k1_context *ctx = context();
    if (!ctx)
        return HD_ERR_NOMEM;
    memset(result, 0, sizeof *result);
    result->status = HD_RECOVER_BAD_RANGE;
    hd_u256_store_be(rs, item->r);
    hd_u256_store_be(rs + 32, item->s);
    if (item->parity > 1 || hd_u256_is_zero(item->r) || hd_u256_is_zero(item->s) ||
        !secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &sig, rs, (int)item->parity))
        return HD_OK;
    result->status = HD_RECOVER_NO_KEY;
    if (!secp256k1_ecdsa_recover(ctx, &key, &sig, item->hash.b))
        return HD_OK;
    result->status = HD_RECOVER_OK;
    secp256k1_ec_pubkey_serialize(ctx, point, &sz, &key, SECP256K1_EC_UNCOMPRESSED);
    hd_keccak256(hash, point + 1, 64);
    memcpy(result->address.b, hash + 12, sizeof result->address.b);
    return HD_OK;
}

typedef struct {
    hd_recover_result *results;
    const hd_recover_item *items;
} library_job;

static hd_err library_chunk(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    library_job *job = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++) {
        hd_err err = hd_recover_one(&job->results[i], &job->items[i]);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

/* ---- the device's functions on the host ---- */

static hd_err body_open(hd_recover *rec) {
    uint64_t lane_cnt = HD_MIN(HD_RECOVER_G_LANE_CNT, 1u << (BODY_G_BITS - 1));
    rec->g = malloc(hd_recover_g_cnt(BODY_G_BITS) * sizeof *rec->g);
    if (!rec->g)
        return HD_ERR_NOMEM;
    hd_k1_affine base, twice;
    hd_recover_g_base(&base, &twice, NULL, BODY_G_BITS);
    for (uint64_t i = 0; i < hd_recover_g_cnt(BODY_G_BITS); i += lane_cnt) {
        if (i > 0 && (i & ((1u << (BODY_G_BITS - 1)) - 1)) == 0)
            hd_recover_g_base(&base, &twice, &base, BODY_G_BITS);
        hd_recover_g_lane(rec->g, BODY_G_BITS, i, &base, &twice);
    }
    return HD_OK;
}

typedef struct {
    hd_recover_batch batch;
    void (*step)(const hd_recover_batch *batch, uint32_t lane);
} body_job;

static void step_invert_r(const hd_recover_batch *bt, uint32_t lane) {
    hd_recover_invert_r(bt, lane);
}
static void step_lift(const hd_recover_batch *bt, uint32_t i) { hd_recover_lift(bt, i); }
static void step_ladder(const hd_recover_batch *bt, uint32_t i) {
    if (hd_recover_is_live(bt, i))
        hd_recover_ladder(bt, i, 1);
}
static void step_invert_z(const hd_recover_batch *bt, uint32_t lane) {
    hd_recover_invert_z(bt, lane);
}
static void step_finish(const hd_recover_batch *bt, uint32_t i) { hd_recover_finish(bt, i); }

static hd_err body_chunk(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    body_job *job = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++)
        job->step(&job->batch, (uint32_t)i);
    return HD_OK;
}

static hd_err body_run(hd_recover *rec, hd_recover_result *results, const hd_recover_item *items,
                       uint32_t cnt) {
    body_job job = {0};
    hd_recover_batch *bt = &job.batch;
    if (rec->work_cnt < cnt) {
        free(rec->work);
        rec->work_cnt = 0;
        rec->work = malloc(4 * (size_t)cnt * sizeof *rec->work);
        if (!rec->work)
            return HD_ERR_NOMEM;
        rec->work_cnt = cnt;
    }
    bt->items = items;
    bt->results = results;
    bt->a = rec->work;
    bt->b = bt->a + cnt;
    bt->c = bt->b + cnt;
    bt->d = bt->c + cnt;
    bt->g.at = rec->g;
    bt->g.bits = BODY_G_BITS;
    bt->cnt = cnt;
    bt->lane_cnt = (cnt - 1) / BODY_CHUNK_CNT + 1;
    struct {
        void (*step)(const hd_recover_batch *batch, uint32_t lane);
        uint32_t lane_cnt;
    } steps[] = {
        {step_invert_r, bt->lane_cnt}, {step_lift, cnt},   {step_ladder, cnt},
        {step_invert_z, bt->lane_cnt}, {step_finish, cnt},
    };
    hd_err err = HD_OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && err == HD_OK; i++) {
        job.step = steps[i].step;
        err = hd_pool_for(rec->pool, steps[i].lane_cnt, 0, body_chunk, &job);
    }
    return err;
}

/* ---- the handle ---- */

static hd_err cuda_open(hd_recover *rec) {
#ifdef HD_WITH_CUDA
    return hd_recover_cuda_open(&rec->cuda, 0);
#else
    (void)rec;
    return HD_ERR_ABSENT;
#endif
}

hd_err hd_recover_open(hd_recover **out, uint32_t backend, hd_pool *pool) {
    hd_err err = HD_ERR_UNSUPPORTED;
    hd_recover *rec = calloc(1, sizeof *rec);
    *out = NULL;
    if (!rec)
        return HD_ERR_NOMEM;
    rec->pool = pool;
    rec->backend = backend;
    switch (backend) {
    case HD_RECOVER_HOST: err = context() ? HD_OK : HD_ERR_NOMEM; break;
    case HD_RECOVER_BODY: err = body_open(rec); break;
    case HD_RECOVER_CUDA: err = cuda_open(rec); break;
    case HD_RECOVER_AUTO:
        rec->backend = HD_RECOVER_CUDA;
        err = cuda_open(rec);
        if (err == HD_ERR_ABSENT) {
            rec->backend = HD_RECOVER_HOST;
            err = context() ? HD_OK : HD_ERR_NOMEM;
        }
        break;
    default: break;
    }
    if (err == HD_OK)
        *out = rec;
    else
        hd_recover_close(rec);
    return err;
}

void hd_recover_close(hd_recover *rec) {
    if (!rec)
        return;
#ifdef HD_WITH_CUDA
    hd_recover_cuda_close(rec->cuda);
#endif
    free(rec->g);
    free(rec->work);
    free(rec);
}

uint32_t hd_recover_backend(const hd_recover *rec) { return rec->backend; }

uint64_t hd_recover_kernel_ns(const hd_recover *rec) { return rec->kernel_ns; }

hd_err hd_recover_run(hd_recover *rec, hd_recover_result *results, const hd_recover_item *items,
                      uint32_t cnt) {
    library_job job = {results, items};
    if (cnt > HD_RECOVER_CNT_MAX)
        return HD_ERR_LIMIT;
    if (cnt == 0)
        return HD_OK;
    switch (rec->backend) {
#ifdef HD_WITH_CUDA
    case HD_RECOVER_CUDA:
        return hd_recover_cuda_run(rec->cuda, results, &rec->kernel_ns, items, cnt);
#endif
    case HD_RECOVER_BODY: return body_run(rec, results, items, cnt);
    default: return hd_pool_for(rec->pool, cnt, 0, library_chunk, &job);
    }
}
