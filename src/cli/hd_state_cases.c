/* hd_state_cases.c - loads state test files and expands every entry of "post". */
#include "cli/hd_state_cases.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_file.h"
#include "evm/hd_tx_codec.h"

#define FILE_SZ_MAX (1ull << 30)

size_t hd_state_cases_cnt(const hd_state_cases *c) { return c->cases.sz / sizeof(hd_state_case); }

const hd_state_case *hd_state_cases_at(const hd_state_cases *c, size_t idx) {
    return (const hd_state_case *)(const void *)c->cases.data + idx;
}

const char *hd_state_cases_text(const hd_state_cases *c, uint64_t off) {
    return (const char *)c->text.data + off;
}

static uint64_t put_text(hd_state_cases *c, const char *text) {
    uint64_t off = c->text.sz;
    hd_buf_append(&c->text, text, strlen(text) + 1);
    return off;
}

/* What the entries of one test share. */
typedef struct {
    hd_json val, env, tx, config;
    const char *name;
    const char *path_base;
    hd_tx head;
    hd_tx *data_txs; /* head with data and access list, one for each entry of "data" */
    uint64_t name_off;
    uint32_t head_status;
    uint32_t path_idx;
    uint32_t alloc_idx;
    uint32_t data_cnt;
    uint32_t flags;
} test_shape;

/* FNV-1a, finished by hd_mix64: any machine chooses the same cases. */
static uint64_t hash_text(uint64_t h, const char *text) {
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 0x100000001b3ull;
    return (h ^ 0xff) * 0x100000001b3ull;
}

static int is_chosen(const test_shape *t, const hd_state_filter *filter, const char *fork,
                     uint64_t data_idx, uint64_t gas_idx, uint64_t value_idx) {
    if (filter->sample_pct >= 100)
        return 1;
    uint64_t h =
        hash_text(hash_text(hash_text(0xcbf29ce484222325ull, t->path_base), t->name), fork);
    h = hd_mix64(hd_mix64(hd_mix64(h + data_idx) + gas_idx) + value_idx);
    return h % 100 < filter->sample_pct;
}

static hd_err read_shape(hd_state_cases *c, test_shape *t, hd_msg *msg) {
    hd_json list, access, member;
    uint64_t chain_id = 1;
    hd_err err = hd_json_get(&t->env, msg, t->val, "env");
    if (hd_json_find(&t->config, t->val, "config")) {
        t->flags |= HD_STATE_CASE_CONFIG;
        if (err == HD_OK && hd_json_find(&member, t->config, "chainid"))
            err = hd_json_u64(&chain_id, msg, member);
    }
    if (err != HD_OK || !hd_json_find(&t->tx, t->val, "transaction"))
        return err; /* without it, each entry's txbytes is used */
    err = hd_tx_read_head(&t->head, &t->head_status, &c->data, msg, t->tx, chain_id);
    if (err == HD_OK)
        err = hd_json_get(&list, msg, t->tx, "data");
    if (err != HD_OK)
        return err;
    size_t cnt = hd_json_cnt(list);
    if (!hd_json_is_array(list) || cnt == 0 || cnt > UINT32_MAX)
        return hd_json_fail(msg, list, "an array of data is expected");
    t->data_txs = calloc(cnt, sizeof *t->data_txs);
    if (!t->data_txs)
        return HD_ERR_NOMEM;
    t->data_cnt = (uint32_t)cnt;
    int has_access = hd_json_find(&access, t->tx, "accessLists");
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        t->data_txs[i] = t->head;
        err = hd_tx_read_data(&t->data_txs[i], &c->data, msg, hd_json_at(list, i));
        if (err == HD_OK && has_access) /* an entry that is missing or null is none */
            err =
                hd_tx_read_access(&t->data_txs[i], &c->data, msg, hd_json_at(access, i), chain_id);
    }
    return err;
}

