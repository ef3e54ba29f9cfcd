/* One finding in detail: where in the code, what varies, the evidence, the remedy and what it would
 * give. */
#include <math.h>
#include <string.h>

#include "model/units.h"
#include "render/text_parts.h"

#define LABEL       14 /* columns */
#define PAIRS_MOST  1u /* of evidence; JSON has all */
#define STACKS_MOST 2u

static void print_varying(const struct page *page, const GArray *varying)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < varying->len; i++) {
        const struct varying *one = &g_array_index(varying, struct varying, i);
        char share[UNITS_ROOM];

        g_string_append_printf(list, "%s%s %s", i == 0 ? "" : ", ", one->class_name,
                               units_ratio(share, sizeof(share), one->share_ratio));
    }
    if (varying->len != 0)
        page_wrapped(page, STYLE_PLAIN, "  Varies", LABEL, "%s of these misses", list->str);
    g_string_free(list, TRUE);
}

static void print_evidence(const struct page *page, const struct finding *finding)
{
    char confidence[UNITS_ROOM];
    guint shown = MIN(finding->evidence->len, PAIRS_MOST);

    for (guint i = 0; i < shown; i++) {
        const struct evidence *evidence = g_ptr_array_index(finding->evidence, i);

        page_wrapped(page, STYLE_PLAIN, i == 0 ? "  Evidence" : "", LABEL,
                     "%s, confidence %s; pair %u of %u", evidence->kind,
                     shown_ratio(confidence, sizeof(confidence), evidence->confidence_ratio), i + 1,
                     finding->evidence->len);
        text_evidence(page, evidence);
    }
}

static void print_prediction(const struct page *page, const struct prediction *predicted)
{
    char ratio[UNITS_ROOM], interval[SHOWN_INTERVAL_ROOM], keys[UNITS_ROOM], seconds[UNITS_ROOM],
        bytes[UNITS_ROOM];
    GString *line = g_string_new(NULL);

    g_string_append_printf(line, "hit ratio %s%s",
                           shown_ratio(ratio, sizeof(ratio), predicted->hit_ratio),
                           shown_interval(interval, predicted->hit_ratio_interval, shown_ratio));
    if (isfinite(predicted->distinct_keys))
        g_string_append_printf(line, ", %s distinct keys",
                               units_count(keys, sizeof(keys), round(predicted->distinct_keys)));
    if (isfinite(predicted->saved_recompute_seconds))
        g_string_append_printf(
            line, "; saves %s of recompute time",
            units_seconds(seconds, sizeof(seconds), predicted->saved_recompute_seconds));
    if (isfinite(predicted->saved_redis_bytes))
        g_string_append_printf(line, "%s %s in Redis",
                               isfinite(predicted->saved_recompute_seconds) ? " and" : "; saves",
                               units_bytes(bytes, sizeof(bytes), predicted->saved_redis_bytes));
    page_wrapped(page, STYLE_PLAIN, "  Predicted", LABEL, "%s", line->str);
    g_string_free(line, TRUE);
}

static const char *noun_of(const char *rule)
{
    return strcmp(rule, "reply-leak") == 0     ? "replies"
           : strcmp(rule, "context-leak") == 0 ? "connections"
                                               : "blocks";
}

static void print_leak(const struct page *page, const struct leak_report *leak)
{
    char bytes[UNITS_ROOM], count[UNITS_ROOM], growth[UNITS_ROOM], interval[SHOWN_INTERVAL_ROOM],
        per[UNITS_ROOM], confidence[UNITS_ROOM], started[UNITS_ROOM];
    GString *line = g_string_new(NULL);

    g_string_append_printf(
        line, "%s%s in %s %s%s", units_bytes(bytes, sizeof(bytes), leak->live_bytes),
        shown_interval(interval, leak->live_bytes_interval, units_bytes),
        units_count(count, sizeof(count), round(leak->live_count)), noun_of(leak->rule),
        leak->exact ? ", exactly counted" : ", estimated from samples");
    if (isfinite(leak->growth_bytes_per_second))
        g_string_append_printf(line, "; grows by %s/s",
                               units_bytes(growth, sizeof(growth), leak->growth_bytes_per_second));
    if (isfinite(leak->started_seconds))
        g_string_append_printf(line,
                               isfinite(leak->growth_bytes_per_second)
                                   ? " since %s after the start"
                                   : "; the first from %s after the start",
                               units_seconds(started, sizeof(started), leak->started_seconds));
    if (isfinite(leak->bytes_per_command) && leak->outcome != NULL)
        g_string_append_printf(line, "; %s per %s",
                               units_bytes(per, sizeof(per), leak->bytes_per_command),
                               leak->outcome);
    for (guint i = 0; leak->branches != NULL && leak->branches->len > 1 && i < leak->branches->len;
         i++) {
        const struct leak_branch *branch = &g_array_index(leak->branches, struct leak_branch, i);

        g_string_append_printf(line, "%s%s %s", i == 0 ? "; at this call site " : ", ",
                               units_count(count, sizeof(count), branch->count),
                               leak_branch_words(branch->name));
    }
    if (isfinite(leak->confidence_ratio))
        g_string_append_printf(line, "; confidence %s",
                               shown_ratio(confidence, sizeof(confidence), leak->confidence_ratio));
    page_wrapped(page, STYLE_PLAIN, "  Live", LABEL, "%s", line->str);
    g_string_free(line, TRUE);
}

