/* Answers, gathered. */
#include "cache/seen.h"

#include "cache/text.h"

static uint64_t hash_of(const struct lk_value *value)
{
    return value->hash || !value->text ? value->hash : lk_text_hash(value->text, value->bytes);
}

static struct lk_part part_of(const struct lk_value *value, bool hashed)
{
    return (struct lk_part){
        .type = value->type,
        .integer = value->integer,
        .elements = value->elements,
        .bytes = value->bytes,
        .hash = hashed ? hash_of(value) : 0,
    };
}

/* -MOVED 3999 127.0.0.1:6381, -ASK ...: of a cluster. */
static bool is_redirection(const struct lk_value *value)
{
    return value->type == LK_REPLY_ERROR && value->text &&
           ((value->bytes > 6 && memcmp(value->text, "MOVED ", 6) == 0) ||
            (value->bytes > 4 && memcmp(value->text, "ASK ", 4) == 0));
}

void lk_seen_begin(struct lk_seen *seen, const struct lk_command_info *info, uint16_t flags,
                   const struct lk_value *value)
{
    *seen = (struct lk_seen){
        .answer = info->answer,
        .wanted = flags & LK_COMMAND_READ,
        .redirected = is_redirection(value),
    };
    seen->whole = part_of(value, seen->wanted);
}

void lk_seen_element(struct lk_seen *seen, const struct lk_value *value)
{
    bool named = seen->answer == LK_ANSWER_NAMED || seen->answer == LK_ANSWER_AWAITED;
    if (named && seen->count == 0)
        seen->first_hash = hash_of(value);
    if (named && seen->count >= 2) /* [key, member, score] */
        seen->element.bytes += value->bytes;
    else
        seen->element =
            part_of(value, seen->answer == LK_ANSWER_EACH || (named && seen->count == 1));
    seen->count++;
    seen->whole.nils += value->type == LK_REPLY_NIL;
    seen->whole.bytes += value->bytes;
}

void lk_seen_within(struct lk_seen *seen, const struct lk_value *value)
{
    seen->element.nils += value->type == LK_REPLY_NIL;
    seen->element.bytes += value->bytes;
    seen->whole.bytes += value->bytes;
}
