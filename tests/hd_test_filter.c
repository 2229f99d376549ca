/* hd_test_filter.c - lets the environment variable HD_TEST choose one case of a cmocka program, so
   that ctest has one entry for each case whatever main() the program has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void choose_case(void) {
    const char *name = getenv("HD_TEST");
    if (name && *name)
        cmocka_set_test_filter(name);
}
