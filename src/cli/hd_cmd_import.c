/* hd_cmd_import.c - `heddle import`: blocks into a store, each validated, executed and committed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_hex.h"
#include "base/hd_json.h"
#include "base/hd_log.h"
#include "base/hd_rlp.h"
#include "base/hd_threads.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "cli/hd_rlp_stream.h"
#include "crypto/hd_keccak.h"
#include "exec/hd_chain_disk.h"
#include "exec/hd_genesis.h"
#include "state/hd_snapshot.h"

#define GENESIS_SZ_MAX (1ull << 31)
#define JSON_DEPTH_MAX 64u

enum {
    OPTION_DATADIR = 1,
    OPTION_GENESIS,
    OPTION_SNAPSHOT,
    OPTION_BACKEND,
    OPTION_THREADS,
    OPTION_SERIAL,
    OPTION_STATES,
    OPTION_ARCHIVE,
    OPTION_NO_SYNC
};

static const hd_cli_option options[] = {
    {"--datadir", "DIR", "folder of the store; it is made when it is not there", OPTION_DATADIR},
    {"--genesis", "FILE", "genesis.json in go-ethereum's format; for a new store", OPTION_GENESIS},
    {"--snapshot", "FILE", "begin a new store from a snapshot", OPTION_SNAPSHOT},
    {"--backend", "B", "auto, host, cuda or tiled (host)", OPTION_BACKEND},
    {"--threads", "N", "worker threads; 0: all cores (0)", OPTION_THREADS},
    {"--serial", NULL, "run the transactions of a block one after the other", OPTION_SERIAL},
    {"--states", "N", "keep the states of the last N blocks (128)", OPTION_STATES},
    {"--archive", NULL, "keep all of them; for a new store", OPTION_ARCHIVE},
    {"--no-sync", NULL, "wait for the disk only at the end", OPTION_NO_SYNC},
};

static const hd_cli_spec spec = {
    "import",
    "--datadir DIR [OPTION...] [FILE...]",
    "Import blocks: FILEs hold them in RLP one after the other (\"-\": standard input). Each is\n"
    "validated, executed and committed at once, so that an import may end at any time and be "
    "begun\n"
    "again; blocks that are known are passed over. A block of another branch reorganises the "
    "chain\n"
    "where the fork choice says so. Without a FILE the store is checked and its head printed.\n"
    "Exit status: 0 all blocks are in the store, 1 one was refused, 2 usage or unreadable input.",
    "heddle import --datadir chain --genesis genesis.json chain.rlp",
    options,
    sizeof options / sizeof options[0]};

typedef struct {
    const char *dir;
    const char *genesis;
    const char *snapshot;
    uint32_t backend;
    uint32_t thread_cnt;
    int is_serial;
    hd_store_options store;
} arguments;

typedef struct {
    arguments args;
    hd_store *store;
    hd_state *state;
    hd_chain_disk *disk;
    hd_chain *chain;
    hd_exec *exec;
    hd_pool *pool;
    hd_chain_config config;
    hd_progress progress;
    uint64_t block_cnt, known_cnt, tx_cnt, gas, reorg_cnt;
    uint64_t start_ns;
} importer;

/* Prints why and gives the exit status. */
static int fail(hd_err err, const hd_msg *msg, const char *what) {
    if (msg && msg->text[0])
        fprintf(stderr, "heddle import: %s\n", msg->text);
    else
        fprintf(stderr, "heddle import: %s: %s\n", what, hd_err_name(err));
    return HD_EXIT_USAGE;
}

static void print_hash(FILE *out, const hd_hash *hash) {
    char text[65];
    hd_hex_encode(text, sizeof text, hash->b, sizeof hash->b);
    fprintf(out, "0x%s", text);
}

/* ---- the chain's beginning ---- */

static hd_err read_genesis(hd_block *out, hd_chain_config *config, hd_buf *config_text,
                           hd_state *state, hd_msg *msg, const char *path) {
    hd_json_doc *doc;
    hd_json root, member;
    hd_err err = hd_json_load(&doc, &root, msg, path, GENESIS_SZ_MAX, JSON_DEPTH_MAX);
    if (err != HD_OK)
        return err;
    err = hd_genesis_read(out, config, state, msg, root);
    if (err == HD_OK)
        err = hd_json_get(&member, msg, root, "config");
    if (err == HD_OK)
        err = hd_json_text(config_text, member);
    hd_json_close(doc);
    return err;
}

