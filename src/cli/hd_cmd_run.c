/* hd_cmd_run.c - `heddle run`: runs bytecode at an address and prints what it did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_clock.h"
#include "base/hd_hex.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "cli/hd_state_json.h"
#include "cli/hd_trace_json.h"
#include "exec/hd_exec.h"

#define FILE_SZ_MAX (1ull << 30)
#define BENCH_CNT_MAX 10000000u
#define GAS_DEFAULT 1000000000ull

typedef struct {
    hd_buf code;
    hd_buf input;
    hd_env env;
    hd_tx tx;
    hd_state *state;
    const char *prestate;
    uint64_t bench_cnt;
    uint32_t backend;
    int has_code, is_create, is_traced, is_json;
} job;

/* --- reading */

/* Hexadecimal text with or without 0x, white space around and between. */
static int read_hex(hd_buf *out, const hd_cli *cli, const char *what, const char *text, size_t sz) {
    hd_buf digits = {0};
    const char *reason = NULL;
    size_t got_sz = 0;
    for (size_t i = 0; i < sz; i++)
        if (!strchr(" \t\r\n", text[i]) || !text[i])
            hd_buf_append_byte(&digits, (uint8_t)text[i]);
    hd_err err = digits.err;
    if (err == HD_OK)
        err = hd_buf_reserve(out, digits.sz / 2 + 1);
    if (err == HD_OK) {
        const char *in = hd_buf_str(&digits);
        int has_prefix = digits.sz >= 2 && in[0] == '0' && (in[1] == 'x' || in[1] == 'X');
        err = hd_hex_decode(out->data, out->cap, &got_sz, &reason, in + (has_prefix ? 2 : 0),
                            digits.sz - (has_prefix ? 2 : 0));
        out->sz = err == HD_OK ? got_sz : 0;
    }
    hd_buf_free(&digits);
    if (err == HD_OK)
        return 1;
    hd_cli_wrong(cli, "%s expects bytes in hexadecimal: %s", what,
                 reason ? reason : hd_err_name(err));
    return 0;
}

static int read_code_file(hd_buf *out, const hd_cli *cli) {
    hd_buf text = {0};
    hd_msg msg = {""};
    int is_good = hd_file_read(&text, &msg, cli->value, FILE_SZ_MAX) == HD_OK;
    if (is_good)
        is_good = read_hex(out, cli, cli->value, text.sz ? (const char *)text.data : "", text.sz);
    else
        fprintf(stderr, "heddle run: %s\n", msg.text);
    hd_buf_free(&text);
    return is_good;
}

/* An alloc object, or a genesis file with a member "alloc". */
static int load_prestate(job *j) {
    hd_json_doc *doc = NULL;
    hd_json root, val;
    hd_msg msg = {""};
    hd_alloc alloc = {0};
    hd_err err = hd_json_load(&doc, &root, &msg, j->prestate, FILE_SZ_MAX, HD_JSON_DEPTH_DEFAULT);
    if (err == HD_OK)
        err = hd_alloc_read(&alloc, &msg, hd_json_find(&val, root, "alloc") ? val : root);
    if (err == HD_OK && (err = hd_alloc_load(j->state, &alloc)) != HD_OK)
        hd_msg_set(&msg, "%s: %s", j->prestate, hd_err_name(err));
    if (err != HD_OK)
        fprintf(stderr, "heddle run: %s\n", msg.text);
    hd_alloc_free(&alloc);
    hd_json_close(doc);
    return err == HD_OK;
}

/* The sender can pay the value; the code stands at its address, or is the initcode. */
static hd_err make_state(job *j) {
    hd_state_account account;
    hd_err err = HD_OK;
    int is_there = hd_state_get(&account, j->state, &j->tx.sender) == HD_OK;
    if (!is_there || hd_u256_lt(account.balance_wei, j->tx.value_wei))
        err = hd_state_set_balance(j->state, &j->tx.sender, j->tx.value_wei);
    if (err == HD_OK && j->has_code && !j->is_create) {
        memset(&account, 0, sizeof account);
        hd_state_get(&account, j->state, &j->tx.to);
        err = hd_state_set(j->state, &j->tx.to, account.nonce, account.balance_wei, j->code.data,
                           j->code.sz);
    }
    return err;
}

