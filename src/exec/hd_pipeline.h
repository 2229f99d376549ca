/* hd_pipeline.h - blocks of raw signed transactions in, receipts root and state root out, with the
   state resident where the transactions run: in the GPU's memory, or for tests in the host's.

   A block is admitted (decoded, hashed, senders recovered), executed at once, indexed, validated,
   run again in part until all holds, committed into the resident tables, and its root is taken from
   what changed. All of it happens in the backend's memory; the result equals hd_exec_ordered's to
   the last bit. What the backend does not do itself (type 4, blocks that deploy code, conflicts
   that rounds do not settle) is done by hd_exec_ordered on the host.

   Alone (hd_pipeline_load) a pipeline has the only copy of its state: such a block runs against the
   fetched state, which is then loaded again: right, and slow. With a state behind it
   (hd_pipeline_load_behind) every block's differences are brought down into that state, which a
   store can keep; such a block runs there and only what it changed goes up; the backend may hold
   less than the whole state; and a device that fails costs no block. */
#ifndef HD_PIPELINE_H
#define HD_PIPELINE_H

#include "base/hd_msg.h"
#include "evm/hd_evm.h"
#include "state/hd_state.h"
#include "state/hd_undo.h"

#define HD_PIPELINE_TX_MAX (1u << 22) /* transactions of one block */
#define HD_PIPELINE_RAW_MAX ((size_t)1 << 32)

typedef struct hd_pipeline hd_pipeline;

typedef struct {
    uint32_t backend; /* HD_BACKEND_CUDA, HD_BACKEND_HOST, or HD_BACKEND_AUTO: the GPU where there
                         is one */
    uint32_t threads; /* of the host's part; 0: all cores */
} hd_pipeline_options;

/* HD_ERR_ABSENT: no usable GPU, or a build without one; HD_ERR_DEVICE; HD_ERR_NOMEM;
   HD_ERR_UNSUPPORTED: another backend. One thread at a time may use a pipeline. */
hd_err hd_pipeline_open(hd_pipeline **out, const hd_pipeline_options *options);
void hd_pipeline_close(hd_pipeline *p);             /* NULL is allowed */
uint32_t hd_pipeline_backend(const hd_pipeline *p); /* HD_BACKEND_HOST or HD_BACKEND_CUDA */

/* Memory of the host from which a block's bytes and offsets reach the backend fastest (any other
   will do). It goes before the pipeline does. HD_ERR_NOMEM, HD_ERR_DEVICE. */
hd_err hd_pipeline_pin(hd_pipeline *p, void **out, size_t sz);
void hd_pipeline_unpin(hd_pipeline *p, void *memory); /* NULL is allowed */

/* hd_pipeline_load makes the resident state equal to s, which stays the caller's, and gives its
   root. HD_ERR_NOMEM, HD_ERR_DEVICE, HD_ERR_LIMIT: then nothing is loaded. */
hd_err hd_pipeline_load(hd_hash *root, hd_pipeline *p, const hd_state *s);

/* ---- a state behind the pipeline ---- */

/* Told of each block whose differences have entered the state behind, in the order of the blocks,
   one call at a time: s is the state after the block, changes what it was before (hd_undo.h),
   compacted or not, and so also what names everything that changed; both may be read during the
   call. It is called by a thread of the pipeline's own or by the one that calls the pipeline, and
   must not call the pipeline. An error is kept: the next call that waits for this block returns it,
   and no more blocks are run until something is loaded. */
typedef hd_err hd_pipeline_sink_fn(void *ctx, const hd_state *s, const hd_undo *changes,
                                   uint64_t number);

typedef struct {
    /* Bytes of the backend's memory for the tables of accounts, slots and code, measured after each
       block; 0: all of the state is resident, its tries too. With a limit accounts and slots come
       as transactions ask for them, and where a block leaves more than the limit those that were
       used least recently go, until half of it is free (all, where the block alone needs more). A
       block may need more for itself while it runs. The root is then computed by the host. */
    uint64_t resident_max;
    hd_pipeline_sink_fn *sink; /* NULL: none */
    void *sink_ctx;
} hd_pipeline_behind;

/* hd_pipeline_load_behind puts s behind the pipeline, until something else is loaded or the
   pipeline is closed, and gives its root. s stays the caller's, who must neither read nor change it
   but after hd_pipeline_sync and until the next block. options may be NULL. HD_ERR_NOMEM;
   HD_ERR_DEVICE, HD_ERR_LIMIT: then nothing is loaded. */
hd_err hd_pipeline_load_behind(hd_hash *root, hd_pipeline *p, hd_state *s,
                               const hd_pipeline_behind *options);

/* hd_pipeline_sync waits until the state behind holds every block that was run: it may lag by one.
   HD_ERR_ABSENT: there is none. An error of the sink; HD_ERR_NOMEM or HD_ERR_LIMIT from applying a
   block's differences: then s is as it was before that block, unless taking back failed, too. */
hd_err hd_pipeline_sync(hd_pipeline *p);

