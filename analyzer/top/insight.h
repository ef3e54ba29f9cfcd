/*
 * What only an analysis of the whole ring can tell: why keys missed, and the findings. It is made
 * by `leakey report`, in a process of its own and at the lowest priority, now and then: an analysis
 * that took a second of CPU is followed by INSIGHT_REST seconds without one, so that however large
 * the ring is, it takes a bounded share of one core.
 */
#ifndef LEAKEY_TOP_INSIGHT_H
#define LEAKEY_TOP_INSIGHT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define INSIGHT_REST          60.0
#define INSIGHT_LEAST_SECONDS 10.0
#define INSIGHT_CAUSES        7

struct insight_template {
    char *name;
    double causes[INSIGHT_CAUSES];
};

struct insight_finding {
    char *rule, *severity, *message;
};

struct insight {
    double causes[INSIGHT_CAUSES]; /* of all misses */
    GPtrArray *templates;          /* of struct insight_template * */
    GPtrArray *findings;           /* of struct insight_finding *, as the report has them */
    double made_seconds;           /* when its analysis began, by the monotonic clock */
};

/* The names of the causes, in the order of `causes`. */
extern const char *const insight_causes[INSIGHT_CAUSES];

struct insight_maker;

/* `path` is the capture's. */
struct insight_maker *insight_maker_new(const char *path);
void insight_maker_free(struct insight_maker *maker); /* ends what is under way */
/* Begins an analysis when it is time, and takes in what it says; true: there is a new insight. */
bool insight_maker_run(struct insight_maker *maker, double now_seconds);
/* To wait on for more; -1: none is under way. */
int insight_maker_fd(const struct insight_maker *maker);
/* Waits for the one that is under way, or makes one. */
void insight_maker_finish(struct insight_maker *maker, double now_seconds);
/* The latest; NULL: none yet. Until the next run. */
const struct insight *insight_maker_latest(const struct insight_maker *maker);

/* From the JSON of a report; NULL: it is none. */
struct insight *insight_parse(const char *json, size_t bytes);
void insight_free(struct insight *insight);

#endif
