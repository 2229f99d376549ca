/* random_blocks.h - blocks made from a seed whose transactions meet in accounts, slots, code and
   fees as often as the seed wants, with what plain serial execution makes of them. */
#ifndef RANDOM_BLOCKS_H
#define RANDOM_BLOCKS_H

#include <stdlib.h>

#include "base/hd_buf.h"
#include "crypto/hd_keccak.h"
#include "exec/hd_block_rules.h"
#include "exec/hd_exec_ordered.h"
#include "random_programs.h"

#define BLOCK_TX_MAX 256u
#define BLOCK_POOL_MAX 400u
#define BLOCK_ENV_MAX 3u
#define BLOCK_CHILD_SALTS 4u

/* What all ways of running a transaction must agree on. */
typedef struct {
    uint64_t gas_used;
    uint32_t status;
    uint32_t error;
    hd_hash rest; /* refund, created address, logs and output */
} block_outcome;

/* What the transactions of many blocks came to: a generator whose transactions are all refused, or
   never meet, would prove little. */
typedef struct {
    uint64_t block_cnt, tx_cnt, success_cnt, revert_cnt, halt_cnt, refused_cnt, gas;
    uint64_t log_cnt, created_cnt, deleted_cnt, code_cnt;
} block_tally;

typedef struct {
    random_source r;
    uint64_t seed;
    uint32_t fork;
    uint32_t pool_cnt;     /* accounts that send and are sent to */
    uint32_t slot_cnt;     /* slots that contracts are asked to use */
    uint32_t hot_percent;  /* of choices that fall on the first of their kind */
    uint32_t sums_percent; /* of calls that go to programs of sums, beside what falls on them */
    /* The caller's, instead of what the seed says; 0: the seed's. */
    uint32_t fixed_pool, fixed_slots, fixed_hot; /* fixed_hot: percent + 1 */
    uint32_t tx_cnt;
    uint32_t env_cnt;
    hd_state *first; /* before the block */
    hd_state *last;  /* after it, serially */
    hd_hash root;    /* of last */
    hd_env envs[BLOCK_ENV_MAX];
    hd_tx txs[BLOCK_TX_MAX];
    block_outcome outcomes[BLOCK_TX_MAX];
    hd_buf data;
    hd_exec *x; /* host, one thread */
    hd_results results;
    uint64_t known_number; /* the only block whose hash is known; 0: all are */
} random_block;

/* ---- contracts: each takes words w0, w1, w2 of calldata */

enum {
    BLOCK_COUNTER,  /* slots[w0] += 1, logs what was there */
    BLOCK_TOKEN,    /* moves w1 from the caller's slot to slot w0, or reverts */
    BLOCK_BRANCH,   /* clears slot w0 and sets w1, or sets w0: gas and refund hang on it */
    BLOCK_SEND,     /* pays w1 to the account w0, notes whether it could */
    BLOCK_CREATE2,  /* salt w0, value w1; calls the child with (w0, w2, w1) */
    BLOCK_CREATE,   /* the same with CREATE */
    BLOCK_CHILD_A,  /* slots[w0] += 1; where w1 is not zero destroys itself in favour of w2 */
    BLOCK_CHILD_B,  /* the same code */
    BLOCK_READER,   /* stores what there is to know about account w0, and the coinbase's balance */
    BLOCK_REVERTER, /* slots[w0] = slots[w1] + 1, then reverts where slots[w1] is odd */
    BLOCK_TRY,      /* calls BLOCK_REVERTER with its own calldata, notes how it ended in slot w2 */
    BLOCK_KEEPER,   /* transient storage */
    BLOCK_BURNER,   /* loops slots[w0] % 256 times, then changes the slot */
    BLOCK_FORWARD,  /* delegates to the account w0, gives it the words w1, w2 and 1 */
    BLOCK_SUMS_A,   /* random programs of sums and comparisons of slots, see block_sums */
    BLOCK_SUMS_B,
    BLOCK_SUMS_C,
    BLOCK_CONTRACT_CNT
};

static inline hd_address block_contract(uint32_t i) { return addr_of(0xb000 + i); }
static inline hd_address block_coinbase(void) { return addr_of(0xc01bc01b); }

static inline hd_address block_account(uint32_t i) {
    return i == 0 ? random_sender() : i == 1 ? random_delegated() : addr_of(0xac000000u + i);
}

static inline void block_word(evm_asm *a, uint32_t i) {
    asm_push(a, 32 * i);
    asm_op(a, HD_OP_CALLDATALOAD);
}

/* slots[w(i)] */
static inline void block_load(evm_asm *a, uint32_t i) {
    block_word(a, i);
    asm_op(a, HD_OP_SLOAD);
}

static inline void block_add1(evm_asm *a) {
    asm_push(a, 1);
    asm_op(a, HD_OP_ADD);
}

/* A conditional jump whose target block_land sets. */
static inline uint32_t block_jump_if(evm_asm *a) {
    asm_op(a, HD_OP_PUSH2);
    asm_bytes(a, "\0\0", 2);
    asm_op(a, HD_OP_JUMPI);
    return a->sz - 3;
}

static inline void block_land(evm_asm *a, uint32_t at) {
    a->b[at] = (uint8_t)(a->sz >> 8);
    a->b[at + 1] = (uint8_t)a->sz;
    asm_op(a, HD_OP_JUMPDEST);
}

static inline void block_child_code(evm_asm *a) {
    block_load(a, 0);
    block_add1(a);
    block_word(a, 0);
    asm_op(a, HD_OP_SSTORE);
    block_word(a, 1);
    uint32_t at = block_jump_if(a);
    asm_op(a, HD_OP_STOP);
    block_land(a, at);
    block_word(a, 2);
    asm_op(a, HD_OP_SELFDESTRUCT);
}

/* Initcode that sets slot 1, so that a destroyed and repeated creation shows what is left of the
   storage, and deploys the child. */
static inline void block_child_init(evm_asm *a) {
    static evm_asm child;
    child.sz = 0;
    block_child_code(&child);
    asm_push(a, 1);
    asm_op(a, HD_OP_SLOAD);
    block_add1(a);
    asm_push(a, 1);
    asm_op(a, HD_OP_SSTORE);
    asm_mem(a, 0, child.b, child.sz);
    asm_return(a, 0, child.sz);
}

