/* fuzz_core.c - the machine against itself: one transaction on the host's computed goto, the host's
   switch, the device's lane layout and the traced variant. Receipt, accounts, slots, logs and bytes
   must be the same, no ether may appear, and none may vanish but where an account is destroyed. */
#include "fuzz.h"

#include "evm/hd_opcodes.h"
#include "exec/hd_binding.h"
#include "exec/hd_lane_memory.h"
#include "fuzz_world.h"

#define GAS_MAX 1000000u
#define CALLDATA_MAX 2048u
#define WORK_MAX ((uint64_t)1 << 24)
#define WORK_TRIM (1u << 16) /* what touches more gives its pages back at once */
#define TX_DATA_MAX 8192u

enum { PLAIN, SWITCH, TILED, TRACED, BINDING_CNT };

/* Lanes are used again and again, as in a batch: what a transaction leaves behind must not matter.
 */
static struct {
    hd_state *state;
    hd_lane_memory lanes[BINDING_CNT];
    hd_results out[BINDING_CNT];
    uint64_t run_cnt;
} shared;

static struct {
    hd_world world;
    hd_env env;
    hd_tx tx;
    uint64_t data[TX_DATA_MAX / 8]; /* aligned for hd_auth */
    size_t data_sz;
} the_case;

/* What the case's first bytes choose. */
#define KIND_TYPE 0x07u
#define KIND_CREATE 0x08u
#define KIND_ASSEMBLE_A 0x10u
#define KIND_ASSEMBLE_B 0x20u
#define KIND_VALUE 0x40u
#define KIND_TO_DELEGATED 0x80u

#define MISC_ACCESS 0x01u
#define MISC_TO_PRECOMPILE 0x02u
#define MISC_TO_B 0x04u
#define MISC_STORAGE 0x08u
#define MISC_POOR 0x10u
#define MISC_SKIP_CHECKS 0x20u
#define MISC_COINBASE_A 0x40u
#define MISC_COINBASE_NOBODY 0x80u

static void put_data(const void *p, size_t sz) {
    HD_FUZZ_CHECK(the_case.data_sz + sz <= TX_DATA_MAX);
    if (sz)
        memcpy((uint8_t *)the_case.data + the_case.data_sz, p, sz);
    the_case.data_sz += sz;
}

static void put_access(hd_tx *tx) {
    static const uint8_t who[2] = {HD_FUZZ_ADDR_A, HD_FUZZ_ADDR_NOBODY};
    tx->access_off = the_case.data_sz;
    for (uint32_t i = 0; i < 2; i++) {
        hd_address a = hd_fuzz_addr(who[i]);
        uint8_t cnt[4] = {(uint8_t)(2 * i)}, key[32] = {0};
        put_data(a.b, sizeof a.b);
        put_data(cnt, sizeof cnt);
        for (key[31] = 0; key[31] < cnt[0]; key[31]++)
            put_data(key, sizeof key);
    }
    tx->access_cnt = 2;
    tx->access_key_cnt = 2;
    tx->access_sz = (uint32_t)(the_case.data_sz - tx->access_off);
}

static void put_auths(hd_tx *tx, hd_fuzz_in *in, uint32_t cnt) {
    static const uint8_t zero[8];
    put_data(zero, (8 - the_case.data_sz % 8) % 8);
    tx->auth_off = the_case.data_sz;
    tx->auth_cnt = cnt;
    for (uint32_t i = 0; i < cnt; i++) {
        hd_auth auth;
        uint32_t who = hd_fuzz_u8(in), how = hd_fuzz_u8(in);
        memset(&auth, 0, sizeof auth);
        auth.chain_id = hd_u256_from_u64(how & 3);
        auth.nonce = how >> 2 & 3;
        auth.address = hd_fuzz_addr(how & 0x80 ? (uint8_t)(who >> 5) : hd_fuzz_address(who >> 3));
        if (!(how & 0x40)) {
            auth.authority = hd_fuzz_addr(hd_fuzz_address(who));
            auth.flags = HD_AUTH_SIGNER;
        }
        put_data(&auth, sizeof auth);
    }
}

static void make_env(uint32_t fork, uint32_t misc) {
    hd_env *env = &the_case.env;
    memset(env, 0, sizeof *env);
    env->fork = fork;
    env->number = 1000;
    env->timestamp = 1700000000;
    env->gas_limit = 30000000;
    env->chain_id = 1;
    env->blob_cnt_max = 6;
    env->difficulty = hd_u256_from_u64(0x20000);
    if (fork >= HD_FORK_LONDON)
        env->base_fee = hd_u256_from_u64(7);
    if (fork >= HD_FORK_CANCUN)
        env->blob_base_fee = hd_u256_from_u64(1);
    env->coinbase = hd_fuzz_addr(misc & MISC_COINBASE_A        ? HD_FUZZ_ADDR_A
                                 : misc & MISC_COINBASE_NOBODY ? HD_FUZZ_ADDR_NOBODY
                                                               : HD_FUZZ_ADDR_COINBASE);
}

