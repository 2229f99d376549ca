/* hd_recover_body.h - the lane functions of batched signature recovery, for host and device.

   Q = u1*G + u2*R with u1 = -hash/r and u2 = s/r (mod n), R the point whose x is r. A batch passes
   through five steps; each is a function of (batch, lane):
     invert_r  1/r mod n, one inversion for `chunk` signatures (Montgomery's trick)
     lift      R's y, a square root
     ladder    u2*R by halves of 128 bits (the endomorphism) and fixed windows of four bits, then
               u1*G by additions alone from a table of all windows' multiples
     invert_z  1/z mod p of what the ladder left, chunked as above
     finish    affine coordinates, Keccak, address
   invert_r and lift need the items only; the others follow in order.

   All lanes of a block walk the same loops: digits are odd numbers at fixed places, so none is
   skipped. Points come from strangers, who may choose R = k*G with a k of their own and so make any
   two summands equal or opposite; the addition sees that (its new z is 0) and takes the slow way.

   Sizes of work: a multiplication M of the field costs 72 wide multiply-adds, a squaring S 44. A
   signature takes 13 M + 254 S for the root, 125 (3 M + 4 S) for doublings, 64 (8 M + 3 S) for R's
   digits and tail, 97 M + 28 S for its table, 16 (8 M + 3 S) for G's, 8 M + 1 S for the rest: 1,133
   M and 1,023 S, or 127,000 wide multiply-adds. */
#ifndef HD_RECOVER_BODY_H
#define HD_RECOVER_BODY_H

#include "crypto/hd_inverse30.h"
#include "crypto/hd_keccak.h"
#include "crypto/hd_recover.h"
#include "crypto/hd_secp256k1.h"

/* A point where all threads of a block wait for each other: the ladder's loops are longer than the
   instruction cache, and warps that walk them side by side fetch each instruction once. Measured:
   39.3 instead of 33.8 million signatures a second. */
#if HD_ON_DEVICE
#define HD_RECOVER_MEET() __syncthreads()
#define HD_RECOVER_ROLLED _Pragma("unroll 1")
#else
#define HD_RECOVER_MEET() ((void)0)
#define HD_RECOVER_ROLLED
#endif

#define HD_RECOVER_P_NEG_INV 0xd838091dd2253531ull /* -1/p mod 2^64 */
#define HD_RECOVER_WINDOW_CNT 32u                  /* of four bits in half a scalar */
#define HD_RECOVER_MULTIPLE_CNT 8u                 /* R, 3R, ... 15R */

/* Multiples of G: windows of `bits` bits, as many as cover 256 bits. at[w << (bits-1) | j] is
   (2j+1) * 2^(w*bits) * G. */
typedef struct {
    const hd_k1_affine *at;
    uint32_t bits; /* from 2 to HD_RECOVER_G_BITS_MAX */
    uint32_t reserved;
} hd_recover_g;

#define HD_RECOVER_G_BITS_MAX 22u

HD_INL uint32_t hd_recover_g_windows(uint32_t bits) { return (255 + bits) / bits; }

HD_INL uint64_t hd_recover_g_cnt(uint32_t bits) {
    return (uint64_t)hd_recover_g_windows(bits) << (bits - 1);
}

/* A batch. The four arrays of cnt numbers are the workspace; what they hold changes by step. */
typedef struct {
    const hd_recover_item *items;
    hd_recover_result *results;
    hd_f256 *a; /* R's y, then Q's x */
    hd_f256 *b; /* 1/r (Montgomery form), then Q's y */
    hd_f256 *c; /* products of the inversions */
    hd_f256 *d; /* Q's z, then 1/z */
    hd_recover_g g;
    uint32_t cnt;
    uint32_t lane_cnt; /* of the two inversions: lane j takes signatures j, j + lane_cnt, ... */
} hd_recover_batch;

/* ---- numbers ---- */

HD_INL hd_f256 hd_recover_from_u256(const hd_u256 *a) {
    return hd_f256_make(a->w[3], a->w[2], a->w[1], a->w[0]);
}

