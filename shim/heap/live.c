/* The live table: lock-free, in levels of doubling size, each an extent of the capture. */
#include "heap/live.h"

#include "capture/state.h"
#include "sys.h"

#define LEVELS 15u /* 2,046 entries, then twice as many each time: 67 million in all */
#define PROBES 16u

enum { EMPTY = 0, DELETED = 1, WRITING = 2 };

static struct levels {
    struct lk_extent *extents[LEVELS];
    uint32_t count;
    uint32_t growing;
} * levels;

static struct levels *get_levels(void)
{
    return lk_sys_once_wiped((void **)&levels, sizeof *levels);
}

static uint64_t key_of(enum lk_live_kind kind, uint64_t address)
{
    return address ^ (uint64_t)kind << 60;
}

static uint64_t mix(uint64_t key)
{
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    return key ^ key >> 32;
}

static uint64_t items_of(uint32_t level)
{
    return (((uint64_t)LK_GRANULE << level) - sizeof(struct lk_extent)) / sizeof(struct lk_live);
}

/* By nothing that stands in the capture, which another hand may have overwritten. */
static struct lk_live *slot(struct lk_extent *extent, uint32_t level, uint64_t hash, uint32_t probe)
{
    uint64_t items = items_of(level), place = ((hash >> 32) * items >> 32) + probe;
    return (struct lk_live *)(extent + 1) + (place < items ? place : place - items);
}

static struct lk_live *find(uint64_t key)
{
    struct levels *all = get_levels();
    uint64_t hash = mix(key);
    uint32_t count = all ? __atomic_load_n(&all->count, __ATOMIC_ACQUIRE) : 0;
    while (count--) {
        for (uint32_t i = 0; i < PROBES; i++) {
            struct lk_live *entry = slot(all->extents[count], count, hash, i);
            uint64_t held = __atomic_load_n(&entry->key, __ATOMIC_ACQUIRE);
            if (held == key)
                return entry;
            if (held == EMPTY)
                break;
        }
    }
    return NULL;
}

/* *crowded: it took so long to find the place that another level is due. */
static struct lk_live *claim(struct lk_extent *extent, uint32_t level, uint64_t hash, bool *crowded)
{
    for (uint32_t i = 0; i < PROBES; i++) {
        struct lk_live *entry = slot(extent, level, hash, i);
        uint64_t held = __atomic_load_n(&entry->key, __ATOMIC_RELAXED);
        if (held <= DELETED && __atomic_compare_exchange_n(&entry->key, &held, WRITING, false,
                                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            *crowded = i >= PROBES / 2;
            return entry;
        }
    }
    *crowded = true;
    return NULL;
}

/* Adds a level, unless another thread is at it. */
static bool grow(struct levels *all)
{
    if (!lk_try_lock(&all->growing))
        return false;
    uint32_t count = all->count;
    struct lk_extent *extent = NULL;
    if (count < LEVELS)
        extent = lk_extent_new(1u << count, 0, items_of(count));
    if (extent) {
        lk_extent_publish(extent, LK_EXTENT_LIVE);
        all->extents[count] = extent;
        __atomic_store_n(&all->count, count + 1, __ATOMIC_RELEASE);
    }
    lk_unlock(&all->growing);
    return extent != NULL;
}

/* The newest level has the most room; older ones serve while the next one is being made, which is
 * begun early. */
static struct lk_live *claim_anywhere(uint64_t hash)
{
    struct levels *all = get_levels();
    for (int tries = 0; all && tries < 2; tries++) {
        uint32_t newest = __atomic_load_n(&all->count, __ATOMIC_ACQUIRE);
        for (uint32_t level = newest; level--;) {
            bool crowded;
            struct lk_live *entry = claim(all->extents[level], level, hash, &crowded);
            if (crowded && level + 1 == newest)
                grow(all);
            if (entry)
                return entry;
        }
        if (newest == 0)
            grow(all);
        if (__atomic_load_n(&all->count, __ATOMIC_ACQUIRE) == newest)
            break;
    }
    lk_drop(LK_DROP_NO_SPACE);
    return NULL;
}

void lk_live_open(void)
{
    struct levels *all = get_levels();
    if (all && all->count == 0)
        grow(all);
}

bool lk_live_add(enum lk_live_kind kind, uint64_t address, uint64_t size, uint64_t time_ns,
                 uint32_t site, uint32_t tag)
{
    uint64_t key = key_of(kind, address);
    struct lk_live *entry = claim_anywhere(mix(key));
    if (!entry)
        return false;
    entry->size = size;
    entry->time_ns = time_ns;
    entry->site = site;
    entry->tag = tag;
    __atomic_store_n(&entry->key, key, __ATOMIC_RELEASE);
    return true;
}

bool lk_live_insert(enum lk_live_kind kind, uint64_t address, uint64_t size, uint64_t time_ns,
                    uint32_t site, uint32_t tag, struct lk_live *stale)
{
    struct lk_live unseen;
    if (!stale)
        stale = &unseen;
    if (!lk_live_remove(kind, address, stale))
        stale->key = EMPTY;
    return lk_live_add(kind, address, size, time_ns, site, tag);
}

bool lk_live_remove(enum lk_live_kind kind, uint64_t address, struct lk_live *entry)
{
    uint64_t key = key_of(kind, address);
    struct lk_live *found = find(key);
    if (!found)
        return false;
    if (entry)
        *entry = (struct lk_live){key, found->size, found->time_ns, found->site, found->tag};
    __atomic_store_n(&found->key, DELETED, __ATOMIC_RELEASE);
    return true;
}

void lk_live_retag(enum lk_live_kind kind, uint64_t address, uint32_t tag)
{
    struct lk_live *found = find(key_of(kind, address));
    if (found)
        __atomic_store_n(&found->tag, tag, __ATOMIC_RELAXED);
}
