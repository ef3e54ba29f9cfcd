/* Keys that are new each time, and keys that many ask for at once. */
#include <math.h>

#include "find/cache_faults.h"
#include "model/units.h"

/* ---- unbounded-cardinality ---- */

struct novelty { /* reads of a template, and those of a key never seen before, by halves */
    double reads[2], fresh[2];
};

static struct novelty *novelty_of(const struct cache_model *model)
{
    struct novelty *novelties = g_new0(struct novelty, model->templates->len + 1);
    uint64_t *reads = g_new0(uint64_t, model->templates->len + 1);
    uint8_t *seen = g_new0(uint8_t, model->keys->len + 1);

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        uint32_t template;

        if (access->key == CACHE_NONE)
            continue;
        template = model_key(model, access->key)->template_index;
        if (access->flags & ACCESS_READ) {
            bool later = reads[template]++ >= model_template(model, template)->ring_reads / 2;

            novelties[template].reads[later]++;
            novelties[template].fresh[later] += !seen[access->key];
        }
        if (access->flags & (ACCESS_READ | ACCESS_WRITE))
            seen[access->key] = 1;
    }
    g_free(reads);
    g_free(seen);
    return novelties;
}

/* Where the ring has lost the beginning, a key that looks new may be old: then the whole run's
 * counts decide. */
static double later_share(const struct cache_model *model, uint32_t template_index,
                          const struct novelty *novelty)
{
    const struct template_report *report = model_template(model, template_index)->report;
    double share = novelty->fresh[1] / fmax(1, novelty->reads[1]);

    return model->complete ? share
                           : fmin(share, report->distinct_keys / fmax(1, (double)report->reads));
}

static void report_unbounded(struct cache_model *model, uint32_t template_index, double share)
{
    const struct template_report *report = model_template(model, template_index)->report;
    bool follows = fault_follows(model, template_index);
    bool serious = !follows && report->distinct_keys >= thresholds.unbounded_keys_warning;
    char keys[UNITS_ROOM], reads[UNITS_ROOM], later[UNITS_ROOM];
    struct finding *finding = fault_new(model, template_index, "unbounded-cardinality",
                                        serious ? SEVERITY_WARNING : SEVERITY_NOTE);

    finding->message = report_printf(
        model->report,
        "%s distinct keys on %s for %s reads: in the later half, %s of reads still asked for a key "
        "never seen before",
        units_count(keys, sizeof(keys), round(report->distinct_keys)), report->name,
        units_count(reads, sizeof(reads), (double)report->reads),
        units_ratio(later, sizeof(later), share));
    finding->remedy = follows
                          ? "cure what varies in the key: then there are as many keys as inputs"
                          : "derive the key from what the answer depends on alone, and leave out "
                            "what is new for each request; if each request does ask for something "
                            "new, do not cache it";
    finding_metric(finding, "distinct_keys_count", report->distinct_keys);
    finding_metric(finding, "reads_count", (double)report->reads);
    finding_metric(finding, "new_key_share_ratio", share);
}

static void unbounded(struct cache_model *model)
{
    struct novelty *novelties = novelty_of(model);

    for (uint32_t t = 0; t < model->templates->len; t++) {
        const struct novelty *novelty = &novelties[t];
        double share = later_share(model, t, novelty);
        double before = novelty->fresh[0] / fmax(1, novelty->reads[0]);

        if (novelty->reads[0] + novelty->reads[1] >= thresholds.unbounded_reads_min &&
            share >= thresholds.unbounded_share_min &&
            share >= thresholds.unbounded_steady_min * before)
            report_unbounded(model, t, share);
    }
    g_free(novelties);
}

/* ---- stampede ---- */

struct crowds { /* of one template */
    double misses, keys, largest, seconds;
};

static void count_crowds(const struct cache_model *model, struct crowds *crowds)
{
    uint32_t *of_key = g_new0(uint32_t, model->keys->len + 1);

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        double seconds;
        struct crowds *crowd;

        if (access->key == CACHE_NONE || access->cause != CAUSE_CONCURRENT)
            continue;
        crowd = &crowds[model_key(model, access->key)->template_index];
        crowd->misses++;
        crowd->keys += of_key[access->key]++ == 0;
        crowd->largest = fmax(crowd->largest, of_key[access->key] + 1); /* with the first */
        seconds = access_recompute_seconds(model, access);
        crowd->seconds += isnan(seconds) ? 0 : seconds;
    }
    g_free(of_key);
}

static void report_stampede(struct cache_model *model, uint32_t template_index,
                            const struct crowds *crowd)
{
    const struct template_report *report = model_template(model, template_index)->report;
    char misses[UNITS_ROOM], all[UNITS_ROOM], keys[UNITS_ROOM], most[UNITS_ROOM];
    struct finding *finding = fault_new(model, template_index, "stampede", SEVERITY_WARNING);

    finding->message = report_printf(
        model->report,
        "%s of %s misses on %s asked for a key that another request was already computing; on %s "
        "keys, at most %s at once",
        units_count(misses, sizeof(misses), (double)report->causes.concurrent),
        units_count(all, sizeof(all), (double)report->misses), report->name,
        units_count(keys, sizeof(keys), crowd->keys),
        units_count(most, sizeof(most), crowd->largest));
    finding->remedy =
        "let the first miss compute and the others wait for it: one flight per key in "
        "the process, or a lock in Redis (SET key:lock token NX PX ms) across processes";
    finding_metric(finding, "concurrent_miss_count", (double)report->causes.concurrent);
    finding_metric(finding, "stampeded_keys_count", crowd->keys);
    finding_metric(finding, "largest_stampede_count", crowd->largest);
    finding_metric(finding, "wasted_recompute_seconds", crowd->seconds);
}

static void stampedes(struct cache_model *model)
{
    struct crowds *crowds = g_new0(struct crowds, model->templates->len + 1);

    count_crowds(model, crowds);
    for (uint32_t t = 0; t < model->templates->len; t++) {
        const struct cache_template *template = model_template(model, t);

        if (crowds[t].misses >= thresholds.stampede_misses_min &&
            (crowds[t].misses >= thresholds.stampede_share_min * (double)template->ring_misses ||
             crowds[t].largest >= thresholds.stampede_crowd_min))
            report_stampede(model, t, &crowds[t]);
    }
    g_free(crowds);
}

void find_traffic_faults(struct cache_model *model, const struct identities *identities)
{
    (void)identities;
    unbounded(model);
    stampedes(model);
}
