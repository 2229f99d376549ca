/* fuzz_api.c - libheddle's public calls in any order, with any arguments: every answer is one that
   heddle.h names, a failure says why, running changes no state but in order, both ways of receipts
   give one state, and results that there are none of are refused. */
#include <heddle/heddle.h>

#include "fuzz_asm.h"

#define STEP_MAX 64u
#define BATCH_TX_MAX 24u
#define GAS_MAX 200000u
#define LIST_MAX 3u
#define CODE_SZ_MAX 1024u

static heddle_engine *engine;

typedef struct {
    hd_fuzz_in in;
    heddle_state *state;
    heddle_state *other;
    heddle_batch *batch;
    heddle_block block;
    heddle_word ancestors[4];
    uint32_t has_results; /* whether the batch must have some */
    uint32_t is_ordered;
    uint32_t flags; /* of the latest run */
} api_case;

/* ---- arguments */

static heddle_address any_address(hd_fuzz_in *in) {
    heddle_address a = {{0}};
    uint32_t choice = hd_fuzz_u8(in);
    a.b[19] = choice & 0x80 ? (uint8_t)(choice & 0x1f) : hd_fuzz_address(choice);
    return a;
}

static heddle_word any_word(hd_fuzz_in *in) {
    heddle_word w = {{0}};
    uint32_t how = hd_fuzz_u8(in);
    if (how < 0xf0)
        w.b[31] = (uint8_t)(how & 0x0f);
    if (how >= 0x80)
        w.b[31 - (how & 0x1f)] = hd_fuzz_u8(in);
    if (how == 0xff)
        memset(w.b, 0xff, sizeof w.b);
    return w;
}

static uint64_t any_u64(hd_fuzz_in *in) {
    uint64_t x = hd_fuzz_u8(in);
    if (x < 0xf0)
        return x & 0x0f;
    return x == 0xff ? UINT64_MAX : (uint64_t)1 << (4 * (x & 0x0f) + 3);
}

/* Every pointer may be NULL: one in 32 is. */
static int is_null(hd_fuzz_in *in) { return hd_fuzz_u8(in) >= 0xf8; }

/* ---- what every call must keep to */

static void check_err(heddle_err err) {
    HD_FUZZ_CHECK((err <= HEDDLE_OK && err >= HEDDLE_ERR_ABSENT) || err == HEDDLE_ERR_ARGUMENT);
    HD_FUZZ_CHECK(heddle_err_name(err)[0] != 0);
    HD_FUZZ_CHECK(err != HEDDLE_ERR_CORRUPT && err != HEDDLE_ERR_NOMEM && err != HEDDLE_ERR_DEVICE);
}

/* An error tells why in one printable line; without one nothing was written. */
static void check_why(heddle_err err, const heddle_message *why) {
    size_t sz = strnlen(why->text, sizeof why->text);
    check_err(err);
    HD_FUZZ_CHECK(sz < sizeof why->text && (err == HEDDLE_OK || sz > 0));
    for (size_t i = 0; i < sz; i++)
        HD_FUZZ_CHECK((uint8_t)why->text[i] >= 0x20 && why->text[i] != 0x7f);
}

static heddle_word root_of(heddle_state *state) {
    heddle_word root;
    HD_FUZZ_CHECK(heddle_state_root(state, &root) == HEDDLE_OK);
    return root;
}

static int is_same(heddle_word a, heddle_word b) { return memcmp(&a, &b, sizeof a) == 0; }

/* ---- state */

static void set_account(api_case *c) {
    static uint8_t code[CODE_SZ_MAX];
    heddle_account account, out;
    heddle_address address = any_address(&c->in);
    memset(&account, 0, sizeof account);
    account.balance_wei = any_word(&c->in);
    account.nonce = any_u64(&c->in);
    uint32_t how = hd_fuzz_u8(&c->in);
    hd_fuzz_in part = hd_fuzz_take(&c->in, how & 0x3f);
    if (how & 0x40) {
        account.code_sz = hd_fuzz_assemble(code, sizeof code, part);
        account.code = code;
    } else if (how & 0x80) {
        account.code_sz = part.sz;
        account.code = is_null(&c->in) ? NULL : part.data;
    }
    heddle_err err = heddle_state_set_account(c->state, &address, &account);
    check_err(err);
    HD_FUZZ_CHECK((err == HEDDLE_OK) == (!account.code_sz || account.code));
    if (err != HEDDLE_OK)
        return;
    HD_FUZZ_CHECK(heddle_state_get_account(c->state, &out, &address) == HEDDLE_OK);
    HD_FUZZ_CHECK(is_same(out.balance_wei, account.balance_wei) && out.nonce == account.nonce &&
                  out.code_sz == account.code_sz &&
                  (!out.code_sz || memcmp(out.code, account.code, out.code_sz) == 0));
}