static inline void block_factory(evm_asm *a, int is_create2) {
    static evm_asm init;
    init.sz = 0;
    block_child_init(&init);
    asm_mem(a, 0, init.b, init.sz);
    if (is_create2)
        block_word(a, 0);
    asm_push(a, init.sz);
    asm_push(a, 0);
    block_word(a, 1);
    asm_op(a, is_create2 ? HD_OP_CREATE2 : HD_OP_CREATE);
    /* memory = (w0, w2, w1); call the child with it */
    for (uint32_t i = 0; i < 3; i++) {
        block_word(a, i == 0 ? 0 : 3 - i);
        asm_keep(a, 32 * i);
    }
    asm_push(a, 0);
    asm_push(a, 0);
    asm_push(a, 96);
    asm_push(a, 0);
    asm_push(a, 0);
    asm_op(a, HD_OP_DUP1 + 5);
    asm_op(a, HD_OP_GAS);
    asm_op(a, HD_OP_CALL);
    asm_op(a, HD_OP_STOP);
}

static inline void block_reader(evm_asm *a) {
    static const uint8_t ops[] = {HD_OP_BALANCE, HD_OP_EXTCODESIZE};
    for (uint32_t i = 0; i < sizeof ops; i++) {
        block_word(a, 0);
        asm_op(a, ops[i]);
        asm_push(a, i);
        asm_op(a, HD_OP_SSTORE);
    }
    asm_push(a, 32);
    asm_push(a, 0);
    asm_push(a, 0);
    block_word(a, 0);
    asm_op(a, HD_OP_EXTCODECOPY);
    asm_push(a, 0);
    asm_op(a, HD_OP_MLOAD);
    asm_push(a, 2);
    asm_op(a, HD_OP_SSTORE);
    block_word(a, 1);
    uint32_t at = block_jump_if(a);
    asm_op(a, HD_OP_STOP);
    block_land(a, at);
    asm_op(a, HD_OP_COINBASE);
    asm_op(a, HD_OP_BALANCE);
    asm_push(a, 3);
    asm_op(a, HD_OP_SSTORE);
    block_word(a, 0);
    asm_op(a, HD_OP_EXTCODEHASH); /* last: old forks end here */
    asm_push(a, 4);
    asm_op(a, HD_OP_SSTORE);
}

static inline void block_burner(evm_asm *a) {
    asm_push(a, 255);
    block_load(a, 0);
    asm_op(a, HD_OP_AND);
    block_add1(a);
    uint32_t top = a->sz;
    asm_op(a, HD_OP_JUMPDEST);
    asm_op2(a, HD_OP_KECCAK256, 0, 64);
    asm_op(a, HD_OP_POP);
    asm_push(a, 1);
    asm_op(a, HD_OP_SWAP1);
    asm_op(a, HD_OP_SUB);
    asm_op(a, HD_OP_DUP1);
    asm_push(a, top);
    asm_op(a, HD_OP_JUMPI);
    asm_push(a, 37);
    block_load(a, 0);
    asm_op(a, HD_OP_ADD);
    block_word(a, 0);
    asm_op(a, HD_OP_SSTORE);
}

/* A slot of a program of sums: one of three, or w0's. */
static inline void block_sum_key(evm_asm *a, uint32_t k) {
    if (k < 3)
        asm_push(a, k);
    else
        block_word(a, 0);
}

static inline void block_sum_load(evm_asm *a, uint32_t k) {
    block_sum_key(a, k);
    asm_op(a, HD_OP_SLOAD);
}

static inline void block_sum_store(evm_asm *a, uint32_t k) {
    block_sum_key(a, k);
    asm_op(a, HD_OP_SSTORE);
}

/* w1, or a small constant. */
static inline void block_sum_amount(evm_asm *a, random_source *r) {
    if (random_is(r, 60))
        block_word(a, 1);
    else
        asm_push(a, random_below(r, 4));
}

/* slots[k] is added to or subtracted from; at times with the check that compilers put there. */
static inline void block_sum_change(evm_asm *a, random_source *r) {
    uint32_t k = random_below(r, 4), is_sub = random_is(r, 45);
    block_sum_amount(a, r);
    block_sum_load(a, k);
    if (random_is(r, 50)) { /* amount, value -> value, result; revert where it wrapped */
        asm_op(a, HD_OP_DUP1);
        asm_op(a, HD_OP_DUP1 + 2);
        asm_op(a, HD_OP_SWAP1);
        asm_op(a, is_sub ? HD_OP_SUB : HD_OP_ADD); /* amount, value, result */
        asm_op(a, HD_OP_DUP1);
        asm_op(a, HD_OP_DUP1 + 2);
        asm_op(a, is_sub ? HD_OP_LT : HD_OP_GT); /* value < result, value > result */
        asm_op(a, HD_OP_ISZERO);
        uint32_t at = block_jump_if(a);
        asm_op2(a, HD_OP_REVERT, 0, 0);
        block_land(a, at);
        block_sum_store(a, k);
        asm_op(a, HD_OP_POP);
        asm_op(a, HD_OP_POP);
    } else {
        asm_op(a, is_sub ? HD_OP_SUB : HD_OP_ADD);
        block_sum_store(a, k);
    }
}

/* Compares a slot with an amount or another slot; what comes next is skipped, or all ends. */
static inline void block_sum_compare(evm_asm *a, random_source *r) {
    static const uint8_t ops[] = {HD_OP_LT, HD_OP_GT, HD_OP_EQ, HD_OP_SLT, HD_OP_SGT};
    uint32_t k = random_below(r, 4), how = random_below(r, 8);
    if (how < 5) {
        uint32_t is_swapped = random_is(r, 50);
        if (random_is(r, 20))
            block_sum_load(a, random_below(r, 4));
        else
            block_sum_amount(a, r);
        block_sum_load(a, k);
        if (is_swapped)
            asm_op(a, HD_OP_SWAP1);
        asm_op(a, ops[how]);
    } else {
        block_sum_load(a, k);
        if (how == 6)
            asm_op(a, HD_OP_ISZERO);
    }
    uint32_t at = block_jump_if(a);
    switch (random_below(r, 4)) {
    case 0: asm_op(a, HD_OP_STOP); break;
    case 1: asm_op2(a, HD_OP_REVERT, 0, 0); break;
    default: block_sum_change(a, r);
    }
    block_land(a, at);
}

