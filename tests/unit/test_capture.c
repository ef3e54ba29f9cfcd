/* The reader: what a capture says is what was put in, and damage gives an answer or a message,
 * never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/capture_builder.h"
#include "common/capture_use.h"
#include "read/capture.h"

/* Of the places to damage, the address sanitizer's build tries each: it sees what is read beyond.
 */
#if defined(__SANITIZE_ADDRESS__)
#define STEP 1u
#else
#define STEP 16u
#endif

#define PATH "llm:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

/* ---- A capture with one of everything ---- */

static struct builder *build_all(void)
{
    struct builder *b = builder_new();
    uint32_t site = builder_site(b, (uint64_t[]){0x401010, 0x402020, 0x7f0000001000}, 3);
    builder_module(b, "/usr/bin/service", 0x400000, 0x500000, 0, (const uint8_t *)"\x01\xab", 2);
    builder_module(b, "/lib/libc.so.6", 0x7f0000000000, 0x7f0000200000, 0x7f0000000000, NULL, 0);
    builder_connect(b, 1 * BUILDER_MS, 1, "unix:/run/redis.sock");
    builder_alloc(b, 2 * BUILDER_MS, 0x1000, 100, site, 0);
    builder_alloc(b, 3 * BUILDER_MS, 0x2000, 50, site, LK_TAG(LK_OUTCOME_MISS, 1));
    builder_release(b, 4 * BUILDER_MS, 0x1000);
    builder_command(b, &(struct builder_command){.time_ns = 5 * BUILDER_MS,
                                                 .verb = "GET",
                                                 .key = PATH,
                                                 .template_name = "llm:<sha256>",
                                                 .input = "what is a leak? at 12:00",
                                                 .flags = LK_COMMAND_READ,
                                                 .outcome = LK_OUTCOME_MISS,
                                                 .site = site});
    builder_thread(b, 1);
    builder_command(b, &(struct builder_command){.time_ns = 5 * BUILDER_MS + 1,
                                                 .verb = "SET",
                                                 .key = PATH,
                                                 .template_name = "llm:<sha256>",
                                                 .flags = LK_COMMAND_WRITE,
                                                 .value = "because",
                                                 .ttl_ms = 60000,
                                                 .connection = 2,
                                                 .outcome = LK_OUTCOME_WRITE});
    builder_live(b, LK_LIVE_REPLY, 0x3000, 64, 6 * BUILDER_MS, site, LK_TAG(LK_OUTCOME_MISS, 1));
    builder_block(b, 0x7f0000204010, 4096, 6 * BUILDER_MS, site, LK_TAG(LK_OUTCOME_HIT, 1));
    *builder_bucket(b, 0, 1) = (struct lk_bucket){100, 50, 150, 3};
    *builder_bucket(b, 1, 600) = (struct lk_bucket){300, 200, 250, 1};
    return b;
}

static struct capture *open_bytes(const uint8_t *bytes, size_t size)
{
    GError *error = NULL;
    struct capture *capture = capture_open_memory(bytes, size, "memory", &error);
    if (capture == NULL) {
        assert_non_null(error);
        assert_true(strlen(error->message) > 10);
        g_error_free(error);
    }
    return capture;
}

static struct capture *open_built(struct builder *b)
{
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    struct capture *capture = open_bytes(bytes, size);
    g_free(bytes);
    builder_free(b);
    assert_non_null(capture);
    return capture;
}

static const struct event *event_at(const GArray *events, guint i)
{
    return &g_array_index(events, struct event, i);
}

