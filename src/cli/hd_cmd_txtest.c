/* hd_cmd_txtest.c - `heddle txtest`: the official transaction tests (encoded bytes; per fork a
   hash, a sender and intrinsic gas, or a refusal). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_json.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "cli/hd_state_json.h"
#include "evm/hd_tx_codec.h"
#include "exec/hd_exec.h"

#define FILE_SZ_MAX (256ull << 20)
#define TESTS_CHAIN_ID 1u

typedef struct {
    hd_cli_report report;
    hd_buf objects; /* of the file at hand */
    uint64_t object_cnt;
    const char *file;
} run;

/* What became of one transaction under one fork. */
typedef struct {
    hd_tx tx;
    hd_tx_envelope envelope;
    uint64_t intrinsic_gas;
    int is_valid;
    hd_msg msg; /* why it is not */
} verdict;

static void judge(verdict *out, hd_buf *data, hd_span raw, uint32_t fork) {
    uint32_t status;
    memset(out, 0, sizeof *out);
    hd_buf_clear(data);
    if (hd_tx_decode(&out->tx, &out->envelope, data, &out->msg, raw) != HD_OK)
        return;
    hd_tx_recover(&status, &out->tx, &out->msg, &out->envelope, fork, TESTS_CHAIN_ID);
    if (status != HD_TX_SUCCESS)
        return;
    out->intrinsic_gas = hd_tx_intrinsic(&out->tx, data->data, fork).gas;
    status = hd_tx_check(&out->tx, data->data, fork);
    if (status != HD_TX_SUCCESS)
        hd_msg_set(&out->msg, "%s", hd_tx_status_name(status));
    out->is_valid = status == HD_TX_SUCCESS;
}

/* compare says in msg what differs from the expectation; 1 when nothing does. */
static int compare(hd_msg *msg, int *is_readable, const verdict *got, hd_json want) {
    hd_json exception;
    hd_hash hash;
    hd_address sender;
    uint64_t gas;
    *is_readable = 1;
    if (hd_json_find(&exception, want, "exception")) {
        const char *name = "";
        if (hd_json_str(&name, NULL, msg, exception) != HD_OK) {
            *is_readable = 0;
            return 0;
        }
        if (!got->is_valid)
            return 1;
        hd_msg_set(msg, "accepted, expected %.200s", name);
        return 0;
    }
    if (hd_json_get_hash(&hash, msg, want, "hash") != HD_OK ||
        hd_json_get_address(&sender, msg, want, "sender") != HD_OK ||
        hd_json_get_u64(&gas, msg, want, "intrinsicGas") != HD_OK) {
        *is_readable = 0;
        return 0;
    }
    if (!got->is_valid)
        hd_msg_set(msg, "refused: %.400s", got->msg.text);
    else if (memcmp(hash.b, got->envelope.hash.b, sizeof hash.b) != 0)
        hd_msg_set(msg, "the hash differs");
    else if (memcmp(sender.b, got->tx.sender.b, sizeof sender.b) != 0)
        hd_msg_set(msg, "the sender differs");
    else if (gas != got->intrinsic_gas)
        hd_msg_set(msg, "intrinsic gas is %llu, expected %llu",
                   (unsigned long long)got->intrinsic_gas, (unsigned long long)gas);
    else
        return 1;
    return 0;
}

static void put_case(run *r, const char *name, const char *fork, int is_passed, const char *error) {
    hd_buf *out = &r->objects;
    hd_buf_append_str(out, r->object_cnt ? ",\n{\"name\":" : "{\"name\":");
    hd_cli_put_str(out, name, strlen(name));
    hd_buf_append_str(out, ",\"file\":");
    hd_cli_put_str(out, r->file, strlen(r->file));
    hd_buf_append_str(out, ",\"fork\":");
    hd_cli_put_str(out, fork, strlen(fork));
    hd_buf_printf(out, ",\"pass\":%s,\"skipped\":false,\"error\":", is_passed ? "true" : "false");
    hd_cli_put_str(out, error, strlen(error));
    hd_buf_append_byte(out, '}');
    r->object_cnt++;
    if (is_passed)
        r->report.passed_cnt++;
    else
        r->report.failed_cnt++;
}