/* Products modulo n with its constants in the code. */
HD_NOINL hd_f256 hd_recover_mul_n(hd_f256 a, hd_f256 b) {
    hd_f256 r;
    hd_f256_mod n = hd_k1_n();
    hd_f256_mont_mul(&r, &a, &b, &n.m, n.neg_inv, 0);
    return r;
}

/* 1/a modulo n, both in Montgomery form. */
HD_NOINL hd_f256 hd_recover_inv_n(hd_f256 a) {
    hd_f256_mod n = hd_k1_n();
    /* 1/(a*2^256) comes out; twice 2^512 brings it back to (1/a)*2^256. */
    a = hd_f256_inv_steps(a, n.m, n.neg_inv);
    return hd_recover_mul_n(hd_recover_mul_n(a, n.rr), n.rr);
}

/* 1/a modulo p, plain form. */
HD_NOINL hd_f256 hd_recover_inv_p(hd_f256 a) {
    hd_k1_norm(&a);
    return hd_f256_inv_steps(a, hd_k1_p(), HD_RECOVER_P_NEG_INV);
}

/* r = a/2 modulo p. */
HD_INL void hd_recover_half(hd_f256 *r, const hd_f256 *a) {
    hd_f256 p = hd_k1_p(), s;
    uint64_t odd = 0 - (a->w[0] & 1);
    for (int i = 0; i < 4; i++)
        p.w[i] &= odd;
    uint64_t top = hd_f256_add_raw(&s, a, &p);
    *r = hd_f256_make(s.w[3] >> 1 | top << 63, s.w[2] >> 1 | s.w[3] << 63,
                      s.w[1] >> 1 | s.w[2] << 63, s.w[0] >> 1 | s.w[1] << 63);
}

/* ---- points ---- */

/* r = 2r, with L = 3x^2/2: x' = L^2 - 2xy^2, y' = L(xy^2 - x') - y^4, z' = yz. */
HD_INL void hd_recover_double(hd_k1_point *r) {
    hd_f256 l, s, t;
    hd_k1_mul_body(&r->z, &r->z, &r->y);
    hd_k1_sqr_body(&s, &r->y);
    hd_k1_sqr_body(&t, &r->x);
    hd_k1_add(&l, &t, &t);
    hd_k1_add(&l, &l, &t);
    hd_recover_half(&l, &l);
    hd_k1_mul_body(&t, &r->x, &s);
    hd_k1_sqr_body(&s, &s);
    hd_k1_sqr_body(&r->x, &l);
    hd_k1_sub(&r->x, &r->x, &t);
    hd_k1_sub(&r->x, &r->x, &t);
    hd_k1_sub(&t, &t, &r->x);
    hd_k1_mul_body(&t, &t, &l);
    hd_k1_sub(&r->y, &t, &s);
}

/* The sum where one point is infinity or both have the same x. */
HD_NOINL hd_k1_point hd_recover_add_slowly(hd_k1_point r, hd_k1_affine q) {
    hd_k1_add_affine(&r, &q, 0);
    return r;
}

/* r += q for any r and q; *ratio (may be NULL) receives what z was multiplied by. */
HD_INL void hd_recover_add(hd_k1_point *r, const hd_k1_affine *q, hd_f256 *ratio) {
    hd_f256 zz, h, s, z, hh, v;
    hd_k1_sqr_body(&zz, &r->z);
    hd_k1_mul_body(&h, &q->x, &zz);
    hd_k1_sub(&h, &h, &r->x);
    hd_k1_mul_body(&z, &r->z, &h);
    if (HD_UNLIKELY(hd_k1_is_zero(&z))) {
        *r = hd_recover_add_slowly(*r, *q);
        return;
    }
    hd_k1_mul_body(&s, &zz, &r->z);
    r->z = z;
    hd_k1_mul_body(&s, &s, &q->y);
    hd_k1_sub(&s, &s, &r->y);
    if (ratio)
        *ratio = h;
    hd_k1_sqr_body(&hh, &h);
    hd_k1_mul_body(&v, &r->x, &hh);
    hd_k1_mul_body(&hh, &hh, &h);
    hd_k1_sqr_body(&zz, &s);
    hd_k1_sub(&zz, &zz, &hh);
    hd_k1_sub(&zz, &zz, &v);
    hd_k1_sub(&r->x, &zz, &v);
    hd_k1_sub(&v, &v, &r->x);
    hd_k1_mul_body(&v, &v, &s);
    hd_k1_mul_body(&hh, &hh, &r->y);
    hd_k1_sub(&r->y, &v, &hh);
}

