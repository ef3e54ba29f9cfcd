/* Private to read/: the steps in which capture.c fills a capture, each in a file of its own. */
#ifndef LEAKEY_READ_PARTS_H
#define LEAKEY_READ_PARTS_H

#include "read/capture.h"

/* Counts one part that is left out, and keeps the first few notes. */
void capture_damage(struct capture *capture, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A segment that was left in the file when the capture was opened: its beginning. */
struct segment_head {
    uint64_t offset;
    struct lk_extent head;
    struct lk_heap_event mark; /* of heap events; zero where the file ends before it */
};

/* snapshot.c: the file's bytes in private memory (snapshot_free), consistent where a running
 * process overwrites ring segments. The ring's segments are left out, as if they had never been
 * filled, but for records of a process that still runs: the beginnings of those that are left out
 * are put in `heads` (struct segment_head). */
uint8_t *snapshot_file(int fd, size_t *bytes, GArray *heads, GError **error);
/* The same of its whole-run tables alone (enum capture_tables): where these are is put in `extents`
 * (uint64_t). */
uint8_t *snapshot_tables(int fd, size_t *bytes, unsigned tables, GArray *extents, GError **error);
uint8_t *snapshot_memory(const void *from, size_t bytes, GError **error); /* a copy */
void snapshot_free(uint8_t *data, size_t bytes);
/* Reads up to `bytes` at `offset`; how many there were. */
size_t snapshot_read(int fd, void *into, size_t bytes, size_t offset);

/* ---- ring.c: events in order of time, merged over segments ---- */

struct ring_segment {
    uint64_t offset, sequence;
    uint64_t first_ns, last_ns; /* no event of it is earlier, or later */
    uint32_t committed;         /* bytes behind its head */
    uint32_t commands;          /* of records: how many */
    bool held;                  /* in the capture's memory, not just in its file */
};

struct ring_stream { /* an open segment */
    const struct capture *capture;
    uint32_t source;   /* which capture of the merge */
    uint8_t *buffer;   /* a granule: the segment's bytes */
    uint64_t sequence; /* of the segment */
    uint32_t at, end;  /* what is left of it */
    int64_t offset_ns; /* from the capture's clock to the merge's */
    /* The next event: filled by ring_reader.next. */
    uint64_t time_ns; /* on the capture's clock */
    uint32_t rank;    /* orders equal times */
    /* Private to the readers. */
    uint32_t thread;
    uint64_t mark_ns;
    struct heap_event heap_event;
    GArray *events; /* struct event */
    guint next_event;
};

struct ring_reader {
    /* Before the first event; NULL nothing to do. */
    void (*begin)(struct ring_stream *stream, bool *damaged);
    /* Goes to the next event: false at the end, or where the rest is damaged. */
    bool (*next)(struct ring_stream *stream, bool *damaged);
};

struct ring_merge {
    const struct ring_reader *reader;
    GArray *waiting;    /* private: segments that are not open yet, by time */
    GPtrArray *sources; /* private */
    GPtrArray *open;    /* of struct ring_stream *, the earliest event first (a binary heap) */
    GPtrArray *spare;   /* streams to use again */
    guint next;
    bool sorted;
    size_t damaged; /* segments that ended early */
};

void ring_merge_init(struct ring_merge *merge, const struct ring_reader *reader);
/* Adds a capture's segments (struct ring_segment), before the first event is taken. Those that end
 * before from_ns, on its own clock, are left out. */
void ring_merge_add(struct ring_merge *merge, const struct capture *capture, const GArray *segments,
                    int64_t offset_ns, uint64_t from_ns);
/* The stream with the earliest event, which is the merge's next; NULL at the end. */
struct ring_stream *ring_merge_first(struct ring_merge *merge);
/* Leaves that event behind. */
void ring_merge_step(struct ring_merge *merge);
void ring_merge_release(struct ring_merge *merge);

/* extents.c: walks the extents (those at `extents`, uint64_t; NULL: all), fills every table, and
 * adds the ring's segments of records to `segments` (struct ring_segment, of which offset and held
 * are known). */
void capture_read_tables(struct capture *capture, GArray *segments, const GArray *extents);

/* sites.c: the extents of the heap's tables. */
void read_counts(struct capture *capture, const struct lk_extent *head, const uint8_t *data,
                 size_t room);
void read_histories(struct capture *capture, const struct lk_extent *head, const uint8_t *data,
                    size_t room);
void read_blocks(struct capture *capture, const uint8_t *data, size_t room);
/* When all extents have been read: totals and histories are made whole. */
void finish_sites(struct capture *capture);

/* extents.c: the element of that id, made if there is none; NULL (damage) when no file of this size
 * has so many. */
void *element_with_id(struct capture *capture, GArray *array, uint64_t id, size_t item_bytes);

/* heap_events.c: of each segment of heap events, where it is and what it holds. */
void capture_add_heap_segment(struct capture *capture, const struct segment_head *found, bool held);
void capture_finish_heap_segments(struct capture *capture);

/* records.c: whether a record lies within `room` bytes (of which there are as many as its head
 * takes) and is as long as its type and its text need; of a type that is not known, just the
 * former. */
bool record_is_whole(const struct lk_record *record, size_t room);
/* Validates the records of segments (struct ring_segment: offset, held), counts them and
 * keeps what there are few of. Needs the tables. fd: of the file; -1 where all are held. */
void capture_check_records(struct capture *capture, GArray *segments, int fd);

/* pauses.c: fills capture->pauses and paused_ns. Needs the duration. */
void capture_read_pauses(struct capture *capture);

/* end.c: for a capture without an end mark, looks whether its process still writes it. */
enum capture_end capture_find_end(const struct lk_header *header, int fd);

#endif
