/* test_base.c - the language floor: hex, buffers, RLP, JSON, files, threads, arenas, messages. */
#include "hd_test.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/hd_arena.h"
#include "base/hd_buf.h"
#include "base/hd_clock.h"
#include "base/hd_file.h"
#include "base/hd_hex.h"
#include "base/hd_json.h"
#include "base/hd_msg.h"
#include "base/hd_rlp.h"
#include "base/hd_threads.h"

/* --- hd_base.h */

static void base_loads_and_stores_are_inverse_at_any_alignment(void **state) {
    (void)state;
    uint8_t mem[17];
    for (size_t off = 0; off < 8; off++) {
        hd_store_be64(mem + off, 0x0102030405060708u);
        assert_int_equal(mem[off], 1);
        assert_int_equal(hd_load_be64(mem + off), 0x0102030405060708u);
        assert_int_equal(hd_load_le64(mem + off), 0x0807060504030201u);
        hd_store_le32(mem + off, 0xa0b0c0d0u);
        assert_int_equal(mem[off], 0xd0);
        assert_int_equal(hd_load_be32(mem + off), 0xd0c0b0a0u);
    }
}

/* --- hex */

static void hex_encode_writes_lower_case_and_refuses_a_short_buffer(void **state) {
    (void)state;
    const uint8_t in[] = {0x00, 0xAb, 0xff};
    char out[9] = "????????";
    assert_int_equal(hd_hex_encode(out, 6, in, 3), HD_ERR_LIMIT);
    assert_string_equal(out, "????????");
    assert_int_equal(hd_hex_encode(out, 7, in, 3), HD_OK);
    assert_string_equal(out, "00abff");
    assert_int_equal(hd_hex_encode_0x(out, 8, in, 3), HD_ERR_LIMIT);
    assert_int_equal(hd_hex_encode_0x(out, 9, in, 3), HD_OK);
    assert_string_equal(out, "0x00abff");
    assert_int_equal(hd_hex_encode(out, 1, in, 0), HD_OK);
    assert_string_equal(out, "");
    assert_int_equal(hd_hex_encode(out, 0, in, 0), HD_ERR_LIMIT);
    assert_int_equal(hd_hex_encode(out, 9, in, SIZE_MAX), HD_ERR_LIMIT);
}

static void expect_bad_hex(const char *text, hd_err want, const char *want_reason) {
    uint8_t out[4];
    size_t sz;
    const char *reason = NULL;
    assert_int_equal(hd_hex_decode_0x(out, sizeof out, &sz, &reason, text, strlen(text)), want);
    assert_string_equal(reason, want_reason);
    assert_int_equal(hd_hex_decode_0x(out, sizeof out, &sz, NULL, text, strlen(text)), want);
}

static void hex_decode_gives_the_exact_reason(void **state) {
    (void)state;
    uint8_t out[4];
    size_t sz = 99;
    assert_int_equal(hd_hex_decode_0x(out, 4, &sz, NULL, "0xDEadbeef", 10), HD_OK);
    assert_int_equal(sz, 4);
    assert_memory_equal(out, "\xde\xad\xbe\xef", 4);
    assert_int_equal(hd_hex_decode_0x(out, 0, &sz, NULL, "0x", 2), HD_OK);
    assert_int_equal(sz, 0);
    expect_bad_hex("", HD_ERR_FORMAT, "the prefix 0x is missing");
    expect_bad_hex("0", HD_ERR_FORMAT, "the prefix 0x is missing");
    expect_bad_hex("dead", HD_ERR_FORMAT, "the prefix 0x is missing");
    expect_bad_hex("0Xdead", HD_ERR_FORMAT, "the prefix 0x is missing");
    expect_bad_hex("0xabc", HD_ERR_FORMAT, "the number of hexadecimal digits is odd");
    expect_bad_hex("0xag", HD_ERR_FORMAT, "a digit is not hexadecimal");
    expect_bad_hex("0x 1", HD_ERR_FORMAT, "a digit is not hexadecimal");
    expect_bad_hex("0x0102030405", HD_ERR_LIMIT, "more bytes than allowed");
}

static void hex_decode_exact_counts_digits(void **state) {
    (void)state;
    uint8_t out[2];
    const char *reason = NULL;
    assert_int_equal(hd_hex_decode_exact(out, 2, &reason, "0x0102", 6), HD_OK);
    assert_int_equal(hd_hex_decode_exact(out, 2, &reason, "0x01020", 7), HD_ERR_FORMAT);
    assert_string_equal(reason, "too many hexadecimal digits");
    assert_int_equal(hd_hex_decode_exact(out, 2, &reason, "0x010", 5), HD_ERR_FORMAT);
    assert_string_equal(reason, "too few hexadecimal digits");
    assert_int_equal(hd_hex_decode_exact(out, 2, &reason, "010203", 6), HD_ERR_FORMAT);
}

