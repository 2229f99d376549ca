/* hd_workload.c - workloads: state, transactions and calldata from a seed. */
#include "exec/hd_workload.h"

#include <stdlib.h>
#include <string.h>

#include "base/hd_threads.h"
#include "crypto/hd_keccak.h"
#include "exec/hd_workload_code.h"

#define ACCOUNTS_DEFAULT 10000u
#define POOL_TRADERS_DEFAULT 4u
#define SLOTS_MAX 3u /* of a sender, that are set before */

#define ETHER 1000000000000000000ull
#define GWEI 1000000000ull
#define FEE_MAX (3 * GWEI) /* of a unit of gas */

/* Slots as the compiler laid them out (contracts/HeddleToken.json, HeddlePair.json). */
#define TOKEN_BALANCES 0u
#define TOKEN_ALLOWANCES 1u
#define TOKEN_SUPPLY 2u
#define PAIR_TOKEN0 0u
#define PAIR_TOKEN1 1u
#define PAIR_RESERVES 2u
#define PAIR_LOCK 3u

/* Roles of addresses; the upper half of an address names its role, the lower its number. */
#define ROLE_CONTRACT 1u
#define ROLE_SENDER 2u
#define ROLE_RECIPIENT 3u
#define ROLE_POOL 4u

#define CONTRACT_TOKEN0 0u
#define CONTRACT_TOKEN1 1u
#define CONTRACT_WORK 2u

/* What is computed for one transaction by any thread, and written to the state by one. */
typedef struct {
    hd_u256 keys[SLOTS_MAX];
    hd_u256 values[SLOTS_MAX];
    uint32_t tokens[SLOTS_MAX]; /* CONTRACT_TOKEN... that each slot belongs to */
    uint32_t slot_cnt;
} prepared;

typedef struct {
    const hd_workload_options *options;
    hd_workload *w;
    prepared *slots;
    uint32_t *senders; /* erc20-random: sender's number of each transaction */
} maker;

static const struct {
    const char *name, *text;
} kinds[] = {
#define HD_X(id, name, text) {name, text},
    HD_WORKLOADS(HD_X)
#undef HD_X
};

uint32_t hd_workload_find(const char *name) {
    uint32_t i = 0;
    while (i < HD_WORKLOAD_CNT && strcmp(kinds[i].name, name) != 0)
        i++;
    return i;
}

const char *hd_workload_name(uint32_t kind) {
    return kind < HD_WORKLOAD_CNT ? kinds[kind].name : "unknown";
}

const char *hd_workload_text(uint32_t kind) {
    return kind < HD_WORKLOAD_CNT ? kinds[kind].text : "";
}

const uint8_t *hd_workload_contract(size_t *code_sz, uint32_t idx) {
    static const struct {
        const uint8_t *code;
        size_t sz;
    } table[] = {{hd_code_heddle_token, sizeof(hd_code_heddle_token)},
                 {hd_code_heddle_pair, sizeof(hd_code_heddle_pair)},
                 {hd_code_work, sizeof(hd_code_work)}};
    if (idx >= sizeof(table) / sizeof(table[0]))
        return NULL;
    *code_sz = table[idx].sz;
    return table[idx].code;
}

/* Bytes of calldata from one transaction to the next: a selector and what words the kind needs. */
static uint32_t data_stride(uint32_t kind) {
    return kind == HD_WORKLOAD_ETHER ? 0 : kind == HD_WORKLOAD_SWAP ? 4 + 4 * 32 : 4 + 2 * 32;
}

/* ---- numbers and addresses from the seed */

static uint64_t random_at(uint64_t seed, uint64_t stream, uint64_t idx) {
    return hd_mix64(hd_mix64(seed + stream * 0x9e3779b97f4a7c15ull) + idx * 0xd1342543de82ef95ull +
                    1);
}

/* Twenty bytes that look like a hash, as real ones do, with role and number in the middle so that
   no two are equal. */
static hd_address address_of(uint64_t seed, uint32_t role, uint32_t idx) {
    hd_address a;
    uint64_t r = random_at(seed, role, idx);
    hd_store_be64(a.b, r);
    hd_store_be32(a.b + 8, idx);
    hd_store_be32(a.b + 12, (uint32_t)(hd_mix64(r) & 0xffffff00u) | role);
    hd_store_be32(a.b + 16, (uint32_t)(hd_mix64(r + 1)));
    return a;
}

