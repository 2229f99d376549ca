/* hd_modexp.h - base^exponent mod modulus for numbers of any length, in caller-given memory; shared
   by host and device.

   The modulus is split into 2^k and an odd part. The odd part uses Montgomery multiplication, whose
   constants come from doublings alone; modulo 2^k the multiplication just drops the high half; the
   Chinese remainder theorem joins the two. So no long division exists here. Limbs have 64 bits
   where the C compiler has 128-bit products and 32 bits elsewhere (the device). */
#ifndef HD_MODEXP_H
#define HD_MODEXP_H

#include "base/hd_base.h"

#ifndef HD_MODEXP_LIMB_BITS
#if defined(__SIZEOF_INT128__) && !defined(__CUDACC__)
#define HD_MODEXP_LIMB_BITS 64
#else
#define HD_MODEXP_LIMB_BITS 32
#endif
#endif

#if HD_MODEXP_LIMB_BITS == 64
typedef uint64_t hd_modexp_limb;
__extension__ typedef unsigned __int128 hd_modexp_limb2;
#else
typedef uint32_t hd_modexp_limb;
typedef uint64_t hd_modexp_limb2;
#endif

/* Longest base and modulus in bytes, and longest exponent. Gas grows with the square of the first
   two (2^26 bytes cost more than 10^13), so only a caller without a gas limit meets these. */
#define HD_MODEXP_SZ_MAX (1u << 26)
#define HD_MODEXP_EXP_SZ_MAX 0xffffffffu

#define HD_MODEXP_TABLE_CNT 16u /* odd powers of the base: windows of at most 5 bits */
#define HD_MODEXP_NUM_CNT 28u   /* numbers in the scratch memory: table, 11 others, one spare */

/* A big-endian number of sz bytes, of which only the first have_sz are in memory: the rest is zero,
   as bytes past the end of a precompile's input are. */
typedef struct {
    const uint8_t *p;
    uint64_t have_sz;
    uint64_t sz;
} hd_modexp_num;

/* What a multiplication works modulo: m (n limbs, odd), or 2^(limb bits * n) where is_pow2. */
typedef struct {
    const hd_modexp_limb *m;
    hd_modexp_limb *t; /* n + 2 limbs */
    hd_modexp_limb m_neg_inv;
    uint32_t n;
    uint32_t is_pow2;
} hd_modexp_ring;

/* hd_modexp_scratch_sz gives the bytes of scratch memory that hd_modexp needs for these lengths,
   the same on host and device; SIZE_MAX where a length is over its limit. */
HD_INL size_t hd_modexp_scratch_sz(uint64_t base_sz, uint64_t exp_sz, uint64_t mod_sz) {
    if (base_sz > HD_MODEXP_SZ_MAX || exp_sz > HD_MODEXP_EXP_SZ_MAX || mod_sz > HD_MODEXP_SZ_MAX)
        return (size_t)-1;
    if (mod_sz == 0)
        return 0;
    /* 2 limbs more a number than the modulus has; and up to 7 bytes lost to alignment. */
    return ((size_t)((mod_sz + 7) / 8) + 2) * 8 * HD_MODEXP_NUM_CNT + 8;
}

HD_INL uint32_t hd_modexp_byte(const hd_modexp_num *a, uint64_t i) {
    return i < a->have_sz && i < a->sz ? a->p[i] : 0;
}

/* Limb i, counted from the least significant; zero beyond the number's top. */
HD_INL hd_modexp_limb hd_modexp_num_limb(const hd_modexp_num *a, uint64_t i) {
    const uint32_t limb_sz = HD_MODEXP_LIMB_BITS / 8;
    hd_modexp_limb r = 0;
    for (uint32_t k = 0; k < limb_sz; k++) {
        uint64_t pos = i * limb_sz + k; /* bytes from the end */
        if (pos < a->sz)
            r |= (hd_modexp_limb)hd_modexp_byte(a, a->sz - 1 - pos) << (8 * k);
    }
    return r;
}

/* Bit i from the top of the number's sz bytes. */
HD_INL uint32_t hd_modexp_num_bit(const hd_modexp_num *a, uint64_t i) {
    return hd_modexp_byte(a, i >> 3) >> (7 - (uint32_t)(i & 7)) & 1;
}

