/* hd_version_rules.c - what a transaction's writes make of accounts and slots, and whether what it
   read holds with other values: one set of rules for an index, chains and in-order execution. */
#include "exec/hd_version_rules.h"

#include <string.h>

#include "base/hd_mutation.h"

static const hd_hash no_code = {HD_EMPTY_CODE_HASH};

/* A touch without any change matters only where it may delete (EIP-158) or create (before it). */
int hd_account_is_written(const hd_account_diff *d, uint32_t fork) {
    if (d->flags & (HD_DIFF_DELETED | HD_DIFF_DESTROYED | HD_DIFF_CODE))
        return 1;
    if (d->nonce != d->original_nonce || !hd_u256_is_equal(d->balance_wei, d->original_balance_wei))
        return 1;
    if (!(d->flags & HD_DIFF_TOUCHED))
        return 0;
    if (fork < HD_FORK_SPURIOUS) /* the touch of 0x03 outlives a revert, and creates nothing */
        return HD_KEEPS(HD_MUTATION_TOUCH_OLD) && (d->flags & HD_DIFF_EXISTS) != 0;
    return !(d->flags & HD_DIFF_EXISTED) ||
           (d->nonce == 0 && memcmp(&d->code_hash, &no_code, sizeof(no_code)) == 0);
}

/* ---- the world ---- */

const hd_world_account *hd_world_find(const hd_world *w, const uint32_t addr[5]) {
    uint32_t i = hd_world_account_hash(w->seed, addr) & w->account_mask;
    for (; w->account_table[i]; i = (i + 1) & w->account_mask) {
        const hd_world_account *a = &w->accounts[w->account_table[i] - 1];
        if (memcmp(a->addr, addr, sizeof(a->addr)) == 0)
            return a;
    }
    return NULL;
}

hd_u256 hd_world_slot_of(const hd_world *w, const hd_world_account *a, hd_u256 key) {
    uint32_t account_idx = (uint32_t)(a - w->accounts);
    uint32_t i = hd_world_slot_hash(w->seed, account_idx, key) & w->slot_mask;
    for (; w->slots[i].account_ref; i = (i + 1) & w->slot_mask) {
        const hd_world_slot *s = &w->slots[i];
        if (s->account_ref == account_idx + 1 && s->incarnation == a->incarnation &&
            hd_u256_is_equal(s->key, key))
            return s->value;
    }
    return hd_u256_zero();
}

hd_u256 hd_world_slot_value(const hd_world *w, const uint32_t addr[5], hd_u256 key) {
    const hd_world_account *a = hd_world_find(w, addr);
    return a ? hd_world_slot_of(w, a, key) : hd_u256_zero();
}

hd_account_version hd_account_version_of_world(const hd_world *w, const uint32_t addr[5]) {
    return hd_account_version_of(hd_world_find(w, addr));
}

hd_account_version hd_account_version_of(const hd_world_account *a) {
    hd_account_version v;
    memset(&v, 0, sizeof(v));
    if (!a || !(a->flags & HD_ACCOUNT_EXISTS))
        return v;
    v.balance_wei = a->balance_wei;
    v.nonce = a->nonce;
    v.code_ref = a->code_idx;
    v.flags = HD_VERSION_EXISTS;
    if (a->flags & HD_ACCOUNT_HAS_STORAGE)
        v.flags |= HD_VERSION_HAS_STORAGE;
    return v;
}

/* ---- folding ---- */

static void version_delete(hd_account_version *v, uint32_t tx) {
    v->balance_wei = hd_u256_zero();
    v->nonce = 0;
    v->code_ref = 0;
    v->flags = 0;
    v->wiped = tx + 1;
}

/* EIP-158: what was touched and is empty goes; before it, what was touched is there. */
static void version_touch(hd_account_version *v, uint32_t tx, uint32_t fork) {
    v->flags |= HD_VERSION_EXISTS;
    if (HD_KEEPS(HD_MUTATION_TOUCH) && fork >= HD_FORK_SPURIOUS && v->nonce == 0 &&
        v->code_ref == 0 && hd_u256_is_zero(v->balance_wei))
        version_delete(v, tx);
}

void hd_account_version_pay(hd_account_version *v, hd_u256 fee_wei, uint32_t tx, uint32_t fork) {
    v->tx = tx;
    v->balance_wei = hd_u256_add(v->balance_wei, fee_wei);
    version_touch(v, tx, fork);
}

