/* Merging templates across captures, and across words that are too many to be part of a name. */
#include "model/templates.h"

#include <math.h>
#include <string.h>

#include "model/inputs.h"
#include "model/sketch.h"

/* Words at one place of a template that may each have a template of their own. */
#define SIBLINGS_MAX  48
#define SIBLINGS_MANY 8 /* more than that, if each is asked for a few times only ... */
#define COMMANDS_FEW  4 /* ... on average */
#define NUMBERED_MAX  3 /* words that are letters and a number, alike but for the number */
#define ROUNDS        3 /* words of one template that may be merged */

struct variant { /* a template text, before and after merging */
    char *text;
    char *merged;
    uint64_t commands, reads; /* reads and writes; of these, reads */
};

struct family { /* templates alike but for one word */
    char *text;
    uint64_t commands;
    uint32_t members;
    bool prefix;     /* the word is the first one, which names the kind of key */
    bool overflowed; /* there is a template of its text: the shim had seen too many words there */
    bool numbered;   /* only the number at the word's end differs */
};

static bool word_byte(unsigned char c)
{
    return g_ascii_isalnum(c) || c == '_' || c >= 0x80;
}

/* The next word outside <...> at or after *start, or what stands for one with hashed keys; false:
 * none. */
static bool next_word(const char *text, size_t *start, size_t *end)
{
    size_t i = *start;

    while (text[i] && !word_byte((unsigned char)text[i])) {
        const char *close = text[i] == '<' ? strchr(text + i, '>') : NULL;

        if (close && strncmp(text + i, "<word-", 6) == 0) {
            *start = i;
            *end = (size_t)(close - text) + 1;
            return true;
        }
        i = close ? (size_t)(close - text) + 1 : i + 1;
    }
    *start = i;
    while (text[i] && word_byte((unsigned char)text[i]))
        i++;
    *end = i;
    return i > *start;
}

/* Where the number begins in "shard12" or "q7"; 0: the word is none of these, or a version. */
static size_t number_start(const char *text, size_t start, size_t end)
{
    size_t digits = end;

    while (digits > start && g_ascii_isdigit(text[digits - 1]))
        digits--;
    if (digits == end || digits == start ||
        (digits == start + 1 && g_ascii_tolower(text[start]) == 'v'))
        return 0;
    return digits;
}

#define FORMS 2

/* The texts of the families that the word makes the template a member of: NULL where there is none.
 * The one of numbers comes first. */
static void family_texts(const char *text, size_t start, size_t end, char *forms[FORMS])
{
    size_t digits = number_start(text, start, end);

    forms[0] = digits ? g_strdup_printf("%.*s<number>%s", (int)digits, text, text + end) : NULL;
    forms[1] = g_strdup_printf("%.*s<text>%s", (int)start, text, text + end);
}

static void count_member(GHashTable *families, const struct variant *variant, char *text,
                         bool prefix, bool numbered)
{
    struct family *family = g_hash_table_lookup(families, text);

    if (!family) {
        family = g_new0(struct family, 1);
        family->text = text;
        family->prefix = prefix;
        family->numbered = numbered;
        g_hash_table_insert(families, text, family);
    } else {
        g_free(text);
    }
    family->members++;
    family->commands += variant->commands;
}

static void count_families(GHashTable *families, const struct variant *variant)
{
    size_t start = 0, end;

    for (bool prefix = true; next_word(variant->text, &start, &end); start = end, prefix = false) {
        char *forms[FORMS];

        family_texts(variant->text, start, end, forms);
        for (int i = 0; i < FORMS; i++)
            if (forms[i])
                count_member(families, variant, forms[i], prefix, i == 0);
    }
}

static bool too_many(const struct family *family)
{
    if (family->numbered)
        return family->members > NUMBERED_MAX;
    return family->members > SIBLINGS_MAX ||
           (family->overflowed && family->members > SIBLINGS_MANY) ||
           (!family->prefix && family->members > SIBLINGS_MANY &&
            family->commands <= (uint64_t)COMMANDS_FEW * family->members);
}

static void free_family(gpointer data)
{
    struct family *family = data;

    g_free(family->text);
    g_free(family);
}

