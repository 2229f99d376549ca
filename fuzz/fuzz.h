/* fuzz.h - what the fuzz targets share: their list, the check that stops a run, small readers.

   A target takes any bytes and returns; what must hold whatever the bytes are stands in
   HD_FUZZ_CHECK. fuzz_main.c makes a libFuzzer program of each target; tests/test_fuzz_corpus.c
   runs the kept inputs through all of them in ordinary builds. */
#ifndef HD_FUZZ_H
#define HD_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hd_base.h"

#define HD_FUZZ_TARGETS(X) \
    X(rlp) \
    X(tx) \
    X(block) \
    X(json) \
    X(proof) \
    X(t8n) \
    X(http) \
    X(precompile) \
    X(core) \
    X(ordered) \
    X(api)

#define HD_X(name) void hd_fuzz_##name(const uint8_t *data, size_t sz);
HD_FUZZ_TARGETS(HD_X)
#undef HD_X

/* Stops the program where x does not hold: libFuzzer then keeps the input, cmocka reports it. */
#define HD_FUZZ_CHECK(x) ((x) ? (void)0 : hd_fuzz_stop(__FILE__, __LINE__, #x))

static inline void hd_fuzz_stop(const char *file, int line, const char *text) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

/* A copy in memory of exactly that size, so that the address sanitizer sees a read beyond it. */
static inline uint8_t *hd_fuzz_copy(const uint8_t *data, size_t sz) {
    uint8_t *p = malloc(sz ? sz : 1);
    HD_FUZZ_CHECK(p != NULL);
    if (sz)
        memcpy(p, data, sz);
    return p;
}

/* The input as a stream: what is taken beyond its end is zero. */
typedef struct {
    const uint8_t *data;
    size_t sz;
} hd_fuzz_in;

static inline uint8_t hd_fuzz_u8(hd_fuzz_in *in) {
    if (in->sz == 0)
        return 0;
    in->sz--;
    return *in->data++;
}

static inline uint32_t hd_fuzz_u16(hd_fuzz_in *in) {
    uint32_t low = hd_fuzz_u8(in);
    return low | (uint32_t)hd_fuzz_u8(in) << 8;
}

/* The next want bytes, or as many as there are. */
static inline hd_fuzz_in hd_fuzz_take(hd_fuzz_in *in, size_t want) {
    hd_fuzz_in part = {in->data, HD_MIN(want, in->sz)};
    in->data += part.sz;
    in->sz -= part.sz;
    return part;
}

#endif