void hd_account_version_fold(hd_account_version *v, const hd_account_diff *d, uint32_t tx,
                             uint32_t fork) {
    v->tx = tx;
    if (d->flags & HD_DIFF_DESTROYED) {
        version_delete(v, tx);
        return;
    }
    /* A deletion of a touched empty account: the values are those of an empty one. */
    v->balance_wei =
        HD_KEEPS(HD_MUTATION_SUM)
            ? hd_u256_add(v->balance_wei, hd_u256_sub(d->balance_wei, d->original_balance_wei))
            : d->balance_wei;
    if (d->nonce != d->original_nonce)
        v->nonce = d->nonce;
    if (d->flags & HD_DIFF_CODE)
        v->code_ref = d->code_sz ? d->reserved : 0;
    if (d->flags & HD_DIFF_SLOTS)
        v->flags |= HD_VERSION_HAS_STORAGE | HD_VERSION_STORAGE_UNSURE;
    if (d->flags & HD_DIFF_TOUCHED)
        version_touch(v, tx, fork);
    else
        v->flags |= HD_VERSION_EXISTS;
}

/* ---- validation ---- */

#define IS_CHECKED(kind) (HD_KEEPS(HD_MUTATION_ALL) && HD_KEEPS(kind))

int hd_read_holds(const hd_account_diff *d, const hd_account_read *r, const hd_account_now *now) {
    uint32_t flags = r->flags;
    if (IS_CHECKED(HD_MUTATION_CODE) &&
        memcmp(now->code_hash, &r->code_hash, sizeof(r->code_hash)) != 0)
        return 0;
    if (IS_CHECKED(HD_MUTATION_NONCE) && (flags & HD_READ_NONCE) && now->nonce != d->original_nonce)
        return 0;
    if (IS_CHECKED(HD_MUTATION_BALANCE) && (flags & HD_READ_BALANCE) &&
        !hd_u256_is_equal(now->balance_wei, d->original_balance_wei))
        return 0;
    /* Bounds are said of balances below 2^255, whose sums do not wrap. */
    if (HD_KEEPS(HD_MUTATION_ALL) && (flags & (HD_READ_AT_LEAST | HD_READ_BELOW)) &&
        now->balance_wei.w[3] >> 63)
        return 0;
    if (IS_CHECKED(HD_MUTATION_AT_LEAST) && (flags & HD_READ_AT_LEAST) &&
        hd_u256_lt(now->balance_wei, r->at_least_wei))
        return 0;
    if (IS_CHECKED(HD_MUTATION_BELOW) && (flags & HD_READ_BELOW) &&
        !hd_u256_lt(now->balance_wei, r->below_wei))
        return 0;
    if (IS_CHECKED(HD_MUTATION_EXISTS) && (flags & HD_READ_EXISTS) &&
        now->is_there != ((d->flags & HD_DIFF_EXISTED) != 0))
        return 0;
    return !IS_CHECKED(HD_MUTATION_STORAGE) || !(flags & HD_READ_STORAGE) ||
           now->has_storage == ((flags & HD_READ_HAD_STORAGE) != 0);
}

int hd_slot_holds(const hd_results *res, uint64_t i, hd_u256 now) {
    const hd_slot_diff *d = &res->slots[i];
    if (!(d->flags & HD_DIFF_RANGE))
        return !IS_CHECKED(HD_MUTATION_SLOT) || hd_u256_is_equal(now, d->original);
    const hd_slot_read *r = &res->slot_reads[i];
    return (!IS_CHECKED(HD_MUTATION_TAG_LO) || !hd_u256_lt(now, r->lo)) &&
           (!IS_CHECKED(HD_MUTATION_TAG_HI) || !hd_u256_lt(r->hi, now));
}

void hd_slot_settle(hd_slot_diff *d, hd_u256 now) {
    if (d->flags & HD_DIFF_ADD)
        d->value = hd_u256_add(now, hd_u256_sub(d->value, d->original));
    d->original = now;
    d->flags &= HD_DIFF_CHANGED;
}

void hd_account_settle(hd_account_diff *d, const hd_account_now *now, uint32_t fork) {
    uint32_t written = HD_DIFF_CHANGED | HD_DIFF_DESTROYED;
    if (fork >= HD_FORK_SPURIOUS || (d->flags & HD_DIFF_EXISTS))
        written |= HD_DIFF_TOUCHED;
    int is_nonce_written = d->nonce != d->original_nonce;
    d->balance_wei =
        hd_u256_add(now->balance_wei, hd_u256_sub(d->balance_wei, d->original_balance_wei));
    d->original_balance_wei = now->balance_wei;
    if (!is_nonce_written)
        d->nonce = now->nonce;
    d->original_nonce = now->nonce;
    d->reserved = 0;
    d->flags &= ~(HD_DIFF_EXISTED | HD_DIFF_DELETED);
    if (now->is_there)
        d->flags |= HD_DIFF_EXISTED;
    if (!(d->flags & written))
        return;
    int is_empty = d->nonce == 0 && hd_u256_is_zero(d->balance_wei) &&
                   memcmp(&d->code_hash, &no_code, sizeof(no_code)) == 0;
    if ((d->flags & HD_DIFF_DESTROYED) ||
        ((d->flags & HD_DIFF_TOUCHED) && fork >= HD_FORK_SPURIOUS && is_empty)) {
        d->flags &= ~(HD_DIFF_CHANGED | HD_DIFF_CODE);
        if (now->is_there)
            d->flags |= HD_DIFF_DELETED | HD_DIFF_CHANGED | HD_DIFF_EXISTS;
        return;
    }
    d->flags &= ~HD_DIFF_CHANGED;
    if (!now->is_there || !hd_u256_is_equal(d->balance_wei, d->original_balance_wei) ||
        d->nonce != d->original_nonce || (d->flags & (HD_DIFF_CODE | HD_DIFF_SLOTS)))
        d->flags |= HD_DIFF_CHANGED | HD_DIFF_EXISTS;
}

