/* test_precompiles.c - the precompiles' shared code against the host's libraries, their activation,
   gas and refusals. */
#include "hd_test.h"

#include "crypto/hd_precompile.h"
#include "evm/hd_precompile_gas.h"

#define OUT_SZ 4096u

static uint64_t rng = 0xa4093822299f31d0ull;

static uint64_t next_rand(void) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static void fill_rand(uint8_t *p, size_t sz) {
    for (size_t i = 0; i < sz; i++)
        p[i] = (uint8_t)(next_rand() >> 24);
}

static size_t read_hex(uint8_t *out, size_t out_max, const char *hex) {
    size_t sz = strlen(hex) / 2;
    assert_true(sz <= out_max);
    for (size_t i = 0; i < sz; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return sz;
}

/* Runs both runners, wants one answer, and returns it. */
static int run_both(uint8_t *out, uint32_t *out_sz, uint32_t id, const uint8_t *in,
                    uint32_t in_sz) {
    static uint8_t host_out[OUT_SZ], scratch[1 << 18];
    uint8_t head[96];
    uint32_t host_sz = 99;
    hd_precompile_head(head, in, in_sz);
    assert_true(hd_precompile_scratch_sz(id, in_sz, head) <= sizeof scratch);
    *out_sz = 98;
    int rc = hd_precompile_run(out, OUT_SZ, out_sz, id, in, in_sz, scratch, sizeof scratch);
    int host_rc = hd_precompile_host_run(host_out, OUT_SZ, &host_sz, id, in, in_sz, NULL, 0);
    assert_int_equal(rc, host_rc);
    assert_int_equal(*out_sz, host_sz);
    assert_memory_equal(out, host_out, host_sz);
    assert_true(*out_sz <= hd_precompile_out_sz_max(id, in_sz, head));
    return rc;
}

static uint64_t gas_of(uint32_t fork, uint32_t id, const uint8_t *in, uint64_t in_sz) {
    uint8_t head[96], exp_head[32];
    hd_precompile_head(head, in, in_sz);
    hd_precompile_exp_head(exp_head, head, in, in_sz);
    return hd_precompile_gas(fork, id, in_sz, head, exp_head);
}

static const uint32_t all_ids[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,
                                   10, 11, 12, 13, 14, 15, 16, 17, 0x100};

/* A signature of go-ethereum's vector "ValidKey", and its signer. */
#define SIGNED \
    "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c" \
    "000000000000000000000000000000000000000000000000000000000000001c" \
    "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f" \
    "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"
#define SIGNER "000000000000000000000000a94f5374fce5edbc8e2a8697c15331677e6ebf0b"

static void ecrecover_finds_the_signer(void **state) {
    (void)state;
    uint8_t in[128], out[OUT_SZ], want[32];
    uint32_t out_sz;
    read_hex(in, sizeof in, SIGNED);
    read_hex(want, sizeof want, SIGNER);
    assert_int_equal(run_both(out, &out_sz, 1, in, 128), 1);
    assert_int_equal(out_sz, 32);
    assert_memory_equal(out, want, 32);
}

static void ecrecover_of_a_wrong_v_succeeds_without_output(void **state) {
    (void)state;
    uint8_t in[128], out[OUT_SZ];
    uint32_t out_sz;
    for (uint32_t v = 0; v < 256; v++) {
        read_hex(in, sizeof in, SIGNED);
        in[63] = (uint8_t)v;
        assert_int_equal(run_both(out, &out_sz, 1, in, 128), 1);
        assert_true(v == 27 || v == 28 || out_sz == 0);
        if (v == 28)
            assert_int_equal(out_sz, 32);
    }
    for (uint32_t i = 32; i < 63; i++) {
        read_hex(in, sizeof in, SIGNED);
        in[i] = 1;
        assert_int_equal(run_both(out, &out_sz, 1, in, 128), 1);
        assert_int_equal(out_sz, 0);
    }
}

static void ecrecover_agrees_with_libsecp256k1_on_edges_of_r_and_s(void **state) {
    (void)state;
    static const char *const edges[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "0000000000000000000000000000000000000000000000000000000000000002",
        "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0",
        "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    };
    const size_t cnt = sizeof edges / sizeof edges[0];
    uint8_t in[128], out[OUT_SZ];
    uint32_t out_sz, found_cnt = 0;
    for (size_t msg = 0; msg < 3; msg++)
        for (size_t r = 0; r < cnt; r++)
            for (size_t s = 0; s < cnt; s++)
                for (uint32_t v = 27; v < 29; v++) {
                    memset(in, 0, sizeof in);
                    if (msg)
                        read_hex(in, 32, edges[msg == 1 ? 8 : 6]);
                    in[63] = (uint8_t)v;
                    read_hex(in + 64, 32, edges[r]);
                    read_hex(in + 96, 32, edges[s]);
                    assert_int_equal(run_both(out, &out_sz, 1, in, 128), 1);
                    found_cnt += out_sz == 32;
                }
    assert_true(found_cnt > 0);
}

static void ecrecover_agrees_with_libsecp256k1_on_random_signatures(void **state) {
    (void)state;
    uint8_t in[140], out[OUT_SZ];
    uint32_t out_sz, found_cnt = 0;
    for (int i = 0; i < 200; i++) {
        fill_rand(in, sizeof in);
        memset(in + 32, 0, 31);
        in[63] = (uint8_t)(27 + i % 2);
        uint32_t in_sz = i % 10 ? 128 : (uint32_t)(next_rand() % 140); /* short input is padded */
        assert_int_equal(run_both(out, &out_sz, 1, in, in_sz), 1);
        found_cnt += out_sz == 32;
    }
    assert_true(found_cnt > 50);
}

static void hashes_and_identity_agree_with_the_libraries_at_every_length(void **state) {
    (void)state;
    uint8_t in[700], out[OUT_SZ];
    uint32_t out_sz;
    for (uint32_t sz = 0; sz < sizeof in; sz += 1 + sz / 150) {
        fill_rand(in, sz);
        assert_int_equal(run_both(out, &out_sz, 2, in, sz), 1);
        assert_int_equal(out_sz, 32);
        assert_int_equal(run_both(out, &out_sz, 3, in, sz), 1);
        assert_int_equal(out_sz, 32);
        for (int i = 0; i < 12; i++)
            assert_int_equal(out[i], 0);
        assert_int_equal(run_both(out, &out_sz, 4, in, sz), 1);
        assert_int_equal(out_sz, sz);
        assert_memory_equal(out, in, sz);
    }
}

/* Whatever the length, noise must be judged alike by both runners, and never crash. */
static void every_precompile_judges_noise_alike(void **state) {
    (void)state;
    uint8_t *in = (uint8_t *)malloc(1200), out[OUT_SZ];
    assert_non_null(in);
    for (size_t k = 0; k < sizeof all_ids / sizeof all_ids[0]; k++)
        for (int i = 0; i < 60; i++) {
            uint32_t out_sz, sz = (uint32_t)(next_rand() % 1200);
            fill_rand(in, sz);
            /* Real inputs are mostly zeros: long zero runs pass more of the checks. */
            for (uint32_t at = 0; at < sz && i % 2; at += 64)
                memset(in + at, 0, HD_MIN(48u, sz - at));
            if (all_ids[k] == 5 && sz >= 96) {
                memset(in, 0, 96);
                in[31] = in[63] = in[95] = (uint8_t)(next_rand() % 64);
            } else if (all_ids[k] == 5) {
                continue;
            }
            if (all_ids[k] == 9 && sz >= 4)
                memset(in, 0, 3);
            run_both(out, &out_sz, all_ids[k], in, sz);
        }
    free(in);
}

static void fixed_length_precompiles_refuse_every_other_length(void **state) {
    (void)state;
    static const struct {
        uint32_t id, sz;
    } fixed[] = {{9, 213}, {10, 192}, {11, 256}, {13, 512}, {16, 64}, {17, 128}};
    static uint8_t in[600];
    uint8_t out[OUT_SZ];
    uint32_t out_sz;
    for (size_t k = 0; k < sizeof fixed / sizeof fixed[0]; k++)
        for (uint32_t sz = 0; sz < sizeof in; sz++) {
            if (sz == fixed[k].sz)
                continue;
            assert_int_equal(run_both(out, &out_sz, fixed[k].id, in, sz), 0);
            assert_int_equal(out_sz, 0);
        }
}

static void sums_and_pairings_refuse_broken_lengths_and_bls_refuses_none(void **state) {
    (void)state;
    static const struct { uint32_t id, sz; } parts[] = {{8, 192}, {12, 160}, {14, 288}, {15, 384}};
    static uint8_t in[800];
    uint8_t out[OUT_SZ];
    uint32_t out_sz;
    for (size_t k = 0; k < 4; k++)
        for (uint32_t sz = 1; sz < sizeof in; sz += 3)
            if (sz % parts[k].sz)
                assert_int_equal(run_both(out, &out_sz, parts[k].id, in, sz), 0);
    for (size_t k = 1; k < 4; k++)
        assert_int_equal(run_both(out, &out_sz, parts[k].id, in, 0), 0);
    assert_int_equal(run_both(out, &out_sz, 8, in, 0), 1);
    assert_int_equal(out_sz, 32);
    assert_int_equal(out[31], 1);
}

static void sums_of_points_at_infinity_are_infinity(void **state) {
    (void)state;
    static const struct {
        uint32_t id, sz, out_sz;
    } sums[] = {{6, 128, 64},   {6, 0, 64},     {7, 96, 64},    {7, 5, 64},
                {11, 256, 128}, {12, 320, 128}, {13, 512, 256}, {14, 288, 256}};
    static uint8_t in[512];
    uint8_t out[OUT_SZ];
    uint32_t out_sz;
    for (size_t k = 0; k < sizeof sums / sizeof sums[0]; k++) {
        assert_int_equal(run_both(out, &out_sz, sums[k].id, in, sums[k].sz), 1);
        assert_int_equal(out_sz, sums[k].out_sz);
        for (uint32_t i = 0; i < out_sz; i++)
            assert_int_equal(out[i], 0);
    }
    assert_int_equal(run_both(out, &out_sz, 15, in, 384), 1);
    assert_int_equal(out[31], 1);
}

static void p256_of_a_wrong_length_succeeds_without_output(void **state) {
    (void)state;
    static uint8_t in[200];
    uint8_t out[OUT_SZ];
    uint32_t out_sz;
    for (uint32_t sz = 0; sz < sizeof in; sz++) {
        assert_int_equal(run_both(out, &out_sz, 0x100, in, sz), 1);
        assert_int_equal(out_sz, 0);
    }
}

static void an_output_that_does_not_fit_is_our_limit_not_a_refusal(void **state) {
    (void)state;
    static uint8_t in[512] = {0};
    uint8_t out[256];
    for (size_t k = 0; k < sizeof all_ids / sizeof all_ids[0]; k++) {
        uint32_t id = all_ids[k], out_sz = 9;
        in[95] = id == 5 ? 40 : 0;
        uint64_t max = hd_precompile_out_sz_max(id, 512, in);
        assert_true(max > 0 && max <= 512);
        memset(out, 0x5c, sizeof out);
        int rc = hd_precompile_run(out, (uint32_t)max - 1, &out_sz, id, in, 512, NULL, 0);
        assert_int_equal(rc, HD_ERR_LIMIT);
        assert_int_equal(out_sz, 0);
        rc = hd_precompile_host_run(out, (uint32_t)max - 1, &out_sz, id, in, 512, NULL, 0);
        assert_int_equal(rc, HD_ERR_LIMIT);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0x5c);
    }
}

static void an_unknown_id_is_unsupported(void **state) {
    (void)state;
    uint8_t out[32], head[96] = {0};
    uint32_t out_sz;
    static const uint32_t ids[] = {0, 0x12, 0xff, 0x101, 0xffffffff};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(hd_precompile_run(out, 32, &out_sz, ids[i], head, 96, NULL, 0),
                         HD_ERR_UNSUPPORTED);
        assert_int_equal(hd_precompile_host_run(out, 32, &out_sz, ids[i], head, 96, NULL, 0),
                         HD_ERR_UNSUPPORTED);
        for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++)
            assert_false(hd_precompile_is_active(fork, ids[i]));
    }
}

