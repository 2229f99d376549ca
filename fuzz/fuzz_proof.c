/* fuzz_proof.c - proofs from strangers in the JSON of eth_getProof: refused with a message, or each
   claim judged; what holds under one root holds under no other. */
#include "fuzz.h"

#include "cli/hd_proof_json.h"
#include "crypto/hd_keccak.h"

/* The root that the first node fits, so that what follows is looked at; else zeros. */
static hd_hash find_root(hd_json answer) {
    hd_json obj = answer, list;
    hd_hash root = {{0}};
    hd_buf node = {0};
    hd_json_find(&obj, answer, "result");
    if (hd_json_find(&list, obj, "accountProof") &&
        hd_json_bytes(&node, NULL, hd_json_at(list, 0)) == HD_OK)
        hd_keccak256(root.b, node.data, node.sz);
    hd_buf_free(&node);
    return root;
}

void hd_fuzz_proof(const uint8_t *data, size_t sz) {
    hd_json_doc *doc;
    hd_json answer;
    hd_msg msg = {""};
    hd_buf text = {0}, again = {0};
    size_t wrong_cnt = 0, wrong_again = 0;
    char *copy = (char *)hd_fuzz_copy(data, sz);
    hd_err err = hd_json_parse(&doc, &answer, &msg, "input", copy, sz, HD_PROOF_JSON_DEPTH_MAX);
    free(copy);
    if (err != HD_OK) {
        HD_FUZZ_CHECK(msg.text[0]);
        return;
    }
    hd_hash root = find_root(answer);
    err = hd_proof_json_check(&text, &wrong_cnt, &msg, answer, &root);
    HD_FUZZ_CHECK(err == HD_OK || err == HD_ERR_FORMAT || err == HD_ERR_LIMIT);
    HD_FUZZ_CHECK(err == HD_OK ? text.sz > 0 : msg.text[0] != 0);
    if (err == HD_OK) {
        /* The empty trie proves that nothing is there, without nodes: it has a root of its own. */
        root.b[data[sz / 2] % 32] ^= (uint8_t)(1u << data[sz / 2] % 8);
        HD_FUZZ_CHECK(hd_proof_json_check(&again, &wrong_again, &msg, answer, &root) == HD_OK);
        HD_FUZZ_CHECK(wrong_again > 0 && wrong_again >= (wrong_cnt > 0));
    }
    hd_buf_free(&text);
    hd_buf_free(&again);
    hd_json_close(doc);
}
