/* test_suspend.c - a lane that is stopped and goes on, whatever for, ends as one that ran through.
 */
#include "random_batches.h"

#define HD_LANE_TILE 32
#define HD_CORE_GOTO 0
#define HD_CORE_TRACE 0
#define HD_CORE_RUN core_run
#define HD_BINDING_NAME test_binding
#include "exec/hd_binding.h"
hd_binding_fn test_binding;
#include "exec/hd_binding.inc"

/* ---- one lane of a tile; what belongs to its neighbours holds a pattern ---- */
#define LANE_IDX 13u
#define PATTERN 0xa5

typedef struct {
    hd_lane_memory m;
    uint8_t *tile;
    size_t tile_sz;
} test_lane;

static void lane_open(test_lane *t, const hd_lane_class *cls) {
    memset(t, 0, sizeof *t);
    t->m.cls = *cls;
    t->m.tile = 32;
    hd_lane_class_layout(&t->m.cls);
    size_t units_sz = (size_t)t->m.cls.unit_cnt * 512;
    t->tile_sz = units_sz + (size_t)cls->linear_sz * 32;
    assert_int_equal(posix_memalign((void **)&t->tile, 16, t->tile_sz), 0);
    /* The lane's own memory holds rubbish too: a lane gets it as the last one left it. */
    memset(t->tile, PATTERN, t->tile_sz);
    t->m.base = t->tile + 16 * LANE_IDX;
    t->m.linear = t->tile + units_sz + (size_t)cls->linear_sz * LANE_IDX;
}

static void lane_close(test_lane *t) {
    free(t->m.scratch);
    free(t->tile);
}

static int is_pattern(const uint8_t *p, size_t sz) {
    return sz == 0 || (p[0] == PATTERN && memcmp(p, p + 1, sz - 1) == 0);
}

/* No byte of another lane was written. */
static void lane_expect_alone(const test_lane *t) {
    size_t units_sz = (size_t)t->m.cls.unit_cnt * 512, linear_sz = t->m.cls.linear_sz;
    for (size_t u = 0; u < t->m.cls.unit_cnt; u++) {
        const uint8_t *row = t->tile + 512 * u;
        if (!is_pattern(row, 16 * LANE_IDX) ||
            !is_pattern(row + 16 * (LANE_IDX + 1), 16 * (31 - LANE_IDX)))
            fail_msg("unit %zu of a neighbour was written", u);
    }
    assert_true(is_pattern(t->tile + units_sz, linear_sz * LANE_IDX));
    assert_true(
        is_pattern(t->tile + units_sz + linear_sz * (LANE_IDX + 1), linear_sz * (31 - LANE_IDX)));
}

/* Room for all programs of this file. */
static hd_lane_class class_large(void) {
    hd_lane_class c;
    memset(&c, 0, sizeof c);
    c.frame_max = 1025;
    c.stack_max = 16384;
    c.memory_max = 1u << 19;
    c.ret_max = 1u << 18;
    c.account_max = 512;
    c.slot_max = 1024;
    c.journal_max = 8192;
    c.log_max = 20480;
    c.account_index_max = 1024;
    c.slot_index_max = 2048;
    c.linear_sz = 1u << 18;
    return c;
}

/* ---- driving a lane ---- */
typedef struct {
    uint64_t run_cnt, blockhash_cnt, precompile_cnt, account_cnt, slot_cnt;
} drive_tally;

typedef struct {
    const hd_batch *batch;
    uint32_t tx_idx;
    int64_t fuel; /* of each run; 0: a random amount from 1 to 200 */
    uint64_t seed;
    const hd_state *truth; /* where an incomplete world is supplied from; NULL: it is complete */
    hd_state *partial;
} drive;

