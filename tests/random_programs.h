/* random_programs.h - transactions and worlds made from a seed: programs whose stack mostly works
   out, that loop, jump, store, call each other and the precompiles, create, log, and sometimes
   fail. */
#ifndef RANDOM_PROGRAMS_H
#define RANDOM_PROGRAMS_H

#include "evm_asm.h"
#include "state/hd_state.h"

#define RANDOM_CONTRACT_CNT 4u
#define RANDOM_CODE_MAX 700u  /* bytes at which a program ends */
#define RANDOM_DATA_MAX 2048u /* bytes of a case's data */

typedef struct {
    uint64_t x;
    uint32_t fork; /* whose instructions are mostly used */
    uint32_t reserved;
} random_source;

typedef struct {
    hd_env env;
    hd_tx tx; /* its *_off count from the start of data */
    uint32_t data_sz;
    uint32_t reserved;
    uint8_t data[RANDOM_DATA_MAX];
} random_case;

static inline uint64_t random_u64(random_source *r) {
    r->x += 0x9e3779b97f4a7c15ull;
    return hd_mix64(r->x);
}

static inline uint32_t random_below(random_source *r, uint32_t n) {
    return (uint32_t)(((random_u64(r) >> 32) * n) >> 32);
}

static inline int random_is(random_source *r, uint32_t percent) {
    return random_below(r, 100) < percent;
}

static inline hd_address random_contract(uint32_t i) { return addr_of(0xc000 + i); }
static inline hd_address random_sender(void) { return addr_of(0xaaaa); }
static inline hd_address random_delegated(void) { return addr_of(0xde1e); }

/* Someone to call or look at. */
static inline hd_address random_addr(random_source *r) {
    switch (random_below(r, 12)) {
    case 0: return addr_of(1 + random_below(r, 18)); /* precompiles, and one that is none */
    case 1: return addr_of(random_is(r, 50) ? 4 : 2);
    case 2: return addr_of(random_is(r, 50) ? 5 : 0x100);
    case 3: return random_delegated();
    case 4: return random_sender();
    case 5: return addr_of(0xc01bc01b);                  /* the coinbase */
    case 6: return addr_of(0xee00 + random_below(r, 4)); /* empty or absent */
    case 7: return addr_of(random_u64(r));
    default: return random_contract(random_below(r, RANDOM_CONTRACT_CNT));
    }
}

static inline hd_u256 random_word(random_source *r) {
    switch (random_below(r, 12)) {
    case 0: return hd_u256_zero();
    case 1: return hd_u256_from_u64(1);
    case 2: return hd_u256_not(hd_u256_zero());
    case 3: return hd_u256_shl_bits(hd_u256_from_u64(1), random_below(r, 256));
    case 4:
        return hd_u256_sub(hd_u256_shl_bits(hd_u256_from_u64(1), random_below(r, 256)),
                           hd_u256_from_u64(1));
    case 5: return addr_word(random_addr(r));
    case 6: return hd_u256_make(random_u64(r), random_u64(r), random_u64(r), random_u64(r));
    case 7: return hd_u256_from_u64(random_u64(r));
    default: return hd_u256_from_u64(random_below(r, 300));
    }
}

/* A place in memory or a size: small as a rule, now and then far beyond any gas. */
static inline uint64_t random_off(random_source *r) {
    uint32_t k = random_below(r, 2000);
    if (k == 0)
        return random_u64(r);
    if (k == 1)
        return random_below(r, 1u << 31);
    if (k < 80)
        return random_below(r, 20000);
    return random_below(r, k < 600 ? 33 : 400);
}

/* Whether an instruction may be used: rarely, one that the fork does not know. */
static inline int random_has(random_source *r, uint32_t op) {
    uint32_t first = 0;
    switch (op) {
#define HD_X(byte, name, gas, pops, pushes, fork) \
    case byte: first = fork; break;
        HD_EVM_OPS(HD_X)
#undef HD_X
    default: break;
    }
    return r->fork >= first || random_below(r, 200) == 0;
}

/* ---- code ---- */
static inline void random_code(evm_asm *a, random_source *r, uint32_t sz_max, uint32_t level);

