/* Digests in a key: runs of the characters that encodings use, decoded where somebody knows the
 * first bytes. */
#include "cache/keydigest.h"

#include <string.h>

#include "text/kinds.h"
#include "text/shapes.h"

#define RUN_MIN    8u  /* characters: 8 hexadecimal digits, 6 bytes of base64, 8 decimal digits */
#define STARTS_MAX 16u /* places in one run where base64 may begin */
#define RAW_STARTS 256u
#define DIGITS_MAX 155u /* decimal digits of 64 bytes */
#define RAW_MIN    8u

/* ---- Characters ---- */

/* The value of a base64 character of either alphabet; 64 and more: none. */
static uint32_t sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : 64;
}

static bool is_separator(char c)
{
    return c == '-' || c == '_' || c == '+' || c == '/';
}

static bool in_run(char c)
{
    return lk_is_alnum(c) || is_separator(c);
}

static bool is_hex(char c)
{
    return lk_kind(c) & LK_KINDS_HEX;
}

static uint32_t nibble(char c)
{
    return lk_is_digit(c) ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a') + 10;
}

/* ---- Decoding ---- */

/* Adds `count` bits, at most 8; what is beyond the last byte is dropped. */
static void put_bits(struct lk_key_part *part, uint32_t bits, uint32_t count)
{
    uint32_t at = part->bits / 8, window = bits << (16 - part->bits % 8 - count);
    if (at < LK_DIGEST_MAX)
        part->value[at] |= (uint8_t)(window >> 8);
    if (at + 1 < LK_DIGEST_MAX)
        part->value[at + 1] |= (uint8_t)window;
    part->bits = part->bits + count < 8 * LK_DIGEST_MAX ? part->bits + count : 8 * LK_DIGEST_MAX;
}

static void decode_hex(struct lk_key_part *part)
{
    for (uint32_t i = 0; i < part->bytes; i++)
        if (part->text[i] != '-')
            put_bits(part, nibble(part->text[i]), 4);
}

static void decode_base64(struct lk_key_part *part)
{
    for (uint32_t i = 0; i < part->bytes && part->bits < 8 * LK_DIGEST_MAX; i++)
        put_bits(part, sextet(part->text[i]), 6);
}

static void decode_raw(struct lk_key_part *part)
{
    uint32_t bytes = part->bytes < LK_DIGEST_MAX ? part->bytes : LK_DIGEST_MAX;
    memcpy(part->value, part->text, bytes);
    part->bits = bytes * 8;
}

/* Gives value[0..bytes) the other byte order. */
static void reverse(struct lk_key_part *part, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes / 2; i++) {
        uint8_t kept = part->value[i];
        part->value[i] = part->value[bytes - 1 - i];
        part->value[bytes - 1 - i] = kept;
    }
}

/* The width in bytes of a digest or an integer that a number of so many bytes was made of. */
static uint32_t width_of(uint32_t bytes)
{
    static const uint8_t widths[] = {4, 8, 16, 20, 28, 32, 48, 64};
    for (size_t i = 0; i < sizeof widths; i++)
        if (bytes <= widths[i])
            return widths[i];
    return 0;
}

/* The number as big-endian bytes of a usual width. */
static bool decode_decimal(struct lk_key_part *part)
{
    uint32_t limbs[LK_DIGEST_MAX / 4 + 1] = {0}, used = 0; /* little-endian */
    for (uint32_t i = 0; i < part->bytes; i++) {
        uint64_t carry = (uint64_t)(part->text[i] - '0');
        for (uint32_t j = 0; j < used || carry; j++) {
            if (j == sizeof limbs / sizeof *limbs)
                return false;
            carry += (uint64_t)limbs[j] * 10;
            limbs[j] = (uint32_t)carry;
            carry >>= 32;
            used = j >= used ? j + 1 : used;
        }
    }
    uint32_t width = used > LK_DIGEST_MAX / 4 ? 0 : width_of(used * 4);
    for (uint32_t i = 0; i < width; i++)
        part->value[width - 1 - i] = (uint8_t)(limbs[i / 4] >> (i % 4 * 8));
    part->bits = width * 8;
    return width != 0;
}

/* ---- Parts ---- */

struct scan {
    const char *key;
    uint32_t bytes;
    const struct lk_key_search *search;
};

/* Reports the part if its first bytes are known. */
static void offer(const struct scan *scan, const struct lk_key_part *part)
{
    uint32_t first_bytes;
    memcpy(&first_bytes, part->value, sizeof first_bytes);
    if (part->bits >= 32 && scan->search->knows(scan->search->context, first_bytes))
        scan->search->found(scan->search->context, part);
}

