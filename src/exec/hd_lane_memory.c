/* hd_lane_memory.c - lanes of the CPU: a large reserve of address space of which only what is used
   becomes memory, so that no transaction within the EVM's own limits is refused. */
#define _GNU_SOURCE
#include "exec/hd_lane_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Sizes for 2^shift of the full reserve: 0 is the full one. */
static void class_fill(hd_lane_class *c, uint32_t shift) {
    memset(c, 0, sizeof(*c));
    c->frame_max = 1025;
    c->stack_max = 1025 * 1024;
    c->memory_max = (uint32_t)(0xfffffc00u >> shift) & ~31u;
    c->ret_max = (uint32_t)(0x7ffffc00u >> shift) & ~31u;
    c->account_max = (1u << 22) >> shift;
    c->slot_max = (1u << 24) >> shift;
    c->journal_max = (1u << 25) >> shift;
    c->log_max = (1u << 27) >> shift;
    c->account_index_max = (1u << 23) >> shift;
    c->slot_index_max = (1u << 25) >> shift;
    c->linear_sz = (1u << 30) >> shift;
    c->is_tagged = 1;
    hd_lane_class_layout(c);
}

hd_err hd_lane_memory_open(hd_lane_memory *lane, uint32_t tile) {
    memset(lane, 0, sizeof(*lane));
    lane->tile = tile;
    /* A tile of 32 holds 32 times the address space: start lower. */
    for (uint32_t shift = tile == 1 ? 0 : 1; shift <= 12; shift++) {
        class_fill(&lane->cls, shift);
        size_t units_sz = (size_t)lane->cls.unit_cnt * 16 * tile;
        size_t sz = units_sz + (size_t)lane->cls.linear_sz * tile;
        void *p = mmap(NULL, sz, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED)
            continue;
        lane->map = p;
        lane->map_sz = sz;
        /* The last lane of the tile: the first would hide a mistake in the interleaving. */
        lane->base = (uint8_t *)p + 16 * (size_t)(tile - 1);
        lane->linear = (uint8_t *)p + units_sz + (size_t)lane->cls.linear_sz * (tile - 1);
        return HD_OK;
    }
    return HD_ERR_NOMEM;
}

void hd_lane_memory_trim(hd_lane_memory *lane) { madvise(lane->map, lane->map_sz, MADV_DONTNEED); }

void hd_lane_memory_close(hd_lane_memory *lane) {
    if (lane->map)
        munmap(lane->map, lane->map_sz);
    free(lane->scratch);
    memset(lane, 0, sizeof(*lane));
}
