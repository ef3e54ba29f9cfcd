/* Collapsed stacks, as Brendan Gregg's flamegraph.pl reads them: outermost frame first, separated
 * by semicolons, a blank, a whole number. */
#include <inttypes.h>

#include "export/exporters.h"

static void put_stack(const struct stack *stack, FILE *out)
{
    if (stack->cut)
        fputs(EXPORT_CUT ";", out);
    for (guint i = stack->frames->len; i-- > 0;) {
        char *name = export_frame_name(&g_array_index(stack->frames, struct frame, i));
        fprintf(out, "%s%s", g_strdelimit(name, ";", ':'), i == 0 ? "" : ";");
        g_free(name);
    }
    if (stack->frames->len == 0)
        fputs(EXPORT_NO_STACK, out);
}

bool export_collapsed(const struct analysis *analysis, const struct export_options *options,
                      FILE *out, GError **error)
{
    GArray *stacks = export_stacks(analysis);

    (void)error;
    for (guint i = 0; i < stacks->len; i++) {
        const struct export_stack *stack = &g_array_index(stacks, struct export_stack, i);

        if (stack->numbers[options->metric] <= 0)
            continue;
        put_stack(stack->stack, out);
        fprintf(out, " %" PRId64 "\n", stack->numbers[options->metric]);
    }
    g_array_unref(stacks);
    return true;
}
