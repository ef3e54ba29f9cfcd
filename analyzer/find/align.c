/* Walks two trees of parts that are equal under a mask, and notes where they are not equal as
 * written. */
#include "find/evidence.h"

struct walk {
    const struct parts *a, *b;
    uint64_t mask;
    GArray *mismatches;
    uint32_t field_offset, field_bytes;
};

struct child {
    uint64_t hash;
    uint32_t index;
    uint32_t position;
};

static bool is_space(const struct part *part)
{
    return part->kind == PART_TOKEN && part->token_class == LK_CLASS_SPACE;
}

static void note(struct walk *walk, unsigned feature, uint32_t a, uint32_t b)
{
    const struct part *x = parts_at(walk->a, a), *y = parts_at(walk->b, b);
    struct mismatch mismatch = {.feature = feature,
                                .of_key = y->flags & PART_OF_KEY,
                                .a_offset = x->offset,
                                .a_bytes = x->bytes,
                                .b_offset = y->offset,
                                .b_bytes = y->bytes,
                                .a_hash = x->forms[0],
                                .b_hash = y->forms[0],
                                .field_offset = walk->field_offset,
                                .field_bytes = walk->field_bytes,
                                .a_part = a,
                                .b_part = b};

    g_array_append_val(walk->mismatches, mismatch);
}

/* White space at a and b; where there is none, an empty stretch before what stands there, or after
 * all that does. */
static void note_space(struct walk *walk, uint32_t a, uint32_t b, bool a_there, bool b_there)
{
    struct mismatch *mismatch;

    if (a_there && b_there && parts_at(walk->a, a)->forms[0] == parts_at(walk->b, b)->forms[0])
        return;
    note(walk, FEATURE_WHITESPACE, a, b);
    mismatch = &g_array_index(walk->mismatches, struct mismatch, walk->mismatches->len - 1);
    if (!a_there)
        mismatch->a_bytes = 0;
    if (!b_there)
        mismatch->b_bytes = 0;
}

/* The last mismatch was found where one of the sequences had ended. */
static void move_to_end(struct walk *walk, bool a_ended, bool b_ended)
{
    struct mismatch *mismatch =
        &g_array_index(walk->mismatches, struct mismatch, walk->mismatches->len - 1);

    if (a_ended)
        mismatch->a_offset += parts_at(walk->a, mismatch->a_part)->bytes;
    if (b_ended)
        mismatch->b_offset += parts_at(walk->b, mismatch->b_part)->bytes;
}

static void walk_tokens(struct walk *walk, uint32_t a, uint32_t b)
{
    const struct part *x = parts_at(walk->a, a), *y = parts_at(walk->b, b);
    bool number = y->token_class == LK_CLASS_NUMBER || y->token_class == LK_CLASS_FLOAT;

    if (x->forms[0] == y->forms[0])
        return;
    if (y->feature < FEATURES && walk->mask & FEATURE_BIT(y->feature))
        note(walk, y->feature, a, b);
    else if (x->forms[FORM_COMPOSED] == y->forms[FORM_COMPOSED])
        note(walk, FEATURE_UNICODE, a, b);
    else
        note(walk, number ? FEATURE_NUMBER_FORMAT : FEATURE_CASE, a, b);
}

static void walk_parts(struct walk *walk, uint32_t a, uint32_t b);

/* A text that ends: what stands in for "the part after the white space". */
static uint32_t at_most(uint32_t index, uint32_t end)
{
    return index < end ? index : end - 1;
}

static void walk_sequence(struct walk *walk, uint32_t a, uint32_t b)
{
    uint32_t a_end = parts_at(walk->a, a)->end, b_end = parts_at(walk->b, b)->end;
    uint32_t i = a + 1, k = b + 1, offset = walk->field_offset, bytes = walk->field_bytes;

    while (i < a_end || k < b_end) {
        bool a_space = i < a_end && is_space(parts_at(walk->a, i));
        bool b_space = k < b_end && is_space(parts_at(walk->b, k));

        if (a_space || b_space) {
            guint before = walk->mismatches->len;

            note_space(walk, at_most(i, a_end), at_most(k, b_end), a_space, b_space);
            if (walk->mismatches->len > before)
                move_to_end(walk, i >= a_end, k >= b_end);
            i = a_space ? parts_at(walk->a, i)->end : i;
            k = b_space ? parts_at(walk->b, k)->end : k;
            continue;
        }
        if (i >= a_end || k >= b_end)
            break;
        if (parts_at(walk->b, k)->flags & PART_NAME) {
            walk->field_offset = parts_at(walk->b, k)->offset;
            walk->field_bytes = parts_at(walk->b, k)->bytes;
        }
        walk_parts(walk, i, k);
        i = parts_at(walk->a, i)->end;
        k = parts_at(walk->b, k)->end;
    }
    walk->field_offset = offset;
    walk->field_bytes = bytes;
}