static void bad_input(run *r, const hd_msg *msg) {
    fprintf(stderr, "heddle txtest: %s\n", msg->text);
    r->report.bad_input_cnt++;
}

static void run_test(run *r, hd_json_iter *test) {
    hd_msg msg = {""};
    hd_json result, txbytes;
    hd_buf raw = {0}, data = {0};
    const char *text;
    size_t text_sz;
    hd_err err = hd_json_get(&txbytes, &msg, test->val, "txbytes");
    if (err == HD_OK)
        err = hd_json_str(&text, &text_sz, &msg, txbytes);
    if (err == HD_OK)
        err = hd_json_get(&result, &msg, test->val, "result");
    if (err == HD_OK && !hd_json_is_object(result))
        err = hd_json_fail(&msg, result, "an object of forks is expected");
    if (err == HD_OK)
        err = hd_json_bytes(&raw, &msg, txbytes);
    if (err != HD_OK) {
        bad_input(r, &msg);
        hd_buf_free(&raw);
        return;
    }
    for (hd_json_iter it = hd_json_begin(result); hd_json_next(&it);) {
        uint32_t fork;
        int is_readable, is_passed;
        verdict got;
        msg.text[0] = 0;
        if (!hd_fork_from_name(&fork, it.key, strlen(it.key))) {
            put_case(r, test->key, it.key, 0, "unknown fork");
            continue;
        }
        judge(&got, &data, hd_buf_span(&raw), fork);
        is_passed = compare(&msg, &is_readable, &got, it.val);
        if (is_readable)
            put_case(r, test->key, it.key, is_passed, is_passed ? "" : msg.text);
        else
            bad_input(r, &msg);
    }
    hd_buf_free(&raw);
    hd_buf_free(&data);
}

static void run_file(run *r, const char *path) {
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_msg msg = {""};
    hd_err err = hd_json_load(&doc, &root, &msg, path, FILE_SZ_MAX, HD_JSON_DEPTH_DEFAULT);
    if (err == HD_OK && !hd_json_is_object(root))
        err = hd_json_fail(&msg, root, "an object of tests is expected");
    r->file = path;
    r->object_cnt = 0;
    hd_buf_clear(&r->objects);
    if (err == HD_OK) {
        for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it);)
            run_test(r, &it);
        hd_cli_report_add(&r->report, &r->objects, r->object_cnt);
    } else {
        bad_input(r, &msg);
    }
    hd_json_close(doc);
}

int hd_cmd_txtest(int argc, char **argv) {
    static const hd_cli_spec spec = {
        .command = "txtest",
        .usage = "PATH...",
        .about =
            "Runs official transaction tests: decoding, sender, hash and intrinsic gas of encoded\n"
            "transactions under each fork. PATH is a file or a folder.",
        .example = "heddle txtest fixtures/tx-trie-rlp/TransactionTests"};
    hd_cli cli;
    int id;
    char **paths = calloc((size_t)argc + 1, sizeof *paths);
    size_t path_cnt = 0;
    if (!paths)
        return HD_EXIT_USAGE;
    hd_cli_init(&cli, &spec, argc, argv);
    while ((id = hd_cli_next(&cli)) == HD_CLI_ARG)
        paths[path_cnt++] = argv[cli.idx - 1];
    int status = HD_EXIT_USAGE;
    hd_file_list files = {0};
    if (id == HD_CLI_HELP)
        status = HD_EXIT_OK;
    else if (id == HD_CLI_END && path_cnt == 0)
        status = hd_cli_wrong(&cli, "a file or folder is expected");
    else if (id == HD_CLI_END && hd_cli_walk(&files, spec.command, paths, path_cnt) == HD_EXIT_OK) {
        run r = {0};
        hd_cli_report_begin(&r.report);
        for (size_t i = 0; i < files.path_cnt; i++)
            run_file(&r, files.paths[i]);
        hd_buf_free(&r.objects);
        hd_file_list_free(&files);
        status = hd_cli_report_end(&r.report, spec.command);
    }
    free(paths);
    return status;
}