static void precompiles_appear_with_their_forks(void **state) {
    (void)state;
    static const struct {
        uint32_t first, last, fork;
    } since[] = {{1, 4, HD_FORK_FRONTIER}, {5, 8, HD_FORK_BYZANTIUM},
                 {9, 9, HD_FORK_ISTANBUL}, {10, 10, HD_FORK_CANCUN},
                 {11, 17, HD_FORK_PRAGUE}, {0x100, 0x100, HD_FORK_OSAKA}};
    for (size_t k = 0; k < sizeof since / sizeof since[0]; k++)
        for (uint32_t id = since[k].first; id <= since[k].last; id++)
            for (uint32_t fork = 0; fork < HD_FORK_CNT; fork++)
                assert_int_equal(hd_precompile_is_active(fork, id), fork >= since[k].fork);
}

static void gas_of_bytes_counts_started_words(void **state) {
    (void)state;
    static uint8_t in[100];
    assert_int_equal(gas_of(HD_FORK_FRONTIER, 2, in, 0), 60);
    assert_int_equal(gas_of(HD_FORK_FRONTIER, 2, in, 1), 72);
    assert_int_equal(gas_of(HD_FORK_FRONTIER, 2, in, 32), 72);
    assert_int_equal(gas_of(HD_FORK_FRONTIER, 2, in, 33), 84);
    assert_int_equal(gas_of(HD_FORK_FRONTIER, 3, in, 33), 840);
    assert_int_equal(gas_of(HD_FORK_FRONTIER, 4, in, 33), 21);
    assert_int_equal(gas_of(HD_FORK_FRONTIER, 1, in, 0), 3000);
}

