/* hd_json.c - reading JSON with messages that name the file, the place and what was expected. */
#include "base/hd_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/hd_file.h"
#include "base/hd_hex.h"

#define PLACE_SZ 256

struct hd_json_doc {
    char *name;
    struct json_object *root;
};

/* --- messages: the place of a value is searched for only when something is wrong with it. */

struct place_step {
    struct json_object *obj;
    struct lh_entry *entry; /* the member that is looked into, for an object */
    size_t idx;             /* the item that is looked into, for an array */
};

/* Moves a step to its next child; returns 0 when there is none. */
static int step_next(struct place_step *step, struct json_object **child, int is_first) {
    if (json_object_is_type(step->obj, json_type_object)) {
        step->entry = is_first ? json_object_get_object(step->obj)->head : step->entry->next;
        if (!step->entry)
            return 0;
        *child = lh_entry_v(step->entry);
        return 1;
    }
    if (!json_object_is_type(step->obj, json_type_array))
        return 0;
    step->idx = is_first ? 0 : step->idx + 1;
    if (step->idx >= json_object_array_length(step->obj))
        return 0;
    *child = json_object_array_get_idx(step->obj, step->idx);
    return 1;
}

static void write_place(char *out, size_t out_sz, const struct place_step *steps, size_t cnt) {
    size_t pos = 0;
    out[0] = 0;
    for (size_t i = 0; i < cnt; i++) {
        int len;
        if (json_object_is_type(steps[i].obj, json_type_object))
            len = snprintf(out + pos, out_sz - pos, "%s%.100s", i ? "." : "",
                           (const char *)lh_entry_k(steps[i].entry));
        else
            len = snprintf(out + pos, out_sz - pos, "[%zu]", steps[i].idx);
        if (len < 0 || (size_t)len >= out_sz - pos)
            return;
        pos += (size_t)len;
    }
}

/* Writes where val stands, such as "pre.0xab.storage" or "a[3].b"; "" for the root, for null (which
   json-c does not keep as an object), and when memory is short. */
static void find_place(char *out, size_t out_sz, hd_json val) {
    out[0] = 0;
    if (!val.obj || val.obj == val.doc->root)
        return;
    struct place_step *steps = calloc(HD_JSON_DEPTH_MAX + 1, sizeof *steps);
    if (!steps)
        return;
    size_t depth = 1;
    int is_first = 1;
    steps[0].obj = val.doc->root;
    while (depth) {
        struct json_object *child = NULL;
        if (!step_next(&steps[depth - 1], &child, is_first)) {
            depth--;
            is_first = 0;
        } else if (child == val.obj) {
            write_place(out, out_sz, steps, depth);
            break;
        } else if (child && depth <= HD_JSON_DEPTH_MAX) {
            memset(&steps[depth], 0, sizeof *steps);
            steps[depth++].obj = child;
            is_first = 1;
        } else {
            is_first = 0;
        }
    }
    free(steps);
}

hd_err hd_json_fail(hd_msg *msg, hd_json val, const char *fmt, ...) {
    if (msg) {
        char place[PLACE_SZ], text[HD_MSG_SZ];
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        find_place(place, sizeof place, val);
        if (place[0])
            hd_msg_set(msg, "%s: %s: %s", val.doc->name, place, text);
        else
            hd_msg_set(msg, "%s: %s", val.doc->name, text);
    }
    return HD_ERR_FORMAT;
}

static const char *kind_name(hd_json val) {
    switch (json_object_get_type(val.obj)) {
    case json_type_null: return "null";
    case json_type_boolean: return "a truth value";
    case json_type_double: return "a fraction";
    case json_type_int: return "a number";
    case json_type_object: return "an object";
    case json_type_array: return "an array";
    case json_type_string: return "a string";
    }
    return "something else";
}

/* --- documents */

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* Line and column, from 1, of byte off. */
static void find_line(size_t *line, size_t *column, const char *text, size_t off) {
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < off; i++) {
        if (text[i] == '\n') {
            (*line)++;
            *column = 1;
        } else {
            (*column)++;
        }
    }
}

