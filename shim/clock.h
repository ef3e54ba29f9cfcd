/*
 * CLOCK_MONOTONIC at the price of reading a counter of the processor: a thread asks the
 * system every 10 ms at the latest and counts ticks in between. Where the counter is not steady
 * (or until its rate is known, some milliseconds after the start) it asks each time.
 */
#ifndef LK_CLOCK_H
#define LK_CLOCK_H

#include "capture/layout.h"
#include "machine.h"
#include "thread.h"

void lk_clock_init(void);

/* Asks the system; returns the time. */
uint64_t lk_clock_ask(void);

#define LK_CLOCK_RETOLD_MOST 8u

/* Nanoseconds since the capture's start; within one thread never less than before. Between lk_enter
 * and lk_leave. */
static inline uint64_t lk_clock_now(void)
{
    struct lk_clock *clock = &lk_self.clock;
    uint64_t ticks = lk_machine_ticks() - clock->ticks;
    uint64_t now = __builtin_expect(ticks >= clock->span, 0)
                       ? lk_clock_ask()
                       : clock->ns + (ticks * clock->rate >> 32);
    clock->retell = LK_CLOCK_RETOLD_MOST;
    return clock->told = now > clock->told ? now : clock->told;
}

/* The time of what goes on as something else that was just given lk_clock_now. */
static inline uint64_t lk_clock_again(void)
{
    return lk_self.clock.told;
}

/* A time of this thread's that is at most some events old, and not before `least` nor what it was
 * told before: for a free, whose moment matters less than what it would cost to know. */
static inline uint64_t lk_clock_lately(uint64_t least)
{
    struct lk_clock *clock = &lk_self.clock;
    if (clock->told < least)
        clock->told = least; /* another thread's time: ours follow it */
    if (__builtin_expect(clock->retell == 0, 0))
        return lk_clock_now();
    clock->retell--;
    return clock->told;
}

#endif
