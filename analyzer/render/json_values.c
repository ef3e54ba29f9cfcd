/* JSON values by jansson. */
#include "render/json_values.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "model/json_out.h"

json_t *json_text(const char *text)
{
    if (text == NULL)
        return json_null();
    if (g_utf8_validate(text, -1, NULL))
        return json_string_nocheck(text);
    char *valid = g_utf8_make_valid(text, -1);
    json_t *value = json_string_nocheck(valid);
    g_free(valid);
    return value;
}

json_t *json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_whole(double value)
{
    if (!isfinite(value))
        return json_null();
    if (fabs(value) >= (double)INT64_MAX)
        return json_real(value);
    return json_integer(llround(value));
}

json_t *json_count(uint64_t value)
{
    return json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX));
}

json_t *json_interval(const double interval[2])
{
    return json_pack("[o, o]", json_number(interval[0]), json_number(interval[1]));
}

json_t *json_whole_interval(const double interval[2])
{
    return json_pack("[o, o]", json_whole(interval[0]), json_whole(interval[1]));
}

void json_put(json_t *document, FILE *out)
{
    json_put_out(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    fputc('\n', out);
    json_decref(document);
}

json_t *json_whole_if(bool known, double value)
{
    return json_whole(known ? value : NAN);
}