hd_err hd_json_parse(hd_json_doc **out, hd_json *root, hd_msg *msg, const char *name,
                     const char *text, size_t sz, uint32_t depth_max) {
    *out = NULL;
    HD_ASSERT(depth_max >= 1 && depth_max <= HD_JSON_DEPTH_MAX);
    if (sz >= INT32_MAX) {
        hd_msg_set(msg, "%s: is longer than %d bytes", name, INT32_MAX - 1);
        return HD_ERR_LIMIT;
    }
    hd_err err = HD_ERR_NOMEM;
    hd_json_doc *doc = calloc(1, sizeof *doc);
    /* json-c counts the level of a plain value too. */
    struct json_tokener *tok = json_tokener_new_ex((int)depth_max + 1);
    if (!doc || !tok || !(doc->name = strdup(name))) {
        hd_msg_set(msg, "%s: %s", name, hd_err_name(err));
        goto fail;
    }
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    doc->root = json_tokener_parse_ex(tok, text, (int)sz);
    enum json_tokener_error code = json_tokener_get_error(tok);
    size_t end = json_tokener_get_parse_end(tok);
    if (code == json_tokener_continue) {
        /* A bare number or word at the very end is complete only when something follows it. */
        struct json_object *obj = json_tokener_parse_ex(tok, " ", 1);
        if (json_tokener_get_error(tok) == json_tokener_success) {
            code = json_tokener_success;
            doc->root = obj;
            end = sz;
        }
    }
    size_t line, column;
    if (code != json_tokener_success) {
        find_line(&line, &column, text, HD_MIN(end, sz));
        hd_msg_set(msg, "%s: line %zu, column %zu: %s", name, line, column,
                   code == json_tokener_continue ? "the text ends too early"
                                                 : json_tokener_error_desc(code));
        err = code == json_tokener_error_depth ? HD_ERR_LIMIT : HD_ERR_FORMAT;
        goto fail;
    }
    while (end < sz && is_space(text[end]))
        end++;
    if (end != sz) {
        find_line(&line, &column, text, end);
        hd_msg_set(msg, "%s: line %zu, column %zu: nothing is expected after the value", name, line,
                   column);
        err = HD_ERR_FORMAT;
        goto fail;
    }
    json_tokener_free(tok);
    *out = doc;
    root->doc = doc;
    root->obj = doc->root;
    return HD_OK;
fail:
    if (tok)
        json_tokener_free(tok);
    hd_json_close(doc);
    return err;
}

hd_err hd_json_load(hd_json_doc **out, hd_json *root, hd_msg *msg, const char *path,
                    uint64_t sz_max, uint32_t depth_max) {
    hd_buf text;
    *out = NULL;
    hd_buf_init(&text);
    hd_err err = hd_file_read(&text, msg, path, sz_max);
    if (err == HD_OK)
        err = hd_json_parse(out, root, msg, path, text.data ? (const char *)text.data : "", text.sz,
                            depth_max);
    hd_buf_free(&text);
    return err;
}

void hd_json_close(hd_json_doc *doc) {
    if (!doc)
        return;
    json_object_put(doc->root);
    free(doc->name);
    free(doc);
}

/* --- structure */

int hd_json_is_null(hd_json val) { return val.obj == NULL; }
int hd_json_is_object(hd_json val) { return json_object_is_type(val.obj, json_type_object); }
int hd_json_is_array(hd_json val) { return json_object_is_type(val.obj, json_type_array); }
int hd_json_is_string(hd_json val) { return json_object_is_type(val.obj, json_type_string); }

int hd_json_find(hd_json *out, hd_json val, const char *key) {
    struct json_object *obj = NULL;
    if (!hd_json_is_object(val) || !json_object_object_get_ex(val.obj, key, &obj) || !obj)
        return 0;
    out->doc = val.doc;
    out->obj = obj;
    return 1;
}