/* The one that the shim has begun, then numbers before whole words, then the larger family. */
static bool is_better(const struct family *family, const struct family *best)
{
    if (!best || family->overflowed != best->overflowed)
        return !best || family->overflowed;
    if (family->numbered != best->numbered)
        return family->numbered;
    return family->members > best->members;
}

static bool join_family(GHashTable *families, struct variant *variant)
{
    size_t start = 0, end;
    const struct family *best = NULL;

    for (; next_word(variant->text, &start, &end); start = end) {
        char *forms[FORMS];

        family_texts(variant->text, start, end, forms);
        for (int i = 0; i < FORMS; i++) {
            const struct family *family = forms[i] ? g_hash_table_lookup(families, forms[i]) : NULL;

            g_free(forms[i]);
            if (family && too_many(family) && is_better(family, best))
                best = family;
        }
    }
    if (best) {
        g_free(variant->text);
        variant->text = g_strdup(best->text);
    }
    return best != NULL;
}

static void free_distinct(gpointer data)
{
    struct variant *variant = data;

    g_free(variant->text);
    g_free(variant);
}

/* One round over the distinct texts among the variants. */
static bool merge_round(GArray *variants)
{
    GHashTable *distinct = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_distinct);
    GHashTable *families = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_family);
    GHashTableIter each;
    gpointer key, value;
    bool merged = false;

    for (guint i = 0; i < variants->len; i++) {
        const struct variant *variant = &g_array_index(variants, struct variant, i);
        struct variant *known = g_hash_table_lookup(distinct, variant->text);

        if (!known) {
            known = g_new0(struct variant, 1);
            known->text = g_strdup(variant->text);
            g_hash_table_insert(distinct, known->text, known);
        }
        known->commands += variant->commands;
    }
    g_hash_table_iter_init(&each, distinct);
    while (g_hash_table_iter_next(&each, NULL, &value))
        count_families(families, value);
    g_hash_table_iter_init(&each, distinct);
    while (g_hash_table_iter_next(&each, &key, NULL)) {
        struct family *family = g_hash_table_lookup(families, key);

        if (family)
            family->overflowed = true;
    }
    for (guint i = 0; i < variants->len; i++)
        merged |= join_family(families, &g_array_index(variants, struct variant, i));
    g_hash_table_destroy(families);
    g_hash_table_destroy(distinct);
    return merged;
}

static GArray *list_variants(const struct cache_model *model)
{
    GArray *variants = g_array_new(FALSE, FALSE, sizeof(struct variant));

    for (guint c = 0; c < model->captures->len; c++) {
        const struct capture *capture = g_ptr_array_index(model->captures, c);

        for (guint id = 1; id < capture->templates->len; id++) {
            const struct lk_template *raw =
                &g_array_index(capture->templates, struct lk_template, id);
            uint32_t bytes = MIN(raw->text_bytes, LK_TEMPLATE_TEXT);
            char *text = g_strndup(raw->text, bytes);
            struct variant variant = {g_utf8_make_valid(text, -1), NULL, raw->reads + raw->writes,
                                      raw->reads};

            g_free(text);
            g_array_append_val(variants, variant);
        }
    }
    return variants;
}

/* ---- Templates that are one but for a spelling: order of parameters, case ---- */

struct spelling { /* all texts with one normal form */
    char *text;   /* the commonest */
    uint64_t commands;
    bool reads, writes; /* each of its texts is both read and written */
};

static uint64_t normal_form(const char *text, uint64_t mask)
{
    char *plain = g_strdelimit(g_strdup(text), "<>", '~'); /* <number> is a value like another */
    struct cache_key key = {
        .text = plain, .text_bytes = (uint32_t)strlen(text), .key_bytes = (uint32_t)strlen(text)};
    struct parts *parts = parts_new();
    uint64_t hash;

    parts_read(parts, &key, NULL);
    hash = parts_hash(parts, mask);
    parts_free(parts);
    g_free(plain);
    return hash;
}

/* Gives all variants of one normal form the commonest text. Names that differ in case stay apart
 * where one is only read or only written: then reader and writer do not agree, and that must not be
 * hidden. */
