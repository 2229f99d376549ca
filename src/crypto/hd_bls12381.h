/* hd_bls12381.h - the curve BLS12-381 and its pairing: the precompiles of EIP-2537

   The public functions stand at the end: hd_bls_g1_add, hd_bls_g1_msm, hd_bls_g2_add,
   hd_bls_g2_msm, hd_bls_pairing, hd_bls_map_fp_to_g1, hd_bls_map_fp2_to_g2. Each takes EIP-2537's
   bytes and returns 1, or 0 for an input that the precompile must fail on, with the output
   untouched. Memory is bounded whatever the count of terms is; all functions may run at once on any
   number of threads.

   G1 is in E1: y^2 = x^3 + 4 over Fp, G2 in its twist E2: y^2 = x^3 + 4 (1 + i) over Fp2, both of
   order r = x^4 - x^2 + 1 with x = -HD_BLS_X. Functions of all points are named e1 and e2. */
#ifndef HD_BLS12381_H
#define HD_BLS12381_H

#include "base/hd_base.h"
#include "crypto/hd_bls_field.h"

/* From this many terms on a sum is made with buckets; measured on the host. */
#define HD_BLS_BUCKET_MIN 8

/* Pairs whose Miller loops share their squarings. Bounds the stack: about 600 bytes a pair. */
#define HD_BLS_PAIR_CHUNK_MAX 4

/* ---- what the two groups need from outside hd_bls_curve.inc ---- */

/* EIP-2537: 64 big-endian bytes, of which the first 16 are zero, below p. */
HD_NOINL int hd_bls_fp_decode(hd_bls_fp *r, const uint8_t *in) {
    uint8_t top = 0;
    for (int i = 0; i < 16; i++)
        top |= in[i];
    return top == 0 && hd_bls_fp_read(r, in + 16);
}

HD_NOINL void hd_bls_fp_encode(uint8_t *out, const hd_bls_fp *a) {
    hd_zero(out, 16);
    hd_bls_fp_write(out + 16, a);
}

HD_NOINL int hd_bls_fp2_decode(hd_bls_fp2 *r, const uint8_t *in) {
    return hd_bls_fp_decode(&r->c0, in) && hd_bls_fp_decode(&r->c1, in + 64);
}

HD_NOINL void hd_bls_fp2_encode(uint8_t *out, const hd_bls_fp2 *a) {
    hd_bls_fp_encode(out, &a->c0);
    hd_bls_fp_encode(out + 64, &a->c1);
}

HD_NOINL void hd_bls_e1_add_b(hd_bls_fp *a) {
    HD_TABLE(hd_bls_fp, four, 1) = {
        {{0xaa270000000cfff3u, 0x53cc0032fc34000au, 0x478fe97a6b0a807fu, 0xb1d37ebee6ba24d7u,
          0x8ec9733bbf78ab2fu, 0x09d645513d83de7eu}},
    };
    hd_bls_fp_add(a, a, &four[0]);
}

HD_NOINL void hd_bls_e2_add_b(hd_bls_fp2 *a) {
    hd_bls_e1_add_b(&a->c0);
    hd_bls_e1_add_b(&a->c1);
}

/* (x, y) -> (beta x, -y) with a cube root of unity beta: times HD_BLS_X^2 in G1. */
HD_NOINL void hd_bls_e1_endo(hd_bls_fp *x, hd_bls_fp *y, hd_bls_fp *z) {
    HD_TABLE(hd_bls_fp, beta, 1) = {
        {{0x30f1361b798a64e8u, 0xf3b8ddab7ece5a2au, 0x16a8ca3ac61577f7u, 0xc26a2ff874fd029bu,
          0x3636b76660701c6eu, 0x051ba4ab241b6160u}},
    };
    (void)z;
    hd_bls_fp_mul(x, x, &beta[0]);
    hd_bls_fp_neg(y, y);
}

/* psi = (conj(x) / xi^((p-1)/3), conj(y) / xi^((p-1)/2)) with xi = 1 + i: to the twist's cover, its
   Frobenius and back. It multiplies G2 by -HD_BLS_X. */
HD_NOINL void hd_bls_g2_psi(hd_bls_fp2 *x, hd_bls_fp2 *y, hd_bls_fp2 *z) {
    HD_TABLE(hd_bls_fp2, k, 2) = {
        {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}},
         {{0x890dc9e4867545c3u, 0x2af322533285a5d5u, 0x50880866309b7e2cu, 0xa20d1b8c7e881024u,
           0x14e4f04fe2db9068u, 0x14e56d3f1564853au}}},
        {{{0x3e2f585da55c9ad1u, 0x4294213d86c18183u, 0x382844c88b623732u, 0x92ad2afd19103e18u,
           0x1d794e4fac7cf0b9u, 0x0bd592fc7d825ec8u}},
         {{0x7bcfa7a25aa30fdau, 0xdc17dec12a927e7cu, 0x2f088dd86b4ebef1u, 0xd1ca2087da74d4a7u,
           0x2da2596696cebc1du, 0x0e2b7eedbbfd87d2u}}},
    };
    hd_bls_fp2_conj(x, x);
    hd_bls_fp2_conj(y, y);
    hd_bls_fp2_conj(z, z);
    hd_bls_fp2_mul(x, x, &k[0]);
    hd_bls_fp2_mul(y, y, &k[1]);
}

HD_NOINL void hd_bls_e2_endo(hd_bls_fp2 *x, hd_bls_fp2 *y, hd_bls_fp2 *z) {
    hd_bls_g2_psi(x, y, z);
    hd_bls_fp2_neg(y, y);
}

/* r = a mod r of the group's order; 2^256 < 3 r. */
HD_NOINL void hd_bls_scalar_read(uint64_t *k, const uint8_t *in) {
    HD_TABLE(uint64_t, order, 4) = {0xffffffff00000001u, 0x53bda402fffe5bfeu, 0x3339d80809a1d805u,
                                    0x73eda753299d7d48u};
    for (int i = 0; i < 4; i++)
        k[i] = hd_load_be64(in + 8 * (3 - i));
    for (int n = 0; n < 2; n++) {
        uint64_t t[4], brw = 0;
        for (int i = 0; i < 4; i++)
            t[i] = hd_bls_sbb(k[i], order[i], &brw);
        for (int i = 0; i < 4; i++)
            k[i] = brw ? k[i] : t[i];
    }
}

