/* Private to the memory-spike finder: what its steps hand on. */
#ifndef LEAKEY_FIND_SPIKES_H
#define LEAKEY_FIND_SPIKES_H

#include "find/leaks.h"
#include "find/spike_train.h"
#include "model/model.h"

/* Whose memory a train is: from the events that the ring still holds. */
struct spike_source {
    GPtrArray *sites;          /* of struct spike_site *, by share falling; the report's */
    double covered;            /* spikes that the ring held whole */
    const char *template_name; /* which most of it follows; NULL none */
    const char *outcome;       /* hit, miss, write */
};
void spike_find_source(struct report *report, struct symbols *symbols, GPtrArray *captures,
                       guint index, const struct spike_train *train, const struct tag_names *names,
                       struct spike_source *source);

/* spike_findings.c: the spikes in words. */
void spike_finding(struct report *report, const struct spike_report *spike,
                   const char *template_name);

#endif
