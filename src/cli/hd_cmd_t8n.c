/* hd_cmd_t8n.c - `heddle t8n`: the state transition tool on files and standard streams, by
   go-ethereum's contract. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "cli/hd_t8n.h"
#include "cli/hd_trace_json.h"

#define INPUT_SZ_MAX (1ull << 30)
#define INPUT_DEPTH_MAX 64u

enum {
    OPT_ALLOC_IN = 1,
    OPT_ENV_IN,
    OPT_TXS_IN,
    OPT_BASEDIR,
    OPT_ALLOC_OUT,
    OPT_RESULT_OUT,
    OPT_BODY_OUT,
    OPT_FORK,
    OPT_CHAIN_ID,
    OPT_REWARD,
    OPT_TRACE,
    OPT_TRACE_MEMORY,
    OPT_TRACE_NO_MEMORY,
    OPT_TRACE_NO_STACK,
    OPT_TRACE_RETURN_DATA,
    OPT_TRACE_NO_RETURN_DATA,
    OPT_TRACE_FRAMES,
    OPT_VERBOSITY,
};

static const hd_cli_option options[] = {
    {"--input.alloc", "FILE", "accounts before the block; stdin (default alloc.json)",
     OPT_ALLOC_IN},
    {"--input.env", "FILE", "block environment; stdin (default env.json)", OPT_ENV_IN},
    {"--input.txs", "FILE", "transactions, JSON or .rlp; stdin (default txs.json)", OPT_TXS_IN},
    {"--output.basedir", "FOLDER", "where output files go, made if absent", OPT_BASEDIR},
    {"--output.alloc", "FILE", "accounts after; stdout, stderr, \"\" (default alloc.json)",
     OPT_ALLOC_OUT},
    {"--output.result", "FILE", "roots and receipts; likewise (default result.json)",
     OPT_RESULT_OUT},
    {"--output.body", "FILE", "RLP list of the included transactions; likewise (default none)",
     OPT_BODY_OUT},
    {"--state.fork", "NAME", "rules, Frontier to Osaka (default GrayGlacier)", OPT_FORK},
    {"--state.chainid", "N", "chain id (default 1)", OPT_CHAIN_ID},
    {"--state.reward", "WEI", "mining reward; -1: none, coinbase not touched (default 0)",
     OPT_REWARD},
    {"--trace", NULL, "write trace-N-HASH.jsonl into the output folder", OPT_TRACE},
    {"--trace.memory", NULL, "traces hold the contents of memory", OPT_TRACE_MEMORY},
    {"--trace.nomemory", NULL, "traces hold no memory (the default)", OPT_TRACE_NO_MEMORY},
    {"--trace.nostack", NULL, "traces hold no stack (it is null)", OPT_TRACE_NO_STACK},
    {"--trace.returndata", NULL, "traces hold what the last call returned", OPT_TRACE_RETURN_DATA},
    {"--trace.noreturndata", NULL, "traces hold no return data (the default)",
     OPT_TRACE_NO_RETURN_DATA},
    {"--trace.callframes", NULL, "traces say where each call begins and ends", OPT_TRACE_FRAMES},
    {"--verbosity", "N", "accepted for compatibility, without effect", OPT_VERBOSITY},
};

static const hd_cli_spec spec = {
    .command = "t8n",
    .usage = "[OPTION...]",
    .about =
        "Applies a block's transactions to accounts, as go-ethereum's evm t8n does. Exit status: "
        "0,\n"
        "2 execution failed or unknown option, 3 configuration, 4 missing block hash, 10 JSON,\n"
        "11 input or output.\n"
        "--trace.callframes adds a line where a call, creation or selfdestruct begins, "
        "precompiles\n"
        "and those that cannot begin included: {\"from\",\"to\",\"gas\",\"value\",\"type\"}, with "
        "\"input\"\n"
        "under --trace.memory and a null value for STATICCALL, and "
        "{\"output\",\"gasUsed\",\"error\"}\n"
        "where it ends.",
    .example = "heddle t8n --input.alloc alloc.json --input.env env.json --input.txs txs.json"
               " --state.fork Cancun --output.result stdout --output.alloc stdout",
    .options = options,
    .option_cnt = sizeof options / sizeof options[0]};

typedef struct {
    const char *alloc_in, *env_in, *txs_in;
    const char *basedir, *alloc_out, *result_out, *body_out;
    const char *fork;
    uint64_t chain_id;
    int64_t reward_wei;
    uint32_t trace_flags;
    int is_traced;
} arguments;

typedef struct {
    hd_json_doc *docs[4];
    size_t doc_cnt;
    hd_json stdin_root;
    int is_stdin_read;
} inputs;

static int fail(int status, const char *text) {
    fprintf(stderr, "ERROR(%d): %s\n", status, text);
    return status;
}

static int is_stdin(const char *path) { return strcmp(path, "stdin") == 0; }

static int load(hd_json *out, inputs *in, const char *path, const char *what) {
    hd_msg msg = {""};
    hd_json_doc *doc = NULL;
    hd_err err = hd_json_load(&doc, out, &msg, path, INPUT_SZ_MAX, INPUT_DEPTH_MAX);
    if (err == HD_OK) {
        in->docs[in->doc_cnt++] = doc;
        return HD_T8N_OK;
    }
    if (err == HD_ERR_FORMAT) {
        hd_msg_prefix(&msg, "failed unmarshalling %s: ", what);
        return fail(HD_T8N_JSON, msg.text);
    }
    hd_msg_prefix(&msg, "failed reading %s: ", what);
    return fail(HD_T8N_IO, msg.text);
}

/* load_part loads one of the three inputs: a file of its own, or a member of the object on stdin.
 */
