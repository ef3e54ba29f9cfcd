/* Private to read/: the steps in which capture.c fills a capture, each in a file of its own. */
#ifndef LEAKEY_READ_PARTS_H
#define LEAKEY_READ_PARTS_H

#include "read/capture.h"

/* Counts one part that is left out, and keeps the first few notes. */
void capture_damage(struct capture *capture, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The beginning of a segment of heap events. */
struct heap_segment_head {
    uint64_t offset;
    struct lk_extent head;
    struct lk_heap_event mark; /* zero where the file ends before it */
};

/* snapshot.c: the file's bytes in private memory (snapshot_free), consistent where a running
 * process overwrites ring segments. Segments of heap events are left out, as if they had never been
 * filled: their beginnings are put in `heads` (struct heap_segment_head). */
uint8_t *snapshot_file(int fd, size_t *bytes, GArray *heads, GError **error);
uint8_t *snapshot_memory(const void *from, size_t bytes, GError **error); /* a copy */
void snapshot_free(uint8_t *data, size_t bytes);
/* Reads up to `bytes` at `offset`; how many there were. */
size_t snapshot_read(int fd, void *into, size_t bytes, size_t offset);

/* extents.c: walks the extents, fills every table, and puts the offsets of the ring's segments
 * (uint64_t) in `segments`. */
void capture_read_tables(struct capture *capture, GArray *segments);

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

GArray *heap_segments_new(void);
/* heap_events.c: of each segment of heap events, where it is and what it holds. */
void capture_add_heap_segment(struct capture *capture, const struct heap_segment_head *found);
void capture_finish_heap_segments(struct capture *capture);

/* events.c: validates the segments' records and puts them in order. Needs the tables. */
void capture_read_events(struct capture *capture, GArray *segments);

/* end.c: for a capture without an end mark, looks whether its process still writes it. */
enum capture_end capture_find_end(const struct capture *capture, int fd);

#endif
