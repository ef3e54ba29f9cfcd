/* Which module an address is of; see module_map.h. */
#include "model/module_map.h"

#include <string.h>

struct place {
    const struct capture_module *module;
    uint64_t furthest; /* the greatest end up to here */
};

struct module_map {
    GArray *places; /* struct place, by start */
};

static gint compare_places(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct place *)a)->module->start,
             y = ((const struct place *)b)->module->start;
    return (x > y) - (x < y);
}

struct module_map *module_map_new(const GArray *modules)
{
    struct module_map *map = g_new0(struct module_map, 1);
    uint64_t furthest = 0;
    map->places = g_array_new(FALSE, FALSE, sizeof(struct place));
    for (guint i = 0; i < modules->len; i++) {
        struct place place = {.module = &g_array_index(modules, struct capture_module, i)};
        g_array_append_val(map->places, place);
    }
    g_array_sort(map->places, compare_places);
    for (guint i = 0; i < map->places->len; i++) {
        struct place *place = &g_array_index(map->places, struct place, i);
        furthest = MAX(furthest, place->module->end);
        place->furthest = furthest;
    }
    return map;
}

void module_map_free(struct module_map *map)
{
    if (map == NULL)
        return;
    g_array_free(map->places, TRUE);
    g_free(map);
}

static bool holds(const struct capture_module *module, uint64_t address, uint32_t epoch)
{
    return address >= module->start && address < module->end && epoch >= module->first_epoch &&
           epoch <= module->last_epoch;
}

static bool is_same(const struct capture_module *a, const struct capture_module *b)
{
    return a->bias == b->bias && strcmp(a->path, b->path) == 0 &&
           g_strcmp0(a->build_id, b->build_id) == 0;
}

const struct capture_module *module_map_find(const struct module_map *map, uint64_t address,
                                             uint32_t epoch)
{
    const struct capture_module *found = NULL;
    guint low = 0, high = map->places->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(map->places, struct place, middle).module->start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low > 0; low--) {
        const struct place *place = &g_array_index(map->places, struct place, low - 1);
        if (address >= place->furthest)
            break;
        if (!holds(place->module, address, epoch))
            continue;
        if (found != NULL && !is_same(found, place->module))
            return NULL;
        found = place->module;
    }
    return found;
}
