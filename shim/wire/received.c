/* A reader of answers that never has to see more than what just came. */
#include "wire/received.h"

#include <assert.h>
#include <string.h>

enum state { AT_LINE, IN_LINE, IN_BULK, AT_BULK_END, IN_BULK_END };

static_assert(LK_RECEIVED_DEPTH <= 32, "a bit for each in lk_received.attributes");
#define VERBATIM_PREFIX 4u /* "txt:" */
#define BULK_MOST       ((uint64_t)1 << 40)
#define ELEMENTS_MOST   ((uint64_t)1 << 40)

static int type_of(uint8_t mark)
{
    switch (mark) {
    case '+':
        return LK_REPLY_STATUS;
    case '-':
    case '!':
        return LK_REPLY_ERROR;
    case ':':
        return LK_REPLY_INTEGER;
    case '$':
        return LK_REPLY_STRING;
    case '*':
        return LK_REPLY_ARRAY;
    case '_':
        return LK_REPLY_NIL;
    case '#':
        return LK_REPLY_BOOL;
    case ',':
        return LK_REPLY_DOUBLE;
    case '(':
        return LK_REPLY_BIGNUM;
    case '=':
        return LK_REPLY_VERBATIM;
    case '%':
        return LK_REPLY_MAP;
    case '~':
        return LK_REPLY_SET;
    case '>':
        return LK_REPLY_PUSH;
    case '|':
        return LK_REPLY_ATTRIBUTE;
    default:
        return 0;
    }
}

static bool is_bulk(uint8_t mark)
{
    return mark == '$' || mark == '=' || mark == '!';
}

static bool is_open(uint8_t mark) /* an aggregate's */
{
    return mark == '*' || mark == '%' || mark == '~' || mark == '>' || mark == '|';
}

/* ---- Values ---- */

static void tell(struct lk_received *received, const struct lk_received_sink *sink,
                 const struct lk_value *value, bool opens)
{
    if (received->attributes || received->silent)
        return;
    if (!sink->value(sink->context, received->depth, value) && opens)
        received->silent = (uint8_t)(received->depth + 1);
}

/* A value is complete, and perhaps the aggregates that it is the last of. An attribute is no value:
 * what it stands before still comes. */
static void complete(struct lk_received *received, const struct lk_received_sink *sink)
{
    while (received->depth && --received->left[received->depth - 1] == 0) {
        if (received->silent == received->depth)
            received->silent = 0;
        uint32_t bit = 1u << --received->depth;
        if (received->attributes & bit) {
            received->attributes &= ~bit;
            return;
        }
    }
    if (!received->depth)
        sink->end(sink->context);
}

/* False: too deep. */
static bool open_aggregate(struct lk_received *received, uint64_t count)
{
    if (received->depth == LK_RECEIVED_DEPTH)
        return false;
    received->left[received->depth++] = count;
    return true;
}

static bool read_number(const char *text, size_t bytes, int64_t *number)
{
    struct lk_slice slice = {text, bytes};
    return lk_slice_number(&slice, number);
}

static bool begin_bulk(struct lk_received *received, int64_t bytes,
                       const struct lk_received_sink *sink)
{
    static const struct lk_value nil = {.type = LK_REPLY_NIL};
    if (bytes < -1 || bytes > (int64_t)BULK_MOST)
        return false;
    received->state = AT_LINE;
    if (bytes < 0) {
        tell(received, sink, &nil, false);
        complete(received, sink);
        return true;
    }
    received->bulk_bytes = received->bulk_left = (uint64_t)bytes;
    received->state = bytes ? IN_BULK : AT_BULK_END;
    received->hashing = false;
    return true;
}

static bool begin_aggregate(struct lk_received *received, int64_t count,
                            const struct lk_received_sink *sink)
{
    struct lk_value value = {.type = type_of(received->mark)};
    bool is_attribute = received->mark == '|';
    if (count < -1 || count > (int64_t)ELEMENTS_MOST)
        return false;
    if (count < 0)
        value.type = LK_REPLY_NIL;
    else
        value.elements = (uint64_t)count << (received->mark == '%' || is_attribute);
    if (is_attribute) {
        if (!value.elements)
            return true;
        if (!open_aggregate(received, value.elements))
            return false;
        received->attributes |= 1u << (received->depth - 1);
        return true;
    }
    tell(received, sink, &value, value.elements > 0);
    if (value.elements)
        return open_aggregate(received, value.elements);
    complete(received, sink);
    return true;
}

