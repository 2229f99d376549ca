/* fuzz_asm.h - bytes to bytecode that gets somewhere: operands are pushed before each instruction,
   addresses are ones that exist, jumps land. Random bytecode alone mostly stops at once. */
#ifndef HD_FUZZ_ASM_H
#define HD_FUZZ_ASM_H

#include "fuzz.h"

/* The last bytes of the addresses that stand in a case's world; the others of the 20 are zero. */
#define HD_FUZZ_ADDR_A 0xa0u /* runs the first code */
#define HD_FUZZ_ADDR_B 0xb0u /* runs the second code */
#define HD_FUZZ_ADDR_COINBASE 0xc0u
#define HD_FUZZ_ADDR_DELEGATED 0xd0u /* to A, by EIP-7702 */
#define HD_FUZZ_ADDR_EMPTY 0xe0u     /* exists and is empty */
#define HD_FUZZ_ADDR_SENDER 0xf0u
#define HD_FUZZ_ADDR_STORAGE 0x5du /* has storage and nothing else */
#define HD_FUZZ_ADDR_NOBODY 0x99u

/* One of them, by the low three bits. */
uint8_t hd_fuzz_address(uint32_t choice);

/* hd_fuzz_assemble writes at most out_max bytes of code to out and returns how many. */
size_t hd_fuzz_assemble(uint8_t *out, size_t out_max, hd_fuzz_in in);

#endif
