/* hd_cmd_trietest.c - `heddle trietest`: the official trie tests (TrieTests). */
#include <stdlib.h>
#include <string.h>

#include "base/hd_hex.h"
#include "base/hd_json.h"
#include "cli/hd_cli_case.h"
#include "cli/hd_cmd.h"
#include "crypto/hd_keccak.h"
#include "state/hd_trie.h"

static const hd_cli_spec spec = {
    "trietest",
    "[OPTION...] PATH...",
    "Run official trie tests: files, or folders with .json files. Each case is built in the trie "
    "in\n"
    "memory and by the one-pass root; where the order is free, given, ascending and descending.\n"
    "A file whose name contains \"secure\" has hashed keys.",
    "heddle trietest TrieTests",
    NULL,
    0};

/* One step of a case: a key and its value, which is empty where the key is to be deleted. Both lie
   in the case's bytes. */
typedef struct {
    size_t key_off, key_sz;
    size_t value_off, value_sz;
} step;

typedef struct {
    hd_buf bytes;
    step *steps;
    size_t cnt;
    uint32_t is_ordered;
} trie_case;

static hd_span step_key(const trie_case *c, const step *s) {
    return (hd_span){c->bytes.data + s->key_off, s->key_sz};
}

static hd_span step_value(const trie_case *c, const step *s) {
    return (hd_span){c->bytes.data + s->value_off, s->value_sz};
}

/* Text stands for itself unless it begins with 0x. */
static hd_err put_text(hd_buf *out, hd_msg *msg, hd_json where, const char *text, size_t sz) {
    if (sz < 2 || text[0] != '0' || text[1] != 'x')
        return hd_buf_append(out, text, sz);
    const char *reason;
    size_t n = sz / 2 - 1;
    hd_err err = hd_buf_reserve(out, n);
    if (err != HD_OK)
        return err;
    err = hd_hex_decode_0x(out->data + out->sz, n, &n, &reason, text, sz);
    if (err != HD_OK)
        return hd_json_fail(msg, where, "\"%.40s\": %s", text, reason);
    out->sz += n;
    return HD_OK;
}

static hd_err read_step(trie_case *c, hd_msg *msg, uint32_t is_secure, hd_json where,
                        const char *key, size_t key_sz, hd_json value) {
    step *s = &c->steps[c->cnt];
    const char *text;
    size_t sz;
    s->key_off = c->bytes.sz;
    hd_err err = put_text(&c->bytes, msg, where, key, key_sz);
    if (err != HD_OK)
        return err;
    s->key_sz = c->bytes.sz - s->key_off;
    if (is_secure) {
        uint8_t hash[32];
        hd_keccak256(hash, c->bytes.data + s->key_off, s->key_sz);
        c->bytes.sz = s->key_off;
        err = hd_buf_append(&c->bytes, hash, sizeof hash);
        s->key_sz = sizeof hash;
    }
    s->value_off = c->bytes.sz;
    if (err == HD_OK && !hd_json_is_null(value)) {
        err = hd_json_str(&text, &sz, msg, value);
        if (err == HD_OK)
            err = put_text(&c->bytes, msg, value, text, sz);
    }
    s->value_sz = c->bytes.sz - s->value_off;
    c->cnt++;
    return err;
}

static hd_err read_steps(trie_case *c, hd_msg *msg, uint32_t is_secure, hd_json in) {
    size_t cnt = hd_json_cnt(in);
    hd_err err = HD_OK;
    c->is_ordered = (uint32_t)hd_json_is_array(in);
    if (!c->is_ordered && !hd_json_is_object(in))
        return hd_json_fail(msg, in, "an array or an object of keys and values is expected");
    c->steps = (step *)calloc(cnt + 1, sizeof *c->steps);
    if (!c->steps)
        return HD_ERR_NOMEM;
    if (!c->is_ordered) {
        for (hd_json_iter it = hd_json_begin(in); err == HD_OK && hd_json_next(&it);)
            err = read_step(c, msg, is_secure, in, it.key, strlen(it.key), it.val);
        return err;
    }
    for (size_t i = 0; err == HD_OK && i < cnt; i++) {
        hd_json pair = hd_json_at(in, i);
        const char *key;
        size_t key_sz;
        if (!hd_json_is_array(pair) || hd_json_cnt(pair) != 2)
            return hd_json_fail(msg, pair, "a pair of key and value is expected");
        err = hd_json_str(&key, &key_sz, msg, hd_json_at(pair, 0));
        if (err == HD_OK)
            err = read_step(c, msg, is_secure, pair, key, key_sz, hd_json_at(pair, 1));
    }
    return err;
}