static hd_err get_item(hd_json *out, hd_msg *msg, hd_json tx, const char *key, uint64_t idx,
                       hd_json indexes) {
    hd_json list;
    hd_err err = hd_json_get(&list, msg, tx, key);
    if (err != HD_OK)
        return err;
    if (!hd_json_is_array(list) || idx >= hd_json_cnt(list))
        return hd_json_fail(msg, indexes, "\"%s\" has no entry %llu", key, (unsigned long long)idx);
    *out = hd_json_at(list, (size_t)idx);
    return HD_OK;
}

static hd_err make_tx(hd_state_cases *c, hd_tx *tx, uint32_t *status, const test_shape *t,
                      hd_msg *msg, hd_json post, const uint64_t idx[3], hd_json indexes,
                      uint32_t fork) {
    hd_json item;
    *status = t->head_status;
    if (t->data_txs) {
        if (idx[0] >= t->data_cnt)
            return hd_json_fail(msg, indexes, "\"data\" has no entry %llu",
                                (unsigned long long)idx[0]);
        *tx = t->data_txs[idx[0]];
        hd_err err = get_item(&item, msg, t->tx, "gasLimit", idx[1], indexes);
        if (err == HD_OK)
            err = hd_tx_read_gas(tx, status, msg, item);
        if (err == HD_OK)
            err = get_item(&item, msg, t->tx, "value", idx[2], indexes);
        return err == HD_OK ? hd_tx_read_value(tx, status, msg, item) : err;
    }
    hd_buf raw = {0};
    hd_tx_envelope envelope;
    hd_msg why;
    hd_err err = hd_json_get_bytes(&raw, msg, post, "txbytes");
    if (err == HD_OK) {
        err = hd_tx_decode(tx, &envelope, &c->data, &why, hd_buf_span(&raw));
        if (err == HD_ERR_FORMAT || err == HD_ERR_LIMIT) {
            *status = HD_TX_INVALID;
            err = HD_OK;
        } else if (err == HD_OK) {
            uint32_t found;
            hd_tx_recover(&found, tx, &why, &envelope, fork, 1);
            if (found != HD_TX_SUCCESS)
                *status = found;
        }
    }
    hd_buf_free(&raw);
    return err;
}

static hd_err add_case(hd_state_cases *c, const test_shape *t, hd_msg *msg, hd_json post,
                       const char *fork_name, uint64_t fork_off, uint32_t fork, uint32_t env_idx,
                       const hd_state_filter *filter) {
    static const char *const index_names[3] = {"data", "gas", "value"};
    hd_json indexes, member;
    uint64_t idx[3];
    hd_state_case out;
    hd_tx tx;
    memset(&out, 0, sizeof out);
    memset(&tx, 0, sizeof tx);
    hd_err err = hd_json_get(&indexes, msg, post, "indexes");
    for (int i = 0; err == HD_OK && i < 3; i++) {
        err = hd_json_get_u64(&idx[i], msg, indexes, index_names[i]);
        if (err == HD_OK && idx[i] > UINT32_MAX)
            err = hd_json_fail(msg, indexes, "indexes below 2^32 are expected");
    }
    if (err != HD_OK)
        return err;
    if (!is_chosen(t, filter, fork_name, idx[0], idx[1], idx[2]))
        return HD_OK;
    out.flags = t->flags;
    out.name_off = t->name_off;
    out.fork_off = fork_off;
    out.path_idx = t->path_idx;
    out.alloc_idx = t->alloc_idx;
    out.env_idx = env_idx;
    out.tx_idx = HD_STATE_CASE_NO_TX;
    out.data_idx = (uint32_t)idx[0];
    out.gas_idx = (uint32_t)idx[1];
    out.value_idx = (uint32_t)idx[2];
    err = hd_json_get_hash(&out.root, msg, post, "hash");
    if (err == HD_OK)
        err = hd_json_get_hash(&out.logs_hash, msg, post, "logs");
    if (err == HD_OK && hd_json_find(&member, post, "expectException")) {
        const char *text;
        err = hd_json_str(&text, NULL, msg, member);
        if (err == HD_OK)
            out.exception_off = put_text(c, text);
    }
    if (err != HD_OK)
        return err;
    if (fork == HD_FORK_CNT) {
        out.flags |= HD_STATE_CASE_UNKNOWN_FORK;
    } else {
        err = make_tx(c, &tx, &out.status, t, msg, post, idx, indexes, fork);
        if (err != HD_OK)
            return err;
        if (out.status == HD_TX_SUCCESS) {
            /* The machine counts gas in 63 bits. No block has as much: it is refused either way. */
            tx.gas_limit = HD_MIN(tx.gas_limit, (uint64_t)INT64_MAX);
            tx.env_idx = env_idx;
            tx.world_idx = t->alloc_idx;
            out.tx_idx = (uint32_t)(c->txs.sz / sizeof tx);
            hd_buf_append(&c->txs, &tx, sizeof tx);
        }
    }
    hd_buf_append(&c->cases, &out, sizeof out);
    return HD_OK;
}

