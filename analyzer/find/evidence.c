/* Shows two keys of the same input, and what differs between them, as text. */
#include "find/evidence.h"

#include <inttypes.h>
#include <string.h>

#define SHOWN_BYTES      200
#define SHOWN_OF_A_CLASS 8 /* differences of one class that are shown */

/* Valid UTF-8: control characters and other bytes as escapes; cut at `limit` bytes. */
static const char *shown(struct report *report, const char *text, size_t bytes, size_t limit)
{
    GString *out = g_string_new(NULL);
    const char *end = text + bytes, *result;

    while (text < end && out->len < limit) {
        gunichar c = g_utf8_get_char_validated(text, end - text);
        const char *known = *text && (unsigned char)*text < 0x20 ? strchr("\n\r\t", *text) : NULL;

        if (known) {
            g_string_append(out, *known == '\n' ? "\\n" : *known == '\r' ? "\\r" : "\\t");
            text++;
        } else if (c == (gunichar)-1 || c == (gunichar)-2 || c < 0x20 || c == 0x7f) {
            g_string_append_printf(out, "\\x%02x", (unsigned char)*text++);
        } else {
            g_string_append_unichar(out, c);
            text += g_unichar_to_utf8(c, NULL);
        }
    }
    if (text < end)
        g_string_append(out, "...");
    result = report_text(report, out->str);
    g_string_free(out, TRUE);
    return result;
}

/* As it is if it is UTF-8, so that offsets hold; else with what is not escaped. */
static const char *whole_text(struct report *report, const char *text, size_t bytes)
{
    char *copy;
    const char *result;

    if (!g_utf8_validate(text, (gssize)bytes, NULL))
        return shown(report, text, bytes, SIZE_MAX);
    copy = g_strndup(text, bytes);
    result = report_text(report, copy);
    g_free(copy);
    return result;
}

struct side { /* one key of the pair */
    const struct cache_key *key;
    const struct cache_input *input; /* NULL */
    const struct parts *parts;
};

static const char *source(const struct side *side, bool of_key, size_t *bytes)
{
    *bytes = of_key || !side->input ? side->key->text_bytes : side->input->text_bytes;
    return of_key || !side->input ? side->key->text : side->input->text;
}

/* The members' names, in their order. */
static const char *shown_order(struct report *report, const struct side *side, uint32_t set)
{
    const struct part *group = parts_at(side->parts, set);
    GString *names = g_string_new(NULL);
    const char *result;

    for (uint32_t i = set + 1; i < group->end; i = parts_at(side->parts, i)->end) {
        const struct part *name = i + 1 < group->end ? parts_at(side->parts, i + 1) : NULL;
        size_t bytes;
        const char *text = source(side, group->flags & PART_OF_KEY, &bytes);

        if (parts_at(side->parts, i)->kind != PART_SEQUENCE || !name || !(name->flags & PART_NAME))
            continue;
        g_string_append_printf(names, "%s%.*s", names->len ? ", " : "", (int)name->bytes,
                               text + name->offset);
    }
    result = shown(report, names->str, names->len, SHOWN_BYTES);
    g_string_free(names, TRUE);
    return result;
}

static const char *shown_part(struct report *report, const struct side *side,
                              const struct mismatch *mismatch, bool of_a)
{
    uint32_t offset = of_a ? mismatch->a_offset : mismatch->b_offset;
    uint32_t length = of_a ? mismatch->a_bytes : mismatch->b_bytes;
    size_t bytes;
    const char *text = source(side, mismatch->of_key, &bytes);

    if (mismatch->feature == FEATURE_ORDER && !side->key->hashed)
        return shown_order(report, side, of_a ? mismatch->a_part : mismatch->b_part);
    if (mismatch->feature == FEATURE_ORDER)
        return report_printf(
            report, "#%016" PRIx64,
            parts_hash_at(side->parts, of_a ? mismatch->a_part : mismatch->b_part, 0));
    if (side->key->hashed)
        return length ? report_printf(report, "#%016" PRIx64,
                                      of_a ? mismatch->a_hash : mismatch->b_hash)
                      : "";
    if (offset + length > bytes)
        return "";
    return shown(report, text + offset, length, SHOWN_BYTES - 4);
}

/* Words next to each other that differ in the same way are shown as one stretch. */
static bool joins(const struct mismatch *before, const struct mismatch *next, const struct side *a,
                  const struct side *b)
{
    uint32_t a_gap = before->a_offset + before->a_bytes, b_gap = before->b_offset + before->b_bytes;
    size_t bytes;

    return next->feature == before->feature && before->feature == FEATURE_CASE &&
           next->of_key == before->of_key && next->a_offset == a_gap + 1 &&
           next->b_offset == b_gap + 1 && !a->key->hashed &&
           source(a, next->of_key, &bytes)[a_gap] == source(b, next->of_key, &bytes)[b_gap] &&
           next->a_offset + next->a_bytes - before->a_offset <= SHOWN_BYTES / 2;
}

