// Digests known inputs by every function that the shim follows, makes keys of them in every
// encoding, GETs and SETs these, and prints which input stands behind which key. Arguments: SOCKET

// libs: -lhiredis -lcrypto -lxxhash
// flags: -Wno-deprecated-declarations
#define _GNU_SOURCE
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define DIGEST_MAX 64
#define KEY_MAX    256

struct digest {
    uint8_t bytes[DIGEST_MAX];
    size_t count;
};

static void fail(const char *what)
{
    fprintf(stderr, "digest_forms: %s failed\n", what);
    exit(1);
}

/* ---- Forms: each digests the input in its own way ---- */

static struct digest finish(EVP_MD_CTX *context)
{
    struct digest digest;
    unsigned int bytes = 0;
    if (EVP_DigestFinal_ex(context, digest.bytes, &bytes) != 1)
        fail("EVP_DigestFinal_ex");
    digest.count = bytes;
    return digest;
}

static struct digest evp_pieces(const char *input, size_t bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (size_t at = 0; at < bytes; at += 7)
        EVP_DigestUpdate(context, input + at, bytes - at < 7 ? bytes - at : 7);
    struct digest digest = finish(context);
    EVP_MD_CTX_free(context);
    return digest;
}

/* As Python's hexdigest does: a copy is finished, the original goes on. */
static struct digest evp_copy(const char *input, size_t bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
    EVP_DigestInit(context, EVP_sha512());
    EVP_DigestUpdate(context, input, bytes);
    EVP_MD_CTX_copy(copy, context);
    EVP_DigestUpdate(context, "not in the copy", 15);
    struct digest digest = {.count = 64};
    if (EVP_DigestFinal(copy, digest.bytes, NULL) != 1)
        fail("EVP_DigestFinal");
    EVP_MD_CTX_free(copy);
    EVP_MD_CTX_free(context);
    return digest;
}

/* A context that was used before, for another input. */
static struct digest evp_reused(const char *input, size_t bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha384(), NULL);
    EVP_DigestUpdate(context, "what was before", 15);
    EVP_DigestInit_ex(context, EVP_sha1(), NULL);
    EVP_DigestUpdate(context, input, bytes);
    struct digest digest = finish(context);
    EVP_MD_CTX_reset(context);
    EVP_MD_CTX_free(context);
    return digest;
}

/* Each part's end is digested by a copy, as prefixes are: the last one is of everything. */
static struct digest evp_prefixes(const char *input, size_t bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct digest digest = {.count = 0};
    EVP_DigestInit_ex2(context, EVP_sha256(), NULL);
    for (size_t at = 0, part; at < bytes; at += part) {
        part = bytes - at < 100 ? bytes - at : 100;
        EVP_DigestUpdate(context, input + at, part);
        EVP_MD_CTX *copy = EVP_MD_CTX_new();
        EVP_MD_CTX_copy_ex(copy, context);
        digest = finish(copy);
        EVP_MD_CTX_free(copy);
    }
    EVP_MD_CTX_free(context);
    return digest;
}

static struct digest evp_once(const char *input, size_t bytes)
{
    struct digest digest;
    unsigned int count = 0;
    if (EVP_Digest(input, bytes, digest.bytes, &count, EVP_sha224(), NULL) != 1)
        fail("EVP_Digest");
    digest.count = count;
    return digest;
}

static struct digest evp_quick(const char *input, size_t bytes)
{
    struct digest digest;
    if (EVP_Q_digest(NULL, "SHA3-256", NULL, input, bytes, digest.bytes, &digest.count) != 1)
        fail("EVP_Q_digest");
    return digest;
}

static struct digest evp_shake(const char *input, size_t bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct digest digest = {.count = 24};
    EVP_DigestInit_ex(context, EVP_shake128(), NULL);
    EVP_DigestUpdate(context, input, bytes);
    if (EVP_DigestFinalXOF(context, digest.bytes, digest.count) != 1)
        fail("EVP_DigestFinalXOF");
    EVP_MD_CTX_free(context);
    return digest;
}

static struct digest sha256_once(const char *input, size_t bytes)
{
    struct digest digest = {.count = 32};
    memcpy(digest.bytes, SHA256((const unsigned char *)input, bytes, NULL), 32);
    return digest;
}

static struct digest sha256_pieces(const char *input, size_t bytes)
{
    struct digest digest = {.count = 32};
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, input, bytes / 2);
    SHA256_Update(&context, input + bytes / 2, bytes - bytes / 2);
    SHA256_Final(digest.bytes, &context);
    return digest;
}

