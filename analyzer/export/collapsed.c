/* Collapsed stacks, as Brendan Gregg's flamegraph.pl reads them: outermost frame first, separated
 * by semicolons, a blank, a whole number. */
#include <math.h>

#include "export/exporters.h"

static void put_stack(const struct stack *stack, FILE *out)
{
    if (stack->cut)
        fputs("[cut];", out);
    for (guint i = stack->frames->len; i-- > 0;) {
        char *name = export_frame_name(&g_array_index(stack->frames, struct frame, i));
        fprintf(out, "%s%s", name, i == 0 ? "" : ";");
        g_free(name);
    }
    if (stack->frames->len == 0)
        fputs("[no stack]", out);
}

bool export_collapsed(const struct analysis *analysis, const struct export_options *options,
                      FILE *out, GError **error)
{
    const GPtrArray *sites = analysis->report->heap.sites;

    (void)error;
    for (guint i = 0; i < sites->len; i++) {
        const struct site_report *site = g_ptr_array_index(sites, i);
        double value = round(export_site_value(analysis, site, options->metric));

        if (!(value >= 1))
            continue;
        put_stack(site->stack, out);
        fprintf(out, " %.0f\n", value);
    }
    return true;
}