static void add_differences(struct report *report, const struct cures *cures, const struct side *a,
                            const struct side *b, const GArray *mismatches, GArray *differs)
{
    unsigned shown_count[FEATURES] = {0};

    for (guint i = 0; i < mismatches->len; i++) {
        struct mismatch mismatch = g_array_index(mismatches, struct mismatch, i);
        enum normaliser normaliser = cures_normaliser(cures, mismatch.feature);
        struct difference difference = {0};

        while (i + 1 < mismatches->len &&
               joins(&mismatch, &g_array_index(mismatches, struct mismatch, i + 1), a, b)) {
            const struct mismatch *next = &g_array_index(mismatches, struct mismatch, ++i);

            mismatch.a_bytes = next->a_offset + next->a_bytes - mismatch.a_offset;
            mismatch.b_bytes = next->b_offset + next->b_bytes - mismatch.b_offset;
        }
        if (normaliser == NORMALISER_NONE || shown_count[mismatch.feature]++ >= SHOWN_OF_A_CLASS)
            continue;
        difference.class_name = normalisers[normaliser].name;
        difference.a = shown_part(report, a, &mismatch, true);
        difference.b = shown_part(report, b, &mismatch, false);
        difference.a_offset = difference.b_offset = SIZE_MAX;
        if (!a->key->hashed && (!mismatch.of_key || !a->input)) {
            difference.a_offset = mismatch.a_offset;
            difference.b_offset = mismatch.b_offset;
        }
        g_array_append_val(differs, difference);
    }
}

/* The same input all through, and yet another digest: it is the digest that differs. */
static void add_salt(struct report *report, const struct side *a, const struct side *b,
                     GArray *differs)
{
    struct difference difference = {.class_name = normalisers[NORMALISER_SALT].name,
                                    .a_offset = SIZE_MAX,
                                    .b_offset = SIZE_MAX};
    const struct side *sides[] = {a, b};
    const char *texts[2];

    for (int i = 0; i < 2; i++) {
        const struct side *side = sides[i];

        if (side->key->hashed ||
            side->input->digest_offset + side->input->digest_bytes > side->key->text_bytes)
            return;
        texts[i] = shown(report, side->key->text + side->input->digest_offset,
                         side->input->digest_bytes, SHOWN_BYTES - 4);
    }
    difference.a = texts[0];
    difference.b = texts[1];
    g_array_append_val(differs, difference);
}

static const char *key_shown(struct cache_model *model, const struct cache_key *key)
{
    if (key->hashed)
        return report_printf(model->report, "%s #%016" PRIx64,
                             model_template(model, key->template_index)->report->name, key->hash);
    return whole_text(model->report, key->text, key->text_bytes);
}

static const char *input_shown(struct cache_model *model, const struct side *side)
{
    if (!side->input)
        return NULL;
    if (side->key->hashed)
        return report_printf(model->report, "#%016" PRIx64, side->input->fingerprint);
    return whole_text(model->report, side->input->text, side->input->text_bytes);
}

static struct side side_of(const struct cache_model *model, struct pair_end end,
                           const struct parts *parts)
{
    return (struct side){model_key(model, end.key),
                         end.input == CACHE_NONE ? NULL : model_input(model, end.input), parts};
}

struct evidence *evidence_pair(struct cache_model *model, const char *kind, double confidence_ratio,
                               struct pair_end a, struct pair_end b)
{
    struct evidence *evidence = report_alloc(model->report, sizeof(*evidence));
    struct side x = side_of(model, a, NULL), y = side_of(model, b, NULL);

    evidence->kind = kind;
    evidence->confidence_ratio = confidence_ratio;
    evidence->key_a = key_shown(model, x.key);
    evidence->key_b = key_shown(model, y.key);
    evidence->input_a = input_shown(model, &x);
    evidence->input_b = input_shown(model, &y);
    evidence->differs = report_array(model->report, sizeof(struct difference));
    return evidence;
}

struct evidence *evidence_new(struct cache_model *model, const struct cures *cures, uint32_t key_a,
                              uint32_t key_b, double confidence_ratio, struct parts *a,
                              struct parts *b, const GArray *mismatches)
{
    struct pair_end end_a = {key_a, model_key(model, key_a)->input},
                    end_b = {key_b, model_key(model, key_b)->input};
    struct side x = side_of(model, end_a, a), y = side_of(model, end_b, b);
    struct evidence *evidence =
        evidence_pair(model, x.input ? "digest-input" : "key-text", confidence_ratio, end_a, end_b);

    add_differences(model->report, cures, &x, &y, mismatches, evidence->differs);
    if (!mismatches->len && x.input && y.input)
        add_salt(model->report, &x, &y, evidence->differs);
    return evidence;
}

void evidence_differ(struct cache_model *model, struct evidence *evidence, const char *class_name,
                     struct span a, struct span b)
{
    struct difference difference = {.class_name = class_name,
                                    .a = shown(model->report, a.text, a.bytes, SHOWN_BYTES - 4),
                                    .b = shown(model->report, b.text, b.bytes, SHOWN_BYTES - 4),
                                    .a_offset = a.offset,
                                    .b_offset = b.offset};

    g_array_append_val(evidence->differs, difference);
}
