/* Cuts texts into tokens: one table of byte kinds, then the shapes that a run of letters and digits
 * may have. */
#include "text/lexer.h"

#include "text/kinds.h"
#include "text/shapes.h"
#include "text/utf8.h"

#define HEX_MIN    8u  /* digits of HEX with a letter and a digit of one case */
#define HEX_SURE   32u /* digits that are HEX whatever they are */
#define RANDOM_MIN 16u
#define BINARY_GAP 4u /* bytes of text that do not end a binary run; bytes of digests look so */

#define C   LK_KIND_CONTROL
#define S   LK_KIND_SPACE
#define P   LK_KIND_PUNCTUATION
#define D   LK_KIND_DIGIT
#define X   LK_KIND_HEX_UPPER
#define U   LK_KIND_UPPER
#define x   LK_KIND_HEX_LOWER
#define l   LK_KIND_LOWER
#define H   LK_KIND_HIGH
#define H16 H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H
const uint8_t lk_kinds[256] = {
    C,   C,   C,   C,   C,   C,   C,   C,   C, S, S, S, S, S, C, C, /* 0x00 */
    C,   C,   C,   C,   C,   C,   C,   C,   C, C, C, C, C, C, C, C, /* 0x10 */
    S,   P,   P,   P,   P,   P,   P,   P,   P, P, P, P, P, P, P, P, /* blank ! " # */
    D,   D,   D,   D,   D,   D,   D,   D,   D, D, P, P, P, P, P, P, /* 0 to 9 : ; */
    P,   X,   X,   X,   X,   X,   X,   U,   U, U, U, U, U, U, U, U, /* @ A to O */
    U,   U,   U,   U,   U,   U,   U,   U,   U, U, U, P, P, P, P, P, /* P to Z [ */
    P,   x,   x,   x,   x,   x,   x,   l,   l, l, l, l, l, l, l, l, /* ` a to o */
    l,   l,   l,   l,   l,   l,   l,   l,   l, l, l, P, P, P, P, C, /* p to z { */
    H16, H16, H16, H16, H16, H16, H16, H16,
};
#undef C
#undef S
#undef P
#undef D
#undef X
#undef U
#undef x
#undef l
#undef H
#undef H16

/* A run of bytes from `from` to `end`, and all kinds among them. */
struct run {
    uint32_t from, end;
    uint32_t kinds;
};

/* ---- Words and what looks like them ---- */

static void set(struct lk_token *token, uint32_t bytes, enum lk_class token_class)
{
    token->bytes = bytes;
    token->token_class = (uint8_t)token_class;
}

static bool is_hex(const struct run *run)
{
    uint32_t length = run->end - run->from;
    if (run->kinds & ~(uint32_t)LK_KINDS_HEX)
        return false;
    if (length >= HEX_SURE)
        return true;
    return length >= HEX_MIN && (run->kinds == (LK_KIND_DIGIT | LK_KIND_HEX_LOWER) ||
                                 run->kinds == (LK_KIND_DIGIT | LK_KIND_HEX_UPPER));
}

static bool is_address(const char *text, const struct run *run)
{
    if (run->end - run->from < 3 || text[run->from] != '0' || (text[run->from + 1] | 0x20) != 'x')
        return false;
    for (uint32_t i = run->from + 2; i < run->end; i++)
        if (!(lk_kind(text[i]) & LK_KINDS_HEX))
            return false;
    return true;
}

/* 1e5, 2E10, 1e-7: digits that an exponent follows within the run or begins at its end. */
static bool take_exponent(const struct lk_lexer *lexer, const struct run *run,
                          struct lk_token *token)
{
    uint32_t digits = 0;
    enum lk_class token_class;
    while (lk_is_digit(lexer->text[run->from + digits]))
        digits++;
    if (!digits || (lexer->text[run->from + digits] | 0x20) != 'e')
        return false;
    uint32_t length = lk_shape_number(lexer->text, lexer->bytes, run->from, digits, &token_class);
    if (run->from + length < run->end)
        return false;
    set(token, length, LK_CLASS_FLOAT);
    return true;
}

