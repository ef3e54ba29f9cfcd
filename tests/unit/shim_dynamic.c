// What loaded modules refer to by name.
// links: shim/dynamic.c

#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dynamic.h"

struct sought {
    const char *file; /* part of its path; NULL: the program */
    struct dl_phdr_info module;
    bool found;
};

static int seek(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct sought *sought = context;
    (void)bytes;
    if (sought->file ? !strstr(module->dlpi_name, sought->file) : module->dlpi_name[0] != '\0')
        return 0;
    sought->module = *module;
    sought->found = true;
    return 1;
}

static struct dl_phdr_info module_of(const char *file)
{
    struct sought sought = {.file = file};
    dl_iterate_phdr(seek, &sought);
    assert_true(sought.found);
    return sought.module;
}

static void names_of_other_modules_functions_are_found(void **state)
{
    (void)state;
    struct dl_phdr_info program = module_of(NULL), cmocka = module_of("libcmocka");
    assert_true(lk_refers_to(&program, "dl_iterate_phdr"));
    assert_false(lk_refers_to(&program, "redisGetReply"));
    assert_false(lk_refers_to(&program, ""));
    assert_true(lk_refers_to(&cmocka, "vsnprintf") || lk_refers_to(&cmocka, "__vsnprintf_chk"));
    assert_false(lk_refers_to(&cmocka, "dl_iterate_phdr"));
}

struct bound {
    const char *name;
    const struct dl_phdr_info *module;
    const void *address;
    int count;
};

static bool note_bound(const struct lk_reference *reference, void *context)
{
    struct bound *bound = context;
    if (strcmp(reference->name, bound->name) == 0) {
        bound->count++;
        bound->address = *reference->slot;
        assert_true(lk_module_holds(bound->module, reference->slot));
    }
    return true;
}

static void the_slot_holds_the_address_once_it_is_bound(void **state)
{
    (void)state;
    struct dl_phdr_info program = module_of(NULL);
    struct bound bound = {.name = "dladdr", .module = &program};
    Dl_info info;
    assert_true(dladdr((void *)(uintptr_t)program.dlpi_addr, &info) != 0);
    lk_references(&program, note_bound, &bound);
    assert_true(bound.count >= 1);
    assert_ptr_equal(bound.address, dlsym(RTLD_DEFAULT, "dladdr"));
}

static bool stop_at_once(const struct lk_reference *reference, void *context)
{
    (void)reference;
    ++*(int *)context;
    return false;
}

static void a_visitor_that_has_enough_is_called_no_more(void **state)
{
    (void)state;
    struct dl_phdr_info program = module_of(NULL);
    int calls = 0;
    lk_references(&program, stop_at_once, &calls);
    assert_int_equal(calls, 1);
}

static void an_extent_holds_what_lies_in_the_module_and_nothing_else(void **state)
{
    (void)state;
    struct dl_phdr_info program = module_of(NULL), libc = module_of("libc.so");
    uintptr_t start, end;
    lk_module_extent(&libc, &start, &end);
    assert_true(start < (uintptr_t)dlsym(RTLD_DEFAULT, "hcreate_r"));
    assert_true(end > (uintptr_t)dlsym(RTLD_DEFAULT, "hcreate_r"));
    assert_true(lk_module_holds(&libc, dlsym(RTLD_DEFAULT, "hcreate_r")));
    assert_false(lk_module_holds(&program, dlsym(RTLD_DEFAULT, "hcreate_r")));
    assert_false(lk_module_holds(&libc, &start));
    assert_true(lk_module_at(start));
    assert_false(lk_module_at(start + 4096));
    assert_false(lk_module_at(0));
}

static void entries_of_the_dynamic_section_are_told(void **state)
{
    (void)state;
    struct dl_phdr_info cmocka = module_of("libcmocka");
    assert_true(lk_dynamic_has(&cmocka, DT_SONAME));
    assert_false(lk_dynamic_has(&cmocka, DT_RPATH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_other_modules_functions_are_found),
        cmocka_unit_test(the_slot_holds_the_address_once_it_is_bound),
        cmocka_unit_test(a_visitor_that_has_enough_is_called_no_more),
        cmocka_unit_test(an_extent_holds_what_lies_in_the_module_and_nothing_else),
        cmocka_unit_test(entries_of_the_dynamic_section_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
