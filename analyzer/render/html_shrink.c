/* A report's JSON made small: stacks share their frames, and the least of long lists is left out.
 */
#include <glib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "render/html.h"

struct shrinking {
    const struct html_bounds *bounds;
    json_t *frames;
    GHashTable *index; /* what a frame shows -> its index in `frames`, plus 1 */
    size_t texts;      /* that were shortened */
};

/* ---- Lists ---- */

json_t *html_first(const json_t *array, size_t most)
{
    json_t *first = json_array();

    for (size_t i = 0; i < MIN(json_array_size(array), most); i++)
        json_array_append(first, json_array_get(array, i));
    return first;
}

static double number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static json_t *count_of(size_t count)
{
    return json_integer((json_int_t)count);
}

/* ---- Sites: those with the largest shares stay ---- */

static const char *const amounts[] = {"live_bytes", "peak_live_bytes", "allocated_bytes",
                                      "temporary_bytes"};
#define AMOUNTS G_N_ELEMENTS(amounts)

struct weight {
    size_t index;
    double share; /* the largest, of any amount */
};

static int heavier_first(const void *a, const void *b)
{
    const struct weight *one = a, *other = b;

    return (one->share < other->share) - (one->share > other->share);
}

static void weigh(const json_t *sites, struct weight *weights)
{
    double totals[AMOUNTS] = {0};

    for (size_t i = 0; i < json_array_size(sites); i++)
        for (size_t j = 0; j < AMOUNTS; j++)
            totals[j] += number(json_array_get(sites, i), amounts[j]);
    for (size_t i = 0; i < json_array_size(sites); i++) {
        weights[i] = (struct weight){.index = i};
        for (size_t j = 0; j < AMOUNTS; j++)
            if (totals[j] > 0)
                weights[i].share =
                    MAX(weights[i].share, number(json_array_get(sites, i), amounts[j]) / totals[j]);
    }
}

/* Puts those that stay into `stay`; returns how many do not, and what they add up to. */
static json_t *choose_sites(const json_t *sites, size_t most, json_t *stay)
{
    size_t size = json_array_size(sites), kept = MIN(size, most);
    struct weight *weights = g_new0(struct weight, size + 1);
    json_t *left = json_object();
    double sums[AMOUNTS] = {0};

    weigh(sites, weights);
    qsort(weights, size, sizeof(*weights), heavier_first);
    for (size_t i = 0; i < kept; i++)
        json_array_append(stay, json_array_get(sites, weights[i].index));
    for (size_t i = kept; i < size; i++)
        for (size_t j = 0; j < AMOUNTS; j++)
            sums[j] += number(json_array_get(sites, weights[i].index), amounts[j]);
    g_free(weights);
    json_object_set_new(left, "count", count_of(size - kept));
    for (size_t j = 0; j < AMOUNTS; j++)
        json_object_set_new(left, amounts[j], json_integer(llround(sums[j])));
    return left;
}

/* ---- Templates: by misses, as they come ---- */

static json_t *left_templates(const json_t *templates, size_t most)
{
    static const char *const names[] = {"reads", "misses", "writes"};
    size_t size = json_array_size(templates);
    json_t *left = json_object();

    for (size_t j = 0; j < G_N_ELEMENTS(names); j++) {
        json_int_t sum = 0;

        for (size_t i = most; i < size; i++)
            sum += json_integer_value(json_object_get(json_array_get(templates, i), names[j]));
        json_object_set_new(left, names[j], json_integer(sum));
    }
    json_object_set_new(left, "count", count_of(size > most ? size - most : 0));
    return left;
}

/* ---- Stacks ---- */

/* What a page shows of it. */
static json_t *small_frame(const json_t *frame)
{
    static const char *const names[] = {"function", "file", "line", "module", "inlined"};
    json_t *small = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        json_t *value = json_object_get(frame, names[i]);

        if (value != NULL && !json_is_null(value) && !json_is_false(value))
            json_object_set(small, names[i], value);
    }
    if (!json_is_string(json_object_get(frame, "function")))
        json_object_set(small, "offset", json_object_get(frame, "offset"));
    return small;
}

static const char *text_of(const json_t *frame, const char *name)
{
    const char *text = json_string_value(json_object_get(frame, name));

    return text == NULL ? "" : text;
}

static json_t *shared_frame(struct shrinking *shrinking, const json_t *frame)
{
    const char *function = text_of(frame, "function");
    const char *numbers = *function == '\0' ? "offset" : "line";
    char *key = g_strdup_printf("%s\n%s\n%s\n%" JSON_INTEGER_FORMAT "\n%d", function,
                                text_of(frame, "file"), text_of(frame, "module"),
                                json_integer_value(json_object_get(frame, numbers)),
                                json_is_true(json_object_get(frame, "inlined")));
    gpointer known = g_hash_table_lookup(shrinking->index, key);

    if (known == NULL) {
        json_array_append_new(shrinking->frames, small_frame(frame));
        known = GSIZE_TO_POINTER(json_array_size(shrinking->frames));
        g_hash_table_insert(shrinking->index, key, known);
    } else {
        g_free(key);
    }
    return count_of(GPOINTER_TO_SIZE(known) - 1);
}

