/*
 * memory-spike against services of known truth: each shape is simulated with many seeds, every
 * allocation recorded and sampled. Healthy shapes must never be called; planted spikes must be
 * found and measured, with whose memory they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/shaped_service.h"
#include "find/spike_train.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* ten times slower */
#define SEEDS 2
#else
#define SEEDS 20
#endif
#define STEPS 3000u

typedef void shape(struct service *service, unsigned step, unsigned steps);

/* ---- Healthy shapes ---- */

static void only_requests(struct service *s, unsigned step, unsigned steps)
{
    (void)step, (void)steps;
    service_serve(s, 30);
}

static void load_wanders(struct service *s, unsigned step, unsigned steps)
{
    (void)steps;
    if (step % 50 == 0)
        s->next = CLAMP(s->next + service_uniform(s, -20, 20), 1, 120);
    service_serve(s, s->next);
}

static void start_up_ramp(struct service *s, unsigned step, unsigned steps)
{
    if (step < steps / 5)
        service_keep(s, 0, s->site, 512 * KIB);
    service_serve(s, 10);
}

static void start_up_overshoots(struct service *s, unsigned step, unsigned steps)
{
    start_up_ramp(s, step, steps);
    if (step == steps / 5)
        service_release(s, 0, 100);
}

static void leak(struct service *s, unsigned step, unsigned steps)
{
    (void)steps;
    if (step % 4 == 0)
        service_keep(s, 0, s->site, 512 * KIB);
    service_serve(s, 10);
}

/* Of the same height and length, at random times. */
static void random_bursts(struct service *s, double mean)
{
    struct load load = {s->next, s->seconds / 150, 60 * MIB};
    if (s->done == 0) {
        s->next = service_exponential(s, mean);
        s->done++;
    }
    service_follow(s, &load);
    if (s->now > s->next + load.lasts)
        s->next = s->now + service_exponential(s, mean);
    service_serve(s, 5);
}

static void few_bursts(struct service *s, unsigned step, unsigned steps)
{
    (void)step, (void)steps;
    random_bursts(s, s->seconds / 5);
}

static void many_bursts(struct service *s, unsigned step, unsigned steps)
{
    (void)step, (void)steps;
    random_bursts(s, s->seconds / 30);
}

static void two_spikes(struct service *s, unsigned step, unsigned steps)
{
    unsigned third = steps / 3;
    if (step == third || step == 2 * third)
        s->next = s->now;
    if (step >= third)
        service_follow(s, &(struct load){s->next, s->seconds / 50, 100 * MIB});
    service_serve(s, 5);
}

/* A collected heap: garbage piles up evenly, and is collected at once. */
static void collected_heap(struct service *s, unsigned step, unsigned steps)
{
    service_keep(s, 0, s->site, 1 * MIB);
    if (step % (steps / 20) == 0)
        service_release(s, 0, 5);
    service_serve(s, 5);
}

/* As busy as it is: collected whenever there is enough. */
static void collected_when_full(struct service *s, unsigned step, unsigned steps)
{
    (void)steps;
    if (g_rand_double(s->random) < 0.3 + 0.3 * sin(step / 200.0))
        service_keep(s, 0, s->site, 2 * MIB);
    if (s->kept[0].length > 80)
        service_release(s, 0, 2);
    service_serve(s, 5);
}

static void waves(struct service *s, unsigned step, unsigned steps)
{
    service_serve(s, 60 + 55 * sin(step * 2 * G_PI / (steps / 8.0)));
}

/* A cache that is emptied at intervals and soon full again. */
static void dips(struct service *s, unsigned step, unsigned steps)
{
    if (step % (steps / 12) == 0)
        service_release(s, 0, 0);
    while (s->kept[0].length < MIN(100, step % (steps / 12) * 4))
        service_keep(s, 0, s->site, 1 * MIB);
    service_serve(s, 5);
}

static void pool_steps_up(struct service *s, unsigned step, unsigned steps)
{
    if (step % (steps / 10) == 0)
        for (int i = 0; i < 40; i++)
            service_keep(s, 0, s->site, 1 * MIB);
    service_serve(s, 5);
}

static const struct {
    const char *name;
    shape *step;
} healthy[] = {
    {"only requests", only_requests},
    {"load wanders", load_wanders},
    {"start-up ramp", start_up_ramp},
    {"start-up overshoots", start_up_overshoots},
    {"leak", leak},
    {"few bursts", few_bursts},
    {"many bursts", many_bursts},
    {"two spikes", two_spikes},
    {"collected heap", collected_heap},
    {"collected when full", collected_when_full},
    {"waves", waves},
    {"dips", dips},
    {"pool steps up", pool_steps_up},
};