static void hex_numbers_are_right_aligned_and_must_fit(void **state) {
    (void)state;
    uint8_t be[4];
    uint64_t x = 0;
    const char *reason = NULL;
    assert_int_equal(hd_hex_parse_num(be, 4, NULL, "0x1fe", 5), HD_OK);
    assert_memory_equal(be, "\0\0\x01\xfe", 4);
    assert_int_equal(hd_hex_parse_num(be, 4, NULL, "0x0000000000001", 15), HD_OK);
    assert_memory_equal(be, "\0\0\0\x01", 4);
    assert_int_equal(hd_hex_parse_num(be, 4, &reason, "0x100000000", 11), HD_ERR_LIMIT);
    assert_string_equal(reason, "the number is too large");
    assert_int_equal(hd_hex_parse_num(be, 4, &reason, "0x", 2), HD_ERR_FORMAT);
    assert_string_equal(reason, "no digit follows the prefix 0x");
    assert_int_equal(hd_hex_parse_u64(&x, NULL, "0xffffffffffffffff", 18), HD_OK);
    assert_true(x == UINT64_MAX);
    assert_int_equal(hd_hex_parse_u64(&x, NULL, "0x1ffffffffffffffff", 19), HD_ERR_LIMIT);
    assert_int_equal(hd_hex_parse_u64(&x, NULL, "0xx", 3), HD_ERR_FORMAT);
}

static void hex_quantities_have_no_leading_zero(void **state) {
    (void)state;
    assert_true(hd_hex_is_quantity("0x0", 3));
    assert_true(hd_hex_is_quantity("0x1Ab", 5));
    assert_false(hd_hex_is_quantity("0x", 2));
    assert_false(hd_hex_is_quantity("0x00", 4));
    assert_false(hd_hex_is_quantity("0x01", 4));
    assert_false(hd_hex_is_quantity("1", 1));
    assert_false(hd_hex_is_quantity("0x1g", 4));
    char out[11];
    assert_int_equal(hd_hex_write_num(out, sizeof out, (const uint8_t *)"\0\x0f\xa0\x01", 4),
                     HD_OK);
    assert_string_equal(out, "0xfa001");
    assert_int_equal(hd_hex_write_num(out, sizeof out, (const uint8_t *)"\0\0\0\0", 4), HD_OK);
    assert_string_equal(out, "0x0");
    assert_int_equal(hd_hex_write_num(out, 10, (const uint8_t *)"\0\0\0\0", 4), HD_ERR_LIMIT);
}

static void decimal_numbers_are_read_up_to_256_bits(void **state) {
    (void)state;
    uint8_t be[32], max[32];
    const char *text =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    memset(max, 0xff, sizeof max);
    assert_int_equal(hd_dec_parse_num(be, 32, NULL, text, strlen(text)), HD_OK);
    assert_memory_equal(be, max, 32);
    text = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    assert_int_equal(hd_dec_parse_num(be, 32, NULL, text, strlen(text)), HD_ERR_LIMIT);
    assert_int_equal(hd_dec_parse_num(be, 32, NULL, "", 0), HD_ERR_FORMAT);
    assert_int_equal(hd_dec_parse_num(be, 32, NULL, "-1", 2), HD_ERR_FORMAT);
    assert_int_equal(hd_dec_parse_num(be, 32, NULL, "1e3", 3), HD_ERR_FORMAT);
}

/* --- buffers, arenas, messages */

static void buffer_grows_and_keeps_its_content(void **state) {
    (void)state;
    hd_buf buf;
    hd_buf_init(&buf);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(hd_buf_append_byte(&buf, (uint8_t)i), HD_OK);
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(buf.data[i], (uint8_t)i);
    assert_int_equal(buf.sz, 5000);
    hd_buf_clear(&buf);
    hd_buf_append_str(&buf, "a");
    hd_buf_append_hex(&buf, "\x01\xff", 2);
    hd_buf_printf(&buf, "-%0300d-", 7);
    assert_int_equal(buf.sz, 307);
    assert_int_equal(strlen(hd_buf_str(&buf)), 307);
    assert_memory_equal(buf.data, "a01ff-000", 9);
    assert_memory_equal(buf.data + 303, "007-", 4);
    hd_buf_free(&buf);
}

static void buffer_error_sticks_and_leaves_what_was_there(void **state) {
    (void)state;
    uint8_t mem[4];
    hd_buf buf;
    hd_buf_init_fixed(&buf, mem, sizeof mem);
    assert_int_equal(hd_buf_append(&buf, "abc", 3), HD_OK);
    assert_int_equal(hd_buf_append(&buf, "de", 2), HD_ERR_LIMIT);
    assert_int_equal(hd_buf_append(&buf, "d", 1), HD_ERR_LIMIT);
    assert_int_equal(buf.sz, 3);
    assert_memory_equal(mem, "abc", 3);
    assert_string_equal(hd_buf_str(&buf), "");
    hd_buf_clear(&buf);
    assert_int_equal(hd_buf_append(&buf, "efgh", 4), HD_OK);
    hd_buf_free(&buf);

    hd_buf_init(&buf);
    assert_int_equal(hd_buf_reserve(&buf, SIZE_MAX), HD_ERR_LIMIT);
    assert_int_equal(hd_buf_append_byte(&buf, 1), HD_ERR_LIMIT);
    hd_buf_free(&buf);
}

