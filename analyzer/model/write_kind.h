/* What kind of write a command is, in memcached's words, by its verb: for traces that tell them
 * apart. It stands in the highest bits of an access's flags, which no access_flag uses. */
#ifndef LEAKEY_MODEL_WRITE_KIND_H
#define LEAKEY_MODEL_WRITE_KIND_H

#include "model/cache.h"

/* SET with NX is ADD, and so it is with XX, which the capture does not tell from it. */
enum access_write {
    WRITE_SET,
    WRITE_ADD,
    WRITE_APPEND,
    WRITE_PREPEND,
    WRITE_INCR,
    WRITE_DECR,
    WRITE_KINDS
};
#define ACCESS_WRITE_SHIFT 13

/* As bits for an access's flags. `verbs` are its capture's. */
uint16_t write_kind_bits(const GArray *verbs, const struct lk_record_command *record);

/* Of one that is an ACCESS_WRITE. */
static inline enum access_write access_write_kind(const struct cache_access *access)
{
    return (enum access_write)(access->flags >> ACCESS_WRITE_SHIFT);
}

#endif
