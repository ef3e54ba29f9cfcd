/*
 * Rules of engagement. This code lives in a stranger's process. It never changes a result, errno,
 * order or exit status; never waits; never allocates through the interposed functions; starts no
 * thread; and what it cannot record it counts. Everything that needs the loader, the environment or
 * libc's initialisation happens here, in the constructor, once. Before it has run, every wrapper
 * passes through.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "capture/state.h"
#include "clock.h"
#include "config.h"
#include "lookup.h"
#include "real.h"
#include "stack/rules.h"
#include "stack/site.h"
#include "sys.h"
#include "thread.h"

struct lk_state *lk_state;
static int said_no_state;

static void host_exits(int status, void *unused)
{
    (void)unused;
    lk_self.depth++;
    lk_capture_end(LK_END_EXIT, status);
    lk_self.depth--;
}

static void host_exits_quickly(void)
{
    host_exits(0, NULL);
}

/* Handlers run last registered first: registered before the host's, ours see the end of the host's.
 */
static void watch_exits(void)
{
    on_exit(host_exits, NULL);
    at_quick_exit(host_exits_quickly);
}

static __attribute__((constructor(101))) void lk_init(void)
{
    int kept = errno;
    lk_self.depth++;
    lk_real_init();
    lk_config_init();
    if (!lk_config.off)
        lk_config.off = lk_real_sanitized();
    lk_forget_loader_error(); /* what our own look-ups left there is not the host's */
    if (!lk_config.off) {
        lk_sys_init();
        struct lk_state *state = lk_sys_memory_wiped(sizeof *state); /* before all that is larger */
        lk_file_init();
        lk_thread_init();
        lk_clock_init();
        lk_rules_init();
        lk_unwind_init();
        if (getenv("LEAKEY_STACK_CHECK"))
            lk_site_check_all();
        if (lk_config.heap)
            lk_heap_init();
        if (lk_config.cache)
            lk_cache_init();
        watch_exits();
        if (!state)
            lk_sys_say_once(&said_no_state, "nothing is recorded", lk_sys_reason(ENOMEM));
        __atomic_store_n(&lk_state, state, __ATOMIC_RELEASE);
        if (lk_config.paused && state)
            lk_capture_open(false); /* it must exist to be told to go on */
    }
    lk_self.depth--;
    errno = kept;
}
