// The reader under libFuzzer (`make fuzz`): any bytes give a capture or a message.
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
