/* `leakey report`: captures in, a report out, and gates on its findings. */
#include <math.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "cmd/output.h"
#include "cmd/reachability.h"
#include "cmd/symbol_options.h"
#include "find/rules.h"
#include "model/model.h"
#include "model/suppressions.h"
#include "render/render.h"

#define NAME        "report"
#define TOP_DEFAULT 10
#define WIDTH       80

static const char description[] =
    "PATH is a capture, a directory of captures, or a running process's capture. All\n"
    "captures are taken together, as one service.\n"
    "\n"
    "--reachability searches the memory of a running process for the addresses of its\n"
    "sampled live blocks: what nothing points to is leaked. The process stands still\n"
    "for one pass over its memory. Other PATHs whose process runs are searched too.\n"
    "\n"
    "Exit status: 0; 1 when --fail-on tripped; 2 for usage or unreadable input.";

struct settings {
    char *format, *output, *fail_on, *suppressions_path, *reachability;
    struct suppressions *suppressions;
    struct symbol_options symbols;
    struct symbol_search search;
    int top;
    double price_gpu_hour, price_gib_month;
    char **paths;
};

static bool parse(struct settings *settings, int *argc, char ***argv, int *status)
{
    const GOptionEntry entries[] = {
        {"format", 'f', 0, G_OPTION_ARG_STRING, &settings->format,
         "text (default), json, html, markdown, sarif or gcc", "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &settings->output,
         "write to FILE, whole or not at all", "FILE"},
        {"top", 0, 0, G_OPTION_ARG_INT, &settings->top,
         "rows of each table (default 10); never shortens JSON", "N"},
        {"fail-on", 0, 0, G_OPTION_ARG_STRING, &settings->fail_on,
         "exit 1 if there is a finding of one of these rules", "RULE[,RULE...]|any"},
        {"suppressions", 0, 0, G_OPTION_ARG_FILENAME, &settings->suppressions_path,
         "leave out the leaks that FILE names, in LeakSanitizer's syntax", "FILE"},
        {"reachability", 0, 0, G_OPTION_ARG_FILENAME, &settings->reachability,
         "report on that process, and on what nothing in its memory points to", "PID|CAPTURE"},
        {"price-gpu-hour", 0, 0, G_OPTION_ARG_DOUBLE, &settings->price_gpu_hour,
         "what an hour of recomputing costs", "PRICE"},
        {"price-gib-month", 0, 0, G_OPTION_ARG_DOUBLE, &settings->price_gib_month,
         "what a GiB of Redis memory costs a month", "PRICE"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &settings->paths, NULL, NULL},
        {0}};
    GOptionEntry more[SYMBOL_ENTRIES];
    const struct command_line line = {.name = NAME,
                                      .arguments = "[PATH...]",
                                      .description = description,
                                      .entries = entries,
                                      .more = more};

    symbol_option_entries(&settings->symbols, more);
    bool parsed = command_line_parse(&line, argc, argv, status);
    if (settings->format == NULL)
        settings->format = g_strdup("text");
    return parsed;
}

/* ---- What was asked for ---- */

static bool is_price(double price)
{
    return isnan(price) || (isfinite(price) && price >= 0);
}

/* NULL, or what is wrong with it. */
static char *unknown_rule(const char *fail_on)
{
    char **rules = g_strsplit(fail_on, ",", -1), *unknown = NULL;

    for (char **rule = rules; *rule != NULL && unknown == NULL; rule++)
        if (strcmp(*rule, "any") != 0 && !rule_known(*rule))
            unknown = g_strdup(*rule);
    if (rules[0] == NULL)
        unknown = g_strdup("");
    g_strfreev(rules);
    return unknown;
}

static bool check_gate(const char *fail_on, int *status)
{
    char *unknown = fail_on == NULL ? NULL : unknown_rule(fail_on);

    if (unknown != NULL) {
        char *known = g_strjoinv(" ", (char **)(uintptr_t)rule_names);
        *status = usage_error(NAME, "--fail-on: no rule \"%s\"; there are: any %s", unknown, known);
        g_free(known);
        g_free(unknown);
    }
    return unknown == NULL;
}

static bool read_suppressions(struct settings *settings, int *status)
{
    GError *error = NULL;

    if (settings->suppressions_path == NULL)
        return true;
    settings->suppressions = suppressions_read(settings->suppressions_path, &error);
    if (settings->suppressions == NULL) {
        *status = usage_error(NAME, "--suppressions: %s", error->message);
        g_error_free(error);
    }
    return settings->suppressions != NULL;
}

