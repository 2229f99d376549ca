/* hd_cmd_rlptest.c - `heddle rlptest`: the official RLP tests (RLPTests). */
#include <string.h>

#include "base/hd_hex.h"
#include "base/hd_json.h"
#include "base/hd_rlp.h"
#include "cli/hd_cli_case.h"
#include "cli/hd_cmd.h"

#define NUM_SZ_MAX 4096u /* bytes of a "#decimal" number */

static const hd_cli_spec spec = {"rlptest",
                                 "[OPTION...] PATH...",
                                 "Run official RLP tests: files, or folders with .json files. What "
                                 "a case's `in` describes must\n"
                                 "encode to `out`, and `out` must be read and written again "
                                 "unchanged; with VALID it need only be\n"
                                 "read, with INVALID it must be refused.",
                                 "heddle rlptest RLPTests",
                                 NULL,
                                 0};

/* Encodes a description: text, a number, "#" and a decimal number, or a list of these. Nesting is
   bounded by the JSON reader. */
static hd_err put_value(hd_buf *out, hd_msg *msg, hd_json val, uint32_t depth) {
    if (depth > HD_JSON_DEPTH_DEFAULT)
        return hd_json_fail(msg, val, "nested too deep");
    if (hd_json_is_array(val)) {
        hd_err err = HD_OK;
        size_t mark = hd_rlp_list_open(out);
        for (size_t i = 0; err == HD_OK && i < hd_json_cnt(val); i++)
            err = put_value(out, msg, hd_json_at(val, i), depth + 1);
        return err == HD_OK ? hd_rlp_list_close(out, mark) : err;
    }
    if (!hd_json_is_string(val)) {
        hd_hash num;
        hd_err err = hd_json_num(&num, msg, val);
        return err == HD_OK ? hd_rlp_put_num(out, num.b, sizeof num.b) : err;
    }
    const char *text, *reason;
    size_t sz;
    hd_err err = hd_json_str(&text, &sz, msg, val);
    if (err != HD_OK || sz == 0 || text[0] != '#')
        return err == HD_OK ? hd_rlp_put_bytes(out, text, sz) : err;
    uint8_t num[NUM_SZ_MAX];
    err = hd_dec_parse_num(num, sizeof num, &reason, text + 1, sz - 1);
    if (err != HD_OK)
        return hd_json_fail(msg, val, "after the #: %s", reason);
    return hd_rlp_put_num(out, num, sizeof num);
}

/* Writes again what is read, to show that the reader understood it all. Canonical input was checked
   before, so depth is bounded. */
static hd_err copy_item(hd_buf *out, const hd_rlp_item *item, uint32_t depth) {
    hd_rlp_iter iter;
    hd_rlp_item child;
    if (!item->is_list)
        return hd_rlp_put_bytes(out, item->body.data, item->body.sz);
    if (depth > HD_RLP_DEPTH_MAX)
        return HD_ERR_FORMAT;
    size_t mark = hd_rlp_list_open(out);
    hd_err err = hd_rlp_iter_init(&iter, item);
    while (err == HD_OK && !hd_rlp_iter_is_end(&iter)) {
        err = hd_rlp_iter_next(&iter, &child);
        if (err == HD_OK)
            err = copy_item(out, &child, depth + 1);
    }
    return err == HD_OK ? hd_rlp_list_close(out, mark) : err;
}

static void put_hex(hd_buf *error, const char *before, hd_span data) {
    hd_buf_append_str(error, before);
    hd_buf_append_hex(error, data.data, HD_MIN(data.sz, 64));
    if (data.sz > 64)
        hd_buf_append_str(error, "...");
}

static hd_err check_readable(hd_buf *error, hd_buf *scratch, hd_span out) {
    const char *reason = NULL;
    hd_rlp_item item;
    hd_err err = hd_rlp_check(&reason, out, HD_RLP_DEPTH_MAX);
    if (err == HD_OK)
        err = hd_rlp_read(&item, NULL, &reason, out);
    if (err == HD_ERR_FORMAT) {
        hd_buf_printf(error, "refused: %s", reason);
        return HD_OK;
    }
    hd_buf_clear(scratch);
    if (err == HD_OK)
        err = copy_item(scratch, &item, 0);
    if (err == HD_ERR_FORMAT) {
        hd_buf_append_str(error, "items that were checked cannot be read");
        return HD_OK;
    }
    if (err == HD_OK && (scratch->sz != out.sz || memcmp(scratch->data, out.data, out.sz) != 0))
        put_hex(error, "read and written again it is 0x", hd_buf_span(scratch));
    return err;
}

static hd_err run_case(hd_buf *error, hd_msg *msg, const char *path, hd_json val) {
    (void)path;
    hd_json in;
    const char *text, *reason, *kind = "";
    size_t sz, kind_sz = 0;
    hd_buf want, got;
    hd_buf_init(&want);
    hd_buf_init(&got);
    hd_err err = hd_json_get(&in, msg, val, "in");
    if (err == HD_OK)
        err = hd_json_get_str(&text, &sz, msg, val, "out");
    if (err == HD_OK)
        err = hd_buf_reserve(&want, sz / 2 + 1);
    if (err == HD_OK) { /* some files leave out the 0x */
        size_t skip = sz >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0;
        err = hd_hex_decode(want.data, want.cap, &want.sz, &reason, text + skip, sz - skip);
        if (err != HD_OK)
            hd_json_fail(msg, val, "out: %s", reason);
    }
    if (err == HD_OK && hd_json_is_string(in))
        err = hd_json_str(&kind, &kind_sz, msg, in);
    if (err == HD_OK && strcmp(kind, "INVALID") == 0) {
        if (hd_rlp_check(&reason, hd_buf_span(&want), HD_RLP_DEPTH_MAX) == HD_OK)
            hd_buf_append_str(error, "accepted, though it is invalid");
    } else if (err == HD_OK) {
        if (strcmp(kind, "VALID") != 0) {
            err = put_value(&got, msg, in, 0);
            if (err == HD_OK && (got.sz != want.sz || memcmp(got.data, want.data, want.sz) != 0))
                put_hex(error, "encoded as 0x", hd_buf_span(&got));
        }
        if (err == HD_OK && error->sz == 0)
            err = check_readable(error, &got, hd_buf_span(&want));
    }
    hd_buf_free(&want);
    hd_buf_free(&got);
    return err;
}

int hd_cmd_rlptest(int argc, char **argv) { return hd_cli_case_main(&spec, argc, argv, run_case); }
