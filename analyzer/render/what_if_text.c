/* A prediction for a terminal: the hit ratio first, then measured beside predicted, then the
 * miss-ratio curve; one screen. */
#include <math.h>
#include <string.h>

#include "find/normalise.h"
#include "find/what_if.h"
#include "model/units.h"
#include "render/page.h"
#include "render/renderers.h"

#define BAR_COLUMNS 40
#define ROWS        10

/* ---- The verdict ---- */

static void append_part(GString *sentence, bool *any)
{
    g_string_append(sentence, *any ? "; " : " ");
    *any = true;
}

static void append_normalisers(GString *sentence, uint32_t bits)
{
    unsigned left = 0;

    for (unsigned i = 0; i < NORMALISERS; i++)
        left += (bits >> i) & 1;
    if (left == NORMALISERS) {
        g_string_append(sentence, "keys compared by all normalisers");
        return;
    }
    g_string_append(sentence, "keys compared without regard to ");
    for (unsigned i = 0; i < NORMALISERS; i++) {
        if (!(bits & (1u << i)))
            continue;
        left--;
        g_string_append_printf(sentence, "%s%s", normalisers[i].name,
                               left == 0   ? ""
                               : left == 1 ? " and "
                                           : ", ");
    }
}

static void append_changes(GString *sentence, const struct what_if_settings *settings)
{
    char number[UNITS_ROOM];
    bool any = false;

    if (settings->normaliser_bits != 0) {
        append_part(sentence, &any);
        append_normalisers(sentence, settings->normaliser_bits);
    }
    if (settings->ttl_ms == LK_TTL_NONE) {
        append_part(sentence, &any);
        g_string_append(sentence, "entries that never expire");
    } else if (settings->ttl_ms != TTL_AS_CAPTURED) {
        append_part(sentence, &any);
        g_string_append_printf(
            sentence, "a TTL of %s",
            units_seconds(number, sizeof(number), (double)settings->ttl_ms / 1000));
    }
    if (settings->cache_bytes != CACHE_UNLIMITED) {
        append_part(sentence, &any);
        g_string_append_printf(sentence, "a cache of %s with %s eviction",
                               units_bytes(number, sizeof(number), (double)settings->cache_bytes),
                               policy_name(settings->policy));
    }
    if (!any)
        g_string_append(sentence, " nothing changed");
}

static void print_verdict(const struct page *page, const struct what_if *what_if)
{
    const struct altered *before = &what_if->measured, *after = &what_if->predicted;
    char old_ratio[UNITS_ROOM], new_ratio[UNITS_ROOM], low[UNITS_ROOM], high[UNITS_ROOM];
    GString *sentence = g_string_new(NULL);

    if (before->reads == 0) {
        page_wrapped(page, STYLE_BOLD, "Predicted:", 11, "nothing: there are no reads to replay.");
    } else {
        append_changes(sentence, &what_if->settings);
        page_wrapped(page,
                     after->hit_ratio_interval[0] > before->hit_ratio   ? STYLE_GREEN
                     : after->hit_ratio_interval[1] < before->hit_ratio ? STYLE_RED
                                                                        : STYLE_BOLD,
                     "Predicted:", 11, "hit ratio %s -> %s (95 %% %s .. %s) with%s.",
                     shown_ratio(old_ratio, sizeof(old_ratio), before->hit_ratio),
                     shown_ratio(new_ratio, sizeof(new_ratio), after->hit_ratio),
                     shown_ratio(low, sizeof(low), after->hit_ratio_interval[0]),
                     shown_ratio(high, sizeof(high), after->hit_ratio_interval[1]), sentence->str);
    }
    g_string_free(sentence, TRUE);
}

/* ---- The table ---- */

/* NAN: it does not apply. */
static char *evicted_text(char *out, size_t room, double count)
{
    if (isnan(count))
        g_strlcpy(out, "-", room);
    else
        units_count(out, room, count);
    return out;
}

typedef char *number_text(char *out, size_t room, double value);

static void print_row(const struct page *page, const char *label, number_text *text, double before,
                      double after)
{
    char measured[UNITS_ROOM], predicted[UNITS_ROOM];

    page_line(page, STYLE_PLAIN, "%-18s %12s %12s", label, text(measured, sizeof(measured), before),
              text(predicted, sizeof(predicted), after));
}

