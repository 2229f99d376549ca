/* fuzz_json.c - JSON from strangers: accounts, environments, transactions and state test files.
   What is refused has a message; what is accepted can be loaded, run and written. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cli/hd_state_cases.h"
#include "cli/hd_t8n_read.h"
#include "exec/hd_exec.h"
#include "exec/hd_genesis.h"

#define TEXT_SZ_MAX 16384u
#define DEPTH_MAX 32u
#define RUN_MAX 4u /* transactions of a state test file that are run */
#define RUN_GAS_MAX 200000u
#define WORK_MAX ((uint64_t)1 << 20)

static hd_state *the_state(void) {
    static hd_state *state;
    if (!state)
        state = hd_state_new();
    HD_FUZZ_CHECK(state != NULL);
    hd_state_reset(state);
    return state;
}

static hd_exec *the_exec(void) {
    static hd_exec *exec;
    const hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    HD_FUZZ_CHECK(exec || hd_exec_open(&exec, &options) == HD_OK);
    return exec;
}

static void check_err(hd_err err, const hd_msg *msg) {
    HD_FUZZ_CHECK(err == HD_OK || err == HD_ERR_FORMAT);
    HD_FUZZ_CHECK(err == HD_OK || msg->text[0]);
    HD_FUZZ_CHECK(memchr(msg->text, 0, sizeof msg->text) != NULL);
}

/* The same accounts by both readers: where both accept them they make the same state. */
static void read_alloc(hd_json root) {
    hd_alloc alloc = {0};
    hd_msg msg = {""}, other = {""};
    hd_hash first, second;
    hd_err err = hd_alloc_read(&alloc, &msg, root);
    check_err(err, &msg);
    if (err == HD_OK) {
        hd_state *state = the_state();
        HD_FUZZ_CHECK(hd_alloc_load(state, &alloc) == HD_OK);
        HD_FUZZ_CHECK(hd_state_root(&first, state) == HD_OK);
    }
    hd_state *state = the_state();
    hd_err again = hd_genesis_alloc_read(state, &other, root);
    check_err(again, &other);
    if (again == HD_OK)
        HD_FUZZ_CHECK(hd_state_root(&second, state) == HD_OK);
    if (err == HD_OK && again == HD_OK)
        HD_FUZZ_CHECK(memcmp(&first, &second, sizeof first) == 0);
    hd_alloc_free(&alloc);
}

static void read_env(hd_json root, uint32_t choice) {
    static const char *const names[] = {"BerlinToLondonAt5", "ShanghaiToCancunAtTime15k", "ToAt5",
                                        "AToAt5"};
    hd_env env;
    hd_msg msg = {""};
    hd_json config = {root.doc, NULL};
    uint32_t fork = choice % HD_FORK_CNT;
    hd_json_find(&config, root, "config");
    check_err(hd_env_read(&env, &msg, root, config, fork, hd_fork_name(fork)), &msg);
    hd_t8n_env t8n_env = {0};
    hd_t8n_rules rules;
    msg.text[0] = 0;
    hd_err err = hd_t8n_env_read(&t8n_env, &msg, root);
    check_err(err, &msg);
    if (err == HD_OK)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            err = hd_t8n_rules_find(&rules, names[i], t8n_env.number, t8n_env.timestamp);
            HD_FUZZ_CHECK((err == HD_OK) == (i < 2));
        }
    const hd_t8n_block_hash *hashes = (const void *)t8n_env.block_hashes.data;
    for (size_t i = 1; i < t8n_env.block_hashes.sz / sizeof *hashes; i++)
        HD_FUZZ_CHECK(hashes[i - 1].number <= hashes[i].number);
    hd_t8n_env_free(&t8n_env);
    hd_blob_params blobs;
    msg.text[0] = 0;
    check_err(hd_blob_params_read(&blobs, &msg, root), &msg);
}

/* A transaction of a state test, whose lists are taken as single values. */
static void read_tx(hd_json root) {
    hd_tx tx;
    hd_buf data = {0};
    hd_msg msg = {""};
    hd_json val;
    uint32_t status = HD_TX_SUCCESS;
    hd_err err = hd_tx_read_head(&tx, &status, &data, &msg, root, 1);
    if (err == HD_OK && hd_json_find(&val, root, "data"))
        err = hd_tx_read_data(&tx, &data, &msg, val);
    if (err == HD_OK && hd_json_find(&val, root, "gasLimit"))
        err = hd_tx_read_gas(&tx, &status, &msg, val);
    if (err == HD_OK && hd_json_find(&val, root, "value"))
        err = hd_tx_read_value(&tx, &status, &msg, val);
    if (err == HD_OK && hd_json_find(&val, root, "accessList"))
        err = hd_tx_read_access(&tx, &data, &msg, val, 1);
    check_err(err, &msg);
    HD_FUZZ_CHECK(status == HD_TX_SUCCESS || status == HD_TX_INVALID);
    if (err == HD_OK && status == HD_TX_SUCCESS)
        for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++)
            hd_tx_check(&tx, data.data, fork);
    hd_buf_free(&data);
}

