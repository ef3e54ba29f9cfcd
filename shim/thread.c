/* Per-thread state, and the door to the shim's own code. */
#define _GNU_SOURCE
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/state.h"
#include "config.h"
#include "init.h"
#include "sys.h"

__thread struct lk_thread lk_self __attribute__((tls_model("initial-exec")));

static pthread_key_t exit_key;
static bool exit_key_made;

/* Rounds of thread-specific destructors that we let pass, so that ours comes after the host's. */
#define EXIT_ROUNDS 3

static void thread_exits(void *round)
{
    struct lk_thread *t = &lk_self;
    uintptr_t n = (uintptr_t)round;
    if (n < EXIT_ROUNDS && pthread_setspecific(exit_key, (void *)(n + 1)) == 0)
        return;
    t->depth++;
    if (lk_state && t->generation == lk_state->generation)
        lk_ring_park();
    t->late = 1;
    t->depth--;
}

void lk_thread_init(void)
{
    exit_key_made = pthread_key_create(&exit_key, thread_exits) == 0;
}

static void attach(struct lk_thread *t)
{
    t->generation = lk_state->generation;
    t->index = __atomic_fetch_add(&lk_state->threads, 1, __ATOMIC_RELAXED);
    t->tid = (uint32_t)syscall(SYS_gettid);
    t->segment = NULL;
    t->position = 0;
    t->tag = 0;
    t->pending_count = 0;
    t->last_sampled = 0;
    if (exit_key_made && !t->late)
        pthread_setspecific(exit_key, (void *)(uintptr_t)1);
}

static bool ready(struct lk_thread *t)
{
    if (t->generation != lk_state->generation)
        attach(t);
    return true;
}

static bool enter(bool patient)
{
    struct lk_thread *t = &lk_self;
    if (!lk_state || t->depth) {
        if (lk_state && lk_state->phase == LK_PHASE_OPEN)
            lk_drop(LK_DROP_NESTED);
        return false;
    }
    t->depth = 1;
    t->saved_errno = errno;
    if ((__atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) == LK_PHASE_OPEN ||
         lk_capture_open(patient)) &&
        !(__atomic_load_n(&lk_capture_header()->control, __ATOMIC_RELAXED) & LK_CONTROL_PAUSED))
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
    t->depth = 1;
    t->saved_errno = errno;
    return ready(t);
}

void lk_leave(void)
{
    struct lk_thread *t = &lk_self;
    if (t->late && t->segment)
        lk_ring_park(); /* no destructor will come for it any more */
    errno = t->saved_errno;
    t->depth = 0;
}