/* A whole line, without its end; `bytes` is how much of it there is, `whole` how long it is. */
static bool read_line(struct lk_received *received, const char *text, size_t bytes, uint64_t whole,
                      const struct lk_received_sink *sink)
{
    struct lk_value value = {.type = type_of(received->mark)};
    int64_t number = 0;
    bool counted = is_bulk(received->mark) || is_open(received->mark) || received->mark == ':';
    received->state = AT_LINE;
    if (counted && (whole > LK_RECEIVED_LINE || !read_number(text, bytes, &number)))
        return false;
    if (is_bulk(received->mark))
        return begin_bulk(received, number, sink);
    if (is_open(received->mark))
        return begin_aggregate(received, number, sink);
    value.integer = received->mark == '#' ? bytes && text[0] == 't' : number;
    if (!counted && received->mark != '_' && received->mark != '#') {
        value.bytes = received->mark == '-' ? bytes : (size_t)whole; /* an error's beginning does */
        value.text = value.bytes == bytes ? text : NULL;
    }
    tell(received, sink, &value, false);
    complete(received, sink);
    return true;
}

/* Text: the bulk's, or NULL when it came in pieces. */
static void end_bulk(struct lk_received *received, const char *text,
                     const struct lk_received_sink *sink)
{
    struct lk_value value = {
        .type = type_of(received->mark), .text = text, .bytes = received->bulk_bytes};
    if (!received->bulk_bytes)
        value.text = "";
    if (received->mark == '=' && received->bulk_bytes >= VERBATIM_PREFIX) {
        value.bytes -= VERBATIM_PREFIX;
        value.text = value.text ? value.text + VERBATIM_PREFIX : NULL;
    }
    if (received->hashing)
        value.hash = lk_text_hash_end(&received->hasher);
    received->hashing = false;
    tell(received, sink, &value, false);
    complete(received, sink);
}

/* ---- Bytes ---- */

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Of a text in pieces. */
static void hash_piece(struct lk_received *received, const char *bytes, size_t count)
{
    uint64_t done = received->bulk_bytes - received->bulk_left;
    size_t passed = 0;
    if (!received->hashing)
        lk_text_hash_begin(&received->hasher);
    received->hashing = true;
    if (received->mark == '=' && received->bulk_bytes >= VERBATIM_PREFIX && done < VERBATIM_PREFIX)
        passed = least(VERBATIM_PREFIX - done, count);
    lk_text_hash_add(&received->hasher, bytes + passed, count - passed);
}

/* A short text in pieces is put together: it may be a word that says what the answer is. */
static bool is_kept(const struct lk_received *received)
{
    return received->bulk_bytes <= LK_RECEIVED_LINE;
}

static const char *feed_bulk(struct lk_received *received, const char *at, const char *end,
                             const struct lk_received_sink *sink)
{
    size_t here = (size_t)(end - at);
    /* The usual case: all of it is here, its end too. */
    if (received->bulk_left == received->bulk_bytes && here >= received->bulk_left + 2 &&
        at[received->bulk_left] == '\r' && at[received->bulk_left + 1] == '\n') {
        const char *after = at + received->bulk_left + 2;
        received->state = AT_LINE;
        end_bulk(received, at, sink);
        return after;
    }
    size_t part = least(received->bulk_left, here);
    if (is_kept(received))
        memcpy(received->line + (received->bulk_bytes - received->bulk_left), at, part);
    else
        hash_piece(received, at, part);
    received->bulk_left -= part;
    if (!received->bulk_left)
        received->state = AT_BULK_END;
    return at + part;
}

static const char *feed_bulk_end(struct lk_received *received, const char *at,
                                 const struct lk_received_sink *sink)
{
    if (received->state == AT_BULK_END) {
        received->state = IN_BULK_END;
        return *at == '\r' ? at + 1 : NULL;
    }
    if (*at != '\n')
        return NULL;
    received->state = AT_LINE;
    end_bulk(received, is_kept(received) ? received->line : NULL, sink);
    return at + 1;
}

static void keep_line(struct lk_received *received, const char *at, size_t bytes)
{
    size_t room = LK_RECEIVED_LINE - received->kept, part = bytes < room ? bytes : room;
    memcpy(received->line + received->kept, at, part);
    received->kept += (uint8_t)part;
    received->line_bytes += bytes;
    if (bytes)
        received->last = at[bytes - 1];
}

