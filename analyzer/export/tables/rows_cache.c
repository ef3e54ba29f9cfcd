/* Rows of templates, all processes together, and of findings. */
#include <math.h>
#include <string.h>

#include "export/tables/rows.h"
#include "render/renderers.h"

/* ---- Templates ---- */

static void put_template(struct rows *rows, const struct template_report *template)
{
    row_begin(rows, TABLE_TEMPLATES);
    row_text(rows, template->name);
    row_count(rows, template->reads);
    row_count(rows, template->hits);
    row_count(rows, template->misses);
    row_real(rows, (double)template->hits / (double)(template->hits + template->misses));
    row_count(rows, template->writes);
    row_count(rows, template->written_bytes);
    row_count(rows, template->deletes);
    row_count(rows, template->errors);
    row_whole(rows, template->distinct_keys);
    row_real(rows, template->distinct_keys_error_ratio);
    row_whole(rows, template->distinct_inputs);
    row_whole(rows, template->never_read_keys);
    row_count(rows, template->ttl_none_count);
    row_real(rows, template->ttl_min);
    row_real(rows, template->ttl_median);
    row_real(rows, template->ttl_max);
    row_real(rows, template->recompute_p50);
    row_real(rows, template->recompute_p99);
    row_real(rows, template->recompute_total);
    row_real(rows, template->latency_p50);
    row_real(rows, template->latency_p99);
    row_end(rows);
}

static void put_causes(struct rows *rows, const struct template_report *template)
{
    const struct miss_causes *causes = &template->causes;
    const struct {
        const char *name;
        uint64_t misses;
    } all[] = {
        {"first-seen", causes->first_seen}, {"duplicate-input", causes->duplicate_input},
        {"expired", causes->expired},       {"evicted", causes->evicted},
        {"deleted", causes->deleted},       {"concurrent", causes->concurrent},
        {"not-stored", causes->not_stored},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        row_begin(rows, TABLE_MISS_CAUSES);
        row_text(rows, template->name);
        row_text(rows, all[i].name);
        row_count(rows, all[i].misses);
        row_end(rows);
    }
}

static void put_outcomes(struct rows *rows, const struct template_report *template)
{
    static const char *const names[OUTCOMES] = {"hit", "miss", "write"};
    const uint64_t counts[OUTCOMES] = {template->hits, template->misses, template->writes};

    for (int i = 0; i < OUTCOMES; i++) {
        const struct outcome_bytes *bytes = &template->outcome_bytes[i];
        double count = counts[i] == 0 ? NAN : (double)counts[i];

        row_begin(rows, TABLE_TEMPLATE_HEAP);
        row_text(rows, template->name);
        row_text(rows, names[i]);
        row_count(rows, counts[i]);
        row_real(rows, bytes->allocated / count);
        row_real(rows, bytes->kept / count);
        row_real(rows, bytes->leaked / count);
        row_end(rows);
    }
}

void rows_cache(struct rows *rows)
{
    const GPtrArray *templates = rows->analysis->report->cache.templates;

    for (guint t = 0; t < templates->len && !rows->failed; t++) {
        const struct template_report *template = g_ptr_array_index(templates, t);

        put_template(rows, template);
        put_causes(rows, template);
        put_outcomes(rows, template);
        for (guint i = 0; template->call_sites != NULL && i < template->call_sites->len; i++) {
            const char *stack = rows_stack(rows, g_ptr_array_index(template->call_sites, i));

            row_begin(rows, TABLE_TEMPLATE_CALL_SITES);
            row_text(rows, template->name);
            row_count(rows, i);
            row_text(rows, stack);
            row_end(rows);
        }
    }
}

/* ---- Findings ---- */

