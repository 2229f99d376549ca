/* hd_cmd_tracetest.c - `heddle tracetest`: compares every step of state tests with go-ethereum's
   traces.

   A file holds {NAME: {"env", "pre", "tests": {FORK: [{"id", "tx": {"transaction", "outcome",
   "trace"}}]}}}. A trace is {"steps", ...}; a call's own trace stands among the steps of its
   caller, so the text nests as deep as the calls do. A step has pc, op, gas, depth (from 0),
   stackSize, the stack's top ten words and, where it is not empty, memory, all before the
   instruction ran. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "base/hd_log.h"
#include "base/hd_threads.h"
#include "cli/hd_cli.h"
#include "cli/hd_cli_case.h"
#include "cli/hd_cmd.h"
#include "cli/hd_state_json.h"
#include "cli/hd_trace_json.h"
#include "evm/hd_opcodes.h"
#include "exec/hd_exec.h"

#define FILE_SZ_MAX (1ull << 30)
#define STACK_SHOWN 10u /* words of the stack that a step has at most */

typedef struct {
    hd_exec *exec;
    hd_results results;
    hd_state *state;
    hd_alloc alloc;
    hd_buf data;
    hd_buf steps; /* hd_json: the expected steps in order */
} worker;

typedef struct {
    hd_file_list files;
    const char *name; /* tests whose name holds this; NULL: all */
    uint32_t fork;    /* HD_FORK_CNT: all */
    uint32_t backend; /* HD_BACKEND_HOST or _CUDA */
    hd_cli_part *parts;
    worker *workers;
    uint32_t worker_cnt;
    hd_cli_report report;
    hd_progress progress;
} suite;

/* --- expected steps */

typedef struct {
    hd_json list;
    size_t idx;
} open_list;

/* Flattens trace and the traces inside it. */
static hd_err flatten(hd_buf *steps, hd_msg *msg, hd_json trace) {
    hd_json list;
    hd_buf stack = {0}; /* open_list: as deep as JSON may nest, so it needs no limit of its own */
    hd_buf_clear(steps);
    hd_err err = hd_json_get(&list, msg, trace, "steps");
    open_list top = {list, 0};
    if (err == HD_OK)
        err = hd_buf_append(&stack, &top, sizeof top);
    while (err == HD_OK && stack.sz) {
        open_list *now = (open_list *)(void *)(stack.data + stack.sz - sizeof top);
        if (now->idx >= hd_json_cnt(now->list)) {
            stack.sz -= sizeof top;
            continue;
        }
        hd_json step = hd_json_at(now->list, now->idx++);
        if (hd_json_find(&list, step, "steps")) {
            top.list = list;
            err = hd_buf_append(&stack, &top, sizeof top);
        } else {
            err = hd_buf_append(steps, &step, sizeof step);
        }
    }
    hd_buf_free(&stack);
    return err;
}

/* --- comparing */

typedef struct {
    const hd_buf *steps;
    size_t idx;  /* steps seen */
    hd_msg diff; /* the first difference */
    hd_msg bad;  /* a step that cannot be read */
    uint32_t last_op;
    int is_create_refused; /* go-ethereum entered a new contract's code there, and we did not */
} comparison;

static int check_num(comparison *c, hd_json step, const char *key, uint64_t got) {
    uint64_t want;
    if (hd_json_get_u64(&want, &c->bad, step, key) != HD_OK)
        return 0;
    if (want == got)
        return 1;
    hd_msg_set(&c->diff, "%s is %llu, expected %llu", key, (unsigned long long)got,
               (unsigned long long)want);
    return 0;
}

