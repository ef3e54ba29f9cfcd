/*
 * Which of many entries comes first: a binary heap that knows where each entry stands, so that its
 * rank can be changed and it can be taken out. Setting and taking out cost O(log n). For expiries
 * (by time) and for evictions (by frequency, then by age).
 */
#ifndef LEAKEY_REPLAY_RANKING_H
#define LEAKEY_REPLAY_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rank { /* the lower comes first */
    uint64_t major, minor;
};

struct ranking {
    uint32_t *heap;   /* of entries */
    uint32_t *places; /* of each entry: its place in the heap, from 1; 0: not in it */
    struct rank *ranks;
    uint32_t used;
};

/* Entries are numbers below `entries`. */
void ranking_init(struct ranking *ranking, uint32_t entries);
void ranking_release(struct ranking *ranking);
/* Puts it in, or gives it another rank. */
void ranking_set(struct ranking *ranking, uint32_t entry, struct rank rank);
void ranking_remove(struct ranking *ranking, uint32_t entry); /* nothing when it is not in */
/* False: it is empty. */
bool ranking_first(const struct ranking *ranking, uint32_t *entry);

#endif
