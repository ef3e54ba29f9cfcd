// The reader under libFuzzer: any bytes give a capture or a message. Build it with
// clang -fsanitize=fuzzer,address,undefined, tests/unit/common/capture_use.c and the sources of
// analyzer/read.
#include "common/capture_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct capture *capture = capture_open_memory(bytes, size, "fuzz", NULL);
    if (capture != NULL)
        capture_use(capture);
    capture_free(capture);
    return 0;
}