/* Cuts a scalar into two digits of base HD_BLS_X^2, k[0,2) and k[2,4). */
HD_NOINL void hd_bls_e1_split(uint64_t *k, const uint8_t *in) {
    const uint64_t b0 = 0x0000000100000000u, b1 = 0xac45a4010001a402u; /* the base */
    const uint64_t m0 = 0xb1fb72917b67f717u, m1 = 0xbe35f678f00fd56eu; /* 2^255 / base, rounded */
    uint64_t n[4], q0, q1, lo, hi, cry, brw;
    hd_bls_scalar_read(n, in);
    /* q = (n >> 127) * m >> 128 is the quotient or up to 4 less, as each rounding costs under 2. */
    uint64_t h0 = n[2] << 1 | n[1] >> 63, h1 = n[3] << 1 | n[2] >> 63;
    uint64_t t1, t2;
    (void)hd_bls_mul64(&t1, h0, m0);
    lo = hd_bls_mul64(&t2, h0, m1);
    cry = 0;
    t1 = hd_bls_adc(t1, lo, &cry);
    t2 += cry; /* a high half is at most 2^64 - 2 */
    lo = hd_bls_mul64(&hi, h1, m0);
    cry = 0;
    t1 = hd_bls_adc(t1, lo, &cry);
    q0 = hd_bls_adc(t2, hi, &cry);
    q1 = cry;
    lo = hd_bls_mul64(&hi, h1, m1);
    cry = 0;
    q0 = hd_bls_adc(q0, lo, &cry);
    q1 = hd_bls_adc(q1, hi, &cry);
    /* n - q * base fits in three words. */
    lo = hd_bls_mul64(&hi, q0, b0);
    brw = 0;
    n[0] = hd_bls_sbb(n[0], lo, &brw);
    n[1] = hd_bls_sbb(n[1], hi, &brw);
    n[2] -= brw;
    lo = hd_bls_mul64(&hi, q0, b1);
    brw = 0;
    n[1] = hd_bls_sbb(n[1], lo, &brw);
    n[2] = hd_bls_sbb(n[2], hi, &brw);
    lo = hd_bls_mul64(&hi, q1, b0);
    brw = 0;
    n[1] = hd_bls_sbb(n[1], lo, &brw);
    n[2] = hd_bls_sbb(n[2], hi, &brw);
    n[2] -= q1 * b1;
    for (int i = 0; i < 4; i++) {
        uint64_t s0, s1, s2;
        brw = 0;
        s0 = hd_bls_sbb(n[0], b0, &brw);
        s1 = hd_bls_sbb(n[1], b1, &brw);
        s2 = hd_bls_sbb(n[2], 0, &brw);
        if (brw)
            break;
        n[0] = s0;
        n[1] = s1;
        n[2] = s2;
        cry = 1;
        q0 = hd_bls_adc(q0, 0, &cry);
        q1 += cry;
    }
    k[0] = n[0];
    k[1] = n[1];
    k[2] = q0;
    k[3] = q1;
}

/* Cuts a scalar into four digits of base HD_BLS_X. */
HD_NOINL void hd_bls_e2_split(uint64_t *k, const uint8_t *in) {
    const uint64_t m = 0x9c0902652b66ab5au; /* 2^127 / HD_BLS_X, rounded */
    hd_bls_e1_split(k, in);
    for (int i = 0; i < 4; i += 2) {
        /* q = (n >> 64) * m >> 63 is the quotient of n < HD_BLS_X^2 or up to 4 less. */
        uint64_t hi, lo = hd_bls_mul64(&hi, k[i + 1], m);
        uint64_t q = hi << 1 | lo >> 63, brw = 0;
        lo = hd_bls_mul64(&hi, q, HD_BLS_X);
        uint64_t n0 = hd_bls_sbb(k[i], lo, &brw);
        uint64_t n1 = hd_bls_sbb(k[i + 1], hi, &brw);
        for (int j = 0; j < 4 && (n1 || n0 >= HD_BLS_X); j++) {
            n1 -= n0 < HD_BLS_X;
            n0 -= HD_BLS_X;
            q++;
        }
        k[i] = n0;
        k[i + 1] = q;
    }
}

#define HD_BLS_F hd_bls_fp
#define HD_BLS_FN(n) hd_bls_fp_##n
#define HD_BLS_G(n) hd_bls_e1_##n
#define HD_BLS_PIECES 2
#define HD_BLS_PIECE_BITS 128
#define HD_BLS_POINT_SZ 128
#include "crypto/hd_bls_curve.inc"

#define HD_BLS_F hd_bls_fp2
#define HD_BLS_FN(n) hd_bls_fp2_##n
#define HD_BLS_G(n) hd_bls_e2_##n
#define HD_BLS_PIECES 4
#define HD_BLS_PIECE_BITS 64
#define HD_BLS_POINT_SZ 256
#include "crypto/hd_bls_curve.inc"

/* ---- pairing ---- */

/* One pair in the Miller loop: P in G1, Q in G2, and the running multiple T of Q with x = X/Z and
   y = Y/Z (lines are cheaper so than in Jacobian form). */
typedef struct {
    hd_bls_e1_affine p;
    hd_bls_e2_affine q;
    hd_bls_e2_point t;
} hd_bls_pair;

/* Doubles T and multiplies f by the tangent at T, taken at P. With l = dy/dx the line through
   (x, y) of the twist is (l x - y) - l xP v + yP v w, up to factors that the final power kills;
   here it is scaled by 2YZ. */
HD_NOINL void hd_bls_line_dbl(hd_bls_fp12 *f, hd_bls_pair *s) {
    hd_bls_fp2 a, b, c, e, g, h, j;
    hd_bls_e2_point *t = &s->t;
    hd_bls_fp2_mul(&a, &t->x, &t->y);
    hd_bls_fp2_sqr(&b, &t->y);
    hd_bls_fp2_sqr(&c, &t->z);
    hd_bls_fp2_add(&h, &t->y, &t->z);
    hd_bls_fp2_sqr(&h, &h);
    hd_bls_fp2_sub(&h, &h, &b);
    hd_bls_fp2_sub(&h, &h, &c); /* h = 2 Y Z */
    hd_bls_fp2_dbl(&e, &c);
    hd_bls_fp2_add(&e, &e, &c);
    hd_bls_fp2_dbl(&e, &e);
    hd_bls_fp2_dbl(&e, &e);
    hd_bls_fp2_mul_xi(&e, &e); /* e = 3 b Z^2 with the twist's b = 4 (1 + i) */
    hd_bls_fp2_sqr(&j, &t->x);
    hd_bls_fp2_dbl(&g, &j);
    hd_bls_fp2_add(&j, &g, &j);
    /* The double, scaled by 4: X = 2 a (b - 3e), Y = (b + 3e)^2 - 12 e^2, Z = 4 b h. */
    hd_bls_fp2_dbl(&g, &e);
    hd_bls_fp2_add(&g, &g, &e);
    hd_bls_fp2_sub(&c, &b, &g);
    hd_bls_fp2_mul(&t->x, &a, &c);
    hd_bls_fp2_dbl(&t->x, &t->x);
    hd_bls_fp2_add(&g, &g, &b);
    hd_bls_fp2_sqr(&g, &g);
    hd_bls_fp2_sqr(&c, &e);
    hd_bls_fp2_dbl(&c, &c);
    hd_bls_fp2_dbl(&c, &c);
    hd_bls_fp2_sub(&g, &g, &c);
    hd_bls_fp2_sub(&g, &g, &c);
    hd_bls_fp2_sub(&t->y, &g, &c);
    hd_bls_fp2_mul(&t->z, &b, &h);
    hd_bls_fp2_dbl(&t->z, &t->z);
    hd_bls_fp2_dbl(&t->z, &t->z);
    hd_bls_fp2_sub(&b, &b, &e);
    hd_bls_fp2_neg(&j, &j);
    hd_bls_fp2_mul_fp(&j, &j, &s->p.x);
    hd_bls_fp2_mul_fp(&h, &h, &s->p.y);
    hd_bls_fp12_mul_line(f, f, &b, &j, &h);
}

