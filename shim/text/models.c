/* Model names: the families, the organisations that publish them, and what may follow. */
#include "text/models.h"

#include <stddef.h>

#include "text/kinds.h"
#include "text/shapes.h"

#define FAMILIES_OF_LETTER 14

/* By first letter, in lower case; of two that begin alike the longer one first. One that ends in !
 * is a name by itself, one that ends in / is an organisation, and a model has to follow. */
static const char *const families[26][FAMILIES_OF_LETTER] = {
    ['a' - 'a'] = {"all-minilm", "all-mpnet", "anthropic/", "aya"},
    ['b' - 'a'] = {"baai/", "babbage", "baichuan", "bert", "bge", "bloom"},
    ['c' - 'a'] = {"chatglm", "chatgpt", "claude", "clip", "codegemma", "codellama", "codestral",
                   "cohereforai/", "cohere/", "command-r!", "command-a!", "command"},
    ['d' - 'a'] = {"dall-e", "davinci", "dbrx", "deepseek-ai/", "deepseek", "distilbert",
                   "distil-whisper"},
    ['e' - 'a'] = {"e5", "embed-english", "embed-multilingual", "ernie"},
    ['f' - 'a'] = {"falcon", "flan-t5", "flux"},
    ['g' - 'a'] = {"gemini", "gemma", "glm", "google/", "gpt", "granite", "grok", "gte"},
    ['h' - 'a'] = {"hermes"},
    ['i' - 'a'] = {"internlm", "intfloat/"},
    ['j' - 'a'] = {"jamba", "jina-embeddings"},
    ['k' - 'a'] = {"kimi"},
    ['l' - 'a'] = {"llama", "llava"},
    ['m' - 'a'] = {"magistral", "meta-llama/", "microsoft/", "ministral", "minilm", "mistralai/",
                   "mistral", "mixtral", "mpnet", "multilingual-e5", "multi-qa"},
    ['n' - 'a'] = {"nemotron", "nomic-ai/", "nomic-embed", "nova", "nvidia/"},
    ['o' - 'a'] = {"o1!", "o3!", "o4!", "olmo", "openai/", "openchat", "opt"},
    ['p' - 'a'] = {"paraphrase", "phi", "pixtral"},
    ['q' - 'a'] = {"qwen/", "qwen", "qwq"},
    ['r' - 'a'] = {"roberta"},
    ['s' - 'a'] = {"sdxl", "sentence-transformers/", "solar", "sonar", "stable-diffusion",
                   "stablelm", "starcoder"},
    ['t' - 'a'] = {"t5", "text-ada", "text-babbage", "text-curie", "text-davinci", "text-embedding",
                   "tiiuae/", "tinyllama", "titan", "tts"},
    ['v' - 'a'] = {"vicuna", "vit", "voyage"},
    ['w' - 'a'] = {"whisper", "wizardcoder", "wizardlm"},
    ['x' - 'a'] = {"xlm-roberta"},
    ['y' - 'a'] = {"yi"},
    ['z' - 'a'] = {"zephyr"},
};

/* Parts of a name that are words; sizes, dates and versions are known by their digits. */
static const char *const variants[] = {
    "ada",      "audio",     "awq",     "babbage",  "base",      "chat",      "code",   "coder",
    "curie",    "davinci",   "dev",     "distill",  "embed",     "embedding", "en",     "exp",
    "flash",    "fp16",      "gecko",   "gguf",     "gptq",      "guard",     "haiku",  "hf",
    "high",     "image",     "instant", "instruct", "it",        "large",     "latest", "lite",
    "llama",    "low",       "m3",      "math",     "maverick",  "max",       "medium", "micro",
    "mini",     "mistral",   "moe",     "multi",    "nano",      "nemo",      "next",   "online",
    "opus",     "oss",       "plus",    "preview",  "pro",       "qwen",      "qwen2",  "reasoner",
    "realtime", "reasoning", "rerank",  "schnell",  "scout",     "small",     "sonnet", "thinking",
    "tiny",     "turbo",     "ultra",   "uncased",  "versatile", "vision",    "vl",     "xl",
    "xxl",      "zh",
};