/* Instructions that take words and give one, without effects. */
static inline void random_plain(evm_asm *a, random_source *r, int32_t *depth) {
    static const struct {
        uint8_t op, pops;
    } ops[] = {{HD_OP_ADD, 2},    {HD_OP_MUL, 2},  {HD_OP_SUB, 2},        {HD_OP_DIV, 2},
               {HD_OP_SDIV, 2},   {HD_OP_MOD, 2},  {HD_OP_SMOD, 2},       {HD_OP_ADDMOD, 3},
               {HD_OP_MULMOD, 3}, {HD_OP_EXP, 2},  {HD_OP_SIGNEXTEND, 2}, {HD_OP_LT, 2},
               {HD_OP_GT, 2},     {HD_OP_SLT, 2},  {HD_OP_SGT, 2},        {HD_OP_EQ, 2},
               {HD_OP_ISZERO, 1}, {HD_OP_AND, 2},  {HD_OP_OR, 2},         {HD_OP_XOR, 2},
               {HD_OP_NOT, 1},    {HD_OP_BYTE, 2}, {HD_OP_SHL, 2},        {HD_OP_SHR, 2},
               {HD_OP_SAR, 2},    {HD_OP_CLZ, 1}};
    uint32_t k = random_below(r, sizeof ops / sizeof *ops);
    if (!random_has(r, ops[k].op))
        k = 0;
    while (*depth < ops[k].pops || random_is(r, 20)) {
        asm_push_word(a, random_word(r));
        (*depth)++;
    }
    asm_op(a, ops[k].op);
    *depth += 1 - ops[k].pops;
}

/* Instructions that push something of the environment. */
static inline void random_env(evm_asm *a, random_source *r) {
    static const uint8_t ops[] = {
        HD_OP_ADDRESS,  HD_OP_ORIGIN,       HD_OP_CALLER,      HD_OP_CALLVALUE,
        HD_OP_CODESIZE, HD_OP_CALLDATASIZE, HD_OP_GASPRICE,    HD_OP_RETURNDATASIZE,
        HD_OP_COINBASE, HD_OP_TIMESTAMP,    HD_OP_NUMBER,      HD_OP_DIFFICULTY,
        HD_OP_GASLIMIT, HD_OP_CHAINID,      HD_OP_SELFBALANCE, HD_OP_BASEFEE,
        HD_OP_PC,       HD_OP_BLOBBASEFEE,  HD_OP_MSIZE,       HD_OP_GAS,
        HD_OP_PUSH0};
    uint8_t op = ops[random_below(r, sizeof ops)];
    asm_op(a, random_has(r, op) ? op : HD_OP_GAS);
}

/* Instructions with an operand that is pushed here, which leave one word. */
static inline void random_reader(evm_asm *a, random_source *r) {
    static const uint8_t ops[] = {
        HD_OP_BALANCE, HD_OP_EXTCODESIZE, HD_OP_EXTCODEHASH,  HD_OP_SLOAD, HD_OP_SLOAD,
        HD_OP_TLOAD,   HD_OP_BLOCKHASH,   HD_OP_CALLDATALOAD, HD_OP_MLOAD, HD_OP_BLOBHASH};
    uint8_t op = ops[random_below(r, sizeof ops)];
    if (!random_has(r, op))
        op = HD_OP_SLOAD;
    if (op == HD_OP_BALANCE || op == HD_OP_EXTCODESIZE || op == HD_OP_EXTCODEHASH)
        asm_push_addr(a, random_addr(r));
    else if (op == HD_OP_SLOAD || op == HD_OP_TLOAD)
        asm_push(a, random_below(r, 6));
    else if (op == HD_OP_BLOCKHASH)
        asm_push(a, 1000 - random_below(r, 300) + 2);
    else if (op == HD_OP_BLOBHASH)
        asm_push(a, random_below(r, 3));
    else
        asm_push(a, random_off(r));
    asm_op(a, op);
}

