/* Hits that got the answer of another input, because one key stands for both. */
#include <string.h>

#include "find/cache_faults.h"
#include "find/key_tokens.h"
#include "model/units.h"

#define EVIDENCE_MAX  5
#define FIELDS_NAMED  3
#define STRONG_DIGITS 32 /* of a digest in hexadecimal: 128 bits */

struct confusion {                /* one key and two of its inputs */
    uint32_t key, written, asked; /* the latter two are indices of inputs; CACHE_NONE not kept */
};

struct muddle { /* of one template */
    double false_hits, keys;
    GArray *confusions; /* struct confusion, the first of each key, up to EVIDENCE_MAX */
};

struct confusions {
    struct cache_model *model;
    const struct identities *identities;
    struct map inputs;      /* key, asker -> index of the input */
    uint8_t *owner;         /* of each key: enum cache_asker of its entry */
    uint8_t *told;          /* each key: one of its hits was false */
    struct muddle *muddles; /* of each template */
    struct parts *parts;
};

/* ---- Which input is which ---- */

static void list_inputs(struct confusions *confusions)
{
    const struct cache_model *model = confusions->model;

    for (guint i = 0; i < model->others->len; i++) {
        const struct cache_other *other = &g_array_index(model->others, struct cache_other, i);

        *map_put(&confusions->inputs, hash_mix(other->key + 1, other->asker), NULL) = other->input;
        *map_put(&confusions->inputs, hash_mix(other->key + 1, ASKER_FIRST), NULL) =
            model_key(model, other->key)->input;
    }
}

static uint32_t input_of(const struct confusions *confusions, uint32_t key, uint8_t asker)
{
    const uint32_t *input = map_find(&confusions->inputs, hash_mix(key + 1, asker));

    return input ? *input : CACHE_NONE;
}

/* What spelling and the template's cures leave of an input. */
static uint64_t normal_form(const struct confusions *confusions, uint32_t key, uint32_t input)
{
    const struct cache_model *model = confusions->model;
    const struct cures *cures =
        confusions->identities->cures[model_key(model, key)->template_index];
    uint64_t mask = SPELLINGS;

    parts_read(confusions->parts, model_key(model, key), model_input(model, input));
    if (cures) {
        parts_mark(confusions->parts, &cures->features);
        mask |= cures->mask;
    }
    return parts_hash(confusions->parts, mask);
}

/* Inputs that differ in what means nothing may share an answer. What was not kept (ASKER_MANY) has
 * another fingerprint than all that were. */
static bool differ(const struct confusions *confusions, uint32_t key, uint8_t owner, uint8_t asker)
{
    uint32_t written = input_of(confusions, key, owner), asked = input_of(confusions, key, asker);

    if (owner == asker)
        return false;
    return written == CACHE_NONE || asked == CACHE_NONE ||
           normal_form(confusions, key, written) != normal_form(confusions, key, asked);
}

/* ---- Hits ---- */

static void note_false_hit(struct confusions *confusions, uint32_t key, uint8_t owner,
                           uint8_t asker)
{
    struct muddle *muddle = &confusions->muddles[model_key(confusions->model, key)->template_index];
    struct confusion confusion = {key, input_of(confusions, key, owner),
                                  input_of(confusions, key, asker)};

    muddle->false_hits++;
    muddle->keys += !confusions->told[key];
    if (!confusions->told[key] && muddle->confusions->len < EVIDENCE_MAX &&
        confusion.written != CACHE_NONE && confusion.asked != CACHE_NONE)
        g_array_append_val(muddle->confusions, confusion);
    confusions->told[key] = 1;
}

/* An entry from before the capture is taken to be of the input that first got it. */
static void note_access(struct confusions *confusions, const struct cache_access *access)
{
    uint8_t *owner = &confusions->owner[access->key];

    if (access->flags & ACCESS_HIT && access->asker != ASKER_UNKNOWN) {
        if (*owner == ASKER_UNKNOWN)
            *owner = access->asker;
        else if (differ(confusions, access->key, *owner, access->asker))
            note_false_hit(confusions, access->key, *owner, access->asker);
    }
    if (access->flags & ACCESS_WRITE)
        *owner = access->asker;
}

/* ---- The finding ---- */

/* The member that `at` of a JSON text or a list of name=value is in; NULL: there is none. */
static char *field_at(const struct cache_input *input, size_t at)
{
    const char *text = input->text, *end = text + MIN(at, input->text_bytes), *start;
    bool json = input->text_bytes && *text == '{';

    while (end > text && !(json ? end - text > 1 && end[-1] == ':' && end[-2] == '"'
                                : strchr("=&;\n ", end[-1]) != NULL))
        end--;
    if (end == text || (!json && end[-1] != '='))
        return NULL;
    end -= json ? 2 : 1;
    while (json && end > text && end[-1] == '\\')
        end--;
    for (start = end; start > text && (g_ascii_isalnum(start[-1]) || strchr("_-.", start[-1]));)
        start--;
    return start < end ? g_strndup(start, (gsize)(end - start)) : NULL;
}

