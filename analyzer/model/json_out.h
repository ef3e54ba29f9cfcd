/* JSON on its way out. It is read by programs, but may be put out on a terminal. */
#ifndef LEAKEY_MODEL_JSON_OUT_H
#define LEAKEY_MODEL_JSON_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* As json_dumpf, with every character that acts (model/text.h) as \uXXXX. False on an error of the
 * stream. */
bool json_put_out(const json_t *json, FILE *out, size_t flags);

#endif
