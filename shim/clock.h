/*
 * CLOCK_MONOTONIC at the price of reading the processor's time-stamp counter: a thread asks the
 * system every 10 ms at the latest and counts ticks in between. Where the counter is not invariant
 * (or until its rate is known, some milliseconds after the start) it asks each time.
 */
#ifndef LK_CLOCK_H
#define LK_CLOCK_H

#include "thread.h"

void lk_clock_init(void);

/* Asks the system; returns the time. */
uint64_t lk_clock_ask(void);

static inline uint64_t lk_clock_ticks(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Nanoseconds since the capture's start; within one thread never less than before. Between lk_enter
 * and lk_leave. */
static inline uint64_t lk_clock_now(void)
{
    struct lk_clock *clock = &lk_self.clock;
    uint64_t ticks = lk_clock_ticks() - clock->ticks;
    clock->retold = 0;
    if (__builtin_expect(ticks >= clock->span, 0))
        return clock->told = lk_clock_ask();
    return clock->told = clock->ns + (ticks * clock->rate >> 32);
}

/* A time of this thread's that is at most some events old, and not before `least`: for a free,
 * whose moment matters less than what it would cost to know. */
#define LK_CLOCK_RETOLD_MOST 8u
static inline uint64_t lk_clock_lately(uint64_t least)
{
    struct lk_clock *clock = &lk_self.clock;
    if (__builtin_expect(clock->retold++ >= LK_CLOCK_RETOLD_MOST, 0))
        return lk_clock_now();
    return clock->told > least ? clock->told : least;
}

#endif
