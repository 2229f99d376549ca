/* hd_store_undo.c - undo records on disk, and a block's difference out of them. */
#include "state/hd_store_undo.h"

#include <string.h>

#include "state/hd_state_internal.h"

#define UNDO_VERSION 1u
#define HEAD_SZ 20u
#define ACCOUNT_SZ 93u
#define SLOT_SZ 84u

hd_err hd_undo_encode(hd_buf *out, const hd_undo *undo) {
    const hd_undo_account *accounts = (const hd_undo_account *)(const void *)undo->accounts.data;
    const hd_undo_slot *slots = (const hd_undo_slot *)(const void *)undo->slots.data;
    size_t account_cnt = undo->accounts.sz / sizeof *accounts;
    size_t slot_cnt = undo->slots.sz / sizeof *slots;
    uint8_t head[HEAD_SZ], account[ACCOUNT_SZ], slot[SLOT_SZ];
    hd_store_be32(head, UNDO_VERSION);
    hd_store_be64(head + 4, account_cnt);
    hd_store_be64(head + 12, slot_cnt);
    hd_buf_append(out, head, sizeof head);
    for (size_t i = 0; i < account_cnt; i++) {
        memcpy(account, accounts[i].addr.b, 20);
        account[20] = accounts[i].is_there != 0;
        hd_store_be64(account + 21, accounts[i].nonce);
        hd_u256_store_be(account + 29, accounts[i].balance_wei);
        memcpy(account + 61, accounts[i].code_hash.b, 32);
        hd_buf_append(out, account, sizeof account);
    }
    for (size_t i = 0; i < slot_cnt; i++) {
        memcpy(slot, slots[i].addr.b, 20);
        hd_u256_store_be(slot + 20, slots[i].key);
        hd_u256_store_be(slot + 52, slots[i].value);
        hd_buf_append(out, slot, sizeof slot);
    }
    return out->err;
}

hd_err hd_undo_decode(hd_undo *out, hd_span in) {
    hd_undo_clear(out);
    if (in.sz < HEAD_SZ || hd_load_be32(in.data) != UNDO_VERSION)
        return HD_ERR_CORRUPT;
    uint64_t account_cnt = hd_load_be64(in.data + 4), slot_cnt = hd_load_be64(in.data + 12);
    size_t left = in.sz - HEAD_SZ;
    if (account_cnt > left / ACCOUNT_SZ ||
        slot_cnt != (left - (size_t)account_cnt * ACCOUNT_SZ) / SLOT_SZ ||
        left != (size_t)account_cnt * ACCOUNT_SZ + (size_t)slot_cnt * SLOT_SZ)
        return HD_ERR_CORRUPT;
    const uint8_t *p = in.data + HEAD_SZ;
    for (uint64_t i = 0; i < account_cnt; i++, p += ACCOUNT_SZ) {
        hd_undo_account account;
        memset(&account, 0, sizeof account);
        memcpy(account.addr.b, p, 20);
        account.is_there = p[20];
        account.nonce = hd_load_be64(p + 21);
        account.balance_wei = hd_u256_load_be(p + 29);
        memcpy(account.code_hash.b, p + 61, 32);
        hd_buf_append(&out->accounts, &account, sizeof account);
    }
    for (uint64_t i = 0; i < slot_cnt; i++, p += SLOT_SZ) {
        hd_undo_slot slot;
        memset(&slot, 0, sizeof slot);
        memcpy(slot.addr.b, p, 20);
        slot.key = hd_u256_load_be(p + 20);
        slot.value = hd_u256_load_be(p + 52);
        hd_buf_append(&out->slots, &slot, sizeof slot);
    }
    return out->accounts.err != HD_OK ? out->accounts.err : out->slots.err;
}

