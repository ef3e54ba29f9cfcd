/*
 * Replies and contexts as objects that the host must free: each is live from when it is handed over
 * until its free. Between lk_enter and lk_leave.
 */
#ifndef LK_CACHE_REPLIES_H
#define LK_CACHE_REPLIES_H

#include "cache/abi.h"

/* The host has been given this reply; `tag` says what it answered. */
void lk_reply_given(const struct lk_layout *layout, const void *reply, uint32_t tag,
                    uint64_t time_ns);
/* The host is about to free it. */
void lk_reply_freed(const void *reply);

/* A context is given when its connect returns, and connected anew by a later one; its tag says what
 * that came to. */
void lk_context_given(const struct lk_layout *layout, const void *context, bool asynchronous,
                      uint64_t time_ns);
void lk_context_reconnected(const struct lk_layout *layout, const void *context);
void lk_context_freed(const void *context);

#endif
