/* The search of one process, from its capture to verdicts; see search.h. */
#include "live/search.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "live/kernel_roots.h"
#include "live/process.h"
#include "live/regions.h"
#include "live/scan.h"
#include "live/shim_image.h"
#include "live/stop.h"

#define ADDRESS_BITS 60
#define REPLY_BYTES  48u /* a redisReply itself, in the older ABI; its entry says the whole tree */
#define YOUNG_NS     1000000000ull
#define RED_ZONE     128u       /* below the stack pointer, still in use: the ABI */
#define GUARD_MOST   (1u << 20) /* below a thread's stack */
#define WORD         sizeof(uint64_t)

struct candidate { /* an entry of the live table before the search */
    uint64_t key, time_ns;
    uint32_t block;
    bool confirmed; /* there is the same one after it */
};

struct search {
    struct search_facts facts;
    struct lk_header header;
    struct candidate *candidates; /* by key */
    size_t count;
    struct blocks *blocks;
    struct scan_result result;
    uint64_t stopped_ns; /* on the capture's clock */
};

/* What is asked of /proc before the process is stopped. */
struct preparation {
    struct pages *pages;
    GArray *holes; /* struct span: the shim's own memory */
    GArray *epolls;
    struct shim_image shim;
};

/* ---- The blocks ---- */