static struct lk_key_part part_at(const struct scan *scan, uint32_t from, uint32_t end,
                                  enum lk_digest_encoding encoding)
{
    return (struct lk_key_part){.offset = from,
                                .bytes = end - from,
                                .encoding = (uint16_t)encoding,
                                .text = scan->key + from};
}

/* Whether the first bytes are known that so many characters of so many bits spell, before all is
 * decoded. */
static bool knows(const struct scan *scan, uint32_t from, uint32_t characters, uint32_t bits,
                  uint32_t value(char))
{
    uint64_t all = 0;
    uint8_t first[4];
    uint32_t first_bytes;
    for (uint32_t i = 0; i < characters; i++)
        all = all << bits | value(scan->key[from + i]);
    all >>= characters * bits - 32;
    for (int i = 0; i < 4; i++)
        first[i] = (uint8_t)(all >> (24 - 8 * i));
    memcpy(&first_bytes, first, sizeof first_bytes);
    return scan->search->knows(scan->search->context, first_bytes);
}

static void try_hex(const struct scan *scan, uint32_t from, uint32_t end)
{
    uint32_t digits = end - from;
    bool integer = digits == 8 || digits == 16 || digits == 32;
    if (!integer && !knows(scan, from, 8, 4, nibble))
        return;
    struct lk_key_part part = part_at(scan, from, end, LK_ENCODING_HEX);
    part.uuid = digits == 32;
    decode_hex(&part);
    offer(scan, &part);
    if (integer) { /* a number of xxHash whose bytes were printed in the memory's order */
        part.uuid = false;
        reverse(&part, digits / 2);
        offer(scan, &part);
    }
}

/* Digits of a digest, or a word's last letters and digits: a digest has one of these lengths. */
static void try_hex_run(const struct scan *scan, uint32_t from, uint32_t end)
{
    static const uint8_t lengths[] = {128, 96, 64, 56, 40, 32, 16};
    try_hex(scan, from, end);
    for (size_t i = 0; i < sizeof lengths; i++) {
        if (end - from > lengths[i]) {
            try_hex(scan, end - lengths[i], end);
            return;
        }
    }
}

/* True when there is a UUID, whose parts are then no digests by themselves. */
static bool try_uuid(const struct scan *scan, uint32_t from)
{
    uint32_t bytes = lk_shape_uuid(scan->key, scan->bytes, from);
    if (!bytes)
        return false;
    struct lk_key_part part = part_at(scan, from, from + bytes, LK_ENCODING_HEX);
    part.uuid = true;
    decode_hex(&part);
    offer(scan, &part);
    return true;
}

static void try_decimal(const struct scan *scan, uint32_t from, uint32_t end)
{
    struct lk_key_part part = part_at(scan, from, end, LK_ENCODING_DECIMAL);
    if (end - from > DIGITS_MAX || !decode_decimal(&part))
        return;
    uint32_t width = part.bits / 8;
    offer(scan, &part);
    reverse(&part, width);
    offer(scan, &part);
    if (width > 16 || from == 0 || scan->key[from - 1] != '-')
        return;
    reverse(&part, width); /* a negative number: its two's complement */
    for (uint32_t i = width, carry = 1; i > 0; i--) {
        carry += (uint8_t)~part.value[i - 1];
        part.value[i - 1] = (uint8_t)carry;
        carry >>= 8;
    }
    part.offset--;
    part.bytes++;
    part.text--;
    offer(scan, &part);
    reverse(&part, width);
    offer(scan, &part);
}

static void try_base64(const struct scan *scan, uint32_t from, uint32_t end)
{
    if (!knows(scan, from, 6, 6, sextet))
        return;
    struct lk_key_part part = part_at(scan, from, end, LK_ENCODING_BASE64);
    decode_base64(&part);
    offer(scan, &part);
}

/* ---- Runs ---- */

/* Letters and digits between separators: hexadecimal and decimal digits among them. */
static void scan_segment(const struct scan *scan, uint32_t from, uint32_t end)
{
    for (uint32_t at = from; at < end; at++) {
        uint32_t start = at, digits = 0; /* at the run's end */
        for (; at < end && is_hex(scan->key[at]); at++)
            digits = lk_is_digit(scan->key[at]) ? digits + 1 : 0;
        if (at - start >= RUN_MIN)
            try_hex_run(scan, start, at);
        if (digits >= RUN_MIN)
            try_decimal(scan, at - digits, at);
    }
}

static void scan_run(const struct scan *scan, uint32_t from, uint32_t end)
{
    uint32_t starts = 0, stop;
    for (uint32_t at = from; at < end; at = stop + 1) {
        stop = at;
        while (stop < end && !is_separator(scan->key[stop]))
            stop++;
        if (stop - at == 8 && stop < end && try_uuid(scan, at)) {
            stop = at + 36;
            continue;
        }
        if (stop - at >= RUN_MIN)
            scan_segment(scan, at, stop);
        if (end - at >= RUN_MIN && starts++ < STARTS_MAX)
            try_base64(scan, at, end);
    }
}

