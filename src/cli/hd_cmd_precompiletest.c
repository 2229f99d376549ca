/* hd_cmd_precompiletest.c - `heddle precompiletest`: go-ethereum's vectors for precompiles and for
   the two-operand word instructions, on the host's libraries, the shared code or the GPU. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hd_hex.h"
#include "base/hd_json.h"
#include "cli/hd_cli.h"
#include "cli/hd_cmd.h"
#include "crypto/hd_precompile.h"
#include "crypto/hd_word_op.h"
#include "evm/hd_precompile_gas.h"
#ifdef HD_WITH_CUDA
#include "crypto/hd_precompile_cuda.h"
#endif

#define COMMAND "precompiletest"
#define FILE_JSON_SZ_MAX (1ull << 28)
#define CASE_BYTES_MAX (1ull << 30) /* inputs and outputs of one file together */
#define SHOWN_BYTES 32u             /* of an output in an error message */

enum { BACKEND_AUTO, BACKEND_HOST, BACKEND_SHARED, BACKEND_CUDA };

/* A vector file's name, without "fail-" and ".json", tells the precompile and whose gas it is. */
static const struct {
    const char *name;
    uint32_t id;
    uint32_t fork;
} precompile_files[] = {
    {"ecRecover", HD_PRECOMPILE_ECRECOVER, HD_FORK_FRONTIER},
    {"sha256", HD_PRECOMPILE_SHA256, HD_FORK_FRONTIER},
    {"ripemd160", HD_PRECOMPILE_RIPEMD160, HD_FORK_FRONTIER},
    {"identity", HD_PRECOMPILE_IDENTITY, HD_FORK_FRONTIER},
    {"modexp", HD_PRECOMPILE_MODEXP, HD_FORK_BYZANTIUM},
    {"modexp_eip2565", HD_PRECOMPILE_MODEXP, HD_FORK_BERLIN},
    {"modexp_eip7883", HD_PRECOMPILE_MODEXP, HD_FORK_OSAKA},
    {"bn256Add", HD_PRECOMPILE_BN_ADD, HD_FORK_ISTANBUL},
    {"bn256ScalarMul", HD_PRECOMPILE_BN_MUL, HD_FORK_ISTANBUL},
    {"bn256Pairing", HD_PRECOMPILE_BN_PAIRING, HD_FORK_ISTANBUL},
    {"blake2F", HD_PRECOMPILE_BLAKE2F, HD_FORK_ISTANBUL},
    {"pointEvaluation", HD_PRECOMPILE_KZG, HD_FORK_CANCUN},
    {"blsG1Add", HD_PRECOMPILE_BLS_G1_ADD, HD_FORK_PRAGUE},
    {"blsG1Mul", HD_PRECOMPILE_BLS_G1_MSM, HD_FORK_PRAGUE},
    {"blsG1MultiExp", HD_PRECOMPILE_BLS_G1_MSM, HD_FORK_PRAGUE},
    {"blsG2Add", HD_PRECOMPILE_BLS_G2_ADD, HD_FORK_PRAGUE},
    {"blsG2Mul", HD_PRECOMPILE_BLS_G2_MSM, HD_FORK_PRAGUE},
    {"blsG2MultiExp", HD_PRECOMPILE_BLS_G2_MSM, HD_FORK_PRAGUE},
    {"blsPairing", HD_PRECOMPILE_BLS_PAIRING, HD_FORK_PRAGUE},
    {"blsMapG1", HD_PRECOMPILE_BLS_MAP_FP, HD_FORK_PRAGUE},
    {"blsMapG2", HD_PRECOMPILE_BLS_MAP_FP2, HD_FORK_PRAGUE},
    {"add_G1_bls", HD_PRECOMPILE_BLS_G1_ADD, HD_FORK_PRAGUE},
    {"mul_G1_bls", HD_PRECOMPILE_BLS_G1_MSM, HD_FORK_PRAGUE},
    {"msm_G1_bls", HD_PRECOMPILE_BLS_G1_MSM, HD_FORK_PRAGUE},
    {"add_G2_bls", HD_PRECOMPILE_BLS_G2_ADD, HD_FORK_PRAGUE},
    {"mul_G2_bls", HD_PRECOMPILE_BLS_G2_MSM, HD_FORK_PRAGUE},
    {"msm_G2_bls", HD_PRECOMPILE_BLS_G2_MSM, HD_FORK_PRAGUE},
    {"pairing_check_bls", HD_PRECOMPILE_BLS_PAIRING, HD_FORK_PRAGUE},
    {"map_fp_to_G1_bls", HD_PRECOMPILE_BLS_MAP_FP, HD_FORK_PRAGUE},
    {"map_fp2_to_G2_bls", HD_PRECOMPILE_BLS_MAP_FP2, HD_FORK_PRAGUE},
    {"p256Verify", HD_PRECOMPILE_P256, HD_FORK_OSAKA},
};