static void merge_spellings(GArray *variants, uint64_t mask)
{
    GArray *spellings = g_array_new(FALSE, TRUE, sizeof(struct spelling));
    uint64_t *forms = g_new(uint64_t, variants->len + 1);
    struct map index = {0};

    for (guint i = 0; i < variants->len; i++) {
        const struct variant *variant = &g_array_index(variants, struct variant, i);
        struct spelling fresh = {variant->text, 0, true, true}, *spelling;
        bool added;
        uint32_t *at = map_put(&index, forms[i] = normal_form(variant->text, mask), &added);

        if (added) {
            *at = spellings->len;
            g_array_append_val(spellings, fresh);
        }
        spelling = &g_array_index(spellings, struct spelling, *at);
        if (variant->commands > spelling->commands) {
            spelling->text = variant->text;
            spelling->commands = variant->commands;
        }
        spelling->reads &= variant->reads > 0;
        spelling->writes &= variant->commands > variant->reads;
    }
    for (guint i = 0; i < variants->len; i++) {
        struct variant *variant = &g_array_index(variants, struct variant, i);
        const struct spelling *spelling =
            &g_array_index(spellings, struct spelling, *map_find(&index, forms[i]));

        variant->merged =
            g_strdup(mask & FEATURE_BIT(FEATURE_CASE) && !(spelling->reads && spelling->writes)
                         ? variant->text
                         : spelling->text);
    }
    for (guint i = 0; i < variants->len; i++) {
        struct variant *variant = &g_array_index(variants, struct variant, i);

        g_free(variant->text);
        variant->text = variant->merged;
    }
    g_free(forms);
    g_array_free(spellings, TRUE);
    map_clear(&index);
}

static uint32_t add_template(struct cache_model *model, GHashTable *names, const char *text)
{
    struct cache_template template = {
        .report = report_alloc(model->report, sizeof(struct template_report))};

    template.report->name = report_text(model->report, text);
    g_array_append_val(model->templates, template);
    g_hash_table_insert(names, (gpointer)(uintptr_t) template.report->name,
                        GUINT_TO_POINTER(model->templates->len - 1));
    return model->templates->len - 1;
}

static void add_counters(struct template_report *report, const struct lk_template *raw)
{
    report->reads += raw->reads;
    report->hits += raw->hits;
    report->misses += raw->misses;
    report->writes += raw->writes;
    report->deletes += raw->deletes;
    report->errors += raw->errors;
    report->written_bytes += raw->written_bytes;
    report->ttl_none_count += raw->no_ttl_writes;
}

void templates_merge(struct cache_model *model)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
    GArray *variants = list_variants(model);
    guint next = 0;

    for (int round = 0; round < ROUNDS && merge_round(variants); round++)
        ;
    merge_spellings(variants, FEATURE_BIT(FEATURE_ORDER));
    merge_spellings(variants, FEATURE_BIT(FEATURE_ORDER) | FEATURE_BIT(FEATURE_CASE));
    add_template(model, names, "<other>");
    for (guint c = 0; c < model->captures->len; c++) {
        const struct capture *capture = g_ptr_array_index(model->captures, c);
        uint32_t *map = g_new0(uint32_t, capture->templates->len + 1);

        for (guint id = 0; id < capture->templates->len; id++) {
            if (id > 0) {
                const char *text = g_array_index(variants, struct variant, next++).text;
                gpointer known = g_hash_table_lookup(names, text);

                map[id] = known ? GPOINTER_TO_UINT(known) : add_template(model, names, text);
            }
            add_counters(model_template(model, map[id])->report,
                         &g_array_index(capture->templates, struct lk_template, id));
        }
        g_array_append_val(model->template_maps, map);
    }
    for (guint i = 0; i < variants->len; i++)
        g_free(g_array_index(variants, struct variant, i).text);
    g_array_free(variants, TRUE);
    g_hash_table_destroy(names);
}

double templates_estimate_keys(const struct cache_model *model, uint32_t index)
{
    uint8_t *merged = g_malloc0(LK_SKETCH_BYTES);
    double estimate;

    for (guint c = 0; c < model->captures->len; c++) {
        const struct capture *capture = g_ptr_array_index(model->captures, c);
        const uint32_t *map = g_array_index(model->template_maps, uint32_t *, c);

        for (guint id = 0; id < capture->templates->len; id++) {
            const uint8_t *sketch =
                index == CACHE_NONE || map[id] == index ? capture_sketch(capture, id) : NULL;

            if (sketch)
                sketch_merge(merged, sketch);
        }
    }
    estimate = sketch_estimate(merged);
    g_free(merged);
    return estimate;
}
