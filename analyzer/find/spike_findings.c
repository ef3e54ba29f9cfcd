/* Spikes of live memory in words: one sentence with their numbers, and what to do about them. */
#include <math.h>
#include <string.h>

#include "find/spikes.h"
#include "model/text.h"
#include "model/units.h"

/* A function's part of the spikes, over all of its sites. */
struct part {
    const struct stack *stack; /* of its greatest site */
    double share_ratio;
};

static bool same_function(const struct stack *a, const struct stack *b)
{
    const struct frame *x = stack_culprit(a), *y = stack_culprit(b);
    if (x == NULL || y == NULL || x->function == NULL || y->function == NULL)
        return x == y;
    return strcmp(x->function, y->function) == 0 && g_strcmp0(x->module, y->module) == 0;
}

static gint by_share(gconstpointer a, gconstpointer b)
{
    double x = ((const struct part *)a)->share_ratio, y = ((const struct part *)b)->share_ratio;
    return (x < y) - (x > y);
}

static GArray *parts_of(const struct spike_report *spike)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(struct part));
    for (guint i = 0; i < spike->sites->len; i++) {
        const struct spike_site *site = g_ptr_array_index(spike->sites, i);
        guint known = 0;
        while (known < parts->len &&
               !same_function(g_array_index(parts, struct part, known).stack, site->stack))
            known++;
        if (known == parts->len) {
            struct part part = {.stack = site->stack};
            g_array_append_val(parts, part);
        }
        g_array_index(parts, struct part, known).share_ratio += site->share_ratio;
    }
    g_array_sort(parts, by_share);
    return parts;
}

/* In whole percent; all of it only where it is. */
static char *share_text(char *out, size_t room, double share)
{
    double shown = round(share * 100) / 100;
    return units_ratio(out, room, shown >= 1 && share < 0.9995 ? 0.99 : shown);
}

/* "93 % of it is allocated in f (a.c:24)", "50 % ... in f (a.c:24) and 30 % in g (b.c:7)". */
static void append_parts(GString *out, const GArray *parts)
{
    char share[UNITS_ROOM];
    const struct part *first = &g_array_index(parts, struct part, 0);
    char *place = stack_place(first->stack);
    g_string_append_printf(out, "%s of it is allocated in %s",
                           share_text(share, sizeof(share), first->share_ratio), place);
    g_free(place);
    if (parts->len < 2 || first->share_ratio >= spike_limits.named_share)
        return;
    const struct part *second = &g_array_index(parts, struct part, 1);
    place = stack_place(second->stack);
    g_string_append_printf(out, " and %s in %s",
                           share_text(share, sizeof(share), second->share_ratio), place);
    g_free(place);
}

static const char *plural_of(const char *outcome)
{
    return strcmp(outcome, "miss") == 0  ? "misses"
           : strcmp(outcome, "hit") == 0 ? "hits"
                                         : "writes";
}

/* To a tenth of a second where that says something. */
static char *period_text(char *out, size_t room, double seconds)
{
    if (seconds >= 119.5)
        return units_seconds(out, room, seconds);
    g_snprintf(out, (gulong)room, "%.*f s", seconds < 9.995 ? 2 : 1, seconds);
    return out;
}

static void append_numbers(GString *out, const struct spike_report *spike)
{
    char height[UNITS_ROOM], period[UNITS_ROOM], count[UNITS_ROOM], processes[UNITS_ROOM];
    g_string_append_printf(
        out, "Live memory spikes by %s%s every %s (%s%s times", spike->exact ? "" : "about ",
        units_bytes(height, sizeof(height), spike->height_bytes),
        period_text(period, sizeof(period), spike->period_seconds), spike->more ? "at least " : "",
        units_count(count, sizeof(count), spike->count));
    if (spike->processes > 1)
        g_string_append_printf(out, ", in %s processes",
                               units_count(processes, sizeof(processes), spike->processes));
    g_string_append(out, "): ");
}