static void gas_of_bn254_falls_with_istanbul(void **state) {
    (void)state;
    static uint8_t in[400];
    assert_int_equal(gas_of(HD_FORK_PETERSBURG, 6, in, 128), 500);
    assert_int_equal(gas_of(HD_FORK_ISTANBUL, 6, in, 128), 150);
    assert_int_equal(gas_of(HD_FORK_PETERSBURG, 7, in, 96), 40000);
    assert_int_equal(gas_of(HD_FORK_ISTANBUL, 7, in, 96), 6000);
    assert_int_equal(gas_of(HD_FORK_PETERSBURG, 8, in, 384), 260000);
    assert_int_equal(gas_of(HD_FORK_ISTANBUL, 8, in, 384), 113000);
}

static void gas_of_bls_sums_falls_with_their_length(void **state) {
    (void)state;
    uint8_t head[96] = {0}, exp_head[32] = {0};
    assert_int_equal(hd_precompile_gas(HD_FORK_PRAGUE, 12, 160, head, exp_head), 12000);
    assert_int_equal(hd_precompile_gas(HD_FORK_PRAGUE, 12, 320, head, exp_head), 22776);
    assert_int_equal(hd_precompile_gas(HD_FORK_PRAGUE, 12, 128 * 160, head, exp_head), 797184);
    assert_int_equal(hd_precompile_gas(HD_FORK_PRAGUE, 12, 129 * 160, head, exp_head), 803412);
    assert_int_equal(hd_precompile_gas(HD_FORK_PRAGUE, 14, 2 * 288, head, exp_head), 45000);
    assert_int_equal(hd_precompile_gas(HD_FORK_PRAGUE, 14, 128 * 288, head, exp_head), 1509120);
    assert_int_equal(hd_precompile_gas(HD_FORK_PRAGUE, 15, 3 * 384, head, exp_head), 135500);
}

