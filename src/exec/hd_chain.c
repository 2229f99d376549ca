/* hd_chain.c - import, fork choice and reorganisation of blocks. */
#include "exec/hd_chain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct hd_chain {
    hd_chain_options o;
    hd_chain_entry head; /* the canonical branch's last block */
    hd_chain_entry tip;  /* where the state stands; equal to head between imports */
    /* Hashes of tip and the blocks before it, by number modulo their count. */
    hd_hash hashes[HD_CHAIN_BLOCKHASH_CNT];
    uint64_t hash_number_min; /* numbers from here to tip's are in hashes */
    hd_block block;           /* being imported */
    hd_block redone;          /* of a branch that the state is taken along */
    hd_block_result result;
    hd_undo undo;
    hd_buf rlp;
    hd_state_trie *trie; /* of the state, from its first block on */
};

static int is_same(const hd_hash *a, const hd_hash *b) { return memcmp(a, b, sizeof *a) == 0; }

/* ---- life ---- */

hd_err hd_chain_open(hd_chain **out, const hd_chain_options *options) {
    hd_chain *c = calloc(1, sizeof *c);
    *out = c;
    if (!c)
        return HD_ERR_NOMEM;
    c->o = *options;
    return HD_OK;
}

void hd_chain_close(hd_chain *c) {
    if (!c)
        return;
    hd_block_free(&c->block);
    hd_block_free(&c->redone);
    hd_block_result_free(&c->result);
    hd_undo_free(&c->undo);
    hd_buf_free(&c->rlp);
    hd_state_trie_close(c->trie);
    free(c);
}

const hd_chain_entry *hd_chain_head(const hd_chain *c) { return &c->head; }
const hd_block *hd_chain_last_block(const hd_chain *c) { return &c->block; }
const hd_block_result *hd_chain_last_result(const hd_chain *c) { return &c->result; }

hd_err hd_chain_root(hd_hash *root, hd_chain *c) {
    return c->trie ? hd_state_trie_root(root, c->trie, c->o.state) : HD_ERR_ABSENT;
}

/* The tries of the state as it stands: all of it once, later what blocks touch. The store is told
   of their nodes from here on if it does not have them. */
static hd_err open_trie(hd_hash *root, hd_chain *c, int is_stored) {
    const hd_chain_store *store = c->o.store;
    hd_state_trie_close(c->trie);
    hd_err err = hd_state_trie_open(&c->trie, c->o.exec.pool, NULL);
    if (err == HD_OK && !is_stored)
        hd_state_trie_watch(c->trie, store->node, store->ctx);
    if (err == HD_OK)
        err = hd_state_trie_touch_all(c->trie, c->o.state);
    if (err == HD_OK)
        err = hd_state_trie_root(root, c->trie, c->o.state);
    if (err == HD_OK)
        hd_state_trie_watch(c->trie, store->node, store->ctx);
    return err;
}

/* Ends what belongs together. The tries may still be where the state was: a branch that lost or an
   invalid block was touched, and no root asked for since. */
static hd_err commit(hd_chain *c) {
    const hd_chain_store *store = c->o.store;
    hd_hash root;
    if (!store->commit)
        return HD_OK;
    hd_err err = store->node ? hd_state_trie_root(&root, c->trie, c->o.state) : HD_OK;
    if (err == HD_OK && store->node && !is_same(&root, &c->head.header.state_root))
        err = HD_ERR_CORRUPT;
    return err == HD_OK ? store->commit(store->ctx, &c->head) : err;
}

/* ---- BLOCKHASH ---- */

static hd_hash *hash_place(hd_chain *c, uint64_t number) {
    return &c->hashes[number % HD_CHAIN_BLOCKHASH_CNT];
}

/* Called by workers while a child of tip runs: reads only what does not change meanwhile. */
static hd_err get_blockhash(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number) {
    hd_chain *c = ctx;
    (void)world_idx;
    if (number > c->tip.header.number || number < c->hash_number_min)
        return HD_ERR_ABSENT;
    *out = *hash_place(c, number);
    return HD_OK;
}

/* Fills the hashes of tip and what lies before it. */
static hd_err find_hashes(hd_chain *c) {
    hd_chain_entry e = c->tip;
    for (uint32_t i = 0;; i++) {
        *hash_place(c, e.header.number) = e.hash;
        c->hash_number_min = e.header.number;
        if (i + 1 == HD_CHAIN_BLOCKHASH_CNT || e.header.number == 0)
            return HD_OK;
        uint64_t number = e.header.number;
        hd_hash parent = e.header.parent_hash;
        hd_err err = c->o.store->get_entry(c->o.store->ctx, &e, &parent);
        if (err == HD_ERR_ABSENT)
            return HD_OK; /* a store that begins later: older hashes are asked for and missed */
        if (err != HD_OK)
            return err;
        if (e.header.number + 1 != number)
            return HD_ERR_CORRUPT;
    }
}

