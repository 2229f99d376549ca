/* hd_pipeline_internal.h - the inside of a pipeline, for the files that drive one: hd_pipeline.c
   (which phase comes when), hd_pipeline_intake.c (admission), hd_pipeline_behind.c (the state
   behind it), hd_pipeline_set.c (what of that is resident). */
#ifndef HD_PIPELINE_INTERNAL_H
#define HD_PIPELINE_INTERNAL_H

#include <pthread.h>

#include "exec/hd_pipe_engine.h"
#include "state/hd_state_bulk.h"
#include "state/hd_state_trie.h"

/* Memory of the backend, by use. */
enum {
    M_COUNTERS,
    M_LATE,
    M_INVALID,
    M_LIST,
    M_GAS,
    M_FOLDS,
    M_WIPES,
    M_SUMS,
    M_ACCOUNT_KEYS,
    M_ACCOUNT_VERSIONS,
    M_SLOT_KEYS,
    M_SLOT_VERSIONS,
    M_VERSIONS,
    M_SET, /* of accounts: eight arrays; then of slots */
    M_WORLD_ACCOUNTS = M_SET + 16,
    M_WORLD_TABLE,
    M_WORLD_SLOTS,
    M_WORLD_CODES,
    M_WORLD_BYTES,
    M_WORLD_JUMPS,
    M_NODES,
    M_BLOOM,
    M_DIFF_ACCOUNTS,
    M_DIFF_SLOTS,
    M_MISSING,
    M_NEW_ACCOUNTS,
    M_NEW_SLOTS,
    M_KEPT,
    M_CNT
};

typedef struct {
    void *p;
    size_t sz;
} hd_pipe_room;

/* What admission makes of a block. There are two, so that one block is admitted while the one
   before it runs. */
enum { IN_ENV, IN_COUNTERS, IN_RAW, IN_RAW_OFF, IN_TXS, IN_HASHES, IN_ITEMS, IN_SENDERS, IN_CNT };

typedef struct {
    hd_pipe_room rooms[IN_CNT];
    hd_pipe pipe;            /* the fields of admission */
    hd_pipeline_block block; /* as it was given */
    uint32_t is_begun;
    size_t data_sz; /* of the bytes, with the room for lists */
} hd_pipe_intake;

/* Codes of the backend, which come in any order, and where they are in the state behind. Bytes and
   words are reserved, so that codes never move while lanes run. */
typedef struct {
    uint32_t *to;   /* of each code behind: index among the resident + 1; 0: not there */
    uint32_t *from; /* of each resident code: index behind */
    size_t to_cap, from_cap;
    uint64_t byte_cnt, word_cnt; /* in use */
    uint64_t byte_cap, word_cap;
    uint32_t cap; /* of the table */
} hd_pipe_codes;

/* A block's differences on their way into the state behind. */
typedef struct {
    hd_pipe_diff_account *accounts; /* pinned */
    hd_pipe_diff_slot *slots;       /* pinned */
    size_t account_cap, slot_cap;
    uint32_t account_cnt, slot_cnt;
    uint32_t code_cnt; /* resident codes that they name */
    uint32_t reserved;
    uint64_t number; /* of the block */
} hd_pipe_diff;

/* The state behind a pipeline. The thread applies differences and tells the sink; all it uses
   (state, diff, undo, bulk, pool) is its own while is_busy. */
typedef struct {
    hd_state *s; /* NULL: there is none */
    hd_pipeline_behind options;
    hd_pool *pool;
    hd_state_bulk *bulk;
    hd_undo undo; /* of the block that entered last */
    hd_pipe_diff diff;
    hd_exec *exec;       /* the host's path; NULL: not needed yet */
    hd_state_trie *trie; /* with a working set, or when the device is lost; NULL: not needed yet */
    hd_hash root;        /* after the last block */
    hd_err err;          /* kept: of the sink, or of applying */
    int is_lost;         /* the device */
    int is_set;          /* a working set */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int has_thread, is_busy, is_closing;
} hd_pipe_behind;

/* What of it is resident. */
typedef struct {
    hd_world_supply supply;
    pthread_mutex_t gate; /* who waits to change the world holds up those who would look at it */
    pthread_rwlock_t lock;
    uint32_t *table; /* of needs seen: index + 1 */
    size_t table_cap;
    hd_world_account *accounts; /* pinned: on their way up */
    hd_pipe_new_slot *slots;
    size_t account_cap, slot_cap;
    uint64_t supply_cnt; /* of the block */
    int is_spoilt;       /* tables may be half made: begin anew */
} hd_pipe_working_set;