static struct digest sha1_once(const char *input, size_t bytes)
{
    struct digest digest = {.count = 20};
    SHA1((const unsigned char *)input, bytes, digest.bytes);
    return digest;
}

static struct digest sha224_once(const char *input, size_t bytes)
{
    struct digest digest = {.count = 28};
    SHA224((const unsigned char *)input, bytes, digest.bytes);
    return digest;
}

static struct digest sha384_pieces(const char *input, size_t bytes)
{
    struct digest digest = {.count = 48};
    SHA512_CTX context;
    SHA384_Init(&context);
    SHA384_Update(&context, input, 1);
    SHA384_Update(&context, input + 1, bytes - 1);
    SHA384_Final(digest.bytes, &context);
    return digest;
}

static struct digest sha512_once(const char *input, size_t bytes)
{
    struct digest digest = {.count = 64};
    SHA512((const unsigned char *)input, bytes, digest.bytes);
    return digest;
}

static struct digest md5_pieces(const char *input, size_t bytes)
{
    struct digest digest = {.count = 16};
    MD5_CTX context;
    MD5_Init(&context);
    for (size_t at = 0; at < bytes; at += 64)
        MD5_Update(&context, input + at, bytes - at < 64 ? bytes - at : 64);
    MD5_Final(digest.bytes, &context);
    return digest;
}

static struct digest md5_once(const char *input, size_t bytes)
{
    struct digest digest = {.count = 16};
    MD5((const unsigned char *)input, bytes, digest.bytes);
    return digest;
}

static struct digest of_number(uint64_t high, uint64_t low, size_t count)
{
    struct digest digest = {.count = count};
    for (size_t i = 0; i < count; i++) {
        size_t place = count - 1 - i;
        digest.bytes[i] = (uint8_t)((place < 8 ? low : high) >> 8 * (place % 8));
    }
    return digest;
}

static struct digest xxh32_once(const char *input, size_t bytes)
{
    return of_number(0, XXH32(input, bytes, 1), 4);
}

static struct digest xxh64_once(const char *input, size_t bytes)
{
    return of_number(0, XXH64(input, bytes, 0), 8);
}

static struct digest xxh32_pieces(const char *input, size_t bytes)
{
    XXH32_state_t *state = XXH32_createState(), *copy = XXH32_createState();
    XXH32_reset(state, 7);
    XXH32_update(state, input, bytes / 3);
    XXH32_copyState(copy, state);
    XXH32_update(copy, input + bytes / 3, bytes - bytes / 3);
    XXH32_hash_t hash = XXH32_digest(copy);
    XXH32_freeState(state);
    XXH32_freeState(copy);
    return of_number(0, hash, 4);
}

/* The state is used again, and says its number twice. */
static struct digest xxh64_pieces(const char *input, size_t bytes)
{
    XXH64_state_t *state = XXH64_createState();
    XXH64_reset(state, 0);
    XXH64_update(state, "what was before", 15);
    XXH64_reset(state, 9);
    XXH64_update(state, input, bytes);
    XXH64_hash_t hash = XXH64_digest(state);
    if (XXH64_digest(state) != hash)
        fail("XXH64_digest");
    XXH64_freeState(state);
    return of_number(0, hash, 8);
}

static struct digest xxh3_seeded(const char *input, size_t bytes)
{
    return of_number(0, XXH3_64bits_withSeed(input, bytes, 3), 8);
}

static struct digest xxh3_128_pieces(const char *input, size_t bytes)
{
    XXH3_state_t *state = XXH3_createState();
    XXH3_128bits_reset_withSeed(state, 5);
    XXH3_128bits_update(state, input, 10);
    XXH3_128bits_update(state, input + 10, bytes - 10);
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return of_number(hash.high64, hash.low64, 16);
}

static struct digest xxh3_pieces(const char *input, size_t bytes)
{
    XXH3_state_t *state = XXH3_createState(), *copy = XXH3_createState();
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, input, 3);
    XXH3_copyState(copy, state);
    XXH3_64bits_digest(state);
    XXH3_64bits_update(copy, input + 3, bytes - 3);
    XXH64_hash_t hash = XXH3_64bits_digest(copy);
    XXH3_freeState(state);
    XXH3_freeState(copy);
    return of_number(0, hash, 8);
}

static struct digest xxh3_128_once(const char *input, size_t bytes)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(input, bytes, 42);
    return of_number(hash.high64, hash.low64, 16);
}

