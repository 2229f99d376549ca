/* test_recover.c - batched signature recovery: every backend against libsecp256k1 on valid, random
   and edge cases. */
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <json-c/json.h>

#include "base/hd_threads.h"
#include "crypto/hd_keccak.h"
#include "crypto/hd_recover.h"
#include "crypto/hd_recover_body.h"
#include "evm/hd_tx_recover.h"
#include "hd_test.h"

#define ITEMS_MAX 4096u

static uint64_t rng_state = 0x9e3779b97f4a7c15ull;

static uint64_t next_random(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1dull;
}

static hd_u256 random_word(void) {
    return hd_u256_make(next_random(), next_random(), next_random(), next_random());
}

static hd_u256 order(void) {
    return hd_u256_make(0xffffffffffffffffull, 0xfffffffffffffffeull, 0xbaaedce6af48a03bull,
                        0xbfd25e8cd0364141ull);
}

static secp256k1_context *secp;
static hd_pool *pool;

static int open_all(void **state) {
    (void)state;
    secp = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    return secp && hd_pool_open(&pool, 2) == HD_OK ? 0 : -1;
}

static int close_all(void **state) {
    (void)state;
    secp256k1_context_destroy(secp);
    hd_pool_close(pool);
    return 0;
}

static hd_recover_item sign(const uint8_t secret[32], const uint8_t hash[32]) {
    secp256k1_ecdsa_recoverable_signature sig;
    hd_recover_item it;
    uint8_t rs[64];
    int rec_id = 0;
    memset(&it, 0, sizeof it);
    assert_int_equal(secp256k1_ecdsa_sign_recoverable(secp, &sig, hash, secret, NULL, NULL), 1);
    secp256k1_ecdsa_recoverable_signature_serialize_compact(secp, rs, &rec_id, &sig);
    memcpy(it.hash.b, hash, 32);
    it.r = hd_u256_load_be(rs);
    it.s = hd_u256_load_be(rs + 32);
    it.parity = (uint32_t)rec_id;
    return it;
}

static hd_recover_item signed_item(void) {
    uint8_t secret[32], hash[32];
    hd_u256_store_be(secret, random_word());
    secret[0] &= 0x7f;
    hd_u256_store_be(hash, random_word());
    return sign(secret, hash);
}

/* Runs all backends that are here over the items and compares them with libsecp256k1 one by one. */
static void check(const hd_recover_item *items, uint32_t cnt) {
    static hd_recover_result want[ITEMS_MAX], got[ITEMS_MAX];
    assert_true(cnt <= ITEMS_MAX);
    for (uint32_t i = 0; i < cnt; i++)
        assert_int_equal(hd_recover_one(&want[i], &items[i]), HD_OK);
    for (uint32_t backend = 0; backend <= HD_RECOVER_CUDA; backend++) {
        hd_recover *rec = NULL;
        hd_err err = hd_recover_open(&rec, backend, pool);
        if (backend == HD_RECOVER_CUDA && err == HD_ERR_ABSENT)
            continue;
        assert_int_equal(err, HD_OK);
        assert_int_equal(hd_recover_backend(rec), backend);
        memset(got, 0xee, sizeof got);
        assert_int_equal(hd_recover_run(rec, got, items, cnt), HD_OK);
        for (uint32_t i = 0; i < cnt; i++)
            if (memcmp(&want[i], &got[i], sizeof got[i]) != 0)
                fail_msg("backend %u, item %u: status %u, expected %u", backend, i, got[i].status,
                         want[i].status);
        hd_recover_close(rec);
    }
}

static void recover_gives_the_signers_address(void **state) {
    (void)state;
    static hd_recover_item items[1500];
    for (size_t i = 0; i < 1500; i++)
        items[i] = signed_item();
    check(items, 1500);
    hd_recover_result res;
    assert_int_equal(hd_recover_one(&res, &items[0]), HD_OK);
    assert_int_equal(res.status, HD_RECOVER_OK);
}

static void recover_agrees_on_every_batch_size(void **state) {
    (void)state;
    static hd_recover_item items[200];
    for (size_t i = 0; i < 200; i++)
        items[i] = signed_item();
    for (uint32_t cnt = 0; cnt <= 200; cnt += cnt < 8 ? 1 : 61)
        check(items, cnt);
}

