/* hd_tx_admit.h - one raw signed transaction decoded where it lies, hashed and checked, by a lane:
   the first stage of a pipeline whose transactions arrive as bytes.

   Shared code. It speaks for types 0 to 3; type 4 is left to hd_tx_decode, and so is the reason of
   a refusal: both give the same verdict. Calldata stays in the raw bytes, so that these serve as
   the batch's data; access lists and blob hashes are unpacked into a room behind them. */
#ifndef HD_TX_ADMIT_H
#define HD_TX_ADMIT_H

#include "crypto/hd_keccak.h"
#include "crypto/hd_recover.h"
#include "evm/hd_evm.h"

#define HD_ADMIT_SZ_MAX (1u << 27) /* bytes of one transaction; as HD_TX_ENCODED_SZ_MAX */

/* What hd_tx_admit says of the encoding. */
#define HD_ADMIT_OK 0u
#define HD_ADMIT_MALFORMED 1u /* hd_tx_decode gives HD_ERR_FORMAT */
#define HD_ADMIT_ELSEWHERE \
    2u /* hd_tx_decode has to be asked: another type, too long, or no room for its lists */

/* Room for an access list and blob hashes: max bytes at `at`, which are data[off, off + max) to
   those who run the transaction. As many as the transaction has, and a sixteenth more, suffice:
   a tuple of 23 bytes becomes 24. */
typedef struct {
    uint8_t *at;
    uint64_t off;
    uint32_t max;
} hd_admit_room;

/* The signature's part of a transaction; hd_tx_envelope has the same. */
typedef struct {
    hd_u256 v; /* as encoded */
    hd_u256 r;
    hd_u256 s;
    hd_u256 chain_id; /* exact */
    uint32_t is_protected;
    uint32_t type;
} hd_tx_signed;

/* Half the curve's order, rounded down: a transaction's s may not exceed it from Homestead on. */
HD_INL hd_u256 hd_admit_half_order(void) {
    return hd_u256_make(0x7fffffffffffffffu, 0xffffffffffffffffu, 0x5d576e7357a4501du,
                        0xdfe92f46681b20a0u);
}

/* The chain id that a signature names: legacy transactions hide it in v, where a v that is none of
   0, 1, 27 and 28 is protected (EIP-155). One below 35 has no chain id; it wraps at 64 bits, as
   go-ethereum's does. */
HD_INL void hd_tx_split(hd_tx_signed *g) {
    uint64_t v = g->v.w[0];
    int is_small = hd_u256_fits_u64(g->v);
    if (g->type != HD_TX_LEGACY || (is_small && (v <= 1 || v == 27 || v == 28)))
        return;
    g->is_protected = 1;
    g->chain_id = is_small ? hd_u256_from_u64((v - 35) / 2)
                           : hd_u256_shr_bits(hd_u256_sub(g->v, hd_u256_from_u64(35)), 1);
}

/* What is known to be wrong before the curve is asked (hd_tx_signature): HD_TX_SUCCESS with *parity
   0 or 1, else HD_TX_INVALID_TYPE, HD_TX_INVALID_CHAIN_ID or HD_TX_INVALID_SIGNATURE. is_active:
   the type exists in the fork. */
HD_INL uint32_t hd_tx_signed_check(uint32_t *parity, const hd_tx_signed *g, int is_active,
                                   uint32_t fork, uint64_t chain_id) {
    if (!is_active)
        return HD_TX_INVALID_TYPE;
    int has_chain_id =
        g->type != HD_TX_LEGACY || (fork >= HD_FORK_SPURIOUS && g->is_protected != 0);
    if (has_chain_id && !hd_u256_is_equal(g->chain_id, hd_u256_from_u64(chain_id)))
        return HD_TX_INVALID_CHAIN_ID;
    uint64_t base = 0;
    hd_u256 y = g->v;
    if (g->type == HD_TX_LEGACY) {
        base = has_chain_id ? 35 : 27;
        if (has_chain_id)
            y = hd_u256_sub(y, hd_u256_shl_bits(g->chain_id, 1));
    }
    if (hd_u256_sub_borrow(&y, y, hd_u256_from_u64(base)) != 0 || !hd_u256_fits_u64(y) ||
        y.w[0] > 1)
        return HD_TX_INVALID_SIGNATURE;
    hd_u256 half = hd_admit_half_order();
    hd_u256 order = hd_u256_add(hd_u256_shl_bits(half, 1), hd_u256_from_u64(1));
    if (fork >= HD_FORK_HOMESTEAD && hd_u256_lt(half, g->s)) /* EIP-2 */
        return HD_TX_INVALID_SIGNATURE;
    if (hd_u256_is_zero(g->r) || hd_u256_is_zero(g->s) || !hd_u256_lt(g->r, order) ||
        !hd_u256_lt(g->s, order))
        return HD_TX_INVALID_SIGNATURE;
    *parity = (uint32_t)y.w[0];
    return HD_TX_SUCCESS;
}

