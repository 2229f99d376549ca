/* test_chain_disk.c - chains on the persistent store: reorganisations, and continuing after each
   block as if the process had ended there. */
#define _GNU_SOURCE
#include "hd_test.h"

#include "base/hd_file.h"
#include "base/hd_json.h"
#include "exec/hd_chain_disk.h"
#include "exec/hd_genesis.h"
#include "state/hd_state_trie.h"
#include "state/hd_store_undo.h"
#include "store_box.h"

typedef struct {
    box box;
    hd_exec *exec;
    hd_state *state;
    hd_chain_disk *disk;
    hd_chain *chain;
    hd_chain_config config;
    uint32_t undo_cnt;
} rig;

static void rig_init(rig *g) {
    hd_exec_options options = {HD_BACKEND_HOST, 1, NULL, NULL};
    memset(g, 0, sizeof *g);
    box_init(&g->box);
    assert_int_equal(hd_exec_open(&g->exec, &options), HD_OK);
}

/* Opens store, state and chain; a store with a head is continued. */
static void rig_open(rig *g) {
    hd_store_options store_options = {HD_STORE_CREATE | HD_STORE_NO_SYNC, g->undo_cnt, 1u << 22};
    hd_store_head head;
    g->state = hd_state_new();
    assert_non_null(g->state);
    assert_ok(hd_store_open(&g->box.store, &g->box.msg, g->box.dir, &store_options), &g->box);
    assert_int_equal(hd_chain_disk_open(&g->disk, g->box.store, g->state), HD_OK);
    hd_chain_options options = {.config = &g->config,
                                .state = g->state,
                                .store = hd_chain_disk_store(g->disk),
                                .exec = {.exec = g->exec}};
    assert_int_equal(hd_chain_open(&g->chain, &options), HD_OK);
    hd_err err = hd_chain_disk_load(&head, &g->box.msg, g->disk);
    if (err != HD_ERR_ABSENT) {
        assert_ok(err, &g->box);
        assert_int_equal(hd_chain_resume(g->chain, &head.hash), HD_OK);
    }
}

static void rig_close(rig *g) {
    hd_chain_close(g->chain);
    hd_chain_disk_close(g->disk);
    hd_state_free(g->state);
    box_close(&g->box);
}

static void rig_free(rig *g) {
    hd_exec_close(g->exec);
    box_remove(&g->box);
}

static void rig_start(rig *g, hd_json test, const char *network) {
    hd_json pre, config, member;
    hd_buf rlp;
    hd_block genesis;
    hd_block_verdict verdict;
    memset(&genesis, 0, sizeof genesis);
    hd_buf_init(&rlp);
    assert_int_equal(hd_chain_config_named(&g->config, &g->box.msg, network), HD_OK);
    if (hd_json_find(&config, test, "config") && hd_json_find(&member, config, "blobSchedule"))
        assert_int_equal(hd_chain_config_blobs(&g->config, &g->box.msg, member), HD_OK);
    assert_int_equal(hd_json_get(&pre, &g->box.msg, test, "pre"), HD_OK);
    assert_int_equal(hd_genesis_alloc_read(g->state, &g->box.msg, pre), HD_OK);
    assert_int_equal(hd_json_get_bytes(&rlp, &g->box.msg, test, "genesisRLP"), HD_OK);
    assert_int_equal(hd_block_decode(&genesis, &g->box.msg, hd_buf_span(&rlp)), HD_OK);
    hd_span config_text = {(const uint8_t *)"{}", 2};
    assert_int_equal(hd_chain_disk_begin(g->disk, config_text, &genesis.hash), HD_OK);
    assert_int_equal(hd_chain_start(g->chain, &verdict, &genesis), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_VALID);
    hd_block_free(&genesis);
    hd_buf_free(&rlp);
}

