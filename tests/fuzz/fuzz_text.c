// Keys and inputs on their way into a capture, under libFuzzer (`make fuzz`): tokens, normal forms,
// templates, digests within keys, and what is stored of a text with --keys hash.
// links: shim/cache/keydigest.c shim/cache/text.c shim/cache/text_wide.c
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "cache/keydigest.h"
#include "cache/text.h"
#include "config.h"
#include "sys.h"
#include "text/lexer.h"
#include "text/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct lk_config lk_config;

uint64_t lk_sys_random(void)
{
    static uint64_t state = 1;
    return state = state * 6364136223846793005u + 1442695040888963407u;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Tokens cover the text without a gap, and their normal forms keep to their room. */
static void cut(const char *text, size_t bytes)
{
    struct lk_lexer lexer = lk_lexer(text, bytes);
    struct lk_token token;
    char folded[64];
    size_t at = 0;
    while (lk_lex_next(&lexer, &token)) {
        require(token.offset == at && token.bytes != 0 && token.bytes <= bytes - at);
        require(token.token_class >= LK_CLASS_SPACE && token.token_class < LK_CLASSES);
        for (size_t room = 1; room <= sizeof folded; room *= 4)
            require(lk_fold(text, &token, folded, room) <= room);
        at += token.bytes;
    }
    require(at == bytes);
}

static size_t names(const char *word, uint32_t bytes, bool is_version, char *out)
{
    return lk_text_pseudonym(word, bytes, is_version ? "version" : "word", out);
}

/* Outside of <...> no letter and no digit of the key is left. */
static void require_hidden(const char *template, size_t bytes)
{
    bool within = false;
    for (size_t i = 0; i < bytes; i++) {
        within = template[i] == '<' || (within && template[i] != '>');
        require(within || (unsigned char)template[i] < 0x80);
        require(within || !g_ascii_isalnum(template[i]));
    }
}

static bool keeps(void *context, uint64_t prefix_hash, uint64_t word_hash)
{
    (void)context;
    return (prefix_hash ^ word_hash) % 3 != 0;
}

static void make_templates(const char *text, size_t bytes)
{
    const struct lk_template_words some = {.keeps = keeps}, hidden = {.names = names};
    char out[LK_TEMPLATE_TEXT];
    for (size_t room = 0; room <= sizeof out; room = room * 2 + 1) {
        require(lk_template(text, bytes, out, room, &some) <= room);
        size_t used = lk_template(text, bytes, out, room, &hidden);
        require(used <= room);
        if (memchr(text, '<', bytes) == NULL && memchr(text, '>', bytes) == NULL)
            require_hidden(out, used);
    }
    require(lk_template(text, bytes, out, sizeof out, &(struct lk_template_words){0}) != 0 ||
            bytes == 0);
}

static bool knows(void *context, uint32_t first_bytes)
{
    (void)context;
    return first_bytes % 2 == 0;
}

static void found(void *context, const struct lk_key_part *part)
{
    size_t bytes = *(const size_t *)context;
    require(part->offset <= bytes && part->bytes <= bytes - part->offset);
    require(part->bits <= 8 * LK_DIGEST_MAX);
    for (size_t digest = 4; digest <= LK_DIGEST_MAX; digest *= 2)
        require(lk_key_part_match(part, part->value, digest) <= part->bytes);
}

static void store(const char *text, size_t bytes)
{
    for (int hashed = 0; hashed < 2; hashed++) {
        lk_config.hash_keys = hashed;
        size_t stored = lk_text_stored_bytes(text, bytes);
        require(stored <= (hashed ? 2048 * sizeof(struct lk_token_hash) : LK_TEXT_MAX));
        char *out = malloc(stored + 1);
        lk_text_store(out, stored, text, bytes);
        free(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size ? size : 1); /* so that who looks beyond it is caught */
    memcpy(text, bytes, size);
    cut(text, size);
    make_templates(text, size);
    lk_key_digests(text, size, &(struct lk_key_search){knows, found, &size});
    store(text, size);
    free(text);
    return 0;
}
