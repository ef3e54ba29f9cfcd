/* Services with a planted fault in their cache keys, and healthy ones that look like them. A new
 * one is a function and a row. What is true of each is counted by the simulation, from the question
 * that each request really asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/cached_services.h"

struct row {
    const char *name;
    struct service service;
    const char *classes; /* what varies, sorted; NULL: no duplicate-input miss */
    const char *remedy; /* part of it; without classes, the rules that speak of what else is true of
                           the service, sorted; NULL: it is healthy, and not even noted */
};

/* What nobody asks for a second time is no cache, but none of its misses is a duplicate. */
#define EACH_ONCE "missing-ttl never-read unbounded-cardinality"

static const struct row rows[] = {
    {"clock and uuid in JSON",
     {clock_and_uuid, 1500, 0, false},
     "case order timestamp uuid whitespace",
     "`ts`"},
    {"the same, entries expire",
     {clock_and_uuid, 1500, 2000, false},
     "case order timestamp uuid whitespace",
     "`request_id`"},
    {"the same, the model varies",
     {clock_and_uuid_varied_answers, 1500, 0, false},
     "case order timestamp uuid whitespace",
     "`ts`"},
    {"the same, short labels",
     {clock_and_uuid_labels, 1500, 0, false},
     "case order timestamp uuid whitespace",
     "`ts`"},
    {"spelling alone",
     {spelling_alone, 1500, 0, false},
     "case order whitespace",
     "lower-case text in `prompt`"},
    {"spelling alone, the model varies",
     {spelling_varied_answers, 1500, 0, false},
     "case order whitespace",
     "collapse white space"},
    {"JSON within a JSON string",
     {body_in_a_string, 1500, 0, false},
     "case order random timestamp whitespace",
     "`trace`"},
    {"clock before the text",
     {clock_before_text, 1000, 0, false},
     "timestamp",
     "drop the timestamp"},
    {"nonce after the text", {nonce_after_text, 1000, 0, false}, "random", "drop the random part"},
    {"nonce in the key",
     {nonce_in_key, 1000, 0, false},
     "random",
     "drop the part after `ans` in the key"},
    {"uuid in the key",
     {uuid_in_key, 1000, 0, false},
     "uuid",
     "drop the part after `ans` in the key"},
    {"clock in the key", {clock_in_key, 1000, 0, false}, "timestamp", "`faq`"},
    {"query order and signature",
     {query_order_and_signature, 1000, 0, false},
     "order signed-url",
     "`X-Amz-Signature`"},
    {"temporary path", {temporary_path, 1000, 0, false}, "temp-path", "what the file holds"},
    {"number spelling",
     {number_spelling, 1000, 0, false},
     "number-format",
     "in one format in `temperature`"},
    {"Unicode form", {unicode_form, 1000, 0, false}, "unicode", "NFKC"},
    {"counter", {counter, 1000, 0, false}, "counter", "drop `seq`"},
    {"numbered requests", {numbered_requests, 1000, 0, false}, "counter", "drop `request_id`"},
    {"version of no importance", {idle_version, 1000, 0, false}, "version", "drop `build`"},
    {"user of no importance", {idle_user, 1500, 0, false}, "identifier", "drop `user_id`"},
    {"seed of no importance", {idle_seed, 1000, 0, false}, "random", "drop `seed`"},
    {"address of an object", {object_address, 1000, 0, false}, "address", "drop the address"},
    {"spelling in the key",
     {spelling_in_key, 1000, 0, false},
     "case whitespace",
     "lower-case text"},
    {"order in the key", {order_in_key, 1000, 0, false}, "order", "sort members"},
    {"clock in a message", {clock_in_a_message, 1000, 0, false}, "timestamp", "drop `time`"},
    {"lines of headers", {lines_of_headers, 1000, 0, false}, "random timestamp", "drop"},
    {"few requests", {few_requests, 60, 0, false}, "case order timestamp uuid whitespace", "`ts`"},
    {"very many requests",
     {clock_before_text, 100000, 0, false},
     "timestamp",
     "drop the timestamp"},
    {"many requests",
     {clock_and_uuid, 30000, 0, false},
     "case order timestamp uuid whitespace",
     "`ts`"},
    {"hashed: clock before the text",
     {clock_before_text, 1000, 0, true},
     "timestamp",
     "drop the timestamp"},
    {"hashed: clock and uuid",
     {clock_and_uuid_hidden, 1500, 0, true},
     "case order timestamp uuid whitespace",
     "drop the uuid and the timestamp"},
    {"hashed: the model varies",
     {clock_and_uuid_hidden_varied, 1500, 0, true},
     "case order timestamp uuid whitespace",
     "drop the uuid and the timestamp"},
    {"hashed: uuid in the key", {uuid_in_key, 1000, 0, true}, "uuid", "in the key"},
    {"per user", {per_user, 1000, 0, false}, NULL, NULL},
    {"per session", {per_session, 1000, 0, false}, NULL, NULL},
    {"per document", {per_document, 1000, 0, false}, NULL, EACH_ONCE},
    {"per page", {per_page, 1000, 0, false}, NULL, EACH_ONCE},
    {"document text", {document_text, 1000, 0, false}, NULL, EACH_ONCE},
    {"labels", {labels, 1000, 0, false}, NULL, EACH_ONCE},
    {"version matters", {version_matters, 1000, 0, false}, NULL, NULL},
    {"last word matters", {last_word_matters, 1000, 0, false}, NULL, NULL},
    {"end beyond the stored text", {end_beyond_stored_text, 1000, 0, false}, NULL, NULL},
    {"normalised", {normalised, 1000, 0, false}, NULL, NULL},
    {"case matters", {case_matters, 1000, 1000, false}, NULL, NULL},
    {"case matters, no answer is made twice", {case_matters, 1000, 0, false}, NULL, NULL},
    {"user matters", {user_matters, 1500, 0, false}, NULL, NULL},
    {"user matters, the model varies", {user_matters_varied_answers, 1500, 0, false}, NULL, NULL},
    {"user matters, often refused", {user_matters_often_refused, 1500, 0, false}, NULL, NULL},
    {"user sometimes matters", {user_sometimes_matters, 1500, 0, false}, NULL, NULL},
    {"each user once", {each_user_once, 1000, 0, false}, NULL, EACH_ONCE},
    {"whole minutes", {whole_minutes, 2000, 0, false}, NULL, "missing-ttl"},
    {"few seconds", {few_seconds, 4000, 0, false}, NULL, "missing-ttl"},
    {"number matters", {number_matters, 1000, 0, false}, NULL, NULL},
    {"date matters", {date_matters, 1000, 0, false}, NULL, NULL},
    {"daily price", {daily_price, 1000, 0, false}, NULL, "missing-ttl"},
    {"per chat", {per_chat, 1000, 0, false}, NULL, NULL},
    {"per picture", {per_picture, 1000, 0, false}, NULL, EACH_ONCE},
    {"per picture, all sizes", {per_picture_all_sizes, 1000, 0, false}, NULL, EACH_ONCE},
    {"per picture, many", {per_picture, 20000, 0, false}, NULL, EACH_ONCE},
    {"token matters", {token_matters, 1000, 0, false}, NULL, EACH_ONCE},
    {"ordinary parameters", {ordinary_kwargs, 1000, 0, false}, NULL, NULL},
    {"hashed: per user", {per_user, 1000, 0, true}, NULL, NULL},
    {"hashed: per document", {per_document, 1000, 0, true}, NULL, EACH_ONCE},
    {"hashed: per page", {per_page, 1000, 0, true}, NULL, EACH_ONCE},
    {"hashed: document text", {document_text, 1000, 0, true}, NULL, EACH_ONCE},
    {"hashed: user matters", {user_matters, 1500, 0, true}, NULL, NULL},
    {"hashed: user matters, the model varies",
     {user_matters_varied_answers, 1500, 0, true},
     NULL,
     NULL},
    {"hashed: number matters", {number_matters, 1000, 0, true}, NULL, NULL},
    {"hashed: date matters", {date_matters, 1000, 0, true}, NULL, NULL},
    {"hashed: normalised", {normalised, 1000, 0, true}, NULL, NULL},
};

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *classes_of(const struct finding *finding)
{
    GPtrArray *names = g_ptr_array_new();
    char *joined;

    for (guint i = 0; i < finding->varying->len; i++)
        g_ptr_array_add(
            names,
            (gpointer)(uintptr_t)g_array_index(finding->varying, struct varying, i).class_name);
    g_ptr_array_sort(names, by_name);
    g_ptr_array_add(names, NULL);
    joined = g_strjoinv(" ", (char **)names->pdata);
    g_ptr_array_free(names, TRUE);
    return joined;
}

