/* Captures that are read again and again: their tables, their rings, recompute times as they come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glib.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/cache_script.h"
#include "watch/follow.h"
#include "watch/recompute.h"

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Threads that miss, hit and write the same few keys, one after another and at the same time. */
static struct builder *busy(uint64_t random)
{
    struct builder *builder = builder_new();
    double ms[5] = {0};

    for (int i = 0; i < 4000; i++) {
        uint32_t connection = 1 + (uint32_t)(next_random(&random) % 4);
        char *key = g_strdup_printf("k:%u", (unsigned)(next_random(&random) % 12));
        struct at at = {0, connection};
        double later = 0.01 + (double)(next_random(&random) % 300) / 100 + 1e-6 * i;

        /* No two at one time: what the order then is, is nobody's promise. */
        ms[connection] = MAX(ms[connection] + 0.01, i * 0.05) + 1e-5 * connection;
        at.ms = ms[connection];
        switch (next_random(&random) % 4) {
        case 0:
            script_command(builder, at, "GET", key, LK_COMMAND_READ, LK_OUTCOME_HIT, 0, later);
            break;
        case 1:
            script_command(builder, at, "SET", key, LK_COMMAND_WRITE, LK_OUTCOME_WRITE, 0, later);
            break;
        default:
            script_command(builder, at, "GET", key, LK_COMMAND_READ, LK_OUTCOME_MISS, 0, later);
        }
        ms[connection] = at.ms + later; /* an answer before the next command */
        g_free(key);
    }
    return builder;
}

struct saved {
    char *path;
    int fd;
};

static struct saved save(struct builder *builder)
{
    struct saved saved;
    int file = g_file_open_tmp("leakey-test-XXXXXX", &saved.path, NULL);

    assert_true(file >= 0 && close(file) == 0);
    assert_true(builder_save(builder, saved.path));
    builder_free(builder);
    saved.fd = open(saved.path, O_RDONLY | O_CLOEXEC);
    assert_true(saved.fd >= 0);
    return saved;
}

static void drop(struct saved *saved)
{
    close(saved->fd);
    unlink(saved->path);
    g_free(saved->path);
}

static void take(const struct lk_record *record, uint32_t thread, void *context)
{
    recompute_record(context, record, thread);
}

/* As the cache model has them, over the whole ring. */
static struct durations modelled(const char *path)
{
    struct script script = {.captures = g_ptr_array_new()};
    struct durations durations = {{0}, 0};
    struct capture *capture = capture_open(path, NULL);

    assert_non_null(capture);
    g_ptr_array_add(script.captures, capture);
    script_analyse(&script);
    for (guint i = 0; i < script.model->accesses->len; i++) {
        double seconds = access_recompute_seconds(script.model, model_access(script.model, i));

        if (!isnan(seconds))
            durations_observe(&durations, seconds);
    }
    script_clear(&script);
    capture_free(capture);
    return durations;
}

static void recompute_times_are_the_models(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct saved saved = save(busy(seed * 0x9e3779b97f4a7c15ull));
        struct durations expected = modelled(saved.path), sum = {{0}, 0};
        struct recompute *recompute = recompute_new();
        struct follow *follow = follow_new();

        assert_true(follow_read(follow, saved.fd, true, take, recompute));
        recompute_finish(recompute);
        for (uint32_t id = 0; id < LK_TAG_TEMPLATES; id++)
            if (recompute_durations(recompute, id) != NULL)
                durations_add(&sum, recompute_durations(recompute, id));
        assert_true(durations_count(&expected) > 100);
        assert_memory_equal(sum.counts, expected.counts, sizeof(sum.counts));
        assert_true(fabs(sum.sum_seconds - expected.sum_seconds) < 1e-6);
        assert_true(follow_missed_count(follow) == 0);
        follow_free(follow);
        recompute_free(recompute);
        drop(&saved);
    }
}

/* ---- Following ---- */

struct seen {
    guint count;
    uint64_t last_ns;
};

static void see(const struct lk_record *record, uint32_t thread, void *context)
{
    struct seen *seen = context;

    (void)thread;
    assert_true(record->time_ns >= seen->last_ns);
    seen->last_ns = record->time_ns;
    seen->count++;
}

static void each_record_is_handed_out_once(void **state)
{
    struct saved saved = save(busy(42));
    struct follow *follow = follow_new();
    struct seen seen = {0, 0};

    (void)state;
    assert_true(follow_read(follow, saved.fd, true, see, &seen));
    struct capture *capture = capture_open(saved.path, NULL);
    assert_int_equal(seen.count, capture->records_count);
    assert_true(follow_read(follow, saved.fd, true, see, &seen));
    assert_int_equal(seen.count, capture->records_count);
    capture_free(capture);
    follow_free(follow);
    drop(&saved);
}