static void arena_pieces_are_aligned_and_never_overlap(void **state) {
    (void)state;
    uint8_t mem[256];
    hd_arena arena;
    hd_arena_init(&arena, mem + 1, sizeof mem - 1);
    uint8_t *a = hd_arena_alloc(&arena, 3, 1);
    uint8_t *b = hd_arena_alloc(&arena, 64, 32);
    assert_ptr_equal(a, mem + 1);
    assert_int_equal((uintptr_t)b % 32, 0);
    assert_true(b >= a + 3);
    size_t mark = arena.used_sz;
    assert_null(hd_arena_alloc(&arena, sizeof mem, 1));
    assert_null(hd_arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(hd_arena_zalloc(&arena, SIZE_MAX / 2, 4, 1));
    assert_int_equal(arena.used_sz, mark);
    uint8_t *c = hd_arena_zalloc(&arena, 4, 4, 4);
    assert_non_null(c);
    assert_int_equal(c[15], 0);
    hd_arena_reset(&arena, mark);
    assert_ptr_equal(hd_arena_alloc(&arena, 1, 4), c);
    hd_arena_close(&arena);
    assert_int_equal(hd_arena_open(&arena, 100), HD_OK);
    assert_non_null(hd_arena_alloc(&arena, 100, 1));
    assert_null(hd_arena_alloc(&arena, 1, 1));
    assert_int_equal(arena.peak_sz, 100);
    hd_arena_close(&arena);
}

static void message_is_cut_to_fit_and_control_characters_are_removed(void **state) {
    (void)state;
    hd_msg msg;
    char text[2 * HD_MSG_SZ];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    hd_msg_set(&msg, "a\033[31m\n%d", 7);
    assert_string_equal(msg.text, "a?[31m?7");
    hd_msg_prefix(&msg, "%s: ", "f");
    assert_string_equal(msg.text, "f: a?[31m?7");
    hd_msg_set(&msg, "%s", text);
    assert_int_equal(strlen(msg.text), HD_MSG_SZ - 1);
    hd_msg_prefix(&msg, "ab");
    assert_int_equal(strlen(msg.text), HD_MSG_SZ - 1);
    assert_memory_equal(msg.text, "abxx", 4);
    hd_msg_prefix(&msg, "%s", text);
    assert_int_equal(strlen(msg.text), HD_MSG_SZ - 1);
    hd_msg_set(NULL, "nobody listens");
    hd_msg_prefix(NULL, "nobody listens");
}

static void clock_never_goes_back(void **state) {
    (void)state;
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = hd_clock_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(hd_clock_unix_s() > 1600000000u);
}

/* --- RLP */

static hd_span span_of(const void *data, size_t sz) {
    hd_span span = {data, sz};
    return span;
}

#define SPAN(literal) span_of(literal, sizeof(literal) - 1)

static void expect_bad_rlp(hd_span in, const char *want) {
    const char *reason = NULL;
    assert_int_equal(hd_rlp_check(&reason, in, HD_RLP_DEPTH_MAX), HD_ERR_FORMAT);
    assert_string_equal(reason, want);
}

static void rlp_refuses_what_is_not_canonical_and_says_why(void **state) {
    (void)state;
    expect_bad_rlp(SPAN(""), "the input ends where an item must begin");
    expect_bad_rlp(SPAN("\x81"), "an item reaches beyond the end of the input");
    expect_bad_rlp(SPAN("\x81\x7f"), "a single byte below 0x80 has a length in front of it");
    expect_bad_rlp(SPAN("\xb8"), "the input ends inside a length");
    expect_bad_rlp(SPAN("\xb8\x00"), "a length has a leading zero");
    expect_bad_rlp(SPAN("\xb8\x37"), "a short length is written in the long form");
    expect_bad_rlp(SPAN("\xb8\x38"), "an item reaches beyond the end of the input");
    expect_bad_rlp(SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                   "an item reaches beyond the end of the input");
    expect_bad_rlp(SPAN("\xbf\xff\xff\xff\xff\xff\xff\xff\xff"),
                   "an item reaches beyond the end of the input");
    expect_bad_rlp(SPAN("\xc2\x83\x61"), "an item reaches beyond the end of the input");
    expect_bad_rlp(SPAN("\xc1\xc1\x01"), "bytes follow the item");
    expect_bad_rlp(SPAN("\xc2\xc2\x01"), "an item reaches beyond the end of the input");
    expect_bad_rlp(SPAN("\x01\x02"), "bytes follow the item");
}

static void rlp_depth_is_bounded(void **state) {
    (void)state;
    const char *reason = NULL;
    assert_int_equal(hd_rlp_check(NULL, SPAN("\xc1\xc0"), 2), HD_OK);
    assert_int_equal(hd_rlp_check(&reason, SPAN("\xc1\xc0"), 1), HD_ERR_FORMAT);
    assert_string_equal(reason, "lists are nested too deep");
    assert_int_equal(hd_rlp_check(NULL, SPAN("\x05"), 0), HD_OK);
    assert_int_equal(hd_rlp_check(NULL, SPAN("\xc0"), 0), HD_ERR_FORMAT);

    /* As deep as it may be and one deeper, built from the inside out. */
    for (uint32_t depth = HD_RLP_DEPTH_MAX; depth <= HD_RLP_DEPTH_MAX + 1; depth++) {
        hd_buf in, out;
        hd_buf_init(&in);
        for (uint32_t i = 0; i < depth; i++) {
            hd_buf_init(&out);
            hd_rlp_put_list_head(&out, in.sz);
            hd_buf_append(&out, in.data, in.sz);
            assert_int_equal(out.err, HD_OK);
            hd_buf_free(&in);
            in = out;
        }
        assert_int_equal(hd_rlp_check(NULL, hd_buf_span(&in), UINT32_MAX),
                         depth == HD_RLP_DEPTH_MAX ? HD_OK : HD_ERR_FORMAT);
        hd_buf_free(&in);
    }
}

static void rlp_iterator_reads_typed_items(void **state) {
    (void)state;
    hd_rlp_item item;
    hd_rlp_iter iter, inner;
    hd_hash word;
    hd_span bytes;
    uint64_t x;
    uint8_t fixed[2];
    hd_span in = SPAN("\xcc\x80\x82\x01\x00\x82\x61\x62\xc1\x05\x82\xff\xff");
    assert_int_equal(hd_rlp_read(&item, NULL, NULL, in), HD_OK);
    size_t cnt = 0;
    assert_int_equal(hd_rlp_cnt(&cnt, &item), HD_OK);
    assert_int_equal(cnt, 5);
    assert_int_equal(hd_rlp_iter_init(&iter, &item), HD_OK);
    assert_int_equal(hd_rlp_next_u64(&iter, &x), HD_OK);
    assert_int_equal(x, 0);
    assert_int_equal(hd_rlp_next_num(&iter, &word), HD_OK);
    assert_int_equal(word.b[30], 1);
    assert_int_equal(word.b[31], 0);
    assert_int_equal(hd_rlp_next_fixed(&iter, fixed, 2), HD_OK);
    assert_memory_equal(fixed, "ab", 2);
    assert_int_equal(hd_rlp_next_list(&iter, &inner), HD_OK);
    assert_int_equal(hd_rlp_next_u64(&inner, &x), HD_OK);
    assert_int_equal(x, 5);
    assert_int_equal(hd_rlp_next_u64(&inner, &x), HD_ERR_FORMAT);
    assert_string_equal(inner.reason, "the list has too few items");
    hd_rlp_iter copy = iter;
    assert_int_equal(hd_rlp_next_bytes(&copy, &bytes, 1), HD_ERR_FORMAT);
    assert_string_equal(copy.reason, "a string is too long");
    assert_int_equal(hd_rlp_next_bytes(&iter, &bytes, 2), HD_OK);
    assert_ptr_equal(bytes.data, in.data + 11);
    assert_true(hd_rlp_iter_is_end(&iter));
    assert_int_equal(hd_rlp_iter_next(&iter, &item), HD_ERR_ABSENT);
}

static void expect_bad_number(hd_span in, const char *want) {
    hd_rlp_item item;
    uint64_t x;
    const char *reason = NULL;
    assert_int_equal(hd_rlp_read(&item, NULL, NULL, in), HD_OK);
    assert_int_equal(hd_rlp_get_u64(&x, &reason, &item), HD_ERR_FORMAT);
    assert_string_equal(reason, want);
}

static void rlp_numbers_have_no_leading_zeros(void **state) {
    (void)state;
    expect_bad_number(SPAN("\x00"), "a number has a leading zero");
    expect_bad_number(SPAN("\x82\x00\x01"), "a number has a leading zero");
    expect_bad_number(SPAN("\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01"), "a number is too large");
    expect_bad_number(SPAN("\xc0"), "a number is expected, not a list");
    hd_rlp_item item;
    hd_hash word;
    uint8_t big[34];
    memset(big, 1, sizeof big);
    big[0] = 0xa1;
    assert_int_equal(hd_rlp_read(&item, NULL, NULL, span_of(big, 34)), HD_OK);
    assert_int_equal(hd_rlp_get_num(&word, NULL, &item), HD_ERR_FORMAT);
}

static void rlp_writer_and_reader_agree_on_every_length(void **state) {
    (void)state;
    static uint8_t body[70000];
    const size_t sizes[] = {0, 1, 2, 54, 55, 56, 57, 255, 256, 257, 65535, 65536, 70000};
    memset(body, 0x80, sizeof body);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        hd_buf buf;
        hd_rlp_item list, item;
        hd_rlp_iter iter;
        hd_buf_init(&buf);
        size_t mark = hd_rlp_list_open(&buf);
        hd_rlp_put_bytes(&buf, body, sizes[i]);
        hd_rlp_put_u64(&buf, i);
        assert_int_equal(hd_rlp_list_close(&buf, mark), HD_OK);
        assert_int_equal(buf.sz, hd_rlp_list_sz(hd_rlp_bytes_sz(body, sizes[i]) + 1));
        assert_int_equal(hd_rlp_check(NULL, hd_buf_span(&buf), 1), HD_OK);
        assert_int_equal(hd_rlp_read(&list, NULL, NULL, hd_buf_span(&buf)), HD_OK);
        assert_int_equal(hd_rlp_iter_init(&iter, &list), HD_OK);
        assert_int_equal(hd_rlp_iter_next(&iter, &item), HD_OK);
        assert_int_equal(item.body.sz, sizes[i]);
        assert_memory_equal(item.body.data, body, sizes[i]);
        uint64_t x = 99;
        assert_int_equal(hd_rlp_next_u64(&iter, &x), HD_OK);
        assert_int_equal(x, i);
        hd_buf_free(&buf);
    }
}

