/* Replies and connections that nobody frees, among those that are merely held; and what the
 * findings say of leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/capture_analysis.h"
#include "common/capture_builder.h"
#include "model/heap.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* ten times slower */
#define SEEDS 3
#else
#define SEEDS 20
#endif

#define assert_near(a, b, within) assert_true(fabs((double)(a) - (double)(b)) <= (within))

/* A cache client: some commands' replies are never freed. */
struct client {
    struct builder *builder;
    GRand *random;
    uint64_t next_reply;
    uint32_t site;
    double now;
    unsigned misses, leaked;
};

static void command(struct client *client, bool hit, bool leaked)
{
    uint64_t now = (uint64_t)(client->now * 1e9);
    uint32_t outcome = hit ? LK_OUTCOME_HIT : LK_OUTCOME_MISS;
    builder_command(client->builder, &(struct builder_command){.time_ns = now,
                                                               .verb = "GET",
                                                               .key = hit ? "llm:1" : "llm:2",
                                                               .template_name = "llm:<number>",
                                                               .flags = LK_COMMAND_READ,
                                                               .outcome = outcome,
                                                               .site = client->site});
    client->misses += !hit;
    if (!leaked)
        return;
    client->leaked++;
    client->next_reply += 64;
    builder_live(client->builder, LK_LIVE_REPLY, client->next_reply, 64, now, client->site,
                 LK_TAG(outcome, builder_template(client->builder, "llm:<number>")));
}

typedef bool reply_shape(struct client *client, unsigned i, unsigned commands, bool hit);

static bool every_miss(struct client *client, unsigned i, unsigned commands, bool hit)
{
    (void)client, (void)i, (void)commands;
    return !hit;
}

static bool now_and_then(struct client *client, unsigned i, unsigned commands, bool hit)
{
    (void)i, (void)commands;
    return !hit && g_rand_double(client->random) < 0.05;
}

static bool never(struct client *client, unsigned i, unsigned commands, bool hit)
{
    (void)client, (void)i, (void)commands, (void)hit;
    return false;
}

static bool held_from_startup(struct client *client, unsigned i, unsigned commands, bool hit)
{
    (void)client, (void)hit;
    return i < commands / 20;
}

static bool still_in_flight(struct client *client, unsigned i, unsigned commands, bool hit)
{
    (void)client, (void)hit;
    return i + 30 > commands;
}

static bool cache_of_replies(struct client *client, unsigned i, unsigned commands, bool hit)
{
    (void)client, (void)hit;
    return i + commands / 4 > commands;
}

static bool favourites_and_the_latest(struct client *client, unsigned i, unsigned commands,
                                      bool hit)
{
    (void)hit;
    return i < commands / 50 || i + commands / 20 > commands ||
           g_rand_double(client->random) < 0.002;
}

static const struct {
    const char *name;
    reply_shape *is_leaked;
    bool leaks;
} reply_shapes[] = {
    {"every miss", every_miss, true},
    {"now and then", now_and_then, true},
    {"never", never, false},
    {"held from startup", held_from_startup, false},
    {"still in flight", still_in_flight, false},
    {"cache of replies", cache_of_replies, false},
    {"favourites and the latest", favourites_and_the_latest, false},
};

/* Idle for the first second; then commands come at an uneven pace. */
static struct report *run_client(reply_shape *is_leaked, guint32 seed, unsigned commands,
                                 double seconds, struct client *client)
{
    *client = (struct client){.builder = builder_new(),
                              .random = g_rand_new_with_seed(seed),
                              .next_reply = 0x5000,
                              .now = 1};
    client->site = builder_site(client->builder, (uint64_t[]){0x401100, 0x402000}, 2);
    for (unsigned i = 0; i < commands; i++) {
        double pace = i < commands / 2 ? 0.5 : 1.5;
        bool hit = g_rand_double(client->random) < 0.4;
        client->now += pace * seconds / commands;
        command(client, hit, is_leaked(client, i, commands, hit));
    }
    struct report *report = analyse_built(client->builder);
    builder_free(client->builder);
    g_rand_free(client->random);
    return report;
}

static void replies_that_leak_are_found_and_others_not(void **state)
{
    (void)state;
    static const struct {
        unsigned commands;
        double seconds;
    } runs[] = {{2000, 20}, {1000, 0.3}, {20000, 600}};
    unsigned wrong = 0;
    for (size_t r = 0; r < G_N_ELEMENTS(runs); r++)
        for (size_t i = 0; i < G_N_ELEMENTS(reply_shapes); i++) {
            unsigned found = 0;
            for (guint32 seed = 1; seed <= SEEDS; seed++) {
                struct client client;
                struct report *report = run_client(reply_shapes[i].is_leaked, seed,
                                                   runs[r].commands, runs[r].seconds, &client);
                found += report->leaks->len != 0;
                report_free(report);
            }
            if (found != (reply_shapes[i].leaks ? SEEDS : 0)) {
                print_error("%s in %u commands: %u of %d called a leak\n", reply_shapes[i].name,
                            runs[r].commands, found, SEEDS);
                wrong++;
            }
        }
    assert_int_equal(wrong, 0);
}

