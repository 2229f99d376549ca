/* hd_binding.h - the bindings of the core: the same body compiled for one lane layout each, behind
   one function that runs a transaction to its end on the calling thread. */
#ifndef HD_BINDING_H
#define HD_BINDING_H

#include "evm/hd_lane_class.h"
#include "exec/hd_exec.h"
#include "exec/hd_results.h"

/* Memory of one lane (or of a tile of which one lane is used), owned by a worker. */
typedef struct {
    uint8_t *base;   /* unit 0 */
    uint8_t *linear; /* linear bytes */
    hd_lane_class cls;
    uint32_t tile; /* lanes that share the memory: 1 or 32 */
    void *map;
    size_t map_sz;
    uint8_t *scratch; /* precompile input and output of tiled lanes */
    size_t scratch_sz;
} hd_lane_memory;

typedef struct {
    const hd_batch *batch;
    uint32_t tx_idx;
    uint32_t export_flags; /* HD_BATCH_... */
    hd_trace_fn trace;
    void *trace_ctx;
} hd_binding_job;

/* Runs one transaction and appends what it left to *out: the receipt goes to *receipt with offsets
   into out's arrays. HD_ERR_NOMEM, HD_ERR_ABSENT (block hash). Any number of threads, one lane
   each. */
typedef hd_err hd_binding_fn(hd_receipt *receipt, hd_results *out, hd_lane_memory *lane,
                             const hd_binding_job *job);

hd_binding_fn hd_binding_plain;  /* contiguous lane, computed goto */
hd_binding_fn hd_binding_switch; /* contiguous lane, switch: compared with the first by fuzzing */
hd_binding_fn hd_binding_traced; /* contiguous lane, traced */
hd_binding_fn hd_binding_tiled;  /* the device's interleaved layout, switch */
/* The same with loads followed (hd_core_tags.inc); export_flags must have HD_BATCH_READS. */
hd_binding_fn hd_binding_tagged, hd_binding_switch_tagged, hd_binding_tiled_tagged;

/* Gives used pages back to the system; the contents are lost. */
void hd_lane_memory_trim(hd_lane_memory *lane);

#endif
