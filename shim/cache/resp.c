/* Reads commands out of RESP bytes. */
#include "cache/resp.h"

#include <string.h>

#define DIGITS_MAX 10 /* of a count or a length */

static const char *skip_newlines(const char *at, const char *end)
{
    while (at < end && (*at == '\r' || *at == '\n'))
        at++;
    return at;
}

const char *lk_resp_count(const char *at, const char *end, char mark, uint64_t *count)
{
    uint64_t value = 0;
    int digits = 0;
    if (at >= end || *at++ != mark)
        return NULL;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (++digits > DIGITS_MAX)
            return NULL;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (!digits || end - at < 2 || at[0] != '\r' || at[1] != '\n')
        return NULL;
    *count = value;
    return at + 2;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static const char *skip_word(const char *at, const char *end)
{
    while (at < end && !is_blank(*at))
        at++;
    return at;
}

/* One line of words. Quotes are taken as they stand: servers accept them, clients do not send them.
 */
static bool begin_inline(struct lk_resp *resp, const char *bytes, size_t count)
{
    const char *line = memchr(bytes, '\n', count), *at;
    if (!line)
        return false;
    resp->is_inline = true;
    resp->end = line;
    for (at = skip_blanks(bytes, line); at < line; at = skip_blanks(skip_word(at, line), line))
        resp->count++;
    resp->at = skip_blanks(bytes, line);
    return resp->count > 0;
}

bool lk_resp_begin(struct lk_resp *resp, const char *bytes, size_t count)
{
    const char *end = bytes + count;
    uint64_t arguments;
    bytes = skip_newlines(bytes, end);
    *resp = (struct lk_resp){.at = bytes, .end = end};
    if (bytes == end)
        return false;
    if (*bytes != '*')
        return begin_inline(resp, bytes, (size_t)(end - bytes));
    resp->at = lk_resp_count(bytes, end, '*', &arguments);
    if (!resp->at || arguments == 0 || arguments > LK_RESP_ARGUMENTS)
        return false;
    resp->count = (uint32_t)arguments;
    return true;
}

static bool next_word(struct lk_resp *resp, struct lk_slice *argument)
{
    const char *after = skip_word(resp->at, resp->end);
    if (after == resp->at)
        return false;
    argument->text = resp->at;
    argument->bytes = (size_t)(after - resp->at);
    resp->at = skip_blanks(after, resp->end);
    return true;
}

/* A long argument's beginning, or NULL. */
static const char *read_long(struct lk_resp *resp, uint64_t *stored)
{
    struct lk_resp_long head;
    if ((size_t)(resp->end - resp->at) < sizeof head || *resp->at != (char)LK_RESP_LONG)
        return NULL;
    memcpy(&head, resp->at, sizeof head);
    resp->long_bytes = head.bytes;
    resp->long_hash = head.hash;
    *stored = head.stored;
    return resp->at + sizeof head;
}

bool lk_resp_next(struct lk_resp *resp, struct lk_slice *argument)
{
    uint64_t bytes;
    if (resp->index >= resp->count)
        return false;
    resp->index++;
    if (resp->is_inline)
        return next_word(resp, argument);
    const char *text = lk_resp_count(resp->at, resp->end, '$', &bytes);
    resp->long_bytes = 0;
    if (!text)
        text = read_long(resp, &bytes);
    if (!text || bytes > (uint64_t)(resp->end - text) || (uint64_t)(resp->end - text) - bytes < 2 ||
        text[bytes] != '\r' || text[bytes + 1] != '\n') {
        resp->count = 0;
        resp->at = NULL;
        return false;
    }
    argument->text = text;
    argument->bytes = (size_t)bytes;
    resp->at = text + bytes + 2;
    return true;
}

const char *lk_resp_finish(struct lk_resp *resp)
{
    struct lk_slice unused;
    if (resp->is_inline)
        return resp->end + 1;
    while (lk_resp_next(resp, &unused)) {}
    return resp->at;
}

size_t lk_sds_length(const char *string, bool old)
{
    enum { TYPE_5, TYPE_8, TYPE_16, TYPE_32, TYPE_64 };
    unsigned char mark = (unsigned char)string[-1];
    uint8_t narrow;
    uint16_t half;
    uint32_t word;
    uint64_t wide;
    if (old) { /* int length, int free */
        memcpy(&word, string - 8, sizeof word);
        return word;
    }
    switch (mark & 7) { /* length, allocated, mark */
    case TYPE_5:
        return mark >> 3;
    case TYPE_8:
        memcpy(&narrow, string - 3, sizeof narrow);
        return narrow;
    case TYPE_16:
        memcpy(&half, string - 5, sizeof half);
        return half;
    case TYPE_32:
        memcpy(&word, string - 9, sizeof word);
        return word;
    case TYPE_64:
        memcpy(&wide, string - 17, sizeof wide);
        return wide;
    default:
        return 0;
    }
}

bool lk_slice_number(const struct lk_slice *slice, int64_t *number)
{
    size_t i = 0;
    bool negative = slice->bytes > 0 && slice->text[0] == '-';
    int64_t value = 0;
    if (negative)
        i++;
    if (i == slice->bytes)
        return false;
    for (; i < slice->bytes; i++) {
        char c = slice->text[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value))
            return false;
    }
    *number = negative ? -value : value;
    return true;
}

bool lk_slice_is(const struct lk_slice *slice, const char *word)
{
    size_t i;
    for (i = 0; i < slice->bytes && word[i]; i++) {
        char c = slice->text[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c != word[i])
            return false;
    }
    return i == slice->bytes && !word[i];
}