static int check_stack(comparison *c, hd_json step, const hd_trace_step *s) {
    hd_json list;
    if (hd_json_get(&list, &c->bad, step, "stack") != HD_OK)
        return 0;
    size_t shown = hd_json_cnt(list);
    if (shown > s->stack_cnt || shown != HD_MIN(s->stack_cnt, STACK_SHOWN)) {
        hd_msg_set(&c->diff, "the stack has %u words, expected the top %zu", s->stack_cnt, shown);
        return 0;
    }
    for (size_t i = 0; i < shown; i++) {
        hd_hash want, got;
        if (hd_json_num(&want, &c->bad, hd_json_at(list, i)) != HD_OK)
            return 0;
        hd_u256_store_be(got.b, s->stack[s->stack_cnt - shown + i]);
        if (!hd_is_equal(&want, &got, sizeof got)) {
            char text[65];
            hd_hex_encode(text, sizeof text, got.b, sizeof got.b);
            hd_msg_set(&c->diff, "stack word %zu from the top is 0x%s, expected another",
                       shown - 1 - i, text);
            return 0;
        }
    }
    return 1;
}

/* Compares memory with what the files write: bytes in hexadecimal, where "~N~" (hexadecimal)
   repeats the byte before it N times more. *want_sz: what they make; *is_same: whether the steps'
   memory begins with it, where it is known. 0 when the text is something else. */
static int compare_memory(uint64_t *want_sz, int *is_same, const char *text,
                          const hd_trace_step *s) {
    uint64_t at = 0, more_cnt;
    uint8_t byte = 0;
    size_t sz;
    *is_same = 1;
    if (strncmp(text, "0x", 2) != 0)
        return 0;
    for (text += 2; *text;) {
        if (*text != '~') {
            if (!text[1] || hd_hex_decode(&byte, 1, &sz, NULL, text, 2) != HD_OK)
                return 0;
            text += 2;
            more_cnt = 1;
        } else {
            char *end;
            more_cnt = strtoull(text + 1, &end, 16);
            if (at == 0 || end == text + 1 || *end != '~' || more_cnt > UINT32_MAX)
                return 0;
            text = end + 1;
        }
        for (uint64_t i = at; s->memory && i < at + more_cnt && i < s->memory_sz; i++)
            *is_same &= s->memory[i] == byte;
        at += more_cnt;
    }
    *want_sz = at;
    return 1;
}

static int check_memory(comparison *c, hd_json step, const hd_trace_step *s) {
    hd_json member;
    const char *text;
    uint64_t want = 0;
    int is_same = 1;
    if (hd_json_find(&member, step, "memory")) {
        if (hd_json_str(&text, NULL, &c->bad, member) != HD_OK)
            return 0;
        if (!compare_memory(&want, &is_same, text, s)) {
            hd_json_fail(&c->bad, member, "memory in hexadecimal with ~repeats~ is expected");
            return 0;
        }
    }
    if (want == s->memory_sz && is_same)
        return 1;
    if (want == s->memory_sz)
        hd_msg_set(&c->diff, "the %llu bytes of memory are not the expected ones",
                   (unsigned long long)want);
    else
        hd_msg_set(&c->diff, "memory has %llu bytes, expected %llu",
                   (unsigned long long)s->memory_sz, (unsigned long long)want);
    return 0;
}

static void compare_step(void *ctx, const hd_trace_step *s) {
    comparison *c = ctx;
    size_t idx = c->idx++;
    if (c->diff.text[0] || c->bad.text[0])
        return;
    if (idx >= c->steps->sz / sizeof(hd_json)) {
        const char *name = hd_opcode_name(s->op);
        hd_msg_set(&c->diff, "step %zu (depth %u, pc %llu, %s) is one too many", idx, s->depth,
                   (unsigned long long)s->pc, name ? name : "?");
        return;
    }
    hd_json step = ((const hd_json *)(const void *)c->steps->data)[idx];
    uint64_t depth;
    if ((c->last_op == HD_OP_CREATE || c->last_op == HD_OP_CREATE2) &&
        hd_json_get_u64(&depth, &c->bad, step, "depth") == HD_OK && depth == s->depth)
        c->is_create_refused = 1;
    c->last_op = s->op;
    if (check_num(c, step, "depth", s->depth - 1) && check_num(c, step, "pc", s->pc) &&
        check_num(c, step, "op", s->op) && check_num(c, step, "gas", s->gas) &&
        check_num(c, step, "stackSize", s->stack_cnt) && check_stack(c, step, s))
        check_memory(c, step, s);
    if (c->diff.text[0])
        hd_msg_prefix(&c->diff, "step %zu (depth %u, pc %llu, %s): ", idx, s->depth - 1,
                      (unsigned long long)s->pc,
                      hd_opcode_name(s->op) ? hd_opcode_name(s->op) : "?");
}

