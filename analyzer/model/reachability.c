/* Verdicts of the searches, added up by capture and by heap site; see reachability.h. */
#include "model/reachability.h"

#include <string.h>

#include "model/heap.h"

void reach_add(struct reach_report *sum, const struct lk_live *entry, enum verdict verdict,
               uint64_t sample_bytes)
{
    if (verdict == VERDICT_NONE)
        return;
    sum->judged_count++;
    if (verdict == VERDICT_REACHED)
        return;
    double size = (double)entry->size;
    bool is_estimated = live_kind(entry) == LK_LIVE_HEAP;
    sum->unreachable_count++;
    sum->unreachable_bytes += size;
    sum->estimated_bytes += is_estimated ? size / sample_chance(entry->size, sample_bytes) : size;
    if (verdict == VERDICT_INDIRECT) {
        sum->indirect_count++;
        sum->indirect_bytes += size;
    }
}

const uint8_t *reachability_verdicts(const struct report *report, guint capture_index)
{
    if (capture_index >= report->verdicts->len)
        return NULL;
    return g_ptr_array_index(report->verdicts, capture_index);
}

static struct search *search_for(GPtrArray *searches, const struct capture *capture)
{
    for (guint i = 0; i < searches->len; i++)
        if (search_is_of(g_ptr_array_index(searches, i), capture))
            return g_ptr_array_index(searches, i);
    return NULL;
}

/* ---- Captures ---- */

static void describe_search(struct report *report, guint index, const struct search *search,
                            const struct capture *capture, const uint8_t *verdicts)
{
    const struct search_facts *facts = search_facts(search);
    struct search_report *described = report_alloc(report, sizeof(*described));

    described->searched_bytes = (double)facts->searched_bytes;
    described->unread_bytes = (double)facts->unread_bytes;
    described->stopped_seconds = facts->stopped_seconds;
    described->live_count = capture->live->len;
    for (guint i = 0; i < capture->live->len; i++)
        reach_add(&described->reach, &g_array_index(capture->live, struct lk_live, i), verdicts[i],
                  capture->header.sample_bytes);
    if (index < report->captures->len)
        ((struct capture_report *)g_ptr_array_index(report->captures, index))->search = described;
}

/* Takes `verdicts` over. */
static void keep_verdicts(struct report *report, const struct search *search, uint8_t *verdicts,
                          guint count)
{
    uint8_t *kept = NULL;

    if (search_facts(search)->unread_bytes == 0) {
        kept = report_alloc(report, (size_t)count + 1);
        memcpy(kept, verdicts, count);
    } else {
        report_note(report, "some of a process's memory could not be read: a block may be called "
                            "unreachable that is not, so no leak was concluded from that");
    }
    g_ptr_array_add(report->verdicts, kept);
    g_free(verdicts);
}

/* ---- Sites ---- */

static GHashTable *sites_by_identity(const struct report *report)
{
    GHashTable *sites = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < report->heap.sites->len; i++) {
        struct site_report *site = g_ptr_array_index(report->heap.sites, i);
        g_hash_table_insert(sites, (gpointer)(uintptr_t)site->id, site);
    }
    return sites;
}

static void merge(struct reach_report *sum, const struct reach_report *more)
{
    sum->judged_count += more->judged_count;
    sum->unreachable_count += more->unreachable_count;
    sum->unreachable_bytes += more->unreachable_bytes;
    sum->indirect_count += more->indirect_count;
    sum->indirect_bytes += more->indirect_bytes;
    sum->estimated_bytes += more->estimated_bytes;
}

static void add_sites(GHashTable *sites, struct report *report, struct symbols *symbols,
                      const struct capture *capture, const uint8_t *verdicts)
{
    struct reach_report *sums = g_new0(struct reach_report, capture->sites->len);

    for (guint i = 0; i < capture->live->len; i++) {
        const struct lk_live *entry = &g_array_index(capture->live, struct lk_live, i);
        if (live_kind(entry) == LK_LIVE_HEAP)
            reach_add(&sums[entry->site], entry, verdicts[i], capture->header.sample_bytes);
    }
    for (guint id = 0; id < capture->sites->len; id++) {
        if (sums[id].judged_count == 0)
            continue;
        const struct stack *stack = symbols_stack(symbols, capture, id);
        struct site_report *site = g_hash_table_lookup(sites, stack_identity(report, stack));
        if (site != NULL)
            merge((struct reach_report *)(uintptr_t)site->reach, &sums[id]);
    }
    g_free(sums);
}

void reachability_model(struct report *report, struct symbols *symbols, GPtrArray *captures,
                        GPtrArray *searches)
{
    GHashTable *sites = sites_by_identity(report);

    for (guint i = 0; i < report->heap.sites->len; i++)
        ((struct site_report *)g_ptr_array_index(report->heap.sites, i))->reach =
            report_alloc(report, sizeof(struct reach_report));
    for (guint i = 0; i < captures->len; i++) {
        const struct capture *capture = g_ptr_array_index(captures, i);
        struct search *search = search_for(searches, capture);
        if (search == NULL) {
            g_ptr_array_add(report->verdicts, NULL);
            continue;
        }
        uint8_t *verdicts = search_judge(search, capture);
        describe_search(report, i, search, capture, verdicts);
        add_sites(sites, report, symbols, capture, verdicts);
        keep_verdicts(report, search, verdicts, capture->live->len);
    }
    g_hash_table_destroy(sites);
}
