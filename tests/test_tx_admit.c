/* test_tx_admit.c - the pipeline's decoder gives the verdicts, fields and hashes of hd_tx_decode
   and hd_tx_signature, on sound and on mutated transactions. */
#include "evm/hd_tx_admit.h"

#include "evm/hd_tx_codec.h"
#include "evm/hd_tx_recover.h"
#include "hd_test.h"

static uint64_t next_random(uint64_t *r) {
    *r += 0x9e3779b97f4a7c15u;
    return hd_mix64(*r);
}

/* A number of up to bit_max bits, every length as likely. */
static hd_u256 random_number(uint64_t *r, uint32_t bit_max) {
    hd_u256 x = hd_u256_make(next_random(r), next_random(r), next_random(r), next_random(r));
    return hd_u256_shr_bits(x, 256 - (uint32_t)(next_random(r) % (bit_max + 1)));
}

static void make_raw(hd_buf *raw, uint64_t *r) {
    hd_tx tx = {.type = (uint32_t)(next_random(r) % 12)};
    hd_tx_envelope g = {.flags = 0};
    hd_buf data = {0};
    uint8_t secret[32] = {0}, bytes[300];
    tx.type = tx.type < 9 ? tx.type % 3 : tx.type == 9 ? HD_TX_BLOB : tx.type % 3;
    secret[31] = (uint8_t)(1 + next_random(r) % 200);
    tx.nonce = random_number(r, 64).w[0];
    tx.gas_limit = random_number(r, 64).w[0];
    tx.gas_price = random_number(r, 256);
    tx.priority_fee = tx.type >= HD_TX_DYNAMIC_FEE ? random_number(r, 256) : tx.gas_price;
    tx.value_wei = random_number(r, 256);
    if (tx.type != HD_TX_BLOB && next_random(r) % 6 == 0)
        tx.flags = HD_TX_CREATE;
    for (uint32_t i = 0; i < 20 && !tx.flags; i++)
        tx.to.b[i] = (uint8_t)next_random(r);
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)next_random(r);
    tx.data_sz = (uint32_t)(next_random(r) % 3 ? next_random(r) % 80 : next_random(r) % 300);
    if (tx.data_sz && next_random(r) % 2)
        bytes[0] &= 0x7f;
    assert_int_equal(hd_buf_append(&data, bytes, tx.data_sz), HD_OK);
    if (tx.type != HD_TX_LEGACY && next_random(r) % 2 == 0) {
        tx.access_off = data.sz;
        tx.access_cnt = 1 + (uint32_t)(next_random(r) % 4);
        for (uint32_t i = 0; i < tx.access_cnt; i++) {
            uint8_t entry[24 + 3 * 32];
            uint32_t key_cnt = (uint32_t)(next_random(r) % 4);
            for (uint32_t k = 0; k < sizeof entry; k++)
                entry[k] = (uint8_t)(next_random(r) % 3 ? next_random(r) : 0);
            hd_store_le32(entry + 20, key_cnt);
            assert_int_equal(hd_buf_append(&data, entry, 24 + 32 * key_cnt), HD_OK);
            tx.access_key_cnt += key_cnt;
        }
        tx.access_sz = (uint32_t)(data.sz - tx.access_off);
    }
    if (tx.type == HD_TX_BLOB) {
        tx.blob_fee = random_number(r, 256);
        tx.blob_cnt = (uint32_t)(next_random(r) % 7);
        tx.blob_off = data.sz;
        for (uint32_t i = 0; i < tx.blob_cnt; i++)
            assert_int_equal(hd_buf_append(&data, bytes + 32 * i, 32), HD_OK);
    }
    g.chain_id = next_random(r) % 3 ? hd_u256_from_u64(1) : random_number(r, 254);
    if (tx.type == HD_TX_LEGACY && next_random(r) % 3)
        g.flags = HD_TX_ENVELOPE_PROTECTED;
    if (data.sz == 0)
        assert_int_equal(hd_buf_append_zero(&data, 1), HD_OK);
    assert_int_equal(hd_tx_sign(&tx, &g, data.data, secret), HD_OK);
    if (next_random(r) % 4 == 0)
        switch (next_random(r) % 5) {
        case 0: g.v = random_number(r, 256); break;
        case 1: g.r = random_number(r, 256); break;
        case 2: g.s = random_number(r, 256); break;
        case 3: g.v = hd_u256_from_u64(next_random(r) % 40); break;
        default: g.s = hd_u256_sub(hd_u256_zero(), g.s); break;
        }
    assert_int_equal(hd_tx_encode(raw, &tx, &g, data.data), HD_OK);
    hd_buf_free(&data);
}

/* A few bytes changed, added or taken: headers first, where the rules are. */
static void mutate(hd_buf *raw, uint64_t *r) {
    uint32_t cnt = 1 + (uint32_t)(next_random(r) % 3);
    for (uint32_t i = 0; i < cnt && raw->sz; i++) {
        size_t at =
            next_random(r) % 2 ? next_random(r) % HD_MIN(raw->sz, 12) : next_random(r) % raw->sz;
        static const uint8_t edges[] = {0,    1,    0x7f, 0x80, 0x81, 0xb7, 0xb8, 0xb9,
                                        0xbf, 0xc0, 0xc1, 0xf7, 0xf8, 0xf9, 0xff, 0x94};
        switch (next_random(r) % 5) {
        case 0: raw->data[at] = (uint8_t)next_random(r); break;
        case 1: raw->data[at] = edges[next_random(r) % sizeof edges]; break;
        case 2: raw->sz = at; break;
        case 3:
            assert_int_equal(hd_buf_append_zero(raw, 1), HD_OK);
            memmove(raw->data + at + 1, raw->data + at, raw->sz - at - 1);
            break;
        default: raw->data[at] = (uint8_t)(raw->data[at] + (next_random(r) % 2 ? 1 : -1)); break;
        }
    }
}

