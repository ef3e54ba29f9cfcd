/* Templates of keys, and model names in them. A case is a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/template.h"

static const struct {
    const char *key, *template_text;
} rows[] = {
    {"", ""},
    {"llm:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "llm:<sha256>"},
    {"llm:5d41402abc4b2a76b9719d911017c592", "llm:<md5>"},
    {"llm:AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D:en", "llm:<sha1>:en"},
    {"llm:9f86d081884c7d65", "llm:<hex>"},
    {"resp:gpt-4o:550e8400-e29b-41d4-a716-446655440000", "resp:<model>:<uuid>"},
    {"user:42:profile", "user:<number>:profile"},
    {"session:chatcmpl-9xAbCdEfGhIjKlMnOpQrStUvWxY", "session:chatcmpl-<random>"},
    {"rate:10.0.0.1:1732392000:0.5:v2", "rate:<address>:<timestamp>:<float>:v2"},
    {"{user1000}.following", "{user1000}.following"},
    {"cache-LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", "cache-<random>"},
    {"triton:17241709254077376921", "triton:<number>"},
    /* Free text */
    {"llm:What is 2:3?", "llm:<text>"},
    {"llm:v2:en: hello", "llm:v2:en:<text>"},
    {"What is it", "<text>"},
    {"q=hello world&lang=en", "q=<text>"},
    {"llm:{\"model\":\"gpt-4o\"}", "llm:<text>"},
    {"llm:['a', 'b']", "llm:<text>"},
    {"llm:\"quoted\"", "llm:<text>"},
    {"llm:Donaudampfschifffahrtsgesellschaft:x", "llm:<text>:x"},
    {"a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p:q:r:s:t:u:v:w:x:y:z",
     "a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p:q:r:s:t:u:v:w:x:<text>"},
    /* Raw bytes, with white space and separators among them */
    {"llm:\x8a\xff:\x01 z", "llm:<binary>"},
    {"llm:Ab \x8a\xff", "llm:<binary>"},
    /* Models */
    {"r:gpt-4o-mini:1", "r:<model>:<number>"},
    {"r:gpt-4o-mini-2024-07-18:1", "r:<model>:<number>"},
    {"r:llama-3.1-70b-instruct:1", "r:<model>:<number>"},
    {"r:claude-3-5-sonnet-20240620:1", "r:<model>:<number>"},
    {"r:claude-3-5-sonnet@20240620:1", "r:<model>:<number>"},
    {"r:meta-llama/Llama-3-8b-instruct:1", "r:<model>:<number>"},
    {"r:Qwen/Qwen2.5-7B-Instruct/x", "r:<model>/x"},
    {"r:mixtral-8x7b-instruct-v0.1:1", "r:<model>:<number>"},
    {"r:deepseek-r1-distill-llama-70b:1", "r:<model>:<number>"},
    {"r:text-embedding-3-small:1", "r:<model>:<number>"},
    {"r:bge-large-en-v1.5:1", "r:<model>:<number>"},
    {"r:command-r-plus:o1:o3-mini", "r:<model>:<model>:<model>"},
    {"r:whisper-large-v3:phi-3-mini-4k-instruct", "r:<model>:<model>"},
    {"r:gpt-4o-550e8400-e29b-41d4-a716-446655440000", "r:<model>-<uuid>"},
    {"r:gpt-4o-1732392000", "r:<model>-<timestamp>"},
    {"r:GPT-4:1", "r:<model>:<number>"},
    /* Words that only look like models */
    {"user:claude:phi", "user:claude:phi"},
    {"gptcache:falcon:geminis:o10", "gptcache:falcon:geminis:o10"},
    {"google/maps:opt-out", "google/maps:opt-out"},
};

static const struct lk_template_words stay;

static void makes_the_template_of_each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[257];
        out[lk_template(rows[i].key, strlen(rows[i].key), out, 256, &stay)] = 0;
        if (strcmp(out, rows[i].template_text) != 0)
            fail_msg("\"%s\": \"%s\", not \"%s\"", rows[i].key, out, rows[i].template_text);
    }
}

