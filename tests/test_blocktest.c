/* test_blocktest.c - `heddle blocktest` as a user runs it: what passes, what fails, exit statuses.
 */
#include "hd_test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "exec/hd_block_exec.h"

/* ctest runs tests in the build folder, where the program is. */
#define PROGRAM "./heddle"

static char work_dir[] = "/tmp/hd_test_blocktest_XXXXXX";
static const uint8_t secret[32] = {[31] = 5};

/* ---- a genesis block and a block with one transfer, valid under Shanghai's rules */

typedef struct {
    hd_buf genesis, block, spoiled; /* RLP in hexadecimal, with 0x */
    char sender[43];
    char last_hash[67];
} sample;

static void put_hex(hd_buf *out, const hd_buf *rlp) {
    hd_buf_append_str(out, "0x");
    assert_int_equal(hd_buf_append_hex(out, rlp->data, rlp->sz), HD_OK);
}

static void to_text(char *out, const uint8_t *bytes, size_t sz) {
    strcpy(out, "0x");
    for (size_t i = 0; i < sz; i++)
        snprintf(out + 2 + 2 * i, 3, "%02x", bytes[i]);
}

static void add_transfer(hd_block *b) {
    hd_tx tx = {.gas_limit = 21000};
    hd_tx_envelope envelope = {.flags = 0};
    tx.value_wei = hd_u256_from_u64(1000);
    tx.gas_price = tx.priority_fee = hd_u256_from_u64(1000000000);
    tx.to.b[0] = 9;
    assert_int_equal(hd_tx_sign(&tx, &envelope, NULL, secret), HD_OK);
    assert_int_equal(hd_block_add_tx(b, &tx, &envelope), HD_OK);
}

static void make_sample(sample *x) {
    hd_block b = {0};
    hd_block_result result = {0};
    hd_block_verdict verdict = {0};
    hd_chain_config config;
    hd_chain_rules rules;
    hd_chain_place place = {.number = 1, .timestamp = 10};
    hd_exec *exec;
    hd_exec_options options = {.backend = HD_BACKEND_HOST, .threads = 1};
    hd_state *s = hd_state_new();
    hd_address sender;
    hd_buf rlp = {0};
    memset(x, 0, sizeof *x);
    assert_int_equal(hd_chain_config_named(&config, NULL, "Shanghai"), HD_OK);
    assert_int_equal(hd_chain_rules_at(&rules, NULL, &config, &place), HD_OK);
    assert_int_equal(hd_ecdsa_address(&sender, secret), HD_OK);
    to_text(x->sender, sender.b, 20);
    assert_int_equal(hd_state_set_balance(s, &sender, hd_u256_make(0, 0, 1, 0)), HD_OK);

    b.header.field_cnt = HD_HEADER_FIELDS_SHANGHAI;
    b.header.gas_limit = 1000000;
    b.header.base_fee = hd_u256_from_u64(800000000);
    b.has_withdrawals = 1;
    assert_int_equal(hd_state_root(&b.header.state_root, s), HD_OK);
    assert_int_equal(hd_block_roots(&b), HD_OK);
    assert_int_equal(hd_block_encode(&rlp, &b), HD_OK);
    put_hex(&x->genesis, &rlp);

    b.header.parent_hash = b.hash;
    b.header.number = 1;
    b.header.timestamp = 10;
    b.header.base_fee = hd_base_fee(b.header.base_fee, 0, b.header.gas_limit);
    add_transfer(&b);
    assert_int_equal(hd_exec_open(&exec, &options), HD_OK);
    hd_block_exec_options o = {.exec = exec, .chunk_cnt = 1, .flags = HD_BLOCK_EXEC_NO_CHECK};
    assert_int_equal(hd_block_recover(&verdict, &b, &rules, NULL), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_VALID);
    assert_int_equal(hd_block_exec(&result, &verdict, s, NULL, &b, &rules, &o), HD_OK);
    assert_int_equal(verdict.status, HD_BLOCK_VALID);
    assert_int_equal(hd_block_seal(&b, &result, &rules), HD_OK);
    hd_buf_clear(&rlp);
    assert_int_equal(hd_block_encode(&rlp, &b), HD_OK);
    put_hex(&x->block, &rlp);
    to_text(x->last_hash, b.hash.b, 32);
    b.header.state_root.b[5] ^= 1;
    hd_buf_clear(&rlp);
    assert_int_equal(hd_block_encode(&rlp, &b), HD_OK);
    put_hex(&x->spoiled, &rlp);
    hd_buf_free(&rlp);
    hd_block_result_free(&result);
    hd_block_free(&b);
    hd_exec_close(exec);
    hd_state_free(s);
}

