// The reader under libFuzzer (`make fuzz`): any bytes give a capture or a message, and all that a
// capture hands out can be used.
//
// A capture is sparse and made of granules of 64 KiB, which a fuzzer would copy and mutate in vain.
// So an input is a list of changes to a small capture that holds something in every table, or,
// where its first byte is odd, the beginning of a file itself.
#include <string.h>

#include "common/capture_use.h"
#include "common/small_capture.h"

#define CHANGES_MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static uint8_t *base, *image;
static size_t base_bytes;

/* Where the changes went, so that the next input begins with the same capture. */
static struct {
    size_t at, bytes;
} changed[CHANGES_MOST];
static size_t changes;

static void use(const uint8_t *bytes, size_t size)
{
    struct capture *capture = capture_open_borrowed(bytes, size, "fuzz", NULL);
    if (capture != NULL)
        capture_use(capture);
    capture_free(capture);
}

/* A change: granule, offset in units of 4 bytes (so that 16 bits reach all of it), length, bytes.
 */
static size_t apply(const uint8_t *bytes, size_t size)
{
    uint16_t unit;
    if (size < 4 || changes == CHANGES_MOST)
        return size;
    memcpy(&unit, bytes + 1, sizeof unit);
    size_t at = (bytes[0] % (base_bytes / LK_GRANULE)) * LK_GRANULE + unit % (LK_GRANULE / 4) * 4u;
    size_t length = MIN(MIN(bytes[3] % 32 + 1u, size - 4), base_bytes - at);
    memcpy(image + at, bytes + 4, length);
    changed[changes].at = at;
    changed[changes++].bytes = length;
    return 4 + length;
}

static void restore(void)
{
    while (changes > 0) {
        changes--;
        memcpy(image + changed[changes].at, base + changed[changes].at, changed[changes].bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (base == NULL) {
        base = small_capture(&base_bytes);
        image = g_memdup2(base, base_bytes);
    }
    if (size == 0 || bytes[0] % 2 != 0) {
        /* Aligned, and of its own size. */
        uint8_t *copy = size == 0 ? g_malloc(1) : g_memdup2(bytes, size);
        use(copy, size);
        g_free(copy);
        return 0;
    }
    /* The second byte cuts the file off. */
    size_t cut = size > 1 && bytes[1] != 0 ? base_bytes * bytes[1] / 256 : base_bytes;
    for (size_t at = 2; at < size;)
        at += apply(bytes + at, size - at);
    use(image, cut);
    restore();
    return 0;
}
