/* Numbers of a comparison in words. */
#include "render/change_text.h"

#include <math.h>
#include <string.h>

#include "model/units.h"
#include "render/page.h"

const char *change_number(char *out, enum quantity quantity, double value)
{
    switch (quantity) {
    case QUANTITY_RATIO:
        return shown_ratio(out, CHANGE_ROOM, value);
    case QUANTITY_COUNT:
        return units_count(out, CHANGE_ROOM, value);
    case QUANTITY_BYTES:
        return units_bytes(out, CHANGE_ROOM, value);
    case QUANTITY_SECONDS:
        return units_seconds(out, CHANGE_ROOM, value);
    }
    return out;
}

const char *change_difference(char *out, enum quantity quantity, double value)
{
    char number[CHANGE_ROOM];

    if (!isfinite(value)) {
        g_strlcpy(out, "?", CHANGE_ROOM);
    } else if (quantity == QUANTITY_RATIO) {
        g_snprintf(out, CHANGE_ROOM, "%+.2f", fabs(value) < 0.005 ? 0 : value);
    } else {
        change_number(number, quantity, fabs(value));
        g_snprintf(out, CHANGE_ROOM, "%s%s", value < 0 ? "-" : "+", number);
    }
    return out;
}

void change_append_interval(GString *line, const struct change *change)
{
    char low[CHANGE_ROOM], high[CHANGE_ROOM];

    if (!isfinite(change->interval[0]) || !isfinite(change->interval[1])) {
        g_string_append(line, "too little to tell");
        return;
    }
    change_difference(low, change->quantity, change->interval[0]);
    change_difference(high, change->quantity, change->interval[1]);
    char *low_unit = strchr(low, ' '), *high_unit = strchr(high, ' ');
    if (low_unit != NULL && high_unit != NULL && strcmp(low_unit, high_unit) == 0)
        *low_unit = '\0';
    g_string_append_printf(line, "%s .. %s", low, high);
}
