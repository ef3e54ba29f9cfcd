/* Replies and contexts of hiredis, told to traffic.h. Between lk_enter and lk_leave, or the like.
 */
#ifndef LK_CACHE_HIREDIS_ANSWER_H
#define LK_CACHE_HIREDIS_ANSWER_H

#include "cache/traffic.h"

/* A redisReply, or what a reader of the host's own made, has come; NULL: it was thrown away. */
void lk_hiredis_reply(const struct lk_traffic *traffic, const void *reply);

/* The context has just been connected (is_new), or connected again. */
void lk_context_connected(const struct lk_traffic *traffic, bool is_new);
/* The context is about to be freed. */
void lk_context_closing(const struct lk_traffic *traffic);

/* lk_traffic.peer of a context. */
size_t lk_hiredis_peer(const struct lk_traffic *traffic, char *out, size_t room);

#endif
