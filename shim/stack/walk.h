/*
 * Walking the host's stack by remembered rules, and noting what the result depends on: which slots
 * hold what. As long as they do, the same walk would give the same frames.
 */
#ifndef LK_STACK_WALK_H
#define LK_STACK_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/layout.h"
#include "machine.h"

/* The frame that a walk begins in: where the call into the shim returns to, the stack pointer then,
 * and the frame pointer. */
struct lk_caller {
    uint64_t ip, sp, bp;
};

/* LK_CALLER_HERE is in machine.h. */
static inline struct lk_caller lk_caller_of(const void *frame)
{
    const uint64_t *slots = frame;
    return (struct lk_caller){slots[1], (uint64_t)(uintptr_t)(slots + 2), slots[0]};
}

#define LK_CHECKS_MAX 400u

struct lk_check {
    uint64_t address, value;
};

struct lk_trace {
    uint32_t depth, checks;
    bool cut;            /* there are more frames than there is room for */
    bool repeatable;     /* the checks tell whether the walk would be the same again */
    bool starts_from_bp; /* it also depends on the caller's frame pointer */
    uint64_t frames[LK_SITE_FRAMES_MAX];  /* innermost first, without the shim's own */
    struct lk_check check[LK_CHECKS_MAX]; /* in the order in which they may be looked at */
};

/* False: met a frame that it has no rule for; then the trace holds the frames up to there. */
bool lk_walk(const struct lk_caller *from, struct lk_trace *trace);

#endif