static void rlp_writer_stops_at_the_end_of_given_memory(void **state) {
    (void)state;
    uint8_t mem[5];
    hd_buf buf;
    for (size_t cap = 0; cap <= sizeof mem; cap++) {
        hd_buf_init_fixed(&buf, mem, cap);
        size_t mark = hd_rlp_list_open(&buf);
        hd_rlp_put_bytes(&buf, "abc", 3);
        assert_int_equal(hd_rlp_list_close(&buf, mark), cap == 5 ? HD_OK : HD_ERR_LIMIT);
    }
    assert_memory_equal(mem,
                        "\xc4\x83"
                        "abc",
                        5);
}

/* Writes the JSON form of the official RLPTests (strings, numbers, "#decimal", arrays). */
static void put_json_rlp(hd_buf *buf, hd_json val) {
    hd_hash word;
    if (hd_json_is_array(val)) {
        size_t mark = hd_rlp_list_open(buf);
        for (size_t i = 0; i < hd_json_cnt(val); i++)
            put_json_rlp(buf, hd_json_at(val, i));
        hd_rlp_list_close(buf, mark);
    } else if (hd_json_is_string(val)) {
        const char *text;
        size_t sz;
        uint8_t be[64];
        assert_int_equal(hd_json_str(&text, &sz, NULL, val), HD_OK);
        if (sz && text[0] == '#') {
            assert_int_equal(hd_dec_parse_num(be, sizeof be, NULL, text + 1, sz - 1), HD_OK);
            hd_rlp_put_num(buf, be, sizeof be);
        } else {
            hd_rlp_put_bytes(buf, text, sz);
        }
    } else {
        assert_int_equal(hd_json_num(&word, NULL, val), HD_OK);
        hd_rlp_put_num(buf, word.b, sizeof word.b);
    }
}

