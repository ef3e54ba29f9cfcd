/*
 * A map from 64-bit hashes to 32-bit numbers: open addressing, one cache miss a look-up. Its keys
 * are hashes already, so that two different things with one hash are taken for the same; with 64
 * bits that does not happen in practice.
 */
#ifndef LEAKEY_MODEL_MAP_H
#define LEAKEY_MODEL_MAP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct map_slot {
    uint64_t key; /* 0: empty */
    uint32_t value;
};

struct map { /* all zero: empty */
    struct map_slot *slots;
    size_t used, capacity; /* capacity is a power of two, or 0 */
    unsigned shift;        /* of a 64-bit number to a place in `slots` */
};

void map_clear(struct map *map);
/* NULL when it is not there. Valid until the next map_put or map_remove. */
uint32_t *map_find(const struct map *map, uint64_t key);
/* Adds it with value 0 if it is not there, and says so. Valid until the next map_put or map_remove.
 */
uint32_t *map_put(struct map *map, uint64_t key, bool *added);
bool map_remove(struct map *map, uint64_t key);

/* Mixes well, and is one-to-one in each of its arguments. */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (a >> 32)) * 0xff51afd7ed558ccdull;

    h = ((h ^ (h >> 29)) + b * 0x9e3779b97f4a7c15ull) * 0xc4ceb9fe1a85ec53ull;
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
    return h ^ (h >> 32);
}

#endif