static void everything_is_read(void **state)
{
    (void)state;
    struct capture *c = open_built(build_all());
    assert_int_equal(c->damage, 0);
    assert_int_equal(c->end, CAPTURE_END_EXIT);
    assert_string_equal(c->executable, "/usr/bin/service");
    assert_int_equal(c->command->len, 3);
    assert_string_equal(g_ptr_array_index(c->command, 1), "--port");
    assert_int_equal(c->records_count, 6);
    assert_int_equal(c->commands_count, 2);
    assert_int_equal(c->command_times->len, 2);
    assert_int_equal(c->connects->len, 1);
    assert_string_equal(g_array_index(c->connects, struct capture_connect, 0).peer,
                        "unix:/run/redis.sock");
    assert_int_equal(c->recorded_count, 9); /* and three of the heap */
    assert_int_equal(c->complete_from_ns, 0);
    assert_int_equal(c->duration_ns, 6 * BUILDER_MS);
    assert_int_equal(c->sites->len, 2);
    const struct capture_site *site = &g_array_index(c->sites, struct capture_site, 1);
    assert_int_equal(site->depth, 3);
    assert_int_equal(site->frames[2], 0x7f0000001000);
    assert_int_equal(site->totals.allocated_bytes, 150);
    assert_int_equal(site->totals.freed_bytes, 100);
    assert_int_equal(c->totals.samples, 2);
    assert_int_equal(c->modules->len, 2);
    assert_string_equal(g_array_index(c->modules, struct capture_module, 0).build_id, "01ab");
    assert_null(g_array_index(c->modules, struct capture_module, 1).build_id);
    assert_int_equal(c->live->len, 3);
    assert_int_equal(c->templates->len, 2);
    assert_int_equal(g_array_index(c->templates, struct lk_template, 1).misses, 1);
    assert_int_equal(g_array_index(c->templates, struct lk_template, 1).writes, 1);
    assert_non_null(capture_sketch(c, 1));
    assert_null(capture_sketch(c, 0));
    assert_int_equal(c->verbs->len, 3);
    assert_string_equal(g_array_index(c->verbs, struct lk_verb, 2).name, "SET");
    capture_use(c);
    capture_free(c);
}

static void events_are_in_order_of_time(void **state)
{
    (void)state;
    struct capture *c = open_built(build_all());
    GArray *events = capture_list_events(c);
    static const uint16_t types[] = {LK_RECORD_CONNECT, LK_RECORD_INPUT, LK_RECORD_COMMAND,
                                     LK_RECORD_COMMAND, LK_RECORD_REPLY, LK_RECORD_REPLY};
    for (guint i = 0; i < events->len; i++)
        assert_int_equal(event_at(events, i)->record->type, types[i]);
    assert_int_equal(event_at(events, 3)->thread, 1);
    assert_int_equal(event_at(events, 4)->thread, 0);
    size_t bytes;
    const char *text = event_text(event_at(events, 2)->record, &bytes);
    assert_int_equal(bytes, strlen(PATH));
    assert_memory_equal(text, PATH, bytes);
    text = event_text(event_at(events, 0)->record, &bytes);
    assert_memory_equal(text, "unix:/run/redis.sock", bytes);
    g_array_free(events, TRUE);
    capture_free(c);
}

/* Threads interleave over many segments; equal times keep each thread's order, lower threads first.
 */
static void many_threads_are_merged_stably(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    const unsigned threads = 5, each = 5000;
    uint64_t last[8] = {0}, sequence[8] = {0};
    for (unsigned t = 0; t < threads; t++) {
        builder_thread(b, t);
        for (unsigned i = 0; i < each; i++) {
            struct lk_record_reply *record = builder_record(b, LK_RECORD_REPLY, sizeof(*record),
                                                            (uint64_t)(i / 3) * (t + 1) * 1000u);
            record->sequence = i;
        }
    }
    struct capture *c = open_built(b);
    GArray *events = capture_list_events(c);
    assert_int_equal(events->len, threads * each);
    for (guint i = 0; i < events->len; i++) {
        const struct event *event = event_at(events, i);
        const struct lk_record_reply *record = (const void *)event->record;
        if (i > 0) {
            assert_true(event_at(events, i - 1)->time_ns <= event->time_ns);
            if (event_at(events, i - 1)->time_ns == event->time_ns)
                assert_true(event_at(events, i - 1)->thread <= event->thread);
        }
        assert_int_equal(record->sequence, sequence[event->thread]++);
        assert_true(last[event->thread] <= event->time_ns);
        last[event->thread] = event->time_ns;
    }
    g_array_free(events, TRUE);
    capture_free(c);
}

