/*
 * A capture that is read again and again while its process writes it: its whole-run tables at each
 * reading, and names for the sites that are asked for, each looked up once. The ring is left alone.
 * The process is asked for nothing, and need not be one of this user's own: the file has to be
 * readable.
 */
#ifndef LEAKEY_WATCH_WATCH_H
#define LEAKEY_WATCH_WATCH_H

#include "metrics/measure.h"

struct watch;

/* Takes `fd`, of the file, over; `path` is copied. `tables` (enum capture_tables): what is read
 * beside counts and templates. Nothing is read yet. */
struct watch *watch_new(int fd, const char *path, unsigned tables);
void watch_free(struct watch *watch);
/* Reads the tables anew. False with an error: what was read before stays. */
bool watch_read(struct watch *watch, GError **error);
/* What was read last, until the next reading; NULL: nothing yet. */
const struct capture *watch_capture(const struct watch *watch);
int watch_fd(const struct watch *watch);
const char *watch_path(const struct watch *watch);

/* For struct measure_sources: `context` is the watch. */
void watch_site(void *context, const struct capture *capture, uint32_t site, const char **identity,
                const char **place);

#endif
