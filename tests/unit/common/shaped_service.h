/* A simulated service whose live memory has a shape, and the capture that a shim would make of it:
 * events, tables and timeline. */
#ifndef LEAKEY_TESTS_SHAPED_SERVICE_H
#define LEAKEY_TESTS_SHAPED_SERVICE_H

#include <glib.h>

#include "common/capture_builder.h"
#include "model/model.h"

#define KIB 1024ull
#define MIB (1024 * KIB)

struct block {
    uint64_t address, size;
    double until; /* freed then, where it is held for a time */
};

struct service {
    struct builder *builder;
    GRand *random;
    uint64_t sample_bytes, next_address;
    double now, seconds; /* its time, and how long it runs */
    double live;         /* as the shim estimates it */
    uint32_t site, spike_site, tag;
    GArray *held;   /* struct block, of requests in flight */
    GQueue kept[2]; /* of struct block * */
    double next;    /* when the shape's next thing is due */
    unsigned done;  /* how many were */
};

struct service service_new(guint32 seed, uint64_t sample_bytes, double seconds);
/* What the analysis says of it. The service is gone then. */
struct report *service_report(struct service *service);

/* Into one of two structures; and out of it until at most that many are left, oldest first. */
void service_keep(struct service *service, int queue, uint32_t site, uint64_t size);
void service_release(struct service *service, int queue, unsigned most);

/* A step of what requests do: each holds some memory for a while, about `megabytes` at a time. To
 * be called some 3,000 times in the run. */
void service_serve(struct service *service, double megabytes);

/* Memory that is loaded in steps, held, and freed. */
struct load {
    double starts, lasts;
    uint64_t bytes;
};

/* A step of a load, at spike_site: a third of its time it grows. */
void service_follow(struct service *service, const struct load *load);

double service_uniform(struct service *service, double low, double high);
double service_exponential(struct service *service, double mean);

#endif