static void a_reply_for_each_miss_is_counted_exactly(void **state)
{
    (void)state;
    struct client client;
    struct report *report = run_client(every_miss, 7, 2000, 20, &client);
    assert_int_equal(report->leaks->len, 1);
    const struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
    assert_string_equal(leak->rule, "reply-leak");
    assert_string_equal(leak->template_name, "llm:<number>");
    assert_string_equal(leak->outcome, "miss");
    assert_true(leak->exact);
    assert_near(leak->live_count, client.misses, 0);
    assert_near(leak->live_bytes_interval[0], client.misses * 64.0, 0);
    assert_near(leak->live_bytes_interval[1], client.misses * 64.0, 0);
    assert_near(leak->count_per_command, 1, 0);
    assert_near(leak->bytes_per_command, 64, 0);
    assert_true(fabs(leak->growth_bytes_per_second / (client.misses * 64.0 / 20) - 1) < 0.3);
    assert_true(leak->confidence_ratio >= 0.99 && leak->confidence_ratio < 1);
    assert_int_equal(report->findings->len, 1);
    const struct finding *finding = g_ptr_array_index(report->findings, 0);
    assert_int_equal(finding->severity, SEVERITY_ERROR);
    assert_string_equal(finding->remedy, "call freeReplyObject on the nil branch too");
    assert_non_null(strstr(finding->message, "leaks one reply per miss of llm:<number>: 1,"));
    assert_ptr_equal(finding->leak, leak);
    assert_int_equal(finding->call_sites->len, 1);
    report_free(report);
}

/* The reply's blocks, allocated within the client library's call, grow too: that is the same leak.
 */
static void a_reply_leak_is_not_said_twice(void **state)
{
    (void)state;
    struct client client = {.builder = builder_new(), .next_reply = 0x5000};
    client.site = builder_site(client.builder, (uint64_t[]){0x401100, 0x402000}, 2);
    uint32_t inside =
        builder_site(client.builder, (uint64_t[]){0x900010, 0x900020, 0x401100, 0x402000}, 4);
    uint32_t elsewhere =
        builder_site(client.builder, (uint64_t[]){0x900010, 0x900020, 0x401200, 0x402000}, 4);
    for (unsigned i = 0; i < 2000; i++) {
        client.now = i / 100.0;
        uint64_t now = (uint64_t)(client.now * 1e9);
        builder_alloc(client.builder, now, 0x1000000 + i * 64, 48, inside, 0);
        if (i % 2 == 0)
            builder_alloc(client.builder, now, 0x2000000 + i * 64, 10, elsewhere, 0);
        command(&client, false, true);
    }
    struct report *report = analyse_built(client.builder);
    builder_free(client.builder);
    assert_int_equal(report->leaks->len, 2);
    const struct leak_report *first = g_ptr_array_index(report->leaks, 0);
    const struct leak_report *second = g_ptr_array_index(report->leaks, 1);
    assert_string_equal(first->rule, "reply-leak");
    assert_string_equal(second->rule, "heap-leak");
    assert_near(second->live_bytes, 10000, 0);
    report_free(report);
}

/* ---- Branches ---- */

/* A reply of that outcome on a template, leaked or not, from the one call site. */
static void answer(struct client *client, const char *template_name, uint32_t outcome, bool leaked)
{
    uint64_t now = (uint64_t)(client->now * 1e9);
    uint32_t id = builder_template(client->builder, template_name);
    builder_command(client->builder, &(struct builder_command){.time_ns = now,
                                                               .verb = "GET",
                                                               .key = template_name,
                                                               .template_name = template_name,
                                                               .flags = LK_COMMAND_READ,
                                                               .outcome = outcome,
                                                               .site = client->site});
    client->next_reply += 64;
    if (leaked)
        builder_live(client->builder, LK_LIVE_REPLY, client->next_reply, 64, now, client->site,
                     LK_TAG(outcome, id));
}

static const struct leak_report *leak_on(const struct report *report, const char *branch)
{
    for (guint i = 0; i < report->leaks->len; i++) {
        const struct leak_report *leak = g_ptr_array_index(report->leaks, i);
        if (g_strcmp0(leak->branch, branch) == 0)
            return leak;
    }
    return NULL;
}