/* testcases_NAME.json and the opcode that it is about. */
static const struct {
    const char *name;
    uint32_t op;
} word_files[] = {
    {"add", 0x01},  {"mul", 0x02}, {"sub", 0x03},     {"div", 0x04}, {"sdiv", 0x05}, {"mod", 0x06},
    {"smod", 0x07}, {"exp", 0x0a}, {"signext", 0x0b}, {"lt", 0x10},  {"gt", 0x11},   {"slt", 0x12},
    {"sgt", 0x13},  {"eq", 0x14},  {"and", 0x16},     {"or", 0x17},  {"xor", 0x18},  {"byte", 0x1a},
    {"shl", 0x1b},  {"shr", 0x1c}, {"sar", 0x1d},
};

/* One vector. Bytes lie in vector_file.bytes. */
typedef struct {
    char *name;
    size_t in_off; /* word vectors: X and Y, 32 bytes each */
    size_t in_sz;
    size_t want_off;
    size_t want_sz;
    size_t out_off; /* into vector_file.out */
    size_t out_max;
    uint64_t want_gas;
    uint64_t gas;
    int has_gas;
    int must_fail;
    int rc; /* of the runner; 0 as well where the call fails before it runs */
    uint32_t out_sz;
} vector;

typedef struct {
    const char *path;
    const char *base_name; /* without folder, "fail-" and ".json" */
    size_t base_name_sz;
    uint32_t id; /* of a precompile, or the opcode of word vectors */
    uint32_t fork;
    int is_words;
    vector *cases;
    size_t case_cnt;
    hd_buf bytes;
    uint8_t *out;
} vector_file;

/* ---- which file is what */

/* Returns NULL when the file can be run, else why not. */
static const char *classify(vector_file *f, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t sz = strlen(name);
    memset(f, 0, sizeof *f);
    f->path = path;
    hd_buf_init(&f->bytes);
    if (sz < 5 || strcmp(name + sz - 5, ".json") != 0) {
        int is_yaml = sz > 5 && strcmp(name + sz - 5, ".yaml") == 0;
        return is_yaml ? "YAML vectors are not read (blob commitments are no precompile)"
                       : "not a .json file";
    }
    sz -= 5;
    if (sz > 10 && memcmp(name, "testcases_", 10) == 0) {
        f->base_name = name + 10;
        f->base_name_sz = sz - 10;
        f->is_words = 1;
        for (size_t i = 0; i < sizeof word_files / sizeof word_files[0]; i++)
            if (strlen(word_files[i].name) == f->base_name_sz &&
                memcmp(word_files[i].name, f->base_name, f->base_name_sz) == 0) {
                f->id = word_files[i].op;
                return NULL;
            }
        return "no instruction of this name takes two words";
    }
    if (sz > 5 && memcmp(name, "fail-", 5) == 0) {
        name += 5;
        sz -= 5;
    }
    f->base_name = name;
    f->base_name_sz = sz;
    for (size_t i = 0; i < sizeof precompile_files / sizeof precompile_files[0]; i++)
        if (strlen(precompile_files[i].name) == sz &&
            strncasecmp(precompile_files[i].name, name, sz) == 0) {
            f->id = precompile_files[i].id;
            f->fork = precompile_files[i].fork;
            return NULL;
        }
    return "no precompile's vectors have this file name";
}