static void supply_account(const drive *d, const hd_address *addr) {
    hd_state_account a;
    if (hd_state_get(&a, d->truth, addr) != HD_OK) {
        /* Known to be absent: an entry that does not exist. */
        assert_int_equal(hd_state_set(d->partial, addr, 0, hd_u256_zero(), NULL, 0), HD_OK);
        assert_int_equal(hd_state_delete(d->partial, addr), HD_OK);
        return;
    }
    assert_int_equal(hd_state_set(d->partial, addr, a.nonce, a.balance_wei, a.code, a.code_sz),
                     HD_OK);
}

static void supply_slot(const drive *d, const hd_address *addr, hd_u256 key) {
    hd_u256 value = hd_state_get_slot(d->truth, addr, key);
    if (hd_u256_is_zero(value)) /* known to be zero: an entry that was set and cleared */
        assert_int_equal(hd_state_set_slot(d->partial, addr, key, hd_u256_from_u64(1)), HD_OK);
    assert_int_equal(hd_state_set_slot(d->partial, addr, key, value), HD_OK);
}

/* A lane is worked on as the device does: every step loads it from its memory and saves it there.
 */
static void vm_enter(hd_vm *vm, test_lane *t, const drive *d, const hd_world *world) {
    const hd_tx *tx = &d->batch->txs[d->tx_idx];
    memset(vm, 0xee, sizeof *vm);
    lane_bind(vm, t->m.base, t->m.linear, &t->m.cls, world, &d->batch->envs[tx->env_idx], tx,
              d->batch->data);
}

/* Runs the transaction in pieces. HD_STOP_DONE, with the result in *out as its only one; or
   HD_STOP_NEED_MEMORY. */
static uint32_t drive_lane(hd_results *out, drive_tally *tally, test_lane *t, const drive *d) {
    const hd_tx *tx = &d->batch->txs[d->tx_idx];
    hd_world world = d->batch->worlds[tx->world_idx];
    random_source r = {d->seed, 0, 0};
    hd_vm vm;
    uint32_t stop = HD_STOP_RUNNING;
    if (d->partial) {
        hd_state_world(&world, d->partial);
        world.flags &= ~HD_WORLD_COMPLETE;
    }
    for (uint64_t n = 0; stop != HD_STOP_DONE; n++) {
        if (n > 20000000)
            fail_msg("the lane makes no progress");
        vm_enter(&vm, t, d, &world);
        if (n) {
            lane_load(&vm);
            assert_int_equal(vm.s.stop, stop);
        }
        int64_t fuel = d->fuel ? d->fuel : 1 + (int64_t)random_below(&r, 200);
        stop = lane_run(&vm, fuel, n == 0);
        lane_save(&vm);
        tally->run_cnt++;
        if (stop == HD_STOP_NEED_MEMORY)
            return stop;
        if (stop == HD_STOP_DONE || stop == HD_STOP_RUNNING)
            continue;
        vm_enter(&vm, t, d, &world);
        lane_load(&vm);
        if (stop == HD_STOP_NEED_PRECOMPILE) {
            hd_err err = serve_precompile(&vm, &t->m);
            if (err == HD_ERR_LIMIT)
                return HD_STOP_NEED_MEMORY;
            assert_int_equal(err, HD_OK);
            tally->precompile_cnt++;
        } else if (stop == HD_STOP_NEED_BLOCKHASH) {
            hd_hash h;
            assert_int_equal(d->batch->blockhash(NULL, &h, 0, vm.s.need_number), HD_OK);
            vm.s.is_block_number = 1;
            vm.s.block_number = vm.s.need_number;
            vm.s.blockhash = hd_u256_load_be(h.b);
            tally->blockhash_cnt++;
        } else {
            uint32_t addr[5];
            hd_address wire;
            assert_non_null(d->partial);
            account_addr(addr, account_ptr(&vm, vm.s.need_idx));
            hd_addr_to_wire(&wire, addr);
            if (stop == HD_STOP_NEED_ACCOUNT) {
                supply_account(d, &wire);
                tally->account_cnt++;
            } else {
                assert_int_equal(stop, HD_STOP_NEED_SLOT);
                supply_slot(d, &wire, vm.s.need_key);
                tally->slot_cnt++;
            }
            hd_state_world(&world, d->partial);
            world.flags &= ~HD_WORLD_COMPLETE;
        }
        lane_save(&vm);
    }
    vm_enter(&vm, t, d, &world);
    lane_load(&vm);
    hd_export_counts c;
    out->account_cnt = out->slot_cnt = out->log_cnt = out->bytes_sz = 0;
    lane_measure(&c, &vm, d->batch->flags);
    lane_save(&vm);
    vm_enter(&vm, t, d, &world);
    lane_load(&vm); /* the device exports in a kernel of its own */
    assert_int_equal(hd_results_reserve(out, c.account_cnt, c.slot_cnt, c.log_cnt, c.bytes_sz),
                     HD_OK);
    assert_int_equal(hd_results_reserve_reads(out, c.account_cnt), HD_OK);
    if (!out->receipts)
        out->receipts = malloc(sizeof *out->receipts);
    assert_non_null(out->receipts);
    memset(out->receipts, 0, sizeof *out->receipts);
    lane_export(out->receipts, out->accounts, out->reads, out->slots, out->slot_reads, out->logs,
                out->bytes, &vm, d->batch->flags);
    assert_int_equal(out->receipts->account_cnt, c.account_cnt);
    assert_int_equal(out->receipts->slot_cnt, c.slot_cnt);
    assert_int_equal(out->receipts->log_cnt, c.log_cnt);
    out->receipt_cnt = 1;
    return HD_STOP_DONE;
}