static const struct finding *finding_of(const struct report *report, const struct leak_report *leak)
{
    for (guint i = 0; i < report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(report->findings, i);
        if (finding->leak == leak)
            return finding;
    }
    return NULL;
}

static struct client client_new(void)
{
    struct client client = {.builder = builder_new(), .next_reply = 0x5000};
    client.site = builder_site(client.builder, (uint64_t[]){0x401100, 0x402000}, 2);
    return client;
}

static void one_call_site_leaks_on_several_branches(void **state)
{
    (void)state;
    struct client client = client_new();
    for (unsigned i = 0; i < 2000; i++) {
        client.now = i / 100.0;
        answer(&client, "llm:<number>", LK_OUTCOME_HIT, false);
        answer(&client, "llm:<number>", LK_OUTCOME_MISS, i % 2 == 0);
        answer(&client, "llm:<number>", LK_OUTCOME_ERROR, i % 5 == 0);
        if (i % 700 == 350) /* too few to be a leak of their own, and still told */
            answer(&client, "llm:<number>", LK_OUTCOME_HIT, true);
    }
    builder_template_at(client.builder, 1)->errors = 400;
    struct report *report = analyse_built(client.builder);
    builder_free(client.builder);
    assert_int_equal(report->leaks->len, 2);
    const struct leak_report *miss = leak_on(report, "miss"), *error = leak_on(report, "error");
    assert_near(miss->live_count, 1000, 0);
    assert_string_equal(miss->outcome, "miss");
    assert_near(error->live_count, 400, 0);
    assert_null(error->outcome);
    assert_near(error->count_per_command, 1, 0);
    assert_ptr_equal(miss->branches, error->branches);
    static const struct leak_branch branches[] = {
        {"miss", 1000, 64000}, {"error", 400, 25600}, {"hit", 3, 192}};
    assert_int_equal(miss->branches->len, 3);
    for (guint i = 0; i < 3; i++) {
        const struct leak_branch *branch = &g_array_index(miss->branches, struct leak_branch, i);
        assert_string_equal(branch->name, branches[i].name);
        assert_near(branch->count, branches[i].count, 0);
        assert_near(branch->bytes, branches[i].bytes, 0);
    }
    const struct finding *finding = finding_of(report, error);
    assert_non_null(
        strstr(finding->message, "leaks one reply per error reply on llm:<number>: 400 "));
    assert_string_equal(finding->remedy,
                        "call freeReplyObject on the error branch too: an error reply is a reply");
    report_free(report);
}

/* Each branch, or each template, has too few; the call site has enough. */
static void few_on_each_branch_are_a_leak_together(void **state)
{
    (void)state;
    struct client client = client_new(), names = client_new();
    for (unsigned i = 0; i < 2000; i++) {
        static const uint32_t outcomes[] = {LK_OUTCOME_HIT, LK_OUTCOME_MISS, LK_OUTCOME_ERROR};
        char name[32];
        client.now = names.now = i / 100.0;
        answer(&client, "llm:<number>", outcomes[i / 170 % 3], i % 170 == 50);
        g_snprintf(name, sizeof(name), "t%u:<number>", i / 40 % 20);
        answer(&names, name, LK_OUTCOME_MISS, i % 40 == 20);
    }
    struct report *report = analyse_built(client.builder), *other = analyse_built(names.builder);
    builder_free(client.builder);
    builder_free(names.builder);
    assert_int_equal(report->leaks->len, 1);
    const struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
    assert_null(leak->branch);
    assert_null(leak->outcome);
    assert_near(leak->live_count, 12, 0);
    const struct finding *finding = finding_of(report, leak);
    assert_non_null(strstr(finding->message, "leaks replies: 12 replies (4 on "));
    assert_int_equal(other->leaks->len, 1);
    leak = g_ptr_array_index(other->leaks, 0);
    assert_string_equal(leak->outcome, "miss");
    assert_null(leak->template_name);
    assert_near(leak->live_count, 50, 0);
    assert_non_null(
        strstr(finding_of(other, leak)->message, "leaks replies on misses: 50 replies, "));
    report_free(report);
    report_free(other);
}

