/* What a byte of a text can be part of; one table for the lexer and its shapes. */
#ifndef LK_TEXT_KINDS_H
#define LK_TEXT_KINDS_H

#include <stdbool.h>
#include <stdint.h>

enum lk_kind {
    LK_KIND_PUNCTUATION = 0,
    LK_KIND_DIGIT = 1u << 0,
    LK_KIND_HEX_LOWER = 1u << 1, /* a-f */
    LK_KIND_HEX_UPPER = 1u << 2, /* A-F */
    LK_KIND_LOWER = 1u << 3,     /* g-z */
    LK_KIND_UPPER = 1u << 4,     /* G-Z */
    LK_KIND_HIGH = 1u << 5,      /* 0x80 and above: UTF-8, or not text */
    LK_KIND_SPACE = 1u << 6,     /* of ASCII */
    LK_KIND_CONTROL = 1u << 7,   /* of ASCII, without white space: not text */
};
#define LK_KINDS_SMALL (LK_KIND_HEX_LOWER | LK_KIND_LOWER)
#define LK_KINDS_LARGE (LK_KIND_HEX_UPPER | LK_KIND_UPPER)
#define LK_KINDS_ALNUM (LK_KIND_DIGIT | LK_KINDS_SMALL | LK_KINDS_LARGE)
#define LK_KINDS_HEX   (LK_KIND_DIGIT | LK_KIND_HEX_LOWER | LK_KIND_HEX_UPPER)

extern const uint8_t lk_kinds[256] __attribute__((visibility("hidden")));

static inline uint8_t lk_kind(char byte)
{
    return lk_kinds[(unsigned char)byte];
}

static inline bool lk_is_digit(char byte)
{
    return (unsigned char)(byte - '0') < 10;
}

static inline bool lk_is_alnum(char byte)
{
    return lk_kind(byte) & LK_KINDS_ALNUM;
}

/* Ends a token at `at`: nothing there that would go on with it. */
static inline bool lk_is_end(const char *text, uint32_t bytes, uint32_t at)
{
    return at >= bytes || !(lk_kind(text[at]) & (LK_KINDS_ALNUM | LK_KIND_HIGH));
}

#endif