static void coarse_timeline_begins_where_the_fine_one_ends(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    builder_bucket(b, 0, 0)->updates = 1;
    builder_bucket(b, 0, 4093)->updates = 1;
    builder_bucket(b, 1, 511)->updates = 1; /* straddles the end of level 0 */
    builder_bucket(b, 1, 4000)->updates = 1;
    builder_bucket(b, 1, 3)->updates = 1; /* wholly within level 0: cannot be */
    struct capture *c = open_built(b);
    assert_int_equal(c->timeline->len, 4);
    const struct timeline_point *points = (const void *)c->timeline->data;
    assert_int_equal(points[1].time_ns, 40930 * BUILDER_MS);
    assert_int_equal(points[2].time_ns, 40940 * BUILDER_MS);
    assert_int_equal(points[2].width_ns, 20 * BUILDER_MS);
    assert_int_equal(points[3].time_ns, 320000 * BUILDER_MS);
    capture_free(c);
}

static void overwritten_segments_are_known(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    for (unsigned i = 0; i < 4000; i++)
        builder_record(b, LK_RECORD_REPLY, sizeof(struct lk_record_reply), i * BUILDER_MS);
    builder_header(b)->overwritten_count = 77;
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    builder_free(b);
    for (size_t at = LK_GRANULE; at < size;
         at += LK_GRANULE) { /* the ring reused segment 1 as number 99 */
        struct lk_extent *head = (void *)(bytes + at);
        if (head->kind == LK_EXTENT_SEGMENT && head->sequence == 1)
            head->kind = 0;
    }
    struct capture *c = open_bytes(bytes, size);
    g_free(bytes);
    GArray *events = capture_list_events(c);
    assert_int_equal(c->recorded_count, events->len + 77);
    const struct event *kept = event_at(events, events->len - 1);
    assert_true(c->complete_from_ns > BUILDER_S && c->complete_from_ns <= kept->time_ns);
    bool starts_there = false;
    for (guint i = 1; i < events->len; i++)
        starts_there |= event_at(events, i)->time_ns == c->complete_from_ns &&
                        event_at(events, i - 1)->time_ns < c->complete_from_ns - BUILDER_S;
    assert_true(starts_there);
    g_array_free(events, TRUE);
    capture_free(c);
}

/* ---- Pauses ---- */

static void put_pauses(uint8_t *bytes, const struct lk_pause *pauses, size_t count)
{
    ((struct lk_header *)(void *)bytes)->pauses = (uint32_t)count;
    memcpy(bytes + LK_PAUSES_OFFSET, pauses, MIN(count, LK_PAUSES) * sizeof(*pauses));
}

static void pauses_are_left_out_of_the_time(void **state)
{
    (void)state;
    const struct lk_pause two[] = {{100, 300}, {400, 0}};
    struct builder *b = build_all();
    builder_header(b)->end = LK_END_EXIT;
    builder_header(b)->end_ns = 1000;
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    builder_free(b);
    put_pauses(bytes, two, 2);
    struct capture *c = open_bytes(bytes, size);
    assert_int_equal(c->damage, 0);
    assert_int_equal(c->duration_ns, 1000);
    assert_int_equal(c->paused_ns, 800); /* the second went on to the end */
    const uint64_t recorded[][2] = {{0, 0}, {100, 100}, {250, 100}, {350, 150}, {1000, 200}};
    for (size_t i = 0; i < G_N_ELEMENTS(recorded); i++)
        assert_int_equal(capture_recorded_ns(c, recorded[i][0]), recorded[i][1]);
    assert_int_equal(capture_time_of(c, 100), 100);
    assert_int_equal(capture_time_of(c, 150), 350);
    capture_free(c);
    const struct lk_pause crossed[] = {{100, 300}, {200, 500}};
    put_pauses(bytes, crossed, 2);
    c = open_bytes(bytes, size);
    assert_int_equal(c->damage, 1);
    assert_int_equal(c->paused_ns, 200);
    capture_free(c);
    g_free(bytes);
}