/* What else may become of a loaded word. */
static inline void block_sum_use(evm_asm *a, random_source *r) {
    static const uint8_t ops[] = {HD_OP_MUL, HD_OP_DIV, HD_OP_AND, HD_OP_XOR,
                                  HD_OP_ADD, HD_OP_SUB, HD_OP_MOD, HD_OP_EXP};
    uint32_t k = random_below(r, 4), to = random_below(r, 4);
    switch (random_below(r, 8)) {
    case 0: /* a plain word in its place */
        block_sum_amount(a, r);
        block_sum_store(a, k);
        break;
    case 1: /* another slot's */
        block_sum_amount(a, r);
        block_sum_load(a, k);
        asm_op(a, HD_OP_ADD);
        block_sum_store(a, to);
        break;
    case 2:
        asm_push(a, 3);
        block_sum_load(a, k);
        asm_op(a, HD_OP_AND);
        block_sum_load(a, to);
        asm_op(a, ops[random_below(r, sizeof ops)]);
        block_sum_store(a, to);
        break;
    case 3:
        block_sum_load(a, k);
        asm_push(a, 0);
        asm_push(a, 0);
        asm_op(a, HD_OP_LOG0 + 1);
        break;
    case 4: /* two loads of one slot */
        block_sum_load(a, k);
        block_sum_load(a, to);
        asm_op(a, random_is(r, 50) ? HD_OP_ADD : HD_OP_SUB);
        block_sum_store(a, k);
        break;
    case 5: /* kept in memory for a hash */
        block_sum_load(a, k);
        asm_keep(a, 0);
        asm_op2(a, HD_OP_KECCAK256, 0, 32);
        asm_push(a, 7);
        asm_op(a, HD_OP_AND);
        block_sum_store(a, to);
        break;
    case 6: /* and taken back: gas and refunds of a slot that was changed */
        block_sum_change(a, r);
        block_sum_amount(a, r);
        block_sum_load(a, k);
        asm_op(a, random_is(r, 50) ? HD_OP_ADD : HD_OP_SUB);
        block_sum_store(a, k);
        break;
    default: /* against the slot's direction */
        block_sum_load(a, k);
        asm_push(a, 9);
        asm_op(a, HD_OP_SUB);
        block_sum_store(a, to);
    }
}

/* A call of another program with the same words: as itself, or with this one's slots. */
static inline void block_sum_call(evm_asm *a, random_source *r, uint32_t which) {
    uint32_t other = BLOCK_SUMS_A + random_below(r, 3);
    if (other <= which)
        return;
    asm_op3(a, HD_OP_CALLDATACOPY, 0, 0, 96);
    asm_call(a, random_is(r, 50) ? HD_OP_CALL : HD_OP_DELEGATECALL, block_contract(other),
             (asm_call_args){.gas = 50000, .in_sz = 96});
    if (random_is(r, 50)) {
        asm_op(a, HD_OP_POP);
    } else {
        block_sum_load(a, random_below(r, 4));
        asm_op(a, HD_OP_ADD);
        block_sum_store(a, random_below(r, 4));
    }
}

/* A program of the block's own seed. */
static inline void block_sums(evm_asm *a, uint64_t seed, uint32_t which) {
    random_source r;
    memset(&r, 0, sizeof r);
    r.x = hd_mix64(seed + which);
    a->sz = 0;
    for (uint32_t i = 1 + random_below(&r, 5); i > 0; i--) {
        uint32_t k = random_below(&r, 20);
        if (k < 10)
            block_sum_change(a, &r);
        else if (k < 14)
            block_sum_compare(a, &r);
        else if (k < 17)
            block_sum_use(a, &r);
        else
            block_sum_call(a, &r, which);
    }
    if (random_is(&r, 10))
        asm_op2(a, HD_OP_REVERT, 0, 0);
}