/* The indexes say what the canonical chain is, and nothing else. */
static void check_indexes(rig *g, hd_json blocks) {
    box *x = &g->box;
    hd_store_head head;
    hd_hash hash, above;
    hd_store_tx_place place;
    hd_buf rlp;
    hd_block block;
    memset(&block, 0, sizeof block);
    hd_buf_init(&rlp);
    box_begin(x);
    assert_ok(hd_store_verify(&x->msg, x->read), x);
    assert_ok(hd_store_get_head(&head, &x->msg, x->read), x);
    assert_memory_equal(&head.hash, &hd_chain_head(g->chain)->hash, sizeof hash);
    assert_int_equal(hd_store_get_canonical(&hash, &x->msg, x->read, head.number + 1),
                     HD_ERR_ABSENT);
    above = head.hash;
    for (uint64_t n = head.number;; n--) {
        assert_ok(hd_store_get_canonical(&hash, &x->msg, x->read, n), x);
        assert_memory_equal(&hash, &above, sizeof hash);
        hd_buf_clear(&rlp);
        assert_ok(hd_chain_disk_block(&rlp, &x->msg, x->read, n, &hash), x);
        assert_int_equal(hd_block_decode(&block, &x->msg, hd_buf_span(&rlp)), HD_OK);
        assert_memory_equal(&block.hash, &hash, sizeof hash);
        for (uint32_t i = 0; i < block.tx_cnt; i++) {
            assert_ok(
                hd_store_get_tx(&place, &x->msg, x->read, &hd_block_envelopes(&block)[i].hash), x);
            assert_int_equal(place.block_number, n);
            assert_int_equal(place.tx_idx, i);
        }
        if (n == 0)
            break;
        hd_span receipts, undo;
        assert_ok(hd_store_get_receipts(&receipts, &x->msg, x->read, n, &hash), x);
        assert_ok(hd_store_get_undo(&undo, &x->msg, x->read, n, &hash), x);
        above = block.header.parent_hash;
    }
    /* Transactions of other branches are found only where the canonical chain has them too. */
    for (size_t i = 0; i < hd_json_cnt(blocks); i++) {
        hd_buf_clear(&rlp);
        hd_hash other;
        if (hd_json_get_bytes(&rlp, NULL, hd_json_at(blocks, i), "rlp") != HD_OK ||
            hd_block_decode(&block, NULL, hd_buf_span(&rlp)) != HD_OK)
            continue;
        for (uint32_t t = 0; t < block.tx_cnt; t++) {
            hd_err err =
                hd_store_get_tx(&place, &x->msg, x->read, &hd_block_envelopes(&block)[t].hash);
            if (err == HD_ERR_ABSENT)
                continue;
            assert_ok(err, x);
            assert_ok(hd_store_get_canonical(&other, &x->msg, x->read, place.block_number), x);
        }
        /* Undo records are there for the canonical chain alone. */
        hd_span undo;
        hd_err err = hd_store_get_undo(&undo, &x->msg, x->read, block.header.number, &block.hash);
        if (hd_store_get_canonical(&other, &x->msg, x->read, block.header.number) != HD_OK ||
            memcmp(&other, &block.hash, sizeof other) != 0)
            assert_int_equal(err, HD_ERR_ABSENT);
    }
    box_end(x);
    hd_block_free(&block);
    hd_buf_free(&rlp);
}

typedef struct {
    box *box;
    uint64_t cnt;
} node_ctx;

static hd_err check_node(void *ctx, const hd_hash *owner, const uint8_t *path, size_t path_cnt,
                         hd_span node) {
    static const hd_hash no_owner;
    node_ctx *n = ctx;
    hd_span stored;
    if (!node.sz)
        return HD_OK;
    n->cnt++;
    assert_ok(hd_store_get_node(&stored, &n->box->msg, n->box->read, owner ? owner : &no_owner,
                                path, path_cnt),
              n->box);
    assert_int_equal(stored.sz, node.sz);
    assert_memory_equal(stored.data, node.data, node.sz);
    return HD_OK;
}

/* The nodes in the store are those of tries made anew from the state, and no more. */
static void check_nodes(rig *g) {
    hd_state_trie *t;
    hd_store_counts counts;
    hd_hash root;
    node_ctx ctx = {&g->box, 0};
    assert_int_equal(hd_state_trie_open(&t, NULL, NULL), HD_OK);
    hd_forest_keep_changes(hd_state_trie_forest(t), 1);
    assert_int_equal(hd_state_trie_touch_all(t, g->state), HD_OK);
    assert_int_equal(hd_state_trie_root(&root, t, g->state), HD_OK);
    box_begin(&g->box);
    assert_int_equal(hd_forest_each_change(hd_state_trie_forest(t), check_node, &ctx), HD_OK);
    assert_ok(hd_store_count(&counts, &g->box.msg, g->box.read), &g->box);
    assert_int_equal(counts.node_cnt, ctx.cnt);
    box_end(&g->box);
    hd_state_trie_close(t);
}

/* Every state that is kept comes back with its block's root. */
static void check_history(rig *g) {
    box *x = &g->box;
    hd_hash hash, root;
    hd_span raw;
    hd_state *s = hd_state_new();
    hd_header header;
    uint64_t last = hd_chain_head(g->chain)->header.number, n = last > 5 ? last - 5 : 0;
    box_begin(x);
    assert_int_equal(hd_store_load_at(s, &x->msg, x->read, last + 1), HD_ERR_ABSENT);
    for (; n <= last; n++) {
        hd_state_reset(s);
        assert_ok(hd_store_load_at(s, &x->msg, x->read, n), x);
        assert_ok(hd_store_get_canonical(&hash, &x->msg, x->read, n), x);
        assert_ok(hd_store_get_header(&raw, &x->msg, x->read, n, &hash), x);
        assert_int_equal(hd_header_decode(&header, NULL, raw), HD_OK);
        assert_int_equal(hd_state_root(&root, s), HD_OK);
        assert_memory_equal(&root, &header.state_root, sizeof root);
    }
    box_end(x);
    hd_state_free(s);
}

