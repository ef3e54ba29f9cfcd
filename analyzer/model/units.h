/*
 * Numbers for people: "1,412", "88.2 KiB", "3.5 s", "94.1 %". Each writes into `out`,
 * NUL-terminated and cut to `room`, and returns `out`, so that it can stand in a printf's
 * arguments. NAN gives "unknown".
 */
#ifndef LEAKEY_MODEL_UNITS_H
#define LEAKEY_MODEL_UNITS_H

#include <stddef.h>

#define UNITS_ROOM 32 /* enough for any of them */

char *units_bytes(char *out, size_t room,
                  double bytes); /* 512 B, 88.2 KiB, 1.25 GiB (powers of 1024) */
char *units_count(char *out, size_t room, double count); /* 7, 1,412, 0.25 */
char *units_seconds(char *out, size_t room,
                    double seconds); /* 840 ns, 12 ms, 3.5 s, 4 min 10 s, 2 h 5 min */
char *units_ratio(char *out, size_t room, double ratio); /* 0.941 -> 94.1 % */

#endif
