/*
 * The unwind rule of an address, remembered. Lock-free; found without the loader's lock, by glibc's
 * _dl_find_object (2.35 and later). Without it every rule is unknown.
 */
#ifndef LK_STACK_RULES_H
#define LK_STACK_RULES_H

#include "stack/cfi.h"

void lk_rules_init(void);

/* The rule of the frame that a call returns to at `ip`. */
struct lk_rule lk_rule_of_return(uint64_t ip);
/* The rule of a frame that was interrupted at `ip`; not remembered. */
struct lk_rule lk_rule_of_interrupt(uint64_t ip);

/* What is remembered of stacks holds within one generation: dlclose begins another before and after
 * it unloads. */
extern uint64_t lk_rules_generation __attribute__((visibility("hidden")));
static inline uint64_t lk_rules_now(void)
{
    return __atomic_load_n(&lk_rules_generation, __ATOMIC_ACQUIRE);
}
void lk_rules_forget(void);

#endif