static inline void block_code(evm_asm *a, uint32_t which) {
    uint32_t at;
    a->sz = 0;
    switch (which) {
    case BLOCK_COUNTER:
        block_load(a, 0);
        asm_op(a, HD_OP_DUP1);
        block_add1(a);
        block_word(a, 0);
        asm_op(a, HD_OP_SSTORE);
        asm_push(a, 0);
        asm_push(a, 0);
        asm_op(a, HD_OP_LOG0 + 1);
        break;
    case BLOCK_TOKEN:
        block_word(a, 1);
        asm_op(a, HD_OP_CALLER);
        asm_op(a, HD_OP_SLOAD);
        asm_op(a, HD_OP_LT);
        at = block_jump_if(a);
        block_word(a, 1);
        asm_op(a, HD_OP_CALLER);
        asm_op(a, HD_OP_SLOAD);
        asm_op(a, HD_OP_SUB);
        asm_op(a, HD_OP_CALLER);
        asm_op(a, HD_OP_SSTORE);
        block_word(a, 1);
        block_load(a, 0);
        asm_op(a, HD_OP_ADD);
        block_word(a, 0);
        asm_op(a, HD_OP_SSTORE);
        asm_op2(a, HD_OP_LOG0, 0, 32);
        asm_op(a, HD_OP_STOP);
        block_land(a, at);
        asm_op2(a, HD_OP_REVERT, 0, 0);
        break;
    case BLOCK_BRANCH:
        block_load(a, 0);
        at = block_jump_if(a);
        asm_push(a, 5);
        block_word(a, 0);
        asm_op(a, HD_OP_SSTORE);
        asm_op(a, HD_OP_STOP);
        block_land(a, at);
        asm_push(a, 0);
        block_word(a, 0);
        asm_op(a, HD_OP_SSTORE);
        asm_push(a, 1);
        block_word(a, 1);
        asm_op(a, HD_OP_SSTORE);
        break;
    case BLOCK_SEND:
        for (uint32_t i = 0; i < 4; i++)
            asm_push(a, 0);
        block_word(a, 1);
        block_word(a, 0);
        asm_push(a, 30000);
        asm_op(a, HD_OP_CALL);
        asm_push(a, 2);
        asm_op(a, HD_OP_ADD);
        block_word(a, 2);
        asm_op(a, HD_OP_SSTORE);
        break;
    case BLOCK_CREATE2: block_factory(a, 1); break;
    case BLOCK_CREATE: block_factory(a, 0); break;
    case BLOCK_CHILD_A:
    case BLOCK_CHILD_B: block_child_code(a); break;
    case BLOCK_READER: block_reader(a); break;
    case BLOCK_REVERTER:
        block_load(a, 1);
        block_add1(a);
        block_word(a, 0);
        asm_op(a, HD_OP_SSTORE);
        asm_push(a, 1);
        block_load(a, 1);
        asm_op(a, HD_OP_AND);
        at = block_jump_if(a);
        asm_op(a, HD_OP_STOP);
        block_land(a, at);
        asm_op2(a, HD_OP_REVERT, 0, 32);
        break;
    case BLOCK_TRY:
        asm_op3(a, HD_OP_CALLDATACOPY, 0, 0, 96);
        asm_call(a, HD_OP_CALL, block_contract(BLOCK_REVERTER),
                 (asm_call_args){.gas = 60000, .in_sz = 96});
        asm_push(a, 2);
        asm_op(a, HD_OP_ADD);
        block_word(a, 2);
        asm_op(a, HD_OP_SSTORE);
        break;
    case BLOCK_KEEPER:
        block_load(a, 0);
        block_add1(a);
        block_word(a, 0);
        asm_op(a, HD_OP_TSTORE);
        block_word(a, 1);
        asm_op(a, HD_OP_TLOAD);
        block_word(a, 0);
        asm_op(a, HD_OP_TLOAD);
        asm_op(a, HD_OP_ADD);
        block_word(a, 0);
        asm_op(a, HD_OP_SSTORE);
        break;
    case BLOCK_BURNER: block_burner(a); break;
    default:
        block_word(a, 1);
        asm_keep(a, 0);
        block_word(a, 2);
        asm_keep(a, 32);
        asm_push(a, 1);
        asm_keep(a, 64);
        asm_push(a, 0);
        asm_push(a, 0);
        asm_push(a, 96);
        asm_push(a, 0);
        block_word(a, 0);
        asm_op(a, HD_OP_GAS);
        asm_op(a, HD_OP_DELEGATECALL);
        break;
    }
}

/* ---- choices */

/* Before EIP-158: empty accounts exist, and contracts begin with nonce 0. */
static inline int block_is_old(const random_block *b) { return b->fork < HD_FORK_SPURIOUS; }

/* One of cnt: the first in hot_percent of 100, else any. */
static inline uint32_t block_pick(random_block *b, uint32_t cnt) {
    return random_is(&b->r, b->hot_percent) ? 0 : random_below(&b->r, cnt);
}

static inline hd_address block_child(uint32_t salt) {
    static evm_asm init;
    uint8_t in[85] = {0xff}, hash[32];
    hd_address factory = block_contract(BLOCK_CREATE2), out;
    init.sz = 0;
    block_child_init(&init);
    memcpy(in + 1, factory.b, 20);
    in[52] = (uint8_t)salt;
    hd_keccak256(in + 53, init.b, init.sz);
    hd_keccak256(hash, in, sizeof in);
    memcpy(out.b, hash + 12, 20);
    return out;
}

/* The contract that a transaction of this nonce creates. */
static inline hd_address block_created(const hd_address *sender, uint64_t nonce) {
    uint8_t in[23] = {0xd6, 0x94}, hash[32];
    hd_address out;
    memcpy(in + 2, sender->b, 20);
    in[22] = nonce ? (uint8_t)HD_MIN(nonce, 127u) : 0x80;
    hd_keccak256(hash, in, sizeof in);
    memcpy(out.b, hash + 12, 20);
    return out;
}

/* A contract that an account created lately, or will with its next transaction. */
static inline hd_address block_created_near(random_block *b) {
    hd_address sender = block_account(block_pick(b, b->pool_cnt));
    hd_state_account a;
    memset(&a, 0, sizeof a);
    (void)hd_state_get(&a, b->last, &sender);
    return block_created(&sender, a.nonce - HD_MIN(a.nonce, random_below(&b->r, 3)));
}

static inline hd_address block_addr(random_block *b) {
    switch (random_below(&b->r, 18)) {
    case 0: return addr_of(1 + random_below(&b->r, 10)); /* precompiles */
    case 1: return addr_of(0xee00 + block_pick(b, 3));   /* empty or absent */
    case 2: return b->envs[random_below(&b->r, b->env_cnt)].coinbase;
    case 3: return block_child(block_pick(b, BLOCK_CHILD_SALTS));
    case 4: return addr_of(random_u64(&b->r));
    case 5: return block_contract(BLOCK_CHILD_A + block_pick(b, 2));
    case 6: return block_contract(random_below(&b->r, BLOCK_CONTRACT_CNT));
    case 7: return random_contract(random_below(&b->r, 2));
    case 8:
    case 9: return block_created_near(b);
    default: return block_account(block_pick(b, b->pool_cnt));
    }
}

/* What a contract is told: slots, small amounts, flags, addresses. */
static inline hd_u256 block_arg(random_block *b, uint32_t contract, uint32_t i) {
    int is_addr = (i == 0 && (contract == BLOCK_TOKEN || contract == BLOCK_SEND ||
                              contract == BLOCK_READER || contract == BLOCK_FORWARD)) ||
                  (i == 2 && contract <= BLOCK_CHILD_B && contract >= BLOCK_CREATE2);
    int is_flag = i == 1 && (contract >= BLOCK_CREATE2 && contract <= BLOCK_READER);
    if (is_addr || random_below(&b->r, 20) == 0)
        return addr_word(block_addr(b));
    if (contract == BLOCK_CREATE2 && i == 0)
        return hd_u256_from_u64(block_pick(b, BLOCK_CHILD_SALTS));
    if (is_flag)
        return hd_u256_from_u64(random_is(&b->r, 60) ? 0 : random_below(&b->r, 20));
    if (i == 1 && contract >= BLOCK_SUMS_A)
        return hd_u256_from_u64(random_below(&b->r, random_is(&b->r, 50) ? 4 : 120));
    if (i == 1 && (contract == BLOCK_TOKEN || contract == BLOCK_SEND))
        return hd_u256_from_u64(random_is(&b->r, 20) ? 0 : random_below(&b->r, 1500));
    return hd_u256_from_u64(block_pick(b, b->slot_cnt));
}

