/* Entries that nobody reads, that never expire, or that are gone before they are asked for again.
 */
#include <math.h>
#include <string.h>

#include "find/cache_faults.h"
#include "find/lives.h"
#include "find/predict.h"
#include "model/quantile.h"
#include "model/units.h"

#define NS       1e-9
#define QUARTERS 4

struct view { /* of one template */
    struct cache_model *model;
    const GArray *lives;
    uint32_t template_index;
    bool follows; /* of a fault that was told */
    /* How old an entry has to be before it can be said that nobody reads it: as old as nine of ten
     * are when they are read, if that is known, else half of the run. */
    int64_t maturity_ns;
    bool maturity_known;
};

static const struct template_report *report_of(const struct view *view)
{
    return model_template(view->model, view->template_index)->report;
}

/* From a write to when the key was first asked for again, whether it was there still or not. */
static double reuse_of(const struct life *life)
{
    return life->reused_ns == INT64_MAX ? INFINITY : (double)(life->reused_ns - life->written_ns);
}

static GArray *reuses_of(const GArray *lives)
{
    GArray *reuses = g_array_new(FALSE, FALSE, sizeof(double));

    for (guint i = 0; i < lives->len; i++) {
        double reuse = reuse_of(lives_at(lives, i));

        if (reuse < INFINITY)
            g_array_append_val(reuses, reuse);
    }
    return reuses;
}

/* Of a template with lives. */
static struct view view_of(struct cache_model *model, const GArray *lives, uint32_t template_index)
{
    struct view view = {.model = model,
                        .lives = lives,
                        .template_index = template_index,
                        .follows = fault_follows(model, template_index),
                        .maturity_ns = (model->end_ns - lives_at(lives, 0)->written_ns) / 2};
    GArray *reuses = reuses_of(lives);

    view.maturity_known = reuses->len >= thresholds.never_read_reuses_min;
    if (view.maturity_known)
        view.maturity_ns = (int64_t)quantile(reuses, 0.9);
    g_array_free(reuses, TRUE);
    return view;
}

/* ---- never-read ---- */

struct reading { /* what became of what was written */
    double mature_keys, unread_keys, hits, writes;
    double held_bytes, held_entries, lasting_entries; /* unread, and there at the end */
};

enum key_use { KEY_WRITTEN = 1, KEY_MATURE = 2, KEY_READ = 4 };

static struct reading read_lives(const struct view *view)
{
    uint8_t *uses = g_new0(uint8_t, view->model->keys->len + 1);
    struct reading reading = {0};

    for (guint i = 0; i < view->lives->len; i++) {
        const struct life *life = lives_at(view->lives, i);

        uses[life->key] |= KEY_WRITTEN;
        if (view->model->end_ns - life->written_ns >= view->maturity_ns)
            uses[life->key] |= KEY_MATURE;
        if (reuse_of(life) < INFINITY)
            uses[life->key] |= KEY_READ;
        reading.hits += life->hits;
        reading.writes++;
    }
    for (guint i = 0; i < view->lives->len; i++) {
        const struct life *life = lives_at(view->lives, i);

        if (life->end == LIFE_OPEN && !(uses[life->key] & KEY_READ)) {
            reading.held_bytes += (double)life->bytes;
            reading.held_entries++;
            reading.lasting_entries += life->lasts;
        }
        reading.mature_keys +=
            (uses[life->key] & (KEY_WRITTEN | KEY_MATURE)) == (KEY_WRITTEN | KEY_MATURE);
        reading.unread_keys += uses[life->key] == (KEY_WRITTEN | KEY_MATURE);
        uses[life->key] &= (uint8_t)~KEY_WRITTEN; /* each key once */
    }
    g_free(uses);
    return reading;
}

/* Nobody can read again what is asked for under a new key each time. */
static bool told_unbounded(const struct view *view)
{
    return fault_told(view->model, view->template_index, "unbounded-cardinality");
}

