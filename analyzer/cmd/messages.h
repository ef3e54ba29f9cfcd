/*
 * What commands say on stderr: `leakey: what: why`, and progress where stderr is a terminal.
 * Control characters in it are made visible.
 */
#ifndef LEAKEY_CMD_MESSAGES_H
#define LEAKEY_CMD_MESSAGES_H

#include <glib.h>
#include <stdbool.h>

/* One line. `what` is the command, or what it was asked for. */
void message(const char *what, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* For struct analysis_options: one line on the terminal that is written over again; `context` is
 * the command's name. */
void message_progress(const char *what, double share_ratio, void *context);
/* Wipes that line, if there is one. message() does it too. */
void message_progress_end(void);

/* A command's options, by GLib; `arguments` ("PATH...") and `description` are for --help, which is
 * answered here. False: *status is what to return, and what is wrong was said. `strict`: options
 * end at the first argument. */
struct command_line {
    const char *name, *arguments, *description;
    const GOptionEntry *entries, *more; /* `more`: what several commands share; NULL none */
    bool strict;
};
bool command_line_parse(const struct command_line *line, int *argc, char ***argv, int *status);

/* Says that the command was called wrongly and how to learn more; returns the exit status for it.
 */
int usage_error(const char *command, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