static void check_causes(const struct simulation *simulation)
{
    const struct miss_causes *causes = &simulation->report->cache.causes;

    assert_int_equal(causes->first_seen + causes->duplicate_input + causes->expired +
                         causes->evicted + causes->deleted + causes->concurrent +
                         causes->not_stored,
                     simulation->truth.misses);
    assert_int_equal(causes->duplicate_input, simulation->truth.duplicate_misses);
    assert_int_equal(causes->evicted + causes->deleted + causes->concurrent + causes->not_stored,
                     0);
}

static void check_differences(const struct finding *finding)
{
    assert_in_range(finding->evidence->len, 1, 5);
    for (guint i = 0; i < finding->evidence->len; i++) {
        const struct evidence *evidence = g_ptr_array_index(finding->evidence, i);

        assert_string_not_equal(evidence->key_a, evidence->key_b);
        assert_true(evidence->differs->len > 0);
        assert_true(evidence->confidence_ratio > 0.5 && evidence->confidence_ratio <= 1);
        for (guint k = 0; k < evidence->differs->len; k++) {
            const struct difference *difference =
                &g_array_index(evidence->differs, struct difference, k);

            assert_string_not_equal(difference->a, difference->b);
            assert_true(g_utf8_validate(difference->a, -1, NULL) &&
                        g_utf8_validate(difference->b, -1, NULL));
        }
    }
}

