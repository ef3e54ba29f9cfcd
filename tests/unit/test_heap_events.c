/* The reader's heap side: events merged in order, live blocks, lanes, histories, peaks; and what is
 * damaged in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/capture_builder.h"
#include "common/capture_use.h"
#include "read/capture.h"

#define THREADS 7u
#define EACH    6000u /* some segments' worth */

static void keep_event(const struct heap_event *event, void *context)
{
    g_array_append_vals(context, event, 1);
}

static GArray *events_of(const struct capture *capture, size_t damaged)
{
    GArray *events = g_array_new(FALSE, FALSE, sizeof(struct heap_event));
    assert_int_equal(capture_each_heap_event(capture, 0, UINT64_MAX, keep_event, events), damaged);
    return events;
}

static const struct heap_event *event_at(const GArray *events, guint i)
{
    return &g_array_index((GArray *)(uintptr_t)events, struct heap_event, i);
}

static struct capture *open_image(const uint8_t *image, size_t bytes)
{
    struct capture *capture = capture_open_memory(image, bytes, "memory", NULL);
    assert_non_null(capture);
    return capture;
}

static struct capture *open_built(struct builder *b)
{
    size_t bytes;
    uint8_t *image = builder_bytes(b, &bytes);
    struct capture *capture = open_image(image, bytes);
    g_free(image);
    builder_free(b);
    return capture;
}

static struct capture *open_saved(struct builder *b)
{
    char *directory = g_dir_make_tmp("leakey-test-XXXXXX", NULL);
    char *path = g_build_filename(directory, "x.leakey", NULL);
    assert_true(builder_save(b, path));
    struct capture *capture = capture_open(path, NULL);
    assert_non_null(capture);
    g_free(directory);
    g_free(path);
    builder_free(b);
    return capture;
}

static void close_saved(struct capture *capture)
{
    char *directory = g_path_get_dirname(capture->path);
    g_unlink(capture->path);
    g_rmdir(directory);
    g_free(directory);
    capture_free(capture);
}

/* Each thread's n-th event has the address n * 8, and something of its own in the rest. */
static struct builder *build_threads(uint64_t step_ns)
{
    struct builder *b = builder_new();
    GRand *random = g_rand_new_with_seed(11);
    uint64_t now[THREADS] = {0}, number[THREADS] = {0};
    builder_site(b, (uint64_t[]){0x1000}, 1);
    builder_template(b, "a:<uuid>");
    for (unsigned i = 0; i < THREADS * EACH; i++) {
        uint32_t t = (uint32_t)g_rand_int_range(random, 0, THREADS);
        now[t] += step_ns == 0 ? 0 : (uint64_t)g_rand_int_range(random, 0, (gint32)step_ns);
        builder_thread(b, t);
        builder_heap_event(b, (enum lk_heap_event_type)(1 + number[t] % 4), now[t], 8 * number[t],
                           number[t] + t, (uint32_t)(number[t] % 2), LK_TAG(number[t] % 6, t % 2));
        number[t]++;
    }
    g_rand_free(random);
    return b;
}

static void check_threads(const GArray *events)
{
    uint64_t number[THREADS] = {0}, last = 0;
    assert_int_equal(events->len, THREADS * EACH);
    for (guint i = 0; i < events->len; i++) {
        const struct heap_event *event = event_at(events, i);
        assert_true(event->time_ns >= last);
        last = event->time_ns;
        assert_true(event->thread < THREADS);
        uint64_t n = number[event->thread]++;
        assert_int_equal(event->address, 8 * n);
        assert_int_equal(event->size, n + event->thread);
        assert_int_equal(event->site, n % 2);
        assert_int_equal(event->type, 1 + n % 4);
        assert_int_equal(event->tag, LK_TAG(n % 6, event->thread % 2));
    }
}

