/* hd_inverse30.h - inversion modulo an odd 256-bit number in words of 30 bits, for the device.

   The divsteps of Bernstein and Yang ("Fast constant-time gcd computation and modular inversion",
   2019), begun at delta = 1/2, with which 590 steps are enough for 256-bit numbers. Thirty steps at
   a time look at the low words alone; their product, a 2x2 matrix, is then applied to the whole
   numbers. Nothing branches on a value, so the threads of a warp stay together; beside Fermat's
   power, which is 330 multiplications one after the other, the latency is a fifteenth.
   hd_field256.h has the same by 62 bits for the host. */
#ifndef HD_INVERSE30_H
#define HD_INVERSE30_H

#include "crypto/hd_field256.h"
#include "crypto/hd_unroll.h"

#define HD_INVERSE30_ROUND_CNT 20 /* of 30 steps: 600 >= 590 */
#define HD_INVERSE30_LIMB_CNT 9
#define HD_INVERSE30_MASK 0x3fffffff

/* Limbs of 30 bits, the last one signed. */
typedef struct {
    int32_t v[HD_INVERSE30_LIMB_CNT];
} hd_s30;

/* What thirty steps do to (f, g), times 2^30. */
typedef struct {
    int32_t u, v, q, r;
} hd_s30_matrix;

HD_INL void hd_s30_from(hd_s30 *r, const hd_f256 *a) {
    HD_UNROLL(9)
    for (int i = 0; i < HD_INVERSE30_LIMB_CNT; i++) {
        int w = 30 * i / 64, off = 30 * i % 64;
        uint64_t x = a->w[w] >> off;
        if (off > 34 && w < 3)
            x |= a->w[w + 1] << (64 - off);
        r->v[i] = (int32_t)(x & HD_INVERSE30_MASK);
    }
}

/* For a number from 0 to 2^256 - 1. */
HD_INL void hd_s30_to(hd_f256 *r, const hd_s30 *a) {
    *r = hd_f256_make(0, 0, 0, 0);
    HD_UNROLL(9)
    for (int i = 0; i < HD_INVERSE30_LIMB_CNT; i++) {
        int w = 30 * i / 64, off = 30 * i % 64;
        uint64_t x = (uint64_t)(uint32_t)a->v[i];
        r->w[w] |= x << off;
        if (off > 34 && w < 3)
            r->w[w + 1] |= x >> (64 - off);
    }
}

/* Thirty steps on the low words f and g. *zeta is -(delta + 1/2): negative where f and g swap if g
   is odd. */
HD_INL void hd_s30_steps(hd_s30_matrix *mat, int32_t *zeta, uint32_t f, uint32_t g) {
    uint32_t u = 1, v = 0, q = 0, r = 1;
    int32_t z = *zeta;
    HD_UNROLL(6)
    for (int i = 0; i < 30; i++) {
        uint32_t is_odd = 0 - (g & 1), is_neg = (uint32_t)(z >> 31);
        g += ((f ^ is_neg) - is_neg) & is_odd;
        q += ((u ^ is_neg) - is_neg) & is_odd;
        r += ((v ^ is_neg) - is_neg) & is_odd;
        uint32_t is_swap = is_neg & is_odd;
        z = (z ^ (int32_t)is_swap) - 1;
        f += g & is_swap; /* g is g - f by now */
        u += q & is_swap;
        v += r & is_swap;
        g >>= 1;
        u <<= 1;
        v <<= 1;
    }
    *zeta = z;
    mat->u = (int32_t)u;
    mat->v = (int32_t)v;
    mat->q = (int32_t)q;
    mat->r = (int32_t)r;
}

/* (f, g) = mat * (f, g) / 2^30, which is exact. */
HD_INL void hd_s30_apply(hd_s30 *f, hd_s30 *g, const hd_s30_matrix *mat) {
    int64_t cf = 0, cg = 0;
    HD_UNROLL(9)
    for (int i = 0; i < HD_INVERSE30_LIMB_CNT; i++) {
        int32_t fi = f->v[i], gi = g->v[i];
        cf += (int64_t)mat->u * fi + (int64_t)mat->v * gi;
        cg += (int64_t)mat->q * fi + (int64_t)mat->r * gi;
        if (i > 0) {
            f->v[i - 1] = (int32_t)cf & HD_INVERSE30_MASK;
            g->v[i - 1] = (int32_t)cg & HD_INVERSE30_MASK;
        }
        cf >>= 30;
        cg >>= 30;
    }
    f->v[HD_INVERSE30_LIMB_CNT - 1] = (int32_t)cf;
    g->v[HD_INVERSE30_LIMB_CNT - 1] = (int32_t)cg;
}