/* ---- what is compared with: the plain backend, without interruption ---- */
static hd_exec *plain;
static hd_results want, have, only;

static int group_setup(void **state) {
    (void)state;
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    return hd_exec_open(&plain, &options) == HD_OK ? 0 : -1;
}

static int group_teardown(void **state) {
    (void)state;
    hd_exec_close(plain);
    hd_results_free(&want);
    hd_results_free(&have);
    batch_free();
    return 0;
}

/* The i-th result of the batch as the only one of `only`. */
static void expect_as_plain(uint32_t i, const char *name, uint64_t seed) {
    only = want;
    only.receipts = want.receipts + i;
    const char *what = compare_tx(&only, &have, 0, 0);
    if (what) {
        compare_print("plain", only.receipts);
        compare_print(name, have.receipts);
        fail_msg("program %llu: %s differs (%s)", (unsigned long long)seed, what, name);
    }
}

/* ---- programs by hand: what takes long ---- */
#define PROGRAM_CNT 9u

static evm_asm programs[3];

/* A loop of n turns around what `body` appends. */
static uint32_t loop_begin(evm_asm *a, uint64_t n) {
    asm_push(a, n);
    uint32_t top = a->sz;
    asm_op(a, HD_OP_JUMPDEST);
    return top;
}

static void loop_end(evm_asm *a, uint32_t top) {
    asm_push(a, 1);
    asm_op(a, HD_OP_SWAP1);
    asm_op(a, HD_OP_SUB);
    asm_op(a, HD_OP_DUP1);
    asm_push(a, top);
    asm_op(a, HD_OP_JUMPI);
    asm_op(a, HD_OP_POP);
}

/* Fills memory with a pattern that no two places share: hashes of counters. */
static void fill_memory(evm_asm *a, uint32_t words) {
    uint32_t top = loop_begin(a, words);
    asm_op(a, HD_OP_DUP1);
    asm_op(a, HD_OP_PUSH0);
    asm_op(a, HD_OP_MSTORE);
    asm_op2(a, HD_OP_KECCAK256, 0, 32);
    asm_op(a, HD_OP_DUP1 + 1);
    asm_push(a, 5);
    asm_op(a, HD_OP_SHL);
    asm_op(a, HD_OP_MSTORE);
    loop_end(a, top);
}

