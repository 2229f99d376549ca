/* hd_api.c - libheddle (include/heddle/heddle.h): names, state and engine. */
#include "exec/hd_api.h"

#include <stdlib.h>

/* The public header repeats numbers of ours, so that ours can stay private. */
#define SAME(a, b) HD_STATIC_ASSERT((a) == (b), #a " is " #b)
SAME(HEDDLE_ERR_NOMEM, HD_ERR_NOMEM);
SAME(HEDDLE_ERR_LIMIT, HD_ERR_LIMIT);
SAME(HEDDLE_ERR_FORMAT, HD_ERR_FORMAT);
SAME(HEDDLE_ERR_IO, HD_ERR_IO);
SAME(HEDDLE_ERR_CORRUPT, HD_ERR_CORRUPT);
SAME(HEDDLE_ERR_UNSUPPORTED, HD_ERR_UNSUPPORTED);
SAME(HEDDLE_ERR_DEVICE, HD_ERR_DEVICE);
SAME(HEDDLE_ERR_ABSENT, HD_ERR_ABSENT);
SAME(HEDDLE_FORK_FRONTIER, HD_FORK_FRONTIER);
SAME(HEDDLE_FORK_HOMESTEAD, HD_FORK_HOMESTEAD);
SAME(HEDDLE_FORK_TANGERINE, HD_FORK_TANGERINE);
SAME(HEDDLE_FORK_SPURIOUS, HD_FORK_SPURIOUS);
SAME(HEDDLE_FORK_BYZANTIUM, HD_FORK_BYZANTIUM);
SAME(HEDDLE_FORK_CONSTANTINOPLE, HD_FORK_CONSTANTINOPLE);
SAME(HEDDLE_FORK_PETERSBURG, HD_FORK_PETERSBURG);
SAME(HEDDLE_FORK_ISTANBUL, HD_FORK_ISTANBUL);
SAME(HEDDLE_FORK_BERLIN, HD_FORK_BERLIN);
SAME(HEDDLE_FORK_LONDON, HD_FORK_LONDON);
SAME(HEDDLE_FORK_PARIS, HD_FORK_PARIS);
SAME(HEDDLE_FORK_SHANGHAI, HD_FORK_SHANGHAI);
SAME(HEDDLE_FORK_CANCUN, HD_FORK_CANCUN);
SAME(HEDDLE_FORK_PRAGUE, HD_FORK_PRAGUE);
SAME(HEDDLE_FORK_OSAKA, HD_FORK_OSAKA);
SAME(HEDDLE_BACKEND_AUTO, HD_BACKEND_AUTO);
SAME(HEDDLE_BACKEND_HOST, HD_BACKEND_HOST);
SAME(HEDDLE_BACKEND_CUDA, HD_BACKEND_CUDA);
SAME(HEDDLE_THREADS_MAX, HD_POOL_THREADS_MAX);
SAME(HEDDLE_TX_SZ_MAX, HD_TX_ENCODED_SZ_MAX);
SAME(HEDDLE_TX_LEGACY, HD_TX_LEGACY);
SAME(HEDDLE_TX_ACCESS_LIST, HD_TX_ACCESS_LIST);
SAME(HEDDLE_TX_DYNAMIC_FEE, HD_TX_DYNAMIC_FEE);
SAME(HEDDLE_TX_BLOB, HD_TX_BLOB);
SAME(HEDDLE_TX_SET_CODE, HD_TX_SET_CODE);
SAME(HEDDLE_TX_CREATE, HD_TX_CREATE);
SAME(HEDDLE_TX_SIMULATE, HD_TX_SKIP_CHECKS);
SAME(HEDDLE_RUN_READS, HD_BATCH_READS);
SAME(HEDDLE_RUN_RECEIPTS_ONLY, HD_BATCH_NO_DIFF);
SAME(HEDDLE_RECEIPT_CREATED, HD_RECEIPT_CREATED);
SAME(HEDDLE_RECEIPT_FEE_INCLUDED, HD_RECEIPT_FEE_PAID);
SAME(HEDDLE_CHANGE_CHANGED, HD_DIFF_CHANGED);
SAME(HEDDLE_CHANGE_DELETED, HD_DIFF_DELETED);
SAME(HEDDLE_CHANGE_WIPED, HD_DIFF_WIPED);
SAME(HEDDLE_CHANGE_CODE, HD_DIFF_CODE);
SAME(HEDDLE_CHANGE_EXISTED, HD_DIFF_EXISTED);
SAME(HEDDLE_CHANGE_TOUCHED, HD_DIFF_TOUCHED);
/* hd_evm.h keeps the order of its statuses: the first, the last and those around gaps will do. */
SAME(HEDDLE_STATUS_SUCCESS, HD_TX_SUCCESS);
SAME(HEDDLE_STATUS_REVERT, HD_TX_REVERT);
SAME(HEDDLE_STATUS_HALT, HD_TX_HALT);
SAME(HEDDLE_STATUS_NO_MEMORY, HD_TX_NO_MEMORY);
SAME(HEDDLE_STATUS_WORK_LIMIT, HD_TX_WORK_LIMIT);
SAME(HEDDLE_STATUS_REFUSED, HD_TX_INVALID);
SAME(HEDDLE_STATUS_REFUSED_SIGNATURE, HD_TX_INVALID_SIGNATURE);
SAME(HEDDLE_STATUS_REFUSED_FUNDS, HD_TX_INVALID_FUNDS);
SAME(HEDDLE_STATUS_REFUSED_GAS_FLOOR, HD_TX_INVALID_GAS_FLOOR);
SAME(HEDDLE_STATUS_REFUSED_INITCODE_SIZE, HD_TX_INVALID_INITCODE_SIZE);
SAME(HEDDLE_STATUS_REFUSED_BLOB_COUNT, HD_TX_INVALID_BLOB_COUNT);
SAME(HEDDLE_STATUS_REFUSED_FEE_OVERFLOW, HD_TX_INVALID_FEE_OVERFLOW);
SAME(HEDDLE_STATUS_REFUSED_FEE_OVERFLOW + 1, HD_TX_STATUS_CNT);
SAME(sizeof(heddle_word), sizeof(hd_hash));
SAME(sizeof(heddle_address), sizeof(hd_address));
SAME(sizeof(heddle_message), sizeof(hd_msg));