static const struct finding *spike_of(const struct report *report)
{
    for (guint i = 0; i < report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(report->findings, i);
        if (strcmp(finding->rule, "memory-spike") == 0)
            return finding;
    }
    return NULL;
}

static void try_healthy(uint64_t sample_bytes, double seconds)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(healthy); i++) {
        unsigned called = 0;
        for (guint32 seed = 1; seed <= SEEDS; seed++) {
            struct service service = service_new(seed, sample_bytes, seconds);
            for (unsigned step = 0; step < STEPS; step++) {
                service.now = (step + g_rand_double(service.random)) / STEPS * seconds;
                healthy[i].step(&service, step, STEPS);
            }
            struct report *report = service_report(&service);
            called += spike_of(report) != NULL;
            report_free(report);
        }
        if (called != 0)
            print_error("%s, a sample each %u bytes, %.0f s: %u of %d called\n", healthy[i].name,
                        (unsigned)sample_bytes, seconds, called, SEEDS);
        wrong += called;
    }
    assert_int_equal(wrong, 0);
}

static void healthy_with_every_allocation(void **state)
{
    (void)state;
    try_healthy(1, 20);
}

static void healthy_sampled(void **state)
{
    (void)state;
    try_healthy(512 * KIB, 60);
    try_healthy(64 * KIB, 1200);
}

/* ---- Planted spikes ---- */

struct planted {
    double period, duty, jitter, height_mib; /* jitter: of each period, +- */
    unsigned count;
    uint64_t sample_bytes;
    double requests_mib, leak_mib, start_up_mib; /* leak: in each period */
    double uneven;                               /* of the height, +- */
    unsigned strays;                             /* bursts between, as high */
};

static const struct planted plants[] = {
    {0.5, 0.2, 0, 40, 10, 1, 5, 0, 0, 0, 0},
    {0.5, 0.3, 0.1, 60, 12, 512 * KIB, 5, 0, 0, 0, 0},
    {2, 0.1, 0.1, 30, 6, 512 * KIB, 3, 0, 40, 0, 0},
    {2, 0.3, 0, 180, 5, 512 * KIB, 40, 20, 0, 0, 0},
    {30, 0.1, 0.1, 180, 12, 512 * KIB, 20, 30, 100, 0, 0},
    {30, 0.02, 0, 100, 7, 64 * KIB, 10, 0, 0, 0, 0},
    {30, 0.4, 0.05, 100, 20, 1, 20, 10, 300, 0, 0},
    {120, 0.05, 0.1, 500, 25, 512 * KIB, 100, 20, 0, 0, 0},
    {600, 0.1, 0, 1000, 6, 512 * KIB, 100, 0, 0, 0, 0},
    {1, 0.2, 0.05, 60, 120, 512 * KIB, 5, 0, 0, 0, 0},
    {30, 0.1, 0.1, 180, 12, 512 * KIB, 10, 10, 0, 0.3, 0},
    {2, 0.1, 0.05, 60, 25, 512 * KIB, 5, 0, 0, 0, 2},
};

struct result {
    struct report *report;
    double period, height; /* as they were, with their jitter: mean and median */
};

/* Up to the next spike; times are cut finely. */
static void run_period(struct service *service, const struct planted *planted,
                       const struct load *load, double from, double next, bool stray)
{
    struct load burst = *load;
    burst.starts += planted->period * service_uniform(service, 0.4, 0.6);
    for (double step = 0; step < 200; step++) {
        service->now = from + step / 200 * (next - from);
        service_follow(service, stray && service->now >= burst.starts ? &burst : load);
        service_serve(service, planted->requests_mib);
        if (g_rand_double(service->random) < planted->leak_mib / 200)
            service_keep(service, 0, service->site, 1 * MIB);
    }
}

