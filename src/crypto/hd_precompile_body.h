/* hd_precompile_body.h - what each precompile does with its input, one function a precompile,
   shared by host and device.

   Heavy to compile: hd_precompile.c and hd_precompile_cuda.cu include it, others call
   hd_precompile_run. A function returns 1, 0 where the input is refused, or a negative hd_err where
   the caller gave too little memory; out_sz is set by the runner around it. */
#ifndef HD_PRECOMPILE_BODY_H
#define HD_PRECOMPILE_BODY_H

#include "base/hd_base.h"
#include "crypto/hd_blake2f.h"
#include "crypto/hd_bls12381.h"
#include "crypto/hd_bn254.h"
#include "crypto/hd_keccak.h"
#include "crypto/hd_kzg.h"
#include "crypto/hd_modexp.h"
#include "crypto/hd_p256.h"
#include "crypto/hd_precompile.h"
#include "crypto/hd_ripemd160.h"
#include "crypto/hd_secp256k1.h"
#include "crypto/hd_sha256.h"

/* One call. out has room for out_max bytes; a body sets out_sz only when it returns 1. */
typedef struct {
    uint8_t *out;
    const uint8_t *in;
    uint8_t *scratch;
    size_t scratch_sz;
    uint32_t out_max;
    uint32_t out_sz;
    uint32_t in_sz;
} hd_precompile_call;

/* hd_precompile_pad copies the first sz input bytes, zero padded: short input is not an error for
   the precompiles before EIP-152. */
HD_INL void hd_precompile_pad(uint8_t *dst, uint32_t sz, const uint8_t *in, uint32_t in_sz) {
    for (uint32_t i = 0; i < sz; i++)
        dst[i] = i < in_sz ? in[i] : 0;
}

/* A pairing check's answer: the 32-byte number 0 or 1. */
HD_INL int hd_precompile_flag(hd_precompile_call *c, uint32_t is_one) {
    hd_zero(c->out, 32);
    c->out[31] = (uint8_t)(is_one != 0);
    c->out_sz = 32;
    return 1;
}

/* ecrecover's input after padding: v (32 bytes) must be 27 or 28. */
HD_INL int hd_precompile_ecrecover_parity(uint32_t *parity, const uint8_t in[128]) {
    uint32_t high = 0;
    for (uint32_t i = 32; i < 63; i++)
        high |= in[i];
    *parity = (uint32_t)in[63] - 27;
    return high == 0 && *parity <= 1;
}

/* The address of a public key, as ecrecover returns it. */
HD_INL void hd_precompile_pub_to_word(uint8_t out[32], const uint8_t pub[64]) {
    hd_keccak256(out, pub, 64);
    hd_zero(out, 12);
}

HD_NOINL int hd_precompile_ecrecover(hd_precompile_call *c) {
    uint8_t in[128], pub[64];
    uint32_t parity;
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    hd_precompile_pad(in, 128, c->in, c->in_sz);
    c->out_sz = 0; /* a signature of no one gives empty output, not failure */
    if (!hd_precompile_ecrecover_parity(&parity, in) ||
        !hd_secp256k1_recover(pub, in, in + 64, in + 96, parity))
        return 1;
    hd_precompile_pub_to_word(c->out, pub);
    c->out_sz = 32;
    return 1;
}

HD_NOINL int hd_precompile_sha256(hd_precompile_call *c) {
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    hd_sha256(c->out, c->in, c->in_sz);
    c->out_sz = 32;
    return 1;
}

HD_NOINL int hd_precompile_ripemd160(hd_precompile_call *c) {
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    hd_zero(c->out, 12);
    hd_ripemd160(c->out + 12, c->in, c->in_sz);
    c->out_sz = 32;
    return 1;
}

HD_NOINL int hd_precompile_identity(hd_precompile_call *c) {
    if (c->out_max < c->in_sz)
        return HD_ERR_LIMIT;
    if (c->in_sz)
        hd_copy(c->out, c->in, c->in_sz);
    c->out_sz = c->in_sz;
    return 1;
}

