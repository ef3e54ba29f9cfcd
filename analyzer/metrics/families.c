/* The table of metrics; see families.h. */
#include "metrics/families.h"

#include <string.h>

#define PROCESS(field)  offsetof(struct measured, field)
#define SERVER(field)   offsetof(struct measured_server, field)
#define TEMPLATE(field) offsetof(struct measured_template, field)
#define SITE(field)     offsetof(struct measured_site, field)

const struct family families[] = {
    {"leakey_build", FAMILY_INFO, OF_SERVER, NULL, 0, "Version of leakey."},
    {"leakey_serve_captures_running", FAMILY_GAUGE, OF_SERVER, NULL, SERVER(captures_running),
     "Captures that a running process writes."},
    {"leakey_serve_captures_ended", FAMILY_GAUGE, OF_SERVER, NULL, SERVER(captures_ended),
     "Captures whose process has ended and whose series stay for a while."},
    {"leakey_serve_captures_unreadable", FAMILY_GAUGE, OF_SERVER, NULL, SERVER(captures_unreadable),
     "Files named *.leakey that cannot be read as captures."},
    {"leakey_serve_directory_readable", FAMILY_GAUGE, OF_SERVER, NULL, SERVER(directory_readable),
     "Whether the directory of captures can be read: 1 or 0."},

    {"leakey_process", FAMILY_INFO, OF_PROCESS, NULL, 0, "The process that writes the capture."},
    {"leakey_process_running", FAMILY_GAUGE, OF_PROCESS, NULL, PROCESS(running),
     "Whether the process runs: 1 or 0."},
    {"leakey_process_start_time_seconds", FAMILY_GAUGE, OF_PROCESS, "seconds",
     PROCESS(start_seconds), "When recording began, since the epoch."},
    {"leakey_capture_duration_seconds", FAMILY_GAUGE, OF_PROCESS, "seconds",
     PROCESS(duration_seconds), "How long has been recorded, up to the latest event."},
    {"leakey_capture_paused", FAMILY_GAUGE, OF_PROCESS, NULL, PROCESS(paused),
     "Whether recording is paused: 1 or 0. Rates are 0 meanwhile."},
    {"leakey_capture_paused_seconds", FAMILY_COUNTER, OF_PROCESS, "seconds",
     PROCESS(paused_seconds), "How long recording has been paused, of the duration."},
    {"leakey_capture_overwritten_events", FAMILY_COUNTER, OF_PROCESS, NULL,
     PROCESS(overwritten_count), "Events that newer ones have displaced from the ring."},
    {"leakey_capture_dropped_events", FAMILY_COUNTER, OF_PROCESS, NULL, PROCESS(dropped_count),
     "Events that could not be recorded."},
    {"leakey_capture_missed_records", FAMILY_COUNTER, OF_PROCESS, NULL, PROCESS(missed_count),
     "Records displaced before serve had read them; recompute times lack them."},
    {"leakey_capture_damaged_parts", FAMILY_GAUGE, OF_PROCESS, NULL, PROCESS(damage),
     "Parts of the capture left out because they are damaged."},

    {"leakey_heap_live_bytes", FAMILY_GAUGE, OF_PROCESS, "bytes", PROCESS(live_bytes),
     "Requested bytes allocated and not freed."},
    {"leakey_heap_live_allocations", FAMILY_GAUGE, OF_PROCESS, NULL, PROCESS(live_count),
     "Allocations not freed."},
    {"leakey_heap_peak_live_bytes", FAMILY_GAUGE, OF_PROCESS, "bytes", PROCESS(peak_live_bytes),
     "The highest live total."},
    {"leakey_heap_allocated_bytes", FAMILY_COUNTER, OF_PROCESS, "bytes", PROCESS(allocated_bytes),
     "Requested bytes allocated."},
    {"leakey_heap_allocations", FAMILY_COUNTER, OF_PROCESS, NULL, PROCESS(allocated_count),
     "Allocations."},
    {"leakey_heap_freed_bytes", FAMILY_COUNTER, OF_PROCESS, "bytes", PROCESS(freed_bytes),
     "Requested bytes freed."},
    {"leakey_heap_frees", FAMILY_COUNTER, OF_PROCESS, NULL, PROCESS(freed_count), "Frees."},
    {"leakey_heap_spike_period_seconds", FAMILY_GAUGE, OF_PROCESS, "seconds",
     PROCESS(spike_period_seconds),
     "Time between periodic spikes of live memory; none: no series."},
    {"leakey_heap_spike_height_bytes", FAMILY_GAUGE, OF_PROCESS, "bytes",
     PROCESS(spike_height_bytes), "Height of periodic spikes of live memory; none: no series."},
    {"leakey_heap_site_live_bytes", FAMILY_GAUGE, OF_SITE, "bytes", SITE(live_bytes),
     "Requested bytes allocated at a site and not freed; sites beyond the bound are <other>."},
    {"leakey_heap_site_live_allocations", FAMILY_GAUGE, OF_SITE, NULL, SITE(live_count),
     "Allocations at a site that are not freed."},

    {"leakey_cache_commands", FAMILY_COUNTER, OF_VERB, NULL, offsetof(struct measured_verb, calls),
     "Cache commands issued, by verb."},
    {"leakey_cache_command_errors", FAMILY_COUNTER, OF_PROCESS, NULL, PROCESS(command_errors),
     "Error replies."},
    {"leakey_cache_reads", FAMILY_COUNTER, OF_TEMPLATE, NULL, TEMPLATE(reads),
     "Keys read: hits and misses."},
    {"leakey_cache_hits", FAMILY_COUNTER, OF_TEMPLATE, NULL, TEMPLATE(hits),
     "Reads of keys that got a value."},
    {"leakey_cache_misses", FAMILY_COUNTER, OF_TEMPLATE, NULL, TEMPLATE(misses),
     "Reads of keys that got none."},
    {"leakey_cache_writes", FAMILY_COUNTER, OF_TEMPLATE, NULL, TEMPLATE(writes), "Keys written."},
    {"leakey_cache_deletes", FAMILY_COUNTER, OF_TEMPLATE, NULL, TEMPLATE(deletes), "Keys deleted."},
    {"leakey_cache_written_bytes", FAMILY_COUNTER, OF_TEMPLATE, "bytes", TEMPLATE(written_bytes),
     "Value bytes written."},
    {"leakey_cache_read_bytes", FAMILY_COUNTER, OF_TEMPLATE, "bytes", TEMPLATE(read_bytes),
     "Value bytes of hits."},
    {"leakey_cache_distinct_keys", FAMILY_GAUGE, OF_TEMPLATE, NULL, TEMPLATE(distinct_keys),
     "Distinct keys read or written, estimated by a sketch (standard error 0.8 %)."},
    {"leakey_cache_unfreed_replies", FAMILY_GAUGE, OF_TEMPLATE, NULL, TEMPLATE(unfreed_replies),
     "Replies of the client library that nobody has freed."},
    {"leakey_cache_allocated_bytes", FAMILY_COUNTER, OF_OUTCOME, "bytes", TEMPLATE(allocated_bytes),
     "Bytes allocated after commands with an outcome, until the thread's next command."},
    {"leakey_cache_latency_seconds", FAMILY_HISTOGRAM, OF_TEMPLATE, "seconds", TEMPLATE(latency),
     "From the issue of a read or write to its reply."},
    {"leakey_cache_recompute_seconds", FAMILY_HISTOGRAM, OF_TEMPLATE, "seconds",
     TEMPLATE(recompute), "From a miss on a key to the write of that key."},
    {.name = NULL},
};