static void never_read(const struct view *view)
{
    const struct template_report *report = report_of(view);
    struct reading reading = read_lives(view);
    char unread[UNITS_ROOM], mature[UNITS_ROOM], held[UNITS_ROOM];
    bool asked = report->reads > 0, lasting = reading.lasting_entries > reading.held_entries / 2;
    bool serious = !view->follows && !told_unbounded(view) && (asked || lasting) &&
                   reading.held_bytes >= thresholds.never_read_bytes_warning;
    struct finding *finding;

    if (reading.unread_keys < thresholds.never_read_keys_min ||
        reading.held_bytes < thresholds.never_read_bytes_min ||
        reading.unread_keys < thresholds.never_read_share_min * reading.mature_keys ||
        reading.hits > thresholds.never_read_hits_max * reading.writes)
        return;
    /* What nobody asks for in these captures may be for a process that was not captured; if it
     * expires, it is a note. */
    finding = fault_new(view->model, view->template_index, "never-read",
                        serious ? SEVERITY_WARNING : SEVERITY_NOTE);
    finding->message =
        report_printf(view->model->report,
                      "%s of %s keys on %s that had time to be read never were; %s are held%s",
                      units_count(unread, sizeof(unread), reading.unread_keys),
                      units_count(mature, sizeof(mature), reading.mature_keys), report->name,
                      units_bytes(held, sizeof(held), reading.held_bytes),
                      view->follows ? " (as their inputs are asked for under other keys)"
                      : asked       ? ""
                                    : ", and no captured process asks for them");
    finding->remedy =
        view->follows ? "cure the keys first: then what is written will be read"
        : asked ? "do not store what is asked for once: admit an input to the cache when it is "
                  "asked for the second time, or make the key coarser"
                : "do not write what nobody reads; if another process reads it, capture that "
                  "process too, and give the keys a TTL";
    finding_metric(finding, "never_read_keys_count", reading.unread_keys);
    finding_metric(finding, "never_read_share_ratio", reading.unread_keys / reading.mature_keys);
    finding_metric(finding, "held_bytes", reading.held_bytes);
    finding_metric(finding, "held_entries_count", reading.held_entries);
}

/* ---- missing-ttl ---- */

/* What nobody reads at all should not be written, with a TTL or without. */
static bool told_useless(const struct view *view)
{
    return report_of(view)->reads == 0 &&
           fault_told(view->model, view->template_index, "never-read");
}

struct piling {
    double lasting, idle, open, bytes, evicted; /* idle: lasting ones whose time of use is over */
    double quarters[QUARTERS];                  /* new keys without a TTL */
};

/* Longer unused than entries usually wait for their next read. */
static int64_t idleness_of(const struct view *view)
{
    double idle = (double)view->maturity_ns * thresholds.missing_ttl_waits;

    if (!view->maturity_known)
        return view->maturity_ns;
    return idle < 4e18 ? (int64_t)idle : INT64_MAX;
}

static struct piling pile_of(const struct view *view)
{
    uint8_t *seen = g_new0(uint8_t, view->model->keys->len + 1);
    int64_t first = lives_at(view->lives, 0)->written_ns;
    int64_t span = MAX(1, view->model->end_ns - first), idle = idleness_of(view);
    struct piling piling = {0};

    for (guint i = 0; i < view->lives->len; i++) {
        const struct life *life = lives_at(view->lives, i);
        double quarter = (double)(life->written_ns - first) / (double)span * QUARTERS;

        if (life->lasts && !seen[life->key])
            piling.quarters[(int)CLAMP(quarter, 0, QUARTERS - 1)]++;
        seen[life->key] = 1;
        piling.evicted += life->end == LIFE_EVICTED;
        piling.open += life->end == LIFE_OPEN;
        if (life->end == LIFE_OPEN && life->lasts) {
            piling.lasting++;
            piling.idle += view->model->end_ns - life->last_ns >= idle;
            piling.bytes += (double)life->bytes;
        }
    }
    g_free(seen);
    return piling;
}

/* A cache that fills levels off, and its old entries are read as the new ones are; this one goes on
 * growing at the same pace, and leaves behind what nobody asks for any more. Where the server
 * evicts, it has a bound of its own. */