/* Adds Q to T and multiplies f by the chord, scaled by the difference of the x. T is a multiple of
   Q other than Q and -Q, as Q has the large prime order r. */
HD_NOINL void hd_bls_line_add(hd_bls_fp12 *f, hd_bls_pair *s) {
    hd_bls_fp2 dy, dx, a, c, e, g;
    hd_bls_e2_point *t = &s->t;
    hd_bls_fp2_mul(&a, &s->q.y, &t->z);
    hd_bls_fp2_sub(&dy, &t->y, &a);
    hd_bls_fp2_mul(&a, &s->q.x, &t->z);
    hd_bls_fp2_sub(&dx, &t->x, &a);
    hd_bls_fp2_sqr(&c, &dy);
    hd_bls_fp2_mul(&c, &c, &t->z);
    hd_bls_fp2_sqr(&a, &dx);
    hd_bls_fp2_mul(&e, &a, &dx);
    hd_bls_fp2_mul(&g, &a, &t->x);
    hd_bls_fp2_add(&c, &c, &e);
    hd_bls_fp2_sub(&c, &c, &g);
    hd_bls_fp2_sub(&c, &c, &g);
    hd_bls_fp2_mul(&t->x, &dx, &c);
    hd_bls_fp2_sub(&g, &g, &c);
    hd_bls_fp2_mul(&g, &g, &dy);
    hd_bls_fp2_mul(&a, &e, &t->y);
    hd_bls_fp2_sub(&t->y, &g, &a);
    hd_bls_fp2_mul(&t->z, &t->z, &e);
    hd_bls_fp2_mul(&a, &dy, &s->q.x);
    hd_bls_fp2_mul(&c, &dx, &s->q.y);
    hd_bls_fp2_sub(&a, &a, &c);
    hd_bls_fp2_neg(&dy, &dy);
    hd_bls_fp2_mul_fp(&dy, &dy, &s->p.x);
    hd_bls_fp2_mul_fp(&dx, &dx, &s->p.y);
    hd_bls_fp12_mul_line(f, f, &a, &dy, &dx);
}

/* Multiplies acc by the Miller functions of cnt pairs, neither of whose points is at infinity. */
HD_NOINL void hd_bls_miller(hd_bls_fp12 *acc, hd_bls_pair *pair, int cnt) {
    hd_bls_fp12 f;
    if (cnt == 0)
        return;
    hd_bls_fp12_one(&f);
    for (int i = 0; i < cnt; i++)
        hd_bls_e2_from_affine(&pair[i].t, &pair[i].q);
    for (int bit = 62; bit >= 0; bit--) {
        if (bit != 62)
            hd_bls_fp12_sqr(&f, &f);
        for (int i = 0; i < cnt; i++) {
            hd_bls_line_dbl(&f, &pair[i]);
            if (HD_BLS_X >> bit & 1)
                hd_bls_line_add(&f, &pair[i]);
        }
    }
    hd_bls_fp12_conj(&f, &f); /* the family's parameter is negative */
    hd_bls_fp12_mul(acc, acc, &f);
}

/* Whether f^((p^12-1)/r) is 1. The power taken is three times that, which r does not divide:
   (p^6-1) (p^2+1) ((x-1)^2 (x+p) (x^2+p^2-1) + 3), by Hayashida, Hayasaka and Teruya. */
HD_NOINL int hd_bls_final_is_one(const hd_bls_fp12 *f) {
    hd_bls_fp12 a, b, c;
    hd_bls_fp12_inv(&a, f);
    hd_bls_fp12_conj(&b, f);
    hd_bls_fp12_mul(&a, &a, &b);
    hd_bls_fp12_frobenius(&b, &a);
    hd_bls_fp12_frobenius(&b, &b);
    hd_bls_fp12_mul(&a, &a, &b); /* from here on in the cyclotomic subgroup */
    hd_bls_fp12_cyclo_pow_x(&b, &a);
    hd_bls_fp12_conj(&c, &a);
    hd_bls_fp12_mul(&b, &b, &c);
    hd_bls_fp12_cyclo_pow_x(&c, &b);
    hd_bls_fp12_conj(&b, &b);
    hd_bls_fp12_mul(&b, &b, &c); /* a^((x-1)^2) */
    hd_bls_fp12_cyclo_pow_x(&c, &b);
    hd_bls_fp12_frobenius(&b, &b);
    hd_bls_fp12_mul(&b, &b, &c); /* to x + p */
    hd_bls_fp12_cyclo_pow_x(&c, &b);
    hd_bls_fp12_cyclo_pow_x(&c, &c);
    hd_bls_fp12 d;
    hd_bls_fp12_frobenius(&d, &b);
    hd_bls_fp12_frobenius(&d, &d);
    hd_bls_fp12_mul(&c, &c, &d);
    hd_bls_fp12_conj(&b, &b);
    hd_bls_fp12_mul(&b, &b, &c); /* to x^2 + p^2 - 1 */
    hd_bls_fp12_cyclo_sqr(&c, &a);
    hd_bls_fp12_mul(&c, &c, &a);
    hd_bls_fp12_mul(&b, &b, &c);
    return hd_bls_fp12_is_one(&b);
}

/* ---- maps from fields (RFC 9380, simplified SWU and isogeny) ---- */

/* Evaluates sum k[i] x^i d^(deg-i), with the leading coefficient 1 if it is not in the table. */
HD_NOINL void hd_bls_fp_poly(hd_bls_fp *r, const hd_bls_fp *k, int deg, int is_monic,
                             const hd_bls_fp *x, const hd_bls_fp *d) {
    hd_bls_fp t, pow = *d;
    if (is_monic)
        hd_bls_fp_one(&t);
    else
        t = k[deg];
    for (int i = deg - 1; i >= 0; i--) {
        hd_bls_fp_mul_sum(&t, &t, x, &k[i], &pow);
        if (i > 0)
            hd_bls_fp_mul(&pow, &pow, d);
    }
    *r = t;
}

HD_NOINL void hd_bls_fp2_poly(hd_bls_fp2 *r, const hd_bls_fp2 *k, int deg, int is_monic,
                              const hd_bls_fp2 *x, const hd_bls_fp2 *d) {
    hd_bls_fp2 t, pow = *d, c;
    if (is_monic)
        hd_bls_fp2_one(&t);
    else
        t = k[deg];
    for (int i = deg - 1; i >= 0; i--) {
        hd_bls_fp2_mul(&c, &k[i], &pow);
        hd_bls_fp2_mul(&t, &t, x);
        hd_bls_fp2_add(&t, &t, &c);
        if (i > 0)
            hd_bls_fp2_mul(&pow, &pow, d);
    }
    *r = t;
}

