/* What an answer says about a key that was asked for or written: spec section 1's hit and miss.
 * Pure. */
#ifndef LK_CACHE_OUTCOME_H
#define LK_CACHE_OUTCOME_H

#include "cache/pending.h"
#include "cache/seen.h"
#include "capture/layout.h"

struct lk_settled {
    enum lk_outcome outcome;
    bool written; /* the write was done */
    bool deleted;
    uint16_t flags;       /* enum lk_reply_flag */
    uint64_t value_bytes; /* of a hit */
    uint64_t value_hash;  /* of a hit of one string; 0 otherwise */
};

/* Where an answer has an element for each key (LK_ANSWER_EACH), of the key whose element is the
 * latest one seen; of keys that have none, once the answer is complete. */
struct lk_settled lk_outcome_of(const struct lk_pending *key, const struct lk_seen *seen);

#endif
