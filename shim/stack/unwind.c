/* Walks the stack by libunwind, or by glibc's backtrace where there is none. */
#define _GNU_SOURCE
#include "stack/unwind.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>

#include "init.h"
#include "lookup.h"
#include "real.h"
#include "stack/unwinder.h"
#include "sys.h"
#include "thread.h"

typedef int walk_function(void **frames, int room);

#define OWN_FRAMES  12u /* the most that the shim has on the stack */
#define FRAMES_ROOM 256u
#define GATE_TRIES  2000

static walk_function *walk;
static bool fallback;

/* Who walks now, and whether a fork has closed the gate. In wiped memory: a child finds it open and
 * empty. */
static struct gate {
    uint32_t walking;
    uint32_t closed;
    uint32_t held; /* the fork handlers ran: in a child made by a raw system call they did not */
} * gate;
static bool in_strange_child;

static void before_fork(void)
{
    __atomic_store_n(&gate->closed, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < GATE_TRIES && __atomic_load_n(&gate->walking, __ATOMIC_SEQ_CST); i++)
        sched_yield();
    in_strange_child = __atomic_load_n(&gate->walking, __ATOMIC_SEQ_CST) != 0;
}

static void after_fork_in_parent(void)
{
    in_strange_child = false;
    __atomic_store_n(&gate->closed, 0, __ATOMIC_SEQ_CST);
}

/* The gate's memory is wiped, so it is open. If somebody was still walking, libunwind's locks may
 * be taken for good. */
static void after_fork_in_child(void)
{
    __atomic_store_n(&gate->held, 1, __ATOMIC_RELAXED);
    if (in_strange_child)
        walk = NULL;
}

static walk_function *load_libunwind(void)
{
    void *library =
        LK_REAL(dlopen) ? LK_REAL(dlopen)("libunwind.so.8", RTLD_NOW | RTLD_LOCAL) : NULL;
    void *function = library ? lk_look_up(library, "unw_backtrace") : NULL;
    return function && lk_unwinder_bind(function) ? (walk_function *)function : NULL;
}

void lk_unwind_init(void)
{
    void *frames[4];
    gate = lk_sys_memory_wiped(sizeof *gate);
    if (!gate)
        return;
    walk = load_libunwind();
    if (!walk) {
        fallback = true;
        walk = backtrace;
    }
    lk_forget_loader_error();
    walk(frames, 4); /* what it sets up, it sets up now */
    __atomic_store_n(&gate->held, 1, __ATOMIC_RELAXED);
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

bool lk_unwind_is_fallback(void)
{
    return fallback;
}

/* Our own frames are the innermost ones, and wrappers that a library's function was called by. */
static uint32_t keep_host_frames(void *const *all, int count, uint64_t *frames, uint32_t room,
                                 bool *cut)
{
    uint32_t kept = 0;
    for (int i = 0; i < count && kept < room; i++)
        if (all[i] && !lk_sys_own(all[i]))
            frames[kept++] = (uint64_t)(uintptr_t)all[i];
    *cut = kept == room;
    return kept;
}

uint32_t lk_unwind(uint64_t *frames, uint32_t room, bool *cut)
{
    void *all[FRAMES_ROOM];
    int count = 0;
    if (!gate || !walk || !__atomic_load_n(&gate->held, __ATOMIC_RELAXED))
        return 0; /* not set up, or a child by a raw fork: libunwind's locks may be taken */
    int kept = errno, before = lk_sys_no_cancel(); /* what it asks the system may be such a call */
    lk_self.depth++;
    __atomic_fetch_add(&gate->walking, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&gate->closed, __ATOMIC_SEQ_CST)) {
        uint32_t want = room + OWN_FRAMES < FRAMES_ROOM ? room + OWN_FRAMES : FRAMES_ROOM;
        count = walk(all, (int)want);
    }
    __atomic_fetch_sub(&gate->walking, 1, __ATOMIC_SEQ_CST);
    lk_self.depth--;
    lk_sys_cancel_again(before);
    errno = kept;
    return count > 0 ? keep_host_frames(all, count, frames, room, cut) : 0;
}