/* The 11-isogeny to G1's curve from (x / d, y), its coefficients least degree first. */
HD_NOINL void hd_bls_g1_isogeny(hd_bls_e1_point *r, const hd_bls_fp *x, const hd_bls_fp *d,
                                const hd_bls_fp *y) {
    HD_TABLE(hd_bls_fp, k, 53) = {
        /* x_num */
        {{0x4d18b6f3af00131cu, 0x19fa219793fee28cu, 0x3f2885f1467f19aeu, 0x23dcea34f2ffb304u,
          0xd15b58d2ffc00054u, 0x0913be200a20bef4u}},
        {{0x898985385cdbbd8bu, 0x3c79e43cc7d966aau, 0x1597e193f4cd233au, 0x8637ef1e4d6623adu,
          0x11b22deed20d827bu, 0x07097bc5998784adu}},
        {{0xa542583a480b664bu, 0xfc7169c026e568c6u, 0x5ba2ef314ed8b5a6u, 0x5b5491c05102f0e7u,
          0xdf6e99707d2a0079u, 0x0784151ed7605524u}},
        {{0x494e212870f72741u, 0xab9be52fbda43021u, 0x26f5577994e34c3du, 0x049dfee82aefbd60u,
          0x65dadd7828505289u, 0x0e93d431ea011aebu}},
        {{0x90ee774bd6a74d45u, 0x7ada1c8a41bfb185u, 0x0f1a8953b325f464u, 0x104c24211be4805cu,
          0x169139d319ea7a8fu, 0x09f20ead8e532bf6u}},
        {{0x6ddd93e2f43626b7u, 0xa5482c9aa1ccd7bdu, 0x143245631883f4bdu, 0x2e0a94ccf77ec0dbu,
          0xb0282d480e56489fu, 0x18f4bfcbb4368929u}},
        {{0x23c5f0c953402dfdu, 0x7a43ff6958ce4fe9u, 0x2c390d3d2da5df63u, 0xd0df5c98e1f9d70fu,
          0xffd89869a572b297u, 0x1277ffc72f25e8feu}},
        {{0x79f4f0490f06a8a6u, 0x85f894a88030fd81u, 0x12da3054b18b6410u, 0xe2a57f6505880d65u,
          0xbba074f260e400f1u, 0x08b76279f621d028u}},
        {{0xe67245ba78d5b00bu, 0x8456ba9a1f186475u, 0x7888bff6e6b33bb4u, 0xe21585b9a30f86cbu,
          0x05a69cdcef55feeeu, 0x09e699dd9adfa5acu}},
        {{0x0de5c357bff57107u, 0x0a0db4ae6b1a10b2u, 0xe256bb67b3b3cd8du, 0x8ad456574e9db24fu,
          0x0443915f50fd4179u, 0x098c4bf7de8b6375u}},
        {{0xe6b0617e7dd929c7u, 0xfe6e37d442537375u, 0x1dafdeda137a489eu, 0xe4efd1ad3f767cebu,
          0x4a51d8667f0fe1cfu, 0x054fdf4bbf1d821cu}},
        {{0x72db2a50658d767bu, 0x8abf91faa257b3d5u, 0xe969d6833764ab47u, 0x464170142a1009ebu,
          0xb14f01aadb30be2fu, 0x18ae6a856f40715du}},
        /* x_den */
        {{0xb962a077fdb0f945u, 0xa6a9740fefda13a0u, 0xc14d568c3ed6c544u, 0xb43fc37b908b133eu,
          0x9c0b3ac929599016u, 0x0165aa6c93ad115fu}},
        {{0x23279a3ba506c1d9u, 0x92cfca0a9465176au, 0x3b294ab13755f0ffu, 0x116dda1c5070ae93u,
          0xed4530924cec2045u, 0x083383d6ed81f1ceu}},
        {{0x9885c2a6449fecfcu, 0x4a2b54ccd37733f0u, 0x17da9ffd8738c142u, 0xa0fba72732b3fafdu,
          0xff364f36e54b6812u, 0x0f29c13c660523e2u}},
        {{0xe349cc118278f041u, 0xd487228f2f3204fbu, 0xc9d325849ade5150u, 0x43a92bd69c15c2dfu,
          0x1c2c7844bc417be4u, 0x12025184f407440cu}},
        {{0x587f65ae6acb057bu, 0x1444ef325140201fu, 0xfbf995e71270da49u, 0xccda066072436a42u,
          0x7408904f0f186bb2u, 0x13b93c63edf6c015u}},
        {{0xfb918622cd141920u, 0x4a4c64423ecaddb4u, 0x0beb232927f7fb26u, 0x30f94df6f83a3dc2u,
          0xaeedd424d780f388u, 0x06cc402dd594bbebu}},
        {{0xd41f761151b23f8fu, 0x32a92465435719b3u, 0x64f436e888c62cb9u, 0xdf70a9a1f757c6e4u,
          0x6933a38d5b594c81u, 0x0c6f7f7237b46606u}},
        {{0x693c08747876c8f7u, 0x22c9850bf9cf80f0u, 0x8e9071dab950c124u, 0x89bc62d61c7baf23u,
          0xbc6be2d8dad57c23u, 0x17916987aa14a122u}},
        {{0x1be3ff439c1316fdu, 0x9965243a7571dfa7u, 0xc7f7f62962f5cd81u, 0x32c6aa9af394361cu,
          0xbbc2ee18e1c227f4u, 0x0c102cbac531bb34u}},
        {{0x997614c97bacbf07u, 0x61f86372b99192c0u, 0x5b8c95fc14353fc3u, 0xca2b066c2a87492fu,
          0x16178f5bbf698711u, 0x12a6dcd7f0f4e0e8u}},
        /* y_num */
        {{0x2b567ff3e2837267u, 0x1d4d9e57b958a767u, 0xce028fea04bd7373u, 0xcc31a30a0b6cd3dfu,
          0x7d7b18a682692693u, 0x0d300744d42a0310u}},
        {{0x99c2555fa542493fu, 0xfe7f53cc4874f878u, 0x5df0608b8f97608au, 0x14e03832052b49c8u,
          0x706326a6957dd5a4u, 0x0a8dadd9c2414555u}},
        {{0x13d942922a5cf63au, 0x357e33e36e261e7du, 0xcf05a27c8456088du, 0x0000bd1de7ba50f0u,
          0x83d0c7532f8c1fdeu, 0x13f70bf38bbf2905u}},
        {{0x5c57fd95bfafbdbbu, 0x28a359a65e541707u, 0x3983ceb4f6360b6du, 0xafe19ff6f97e6d53u,
          0xb3468f4550192bf7u, 0x0bb6cde49d8ba257u}},
        {{0x590b62c7ff8a513fu, 0x314b4ce372cacefdu, 0x6bef32ce94b8a800u, 0x6ddf84a095713d5fu,
          0x64eace4cb0982191u, 0x0386213c651b888du}},
        {{0xa5310a31111bbcddu, 0xa14ac0f5da148982u, 0xf9ad9cc95423d2e9u, 0xaa6ec095283ee4a7u,
          0xcf5b1f022e1c9107u, 0x01fddf5aed881793u}},
        {{0x65a572b0d7a7d950u, 0xe25c2d8183473a19u, 0xc2fcebe7cb877dbdu, 0x05b2d36c769a89b0u,
          0xba12961be86e9efbu, 0x07eb1b29c1dfde1fu}},
        {{0x93e09572f7c4cd24u, 0x364e929076795091u, 0x8569467e68af51b5u, 0xa47da89439f5340fu,
          0xf4fa918082e44d64u, 0x0ad52ba3e6695a79u}},
        {{0x911429844e0d5f54u, 0xd03f51a3516bb233u, 0x3d587e5640536e66u, 0xfa86d2a3a9a73482u,
          0xa90ed5adf1ed5537u, 0x149c9c326a5e7393u}},
        {{0x462bbeb03c12921au, 0xdc9af5fa0a274a17u, 0x9a558ebde836ebedu, 0x649ef8f11a4fae46u,
          0x8100e1652b3cdc62u, 0x1862bd62c291dacbu}},
        {{0x05c9b8ca89f12c26u, 0x0194160fa9b9ac4fu, 0x6a643d5a6879fa2cu, 0x14665bdd8846e19du,
          0xbb1d0d53af3ff6bfu, 0x12c7e1c3b28962e5u}},
        {{0xb55ebf900b8a3e17u, 0xfedc77ec1a9201c4u, 0x1f07db10ea1a4df4u, 0x0dfbd15dc41a594du,
          0x389547f2334a5391u, 0x02419f98165871a4u}},
        {{0xb416af000745fc20u, 0x8e563e9d1ea6d0f5u, 0x7c763e17763a0652u, 0x01458ef0159ebbefu,
          0x8346fe421f96bb13u, 0x0d2d7b829ce324d2u}},
        {{0x93096bb538d64615u, 0x6f2a2619951d823au, 0x8f66b3ea59514fa4u, 0xf563e63704f7092fu,
          0x724b136c4cf2d9fau, 0x046959cfcfd0bf49u}},
        {{0xea748d4b6e405346u, 0x91e9079c2c02d58fu, 0x41064965946d9b59u, 0xa06731f1d2bbe1eeu,
          0x07f897e267a33f1bu, 0x1017290919210e5fu}},
        {{0x872aa6c17d985097u, 0xeecc53161264562au, 0x07afe37afff55002u, 0x54759078e5be6838u,
          0xc4b92d15db8acca8u, 0x106d87d1b51d13b9u}},
        /* y_den */
        {{0xeb6c359d47e52b1cu, 0x18ef5f8a10634d60u, 0xddfa71a0889d5b7eu, 0x723e71dcc5fc1323u,
          0x52f45700b70d5c69u, 0x0a8b981ee47691f1u}},
        {{0x616a3c4f5535b9fbu, 0x6f5f037395dbd911u, 0xf25f4cc5e35c65dau, 0x3e50dffea3c62658u,
          0x6a33dca523560776u, 0x0fadeff77b6bfe3eu}},
        {{0x2be9b66df470059cu, 0x24a2c159a3d36742u, 0x115dbe7ad10c2a37u, 0xb6634a652ee5884du,
          0x04fe8bb2b8d81af4u, 0x01c2a7a256fe9c41u}},
        {{0xf27bf8ef3b75a386u, 0x898b367476c9073fu, 0x24482e6b8c2f4e5fu, 0xc8e0bbd6fe110806u,
          0x59b0c17f7631448au, 0x11037cd58b3dbfbdu}},
        {{0x31c7912ea267eec6u, 0x1dbf6f1c5fcdb700u, 0xd30d4fe3ba86fdb1u, 0x3cae528fbee9a2a4u,
          0xb1cce69b6aa9ad9au, 0x044393bb632d94fbu}},
        {{0xc66ef6efeeb5c7e8u, 0x9824c289dd72bb55u, 0x71b1a4d2f119981du, 0x104fc1aafb0919ccu,
          0x0e49df01d942a628u, 0x096c3a09773272d4u}},
        {{0x9abc11eb5fadeff4u, 0x32dca50a885728f0u, 0xfb1fa3721569734cu, 0xc4b76271ea6506b3u,
          0xd466a75599ce728eu, 0x0c81d4645f4cb6edu}},
        {{0x4199f10e5b8be45bu, 0xda64e495b1e87930u, 0xcb353efe9b33e4ffu, 0x9e9efb24aa6424c6u,
          0xf08d33680a237465u, 0x0d3378023e4c7406u}},
        {{0x7eb4ae92ec74d3a5u, 0xc341b4aa9fac3497u, 0x5be603899e907687u, 0x03bfd9cca75cbdebu,
          0x564c2935a96bfa93u, 0x0ef3c33371e2fdb5u}},
        {{0x7ee91fd449f6ac2eu, 0xe5d5bd5cb9357a30u, 0x773a8ca5196b1380u, 0xd0fda172174ed023u,
          0x6cb95e0fa776aeadu, 0x0d22d5a40cec7cffu}},
        {{0xf727e09285fd8519u, 0xdc9d55a83017897bu, 0x7549d8bd057894aeu, 0x178419613d90d8f8u,
          0xfce95ebdeb5b490au, 0x0467ffaef23fc49eu}},
        {{0xc1769e6a7c385f1bu, 0x79bc930deac01c03u, 0x5461c75a23ede3b5u, 0x6e20829e5c230c45u,
          0x828e0f1e772a53cdu, 0x116aefa749127bffu}},
        {{0x101c10bf2744c10au, 0xbbf18d053a6a3154u, 0xa0ecf39ef026f602u, 0xfc009d4996dc5153u,
          0xb9000209d5bd08d3u, 0x189e5fe4470cd73cu}},
        {{0x7ebd546ca1575ed2u, 0xe47d5a981d081b55u, 0x57b2b625b6d4ca21u, 0xb0a1ba04228520ccu,
          0x98738983c2107ff3u, 0x13dddbc4799d81d6u}},
        {{0x09319f2e39834935u, 0x039e952cbdb05c21u, 0x55ba77a9a2f76493u, 0xfd04e3dfc6086467u,
          0xfb95832e7d78742eu, 0x0ef9c24eccaf5e0eu}},
    };
    hd_bls_fp xn, xd, yn, yd, t;
    hd_bls_fp_poly(&xn, k, 11, 0, x, d);
    hd_bls_fp_poly(&xd, k + 12, 10, 1, x, d);
    hd_bls_fp_mul(&xd, &xd, d); /* one degree less than xn */
    hd_bls_fp_poly(&yn, k + 22, 15, 0, x, d);
    hd_bls_fp_poly(&yd, k + 38, 15, 1, x, d);
    hd_bls_fp_mul(&yn, &yn, y);
    /* z = xd yd, x = xn/xd z^2, y = yn/yd z^3; a zero denominator stands for infinity. */
    hd_bls_fp_mul(&r->z, &xd, &yd);
    hd_bls_fp_mul(&t, &r->z, &yd);
    hd_bls_fp_mul(&r->x, &xn, &t);
    hd_bls_fp_mul(&t, &r->z, &xd);
    hd_bls_fp_mul(&t, &t, &r->z);
    hd_bls_fp_mul(&r->y, &yn, &t);
}

