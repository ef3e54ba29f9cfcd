/*
 * Hands out small numbers for names, from 1, without a lock: the number is taken, what it stands
 * for is written, and then the name's hash is tied to it; who comes second with the same name gives
 * the number back. Zeros are a valid beginning.
 */
#ifndef LK_CACHE_NAMES_H
#define LK_CACHE_NAMES_H

#include <stdint.h>

#define LK_NAMES_SLOTS 4096u

struct lk_names {
    uint64_t slots[LK_NAMES_SLOTS]; /* upper 48 bits of a hash, number */
    uint32_t count;                 /* numbers given out */
    uint32_t spare;                 /* one that was given back; 0: none */
};

/* The name's number; 0: it has none. */
uint32_t lk_names_find(const struct lk_names *names, uint64_t hash);
/* A number that is nobody's yet, at most `limit`; 0: there is none left. limit is at most
 * LK_NAMES_SLOTS / 2. */
uint32_t lk_names_take(struct lk_names *names, uint32_t limit);
/* Ties it to the name. Another number: that one was first, and this one is to be wiped and given
 * back. */
uint32_t lk_names_tie(struct lk_names *names, uint64_t hash, uint32_t number);
void lk_names_give_back(struct lk_names *names, uint32_t number);

#endif
