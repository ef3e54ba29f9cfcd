/* Scripts of cache commands, through a capture file. */
#include "common/cache_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

static void free_capture(gpointer capture)
{
    capture_free(capture);
}

void script_save(struct script *script, struct builder *builder)
{
    char *path;
    int file = g_file_open_tmp("leakey-test-XXXXXX", &path, NULL);
    struct capture *capture;

    if (!script->captures)
        script->captures = g_ptr_array_new_with_free_func(free_capture);
    assert_true(file >= 0 && close(file) == 0);
    assert_true(builder_save(builder, path));
    capture = capture_open(path, NULL);
    assert_non_null(capture);
    g_ptr_array_add(script->captures, capture);
    unlink(path);
    g_free(path);
    builder_free(builder);
}

void script_analyse(struct script *script)
{
    script->report = report_new();
    script->model = cache_model_new(script->report, NULL, script->captures);
    find_cache_faults(script->model);
}

void script_clear(struct script *script)
{
    cache_model_free(script->model);
    report_free(script->report);
    g_ptr_array_free(script->captures, TRUE);
}

void script_command(struct builder *builder, struct at at, const char *verb, const char *key,
                    uint16_t flags, uint32_t outcome, int64_t ttl_ms, double reply_ms)
{
    builder_thread(builder, at.connection);
    builder_command(builder,
                    &(struct builder_command){.time_ns = (uint64_t)(at.ms * 1e6),
                                              .reply_ns = (uint64_t)((at.ms + reply_ms) * 1e6),
                                              .verb = verb,
                                              .key = key,
                                              .template_name = key ? "k:<number>" : NULL,
                                              .value = flags & LK_COMMAND_WRITE ? "value" : NULL,
                                              .flags = flags,
                                              .connection = at.connection,
                                              .ttl_ms = ttl_ms,
                                              .outcome = outcome});
}

void script_hit(struct builder *builder, double ms, const char *key)
{
    script_command(builder, (struct at){ms, 1}, "GET", key, LK_COMMAND_READ, LK_OUTCOME_HIT, 0,
                   0.1);
}

void script_miss(struct builder *builder, double ms, const char *key)
{
    script_command(builder, (struct at){ms, 1}, "GET", key, LK_COMMAND_READ, LK_OUTCOME_MISS, 0,
                   0.1);
}

void script_miss_on(struct builder *builder, double ms, uint32_t connection, const char *key)
{
    script_command(builder, (struct at){ms, connection}, "GET", key, LK_COMMAND_READ,
                   LK_OUTCOME_MISS, 0, 0.1);
}

void script_set(struct builder *builder, double ms, const char *key, int64_t ttl_ms)
{
    script_command(builder, (struct at){ms, 1}, "SET", key, LK_COMMAND_WRITE, LK_OUTCOME_WRITE,
                   ttl_ms, 0.1);
}

void script_set_on(struct builder *builder, double ms, uint32_t connection, const char *key,
                   double reply_ms)
{
    script_command(builder, (struct at){ms, connection}, "SET", key, LK_COMMAND_WRITE,
                   LK_OUTCOME_WRITE, 0, reply_ms);
}
