/* hd_cmd_witness.c - `heddle witness`: writes what a block looked at, and proves that the block
   executes from that alone. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hd_cmd.h"
#include "cli/hd_state_json.h"
#include "cli/hd_witness.h"

#define PATHS_MAX 4096u
#define PATH_SZ 4096u

enum {
    OPTION_OUT = HD_REPLAY_OPTION_END,
};

static const hd_cli_option options[] = {
    HD_REPLAY_OPTIONS,
    {"--out", "FOLDER", "where a folder for each block is made (witness)", OPTION_OUT},
};

static const hd_cli_spec spec = {
    "witness",
    "[OPTION...] DIR...",
    "Execute blocks as `heddle replay` does and write the accounts, slots, codes and block hashes\n"
    "that each looked at to FOLDER/NUMBER, in the form that replay reads. The block is executed\n"
    "again from these files alone, and must end the same.",
    "heddle witness --out /tmp/witness blocks/46147",
    options,
    sizeof options / sizeof options[0]};

typedef struct {
    const char *out;
    hd_replay replay; /* from DIR */
    hd_replay again;  /* from the witness: with books of its own */
    hd_replay_block block, second;
    hd_witness witness;
} session;

/* Executes b; 1 when it is valid, else 0 with msg. */
static hd_err run_block(int *is_right, hd_msg *msg, hd_replay_block *b, hd_replay *r) {
    hd_err err = hd_replay_check(is_right, msg, b, r);
    if (err != HD_OK || !*is_right)
        return err;
    err = hd_replay_run(b, r);
    if (err == HD_OK && b->verdict.status != HD_BLOCK_VALID) {
        *is_right = 0;
        *msg = b->verdict.msg;
    }
    return err;
}

/* The two executions must agree in all that does not hang on the rest of the state. */
static int is_same(hd_msg *msg, const session *s) {
    const hd_block_result *a = &s->block.result, *b = &s->second.result;
    if (a->gas_used != b->gas_used || memcmp(a->bloom, b->bloom, sizeof a->bloom) != 0 ||
        memcmp(&a->receipts_root, &b->receipts_root, sizeof a->receipts_root) != 0) {
        hd_msg_set(msg, "gas, bloom or receipts are others");
        return 0;
    }
    return hd_witness_compare(msg, &s->witness, s->block.state, s->second.state);
}

static hd_err make(int *is_right, hd_witness_stats *stats, hd_msg *msg, session *s,
                   const char *from, const char *to) {
    hd_witness_clear(&s->witness);
    s->block.access = hd_witness_note;
    s->block.access_ctx = &s->witness;
    hd_err err = hd_replay_load(&s->block, msg, &s->replay, from);
    if (err == HD_OK)
        err = run_block(is_right, msg, &s->block, &s->replay);
    if (err != HD_OK || !*is_right)
        return err;
    err = hd_witness_finish(&s->witness, &s->block.undo);
    if (err == HD_OK)
        err = hd_witness_write(stats, msg, &s->witness, &s->block, from, to);
    if (err == HD_OK)
        err = hd_replay_load(&s->second, msg, &s->again, to);
    if (err == HD_OK)
        err = run_block(is_right, msg, &s->second, &s->again);
    if (err == HD_OK && *is_right)
        *is_right = is_same(msg, s);
    if (err == HD_OK && !*is_right)
        hd_msg_prefix(msg, "from the witness alone it ends otherwise: ");
    return err;
}

/* Returns an exit status. */
static int witness_dir(session *s, const char *from) {
    hd_witness_stats stats = {0};
    hd_msg msg = {""};
    char to[PATH_SZ];
    int is_right = 0;
    /* The number is not known before the block is read; a first look at it costs little. */
    hd_err err = hd_replay_load(&s->block, &msg, &s->replay, from);
    uint64_t number = s->block.json.block.header.number;
    int sz = snprintf(to, sizeof to, "%s/%" PRIu64, s->out, number);
    if (err == HD_OK && (sz < 0 || sz >= (int)sizeof to))
        err = HD_ERR_LIMIT;
    if (err == HD_OK)
        err = make(&is_right, &stats, &msg, s, from, to);
    if (err != HD_OK) {
        fprintf(stderr, "heddle witness: %s%s%s\n", msg.text[0] ? "" : from,
                msg.text[0] ? "" : ": ", msg.text[0] ? msg.text : hd_err_name(err));
        return HD_EXIT_USAGE;
    }
    if (!is_right) {
        printf("block %-9" PRIu64 " FAILED: %s\n", number, msg.text);
        return HD_EXIT_FAILED;
    }
    printf("block %-9" PRIu64 " %-14s %5u txs  %6" PRIu64 " accounts %6" PRIu64 " slots %4" PRIu64
           " codes (%" PRIu64 " bytes) %2" PRIu64 " hashes  ok: %s\n",
           number, hd_fork_name(s->block.rules.fork), s->block.json.block.tx_cnt, stats.account_cnt,
           stats.slot_cnt, stats.code_cnt, stats.code_sz, stats.hash_cnt, to);
    fflush(stdout);
    return HD_EXIT_OK;
}

static int run(const hd_replay_options *o, const char *out, char **paths, size_t path_cnt) {
    static session s; /* holds headers and more: too large for the stack */
    hd_replay_dirs dirs;
    hd_msg msg = {""};
    hd_replay_options own = *o;
    memset(&s, 0, sizeof s);
    s.out = out;
    hd_err err = hd_replay_find(&dirs, &msg, paths, path_cnt);
    if (err != HD_OK) {
        fprintf(stderr, "heddle witness: %s\n", msg.text[0] ? msg.text : hd_err_name(err));
        return HD_EXIT_USAGE;
    }
    own.codes_path = own.hashes_path = NULL; /* the witness's own */
    int status = hd_replay_open(&s.replay, o);
    if (status == HD_EXIT_OK)
        status = hd_replay_open(&s.again, &own);
    for (size_t i = 0; i < dirs.dir_cnt && status != HD_EXIT_USAGE; i++) {
        int one = witness_dir(&s, dirs.dirs[i]);
        status = HD_MAX(status, one);
    }
    hd_witness_free(&s.witness);
    hd_replay_block_free(&s.block);
    hd_replay_block_free(&s.second);
    hd_replay_close(&s.replay);
    hd_replay_close(&s.again);
    hd_replay_dirs_free(&dirs);
    return status;
}

int hd_cmd_witness(int argc, char **argv) {
    hd_cli cli;
    int id;
    char *paths[PATHS_MAX];
    size_t path_cnt = 0;
    const char *out = "witness";
    hd_replay_options o = {.command = "witness"};
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        int is_right = 1;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case OPTION_OUT: out = cli.value; break;
        case HD_CLI_ARG:
            if (path_cnt == PATHS_MAX)
                return hd_cli_wrong(&cli, "more than %u folders", PATHS_MAX);
            paths[path_cnt++] = (char *)(uintptr_t)cli.value;
            break;
        default: is_right = hd_replay_option(&o, &cli, id);
        }
        if (!is_right)
            return HD_EXIT_USAGE;
    }
    if (!path_cnt)
        return hd_cli_wrong(&cli, "a folder is expected");
    return run(&o, out, paths, path_cnt);
}
