/* `leakey compare`: two runs in, what changed out, and a gate on regressions. */
#include <math.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "cmd/output.h"
#include "cmd/symbol_options.h"
#include "model/compare.h"
#include "model/model.h"
#include "render/render.h"

#define NAME        "compare"
#define TOP_DEFAULT 10
#define WIDTH       80

static const char description[] =
    "BEFORE and AFTER are captures or directories of captures.\n"
    "\n"
    "A metric is called better or worse only when the 95 % interval of its change\n"
    "excludes zero and the change is more than run-to-run noise. Intervals: circular\n"
    "block bootstrap over 100 slices of each run, block length by Politis and White.\n"
    "\n"
    "Exit status: 0; 1 when --fail-on-regression tripped; 2 for usage or unreadable\n"
    "input.";

struct settings {
    char *format, *output;
    int top;
    gboolean fail_on_regression;
    struct symbol_options symbols;
    struct symbol_search search;
    char **paths;
};

static bool parse(struct settings *settings, int *argc, char ***argv, int *status)
{
    const GOptionEntry entries[] = {
        {"format", 'f', 0, G_OPTION_ARG_STRING, &settings->format,
         "text (default), json, html or markdown", "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &settings->output,
         "write to FILE, whole or not at all", "FILE"},
        {"top", 0, 0, G_OPTION_ARG_INT, &settings->top,
         "rows of each list of findings (default 10); never shortens JSON", "N"},
        {"fail-on-regression", 0, 0, G_OPTION_ARG_NONE, &settings->fail_on_regression,
         "exit 1 if a metric is worse or a finding is new", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &settings->paths, NULL, NULL},
        {0}};
    GOptionEntry more[SYMBOL_ENTRIES];
    const struct command_line line = {.name = NAME,
                                      .arguments = "BEFORE AFTER",
                                      .description = description,
                                      .entries = entries,
                                      .more = more};

    symbol_option_entries(&settings->symbols, more);
    bool parsed = command_line_parse(&line, argc, argv, status);
    if (settings->format == NULL)
        settings->format = g_strdup("text");
    return parsed;
}

static bool check(struct settings *settings, int *status)
{
    const struct comparison_renderer *renderer = comparison_renderer_named(settings->format);

    if (renderer == NULL)
        *status = usage_error(NAME, "--format: no format \"%s\"; there are: %s", settings->format,
                              comparison_renderer_names());
    else if (renderer->missing != NULL && renderer->missing() != NULL)
        *status = usage_error(NAME, "--format %s: %s", renderer->name, renderer->missing());
    else if (settings->top < 1)
        *status = usage_error(NAME, "--top: at least 1");
    else if (settings->paths == NULL || g_strv_length(settings->paths) != 2)
        *status = usage_error(NAME, "two captures or directories are needed: BEFORE and AFTER");
    else
        return symbol_options_read(&settings->symbols, NAME, &settings->search, status);
    return false;
}

/* ---- The gate ---- */

static char *regressions(const struct comparison *comparison)
{
    GString *names = g_string_new(NULL);

    for (guint i = 0; i < comparison->metrics->len; i++) {
        const struct change *change = &g_array_index(comparison->metrics, struct change, i);
        if (change->verdict == VERDICT_WORSE)
            g_string_append_printf(names, "%s%s is worse", names->len == 0 ? "" : ", ",
                                   change->name);
    }
    for (guint i = 0; i < comparison->added->len; i++) {
        const struct comparison_item *item =
            &g_array_index(comparison->added, struct comparison_item, i);
        if (item->severity > SEVERITY_NOTE)
            g_string_append_printf(names, "%s%s is new", names->len == 0 ? "" : ", ", item->rule);
    }
    return g_string_free(names, FALSE);
}

static int gate_status(const struct comparison *comparison, const struct settings *settings)
{
    char *names = regressions(comparison);
    bool tripped = settings->fail_on_regression && names[0] != '\0';

    if (tripped)
        message(NAME, "--fail-on-regression: %s", names);
    g_free(names);
    return tripped ? STATUS_GATE : STATUS_DONE;
}

/* ---- */

static bool put_out(const struct comparison *comparison, const struct settings *settings,
                    GError **error)
{
    struct output output;

    if (!output_open_paged(&output, settings->output, error))
        return false;
    const struct render_options options = {
        .top = (size_t)settings->top, .colour = output_colour(&output), .width = WIDTH};
    comparison_renderer_named(settings->format)->render(comparison, &options, output.stream);
    return output_close(&output, error);
}

static struct report *analyse_one(const struct settings *settings, size_t which, GError **error)
{
    const struct analysis_options options = {.price_gpu_hour = NAN,
                                             .price_gib_month = NAN,
                                             .progress = message_progress,
                                             .progress_context = (void *)(uintptr_t)NAME,
                                             .search = settings->search};

    return analyse(&settings->paths[which], 1, &options, error);
}

static int run(const struct settings *settings)
{
    GError *error = NULL;
    struct report *before = analyse_one(settings, 0, &error);
    struct report *after = before == NULL ? NULL : analyse_one(settings, 1, &error);
    int status = STATUS_ERROR;

    message_progress_end();
    if (after != NULL) {
        struct comparison *comparison = comparison_new(before, after);

        if (put_out(comparison, settings, &error))
            status = gate_status(comparison, settings);
        comparison_free(comparison);
    }
    if (error != NULL) {
        message(NAME, "%s", error->message);
        g_error_free(error);
    }
    report_free(before);
    report_free(after);
    return status;
}

int cmd_compare(int argc, char **argv)
{
    struct settings settings = {.top = TOP_DEFAULT};
    int status;

    if (parse(&settings, &argc, &argv, &status) && check(&settings, &status))
        status = run(&settings);
    g_free(settings.format);
    g_free(settings.output);
    symbol_options_release(&settings.symbols);
    g_strfreev(settings.paths);
    return status;
}