/* Instructions whose operands are all pushed here, which leave nothing. */
static inline void random_writer(evm_asm *a, random_source *r) {
    uint32_t k = random_below(r, 15);
    if (k < 4) {
        asm_sstore(a, random_below(r, 6), random_below(r, 3));
    } else if (k == 4 && random_has(r, HD_OP_TSTORE)) {
        asm_op2(a, HD_OP_TSTORE, random_below(r, 6), random_below(r, 3));
    } else if (k > 4 && k < 8) {
        asm_push_word(a, random_word(r));
        asm_push(a, random_off(r));
        asm_op(a, random_is(r, 70) ? HD_OP_MSTORE : HD_OP_MSTORE8);
    } else if (k > 4 && k < 10) {
        uint32_t topic_cnt = random_below(r, 5);
        for (uint32_t i = 0; i < topic_cnt; i++)
            asm_push_word(a, random_word(r));
        asm_op2(a, HD_OP_LOG0 + topic_cnt, random_off(r), random_off(r));
    } else if (k <= 10) {
        asm_push(a, random_off(r));
        asm_push(a, random_off(r));
        asm_push(a, random_off(r));
        asm_push_addr(a, random_addr(r));
        asm_op(a, HD_OP_EXTCODECOPY);
    } else {
        static const uint8_t ops[] = {HD_OP_CALLDATACOPY, HD_OP_CODECOPY, HD_OP_MCOPY,
                                      HD_OP_RETURNDATACOPY};
        uint8_t op = ops[k - 11];
        if (!random_has(r, op))
            op = HD_OP_CODECOPY;
        uint64_t sz = op == HD_OP_RETURNDATACOPY ? random_below(r, 33) : random_off(r);
        if (op == HD_OP_RETURNDATACOPY && random_is(r, 95)) { /* exactly what there is */
            asm_op(a, HD_OP_RETURNDATASIZE);
            asm_push(a, 0);
            asm_push(a, random_below(r, 64));
            asm_op(a, op);
        } else {
            asm_op3(a, op, random_off(r), random_off(r), sz);
        }
    }
}

static inline void random_call(evm_asm *a, random_source *r) {
    static const uint8_t ops[] = {HD_OP_CALL, HD_OP_CALL, HD_OP_CALLCODE, HD_OP_DELEGATECALL,
                                  HD_OP_STATICCALL};
    uint8_t op = ops[random_below(r, sizeof ops)];
    if (!random_has(r, op))
        op = HD_OP_CALL;
    asm_call_args args = {.gas = random_is(r, 15) && r->fork >= HD_FORK_TANGERINE
                                     ? 0
                                     : 1 + random_below(r, random_is(r, 50) ? 3000 : 30000),
                          .value = random_is(r, 70) ? 0 : random_below(r, 20),
                          .in_off = random_off(r),
                          .in_sz = random_off(r),
                          .out_off = random_off(r),
                          .out_sz = random_off(r)};
    asm_call(a, op, random_addr(r), args);
}

/* A creation; leaves the new address, sometimes calls it. */
static inline void random_create(evm_asm *a, random_source *r, uint32_t level) {
    static evm_asm body[3], init[3];
    int is_create2 = random_is(r, 50) && random_has(r, HD_OP_CREATE2);
    uint64_t sz = 0;
    if (level < 2 && random_is(r, 80)) {
        evm_asm *b = &body[level], *i = &init[level];
        b->sz = i->sz = 0;
        random_code(b, r, 60, level + 1);
        if (random_is(r, 60))
            asm_initcode(i, b->b, b->sz);
        else
            asm_bytes(i, b->b, b->sz);
        asm_mem(a, 0, i->b, i->sz);
        sz = i->sz;
    } else {
        sz = random_off(r);
    }
    if (is_create2)
        asm_push(a, random_below(r, 2));
    asm_push(a, sz);
    asm_push(a, 0);
    asm_push(a, random_is(r, 70) ? 0 : random_below(r, 20));
    asm_op(a, is_create2 ? HD_OP_CREATE2 : HD_OP_CREATE);
    if (random_is(r, 40)) {
        for (uint32_t i = 0; i < 5; i++)
            asm_push(a, 0);
        asm_op(a, HD_OP_DUP1 + 5);
        asm_op(a, HD_OP_GAS);
        asm_op(a, HD_OP_CALL);
        asm_op(a, HD_OP_ADD);
    }
}