/* hd_pipeline_changed tells the pipeline that the caller himself changed the state behind since
   hd_pipeline_sync (withdrawals, rewards, system calls, blocks taken back), with `changes` attached
   to it (hd_undo_attach) meanwhile, and gives the root. The record then names each once; no sink is
   told. HD_ERR_ABSENT, HD_ERR_NOMEM, HD_ERR_LIMIT (2^30 changes), HD_ERR_CORRUPT. */
hd_err hd_pipeline_changed(hd_hash *root, hd_pipeline *p, hd_undo *changes);

/* hd_pipeline_reload loads the state behind into the backend anew, after it failed. HD_ERR_ABSENT:
   there is none; HD_ERR_DEVICE, HD_ERR_NOMEM: blocks go on running on the host. */
hd_err hd_pipeline_reload(hd_hash *root, hd_pipeline *p);

/* hd_pipeline_check compares everything that is resident with the state behind. HD_ERR_CORRUPT: it
   differs; HD_ERR_ABSENT: there is no state behind, or nothing resident (the device was lost).
   Costs a copy of all of it. */
hd_err hd_pipeline_check(hd_pipeline *p);

/* ---- */

/* hd_pipeline_fetch makes out (which is reset) equal to the resident state: same accounts, codes
   and slots; where not all is resident, to the state behind. HD_ERR_NOMEM, HD_ERR_DEVICE;
   HD_ERR_ABSENT: nothing is loaded. */
hd_err hd_pipeline_fetch(hd_state *out, hd_pipeline *p);

typedef struct {
    const uint8_t *raw;  /* the transactions' encodings, one behind the other */
    const uint64_t *off; /* tx_cnt + 1: transaction i is raw[off[i], off[i + 1]) */
    hd_env env;          /* of the block; its fork and chain id hold for the signatures, too */
    uint32_t tx_cnt;
    /* As in hd_batch; NULL: code that asks ends the block with HD_ERR_ABSENT. */
    hd_err (*blockhash)(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number);
    void *blockhash_ctx;
} hd_pipeline_block;

#define HD_PIPELINE_ON_HOST 1u /* the block went to the host's path */
/* The device failed in this block or an earlier one: the host ran it, and runs those that follow
   until hd_pipeline_reload. Only with a state behind. */
#define HD_PIPELINE_DEVICE_LOST 2u

typedef struct {
    hd_hash state_root;
    hd_hash receipts_root; /* of receipts as from Byzantium on, whatever the fork */
    uint8_t bloom[256];
    uint64_t gas_used;
    uint32_t refused_idx;    /* the first transaction that is not valid, or tx_cnt */
    uint32_t refused_status; /* HD_TX_INVALID..., HD_TX_SUCCESS when none */
    uint32_t flags;          /* HD_PIPELINE_... */
    uint32_t round_cnt;
    uint64_t rerun_cnt;  /* transactions that ran again, once for each time */
    uint64_t supply_cnt; /* accounts and slots that were supplied from the state behind */
    uint64_t evict_cnt;  /* and those that left after the block */
    /* Time of the stages. Of a prepared block upload and admission are 0, and recover_ns is what
       the block still had to wait for. store_ns: what the state behind cost this call, waiting for
       it included. */
    uint64_t upload_ns, admit_ns, recover_ns, execute_ns, index_ns, again_ns, commit_ns, root_ns,
        receipts_ns, store_ns, total_ns;
} hd_pipeline_result;

/* hd_pipeline_prepare begins the admission of a block (upload, decoding, hashes, senders), which
   goes on while the blocks before it run: call it for block n + 1, then hd_pipeline_run for block
   n. At most two blocks are on their way; a third is not begun, which changes no result. A block
   that runs is the prepared one where pointers, count and environment are the same. What was
   prepared and is passed over is void, as is what waits while two are on their way and a third
   runs. raw and off must stay as they are until the block has run, or another has run in its
   place. HD_ERR_LIMIT as of hd_pipeline_run; what else fails does so again when the block runs, and
   is told there. */
hd_err hd_pipeline_prepare(hd_pipeline *p, const hd_pipeline_block *block);

/* hd_pipeline_run runs a block against the resident state. A block with a transaction that is not
   valid is refused as a whole: HD_OK with refused_idx below tx_cnt, its reason in msg (may be
   NULL), roots zero, and the state as it was. HD_ERR_LIMIT: too many transactions or bytes, or
   offsets that do not ascend; HD_ERR_ABSENT: nothing is loaded, or a block hash; HD_ERR_NOMEM.

   Without a state behind, a device that fails before the commit gives HD_ERR_DEVICE with nothing
   changed in the host's memory; what is resident is lost then, as after any error out of the
   commit, and has to be loaded again. With one, a device that fails or has too little memory gives
   no error: the host runs the block on the state behind (HD_PIPELINE_DEVICE_LOST). Every other
   error leaves that state as it was before the block, but for those that hd_pipeline_sync names. */
hd_err hd_pipeline_run(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                       const hd_pipeline_block *block);

#endif
