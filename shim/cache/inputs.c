/*
 * The latest digests and their inputs: a ring of entries, a ring of text, and an index by a
 * digest's first 4 bytes. Nobody waits. A writer owns an entry while its sequence says so; a
 * reader copies, then looks whether the sequence is still what it was. Text may be overwritten
 * while it is copied: it counts only if the copy has the hash that the entry knows.
 */
#include "cache/inputs.h"

#define XXH_INLINE_ALL
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "cache/keydigest.h"
#include "cache/text.h"
#include "capture/capture.h"
#include "sys.h"

#define ENTRIES     16384u
#define BUCKETS     8192u
#define WAYS        8u /* a bucket is a cache line */
#define ARENA_BYTES (8u << 20)
#define WRITING     1u /* sequence of an entry that somebody writes; tickets are even */

struct input {
    uint8_t digest[LK_DIGEST_MAX];
    uint64_t fingerprint;
    uint64_t input_bytes;
    uint64_t text_at; /* count of arena bytes handed out before it */
    uint64_t text_hash;
    uint32_t text_bytes;
    uint16_t algorithm;
    uint16_t digest_bytes;
};
#define INPUT_WORDS (sizeof(struct input) / sizeof(uint64_t))
static_assert(sizeof(struct input) == INPUT_WORDS * sizeof(uint64_t), "copied by words");

struct entry {
    uint64_t sequence; /* ticket of the digest; 0 none yet */
    uint64_t words[INPUT_WORDS];
};

/* A slot of the index: the digest's first bytes << 32 | low half of its ticket; 0 free. */
struct inputs {
    uint64_t tickets; /* how many digests were remembered */
    uint64_t arena_used;
    uint64_t index[BUCKETS][WAYS] __attribute__((aligned(64)));
    struct entry entries[ENTRIES];
    char arena[ARENA_BYTES];
};

static void *place;

static struct inputs *existing(void)
{
    return __atomic_load_n(&place, __ATOMIC_RELAXED);
}

/* ---- Entries ---- */

static struct entry *entry_of(struct inputs *inputs, uint64_t ticket)
{
    return &inputs->entries[ticket / 2 % ENTRIES];
}

static uint64_t *bucket_of(struct inputs *inputs, uint32_t first_bytes)
{
    return inputs->index[(first_bytes * 0x9e3779b1u) >> 19];
}
static_assert(BUCKETS == 1u << (32 - 19), "bucket_of");

/* Copies the input of a slot: false when it is gone. */
static bool read_entry(struct inputs *inputs, uint64_t slot, struct input *input, uint64_t *ticket)
{
    struct entry *entry = entry_of(inputs, (uint32_t)slot);
    uint64_t words[INPUT_WORDS];
    *ticket = __atomic_load_n(&entry->sequence, __ATOMIC_ACQUIRE);
    if ((uint32_t)*ticket != (uint32_t)slot)
        return false;
    for (size_t i = 0; i < INPUT_WORDS; i++)
        words[i] = __atomic_load_n(&entry->words[i], __ATOMIC_ACQUIRE);
    memcpy(input, words, sizeof words);
    return __atomic_load_n(&entry->sequence, __ATOMIC_RELAXED) == *ticket;
}

/* False when another thread still writes the entry that this ticket would overwrite. */
static bool write_entry(struct inputs *inputs, uint64_t ticket, const struct input *input)
{
    struct entry *entry = entry_of(inputs, ticket);
    uint64_t words[INPUT_WORDS], before = __atomic_load_n(&entry->sequence, __ATOMIC_RELAXED);
    if (before == WRITING || !__atomic_compare_exchange_n(&entry->sequence, &before, WRITING, false,
                                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    memcpy(words, input, sizeof words);
    for (size_t i = 0; i < INPUT_WORDS; i++)
        __atomic_store_n(&entry->words[i], words[i], __ATOMIC_RELEASE);
    __atomic_store_n(&entry->sequence, ticket, __ATOMIC_RELEASE);
    return true;
}

/* Puts the ticket into the bucket, in place of its oldest. */
static void index_entry(struct inputs *inputs, uint32_t first_bytes, uint64_t ticket)
{
    uint64_t *bucket = bucket_of(inputs, first_bytes);
    size_t oldest = 0;
    uint32_t most = 0;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t slot = __atomic_load_n(&bucket[i], __ATOMIC_RELAXED);
        uint32_t age = slot ? (uint32_t)ticket - (uint32_t)slot : UINT32_MAX;
        if (age >= most) {
            most = age;
            oldest = i;
        }
    }
    __atomic_store_n(&bucket[oldest], (uint64_t)first_bytes << 32 | (uint32_t)ticket,
                     __ATOMIC_RELEASE);
}

/* ---- Remembering ---- */

/* Was the same digest of the same input remembered not long ago? Then it may stay where it is: the
 * inputs of hot keys do not push out all others. */
static bool is_fresh(struct inputs *inputs, uint32_t first_bytes, const struct input *input)
{
    uint64_t *bucket = bucket_of(inputs, first_bytes), ticket;
    struct input known;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t slot = __atomic_load_n(&bucket[i], __ATOMIC_ACQUIRE);
        if (!slot || slot >> 32 != first_bytes || !read_entry(inputs, slot, &known, &ticket))
            continue;
        uint64_t digests = __atomic_load_n(&inputs->tickets, __ATOMIC_RELAXED) - ticket / 2;
        uint64_t text = __atomic_load_n(&inputs->arena_used, __ATOMIC_RELAXED) - known.text_at;
        if (known.fingerprint == input->fingerprint && known.input_bytes == input->input_bytes &&
            known.digest_bytes == input->digest_bytes &&
            memcmp(known.digest, input->digest, sizeof known.digest) == 0 &&
            digests < ENTRIES / 2 && text < ARENA_BYTES / 2)
            return true;
    }
    return false;
}

