/* test_block_random.c - random whole blocks: system calls, transactions, withdrawals and rewards
   end the same serially and in parallel, and are undone without a trace. */
#include "hd_test.h"

#include "exec/hd_block_exec.h"
#include "random_blocks.h"

#define SEED_CNT 60u

typedef struct {
    random_block source;
    hd_block block;
    hd_chain_rules rules;
    hd_state *state;
    hd_state_trie *trie; /* of state */
    hd_undo undo;
    hd_block_result result;
    hd_block_verdict verdict;
    hd_hash first_root;
} whole;

static whole the_whole;

/* The contracts that blocks call count what they are called with. */
static void put_system_contracts(hd_state *s) {
    static evm_asm code;
    const hd_address all[] = {hd_beacon_roots_address(), hd_history_address(),
                              hd_withdrawal_requests_address(),
                              hd_consolidation_requests_address()};
    block_code(&code, BLOCK_COUNTER);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(hd_state_set(s, &all[i], 1, hd_u256_zero(), code.b, code.sz), HD_OK);
}

static void append(hd_buf *buf, const void *p, size_t sz) {
    assert_int_equal(hd_buf_append(buf, p, sz), HD_OK);
}

/* Makes a block of the transactions of the seed's first block; those that serial execution refuses
   are left out unless with_refused is set. Its header holds what none of this looks at: zeros. */
static void make(whole *w, uint64_t seed, int with_refused) {
    random_block *r = &w->source;
    block_tally tally;
    memset(&tally, 0, sizeof tally);
    assert_int_equal(random_block_make(r, &tally, seed, 120), HD_OK);
    put_system_contracts(r->first);
    assert_int_equal(hd_state_root(&w->first_root, r->first), HD_OK);
    hd_block *b = &w->block;
    hd_block_clear(b);
    memset(&b->header, 0, sizeof b->header);
    const hd_env *env = &r->envs[0];
    b->header.number = env->number;
    b->header.timestamp = env->timestamp;
    b->header.gas_limit = 60000000;
    b->header.coinbase = env->coinbase;
    b->header.base_fee = env->base_fee;
    b->header.difficulty = env->difficulty;
    b->header.parent_hash.b[31] = (uint8_t)seed;
    append(&b->data, r->data.data, r->data.sz);
    for (uint32_t i = 0; i < r->tx_cnt; i++) {
        hd_tx tx = r->txs[i];
        if (tx.env_idx != 0 || (tx.flags & HD_TX_SKIP_CHECKS))
            continue;
        if (r->outcomes[i].status >= HD_TX_INVALID && !with_refused)
            continue;
        append(&b->txs, &tx, sizeof tx);
        b->tx_cnt++;
    }
    for (uint32_t i = 0; i < 4 && r->fork >= HD_FORK_SHANGHAI; i++) {
        hd_withdrawal wd = {.index = i, .amount_gwei = i % 3, .address = block_addr(r)};
        assert_int_equal(hd_block_add_withdrawal(b, &wd), HD_OK);
    }
    memset(&w->rules, 0, sizeof w->rules);
    w->rules.fork = r->fork;
    w->rules.flags = r->fork >= HD_FORK_PARIS ? HD_RULES_MERGED : 0;
    w->rules.blobs = hd_blob_params_of(r->fork);
    w->rules.chain_id = 1;
    w->rules.deposit_contract = hd_deposit_contract_address();
    if (!w->state)
        w->state = hd_state_new();
    assert_non_null(w->state);
    assert_int_equal(hd_state_copy(w->state, r->first), HD_OK);
    hd_state_trie_close(w->trie);
    assert_int_equal(hd_state_trie_open(&w->trie, NULL, NULL), HD_OK);
    assert_int_equal(hd_state_trie_touch_all(w->trie, w->state), HD_OK);
}

static hd_err run(whole *w, hd_exec *x, uint32_t chunk_cnt, uint32_t flags) {
    hd_block_exec_options options = {.exec = x,
                                     .chunk_cnt = chunk_cnt,
                                     .ordered_flags = chunk_cnt == 1 ? 0 : HD_ORDERED_NEVER_SERIAL,
                                     .flags = flags,
                                     .blockhash = random_blockhash,
                                     .trie = w->trie};
    return hd_block_exec(&w->result, &w->verdict, w->state, &w->undo, &w->block, &w->rules,
                         &options);
}

static void expect_root(const hd_state *s, const hd_hash *want, uint64_t seed, const char *when) {
    hd_hash root;
    assert_int_equal(hd_state_root(&root, s), HD_OK);
    if (memcmp(&root, want, sizeof root) != 0)
        fail_msg("seed %llu: another state root %s", (unsigned long long)seed, when);
}