static void recover_agrees_on_random_numbers(void **state) {
    (void)state;
    static hd_recover_item items[1000];
    memset(items, 0, sizeof items);
    for (size_t i = 0; i < 1000; i++) {
        hd_u256_store_be(items[i].hash.b, random_word());
        items[i].r = random_word();
        items[i].s = random_word();
        items[i].parity = (uint32_t)(next_random() >> 62);
    }
    check(items, 1000);
}

/* All combinations of values at the borders, for r, s, hash and parity. */
static void recover_agrees_at_the_borders(void **state) {
    (void)state;
    static hd_recover_item items[ITEMS_MAX];
    hd_recover_item good = signed_item();
    hd_u256 n = order(), one = hd_u256_from_u64(1), gx;
    const uint64_t *g = hd_k1_g_table();
    gx = hd_u256_make(g[3], g[2], g[1], g[0]);
    /* p - n, and x with x + n on the curve or not: such r stand for themselves. */
    hd_u256 p = hd_u256_make(~0ull, ~0ull, ~0ull, 0xfffffffefffffc2full);
    hd_u256 edges[] = {hd_u256_from_u64(0),
                       one,
                       hd_u256_from_u64(2),
                       hd_u256_from_u64(3),
                       hd_u256_from_u64(4),
                       hd_u256_sub(n, one),
                       n,
                       hd_u256_add(n, one),
                       hd_u256_sub(p, n),
                       hd_u256_sub(hd_u256_sub(p, n), one),
                       hd_u256_sub(p, one),
                       p,
                       hd_u256_sub(hd_u256_from_u64(0), one),
                       gx,
                       good.r,
                       good.s};
    uint32_t edge_cnt = sizeof edges / sizeof edges[0], cnt = 0;
    for (uint32_t i = 0; i < edge_cnt; i++)
        for (uint32_t j = 0; j < edge_cnt; j++)
            for (uint32_t parity = 0; parity < 4; parity++)
                for (uint32_t h = 0; h < 4; h++) {
                    hd_recover_item *it = &items[cnt++];
                    memset(it, 0, sizeof *it);
                    it->r = edges[i];
                    it->s = edges[j];
                    it->parity = parity;
                    hd_u256 hash = h == 0 ? hd_u256_from_u64(0) : h == 1 ? n : edges[i];
                    hd_u256_store_be(it->hash.b, h == 3 ? edges[j] : hash);
                }
    check(items, cnt);
}

/* Multiples of G as nonce points make the summands of the ladder meet: R = k*G with u1, u2 small,
   equal, opposite, or such that the key is infinity. */
static void recover_survives_summands_that_meet(void **state) {
    (void)state;
    static hd_recover_item items[ITEMS_MAX];
    hd_f256_mod n = hd_k1_n();
    uint32_t cnt = 0, infinity_cnt = 0;
    for (uint32_t k = 1; k <= 40; k++) {
        uint8_t pub[64], secret[32];
        hd_u256 factor = k <= 20 ? hd_u256_from_u64(k)
                                 : hd_u256_shl_bits(hd_u256_from_u64(k - 20), (k - 20) * 12);
        hd_u256_store_be(secret, factor);
        assert_int_equal(hd_secp256k1_pubkey(pub, secret), 1);
        hd_f256 r = hd_f256_load_be(pub);
        if (!hd_f256_is_below(&r, &n.m))
            continue;
        for (uint32_t a = 0; a < 10; a++)
            for (uint32_t b = 1; b < 10; b++) {
                /* hash = -u1*r, s = u2*r */
                hd_f256 rm, u1 = hd_f256_make(0, 0, 0, a), u2 = hd_f256_make(0, 0, 0, b);
                hd_recover_item *it = &items[cnt++];
                if (a == 9) { /* u1*G = -u2*R, for one of the two parities */
                    hd_f256 f = hd_f256_make(factor.w[3], factor.w[2], factor.w[1], factor.w[0]);
                    hd_f256_mul_mod(&rm, &n.rr, &f, &n);
                    hd_f256_mul_mod(&u1, &rm, &u2, &n);
                }
                hd_f256_mul_mod(&rm, &r, &n.rr, &n);
                hd_f256_mul_mod(&u1, &rm, &u1, &n);
                hd_f256_mul_mod(&u2, &rm, &u2, &n);
                if ((a ^ b) & 1)
                    hd_f256_neg_mod(&u1, &u1, &n.m);
                memset(it, 0, sizeof *it);
                hd_f256_store_be(it->hash.b, &u1);
                it->r = hd_u256_load_be(pub);
                it->s = hd_u256_make(u2.w[3], u2.w[2], u2.w[1], u2.w[0]);
                it->parity = (k + a) & 1;
                hd_recover_result res;
                assert_int_equal(hd_recover_one(&res, it), HD_OK);
                infinity_cnt += res.status == HD_RECOVER_NO_KEY;
            }
    }
    check(items, cnt);
    assert_true(infinity_cnt > 20);
}