/* The configuration that the store was made with. */
static hd_err stored_config(importer *x, hd_hash *genesis, hd_msg *msg) {
    hd_store_read *r;
    hd_span text, hash;
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_err err = hd_store_read_begin(&r, msg, x->store);
    if (err != HD_OK)
        return err;
    err = hd_store_get_named(&text, msg, r, HD_CHAIN_DISK_CONFIG);
    if (err == HD_OK)
        err = hd_store_get_named(&hash, msg, r, HD_CHAIN_DISK_GENESIS);
    if (err == HD_OK && hash.sz != sizeof *genesis)
        err = HD_ERR_CORRUPT;
    if (err == HD_OK) {
        memcpy(genesis, hash.data, sizeof *genesis);
        err = hd_json_parse(&doc, &root, msg, "config in the store", (const char *)text.data,
                            text.sz, JSON_DEPTH_MAX);
    }
    if (err == HD_OK)
        err = hd_chain_config_read(&x->config, msg, root);
    hd_json_close(doc);
    hd_store_read_end(r);
    return err;
}

/* A genesis file that is given beside a store must be the store's. */
static int check_genesis(importer *x, const hd_hash *known) {
    hd_msg msg = {{0}};
    hd_block genesis;
    hd_chain_config config;
    hd_buf text;
    hd_state *state = hd_state_new();
    int status = HD_EXIT_OK;
    memset(&genesis, 0, sizeof genesis);
    hd_buf_init(&text);
    hd_err err = HD_ERR_NOMEM;
    if (state)
        err = read_genesis(&genesis, &config, &text, state, &msg, x->args.genesis);
    if (err != HD_OK) {
        status = fail(err, &msg, x->args.genesis);
    } else if (memcmp(&genesis.hash, known, sizeof *known) != 0) {
        fprintf(stderr, "heddle import: %s: genesis block ", x->args.genesis);
        print_hash(stderr, &genesis.hash);
        fprintf(stderr, " is not that of the store in %s, ", x->args.dir);
        print_hash(stderr, known);
        fputc('\n', stderr);
        status = HD_EXIT_USAGE;
    }
    hd_buf_free(&text);
    hd_block_free(&genesis);
    hd_state_free(state);
    return status;
}

static int open_chain(importer *x) {
    hd_chain_options o;
    memset(&o, 0, sizeof o);
    o.config = &x->config;
    o.state = x->state;
    o.store = hd_chain_disk_store(x->disk);
    o.exec.exec = x->exec;
    o.exec.pool = x->pool;
    o.exec.chunk_cnt = x->args.is_serial ? 1 : 0;
    o.exec.ordered_flags = x->args.is_serial ? 0 : hd_cli_ordered_flags(x->args.backend);
    hd_err err = hd_chain_open(&x->chain, &o);
    return err == HD_OK ? HD_EXIT_OK : fail(err, NULL, "opening the chain");
}

static int start_new(importer *x) {
    hd_msg msg = {{0}};
    hd_block_verdict verdict;
    hd_block genesis;
    hd_buf text;
    int status = HD_EXIT_OK;
    if (!x->args.genesis) {
        fprintf(stderr,
                "heddle import: %s: the store is empty: --genesis or --snapshot is needed\n",
                x->args.dir);
        return HD_EXIT_USAGE;
    }
    memset(&genesis, 0, sizeof genesis);
    memset(&verdict, 0, sizeof verdict);
    hd_buf_init(&text);
    hd_err err = read_genesis(&genesis, &x->config, &text, x->state, &msg, x->args.genesis);
    if (err == HD_OK)
        err = hd_chain_disk_begin(x->disk, hd_buf_span(&text), &genesis.hash);
    if (err == HD_OK)
        status = open_chain(x);
    if (err == HD_OK && status == HD_EXIT_OK) {
        err = hd_chain_start(x->chain, &verdict, &genesis);
        if (err != HD_OK)
            msg = *hd_chain_disk_msg(x->disk);
    }
    if (err != HD_OK) {
        status = fail(err, &msg, x->args.genesis);
    } else if (status == HD_EXIT_OK && verdict.status != HD_BLOCK_VALID) {
        fprintf(stderr, "heddle import: %s: %s\n", x->args.genesis, verdict.msg.text);
        status = HD_EXIT_FAILED;
    }
    hd_buf_free(&text);
    hd_block_free(&genesis);
    return status;
}

static int resume(importer *x, const hd_store_head *head) {
    hd_msg msg = {{0}};
    hd_hash genesis;
    hd_err err = stored_config(x, &genesis, &msg);
    if (err != HD_OK)
        return fail(err, &msg, x->args.dir);
    int status = x->args.genesis ? check_genesis(x, &genesis) : HD_EXIT_OK;
    if (status == HD_EXIT_OK)
        status = open_chain(x);
    if (status != HD_EXIT_OK)
        return status;
    err = hd_chain_resume(x->chain, &head->hash);
    return err == HD_OK ? HD_EXIT_OK : fail(err, hd_chain_disk_msg(x->disk), x->args.dir);
}