/* ---- names */

const char *heddle_version(void) { return HD_VERSION; }

const char *heddle_err_name(heddle_err err) {
    return err == HEDDLE_ERR_ARGUMENT ? "an argument is wrong" : hd_err_name(err);
}

const char *heddle_status_name(uint32_t status) { return hd_tx_status_name(status); }
const char *heddle_halt_name(uint32_t error) { return hd_evm_error_name(error); }

/* ---- state */

heddle_err heddle_state_new(heddle_state **out) {
    if (!out)
        return HEDDLE_ERR_ARGUMENT;
    heddle_state *state = malloc(sizeof *state);
    if (!state)
        return HEDDLE_ERR_NOMEM;
    state->s = hd_state_new();
    if (!state->s) {
        free(state);
        return HEDDLE_ERR_NOMEM;
    }
    *out = state;
    return HEDDLE_OK;
}

void heddle_state_free(heddle_state *state) {
    if (!state)
        return;
    hd_state_free(state->s);
    free(state);
}

heddle_err heddle_state_copy(heddle_state *dst, const heddle_state *src) {
    if (!dst || !src)
        return HEDDLE_ERR_ARGUMENT;
    return hd_state_copy(dst->s, src->s);
}

heddle_err heddle_state_set_account(heddle_state *state, const heddle_address *address,
                                    const heddle_account *account) {
    if (!state || !address || !account || (account->code_sz && !account->code))
        return HEDDLE_ERR_ARGUMENT;
    hd_address addr = hd_api_address_in(address);
    return hd_state_set(state->s, &addr, account->nonce, hd_api_number_in(&account->balance_wei),
                        account->code, account->code_sz);
}

heddle_err heddle_state_set_slot(heddle_state *state, const heddle_address *address,
                                 const heddle_word *key, const heddle_word *value) {
    if (!state || !address || !key || !value)
        return HEDDLE_ERR_ARGUMENT;
    hd_address addr = hd_api_address_in(address);
    return hd_state_set_slot(state->s, &addr, hd_api_number_in(key), hd_api_number_in(value));
}

heddle_err heddle_state_delete_account(heddle_state *state, const heddle_address *address) {
    if (!state || !address)
        return HEDDLE_ERR_ARGUMENT;
    hd_address addr = hd_api_address_in(address);
    return hd_state_delete(state->s, &addr);
}

heddle_err heddle_state_add_balance(heddle_state *state, const heddle_address *address,
                                    const heddle_word *amount_wei, uint32_t fork) {
    if (!state || !address || !amount_wei || fork >= HD_FORK_CNT)
        return HEDDLE_ERR_ARGUMENT;
    hd_address addr = hd_api_address_in(address);
    return hd_state_add_balance(state->s, &addr, hd_api_number_in(amount_wei), fork);
}

