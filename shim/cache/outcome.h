/* What an answer says about a key that was asked for or written: spec section 1's hit and miss.
 * Pure. */
#ifndef LK_CACHE_OUTCOME_H
#define LK_CACHE_OUTCOME_H

#include "cache/abi.h"
#include "cache/commands.h"
#include "cache/pending.h"

struct lk_settled {
    enum lk_outcome outcome;
    bool written; /* the write was done */
    bool deleted;
    uint16_t flags;       /* enum lk_reply_flag */
    uint64_t value_bytes; /* of a hit */
    struct lk_slice text; /* of a hit of one string; NULL otherwise */
};

/* `key_hash_of` hashes a key as lk_pending.key_hash was (for answers that name a key). */
struct lk_settled lk_outcome_of(const struct lk_pending *key, const struct lk_layout *layout,
                                const void *answer,
                                uint64_t (*key_hash_of)(const void *text, size_t bytes));

#endif