static int load_part(hd_json *out, inputs *in, const char *path, const char *key,
                     const char *what) {
    if (!is_stdin(path))
        return load(out, in, path, what);
    if (!in->is_stdin_read) {
        int status = load(&in->stdin_root, in, "-", "stdin");
        if (status != HD_T8N_OK)
            return status;
        in->is_stdin_read = 1;
    }
    if (!hd_json_find(out, in->stdin_root, key)) {
        out->doc = in->stdin_root.doc;
        out->obj = NULL;
    }
    return HD_T8N_OK;
}

static int load_all(hd_t8n_input *out, inputs *in, const arguments *args) {
    int status = load_part(&out->alloc, in, args->alloc_in, "alloc", "alloc file");
    if (status == HD_T8N_OK)
        status = load_part(&out->env, in, args->env_in, "env", "env file");
    if (status == HD_T8N_OK)
        status = load_part(&out->txs, in, args->txs_in, "txs", "txs file");
    if (status == HD_T8N_OK && is_stdin(args->txs_in) &&
        !hd_json_find(&out->tx_rlp, in->stdin_root, "txRlp"))
        out->tx_rlp.obj = NULL;
    return status;
}

/* make_folder makes basedir and what is above it. */
static int make_folder(const char *path) {
    hd_buf buf = {0};
    int is_made = 1;
    hd_buf_append_str(&buf, path);
    hd_buf_append_byte(&buf, 0);
    char *text = (char *)buf.data;
    for (size_t i = 1; buf.err == HD_OK && is_made && i < buf.sz; i++) {
        if (text[i] != '/' && text[i] != 0)
            continue;
        char c = text[i];
        text[i] = 0;
        is_made = mkdir(text, 0755) == 0 || errno == EEXIST;
        text[i] = c;
    }
    is_made = is_made && buf.err == HD_OK && hd_file_is_folder(path);
    hd_buf_free(&buf);
    if (is_made)
        return HD_T8N_OK;
    hd_msg msg;
    hd_msg_set(&msg, "failed creating output basedir: %.400s: %s", path, strerror(errno));
    return fail(HD_T8N_IO, msg.text);
}

typedef struct {
    const char *name; /* in the object on a stream */
    const char *dest;
    hd_buf json;
} part;

static int write_file(const arguments *args, const part *p) {
    hd_buf text = {0}, path = {0};
    hd_msg msg = {""};
    hd_err err = hd_t8n_indent(&text, (const char *)p->json.data, p->json.sz, " ");
    if (args->basedir[0] && p->dest[0] != '/')
        hd_buf_printf(&path, "%s/", args->basedir);
    hd_buf_append_str(&path, p->dest);
    if (err == HD_OK)
        err = path.err;
    if (err == HD_OK)
        err = hd_file_write(&msg, hd_buf_str(&path), text.data, text.sz);
    hd_buf_free(&text);
    hd_buf_free(&path);
    if (err == HD_OK)
        return HD_T8N_OK;
    hd_msg_prefix(&msg, "failed writing output: ");
    return fail(HD_T8N_IO, msg.text);
}

/* write_stream prints an object of the parts that go to this stream, if there is one. */
static int write_stream(FILE *file, const char *dest, const part *parts, size_t cnt) {
    hd_buf object = {0}, text = {0};
    for (size_t i = 0; i < cnt; i++) {
        if (strcmp(parts[i].dest, dest) != 0)
            continue;
        hd_buf_printf(&object, "%c\"%s\":", object.sz ? ',' : '{', parts[i].name);
        hd_buf_append(&object, parts[i].json.data, parts[i].json.sz);
    }
    int is_written = 1;
    if (object.sz) {
        hd_buf_append_byte(&object, '}');
        hd_t8n_indent(&text, (const char *)object.data, object.sz, "  ");
        hd_buf_append_byte(&text, '\n');
        is_written = object.err == HD_OK && text.err == HD_OK &&
                     fwrite(text.data, 1, text.sz, file) == text.sz && fflush(file) == 0;
    }
    hd_buf_free(&object);
    hd_buf_free(&text);
    return is_written ? HD_T8N_OK : fail(HD_T8N_IO, "failed writing output: the stream is closed");
}