/* u2 and u1 whose halves are even, odd, zero or largest. */
static void recover_agrees_on_chosen_scalars(void **state) {
    (void)state;
    static hd_recover_item items[ITEMS_MAX];
    hd_f256_mod n = hd_k1_n();
    hd_f256 lambda = hd_f256_make(0x5363ad4cc05c30e0ull, 0xa5261c028812645aull,
                                  0x122e22ea20816678ull, 0xdf02967c1b23bd72ull);
    hd_f256 lm;
    uint32_t cnt = 0;
    hd_f256_mul_mod(&lm, &lambda, &n.rr, &n);
    hd_recover_item good = signed_item();
    for (int i = -8; i < 8; i++)
        for (int j = -8; j < 8; j++)
            for (uint32_t form = 0; form < 3; form++) {
                uint64_t hi = form == 1 ? 1ull << 63 : form == 2 ? 0x1234567800000000ull : 0;
                hd_f256 a = hd_f256_make(0, 0, hi, (uint64_t)(i < 0 ? -i : i)), b, rm, u2;
                b = hd_f256_make(0, 0, form == 2 ? 0 : hi, (uint64_t)(j < 0 ? -j : j));
                hd_f256_mul_mod(&b, &lm, &b, &n);
                if (i < 0)
                    hd_f256_neg_mod(&a, &a, &n.m);
                if (j < 0)
                    hd_f256_neg_mod(&b, &b, &n.m);
                hd_f256_add_mod(&u2, &a, &b, &n.m);
                hd_f256 r = hd_f256_make(good.r.w[3], good.r.w[2], good.r.w[1], good.r.w[0]);
                hd_f256_mul_mod(&rm, &r, &n.rr, &n);
                hd_f256_mul_mod(&u2, &rm, &u2, &n);
                items[cnt] = good;
                items[cnt].s = hd_u256_make(u2.w[3], u2.w[2], u2.w[1], u2.w[0]);
                cnt++;
            }
    check(items, cnt);
}

static void recover_table_holds_the_multiples_of_g(void **state) {
    (void)state;
    static const uint32_t sizes[] = {2, 5, 8, 13};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        uint32_t bits = sizes[k], lane_cnt = HD_MIN(HD_RECOVER_G_LANE_CNT, 1u << (bits - 1));
        uint64_t cnt = hd_recover_g_cnt(bits);
        hd_k1_affine *tab = malloc(cnt * sizeof *tab), base, twice;
        assert_non_null(tab);
        hd_recover_g_base(&base, &twice, NULL, bits);
        for (uint64_t i = 0; i < cnt; i += lane_cnt) {
            if (i > 0 && (i & ((1u << (bits - 1)) - 1)) == 0)
                hd_recover_g_base(&base, &twice, &base, bits);
            hd_recover_g_lane(tab, bits, i, &base, &twice);
        }
        for (uint32_t trial = 0; trial < 200; trial++) {
            uint64_t i = trial ? next_random() % cnt : cnt - 1;
            uint32_t w = (uint32_t)(i >> (bits - 1));
            uint8_t secret[32], want[64], got[64];
            hd_u256 f = hd_u256_from_u64(2 * (i & ((1u << (bits - 1)) - 1)) + 1);
            f = hd_u256_shl_bits(f, w * bits);
            hd_u256_store_be(secret, f);
            if (!hd_secp256k1_pubkey(want, secret))
                continue; /* above n: part of the last window */
            hd_f256_store_be(got, &tab[i].x);
            hd_f256_store_be(got + 32, &tab[i].y);
            if (w * bits + bits <= 255)
                assert_memory_equal(got, want, 64);
        }
        free(tab);
    }
}

