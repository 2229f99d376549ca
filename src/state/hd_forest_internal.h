/* hd_forest_internal.h - the inside of hd_forest_host, for the files of this room that share it. */
#ifndef HD_FOREST_INTERNAL_H
#define HD_FOREST_INTERNAL_H

#include "state/hd_forest_host.h"
#include "state/hd_forest_node.h"

struct hd_forest_host {
    hd_forest f;
    hd_forest_counters n;
    hd_pool *pool;
    hd_forest_source source;
    uint32_t *at2;
    hd_forest_key *wiped; /* keys of accounts whose storage the last batch wiped or deleted */
    hd_buf node;          /* one that was just read */
    size_t wiped_cnt;
    uint32_t cap[HD_FOREST_SLABS];
    uint32_t list_cap[HD_FOREST_LISTS];
    uint32_t gone_cap, need_cap, at_cap, at2_cap, wiped_cap;
    uint32_t spare[HD_FOREST_SLABS]; /* room that the running batch may still need */
    int is_stored;                   /* there is a source */
    int is_kept;                     /* gone is recorded */
    int was_kept;                    /* for the last batch */
    int is_broken;
};

/* Room for cnt more records of a slab, above what is spared. HD_ERR_NOMEM, HD_ERR_LIMIT. */
hd_err hd_forest_room(hd_forest_host *h, uint32_t slab, uint64_t cnt);
/* Reads all nodes in needs[0, need_cnt) into the forest and empties the list, also after an error;
   hd_forest_drop_needs empties it without reading. */
hd_err hd_forest_read_needs(hd_forest_host *h);
void hd_forest_drop_needs(hd_forest_host *h);
/* hd_forest_find with the reading that it needs: *leaf is 0 where there is none. */
hd_err hd_forest_find_read(uint32_t *leaf, hd_forest_host *h, uint32_t trie,
                           const hd_forest_key *key);

/* The lanes hd_forest_hash_leaf or hd_forest_hash_branch for list[0,cnt), eight hashes at a time
   where the processor can. */
void hd_forest_hash_leaves(const hd_forest *f, const uint32_t *list, size_t cnt);
void hd_forest_hash_branches(const hd_forest *f, const uint32_t *list, size_t cnt);

#endif
