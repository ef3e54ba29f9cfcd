/*
 * Looks through a running process's memory for the addresses of its live blocks: `report
 * --reachability`. The process stands for one pass over its memory; the capture is read before and
 * after, and only what is live in both is judged, as what lies between may have been freed and used
 * again. What was allocated within the last second is not judged either: a pointer may be on its
 * way through a pipe.
 *
 * A block is unreachable when no aligned word in a register, a stack, written memory or the
 * kernel's hands (epoll, timers) points into it but from itself and other unreachable blocks. A
 * stale copy of a pointer makes a block look reachable; a pointer that is kept in another form
 * (compressed, tagged in its upper bits, XORed, unaligned) or outside of the process makes it look
 * unreachable.
 */
#ifndef LEAKEY_LIVE_SEARCH_H
#define LEAKEY_LIVE_SEARCH_H

#include "read/capture.h"

struct search;

enum verdict { VERDICT_NONE, VERDICT_REACHED, VERDICT_DIRECT, VERDICT_INDIRECT };

struct search_facts {
    unsigned long pid;
    uint64_t searched_bytes; /* of memory */
    uint64_t unread_bytes;   /* that could not be read: then "unreachable" means little */
    double stopped_seconds;
};

/* NULL with an error. The capture at `path` must be the process's (process.h). */
struct search *search_process(unsigned long pid, const char *path, GError **error);
void search_free(struct search *search);

const struct search_facts *search_facts(const struct search *search);
/* Whether that is the capture whose process was searched. */
bool search_is_of(const struct search *search, const struct capture *capture);

/* The verdict of each entry of the capture's live table (enum verdict, as many as there are
 * entries: g_free). The capture was read after the search. */
uint8_t *search_judge(struct search *search, const struct capture *capture);

#endif