/* On the device these walk along with their block. */
static void ladder_of_a_lane_without_a_key_writes_nothing(void **state) {
    (void)state;
    enum { BITS = 5, LANES = 1 << (BITS - 1) };
    hd_recover_item items[2];
    hd_recover_result results[2];
    hd_f256 work[8], before[8];
    hd_recover_batch bt;
    hd_k1_affine *tab = malloc(hd_recover_g_cnt(BITS) * sizeof *tab), base, twice;
    assert_non_null(tab);
    for (uint64_t i = 0; i < hd_recover_g_cnt(BITS); i += LANES) {
        hd_recover_g_base(&base, &twice, i ? &base : NULL, BITS);
        hd_recover_g_lane(tab, BITS, i, &base, &twice);
    }
    items[0] = signed_item();
    items[0].parity = 2;
    items[1] = signed_item();
    memset(&bt, 0, sizeof bt);
    bt.items = items;
    bt.results = results;
    bt.a = work;
    bt.b = work + 2;
    bt.c = work + 4;
    bt.d = work + 6;
    bt.g.at = tab;
    bt.g.bits = BITS;
    bt.cnt = 2;
    bt.lane_cnt = 1;
    hd_recover_invert_r(&bt, 0);
    hd_recover_lift(&bt, 0);
    hd_recover_lift(&bt, 1);
    memcpy(before, work, sizeof work);
    for (uint32_t i = 0; i < 4; i++)
        if (i != 1) {
            assert_false(hd_recover_is_live(&bt, i));
            hd_recover_ladder(&bt, i, 0);
        }
    assert_memory_equal(before, work, sizeof work);
    assert_true(hd_recover_is_live(&bt, 1));
    hd_recover_ladder(&bt, 1, 1);
    hd_recover_invert_z(&bt, 0);
    hd_recover_finish(&bt, 0);
    hd_recover_finish(&bt, 1);
    for (uint32_t i = 0; i < 2; i++) {
        hd_recover_result want;
        assert_int_equal(hd_recover_one(&want, &items[i]), HD_OK);
        assert_memory_equal(&results[i], &want, sizeof want);
    }
    free(tab);
}

static uint32_t unhex(uint8_t *out, uint32_t out_max, const char *hex) {
    uint32_t sz = (uint32_t)strlen(hex) / 2;
    for (uint32_t i = 0; i < sz && i < out_max; i++) {
        unsigned x = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &x), 1);
        out[i] = (uint8_t)x;
    }
    return sz;
}

/* The precompile's vectors, each as a batch item: an input ends with zeros, v is 27 or 28. */
static void recover_gives_what_ecrecover_gives(void **state) {
    (void)state;
    hd_recover_item items[64];
    char path[512];
    hd_test_fixture(path, sizeof path,
                    "precompiles/geth-core-vm-testdata/precompiles/ecRecover.json");
    json_object *root = json_object_from_file(path);
    assert_non_null(root);
    uint32_t cnt = (uint32_t)json_object_array_length(root), key_cnt = 0;
    assert_in_range(cnt, 5, 64);
    for (uint32_t i = 0; i < cnt; i++) {
        json_object *one = json_object_array_get_idx(root, i);
        const char *hex = json_object_get_string(json_object_object_get(one, "Input"));
        const char *expected = json_object_get_string(json_object_object_get(one, "Expected"));
        uint8_t in[128] = {0}, want[32] = {0};
        hd_recover_result res;
        unhex(in, sizeof in, hex);
        uint32_t want_sz = unhex(want, sizeof want, expected);
        hd_u256 v = hd_u256_load_be(in + 32);
        memset(&items[i], 0, sizeof items[i]);
        memcpy(items[i].hash.b, in, 32);
        items[i].r = hd_u256_load_be(in + 64);
        items[i].s = hd_u256_load_be(in + 96);
        items[i].parity = hd_u256_fits_u64(v) && v.w[0] <= 28 ? (uint32_t)v.w[0] - 27 : 2;
        assert_int_equal(hd_recover_one(&res, &items[i]), HD_OK);
        assert_int_equal(res.status == HD_RECOVER_OK, want_sz == 32);
        if (want_sz == 32)
            assert_memory_equal(res.address.b, want + 12, 20);
        key_cnt += want_sz == 32;
    }
    json_object_put(root);
    assert_true(key_cnt > 0);
    check(items, cnt);
}