static void tip_forward(hd_chain *c, const hd_chain_entry *entry) {
    uint64_t number = entry->header.number;
    c->tip = *entry;
    *hash_place(c, number) = entry->hash;
    if (number - c->hash_number_min >= HD_CHAIN_BLOCKHASH_CNT)
        c->hash_number_min = number - HD_CHAIN_BLOCKHASH_CNT + 1;
}

/* ---- rules ---- */

/* Rules of a block that stands in the store. */
static hd_err rules_of(hd_chain_rules *out, hd_msg *msg, const hd_chain *c,
                       const hd_chain_entry *e) {
    hd_chain_place place = {.number = e->header.number, .timestamp = e->header.timestamp};
    place.parent_difficulty = hd_u256_sub(e->total_difficulty, e->header.difficulty);
    if (place.number == 0)
        place.parent_difficulty = hd_u256_zero();
    return hd_chain_rules_at(out, msg, c->o.config, &place);
}

static hd_err rules_after(hd_chain_rules *out, hd_msg *msg, const hd_chain *c,
                          const hd_chain_entry *parent, uint64_t timestamp) {
    hd_chain_place place = {.number = parent->header.number + 1,
                            .timestamp = timestamp,
                            .parent_difficulty = parent->total_difficulty};
    return hd_chain_rules_at(out, msg, c->o.config, &place);
}

/* ---- moving the state ---- */

static hd_err run_block(hd_chain *c, hd_block_verdict *verdict, hd_block *b,
                        const hd_chain_rules *rules) {
    hd_block_exec_options exec = c->o.exec;
    exec.blockhash = get_blockhash;
    exec.blockhash_ctx = c;
    exec.trie = c->trie;
    hd_undo_clear(&c->undo);
    hd_err err = hd_block_recover(verdict, b, rules, exec.pool);
    if (err != HD_OK || verdict->status != HD_BLOCK_VALID)
        return err;
    return hd_block_exec(&c->result, verdict, c->o.state, &c->undo, b, rules, &exec);
}

/* Takes the state from tip to its parent. */
static hd_err step_back(hd_chain *c) {
    const hd_chain_store *store = c->o.store;
    hd_hash parent = c->tip.header.parent_hash;
    hd_undo_clear(&c->undo);
    hd_err err = store->get_undo(store->ctx, &c->undo, &c->tip.hash);
    if (err == HD_OK)
        err = hd_undo_apply(c->o.state, &c->undo);
    if (err == HD_OK)
        err = hd_state_trie_touch_undo(c->trie, &c->undo);
    if (err == HD_OK)
        err = store->pop(store->ctx, &c->tip);
    if (err == HD_OK)
        err = store->get_entry(store->ctx, &c->tip, &parent);
    return err;
}

/* Takes the state from tip to its child, which was valid once. */
static hd_err step_forward(hd_chain *c, const hd_chain_entry *child) {
    const hd_chain_store *store = c->o.store;
    hd_block_verdict verdict = {.status = HD_BLOCK_VALID};
    hd_chain_rules rules;
    hd_buf_clear(&c->rlp);
    hd_err err = store->get_block(store->ctx, &c->rlp, &child->hash);
    if (err == HD_OK)
        err = hd_block_decode(&c->redone, NULL, hd_buf_span(&c->rlp));
    if (err == HD_ERR_FORMAT)
        err = HD_ERR_CORRUPT;
    if (err == HD_OK)
        err = rules_after(&rules, NULL, c, &c->tip, child->header.timestamp);
    if (err == HD_OK)
        err = run_block(c, &verdict, &c->redone, &rules);
    if (err == HD_OK && verdict.status != HD_BLOCK_VALID)
        err = HD_ERR_CORRUPT;
    if (err == HD_OK)
        err = store->push(store->ctx, child, &c->undo, &c->redone, &c->result);
    if (err == HD_OK)
        tip_forward(c, child);
    return err;
}

/* Takes the state to any block of the store: back to the common ancestor, then along the other
   branch. */