/* The root that the one-pass code gives for what the trie holds, found by walking it. */
static hd_err root_by_walk(hd_hash *root, const hd_trie *t, size_t cnt_max) {
    hd_trie_item *items = (hd_trie_item *)calloc(cnt_max + 1, sizeof *items);
    hd_buf *keys = (hd_buf *)calloc(cnt_max + 2, sizeof *keys);
    hd_err err = items && keys ? HD_OK : HD_ERR_NOMEM;
    size_t cnt = 0;
    const hd_span nothing = {(const uint8_t *)"", 0};
    if (err == HD_OK && hd_trie_get(&items[0].value, t, nothing) == HD_OK)
        items[cnt++].key = nothing; /* the empty key is above no other */
    while (err == HD_OK && cnt <= cnt_max) {
        hd_span after = cnt ? items[cnt - 1].key : nothing;
        err = hd_trie_next(&keys[cnt], t, after);
        if (err != HD_OK)
            break;
        if (cnt == cnt_max) {
            err = HD_ERR_CORRUPT; /* more keys than were ever put in */
            break;
        }
        items[cnt].key = hd_buf_span(&keys[cnt]);
        err = hd_trie_get(&items[cnt].value, t, items[cnt].key);
        if (err == HD_ERR_ABSENT)
            err = HD_ERR_CORRUPT;
        cnt++;
    }
    if (err == HD_ERR_ABSENT)
        err = hd_trie_root_sorted(root, items, cnt);
    for (size_t i = 0; keys && i < cnt_max + 2; i++)
        hd_buf_free(&keys[i]);
    free(keys);
    free(items);
    return err;
}

static const trie_case *sort_case; /* qsort has no context; the command has one thread */

static int step_cmp(const void *a, const void *b) {
    hd_span x = step_key(sort_case, (const step *)a), y = step_key(sort_case, (const step *)b);
    int d = memcmp(x.data, y.data, HD_MIN(x.sz, y.sz));
    return d ? d : (x.sz > y.sz) - (x.sz < y.sz);
}

static void reverse(trie_case *c) {
    for (size_t i = 0, j = c->cnt; i + 1 < j; i++) {
        step s = c->steps[i];
        c->steps[i] = c->steps[--j];
        c->steps[j] = s;
    }
}

static void put_mismatch(hd_buf *error, const char *order, const char *way, const hd_hash *got,
                         const hd_hash *want) {
    hd_buf_printf(error, "%s order, %s: root 0x", order, way);
    hd_buf_append_hex(error, got->b, sizeof got->b);
    hd_buf_append_str(error, ", expected 0x");
    hd_buf_append_hex(error, want->b, sizeof want->b);
}

/* Runs the steps as they stand; leaves a text in error when the root is another. */
static hd_err run_order(hd_buf *error, const trie_case *c, const char *order, const hd_hash *want) {
    hd_hash got;
    hd_trie *t = hd_trie_new();
    hd_err err = t ? HD_OK : HD_ERR_NOMEM;
    for (size_t i = 0; err == HD_OK && i < c->cnt; i++)
        err = hd_trie_set(t, step_key(c, &c->steps[i]), step_value(c, &c->steps[i]));
    if (err == HD_OK)
        err = hd_trie_root(&got, t);
    if (err == HD_OK && !hd_is_equal(&got, want, sizeof got))
        put_mismatch(error, order, "trie in memory", &got, want);
    if (err == HD_OK && error->sz == 0)
        err = root_by_walk(&got, t, c->cnt);
    if (err == HD_OK && error->sz == 0 && !hd_is_equal(&got, want, sizeof got))
        put_mismatch(error, order, "one-pass root", &got, want);
    hd_trie_free(t);
    return err;
}

