/* Tells random text (nonces, request ids, base64 of digests) from names and numbers. */
#include "text/kinds.h"
#include "text/shapes.h"

/* rare[a] has bit b where the pair of letters `ab` is less than one in 10,000 of all pairs in the
 * English, German and French word lists of Debian (wamerican, wngerman, wfrench). Of the words of
 * 16 letters and more none has more than 13.4 % such pairs; random letters have 41 %. */
static const uint32_t rare[26] = {
    0x0004010, /* a: eo */
    0x1a1b60c, /* b: cdjkmnpqvxy */
    0x2e5b26a, /* c: bdfgjmnpqsvwxz */
    0x2e186a4, /* d: cfhjkpqvwxz */
    0x0000200, /* e: j */
    0x1e1b68c, /* f: cdhjkmnpqvwxy */
    0x3e1822c, /* g: cdfjpqvwxyz */
    0x0a182ac, /* h: cdfhjpqvx */
    0x1400200, /* i: jwy */
    0x3efbfee, /* j: bcdfghijklmnpqrstvwxyz */
    0x3e196ec, /* k: cdfghjkmpqvwxyz */
    0x0c30200, /* l: jqrwx */
    0x3e306ac, /* m: cdfhjkqrvwxyz */
    0x1800000, /* n: xy */
    0x0000200, /* o: j */
    0x3e1364e, /* p: bcdgjkmnqvwxyz */
    0x3efffff, /* q: abcdefghijklmnopqrstvwxyz */
    0x0800200, /* r: jx */
    0x0800200, /* s: jx */
    0x0810208, /* t: djqx */
    0x1110200, /* u: jquy */
    0x3edbeee, /* v: bcdfghjklmnpqstvwxyz */
    0x3efbeee, /* w: bcdfghjklmnpqrstvwxyz */
    0x3f77eea, /* x: bdfghjklmnoqrsuvwxyz */
    0x3f907e2, /* y: bfghijkqtuvwxyz */
    0x3a7b6ec, /* z: cdfghjkmnpqrsvxyz */
};

/* Of all pairs of neighbours, this share has to look unlike a name: measured against 28,920
 * identifiers of 16 and more characters from C headers, Python and JavaScript, 0.6 % of which pass
 * (half of them tables and base64), and against random base62, 98 % of which pass at 16. */
#define MIXED_PERCENT    36u
#define ONE_CASE_PERCENT 27u /* letters of one case alone have rare pairs as their only sign */

/* How unlike a name the pair at t[0], t[1] is, in halves. A capital that begins a word (camelCase)
 * is half a sign, a change between letters and digits, or any other rise of case, a whole one. */
static uint32_t oddity(const char *t, bool more)
{
    uint8_t a = lk_kind(t[0]), b = lk_kind(t[1]);
    if ((a | b) & LK_KIND_DIGIT)
        return a == b ? 0 : 2;
    if ((a & LK_KINDS_SMALL) && (b & LK_KINDS_LARGE))
        return more && (lk_kind(t[2]) & LK_KINDS_SMALL) ? 1 : 2;
    return rare[(t[0] | 0x20) - 'a'] >> ((t[1] | 0x20) - 'a') & 1 ? 2 : 0;
}

bool lk_looks_random(const char *text, uint32_t bytes)
{
    uint32_t seen = 0, pairs = 0;
    uint64_t odd = 0;
    for (uint32_t i = 0; i + 1 < bytes; i++) {
        seen |= lk_kind(text[i]);
        if (!lk_is_alnum(text[i]) || !lk_is_alnum(text[i + 1]))
            continue;
        pairs++;
        odd += oddity(text + i, i + 2 < bytes);
    }
    bool one_case =
        !(seen & LK_KIND_DIGIT) && (!(seen & LK_KINDS_SMALL) || !(seen & LK_KINDS_LARGE));
    return pairs && odd * 50 >= (uint64_t)pairs * (one_case ? ONE_CASE_PERCENT : MIXED_PERCENT);
}

/* ---- Spans with separators in them ---- */

/* A nanoid has 21 characters, base64 of a digest of 16 bytes 22; less is told from words badly. */
#define SPAN_MIN 21u

struct alphabet {
    char separators[2];
    bool padded; /* whole groups of four, filled up with = */
};
static const struct alphabet alphabets[] = {{{'-', '_'}, false}, {{'+', '/'}, true}};

static bool is_separator(const struct alphabet *alphabet, char byte)
{
    return byte == alphabet->separators[0] || byte == alphabet->separators[1];
}

