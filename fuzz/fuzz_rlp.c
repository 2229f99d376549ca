/* fuzz_rlp.c - RLP: the readers agree with each other and stay inside, and what is read as
   canonical is what the writer writes. */
#include "fuzz.h"

#include "base/hd_rlp.h"

#define DEPTH_MAX 64u

static void check_inside(hd_span part, hd_span all) {
    HD_FUZZ_CHECK(part.data >= all.data && part.sz <= all.sz);
    HD_FUZZ_CHECK((size_t)(part.data - all.data) <= all.sz - part.sz);
}

/* A number that is read is written as it was. */
static void check_number(const hd_rlp_item *item) {
    uint64_t x = 0;
    hd_hash num;
    const char *reason = NULL;
    hd_buf out;
    uint8_t mem[64];
    hd_err small = hd_rlp_get_u64(&x, &reason, item), large = hd_rlp_get_num(&num, &reason, item);
    HD_FUZZ_CHECK(small != HD_OK || large == HD_OK);
    if (large != HD_OK) {
        HD_FUZZ_CHECK(reason != NULL);
        return;
    }
    hd_buf_init_fixed(&out, mem, sizeof mem);
    HD_FUZZ_CHECK(hd_rlp_put_num(&out, num.b, sizeof num.b) == HD_OK);
    HD_FUZZ_CHECK(out.sz == item->whole.sz && memcmp(mem, item->whole.data, out.sz) == 0);
    HD_FUZZ_CHECK((small == HD_OK) == (item->body.sz <= 8));
    if (small == HD_OK) {
        hd_buf_clear(&out);
        HD_FUZZ_CHECK(hd_rlp_put_u64(&out, x) == HD_OK);
        HD_FUZZ_CHECK(out.sz == item->whole.sz && memcmp(mem, item->whole.data, out.sz) == 0);
        HD_FUZZ_CHECK(hd_load_be64(num.b + 24) == x);
    }
}

/* Writes a canonical item again, with one mark a list that is open. */
static void rewrite(hd_buf *out, hd_span in) {
    static hd_rlp_iter iters[HD_RLP_DEPTH_MAX + 1];
    static size_t marks[HD_RLP_DEPTH_MAX + 1];
    hd_rlp_item item = {in, in, 0};
    uint32_t depth = 0;
    HD_FUZZ_CHECK(hd_rlp_read(&item, NULL, NULL, in) == HD_OK);
    for (;;) {
        check_inside(item.body, item.whole);
        check_inside(item.whole, in);
        if (item.is_list) {
            size_t cnt;
            HD_FUZZ_CHECK(depth < HD_RLP_DEPTH_MAX);
            HD_FUZZ_CHECK(hd_rlp_cnt(&cnt, &item) == HD_OK && cnt <= item.body.sz);
            HD_FUZZ_CHECK(hd_rlp_list_sz(item.body.sz) == item.whole.sz);
            HD_FUZZ_CHECK(hd_rlp_iter_init(&iters[depth], &item) == HD_OK);
            marks[depth++] = hd_rlp_list_open(out);
        } else {
            check_number(&item);
            HD_FUZZ_CHECK(hd_rlp_bytes_sz(item.body.data, item.body.sz) == item.whole.sz);
            hd_rlp_put_bytes(out, item.body.data, item.body.sz);
        }
        while (depth && hd_rlp_iter_is_end(&iters[depth - 1]))
            HD_FUZZ_CHECK(hd_rlp_list_close(out, marks[--depth]) == HD_OK);
        if (depth == 0)
            return;
        HD_FUZZ_CHECK(hd_rlp_iter_next(&iters[depth - 1], &item) == HD_OK);
    }
}

/* The typed readers on items of any kind: no more than that they refuse or stay inside. */
static void read_typed(hd_span in, uint32_t choices) {
    hd_rlp_item list;
    hd_rlp_iter iter, sub;
    hd_span rest, bytes;
    const char *reason = NULL;
    uint8_t fixed[20];
    uint64_t x;
    hd_hash num;
    hd_err err = hd_rlp_read(&list, &rest, &reason, in);
    HD_FUZZ_CHECK(err == HD_OK || reason != NULL);
    if (err != HD_OK)
        return;
    check_inside(rest, in);
    HD_FUZZ_CHECK(list.whole.sz + rest.sz == in.sz);
    err = hd_rlp_iter_init(&iter, &list);
    HD_FUZZ_CHECK((err == HD_OK) == (list.is_list != 0));
    for (uint32_t i = 0; err == HD_OK && i < 256; i++, choices = choices >> 3 | choices << 29) {
        size_t left = iter.rest.sz;
        switch (choices % 5) {
        case 0: err = hd_rlp_next_u64(&iter, &x); break;
        case 1: err = hd_rlp_next_num(&iter, &num); break;
        case 2: err = hd_rlp_next_fixed(&iter, fixed, sizeof fixed); break;
        case 3: err = hd_rlp_next_bytes(&iter, &bytes, 1000); break;
        default: err = hd_rlp_next_list(&iter, &sub); break;
        }
        HD_FUZZ_CHECK(iter.rest.sz <= left);
        HD_FUZZ_CHECK(err == HD_OK ? iter.rest.sz < left : iter.reason != NULL);
        if (err == HD_OK && choices % 5 == 3)
            check_inside(bytes, in);
        if (err == HD_OK && choices % 5 == 4)
            check_inside(sub.rest, in);
    }
}

void hd_fuzz_rlp(const uint8_t *data, size_t sz) {
    hd_fuzz_in stream = {data, sz};
    uint32_t choices = hd_fuzz_u16(&stream) * 0x10001u;
    uint8_t *copy = hd_fuzz_copy(stream.data, stream.sz);
    hd_span in = {copy, stream.sz};
    const char *reason = NULL;
    hd_rlp_item item;
    hd_err shallow = hd_rlp_read(&item, NULL, NULL, in);
    hd_err deep = hd_rlp_check(&reason, in, DEPTH_MAX);
    HD_FUZZ_CHECK(deep == HD_OK || (deep == HD_ERR_FORMAT && reason));
    HD_FUZZ_CHECK(deep != HD_OK || shallow == HD_OK);
    /* What is fine up to a depth is fine up to any greater one. */
    HD_FUZZ_CHECK(deep != HD_OK || hd_rlp_check(NULL, in, HD_RLP_DEPTH_MAX + 1) == HD_OK);
    HD_FUZZ_CHECK(hd_rlp_check(NULL, in, 0) != HD_OK || !item.is_list);
    if (deep == HD_OK) {
        hd_buf out = {0};
        rewrite(&out, in);
        HD_FUZZ_CHECK(out.err == HD_OK && out.sz == in.sz && memcmp(out.data, copy, in.sz) == 0);
        hd_buf_free(&out);
    }
    read_typed(in, choices);
    free(copy);
}
