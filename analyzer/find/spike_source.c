/* Whose memory spikes are: the sites whose live bytes rise into the peaks and fall after them, and
 * the cache outcomes that their allocations follow. */
#include <math.h>
#include <string.h>

#include "find/spikes.h"
#include "model/heap_events.h"

#define NS_PER_SECOND 1e9

struct site_sum {
    const struct stack *stack;
    double bytes;
};

struct tag_sum {
    const char *template_name;
    uint32_t outcome;
    double bytes;
};

struct source {
    struct report *report;
    struct symbols *symbols;
    const struct capture *capture;
    guint index;
    const struct tag_names *names;
    double *rises, *falls; /* of the spike that is being read, by site */
    GHashTable *sites;     /* identity -> struct site_sum */
    GHashTable *tag_falls; /* site << 32 | tag -> double; of that spike */
    GHashTable *tags;      /* "outcome template" -> struct tag_sum */
    double total;          /* bytes of all sites' parts */
};

/* ---- One spike ---- */

struct climb { /* the live bytes since the foot of a spike; and the event that made the most of them
                */
    double live, most;
    size_t events, peak;
};

static void follow(const struct heap_change *event, void *context)
{
    struct climb *climb = context;
    climb->events++;
    climb->live += event->bytes;
    if (climb->live > climb->most) {
        climb->most = climb->live;
        climb->peak = climb->events;
    }
}

struct pass {
    struct source *source;
    size_t events, peak;
};

/* Frees after the peak have the tag that the allocation came to have; its own event may have come
 * before the command's answer. */
static void add_fall(struct source *source, const struct heap_change *event)
{
    uint64_t key = (uint64_t)event->site << 32 | event->tag;
    double *bytes = g_hash_table_lookup(source->tag_falls, &key);
    if (bytes == NULL) {
        bytes = g_new0(double, 1);
        g_hash_table_insert(source->tag_falls, g_memdup2(&key, sizeof(key)), bytes);
    }
    *bytes -= event->bytes;
    source->falls[event->site] -= event->bytes;
}

static void add_event(const struct heap_change *event, void *context)
{
    struct pass *pass = context;
    if (pass->events++ < pass->peak)
        pass->source->rises[event->site] += event->bytes;
    else
        add_fall(pass->source, event);
}

static void add_site(struct source *source, uint32_t site, double bytes)
{
    const struct stack *stack = symbols_stack(source->symbols, source->capture, site);
    const char *identity = stack_identity(source->report, stack);
    struct site_sum *sum = g_hash_table_lookup(source->sites, identity);
    if (sum == NULL) {
        sum = g_new0(struct site_sum, 1);
        sum->stack = stack;
        g_hash_table_insert(source->sites, (gpointer)(uintptr_t)identity, sum);
    }
    sum->bytes += bytes;
}

static void add_tag(struct source *source, uint32_t tag, double bytes)
{
    const char *name = tag_template(source->names, source->index, tag);
    uint32_t outcome = LK_TAG_OUTCOME(tag);
    if (name == NULL || !isfinite(tag_commands(source->names, name, outcome)))
        return;
    char *key = g_strdup_printf("%u %s", outcome, name);
    struct tag_sum *sum = g_hash_table_lookup(source->tags, key);
    if (sum == NULL) {
        sum = g_new0(struct tag_sum, 1);
        sum->template_name = name;
        sum->outcome = outcome;
        g_hash_table_insert(source->tags, g_strdup(key), sum);
    }
    g_free(key);
    sum->bytes += bytes;
}

/* Each site's part goes to the tags as what fell there does. */
static void add_tags(struct source *source)
{
    GHashTableIter iterator;
    gpointer key, value;
    g_hash_table_iter_init(&iterator, source->tag_falls);
    while (g_hash_table_iter_next(&iterator, &key, &value)) {
        uint32_t site = (uint32_t)(*(uint64_t *)key >> 32);
        double part = MIN(source->rises[site], source->falls[site]);
        if (part > 0 && *(double *)value > 0)
            add_tag(source, (uint32_t) * (uint64_t *)key,
                    part * MIN(1, *(double *)value / source->falls[site]));
    }
    g_hash_table_remove_all(source->tag_falls);
}

/* A site's part of a spike is what rises and falls again. */
static void add_spike(struct source *source, uint64_t from_ns, uint64_t to_ns)
{
    struct climb climb = {.live = 0};
    guint sites = source->capture->sites->len;
    heap_changes_each(source->capture, from_ns, to_ns, follow, &climb);
    struct pass pass = {.source = source, .peak = climb.peak};
    memset(source->rises, 0, sites * sizeof(double));
    memset(source->falls, 0, sites * sizeof(double));
    heap_changes_each(source->capture, from_ns, to_ns, add_event, &pass);
    for (guint site = 0; site < sites; site++) {
        double bytes = MIN(source->rises[site], source->falls[site]);
        if (bytes <= 0)
            continue;
        add_site(source, site, bytes);
        source->total += bytes;
    }
    add_tags(source);
}

/* ---- All of them ---- */

static gint by_share(gconstpointer a, gconstpointer b)
{
    double x = (*(struct spike_site *const *)a)->share_ratio;
    double y = (*(struct spike_site *const *)b)->share_ratio;
    return (x < y) - (x > y);
}

static void publish_sites(struct source *source, struct spike_source *result)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, source->sites);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        const struct site_sum *sum = value;
        struct spike_site *site = report_alloc(source->report, sizeof(*site));
        *site = (struct spike_site){.stack = sum->stack,
                                    .height_bytes = sum->bytes / result->covered,
                                    .share_ratio = sum->bytes / source->total};
        g_ptr_array_add(result->sites, site);
    }
    g_ptr_array_sort(result->sites, by_share);
}

static const char *const outcome_names[] = {
    [LK_OUTCOME_HIT] = "hit", [LK_OUTCOME_MISS] = "miss", [LK_OUTCOME_WRITE] = "write"};

static void publish_tag(struct source *source, struct spike_source *result)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, source->tags);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        const struct tag_sum *sum = value;
        if (sum->bytes <= spike_limits.tag_share * source->total ||
            sum->outcome >= G_N_ELEMENTS(outcome_names))
            continue;
        result->template_name = sum->template_name;
        result->outcome = outcome_names[sum->outcome];
    }
}

void spike_find_source(struct report *report, struct symbols *symbols, GPtrArray *captures,
                       guint index, const struct spike_train *train, const struct tag_names *names,
                       struct spike_source *result)
{
    const struct capture *capture = g_ptr_array_index(captures, index);
    struct source source = {.report = report,
                            .symbols = symbols,
                            .capture = capture,
                            .index = index,
                            .names = names,
                            .rises = g_new(double, capture->sites->len),
                            .falls = g_new(double, capture->sites->len)};
    source.sites = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    source.tag_falls = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    source.tags = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    *result = (struct spike_source){.sites = report_pointers(report)};
    for (guint i = train->spikes->len; i-- > 0 && result->covered < spike_limits.sites_spikes;) {
        const struct spike *spike = &g_array_index(train->spikes, struct spike, i);
        uint64_t from_ns = (uint64_t)(spike->from_seconds * NS_PER_SECOND);
        if (from_ns < capture->heap_complete_from_ns)
            break;
        result->covered++;
        add_spike(&source, from_ns, (uint64_t)(spike->to_seconds * NS_PER_SECOND));
    }
    publish_sites(&source, result);
    publish_tag(&source, result);
    g_hash_table_destroy(source.sites);
    g_hash_table_destroy(source.tag_falls);
    g_hash_table_destroy(source.tags);
    g_free(source.rises);
    g_free(source.falls);
}