static void run_chain(const char *name, hd_json test, uint64_t *block_cnt) {
    rig g;
    hd_json val, blocks;
    const char *network;
    hd_hash want;
    hd_buf rlp;
    hd_buf_init(&rlp);
    assert_int_equal(hd_json_get_str(&network, NULL, NULL, test, "network"), HD_OK);
    assert_int_equal(hd_json_get(&blocks, NULL, test, "blocks"), HD_OK);
    rig_init(&g);
    rig_open(&g);
    rig_start(&g, test, network);
    size_t cnt = hd_json_cnt(blocks);
    for (size_t i = 0; i < cnt; i++) {
        hd_block_verdict verdict;
        hd_buf_clear(&rlp);
        if (hd_json_get_bytes(&rlp, NULL, hd_json_at(blocks, i), "rlp") != HD_OK)
            continue;
        /* The process ends here, so to speak. */
        if (cnt < 30 || i % 16 == 0) {
            rig_close(&g);
            rig_open(&g);
        }
        hd_err err = hd_chain_import(g.chain, &verdict, hd_buf_span(&rlp));
        if (err != HD_OK)
            fail_msg("%s: block %zu: %s: %s", name, i, hd_err_name(err),
                     hd_chain_disk_msg(g.disk)->text);
        int is_valid = hd_json_find(&val, hd_json_at(blocks, i), "blockHeader") &&
                       !hd_json_find(&val, hd_json_at(blocks, i), "expectException");
        if (is_valid != (verdict.status == HD_BLOCK_VALID))
            fail_msg("%s: block %zu: %s", name, i, verdict.msg.text);
        (*block_cnt)++;
    }
    rig_close(&g);
    rig_open(&g);
    assert_int_equal(hd_json_get_hash(&want, NULL, test, "lastblockhash"), HD_OK);
    if (memcmp(&want, &hd_chain_head(g.chain)->hash, sizeof want) != 0)
        fail_msg("%s: another head", name);
    check_indexes(&g, blocks);
    check_nodes(&g);
    check_history(&g);
    rig_close(&g);
    rig_free(&g);
    hd_buf_free(&rlp);
}

/* All tests of the files at and below a folder; at most test_max of them in each file. */
static uint64_t run_folder(const char *folder, uint32_t test_max) {
    char path[512];
    hd_file_list files;
    uint64_t block_cnt = 0;
    hd_test_fixture(path, sizeof path, folder);
    assert_int_equal(hd_file_walk(&files, NULL, path, ".json"), HD_OK);
    for (size_t i = 0; i < files.path_cnt; i++) {
        hd_json_doc *doc;
        hd_json root;
        uint32_t cnt = 0;
        assert_int_equal(hd_json_load(&doc, &root, NULL, files.paths[i], HD_FILE_SZ_MAX, 64),
                         HD_OK);
        for (hd_json_iter it = hd_json_begin(root); hd_json_next(&it) && cnt < test_max; cnt++)
            run_chain(it.key, it.val, &block_cnt);
        hd_json_close(doc);
    }
    hd_file_list_free(&files);
    return block_cnt;
}

static void branches_end_as_the_suite_says_through_restarts(void **state) {
    (void)state;
    assert_true(run_folder("bt/legacy-cancun/ValidBlocks/bcMultiChainTest", 3) > 20);
    assert_true(run_folder("bt/legacy-cancun/ValidBlocks/bcTotalDifficultyTest", 2) > 20);
    run_folder("bt/legacy-cancun/InvalidBlocks/bcMultiChainTest", 2);
    run_folder("bt/legacy-cancun/ValidBlocks/bcForkStressTest", 2);
}

static void ommers_and_transitions_survive_restarts(void **state) {
    (void)state;
    run_folder("bt/legacy-cancun/ValidBlocks/bcUncleTest", 1);
    run_folder("bt/legacy-cancun/InvalidBlocks/bcUncleTest", 1);
    run_folder("bt/legacy-cancun/TransitionTests/bcArrowGlacierToParis", 4);
    run_folder("bt/legacy-cancun/TransitionTests/bcHomesteadToDao", 4);
}

static void destroyed_storage_survives_restarts(void **state) {
    (void)state;
    assert_true(run_folder("bt/legacy-cancun/ValidBlocks/bcStateTests", 3) > 50);
}