static void program_make(evm_asm *a, evm_asm *callee, uint32_t kind) {
    hd_address d = addr_of(0xc001);
    uint32_t top;
    a->sz = callee->sz = 0;
    switch (kind) {
    case 0: /* a hash of 100 KiB, from an odd place */
        fill_memory(a, 3300);
        asm_op2(a, HD_OP_KECCAK256, 13, 102400);
        asm_op2(a, HD_OP_KECCAK256, 0, 136 * 20);
        asm_op(a, HD_OP_ADD);
        asm_return_top(a);
        break;
    case 1: /* copies that overlap, both ways, aligned and not */
        fill_memory(a, 1000);
        asm_op3(a, HD_OP_MCOPY, 4099, 7, 25000);
        asm_op3(a, HD_OP_MCOPY, 3, 4100, 27000);
        asm_op3(a, HD_OP_MCOPY, 32, 0, 30000);
        asm_op3(a, HD_OP_MCOPY, 0, 64, 30000);
        asm_op3(a, HD_OP_MCOPY, 20000, 10000, 50000); /* beyond what there is */
        asm_return(a, 0, 70000);
        break;
    case 2: /* code, calldata and another's code to memory, far beyond their ends */
        for (uint32_t i = 0; i < 20000; i++)
            asm_op(callee, i);
        asm_op3(a, HD_OP_CODECOPY, 5, 3, 20000);
        asm_op3(a, HD_OP_CALLDATACOPY, 20011, 9, 20000);
        asm_push(a, 40000);
        asm_push(a, 1);
        asm_push(a, 40000);
        asm_push_addr(a, d);
        asm_op(a, HD_OP_EXTCODECOPY);
        asm_return(a, 0, 80000);
        break;
    case 3: /* logs with much data, some of them reverted */
        fill_memory(callee, 300);
        asm_push(callee, 0x7091c); /* the topic */
        asm_op2(callee, HD_OP_LOG1, 3, 9000);
        asm_op2(callee, HD_OP_LOG0, 0, 9600);
        asm_op1(callee, HD_OP_CALLDATALOAD, 0);
        asm_op(callee, HD_OP_PUSH2);
        top = callee->sz;
        asm_bytes(callee, "\0\0", 2);
        asm_op(callee, HD_OP_JUMPI);
        asm_op2(callee, HD_OP_REVERT, 17, 5000);
        callee->b[top] = (uint8_t)(callee->sz >> 8);
        callee->b[top + 1] = (uint8_t)callee->sz;
        asm_op(callee, HD_OP_JUMPDEST);
        asm_return(callee, 31, 8000);
        asm_call(a, HD_OP_CALL, d, (asm_call_args){.in_off = 0, .in_sz = 32, .out_sz = 6000});
        asm_op2(a, HD_OP_MSTORE, 8000, 1);
        asm_call(a, HD_OP_CALL, d,
                 (asm_call_args){.in_off = 8000, .in_sz = 32, .out_off = 99, .out_sz = 9000});
        asm_op3(a, HD_OP_RETURNDATACOPY, 10001, 3, 7997);
        asm_op(a, HD_OP_ADD);
        asm_keep(a, 0);
        asm_return(a, 0, 18000);
        break;
    case 4: /* identity and other precompiles on much input */
        fill_memory(a, 1000);
        asm_call(a, HD_OP_CALL, addr_of(4),
                 (asm_call_args){.in_off = 1, .in_sz = 31000, .out_off = 9, .out_sz = 31000});
        asm_call(a, HD_OP_STATICCALL, addr_of(2),
                 (asm_call_args){.in_off = 3, .in_sz = 20000, .out_off = 40, .out_sz = 32});
        asm_call(a, HD_OP_CALL, addr_of(3),
                 (asm_call_args){.in_off = 3, .in_sz = 999, .out_off = 80, .out_sz = 32});
        asm_call(a, HD_OP_CALL, addr_of(1),
                 (asm_call_args){.in_off = 0, .in_sz = 128, .out_off = 120, .out_sz = 32});
        asm_call(a, HD_OP_CALL, addr_of(5),
                 (asm_call_args){.in_off = 0, .in_sz = 200, .out_off = 160, .out_sz = 32});
        asm_return(a, 0, 32000);
        break;
    case 5: /* creations in a loop, whose code is then called */
        asm_push(callee, 42);
        asm_return_top(callee);
        top = loop_begin(a, 5);
        {
            static evm_asm init;
            init.sz = 0;
            asm_op(&init, HD_OP_TIMESTAMP);
            asm_push(&init, 3);
            asm_op(&init, HD_OP_SSTORE);
            uint32_t before = init.sz;
            asm_initcode(&init, callee->b, callee->sz);
            init.b[before + 6] = (uint8_t)(13 + before); /* where the code lies now */
            asm_mem(a, 0, init.b, init.sz);
            asm_op(a, HD_OP_DUP1); /* the counter is the salt */
            asm_push(a, init.sz);
        }
        asm_push(a, 0);
        asm_push(a, 0);
        asm_op(a, HD_OP_CREATE2);
        for (uint32_t i = 0; i < 4; i++)
            asm_push(a, i == 3 ? 0 : 32 * (i == 0));
        asm_op(a, HD_OP_DUP1 + 4);
        asm_op(a, HD_OP_GAS);
        asm_op(a, HD_OP_STATICCALL);
        asm_op(a, HD_OP_POP);
        asm_op(a, HD_OP_EXTCODEHASH);
        asm_op(a, HD_OP_DUP1 + 1);
        asm_op(a, HD_OP_SSTORE);
        loop_end(a, top);
        asm_return(a, 0, 32);
        break;
    case 6: /* a dive of 200 frames, each with memory of its own, storage on the way */
        asm_op1(a, HD_OP_CALLDATALOAD, 0);
        asm_push(a, 1);
        asm_op(a, HD_OP_ADD);
        asm_op(a, HD_OP_DUP1);
        asm_keep(a, 0);
        asm_op(a, HD_OP_DUP1);
        asm_op(a, HD_OP_DUP1);
        asm_op(a, HD_OP_SSTORE);
        asm_push(a, 200);
        asm_op(a, HD_OP_GT);
        asm_op(a, HD_OP_ISZERO);
        asm_op(a, HD_OP_PUSH2);
        top = a->sz;
        asm_bytes(a, "\0\0", 2);
        asm_op(a, HD_OP_JUMPI);
        asm_push(a, 64);
        asm_push(a, 100);
        asm_push(a, 77);
        asm_push(a, 0);
        asm_push(a, 0);
        asm_op(a, HD_OP_ADDRESS);
        asm_op(a, HD_OP_GAS);
        asm_op(a, HD_OP_CALL);
        a->b[top] = (uint8_t)(a->sz >> 8);
        a->b[top + 1] = (uint8_t)a->sz;
        asm_op(a, HD_OP_JUMPDEST);
        asm_op2(a, HD_OP_KECCAK256, 0, 200);
        asm_keep(a, 32);
        asm_return(a, 0, 200);
        break;
    case 7: /* block hashes, in turn and again */
        top = loop_begin(a, 300);
        asm_op(a, HD_OP_DUP1);
        asm_push(a, 1001);
        asm_op(a, HD_OP_SUB);
        asm_op(a, HD_OP_BLOCKHASH);
        asm_op1(a, HD_OP_BLOCKHASH, 990);
        asm_op(a, HD_OP_XOR);
        asm_op1(a, HD_OP_MLOAD, 0);
        asm_op(a, HD_OP_ADD);
        asm_keep(a, 0);
        loop_end(a, top);
        asm_return(a, 0, 32);
        break;
    default: /* memory at once, then out of gas in the middle of a copy's price */
        asm_op1(a, HD_OP_MLOAD, 100000);
        asm_op3(a, HD_OP_MCOPY, 1, 0, 100000);
        asm_op3(a, HD_OP_MCOPY, 0, 0, 1ull << 30);
        break;
    }
}