/* ---- RLP, as strict as hd_rlp.c ---- */

typedef struct {
    const uint8_t *p;
    uint32_t left;
    uint32_t is_bad;
} hd_admit_reader;

/* The next item's body. After a malformed one every item is empty and is_bad stays set, so that
   callers may look at it once at the end. */
HD_NOINL const uint8_t *hd_admit_item(hd_admit_reader *rd, uint32_t *sz, uint32_t *is_list) {
    const uint8_t *p = rd->p;
    uint32_t head = 1, len_sz = 0;
    uint64_t len = 0;
    *sz = 0;
    *is_list = 0;
    if (rd->is_bad || rd->left == 0) {
        rd->is_bad = 1;
        return p;
    }
    uint32_t first = p[0];
    *is_list = first >= 0xc0;
    if (first < 0x80) {
        head = 0;
        len = 1;
    } else {
        uint32_t short_len = first - (first >= 0xc0 ? 0xc0u : 0x80u);
        len = short_len;
        if (short_len > 55)
            len_sz = short_len - 55;
    }
    if (len_sz) {
        if (len_sz > rd->left - 1 || p[1] == 0) {
            rd->is_bad = 1;
            return p;
        }
        len = 0;
        for (uint32_t i = 0; i < len_sz; i++)
            len = len << 8 | p[1 + i];
        head = 1 + len_sz;
        if (len <= 55) {
            rd->is_bad = 1;
            return p;
        }
    }
    if (len > rd->left - head) {
        rd->is_bad = 1;
        return p;
    }
    if (!*is_list && len_sz == 0 && head == 1 && len == 1 && p[1] < 0x80) {
        rd->is_bad = 1;
        return p;
    }
    *sz = (uint32_t)len;
    rd->p = p + head + len;
    rd->left -= head + (uint32_t)len;
    return p + head;
}

HD_NOINL const uint8_t *hd_admit_string(hd_admit_reader *rd, uint32_t *sz) {
    uint32_t is_list;
    const uint8_t *p = hd_admit_item(rd, sz, &is_list);
    if (is_list) {
        rd->is_bad = 1;
        *sz = 0;
    }
    return p;
}

/* A number of at most sz_max bytes without leading zeros. Not inlined: it is called ten times. */
HD_NOINL hd_u256 hd_admit_number(hd_admit_reader *rd, uint32_t sz_max) {
    uint32_t sz;
    hd_u256 x = hd_u256_zero();
    const uint8_t *p = hd_admit_string(rd, &sz);
    if (sz > sz_max || (sz > 0 && p[0] == 0))
        rd->is_bad = 1;
    if (rd->is_bad)
        return x;
    for (uint32_t i = 0; i < sz; i++) {
        uint32_t bit = 8 * (sz - 1 - i);
        x.w[bit >> 6] |= (uint64_t)p[i] << (bit & 63);
    }
    return x;
}

/* The hash that was signed: fields[0,sz) under a header of their own, and for EIP-155 three more.
 */
HD_NOINL void hd_admit_signing_hash(hd_hash *out, const hd_tx_signed *g, const uint8_t *fields,
                                    uint32_t sz) {
    uint8_t head[8], tail[40];
    uint32_t head_sz = 0, tail_sz = 0;
    if (g->is_protected) {
        uint8_t id[32];
        uint32_t at = 0;
        hd_u256_store_be(id, g->chain_id);
        while (at < 32 && id[at] == 0)
            at++;
        if (at == 32 || !(at == 31 && id[31] < 0x80))
            tail[tail_sz++] = (uint8_t)(0x80 + (32 - at));
        for (; at < 32; at++)
            tail[tail_sz++] = id[at];
        tail[tail_sz++] = 0x80;
        tail[tail_sz++] = 0x80;
    }
    if (g->type != HD_TX_LEGACY)
        head[head_sz++] = (uint8_t)g->type;
    uint32_t list_sz = sz + tail_sz; /* below 2^28 */
    if (list_sz <= 55) {
        head[head_sz++] = (uint8_t)(0xc0 + list_sz);
    } else {
        uint32_t len_sz = list_sz >> 24 ? 4 : list_sz >> 16 ? 3 : list_sz >> 8 ? 2 : 1;
        head[head_sz++] = (uint8_t)(0xf7 + len_sz);
        for (uint32_t i = len_sz; i-- > 0;)
            head[head_sz++] = (uint8_t)(list_sz >> (8 * i));
    }
    hd_keccak k;
    hd_keccak_init(&k);
    hd_keccak_update(&k, head, head_sz);
    hd_keccak_update(&k, fields, sz);
    hd_keccak_update(&k, tail, tail_sz);
    hd_keccak_final(&k, out->b);
}

