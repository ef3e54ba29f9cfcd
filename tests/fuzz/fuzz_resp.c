// Both directions of a connection under libFuzzer (`make fuzz`): the same bytes give the same
// commands and the same values, and are refused alike, however they are cut.
// links: shim/wire/sent.c shim/wire/received.c shim/cache/resp.c shim/cache/commands.c
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/commands.h"
#include "common/played_text.h"
#include "wire/received.h"
#include "wire/sent.h"

#define BYTEWISE   2000u  /* longer ones are cut in larger pieces alone: that is what takes time */
#define MOST_BYTES 60000u /* so that a command never fills a buffer: those are told by a part */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* ---- What was told: how often, and a hash of all of it ---- */

struct told {
    uint64_t count, hash, ends;
    uint32_t deepest; /* that anybody wants to hear of */
    bool good;
};

static void tell(struct told *told, uint64_t number)
{
    told->count++;
    told->hash = played_hash(told->hash ? told->hash : PLAYED_HASH_BEGIN, &number, sizeof number);
}

/* Of a long argument the beginning alone is there, but its length and its hash. */
static void tell_key(struct told *told, const struct lk_command_key *key)
{
    tell(told, key->hash ? key->hash : lk_text_hash(key->text.text, key->text.bytes));
    tell(told,
         lk_text_hash(key->text.text, key->text.bytes < LK_RESP_LONG_STORED ? key->text.bytes
                                                                            : LK_RESP_LONG_STORED));
    tell(told, key->whole_bytes);
    tell(told, key->value_hash);
    tell(told, key->value_bytes);
    tell(told, (uint64_t)key->ttl_ms);
    tell(told, key->flags);
}

static void commands(void *context, const char *bytes, size_t count)
{
    const char *end = bytes + count;
    struct lk_command command;
    while (bytes < end) {
        struct lk_command_key key;
        if (!lk_command_begin(&command, bytes, (size_t)(end - bytes)))
            abort(); /* what is told is whole commands */
        tell(context, command.name_hash);
        while (lk_command_next_key(&command, &key))
            tell_key(context, &key);
        bytes = lk_command_end(&command);
        if (!bytes)
            abort();
    }
}

static char *buffers[2];
static int buffers_out;

static char *take_buffer(void *context, uint32_t bytes)
{
    (void)context;
    buffers_out++;
    return buffers[bytes == LK_SENT_LARGE];
}

static void give_buffer(void *context, char *buffer)
{
    (void)context;
    (void)buffer;
    buffers_out--;
}

/* Of a text that came in pieces there is the hash, of a line the beginning. */
static bool value(void *context, uint32_t depth, const struct lk_value *value)
{
    struct told *told = context;
    bool is_line = value->type == LK_REPLY_STATUS || value->type == LK_REPLY_ERROR ||
                   value->type == LK_REPLY_DOUBLE || value->type == LK_REPLY_BIGNUM;
    uint64_t hash = value->hash;
    size_t bytes = value->bytes;
    if (value->text && is_line && bytes > LK_RECEIVED_LINE) {
        hash = 0; /* a bulk error's, too, for these are one type */
        bytes = value->type == LK_REPLY_ERROR ? LK_RECEIVED_LINE : bytes;
    } else if (value->text) {
        hash = lk_text_hash(value->text, value->bytes);
    }
    if (is_line && value->bytes >= LK_RECEIVED_LINE && value->type == LK_REPLY_ERROR)
        hash = 0, bytes = LK_RECEIVED_LINE;
    tell(told, depth);
    tell(told, (uint64_t)value->type);
    tell(told, (uint64_t)value->integer);
    tell(told, value->elements);
    tell(told, bytes);
    tell(told, hash);
    return depth < told->deepest;
}

static void end(void *context)
{
    struct told *told = context;
    told->ends++;
    tell(told, 0);
}

/* ---- The same bytes, cut in some way ---- */

struct cutting {
    uint64_t seed;
    size_t most; /* bytes of a piece; 0: all in one */
};

static size_t piece_of(struct cutting *cutting, size_t left)
{
    if (!cutting->most)
        return left;
    cutting->seed = cutting->seed * 6364136223846793005u + 1442695040888963407u;
    size_t part = 1 + (size_t)(cutting->seed >> 33) % cutting->most;
    return part < left ? part : left;
}

