/* A capture's header and tables as JSON items. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/dump.h"
#include "model/heap.h"
#include "model/text.h"

#define NS_PER_SECOND 1e9
#define Q16           65536.0

/* ---- Helpers ---- */

json_t *dump_text(const char *text, size_t bytes)
{
    json_t *whole = text == NULL ? json_null() : json_stringn(text, bytes);
    if (whole != NULL)
        return whole;
    char *shown = text_printable(text, bytes);
    whole = json_string(shown);
    g_free(shown);
    return whole;
}

json_t *dump_hex(uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "0x%" PRIx64, number);
    return json_string(digits);
}

json_t *dump_hash(uint64_t hash)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "0x%016" PRIx64, hash);
    return json_string(digits);
}

static json_t *string_or_null(const char *text)
{
    return text == NULL ? json_null() : dump_text(text, strlen(text));
}

json_t *dump_flags(uint32_t flags, const char *const *names, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        if ((flags >> i & 1) != 0)
            json_array_append_new(array, json_string(names[i]));
    return array;
}

const char *dump_drop_name(size_t reason)
{
    static const char *const names[LK_DROP_REASONS] = {
        [LK_DROP_NO_SEGMENT] = "no-segment", [LK_DROP_NO_SPACE] = "no-space",
        [LK_DROP_NESTED] = "nested",         [LK_DROP_TOO_LARGE] = "too-large",
        [LK_DROP_NO_STATE] = "no-state",     [LK_DROP_NOT_READY] = "not-ready",
    };
    return reason < LK_DROP_REASONS && names[reason] != NULL ? names[reason] : "other";
}

const char *dump_outcome_name(uint32_t outcome)
{
    static const char *const names[] = {
        [LK_OUTCOME_NONE] = "none",       [LK_OUTCOME_HIT] = "hit",
        [LK_OUTCOME_MISS] = "miss",       [LK_OUTCOME_WRITE] = "write",
        [LK_OUTCOME_ERROR] = "error",     [LK_OUTCOME_OTHER] = "other",
        [LK_OUTCOME_PENDING] = "pending",
    };
    return outcome < G_N_ELEMENTS(names) ? names[outcome] : "unknown";
}

static json_t *template_text(const struct dump *dump, uint32_t id)
{
    const struct lk_template *template =
        &g_array_index(dump->capture->templates, struct lk_template, id);
    return id == 0 ? json_null() : dump_text(template->text, template->text_bytes);
}

void dump_tag(const struct dump *dump, json_t *item, uint32_t tag)
{
    if (tag == 0)
        return;
    json_object_set_new(item, "outcome", json_string(dump_outcome_name(LK_TAG_OUTCOME(tag))));
    json_object_set_new(item, "template", template_text(dump, LK_TAG_TEMPLATE(tag)));
}

static json_t *seconds(uint64_t ns)
{
    return json_real((double)ns / NS_PER_SECOND);
}

static json_t *integer(uint64_t number)
{
    return json_integer((json_int_t)MIN(number, (uint64_t)INT64_MAX));
}

static void set(json_t *item, const char *key, json_t *value)
{
    json_object_set_new(item, key, value);
}

/* ---- Header ---- */

static json_t *started(uint64_t realtime_ns)
{
    GDateTime *time = g_date_time_new_from_unix_utc((gint64)(realtime_ns / 1000000000u));
    char *text = time == NULL ? NULL : g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
    json_t *value = string_or_null(text);
    g_free(text);
    if (time != NULL)
        g_date_time_unref(time);
    return value;
}

static void set_process(const struct capture *capture, json_t *item)
{
    json_t *command = json_array();
    set(item, "path", string_or_null(capture->path));
    set(item, "pid", integer(capture->header.pid));
    set(item, "parent_pid", integer(capture->header.ppid));
    set(item, "executable", string_or_null(capture->executable));
    for (guint i = 0; i < capture->command->len; i++)
        json_array_append_new(command, string_or_null(g_ptr_array_index(capture->command, i)));
    set(item, "command", command);
    set(item, "started", started(capture->header.start_realtime_ns));
    set(item, "duration_seconds", seconds(capture->duration_ns));
    set(item, "paused_seconds", seconds(capture->paused_ns));
    set(item, "paused_count", integer(capture->header.pauses));
    set(item, "end", json_string(capture_end_name(capture->end)));
    if (capture->end == CAPTURE_END_EXIT)
        set(item, "exit_status", integer(capture->header.end_status));
}