static int by_key(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static struct span span_of(const struct lk_live *entry)
{
    uint64_t address = entry->key & ((1ull << ADDRESS_BITS) - 1);
    uint64_t bytes = MAX(entry->size, 1);

    if (entry->key >> ADDRESS_BITS == LK_LIVE_REPLY)
        bytes = REPLY_BYTES;
    return (struct span){address, bytes > UINT64_MAX - address ? address : address + bytes};
}

static void take_blocks(struct search *search, const GArray *live)
{
    struct span *spans = g_new(struct span, live->len);
    uint32_t *block_of = g_new(uint32_t, live->len);

    search->count = live->len;
    search->candidates = g_new0(struct candidate, (gsize)live->len + 1);
    for (guint i = 0; i < live->len; i++)
        spans[i] = span_of(&g_array_index(live, struct lk_live, i));
    search->blocks = blocks_new(spans, live->len, block_of);
    for (guint i = 0; i < live->len; i++) {
        const struct lk_live *entry = &g_array_index(live, struct lk_live, i);
        search->candidates[i] = (struct candidate){entry->key, entry->time_ns, block_of[i], false};
    }
    qsort(search->candidates, search->count, sizeof(*search->candidates), by_key);
    g_free(block_of);
    g_free(spans);
}

/* ---- Before the stop ---- */

static void hide_shim(struct preparation *preparation, const GArray *regions, const char *smaps)
{
    preparation->shim = shim_image_find(preparation->pages, regions);
    preparation->holes = regions_wiped(smaps);
    if (preparation->shim.image.start < preparation->shim.image.end)
        g_array_append_val(preparation->holes, preparation->shim.image);
}

static void preparation_release(struct preparation *preparation)
{
    pages_close(preparation->pages);
    if (preparation->holes != NULL)
        g_array_free(preparation->holes, TRUE);
    if (preparation->epolls != NULL)
        g_array_free(preparation->epolls, TRUE);
}

static bool prepare(struct preparation *preparation, unsigned long pid, GError **error)
{
    preparation->pages = pages_open(pid, true, error);
    char *maps = preparation->pages == NULL ? NULL : process_text(pid, "maps", error);
    char *smaps = maps == NULL ? NULL : process_text(pid, "smaps", error);

    if (smaps != NULL) {
        GArray *regions = regions_parse(maps);
        hide_shim(preparation, regions, smaps);
        regions_free(regions);
        preparation->epolls = kernel_epolls(pid);
    }
    g_free(maps);
    g_free(smaps);
    return preparation->epolls != NULL;
}

/* ---- While it stands ---- */

/* What lies below a thread's stack pointer on its own stack is left from calls that have returned.
 * On its own stack a thread is when its thread pointer (for the first thread: the kernel's name)
 * lies in the same mapping, with a guard below; a coroutine's stack is searched whole. */
static void hide_dead_stack(GArray *holes, const GArray *regions,
                            const struct stopped_thread *thread)
{
    const struct region *stack = regions_at(regions, thread->stack_pointer);
    uint64_t live = (thread->stack_pointer - RED_ZONE) & ~(WORD - 1);

    if (stack == NULL || live <= stack->start)
        return;
    if (strcmp(stack->path, "[stack]") != 0) {
        const struct region *guard = regions_at(regions, stack->start - 1);
        bool own =
            thread->thread_pointer > thread->stack_pointer && thread->thread_pointer < stack->end;
        if (!own || guard == NULL || guard->readable || guard->writable ||
            guard->end - guard->start > GUARD_MOST)
            return;
    }
    struct span dead = {stack->start, live};
    g_array_append_val(holes, dead);
}

static void hide_shim_tls(GArray *holes, const struct shim_image *shim,
                          const struct stopped_thread *thread)
{
    if (thread->thread_pointer == 0 || shim->tls_below == 0 ||
        shim->tls_below > thread->thread_pointer)
        return;
    uint64_t start = thread->thread_pointer - shim->tls_below;
    struct span tls = {(start + WORD - 1) & ~(WORD - 1), (start + shim->tls_bytes) & ~(WORD - 1)};
    if (tls.start < tls.end)
        g_array_append_val(holes, tls);
}

static GArray *find_holes(const struct preparation *preparation, const struct stop *stop,
                          const GArray *regions)
{
    GArray *holes = g_array_copy(preparation->holes);
    const GArray *threads = stop_threads(stop);

    for (guint i = 0; i < threads->len; i++) {
        const struct stopped_thread *thread = &g_array_index(threads, struct stopped_thread, i);
        hide_dead_stack(holes, regions, thread);
        hide_shim_tls(holes, &preparation->shim, thread);
    }
    spans_join(holes);
    return holes;
}

static bool touches(const GArray *holes, const struct region *region)
{
    for (guint i = 0; i < holes->len; i++) {
        const struct span *hole = &g_array_index(holes, struct span, i);
        if (hole->start < region->end && hole->end > region->start)
            return true;
    }
    return false;
}

/* Appends what is to be read of one region; false when that cannot be told. */
static bool list_region(const struct pages *pages, const struct region *region, const GArray *holes,
                        GArray *out)
{
    struct span whole = {region->start, region->end};

    if (!touches(holes, region))
        return pages_present(pages, whole, region->shared, out);
    GArray *present = g_array_new(FALSE, FALSE, sizeof(struct span));
    bool told = pages_present(pages, whole, region->shared, present);
    for (guint i = 0; i < present->len; i++)
        spans_without(out, g_array_index(present, struct span, i), holes);
    g_array_free(present, TRUE);
    return told;
}

static void search_regions(struct search *search, const struct preparation *preparation,
                           const GArray *regions, const GArray *holes, uint64_t capture_inode)
{
    struct scan_memory memory = {.own = g_array_new(FALSE, FALSE, sizeof(struct span)),
                                 .shared = g_array_new(FALSE, FALSE, sizeof(struct span))};
    uint64_t untold = 0;

    for (guint i = 0; i < regions->len; i++) {
        const struct region *region = &g_array_index(regions, struct region, i);
        if (region_is_searched(region, capture_inode) &&
            !list_region(preparation->pages, region, holes,
                         region->shared ? memory.shared : memory.own))
            untold += region->end - region->start;
    }
    scan_memory(search->blocks, preparation->pages, &memory, &search->result);
    search->result.unread_bytes += untold;
    g_array_free(memory.own, TRUE);
    g_array_free(memory.shared, TRUE);
}

static bool is_mapped(const GArray *regions, uint64_t inode)
{
    for (guint i = 0; i < regions->len && inode != 0; i++)
        if (g_array_index(regions, struct region, i).inode == inode)
            return true;
    return false;
}

static bool look_while_stopped(struct search *search, const struct preparation *preparation,
                               const struct stop *stop, const char *path, GError **error)
{
    unsigned long pid = search->facts.pid;
    struct stat capture = {.st_ino = 0};
    char *maps = process_text(pid, "maps", error);

    if (maps == NULL)
        return false;
    GArray *regions = regions_parse(maps), *holes = find_holes(preparation, stop, regions);
    GArray *kept = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    stat(path, &capture);
    bool mapped = is_mapped(regions, capture.st_ino);
    search->result = scan_begin(search->blocks);
    kernel_roots(pid, preparation->epolls, kept);
    scan_words(search->blocks, kept, &search->result);
    scan_words(search->blocks, stop_registers(stop), &search->result);
    if (mapped)
        search_regions(search, preparation, regions, holes, capture.st_ino);
    else
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%lu: it does not map %s any more",
                    pid, path);
    g_array_free(kept, TRUE);
    g_array_free(holes, TRUE);
    regions_free(regions);
    g_free(maps);
    return mapped;
}