/* What became of the transaction, in the files' words. UNKNOWN is a refusal or a collision. An
   instruction that lacks gas and breaks another rule is out of gas to go-ethereum, whose gas comes
   first, while we may have met the other rule before. */
static int is_outcome(const char *name, uint32_t status, uint32_t error) {
    static const struct {
        const char *name;
        uint32_t error;
    } halts[] = {{"OUT_OF_GAS", HD_EVM_ERR_OUT_OF_GAS},
                 {"INVALID_JUMPDEST", HD_EVM_ERR_BAD_JUMP},
                 {"INVALID_OPCODE", HD_EVM_ERR_BAD_OPCODE},
                 {"STACK_UNDERFLOW", HD_EVM_ERR_STACK_UNDERFLOW},
                 {"STACK_OVERFLOW", HD_EVM_ERR_STACK_OVERFLOW},
                 {"RETURNDATA_OVERFLOW", HD_EVM_ERR_RETURNDATA_BOUNDS},
                 {"CREATION_OUT_OF_GAS", HD_EVM_ERR_CODE_GAS},
                 {"CODESIZE_EXCEEDED", HD_EVM_ERR_CODE_SIZE}};
    if (strcmp(name, "RETURN") == 0)
        return status == HD_TX_SUCCESS;
    if (strcmp(name, "REVERT") == 0)
        return status == HD_TX_REVERT;
    if (strcmp(name, "UNKNOWN") == 0)
        return status >= HD_TX_INVALID || (status == HD_TX_HALT && error == HD_EVM_ERR_COLLISION);
    if (strcmp(name, "OUT_OF_GAS") == 0 && status == HD_TX_HALT &&
        (error == HD_EVM_ERR_RETURNDATA_BOUNDS || error == HD_EVM_ERR_INITCODE_SIZE))
        return 1;
    for (size_t i = 0; i < sizeof halts / sizeof halts[0]; i++)
        if (strcmp(name, halts[i].name) == 0)
            return status == HD_TX_HALT && error == halts[i].error;
    return 0;
}

/* --- running */

/* An account that EIP-7610 is about: storage, but no code and no nonce. */
static int has_bare_storage(const hd_alloc *alloc) {
    const hd_alloc_account *accounts = (const void *)alloc->accounts.data;
    for (size_t i = 0; i < hd_alloc_cnt(alloc); i++)
        if (accounts[i].slot_cnt && !accounts[i].code_sz && !accounts[i].nonce)
            return 1;
    return 0;
}

static hd_err read_tx(hd_tx *tx, uint32_t *status, worker *w, hd_msg *msg, hd_json val,
                      uint64_t chain_id) {
    hd_json member;
    hd_buf_clear(&w->data);
    *status = HD_TX_SUCCESS;
    hd_err err = hd_tx_read_head(tx, status, &w->data, msg, val, chain_id);
    if (err == HD_OK && (err = hd_json_get(&member, msg, val, "input")) == HD_OK)
        err = hd_tx_read_data(tx, &w->data, msg, member);
    if (err == HD_OK && (err = hd_json_get(&member, msg, val, "gasLimit")) == HD_OK)
        err = hd_tx_read_gas(tx, status, msg, member);
    if (err == HD_OK && (err = hd_json_get(&member, msg, val, "value")) == HD_OK)
        err = hd_tx_read_value(tx, status, msg, member);
    if (err == HD_OK && hd_json_find(&member, val, "accessList"))
        err = hd_tx_read_access(tx, &w->data, msg, member, chain_id);
    return err;
}