static void set_slot(api_case *c) {
    heddle_address address = any_address(&c->in);
    heddle_word key = any_word(&c->in), value = any_word(&c->in), out;
    HD_FUZZ_CHECK(heddle_state_set_slot(c->state, &address, &key, &value) == HEDDLE_OK);
    HD_FUZZ_CHECK(heddle_state_get_slot(c->state, &out, &address, &key) == HEDDLE_OK);
    HD_FUZZ_CHECK(is_same(out, value));
}

typedef struct {
    heddle_state *state;
    heddle_address address;
} slot_copier;

static void copy_slot(void *ctx, const heddle_word *key, const heddle_word *value) {
    static const heddle_word zero;
    slot_copier *to = ctx;
    HD_FUZZ_CHECK(!is_same(*value, zero));
    HD_FUZZ_CHECK(heddle_state_set_slot(to->state, &to->address, key, value) == HEDDLE_OK);
}

/* What walking finds builds the same state again. */
static void walk_state(api_case *c) {
    slot_copier copy = {NULL, {{0}}};
    HD_FUZZ_CHECK(heddle_state_new(&copy.state) == HEDDLE_OK);
    for (uint32_t i = 0; i < heddle_state_account_max(c->state); i++) {
        heddle_account account, same;
        heddle_err err = heddle_state_account_at(c->state, &copy.address, &account, i);
        if (err == HEDDLE_ERR_ABSENT)
            continue;
        HD_FUZZ_CHECK(err == HEDDLE_OK);
        HD_FUZZ_CHECK(heddle_state_get_account(c->state, &same, &copy.address) == HEDDLE_OK);
        HD_FUZZ_CHECK(is_same(same.code_hash, account.code_hash) && same.nonce == account.nonce);
        HD_FUZZ_CHECK(heddle_state_set_account(copy.state, &copy.address, &account) == HEDDLE_OK);
        HD_FUZZ_CHECK(heddle_state_each_slot(c->state, &copy.address, copy_slot, &copy) ==
                      HEDDLE_OK);
    }
    HD_FUZZ_CHECK(is_same(root_of(copy.state), root_of(c->state)));
    heddle_state_free(copy.state);
}

static void change_state(api_case *c) {
    heddle_address address = any_address(&c->in);
    heddle_word amount = any_word(&c->in);
    heddle_account out;
    uint32_t how = hd_fuzz_u8(&c->in);
    switch (how & 3) {
    case 0:
        HD_FUZZ_CHECK(heddle_state_delete_account(c->state, &address) == HEDDLE_OK);
        HD_FUZZ_CHECK(heddle_state_get_account(c->state, &out, &address) == HEDDLE_ERR_ABSENT);
        break;
    case 1: {
        uint32_t fork = how >> 2;
        heddle_err err = heddle_state_add_balance(c->state, &address, &amount, fork);
        HD_FUZZ_CHECK(err == (fork <= HEDDLE_FORK_OSAKA ? HEDDLE_OK : HEDDLE_ERR_ARGUMENT));
        break;
    }
    case 2: HD_FUZZ_CHECK(heddle_state_copy(c->other, c->state) == HEDDLE_OK); break;
    default: HD_FUZZ_CHECK(heddle_state_copy(c->state, c->other) == HEDDLE_OK); break;
    }
}

/* ---- batch */