/* The same modulo m: a multiple of m makes the low 30 bits zero first. d and e stay in (-2m, m),
   because a negative one gets its row's share of m beforehand. |u| + |v| <= 2^30, so no sum leaves
   64 bits. */
HD_INL void hd_s30_apply_mod(hd_s30 *d, hd_s30 *e, const hd_s30_matrix *mat, const hd_s30 *m,
                             uint32_t m_inv) {
    int32_t sd = d->v[HD_INVERSE30_LIMB_CNT - 1] >> 31, se = e->v[HD_INVERSE30_LIMB_CNT - 1] >> 31;
    int32_t md = (mat->u & sd) + (mat->v & se), me = (mat->q & sd) + (mat->r & se);
    uint32_t ld = (uint32_t)mat->u * (uint32_t)d->v[0] + (uint32_t)mat->v * (uint32_t)e->v[0];
    uint32_t le = (uint32_t)mat->q * (uint32_t)d->v[0] + (uint32_t)mat->r * (uint32_t)e->v[0];
    int64_t cd = 0, ce = 0;
    md -= (int32_t)((m_inv * ld + (uint32_t)md) & HD_INVERSE30_MASK);
    me -= (int32_t)((m_inv * le + (uint32_t)me) & HD_INVERSE30_MASK);
    HD_UNROLL(9)
    for (int i = 0; i < HD_INVERSE30_LIMB_CNT; i++) {
        int32_t di = d->v[i], ei = e->v[i];
        cd += (int64_t)mat->u * di + (int64_t)mat->v * ei + (int64_t)m->v[i] * md;
        ce += (int64_t)mat->q * di + (int64_t)mat->r * ei + (int64_t)m->v[i] * me;
        if (i > 0) {
            d->v[i - 1] = (int32_t)cd & HD_INVERSE30_MASK;
            e->v[i - 1] = (int32_t)ce & HD_INVERSE30_MASK;
        }
        cd >>= 30;
        ce >>= 30;
    }
    d->v[HD_INVERSE30_LIMB_CNT - 1] = (int32_t)cd;
    e->v[HD_INVERSE30_LIMB_CNT - 1] = (int32_t)ce;
}

/* a += m where a is negative; is_flipped (0 or -1) negates a first. */
HD_INL void hd_s30_settle(hd_s30 *a, const hd_s30 *m, int32_t is_flipped) {
    int32_t add = a->v[HD_INVERSE30_LIMB_CNT - 1] >> 31, c = 0;
    HD_UNROLL(9)
    for (int i = 0; i < HD_INVERSE30_LIMB_CNT; i++) {
        int32_t x = a->v[i] + (m->v[i] & add);
        x = (x ^ is_flipped) - is_flipped + c;
        c = x >> 30;
        a->v[i] = i < HD_INVERSE30_LIMB_CNT - 1 ? x & HD_INVERSE30_MASK : x;
    }
}

/* 1/a modulo an odd m above a, plain form; 1/0 gives 0. neg_inv is -1/m mod 2^64. */
HD_NOINL hd_f256 hd_f256_inv_steps(hd_f256 a, hd_f256 m, uint64_t neg_inv) {
    hd_s30 f, g, d, e, mm;
    hd_s30_matrix mat;
    hd_f256 r;
    int32_t zeta = -1;
    uint32_t m_inv = (uint32_t)(0 - neg_inv);
    hd_s30_from(&mm, &m);
    hd_s30_from(&g, &a);
    f = mm;
    HD_UNROLL(9)
    for (int i = 0; i < HD_INVERSE30_LIMB_CNT; i++) {
        d.v[i] = 0;
        e.v[i] = i == 0;
    }
#if HD_ON_DEVICE
    _Pragma("unroll 1")
#endif
        for (int i = 0; i < HD_INVERSE30_ROUND_CNT; i++) {
        hd_s30_steps(&mat, &zeta, (uint32_t)f.v[0] | (uint32_t)f.v[1] << 30,
                     (uint32_t)g.v[0] | (uint32_t)g.v[1] << 30);
        hd_s30_apply_mod(&d, &e, &mat, &mm, m_inv);
        hd_s30_apply(&f, &g, &mat);
    }
    /* Now f = +-1 (+-m for a = 0, where d = 0), and d in (-2m, m) is that sign times 1/a. */
    hd_s30_settle(&d, &mm, f.v[HD_INVERSE30_LIMB_CNT - 1] >> 31);
    hd_s30_settle(&d, &mm, 0);
    hd_s30_to(&r, &d);
    return r;
}

#endif
