/* hd_pipe_engine.h - what a backend of the pipeline brings: memory, the phases of hd_pipe_body.h, a
   sort, scans, execution, recovery, tries. hd_pipeline.c drives it. */
#ifndef HD_PIPE_ENGINE_H
#define HD_PIPE_ENGINE_H

#include "exec/hd_exec.h"
#include "exec/hd_pipe_body.h"
#include "exec/hd_pipeline.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where calls queue their work: both run at once. */
#define HD_PIPE_STREAM_MAIN 0u
#define HD_PIPE_STREAM_INTAKE 1u /* admission of the block that comes next */

/* Pointers named dev_ are of the backend's memory. All calls may return before their work is done,
   in order; down and select wait. Errors: HD_ERR_NOMEM, HD_ERR_DEVICE. */
typedef struct {
    void (*close)(void *ctx);
    /* Of the calls that follow: alloc, release, up, down, zero, wait, run and recover. Recover is
       called for one of the two only. */
    void (*select_stream)(void *ctx, uint32_t which);
    hd_err (*alloc)(void *ctx, void **dev_out, size_t sz);
    void (*release)(void *ctx, void *dev_p); /* NULL is allowed */
    hd_err (*up)(void *ctx, void *dev_dst, const void *src, size_t sz);
    hd_err (*down)(void *ctx, void *dst, const void *dev_src, size_t sz);
    /* A copy that goes on beside what is called later, once all that was called before is done; dst
       is pinned. down_end waits for all of them. */
    hd_err (*down_begin)(void *ctx, void *dst, const void *dev_src, size_t sz);
    hd_err (*down_end)(void *ctx);
    hd_err (*move)(void *ctx, void *dev_dst, const void *dev_src, size_t sz);
    hd_err (*zero)(void *ctx, void *dev_p, size_t sz);
    hd_err (*wait)(void *ctx);
    /* mark: what was queued so far on the selected stream is mark idx, 0 or 1; meet waits for it.
     */
    hd_err (*mark)(void *ctx, uint32_t idx);
    hd_err (*meet)(void *ctx, uint32_t idx);
    /* Memory of the host that up and down are fastest with. */
    hd_err (*pin)(void *ctx, void **out, size_t sz);
    void (*unpin)(void *ctx, void *p);
    /* Phase HD_PIPE_... on lanes [0, cnt). */
    hd_err (*run)(void *ctx, uint32_t phase, const hd_pipe *p, uint32_t cnt);
    /* Exclusive sums in place of dev_x[0, cnt). */
    hd_err (*sum32)(void *ctx, uint32_t *dev_x, uint32_t cnt);
    hd_err (*sum64)(void *ctx, uint64_t *dev_x, uint32_t cnt);
    /* Inclusive scans in place, with hd_pipe_fold_join, _wipe_join and _sum_join. */
    hd_err (*scan_folds)(void *ctx, hd_pipe_fold *dev_x, uint32_t cnt);
    hd_err (*scan_wipes)(void *ctx, uint64_t *dev_x, uint32_t cnt);
    hd_err (*scan_sums)(void *ctx, hd_pipe_sum *dev_x, uint32_t cnt);
    /* A stable sort of set->entry by set->hash to set->entry_by and hash_by. */
    hd_err (*sort)(void *ctx, const hd_pipe_set *set);
    /* dev_list = the indexes of the words that are not 0, ascending. */
    hd_err (*select)(void *ctx, uint32_t *dev_list, uint32_t *cnt, const uint32_t *dev_flags,
                     uint32_t flag_cnt);
    hd_err (*recover)(void *ctx, hd_recover_result *dev_out, const hd_recover_item *dev_items,
                      uint32_t cnt);
    /* Runs transactions dev_list[0, cnt) (NULL: all) of p with HD_BATCH_READS, against p->versions
       (NULL: the world alone, senders assumed), and points p->receipts, accounts, reads and slots
       to the results; what others left stays. data_sz: bytes of p->raw. supply (NULL where the
       world is complete) changes p->world; its need may return an error that ends the run. */
    hd_err (*execute)(void *ctx, hd_pipe *p, const uint32_t *dev_list, uint32_t cnt, size_t data_sz,
                      const hd_pipeline_block *block, const hd_world_supply *supply);
    /* An empty forest; memory for changes; their application. changes keeps what a call with larger
       counts put there. */
    hd_err (*forest_reset)(void *ctx);
    hd_err (*changes)(void *ctx, hd_forest_account_change **dev_accounts,
                      hd_forest_slot_change **dev_slots, size_t account_cnt, size_t slot_cnt);
    hd_err (*root)(void *ctx, hd_hash *root);
} hd_pipe_engine;

/* One of the two. threads: workers of the host, 0: all cores. HD_ERR_ABSENT: no GPU. */
hd_err hd_pipe_host_open(const hd_pipe_engine **engine, void **ctx, uint32_t threads);
hd_err hd_pipe_cuda_open(const hd_pipe_engine **engine,
                         void **ctx); /* in builds with HD_WITH_CUDA */

/* A pipeline on this engine, which it closes at its end (not where this fails): for tests.
   HD_ERR_NOMEM. */
hd_err hd_pipeline_open_engine(hd_pipeline **out, const hd_pipe_engine *engine, void *ctx,
                               uint32_t threads);

#ifdef __cplusplus
}
#endif

#endif