static void print_table(const struct page *page, const struct what_if *what_if)
{
    const struct altered *before = &what_if->measured, *after = &what_if->predicted;

    page_blank(page);
    page_line(page, STYLE_BOLD, "%-18s %12s %12s", "", "Measured", "Predicted");
    print_row(page, "Hit ratio", shown_ratio, before->hit_ratio, after->hit_ratio);
    print_row(page, "Reads", units_count, (double)before->reads, (double)after->reads);
    print_row(page, "Hits", units_count, (double)before->hits, (double)after->hits);
    print_row(page, "Distinct keys", units_count, before->distinct_keys, after->distinct_keys);
    print_row(page, "Writes", units_count, (double)before->writes, (double)after->writes);
    print_row(page, "Values written", units_bytes, (double)before->written_bytes,
              (double)after->written_bytes);
    print_row(page, "Cache size, peak", units_bytes, (double)before->peak_bytes,
              (double)after->peak_bytes);
    if (what_if->settings.cache_bytes != CACHE_UNLIMITED)
        print_row(page, "Evicted entries", evicted_text, NAN, (double)after->evictions);
    page_wrapped(page, STYLE_PLAIN, "", 2,
                 "(Cache sizes are replayed: key, value and %d bytes an entry.)",
                 ENTRY_OVERHEAD_BYTES);
}

static void print_replayed(const struct page *page, const struct what_if *what_if)
{
    char part[UNITS_ROOM], whole[UNITS_ROOM];

    if ((double)what_if->measured.reads < what_if->whole_run_reads)
        page_wrapped(page, STYLE_PLAIN, "", 2,
                     "(Of %s reads the rings still hold %s, and these are what is measured and "
                     "replayed; a larger --ring keeps more.)",
                     units_count(whole, sizeof(whole), what_if->whole_run_reads),
                     units_count(part, sizeof(part), (double)what_if->measured.reads));
}

/* ---- The curve ---- */

static void print_point(const struct page *page, const struct miss_curve_point *point, bool exact)
{
    char size[UNITS_ROOM], ratio[UNITS_ROOM], error[UNITS_ROOM], bar[BAR_COLUMNS + 1];
    int columns = (int)lround(point->miss_ratio * BAR_COLUMNS);

    memset(bar, '#', BAR_COLUMNS);
    bar[CLAMP(columns, 0, BAR_COLUMNS)] = '\0';
    error[0] = '\0';
    if (!exact)
        g_snprintf(error, sizeof(error), " +-%.3f", (point->interval[1] - point->interval[0]) / 2);
    page_line(page, STYLE_PLAIN, "%12s %10s%s  %s",
              units_bytes(size, sizeof(size), (double)point->cache_bytes),
              shown_ratio(ratio, sizeof(ratio), point->miss_ratio), error, bar);
}

/* The sizes at which the miss ratio has fallen by equal steps. */
static void print_points(const struct page *page, const GArray *curve, bool exact)
{
    double least = g_array_index(curve, struct miss_curve_point, curve->len - 1).miss_ratio;
    guint next = 0;

    page_line(page, STYLE_BOLD, "%12s %10s", "Cache size", "Miss ratio");
    for (int row = 0; row < ROWS; row++) {
        double wanted = 1 - row * (1 - least) / (ROWS - 1);
        guint found = next;

        while (found < curve->len &&
               g_array_index(curve, struct miss_curve_point, found).miss_ratio > wanted + 1e-9)
            found++;
        if (found == curve->len)
            break;
        print_point(page, &g_array_index(curve, struct miss_curve_point, found), exact);
        next = found + 1;
    }
}

static void print_curve(const struct page *page, const struct what_if *what_if)
{
    const GArray *curve = what_if->curve;
    char enough[UNITS_ROOM], largest[UNITS_ROOM];

    if (curve->len == 0)
        return;
    page_heading(page, what_if->curve_exact ? "Miss-ratio curve (lru, exact)"
                                            : "Miss-ratio curve (lru, sampled; +- is 95 %)");
    if (curve->len == 1) {
        page_wrapped(page, STYLE_PLAIN, "", 2, "No read finds its key at any cache size.");
        return;
    }
    print_points(page, curve, what_if->curve_exact);
    page_wrapped(page, STYLE_PLAIN, "", 2,
                 "(At %s it is within 0.01 of an unlimited cache's. Keys and TTLs are as above; "
                 "evictions that were seen do not count. The largest entry is of %s; below that "
                 "the curve is an upper bound.)",
                 units_bytes(enough, sizeof(enough), (double)what_if_enough_bytes(what_if)),
                 units_bytes(largest, sizeof(largest), (double)what_if->largest_entry_bytes));
}

void render_what_if_text(const struct what_if *what_if, const struct render_options *options,
                         FILE *out)
{
    struct page page = page_of(options, out);

    print_verdict(&page, what_if);
    print_table(&page, what_if);
    print_replayed(&page, what_if);
    print_curve(&page, what_if);
}