/* ---- the transaction at hand */

static inline uint64_t block_put(random_block *b, const void *p, size_t sz) {
    hd_buf_append_zero(&b->data, (8 - b->data.sz % 8) % 8);
    uint64_t at = b->data.sz;
    hd_buf_append(&b->data, p, sz);
    return at;
}

static inline void block_call(random_block *b, hd_tx *tx) {
    uint8_t words[96];
    uint32_t contract = random_below(&b->r, BLOCK_CONTRACT_CNT);
    if (random_is(&b->r, b->sums_percent))
        contract = BLOCK_SUMS_A + random_below(&b->r, 3);
    tx->to = block_contract(contract);
    if (random_is(&b->r,
                  block_is_old(b) ? 40 : 20)) /* to what may or may not be a contract by then */
        tx->to = block_is_old(b) && random_is(&b->r, 60) ? block_created_near(b) : block_addr(b);
    for (uint32_t i = 0; i < 3; i++)
        hd_u256_store_be(words + 32 * i, block_arg(b, contract, i));
    tx->data_sz = random_is(&b->r, 95) ? sizeof words : random_below(&b->r, sizeof words);
    tx->data_off = block_put(b, words, tx->data_sz);
    tx->value_wei = hd_u256_from_u64(random_is(&b->r, 90) ? 0 : random_below(&b->r, 500));
    tx->gas_limit = 60000 + random_below(&b->r, 400000);
}

static inline void block_pay(random_block *b, hd_tx *tx, hd_u256 balance) {
    tx->to = block_addr(b);
    tx->gas_limit = random_is(&b->r, 80) ? 21000 : 21000 + random_below(&b->r, 60000);
    switch (random_below(&b->r, 16)) {
    case 0: break; /* nothing: a touch */
    case 1:
        tx->value_wei = hd_u256_sub(balance, hd_u256_from_u64(random_below(&b->r, 600000)));
        break; /* about all there is */
    case 2: tx->value_wei = hd_u256_from_u64(500000 + random_below(&b->r, 2000000)); break;
    default: tx->value_wei = hd_u256_from_u64(random_below(&b->r, 1000)); break;
    }
}

static inline void block_create(random_block *b, hd_tx *tx) {
    static evm_asm init;
    init.sz = 0;
    tx->flags |= HD_TX_CREATE;
    if (random_is(&b->r, 50))
        block_child_init(&init);
    else if (random_is(&b->r, 60))
        random_code(&init, &b->r, 200, 1);
    else
        block_code(&init, BLOCK_COUNTER + random_below(&b->r, BLOCK_CONTRACT_CNT));
    tx->data_sz = init.sz;
    tx->data_off = block_put(b, init.b, init.sz);
    tx->value_wei = hd_u256_from_u64(random_is(&b->r, 60) ? 0 : random_below(&b->r, 100));
    tx->gas_limit = 100000 + random_below(&b->r, 500000);
}

static inline void block_delegate(random_block *b, hd_tx *tx) {
    hd_auth auths[3];
    uint32_t cnt = 1 + random_below(&b->r, 3);
    memset(auths, 0, sizeof auths);
    for (uint32_t i = 0; i < cnt; i++) {
        hd_state_account a;
        auths[i].authority =
            random_is(&b->r, 20) ? tx->sender : block_account(block_pick(b, b->pool_cnt));
        if (hd_state_get(&a, b->last, &auths[i].authority) == HD_OK)
            auths[i].nonce = a.nonce;
        auths[i].nonce += hd_is_equal(&auths[i].authority, &tx->sender, 20);
        if (random_is(&b->r, 10))
            auths[i].nonce++;
        if (random_is(&b->r, 80))
            auths[i].address = block_contract(random_below(&b->r, BLOCK_CONTRACT_CNT));
        auths[i].chain_id = hd_u256_from_u64(random_below(&b->r, 2));
        auths[i].flags = random_is(&b->r, 95) ? HD_AUTH_SIGNER : 0;
    }
    tx->type = HD_TX_SET_CODE;
    tx->auth_cnt = cnt;
    tx->auth_off = block_put(b, auths, cnt * sizeof *auths);
    tx->gas_limit += 100000;
}

static inline void block_blobs(random_block *b, hd_tx *tx) {
    uint8_t hashes[3 * 32];
    memset(hashes, 1, sizeof hashes);
    tx->type = HD_TX_BLOB;
    tx->blob_cnt = 1 + random_below(&b->r, 3);
    tx->blob_fee = hd_u256_from_u64(random_below(&b->r, 30) > 0);
    tx->blob_off = block_put(b, hashes, 32 * tx->blob_cnt);
}

static inline void block_access(random_block *b, hd_tx *tx) {
    uint8_t bytes[24 + 32];
    hd_address a = block_contract(random_below(&b->r, BLOCK_CONTRACT_CNT));
    memcpy(bytes, a.b, 20);
    hd_store_le32(bytes + 20, 1);
    hd_u256_store_be(bytes + 24, hd_u256_from_u64(block_pick(b, b->slot_cnt)));
    tx->access_cnt = tx->access_key_cnt = 1;
    tx->access_sz = sizeof bytes;
    tx->access_off = block_put(b, bytes, sizeof bytes);
    tx->gas_limit += 10000;
    tx->type = HD_MAX(tx->type, HD_TX_ACCESS_LIST);
}