static void connections_that_are_never_closed(void **state)
{
    (void)state;
    for (int leaks = 0; leaks <= 1; leaks++) {
        struct client client = {.builder = builder_new()};
        uint32_t site = builder_site(client.builder, (uint64_t[]){0x401300, 0x402000}, 2);
        for (unsigned i = 0; i < 1000; i++) {
            client.now = 0.1 + i / 50.0;
            command(&client, i % 2 == 0, false);
            if (leaks ? i % 40 == 0 : i < 25) /* one now and then; or a pool at startup */
                builder_live(client.builder, LK_LIVE_CONTEXT, 0x7000 + i * 512, 256,
                             (uint64_t)(client.now * 1e9), site, 0);
        }
        struct report *report = analyse_built(client.builder);
        builder_free(client.builder);
        assert_int_equal(report->leaks->len, leaks);
        if (leaks) {
            const struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
            assert_string_equal(leak->rule, "context-leak");
            assert_near(leak->live_count, 25, 0);
            assert_null(leak->template_name);
            assert_true(isnan(leak->bytes_per_command));
        }
        report_free(report);
    }
}

/* The shim says of each context whether it ever connected. */
static void connections_that_failed_are_told_from_those_that_did_not(void **state)
{
    (void)state;
    struct client client = client_new();
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t outcome = i % 50 == 0 ? LK_OUTCOME_ERROR : LK_OUTCOME_OTHER;
        client.now = 0.1 + i / 50.0;
        answer(&client, "llm:<number>", LK_OUTCOME_HIT, false);
        if (i % 25 == 0)
            builder_live(client.builder, LK_LIVE_CONTEXT, 0x7000 + i * 512, 256,
                         (uint64_t)(client.now * 1e9), client.site, LK_TAG(outcome, 0));
    }
    struct report *report = analyse_built(client.builder);
    builder_free(client.builder);
    assert_int_equal(report->leaks->len, 2);
    const struct leak_report *failed = leak_on(report, "connect-failed");
    assert_near(failed->live_count, 20, 0);
    assert_near(leak_on(report, "connected")->live_count, 20, 0);
    assert_null(failed->outcome);
    const struct finding *finding = finding_of(report, failed);
    assert_non_null(strstr(finding->message, "leaks connections where connecting failed: 20 "));
    assert_non_null(strstr(finding->remedy, "where err is set"));
    report_free(report);
}

/* Blocks that are left behind after misses alone are told per miss. */
static void heap_leaks_are_tied_to_outcomes(void **state)
{
    (void)state;
    struct client client = {.builder = builder_new()};
    uint32_t site = builder_site(client.builder, (uint64_t[]){0x401400, 0x402000}, 2);
    for (unsigned i = 0; i < 2000; i++) {
        client.now = i / 100.0;
        bool hit = i % 4 != 0;
        command(&client, hit, false);
        if (!hit)
            builder_alloc(client.builder, (uint64_t)(client.now * 1e9), 0x1000000 + i * 4096, 3000,
                          site, LK_TAG(LK_OUTCOME_MISS, 1));
    }
    struct report *report = analyse_built(client.builder);
    builder_free(client.builder);
    assert_int_equal(report->leaks->len, 1);
    const struct leak_report *leak = g_ptr_array_index(report->leaks, 0);
    assert_string_equal(leak->template_name, "llm:<number>");
    assert_string_equal(leak->outcome, "miss");
    assert_near(leak->bytes_per_command, 3000, 0);
    assert_near(leak->count_per_command, 1, 0);
    report_free(report);
}

/* Hostile keys do not act on the terminal. */
static void messages_hold_no_control_characters(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    uint32_t site = builder_site(b, (uint64_t[]){0x401100}, 1);
    uint32_t template_id = builder_template(b, "k\x1b[31m\n:<number>");
    builder_template_at(b, template_id)->misses = 500;
    builder_template_at(b, template_id)->last_ns = 20 * BUILDER_S;
    for (unsigned i = 0; i < 500; i++)
        builder_live(b, LK_LIVE_REPLY, 0x5000 + i * 64, 64, i * (40 * BUILDER_MS), site,
                     LK_TAG(LK_OUTCOME_MISS, template_id));
    struct report *report = analyse_built(b);
    builder_free(b);
    assert_int_equal(report->findings->len, 1);
    const struct finding *finding = g_ptr_array_index(report->findings, 0);
    for (const char *at = finding->message; *at != '\0'; at++)
        assert_true((unsigned char)*at >= 0x20);
    report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_that_leak_are_found_and_others_not),
        cmocka_unit_test(a_reply_for_each_miss_is_counted_exactly),
        cmocka_unit_test(a_reply_leak_is_not_said_twice),
        cmocka_unit_test(one_call_site_leaks_on_several_branches),
        cmocka_unit_test(few_on_each_branch_are_a_leak_together),
        cmocka_unit_test(connections_that_are_never_closed),
        cmocka_unit_test(connections_that_failed_are_told_from_those_that_did_not),
        cmocka_unit_test(heap_leaks_are_tied_to_outcomes),
        cmocka_unit_test(messages_hold_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
