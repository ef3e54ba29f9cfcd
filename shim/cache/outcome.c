/* Hit, miss, write, error: by the answer. */
#include "cache/outcome.h"

static bool is_miss(enum lk_answer answer, const struct lk_part *part)
{
    if (part->type == LK_REPLY_NIL)
        return true;
    switch (answer) {
    case LK_ANSWER_NIL:
        return false;
    case LK_ANSWER_EMPTY:
        return lk_is_aggregate(part->type) && !part->elements;
    case LK_ANSWER_TEXT:
        return part->type == LK_REPLY_STRING && !part->bytes;
    default:
        return lk_is_aggregate(part->type) && part->nils == part->elements;
    }
}

static void settle_read(struct lk_settled *settled, enum lk_answer answer,
                        const struct lk_part *part)
{
    if (is_miss(answer, part)) {
        settled->outcome = LK_OUTCOME_MISS;
        return;
    }
    settled->outcome = LK_OUTCOME_HIT;
    settled->value_bytes = part->bytes;
    settled->value_hash = part->hash;
}

#define EITHER  (LK_COMMAND_WRITE | LK_COMMAND_DELETE)
#define EFFECTS (EITHER | LK_COMMAND_EXPIRE | LK_COMMAND_SHRINK)

static void settle_effect(struct lk_settled *settled, const struct lk_pending *key,
                          const struct lk_part *part)
{
    const int64_t *integer = part->type == LK_REPLY_INTEGER ? &part->integer : NULL;
    bool done = lk_command_is_done(key->flags, key->details, part->type == LK_REPLY_NIL, integer);
    settled->written = key->flags & LK_COMMAND_WRITE && done;
    bool stored = (key->flags & EITHER) == EITHER;
    settled->deleted = key->flags & LK_COMMAND_DELETE && done != stored;
    if (stored && !done)
        settled->flags = LK_REPLIED_EMPTY;
    else if (key->flags & EFFECTS && !done)
        settled->flags = LK_REPLIED_REFUSED;
    if (settled->written)
        settled->outcome = LK_OUTCOME_WRITE;
}

/* [key, value...] of one of the keys, or nil when there is nothing. */
static void settle_named(struct lk_settled *settled, const struct lk_pending *key,
                         enum lk_answer answer, const struct lk_seen *seen)
{
    if (seen->whole.type == LK_REPLY_NIL && answer == LK_ANSWER_NAMED)
        settled->outcome = LK_OUTCOME_MISS;
    if (seen->count >= 2 && seen->first_hash == key->key_hash)
        settle_read(settled, answer, &seen->element);
}

static void settle_answer(struct lk_settled *settled, const struct lk_pending *key,
                          const struct lk_seen *seen)
{
    enum lk_answer answer = (enum lk_answer)seen->answer;
    const struct lk_part *part = &seen->whole;
    if (answer == LK_ANSWER_NAMED || answer == LK_ANSWER_AWAITED) {
        settle_named(settled, key, answer, seen);
        return;
    }
    if (answer == LK_ANSWER_EACH && lk_is_aggregate(part->type))
        part = seen->count == key->key_index + 1u ? &seen->element : NULL;
    if (part && part->type)
        settle_read(settled, answer, part);
}

struct lk_settled lk_outcome_of(const struct lk_pending *key, const struct lk_seen *seen)
{
    struct lk_settled settled = {.outcome = LK_OUTCOME_OTHER};
    if (seen->whole.type == LK_REPLY_ERROR) {
        if (seen->redirected)
            settled.flags = LK_REPLIED_REFUSED;
        else
            settled.outcome = LK_OUTCOME_ERROR;
        return settled;
    }
    settle_effect(&settled, key, &seen->whole);
    if (key->flags & LK_COMMAND_READ)
        settle_answer(&settled, key, seen);
    return settled;
}
