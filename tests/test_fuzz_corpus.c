/* test_fuzz_corpus.c - runs every kept input of fuzz/corpus through its fuzz target, as an ordinary
   test: what fuzzing once found stays found. The regressions have names that tell what they were.
 */
#include "hd_test.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "fuzz.h"

#define FILE_SZ_MAX (1u << 20)

/* A target that finds something ends the program, which then tells the input. */
static const char *input_path;

static void on_abort(int sig) {
    (void)sig;
    if (input_path) {
        ssize_t ignored = write(STDERR_FILENO, input_path, strlen(input_path));
        ignored = write(STDERR_FILENO, "\n", 1);
        (void)ignored;
    }
}

static void run_file(void (*target)(const uint8_t *, size_t), const char *path) {
    static uint8_t data[FILE_SZ_MAX];
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot read %s", path);
    size_t sz = fread(data, 1, sizeof data, file);
    fclose(file);
    input_path = path;
    target(data, sz);
    input_path = NULL;
}

static void run_corpus(void (*target)(const uint8_t *, size_t), const char *name) {
    char dir_path[1024], path[2048];
    snprintf(dir_path, sizeof dir_path, "%s/%s", HD_FUZZ_CORPUS, name);
    DIR *dir = opendir(dir_path);
    if (!dir)
        fail_msg("no corpus: %s", dir_path);
    size_t cnt = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir_path, entry->d_name);
        run_file(target, path);
        cnt++;
    }
    closedir(dir);
    assert_true(cnt > 0);
    print_message("%s: %zu inputs\n", name, cnt);
    /* Nothing at all is an input too. */
    target((const uint8_t *)"", 0);
}

static void fuzz_corpus_of_rlp_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_rlp, "rlp");
}

static void fuzz_corpus_of_tx_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_tx, "tx");
}

static void fuzz_corpus_of_block_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_block, "block");
}

static void fuzz_corpus_of_json_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_json, "json");
}

static void fuzz_corpus_of_proof_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_proof, "proof");
}

static void fuzz_corpus_of_t8n_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_t8n, "t8n");
}

static void fuzz_corpus_of_http_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_http, "http");
}

static void fuzz_corpus_of_precompile_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_precompile, "precompile");
}

static void fuzz_corpus_of_core_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_core, "core");
}

static void fuzz_corpus_of_ordered_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_ordered, "ordered");
}

static void fuzz_corpus_of_api_holds(void **state) {
    (void)state;
    run_corpus(hd_fuzz_api, "api");
}

int main(void) {
    signal(SIGABRT, on_abort); /* abort() ends the program after the handler returns */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fuzz_corpus_of_rlp_holds),
        cmocka_unit_test(fuzz_corpus_of_tx_holds),
        cmocka_unit_test(fuzz_corpus_of_block_holds),
        cmocka_unit_test(fuzz_corpus_of_json_holds),
        cmocka_unit_test(fuzz_corpus_of_proof_holds),
        cmocka_unit_test(fuzz_corpus_of_t8n_holds),
        cmocka_unit_test(fuzz_corpus_of_http_holds),
        cmocka_unit_test(fuzz_corpus_of_precompile_holds),
        cmocka_unit_test(fuzz_corpus_of_core_holds),
        cmocka_unit_test(fuzz_corpus_of_ordered_holds),
        cmocka_unit_test(fuzz_corpus_of_api_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
