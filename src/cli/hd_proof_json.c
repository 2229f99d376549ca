/* hd_proof_json.c - proofs in the JSON of eth_getProof. */
#include "cli/hd_proof_json.h"

#include <stdio.h>
#include <string.h>

#include "base/hd_hex.h"
#include "crypto/hd_keccak.h"

#define NUM_TEXT_SZ (2 * 32 + 3)

static hd_hash key_of_address(const hd_address *addr) {
    hd_hash key;
    hd_keccak256(key.b, addr->b, sizeof addr->b);
    return key;
}

static hd_hash key_of_slot(hd_u256 slot) {
    hd_hash key;
    uint8_t be[32];
    hd_u256_store_be(be, slot);
    hd_keccak256(key.b, be, sizeof be);
    return key;
}

/* ---- writing ---- */

static void put_hex(hd_buf *out, const char *name, const void *data, size_t sz) {
    hd_buf_printf(out, "\"%s\":\"0x", name);
    hd_buf_append_hex(out, data, sz);
    hd_buf_append_byte(out, '"');
}

static void put_num(hd_buf *out, const char *name, hd_u256 x) {
    uint8_t be[32];
    char text[NUM_TEXT_SZ];
    hd_u256_store_be(be, x);
    hd_hex_write_num(text, sizeof text, be, sizeof be);
    hd_buf_printf(out, "\"%s\":\"%s\"", name, text);
}

/* "name":["0x...",...], the nodes towards key. */
static hd_err put_nodes(hd_buf *out, const char *name, hd_forest_host *forest,
                        const hd_hash *account_key, const hd_hash *key) {
    size_t sizes[HD_FOREST_PROOF_MAX], cnt = 0;
    hd_buf nodes;
    hd_buf_init(&nodes);
    hd_err err = hd_forest_prove(&nodes, sizes, &cnt, forest, account_key, key);
    hd_buf_printf(out, "\"%s\":[", name);
    for (size_t i = 0, off = 0; err == HD_OK && i < cnt; off += sizes[i++]) {
        hd_buf_append_str(out, i ? ",\"0x" : "\"0x");
        hd_buf_append_hex(out, nodes.data + off, sizes[i]);
        hd_buf_append_byte(out, '"');
    }
    hd_buf_append_byte(out, ']');
    hd_buf_free(&nodes);
    return err;
}

static hd_err put_slot(hd_buf *out, hd_forest_host *forest, const hd_hash *account_key,
                       const hd_proof_slot *slot) {
    hd_hash key = key_of_slot(slot->key);
    hd_u256 value = hd_u256_zero();
    uint8_t be[32];
    hd_err err = hd_forest_get_slot(&value, forest, account_key, &key);
    if (err != HD_OK && err != HD_ERR_ABSENT)
        return err;
    hd_buf_append_byte(out, '{');
    hd_u256_store_be(be, slot->key);
    if (slot->is_word)
        put_hex(out, "key", be, sizeof be);
    else
        put_num(out, "key", slot->key);
    hd_buf_append_byte(out, ',');
    put_num(out, "value", err == HD_OK ? value : hd_u256_zero());
    hd_buf_append_byte(out, ',');
    err = put_nodes(out, "proof", forest, account_key, &key);
    hd_buf_append_byte(out, '}');
    return err;
}

/* What reads as an absent account. */
static hd_forest_account no_account(void) {
    hd_forest_account a;
    memset(&a, 0, sizeof a);
    hd_keccak256(a.code_hash.b, NULL, 0);
    hd_trie_empty_root(&a.storage_root);
    return a;
}

hd_err hd_proof_json_write(hd_buf *out, hd_forest_host *forest, const hd_address *addr,
                           const hd_proof_slot *slots, size_t slot_cnt) {
    hd_hash key = key_of_address(addr);
    hd_forest_account a;
    hd_err err = hd_forest_get_account(&a, forest, &key);
    if (err == HD_ERR_ABSENT)
        a = no_account();
    else if (err != HD_OK)
        return err;
    hd_buf_append_byte(out, '{');
    put_hex(out, "address", addr->b, sizeof addr->b);
    hd_buf_append_byte(out, ',');
    err = put_nodes(out, "accountProof", forest, NULL, &key);
    hd_buf_append_byte(out, ',');
    put_num(out, "balance", a.balance_wei);
    hd_buf_append_byte(out, ',');
    put_hex(out, "codeHash", a.code_hash.b, sizeof a.code_hash.b);
    hd_buf_append_byte(out, ',');
    put_num(out, "nonce", hd_u256_from_u64(a.nonce));
    hd_buf_append_byte(out, ',');
    put_hex(out, "storageHash", a.storage_root.b, sizeof a.storage_root.b);
    hd_buf_append_str(out, ",\"storageProof\":[");
    for (size_t i = 0; err == HD_OK && i < slot_cnt; i++) {
        if (i)
            hd_buf_append_byte(out, ',');
        err = put_slot(out, forest, &key, &slots[i]);
    }
    hd_buf_append_str(out, "]}");
    return err == HD_OK ? out->err : err;
}

