/* speedscope's own format (https://www.speedscope.app/file-format-schema.json): a profile for each
 * metric that has something to show. */
#include <jansson.h>
#include <string.h>

#include "export/exporters.h"
#include "model/json_out.h"
#include "model/text.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

struct frames {
    GHashTable *places; /* "name\nfile\nline" -> place + 1 */
    json_t *list;
};

static void set_text(json_t *object, const char *name, const char *text)
{
    char *shown = text == NULL ? NULL : text_printable(text, strlen(text));

    if (shown != NULL)
        json_object_set_new(object, name, json_string(shown));
    g_free(shown);
}

/* The place of a frame that is not in the list yet: added. `key` is taken. */
static json_int_t frame_place(struct frames *frames, char *key, json_t *frame)
{
    guint known = GPOINTER_TO_UINT(g_hash_table_lookup(frames->places, key));

    if (known != 0) {
        g_free(key);
        json_decref(frame);
        return (json_int_t)known - 1;
    }
    json_array_append_new(frames->list, frame);
    g_hash_table_insert(frames->places, key, GUINT_TO_POINTER(json_array_size(frames->list)));
    return (json_int_t)json_array_size(frames->list) - 1;
}

static json_int_t place_of(struct frames *frames, const struct frame *frame)
{
    char *name = export_frame_name(frame);
    char *key =
        g_strdup_printf("%s\n%s\n%d", name, frame->file == NULL ? "" : frame->file, frame->line);
    json_t *made = json_pack("{ss}", "name", name);

    set_text(made, "file", frame->file);
    if (frame->line > 0)
        json_object_set_new(made, "line", json_integer(frame->line));
    g_free(name);
    return frame_place(frames, key, made);
}

static json_int_t place_named(struct frames *frames, const char *name)
{
    return frame_place(frames, g_strdup(name), json_pack("{ss}", "name", name));
}

/* Outermost frame first. */
static json_t *make_sample(struct frames *frames, const struct stack *stack)
{
    json_t *sample = json_array();

    if (stack->cut)
        json_array_append_new(sample, json_integer(place_named(frames, EXPORT_CUT)));
    for (guint i = stack->frames->len; i-- > 0;)
        json_array_append_new(
            sample, json_integer(place_of(frames, &g_array_index(stack->frames, struct frame, i))));
    if (json_array_size(sample) == 0)
        json_array_append_new(sample, json_integer(place_named(frames, EXPORT_NO_STACK)));
    return sample;
}

static json_t *make_profile(struct frames *frames, const GArray *stacks, enum export_number metric)
{
    const char *unit = export_metric_unit(metric);
    char *name = g_strdup_printf("%s %s", export_metric_name(metric), unit);
    json_t *samples = json_array(), *weights = json_array();
    json_int_t total = 0;

    for (guint i = 0; i < stacks->len; i++) {
        const struct export_stack *stack = &g_array_index(stacks, struct export_stack, i);
        int64_t number = stack->numbers[metric];

        if (number <= 0)
            continue;
        json_array_append_new(samples, make_sample(frames, stack->stack));
        json_array_append_new(weights, json_integer(number));
        total += number;
    }
    /* The format knows bytes and times; anything else is "none". */
    json_t *profile = json_pack("{ss, ss, ss, si, sI, so, so}", "type", "sampled", "name", name,
                                "unit", strcmp(unit, "bytes") == 0 ? unit : "none", "startValue", 0,
                                "endValue", total, "samples", samples, "weights", weights);
    g_free(name);
    return profile;
}

/* Of the first capture: its command. */
static json_t *make_title(const struct report *report)
{
    const struct capture_report *capture =
        report->captures->len == 0 ? NULL : g_ptr_array_index(report->captures, 0);
    json_t *title = json_object();

    set_text(title, "name",
             capture == NULL || capture->executable == NULL ? "leakey"
                                                            : text_base_name(capture->executable));
    return title;
}

bool export_speedscope(const struct analysis *analysis, const struct export_options *options,
                       FILE *out, GError **error)
{
    struct frames frames = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                            json_array()};
    GArray *stacks = export_stacks(analysis);
    json_t *profiles = json_array(), *document = make_title(analysis->report);

    (void)options;
    (void)error;
    for (enum export_number metric = 0; metric < EXPORT_METRICS; metric++)
        json_array_append_new(profiles, make_profile(&frames, stacks, metric));
    json_object_set_new(document, "$schema", json_string(SCHEMA));
    json_object_set_new(document, "exporter", json_string("leakey " LEAKEY_VERSION));
    json_object_set_new(document, "activeProfileIndex", json_integer(0));
    json_object_set_new(document, "shared", json_pack("{so}", "frames", frames.list));
    json_object_set_new(document, "profiles", profiles);
    json_put_out(document, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(document);
    g_hash_table_destroy(frames.places);
    g_array_unref(stacks);
    return true;
}