/* --- printing */

static void put_hex(hd_buf *out, const void *data, size_t sz) {
    hd_buf_append_str(out, "0x");
    if (sz)
        hd_buf_append_hex(out, data, sz);
}

static void put_num(hd_buf *out, hd_u256 num) {
    uint8_t be[32];
    char text[2 * 32 + 3];
    hd_u256_store_be(be, num);
    hd_hex_write_num(text, sizeof text, be, sizeof be);
    hd_buf_append_str(out, text);
}

static void put_json(hd_buf *out, const hd_results *res) {
    const hd_receipt *r = &res->receipts[0];
    hd_buf_printf(out, "{\"status\":\"%s\",\"error\":\"%s\",\"gasUsed\":%llu,\"output\":\"",
                  hd_tx_status_name(r->status),
                  r->status == HD_TX_HALT ? hd_evm_error_name(r->error) : "",
                  (unsigned long long)r->gas_used);
    put_hex(out, res->bytes + r->output_off, r->output_sz);
    hd_buf_append_byte(out, '"');
    if (r->flags & HD_RECEIPT_CREATED) {
        hd_buf_append_str(out, ",\"created\":\"");
        put_hex(out, r->created.b, sizeof r->created.b);
        hd_buf_append_byte(out, '"');
    }
    hd_buf_append_str(out, ",\"logs\":[");
    for (uint32_t i = 0; i < r->log_cnt; i++) {
        const hd_log_entry *log = &res->logs[r->log_off + i];
        hd_buf_append_str(out, i ? ",{\"address\":\"" : "{\"address\":\"");
        put_hex(out, log->addr.b, sizeof log->addr.b);
        hd_buf_append_str(out, "\",\"topics\":[");
        for (uint32_t k = 0; k < log->topic_cnt; k++) {
            hd_buf_append_str(out, k ? ",\"" : "\"");
            put_hex(out, log->topics[k].b, sizeof log->topics[k].b);
            hd_buf_append_byte(out, '"');
        }
        hd_buf_append_str(out, "],\"data\":\"");
        put_hex(out, res->bytes + log->data_off, log->data_sz);
        hd_buf_append_str(out, "\"}");
    }
    hd_buf_append_str(out, "],\"storage\":[");
    for (uint32_t i = 0, shown = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *slot = &res->slots[r->slot_off + i];
        if (!(slot->flags & HD_DIFF_CHANGED))
            continue;
        hd_buf_append_str(out, shown++ ? ",{\"address\":\"" : "{\"address\":\"");
        put_hex(out, res->accounts[r->account_off + slot->account_idx].addr.b, 20);
        hd_buf_append_str(out, "\",\"key\":\"");
        put_num(out, slot->key);
        hd_buf_append_str(out, "\",\"value\":\"");
        put_num(out, slot->value);
        hd_buf_append_str(out, "\"}");
    }
    hd_buf_append_str(out, "]");
}

