/* hd_precompile.c - runs one precompile on the host: by the shared code or by libraries. */
#include "crypto/hd_precompile.h"

#include <gmp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdlib.h>

#include "crypto/hd_precompile_body.h"

static int call_shared(hd_precompile_call *c, uint32_t id) {
    switch (id) {
#define HD_X(number, name, block) \
    case number: return hd_precompile_##name(c);
        HD_PRECOMPILES(HD_X)
#undef HD_X
    default: return HD_ERR_UNSUPPORTED;
    }
}

/* A library that got no memory leaves us without an answer, which is never the precompile's own. */
static int host_ecrecover(hd_precompile_call *c) {
    uint8_t in[128], sig[64], pub[65];
    size_t pub_sz = sizeof pub;
    uint32_t parity;
    secp256k1_ecdsa_recoverable_signature rs;
    secp256k1_pubkey key;
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    hd_precompile_pad(in, 128, c->in, c->in_sz);
    c->out_sz = 0;
    if (!hd_precompile_ecrecover_parity(&parity, in))
        return 1;
    hd_copy(sig, in + 64, 64);
    /* The static context serves verification and recovery, which use no secret. */
    const secp256k1_context *ctx = secp256k1_context_static;
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &rs, sig, (int)parity) ||
        !secp256k1_ecdsa_recover(ctx, &key, &rs, in))
        return 1;
    secp256k1_ec_pubkey_serialize(ctx, pub, &pub_sz, &key, SECP256K1_EC_UNCOMPRESSED);
    hd_precompile_pub_to_word(c->out, pub + 1);
    c->out_sz = 32;
    return 1;
}

/* The digests are fetched once: OpenSSL 3 otherwise searches its providers in every call. They live
   as long as the process. */
static pthread_once_t digest_once = PTHREAD_ONCE_INIT;
static EVP_MD *digest_sha256;
static EVP_MD *digest_ripemd160;

static void digest_fetch(void) {
    digest_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest_ripemd160 = EVP_MD_fetch(NULL, "RIPEMD160", NULL); /* NULL before OpenSSL 3.0.7 */
}

/* Returns 1, or 0 where the library could not do it. */
static int digest_run(uint8_t *out, int is_sha256, const hd_precompile_call *c) {
    if (pthread_once(&digest_once, digest_fetch) != 0)
        return 0;
    EVP_MD *md = is_sha256 ? digest_sha256 : digest_ripemd160;
    return md && EVP_Digest(c->in_sz ? c->in : out, c->in_sz, out, NULL, md, NULL) == 1;
}

static int host_sha256(hd_precompile_call *c) {
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    if (!digest_run(c->out, 1, c))
        return hd_precompile_sha256(c);
    c->out_sz = 32;
    return 1;
}

/* Where OpenSSL has RIPEMD-160 in its legacy provider only, the shared code does it. */
static int host_ripemd160(hd_precompile_call *c) {
    if (c->out_max < 32)
        return HD_ERR_LIMIT;
    if (!digest_run(c->out + 12, 0, c))
        return hd_precompile_ripemd160(c);
    hd_zero(c->out, 12);
    c->out_sz = 32;
    return 1;
}

/* x = the number without its trailing bytes that lie past the input's end. */
static void num_import(mpz_t x, const hd_modexp_num *a) {
    mpz_import(x, a->have_sz, 1, 1, 1, 0, a->p);
}

static int host_modexp(hd_precompile_call *c) {
    hd_modexp_num base, exp, mod;
    if (hd_precompile_modexp_split(&base, &exp, &mod, c->in, c->in_sz) != HD_OK ||
        mod.sz > c->out_max)
        return HD_ERR_LIMIT;
    c->out_sz = (uint32_t)mod.sz;
    if (mod.sz == 0)
        return 1;
    mpz_t b, e, m, r;
    mpz_inits(b, e, m, r, NULL);
    num_import(m, &mod);
    mpz_mul_2exp(m, m, 8 * (mod.sz - mod.have_sz));
    hd_zero(c->out, mod.sz);
    if (mpz_sgn(m) != 0) {
        num_import(b, &base);
        mpz_mul_2exp(b, b, 8 * (base.sz - base.have_sz));
        num_import(e, &exp);
        mpz_powm(r, b, e, m);
        /* The exponent's bytes past the input's end are zeros: they square 8 times each, and need
           no memory of their own, however long the caller says that the exponent is. */
        if (mpz_sgn(e) != 0) {
            uint64_t bits = 8 * (exp.sz - exp.have_sz);
            while (bits > 0) {
                uint64_t step = HD_MIN(bits, 1u << 16);
                mpz_set_ui(e, 0);
                mpz_setbit(e, step);
                mpz_powm(r, r, e, m);
                bits -= step;
            }
        }
        size_t sz = (mpz_sizeinbase(r, 2) + 7) / 8;
        if (mpz_sgn(r) != 0)
            mpz_export(c->out + (mod.sz - sz), NULL, 1, 1, 1, 0, r);
    }
    mpz_clears(b, e, m, r, NULL);
    return 1;
}

static int call_host(hd_precompile_call *c, uint32_t id) {
    switch (id) {
    case HD_PRECOMPILE_ECRECOVER: return host_ecrecover(c);
    case HD_PRECOMPILE_SHA256: return host_sha256(c);
    case HD_PRECOMPILE_RIPEMD160: return host_ripemd160(c);
    case HD_PRECOMPILE_MODEXP: return host_modexp(c);
    default: return call_shared(c, id);
    }
}

static int run(uint8_t *out, uint32_t out_max, uint32_t *out_sz, uint32_t id, const uint8_t *in,
               uint32_t in_sz, uint8_t *scratch, size_t scratch_sz, int is_shared) {
    hd_precompile_call c;
    c.out = out;
    c.in = in;
    c.scratch = scratch;
    c.scratch_sz = scratch_sz;
    c.out_max = out_max;
    c.out_sz = 0;
    c.in_sz = in_sz;
    int rc = is_shared ? call_shared(&c, id) : call_host(&c, id);
    *out_sz = rc == 1 ? c.out_sz : 0;
    return rc;
}

int hd_precompile_run(uint8_t *out, uint32_t out_max, uint32_t *out_sz, uint32_t id,
                      const uint8_t *in, uint32_t in_sz, uint8_t *scratch, size_t scratch_sz) {
    return run(out, out_max, out_sz, id, in, in_sz, scratch, scratch_sz, 1);
}

int hd_precompile_host_run(uint8_t *out, uint32_t out_max, uint32_t *out_sz, uint32_t id,
                           const uint8_t *in, uint32_t in_sz, uint8_t *scratch, size_t scratch_sz) {
    return run(out, out_max, out_sz, id, in, in_sz, scratch, scratch_sz, 0);
}
