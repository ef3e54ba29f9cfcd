/* `leakey what-if`: captures and a change in, what it would do out. */
#include <math.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "cmd/output.h"
#include "find/normalise.h"
#include "find/what_if.h"
#include "model/model.h"
#include "render/render.h"

#define NAME            "what-if"
#define WIDTH           80
#define TTL_MAX         (INT64_MAX / 4000000 / 1000) /* seconds; longer is for ever */
#define NORMALISERS_ALL ((1u << NORMALISERS) - 1)

static const char description[] =
    "PATH is a capture, a directory of captures, or a running process's capture. All\n"
    "captures are taken together. Their reads, writes, deletes, expiries and flushes\n"
    "are replayed with the changes asked for.\n"
    "\n"
    "Normalisers: timestamp uuid counter random whitespace case unicode order\n"
    "number-format salt signed-url temp-path version address identifier. Keys that\n"
    "are equal when these are left out of account become one, whatever they mean to\n"
    "the service: `leakey report` says which are safe.\n"
    "Sizes take K, M, G; an entry is its key, its value and 64 bytes.\n"
    "\n"
    "Exit status: 0; 2 for usage or unreadable input.";

struct settings {
    char *format, *output, *normalise, *ttl, *cache_size, *policy, *template_name;
    struct what_if_settings what_if;
    char **paths;
};

static bool parse(struct settings *settings, int *argc, char ***argv, int *status)
{
    const GOptionEntry entries[] = {
        {"normalise", 0, 0, G_OPTION_ARG_STRING, &settings->normalise,
         "leave these out of account where keys are compared", "NAME[,NAME...]|all"},
        {"ttl", 0, 0, G_OPTION_ARG_STRING, &settings->ttl,
         "every write expires after that time; 0: never", "SECONDS"},
        {"cache-size", 0, 0, G_OPTION_ARG_STRING, &settings->cache_size,
         "the cache holds that many bytes", "SIZE"},
        {"policy", 0, 0, G_OPTION_ARG_STRING, &settings->policy,
         "who goes when it is full: lru (default), lfu or fifo-reinsertion", "POLICY"},
        {"template", 0, 0, G_OPTION_ARG_STRING, &settings->template_name,
         "only the keys of that template", "NAME"},
        {"format", 'f', 0, G_OPTION_ARG_STRING, &settings->format, "text (default) or json",
         "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &settings->output,
         "write to FILE, whole or not at all", "FILE"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &settings->paths, NULL, NULL},
        {0}};
    const struct command_line line = {
        .name = NAME, .arguments = "PATH...", .description = description, .entries = entries};

    bool parsed = command_line_parse(&line, argc, argv, status);
    if (settings->format == NULL)
        settings->format = g_strdup("text");
    return parsed;
}

/* ---- What was asked for ---- */

static char *normaliser_names(void)
{
    GString *names = g_string_new("all");

    for (unsigned i = 0; i < NORMALISERS; i++)
        g_string_append_printf(names, " %s", normalisers[i].name);
    return g_string_free(names, FALSE);
}

static int unknown_normaliser(const char *name)
{
    char *names = normaliser_names();
    int status = usage_error(NAME, "--normalise: no normaliser \"%s\"; there are: %s", name, names);

    g_free(names);
    return status;
}

static bool read_normalisers(struct settings *settings, int *status)
{
    char **names = g_strsplit(settings->normalise == NULL ? "" : settings->normalise, ",", -1);
    bool known = true;

    if (settings->normalise != NULL && names[0] == NULL) {
        *status = unknown_normaliser("");
        known = false;
    }
    for (char **name = names; *name != NULL && known; name++) {
        enum normaliser normaliser = normaliser_named(*name);

        if (strcmp(*name, "all") == 0) {
            settings->what_if.normaliser_bits |= NORMALISERS_ALL;
        } else if (normaliser == NORMALISER_NONE) {
            *status = unknown_normaliser(*name);
            known = false;
        } else {
            settings->what_if.normaliser_bits |= 1u << normaliser;
        }
    }
    g_strfreev(names);
    return known;
}