static void events_of_all_threads_come_in_order(void **state)
{
    (void)state;
    for (uint64_t step = 1; step <= 100000; step *= 10) {
        struct capture *c = open_built(build_threads(step));
        GArray *events = events_of(c, 0);
        check_threads(events);
        assert_int_equal(c->recorded_count, THREADS * EACH);
        g_array_free(events, TRUE);
        capture_free(c);
    }
}

static void a_file_s_events_are_the_same(void **state)
{
    (void)state;
    struct capture *c = open_saved(build_threads(1000));
    for (int again = 0; again < 2; again++) {
        GArray *events = events_of(c, 0);
        check_threads(events);
        g_array_free(events, TRUE);
    }
    assert_int_equal(c->damage, 0);
    close_saved(c);
}

/* A thread's free and next allocation may be within one unit of time, and in two segments. */
static void equal_times_keep_each_thread_s_order(void **state)
{
    (void)state;
    struct capture *c = open_built(build_threads(0));
    GArray *events = events_of(c, 0);
    check_threads(events);
    g_array_free(events, TRUE);
    capture_free(c);
}

/* ---- Overwritten and damaged ---- */

static void overwritten_segments_are_known(void **state)
{
    (void)state;
    for (int saved = 0; saved < 2; saved++) {
        struct builder *b = builder_new();
        for (unsigned i = 0; i < 20000; i++)
            builder_heap_event(b, LK_HEAP_ALLOC, i * BUILDER_MS, 8ull * i, 1, 0, 0);
        builder_lose(b, 0.5);
        struct capture *c = saved ? open_saved(b) : open_built(b);
        GArray *events = events_of(c, 0);
        assert_int_equal(c->overwritten_heap_count + events->len, 20000);
        assert_int_equal(c->recorded_count, 20000);
        assert_true(events->len >= 10000 && events->len < 12100);
        assert_int_equal(c->heap_complete_from_ns, event_at(events, 0)->time_ns);
        assert_int_equal(event_at(events, 0)->time_ns, c->overwritten_heap_count * BUILDER_MS);
        assert_int_equal(c->complete_from_ns, 0);
        g_array_free(events, TRUE);
        if (saved)
            close_saved(c);
        else
            capture_free(c);
    }
}

static struct lk_extent *extent_of(uint8_t *image, size_t bytes, enum lk_extent_kind kind,
                                   unsigned number)
{
    for (size_t at = LK_GRANULE; at < bytes;) {
        struct lk_extent *head = (void *)(image + at);
        if (head->kind == kind && number-- == 0)
            return head;
        at += (head->granules != 0 ? head->granules : 1) * (size_t)LK_GRANULE;
    }
    fail_msg("no extent of kind %d", kind);
    return NULL;
}

static uint8_t *three_segments(size_t *bytes, size_t *each)
{
    struct builder *b = builder_new();
    *each = LK_SEGMENT_ROOM / (2 * sizeof(struct lk_heap_event));
    for (unsigned i = 0; i < 3 * *each; i++)
        builder_heap_event(b, LK_HEAP_ALLOC, i * BUILDER_MS, 8ull * i, 1, 0, 0);
    uint8_t *image = builder_bytes(b, bytes);
    builder_free(b);
    return image;
}

/* One that is not understood ends its segment, and the others are kept. */
static void a_damaged_event_ends_its_segment(void **state)
{
    size_t bytes, each;
    (void)state;
    for (int damage = 0; damage < 3; damage++) {
        uint8_t *image = three_segments(&bytes, &each);
        struct lk_heap_event *events =
            (void *)(extent_of(image, bytes, LK_EXTENT_HEAP_SEGMENT, 1) + 1);
        if (damage == 0)
            events[201].event = 7; /* the 101st event: a type that there is not */
        else if (damage == 1)
            events[200].place = UINT64_MAX; /* its mark: a time that cannot be */
        else
            events[201].event |= 0x1fffffull
                                 << (LK_HEAP_SIZE_BITS + 3); /* a site that there is not */
        struct capture *c = open_image(image, bytes);
        GArray *kept = events_of(c, damage < 2 ? 1 : 0);
        assert_int_equal(kept->len, damage < 2 ? 2 * each + 100 : 3 * each);
        assert_int_equal(event_at(kept, (guint)each + 99)->address, 8 * (each + 99));
        assert_int_equal(event_at(kept, (guint)each + 100)->site, 0);
        g_array_free(kept, TRUE);
        capture_free(c);
        g_free(image);
    }
}