static void make_tx(hd_fuzz_in *in, uint32_t gas, uint32_t kind, uint32_t misc, uint32_t more,
                    hd_fuzz_in calldata) {
    hd_tx *tx = &the_case.tx;
    memset(tx, 0, sizeof *tx);
    the_case.data_sz = 0;
    tx->type = (kind & KIND_TYPE) <= HD_TX_SET_CODE ? kind & KIND_TYPE : HD_TX_LEGACY;
    tx->flags =
        (kind & KIND_CREATE ? HD_TX_CREATE : 0) | (misc & MISC_SKIP_CHECKS ? HD_TX_SKIP_CHECKS : 0);
    tx->gas_limit = gas;
    tx->gas_price = hd_u256_from_u64(10);
    tx->priority_fee = hd_u256_from_u64(tx->type >= HD_TX_DYNAMIC_FEE ? 2 : 10);
    tx->sender = hd_fuzz_addr(HD_FUZZ_ADDR_SENDER);
    tx->to = hd_fuzz_addr(kind & KIND_TO_DELEGATED    ? HD_FUZZ_ADDR_DELEGATED
                          : misc & MISC_TO_PRECOMPILE ? (uint8_t)(more & 31)
                          : misc & MISC_TO_B          ? HD_FUZZ_ADDR_B
                                                      : HD_FUZZ_ADDR_A);
    if (kind & KIND_VALUE)
        tx->value_wei = hd_u256_from_u64(more & 31);
    tx->data_off = 0;
    tx->data_sz = (uint32_t)calldata.sz;
    put_data(calldata.data, calldata.sz);
    if (misc & MISC_ACCESS && tx->type != HD_TX_LEGACY)
        put_access(tx);
    if (tx->type == HD_TX_BLOB) {
        uint8_t hash[32] = {1};
        tx->blob_fee = hd_u256_from_u64(1);
        tx->blob_off = the_case.data_sz;
        tx->blob_cnt = more & 3;
        for (uint32_t i = 0; i < tx->blob_cnt; i++)
            put_data(hash, sizeof hash);
    }
    if (tx->type == HD_TX_SET_CODE)
        put_auths(tx, in, more & 3);
}

static void on_step(void *ctx, const hd_trace_step *step) {
    if (step->op == HD_OP_SELFDESTRUCT)
        *(int *)ctx = 1;
}

static void check_same(hd_err err, const hd_receipt *receipt, const hd_results *out,
                       hd_err plain_err, const hd_receipt *plain_receipt, const hd_results *plain) {
    HD_FUZZ_CHECK(err == plain_err);
    if (err != HD_OK)
        return;
    HD_FUZZ_CHECK(receipt->work == plain_receipt->work);
    HD_FUZZ_CHECK(receipt->status == plain_receipt->status);
    HD_FUZZ_CHECK(receipt->error == plain_receipt->error);
    HD_FUZZ_CHECK(receipt->gas_used == plain_receipt->gas_used);
    HD_FUZZ_CHECK(memcmp(receipt, plain_receipt, sizeof *receipt) == 0);
    HD_FUZZ_CHECK(out->account_cnt == plain->account_cnt && out->slot_cnt == plain->slot_cnt &&
                  out->log_cnt == plain->log_cnt && out->bytes_sz == plain->bytes_sz);
#define SAME(member, cnt) \
    HD_FUZZ_CHECK(plain->cnt == 0 || \
                  memcmp(out->member, plain->member, plain->cnt * sizeof *plain->member) == 0)
    SAME(accounts, account_cnt);
    SAME(slots, slot_cnt);
    SAME(logs, log_cnt);
    SAME(bytes, bytes_sz);
#undef SAME
}

static void add(hd_u256 *sum, hd_u256 x) { HD_FUZZ_CHECK(!hd_u256_add_carry(sum, *sum, x)); }

/* Every wei that leaves an account arrives in another or is a fee. */
static void check_ether(const hd_receipt *r, const hd_results *out, int is_destroyed) {
    const hd_tx *tx = &the_case.tx;
    const hd_env *env = &the_case.env;
    hd_u256 before = hd_u256_zero(), after = hd_u256_zero();
    HD_FUZZ_CHECK(r->gas_used <= tx->gas_limit);
    for (size_t i = 0; i < out->account_cnt; i++) {
        const hd_account_diff *a = &out->accounts[i];
        add(&before, a->original_balance_wei);
        if (!(a->flags & HD_DIFF_DELETED))
            add(&after, a->flags & HD_DIFF_CHANGED ? a->balance_wei : a->original_balance_wei);
    }
    if (!(tx->flags & HD_TX_SKIP_CHECKS)) {
        if (!(r->flags & HD_RECEIPT_FEE_PAID))
            add(&after, r->fee_wei);
        add(&after, hd_u256_mul(env->base_fee, hd_u256_from_u64(r->gas_used)));
        add(&after, hd_u256_mul(env->blob_base_fee,
                                hd_u256_from_u64((uint64_t)tx->blob_cnt * HD_EVM_BLOB_GAS)));
    }
    if (is_destroyed)
        HD_FUZZ_CHECK(!hd_u256_lt(before, after));
    else
        HD_FUZZ_CHECK(hd_u256_is_equal(before, after));
}