static hd_err move_to(hd_chain *c, const hd_chain_entry *target) {
    const hd_chain_store *store = c->o.store;
    hd_buf path = {0}; /* of hd_hash: target and what lies between it and the ancestor */
    hd_chain_entry e = *target;
    hd_err err = HD_OK;
    int is_moved_back = 0;
    while (err == HD_OK && !is_same(&e.hash, &c->tip.hash)) {
        if (e.header.number > c->tip.header.number) {
            hd_hash parent = e.header.parent_hash;
            err = hd_buf_append(&path, &e.hash, sizeof e.hash);
            if (err == HD_OK)
                err = store->get_entry(store->ctx, &e, &parent);
        } else if (c->tip.header.number == 0) {
            err = HD_ERR_CORRUPT; /* another genesis block */
        } else {
            err = step_back(c);
            is_moved_back = 1;
        }
    }
    if (err == HD_OK && is_moved_back)
        err = find_hashes(c);
    const hd_hash *hashes = (const hd_hash *)(const void *)path.data;
    for (size_t i = path.sz / sizeof *hashes; err == HD_OK && i-- > 0;) {
        err = store->get_entry(store->ctx, &e, &hashes[i]);
        if (err == HD_OK)
            err = step_forward(c, &e);
    }
    hd_buf_free(&path);
    return err == HD_ERR_ABSENT ? HD_ERR_CORRUPT : err;
}

/* ---- judging ---- */

/* The block's ommers among its ancestors. */
static hd_err judge_ommers(hd_chain *c, hd_block_verdict *verdict, const hd_chain_entry *parent) {
    enum { CNT = HD_OMMER_DEPTH_MAX + 1 };
    hd_ancestor ancestors[CNT];
    hd_chain_rules rules[CNT];
    uint32_t cnt = 0;
    hd_err err = HD_OK;
    if (c->block.ommer_cnt == 0)
        return HD_OK;
    hd_chain_entry *entries = malloc(CNT * sizeof *entries);
    if (!entries)
        return HD_ERR_NOMEM;
    while (err == HD_OK && cnt < CNT) {
        hd_chain_entry *e = &entries[cnt];
        if (cnt == 0) {
            *e = *parent;
        } else if (entries[cnt - 1].header.number == 0) {
            break;
        } else {
            err = c->o.store->get_entry(c->o.store->ctx, e, &entries[cnt - 1].header.parent_hash);
            if (err == HD_ERR_ABSENT) {
                err = HD_OK;
                break;
            }
        }
        if (err == HD_OK)
            err = rules_of(&rules[cnt], &verdict->msg, c, e);
        ancestors[cnt] = (hd_ancestor){.header = &e->header,
                                       .hash = &e->hash,
                                       .ommer_hashes = e->ommer_hashes,
                                       .rules = &rules[cnt],
                                       .ommer_cnt = e->ommer_cnt};
        cnt++;
    }
    if (err == HD_OK)
        err = hd_ommers_check(verdict, &c->block, ancestors, cnt);
    free(entries);
    return err;
}

/* Everything that can be said without executing. */
static hd_err judge(hd_chain *c, hd_block_verdict *verdict, hd_chain_rules *rules,
                    const hd_chain_entry *parent) {
    hd_chain_rules parent_rules;
    hd_err err = rules_of(&parent_rules, &verdict->msg, c, parent);
    if (err == HD_OK)
        err = rules_after(rules, &verdict->msg, c, parent, c->block.header.timestamp);
    if (err != HD_OK)
        return err;
    if (hd_header_check(verdict, &c->block.header, &parent->header, rules, &parent_rules) !=
        HD_BLOCK_VALID)
        return HD_OK;
    err = hd_body_check(verdict, &c->block, rules);
    if (err == HD_OK && verdict->status == HD_BLOCK_VALID)
        err = judge_ommers(c, verdict, parent);
    return err;
}

static hd_err make_entry(hd_chain_entry *out, const hd_block *b, hd_u256 parent_difficulty) {
    hd_err err = HD_OK;
    memset(out, 0, sizeof *out);
    out->header = b->header;
    out->hash = b->hash;
    out->total_difficulty = hd_u256_add(parent_difficulty, b->header.difficulty);
    out->ommer_cnt = HD_MIN(b->ommer_cnt, HD_OMMER_CNT_MAX);
    for (uint32_t i = 0; err == HD_OK && i < out->ommer_cnt; i++)
        err = hd_header_hash(&out->ommer_hashes[i], &hd_block_ommers(b)[i]);
    return err;
}

