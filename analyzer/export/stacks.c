/* The report's stacks with their numbers, for the formats that consist of stacks. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "export/export.h"
#include "model/text.h"

static const struct {
    const char *name, *unit;
} metrics[EXPORT_METRICS] = {[EXPORT_LIVE] = {"live", "bytes"},
                             [EXPORT_LEAKED] = {"leaked", "bytes"},
                             [EXPORT_ALLOCATED] = {"allocated", "bytes"},
                             [EXPORT_PEAK] = {"peak", "bytes"},
                             [EXPORT_TEMPORARY] = {"temporary", "blocks"}};

const char *export_metric_name(enum export_number metric)
{
    return metrics[metric].name;
}

const char *export_metric_unit(enum export_number metric)
{
    return metrics[metric].unit;
}

enum export_number export_metric_named(const char *name)
{
    enum export_number metric = 0;

    while (metric < EXPORT_METRICS && strcmp(metrics[metric].name, name) != 0)
        metric++;
    return metric;
}

static int64_t whole(double number)
{
    return fabs(number) < (double)INT64_MAX ? (int64_t)llround(number) : 0; /* NAN: 0 */
}

static struct export_stack stack_of_site(const struct site_report *site)
{
    return (struct export_stack){
        .id = site->id,
        .stack = site->stack,
        .numbers = {[EXPORT_LIVE] = whole(site->live_bytes),
                    [EXPORT_ALLOCATED] = whole(site->allocated_bytes),
                    [EXPORT_PEAK] = whole(site->peak_live_bytes),
                    [EXPORT_TEMPORARY] = whole(site->temporary_count),
                    [EXPORT_LIVE_COUNT] = whole(site->live_count),
                    [EXPORT_ALLOCATED_COUNT] = whole(site->allocated_count)}};
}

GArray *export_stacks(const struct analysis *analysis)
{
    const struct report *report = analysis->report;
    GArray *stacks = g_array_new(FALSE, FALSE, sizeof(struct export_stack));
    GHashTable *places = g_hash_table_new(g_str_hash, g_str_equal); /* id -> place + 1 */

    for (guint i = 0; i < report->heap.sites->len; i++) {
        struct export_stack stack = stack_of_site(g_ptr_array_index(report->heap.sites, i));

        g_array_append_val(stacks, stack);
        g_hash_table_insert(places, (gpointer)(uintptr_t)stack.id, GUINT_TO_POINTER(stacks->len));
    }
    for (guint i = 0; i < report->leaks->len; i++) {
        const struct leak_report *leak = g_ptr_array_index(report->leaks, i);
        struct export_stack object = {.id = leak->site->id, .stack = leak->site->stack};
        guint place = GPOINTER_TO_UINT(g_hash_table_lookup(places, object.id));

        if (place == 0) {
            g_array_append_val(stacks, object);
            place = stacks->len;
            g_hash_table_insert(places, (gpointer)(uintptr_t)object.id, GUINT_TO_POINTER(place));
        }
        int64_t *numbers = g_array_index(stacks, struct export_stack, place - 1).numbers;
        numbers[EXPORT_LEAKED] += whole(leak->live_bytes);
        numbers[EXPORT_LEAKED_COUNT] += whole(leak->live_count);
    }
    g_hash_table_destroy(places);
    return stacks;
}

char *export_frame_name(const struct frame *frame)
{
    if (frame->function != NULL)
        return text_printable(frame->function, strlen(frame->function));
    const char *module = frame->module == NULL ? "no module" : text_base_name(frame->module);
    char *shown = text_printable(module, strlen(module));
    char *name = g_strdup_printf("%s+0x%" PRIx64, shown, frame->offset);
    g_free(shown);
    return name;
}
