/* The sentences of a reader-writer-mismatch finding, and what templates' names have to do with each
 * other. */
#include <string.h>

#include "find/mismatch.h"
#include "model/units.h"

/* ---- Names ---- */

/* userProfile is two words. */
static void add_words(GPtrArray *words, const char *text, size_t bytes)
{
    size_t start = 0;

    for (size_t i = 1; i <= bytes; i++) {
        if (i < bytes && !(g_ascii_islower(text[i - 1]) && g_ascii_isupper(text[i])))
            continue;
        g_ptr_array_add(words, g_ascii_strdown(text + start, (gssize)(i - start)));
        start = i;
    }
}

/* The literal words of a template's name, in lower case: without <...> and versions. */
static GPtrArray *literal_words(const char *name)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    struct lk_lexer lexer = lk_lexer(name, strlen(name));
    struct lk_token token;
    bool inside = false;

    while (lk_lex_next(&lexer, &token)) {
        char first = name[token.offset];

        inside = (inside || first == '<') && first != '>';
        if (!inside && token.token_class == LK_CLASS_WORD)
            add_words(words, name + token.offset, token.bytes);
    }
    return words;
}

static bool abbreviates(const char *a, const char *b)
{
    size_t shorter = MIN(strlen(a), strlen(b));

    return strcmp(a, b) == 0 || (shorter >= ABBREVIATION_MIN && strncmp(a, b, shorter) == 0);
}

/* userCache, user_cache and user-cache are one name. */
static bool same_letters(const GPtrArray *a, const GPtrArray *b)
{
    GString *x = g_string_new(NULL), *y = g_string_new(NULL);
    bool same;

    for (guint i = 0; i < a->len; i++)
        g_string_append(x, g_ptr_array_index(a, i));
    for (guint i = 0; i < b->len; i++)
        g_string_append(y, g_ptr_array_index(b, i));
    same = g_string_equal(x, y);
    g_string_free(x, TRUE);
    g_string_free(y, TRUE);
    return same;
}

bool names_relate(const char *a, const char *b)
{
    GPtrArray *x = literal_words(a), *y = literal_words(b);
    bool relate = x->len == y->len;

    for (guint i = 0; i < x->len && relate; i++)
        relate = abbreviates(g_ptr_array_index(x, i), g_ptr_array_index(y, i));
    relate |= same_letters(x, y);
    g_ptr_array_free(x, TRUE);
    g_ptr_array_free(y, TRUE);
    return relate;
}

/* ---- Sentences ---- */

static const struct template_report *report_of(struct cache_model *model, const struct unit *unit)
{
    return model_template(model, unit->template_index)->report;
}

/* "`emb:<sha256>` in database 1": the database only where it is what differs. */
static const char *unit_name(struct cache_model *model, const struct meeting *meeting,
                             const struct unit *unit)
{
    const char *name = report_of(model, unit)->name;

    if (meeting->reader->database == meeting->writer->database)
        return name;
    return report_printf(model->report, "%s in database %u", name, unit->database);
}

const char *mismatch_message(struct cache_model *model, const struct meeting *meeting)
{
    char missed[UNITS_ROOM], reads[UNITS_ROOM], writes[UNITS_ROOM];

    return report_printf(
        model->report,
        "%s is only read and always misses, %s is only written: %s of %s reads asked for an input "
        "that was there under the other key; nothing reads the %s writes",
        unit_name(model, meeting, meeting->reader), unit_name(model, meeting, meeting->writer),
        units_count(missed, sizeof(missed), (double)meeting->missed),
        units_count(reads, sizeof(reads), (double)meeting->reader->reads),
        units_count(writes, sizeof(writes), (double)meeting->writer->writes));
}

/* " in fetch (cache.c:41)", where the first call site's symbols are known. */
static const char *site_words(struct cache_model *model, const struct unit *unit)
{
    const GPtrArray *sites = report_of(model, unit)->call_sites;
    const struct stack *stack = sites && sites->len ? g_ptr_array_index(sites, 0) : NULL;

    for (guint i = 0; stack && i < stack->frames->len; i++) {
        const struct frame *frame = &g_array_index(stack->frames, struct frame, i);

        if (frame->function && frame->file)
            return report_printf(model->report, " in %s (%s:%d)", frame->function, frame->file,
                                 frame->line);
    }
    return "";
}

const char *mismatch_remedy(struct cache_model *model, const struct meeting *meeting)
{
    const char *read = unit_name(model, meeting, meeting->reader);
    const char *written = unit_name(model, meeting, meeting->writer);

    if (meeting->reader->template_index == meeting->writer->template_index)
        return report_printf(
            model->report,
            "read and write %s in one database: the read%s selects database %u, the write%s "
            "database %u; take it from one setting",
            report_of(model, meeting->reader)->name, site_words(model, meeting->reader),
            meeting->reader->database, site_words(model, meeting->writer),
            meeting->writer->database);
    return report_printf(
        model->report,
        "make both build the key by one function: the read%s asks for %s, the write%s stores %s%s",
        site_words(model, meeting->reader), read, site_words(model, meeting->writer), written,
        meeting->related ? ""
                         : "; if they are two caches by intent, store what is read and stop "
                           "writing what is not");
}