/* Room for the text in one piece: where the arena ends, the rest of it is left out. */
static uint64_t reserve_text(struct inputs *inputs, uint32_t bytes)
{
    uint64_t rounded = (bytes + 7u) & ~7u;
    for (;;) {
        uint64_t at = __atomic_fetch_add(&inputs->arena_used, rounded, __ATOMIC_RELAXED);
        if (at % ARENA_BYTES + rounded <= ARENA_BYTES)
            return at;
    }
}

void lk_input_remember(enum lk_digest_algorithm algorithm, const void *digest, size_t digest_bytes,
                       uint64_t fingerprint, uint64_t input_bytes, const void *text,
                       size_t text_bytes)
{
    struct inputs *inputs = lk_sys_once_wiped(&place, sizeof *inputs);
    struct input input = {.fingerprint = fingerprint,
                          .input_bytes = input_bytes,
                          .text_bytes =
                              (uint32_t)(text_bytes < LK_TEXT_MAX ? text_bytes : LK_TEXT_MAX),
                          .algorithm = (uint16_t)algorithm};
    uint32_t first_bytes;
    if (!inputs || digest_bytes < sizeof first_bytes)
        return;
    input.digest_bytes = (uint16_t)(digest_bytes < LK_DIGEST_MAX ? digest_bytes : LK_DIGEST_MAX);
    memcpy(input.digest, digest, input.digest_bytes);
    memcpy(&first_bytes, digest, sizeof first_bytes);
    if (is_fresh(inputs, first_bytes, &input))
        return;
    input.text_at = reserve_text(inputs, input.text_bytes);
    char *copy = inputs->arena + input.text_at % ARENA_BYTES;
    memcpy(copy, text, input.text_bytes);
    input.text_hash =
        input.text_bytes == input_bytes ? fingerprint : XXH3_64bits(text, input.text_bytes);
    uint64_t ticket = 2 * (1 + __atomic_fetch_add(&inputs->tickets, 1, __ATOMIC_RELAXED));
    if (write_entry(inputs, ticket, &input))
        index_entry(inputs, first_bytes, ticket);
}

/* ---- Looking for a key's digest ---- */

struct lookup {
    struct inputs *inputs;
    struct input best;
    uint64_t ticket;
    size_t offset, bytes; /* within the key; 0 bytes: none found */
    uint16_t encoding;
};

static bool knows(void *context, uint32_t first_bytes)
{
    struct lookup *lookup = context;
    uint64_t *bucket = bucket_of(lookup->inputs, first_bytes);
    bool found = false;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t slot = __atomic_load_n(&bucket[i], __ATOMIC_RELAXED);
        found |= slot && slot >> 32 == first_bytes;
    }
    return found;
}

static void found_part(void *context, const struct lk_key_part *part)
{
    struct lookup *lookup = context;
    struct input input;
    uint64_t ticket;
    uint32_t first_bytes;
    memcpy(&first_bytes, part->value, sizeof first_bytes);
    uint64_t *bucket = bucket_of(lookup->inputs, first_bytes);
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t slot = __atomic_load_n(&bucket[i], __ATOMIC_ACQUIRE);
        if (!slot || slot >> 32 != first_bytes ||
            !read_entry(lookup->inputs, slot, &input, &ticket))
            continue;
        size_t bytes = lk_key_part_match(part, input.digest, input.digest_bytes);
        if (!bytes || bytes < lookup->bytes || (bytes == lookup->bytes && ticket < lookup->ticket))
            continue;
        lookup->best = input;
        lookup->ticket = ticket;
        lookup->offset = part->offset;
        lookup->bytes = bytes;
        lookup->encoding = part->encoding;
    }
}

/* Writes the record; its text is left out if it was overwritten before it was copied. */
static void write_record(const struct lookup *lookup, uint64_t key_hash, uint64_t time_ns)
{
    const struct input *input = &lookup->best;
    const char *text = lookup->inputs->arena + input->text_at % ARENA_BYTES;
    size_t stored = lk_text_stored_bytes(text, input->text_bytes);
    struct lk_record_input *record =
        lk_record_begin(LK_RECORD_INPUT, sizeof *record + stored, time_ns);
    if (!record)
        return;
    lk_text_store(record + 1, stored, text, input->text_bytes);
    bool whole = XXH3_64bits(text, input->text_bytes) == input->text_hash;
    record->key_hash = key_hash;
    record->fingerprint = lk_text_rekey(input->fingerprint);
    record->input_bytes = input->input_bytes;
    record->algorithm = input->algorithm;
    record->encoding = lookup->encoding;
    record->digest_offset = (uint16_t)lookup->offset;
    record->digest_bytes = (uint16_t)lookup->bytes;
    record->reserved = 0;
    record->text_bytes = whole ? (uint32_t)stored : 0;
    lk_record_end();
}

void lk_input_write(const void *key, size_t bytes, uint64_t key_hash, uint64_t time_ns)
{
    struct lookup lookup;
    lookup.inputs = existing();
    if (!lookup.inputs || !__atomic_load_n(&lookup.inputs->tickets, __ATOMIC_RELAXED))
        return;
    lookup.bytes = 0;
    lk_key_digests(
        key, bytes,
        &(struct lk_key_search){.knows = knows, .found = found_part, .context = &lookup});
    if (lookup.bytes)
        write_record(&lookup, key_hash, time_ns);
}