static void a_damaged_segment_is_counted_and_left_out(void **state)
{
    size_t bytes, each;
    (void)state;
    for (int damage = 0; damage < 4; damage++) {
        uint8_t *image = three_segments(&bytes, &each);
        struct lk_extent *head = extent_of(image, bytes, LK_EXTENT_HEAP_SEGMENT, 1);
        struct lk_heap_event *events = (void *)(head + 1);
        if (damage == 0)
            events[0].event = LK_HEAP_ALLOC; /* no mark to begin with */
        else if (damage == 1)
            events[0].place = 1ull << 63;
        else if (damage == 2)
            head->granules = 2;
        else
            head->committed = UINT32_MAX;
        struct capture *c = open_image(image, bytes);
        GArray *kept = events_of(c, 0);
        assert_true(c->damage >= 1);
        if (damage != 2) /* which hides the next one as well */
            assert_int_equal(kept->len, damage == 3 ? 3 * each : 2 * each);
        else
            assert_int_equal(kept->len, each);
        g_array_free(kept, TRUE);
        capture_free(c);
        g_free(image);
    }
}

/* A file that shrinks after it was opened, and one that is replaced: that stays open. */
static void a_file_that_changes_under_the_reader_gives_what_is_left(void **state)
{
    (void)state;
    struct capture *c = open_saved(build_threads(1000));
    GArray *events = g_array_new(FALSE, FALSE, sizeof(struct heap_event));
    assert_int_equal(truncate(c->path, (off_t)(c->bytes / 2)), 0);
    assert_true(capture_each_heap_event(c, 0, UINT64_MAX, keep_event, events) > 0);
    assert_true(events->len > 0 && events->len < THREADS * EACH);
    guint left = events->len;
    char *other = g_strconcat(c->path, ".new", NULL);
    assert_true(g_file_set_contents(other, "other", 5, NULL));
    assert_int_equal(g_rename(other, c->path), 0);
    g_array_set_size(events, 0);
    assert_true(capture_each_heap_event(c, 0, UINT64_MAX, keep_event, events) > 0);
    assert_int_equal(events->len, left);
    g_free(other);
    g_array_free(events, TRUE);
    close_saved(c);
}

/* ---- Live blocks ---- */

static void live_blocks_are_read_from_their_pages(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    uint32_t site = builder_site(b, (uint64_t[]){0x1000}, 1);
    const unsigned blocks = 10000;
    for (unsigned i = 0; i < blocks; i++) /* 16 to 80 apart, so over some hundred pages */
        builder_block(b, 0x550000000000 + 16ull * (5 * i + i % 3), (1ull << 39) + i, i * BUILDER_MS,
                      i % 2 ? site : 9, LK_TAG(LK_OUTCOME_MISS, i % 2));
    struct capture *c = open_built(b);
    assert_int_equal(c->live->len, blocks);
    assert_int_equal(c->damage, 0);
    for (unsigned i = 0; i < blocks; i++) {
        const struct lk_live *entry = &g_array_index(c->live, struct lk_live, i);
        assert_int_equal(entry->key, 0x550000000000 + 16ull * (5 * i + i % 3));
        assert_int_equal(entry->size, (1ull << 39) + i);
        assert_true(i * BUILDER_MS - entry->time_ns < LK_BLOCK_TIME_UNIT_NS);
        assert_int_equal(entry->site, i % 2 ? site : 0); /* there is no site 9 */
        assert_int_equal(entry->tag, i % 2 ? 0 : LK_TAG(LK_OUTCOME_MISS, 0)); /* nor template 1 */
    }
    capture_free(c);
}

