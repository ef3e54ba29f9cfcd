/* The walk from frame to frame. */
#include "stack/walk.h"

#include <stddef.h>

#include "stack/rules.h"
#include "sys.h"

/* Where the frame pointer's value came from: to be checked only if a rule uses it. */
enum origin { ORIGIN_CALLER, ORIGIN_SLOT, ORIGIN_CHECKED };

struct walk {
    struct lk_trace *trace;
    uint64_t ip, sp, bp;
    uint64_t bp_slot;
    enum origin bp_origin;
    bool interrupted; /* ip is of a frame that a signal interrupted, not of a call */
};

static uint64_t load(uint64_t address)
{
    return *(const uint64_t *)(uintptr_t)address;
}

static void check(struct lk_trace *trace, uint64_t address, uint64_t value)
{
    if (trace->checks == LK_CHECKS_MAX)
        trace->repeatable = false;
    else
        trace->check[trace->checks++] = (struct lk_check){address, value};
}

static uint64_t use_bp(struct walk *w)
{
    if (w->bp_origin == ORIGIN_CALLER)
        w->trace->starts_from_bp = true;
    else if (w->bp_origin == ORIGIN_SLOT)
        check(w->trace, w->bp_slot, w->bp);
    w->bp_origin = ORIGIN_CHECKED;
    return w->bp;
}

/* What lies near the stack pointer can be read. Further off, a frame pointer may be none, where a
 * module's rules are wrong. */
#define NEAR_BYTES 4096u
static bool may_load(const struct walk *w, uint64_t address)
{
    return address - w->sp < NEAR_BYTES || lk_sys_readable(address);
}

/* To the frame whose stack pointer is at `cfa`: it must lie further up the same stack. */
static bool step_to(struct walk *w, struct lk_rule rule, uint64_t cfa)
{
    if (cfa <= w->sp || cfa % 8 != 0 || !may_load(w, cfa - 8))
        return false;
    w->ip = load(cfa - 8);
    check(w->trace, cfa - 8, w->ip);
    if (rule.bp_saved) {
        w->bp_slot = (rule.bp_saved == 2 ? use_bp(w) : cfa) + (uint64_t)(int64_t)rule.bp_offset;
        if (w->bp_slot < w->sp || w->bp_slot >= cfa || w->bp_slot % 8 != 0)
            return false;
        w->bp = load(w->bp_slot);
        w->bp_origin = ORIGIN_SLOT;
    }
    w->sp = cfa;
    w->interrupted = false;
    return true;
}

/* The registers that the kernel left there may change between two walks in ways that are not worth
 * noting. */
static bool step_over_signal(struct walk *w)
{
    w->trace->repeatable = false;
    w->bp_origin = ORIGIN_CHECKED;
    w->interrupted = true;
    return lk_machine_interrupted(&w->ip, &w->sp, &w->bp);
}

static bool step(struct walk *w, struct lk_rule rule)
{
    uint64_t slot;
    switch (rule.kind) {
    case LK_RULE_SP:
        return step_to(w, rule, w->sp + (uint64_t)(int64_t)rule.cfa_offset);
    case LK_RULE_BP:
        return step_to(w, rule, use_bp(w) + (uint64_t)(int64_t)rule.cfa_offset);
    case LK_RULE_BP_DEREF:
        slot = use_bp(w) + (uint64_t)(int64_t)rule.cfa_offset;
        if (slot < w->sp || slot % 8 != 0 || !may_load(w, slot))
            return false;
        check(w->trace, slot, load(slot));
        return step_to(w, rule, load(slot));
    case LK_RULE_SIGNAL:
        return step_over_signal(w);
    default:
        return false;
    }
}

bool lk_walk(const struct lk_caller *from, struct lk_trace *trace)
{
    struct walk w = {.trace = trace, .ip = from->ip, .sp = from->sp, .bp = from->bp};
    trace->depth = 0;
    trace->checks = 0;
    trace->cut = false;
    trace->repeatable = true;
    trace->starts_from_bp = false;
    while (w.ip) {
        if (!lk_sys_own((const void *)(uintptr_t)w.ip)) {
            if (trace->depth == LK_SITE_FRAMES_MAX) {
                trace->cut = true;
                return true;
            }
            trace->frames[trace->depth++] = w.ip;
        }
        struct lk_rule rule = w.interrupted ? lk_rule_of_interrupt(w.ip) : lk_rule_of_return(w.ip);
        if (rule.kind == LK_RULE_END)
            return true;
        if (!step(&w, rule))
            return false;
    }
    return true;
}