/* q or -q. */
HD_INL void hd_recover_negate_if(hd_f256 *y, uint32_t is_negative) {
    hd_f256 m;
    hd_k1_neg(&m, y);
    hd_f256_select(y, y, &m, is_negative);
}

/* R's odd multiples on an isomorphic curve (hd_k1_odd_multiples says how); x[1] is x times beta. */
typedef struct {
    hd_f256 x[2][HD_RECOVER_MULTIPLE_CNT];
    hd_f256 y[HD_RECOVER_MULTIPLE_CNT];
} hd_recover_multiples;

/* Fills tab; *z takes points back to the curve. */
HD_INL void hd_recover_table(hd_recover_multiples *tab, hd_f256 *z, const hd_k1_affine *pt) {
    hd_f256 ratio[HD_RECOVER_MULTIPLE_CNT];
    hd_f256 f, ff, beta = hd_k1_beta();
    hd_k1_point acc, dbl;
    hd_k1_affine step;
    dbl.x = pt->x;
    dbl.y = pt->y;
    dbl.z = hd_f256_make(0, 0, 0, 1);
    hd_recover_double(&dbl);
    hd_k1_multiples_begin(&acc, &step, &dbl, pt);
    tab->x[0][0] = acc.x;
    tab->y[0] = acc.y;
    HD_RECOVER_ROLLED
    for (uint32_t i = 1; i < HD_RECOVER_MULTIPLE_CNT; i++) {
        /* (2i-1)R + 2R: never equal or opposite, for R has the prime order n. */
        f = hd_f256_make(0, 0, 0, 1);
        hd_recover_add(&acc, &step, &f);
        ratio[i] = f;
        tab->x[0][i] = acc.x;
        tab->y[i] = acc.y;
    }
    hd_k1_mul(z, &acc.z, &dbl.z);
    f = hd_f256_make(0, 0, 0, 1);
    HD_RECOVER_ROLLED
    for (uint32_t i = HD_RECOVER_MULTIPLE_CNT; i-- > 0;) {
        hd_f256 x = tab->x[0][i], y = tab->y[i];
        if (i < HD_RECOVER_MULTIPLE_CNT - 1) {
            hd_k1_mul(&f, &f, &ratio[i + 1]);
            hd_k1_sqr(&ff, &f);
            hd_k1_mul(&x, &x, &ff);
            hd_k1_mul(&ff, &ff, &f);
            hd_k1_mul(&y, &y, &ff);
            tab->x[0][i] = x;
            tab->y[i] = y;
        }
        hd_k1_mul(&tab->x[1][i], &x, &beta);
    }
}

/* ---- scalars ---- */

/* Half a scalar as 32 odd digits: k is odd, below 2^128, and counts negative if sign is 1. */
typedef struct {
    uint64_t lo, hi;
    uint32_t is_negative;
    uint32_t is_raised; /* 1 was added to make it odd: a tail takes it back */
} hd_recover_half_scalar;

HD_INL void hd_recover_odd_half(hd_recover_half_scalar *h, const hd_f256 *k) {
    hd_f256 v = *k, one = hd_f256_make(0, 0, 0, 1);
    h->is_raised = (uint32_t)(~v.w[0] & 1);
    one.w[0] = h->is_raised;
    hd_f256_add_raw(&v, &v, &one);
    h->is_negative = (uint32_t)(hd_k1_abs(&v) < 0);
    h->lo = v.w[0];
    h->hi = v.w[1];
}