static void set_settings(const struct capture *capture, json_t *item)
{
    static const char *const flags[] = {"heap", "cache", "keys-hashed", "stack-fallback", "forked"};
    set(item, "version", integer(capture->header.version));
    set(item, "flags", dump_flags(capture->header.flags, flags, G_N_ELEMENTS(flags)));
    set(item, "paused", json_boolean((capture->header.control & LK_CONTROL_PAUSED) != 0));
    set(item, "sample_bytes", integer(capture->header.sample_bytes));
    set(item, "ring_bytes", integer(capture->header.ring_bytes));
    set(item, "file_bytes", integer(capture->bytes));
}

static void set_counts(const struct capture *capture, json_t *item)
{
    set(item, "recorded_count", integer(capture->recorded_count));
    set(item, "overwritten_count",
        integer(capture->overwritten_count + capture->overwritten_heap_count));
    set(item, "dropped_count", integer(capture->dropped_count));
    for (size_t i = 0; i < LK_DROP_REASONS; i++)
        if (capture->header.dropped[i] != 0) {
            char *key = g_strdup_printf("dropped_%s_count", dump_drop_name(i));
            set(item, key, integer(capture->header.dropped[i]));
            g_free(key);
        }
    set(item, "error_count", integer(capture->header.errors));
    set(item, "allocated_bytes", integer(capture->totals.allocated_bytes));
    set(item, "freed_bytes", integer(capture->totals.freed_bytes));
    set(item, "sample_count", integer(capture->totals.samples));
    set(item, "peak_live_bytes", integer(capture->header.peak_live_bytes));
    set(item, "stacks_learned_count", integer(capture->header.stacks_learned));
    set(item, "stacks_unwound_count", integer(capture->header.stacks_unwound));
    set(item, "stacks_checked_count", integer(capture->header.stacks_checked));
    set(item, "stacks_mismatched_count", integer(capture->header.stacks_mismatched));
    set(item, "peak_live_bytes", integer(capture->header.peak_live_bytes));
    set(item, "events", integer(capture->records_count));
    set(item, "sites", integer(capture->sites->len - 1));
    set(item, "live", integer(capture->live->len));
    set(item, "modules", integer(capture->modules->len));
    set(item, "templates", integer(capture->templates->len - 1));
    set(item, "verbs", integer(capture->verbs->len - 1));
    set(item, "damage_count", integer(capture->damage));
}

bool dump_header(struct dump *dump)
{
    json_t *item = json_object();
    set_process(dump->capture, item);
    set_settings(dump->capture, item);
    set_counts(dump->capture, item);
    return dump->emit(dump, item);
}

/* ---- Tables ---- */

static json_t *frame_item(const struct frame *frame)
{
    json_t *item = json_object();
    set(item, "function", string_or_null(frame->function));
    set(item, "file", string_or_null(frame->file));
    set(item, "line", frame->line == 0 ? json_null() : json_integer(frame->line));
    set(item, "module", string_or_null(frame->module));
    set(item, "build_id", string_or_null(frame->build_id));
    set(item, "offset", dump_hex(frame->offset));
    set(item, "inlined", json_boolean(frame->inlined));
    return item;
}

static json_t *stack_items(struct dump *dump, uint32_t site)
{
    const struct stack *stack = symbols_stack(dump->symbols, dump->capture, site);
    json_t *frames = json_array();
    for (guint i = 0; i < stack->frames->len; i++)
        json_array_append_new(frames, frame_item(&g_array_index(stack->frames, struct frame, i)));
    return frames;
}

static json_t *history(const struct capture *capture, const struct capture_site *site)
{
    json_t *windows = json_array();
    for (uint32_t i = 0; site->history != NULL && i < capture->history_windows; i++)
        json_array_append_new(windows, json_integer((json_int_t)site->history[i]));
    return windows;
}

