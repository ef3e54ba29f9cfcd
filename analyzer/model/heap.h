/* What the heap side's steps share: weights of samples, the captures' common clock, and sites by
 * identity. */
#ifndef LEAKEY_MODEL_HEAP_H
#define LEAKEY_MODEL_HEAP_H

#include "model/model.h"

/* The chance with which an allocation of that size is sampled; each sample stands for 1/chance
 * allocations (Horvitz-Thompson). 1 where every one is recorded. */
double sample_chance(uint64_t size, uint64_t sample_bytes);

/* An estimate that grows by samples; its variance is the sum of (s/P)^2 (1-P). */
struct estimate {
    double bytes, count, variance;
    double sampled_bytes; /* what was seen for certain */
};
void estimate_add(struct estimate *estimate, uint64_t size, uint64_t sample_bytes);
/* The 95 % interval of its bytes, never below what was seen. */
void estimate_interval(const struct estimate *estimate, double interval[2]);

/* What is live at each of the capture's sites, by its live entries. g_free. */
struct estimate *estimate_live(const struct capture *capture);

enum lk_live_kind live_kind(const struct lk_live *entry);

/* Seconds from the first capture's start to this one's. */
double capture_start_seconds(const struct capture *capture, GPtrArray *captures);

/* Whether the capture recorded every allocation and lost none of them. */
bool capture_is_exact(const struct capture *capture);

/* The sites of one capture alone: of struct site_report *, which are the report's. To be freed. */
GPtrArray *heap_capture_sites(struct report *report, struct symbols *symbols,
                              const struct capture *capture);

/* The heap's site of that identity; NULL when nothing was allocated there. */
const struct site_report *heap_site(const struct report *report, const char *identity);

#endif