static uint64_t capture_clock(const struct lk_header *header)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - header->start_monotonic_ns;
}

static bool stop_and_look(struct search *search, const char *path, GError **error)
{
    unsigned long pid = search->facts.pid;
    struct preparation preparation = {.pages = NULL};
    struct stop *stop = prepare(&preparation, pid, error) ? stop_process(pid, error) : NULL;
    bool looked = false;

    if (stop != NULL) {
        bool same = process_start_ticks(pid) == search->header.process_start_ticks;
        search->stopped_ns = capture_clock(&search->header);
        looked = same && look_while_stopped(search, &preparation, stop, path, error);
        search->facts.stopped_seconds = stop_end(stop);
        if (!same ||
            (looked && search->result.unread_bytes != 0 && process_start_ticks(pid) == 0)) {
            g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT, "%lu: it ended meanwhile", pid);
            looked = false;
        }
    }
    preparation_release(&preparation);
    return looked;
}

/* ---- */

struct search *search_process(unsigned long pid, const char *path, GError **error)
{
    struct capture *capture = capture_open(path, error);

    if (capture == NULL)
        return NULL;
    struct search *search = g_new0(struct search, 1);
    search->facts.pid = pid;
    search->header = capture->header;
    take_blocks(search, capture->live);
    capture_free(capture);
    if (!stop_and_look(search, path, error)) {
        search_free(search);
        return NULL;
    }
    search->facts.searched_bytes = search->result.read_bytes;
    search->facts.unread_bytes = search->result.unread_bytes;
    return search;
}

void search_free(struct search *search)
{
    if (search == NULL)
        return;
    if (search->result.edges != NULL)
        scan_release(&search->result);
    blocks_free(search->blocks);
    g_free(search->candidates);
    g_free(search);
}

const struct search_facts *search_facts(const struct search *search)
{
    return &search->facts;
}

bool search_is_of(const struct search *search, const struct capture *capture)
{
    const struct lk_header *a = &search->header, *b = &capture->header;

    return a->pid == b->pid && a->process_start_ticks == b->process_start_ticks &&
           a->start_monotonic_ns == b->start_monotonic_ns &&
           memcmp(a->boot_id, b->boot_id, sizeof(a->boot_id)) == 0;
}

static struct candidate *candidate_of(const struct search *search, const struct lk_live *entry)
{
    struct candidate wanted = {.key = entry->key};
    struct candidate *found = search->count == 0 ? NULL
                                                 : bsearch(&wanted, search->candidates,
                                                           search->count, sizeof(wanted), by_key);

    return found != NULL && found->time_ns == entry->time_ns ? found : NULL;
}

/* What was freed around the search may have been anything during it: it counts as reachable, and so
 * does what it points to. */
static void complete(struct search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        const struct candidate *candidate = &search->candidates[i];
        if (!candidate->confirmed && candidate->block != BLOCKS_NONE)
            search->result.reach[candidate->block] = REACH_REACHED;
    }
    graph_complete(search->result.reach, search->blocks->count,
                   (const struct edge_list *)(const void *)search->result.edges->data,
                   search->result.edges->len);
}

static enum verdict verdict_of(enum reach reach)
{
    return reach == REACH_REACHED         ? VERDICT_REACHED
           : reach == REACH_LOST_DIRECTLY ? VERDICT_DIRECT
                                          : VERDICT_INDIRECT;
}

uint8_t *search_judge(struct search *search, const struct capture *capture)
{
    guint count = capture->live->len;
    uint8_t *verdicts = g_new0(uint8_t, (gsize)count + 1);

    for (guint i = 0; i < count; i++) {
        struct candidate *candidate =
            candidate_of(search, &g_array_index(capture->live, struct lk_live, i));
        if (candidate != NULL)
            candidate->confirmed = true;
    }
    complete(search);
    for (guint i = 0; i < count; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        const struct candidate *candidate = candidate_of(search, entry);
        if (candidate != NULL && candidate->block != BLOCKS_NONE &&
            entry->time_ns + YOUNG_NS <= search->stopped_ns)
            verdicts[i] = verdict_of(search->result.reach[candidate->block]);
    }
    return verdicts;
}