/* Legacy and typed transactions, some of them spoilt in the ways that are refused. */
static void make_txs(hd_tx *txs, hd_tx_envelope *envs, uint32_t cnt) {
    for (uint32_t i = 0; i < cnt; i++) {
        uint8_t secret[32];
        hd_tx *tx = &txs[i];
        hd_tx_envelope *env = &envs[i];
        memset(tx, 0, sizeof *tx);
        memset(env, 0, sizeof *env);
        hd_u256_store_be(secret, random_word());
        secret[0] &= 0x7f;
        tx->type = i % 3 == 0 ? HD_TX_LEGACY : i % 3 == 1 ? HD_TX_ACCESS_LIST : HD_TX_DYNAMIC_FEE;
        tx->nonce = i;
        tx->gas_limit = 21000;
        tx->chain_id = 1;
        env->chain_id = hd_u256_from_u64(1);
        if (tx->type == HD_TX_LEGACY && (i & 1))
            env->flags = HD_TX_ENVELOPE_PROTECTED;
        assert_int_equal(hd_tx_sign(tx, env, (const uint8_t *)"", secret), HD_OK);
        switch (i % 23) {
        case 5: env->s = hd_u256_sub(order(), env->s); break;
        case 6: env->r = hd_u256_from_u64(0); break;
        case 7: env->s = order(); break;
        case 8: env->v = hd_u256_from_u64(77); break;
        case 9: env->r = hd_u256_from_u64(5); break; /* no point has this x */
        case 10: env->chain_id = hd_u256_from_u64(2); break;
        case 11: env->signing_hash.b[3] ^= 1; break; /* somebody else's signature */
        case 12: tx->type = HD_TX_SET_CODE; break;
        default: break;
        }
        if (i & 4)
            memset(tx->sender.b, 0x77, sizeof tx->sender.b);
    }
}

static void senders_of_a_batch_are_those_of_one_by_one(void **state) {
    (void)state;
    enum { CNT = 460 };
    static hd_tx txs[CNT], one[CNT], many[CNT];
    static hd_tx_envelope envs[CNT];
    static uint32_t want[CNT], got[CNT];
    static const uint32_t forks[] = {HD_FORK_FRONTIER, HD_FORK_HOMESTEAD, HD_FORK_SPURIOUS,
                                     HD_FORK_BERLIN,   HD_FORK_LONDON,    HD_FORK_PRAGUE};
    make_txs(txs, envs, CNT);
    for (uint32_t backend = 0; backend <= HD_RECOVER_AUTO; backend++) {
        hd_recover *rec = NULL; /* AUTO stands for none: libsecp256k1 by itself */
        if (backend != HD_RECOVER_AUTO && hd_recover_open(&rec, backend, pool) != HD_OK)
            continue;
        for (size_t f = 0; f < sizeof forks / sizeof forks[0]; f++)
            for (uint32_t begin = 0; begin < 23; begin += 11) {
                hd_msg msg = {""}, want_msg = {""};
                uint32_t cnt = CNT - begin, bad_idx = 99999, want_idx = cnt;
                memcpy(one, txs, sizeof one);
                memcpy(many, txs, sizeof many);
                for (uint32_t i = 0; i < cnt; i++) {
                    hd_msg m = {""};
                    hd_tx_recover(&want[i], &one[begin + i], &m, &envs[begin + i], forks[f], 1);
                    if (want[i] != HD_TX_SUCCESS && want_idx == cnt) {
                        want_idx = i;
                        want_msg = m;
                    }
                }
                assert_int_equal(hd_txs_recover(got, many + begin, &bad_idx, &msg, envs + begin,
                                                cnt, forks[f], 1, rec, pool),
                                 HD_OK);
                assert_memory_equal(got, want, cnt * sizeof got[0]);
                assert_memory_equal(many, one, sizeof one);
                assert_int_equal(bad_idx, want_idx);
                assert_string_equal(msg.text, want_msg.text);
            }
        hd_recover_close(rec);
    }
    uint32_t bad_idx = 7;
    assert_int_equal(
        hd_txs_recover(got, many, &bad_idx, NULL, envs, 0, HD_FORK_PRAGUE, 1, NULL, pool), HD_OK);
    assert_int_equal(bad_idx, 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recover_table_holds_the_multiples_of_g),
        cmocka_unit_test(recover_gives_the_signers_address),
        cmocka_unit_test(recover_agrees_on_every_batch_size),
        cmocka_unit_test(recover_agrees_on_random_numbers),
        cmocka_unit_test(recover_agrees_at_the_borders),
        cmocka_unit_test(recover_survives_summands_that_meet),
        cmocka_unit_test(recover_agrees_on_chosen_scalars),
        cmocka_unit_test(ladder_of_a_lane_without_a_key_writes_nothing),
        cmocka_unit_test(recover_gives_what_ecrecover_gives),
        cmocka_unit_test(senders_of_a_batch_are_those_of_one_by_one),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, open_all, close_all);
}
