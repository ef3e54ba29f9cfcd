/* UTF-8, one character at a time. */
#ifndef LK_TEXT_UTF8_H
#define LK_TEXT_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* The length of the character beyond ASCII that begins at text[0], 0 if there is no valid one
 * within the `bytes` bytes. */
uint32_t lk_utf8_length(const char *text, uint32_t bytes);

/* Is this character of `length` bytes a space (or of no width: U+200B, U+FEFF)? */
bool lk_utf8_is_space(const char *text, uint32_t length);

#endif