static void account_out(heddle_account *out, const hd_state_account *a) {
    out->balance_wei = hd_api_number_out(a->balance_wei);
    out->nonce = a->nonce;
    out->code = a->code;
    out->code_sz = a->code_sz;
    out->code_hash = hd_api_hash_out(&a->code_hash);
}

heddle_err heddle_state_get_account(const heddle_state *state, heddle_account *out,
                                    const heddle_address *address) {
    hd_state_account a;
    if (!state || !out || !address)
        return HEDDLE_ERR_ARGUMENT;
    hd_address addr = hd_api_address_in(address);
    hd_err err = hd_state_get(&a, state->s, &addr);
    if (err == HD_OK)
        account_out(out, &a);
    return err;
}

heddle_err heddle_state_get_slot(const heddle_state *state, heddle_word *out,
                                 const heddle_address *address, const heddle_word *key) {
    if (!state || !out || !address || !key)
        return HEDDLE_ERR_ARGUMENT;
    hd_address addr = hd_api_address_in(address);
    *out = hd_api_number_out(hd_state_get_slot(state->s, &addr, hd_api_number_in(key)));
    return HEDDLE_OK;
}

uint32_t heddle_state_account_max(const heddle_state *state) {
    return state ? hd_state_account_max(state->s) : 0;
}

heddle_err heddle_state_account_at(const heddle_state *state, heddle_address *address,
                                   heddle_account *out, uint32_t idx) {
    hd_address addr;
    hd_state_account a;
    if (!state || !address || !out || idx >= hd_state_account_max(state->s))
        return HEDDLE_ERR_ARGUMENT;
    if (!hd_state_account_at(&addr, &a, state->s, idx))
        return HEDDLE_ERR_ABSENT;
    *address = hd_api_address_out(&addr);
    account_out(out, &a);
    return HEDDLE_OK;
}

typedef struct {
    void (*fn)(void *ctx, const heddle_word *key, const heddle_word *value);
    void *ctx;
} slot_visitor;

static void visit_slot(void *ctx, hd_u256 key, hd_u256 value) {
    const slot_visitor *v = ctx;
    heddle_word key_out = hd_api_number_out(key), value_out = hd_api_number_out(value);
    v->fn(v->ctx, &key_out, &value_out);
}

heddle_err heddle_state_each_slot(const heddle_state *state, const heddle_address *address,
                                  void (*fn)(void *ctx, const heddle_word *key,
                                             const heddle_word *value),
                                  void *ctx) {
    if (!state || !address || !fn)
        return HEDDLE_ERR_ARGUMENT;
    slot_visitor v = {fn, ctx};
    hd_address addr = hd_api_address_in(address);
    hd_state_each_slot(state->s, &addr, visit_slot, &v);
    return HEDDLE_OK;
}

heddle_err heddle_state_root(heddle_state *state, heddle_word *out) {
    hd_hash root;
    if (!state || !out)
        return HEDDLE_ERR_ARGUMENT;
    hd_err err = hd_state_root(&root, state->s);
    if (err == HD_OK)
        *out = hd_api_hash_out(&root);
    return err;
}

/* ---- engine */

heddle_err heddle_engine_open(heddle_engine **out, const heddle_engine_options *options,
                              heddle_message *why) {
    heddle_engine_options none = {0, 0};
    if (!out)
        return HD_API_NULL(why);
    if (!options)
        options = &none;
    if (options->backend > HEDDLE_BACKEND_CUDA)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "%u is no backend", options->backend);
    if (options->thread_cnt > HEDDLE_THREADS_MAX)
        return HD_API_REFUSE(why, HEDDLE_ERR_ARGUMENT, "%u threads, at most %u",
                             options->thread_cnt, HEDDLE_THREADS_MAX);
    heddle_engine *e = calloc(1, sizeof *e);
    if (!e)
        return hd_api_failed(why, HD_ERR_NOMEM);
    hd_exec_options exec_options = {.backend = options->backend, .threads = options->thread_cnt};
    hd_err err = hd_exec_open(&e->x, &exec_options);
    if (err != HD_OK) {
        free(e);
        return err == HD_ERR_ABSENT
                   ? HD_API_REFUSE(why, err,
                                   "there is no usable GPU, or the library was built without")
                   : hd_api_failed(why, err);
    }
    e->thread_cnt = options->thread_cnt;
    *out = e;
    return HEDDLE_OK;
}

void heddle_engine_close(heddle_engine *engine) {
    if (!engine)
        return;
    hd_exec_close(engine->x);
    hd_pool_close(engine->pool);
    free(engine);
}

const char *heddle_engine_name(const heddle_engine *engine) {
    return engine && hd_exec_backend(engine->x) == HD_BACKEND_CUDA ? "cuda" : "host";
}