/* a >= b */
HD_INL int hd_modexp_is_ge(const hd_modexp_limb *a, const hd_modexp_limb *b, uint32_t n) {
    for (uint32_t i = n; i-- > 0;) {
        if (a[i] != b[i])
            return a[i] > b[i];
    }
    return 1;
}

/* r = a - b, returns the borrow. r may be a or b. */
HD_INL uint32_t hd_modexp_sub(hd_modexp_limb *r, const hd_modexp_limb *a, const hd_modexp_limb *b,
                              uint32_t n) {
    uint32_t borrow = 0;
    for (uint32_t i = 0; i < n; i++) {
        hd_modexp_limb2 d = (hd_modexp_limb2)a[i] - b[i] - borrow;
        r[i] = (hd_modexp_limb)d;
        borrow = (uint32_t)(d >> HD_MODEXP_LIMB_BITS) & 1;
    }
    return borrow;
}

/* r = a + b mod m for a, b < m. r may be a or b. */
HD_NOINL void hd_modexp_add_mod(hd_modexp_limb *r, const hd_modexp_limb *a, const hd_modexp_limb *b,
                                const hd_modexp_limb *m, uint32_t n) {
    uint32_t carry = 0;
    for (uint32_t i = 0; i < n; i++) {
        hd_modexp_limb2 s = (hd_modexp_limb2)a[i] + b[i] + carry;
        r[i] = (hd_modexp_limb)s;
        carry = (uint32_t)(s >> HD_MODEXP_LIMB_BITS);
    }
    if (carry || hd_modexp_is_ge(r, m, n))
        hd_modexp_sub(r, r, m, n);
}

/* r = a * b in the ring: Montgomery's a*b/R mod m for a < R, b < m; or the low n limbs of a*b. r
   may be a or b. */
