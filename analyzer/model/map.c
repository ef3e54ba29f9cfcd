/* A map from 64-bit hashes to 32-bit numbers: linear probing, deletion by shifting back. A slot's
 * place is given by the upper bits, so that growing walks through old and new slots in one order.
 */
#include "model/map.h"

#include "model/big.h"

static uint64_t usable_key(uint64_t key)
{
    return key ? key : 0x9e3779b97f4a7c15ull;
}

static size_t home_of(const struct map *map, uint64_t key)
{
    return (size_t)((key * 0x9e3779b97f4a7c15ull) >> map->shift);
}

static size_t probe(const struct map *map, uint64_t key)
{
    size_t i = home_of(map, key);

    while (map->slots[i].key && map->slots[i].key != key)
        i = (i + 1) & (map->capacity - 1);
    return i;
}

static void grow(struct map *map)
{
    struct map old = *map;

    map->capacity = old.capacity ? old.capacity * 2 : 64;
    map->shift = old.capacity ? old.shift - 1 : 64 - 6;
    map->slots = big_new0(map->capacity * sizeof(*map->slots));
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].key)
            map->slots[probe(map, old.slots[i].key)] = old.slots[i];
    big_free(old.slots, old.capacity * sizeof(*old.slots));
}

void map_clear(struct map *map)
{
    big_free(map->slots, map->capacity * sizeof(*map->slots));
    *map = (struct map){0};
}

uint32_t *map_find(const struct map *map, uint64_t key)
{
    size_t i;

    if (!map->capacity)
        return NULL;
    i = probe(map, usable_key(key));
    return map->slots[i].key ? &map->slots[i].value : NULL;
}

uint32_t *map_put(struct map *map, uint64_t key, bool *added)
{
    size_t i;

    if (map->used * 4 >= map->capacity * 3)
        grow(map);
    key = usable_key(key);
    i = probe(map, key);
    if (added)
        *added = !map->slots[i].key;
    if (!map->slots[i].key) {
        map->slots[i].key = key;
        map->used++;
    }
    return &map->slots[i].value;
}

bool map_remove(struct map *map, uint64_t key)
{
    size_t hole, i, mask = map->capacity - 1;

    if (!map->capacity || !map->slots[hole = probe(map, usable_key(key))].key)
        return false;
    for (i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
        size_t home = home_of(map, map->slots[i].key);

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct map_slot){0};
    map->used--;
    return true;
}
