/* Lays text out in lines and columns. */
#include "render/page.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "model/text.h"
#include "model/units.h"

struct page page_of(const struct render_options *options, FILE *out)
{
    return (struct page){.out = out,
                         .width = MAX((size_t)options->width, 60),
                         .top = options->top,
                         .colour = options->colour};
}

/* ---- Text ---- */

/* g_utf8_next_char takes the const away. */
static const char *next_character(const char *at)
{
    return at + g_utf8_skip[(guchar)*at];
}

static void append_escaped(GString *line, gunichar c)
{
    static const struct {
        gunichar c;
        const char *escape;
    } names[] = {{'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}, {0, "\\0"}};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].c == c) {
            g_string_append(line, names[i].escape);
            return;
        }
    }
    g_string_append_printf(line, c < 0x80 ? "\\x%02x" : "\\u{%x}", c);
}

void shown_append(GString *line, const char *text, size_t bytes)
{
    const char *at = text, *end = text + bytes;

    while (at < end) {
        gunichar c = g_utf8_get_char_validated(at, end - at);

        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_printf(line, "\\x%02x", (unsigned char)*at++);
            continue;
        }
        if (text_acts(c))
            append_escaped(line, c);
        else
            g_string_append_unichar(line, c);
        at = next_character(at);
    }
}

static size_t columns_of(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

size_t shown_columns(const char *shown)
{
    size_t columns = 0;

    for (const char *at = shown; *at != '\0'; at = next_character(at))
        columns += columns_of(g_utf8_get_char(at));
    return columns;
}

/* Bytes of the longest start that is at most that wide. */
static size_t start_within(const char *shown, size_t columns)
{
    const char *at = shown;
    size_t used = 0;

    while (*at != '\0') {
        used += columns_of(g_utf8_get_char(at));
        if (used > columns)
            break;
        at = next_character(at);
    }
    return (size_t)(at - shown);
}

/* Where the longest end that is at most that wide begins. */
static size_t end_within(const char *shown, size_t columns)
{
    size_t over = shown_columns(shown);
    const char *at = shown;

    while (over > columns && *at != '\0') {
        over -= columns_of(g_utf8_get_char(at));
        at = next_character(at);
    }
    return (size_t)(at - shown);
}

void shown_shorten(GString *shown, size_t columns)
{
    static const char dots[] = "...";

    if (shown_columns(shown->str) <= columns)
        return;
    if (columns <= strlen(dots)) {
        g_string_truncate(shown, start_within(shown->str, columns));
        return;
    }
    size_t kept = columns - strlen(dots);
    size_t tail = end_within(shown->str, kept / 2);
    size_t head = start_within(shown->str, kept - shown_columns(shown->str + tail));

    g_string_erase(shown, (gssize)head, (gssize)(tail - head));
    g_string_insert(shown, (gssize)head, dots);
}

static void append_blanks(GString *line, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g_string_append_c(line, ' ');
}

void shown_cell(GString *line, const char *text, int columns)
{
    size_t wide = (size_t)(columns < 0 ? -columns : columns);
    GString *cell = g_string_new(NULL);

    shown_append(cell, text, strlen(text));
    shown_shorten(cell, wide);
    size_t blanks = wide - MIN(shown_columns(cell->str), wide);
    if (columns < 0)
        append_blanks(line, blanks);
    g_string_append(line, cell->str);
    if (columns > 0)
        append_blanks(line, blanks);
    g_string_free(cell, TRUE);
}

/* ---- Lines ---- */

static const char *style_code(const struct page *page, enum style style)
{
    static const char *const codes[] = {[STYLE_PLAIN] = "",
                                        [STYLE_BOLD] = "\033[1m",
                                        [STYLE_RED] = "\033[1;31m",
                                        [STYLE_YELLOW] = "\033[1;33m",
                                        [STYLE_GREEN] = "\033[1;32m"};

    return page->colour ? codes[style] : "";
}

static const char *style_end(const struct page *page, enum style style)
{
    return page->colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

static void drop_trailing_blanks(GString *line)
{
    while (line->len != 0 && line->str[line->len - 1] == ' ')
        g_string_truncate(line, line->len - 1);
}

void page_line(const struct page *page, enum style style, const char *format, ...)
{
    GString *line = g_string_new(NULL);
    va_list arguments;

    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    shown_append(line, text, strlen(text));
    drop_trailing_blanks(line);
    shown_shorten(line, page->width);
    fprintf(page->out, "%s%s%s\n", style_code(page, style), line->str, style_end(page, style));
    g_string_free(line, TRUE);
    g_free(text);
}

struct wrapping {
    size_t used, indent, width;
    GString *done;
};

static void wrap_word(struct wrapping *wrapping, const char *word)
{
    GString *shown = g_string_new(NULL);

    shown_append(shown, word, strlen(word));
    shown_shorten(shown, wrapping->width - wrapping->indent);
    size_t columns = shown_columns(shown->str);
    bool first = wrapping->used == wrapping->indent;
    if (!first && wrapping->used + 1 + columns > wrapping->width) {
        g_string_append_c(wrapping->done, '\n');
        append_blanks(wrapping->done, wrapping->indent);
        wrapping->used = wrapping->indent;
        first = true;
    }
    if (!first)
        g_string_append_c(wrapping->done, ' ');
    g_string_append(wrapping->done, shown->str);
    wrapping->used += columns + !first;
    g_string_free(shown, TRUE);
}

void page_wrapped(const struct page *page, enum style label_style, const char *label, size_t indent,
                  const char *format, ...)
{
    struct wrapping wrapping = {
        .used = indent, .indent = indent, .width = page->width, .done = g_string_new(NULL)};
    GString *start = g_string_new(NULL);
    va_list arguments;

    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    char **words = g_strsplit_set(text, " \n\t", -1);
    for (char **word = words; *word != NULL; word++)
        if (**word != '\0')
            wrap_word(&wrapping, *word);
    shown_cell(start, label, (int)indent);
    fprintf(page->out, "%s%s%s%s\n", style_code(page, label_style), start->str,
            style_end(page, label_style), wrapping.done->str);
    g_strfreev(words);
    g_free(text);
    g_string_free(start, TRUE);
    g_string_free(wrapping.done, TRUE);
}

void page_blank(const struct page *page)
{
    fputc('\n', page->out);
}

void page_heading(const struct page *page, const char *heading)
{
    page_blank(page);
    page_line(page, STYLE_BOLD, "%s", heading);
}

/* ---- Numbers ---- */

char *shown_ratio(char *out, size_t room, double ratio)
{
    if (!isfinite(ratio))
        g_strlcpy(out, "unknown", room);
    else if (ratio > 0 && ratio < 0.005)
        g_strlcpy(out, "<0.01", room);
    else if (ratio < 1 && ratio >= 0.995)
        g_strlcpy(out, ">0.99", room);
    else
        g_snprintf(out, room, "%.2f", ratio);
    return out;
}

char *shown_interval(char *out, const double interval[2], shown_unit *unit)
{
    char low[UNITS_ROOM], high[UNITS_ROOM];

    out[0] = '\0';
    if (isfinite(interval[0]) && isfinite(interval[1]) && interval[0] < interval[1])
        g_snprintf(out, SHOWN_INTERVAL_ROOM, " (%s .. %s)", unit(low, sizeof(low), interval[0]),
                   unit(high, sizeof(high), interval[1]));
    return out;
}