/* ---- reading */

/* Appends the bytes of a string of hex digits, with or without "0x". */
static hd_err read_hex(vector_file *f, size_t *off, size_t *sz, hd_msg *msg, hd_json val) {
    const char *text, *reason = NULL;
    size_t text_sz, got_sz = 0;
    hd_err err = hd_json_str(&text, &text_sz, msg, val);
    if (err != HD_OK)
        return err;
    if (text_sz >= 2 && text[0] == '0' && text[1] == 'x') {
        text += 2;
        text_sz -= 2;
    }
    if (text_sz / 2 > UINT32_MAX || f->bytes.sz + text_sz / 2 > CASE_BYTES_MAX)
        return hd_json_fail(msg, val, "the file's inputs are longer than this command reads");
    err = hd_buf_reserve(&f->bytes, text_sz / 2 + 1);
    if (err != HD_OK) {
        hd_msg_set(msg, "%s: %s", f->path, hd_err_name(err));
        return err;
    }
    if (hd_hex_decode(f->bytes.data + f->bytes.sz, text_sz / 2, &got_sz, &reason, text, text_sz) !=
        HD_OK)
        return hd_json_fail(msg, val, "expected hex digits: %s", reason);
    *off = f->bytes.sz;
    *sz = got_sz;
    f->bytes.sz += got_sz;
    return HD_OK;
}

static hd_err read_member_hex(vector_file *f, size_t *off, size_t *sz, hd_msg *msg, hd_json obj,
                              const char *key) {
    hd_json val;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? read_hex(f, off, sz, msg, val) : err;
}

static hd_err read_words(vector_file *f, vector *v, hd_msg *msg, hd_json obj) {
    size_t second_off, second_sz;
    hd_err err = read_member_hex(f, &v->in_off, &v->in_sz, msg, obj, "X");
    if (err == HD_OK)
        err = read_member_hex(f, &second_off, &second_sz, msg, obj, "Y");
    if (err == HD_OK)
        err = read_member_hex(f, &v->want_off, &v->want_sz, msg, obj, "Expected");
    if (err == HD_OK && (v->in_sz != 32 || second_sz != 32 || v->want_sz != 32))
        err = hd_json_fail(msg, obj, "expected X, Y and Expected of 64 hex digits each");
    v->in_sz = 64; /* Y lies right behind X */
    return err;
}

static hd_err read_call(vector_file *f, vector *v, hd_msg *msg, hd_json obj) {
    hd_json val;
    hd_err err = read_member_hex(f, &v->in_off, &v->in_sz, msg, obj, "Input");
    if (err != HD_OK)
        return err;
    if (hd_json_find(&val, obj, "ExpectedError")) {
        v->must_fail = 1;
        return HD_OK;
    }
    err = read_member_hex(f, &v->want_off, &v->want_sz, msg, obj, "Expected");
    if (err == HD_OK && hd_json_find(&val, obj, "Gas")) {
        v->has_gas = 1;
        err = hd_json_u64(&v->want_gas, msg, val);
    }
    return err;
}

static hd_err read_name(vector_file *f, vector *v, hd_msg *msg, hd_json obj, size_t idx) {
    hd_json val;
    const char *text = NULL;
    char number[64];
    if (hd_json_find(&val, obj, "Name")) {
        hd_err err = hd_json_str(&text, NULL, msg, val);
        if (err != HD_OK)
            return err;
    } else {
        snprintf(number, sizeof number, "%.*s/%zu", (int)HD_MIN(f->base_name_sz, 32u), f->base_name,
                 idx);
        text = number;
    }
    v->name = strdup(text);
    if (v->name)
        return HD_OK;
    hd_msg_set(msg, "%s: %s", f->path, hd_err_name(HD_ERR_NOMEM));
    return HD_ERR_NOMEM;
}

