/* transfer.c - libheddle from outside: a token, a block of transfers, receipts, the state root.

   cc transfer.c $(pkg-config --cflags --libs heddle) && ./a.out */
#include <heddle/heddle.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A token in 39 bytes: balances lie in the slots of their owners' addresses; a call is 32 bytes of
   recipient and 32 bytes of amount, and reverts where the caller has less. */
static const uint8_t token_code[] = {
    0x33, 0x54,             /* CALLER SLOAD                      balance                  */
    0x60, 0x20, 0x35,       /* PUSH1 32 CALLDATALOAD             amount, balance          */
    0x81, 0x81, 0x11,       /* DUP2 DUP2 GT                      is too much              */
    0x60, 0x23, 0x57,       /* PUSH1 35 JUMPI                                             */
    0x80, 0x82, 0x03,       /* DUP1 DUP3 SUB                     balance - amount         */
    0x33, 0x55,             /* CALLER SSTORE                                              */
    0x60, 0x00, 0x35, 0x54, /* PUSH1 0 CALLDATALOAD SLOAD        recipient's balance      */
    0x81, 0x01,             /* DUP2 ADD                          with the amount          */
    0x60, 0x00, 0x35, 0x55, /* PUSH1 0 CALLDATALOAD SSTORE                                */
    0x60, 0x00, 0x52,       /* PUSH1 0 MSTORE                    memory: amount           */
    0x60, 0x20, 0x60, 0x00, /* PUSH1 32 PUSH1 0                                           */
    0xa0, 0x00,             /* LOG0 STOP                         one log: the amount      */
    0x5b, 0x5f, 0x5f, 0xfd  /* JUMPDEST PUSH0 PUSH0 REVERT                                */
};

#define OWNER_CNT 4u

static heddle_address address(uint8_t kind, uint8_t idx) {
    heddle_address a;
    memset(&a, 0, sizeof a);
    a.b[0] = kind;
    a.b[19] = idx;
    return a;
}

static heddle_word address_word(const heddle_address *a) {
    heddle_word w = heddle_word_from_u64(0);
    memcpy(w.b + 12, a->b, sizeof a->b);
    return w;
}

static int fail(const char *what, heddle_err err, const heddle_message *why) {
    fprintf(stderr, "%s: %s (%s)\n", what, why && why->text[0] ? why->text : "no more is known",
            heddle_err_name(err));
    return 1;
}

/* The token, and owners with ether for gas; the first also has 1,000 tokens. */
static heddle_err make_state(heddle_state *state, const heddle_address *token) {
    heddle_account account;
    memset(&account, 0, sizeof account);
    account.nonce = 1;
    account.code = token_code;
    account.code_sz = sizeof token_code;
    heddle_err err = heddle_state_set_account(state, token, &account);
    for (uint8_t i = 0; err == HEDDLE_OK && i < OWNER_CNT; i++) {
        heddle_address owner = address(0xaa, i);
        memset(&account, 0, sizeof account);
        account.balance_wei = heddle_word_from_u64(1000000000000000000u);
        err = heddle_state_set_account(state, &owner, &account);
    }
    heddle_address first = address(0xaa, 0);
    heddle_word slot = address_word(&first), supply = heddle_word_from_u64(1000);
    return err == HEDDLE_OK ? heddle_state_set_slot(state, token, &slot, &supply) : err;
}

/* Owner 0 pays 1 300, 1 pays 2 100, 2 pays 3 500, which it does not have. */
static heddle_err add_transfers(heddle_batch *batch, const heddle_address *token,
                                heddle_message *why) {
    static const struct {
        uint8_t from, to;
        uint64_t amount;
    } transfers[] = {{0, 1, 300}, {1, 2, 100}, {2, 3, 500}};
    heddle_err err = HEDDLE_OK;
    for (size_t i = 0; err == HEDDLE_OK && i < sizeof transfers / sizeof transfers[0]; i++) {
        heddle_address to = address(0xaa, transfers[i].to);
        heddle_word call[2] = {address_word(&to), heddle_word_from_u64(transfers[i].amount)};
        heddle_transaction tx;
        memset(&tx, 0, sizeof tx);
        tx.type = HEDDLE_TX_DYNAMIC_FEE;
        tx.chain_id = 1;
        tx.sender = address(0xaa, transfers[i].from);
        tx.to = *token;
        tx.gas_limit = 100000;
        tx.gas_price_wei = heddle_word_from_u64(3000000000u);
        tx.priority_fee_wei = heddle_word_from_u64(1000000000u);
        tx.data = call[0].b;
        tx.data_sz = sizeof call;
        err = heddle_batch_add(batch, NULL, &tx, why);
    }
    return err;
}

static void print_receipts(const heddle_batch *batch) {
    heddle_receipt r;
    heddle_slot_change slot;
    for (uint32_t i = 0; heddle_batch_get_receipt(batch, &r, i) == HEDDLE_OK; i++) {
        printf("transfer %" PRIu32 ": %s, %" PRIu64 " gas, %" PRIu32 " logs\n", i,
               heddle_status_name(r.status), r.gas_used, r.log_cnt);
        for (uint32_t k = 0; heddle_batch_get_slot(batch, &slot, i, k) == HEDDLE_OK; k++)
            printf("    balance of owner %u: %" PRIu64 ", was %" PRIu64 "\n", slot.key.b[31],
                   heddle_word_to_u64(&slot.value), heddle_word_to_u64(&slot.original));
    }
}

int main(void) {
    heddle_engine *engine = NULL;
    heddle_state *state = NULL;
    heddle_batch *batch = NULL;
    heddle_message why = {{0}};
    heddle_block block;
    heddle_word root;
    heddle_address token = address(0x70, 1);
    int status = 1;

    heddle_err err = heddle_engine_open(&engine, NULL, &why);
    if (err != HEDDLE_OK) {
        fail("opening the engine", err, &why);
        goto done;
    }
    err = heddle_state_new(&state);
    if (err == HEDDLE_OK)
        err = make_state(state, &token);
    if (err != HEDDLE_OK) {
        fail("making the state", err, NULL);
        goto done;
    }
    memset(&block, 0, sizeof block);
    block.fork = HEDDLE_FORK_OSAKA;
    block.number = 1;
    block.timestamp = 1700000000;
    block.gas_limit = 30000000;
    block.chain_id = 1;
    block.coinbase = address(0xc0, 0);
    block.base_fee_wei = heddle_word_from_u64(1000000000u);
    err = heddle_batch_new(&batch, &block, &why);
    if (err == HEDDLE_OK)
        err = add_transfers(batch, &token, &why);
    if (err != HEDDLE_OK) {
        fail("making the batch", err, &why);
        goto done;
    }
    err = heddle_engine_run_ordered(engine, batch, state, NULL, &why);
    if (err != HEDDLE_OK) {
        fail("running the batch", err, &why);
        goto done;
    }
    print_receipts(batch);
    err = heddle_state_root(state, &root);
    if (err != HEDDLE_OK) {
        fail("the state root", err, NULL);
        goto done;
    }
    printf("libheddle %s on %s, state root 0x", heddle_version(), heddle_engine_name(engine));
    for (size_t i = 0; i < sizeof root.b; i++)
        printf("%02x", root.b[i]);
    printf("\n");
    status = 0;
done:
    heddle_batch_free(batch);
    heddle_state_free(state);
    heddle_engine_close(engine);
    return status;
}