static bool piles_up(const struct piling *piling)
{
    return piling->lasting >= thresholds.missing_ttl_entries_min &&
           piling->lasting >= thresholds.missing_ttl_share_min * piling->open &&
           piling->idle >= thresholds.missing_ttl_idle_min * piling->lasting &&
           piling->evicted == 0 &&
           piling->quarters[QUARTERS - 1] >=
               thresholds.missing_ttl_steady_min * piling->quarters[1] &&
           piling->quarters[QUARTERS - 1] > 0;
}

static void missing_ttl(const struct view *view)
{
    struct piling piling = pile_of(view);
    double seconds = (double)(view->model->end_ns - lives_at(view->lives, 0)->written_ns) * NS;
    char entries[UNITS_ROOM], bytes[UNITS_ROOM], rate[UNITS_ROOM], idle[UNITS_ROOM];
    bool serious;
    struct finding *finding;

    if (!piles_up(&piling))
        return;
    serious = !view->follows && !told_useless(view) &&
              piling.bytes >= thresholds.missing_ttl_bytes_warning;
    finding = fault_new(view->model, view->template_index, "missing-ttl",
                        serious ? SEVERITY_WARNING : SEVERITY_NOTE);
    finding->message = report_printf(
        view->model->report,
        "%s entries on %s have no TTL and pile up: %s of values, %s new keys a second until the "
        "end, and %s of them are past their use",
        units_count(entries, sizeof(entries), piling.lasting), report_of(view)->name,
        units_bytes(bytes, sizeof(bytes), piling.bytes),
        units_count(rate, sizeof(rate),
                    round(piling.quarters[QUARTERS - 1] / seconds * QUARTERS * 100) / 100),
        units_ratio(idle, sizeof(idle), piling.idle / piling.lasting));
    finding->remedy =
        "set the value with a TTL (SET key value EX seconds) that is longer than the "
        "usual time to its reuse, or give the server maxmemory and an LRU or LFU policy";
    finding_metric(finding, "lasting_entries_count", piling.lasting);
    finding_metric(finding, "idle_entries_count", piling.idle);
    finding_metric(finding, "held_bytes", piling.bytes);
    finding_metric(finding, "growth_bytes_per_second",
                   piling.bytes / piling.lasting * piling.quarters[QUARTERS - 1] / seconds *
                       QUARTERS);
}

/* ---- short-ttl ---- */

struct shortness {
    double asked, late;    /* entries that were asked for again; first after their TTL */
    GArray *reuses, *ttls; /* of the late ones, ns */
};

static struct shortness shortness_of(const struct view *view)
{
    struct shortness shortness = {.reuses = g_array_new(FALSE, FALSE, sizeof(double)),
                                  .ttls = g_array_new(FALSE, FALSE, sizeof(double))};

    for (guint i = 0; i < view->lives->len; i++) {
        const struct life *life = lives_at(view->lives, i);
        double reuse = reuse_of(life), ttl = (double)(life->expires_ns - life->written_ns);

        if (reuse == INFINITY)
            continue;
        shortness.asked++;
        if (life->hits || life->end != LIFE_EXPIRED)
            continue;
        shortness.late++;
        g_array_append_val(shortness.reuses, reuse);
        g_array_append_val(shortness.ttls, ttl);
    }
    return shortness;
}

/* A number of seconds that a person would choose: two digits, rounded up. */
static double round_up(double seconds)
{
    double unit = pow(10, floor(log10(fmax(seconds, 1e-3))) - 1);

    return ceil(seconds / unit - 1e-9) * unit;
}

static struct prediction *predict_ttl(const struct view *view, double seconds)
{
    uint32_t *own = g_new(uint32_t, view->model->keys->len + 1);
    struct prediction_change change = {own, view->model->keys->len, (int64_t)(seconds / NS)};
    struct prediction *prediction;

    for (uint32_t key = 0; key < view->model->keys->len; key++)
        own[key] = key;
    prediction = predict_change(view->model, view->template_index, &change);
    g_free(own);
    return prediction;
}

