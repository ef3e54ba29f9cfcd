/*
 * Pointers that a process has given the kernel to keep, and that may lie nowhere else: what
 * epoll_ctl and timer_create were told to hand back.
 */
#ifndef LEAKEY_LIVE_KERNEL_ROOTS_H
#define LEAKEY_LIVE_KERNEL_ROOTS_H

#include <glib.h>

/* The process's epoll descriptors (int). To be asked before it is stopped: it may have many. */
GArray *kernel_epolls(unsigned long pid);

/* Appends all such words (uint64_t) to `words`. */
void kernel_roots(unsigned long pid, const GArray *epolls, GArray *words);

/* Appends the hexadecimal numbers that follow `label` in the lines of `text`; `label` ends where
 * the number, or blanks before it, begin. `after`: the number follows the next such character. */
void kernel_numbers(const char *text, const char *label, char after, GArray *words);

#endif
