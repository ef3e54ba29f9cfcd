/* Texts made safe to show; see text.h. */
#include "model/text.h"

#include <glib.h>
#include <string.h>

bool text_acts(uint32_t character)
{
    switch (g_unichar_type(character)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_UNASSIGNED:
        return true;
    default:
        return false;
    }
}

size_t text_plain_bytes(const char *text, size_t bytes)
{
    gunichar c = g_utf8_get_char_validated(text, (gssize)MIN(bytes, 8));
    if (c == (gunichar)-1 || c == (gunichar)-2 || text_acts(c))
        return 0;
    return (size_t)g_unichar_to_utf8(c, NULL);
}

char *text_printable(const char *text, size_t bytes)
{
    GString *out = g_string_sized_new(bytes + 1);
    for (size_t i = 0; i < bytes;) {
        size_t whole = text_plain_bytes(text + i, bytes - i);
        if (whole == 0)
            g_string_append_printf(out, "\\x%02x", (unsigned char)text[i]);
        else if (text[i] == '\\')
            g_string_append(out, "\\\\");
        else
            g_string_append_len(out, text + i, (gssize)whole);
        i += MAX(whole, 1);
    }
    return g_string_free(out, FALSE);
}

const char *text_base_name(const char *path)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
