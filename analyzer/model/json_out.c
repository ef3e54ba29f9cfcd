/* Puts JSON out; see json_out.h. */
#include "model/json_out.h"

#include <glib.h>

#include "model/text.h"

static void put_escaped(gunichar c, FILE *out)
{
    if (c >= 0x10000)
        fprintf(out, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
    else
        fprintf(out, "\\u%04x", c);
}

/* jansson has escaped the controls of ASCII but for DEL, and gives whole characters. What is beyond
 * ASCII stands in strings alone. */
static int put_part(const char *text, size_t bytes, void *context)
{
    FILE *out = context;
    size_t plain = 0, length;

    for (size_t at = 0; at < bytes; at += length) {
        unsigned char first = (unsigned char)text[at];
        length = first < 0x80 ? 1 : (size_t)g_utf8_skip[first];
        gunichar c =
            first < 0x7f ? ' ' : g_utf8_get_char_validated(text + at, (gssize)(bytes - at));
        if (!text_acts(c))
            continue;
        fwrite(text + plain, 1, at - plain, out);
        put_escaped(c, out);
        plain = at + length;
    }
    return fwrite(text + plain, 1, bytes - plain, out) == bytes - plain ? 0 : -1;
}

bool json_put_out(const json_t *json, FILE *out, size_t flags)
{
    return json_dump_callback(json, put_part, out, flags) == 0 && !ferror(out);
}
