/*
 * libunwind without a descriptor. Before it reads a word of a stack it does not trust, it has a
 * byte of it written into a pipe of its own, which would stand in the host's table of descriptors:
 * the numbers of the host's files would shift, and a host that closes every descriptor and opens
 * files under the same numbers would get those bytes. So its references to the calls are bound to
 * functions that ask the system whether memory can be read, and know no pipe.
 */
#ifndef LK_STACK_UNWINDER_H
#define LK_STACK_UNWINDER_H

#include <stdbool.h>

/* Binds the references of the library that the function is in. False: some could not be, and the
 * library must not be called. Before its first call. Asks the loader. */
bool lk_unwinder_bind(const void *function);

#endif
