/* From a call stack to its site: the stack cache, else a walk, else the unwinder; then interned, by
 * an index in wiped memory over the stacks in the capture. Lock-free. */
#include "stack/site.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "capture/state.h"
#include "config.h"
#include "heap/heap.h"
#include "stack/modules.h"
#include "stack/unwind.h"
#include "sys.h"
#include "thread.h"

#define SITES_PER_EXTENT  ((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(struct lk_site))
#define FRAMES_PER_EXTENT ((LK_GRANULE - sizeof(struct lk_extent)) / sizeof(uint64_t))
#define EXTENTS_MAX       (LK_SITES_MAX / SITES_PER_EXTENT + 1)
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

bool lk_site_checking;

static struct sites *get_sites(void)
{
    return lk_sys_once_wiped((void **)&sites, sizeof *sites);
}

struct lk_site *lk_site_at(uint32_t id)
{
    struct sites *s = get_sites();
    uint64_t first = id - id % SITES_PER_EXTENT;
    struct lk_extent *extent = s ? lk_extent_at(&s->extents[id / SITES_PER_EXTENT], LK_EXTENT_SITES,
                                                1, first, SITES_PER_EXTENT, 0)
                                 : NULL;
    return extent ? (struct lk_site *)(extent + 1) + (id - first) : NULL;
}

/* Room for `depth` frames in the capture. In a FRAMES extent `items` counts frames handed out. */
static uint64_t *take_frames(struct sites *s, uint32_t depth)
{
    for (int tries = 0; tries < 3; tries++) {
        struct lk_extent *extent = lk_extent_at(&s->frames, LK_EXTENT_FRAMES, 1, 0, 0, 0);
        if (!extent)
            return NULL;
        uint64_t used = __atomic_fetch_add(&extent->items, depth, __ATOMIC_RELAXED);
        if (used <= FRAMES_PER_EXTENT - depth)
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
    uint64_t *kept = take_frames(s, depth);
    struct lk_site *site = id < LK_SITES_MAX && kept ? lk_site_at(id) : NULL;
    if (!site)
        return 0;
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
           site->frames_offset < lk_state->mapped_bytes - LK_GRANULE &&
           memcmp(lk_capture_base() + site->frames_offset, frames, depth * sizeof *frames) == 0;
}

static uint64_t *get_index(struct sites *s, uint32_t level)
{
    return lk_sys_once_wiped((void **)&s->index[level], sizeof(uint64_t) << INDEX_BITS(level));
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

/* A stack with an address that no module holds may mean that something was loaded since; surely so
 * where one was unloaded. True when another epoch began with that. */
static bool look_for_new_modules(struct sites *s, const uint64_t *frames, uint32_t depth)
{
    uint64_t now = lk_now();
    uint32_t epoch = lk_state->epoch;
    enum lk_module_presence presence = LK_MODULE_PRESENT;
    for (uint32_t i = 0; i < depth && presence == LK_MODULE_PRESENT; i++)
        presence = lk_modules_know(frames[i]);
    if (presence == LK_MODULE_PRESENT || (presence != LK_MODULE_GONE && now < s->next_rescan_ns))
        return false;
    s->next_rescan_ns = now + RESCAN_NS;
    lk_modules_scan();
    return epoch != lk_state->epoch;
}

static uint32_t intern_now(struct sites *s, const uint64_t *frames, uint32_t depth, bool cut)
{
    uint64_t hash = XXH3_64bits_withSeed(frames, depth * sizeof *frames, lk_state->epoch);
    return intern(s, hash, frames, depth, cut);
}

static uint32_t site_of(const uint64_t *frames, uint32_t depth, bool cut)
{
    struct sites *s = get_sites();
    uint32_t id = 0;
    if (s && depth) {
        uint64_t before = __atomic_load_n(&lk_capture_header()->sites, __ATOMIC_RELAXED);
        id = intern_now(s, frames, depth, cut);
        if (id >= before && look_for_new_modules(s, frames, depth))
            id = intern_now(s, frames, depth, cut);
    }
    if (!id)
        lk_add(&lk_capture_header()->lost_sites, 1);
    return id;
}

/* ---- The current stack ---- */

void lk_site_check_all(void)
{
    lk_site_checking = true;
}

static __attribute__((noinline)) uint32_t unwind_site(void)
{
    uint64_t frames[LK_SITE_FRAMES_MAX];
    bool cut = false;
    lk_add(&lk_capture_header()->stacks_unwound, 1);
    uint32_t depth = lk_unwind(frames, LK_SITE_FRAMES_MAX, &cut);
    return site_of(frames, depth, cut);
}

/* Counts whether the site's stack is what the unwinder finds. */
void lk_site_check(uint32_t id)
{
    uint64_t frames[LK_SITE_FRAMES_MAX];
    bool cut = false;
    uint32_t depth = lk_unwind(frames, LK_SITE_FRAMES_MAX, &cut);
    const struct lk_site *site = id ? lk_site_at(id) : NULL;
    struct lk_header *header = lk_capture_header();
    if (!depth || !site)
        return;
    lk_add(&header->stacks_checked, 1);
    if (site->depth != depth ||
        memcmp(lk_capture_base() + site->frames_offset, frames, depth * sizeof *frames) != 0)
        lk_add(&header->stacks_mismatched, 1);
}

struct lk_stack *lk_stack_learn(const struct lk_caller *from)
{
    static __thread struct lk_stack uncached __attribute__((tls_model("initial-exec")));
    struct lk_thread *t = &lk_self;
    if (!t->stacks && from->sp)
        t->stacks = lk_stack_cache_take(lk_heap_every);
    uncached.counts = NULL;
    if (t->stacks && lk_walk(from, &t->stacks->trace)) {
        const struct lk_trace *trace = &t->stacks->trace;
        struct lk_stack *stack = NULL;
        lk_add(&lk_capture_header()->stacks_learned, 1);
        uncached.site = site_of(trace->frames, trace->depth, trace->cut);
        if (uncached.site)
            stack = lk_stack_cache_learn(t->stacks, from, uncached.site);
        return stack ? stack : &uncached;
    }
    uncached.site = unwind_site();
    return &uncached;
}

__attribute__((noinline)) uint32_t lk_site_here(void)
{
    struct lk_caller here = LK_CALLER_HERE();
    return lk_stack_from(&here)->site;
}