static hd_err read_file(vector_file *f, hd_msg *msg) {
    hd_json_doc *doc = NULL;
    hd_json root, obj;
    hd_err err = hd_json_load(&doc, &root, msg, f->path, FILE_JSON_SZ_MAX, HD_JSON_DEPTH_DEFAULT);
    if (err != HD_OK)
        return err;
    if (!hd_json_is_array(root)) {
        err = hd_json_fail(msg, root, "expected an array of vectors");
        goto done;
    }
    size_t cnt = hd_json_cnt(root);
    f->cases = calloc(cnt ? cnt : 1, sizeof *f->cases);
    if (!f->cases) {
        err = HD_ERR_NOMEM;
        hd_msg_set(msg, "%s: %s", f->path, hd_err_name(err));
        goto done;
    }
    f->case_cnt = cnt;
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        vector *v = &f->cases[i];
        obj = hd_json_at(root, i);
        err = read_name(f, v, msg, obj, i);
        if (err == HD_OK)
            err = f->is_words ? read_words(f, v, msg, obj) : read_call(f, v, msg, obj);
    }
done:
    hd_json_close(doc);
    return err;
}

static void free_file(vector_file *f) {
    for (size_t i = 0; i < f->case_cnt; i++)
        free(f->cases[i].name);
    free(f->cases);
    free(f->out);
    hd_buf_free(&f->bytes);
}

/* ---- running */

static const uint8_t *input(const vector_file *f, const vector *v) {
    return f->bytes.data + v->in_off;
}

/* Gas of every case, and room for every output. A length from the vector that no memory can hold
   fails here, as it fails in a client. */
static hd_err prepare(vector_file *f, hd_msg *msg) {
    size_t total_sz = 0;
    for (size_t i = 0; i < f->case_cnt; i++) {
        vector *v = &f->cases[i];
        uint8_t head[HD_PRECOMPILE_HEAD_SZ], exp_head[32];
        v->out_off = total_sz;
        v->out_max = 32;
        if (!f->is_words) {
            hd_precompile_head(head, input(f, v), v->in_sz);
            hd_precompile_exp_head(exp_head, head, input(f, v), v->in_sz);
            v->gas = hd_precompile_gas(f->fork, f->id, v->in_sz, head, exp_head);
            uint64_t out_max = hd_precompile_out_sz_max(f->id, v->in_sz, head);
            v->out_max = v->gas == UINT64_MAX ? 0 : (size_t)HD_MIN(out_max, CASE_BYTES_MAX);
        }
        /* 8 bytes are the alignment that the device's stores like best. */
        total_sz += (v->out_max + 7) / 8 * 8;
        if (total_sz > CASE_BYTES_MAX) {
            hd_msg_set(msg, "%s: case %zu: its output does not fit %" PRIu64 " bytes", f->path, i,
                       (uint64_t)CASE_BYTES_MAX);
            return HD_ERR_LIMIT;
        }
    }
    f->out = calloc(total_sz ? total_sz : 1, 1);
    if (f->out)
        return HD_OK;
    hd_msg_set(msg, "%s: %s", f->path, hd_err_name(HD_ERR_NOMEM));
    return HD_ERR_NOMEM;
}

static void run_word_on_host(vector_file *f, vector *v) {
    /* The vectors push X, then Y: Y is on top. */
    hd_u256 second = hd_u256_load_be(input(f, v)), top = hd_u256_load_be(input(f, v) + 32);
    hd_u256_store_be(f->out + v->out_off, hd_word_op(f->id, top, second));
    v->rc = 1;
    v->out_sz = 32;
}

