/*
 * Opens a capture, validates every length and offset in it, and hands out its parts. Nothing
 * outside read/ looks at raw bytes. A capture is read as a snapshot into private memory (a running
 * process goes on writing; a file may be truncated), so what was checked stays checked. Damage
 * never fails the opening beyond the header: what is damaged is left out and counted in `damage`.
 */
#ifndef LEAKEY_READ_CAPTURE_H
#define LEAKEY_READ_CAPTURE_H

#include <glib.h>
#include <stdbool.h>

#include "capture/layout.h"

#define LEAKEY_ERROR leakey_error_quark()
GQuark leakey_error_quark(void);
enum leakey_error { LEAKEY_ERROR_INPUT, LEAKEY_ERROR_USAGE, LEAKEY_ERROR_SYSTEM };

enum capture_end {
    CAPTURE_END_UNKNOWN,
    CAPTURE_END_RUNNING,
    CAPTURE_END_EXIT,
    CAPTURE_END_EXEC,
    CAPTURE_END_SIGNAL
};

/* An event: a record of the ring, in order. All records handed out are whole, their variable parts
 * lie within them, and their sites, templates and verbs are good indices (0 for what is not there).
 * What they say of each other (connections, sequences, key_index, digest_offset) is not checked. */
struct event {
    uint64_t time_ns; /* since the capture's start */
    const struct lk_record *record;
    uint32_t thread;
};

/* An event of the heap: an allocation, or a free that repeats what its allocation said. */
struct heap_event {
    uint64_t time_ns; /* since the capture's start, to LK_HEAP_TIME_UNIT_NS */
    uint64_t address, size;
    uint32_t site, tag, thread;
    enum lk_heap_event_type type; /* no mark */
};

static inline bool heap_event_is_free(const struct heap_event *event)
{
    return event->type == LK_HEAP_FREE || event->type == LK_HEAP_REALLOC_FREE;
}

/* Lanes summed: see struct lk_counts. Exact captures count each allocation as a sample. */
struct heap_totals {
    uint64_t allocated_bytes, allocated_count_q16, freed_bytes, freed_count_q16;
    uint64_t temporary_count_q16;
    uint64_t samples, sample_frees;
    double allocated_variance;
    int64_t peak_bytes; /* live at the heap's peak */
};

struct capture_module {
    uint64_t start, end, bias;
    uint32_t first_epoch, last_epoch;
    char *path;
    char *build_id; /* lower-case hex; NULL unknown */
};

struct capture_site {
    uint32_t id;
    uint32_t depth;
    bool cut;
    uint32_t epoch;
    uint64_t *frames; /* return addresses (call site = address - 1), innermost first; copied */
    struct heap_totals totals;
    uint64_t first_ns;
    /* Live bytes at the end of each of capture->history_windows windows, of which the last is the
     * one that the capture ended in; NULL when nothing was counted here. */
    int64_t *history;
};

struct capture {
    char *path;
    struct lk_header header;   /* validated copy */
    struct heap_totals totals; /* of all sites */
    enum capture_end end;    /* for a mark that is missing: looks whether the process still lives */
    char *executable;        /* NULL unknown */
    GPtrArray *command;      /* of char * */
    uint64_t duration_ns;    /* to the end, or to the last event seen */
    GArray *segments;        /* private to read/: of the ring's records */
    uint64_t records_count;  /* that the ring still holds; none of the heap */
    uint64_t commands_count; /* of these, of commands */
    GArray *command_times;   /* of every command_step-th of them: uint64_t, sorted */
    uint64_t command_step;
    GArray *connects;        /* struct capture_connect: what the ring tells of connections */
    uint64_t last_record_ns; /* 0 none */
    GStringChunk *text;      /* private to read/ */
    uint64_t recorded_count, dropped_count;
    uint64_t overwritten_count, overwritten_heap_count; /* records; heap events */
    uint64_t complete_from_ns;      /* from then on the ring holds every record; 0 when none was
                                       overwritten */
    uint64_t heap_complete_from_ns; /* the same of heap events */
    uint64_t heap_events_count;     /* that the ring still holds, or nearly */
    GArray *heap_segments;          /* private to read/ */
    uint64_t empty_segments;        /* private to read/: of heap events, with none yet */
    int fd;                         /* private to read/: of the file; -1: all is in `data` */
    GArray *sites;                  /* struct capture_site, index = id; [0] is "unknown" */
    uint32_t history_windows;       /* of the sites' histories; each history_ns long, from 0 on */
    uint64_t history_ns;
    GArray *live;       /* struct lk_live, occupied entries alone */
    GArray *modules;    /* struct capture_module */
    GArray *templates;  /* struct lk_template, index = id */
    GArray *verbs;      /* struct lk_verb, index = id */
    GArray *pauses;     /* struct capture_pause, in order and apart; none after duration_ns */
    uint64_t paused_ns; /* how long in all */
    GArray *timeline;   /* struct timeline_point, in time order, only buckets with updates */
    struct capture_parts {
        uint64_t sites, templates, verbs, modules, segments; /* of the ring, both kinds */
    } held, made;            /* what is there, and what the header says was made */
    uint64_t damage;         /* parts left out because they are damaged, or missing */
    GPtrArray *damage_notes; /* of char *: the first few, for `check` */
    uint8_t *data;           /* the snapshot; private to read/ */
    bool borrowed;           /* it is the caller's; private to read/ */
    size_t bytes;
};

