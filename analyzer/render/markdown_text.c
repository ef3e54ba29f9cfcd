/* Text that stays text in GitHub's markdown. */
#include "render/markdown_text.h"

#include <string.h>

#include "render/page.h"

/* Breaks what GitHub looks for in text after markdown is done with it, and is not seen. */
#define BREAK "&#8203;"

static GString *shown_of(const char *text)
{
    GString *shown = g_string_new(NULL);

    shown_append(shown, text, strlen(text));
    return shown;
}

void markdown_text(GString *out, const char *text)
{
    GString *shown = shown_of(text);

    for (const char *c = shown->str; *c != '\0'; c++) {
        if (*c == '<')
            g_string_append(out, "&lt;");
        else if (*c == '>')
            g_string_append(out, "&gt;");
        else if (*c == '&')
            g_string_append(out, "&amp;");
        else if (strchr("\\`*_{}[]|~!", *c) != NULL)
            g_string_append_printf(out, "\\%c", *c);
        else
            g_string_append_c(out, *c);
        if (*c == '@' || *c == '#' || (*c == ':' && c[1] == '/') ||
            g_ascii_strncasecmp(c, "www.", 4) == 0)
            g_string_append(out, BREAK);
    }
    g_string_free(shown, TRUE);
}

static size_t longest_run(const char *text, char of)
{
    size_t longest = 0, run = 0;

    for (; *text != '\0'; text++) {
        run = *text == of ? run + 1 : 0;
        longest = MAX(longest, run);
    }
    return longest;
}

static void append_times(GString *out, char c, size_t times)
{
    for (size_t i = 0; i < times; i++)
        g_string_append_c(out, c);
}

void markdown_code(GString *out, const char *text, size_t most)
{
    GString *shown = shown_of(text);

    if (most > 0)
        shown_shorten(shown, most);
    size_t fence = longest_run(shown->str, '`') + 1;
    append_times(out, '`', fence);
    /* A space at both ends is taken off again; without it a ` there would join the fence. */
    g_string_append_c(out, ' ');
    for (const char *c = shown->str; *c != '\0'; c++) {
        if (*c == '|')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *c);
    }
    g_string_append_c(out, ' ');
    append_times(out, '`', fence);
    g_string_free(shown, TRUE);
}

void markdown_sentence(GString *out, const char *sentence, const char *name)
{
    const char *at = name == NULL || *name == '\0' ? NULL : strstr(sentence, name);

    while (at != NULL) {
        char *before = g_strndup(sentence, (gsize)(at - sentence));

        markdown_text(out, before);
        g_free(before);
        /* A pipe would be escaped for a table; here it would be seen. */
        if (strchr(name, '|') != NULL)
            markdown_text(out, name);
        else
            markdown_code(out, name, 0);
        sentence = at + strlen(name);
        at = strstr(sentence, name);
    }
    markdown_text(out, sentence);
}

void markdown_block(GString *out, const char *lines)
{
    size_t fence = MAX(longest_run(lines, '`') + 1, 3);

    append_times(out, '`', fence);
    g_string_append_printf(out, "text\n%s%s", lines, g_str_has_suffix(lines, "\n") ? "" : "\n");
    append_times(out, '`', fence);
    g_string_append_c(out, '\n');
}

void markdown_part(GString *out, const GString *part, guint *left_out)
{
    if (out->len + part->len <= MARKDOWN_ROOM)
        g_string_append_len(out, part->str, (gssize)part->len);
    else
        ++*left_out;
}
