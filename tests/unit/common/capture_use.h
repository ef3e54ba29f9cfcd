/* Uses all that a capture hands out, so that a length or an index that is not good is a sanitizer's
 * finding. */
#ifndef LEAKEY_TESTS_CAPTURE_USE_H
#define LEAKEY_TESTS_CAPTURE_USE_H

#include "read/capture.h"

/* A sum of it all, so that nothing is optimised away. */
uint64_t capture_use(const struct capture *capture);

/* Copies of all records, in order: of struct event, g_array_free. */
GArray *capture_list_events(const struct capture *capture);

#endif
