/* Private to read/: the steps in which capture.c fills a capture, each in a file of its own. */
#ifndef LEAKEY_READ_PARTS_H
#define LEAKEY_READ_PARTS_H

#include "read/capture.h"

/* Counts one part that is left out, and keeps the first few notes. */
void capture_damage(struct capture *capture, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* snapshot.c: the file's bytes in private memory, consistent where a running process overwrites
 * ring segments. */
uint8_t *snapshot_file(int fd, size_t *bytes, GError **error);

/* extents.c: the LK_STRIPES copies added up; damaged when the variance is no number, which is 0
 * then. */
struct lk_totals totals_sum(const struct lk_totals *stripes, bool *damaged);

/* extents.c: walks the extents, fills every table, and puts the offsets of the ring's segments
 * (uint64_t) in `segments`. */
void capture_read_tables(struct capture *capture, GArray *segments);

/* events.c: validates the segments' records and puts them in order. Needs the tables. */
void capture_read_events(struct capture *capture, GArray *segments);

/* end.c: for a capture without an end mark, looks whether its process still writes it. */
enum capture_end capture_find_end(const struct capture *capture, int fd);

#endif