static hd_u256 address_word(const hd_address *a) {
    uint8_t word[32] = {0};
    memcpy(word + 12, a->b, 20);
    return hd_u256_load_be(word);
}

/* Solidity's place of mapping[key]: keccak(key . slot). */
static hd_u256 mapping_key(hd_u256 key, hd_u256 slot) {
    uint8_t in[64], out[32];
    hd_u256_store_be(in, key);
    hd_u256_store_be(in + 32, slot);
    hd_keccak256(out, in, sizeof(in));
    return hd_u256_load_be(out);
}

static hd_u256 balance_key(const hd_address *a) {
    return mapping_key(address_word(a), hd_u256_from_u64(TOKEN_BALANCES));
}

static hd_u256 allowance_key(const hd_address *owner, const hd_address *spender) {
    return mapping_key(address_word(spender),
                       mapping_key(address_word(owner), hd_u256_from_u64(TOKEN_ALLOWANCES)));
}

static hd_u256 ether(uint64_t cnt) {
    return hd_u256_mul(hd_u256_from_u64(cnt), hd_u256_from_u64(ETHER));
}

/* ---- calls */

static void put_call(maker *m, uint32_t tx_idx, uint32_t to_role, uint32_t to_idx,
                     uint32_t selector, const hd_u256 *words, uint32_t word_cnt) {
    hd_tx *tx = &m->w->txs[tx_idx];
    tx->to = address_of(m->options->seed, to_role, to_idx);
    uint8_t *p = m->w->data + tx->data_off;
    hd_store_be32(p, selector);
    for (uint32_t i = 0; i < word_cnt; i++)
        hd_u256_store_be(p + 4 + 32 * i, words[i]);
    tx->data_sz = 4 + 32 * word_cnt;
}

static void put_slot(maker *m, uint32_t tx_idx, uint32_t token, hd_u256 key, uint64_t cnt) {
    prepared *p = &m->slots[tx_idx];
    p->tokens[p->slot_cnt] = token;
    p->keys[p->slot_cnt] = key;
    p->values[p->slot_cnt++] = ether(cnt);
}

static void make_transfer(maker *m, uint32_t i, const hd_address *to) {
    hd_u256 words[2] = {address_word(to),
                        hd_u256_from_u64(1 + random_at(m->options->seed, 10, i) % (ETHER / 1000))};
    put_call(m, i, ROLE_CONTRACT, CONTRACT_TOKEN0, HD_SELECTOR_HEDDLE_TOKEN_TRANSFER, words, 2);
    m->w->txs[i].gas_limit = 100000;
}

/* Whether transaction i pays the recipient that many pay. */
static int is_hot_one(const maker *m, uint32_t i) {
    return random_at(m->options->seed, 14, i) % 100 < m->options->hot_percent;
}

static void make_erc20(maker *m, uint32_t i, int is_hot) {
    hd_address from = m->w->txs[i].sender;
    hd_address to = address_of(m->options->seed, ROLE_RECIPIENT, is_hot ? 0 : i);
    put_slot(m, i, CONTRACT_TOKEN0, balance_key(&from), 1000);
    if (!is_hot || i == 0)
        put_slot(m, i, CONTRACT_TOKEN0, balance_key(&to), 1);
    make_transfer(m, i, &to);
}

static void make_random(maker *m, uint32_t i) {
    uint32_t cnt = m->options->account_cnt, from = m->senders[i];
    /* Anyone but the sender. */
    uint32_t to_idx = (from + 1 + (uint32_t)(random_at(m->options->seed, 21, i) % (cnt - 1))) % cnt;
    hd_address to = address_of(m->options->seed, ROLE_SENDER, to_idx);
    make_transfer(m, i, &to);
}

static void make_swap(maker *m, uint32_t i) {
    uint64_t r = random_at(m->options->seed, 11, i);
    hd_address trader = m->w->txs[i].sender;
    uint32_t pool_idx = i / m->options->pool_traders;
    hd_address pool = address_of(m->options->seed, ROLE_POOL, pool_idx);
    uint32_t in = (uint32_t)(r & 1), out = in ^ 1;
    put_slot(m, i, in, balance_key(&trader), 1000);
    put_slot(m, i, in, allowance_key(&trader, &pool), 1000);
    put_slot(m, i, out, balance_key(&trader), 1);
    hd_u256 words[4] = {hd_u256_from_u64(out), hd_u256_from_u64(ETHER / 1000 + (r >> 14)),
                        hd_u256_from_u64(1), address_word(&trader)};
    put_call(m, i, ROLE_POOL, pool_idx, HD_SELECTOR_HEDDLE_PAIR_SWAP, words, 4);
    m->w->txs[i].gas_limit = 300000;
}

