/* test_cli.c - the commands statetest, tracetest and run, through the program as a user runs it. */
#include "hd_test.h"

#include <sys/wait.h>
#include <unistd.h>

/* ctest runs tests in the build folder, where the program is. */
#define PROGRAM "./heddle"

static char work_dir[] = "/tmp/hd_test_cli_XXXXXX";

typedef struct {
    int status; /* exit status */
    char *out;  /* standard output */
    char *err;  /* standard error */
} run_result;

static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t cap = 1 << 20;
    char *text = malloc(cap);
    assert_non_null(text);
    size_t sz = fread(text, 1, cap - 1, file);
    text[sz] = 0;
    fclose(file);
    return text;
}

static void write_text(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", work_dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Arguments are relative to the folder of the test files. */
static run_result run(const char *args) {
    char command[2048], out[256], err[256], here[1024];
    run_result r;
    assert_non_null(getcwd(here, sizeof here));
    snprintf(out, sizeof out, "%s/stdout", work_dir);
    snprintf(err, sizeof err, "%s/stderr", work_dir);
    snprintf(command, sizeof command, "cd %s && '%s/%s' %s >stdout 2>stderr", work_dir, here,
             PROGRAM, args);
    int code = system(command);
    r.status = WIFEXITED(code) ? WEXITSTATUS(code) : 1000;
    r.out = read_text(out);
    r.err = read_text(err);
    return r;
}

static void run_free(run_result *r) {
    free(r->out);
    free(r->err);
}

static int ends_with(const char *text, const char *end) {
    size_t text_sz = strlen(text), end_sz = strlen(end);
    return text_sz >= end_sz && strcmp(text + text_sz - end_sz, end) == 0;
}

static int count_of(const char *text, const char *part) {
    int cnt = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        cnt++;
    return cnt;
}

/* --- a state test: the code at 0x..c0de stores 3 in slot 0. Roots are learnt from the program
   itself: that they are right is what the official suites prove; here it is whether they are
   judged. */
#define HASH_EMPTY_LOGS "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
#define SENDER "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b"

static void make_test(char *out, size_t out_sz, const char *config, const char *fork,
                      const char *gas, const char *value, const char *root, const char *logs,
                      const char *more) {
    snprintf(out, out_sz,
             "{\"adds\":{%s\"env\":{\"currentCoinbase\":"
             "\"0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba\",\"currentGasLimit\":\"0x0f4240\","
             "\"currentNumber\":\"0x01\",\"currentTimestamp\":\"0x03e8\",\"currentDifficulty\":"
             "\"0x020000\",\"currentBaseFee\":\"0x0a\"},\"pre\":{\"%s\":{\"balance\":"
             "\"0x0de0b6b3a7640000\",\"code\":\"0x\",\"nonce\":\"0x00\",\"storage\":{}},"
             "\"0x000000000000000000000000000000000000c0de\":{\"balance\":\"0x00\",\"code\":"
             "\"0x600160020160005500\",\"nonce\":\"0x00\",\"storage\":{}}},\"transaction\":{"
             "\"data\":[\"0x\"],\"gasLimit\":[\"%s\"],\"value\":[\"%s\"],\"gasPrice\":\"0x0a\","
             "\"nonce\":\"0x00\",\"sender\":\"%s\",\"to\":"
             "\"0x000000000000000000000000000000000000c0de\"},\"post\":{\"%s\":[{\"hash\":\"%s\","
             "\"logs\":\"%s\",\"indexes\":{\"data\":0,\"gas\":0,\"value\":0}%s}]}}}",
             config, SENDER, gas, value, SENDER, fork, root, logs, more);
}

#define CONFIG "\"config\":{\"chainid\":\"0x01\"},"
#define GAS_ENOUGH "0x0186a0"
#define GAS_LITTLE "0x01"
#define HASH_ZERO "0x0000000000000000000000000000000000000000000000000000000000000000"

/* What the program says the root is, so that a test can expect it or another one. */
static void find_root(char root[67], const char *text) {
    const char *at = strstr(text, "\"stateRoot\":\"");
    assert_non_null(at);
    memcpy(root, at + strlen("\"stateRoot\":\""), 66);
    root[66] = 0;
}

static void learn_root(char root[67], const char *config, const char *fork, const char *gas,
                       const char *value) {
    char text[4096];
    make_test(text, sizeof text, config, fork, gas, value, HASH_ZERO, HASH_EMPTY_LOGS, "");
    write_text("learn.json", text);
    run_result r = run("statetest learn.json");
    assert_int_equal(r.status, 1);
    find_root(root, r.out);
    run_free(&r);
}

static void expect_case(const char *config, const char *fork, const char *gas, const char *value,
                        const char *root, const char *logs, const char *more, int status,
                        const char *said) {
    char text[4096];
    make_test(text, sizeof text, config, fork, gas, value, root, logs, more);
    write_text("case.json", text);
    run_result r = run("statetest case.json");
    if (r.status != status || !strstr(r.out, said))
        print_message("%s%s", r.out, r.err);
    assert_int_equal(r.status, status);
    assert_non_null(strstr(r.out, said));
    run_free(&r);
}

static void statetest_passes_a_case_whose_root_and_logs_match(void **state) {
    char root[67];
    (void)state;
    learn_root(root, CONFIG, "Cancun", GAS_ENOUGH, "0x00");
    expect_case(CONFIG, "Cancun", GAS_ENOUGH, "0x00", root, HASH_EMPTY_LOGS, "", 0,
                "\"pass\":true,\"skipped\":false");
}

static void statetest_fails_a_case_with_another_state_root(void **state) {
    (void)state;
    expect_case(CONFIG, "Cancun", GAS_ENOUGH, "0x00", HASH_ZERO, HASH_EMPTY_LOGS, "", 1,
                "state root is 0x");
}

static void statetest_fails_a_case_with_another_logs_hash(void **state) {
    char root[67];
    (void)state;
    learn_root(root, CONFIG, "Cancun", GAS_ENOUGH, "0x00");
    expect_case(CONFIG, "Cancun", GAS_ENOUGH, "0x00", root, HASH_ZERO, "", 1, "logs hash is 0x");
}

static void statetest_fails_a_case_of_an_unknown_fork(void **state) {
    (void)state;
    expect_case(CONFIG, "ShanghaiToCancunAtTime15k", GAS_ENOUGH, "0x00", HASH_ZERO, HASH_EMPTY_LOGS,
                "", 1, "unknown fork \\\"ShanghaiToCancunAtTime15k\\\"");
}

static void statetest_checks_the_class_of_a_refusal(void **state) {
    char root[67];
    (void)state;
    learn_root(root, CONFIG, "Cancun", GAS_LITTLE, "0x00");
    expect_case(CONFIG, "Cancun", GAS_LITTLE, "0x00", root, HASH_EMPTY_LOGS,
                ",\"expectException\":\"TransactionException.NONCE_IS_MAX|"
                "TransactionException.INTRINSIC_GAS_TOO_LOW\"",
                0, "\"pass\":true");
    expect_case(CONFIG, "Cancun", GAS_LITTLE, "0x00", root, HASH_EMPTY_LOGS,
                ",\"expectException\":\"TransactionException.NONCE_IS_MAX\"", 1, "refused with");
    expect_case(CONFIG, "Cancun", GAS_LITTLE, "0x00", root, HASH_EMPTY_LOGS,
                ",\"expectException\":\"TransactionException.NO_SUCH_NAME\"", 1, "unknown name");
    expect_case(CONFIG, "Cancun", GAS_LITTLE, "0x00", root, HASH_EMPTY_LOGS, "", 1,
                "the transaction was refused");
    /* Without "config" a refusal is a refusal, whatever its name is. */
    learn_root(root, "", "Cancun", GAS_LITTLE, "0x00");
    expect_case("", "Cancun", GAS_LITTLE, "0x00", root, HASH_EMPTY_LOGS,
                ",\"expectException\":\"TR_NoFunds\"", 0, "\"pass\":true");
}

static void statetest_fails_a_case_that_runs_where_a_refusal_is_expected(void **state) {
    char root[67];
    (void)state;
    learn_root(root, "", "Cancun", GAS_ENOUGH, "0x00");
    expect_case("", "Cancun", GAS_ENOUGH, "0x00", root, HASH_EMPTY_LOGS,
                ",\"expectException\":\"TR_NoFunds\"", 1, "the transaction ran");
}

static void statetest_refuses_a_value_that_no_transaction_can_hold(void **state) {
    char root[67], refused[67];
    (void)state;
    learn_root(refused, "", "London", GAS_LITTLE, "0x00");
    learn_root(root, "", "London", GAS_ENOUGH,
               "0x:bigint 0x10000000000000000000000000000000000000000000000000000000000000001");
    assert_string_equal(root, refused);
}

static void statetest_without_config_creates_an_empty_coinbase_before_eip158(void **state) {
    char with[67], without[67];
    (void)state;
    learn_root(with, CONFIG, "Frontier", GAS_LITTLE, "0x00");
    learn_root(without, "", "Frontier", GAS_LITTLE, "0x00");
    assert_string_not_equal(with, without);
    learn_root(with, CONFIG, "Byzantium", GAS_LITTLE, "0x00");
    learn_root(without, "", "Byzantium", GAS_LITTLE, "0x00");
    assert_string_equal(with, without);
}

/* A folder "many" with 24 cases. */
static void make_many(void) {
    char text[4096], path[64];
    snprintf(text, sizeof text, "%s/many", work_dir);
    mkdir(text, 0700);
    for (int i = 0; i < 24; i++) {
        char value[16];
        snprintf(value, sizeof value, "0x%02x", i);
        snprintf(path, sizeof path, "many/%02d.json", i);
        make_test(text, sizeof text, CONFIG, "Prague", GAS_ENOUGH, value, HASH_ZERO,
                  HASH_EMPTY_LOGS, "");
        write_text(path, text);
    }
}

static void statetest_output_does_not_depend_on_threads_or_backend(void **state) {
    static const char *const args[] = {"statetest --threads 1 --backend host many",
                                       "statetest --threads 3 many",
                                       "statetest --backend tiled many"};
    char *first = NULL;
    (void)state;
    make_many();
    for (int i = 0; i < 3; i++) {
        run_result r = run(args[i]);
        assert_int_equal(r.status, 1);
        assert_true(ends_with(r.err, "0 passed, 24 failed, 0 skipped\n"));
        if (first)
            assert_string_equal(r.out, first);
        else
            first = strdup(r.out);
        run_free(&r);
    }
    free(first);
}

static void statetest_sample_chooses_a_part_of_the_cases(void **state) {
    (void)state;
    make_many();
    run_result r = run("statetest --sample 50 many");
    int cnt = count_of(r.out, "\"name\":");
    assert_in_range(cnt, 1, 23);
    run_free(&r);
    r = run("statetest --sample 100 many");
    assert_int_equal(count_of(r.out, "\"name\":"), 24);
    run_free(&r);
}

static void statetest_says_where_bad_input_is_and_runs_the_rest(void **state) {
    char text[4096], root[67];
    (void)state;
    learn_root(root, CONFIG, "Cancun", GAS_ENOUGH, "0x00");
    make_test(text, sizeof text, CONFIG, "Cancun", GAS_ENOUGH, "0x00", root, HASH_EMPTY_LOGS, "");
    write_text("good.json", text);
    make_test(text, sizeof text, CONFIG, "Cancun", "0xzz", "0x00", root, HASH_EMPTY_LOGS, "");
    write_text("bad.json", text);
    write_text("worse.json", "{\"adds\": [1, 2");
    run_result r = run("statetest good.json bad.json worse.json");
    assert_int_equal(r.status, 2);
    assert_non_null(strstr(r.err, "bad.json: "));
    assert_non_null(strstr(r.err, "gasLimit"));
    assert_non_null(strstr(r.err, "worse.json: line 1"));
    assert_true(ends_with(r.err, "1 passed, 0 failed, 0 skipped\n"));
    run_free(&r);
}

static void statetest_without_a_case_exits_with_2(void **state) {
    (void)state;
    write_text("empty.json", "{}");
    run_result r = run("statetest empty.json");
    assert_int_equal(r.status, 2);
    assert_string_equal(r.out, "[]\n");
    run_free(&r);
    r = run("statetest no_such_file.json");
    assert_int_equal(r.status, 2);
    assert_non_null(strstr(r.err, "no_such_file.json"));
    run_free(&r);
}

static void wrong_usage_is_one_line_and_exit_2(void **state) {
    static const char *const args[] = {"statetest --no-such-option x",
                                       "statetest",
                                       "statetest --threads",
                                       "statetest --threads 0 x",
                                       "statetest --fork Wonderland x",
                                       "statetest --backend abacus x",
                                       "statetest --sample 101 x",
                                       "tracetest",
                                       "tracetest --trace x",
                                       "run",
                                       "run --code 6g",
                                       "run --code 600",
                                       "run --code 00 extra",
                                       "run --code 00 --gas 0x10000000000000000",
                                       "run --code-file no_such_file",
                                       "run --code 00 --prestate no_such_file",
                                       "no-such-command",
                                       "--no-such-option",
                                       ""};
    (void)state;
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++) {
        run_result r = run(args[i]);
        if (r.status != 2 || count_of(r.err, "\n") != 1 || r.out[0])
            print_message("heddle %s: %d: %s%s\n", args[i], r.status, r.out, r.err);
        assert_int_equal(r.status, 2);
        assert_int_equal(count_of(r.err, "\n"), 1);
        assert_string_equal(r.out, "");
        run_free(&r);
    }
}

