/*
 * The template of a key: its text with the varying parts named, `llm:<sha256>`,
 * `resp:<model>:<uuid>`. Pure code that the shim and the analyzer share.
 *
 * Words and versions stay as they are, or have other names (--keys hash: `<word-1a2b3c4d>`,
 * `<version-1a2b3c4d>`, the same for the same word in this run). Then only a namespace stays: the
 * lower-case word that a key begins with, before a separator, and not if nothing but words follows.
 * By class: `<number>`, `<float>`, `<timestamp>`, `<uuid>`, `<random>`, `<address>`, `<binary>`. Hexadecimal by what its length says: `<md5>` 32, `<sha1>`
 * 40, `<sha224>` 56, `<sha256>` 64, `<sha384>` 96, `<sha512>` 128, else `<hex>`. `<model>` for
 * names of known model families (models.h). `<text>` for white space and what it joins, for words
 * over 32 bytes, and for all after the 24th part.
 *
 * Free text ends a template: at the first white space, or the beginning of a JSON or Python value,
 * all from the last : / | # = & ? or ; before it is `<text>` (`llm:What is 2:3?` gives
 * `llm:<text>`); the same with `<binary>` at the first byte that is no text.
 */
#ifndef LK_TEXT_TEMPLATE_H
#define LK_TEXT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lk_template_words { /* what becomes of words and versions; all zero: they stay */
    /* Asked for each: the hash of the template's text so far, and of the word. False: the word is
     * one of too many at this place, and is written `<text>`. */
    bool (*keeps)(void *context, uint64_t prefix_hash, uint64_t word_hash);
    void *context;
    /* Writes what stands in its place, at most LK_TEMPLATE_WORD bytes; returns how many. */
    size_t (*names)(const char *word, uint32_t bytes, bool is_version, char *out);
};
#define LK_TEMPLATE_WORD 32u

/* Writes the template of key[0..bytes) into out (at most room bytes, cut with "..." beyond),
 * returns its length. */
size_t lk_template(const char *key, size_t bytes, char *out, size_t room,
                   const struct lk_template_words *words);

#endif
