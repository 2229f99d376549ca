/* hd_arena.h - memory that is handed out piece by piece and given back all at once. */
#ifndef HD_ARENA_H
#define HD_ARENA_H

#include "base/hd_base.h"

/* Pieces of mem[0,cap); no call to malloc. Not for two threads at a time. */
typedef struct {
    uint8_t *mem;
    size_t cap;
    size_t used_sz;
    size_t peak_sz;    /* the most that was ever in use */
    uint32_t is_owned; /* mem came from hd_arena_open */
} hd_arena;

/* hd_arena_init uses the caller's memory; hd_arena_open takes cap bytes from the system, or gives
   HD_ERR_NOMEM. */
void hd_arena_init(hd_arena *arena, void *mem, size_t cap);
hd_err hd_arena_open(hd_arena *arena, size_t cap);
void hd_arena_close(hd_arena *arena);

/* hd_arena_alloc returns sz bytes (not zeroed) at a multiple of align, a power of two up to 4096,
   or NULL when they are not left. hd_arena_zalloc zeroes cnt*sz bytes and refuses overflow. */
void *hd_arena_alloc(hd_arena *arena, size_t sz, size_t align);
void *hd_arena_zalloc(hd_arena *arena, size_t cnt, size_t sz, size_t align);

/* hd_arena_reset gives back everything that was taken since mark = arena->used_sz was noted (0:
   everything). */
void hd_arena_reset(hd_arena *arena, size_t mark);

#endif
