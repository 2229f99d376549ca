/* hd_store_nodes.h - what joins the forest of tries (hd_forest_host.h) and the store: nodes out of
   the one into the other. */
#ifndef HD_STORE_NODES_H
#define HD_STORE_NODES_H

#include "state/hd_forest_host.h"
#include "state/hd_store.h"

/* hd_store_nodes_source makes *out read nodes as the store has them committed at the time of each
   read; *msg, which must live as long, then says why one failed. HD_ERR_ABSENT: the store holds no
   trie with that root (none was written yet). Other errors of the store. */
typedef struct {
    hd_store *store;
    hd_msg *msg;
} hd_store_nodes;
hd_err hd_store_nodes_source(hd_forest_source *out, hd_store_nodes *nodes, const hd_hash *root);

/* hd_store_put_nodes writes what the last change of the forest changed: the tries in the store must
   be those before it. Errors of hd_forest_each_change. */
hd_err hd_store_put_nodes(hd_store_batch *b, hd_forest_host *forest);

#endif