static int becomes_head(const hd_chain *c, const hd_chain_entry *e, const hd_chain_rules *rules) {
    if (rules->flags & HD_RULES_MERGED)
        return 1;
    hd_chain_rules head_rules;
    if (rules_of(&head_rules, NULL, c, &c->head) == HD_OK && head_rules.flags & HD_RULES_MERGED)
        return 0; /* proof of work ended: its branches no longer count */
    return hd_u256_lt(c->head.total_difficulty, e->total_difficulty);
}

/* ---- import ---- */

static hd_err accept(hd_chain *c, const hd_chain_entry *parent, const hd_chain_rules *rules,
                     hd_span rlp) {
    const hd_chain_store *store = c->o.store;
    hd_chain_entry e;
    hd_err err = make_entry(&e, &c->block, parent->total_difficulty);
    if (err == HD_OK)
        err = store->put_block(store->ctx, &e, rlp);
    if (err == HD_OK)
        err = store->push(store->ctx, &e, &c->undo, &c->block, &c->result);
    if (err != HD_OK)
        return err;
    tip_forward(c, &e);
    if (becomes_head(c, &e, rules))
        c->head = e;
    return HD_OK;
}

hd_err hd_chain_import(hd_chain *c, hd_block_verdict *verdict, hd_span rlp) {
    const hd_chain_store *store = c->o.store;
    hd_chain_entry parent;
    hd_chain_rules rules;
    memset(verdict, 0, sizeof *verdict);
    hd_err err = hd_block_decode(&c->block, &verdict->msg, rlp);
    if (err == HD_ERR_FORMAT || err == HD_ERR_LIMIT) {
        hd_msg why = verdict->msg;
        hd_block_refuse(verdict, HD_BLOCK_INVALID_RLP, "%.400s", why.text);
        return HD_OK;
    }
    if (err != HD_OK)
        return err;
    err = store->get_entry(store->ctx, &parent, &c->block.hash);
    if (err != HD_ERR_ABSENT)
        return err; /* HD_OK: it is known */
    err = store->get_entry(store->ctx, &parent, &c->block.header.parent_hash);
    if (err == HD_ERR_ABSENT) {
        hd_block_refuse(verdict, HD_BLOCK_INVALID_PARENT, "%s", "");
        return HD_OK;
    }
    if (err == HD_OK)
        err = judge(c, verdict, &rules, &parent);
    if (err != HD_OK || verdict->status != HD_BLOCK_VALID)
        return err;
    err = move_to(c, &parent);
    if (err == HD_OK)
        err = run_block(c, verdict, &c->block, &rules);
    if (err == HD_OK && verdict->status == HD_BLOCK_VALID)
        err = accept(c, &parent, &rules, rlp);
    /* Back to the head, from a branch that lost or whose block was invalid. */
    if (err == HD_OK)
        err = move_to(c, &c->head);
    return err == HD_OK ? commit(c) : err;
}

hd_err hd_chain_start(hd_chain *c, hd_block_verdict *verdict, const hd_block *genesis) {
    const hd_chain_store *store = c->o.store;
    hd_buf rlp = {0};
    hd_hash root;
    memset(verdict, 0, sizeof *verdict);
    hd_err err = open_trie(&root, c, 0);
    if (err != HD_OK)
        return err;
    if (!is_same(&root, &genesis->header.state_root)) {
        hd_block_refuse(verdict, HD_BLOCK_INVALID_STATE_ROOT, "of the genesis block");
        return HD_OK;
    }
    hd_undo_clear(&c->undo);
    err = hd_block_encode(&rlp, genesis);
    if (err == HD_OK)
        err = make_entry(&c->tip, genesis, hd_u256_zero());
    if (err == HD_OK)
        err = store->put_block(store->ctx, &c->tip, hd_buf_span(&rlp));
    if (err == HD_OK)
        err = store->push(store->ctx, &c->tip, &c->undo, NULL, NULL);
    if (err == HD_OK) {
        c->head = c->tip;
        err = find_hashes(c);
    }
    if (err == HD_OK)
        err = commit(c);
    hd_buf_free(&rlp);
    return err;
}

hd_err hd_chain_resume(hd_chain *c, const hd_hash *head) {
    hd_err err = c->o.store->get_entry(c->o.store->ctx, &c->tip, head);
    if (err != HD_OK)
        return err;
    c->head = c->tip;
    hd_hash root;
    err = open_trie(&root, c, 1);
    if (err == HD_OK && !is_same(&root, &c->head.header.state_root))
        err = HD_ERR_CORRUPT; /* the state does not stand at the head */
    return err == HD_OK ? find_hashes(c) : err;
}