static const hd_batch *program_batch(uint32_t kind) {
    static uint8_t data[16384];
    random_batch *b = &the_batch;
    evm_asm *a = &programs[0], *callee = &programs[1];
    hd_address sender = random_sender(), c = addr_of(0xc000), d = addr_of(0xc001);
    program_make(a, callee, kind);
    if (!b->states[0])
        b->states[0] = hd_state_new();
    assert_non_null(b->states[0]);
    hd_state *s = b->states[0];
    hd_state_reset(s);
    assert_int_equal(
        hd_state_set(s, &sender, 0, hd_u256_shl_bits(hd_u256_from_u64(1), 80), NULL, 0), HD_OK);
    assert_int_equal(hd_state_set(s, &c, 1, hd_u256_from_u64(9), a->b, a->sz), HD_OK);
    assert_int_equal(hd_state_set(s, &d, 1, hd_u256_from_u64(9), callee->b, callee->sz), HD_OK);
    hd_state_world(&b->worlds[0], s);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 151 + (i >> 8));
    memset(data, 0, 32); /* counters begin at 0 */
    hd_env *e = &b->envs[0];
    memset(e, 0, sizeof *e);
    e->fork = HD_FORK_CANCUN; /* Prague's floor for calldata would hide a wrong gas */
    e->number = 1000;
    e->timestamp = 77;
    e->gas_limit = 30000000;
    e->chain_id = 1;
    e->coinbase = addr_of(0xc01bc01b);
    hd_tx *tx = &b->txs[0];
    memset(tx, 0, sizeof *tx);
    tx->gas_limit = HD_EVM_TX_GAS_CAP;
    tx->gas_price = tx->priority_fee = hd_u256_from_u64(7);
    tx->sender = sender;
    tx->to = c;
    tx->data_sz = sizeof data;
    memset(&b->batch, 0, sizeof b->batch);
    b->batch.worlds = b->worlds;
    b->batch.envs = b->envs;
    b->batch.txs = b->txs;
    b->batch.data = data;
    b->batch.data_sz = sizeof data;
    b->batch.world_cnt = b->batch.env_cnt = b->batch.tx_cnt = 1;
    b->batch.blockhash = random_blockhash;
    return &b->batch;
}

