/* hd_kzg.h - KZG point evaluation: the precompile 0x0a of EIP-4844

   A proof shows that the polynomial behind a commitment has the value y at z:
   e(C - y G1 + z proof, -G2) e(proof, [tau] G2) = 1, with [tau] G2 of Ethereum's ceremony. */
#ifndef HD_KZG_H
#define HD_KZG_H

#include "base/hd_base.h"
#include "crypto/hd_bls12381.h"
#include "crypto/hd_sha256.h"

#define HD_KZG_FIELD_ELEMENTS_PER_BLOB 4096

/* The order r of the group, big-endian: BLS_MODULUS. */
HD_INL uint8_t hd_kzg_modulus_byte(int i) {
    HD_TABLE(uint8_t, k, 32) = {0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8,
                                0x08, 0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe,
                                0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01};
    return k[i];
}

HD_INL int hd_kzg_is_scalar(const uint8_t *in) {
    for (int i = 0; i < 32; i++) {
        if (in[i] != hd_kzg_modulus_byte(i))
            return in[i] < hd_kzg_modulus_byte(i);
    }
    return 0;
}

/* hd_kzg_g1_read takes the 48-byte compressed form: three flags on top (compressed, infinity, the
   larger y), then x. Returns 0 for any other form, and for a point outside the subgroup. */
HD_NOINL int hd_kzg_g1_read(hd_bls_e1_affine *r, const uint8_t *in) {
    uint8_t x[48];
    hd_copy(x, in, 48);
    uint32_t flags = x[0] >> 5;
    x[0] &= 0x1f;
    if (!(flags & 4))
        return 0;
    if (flags & 2) { /* infinity has one form: 0xc0 and zeros */
        uint8_t rest = (uint8_t)(flags & 1);
        for (int i = 0; i < 48; i++)
            rest |= x[i];
        hd_zero(r, sizeof(*r));
        return rest == 0;
    }
    hd_bls_fp g;
    if (!hd_bls_fp_read(&r->x, x))
        return 0;
    hd_bls_fp_sqr(&g, &r->x);
    hd_bls_fp_mul(&g, &g, &r->x);
    hd_bls_e1_add_b(&g);
    if (!hd_bls_fp_sqrt(&r->y, &g))
        return 0;
    if (hd_bls_fp_is_large(&r->y) != (int)(flags & 1))
        hd_bls_fp_neg(&r->y, &r->y);
    return hd_bls_e1_is_in_subgroup(r);
}

HD_INL void hd_kzg_g1_generator(hd_bls_e1_affine *r) {
    HD_TABLE(hd_bls_fp, k, 2) = {
        {{0x5cb38790fd530c16u, 0x7817fc679976fff5u, 0x154f95c7143ba1c1u, 0xf0ae6acdf3d0e747u,
          0xedce6ecc21dbf440u, 0x120177419e0bfb75u}},
        {{0xbaac93d50ce72271u, 0x8c22631a7918fd8eu, 0xdd595f13570725ceu, 0x51ac582950405194u,
          0x0e1c8c3fad0059c0u, 0x0bbc3efc5008a26au}},
    };
    r->x = k[0];
    r->y = k[1];
}

/* -G2, the negative of the generator. */
HD_INL void hd_kzg_g2_neg_generator(hd_bls_e2_affine *r) {
    HD_TABLE(hd_bls_fp2, k, 2) = {
        {{{0xf5f28fa202940a10u, 0xb3f5fb2687b4961au, 0xa1a893b53e2ae580u, 0x9894999d1a3caee9u,
           0x6f67b7631863366bu, 0x058191924350bcd7u}},
         {{0xa5a9c0759e23f606u, 0xaaa0c59dbccd60c3u, 0x3bb17e18e2867806u, 0x1b1ab6cc8541b367u,
           0xc2b6ed0ef2158547u, 0x11922a097360edf3u}}},
        {{{0x6d8bf5079fb65e61u, 0xc52f05df531d63a5u, 0x7f4a4d344ca692c9u, 0xa887959b8577c95fu,
           0x4347fe40525c8734u, 0x197d145bbaff0bb5u}},
         {{0x0c3e036d209afa4eu, 0x0601d8f4863f9e23u, 0xe0832636bacc0a84u, 0xeb2def362a476f84u,
           0x64044f659f0ee1e9u, 0x0ed54f48d5a1caa7u}}},
    };
    r->x = k[0];
    r->y = k[1];
}

