/* Decimal numbers, without stdio. */
#ifndef LK_DECIMAL_H
#define LK_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define LK_DECIMAL_ROOM 20u /* the digits of the largest number */

/* Writes the digits of n, not terminated; returns how many. */
static inline size_t lk_decimal(char out[LK_DECIMAL_ROOM], uint64_t n)
{
    size_t count = 1;
    for (uint64_t rest = n; rest >= 10; rest /= 10)
        count++;
    for (size_t i = count; i--; n /= 10)
        out[i] = (char)('0' + n % 10);
    return count;
}

#endif