static void run_call_on_host(vector_file *f, vector *v, int is_shared) {
    uint8_t head[HD_PRECOMPILE_HEAD_SZ];
    if (v->gas == UINT64_MAX)
        return; /* refused before it runs */
    hd_precompile_head(head, input(f, v), v->in_sz);
    size_t scratch_sz = hd_precompile_scratch_sz(f->id, v->in_sz, head);
    uint8_t *scratch = NULL;
    if (is_shared && scratch_sz) {
        scratch = scratch_sz == SIZE_MAX ? NULL : malloc(scratch_sz);
        if (!scratch) {
            v->rc = HD_ERR_NOMEM;
            return;
        }
    }
    int (*run)(uint8_t *, uint32_t, uint32_t *, uint32_t, const uint8_t *, uint32_t, uint8_t *,
               size_t) = is_shared ? hd_precompile_run : hd_precompile_host_run;
    v->rc = run(f->out + v->out_off, (uint32_t)v->out_max, &v->out_sz, f->id, input(f, v),
                (uint32_t)v->in_sz, scratch, scratch ? scratch_sz : 0);
    free(scratch);
}

#ifdef HD_WITH_CUDA
static hd_err run_words_on_cuda(vector_file *f) {
    size_t cnt = f->case_cnt;
    hd_u256 *words = calloc(3 * cnt + 1, sizeof *words);
    if (!words)
        return HD_ERR_NOMEM;
    for (size_t i = 0; i < cnt; i++) {
        words[i] = hd_u256_load_be(input(f, &f->cases[i]));
        words[cnt + i] = hd_u256_load_be(input(f, &f->cases[i]) + 32);
    }
    hd_err err = hd_word_op_cuda_run(f->id, words + 2 * cnt, words + cnt, words, (uint32_t)cnt);
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        vector *v = &f->cases[i];
        hd_u256_store_be(f->out + v->out_off, words[2 * cnt + i]);
        v->rc = 1;
        v->out_sz = 32;
    }
    free(words);
    return err;
}

/* All calls of a file that reach their precompile, in one batch. */
static hd_err run_calls_on_cuda(vector_file *f) {
    size_t cnt = 0, scratch_sz = 0, out_sz = 0;
    hd_precompile_job *jobs = calloc(f->case_cnt + 1, sizeof *jobs);
    if (!jobs)
        return HD_ERR_NOMEM;
    for (size_t i = 0; i < f->case_cnt; i++) {
        const vector *v = &f->cases[i];
        uint8_t head[HD_PRECOMPILE_HEAD_SZ];
        out_sz = v->out_off + v->out_max;
        if (v->gas == UINT64_MAX)
            continue;
        hd_precompile_job *job = &jobs[cnt++];
        job->in_off = v->in_off;
        job->in_sz = (uint32_t)v->in_sz;
        job->out_off = v->out_off;
        job->out_max = (uint32_t)v->out_max;
        job->scratch_off = scratch_sz;
        hd_precompile_head(head, input(f, v), v->in_sz);
        size_t need_sz = hd_precompile_scratch_sz(f->id, v->in_sz, head);
        if (need_sz > CASE_BYTES_MAX || scratch_sz + need_sz > CASE_BYTES_MAX) {
            free(jobs);
            return HD_ERR_LIMIT;
        }
        scratch_sz += (need_sz + 7) / 8 * 8;
    }
    hd_err err = hd_precompile_cuda_run(f->id, jobs, (uint32_t)cnt, f->bytes.data, f->bytes.sz,
                                        f->out, out_sz, scratch_sz);
    for (size_t i = 0, k = 0; err == HD_OK && i < f->case_cnt; i++) {
        vector *v = &f->cases[i];
        if (v->gas == UINT64_MAX)
            continue;
        v->rc = (int)(int32_t)jobs[k].is_ok;
        v->out_sz = jobs[k].out_sz;
        k++;
    }
    free(jobs);
    return err;
}
#endif

static hd_err run_file(vector_file *f, hd_msg *msg, int backend) {
    hd_err err = prepare(f, msg);
    if (err != HD_OK)
        return err;
#ifdef HD_WITH_CUDA
    if (backend == BACKEND_CUDA) {
        err = f->is_words ? run_words_on_cuda(f) : run_calls_on_cuda(f);
        if (err != HD_OK)
            hd_msg_set(msg, "%s: the batch on the GPU: %s", f->path, hd_err_name(err));
        return err;
    }
#endif
    for (size_t i = 0; i < f->case_cnt; i++) {
        if (f->is_words)
            run_word_on_host(f, &f->cases[i]);
        else
            run_call_on_host(f, &f->cases[i], backend == BACKEND_SHARED);
    }
    return HD_OK;
}

