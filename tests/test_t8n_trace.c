/* test_t8n_trace.c - the trace files of `heddle t8n`, through the program as a user runs it: call
   frames, faults, memory and return data. The expected lines follow from the gas rules of Cancun.
 */
#include "hd_test.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

/* ctest runs tests in the build folder, where the program is. */
#define PROGRAM "./heddle"
#define SENDER "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b"
#define CODE "0x000000000000000000000000000000000000c0de"
#define OTHER "0x000000000000000000000000000000000000beef"
#define ENDS_EMPTY(used) "{\"output\":\"\",\"gasUsed\":\"" used "\"}\n"
#define BEGINS(value) \
    "{\"from\":\"" SENDER "\",\"to\":\"" CODE "\",\"gas\":\"0x74f18\",\"value\":\"" value \
    "\",\"type\":\"CALL\"}\n"
#define ZERO_WORD "0000000000000000000000000000000000000000000000000000000000000000"
#define CALL_ARGS_0 "6000600060006000" /* four zeros */

static char work_dir[] = "/tmp/hd_test_t8n_trace_XXXXXX";

static void write_text(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", work_dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

typedef struct {
    const char *code;  /* at CODE */
    const char *other; /* at OTHER */
    const char *to;    /* of the transaction; "": it creates */
    const char *value;
    const char *data;
    const char *fork;    /* NULL: Cancun */
    const char *options; /* after --trace */
} trace_case;

static int remove_traces(glob_t *found) {
    char pattern[256];
    snprintf(pattern, sizeof pattern, "%s/trace-*.jsonl", work_dir);
    return glob(pattern, 0, NULL, found);
}

/* The trace file of a block with one transaction of 500,000 gas; free it. */
static char *trace(const trace_case *c) {
    char text[4096], command[1024];
    glob_t found;
    if (remove_traces(&found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
    globfree(&found);
    snprintf(
        text, sizeof text,
        "{\"" SENDER "\":{\"balance\":\"0xde0b6b3a7640000\"},\"" CODE
        "\":{\"balance\":\"0x0\",\"code\":\"0x%s\"},\"" OTHER
        "\":{\"balance\":\"0x0\",\"code\":\"0x%s\"},"
        "\"0x00000961ef480eb55e80d19ad83579a64c007002\":{\"balance\":\"0x0\",\"code\":\"0x00\"},"
        "\"0x0000bbddc7ce488642fb579f8b00f3a590007251\":{\"balance\":\"0x0\",\"code\":\"0x00\"}}",
        c->code, c->other ? c->other : "");
    write_text("alloc.json", text);
    write_text("env.json",
               "{\"currentCoinbase\":\"0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba\","
               "\"currentGasLimit\":\"0x1c9c380\",\"currentNumber\":\"1\",\"currentTimestamp\":"
               "\"1000\",\"currentRandom\":\"0\",\"currentBaseFee\":\"7\",\"withdrawals\":[],"
               "\"parentBeaconBlockRoot\":\"0x" ZERO_WORD "\",\"blockHashes\":{\"0\":\"0x" ZERO_WORD
               "\"}}");
    snprintf(text, sizeof text,
             "[{\"type\":\"0x0\",\"nonce\":\"0x0\",\"gasPrice\":\"0xa\",\"gas\":\"0x7a120\",%s%s%s"
             "\"value\":\"%s\",\"input\":\"0x%s\",\"v\":\"0x0\",\"r\":\"0x0\",\"s\":\"0x0\","
             "\"secretKey\":"
             "\"0x45a915e4d060149eb4365960e6a7a45f334393093061116b197e3240065ff2d8\"}]",
             c->to[0] ? "\"to\":\"" : "", c->to, c->to[0] ? "\"," : "", c->value ? c->value : "0x0",
             c->data ? c->data : "");
    write_text("txs.json", text);
    snprintf(command, sizeof command,
             PROGRAM " t8n --input.alloc %s/alloc.json --input.env %s/env.json --input.txs "
                     "%s/txs.json --state.fork %s --output.basedir %s --trace %s",
             work_dir, work_dir, work_dir, c->fork ? c->fork : "Cancun", work_dir,
             c->options ? c->options : "");
    assert_int_equal(system(command), 0);
    assert_int_equal(remove_traces(&found), 0);
    assert_int_equal(found.gl_pathc, 1);
    FILE *file = fopen(found.gl_pathv[0], "rb");
    globfree(&found);
    assert_non_null(file);
    size_t cap = 1 << 20;
    char *out = malloc(cap);
    assert_non_null(out);
    size_t sz = fread(out, 1, cap - 1, file);
    out[sz] = 0;
    fclose(file);
    return out;
}

/* The lines of frames alone. */
static void expect_frames(const trace_case *c, const char *want) {
    char *text = trace(c), *to = text;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        size_t sz = (size_t)(end + 1 - line);
        char *next = line + sz;
        if (strncmp(line, "{\"pc\"", 5) != 0) {
            memmove(to, line, sz);
            to += sz;
        }
        line = next;
    }
    *to = 0;
    assert_string_equal(text, want);
    free(text);
}

#define FRAMES "--trace.callframes"

static void a_delegatecall_shows_its_callers_value(void **state) {
    (void)state;
    /* 6 pushes, 2600 for a cold account; the callee stops at once. */
    trace_case c = {.code = CALL_ARGS_0 "61beef611000f400",
                    .other = "00",
                    .to = CODE,
                    .value = "0x5",
                    .options = FRAMES};
    expect_frames(&c, BEGINS("0x5") "{\"from\":\"" CODE "\",\"to\":\"" OTHER
                                    "\",\"gas\":\"0x1000\",\"value\":\"0x5\",\"type\":"
                                    "\"DELEGATECALL\"}\n" ENDS_EMPTY("0x0") ENDS_EMPTY("0xa3a"));
}

static void a_precompile_is_a_frame_with_input_where_memory_is_asked_for(void **state) {
    (void)state;
    /* identity: 15 + 3; 6 pushes, a warm account, a word of memory. A static call has no value. */
    trace_case c = {.code = "60206000602060006004611000fa00", .to = CODE, .options = FRAMES};
    expect_frames(&c, BEGINS("0x0") "{\"from\":\"" CODE
                                    "\",\"to\":\"0x0000000000000000000000000000000000000004\","
                                    "\"gas\":\"0x1000\",\"value\":null,\"type\":\"STATICCALL\"}\n"
                                    "{\"output\":\"" ZERO_WORD
                                    "\",\"gasUsed\":\"0x12\"}\n" ENDS_EMPTY("0x8b"));
    c.options = FRAMES " --trace.memory";
    expect_frames(&c, BEGINS("0x0") "{\"from\":\"" CODE
                                    "\",\"to\":\"0x0000000000000000000000000000000000000004\","
                                    "\"input\":\"0x" ZERO_WORD
                                    "\",\"gas\":\"0x1000\",\"value\":null,\"type\":\"STATICCALL\"}"
                                    "\n{\"output\":\"" ZERO_WORD
                                    "\",\"gasUsed\":\"0x12\"}\n" ENDS_EMPTY("0x8b"));
}

static void a_precompile_without_gas_uses_what_it_got(void **state) {
    (void)state;
    trace_case c = {.code = CALL_ARGS_0 "600060046001f100", .to = CODE, .options = FRAMES};
    expect_frames(
        &c, BEGINS("0x0") "{\"from\":\"" CODE
                          "\",\"to\":\"0x0000000000000000000000000000000000000004\",\"gas\":"
                          "\"0x1\",\"value\":\"0x0\",\"type\":\"CALL\"}\n{\"output\":\"\","
                          "\"gasUsed\":\"0x1\",\"error\":\"out of gas\"}\n" ENDS_EMPTY("0x7a"));
}

static void a_call_beyond_the_balance_begins_and_ends_at_once(void **state) {
    (void)state;
    /* 4096 and the stipend come back: 7 pushes + 2600 + 9000 - 2300. */
    trace_case c = {
        .code = CALL_ARGS_0 "600161beef611000f100", .other = "00", .to = CODE, .options = FRAMES};
    expect_frames(&c, BEGINS("0x0") "{\"from\":\"" CODE "\",\"to\":\"" OTHER
                                    "\",\"gas\":\"0x18fc\",\"value\":\"0x1\",\"type\":\"CALL\"}\n"
                                    "{\"output\":\"\",\"gasUsed\":\"0x0\",\"error\":\"insufficient "
                                    "balance for transfer\"}\n" ENDS_EMPTY("0x2469"));
}

#define CREATED "0x8bbc3514477d75ec797bbe4e19d7961660bb849c" /* by CODE with nonce 0 */
#define CREATE_BEGINS(gas) \
    "{\"from\":\"" CODE "\",\"to\":\"" CREATED "\",\"gas\":\"" gas \
    "\",\"value\":\"0x0\",\"type\":\"CREATE\"}\n"

static void a_creation_ends_with_its_code_or_what_went_wrong(void **state) {
    (void)state;
    /* 7 pushes and memory 21, CREATE 32000, a word of initcode 2; of the rest 63/64. */
    trace_case c = {.code = "6460006000fd6000526005601b6000f000", .to = CODE, .options = FRAMES};
    expect_frames(&c, BEGINS("0x0") CREATE_BEGINS(
                          "0x6b6b9") "{\"output\":\"\",\"gasUsed\":\"0x6\","
                                     "\"error\":\"execution reverted\"}\n" ENDS_EMPTY("0x7d1d"));
    c.code = "6460016000f36000526005601b6000f000";
    expect_frames(&c, BEGINS("0x0") CREATE_BEGINS(
                          "0x6b6b9") "{\"output\":\"00\",\"gasUsed\":\"0xd1\"}\n" ENDS_EMPTY("0x7de"
                                                                                             "8"));
    /* Code that begins with 0xef costs all. */
    c.code = "6960ef60005360016000f3600052600a60166000f000";
    expect_frames(&c,
                  BEGINS("0x0") CREATE_BEGINS(
                      "0x6b6b9") "{\"output\":\"ef\",\"gasUsed\":\"0x6b6b9\",\"error\":\"invalid "
                                 "code: must not begin with 0xef\"}\n" ENDS_EMPTY("0x733d0"));
    /* Without the balance it does not begin. */
    c.code = "600060006001f000";
    expect_frames(&c,
                  BEGINS("0x0") "{\"from\":\"" CODE "\",\"to\":\"" CREATED
                                "\",\"gas\":\"0x6b6c7\",\"value\":\"0x1\",\"type\":\"CREATE\"}"
                                "\n{\"output\":\"\",\"gasUsed\":\"0x0\",\"error\":"
                                "\"insufficient balance for transfer\"}\n" ENDS_EMPTY("0x7d09"));
}

static void a_transaction_that_creates_ends_with_its_code(void **state) {
    (void)state;
    /* 53000, four bytes and a zero 4 * 16 + 4, a word of initcode 2. */
    trace_case c = {.code = "00", .to = "", .data = "60016000f3", .options = FRAMES};
    expect_frames(&c, "{\"from\":\"" SENDER
                      "\",\"to\":\"0x6295ee1b4f6dd65047762f924ecd367c17eabf8f\",\"gas\":"
                      "\"0x6d1d2\",\"value\":\"0x0\",\"type\":\"CREATE\"}\n"
                      "{\"output\":\"00\",\"gasUsed\":\"0xd1\"}\n");
    c.options = "";
    expect_frames(&c, "{\"output\":\"00\",\"gasUsed\":\"0xd1\"}\n");
}

static void the_summary_counts_the_frame_and_not_the_price_of_calldata(void **state) {
    (void)state;
    /* EIP-7623: 32 bytes of 0xff pay more than they need; the frame's two pushes are all it used.
     */
    trace_case c = {.code = "6000600000",
                    .to = CODE,
                    .fork = "Prague",
                    .data = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    expect_frames(&c, ENDS_EMPTY("0x6"));
}

static void expect_line(const trace_case *c, const char *line) {
    char *text = trace(c);
    if (!strstr(text, line))
        fail_msg("no line %s in\n%s", line, text);
    free(text);
}

static void a_call_of_an_account_without_code_costs_what_it_costs(void **state) {
    (void)state;
    trace_case c = {.code = CALL_ARGS_0 "600061beef611000f100", .to = CODE};
    expect_line(&c, ",\"op\":241,\"gas\":\"0x74f03\",\"gasCost\":\"0x1a28\",");
}

static void a_fault_is_written_again_without_its_operands(void **state) {
    (void)state;
    trace_case c = {.code = "600756", .to = CODE};
    expect_line(&c, "{\"pc\":2,\"op\":86,\"gas\":\"0x74f15\",\"gasCost\":\"0x8\",\"memSize\":0,"
                    "\"stack\":[\"0x7\"],\"depth\":1,\"refund\":0,\"opName\":\"JUMP\"}\n"
                    "{\"pc\":2,\"op\":86,\"gas\":\"0x74f15\",\"gasCost\":\"0x8\",\"memSize\":0,"
                    "\"stack\":[],\"depth\":1,\"refund\":0,\"opName\":\"JUMP\",\"error\":\"invalid "
                    "jump destination\"}\n"
                    "{\"output\":\"\",\"gasUsed\":\"0x74f18\",\"error\":\"invalid jump "
                    "destination\"}\n");
    c.code = "0c";
    expect_line(&c, "\"opName\":\"opcode 0xc not defined\"}\n{\"pc\":0,\"op\":12,\"gas\":"
                    "\"0x74f18\",\"gasCost\":\"0x0\",\"memSize\":0,\"stack\":[],\"depth\":1,"
                    "\"refund\":0,\"opName\":\"opcode 0xc not defined\",\"error\":\"invalid "
                    "opcode: opcode 0xc not defined\"}\n");
    /* What is refused before it is paid for is one line. */
    c.code = "600001";
    expect_line(&c, "{\"pc\":2,\"op\":1,\"gas\":\"0x74f15\",\"gasCost\":\"0x3\",\"memSize\":0,"
                    "\"stack\":[\"0x0\"],\"depth\":1,\"refund\":0,\"opName\":\"ADD\",\"error\":"
                    "\"stack underflow (1 <=> 2)\"}\n");
    /* Memory has grown by then. */
    c.code = "60206000fd";
    c.options = "--trace.memory --trace.nostack";
    expect_line(&c, "\"gasCost\":\"0x3\",\"memory\":\"0x" ZERO_WORD
                    "\",\"memSize\":32,\"stack\":null,\"depth\":1,\"refund\":0,\"opName\":"
                    "\"REVERT\",\"error\":\"execution reverted\"}\n");
}

static void return_data_is_that_of_the_last_call(void **state) {
    (void)state;
    /* The other account returns a word of zeros. */
    trace_case c = {.code = CALL_ARGS_0 "600061beef611000f15f",
                    .other = "60206000f3",
                    .to = CODE,
                    .options = "--trace.returndata"};
    expect_line(&c, "\"stack\":[\"0x1\"],\"returnData\":\"0x" ZERO_WORD
                    "\",\"depth\":1,\"refund\":0,\"opName\":\"PUSH0\"}\n");
    c.options = "--trace.returndata --trace.noreturndata";
    expect_line(&c, "\"stack\":[\"0x1\"],\"depth\":1,\"refund\":0,\"opName\":\"PUSH0\"}\n");
}

/* go-ethereum's own file. */
static void call_frames_are_those_of_go_ethereum(void **state) {
    (void)state;
    char dir[512], command[4096];
    hd_test_fixture(dir, sizeof dir, "t8n/geth-cmd-evm-testdata/32");
    snprintf(command, sizeof command,
             PROGRAM " t8n --input.alloc '%s/alloc.json' --input.env '%s/env.json' --input.txs "
                     "'%s/txs.json' --state.fork Merge --output.basedir %s/32 --trace "
                     "--trace.callframes && for f in '%s'/trace-*.jsonl; do cmp \"$f\" "
                     "%s/32/\"${f##*/}\" || exit 1; done",
             dir, dir, dir, work_dir, dir, work_dir);
    assert_int_equal(system(command), 0);
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(work_dir) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", work_dir);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delegatecall_shows_its_callers_value),
        cmocka_unit_test(a_precompile_is_a_frame_with_input_where_memory_is_asked_for),
        cmocka_unit_test(a_precompile_without_gas_uses_what_it_got),
        cmocka_unit_test(a_call_beyond_the_balance_begins_and_ends_at_once),
        cmocka_unit_test(a_creation_ends_with_its_code_or_what_went_wrong),
        cmocka_unit_test(a_transaction_that_creates_ends_with_its_code),
        cmocka_unit_test(the_summary_counts_the_frame_and_not_the_price_of_calldata),
        cmocka_unit_test(a_call_of_an_account_without_code_costs_what_it_costs),
        cmocka_unit_test(a_fault_is_written_again_without_its_operands),
        cmocka_unit_test(return_data_is_that_of_the_last_call),
        cmocka_unit_test(call_frames_are_those_of_go_ethereum),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