static void run_all(void) {
    static hd_binding_fn *const fns[BINDING_CNT] = {hd_binding_plain, hd_binding_switch,
                                                    hd_binding_tiled, hd_binding_traced};
    hd_receipt receipts[BINDING_CNT];
    hd_err errs[BINDING_CNT];
    int is_destroyed = 0;
    hd_batch batch;
    memset(&batch, 0, sizeof batch);
    memset(receipts, 0, sizeof receipts);
    batch.worlds = &the_case.world;
    batch.envs = &the_case.env;
    batch.txs = &the_case.tx;
    batch.data = (const uint8_t *)the_case.data;
    batch.data_sz = the_case.data_sz;
    batch.world_cnt = batch.env_cnt = batch.tx_cnt = 1;
    batch.work_max = WORK_MAX;
    batch.blockhash = hd_fuzz_blockhash;
    for (int i = 0; i < BINDING_CNT; i++) {
        hd_results *out = &shared.out[i];
        hd_binding_job job = {.batch = &batch, .export_flags = HD_BATCH_READS};
        if (i == TRACED) {
            job.trace = on_step;
            job.trace_ctx = &is_destroyed;
        }
        out->account_cnt = out->slot_cnt = out->log_cnt = out->bytes_sz = 0;
        errs[i] = fns[i](&receipts[i], out, &shared.lanes[i], &job);
        /* One lane is fresh most of the time, the others hold what earlier runs left. */
        if (errs[i] != HD_OK || receipts[i].work > WORK_TRIM ||
            (i == SWITCH && shared.run_cnt % 16 == 0))
            hd_lane_memory_trim(&shared.lanes[i]);
    }
    for (int i = 1; i < BINDING_CNT; i++)
        check_same(errs[i], &receipts[i], &shared.out[i], errs[PLAIN], &receipts[PLAIN],
                   &shared.out[PLAIN]);
    HD_FUZZ_CHECK(errs[PLAIN] == HD_OK);
    HD_FUZZ_CHECK(receipts[PLAIN].status != HD_TX_PENDING &&
                  receipts[PLAIN].status < HD_TX_STATUS_CNT);
    if (receipts[PLAIN].status <= HD_TX_HALT)
        check_ether(&receipts[PLAIN], &shared.out[PLAIN], is_destroyed);
    shared.run_cnt++;
}

static size_t code_of(uint8_t *out, hd_fuzz_in in, uint32_t is_assembled) {
    if (is_assembled)
        return hd_fuzz_assemble(out, HD_FUZZ_CODE_MAX, in);
    size_t sz = HD_MIN(in.sz, HD_FUZZ_CODE_MAX);
    if (sz)
        memcpy(out, in.data, sz);
    return sz;
}

void hd_fuzz_core(const uint8_t *data, size_t sz) {
    static hd_fuzz_codes codes;
    hd_fuzz_in in = {data, sz};
    if (!shared.state) {
        shared.state = hd_state_new();
        HD_FUZZ_CHECK(shared.state != NULL);
        for (int i = 0; i < BINDING_CNT; i++)
            HD_FUZZ_CHECK(hd_lane_memory_open(&shared.lanes[i], i == TILED ? 32 : 1) == HD_OK);
    }
    uint32_t fork = hd_fuzz_u8(&in) % HD_FORK_CNT;
    uint32_t gas = hd_fuzz_u16(&in);
    gas = (gas | (uint32_t)hd_fuzz_u8(&in) << 16) % (GAS_MAX + 1);
    uint32_t kind = hd_fuzz_u8(&in);
    uint32_t misc = hd_fuzz_u8(&in);
    uint32_t more = hd_fuzz_u8(&in);
    uint32_t calldata_sz = hd_fuzz_u16(&in) % (CALLDATA_MAX + 1);
    uint32_t code_b_sz = hd_fuzz_u16(&in);
    make_env(fork, misc);
    hd_fuzz_in calldata = hd_fuzz_take(&in, calldata_sz);
    hd_fuzz_in part_b = hd_fuzz_take(&in, code_b_sz);
    codes.b_sz = code_of(codes.b, part_b, kind & KIND_ASSEMBLE_B);
    make_tx(&in, gas, kind, misc, more, calldata);
    codes.a_sz = code_of(codes.a, in, kind & KIND_ASSEMBLE_A);
    hd_fuzz_world_make(shared.state, fork,
                       (misc & MISC_STORAGE ? HD_FUZZ_WORLD_STORAGE : 0) |
                           (misc & MISC_POOR ? HD_FUZZ_WORLD_POOR : 0),
                       more >> 6, &codes);
    hd_state_world(&the_case.world, shared.state);
    run_all();
}
