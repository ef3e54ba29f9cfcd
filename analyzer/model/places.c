/* Slots: a member's value, what follows a name, the first or last token of a text, or the n-th of
 * its class. */
#include "model/places.h"

#include <string.h>

bool places_has_content(const struct part *part)
{
    return part->kind == PART_TOKEN && part->token_class > LK_CLASS_PUNCTUATION &&
           !(part->flags & PART_NAME);
}

void places_put(struct part *part, uint64_t path, enum place place, uint64_t detail)
{
    part->slot = hash_mix(path + (part->flags & PART_OF_KEY), hash_mix(place, detail));
}

static bool is_mark(const struct parts *parts, const char *source, uint32_t index,
                    const char *marks)
{
    const struct part *part = parts_at(parts, index);

    return part->kind == PART_TOKEN && part->token_class == LK_CLASS_PUNCTUATION &&
           part->bytes == 1 && strchr(marks, source[part->offset]);
}

static bool is_word(const struct parts *parts, uint32_t index)
{
    const struct part *part = parts_at(parts, index);

    return part->kind == PART_TOKEN && part->token_class == LK_CLASS_WORD;
}

/* If "name:" or "name=" stands before the part, the name, which may be joined by - and _. */
static bool name_before(const struct parts *parts, const char *source, uint32_t first,
                        uint32_t index, struct field *name)
{
    uint32_t start, end;

    if (index > first && parts_at(parts, index - 1)->token_class == LK_CLASS_SPACE)
        index--;
    if (index < first + 2 || !is_mark(parts, source, index - 1, ":=") || !is_word(parts, index - 2))
        return false;
    start = end = index - 2;
    while (start >= first + 2 && is_mark(parts, source, start - 1, "-_") &&
           is_word(parts, start - 2))
        start -= 2;
    name->path = 0;
    for (uint32_t i = start; i <= end; i++)
        name->path = hash_mix(name->path, parts_at(parts, i)->forms[FORM_FOLDED]);
    name->offset = parts_at(parts, start)->offset;
    name->bytes = parts_at(parts, end)->offset + parts_at(parts, end)->bytes - name->offset;
    return true;
}

static void put_field(struct part *part, uint64_t path, enum place place, uint64_t detail,
                      const struct field *field)
{
    places_put(part, path, place, detail);
    part->flags |= PART_FIELD;
    part->name_offset = field->offset;
    part->name_bytes = field->bytes;
}

struct span { /* the first and the last token of a group that say something; 0: none */
    uint32_t first, last;
};

static struct span content_of(const struct parts *parts, uint32_t group)
{
    struct span span = {0, 0};

    for (uint32_t i = group + 1; i < parts->array->len; i = parts_at(parts, i)->end) {
        if (!places_has_content(parts_at(parts, i)))
            continue;
        span.first = span.first ? span.first : i;
        span.last = i;
    }
    return span;
}

void places_assign(struct parts *parts, uint32_t group, const char *source,
                   const struct field *field)
{
    uint32_t counts[LK_CLASSES] = {0};
    struct span span = content_of(parts, group);

    for (uint32_t i = group + 1; i < parts->array->len; i = parts_at(parts, i)->end) {
        struct part *part = parts_at(parts, i);
        struct field before;

        if (!places_has_content(part) || part->slot)
            continue;
        if (span.first == span.last && field->bytes)
            put_field(part, field->path, PLACE_WHOLE, 0, field);
        else if (name_before(parts, source, group + 1, i, &before))
            put_field(part, field->path, PLACE_NAMED, before.path, &before);
        else if (i == span.first || i == span.last)
            places_put(part, field->path, i == span.first ? PLACE_FIRST : PLACE_LAST, 0);
        else if (part->token_class != LK_CLASS_WORD)
            places_put(part, field->path, PLACE_COUNTED,
                       hash_mix(part->token_class, counts[part->token_class]));
        counts[part->token_class]++;
    }
}
