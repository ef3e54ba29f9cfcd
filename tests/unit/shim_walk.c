/* Walks by rules give libunwind's frames: through deep and odd stacks, signals, other stacks. */
// machine: x86-64
// links: shim/stack/walk.c shim/stack/rules.c shim/stack/cfi.c shim/sys.c shim/loader.c shim/dynamic.c
// libs: -Wl,--defsym=__ehdr_start=walk_image
#define _GNU_SOURCE
#include <alloca.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "stack/rules.h"
#include "stack/walk.h"
#include "sys.h"

/* The shim's own image begins here, by what is defined above: this program's code is the host's. */
extern char walk_image[];
char walk_image[16];

#define ROOM     400
#define NOINLINE __attribute__((noinline))
#define HERE     __asm__ volatile("" ::: "memory") /* what was called before it was no jump */

static int (*unwind)(void **frames, int room);

static struct lk_trace latest;
static bool whole;
static uint32_t compared, partial; /* stacks; of these, with a frame that no rule is known for */

static void compare(const struct lk_caller *from)
{
    void *frames[ROOM] = {NULL};
    int count = unwind(frames, ROOM), first = 0;
    while (first < count && (uint64_t)(uintptr_t)frames[first] != from->ip)
        first++;
    while (count > first && !frames[count - 1])
        count--;
    assert_true(first < count);
    whole = lk_walk(from, &latest);
    assert_true(latest.depth > 0 && latest.depth <= (uint32_t)(count - first));
    for (uint32_t i = 0; i < latest.depth; i++)
        assert_ptr_equal((void *)(uintptr_t)latest.frames[i], frames[first + (int)i]);
    partial += !whole;
    assert_int_equal(latest.cut, count - first > (int)LK_SITE_FRAMES_MAX);
    if (!latest.cut)
        assert_int_equal(latest.depth, count - first);
    for (uint32_t i = 0; latest.repeatable && i < latest.checks; i++)
        assert_int_equal(*(uint64_t *)(uintptr_t)latest.check[i].address, latest.check[i].value);
    compared++;
}

NOINLINE static void probe(void)
{
    struct lk_caller here = LK_CALLER_HERE();
    compare(&here);
    HERE;
}

static int set_up(void **state)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    (void)state;
    assert_non_null(library);
    *(void **)&unwind = dlsym(library, "unw_backtrace");
    assert_non_null(unwind);
    lk_rules_init();
    return 0;
}

/* ---- Chains ---- */

typedef void chain(uint32_t depth);
static chain plain, variable, realigned, large, through_libc;
static chain *const chains[] = {plain, variable, realigned, large, through_libc};
static uint32_t choices; /* which function comes next, two bits and a little at a time */

static void next(uint32_t depth)
{
    if (depth == 0)
        probe();
    else
        chains[choices / depth % (sizeof chains / sizeof *chains)](depth - 1);
    HERE;
}

static void use(void *memory)
{
    __asm__ volatile("" ::"r"(memory) : "memory");
}

NOINLINE static void plain(uint32_t depth)
{
    next(depth);
    HERE;
}

NOINLINE static void variable(uint32_t depth) /* its CFA is by the frame pointer */
{
    use(alloca(16 + depth % 7 * 40));
    next(depth);
    HERE;
}

NOINLINE static void realigned(uint32_t depth) /* its CFA is by what stands at the frame pointer */
{
    _Alignas(64) char local[128];
    use(local);
    use(alloca(16 + depth % 5 * 24));
    next(depth);
    use(local);
}

NOINLINE static void large(uint32_t depth)
{
    char local[9000];
    use(local);
    next(depth);
    use(local);
}

static uint32_t depth_below;

static int order(const void *a, const void *b)
{
    uint32_t depth = depth_below;
    (void)a, (void)b;
    if (depth != UINT32_MAX) {
        depth_below = UINT32_MAX;
        next(depth);
    }
    return 0;
}

NOINLINE static void through_libc(uint32_t depth)
{
    int pair[2] = {2, 1};
    depth_below = depth;
    qsort(pair, 2, sizeof *pair, order);
    HERE;
}

static void chains_of_all_kinds_are_walked(void **state)
{
    (void)state;
    compared = 0;
    for (uint32_t depth = 0; depth < 30; depth++)
        for (uint32_t i = 0; i < 40; i++) {
            choices = (i + 1) * 2654435761u;
            next(depth);
        }
    assert_int_equal(compared, 1200);
    assert_int_equal(partial, 0);
    assert_true(latest.repeatable);
}

NOINLINE static void recurse(uint32_t depth)
{
    if (depth == 0)
        probe();
    else
        recurse(depth - 1);
    HERE;
}