struct segment {
    uint32_t start, end;
    uint32_t kinds; /* all kinds of its bytes */
};

static struct segment segment_at(const char *text, uint32_t end, uint32_t start)
{
    struct segment s = {start, start, 0};
    while (s.end < end && lk_is_alnum(text[s.end]))
        s.kinds |= lk_kind(text[s.end++]);
    return s;
}

/* A word or a number of an ordinary length: what a name is made of. */
static bool is_plain(const char *text, const struct segment *s)
{
    uint32_t length = s->end - s->start, first = lk_kind(text[s->start]);
    if (length >= 16)
        return false;
    if (s->kinds == LK_KIND_DIGIT || !(s->kinds & ~(uint32_t)LK_KINDS_SMALL) ||
        !(s->kinds & ~(uint32_t)LK_KINDS_LARGE))
        return true;
    if (!(first & LK_KINDS_LARGE))
        return false;
    for (uint32_t i = s->start + 1; i < s->end; i++)
        if (!(lk_kind(text[i]) & LK_KINDS_SMALL))
            return false;
    return true;
}

/* A digest or an id that is a token of its own, and no part of base64. */
static bool stands_alone(const struct segment *s)
{
    uint32_t length = s->end - s->start;
    if (s->kinds == LK_KIND_DIGIT)
        return length >= 10;
    return length >= 16 && (s->kinds == (LK_KIND_DIGIT | LK_KIND_HEX_LOWER) ||
                            s->kinds == (LK_KIND_DIGIT | LK_KIND_HEX_UPPER));
}

/* Leaves out the plain segments at both ends of *start..*end. */
static void strip(const char *text, const struct alphabet *alphabet, uint32_t *start, uint32_t *end)
{
    uint32_t last_odd_end = *start;
    bool found = false;
    for (uint32_t at = *start; at < *end;) {
        struct segment s = segment_at(text, *end, at);
        if (s.end > s.start && !is_plain(text, &s)) {
            if (!found)
                *start = s.start;
            found = true;
            last_odd_end = s.end;
        }
        at = s.end;
        while (at < *end && is_separator(alphabet, text[at]))
            at++;
    }
    *end = last_odd_end;
}

/* Would a digest's base64 have this length? A run that has it needs no stripping. */
static bool is_digest_length(uint32_t length)
{
    return length == 22 || length == 27 || length == 43 || length == 86;
}

static bool span_fits(const char *text, const struct alphabet *alphabet, uint32_t start,
                      uint32_t end)
{
    uint32_t length = end - start, separators = 0, kinds = 0;
    if (length < SPAN_MIN)
        return false;
    for (uint32_t at = start; at < end; at++) {
        struct segment s = segment_at(text, end, at);
        bool inner = s.start > start && s.end < end;
        if (stands_alone(&s) ||
            (inner && s.end - s.start >= 3 && alphabet->padded && is_plain(text, &s)))
            return false;
        kinds |= s.kinds;
        separators += s.end < end;
        at = s.end;
    }
    /* One character of 32 is a separator; more of them and it is a name with many parts. */
    return separators && separators <= 1 + length / 12 && (kinds & ~(uint32_t)LK_KINDS_HEX) &&
           lk_looks_random(text + start, length);
}

static uint32_t padding(const char *text, uint32_t bytes, uint32_t start, uint32_t end)
{
    uint32_t pads = (4 - (end - start) % 4) % 4;
    if (pads == 3 || bytes - end < pads)
        return 0;
    for (uint32_t i = 0; i < pads; i++)
        if (text[end + i] != '=')
            return 0;
    return pads;
}

bool lk_random_span(const char *text, uint32_t bytes, uint32_t from, int which,
                    struct lk_random_span *span)
{
    const struct alphabet *alphabet = &alphabets[which];
    uint32_t at = from;
    while (at < bytes && (lk_is_alnum(text[at]) || is_separator(alphabet, text[at])))
        at++;
    span->run_end = at;
    span->start = from;
    span->end = at;
    if (at - from < SPAN_MIN)
        return false;
    if (!is_digest_length(at - from))
        strip(text, alphabet, &span->start, &span->end);
    uint32_t length = span->end - span->start, pads = padding(text, bytes, span->start, span->end);
    if (alphabet->padded && !is_digest_length(length) && (length + pads) % 4 != 0)
        return false;
    if (!span_fits(text, alphabet, span->start, span->end))
        return false;
    span->end += pads;
    return true;
}