static void a_page_of_no_memory_is_left_out(void **state)
{
    size_t bytes;
    (void)state;
    struct builder *b = builder_new();
    for (unsigned i = 0; i < 4; i++)
        builder_block(b, 0x550000000000 + (uint64_t)LK_BLOCK_PAGE * i, 10 + i, 1, 0, 0);
    uint8_t *image = builder_bytes(b, &bytes);
    builder_free(b);
    uint64_t *memory = (void *)(extent_of(image, bytes, LK_EXTENT_BLOCKS, 0) + 1);
    memory[0] += 16;
    memory[1] = 1ull << 48;
    memory[2] = 0;
    struct capture *c = open_image(image, bytes);
    assert_int_equal(c->damage, 2);
    assert_int_equal(c->live->len, 1);
    assert_int_equal(g_array_index(c->live, struct lk_live, 0).size, 13);
    capture_free(c);
    size_t at =
        (size_t)((uint8_t *)memory - image) + LK_BLOCK_PAGE + 100; /* within the first page */
    c = open_image(image, at);
    assert_int_equal(c->live->len, 0);
    capture_free(c);
    g_free(image);
}

/* ---- Counts ---- */

static const struct capture_site *site_at(const struct capture *c, uint32_t id)
{
    assert_true(id < c->sites->len);
    return &g_array_index(c->sites, struct capture_site, id);
}

static void lanes_are_summed(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    uint32_t sites = 600, last = 0; /* more than an extent has */
    for (uint32_t i = 1; i <= sites; i++)
        last = builder_site(b, (uint64_t[]){0x1000 + i}, 1);
    builder_header(b)->sample_bytes = 4096;
    for (uint32_t lane = 0; lane < LK_SHARED_LANES; lane++)
        *builder_counts_at(b, last, lane) = (struct lk_counts){.allocated_bytes = 100 + lane,
                                                               .allocated_count_q16 = 3 << 16,
                                                               .freed_bytes = 10 * lane,
                                                               .freed_count_q16 = lane << 16,
                                                               .temporary_count_q16 = 1 << 15,
                                                               .allocated_variance = 0.25,
                                                               .samples = 2,
                                                               .sample_frees = 1};
    builder_counts_at(b, 1, 2)->allocated_count_q16 = 1 << 16;
    builder_counts_at(b, 1, 2)->allocated_bytes = 7;
    struct capture *c = open_built(b);
    const struct heap_totals *totals = &site_at(c, last)->totals;
    assert_int_equal(totals->allocated_bytes, 406);
    assert_int_equal(totals->allocated_count_q16, 12 << 16);
    assert_int_equal(totals->freed_bytes, 60);
    assert_int_equal(totals->freed_count_q16, 6 << 16);
    assert_int_equal(totals->temporary_count_q16, 2 << 16);
    assert_int_equal(totals->samples, 8);
    assert_int_equal(totals->sample_frees, 4);
    assert_true(fabs(totals->allocated_variance - 1) < 1e-12);
    assert_int_equal(site_at(c, 2)->totals.allocated_bytes, 0);
    assert_int_equal(c->totals.allocated_bytes, 413);
    capture_free(c);
}