static inline void random_end(evm_asm *a, random_source *r) {
    switch (random_below(r, 10)) {
    case 0: asm_op(a, HD_OP_STOP); break;
    case 1:
    case 5:
        if (random_has(r, HD_OP_REVERT))
            asm_op2(a, HD_OP_REVERT, random_off(r), random_off(r));
        break;
    case 2:
        asm_push_addr(a, random_addr(r));
        asm_op(a, HD_OP_SELFDESTRUCT);
        break;
    case 3: asm_op(a, random_is(r, 30) ? HD_OP_INVALID : HD_OP_STOP); break;
    case 4: break; /* runs off the end of the code */
    default: asm_op2(a, HD_OP_RETURN, random_off(r), random_off(r)); break;
    }
}

/* A stretch of instructions that leaves `depth` words as it found it, at least. */
static inline void random_stretch(evm_asm *a, random_source *r, int32_t *depth, uint32_t end_sz,
                                  uint32_t level) {
    while (a->sz < end_sz) {
        uint32_t k = random_below(r, 100);
        if (k < 22) {
            random_plain(a, r, depth);
        } else if (k < 32) {
            random_env(a, r);
            (*depth)++;
        } else if (k < 46) {
            random_reader(a, r);
            (*depth)++;
        } else if (k < 66) {
            random_writer(a, r);
        } else if (k < 76) {
            random_call(a, r);
            (*depth)++;
        } else if (k < 79) {
            random_create(a, r, level);
            (*depth)++;
        } else if (k < 82) {
            asm_op2(a, HD_OP_KECCAK256, random_off(r), random_off(r));
            (*depth)++;
        } else if (k < 92 && *depth > 0) {
            uint32_t n = random_below(r, (uint32_t)HD_MIN(*depth, 16)); /* DUP or SWAP or POP */
            if (random_is(r, 50) || n == 0) {
                asm_op(a, HD_OP_DUP1 + n);
                (*depth)++;
            } else {
                asm_op(a, HD_OP_SWAP1 + n - 1);
            }
        } else if (k < 96 && *depth > 0) {
            asm_op(a, HD_OP_POP);
            (*depth)--;
        } else if (k == 99 && random_is(r, 8)) { /* anything at all */
            asm_op(a, random_below(r, 256));
        } else {
            asm_push_word(a, random_word(r));
            (*depth)++;
        }
        /* Below the EVM's own limit, which a loop may still reach. */
        while (*depth > 200) {
            asm_op(a, HD_OP_POP);
            (*depth)--;
        }
    }
}

/* Code of about sz_max bytes: stretches, some of them in loops or jumped over. */
static inline void random_code(evm_asm *a, random_source *r, uint32_t sz_max, uint32_t level) {
    int32_t depth = 0;
    uint32_t end = a->sz + 1 + random_below(r, sz_max);
    while (a->sz < end) {
        uint32_t part = a->sz + 1 + random_below(r, 80);
        uint32_t k = random_below(r, 10);
        if (k < 3) { /* a loop: its counter lies below the stretch's words */
            asm_push(a, 1 + random_below(r, random_is(r, 20) ? 200 : 6));
            uint32_t top = a->sz;
            int32_t before = depth;
            asm_op(a, HD_OP_JUMPDEST);
            depth = 0;
            random_stretch(a, r, &depth, part, level);
            if (random_is(r, 97)) /* else the stack grows, or underflows, turn by turn */
                for (; depth > 0; depth--)
                    asm_op(a, HD_OP_POP);
            asm_push(a, 1);
            asm_op(a, HD_OP_SWAP1);
            asm_op(a, HD_OP_SUB);
            asm_op(a, HD_OP_DUP1);
            asm_push(a, top);
            asm_op(a, HD_OP_JUMPI);
            asm_op(a, HD_OP_POP);
            depth = before;
        } else if (k < 6) { /* jumps over a stretch or not, by a word that the program computed */
            if (depth == 0) {
                asm_op(a, HD_OP_GAS);
                depth++;
            }
            asm_op(a, HD_OP_PUSH2);
            uint32_t at = a->sz;
            asm_bytes(a, "\0\0", 2);
            asm_op(a, HD_OP_JUMPI);
            depth--;
            int32_t inner = 0;
            random_stretch(a, r, &inner, part, level);
            for (; inner > 0; inner--)
                asm_op(a, HD_OP_POP);
            uint32_t to = a->sz;
            asm_op(a, random_is(r, 98) ? HD_OP_JUMPDEST : HD_OP_PC);
            a->b[at] = (uint8_t)(to >> 8);
            a->b[at + 1] = (uint8_t)to;
        } else {
            random_stretch(a, r, &depth, part, level);
        }
    }
    random_end(a, r);
}