static inline void block_tx(random_block *b, hd_tx *tx, uint32_t env_idx) {
    const hd_env *env = &b->envs[env_idx];
    hd_state_account a;
    memset(tx, 0, sizeof *tx);
    memset(&a, 0, sizeof a);
    if (b->fork >= HD_FORK_CANCUN && random_below(&b->r, 150) == 0) { /* a system call */
        uint64_t off = block_put(b, &b->seed, 8);
        *tx = hd_system_call(block_contract(BLOCK_COUNTER), off, 8);
        tx->env_idx = env_idx;
        return;
    }
    tx->env_idx = env_idx;
    tx->sender = random_is(&b->r, 3) ? env->coinbase : block_account(block_pick(b, b->pool_cnt));
    (void)hd_state_get(&a, b->last, &tx->sender); /* absent: zeros */
    /* Someone richer, as a rule; the poor depend on who paid them before. */
    for (uint32_t i = 0;
         i < 4 && a.balance_wei.w[0] < 6000000 && !a.balance_wei.w[1] && random_is(&b->r, 93);
         i++) {
        tx->sender = block_account(random_below(&b->r, b->pool_cnt));
        memset(&a, 0, sizeof a);
        (void)hd_state_get(&a, b->last, &tx->sender);
    }
    tx->nonce = a.nonce;
    tx->chain_id = 1;
    tx->gas_price = tx->priority_fee =
        hd_u256_add(env->base_fee, hd_u256_from_u64(random_below(&b->r, 4)));
    uint32_t k = random_below(&b->r, 100);
    if (k < 30)
        block_pay(b, tx, a.balance_wei);
    else if (k < (block_is_old(b) ? 50u : 38u))
        block_create(b, tx);
    else
        block_call(b, tx);
    if (b->fork >= HD_FORK_LONDON && random_is(&b->r, 50)) {
        tx->type = HD_TX_DYNAMIC_FEE;
        tx->gas_price = hd_u256_add(tx->gas_price, hd_u256_from_u64(random_below(&b->r, 5)));
        tx->priority_fee = hd_u256_from_u64(random_below(&b->r, 3));
    }
    if (b->fork >= HD_FORK_BERLIN && random_is(&b->r, 10))
        block_access(b, tx);
    if (b->fork >= HD_FORK_PRAGUE && !(tx->flags & HD_TX_CREATE) && random_is(&b->r, 12))
        block_delegate(b, tx);
    else if (b->fork >= HD_FORK_CANCUN && !(tx->flags & HD_TX_CREATE) && random_is(&b->r, 4))
        block_blobs(b, tx);
    switch (random_below(&b->r, 60)) { /* what makes it invalid, now or at another turn */
    case 0: tx->nonce++; break;
    case 1: tx->nonce -= tx->nonce > 0; break;
    case 2: tx->gas_limit = 20000 + random_below(&b->r, 3000); break;
    case 3: tx->gas_limit = env->gas_limit / 2; break;
    default: break;
    }
}

/* ---- serial execution, as plainly as it can be said */

static inline void block_note(block_outcome *o, hd_buf *scratch, const hd_receipt *r,
                              const hd_results *from) {
    memset(o, 0, sizeof *o);
    o->gas_used = r->gas_used;
    o->status = r->status;
    o->error = r->error;
    hd_buf_clear(scratch);
    hd_buf_append(scratch, &r->gas_refund, sizeof r->gas_refund);
    hd_buf_append(scratch, &r->created, r->flags & HD_RECEIPT_CREATED ? 20 : 0);
    hd_buf_append(scratch, from->bytes + r->output_off, r->output_sz);
    for (uint32_t i = 0; i < r->log_cnt; i++) {
        const hd_log_entry *l = &from->logs[r->log_off + i];
        hd_buf_append(scratch, l->topics, l->topic_cnt * sizeof *l->topics);
        hd_buf_append(scratch, l->addr.b, 20);
        hd_buf_append(scratch, from->bytes + l->data_off, l->data_sz);
        hd_buf_append(scratch, &l->data_sz, sizeof l->data_sz);
    }
    hd_keccak256(o->rest.b, scratch->data, scratch->sz);
}

static inline void block_count(block_tally *t, const hd_receipt *r, const hd_results *from) {
    t->tx_cnt++;
    t->gas += r->gas_used;
    t->success_cnt += r->status == HD_TX_SUCCESS;
    t->revert_cnt += r->status == HD_TX_REVERT;
    t->halt_cnt += r->status == HD_TX_HALT;
    t->refused_cnt += r->status >= HD_TX_INVALID;
    t->log_cnt += r->log_cnt;
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        uint32_t flags = from->accounts[r->account_off + i].flags;
        t->deleted_cnt += (flags & HD_DIFF_DELETED) != 0;
        t->code_cnt += (flags & HD_DIFF_CODE) != 0;
        t->created_cnt += (flags & (HD_DIFF_CHANGED | HD_DIFF_EXISTED)) == HD_DIFF_CHANGED;
    }
}

/* What a block has left for its transactions. */
typedef struct {
    uint64_t gas;
    uint32_t blobs;
    uint32_t env_idx; /* whose block it is */
} block_left;

static inline hd_err block_hash_of(void *ctx, hd_hash *out, uint32_t world_idx, uint64_t number) {
    const random_block *b = ctx;
    if (b->known_number && number != b->known_number)
        return HD_ERR_ABSENT;
    return random_blockhash(NULL, out, world_idx, number);
}

/* Runs one transaction on b->last. One that wants more than is left meets a block of what is left;
   any other sees the block's own limits. */
static inline hd_err block_step(random_block *b, uint32_t i, block_left *left, hd_buf *scratch,
                                block_tally *t) {
    hd_tx tx = b->txs[i];
    hd_env env = b->envs[tx.env_idx];
    hd_world world;
    int is_system = (tx.flags & HD_TX_SKIP_CHECKS) != 0;
    if (left->env_idx != tx.env_idx)
        *left = (block_left){env.gas_limit, env.blob_cnt_max, tx.env_idx};
    if (!is_system && (tx.gas_limit > left->gas || tx.blob_cnt > left->blobs)) {
        env.gas_limit = left->gas;
        env.blob_cnt_max = left->blobs;
    }
    tx.env_idx = 0;
    hd_state_world(&world, b->last);
    hd_batch batch = {.worlds = &world,
                      .envs = &env,
                      .txs = &tx,
                      .data = b->data.data,
                      .data_sz = b->data.sz,
                      .world_cnt = 1,
                      .env_cnt = 1,
                      .tx_cnt = 1,
                      .blockhash = block_hash_of,
                      .blockhash_ctx = b};
    hd_err err = hd_exec_run(b->x, &b->results, &batch);
    if (err != HD_OK)
        return err;
    const hd_receipt *r = b->results.receipts;
    if (!is_system && r->status < HD_TX_INVALID) {
        left->gas -= r->gas_used;
        left->blobs -= tx.blob_cnt;
    }
    block_note(&b->outcomes[i], scratch, r, &b->results);
    block_count(t, r, &b->results);
    return hd_state_apply(b->last, r, b->results.accounts, b->results.slots, b->results.bytes,
                          &env.coinbase, env.fork);
}

