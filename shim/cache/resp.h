/*
 * Reads commands out of bytes that are on their way to a server: RESP arrays of bulk strings, and
 * inline commands. Pure: no state, no allocation; every length is distrusted.
 */
#ifndef LK_CACHE_RESP_H
#define LK_CACHE_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lk_slice {
    const char *text;
    size_t bytes;
};

/* A long argument of which not all is to be had (put together by wire/sent.c): instead of
 * "$<length>" and the bytes stand this head and the first `stored` bytes. No client can send the
 * mark. */
#define LK_RESP_LONG        1u
#define LK_RESP_LONG_STORED 4096u
struct lk_resp_long {
    uint32_t mark, stored;
    uint64_t bytes; /* the whole argument's */
    uint64_t hash;  /* lk_text_hash of it */
};

#define LK_RESP_ARGUMENTS (1u << 24) /* of a command; no server takes so many */

struct lk_resp { /* a command being read, argument by argument */
    const char *at, *end;
    uint32_t count; /* of arguments, the verb included */
    uint32_t index; /* of the argument that lk_resp_next gives next */
    bool is_inline;
    uint64_t long_bytes,
        long_hash; /* of the latest argument, where it is a long one: its own are 0 */
};

/* "<mark><digits>\r\n": what follows it; NULL: it is none, or breaks off before `end`. */
const char *lk_resp_count(const char *at, const char *end, char mark, uint64_t *count);

/* Begins with the command that stands first in bytes[0..count); false when there is none (empty
 * lines are passed by). */
bool lk_resp_begin(struct lk_resp *resp, const char *bytes, size_t count);

/* The next argument; false after the last one, or when the bytes break off or are no RESP. */
bool lk_resp_next(struct lk_resp *resp, struct lk_slice *argument);

/* Passes the rest by: where the next command begins, or NULL when the bytes break off. */
const char *lk_resp_finish(struct lk_resp *resp);

/* Length of hiredis' dynamic string, from the header before it; `old` is the form of hiredis 0.13
 * and before. */
size_t lk_sds_length(const char *string, bool old);

/* A decimal integer; false when it is none or does not fit. */
bool lk_slice_number(const struct lk_slice *slice, int64_t *number);

/* Equal to an upper-case ASCII word, in any letter case. */
bool lk_slice_is(const struct lk_slice *slice, const char *word);

#endif