static void what_is_too_deep_is_cut(void **state)
{
    (void)state;
    probe();
    uint32_t outer = latest.depth;
    recurse(LK_SITE_FRAMES_MAX - outer - 10);
    assert_false(latest.cut);
    for (uint32_t depth = LK_SITE_FRAMES_MAX - outer - 5; depth < LK_SITE_FRAMES_MAX; depth++)
        recurse(depth);
    assert_true(latest.cut);
    assert_int_equal(latest.depth, LK_SITE_FRAMES_MAX);
    assert_int_equal(partial, 0);
}

/* ---- Signals ---- */

static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled++;
    variable(2);
    HERE;
}

static void signal_frames_are_walked_through(void **state)
{
    (void)state;
    stack_t other = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17}, kept;
    assert_non_null(other.ss_sp);
    assert_int_equal(sigaltstack(&other, &kept), 0);
    compared = 0;
    for (int on_other = 0; on_other < 2; on_other++) {
        struct sigaction action = {.sa_handler = handle, .sa_flags = on_other ? SA_ONSTACK : 0};
        assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
        for (int i = 0; i < 50; i++) {
            choices = (uint32_t)i * 2654435761u;
            raise(SIGUSR1);
        }
    }
    assert_int_equal(handled, 100);
    assert_int_equal(compared, 100);
    assert_int_equal(partial, 0);
    signal(SIGUSR1, SIG_DFL);
    sigaltstack(&kept, NULL);
    free(other.ss_sp);
}

/* ---- Stacks that are not the thread's ---- */

static ucontext_t main_context, coroutine;

static void on_own_stack(void)
{
    choices = 12345;
    next(6);
    HERE;
}

/* glibc's outermost frame there returns to the first byte of a function: no rule covers the byte
 * before it, so the walk may say that it knows no further. */
static void made_contexts_are_walked_to_their_end(void **state)
{
    (void)state;
    size_t bytes = 1 << 18;
    char *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(stack != MAP_FAILED);
    compared = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(getcontext(&coroutine), 0);
        coroutine.uc_stack = (stack_t){.ss_sp = stack, .ss_size = bytes};
        coroutine.uc_link = &main_context;
        makecontext(&coroutine, on_own_stack, 0);
        assert_int_equal(swapcontext(&main_context, &coroutine), 0);
    }
    assert_int_equal(compared, 10);
    assert_true(latest.depth >= 8 && latest.depth < 40);
    partial = 0;
    munmap(stack, bytes);
}

static void *in_thread(void *unused)
{
    choices = 777;
    next(10);
    return unused;
}

/* By glibc's unwinder here: libunwind's goodbye to a thread comes when ThreadSanitizer has said its
 * own. */
static void threads_are_walked_to_their_start(void **state)
{
    pthread_t thread;
    int (*kept)(void **, int) = unwind;
    (void)state;
    unwind = backtrace;
    compared = 0;
    assert_int_equal(pthread_create(&thread, NULL, in_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    unwind = kept;
    assert_int_equal(compared, 1);
    assert_true(whole);
}

/* ---- Callers that lie ---- */

/* A stack pointer into code that no module holds, a frame pointer to nowhere: no walk, no fault. */
static void wild_callers_give_no_stack(void **state)
{
    uint64_t *stack = calloc(2048, sizeof *stack);
    (void)state;
    assert_non_null(stack);
    struct lk_trace *trace = &latest;
    uint64_t sp = (uint64_t)(uintptr_t)&stack[16];
    struct lk_caller nowhere = {(uint64_t)(uintptr_t)stack, sp, 0};
    assert_false(lk_walk(&nowhere, trace));
    assert_int_equal(trace->depth, 1);
    /* `variable` goes by its frame pointer wherever it may point */
    uint64_t ip = (uint64_t)(uintptr_t)variable;
    for (uint64_t at = ip; at < ip + 64; at++)
        if (lk_rule_of_interrupt(at).kind == LK_RULE_BP)
            ip = at + 1;
    assert_int_equal(lk_rule_of_return(ip).kind, LK_RULE_BP);
    static const uint64_t wild[] = {0, 8, 1 << 20, UINT64_MAX - 7, UINT64_MAX, 1ull << 62};
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        struct lk_caller caller = {ip, sp, wild[i]};
        assert_false(lk_walk(&caller, trace));
        assert_int_equal(trace->depth, 1);
        assert_true(trace->starts_from_bp);
    }
    struct lk_caller below = {ip, sp, sp - 64}; /* down the stack is no way out either */
    assert_false(lk_walk(&below, trace));
    free(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_all_kinds_are_walked),
        cmocka_unit_test(what_is_too_deep_is_cut),
        cmocka_unit_test(signal_frames_are_walked_through),
        cmocka_unit_test(made_contexts_are_walked_to_their_end),
        cmocka_unit_test(threads_are_walked_to_their_start),
        cmocka_unit_test(wild_callers_give_no_stack),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