/* ---- a whole case ---- */
static inline uint64_t random_data_put(random_case *c, const void *p, size_t sz) {
    uint64_t at = c->data_sz;
    assert(sz <= RANDOM_DATA_MAX - 8 - c->data_sz);
    if (sz)
        memcpy(c->data + at, p, sz);
    c->data_sz = (uint32_t)(at + sz + 7) & ~7u;
    return at;
}

static inline void random_access(random_case *c, random_source *r) {
    uint8_t b[6 * (24 + 3 * 32)];
    uint32_t sz = 0, cnt = random_below(r, 5);
    for (uint32_t i = 0; i < cnt; i++) {
        hd_address a = random_addr(r);
        uint32_t keys = random_below(r, 4);
        memcpy(b + sz, a.b, 20);
        hd_store_le32(b + sz + 20, keys);
        sz += 24;
        for (uint32_t k = 0; k < keys; k++, sz += 32)
            hd_u256_store_be(b + sz, hd_u256_from_u64(random_below(r, 8)));
        c->tx.access_key_cnt += keys;
    }
    c->tx.access_cnt = cnt;
    c->tx.access_sz = sz;
    c->tx.access_off = random_data_put(c, b, sz);
}

static inline void random_auths(random_case *c, random_source *r) {
    uint32_t cnt = 1 + random_below(r, 4);
    for (uint32_t i = 0; i < cnt; i++) {
        hd_auth a;
        memset(&a, 0, sizeof a);
        a.chain_id = hd_u256_from_u64(random_below(r, 8) ? 1 : random_below(r, 3));
        a.nonce = random_below(r, 2);
        a.address = random_is(r, 15) ? addr_of(0) : random_addr(r);
        a.authority = random_addr(r);
        a.flags = random_is(r, 90) ? HD_AUTH_SIGNER : 0;
        uint64_t at = random_data_put(c, &a, sizeof a);
        if (i == 0)
            c->tx.auth_off = at;
    }
    c->tx.auth_cnt = cnt;
}

static inline void random_tx(random_case *c, random_source *r) {
    static evm_asm init;
    uint8_t data[600];
    hd_tx *tx = &c->tx;
    uint32_t fork = c->env.fork;
    tx->sender = random_sender();
    tx->gas_limit = 53000 + random_below(r, random_is(r, 10) ? 40000 : 2000000);
    tx->gas_price = tx->priority_fee = hd_u256_from_u64(7 + random_below(r, 10));
    tx->value_wei = hd_u256_from_u64(random_is(r, 50) ? 0 : random_below(r, 1000));
    tx->chain_id = random_is(r, 50);
    uint32_t sz = random_below(r, random_is(r, 50) ? 70 : sizeof data);
    for (uint32_t i = 0; i < sz; i++)
        data[i] = random_is(r, 40) ? 0 : (uint8_t)random_u64(r);
    tx->to = random_contract(random_below(r, RANDOM_CONTRACT_CNT));
    if (random_is(r, 8)) {
        tx->to = random_addr(r);
    } else if (random_is(r, 15)) {
        init.sz = 0;
        random_code(&init, r, 300, 0);
        sz = HD_MIN(init.sz, (uint32_t)sizeof data);
        memcpy(data, init.b, sz);
        tx->flags = HD_TX_CREATE;
        memset(&tx->to, 0, sizeof tx->to);
    }
    tx->data_off = random_data_put(c, data, sz);
    tx->data_sz = sz;
    tx->type = random_below(r, 5);
    if (tx->type >= HD_TX_ACCESS_LIST && fork < HD_FORK_BERLIN)
        tx->type = random_is(r, 98) ? HD_TX_LEGACY : tx->type;
    else if (tx->type >= HD_TX_DYNAMIC_FEE && fork < HD_FORK_CANCUN)
        tx->type = HD_TX_ACCESS_LIST;
    else if (tx->type == HD_TX_SET_CODE && fork < HD_FORK_PRAGUE)
        tx->type = HD_TX_BLOB;
    if (tx->type >= HD_TX_BLOB && (tx->flags & HD_TX_CREATE))
        tx->type = HD_TX_DYNAMIC_FEE;
    if (tx->type >= HD_TX_ACCESS_LIST)
        random_access(c, r);
    if (tx->type >= HD_TX_DYNAMIC_FEE)
        tx->priority_fee = hd_u256_from_u64(random_below(r, 7));
    if (tx->type == HD_TX_BLOB) {
        uint8_t hashes[64];
        for (uint32_t i = 0; i < 64; i++)
            hashes[i] = i % 32 ? (uint8_t)random_u64(r) : 1;
        tx->blob_cnt = 1 + random_below(r, 2);
        tx->blob_off = random_data_put(c, hashes, sizeof hashes);
        tx->blob_fee = hd_u256_from_u64(5);
    }
    if (tx->type == HD_TX_SET_CODE)
        random_auths(c, r);
}