static hd_err run_root_case(hd_buf *error, hd_msg *msg, hd_json val, uint32_t is_secure) {
    trie_case c;
    hd_json in;
    hd_hash want;
    memset(&c, 0, sizeof c);
    hd_err err = hd_json_get(&in, msg, val, "in");
    if (err == HD_OK)
        err = hd_json_get_hash(&want, msg, val, "root");
    if (err == HD_OK)
        err = read_steps(&c, msg, is_secure, in);
    if (err == HD_OK)
        err = run_order(error, &c, "given", &want);
    if (err == HD_OK && !c.is_ordered && error->sz == 0) {
        sort_case = &c;
        qsort(c.steps, c.cnt, sizeof *c.steps, step_cmp);
        err = run_order(error, &c, "ascending", &want);
        reverse(&c);
        if (err == HD_OK && error->sz == 0)
            err = run_order(error, &c, "descending", &want);
    }
    free(c.steps);
    hd_buf_free(&c.bytes);
    return err;
}

/* {in: [key...], tests: [[key, the key before, the key after]...]}; "" stands for none. */
static hd_err run_neighbour_case(hd_buf *error, hd_msg *msg, hd_json val, hd_json tests) {
    hd_json in;
    const char *text[3];
    size_t sz[3];
    hd_buf got;
    hd_trie *t = hd_trie_new();
    hd_err err = t ? hd_json_get(&in, msg, val, "in") : HD_ERR_NOMEM;
    hd_buf_init(&got);
    for (size_t i = 0; err == HD_OK && i < hd_json_cnt(in); i++) {
        err = hd_json_str(&text[0], &sz[0], msg, hd_json_at(in, i));
        if (err == HD_OK)
            err = hd_trie_set(t, (hd_span){(const uint8_t *)text[0], sz[0]},
                              (hd_span){(const uint8_t *)"x", 1});
    }
    for (size_t i = 0; err == HD_OK && error->sz == 0 && i < hd_json_cnt(tests); i++) {
        hd_json triple = hd_json_at(tests, i);
        if (!hd_json_is_array(triple) || hd_json_cnt(triple) != 3)
            err = hd_json_fail(msg, triple, "a key, its predecessor and successor are expected");
        for (size_t k = 0; err == HD_OK && k < 3; k++)
            err = hd_json_str(&text[k], &sz[k], msg, hd_json_at(triple, k));
        for (size_t k = 1; err == HD_OK && k < 3; k++) {
            hd_span key = {(const uint8_t *)text[0], sz[0]};
            err = k == 1 ? hd_trie_prev(&got, t, key) : hd_trie_next(&got, t, key);
            if (err == HD_ERR_ABSENT)
                err = HD_OK; /* got is empty, as is what is expected then */
            if (err == HD_OK && (got.sz != sz[k] || memcmp(hd_buf_str(&got), text[k], sz[k]) != 0))
                hd_buf_printf(error, "%s \"%s\" is \"%s\", expected \"%s\"",
                              k == 1 ? "before" : "after", text[0], hd_buf_str(&got), text[k]);
        }
    }
    hd_buf_free(&got);
    hd_trie_free(t);
    return err;
}

static int is_secure_name(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return strstr(name, "secure") != NULL || strstr(name, "Secure") != NULL;
}

static hd_err run_case(hd_buf *error, hd_msg *msg, const char *path, hd_json val) {
    hd_json tests;
    hd_err err = hd_json_find(&tests, val, "tests")
                     ? run_neighbour_case(error, msg, val, tests)
                     : run_root_case(error, msg, val, (uint32_t)is_secure_name(path));
    if (err == HD_ERR_CORRUPT)
        err = hd_buf_append_str(error, "the trie lost or invented a key");
    return err;
}

int hd_cmd_trietest(int argc, char **argv) { return hd_cli_case_main(&spec, argc, argv, run_case); }