/* The digit of window w, odd, from -15 to 15: five bits, whose lowest is the next window's to
   force to 1. The top window has no bits above it. */
HD_INL int hd_recover_digit(const hd_recover_half_scalar *h, uint32_t w) {
    uint32_t pos = 4 * w;
    uint64_t x = pos < 64 ? h->lo >> pos : h->hi >> (pos - 64);
    if (pos == 60)
        x |= h->hi << 4;
    int d = (int)(((uint32_t)x & 31u) | 1u) - (w == HD_RECOVER_WINDOW_CNT - 1 ? 0 : 16);
    return h->is_negative ? -d : d;
}

/* k with u = sum over windows of (2 * window(k) - (2^bits - 1)) * 2^(w*bits) modulo n, so that the
   factors are odd: k = (u + 2^(bits*windows) - 1) / 2. */
HD_INL void hd_recover_odd_windows(hd_f256 *k, const hd_f256 *u, uint32_t bits) {
    hd_f256_mod n = hd_k1_n();
    hd_f256 t, one = hd_f256_make(0, 0, 0, 1);
    /* 2^256 mod n, doubled up to 2^(bits*windows), which is at most 21 bits more. */
    hd_f256 all = n.one;
    uint32_t more = bits * hd_recover_g_windows(bits) - 256;
    for (uint32_t i = 0; i < more; i++)
        hd_f256_add_mod(&all, &all, &all, &n.m);
    hd_f256_sub_mod(&all, &all, &one, &n.m);
    hd_f256_add_mod(&t, u, &all, &n.m);
    uint64_t odd = 0 - (t.w[0] & 1);
    for (int i = 0; i < 4; i++)
        n.m.w[i] &= odd;
    uint64_t top = hd_f256_add_raw(&t, &t, &n.m);
    *k = hd_f256_make(t.w[3] >> 1 | top << 63, t.w[2] >> 1 | t.w[3] << 63,
                      t.w[1] >> 1 | t.w[2] << 63, t.w[0] >> 1 | t.w[1] << 63);
}

/* ---- the multiples of G ---- */

/* hd_recover_g_base makes base 2^(w*bits)*G and twice 2*base, affine, from the base of window
   w - 1, or for window 0 from none (null). */
HD_NOINL void hd_recover_g_base(hd_k1_affine *base, hd_k1_affine *twice, const hd_k1_affine *last,
                                uint32_t bits) {
    hd_k1_point acc;
    hd_f256 zi, zz;
    const uint64_t *g = hd_k1_g_table();
    acc.x = hd_f256_make(g[3], g[2], g[1], g[0]);
    acc.y = hd_f256_make(g[7], g[6], g[5], g[4]);
    acc.z = hd_f256_make(0, 0, 0, 1);
    if (last) {
        acc.x = last->x;
        acc.y = last->y;
        for (uint32_t i = 0; i < bits; i++)
            hd_k1_double(&acc);
    }
    for (uint32_t i = 0; i < 2; i++) {
        hd_k1_affine *to = i ? twice : base;
        hd_k1_inv(&zi, &acc.z);
        hd_k1_sqr(&zz, &zi);
        hd_k1_mul(&to->x, &acc.x, &zz);
        hd_k1_mul(&zz, &zz, &zi);
        hd_k1_mul(&to->y, &acc.y, &zz);
        hd_k1_double(&acc);
    }
}

/* What a lane that builds the table takes over. */
#define HD_RECOVER_G_LANE_CNT 32u

/* hd_recover_g_lane fills HD_RECOVER_G_LANE_CNT (or the window's all, if less) entries of a table
   from entry `first` on; base is 2^(w*bits)*G and twice is 2*base, w being the window in which
   first lies. */
