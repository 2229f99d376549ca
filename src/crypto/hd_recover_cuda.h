/* hd_recover_cuda.h - signature recovery on the GPU, for hd_recover.c and for pipelines whose
   signatures are in device memory already. The functions exist in builds with HD_WITH_CUDA only.
 */
#ifndef HD_RECOVER_CUDA_H
#define HD_RECOVER_CUDA_H

#include "crypto/hd_recover.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hd_recover_cuda hd_recover_cuda;

/* hd_recover_cuda_open builds the table of G's multiples in the memory of the current device:
   windows of g_bits bits (2 to 22; 0: the size that measured best, 32 MiB). The handle belongs to
   that device. HD_ERR_ABSENT without a GPU, HD_ERR_NOMEM, HD_ERR_DEVICE, HD_ERR_LIMIT for another
   g_bits. */
hd_err hd_recover_cuda_open(hd_recover_cuda **out, uint32_t g_bits);
void hd_recover_cuda_close(hd_recover_cuda *rec); /* nothing of it may run; NULL is allowed */

/* Bytes of device memory that a launch of cnt signatures works in: 128 a signature. */
size_t hd_recover_cuda_workspace_sz(uint32_t cnt);

/* hd_recover_cuda_launch puts the recovery of items_dev[0,cnt) into results_dev[0,cnt) on `stream`
   (a cudaStream_t; NULL for the default stream) and does not wait; it allocates nothing. All three
   lie in memory of the handle's device, which must be the current one: items_dev 8-byte, workspace
   16-byte aligned, and they must stay until the stream has passed. Launches on several streams may
   run at once, each with its own workspace. HD_ERR_LIMIT: workspace_sz is too small or cnt is above
   HD_RECOVER_CNT_MAX; HD_ERR_DEVICE: a launch was refused. */
hd_err hd_recover_cuda_launch(const hd_recover_cuda *rec, hd_recover_result *results_dev,
                              const hd_recover_item *items_dev, uint32_t cnt, void *workspace_dev,
                              size_t workspace_sz, void *stream);

/* hd_recover_cuda_run does the same for memory of the host and waits. Device memory is kept in the
   handle from call to call, so one call at a time. kernel_ns (may be NULL) receives the time of the
   kernels alone. HD_ERR_NOMEM, HD_ERR_LIMIT, HD_ERR_DEVICE. */
hd_err hd_recover_cuda_run(hd_recover_cuda *rec, hd_recover_result *results, uint64_t *kernel_ns,
                           const hd_recover_item *items, uint32_t cnt);

#ifdef __cplusplus
}
#endif

#endif