struct hd_pipeline {
    const hd_pipe_engine *e;
    void *ctx;
    hd_pipe_room rooms[M_CNT];
    hd_pipe_intake in[2];
    uint32_t in_idx; /* of the block that runs, or that runs next */
    hd_pipe pipe;
    hd_pipe_counters counters; /* as last read */
    uint32_t backend;
    uint32_t threads;
    uint32_t is_loaded;
    uint32_t account_cap;
    size_t data_sz;        /* of the block's bytes, with the room for lists */
    uint32_t tagged_cnt;   /* so many more blocks begin with loads followed */
    uint32_t hopeless_cnt; /* for so many more, following them is not hoped to bring much */
    hd_pipe_codes codes;
    hd_pipe_behind behind;
    hd_pipe_working_set set;
};

#define TRY(call) \
    do { \
        hd_err try_ = (call); \
        if (try_ != HD_OK) \
            return try_; \
    } while (0)

#define ROOM_AT(room, field, cnt) \
    TRY(hd_pipe_room_make(p, room, (void **)&(field), (size_t)(cnt) * sizeof(*(field))))
#define ROOM(which, field, cnt) ROOM_AT(&p->rooms[which], field, cnt)

/* ---- hd_pipeline.c ---- */

/* Room for sz bytes; what was there is lost. */
hd_err hd_pipe_room_make(hd_pipeline *p, hd_pipe_room *room, void **out, size_t sz);
hd_err hd_pipe_phase(hd_pipeline *p, uint32_t phase, uint32_t cnt);
hd_err hd_pipe_counters_put(hd_pipeline *p);
hd_err hd_pipe_counters_get(hd_pipeline *p);
/* An array of the host's has room for element idx; what is new is zero. HD_ERR_NOMEM. */
hd_err hd_pipe_array_make(void **array, size_t *cap, size_t idx, size_t elem_sz);
uint32_t hd_pipe_table_cap(uint64_t cnt); /* of a table for so many */
/* New slot tables of cap places; old ones (cnt places, or none) are put in and given back. */
hd_err hd_pipe_slots_make(hd_pipeline *p, uint32_t cap, hd_world_slot *old, uint32_t old_cnt);
/* Account tables for cap accounts, of which cnt are there. */
hd_err hd_pipe_accounts_make(hd_pipeline *p, uint32_t cap, uint32_t cnt);
/* Accounts and slots that are set as keys with versions enter tables (and, with root, tries). */
hd_err hd_pipe_commit(hd_pipeline *p);
hd_err hd_pipe_root(hd_hash *root, hd_pipeline *p);
/* Everything of the state behind (or of s, which may be it) becomes resident. */
hd_err hd_pipe_load_all(hd_hash *root, hd_pipeline *p, const hd_state *s);
hd_err hd_pipe_make_room(hd_pipeline *p);

/* The resident code that is code_idx behind, sent up where it is not there. With a working set
   HD_ERR_LIMIT: there is no more room for codes. */
hd_err hd_pipe_code(hd_pipeline *p, uint32_t *out, uint32_t code_idx);

/* ---- hd_pipeline_intake.c ---- */

hd_err hd_pipe_block_check(const hd_pipeline_block *b);
/* The block's transactions with their senders become those that run: from what was prepared, else
   from the start. counters.why says whether all were admitted. */
hd_err hd_pipe_admitted(hd_pipeline_result *out, hd_pipeline *p, const hd_pipeline_block *b);
/* Its memory is given back, and what was prepared is void. */
void hd_pipe_intake_close(hd_pipeline *p);

/* ---- hd_pipeline_behind.c ---- */

/* Waits until differences that are on their way have entered; a kept error. */
hd_err hd_pipe_behind_wait(hd_pipeline *p);
/* The differences that the commit made are brought down beside what follows; _end waits for that.
 */
hd_err hd_pipe_diff_begin(hd_pipeline *p);
hd_err hd_pipe_diff_end(hd_pipeline *p, uint64_t number);
/* They enter: now, with the root from the host's tries, or by the thread. */
hd_err hd_pipe_diff_enter(hd_hash *root, hd_pipeline *p);
hd_err hd_pipe_diff_hand_over(hd_pipeline *p);
/* The block on the state behind, and what it changed to the backend. senders: as the backend found
   them, or NULL. */
hd_err hd_pipe_run_behind(hd_pipeline_result *out, hd_pipeline *p, hd_msg *msg,
                          const hd_pipeline_block *b, const hd_recover_result *senders);
/* What a failed device means. */
void hd_pipe_lose_device(hd_pipeline *p);
/* No state behind any more; differences on their way enter before. */
void hd_pipe_behind_close(hd_pipeline *p);

/* ---- hd_pipeline_set.c ---- */

hd_err hd_pipe_set_open(hd_pipeline *p);
void hd_pipe_set_close(hd_pipeline *p);
/* Nothing is resident any more. */
hd_err hd_pipe_set_reset(hd_pipeline *p);
/* Before the first round: senders, recipients, the coinbase. */
hd_err hd_pipe_set_prefetch(hd_pipeline *p, const hd_address *coinbase);
/* Before a block, and after one that was committed. */
hd_err hd_pipe_set_begin(hd_pipeline *p);
hd_err hd_pipe_set_end(hd_pipeline *p, hd_pipeline_result *out);

#endif
