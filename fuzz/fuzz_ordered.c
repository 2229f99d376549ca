/* fuzz_ordered.c - a small block by hd_exec_ordered, in chunks, against the same transactions one
   after the other: receipts, outputs, logs, changes and the state's root must be the same. */
#include "fuzz_world.h"

#include "exec/hd_exec_ordered.h"

#define TX_MAX 24u
#define SENDER_CNT 4u
#define GAS_MAX 300000u
#define BLOCK_GAS_MAX 6000000u
#define CALLDATA_MAX 64u
#define DATA_MAX (TX_MAX * (CALLDATA_MAX + 3 * sizeof(hd_auth) + 8))
#define KEPT_SZ_MAX (1u << 24) /* every transaction may return as much as its gas pays for */

/* The ways to run: workers of a pool, the device's layout, its dispatch. */
enum { HOST, TILED, SWITCH, WAY_CNT };

static struct {
    hd_state *state, *serial_state;
    hd_exec *ways[WAY_CNT];
    hd_exec *alone;
    hd_results one;
} shared;

/* What became of a block: receipts without what hangs on how it was run, and the bytes of all that
   was exported and is a change. */
typedef struct {
    uint32_t tx_cnt;
    size_t sz;
    uint8_t bytes[KEPT_SZ_MAX];
    hd_hash root;
} ending;

static struct {
    hd_env envs[2];
    hd_tx txs[TX_MAX];
    uint32_t tx_cnt;
    uint64_t data[DATA_MAX / 8]; /* aligned for hd_auth */
    size_t data_sz;
    uint32_t chunk_cnt;
    uint64_t work_max;
    uint32_t way;
} the_case;

static ending ended, ended_serially;

/* ---- the case */

#define TX_TYPE 0x07u
#define TX_CREATE 0x08u
#define TX_VALUE 0x10u
#define TX_NONCE_WRONG 0x20u
#define TX_SKIP_CHECKS 0x40u
#define TX_CALLDATA 0x80u

static hd_address sender_of(uint32_t idx) {
    hd_address a = hd_fuzz_addr((uint8_t)(HD_FUZZ_ADDR_SENDER + idx));
    return a;
}

static void put_data(const void *p, size_t sz) {
    HD_FUZZ_CHECK(the_case.data_sz + sz <= sizeof the_case.data);
    if (sz)
        memcpy((uint8_t *)the_case.data + the_case.data_sz, p, sz);
    the_case.data_sz += sz;
}

static void put_auths(hd_tx *tx, hd_fuzz_in *in) {
    static const uint8_t zero[8];
    put_data(zero, (8 - the_case.data_sz % 8) % 8);
    tx->auth_off = the_case.data_sz;
    tx->auth_cnt = hd_fuzz_u8(in) % 3 + 1;
    for (uint32_t i = 0; i < tx->auth_cnt; i++) {
        hd_auth auth;
        uint32_t who = hd_fuzz_u8(in), how = hd_fuzz_u8(in);
        memset(&auth, 0, sizeof auth);
        auth.chain_id = hd_u256_from_u64(how & 1);
        auth.nonce = how >> 1 & 7;
        auth.address = hd_fuzz_addr(how & 0x80 ? 0 : hd_fuzz_address(who >> 3));
        auth.authority = how & 0x40 ? sender_of(who) : hd_fuzz_addr(hd_fuzz_address(who));
        if (who & 4)
            auth.authority = sender_of(who & 3);
        auth.flags = HD_AUTH_SIGNER;
        put_data(&auth, sizeof auth);
    }
}

