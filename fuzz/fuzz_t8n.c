/* fuzz_t8n.c - a whole block from JSON, as the t8n server gets it. Its answer is JSON that can be
   read again, and its accounts make the state root that it tells. */
#include "fuzz.h"

#include "base/hd_rlp.h"
#include "cli/hd_t8n_read.h"
#include "exec/hd_genesis.h"

#define TEXT_SZ_MAX 16384u
#define DEPTH_MAX 32u
#define GAS_MAX 300000u /* of the block: a bound on what a run costs us */

/* What is written has no depth of its own making. */
#define OUTPUT_DEPTH_MAX 64u

static hd_exec *the_exec(void) {
    static hd_exec *exec;
    const hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    HD_FUZZ_CHECK(exec || hd_exec_open(&exec, &options) == HD_OK);
    return exec;
}

/* 0 where running the block would take long. */
static int is_small(hd_json env_json) {
    hd_t8n_env env = {0};
    hd_err err = hd_t8n_env_read(&env, NULL, env_json);
    int is = err != HD_OK || env.gas_limit <= GAS_MAX;
    hd_t8n_env_free(&env);
    return is;
}

static hd_json_doc *reread(hd_json *root, const hd_buf *text) {
    hd_json_doc *doc = NULL;
    hd_msg msg = {""};
    hd_err err = hd_json_parse(&doc, root, &msg, "output", (const char *)text->data, text->sz,
                               OUTPUT_DEPTH_MAX);
    if (err != HD_OK)
        fprintf(stderr, "%s\n", msg.text);
    HD_FUZZ_CHECK(err == HD_OK);
    return doc;
}

static void check_output(const hd_t8n_output *out) {
    static hd_state *state;
    hd_json alloc, result;
    hd_hash told, found;
    hd_msg msg = {""};
    hd_buf indented = {0};
    hd_json_doc *alloc_doc = reread(&alloc, &out->alloc);
    hd_json_doc *result_doc = reread(&result, &out->result);
    if (!state)
        state = hd_state_new();
    HD_FUZZ_CHECK(state != NULL);
    hd_state_reset(state);
    HD_FUZZ_CHECK(hd_json_get_hash(&told, &msg, result, "stateRoot") == HD_OK);
    HD_FUZZ_CHECK(hd_genesis_alloc_read(state, &msg, alloc) == HD_OK);
    HD_FUZZ_CHECK(hd_state_root(&found, state) == HD_OK);
    HD_FUZZ_CHECK(memcmp(&told, &found, sizeof told) == 0);
    HD_FUZZ_CHECK(hd_rlp_check(NULL, hd_buf_span(&out->body), 8) == HD_OK);
    HD_FUZZ_CHECK(hd_t8n_indent(&indented, (const char *)out->result.data, out->result.sz, " ") ==
                  HD_OK);
    hd_buf_free(&indented);
    hd_json_close(alloc_doc);
    hd_json_close(result_doc);
}

void hd_fuzz_t8n(const uint8_t *data, size_t sz) {
    static hd_t8n_output out;
    hd_json_doc *doc = NULL;
    hd_json root, state, input;
    hd_t8n_input in;
    hd_t8n_options options = {.chain_id = 1};
    sz = HD_MIN(sz, TEXT_SZ_MAX);
    uint8_t *copy = hd_fuzz_copy(data, sz);
    hd_err err = hd_json_parse(&doc, &root, NULL, "fuzz", (const char *)copy, sz, DEPTH_MAX);
    free(copy);
    memset(&in, 0, sizeof in);
    if (err == HD_OK && hd_json_find(&state, root, "state") &&
        hd_json_find(&input, root, "input") && hd_json_find(&in.alloc, input, "alloc") &&
        hd_json_find(&in.env, input, "env") &&
        hd_json_get_str(&options.fork, NULL, NULL, state, "fork") == HD_OK && is_small(in.env)) {
        uint64_t reward = 0;
        hd_json val;
        if (hd_json_find(&val, state, "reward") && hd_json_u64(&reward, NULL, val) != HD_OK)
            reward = UINT64_MAX;
        options.reward_wei = (int64_t)reward;
        options.exec = the_exec();
        hd_json_find(&in.txs, input, "txs");
        hd_json_find(&in.tx_rlp, input, "txRlp");
        hd_json_find(&in.blob_params, input, "blobParams");
        int status = hd_t8n_run(&out, &in, &options);
        HD_FUZZ_CHECK(status == out.status);
        HD_FUZZ_CHECK(status == HD_T8N_OK || out.msg.text[0]);
        if (status == HD_T8N_OK)
            check_output(&out);
    }
    hd_json_close(doc);
}
