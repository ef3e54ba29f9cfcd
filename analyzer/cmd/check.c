/* `leakey check`: whether captures are whole, what is damaged, and what they still hold. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/dump.h"
#include "cmd/messages.h"
#include "cmd/output.h"
#include "model/heap.h"
#include "model/text.h"
#include "model/units.h"

#define NAME "check"

#define BALANCE_SHARE 0.02
#define BALANCE_BYTES 4096

static const char description[] =
    "CAPTURE is a capture, a directory of captures, or a running process's capture.\n"
    "\n"
    "Exit status: 0 when every capture can be read, also those of which a part is\n"
    "damaged (what is lost is said); 2 for usage, or when one cannot be read at all.";

static void print_count(FILE *out, const char *separator, double count, const char *noun)
{
    char number[UNITS_ROOM];
    fprintf(out, "%s%s %s%s", separator, units_count(number, sizeof(number), count), noun,
            count == 1 ? "" : "s");
}

static void count_event(const struct heap_event *event, void *context)
{
    (void)event;
    ++*(double *)context;
}

/* "14 of 16 stacks", or "16 stacks". */
static void print_part(FILE *out, const char *separator, uint64_t held, uint64_t made,
                       const char *noun)
{
    char number[UNITS_ROOM];
    if (held >= made) {
        print_count(out, separator, (double)held, noun);
        return;
    }
    fprintf(out, "%s%s of ", separator, units_count(number, sizeof(number), (double)held));
    print_count(out, "", (double)made, noun);
}

/* What the live heap blocks stand for, to hold against what the sites' counts leave. */
static double live_bytes_of(const struct capture *capture)
{
    struct estimate live = {0};
    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        if (live_kind(entry) == LK_LIVE_HEAP)
            estimate_add(&live, entry->size, capture->header.sample_bytes);
    }
    return live.bytes;
}

/* Both are sums over the same blocks; where they differ, a page of one of them is lost. */
struct balance {
    double live, counted;
    bool broken;
};

static struct balance balance_of(const struct capture *capture)
{
    struct balance balance = {.live = live_bytes_of(capture)};
    balance.counted = (double)capture->totals.allocated_bytes - (double)capture->totals.freed_bytes;
    double slack = MAX(balance.live, balance.counted) * BALANCE_SHARE + BALANCE_BYTES;
    /* Threads may have been between the two when it ended otherwise. */
    balance.broken = capture->header.end != LK_END_RUNNING && capture->dropped_count == 0 &&
                     fabs(balance.live - balance.counted) > slack;
    return balance;
}

static void print_balance(FILE *out, const struct balance *balance)
{
    char live[UNITS_ROOM], counted[UNITS_ROOM];
    bool fewer = balance->live < balance->counted;
    if (balance->broken)
        fprintf(out, "  left out: %s: they are %s, and by the sites' counts %s\n",
                fewer ? "live blocks" : "counts of sites, or frees of live blocks",
                units_bytes(live, sizeof(live), balance->live),
                units_bytes(counted, sizeof(counted), MAX(balance->counted, 0)));
}

/* By then some thread has told it: each may keep 32 KiB to itself. */
static bool timeline_is_lost(const struct capture *capture)
{
    return (capture->header.flags & LK_FLAG_HEAP) != 0 && capture->timeline->len == 0 &&
           capture->header.end != LK_END_RUNNING &&
           capture->totals.allocated_bytes > LK_LANES * UINT64_C(65536);
}

static void print_contents(FILE *out, const struct capture *capture, double heap_events)
{
    fputs("  holds ", out);
    print_count(out, "", capture->records_count + heap_events, "event");
    print_part(out, ", ", capture->held.sites, capture->made.sites, "stack");
    print_count(out, ", ", capture->live->len, "live object");
    print_part(out, ", ", capture->held.templates, capture->made.templates, "template");
    print_part(out, ", ", capture->held.modules, capture->made.modules, "module");
    if (capture->timeline->len != 0)
        print_count(out, ", a timeline of ", capture->timeline->len, "point");
    putc('\n', out);
}

