/* Which text format a client wants. */
#ifndef LEAKEY_SERVE_ACCEPT_H
#define LEAKEY_SERVE_ACCEPT_H

#include "metrics/families.h"

/* By an Accept header (RFC 9110, 12.5.1; NULL none): Prometheus' format where the client would
 * rather have that, or has it alone; else OpenMetrics. */
enum exposition accept_exposition(const char *accept);

#endif
