/* hd_witness.c - gathers what a block looked at and writes it as JSON. */
#include "cli/hd_witness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hd_hex.h"

#define PATH_SZ 4096u

void hd_witness_clear(hd_witness *w) {
    hd_buf_clear(&w->accounts);
    hd_buf_clear(&w->slots);
}

void hd_witness_free(hd_witness *w) {
    hd_buf_free(&w->accounts);
    hd_buf_free(&w->slots);
}

/* ---- gathering */

static hd_err note_slot(hd_witness *w, const hd_address *addr, hd_u256 key) {
    hd_witness_slot s;
    s.addr = *addr;
    hd_u256_store_be(s.key, key);
    return hd_buf_append(&w->slots, &s, sizeof s);
}

hd_err hd_witness_note(void *ctx, const hd_receipt *r, const hd_results *from) {
    hd_witness *w = ctx;
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < r->account_cnt; i++)
        err = hd_buf_append(&w->accounts, &from->accounts[r->account_off + i].addr,
                            sizeof(hd_address));
    for (uint32_t i = 0; err == HD_OK && i < r->slot_cnt; i++) {
        const hd_slot_diff *d = &from->slots[r->slot_off + i];
        err = d->account_idx < r->account_cnt
                  ? note_slot(w, &from->accounts[r->account_off + d->account_idx].addr, d->key)
                  : HD_ERR_CORRUPT;
    }
    return err;
}

static int account_order(const void *a, const void *b) { return memcmp(a, b, sizeof(hd_address)); }

static int slot_order(const void *a, const void *b) {
    return memcmp(a, b, sizeof(hd_witness_slot));
}

/* Sorts items of sz bytes and leaves one of each. */
static void sort_once(hd_buf *buf, size_t sz, int (*order)(const void *, const void *)) {
    size_t cnt = buf->sz / sz, kept = 0;
    if (cnt == 0)
        return;
    qsort(buf->data, cnt, sz, order);
    for (size_t i = 0; i < cnt; i++)
        if (kept == 0 || order(buf->data + i * sz, buf->data + (kept - 1) * sz) != 0) {
            if (kept != i)
                memcpy(buf->data + kept * sz, buf->data + i * sz, sz);
            kept++;
        }
    buf->sz = kept * sz;
}

hd_err hd_witness_finish(hd_witness *w, const hd_undo *undo) {
    const hd_undo_account *accounts = (const void *)undo->accounts.data;
    const hd_undo_slot *slots = (const void *)undo->slots.data;
    hd_err err = HD_OK;
    for (size_t i = 0; err == HD_OK && i < undo->accounts.sz / sizeof *accounts; i++)
        err = hd_buf_append(&w->accounts, &accounts[i].addr, sizeof accounts[i].addr);
    /* Slots of an account that was destroyed are there, too, though nobody looked at them: its
       storage is gone whatever it held, so they need not be known. They are few. */
    for (size_t i = 0; err == HD_OK && i < undo->slots.sz / sizeof *slots; i++)
        err = note_slot(w, &slots[i].addr, slots[i].key);
    sort_once(&w->accounts, sizeof(hd_address), account_order);
    sort_once(&w->slots, sizeof(hd_witness_slot), slot_order);
    return err;
}

/* ---- writing */

static void put_num(hd_buf *out, hd_u256 x) {
    uint8_t be[32];
    char text[67];
    hd_u256_store_be(be, x);
    (void)hd_hex_write_num(text, sizeof text, be, sizeof be);
    hd_buf_printf(out, "\"%s\"", text);
}

static void put_bytes(hd_buf *out, const uint8_t *data, size_t sz) {
    hd_buf_append_str(out, "\"0x");
    hd_buf_append_hex(out, data, sz);
    hd_buf_append_str(out, "\"");
}

/* The first slot that an account has, whatever it is. */
typedef struct {
    hd_u256 key, value;
    int is_found;
} first_slot;

static void take_first(void *ctx, hd_u256 key, hd_u256 value) {
    first_slot *f = ctx;
    if (f->is_found)
        return;
    *f = (first_slot){key, value, 1};
}

typedef struct {
    hd_witness_stats *stats;
    const hd_witness *w;
    const hd_state *state;
    hd_buf *out;
    size_t slot_idx; /* the next of w->slots */
} writer;

static void put_slot(writer *wr, int is_first, hd_u256 key, hd_u256 value) {
    uint8_t be[32];
    hd_u256_store_be(be, key);
    hd_buf_append_str(wr->out, is_first ? "" : ",");
    put_bytes(wr->out, be, sizeof be);
    hd_buf_append_str(wr->out, ":");
    put_num(wr->out, value);
    wr->stats->slot_cnt++;
}