static void make_work(maker *m, uint32_t i, uint32_t selector, uint32_t rounds, uint32_t gas) {
    hd_u256 words[2] = {hd_u256_from_u64(random_at(m->options->seed, 12, i)),
                        hd_u256_from_u64(rounds)};
    put_call(m, i, ROLE_CONTRACT, CONTRACT_WORK, selector, words, 2);
    m->w->txs[i].gas_limit = gas;
}

/* One of four functions of the token; the sorted variant has a quarter of each in one piece. */
static void make_mixed(maker *m, uint32_t i, uint32_t which) {
    hd_address from = m->w->txs[i].sender;
    hd_address to = address_of(m->options->seed, ROLE_RECIPIENT, i);
    hd_u256 words[2] = {address_word(&to), hd_u256_from_u64(ETHER)};
    if (which == 0) {
        make_erc20(m, i, 0);
        return;
    }
    put_slot(m, i, CONTRACT_TOKEN0, balance_key(&from), 1000);
    if (which == 1)
        put_call(m, i, ROLE_CONTRACT, CONTRACT_TOKEN0, HD_SELECTOR_HEDDLE_TOKEN_APPROVE, words, 2);
    else if (which == 2)
        put_call(m, i, ROLE_CONTRACT, CONTRACT_TOKEN0, HD_SELECTOR_HEDDLE_TOKEN_BALANCE_OF, words,
                 1);
    else
        put_call(m, i, ROLE_CONTRACT, CONTRACT_TOKEN0, HD_SELECTOR_HEDDLE_TOKEN_TOTAL_SUPPLY, words,
                 0);
    m->w->txs[i].gas_limit = 100000;
}

/* What the first sender of a chain has, and what is left of it after i payments of all but the most
   that each might cost. */
static hd_u256 chain_left(uint32_t i) {
    return hd_u256_sub(ether(1000000),
                       hd_u256_mul(hd_u256_from_u64(i), hd_u256_from_u64(21000 * FEE_MAX)));
}

static void make_ether(maker *m, uint32_t i) {
    hd_tx *tx = &m->w->txs[i];
    tx->gas_limit = 21000;
    if (m->options->is_chain) {
        tx->to = address_of(m->options->seed, ROLE_SENDER, i + 1);
        tx->value_wei = chain_left(i + 1);
        return;
    }
    tx->to = address_of(m->options->seed, ROLE_RECIPIENT, is_hot_one(m, i) ? 0 : i);
    tx->value_wei = hd_u256_from_u64(1 + random_at(m->options->seed, 13, i) % ETHER);
}

static hd_err make_chunk(void *ctx, size_t begin, size_t end, uint32_t worker_idx) {
    (void)worker_idx;
    maker *m = ctx;
    uint32_t cnt = m->w->tx_cnt;
    for (uint32_t i = (uint32_t)begin; i < end; i++) {
        hd_tx *tx = &m->w->txs[i];
        uint64_t nonce = tx->nonce;
        memset(tx, 0, sizeof(*tx));
        tx->nonce = nonce;
        tx->type = HD_TX_DYNAMIC_FEE;
        tx->chain_id = m->w->env.chain_id;
        tx->gas_price = hd_u256_from_u64(FEE_MAX);
        tx->priority_fee = hd_u256_from_u64(GWEI);
        tx->data_off = (uint64_t)i * data_stride(m->options->kind);
        tx->sender = address_of(m->options->seed, ROLE_SENDER, m->senders ? m->senders[i] : i);
        switch (m->options->kind) {
        case HD_WORKLOAD_ERC20: make_erc20(m, i, is_hot_one(m, i)); break;
        case HD_WORKLOAD_ERC20_HOT: make_erc20(m, i, 1); break;
        case HD_WORKLOAD_ERC20_RANDOM: make_random(m, i); break;
        case HD_WORKLOAD_SWAP: make_swap(m, i); break;
        case HD_WORKLOAD_ARITH: make_work(m, i, HD_SELECTOR_WORK_ARITHMETIC, 100, 200000); break;
        case HD_WORKLOAD_KECCAK: make_work(m, i, HD_SELECTOR_WORK_HASHING, 100, 200000); break;
        case HD_WORKLOAD_SSTORE: make_work(m, i, HD_SELECTOR_WORK_STORING, 8, 400000); break;
        case HD_WORKLOAD_EVERYTHING:
            make_work(m, i, HD_SELECTOR_WORK_EVERYTHING, 64, 400000);
            break;
        case HD_WORKLOAD_MIXED: make_mixed(m, i, i & 3); break;
        case HD_WORKLOAD_MIXED_SORTED: make_mixed(m, i, (uint32_t)((uint64_t)i * 4 / cnt)); break;
        default: make_ether(m, i); break;
        }
    }
    return HD_OK;
}