/* One state kept: a branch that forks further below cannot be weighed, and is refused by name. */
static void reorganisation_below_the_kept_states_is_refused(void **state) {
    (void)state;
    rig g;
    char path[512];
    hd_json_doc *doc;
    hd_json root, blocks;
    hd_buf rlp;
    uint32_t refused_cnt = 0;
    const char *network;
    hd_test_fixture(path, sizeof path,
                    "bt/legacy-cancun/ValidBlocks/bcTotalDifficultyTest/"
                    "lotsOfBranchesOverrideAtTheEnd.json");
    assert_int_equal(hd_json_load(&doc, &root, NULL, path, HD_FILE_SZ_MAX, 64), HD_OK);
    hd_json_iter it = hd_json_begin(root);
    assert_true(hd_json_next(&it));
    assert_int_equal(hd_json_get_str(&network, NULL, NULL, it.val, "network"), HD_OK);
    assert_int_equal(hd_json_get(&blocks, NULL, it.val, "blocks"), HD_OK);
    hd_buf_init(&rlp);
    rig_init(&g);
    g.undo_cnt = 1;
    rig_open(&g);
    rig_start(&g, it.val, network);
    for (size_t i = 0; i < hd_json_cnt(blocks); i++) {
        hd_block_verdict verdict;
        hd_buf_clear(&rlp);
        assert_int_equal(hd_json_get_bytes(&rlp, NULL, hd_json_at(blocks, i), "rlp"), HD_OK);
        hd_hash before = hd_chain_head(g.chain)->hash;
        hd_err err = hd_chain_import(g.chain, &verdict, hd_buf_span(&rlp));
        if (err == HD_OK)
            continue;
        assert_int_equal(err, HD_ERR_LIMIT);
        assert_non_null(strstr(hd_chain_disk_msg(g.disk)->text, "cannot be undone"));
        refused_cnt++;
        rig_close(&g);
        rig_open(&g);
        assert_memory_equal(&before, &hd_chain_head(g.chain)->hash, sizeof before);
    }
    assert_true(refused_cnt > 0);
    rig_close(&g);
    rig_free(&g);
    hd_buf_free(&rlp);
    hd_json_close(doc);
}

static void undo_record_is_the_same_after_coding(void **state) {
    (void)state;
    hd_undo undo, again;
    hd_buf bytes, cut;
    memset(&undo, 0, sizeof undo);
    memset(&again, 0, sizeof again);
    hd_buf_init(&bytes);
    for (uint64_t i = 0; i < 50; i++) {
        hd_undo_account account;
        hd_undo_slot slot;
        memset(&account, 0, sizeof account);
        memset(&slot, 0, sizeof slot);
        account.addr = slot.addr = addr_of(i);
        account.nonce = rng();
        account.is_there = i & 1;
        account.balance_wei = hd_u256_make(rng(), rng(), rng(), rng());
        account.code_hash = hash_of(i);
        slot.key = hd_u256_make(rng(), 0, 0, i);
        slot.value = hd_u256_make(0, rng(), 0, i);
        hd_buf_append(&undo.accounts, &account, sizeof account);
        for (uint64_t k = 0; k < i % 4; k++)
            hd_buf_append(&undo.slots, &slot, sizeof slot);
    }
    assert_int_equal(hd_undo_encode(&bytes, &undo), HD_OK);
    assert_int_equal(hd_undo_decode(&again, hd_buf_span(&bytes)), HD_OK);
    assert_int_equal(again.accounts.sz, undo.accounts.sz);
    assert_int_equal(again.slots.sz, undo.slots.sz);
    assert_memory_equal(again.accounts.data, undo.accounts.data, undo.accounts.sz);
    assert_memory_equal(again.slots.data, undo.slots.data, undo.slots.sz);
    for (size_t sz = 0; sz < bytes.sz; sz += 7) {
        hd_buf_init(&cut);
        hd_buf_append(&cut, bytes.data, sz);
        assert_int_equal(hd_undo_decode(&again, hd_buf_span(&cut)), HD_ERR_CORRUPT);
        hd_buf_free(&cut);
    }
    memset(bytes.data + 4, 0xff, 16);
    assert_int_equal(hd_undo_decode(&again, hd_buf_span(&bytes)), HD_ERR_CORRUPT);
    hd_undo_free(&undo);
    hd_undo_free(&again);
    hd_buf_free(&bytes);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(branches_end_as_the_suite_says_through_restarts),
    cmocka_unit_test(ommers_and_transitions_survive_restarts),
    cmocka_unit_test(destroyed_storage_survives_restarts),
    cmocka_unit_test(reorganisation_below_the_kept_states_is_refused),
    cmocka_unit_test(undo_record_is_the_same_after_coding),
};

HD_TEST_MAIN(tests)