/* Runs one case; why stays empty when every step is as expected. HD_ERR_FORMAT: msg. */
static hd_err run_case(worker *w, int *outcome_out, hd_msg *why, hd_msg *msg, const hd_env *env,
                       hd_json val) {
    hd_json tx_val, member, trace;
    hd_tx tx;
    hd_world world;
    hd_batch batch;
    comparison c;
    uint32_t status;
    const char *outcome = NULL;
    memset(&c, 0, sizeof c);
    memset(&batch, 0, sizeof batch);
    why->text[0] = 0;
    hd_buf_clear(&w->steps);
    hd_err err = hd_json_get(&tx_val, msg, val, "tx");
    if (err == HD_OK)
        err = hd_json_get(&member, msg, tx_val, "transaction");
    if (err == HD_OK)
        err = read_tx(&tx, &status, w, msg, member, env->chain_id);
    if (err == HD_OK)
        err = hd_json_get_str(&outcome, NULL, msg, tx_val, "outcome");
    if (err == HD_OK && hd_json_find(&trace, tx_val, "trace"))
        err = flatten(&w->steps, msg, trace);
    if (err != HD_OK)
        return err;
    if (status == HD_TX_SUCCESS) {
        hd_state_world(&world, w->state);
        batch.worlds = &world;
        batch.envs = env;
        batch.txs = &tx;
        batch.data = w->data.data;
        batch.data_sz = w->data.sz;
        batch.world_cnt = batch.env_cnt = batch.tx_cnt = 1;
        batch.flags = HD_BATCH_TRACE_MEMORY;
        batch.blockhash = hd_state_test_blockhash;
        c.steps = &w->steps;
        err = hd_exec_trace(w->exec, &w->results, &batch, compare_step, &c);
        if (err != HD_OK) {
            hd_msg_set(why, "our machine: %s", hd_err_name(err));
            *outcome_out = HD_CLI_FAILED;
            return HD_OK;
        }
        status = w->results.receipts[0].status;
    }
    if (c.bad.text[0]) {
        *msg = c.bad;
        return HD_ERR_FORMAT;
    }
    size_t step_cnt = w->steps.sz / sizeof(hd_json);
    uint32_t error = status == HD_TX_HALT ? w->results.receipts[0].error : 0;
    int is_create_refused = c.is_create_refused || (error == HD_EVM_ERR_COLLISION && c.idx == 0);
    if (c.diff.text[0])
        *why = c.diff;
    else if (c.idx != step_cnt)
        hd_msg_set(why, "the trace has %zu steps, expected %zu", c.idx, step_cnt);
    else if (!is_outcome(outcome, status, error))
        hd_msg_set(why, "the outcome is %s%s%s, expected %s", hd_tx_status_name(status),
                   error ? ": " : "", error ? hd_evm_error_name(error) : "", outcome);
    *outcome_out = why->text[0] ? HD_CLI_FAILED : HD_CLI_PASSED;
    if (why->text[0] && c.idx != step_cnt && is_create_refused && has_bare_storage(&w->alloc)) {
        /* The traces were recorded when go-ethereum still created contracts over storage. */
        hd_msg_set(why, "recorded before EIP-7610: the new contract's address has storage");
        *outcome_out = HD_CLI_SKIPPED;
    }
    return HD_OK;
}

/* "FORK_D_G_V" gives the indexes; other ids give zeros. */
static void read_id(uint32_t index[3], const char *id) {
    const char *tail = strchr(id, '_');
    unsigned d = 0, g = 0, v = 0;
    if (!tail || sscanf(tail, "_%9u_%9u_%9u", &d, &g, &v) != 3)
        d = g = v = 0;
    index[0] = d;
    index[1] = g;
    index[2] = v;
}