static void rlp_agrees_with_the_official_tests(void **state) {
    (void)state;
    char path[512];
    hd_file_list files;
    uint32_t valid_cnt = 0, invalid_cnt = 0;
    hd_test_fixture(path, sizeof path, "tx-trie-rlp/RLPTests");
    assert_int_equal(hd_file_walk(&files, NULL, path, ".json"), HD_OK);
    for (size_t i = 0; i < files.path_cnt; i++) {
        hd_json_doc *doc;
        hd_json root;
        hd_msg msg = {""};
        if (hd_json_load(&doc, &root, &msg, files.paths[i], 1 << 20, 64) != HD_OK)
            fail_msg("%s", msg.text);
        for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it);) {
            uint8_t want[4096];
            size_t sz, text_sz;
            const char *text;
            hd_json in;
            assert_int_equal(hd_json_get_str(&text, &text_sz, &msg, it.val, "out"), HD_OK);
            if (text_sz >= 2 && text[1] == 'x') {
                text += 2;
                text_sz -= 2;
            }
            assert_int_equal(hd_hex_decode(want, sizeof want, &sz, NULL, text, text_sz), HD_OK);
            assert_int_equal(hd_json_get(&in, &msg, it.val, "in"), HD_OK);
            hd_err err = hd_rlp_check(NULL, span_of(want, sz), HD_RLP_DEPTH_MAX);
            if (hd_json_is_string(in) && hd_json_str(&text, NULL, &msg, in) == HD_OK &&
                strcmp(text, "INVALID") == 0) {
                assert_int_equal(err, HD_ERR_FORMAT);
                invalid_cnt++;
                continue;
            }
            assert_int_equal(err, HD_OK);
            valid_cnt++;
            if (hd_json_is_string(in) && strcmp(text, "VALID") == 0)
                continue;
            hd_buf buf;
            hd_buf_init(&buf);
            put_json_rlp(&buf, in);
            assert_int_equal(buf.err, HD_OK);
            assert_int_equal(buf.sz, sz);
            assert_memory_equal(buf.data, want, sz);
            hd_buf_free(&buf);
        }
        hd_json_close(doc);
    }
    hd_file_list_free(&files);
    assert_true(valid_cnt > 0 && invalid_cnt > 0);
}

/* --- JSON */

static hd_json_doc *parse(hd_json *root, const char *text) {
    hd_json_doc *doc;
    hd_msg msg = {""};
    if (hd_json_parse(&doc, root, &msg, "t.json", text, strlen(text), 64) != HD_OK)
        fail_msg("%s", msg.text);
    return doc;
}

static void expect_bad_json(const char *text, hd_err want, const char *want_msg) {
    hd_json_doc *doc;
    hd_json root;
    hd_msg msg = {""};
    assert_int_equal(hd_json_parse(&doc, &root, &msg, "t.json", text, strlen(text), 3), want);
    assert_null(doc);
    assert_string_equal(msg.text, want_msg);
}

static void json_errors_name_line_and_column(void **state) {
    (void)state;
    expect_bad_json("", HD_ERR_FORMAT, "t.json: line 1, column 1: the text ends too early");
    expect_bad_json("{\"a\": 1", HD_ERR_FORMAT,
                    "t.json: line 1, column 8: the text ends too early");
    expect_bad_json("{\n \"a\" 1}", HD_ERR_FORMAT,
                    "t.json: line 2, column 6: object property name separator ':' expected");
    expect_bad_json("[[[[1]]]]", HD_ERR_LIMIT, "t.json: line 1, column 5: nesting too deep");
    expect_bad_json("[1,]", HD_ERR_FORMAT, "t.json: line 1, column 4: unexpected character");
    hd_json_doc *doc;
    hd_json root;
    assert_int_equal(hd_json_parse(&doc, &root, NULL, "t", "1 2", 3, 3), HD_ERR_FORMAT);
    assert_int_equal(hd_json_parse(&doc, &root, NULL, "t", "{}x", 3, 3), HD_ERR_FORMAT);
    assert_int_equal(hd_json_parse(&doc, &root, NULL, "t", "// c\n1", 6, 3), HD_ERR_FORMAT);
    assert_int_equal(hd_json_parse(&doc, &root, NULL, "t", "[[[1]]] \n", 9, 3), HD_OK);
    hd_json_close(doc);
    assert_int_equal(hd_json_parse(&doc, &root, NULL, "t", "17", 2, 1), HD_OK);
    uint64_t x = 0;
    assert_int_equal(hd_json_u64(&x, NULL, root), HD_OK);
    assert_int_equal(x, 17);
    hd_json_close(doc);
}

