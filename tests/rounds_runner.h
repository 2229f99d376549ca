/* rounds_runner.h - random blocks, each in several ways, compared with serial execution. */
#ifndef ROUNDS_RUNNER_H
#define ROUNDS_RUNNER_H

#include <stdio.h>
#include <string.h>

#include "exec/hd_exec_ordered.h"
#include "random_blocks.h"

#define WAY_MAX 16u
#define WHY_SZ 256

typedef struct {
    block_way ways[WAY_MAX];
    hd_exec *x[WAY_MAX]; /* ways with the same backend and threads share one */
    uint32_t way_cnt;
    random_block block;
    hd_state *scratch;
    block_tally tally;
    hd_ordered_stats stats; /* summed over all ways */
} runner;

static inline const char *backend_name(uint32_t backend) {
    switch (backend) {
    case HD_BACKEND_CUDA: return "cuda";
    case HD_BACKEND_TILED: return "tiled";
    case HD_BACKEND_SWITCH: return "switch";
    default: return "host";
    }
}

static inline hd_err runner_open(runner *run, const block_way *ways, uint32_t way_cnt) {
    memset(run, 0, sizeof *run);
    run->scratch = hd_state_new();
    hd_err err = run->scratch && way_cnt <= WAY_MAX ? HD_OK : HD_ERR_NOMEM;
    for (uint32_t i = 0; err == HD_OK && i < way_cnt; i++) {
        hd_exec_options options = {.backend = ways[i].backend, .threads = ways[i].threads};
        run->ways[i] = ways[i];
        run->way_cnt++;
        for (uint32_t k = 0; k < i && !run->x[i]; k++)
            if (ways[k].backend == ways[i].backend && ways[k].threads == ways[i].threads)
                run->x[i] = run->x[k];
        if (!run->x[i])
            err = hd_exec_open(&run->x[i], &options);
    }
    return err;
}

static inline void runner_close(runner *run) {
    for (uint32_t i = 0; i < run->way_cnt; i++) {
        int is_shared = 0;
        for (uint32_t k = 0; k < i; k++)
            is_shared |= run->x[k] == run->x[i];
        if (!is_shared)
            hd_exec_close(run->x[i]);
    }
    random_block_free(&run->block);
    hd_state_free(run->scratch);
}

/* One seed in all ways. 0 and a line about the first that failed, else 1. */
static inline int runner_seed(runner *run, uint64_t seed, uint32_t tx_max) {
    const random_block *b = &run->block;
    char why[WHY_SZ];
    hd_err err = random_block_make(&run->block, &run->tally, seed, tx_max);
    if (err != HD_OK) {
        printf("seed %llu: it cannot be made: %s\n", (unsigned long long)seed, hd_err_name(err));
        return 0;
    }
    for (uint32_t i = 0; i < run->way_cnt; i++) {
        const block_way *w = &run->ways[i];
        hd_ordered_stats stats;
        memset(&stats, 0, sizeof stats);
        err = random_block_check(why, sizeof why, &stats, b, run->x[i], run->scratch, w);
        run->stats.chunk_tx_cnt += stats.chunk_tx_cnt;
        run->stats.rerun_cnt += stats.rerun_cnt;
        run->stats.serial_cnt += stats.serial_cnt;
        run->stats.sum_cnt += stats.sum_cnt;
        run->stats.round_cnt += stats.round_cnt;
        run->stats.device_round_cnt += stats.device_round_cnt;
        run->stats.device_lost_cnt += stats.device_lost_cnt;
        if (err == HD_OK)
            continue;
        printf("seed %llu, at most %u transactions: fork %u, %u transactions in %u blocks, "
               "%u accounts, %u slots, %u %% hot; %s, %u threads, chunks of %u, flags %u: "
               "%s\n",
               (unsigned long long)seed, tx_max, b->fork, b->tx_cnt, b->env_cnt, b->pool_cnt,
               b->slot_cnt, b->hot_percent, backend_name(w->backend), w->threads, w->chunk_cnt,
               w->flags, why[0] ? why : hd_err_name(err));
        return 0;
    }
    return 1;
}

static inline void tally_print(const runner *run) {
    const block_tally *t = &run->tally;
    printf("%llu blocks, %llu transactions: %llu succeeded, %llu reverted, %llu halted, "
           "%llu refused; %llu logs, %llu accounts created, %llu deleted, %llu codes set\n",
           (unsigned long long)t->block_cnt, (unsigned long long)t->tx_cnt,
           (unsigned long long)t->success_cnt, (unsigned long long)t->revert_cnt,
           (unsigned long long)t->halt_cnt, (unsigned long long)t->refused_cnt,
           (unsigned long long)t->log_cnt, (unsigned long long)t->created_cnt,
           (unsigned long long)t->deleted_cnt, (unsigned long long)t->code_cnt);
    printf(
        "in %u ways: %llu ran at once, of which %llu ran again, and left %llu slots as sums; %llu "
        "alone; %llu rounds, %llu of them a device's; %llu chunks that a device failed at\n",
        run->way_cnt, (unsigned long long)run->stats.chunk_tx_cnt,
        (unsigned long long)run->stats.rerun_cnt, (unsigned long long)run->stats.sum_cnt,
        (unsigned long long)run->stats.serial_cnt, (unsigned long long)run->stats.round_cnt,
        (unsigned long long)run->stats.device_round_cnt,
        (unsigned long long)run->stats.device_lost_cnt);
}

#endif
