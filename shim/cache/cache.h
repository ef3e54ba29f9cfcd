/*
 * The cache side: connections, commands and their answers, digests. Wrappers (hiredis.c,
 * digest_*.c) translate; commands.c knows verbs; connection.c pairs answers with commands;
 * templates.c counts; inputs.c remembers what was digested.
 */
#ifndef LK_CACHE_CACHE_H
#define LK_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reserves the cache side's wiped memory. From lk_init, once. */
void lk_cache_init(void);

#endif
