/* A leak in words: one sentence with its numbers, and what to do about it. */
#include <math.h>
#include <string.h>

#include "find/leaks.h"
#include "model/names.h"
#include "model/text.h"
#include "model/units.h"

/* What a person calls the thing that leaks. */
struct noun {
    const char *rule, *one, *many;
};
static const struct noun nouns[] = {
    {"reply-leak", "one reply", "replies"},
    {"context-leak", "one connection", "connections"},
    {"heap-leak", "one block", "blocks"},
};

static const struct noun *noun_of(const char *rule)
{
    for (size_t i = 0; i < G_N_ELEMENTS(nouns); i++)
        if (strcmp(nouns[i].rule, rule) == 0)
            return &nouns[i];
    return &nouns[G_N_ELEMENTS(nouns) - 1];
}

/* " per miss of llm:<sha256>", " per error reply on llm:<sha256>", " on error replies"; empty when
 * it is tied to no branch. */
static char *occasion_of(const struct leak_report *leak)
{
    if (leak->branch == NULL || strcmp(leak->branch, "other") == 0)
        return g_strdup("");
    if (leak->template_name == NULL || !isfinite(leak->count_per_command))
        return g_strdup_printf(" %s", leak_branch_words(leak->branch));
    const char *event = strcmp(leak->branch, "error") == 0 ? "error reply on" : NULL;
    char *template_name = text_printable(leak->template_name, strlen(leak->template_name));
    char *occasion = event != NULL ? g_strdup_printf(" per %s %s", event, template_name)
                                   : g_strdup_printf(" per %s of %s", leak->branch, template_name);
    g_free(template_name);
    return occasion;
}

/* "one reply per miss of T", "0.33 replies per hit of T", "replies", "memory: 2.1 KiB per miss of
 * T". */
static char *what_leaks(const struct leak_report *leak)
{
    const struct noun *noun = noun_of(leak->rule);
    bool block = strcmp(leak->rule, "heap-leak") == 0;
    char number[UNITS_ROOM], *occasion = occasion_of(leak), *what;
    if (*occasion == '\0' || !isfinite(leak->count_per_command))
        what = g_strdup_printf("%s%s", block ? "memory" : noun->many, block ? "" : occasion);
    else if (block)
        what = g_strdup_printf("%s%s", units_bytes(number, sizeof(number), leak->bytes_per_command),
                               occasion);
    else if (fabs(leak->count_per_command - 1) < leak_limits.one_each)
        what = g_strdup_printf("%s%s", noun->one, occasion);
    else
        what =
            g_strdup_printf("%s %s%s", units_count(number, sizeof(number), leak->count_per_command),
                            noun->many, occasion);
    g_free(occasion);
    return what;
}

/* "; nothing points to 480 of 500 of them": of those that were searched for. */
static char *search_of(const struct leak_report *leak)
{
    char lost[UNITS_ROOM], judged[UNITS_ROOM];
    if (leak->reach == NULL || leak->reach->unreachable_count <= 0)
        return g_strdup("");
    if (!isfinite(leak->growth_bytes_per_second))
        return g_strdup(leak->reach->indirect_count < leak->reach->unreachable_count
                            ? ", that nothing points to"
                            : ", that only other leaked blocks point to");
    return g_strdup_printf("; nothing points to %s of %s that were searched for",
                           units_count(lost, sizeof(lost), leak->reach->unreachable_count),
                           units_count(judged, sizeof(judged), leak->reach->judged_count));
}

/* " (5 on hits, 4 on error replies)", where several branches are one leak. */
static char *split_of(const struct leak_report *leak)
{
    GString *split = g_string_new(NULL);
    char count[UNITS_ROOM];
    if (leak->branch != NULL || leak->branches == NULL || leak->branches->len < 2)
        return g_string_free(split, FALSE);
    for (guint i = 0; i < leak->branches->len; i++) {
        const struct leak_branch *branch = &g_array_index(leak->branches, struct leak_branch, i);
        g_string_append_printf(split, "%s%s %s", i == 0 ? " (" : ", ",
                               units_count(count, sizeof(count), branch->count),
                               leak_branch_words(branch->name));
    }
    g_string_append_c(split, ')');
    return g_string_free(split, FALSE);
}