static bool check(struct settings *settings, int *status)
{
    const struct report_renderer *renderer = report_renderer_named(settings->format);

    if (renderer == NULL)
        *status = usage_error(NAME, "--format: no format \"%s\"; there are: %s", settings->format,
                              report_renderer_names());
    else if (renderer->missing != NULL && renderer->missing() != NULL)
        *status = usage_error(NAME, "--format %s: %s", renderer->name, renderer->missing());
    else if (settings->top < 1)
        *status = usage_error(NAME, "--top: at least 1");
    else if (!is_price(settings->price_gpu_hour) || !is_price(settings->price_gib_month))
        *status = usage_error(NAME, "a price is a number that is not negative");
    else if (settings->paths == NULL && settings->reachability == NULL)
        *status = usage_error(NAME, "no capture given");
    else
        return check_gate(settings->fail_on, status) && read_suppressions(settings, status) &&
               symbol_options_read(&settings->symbols, NAME, &settings->search, status);
    return false;
}

/* ---- The gate ---- */

static bool gate_names(char *const *rules, const char *rule)
{
    return g_strv_contains((const char *const *)rules, rule) ||
           g_strv_contains((const char *const *)rules, "any");
}

static void note_rule(GPtrArray *tripped, const char *rule)
{
    for (guint i = 0; i < tripped->len; i++)
        if (strcmp(g_ptr_array_index(tripped, i), rule) == 0)
            return;
    g_ptr_array_add(tripped, (gpointer)(uintptr_t)rule);
}

/* Leaks count as findings, whether or not one speaks of them. */
static GPtrArray *tripped_rules(const struct report *report, const char *fail_on)
{
    GPtrArray *tripped = g_ptr_array_new();
    char **rules = g_strsplit(fail_on, ",", -1);

    for (guint i = 0; i < report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(report->findings, i);
        if (gate_names(rules, finding->rule))
            note_rule(tripped, finding->rule);
    }
    for (guint i = 0; i < report->leaks->len; i++) {
        const struct leak_report *leak = g_ptr_array_index(report->leaks, i);
        if (gate_names(rules, leak->rule))
            note_rule(tripped, leak->rule);
    }
    g_strfreev(rules);
    return tripped;
}

static int gate_status(const struct report *report, const char *fail_on)
{
    if (fail_on == NULL)
        return STATUS_DONE;
    GPtrArray *tripped = tripped_rules(report, fail_on);
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < tripped->len; i++)
        g_string_append_printf(names, "%s%s", i == 0 ? "" : ", ",
                               (const char *)g_ptr_array_index(tripped, i));
    int status = tripped->len == 0 ? STATUS_DONE : STATUS_GATE;
    if (status == STATUS_GATE)
        message(NAME, "--fail-on: found %s", names->str);
    g_string_free(names, TRUE);
    g_ptr_array_free(tripped, TRUE);
    return status;
}

/* ---- */

static bool put_out(const struct report *report, const struct settings *settings, GError **error)
{
    struct output output;

    if (!output_open_paged(&output, settings->output, error))
        return false;
    const struct render_options options = {
        .top = (size_t)settings->top, .colour = output_colour(&output), .width = WIDTH};
    report_renderer_named(settings->format)->render(report, &options, output.stream);
    return output_close(&output, error);
}

/* Searches first, where that was asked for: the captures are read after it. */
static struct report *search_and_analyse(const struct settings *settings,
                                         struct analysis_options *options, GError **error)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    struct report *report = NULL;

    for (char **path = settings->paths; path != NULL && *path != NULL; path++)
        g_ptr_array_add(paths, g_strdup(*path));
    if (settings->reachability != NULL)
        options->searches = reachability_search(settings->reachability, paths, error);
    if (settings->reachability == NULL || options->searches != NULL)
        report = analyse((char **)paths->pdata, paths->len, options, error);
    if (options->searches != NULL)
        g_ptr_array_free(options->searches, TRUE);
    g_ptr_array_free(paths, TRUE);
    return report;
}

static int run(const struct settings *settings)
{
    struct analysis_options options = {.price_gpu_hour = settings->price_gpu_hour,
                                       .price_gib_month = settings->price_gib_month,
                                       .progress = message_progress,
                                       .progress_context = (void *)(uintptr_t)NAME,
                                       .search = settings->search,
                                       .curve = report_renderer_named(settings->format)->curve,
                                       .suppressions = settings->suppressions};
    GError *error = NULL;
    struct report *report = search_and_analyse(settings, &options, &error);
    int status = STATUS_ERROR;

    message_progress_end();
    if (report != NULL && put_out(report, settings, &error))
        status = gate_status(report, settings->fail_on);
    if (error != NULL) {
        message(NAME, "%s", error->message);
        g_error_free(error);
    }
    report_free(report);
    return status;
}

int cmd_report(int argc, char **argv)
{
    struct settings settings = {.top = TOP_DEFAULT, .price_gpu_hour = NAN, .price_gib_month = NAN};
    int status;

    if (parse(&settings, &argc, &argv, &status) && check(&settings, &status))
        status = run(&settings);
    g_free(settings.format);
    g_free(settings.output);
    g_free(settings.fail_on);
    g_free(settings.suppressions_path);
    suppressions_free(settings.suppressions);
    symbol_options_release(&settings.symbols);
    g_free(settings.reachability);
    g_strfreev(settings.paths);
    return status;
}
