/*
 * Holds a process still for a moment: all its threads, also those that appear meanwhile. By ptrace
 * alone, so that the kernel lets it go on when we are killed; no signal is ever sent, and one that
 * arrives meanwhile is delivered when it goes on.
 */
#ifndef LEAKEY_LIVE_STOP_H
#define LEAKEY_LIVE_STOP_H

#include <glib.h>
#include <stdint.h>

struct stop;

struct stopped_thread {
    uint64_t stack_pointer, thread_pointer; /* 0 unknown */
};

/* NULL with an error; then it runs. Must be ended by the thread that began it. */
struct stop *stop_process(unsigned long pid, GError **error);
const GArray *stop_threads(const struct stop *stop);   /* struct stopped_thread */
const GArray *stop_registers(const struct stop *stop); /* uint64_t: of all threads, vector registers
                                                          too */
/* Lets it go on, frees `stop`; returns for how many seconds any of its threads stood. */
double stop_end(struct stop *stop);

#endif
