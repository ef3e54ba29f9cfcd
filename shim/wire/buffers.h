/* Memory that streams hold for a while: many small pieces and a few large ones, of one bounded pool
 * that threads share without a lock. */
#ifndef LK_WIRE_BUFFERS_H
#define LK_WIRE_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LK_BUFFER_SMALL 4096u
#define LK_BUFFER_LARGE 1048576u

/* Reserves memory; once. False: there is none. */
bool lk_buffers_init(void);
/* Of LK_BUFFER_SMALL or LK_BUFFER_LARGE bytes, whatever was in it; NULL: all are taken. */
char *lk_buffer_take(uint32_t bytes);
void lk_buffer_give(const char *buffer);

#endif