/* ---- lists, as hd_tx_codec.c packs them; sz bytes at p are the list's items ---- */

HD_NOINL uint32_t hd_admit_access_list(hd_tx *tx, const hd_admit_room *room, const uint8_t *p,
                                       uint32_t sz) {
    hd_admit_reader list, tuple, keys;
    uint32_t at = 0, n, is_list;
    list.p = p;
    list.left = sz;
    list.is_bad = 0;
    while (list.left) {
        tuple.p = hd_admit_item(&list, &tuple.left, &is_list);
        tuple.is_bad = list.is_bad | !is_list;
        const uint8_t *addr = hd_admit_string(&tuple, &n);
        if (tuple.is_bad || n != 20)
            return HD_ADMIT_MALFORMED;
        keys.p = hd_admit_item(&tuple, &keys.left, &is_list);
        keys.is_bad = 0;
        if (tuple.is_bad || !is_list || tuple.left)
            return HD_ADMIT_MALFORMED;
        if (room->max - at < 24)
            return HD_ADMIT_ELSEWHERE;
        uint8_t *to = room->at + at;
        uint32_t key_cnt = 0;
        hd_copy(to, addr, 20);
        at += 24;
        for (; keys.left; key_cnt++) {
            const uint8_t *key = hd_admit_string(&keys, &n);
            if (keys.is_bad || n != 32)
                return HD_ADMIT_MALFORMED;
            if (room->max - at < 32)
                return HD_ADMIT_ELSEWHERE;
            hd_copy(room->at + at, key, 32);
            at += 32;
        }
        for (uint32_t i = 0; i < 4; i++)
            to[20 + i] = (uint8_t)(key_cnt >> (8 * i));
        tx->access_cnt++;
        tx->access_key_cnt += key_cnt;
    }
    tx->access_sz = at;
    return HD_ADMIT_OK;
}

/* Behind the access list. */
HD_NOINL uint32_t hd_admit_blob_hashes(hd_tx *tx, const hd_admit_room *room, const uint8_t *p,
                                       uint32_t sz) {
    hd_admit_reader list;
    uint32_t at = tx->access_sz, n;
    list.p = p;
    list.left = sz;
    list.is_bad = 0;
    for (; list.left; tx->blob_cnt++) {
        const uint8_t *hash = hd_admit_string(&list, &n);
        if (list.is_bad || n != 32)
            return HD_ADMIT_MALFORMED;
        if (room->max - at < 32)
            return HD_ADMIT_ELSEWHERE;
        hd_copy(room->at + at, hash, 32);
        at += 32;
    }
    return HD_ADMIT_OK;
}

/* Reads data[off, off + sz) into tx (world_idx, env_idx and sender 0) and g. *fields_sz bytes at
 *fields are what was signed. HD_ADMIT_...; unless it is HD_ADMIT_OK, tx and g mean nothing. */
