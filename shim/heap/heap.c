/* What is sampled: into the live table, the site's and the process's totals, the timeline, the
 * ring. */
#include "heap/heap.h"

#include "capture/state.h"
#include "heap/filter.h"
#include "heap/live.h"
#include "heap/sampling.h"
#include "heap/timeline.h"
#include "init.h"
#include "stack/site.h"
#include "sys.h"

#define NEVER (UINT64_MAX / 2) /* bytes: nothing will be sampled */
#define LATER (1u << 26)       /* bytes until we look again whether recording goes on */

static uint64_t process_random;

void lk_heap_init(void)
{
    process_random = lk_sys_random() | 1;
    if (lk_config.sample_bytes <= 1)
        lk_filter_fill();
}

/* Bytes to this thread's next sampling point; 0: every allocation. An allocation of s bytes holds
 * the point of a gap G when G < s, that is, when floor(G) + 1 <= s. */
static uint64_t next_gap(struct lk_thread *t)
{
    if (lk_config.sample_bytes <= 1)
        return 0;
    return lk_sampling_gap(lk_sampling_random(&t->random), lk_config.sample_bytes) + 1;
}

/* Due for the first time in this thread only because its count began at zero. */
static bool begin_thread(struct lk_thread *t, uint64_t size)
{
    uint64_t salt = (uint64_t)(uintptr_t)t;
    t->random = process_random ^ lk_sampling_random(&salt);
    if (t->random == 0)
        t->random = 1;
    t->remaining = next_gap(t);
    return lk_heap_due(size);
}

