/*
 * Shapes that tokens are known by. Each looks at text[from..bytes) and says how long a token of its
 * shape is that begins at `from` and ends where a token can end; 0 if there is none.
 */
#ifndef LK_TEXT_SHAPES_H
#define LK_TEXT_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

#include "text/lexer.h"

uint32_t lk_shape_uuid(const char *text, uint32_t bytes, uint32_t from);

/* ISO 8601, 2024-01-31 with or without a time, 20240131T235959Z, and 20240131235959. */
uint32_t lk_shape_date(const char *text, uint32_t bytes, uint32_t from);

/* A number in decimal digits and what they can begin: NUMBER, FLOAT, epoch TIMESTAMP, dotted
 * ADDRESS or VERSION. `digits` is how many digits stand at `from`, at least 1. */
uint32_t lk_shape_number(const char *text, uint32_t bytes, uint32_t from, uint32_t digits,
                         enum lk_class *token_class);

/* v1, V2.3.1 */
uint32_t lk_shape_version(const char *text, uint32_t bytes, uint32_t from);

/* Does text[0..bytes), of letters, digits and the separators - _ + /, look like random base62 or
 * base64 rather than like names and numbers? */
bool lk_looks_random(const char *text, uint32_t bytes);

/* Base64 that has its alphabet's separators (which = 0: - and _, 1: + and /) among it, within the
 * run of letters, digits and such separators that begins at `from`. False if there is none; run_end
 * is told always. */
struct lk_random_span {
    uint32_t start, end, run_end;
};
bool lk_random_span(const char *text, uint32_t bytes, uint32_t from, int which,
                    struct lk_random_span *span);

#endif
