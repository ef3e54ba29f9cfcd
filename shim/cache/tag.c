/* Tags of the thread's allocations. */
#include "cache/tag.h"

#include <stdbool.h>

#include "cache/templates.h"
#include "capture/capture.h"
#include "heap/heap.h"
#include "thread.h"

void lk_tag_flush(void)
{
    struct lk_thread *t = &lk_self;
    uint32_t outcome = LK_TAG_OUTCOME(t->tag);
    struct lk_template *record = outcome >= LK_OUTCOME_HIT && outcome <= LK_OUTCOME_WRITE
                                     ? lk_template_at(LK_TAG_TEMPLATE(t->tag))
                                     : NULL;
    if (record && t->tag_allocated)
        lk_add(&record->allocated_bytes[outcome - LK_OUTCOME_HIT], t->tag_allocated);
    t->tag_allocated = 0;
}

void lk_tag_issued(uint32_t template_id, uint64_t command)
{
    lk_tag_flush();
    lk_self.tag = LK_TAG(LK_OUTCOME_PENDING, template_id);
    lk_self.tag_command = command;
    lk_self.pending_count = 0;
}

void lk_tag_settled(uint32_t tag, uint64_t command)
{
    struct lk_thread *t = &lk_self;
    bool awaited = LK_TAG_OUTCOME(t->tag) == LK_OUTCOME_PENDING &&
                   (t->tag_command == command || t->tag_command == LK_TAG_ANY);
    if (!awaited) { /* what was allocated so far is another command's */
        lk_tag_flush();
        t->pending_count = 0;
    }
    t->tag = tag;
    for (uint32_t i = 0; i < t->pending_count; i++)
        lk_heap_retag(~t->pending[i], tag);
    t->pending_count = 0;
}
