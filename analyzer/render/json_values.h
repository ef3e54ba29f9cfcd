/* Private to the JSON renderers: values where unknown is null, and text is valid UTF-8. */
#ifndef LEAKEY_RENDER_JSON_VALUES_H
#define LEAKEY_RENDER_JSON_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

json_t *json_text(const char *text); /* NULL: null */
json_t *json_number(double value);   /* not finite: null */
json_t *json_whole(double value);    /* the same, as an integer */
json_t *json_count(uint64_t value);
json_t *json_interval(const double interval[2]); /* [lo, hi] of numbers */
json_t *json_whole_interval(const double interval[2]);

/* Puts the document out, and a newline; releases it. */
void json_put(json_t *document, FILE *out);

/* json_whole of what is known, else null. */
json_t *json_whole_if(bool known, double value);

#endif
