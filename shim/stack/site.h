/* Call stacks, interned: a stack is a site, and a site is a small number. */
#ifndef LK_STACK_SITE_H
#define LK_STACK_SITE_H

#include <stdint.h>

#include <stdbool.h>
#include <stddef.h>

#include "stack/cache.h"
#include "thread.h"

#define LK_SITES_MAX (1u << 21)

struct lk_site;

/* For lk_stack_from alone: walks, or asks the unwinder; compares with the unwinder, and the header
 * counts. */
struct lk_stack *lk_stack_learn(const struct lk_caller *from);
void lk_site_check(uint32_t id);
extern bool lk_site_checking __attribute__((visibility("hidden")));

/* The stack of the caller: its site (0 when it cannot be had), and what the stack cache keeps with
 * it. Good until this thread's next. Between lk_enter and lk_leave. */
static inline struct lk_stack *lk_stack_from(const struct lk_caller *from)
{
    struct lk_stack *stack = lk_self.stacks ? lk_stack_cache_find(lk_self.stacks, from) : NULL;
    if (__builtin_expect(!stack, 0))
        stack = lk_stack_learn(from);
    if (__builtin_expect(lk_site_checking, 0))
        lk_site_check(stack->site);
    return stack;
}

/* The site of the current call stack, without the shim's own frames; 0 when it cannot be had.
 * Between lk_enter and lk_leave. */
uint32_t lk_site_here(void);

/* Its record in the capture; that of 0 takes what has no stack. NULL: no space for it. */
struct lk_site *lk_site_at(uint32_t id);

/* From now on every stack is compared with the unwinder's. From lk_init. */
void lk_site_check_all(void);

#endif