/* ---- state */

static hd_err put_contracts(maker *m) {
    const uint32_t idx[3] = {CONTRACT_TOKEN0, CONTRACT_TOKEN1, CONTRACT_WORK};
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < 3; i++) {
        size_t sz = 0;
        const uint8_t *code = hd_workload_contract(&sz, i == 2 ? 2 : 0);
        hd_address a = address_of(m->options->seed, ROLE_CONTRACT, idx[i]);
        err = hd_state_set(m->w->state, &a, 1, hd_u256_zero(), code, sz);
        if (err == HD_OK && i < 2) /* more than all balances together */
            err = hd_state_set_slot(m->w->state, &a, hd_u256_from_u64(TOKEN_SUPPLY),
                                    ether(1ull << 60));
    }
    return err;
}

static hd_err put_pools(maker *m) {
    hd_state *s = m->w->state;
    uint32_t pool_cnt = (m->w->tx_cnt - 1) / m->options->pool_traders + 1;
    hd_address tokens[2] = {address_of(m->options->seed, ROLE_CONTRACT, CONTRACT_TOKEN0),
                            address_of(m->options->seed, ROLE_CONTRACT, CONTRACT_TOKEN1)};
    size_t sz = 0;
    const uint8_t *code = hd_workload_contract(&sz, 1);
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < pool_cnt; i++) {
        hd_address pool = address_of(m->options->seed, ROLE_POOL, i);
        hd_u256 reserve = ether(100000);
        hd_u256 key = balance_key(&pool);
        hd_u256 packed =
            hd_u256_or(hd_u256_or(reserve, hd_u256_shl_bits(reserve, 112)),
                       hd_u256_shl_bits(hd_u256_from_u64(m->w->env.timestamp - 12), 224));
        const hd_u256 values[4] = {address_word(&tokens[0]), address_word(&tokens[1]), packed,
                                   hd_u256_from_u64(1)};
        const uint32_t slots[4] = {PAIR_TOKEN0, PAIR_TOKEN1, PAIR_RESERVES, PAIR_LOCK};
        err = hd_state_set(s, &pool, 1, hd_u256_zero(), code, sz);
        for (uint32_t k = 0; err == HD_OK && k < 4; k++)
            err = hd_state_set_slot(s, &pool, hd_u256_from_u64(slots[k]), values[k]);
        for (uint32_t k = 0; err == HD_OK && k < 2; k++)
            err = hd_state_set_slot(s, &tokens[k], key, reserve);
    }
    return err;
}

static hd_err put_senders(maker *m) {
    hd_state *s = m->w->state;
    hd_address tokens[2] = {address_of(m->options->seed, ROLE_CONTRACT, CONTRACT_TOKEN0),
                            address_of(m->options->seed, ROLE_CONTRACT, CONTRACT_TOKEN1)};
    uint32_t cnt = m->senders             ? m->options->account_cnt
                   : m->options->is_chain ? 1 /* the others have what they are sent */
                                          : m->w->tx_cnt;
    hd_err err = HD_OK;
    for (uint32_t i = 0; err == HD_OK && i < cnt; i++) {
        hd_address a = address_of(m->options->seed, ROLE_SENDER, i);
        err = hd_state_set(s, &a, 0, ether(1000000), NULL, 0);
        if (m->senders && err == HD_OK)
            err = hd_state_set_slot(s, &tokens[0], balance_key(&a), ether(1000000000));
    }
    for (uint32_t i = 0; err == HD_OK && i < m->w->tx_cnt; i++)
        for (uint32_t k = 0; err == HD_OK && k < m->slots[i].slot_cnt; k++)
            err = hd_state_set_slot(s, &tokens[m->slots[i].tokens[k]], m->slots[i].keys[k],
                                    m->slots[i].values[k]);
    return err;
}