static void show_confusion(struct confusions *confusions, const struct confusion *confusion,
                           struct finding *finding, GPtrArray *fields)
{
    struct cache_model *model = confusions->model;
    const struct cache_input *a = model_input(model, confusion->written),
                             *b = model_input(model, confusion->asked);
    struct evidence *evidence = evidence_pair(model, "digest-input", 0.99,
                                              (struct pair_end){confusion->key, confusion->written},
                                              (struct pair_end){confusion->key, confusion->asked});
    struct span x, y;
    char *field;

    g_ptr_array_add(finding->evidence, evidence);
    if (model_key(model, confusion->key)->hashed)
        return;
    texts_differ(a->text, a->text_bytes, b->text, b->text_bytes, &x, &y);
    if (!(x.bytes + y.bytes))
        return;
    evidence_differ(model, evidence, difference_class(&x, &y), x, y);
    field = x.bytes ? field_at(a, x.offset) : field_at(b, y.offset);
    if (field && fields->len < FIELDS_NAMED &&
        !g_ptr_array_find_with_equal_func(fields, field, g_str_equal, NULL))
        g_ptr_array_add(fields, field);
    else
        g_free(field);
}

/* "`temperature`, `seed`"; "" where nothing has a name. */
static const char *list_fields(struct report *report, const GPtrArray *fields)
{
    const char *list = "";

    for (guint i = 0; i < fields->len; i++)
        list = report_printf(report, "%s%s`%s`", list, i ? ", " : "",
                             (const char *)g_ptr_array_index(fields, i));
    return list;
}

static const char *remedy_of(const struct confusions *confusions, const struct muddle *muddle,
                             const char *fields)
{
    const struct cache_model *model = confusions->model;
    const struct confusion *first =
        muddle->confusions->len ? &g_array_index(muddle->confusions, struct confusion, 0) : NULL;
    unsigned digits = first ? model_input(model, first->written)->digest_bytes : STRONG_DIGITS;
    const char *held =
        *fields ? report_printf(model->report, "put %s into the key", fields)
                : "put into the key what the inputs differ in, or all of the input's digest";

    if (digits >= STRONG_DIGITS)
        return held;
    return report_printf(
        model->report,
        "keep all of a digest such as SHA-256 in the key: its %u characters are the same for "
        "different inputs; until then, %s",
        digits, held);
}

static void report_muddle(struct confusions *confusions, uint32_t template_index)
{
    struct cache_model *model = confusions->model;
    const struct muddle *muddle = &confusions->muddles[template_index];
    const struct template_report *report = model_template(model, template_index)->report;
    struct finding *finding = fault_new(model, template_index, "false-hit", SEVERITY_ERROR);
    GPtrArray *fields = g_ptr_array_new_with_free_func(g_free);
    char hits[UNITS_ROOM], all[UNITS_ROOM], keys[UNITS_ROOM];
    const char *names;

    for (guint i = 0; i < muddle->confusions->len; i++)
        show_confusion(confusions, &g_array_index(muddle->confusions, struct confusion, i), finding,
                       fields);
    names = list_fields(model->report, fields);
    finding->message = report_printf(
        model->report,
        "%s of %s hits on %s got the answer of another input: %s keys stand for inputs that "
        "differ%s%s",
        units_count(hits, sizeof(hits), muddle->false_hits),
        units_count(all, sizeof(all), (double)report->hits), report->name,
        units_count(keys, sizeof(keys), muddle->keys), *names ? " in " : "", names);
    finding->remedy = remedy_of(confusions, muddle, names);
    finding_metric(finding, "false_hit_count", muddle->false_hits);
    finding_metric(finding, "false_hit_ratio", muddle->false_hits / (double)MAX(1, report->hits));
    finding_metric(finding, "ambiguous_keys_count", muddle->keys);
    g_ptr_array_free(fields, TRUE);
}

void find_false_hits(struct cache_model *model, const struct identities *identities)
{
    struct confusions confusions = {.model = model, .identities = identities};

    if (!model->others->len)
        return;
    confusions.owner = g_new0(uint8_t, model->keys->len + 1);
    confusions.told = g_new0(uint8_t, model->keys->len + 1);
    confusions.muddles = g_new0(struct muddle, model->templates->len + 1);
    confusions.parts = parts_new();
    for (guint t = 0; t < model->templates->len; t++)
        confusions.muddles[t].confusions = g_array_new(FALSE, FALSE, sizeof(struct confusion));
    list_inputs(&confusions);
    for (guint i = 0; i < model->accesses->len; i++)
        if (model_access(model, i)->key != CACHE_NONE)
            note_access(&confusions, model_access(model, i));
    for (guint t = 0; t < model->templates->len; t++) {
        if (confusions.muddles[t].false_hits >= thresholds.false_hits_min)
            report_muddle(&confusions, t);
        g_array_free(confusions.muddles[t].confusions, TRUE);
    }
    g_free(confusions.owner);
    g_free(confusions.told);
    g_free(confusions.muddles);
    parts_free(confusions.parts);
    map_clear(&confusions.inputs);
}
