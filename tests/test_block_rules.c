/* test_block_rules.c - difficulty, base fee, blob gas, rewards and requests. */
#include "exec/hd_block_rules.h"

#include <string.h>

#include "base/hd_hex.h"
#include "crypto/hd_u256.h"
#include "hd_test.h"

static hd_u256 u64(uint64_t x) { return hd_u256_from_u64(x); }

static void base_fee_moves_by_an_eighth_at_most(void **state) {
    (void)state;
    hd_u256 fee = u64(1000000000);
    assert_int_equal(hd_base_fee(fee, 15000000, 30000000).w[0], 1000000000);
    assert_int_equal(hd_base_fee(fee, 30000000, 30000000).w[0], 1125000000);
    assert_int_equal(hd_base_fee(fee, 0, 30000000).w[0], 875000000);
    assert_int_equal(hd_base_fee(fee, 18000000, 30000000).w[0], 1025000000);
    assert_int_equal(hd_base_fee(u64(7), 30000000, 30000000).w[0], 8); /* rises by 1 at least */
}

static void base_fee_of_hostile_numbers_stays_in_range(void **state) {
    (void)state;
    hd_u256 max = hd_u256_not(hd_u256_zero());
    assert_true(hd_u256_is_equal(hd_base_fee(max, UINT64_MAX, 0), max));
    assert_true(hd_u256_lt(hd_base_fee(max, 0, UINT64_MAX), max));
    assert_int_equal(hd_base_fee(u64(0), UINT64_MAX, 1).w[0], 1);
}

static void blob_fee_follows_the_exponential(void **state) {
    (void)state;
    assert_int_equal(hd_blob_fee(0, 3338477).w[0], 1);
    assert_int_equal(hd_blob_fee(2314057, 3338477).w[0], 1); /* just below ln 2 */
    assert_int_equal(hd_blob_fee(2314058, 3338477).w[0], 2); /* the first that gives 2 */
    assert_int_equal(hd_blob_fee(10 * 1024 * 1024, 3338477).w[0], 23);
    assert_true(hd_u256_is_equal(hd_blob_fee(UINT64_MAX, 1), hd_u256_not(hd_u256_zero())));
    assert_int_equal(hd_blob_fee(0, 0).w[0], 1);
}

static void excess_blob_gas_counts_above_the_target(void **state) {
    (void)state;
    hd_blob_params cancun = hd_blob_params_of(HD_FORK_CANCUN);
    uint64_t blob = HD_EVM_BLOB_GAS;
    assert_int_equal(hd_excess_blob_gas(0, 2 * blob, u64(1), cancun, HD_FORK_CANCUN), 0);
    assert_int_equal(hd_excess_blob_gas(0, 6 * blob, u64(1), cancun, HD_FORK_CANCUN), 3 * blob);
    assert_int_equal(hd_excess_blob_gas(5 * blob, 0, u64(1), cancun, HD_FORK_CANCUN), 2 * blob);
}

static void cheap_blobs_pay_a_reserve_price_from_osaka(void **state) {
    (void)state;
    hd_blob_params p = hd_blob_params_of(HD_FORK_OSAKA);
    uint64_t blob = HD_EVM_BLOB_GAS;
    /* Blobs at 1 wei and a base fee of 1 gwei: a third of what was used is added. */
    assert_int_equal(hd_excess_blob_gas(9 * blob, 9 * blob, u64(1000000000), p, HD_FORK_OSAKA),
                     12 * blob);
    assert_int_equal(hd_excess_blob_gas(9 * blob, 9 * blob, u64(1000000000), p, HD_FORK_PRAGUE),
                     12 * blob);
    assert_int_equal(hd_excess_blob_gas(9 * blob, 0, u64(1000000000), p, HD_FORK_OSAKA), 9 * blob);
    assert_int_equal(hd_excess_blob_gas(9 * blob, 0, u64(1000000000), p, HD_FORK_PRAGUE), 3 * blob);
    assert_int_equal(hd_excess_blob_gas(UINT64_MAX, UINT64_MAX, u64(0), p, HD_FORK_OSAKA),
                     UINT64_MAX - 6 * blob);
}