/* ---- files and the program */

static sample made;

/* A test whose blocks are the spoiled one (first, with that exception) and the good one (with the
   second exception, "": none). */
static void put_test(hd_buf *out, const char *name, const char *network, const char *first,
                     const char *second) {
    if (out->sz > 1)
        hd_buf_append_str(out, ",\n");
    hd_buf_printf(out, "\"%s\": {\"network\": \"%s\", \"config\": {\"chainid\": \"0x01\"},", name,
                  network);
    hd_buf_printf(out, "\"lastblockhash\": \"%s\", \"pre\": {\"%s\": {\"balance\": \"0x%s\"}},",
                  made.last_hash, made.sender, "10000000000000000");
    hd_buf_printf(out, "\"genesisRLP\": \"%s\", \"blocks\": [", hd_buf_str(&made.genesis));
    hd_buf_printf(out, "{\"rlp\": \"%s\", \"expectException\": \"%s\"},", hd_buf_str(&made.spoiled),
                  first);
    hd_buf_printf(out, "{\"rlp\": \"%s\", \"blockHeader\": {}%s%s%s}]}", hd_buf_str(&made.block),
                  second[0] ? ",\"expectException\":\"" : "", second, second[0] ? "\"" : "");
}

static void write_text(const char *name, const char *text, size_t sz) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", work_dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, sz, file), sz);
    fclose(file);
}

static int run(char *out, size_t out_sz, const char *args) {
    char command[2048];
    snprintf(command, sizeof command, "%s blocktest %s >%s/out 2>%s/err", PROGRAM, args, work_dir,
             work_dir);
    int code = system(command);
    snprintf(command, sizeof command, "%s/out", work_dir);
    FILE *file = fopen(command, "rb");
    assert_non_null(file);
    size_t sz = fread(out, 1, out_sz - 1, file);
    out[sz] = 0;
    fclose(file);
    return WIFEXITED(code) ? WEXITSTATUS(code) : 1000;
}

#define GOOD_CLASS "BlockException.INVALID_STATE_ROOT"

static int set_up(void **state) {
    (void)state;
    hd_buf file = {0};
    char path[256];
    if (!mkdtemp(work_dir))
        return 1;
    make_sample(&made);
    snprintf(path, sizeof path, "%s/good", work_dir);
    mkdir(path, 0700);
    hd_buf_append_str(&file, "{");
    put_test(&file, "one", "Shanghai", GOOD_CLASS, "");
    put_test(&file, "two", "Shanghai", "BlockException.INVALID_GASLIMIT|" GOOD_CLASS, "");
    hd_buf_append_str(&file, "}");
    write_text("good/a.json", (const char *)file.data, file.sz);
    write_text("good/b.json", (const char *)file.data, file.sz);
    hd_buf_clear(&file);
    hd_buf_append_str(&file, "{");
    put_test(&file, "wrong class", "Shanghai", "BlockException.INVALID_GASLIMIT", "");
    put_test(&file, "unknown class", "Shanghai", "BlockException.NO_SUCH_NAME", "");
    put_test(&file, "accepted", "Shanghai", GOOD_CLASS, "BlockException.INVALID_GASLIMIT");
    put_test(&file, "network", "Nowhere", GOOD_CLASS, "");
    put_test(&file, "rules", "Cancun", GOOD_CLASS, "");
    hd_buf_append_str(&file, "}");
    write_text("bad.json", (const char *)file.data, file.sz);
    write_text("broken.json", "{\"x\": ", 6);
    hd_buf_free(&file);
    return 0;
}

