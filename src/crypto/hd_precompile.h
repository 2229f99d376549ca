/* hd_precompile.h - the precompiled contracts: ids, sizes, and the runners of one call. What they
   cost and which fork has them is evm/hd_precompile_gas.h. */
#ifndef HD_PRECOMPILE_H
#define HD_PRECOMPILE_H

#include "base/hd_base.h"
#include "crypto/hd_modexp.h"

/* An id is the precompile's address as a number. */
#define HD_PRECOMPILE_ECRECOVER 0x01u
#define HD_PRECOMPILE_SHA256 0x02u
#define HD_PRECOMPILE_RIPEMD160 0x03u
#define HD_PRECOMPILE_IDENTITY 0x04u
#define HD_PRECOMPILE_MODEXP 0x05u
#define HD_PRECOMPILE_BN_ADD 0x06u
#define HD_PRECOMPILE_BN_MUL 0x07u
#define HD_PRECOMPILE_BN_PAIRING 0x08u
#define HD_PRECOMPILE_BLAKE2F 0x09u
#define HD_PRECOMPILE_KZG 0x0au
#define HD_PRECOMPILE_BLS_G1_ADD 0x0bu
#define HD_PRECOMPILE_BLS_G1_MSM 0x0cu
#define HD_PRECOMPILE_BLS_G2_ADD 0x0du
#define HD_PRECOMPILE_BLS_G2_MSM 0x0eu
#define HD_PRECOMPILE_BLS_PAIRING 0x0fu
#define HD_PRECOMPILE_BLS_MAP_FP 0x10u
#define HD_PRECOMPILE_BLS_MAP_FP2 0x11u
#define HD_PRECOMPILE_P256 0x100u

/* The first bytes of the input, zero padded: enough to size a call. */
#define HD_PRECOMPILE_HEAD_SZ 96u

/* What became of a call: is_ok is 1, or 0 where the precompile refused its input (all gas lost). */
typedef struct {
    uint32_t is_ok;
    uint32_t out_sz;
} hd_precompile_result;

/* The three lengths at the front of a modexp input. They are 256-bit numbers there; what does not
   fit 64 bits is given as UINT64_MAX, which no memory and no gas reaches. */
typedef struct {
    uint64_t base_sz;
    uint64_t exp_sz;
    uint64_t mod_sz;
} hd_modexp_sizes;

HD_INL uint64_t hd_precompile_word_u64(const uint8_t p[32]) {
    uint32_t high = 0;
    for (uint32_t i = 0; i < 24; i++)
        high |= p[i];
    return high ? UINT64_MAX : hd_load_be64(p + 24);
}

HD_INL hd_modexp_sizes hd_modexp_lens(const uint8_t head[96]) {
    hd_modexp_sizes r;
    r.base_sz = hd_precompile_word_u64(head);
    r.exp_sz = hd_precompile_word_u64(head + 32);
    r.mod_sz = hd_precompile_word_u64(head + 64);
    return r;
}

/* hd_precompile_head fills head with the first 96 bytes of the input, zero padded. */
HD_INL void hd_precompile_head(uint8_t head[96], const uint8_t *in, uint64_t in_sz) {
    for (uint32_t i = 0; i < HD_PRECOMPILE_HEAD_SZ; i++)
        head[i] = i < in_sz ? in[i] : 0;
}

/* hd_precompile_exp_head fills exp_head with the 32 input bytes that follow modexp's base, zero
   padded: all that gas needs of the exponent. */
HD_INL void hd_precompile_exp_head(uint8_t exp_head[32], const uint8_t head[96], const uint8_t *in,
                                   uint64_t in_sz) {
    uint64_t base_sz = hd_modexp_lens(head).base_sz;
    for (uint32_t i = 0; i < 32; i++) {
        int is_there = in_sz > 96 + (uint64_t)i && base_sz < in_sz - 96 - i;
        exp_head[i] = is_there ? in[96 + base_sz + i] : 0;
    }
}

/* hd_precompile_out_sz_max gives the most bytes that a call can return; UINT64_MAX for an unknown
   id or a modexp result whose length is no 64-bit number. */
HD_INL uint64_t hd_precompile_out_sz_max(uint32_t id, uint64_t in_sz, const uint8_t head[96]) {
    switch (id) {
    case HD_PRECOMPILE_ECRECOVER:
    case HD_PRECOMPILE_SHA256:
    case HD_PRECOMPILE_RIPEMD160:
    case HD_PRECOMPILE_BN_PAIRING:
    case HD_PRECOMPILE_BLS_PAIRING:
    case HD_PRECOMPILE_P256: return 32;
    case HD_PRECOMPILE_IDENTITY: return in_sz;
    case HD_PRECOMPILE_MODEXP: return hd_modexp_lens(head).mod_sz;
    case HD_PRECOMPILE_BN_ADD:
    case HD_PRECOMPILE_BN_MUL:
    case HD_PRECOMPILE_BLAKE2F:
    case HD_PRECOMPILE_KZG: return 64;
    case HD_PRECOMPILE_BLS_G1_ADD:
    case HD_PRECOMPILE_BLS_G1_MSM:
    case HD_PRECOMPILE_BLS_MAP_FP: return 128;
    case HD_PRECOMPILE_BLS_G2_ADD:
    case HD_PRECOMPILE_BLS_G2_MSM:
    case HD_PRECOMPILE_BLS_MAP_FP2: return 256;
    default: return UINT64_MAX;
    }
}

/* hd_precompile_scratch_sz gives the scratch memory that the shared runner needs: 0 for all but
   modexp, and SIZE_MAX for lengths beyond hd_modexp.h's limits. */
HD_INL size_t hd_precompile_scratch_sz(uint32_t id, uint64_t in_sz, const uint8_t head[96]) {
    (void)in_sz;
    if (id != HD_PRECOMPILE_MODEXP)
        return 0;
    hd_modexp_sizes s = hd_modexp_lens(head);
    return s.mod_sz ? hd_modexp_scratch_sz(s.base_sz, s.exp_sz, s.mod_sz) : 0;
}

#ifdef __cplusplus
extern "C" {
#endif

/* hd_precompile_run runs precompile id on in[0,in_sz) with the code that the device runs too
   (crypto/hd_precompile_body.h), and writes out[0,*out_sz).
   Returns 1 on success (possibly with no output), 0 when the precompile refused the input (*out_sz
   is then 0; all gas of the call is lost), HD_ERR_LIMIT when out_max or scratch_sz is too small or
   a length is over hd_modexp.h's limits, HD_ERR_UNSUPPORTED for an unknown id. in, out and scratch
   must not overlap; in may be NULL where in_sz is 0. Any number of threads may call it at once. */
int hd_precompile_run(uint8_t *out, uint32_t out_max, uint32_t *out_sz, uint32_t id,
                      const uint8_t *in, uint32_t in_sz, uint8_t *scratch, size_t scratch_sz);

/* hd_precompile_host_run has the meaning of hd_precompile_run, with the host's libraries where they
   exist: libsecp256k1 (recovery), OpenSSL (SHA-256, RIPEMD-160), GMP (modexp). It needs no scratch
   memory. Returns HD_ERR_NOMEM besides, when a library got no memory. */
int hd_precompile_host_run(uint8_t *out, uint32_t out_max, uint32_t *out_sz, uint32_t id,
                           const uint8_t *in, uint32_t in_sz, uint8_t *scratch, size_t scratch_sz);

#ifdef __cplusplus
}
#endif

#endif
