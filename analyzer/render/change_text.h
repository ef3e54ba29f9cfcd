/* A comparison's numbers, as text and markdown show them. */
#ifndef LEAKEY_RENDER_CHANGE_TEXT_H
#define LEAKEY_RENDER_CHANGE_TEXT_H

#include "model/compare.h"

#define CHANGE_ROOM 40 /* enough for any number; each writes into `out` and returns it */

const char *change_number(char *out, enum quantity quantity, double value);
/* With its sign; "?" unknown. */
const char *change_difference(char *out, enum quantity quantity, double value);
/* "-1.99 .. -1.65 MiB": a unit that both ends have is said once. */
void change_append_interval(GString *line, const struct change *change);

#endif