/* ---- Counters never fall ---- */

static void hold_number(double *now, const double *before)
{
    if (*before > *now)
        *now = *before;
}

static void hold_durations(struct durations *now, const struct durations *before)
{
    for (unsigned at = 0; at <= DURATIONS_BOUNDS; at++)
        hold_number(&now->counts[at], &before->counts[at]);
    hold_number(&now->sum_seconds, &before->sum_seconds);
}

/* Of one item, or of the process, all counters that are `of` it. */
static void hold_all(enum family_of of, void *now, const void *before)
{
    for (const struct family *family = families; family->name != NULL; family++) {
        bool same = family->of == of || (family->of == OF_OUTCOME && of == OF_TEMPLATE);
        size_t numbers = family->of == OF_OUTCOME ? OUTCOMES : 1;
        void *at = (char *)now + family->offset;
        const void *was = (const char *)before + family->offset;

        if (same && family->type == FAMILY_HISTOGRAM)
            hold_durations(at, was);
        for (size_t i = 0; i < numbers && same && family->type == FAMILY_COUNTER; i++)
            hold_number((double *)at + i, (const double *)was + i);
    }
}

static void hold_items(enum family_of of, GArray *now, const GArray *before)
{
    guint bytes = g_array_get_element_size(now);
    GHashTable *known = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < before->len; i++) {
        const struct measured_head *head = (const void *)(before->data + (size_t)i * bytes);

        g_hash_table_insert(known, (gpointer)(uintptr_t)head->labels[0],
                            before->data + (size_t)i * bytes);
    }
    for (guint i = 0; i < now->len; i++) {
        struct measured_head *head = (void *)(now->data + (size_t)i * bytes);
        const void *was = g_hash_table_lookup(known, head->labels[0]);

        if (was != NULL)
            hold_all(of, head, was);
    }
    g_hash_table_destroy(known);
}

void measured_hold(struct measured *now, const struct measured *before)
{
    hold_all(OF_PROCESS, now, before);
    hold_items(OF_VERB, now->verbs, before->verbs);
    hold_items(OF_TEMPLATE, now->templates, before->templates);
}