static void put_storage(writer *wr, const hd_address *addr, const hd_state_account *a) {
    const hd_witness_slot *slots = (const void *)wr->w->slots.data;
    size_t cnt = wr->w->slots.sz / sizeof *slots;
    int is_first = 1, has_value = 0;
    while (wr->slot_idx < cnt && memcmp(&slots[wr->slot_idx].addr, addr, sizeof *addr) < 0)
        wr->slot_idx++; /* of accounts that were not there before */
    for (; wr->slot_idx < cnt && memcmp(&slots[wr->slot_idx].addr, addr, sizeof *addr) == 0;
         wr->slot_idx++) {
        hd_u256 key = hd_u256_load_be(slots[wr->slot_idx].key);
        hd_u256 value = hd_state_get_slot(wr->state, addr, key);
        put_slot(wr, is_first, key, value);
        is_first = 0;
        has_value |= !hd_u256_is_zero(value);
    }
    /* Whether there is storage at all decides a creation at this address (EIP-7610), where neither
       code nor nonce does. */
    if ((a->flags & HD_ACCOUNT_HAS_STORAGE) && !has_value && a->code_sz == 0 && a->nonce == 0) {
        first_slot f = {.is_found = 0};
        hd_state_each_slot(wr->state, addr, take_first, &f);
        if (f.is_found)
            put_slot(wr, is_first, f.key, f.value);
    }
}

/* pre_state.json; adds the codes' owners to codes. */
static hd_err put_pre_state(writer *wr, hd_buf *codes) {
    const hd_address *addrs = (const void *)wr->w->accounts.data;
    size_t cnt = wr->w->accounts.sz / sizeof *addrs;
    hd_buf_append_str(wr->out, "{");
    for (size_t i = 0; i < cnt; i++) {
        hd_state_account a;
        if (hd_state_get(&a, wr->state, &addrs[i]) != HD_OK)
            continue;
        hd_buf_append_str(wr->out, wr->stats->account_cnt++ ? ",\n" : "\n");
        put_bytes(wr->out, addrs[i].b, sizeof addrs[i].b);
        hd_buf_append_str(wr->out, ":{\"balance\":");
        put_num(wr->out, a.balance_wei);
        hd_buf_printf(wr->out, ",\"nonce\":%" PRIu64, a.nonce);
        if (a.code_sz) {
            hd_buf_append_str(wr->out, ",\"code_hash\":");
            put_bytes(wr->out, a.code_hash.b, sizeof a.code_hash.b);
            hd_code_entry e = {.hash = a.code_hash, .off = i, .sz = a.code_sz};
            hd_buf_append(codes, &e, sizeof e);
        }
        hd_buf_append_str(wr->out, ",\"storage\":{");
        put_storage(wr, &addrs[i], &a);
        hd_buf_append_str(wr->out, "}}");
    }
    hd_buf_append_str(wr->out, "\n}\n");
    wr->stats->state_sz = wr->out->sz;
    return wr->out->err != HD_OK ? wr->out->err : codes->err;
}

static int code_order(const void *a, const void *b) {
    return memcmp(((const hd_code_entry *)a)->hash.b, ((const hd_code_entry *)b)->hash.b, 32);
}

/* bytecodes.json; off of each entry is the index of an account that has the code. */
static hd_err put_codes(writer *wr, hd_buf *codes) {
    const hd_address *addrs = (const void *)wr->w->accounts.data;
    sort_once(codes, sizeof(hd_code_entry), code_order);
    const hd_code_entry *entries = (const void *)codes->data;
    hd_buf_append_str(wr->out, "{");
    for (size_t i = 0; i < codes->sz / sizeof *entries; i++) {
        hd_state_account a;
        hd_err err = hd_state_get(&a, wr->state, &addrs[entries[i].off]);
        if (err != HD_OK)
            return err;
        hd_buf_append_str(wr->out, i ? ",\n" : "\n");
        put_bytes(wr->out, entries[i].hash.b, sizeof entries[i].hash.b);
        hd_buf_append_str(wr->out, ":");
        put_bytes(wr->out, a.code, a.code_sz);
        wr->stats->code_cnt++;
        wr->stats->code_sz += a.code_sz;
    }
    return hd_buf_append_str(wr->out, "\n}\n");
}

/* block_hashes.json: those that were asked for. */
static hd_err put_hashes(writer *wr, const hd_replay_block *b) {
    uint64_t number = b->json.block.header.number;
    hd_buf_append_str(wr->out, "{");
    for (uint64_t n = number > 256 ? number - 256 : 0; n < number; n++) {
        hd_hash hash;
        if (!(b->hash_asked[n % 256 / 64] >> (n % 64) & 1))
            continue;
        if (hd_block_hash_book_find(&hash, b->hashes, n) != HD_OK) {
            if (n + 1 != number)
                continue;
            hash = b->json.block.header.parent_hash;
        }
        hd_buf_printf(wr->out, "%s\"%" PRIu64 "\":", wr->stats->hash_cnt++ ? ",\n" : "\n", n);
        put_bytes(wr->out, hash.b, sizeof hash.b);
    }
    return hd_buf_append_str(wr->out, "\n}\n");
}