/* Builds the front of a modexp input; a length may be any 256-bit number: `high` goes to its
   top. */
static void put_len(uint8_t *word, uint64_t low, uint8_t high) {
    memset(word, 0, 32);
    word[0] = high;
    hd_store_be64(word + 24, low);
}

static uint64_t modexp_gas(uint32_t fork, uint64_t base, uint64_t exp, uint64_t mod,
                           uint8_t exp_top) {
    uint8_t head[96], exp_head[32];
    memset(exp_head, exp_top, 32);
    put_len(head, base, 0);
    put_len(head + 32, exp, 0);
    put_len(head + 64, mod, 0);
    return hd_precompile_gas(fork, 5, 96, head, exp_head);
}

static void gas_of_modexp_follows_its_three_schedules(void **state) {
    (void)state;
    /* EIP-198: 64 bytes, 32-byte exponent of 256 bits: 64^2 * 255 / 20. */
    assert_int_equal(modexp_gas(HD_FORK_BYZANTIUM, 64, 32, 64, 0xff), 52224);
    assert_int_equal(modexp_gas(HD_FORK_BYZANTIUM, 65, 32, 1, 0), (65 * 65 / 4 + 6240 - 3072) / 20);
    assert_int_equal(modexp_gas(HD_FORK_BYZANTIUM, 1, 32, 1025, 0),
                     (1025 * 1025 / 16 + 480 * 1025 - 199680) / 20);
    assert_int_equal(modexp_gas(HD_FORK_BYZANTIUM, 64, 33, 64, 0xff), 64 * 64 * (255 + 8) / 20);
    /* EIP-2565: 8 words squared, times 255, over 3; at least 200. */
    assert_int_equal(modexp_gas(HD_FORK_BERLIN, 64, 32, 64, 0xff), 5440);
    assert_int_equal(modexp_gas(HD_FORK_BERLIN, 1, 1, 1, 3), 200);
    assert_int_equal(modexp_gas(HD_FORK_PRAGUE, 64, 40, 64, 0xff), 64 * (255 + 64) / 3);
    /* EIP-7883: no division, 16 a byte, doubled above 32 bytes, at least 500. */
    assert_int_equal(modexp_gas(HD_FORK_OSAKA, 64, 32, 64, 0xff), 2 * 64 * 255);
    assert_int_equal(modexp_gas(HD_FORK_OSAKA, 32, 32, 32, 0xff), 16 * 255);
    assert_int_equal(modexp_gas(HD_FORK_OSAKA, 64, 40, 64, 0xff), 128 * (255 + 128));
    assert_int_equal(modexp_gas(HD_FORK_OSAKA, 0, 0, 0, 0), 500);
}