static void put_lines(hd_buf *out, const hd_results *res) {
    const hd_receipt *r = &res->receipts[0];
    hd_buf_printf(out, "status: %s", hd_tx_status_name(r->status));
    if (r->status == HD_TX_HALT)
        hd_buf_printf(out, " (%s at pc %u)", hd_evm_error_name(r->error), r->error_pc);
    hd_buf_append_str(out, "\noutput: ");
    put_hex(out, res->bytes + r->output_off, r->output_sz);
    hd_buf_printf(out, "\ngas used: %llu\n", (unsigned long long)r->gas_used);
    if (r->flags & HD_RECEIPT_CREATED) {
        hd_buf_append_str(out, "created: ");
        put_hex(out, r->created.b, sizeof r->created.b);
        hd_buf_append_byte(out, '\n');
    }
    hd_buf_printf(out, "logs: %u\n", r->log_cnt);
    for (uint32_t i = 0; i < r->log_cnt; i++) {
        const hd_log_entry *log = &res->logs[r->log_off + i];
        hd_buf_append_str(out, "  ");
        put_hex(out, log->addr.b, sizeof log->addr.b);
        for (uint32_t k = 0; k < log->topic_cnt; k++) {
            hd_buf_append_str(out, " topic ");
            put_hex(out, log->topics[k].b, sizeof log->topics[k].b);
        }
        hd_buf_append_str(out, " data ");
        put_hex(out, res->bytes + log->data_off, log->data_sz);
        hd_buf_append_byte(out, '\n');
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        const hd_slot_diff *slot = &res->slots[r->slot_off + i];
        if (!(slot->flags & HD_DIFF_CHANGED))
            continue;
        hd_buf_append_str(out, "stored: ");
        put_hex(out, res->accounts[r->account_off + slot->account_idx].addr.b, 20);
        hd_buf_append_str(out, " slot ");
        put_num(out, slot->key);
        hd_buf_append_str(out, " = ");
        put_num(out, slot->value);
        hd_buf_append_byte(out, '\n');
    }
}

/* --- running */

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Runs the batch bench_cnt times; the median tells the usual cost whatever else the machine does.
 */
static hd_err bench(uint64_t *median_ns, uint64_t *fastest_ns, hd_exec *x, hd_results *res,
                    const hd_batch *batch, uint64_t bench_cnt) {
    uint64_t *times = calloc(bench_cnt, sizeof *times);
    hd_err err = times ? HD_OK : HD_ERR_NOMEM;
    for (uint64_t i = 0; err == HD_OK && i < bench_cnt; i++) {
        uint64_t begin_ns = hd_clock_ns();
        err = hd_exec_run(x, res, batch);
        times[i] = hd_clock_ns() - begin_ns;
    }
    if (err == HD_OK) {
        qsort(times, bench_cnt, sizeof *times, compare_u64);
        *median_ns = times[bench_cnt / 2];
        *fastest_ns = times[0];
    }
    free(times);
    return err;
}

static int run_job(job *j) {
    hd_exec *x = NULL;
    hd_results res;
    hd_world world;
    hd_batch batch;
    hd_buf out = {0};
    hd_trace_file trace = {.file = stderr};
    uint64_t median_ns = 0, fastest_ns = 0;
    int status = HD_EXIT_USAGE;
    memset(&res, 0, sizeof res);
    memset(&batch, 0, sizeof batch);
    hd_exec_options options = {j->backend == HD_BACKEND_AUTO ? HD_BACKEND_HOST : j->backend, 1,
                               NULL, NULL};
    hd_err err = make_state(j);
    if (err == HD_OK)
        err = hd_exec_open(&x, &options);
    if (err == HD_ERR_ABSENT) {
        fputs("heddle run: --backend cuda: no usable device, or built without CUDA\n", stderr);
        return HD_EXIT_USAGE;
    }
    if (err == HD_OK) {
        const hd_buf *data = j->is_create ? &j->code : &j->input;
        hd_state_world(&world, j->state);
        j->tx.data_sz = (uint32_t)data->sz;
        batch.worlds = &world;
        batch.envs = &j->env;
        batch.txs = &j->tx;
        batch.data = data->data;
        batch.data_sz = data->sz;
        batch.world_cnt = batch.env_cnt = batch.tx_cnt = 1;
        batch.blockhash = hd_state_test_blockhash;
        if (j->is_traced)
            err = hd_exec_trace(x, &res, &batch, hd_trace_to_file, &trace);
        else
            err = hd_exec_run(x, &res, &batch);
    }
    if (err == HD_OK && j->bench_cnt)
        err = bench(&median_ns, &fastest_ns, x, &res, &batch, j->bench_cnt);
    if (err == HD_OK && j->is_json)
        put_json(&out, &res);
    else if (err == HD_OK)
        put_lines(&out, &res);
    if (err == HD_OK && j->bench_cnt)
        hd_buf_printf(&out,
                      j->is_json ? ",\"runs\":%llu,\"medianNs\":%llu,\"fastestNs\":%llu"
                                 : "bench: %llu runs, median %llu ns, fastest %llu ns\n",
                      (unsigned long long)j->bench_cnt, (unsigned long long)median_ns,
                      (unsigned long long)fastest_ns);
    if (err == HD_OK && j->is_json)
        hd_buf_append_str(&out, "}\n");
    if (err == HD_OK)
        err = out.err;
    if (err == HD_OK) {
        fwrite(out.data, 1, out.sz, stdout);
        status = res.receipts[0].status == HD_TX_SUCCESS ? HD_EXIT_OK : HD_EXIT_FAILED;
    } else {
        fprintf(stderr, "heddle run: %s\n", hd_err_name(err));
    }
    hd_buf_free(&out);
    hd_buf_free(&trace.line);
    hd_results_free(&res);
    if (x)
        hd_exec_close(x);
    return status;
}

