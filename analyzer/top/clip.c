/* Text in columns of a terminal. */
#define _GNU_SOURCE
#include <langinfo.h>
#include <string.h>
#include <wchar.h>

#include "top/screen.h"

char *screen_clip(const char *text, int columns)
{
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    GString *clipped = g_string_new(NULL);
    int used = 0;

    for (const char *at = text; *at != '\0'; at += g_utf8_skip[(guchar)*at]) {
        gunichar c = g_utf8_get_char(at);
        int width = utf8 || c < 0x80 ? wcwidth((wchar_t)c) : -1;

        if (used + MAX(width, width < 0) > columns)
            break;
        used += width < 0 ? 1 : width;
        if (width < 0)
            g_string_append_c(clipped, '?');
        else
            g_string_append_unichar(clipped, c);
    }
    return g_string_free(clipped, FALSE);
}
