/* UUIDs, dates, numbers and versions: what a token's characters can spell. */
#include "text/shapes.h"

#include "text/kinds.h"

static uint32_t digits_at(const char *text, uint32_t bytes, uint32_t at)
{
    uint32_t end = at;
    while (end < bytes && lk_is_digit(text[end]))
        end++;
    return end - at;
}

uint32_t lk_shape_uuid(const char *text, uint32_t bytes, uint32_t from)
{
    if (bytes - from < 36)
        return 0;
    const char *t = text + from;
    for (uint32_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? t[i] != '-' : !(lk_kind(t[i]) & LK_KINDS_HEX))
            return 0;
    }
    return lk_is_end(text, bytes, from + 36) ? 36 : 0;
}

/* ---- Dates ---- */

/* The value of `count` digits at `at`, -1 if they are not all digits. */
static int number_at(const char *text, uint32_t bytes, uint32_t at, uint32_t count)
{
    int value = 0;
    if (bytes < count || at > bytes - count)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (!lk_is_digit(text[at + i]))
            return -1;
        value = value * 10 + (text[at + i] - '0');
    }
    return value;
}

static bool is_date(int year, int month, int day)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1];
}

/* HH[:MM[:SS]] at `at`, with or without colons: its length, 0 if there is none. */
static uint32_t time_of_day(const char *text, uint32_t bytes, uint32_t at, bool colons)
{
    static const int limits[] = {24, 60, 61};
    uint32_t used = 0;
    for (int part = 0; part < 3; part++) {
        uint32_t next = used + (part && colons);
        if (part && colons && !(at + used < bytes && text[at + used] == ':'))
            break;
        int value = number_at(text, bytes, at + next, 2);
        if (value < 0 || value >= limits[part])
            break;
        used = next + 2;
    }
    return used >= 4 ? used : 0;
}

/* .123456 at `at`. */
static uint32_t fraction(const char *text, uint32_t bytes, uint32_t at)
{
    if (at >= bytes || (text[at] != '.' && text[at] != ','))
        return 0;
    uint32_t digits = digits_at(text, bytes, at + 1);
    return digits && digits <= 9 ? digits + 1 : 0;
}

/* Z, +01:00, -0800 at `at`. */
static uint32_t zone(const char *text, uint32_t bytes, uint32_t at)
{
    if (at >= bytes)
        return 0;
    if ((text[at] == 'Z' || text[at] == 'z') && lk_is_end(text, bytes, at + 1))
        return 1;
    if (text[at] != '+' && text[at] != '-')
        return 0;
    for (uint32_t colon = 0; colon < 2; colon++) {
        int hours = number_at(text, bytes, at + 1, 2);
        int minutes = number_at(text, bytes, at + 3 + colon, 2);
        if (hours >= 0 && hours < 15 && minutes >= 0 && minutes < 60 &&
            (!colon || text[at + 3] == ':') && lk_is_end(text, bytes, at + 5 + colon))
            return 5 + colon;
    }
    return 0;
}

uint32_t lk_shape_date(const char *text, uint32_t bytes, uint32_t from)
{
    int year = number_at(text, bytes, from, 4);
    if (year < 1900 || year >= 2100)
        return 0;
    bool dashes = from + 4 < bytes && text[from + 4] == '-';
    uint32_t month_at = from + 4 + dashes, day_at = month_at + 2 + dashes, at = day_at + 2;
    if (!is_date(year, number_at(text, bytes, month_at, 2), number_at(text, bytes, day_at, 2)))
        return 0;
    if (dashes && text[day_at - 1] != '-')
        return 0;
    bool lettered = at < bytes && (text[at] == 'T' || text[at] == 't');
    bool spaced = dashes && at < bytes && text[at] == ' ';
    uint32_t time_at = at + (lettered || spaced);
    uint32_t time = lettered || spaced || !dashes ? time_of_day(text, bytes, time_at, dashes) : 0;
    if (time && (lettered || spaced || time == 6)) {
        uint32_t end = time_at + time;
        end += fraction(text, bytes, end);
        end += zone(text, bytes, end);
        if (lk_is_end(text, bytes, end))
            return end - from;
    }
    return dashes && lk_is_end(text, bytes, at) ? at - from : 0;
}

/* ---- Numbers ---- */

/* Seconds since 1970 within 2001 to 2039, as 10 digits; ms, us and ns add 3, 6 and 9. */
static bool is_epoch(const char *digits, uint32_t count)
{
    static const char first[] = "1000000000", beyond[] = "2208988800";
    if (count != 10 && count != 13 && count != 16 && count != 19)
        return false;
    return __builtin_memcmp(digits, first, 10) >= 0 && __builtin_memcmp(digits, beyond, 10) < 0;
}

/* e5, E+10 at `at`: its length. */
static uint32_t exponent(const char *text, uint32_t bytes, uint32_t at)
{
    if (at >= bytes || (text[at] != 'e' && text[at] != 'E'))
        return 0;
    uint32_t sign = at + 1 < bytes && (text[at + 1] == '+' || text[at + 1] == '-');
    uint32_t digits = digits_at(text, bytes, at + 1 + sign);
    return digits && digits <= 3 && lk_is_end(text, bytes, at + 1 + sign + digits)
               ? 1 + sign + digits
               : 0;
}

/* 10.0.0.1 is an ADDRESS, 1.2.3 a VERSION; the length of three and more short parts, else 0. */
static uint32_t dotted(const char *text, uint32_t bytes, uint32_t from, enum lk_class *token_class)
{
    uint32_t at = from, parts = 0;
    bool octets = true;
    for (;;) {
        uint32_t digits = digits_at(text, bytes, at);
        if (!digits || digits > 3)
            return 0;
        octets = octets && number_at(text, bytes, at, digits) < 256;
        at += digits;
        parts++;
        if (parts == 4 || at + 1 >= bytes || text[at] != '.' || !lk_is_digit(text[at + 1]))
            break;
        at++;
    }
    if (parts < 3 || !lk_is_end(text, bytes, at))
        return 0;
    *token_class = parts == 4 && octets ? LK_CLASS_ADDRESS : LK_CLASS_VERSION;
    return at - from;
}

uint32_t lk_shape_number(const char *text, uint32_t bytes, uint32_t from, uint32_t digits,
                         enum lk_class *token_class)
{
    uint32_t end = from + digits;
    bool epoch = is_epoch(text + from, digits);
    *token_class = epoch ? LK_CLASS_TIMESTAMP : LK_CLASS_NUMBER;
    if (end + 1 < bytes && text[end] == '.' && lk_is_digit(text[end + 1])) {
        uint32_t length = digits <= 3 ? dotted(text, bytes, from, token_class) : 0;
        if (length)
            return length;
        end += 1 + digits_at(text, bytes, end + 1);
        if (!epoch || digits != 10)
            *token_class = LK_CLASS_FLOAT;
    }
    uint32_t power = exponent(text, bytes, end);
    if (power)
        *token_class = LK_CLASS_FLOAT;
    return end + power - from;
}

uint32_t lk_shape_version(const char *text, uint32_t bytes, uint32_t from)
{
    uint32_t at = from + 1;
    for (uint32_t parts = 0; parts < 4; parts++) {
        uint32_t digits = digits_at(text, bytes, at);
        if (!digits)
            return 0;
        at += digits;
        if (parts == 3 || at + 1 >= bytes || text[at] != '.' || !lk_is_digit(text[at + 1]))
            break;
        at++;
    }
    return lk_is_end(text, bytes, at) ? at - from : 0;
}
