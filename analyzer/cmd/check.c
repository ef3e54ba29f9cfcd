/* `leakey check`: whether captures are whole, what is damaged, and what they still hold. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/dump.h"
#include "cmd/messages.h"
#include "cmd/output.h"
#include "model/text.h"
#include "model/units.h"

#define NAME "check"

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

static void print_contents(FILE *out, const struct capture *capture, double heap_events)
{
    fputs("  holds ", out);
    print_count(out, "", capture->records_count + heap_events, "event");
    print_count(out, ", ", capture->sites->len - 1, "stack");
    print_count(out, ", ", capture->live->len, "live object");
    print_count(out, ", ", capture->templates->len - 1, "template");
    print_count(out, ", ", capture->modules->len, "module");
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
    size_t broken = capture_each_heap_event(capture, 0, UINT64_MAX, count_event, &heap_events);
    fprintf(out, "%s: %s\n  pid %u, %s, end: %s\n", path,
            capture->damage + broken == 0 ? "whole" : "damaged", capture->header.pid,
            units_seconds(seconds, sizeof(seconds), (double)capture->duration_ns / 1e9),
            capture_end_name(capture->end));
    print_damage(out, capture);
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