/* What follows from the duplicates is a note. */
static unsigned count_serious(const struct report *report)
{
    unsigned count = 0;

    for (guint i = 0; i < report->findings->len; i++)
        count += ((const struct finding *)g_ptr_array_index(report->findings, i))->severity >
                 SEVERITY_NOTE;
    return count;
}

static void check_planted(const struct row *row, const struct simulation *simulation)
{
    const struct finding *finding;
    const struct prediction *predicted;
    char *classes;

    assert_int_equal(count_serious(simulation->report), 1);
    finding = g_ptr_array_index(simulation->report->findings, 0);
    assert_string_equal(finding->rule, "duplicate-input-miss");
    predicted = finding->predicted;
    classes = classes_of(finding);
    assert_string_equal(classes, row->classes);
    g_free(classes);
    assert_non_null(strstr(finding->remedy, row->remedy));
    assert_true(fabs(predicted->hit_ratio - simulation->truth.cured_hit_ratio) <= 0.001);
    assert_true(predicted->hit_ratio_interval[0] <= predicted->hit_ratio &&
                predicted->hit_ratio <= predicted->hit_ratio_interval[1]);
    assert_true(predicted->hit_ratio_interval[0] < predicted->hit_ratio_interval[1]);
    assert_true(predicted->distinct_keys == simulation->truth.distinct_questions);
    check_differences(finding);
}

static void check_others(const struct row *row, const struct report *report)
{
    GPtrArray *rules = g_ptr_array_new();
    char *joined;

    for (guint i = 0; i < report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(report->findings, i);

        g_ptr_array_add(rules, (gpointer)(uintptr_t)finding->rule);
    }
    g_ptr_array_sort(rules, by_name);
    g_ptr_array_add(rules, NULL);
    joined = g_strjoinv(" ", (char **)rules->pdata);
    assert_string_equal(joined, row->remedy ? row->remedy : "");
    g_free(joined);
    g_ptr_array_free(rules, TRUE);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct simulation simulation = simulate(&row->service);
    const struct template_report *template =
        g_ptr_array_index(simulation.report->cache.templates, 0);

    if (row->classes)
        check_planted(row, &simulation);
    else
        check_others(row, simulation.report);
    check_causes(&simulation);
    assert_true(isnan(template->distinct_inputs) ||
                template->distinct_inputs == simulation.truth.distinct_questions);
    simulation_clear(&simulation);
}

int main(void)
{
    struct CMUnitTest tests[G_N_ELEMENTS(rows)];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
