/* Live replies and contexts. */
#include "cache/replies.h"

#include "cache/templates.h"
#include "capture/capture.h"
#include "heap/live.h"
#include "stack/site.h"
#include "thread.h"

static void count_live(uint32_t tag, uint64_t n)
{
    struct lk_template *record = lk_template_at(LK_TAG_TEMPLATE(tag));
    if (record)
        lk_add(&record->replies_live, n);
}

void lk_reply_given(const struct lk_layout *layout, const void *reply, uint32_t tag,
                    uint64_t time_ns)
{
    struct lk_live stale;
    if (!lk_live_insert(LK_LIVE_REPLY, (uintptr_t)reply, lk_reply_size(layout, reply), time_ns,
                        lk_site_here(), tag, &stale))
        return;
    if (stale.key)
        count_live(stale.tag, (uint64_t)-1);
    count_live(tag, 1);
}

void lk_reply_freed(const void *reply)
{
    struct lk_live entry;
    if (lk_live_remove(LK_LIVE_REPLY, (uintptr_t)reply, &entry))
        count_live(entry.tag, (uint64_t)-1);
}

/* A connect that fails gives a context too, with err set, and that has to be freed as well. */
static uint32_t connect_tag(const struct lk_layout *layout, const void *context)
{
    return LK_TAG(lk_field_int(context, layout->error) ? LK_OUTCOME_ERROR : LK_OUTCOME_OTHER, 0);
}

void lk_context_given(const struct lk_layout *layout, const void *context, bool asynchronous,
                      uint64_t time_ns)
{
    lk_live_insert(LK_LIVE_CONTEXT, (uintptr_t)context,
                   asynchronous ? layout->async_context_bytes : layout->context_bytes, time_ns,
                   lk_site_here(), connect_tag(layout, context), NULL);
}

void lk_context_reconnected(const struct lk_layout *layout, const void *context)
{
    lk_live_retag(LK_LIVE_CONTEXT, (uintptr_t)context, connect_tag(layout, context));
}

void lk_context_freed(const void *context)
{
    lk_live_remove(LK_LIVE_CONTEXT, (uintptr_t)context, NULL);
}