static int write_output(const arguments *args, const hd_t8n_output *out) {
    hd_buf body = {0};
    hd_buf_append_str(&body, "\"0x");
    hd_buf_append_hex(&body, out->body.data, out->body.sz);
    hd_buf_append_byte(&body, '"');
    const part parts[3] = {{"alloc", args->alloc_out, out->alloc},
                           {"body", args->body_out, body},
                           {"result", args->result_out, out->result}};
    int status = body.err == HD_OK ? HD_T8N_OK : fail(HD_T8N_IO, "out of memory");
    for (size_t i = 0; status == HD_T8N_OK && i < 3; i++)
        if (parts[i].dest[0] && strcmp(parts[i].dest, "stdout") != 0 &&
            strcmp(parts[i].dest, "stderr") != 0)
            status = write_file(args, &parts[i]);
    if (status == HD_T8N_OK)
        status = write_stream(stdout, "stdout", parts, 3);
    if (status == HD_T8N_OK)
        status = write_stream(stderr, "stderr", parts, 3);
    hd_buf_free(&body);
    return status;
}

static int transition(const arguments *args, hd_t8n_input *input) {
    const hd_exec_options exec_options = {.backend = HD_BACKEND_HOST, .threads = 1};
    hd_exec *exec = NULL;
    hd_err err = hd_exec_open(&exec, &exec_options);
    if (err != HD_OK)
        return fail(HD_T8N_EVM, hd_err_name(err));
    const hd_t8n_options t8n_options = {
        .fork = args->fork,
        .chain_id = args->chain_id,
        .reward_wei = args->reward_wei,
        .exec = exec,
        .trace_dir = args->is_traced ? (args->basedir[0] ? args->basedir : ".") : NULL,
        .trace_flags = args->trace_flags};
    hd_t8n_output output = {0};
    int status = hd_t8n_run(&output, input, &t8n_options);
    status = status == HD_T8N_OK ? write_output(args, &output) : fail(status, output.msg.text);
    hd_t8n_output_free(&output);
    hd_exec_close(exec);
    return status;
}

/* read_reward reads a number of 63 bits, or -1. */
static int read_reward(int64_t *out, const hd_cli *cli) {
    uint64_t x;
    if (strcmp(cli->value, "-1") == 0) {
        *out = -1;
        return 1;
    }
    if (!hd_cli_u64(&x, cli, 0, INT64_MAX))
        return 0;
    *out = (int64_t)x;
    return 1;
}

/* set_option takes one option; 0 when its value is wrong (a line was printed). */
static int set_option(arguments *args, const hd_cli *cli, int id) {
    switch (id) {
    case OPT_ALLOC_IN: args->alloc_in = cli->value; return 1;
    case OPT_ENV_IN: args->env_in = cli->value; return 1;
    case OPT_TXS_IN: args->txs_in = cli->value; return 1;
    case OPT_BASEDIR: args->basedir = cli->value; return 1;
    case OPT_ALLOC_OUT: args->alloc_out = cli->value; return 1;
    case OPT_RESULT_OUT: args->result_out = cli->value; return 1;
    case OPT_BODY_OUT: args->body_out = cli->value; return 1;
    case OPT_FORK: args->fork = cli->value; return 1;
    case OPT_CHAIN_ID: return hd_cli_u64(&args->chain_id, cli, 0, UINT64_MAX);
    case OPT_REWARD: return read_reward(&args->reward_wei, cli);
    case OPT_TRACE: args->is_traced = 1; return 1;
    case OPT_TRACE_MEMORY: args->trace_flags |= HD_TRACE_MEMORY; return 1;
    case OPT_TRACE_NO_MEMORY: args->trace_flags &= ~HD_TRACE_MEMORY; return 1;
    case OPT_TRACE_NO_STACK: args->trace_flags |= HD_TRACE_NO_STACK; return 1;
    case OPT_TRACE_RETURN_DATA: args->trace_flags |= HD_TRACE_RETURN_DATA; return 1;
    case OPT_TRACE_NO_RETURN_DATA: args->trace_flags &= ~HD_TRACE_RETURN_DATA; return 1;
    case OPT_TRACE_FRAMES: args->trace_flags |= HD_TRACE_FRAMES; return 1;
    default: return 1;
    }
}

int hd_cmd_t8n(int argc, char **argv) {
    arguments args = {.alloc_in = "alloc.json",
                      .env_in = "env.json",
                      .txs_in = "txs.json",
                      .basedir = "",
                      .alloc_out = "alloc.json",
                      .result_out = "result.json",
                      .body_out = "",
                      .fork = "GrayGlacier",
                      .chain_id = 1};
    hd_cli cli;
    int id;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) != HD_CLI_END) {
        if (id == HD_CLI_HELP)
            return HD_EXIT_OK;
        if (id == HD_CLI_WRONG)
            return HD_EXIT_USAGE;
        if (id == HD_CLI_ARG)
            return hd_cli_wrong(&cli, "unexpected argument \"%.80s\"", cli.value);
        if (!set_option(&args, &cli, id))
            return HD_EXIT_USAGE;
    }
    inputs in = {0};
    hd_t8n_input input = {0};
    int status = args.basedir[0] ? make_folder(args.basedir) : HD_T8N_OK;
    if (status == HD_T8N_OK)
        status = load_all(&input, &in, &args);
    if (status == HD_T8N_OK)
        status = transition(&args, &input);
    for (size_t i = 0; i < in.doc_cnt; i++)
        hd_json_close(in.docs[i]);
    return status;
}