static hd_err run_fork(suite *su, worker *w, hd_cli_part *part, hd_msg *msg,
                       hd_cli_case_name *named, hd_json env_val, hd_json cases) {
    uint32_t fork;
    hd_env env;
    hd_json none = {env_val.doc, NULL};
    hd_err err = HD_OK;
    int is_known = hd_fork_from_name(&fork, named->fork, strlen(named->fork));
    if (su->fork != HD_FORK_CNT && (!is_known || fork != su->fork))
        return HD_OK;
    if (!hd_json_is_array(cases))
        return hd_json_fail(msg, cases, "an array of cases is expected");
    if (is_known)
        err = hd_env_read(&env, msg, env_val, none, fork, named->fork);
    for (size_t i = 0; err == HD_OK && i < hd_json_cnt(cases); i++) {
        hd_json val = hd_json_at(cases, i);
        const char *id;
        hd_msg why;
        int outcome = HD_CLI_FAILED;
        err = hd_json_get_str(&id, NULL, msg, val, "id");
        if (err != HD_OK)
            break;
        read_id(named->index, id);
        if (is_known)
            err = run_case(w, &outcome, &why, msg, &env, val);
        else
            hd_msg_set(&why, "unknown fork \"%.80s\"", named->fork);
        if (err == HD_OK)
            hd_cli_put_case(part, named, "", outcome, why.text);
    }
    return err;
}

static hd_err run_test(suite *su, worker *w, hd_cli_part *part, hd_msg *msg,
                       hd_cli_case_name *named, hd_json val) {
    hd_json pre, env, forks;
    hd_err err = hd_json_get(&pre, msg, val, "pre");
    if (err == HD_OK)
        err = hd_json_get(&env, msg, val, "env");
    if (err == HD_OK)
        err = hd_json_get(&forks, msg, val, "tests");
    if (err == HD_OK)
        err = hd_alloc_read(&w->alloc, msg, pre);
    if (err != HD_OK)
        return err;
    hd_state_reset(w->state);
    err = hd_alloc_load(w->state, &w->alloc);
    if (err != HD_OK)
        return hd_json_fail(msg, pre, "%s", hd_err_name(err));
    for (hd_json_iter it = hd_json_begin(forks); err == HD_OK && hd_json_next(&it);) {
        named->fork = it.key;
        err = run_fork(su, w, part, msg, named, env, it.val);
    }
    return err;
}

static void run_file(void *ctx, size_t idx, uint32_t worker_idx) {
    suite *su = ctx;
    const char *path = su->files.paths[idx];
    hd_json_doc *doc = NULL;
    hd_json root = {NULL, NULL};
    hd_msg msg = {""};
    hd_err err = hd_json_load(&doc, &root, &msg, path, FILE_SZ_MAX, HD_JSON_DEPTH_MAX);
    if (err == HD_OK && !hd_json_is_object(root))
        err = hd_json_fail(&msg, root, "an object from names to traced tests is expected");
    if (err != HD_OK)
        hd_cli_put_bad(&su->parts[idx], "%s", msg.text);
    for (hd_json_iter it = hd_json_begin(root); err == HD_OK && hd_json_next(&it);) {
        hd_cli_case_name named = {it.key, path, "", {0, 0, 0}, 0};
        if (su->name && !strstr(it.key, su->name))
            continue;
        if (run_test(su, &su->workers[worker_idx], &su->parts[idx], &msg, &named, it.val) != HD_OK)
            hd_cli_put_bad(&su->parts[idx], "%s", msg.text);
    }
    hd_json_close(doc);
    hd_cli_report_part(&su->report, idx);
    hd_progress_add(&su->progress, 1);
}

static hd_err open_suite(suite *su, uint32_t thread_cnt) {
    su->parts = calloc(su->files.path_cnt, sizeof *su->parts);
    su->workers = calloc(thread_cnt, sizeof *su->workers);
    if (!su->parts || !su->workers)
        return HD_ERR_NOMEM;
    su->worker_cnt = thread_cnt;
    for (uint32_t i = 0; i < thread_cnt; i++) {
        hd_exec_options options = {su->backend, 1, NULL, NULL};
        hd_err err = hd_exec_open(&su->workers[i].exec, &options);
        if (err != HD_OK)
            return err;
        if (!(su->workers[i].state = hd_state_new()))
            return HD_ERR_NOMEM;
    }
    return HD_OK;
}

