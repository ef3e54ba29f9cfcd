/* The fields of hiredis' structures. */
#include "cache/abi.h"

#include <string.h>

#include "cache/resp.h"
#include "put.h"

#define FIELDS_0                                                                                  \
    .reply_bytes = 48, .reply_length = 16, .reply_text = 24, .reply_elements = 32,                \
    .reply_element = 40, .context_bytes = 208, .async_context_bytes = 344, .error = 0, .fd = 132, \
    .flags = 136, .output = 144, .reader = 152, .kind = 160, .host = 176, .port = 192,            \
    .path = 200, .functions = 544, .free_function = 32

/* From hiredis.h and read.h of the releases 0.13.3, 0.14.1, 1.0.0, 1.1.0, 1.2.0, 1.3.0 and 1.4.1,
 * for x86-64. */
static const struct lk_layout layouts[LK_LAYOUTS] = {
    [LK_LAYOUT_0_13] = {FIELDS_0, .old_strings = true},
    [LK_LAYOUT_0_14] = {FIELDS_0},
    [LK_LAYOUT_1_0] = {.reply_bytes = 64,
                       .reply_length = 24,
                       .reply_text = 32,
                       .reply_elements = 48,
                       .reply_element = 56,
                       .context_bytes = 272,
                       .async_context_bytes = 464,
                       .error = 8,
                       .fd = 140,
                       .flags = 144,
                       .output = 152,
                       .reader = 160,
                       .kind = 168,
                       .host = 192,
                       .port = 208,
                       .path = 216,
                       .functions = 200,
                       .free_function = 48},
};

const struct lk_layout *lk_layout_of(enum lk_layout_kind kind)
{
    return &layouts[kind];
}

struct lk_reply lk_reply_read(const struct lk_layout *layout, const void *object)
{
    struct lk_reply reply = {0};
    if (!object)
        return reply;
    reply.type = lk_field_int(object, 0);
    memcpy(&reply.integer, (const char *)object + 8, sizeof reply.integer);
    switch (reply.type) {
    case LK_REPLY_STRING:
    case LK_REPLY_STATUS:
    case LK_REPLY_ERROR:
    case LK_REPLY_DOUBLE:
    case LK_REPLY_BIGNUM:
    case LK_REPLY_VERBATIM:
        reply.text = lk_field(object, layout->reply_text);
        if (reply.text)
            memcpy(&reply.bytes, (const char *)object + layout->reply_length, sizeof reply.bytes);
        break;
    case LK_REPLY_ARRAY:
    case LK_REPLY_MAP:
    case LK_REPLY_SET:
    case LK_REPLY_ATTRIBUTE:
    case LK_REPLY_PUSH:
        reply.element = lk_field(object, layout->reply_element);
        if (reply.element)
            memcpy(&reply.elements, (const char *)object + layout->reply_elements,
                   sizeof reply.elements);
        break;
    default:
        break;
    }
    return reply;
}

/* Deeper than this servers do not answer, and hiredis 0.x does not read. */
#define DEPTH_MAX    32u
#define ELEMENTS_MAX (1u << 20)

static uint64_t size_within(const struct lk_layout *layout, const void *object, uint32_t depth,
                            uint32_t *left)
{
    struct lk_reply reply = lk_reply_read(layout, object);
    if (!object)
        return 0;
    uint64_t size = layout->reply_bytes;
    if (reply.text)
        size += reply.bytes + 1;
    size += reply.elements * sizeof(void *);
    for (size_t i = 0; i < reply.elements && depth < DEPTH_MAX && *left; i++) {
        --*left;
        size += size_within(layout, reply.element[i], depth + 1, left);
    }
    return size;
}

uint64_t lk_reply_size(const struct lk_layout *layout, const void *object)
{
    uint32_t left = ELEMENTS_MAX;
    return size_within(layout, object, 0, &left);
}

bool lk_context_is_plain(const struct lk_library *library, const void *context)
{
    const struct lk_layout *layout = library->layout;
    const void *reader = lk_field(context, layout->reader);
    const void *functions = reader ? lk_field(reader, layout->functions) : NULL;
    const void *frees = functions ? lk_field(functions, layout->free_function) : NULL;
    /* The library's own table is bound to whichever freeReplyObject came first. */
    for (size_t i = 0; i < sizeof library->free_reply / sizeof *library->free_reply; i++)
        if (frees && frees == library->free_reply[i])
            return true;
    return false;
}

size_t lk_context_output(const struct lk_layout *layout, const void *context, const char **bytes)
{
    *bytes = lk_field(context, layout->output);
    return *bytes ? lk_sds_length(*bytes, layout->old_strings) : 0;
}

size_t lk_context_peer(const struct lk_layout *layout, const void *context, char *out, size_t room)
{
    enum { TCP, UNIX };
    int kind = lk_field_int(context, layout->kind);
    const char *host = lk_field(context, layout->host), *path = lk_field(context, layout->path);
    size_t used = 0;
    if (kind == UNIX && path) {
        used = lk_put_text(out, room, used, "unix:");
        used = lk_put_text(out, room, used, path);
    } else if (kind == TCP && host) {
        used = lk_put_text(out, room, used, host);
        used = lk_put_text(out, room, used, ":");
        used = lk_put_number(out, room, used, (uint32_t)lk_field_int(context, layout->port));
    }
    return used;
}
