/* fuzz_world.h - the little world in which the targets' transactions run. */
#ifndef HD_FUZZ_WORLD_H
#define HD_FUZZ_WORLD_H

#include "fuzz.h"
#include "fuzz_asm.h"
#include "state/hd_state.h"

#define HD_FUZZ_CODE_MAX 4096u

/* Two contracts' code. */
typedef struct {
    uint8_t a[HD_FUZZ_CODE_MAX], b[HD_FUZZ_CODE_MAX];
    size_t a_sz, b_sz;
} hd_fuzz_codes;

#define HD_FUZZ_WORLD_STORAGE 1u /* A has four slots */
#define HD_FUZZ_WORLD_POOR 2u    /* the sender can hardly pay for gas */

/* An address whose last byte is given, zero elsewhere. */
hd_address hd_fuzz_addr(uint8_t last);

/* hd_fuzz_world_make fills the emptied state with the accounts that fuzz_asm.h names. collision, 1
   to 3, puts something where A's first contract goes: ether, a slot, code; 0 does not. */
void hd_fuzz_world_make(hd_state *state, uint32_t fork, uint32_t flags, uint32_t collision,
                        const hd_fuzz_codes *codes);

/* The hash of any block. */
hd_err hd_fuzz_blockhash(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number);

#endif
