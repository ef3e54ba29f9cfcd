/*
 * Which file lay where: the capture's table of modules. It is made from /proc/self/maps and the ELF
 * headers in memory, so that no lock of the loader is ever taken.
 */
#ifndef LK_STACK_MODULES_H
#define LK_STACK_MODULES_H

#include <stdbool.h>
#include <stdint.h>

/* Adds what is mapped now and not in the table yet. If something is gone (dlclose), addresses may
 * mean something else from now on: a new epoch begins, but where what is gone has come back before.
 * One thread at a time, others return at once. */
void lk_modules_scan(void);

/* Whether the address lies in a module of the table, or in one that was unloaded. */
enum lk_module_presence { LK_MODULE_UNKNOWN, LK_MODULE_GONE, LK_MODULE_PRESENT };
enum lk_module_presence lk_modules_know(uint64_t address);

#endif
