/* Hit, miss, write, error: by the answer. */
#include "cache/outcome.h"

static bool is_nil(const struct lk_layout *layout, const void *answer)
{
    return lk_reply_read(layout, answer).type == LK_REPLY_NIL;
}

/* Looks no further than the first element that is something: usually the first. */
static bool all_nil(const struct lk_layout *layout, const struct lk_reply *reply)
{
    for (size_t i = 0; i < reply->elements; i++)
        if (!is_nil(layout, reply->element[i]))
            return false;
    return true;
}

static bool is_aggregate(const struct lk_reply *reply)
{
    return reply->type == LK_REPLY_ARRAY || reply->type == LK_REPLY_MAP ||
           reply->type == LK_REPLY_SET;
}

#define ELEMENTS_MAX (1u << 16) /* whose bytes are added up */

static uint64_t value_bytes(const struct lk_layout *layout, const struct lk_reply *reply)
{
    uint64_t bytes = reply->bytes;
    for (size_t i = 0; i < reply->elements && i < ELEMENTS_MAX; i++) {
        struct lk_reply element = lk_reply_read(layout, reply->element[i]);
        bytes += element.bytes;
        for (size_t j = 0; j < element.elements && j < ELEMENTS_MAX; j++)
            bytes += lk_reply_read(layout, element.element[j]).bytes;
    }
    return bytes;
}

static bool is_miss(const struct lk_layout *layout, enum lk_answer answer,
                    const struct lk_reply *reply)
{
    if (reply->type == LK_REPLY_NIL)
        return true;
    switch (answer) {
    case LK_ANSWER_NIL:
        return false;
    case LK_ANSWER_EMPTY:
        return is_aggregate(reply) && !reply->elements;
    case LK_ANSWER_TEXT:
        return reply->text && !reply->bytes;
    default:
        return is_aggregate(reply) && all_nil(layout, reply);
    }
}

static void settle_read(struct lk_settled *settled, const struct lk_layout *layout,
                        enum lk_answer answer, const struct lk_reply *reply)
{
    if (is_miss(layout, answer, reply)) {
        settled->outcome = LK_OUTCOME_MISS;
        return;
    }
    settled->outcome = LK_OUTCOME_HIT;
    settled->value_bytes = value_bytes(layout, reply);
    if (reply->text)
        settled->text = (struct lk_slice){reply->text, reply->bytes};
}

#define EITHER  (LK_COMMAND_WRITE | LK_COMMAND_DELETE)
#define EFFECTS (EITHER | LK_COMMAND_EXPIRE | LK_COMMAND_SHRINK)

static void settle_effect(struct lk_settled *settled, const struct lk_pending *key,
                          const struct lk_reply *reply)
{
    const int64_t *integer = reply->type == LK_REPLY_INTEGER ? &reply->integer : NULL;
    bool done = lk_command_is_done(key->flags, key->details, reply->type == LK_REPLY_NIL, integer);
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
                         enum lk_answer answer, const struct lk_layout *layout,
                         const struct lk_reply *reply,
                         uint64_t (*key_hash_of)(const void *text, size_t bytes))
{
    if (reply->type == LK_REPLY_NIL && answer == LK_ANSWER_NAMED)
        settled->outcome = LK_OUTCOME_MISS;
    if (reply->elements < 2)
        return;
    struct lk_reply name = lk_reply_read(layout, reply->element[0]);
    struct lk_reply value = lk_reply_read(layout, reply->element[1]);
    if (name.text && key_hash_of(name.text, name.bytes) == key->key_hash)
        settle_read(settled, layout, answer, &value);
}

static void settle_answer(struct lk_settled *settled, const struct lk_pending *key,
                          const struct lk_layout *layout, struct lk_reply *reply,
                          uint64_t (*key_hash_of)(const void *text, size_t bytes))
{
    enum lk_answer answer = (enum lk_answer)lk_command_info_at(key->info)->answer;
    if (answer == LK_ANSWER_NAMED || answer == LK_ANSWER_AWAITED) {
        settle_named(settled, key, answer, layout, reply, key_hash_of);
        return;
    }
    if (answer == LK_ANSWER_EACH && is_aggregate(reply))
        *reply = lk_reply_read(
            layout, key->key_index < reply->elements ? reply->element[key->key_index] : NULL);
    if (reply->type)
        settle_read(settled, layout, answer, reply);
}

struct lk_settled lk_outcome_of(const struct lk_pending *key, const struct lk_layout *layout,
                                const void *answer,
                                uint64_t (*key_hash_of)(const void *text, size_t bytes))
{
    struct lk_settled settled = {.outcome = LK_OUTCOME_OTHER};
    struct lk_reply reply = lk_reply_read(layout, answer);
    if (reply.type == LK_REPLY_ERROR) {
        settled.outcome = LK_OUTCOME_ERROR;
        return settled;
    }
    settle_effect(&settled, key, &reply);
    if (key->flags & LK_COMMAND_READ)
        settle_answer(&settled, key, layout, &reply, key_hash_of);
    return settled;
}