/* ---- a whole block */

static inline void block_envs(random_block *b) {
    uint32_t coinbase = random_below(&b->r, 10), is_one = random_is(&b->r, 50);
    b->env_cnt = 1 + (random_is(&b->r, 20) ? random_below(&b->r, BLOCK_ENV_MAX) : 0);
    for (uint32_t i = 0; i < b->env_cnt; i++) {
        hd_env *e = &b->envs[i];
        memset(e, 0, sizeof *e);
        e->fork = b->fork;
        e->number = 1000 + i;
        e->timestamp = 1700000000 + 12 * i;
        e->gas_limit = random_is(&b->r, 25) ? 1000000 + random_below(&b->r, 3000000) : 60000000;
        e->chain_id = 1;
        if (i && !is_one) /* another's block */
            coinbase = random_below(&b->r, 10);
        e->coinbase = coinbase == 0   ? block_account(0)
                      : coinbase == 1 ? block_contract(BLOCK_CHILD_A)
                      : coinbase == 2 ? addr_of(0xee00)
                      : coinbase < 6  ? block_coinbase()
                                      : addr_of(0xc01bc000 + i);
        e->difficulty = hd_u256_from_u64(b->seed);
        if (b->fork >= HD_FORK_LONDON && random_is(&b->r, 80))
            e->base_fee = hd_u256_from_u64(7);
        e->blob_base_fee = hd_u256_from_u64(b->fork >= HD_FORK_CANCUN);
        e->blob_cnt_max = 6;
    }
}

static inline hd_err block_state(random_block *b) {
    static evm_asm code;
    hd_state *s = b->first;
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < b->pool_cnt; i++) {
        hd_address a = block_account(i), token = block_contract(BLOCK_TOKEN);
        uint32_t k = random_below(&b->r, 10);
        hd_u256 balance = k < 7 ? hd_u256_shl_bits(hd_u256_from_u64(1), 70)
                                : hd_u256_from_u64(random_below(&b->r, 10000000));
        if (k == 9) /* comes to be when somebody pays it */
            continue;
        err = hd_state_set(s, &a, random_below(&b->r, 3), balance, NULL, 0);
        if (err == HD_OK)
            err = hd_state_set_slot(s, &token, addr_word(a),
                                    hd_u256_from_u64(random_below(&b->r, 600)));
        /* Before EIP-158 only its code will tell that there is a contract then. */
        hd_state_account had;
        if (err == HD_OK && random_is(&b->r, block_is_old(b) ? 80 : 20) &&
            hd_state_get(&had, s, &a) == HD_OK) {
            hd_address created = block_created(&a, had.nonce);
            err = hd_state_set_balance(s, &created, hd_u256_from_u64(random_below(&b->r, 3)));
            /* EIP-7610: storage alone forbids a creation, until a touch takes it away. */
            if (err == HD_OK && random_is(&b->r, 30))
                err = hd_state_set_slot(s, &created, hd_u256_from_u64(1), hd_u256_from_u64(9));
        }
    }
    for (uint32_t i = 0; err == HD_OK && i < BLOCK_CONTRACT_CNT; i++) {
        hd_address a = block_contract(i);
        block_code(&code, i);
        if (i >= BLOCK_SUMS_A)
            block_sums(&code, b->seed, i);
        err = hd_state_set(s, &a, 1, hd_u256_from_u64(random_below(&b->r, 3000)), code.b, code.sz);
        for (uint32_t k = 0; err == HD_OK && k < 6; k++)
            err = hd_state_set_slot(s, &a, hd_u256_from_u64(random_below(&b->r, b->slot_cnt)),
                                    hd_u256_from_u64(random_below(&b->r, 300)));
    }
    for (uint32_t i = 0; err == HD_OK && i < 2; i++) {
        hd_address a = random_contract(i);
        code.sz = 0;
        random_code(&code, &b->r, 300, 0);
        err = hd_state_set(s, &a, 1, hd_u256_from_u64(50), code.b, code.sz);
    }
    hd_address empty = addr_of(0xee01);
    if (err == HD_OK && block_is_old(b))
        err = hd_state_set(s, &empty, 0, hd_u256_zero(), NULL, 0);
    return err;
}

/* An empty state, no data. */
static inline hd_err random_block_reset(random_block *b) {
    hd_exec_options host = {.backend = HD_BACKEND_HOST, .threads = 1};
    hd_err err = HD_OK;
    hd_buf_clear(&b->data);
    if (!b->x)
        err = hd_exec_open(&b->x, &host);
    if (!b->first)
        b->first = hd_state_new();
    if (!b->last)
        b->last = hd_state_new();
    if (err != HD_OK || !b->first || !b->last)
        return err != HD_OK ? err : HD_ERR_NOMEM;
    hd_state_reset(b->first);
    return HD_OK;
}

/* The serial outcomes and root of transactions that are there already. */
static inline hd_err random_block_serial(random_block *b, block_tally *t) {
    hd_buf scratch = {0};
    block_left left = {.env_idx = UINT32_MAX};
    hd_err err = hd_state_copy(b->last, b->first);
    for (uint32_t i = 0; err == HD_OK && i < b->tx_cnt; i++)
        err = block_step(b, i, &left, &scratch, t);
    hd_buf_free(&scratch);
    t->block_cnt++;
    return err == HD_OK ? hd_state_root(&b->root, b->last) : err;
}

/* Everything but the transactions' number hangs on the seed alone; tx_max (1 to BLOCK_TX_MAX)
   bounds it. b must be zeroed before its first use. The tally is added to. */
