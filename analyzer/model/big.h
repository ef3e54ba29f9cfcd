/* Zeroed memory for what grows with the captures: where there is much of it, in huge pages, which
 * spares most of the page faults and of the misses in address translation. */
#ifndef LEAKEY_MODEL_BIG_H
#define LEAKEY_MODEL_BIG_H

#include <stddef.h>

/* Never NULL: ends the process when there is no memory, as g_malloc does. Memory that is never
 * written to takes no room. */
void *big_new0(size_t bytes);
/* `bytes` as it was asked for. */
void big_free(void *memory, size_t bytes);

#endif
