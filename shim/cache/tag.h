/*
 * What an allocation belongs to: the thread's latest cache command, by template and outcome. The
 * bytes allocated under a tag are added to the template's when the tag changes. Between lk_enter
 * and lk_leave.
 */
#ifndef LK_CACHE_TAG_H
#define LK_CACHE_TAG_H

#include <stdint.h>

/* A command was issued whose outcome is pending; `command` is a number of its own in the process.
 */
void lk_tag_issued(uint32_t template_id, uint64_t command);

/* Of a pending tag that belongs to whatever is answered next. */
#define LK_TAG_ANY UINT64_MAX

/* A command's outcome is known: if it is the one that was issued last, what was allocated since is
 * of that, too. */
void lk_tag_settled(uint32_t tag, uint64_t command);

static inline uint64_t lk_tag_command(uint32_t connection, uint64_t sequence)
{
    return (uint64_t)connection << 40 ^ sequence;
}

void lk_tag_flush(void);

#endif
