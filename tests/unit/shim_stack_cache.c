/* The verified stack cache: what it finds is true, whatever has happened to the stack since. */
// links: shim/stack/cache.c shim/stack/rules.c shim/stack/cfi.c shim/loader.c shim/dynamic.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/played_capture.h"
#include "stack/cache.h"

#define SLOTS 400u

static uint64_t slots[SLOTS]; /* the stack */
static struct lk_stack_cache *cache;

static int begin(void **state)
{
    (void)state;
    played_begin(1);
    cache = lk_stack_cache_take(false);
    memset(slots, 0, sizeof slots);
    return cache ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    lk_stack_cache_give(cache);
    played_end();
    return 0;
}

static uint64_t address_of(uint32_t slot)
{
    return (uint64_t)(uintptr_t)&slots[slot];
}

/* Learns a stack that depends on `count` slots from `first` on, `stride` apart. */
static struct lk_stack *learn(const struct lk_caller *from, uint32_t first, uint32_t count,
                              uint32_t stride, uint32_t site)
{
    struct lk_trace *trace = &cache->trace;
    trace->repeatable = true;
    trace->checks = count;
    for (uint32_t i = 0; i < count; i++)
        trace->check[i] =
            (struct lk_check){address_of(first + i * stride), slots[first + i * stride]};
    return lk_stack_cache_learn(cache, from, site);
}

static uint32_t found_site(const struct lk_caller *from)
{
    const struct lk_stack *stack = lk_stack_cache_find(cache, from);
    return stack ? stack->site : 0;
}

static void is_found_while_every_slot_holds(void **state)
{
    (void)state;
    const struct lk_caller from = {0x401000, address_of(0), 5};
    for (uint32_t i = 0; i < SLOTS; i++)
        slots[i] = i * 3;
    cache->trace.starts_from_bp = false;
    assert_int_equal(found_site(&from), 0);
    assert_non_null(learn(&from, 0, 100, 4, 7));
    assert_int_equal(found_site(&from), 7);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i]++;
        assert_int_equal(found_site(&from), i % 4 ? 7 : 0);
        slots[i]--;
    }
    assert_int_equal(found_site(&from), 7);
    assert_int_equal(found_site(&(struct lk_caller){from.ip + 1, from.sp, from.bp}), 0);
    assert_int_equal(found_site(&(struct lk_caller){from.ip, from.sp + 16, from.bp}), 0);
    assert_int_equal(found_site(&(struct lk_caller){from.ip, from.sp, 6}), 7);
}

static void the_frame_pointer_counts_where_the_walk_began_with_it(void **state)
{
    (void)state;
    const struct lk_caller from = {0x401000, address_of(0), 5},
                           other = {0x401000, address_of(0), 6};
    cache->trace.starts_from_bp = true;
    assert_non_null(learn(&from, 0, 10, 1, 7));
    assert_int_equal(found_site(&from), 7);
    assert_int_equal(found_site(&other), 0);
    assert_non_null(learn(&other, 0, 10, 1, 8));
    assert_int_equal(found_site(&from), 7);
    assert_int_equal(found_site(&other), 8);
}

/* The same innermost frame at the same place, called through different ones: both are kept. */
static void stacks_that_differ_further_out_are_apart(void **state)
{
    (void)state;
    const struct lk_caller from = {0x401000, address_of(0), 5};
    cache->trace.starts_from_bp = false;
    for (uint32_t way = 0; way < LK_STACK_WAYS; way++) {
        slots[90] = way;
        assert_int_equal(found_site(&from), 0);
        assert_non_null(learn(&from, 0, 100, 1, 10 + way));
    }
    for (uint32_t way = 0; way < LK_STACK_WAYS; way++) {
        slots[90] = way;
        assert_int_equal(found_site(&from), 10 + way);
    }
    slots[90] = 99;
    assert_non_null(learn(&from, 0, 100, 1, 30)); /* in the place of the oldest */
    assert_int_equal(found_site(&from), 30);
    slots[90] = 0;
    assert_int_equal(found_site(&from), 0);
}

