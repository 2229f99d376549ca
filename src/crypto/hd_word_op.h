/* hd_word_op.h - the EVM's two-operand word instructions by opcode, so that official vectors can be
   run on host and device without an interpreter around them. */
#ifndef HD_WORD_OP_H
#define HD_WORD_OP_H

#include "base/hd_base.h"
#include "crypto/hd_u256.h"

/* hd_word_op_is_known tells whether opcode op takes two words and gives one from them alone. */
HD_INL int hd_word_op_is_known(uint32_t op) {
    return (op >= 0x01 && op <= 0x07) || op == 0x0a || op == 0x0b || (op >= 0x10 && op <= 0x14) ||
           (op >= 0x16 && op <= 0x18) || (op >= 0x1a && op <= 0x1d);
}

/* hd_word_op gives the result of op with `top` on top of the stack and `second` under it; zero for
   an opcode that hd_word_op_is_known refuses. */
HD_NOINL hd_u256 hd_word_op(uint32_t op, hd_u256 top, hd_u256 second) {
    switch (op) {
    case 0x01: return hd_u256_add(top, second);
    case 0x02: return hd_u256_mul(top, second);
    case 0x03: return hd_u256_sub(top, second);
    case 0x04: return hd_u256_div(top, second);
    case 0x05: return hd_u256_sdiv(top, second);
    case 0x06: return hd_u256_mod(top, second);
    case 0x07: return hd_u256_smod(top, second);
    case 0x0a: return hd_u256_exp(top, second);
    case 0x0b: return hd_u256_signextend(top, second);
    case 0x10: return hd_u256_from_u64((uint64_t)hd_u256_lt(top, second));
    case 0x11: return hd_u256_from_u64((uint64_t)hd_u256_lt(second, top));
    case 0x12: return hd_u256_from_u64((uint64_t)hd_u256_slt(top, second));
    case 0x13: return hd_u256_from_u64((uint64_t)hd_u256_slt(second, top));
    case 0x14: return hd_u256_from_u64((uint64_t)hd_u256_is_equal(top, second));
    case 0x16: return hd_u256_and(top, second);
    case 0x17: return hd_u256_or(top, second);
    case 0x18: return hd_u256_xor(top, second);
    case 0x1a: return hd_u256_byte(top, second);
    case 0x1b: return hd_u256_shl(top, second);
    case 0x1c: return hd_u256_shr(top, second);
    case 0x1d: return hd_u256_sar(top, second);
    default: return hd_u256_zero();
    }
}

#endif
