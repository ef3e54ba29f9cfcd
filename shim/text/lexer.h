/*
 * Cuts a key or an input into tokens and names each one's class. Pure code that the shim and the
 * analyzer share: no allocation, no locale, no state, no libc beyond mem*; safe on any bytes, in
 * time linear in their number.
 */
#ifndef LK_TEXT_LEXER_H
#define LK_TEXT_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A token begins where the one before ends. A maximal run of letters and digits is one token, but
 * for the classes that span more (UUID, TIMESTAMP, FLOAT, VERSION, ADDRESS, RANDOM with its - and _
 * or + and /, = at its end) and for 3.5turbo, which is FLOAT and WORD. Where several classes fit,
 * the order of preference is UUID, TIMESTAMP, ADDRESS, VERSION, HEX, FLOAT, NUMBER, RANDOM, WORD.
 * These numbers stand in captures (struct lk_token_hash): never change them.
 */
enum lk_class {
    LK_CLASS_SPACE =
        1, /* a run of white space: CR, LF, Unicode's spaces, and \n \r \t as JSON writes them */
    LK_CLASS_PUNCTUATION, /* one byte that is none of the others: : / { } " , = & ? _ - ... */
    LK_CLASS_WORD,      /* letters, with or without digits; UTF-8 beyond ASCII counts as letters */
    LK_CLASS_NUMBER,    /* decimal integer of up to 31 digits, sign not included */
    LK_CLASS_FLOAT,     /* decimal fraction or exponent */
    LK_CLASS_TIMESTAMP, /* ISO 8601 date or date-time (20240131T235959Z and 20240131235959 too,
                           20240131 alone is a NUMBER), or epoch s/ms/us/ns of 2001 to 2039,
                           fraction included */
    LK_CLASS_UUID,      /* 8-4-4-4-12, any case */
    LK_CLASS_HEX,       /* at least 8 hexadecimal digits of one case with both a letter and a
                           digit, or 32+ of any */
    LK_CLASS_RANDOM,    /* 16 or more of base64, base64url or base62 that look like no word */
    LK_CLASS_VERSION,   /* v1, v2.3.1, V10, and 1.2.3 */
    LK_CLASS_ADDRESS,   /* 0x..., IPv4 */
    LK_CLASS_BINARY,    /* a run of bytes that are not UTF-8 text, and up to 4 bytes between */
    LK_CLASSES
};

struct lk_token {
    uint32_t offset, bytes; /* within the text */
    uint8_t token_class;    /* enum lk_class */
};

/* A text on its way through the lexer; at most the first 4 GiB - 1 of it. */
struct lk_lexer {
    const char *text;
    uint32_t bytes, at;
    uint32_t judged[2]; /* runs of base64 characters have been looked at up to here */
    uint32_t random_start, random_end;
};

static inline struct lk_lexer lk_lexer(const char *text, size_t bytes)
{
    return (struct lk_lexer){.text = text,
                             .bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX};
}

/* The next token: false at the end. */
bool lk_lex_next(struct lk_lexer *lexer, struct lk_token *token);

/* Cuts text[0..bytes) into at most max tokens, which cover it without a gap; the last one takes the
 * rest, as a WORD, if there are more. Returns how many. */
size_t lk_lex(const char *text, size_t bytes, struct lk_token *tokens, size_t max);

/* The token's normal form: lower case (ASCII and Latin-1/Greek/Cyrillic letters; RANDOM and BINARY,
 * where case tells things apart, stay), a number without leading or trailing zeros or exponent, one
 * blank for white space. Writes at most room bytes and returns how many. */
size_t lk_fold(const char *text, const struct lk_token *token, char *out, size_t room);

/* "word", "timestamp", ...: static. */
const char *lk_class_name(enum lk_class token_class);

#endif