static void put_tx(hd_fuzz_in *in, uint64_t nonces[SENDER_CNT]) {
    static const uint8_t hash[32] = {1};
    hd_tx *tx = &the_case.txs[the_case.tx_cnt++];
    uint32_t kind = hd_fuzz_u8(in), who = hd_fuzz_u8(in), gas = hd_fuzz_u8(in);
    memset(tx, 0, sizeof *tx);
    tx->type = (kind & TX_TYPE) <= HD_TX_SET_CODE ? kind & TX_TYPE : HD_TX_LEGACY;
    tx->flags =
        (kind & TX_CREATE ? HD_TX_CREATE : 0) | (kind & TX_SKIP_CHECKS ? HD_TX_SKIP_CHECKS : 0);
    tx->gas_limit = 20000 + gas * (GAS_MAX / 256);
    tx->gas_price = hd_u256_from_u64(10);
    tx->priority_fee = hd_u256_from_u64(tx->type >= HD_TX_DYNAMIC_FEE ? 2 : 10);
    tx->sender = sender_of(who % SENDER_CNT);
    tx->nonce = nonces[who % SENDER_CNT]++;
    if (kind & TX_NONCE_WRONG)
        tx->nonce += hd_fuzz_u8(in) - 2u;
    tx->to = who & 0x04 ? sender_of(who >> 5) : hd_fuzz_addr(hd_fuzz_address(who >> 5));
    if (kind & TX_VALUE)
        tx->value_wei = hd_u256_from_u64(hd_fuzz_u8(in));
    if (kind & TX_CALLDATA) {
        hd_fuzz_in calldata = hd_fuzz_take(in, hd_fuzz_u8(in) % (CALLDATA_MAX + 1));
        tx->data_off = the_case.data_sz;
        tx->data_sz = (uint32_t)calldata.sz;
        put_data(calldata.data, calldata.sz);
    }
    if (tx->type == HD_TX_BLOB) {
        tx->blob_fee = hd_u256_from_u64(1);
        tx->blob_off = the_case.data_sz;
        tx->blob_cnt = who >> 3 & 3;
        for (uint32_t i = 0; i < tx->blob_cnt && i < 1; i++)
            put_data(hash, sizeof hash);
        tx->blob_cnt = HD_MIN(tx->blob_cnt, 1);
    }
    if (tx->type == HD_TX_SET_CODE)
        put_auths(tx, in);
    /* The second environment is the next block; there is no way back. */
    tx->env_idx = the_case.tx_cnt > 1 ? the_case.txs[the_case.tx_cnt - 2].env_idx : 0;
    if ((who & 0x18) == 0x18 && tx->env_idx == 0)
        tx->env_idx = 1;
}

static void make_env(uint32_t idx, uint32_t fork, uint32_t how, uint32_t gas) {
    static const uint8_t coinbases[4] = {HD_FUZZ_ADDR_COINBASE, HD_FUZZ_ADDR_A, HD_FUZZ_ADDR_NOBODY,
                                         HD_FUZZ_ADDR_SENDER};
    hd_env *env = &the_case.envs[idx];
    memset(env, 0, sizeof *env);
    env->fork = fork;
    env->number = 1000 + idx;
    env->timestamp = 1700000000 + 12 * idx;
    env->gas_limit = BLOCK_GAS_MAX / 256 * (gas + 1);
    env->chain_id = 1;
    env->blob_cnt_max = how >> 2 & 3;
    env->difficulty = hd_u256_from_u64(0x20000);
    if (fork >= HD_FORK_LONDON)
        env->base_fee = hd_u256_from_u64(how & 0x10 ? 10 : 7);
    if (fork >= HD_FORK_CANCUN)
        env->blob_base_fee = hd_u256_from_u64(1);
    env->coinbase = hd_fuzz_addr(coinbases[how & 3]);
}

static void make_state(uint32_t fork, uint32_t how, const hd_fuzz_codes *codes) {
    hd_fuzz_world_make(shared.state, fork, how & 1 ? HD_FUZZ_WORLD_STORAGE : 0, how >> 1 & 3,
                       codes);
    /* Rich, rich, able to pay for one transaction or two, empty. */
    static const uint64_t wei[SENDER_CNT] = {1000000000000000, 1000000000000000, 3100000, 0};
    for (uint32_t i = 0; i < SENDER_CNT; i++) {
        hd_address a = sender_of(i);
        HD_FUZZ_CHECK(hd_state_set(shared.state, &a, 0, hd_u256_from_u64(wei[i]), NULL, 0) ==
                      HD_OK);
    }
    HD_FUZZ_CHECK(hd_state_copy(shared.serial_state, shared.state) == HD_OK);
}

/* ---- what became of it */

