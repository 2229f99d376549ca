/* hd_bench.h - what the files of `heddle bench` share: options, rows, the kinds of benchmark.
 */
#ifndef HD_BENCH_H
#define HD_BENCH_H

#include <stdio.h>

#include "base/hd_msg.h"
#include "exec/hd_exec.h"

#define HD_BENCH_REPEAT_MAX 1000u

typedef struct {
    const char *fixtures; /* folder; NULL: where they usually are */
    const char *csv_path; /* NULL: none */
    FILE *csv;
    uint64_t tx_cnt; /* 0: by benchmark and backend */
    uint64_t repeat_cnt;
    uint64_t threads; /* 0: by benchmark */
    uint64_t seed;
    uint64_t account_cnt;
    uint32_t backend; /* HD_BACKEND_... */
    int is_receipts;  /* receipts only */
    int is_ordered;
    int is_checked;
    int is_stored;         /* pipeline: a state behind it is kept equal */
    uint64_t resident_max; /* pipeline: bytes of its working set; 0: all is resident */
    int is_cpu_time;       /* evm on one thread of the host: without the time that others took */
} hd_bench_options;

/* One measurement. */
typedef struct {
    const char *workload;
    const char *name; /* of the case */
    uint32_t backend;
    uint32_t threads; /* 0: cuda */
    uint64_t tx_cnt;
    uint64_t gas;       /* of all transactions, once */
    uint64_t median_ns; /* of running all transactions once */
    uint64_t kernel_ns; /* of the same run */
} hd_bench_row;

const char *hd_bench_backend_name(uint32_t backend);
/* hd_bench_put prints a row of the table and of the CSV file. */
void hd_bench_put(const hd_bench_options *o, const hd_bench_row *row);
/* hd_bench_csv_open opens a file of rows to append to, with its headline when it is new; 0 after a
   line was printed in the command's name. The caller closes it. */
int hd_bench_csv_open(FILE **out, const char *command, const char *path);
void hd_bench_csv_put(FILE *csv, const hd_bench_row *row);

typedef struct {
    uint64_t ns;
    uint64_t kernel_ns;
} hd_bench_sample;

/* The sample in the middle by ns; sorts them. cnt >= 1. */
hd_bench_sample hd_bench_median(hd_bench_sample *samples, size_t cnt);

/* All return HD_OK, or an error with msg; HD_ERR_CORRUPT: a result is wrong. */

/* evm-benchmarks: each of their files' cases, whose names hold filter (NULL: all). The expected
   state root is checked first. HD_ERR_ABSENT: no such file or case. */
hd_err hd_bench_evm(hd_msg *msg, const hd_bench_options *o, const char *filter);
/* Blocks of a gigagas, or the one whose name is filter: serially, on one thread and on all of them
   in parallel mode, and as many serial copies at once as there are threads; every root is compared
   with the serial one. HD_ERR_ABSENT: no such block. */
hd_err hd_bench_blocks(hd_msg *msg, const hd_bench_options *o, const char *filter);
/* A workload of hd_workload.h. */
hd_err hd_bench_workload(hd_msg *msg, const hd_bench_options *o, uint32_t kind);
/* The state root after blocks of token transfers (hd_bench_trie.c). n of its rows counts leaves. */
hd_err hd_bench_trie(hd_msg *msg, const hd_bench_options *o);
/* Blocks of signed token transfers from raw bytes to receipts and state root, or those whose name
   is filter. Four rows each: execution alone, then with conflicts, signatures, roots and receipts.
   Every block is compared with the host's execution. HD_ERR_ABSENT: no such block or backend. */
hd_err hd_bench_pipeline(hd_msg *msg, const hd_bench_options *o, const char *filter);
/* Signature recovery, of valid items and of a mix; every item (of large batches, one in 16) is
   checked by libsecp256k1 first. */
hd_err hd_bench_recover(hd_msg *msg, const hd_bench_options *o);

#endif
