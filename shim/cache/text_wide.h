/* XXH3-64 with 256-bit registers: the same numbers, in half the time for a value of 1 KiB. Only
 * where the processor has them (AVX2). */
#ifndef LK_CACHE_TEXT_WIDE_H
#define LK_CACHE_TEXT_WIDE_H

#include <stddef.h>
#include <stdint.h>

#define LK_WIDE_LEAST 241u /* bytes: shorter texts have no use for them */

uint64_t lk_wide_hash(const void *text, size_t bytes);
uint64_t lk_wide_hash_keyed(const void *text, size_t bytes, const void *secret,
                            size_t secret_bytes);

#endif