static void any_block(api_case *c) {
    heddle_block *b = &c->block;
    hd_fuzz_in *in = &c->in;
    memset(b, 0, sizeof *b);
    b->fork = hd_fuzz_u8(in) % (HEDDLE_FORK_OSAKA + 2);
    b->blob_cnt_max = hd_fuzz_u8(in) & 7;
    b->number = any_u64(in);
    b->timestamp = any_u64(in);
    /* Gas is what bounds a run in order. */
    b->gas_limit = (uint64_t)hd_fuzz_u8(in) * (BATCH_TX_MAX * GAS_MAX / 256);
    b->chain_id = hd_fuzz_u8(in) & 1;
    b->coinbase = any_address(in);
    b->base_fee_wei = any_word(in);
    b->blob_base_fee_wei = any_word(in);
    b->difficulty = any_word(in);
    b->ancestor_cnt = hd_fuzz_u8(in) & 3;
    if (b->ancestor_cnt == 3)
        b->ancestor_cnt = hd_fuzz_u8(in) & 1 ? 3 : HEDDLE_ANCESTOR_MAX + 1;
    b->ancestor_hashes = is_null(in) ? NULL : c->ancestors;
}

static void set_block(api_case *c) {
    heddle_message why = {""};
    uint32_t cnt = heddle_batch_tx_cnt(c->batch);
    any_block(c);
    heddle_err err = c->batch ? heddle_batch_reset(c->batch, &c->block, &why)
                              : heddle_batch_new(&c->batch, &c->block, &why);
    check_why(err, &why);
    HD_FUZZ_CHECK(err == HEDDLE_OK || err == HEDDLE_ERR_ARGUMENT);
    if (err == HEDDLE_OK)
        c->has_results = 0;
    HD_FUZZ_CHECK(heddle_batch_tx_cnt(c->batch) == (err == HEDDLE_OK ? 0 : cnt));
}

static void add(api_case *c) {
    heddle_transaction t;
    heddle_word keys[LIST_MAX], hashes[LIST_MAX];
    heddle_access_entry entries[LIST_MAX];
    heddle_authorization auths[LIST_MAX];
    heddle_message why = {""};
    hd_fuzz_in *in = &c->in;
    uint32_t idx = UINT32_MAX, cnt = heddle_batch_tx_cnt(c->batch), how = hd_fuzz_u8(in);
    if (cnt >= BATCH_TX_MAX)
        return;
    memset(&t, 0, sizeof t);
    memset(auths, 0, sizeof auths);
    t.type = how & 7;
    t.flags = how >> 3 & 3;
    if (how & 0x20)
        t.flags ^= hd_fuzz_u8(in);
    t.sender = any_address(in);
    if (!(t.flags & HEDDLE_TX_CREATE) || how & 0x40)
        t.to = any_address(in);
    t.nonce = any_u64(in);
    t.gas_limit = (uint64_t)hd_fuzz_u8(in) * (GAS_MAX / 256);
    if (how & 0x80 && !(t.flags & HEDDLE_TX_SIMULATE))
        t.gas_limit = any_u64(in);
    t.chain_id = hd_fuzz_u8(in) & 1;
    t.value_wei = any_word(in);
    t.gas_price_wei = any_word(in);
    if (t.type >= HEDDLE_TX_DYNAMIC_FEE || is_null(in))
        t.priority_fee_wei = any_word(in);
    hd_fuzz_in data = hd_fuzz_take(in, hd_fuzz_u8(in) & 0x3f);
    t.data_sz = data.sz;
    t.data = is_null(in) ? NULL : data.data;
    for (uint32_t i = 0; i < LIST_MAX; i++) {
        keys[i] = any_word(in);
        hashes[i] = any_word(in);
        hashes[i].b[0] = hd_fuzz_u8(in) & 1;
        entries[i].address = any_address(in);
        entries[i].keys = is_null(in) ? NULL : keys;
        entries[i].key_cnt = hd_fuzz_u8(in) % (LIST_MAX + 1);
        auths[i].chain_id = any_word(in);
        auths[i].address = any_address(in);
        auths[i].nonce = any_u64(in);
        auths[i].flags = hd_fuzz_u8(in) % 3;
        auths[i].signer = any_address(in);
        auths[i].r = any_word(in);
        auths[i].s = any_word(in);
    }
    uint32_t lists = hd_fuzz_u8(in), strange = is_null(in);
    if (t.type != HEDDLE_TX_LEGACY || strange)
        t.access_cnt = lists & 3;
    t.access_list = is_null(in) ? NULL : entries;
    if (t.type == HEDDLE_TX_SET_CODE || strange)
        t.authorization_cnt = lists >> 2 & 3;
    t.authorizations = is_null(in) ? NULL : auths;
    if (t.type == HEDDLE_TX_BLOB || strange) {
        t.blob_cnt = lists >> 4 & 3;
        t.blob_fee_wei = any_word(in);
    }
    t.blob_hashes = is_null(in) ? NULL : hashes;
    heddle_err err = heddle_batch_add(c->batch, &idx, &t, &why);
    check_why(err, &why);
    HD_FUZZ_CHECK(heddle_batch_tx_cnt(c->batch) == cnt + (err == HEDDLE_OK));
    HD_FUZZ_CHECK(idx == (err == HEDDLE_OK ? cnt : UINT32_MAX));
    if (t.type > HEDDLE_TX_SET_CODE || (t.data_sz && !t.data))
        HD_FUZZ_CHECK(err != HEDDLE_OK);
    if (err == HEDDLE_OK) {
        heddle_address sender;
        heddle_word hash;
        HD_FUZZ_CHECK(heddle_batch_get_sender(c->batch, &sender, idx, NULL) == HEDDLE_OK);
        HD_FUZZ_CHECK(memcmp(&sender, &t.sender, sizeof sender) == 0);
        HD_FUZZ_CHECK(heddle_batch_get_hash(c->batch, &hash, idx) == HEDDLE_ERR_ABSENT);
    }
}

