/* Numbers for people; see units.h. */
#include "model/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Three digits that count: 1.25, 88.2, 512. */
static int decimals_for(double value)
{
    double size = fabs(value);
    return size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
}

/* "1.50" is said as "1.5", "2.00" as "2". */
static void trim_zeros(char *text)
{
    if (strchr(text, '.') == NULL)
        return;
    size_t bytes = strlen(text);
    while (text[bytes - 1] == '0')
        bytes--;
    if (text[bytes - 1] == '.')
        bytes--;
    text[bytes] = '\0';
}

static char *put(char *out, size_t room, double value, const char *unit)
{
    char number[64];
    snprintf(number, sizeof(number), "%.*f", decimals_for(value), value);
    trim_zeros(number);
    snprintf(out, room, "%s%s%s", number, *unit == '\0' ? "" : " ", unit);
    return out;
}

static char *unknown(char *out, size_t room)
{
    snprintf(out, room, "unknown");
    return out;
}

char *units_bytes(char *out, size_t room, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    if (!isfinite(bytes))
        return unknown(out, room);
    while (fabs(bytes) >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        unit++;
    }
    return put(out, room, bytes, units[unit]);
}

char *units_count(char *out, size_t room, double count)
{
    char digits[64];
    size_t to = 0;
    if (!isfinite(count) || fabs(count) > 1e18)
        return unknown(out, room);
    if (fabs(count) < 99.95 && count != floor(count))
        return put(out, room, count, "");
    int bytes = snprintf(digits, sizeof(digits), "%.0f", count);
    int first = digits[0] == '-' ? 1 : 0;
    for (int i = 0; i < bytes && to + 1 < room; i++) {
        if (i > first && (bytes - i) % 3 == 0 && to + 2 < room)
            out[to++] = ',';
        out[to++] = digits[i];
    }
    if (room > 0)
        out[to] = '\0';
    return out;
}

char *units_seconds(char *out, size_t room, double seconds)
{
    double size = fabs(seconds);
    if (!isfinite(seconds))
        return unknown(out, room);
    if (seconds == 0)
        return put(out, room, 0, "s");
    if (size < 999.5e-9)
        return put(out, room, seconds * 1e9, "ns");
    if (size < 999.5e-6)
        return put(out, room, seconds * 1e6, "us");
    if (size < 0.9995)
        return put(out, room, seconds * 1e3, "ms");
    if (size < 119.5)
        return put(out, room, seconds, "s");
    if (size < 7200) {
        double whole = round(seconds);
        snprintf(out, room, "%.0f min %.0f s", trunc(whole / 60), fmod(fabs(whole), 60));
        return out;
    }
    double minutes = round(seconds / 60);
    snprintf(out, room, "%.0f h %.0f min", trunc(minutes / 60), fmod(fabs(minutes), 60));
    return out;
}

char *units_ratio(char *out, size_t room, double ratio)
{
    if (!isfinite(ratio))
        return unknown(out, room);
    return put(out, room, ratio * 100, "%");
}
