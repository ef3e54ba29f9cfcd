/*
 * What an allocation belongs to: the thread's latest cache command, by template and outcome. The
 * bytes allocated under a tag are added to the template's when the tag changes. Between lk_enter
 * and lk_leave.
 */
#ifndef LK_CACHE_TAG_H
#define LK_CACHE_TAG_H

#include <stdint.h>

/* A command was issued; its outcome is pending. */
void lk_tag_issued(uint32_t template_id);

/* Its outcome is known: what was allocated since it was issued is of that, too. */
void lk_tag_settled(uint32_t tag);

void lk_tag_flush(void);

#endif