static void add_raw(api_case *c) {
    heddle_message why = {""};
    uint32_t idx = UINT32_MAX, cnt = heddle_batch_tx_cnt(c->batch);
    if (cnt >= BATCH_TX_MAX)
        return;
    hd_fuzz_in part = hd_fuzz_take(&c->in, hd_fuzz_u16(&c->in) % 512);
    uint8_t *raw = hd_fuzz_copy(part.data, part.sz);
    heddle_err err = heddle_batch_add_raw(c->batch, &idx, raw, part.sz, &why);
    check_why(err, &why);
    HD_FUZZ_CHECK(err == HEDDLE_OK || err == HEDDLE_ERR_FORMAT || err == HEDDLE_ERR_LIMIT);
    HD_FUZZ_CHECK(heddle_batch_tx_cnt(c->batch) == cnt + (err == HEDDLE_OK));
    if (err == HEDDLE_OK) {
        heddle_address sender;
        heddle_word hash;
        HD_FUZZ_CHECK(idx == cnt);
        HD_FUZZ_CHECK(heddle_batch_get_hash(c->batch, &hash, idx) == HEDDLE_OK);
        if (hd_fuzz_u8(&c->in) & 1) {
            err = heddle_batch_get_sender(c->batch, &sender, idx, &why);
            check_why(err, &why);
            HD_FUZZ_CHECK(err == HEDDLE_OK || err == HEDDLE_ERR_ABSENT);
        }
    }
    free(raw);
}

/* ---- results */

static void check_logs(const heddle_batch *batch, uint32_t tx_idx, uint32_t log_cnt) {
    for (uint32_t i = 0; i <= log_cnt; i++) {
        heddle_log log;
        heddle_err err = heddle_batch_get_log(batch, &log, tx_idx, i);
        HD_FUZZ_CHECK(err == (i < log_cnt ? HEDDLE_OK : HEDDLE_ERR_ARGUMENT));
        HD_FUZZ_CHECK(err != HEDDLE_OK || (log.topic_cnt <= 4 && (!log.data_sz || log.data)));
    }
}

static void check_changes(const heddle_batch *batch, uint32_t tx_idx, const heddle_receipt *r) {
    for (uint32_t i = 0; i <= r->account_cnt; i++) {
        heddle_account_change a;
        heddle_err err = heddle_batch_get_account(batch, &a, tx_idx, i);
        HD_FUZZ_CHECK(err == (i < r->account_cnt ? HEDDLE_OK : HEDDLE_ERR_ARGUMENT));
        HD_FUZZ_CHECK(err != HEDDLE_OK || !a.code_sz || a.code);
    }
    for (uint32_t i = 0; i <= r->slot_cnt; i++) {
        heddle_slot_change s;
        heddle_err err = heddle_batch_get_slot(batch, &s, tx_idx, i);
        HD_FUZZ_CHECK(err == (i < r->slot_cnt ? HEDDLE_OK : HEDDLE_ERR_ARGUMENT));
        HD_FUZZ_CHECK(err != HEDDLE_OK || s.account_idx < r->account_cnt);
    }
}