HD_NOINL void hd_modexp_mul(const hd_modexp_ring *ring, hd_modexp_limb *r, const hd_modexp_limb *a,
                            const hd_modexp_limb *b) {
    const uint32_t n = ring->n;
    hd_modexp_limb *t = ring->t;
    for (uint32_t i = 0; i <= n; i++)
        t[i] = 0;
    if (ring->is_pow2) {
        for (uint32_t i = 0; i < n; i++) {
            hd_modexp_limb c = 0, x = b[i];
            for (uint32_t j = 0; j < n - i; j++) {
                hd_modexp_limb2 s = (hd_modexp_limb2)a[j] * x + t[i + j] + c;
                t[i + j] = (hd_modexp_limb)s;
                c = (hd_modexp_limb)(s >> HD_MODEXP_LIMB_BITS);
            }
        }
    } else {
        const hd_modexp_limb *m = ring->m;
        /* Product and reduction share one pass, so that t is read and written once a limb. t stays
           below 2m, hence t[n] is 0 or 1. */
        for (uint32_t i = 0; i < n; i++) {
            const hd_modexp_limb x = b[i];
            hd_modexp_limb2 s = (hd_modexp_limb2)a[0] * x + t[0];
            const hd_modexp_limb q = (hd_modexp_limb)s * ring->m_neg_inv;
            hd_modexp_limb2 u = (hd_modexp_limb2)q * m[0] + (hd_modexp_limb)s;
            hd_modexp_limb c = (hd_modexp_limb)(s >> HD_MODEXP_LIMB_BITS);
            hd_modexp_limb d = (hd_modexp_limb)(u >> HD_MODEXP_LIMB_BITS);
            for (uint32_t j = 1; j < n; j++) {
                s = (hd_modexp_limb2)a[j] * x + t[j] + c;
                u = (hd_modexp_limb2)q * m[j] + (hd_modexp_limb)s + d;
                t[j - 1] = (hd_modexp_limb)u;
                c = (hd_modexp_limb)(s >> HD_MODEXP_LIMB_BITS);
                d = (hd_modexp_limb)(u >> HD_MODEXP_LIMB_BITS);
            }
            s = (hd_modexp_limb2)t[n] + c + d;
            t[n - 1] = (hd_modexp_limb)s;
            t[n] = (hd_modexp_limb)(s >> HD_MODEXP_LIMB_BITS);
        }
        if (t[n] || hd_modexp_is_ge(t, m, n)) {
            hd_modexp_sub(r, t, m, n);
            return;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        r[i] = t[i];
}

/* x^-1 mod 2^limb bits for odd x: each Newton step doubles the number of right bits, from 5. */
HD_INL hd_modexp_limb hd_modexp_limb_inv(hd_modexp_limb x) {
    hd_modexp_limb y = (3 * x) ^ 2;
    for (uint32_t bits = 5; bits < HD_MODEXP_LIMB_BITS; bits *= 2)
        y *= 2 - x * y;
    return y;
}

HD_INL uint32_t hd_modexp_bit_len(hd_modexp_limb x) {
    uint32_t r = 0;
    for (uint32_t step = HD_MODEXP_LIMB_BITS / 2; step; step /= 2) {
        if (x >> step) {
            x >>= step;
            r += step;
        }
    }
    return r + (x != 0);
}

/* r = base^exp in the ring by sliding windows. The base lies in the first n limbs of table, which
   has room for HD_MODEXP_TABLE_CNT numbers: its odd powers. one is the ring's 1. */
HD_NOINL void hd_modexp_pow(const hd_modexp_ring *ring, hd_modexp_limb *r, hd_modexp_limb *table,
                            const hd_modexp_limb *one, const hd_modexp_num *exp) {
    const uint32_t n = ring->n;
    uint64_t i = 0, bit_cnt = 8 * exp->sz;
    while (i < 8 * exp->have_sz && i < bit_cnt && !hd_modexp_num_bit(exp, i))
        i++;
    if (i >= 8 * exp->have_sz || i >= bit_cnt) { /* exponent 0; 0^0 is 1 too */
        for (uint32_t k = 0; k < n; k++)
            r[k] = one[k];
        return;
    }
    uint64_t len = bit_cnt - i;
    uint32_t window = len <= 24 ? 1 : len <= 80 ? 3 : len <= 240 ? 4 : 5;
    if (window > 1) {
        hd_modexp_mul(ring, r, table, table);
        for (uint32_t k = 1; k < 1u << (window - 1); k++)
            hd_modexp_mul(ring, table + (size_t)k * n, table + (size_t)(k - 1) * n, r);
    }
    int is_started = 0;
    while (i < bit_cnt) {
        if (!hd_modexp_num_bit(exp, i)) {
            hd_modexp_mul(ring, r, r, r); /* the first bit is one, so r is started here */
            i++;
            continue;
        }
        uint32_t l = bit_cnt - i < window ? (uint32_t)(bit_cnt - i) : window, v = 0;
        for (uint32_t k = 0; k < l; k++)
            v = v << 1 | hd_modexp_num_bit(exp, i + k);
        for (; !(v & 1); v >>= 1)
            l--;
        const hd_modexp_limb *f = table + (size_t)(v >> 1) * n;
        if (is_started) {
            for (uint32_t k = 0; k < l; k++)
                hd_modexp_mul(ring, r, r, r);
            hd_modexp_mul(ring, r, r, f);
        } else {
            for (uint32_t k = 0; k < n; k++)
                r[k] = f[k];
            is_started = 1;
        }
        i += l;
    }
}

/* x = base^exp mod m, for odd m of n limbs (top limb not zero) above 1. one, r2 and tmp are n limbs
   each. */
HD_NOINL void hd_modexp_odd(hd_modexp_limb *x, hd_modexp_limb *m, uint32_t n, hd_modexp_limb *t,
                            hd_modexp_limb *one, hd_modexp_limb *r2, hd_modexp_limb *table,
                            const hd_modexp_num *base, const hd_modexp_num *exp) {
    hd_modexp_ring ring;
    ring.m = m;
    ring.t = t;
    ring.m_neg_inv = 0 - hd_modexp_limb_inv(m[0]);
    ring.n = n;
    ring.is_pow2 = 0;
    /* one = R mod m: the highest power of two below m, doubled up to R. */
    uint32_t top_bits = hd_modexp_bit_len(m[n - 1]);
    for (uint32_t i = 0; i < n; i++)
        one[i] = 0;
    one[n - 1] = (hd_modexp_limb)1 << (top_bits - 1);
    for (uint32_t i = top_bits - 1; i < HD_MODEXP_LIMB_BITS; i++)
        hd_modexp_add_mod(one, one, one, m, n);
    /* r2 = R^2 mod m is the Montgomery form of R = 2^(limb bits * n). */
    uint32_t r_log = n * HD_MODEXP_LIMB_BITS;
    for (uint32_t i = 0; i < n; i++)
        r2[i] = one[i];
    for (uint32_t bit = hd_modexp_bit_len(r_log); bit-- > 0;) {
        hd_modexp_mul(&ring, r2, r2, r2);
        if (r_log >> bit & 1)
            hd_modexp_add_mod(r2, r2, r2, m, n);
    }
    /* The base in Montgomery form, n limbs at a time from the top: acc = acc*R + chunk. */
    uint64_t limb_cnt = (base->sz + HD_MODEXP_LIMB_BITS / 8 - 1) / (HD_MODEXP_LIMB_BITS / 8);
    uint64_t chunk_cnt = (limb_cnt + n - 1) / n;
    for (uint32_t i = 0; i < n; i++)
        table[i] = 0;
    for (uint64_t c = chunk_cnt; c-- > 0;) {
        if (c + 1 != chunk_cnt)
            hd_modexp_mul(&ring, table, table, r2);
        for (uint32_t i = 0; i < n; i++)
            x[i] = hd_modexp_num_limb(base, c * n + i);
        hd_modexp_mul(&ring, x, x, r2);
        hd_modexp_add_mod(table, table, x, m, n);
    }
    hd_modexp_pow(&ring, x, table, one, exp);
    for (uint32_t i = 0; i < n; i++)
        one[i] = i == 0; /* multiplying by a plain 1 leaves the Montgomery form */
    hd_modexp_mul(&ring, x, x, one);
}

/* y = base^exp mod 2^k, in n = ceil(k / limb bits) limbs. */
HD_NOINL void hd_modexp_pow2(hd_modexp_limb *y, uint64_t k, uint32_t n, hd_modexp_limb *t,
                             hd_modexp_limb *one, hd_modexp_limb *table, const hd_modexp_num *base,
                             const hd_modexp_num *exp) {
    hd_modexp_ring ring;
    ring.m = t;
    ring.t = t;
    ring.m_neg_inv = 0;
    ring.n = n;
    ring.is_pow2 = 1;
    for (uint32_t i = 0; i < n; i++) {
        one[i] = i == 0;
        table[i] = hd_modexp_num_limb(base, i);
    }
    hd_modexp_pow(&ring, y, table, one, exp);
    if (k % HD_MODEXP_LIMB_BITS)
        y[n - 1] &= ((hd_modexp_limb)1 << (k % HD_MODEXP_LIMB_BITS)) - 1;
}

/* y = (y - x) / m mod 2^k: Garner's step of the Chinese remainder theorem. x (below m) and m have
   xn limbs, y and the three work numbers yn. */
HD_NOINL void hd_modexp_garner(hd_modexp_limb *y, const hd_modexp_limb *x, const hd_modexp_limb *m,
                               uint32_t xn, uint64_t k, uint32_t yn, hd_modexp_limb *t,
                               hd_modexp_limb *m_low, hd_modexp_limb *inv, hd_modexp_limb *tmp) {
    hd_modexp_ring ring;
    ring.m = t;
    ring.t = t;
    ring.m_neg_inv = 0;
    ring.n = yn;
    ring.is_pow2 = 1;
    for (uint32_t i = 0; i < yn; i++) {
        m_low[i] = i < xn ? m[i] : 0;
        tmp[i] = i < xn ? x[i] : 0;
        inv[i] = 0;
    }
    hd_modexp_sub(y, y, tmp, yn);
    inv[0] = hd_modexp_limb_inv(m[0]);
    for (uint64_t limbs = 1; limbs < yn; limbs *= 2) { /* inv = inv * (2 - m * inv) */
        hd_modexp_mul(&ring, tmp, m_low, inv);
        uint32_t borrow = 0;
        for (uint32_t i = 0; i < yn; i++) {
            hd_modexp_limb2 d = (hd_modexp_limb2)(i == 0 ? 2 : 0) - tmp[i] - borrow;
            tmp[i] = (hd_modexp_limb)d;
            borrow = (uint32_t)(d >> HD_MODEXP_LIMB_BITS) & 1;
        }
        hd_modexp_mul(&ring, inv, inv, tmp);
    }
    hd_modexp_mul(&ring, y, y, inv);
    if (k % HD_MODEXP_LIMB_BITS)
        y[yn - 1] &= ((hd_modexp_limb)1 << (k % HD_MODEXP_LIMB_BITS)) - 1;
}

/* hd_modexp writes base^exp mod mod to out[0,mod->sz), big-endian. A modulus of 0 or 1 gives zeros;
   0^0 is 1. Nothing is written for an empty modulus. Returns HD_OK, or HD_ERR_LIMIT with out
   untouched when scratch is smaller than hd_modexp_scratch_sz says or a length is too long. */
HD_NOINL hd_err hd_modexp(uint8_t *out, const hd_modexp_num *base, const hd_modexp_num *exp,
                          const hd_modexp_num *mod, uint8_t *scratch, size_t scratch_sz) {
    const uint32_t limb_sz = HD_MODEXP_LIMB_BITS / 8;
    size_t need_sz = hd_modexp_scratch_sz(base->sz, exp->sz, mod->sz);
    if (need_sz == (size_t)-1 || scratch_sz < need_sz)
        return HD_ERR_LIMIT;
    if (mod->sz == 0)
        return HD_OK;
    uint32_t full_n = (uint32_t)((mod->sz + limb_sz - 1) / limb_sz);
    hd_modexp_limb *mem = (hd_modexp_limb *)(scratch + (0 - (size_t)(uintptr_t)scratch) % 8);
    size_t stride = (size_t)((mod->sz + 7) / 8 + 2) * (8 / limb_sz);
    hd_modexp_limb *m = mem, *x = mem + stride, *y = mem + 2 * stride, *t = mem + 3 * stride;
    hd_modexp_limb *a = mem + 4 * stride, *b = mem + 5 * stride, *c = mem + 6 * stride;
    hd_modexp_limb *table = mem + 7 * stride;

    uint32_t n = 0, zero_limbs = 0;
    for (uint32_t i = 0; i < full_n; i++) {
        m[i] = hd_modexp_num_limb(mod, i);
        if (m[i])
            n = i + 1;
        else if (n == 0)
            zero_limbs = i + 1;
    }
    for (uint64_t i = 0; i < mod->sz; i++)
        out[i] = 0;
    if (n == 0)
        return HD_OK;
    /* mod = 2^k * m */
    uint32_t shift = hd_modexp_bit_len(m[zero_limbs] & (0 - m[zero_limbs])) - 1;
    uint64_t k = (uint64_t)zero_limbs * HD_MODEXP_LIMB_BITS + shift;
    n -= zero_limbs;
    for (uint32_t i = 0; i < n; i++) {
        hd_modexp_limb lo = m[i + zero_limbs], hi = i + 1 < n ? m[i + 1 + zero_limbs] : 0;
        m[i] = shift ? lo >> shift | hi << (HD_MODEXP_LIMB_BITS - shift) : lo;
    }
    if (n > 1 && m[n - 1] == 0)
        n--;
    int is_one = n == 1 && m[0] == 1;
    uint32_t yn = (uint32_t)((k + HD_MODEXP_LIMB_BITS - 1) / HD_MODEXP_LIMB_BITS);
    if (is_one)
        x[0] = 0;
    else
        hd_modexp_odd(x, m, n, t, a, b, table, base, exp);
    if (yn) {
        hd_modexp_pow2(y, k, yn, t, a, table, base, exp);
        if (!is_one)
            hd_modexp_garner(y, x, m, n, k, yn, t, a, b, c);
        /* x + m * y < mod: the product goes to the table's memory, which is free now. */
        for (uint32_t i = 0; i < n + yn; i++)
            table[i] = i < n ? x[i] : 0;
        for (uint32_t i = 0; i < yn; i++) {
            hd_modexp_limb carry = 0, f = y[i];
            for (uint32_t j = 0; j < n; j++) {
                hd_modexp_limb2 s = (hd_modexp_limb2)m[j] * f + table[i + j] + carry;
                table[i + j] = (hd_modexp_limb)s;
                carry = (hd_modexp_limb)(s >> HD_MODEXP_LIMB_BITS);
            }
            for (uint32_t j = i + n; carry && j < n + yn; j++) {
                hd_modexp_limb2 s = (hd_modexp_limb2)table[j] + carry;
                table[j] = (hd_modexp_limb)s;
                carry = (hd_modexp_limb)(s >> HD_MODEXP_LIMB_BITS);
            }
        }
        x = table;
        n += yn;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < limb_sz; j++) {
            uint64_t pos = (uint64_t)i * limb_sz + j;
            if (pos < mod->sz)
                out[mod->sz - 1 - pos] = (uint8_t)(x[i] >> (8 * j));
        }
    }
    return HD_OK;
}

#endif