/* ---- Refusals ---- */

static void refuse(const uint8_t *bytes, size_t size, const char *part_of_message)
{
    GError *error = NULL;
    assert_null(capture_open_memory(bytes, size, "x.leakey", &error));
    assert_non_null(error);
    assert_true(error->domain == LEAKEY_ERROR && error->code == LEAKEY_ERROR_INPUT);
    if (strstr(error->message, part_of_message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error->message, part_of_message);
    g_error_free(error);
}

static void what_is_no_capture_is_refused(void **state)
{
    (void)state;
    struct builder *b = build_all();
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    struct lk_header *header = (void *)bytes;
    builder_free(b);
    refuse(bytes, 0, "not a leakey capture");
    refuse((const uint8_t *)"#!/bin/sh\necho", 14, "not a leakey capture");
    refuse(bytes, 100, "cut off");
    header->version = 7;
    refuse(bytes, size, "version 7");
    header->version = LK_VERSION;
    header->byte_order = 0x04030201;
    refuse(bytes, size, "other byte order");
    header->byte_order = LK_BYTE_ORDER;
    header->granule_bytes = 4096;
    refuse(bytes, size, "sizes");
    g_free(bytes);
    GError *error = NULL;
    assert_null(capture_open("/nonexistent/x.leakey", &error));
    assert_non_null(strstr(error->message, "No such file"));
    g_clear_error(&error);
    assert_null(capture_open("/dev", &error));
    g_clear_error(&error);
    assert_null(capture_open("/dev/zero", &error));
    assert_non_null(strstr(error->message, "not a regular file"));
    g_clear_error(&error);
}

/* ---- Damage ---- */

static void try_bytes(const uint8_t *bytes, size_t size)
{
    struct capture *capture = open_bytes(bytes, size);
    if (capture != NULL)
        capture_use(capture);
    capture_free(capture);
}

static void every_truncation_gives_an_answer(void **state)
{
    (void)state;
    struct builder *b = build_all();
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    builder_free(b);
    for (size_t cut = 0; cut < sizeof(struct lk_header) + 128; cut += STEP)
        try_bytes(bytes, cut);
    for (size_t granule = LK_GRANULE; granule <= size; granule += LK_GRANULE)
        for (size_t around = 0; around < 256; around += STEP)
            if (granule + around > 128 && granule + around - 128 <= size)
                try_bytes(bytes, granule + around - 128);
    GRand *random = g_rand_new_with_seed(1);
    for (unsigned i = 0; i < 500; i += STEP)
        try_bytes(bytes, (size_t)g_rand_int_range(random, 0, (gint32)size));
    g_rand_free(random);
    struct capture *capture = open_bytes(bytes, size - 1);
    assert_int_not_equal(capture->damage, 0);
    assert_int_equal(capture->sites->len, 2);
    capture_free(capture);
    g_free(bytes);
}

static void flip(uint8_t *bytes, size_t size, size_t at, unsigned bits)
{
    uint8_t kept = bytes[at];
    bytes[at] ^= (uint8_t)bits;
    try_bytes(bytes, size);
    bytes[at] = kept;
}

static void every_flipped_byte_gives_an_answer(void **state)
{
    (void)state;
    struct builder *b = build_all();
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    GRand *random = g_rand_new_with_seed(2);
    builder_free(b);
    for (size_t at = 0; at < sizeof(struct lk_header) + 64; at += STEP) {
        flip(bytes, size, at, 0xff);
        flip(bytes, size, at, 1u << g_rand_int_range(random, 0, 8));
    }
    for (size_t granule = LK_GRANULE; granule < size; granule += LK_GRANULE)
        for (size_t at = 0; at < 64; at += STEP) {
            flip(bytes, size, granule + at, 0xff);
            flip(bytes, size, granule + at, 1u << g_rand_int_range(random, 0, 8));
        }
    for (size_t at = 0, turn = 0; at < size; at++)
        if (bytes[at] != 0 && turn++ % STEP == 0 && at % LK_GRANULE >= 64 && at >= LK_GRANULE)
            flip(bytes, size, at, 1u << g_rand_int_range(random, 0, 8));
    for (unsigned i = 0; i < 1000; i += STEP)
        flip(bytes, size, (size_t)g_rand_int_range(random, 0, (gint32)size),
             (unsigned)g_rand_int_range(random, 1, 256));
    g_rand_free(random);
    g_free(bytes);
}

/* Several at a time, and runs of noise. */
static void noise_gives_an_answer(void **state)
{
    (void)state;
    struct builder *b = build_all();
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    builder_free(b);
    for (guint32 seed = 0; seed < 300; seed += STEP) {
        GRand *random = g_rand_new_with_seed(seed);
        uint8_t *copy = g_memdup2(bytes, size);
        for (int i = 0; i < 20; i++) {
            size_t granule = (size_t)g_rand_int_range(random, 0, (gint32)(size / LK_GRANULE));
            size_t at = granule * LK_GRANULE + (size_t)g_rand_int_range(random, 16, 1024);
            copy[at] = (uint8_t)g_rand_int_range(random, 0, 256);
        }
        try_bytes(copy, size);
        g_free(copy);
        g_rand_free(random);
    }
    g_free(bytes);
}

static void damage_is_left_out_and_the_rest_kept(void **state)
{
    (void)state;
    struct builder *b = build_all();
    size_t size;
    uint8_t *bytes = builder_bytes(b, &size);
    builder_free(b);
    for (size_t at = LK_GRANULE; at < size; at += LK_GRANULE) {
        struct lk_extent *head = (void *)(bytes + at);
        struct lk_record *record = (void *)(head + 1);
        if (head->kind == LK_EXTENT_SEGMENT && head->sequence == 0) {
            record = (void *)((uint8_t *)record + record->bytes); /* CONNECT */
            record = (void *)((uint8_t *)record + record->bytes); /* INPUT */
            record = (void *)((uint8_t *)record + record->bytes); /* COMMAND */
            ((struct lk_record_command *)(void *)record)->site = 12345;
            record = (void *)((uint8_t *)record + record->bytes);
            record->bytes = 3;
        }
    }
    struct capture *c = open_bytes(bytes, size);
    g_free(bytes);
    GArray *events = capture_list_events(c);
    assert_int_equal(c->damage, 1);
    assert_int_equal(events->len, 5); /* CONNECT, INPUT, COMMAND; the other thread's two */
    assert_int_equal(
        ((const struct lk_record_command *)(const void *)event_at(events, 2)->record)->site, 0);
    assert_int_equal(c->sites->len, 2);
    g_array_free(events, TRUE);
    capture_free(c);
}

/* ---- Ends ---- */

static char *fresh_path(void)
{
    char *directory = g_dir_make_tmp("leakey-test-XXXXXX", NULL);
    char *path = g_build_filename(directory, "service.1.leakey", NULL);
    g_free(directory);
    return path;
}

static void remove_path(char *path)
{
    char *directory = g_path_get_dirname(path);
    g_unlink(path);
    g_rmdir(directory);
    g_free(directory);
    g_free(path);
}

static void fill_boot_id(struct lk_header *header)
{
    char *text = NULL;
    size_t n = 0;
    assert_true(g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL));
    for (const char *at = text; *at != '\0' && n < 32; at++)
        if (g_ascii_isxdigit(*at)) {
            header->boot_id[n / 2] =
                (uint8_t)(header->boot_id[n / 2] << 4 | g_ascii_xdigit_value(*at));
            n++;
        }
    g_free(text);
}