static int by_hash(const void *a, const void *b)
{
    const struct child *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static int by_position(const void *a, const void *b)
{
    const struct child *x = a, *y = b;

    return (x->position > y->position) - (x->position < y->position);
}

static GArray *children_of(const struct parts *parts, uint32_t index, uint64_t mask, bool spaces)
{
    GArray *children = g_array_new(FALSE, FALSE, sizeof(struct child));
    uint32_t end = parts_at(parts, index)->end;

    for (uint32_t i = index + 1; i < end; i = parts_at(parts, i)->end) {
        struct child child = {parts_hash_at(parts, i, mask), i, children->len};

        if (is_space(parts_at(parts, i)) == spaces)
            g_array_append_val(children, child);
    }
    return children;
}

/* Layout between members moves with them: only another set of blanks is another spelling. */
static void compare_layout(struct walk *walk, uint32_t a, uint32_t b)
{
    GArray *x = children_of(walk->a, a, 0, true), *y = children_of(walk->b, b, 0, true);
    uint32_t count = MIN(x->len, y->len), i = 0;

    g_array_sort(x, by_hash);
    g_array_sort(y, by_hash);
    while (i < count &&
           g_array_index(x, struct child, i).hash == g_array_index(y, struct child, i).hash)
        i++;
    if (i < x->len || i < y->len)
        note_space(walk, i < x->len ? g_array_index(x, struct child, i).index : a,
                   i < y->len ? g_array_index(y, struct child, i).index : b, i < x->len,
                   i < y->len);
    g_array_free(x, TRUE);
    g_array_free(y, TRUE);
}

static void walk_set(struct walk *walk, uint32_t a, uint32_t b)
{
    GArray *x = children_of(walk->a, a, walk->mask, false),
           *y = children_of(walk->b, b, walk->mask, false);
    bool reordered = false;

    g_array_sort(x, by_hash);
    g_array_sort(y, by_hash);
    for (guint i = 0; i < MIN(x->len, y->len); i++)
        reordered |= g_array_index(x, struct child, i).position !=
                     g_array_index(y, struct child, i).position;
    if (reordered)
        note(walk, FEATURE_ORDER, a, b);
    compare_layout(walk, a, b);
    for (guint i = 0; i < MIN(x->len, y->len); i++) /* pairs, from here on in the order of a */
        g_array_index(x, struct child, i).hash = g_array_index(y, struct child, i).index;
    g_array_sort(x, by_position);
    for (guint i = 0; i < x->len && x->len == y->len; i++)
        walk_parts(walk, g_array_index(x, struct child, i).index,
                   (uint32_t)g_array_index(x, struct child, i).hash);
    g_array_free(x, TRUE);
    g_array_free(y, TRUE);
}

static void walk_parts(struct walk *walk, uint32_t a, uint32_t b)
{
    const struct part *x = parts_at(walk->a, a), *y = parts_at(walk->b, b);

    if (x->kind != y->kind)
        return;
    if (x->kind == PART_TOKEN)
        walk_tokens(walk, a, b);
    else if (x->kind == PART_SET)
        walk_set(walk, a, b);
    else
        walk_sequence(walk, a, b);
}

static gint by_place(gconstpointer a, gconstpointer b)
{
    const struct mismatch *x = a, *y = b;

    if (x->of_key != y->of_key)
        return x->of_key ? -1 : 1;
    return (x->a_offset > y->a_offset) - (x->a_offset < y->a_offset);
}

void evidence_align(const struct cures *cures, const struct parts *a, const struct parts *b,
                    GArray *mismatches)
{
    struct walk walk = {a, b, cures->mask, mismatches, 0, 0};

    walk_parts(&walk, 0, 0);
    g_array_sort(mismatches, by_place);
}

uint64_t evidence_features(const GArray *mismatches)
{
    uint64_t features = 0;

    for (guint i = 0; i < mismatches->len; i++)
        features |= FEATURE_BIT(g_array_index(mismatches, struct mismatch, i).feature);
    return features;
}