static void check_results(api_case *c) {
    heddle_run_stats stats;
    heddle_receipt r;
    heddle_word root;
    uint8_t bloom[256];
    uint64_t gas = 0;
    uint32_t cnt = heddle_batch_tx_cnt(c->batch), refused_cnt = 0;
    heddle_err err = heddle_batch_get_stats(c->batch, &stats);
    HD_FUZZ_CHECK(err == (c->has_results ? HEDDLE_OK : HEDDLE_ERR_ARGUMENT));
    if (err != HEDDLE_OK) {
        HD_FUZZ_CHECK(heddle_batch_get_receipt(c->batch, &r, 0) == HEDDLE_ERR_ARGUMENT);
        HD_FUZZ_CHECK(heddle_batch_receipts_root(c->batch, &root) == HEDDLE_ERR_ARGUMENT);
        return;
    }
    /* Transactions may have been added since. */
    uint32_t ran_cnt = stats.success_cnt + stats.failed_cnt + stats.refused_cnt + stats.unknown_cnt;
    HD_FUZZ_CHECK(ran_cnt <= cnt);
    HD_FUZZ_CHECK(heddle_batch_get_receipt(c->batch, &r, ran_cnt) == HEDDLE_ERR_ARGUMENT);
    for (uint32_t i = 0; i < ran_cnt; i++) {
        HD_FUZZ_CHECK(heddle_batch_get_receipt(c->batch, &r, i) == HEDDLE_OK);
        HD_FUZZ_CHECK(heddle_status_name(r.status)[0] != 0);
        HD_FUZZ_CHECK(r.status < HEDDLE_STATUS_REFUSED || (r.gas_used == 0 && r.account_cnt == 0));
        HD_FUZZ_CHECK(!r.output_sz || r.output);
        gas += r.gas_used;
        refused_cnt += r.status >= HEDDLE_STATUS_REFUSED;
        check_changes(c->batch, i, &r);
        check_logs(c->batch, i, r.log_cnt);
        err = heddle_batch_get_bloom(c->batch, bloom, i);
        HD_FUZZ_CHECK(err ==
                      (c->flags & HEDDLE_RUN_RECEIPTS_ONLY ? HEDDLE_ERR_ARGUMENT : HEDDLE_OK));
    }
    HD_FUZZ_CHECK(gas == stats.gas_used && refused_cnt == stats.refused_cnt);
    err = heddle_batch_receipts_root(c->batch, &root);
    check_err(err);
    HD_FUZZ_CHECK((err == HEDDLE_ERR_ARGUMENT) ==
                  (!c->is_ordered || (c->flags & HEDDLE_RUN_RECEIPTS_ONLY)));
}

static void run(api_case *c) {
    heddle_message why = {""};
    heddle_run_options options = {hd_fuzz_u8(&c->in) & 7, 100000};
    heddle_word before = root_of(c->state);
    heddle_err err = heddle_engine_run(engine, c->batch, c->state, &options, &why);
    check_why(err, &why);
    if (options.flags > (HEDDLE_RUN_READS | HEDDLE_RUN_RECEIPTS_ONLY)) {
        HD_FUZZ_CHECK(err == HEDDLE_ERR_ARGUMENT);
        return;
    }
    HD_FUZZ_CHECK(err == HEDDLE_OK || err == HEDDLE_ERR_ABSENT);
    HD_FUZZ_CHECK(is_same(before, root_of(c->state)));
    c->has_results = err == HEDDLE_OK;
    c->is_ordered = 0;
    c->flags = options.flags;
    check_results(c);
    if (err == HEDDLE_OK && heddle_batch_tx_cnt(c->batch)) {
        err = heddle_state_apply(c->state, c->batch,
                                 hd_fuzz_u8(&c->in) % heddle_batch_tx_cnt(c->batch));
        HD_FUZZ_CHECK(err ==
                      (c->flags & HEDDLE_RUN_RECEIPTS_ONLY ? HEDDLE_ERR_ARGUMENT : HEDDLE_OK));
    }
}

