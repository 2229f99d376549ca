/* fuzz_asm.c - bytes to bytecode that gets somewhere. */
#include "fuzz_asm.h"

#include "evm/hd_opcodes.h"

#define DEST_MAX 256u
#define STEP_SZ_MAX 512u /* more than any one instruction with its operands takes */

/* Bytes that are no instruction stand for a few that belong together. */
#define OP_COPY_CALLDATA 0x0cu
#define OP_COPY_CODE 0x0du
#define OP_COPY_B 0x0eu
#define OP_DEST 0x0fu

/* What an operand means decides which values are worth trying. */
typedef enum { ANY, SMALL, ADDRESS, GAS, DEST } operand_kind;

typedef struct {
    uint8_t *out;
    size_t out_max;
    size_t sz;
    hd_fuzz_in in;
    uint32_t depth; /* words on the stack if no jump was taken */
    uint32_t dest_cnt;
    uint32_t ahead_cnt;
    size_t dests[DEST_MAX]; /* offsets of JUMPDESTs */
    size_t ahead[DEST_MAX]; /* PUSH2 data that want the next JUMPDEST's offset */
} assembler;

uint8_t hd_fuzz_address(uint32_t choice) {
    static const uint8_t addresses[8] = {
        HD_FUZZ_ADDR_A,     HD_FUZZ_ADDR_B,      HD_FUZZ_ADDR_COINBASE, HD_FUZZ_ADDR_DELEGATED,
        HD_FUZZ_ADDR_EMPTY, HD_FUZZ_ADDR_SENDER, HD_FUZZ_ADDR_STORAGE,  HD_FUZZ_ADDR_NOBODY,
    };
    return addresses[choice & 7];
}

static void put(assembler *a, uint32_t byte) {
    if (a->sz < a->out_max)
        a->out[a->sz++] = (uint8_t)byte;
}

static void put_push1(assembler *a, uint32_t value) {
    put(a, HD_OP_PUSH1);
    put(a, value);
}

static void put_dest(assembler *a) {
    for (uint32_t i = 0; i < a->ahead_cnt; i++) {
        a->out[a->ahead[i]] = (uint8_t)(a->sz >> 8);
        a->out[a->ahead[i] + 1] = (uint8_t)a->sz;
    }
    a->ahead_cnt = 0;
    if (a->dest_cnt < DEST_MAX)
        a->dests[a->dest_cnt++] = a->sz;
    put(a, HD_OP_JUMPDEST);
}

static void put_any(assembler *a) {
    static const uint8_t sources[8] = {HD_OP_GAS,      HD_OP_CALLVALUE, HD_OP_CALLER,
                                       HD_OP_ADDRESS,  HD_OP_MSIZE,     HD_OP_CALLDATASIZE,
                                       HD_OP_CODESIZE, HD_OP_PC};
    uint32_t o = hd_fuzz_u8(&a->in);
    switch (o >> 5) {
    case 0: put_push1(a, o & 31); return;
    case 1: put_push1(a, (o & 31) << 3); return;
    case 2: put_push1(a, hd_fuzz_address(o)); return;
    case 3:
        put(a, HD_OP_PUSH2);
        put(a, o & 31);
        put(a, hd_fuzz_u8(&a->in));
        return;
    case 4: /* all ones, 1 to 32 bytes */
        put(a, HD_OP_PUSH1 + (o & 31));
        for (uint32_t i = 0; i <= (o & 31); i++)
            put(a, 0xff);
        return;
    case 5: /* a power of two: with 32 bytes and the high bit, the smallest negative number */
        put(a, HD_OP_PUSH1 + 2 * (o & 15) + 1);
        put(a, o & 16 ? 0x80 : 1);
        for (uint32_t i = 0; i < 2 * (o & 15) + 1; i++)
            put(a, 0);
        return;
    case 6: put(a, sources[o & 7]); return;
    default:
        if ((o & 15) < a->depth)
            put(a, HD_OP_DUP1 + (o & 15));
        else
            put_push1(a, 0);
        return;
    }
}

static void put_dest_operand(assembler *a) {
    uint32_t o = hd_fuzz_u8(&a->in);
    size_t dest = 0;
    if (o & 1 && a->dest_cnt)
        dest = a->dests[(o >> 1) % a->dest_cnt];
    else if (a->ahead_cnt < DEST_MAX)
        a->ahead[a->ahead_cnt++] = a->sz + 1;
    put(a, HD_OP_PUSH2);
    put(a, (uint32_t)(dest >> 8));
    put(a, (uint32_t)dest);
}

static void put_operand(assembler *a, operand_kind kind) {
    uint32_t next = a->in.sz ? a->in.data[0] : 0;
    switch (kind) {
    case SMALL:
        if (next >= 0xf8)
            break;
        hd_fuzz_u8(&a->in);
        if (next >= 0xf0)
            put(a, next & 1 ? HD_OP_MSIZE : HD_OP_CALLDATASIZE);
        else
            put_push1(a, next);
        return;
    case ADDRESS:
        if (next >= 0xe0)
            break;
        hd_fuzz_u8(&a->in);
        put_push1(a, next < 0x60 ? hd_fuzz_address(next) : next & 31);
        return;
    case GAS:
        if (next >= 0x80)
            break;
        hd_fuzz_u8(&a->in);
        put(a, HD_OP_GAS);
        return;
    case DEST: put_dest_operand(a); return;
    default: break;
    }
    put_any(a);
}

