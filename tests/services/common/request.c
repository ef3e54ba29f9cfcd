// Parses completion requests and brings them to the normal form that request.h describes.
// Letters outside ASCII keep their case: the model tells them apart.
#include "request.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

json_t *request_parse(const char *body, size_t body_bytes)
{
    json_t *request = json_loadb(body, body_bytes, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(request) || !json_is_string(json_object_get(request, "prompt"))) {
        json_decref(request);
        return NULL;
    }
    return request;
}

static json_t *normalise_string(const json_t *string, bool fold_case)
{
    size_t length = json_string_length(string), used = 0;
    const char *text = json_string_value(string);
    char *normal = malloc(length + 1);
    json_t *result;

    if (!normal)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        if (!is_blank(text[i]))
            normal[used++] = fold_case ? lower(text[i]) : text[i];
        else if (used && normal[used - 1] != ' ')
            normal[used++] = ' ';
    }
    if (used && normal[used - 1] == ' ')
        used--;
    result = json_stringn(normal, used);
    free(normal);
    return result;
}

static json_t *normalise_value(json_t *value, bool fold_case);

static json_t *normalise_object(json_t *object)
{
    json_t *result = json_object(), *member;
    const char *name;

    json_object_foreach(object, name, member)
    {
        json_t *normal = normalise_value(member, strcmp(name, "prompt") == 0);

        if (json_object_set_new(result, name, normal) != 0) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}

static json_t *normalise_array(const json_t *array)
{
    json_t *result = json_array(), *element;
    size_t index;

    json_array_foreach(array, index, element)
    {
        if (json_array_append_new(result, normalise_value(element, false)) != 0) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}

static json_t *normalise_value(json_t *value, bool fold_case)
{
    if (json_is_string(value))
        return normalise_string(value, fold_case);
    if (json_is_object(value))
        return normalise_object(value);
    if (json_is_array(value))
        return normalise_array(value);
    return json_copy(value);
}

char *request_normalise(json_t *request)
{
    json_t *normal = normalise_object(request);
    char *text = json_dumps(normal, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));

    json_decref(normal);
    return text;
}