static void gas_of_modexp_reads_short_exponents_from_the_front(void **state) {
    (void)state;
    /* One byte 0x80 of the 32 that follow the base: 7 iterations. */
    assert_int_equal(modexp_gas(HD_FORK_BERLIN, 512, 1, 512, 0x80), 64 * 64 * 7 / 3);
    uint8_t head[96], exp_head[32] = {0};
    put_len(head, 512, 0);
    put_len(head + 32, 2, 0);
    put_len(head + 64, 512, 0);
    exp_head[2] = 0xff; /* belongs to the modulus */
    assert_int_equal(hd_precompile_gas(HD_FORK_BERLIN, 5, 96, head, exp_head), 64 * 64 / 3);
}

static void gas_of_modexp_does_not_overflow(void **state) {
    (void)state;
    uint8_t head[96], exp_head[32];
    memset(exp_head, 0xff, sizeof exp_head);
    for (uint32_t fork = HD_FORK_BYZANTIUM; fork <= HD_FORK_OSAKA; fork++) {
        for (int big = 0; big < 2; big++) {
            uint64_t low = big ? UINT64_MAX : 0;
            uint8_t high = big ? 0 : 1;
            put_len(head, low, high);
            put_len(head + 32, 1, 0);
            put_len(head + 64, 1, 0);
            assert_true(hd_precompile_gas(fork, 5, 96, head, exp_head) == UINT64_MAX);
            put_len(head, 1, 0);
            put_len(head + 32, low, high);
            assert_true(hd_precompile_gas(fork, 5, 96, head, exp_head) == UINT64_MAX);
            put_len(head + 32, 1, 0);
            put_len(head + 64, low, high);
            assert_true(hd_precompile_gas(fork, 5, 96, head, exp_head) == UINT64_MAX);
            /* Nothing to compute: free, however long the exponent; Osaka refuses the length. */
            put_len(head, 0, 0);
            put_len(head + 32, low, high);
            put_len(head + 64, 0, 0);
            uint64_t gas = hd_precompile_gas(fork, 5, 96, head, exp_head);
            assert_true(gas == (fork >= HD_FORK_OSAKA    ? UINT64_MAX
                                : fork >= HD_FORK_BERLIN ? 200
                                                         : 0));
        }
    }
    /* A product of more than 64 bits whose quotient fits. */
    assert_true(modexp_gas(HD_FORK_BERLIN, 8ull << 30, 37, 1, 0) == (1ull << 60) / 3 * 40 + 40 / 3);
    assert_true(modexp_gas(HD_FORK_BERLIN, 8ull << 30, 39, 1, 0) == UINT64_MAX);
}

