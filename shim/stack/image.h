/*
 * What the ELF headers of a mapped file say: where it lies and what its build-id is. Whoever can
 * make the host map a file decides what stands in them: every offset and length is distrusted, and
 * nothing outside of the mapping is read.
 */
#ifndef LK_STACK_IMAGE_H
#define LK_STACK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lk_image {
    uint64_t end, bias; /* of its addresses, as mapped */
    uint32_t build_id_bytes;
    uint8_t build_id[32];
};

/* Reads the headers at the start of a mapping of the file's beginning. False: no ELF image. */
bool lk_image_read(const void *mapping, size_t bytes, struct lk_image *image);

#endif