typedef struct {
    uint64_t verdict[3], sound, list_cnt, blob_cnt;
} tally;

static void compare(tally *t, const hd_buf *raw, uint32_t fork) {
    hd_tx tx, other;
    hd_tx_envelope g;
    hd_hash hash;
    hd_recover_item item;
    hd_buf data = {0};
    uint32_t status, parity = 0, off = 77;
    /* The bytes end where the buffer ends, so that reading on is caught by a sanitizer. */
    uint8_t *copy = malloc(off + raw->sz + 1);
    assert_non_null(copy);
    memset(copy, 0xee, off);
    if (raw->sz)
        memcpy(copy + off, raw->data, raw->sz);
    /* So is writing on behind the room; without one, lists are somebody else's. */
    uint32_t room_sz = raw->sz % 4 == 3 ? 0 : (uint32_t)(raw->sz + raw->sz / 16);
    hd_admit_room room = {malloc(room_sz + 1), off + raw->sz + 1000, room_sz};
    uint32_t verdict =
        hd_tx_admit(&tx, &hash, &item, &status, copy, off, (uint32_t)raw->sz, &room, fork, 1);
    hd_err err = hd_tx_decode(&other, &g, &data, NULL, (hd_span){copy + off, raw->sz});
    t->verdict[verdict]++;
    if (verdict == HD_ADMIT_MALFORMED) {
        assert_int_equal(err, HD_ERR_FORMAT);
    } else if (verdict == HD_ADMIT_ELSEWHERE) {
        assert_true(err == HD_ERR_FORMAT || other.type == HD_TX_SET_CODE ||
                    (room_sz == 0 && (other.access_cnt || other.blob_cnt)));
    } else {
        assert_int_equal(err, HD_OK);
        assert_int_equal(tx.data_sz, other.data_sz);
        if (tx.data_sz)
            assert_memory_equal(copy + tx.data_off, data.data + other.data_off, tx.data_sz);
        if (other.access_cnt) {
            t->list_cnt++;
            assert_int_equal(tx.access_sz, other.access_sz);
            assert_memory_equal(room.at + (tx.access_off - room.off), data.data + other.access_off,
                                other.access_sz);
        }
        if (other.blob_cnt) {
            t->blob_cnt++;
            assert_int_equal(tx.blob_cnt, other.blob_cnt);
            assert_memory_equal(room.at + (tx.blob_off - room.off), data.data + other.blob_off,
                                (size_t)32 * other.blob_cnt);
        }
        other.data_off = other.auth_off = tx.data_off;
        other.access_off = tx.access_off;
        other.blob_off = tx.blob_off;
        assert_memory_equal(&tx, &other, sizeof tx);
        assert_memory_equal(&hash, &g.hash, sizeof hash);
        assert_int_equal(status, hd_tx_signature(&parity, NULL, &other, &g, fork, 1));
        if (status == HD_TX_SUCCESS) {
            t->sound++;
            assert_int_equal(item.parity, parity);
            assert_memory_equal(&item.hash, &g.signing_hash, 32);
            assert_memory_equal(&item.r, &g.r, 32);
            assert_memory_equal(&item.s, &g.s, 32);
        }
    }
    if (verdict != HD_ADMIT_OK || status != HD_TX_SUCCESS) {
        static const hd_recover_item none;
        assert_memory_equal(&item, &none, sizeof item);
    }
    free(room.at);
    free(copy);
    hd_buf_free(&data);
}

static void sound_and_mutated_transactions_get_the_codecs_verdict(void **state) {
    static const uint32_t forks[] = {HD_FORK_FRONTIER, HD_FORK_HOMESTEAD, HD_FORK_SPURIOUS,
                                     HD_FORK_BERLIN,   HD_FORK_CANCUN,    HD_FORK_OSAKA};
    tally t = {.sound = 0};
    uint64_t r = 1;
    (void)state;
    for (uint32_t i = 0; i < 4000; i++) {
        hd_buf raw = {0};
        make_raw(&raw, &r);
        compare(&t, &raw, forks[i % 6]);
        for (uint32_t k = 0; k < 8; k++) {
            hd_buf changed = {0};
            assert_int_equal(hd_buf_append(&changed, raw.data, raw.sz), HD_OK);
            mutate(&changed, &r);
            compare(&t, &changed, forks[next_random(&r) % 6]);
            hd_buf_free(&changed);
        }
        hd_buf_free(&raw);
    }
    for (uint32_t i = 0; i < 3; i++)
        assert_true(t.verdict[i] > 1000);
    assert_true(t.sound > 1000);
    assert_true(t.list_cnt > 300 && t.blob_cnt > 100);
}

static void every_cut_of_a_transaction_is_refused(void **state) {
    tally t = {.sound = 0};
    uint64_t r = 7;
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        hd_buf raw = {0};
        make_raw(&raw, &r);
        size_t sz = raw.sz;
        for (raw.sz = 0; raw.sz < sz; raw.sz++)
            compare(&t, &raw, HD_FORK_OSAKA);
        hd_buf_free(&raw);
    }
    assert_int_equal(t.verdict[HD_ADMIT_OK], 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(sound_and_mutated_transactions_get_the_codecs_verdict),
    cmocka_unit_test(every_cut_of_a_transaction_is_refused),
};

HD_TEST_MAIN(tests)
