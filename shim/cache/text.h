/* Texts and hashes as a capture holds them: plain in text mode, keyed hashes in hash mode. */
#ifndef LK_CACHE_TEXT_H
#define LK_CACHE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* XXH3-64, in hash mode with the run's secret (getrandom; a child by fork keeps its parent's; never
 * written) and sealed. */
uint64_t lk_text_hash(const void *text, size_t bytes);
/* The same of a text that comes in pieces: begin, add each, end. */
struct lk_text_hasher {
    uint64_t state[72] __attribute__((aligned(64))); /* XXH3_state_t */
};
void lk_text_hash_begin(struct lk_text_hasher *hasher);
void lk_text_hash_add(struct lk_text_hasher *hasher, const void *text, size_t bytes);
uint64_t lk_text_hash_end(const struct lk_text_hasher *hasher);
/* In hash mode, keys a plain XXH3-64 fingerprint of a whole input. */
uint64_t lk_text_rekey(uint64_t fingerprint);

/* SipHash-2-4 of the word's 8 bytes, whose key nobody finds from what it gives (Aumasson and
 * Bernstein, 2012). Pure. */
uint64_t lk_text_seal(const uint64_t key[2], uint64_t word);

/* Hash mode: "<word-1a2b3c4d>", what stands for a text in this run; kind is at most 8 bytes. Writes
 * at most LK_PSEUDONYM_MAX bytes, returns how many. */
#define LK_PSEUDONYM_MAX 20u
size_t lk_text_pseudonym(const char *text, size_t bytes, const char *kind, char *out);

/* How many bytes lk_text_store will write for this text, and it writes them: the first LK_TEXT_MAX
 * bytes, or in hash mode an array of struct lk_token_hash of these. */
size_t lk_text_stored_bytes(const void *text, size_t bytes);
void lk_text_store(void *out, size_t stored_bytes, const void *text, size_t bytes);

#endif
