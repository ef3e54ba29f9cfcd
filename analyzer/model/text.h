/* Texts from a capture are keys and paths that anyone may have chosen: shown on a terminal they
 * must not act on it. */
#ifndef LEAKEY_MODEL_TEXT_H
#define LEAKEY_MODEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a character acts on a terminal, reorders or breaks what stands around it, or is not seen:
 * controls of both sets, format characters, separators of lines, what Unicode has no name for. */
bool text_acts(uint32_t character);

/* How many bytes at `text` are one character that may be shown as it is, one that does not act; 0:
 * none. Looks at `bytes` bytes at the most. */
size_t text_plain_bytes(const char *text, size_t bytes);

/* The text with control and format characters and what is not UTF-8 as \xNN, and a backslash
 * doubled. g_free. */
char *text_printable(const char *text, size_t bytes);

/* The last component of a path, within it. NULL for NULL. */
const char *text_base_name(const char *path);

#endif