static void add_variance(double *sum, double more)
{
    double old, wanted;
    __atomic_load(sum, &old, __ATOMIC_RELAXED);
    do
        wanted = old + more;
    while (
        !__atomic_compare_exchange(sum, &old, &wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static void count_allocation(struct lk_totals *totals, const struct lk_weight *weight)
{
    lk_add(&totals->allocated_bytes, weight->bytes);
    lk_add(&totals->allocated_count_q16, weight->count_q16);
    lk_add(&totals->samples, 1);
    if (weight->variance > 0)
        add_variance(&totals->allocated_variance, weight->variance);
}

static void count_free(struct lk_totals *totals, const struct lk_weight *weight, bool temporary)
{
    lk_add(&totals->freed_bytes, weight->bytes);
    lk_add(&totals->freed_count_q16, weight->count_q16);
    lk_add(&totals->sample_frees, 1);
    if (temporary)
        lk_add(&totals->temporary_count_q16, weight->count_q16);
}

static struct lk_totals *stripe(struct lk_totals *totals)
{
    return &totals[lk_self.index % LK_STRIPES];
}

static uint64_t grow_live(struct lk_header *header, const struct lk_weight *weight, uint64_t now)
{
    int64_t live =
        __atomic_add_fetch(&header->live_bytes, (int64_t)weight->bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&header->live_count_q16, (int64_t)weight->count_q16, __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&header->peak_live_bytes, __ATOMIC_RELAXED);
    while (live > 0 && (uint64_t)live > peak)
        if (__atomic_compare_exchange_n(&header->peak_live_bytes, &peak, (uint64_t)live, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            __atomic_store_n(&header->peak_ns, now, __ATOMIC_RELAXED);
            break;
        }
    return live > 0 ? (uint64_t)live : 0;
}

static void put_record(enum lk_record_type type, const void *pointer, const struct lk_live *entry,
                       uint64_t now, uint32_t flags)
{
    struct lk_record_alloc *record = lk_record_begin(type, sizeof *record, now);
    if (!record)
        return;
    record->address = (uint64_t)(uintptr_t)pointer;
    record->size = entry->size;
    record->site = entry->site;
    record->tag = entry->tag;
    record->flags = flags;
    record->reserved = 0;
    lk_record_end();
}

static void account_free(const void *pointer, const struct lk_live *entry, uint32_t flags)
{
    struct lk_header *header = lk_capture_header();
    struct lk_weight weight = lk_sampling_weight(entry->size, lk_config.sample_bytes);
    struct lk_site *site = lk_site_at(entry->site);
    uint64_t now = lk_now();
    /* Nothing was allocated in between: the count to the next sample has not moved. */
    bool temporary = lk_self.last_sampled == (uint64_t)(uintptr_t)pointer &&
                     lk_self.last_remaining == lk_self.remaining && !(flags & LK_ALLOC_REALLOC);
    count_free(stripe(header->totals), &weight, temporary);
    if (site)
        count_free(stripe(site->totals), &weight, temporary);
    int64_t live = __atomic_sub_fetch(&header->live_bytes, (int64_t)weight.bytes, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&header->live_count_q16, (int64_t)weight.count_q16, __ATOMIC_RELAXED);
    lk_timeline_update(now, live > 0 ? (uint64_t)live : 0, 0);
    put_record(LK_RECORD_FREE, pointer, entry, now, flags);
}

static void account_allocation(const void *pointer, uint64_t size, uint32_t flags)
{
    struct lk_header *header = lk_capture_header();
    struct lk_thread *t = &lk_self;
    struct lk_live stale, entry = {.size = size, .tag = t->tag};
    uint64_t now = lk_now();
    entry.site = lk_site_here();
    if (!lk_live_insert(LK_LIVE_HEAP, (uint64_t)(uintptr_t)pointer, size, now, entry.site,
                        entry.tag, &stale))
        return; /* counted as dropped */
    if (stale.key)
        account_free(pointer, &stale, 0); /* it was freed where we could not see it */
    else
        lk_filter_add(pointer);
    struct lk_weight weight = lk_sampling_weight(size, lk_config.sample_bytes);
    struct lk_site *site = lk_site_at(entry.site);
    count_allocation(stripe(header->totals), &weight);
    if (site)
        count_allocation(stripe(site->totals), &weight);
    lk_timeline_update(now, grow_live(header, &weight, now), weight.bytes);
    if (LK_TAG_OUTCOME(t->tag) == LK_OUTCOME_PENDING && t->pending_count < LK_PENDING_TAGS)
        t->pending[t->pending_count++] = (uint64_t)(uintptr_t)pointer;
    put_record(LK_RECORD_ALLOC, pointer, &entry, now, flags);
}

/* Whether, as things stand, a sample could be recorded at all; if not, how soon to ask again is
 * set. */
static bool may_sample(struct lk_thread *t)
{
    if (!lk_state) /* before the constructor ran, or it stepped aside */
        t->remaining = lk_config.off ? NEVER : 0;
    else if (!lk_config.heap)
        t->remaining = NEVER;
    else if (__atomic_load_n(&lk_state->phase, __ATOMIC_RELAXED) == LK_PHASE_STOPPED)
        t->remaining = LATER;
    else
        return true;
    return false;
}

void lk_heap_allocated(void *pointer, uint64_t size, uint32_t flags)
{
    struct lk_thread *t = &lk_self;
    if (t->depth || !pointer || !may_sample(t))
        return;
    if (t->random == 0 && !begin_thread(t, size))
        return;
    bool entered = lk_enter();
    if (entered)
        account_allocation(pointer, size, flags);
    t->remaining = next_gap(t);
    if (entered) {
        t->last_sampled = (uint64_t)(uintptr_t)pointer;
        t->last_remaining = t->remaining;
        lk_leave();
    }
}

bool lk_heap_forget(const void *pointer, struct lk_live *entry)
{
    if (!lk_enter_existing())
        return false;
    bool found = lk_live_remove(LK_LIVE_HEAP, (uint64_t)(uintptr_t)pointer, entry);
    if (found)
        lk_filter_remove(pointer);
    lk_leave();
    return found;
}

void lk_heap_restore(const void *pointer, const struct lk_live *entry)
{
    if (!lk_enter_existing())
        return;
    if (lk_live_insert(LK_LIVE_HEAP, (uint64_t)(uintptr_t)pointer, entry->size, entry->time_ns,
                       entry->site, entry->tag, NULL))
        lk_filter_add(pointer);
    lk_leave();
}

void lk_heap_freed(const void *pointer, const struct lk_live *entry, uint32_t flags)
{
    if (!lk_enter_existing())
        return;
    account_free(pointer, entry, flags);
    lk_leave();
}