static void tests_that_hold_pass_and_are_printed(void **state) {
    (void)state;
    static char out[65536];
    char args[256];
    snprintf(args, sizeof args, "%s/good", work_dir);
    assert_int_equal(run(out, sizeof out, args), 0);
    assert_non_null(strstr(out, "\"name\":\"one\",\"file\":"));
    assert_non_null(strstr(out, "\"fork\":\"Shanghai\",\"pass\":true,\"skipped\":false,"
                                "\"lastBlockHash\":\"0x"));
    assert_non_null(strstr(out, made.last_hash));
    assert_non_null(strstr(out, "\"stateRoot\":\"0x"));
    assert_non_null(strstr(out, "\"error\":null}"));
}

static void output_is_the_same_for_every_way_to_run(void **state) {
    (void)state;
    static char want[65536], out[65536];
    static const char *const ways[] = {"--threads 1", "--threads 3", "--serial --threads 2",
                                       "--serial --threads 1", "--backend tiled"};
    char args[256];
    snprintf(args, sizeof args, "--threads 2 %s/good %s/bad.json", work_dir, work_dir);
    assert_int_equal(run(want, sizeof want, args), 1);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        snprintf(args, sizeof args, "%s %s/good %s/bad.json", ways[i], work_dir, work_dir);
        assert_int_equal(run(out, sizeof out, args), 1);
        assert_string_equal(out, want);
    }
}

static void tests_that_do_not_hold_fail_with_the_reason(void **state) {
    (void)state;
    static char out[65536];
    char args[256];
    snprintf(args, sizeof args, "%s/bad.json", work_dir);
    assert_int_equal(run(out, sizeof out, args), 1);
    assert_null(strstr(out, "\"pass\":true"));
    assert_non_null(strstr(out, "expected BlockException.INVALID_GASLIMIT"));
    assert_non_null(strstr(out, "unknown name in BlockException.NO_SUCH_NAME"));
    assert_non_null(strstr(out, "block 1 was accepted, expected BlockException.INVALID_GASLIMIT"));
    assert_non_null(strstr(out, "unknown network"));
    assert_non_null(strstr(out, "header fields are not those of the fork"));
}

static void usage_and_unreadable_input_have_their_exit_status(void **state) {
    (void)state;
    static char out[65536];
    char args[256];
    assert_int_equal(run(out, sizeof out, ""), 2);
    assert_int_equal(run(out, sizeof out, "--strange x"), 2);
    snprintf(args, sizeof args, "%s/absent", work_dir);
    assert_int_equal(run(out, sizeof out, args), 2);
    snprintf(args, sizeof args, "%s/broken.json", work_dir);
    assert_int_equal(run(out, sizeof out, args), 2);
    snprintf(args, sizeof args, "--name nothing %s/good", work_dir);
    assert_int_equal(run(out, sizeof out, args), 2);
    snprintf(args, sizeof args, "--fork Shanghai --name two %s/good", work_dir);
    assert_int_equal(run(out, sizeof out, args), 0);
    assert_null(strstr(out, "\"one\""));
}

static int tear_down(void **state) {
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -r %s", work_dir);
    hd_buf_free(&made.genesis);
    hd_buf_free(&made.block);
    hd_buf_free(&made.spoiled);
    return system(command) != 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(tests_that_hold_pass_and_are_printed),
    cmocka_unit_test(output_is_the_same_for_every_way_to_run),
    cmocka_unit_test(tests_that_do_not_hold_fail_with_the_reason),
    cmocka_unit_test(usage_and_unreadable_input_have_their_exit_status),
};

int main(int argc, char **argv) {
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