/* Of the state, and of the tries beside it, which saw what the blocks touched alone. */
static void expect_roots(whole *w, const hd_hash *want, uint64_t seed, const char *when) {
    hd_hash root;
    expect_root(w->state, want, seed, when);
    assert_int_equal(hd_state_trie_root(&root, w->trie, w->state), HD_OK);
    if (memcmp(&root, want, sizeof root) != 0)
        fail_msg("seed %llu: another root of the tries %s", (unsigned long long)seed, when);
}

/* Leaves the state before the block. */
static void undo(whole *w, uint64_t seed) {
    assert_int_equal(hd_undo_apply(w->state, &w->undo), HD_OK);
    assert_int_equal(hd_state_trie_touch_undo(w->trie, &w->undo), HD_OK);
    hd_undo_clear(&w->undo);
    expect_roots(w, &w->first_root, seed, "after it was undone");
}

/* The header says what the result is. */
static void seal(whole *w) {
    hd_header *h = &w->block.header;
    h->gas_used = w->result.gas_used;
    h->blob_gas_used = w->result.blob_gas_used;
    memcpy(h->bloom, w->result.bloom, sizeof h->bloom);
    h->receipts_root = w->result.receipts_root;
    h->requests_hash = w->result.requests_hash;
    h->state_root = w->result.state_root;
}

static void open_exec(hd_exec **x, uint32_t threads) {
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = threads};
    assert_int_equal(hd_exec_open(x, &options), HD_OK);
}

static void close_all(whole *w) {
    random_block_free(&w->source);
    hd_block_free(&w->block);
    hd_state_free(w->state);
    hd_state_trie_close(w->trie);
    hd_undo_free(&w->undo);
    hd_block_result_free(&w->result);
    memset(w, 0, sizeof *w);
}

/* Blocks built serially are valid in parallel, and the reverse. */
static void random_whole_blocks_are_valid_however_they_run(void **state) {
    static const uint32_t threads[] = {1, 3, 8};
    hd_exec *x[3];
    whole *w = &the_whole;
    uint64_t tx_cnt = 0;
    (void)state;
    for (size_t k = 0; k < 3; k++)
        open_exec(&x[k], threads[k]);
    for (uint64_t seed = 1; seed <= SEED_CNT; seed++) {
        make(w, seed, 0);
        assert_int_equal(run(w, x[0], 1, HD_BLOCK_EXEC_NO_CHECK), HD_OK);
        if (w->verdict.status != HD_BLOCK_VALID)
            fail_msg("seed %llu: %s", (unsigned long long)seed, w->verdict.msg.text);
        tx_cnt += w->block.tx_cnt;
        seal(w);
        undo(w, seed);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(run(w, x[k], 0, 0), HD_OK);
            if (w->verdict.status != HD_BLOCK_VALID)
                fail_msg("seed %llu, %u threads: %s", (unsigned long long)seed, threads[k],
                         w->verdict.msg.text);
            expect_roots(w, &w->block.header.state_root, seed, "after the block");
            undo(w, seed);
        }
    }
    assert_true(tx_cnt > SEED_CNT * 8);
    for (size_t k = 0; k < 3; k++)
        hd_exec_close(x[k]);
    close_all(w);
}

/* A block with a transaction that is refused is invalid for the same reason, and leaves nothing. */
static void random_invalid_blocks_fail_alike_and_leave_no_trace(void **state) {
    hd_exec *x[2];
    whole *w = &the_whole;
    uint32_t invalid_cnt = 0;
    (void)state;
    open_exec(&x[0], 1);
    open_exec(&x[1], 4);
    for (uint64_t seed = 1000; seed < 1000 + SEED_CNT; seed++) {
        make(w, seed, 1);
        assert_int_equal(run(w, x[0], 1, HD_BLOCK_EXEC_NO_CHECK), HD_OK);
        hd_block_verdict serial = w->verdict;
        if (serial.status == HD_BLOCK_VALID) {
            undo(w, seed);
            continue;
        }
        invalid_cnt++;
        assert_int_equal(serial.status, HD_BLOCK_INVALID_TX);
        expect_roots(w, &w->first_root, seed, "after it failed");
        assert_int_equal(run(w, x[1], 0, HD_BLOCK_EXEC_NO_CHECK), HD_OK);
        expect_roots(w, &w->first_root, seed, "after it failed in parallel");
        assert_int_equal(w->verdict.status, serial.status);
        assert_int_equal(w->verdict.tx_idx, serial.tx_idx);
        assert_int_equal(w->verdict.tx_status, serial.tx_status);
    }
    assert_true(invalid_cnt > SEED_CNT / 3);
    hd_exec_close(x[0]);
    hd_exec_close(x[1]);
    close_all(w);
}

