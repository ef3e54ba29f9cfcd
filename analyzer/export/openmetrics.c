/* OpenMetrics: the families of `leakey serve`, each process's last values with the time of its end.
 */
#include <math.h>

#include "export/exporters.h"
#include "metrics/families.h"

struct source { /* of one capture */
    const struct analysis *analysis;
    GArray *recompute; /* struct durations, by template id; zero-filled */
    GPtrArray *places; /* of char *: what was named */
};

static void name_site(void *context, const struct capture *capture, uint32_t site,
                      const char **identity, const char **place)
{
    struct source *source = context;
    const struct stack *stack = symbols_stack(source->analysis->symbols, capture, site);
    char *name = stack_place(stack);

    g_ptr_array_add(source->places, name);
    *identity = stack_identity(source->analysis->report, stack);
    *place = name;
}

static const struct durations *recompute_of(void *context, uint32_t template_id)
{
    struct source *source = context;

    return template_id < source->recompute->len
               ? &g_array_index(source->recompute, struct durations, template_id)
               : NULL;
}

/* The capture's template of that merged one: any of those that were put together will do. */
static uint32_t template_id(const struct cache_model *model, guint index, uint32_t merged)
{
    const struct capture *capture = g_ptr_array_index(model->captures, index);
    const uint32_t *map = g_array_index(model->template_maps, uint32_t *, index);

    for (guint id = 0; id < capture->templates->len; id++)
        if (map[id] == merged)
            return id;
    return 0;
}

static void count_recompute(struct source *source, guint index)
{
    const struct cache_model *model = source->analysis->cache;
    const struct capture *capture = g_ptr_array_index(model->captures, index);
    uint32_t *ids = g_new(uint32_t, model->templates->len);

    for (guint i = 0; i < model->templates->len; i++)
        ids[i] = template_id(model, index, i);
    g_array_set_size(source->recompute, capture->templates->len);
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        double seconds = access_recompute_seconds(model, access);

        if (isnan(seconds) || access_connection(model, access)->capture != index)
            continue;
        durations_observe(&g_array_index(source->recompute, struct durations,
                                         ids[model_key(model, access->key)->template_index]),
                          seconds);
    }
    g_free(ids);
}

static struct measured *measure_one(const struct analysis *analysis, guint index)
{
    struct source source = {.analysis = analysis,
                            .recompute = g_array_new(FALSE, TRUE, sizeof(struct durations)),
                            .places = g_ptr_array_new_with_free_func(g_free)};
    const struct measure_sources sources = {name_site, recompute_of, &source};
    struct measured *measured;

    count_recompute(&source, index);
    measured = measure(g_ptr_array_index(analysis->captures, index), index, analysis->cache, NULL,
                       &sources);
    measured->timestamp = measured->start_seconds + measured->duration_seconds;
    g_array_free(source.recompute, TRUE);
    g_ptr_array_free(source.places, TRUE);
    return measured;
}

/* Captures of one name in several directories are several processes all the same. */
static void tell_apart(struct measured *measured, GHashTable *names)
{
    for (guint number = 2; g_hash_table_contains(names, measured->process); number++) {
        char *name = g_strdup_printf("%s#%u", measured->process, number);

        measured->process = g_string_chunk_insert_const(measured->text, name);
        g_free(name);
    }
    g_hash_table_add(names, (gpointer)(uintptr_t)measured->process);
}

static void free_measured(gpointer measured)
{
    measured_free(measured);
}

bool export_openmetrics(const struct analysis *analysis, const struct export_options *options,
                        FILE *out, GError **error)
{
    GPtrArray *processes = g_ptr_array_new_with_free_func(free_measured);
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
    GString *text = g_string_new(NULL);

    (void)options;
    (void)error;
    for (guint i = 0; i < analysis->captures->len; i++) {
        struct measured *measured = measure_one(analysis, i);

        tell_apart(measured, names);
        g_ptr_array_add(processes, measured);
    }
    expose(processes, NULL, EXPOSE_OPENMETRICS, text);
    fwrite(text->str, 1, text->len, out);
    g_string_free(text, TRUE);
    g_hash_table_destroy(names);
    g_ptr_array_free(processes, TRUE);
    return true;
}
