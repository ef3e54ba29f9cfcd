/* Scanners for JSON, name=value lists and temporary paths. */
#include "model/structure.h"

#include <glib.h>
#include <string.h>

#define DEPTH_MAX 32
#define NOTHING   SIZE_MAX

size_t structure_skip_space(const char *text, size_t start, size_t end)
{
    while (start < end && g_ascii_isspace(text[start]))
        start++;
    return start;
}

static size_t string_end(const char *text, size_t start, size_t end, bool cut)
{
    char quote = text[start];

    for (size_t i = start + 1; i < end; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == quote)
            return i + 1;
    }
    return cut ? end : NOTHING;
}

static bool bare_byte(char c)
{
    return !g_ascii_isspace(c) && !strchr(",:{}[]()\"'", c);
}

size_t structure_scalar_end(const char *text, size_t start, size_t end, bool cut)
{
    size_t i = start;

    if (start < end && (text[start] == '"' || text[start] == '\''))
        return string_end(text, start, end, cut);
    while (i < end && text[i] && bare_byte(text[i]))
        i++;
    return i > start ? i : NOTHING;
}

static size_t value_end(const char *text, size_t start, size_t end, bool cut, int depth);

/* A name and its colon. */
static size_t name_end(const char *text, size_t start, size_t end, bool cut)
{
    size_t i = structure_scalar_end(text, start, end, cut);

    if (i == NOTHING)
        return NOTHING;
    i = structure_skip_space(text, i, end);
    if (i == end)
        return cut ? end : NOTHING;
    return text[i] == ':' ? i + 1 : NOTHING;
}

static size_t container_end(const char *text, size_t start, size_t end, bool cut, int depth)
{
    bool object = text[start] == '{';
    char close = object ? '}' : ']';
    size_t i = structure_skip_space(text, start + 1, end);

    if (i < end && text[i] == close)
        return i + 1;
    while (i < end) {
        if (object)
            i = name_end(text, i, end, cut);
        if (i == NOTHING || i == end)
            break;
        i = value_end(text, i, end, cut, depth + 1);
        if (i == NOTHING)
            return NOTHING;
        i = structure_skip_space(text, i, end);
        if (i < end && text[i] == close)
            return i + 1;
        if (i < end && text[i] != ',')
            return NOTHING;
        i = i < end ? structure_skip_space(text, i + 1, end) : end;
    }
    return i == end && cut ? end : NOTHING;
}

static size_t value_end(const char *text, size_t start, size_t end, bool cut, int depth)
{
    size_t i = structure_skip_space(text, start, end);

    if (i == end)
        return cut ? end : NOTHING;
    if (text[i] != '{' && text[i] != '[')
        return structure_scalar_end(text, i, end, cut);
    return depth < DEPTH_MAX ? container_end(text, i, end, cut, depth) : NOTHING;
}

size_t structure_value_end(const char *text, size_t start, size_t end, bool cut)
{
    return value_end(text, start, end, cut, 0);
}

bool structure_pair(const char *text, size_t start, size_t end, const struct structure_list *list,
                    size_t *name, size_t *value)
{
    size_t i = start;

    if (i == end || !(g_ascii_isalpha(text[i]) || text[i] == '_'))
        return false;
    while (i < end && (g_ascii_isalnum(text[i]) || strchr("_.-", text[i])) && text[i])
        i++;
    if (i == end || text[i] != '=' || (i + 1 < end && text[i + 1] == '='))
        return false;
    *name = i++;
    if (i < end && (text[i] == '"' || text[i] == '\'')) {
        *value = string_end(text, i, end, false);
        return *value != NOTHING;
    }
    if (list->blanks)
        while (i < end && text[i] != '&' && text[i] != '\n')
            i++;
    else
        while (i < end && text[i] && !g_ascii_isspace(text[i]) && !strchr("&;,\"'{}<>", text[i]))
            i++;
    *value = i;
    return true;
}

