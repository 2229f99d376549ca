/* evm_asm.h - bytecode in tests: instructions appended one after the other. */
#ifndef EVM_ASM_H
#define EVM_ASM_H

#include <assert.h>
#include <string.h>

#include "evm/hd_evm.h"
#include "evm/hd_opcodes.h"

#define EVM_ASM_MAX 65536u

typedef struct {
    uint32_t sz;
    uint8_t b[EVM_ASM_MAX];
} evm_asm;

/* One of four pieces of code, emptied; large objects that no test wants on its stack. */
static inline evm_asm *asm_new(uint32_t idx) {
    static evm_asm pool[4];
    assert(idx < 4);
    pool[idx].sz = 0;
    return &pool[idx];
}

static inline void asm_bytes(evm_asm *a, const void *p, size_t sz) {
    assert(sz <= EVM_ASM_MAX - a->sz);
    if (sz)
        memcpy(a->b + a->sz, p, sz);
    a->sz += (uint32_t)sz;
}

static inline void asm_op(evm_asm *a, uint32_t op) {
    uint8_t b = (uint8_t)op;
    asm_bytes(a, &b, 1);
}

/* The shortest PUSH of a number; PUSH1 0 for zero, which every fork has. */
static inline void asm_push_word(evm_asm *a, hd_u256 x) {
    uint8_t b[32];
    uint32_t n = HD_MAX(hd_u256_byte_len(x), 1u);
    hd_u256_store_be(b, x);
    asm_op(a, HD_OP_PUSH1 - 1 + n);
    asm_bytes(a, b + 32 - n, n);
}

static inline void asm_push(evm_asm *a, uint64_t x) { asm_push_word(a, hd_u256_from_u64(x)); }

static inline void asm_push_addr(evm_asm *a, hd_address addr) {
    asm_op(a, HD_OP_PUSH20);
    asm_bytes(a, addr.b, 20);
}

/* Pushes x for an instruction that takes one word. */
static inline void asm_op1(evm_asm *a, uint32_t op, uint64_t x) {
    asm_push(a, x);
    asm_op(a, op);
}

/* Pushes y, then x, so that x is on top: MSTORE (offset, value), SSTORE (key, value), ... */
static inline void asm_op2(evm_asm *a, uint32_t op, uint64_t x, uint64_t y) {
    asm_push(a, y);
    asm_push(a, x);
    asm_op(a, op);
}

static inline void asm_op3(evm_asm *a, uint32_t op, uint64_t x, uint64_t y, uint64_t z) {
    asm_push(a, z);
    asm_push(a, y);
    asm_push(a, x);
    asm_op(a, op);
}

static inline void asm_sstore(evm_asm *a, uint64_t key, uint64_t value) {
    asm_op2(a, HD_OP_SSTORE, key, value);
}

/* The word on top of the stack to memory at off. */
static inline void asm_keep(evm_asm *a, uint64_t off) {
    asm_push(a, off);
    asm_op(a, HD_OP_MSTORE);
}

static inline void asm_return(evm_asm *a, uint64_t off, uint64_t sz) {
    asm_op2(a, HD_OP_RETURN, off, sz);
}

/* Returns the word on top of the stack. */
static inline void asm_return_top(evm_asm *a) {
    asm_keep(a, 0);
    asm_return(a, 0, 32);
}

typedef struct {
    uint64_t gas; /* 0: all there is */
    uint64_t value;
    uint64_t in_off, in_sz, out_off, out_sz;
} asm_call_args;

/* A call of any kind; leaves its success on the stack. */
static inline void asm_call(evm_asm *a, uint32_t op, hd_address to, asm_call_args c) {
    asm_push(a, c.out_sz);
    asm_push(a, c.out_off);
    asm_push(a, c.in_sz);
    asm_push(a, c.in_off);
    if (op == HD_OP_CALL || op == HD_OP_CALLCODE)
        asm_push(a, c.value);
    asm_push_addr(a, to);
    if (c.gas)
        asm_push(a, c.gas);
    else
        asm_op(a, HD_OP_GAS);
    asm_op(a, op);
}

/* Plain bytes to memory at off, 32 at a time; bytes up to the next multiple of 32 become zero. */
static inline void asm_mem(evm_asm *a, uint64_t off, const void *p, size_t sz) {
    for (size_t i = 0; i < sz; i += 32) {
        uint8_t w[32] = {0};
        memcpy(w, (const uint8_t *)p + i, HD_MIN(sz - i, (size_t)32));
        asm_push_word(a, hd_u256_load_be(w));
        asm_keep(a, off + i);
    }
}

/* Initcode that deploys `code`, put in front of it. */
static inline void asm_initcode(evm_asm *a, const void *code, size_t sz) {
    /* PUSH3 size, DUP1, PUSH1 13, PUSH1 0, CODECOPY, PUSH1 0, RETURN: 13 bytes. */
    uint8_t head[13] = {0x62,
                        (uint8_t)(sz >> 16),
                        (uint8_t)(sz >> 8),
                        (uint8_t)sz,
                        0x80,
                        0x60,
                        13,
                        0x60,
                        0,
                        0x39,
                        0x60,
                        0,
                        0xf3};
    asm_bytes(a, head, sizeof head);
    asm_bytes(a, code, sz);
}

/* Between the two stands what is measured; it must leave the stack as it was. What it cost, and 2
   for a GAS, is kept in memory at off. */
static inline void asm_measure(evm_asm *a) { asm_op(a, HD_OP_GAS); }

static inline void asm_measured(evm_asm *a, uint64_t off) {
    asm_op(a, HD_OP_GAS);
    asm_op(a, HD_OP_SWAP1);
    asm_op(a, HD_OP_SUB);
    asm_keep(a, off);
}

/* Addresses of tests: a small number in the last eight bytes. */
static inline hd_address addr_of(uint64_t x) {
    hd_address a;
    memset(&a, 0, sizeof a);
    hd_store_be64(a.b + 12, x);
    return a;
}

static inline hd_u256 addr_word(hd_address a) { return hd_u256_load_be_n(a.b, 20); }

#endif
