/* Which findings and leaks of two reports are the same. */
#include <string.h>

#include "model/compare.h"
#include "model/model.h"

static const char *function_of(const struct stack *stack)
{
    const struct frame *frame = stack == NULL ? NULL : stack_culprit(stack);

    return frame == NULL ? NULL : frame->function;
}

static struct comparison_item item_of_finding(const struct finding *finding)
{
    const struct stack *stack =
        finding->leak != NULL && finding->leak->site != NULL ? finding->leak->site->stack
        : finding->call_sites->len != 0 ? g_ptr_array_index(finding->call_sites, 0)
                                        : NULL;

    return (struct comparison_item){.rule = finding->rule,
                                    .severity = finding->severity,
                                    .template_name = finding->template_name,
                                    .function = function_of(stack),
                                    .branch = finding->leak != NULL ? finding->leak->branch : NULL,
                                    .message = finding->message};
}

static bool has_finding(const struct report *report, const struct leak_report *leak)
{
    for (guint i = 0; i < report->findings->len; i++)
        if (((const struct finding *)g_ptr_array_index(report->findings, i))->leak == leak)
            return true;
    return false;
}

static GArray *list_items(const struct report *report)
{
    GArray *items = g_array_new(FALSE, TRUE, sizeof(struct comparison_item));

    for (guint i = 0; i < report->findings->len; i++) {
        struct comparison_item item = item_of_finding(g_ptr_array_index(report->findings, i));
        g_array_append_val(items, item);
    }
    for (guint i = 0; i < report->leaks->len; i++) {
        const struct leak_report *leak = g_ptr_array_index(report->leaks, i);
        struct comparison_item item = {
            .rule = leak->rule,
            .severity = SEVERITY_ERROR,
            .template_name = leak->template_name,
            .branch = leak->branch,
            .function = leak->site == NULL ? NULL : function_of(leak->site->stack)};
        if (!has_finding(report, leak))
            g_array_append_val(items, item);
    }
    return items;
}

/* How surely two are the same thing; 0 is not at all. A finding of the cache keeps its template
 * where the code around it is renamed; a leak keeps its function where it is not clear which
 * template it belongs to; of a spike neither may be known. */
static int likeness(const struct comparison_item *a, const struct comparison_item *b)
{
    bool template = g_strcmp0(a->template_name, b->template_name) == 0;
    bool function = g_strcmp0(a->function, b->function) == 0;
    bool leak = g_str_has_suffix(a->rule, "-leak");
    bool branch = g_strcmp0(a->branch, b->branch) == 0;
    bool unnamed = a->function == NULL || b->function == NULL;

    if (strcmp(a->rule, b->rule) != 0)
        return 0;
    if (template && function)
        return branch ? 3 : 2;
    if (leak)
        return function && a->function != NULL;
    if (strcmp(a->rule, "memory-spike") == 0)
        return function || unnamed;
    return template && a->template_name != NULL;
}

static void match_items(GArray *before, GArray *after, int least, GArray *remaining)
{
    for (guint i = 0; i < before->len; i++) {
        const struct comparison_item *item = &g_array_index(before, struct comparison_item, i);

        for (guint j = 0; j < after->len; j++) {
            if (likeness(item, &g_array_index(after, struct comparison_item, j)) < least)
                continue;
            g_array_append_val(remaining, g_array_index(after, struct comparison_item, j));
            g_array_remove_index(before, i--);
            g_array_remove_index(after, j);
            break;
        }
    }
}

void comparison_match_findings(struct comparison *comparison, const struct report *before,
                               const struct report *after)
{
    comparison->fixed = list_items(before);
    comparison->added = list_items(after);
    comparison->remaining = g_array_new(FALSE, TRUE, sizeof(struct comparison_item));
    for (int least = 3; least > 0; least--)
        match_items(comparison->fixed, comparison->added, least, comparison->remaining);
}
