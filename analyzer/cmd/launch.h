/* Runs a command in place of leakey: signals pass on, the terminal stays shared, its status comes
 * back. */
#ifndef LEAKEY_CMD_LAUNCH_H
#define LEAKEY_CMD_LAUNCH_H

struct launch {
    int error;  /* errno of what kept it from starting; 0 started */
    int status; /* the exit status, or 128 + the signal that ended it */
};

/* Waits until it has ended. Signals that somebody sends to leakey go to the command; those of the
 * terminal reach it anyway, as they reach its whole group. */
struct launch launch_run(char *const *argv, char *const *environment);

#endif
