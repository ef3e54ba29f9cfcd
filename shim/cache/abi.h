/*
 * hiredis' two binary interfaces, 0.x and 1.x, which may both be in one process: where the fields
 * are that we read, told apart by library. Pure but for lk_library_of. Replies that a client builds
 * with a reader of its own are opaque.
 */
#ifndef LK_CACHE_ABI_H
#define LK_CACHE_ABI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct lk_layout { /* byte offsets */
    uint16_t reply_bytes, reply_length, reply_text, reply_elements, reply_element;
    uint16_t context_bytes, async_context_bytes, error, fd, flags, output, reader;
    uint16_t kind, host, port, path; /* of the context: where it is connected to */
    uint16_t functions;              /* of the reader: its table of functions, and */
    uint16_t free_function;          /* in there: what frees a reply */
    bool old_strings;                /* see lk_sds_length */
};

struct lk_library { /* a loaded hiredis */
    const struct lk_layout *layout;
    uintptr_t start, end;
    const void
        *free_reply[3]; /* addresses of freeReplyObject: its own, the global one, the shim's */
    uint32_t
        bound; /* its functions call each other directly (-Bsymbolic): inner calls are not seen */
    bool
        hides_callbacks; /* nor are the answers of its asynchronous contexts: see hiredis_async.c */
    int (*format)(char **out, const char *format, va_list arguments);
    int (*format_argv)(char **out, int argc, const char **argv, const size_t *lengths);
    void (*free_command)(char *command);
};

/* The library that holds an original function; NULL when it cannot be told. Keeps errno. */
struct lk_library *lk_library_of(const void *original);

/* After a dlclose: those that are gone. */
void lk_library_forget(void);

/* Does the library hold this address? */
static inline bool lk_library_holds(const struct lk_library *library, const void *address)
{
    return (uintptr_t)address - library->start < library->end - library->start;
}

/* The layouts by the release that began with them; those before 0.13 are not known. */
enum lk_layout_kind { LK_LAYOUT_0_13, LK_LAYOUT_0_14, LK_LAYOUT_1_0, LK_LAYOUTS };
const struct lk_layout *lk_layout_of(enum lk_layout_kind kind);

enum lk_reply_type {
    LK_REPLY_STRING = 1,
    LK_REPLY_ARRAY = 2,
    LK_REPLY_INTEGER = 3,
    LK_REPLY_NIL = 4,
    LK_REPLY_STATUS = 5,
    LK_REPLY_ERROR = 6,
    LK_REPLY_DOUBLE = 7,
    LK_REPLY_BOOL = 8,
    LK_REPLY_MAP = 9,
    LK_REPLY_SET = 10,
    LK_REPLY_ATTRIBUTE = 11,
    LK_REPLY_PUSH = 12,
    LK_REPLY_BIGNUM = 13,
    LK_REPLY_VERBATIM = 14,
};

struct lk_reply { /* a redisReply, read; type 0: there is none */
    int type;     /* enum lk_reply_type */
    int64_t integer;
    const char *text; /* NULL: it has none */
    size_t bytes;
    size_t elements;
    const void *const *element;
};

static inline const void *lk_field(const void *object, uint16_t offset)
{
    const void *value;
    memcpy(&value, (const char *)object + offset, sizeof value);
    return value;
}

static inline int lk_field_int(const void *object, uint16_t offset)
{
    int value;
    memcpy(&value, (const char *)object + offset, sizeof value);
    return value;
}

struct lk_reply lk_reply_read(const struct lk_layout *layout, const void *object);

/* Requested bytes of a reply and all that hangs on it; elements beyond the first million are not
 * looked at. */
uint64_t lk_reply_size(const struct lk_layout *layout, const void *object);

/* Are this context's replies redisReply objects? */
bool lk_context_is_plain(const struct lk_library *library, const void *context);

/* Bytes in the output buffer, and where they are. */
size_t lk_context_output(const struct lk_layout *layout, const void *context, const char **bytes);

/* "unix:PATH" or "HOST:PORT", at most `room` bytes of it; 0: unknown. */
size_t lk_context_peer(const struct lk_layout *layout, const void *context, char *out, size_t room);

#define LK_CONTEXT_BLOCKING 1 /* in its flags */

#endif
