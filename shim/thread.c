/* Per-thread state, and the door to the shim's own code. */
#define _GNU_SOURCE
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache/tag.h"
#include "capture/state.h"
#include "clock.h"
#include "config.h"
#include "heap/counts.h"
#include "heap/gauge.h"
#include "heap/heap.h"
#include "init.h"
#include "loader.h"
#include "stack/cache.h"
#include "sys.h"

__thread struct lk_thread lk_self __attribute__((tls_model("initial-exec")));

static pthread_key_t exit_key;
static int (*set_exit)(pthread_key_t key, const void *value); /* NULL: there is no key */

/* Rounds of thread-specific destructors that we let pass, so that ours comes after the host's. */
#define EXIT_ROUNDS 3

static void thread_exits(void *round)
{
    struct lk_thread *t = &lk_self;
    uintptr_t n = (uintptr_t)round;
    if (n < EXIT_ROUNDS && set_exit(exit_key, (void *)(n + 1)) == 0)
        return;
    t->depth++;
    t->late = 1;
    if (lk_state && t->generation && t->generation == lk_state->generation) {
        lk_thread_settle();
        lk_lane_give(t);
    }
    if (t->stacks)
        lk_stack_cache_give(t->stacks);
    t->stacks = NULL;
    t->depth--;
}

void lk_thread_settle(void)
{
    struct lk_thread *t = &lk_self;
    lk_tag_flush();
    lk_gauge_flush(t, lk_clock_now());
    lk_ring_park();
}

/* Before glibc 2.34 these are libpthread's, and a host without that has no threads that end. */
void lk_thread_init(void)
{
    int (*create)(pthread_key_t *, void (*)(void *)) =
        (int (*)(pthread_key_t *, void (*)(void *)))lk_loader.sym(RTLD_DEFAULT,
                                                                  "pthread_key_create");
    if (create && create(&exit_key, thread_exits) == 0)
        set_exit = (int (*)(pthread_key_t, const void *))lk_loader.sym(RTLD_DEFAULT,
                                                                       "pthread_setspecific");
}

static void attach(struct lk_thread *t)
{
    t->generation = lk_state->generation;
    t->index = __atomic_fetch_add(&lk_state->threads, 1, __ATOMIC_RELAXED);
    t->tid = (uint32_t)syscall(SYS_gettid);
    t->segment = NULL;
    t->position = 0;
    t->heap_segment = NULL;
    t->heap_position = LK_SEGMENT_ROOM;
    t->tag = 0;
    t->tag_allocated = 0;
    t->pending_count = 0;
    t->last_allocated = 0;
    memset(&t->clock, 0, sizeof t->clock);
    memset(&t->gauge, 0, sizeof t->gauge);
    if (t->stacks)
        lk_stack_cache_clear(t->stacks, lk_heap_every);
    lk_lane_take(t, !t->late);
    t->depth++;
    if (set_exit && !t->late)
        set_exit(exit_key, (void *)(uintptr_t)1);
    t->depth--;
}

void lk_nested(void)
{
    if (lk_state && lk_self.depth == LK_RECORDING &&
        __atomic_load_n(&lk_state->phase, __ATOMIC_RELAXED) == LK_PHASE_OPEN)
        lk_drop(LK_DROP_NESTED);
}

static bool ready(struct lk_thread *t)
{
    if (t->generation != lk_state->generation)
        attach(t);
    return true;
}

static bool records(void)
{
    uint32_t control = __atomic_load_n(&lk_state_header()->control, __ATOMIC_RELAXED);
    if (control & LK_CONTROL_OPEN)
        return !(control & LK_CONTROL_PAUSED);
    lk_capture_lost(); /* cut, and made longer again */
    return false;
}

static bool enter(bool patient)
{
    struct lk_thread *t = &lk_self;
    if (!lk_state || t->depth) {
        lk_nested();
        return false;
    }
    t->depth = LK_RECORDING;
    t->saved_errno = errno;
    if ((__atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPEN ||
         lk_capture_open(patient)) &&
        records())
        return ready(t);
    lk_leave();
    return false;
}

bool lk_enter(void)
{
    return enter(false);
}

bool lk_enter_command(void)
{
    return enter(true);
}

bool lk_enter_existing(void)
{
    struct lk_thread *t = &lk_self;
    if (!lk_state || t->depth ||
        __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) != LK_PHASE_OPEN)
        return false;
    t->depth = LK_RECORDING;
    t->saved_errno = errno;
    return ready(t);
}

void lk_leave(void)
{
    struct lk_thread *t = &lk_self;
    if (t->late && __atomic_load_n(&lk_state->phase, __ATOMIC_RELAXED) == LK_PHASE_OPEN)
        lk_thread_settle(); /* no destructor will come for it any more */
    errno = t->saved_errno;
    t->depth = 0;
}
