/*
 * Templates of all captures put together: equal texts are one template, and so are those that
 * differ in one word of which there are too many, or that grow in number with the requests
 * (`user:alice`, `user:bob`, ... -> `user:<text>`). A step of cache_model_new.
 */
#ifndef LEAKEY_MODEL_TEMPLATES_H
#define LEAKEY_MODEL_TEMPLATES_H

#include "model/cache.h"

/* Fills templates and template_maps, and the whole-run counters of each template's report. */
void templates_merge(struct cache_model *model);
/* The union of the sketches of the capture templates that make up template `index` (of all, for
 * CACHE_NONE). */
double templates_estimate_keys(const struct cache_model *model, uint32_t index);

#endif
