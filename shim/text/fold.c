/* The normal form of a token: what two spellings of one thing have in common. */
#include "text/kinds.h"
#include "text/lexer.h"

struct output {
    char *text;
    size_t used, room;
};

static void put(struct output *out, char byte)
{
    if (out->used < out->room)
        out->text[out->used++] = byte;
}

/* ---- Letters ---- */

/* Lower case of the characters of two bytes, by the range of code points; all have two bytes too.
 */
static uint32_t lower_case(uint32_t code)
{
    static const struct {
        uint16_t first, last, step;
    } ranges[] = {
        {0x00c0, 0x00d6, 0x20}, {0x00d8, 0x00de, 0x20},                         /* Latin-1 */
        {0x0386, 0x0386, 0x26}, {0x0388, 0x038a, 0x25}, {0x038c, 0x038c, 0x40}, /* Greek */
        {0x038e, 0x038f, 0x3f}, {0x0391, 0x03a1, 0x20}, {0x03a3, 0x03ab, 0x20},
        {0x0400, 0x040f, 0x50}, {0x0410, 0x042f, 0x20}, /* Cyrillic */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return code + ranges[i].step;
    return code;
}

static void fold_letters(const char *text, uint32_t bytes, struct output *out)
{
    for (uint32_t i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (lk_kinds[byte] & LK_KINDS_LARGE) {
            put(out, (char)(byte | 0x20));
        } else if (byte >= 0xc3 && byte <= 0xd0 && i + 1 < bytes &&
                   (uint8_t)text[i + 1] >> 6 == 2) {
            uint32_t code = lower_case((byte & 0x1fu) << 6 | ((uint8_t)text[++i] & 0x3fu));
            put(out, (char)(0xc0 | code >> 6));
            put(out, (char)(0x80 | (code & 0x3f)));
        } else {
            put(out, text[i]);
        }
    }
}

/* ---- Numbers ---- */

/* Exponents up to here are written out; beyond, zeros would be longer than any number is written.
 */
#define EXPONENT_MAX 40

/* digits[0..count) without their point, which stands after the first `whole` of them. */
struct decimal {
    const char *digits; /* as in the text, the point still among them */
    int32_t count, whole, point;
};

static char digit_at(const struct decimal *number, int32_t i)
{
    if (i < 0 || i >= number->count)
        return '0';
    return number->digits[i >= number->point ? i + 1 : i];
}

static int32_t exponent_value(const char *text, uint32_t bytes)
{
    int32_t value = 0;
    bool minus = bytes && text[0] == '-';
    for (uint32_t i = 0; i < bytes; i++)
        if (lk_is_digit(text[i]) && value < 1000)
            value = value * 10 + (text[i] - '0');
    return minus ? -value : value;
}

static void put_decimal(const struct decimal *number, struct output *out)
{
    int32_t first = 0, last = number->count - 1;
    while (first < number->whole - 1 && digit_at(number, first) == '0')
        first++;
    while (last >= number->whole && digit_at(number, last) == '0')
        last--;
    if (number->whole <= 0)
        put(out, '0');
    for (int32_t i = first; i < number->whole; i++)
        put(out, digit_at(number, i));
    if (last < number->whole)
        return;
    put(out, '.');
    for (int32_t i = number->whole; i <= last; i++)
        put(out, digit_at(number, i));
}

static void fold_number(const char *text, uint32_t bytes, struct output *out)
{
    uint32_t mantissa = 0, point = 0;
    bool pointed = false;
    while (mantissa < bytes && (lk_is_digit(text[mantissa]) || text[mantissa] == '.')) {
        if (text[mantissa] == '.') {
            point = mantissa;
            pointed = true;
        }
        mantissa++;
    }
    struct decimal number = {.digits = text, .count = (int32_t)(mantissa - pointed)};
    number.point = pointed ? (int32_t)point : number.count;
    int32_t power =
        mantissa < bytes ? exponent_value(text + mantissa + 1, bytes - mantissa - 1) : 0;
    number.whole = number.point + power;
    if (bytes > INT32_MAX / 2 || power > EXPONENT_MAX || power < -EXPONENT_MAX)
        fold_letters(text, bytes, out);
    else
        put_decimal(&number, out);
}

size_t lk_fold(const char *text, const struct lk_token *token, char *out, size_t room)
{
    struct output output = {out, 0, room};
    text += token->offset;
    switch ((enum lk_class)token->token_class) {
    case LK_CLASS_SPACE:
        put(&output, ' ');
        break;
    case LK_CLASS_NUMBER:
    case LK_CLASS_FLOAT:
        fold_number(text, token->bytes, &output);
        break;
    case LK_CLASS_RANDOM:
    case LK_CLASS_BINARY:
        for (uint32_t i = 0; i < token->bytes && i < room; i++)
            put(&output, text[i]);
        break;
    default:
        fold_letters(text, token->bytes, &output);
    }
    return output.used;
}