/* A piece in memory of its own, so that who looks beyond it is caught. */
static char *copy_of(const uint8_t *bytes, size_t count)
{
    char *copy = malloc(count ? count : 1);
    memcpy(copy, bytes, count);
    return copy;
}

static struct told send(const uint8_t *bytes, size_t size, struct cutting cutting, bool hold)
{
    struct told told = {.good = true};
    struct lk_sent_sink sink = {.commands = commands,
                                .take_buffer = take_buffer,
                                .give_buffer = give_buffer,
                                .context = &told};
    struct lk_sent sent;
    memset(&sent, 0, sizeof sent);
    for (size_t at = 0, part; at < size && told.good; at += part) {
        part = piece_of(&cutting, size - at);
        char *piece = copy_of(bytes + at, part);
        told.good = lk_sent_feed(&sent, piece, part, hold && at < size / 2, &sink);
        free(piece);
    }
    if (told.good)
        lk_sent_release(&sent, &sink);
    lk_sent_forget(&sent, &sink);
    if (buffers_out)
        abort();
    return told;
}

static struct told receive(const uint8_t *bytes, size_t size, struct cutting cutting,
                           uint32_t deepest)
{
    struct told told = {.good = true, .deepest = deepest};
    struct lk_received_sink sink = {.value = value, .end = end, .context = &told};
    struct lk_received received;
    memset(&received, 0, sizeof received);
    for (size_t at = 0, part; at < size && told.good; at += part) {
        part = piece_of(&cutting, size - at);
        char *piece = copy_of(bytes + at, part);
        told.good = lk_received_feed(&received, piece, part, &sink);
        free(piece);
    }
    return told;
}

static void same(const char *what, const struct told *one, const struct told *other)
{
    if (one->good == other->good && one->count == other->count && one->hash == other->hash)
        return;
    fprintf(stderr, "%s: %d %llu %llx, cut otherwise %d %llu %llx\n", what, one->good,
            (unsigned long long)one->count, (unsigned long long)one->hash, other->good,
            (unsigned long long)other->count, (unsigned long long)other->hash);
    abort();
}

static void look_at_the_first_words(const uint8_t *bytes, size_t size)
{
    size_t some = size < 300 ? size : 300;
    char *copy = copy_of(bytes, some);
    lk_sent_plausible(copy, some);
    lk_received_plausible(copy, some);
    free(copy);
}

/* As a hiredis context holds it: commands from the beginning on, of which the last may be cut. */
static void look_at_an_output_buffer(const uint8_t *bytes, size_t size)
{
    char *copy = copy_of(bytes, size);
    const char *at = copy, *end = copy + size;
    struct lk_command command;
    struct lk_command_key key;
    while (at && at < end && lk_command_begin(&command, at, (size_t)(end - at))) {
        while (lk_command_next_key(&command, &key))
            if (key.text.bytes &&
                (key.text.text < copy || key.text.bytes > (size_t)(end - key.text.text)))
                abort();
        at = lk_command_end(&command);
    }
    free(copy);
}

/* The first two bytes say how it is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const size_t sizes[] = {1, 2, 3, 5, 8, 20, 70, 300};
    if (!buffers[0]) {
        lk_commands_init();
        buffers[0] = malloc(LK_SENT_SMALL);
        buffers[1] = malloc(LK_SENT_LARGE);
    }
    if (size < 2)
        return 0;
    struct cutting whole = {0}, bytewise = {.most = 1}, cut = {bytes[0], sizes[bytes[1] % 8]};
    uint32_t deepest = bytes[1] / 8 % 4;
    bytes += 2;
    size = size - 2 < MOST_BYTES ? size - 2 : MOST_BYTES;
    struct told one = send(bytes, size, whole, false), other = send(bytes, size, cut, false);
    same("commands", &one, &other);
    if (size <= BYTEWISE) {
        other = send(bytes, size, bytewise, false);
        same("commands, byte by byte", &one, &other);
    }
    send(bytes, size, cut, true);
    one = receive(bytes, size, whole, deepest), other = receive(bytes, size, cut, deepest);
    same("answers", &one, &other);
    if (size <= BYTEWISE) {
        other = receive(bytes, size, bytewise, deepest);
        same("answers, byte by byte", &one, &other);
    }
    look_at_an_output_buffer(bytes, size);
    look_at_the_first_words(bytes, size);
    return 0;
}