static void long_work_in_small_pieces_ends_as_in_one(void **state) {
    (void)state;
    static const int64_t fuels[] = {1, 7, 100, 5000, 0};
    hd_lane_class cls = class_large();
    drive_tally tally;
    memset(&tally, 0, sizeof tally);
    for (uint32_t kind = 0; kind < PROGRAM_CNT; kind++) {
        const hd_batch *b = program_batch(kind);
        assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
        compare_print("program", want.receipts);
        assert_int_equal(want.receipts->status,
                         kind == PROGRAM_CNT - 1 ? HD_TX_HALT : HD_TX_SUCCESS);
        for (uint32_t k = 0; k < sizeof fuels / sizeof *fuels; k++) {
            test_lane t;
            drive d = {.batch = b, .fuel = fuels[k], .seed = kind};
            lane_open(&t, &cls);
            uint64_t before = tally.run_cnt;
            assert_int_equal(drive_lane(&have, &tally, &t, &d), HD_STOP_DONE);
            expect_as_plain(0, "pieces", kind);
            lane_expect_alone(&t);
            lane_close(&t);
            if (fuels[k] == 1) /* it was stopped often, and not at jumps alone */
                assert_true(tally.run_cnt - before > 20);
        }
    }
    assert_true(tally.blockhash_cnt > 500 && tally.precompile_cnt > 10);
}