/* The number of sz bytes that starts off bytes into the input; what lies past the end is zero. */
HD_INL hd_modexp_num hd_precompile_num(const uint8_t *in, uint32_t in_sz, uint64_t off,
                                       uint64_t sz) {
    hd_modexp_num r;
    r.sz = sz;
    r.have_sz = off < in_sz ? HD_MIN(sz, in_sz - off) : 0;
    r.p = in + (off < in_sz ? off : 0);
    return r;
}

/* Takes a modexp input apart. Returns HD_OK, or HD_ERR_LIMIT where a length is over hd_modexp.h's
   limits. mod->sz == 0 means that nothing is computed, whatever the other lengths. */
HD_INL hd_err hd_precompile_modexp_split(hd_modexp_num *base, hd_modexp_num *exp,
                                         hd_modexp_num *mod, const uint8_t *in, uint32_t in_sz) {
    uint8_t head[96];
    hd_precompile_head(head, in, in_sz);
    hd_modexp_sizes s = hd_modexp_lens(head);
    if (s.mod_sz == 0)
        s.base_sz = s.exp_sz = 0;
    if (s.base_sz > HD_MODEXP_SZ_MAX || s.exp_sz > HD_MODEXP_EXP_SZ_MAX ||
        s.mod_sz > HD_MODEXP_SZ_MAX)
        return HD_ERR_LIMIT;
    *base = hd_precompile_num(in, in_sz, 96, s.base_sz);
    *exp = hd_precompile_num(in, in_sz, 96 + s.base_sz, s.exp_sz);
    *mod = hd_precompile_num(in, in_sz, 96 + s.base_sz + s.exp_sz, s.mod_sz);
    return HD_OK;
}

HD_NOINL int hd_precompile_modexp(hd_precompile_call *c) {
    hd_modexp_num base, exp, mod;
    hd_err err = hd_precompile_modexp_split(&base, &exp, &mod, c->in, c->in_sz);
    if (err != HD_OK || mod.sz > c->out_max)
        return HD_ERR_LIMIT;
    err = hd_modexp(c->out, &base, &exp, &mod, c->scratch, c->scratch_sz);
    if (err != HD_OK)
        return err;
    c->out_sz = (uint32_t)mod.sz;
    return 1;
}

HD_NOINL int hd_precompile_bn_add(hd_precompile_call *c) {
    uint8_t in[128];
    if (c->out_max < 64)
        return HD_ERR_LIMIT;
    hd_precompile_pad(in, 128, c->in, c->in_sz);
    c->out_sz = 64;
    return hd_bn254_add(c->out, in);
}

HD_NOINL int hd_precompile_bn_mul(hd_precompile_call *c) {
    uint8_t in[96];
    if (c->out_max < 64)
        return HD_ERR_LIMIT;
    hd_precompile_pad(in, 96, c->in, c->in_sz);
    c->out_sz = 64;
    return hd_bn254_mul(c->out, in);
}

HD_NOINL int hd_precompile_bn_pairing(hd_precompile_call *c) {
    uint32_t is_one = 1; /* the empty product */
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    if (c->in_sz % 192)
        return 0;
    if (c->in_sz && !hd_bn254_pairing(&is_one, c->in, c->in_sz / 192))
        return 0;
    return hd_precompile_flag(c, is_one);
}

HD_NOINL int hd_precompile_blake2f(hd_precompile_call *c) {
    if (c->out_max < 64)
        return HD_ERR_LIMIT;
    if (c->in_sz != HD_BLAKE2F_IN_SZ)
        return 0;
    c->out_sz = 64;
    return hd_blake2f_run(c->out, c->in);
}

HD_NOINL int hd_precompile_kzg(hd_precompile_call *c) {
    if (c->out_max < 64)
        return HD_ERR_LIMIT;
    c->out_sz = 64;
    return c->in_sz == 192 && hd_kzg_point_evaluation(c->out, c->in);
}

HD_NOINL int hd_precompile_bls_g1_add(hd_precompile_call *c) {
    if (c->out_max < 128)
        return HD_ERR_LIMIT;
    c->out_sz = 128;
    return c->in_sz == 256 && hd_bls_g1_add(c->out, c->in);
}

