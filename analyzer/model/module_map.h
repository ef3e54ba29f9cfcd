/*
 * Which module of a capture an address is of, at a time: after dlclose another library may lie
 * where one lay before, and the epoch says which was meant.
 */
#ifndef LEAKEY_MODEL_MODULE_MAP_H
#define LEAKEY_MODEL_MODULE_MAP_H

#include "read/capture.h"

struct module_map;

/* `modules` (of struct capture_module) must outlive it and not move. */
struct module_map *module_map_new(const GArray *modules);
void module_map_free(struct module_map *map);

/* NULL where no module of that epoch holds the address, or where two different ones do: then which
 * was meant cannot be known. */
const struct capture_module *module_map_find(const struct module_map *map, uint64_t address,
                                             uint32_t epoch);

#endif