static void put_finding(struct rows *rows, guint number, const struct finding *finding)
{
    static const struct prediction unknown = {NAN, {NAN, NAN}, NAN, NAN, NAN};
    const struct prediction *predicted = finding->predicted ? finding->predicted : &unknown;

    row_begin(rows, TABLE_FINDINGS);
    row_count(rows, number);
    row_text(rows, finding->rule);
    row_text(rows, severity_name(finding->severity));
    row_text(rows, finding->template_name);
    row_text(rows, finding->message);
    row_text(rows, finding->remedy);
    row_real(rows, predicted->hit_ratio);
    row_interval(rows, predicted->hit_ratio_interval, false);
    row_whole(rows, predicted->distinct_keys);
    row_real(rows, predicted->saved_recompute_seconds);
    row_whole(rows, predicted->saved_redis_bytes);
    row_end(rows);
}

static void put_numbers(struct rows *rows, guint number, const struct finding *finding)
{
    for (guint i = 0; i < finding->metrics->len; i++) {
        const struct metric *metric = &g_array_index(finding->metrics, struct metric, i);

        row_begin(rows, TABLE_METRICS);
        row_count(rows, number);
        row_text(rows, metric->name);
        row_real(rows, metric->value);
        row_end(rows);
    }
    for (guint i = 0; i < finding->varying->len; i++) {
        const struct varying *varying = &g_array_index(finding->varying, struct varying, i);

        row_begin(rows, TABLE_VARYING);
        row_count(rows, number);
        row_text(rows, varying->class_name);
        row_real(rows, varying->share_ratio);
        row_end(rows);
    }
}

static void put_offset(struct rows *rows, size_t offset)
{
    row_whole(rows, offset == SIZE_MAX ? NAN : (double)offset);
}

static void put_differences(struct rows *rows, guint number, guint pair, const GArray *differs)
{
    for (guint i = 0; differs != NULL && i < differs->len; i++) {
        const struct difference *difference = &g_array_index(differs, struct difference, i);

        row_begin(rows, TABLE_DIFFERENCES);
        row_count(rows, number);
        row_count(rows, pair);
        row_count(rows, i);
        row_text(rows, difference->class_name);
        row_text(rows, difference->a);
        row_text(rows, difference->b);
        put_offset(rows, difference->a_offset);
        put_offset(rows, difference->b_offset);
        row_end(rows);
    }
}

static void put_evidence(struct rows *rows, guint number, const GPtrArray *pairs)
{
    for (guint i = 0; i < pairs->len; i++) {
        const struct evidence *evidence = g_ptr_array_index(pairs, i);

        row_begin(rows, TABLE_EVIDENCE);
        row_count(rows, number);
        row_count(rows, i);
        row_text(rows, evidence->kind);
        row_real(rows, evidence->confidence_ratio);
        row_text(rows, evidence->key_a);
        row_text(rows, evidence->key_b);
        row_text(rows, evidence->input_a);
        row_text(rows, evidence->input_b);
        row_end(rows);
        put_differences(rows, number, i, evidence->differs);
    }
}

static void put_places(struct rows *rows, guint number, const struct finding *finding)
{
    const GPtrArray *spikes = finding->spike == NULL ? NULL : finding->spike->sites;

    for (guint i = 0; i < finding->call_sites->len; i++) {
        const char *stack = rows_stack(rows, g_ptr_array_index(finding->call_sites, i));

        row_begin(rows, TABLE_FINDING_CALL_SITES);
        row_count(rows, number);
        row_count(rows, i);
        row_text(rows, stack);
        row_end(rows);
    }
    for (guint i = 0; spikes != NULL && i < spikes->len; i++) {
        const struct spike_site *site = g_ptr_array_index(spikes, i);
        const char *stack = rows_stack(rows, site->stack);

        row_begin(rows, TABLE_SPIKE_SITES);
        row_count(rows, number);
        row_count(rows, i);
        row_text(rows, stack);
        row_whole(rows, site->height_bytes);
        row_real(rows, site->share_ratio);
        row_end(rows);
    }
}

void rows_findings(struct rows *rows)
{
    const GPtrArray *findings = rows->analysis->report->findings;

    for (guint i = 0; i < findings->len && !rows->failed; i++) {
        const struct finding *finding = g_ptr_array_index(findings, i);

        put_finding(rows, i, finding);
        put_numbers(rows, i, finding);
        put_evidence(rows, i, finding->evidence);
        put_places(rows, i, finding);
    }
}
