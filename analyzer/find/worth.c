/* Whether a template's cache saves more time than it takes: what a usual hit takes, against what it
 * spares. */
#include <math.h>

#include "find/cache_faults.h"
#include "model/quantile.h"
#include "model/units.h"

struct worth {                             /* of one template */
    GArray *hits, *hit_bytes, *recomputes; /* double: seconds, bytes, seconds */
};

static double median(GArray *values)
{
    return values->len ? quantile_rank(values, values->len / 2) : NAN;
}

static void weigh(const struct cache_model *model, const struct cache_access *access,
                  struct worth *worth)
{
    int64_t reply_ns = access_reply_ns(access);
    double seconds = (double)(reply_ns - access->time_ns) / 1e9;
    double bytes = (double)access->value_bytes;
    double recompute = access_recompute_seconds(model, access);

    if (reply_ns != INT64_MAX && access->flags & ACCESS_HIT) {
        g_array_append_val(worth->hits, seconds);
        g_array_append_val(worth->hit_bytes, bytes);
    }
    if (!isnan(recompute)) {
        /* From the miss's answer on: asking is what the cache costs, not what computing does. */
        double computing = recompute - (reply_ns == INT64_MAX ? 0 : fmin(seconds, recompute));

        g_array_append_val(worth->recomputes, computing);
    }
}

static const char *remedy_of(bool oversized)
{
    return oversized
               ? "store less: compress the value, or cache the part that is read; large values "
                 "also make every other client of the server wait"
               : "do not cache this: computing it again is faster than asking for it; or keep "
                 "it in the process";
}

/* Medians: commands in a pipeline wait for each other, and a busy machine for everything. */
static void judge(struct cache_model *model, uint32_t template_index, struct worth *worth)
{
    const struct template_report *report = model_template(model, template_index)->report;
    double hit = median(worth->hits), recompute = median(worth->recomputes);
    double bytes = median(worth->hit_bytes), lost = (hit - recompute) * worth->hits->len;
    bool oversized = bytes >= thresholds.oversized_bytes_min;
    char takes[UNITS_ROOM], computes[UNITS_ROOM], size[UNITS_ROOM];
    struct finding *finding;

    if (worth->recomputes->len < thresholds.worth_recomputes_min ||
        hit < thresholds.worth_slower_min * recompute)
        return;
    if (oversized ? worth->hits->len < thresholds.oversized_hits_min
                  : worth->hits->len < thresholds.worth_hits_min ||
                        lost < thresholds.worth_lost_seconds_min)
        return;
    finding =
        fault_new(model, template_index, oversized ? "oversized-value" : "not-worth-caching",
                  lost >= thresholds.worth_lost_seconds_warning ? SEVERITY_WARNING : SEVERITY_NOTE);
    finding->message =
        report_printf(model->report, "a hit on %s takes %s, computing the value %s; a value has %s",
                      report->name, units_seconds(takes, sizeof(takes), hit),
                      units_seconds(computes, sizeof(computes), recompute),
                      units_bytes(size, sizeof(size), bytes));
    finding->remedy = remedy_of(oversized);
    finding_metric(finding, "hit_seconds", hit);
    finding_metric(finding, "recompute_seconds", recompute);
    finding_metric(finding, "value_bytes", bytes);
    finding_metric(finding, "cost_ratio", hit / fmax(1e-9, recompute));
    finding_metric(finding, "lost_seconds", lost);
}

void find_worthless(struct cache_model *model, const struct identities *identities)
{
    struct worth *worths = g_new0(struct worth, model->templates->len + 1);

    (void)identities;
    for (guint t = 0; t < model->templates->len; t++)
        worths[t] = (struct worth){g_array_new(FALSE, FALSE, sizeof(double)),
                                   g_array_new(FALSE, FALSE, sizeof(double)),
                                   g_array_new(FALSE, FALSE, sizeof(double))};
    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);

        if (access->key != CACHE_NONE)
            weigh(model, access, &worths[model_key(model, access->key)->template_index]);
    }
    for (guint t = 0; t < model->templates->len; t++) {
        judge(model, t, &worths[t]);
        g_array_free(worths[t].hits, TRUE);
        g_array_free(worths[t].hit_bytes, TRUE);
        g_array_free(worths[t].recomputes, TRUE);
    }
    g_free(worths);
}