static void json_depth_goes_to_4096(void **state) {
    (void)state;
    static char text[2 * HD_JSON_DEPTH_MAX + 3];
    hd_json_doc *doc;
    hd_json root;
    for (size_t depth = HD_JSON_DEPTH_MAX; depth <= HD_JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        text[depth] = '1';
        memset(text + depth + 1, ']', depth);
        hd_err err = hd_json_parse(&doc, &root, NULL, "t", text, 2 * depth + 1, HD_JSON_DEPTH_MAX);
        assert_int_equal(err, depth == HD_JSON_DEPTH_MAX ? HD_OK : HD_ERR_LIMIT);
        hd_json_close(doc);
    }
}

static void json_getters_name_the_place_and_the_expectation(void **state) {
    (void)state;
    hd_json root, pre, list;
    hd_msg msg;
    uint64_t x;
    hd_hash hash;
    hd_address address;
    hd_json_doc *doc = parse(&root, "{\"pre\": {\"0xab\": {\"n\": \"0x1g\", \"s\": {\"k\": 1.5}}},"
                                    " \"l\": [null, [1, {\"h\": \"0x01\"}], -4, true]}");
    assert_int_equal(hd_json_get(&pre, &msg, root, "post"), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: the member \"post\" is missing");
    assert_int_equal(hd_json_get(&pre, &msg, root, "pre"), HD_OK);
    assert_int_equal(hd_json_get(&pre, &msg, pre, "0xab"), HD_OK);
    assert_int_equal(hd_json_get_u64(&x, &msg, pre, "n"), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: pre.0xab.n: a number below 2^256 is expected: a digit "
                                  "is not hexadecimal (\"0x1g\")");
    assert_int_equal(hd_json_get(&pre, &msg, pre, "s"), HD_OK);
    assert_int_equal(hd_json_get_u64(&x, &msg, pre, "k"), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: pre.0xab.s.k: a number is expected, not a fraction");
    assert_int_equal(hd_json_get_u64(&x, &msg, pre, "nonce"), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: pre.0xab.s: the member \"nonce\" is missing");
    assert_int_equal(hd_json_get(&list, &msg, root, "l"), HD_OK);
    hd_json inner = hd_json_at(hd_json_at(list, 1), 1);
    assert_int_equal(hd_json_get_hash(&hash, &msg, inner, "h"), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: l[1][1].h: 0x and 64 hexadecimal digits are expected: "
                                  "too few hexadecimal digits (\"0x01\")");
    assert_int_equal(hd_json_get_address(&address, &msg, inner, "h"), HD_ERR_FORMAT);
    assert_int_equal(hd_json_u64(&x, &msg, hd_json_at(list, 2)), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: l[2]: a number that is not negative is expected");
    assert_int_equal(hd_json_u64(&x, &msg, hd_json_at(list, 3)), HD_ERR_FORMAT);
    assert_int_equal(hd_json_fail(&msg, inner, "more than %d forks", 3), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: l[1][1]: more than 3 forks");
    assert_true(hd_json_is_null(hd_json_at(list, 0)));
    assert_true(hd_json_is_null(hd_json_at(list, 4)));
    assert_int_equal(hd_json_u64(&x, &msg, hd_json_at(list, 0)), HD_ERR_FORMAT);
    hd_json_close(doc);
}

static void json_numbers_come_in_three_forms(void **state) {
    (void)state;
    hd_json root;
    hd_msg msg;
    uint64_t x;
    hd_hash word;
    hd_json_doc *doc = parse(&root, "[31, \"31\", \"0x1f\", \"0x001F\", 9223372036854775808,"
                                    " 99999999999999999999999, \"0x10000000000000000\"]");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hd_json_u64(&x, &msg, hd_json_at(root, i)), HD_OK);
        assert_int_equal(x, 31);
    }
    assert_int_equal(hd_json_u64(&x, &msg, hd_json_at(root, 4)), HD_OK);
    assert_true(x == (uint64_t)1 << 63);
    assert_int_equal(hd_json_u64(&x, &msg, hd_json_at(root, 5)), HD_ERR_FORMAT);
    assert_int_equal(hd_json_u64(&x, &msg, hd_json_at(root, 6)), HD_ERR_FORMAT);
    assert_string_equal(msg.text, "t.json: [6]: a number below 2^64 is expected");
    assert_int_equal(hd_json_num(&word, &msg, hd_json_at(root, 6)), HD_OK);
    assert_int_equal(word.b[23], 1);
    hd_json_close(doc);
}

static void json_members_come_in_the_files_order(void **state) {
    (void)state;
    hd_json root, val;
    hd_json_doc *doc = parse(&root, "{\"b\": \"0x\", \"a\": \"0x0102\", \"c\": null}");
    const char *want[] = {"b", "a", "c"};
    size_t cnt = 0;
    for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it);)
        assert_string_equal(it.key, want[cnt++]);
    assert_int_equal(cnt, 3);
    assert_int_equal(hd_json_cnt(root), 3);
    assert_false(hd_json_find(&val, root, "c"));
    assert_true(hd_json_find(&val, root, "a"));
    assert_false(hd_json_find(&val, val, "a"));
    hd_buf buf;
    hd_buf_init(&buf);
    assert_int_equal(hd_json_bytes(&buf, NULL, val), HD_OK);
    assert_int_equal(hd_json_get_bytes(&buf, NULL, root, "b"), HD_OK);
    assert_int_equal(buf.sz, 2);
    assert_memory_equal(buf.data, "\x01\x02", 2);
    hd_buf_free(&buf);
    hd_json_close(doc);
}