/* What begins with a digit, but for what lies within plain runs. */
static bool take_numeric(const struct lk_lexer *lexer, const struct run *run,
                         struct lk_token *token)
{
    uint32_t length = run->end - run->from, date;
    enum lk_class token_class;
    if ((length == 4 || length >= 13) &&
        (date = lk_shape_date(lexer->text, lexer->bytes, run->from)) >= length) {
        set(token, date, LK_CLASS_TIMESTAMP);
        return true;
    }
    if (run->kinds == LK_KIND_DIGIT) {
        length = lk_shape_number(lexer->text, lexer->bytes, run->from, length, &token_class);
        if (length >= HEX_SURE && token_class == LK_CLASS_NUMBER)
            token_class = LK_CLASS_HEX;
        set(token, length, token_class);
        return true;
    }
    if (is_address(lexer->text, run)) {
        set(token, length, LK_CLASS_ADDRESS);
        return true;
    }
    return !is_hex(run) && take_exponent(lexer, run, token);
}

/* Random text with separators in it, where it begins at the run; remembers one that begins later.
 */
static bool take_span(struct lk_lexer *lexer, const struct run *run, struct lk_token *token)
{
    for (int which = 0; which < 2; which++) {
        struct lk_random_span span;
        if (run->from < lexer->judged[which] || run->from < lexer->random_end)
            continue;
        if (lk_random_span(lexer->text, lexer->bytes, run->from, which, &span)) {
            lexer->random_start = span.start;
            lexer->random_end = span.end;
        }
        lexer->judged[which] = span.run_end;
    }
    if (run->from != lexer->random_start || run->from >= lexer->random_end)
        return false;
    set(token, lexer->random_end - run->from, LK_CLASS_RANDOM);
    return true;
}

/* = and == after a run that they fill up to whole groups of four. */
static uint32_t padding(const struct lk_lexer *lexer, const struct run *run)
{
    uint32_t pads = 0, length = run->end - run->from;
    while (pads < 2 && run->end + pads < lexer->bytes && lexer->text[run->end + pads] == '=')
        pads++;
    return (length + pads) % 4 == 0 && lk_is_end(lexer->text, lexer->bytes, run->end + pads) ? pads
                                                                                             : 0;
}

static void take_ascii_word(struct lk_lexer *lexer, const struct run *run, struct lk_token *token)
{
    const char *text = lexer->text;
    uint32_t length = run->end - run->from, shape;
    char next = run->end < lexer->bytes ? text[run->end] : 0;
    if (next == '-' && length == 8 && (shape = lk_shape_uuid(text, lexer->bytes, run->from))) {
        set(token, shape, LK_CLASS_UUID);
        return;
    }
    if (lk_is_digit(text[run->from]) && take_numeric(lexer, run, token))
        return;
    if ((text[run->from] | 0x20) == 'v' && (run->kinds & LK_KIND_DIGIT) &&
        (shape = lk_shape_version(text, lexer->bytes, run->from)) >= length) {
        set(token, shape, LK_CLASS_VERSION);
        return;
    }
    if (is_hex(run)) {
        set(token, length, LK_CLASS_HEX);
        return;
    }
    if ((next == '-' || next == '_' || next == '+' || next == '/') && take_span(lexer, run, token))
        return;
    if (length >= RANDOM_MIN && lk_looks_random(text + run->from, length)) {
        set(token, length + padding(lexer, run), LK_CLASS_RANDOM);
        return;
    }
    set(token, length, LK_CLASS_WORD);
}

/* Letters beyond ASCII, and what stands between them: where they end. */
static uint32_t letters_end(const struct lk_lexer *lexer, uint32_t at)
{
    while (at < lexer->bytes) {
        uint8_t kind = lk_kind(lexer->text[at]);
        uint32_t length = kind & LK_KINDS_ALNUM ? 1 : 0;
        if (kind & LK_KIND_HIGH) {
            length = lk_utf8_length(lexer->text + at, lexer->bytes - at);
            if (length && lk_utf8_is_space(lexer->text + at, length))
                length = 0;
        }
        if (!length)
            break;
        at += length;
    }
    return at;
}

/* ---- White space and binary ---- */

/* White space as JSON and programs write it within strings: \n, \r, \t. */
static bool is_escaped_space(const struct lk_lexer *lexer, uint32_t at)
{
    const char *text = lexer->text;
    return text[at] == '\\' && at + 1 < lexer->bytes &&
           (text[at + 1] == 'n' || text[at + 1] == 'r' || text[at + 1] == 't') &&
           (at == 0 || text[at - 1] != '\\');
}