static void other_rules_void_it(void **state)
{
    (void)state;
    const struct lk_caller from = {0x401000, address_of(0), 5};
    cache->trace.starts_from_bp = false;
    assert_non_null(learn(&from, 0, 10, 1, 7));
    lk_rules_forget();
    assert_int_equal(found_site(&from), 0);
    assert_non_null(learn(&from, 0, 10, 1, 8));
    assert_int_equal(found_site(&from), 8);
    lk_stack_cache_give(cache);
    cache = lk_stack_cache_take(false); /* the next thread begins with nothing */
    assert_int_equal(found_site(&from), 0);
}

static void what_cannot_be_repeated_or_is_too_long_is_not_kept(void **state)
{
    (void)state;
    const struct lk_caller from = {0x401000, address_of(0), 5};
    cache->trace.checks = 3;
    cache->trace.repeatable = false;
    assert_null(lk_stack_cache_learn(cache, &from, 7));
    assert_null(learn(&from, 0, SLOTS, 1, 7)); /* a small cache holds four such at the most */
    assert_int_equal(found_site(&from), 0);
}

/* ---- Against a model ---- */

struct kept {
    struct lk_caller from;
    uint32_t first, count, stride;
    bool starts_from_bp;
    uint64_t value[SLOTS];
};

#define STACKS 60000u

static bool holds(const struct kept *kept, const struct lk_caller *from)
{
    bool same = kept->from.ip == from->ip && kept->from.sp == from->sp &&
                (!kept->starts_from_bp || kept->from.bp == from->bp);
    for (uint32_t i = 0; same && i < kept->count; i++)
        same = slots[kept->first + i * kept->stride] == kept->value[i];
    return same;
}

/* Slots change a little between any two stacks, so that many come again, and many nearly. */
static void random_stacks(uint32_t rounds)
{
    struct kept *all = calloc(STACKS, sizeof *all);
    uint32_t next = 1, hits = 0;
    assert_non_null(all);
    for (uint32_t round = 0; round < rounds && next < STACKS; round++) {
        slots[played_random() % 20 * 20 + played_random() % 2] = played_random() % 2;
        struct lk_caller from = {0x401000 + played_random() % 6,
                                 address_of(played_random() % 3 * 20), played_random() % 2};
        const struct lk_stack *stack = lk_stack_cache_find(cache, &from);
        if (stack) {
            assert_true(stack->site > 0 && stack->site < next);
            assert_true(holds(&all[stack->site], &from));
            assert_null(stack->counts);
            hits++;
            continue;
        }
        struct kept *kept = &all[next];
        *kept = (struct kept){
            from, (uint32_t)(played_random() % 3 * 20), 0, 20, played_random() % 2, {0}};
        kept->count = (uint32_t)(played_random() % 18);
        for (uint32_t i = 0; i < kept->count; i++)
            kept->value[i] = slots[kept->first + i * kept->stride];
        cache->trace.starts_from_bp = kept->starts_from_bp;
        assert_non_null(learn(&from, kept->first, kept->count, kept->stride, next));
        assert_int_equal(found_site(&from), next);
        next++;
    }
    assert_true(next > 100 && hits > rounds / 50);
    free(all);
}

static void random_stacks_agree_with_a_model(void **state)
{
    (void)state;
    random_stacks(100000);
    assert_true(cache->head > 3 * cache->log_words); /* the log went round */
    cache->head = (1u << 31) - 5000;
    memset(cache->sets, 0, sizeof *cache->sets << cache->sets_bits);
    random_stacks(20000); /* and so did its positions */
    assert_true(cache->head < 1u << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_found_while_every_slot_holds, begin, end),
        cmocka_unit_test_setup_teardown(the_frame_pointer_counts_where_the_walk_began_with_it,
                                        begin, end),
        cmocka_unit_test_setup_teardown(stacks_that_differ_further_out_are_apart, begin, end),
        cmocka_unit_test_setup_teardown(other_rules_void_it, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_repeated_or_is_too_long_is_not_kept, begin,
                                        end),
        cmocka_unit_test_setup_teardown(random_stacks_agree_with_a_model, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