static json_t *shared_stack(struct shrinking *shrinking, const json_t *stack)
{
    json_t *indices = json_array();

    for (size_t i = 0; i < json_array_size(stack); i++)
        json_array_append_new(indices, shared_frame(shrinking, json_array_get(stack, i)));
    return indices;
}

static json_t *shared_stacks(struct shrinking *shrinking, const json_t *stacks)
{
    json_t *list = json_array();

    for (size_t i = 0; i < MIN(json_array_size(stacks), shrinking->bounds->call_sites); i++)
        json_array_append_new(list, shared_stack(shrinking, json_array_get(stacks, i)));
    return list;
}

/* ---- Text ---- */

static json_t *short_text(struct shrinking *shrinking, json_t *value)
{
    const char *text = json_string_value(value);
    size_t most = shrinking->bounds->text;

    if (json_string_length(value) <= most)
        return json_incref(value);
    shrinking->texts++;
    const char *end = g_utf8_find_prev_char(text, text + most - strlen("...") + 1);
    char *start = g_strndup(text, end == NULL ? 0 : (gsize)(end - text));
    char *shortened = g_strconcat(start, "...", NULL);
    json_t *made = json_string_nocheck(shortened);
    g_free(start);
    g_free(shortened);
    return made;
}

/* ---- All of it ---- */

static json_t *shrunk(struct shrinking *shrinking, const char *name, json_t *value);

static json_t *shrunk_array(struct shrinking *shrinking, const json_t *array, size_t most)
{
    json_t *list = json_array();

    for (size_t i = 0; i < MIN(json_array_size(array), most); i++)
        json_array_append_new(list, shrunk(shrinking, NULL, json_array_get(array, i)));
    return list;
}

static json_t *shrunk_object(struct shrinking *shrinking, json_t *object)
{
    json_t *made = json_object(), *value;
    const json_t *evidence = json_object_get(object, "evidence");
    size_t most = shrinking->bounds->evidence;
    const char *name;

    json_object_foreach(object, name, value)
        json_object_set_new_nocheck(made, name, shrunk(shrinking, name, value));
    if (json_array_size(evidence) > most)
        json_object_set_new(made, "left_out_evidence_count",
                            count_of(json_array_size(evidence) - most));
    return made;
}

/* A copy in which stacks are shared and texts short; as deep as a report is. */
static json_t *shrunk(struct shrinking *shrinking, const char *name, json_t *value)
{
    if (g_strcmp0(name, "stack") == 0)
        return shared_stack(shrinking, value);
    if (g_strcmp0(name, "call_sites") == 0)
        return shared_stacks(shrinking, value);
    if (json_is_string(value))
        return short_text(shrinking, value);
    if (json_is_object(value))
        return shrunk_object(shrinking, value);
    if (json_is_array(value))
        return shrunk_array(shrinking, value,
                            g_strcmp0(name, "evidence") == 0 ? shrinking->bounds->evidence
                                                             : SIZE_MAX);
    return json_incref(value);
}

/* The report with its long lists cut: a copy of what changes, references to the rest. */
static json_t *cut_report(json_t *report, const struct html_bounds *bounds, json_t *left)
{
    json_t *cut = json_copy(report), *sites = json_array();
    json_t *cache = json_copy(json_object_get(report, "cache"));
    json_t *heap = json_copy(json_object_get(report, "heap"));
    const json_t *templates = json_object_get(cache, "templates");
    const struct {
        const char *name, *left;
        size_t most;
    } lists[] = {{"findings", "findings_count", bounds->findings},
                 {"leaks", "leaks_count", bounds->leaks},
                 {"captures", "captures_count", bounds->captures},
                 {"notes", "notes_count", bounds->notes}};

    json_object_set_new(left, "sites",
                        choose_sites(json_object_get(heap, "sites"), bounds->sites, sites));
    json_object_set_new(left, "templates", left_templates(templates, bounds->templates));
    json_object_set_new(heap, "sites", sites);
    json_object_set_new(cache, "templates", html_first(templates, bounds->templates));
    json_object_set_new(cut, "heap", heap);
    json_object_set_new(cut, "cache", cache);
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        const json_t *list = json_object_get(report, lists[i].name);
        json_t *first = html_first(list, lists[i].most);

        json_object_set_new(left, lists[i].left,
                            count_of(json_array_size(list) - json_array_size(first)));
        json_object_set_new(cut, lists[i].name, first);
    }
    return cut;
}

json_t *html_shrink(json_t *report, const struct html_bounds *bounds)
{
    struct shrinking shrinking = {.bounds = bounds,
                                  .frames = json_array(),
                                  .index =
                                      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    json_t *left = json_object();
    json_t *cut = cut_report(report, bounds, left);
    json_t *small = shrunk(&shrinking, NULL, cut);

    json_decref(cut);
    g_hash_table_destroy(shrinking.index);
    json_object_set_new(left, "texts_count", count_of(shrinking.texts));
    return json_pack("{so, so, so}", "report", small, "frames", shrinking.frames, "left_out", left);
}