static void cuts_with_dots_at_a_character(void **state)
{
    char out[16] = "";
    (void)state;
    assert_int_equal(lk_template("abcdefghij:klm", 14, out, 8, &stay), 8);
    assert_memory_equal(out, "abcde...", 8);
    assert_int_equal(lk_template("abcd\xc3\xa9"
                                 "fghij",
                                 11, out, 8, &stay),
                     7);
    assert_memory_equal(out, "abcd...", 7);
    assert_int_equal(lk_template("abc", 3, out, 3, &stay), 3);
    assert_int_equal(lk_template("abcd", 4, out, 2, &stay), 2);
    assert_memory_equal(out, "..", 2);
    assert_int_equal(lk_template("abcd", 4, out, 0, &stay), 0);
}

/* ---- Words that are too many ---- */

struct asked {
    uint64_t prefixes[8], words[8];
    size_t count, refused; /* which word, from 1, is not kept */
};

static bool keeps(void *context, uint64_t prefix_hash, uint64_t word_hash)
{
    struct asked *asked = context;
    assert_true(asked->count < 8);
    asked->prefixes[asked->count] = prefix_hash;
    asked->words[asked->count] = word_hash;
    return ++asked->count != asked->refused;
}

#define WORDS(asked_of) ((struct lk_template_words){.keeps = keeps, .context = &(asked_of)})

static void asks_for_words_alone(void **state)
{
    struct asked asked = {.refused = 2};
    char out[64];
    (void)state;
    size_t bytes = lk_template("user:alice:42:gpt-4o:v3", 23, out, sizeof out, &WORDS(asked));
    assert_int_equal(bytes, strlen("user:<text>:<number>:<model>:v3"));
    assert_memory_equal(out, "user:<text>:<number>:<model>:v3", bytes);
    assert_int_equal(asked.count, 3); /* user, alice, v3 */
}

static void hashes_tell_places_and_words_apart(void **state)
{
    struct asked a = {.count = 0}, b = {.count = 0}, c = {.count = 0};
    char out[64];
    (void)state;
    lk_template("user:alice", 10, out, sizeof out, &WORDS(a));
    lk_template("user:bob", 8, out, sizeof out, &WORDS(b));
    lk_template("team:alice", 10, out, sizeof out, &WORDS(c));
    assert_true(a.prefixes[1] == b.prefixes[1]);
    assert_true(a.words[1] != b.words[1]);
    assert_true(a.prefixes[1] != c.prefixes[1]);
    assert_true(a.words[1] == c.words[1]);
}

static size_t star(const char *word, uint32_t bytes, bool is_version, char *out)
{
    (void)word;
    (void)bytes;
    memcpy(out, is_version ? "<v>" : "<w>", 3);
    return 3;
}

/* Of the key's own text punctuation alone is left, and a namespace in front of what varies. */
static void words_may_have_other_names(void **state)
{
    static const struct {
        const char *key, *template_text;
    } hidden[] = {
        {"hunter2", "<w>"},
        {"user:alice:v3", "<w>:<w>:<v>"},
        {"llm:gpt-4o:6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "llm:<model>:<uuid>"},
        {"user:42", "user:<number>"},
        {"user:42:alice", "user:<number>:<w>"},
        {"user_2/42", "<w>_<number>/<number>"},
        {"user/42", "user/<number>"},
        {"user:alice", "<w>:<w>"},
        {"Alice:42", "<w>:<number>"},
        {"user-42", "<w>-<number>"},
        {"42:user:43", "<number>:<w>:<number>"},
        {"thesentencessentenceisasentence:42", "<w>:<number>"},
        {"translate: hello 42", "<w>:<text>"},
        {"user:{a b}", "<w>:<text>"},
        {"\xc3\xa9t\xc3\xa9", "<w>"},
        {"1.2.3:42", "<v>:<number>"},
    };
    const struct lk_template_words words = {.names = star};
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        out[lk_template(hidden[i].key, strlen(hidden[i].key), out, 63, &words)] = 0;
        assert_string_equal(out, hidden[i].template_text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_template_of_each_row),
        cmocka_unit_test(cuts_with_dots_at_a_character),
        cmocka_unit_test(asks_for_words_alone),
        cmocka_unit_test(hashes_tell_places_and_words_apart),
        cmocka_unit_test(words_may_have_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
