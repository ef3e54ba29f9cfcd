/*
 * A pager for long results on a terminal, chosen as git does: $LEAKEY_PAGER, $PAGER, or less; "cat"
 * or an empty value is none. The command runs by sh, with LESS=FRX where LESS is not set: colours
 * stay, and what fits the screen is just printed.
 */
#ifndef LEAKEY_CMD_PAGER_H
#define LEAKEY_CMD_PAGER_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct pager {
    pid_t pid;                                            /* 0: none */
    void (*interrupt)(int), (*quit)(int), (*broken)(int); /* dispositions to give back */
};

/* What to write to: the pager's input, or NULL when there is to be none (stdout is no terminal, for
 * one). From now to pager_end the terminal's interrupts are the pager's. */
FILE *pager_start(struct pager *pager);
/* Waits for it, after the stream was closed. False: it could not be run. */
bool pager_end(struct pager *pager);

#endif