/* A text that is one line of pairs from its beginning to its end, as a form's body: there a value
 * may hold blanks. Elsewhere they end it, or the prose behind a URL would be taken for a part of
 * it. */
static bool is_form(const char *text, size_t start, size_t end)
{
    const struct structure_list form = {'&', true};
    size_t name, value, count = 0;

    for (size_t i = start; start == 0 && structure_pair(text, i, end, &form, &name, &value);
         i = value + 1) {
        count++;
        if (value == end || text[value] != '&')
            return count > 1 && value == end;
    }
    return false;
}

size_t structure_pairs_end(const char *text, size_t start, size_t end, struct structure_list *list)
{
    size_t name, value, last = NOTHING, i = start;

    *list = (struct structure_list){0, false};
    if (is_form(text, start, end)) {
        *list = (struct structure_list){'&', true};
        return end;
    }
    for (size_t count = 1; structure_pair(text, i, end, list, &name, &value); count++) {
        if (count > 1)
            last = value;
        if (value == end || !strchr("&;,", text[value]) || !text[value])
            break;
        if (count == 1)
            list->separator = text[value];
        else if (text[value] != list->separator)
            break;
        i = structure_skip_space(text, value + 1, end);
    }
    return last;
}

bool structure_temporary(const char *text, size_t start, size_t end, size_t *made_up,
                         size_t *made_up_end)
{
    static const struct {
        const char *prefix;
        int folders; /* made up as well */
    } places[] = {
        {"/tmp/", 0}, {"/var/tmp/", 0}, {"/dev/shm/", 0}, {"/var/folders/", 3}, {"\\Temp\\", 0}};

    for (size_t p = 0; p < G_N_ELEMENTS(places); p++) {
        size_t bytes = strlen(places[p].prefix), i = start + bytes;
        int folders = places[p].folders;

        if (end - start <= bytes || memcmp(text + start, places[p].prefix, bytes) != 0)
            continue;
        while (i < end && text[i] && !g_ascii_isspace(text[i]) && !strchr("\"',;:?&<>|", text[i]) &&
               ((text[i] != '/' && text[i] != '\\') || folders-- > 0))
            i++;
        *made_up = start + bytes;
        *made_up_end = i;
        return i > *made_up;
    }
    return false;
}

static size_t unicode_escape(const char *bytes, size_t length, char *out)
{
    gunichar c = 0;
    size_t used = 6;

    for (size_t i = 2; i < 6; i++)
        c = c << 4 | (gunichar)g_ascii_xdigit_value(bytes[i]);
    if (c >= 0xd800 && c < 0xdc00 && length >= 12 && bytes[6] == '\\' && bytes[7] == 'u') {
        gunichar low = 0;

        for (size_t i = 8; i < 12; i++)
            low = low << 4 | (gunichar)(g_ascii_xdigit_value(bytes[i]) & 15);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            used = 12;
        }
    }
    if (c >= 0xd800 && c < 0xe000)
        c = 0xfffd;
    out[g_unichar_to_utf8(c, out)] = '\0';
    return used;
}

size_t structure_escape(const char *bytes, size_t length, char out[8], size_t *out_bytes)
{
    static const char letters[] = "btnfr", meanings[] = "\b\t\n\f\r";
    const char *letter;

    *out_bytes = 1;
    if (length < 2) {
        out[0] = '\\';
        return 1;
    }
    if (bytes[1] == 'u' && length >= 6 && g_ascii_isxdigit(bytes[2]) &&
        g_ascii_isxdigit(bytes[3]) && g_ascii_isxdigit(bytes[4]) && g_ascii_isxdigit(bytes[5])) {
        size_t used = unicode_escape(bytes, length, out);

        *out_bytes = MAX(strlen(out), 1);
        return used;
    }
    letter = bytes[1] ? strchr(letters, bytes[1]) : NULL;
    out[0] = letter ? meanings[letter - letters] : bytes[1];
    return 2;
}