static int open_all(importer *x) {
    hd_msg msg = {{0}};
    hd_store_head head;
    hd_exec_options exec;
    hd_err err;
    if (x->args.snapshot) {
        hd_snapshot_info info;
        err = hd_snapshot_import(&info, &msg, x->args.snapshot, x->args.dir, &x->args.store);
        if (err != HD_OK) {
            fail(err, &msg, x->args.snapshot);
            return err == HD_ERR_FORMAT ? HD_EXIT_FAILED : HD_EXIT_USAGE;
        }
        printf("snapshot of block %llu ", (unsigned long long)info.head.number);
        print_hash(stdout, &info.head.hash);
        printf(": %llu accounts, %llu slots, %llu codes\n", (unsigned long long)info.account_cnt,
               (unsigned long long)info.slot_cnt, (unsigned long long)info.code_cnt);
    }
    err = hd_store_open(&x->store, &msg, x->args.dir, &x->args.store);
    if (err != HD_OK)
        return fail(err, &msg, x->args.dir);
    memset(&exec, 0, sizeof exec);
    exec.backend = x->args.backend;
    exec.threads = x->args.thread_cnt;
    x->state = hd_state_new();
    err = x->state ? hd_chain_disk_open(&x->disk, x->store, x->state) : HD_ERR_NOMEM;
    if (err == HD_OK)
        err = hd_pool_open(&x->pool, x->args.thread_cnt);
    if (err != HD_OK)
        return fail(err, NULL, "starting");
    err = hd_exec_open(&x->exec, &exec);
    if (err != HD_OK)
        return fail(err, NULL, "the backend");
    err = hd_chain_disk_load(&head, &msg, x->disk);
    if (err == HD_ERR_ABSENT)
        return start_new(x);
    return err == HD_OK ? resume(x, &head) : fail(err, &msg, x->args.dir);
}

/* ---- blocks ---- */

static void count_block(importer *x, const hd_hash *head_before) {
    const hd_block *b = hd_chain_last_block(x->chain);
    const hd_chain_entry *head = hd_chain_head(x->chain);
    x->block_cnt++;
    x->tx_cnt += b->tx_cnt;
    x->gas += b->header.gas_used;
    /* The head moved, and not to its child. */
    if (memcmp(&head->hash, head_before, sizeof *head_before) != 0 &&
        memcmp(&head->header.parent_hash, head_before, sizeof *head_before) != 0)
        x->reorg_cnt++;
}

static int refuse(const char *path, uint64_t off, const hd_block *b, const char *why) {
    fprintf(stderr, "heddle import: %s: byte %llu: block %llu ", path, (unsigned long long)off,
            (unsigned long long)b->header.number);
    print_hash(stderr, &b->hash);
    fprintf(stderr, ": %s\n", why);
    return HD_EXIT_FAILED;
}

static int import_block(importer *x, const char *path, uint64_t off, hd_span rlp) {
    hd_block_verdict verdict;
    hd_hash head_before = hd_chain_head(x->chain)->hash, hash;
    const hd_block *b = hd_chain_last_block(x->chain);
    hd_chain_entry entry;
    const hd_chain_store *callbacks = hd_chain_disk_store(x->disk);
    hd_rlp_item whole, header;
    hd_span rest;
    /* A block that is there already need not be decoded. */
    if (hd_rlp_read(&whole, NULL, NULL, rlp) == HD_OK &&
        hd_rlp_read(&header, &rest, NULL, whole.body) == HD_OK) {
        hd_keccak256(hash.b, header.whole.data, header.whole.sz);
        if (callbacks->get_entry(callbacks->ctx, &entry, &hash) == HD_OK) {
            x->known_cnt++;
            return HD_EXIT_OK;
        }
    }
    memset(&verdict, 0, sizeof verdict);
    hd_err err = hd_chain_import(x->chain, &verdict, rlp);
    if (err == HD_ERR_UNSUPPORTED)
        return refuse(path, off, b, verdict.msg.text);
    if (err != HD_OK) {
        const hd_msg *msg = hd_chain_disk_msg(x->disk);
        hd_progress_end(&x->progress);
        return refuse(path, off, b,
                      msg->text[0] && err != HD_ERR_NOMEM ? msg->text : hd_err_name(err));
    }
    if (verdict.status != HD_BLOCK_VALID)
        return refuse(path, off, b, verdict.msg.text);
    count_block(x, &head_before);
    return HD_EXIT_OK;
}

