/* fuzz_world.c - the little world in which the targets' transactions run. */
#include "fuzz_world.h"

#include "crypto/hd_keccak.h"
#include "evm/hd_opcodes.h"

hd_address hd_fuzz_addr(uint8_t last) {
    hd_address a = {{0}};
    a.b[19] = last;
    return a;
}

static void set(hd_state *state, uint8_t last, uint64_t nonce, uint64_t wei, const uint8_t *code,
                size_t code_sz) {
    hd_address a = hd_fuzz_addr(last);
    HD_FUZZ_CHECK(hd_state_set(state, &a, nonce, hd_u256_from_u64(wei), code, code_sz) == HD_OK);
}

static void set_slot(hd_state *state, uint8_t last, uint64_t key, uint64_t value) {
    hd_address a = hd_fuzz_addr(last);
    HD_FUZZ_CHECK(hd_state_set_slot(state, &a, hd_u256_from_u64(key), hd_u256_from_u64(value)) ==
                  HD_OK);
}

/* The contract that A makes first has something there already. */
static void set_collision(hd_state *state, uint32_t how) {
    uint8_t list[23] = {0xd6, 0x94}, hash[32]; /* RLP of [A, 1] */
    static const uint8_t code[1] = {HD_OP_STOP};
    hd_address a;
    list[21] = HD_FUZZ_ADDR_A;
    list[22] = 1;
    hd_keccak256(hash, list, sizeof list);
    memcpy(a.b, hash + 12, sizeof a.b);
    HD_FUZZ_CHECK(hd_state_set(state, &a, 0, hd_u256_from_u64(how == 1), code, how == 3) == HD_OK);
    if (how == 2)
        HD_FUZZ_CHECK(hd_state_set_slot(state, &a, hd_u256_from_u64(1), hd_u256_from_u64(1)) ==
                      HD_OK);
}

void hd_fuzz_world_make(hd_state *state, uint32_t fork, uint32_t flags, uint32_t collision,
                        const hd_fuzz_codes *codes) {
    uint8_t delegation[23] = {0xef, 0x01, 0x00};
    delegation[22] = HD_FUZZ_ADDR_A;
    hd_state_reset(state);
    set(state, HD_FUZZ_ADDR_SENDER, 0, flags & HD_FUZZ_WORLD_POOR ? 10500000 : 1000000000000000000,
        NULL, 0);
    set(state, HD_FUZZ_ADDR_A, 1, 1000, codes->a, codes->a_sz);
    set(state, HD_FUZZ_ADDR_B, 1, 7, codes->b, codes->b_sz);
    set(state, HD_FUZZ_ADDR_EMPTY, 0, 0, NULL, 0);
    set(state, HD_FUZZ_ADDR_STORAGE, 0, 0, NULL, 0);
    set_slot(state, HD_FUZZ_ADDR_STORAGE, 0, 1);
    if (fork >= HD_FORK_PRAGUE)
        set(state, HD_FUZZ_ADDR_DELEGATED, 1, 50, delegation, sizeof delegation);
    if (flags & HD_FUZZ_WORLD_STORAGE)
        for (uint64_t key = 0; key < 4; key++)
            set_slot(state, HD_FUZZ_ADDR_A, key, key + 1);
    if (collision)
        set_collision(state, collision);
}

hd_err hd_fuzz_blockhash(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number) {
    (void)ctx;
    (void)world_idx;
    memset(out, 0, sizeof *out);
    hd_store_be64(out->b, number * 0x9e3779b97f4a7c15ull);
    return HD_OK;
}
