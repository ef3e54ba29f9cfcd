/* Bytes of the heap by template and outcome, from counters, live entries and leaks that the test
 * states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "common/cache_script.h"

static struct script build(void)
{
    struct builder *builder = builder_new();
    struct script script = {0};
    uint32_t site = builder_site(builder, (uint64_t[]){0x1010, 0x2020}, 2);
    uint32_t template = builder_template(builder, "k:<number>");

    script_miss(builder, 1, "k:1");
    script_set(builder, 2, "k:1", 0);
    script_hit(builder, 3, "k:1");
    script_hit(builder, 4, "k:1");
    builder_template_at(builder, template)->allocated_bytes[0] = 500;
    builder_template_at(builder, template)->allocated_bytes[1] = 7000;
    builder_live(builder, LK_LIVE_HEAP, 0x7000, 64, 1500000, site,
                 LK_TAG(LK_OUTCOME_MISS, template));
    builder_live(builder, LK_LIVE_HEAP, 0x8000, 32, 1600000, site,
                 LK_TAG(LK_OUTCOME_MISS, template));
    builder_live(builder, LK_LIVE_REPLY, 0x9000, 48, 1600000, site,
                 LK_TAG(LK_OUTCOME_MISS, template));
    builder_live(builder, LK_LIVE_HEAP, 0xa000, 16, 100, site, 0);
    script_save(&script, builder);
    script_analyse(&script);
    return script;
}

static void bytes_by_outcome(void **state)
{
    struct script script = build();
    struct leak_report leak = {.live_bytes = 48, .template_name = "k:<number>", .outcome = "miss"};
    const struct outcome_bytes *bytes;

    (void)state;
    script.report->heap.present = true;
    g_ptr_array_add(script.report->leaks, &leak);
    outcomes_model(script.report, script.model);
    bytes = ((const struct template_report *)g_ptr_array_index(script.report->cache.templates, 0))
                ->outcome_bytes;
    assert_true(bytes[0].allocated == 500 && bytes[0].kept == 0 && bytes[0].leaked == 0);
    assert_true(bytes[1].allocated == 7000 && bytes[1].kept == 96 && bytes[1].leaked == 48);
    assert_true(bytes[2].allocated == 0 && bytes[2].kept == 0 && bytes[2].leaked == 0);
    script_clear(&script);
}

static void unknown_without_a_heap(void **state)
{
    struct script script = build();
    const struct template_report *template;

    (void)state;
    outcomes_model(script.report, script.model);
    template = g_ptr_array_index(script.report->cache.templates, 0);
    assert_true(isnan(template->outcome_bytes[1].allocated) &&
                isnan(template->outcome_bytes[1].kept) && isnan(template->outcome_bytes[1].leaked));
    script_clear(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_by_outcome),
        cmocka_unit_test(unknown_without_a_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
