/* hd_chain_memory.c - a chain's store in memory. */
#include <stdlib.h>
#include <string.h>

#include "exec/hd_chain.h"

typedef struct {
    hd_chain_entry entry;
    hd_buf rlp;
    hd_undo undo;
} stored;

struct hd_chain_memory {
    hd_chain_store store;
    stored **blocks; /* in order of arrival; pointers, as the array moves */
    uint32_t *table; /* open addressing over blocks: index + 1, 0 = free; at most half full */
    uint32_t block_cnt, block_cap, mask;
};

#define TABLE_MIN 64u

/* Keys are hashes: their first bytes are as good as any mixture of them. */
static uint32_t place_of(const hd_chain_memory *m, const hd_hash *hash) {
    return (uint32_t)hd_load_le64(hash->b) & m->mask;
}

static stored *find(const hd_chain_memory *m, const hd_hash *hash) {
    for (uint32_t i = place_of(m, hash); m->table[i]; i = (i + 1) & m->mask) {
        stored *b = m->blocks[m->table[i] - 1];
        if (memcmp(&b->entry.hash, hash, sizeof *hash) == 0)
            return b;
    }
    return NULL;
}

static void table_put(hd_chain_memory *m, uint32_t block_idx) {
    uint32_t i = place_of(m, &m->blocks[block_idx]->entry.hash);
    while (m->table[i])
        i = (i + 1) & m->mask;
    m->table[i] = block_idx + 1;
}

static hd_err grow(hd_chain_memory *m) {
    if (m->block_cnt == m->block_cap) {
        uint32_t cap = m->block_cap ? 2 * m->block_cap : TABLE_MIN / 2;
        stored **blocks = realloc(m->blocks, cap * sizeof *blocks);
        if (!blocks)
            return HD_ERR_NOMEM;
        m->blocks = blocks;
        m->block_cap = cap;
    }
    if ((m->block_cnt + 1) * 2 <= m->mask + 1)
        return HD_OK;
    uint32_t *table = calloc((size_t)2 * (m->mask + 1), sizeof *table);
    if (!table)
        return HD_ERR_NOMEM;
    free(m->table);
    m->table = table;
    m->mask = 2 * m->mask + 1;
    for (uint32_t i = 0; i < m->block_cnt; i++)
        table_put(m, i);
    return HD_OK;
}

/* ---- callbacks ---- */

static hd_err get_entry(void *ctx, hd_chain_entry *out, const hd_hash *hash) {
    const stored *b = find(ctx, hash);
    if (!b)
        return HD_ERR_ABSENT;
    *out = b->entry;
    return HD_OK;
}

static hd_err get_block(void *ctx, hd_buf *rlp, const hd_hash *hash) {
    const stored *b = find(ctx, hash);
    return b ? hd_buf_append(rlp, b->rlp.data, b->rlp.sz) : HD_ERR_ABSENT;
}

static hd_err get_undo(void *ctx, hd_undo *out, const hd_hash *hash) {
    const stored *b = find(ctx, hash);
    if (!b)
        return HD_ERR_ABSENT;
    hd_err err = hd_buf_append(&out->accounts, b->undo.accounts.data, b->undo.accounts.sz);
    return err == HD_OK ? hd_buf_append(&out->slots, b->undo.slots.data, b->undo.slots.sz) : err;
}

static hd_err put_block(void *ctx, const hd_chain_entry *entry, hd_span rlp) {
    hd_chain_memory *m = ctx;
    if (find(m, &entry->hash))
        return HD_OK;
    hd_err err = grow(m);
    if (err != HD_OK)
        return err;
    stored *b = calloc(1, sizeof *b);
    if (!b)
        return HD_ERR_NOMEM;
    b->entry = *entry;
    err = hd_buf_append(&b->rlp, rlp.data, rlp.sz);
    if (err != HD_OK) {
        free(b);
        return err;
    }
    m->blocks[m->block_cnt] = b;
    table_put(m, m->block_cnt++);
    return HD_OK;
}

static hd_err push(void *ctx, const hd_chain_entry *entry, const hd_undo *undo,
                   const hd_block *block, const hd_block_result *result) {
    stored *b = find(ctx, &entry->hash);
    (void)block;
    (void)result;
    if (!b)
        return HD_ERR_ABSENT;
    hd_undo_clear(&b->undo);
    hd_err err = hd_buf_append(&b->undo.accounts, undo->accounts.data, undo->accounts.sz);
    return err == HD_OK ? hd_buf_append(&b->undo.slots, undo->slots.data, undo->slots.sz) : err;
}

static hd_err pop(void *ctx, const hd_chain_entry *entry) {
    stored *b = find(ctx, &entry->hash);
    if (!b)
        return HD_ERR_ABSENT;
    hd_undo_free(&b->undo);
    return HD_OK;
}

/* ---- life ---- */

hd_chain_memory *hd_chain_memory_new(void) {
    hd_chain_memory *m = calloc(1, sizeof *m);
    uint32_t *table = calloc(TABLE_MIN, sizeof *table);
    if (!m || !table) {
        free(m);
        free(table);
        return NULL;
    }
    m->table = table;
    m->mask = TABLE_MIN - 1;
    m->store = (hd_chain_store){.ctx = m,
                                .get_entry = get_entry,
                                .get_block = get_block,
                                .get_undo = get_undo,
                                .put_block = put_block,
                                .push = push,
                                .pop = pop};
    return m;
}

void hd_chain_memory_free(hd_chain_memory *m) {
    if (!m)
        return;
    for (uint32_t i = 0; i < m->block_cnt; i++) {
        hd_buf_free(&m->blocks[i]->rlp);
        hd_undo_free(&m->blocks[i]->undo);
        free(m->blocks[i]);
    }
    free(m->blocks);
    free(m->table);
    free(m);
}

const hd_chain_store *hd_chain_memory_store(hd_chain_memory *m) { return &m->store; }