static void help_of_every_command_has_an_example(void **state) {
    static const char *const args[] = {"--help", "statetest --help", "tracetest --help",
                                       "run --help"};
    (void)state;
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++) {
        run_result r = run(args[i]);
        assert_int_equal(r.status, 0);
        assert_non_null(strstr(r.out, "Example: heddle "));
        run_free(&r);
    }
    run_result r = run("--version");
    assert_int_equal(r.status, 0);
    assert_int_equal(strncmp(r.out, "heddle ", 7), 0);
    run_free(&r);
}

/* --- run */

static void run_prints_output_and_gas(void **state) {
    (void)state;
    run_result r = run("run --code 600160020160005260206000f3");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out,
                        "status: success\noutput: "
                        "0x0000000000000000000000000000000000000000000000000000000000000003\n"
                        "gas used: 24\nlogs: 0\n");
    run_free(&r);
    r = run("run --json --code 60006000fd");
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "{\"status\":\"execution reverted\",\"error\":\"\",\"gasUsed\":6,"
                               "\"output\":\"0x\",\"logs\":[],\"storage\":[]}\n");
    run_free(&r);
}

static void run_reads_prestate_and_calldata(void **state) {
    (void)state;
    /* Returns slot calldata[0]. */
    write_text("pre.json",
               "{\"alloc\":{\"0000000000000000000000000000000000001234\":{\"balance\":\"1\","
               "\"code\":\"0x6000355460005260206000f3\",\"storage\":{\"0x7\":\"0xbeef\"}}}}");
    run_result r = run("run --prestate pre.json --to 0x0000000000000000000000000000000000001234 "
                       "--input 0000000000000000000000000000000000000000000000000000000000000007");
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "00beef\n"));
    run_free(&r);
}