/* Runs of RUN_MIN characters and more, looked for from their ends: most bytes are never read. */
static void scan_runs(const struct scan *scan)
{
    uint32_t at = 0;
    while (at + RUN_MIN <= scan->bytes) {
        uint32_t back = RUN_MIN;
        while (back > 0 && in_run(scan->key[at + back - 1]))
            back--;
        if (back > 0) {
            at += back;
            continue;
        }
        uint32_t end = at + RUN_MIN;
        while (end < scan->bytes && in_run(scan->key[end]))
            end++;
        scan_run(scan, at, end);
        at = end + 1;
    }
}

/* ---- Raw bytes ---- */

static bool has_raw(const struct scan *scan)
{
    uint32_t at = 0;
    for (uint64_t word; at + 8 <= scan->bytes; at += 8) {
        memcpy(&word, scan->key + at, 8);
        if (((word - 0x2020202020202020u) | word) & 0x8080808080808080u)
            break; /* a byte below 0x20 or above 0x7f, or next to one */
    }
    for (; at < scan->bytes; at++)
        if (lk_kind(scan->key[at]) & (LK_KIND_HIGH | LK_KIND_CONTROL))
            return true;
    return false;
}

static void scan_raw(const struct scan *scan)
{
    static const uint8_t integers[] = {4, 8, 16};
    for (uint32_t at = 0; at < RAW_STARTS && at + RAW_MIN <= scan->bytes; at++) {
        uint32_t first_bytes;
        memcpy(&first_bytes, scan->key + at, sizeof first_bytes);
        if (!scan->search->knows(scan->search->context, first_bytes))
            continue;
        struct lk_key_part part = part_at(scan, at, scan->bytes, LK_ENCODING_RAW);
        decode_raw(&part);
        offer(scan, &part);
    }
    for (size_t i = 0; i < sizeof integers; i++) { /* at the key's end, in both byte orders */
        if (scan->bytes < integers[i])
            return;
        struct lk_key_part part =
            part_at(scan, scan->bytes - integers[i], scan->bytes, LK_ENCODING_RAW);
        decode_raw(&part);
        if (integers[i] < RAW_MIN)
            offer(scan, &part);
        reverse(&part, integers[i]);
        offer(scan, &part);
    }
}

void lk_key_digests(const void *key, size_t bytes, const struct lk_key_search *search)
{
    struct scan scan = {key, (uint32_t)(bytes < LK_TEXT_MAX ? bytes : LK_TEXT_MAX), search};
    scan_runs(&scan);
    if (has_raw(&scan))
        scan_raw(&scan);
}

/* ---- Comparing ---- */

/* How many bits of the two are the same from the beginning on, at most `most`. */
static uint32_t same_bits(const uint8_t *a, const uint8_t *b, uint32_t most, bool uuid)
{
    uint32_t same = 0;
    for (uint32_t i = 0; same < most; i++) {
        uint8_t other = a[i] ^ b[i];
        if (uuid) /* RFC 9562's version and variant stand over the digest's bits */
            other &= i == 6 ? 0x0f : i == 8 ? 0x3f : 0xff;
        same += other ? (uint32_t)__builtin_clz(other) - 24 : 8;
        if (other)
            break;
    }
    return same < most ? same : most;
}

size_t lk_key_part_match(const struct lk_key_part *part, const void *digest, size_t digest_bytes)
{
    uint32_t whole = (uint32_t)(digest_bytes < LK_DIGEST_MAX ? digest_bytes : LK_DIGEST_MAX) * 8;
    uint32_t most = part->bits < whole ? part->bits : whole, characters;
    uint32_t same = same_bits(part->value, digest, most, part->uuid);
    switch ((enum lk_digest_encoding)part->encoding) {
    case LK_ENCODING_HEX:
        if (same < most || same < 32)
            return 0;
        if (part->bits <= whole)
            return part->bytes;
        return whole >= 64 ? whole / 4 : 0; /* digits that follow; too many begin like 32 bits */
    case LK_ENCODING_BASE64:
        characters = same == whole ? (whole + 5) / 6 : same / 6;
        if (characters < RUN_MIN && same < whole)
            return 0;
        if (same == most || is_separator(part->text[characters]))
            return characters < part->bytes ? characters : part->bytes;
        return 0;
    case LK_ENCODING_DECIMAL:
        return same == part->bits ? part->bytes : 0;
    case LK_ENCODING_RAW:
        return same / 8 >= RAW_MIN || same == whole ? same / 8 : 0;
    }
    return 0;
}