static void keep(ending *e, const void *p, size_t sz) {
    if (sz == 0)
        return;
    HD_FUZZ_CHECK(sz <= KEPT_SZ_MAX - e->sz);
    memcpy(e->bytes + e->sz, p, sz);
    e->sz += sz;
}

static hd_err keep_receipt(void *ctx, uint32_t tx_idx, const hd_receipt *r,
                           const hd_results *from) {
    ending *e = ctx;
    hd_receipt plain = *r;
    HD_FUZZ_CHECK(tx_idx == e->tx_cnt);
    e->tx_cnt++;
    plain.output_off = plain.account_off = plain.slot_off = plain.log_off = 0;
    plain.account_cnt = plain.slot_cnt = 0; /* a chunk's hold reads too */
    keep(e, &plain, sizeof plain);
    keep(e, from->bytes + r->output_off, r->output_sz);
    for (uint32_t i = 0; i < r->account_cnt; i++) {
        hd_account_diff d = from->accounts[r->account_off + i];
        if (!(d.flags & HD_DIFF_CHANGED))
            continue;
        if (d.flags & HD_DIFF_CODE)
            keep(e, from->bytes + d.code_off, d.code_sz);
        d.code_off = 0;
        keep(e, &d, sizeof d);
    }
    for (uint32_t i = 0; i < r->slot_cnt; i++) {
        hd_slot_diff d = from->slots[r->slot_off + i];
        if (!(d.flags & HD_DIFF_CHANGED))
            continue;
        HD_FUZZ_CHECK(d.account_idx < r->account_cnt);
        keep(e, &from->accounts[r->account_off + d.account_idx].addr, sizeof(hd_address));
        d.account_idx = 0;
        keep(e, &d, sizeof d);
    }
    for (uint32_t i = 0; i < r->log_cnt; i++) {
        hd_log_entry l = from->logs[r->log_off + i];
        keep(e, from->bytes + l.data_off, l.data_sz);
        l.data_off = 0;
        keep(e, &l, sizeof l);
    }
    return HD_OK;
}

/* The definition: one transaction after the other, in blocks of what is left. */
static void run_serially(ending *e) {
    uint64_t gas_used = 0, blob_cnt = 0;
    e->tx_cnt = 0;
    e->sz = 0;
    for (uint32_t i = 0; i < the_case.tx_cnt; i++) {
        hd_tx tx = the_case.txs[i];
        hd_env env = the_case.envs[tx.env_idx];
        hd_world world;
        if (i && tx.env_idx != the_case.txs[i - 1].env_idx)
            gas_used = blob_cnt = 0;
        if (!(tx.flags & HD_TX_SKIP_CHECKS)) {
            if (tx.gas_limit > env.gas_limit - gas_used ||
                (tx.blob_cnt && blob_cnt + tx.blob_cnt > env.blob_cnt_max)) {
                env.gas_limit -= gas_used;
                env.blob_cnt_max -= (uint32_t)blob_cnt;
            }
        }
        tx.env_idx = 0;
        hd_state_world(&world, shared.serial_state);
        hd_batch batch = {.worlds = &world,
                          .envs = &env,
                          .txs = &tx,
                          .data = (const uint8_t *)the_case.data,
                          .data_sz = the_case.data_sz,
                          .world_cnt = 1,
                          .env_cnt = 1,
                          .tx_cnt = 1,
                          .blockhash = hd_fuzz_blockhash};
        HD_FUZZ_CHECK(hd_exec_run(shared.alone, &shared.one, &batch) == HD_OK);
        const hd_receipt *r = shared.one.receipts;
        keep_receipt(e, i, r, &shared.one);
        HD_FUZZ_CHECK(hd_state_apply(shared.serial_state, r, shared.one.accounts, shared.one.slots,
                                     shared.one.bytes, &env.coinbase, env.fork) == HD_OK);
        if (r->status < HD_TX_INVALID && !(tx.flags & HD_TX_SKIP_CHECKS)) {
            gas_used += r->gas_used;
            blob_cnt += tx.blob_cnt;
        }
    }
    HD_FUZZ_CHECK(hd_state_root(&e->root, shared.serial_state) == HD_OK);
}