static void set_defaults(job *j) {
    memset(j, 0, sizeof *j);
    j->env.fork = HD_FORK_OSAKA;
    j->env.flags = HD_ENV_NO_TX_GAS_CAP;
    j->env.number = 1;
    j->env.timestamp = 1;
    j->env.gas_limit = INT64_MAX;
    j->env.chain_id = 1;
    j->env.blob_base_fee = hd_u256_from_u64(1);
    j->tx.flags = HD_TX_SKIP_CHECKS;
    j->tx.gas_limit = GAS_DEFAULT;
    j->tx.sender.b[0] = 0x10;
    j->tx.sender.b[19] = 0x01;
    j->tx.to.b[0] = 0x20;
    j->tx.to.b[19] = 0x02;
}

enum {
    OPT_CODE = 1,
    OPT_CODE_FILE,
    OPT_CREATE,
    OPT_INPUT,
    OPT_GAS,
    OPT_FORK,
    OPT_VALUE,
    OPT_SENDER,
    OPT_TO,
    OPT_PRESTATE,
    OPT_TRACE,
    OPT_BENCH,
    OPT_BACKEND,
    OPT_JSON
};

/* -1: go on; else the exit status. */
static int read_options(job *j, hd_cli *cli) {
    int has_to = 0;
    for (int id; (id = hd_cli_next(cli)) != HD_CLI_END;) {
        int is_good = 1;
        hd_hash num;
        switch (id) {
        case HD_CLI_HELP: return HD_EXIT_OK;
        case HD_CLI_WRONG: return HD_EXIT_USAGE;
        case HD_CLI_ARG: return hd_cli_wrong(cli, "unexpected argument \"%.80s\"", cli->value);
        case OPT_CODE:
        case OPT_CODE_FILE:
            if (j->has_code)
                return hd_cli_wrong(cli, "code is given twice");
            j->has_code = 1;
            is_good = id == OPT_CODE_FILE
                          ? read_code_file(&j->code, cli)
                          : read_hex(&j->code, cli, cli->option, cli->value, strlen(cli->value));
            break;
        case OPT_CREATE:
            j->is_create = 1;
            j->tx.flags |= HD_TX_CREATE;
            break;
        case OPT_INPUT:
            hd_buf_clear(&j->input);
            is_good = read_hex(&j->input, cli, cli->option, cli->value, strlen(cli->value));
            break;
        case OPT_GAS: is_good = hd_cli_u64(&j->tx.gas_limit, cli, 0, INT64_MAX); break;
        case OPT_FORK: is_good = hd_cli_fork(&j->env.fork, cli); break;
        case OPT_VALUE:
            is_good = hd_cli_num(&num, cli);
            if (is_good)
                j->tx.value_wei = hd_u256_load_be(num.b);
            break;
        case OPT_SENDER: is_good = hd_cli_address(&j->tx.sender, cli); break;
        case OPT_TO:
            has_to = 1;
            is_good = hd_cli_address(&j->tx.to, cli);
            break;
        case OPT_PRESTATE: j->prestate = cli->value; break;
        case OPT_TRACE: j->is_traced = 1; break;
        case OPT_BENCH: is_good = hd_cli_u64(&j->bench_cnt, cli, 1, BENCH_CNT_MAX); break;
        case OPT_BACKEND: is_good = hd_cli_backend(&j->backend, cli, 0); break;
        case OPT_JSON: j->is_json = 1; break;
        }
        if (!is_good)
            return HD_EXIT_USAGE;
    }
    if (!j->has_code && (j->is_create || !has_to))
        return hd_cli_wrong(cli, "--code or --code-file is expected (or --to, for code of a "
                                 "prestate or a precompile)");
    if (j->is_create && j->input.sz)
        return hd_cli_wrong(cli, "--input does not go with --create: append it to the code");
    if (j->is_traced && j->backend != HD_BACKEND_AUTO && j->backend != HD_BACKEND_HOST)
        return hd_cli_wrong(cli, "--trace goes with --backend host only");
    if (j->code.sz > UINT32_MAX || j->input.sz > UINT32_MAX)
        return hd_cli_wrong(cli, "code and input of less than 4 GiB are expected");
    return -1;
}