void hd_account_version_now(hd_account_now *now, const hd_account_version *v,
                            const hd_versions *versions, const hd_world *world) {
    now->balance_wei = v->balance_wei;
    now->nonce = v->nonce;
    now->code_hash = v->code_ref & HD_CODE_VERSION
                         ? &versions->codes[v->code_ref & ~HD_CODE_VERSION].hash
                         : &world->codes[v->code_ref].hash;
    now->is_there = v->flags & HD_VERSION_EXISTS;
    now->has_storage = v->flags & HD_VERSION_STORAGE_UNSURE ? 2
                       : v->flags & HD_VERSION_HAS_STORAGE  ? 1
                                                            : 0;
}

int hd_account_may_differ(const hd_version_input *in, uint32_t t, uint32_t i) {
    return (HD_KEEPS(HD_MUTATION_LATE) && in->is_late[t]) ||
           (HD_KEEPS(HD_MUTATION_ASSUMED) && i == 0); /* the sender is met first */
}

int hd_slot_may_differ(const hd_version_input *in, uint32_t t) {
    return HD_KEEPS(HD_MUTATION_LATE) && in->is_late[t];
}

int hd_versions_account_hold(const hd_account_version **found, const hd_versions *versions,
                             const hd_version_input *in, uint32_t t, uint32_t i) {
    const hd_results *res = in->results;
    uint64_t at = res->receipts[t].account_off + i;
    hd_account_version world;
    hd_account_now now;
    uint32_t addr[5];
    hd_addr_from_wire(addr, &res->accounts[at].addr);
    const hd_account_version *v = *found = hd_versions_account_find(versions, addr, t);
    if (!v) {
        if (!hd_account_may_differ(in, t, i))
            return 1;
        world = hd_account_version_of_world(in->world, addr);
        v = &world;
    }
    hd_account_version_now(&now, v, versions, in->world);
    return hd_read_holds(&res->accounts[at], &res->reads[at], &now);
}

int hd_versions_slot_hold(const hd_versions *versions, const hd_version_input *in, uint32_t t,
                          uint32_t i, uint32_t wiped) {
    const hd_results *res = in->results;
    const hd_receipt *r = &res->receipts[t];
    const hd_slot_diff *d = &res->slots[r->slot_off + i];
    hd_u256 now = hd_u256_zero();
    uint32_t addr[5];
    hd_addr_from_wire(addr, &res->accounts[r->account_off + d->account_idx].addr);
    const hd_slot_version *v = hd_versions_slot_find(versions, addr, d->key, t);
    if (v && v->tx + 1 > wiped) {
        now = v->value;
    } else if (!wiped) {
        if (!hd_slot_may_differ(in, t))
            return 1;
        now = hd_world_slot_value(in->world, addr, d->key);
    }
    return hd_slot_holds(res, r->slot_off + i, now);
}

#define KEPT_MAX 16u /* accounts of more are looked up again for each of their slots */

int hd_versions_hold(const hd_versions *versions, const hd_version_input *in, uint32_t t) {
    const hd_results *res = in->results;
    const hd_receipt *r = &res->receipts[t];
    const hd_account_version *kept[KEPT_MAX], *v;
    if (hd_receipt_is_void(r))
        return 0;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        if (!hd_versions_account_hold(&v, versions, in, t, i))
            return 0;
        if (i < KEPT_MAX)
            kept[i] = v;
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        uint32_t owner = res->slots[r->slot_off + i].account_idx, addr[5];
        if (owner < KEPT_MAX) {
            v = kept[owner];
        } else {
            hd_addr_from_wire(addr, &res->accounts[r->account_off + owner].addr);
            v = hd_versions_account_find(versions, addr, t);
        }
        if (!hd_versions_slot_hold(versions, in, t, i, v ? v->wiped : 0))
            return 0;
    }
    return 1;
}
