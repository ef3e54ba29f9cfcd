/* The sentences of a duplicate-input-miss finding. */
#include "find/duplicates.h"

#include <inttypes.h>
#include <string.h>

#define SHARE_SAID 0.01 /* what varies in fewer pairs is left to the table */

static bool said(const struct variation *variation)
{
    return variation->share_ratio >= SHARE_SAID;
}

/* "a", "a and b", "a, b and c". */
static void join(GString *out, const GPtrArray *words)
{
    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(out, "%s%s",
                               i == 0               ? ""
                               : i + 1 < words->len ? ", "
                                                    : " and ",
                               (const char *)g_ptr_array_index(words, i));
}

static void add_once(GPtrArray *words, const char *word)
{
    for (guint i = 0; i < words->len; i++)
        if (strcmp(g_ptr_array_index(words, i), word) == 0)
            return;
    g_ptr_array_add(words, (gpointer)(uintptr_t)word);
}

static GPtrArray *varying_words(const struct duplicates *duplicates, bool spellings)
{
    GPtrArray *words = g_ptr_array_new();

    for (guint i = 0; i < duplicates->variations->len; i++) {
        const struct variation *variation =
            &g_array_index(duplicates->variations, struct variation, i);
        const struct normaliser_row *row = &normalisers[variation->normaliser];

        if (said(variation) && (row->kind == NORMALISER_SPELLS) == spellings)
            add_once(words, row->varies);
    }
    return words;
}

static void group_digits(GString *out, uint64_t number)
{
    char digits[24];
    int length = g_snprintf(digits, sizeof(digits), "%" PRIu64, number);

    for (int i = 0; i < length; i++)
        g_string_append_printf(out, "%s%c", i > 0 && (length - i) % 3 == 0 ? "," : "", digits[i]);
}

const char *wording_message(struct report *report, const struct duplicates *duplicates)
{
    GPtrArray *held = varying_words(duplicates, false), *spelled = varying_words(duplicates, true);
    GString *out = g_string_new(NULL);
    const char *result;

    group_digits(out, duplicates->template->report->causes.duplicate_input);
    g_string_append(out, " of ");
    group_digits(out, duplicates->template->report->misses);
    g_string_append_printf(
        out, " misses on %s asked for an input that was already cached under another key: ",
        duplicates->template->report->name);
    if (held->len) {
        g_string_append(out, "the key holds ");
        join(out, held);
    }
    if (spelled->len) {
        g_string_append(out, held->len ? "; the input also varies in " : "the input varies in ");
        join(out, spelled);
    }
    if (!held->len && !spelled->len)
        g_string_append(out, "the same input gets another key each time");
    result = report_text(report, out->str);
    g_string_free(out, TRUE);
    g_ptr_array_free(held, TRUE);
    g_ptr_array_free(spelled, TRUE);
    return result;
}

/* "`ts`", "the timestamp" where it has no name. */
static char *slot_name(const struct slot *slot)
{
    const char *what = normalisers[slot->normaliser].varies;

    if (slot->name && !slot->of_key)
        return g_strdup_printf("`%s`", slot->name);
    if (slot->name)
        return g_strdup_printf("the part after `%s` in the key", slot->name);
    while (*what && *what != ' ')
        what++;
    return g_strdup_printf("the%s%s", what, slot->of_key ? " in the key" : "");
}

/* Names of all slots that one kind of cure goes for: "drop `ts` and `request_id`". */
static char *drop_step(const struct duplicates *duplicates, const char *cure)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GString *joined = g_string_new(NULL), *step = g_string_new(NULL);
    const char *place = strstr(cure, "%s");

    for (guint i = 0; i < duplicates->variations->len; i++) {
        const struct variation *variation =
            &g_array_index(duplicates->variations, struct variation, i);
        const struct slot *slot = cures_slot(duplicates->cures, variation->feature);

        if (said(variation) && slot && strcmp(normalisers[slot->normaliser].cure, cure) == 0)
            g_ptr_array_add(names, slot_name(slot));
    }
    join(joined, names);
    if (names->len && place)
        g_string_append_printf(step, "%.*s%s%s", (int)(place - cure), cure, joined->str, place + 2);
    g_ptr_array_free(names, TRUE);
    g_string_free(joined, TRUE);
    return g_string_free(step, step->len == 0);
}

static char *spelling_step(const struct variation *variation)
{
    GString *step = g_string_new(normalisers[variation->normaliser].cure);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    if (variation->fields->len && !variation->many_fields &&
        (variation->normaliser == NORMALISER_CASE || variation->normaliser == NORMALISER_UNICODE ||
         variation->normaliser == NORMALISER_NUMBER_FORMAT)) {
        for (guint i = 0; i < variation->fields->len; i++)
            g_ptr_array_add(names, g_strdup_printf("`%s`", (const char *)g_ptr_array_index(
                                                               variation->fields, i)));
        g_string_append(step, " in ");
        join(step, names);
    }
    g_ptr_array_free(names, TRUE);
    return g_string_free(step, FALSE);
}

static GPtrArray *list_steps(const struct duplicates *duplicates)
{
    GPtrArray *steps = g_ptr_array_new_with_free_func(g_free);

    for (unsigned n = 0; n < NORMALISERS; n++) {
        bool repeated = normalisers[n].kind == NORMALISER_SPELLS;
        char *step;

        for (unsigned before = 0; before < n; before++)
            repeated |= strcmp(normalisers[n].cure, normalisers[before].cure) == 0;
        step = repeated ? NULL : drop_step(duplicates, normalisers[n].cure);
        if (step)
            g_ptr_array_add(steps, step);
    }
    for (guint i = 0; i < duplicates->variations->len; i++) {
        const struct variation *variation =
            &g_array_index(duplicates->variations, struct variation, i);

        if (said(variation) && normalisers[variation->normaliser].kind == NORMALISER_SPELLS)
            g_ptr_array_add(steps, spelling_step(variation));
    }
    return steps;
}

const char *wording_remedy(struct report *report, const struct duplicates *duplicates)
{
    GPtrArray *steps = list_steps(duplicates);
    GString *out = g_string_new(NULL);
    const char *result;

    if (!steps->len)
        g_ptr_array_add(steps, g_strdup("derive the key from the input alone, with a fixed seed"));
    join(out, steps);
    g_string_append(out, " before the key is made");
    result = report_text(report, out->str);
    g_string_free(out, TRUE);
    g_ptr_array_free(steps, TRUE);
    return result;
}