static char small(char byte)
{
    return lk_kind(byte) & LK_KINDS_LARGE ? (char)(byte | 0x20) : byte;
}

/* How many bytes of `name` stand at text[from], all of it but the mark at its end; 0 if not all. */
static uint32_t prefix(const char *name, const char *text, uint32_t bytes, uint32_t from)
{
    uint32_t i = 0;
    for (; name[i] && name[i] != '!'; i++)
        if (from + i >= bytes || small(text[from + i]) != name[i])
            return 0;
    return i;
}

/* Where a part of a name ends that begins at `from`: letters, digits, and points between these. */
static uint32_t part_end(const char *text, uint32_t bytes, uint32_t from, uint32_t *kinds)
{
    uint32_t at = from;
    *kinds = 0;
    while (at < bytes && (lk_is_alnum(text[at]) || (at > from && text[at] == '.' &&
                                                    at + 1 < bytes && lk_is_digit(text[at + 1]))))
        *kinds |= lk_kind(text[at++]);
    return at;
}

static bool is_variant(const char *text, uint32_t from, uint32_t end)
{
    char first = small(text[from]);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (variants[i][0] == first && prefix(variants[i], text, end, from) == end - from)
            return true;
    return false;
}

/* A date, a size, a version: 0613, 20240620, 70b, 8x22b, 4o, v0.3, q4, a22b. Longer mixtures and
 * what begins a UUID are ids, and no part of the name. */
static bool is_part(const char *text, uint32_t bytes, uint32_t from, uint32_t end, uint32_t kinds)
{
    uint32_t length = end - from;
    if (!length || length > 12)
        return false;
    if (kinds == LK_KIND_DIGIT)
        return length <= 8 && !lk_shape_uuid(text, bytes, from);
    if (!(kinds & LK_KIND_DIGIT))
        return is_variant(text, from, end);
    return length <= 6 || is_variant(text, from, end);
}

/* What follows the family's name at `at`: where the name ends, 0 if it is no model after all. */
static uint32_t name_end(const char *text, uint32_t bytes, uint32_t at, bool sure)
{
    uint32_t kinds, end;
    if (at < bytes && lk_is_alnum(text[at])) {
        end = part_end(text, bytes, at, &kinds);
        if (sure || !lk_is_digit(text[at]) || end - at > 8)
            return 0;
        at = end;
        sure = true;
    }
    while (at < bytes && (text[at] == '-' || text[at] == '@' || (text[at] == '_' && !sure))) {
        end = part_end(text, bytes, at + 1, &kinds);
        if (!is_part(text, bytes, at + 1, end, kinds) || !lk_is_end(text, bytes, end))
            break;
        at = end;
        sure = true;
    }
    return sure && lk_is_end(text, bytes, at) ? at : 0;
}

static uint32_t family_end(const char *text, uint32_t bytes, uint32_t from, bool after_organisation)
{
    uint32_t letter = (uint32_t)(small(text[from]) - 'a');
    if (letter >= 26 || bytes - from < 2)
        return 0;
    char second = small(text[from + 1]);
    for (const char *const *name = families[letter]; *name; name++) {
        uint32_t length = (*name)[1] == second ? prefix(*name, text, bytes, from) : 0;
        uint32_t at = from + length;
        if (!length)
            continue;
        uint32_t end = 0;
        if ((*name)[length - 1] != '/')
            end = name_end(text, bytes, at, (*name)[length] == '!');
        else if (!after_organisation && at < bytes)
            end = family_end(text, bytes, at, true);
        if (end)
            return end;
    }
    return 0;
}

uint32_t lk_model_name(const char *text, uint32_t bytes, uint32_t from)
{
    uint32_t end = family_end(text, bytes, from, false);
    return end ? end - from : 0;
}
