/* hd_arena.c - memory that is handed out piece by piece and given back all at once. */
#include "base/hd_arena.h"

#include <stdlib.h>
#include <string.h>

#define ALIGN_MAX 4096u

void hd_arena_init(hd_arena *arena, void *mem, size_t cap) {
    memset(arena, 0, sizeof *arena);
    arena->mem = mem;
    arena->cap = cap;
}

hd_err hd_arena_open(hd_arena *arena, size_t cap) {
    memset(arena, 0, sizeof *arena);
    arena->mem = malloc(cap ? cap : 1);
    if (!arena->mem)
        return HD_ERR_NOMEM;
    arena->cap = cap;
    arena->is_owned = 1;
    return HD_OK;
}

void hd_arena_close(hd_arena *arena) {
    if (arena->is_owned)
        free(arena->mem);
    memset(arena, 0, sizeof *arena);
}

void *hd_arena_alloc(hd_arena *arena, size_t sz, size_t align) {
    HD_ASSERT(align && align <= ALIGN_MAX && (align & (align - 1)) == 0);
    /* The address is aligned, not the offset: the caller's memory may begin anywhere. */
    size_t pad = (size_t)(-((uintptr_t)arena->mem + arena->used_sz)) & (align - 1);
    size_t left = arena->cap - arena->used_sz;
    if (pad > left || sz > left - pad)
        return NULL;
    void *out = arena->mem + arena->used_sz + pad;
    arena->used_sz += pad + sz;
    arena->peak_sz = HD_MAX(arena->peak_sz, arena->used_sz);
    return out;
}

void *hd_arena_zalloc(hd_arena *arena, size_t cnt, size_t sz, size_t align) {
    if (sz && cnt > SIZE_MAX / sz)
        return NULL;
    void *out = hd_arena_alloc(arena, cnt * sz, align);
    if (out)
        memset(out, 0, cnt * sz);
    return out;
}

void hd_arena_reset(hd_arena *arena, size_t mark) {
    HD_ASSERT(mark <= arena->used_sz);
    arena->used_sz = mark;
}