static hd_err add_fork(hd_state_cases *c, const test_shape *t, hd_msg *msg, const char *fork_name,
                       hd_json posts, const hd_state_filter *filter) {
    uint32_t fork = HD_FORK_CNT;
    uint32_t env_idx = (uint32_t)(c->envs.sz / sizeof(hd_env));
    int is_known = hd_fork_from_name(&fork, fork_name, strlen(fork_name));
    if (filter->fork != HD_FORK_CNT && fork != filter->fork)
        return HD_OK;
    if (!hd_json_is_array(posts))
        return hd_json_fail(msg, posts, "an array of expected results is expected");
    if (is_known) {
        hd_env env;
        hd_err err = hd_env_read(&env, msg, t->env, t->config, fork, fork_name);
        if (err != HD_OK)
            return err;
        hd_buf_append(&c->envs, &env, sizeof env);
    }
    uint64_t fork_off = put_text(c, fork_name);
    for (size_t i = 0; i < hd_json_cnt(posts); i++) {
        hd_err err =
            add_case(c, t, msg, hd_json_at(posts, i), fork_name, fork_off, fork, env_idx, filter);
        if (err != HD_OK)
            return err;
    }
    return HD_OK;
}

static void add_skipped(hd_state_cases *c, const test_shape *t) {
    hd_state_case out;
    memset(&out, 0, sizeof out);
    out.flags = HD_STATE_CASE_SKIPPED;
    out.name_off = t->name_off;
    out.path_idx = t->path_idx;
    out.tx_idx = HD_STATE_CASE_NO_TX;
    hd_buf_append(&c->cases, &out, sizeof out);
}

static hd_err add_alloc(hd_state_cases *c, test_shape *t, hd_msg *msg) {
    hd_json pre;
    hd_err err = hd_json_get(&pre, msg, t->val, "pre");
    if (err != HD_OK)
        return err;
    if (c->alloc_cnt == c->alloc_max) {
        size_t max = c->alloc_max ? 2 * c->alloc_max : 64;
        hd_alloc *allocs = realloc(c->allocs, max * sizeof *allocs);
        if (!allocs)
            return HD_ERR_NOMEM;
        memset(allocs + c->alloc_max, 0, (max - c->alloc_max) * sizeof *allocs);
        c->allocs = allocs;
        c->alloc_max = max;
    }
    t->alloc_idx = (uint32_t)c->alloc_cnt;
    err = hd_alloc_read(&c->allocs[c->alloc_cnt], msg, pre);
    if (err == HD_OK)
        c->alloc_cnt++;
    return err;
}