/* The 3-isogeny to G2's curve. */
HD_NOINL void hd_bls_g2_isogeny(hd_bls_e2_point *r, const hd_bls_fp2 *x, const hd_bls_fp2 *d,
                                const hd_bls_fp2 *y) {
    HD_TABLE(hd_bls_fp2, k, 13) = {
        /* x_num */
        {{{0x47f671c71ce05e62u, 0x06dd57071206393eu, 0x7c80cd2af3fd71a2u, 0x048103ea9e6cd062u,
           0xc54516acc8d037f6u, 0x13808f550920ea41u}},
         {{0x47f671c71ce05e62u, 0x06dd57071206393eu, 0x7c80cd2af3fd71a2u, 0x048103ea9e6cd062u,
           0xc54516acc8d037f6u, 0x13808f550920ea41u}}},
        {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}},
         {{0x5fe55555554c71d0u, 0x873fffdd236aaaa3u, 0x6a6b4619b26ef918u, 0x21c2888408874945u,
           0x2836cda7028cabc5u, 0x0ac73310a7fd5abdu}}},
        {{{0x0a0c5555555971c3u, 0xdb0c00101f9eaaaeu, 0xb1fb2f941d797997u, 0xd3960742ef416e1cu,
           0xb70040e2c20556f4u, 0x149d7861e581393bu}},
         {{0xaff2aaaaaaa638e8u, 0x439fffee91b55551u, 0xb535a30cd9377c8cu, 0x90e144420443a4a2u,
           0x941b66d3814655e2u, 0x0563998853fead5eu}}},
        {{{0x40aac71c71c725edu, 0x190955557a84e38eu, 0xd817050a8f41abc3u, 0xd86485d4c87f6fb1u,
           0x696eb479f885d059u, 0x198e1a74328002d2u}},
         {{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}}},
        /* x_den */
        {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}},
         {{0x1f3affffff13ab97u, 0xf25bfc611da3ff3eu, 0xca3757cb3819b208u, 0x3e6427366f8cec18u,
           0x03977bc86095b089u, 0x04f69db13f39a952u}}},
        {{{0x447600000027552eu, 0xdcb8009a43480020u, 0x6f7ee9ce4a6e8b59u, 0xb10330b7c0a95bc6u,
           0x6140b1fcfb1e54b7u, 0x0381be097f0bb4e1u}},
         {{0x7588ffffffd8557du, 0x41f3ff646e0bffdfu, 0xf7b1e8d2ac426acau, 0xb3741acd32dbb6f8u,
           0xe9daf5b9482d581fu, 0x167f53e0ba7431b8u}}},
        /* y_num */
        {{{0x96d8f684bdfc77beu, 0xb530e4f43b66d0e2u, 0x184a88ff379652fdu, 0x57cb23ecfae804e1u,
           0x0fd2e39eada3eba9u, 0x08c8055e31c5d5c3u}},
         {{0x96d8f684bdfc77beu, 0xb530e4f43b66d0e2u, 0x184a88ff379652fdu, 0x57cb23ecfae804e1u,
           0x0fd2e39eada3eba9u, 0x08c8055e31c5d5c3u}}},
        {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}},
         {{0xbf0a71c71c91b406u, 0x4d6d55d28b7638fdu, 0x9d82f98e5f205aeeu, 0xa27aa27b1d1a18d5u,
           0x02c3b2b2d2938e86u, 0x0c7d13420b09807fu}}},
        {{{0xd7f9555555531c74u, 0x21cffff748daaaa8u, 0x5a9ad1866c9bbe46u, 0x4870a2210221d251u,
           0x4a0db369c0a32af1u, 0x02b1ccc429ff56afu}},
         {{0xe205aaaaaaac8e37u, 0xfcdc000768795556u, 0x0c96011a8a1537ddu, 0x1c06a963f163406eu,
           0x010df44c82a881e6u, 0x174f45260f808febu}}},
        {{{0xa470bda12f67f35cu, 0xc0fe38e23327b425u, 0xc9d3d0f2c6f0678du, 0x1c55c9935b5a982eu,
           0x27f6c0e2f0746764u, 0x117c5e6e28aa9054u}},
         {{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}}},
        /* y_den */
        {{{0x0162fffffa765adfu, 0x8f7bea480083fb75u, 0x561b3c2259e93611u, 0x11e19fc1a9c875d5u,
           0xca713efc00367660u, 0x03c6a03d41da1151u}},
         {{0x0162fffffa765adfu, 0x8f7bea480083fb75u, 0x561b3c2259e93611u, 0x11e19fc1a9c875d5u,
           0xca713efc00367660u, 0x03c6a03d41da1151u}}},
        {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}},
         {{0x5db0fffffd3b02c5u, 0xd713f52358ebfdbau, 0x5ea60761a84d161au, 0xbb2c75a34ea6c44au,
           0x0ac6735921c1119bu, 0x0ee3d913bdacfbf6u}}},
        {{{0x66b10000003affc5u, 0xcb1400e764ec0030u, 0xa73e5eb56fa5d106u, 0x8984c913a0fe09a9u,
           0x11e10afb78ad7f13u, 0x05429d0e3e918f52u}},
         {{0x534dffffffc4aae6u, 0x5397ff174c67ffcfu, 0xbff273eb870b251du, 0xdaf2827152870915u,
           0x393a9cbaca9e2dc3u, 0x14be74dbfaee5748u}}},
    };
    hd_bls_fp2 xn, xd, yn, yd, t;
    hd_bls_fp2_poly(&xn, k, 3, 0, x, d);
    hd_bls_fp2_poly(&xd, k + 4, 2, 1, x, d);
    hd_bls_fp2_mul(&xd, &xd, d);
    hd_bls_fp2_poly(&yn, k + 6, 3, 0, x, d);
    hd_bls_fp2_poly(&yd, k + 10, 3, 1, x, d);
    hd_bls_fp2_mul(&yn, &yn, y);
    hd_bls_fp2_mul(&r->z, &xd, &yd);
    hd_bls_fp2_mul(&t, &r->z, &yd);
    hd_bls_fp2_mul(&r->x, &xn, &t);
    hd_bls_fp2_mul(&t, &r->z, &xd);
    hd_bls_fp2_mul(&t, &t, &r->z);
    hd_bls_fp2_mul(&r->y, &yn, &t);
}

