/* Call stacks, interned: a stack is a site, and a site is a small number. */
#ifndef LK_STACK_SITE_H
#define LK_STACK_SITE_H

#include <stdint.h>

struct lk_site;

/* The site of the current call stack, without the shim's own frames; 0 when it cannot be had.
 * Between lk_enter and lk_leave. */
uint32_t lk_site_here(void);

/* Its record in the capture; NULL for 0. */
struct lk_site *lk_site_at(uint32_t id);

#endif