static inline hd_err random_block_make(random_block *b, block_tally *t, uint64_t seed,
                                       uint32_t tx_max) {
    static const uint32_t hots[] = {0, 0, 5, 20, 50, 90};
    static const uint32_t pools[] = {3, 8, 30, 100, BLOCK_POOL_MAX};
    static const uint32_t slots[] = {2, 6, 60, 5000};
    hd_buf scratch = {0};
    b->seed = seed;
    b->r.x = hd_mix64(seed + 0x5eed);
    uint32_t age = random_below(&b->r, 10);
    b->fork = age < 6   ? HD_FORK_OSAKA - random_below(&b->r, 3)
              : age < 8 ? random_below(&b->r, HD_FORK_CNT)
                        : random_below(&b->r, HD_FORK_SPURIOUS); /* where empty accounts exist */
    b->r.fork = b->fork;
    b->hot_percent = hots[random_below(&b->r, sizeof hots / sizeof *hots)];
    b->pool_cnt = pools[random_below(&b->r, block_is_old(b) ? 3 : sizeof pools / sizeof *pools)];
    b->slot_cnt = slots[random_below(&b->r, sizeof slots / sizeof *slots)];
    b->sums_percent = random_is(&b->r, 30) ? 0 : random_below(&b->r, 80);
    if (b->fixed_pool)
        b->pool_cnt = HD_MIN(b->fixed_pool, BLOCK_POOL_MAX);
    if (b->fixed_slots)
        b->slot_cnt = b->fixed_slots;
    if (b->fixed_hot)
        b->hot_percent = b->fixed_hot - 1;
    b->tx_cnt = 1 + random_below(&b->r, random_is(&b->r, 30) ? tx_max : HD_MIN(tx_max, 48u));
    hd_err err = random_block_reset(b);
    if (err != HD_OK)
        return err;
    block_envs(b);
    err = block_state(b);
    if (err == HD_OK)
        err = hd_state_copy(b->last, b->first);
    block_left left = {.env_idx = UINT32_MAX};
    for (uint32_t i = 0; err == HD_OK && i < b->tx_cnt; i++) {
        block_tx(b, &b->txs[i], (uint32_t)((uint64_t)i * b->env_cnt / b->tx_cnt));
        if (b->data.err != HD_OK)
            err = b->data.err;
        if (err == HD_OK)
            err = block_step(b, i, &left, &scratch, t);
    }
    t->block_cnt++;
    hd_buf_free(&scratch);
    return err == HD_OK ? hd_state_root(&b->root, b->last) : err;
}

static inline void random_block_free(random_block *b) {
    hd_state_free(b->first);
    hd_state_free(b->last);
    hd_buf_free(&b->data);
    hd_exec_close(b->x);
    hd_results_free(&b->results);
    memset(b, 0, sizeof *b);
}

/* ---- the same block through hd_exec_ordered */

typedef struct {
    uint32_t backend;
    uint32_t threads;
    uint32_t chunk_cnt;
    uint32_t flags;          /* HD_ORDERED_... */
    uint64_t chunk_work_max; /* as in hd_sequence */
} block_way;

typedef struct {
    const random_block *b;
    hd_buf scratch;
    uint32_t next_idx;
    char *why;
    size_t why_sz;
} block_check;

static inline hd_err block_receipt(void *ctx, uint32_t tx_idx, const hd_receipt *r,
                                   const hd_results *from) {
    block_check *c = ctx;
    block_outcome o;
    if (tx_idx != c->next_idx || tx_idx >= c->b->tx_cnt) {
        snprintf(c->why, c->why_sz, "receipt %u came where %u was due", tx_idx, c->next_idx);
        return HD_ERR_CORRUPT;
    }
    c->next_idx++;
    block_note(&o, &c->scratch, r, from);
    const block_outcome *want = &c->b->outcomes[tx_idx];
    if (hd_is_equal(&o, want, sizeof o))
        return HD_OK;
    snprintf(c->why, c->why_sz, "transaction %u: %s %s, gas %llu%s; serially %s %s, gas %llu",
             tx_idx, hd_tx_status_name(o.status), hd_evm_error_name(o.error),
             (unsigned long long)o.gas_used,
             hd_is_equal(&o.rest, &want->rest, 32) ? "" : ", other logs, output or refund",
             hd_tx_status_name(want->status), hd_evm_error_name(want->error),
             (unsigned long long)want->gas_used);
    return HD_ERR_CORRUPT;
}

/* Runs the block on x, which way describes, and compares receipts and state root with the serial
   ones. HD_OK; HD_ERR_CORRUPT with the difference in why; or what hd_exec_ordered gave. s is a
   state that is overwritten. */
static inline hd_err random_block_check(char *why, size_t why_sz, hd_ordered_stats *stats,
                                        const random_block *b, hd_exec *x, hd_state *s,
                                        const block_way *way) {
    block_check c = {.b = b, .why = why, .why_sz = why_sz};
    hd_hash root;
    hd_sequence seq;
    memset(&seq, 0, sizeof seq);
    seq.txs = b->txs;
    seq.envs = b->envs;
    seq.data = b->data.data;
    seq.data_sz = b->data.sz;
    seq.tx_cnt = b->tx_cnt;
    seq.env_cnt = b->env_cnt;
    seq.chunk_cnt = way->chunk_cnt;
    seq.flags = way->flags;
    seq.chunk_work_max = way->chunk_work_max;
    seq.blockhash = block_hash_of;
    seq.blockhash_ctx = (void *)(uintptr_t)b;
    seq.receipt = block_receipt;
    seq.receipt_ctx = &c;
    why[0] = 0;
    hd_err err = hd_state_copy(s, b->first);
    if (err == HD_OK)
        err = hd_exec_ordered(x, s, &seq, stats);
    if (err == HD_OK)
        err = hd_state_root(&root, s);
    if (err == HD_OK && c.next_idx != b->tx_cnt) {
        snprintf(why, why_sz, "only %u receipts of %u came", c.next_idx, b->tx_cnt);
        err = HD_ERR_CORRUPT;
    }
    if (err == HD_OK && !hd_is_equal(&root, &b->root, sizeof root)) {
        snprintf(why, why_sz, "the receipts agree, the state root does not");
        err = HD_ERR_CORRUPT;
    }
    hd_buf_free(&c.scratch);
    return err;
}

#endif