/* Simplified SWU onto y^2 = x^3 + A x + B, Z = 11, with x as a fraction xn / xd. */
HD_NOINL void hd_bls_g1_sswu(hd_bls_fp *xn, hd_bls_fp *xd, hd_bls_fp *y, const hd_bls_fp *u) {
    HD_TABLE(hd_bls_fp, k, 4) = {
        /* A, B, Z, a root of -Z^3 */
        {{0x2f65aa0e9af5aa51u, 0x86464c2d1e8416c3u, 0xb85ce591b7bd31e2u, 0x27e11c91b5f24e7cu,
          0x28376eda6bfc1835u, 0x155455c3e5071d85u}},
        {{0xfb996971fe22a1e0u, 0x9aa93eb35b742d6fu, 0x8c476013de99c5c4u, 0x873e27c3a221e571u,
          0xca72b5e45a52d888u, 0x06824061418a386bu}},
        {{0x886c00000023ffdcu, 0x0f70008d3090001du, 0x77672417ed5828c3u, 0x9dac23e943dc1740u,
          0x50553f1b9c131521u, 0x078c712fbe0ab6e8u}},
        {{0x43b571cad3215f1fu, 0xccb460ef1c702dc2u, 0x742d884f4f97100bu, 0xdb2c3e3238a3382bu,
          0xe40f3fa13fce8f88u, 0x0073a2af9892a2ffu}},
    };
    const hd_bls_fp *a = &k[0], *b = &k[1], *z = &k[2], *root = &k[3];
    hd_bls_fp zu, t, d2, gn, gd, e;
    hd_bls_fp_sqr(&zu, u);
    hd_bls_fp_mul(&zu, &zu, z); /* Z u^2 */
    hd_bls_fp_sqr(&t, &zu);
    hd_bls_fp_add(&t, &t, &zu);
    if (hd_bls_fp_is_zero(&t)) { /* the exceptional case: x1 = B / (Z A) */
        *xn = *b;
        hd_bls_fp_mul(xd, a, z);
    } else { /* x1 = B (t + 1) / (-A t) */
        hd_bls_fp_mul(xd, a, &t);
        hd_bls_fp_neg(xd, xd);
        hd_bls_fp_one(&e);
        hd_bls_fp_add(&t, &t, &e);
        hd_bls_fp_mul(xn, b, &t);
    }
    /* g(x1) = gn / gd with gd = xd^3 */
    hd_bls_fp_sqr(&d2, xd);
    hd_bls_fp_mul(&gd, &d2, xd);
    hd_bls_fp_sqr(&t, xn);
    hd_bls_fp_mul_sum(&t, &t, xn, &gd, b);
    hd_bls_fp_mul(&gn, a, &d2);
    hd_bls_fp_mul(&gn, &gn, xn);
    hd_bls_fp_add(&gn, &gn, &t);
    /* A root of gn/gd, or of its negative, is gn gd (gn gd^3)^((p-3)/4). */
    hd_bls_fp_mul(&t, &gn, &gd);
    hd_bls_fp_sqr(&e, &gd);
    hd_bls_fp_mul(&e, &e, &t);
    hd_bls_fp_pow_root(&e, &e);
    hd_bls_fp_mul(y, &t, &e);
    hd_bls_fp_sqr(&t, y);
    hd_bls_fp_mul(&t, &t, &gd);
    if (!hd_bls_fp_is_equal(&t, &gn)) {
        /* No root: x2 = Z u^2 x1 has g(x2) = Z^3 u^6 g(x1), whose root is sqrt(-Z^3) u^3 y. */
        hd_bls_fp_mul(xn, xn, &zu);
        hd_bls_fp_sqr(&t, u);
        hd_bls_fp_mul(&t, &t, u);
        hd_bls_fp_mul(&t, &t, root);
        hd_bls_fp_mul(y, y, &t);
    }
    if (hd_bls_fp_sign(u) != hd_bls_fp_sign(y))
        hd_bls_fp_neg(y, y);
}