static void who_made_the_peak_is_told(void **state)
{
    size_t bytes;
    (void)state;
    struct builder *b = builder_new();
    uint32_t early = builder_site(b, (uint64_t[]){0x1000}, 1);
    uint32_t late = builder_site(b, (uint64_t[]){0x2000}, 1);
    builder_alloc(b, 1 * BUILDER_MS, 0x100, 1000, early, 0);
    builder_alloc(b, 2 * BUILDER_MS, 0x200, 50, late, 0); /* the peak: 1,050 */
    builder_release(b, 3 * BUILDER_MS, 0x100);
    builder_alloc(b, 4 * BUILDER_MS, 0x300, 700, late, 0);
    uint8_t *image = builder_bytes(b, &bytes);
    builder_free(b);
    struct capture *c = open_image(image, bytes);
    assert_int_equal(site_at(c, early)->totals.peak_bytes, 1000);
    assert_int_equal(site_at(c, late)->totals.peak_bytes, 50);
    assert_int_equal(c->totals.peak_bytes, 1050);
    capture_free(c);
    struct lk_counts *counts = (void *)(extent_of(image, bytes, LK_EXTENT_COUNTS, 0) + 1);
    counts[late].peak_number++; /* not of the last peak: then nothing has changed since it */
    c = open_image(image, bytes);
    assert_int_equal(site_at(c, late)->totals.peak_bytes, 750);
    capture_free(c);
    g_free(image);
}

/* A fuzzer's find: two damaged sites whose peaks have no sum. What is told of them is of no worth,
 * but telling it must not go wrong. */
static void damaged_peaks_are_added_up(void **state)
{
    size_t bytes;
    (void)state;
    struct builder *b = builder_new();
    uint32_t sites[] = {builder_site(b, (uint64_t[]){0x1000}, 1),
                        builder_site(b, (uint64_t[]){0x2000}, 1)};
    for (size_t i = 0; i < 2; i++)
        builder_alloc(b, (i + 1) * BUILDER_MS, 0x100 * (i + 1), 1000, sites[i], 0);
    uint8_t *image = builder_bytes(b, &bytes);
    builder_free(b);
    struct lk_counts *counts = (void *)(extent_of(image, bytes, LK_EXTENT_COUNTS, 0) + 1);
    for (size_t i = 0; i < 2; i++)
        counts[sites[i]].peak_bytes = INT64_MAX;
    struct capture *c = open_image(image, bytes);
    assert_int_equal(site_at(c, sites[1])->totals.peak_bytes, INT64_MAX);
    assert_int_equal(c->totals.peak_bytes, -2);
    capture_free(c);
    g_free(image);
}

/* ---- Histories ---- */

static struct builder *build_history(uint32_t *site)
{
    struct builder *b = builder_new();
    *site = builder_site(b, (uint64_t[]){0x1000}, 1);
    for (unsigned i = 0; i < 25; i++) /* one in each window, and 5 bytes stay */
        builder_alloc(b, i * LK_HISTORY_NS(0) + 5, 0x100 + 16 * i, 5, *site, 0);
    return b;
}

static void a_history_is_read_at_its_own_shift(void **state)
{
    size_t bytes;
    uint32_t site;
    (void)state;
    struct builder *b = build_history(&site);
    uint8_t *image = builder_bytes(b, &bytes);
    builder_free(b);
    for (uint32_t shift = 0; shift < 35; shift++) {
        ((struct lk_header *)(void *)image)->history_shift = shift;
        struct capture *c = open_image(image, bytes);
        assert_int_equal(c->damage, 0);
        assert_int_equal(c->history_ns, LK_HISTORY_NS(shift));
        assert_int_equal(c->history_windows, 1 + (shift < 5 ? 24u >> shift : 0));
        for (uint64_t i = 0; i < c->history_windows; i++)
            assert_int_equal(site_at(c, site)->history[i], 5 * MIN((i + 1) << shift, 25));
        assert_null(site_at(c, 0)->history);
        capture_free(c);
    }
    g_free(image);
}

/* ---- Hostile values ---- */

struct hostile {
    const char *what;
    enum lk_extent_kind kind; /* 0: the header */
    size_t at, width;         /* from the extent's start */
    uint64_t value;
    uint64_t damage;
};