/* ---- judging */

static void say_bytes(hd_msg *msg, const char *what, const uint8_t *p, size_t sz) {
    char hex[2 * SHOWN_BYTES + 3];
    size_t shown_sz = HD_MIN(sz, SHOWN_BYTES);
    if (hd_hex_encode_0x(hex, sizeof hex, p, shown_sz) != HD_OK)
        hex[0] = 0;
    size_t at = strlen(msg->text);
    snprintf(msg->text + at, sizeof msg->text - at, "%s %s%s (%zu bytes)", what, hex,
             shown_sz < sz ? "..." : "", sz);
}

/* Returns 1 when the case passes, else 0 with the reason in msg. */
static int judge(hd_msg *msg, const vector_file *f, const vector *v) {
    const uint8_t *got = f->out + v->out_off, *want = f->bytes.data + v->want_off;
    msg->text[0] = 0;
    if (v->rc < 0) {
        hd_msg_set(msg, "could not be run: %s", hd_err_name(v->rc));
        return 0;
    }
    if (v->must_fail) {
        if (v->rc == 0)
            return 1;
        say_bytes(msg, "expected failure, got", got, v->out_sz);
        return 0;
    }
    if (v->rc == 0) {
        hd_msg_set(msg, "expected %zu bytes of output, got failure", v->want_sz);
        return 0;
    }
    if (v->out_sz != v->want_sz || (v->want_sz && memcmp(got, want, v->want_sz) != 0)) {
        say_bytes(msg, "expected", want, v->want_sz);
        say_bytes(msg, ", got", got, v->out_sz);
        return 0;
    }
    if (v->has_gas && v->gas != v->want_gas) {
        hd_msg_set(msg, "expected %" PRIu64 " gas, got %" PRIu64, v->want_gas, v->gas);
        return 0;
    }
    return 1;
}

static void put_object(hd_buf *buf, const char *name, const char *path, int is_pass, int is_skipped,
                       const char *error) {
    if (buf->sz)
        hd_buf_append_str(buf, ",\n");
    hd_buf_append_str(buf, "{\"name\":");
    hd_cli_put_str(buf, name, strlen(name));
    hd_buf_append_str(buf, ",\"file\":");
    hd_cli_put_str(buf, path, strlen(path));
    hd_buf_printf(buf, ",\"pass\":%s,\"skipped\":%s,\"error\":", is_pass ? "true" : "false",
                  is_skipped ? "true" : "false");
    hd_cli_put_str(buf, error, strlen(error));
    hd_buf_append_byte(buf, '}');
}

static void test_file(hd_cli_report *report, const char *path, int backend) {
    vector_file f;
    hd_buf buf;
    hd_msg msg = {""};
    uint64_t object_cnt = 0;
    hd_buf_init(&buf);
    const char *why_not = classify(&f, path);
    if (why_not) {
        fprintf(stderr, "heddle " COMMAND ": %s: skipped: %s\n", path, why_not);
        put_object(&buf, "", path, 0, 1, why_not);
        report->skipped_cnt++;
        object_cnt = 1;
    } else if (read_file(&f, &msg) != HD_OK || run_file(&f, &msg, backend) != HD_OK) {
        fprintf(stderr, "heddle " COMMAND ": %s\n", msg.text);
        put_object(&buf, "", path, 0, 0, msg.text);
        report->bad_input_cnt++;
        object_cnt = 1;
    } else {
        for (size_t i = 0; i < f.case_cnt; i++) {
            int is_pass = judge(&msg, &f, &f.cases[i]);
            if (is_pass)
                report->passed_cnt++;
            else
                report->failed_cnt++;
            put_object(&buf, f.cases[i].name, path, is_pass, 0, msg.text);
        }
        object_cnt = f.case_cnt;
    }
    if (buf.err != HD_OK) {
        fprintf(stderr, "heddle " COMMAND ": %s: %s\n", path, hd_err_name(buf.err));
        report->bad_input_cnt++;
    } else {
        hd_cli_report_add(report, &buf, object_cnt);
    }
    hd_buf_free(&buf);
    free_file(&f);
}