static void ommers_and_their_includer_are_paid(void **state) {
    (void)state;
    hd_u256 ether = u64(1000000000000000000ull);
    hd_u256 five = hd_block_reward(HD_FORK_FRONTIER);
    assert_true(hd_u256_is_equal(five, hd_u256_mul(ether, u64(5))));
    assert_true(hd_u256_is_equal(hd_block_reward(HD_FORK_BYZANTIUM), hd_u256_mul(ether, u64(3))));
    assert_true(hd_u256_is_equal(hd_block_reward(HD_FORK_LONDON), hd_u256_mul(ether, u64(2))));
    assert_true(hd_u256_is_zero(hd_block_reward(HD_FORK_PARIS)));
    assert_int_equal(hd_ommer_reward(u64(128), 1).w[0], 112);
    assert_int_equal(hd_ommer_reward(u64(128), 8).w[0], 0);
    assert_int_equal(hd_includer_reward(u64(128), 2).w[0], 136);
}

static void difficulty_bomb_waits_for_its_delay(void **state) {
    (void)state;
    hd_difficulty_input in = {.parent_difficulty = u64(0x2000000000000ull),
                              .parent_timestamp = 99999,
                              .timestamp = 100015,
                              .number = 13000000};
    in.rules = HD_DIFFICULTY_LONDON;
    assert_int_equal(hd_difficulty(&in).w[0], 0x2000080000000ull);
    in.rules = HD_DIFFICULTY_ARROW_GLACIER;
    assert_int_equal(hd_difficulty(&in).w[0], 0x2000000200000ull);
    in.rules = HD_DIFFICULTY_GRAY_GLACIER;
    assert_int_equal(hd_difficulty(&in).w[0], 0x2000000004000ull);
    in.timestamp = UINT64_MAX; /* at most 99 steps down */
    in.number = 1;
    assert_int_equal(hd_difficulty(&in).w[0], 0x2000000000000ull - 99 * 0x4000000000ull);
}

static void hash_of_no_requests_is_that_of_nothing(void **state) {
    (void)state;
    hd_hash hash;
    char text[65];
    hd_span none[3] = {{0}};
    assert_int_equal(hd_requests_hash(&hash, none, 3), HD_OK);
    hd_hex_encode(text, sizeof text, hash.b, 32);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void deposit_of_another_layout_is_refused(void **state) {
    (void)state;
    static const struct {
        uint32_t off, sz;
    } part[5] = {{160, 48}, {256, 32}, {320, 8}, {384, 96}, {512, 8}};
    uint8_t data[576] = {0};
    hd_buf out = {0};
    hd_msg msg;
    for (size_t i = 0; i < 5; i++) {
        hd_store_be32(data + 32 * i + 28, part[i].off);
        hd_store_be32(data + part[i].off + 28, part[i].sz);
        memset(data + part[i].off + 32, (int)(i + 1), part[i].sz);
    }
    assert_int_equal(hd_deposit_parse(&out, &msg, data, sizeof data), HD_OK);
    assert_int_equal(out.sz, HD_DEPOSIT_SZ);
    assert_int_equal(out.data[0], 1);
    assert_int_equal(out.data[47], 1);
    assert_int_equal(out.data[48], 2);
    assert_int_equal(out.data[191], 5);
    hd_buf_clear(&out);
    assert_int_equal(hd_deposit_parse(&out, &msg, data, sizeof data - 1), HD_ERR_FORMAT);
    for (size_t i = 0; i < 5; i++) {
        data[32 * i + 31] ^= 32;
        assert_int_equal(hd_deposit_parse(&out, &msg, data, sizeof data), HD_ERR_FORMAT);
        data[32 * i + 31] ^= 32;
        data[part[i].off] ^= 1;
        assert_int_equal(hd_deposit_parse(&out, &msg, data, sizeof data), HD_ERR_FORMAT);
        data[part[i].off] ^= 1;
    }
    assert_int_equal(out.sz, 0);
    hd_buf_free(&out);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(base_fee_moves_by_an_eighth_at_most),
    cmocka_unit_test(base_fee_of_hostile_numbers_stays_in_range),
    cmocka_unit_test(blob_fee_follows_the_exponential),
    cmocka_unit_test(excess_blob_gas_counts_above_the_target),
    cmocka_unit_test(cheap_blobs_pay_a_reserve_price_from_osaka),
    cmocka_unit_test(ommers_and_their_includer_are_paid),
    cmocka_unit_test(difficulty_bomb_waits_for_its_delay),
    cmocka_unit_test(hash_of_no_requests_is_that_of_nothing),
    cmocka_unit_test(deposit_of_another_layout_is_refused),
};

HD_TEST_MAIN(tests)