static const char *message_of(struct report *report, const struct leak_report *leak)
{
    char count[UNITS_ROOM], bytes[UNITS_ROOM], growth[UNITS_ROOM];
    char *place = stack_place(leak->site->stack), *what = what_leaks(leak);
    char *split = split_of(leak);
    double shown = leak->exact ? leak->live_count : round(leak->live_count);
    char *pace = isfinite(leak->growth_bytes_per_second)
                     ? g_strdup_printf(" so far, %s/s", units_bytes(growth, sizeof(growth),
                                                                    leak->growth_bytes_per_second))
                     : g_strdup("");
    char *search = search_of(leak);
    const char *message = report_printf(
        report, "%s leaks %s: %s%s %s%s, %s%s%s", place, what, leak->exact ? "" : "about ",
        units_count(count, sizeof(count), shown), noun_of(leak->rule)->many, split,
        units_bytes(bytes, sizeof(bytes), leak->live_bytes), pace, search);
    g_free(search);
    g_free(pace);
    g_free(place);
    g_free(what);
    g_free(split);
    return message;
}

static const char *reply_remedy(const char *branch)
{
    if (branch == NULL || strcmp(branch, "other") == 0)
        return "call freeReplyObject on every path that got a reply here";
    if (strcmp(branch, "miss") == 0)
        return "call freeReplyObject on the nil branch too";
    if (strcmp(branch, "hit") == 0)
        return "call freeReplyObject once the value has been used or copied";
    if (strcmp(branch, "error") == 0)
        return "call freeReplyObject on the error branch too: an error reply is a reply";
    return "call freeReplyObject on the answer of the write too";
}

/* Where interpreted code forgot nothing, but keeps what it does not need. */
static const char *interpreted_remedy(struct report *report, const struct leak_report *leak,
                                      const char *language)
{
    const char *branch = leak->branch == NULL || strcmp(leak->branch, "other") == 0
                             ? NULL
                             : leak_branch_words(leak->branch);
    return report_printf(report,
                         "find what %s code keeps%s%s, a list, a table or a cache that only grows, "
                         "and bound it%s",
                         language, branch == NULL ? "" : " ", branch == NULL ? "" : branch,
                         strcmp(language, "Python") == 0 ? "; tracemalloc says on which line" : "");
}

static const char *remedy_of(struct report *report, const struct leak_report *leak)
{
    const char *language = stack_language(leak->site->stack);
    if (strcmp(leak->rule, "reply-leak") == 0)
        return reply_remedy(leak->branch);
    if (leak->branch != NULL && strcmp(leak->branch, "connect-failed") == 0)
        return "call redisFree also where err is set in what redisConnect returned: it is a context "
               "all the same";
    if (strcmp(leak->rule, "context-leak") == 0)
        return "call redisFree when the connection is done with, also where an error ends its use, "
               "or keep one connection and use it again";
    bool lost = leak->reach != NULL && leak->reach->unreachable_count > 0;
    if (language != NULL && !lost)
        return interpreted_remedy(report, leak, language);
    char *place = stack_place(leak->site->stack);
    const char *remedy =
        lost
            ? report_printf(report, "free what %s allocates before its last pointer is lost", place)
            : report_printf(
                  report,
                  "free what %s allocates on every path, or bound the structure that keeps it",
                  place);
    g_free(place);
    return remedy;
}

void leak_finding(struct report *report, const struct leak_candidate *candidate,
                  const struct leak_report *leak)
{
    bool sure = leak->confidence_ratio >= leak_limits.error_confidence;
    struct finding *finding =
        report_finding(report, candidate->rule, sure ? SEVERITY_ERROR : SEVERITY_WARNING);
    finding->template_name = leak->template_name;
    finding->message = message_of(report, leak);
    finding->remedy = remedy_of(report, leak);
    finding->leak = leak;
    g_ptr_array_add(finding->call_sites, (gpointer)(uintptr_t)leak->site->stack);
    finding_metric(finding, "live_bytes", leak->live_bytes);
    finding_metric(finding, "live_count", leak->live_count);
    finding_metric(finding, "growth_bytes_per_second", leak->growth_bytes_per_second);
    finding_metric(finding, "bytes_per_command", leak->bytes_per_command);
    finding_metric(finding, "count_per_command", leak->count_per_command);
    finding_metric(finding, "started_seconds", leak->started_seconds);
    finding_metric(finding, "confidence_ratio", leak->confidence_ratio);
    if (leak->reach == NULL)
        return;
    finding_metric(finding, "judged_count", leak->reach->judged_count);
    finding_metric(finding, "unreachable_count", leak->reach->unreachable_count);
    finding_metric(finding, "unreachable_bytes", leak->reach->unreachable_bytes);
    finding_metric(finding, "indirect_count", leak->reach->indirect_count);
}