static void report_short_ttl(const struct view *view, const struct shortness *shortness)
{
    double ttl = quantile(shortness->ttls, 0.5) * NS;
    double reuse = quantile(shortness->reuses, 0.5) * NS;
    double suggested = round_up(quantile(shortness->reuses, 0.9) * NS);
    char late[UNITS_ROOM], asked[UNITS_ROOM], is[UNITS_ROOM], takes[UNITS_ROOM], longer[UNITS_ROOM];
    struct finding *finding = fault_new(view->model, view->template_index, "short-ttl",
                                        view->follows ? SEVERITY_NOTE : SEVERITY_WARNING);

    finding->message = report_printf(
        view->model->report,
        "%s of %s entries on %s that were asked for again had expired by then: the TTL is %s, the "
        "usual time to the next read %s",
        units_count(late, sizeof(late), shortness->late),
        units_count(asked, sizeof(asked), shortness->asked), report_of(view)->name,
        units_seconds(is, sizeof(is), ttl), units_seconds(takes, sizeof(takes), reuse));
    finding->remedy = report_printf(
        view->model->report, "raise the TTL to %s, which outlasts nine of ten of these waits",
        units_seconds(longer, sizeof(longer), suggested));
    finding_metric(finding, "expired_before_reuse_count", shortness->late);
    finding_metric(finding, "ttl_seconds", ttl);
    finding_metric(finding, "reuse_seconds", reuse);
    finding_metric(finding, "suggested_ttl_seconds", suggested);
    finding->predicted = predict_ttl(view, suggested);
}

static void short_ttl(const struct view *view)
{
    struct shortness shortness = shortness_of(view);

    if (shortness.late >= thresholds.short_ttl_entries_min &&
        shortness.late >= thresholds.short_ttl_share_min * shortness.asked)
        report_short_ttl(view, &shortness);
    g_array_free(shortness.reuses, TRUE);
    g_array_free(shortness.ttls, TRUE);
}

/* ---- evicted-early ---- */

static void evicted_early(const struct view *view)
{
    const struct template_report *report = report_of(view);
    GArray *ages = g_array_new(FALSE, FALSE, sizeof(double));
    double evicted = (double)report->causes.evicted, bytes = 0;

    for (guint i = 0; i < view->lives->len; i++) {
        const struct life *life = lives_at(view->lives, i);
        double age = (double)(life->last_ns - life->written_ns);

        if (life->end != LIFE_EVICTED)
            continue;
        g_array_append_val(ages, age);
        bytes += (double)life->bytes;
    }
    if (ages->len && evicted >= thresholds.evicted_misses_min &&
        evicted >= thresholds.evicted_share_min * (double)report->misses) {
        double age = quantile(ages, 0.5) * NS;
        char misses[UNITS_ROOM], all[UNITS_ROOM], usual[UNITS_ROOM];
        struct finding *finding =
            fault_new(view->model, view->template_index, "evicted-early", SEVERITY_WARNING);

        finding->message = report_printf(
            view->model->report,
            "%s of %s misses on %s found an entry gone whose TTL had not passed, usually %s after "
            "it was written",
            units_count(misses, sizeof(misses), evicted),
            units_count(all, sizeof(all), (double)report->misses), report->name,
            units_seconds(usual, sizeof(usual), age));
        finding->remedy =
            "give the server more maxmemory, store less (smaller values, shorter TTLs "
            "on what is not read again), or choose allkeys-lfu; if another client "
            "deletes these keys, capture it too";
        finding_metric(finding, "evicted_miss_count", evicted);
        finding_metric(finding, "age_seconds", age);
        finding_metric(finding, "rewritten_bytes", bytes);
    }
    g_array_free(ages, TRUE);
}

void find_entry_faults(struct cache_model *model, const struct identities *identities)
{
    struct lives *lives = lives_new(model);

    (void)identities;
    for (uint32_t t = 0; t < lives->template_count; t++) {
        struct view view;

        if (!lives->of_template[t]->len)
            continue;
        view = view_of(model, lives->of_template[t], t);
        short_ttl(&view);
        evicted_early(&view);
        never_read(&view);
        missing_ttl(&view);
    }
    lives_free(lives);
}
