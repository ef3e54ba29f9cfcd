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
    char *to, *metric, *output;
    const struct exporter *exporter;
    struct export_options options;
    struct symbol_options symbols;
    struct symbol_search search;
    char **paths;
};

/* The formats, a line each, for --help and messages. */
static char *describe(void)
{
    GString *text = g_string_new(
        "PATH is a capture, a directory of captures, or a running process's capture. All\n"
        "captures are taken together, as one service.\n"
        "\n"
        "Formats:\n");

    for (const struct exporter *exporter = exporters; exporter->name != NULL; exporter++)
        g_string_append_printf(text, "  %-16s%s\n", exporter->name, exporter->summary);
    g_string_append(text, "\nExit status: 0; 2 for usage or unreadable input.");
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
         "of formats with one number a stack: live (default), leaked, allocated, peak or temporary",
         "METRIC"},
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

static bool check_metric(struct settings *settings, int *status)
{
    if (settings->metric == NULL)
        return true;
    settings->options.metric = export_metric_named(settings->metric);
    if (settings->options.metric == EXPORT_METRICS)
        *status = usage_error(
            NAME, "--metric: no metric \"%s\"; there are: live leaked allocated peak temporary",
            settings->metric);
    else if (!settings->exporter->metric)
        *status = usage_error(NAME, "--metric: %s holds all of them", settings->exporter->name);
    else
        return true;
    return false;
}

static bool check(struct settings *settings, int *status)
{
    if (!check_format(settings, status) || !check_metric(settings, status))
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

static bool put_out(const struct analysis *analysis, const struct settings *settings,
                    GError **error)
{
    struct output output;

    if (settings->exporter->trace && !analysis->report->cache.present) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
                    "%s: no cache command in these captures", settings->exporter->name);
        return false;
    }
    if (!output_open(&output, settings->output, error))
        return false;
    if (!settings->exporter->write(analysis, &settings->options, output.stream, error)) {
        output_abandon(&output);
        return false;
    }
    return output_close(&output, error);
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

    if (analyse_all(&analysis, settings->paths, g_strv_length(settings->paths), &options, &error)) {
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
    g_free(settings.output);
    symbol_options_release(&settings.symbols);
    g_strfreev(settings.paths);
    return status;
}