/* The length of the white space character at `at`, 0 if there is none. */
static uint32_t space_at(const struct lk_lexer *lexer, uint32_t at)
{
    uint8_t kind = lk_kind(lexer->text[at]);
    if (kind & LK_KIND_SPACE)
        return 1;
    if (!(kind & LK_KIND_HIGH))
        return is_escaped_space(lexer, at) ? 2 : 0;
    uint32_t length = lk_utf8_length(lexer->text + at, lexer->bytes - at);
    return length && lk_utf8_is_space(lexer->text + at, length) ? length : 0;
}

static uint32_t space_end(const struct lk_lexer *lexer, uint32_t at)
{
    for (uint32_t length; at < lexer->bytes && (length = space_at(lexer, at)); at += length)
        ;
    return at;
}

static bool is_binary_at(const struct lk_lexer *lexer, uint32_t at, uint32_t *length)
{
    uint8_t kind = lk_kind(lexer->text[at]);
    *length = 1;
    if (kind & LK_KIND_CONTROL)
        return true;
    if (!(kind & LK_KIND_HIGH))
        return false;
    uint32_t valid = lk_utf8_length(lexer->text + at, lexer->bytes - at);
    if (valid)
        *length = valid;
    return !valid;
}

static uint32_t binary_end(const struct lk_lexer *lexer, uint32_t at)
{
    uint32_t end = at, length;
    while (at < lexer->bytes && at - end <= BINARY_GAP) {
        bool binary = is_binary_at(lexer, at, &length);
        at += length;
        if (binary)
            end = at;
    }
    return end;
}

/* ---- The lexer ---- */

static void take_other(struct lk_lexer *lexer, struct lk_token *token)
{
    uint32_t from = lexer->at, end;
    if ((end = space_end(lexer, from)) > from)
        set(token, end - from, LK_CLASS_SPACE);
    else if ((end = letters_end(lexer, from)) > from)
        set(token, end - from, LK_CLASS_WORD);
    else
        set(token, binary_end(lexer, from) - from, LK_CLASS_BINARY);
}

bool lk_lex_next(struct lk_lexer *lexer, struct lk_token *token)
{
    const char *text = lexer->text;
    uint32_t from = lexer->at, bytes = lexer->bytes, end = from, kinds = 0, kind;
    if (from >= bytes)
        return false;
    token->offset = from;
    while ((kind = lk_kind(text[end])) & LK_KINDS_ALNUM) {
        kinds |= kind;
        kind = 0;
        if (++end == bytes)
            break;
    }
    if (end > from && (kind & LK_KIND_HIGH)) { /* letters follow, or what is no text */
        uint32_t letters = letters_end(lexer, end);
        kinds |= letters > end ? LK_KIND_HIGH : 0;
        end = letters;
    }
    if (kinds & LK_KIND_HIGH)
        set(token, end - from, LK_CLASS_WORD);
    else if (end > from)
        take_ascii_word(lexer, &(struct run){from, end, kinds}, token);
    else if (kind == LK_KIND_PUNCTUATION && !is_escaped_space(lexer, from))
        set(token, 1, LK_CLASS_PUNCTUATION);
    else
        take_other(lexer, token);
    lexer->at = from + token->bytes;
    return true;
}

size_t lk_lex(const char *text, size_t bytes, struct lk_token *tokens, size_t max)
{
    struct lk_lexer lexer = lk_lexer(text, bytes);
    size_t count = 0;
    while (count < max && lk_lex_next(&lexer, &tokens[count]))
        count++;
    if (count && lexer.at < lexer.bytes) {
        tokens[count - 1].bytes = lexer.bytes - tokens[count - 1].offset;
        tokens[count - 1].token_class = LK_CLASS_WORD;
    }
    return count;
}

const char *lk_class_name(enum lk_class token_class)
{
    static const char *const names[LK_CLASSES] = {
        [LK_CLASS_SPACE] = "space",     [LK_CLASS_PUNCTUATION] = "punctuation",
        [LK_CLASS_WORD] = "word",       [LK_CLASS_NUMBER] = "number",
        [LK_CLASS_FLOAT] = "float",     [LK_CLASS_TIMESTAMP] = "timestamp",
        [LK_CLASS_UUID] = "uuid",       [LK_CLASS_HEX] = "hex",
        [LK_CLASS_RANDOM] = "random",   [LK_CLASS_VERSION] = "version",
        [LK_CLASS_ADDRESS] = "address", [LK_CLASS_BINARY] = "binary",
    };
    return (unsigned)token_class < LK_CLASSES && names[token_class] ? names[token_class]
                                                                    : "unknown";
}