HD_NOINL void hd_recover_g_lane(hd_k1_affine *at, uint32_t bits, uint64_t first,
                                const hd_k1_affine *base, const hd_k1_affine *twice) {
    hd_f256 z[HD_RECOVER_G_LANE_CNT], inv, t;
    hd_k1_point acc;
    uint32_t half_cnt = 1u << (bits - 1);
    uint32_t cnt = HD_MIN(half_cnt, HD_RECOVER_G_LANE_CNT);
    uint32_t odd = 2 * ((uint32_t)first & (half_cnt - 1)) + 1;
    hd_k1_set_infinity(&acc);
    for (uint32_t bit = HD_RECOVER_G_BITS_MAX; bit-- > 0;) {
        hd_k1_double(&acc);
        if (odd >> bit & 1)
            hd_k1_add_affine(&acc, base, 0);
    }
    /* z[i]: product of the z of entries 0..i. Multiples below 2^22 of a point of order n are
       never infinity. */
    HD_RECOVER_ROLLED
    for (uint32_t i = 0; i < cnt; i++) {
        if (i > 0)
            hd_k1_add_affine(&acc, twice, 0);
        at[first + i].x = acc.x;
        at[first + i].y = acc.y;
        z[i] = acc.z;
    }
    hd_f256 prefix[HD_RECOVER_G_LANE_CNT];
    prefix[0] = z[0];
    for (uint32_t i = 1; i < cnt; i++)
        hd_k1_mul(&prefix[i], &prefix[i - 1], &z[i]);
    hd_k1_inv(&inv, &prefix[cnt - 1]);
    HD_RECOVER_ROLLED
    for (uint32_t i = cnt; i-- > 0;) {
        hd_f256 zi = inv, zz;
        hd_k1_affine p = at[first + i];
        if (i > 0)
            hd_k1_mul(&zi, &inv, &prefix[i - 1]);
        t = z[i];
        hd_k1_mul(&inv, &inv, &t);
        hd_k1_sqr(&zz, &zi);
        hd_k1_mul(&p.x, &p.x, &zz);
        hd_k1_mul(&zz, &zz, &zi);
        hd_k1_mul(&p.y, &p.y, &zz);
        hd_k1_norm(&p.x);
        hd_k1_norm(&p.y);
        at[first + i] = p;
    }
}

/* ---- the five steps ---- */

HD_INL int hd_recover_is_in_range(const hd_recover_item *it) {
    hd_f256_mod n = hd_k1_n();
    hd_f256 r = hd_recover_from_u256(&it->r), s = hd_recover_from_u256(&it->s);
    return it->parity <= 1 && !hd_f256_is_zero(&r) && !hd_f256_is_zero(&s) &&
           hd_f256_is_below(&r, &n.m) && hd_f256_is_below(&s, &n.m);
}

/* b = 1/r of the lane's signatures; those out of range count as 1. */
HD_INL void hd_recover_invert_r(const hd_recover_batch *bt, uint32_t lane) {
    hd_f256_mod n = hd_k1_n();
    hd_f256 acc = n.one;
    uint64_t i = lane;
    HD_RECOVER_ROLLED
    for (; i < bt->cnt; i += bt->lane_cnt) {
        hd_f256 v = n.one;
        if (hd_recover_is_in_range(&bt->items[i]))
            v = hd_recover_mul_n(hd_recover_from_u256(&bt->items[i].r), n.rr);
        bt->c[i] = acc;
        bt->b[i] = v;
        acc = hd_recover_mul_n(acc, v);
    }
    acc = hd_recover_inv_n(acc);
    HD_RECOVER_ROLLED
    while (i > lane) {
        i -= bt->lane_cnt;
        hd_f256 v = bt->b[i];
        bt->b[i] = hd_recover_mul_n(acc, bt->c[i]);
        acc = hd_recover_mul_n(acc, v);
    }
}