/* A header that says anything else is refused, and nothing remains. */
static void a_header_that_lies_leaves_no_trace(void **state) {
    hd_exec *x = NULL;
    whole *w = &the_whole;
    (void)state;
    open_exec(&x, 2);
    make(w, 7, 0);
    assert_int_equal(run(w, x, 0, HD_BLOCK_EXEC_NO_CHECK), HD_OK);
    seal(w);
    undo(w, 7);
    const hd_header honest = w->block.header;
    static const uint32_t want[] = {HD_BLOCK_INVALID_GAS_USED, HD_BLOCK_INVALID_BLOOM,
                                    HD_BLOCK_INVALID_RECEIPTS_ROOT, HD_BLOCK_INVALID_STATE_ROOT};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        hd_header *h = &w->block.header;
        *h = honest;
        h->gas_used += want[i] == HD_BLOCK_INVALID_GAS_USED;
        h->bloom[5] ^= want[i] == HD_BLOCK_INVALID_BLOOM;
        h->receipts_root.b[0] ^= want[i] == HD_BLOCK_INVALID_RECEIPTS_ROOT;
        h->state_root.b[31] ^= want[i] == HD_BLOCK_INVALID_STATE_ROOT;
        assert_int_equal(run(w, x, 0, 0), HD_OK);
        assert_int_equal(w->verdict.status, want[i]);
        expect_roots(w, &w->first_root, 7, "after it was refused");
    }
    w->block.header = honest;
    assert_int_equal(run(w, x, 0, 0), HD_OK);
    assert_int_equal(w->verdict.status, HD_BLOCK_VALID);
    hd_exec_close(x);
    close_all(w);
}

/* ---- what a block reads is enough to run it */

typedef struct {
    hd_buf accounts; /* of hd_address */
    hd_buf slots;    /* of hd_undo_slot: addr and key */
} reads;

static void note_slot(reads *r, hd_address addr, hd_u256 key) {
    hd_undo_slot s;
    memset(&s, 0, sizeof s);
    s.addr = addr;
    s.key = key;
    append(&r->slots, &s, sizeof s);
}

static hd_err note_reads(void *ctx, const hd_receipt *x, const hd_results *from) {
    reads *r = ctx;
    const hd_account_diff *accounts = from->accounts + x->account_off;
    for (uint32_t i = 0; i < x->account_cnt; i++)
        append(&r->accounts, &accounts[i].addr, sizeof accounts[i].addr);
    for (uint32_t i = 0; i < x->slot_cnt; i++) {
        const hd_slot_diff *d = &from->slots[x->slot_off + i];
        note_slot(r, accounts[d->account_idx].addr, d->key);
    }
    return HD_OK;
}

typedef struct {
    hd_state *to;
    const hd_address *addr;
    uint32_t left_cnt;
} copy_slots;

static void copy_slot(void *ctx, hd_u256 key, hd_u256 value) {
    copy_slots *c = ctx;
    if (c->left_cnt == 0)
        return;
    c->left_cnt--;
    assert_int_equal(hd_state_set_slot(c->to, c->addr, key, value), HD_OK);
}

/* The part of a state that r names. Whether an account without code has storage is part of it. */
static void copy_read(hd_state *to, const hd_state *from, const reads *r) {
    const hd_address *addrs = (const void *)r->accounts.data;
    const hd_undo_slot *slots = (const void *)r->slots.data;
    for (size_t i = 0; i < r->accounts.sz / sizeof *addrs; i++) {
        hd_state_account a;
        if (hd_state_get(&a, from, &addrs[i]) != HD_OK)
            continue;
        assert_int_equal(hd_state_set(to, &addrs[i], a.nonce, a.balance_wei, a.code, a.code_sz),
                         HD_OK);
        copy_slots one = {to, &addrs[i], 1};
        if ((a.flags & HD_ACCOUNT_HAS_STORAGE) && a.code_sz == 0 && a.nonce == 0)
            hd_state_each_slot(from, &addrs[i], copy_slot, &one);
    }
    for (size_t i = 0; i < r->slots.sz / sizeof *slots; i++) {
        hd_u256 value = hd_state_get_slot(from, &slots[i].addr, slots[i].key);
        if (!hd_u256_is_zero(value))
            assert_int_equal(hd_state_set_slot(to, &slots[i].addr, slots[i].key, value), HD_OK);
    }
}

