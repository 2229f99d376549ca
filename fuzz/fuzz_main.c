/* fuzz_main.c - the entry that libFuzzer calls; HD_FUZZ_ENTRY names the target of this program. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t sz);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t sz) {
    HD_FUZZ_ENTRY(data, sz);
    return 0;
}