static uint64_t ticks_of(pid_t pid)
{
    char path[64], *text = NULL;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    char **fields = g_strsplit(strrchr(text, ')') + 2, " ", -1);
    uint64_t ticks = g_ascii_strtoull(fields[19], NULL, 10);
    g_strfreev(fields);
    g_free(text);
    return ticks;
}

static enum capture_end end_of(const char *path)
{
    GError *error = NULL;
    struct capture *capture = capture_open(path, &error);
    assert_non_null(capture);
    enum capture_end end = capture->end;
    capture_free(capture);
    return end;
}

static void save_running(const char *path, pid_t pid, uint64_t ticks, bool our_boot)
{
    struct builder *b = build_all();
    struct lk_header *header = builder_header(b);
    header->end = LK_END_RUNNING;
    header->pid = (uint32_t)pid;
    header->process_start_ticks = ticks;
    if (our_boot)
        fill_boot_id(header);
    assert_true(builder_save(b, path));
    builder_free(b);
}

static void a_missing_end_mark_is_looked_into(void **state)
{
    (void)state;
    char *path = fresh_path();
    uint64_t ticks = ticks_of(getpid());
    save_running(path, getpid(), ticks, false);
    assert_int_equal(end_of(path), CAPTURE_END_UNKNOWN);
    save_running(path, getpid(), ticks, true);
    assert_int_equal(end_of(path), CAPTURE_END_EXEC); /* lives, but does not map it */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = mmap(NULL, LK_GRANULE, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(mapped != MAP_FAILED);
    assert_int_equal(end_of(path), CAPTURE_END_RUNNING);
    save_running(path, 1, ticks, true); /* the same process, known by another pid elsewhere */
    munmap(mapped, LK_GRANULE);
    mapped = mmap(NULL, LK_GRANULE, PROT_READ, MAP_SHARED, fd, 0);
    assert_int_equal(end_of(path), CAPTURE_END_RUNNING);
    munmap(mapped, LK_GRANULE);
    close(fd);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    uint64_t child_ticks = ticks_of(child);
    waitpid(child, NULL, 0);
    save_running(path, child, child_ticks + 1, true);
    assert_int_equal(end_of(path), CAPTURE_END_SIGNAL);
    remove_path(path);
}

static void a_directory_names_its_captures(void **state)
{
    (void)state;
    char *path = fresh_path(), *directory = g_path_get_dirname(path);
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    assert_false(capture_list(directory, paths, &error));
    assert_non_null(strstr(error->message, "no captures"));
    g_clear_error(&error);
    save_running(path, 1, 1, false);
    assert_true(capture_list(directory, paths, &error));
    assert_int_equal(paths->len, 1);
    assert_string_equal(g_ptr_array_index(paths, 0), path);
    assert_true(capture_list(path, paths, &error));
    assert_int_equal(paths->len, 2);
    g_ptr_array_free(paths, TRUE);
    g_free(directory);
    remove_path(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(events_are_in_order_of_time),
        cmocka_unit_test(many_threads_are_merged_stably),
        cmocka_unit_test(coarse_timeline_begins_where_the_fine_one_ends),
        cmocka_unit_test(overwritten_segments_are_known),
        cmocka_unit_test(pauses_are_left_out_of_the_time),
        cmocka_unit_test(what_is_no_capture_is_refused),
        cmocka_unit_test(every_truncation_gives_an_answer),
        cmocka_unit_test(every_flipped_byte_gives_an_answer),
        cmocka_unit_test(noise_gives_an_answer),
        cmocka_unit_test(damage_is_left_out_and_the_rest_kept),
        cmocka_unit_test(a_missing_end_mark_is_looked_into),
        cmocka_unit_test(a_directory_names_its_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