hd_err hd_json_get(hd_json *out, hd_msg *msg, hd_json val, const char *key) {
    if (hd_json_find(out, val, key))
        return HD_OK;
    if (!hd_json_is_object(val))
        return hd_json_fail(msg, val, "an object with \"%s\" is expected, not %s", key,
                            kind_name(val));
    return hd_json_fail(msg, val, "the member \"%s\" is missing", key);
}

hd_err hd_json_text(hd_buf *out, hd_json val) {
    const char *text = json_object_to_json_string_ext(val.obj, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE);
    return text ? hd_buf_append_str(out, text) : HD_ERR_NOMEM;
}

size_t hd_json_cnt(hd_json val) {
    if (hd_json_is_array(val))
        return json_object_array_length(val.obj);
    if (hd_json_is_object(val))
        return (size_t)json_object_object_length(val.obj);
    return 0;
}

hd_json hd_json_at(hd_json val, size_t idx) {
    hd_json out = {val.doc, NULL};
    if (hd_json_is_array(val) && idx < json_object_array_length(val.obj))
        out.obj = json_object_array_get_idx(val.obj, idx);
    return out;
}

hd_json_iter hd_json_begin(hd_json obj) {
    hd_json_iter iter = {0};
    iter.doc = obj.doc;
    if (hd_json_is_object(obj))
        iter.entry = json_object_get_object(obj.obj)->head;
    return iter;
}

int hd_json_next(hd_json_iter *iter) {
    const struct lh_entry *entry = iter->entry;
    if (!entry)
        return 0;
    iter->key = lh_entry_k(entry);
    iter->val.doc = iter->doc;
    iter->val.obj = lh_entry_v(entry);
    iter->entry = entry->next;
    return 1;
}

/* --- typed readers */

hd_err hd_json_str(const char **out, size_t *out_sz, hd_msg *msg, hd_json val) {
    /* Set in any case: callers that are inlined show gcc no way in which they are not. */
    *out = "";
    if (out_sz)
        *out_sz = 0;
    if (!hd_json_is_string(val))
        return hd_json_fail(msg, val, "a string is expected, not %s", kind_name(val));
    *out = json_object_get_string(val.obj);
    if (out_sz)
        *out_sz = (size_t)json_object_get_string_len(val.obj);
    return HD_OK;
}

hd_err hd_json_bool(uint32_t *out, hd_msg *msg, hd_json val) {
    if (!json_object_is_type(val.obj, json_type_boolean))
        return hd_json_fail(msg, val, "true or false is expected, not %s", kind_name(val));
    *out = json_object_get_boolean(val.obj) ? 1 : 0;
    return HD_OK;
}

hd_err hd_json_num(hd_hash *out, hd_msg *msg, hd_json val) {
    const char *text, *reason = NULL;
    size_t sz;
    if (json_object_is_type(val.obj, json_type_int)) {
        uint64_t x = json_object_get_uint64(val.obj);
        if (json_object_get_int64(val.obj) < 0)
            return hd_json_fail(msg, val, "a number that is not negative is expected");
        /* json-c gives its largest number for every larger one, too. */
        if (x == UINT64_MAX)
            return hd_json_fail(msg, val, "a number this large must be a string");
        memset(out, 0, sizeof *out);
        hd_store_be64(out->b + 24, x);
        return HD_OK;
    }
    if (!hd_json_is_string(val))
        return hd_json_fail(msg, val, "a number is expected, not %s", kind_name(val));
    hd_json_str(&text, &sz, msg, val);
    hd_err err;
    if (sz >= 2 && text[0] == '0' && text[1] == 'x')
        err = hd_hex_parse_num(out->b, sizeof out->b, &reason, text, sz);
    else
        err = hd_dec_parse_num(out->b, sizeof out->b, &reason, text, sz);
    if (err != HD_OK)
        return hd_json_fail(msg, val, "a number below 2^256 is expected: %s (\"%.80s\")", reason,
                            text);
    return HD_OK;
}

hd_err hd_json_u64(uint64_t *out, hd_msg *msg, hd_json val) {
    hd_hash word;
    hd_err err = hd_json_num(&word, msg, val);
    if (err != HD_OK)
        return err;
    for (size_t i = 0; i < 24; i++)
        if (word.b[i])
            return hd_json_fail(msg, val, "a number below 2^64 is expected");
    *out = hd_load_be64(word.b + 24);
    return HD_OK;
}