static void random_programs_in_small_pieces_end_as_in_one(void **state) {
    (void)state;
    hd_lane_class cls = class_large();
    drive_tally tally;
    test_lane t;
    uint32_t too_large_cnt = 0;
    memset(&tally, 0, sizeof tally);
    lane_open(&t, &cls); /* one lane for all: what is left over must not matter */
    uint32_t cnt = batch_cnt(6);
    for (uint32_t k = 0; k < cnt; k++) {
        uint64_t seed = batch_seed() + (uint64_t)k * BATCH_TX_CNT;
        const hd_batch *b = batch_make(seed, k % 3 == 2 ? HD_BATCH_READS : 0);
        assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
        for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
            drive d = {.batch = b, .tx_idx = i, .fuel = i % 4 ? 0 : 1, .seed = seed + i};
            if (drive_lane(&have, &tally, &t, &d) == HD_STOP_DONE)
                expect_as_plain(i, "pieces", seed + i);
            else
                too_large_cnt++;
        }
    }
    lane_expect_alone(&t);
    lane_close(&t);
    print_message("%llu runs for %u programs, %u needed more memory\n",
                  (unsigned long long)tally.run_cnt, cnt * BATCH_TX_CNT, too_large_cnt);
    assert_true(too_large_cnt < cnt * BATCH_TX_CNT / 20);
    assert_true(tally.run_cnt > 3ull * cnt * BATCH_TX_CNT);
}

/* ---- memory ---- */

/* The large class with one region (or all) so small that many programs do not fit. */
#define REGION_CNT 10u

static hd_lane_class class_small(uint32_t region) {
    hd_lane_class c = class_large();
    int all = region == REGION_CNT - 1;
    if (region == 0 || all)
        c.frame_max = 1;
    if (region == 1 || all)
        c.stack_max = 7;
    if (region == 2 || all)
        c.memory_max = 96;
    if (region == 3 || all)
        c.ret_max = 31;
    if (region == 4 || all) {
        c.account_max = 4;
        c.account_index_max = 8;
    }
    if (region == 5 || all) {
        c.slot_max = 2;
        c.slot_index_max = 4;
    }
    if (region == 6 || all)
        c.journal_max = 16;
    if (region == 7 || all)
        c.log_max = 5;
    if (region == 8 || all)
        c.linear_sz = 256;
    return c;
}

static void a_lane_too_small_asks_for_memory_and_gives_no_wrong_receipt(void **state) {
    (void)state;
    uint32_t cnt = batch_cnt(4);
    for (uint32_t region = 0; region < REGION_CNT; region++) {
        hd_lane_class cls = class_small(region);
        uint32_t small_cnt = 0, done_cnt = 0;
        drive_tally tally;
        test_lane t;
        memset(&tally, 0, sizeof tally);
        lane_open(&t, &cls);
        for (uint32_t k = 0; k < cnt; k++) {
            uint64_t seed = batch_seed() + (uint64_t)k * BATCH_TX_CNT;
            const hd_batch *b = batch_make(seed, 0);
            assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
            for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
                drive d = {.batch = b, .tx_idx = i, .fuel = 1 << 20, .seed = seed + i};
                if (drive_lane(&have, &tally, &t, &d) == HD_STOP_NEED_MEMORY) {
                    small_cnt++;
                } else {
                    done_cnt++;
                    expect_as_plain(i, "small", seed + i);
                }
            }
        }
        lane_expect_alone(&t);
        lane_close(&t);
        print_message("region %u: %u done, %u need memory\n", region, done_cnt, small_cnt);
        assert_true(small_cnt > 0 && done_cnt > 0);
    }
}

