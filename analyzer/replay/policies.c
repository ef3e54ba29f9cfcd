/* Eviction: a list (by last use, or by age) or a ranking (by frequency). */
#include "replay/policies.h"

#include <glib.h>
#include <string.h>

#include "replay/ranking.h"

struct place { /* of an entry in the list: index 0 is its head, entry e has e + 1 */
    uint32_t newer, older;
    uint64_t bytes;
    uint64_t uses;
    bool in, used;
};

struct bounded_cache {
    enum policy policy;
    uint64_t capacity_bytes, used_bytes, peak_bytes, evictions, clock;
    struct place *places;
    struct ranking ranking; /* of lfu */
};

static const char *const names[POLICIES] = {
    [POLICY_LRU] = "lru", [POLICY_LFU] = "lfu", [POLICY_FIFO_REINSERTION] = "fifo-reinsertion"};

const char *policy_name(enum policy policy)
{
    return names[policy];
}

bool policy_named(const char *name, enum policy *policy)
{
    for (unsigned i = 0; i < POLICIES; i++)
        if (strcmp(names[i], name) == 0) {
            *policy = (enum policy)i;
            return true;
        }
    return false;
}

struct bounded_cache *bounded_cache_new(enum policy policy, uint64_t capacity_bytes,
                                        uint32_t entries)
{
    struct bounded_cache *cache = g_new0(struct bounded_cache, 1);

    cache->policy = policy;
    cache->capacity_bytes = capacity_bytes;
    cache->places = g_new0(struct place, (size_t)entries + 1);
    if (policy == POLICY_LFU)
        ranking_init(&cache->ranking, entries);
    return cache;
}

void bounded_cache_free(struct bounded_cache *cache)
{
    ranking_release(&cache->ranking);
    g_free(cache->places);
    g_free(cache);
}

/* ---- Order ---- */

static void unlink_entry(struct bounded_cache *cache, uint32_t entry)
{
    struct place *place = &cache->places[entry + 1];

    cache->places[place->newer].older = place->older;
    cache->places[place->older].newer = place->newer;
}

static void link_newest(struct bounded_cache *cache, uint32_t entry)
{
    struct place *head = &cache->places[0], *place = &cache->places[entry + 1];

    place->newer = 0;
    place->older = head->older;
    cache->places[head->older].newer = entry + 1;
    head->older = entry + 1;
}

static void rank_used(struct bounded_cache *cache, uint32_t entry)
{
    struct rank rank = {++cache->places[entry + 1].uses, ++cache->clock};

    ranking_set(&cache->ranking, entry, rank);
}

static void join(struct bounded_cache *cache, uint32_t entry)
{
    if (cache->policy == POLICY_LFU) {
        cache->places[entry + 1].uses = 0;
        rank_used(cache, entry);
    } else {
        cache->places[entry + 1].used = false;
        link_newest(cache, entry);
    }
}

static void leave(struct bounded_cache *cache, uint32_t entry)
{
    if (cache->policy == POLICY_LFU)
        ranking_remove(&cache->ranking, entry);
    else
        unlink_entry(cache, entry);
}

void bounded_cache_use(struct bounded_cache *cache, uint32_t entry)
{
    switch (cache->policy) {
    case POLICY_LFU:
        rank_used(cache, entry);
        return;
    case POLICY_FIFO_REINSERTION:
        cache->places[entry + 1].used = true;
        return;
    default:
        unlink_entry(cache, entry);
        link_newest(cache, entry);
    }
}

/* ---- Eviction ---- */

/* The oldest that was not used since; those before it are spared, and so is `kept`. */
static uint32_t oldest_unused(struct bounded_cache *cache, uint32_t kept)
{
    for (;;) {
        uint32_t entry = cache->places[0].newer - 1;
        struct place *place = &cache->places[entry + 1];

        if (!place->used && entry != kept)
            return entry;
        place->used = entry == kept && place->used;
        unlink_entry(cache, entry);
        link_newest(cache, entry);
    }
}

static uint32_t choose(struct bounded_cache *cache, uint32_t kept)
{
    uint32_t entry = 0;

    if (cache->policy == POLICY_LRU)
        return cache->places[0].newer - 1;
    if (cache->policy == POLICY_FIFO_REINSERTION)
        return oldest_unused(cache, kept);
    ranking_first(&cache->ranking, &entry);
    return entry;
}

/* `kept`, which is in, stays; UINT32_MAX: none. There is something else to evict. */
static void make_room(struct bounded_cache *cache, uint64_t bytes, uint32_t kept)
{
    while (bytes > cache->capacity_bytes - cache->used_bytes) {
        bounded_cache_remove(cache, choose(cache, kept));
        cache->evictions++;
    }
}

/* ---- Entries ---- */

bool bounded_cache_holds(const struct bounded_cache *cache, uint32_t entry)
{
    return cache->places[entry + 1].in;
}

void bounded_cache_remove(struct bounded_cache *cache, uint32_t entry)
{
    struct place *place = &cache->places[entry + 1];

    if (!place->in)
        return;
    leave(cache, entry);
    place->in = false;
    cache->used_bytes -= place->bytes;
}

static void rewrite(struct bounded_cache *cache, uint32_t entry, uint64_t bytes)
{
    struct place *place = &cache->places[entry + 1];

    bounded_cache_use(cache, entry);
    cache->used_bytes -= place->bytes;
    if (cache->policy == POLICY_LFU)
        ranking_remove(&cache->ranking, entry); /* so that it is not chosen */
    make_room(cache, bytes, entry);
    if (cache->policy == POLICY_LFU)
        ranking_set(&cache->ranking, entry, cache->ranking.ranks[entry]);
    place->bytes = bytes;
}

bool bounded_cache_put(struct bounded_cache *cache, uint32_t entry, uint64_t bytes)
{
    struct place *place = &cache->places[entry + 1];

    if (bytes > cache->capacity_bytes) {
        bounded_cache_remove(cache, entry);
        return false;
    }
    if (place->in) {
        rewrite(cache, entry, bytes);
    } else {
        make_room(cache, bytes, UINT32_MAX);
        place->bytes = bytes;
        place->in = true;
        join(cache, entry);
    }
    cache->used_bytes += bytes;
    cache->peak_bytes = MAX(cache->peak_bytes, cache->used_bytes);
    return true;
}

uint64_t bounded_cache_peak_bytes(const struct bounded_cache *cache)
{
    return cache->peak_bytes;
}

uint64_t bounded_cache_evictions(const struct bounded_cache *cache)
{
    return cache->evictions;
}