/* Fills *c and the empty state s from a seed. HD_ERR_NOMEM. */
static inline hd_err random_case_make(random_case *c, hd_state *s, uint64_t seed) {
    static evm_asm code;
    random_source r = {hd_mix64(seed), 0, 0};
    hd_err err = HD_OK;
    memset(c, 0, sizeof *c);
    c->env.fork =
        random_below(&r, 3) ? HD_FORK_OSAKA - random_below(&r, 3) : random_below(&r, HD_FORK_CNT);
    r.fork = c->env.fork;
    c->env.number = 1000;
    c->env.timestamp = 1700000000;
    c->env.gas_limit = 30000000;
    c->env.chain_id = 1;
    c->env.coinbase = random_is(&r, 90) ? addr_of(0xc01bc01b) : random_contract(0);
    c->env.difficulty = hd_u256_from_u64(random_u64(&r));
    c->env.base_fee = hd_u256_from_u64(c->env.fork >= HD_FORK_LONDON ? 7 : 0);
    c->env.blob_base_fee = hd_u256_from_u64(c->env.fork >= HD_FORK_CANCUN ? 5 : 0);
    c->env.blob_cnt_max = 6;
    for (uint32_t i = 0; err == HD_OK && i < RANDOM_CONTRACT_CNT; i++) {
        hd_address a = random_contract(i);
        code.sz = 0;
        random_code(&code, &r, RANDOM_CODE_MAX, 0);
        err = hd_state_set(s, &a, 1, hd_u256_from_u64(random_below(&r, 100)), code.b, code.sz);
        for (uint32_t k = 0; err == HD_OK && k < 4; k++)
            err = hd_state_set_slot(s, &a, hd_u256_from_u64(random_below(&r, 6)),
                                    hd_u256_from_u64(random_below(&r, 3)));
    }
    hd_address sender = random_sender(), delegated = random_delegated(), empty = addr_of(0xee00);
    uint8_t designator[23] = {0xef, 0x01, 0x00};
    hd_address target = random_addr(&r);
    memcpy(designator + 3, target.b, 20);
    if (err == HD_OK)
        err = hd_state_set(s, &sender, 0, hd_u256_shl_bits(hd_u256_from_u64(1), 80), NULL, 0);
    if (err == HD_OK && c->env.fork >= HD_FORK_PRAGUE)
        err = hd_state_set(s, &delegated, random_below(&r, 2), hd_u256_zero(), designator, 23);
    if (err == HD_OK && c->env.fork < HD_FORK_PARIS)
        err = hd_state_set(s, &empty, 0, hd_u256_zero(), NULL, 0);
    random_tx(c, &r);
    return err;
}

/* The block hash of every number, for hd_batch.blockhash. */
static inline hd_err random_blockhash(void *ctx, hd_hash *out, uint32_t world_idx,
                                      uint64_t number) {
    (void)ctx;
    (void)world_idx;
    for (uint32_t i = 0; i < 32; i++)
        out->b[i] = (uint8_t)(number * 31 + i);
    return HD_OK;
}

#endif