static hd_err read_exact(uint8_t *out, size_t out_sz, hd_msg *msg, hd_json val) {
    const char *text, *reason = NULL;
    size_t sz;
    hd_err err = hd_json_str(&text, &sz, msg, val);
    if (err != HD_OK)
        return err;
    if (hd_hex_decode_exact(out, out_sz, &reason, text, sz) != HD_OK)
        return hd_json_fail(msg, val, "0x and %zu hexadecimal digits are expected: %s (\"%.80s\")",
                            2 * out_sz, reason, text);
    return HD_OK;
}

hd_err hd_json_hash(hd_hash *out, hd_msg *msg, hd_json val) {
    return read_exact(out->b, sizeof out->b, msg, val);
}

hd_err hd_json_address(hd_address *out, hd_msg *msg, hd_json val) {
    return read_exact(out->b, sizeof out->b, msg, val);
}

hd_err hd_json_bytes(hd_buf *out, hd_msg *msg, hd_json val) {
    const char *text, *reason = NULL;
    size_t sz, got_sz = 0;
    hd_err err = hd_json_str(&text, &sz, msg, val);
    if (err != HD_OK)
        return err;
    err = hd_buf_reserve(out, sz / 2 + 1);
    if (err != HD_OK) {
        hd_json_fail(msg, val, "%s", hd_err_name(err));
        return err;
    }
    if (hd_hex_decode_0x(out->data + out->sz, out->cap - out->sz, &got_sz, &reason, text, sz) !=
        HD_OK)
        return hd_json_fail(msg, val, "0x and bytes in hexadecimal are expected: %s (\"%.80s\")",
                            reason, text);
    out->sz += got_sz;
    return HD_OK;
}

hd_err hd_json_key_address(hd_address *out, hd_msg *msg, hd_json place, const char *text,
                           size_t sz) {
    size_t out_sz = 0;
    const char *reason = NULL;
    if (sz >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
        sz -= 2;
    }
    if (sz != 2 * sizeof out->b ||
        hd_hex_decode(out->b, sizeof out->b, &out_sz, &reason, text, sz) != HD_OK)
        return hd_json_fail(msg, place,
                            "an address of 40 hexadecimal digits is expected, not "
                            "\"%.60s\"",
                            text);
    return HD_OK;
}

hd_err hd_json_key_num(hd_hash *out, hd_msg *msg, hd_json place, const char *key) {
    size_t sz = strlen(key);
    const char *reason = "no digit";
    int is_hex = sz > 2 && key[0] == '0' && (key[1] == 'x' || key[1] == 'X');
    hd_err err = is_hex ? hd_hex_parse_num(out->b, sizeof out->b, &reason, key, sz)
                        : hd_dec_parse_num(out->b, sizeof out->b, &reason, key, sz);
    return err == HD_OK ? HD_OK
                        : hd_json_fail(msg, place, "\"%.80s\" is no number: %s", key, reason);
}

hd_err hd_json_get_str(const char **out, size_t *out_sz, hd_msg *msg, hd_json obj,
                       const char *key) {
    hd_json val;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? hd_json_str(out, out_sz, msg, val) : err;
}

hd_err hd_json_get_u64(uint64_t *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? hd_json_u64(out, msg, val) : err;
}

hd_err hd_json_get_num(hd_hash *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? hd_json_num(out, msg, val) : err;
}

hd_err hd_json_get_hash(hd_hash *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? hd_json_hash(out, msg, val) : err;
}

hd_err hd_json_get_address(hd_address *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? hd_json_address(out, msg, val) : err;
}

hd_err hd_json_get_bytes(hd_buf *out, hd_msg *msg, hd_json obj, const char *key) {
    hd_json val;
    hd_err err = hd_json_get(&val, msg, obj, key);
    return err == HD_OK ? hd_json_bytes(out, msg, val) : err;
}