/* a = R's y; the result's status says whether there is one. d = 1, which stands where no Q is. */
HD_INL void hd_recover_lift(const hd_recover_batch *bt, uint32_t i) {
    const hd_recover_item *it = &bt->items[i];
    uint32_t status = HD_RECOVER_BAD_RANGE;
    if (hd_recover_is_in_range(it)) {
        hd_f256 x = hd_recover_from_u256(&it->r), y2, y, t = hd_f256_make(0, 0, 0, 7);
        hd_k1_sqr(&y2, &x);
        hd_k1_mul(&y2, &y2, &x);
        hd_k1_add(&y2, &y2, &t);
        hd_k1_sqrt(&y, &y2);
        hd_k1_sqr(&t, &y);
        hd_k1_sub(&t, &t, &y2);
        status = hd_k1_is_zero(&t) ? HD_RECOVER_OK : HD_RECOVER_NO_KEY;
        hd_k1_norm(&y);
        hd_recover_negate_if(&y, (uint32_t)(y.w[0] & 1) ^ it->parity);
        bt->a[i] = y;
    }
    bt->d[i] = hd_f256_make(0, 0, 0, 1);
    bt->results[i].status = status;
}

/* acc = k1*R + k2*lambda*R, on the curve itself. */
HD_INL void hd_recover_ladder_r(hd_k1_point *acc, const hd_f256 *u2, const hd_k1_affine *pt) {
    hd_recover_multiples tab;
    hd_recover_half_scalar half[2];
    hd_f256 k1, k2, z;
    hd_k1_affine q;
    hd_k1_split(&k1, &k2, u2);
    hd_recover_odd_half(&half[0], &k1);
    hd_recover_odd_half(&half[1], &k2);
    hd_recover_table(&tab, &z, pt);
    HD_RECOVER_ROLLED
    for (uint32_t w = HD_RECOVER_WINDOW_CNT; w-- > 0;) {
        HD_RECOVER_MEET();
        if (w < HD_RECOVER_WINDOW_CNT - 1) {
            HD_RECOVER_ROLLED
            for (uint32_t i = 0; i < 4; i++)
                hd_recover_double(acc);
        }
        HD_RECOVER_MEET();
        HD_RECOVER_ROLLED
        for (uint32_t s = 0; s < 2; s++) {
            int d = s ? hd_recover_digit(&half[1], w) : hd_recover_digit(&half[0], w);
            uint32_t idx = ((uint32_t)(d < 0 ? -d : d) >> 1) & (HD_RECOVER_MULTIPLE_CNT - 1);
            q.x = tab.x[s][idx];
            q.y = tab.y[idx];
            hd_recover_negate_if(&q.y, d < 0);
            if (s == 0 && w == HD_RECOVER_WINDOW_CNT - 1) {
                acc->x = q.x;
                acc->y = q.y;
                acc->z = hd_f256_make(0, 0, 0, 1);
            } else
                hd_recover_add(acc, &q, 0);
        }
    }
    /* Raised halves: take away R, lambda*R, or both at once, which is to add lambda^2*R, whose x is
       -(x + beta*x), since 1 + lambda + lambda^2 = 0. */
    uint32_t raised = half[0].is_raised | half[1].is_raised << 1;
    if (raised) {
        hd_f256 sum;
        q.x = tab.x[raised >> 1 & 1][0];
        q.y = tab.y[0];
        hd_k1_add(&sum, &tab.x[0][0], &tab.x[1][0]);
        hd_k1_neg(&sum, &sum);
        hd_f256_select(&q.x, &q.x, &sum, raised == 3);
        hd_recover_negate_if(&q.y, raised != 3);
        hd_recover_add(acc, &q, 0);
    }
    hd_k1_mul(&acc->z, &acc->z, &z);
}

/* acc += u1*G */
HD_INL void hd_recover_add_g(hd_k1_point *acc, const hd_f256 *u1, const hd_recover_g *g) {
    hd_f256 k;
    uint32_t mask = (1u << g->bits) - 1, half_cnt = 1u << (g->bits - 1);
    uint32_t window_cnt = hd_recover_g_windows(g->bits);
    hd_recover_odd_windows(&k, u1, g->bits);
    HD_RECOVER_ROLLED
    for (uint32_t w = 0; w < window_cnt; w++) {
        uint32_t d = (uint32_t)k.w[0] & mask;
        uint32_t is_negative = d < half_cnt;
        uint32_t idx = (is_negative ? ~d : d) & (half_cnt - 1);
        HD_RECOVER_MEET();
        hd_k1_affine q = g->at[((uint64_t)w << (g->bits - 1)) + idx];
        hd_recover_negate_if(&q.y, is_negative);
        hd_recover_add(acc, &q, 0);
        k = hd_f256_make(k.w[3] >> g->bits, k.w[2] >> g->bits | k.w[3] << (64 - g->bits),
                         k.w[1] >> g->bits | k.w[2] << (64 - g->bits),
                         k.w[0] >> g->bits | k.w[1] << (64 - g->bits));
    }
}

