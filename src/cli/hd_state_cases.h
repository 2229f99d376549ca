/* hd_state_cases.h - state test files expanded into transactions that can run as one batch. */
#ifndef HD_STATE_CASES_H
#define HD_STATE_CASES_H

#include "cli/hd_cli.h"
#include "cli/hd_state_json.h"

#define HD_STATE_CASE_NO_TX UINT32_MAX
#define HD_STATE_CASE_CONFIG 1u  /* the file has "config": a refusal leaves the pre-state */
#define HD_STATE_CASE_SKIPPED 2u /* not a state test of a kind that we know */
#define HD_STATE_CASE_UNKNOWN_FORK 4u

/* One entry of a test's "post". Texts are offsets into hd_state_cases.text, NUL-terminated. */
typedef struct {
    hd_hash root; /* expected */
    hd_hash logs_hash;
    uint64_t name_off;
    uint64_t fork_off;
    uint64_t exception_off; /* an empty text: none is expected */
    uint32_t path_idx;
    uint32_t tx_idx; /* HD_STATE_CASE_NO_TX: cannot be encoded or is not run */
    uint32_t alloc_idx;
    uint32_t env_idx;
    uint32_t status; /* HD_TX_INVALID... where there is no transaction to run */
    uint32_t flags;  /* HD_STATE_CASE_... */
    uint32_t data_idx, gas_idx, value_idx;
} hd_state_case;

/* Zeroed is empty. world_idx of each transaction is its alloc's index. */
typedef struct {
    hd_buf cases; /* hd_state_case */
    hd_buf txs;   /* hd_tx */
    hd_buf envs;  /* hd_env */
    hd_buf data;  /* what the transactions' offsets point into */
    hd_buf text;
    hd_alloc *allocs;
    size_t alloc_cnt, alloc_max;
} hd_state_cases;

typedef struct {
    const char *name;    /* cases whose name holds this text; NULL: all */
    uint32_t fork;       /* HD_FORK_...; HD_FORK_CNT: all */
    uint32_t sample_pct; /* chosen by a hash of file name, case name, fork and indexes; 100: all */
} hd_state_filter;

size_t hd_state_cases_cnt(const hd_state_cases *c);
const hd_state_case *hd_state_cases_at(const hd_state_cases *c, size_t idx);
const char *hd_state_cases_text(const hd_state_cases *c, uint64_t off);

/* hd_state_cases_load appends the cases of a file. What cannot be read is left out and told in
   part. Returns HD_OK or HD_ERR_NOMEM. */
hd_err hd_state_cases_load(hd_state_cases *c, hd_cli_part *part, const char *path,
                           uint32_t path_idx, const hd_state_filter *filter);
void hd_state_cases_clear(hd_state_cases *c); /* keeps the memory */
void hd_state_cases_free(hd_state_cases *c);

#endif
