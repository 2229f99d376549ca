/* fuzz_precompile.c - the precompiles: the code that the device runs against the host's libraries,
   which share nothing with it for recovery, the two SHAs and modexp; and laws that hold for all. */
#include "fuzz.h"

#include "crypto/hd_precompile.h"

/* Small enough that thousands of inputs are tried a second (pairings excepted). */
#define IN_SZ_MAX 1024u
#define IN_PAIRING_SZ_MAX 768u
#define MODEXP_SZ_MAX 256u
#define BLAKE2F_ROUNDS_MAX 4096u

typedef struct {
    int rc;
    uint32_t sz;
    uint8_t *out; /* exactly as large as the call may fill */
    uint32_t max;
} answer;

static answer call(int is_host, uint32_t id, const uint8_t *in, uint32_t in_sz) {
    uint8_t head[HD_PRECOMPILE_HEAD_SZ];
    answer a;
    hd_precompile_head(head, in, in_sz);
    uint64_t max = hd_precompile_out_sz_max(id, in_sz, head);
    size_t scratch_sz = is_host ? 0 : hd_precompile_scratch_sz(id, in_sz, head);
    HD_FUZZ_CHECK(max <= IN_SZ_MAX);
    uint8_t *scratch = malloc(scratch_sz + 1);
    uint8_t *copy = hd_fuzz_copy(in, in_sz);
    a.max = (uint32_t)max;
    a.out = malloc(max + 1);
    HD_FUZZ_CHECK(scratch && a.out);
    memset(a.out, 0xa5, max + 1);
    a.sz = 0xdead;
    a.rc = is_host ? hd_precompile_host_run(a.out, a.max, &a.sz, id, copy, in_sz, NULL, 0)
                   : hd_precompile_run(a.out, a.max, &a.sz, id, copy, in_sz, scratch, scratch_sz);
    HD_FUZZ_CHECK(a.rc == 0 || a.rc == 1);
    HD_FUZZ_CHECK(a.rc == 1 ? a.sz <= max : a.sz == 0);
    HD_FUZZ_CHECK(a.out[max] == 0xa5);
    HD_FUZZ_CHECK(in_sz == 0 || memcmp(copy, in, in_sz) == 0);
    free(copy);
    free(scratch);
    return a;
}

static void check_same(const answer *a, const answer *b) {
    HD_FUZZ_CHECK(a->rc == b->rc && a->sz == b->sz);
    HD_FUZZ_CHECK(a->sz == 0 || memcmp(a->out, b->out, a->sz) == 0);
}

static int is_small(uint32_t id, const uint8_t *in, uint32_t in_sz) {
    uint8_t head[HD_PRECOMPILE_HEAD_SZ];
    hd_modexp_sizes s;
    switch (id) {
    case HD_PRECOMPILE_MODEXP:
        hd_precompile_head(head, in, in_sz);
        s = hd_modexp_lens(head);
        return s.base_sz <= MODEXP_SZ_MAX && s.exp_sz <= MODEXP_SZ_MAX && s.mod_sz <= MODEXP_SZ_MAX;
    case HD_PRECOMPILE_BLAKE2F: return in_sz < 4 || hd_load_be32(in) <= BLAKE2F_ROUNDS_MAX;
    case HD_PRECOMPILE_BN_PAIRING:
    case HD_PRECOMPILE_BLS_PAIRING:
    case HD_PRECOMPILE_BLS_G1_MSM:
    case HD_PRECOMPILE_BLS_G2_MSM: return in_sz <= IN_PAIRING_SZ_MAX;
    default: return 1;
    }
}

/* Where an input that is too short counts as if zeros followed. */
static int is_padded(uint32_t id) {
    return id == HD_PRECOMPILE_ECRECOVER || id == HD_PRECOMPILE_MODEXP ||
           id == HD_PRECOMPILE_BN_ADD || id == HD_PRECOMPILE_BN_MUL;
}

/* Bytes of one operand where the order of two does not matter; 0: not such a one. */
static uint32_t swap_sz(uint32_t id) {
    switch (id) {
    case HD_PRECOMPILE_BN_ADD: return 64;
    case HD_PRECOMPILE_BLS_G1_ADD: return 128;
    case HD_PRECOMPILE_BLS_G2_ADD: return 256;
    case HD_PRECOMPILE_BN_PAIRING: return 192;
    case HD_PRECOMPILE_BLS_PAIRING: return 384;
    case HD_PRECOMPILE_BLS_G1_MSM: return 160;
    case HD_PRECOMPILE_BLS_G2_MSM: return 288;
    default: return 0;
    }
}

void hd_fuzz_precompile(const uint8_t *data, size_t sz) {
    static uint8_t changed[2 * IN_SZ_MAX];
    hd_fuzz_in in = {data, sz};
    uint32_t id = hd_fuzz_u8(&in);
    uint32_t in_sz = (uint32_t)in.sz;
    id = id % 18 == 17 ? HD_PRECOMPILE_P256 : 1 + id % 18;
    if (in.sz > IN_SZ_MAX || !is_small(id, in.data, in_sz))
        return;
    answer shared = call(0, id, in.data, in_sz);
    answer host = call(1, id, in.data, in_sz);
    check_same(&shared, &host);
    if (is_padded(id) && in_sz < IN_SZ_MAX) {
        memset(changed, 0, sizeof changed);
        memcpy(changed, in.data, in_sz);
        answer padded = call(0, id, changed, HD_MIN(in_sz + 33, IN_SZ_MAX));
        check_same(&shared, &padded);
        free(padded.out);
    }
    uint32_t half = swap_sz(id);
    if (half && in_sz == 2 * half) {
        memcpy(changed, in.data + half, half);
        memcpy(changed + half, in.data, half);
        answer swapped = call(0, id, changed, in_sz);
        check_same(&shared, &swapped);
        free(swapped.out);
    }
    free(shared.out);
    free(host.out);
}