/* A file whose every segment's head says less at first. */
static void what_is_committed_later_comes_later(void **state)
{
    struct builder *builder = busy(7);
    size_t bytes;
    uint8_t *data = builder_bytes(builder, &bytes), *half = g_memdup2(data, bytes);
    struct saved saved = save(builder);
    struct follow *follow = follow_new();
    struct seen seen = {0, 0};
    guint first;
    int file;

    (void)state;
    for (size_t at = LK_GRANULE; at + sizeof(struct lk_extent) <= bytes; at += LK_GRANULE) {
        struct lk_extent *head = (void *)(half + at);
        uint32_t kept = 0, room = head->committed / 2;

        if (head->kind != LK_EXTENT_SEGMENT)
            continue;
        while (kept + ((struct lk_record *)(void *)(head + 1 + 0))->bytes <= room) {
            const struct lk_record *record = (const void *)(half + at + sizeof(*head) + kept);
            if (kept + record->bytes > room)
                break;
            kept += record->bytes;
        }
        head->committed = kept;
    }
    file = open(saved.path, O_WRONLY | O_CLOEXEC);
    assert_true(pwrite(file, half, bytes, 0) == (ssize_t)bytes);
    assert_true(follow_read(follow, saved.fd, true, see, &seen));
    first = seen.count;
    assert_true(first > 100);
    assert_true(pwrite(file, data, bytes, 0) == (ssize_t)bytes);
    seen.last_ns = 0;
    assert_true(follow_read(follow, saved.fd, true, see, &seen));
    struct capture *capture = capture_open(saved.path, NULL);
    assert_true(seen.count > first);
    assert_int_equal(seen.count, capture->records_count);
    close(file);
    capture_free(capture);
    follow_free(follow);
    drop(&saved);
    g_free(data);
    g_free(half);
}

static void what_was_overwritten_is_counted(void **state)
{
    struct builder *builder = busy(9);
    struct follow *follow = follow_new();
    struct seen seen = {0, 0};

    (void)state;
    builder_lose(builder, 0.5);
    struct saved saved = save(builder);
    assert_true(follow_read(follow, saved.fd, true, see, &seen));
    struct capture *capture = capture_open(saved.path, NULL);
    assert_true(capture->overwritten_count > 0);
    assert_int_equal(follow_missed_count(follow), capture->overwritten_count);
    capture_free(capture);
    follow_free(follow);
    drop(&saved);
}

/* ---- Tables ---- */

static void tables_alone_say_what_the_whole_capture_says(void **state)
{
    struct builder *builder = busy(3);
    const uint64_t frames[] = {0x1010, 0x2020};
    uint32_t site = builder_site(builder, frames, 2);

    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        builder_alloc(builder, i * BUILDER_MS, 0x10000 + 64 * i, 48, site, 0);
    for (uint64_t i = 0; i < 20; i++)
        builder_release(builder, (60 + i) * BUILDER_MS, 0x10000 + 64 * i);
    struct saved saved = save(builder);
    struct capture *whole = capture_open(saved.path, NULL);
    struct capture *tables = capture_open_tables(dup(saved.fd), "x", 0, NULL);
    assert_non_null(tables);
    assert_int_equal(tables->records_count, 0);
    assert_int_equal(tables->live->len, 0);
    assert_int_equal(tables->timeline->len, 0);
    assert_memory_equal(&tables->totals, &whole->totals, sizeof(whole->totals));
    assert_int_equal(tables->sites->len, whole->sites->len);
    assert_int_equal(tables->templates->len, whole->templates->len);
    assert_int_equal(tables->damage, 0);
    for (guint id = 0; id < whole->templates->len; id++)
        assert_memory_equal(&g_array_index(tables->templates, struct lk_template, id),
                            &g_array_index(whole->templates, struct lk_template, id),
                            sizeof(struct lk_template));
    capture_free(tables);
    tables = capture_open_tables(dup(saved.fd), "x", CAPTURE_TIMELINE, NULL);
    assert_int_equal(tables->timeline->len, whole->timeline->len);
    capture_free(tables);
    capture_free(whole);
    drop(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recompute_times_are_the_models),
        cmocka_unit_test(each_record_is_handed_out_once),
        cmocka_unit_test(what_is_committed_later_comes_later),
        cmocka_unit_test(what_was_overwritten_is_counted),
        cmocka_unit_test(tables_alone_say_what_the_whole_capture_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
