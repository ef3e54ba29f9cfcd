/* Puts commands together. */
#include "wire/sent.h"

#include <string.h>

#include "cache/commands.h"
#include "cache/resp.h"

enum state { AT_COMMAND, IN_COUNT, IN_INLINE, AT_ARGUMENT, IN_BULK, IN_LONG, IN_BULK_END };

#define INLINE_FIRST 256u   /* of a line that may be a first command */
#define LONG_LEAST   16384u /* longer arguments are cut in the buffer, to LK_RESP_LONG_STORED */
#define HELD_LEAST   256u   /* in commands that are held, those that are no first key, */
#define HELD_STORED  128u   /* to this: a value's beginning tells nothing, a key's a little */
#define FIRST_KEYS   2u     /* arguments: the verb, and what most often is the key */
#define BULK_MOST    ((uint64_t)1 << 40)

/* ---- Whole commands in one piece ---- */

static const char *skip_command(const char *at, const char *end)
{
    uint64_t arguments, bytes;
    at = lk_resp_count(at, end, '*', &arguments);
    if (at && !arguments)
        return NULL;
    for (uint64_t i = 0; at && i < arguments; i++) {
        at = lk_resp_count(at, end, '$', &bytes);
        if (!at || (uint64_t)(end - at) < 2 || bytes > (uint64_t)(end - at) - 2 ||
            at[bytes] != '\r' || at[bytes + 1] != '\n')
            return NULL;
        at += bytes + 2;
    }
    return at;
}

/* Where the last whole command ends. */
static const char *skip_commands(const char *at, const char *end)
{
    const char *next;
    while ((next = skip_command(at, end)))
        at = next;
    return at;
}

/* ---- Piece by piece ---- */

static bool grow(struct lk_sent *sent, size_t count)
{
    const struct lk_sent_sink *sink = sent->sink;
    char *large;
    if (sent->room == LK_SENT_LARGE || count > LK_SENT_LARGE - sent->used ||
        !(large = sink->take_buffer(sink->context, LK_SENT_LARGE)))
        return false;
    memcpy(large, sent->buffer, sent->used);
    sink->give_buffer(sink->context, sent->buffer);
    sent->buffer = large;
    sent->room = LK_SENT_LARGE;
    return true;
}

static void put(struct lk_sent *sent, const char *bytes, size_t count)
{
    if (sent->cut || (count > sent->room - sent->used && !grow(sent, count))) {
        sent->cut = true;
        return;
    }
    memcpy(sent->buffer + sent->used, bytes, count);
    sent->used += (uint32_t)count;
}

static void end_command(struct lk_sent *sent)
{
    sent->state = AT_COMMAND;
    sent->complete = sent->used;
}

static void end_argument(struct lk_sent *sent)
{
    sent->state = AT_ARGUMENT;
    sent->head_bytes = 0;
    if (--sent->arguments_left == 0)
        end_command(sent);
}

static bool is_minor(const struct lk_sent *sent)
{
    return sent->holds && sent->arguments - sent->arguments_left >= FIRST_KEYS;
}

/* The head of a long argument is known when it begins, but for its hash. */
static void begin_long(struct lk_sent *sent, uint64_t bytes)
{
    struct lk_resp_long head = {.mark = LK_RESP_LONG, .bytes = bytes};
    sent->long_at = sent->used;
    sent->long_most = is_minor(sent) ? HELD_STORED : LK_RESP_LONG_STORED;
    put(sent, (const char *)&head, sizeof head);
    lk_text_hash_begin(&sent->hasher);
    sent->state = IN_LONG;
}

static void end_long(struct lk_sent *sent)
{
    struct lk_resp_long head;
    if (sent->cut)
        return;
    memcpy(&head, sent->buffer + sent->long_at, sizeof head);
    head.hash = lk_text_hash_end(&sent->hasher);
    head.stored = sent->used - sent->long_at - (uint32_t)sizeof head;
    memcpy(sent->buffer + sent->long_at, &head, sizeof head);
}

/* A whole line "*3\r\n" or "$12\r\n". */
static bool read_head(struct lk_sent *sent)
{
    const char *end = sent->head + sent->head_bytes;
    bool counts = sent->state == IN_COUNT;
    uint64_t number;
    if (lk_resp_count(sent->head, end, counts ? '*' : '$', &number) != end)
        return false;
    if (counts) {
        put(sent, sent->head, sent->head_bytes);
        sent->head_bytes = 0;
        sent->arguments = sent->arguments_left = (uint32_t)number;
        sent->state = AT_ARGUMENT;
        return number > 0 && number <= LK_RESP_ARGUMENTS;
    }
    sent->bulk_left = number;
    sent->state = number ? IN_BULK : IN_BULK_END;
    if (number > (is_minor(sent) ? HELD_LEAST : LONG_LEAST))
        begin_long(sent, number);
    else
        put(sent, sent->head, sent->head_bytes);
    return number <= BULK_MOST;
}

/* NULL: no command. */
static const char *feed_head(struct lk_sent *sent, const char *at, const char *end)
{
    while (at < end && sent->head_bytes < LK_SENT_HEAD) {
        char c = *at++;
        sent->head[sent->head_bytes++] = c;
        if (c == '\n')
            return read_head(sent) ? at : NULL;
    }
    return at == end ? at : NULL;
}

static bool is_blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at == end;
}

static const char *feed_inline(struct lk_sent *sent, const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *after = newline ? newline + 1 : end;
    put(sent, at, (size_t)(after - at));
    if (newline && is_blank(sent->buffer + sent->complete, sent->buffer + sent->used)) {
        sent->used = sent->complete; /* no command */
        sent->state = AT_COMMAND;
    } else if (newline) {
        end_command(sent);
    }
    return sent->cut ? NULL : after;
}