/* ---- the command */

static const hd_cli_option options[] = {
    {"--backend", "NAME",
     "auto (default: host), host (libraries), shared (device code on CPU), cuda", 1},
};

static const hd_cli_spec spec = {
    COMMAND,
    "[OPTION...] PATH...",
    "Runs go-ethereum's precompile vectors (files and folders of .json files, named as there) and "
    "its\n"
    "vectors of word instructions (testcases_*.json); output and gas are both checked. Prints a "
    "JSON\n"
    "array with one object a case {name,file,pass,skipped,error}, and a count on standard error.",
    "heddle precompiletest --backend shared fixtures/precompiles",
    options,
    sizeof options / sizeof options[0],
};

static int parse_backend(int *out, const hd_cli *cli) {
    static const char *const names[] = {"auto", "host", "shared", "cuda"};
    for (int i = 0; i < 4; i++)
        if (strcmp(cli->value, names[i]) == 0) {
            *out = i;
            return 1;
        }
    hd_cli_wrong(cli, "--backend expects auto, host, shared or cuda, not \"%.80s\"", cli->value);
    return 0;
}

/* 1 when the backend is there, else a line says why not. */
static int is_backend_there(int backend) {
    if (backend != BACKEND_CUDA)
        return 1;
#ifdef HD_WITH_CUDA
    if (hd_precompile_cuda_probe() == HD_OK)
        return 1;
    fputs("heddle " COMMAND ": --backend cuda: no GPU can be used here\n", stderr);
#else
    fputs("heddle " COMMAND ": --backend cuda: this build has no CUDA\n", stderr);
#endif
    return 0;
}

int hd_cmd_precompiletest(int argc, char **argv) {
    hd_cli cli;
    hd_cli_report report;
    int backend = BACKEND_AUTO, status = HD_EXIT_USAGE;
    size_t path_cnt = 0;
    char **paths = calloc((size_t)argc + 1, sizeof *paths);
    if (!paths) {
        fputs("heddle " COMMAND ": out of memory\n", stderr);
        return HD_EXIT_USAGE;
    }
    hd_file_list *lists = NULL;
    hd_cli_init(&cli, &spec, argc, argv);
    for (;;) {
        int id = hd_cli_next(&cli);
        if (id == HD_CLI_END)
            break;
        if (id == HD_CLI_HELP) {
            status = HD_EXIT_OK;
            goto done;
        }
        if (id == HD_CLI_WRONG || (id == 1 && !parse_backend(&backend, &cli)))
            goto done;
        if (id == HD_CLI_ARG)
            paths[path_cnt++] = argv[cli.idx - 1];
    }
    if (path_cnt == 0) {
        hd_cli_wrong(&cli, "a file or folder of vectors is expected");
        goto done;
    }
    if (!is_backend_there(backend))
        goto done;
    /* All files, not just *.json: what is not run is counted, never passed over. */
    lists = calloc(path_cnt, sizeof *lists);
    for (size_t i = 0; i < path_cnt; i++) {
        hd_msg msg = {"out of memory"};
        if (!lists || hd_file_walk(&lists[i], &msg, paths[i], NULL) != HD_OK) {
            fprintf(stderr, "heddle " COMMAND ": %s\n", msg.text);
            goto done;
        }
    }
    hd_cli_report_begin(&report);
    for (size_t i = 0; i < path_cnt; i++)
        for (size_t k = 0; k < lists[i].path_cnt; k++)
            test_file(&report, lists[i].paths[k], backend);
    status = hd_cli_report_end(&report, COMMAND);
done:
    for (size_t i = 0; lists && i < path_cnt; i++)
        hd_file_list_free(&lists[i]);
    free(lists);
    free(paths);
    return status;
}
