/* The report's memory: everything in it is freed with it. */
#include "model/report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define TEXT_CHUNK 16384

/* What there is to free, and how. */
struct owned {
    gpointer what;
    GDestroyNotify release;
};

static void release_owned(gpointer data)
{
    struct owned *owned = data;
    owned->release(owned->what);
    g_free(owned);
}

static void own(struct report *report, gpointer what, GDestroyNotify release)
{
    struct owned *owned = g_new(struct owned, 1);
    *owned = (struct owned){what, release};
    g_ptr_array_add(report->owned, owned);
}

static void release_pointers(gpointer pointers)
{
    g_ptr_array_free(pointers, TRUE);
}

static void release_array(gpointer array)
{
    g_array_free(array, TRUE);
}

struct report *report_new(void)
{
    struct report *report = g_new0(struct report, 1);
    report->text = g_string_chunk_new(TEXT_CHUNK);
    report->owned = g_ptr_array_new_with_free_func(release_owned);
    report->captures = report_pointers(report);
    report->heap.sites = report_pointers(report);
    report->heap.timeline = report_array(report, sizeof(struct timeline_report));
    report->leaks = report_pointers(report);
    report->cache.commands = report_array(report, sizeof(struct command_count));
    report->cache.templates = report_pointers(report);
    report->findings = report_pointers(report);
    report->verdicts = report_pointers(report);
    report->windows = report_array(report, sizeof(struct window));
    const double unknown = NAN;
    report->notes = report_pointers(report);
    report->cost = (struct cost_report){unknown, unknown, unknown, unknown};
    return report;
}

void report_free(struct report *report)
{
    if (report == NULL)
        return;
    g_ptr_array_free(report->owned, TRUE);
    g_string_chunk_free(report->text);
    g_free(report);
}

const char *report_text(struct report *report, const char *text)
{
    return text == NULL ? NULL : g_string_chunk_insert_const(report->text, text);
}

const char *report_printf(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    const char *kept = g_string_chunk_insert(report->text, text);
    g_free(text);
    return kept;
}

void *report_alloc(struct report *report, size_t bytes)
{
    void *memory = g_malloc0(bytes);
    own(report, memory, g_free);
    return memory;
}

GPtrArray *report_pointers(struct report *report)
{
    GPtrArray *pointers = g_ptr_array_new();
    own(report, pointers, release_pointers);
    return pointers;
}

GArray *report_array(struct report *report, size_t element_bytes)
{
    GArray *array = g_array_new(FALSE, TRUE, (guint)element_bytes);
    own(report, array, release_array);
    return array;
}

void report_note(struct report *report, const char *note)
{
    for (guint i = 0; i < report->notes->len; i++)
        if (g_str_equal(g_ptr_array_index(report->notes, i), note))
            return;
    g_ptr_array_add(report->notes, (gpointer)(uintptr_t)report_text(report, note));
}

struct finding *report_finding(struct report *report, const char *rule, enum severity severity)
{
    struct finding *finding = report_alloc(report, sizeof(*finding));
    finding->rule = rule;
    finding->severity = severity;
    finding->metrics = report_array(report, sizeof(struct metric));
    finding->evidence = report_pointers(report);
    finding->varying = report_array(report, sizeof(struct varying));
    finding->call_sites = report_pointers(report);
    g_ptr_array_add(report->findings, finding);
    return finding;
}

void finding_metric(struct finding *finding, const char *name, double value)
{
    struct metric metric = {name, value};
    g_array_append_val(finding->metrics, metric);
}

const char *leak_branch_words(const char *name)
{
    static const struct {
        const char *name, *words;
    } branches[] = {
        {"hit", "on hits"},
        {"miss", "on misses"},
        {"write", "on writes"},
        {"error", "on error replies"},
        {"connect-failed", "where connecting failed"},
        {"connected", "after connecting"},
        {"unknown", "of which that is not known"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(branches); i++)
        if (strcmp(branches[i].name, name) == 0)
            return branches[i].words;
    return "on other answers";
}