static gint compare_doubles(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct result run_planted(const struct planted *planted, guint32 seed, double lost)
{
    double period = planted->period, last = 0, first = 0, at = 0.7 * period;
    double *heights = g_new(double, planted->count);
    struct service service =
        service_new(seed, planted->sample_bytes, period * (planted->count + 1));
    for (int i = 0; i < planted->start_up_mib; i++)
        service_keep(&service, 0, service.site, 1 * MIB);
    for (unsigned i = 0; i < planted->count; i++) {
        heights[i] = planted->height_mib * MIB *
                     service_uniform(&service, 1 - planted->uneven, 1 + planted->uneven + 1e-9);
        struct load load = {at, planted->duty * period, (uint64_t)heights[i]};
        double next =
            at + period * service_uniform(&service, 1 - planted->jitter, 1 + planted->jitter);
        bool stray = planted->strays > 0 && i % (planted->count / planted->strays) == 5;
        run_period(&service, planted, &load, i == 0 ? 0 : at, next, stray);
        first = i == 0 ? at : first;
        last = at;
        at = next;
    }
    qsort(heights, planted->count, sizeof(*heights), compare_doubles);
    if (lost > 0)
        builder_lose(service.builder, lost);
    struct result result = {service_report(&service), (last - first) / (planted->count - 1),
                            heights[planted->count / 2]};
    g_free(heights);
    return result;
}

static void planted_spikes_are_found_and_measured(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(plants); i++) {
        unsigned found = 0, period = 0, height = 0, count = 0, site = 0;
        for (guint32 seed = 1; seed <= SEEDS; seed++) {
            struct result result = run_planted(&plants[i], seed, 0);
            const struct finding *finding = spike_of(result.report);
            if (finding != NULL) {
                const struct spike_report *spike = finding->spike;
                found++;
                period += fabs(spike->period_seconds / result.period - 1) < 0.05;
                height += fabs(spike->height_bytes / result.height - 1) < 0.2;
                count += spike->count == plants[i].count;
                if (spike->sites->len != 0) {
                    const struct spike_site *first = g_ptr_array_index(spike->sites, 0);
                    site += g_array_index(first->stack->frames, struct frame, 0).offset ==
                                0x403000 - 1 &&
                            first->share_ratio > 0.7;
                }
            }
            report_free(result.report);
        }
        if (MIN(MIN(found, period), MIN(height, MIN(count, site))) < 0.95 * SEEDS) {
            print_error("plant %zu: of %d found %u, period %u, height %u, count %u, site %u\n", i,
                        SEEDS, found, period, height, count, site);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* Later time is told too coarsely: what was seen is said, and that there may be more. */
static void spikes_that_the_timeline_cannot_tell_apart_later(void **state)
{
    (void)state;
    static const struct planted long_run = {2, 0.2, 0, 60, 400, 1, 5, 0, 0, 0, 0};
    struct result result = run_planted(&long_run, 1, 0);
    const struct finding *finding = spike_of(result.report);
    assert_non_null(finding);
    assert_true(finding->spike->more);
    assert_true(finding->spike->count > 150 && finding->spike->count < 170); /* in 327 s */
    assert_true(fabs(finding->spike->period_seconds - 2) < 0.02);
    assert_non_null(strstr(finding->message, "every 2.00 s (at least 1"));
    report_free(result.report);
}

/* ---- Whose memory it is ---- */

static const struct planted plain = {2, 0.2, 0, 60, 10, 1, 5, 0, 0, 0, 0};

static void a_ring_that_lost_spikes_says_so(void **state)
{
    (void)state;
    struct result part = run_planted(&plain, 1, 0.6), all = run_planted(&plain, 1, 1);
    const struct finding *finding = spike_of(part.report), *lost = spike_of(all.report);
    assert_non_null(finding);
    assert_true(finding->spike->covered_count > 0 && finding->spike->covered_count < 6);
    assert_true(finding->spike->count == 10);
    const struct spike_site *site = g_ptr_array_index(finding->spike->sites, 0);
    assert_true(site->share_ratio > 0.85);
    assert_true(fabs(site->height_bytes / (60.0 * MIB) - 1) < 0.05);
    assert_non_null(lost);
    assert_true(lost->spike->count == 10);
    assert_int_equal(lost->spike->sites->len, 0);
    assert_int_equal(lost->call_sites->len, 0);
    assert_non_null(strstr(lost->message, "the ring no longer holds"));
    assert_non_null(strstr(lost->remedy, "--ring"));
    report_free(part.report);
    report_free(all.report);
}

/* Spikes after misses of a template, with that many commands in a period; entries live that long.
 */
static struct report *run_tagged(unsigned commands, double ttl_seconds)
{
    struct service service = service_new(1, 1, 20);
    uint32_t id = builder_template(service.builder, "llm:<number>");
    struct lk_template *template = builder_template_at(service.builder, id);
    struct report *report = report_new();
    struct template_report *known = report_alloc(report, sizeof(*known));
    template->misses = 5 * commands;
    template->first_ns = 1;
    template->last_ns = 20 * BUILDER_S;
    builder_verb_at(service.builder, builder_verb(service.builder, "GET"))->calls = 10 * commands;
    service.tag = LK_TAG(LK_OUTCOME_MISS, id);
    for (unsigned step = 0; step < STEPS; step++) {
        service.now = 20.0 * step / STEPS;
        service_follow(&service, &(struct load){floor(service.now / 2) * 2 + 0.5, 0.3, 60 * MIB});
    }
    known->name = "llm:<number>";
    known->ttl_median = ttl_seconds;
    g_ptr_array_add(report->cache.templates, known);
    size_t size;
    uint8_t *bytes = builder_bytes(service.builder, &size);
    GPtrArray *captures = g_ptr_array_new();
    struct symbols *symbols = symbols_new(report);
    struct capture *capture = capture_open_memory(bytes, size, "memory", NULL);
    for (int process = 0; process < 2; process++)
        g_ptr_array_add(captures, capture); /* two that do the same */
    find_spikes(report, symbols, captures, NULL);
    symbols_free(symbols);
    g_ptr_array_free(captures, TRUE);
    capture_free(capture);
    g_free(bytes);
    report_free(service_report(&service));
    return report;
}

static void spikes_are_tied_to_outcomes_and_expiry(void **state)
{
    (void)state;
    struct report *report = run_tagged(40, 3600), *expiring = run_tagged(40, 2);
    assert_int_equal(report->findings->len, 1);
    const struct finding *finding = g_ptr_array_index(report->findings, 0);
    assert_string_equal(finding->template_name, "llm:<number>");
    assert_string_equal(finding->spike->outcome, "miss");
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_non_null(strstr(finding->message, "Live memory spikes by 60 MiB every 2.00 s (20 times, "
                                             "in 2 processes): 100 % of it is allocated in "));
    assert_non_null(strstr(finding->message, ", after misses of llm:<number>"));
    assert_null(strstr(finding->remedy, "TTL"));
    assert_non_null(strstr(spike_of(expiring)->remedy, "spread the expiry of llm:<number>"));
    report_free(report);
    report_free(expiring);
}

static void the_work_of_a_request_or_two_is_not_called(void **state)
{
    (void)state;
    struct report *requests = run_tagged(4, 3600);
    assert_int_equal(requests->findings->len, 0);
    report_free(requests);
}

/* ---- Statistics ---- */

static void regularity_is_as_likely_as_simulated(void **state)
{
    (void)state;
    static const struct {
        unsigned gaps;
        double variation;
    } rows[] = {{2, 0.3}, {3, 0.3}, {4, 0.25}, {6, 0.35}};
    GRand *random = g_rand_new_with_seed(5);
    for (size_t r = 0; r < G_N_ELEMENTS(rows); r++) {
        unsigned regular = 0, runs = 200000;
        for (unsigned run = 0; run < runs; run++) {
            double sum = 0, squares = 0;
            for (unsigned i = 0; i < rows[r].gaps; i++) {
                double gap = -log(1 - g_rand_double(random));
                sum += gap;
                squares += gap * gap;
            }
            double mean = sum / rows[r].gaps;
            regular +=
                sqrt(MAX(squares / rows[r].gaps - mean * mean, 0)) <= rows[r].variation * mean;
        }
        double chance = spike_regular_chance(rows[r].gaps, rows[r].variation);
        assert_true(fabs(regular / (double)runs - chance) < 4 * sqrt(chance / runs));
    }
    g_rand_free(random);
    assert_true(spike_regular_chance(1, 0) >= 1);
    assert_true(spike_regular_chance(5, 3) <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_with_every_allocation),
        cmocka_unit_test(healthy_sampled),
        cmocka_unit_test(planted_spikes_are_found_and_measured),
        cmocka_unit_test(spikes_that_the_timeline_cannot_tell_apart_later),
        cmocka_unit_test(a_ring_that_lost_spikes_says_so),
        cmocka_unit_test(spikes_are_tied_to_outcomes_and_expiry),
        cmocka_unit_test(the_work_of_a_request_or_two_is_not_called),
        cmocka_unit_test(regularity_is_as_likely_as_simulated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
