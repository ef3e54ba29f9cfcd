/* SIGBUS: that of a capture which was cut is ours, any other the host's; and the wrappers of what
 * sets and tells its disposition. */
#define _GNU_SOURCE
#include "capture/cut.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/state.h"
#include "real.h"

/* What stands in the kernel's place of ours: the host's action. Two, so that the handler never
 * reads a half-written one. */
static struct sigaction host_actions[2];
static uint32_t host_action;
static uint32_t host_lock; /* only ever tried */

static void on_bus(int signal, siginfo_t *about, void *context);

static bool is_ours(const struct sigaction *action)
{
    return action->sa_sigaction == on_bus;
}

static const struct sigaction *host(void)
{
    return &host_actions[__atomic_load_n(&host_action, __ATOMIC_ACQUIRE)];
}

static void set_host(const struct sigaction *action)
{
    uint32_t next = !host_action;
    host_actions[next] = *action;
    __atomic_store_n(&host_action, next, __ATOMIC_RELEASE);
}

/* ---- The handler ---- */

static bool is_fault(const siginfo_t *about)
{
    return about->si_code == BUS_ADRALN || about->si_code == BUS_ADRERR ||
           about->si_code == BUS_OBJERR || about->si_code == BUS_MCEERR_AR;
}

static bool is_in_capture(const siginfo_t *about)
{
    const struct lk_state *state = lk_state;
    return state && is_fault(about) && state->base &&
           (uintptr_t)about->si_addr - (uintptr_t)state->base < state->mapped_bytes;
}

/* What the kernel would have done: a fault happens again once we return, anything else is sent
 * again. */
static void take_default(int signal, siginfo_t *about)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    LK_REAL(sigaction)(signal, &action, NULL);
    if (is_fault(about))
        return;
    long thread = syscall(SYS_gettid);
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, signal, about) != 0)
        syscall(SYS_tgkill, getpid(), thread, signal);
}

static void on_bus(int signal, siginfo_t *about, void *context)
{
    int kept = errno;
    if (is_in_capture(about) && lk_capture_lost()) {
        errno = kept;
        return;
    }
    struct sigaction action = *host();
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        take_default(signal, about);
        errno = kept;
        return;
    }
    if ((unsigned)action.sa_flags & SA_RESETHAND) {
        struct sigaction once = action;
        once.sa_handler = SIG_DFL;
        set_host(&once);
    }
    errno = kept;
    action.sa_sigaction(signal, about, context); /* one without SA_SIGINFO takes the first alone */
}

/* ---- In front of the host's ---- */

static struct sigaction front_of(const struct sigaction *action)
{
    struct sigaction front = *action;
    unsigned flags = (unsigned)action->sa_flags;
    front.sa_sigaction = on_bus;
    if (action->sa_handler == SIG_DFL) {
        sigemptyset(&front.sa_mask);
        flags = (flags & SA_RESTART) | SA_ONSTACK;
    }
    front.sa_flags = (int)((flags | SA_SIGINFO) & ~(unsigned)SA_RESETHAND);
    return front;
}

/* The kernel's answer is the truth: if another thread was faster, its action is the host's. */
static void step_in_front(void)
{
    struct sigaction now, before;
    if (LK_REAL(sigaction)(SIGBUS, NULL, &now) != 0)
        return;
    while (!is_ours(&now) && now.sa_handler != SIG_IGN) {
        struct sigaction front = front_of(&now);
        set_host(&now);
        if (LK_REAL(sigaction)(SIGBUS, &front, &before) != 0 || is_ours(&before) ||
            before.sa_sigaction == now.sa_sigaction)
            return;
        now = before;
    }
}

/* A child by vfork has its own dispositions, but our memory. */
void lk_cut_watch(void)
{
    if (lk_state->pid != (uint32_t)getpid() || !lk_try_lock(&host_lock))
        return;
    int kept = errno;
    step_in_front();
    errno = kept;
    lk_unlock(&host_lock);
}

static void changed(int signal)
{
    if (signal == SIGBUS && lk_state &&
        __atomic_load_n(&lk_state->phase, __ATOMIC_ACQUIRE) != LK_PHASE_STOPPED)
        lk_cut_watch();
}

/* ---- What sets it, and tells what it was ---- */

static int set_action(__typeof__(&sigaction) original, int signal, const struct sigaction *action,
                      struct sigaction *old)
{
    int status = original(signal, action, old);
    if (signal != SIGBUS || status != 0)
        return status;
    if (old && is_ours(old)) {
        int restarts = old->sa_flags & SA_RESTART; /* siginterrupt changes it in ours */
        *old = *host();
        old->sa_flags = (old->sa_flags & ~SA_RESTART) | restarts;
    }
    if (action)
        changed(signal);
    return status;
}

int sigaction(int signal, const struct sigaction *restrict action, struct sigaction *restrict old)
{
    if (!LK_REAL(sigaction))
        lk_real_init();
    return set_action(LK_REAL(sigaction), signal, action, old);
}

int __sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
    if (!LK_REAL(__sigaction))
        lk_real_init();
    return set_action(LK_REAL(__sigaction), signal, action, old);
}

/* The originals differ in the flags that they set, which is theirs to know. */
static lk_signal_handler set_handler(enum lk_symbol symbol, int signal, lk_signal_handler handler)
{
    if (!lk_real_table[symbol])
        lk_real_init();
    lk_signal_handler (*original)(int, lk_signal_handler) =
        (lk_signal_handler(*)(int, lk_signal_handler))(uintptr_t)lk_real_table[symbol];
    const struct sigaction told = signal == SIGBUS ? *host() : (struct sigaction){0};
    lk_signal_handler old = original(signal, handler);
    if (signal != SIGBUS)
        return old;
    changed(signal);
    return old == (lk_signal_handler)(uintptr_t)on_bus ? told.sa_handler : old;
}

#define SETS_HANDLER(name)                                        \
    lk_signal_handler name(int number, lk_signal_handler handler) \
    {                                                             \
        return set_handler(LK_SYMBOL_##name, number, handler);    \
    }
SETS_HANDLER(signal)
SETS_HANDLER(bsd_signal)
SETS_HANDLER(ssignal)
SETS_HANDLER(sysv_signal)
SETS_HANDLER(__sysv_signal)
SETS_HANDLER(sigset)
