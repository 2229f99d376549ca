/* hd_store_nodes.c - trie nodes between the forest and the store. */
#include "state/hd_store_nodes.h"

#include <string.h>

#include "crypto/hd_keccak.h"
#include "state/hd_trie.h"

static const hd_hash no_owner; /* of the account trie */

static hd_err read_node(void *ctx, hd_buf *out, const hd_hash *owner, const uint8_t *path,
                        size_t path_cnt) {
    const hd_store_nodes *x = (const hd_store_nodes *)ctx;
    hd_store_read *r;
    hd_span rlp;
    hd_err err = hd_store_read_begin(&r, x->msg, x->store);
    if (err != HD_OK)
        return err;
    err = hd_store_get_node(&rlp, x->msg, r, owner ? owner : &no_owner, path, path_cnt);
    if (err == HD_OK)
        err = hd_buf_append(out, rlp.data, rlp.sz);
    hd_store_read_end(r);
    return err;
}

hd_err hd_store_nodes_source(hd_forest_source *out, hd_store_nodes *nodes, const hd_hash *root) {
    hd_hash hash;
    hd_buf node;
    hd_buf_init(&node);
    out->read = read_node;
    out->ctx = nodes;
    out->root = *root;
    hd_trie_empty_root(&hash);
    if (memcmp(&hash, root, sizeof hash) == 0)
        return HD_ERR_ABSENT;
    hd_err err = read_node(nodes, &node, NULL, NULL, 0);
    if (err == HD_OK) {
        hd_keccak256(hash.b, node.data, node.sz);
        if (memcmp(&hash, root, sizeof hash) != 0)
            err = HD_ERR_ABSENT;
    }
    hd_buf_free(&node);
    return err;
}

static hd_err put_change(void *ctx, const hd_hash *owner, const uint8_t *path, size_t path_cnt,
                         hd_span node) {
    hd_store_batch *b = (hd_store_batch *)ctx;
    if (path_cnt == HD_FOREST_ALL)
        hd_store_delete_nodes(b, owner ? owner : &no_owner);
    else
        hd_store_put_node(b, owner ? owner : &no_owner, path, path_cnt, node);
    return HD_OK;
}

hd_err hd_store_put_nodes(hd_store_batch *b, hd_forest_host *forest) {
    return hd_forest_each_change(forest, put_change, b);
}
