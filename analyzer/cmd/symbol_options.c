/* Where binaries and debug files lie; see symbol_options.h. */
#include "cmd/symbol_options.h"

#include <math.h>
#include <string.h>

#include "cmd/messages.h"

#define DOWNLOAD_SECONDS 60

void symbol_option_entries(struct symbol_options *options, GOptionEntry entries[SYMBOL_ENTRIES])
{
    const GOptionEntry all[SYMBOL_ENTRIES] = {
        {"sysroot", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->sysroots,
         "look for the binaries that ran below DIR first", "DIR"},
        {"debug-path", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->debug_paths,
         "look for binaries and debug files in DIR too", "DIR"},
        {"debuginfod", 0, 0, G_OPTION_ARG_STRING, &options->debuginfod,
         "how long DEBUGINFOD_URLS may be asked, in all (default 60)", "SECONDS|off"},
        {0}};
    memcpy(entries, all, sizeof(all));
}

static bool is_directory(const char *command, const char *option, char *const *directories,
                         int *status)
{
    for (; directories != NULL && *directories != NULL; directories++)
        if (!g_file_test(*directories, G_FILE_TEST_IS_DIR)) {
            *status = usage_error(command, "--%s: no directory: %s", option, *directories);
            return false;
        }
    return true;
}

/* NAN: neither a number of seconds nor "off". */
static double seconds_of(const char *text)
{
    char *end;
    if (text == NULL)
        return DOWNLOAD_SECONDS;
    if (strcmp(text, "off") == 0)
        return 0;
    double seconds = g_ascii_strtod(text, &end);
    return end != text && *end == '\0' && isfinite(seconds) && seconds >= 0 ? seconds : NAN;
}

bool symbol_options_read(const struct symbol_options *options, const char *command,
                         struct symbol_search *search, int *status)
{
    double seconds = seconds_of(options->debuginfod);
    if (isnan(seconds)) {
        *status = usage_error(command, "--debuginfod: a number of seconds, or off");
        return false;
    }
    *search = (struct symbol_search){.sysroots = options->sysroots,
                                     .debug_paths = options->debug_paths,
                                     .download_seconds = seconds,
                                     .progress = message_progress,
                                     .progress_context = (void *)(uintptr_t)command};
    return is_directory(command, "sysroot", options->sysroots, status) &&
           is_directory(command, "debug-path", options->debug_paths, status);
}

void symbol_options_release(struct symbol_options *options)
{
    g_strfreev(options->sysroots);
    g_strfreev(options->debug_paths);
    g_free(options->debuginfod);
}
