/* `leakey export`: captures in, another program's format out. */
#include "export/export.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "cmd/output.h"
#include "cmd/symbol_options.h"

#define NAME "export"

struct settings {
    char *to, *metric, *keys, *output;
    const struct exporter *exporter;
    struct export_options options;
    struct symbol_options symbols;
    struct symbol_search search;
    char **paths;
};

static char *metric_names(void)
{
    GString *names = g_string_new(NULL);

    for (enum export_number metric = 0; metric < EXPORT_METRICS; metric++)
        g_string_append_printf(names, "%s%s", metric == 0 ? "" : " ", export_metric_name(metric));
    return g_string_free(names, FALSE);
}

/* The formats, a line each, for --help and messages. */
static char *describe(void)
{
    char *metrics = metric_names();
    GString *text = g_string_new(
        "PATH is a capture, a directory of captures, or a running process's capture. All\n"
        "captures are taken together, as one service.\n"
        "\n"
        "Formats:\n");

    for (const struct exporter *exporter = exporters; exporter->name != NULL; exporter++)
        g_string_append_printf(text, "  %-16s%s\n", exporter->name, exporter->summary);
    g_string_append_printf(text,
                           "\nMetrics: %s\n"
                           "\nExit status: 0; 2 for usage or unreadable input.",
                           metrics);
    g_free(metrics);
    return g_string_free(text, FALSE);
}

static char *format_names(void)
{
    GString *names = g_string_new(NULL);

    for (const struct exporter *exporter = exporters; exporter->name != NULL; exporter++)
        g_string_append_printf(names, "%s%s", names->len == 0 ? "" : " ", exporter->name);
    return g_string_free(names, FALSE);
}

static bool parse(struct settings *settings, int *argc, char ***argv, int *status)
{
    const GOptionEntry entries[] = {
        {"to", 't', 0, G_OPTION_ARG_STRING, &settings->to, "which format", "FORMAT"},
        {"metric", 0, 0, G_OPTION_ARG_STRING, &settings->metric,
         "what collapsed shows of each stack (default live)", "METRIC"},
        {"keys", 0, 0, G_OPTION_ARG_STRING, &settings->keys,
         "what csv has for keys: number (default) or text", "KIND"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &settings->output,
         "write to FILE, whole or not at all", "FILE"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &settings->paths, NULL, NULL},
        {0}};
    GOptionEntry more[SYMBOL_ENTRIES];
    char *description = describe();
    const struct command_line line = {.name = NAME,
                                      .arguments = "PATH... --to FORMAT",
                                      .description = description,
                                      .entries = entries,
                                      .more = more};

    symbol_option_entries(&settings->symbols, more);
    bool parsed = command_line_parse(&line, argc, argv, status);
    g_free(description);
    return parsed;
}

static bool check_format(struct settings *settings, int *status)
{
    char *names = format_names();

    if (settings->to == NULL)
        *status = usage_error(NAME, "--to: which format? There are: %s", names);
    else if ((settings->exporter = exporter_named(settings->to)) == NULL)
        *status = usage_error(NAME, "--to: no format \"%s\"; there are: %s", settings->to, names);
    g_free(names);
    return settings->exporter != NULL;
}

static int unknown_metric(const char *name)
{
    char *names = metric_names();
    int status = usage_error(NAME, "--metric: no metric \"%s\"; there are: %s", name, names);

    g_free(names);
    return status;
}

static bool check_metric(struct settings *settings, int *status)
{
    if (settings->metric == NULL)
        return true;
    settings->options.metric = export_metric_named(settings->metric);
    if (settings->options.metric == EXPORT_METRICS)
        *status = unknown_metric(settings->metric);
    else if (!settings->exporter->metric)
        *status = usage_error(NAME, "--metric: %s has no such choice%s", settings->exporter->name,
                              settings->exporter->heap ? ": it holds all of them" : "");
    else
        return true;
    return false;
}

static bool check_keys(struct settings *settings, int *status)
{
    if (settings->keys == NULL)
        return true;
    settings->options.key_text = strcmp(settings->keys, "text") == 0;
    if (!settings->options.key_text && strcmp(settings->keys, "number") != 0)
        *status = usage_error(NAME, "--keys: \"%s\" is neither number nor text", settings->keys);
    else if (!settings->exporter->keys)
        *status = usage_error(NAME, "--keys: %s has no such choice", settings->exporter->name);
    else
        return true;
    return false;
}

static bool check(struct settings *settings, int *status)
{
    if (!check_format(settings, status) || !check_metric(settings, status) ||
        !check_keys(settings, status))
        return false;
    if (settings->paths == NULL) {
        *status = usage_error(NAME, "no capture given");
        return false;
    }
    if (settings->exporter->binary && settings->output == NULL && isatty(STDOUT_FILENO)) {
        *status = usage_error(NAME, "%s is binary: write it to a file with -o, or into a pipe",
                              settings->exporter->name);
        return false;
    }
    return symbol_options_read(&settings->symbols, NAME, &settings->search, status);
}

/* Whether the captures hold what the format is made of. */
static bool has_matter(const struct report *report, const struct exporter *exporter, GError **error)
{
    const char *missing = exporter->trace && !report->cache.present ? "cache command"
                          : exporter->heap && !report->heap.present && report->leaks->len == 0
                              ? "allocation"
                              : NULL;

    if (missing != NULL)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: no %s in these captures",
                    exporter->name, missing);
    return missing == NULL;
}

static bool put_out(const struct analysis *analysis, const struct settings *settings,
                    GError **error)
{
    struct output output;
    char *remarks = NULL;
    struct export_options options = settings->options;

    options.remarks = &remarks;
    if (!has_matter(analysis->report, settings->exporter, error) ||
        !output_open(&output, settings->output, error))
        return false;
    bool done = settings->exporter->write(analysis, &options, output.stream, error);
    if (!done)
        output_abandon(&output);
    else
        done = output_close(&output, error);
    if (done && remarks != NULL)
        message(NAME, "%s: %s", settings->exporter->name, remarks);
    g_free(remarks);
    return done;
}

static int run(const struct settings *settings)
{
    const struct analysis_options options = {.price_gpu_hour = NAN,
                                             .price_gib_month = NAN,
                                             .progress = message_progress,
                                             .progress_context = (void *)(uintptr_t)NAME,
                                             .search = settings->search};
    struct analysis analysis;
    GError *error = NULL;
    bool done = false;

    if ((settings->exporter->trace ? analyse_cache : analyse_all)(
            &analysis, settings->paths, g_strv_length(settings->paths), &options, &error)) {
        message_progress_end();
        done = put_out(&analysis, settings, &error);
        analysis_release(&analysis);
    }
    message_progress_end();
    if (error != NULL) {
        message(NAME, "%s", error->message);
        g_error_free(error);
    }
    return done ? STATUS_DONE : STATUS_ERROR;
}

int cmd_export(int argc, char **argv)
{
    struct settings settings = {0};
    int status;

    if (parse(&settings, &argc, &argv, &status) && check(&settings, &status))
        status = run(&settings);
    g_free(settings.to);
    g_free(settings.metric);
    g_free(settings.keys);
    g_free(settings.output);
    symbol_options_release(&settings.symbols);
    g_strfreev(settings.paths);
    return status;
}