static const char *feed_bulk(struct lk_sent *sent, const char *at, const char *end)
{
    size_t here = (size_t)(end - at);
    size_t part = sent->bulk_left < here ? (size_t)sent->bulk_left : here;
    if (sent->state == IN_LONG) {
        uint32_t stored = sent->used - sent->long_at - (uint32_t)sizeof(struct lk_resp_long);
        size_t room = sent->cut || stored >= sent->long_most ? 0 : sent->long_most - stored;
        lk_text_hash_add(&sent->hasher, at, part);
        put(sent, at, part < room ? part : room);
    } else {
        put(sent, at, part);
    }
    sent->bulk_left -= part;
    if (!sent->bulk_left && sent->state == IN_LONG)
        end_long(sent);
    if (!sent->bulk_left) {
        sent->state = IN_BULK_END;
        sent->bulk_left = 2;
    }
    return at + part;
}

/* "\r\n" after an argument. */
static const char *feed_bulk_end(struct lk_sent *sent, const char *at)
{
    if (!sent->bulk_left)
        sent->bulk_left = 2; /* an empty one */
    if (*at != (sent->bulk_left == 2 ? '\r' : '\n'))
        return NULL;
    put(sent, at, 1);
    if (--sent->bulk_left == 0)
        end_argument(sent);
    return at + 1;
}

static const char *begin_command(struct lk_sent *sent, const char *at)
{
    if (*at == '\r' || *at == '\n')
        return at + 1; /* empty lines are passed by */
    sent->state = *at == '*' ? IN_COUNT : IN_INLINE;
    sent->head_bytes = 0;
    return at;
}

/* To the end of the bytes, or of the command (one_only). NULL: no command. */
static const char *assemble(struct lk_sent *sent, const char *at, const char *end, bool one_only)
{
    while (at && at < end) {
        switch ((enum state)sent->state) {
        case AT_COMMAND:
            at = begin_command(sent, at);
            break;
        case IN_COUNT:
        case AT_ARGUMENT:
            at = feed_head(sent, at, end);
            break;
        case IN_INLINE:
            at = feed_inline(sent, at, end);
            break;
        case IN_BULK:
        case IN_LONG:
            at = feed_bulk(sent, at, end);
            break;
        default:
            at = feed_bulk_end(sent, at);
            break;
        }
        if (one_only && at && sent->state == AT_COMMAND && sent->complete)
            break;
    }
    return at;
}

/* Small ones may be gone while there are large ones. */
static bool need_buffer(struct lk_sent *sent, const struct lk_sent_sink *sink)
{
    sent->sink = sink;
    for (sent->room = sent->buffer ? sent->room : LK_SENT_SMALL; !sent->buffer;
         sent->room = LK_SENT_LARGE) {
        sent->buffer = sink->take_buffer(sink->context, sent->room);
        if (sent->buffer || sent->room == LK_SENT_LARGE)
            break;
    }
    return sent->buffer != NULL;
}

static void tell_complete(struct lk_sent *sent, const struct lk_sent_sink *sink)
{
    uint32_t rest = sent->used - sent->complete;
    if (sent->complete)
        sink->commands(sink->context, sent->buffer, sent->complete);
    memmove(sent->buffer, sent->buffer + sent->complete, rest);
    sent->long_at -= sent->long_at < sent->complete ? sent->long_at : sent->complete;
    sent->used = rest;
    sent->complete = 0;
    if (sent->state == AT_COMMAND)
        lk_sent_forget(sent, sink);
}

bool lk_sent_feed(struct lk_sent *sent, const char *bytes, size_t count, bool hold,
                  const struct lk_sent_sink *sink)
{
    const char *at = bytes, *end = bytes + count;
    sent->holds = hold;
    if (hold)
        return need_buffer(sent, sink) && assemble(sent, at, end, false) && !sent->cut;
    while (at && at < end) {
        if (sent->state == AT_COMMAND) {
            const char *whole = skip_commands(at, end);
            if (whole != at)
                sink->commands(sink->context, at, (size_t)(whole - at));
            at = whole;
        }
        if (at == end || !need_buffer(sent, sink))
            break;
        at = assemble(sent, at, end, true);
        if (at && sent->complete)
            tell_complete(sent, sink);
    }
    return at == end;
}

bool lk_sent_holds(const struct lk_sent *sent)
{
    return sent->complete > 0;
}

bool lk_sent_begins(const struct lk_sent *sent)
{
    return sent->state == AT_COMMAND;
}

void lk_sent_release(struct lk_sent *sent, const struct lk_sent_sink *sink)
{
    if (sent->buffer)
        tell_complete(sent, sink);
}

void lk_sent_forget(struct lk_sent *sent, const struct lk_sent_sink *sink)
{
    if (sent->buffer)
        sink->give_buffer(sink->context, sent->buffer);
    sent->buffer = NULL;
    sent->used = sent->complete = 0;
    sent->cut = false;
}

bool lk_sent_plausible(const char *bytes, size_t count)
{
    struct lk_command command;
    size_t line = 0;
    if (count && *bytes == '*')
        return count < 2 || (bytes[1] >= '1' && bytes[1] <= '9');
    while (line < count && line < INLINE_FIRST && bytes[line] != '\n')
        line++;
    if (line == count || line == INLINE_FIRST ||
        (line > 9 && memcmp(bytes + line - 9, "HTTP/1.", 7) == 0))
        return false;
    return lk_command_begin(&command, bytes, line + 1) && *command.info->name;
}