struct capture_connect {
    uint32_t connection;
    const char *peer; /* "unix:PATH" or "HOST:PORT" */
};

struct capture_pause { /* nothing was recorded but frees */
    uint64_t from_ns, to_ns;
};

struct timeline_point {
    uint64_t time_ns, width_ns; /* of the bucket */
    uint64_t max_live_bytes, last_live_bytes, allocated_bytes;
};

/* NULL with an error: no file, no capture, another version or byte order. */
struct capture *capture_open(const char *path, GError **error);
/* The same for bytes in memory (copied); `name` stands for the path. Asks nothing of the system: a
 * missing end mark gives CAPTURE_END_UNKNOWN. */
struct capture *capture_open_memory(const void *bytes, size_t size, const char *name,
                                    GError **error);
/* The same without a copy: the bytes, aligned to 8, stay what they are until the capture is freed.
 */
struct capture *capture_open_borrowed(const void *bytes, size_t size, const char *name,
                                      GError **error);
/* The whole-run tables alone, for who reads a running process's capture again and again: no events,
 * no histories, and of what is large only what is asked for. `fd` is of the file: the capture
 * closes it, unless there is an error. */
enum capture_tables {
    CAPTURE_LIVE = 1u << 0, /* live entries; not those of every-allocation mode */
    CAPTURE_TIMELINE = 1u << 1,
};
struct capture *capture_open_tables(int fd, const char *name, unsigned tables, GError **error);
void capture_free(struct capture *capture);

/* For rates: how much of the time up to then was not paused; and the earliest time by which that
 * much had been recorded. */
uint64_t capture_recorded_ns(const struct capture *capture, uint64_t time_ns);
uint64_t capture_time_of(const struct capture *capture, uint64_t recorded_ns);

/* Hands out the ring's heap events with times in [from_ns, to_ns) in order of time, without holding
 * them in memory. What is damaged ends its segment; returns how many segments that happened to.
 * What a living process overwrites meanwhile is left out. */
typedef void heap_event_function(const struct heap_event *event, void *context);
size_t capture_each_heap_event(const struct capture *capture, uint64_t from_ns, uint64_t to_ns,
                               heap_event_function *each, void *context);

/* The ring's records of several captures in order of time, by (time, thread), stable within a
 * thread, without holding them in memory. */
struct record_source {
    const struct capture *capture;
    int64_t offset_ns; /* from its clock to the one by which they are put in order */
    uint64_t from_ns;  /* on its own: what is earlier is left out */
};
/* From when on, by the clock that puts them in order, the rings hold at most `most` commands, as
 * nearly as whole segments allow; INT64_MIN: they hold no more in all. */
int64_t captures_latest(const struct record_source *sources, size_t count, uint64_t most);

struct record_reader;
struct record_reader *record_reader_new(const struct record_source *sources, size_t count);
/* The next one, good until the one after it; `source` is its capture's index. False at the end. */
bool record_reader_next(struct record_reader *reader, struct event *event, uint32_t *source);
/* How many segments ended early, by now, because they are damaged. */
size_t record_reader_damaged(const struct record_reader *reader);
void record_reader_free(struct record_reader *reader);

/* The sketch of template `id`'s distinct keys, LK_SKETCH_BYTES registers; NULL when it has none. */
const uint8_t *capture_sketch(const struct capture *capture, uint32_t template_id);

/* Puts the paths of all captures that `path` names (a capture, or a directory: its *.leakey, not
 * recursive, sorted) into `paths` (of char *). False with an error when there is none. */
bool capture_list(const char *path, GPtrArray *paths, GError **error);

/* "exit", "signal", ...: the words of the report. */
const char *capture_end_name(enum capture_end end);

/* Where the text (key, input, peer) of a record is; NULL and 0 when it has none. */
const char *event_text(const struct lk_record *record, size_t *bytes);

#endif