static void print_reach(const struct page *page, const struct reach_report *reach)
{
    char lost[UNITS_ROOM], judged[UNITS_ROOM], bytes[UNITS_ROOM], indirect[UNITS_ROOM];
    GString *line = g_string_new(NULL);

    if (reach == NULL)
        return;
    if (reach->unreachable_count > 0)
        g_string_append_printf(line, "%s of %s blocks searched for, %s",
                               units_count(lost, sizeof(lost), reach->unreachable_count),
                               units_count(judged, sizeof(judged), reach->judged_count),
                               units_bytes(bytes, sizeof(bytes), reach->unreachable_bytes));
    else
        g_string_append_printf(line, "none of %s blocks searched for",
                               units_count(judged, sizeof(judged), reach->judged_count));
    if (reach->indirect_count > 0)
        g_string_append_printf(line, "; of these %s only from other unreachable blocks",
                               units_count(indirect, sizeof(indirect), reach->indirect_count));
    page_wrapped(page, STYLE_PLAIN, "  Unreachable", LABEL, "%s", line->str);
    g_string_free(line, TRUE);
}

static void print_spike(const struct page *page, const struct spike_report *spike)
{
    char height[UNITS_ROOM], base[UNITS_ROOM], lasting[UNITS_ROOM], first[UNITS_ROOM],
        period[UNITS_ROOM], varies[UNITS_ROOM], interval[SHOWN_INTERVAL_ROOM];

    page_wrapped(
        page, STYLE_PLAIN, "  Spike", LABEL,
        "%s%s on top of %s that is live between spikes; each lasts %s, one comes every %s give or "
        "take %s, the first %s after the start",
        units_bytes(height, sizeof(height), spike->height_bytes),
        spike->exact ? "" : shown_interval(interval, spike->height_interval, units_bytes),
        units_bytes(base, sizeof(base), spike->base_bytes),
        units_seconds(lasting, sizeof(lasting), spike->lasting_seconds),
        units_seconds(period, sizeof(period), spike->period_seconds),
        units_seconds(varies, sizeof(varies),
                      spike->period_variation_ratio * spike->period_seconds),
        units_seconds(first, sizeof(first), spike->first_seconds));
}

/* The number of an earlier finding with the same call sites; 0 none. */
static size_t same_stacks_before(const struct report *report, const GPtrArray *stacks,
                                 size_t number)
{
    for (size_t i = 0; i + 1 < number; i++) {
        const struct finding *before = g_ptr_array_index(report->findings, i);
        bool same = before->call_sites->len == stacks->len;

        for (guint s = 0; s < stacks->len && same; s++)
            same = g_ptr_array_index(before->call_sites, s) == g_ptr_array_index(stacks, s);
        if (same)
            return i + 1;
    }
    return 0;
}

static void print_stacks(const struct page *page, const struct report *report, size_t number)
{
    const struct finding *finding = g_ptr_array_index(report->findings, number - 1);
    const GPtrArray *stacks = finding->call_sites;
    const char *order = finding->spike != NULL ? " (most of it first)" : " (commonest first)";
    size_t before = same_stacks_before(report, stacks, number);

    if (stacks->len == 0)
        return;
    if (before != 0) {
        page_line(page, STYLE_PLAIN, "  %-*sas [%zu]", LABEL - 2, "Where", before);
        return;
    }
    page_line(page, STYLE_PLAIN, "  Where%s", stacks->len > 1 ? order : "");
    for (guint i = 0; i < MIN(stacks->len, STACKS_MOST); i++) {
        if (i != 0)
            page_blank(page);
        text_stack(page, g_ptr_array_index(stacks, i));
    }
    if (stacks->len > STACKS_MOST)
        page_line(page, STYLE_PLAIN, "    and %u more call sites", stacks->len - STACKS_MOST);
}

static void print_remedy(const struct page *page, const char *remedy)
{
    char *sentence = g_strdup(remedy);

    sentence[0] = g_ascii_toupper(sentence[0]);
    page_wrapped(page, STYLE_PLAIN, "  Remedy", LABEL, "%s%s", sentence,
                 g_str_has_suffix(sentence, ".") ? "" : ".");
    g_free(sentence);
}

void text_finding(const struct page *page, const struct report *report, size_t number)
{
    const struct finding *finding = g_ptr_array_index(report->findings, number - 1);
    char *heading = g_strdup_printf("[%zu] %s%s%s", number, finding->rule,
                                    finding->template_name == NULL ? "" : " on ",
                                    finding->template_name == NULL ? "" : finding->template_name);

    page_heading(page, heading);
    g_free(heading);
    if (finding->leak != NULL) {
        print_leak(page, finding->leak);
        print_reach(page, finding->leak->reach);
    }
    if (finding->spike != NULL)
        print_spike(page, finding->spike);
    print_stacks(page, report, number);
    print_varying(page, finding->varying);
    print_evidence(page, finding);
    if (finding->remedy != NULL && finding->remedy[0] != '\0')
        print_remedy(page, finding->remedy);
    if (finding->predicted != NULL)
        print_prediction(page, finding->predicted);
}
