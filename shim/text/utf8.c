/* UTF-8: what is valid, and what is white space. */
#include "text/utf8.h"

static uint32_t byte_at(const char *text, uint32_t i)
{
    return (unsigned char)text[i];
}

uint32_t lk_utf8_length(const char *text, uint32_t bytes)
{
    uint32_t lead = byte_at(text, 0);
    uint32_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (!length || bytes < length)
        return 0;
    for (uint32_t i = 1; i < length; i++)
        if (byte_at(text, i) >> 6 != 2)
            return 0;
    /* Longer than needed, surrogates, beyond U+10FFFF. */
    uint32_t second = byte_at(text, 1);
    bool wrong = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                 (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
    return wrong ? 0 : length;
}

bool lk_utf8_is_space(const char *text, uint32_t length)
{
    uint32_t code;
    if (length == 2)
        code = (byte_at(text, 0) & 0x1f) << 6 | (byte_at(text, 1) & 0x3f);
    else if (length == 3)
        code = (byte_at(text, 0) & 0x0f) << 12 | (byte_at(text, 1) & 0x3f) << 6 |
               (byte_at(text, 2) & 0x3f);
    else
        return false;
    return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200b) ||
           code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000 ||
           code == 0xfeff;
}