/* --- files */

static void make_folder(char *out, size_t out_sz) {
    const char *tmp = getenv("TMPDIR");
    snprintf(out, out_sz, "%s/hd_test_XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(out));
}

static void files_are_walked_in_sorted_order(void **state) {
    (void)state;
    char dir[256], path[512];
    const char *names[] = {"b.json", "a/z.json", "a.json", "a/b/c.json", "a/x.txt", ".h.json"};
    make_folder(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/a", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/a/b", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(hd_file_write(NULL, path, names[i], strlen(names[i])), HD_OK);
    }
    hd_file_list list;
    hd_msg msg;
    assert_int_equal(hd_file_walk(&list, &msg, dir, ".json"), HD_OK);
    const char *want[] = {"a.json", "a/b/c.json", "a/z.json", "b.json"};
    assert_int_equal(list.path_cnt, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(list.paths[i] + strlen(dir) + 1, want[i]);
        hd_buf buf;
        hd_buf_init(&buf);
        assert_int_equal(hd_file_read(&buf, &msg, list.paths[i], 100), HD_OK);
        assert_string_equal(hd_buf_str(&buf), want[i]);
        hd_buf_free(&buf);
    }
    hd_file_list_free(&list);
    snprintf(path, sizeof path, "%s/a/x.txt", dir);
    assert_int_equal(hd_file_walk(&list, &msg, path, ".json"), HD_OK);
    assert_int_equal(list.path_cnt, 1);
    hd_file_list_free(&list);
    assert_true(hd_file_is_folder(dir));
    assert_false(hd_file_is_folder(path));
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    snprintf(path, sizeof path, "%s/a/b", dir);
    rmdir(path);
    snprintf(path, sizeof path, "%s/a", dir);
    rmdir(path);
    assert_int_equal(rmdir(dir), 0);
}

static void file_errors_name_the_file_and_limits_hold(void **state) {
    (void)state;
    char dir[256], path[512], want[1024];
    hd_msg msg;
    hd_buf buf;
    hd_file_list list;
    make_folder(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/f", dir);
    hd_buf_init(&buf);
    assert_int_equal(hd_file_read(&buf, &msg, path, 100), HD_ERR_ABSENT);
    snprintf(want, sizeof want, "%s: No such file or directory", path);
    assert_string_equal(msg.text, want);
    assert_int_equal(hd_file_walk(&list, &msg, path, NULL), HD_ERR_ABSENT);
    assert_int_equal(hd_file_read(&buf, &msg, dir, 100), HD_ERR_IO);
    assert_int_equal(hd_file_write(&msg, path, "0123456789", 10), HD_OK);
    assert_int_equal(hd_file_read(&buf, &msg, path, 9), HD_ERR_LIMIT);
    snprintf(want, sizeof want, "%s: is longer than 9 bytes", path);
    assert_string_equal(msg.text, want);
    hd_buf_clear(&buf);
    assert_int_equal(hd_file_read(&buf, &msg, path, 10), HD_OK);
    assert_int_equal(buf.sz, 10);
    hd_buf_free(&buf);
    unlink(path);
    snprintf(path, sizeof path, "%s/none/f", dir);
    assert_int_equal(hd_file_write(&msg, path, "0", 1), HD_ERR_ABSENT);
    assert_int_equal(rmdir(dir), 0);
}

/* --- threads */

struct sum {
    uint32_t seen[10000];
    atomic_int busy[8];
    hd_pool *pool;
    size_t fail_at;
    atomic_size_t inner_cnt;
};

static hd_err mark_range(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    struct sum *sum = ctx;
    if (atomic_exchange(&sum->busy[worker_idx], 1))
        return HD_ERR_CORRUPT; /* two calls with one worker_idx */
    for (size_t i = begin; i < end; i++)
        sum->seen[i]++;
    atomic_store(&sum->busy[worker_idx], 0);
    if (sum->fail_at >= begin && sum->fail_at < end)
        return HD_ERR_FORMAT;
    return end > 9000 && sum->fail_at != SIZE_MAX ? HD_ERR_IO : HD_OK;
}

static void parallel_for_visits_every_index_once(void **state) {
    (void)state;
    for (uint32_t threads = 1; threads <= 8; threads += 3) {
        hd_pool *pool;
        assert_int_equal(hd_pool_open(&pool, threads), HD_OK);
        assert_int_equal(hd_pool_thread_cnt(pool), threads);
        for (size_t chunk = 0; chunk <= 64; chunk = chunk * 4 + 1) {
            struct sum *sum = calloc(1, sizeof *sum);
            assert_non_null(sum);
            sum->fail_at = SIZE_MAX;
            assert_int_equal(hd_pool_for(pool, 9999, chunk, mark_range, sum), HD_OK);
            for (size_t i = 0; i < 10000; i++)
                assert_int_equal(sum->seen[i], i < 9999);
            free(sum);
        }
        struct sum *each = calloc(1, sizeof *each);
        assert_non_null(each);
        each->fail_at = SIZE_MAX;
        assert_int_equal(hd_pool_each(pool, 9999, mark_range, each), HD_OK);
        for (size_t i = 0; i < 10000; i++)
            assert_int_equal(each->seen[i], i < 9999);
        free(each);
        assert_int_equal(hd_pool_for(pool, 0, 0, mark_range, NULL), HD_OK);
        assert_int_equal(hd_pool_each(pool, 0, mark_range, NULL), HD_OK);
        hd_pool_close(pool);
    }
}

static void parallel_for_returns_the_first_error_by_index(void **state) {
    (void)state;
    hd_pool *pool;
    assert_int_equal(hd_pool_open(&pool, 4), HD_OK);
    for (size_t fail_at = 0; fail_at < 9000; fail_at += 777) {
        struct sum *sum = calloc(1, sizeof *sum);
        assert_non_null(sum);
        sum->fail_at = fail_at;
        assert_int_equal(hd_pool_for(pool, 10000, 10, mark_range, sum), HD_ERR_FORMAT);
        for (size_t i = 0; i < fail_at; i++)
            assert_int_equal(sum->seen[i], 1);
        memset(sum->seen, 0, sizeof sum->seen);
        assert_int_equal(hd_pool_each(pool, 10000, mark_range, sum), HD_ERR_FORMAT);
        for (size_t i = 0; i < fail_at; i++)
            assert_int_equal(sum->seen[i], 1);
        free(sum);
    }
    hd_pool_close(pool);
}

static hd_err count_inner(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    struct sum *sum = ctx;
    (void)worker_idx;
    atomic_fetch_add(&sum->inner_cnt, end - begin);
    return HD_OK;
}

static hd_err loop_inside(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    struct sum *sum = ctx;
    (void)worker_idx;
    for (size_t i = begin; i < end; i++)
        if (hd_pool_for(sum->pool, 100, 0, count_inner, ctx) != HD_OK)
            return HD_ERR_CORRUPT;
    return HD_OK;
}

static void parallel_for_inside_a_parallel_for_runs_serially(void **state) {
    (void)state;
    struct sum *sum = calloc(1, sizeof *sum);
    assert_non_null(sum);
    assert_int_equal(hd_pool_open(&sum->pool, 4), HD_OK);
    assert_int_equal(hd_pool_for(sum->pool, 50, 1, loop_inside, sum), HD_OK);
    assert_int_equal(atomic_load(&sum->inner_cnt), 5000);
    assert_int_equal(hd_pool_for(NULL, 50, 0, count_inner, sum), HD_OK);
    assert_int_equal(atomic_load(&sum->inner_cnt), 5050);
    hd_pool_close(sum->pool);
    free(sum);
}

static void pool_refuses_too_many_threads_and_defaults_to_the_cores(void **state) {
    (void)state;
    hd_pool *pool;
    assert_int_equal(hd_pool_open(&pool, HD_POOL_THREADS_MAX + 1), HD_ERR_LIMIT);
    assert_null(pool);
    assert_int_equal(hd_pool_open(&pool, 0), HD_OK);
    assert_int_equal(hd_pool_thread_cnt(pool), hd_cpu_cnt());
    hd_pool_close(pool);
    hd_pool_close(NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(base_loads_and_stores_are_inverse_at_any_alignment),
    cmocka_unit_test(hex_encode_writes_lower_case_and_refuses_a_short_buffer),
    cmocka_unit_test(hex_decode_gives_the_exact_reason),
    cmocka_unit_test(hex_decode_exact_counts_digits),
    cmocka_unit_test(hex_numbers_are_right_aligned_and_must_fit),
    cmocka_unit_test(hex_quantities_have_no_leading_zero),
    cmocka_unit_test(decimal_numbers_are_read_up_to_256_bits),
    cmocka_unit_test(buffer_grows_and_keeps_its_content),
    cmocka_unit_test(buffer_error_sticks_and_leaves_what_was_there),
    cmocka_unit_test(arena_pieces_are_aligned_and_never_overlap),
    cmocka_unit_test(message_is_cut_to_fit_and_control_characters_are_removed),
    cmocka_unit_test(clock_never_goes_back),
    cmocka_unit_test(rlp_refuses_what_is_not_canonical_and_says_why),
    cmocka_unit_test(rlp_depth_is_bounded),
    cmocka_unit_test(rlp_iterator_reads_typed_items),
    cmocka_unit_test(rlp_numbers_have_no_leading_zeros),
    cmocka_unit_test(rlp_writer_and_reader_agree_on_every_length),
    cmocka_unit_test(rlp_writer_stops_at_the_end_of_given_memory),
    cmocka_unit_test(rlp_agrees_with_the_official_tests),
    cmocka_unit_test(json_errors_name_line_and_column),
    cmocka_unit_test(json_depth_goes_to_4096),
    cmocka_unit_test(json_getters_name_the_place_and_the_expectation),
    cmocka_unit_test(json_numbers_come_in_three_forms),
    cmocka_unit_test(json_members_come_in_the_files_order),
    cmocka_unit_test(files_are_walked_in_sorted_order),
    cmocka_unit_test(file_errors_name_the_file_and_limits_hold),
    cmocka_unit_test(parallel_for_visits_every_index_once),
    cmocka_unit_test(parallel_for_returns_the_first_error_by_index),
    cmocka_unit_test(parallel_for_inside_a_parallel_for_runs_serially),
    cmocka_unit_test(pool_refuses_too_many_threads_and_defaults_to_the_cores),
};

HD_TEST_MAIN(tests)
