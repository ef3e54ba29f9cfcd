/* Texts put together in a bounded place, without libc's help. */
#ifndef LK_PUT_H
#define LK_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "decimal.h"

/* As much of the text as there is room for, after the `used` bytes; how many are used then. */
static inline size_t lk_put(char *out, size_t room, size_t used, const char *text, size_t bytes)
{
    if (bytes > room - used)
        bytes = room - used;
    memcpy(out + used, text, bytes);
    return used + bytes;
}

static inline size_t lk_put_text(char *out, size_t room, size_t used, const char *text)
{
    return lk_put(out, room, used, text, strlen(text));
}

static inline size_t lk_put_number(char *out, size_t room, size_t used, uint32_t number)
{
    char digits[LK_DECIMAL_ROOM];
    return lk_put(out, room, used, digits, lk_decimal(digits, number));
}

#endif