static const struct form {
    const char *name;
    struct digest (*digest)(const char *input, size_t bytes);
    bool number;
} forms[] = {
    {"evp-pieces", evp_pieces, false},
    {"evp-copy", evp_copy, false},
    {"evp-reused", evp_reused, false},
    {"evp-prefixes", evp_prefixes, false},
    {"evp-once", evp_once, false},
    {"evp-quick", evp_quick, false},
    {"evp-shake", evp_shake, false},
    {"sha1-once", sha1_once, false},
    {"sha224-once", sha224_once, false},
    {"sha256-once", sha256_once, false},
    {"sha256-pieces", sha256_pieces, false},
    {"sha384-pieces", sha384_pieces, false},
    {"sha512-once", sha512_once, false},
    {"md5-once", md5_once, false},
    {"md5-pieces", md5_pieces, false},
    {"xxh32-once", xxh32_once, true},
    {"xxh32-pieces", xxh32_pieces, true},
    {"xxh64-once", xxh64_once, true},
    {"xxh64-pieces", xxh64_pieces, true},
    {"xxh3-seeded", xxh3_seeded, true},
    {"xxh3-pieces", xxh3_pieces, true},
    {"xxh3-128-once", xxh3_128_once, true},
    {"xxh3-128-pieces", xxh3_128_pieces, true},
};

/* ---- Encodings: each makes a key ---- */

struct key {
    char bytes[KEY_MAX];
    size_t count;
};

static void add(struct key *key, const void *bytes, size_t count)
{
    if (key->count + count > sizeof key->bytes)
        fail("a key's length");
    memcpy(key->bytes + key->count, bytes, count);
    key->count += count;
}

static void add_hex(struct key *key, const struct digest *digest, const char *digits)
{
    for (size_t i = 0; i < digest->count; i++)
        add(key, (char[]){digits[digest->bytes[i] >> 4], digits[digest->bytes[i] & 15]}, 2);
}

static void hex(struct key *key, const struct digest *digest)
{
    add(key, "llm:", 4);
    add_hex(key, digest, "0123456789abcdef");
}

static void upper_hex(struct key *key, const struct digest *digest)
{
    add(key, "LLM:", 4);
    add_hex(key, digest, "0123456789ABCDEF");
}

static void suffixed(struct key *key, const struct digest *digest)
{
    add(key, "llm:v2:", 7);
    add_hex(key, digest, "0123456789abcdef");
    add(key, ":en", 3);
}

static void truncated(struct key *key, const struct digest *digest)
{
    add(key, "t:", 2);
    add_hex(key, digest, "0123456789abcdef");
    key->count = key->count < 2 + 16 ? key->count : 2 + 16;
}

static void add_base64(struct key *key, const struct digest *digest)
{
    unsigned char text[KEY_MAX];
    int count = EVP_EncodeBlock(text, digest->bytes, (int)digest->count);
    add(key, text, (size_t)count);
}

static void base64(struct key *key, const struct digest *digest)
{
    add(key, "b64:", 4);
    add_base64(key, digest);
}

static void unpad(struct key *key)
{
    while (key->bytes[key->count - 1] == '=')
        key->count--;
}

static void unpadded_base64(struct key *key, const struct digest *digest)
{
    base64(key, digest);
    unpad(key);
}

static void padded_base64url(struct key *key, const struct digest *digest)
{
    add(key, "cache-", 6);
    add_base64(key, digest);
    for (size_t i = 6; i < key->count; i++)
        key->bytes[i] = key->bytes[i] == '+' ? '-' : key->bytes[i] == '/' ? '_' : key->bytes[i];
}

static void base64url(struct key *key, const struct digest *digest)
{
    padded_base64url(key, digest);
    unpad(key);
}

static void suffixed_base64url(struct key *key, const struct digest *digest)
{
    base64url(key, digest);
    add(key, ":en", 3);
}

static void truncated_base64(struct key *key, const struct digest *digest)
{
    base64(key, digest);
    key->count = key->count < 4 + 12 ? key->count : 4 + 12;
}

static void raw(struct key *key, const struct digest *digest)
{
    add(key, "raw:", 4);
    add(key, digest->bytes, digest->count);
}

static void truncated_raw(struct key *key, const struct digest *digest)
{
    raw(key, digest);
    key->count = key->count < 4 + 10 ? key->count : 4 + 10;
}

static void suffixed_raw(struct key *key, const struct digest *digest)
{
    raw(key, digest);
    add(key, ":en", 3);
}

