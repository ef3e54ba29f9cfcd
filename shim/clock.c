/* The clock's rate, and the moments when a thread asks the system. */
#include "clock.h"

#include "capture/capture.h"
#include "sys.h"

#define SPAN_NS  10000000u /* ticks are trusted so long */
#define LEARN_NS 4000000u  /* so long a stretch gives their rate to 1e-5 or better */

/* The first moment, from which the rate is measured; ever longer, so ever better. */
static struct {
    bool steady;
    uint64_t ticks, ns;
} first;

void lk_clock_init(void)
{
    first.steady = lk_machine_ticks_steady();
    first.ticks = lk_machine_ticks();
    first.ns = lk_sys_monotonic_ns();
}

/* The latest time that was told by ticks. */
static uint64_t latest(const struct lk_clock *clock, uint64_t ticks)
{
    uint64_t past = ticks - clock->ticks;
    return clock->ns + ((past < clock->span ? past : clock->span) * clock->rate >> 32);
}

uint64_t lk_clock_ask(void)
{
    struct lk_clock *clock = &lk_self.clock;
    uint64_t ns = lk_sys_monotonic_ns(), ticks = lk_machine_ticks();
    uint64_t now = ns - lk_capture_header()->start_monotonic_ns, told = latest(clock, ticks);
    if (now < told)
        now = told; /* ticks were taken to be a little longer than they are */
    clock->ticks = ticks;
    clock->ns = now;
    clock->span = 0;
    if (first.steady && ticks > first.ticks && ns - first.ns >= LEARN_NS) {
        double ns_per_tick = (double)(ns - first.ns) / (double)(ticks - first.ticks);
        clock->rate = (uint64_t)(ns_per_tick * 0x1p32);
        clock->span = (uint64_t)(SPAN_NS / ns_per_tick);
    }
    return now;
}

uint64_t lk_now(void)
{
    return lk_clock_now();
}