HD_NOINL uint32_t hd_admit_decode(hd_tx *tx, hd_tx_signed *g, const uint8_t **fields,
                                  uint32_t *fields_sz, const uint8_t *data, uint64_t off,
                                  uint32_t sz, const hd_admit_room *room) {
    hd_admit_reader rd;
    uint32_t n, is_list, verdict = HD_ADMIT_OK;
    hd_zero(tx, sizeof(*tx));
    hd_zero(g, sizeof(*g));
    if (sz == 0)
        return HD_ADMIT_MALFORMED;
    if (sz > HD_ADMIT_SZ_MAX)
        return HD_ADMIT_ELSEWHERE;
    rd.p = data + off;
    rd.left = sz;
    rd.is_bad = 0;
    if (rd.p[0] < 0xc0) {
        tx->type = rd.p[0];
        if (tx->type == HD_TX_SET_CODE)
            return HD_ADMIT_ELSEWHERE;
        if (tx->type == HD_TX_LEGACY || tx->type > HD_TX_SET_CODE)
            return HD_ADMIT_MALFORMED;
        rd.p++;
        rd.left--;
    }
    g->type = tx->type;
    const uint8_t *body = hd_admit_item(&rd, &n, &is_list);
    if (rd.is_bad || !is_list || rd.left != 0)
        return HD_ADMIT_MALFORMED;
    rd.p = body;
    rd.left = n;
    *fields = body;
    if (tx->type != HD_TX_LEGACY)
        g->chain_id = hd_admit_number(&rd, 32);
    tx->nonce = hd_admit_number(&rd, 8).w[0];
    int is_dynamic = tx->type == HD_TX_DYNAMIC_FEE || tx->type == HD_TX_BLOB;
    if (is_dynamic)
        tx->priority_fee = hd_admit_number(&rd, 32);
    tx->gas_price = hd_admit_number(&rd, 32);
    if (!is_dynamic)
        tx->priority_fee = tx->gas_price;
    tx->gas_limit = hd_admit_number(&rd, 8).w[0];
    const uint8_t *to = hd_admit_string(&rd, &n);
    if (n == 0 && tx->type != HD_TX_BLOB) /* EIP-4844: these create nothing */
        tx->flags = HD_TX_CREATE;
    else if (n == 20)
        hd_copy(tx->to.b, to, 20);
    else
        rd.is_bad = 1;
    tx->value_wei = hd_admit_number(&rd, 32);
    const uint8_t *input = hd_admit_string(&rd, &n);
    tx->data_off = (uint64_t)(input - data);
    tx->data_sz = n;
    if (tx->type != HD_TX_LEGACY) {
        const uint8_t *list = hd_admit_item(&rd, &n, &is_list);
        if (rd.is_bad || !is_list)
            return HD_ADMIT_MALFORMED;
        if (n > 0)
            verdict = hd_admit_access_list(tx, room, list, n);
    }
    if (tx->type == HD_TX_BLOB && verdict == HD_ADMIT_OK) {
        tx->blob_fee = hd_admit_number(&rd, 32);
        const uint8_t *list = hd_admit_item(&rd, &n, &is_list);
        if (rd.is_bad || !is_list)
            return HD_ADMIT_MALFORMED;
        verdict = hd_admit_blob_hashes(tx, room, list, n);
    }
    if (verdict != HD_ADMIT_OK)
        return verdict;
    *fields_sz = (uint32_t)(rd.p - body);
    g->v = hd_admit_number(&rd, 32);
    g->r = hd_admit_number(&rd, 32);
    g->s = hd_admit_number(&rd, 32);
    if (rd.is_bad || rd.left != 0)
        return HD_ADMIT_MALFORMED;
    tx->access_off = tx->auth_off = tx->blob_off = tx->data_off;
    if (tx->access_cnt)
        tx->access_off = room->off;
    if (tx->blob_cnt)
        tx->blob_off = room->off + tx->access_sz;
    hd_tx_split(g);
    tx->chain_id = hd_u256_fits_u64(g->chain_id) ? g->chain_id.w[0] : UINT64_MAX;
    return HD_ADMIT_OK;
}

/* hd_tx_admit does all of it for one transaction, data[off, off + sz): tx without its sender
   (world_idx and env_idx 0, offsets into data, lists in room), its hash, and what hd_recover_...
   has to find the sender of. *status is HD_TX_SUCCESS, or what hd_tx_signature refuses it with;
   item then is one that no backend works on (all zero). Where HD_ADMIT_OK is not returned, only
   *item (zero) and *status (HD_TX_INVALID) are set. */
HD_NOINL uint32_t hd_tx_admit(hd_tx *tx, hd_hash *hash, hd_recover_item *item, uint32_t *status,
                              const uint8_t *data, uint64_t off, uint32_t sz,
                              const hd_admit_room *room, uint32_t fork, uint64_t chain_id) {
    hd_tx_signed g;
    const uint8_t *fields = 0;
    uint32_t fields_sz = 0;
    hd_zero(item, sizeof(*item));
    *status = HD_TX_INVALID;
    uint32_t verdict = hd_admit_decode(tx, &g, &fields, &fields_sz, data, off, sz, room);
    if (verdict != HD_ADMIT_OK)
        return verdict;
    hd_keccak256(hash->b, data + off, sz);
    int is_active =
        tx->type == HD_TX_LEGACY || fork >= (tx->type == HD_TX_ACCESS_LIST   ? HD_FORK_BERLIN
                                             : tx->type == HD_TX_DYNAMIC_FEE ? HD_FORK_LONDON
                                                                             : HD_FORK_CANCUN);
    uint32_t parity = 0;
    *status = hd_tx_signed_check(&parity, &g, is_active, fork, chain_id);
    if (*status != HD_TX_SUCCESS)
        return HD_ADMIT_OK;
    hd_admit_signing_hash(&item->hash, &g, fields, fields_sz);
    item->r = g.r;
    item->s = g.s;
    item->parity = parity;
    return HD_ADMIT_OK;
}

#endif
