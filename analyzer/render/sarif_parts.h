/* Private to the SARIF renderer. Section numbers are those of the OASIS standard, SARIF 2.1.0. */
#ifndef LEAKEY_RENDER_SARIF_PARTS_H
#define LEAKEY_RENDER_SARIF_PARTS_H

#include <jansson.h>

#include "model/report.h"

/* Text as a SARIF message takes it (3.11): what would act on a terminal is shown escaped, "{0}" is
 * no placeholder, and "[text](target)" no link. */
json_t *sarif_text(const char *text);

/* A `location` (3.28) of a frame: its line in the sources; where none is known its module, with the
 * offset in it; `module` in place of an unknown one. Function and module are logical locations. */
json_t *sarif_location(const struct frame *frame, const char *module);
/* The same as a `physicalLocation` (3.29). */
json_t *sarif_physical(const struct frame *frame, const char *module);
/* Adds {name, kind} to the location's logicalLocations; nothing for NULL. */
void sarif_add_logical(json_t *location, const char *name, const char *kind);

/* A `stack` (3.44), innermost first. */
json_t *sarif_stack(const struct stack *stack, const char *message);
/* A `codeFlow` (3.36) of the frames with a line, outermost first: the way that the program went.
 * NULL where there is none. */
json_t *sarif_code_flow(const struct stack *stack, const char *message);

#endif
