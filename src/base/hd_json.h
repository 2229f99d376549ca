/* hd_json.h - reading JSON with messages that name the file, the place and what was expected. */
#ifndef HD_JSON_H
#define HD_JSON_H

#include "base/hd_buf.h"
#include "base/hd_msg.h"

#define HD_JSON_DEPTH_DEFAULT 64u
#define HD_JSON_DEPTH_MAX 4096u

typedef struct hd_json_doc hd_json_doc;

/* A value inside a document: a pair to pass by value, valid while the document is open. obj is
   json-c's object (NULL for null), for callers that need more than the getters. */
struct json_object;
typedef struct {
    const hd_json_doc *doc;
    struct json_object *obj;
} hd_json;

/* hd_json_load parses a file of at most sz_max bytes, hd_json_parse text of sz bytes which messages
   call name. One value, nothing but white space around it; values stand in at most depth_max (1 to
   HD_JSON_DEPTH_MAX) arrays and objects. *root is the top value. HD_ERR_FORMAT, HD_ERR_LIMIT,
   HD_ERR_ABSENT, HD_ERR_IO, HD_ERR_NOMEM; msg (may be NULL everywhere) then says what is wrong and
   where. A document may be read by several threads at a time. */
hd_err hd_json_load(hd_json_doc **out, hd_json *root, hd_msg *msg, const char *path,
                    uint64_t sz_max, uint32_t depth_max);
hd_err hd_json_parse(hd_json_doc **out, hd_json *root, hd_msg *msg, const char *name,
                     const char *text, size_t sz, uint32_t depth_max);
void hd_json_close(hd_json_doc *doc); /* NULL is allowed */

/* What kind of value it is. */
int hd_json_is_null(hd_json val);
int hd_json_is_object(hd_json val);
int hd_json_is_array(hd_json val);
int hd_json_is_string(hd_json val);

/* hd_json_find returns 1 and *out when val is an object with that member, not null; else 0. */
int hd_json_find(hd_json *out, hd_json val, const char *key);
/* hd_json_get is the same for a member that must be there: HD_ERR_FORMAT with a message. */
hd_err hd_json_get(hd_json *out, hd_msg *msg, hd_json val, const char *key);
/* Items of an array or members of an object; 0 for anything else. */
size_t hd_json_cnt(hd_json val);
/* hd_json_at returns item idx of an array; null when there is none. */
hd_json hd_json_at(hd_json val, size_t idx);

/* hd_json_text appends the value as JSON text without white space. HD_ERR_NOMEM. */
hd_err hd_json_text(hd_buf *out, hd_json val);

/* Members in the file's order:
   for (hd_json_iter it = hd_json_begin(obj); hd_json_next(&it);) use it.key, it.val. */
typedef struct {
    const char *key;
    hd_json val;
    const hd_json_doc *doc; /* private from here */
    const void *entry;
} hd_json_iter;
hd_json_iter hd_json_begin(hd_json obj);
int hd_json_next(hd_json_iter *iter);

/* Typed readers. HD_ERR_FORMAT with a message when val is something else; a string is then "". */
hd_err hd_json_str(const char **out, size_t *out_sz, hd_msg *msg,
                   hd_json val); /* out_sz may be NULL */
hd_err hd_json_bool(uint32_t *out, hd_msg *msg, hd_json val);
/* A number: "0x1f" (leading zeros allowed), "31", or 31. */
hd_err hd_json_u64(uint64_t *out, hd_msg *msg, hd_json val);
/* A number below 2^256 as a right-aligned big-endian word. */
hd_err hd_json_num(hd_hash *out, hd_msg *msg, hd_json val);
/* "0x" and exactly 64 or 40 digits. */
hd_err hd_json_hash(hd_hash *out, hd_msg *msg, hd_json val);
hd_err hd_json_address(hd_address *out, hd_msg *msg, hd_json val);
/* "0x" and any even number of digits, appended to out. */
hd_err hd_json_bytes(hd_buf *out, hd_msg *msg, hd_json val);

/* The same for a member that must be there. */
hd_err hd_json_get_str(const char **out, size_t *out_sz, hd_msg *msg, hd_json obj, const char *key);
hd_err hd_json_get_u64(uint64_t *out, hd_msg *msg, hd_json obj, const char *key);
hd_err hd_json_get_num(hd_hash *out, hd_msg *msg, hd_json obj, const char *key);
hd_err hd_json_get_hash(hd_hash *out, hd_msg *msg, hd_json obj, const char *key);
hd_err hd_json_get_address(hd_address *out, hd_msg *msg, hd_json obj, const char *key);
hd_err hd_json_get_bytes(hd_buf *out, hd_msg *msg, hd_json obj, const char *key);

/* Keys of objects, and texts that are read as leniently; place is where messages say it stands.
   An address may lack its "0x"; a number is decimal, or hexadecimal with "0x" or "0X". */
hd_err hd_json_key_address(hd_address *out, hd_msg *msg, hd_json place, const char *text,
                           size_t sz);
hd_err hd_json_key_num(hd_hash *out, hd_msg *msg, hd_json place, const char *key);

/* hd_json_fail writes "FILE: PLACE: TEXT" for a caller's own check of val, and returns
   HD_ERR_FORMAT, so that `return hd_json_fail(msg, val, "more than %u forks", max);` reads well. */
hd_err hd_json_fail(hd_msg *msg, hd_json val, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
