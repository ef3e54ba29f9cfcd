/*
 * The commands. Each takes its own name as argv[0] and what follows it, and returns the exit
 * status. Commands wire models, finders and renderers together; they alone print messages, and none
 * calls exit.
 *
 * A new command: a function here, its file in cmd/, its row in commands.c, its man page, its
 * completion.
 */
#ifndef LEAKEY_CMD_CMD_H
#define LEAKEY_CMD_CMD_H

enum status {
    STATUS_DONE = 0,
    STATUS_GATE = 1,  /* a gate that was asked for has tripped */
    STATUS_ERROR = 2, /* usage, or input that cannot be read */
};

/* Runs the command that argv[1] names. */
int commands_run(int argc, char **argv);

int cmd_check(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_what_if(int argc, char **argv);

#endif