/* Draws the senders of erc20-random and counts their nonces. */
static hd_err draw_senders(maker *m) {
    uint32_t cnt = m->options->account_cnt;
    uint64_t *nonces = calloc(cnt, sizeof(*nonces));
    m->senders = malloc(m->w->tx_cnt * sizeof(*m->senders));
    if (nonces && m->senders)
        for (uint32_t i = 0; i < m->w->tx_cnt; i++) {
            m->senders[i] = (uint32_t)(random_at(m->options->seed, 20, i) % cnt);
            m->w->txs[i].nonce = nonces[m->senders[i]]++;
        }
    hd_err err = nonces && m->senders ? HD_OK : HD_ERR_NOMEM;
    free(nonces);
    return err;
}

static void env_make(hd_env *env, uint32_t fork) {
    memset(env, 0, sizeof(*env));
    env->fork = fork;
    env->number = 1000;
    env->timestamp = 1760000000;
    env->chain_id = 1;
    env->gas_limit = 1ull << 62; /* a batch is no block */
    env->base_fee = hd_u256_from_u64(GWEI);
    env->blob_base_fee = hd_u256_from_u64(1);
    memset(env->coinbase.b, 0xc0, sizeof(env->coinbase.b));
}

hd_err hd_workload_open(hd_workload *out, const hd_workload_options *options) {
    hd_workload_options o = *options;
    maker m = {.options = &o, .w = out};
    hd_pool *pool = NULL;
    memset(out, 0, sizeof(*out));
    if (o.account_cnt == 0)
        o.account_cnt = ACCOUNTS_DEFAULT;
    if (o.pool_traders == 0)
        o.pool_traders = POOL_TRADERS_DEFAULT;
    if (o.kind >= HD_WORKLOAD_CNT || o.tx_cnt == 0 || o.tx_cnt > HD_WORKLOAD_TX_MAX ||
        o.account_cnt < 2 || o.account_cnt > HD_WORKLOAD_TX_MAX || o.fork >= HD_FORK_CNT ||
        o.fork < HD_FORK_CANCUN || o.hot_percent > 100 ||
        (o.is_chain && o.kind != HD_WORKLOAD_ETHER))
        return HD_ERR_LIMIT;
    env_make(&out->env, o.fork);
    out->tx_cnt = o.tx_cnt;
    out->data_sz = (size_t)o.tx_cnt * data_stride(o.kind);
    out->state = hd_state_new();
    out->txs = calloc(o.tx_cnt, sizeof(*out->txs));
    out->data = calloc(out->data_sz + 1, 1);
    m.slots = calloc(o.tx_cnt, sizeof(*m.slots));
    hd_err err = out->state && out->txs && out->data && m.slots ? HD_OK : HD_ERR_NOMEM;
    if (err == HD_OK && o.kind == HD_WORKLOAD_ERC20_RANDOM)
        err = draw_senders(&m);
    if (err == HD_OK)
        err = hd_pool_open(&pool, o.threads);
    if (err == HD_OK)
        err = hd_pool_for(pool, o.tx_cnt, 1024, make_chunk, &m);
    if (err == HD_OK)
        err = put_contracts(&m);
    if (err == HD_OK && o.kind == HD_WORKLOAD_SWAP)
        err = put_pools(&m);
    if (err == HD_OK)
        err = put_senders(&m);
    hd_pool_close(pool);
    free(m.slots);
    free(m.senders);
    if (err != HD_OK)
        hd_workload_close(out);
    return err;
}

void hd_workload_close(hd_workload *w) {
    hd_state_free(w->state);
    free(w->txs);
    free(w->data);
    memset(w, 0, sizeof(*w));
}

void hd_workload_batch(hd_batch *out, hd_world *world, const hd_workload *w) {
    memset(out, 0, sizeof(*out));
    hd_state_world(world, w->state);
    out->worlds = world;
    out->envs = &w->env;
    out->txs = w->txs;
    out->data = w->data;
    out->data_sz = w->data_sz;
    out->world_cnt = out->env_cnt = 1;
    out->tx_cnt = w->tx_cnt;
}

void hd_workload_sequence(hd_sequence *out, const hd_workload *w) {
    memset(out, 0, sizeof(*out));
    out->txs = w->txs;
    out->envs = &w->env;
    out->data = w->data;
    out->data_sz = w->data_sz;
    out->tx_cnt = w->tx_cnt;
    out->env_cnt = 1;
}