static void run_traces_one_line_a_step(void **state) {
    (void)state;
    run_result r = run("run --trace --code 6001600201");
    assert_int_equal(r.status, 0);
    /* Three instructions and the STOP behind the code. */
    assert_int_equal(count_of(r.err, "{\"pc\":"), 4);
    assert_int_equal(strncmp(r.err,
                             "{\"pc\":0,\"op\":96,\"gas\":\"0x3b9aca00\",\"gasCost\":\"0x3\","
                             "\"memSize\":0,\"stack\":[],\"depth\":1,\"refund\":0,\"opName\":"
                             "\"PUSH1\"}\n",
                             100),
                     0);
    run_free(&r);
}

/* --- tracetest */

static void expect_trace(const char *gas, int status) {
    char text[4096];
    snprintf(text, sizeof text,
             "{\"t\":{\"env\":{\"currentCoinbase\":\"0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba\","
             "\"currentGasLimit\":\"0x0f4240\",\"currentNumber\":\"0x1\",\"currentTimestamp\":"
             "\"0x1\",\"currentBaseFee\":\"0xa\"},\"pre\":{\"%s\":{\"balance\":"
             "\"0xde0b6b3a7640000\"},\"0x000000000000000000000000000000000000c0de\":{\"code\":"
             "\"0x6001\"}},\"tests\":{\"London\":[{\"id\":\"London_0_0_0\",\"tx\":{\"outcome\":"
             "\"RETURN\",\"transaction\":{\"gasLimit\":\"0x5300\",\"gasPrice\":\"0xa\",\"input\":"
             "\"0x\",\"nonce\":\"0x0\",\"sender\":\"%s\",\"to\":"
             "\"0x000000000000000000000000000000000000c0de\",\"value\":\"0x0\"},\"trace\":{"
             "\"steps\":[{\"pc\":0,\"op\":96,\"gas\":%s,\"depth\":0,\"stack\":[],\"stackSize\":0},"
             "{\"pc\":2,\"op\":0,\"gas\":245,\"depth\":0,\"stack\":[\"0x1\"],\"stackSize\":1}]}}}"
             "]}}}",
             SENDER, SENDER, gas);
    write_text("trace.json", text);
    run_result r = run("tracetest trace.json");
    if (r.status != status)
        print_message("%s%s", r.out, r.err);
    assert_int_equal(r.status, status);
    if (status)
        assert_non_null(strstr(r.out, "step 0 (depth 0, pc 0, PUSH1): gas is 248, expected 247"));
    run_free(&r);
}