/* The line's end, after what was kept of it in earlier pieces. A line ends in \r\n. */
static const char *feed_line(struct lk_received *received, const char *at, const char *end,
                             const struct lk_received_sink *sink)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t bytes = (size_t)((newline ? newline : end) - at);
    if (!received->line_bytes && newline) { /* the usual case: it is here as a whole */
        if (!bytes || at[bytes - 1] != '\r')
            return NULL;
        return read_line(received, at, bytes - 1, bytes - 1, sink) ? newline + 1 : NULL;
    }
    keep_line(received, at, bytes);
    if (!newline)
        return end;
    uint64_t whole = received->line_bytes - 1;
    size_t kept = received->kept;
    if (!received->line_bytes || received->last != '\r')
        return NULL;
    received->line_bytes = received->kept = 0;
    return read_line(received, received->line, least(whole, kept), whole, sink) ? newline + 1
                                                                                : NULL;
}

bool lk_received_feed(struct lk_received *received, const char *bytes, size_t count,
                      const struct lk_received_sink *sink)
{
    const char *at = bytes, *end = bytes + count;
    while (at && at < end) {
        switch ((enum state)received->state) {
        case AT_LINE:
            received->mark = (uint8_t)*at++;
            received->line_bytes = received->kept = 0;
            received->state = IN_LINE;
            if (!type_of(received->mark))
                return false;
            break;
        case IN_LINE:
            at = feed_line(received, at, end, sink);
            break;
        case IN_BULK:
            at = feed_bulk(received, at, end, sink);
            break;
        default:
            at = feed_bulk_end(received, at, sink);
            break;
        }
    }
    return at != NULL;
}

/* ---- Is it a server of this protocol at all? ---- */

static bool fits_mark(char mark, const char *text, size_t bytes, bool whole)
{
    size_t i = 0;
    switch (mark) {
    case '+':
        for (i = 0; i < bytes; i++)
            if ((unsigned char)text[i] < 0x20)
                return false;
        return true;
    case '-': /* an error begins with a word in capitals */
        return !bytes || (text[0] >= 'A' && text[0] <= 'Z');
    case ':':
    case '$':
    case '*':
    case '%':
    case '~':
    case '>':
    case '|':
    case '=':
    case '!':
        i = bytes && text[0] == '-';
        if (whole && i == bytes)
            return false;
        for (; i < bytes; i++)
            if (text[i] < '0' || text[i] > '9')
                return false;
        return bytes <= 20;
    case '_':
        return bytes == 0;
    case '#':
        return bytes == 0 || (bytes == 1 && (text[0] == 't' || text[0] == 'f'));
    case ',':
    case '(':
        return bytes <= LK_RECEIVED_LINE;
    default:
        return false;
    }
}

enum lk_plausible lk_received_plausible(const char *bytes, size_t count)
{
    const char *newline = memchr(bytes, '\n', count);
    size_t line = newline ? (size_t)(newline - bytes) : count;
    if (!count)
        return LK_PLAUSIBLE_SO_FAR;
    if (newline && (line < 2 || bytes[line - 1] != '\r'))
        return LK_IMPLAUSIBLE;
    if (line > 1 && bytes[line - 1] == '\r')
        line--;
    if (!fits_mark(bytes[0], bytes + 1, line - 1, newline != NULL))
        return LK_IMPLAUSIBLE;
    return newline ? LK_PLAUSIBLE : LK_PLAUSIBLE_SO_FAR;
}

enum lk_plausible lk_received_begins(const struct lk_received *received, const char *bytes,
                                     size_t count)
{
    char line[LK_RECEIVED_LINE + 3];
    size_t used = 0, room = LK_RECEIVED_LINE + 1;
    const char *newline = memchr(bytes, '\n', count);
    size_t here = newline ? (size_t)(newline - bytes) : count;
    if (received->state == AT_LINE)
        return lk_received_plausible(bytes, count);
    line[used++] = (char)received->mark;
    memcpy(line + used, received->line, received->kept);
    used += received->kept;
    if (here > room - used)
        here = room - used;
    memcpy(line + used, bytes, here);
    used += here;
    if (newline) { /* which the reader itself will look at */
        used -= line[used - 1] == '\r';
        memcpy(line + used, "\r\n", 2);
        used += 2;
    }
    return lk_received_plausible(line, used);
}
