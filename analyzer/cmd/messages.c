/* Messages, progress and the common part of every command's options. */
#include "cmd/messages.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "model/text.h"

#define PROGRESS_INTERVAL_US 100000

static bool progress_shown;

static void print_line(const char *what, const char *why)
{
    char *shown = text_printable(why, strlen(why)), *about = text_printable(what, strlen(what));

    message_progress_end();
    fflush(stdout);
    fprintf(stderr, "leakey: %s: %s\n", about, shown);
    g_free(about);
    g_free(shown);
}

void message(const char *what, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_line(what, why);
    g_free(why);
}

void message_progress(const char *what, double share_ratio, void *context)
{
    static gint64 next_us;
    gint64 now_us = g_get_monotonic_time();

    if (!isatty(STDERR_FILENO) || (now_us < next_us && share_ratio < 1))
        return;
    next_us = now_us + PROGRESS_INTERVAL_US;
    fprintf(stderr, "\r\033[Kleakey: %s: %s %3.0f %%", (const char *)context, what,
            100 * CLAMP(share_ratio, 0, 1));
    fflush(stderr);
    progress_shown = true;
}

void message_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

static void hint_help(const char *command)
{
    fprintf(stderr, "Try `leakey %s --help`.\n", command);
}

int usage_error(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_line(command, why);
    g_free(why);
    hint_help(command);
    return STATUS_ERROR;
}

bool command_line_parse(const struct command_line *line, int *argc, char ***argv, int *status)
{
    GOptionContext *context = g_option_context_new(line->arguments);
    GError *error = NULL;
    gboolean help = FALSE;
    const GOptionEntry help_entry[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "this text", NULL}, {0}};
    char *program = g_strconcat("leakey ", line->name, NULL);

    g_set_prgname(program);
    g_free(program);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_strict_posix(context, line->strict);
    g_option_context_set_description(context, line->description);
    g_option_context_add_main_entries(context, line->entries, NULL);
    if (line->more != NULL)
        g_option_context_add_main_entries(context, line->more, NULL);
    g_option_context_add_main_entries(context, help_entry, NULL);
    bool parsed = g_option_context_parse(context, argc, argv, &error);
    if (!parsed) {
        *status = usage_error(line->name, "%s", error->message);
        g_error_free(error);
    } else if (help) {
        char *text = g_option_context_get_help(context, TRUE, NULL);
        fputs(text, stdout);
        g_free(text);
        *status = STATUS_DONE;
    }
    g_option_context_free(context);
    return parsed && !help;
}