static const char *message_of(struct report *report, const struct spike_report *spike,
                              const char *template_name, const GArray *parts)
{
    GString *out = g_string_new(NULL);
    append_numbers(out, spike);
    if (parts->len != 0)
        append_parts(out, parts);
    else if (spike->covered_count == 0)
        g_string_append(out, "in which function is unknown, the ring no longer holds any spike's "
                             "allocations");
    else
        g_string_append(out, "in which function is unknown, no sample says it");
    if (template_name != NULL) {
        char *shown = text_printable(template_name, strlen(template_name));
        g_string_append_printf(out, ", after %s of %s", plural_of(spike->outcome), shown);
        g_free(shown);
    }
    const char *message = report_text(report, out->str);
    g_string_free(out, TRUE);
    return message;
}

/* Entries that live for a period expire together, and are computed again together. */
static bool expires_with_period(const struct report *report, const struct spike_report *spike,
                                const char *template_name)
{
    if (template_name == NULL || strcmp(spike->outcome, "miss") != 0)
        return false;
    for (guint i = 0; i < report->cache.templates->len; i++) {
        const struct template_report *template = g_ptr_array_index(report->cache.templates, i);
        if (strcmp(template->name, template_name) == 0 &&
            fabs(template->ttl_median - spike->period_seconds) <=
                spike_limits.same_period * spike->period_seconds)
            return true;
    }
    return false;
}

static const char *remedy_of(struct report *report, const struct spike_report *spike,
                             const char *template_name, const GArray *parts)
{
    char most[UNITS_ROOM], base[UNITS_ROOM], ttl[UNITS_ROOM];
    const char *remedy;
    if (parts->len == 0)
        return "record with a larger --ring, or sample more coarsely, so that the ring still holds a "
               "spike's allocations when the run ends";
    const struct stack *stack = g_array_index(parts, struct part, 0).stack;
    const char *language = stack_language(stack);
    char *place = language != NULL ? g_strdup_printf("the %s code that runs then", language)
                                   : stack_place(stack);
    if (expires_with_period(report, spike, template_name))
        remedy = report_printf(
            report,
            "spread the expiry of %s, whose entries all live for %s and so expire together: add a "
            "random part to the TTL, and compute few of them at a time in %s",
            template_name, period_text(ttl, sizeof(ttl), spike->period_seconds), place);
    else
        remedy = report_printf(
            report,
            "let %s hold a part at a time: work in slices and free each before the next, use one "
            "buffer again, or change what is there in place; memory has to be there for %s, though "
            "the service lives on %s",
            place, units_bytes(most, sizeof(most), spike->base_bytes + spike->height_bytes),
            units_bytes(base, sizeof(base), spike->base_bytes));
    g_free(place);
    return remedy;
}

/* A spike grows into nothing worse, but memory has to be there for it: a warning; a note where it
 * is small against what is live anyway. */
static enum severity severity_of(const struct spike_report *spike)
{
    return spike->height_bytes >= spike_limits.note_share * spike->base_bytes ? SEVERITY_WARNING
                                                                              : SEVERITY_NOTE;
}

void spike_finding(struct report *report, const struct spike_report *spike,
                   const char *template_name)
{
    GArray *parts = parts_of(spike);
    struct finding *finding = report_finding(report, "memory-spike", severity_of(spike));
    finding->template_name = template_name;
    finding->message = message_of(report, spike, template_name, parts);
    finding->remedy = remedy_of(report, spike, template_name, parts);
    finding->spike = spike;
    for (guint i = 0; i < spike->sites->len; i++) {
        const struct spike_site *site = g_ptr_array_index(spike->sites, i);
        if (i == 0 || site->share_ratio >= spike_limits.listed_share)
            g_ptr_array_add(finding->call_sites, (gpointer)(uintptr_t)site->stack);
    }
    finding_metric(finding, "period_seconds", spike->period_seconds);
    finding_metric(finding, "height_bytes", spike->height_bytes);
    finding_metric(finding, "count", spike->count);
    finding_metric(finding, "base_bytes", spike->base_bytes);
    finding_metric(finding, "lasting_seconds", spike->lasting_seconds);
    finding_metric(finding, "first_seconds", spike->first_seconds);
    finding_metric(finding, "confidence_ratio", spike->confidence_ratio);
    g_array_free(parts, TRUE);
}