/* A number of bytes, with K, M or G for powers of 1024; more than 0. */
static bool read_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMG";
    char *end;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    const char *unit = *end == '\0' ? NULL : strchr(units, g_ascii_toupper(*end));
    unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - units + 1);

    if (!g_ascii_isdigit(text[0]) || number == 0 || number > (uint64_t)INT64_MAX >> shift ||
        (*end != '\0' && (unit == NULL || end[1] != '\0')))
        return false;
    *bytes = (uint64_t)number << shift;
    return true;
}

static bool read_ttl(const char *text, int64_t *ttl_ms)
{
    char *end;
    double seconds = g_ascii_strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 ||
        (seconds > 0 && seconds < 0.001))
        return false;
    *ttl_ms = seconds <= 0 || seconds > (double)TTL_MAX ? LK_TTL_NONE : llround(seconds * 1000);
    return true;
}

static bool read_changes(struct settings *settings, int *status)
{
    struct what_if_settings *what_if = &settings->what_if;

    if (settings->ttl != NULL && !read_ttl(settings->ttl, &what_if->ttl_ms))
        *status = usage_error(NAME, "--ttl: \"%s\" is no number of seconds", settings->ttl);
    else if (settings->cache_size != NULL &&
             !read_size(settings->cache_size, &what_if->cache_bytes))
        *status =
            usage_error(NAME, "--cache-size: \"%s\" is no size; 64M is one", settings->cache_size);
    else if (settings->policy != NULL && !policy_named(settings->policy, &what_if->policy))
        *status =
            usage_error(NAME, "--policy: no policy \"%s\"; there are: lru lfu fifo-reinsertion",
                        settings->policy);
    else if (settings->policy != NULL && settings->cache_size == NULL)
        *status = usage_error(NAME, "--policy needs --cache-size: a cache without limit evicts "
                                    "nothing");
    else
        return true;
    return false;
}

static bool check(struct settings *settings, int *status)
{
    if (what_if_renderer_named(settings->format) == NULL)
        *status = usage_error(NAME, "--format: no format \"%s\"; there are: %s", settings->format,
                              what_if_renderer_names());
    else if (settings->paths == NULL)
        *status = usage_error(NAME, "which captures?");
    else
        return read_normalisers(settings, status) && read_changes(settings, status);
    return false;
}

/* ---- */

static bool put_out(const struct what_if *what_if, const struct settings *settings, GError **error)
{
    struct output output;

    if (!output_open_paged(&output, settings->output, error))
        return false;
    const struct render_options options = {.colour = output_colour(&output), .width = WIDTH};
    what_if_renderer_named(settings->format)->render(what_if, &options, output.stream);
    return output_close(&output, error);
}

static int predict(const struct analysis *analysis, const struct settings *settings, GError **error)
{
    struct what_if *what_if = what_if_new(analysis->cache, &settings->what_if);
    int status = STATUS_ERROR;

    message_progress_end();
    if (what_if == NULL)
        return usage_error(NAME, "--template: no template \"%s\" in these captures",
                           settings->template_name);
    if (put_out(what_if, settings, error))
        status = STATUS_DONE;
    what_if_free(what_if);
    return status;
}

static int run(struct settings *settings)
{
    const struct analysis_options options = {.price_gpu_hour = NAN,
                                             .price_gib_month = NAN,
                                             .progress = message_progress,
                                             .progress_context = (void *)(uintptr_t)NAME};
    struct analysis analysis;
    GError *error = NULL;
    int status = STATUS_ERROR;

    if (analyse_cache(&analysis, settings->paths, g_strv_length(settings->paths), &options,
                      &error)) {
        status = predict(&analysis, settings, &error);
        analysis_release(&analysis);
    }
    message_progress_end();
    if (error != NULL) {
        message(NAME, "%s", error->message);
        g_error_free(error);
    }
    return status;
}

int cmd_what_if(int argc, char **argv)
{
    struct settings settings = {
        .what_if = {.ttl_ms = TTL_AS_CAPTURED, .cache_bytes = CACHE_UNLIMITED}};
    int status;

    if (parse(&settings, &argc, &argv, &status) && check(&settings, &status)) {
        settings.what_if.template_name = settings.template_name;
        status = run(&settings);
    }
    g_free(settings.format);
    g_free(settings.output);
    g_free(settings.normalise);
    g_free(settings.ttl);
    g_free(settings.cache_size);
    g_free(settings.policy);
    g_free(settings.template_name);
    g_strfreev(settings.paths);
    return status;
}
