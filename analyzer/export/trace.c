/* Requests to the cache, for exporters of traces; see trace.h. */
#include "export/trace.h"

#include <inttypes.h>

#define NS_PER_SECOND 1000000000

/* Whether the access says how large the value is that its key then has. */
static bool tells_size(const struct cache_access *access)
{
    return access->key != CACHE_NONE && access->flags & (ACCESS_HIT | ACCESS_WRITE);
}

struct trace trace_new(const struct cache_model *model)
{
    struct trace trace = {.model = model, .value_bytes = g_new(uint64_t, model->keys->len + 1)};

    for (guint i = 0; i < model->keys->len; i++)
        trace.value_bytes[i] = TRACE_UNKNOWN;
    for (guint i = model->accesses->len; i-- > 0;) {
        const struct cache_access *access = model_access(model, i);

        if (tells_size(access))
            trace.value_bytes[access->key] = access->value_bytes;
    }
    return trace;
}

void trace_release(struct trace *trace)
{
    g_free(trace->value_bytes);
}

uint64_t trace_read_bytes(struct trace *trace, const struct cache_access *access)
{
    uint64_t bytes = trace->value_bytes[access->key];

    if ((access->flags & (ACCESS_HIT | ACCESS_WRITE)) == ACCESS_HIT)
        bytes = trace->value_bytes[access->key] = access->value_bytes;
    else if (access_is_miss(access) && access->partner != CACHE_NONE)
        bytes = model_access(trace->model, access->partner)->value_bytes;
    trace->unknown_count += bytes == TRACE_UNKNOWN;
    return bytes;
}

uint64_t trace_write_bytes(struct trace *trace, const struct cache_access *access)
{
    return trace->value_bytes[access->key] = access->value_bytes;
}

uint32_t trace_seconds(const struct cache_access *access)
{
    return (uint32_t)CLAMP(access->time_ns / NS_PER_SECOND, 0, UINT32_MAX);
}

uint64_t trace_ttl_seconds(const struct cache_access *access)
{
    return access_ttl_ms(access) <= 0 ? 0 : ((uint64_t)access_ttl_ms(access) + 999) / 1000;
}

uint32_t trace_client(const struct cache_model *model, const struct cache_access *access)
{
    return access_connection(model, access)->capture + 1;
}

void trace_remark(const struct trace *trace, const struct export_options *options)
{
    GString *text = g_string_new(NULL);

    if (!trace->model->complete)
        g_string_append(text, "the captures no longer hold every command: what their rings had to "
                              "overwrite is missing. ");
    if (trace->unknown_count != 0)
        g_string_append_printf(text,
                               "%" PRIu64 " reads are of keys without a value in these captures: "
                               "its size is given as 0. ",
                               trace->unknown_count);
    g_string_set_size(text, text->len == 0 ? 0 : text->len - 1);
    *options->remarks = g_string_free(text, text->len == 0);
}
