/* hd_cmd_blocktest.c - `heddle blocktest`: runs official blockchain tests. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "base/hd_json.h"
#include "base/hd_log.h"
#include "base/hd_threads.h"
#include "cli/hd_cli.h"
#include "cli/hd_cli_case.h"
#include "cli/hd_cmd.h"
#include "cli/hd_expect.h"
#include "exec/hd_chain.h"
#include "exec/hd_genesis.h"

#define JSON_DEPTH_MAX 64u

typedef struct {
    hd_exec *exec;    /* this worker's own, or the shared device */
    hd_state *state;  /* of the chain */
    hd_state *wanted; /* the post-state that a test gives */
    hd_block genesis;
    hd_buf rlp;
} worker;

typedef struct {
    hd_file_list files;
    const char *name; /* only tests whose name holds this; NULL: all */
    const char *fork; /* only this network; NULL: all */
    uint32_t backend;
    int is_serial;
    hd_cli_part *parts; /* one for each file */
    worker *workers;
    uint32_t worker_cnt;
    hd_exec *device; /* shared by the workers, or NULL */
    pthread_mutex_t device_mutex;
    hd_cli_report report;
    hd_progress progress;
} suite;

/* What a case ends with. */
typedef struct {
    hd_hash last_hash;
    hd_hash state_root;
    int has_end; /* the two above are known */
    int outcome; /* HD_CLI_... */
    hd_msg why;
} result;

