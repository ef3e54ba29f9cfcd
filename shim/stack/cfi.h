/*
 * Call frame information: how the caller of a frame is found, from the module's .eh_frame. Reads
 * mapped memory alone; takes no lock and allocates nothing, so it can run wherever malloc can.
 *
 * A rule is a function of the frame's address alone, as long as the module stays loaded. That is
 * what the stack cache (stack/cache.h) rests on.
 */
#ifndef LK_STACK_CFI_H
#define LK_STACK_CFI_H

#include <stdbool.h>
#include <stdint.h>

/* CFA: the stack pointer's value before the call that made the frame. The return address is always
 * at CFA - 8 in what is understood here. */
enum lk_rule_kind {
    LK_RULE_UNKNOWN = 0, /* none, or one that is not understood: ask the unwinder */
    LK_RULE_SP,          /* CFA = stack pointer + cfa_offset */
    LK_RULE_BP,          /* CFA = frame pointer + cfa_offset */
    LK_RULE_BP_DEREF,    /* CFA = what stands at frame pointer + cfa_offset (realigned stacks) */
    LK_RULE_SIGNAL,      /* the frame of a signal handler's caller */
    LK_RULE_END,         /* the outermost frame */
};

struct lk_rule {
    uint8_t kind;     /* enum lk_rule_kind */
    uint8_t bp_saved; /* the caller's frame pointer is: 0 unchanged, 1 at CFA + bp_offset, 2 at
                         frame pointer + bp_offset */
    int16_t bp_offset;
    int32_t cfa_offset;
};

struct lk_memory { /* where a module lies */
    const void *start, *end;
};

/* The rule of the FDE in `eh_frame_hdr` (a PT_GNU_EH_FRAME segment of the module) that covers the
 * instruction at `ip`. Whatever stands in there, nothing outside of the module is read. */
struct lk_rule lk_cfi_rule(const void *eh_frame_hdr, const struct lk_memory *module, uint64_t ip);

#endif
