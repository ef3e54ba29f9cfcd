/* Private to measure.c: its steps that have a file of their own. */
#ifndef LEAKEY_METRICS_MEASURE_PARTS_H
#define LEAKEY_METRICS_MEASURE_PARTS_H

#include "metrics/measure.h"

/* Text that lives as long as the measurement. */
const char *measured_text(struct measured *measured, const char *text);

/* What is live at each of the capture's sites: by its live entries as the report has it, or, where
 * they were not read, by its counts, which say the same of all allocations, and of samples to one
 * in ten thousand. g_free. */
struct live_at {
    double bytes, count;
};
struct live_at *measure_live(const struct capture *capture);

/* measure_sites.c, measure_templates.c: fill the items, those beyond the bounds as one. */
void measure_sites(struct measured *measured, const struct capture *capture,
                   struct measure_bounds *bounds, const struct measure_sources *sources);
void measure_templates(struct measured *measured, guint index, const struct cache_model *model,
                       struct measure_bounds *bounds, const struct measure_sources *sources);

#endif
