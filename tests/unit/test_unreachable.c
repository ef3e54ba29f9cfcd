/* What a search's verdicts make of sites: leaks where nothing points to several blocks, surer ones
 * where something grew already, and none of what is reached, alone, or not judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/capture_builder.h"
#include "model/reachability.h"

#define BYTES 1000u

struct outcome {
    struct report *report;
    struct symbols *symbols;
    GPtrArray *captures;
};

static void free_capture(gpointer capture)
{
    capture_free(capture);
}

/* Finds leaks with these verdicts on the capture's live entries; NULL: without a search. Entries
 * are judged by their address: verdicts[address / 4096]. */
static struct outcome find(struct builder *builder, const uint8_t *verdicts)
{
    struct outcome outcome = {.report = report_new()};
    size_t bytes;
    uint8_t *image = builder_bytes(builder, &bytes);
    struct capture *capture = capture_open_memory(image, bytes, "memory", NULL);
    assert_non_null(capture);
    outcome.captures = g_ptr_array_new_with_free_func(free_capture);
    g_ptr_array_add(outcome.captures, capture);
    outcome.symbols = symbols_new(outcome.report);
    heap_model(outcome.report, outcome.symbols, outcome.captures);
    if (verdicts != NULL) {
        uint8_t *judged = report_alloc(outcome.report, capture->live->len + 1);
        for (guint i = 0; i < capture->live->len; i++)
            judged[i] =
                verdicts[g_array_index(capture->live, struct lk_live, i).key << 4 >> 16 & 255];
        g_ptr_array_add(outcome.report->verdicts, judged);
    }
    find_leaks(outcome.report, outcome.symbols, outcome.captures, NULL);
    g_free(image);
    builder_free(builder);
    return outcome;
}

static void release(struct outcome *outcome)
{
    symbols_free(outcome->symbols);
    report_free(outcome->report);
    g_ptr_array_free(outcome->captures, TRUE);
}

/* `count` blocks allocated at the start, at addresses 4096 * (first, first + 1, ..). */
static void add_blocks(struct builder *b, uint32_t site, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        builder_alloc(b, BUILDER_MS, (uint64_t)(first + i) << 12, BYTES, site, 0);
}

static const struct leak_report *leak_at(const struct report *report, guint i)
{
    assert_true(i < report->leaks->len);
    return g_ptr_array_index(report->leaks, i);
}

static void lost_blocks_that_do_not_grow_are_a_leak(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    uint32_t lost = builder_site(b, (uint64_t[]){0x1000}, 1);
    uint32_t held = builder_site(b, (uint64_t[]){0x2000}, 1);
    uint8_t verdicts[64];
    memset(verdicts, VERDICT_REACHED, sizeof(verdicts));
    add_blocks(b, lost, 1, 10);
    add_blocks(b, held, 20, 10);
    for (int i = 1; i <= 6; i++)
        verdicts[i] = i <= 2 ? VERDICT_DIRECT : VERDICT_INDIRECT;
    verdicts[10] = VERDICT_NONE; /* just born */
    struct outcome outcome = find(b, verdicts);
    const struct leak_report *leak = leak_at(outcome.report, 0);
    assert_int_equal(outcome.report->leaks->len, 1);
    assert_string_equal(leak->rule, "heap-leak");
    assert_true(leak->live_count == 6 && leak->live_bytes == 6 * BYTES && leak->exact);
    assert_true(isnan(leak->growth_bytes_per_second));
    assert_true(leak->confidence_ratio > 0.9 && leak->confidence_ratio <= 0.95);
    assert_true(leak->reach->judged_count == 9 && leak->reach->unreachable_count == 6 &&
                leak->reach->indirect_count == 4 && leak->reach->indirect_bytes == 4 * BYTES);
    const struct finding *finding = g_ptr_array_index(outcome.report->findings, 0);
    assert_non_null(strstr(finding->message, "that nothing points to"));
    assert_null(strstr(finding->message, "unknown"));
    release(&outcome);
}

static void one_block_and_no_block_are_none(void **state)
{
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        struct builder *b = builder_new();
        uint8_t verdicts[64];
        memset(verdicts, VERDICT_REACHED, sizeof(verdicts));
        add_blocks(b, builder_site(b, (uint64_t[]){0x1000}, 1), 1, 10);
        if (lost)
            verdicts[3] = VERDICT_DIRECT;
        struct outcome outcome = find(b, verdicts);
        assert_int_equal(outcome.report->leaks->len, 0);
        release(&outcome);
    }
}

static void what_was_not_searched_says_nothing(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    add_blocks(b, builder_site(b, (uint64_t[]){0x1000}, 1), 1, 10);
    struct outcome outcome = find(b, NULL);
    assert_int_equal(outcome.report->leaks->len, 0);
    assert_null(reachability_verdicts(outcome.report, 0));
    release(&outcome);
}

/* A leak by growth, of blocks that are lost, held or not searched for. */
static double confidence_of_growth(int verdict)
{
    struct builder *b = builder_new();
    uint32_t site = builder_site(b, (uint64_t[]){0x1000}, 1);
    static uint8_t verdicts[256];
    for (unsigned i = 0; i < 40; i++)
        builder_alloc(b, i * 250 * BUILDER_MS, (uint64_t)(i + 1) << 12, BYTES, site, 0);
    memset(verdicts, verdict, sizeof(verdicts));
    struct outcome outcome = find(b, verdict == VERDICT_NONE ? NULL : verdicts);
    const struct leak_report *leak = leak_at(outcome.report, 0);
    double confidence = leak->confidence_ratio;
    assert_int_equal(outcome.report->leaks->len, 1);
    assert_true(leak->growth_bytes_per_second > 0);
    assert_int_equal(leak->reach != NULL, verdict != VERDICT_NONE);
    release(&outcome);
    return confidence;
}

static void no_pointer_makes_growth_surer(void **state)
{
    (void)state;
    double alone = confidence_of_growth(VERDICT_NONE);
    assert_true(confidence_of_growth(VERDICT_REACHED) == alone);
    assert_true(confidence_of_growth(VERDICT_DIRECT) > alone || alone > 0.998);
}

static void lost_replies_and_connections_are_leaks_of_their_rules(void **state)
{
    (void)state;
    struct builder *b = builder_new();
    uint8_t verdicts[64];
    memset(verdicts, VERDICT_DIRECT, sizeof(verdicts));
    uint32_t reply = builder_site(b, (uint64_t[]){0x1000}, 1);
    uint32_t context = builder_site(b, (uint64_t[]){0x2000}, 1);
    for (unsigned i = 1; i <= 4; i++) {
        builder_live(b, LK_LIVE_REPLY, i << 12, 400, BUILDER_MS, reply, 0);
        builder_live(b, LK_LIVE_CONTEXT, (i + 10) << 12, 248, BUILDER_MS, context, 0);
    }
    struct outcome outcome = find(b, verdicts);
    assert_int_equal(outcome.report->leaks->len, 2);
    assert_string_equal(leak_at(outcome.report, 0)->rule, "reply-leak");
    assert_true(leak_at(outcome.report, 0)->live_bytes == 1600);
    assert_string_equal(leak_at(outcome.report, 1)->rule, "context-leak");
    release(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_blocks_that_do_not_grow_are_a_leak),
        cmocka_unit_test(one_block_and_no_block_are_none),
        cmocka_unit_test(what_was_not_searched_says_nothing),
        cmocka_unit_test(no_pointer_makes_growth_surer),
        cmocka_unit_test(lost_replies_and_connections_are_leaks_of_their_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
