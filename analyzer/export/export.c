/* The table of exporters, and what several of them share. */
#include "export/export.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "export/exporters.h"
#include "model/text.h"

const struct exporter exporters[] = {
    {.name = "collapsed",
     .summary = "stacks a line, for flamegraph.pl, inferno and speedscope",
     .metric = true,
     .write = export_collapsed},
    {0},
};

const struct exporter *exporter_named(const char *name)
{
    for (const struct exporter *exporter = exporters; exporter->name != NULL; exporter++)
        if (strcmp(exporter->name, name) == 0)
            return exporter;
    return NULL;
}

enum export_metric export_metric_named(const char *name)
{
    static const char *const names[EXPORT_METRICS] = {"live", "leaked", "allocated", "peak",
                                                      "temporary"};
    enum export_metric metric = 0;

    while (metric < EXPORT_METRICS && strcmp(names[metric], name) != 0)
        metric++;
    return metric;
}

static double leaked_bytes(const struct report *report, const struct site_report *site)
{
    double bytes = 0;

    for (guint i = 0; i < report->leaks->len; i++) {
        const struct leak_report *leak = g_ptr_array_index(report->leaks, i);
        if (leak->site == site || strcmp(leak->site->id, site->id) == 0)
            bytes += leak->live_bytes;
    }
    return bytes;
}

double export_site_value(const struct analysis *analysis, const struct site_report *site,
                         enum export_metric metric)
{
    switch (metric) {
    case EXPORT_LIVE:
        return site->live_bytes;
    case EXPORT_LEAKED:
        return leaked_bytes(analysis->report, site);
    case EXPORT_ALLOCATED:
        return site->allocated_bytes;
    case EXPORT_PEAK:
        return site->peak_live_bytes;
    case EXPORT_TEMPORARY:
        return site->temporary_count;
    }
    return NAN;
}

char *export_frame_name(const struct frame *frame)
{
    char *name;

    if (frame->function != NULL) {
        name = text_printable(frame->function, strlen(frame->function));
    } else {
        char *module = g_path_get_basename(frame->module == NULL ? "no module" : frame->module);
        char *shown = text_printable(module, strlen(module));
        name = g_strdup_printf("%s+0x%" PRIx64, shown, frame->offset);
        g_free(module);
        g_free(shown);
    }
    return g_strdelimit(name, ";", ':');
}