int hd_cmd_run(int argc, char **argv) {
    static const hd_cli_option options[] = {
        {"--code", "HEX", "the code to run", OPT_CODE},
        {"--code-file", "FILE", "the same from a file of hexadecimal text; - is standard input",
         OPT_CODE_FILE},
        {"--create", NULL, "run the code as initcode of a new contract", OPT_CREATE},
        {"--input", "HEX", "calldata", OPT_INPUT},
        {"--gas", "N", "gas limit (default 1000000000)", OPT_GAS},
        {"--fork", "FORK", "rules (default Osaka)", OPT_FORK},
        {"--value", "WEI", "wei sent along; the sender is given what it lacks", OPT_VALUE},
        {"--sender", "ADDRESS", "who calls", OPT_SENDER},
        {"--to", "ADDRESS", "where the code stands", OPT_TO},
        {"--prestate", "FILE", "accounts: a JSON alloc, or a genesis with \"alloc\"", OPT_PRESTATE},
        {"--trace", NULL, "EIP-3155 lines on standard error", OPT_TRACE},
        {"--bench", "N", "run N times and print the median time", OPT_BENCH},
        {"--backend", "NAME", "auto (host), host, cuda or tiled", OPT_BACKEND},
        {"--json", NULL, "print one JSON object", OPT_JSON},
    };
    static const hd_cli_spec spec = {
        "run",
        "[OPTION...]",
        "Runs bytecode without a transaction's checks, fees and intrinsic gas, and prints status,\n"
        "output, gas, logs and what was stored. Exit status: 0 success, 1 the code reverted or\n"
        "halted, 2 usage, unreadable input, or no device.",
        "heddle run --code 600160020160005260206000f3 --trace",
        options,
        sizeof options / sizeof options[0]};
    hd_cli cli;
    job j;
    set_defaults(&j);
    hd_cli_init(&cli, &spec, argc, argv);
    int status = read_options(&j, &cli);
    if (status < 0) {
        status = HD_EXIT_USAGE;
        if (!(j.state = hd_state_new()))
            fprintf(stderr, "heddle run: %s\n", hd_err_name(HD_ERR_NOMEM));
        else if (!j.prestate || load_prestate(&j))
            status = run_job(&j);
    }
    if (j.state)
        hd_state_free(j.state);
    hd_buf_free(&j.code);
    hd_buf_free(&j.input);
    return status;
}
