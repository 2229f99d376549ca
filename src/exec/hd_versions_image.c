/* hd_versions_image.c - lays the versions' tables out one behind the other. */
#include "exec/hd_versions_image.h"

#include <string.h>

/* out is NULL where only sizes are asked for. */
typedef struct {
    uint8_t *out;
    uint64_t at; /* address of the image where it will be read */
    uint64_t sz; /* so far */
} image;

/* The next place, of size sz, and the address that it will have. */
static const void *put(image *m, const void *from, uint64_t sz) {
    uint64_t off = m->sz;
    m->sz +=
        (sz + 255) & ~(uint64_t)255; /* 256: what the memory system of a device reads at once */
    if (m->out && sz)
        memcpy(m->out + off, from, (size_t)sz);
    return (const void *)(uintptr_t)(m->at + off);
}

static void put_part(image *m, hd_versions_part *q, const hd_versions_part *p) {
    *q = *p;
    q->account_table = put(m, p->account_table, ((uint64_t)p->account_mask + 1) * sizeof(uint32_t));
    q->accounts = put(m, p->accounts, (uint64_t)p->account_cnt * sizeof(*p->accounts));
    q->account_versions = put(m, p->account_versions,
                              (uint64_t)p->account_version_cnt * sizeof(*p->account_versions));
    q->slot_table = put(m, p->slot_table, ((uint64_t)p->slot_mask + 1) * sizeof(uint32_t));
    q->slots = put(m, p->slots, (uint64_t)p->slot_cnt * sizeof(*p->slots));
    q->slot_versions =
        put(m, p->slot_versions, (uint64_t)p->slot_version_cnt * sizeof(*p->slot_versions));
}

static uint64_t lay_out(uint8_t *out, uint64_t at, const hd_versions *v) {
    image m = {out, at, 0};
    hd_versions top = *v;
    HD_ASSERT(!v->below);
    uint32_t part_cnt = 1u << v->part_bits;
    put(&m, v, sizeof(*v)); /* room for both; their pointers are set below */
    uint64_t parts_off = m.sz;
    top.parts = put(&m, v->parts, part_cnt * sizeof(*v->parts));
    for (uint32_t i = 0; i < part_cnt; i++) {
        hd_versions_part q;
        put_part(&m, &q, &v->parts[i]);
        if (out)
            memcpy(out + parts_off + i * sizeof(q), &q, sizeof(q));
    }
    top.codes = put(&m, v->codes, (uint64_t)v->code_cnt * sizeof(*v->codes));
    top.code_bytes = put(&m, v->code_bytes, v->code_bytes_sz);
    top.jump_words = put(&m, v->jump_words, v->jump_word_cnt * sizeof(*v->jump_words));
    if (out)
        memcpy(out, &top, sizeof(top));
    return m.sz;
}

uint64_t hd_versions_image_sz(const hd_versions *v) { return lay_out(NULL, 0, v); }

void hd_versions_image_put(uint8_t *out, const uint8_t *at, const hd_versions *v) {
    lay_out(out, (uint64_t)(uintptr_t)at, v);
}
