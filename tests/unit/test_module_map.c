/* Modules by address and epoch: libraries that came after each other at one place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/module_map.h"

struct span {
    uint64_t start, end;
    uint32_t first_epoch, last_epoch;
    const char *path, *build_id;
};

static GArray *modules_of(const struct span *spans, size_t count)
{
    GArray *modules = g_array_new(FALSE, TRUE, sizeof(struct capture_module));
    for (size_t i = 0; i < count; i++) {
        struct capture_module module = {.start = spans[i].start,
                                        .end = spans[i].end,
                                        .bias = spans[i].start,
                                        .first_epoch = spans[i].first_epoch,
                                        .last_epoch = spans[i].last_epoch,
                                        .path = (char *)(uintptr_t)spans[i].path,
                                        .build_id = (char *)(uintptr_t)spans[i].build_id};
        g_array_append_val(modules, module);
    }
    return modules;
}

static const char *found(const struct span *spans, size_t count, uint64_t address, uint32_t epoch)
{
    GArray *modules = modules_of(spans, count);
    struct module_map *map = module_map_new(modules);
    const struct capture_module *module = module_map_find(map, address, epoch);
    const char *path = module == NULL ? "none" : module->path;
    module_map_free(map);
    g_array_free(modules, TRUE);
    return path;
}
#define FOUND(spans, address, epoch) found(spans, G_N_ELEMENTS(spans), address, epoch)

static void an_address_is_of_the_module_of_its_epoch(void **state)
{
    static const struct span spans[] = {
        {0x9000, 0xa000, 0, UINT32_MAX, "/exe", NULL}, {0x1000, 0x4000, 0, 2, "/first.so", NULL},
        {0x2000, 0x3000, 3, 5, "/second.so", NULL},    {0x2800, 0x5000, 6, 9, "/third.so", NULL},
        {0x1000, 0x4000, 12, 12, "/first.so", NULL},
    };
    (void)state;
    assert_string_equal(FOUND(spans, 0x2900, 0), "/first.so");
    assert_string_equal(FOUND(spans, 0x2900, 2), "/first.so");
    assert_string_equal(FOUND(spans, 0x2900, 3), "/second.so");
    assert_string_equal(FOUND(spans, 0x2900, 7), "/third.so");
    assert_string_equal(FOUND(spans, 0x2900, 12), "/first.so");
    assert_string_equal(FOUND(spans, 0x3000, 4), "none");
    assert_string_equal(FOUND(spans, 0x2900, 10), "none");
    assert_string_equal(FOUND(spans, 0x9fff, 10), "/exe");
    assert_string_equal(FOUND(spans, 0xa000, 10), "none");
    assert_string_equal(FOUND(spans, 0x0fff, 0), "none");
    assert_string_equal(found(NULL, 0, 0x2900, 0), "none");
}

/* Nobody told the shim when one went and the other came. */
static void where_two_could_be_meant_neither_is(void **state)
{
    static const struct span two[] = {{0x1000, 0x2000, 0, 4, "/first.so", "01"},
                                      {0x1000, 0x2000, 4, 9, "/second.so", "02"}};
    static const struct span again[] = {{0x1000, 0x2000, 0, 4, "/first.so", "01"},
                                        {0x1000, 0x2000, 4, 9, "/first.so", "01"}};
    static const struct span rebuilt[] = {{0x1000, 0x2000, 0, 4, "/first.so", "01"},
                                          {0x1000, 0x2000, 4, 9, "/first.so", "02"}};
    (void)state;
    assert_string_equal(FOUND(two, 0x1234, 3), "/first.so");
    assert_string_equal(FOUND(two, 0x1234, 4), "none");
    assert_string_equal(FOUND(two, 0x1234, 5), "/second.so");
    assert_string_equal(FOUND(again, 0x1234, 4), "/first.so");
    assert_string_equal(FOUND(rebuilt, 0x1234, 4), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_of_the_module_of_its_epoch),
        cmocka_unit_test(where_two_could_be_meant_neither_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