HD_INL int hd_recover_is_live(const hd_recover_batch *bt, uint32_t i) {
    return i < bt->cnt && bt->results[i].status == HD_RECOVER_OK;
}

/* a, b, d = Q (x, y, z). On the device all threads of a block call it together (HD_RECOVER_MEET);
   one that is not live walks along with numbers that mean nothing and writes nothing. */
HD_INL void hd_recover_ladder(const hd_recover_batch *bt, uint32_t i, int is_live) {
    hd_f256_mod n = hd_k1_n();
    hd_k1_affine pt;
    hd_k1_point acc;
    hd_f256 u1 = hd_f256_make(0, 0, 0, 1), u2 = u1;
    pt.x = u1;
    pt.y = u1;
    if (is_live) {
        const hd_recover_item *it = &bt->items[i];
        /* The hash needs no reduction (hd_f256_mont_mul says why). */
        u1 = hd_recover_mul_n(hd_f256_load_be(it->hash.b), bt->b[i]);
        hd_f256_neg_mod(&u1, &u1, &n.m);
        u2 = hd_recover_mul_n(hd_recover_from_u256(&it->s), bt->b[i]);
        pt.x = hd_recover_from_u256(&it->r);
        pt.y = bt->a[i];
    }
    hd_recover_ladder_r(&acc, &u2, &pt);
    hd_recover_add_g(&acc, &u1, &bt->g);
    if (!is_live)
        return;
    if (hd_k1_is_zero(&acc.z)) {
        bt->results[i].status = HD_RECOVER_NO_KEY;
        acc.z = hd_f256_make(0, 0, 0, 1);
    }
    bt->a[i] = acc.x;
    bt->b[i] = acc.y;
    bt->d[i] = acc.z;
}

/* d = 1/d of the lane's signatures. */
HD_INL void hd_recover_invert_z(const hd_recover_batch *bt, uint32_t lane) {
    hd_f256 acc = hd_f256_make(0, 0, 0, 1), v;
    uint64_t i = lane;
    HD_RECOVER_ROLLED
    for (; i < bt->cnt; i += bt->lane_cnt) {
        bt->c[i] = acc;
        hd_k1_mul(&acc, &acc, &bt->d[i]);
    }
    acc = hd_recover_inv_p(acc);
    HD_RECOVER_ROLLED
    while (i > lane) {
        i -= bt->lane_cnt;
        v = bt->d[i];
        hd_k1_mul(&bt->d[i], &acc, &bt->c[i]);
        hd_k1_mul(&acc, &acc, &v);
    }
}

HD_INL void hd_recover_finish(const hd_recover_batch *bt, uint32_t i) {
    hd_recover_result *res = &bt->results[i];
    if (res->status != HD_RECOVER_OK) {
        hd_zero(res->address.b, sizeof res->address.b);
        return;
    }
    hd_f256 zi = bt->d[i], zz, x, y;
    uint8_t pub[64], hash[32];
    hd_k1_sqr(&zz, &zi);
    hd_k1_mul(&x, &bt->a[i], &zz);
    hd_k1_mul(&zz, &zz, &zi);
    hd_k1_mul(&y, &bt->b[i], &zz);
    hd_k1_norm(&x);
    hd_k1_norm(&y);
    hd_f256_store_be(pub, &x);
    hd_f256_store_be(pub + 32, &y);
    hd_keccak256(hash, pub, sizeof pub);
    hd_copy(res->address.b, hash + 12, sizeof res->address.b);
}

#endif
