/* hd_cmd_export.c - `heddle export`: a store's canonical blocks in RLP, or a snapshot of its state.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "base/hd_log.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "exec/hd_chain_disk.h"
#include "state/hd_snapshot.h"

enum { OPTION_DATADIR = 1, OPTION_FIRST, OPTION_LAST, OPTION_SNAPSHOT };

static const hd_cli_option options[] = {
    {"--datadir", "DIR", "folder of the store", OPTION_DATADIR},
    {"--first", "N", "first block (1)", OPTION_FIRST},
    {"--last", "N", "last block (the head)", OPTION_LAST},
    {"--snapshot", NULL, "write a snapshot of the state at the head instead", OPTION_SNAPSHOT},
};

static const hd_cli_spec spec = {
    "export",
    "--datadir DIR [OPTION...] FILE",
    "Export the canonical blocks of a store in RLP, one after the other, as `heddle import` reads\n"
    "them (\"-\": standard output); or with --snapshot the whole state at the head with its codes\n"
    "and the last 256 headers, from which a new store can begin.",
    "heddle export --datadir chain --snapshot head.snapshot",
    options,
    sizeof options / sizeof options[0]};

typedef struct {
    const char *dir;
    const char *path;
    uint64_t first, last;
    int is_snapshot;
} arguments;

static int fail(hd_err err, const hd_msg *msg, const char *what) {
    if (msg->text[0])
        fprintf(stderr, "heddle export: %s\n", msg->text);
    else
        fprintf(stderr, "heddle export: %s: %s\n", what, hd_err_name(err));
    return HD_EXIT_USAGE;
}

static int export_snapshot(const arguments *a, hd_store_read *r) {
    hd_msg msg = {{0}};
    hd_snapshot_info info;
    char hash[65];
    hd_err err = hd_snapshot_export(&info, &msg, a->path, r);
    if (err != HD_OK)
        return fail(err, &msg, a->path);
    hd_hex_encode(hash, sizeof hash, info.head.hash.b, sizeof info.head.hash.b);
    fprintf(stderr,
            "snapshot of block %llu 0x%s: %llu accounts, %llu slots, %llu codes, %llu bytes\n",
            (unsigned long long)info.head.number, hash, (unsigned long long)info.account_cnt,
            (unsigned long long)info.slot_cnt, (unsigned long long)info.code_cnt,
            (unsigned long long)info.file_sz);
    return HD_EXIT_OK;
}

static int export_blocks(const arguments *a, hd_store_read *r) {
    hd_msg msg = {{0}};
    hd_store_head head;
    hd_buf rlp;
    hd_progress progress;
    int status = HD_EXIT_OK;
    hd_err err = hd_store_get_head(&head, &msg, r);
    if (err != HD_OK)
        return fail(err, &msg, a->dir);
    uint64_t last = a->last == UINT64_MAX ? head.number : a->last;
    if (last > head.number || a->first > last) {
        fprintf(stderr, "heddle export: blocks %llu to %llu are not there: the head is %llu\n",
                (unsigned long long)a->first, (unsigned long long)last,
                (unsigned long long)head.number);
        return HD_EXIT_USAGE;
    }
    FILE *file = strcmp(a->path, "-") == 0 ? stdout : fopen(a->path, "wb");
    if (!file) {
        fprintf(stderr, "heddle export: %s: %s\n", a->path, strerror(errno));
        return HD_EXIT_USAGE;
    }
    hd_buf_init(&rlp);
    hd_progress_init(&progress, "blocks", last - a->first + 1);
    for (uint64_t n = a->first; n <= last && status == HD_EXIT_OK; n++) {
        hd_hash hash;
        hd_buf_clear(&rlp);
        err = hd_store_get_canonical(&hash, &msg, r, n);
        if (err == HD_OK)
            err = hd_chain_disk_block(&rlp, &msg, r, n, &hash);
        if (err != HD_OK)
            status = fail(err, &msg, a->dir);
        else if (fwrite(rlp.data, 1, rlp.sz, file) != rlp.sz)
            status = -1;
        hd_progress_add(&progress, 1);
    }
    hd_progress_end(&progress);
    if ((file == stdout ? fflush(file) : fclose(file)) != 0)
        status = -1;
    if (status == -1) {
        fprintf(stderr, "heddle export: %s: %s\n", a->path, strerror(errno));
        status = HD_EXIT_USAGE;
    }
    hd_buf_free(&rlp);
    return status;
}

int hd_cmd_export(int argc, char **argv) {
    arguments a = {NULL, NULL, 1, UINT64_MAX, 0};
    hd_store_options store_options = {HD_STORE_READ_ONLY, 0, 0};
    hd_store *store;
    hd_store_read *r;
    hd_msg msg = {{0}};
    hd_cli cli;
    int id;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case HD_CLI_ARG:
            if (a.path)
                return hd_cli_wrong(&cli, "one file is expected, not also \"%.80s\"", cli.value);
            a.path = cli.value;
            break;
        case OPTION_DATADIR: a.dir = cli.value; break;
        case OPTION_FIRST:
            if (!hd_cli_u64(&a.first, &cli, 0, UINT64_MAX - 1))
                return HD_EXIT_USAGE;
            break;
        case OPTION_LAST:
            if (!hd_cli_u64(&a.last, &cli, 0, UINT64_MAX - 1))
                return HD_EXIT_USAGE;
            break;
        case OPTION_SNAPSHOT: a.is_snapshot = 1; break;
        }
    }
    if (!a.dir)
        return hd_cli_wrong(&cli, "--datadir is needed");
    if (!a.path)
        return hd_cli_wrong(&cli, "a file to write is expected");
    hd_err err = hd_store_open(&store, &msg, a.dir, &store_options);
    if (err != HD_OK)
        return fail(err, &msg, a.dir);
    err = hd_store_read_begin(&r, &msg, store);
    if (err != HD_OK) {
        hd_store_close(store, NULL);
        return fail(err, &msg, a.dir);
    }
    int status = a.is_snapshot ? export_snapshot(&a, r) : export_blocks(&a, r);
    hd_store_read_end(r);
    hd_store_close(store, NULL);
    return status;
}
