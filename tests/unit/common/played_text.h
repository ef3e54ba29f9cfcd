/*
 * For tests of the wire: a hash that adds up, byte by byte, in place of cache/text.c's. A test that
 * brings an lk_text_hash of its own must bring all of them.
 */
#ifndef LEAKEY_TESTS_PLAYED_TEXT_H
#define LEAKEY_TESTS_PLAYED_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define PLAYED_HASH_BEGIN 14695981039346656037u

/* The hash of what was hashed so far and these bytes. */
uint64_t played_hash(uint64_t hash, const void *text, size_t bytes);

#endif
