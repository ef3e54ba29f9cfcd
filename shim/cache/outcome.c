/* Hit, miss, write, error: by the answer. */
#include "cache/outcome.h"

static void settle_read(struct lk_settled *settled, const struct lk_part *part)
{
    if (part->type == LK_REPLY_NIL ||
        (lk_is_aggregate(part->type) && part->nils == part->elements)) {
        settled->outcome = LK_OUTCOME_MISS;
        return;
    }
    settled->outcome = LK_OUTCOME_HIT;
    settled->value_bytes = part->bytes;
    settled->value_hash = part->hash;
}

/* A write that may be refused is when it answers nil, 0 or less. SET ... GET answers the old value
 * instead. */
static bool is_written(const struct lk_pending *key, const struct lk_part *part)
{
    if (!(key->flags & LK_COMMAND_CONDITIONAL))
        return true;
    if (key->details & LK_DETAIL_GET)
        return (part->type == LK_REPLY_NIL) == !!(key->details & LK_DETAIL_NX);
    return part->type != LK_REPLY_NIL && !(part->type == LK_REPLY_INTEGER && part->integer <= 0);
}

/* NULL: the answer says nothing of this key. */
static const struct lk_part *part_about(const struct lk_pending *key, const struct lk_seen *seen)
{
    switch ((enum lk_answer)seen->answer) {
    case LK_ANSWER_EACH:
        if (!lk_is_aggregate(seen->whole.type))
            return &seen->whole;
        return seen->count == key->key_index + 1u ? &seen->element : NULL;
    case LK_ANSWER_NAMED: /* or nil, when there was nothing within the time given */
        return seen->count >= 2 && seen->first_hash == key->key_hash ? &seen->element : NULL;
    default:
        return &seen->whole;
    }
}

struct lk_settled lk_outcome_of(const struct lk_pending *key, const struct lk_seen *seen)
{
    struct lk_settled settled = {.outcome = LK_OUTCOME_OTHER};
    if (seen->whole.type == LK_REPLY_ERROR) {
        if (!seen->redirected)
            settled.outcome = LK_OUTCOME_ERROR;
        return settled;
    }
    if (key->flags & LK_COMMAND_WRITE && is_written(key, &seen->whole)) {
        settled.written = true;
        settled.outcome = LK_OUTCOME_WRITE;
    }
    const struct lk_part *part = key->flags & LK_COMMAND_READ ? part_about(key, seen) : NULL;
    if (part && part->type)
        settle_read(&settled, part);
    settled.deleted = key->flags & LK_COMMAND_DELETE &&
                      (!(key->flags & LK_COMMAND_READ) || settled.outcome == LK_OUTCOME_HIT);
    return settled;
}
