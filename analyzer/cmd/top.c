/* `leakey top`: one process's memory and cache, as they go. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "live/process.h"
#include "read/regular.h"
#include "top/live_view.h"

#define NAME             "top"
#define INTERVAL_SECONDS 1.0
#define INTERVAL_LEAST   0.1
#define INTERVAL_MOST    3600.0

struct settings {
    char **arguments;
    gboolean once;
    double interval_seconds;
};

/* A number is a process, anything else a capture's path. */
static struct watch *open_watch(const char *argument, GError **error)
{
    size_t digits = strspn(argument, "0123456789");
    char *path = NULL;
    struct watch *watch = NULL;
    int fd;

    if (digits != 0 && argument[digits] == '\0') {
        fd = process_open_capture(strtoul(argument, NULL, 10), O_RDONLY | O_NONBLOCK, &path, error);
    } else {
        struct stat status;
        path = g_strdup(argument);
        fd = regular_open(argument, &status);
        if (fd < 0)
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%s: %s", argument,
                        regular_problem());
    }
    if (fd >= 0)
        watch = watch_new(fd, path, 0);
    g_free(path);
    return watch;
}

static int run(const struct settings *settings)
{
    GError *error = NULL;
    struct watch *watch = open_watch(settings->arguments[0], &error);
    int signal_number = 0;
    bool done = watch != NULL;

    if (done && settings->once)
        done = live_view_once(watch, settings->interval_seconds, stdout, &error);
    else if (done)
        done = live_view_run(watch, settings->interval_seconds, &signal_number, &error);
    watch_free(watch);
    if (error != NULL) {
        message(NAME, "%s", error->message);
        g_error_free(error);
    }
    if (signal_number != 0) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
    return done ? STATUS_DONE : STATUS_ERROR;
}

static bool check(const struct settings *settings, int *status)
{
    if (settings->arguments == NULL || g_strv_length(settings->arguments) != 1)
        *status = usage_error(NAME, "one process id or capture is needed");
    else if (!(settings->interval_seconds >= INTERVAL_LEAST) ||
             settings->interval_seconds > INTERVAL_MOST)
        *status = usage_error(NAME, "--interval: %g to %g seconds", INTERVAL_LEAST, INTERVAL_MOST);
    else if (!settings->once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        *status = usage_error(NAME, "this is no terminal; --once prints one picture");
    else
        return true;
    return false;
}

static const char description[] =
    "Shows memory and its growth, sites, templates, cache traffic and why keys missed, of a process\n"
    "that runs under the shim, while it runs; h tells the keys. The process is not touched: its\n"
    "capture is read from outside.";

int cmd_top(int argc, char **argv)
{
    struct settings settings = {.interval_seconds = INTERVAL_SECONDS};
    const GOptionEntry entries[] = {
        {"interval", 'i', 0, G_OPTION_ARG_DOUBLE, &settings.interval_seconds,
         "time between two pictures, and what rates are over (default 1)", "SECONDS"},
        {"once", 0, 0, G_OPTION_ARG_NONE, &settings.once,
         "print one picture as text, after one interval, and end", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &settings.arguments, NULL, NULL},
        {0}};
    const struct command_line line = {
        .name = NAME, .arguments = "PID|CAPTURE", .description = description, .entries = entries};
    int status;

    if (command_line_parse(&line, &argc, &argv, &status) && check(&settings, &status))
        status = run(&settings);
    g_strfreev(settings.arguments);
    return status;
}
