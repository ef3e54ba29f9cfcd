// What the shim reads of its host's modules, under libFuzzer (`make fuzz`): ELF headers and
// .eh_frame may hold anything, and nothing outside of the module is read.
// links: shim/stack/cfi.c shim/stack/image.c
#include <stdlib.h>
#include <string.h>

#include "stack/cfi.h"
#include "stack/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The rule at an address from the header, whether or not it is one that the module has. */
static void look_up(const char *header, const struct lk_memory *module, int32_t from_header)
{
    uint64_t ip = (uint64_t)(uintptr_t)header + (uint64_t)(int64_t)from_header;
    struct lk_rule rule = lk_cfi_rule(header, module, ip);
    if (rule.kind > LK_RULE_END || rule.bp_saved > 2)
        abort();
}

/* At the beginnings of the functions that the table of .eh_frame_hdr names, and within them. */
static void look_up_functions(const char *header, const struct lk_memory *module)
{
    const char *end = module->end;
    for (const char *entry = header + 12; entry + 4 <= end && entry < header + 76; entry += 8) {
        int32_t start;
        memcpy(&start, entry, sizeof start);
        for (int within = 0; within < 24; within += 5)
            look_up(header, module, (int32_t)((uint32_t)start + (uint32_t)within));
    }
}

/* The first two bytes say where in the rest the header is; an ELF image is all of it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint16_t offset;
    struct lk_image image;
    if (size <= sizeof offset)
        return 0;
    memcpy(&offset, bytes, sizeof offset);
    bytes += sizeof offset;
    size -= sizeof offset;
    char *copy = malloc(size); /* so that who looks beyond it is caught */
    memcpy(copy, bytes, size);
    lk_image_read(copy, size, &image);
    if (image.build_id_bytes > sizeof image.build_id)
        abort();
    const char *header = copy + offset % size;
    const struct lk_memory module = {copy, copy + size};
    look_up_functions(header, &module);
    look_up(header, &module, 0);
    look_up(header, &module, INT32_MAX);
    free(copy);
    return 0;
}