/* idx counts from the top of the stack. */
static operand_kind kind_of(uint32_t op, uint32_t idx) {
    switch (op) {
    case HD_OP_BALANCE:
    case HD_OP_EXTCODESIZE:
    case HD_OP_EXTCODEHASH:
    case HD_OP_SELFDESTRUCT: return ADDRESS;
    case HD_OP_EXTCODECOPY: return idx == 0 ? ADDRESS : SMALL;
    case HD_OP_KECCAK256:
    case HD_OP_CALLDATACOPY:
    case HD_OP_CODECOPY:
    case HD_OP_RETURNDATACOPY:
    case HD_OP_MCOPY:
    case HD_OP_RETURN:
    case HD_OP_REVERT:
    case HD_OP_CREATE:
    case HD_OP_SLOAD:
    case HD_OP_TLOAD:
    case HD_OP_MLOAD: return SMALL;
    case HD_OP_SSTORE:
    case HD_OP_TSTORE:
    case HD_OP_MSTORE:
    case HD_OP_MSTORE8: return idx == 0 ? SMALL : ANY;
    case HD_OP_LOG0:
    case HD_OP_LOG1:
    case HD_OP_LOG2:
    case HD_OP_LOG3:
    case HD_OP_LOG4: return idx < 2 ? SMALL : ANY;
    case HD_OP_CREATE2: return idx < 3 ? SMALL : ANY;
    case HD_OP_CALL:
    case HD_OP_CALLCODE:
    case HD_OP_DELEGATECALL:
    case HD_OP_STATICCALL: return idx == 0 ? GAS : idx == 1 ? ADDRESS : SMALL;
    case HD_OP_JUMP: return DEST;
    case HD_OP_JUMPI: return idx == 0 ? DEST : ANY;
    default: return ANY;
    }
}

static void words_of(uint32_t op, uint32_t *pops, uint32_t *pushes) {
    switch (op) {
#define HD_X(byte, name, gas, pop_cnt, push_cnt, fork) \
    case byte: \
        *pops = pop_cnt; \
        *pushes = push_cnt; \
        return;
        HD_EVM_OPS(HD_X)
#undef HD_X
    default: *pops = *pushes = 0; return;
    }
}

static int is_last(uint32_t op) {
    return op == HD_OP_STOP || op == HD_OP_RETURN || op == HD_OP_REVERT || op == HD_OP_INVALID ||
           op == HD_OP_SELFDESTRUCT || op == HD_OP_JUMP;
}

static void put_copy(assembler *a, uint32_t size_op, uint32_t copy_op) {
    put(a, size_op);
    put_push1(a, 0);
    put_push1(a, 0);
    put(a, copy_op);
}

static void put_step(assembler *a) {
    uint32_t op = hd_fuzz_u8(&a->in), pops, pushes;
    if (op >= HD_OP_PUSH1 && op <= HD_OP_PUSH32) {
        put(a, op);
        for (uint32_t i = HD_OP_PUSH1; i <= op; i++)
            put(a, hd_fuzz_u8(&a->in));
        a->depth++;
        return;
    }
    if (op >= HD_OP_DUP1 && op <= HD_OP_SWAP16) {
        uint32_t want = op < HD_OP_SWAP1 ? op - HD_OP_DUP1 + 1 : op - HD_OP_SWAP1 + 2;
        if (a->depth < want)
            return;
        put(a, op);
        a->depth += op < HD_OP_SWAP1;
        return;
    }
    switch (op) {
    case OP_COPY_CALLDATA: put_copy(a, HD_OP_CALLDATASIZE, HD_OP_CALLDATACOPY); return;
    case OP_COPY_CODE: put_copy(a, HD_OP_CODESIZE, HD_OP_CODECOPY); return;
    case OP_COPY_B:
        put_push1(a, HD_FUZZ_ADDR_B);
        put(a, HD_OP_EXTCODESIZE);
        put_push1(a, 0);
        put_push1(a, 0);
        put_push1(a, HD_FUZZ_ADDR_B);
        put(a, HD_OP_EXTCODECOPY);
        return;
    case OP_DEST:
    case HD_OP_JUMPDEST: put_dest(a); return;
    default: break;
    }
    words_of(op, &pops, &pushes);
    for (uint32_t idx = pops; idx-- > 0; a->depth++)
        put_operand(a, kind_of(op, idx));
    put(a, op);
    a->depth += pushes;
    a->depth -= pops;
    if (is_last(op)) { /* what follows is reached by a jump or not at all */
        a->depth = 0;
        put_dest(a);
    }
}

size_t hd_fuzz_assemble(uint8_t *out, size_t out_max, hd_fuzz_in in) {
    assembler a;
    memset(&a, 0, sizeof a);
    a.out = out;
    a.out_max = HD_MIN(out_max, 0xffffu); /* jumps are pushed as two bytes */
    a.in = in;
    while (a.in.sz && a.sz + STEP_SZ_MAX < a.out_max)
        put_step(&a);
    put_dest(&a);
    return a.sz;
}