static void expect_same_where_read(const hd_state *a, const hd_state *b, const reads *r,
                                   uint64_t seed) {
    const hd_address *addrs = (const void *)r->accounts.data;
    const hd_undo_slot *slots = (const void *)r->slots.data;
    for (size_t i = 0; i < r->accounts.sz / sizeof *addrs; i++) {
        hd_state_account x, y;
        memset(&x, 0, sizeof x);
        memset(&y, 0, sizeof y);
        hd_err ex = hd_state_get(&x, a, &addrs[i]), ey = hd_state_get(&y, b, &addrs[i]);
        if (ex != ey || x.nonce != y.nonce || !hd_u256_is_equal(x.balance_wei, y.balance_wei) ||
            memcmp(&x.code_hash, &y.code_hash, sizeof x.code_hash) != 0)
            fail_msg("seed %llu: an account ends otherwise", (unsigned long long)seed);
    }
    for (size_t i = 0; i < r->slots.sz / sizeof *slots; i++)
        if (!hd_u256_is_equal(hd_state_get_slot(a, &slots[i].addr, slots[i].key),
                              hd_state_get_slot(b, &slots[i].addr, slots[i].key)))
            fail_msg("seed %llu: a slot ends otherwise", (unsigned long long)seed);
}

/* Serial and parallel runs tell the same; what they tell is all that the block hangs on. */
static void random_blocks_run_from_what_they_read_alone(void **state) {
    hd_exec *x = NULL;
    whole *w = &the_whole;
    hd_block_result second;
    hd_state *part = hd_state_new();
    reads r;
    (void)state;
    memset(&second, 0, sizeof second);
    memset(&r, 0, sizeof r);
    assert_non_null(part);
    open_exec(&x, 3);
    for (uint64_t seed = 2000; seed < 2000 + SEED_CNT; seed++) {
        hd_undo changed;
        hd_block_exec_options options = {.exec = x,
                                         .chunk_cnt = seed % 2,
                                         .flags =
                                             HD_BLOCK_EXEC_NO_CHECK | HD_BLOCK_EXEC_NO_STATE_ROOT,
                                         .blockhash = random_blockhash,
                                         .access = note_reads,
                                         .access_ctx = &r};
        options.ordered_flags = options.chunk_cnt == 1 ? 0 : HD_ORDERED_NEVER_SERIAL;
        memset(&changed, 0, sizeof changed);
        make(w, seed, 0);
        hd_buf_clear(&r.accounts);
        hd_buf_clear(&r.slots);
        assert_int_equal(hd_block_exec(&w->result, &w->verdict, w->state, &w->undo, &w->block,
                                       &w->rules, &options),
                         HD_OK);
        assert_int_equal(w->verdict.status, HD_BLOCK_VALID);
        /* What the block changed without looking: fees, rewards, withdrawals. */
        const hd_undo_account *blind = (const void *)w->undo.accounts.data;
        for (size_t i = 0; i < w->undo.accounts.sz / sizeof *blind; i++)
            append(&r.accounts, &blind[i].addr, sizeof blind[i].addr);
        hd_state_reset(part);
        copy_read(part, w->source.first, &r);
        options.access = NULL;
        options.chunk_cnt = 1;
        options.ordered_flags = 0;
        assert_int_equal(
            hd_block_exec(&second, &w->verdict, part, &changed, &w->block, &w->rules, &options),
            HD_OK);
        assert_int_equal(w->verdict.status, HD_BLOCK_VALID);
        assert_int_equal(second.gas_used, w->result.gas_used);
        assert_memory_equal(second.bloom, w->result.bloom, sizeof second.bloom);
        assert_memory_equal(&second.receipts_root, &w->result.receipts_root,
                            sizeof second.receipts_root);
        expect_same_where_read(part, w->state, &r, seed);
        hd_undo_free(&changed);
        hd_undo_clear(&w->undo);
    }
    hd_buf_free(&r.accounts);
    hd_buf_free(&r.slots);
    hd_block_result_free(&second);
    hd_state_free(part);
    hd_exec_close(x);
    close_all(w);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_whole_blocks_are_valid_however_they_run),
        cmocka_unit_test(random_invalid_blocks_fail_alike_and_leave_no_trace),
        cmocka_unit_test(random_blocks_run_from_what_they_read_alone),
        cmocka_unit_test(a_header_that_lies_leaves_no_trace),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