/* EIP-2537 refuses sums and pairings of nothing. */
HD_NOINL int hd_precompile_bls_g1_msm(hd_precompile_call *c) {
    if (c->out_max < 128)
        return HD_ERR_LIMIT;
    c->out_sz = 128;
    return c->in_sz && c->in_sz % 160 == 0 && hd_bls_g1_msm(c->out, c->in, c->in_sz / 160);
}

HD_NOINL int hd_precompile_bls_g2_add(hd_precompile_call *c) {
    if (c->out_max < 256)
        return HD_ERR_LIMIT;
    c->out_sz = 256;
    return c->in_sz == 512 && hd_bls_g2_add(c->out, c->in);
}

HD_NOINL int hd_precompile_bls_g2_msm(hd_precompile_call *c) {
    if (c->out_max < 256)
        return HD_ERR_LIMIT;
    c->out_sz = 256;
    return c->in_sz && c->in_sz % 288 == 0 && hd_bls_g2_msm(c->out, c->in, c->in_sz / 288);
}

HD_NOINL int hd_precompile_bls_pairing(hd_precompile_call *c) {
    uint32_t is_one = 0;
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    if (c->in_sz == 0 || c->in_sz % 384 || !hd_bls_pairing(&is_one, c->in, c->in_sz / 384))
        return 0;
    return hd_precompile_flag(c, is_one);
}

HD_NOINL int hd_precompile_bls_map_fp(hd_precompile_call *c) {
    if (c->out_max < 128)
        return HD_ERR_LIMIT;
    c->out_sz = 128;
    return c->in_sz == 64 && hd_bls_map_fp_to_g1(c->out, c->in);
}

HD_NOINL int hd_precompile_bls_map_fp2(hd_precompile_call *c) {
    if (c->out_max < 256)
        return HD_ERR_LIMIT;
    c->out_sz = 256;
    return c->in_sz == 128 && hd_bls_map_fp2_to_g2(c->out, c->in);
}

/* EIP-7951: anything but a valid signature, wrong lengths too, gives empty output. */
HD_NOINL int hd_precompile_p256(hd_precompile_call *c) {
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    c->out_sz = 0;
    if (c->in_sz != 160 || !hd_p256_verify(c->in))
        return 1;
    return hd_precompile_flag(c, 1);
}

/* id, function and threads a block on the device, of every precompile. */
#define HD_PRECOMPILES(X) \
    X(HD_PRECOMPILE_ECRECOVER, ecrecover, 64) \
    X(HD_PRECOMPILE_SHA256, sha256, 128) \
    X(HD_PRECOMPILE_RIPEMD160, ripemd160, 128) \
    X(HD_PRECOMPILE_IDENTITY, identity, 128) \
    X(HD_PRECOMPILE_MODEXP, modexp, 32) \
    X(HD_PRECOMPILE_BN_ADD, bn_add, 64) \
    X(HD_PRECOMPILE_BN_MUL, bn_mul, 64) \
    X(HD_PRECOMPILE_BN_PAIRING, bn_pairing, 32) \
    X(HD_PRECOMPILE_BLAKE2F, blake2f, 128) \
    X(HD_PRECOMPILE_KZG, kzg, 32) \
    X(HD_PRECOMPILE_BLS_G1_ADD, bls_g1_add, 64) \
    X(HD_PRECOMPILE_BLS_G1_MSM, bls_g1_msm, 32) \
    X(HD_PRECOMPILE_BLS_G2_ADD, bls_g2_add, 64) \
    X(HD_PRECOMPILE_BLS_G2_MSM, bls_g2_msm, 32) \
    X(HD_PRECOMPILE_BLS_PAIRING, bls_pairing, 32) \
    X(HD_PRECOMPILE_BLS_MAP_FP, bls_map_fp, 32) \
    X(HD_PRECOMPILE_BLS_MAP_FP2, bls_map_fp2, 32) \
    X(HD_PRECOMPILE_P256, p256, 64)

#endif