static hd_err write_file(hd_msg *msg, const char *dir, const char *name, hd_err err,
                         const hd_buf *buf) {
    char path[PATH_SZ];
    if (err != HD_OK)
        return err;
    int sz = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (sz < 0 || sz >= (int)sizeof path) {
        hd_msg_set(msg, "%s: a path of less than %u bytes is expected", dir, PATH_SZ);
        return HD_ERR_LIMIT;
    }
    return hd_file_write(msg, path, buf->data, buf->sz);
}

/* The folder and what stands before it in the path. */
static hd_err make_folders(hd_msg *msg, const char *dir) {
    char path[PATH_SZ];
    size_t sz = strlen(dir);
    if (sz >= sizeof path) {
        hd_msg_set(msg, "%s: a path of less than %u bytes is expected", dir, PATH_SZ);
        return HD_ERR_LIMIT;
    }
    memcpy(path, dir, sz + 1);
    for (size_t i = 1; i <= sz; i++) {
        if (path[i] != '/' && path[i])
            continue;
        char was = path[i];
        path[i] = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            hd_msg_set(msg, "%s: the folder cannot be made: %s", path, strerror(errno));
            return HD_ERR_IO;
        }
        path[i] = was;
    }
    return HD_OK;
}

static hd_err copy_block(hd_buf *out, hd_msg *msg, const char *from_dir) {
    char path[PATH_SZ];
    int sz = snprintf(path, sizeof path, "%s/block.json", from_dir);
    if (sz < 0 || sz >= (int)sizeof path)
        return HD_ERR_LIMIT;
    return hd_file_read(out, msg, path, HD_BLOCK_JSON_SZ_MAX);
}

hd_err hd_witness_write(hd_witness_stats *stats, hd_msg *msg, const hd_witness *w,
                        const hd_replay_block *b, const char *from_dir, const char *dir) {
    hd_buf text = {0}, codes = {0};
    writer wr = {.stats = stats, .w = w, .state = b->first, .out = &text};
    memset(stats, 0, sizeof *stats);
    hd_err err = make_folders(msg, dir);
    if (err == HD_OK)
        err = write_file(msg, dir, "pre_state.json", put_pre_state(&wr, &codes), &text);
    hd_buf_clear(&text);
    if (err == HD_OK)
        err = write_file(msg, dir, "bytecodes.json", put_codes(&wr, &codes), &text);
    hd_buf_clear(&text);
    if (err == HD_OK)
        err = write_file(msg, dir, "block_hashes.json", put_hashes(&wr, b), &text);
    hd_buf_clear(&text);
    if (err == HD_OK)
        err = write_file(msg, dir, "block.json", copy_block(&text, msg, from_dir), &text);
    hd_buf_free(&text);
    hd_buf_free(&codes);
    return err;
}

/* ---- comparing */

static int is_account_same(const hd_state *a, const hd_state *b, const hd_address *addr) {
    hd_state_account x, y;
    hd_err ex = hd_state_get(&x, a, addr), ey = hd_state_get(&y, b, addr);
    if (ex != ey)
        return 0;
    return ex != HD_OK || (hd_u256_is_equal(x.balance_wei, y.balance_wei) && x.nonce == y.nonce &&
                           memcmp(&x.code_hash, &y.code_hash, sizeof x.code_hash) == 0);
}

int hd_witness_compare(hd_msg *msg, const hd_witness *w, const hd_state *a, const hd_state *b) {
    const hd_address *addrs = (const void *)w->accounts.data;
    const hd_witness_slot *slots = (const void *)w->slots.data;
    char text[43];
    for (size_t i = 0; i < w->accounts.sz / sizeof *addrs; i++) {
        if (is_account_same(a, b, &addrs[i]))
            continue;
        (void)hd_hex_encode_0x(text, sizeof text, addrs[i].b, sizeof addrs[i].b);
        hd_msg_set(msg, "account %s ends otherwise", text);
        return 0;
    }
    for (size_t i = 0; i < w->slots.sz / sizeof *slots; i++) {
        hd_u256 key = hd_u256_load_be(slots[i].key);
        if (hd_u256_is_equal(hd_state_get_slot(a, &slots[i].addr, key),
                             hd_state_get_slot(b, &slots[i].addr, key)))
            continue;
        (void)hd_hex_encode_0x(text, sizeof text, slots[i].addr.b, sizeof slots[i].addr.b);
        hd_msg_set(msg, "a slot of account %s ends otherwise", text);
        return 0;
    }
    return 1;
}
