/*
 * What depends on the processor, in one place for each: machine/NAME.h. A new one is a file with
 * these names, and a row below.
 *
 *   LK_RELOCATION_CALL, _DATA, _ADDRESS   relocations of a slot that holds a function's address: of
 *                                         the procedure linkage table, of the GOT, anywhere
 *   lk_machine_ticks                      a counter that is cheap to read
 *   lk_machine_ticks_steady               whether it runs at one rate, on all processors alike
 *   lk_machine_relax                      in a loop that waits for another processor
 *   lk_machine_is_wide                    whether it has the registers that cache/text_wide.c is
 *                                         compiled for
 *   LK_CALLER_HERE()                      struct lk_caller (stack/walk.h) of the function that this
 *                                         is written in, which it gives a frame pointer; sp 0: the
 *                                         shim's own walk does not know this processor, and each
 *                                         stack comes from the unwinder (stack/unwind.h)
 *   lk_machine_interrupted                what a signal interrupted: from the stack pointer where
 *                                         its handler returns to
 *   LK_MACHINE_DLOPEN                     the wrapper of dlopen, which leaves the return address as
 *                                         it is (deepbind.c): jumps into lk_dlopen_original, but
 *                                         where that is NULL or the mode has RTLD_DEEPBIND (8)
 *                                         calls lk_dlopen_deep(file, mode, return address) first,
 *                                         and returns what that gives second if the first is not 0
 */
#ifndef LK_MACHINE_H
#define LK_MACHINE_H

#if defined(__x86_64__)
#include "machine/x86_64.h" // IWYU pragma: export
#elif defined(__aarch64__)
#include "machine/aarch64.h" // IWYU pragma: export
#else
#error "a processor that the shim does not know: see above"
#endif

#endif