/* What the shim could not keep: no damage, but less than everything. */
static void print_losses(FILE *out, const struct capture *capture)
{
    uint64_t overwritten = capture->overwritten_count + capture->overwritten_heap_count;
    if (overwritten != 0) {
        print_count(out, "  the ring was full: ", (double)overwritten, "older event");
        fputs(" overwritten\n", out);
    }
    for (size_t i = 0; i < LK_DROP_REASONS; i++)
        if (capture->header.dropped[i] != 0) {
            print_count(out, "  dropped: ", (double)capture->header.dropped[i], "event");
            fprintf(out, " (%s)\n", dump_drop_name(i));
        }
}

static void print_damage(FILE *out, const struct capture *capture)
{
    for (guint i = 0; i < capture->damage_notes->len; i++) {
        const char *note = g_ptr_array_index(capture->damage_notes, i);
        char *shown = text_printable(note, strlen(note));
        fprintf(out, "  left out: %s\n", shown);
        g_free(shown);
    }
    if (capture->damage > capture->damage_notes->len)
        print_count(out, "  left out: ", (double)(capture->damage - capture->damage_notes->len),
                    "more part");
    if (capture->damage > capture->damage_notes->len)
        putc('\n', out);
}

static void print_capture(FILE *out, const struct capture *capture)
{
    char seconds[UNITS_ROOM];
    char *path = text_printable(capture->path, strlen(capture->path));
    double heap_events = 0;
    struct balance balance = balance_of(capture);
    bool no_timeline = timeline_is_lost(capture);
    size_t broken = capture_each_heap_event(capture, 0, UINT64_MAX, count_event, &heap_events);
    fprintf(out, "%s: %s\n  pid %u, %s, end: %s", path,
            capture->damage + broken == 0 && !balance.broken && !no_timeline ? "whole" : "damaged",
            capture->header.pid,
            units_seconds(seconds, sizeof(seconds), (double)capture->duration_ns / 1e9),
            capture_end_name(capture->end));
    if (capture->header.pauses != 0)
        fprintf(out, "; paused for %s of it",
                units_seconds(seconds, sizeof(seconds), (double)capture->paused_ns / 1e9));
    putc('\n', out);
    print_damage(out, capture);
    print_balance(out, &balance);
    if (no_timeline)
        fputs("  left out: the timeline\n", out);
    if (broken != 0) {
        print_count(out, "  left out: the end of ", (double)broken, "segment");
        fputs(" of heap events\n", out);
    }
    print_losses(out, capture);
    print_contents(out, capture, heap_events);
    g_free(path);
}

static bool check_one(FILE *out, const char *path)
{
    GError *error = NULL;
    struct capture *capture = capture_open(path, &error);
    if (capture == NULL) {
        message(NAME, "%s", error->message);
        g_error_free(error);
        return false;
    }
    print_capture(out, capture);
    capture_free(capture);
    return true;
}

static bool check_path(FILE *out, const char *path)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    bool readable = capture_list(path, paths, &error);
    if (!readable) {
        message(NAME, "%s", error->message);
        g_error_free(error);
    }
    for (guint i = 0; i < paths->len; i++)
        readable = check_one(out, g_ptr_array_index(paths, i)) && readable;
    g_ptr_array_free(paths, TRUE);
    return readable;
}

static int run(char *const *paths)
{
    struct output output;
    GError *error = NULL;
    bool opened = output_open(&output, NULL, &error), readable = opened;
    for (; opened && *paths != NULL; paths++)
        readable = check_path(output.stream, *paths) && readable;
    if (opened)
        output_close(&output, &error);
    if (error != NULL) {
        message(NAME, "%s", error->message);
        g_error_free(error);
        readable = false;
    }
    return readable ? STATUS_DONE : STATUS_ERROR;
}

int cmd_check(int argc, char **argv)
{
    char **paths = NULL;
    const GOptionEntry entries[] = {
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, NULL}, {0}};
    const struct command_line line = {
        .name = NAME, .arguments = "CAPTURE...", .description = description, .entries = entries};
    int status;
    if (command_line_parse(&line, &argc, &argv, &status))
        status = paths == NULL ? usage_error(NAME, "no capture given") : run(paths);
    g_strfreev(paths);
    return status;
}
