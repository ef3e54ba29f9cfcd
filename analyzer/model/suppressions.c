/* LeakSanitizer's suppression files; see suppressions.h. */
#define _GNU_SOURCE /* memmem */
#include "model/suppressions.h"

#include <string.h>

#include "read/capture.h"

#define BLANKS       " \t\r\v\f"
#define LEAK         "leak:"
#define PATTERN_MOST 4096u

struct line {
    char *pattern;
    guint number;
};

struct suppressions {
    char *name;
    GArray *lines; /* struct line */
};

static void clear_line(gpointer line)
{
    g_free(((struct line *)line)->pattern);
}

void suppressions_free(struct suppressions *suppressions)
{
    if (suppressions == NULL)
        return;
    g_array_free(suppressions->lines, TRUE);
    g_free(suppressions->name);
    g_free(suppressions);
}

/* ---- Reading ---- */

/* What is wrong with the line, NULL if nothing is. */
static const char *fault_of(const char *line)
{
    if (!g_str_has_prefix(line, LEAK))
        return "not leak:PATTERN";
    const char *pattern = line + strlen(LEAK);
    if (strcspn(pattern + (*pattern == '^'), "$") == 0)
        return "no pattern";
    return strlen(pattern) > PATTERN_MOST ? "a pattern that is too long" : NULL;
}

/* Adds what the line says, if anything; false with an error. */
static bool add_line(struct suppressions *suppressions, char *text, guint number, GError **error)
{
    text += strspn(text, BLANKS);
    size_t bytes = strlen(text);
    while (bytes > 0 && strchr(BLANKS, text[bytes - 1]) != NULL)
        text[--bytes] = '\0';
    if (bytes == 0 || *text == '#')
        return true;
    const char *fault = fault_of(text);
    if (fault != NULL) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_USAGE, "%s:%u: %s: %s", suppressions->name,
                    number, fault, text);
        return false;
    }
    struct line line = {g_strdup(text + strlen(LEAK)), number};
    g_array_append_val(suppressions->lines, line);
    return true;
}

struct suppressions *suppressions_parse(const char *text, size_t bytes, const char *name,
                                        GError **error)
{
    struct suppressions *suppressions = g_new0(struct suppressions, 1);
    bool good = true;
    guint number = 0;
    suppressions->name = g_strdup(name);
    suppressions->lines = g_array_new(FALSE, FALSE, sizeof(struct line));
    g_array_set_clear_func(suppressions->lines, clear_line);
    for (size_t at = 0; at < bytes && good;) {
        const char *end = memchr(text + at, '\n', bytes - at);
        size_t length = end == NULL ? bytes - at : (size_t)(end - text) - at;
        char *line = g_strndup(text + at, length);
        good = add_line(suppressions, line, ++number, error);
        g_free(line);
        at += length + 1;
    }
    if (!good) {
        suppressions_free(suppressions);
        return NULL;
    }
    return suppressions;
}

struct suppressions *suppressions_read(const char *path, GError **error)
{
    GError *cause = NULL;
    char *text;
    gsize bytes;
    if (!g_file_get_contents(path, &text, &bytes, &cause)) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s", cause->message);
        g_error_free(cause);
        return NULL;
    }
    struct suppressions *suppressions = suppressions_parse(text, bytes, path, error);
    g_free(text);
    return suppressions;
}

/* ---- Matching ---- */

/* Where `piece` is found first in the text, at its very beginning or very end if so asked. */
static const char *find_piece(const char *text, const char *piece, size_t bytes, bool at_start,
                              bool at_end)
{
    size_t length = strlen(text);
    if (bytes > length)
        return NULL;
    if (at_start || at_end) {
        const char *place = at_end ? text + length - bytes : text;
        bool right = memcmp(place, piece, bytes) == 0 && (!at_start || place == text);
        return right ? place : NULL;
    }
    return bytes == 0 ? text : memmem(text, length, piece, bytes);
}

/* The pieces between asterisks, one after the other, each as early as it can be: what a later place
 * would match, an earlier one does too. */
bool suppression_matches(const char *pattern, const char *text)
{
    bool at_start = *pattern == '^';
    if (text == NULL || *text == '\0')
        return false;
    pattern += at_start;
    for (;;) {
        size_t bytes = strcspn(pattern, "*$");
        bool at_end = pattern[bytes] == '$';
        const char *found = find_piece(text, pattern, bytes, at_start, at_end);
        if (found == NULL)
            return false;
        if (pattern[bytes] != '*')
            return true;
        text = found + bytes;
        pattern += bytes + 1;
        at_start = false;
    }
}

static bool matches_frame(const char *pattern, const struct frame *frame)
{
    return suppression_matches(pattern, frame->function) ||
           suppression_matches(pattern, frame->file) || suppression_matches(pattern, frame->module);
}

static bool matches_stack(const char *pattern, const struct stack *stack)
{
    for (guint i = 0; i < stack->frames->len; i++)
        if (matches_frame(pattern, &g_array_index(stack->frames, struct frame, i)))
            return true;
    return false;
}

/* The first line of the file that matches; its index, or the number of lines. */
static guint line_for(const struct suppressions *suppressions, const struct leak_report *leak)
{
    guint i = 0;
    while (i < suppressions->lines->len &&
           !matches_stack(g_array_index(suppressions->lines, struct line, i).pattern,
                          leak->site->stack))
        i++;
    return i;
}

/* ---- The step ---- */

static void drop_findings(struct report *report, const struct leak_report *leak)
{
    for (guint i = report->findings->len; i-- > 0;)
        if (((const struct finding *)g_ptr_array_index(report->findings, i))->leak == leak)
            g_ptr_array_remove_index(report->findings, i);
}

static void describe_lines(struct report *report, const struct suppressions *suppressions)
{
    struct suppressed_report *suppressed = &report->suppressed;
    suppressed->file = report_text(report, suppressions->name);
    suppressed->lines = report_array(report, sizeof(struct suppression_report));
    for (guint i = 0; i < suppressions->lines->len; i++) {
        const struct line *line = &g_array_index(suppressions->lines, struct line, i);
        struct suppression_report described = {.pattern = report_text(report, line->pattern),
                                               .line = line->number};
        g_array_append_val(suppressed->lines, described);
    }
}

void suppress_leaks(struct report *report, const struct suppressions *suppressions)
{
    guint kept = 0;
    if (suppressions == NULL)
        return;
    describe_lines(report, suppressions);
    for (guint i = 0; i < report->leaks->len; i++) {
        struct leak_report *leak = g_ptr_array_index(report->leaks, i);
        guint number = line_for(suppressions, leak);
        if (number == suppressions->lines->len) {
            g_ptr_array_index(report->leaks, kept++) = leak;
            continue;
        }
        struct suppression_report *line =
            &g_array_index(report->suppressed.lines, struct suppression_report, number);
        line->leaks++;
        line->live_bytes += leak->live_bytes;
        line->live_count += leak->live_count;
        drop_findings(report, leak);
    }
    g_ptr_array_set_size(report->leaks, (gint)kept);
}