static int import_file(importer *x, const char *path) {
    hd_msg msg = {{0}};
    hd_rlp_stream *stream;
    hd_span rlp;
    uint64_t off;
    int status = HD_EXIT_OK;
    hd_err err = hd_rlp_stream_open(&stream, &msg, path);
    if (err != HD_OK)
        return fail(err, &msg, path);
    while (status == HD_EXIT_OK) {
        err = hd_rlp_stream_next(&rlp, &off, &msg, stream, HD_BLOCK_RLP_SZ_MAX);
        if (err == HD_ERR_ABSENT)
            break;
        if (err != HD_OK)
            status = fail(err, &msg, path);
        else
            status = import_block(x, path, off, rlp);
        hd_progress_add(&x->progress, 1);
    }
    hd_rlp_stream_close(stream);
    return status;
}

static void print_summary(const importer *x) {
    const hd_chain_entry *head = hd_chain_head(x->chain);
    double s = (double)(hd_clock_ns() - x->start_ns) / 1e9;
    printf("imported %llu blocks (%llu known, %llu reorganisations), %llu transactions, "
           "%.3f Mgas in %.3f s, %.1f Mgas/s\nhead %llu ",
           (unsigned long long)x->block_cnt, (unsigned long long)x->known_cnt,
           (unsigned long long)x->reorg_cnt, (unsigned long long)x->tx_cnt, (double)x->gas / 1e6, s,
           s > 0 ? (double)x->gas / 1e6 / s : 0.0, (unsigned long long)head->header.number);
    print_hash(stdout, &head->hash);
    fputs(" state root ", stdout);
    print_hash(stdout, &head->header.state_root);
    fputc('\n', stdout);
}

/* ---- the command ---- */

static int read_options(arguments *a, hd_cli *cli, int argc, char **argv, char **paths,
                        size_t *path_cnt) {
    uint64_t number;
    int id;
    hd_cli_init(cli, &spec, argc, argv);
    while ((id = hd_cli_next(cli)) != HD_CLI_END) {
        switch (id) {
        case HD_CLI_HELP: return -1;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case HD_CLI_ARG: paths[(*path_cnt)++] = argv[cli->idx - 1]; break;
        case OPTION_DATADIR: a->dir = cli->value; break;
        case OPTION_GENESIS: a->genesis = cli->value; break;
        case OPTION_SNAPSHOT: a->snapshot = cli->value; break;
        case OPTION_BACKEND:
            if (!hd_cli_backend(&a->backend, cli, 0))
                return HD_EXIT_USAGE;
            break;
        case OPTION_THREADS:
            if (!hd_cli_u64(&number, cli, 0, HD_POOL_THREADS_MAX))
                return HD_EXIT_USAGE;
            a->thread_cnt = (uint32_t)number;
            break;
        case OPTION_SERIAL: a->is_serial = 1; break;
        case OPTION_STATES:
            if (!hd_cli_u64(&number, cli, 1, UINT32_MAX - 1))
                return HD_EXIT_USAGE;
            a->store.undo_cnt = (uint32_t)number;
            break;
        case OPTION_ARCHIVE: a->store.flags |= HD_STORE_ARCHIVE; break;
        case OPTION_NO_SYNC: a->store.flags |= HD_STORE_NO_SYNC; break;
        }
    }
    if (!a->dir)
        return hd_cli_wrong(cli, "--datadir is needed");
    if (a->genesis && a->snapshot)
        return hd_cli_wrong(cli, "a store begins with --genesis or with --snapshot, not both");
    if (a->genesis)
        a->store.flags |= HD_STORE_CREATE;
    return HD_EXIT_OK;
}

int hd_cmd_import(int argc, char **argv) {
    importer x;
    hd_cli cli;
    hd_msg msg = {{0}};
    size_t path_cnt = 0;
    char **paths = (char **)calloc((size_t)argc + 1, sizeof *paths);
    if (!paths)
        return HD_EXIT_USAGE;
    memset(&x, 0, sizeof x);
    x.args.backend = HD_BACKEND_HOST;
    int status = read_options(&x.args, &cli, argc, argv, paths, &path_cnt);
    if (status != HD_EXIT_OK) {
        free(paths);
        return status < 0 ? HD_EXIT_OK : status;
    }
    status = open_all(&x);
    x.start_ns = hd_clock_ns();
    hd_progress_init(&x.progress, "blocks", 0);
    for (size_t i = 0; i < path_cnt && status == HD_EXIT_OK; i++)
        status = import_file(&x, paths[i]);
    hd_progress_end(&x.progress);
    if (x.chain && hd_chain_head(x.chain)->header.gas_limit)
        print_summary(&x);
    hd_chain_close(x.chain);
    hd_chain_disk_close(x.disk);
    hd_err err = hd_store_close(x.store, &msg);
    if (err != HD_OK)
        status = fail(err, &msg, "closing");
    hd_exec_close(x.exec);
    hd_pool_close(x.pool);
    hd_state_free(x.state);
    free(paths);
    return status;
}
