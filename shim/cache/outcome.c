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

static void settle_read(struct lk_settled *settled, const struct lk_layout *layout,
                        const struct lk_reply *reply)
{
    if (reply->type == LK_REPLY_NIL || (is_aggregate(reply) && all_nil(layout, reply))) {
        settled->outcome = LK_OUTCOME_MISS;
        return;
    }
    settled->outcome = LK_OUTCOME_HIT;
    settled->value_bytes = value_bytes(layout, reply);
    if (reply->text)
        settled->text = (struct lk_slice){reply->text, reply->bytes};
}

/* A write that may be refused is when it answers nil, 0 or less. SET ... GET answers the old value
 * instead. */
static bool is_written(const struct lk_pending *key, const struct lk_reply *reply)
{
    if (!(key->flags & LK_COMMAND_CONDITIONAL))
        return true;
    if (key->details & LK_DETAIL_GET)
        return (reply->type == LK_REPLY_NIL) == !!(key->details & LK_DETAIL_NX);
    return reply->type != LK_REPLY_NIL && !(reply->type == LK_REPLY_INTEGER && reply->integer <= 0);
}

/* [key, value] of one of the keys, or nil when there was nothing within the time given: no answer
 * about any key. */
static void settle_named(struct lk_settled *settled, const struct lk_pending *key,
                         const struct lk_layout *layout, const struct lk_reply *reply,
                         uint64_t (*key_hash_of)(const void *text, size_t bytes))
{
    if (reply->elements < 2)
        return;
    struct lk_reply name = lk_reply_read(layout, reply->element[0]);
    struct lk_reply value = lk_reply_read(layout, reply->element[1]);
    if (name.text && key_hash_of(name.text, name.bytes) == key->key_hash)
        settle_read(settled, layout, &value);
}

struct lk_settled lk_outcome_of(const struct lk_pending *key, const struct lk_layout *layout,
                                const void *answer,
                                uint64_t (*key_hash_of)(const void *text, size_t bytes))
{
    struct lk_settled settled = {.outcome = LK_OUTCOME_OTHER};
    const struct lk_command_info *info = lk_command_info_at(key->info);
    struct lk_reply reply = lk_reply_read(layout, answer);
    if (reply.type == LK_REPLY_ERROR) {
        settled.outcome = LK_OUTCOME_ERROR;
        return settled;
    }
    if (key->flags & LK_COMMAND_WRITE && is_written(key, &reply)) {
        settled.written = true;
        settled.outcome = LK_OUTCOME_WRITE;
    }
    if (key->flags & LK_COMMAND_READ && info->answer == LK_ANSWER_NAMED) {
        settle_named(&settled, key, layout, &reply, key_hash_of);
    } else if (key->flags & LK_COMMAND_READ) {
        if (info->answer == LK_ANSWER_EACH && is_aggregate(&reply))
            reply = lk_reply_read(
                layout, key->key_index < reply.elements ? reply.element[key->key_index] : NULL);
        if (reply.type)
            settle_read(&settled, layout, &reply);
    }
    settled.deleted = key->flags & LK_COMMAND_DELETE &&
                      (!(key->flags & LK_COMMAND_READ) || settled.outcome == LK_OUTCOME_HIT);
    return settled;
}