static void a_lane_that_grows_until_it_suffices_ends_as_a_large_one(void **state) {
    (void)state;
    uint64_t seed = batch_seed();
    const hd_batch *b = batch_make(seed, 0);
    assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
    drive_tally tally;
    memset(&tally, 0, sizeof tally);
    for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
        hd_lane_class cls = class_small(REGION_CNT - 1);
        drive d = {.batch = b, .tx_idx = i, .fuel = 50, .seed = seed + i};
        uint32_t stop = HD_STOP_NEED_MEMORY;
        for (uint32_t n = 0; n < 14 && stop == HD_STOP_NEED_MEMORY; n++) {
            test_lane t;
            lane_open(&t, &cls);
            stop = drive_lane(&have, &tally, &t, &d);
            lane_expect_alone(&t);
            lane_close(&t);
            hd_lane_class large = class_large();
            cls.frame_max = HD_MIN(2 * cls.frame_max, large.frame_max);
            cls.stack_max = HD_MIN(2 * cls.stack_max, large.stack_max);
            cls.memory_max = HD_MIN(2 * cls.memory_max, large.memory_max);
            cls.ret_max = HD_MIN(2 * cls.ret_max, large.ret_max);
            cls.account_max = HD_MIN(2 * cls.account_max, large.account_max);
            cls.slot_max = HD_MIN(2 * cls.slot_max, large.slot_max);
            cls.journal_max = HD_MIN(2 * cls.journal_max, large.journal_max);
            cls.log_max = HD_MIN(2 * cls.log_max, large.log_max);
            cls.account_index_max = HD_MIN(2 * cls.account_index_max, large.account_index_max);
            cls.slot_index_max = HD_MIN(2 * cls.slot_index_max, large.slot_index_max);
            cls.linear_sz = HD_MIN(2 * cls.linear_sz, large.linear_sz);
        }
        if (stop == HD_STOP_DONE)
            expect_as_plain(i, "grown", seed + i);
        else /* beyond the large class as well */
            assert_true(want.receipts[i].work > 2000);
    }
}

/* ---- an incomplete world ---- */

static void what_an_incomplete_world_lacks_is_asked_for_and_supplied(void **state) {
    (void)state;
    hd_lane_class cls = class_large();
    hd_state *partial = hd_state_new();
    drive_tally tally;
    test_lane t;
    assert_non_null(partial);
    memset(&tally, 0, sizeof tally);
    lane_open(&t, &cls);
    uint32_t cnt = batch_cnt(4), done_cnt = 0;
    for (uint32_t k = 0; k < cnt; k++) {
        uint64_t seed = batch_seed() + (uint64_t)k * BATCH_TX_CNT;
        const hd_batch *b = batch_make(seed, k % 2 ? HD_BATCH_READS : 0);
        assert_int_equal(hd_exec_run(plain, &want, b), HD_OK);
        for (uint32_t i = 0; i < BATCH_TX_CNT; i++) {
            /* Code must not move while a lane runs it: a state that is reset keeps its memory. */
            assert_int_equal(hd_state_copy(partial, the_batch.states[i]), HD_OK);
            hd_state_reset(partial);
            drive d = {.batch = b,
                       .tx_idx = i,
                       .fuel = i % 2 ? 30 : 1 << 20,
                       .seed = seed + i,
                       .truth = the_batch.states[i],
                       .partial = partial};
            if (drive_lane(&have, &tally, &t, &d) == HD_STOP_DONE) {
                expect_as_plain(i, "partial", seed + i);
                done_cnt++;
            }
        }
    }
    lane_expect_alone(&t);
    lane_close(&t);
    hd_state_free(partial);
    print_message("%llu accounts and %llu slots supplied\n", (unsigned long long)tally.account_cnt,
                  (unsigned long long)tally.slot_cnt);
    assert_true(done_cnt > cnt * BATCH_TX_CNT * 9 / 10);
    assert_true(tally.account_cnt > 2ull * done_cnt && tally.slot_cnt > done_cnt / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_work_in_small_pieces_ends_as_in_one),
        cmocka_unit_test(random_programs_in_small_pieces_end_as_in_one),
        cmocka_unit_test(a_lane_too_small_asks_for_memory_and_gives_no_wrong_receipt),
        cmocka_unit_test(a_lane_that_grows_until_it_suffices_ends_as_a_large_one),
        cmocka_unit_test(what_an_incomplete_world_lacks_is_asked_for_and_supplied),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