hd_err hd_store_teach(hd_state *s, hd_msg *msg, hd_store_read *r, const hd_undo *undo) {
    const hd_undo_account *accounts = (const hd_undo_account *)(const void *)undo->accounts.data;
    size_t account_cnt = undo->accounts.sz / sizeof *accounts;
    for (size_t i = 0; i < account_cnt; i++) {
        uint32_t code_idx;
        hd_span code;
        if (!accounts[i].is_there || hd_state_code_find(&code_idx, s, &accounts[i].code_hash))
            continue;
        hd_err err = hd_store_get_code(&code, msg, r, &accounts[i].code_hash);
        if (err == HD_OK)
            err = hd_state_keep_code(s, code.data, code.sz);
        if (err != HD_OK)
            return err == HD_ERR_ABSENT ? HD_ERR_CORRUPT : err;
    }
    return HD_OK;
}

static hd_err take_back(hd_state *s, hd_undo *undo, hd_msg *msg, hd_store_read *r,
                        uint64_t number) {
    hd_hash hash;
    hd_span raw;
    hd_err err = hd_store_get_canonical(&hash, msg, r, number);
    if (err == HD_OK)
        err = hd_store_get_undo(&raw, msg, r, number, &hash);
    if (err == HD_OK)
        err = hd_undo_decode(undo, raw);
    if (err == HD_OK)
        err = hd_store_teach(s, msg, r, undo);
    return err == HD_OK ? hd_undo_apply(s, undo) : err;
}

hd_err hd_store_load_at(hd_state *out, hd_msg *msg, hd_store_read *r, uint64_t number) {
    hd_store_head head;
    hd_undo undo;
    uint64_t oldest;
    memset(&undo, 0, sizeof undo);
    hd_err err = hd_store_get_head(&head, msg, r);
    if (err == HD_OK)
        err = hd_store_get_oldest(&oldest, msg, r);
    if (err != HD_OK)
        return err;
    if (number > head.number || number < oldest) {
        hd_msg_set(msg, "the state of block %llu is not kept: the store has those of %llu to %llu",
                   (unsigned long long)number, (unsigned long long)oldest,
                   (unsigned long long)head.number);
        return HD_ERR_ABSENT;
    }
    err = hd_store_load(out, msg, r);
    for (uint64_t n = head.number; n > number && err == HD_OK; n--) {
        err = take_back(out, &undo, msg, r, n);
        if (err == HD_ERR_ABSENT || err == HD_ERR_CORRUPT) {
            hd_msg_prefix(msg, "undoing block %llu: ", (unsigned long long)n);
            err = HD_ERR_CORRUPT;
        }
    }
    hd_undo_free(&undo);
    return err;
}

void hd_store_put_changed(hd_store_batch *b, const hd_state *s, const hd_undo *undo) {
    const hd_undo_account *accounts = (const hd_undo_account *)(const void *)undo->accounts.data;
    const hd_undo_slot *slots = (const hd_undo_slot *)(const void *)undo->slots.data;
    size_t account_cnt = undo->accounts.sz / sizeof *accounts;
    size_t slot_cnt = undo->slots.sz / sizeof *slots;
    for (size_t i = 0; i < account_cnt; i++) {
        hd_store_account_change change;
        hd_state_account now;
        memset(&change, 0, sizeof change);
        change.addr = accounts[i].addr;
        if (hd_state_get(&now, s, &change.addr) == HD_OK) {
            change.nonce = now.nonce;
            change.balance_wei = now.balance_wei;
            change.code_hash = now.code_hash;
            if (!accounts[i].is_there || memcmp(&now.code_hash, &accounts[i].code_hash, 32) != 0)
                hd_store_put_code(b, &now.code_hash, now.code, now.code_sz);
        } else {
            change.flags = HD_STORE_DELETED;
        }
        hd_store_put_account(b, &change);
    }
    /* Storage that was wiped is named slot by slot. */
    for (size_t i = 0; i < slot_cnt; i++)
        hd_store_put_slot(b, &slots[i].addr, slots[i].key,
                          hd_state_get_slot(s, &slots[i].addr, slots[i].key));
}
