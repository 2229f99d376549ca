/* hd_forest_cuda.h - a forest that lives in the GPU's memory and takes a block's changes there. */
#ifndef HD_FOREST_CUDA_H
#define HD_FOREST_CUDA_H

#include "evm/hd_evm.h"
#include "state/hd_forest.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hd_forest_cuda hd_forest_cuda;

/* An empty forest on the present device. HD_ERR_ABSENT: there is none. HD_ERR_NOMEM, HD_ERR_DEVICE.
   One thread at a time may use it. */
hd_err hd_forest_cuda_open(hd_forest_cuda **out);
void hd_forest_cuda_close(hd_forest_cuda *x);
/* The cudaStream_t that all later work goes to; the default one at first. */
void hd_forest_cuda_set_stream(hd_forest_cuda *x, void *stream);

/* hd_forest_cuda_reserve makes room for that many leaves and changes in one batch, so that batches
   within it allocate nothing. HD_ERR_NOMEM, HD_ERR_LIMIT, HD_ERR_DEVICE. */
hd_err hd_forest_cuda_reserve(hd_forest_cuda *x, uint64_t account_cnt, uint64_t slot_cnt,
                              uint64_t change_cnt);

/* hd_forest_cuda_apply is hd_forest_apply with changes in host memory (same rules and errors;
   HD_ERR_DEVICE also breaks the forest). */
hd_err hd_forest_cuda_apply(hd_hash *root, hd_forest_cuda *x, hd_forest_account_change *accounts,
                            size_t account_cnt, hd_forest_slot_change *slots, size_t slot_cnt);

/* The same in steps, for changes that come into being on the device.
   hd_forest_cuda_changes gives device memory for that many changes, valid until it is next called.
   hd_forest_cuda_put fills it from the host, hd_forest_cuda_get copies it back (with `leaf` and
   `trie` as the batch left them). hd_forest_cuda_run applies what is there. */
hd_err hd_forest_cuda_changes(hd_forest_account_change **accounts_dev,
                              hd_forest_slot_change **slots_dev, hd_forest_cuda *x,
                              size_t account_cnt, size_t slot_cnt);
hd_err hd_forest_cuda_put(hd_forest_cuda *x, const hd_forest_account_change *accounts,
                          size_t account_cnt, const hd_forest_slot_change *slots, size_t slot_cnt);
hd_err hd_forest_cuda_get(hd_forest_cuda *x, hd_forest_account_change *accounts,
                          hd_forest_slot_change *slots);
hd_err hd_forest_cuda_run(hd_hash *root, hd_forest_cuda *x);

/* Keys of the changes from what they are hashes of, in host memory: five words an address (least
   significant first), a word a slot. put copies them, hash makes the keys on the device. Counts are
   those of the changes. */
hd_err hd_forest_cuda_put_names(hd_forest_cuda *x, const uint32_t *addrs, const hd_u256 *slots);
hd_err hd_forest_cuda_hash_names(hd_forest_cuda *x);

/* Of the last run: time by the host's clock from phase to phase, and what it did. */
typedef struct {
    uint64_t find_ns, structure_ns, mark_ns, hash_ns;
    uint64_t touched_cnt;               /* leaves and branches that changed themselves */
    uint64_t leaf_cnt, branch_cnt;      /* encoded anew */
    uint64_t removed_cnt, inserted_cnt; /* leaves */
    uint64_t round_cnt;                 /* of insertion */
    uint64_t memory_sz;                 /* on the device, in all */
} hd_forest_cuda_stats;
void hd_forest_cuda_count(hd_forest_cuda_stats *out, const hd_forest_cuda *x);

#ifdef __cplusplus
}
#endif

#endif