bool dump_sites(struct dump *dump)
{
    for (guint i = 1; i < dump->capture->sites->len; i++) {
        const struct capture_site *site =
            &g_array_index(dump->capture->sites, struct capture_site, i);
        json_t *item = json_object();
        set(item, "site", integer(i));
        set(item, "first_seconds", seconds(site->first_ns));
        set(item, "allocated_bytes", integer(site->totals.allocated_bytes));
        set(item, "allocated_count", json_real((double)site->totals.allocated_count_q16 / Q16));
        set(item, "freed_bytes", integer(site->totals.freed_bytes));
        set(item, "freed_count", json_real((double)site->totals.freed_count_q16 / Q16));
        set(item, "temporary_count", json_real((double)site->totals.temporary_count_q16 / Q16));
        set(item, "sample_count", integer(site->totals.samples));
        set(item, "peak_live_bytes", json_integer((json_int_t)site->totals.peak_bytes));
        set(item, "live_bytes_history", history(dump->capture, site));
        set(item, "cut", json_boolean(site->cut));
        set(item, "stack", stack_items(dump, i));
        if (!dump->emit(dump, item))
            return false;
    }
    return true;
}

bool dump_live(struct dump *dump)
{
    static const char *const kinds[] = {
        [LK_LIVE_HEAP] = "heap", [LK_LIVE_REPLY] = "reply", [LK_LIVE_CONTEXT] = "context"};
    for (guint i = 0; i < dump->capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(dump->capture->live, struct lk_live, i);
        unsigned kind = (unsigned)live_kind(entry);
        json_t *item = json_object();
        set(item, "live", json_string(kind < G_N_ELEMENTS(kinds) ? kinds[kind] : "unknown"));
        set(item, "address", dump_hex(entry->key & ((1ull << 60) - 1)));
        set(item, "bytes", integer(entry->size));
        set(item, "seconds", seconds(entry->time_ns));
        set(item, "site", integer(entry->site));
        dump_tag(dump, item, entry->tag);
        if (!dump->emit(dump, item))
            return false;
    }
    return true;
}

bool dump_modules(struct dump *dump)
{
    for (guint i = 0; i < dump->capture->modules->len; i++) {
        const struct capture_module *module =
            &g_array_index(dump->capture->modules, struct capture_module, i);
        json_t *item = json_object();
        set(item, "module", string_or_null(module->path));
        set(item, "build_id", string_or_null(module->build_id));
        set(item, "start", dump_hex(module->start));
        set(item, "end", dump_hex(module->end));
        set(item, "bias", dump_hex(module->bias));
        set(item, "unloaded", json_boolean(module->last_epoch != UINT32_MAX));
        if (!dump->emit(dump, item))
            return false;
    }
    return true;
}

bool dump_templates(struct dump *dump)
{
    for (guint i = 0; i < dump->capture->templates->len; i++) {
        const struct lk_template *template =
            &g_array_index(dump->capture->templates, struct lk_template, i);
        json_t *item = json_object();
        set(item, "template", template_text(dump, i));
        set(item, "id", integer(i));
        set(item, "reads", integer(template->reads));
        set(item, "hits", integer(template->hits));
        set(item, "misses", integer(template->misses));
        set(item, "writes", integer(template->writes));
        set(item, "deletes", integer(template->deletes));
        set(item, "errors", integer(template->errors));
        set(item, "written_bytes", integer(template->written_bytes));
        set(item, "read_bytes", integer(template->read_bytes));
        set(item, "no_ttl_writes", integer(template->no_ttl_writes));
        set(item, "replies_live", integer(template->replies_live));
        set(item, "first_seconds", seconds(template->first_ns));
        set(item, "last_seconds", seconds(template->last_ns));
        if (!dump->emit(dump, item))
            return false;
    }
    return true;
}

bool dump_verbs(struct dump *dump)
{
    for (guint i = 0; i < dump->capture->verbs->len; i++) {
        const struct lk_verb *verb = &g_array_index(dump->capture->verbs, struct lk_verb, i);
        json_t *item = json_object();
        set(item, "verb", i == 0 ? json_null() : dump_text(verb->name, strlen(verb->name)));
        set(item, "calls", integer(verb->calls));
        if (!dump->emit(dump, item))
            return false;
    }
    return true;
}

bool dump_timeline(struct dump *dump)
{
    for (guint i = 0; i < dump->capture->timeline->len; i++) {
        const struct timeline_point *point =
            &g_array_index(dump->capture->timeline, struct timeline_point, i);
        json_t *item = json_object();
        set(item, "seconds", seconds(point->time_ns));
        set(item, "width_seconds", seconds(point->width_ns));
        set(item, "live_bytes", integer(point->last_live_bytes));
        set(item, "max_live_bytes", integer(point->max_live_bytes));
        set(item, "allocated_bytes", integer(point->allocated_bytes));
        if (!dump->emit(dump, item))
            return false;
    }
    return true;
}