static void gas_of_modexp_from_osaka_refuses_lengths_above_1024(void **state) {
    (void)state;
    assert_true(modexp_gas(HD_FORK_OSAKA, 1024, 1024, 1024, 0) != UINT64_MAX);
    assert_true(modexp_gas(HD_FORK_OSAKA, 1025, 0, 0, 0) == UINT64_MAX);
    assert_true(modexp_gas(HD_FORK_OSAKA, 0, 1025, 0, 0) == UINT64_MAX);
    assert_true(modexp_gas(HD_FORK_OSAKA, 0, 0, 1025, 0) == UINT64_MAX);
    assert_true(modexp_gas(HD_FORK_PRAGUE, 1025, 0, 0, 0) != UINT64_MAX);
}

static void exponent_head_is_padded_past_the_end_of_the_input(void **state) {
    (void)state;
    uint8_t in[140], head[96], exp_head[32];
    memset(in, 0, 96);
    memset(in + 96, 0x11, sizeof in - 96);
    in[31] = 20;
    hd_precompile_head(head, in, sizeof in);
    hd_precompile_exp_head(exp_head, head, in, sizeof in);
    for (int i = 0; i < 32; i++)
        assert_int_equal(exp_head[i], i < 24 ? 0x11 : 0);
    for (uint32_t sz = 0; sz <= 116; sz++) {
        hd_precompile_head(head, in, sz);
        hd_precompile_exp_head(exp_head, head, in, sz);
        for (int i = 0; sz >= 32 && i < 32; i++)
            assert_int_equal(exp_head[i], 0);
    }
    put_len(in, UINT64_MAX, 0);
    hd_precompile_head(head, in, sizeof in);
    hd_precompile_exp_head(exp_head, head, in, sizeof in);
    assert_int_equal(exp_head[0], 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ecrecover_finds_the_signer),
    cmocka_unit_test(ecrecover_of_a_wrong_v_succeeds_without_output),
    cmocka_unit_test(ecrecover_agrees_with_libsecp256k1_on_edges_of_r_and_s),
    cmocka_unit_test(ecrecover_agrees_with_libsecp256k1_on_random_signatures),
    cmocka_unit_test(hashes_and_identity_agree_with_the_libraries_at_every_length),
    cmocka_unit_test(every_precompile_judges_noise_alike),
    cmocka_unit_test(fixed_length_precompiles_refuse_every_other_length),
    cmocka_unit_test(sums_and_pairings_refuse_broken_lengths_and_bls_refuses_none),
    cmocka_unit_test(sums_of_points_at_infinity_are_infinity),
    cmocka_unit_test(p256_of_a_wrong_length_succeeds_without_output),
    cmocka_unit_test(an_output_that_does_not_fit_is_our_limit_not_a_refusal),
    cmocka_unit_test(an_unknown_id_is_unsupported),
    cmocka_unit_test(precompiles_appear_with_their_forks),
    cmocka_unit_test(gas_of_bytes_counts_started_words),
    cmocka_unit_test(gas_of_bn254_falls_with_istanbul),
    cmocka_unit_test(gas_of_bls_sums_falls_with_their_length),
    cmocka_unit_test(gas_of_modexp_follows_its_three_schedules),
    cmocka_unit_test(gas_of_modexp_reads_short_exponents_from_the_front),
    cmocka_unit_test(gas_of_modexp_does_not_overflow),
    cmocka_unit_test(gas_of_modexp_from_osaka_refuses_lengths_above_1024),
    cmocka_unit_test(exponent_head_is_padded_past_the_end_of_the_input),
};

HD_TEST_MAIN(tests)