static hd_err add_test(hd_state_cases *c, test_shape *t, hd_msg *msg,
                       const hd_state_filter *filter) {
    hd_json posts, member;
    if (!hd_json_is_object(t->val))
        return hd_json_fail(msg, t->val, "a test (an object) is expected");
    t->name_off = put_text(c, t->name);
    if (hd_json_find(&member, t->val, "exec")) {
        add_skipped(c, t);
        return HD_OK;
    }
    hd_err err = hd_json_get(&posts, msg, t->val, "post");
    if (err == HD_OK && !hd_json_is_object(posts))
        err = hd_json_fail(msg, posts, "an object from forks to expected results is expected");
    if (err == HD_OK)
        err = add_alloc(c, t, msg);
    if (err == HD_OK)
        err = read_shape(c, t, msg);
    if (err != HD_OK)
        return err; /* posts may not be there */
    for (hd_json_iter it = hd_json_begin(posts); err == HD_OK && hd_json_next(&it);)
        err = add_fork(c, t, msg, it.key, it.val, filter);
    return err;
}

hd_err hd_state_cases_load(hd_state_cases *c, hd_cli_part *part, const char *path,
                           uint32_t path_idx, const hd_state_filter *filter) {
    hd_json_doc *doc = NULL;
    hd_json root;
    hd_msg msg = {""};
    if (c->text.sz == 0)
        put_text(c, ""); /* offset 0 is the empty text */
    hd_err err = hd_json_load(&doc, &root, &msg, path, FILE_SZ_MAX, HD_JSON_DEPTH_DEFAULT);
    if (err == HD_OK && !hd_json_is_object(root))
        err = hd_json_fail(&msg, root, "an object from names to state tests is expected");
    if (err != HD_OK) {
        hd_cli_put_bad(part, "%s", msg.text);
        hd_json_close(doc);
        return err == HD_ERR_NOMEM ? err : HD_OK;
    }
    const char *slash = strrchr(path, '/');
    for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it);) {
        size_t sizes[5] = {c->cases.sz, c->txs.sz, c->envs.sz, c->data.sz, c->text.sz};
        size_t alloc_cnt = c->alloc_cnt;
        test_shape t;
        if (filter->name && !strstr(it.key, filter->name))
            continue;
        memset(&t, 0, sizeof t);
        t.val = it.val;
        t.name = it.key;
        t.path_base = slash ? slash + 1 : path;
        t.path_idx = path_idx;
        t.head_status = HD_TX_SUCCESS;
        err = add_test(c, &t, &msg, filter);
        free(t.data_txs);
        if (c->cases.err || c->txs.err || c->envs.err || c->data.err || c->text.err)
            err = HD_ERR_NOMEM;
        if (err == HD_ERR_NOMEM)
            break;
        if (err != HD_OK) { /* as if the test were not there */
            hd_cli_put_bad(part, "%s", msg.text);
            c->cases.sz = sizes[0];
            c->txs.sz = sizes[1];
            c->envs.sz = sizes[2];
            c->data.sz = sizes[3];
            c->text.sz = sizes[4];
            c->alloc_cnt = alloc_cnt;
        }
    }
    hd_json_close(doc);
    return err == HD_ERR_NOMEM ? err : HD_OK;
}

void hd_state_cases_clear(hd_state_cases *c) {
    hd_buf_clear(&c->cases);
    hd_buf_clear(&c->txs);
    hd_buf_clear(&c->envs);
    hd_buf_clear(&c->data);
    hd_buf_clear(&c->text);
    c->alloc_cnt = 0;
}

void hd_state_cases_free(hd_state_cases *c) {
    for (size_t i = 0; i < c->alloc_max; i++)
        hd_alloc_free(&c->allocs[i]);
    free(c->allocs);
    hd_buf_free(&c->cases);
    hd_buf_free(&c->txs);
    hd_buf_free(&c->envs);
    hd_buf_free(&c->data);
    hd_buf_free(&c->text);
    memset(c, 0, sizeof *c);
}
