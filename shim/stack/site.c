/* Interned stacks: an index in wiped memory, the stacks themselves in the capture. Lock-free. */
#include "stack/site.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "capture/state.h"
#include "stack/modules.h"
#include "stack/unwind.h"
#include "sys.h"
#include "thread.h"

#define SITES_PER_EXTENT  ((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(struct lk_site))
#define FRAMES_PER_EXTENT ((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(uint64_t))
#define EXTENTS_MAX       8192u /* 1.6 million sites */
#define PROBES            24u
#define INDEX_LEVELS      4u
#define INDEX_BITS(level) (12u + 3u * (level)) /* 4096, 32768, 262144, 2097152 places */
#define RESCAN_NS         100000000u

struct sites {
    struct lk_extent *extents[EXTENTS_MAX];
    struct lk_extent *frames;      /* the extent that takes new frames */
    uint64_t *index[INDEX_LEVELS]; /* upper half of the hash, id */
    uint64_t next_rescan_ns;
};

static struct sites *sites;

static struct sites *get_sites(void)
{
    struct sites *made = __atomic_load_n(&sites, __ATOMIC_ACQUIRE), *none = NULL;
    if (made)
        return made;
    made = lk_sys_memory_wiped(sizeof *made);
    if (made && !__atomic_compare_exchange_n(&sites, &none, made, false, __ATOMIC_RELEASE,
                                             __ATOMIC_ACQUIRE))
        made = none;
    return made;
}

struct lk_site *lk_site_at(uint32_t id)
{
    if (id == 0 || !sites)
        return NULL;
    struct lk_extent *extent =
        __atomic_load_n(&sites->extents[id / SITES_PER_EXTENT], __ATOMIC_ACQUIRE);
    return extent ? (struct lk_site *)(extent + 1) + id % SITES_PER_EXTENT : NULL;
}

/* Publishes *place once; a thread that comes second drops what it made. */
static struct lk_extent *get_extent(struct lk_extent **place, uint64_t first_id, uint64_t items,
                                    enum lk_extent_kind kind)
{
    struct lk_extent *made = __atomic_load_n(place, __ATOMIC_ACQUIRE), *none = NULL;
    if (made)
        return made;
    made = lk_extent_new(1, first_id, items);
    if (!made)
        return NULL;
    if (!__atomic_compare_exchange_n(place, &none, made, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        return none;
    lk_extent_publish(made, kind);
    return made;
}

/* Room for `depth` frames in the capture. In a FRAMES extent `items` counts frames handed out. */
static uint64_t *take_frames(struct sites *s, uint32_t depth)
{
    for (int tries = 0; tries < 3; tries++) {
        struct lk_extent *extent = get_extent(&s->frames, 0, 0, LK_EXTENT_FRAMES);
        if (!extent)
            return NULL;
        uint64_t used = __atomic_fetch_add(&extent->items, depth, __ATOMIC_RELAXED);
        if (used + depth <= FRAMES_PER_EXTENT)
            return (uint64_t *)(extent + 1) + used;
        __atomic_compare_exchange_n(&s->frames, &extent, NULL, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED);
    }
    return NULL;
}

static uint32_t new_site(struct sites *s, uint64_t hash, const uint64_t *frames, uint32_t depth,
                         bool cut)
{
    struct lk_header *header = lk_capture_header();
    uint32_t id = (uint32_t)__atomic_fetch_add(&header->sites, 1, __ATOMIC_RELAXED);
    uint32_t number = id / (uint32_t)SITES_PER_EXTENT;
    uint64_t *kept = take_frames(s, depth);
    if (number >= EXTENTS_MAX || !kept ||
        !get_extent(&s->extents[number], (uint64_t)number * SITES_PER_EXTENT, SITES_PER_EXTENT,
                    LK_EXTENT_SITES))
        return 0;
    struct lk_site *site = lk_site_at(id);
    memcpy(kept, frames, depth * sizeof *frames);
    site->frames_offset = lk_capture_offset(kept);
    site->flags = cut ? LK_SITE_CUT : 0;
    site->epoch = lk_state->epoch;
    site->first_ns = lk_now();
    site->hash = hash;
    __atomic_store_n(&site->depth, depth, __ATOMIC_RELEASE);
    return id;
}

static bool is_site(uint32_t id, uint64_t hash, const uint64_t *frames, uint32_t depth)
{
    const struct lk_site *site = lk_site_at(id);
    return site && site->hash == hash && site->depth == depth &&
           memcmp(lk_capture_base() + site->frames_offset, frames, depth * sizeof *frames) == 0;
}

static uint64_t *get_index(struct sites *s, uint32_t level)
{
    uint64_t *made = __atomic_load_n(&s->index[level], __ATOMIC_ACQUIRE), *none = NULL;
    if (made)
        return made;
    made = lk_sys_memory_wiped(sizeof *made << INDEX_BITS(level));
    if (made && !__atomic_compare_exchange_n(&s->index[level], &none, made, false, __ATOMIC_RELEASE,
                                             __ATOMIC_ACQUIRE))
        made = none;
    return made;
}

/* The first level with the stack, or with an empty place for it: levels fill one after the other.
 */
static uint32_t intern(struct sites *s, uint64_t hash, const uint64_t *frames, uint32_t depth,
                       bool cut)
{
    uint64_t tag = hash & 0xffffffff00000000u;
    for (uint32_t level = 0; level < INDEX_LEVELS; level++) {
        uint64_t *index = get_index(s, level), mask = (1u << INDEX_BITS(level)) - 1;
        for (uint32_t i = 0; index && i < PROBES; i++) {
            uint64_t *place = &index[(hash + i) & mask];
            uint64_t held = __atomic_load_n(place, __ATOMIC_ACQUIRE);
            if (held == 0) {
                uint32_t id = new_site(s, hash, frames, depth, cut);
                if (id)
                    __atomic_compare_exchange_n(place, &held, tag | id, false, __ATOMIC_RELEASE,
                                                __ATOMIC_RELAXED);
                return id; /* if another thread was faster, one stack has two ids: the reader merges
                            */
            }
            if ((held & 0xffffffff00000000u) == tag && is_site((uint32_t)held, hash, frames, depth))
                return (uint32_t)held;
        }
    }
    return 0;
}

/* A stack with an address that no module holds may mean that something was loaded since. */
static void look_for_new_modules(struct sites *s, const uint64_t *frames, uint32_t depth)
{
    uint64_t now = lk_now();
    for (uint32_t i = 0; i < depth; i++) {
        if (lk_modules_know(frames[i]))
            continue;
        if (now >= s->next_rescan_ns) {
            s->next_rescan_ns = now + RESCAN_NS;
            lk_modules_scan();
        }
        return;
    }
}

uint32_t lk_site_here(void)
{
    uint64_t frames[LK_SITE_FRAMES_MAX];
    bool cut = false;
    struct sites *s = get_sites();
    uint32_t depth = s ? lk_unwind(frames, LK_SITE_FRAMES_MAX, &cut) : 0;
    uint32_t id = 0;
    if (depth) {
        uint64_t hash = XXH3_64bits_withSeed(frames, depth * sizeof *frames, lk_state->epoch);
        uint64_t before = __atomic_load_n(&lk_capture_header()->sites, __ATOMIC_RELAXED);
        id = intern(s, hash, frames, depth, cut);
        if (id >= before)
            look_for_new_modules(s, frames, depth);
    }
    if (!id)
        lk_add(&lk_capture_header()->lost_sites, 1);
    return id;
}