static void close_suite(suite *su) {
    for (uint32_t i = 0; i < su->worker_cnt; i++) {
        worker *w = &su->workers[i];
        hd_results_free(&w->results);
        if (w->exec)
            hd_exec_close(w->exec);
        if (w->state)
            hd_state_free(w->state);
        hd_alloc_free(&w->alloc);
        hd_buf_free(&w->data);
        hd_buf_free(&w->steps);
    }
    free(su->workers);
    free(su->parts);
    hd_file_list_free(&su->files);
}

enum { OPT_FORK = 1, OPT_BACKEND, OPT_THREADS, OPT_NAME };

int hd_cmd_tracetest(int argc, char **argv) {
    static const hd_cli_option options[] = {
        {"--fork", "FORK", "only traces of this fork", OPT_FORK},
        {"--backend", "NAME", "host (default) or cuda (one thread)", OPT_BACKEND},
        {"--threads", "N", "worker threads (default: all cores)", OPT_THREADS},
        {"--name", "TEXT", "only tests whose name holds TEXT", OPT_NAME},
    };
    static const hd_cli_spec spec = {
        "tracetest",
        "[OPTION...] PATH...",
        "Runs traced state tests (files, or folders of .json files) and compares every step with\n"
        "go-ethereum's: pc, opcode, gas, depth, stack, size of memory. Standard output: one JSON "
        "array,\n"
        "one object a case. Exit status: 0 all passed, 1 a case failed, 2 usage, unreadable "
        "input,\n"
        "or no case.",
        "heddle tracetest --fork Shanghai step-traces/stExample",
        options,
        sizeof options / sizeof options[0]};
    hd_cli cli;
    suite su;
    uint64_t thread_cnt = 0;
    size_t path_cnt = 0;
    memset(&su, 0, sizeof su);
    su.fork = HD_FORK_CNT;
    su.backend = HD_BACKEND_HOST;
    hd_cli_init(&cli, &spec, argc, argv);
    for (int id; (id = hd_cli_next(&cli)) != HD_CLI_END;) {
        int is_good = 1;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case HD_CLI_ARG: argv[path_cnt++] = (char *)cli.value; break;
        case OPT_FORK: is_good = hd_cli_fork(&su.fork, &cli); break;
        case OPT_BACKEND: is_good = hd_cli_backend(&su.backend, &cli, 0); break;
        case OPT_THREADS: is_good = hd_cli_u64(&thread_cnt, &cli, 1, HD_POOL_THREADS_MAX); break;
        case OPT_NAME: su.name = cli.value; break;
        }
        if (!is_good)
            return HD_EXIT_USAGE;
    }
    if (hd_cli_suite_files(&su.files, &cli, argv, path_cnt) != HD_EXIT_OK)
        return HD_EXIT_USAGE;
    if (su.backend == HD_BACKEND_AUTO)
        su.backend = HD_BACKEND_HOST;
    if (su.backend == HD_BACKEND_CUDA)
        thread_cnt = 1;
    else if (!thread_cnt)
        thread_cnt = hd_cpu_cnt();
    hd_err err = open_suite(&su, (uint32_t)thread_cnt);
    const hd_cli_suite run = {.command = "tracetest",
                              .report = &su.report,
                              .progress = &su.progress,
                              .parts = su.parts,
                              .part_cnt = su.files.path_cnt,
                              .file_cnt = su.files.path_cnt,
                              .thread_cnt = (uint32_t)thread_cnt};
    int status =
        err == HD_OK ? hd_cli_suite_run(&run, run_file, &su) : hd_cli_suite_fail("tracetest", err);
    close_suite(&su);
    return status;
}