static int fail(result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(result *r, const char *fmt, ...) {
    char text[HD_MSG_SZ];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hd_msg_set(&r->why, "%s", text);
    r->outcome = HD_CLI_FAILED;
    return 0;
}

static int fail_err(result *r, const char *what, hd_err err, const hd_msg *msg) {
    return fail(r, "%s: %.300s%s%s", what, msg && msg->text[0] ? msg->text : "", "",
                msg && msg->text[0] ? "" : hd_err_name(err));
}

static int check_hash(result *r, const char *what, const hd_hash *got, const hd_hash *want) {
    char texts[2][65];
    if (hd_is_equal(got, want, sizeof *got))
        return 1;
    hd_hex_encode(texts[0], sizeof texts[0], got->b, sizeof got->b);
    hd_hex_encode(texts[1], sizeof texts[1], want->b, sizeof want->b);
    return fail(r, "%s is 0x%s, expected 0x%s", what, texts[0], texts[1]);
}

/* --- one case: each step returns 1 to go on, or 0 when the result stands */

static int read_config(hd_chain_config *out, result *r, hd_json test, const char *network) {
    hd_json config, member;
    hd_msg msg = {""};
    hd_err err = hd_chain_config_named(out, &msg, network);
    if (err == HD_OK && hd_json_find(&config, test, "config")) {
        if (hd_json_find(&member, config, "chainid"))
            err = hd_json_u64(&out->chain_id, &msg, member);
        if (err == HD_OK && hd_json_find(&member, config, "blobSchedule"))
            err = hd_chain_config_blobs(out, &msg, member);
    }
    return err == HD_OK ? 1 : fail_err(r, "configuration", err, &msg);
}

static int start_chain(hd_chain *c, worker *w, result *r, hd_json test) {
    hd_json pre;
    hd_msg msg = {""};
    hd_block_verdict verdict;
    hd_state_reset(w->state);
    hd_buf_clear(&w->rlp);
    hd_err err = hd_json_get(&pre, &msg, test, "pre");
    if (err == HD_OK)
        err = hd_genesis_alloc_read(w->state, &msg, pre);
    if (err == HD_OK)
        err = hd_json_get_bytes(&w->rlp, &msg, test, "genesisRLP");
    if (err == HD_OK)
        err = hd_block_decode(&w->genesis, &msg, hd_buf_span(&w->rlp));
    if (err == HD_OK)
        err = hd_chain_start(c, &verdict, &w->genesis);
    if (err != HD_OK)
        return fail_err(r, "genesis", err, &msg);
    return verdict.status == HD_BLOCK_VALID ? 1 : fail(r, "genesis: %s", verdict.msg.text);
}

/* The exception that a block must end with: NULL where it must be valid. Before expectException
   there was no name, and an invalid block was one without its decoded header. */
static const char *expected_exception(hd_json block) {
    hd_json val;
    const char *text;
    if (hd_json_find(&val, block, "expectException") ||
        hd_json_find(&val, block, "expectExceptionALL"))
        return hd_json_str(&text, NULL, NULL, val) == HD_OK ? text : "";
    return hd_json_find(&val, block, "blockHeader") ? NULL : "";
}

static int judge_block(result *r, const hd_block_verdict *verdict, const char *exception,
                       int has_classes, size_t idx) {
    if (!exception)
        return verdict->status == HD_BLOCK_VALID
                   ? 1
                   : fail(r, "block %zu was refused: %s", idx, verdict->msg.text);
    if (verdict->status == HD_BLOCK_VALID)
        return fail(r, "block %zu was accepted, expected %.200s", idx,
                    exception[0] ? exception : "a refusal");
    if (!has_classes || !exception[0])
        return 1;
    switch (hd_expect_block_match(exception, verdict)) {
    case HD_EXPECT_YES: return 1;
    case HD_EXPECT_UNKNOWN:
        return fail(r, "block %zu: unknown name in %.160s (refused: %.160s)", idx, exception,
                    verdict->msg.text);
    default:
        return fail(r, "block %zu was refused with \"%.160s\", expected %.160s", idx,
                    verdict->msg.text, exception);
    }
}

static int import_block(suite *su, worker *w, hd_chain *c, result *r, hd_json block, size_t idx,
                        int has_classes) {
    hd_block_verdict verdict;
    hd_json rlp;
    hd_err err = HD_OK;
    memset(&verdict, 0, sizeof verdict);
    hd_buf_clear(&w->rlp);
    /* Bytes that are no hexadecimal text cannot be a block either. */
    if (!hd_json_find(&rlp, block, "rlp") || hd_json_bytes(&w->rlp, &verdict.msg, rlp) != HD_OK) {
        verdict.status = HD_BLOCK_INVALID_RLP;
    } else {
        if (su->device)
            pthread_mutex_lock(&su->device_mutex);
        err = hd_chain_import(c, &verdict, hd_buf_span(&w->rlp));
        if (su->device)
            pthread_mutex_unlock(&su->device_mutex);
    }
    if (err != HD_OK)
        return fail(r, "block %zu, our machine: %s: %s", idx, hd_err_name(err), verdict.msg.text);
    return judge_block(r, &verdict, expected_exception(block), has_classes, idx);
}

/* The head, and the state itself: reorganisations and refused blocks must have left it so. */
static int check_end(worker *w, hd_chain *c, result *r, hd_json test) {
    hd_json val;
    hd_hash want, root;
    hd_msg msg = {""};
    const hd_chain_entry *head = hd_chain_head(c);
    hd_err err = hd_state_root(&r->state_root, w->state);
    if (err != HD_OK)
        return fail_err(r, "state root", err, NULL);
    r->last_hash = head->hash;
    r->has_end = 1;
    err = hd_json_get_hash(&want, &msg, test, "lastblockhash");
    if (err != HD_OK)
        return fail_err(r, "lastblockhash", err, &msg);
    if (!check_hash(r, "last block", &head->hash, &want) ||
        !check_hash(r, "state root", &r->state_root, &head->header.state_root))
        return 0;
    if (hd_json_find(&val, test, "postStateHash")) {
        err = hd_json_hash(&want, &msg, val);
        return err == HD_OK ? check_hash(r, "state root", &r->state_root, &want)
                            : fail_err(r, "postStateHash", err, &msg);
    }
    if (!hd_json_find(&val, test, "postState"))
        return 1;
    hd_state_reset(w->wanted);
    err = hd_genesis_alloc_read(w->wanted, &msg, val);
    if (err == HD_OK)
        err = hd_state_root(&root, w->wanted);
    return err == HD_OK ? check_hash(r, "state root", &r->state_root, &root)
                        : fail_err(r, "postState", err, &msg);
}

static void run_case(suite *su, worker *w, result *r, hd_json test, const char *network) {
    hd_chain_config config;
    hd_json blocks, member;
    hd_chain *c = NULL;
    hd_chain_memory *memory = hd_chain_memory_new();
    int has_classes = hd_json_find(&member, test, "config");
    r->outcome = HD_CLI_PASSED;
    if (!memory) {
        fail_err(r, "our machine", HD_ERR_NOMEM, NULL);
        return;
    }
    hd_chain_options options = {
        .config = &config,
        .state = w->state,
        .store = hd_chain_memory_store(memory),
        .exec = {.exec = w->exec,
                 .chunk_cnt = su->is_serial ? 1 : 0,
                 .ordered_flags =
                     su->is_serial ? 0 : HD_ORDERED_NEVER_SERIAL | HD_ORDERED_DEVICE_ROUNDS},
    };
    hd_err err = hd_chain_open(&c, &options);
    if (err != HD_OK)
        fail_err(r, "our machine", err, NULL);
    else if (!hd_json_find(&blocks, test, "blocks") || !hd_json_is_array(blocks))
        fail(r, "an array \"blocks\" is expected");
    else if (read_config(&config, r, test, network) && start_chain(c, w, r, test)) {
        size_t cnt = hd_json_cnt(blocks), i = 0;
        while (i < cnt && import_block(su, w, c, r, hd_json_at(blocks, i), i, has_classes))
            i++;
        if (i == cnt)
            check_end(w, c, r, test);
    }
    hd_chain_close(c);
    hd_chain_memory_free(memory);
}

static void put_case(hd_cli_part *part, const char *path, const char *name, const char *network,
                     const result *r) {
    char extra[256];
    hd_cli_case_name named = {.name = name, .path = path, .fork = network, .is_whole = 1};
    if (!r->has_end) {
        snprintf(extra, sizeof extra, ",\"lastBlockHash\":null,\"stateRoot\":null");
    } else {
        char texts[2][65];
        hd_hex_encode(texts[0], sizeof texts[0], r->last_hash.b, sizeof r->last_hash.b);
        hd_hex_encode(texts[1], sizeof texts[1], r->state_root.b, sizeof r->state_root.b);
        snprintf(extra, sizeof extra, ",\"lastBlockHash\":\"0x%s\",\"stateRoot\":\"0x%s\"",
                 texts[0], texts[1]);
    }
    hd_cli_put_case(part, &named, extra, r->outcome, r->why.text);
}

/* --- files */

static void run_file(suite *su, worker *w, hd_cli_part *part, const char *path) {
    hd_json_doc *doc;
    hd_json root, val;
    hd_msg msg = {""};
    hd_err err = hd_json_load(&doc, &root, &msg, path, HD_FILE_SZ_MAX, JSON_DEPTH_MAX);
    if (err == HD_OK && !hd_json_is_object(root))
        err = hd_json_fail(&msg, root, "an object of tests is expected");
    if (err != HD_OK) {
        hd_cli_put_bad(part, "heddle blocktest: %s", msg.text);
        hd_json_close(doc);
        return;
    }
    for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it);) {
        const char *network = "";
        result r;
        memset(&r, 0, sizeof r);
        if (su->name && !strstr(it.key, su->name))
            continue;
        if (!hd_json_find(&val, it.val, "network") ||
            hd_json_str(&network, NULL, &msg, val) != HD_OK) {
            hd_cli_put_bad(part, "heddle blocktest: %s: %s: a test with \"network\" is expected",
                           path, it.key);
            continue;
        }
        if (su->fork && strcmp(network, su->fork) != 0)
            continue;
        run_case(su, w, &r, it.val, network);
        put_case(part, path, it.key, network, &r);
    }
    hd_json_close(doc);
}

