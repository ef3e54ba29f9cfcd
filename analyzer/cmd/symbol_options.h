/*
 * The options that say where binaries and debug files lie: the same for every command that names
 * functions.
 */
#ifndef LEAKEY_CMD_SYMBOL_OPTIONS_H
#define LEAKEY_CMD_SYMBOL_OPTIONS_H

#include "model/model.h"

struct symbol_options {
    char **sysroots, **debug_paths;
    char *debuginfod;
};

#define SYMBOL_ENTRIES 4 /* the last of them ends the list */

/* The entries for struct command_line's `more`, which put what was given into `options`. */
void symbol_option_entries(struct symbol_options *options, GOptionEntry entries[SYMBOL_ENTRIES]);

/* What they ask for, for as long as the options live; false: *status is what to return, and what is
 * wrong was said. `command` is a literal. */
bool symbol_options_read(const struct symbol_options *options, const char *command,
                         struct symbol_search *search, int *status);
void symbol_options_release(struct symbol_options *options);

#endif
