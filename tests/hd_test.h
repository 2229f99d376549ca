/* hd_test.h - what test files share: cmocka with the headers it needs, main(), fixtures. */
#ifndef HD_TEST_H
#define HD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* HD_TEST_MAIN(tests) is the main() of a file whose cases stand in `const struct CMUnitTest
   tests[]`; a name in argv[1], which may hold the wildcards * and ?, chooses cases. */
#define HD_TEST_MAIN(tests) \
    int main(int argc, char **argv) { \
        if (argc > 1) \
            cmocka_set_test_filter(argv[1]); \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

/* Writes "FIXTURES/name" to out: the fixtures are in $HEDDLE_FIXTURES, else in
   ~/.cache/heddle/fixtures. When it is absent the case is skipped with the reason printed, or
   fails where HEDDLE_REQUIRE_FIXTURES=1. */
static inline void hd_test_fixture(char *out, size_t out_sz, const char *name) {
    const char *dir = getenv("HEDDLE_FIXTURES");
    const char *home = getenv("HOME");
    const char *required = getenv("HEDDLE_REQUIRE_FIXTURES");
    struct stat st;
    if (dir && *dir)
        snprintf(out, out_sz, "%s/%s", dir, name);
    else
        snprintf(out, out_sz, "%s/.cache/heddle/fixtures/%s", home ? home : "", name);
    if (stat(out, &st) == 0)
        return;
    print_message("no fixture: %s is not there (set HEDDLE_FIXTURES)\n", out);
    if (required && strcmp(required, "1") == 0)
        fail();
    skip();
}

#endif