static void upper_hex_within(struct key *key, const struct digest *digest)
{
    struct digest first = {.count = digest->count < 12 ? digest->count : 12};
    memcpy(first.bytes, digest->bytes, first.count);
    upper_hex(key, &first);
    add(key, "/page/2", 7);
}

static void decimal(struct key *key, const struct digest *digest)
{
    char digits[48];
    size_t at = sizeof digits;
    unsigned __int128 value = 0;
    for (size_t i = 0; i < digest->count; i++)
        value = value << 8 | digest->bytes[i];
    do
        digits[--at] = (char)('0' + (int)(value % 10));
    while (value /= 10);
    add(key, "triton:", 7);
    add(key, digits + at, sizeof digits - at);
}

/* The number that a digest's first 8 bytes make, in the order of this machine's memory, as
 * struct.unpack makes it; and with a sign. */
static void decimal_of_first(struct key *key, const struct digest *digest)
{
    char digits[32];
    uint64_t number;
    memcpy(&number, digest->bytes, sizeof number);
    add(key, "shard:", 6);
    add(key, digits, (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number));
    add(key, ":x", 2);
}

static void signed_decimal(struct key *key, const struct digest *digest)
{
    char digits[32];
    uint64_t number = 0;
    for (size_t i = 0; i < 8; i++)
        number = number << 8 | digest->bytes[i];
    add(key, "signed:", 7);
    add(key, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number));
}

/* Fewer than 6 bytes of base64, or 8 raw ones with something after them, could be any word, and the
 * shim takes them for none. */
static const struct encoding {
    const char *name;
    void (*make)(struct key *key, const struct digest *digest);
    size_t least_bytes;
    bool numbers_only;
} encodings[] = {
    {"hex", hex, 4, false},
    {"HEX", upper_hex, 4, false},
    {"suffix", suffixed, 4, false},
    {"hex16", truncated, 4, false},
    {"HEX24", upper_hex_within, 4, false},
    {"base64", base64, 6, false},
    {"base64-unpadded", unpadded_base64, 6, false},
    {"base64-12", truncated_base64, 8, false},
    {"base64url", base64url, 6, false},
    {"base64url-padded", padded_base64url, 6, false},
    {"base64url-suffix", suffixed_base64url, 6, false},
    {"raw", raw, 4, false},
    {"raw-10", truncated_raw, 8, false},
    {"raw-suffix", suffixed_raw, 8, false},
    {"decimal", decimal, 4, true},
    {"decimal-of-8", decimal_of_first, 8, false},
    {"decimal-signed", signed_decimal, 8, false},
};

/* ---- The run ---- */

static void print_string(const char *name, const char *text, size_t bytes)
{
    printf("\"%s\":\"", name);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
            printf("\\u%04x", byte); /* each byte as the code point of its number */
        else
            putchar(byte);
    }
    putchar('"');
}

static void run(redisContext *redis, const struct form *form, const struct encoding *encoding,
                int number)
{
    static bool first = true;
    char input[6000];
    /* Some inputs are longer than what a capture keeps of them. */
    int bytes = snprintf(input, sizeof input, "%s as %s, request %d: %0*d", form->name,
                         encoding->name, number, number % 5 ? 10 : 5000, number);
    struct digest digest = form->digest(input, (size_t)bytes);
    struct key key = {.count = 0};
    if (digest.count < encoding->least_bytes || (encoding->numbers_only && !form->number))
        return;
    encoding->make(&key, &digest);
    freeReplyObject(redisCommand(redis, "GET %b", key.bytes, key.count));
    freeReplyObject(redisCommand(redis, "SET %b %s", key.bytes, key.count, "value"));
    printf("%s{\"form\":\"%s\",\"encoding\":\"%s\",", first ? "" : ",", form->name, encoding->name);
    print_string("key", key.bytes, key.count);
    printf(",\"key_hash\":\"%016llx\",\"input_bytes\":%d,",
           (unsigned long long)XXH3_64bits(key.bytes, key.count), bytes);
    print_string("input", input, (size_t)bytes);
    putchar('}');
    first = false;
}

int main(int argc, char **argv)
{
    int number = 0;
    redisContext *redis = argc == 2 ? redisConnectUnix(argv[1]) : NULL;
    if (!redis || redis->err)
        fail("connecting to SOCKET");
    putchar('[');
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (size_t j = 0; j < sizeof encodings / sizeof *encodings; j++)
            run(redis, &forms[i], &encodings[j], number++);
    puts("]");
    redisFree(redis);
    return 0;
}