/* The same over Fp2, Z = -(2 + i). */
HD_NOINL void hd_bls_g2_sswu(hd_bls_fp2 *xn, hd_bls_fp2 *xd, hd_bls_fp2 *y, const hd_bls_fp2 *u) {
    HD_TABLE(hd_bls_fp2, k, 3) = {
        /* A, B, Z */
        {{{0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u, 0x0000000000000000u,
           0x0000000000000000u, 0x0000000000000000u}},
         {{0xe53a000003135242u, 0x01080c0fdef80285u, 0xe7889edbe340f6bdu, 0x0b51375126310601u,
           0x02d6985717c744abu, 0x1220b4e979ea5467u}}},
        {{{0x22ea00000cf89db2u, 0x6ec832df71380aa4u, 0x6e1b94403db5a66eu, 0x75bf3c53a79473bau,
           0x3dd3a569412c0a34u, 0x125cdb5e74dc4fd1u}},
         {{0x22ea00000cf89db2u, 0x6ec832df71380aa4u, 0x6e1b94403db5a66eu, 0x75bf3c53a79473bau,
           0x3dd3a569412c0a34u, 0x125cdb5e74dc4fd1u}}},
        {{{0x87ebfffffff9555cu, 0x656fffe5da8ffffau, 0x0fd0749345d33ad2u, 0xd951e663066576f4u,
           0xde291a3d41e980d3u, 0x0815664c7dfe040du}},
         {{0x43f5fffffffcaaaeu, 0x32b7fff2ed47fffdu, 0x07e83a49a2e99d69u, 0xeca8f3318332bb7au,
           0xef148d1ea0f4c069u, 0x040ab3263eff0206u}}},
    };
    HD_TABLE(hd_bls_fp, root, 1) = {
        /* a root of -125 */
        {{0xe4132bbd838cf70au, 0x01d769ac83772c19u, 0xa83dd6e974c22e45u, 0xbc8ec3e777b08dffu,
          0xc035c2042ecf5da3u, 0x073929e97f0850bfu}},
    };
    const hd_bls_fp2 *a = &k[0], *b = &k[1], *z = &k[2];
    hd_bls_fp2 zu, t, d, g;
    hd_bls_fp n, e, s, q;
    hd_bls_fp2_sqr(&zu, u);
    hd_bls_fp2_mul(&zu, &zu, z);
    hd_bls_fp2_sqr(&t, &zu);
    hd_bls_fp2_add(&t, &t, &zu);
    if (hd_bls_fp2_is_zero(&t)) {
        *xn = *b;
        hd_bls_fp2_mul(xd, a, z);
    } else {
        hd_bls_fp2_mul(xd, a, &t);
        hd_bls_fp2_neg(xd, xd);
        hd_bls_fp2_one(&d);
        hd_bls_fp2_add(&t, &t, &d);
        hd_bls_fp2_mul(xn, b, &t);
    }
    /* The sign of y is needed, so x1 is made affine here, and g = g(x1). */
    hd_bls_fp2_inv(&d, xd);
    hd_bls_fp2_mul(xn, xn, &d);
    hd_bls_fp2_one(xd);
    hd_bls_fp2_sqr(&t, xn);
    hd_bls_fp2_add(&t, &t, a);
    hd_bls_fp2_mul(&g, &t, xn);
    hd_bls_fp2_add(&g, &g, b);
    /* g has a root if and only if its norm n has one in Fp. */
    hd_bls_fp2_norm(&n, &g);
    hd_bls_fp_pow_root(&e, &n);
    hd_bls_fp_mul(&s, &e, &n);
    hd_bls_fp_sqr(&q, &s);
    if (!hd_bls_fp_is_equal(&q, &n)) {
        /* x2 = Z u^2 x1, g(x2) = Z^3 u^6 g; its norm 125 |u|^6 n has the root
           sqrt(-125) |u|^3 s, as s^2 = -n and |Z| = 5. */
        hd_bls_fp2_mul(xn, xn, &zu);
        hd_bls_fp2_sqr(&t, &zu);
        hd_bls_fp2_mul(&t, &t, &zu);
        hd_bls_fp2_mul(&g, &g, &t);
        hd_bls_fp2_norm(&q, u);
        hd_bls_fp_sqr(&n, &q);
        hd_bls_fp_mul(&n, &n, &q);
        hd_bls_fp_mul(&n, &n, &root[0]);
        hd_bls_fp_mul(&s, &s, &n);
    }
    hd_bls_fp2_sqrt_norm(y, &g, &s);
    if (hd_bls_fp2_sign(u) != hd_bls_fp2_sign(y))
        hd_bls_fp2_neg(y, y);
}