static void read_txs(hd_json root) {
    hd_t8n_txs txs = {0};
    hd_msg msg = {""};
    hd_json tx_rlp = {root.doc, NULL}, list = root;
    if (hd_json_is_object(root)) {
        hd_json_find(&tx_rlp, root, "txRlp");
        if (!hd_json_find(&list, root, "txs"))
            list.obj = NULL;
    }
    hd_err err = hd_t8n_txs_read(&txs, &msg, list, tx_rlp, 1);
    check_err(err, &msg);
    const hd_t8n_tx *items = (const void *)txs.txs.data;
    for (size_t i = 0; err == HD_OK && i < txs.txs.sz / sizeof *items; i++) {
        hd_tx tx;
        hd_tx_envelope envelope;
        hd_buf data = {0};
        if (items[i].reason_off != SIZE_MAX) {
            HD_FUZZ_CHECK(items[i].reason_off < txs.reasons.sz);
            continue;
        }
        /* What was read from JSON can stand in a block. */
        hd_span raw = {txs.raws.data + items[i].raw_off, items[i].raw_sz};
        HD_FUZZ_CHECK(items[i].raw_off <= txs.raws.sz &&
                      items[i].raw_sz <= txs.raws.sz - items[i].raw_off);
        hd_err decoded = hd_tx_decode(&tx, &envelope, &data, &msg, raw);
        if (decoded == HD_OK) {
            HD_FUZZ_CHECK(memcmp(&envelope.hash, &items[i].envelope.hash, sizeof(hd_hash)) == 0);
            HD_FUZZ_CHECK(memcmp(&envelope.signing_hash, &items[i].envelope.signing_hash,
                                 sizeof(hd_hash)) == 0);
            HD_FUZZ_CHECK(tx.chain_id == items[i].tx.chain_id);
        }
        hd_buf_free(&data);
    }
    hd_t8n_txs_free(&txs);
}

/* ---- state test files ---- */

static void run_cases(const hd_state_cases *cases) {
    static hd_results out;
    static hd_state *states[RUN_MAX];
    hd_world worlds[RUN_MAX];
    size_t cnt = HD_MIN(cases->txs.sz / sizeof(hd_tx), RUN_MAX);
    for (size_t i = 0; i < cnt; i++) {
        hd_tx tx = ((const hd_tx *)(const void *)cases->txs.data)[i];
        hd_env env;
        hd_batch batch = {0};
        HD_FUZZ_CHECK(tx.world_idx < cases->alloc_cnt);
        HD_FUZZ_CHECK(tx.env_idx < cases->envs.sz / sizeof env);
        env = ((const hd_env *)(const void *)cases->envs.data)[tx.env_idx];
        if (!states[i])
            states[i] = hd_state_new();
        HD_FUZZ_CHECK(states[i] != NULL);
        hd_state_reset(states[i]);
        HD_FUZZ_CHECK(hd_alloc_load(states[i], &cases->allocs[tx.world_idx]) == HD_OK);
        hd_state_world(&worlds[i], states[i]);
        tx.world_idx = tx.env_idx = 0;
        tx.gas_limit = HD_MIN(tx.gas_limit, RUN_GAS_MAX);
        batch.worlds = &worlds[i];
        batch.envs = &env;
        batch.txs = &tx;
        batch.data = cases->data.data;
        batch.data_sz = cases->data.sz;
        batch.world_cnt = batch.env_cnt = batch.tx_cnt = 1;
        batch.work_max = WORK_MAX;
        batch.blockhash = hd_state_test_blockhash;
        HD_FUZZ_CHECK(hd_exec_run(the_exec(), &out, &batch) == HD_OK);
        HD_FUZZ_CHECK(hd_state_apply(states[i], &out.receipts[0], out.accounts, out.slots,
                                     out.bytes, &env.coinbase, env.fork) == HD_OK);
        hd_hash root;
        HD_FUZZ_CHECK(hd_state_root(&root, states[i]) == HD_OK);
    }
}

static void load_state_tests(const uint8_t *text, size_t sz, uint32_t choice) {
    static hd_state_cases cases;
    hd_cli_part part = {0};
    const hd_state_filter filter = {NULL, HD_FORK_CNT, choice & 1 ? 100 : 50};
    char path[64];
    int fd = memfd_create("fuzz", 0);
    HD_FUZZ_CHECK(fd >= 0 && write(fd, text, sz) == (ssize_t)sz);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    hd_state_cases_clear(&cases);
    HD_FUZZ_CHECK(hd_state_cases_load(&cases, &part, path, 0, &filter) == HD_OK);
    close(fd);
    for (size_t i = 0; i < hd_state_cases_cnt(&cases); i++) {
        const hd_state_case *c = hd_state_cases_at(&cases, i);
        HD_FUZZ_CHECK(c->name_off < cases.text.sz && c->fork_off < cases.text.sz &&
                      c->exception_off < cases.text.sz);
        HD_FUZZ_CHECK(c->tx_idx == HD_STATE_CASE_NO_TX || c->tx_idx < cases.txs.sz / sizeof(hd_tx));
    }
    run_cases(&cases);
    hd_buf_free(&part.objects);
    hd_buf_free(&part.messages);
}

void hd_fuzz_json(const uint8_t *data, size_t sz) {
    hd_fuzz_in in = {data, sz};
    uint32_t choice = hd_fuzz_u8(&in);
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_msg msg = {""};
    in.sz = HD_MIN(in.sz, TEXT_SZ_MAX);
    if (choice % 5 == 4) {
        load_state_tests(in.data, in.sz, choice >> 3);
        return;
    }
    uint8_t *copy = hd_fuzz_copy(in.data, in.sz);
    hd_err err = hd_json_parse(&doc, &root, &msg, "fuzz", (const char *)copy, in.sz, DEPTH_MAX);
    HD_FUZZ_CHECK(err == HD_OK || err == HD_ERR_FORMAT || err == HD_ERR_LIMIT);
    HD_FUZZ_CHECK((err == HD_OK) == (doc != NULL) && (err == HD_OK || msg.text[0]));
    if (err == HD_OK) {
        switch (choice % 5) {
        case 0: read_alloc(root); break;
        case 1: read_env(root, choice / 5); break;
        case 2: read_tx(root); break;
        default: read_txs(root); break;
        }
    }
    hd_json_close(doc);
    free(copy);
}