static void tracetest_compares_every_step(void **state) {
    (void)state;
    expect_trace("248", 0);
    expect_trace("247", 1);
}

static int set_up(void **state) {
    (void)state;
    return access(PROGRAM, X_OK) == 0 && mkdtemp(work_dir) ? 0 : -1;
}

static int tear_down(void **state) {
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", work_dir);
    return system(command) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statetest_passes_a_case_whose_root_and_logs_match),
        cmocka_unit_test(statetest_fails_a_case_with_another_state_root),
        cmocka_unit_test(statetest_fails_a_case_with_another_logs_hash),
        cmocka_unit_test(statetest_fails_a_case_of_an_unknown_fork),
        cmocka_unit_test(statetest_checks_the_class_of_a_refusal),
        cmocka_unit_test(statetest_fails_a_case_that_runs_where_a_refusal_is_expected),
        cmocka_unit_test(statetest_refuses_a_value_that_no_transaction_can_hold),
        cmocka_unit_test(statetest_without_config_creates_an_empty_coinbase_before_eip158),
        cmocka_unit_test(statetest_output_does_not_depend_on_threads_or_backend),
        cmocka_unit_test(statetest_sample_chooses_a_part_of_the_cases),
        cmocka_unit_test(statetest_says_where_bad_input_is_and_runs_the_rest),
        cmocka_unit_test(statetest_without_a_case_exits_with_2),
        cmocka_unit_test(wrong_usage_is_one_line_and_exit_2),
        cmocka_unit_test(help_of_every_command_has_an_example),
        cmocka_unit_test(run_prints_output_and_gas),
        cmocka_unit_test(run_reads_prestate_and_calldata),
        cmocka_unit_test(run_traces_one_line_a_step),
        cmocka_unit_test(tracetest_compares_every_step),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