/* Times RFC 9380's h_eff = HD_BLS_X + 1. */
HD_NOINL void hd_bls_g1_clear_cofactor(hd_bls_e1_point *r, const hd_bls_e1_point *p) {
    hd_bls_e1_point t;
    hd_bls_e1_mul_x(&t, p);
    hd_bls_e1_add(r, &t, p);
}

/* Times RFC 9380's h_eff, which is (x^2 - x - 1) p + (x - 1) psi(p) + psi^2(2 p) with x = -HD_BLS_X
   (Budroni and Pintore). */
HD_NOINL void hd_bls_g2_clear_cofactor(hd_bls_e2_point *r, const hd_bls_e2_point *p) {
    hd_bls_e2_point xp, ps, t, u;
    hd_bls_e2_mul_x(&xp, p);
    hd_bls_e2_neg(&xp, &xp); /* x p */
    ps = *p;
    hd_bls_g2_psi(&ps.x, &ps.y, &ps.z);
    hd_bls_e2_add(&t, &xp, &ps);
    hd_bls_e2_mul_x(&t, &t);
    hd_bls_e2_neg(&t, &t); /* x^2 p + x psi(p) */
    hd_bls_e2_add(&u, &xp, &ps);
    hd_bls_e2_add(&u, &u, p);
    hd_bls_e2_neg(&u, &u);
    hd_bls_e2_add(&t, &t, &u);
    hd_bls_e2_dbl(&u, p);
    hd_bls_g2_psi(&u.x, &u.y, &u.z);
    hd_bls_g2_psi(&u.x, &u.y, &u.z);
    hd_bls_e2_add(r, &t, &u);
}

/* ---- the precompiles ---- */

/* 0x0b BLS12_G1ADD: the sum of two points of the curve, not necessarily of the subgroup; 256 bytes
   in, 128 out. */
HD_NOINL int hd_bls_g1_add(uint8_t *out, const uint8_t *in) { return hd_bls_e1_add_bytes(out, in); }

/* 0x0c BLS12_G1MSM: cnt times a point of the subgroup and a scalar, 160 bytes each; 128 out. No
   term at all is invalid. */
HD_NOINL int hd_bls_g1_msm(uint8_t *out, const uint8_t *in, size_t cnt) {
    return hd_bls_e1_msm(out, in, cnt);
}

/* 0x0d BLS12_G2ADD: 512 bytes in, 256 out. */
HD_NOINL int hd_bls_g2_add(uint8_t *out, const uint8_t *in) { return hd_bls_e2_add_bytes(out, in); }

/* 0x0e BLS12_G2MSM: cnt terms of 288 bytes; 256 out. */
HD_NOINL int hd_bls_g2_msm(uint8_t *out, const uint8_t *in, size_t cnt) {
    return hd_bls_e2_msm(out, in, cnt);
}

/* 0x0f BLS12_PAIRING_CHECK: cnt pairs of 384 bytes, a point of G1 and one of G2, both of the
   subgroup; *is_one becomes 1 if the product of their pairings is 1, else 0. No pair at all is
   invalid. */
HD_NOINL int hd_bls_pairing(uint32_t *is_one, const uint8_t *in, size_t cnt) {
    hd_bls_pair pair[HD_BLS_PAIR_CHUNK_MAX];
    hd_bls_fp12 acc;
    int held_cnt = 0;
    if (cnt == 0)
        return 0;
    hd_bls_fp12_one(&acc);
    for (size_t i = 0; i < cnt; i++) {
        hd_bls_pair *s = &pair[held_cnt];
        if (!hd_bls_e1_read(&s->p, in + 384 * i) || !hd_bls_e2_read(&s->q, in + 384 * i + 128) ||
            !hd_bls_e1_is_on_curve(&s->p) || !hd_bls_e2_is_on_curve(&s->q) ||
            !hd_bls_e1_is_in_subgroup(&s->p) || !hd_bls_e2_is_in_subgroup(&s->q))
            return 0;
        if (hd_bls_e1_affine_is_inf(&s->p) || hd_bls_e2_affine_is_inf(&s->q))
            continue; /* its pairing is 1 */
        if (++held_cnt == HD_BLS_PAIR_CHUNK_MAX) {
            hd_bls_miller(&acc, pair, held_cnt);
            held_cnt = 0;
        }
    }
    hd_bls_miller(&acc, pair, held_cnt);
    *is_one = (uint32_t)hd_bls_final_is_one(&acc);
    return 1;
}

/* 0x10 BLS12_MAP_FP_TO_G1: 64 bytes in, 128 out. */
HD_NOINL int hd_bls_map_fp_to_g1(uint8_t *out, const uint8_t *in) {
    hd_bls_fp u, xn, xd, y;
    hd_bls_e1_point p;
    hd_bls_e1_affine a;
    if (!hd_bls_fp_decode(&u, in))
        return 0;
    hd_bls_g1_sswu(&xn, &xd, &y, &u);
    hd_bls_g1_isogeny(&p, &xn, &xd, &y);
    hd_bls_g1_clear_cofactor(&p, &p);
    hd_bls_e1_to_affine(&a, &p);
    hd_bls_e1_write(out, &a);
    return 1;
}

/* 0x11 BLS12_MAP_FP2_TO_G2: 128 bytes in, 256 out. */
HD_NOINL int hd_bls_map_fp2_to_g2(uint8_t *out, const uint8_t *in) {
    hd_bls_fp2 u, xn, xd, y;
    hd_bls_e2_point p;
    hd_bls_e2_affine a;
    if (!hd_bls_fp2_decode(&u, in))
        return 0;
    hd_bls_g2_sswu(&xn, &xd, &y, &u);
    hd_bls_g2_isogeny(&p, &xn, &xd, &y);
    hd_bls_g2_clear_cofactor(&p, &p);
    hd_bls_e2_to_affine(&a, &p);
    hd_bls_e2_write(out, &a);
    return 1;
}

#endif