static void run_one(void *ctx, size_t idx, uint32_t worker_idx) {
    suite *su = ctx;
    run_file(su, &su->workers[worker_idx], &su->parts[idx], su->files.paths[idx]);
    hd_cli_report_part(&su->report, idx);
    hd_progress_add(&su->progress, 1);
}

/* --- the command */

static hd_err open_workers(suite *su, uint32_t thread_cnt) {
    su->workers = calloc(thread_cnt, sizeof *su->workers);
    su->parts = calloc(su->files.path_cnt, sizeof *su->parts);
    if (!su->workers || !su->parts)
        return HD_ERR_NOMEM;
    su->worker_cnt = thread_cnt;
    for (uint32_t i = 0; i < thread_cnt; i++) {
        worker *w = &su->workers[i];
        hd_exec_options options = {HD_BACKEND_HOST, 1, NULL, NULL};
        if (su->backend == HD_BACKEND_TILED)
            options.backend = HD_BACKEND_TILED;
        w->exec = su->device;
        w->state = hd_state_new();
        w->wanted = hd_state_new();
        if (!w->state || !w->wanted)
            return HD_ERR_NOMEM;
        hd_err err = su->device ? HD_OK : hd_exec_open(&w->exec, &options);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static void close_suite(suite *su) {
    for (uint32_t i = 0; i < su->worker_cnt; i++) {
        worker *w = &su->workers[i];
        if (w->exec && !su->device)
            hd_exec_close(w->exec);
        if (w->state)
            hd_state_free(w->state);
        if (w->wanted)
            hd_state_free(w->wanted);
        hd_block_free(&w->genesis);
        hd_buf_free(&w->rlp);
    }
    free(su->workers);
    free(su->parts);
    if (su->device)
        hd_exec_close(su->device);
    hd_file_list_free(&su->files);
    pthread_mutex_destroy(&su->device_mutex);
}

static int run_suite(suite *su, uint32_t thread_cnt) {
    if (su->backend == HD_BACKEND_CUDA && !(su->device = hd_cli_suite_device("blocktest")))
        return HD_EXIT_USAGE;
    hd_err err = open_workers(su, thread_cnt);
    if (err != HD_OK)
        return hd_cli_suite_fail("blocktest", err);
    const hd_cli_suite run = {.command = "blocktest",
                              .report = &su->report,
                              .progress = &su->progress,
                              .parts = su->parts,
                              .part_cnt = su->files.path_cnt,
                              .file_cnt = su->files.path_cnt,
                              .thread_cnt = thread_cnt};
    return hd_cli_suite_run(&run, run_one, su);
}

enum { OPT_FORK = 1, OPT_BACKEND, OPT_THREADS, OPT_SERIAL, OPT_NAME };

int hd_cmd_blocktest(int argc, char **argv) {
    static const hd_cli_option options[] = {
        {"--serial", NULL, "one transaction after another (default: parallel, whatever the block)",
         OPT_SERIAL},
        {"--backend", "NAME", "auto, host, cuda or tiled; auto is host", OPT_BACKEND},
        {"--threads", "N", "worker threads, a file each (default: all cores)", OPT_THREADS},
        {"--fork", "NETWORK", "only tests of this network, as the files name it", OPT_FORK},
        {"--name", "TEXT", "only tests whose name holds TEXT", OPT_NAME},
    };
    static const hd_cli_spec spec = {
        "blocktest",
        "[OPTION...] PATH...",
        "Runs blockchain tests (files, or folders of .json files): every block is imported, "
        "invalid\n"
        "ones must be refused, and the last block and its state must be those of the test. "
        "Standard\n"
        "output: one JSON array, one object a test. Exit status: 0 all passed, 1 a test failed,\n"
        "2 usage, unreadable input, no test, or no device.",
        "heddle blocktest --serial --threads 2 BlockchainTests/ValidBlocks",
        options,
        sizeof options / sizeof options[0]};
    hd_cli cli;
    suite su;
    uint64_t thread_cnt = 0;
    size_t path_cnt = 0;
    memset(&su, 0, sizeof su);
    hd_cli_init(&cli, &spec, argc, argv);
    for (int id; (id = hd_cli_next(&cli)) != HD_CLI_END;) {
        int is_good = 1;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case HD_CLI_ARG: argv[path_cnt++] = (char *)cli.value; break;
        case OPT_FORK: su.fork = cli.value; break;
        case OPT_NAME: su.name = cli.value; break;
        case OPT_SERIAL: su.is_serial = 1; break;
        case OPT_BACKEND: is_good = hd_cli_backend(&su.backend, &cli, 0); break;
        case OPT_THREADS: is_good = hd_cli_u64(&thread_cnt, &cli, 1, HD_POOL_THREADS_MAX); break;
        }
        if (!is_good)
            return HD_EXIT_USAGE;
    }
    if (hd_cli_suite_files(&su.files, &cli, argv, path_cnt) != HD_EXIT_OK)
        return HD_EXIT_USAGE;
    pthread_mutex_init(&su.device_mutex, NULL);
    int status = run_suite(&su, thread_cnt ? (uint32_t)thread_cnt : hd_cpu_cnt());
    close_suite(&su);
    return status;
}
