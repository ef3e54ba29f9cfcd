/* The parts of a report as JSON (leakey.report/1; spec, section 7): each returns a new reference.
 */
#ifndef LEAKEY_RENDER_JSON_PARTS_H
#define LEAKEY_RENDER_JSON_PARTS_H

#include <jansson.h>

#include "model/report.h"

struct comparison; /* model/compare.h */

typedef json_t *make_element(const void *element);
/* Arrays of what `make` makes of each pointer, or of each structure; empty for NULL. */
json_t *json_list_of(const GPtrArray *array, make_element *make);
json_t *json_list_of_structs(const GArray *array, make_element *make);

json_t *json_stack(const void *stack); /* const struct stack * */

/* json_cache.c */
json_t *json_cache(const struct report *report);
json_t *json_window(const void *window); /* const struct window * */

/* json.c, compare_json.c: all of it. */
json_t *json_report(const struct report *report);
json_t *json_comparison(const struct comparison *comparison);

#endif
