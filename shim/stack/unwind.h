/*
 * Walking the stack: libunwind, loaded privately (its exported _Unwind_* must never meet the
 * host's), else glibc's backtrace. Not while a fork is under way: a child must not find a lock
 * inside libunwind taken.
 */
#ifndef LK_STACK_UNWIND_H
#define LK_STACK_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* Return addresses, innermost first, of the caller's stack; the shim's own frames are left out.
 * Returns how many, at most `room`; 0 when it cannot be had. *cut: there are more. */
uint32_t lk_unwind(uint64_t *frames, uint32_t room, bool *cut);

/* Stacks come from the fallback. */
bool lk_unwind_is_fallback(void);

#endif
