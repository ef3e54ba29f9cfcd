// The service's own books: what it did, counted where it did it, printed at its end as JSON.
// Safe from every thread. Nothing here allocates: the books do not show in a heap profile.
#ifndef SERVICES_STATS_H
#define SERVICES_STATS_H

enum stat {
    STAT_REQUESTS, // well-formed completion requests
    STAT_READS,    // GETs that the cache answered
    STAT_HITS,
    STAT_MISSES,
    STAT_WRITES,
    STAT_CACHE_ERRORS,
    STAT_REPLIES_RECEIVED,
    STAT_REPLIES_FREED,
    STAT_REFRESHES, // complete ones
    STAT_COUNT
};

void stats_count(enum stat stat);

// Counts an input, given its normal form, unless it was counted before. Up to 49,152 distinct ones.
void stats_count_input(const char *normalised);

void stats_print(void);

#endif