static const struct hostile hostiles[] = {
    {"a history finer than none", LK_EXTENT_HISTORY, 64 + 256 + 4, 4, 40, 1},
    {"a history's last window", LK_EXTENT_HISTORY, 64 + 256 + 8, 4, LK_HISTORY_WINDOWS, 1},
    {"a history's last window, far", LK_EXTENT_HISTORY, 64 + 256 + 8, 4, UINT32_MAX, 1},
    {"histories of no site", LK_EXTENT_HISTORY, 8, 8, UINT64_MAX - 1, 1},
    {"more histories than there is room", LK_EXTENT_HISTORY, 16, 8, UINT64_MAX, 0},
    {"counts of no site", LK_EXTENT_COUNTS, 8, 8, UINT64_MAX - 1, 1},
    {"counts of a site far off", LK_EXTENT_COUNTS, 8, 8, 1ull << 40, 1},
    {"more counts than there is room", LK_EXTENT_COUNTS, 16, 8, UINT64_MAX, 0},
    {"a variance that is none", LK_EXTENT_COUNTS, 64 + 128 + 64, 8, 0x7ff8000000000000, 1},
    {"a variance without end", LK_EXTENT_COUNTS, 64 + 128 + 64, 8, 0x7ff0000000000000, 1},
    {"a variance below zero", LK_EXTENT_COUNTS, 64 + 128 + 64, 8, 0xbff0000000000000, 1},
    {"counts that overflow", LK_EXTENT_COUNTS, 64 + 128, 8, UINT64_MAX, 0},
    {"a lane that there is not", LK_EXTENT_COUNTS, 44, 4, UINT32_MAX, 0},
    {"a shift beyond all", 0, offsetof(struct lk_header, history_shift), 4, UINT32_MAX, 1},
    {"more records than events", LK_EXTENT_HEAP_SEGMENT, 36, 4, UINT32_MAX, 0},
    {"events beyond the end", LK_EXTENT_HEAP_SEGMENT, 32, 4, UINT32_MAX, 1},
    {"half an event", LK_EXTENT_HEAP_SEGMENT, 32, 4, 8, 0},
    {"a lower half of the memory", LK_EXTENT_BLOCKS, 64, 8, UINT64_MAX - 4095, 1},
    {"a block of all bits", LK_EXTENT_BLOCKS, LK_BLOCK_PAGE, 8, UINT64_MAX, 0},
};

static void hostile_values_are_left_out(void **state)
{
    size_t bytes;
    uint32_t site;
    (void)state;
    struct builder *b = build_history(&site);
    builder_block(b, 0x550000000000, 10, 1, site, 0);
    uint8_t *image = builder_bytes(b, &bytes);
    builder_free(b);
    for (size_t i = 0; i < G_N_ELEMENTS(hostiles); i++) {
        const struct hostile *hostile = &hostiles[i];
        uint8_t *copy = g_memdup2(image, bytes);
        uint8_t *at = hostile->kind == 0 ? copy : (void *)extent_of(copy, bytes, hostile->kind, 0);
        memcpy(at + hostile->at, &hostile->value, hostile->width);
        struct capture *c = open_image(copy, bytes);
        capture_use(c);
        if (c->damage != hostile->damage)
            fail_msg("%s: %d damaged parts", hostile->what, (int)c->damage);
        capture_free(c);
        g_free(copy);
    }
    g_free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_all_threads_come_in_order),
        cmocka_unit_test(a_file_s_events_are_the_same),
        cmocka_unit_test(equal_times_keep_each_thread_s_order),
        cmocka_unit_test(overwritten_segments_are_known),
        cmocka_unit_test(a_damaged_event_ends_its_segment),
        cmocka_unit_test(a_damaged_segment_is_counted_and_left_out),
        cmocka_unit_test(a_file_that_changes_under_the_reader_gives_what_is_left),
        cmocka_unit_test(live_blocks_are_read_from_their_pages),
        cmocka_unit_test(a_page_of_no_memory_is_left_out),
        cmocka_unit_test(lanes_are_summed),
        cmocka_unit_test(who_made_the_peak_is_told),
        cmocka_unit_test(damaged_peaks_are_added_up),
        cmocka_unit_test(a_history_is_read_at_its_own_shift),
        cmocka_unit_test(hostile_values_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
