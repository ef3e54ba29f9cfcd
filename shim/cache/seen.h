/*
 * What an answer says about the keys of its command, gathered from its values one after the other:
 * those of a redisReply that is walked, or those that come off the wire. Pure but for lk_text_hash.
 */
#ifndef LK_CACHE_SEEN_H
#define LK_CACHE_SEEN_H

#include "cache/abi.h"
#include "cache/commands.h"

struct lk_value { /* one value of an answer; its elements come after it, one deeper */
    int type;     /* enum lk_reply_type */
    int64_t integer;
    const char *text; /* NULL: it has none, or it is not to be had in one piece */
    size_t bytes;     /* of the whole text */
    uint64_t hash;    /* lk_text_hash of it; 0: not taken yet */
    uint64_t elements;
};

struct lk_part { /* a value, and what lies in it */
    int type;    /* 0: there is none */
    int64_t integer;
    uint64_t elements, nils; /* directly in it; nils: so far */
    uint64_t bytes;          /* of all texts so far */
    uint64_t hash;           /* of its one text; 0: it is no text, or nobody wants it */
};

struct lk_seen {
    struct lk_part whole;
    struct lk_part element; /* the latest one directly in it */
    uint64_t count;         /* of these so far */
    uint64_t first_hash;    /* of the first one's text, where that is a key's name */
    uint8_t answer;         /* enum lk_answer */
    bool wanted;            /* it was a read: what lies deeper matters */
    bool redirected;        /* the key is another server's: neither an answer nor an error */
};

/* Of a command of that kind (flags: enum lk_command_flag). */
void lk_seen_begin(struct lk_seen *seen, const struct lk_command_info *info, uint16_t flags,
                   const struct lk_value *value);
void lk_seen_element(struct lk_seen *seen, const struct lk_value *value);
/* Within the latest element. */
void lk_seen_within(struct lk_seen *seen, const struct lk_value *value);

static inline bool lk_is_aggregate(int type)
{
    return type == LK_REPLY_ARRAY || type == LK_REPLY_MAP || type == LK_REPLY_SET;
}

#endif