/* [tau] G2: the second G2 point of the trusted setup. */
HD_INL void hd_kzg_g2_tau(hd_bls_e2_affine *r) {
    HD_TABLE(hd_bls_fp2, k, 2) = {
        {{{0x6120a2099b0379f9u, 0xa2df815cb8210e4eu, 0xcb57be5577bd3d4fu, 0x62da0ea89a0c93f8u,
           0x02e0ee16968e150du, 0x171f09aea833acd5u}},
         {{0x11a3670749dfd455u, 0x04991d7b3abffadcu, 0x85446a8e14437f41u, 0x27174e7b4e76e3f2u,
           0x7bfa6dd397f60a20u, 0x02fcc329ac07080fu}}},
        {{{0xaa130838793b2317u, 0xe236dd220f891637u, 0x6502782925760980u, 0xd05c25f60557ec89u,
           0x6095767a44064474u, 0x185693917080d405u}},
         {{0x549f9e175b03dc0au, 0x32c0c95a77106cfeu, 0x64a74eae5705d080u, 0x53deeaf56659ed9eu,
           0x09a1d368508afb93u, 0x12cf3a4525b5e9bdu}}},
    };
    r->x = k[0];
    r->y = k[1];
}

/* Whether the proof holds; z and y are big-endian scalars below the order. */
HD_NOINL int hd_kzg_verify(const hd_bls_e1_affine *commitment, const uint8_t *z, const uint8_t *y,
                           const hd_bls_e1_affine *proof) {
    hd_bls_pair pair[2];
    hd_bls_e1_point sum, t;
    hd_bls_fp12 acc;
    uint64_t k[4];
    int cnt = 0;
    hd_kzg_g1_generator(&pair[0].p);
    hd_bls_e1_split(k, y);
    hd_bls_e1_mul(&sum, &pair[0].p, k);
    hd_bls_e1_neg(&sum, &sum);
    hd_bls_e1_split(k, z);
    hd_bls_e1_mul(&t, proof, k);
    hd_bls_e1_add(&sum, &sum, &t);
    hd_bls_e1_add_affine(&sum, &sum, commitment);
    if (!hd_bls_e1_is_inf(&sum)) {
        hd_bls_e1_to_affine(&pair[cnt].p, &sum);
        hd_kzg_g2_neg_generator(&pair[cnt].q);
        cnt++;
    }
    if (!hd_bls_e1_affine_is_inf(proof)) {
        pair[cnt].p = *proof;
        hd_kzg_g2_tau(&pair[cnt].q);
        cnt++;
    }
    hd_bls_fp12_one(&acc);
    hd_bls_miller(&acc, pair, cnt);
    return hd_bls_final_is_one(&acc);
}

/* in: versioned hash, z, y (32 bytes each), commitment, proof (48 each). out: the number of field
   elements in a blob and the order of their field, 32 bytes each. Returns 1, or 0 with out
   untouched if the hash is not the commitment's, a number or a point is malformed, or the proof is
   wrong. */
HD_NOINL int hd_kzg_point_evaluation(uint8_t *out, const uint8_t *in) {
    hd_bls_e1_affine commitment, proof;
    uint8_t hash[32];
    hd_sha256(hash, in + 96, 48);
    hash[0] = 0x01; /* VERSIONED_HASH_VERSION_KZG */
    if (!hd_is_equal(hash, in, 32) || !hd_kzg_is_scalar(in + 32) || !hd_kzg_is_scalar(in + 64) ||
        !hd_kzg_g1_read(&commitment, in + 96) || !hd_kzg_g1_read(&proof, in + 144) ||
        !hd_kzg_verify(&commitment, in + 32, in + 64, &proof))
        return 0;
    hd_zero(out, 32);
    out[30] = HD_KZG_FIELD_ELEMENTS_PER_BLOB >> 8;
    out[31] = HD_KZG_FIELD_ELEMENTS_PER_BLOB & 0xff;
    for (int i = 0; i < 32; i++)
        out[32 + i] = hd_kzg_modulus_byte(i);
    return 1;
}

#endif
