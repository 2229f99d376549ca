/* hd_replay.h - what `heddle replay` and `heddle witness` share: finding blocks with the state
   before them in folders, loading one, executing it. */
#ifndef HD_REPLAY_H
#define HD_REPLAY_H

#include "cli/hd_block_json.h"
#include "cli/hd_cli.h"
#include "exec/hd_block_exec.h"

/* Options that both commands have; ids below HD_REPLAY_OPTION_END. */
enum {
    HD_REPLAY_OPTION_BYTECODES = 1,
    HD_REPLAY_OPTION_BLOCK_HASHES,
    HD_REPLAY_OPTION_BACKEND,
    HD_REPLAY_OPTION_THREADS,
    HD_REPLAY_OPTION_SERIAL,
    HD_REPLAY_OPTION_END
};
#define HD_REPLAY_OPTIONS \
    {"--bytecodes", "FILE", "codes by hash (bytecodes.json beside or above DIR)", \
     HD_REPLAY_OPTION_BYTECODES}, \
        {"--block-hashes", "FILE", "block hashes by number (block_hashes.json, likewise)", \
         HD_REPLAY_OPTION_BLOCK_HASHES}, \
        {"--backend", "NAME", "auto, host, cuda or tiled (auto)", HD_REPLAY_OPTION_BACKEND}, \
        {"--threads", "COUNT", "worker threads (all cores)", HD_REPLAY_OPTION_THREADS}, { \
        "--serial", NULL, "one transaction after the other, on one thread", \
            HD_REPLAY_OPTION_SERIAL \
    }

typedef struct {
    const char *command;     /* for messages */
    const char *codes_path;  /* NULL: found */
    const char *hashes_path; /* NULL: found */
    uint64_t threads;        /* 0: all cores */
    uint32_t backend;
    int is_serial;
} hd_replay_options;

/* Takes one of the options above: 1, or 0 after a line was printed. */
int hd_replay_option(hd_replay_options *o, const hd_cli *cli, int id);

/* Folders with a block.json, at or below the paths, each path's in order of block number where the
   folders' names are numbers. HD_ERR_ABSENT, HD_ERR_IO, HD_ERR_NOMEM with msg. */
typedef struct {
    char **dirs;
    size_t dir_cnt;
} hd_replay_dirs;
hd_err hd_replay_find(hd_replay_dirs *out, hd_msg *msg, char **paths, size_t path_cnt);
void hd_replay_dirs_free(hd_replay_dirs *dirs);

/* A backend and the books that many blocks share. */
typedef struct {
    hd_replay_options o;
    hd_exec *exec;
    hd_pool *pool;
    hd_chain_config config;
    hd_code_book codes; /* of codes_from */
    hd_block_hash_book hashes;
    char *codes_from; /* path */
    char *hashes_from;
} hd_replay;

/* Prints a line and returns HD_EXIT_USAGE, or returns HD_EXIT_OK. */
int hd_replay_open(hd_replay *r, const hd_replay_options *o);
void hd_replay_close(hd_replay *r);

/* One block with the state before it. Zeroed is empty; reused by the next load. */
typedef struct {
    hd_block_json json;
    hd_chain_rules rules;
    hd_state *first; /* before the block */
    hd_state *state; /* after hd_replay_run */
    hd_undo undo;    /* from state back to first */
    hd_block_result result;
    hd_block_verdict verdict;
    const hd_block_hash_book *hashes;
    uint64_t hash_missing; /* a BLOCKHASH that could not be answered; 0: none */
    /* As in hd_block_exec_options; the caller's. */
    hd_err (*access)(void *ctx, const hd_receipt *r, const hd_results *from);
    void *access_ctx;
    /* Which of the last 256 hashes were asked for, bit number % 256. */
    uint64_t hash_asked[4];
} hd_replay_block;

/* hd_replay_load reads DIR. Errors with msg. */
hd_err hd_replay_load(hd_replay_block *b, hd_msg *msg, hd_replay *r, const char *dir);
void hd_replay_block_free(hd_replay_block *b);

/* hd_replay_check compares what needs no execution: the header's hash, the roots of transactions
   and withdrawals, each transaction's hash; recovers the senders and compares them. 1 when all is
   as the JSON says, else 0 with msg. An error is our own. */
hd_err hd_replay_check(int *is_right, hd_msg *msg, hd_replay_block *b, hd_replay *r);

/* hd_replay_run executes the block on a copy of the first state; verdict, result and state are the
   block's. Errors of hd_block_exec and hd_state_copy. */
hd_err hd_replay_run(hd_replay_block *b, hd_replay *r);

#endif