static void run_ordered(ending *e) {
    hd_ordered_stats stats;
    hd_sequence seq = {.txs = the_case.txs,
                       .envs = the_case.envs,
                       .data = (const uint8_t *)the_case.data,
                       .data_sz = the_case.data_sz,
                       .tx_cnt = the_case.tx_cnt,
                       .env_cnt = 2,
                       .chunk_cnt = the_case.chunk_cnt,
                       .flags = HD_ORDERED_NEVER_SERIAL,
                       .chunk_work_max = the_case.work_max,
                       .blockhash = hd_fuzz_blockhash,
                       .receipt = keep_receipt,
                       .receipt_ctx = e};
    e->tx_cnt = 0;
    e->sz = 0;
    HD_FUZZ_CHECK(hd_exec_ordered(shared.ways[the_case.way], shared.state, &seq, &stats) == HD_OK);
    /* A transaction runs again at most once a round, and once more in order. */
    HD_FUZZ_CHECK(stats.chunk_tx_cnt == the_case.tx_cnt && stats.rerun_cnt <= 10 * the_case.tx_cnt);
    HD_FUZZ_CHECK(hd_state_root(&e->root, shared.state) == HD_OK);
}

static void open_all(void) {
    static const hd_exec_options options[WAY_CNT] = {
        {.backend = HD_BACKEND_HOST, .threads = 2},
        {.backend = HD_BACKEND_TILED, .threads = 1},
        {.backend = HD_BACKEND_SWITCH, .threads = 1},
    };
    hd_exec_options alone = {.backend = HD_BACKEND_HOST, .threads = 1};
    shared.state = hd_state_new();
    shared.serial_state = hd_state_new();
    HD_FUZZ_CHECK(shared.state != NULL && shared.serial_state != NULL);
    for (int i = 0; i < WAY_CNT; i++)
        HD_FUZZ_CHECK(hd_exec_open(&shared.ways[i], &options[i]) == HD_OK);
    HD_FUZZ_CHECK(hd_exec_open(&shared.alone, &alone) == HD_OK);
}

void hd_fuzz_ordered(const uint8_t *data, size_t sz) {
    static hd_fuzz_codes codes;
    hd_fuzz_in in = {data, sz};
    uint64_t nonces[SENDER_CNT] = {0};
    if (!shared.state)
        open_all();
    uint32_t fork = hd_fuzz_u8(&in) % HD_FORK_CNT;
    uint32_t how = hd_fuzz_u8(&in), state_how = hd_fuzz_u8(&in), run_how = hd_fuzz_u8(&in);
    make_env(0, fork, how, hd_fuzz_u8(&in));
    /* The second block may be the first of the next fork. */
    make_env(1, HD_MIN(fork + (state_how >> 3 & 1), HD_FORK_CNT - 1), how >> 3, 255);
    uint32_t tx_cnt = hd_fuzz_u8(&in) % (TX_MAX + 1);
    hd_fuzz_in part_a = hd_fuzz_take(&in, hd_fuzz_u16(&in) % 1024);
    hd_fuzz_in part_b = hd_fuzz_take(&in, hd_fuzz_u16(&in) % 1024);
    codes.a_sz = hd_fuzz_assemble(codes.a, sizeof codes.a, part_a);
    codes.b_sz = hd_fuzz_assemble(codes.b, sizeof codes.b, part_b);
    the_case.tx_cnt = 0;
    the_case.data_sz = 0;
    the_case.chunk_cnt = (run_how & 15) + 2;
    the_case.work_max = run_how & 16 ? 200 : 0;
    the_case.way = (run_how >> 5) % WAY_CNT;
    for (uint32_t i = 0; i < tx_cnt; i++)
        put_tx(&in, nonces);
    make_state(fork, state_how, &codes);
    run_serially(&ended_serially);
    run_ordered(&ended);
    HD_FUZZ_CHECK(ended.tx_cnt == ended_serially.tx_cnt);
    HD_FUZZ_CHECK(ended.sz == ended_serially.sz);
    HD_FUZZ_CHECK(memcmp(ended.bytes, ended_serially.bytes, ended.sz) == 0);
    HD_FUZZ_CHECK(memcmp(&ended.root, &ended_serially.root, sizeof ended.root) == 0);
}
