/* What a tree of parts hashes to when some spellings and slots are left out of account. */
#include "model/inputs.h"

#define SEED    0x6c65616b6579ull
#define SPACE   0x20ull
#define DROPPED 0x1dull

static bool masks(uint64_t mask, unsigned feature)
{
    return feature < FEATURES && mask & FEATURE_BIT(feature);
}

unsigned part_form(const struct part *part, uint64_t mask)
{
    bool number = part->token_class == LK_CLASS_NUMBER || part->token_class == LK_CLASS_FLOAT;
    unsigned form = masks(mask, FEATURE_UNICODE) ? FORM_COMPOSED : 0;

    if (part->flags & PART_NAME)
        return form;
    return form | (masks(mask, number ? FEATURE_NUMBER_FORMAT : FEATURE_CASE) ? FORM_FOLDED : 0);
}

static uint64_t hash_token(const struct part *part, uint64_t mask)
{
    if (masks(mask, part->feature))
        return DROPPED;
    return part->forms[part_form(part, mask)];
}

/* White space in layout counts for nothing, at either end of a text or beside a delimiter neither,
 * and elsewhere as one blank. */
static uint64_t hash_sequence(const struct parts *parts, uint32_t index, uint64_t mask)
{
    const struct part *group = parts_at(parts, index);
    uint64_t hash = hash_mix(SEED, group->flags & PART_STRING);
    bool collapse = masks(mask, FEATURE_WHITESPACE), begun = false, blank = false;

    for (uint32_t i = index + 1; i < group->end; i = parts_at(parts, i)->end) {
        const struct part *part = parts_at(parts, i);

        if (collapse && part->kind == PART_TOKEN && part->token_class == LK_CLASS_SPACE) {
            blank = !(part->flags & PART_LAYOUT) && begun;
            continue;
        }
        if (blank && !(part->flags & PART_DELIMITER))
            hash = hash_mix(hash, SPACE);
        hash = hash_mix(hash, parts_hash_at(parts, i, mask));
        blank = false;
        begun = !(part->flags & PART_DELIMITER);
    }
    return hash;
}

/* Without order: the sum of the members' hashes, which mix well. */
static uint64_t hash_set(const struct parts *parts, uint32_t index, uint64_t mask)
{
    const struct part *group = parts_at(parts, index);
    bool collapse = masks(mask, FEATURE_WHITESPACE), ordered = !masks(mask, FEATURE_ORDER);
    uint64_t sum = 0, hash = SEED + 1, count = 0;

    for (uint32_t i = index + 1; i < group->end; i = parts_at(parts, i)->end) {
        const struct part *part = parts_at(parts, i);
        uint64_t member;

        if (collapse && part->kind == PART_TOKEN && part->token_class == LK_CLASS_SPACE)
            continue;
        member = parts_hash_at(parts, i, mask);
        sum += hash_mix(member, SEED);
        hash = hash_mix(hash, member);
        count++;
    }
    return ordered ? hash : hash_mix(sum, count);
}

uint64_t parts_hash_at(const struct parts *parts, uint32_t index, uint64_t mask)
{
    switch (parts_at(parts, index)->kind) {
    case PART_SEQUENCE:
        return hash_sequence(parts, index, mask);
    case PART_SET:
        return hash_set(parts, index, mask);
    default:
        return hash_token(parts_at(parts, index), mask);
    }
}

uint64_t parts_hash(const struct parts *parts, uint64_t mask)
{
    uint64_t hash = parts_hash_at(parts, 0, mask);

    return masks(mask, FEATURE_TAIL) ? hash : hash_mix(hash, parts->tail);
}