/* ---- checking ---- */

typedef struct {
    hd_buf *text;
    size_t wrong_cnt;
    hd_msg *msg;
    hd_buf bytes; /* of the nodes being read */
    hd_span nodes[HD_PROOF_NODES_MAX];
    size_t node_cnt;
    hd_hash storage_root;     /* by the account's proof */
    uint32_t is_root_unknown; /* which proves nothing */
} checker;

static hd_err read_nodes(checker *c, hd_json list) {
    size_t ends[HD_PROOF_NODES_MAX], cnt = hd_json_cnt(list);
    if (!hd_json_is_array(list))
        return hd_json_fail(c->msg, list, "an array of nodes is expected");
    if (cnt > HD_PROOF_NODES_MAX) {
        hd_json_fail(c->msg, list, "%zu nodes: no proof has more than %u", cnt, HD_PROOF_NODES_MAX);
        return HD_ERR_LIMIT;
    }
    hd_buf_clear(&c->bytes);
    for (size_t i = 0; i < cnt; i++) {
        hd_json node = hd_json_at(list, i);
        size_t begin = c->bytes.sz;
        hd_err err = hd_json_bytes(&c->bytes, c->msg, node);
        if (err != HD_OK)
            return err;
        if (c->bytes.sz - begin > HD_PROOF_NODE_SZ_MAX) {
            hd_json_fail(c->msg, node, "a node of %zu bytes: none has more than %u",
                         c->bytes.sz - begin, HD_PROOF_NODE_SZ_MAX);
            return HD_ERR_LIMIT;
        }
        ends[i] = c->bytes.sz;
    }
    for (size_t i = 0; i < cnt; i++) { /* the buffer moves no more */
        size_t begin = i ? ends[i - 1] : 0;
        c->nodes[i].data = c->bytes.data + begin;
        c->nodes[i].sz = ends[i] - begin;
    }
    c->node_cnt = cnt;
    return HD_OK;
}

static void wrong(checker *c) { c->wrong_cnt++; }

static void say_num(checker *c, const char *what, const hd_hash *claimed, hd_u256 proven) {
    uint8_t be[32];
    char has[NUM_TEXT_SZ], says[NUM_TEXT_SZ];
    hd_u256_store_be(be, proven);
    hd_hex_write_num(has, sizeof has, be, sizeof be);
    if (memcmp(be, claimed->b, sizeof be) == 0)
        return;
    hd_hex_write_num(says, sizeof says, claimed->b, sizeof claimed->b);
    hd_buf_printf(c->text, "wrong: %s is %s by its proof, not %s\n", what, has, says);
    wrong(c);
}

static void say_hash(checker *c, const char *what, const hd_hash *claimed, const hd_hash *proven,
                     int is_absent) {
    static const hd_hash zero;
    /* Some servers answer with zeros for an account that is not there. */
    if (memcmp(claimed, proven, sizeof *claimed) == 0 ||
        (is_absent && memcmp(claimed, &zero, sizeof zero) == 0))
        return;
    hd_buf_printf(c->text, "wrong: %s is 0x", what);
    hd_buf_append_hex(c->text, proven->b, sizeof proven->b);
    hd_buf_append_str(c->text, " by its proof, not 0x");
    hd_buf_append_hex(c->text, claimed->b, sizeof claimed->b);
    hd_buf_append_byte(c->text, '\n');
    wrong(c);
}