static void run_ordered(api_case *c) {
    heddle_message why = {""};
    heddle_run_options options = {hd_fuzz_u8(&c->in) & 3, 0};
    heddle_state *again = NULL;
    HD_FUZZ_CHECK(heddle_state_new(&again) == HEDDLE_OK);
    HD_FUZZ_CHECK(heddle_state_copy(again, c->state) == HEDDLE_OK);
    heddle_err err = heddle_engine_run_ordered(engine, c->batch, c->state, &options, &why);
    check_why(err, &why);
    if (options.flags & ~HEDDLE_RUN_RECEIPTS_ONLY) {
        HD_FUZZ_CHECK(err == HEDDLE_ERR_ARGUMENT);
    } else {
        HD_FUZZ_CHECK(err == HEDDLE_OK || err == HEDDLE_ERR_ABSENT);
        c->has_results = err == HEDDLE_OK;
        c->is_ordered = 1;
        c->flags = options.flags;
        check_results(c);
        /* Once more on what it began with: the other flag leads to the same state. */
        options.flags ^= HEDDLE_RUN_RECEIPTS_ONLY;
        HD_FUZZ_CHECK(heddle_engine_run_ordered(engine, c->batch, again, &options, NULL) == err);
        HD_FUZZ_CHECK(is_same(root_of(again), root_of(c->state)));
        c->flags = options.flags;
        check_results(c);
    }
    heddle_state_free(again);
}

/* NULL is refused wherever it is not allowed. */
static void call_with_null(api_case *c) {
    heddle_address address = {{0}};
    heddle_word word = {{0}};
    const heddle_err refused = HEDDLE_ERR_ARGUMENT;
    HD_FUZZ_CHECK(heddle_batch_add(c->batch, NULL, NULL, NULL) == refused);
    HD_FUZZ_CHECK(heddle_batch_add_raw(NULL, NULL, NULL, 0, NULL) == refused);
    HD_FUZZ_CHECK(heddle_batch_add_raw(c->batch, NULL, NULL, 1, NULL) == refused);
    HD_FUZZ_CHECK(heddle_batch_reset(c->batch, NULL, NULL) == refused);
    HD_FUZZ_CHECK(heddle_batch_get_sender(c->batch, &address, UINT32_MAX, NULL) == refused);
    HD_FUZZ_CHECK(heddle_batch_get_hash(c->batch, &word, UINT32_MAX) == refused);
    HD_FUZZ_CHECK(heddle_engine_run(engine, c->batch, NULL, NULL, NULL) == refused);
    HD_FUZZ_CHECK(heddle_engine_run_ordered(engine, NULL, c->state, NULL, NULL) == refused);
    HD_FUZZ_CHECK(heddle_state_apply(c->state, c->batch, UINT32_MAX) == refused);
    HD_FUZZ_CHECK(heddle_state_set_slot(c->state, NULL, &word, &word) == refused);
    HD_FUZZ_CHECK(heddle_state_root(NULL, &word) == refused);
    HD_FUZZ_CHECK(heddle_status_name(UINT32_MAX)[0] && heddle_halt_name(UINT32_MAX)[0]);
}

void hd_fuzz_api(const uint8_t *data, size_t sz) {
    api_case c;
    heddle_engine_options options = {.backend = HEDDLE_BACKEND_HOST, .thread_cnt = 2};
    memset(&c, 0, sizeof c);
    c.in.data = data;
    c.in.sz = sz;
    if (!engine)
        HD_FUZZ_CHECK(heddle_engine_open(&engine, &options, NULL) == HEDDLE_OK);
    HD_FUZZ_CHECK(heddle_state_new(&c.state) == HEDDLE_OK);
    HD_FUZZ_CHECK(heddle_state_new(&c.other) == HEDDLE_OK);
    for (uint32_t i = 0; i < STEP_MAX && c.in.sz; i++) {
        uint32_t step = c.batch ? hd_fuzz_u8(&c.in) & 15 : 0;
        switch (step) {
        case 0: set_block(&c); break;
        case 1: set_slot(&c); break;
        case 2: change_state(&c); break;
        case 3: walk_state(&c); break;
        case 4: call_with_null(&c); break;
        case 5:
        case 6:
        case 7: set_account(&c); break;
        case 8:
        case 9: add_raw(&c); break;
        case 10: check_results(&c); break;
        case 11: run(&c); break;
        case 12: run_ordered(&c); break;
        default: add(&c); break;
        }
    }
    heddle_batch_free(c.batch);
    heddle_state_free(c.state);
    heddle_state_free(c.other);
}