static hd_err check_account(checker *c, hd_json obj, const hd_hash *root) {
    hd_address addr;
    hd_hash balance, nonce, code_hash, storage_hash;
    hd_json list;
    hd_forest_account a;
    const char *reason = "";
    hd_err err = hd_json_get_address(&addr, c->msg, obj, "address");
    if (err == HD_OK)
        err = hd_json_get(&list, c->msg, obj, "accountProof");
    if (err == HD_OK)
        err = hd_json_get_num(&balance, c->msg, obj, "balance");
    if (err == HD_OK)
        err = hd_json_get_num(&nonce, c->msg, obj, "nonce");
    if (err == HD_OK)
        err = hd_json_get_hash(&code_hash, c->msg, obj, "codeHash");
    if (err == HD_OK)
        err = hd_json_get_hash(&storage_hash, c->msg, obj, "storageHash");
    if (err == HD_OK)
        err = read_nodes(c, list);
    if (err != HD_OK)
        return err;
    uint32_t result = hd_proof_verify_account(&a, &reason, root, &addr, c->nodes, c->node_cnt);
    size_t wrong_before = c->wrong_cnt;
    int is_absent = result == HD_PROOF_ABSENT;
    if (result == HD_PROOF_WRONG) {
        hd_buf_printf(c->text, "wrong: accountProof: %s\n", reason);
        wrong(c);
        c->is_root_unknown = 1;
        return HD_OK;
    }
    say_num(c, "balance", &balance, a.balance_wei);
    say_num(c, "nonce", &nonce, hd_u256_from_u64(a.nonce));
    say_hash(c, "codeHash", &code_hash, &a.code_hash, is_absent);
    say_hash(c, "storageHash", &storage_hash, &a.storage_root, is_absent);
    c->storage_root = a.storage_root;
    if (c->wrong_cnt == wrong_before) {
        hd_buf_append_str(c->text, "ok: account 0x");
        hd_buf_append_hex(c->text, addr.b, sizeof addr.b);
        hd_buf_append_str(c->text, is_absent ? " is not there\n" : " is as it says\n");
    }
    return HD_OK;
}

static hd_err check_slot(checker *c, hd_json obj) {
    hd_hash key, value;
    hd_json list;
    hd_u256 proven;
    char key_text[NUM_TEXT_SZ], what[NUM_TEXT_SZ + 8];
    const char *reason = "";
    hd_err err = hd_json_get_num(&key, c->msg, obj, "key");
    if (err == HD_OK)
        err = hd_json_get_num(&value, c->msg, obj, "value");
    if (err == HD_OK)
        err = hd_json_get(&list, c->msg, obj, "proof");
    if (err == HD_OK)
        err = read_nodes(c, list);
    if (err != HD_OK)
        return err;
    hd_hex_write_num(key_text, sizeof key_text, key.b, sizeof key.b);
    if (c->is_root_unknown) {
        hd_buf_printf(c->text, "wrong: slot %s hangs on the account's proof\n", key_text);
        wrong(c);
        return HD_OK;
    }
    uint32_t result = hd_proof_verify_slot(&proven, &reason, &c->storage_root,
                                           hd_u256_load_be(key.b), c->nodes, c->node_cnt);
    if (result == HD_PROOF_WRONG) {
        hd_buf_printf(c->text, "wrong: proof of slot %s: %s\n", key_text, reason);
        wrong(c);
        return HD_OK;
    }
    size_t wrong_before = c->wrong_cnt;
    snprintf(what, sizeof what, "slot %s", key_text);
    say_num(c, what, &value, proven);
    if (c->wrong_cnt == wrong_before)
        hd_buf_printf(c->text, "ok: slot %s is as it says\n", key_text);
    return HD_OK;
}

hd_err hd_proof_json_check(hd_buf *text, size_t *wrong_cnt, hd_msg *msg, hd_json answer,
                           const hd_hash *root) {
    checker c;
    hd_json obj = answer, list;
    memset(&c, 0, sizeof c);
    c.text = text;
    c.msg = msg;
    *wrong_cnt = 0;
    hd_json_find(&obj, answer, "result");
    hd_err err = hd_json_get(&list, msg, obj, "storageProof");
    if (err == HD_OK && !hd_json_is_array(list))
        err = hd_json_fail(msg, list, "an array of storage proofs is expected");
    if (err == HD_OK && hd_json_cnt(list) > HD_PROOF_SLOTS_MAX) {
        hd_json_fail(msg, list, "more than %u storage proofs", HD_PROOF_SLOTS_MAX);
        err = HD_ERR_LIMIT;
    }
    if (err == HD_OK)
        err = check_account(&c, obj, root);
    for (size_t i = 0; err == HD_OK && i < hd_json_cnt(list); i++)
        err = check_slot(&c, hd_json_at(list, i));
    *wrong_cnt = c.wrong_cnt;
    hd_buf_free(&c.bytes);
    return err == HD_OK ? text->err : err;
}
