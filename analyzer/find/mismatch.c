/* Templates that are only read, and those under which their inputs are written instead. */
#include "find/mismatch.h"

#include <string.h>

#include "find/cache_faults.h"
#include "find/key_tokens.h"

#define EVIDENCE_MAX 5

/* ---- Who only reads, who only writes ---- */

struct matching {
    struct cache_model *model;
    GArray *units;              /* struct unit */
    uint32_t *of_key;           /* each key's unit */
    struct map index;           /* likeness -> the latest of the writers' keys that have it */
    uint32_t *next[LIKENESSES]; /* of each key: another key with the same likeness; CACHE_NONE */
    uint32_t *partner; /* of each key of the reader in hand: the writer's key; CACHE_NONE */
    uint8_t *likeness; /* by which */
    GArray *tokens;
    struct parts *parts;
};

static struct unit *unit_at(const struct matching *matching, guint index)
{
    return &g_array_index(matching->units, struct unit, index);
}

static void list_units(struct matching *matching)
{
    struct cache_model *model = matching->model;
    struct map index = {0};

    for (guint i = 0; i < model->keys->len; i++) {
        const struct cache_key *key = model_key(model, i);
        struct unit unit = {key->template_index, key->server, key->database, 0, 0, 0}, *known;
        bool added;
        uint32_t *at = map_put(&index, key_place(key), &added);

        if (added) {
            *at = matching->units->len;
            g_array_append_val(matching->units, unit);
        }
        matching->of_key[i] = *at;
        known = unit_at(matching, *at);
        known->reads += key->reads;
        known->hits += key->hits;
        known->writes += key->writes;
    }
    map_clear(&index);
}

/* What the ring has lost may have been another use: then the whole run's counters must agree. */
static bool only_reads(const struct cache_model *model, const struct unit *unit)
{
    const struct template_report *report = model_template(model, unit->template_index)->report;

    return unit->template_index && (double)unit->reads >= thresholds.mismatch_misses_min &&
           !unit->hits && !unit->writes && (model->complete || (!report->hits && !report->writes));
}

static bool only_writes(const struct cache_model *model, const struct unit *unit)
{
    const struct template_report *report = model_template(model, unit->template_index)->report;

    return unit->template_index && unit->writes && !unit->reads &&
           (model->complete || !report->reads);
}

/* ---- Likeness of keys ---- */

/* userId:7, user_id:7 and USER-ID:7 are one: words that follow each other are joined, and what else
 * follows each other stays apart. `cut`: of the first word, as much as an abbreviation has. */
static uint64_t text_likeness(const struct matching *matching, const struct cache_key *key,
                              size_t cut)
{
    uint64_t hash = cut + 1;
    uint8_t before = 0;

    for (guint i = 0; i < matching->tokens->len; i++) {
        const struct key_token *token = &g_array_index(matching->tokens, struct key_token, i);
        bool word = token->token_class == LK_CLASS_WORD && !key->hashed;
        uint32_t bytes = cut && word && !before ? MIN(token->bytes, (uint32_t)cut) : token->bytes;

        if (!token_speaks(token))
            continue;
        if (!word || before != LK_CLASS_WORD)
            hash = hash_mix(hash, token->token_class);
        for (uint32_t at = 0; word && at < bytes; at++)
            hash = hash_mix(hash, (unsigned char)g_ascii_tolower(key->text[token->offset + at]));
        if (!word)
            hash = hash_mix(hash, token->hash);
        before = token->token_class;
    }
    return hash;
}

static uint64_t digest_likeness(const struct matching *matching)
{
    for (guint i = matching->tokens->len; i-- > 0;) {
        const struct key_token *token = &g_array_index(matching->tokens, struct key_token, i);

        if (token_is_digest(token))
            return token->hash;
    }
    return 0;
}

/* The input alone, without the key that its digest stands in. */
static uint64_t spelled_likeness(const struct matching *matching, const struct cache_key *key)
{
    const struct cache_input *input = model_input(matching->model, key->input);
    struct cache_key alone = {.text = input->text,
                              .text_bytes = input->text_bytes,
                              .key_bytes = (uint32_t)MIN(input->input_bytes, UINT32_MAX),
                              .hashed = key->hashed};

    if (!input->text_bytes || (!key->hashed && input->text_bytes < input->input_bytes))
        return 0;
    parts_read(matching->parts, &alone, NULL);
    return parts_hash(matching->parts, SPELLINGS);
}

static void likenesses_of(struct matching *matching, uint32_t index, uint64_t out[LIKENESSES])
{
    const struct cache_key *key = model_key(matching->model, index);
    bool has_input = key->input != CACHE_NONE;

    key_tokens(key, matching->tokens);
    out[LIKE_TEXT] = text_likeness(matching, key, 0);
    out[LIKE_INPUT] = has_input ? model_input(matching->model, key->input)->fingerprint : 0;
    out[LIKE_DIGEST] = digest_likeness(matching);
    out[LIKE_ABBREVIATED] = key->hashed ? 0 : text_likeness(matching, key, ABBREVIATION_MIN);
    out[LIKE_SPELLED] = has_input ? spelled_likeness(matching, key) : 0;
    for (unsigned kind = 0; kind < LIKENESSES; kind++)
        if (out[kind])
            out[kind] = hash_mix(hash_mix(out[kind], kind + 1), key->server);
}

static void index_writers(struct matching *matching)
{
    for (guint i = 0; i < matching->model->keys->len; i++) {
        uint64_t likenesses[LIKENESSES];

        if (!only_writes(matching->model, unit_at(matching, matching->of_key[i])))
            continue;
        likenesses_of(matching, i, likenesses);
        for (unsigned kind = 0; kind < LIKENESSES; kind++) {
            bool added;
            uint32_t *latest =
                likenesses[kind] ? map_put(&matching->index, likenesses[kind], &added) : NULL;

            if (!latest)
                continue;
            matching->next[kind][i] = added ? CACHE_NONE : *latest;
            *latest = i;
        }
    }
}

static bool keys_relate(const struct matching *matching, uint32_t a, uint32_t b)
{
    const struct cache_model *model = matching->model;

    return names_relate(model_template(model, model_key(model, a)->template_index)->report->name,
                        model_template(model, model_key(model, b)->template_index)->report->name);
}

/* The surest likeness with a key of the unit, or of any (CACHE_NONE). */
static uint32_t find_partner(struct matching *matching, uint32_t key, uint32_t unit,
                             enum likeness *likeness)
{
    uint64_t likenesses[LIKENESSES];

    likenesses_of(matching, key, likenesses);
    for (unsigned kind = 0; kind < LIKENESSES; kind++) {
        const uint32_t *latest =
            likenesses[kind] ? map_find(&matching->index, likenesses[kind]) : NULL;

        *likeness = kind;
        for (uint32_t at = latest ? *latest : CACHE_NONE; at != CACHE_NONE;
             at = matching->next[kind][at])
            if ((unit == CACHE_NONE || matching->of_key[at] == unit) &&
                (kind != LIKE_ABBREVIATED || keys_relate(matching, key, at)))
                return at;
    }
    return CACHE_NONE;
}

/* ---- A reader, and the writer that has most of its inputs ---- */

static uint32_t best_writer(struct matching *matching, guint reader)
{
    uint64_t *shared = g_new0(uint64_t, matching->units->len + 1);
    uint32_t best = CACHE_NONE;
    enum likeness likeness;

    for (guint i = 0; i < matching->model->keys->len; i++) {
        uint32_t partner = matching->of_key[i] == reader
                               ? find_partner(matching, i, CACHE_NONE, &likeness)
                               : CACHE_NONE;

        if (partner != CACHE_NONE)
            shared[matching->of_key[partner]] += model_key(matching->model, i)->reads;
    }
    for (guint u = 0; u < matching->units->len; u++)
        if (shared[u] && (best == CACHE_NONE || shared[u] > shared[best]))
            best = u;
    g_free(shared);
    return best;
}

static void pair_keys(struct matching *matching, guint reader, uint32_t writer,
                      struct meeting *meeting)
{
    for (guint i = 0; i < matching->model->keys->len; i++) {
        enum likeness likeness = LIKE_TEXT;
        bool asks = matching->of_key[i] == reader && model_key(matching->model, i)->reads;

        matching->partner[i] = asks ? find_partner(matching, i, writer, &likeness) : CACHE_NONE;
        matching->likeness[i] = (uint8_t)likeness;
        if (matching->partner[i] == CACHE_NONE)
            continue;
        meeting->keys++;
        meeting->asked += model_key(matching->model, i)->reads;
    }
}

/* Misses that would have been hits, had they asked for the writer's key. */
static uint64_t count_missed(const struct matching *matching)
{
    struct cache_model *model = matching->model;
    struct replay replay = replay_new(model);
    uint64_t missed = 0;

    for (guint i = 0; i < model->accesses->len; i++) {
        const struct cache_access *access = model_access(model, i);
        uint32_t partner = access->key == CACHE_NONE ? CACHE_NONE : matching->partner[access->key];

        replay_step(&replay, i);
        missed += partner != CACHE_NONE && access_is_miss(access) &&
                  key_alive(&replay.states[partner], access->time_ns);
    }
    replay_clear(&replay);
    return missed;
}

/* ---- The finding ---- */

static struct span database_shown(struct report *report, uint32_t database)
{
    const char *text = report_printf(report, "database %u", database);

    return (struct span){text, strlen(text), SIZE_MAX};
}

static struct evidence *pair_evidence(const struct matching *matching, uint32_t key_a)
{
    static const double confidences[LIKENESSES] = {0.95, 0.99, 0.95, 0.8, 0.85};
    struct cache_model *model = matching->model;
    uint32_t key_b = matching->partner[key_a];
    const struct cache_key *a = model_key(model, key_a), *b = model_key(model, key_b);
    enum likeness likeness = matching->likeness[key_a];
    bool by_input = likeness == LIKE_INPUT || likeness == LIKE_SPELLED;
    struct evidence *evidence =
        evidence_pair(model, by_input ? "digest-input" : "key-text", confidences[likeness],
                      (struct pair_end){key_a, by_input ? a->input : CACHE_NONE},
                      (struct pair_end){key_b, by_input ? b->input : CACHE_NONE});
    struct span x, y;

    if (a->database != b->database)
        evidence_differ(model, evidence, normalisers[NORMALISER_IDENTIFIER].name,
                        database_shown(model->report, a->database),
                        database_shown(model->report, b->database));
    if (a->hashed || b->hashed)
        return evidence;
    texts_differ(a->text, a->text_bytes, b->text, b->text_bytes, &x, &y);
    if (by_input)
        x.offset = y.offset = SIZE_MAX;
    if (x.bytes + y.bytes)
        evidence_differ(model, evidence, difference_class(&x, &y), x, y);
    return evidence;
}

static void add_evidence(const struct matching *matching, struct finding *finding)
{
    for (guint i = 0; i < matching->model->keys->len && finding->evidence->len < EVIDENCE_MAX; i++)
        if (matching->partner[i] != CACHE_NONE)
            g_ptr_array_add(finding->evidence, pair_evidence(matching, i));
}

static void report_meeting(struct matching *matching, const struct meeting *meeting)
{
    struct cache_model *model = matching->model;
    uint32_t read = meeting->reader->template_index, written = meeting->writer->template_index;
    bool serious = meeting->related && (double)meeting->missed >= thresholds.mismatch_misses_error;
    struct finding *finding = fault_new(model, read, "reader-writer-mismatch",
                                        serious ? SEVERITY_ERROR : SEVERITY_WARNING);

    finding->message = mismatch_message(model, meeting);
    finding->remedy = mismatch_remedy(model, meeting);
    finding_metric(finding, "mismatched_miss_count", (double)meeting->missed);
    finding_metric(finding, "mismatched_miss_ratio",
                   (double)meeting->missed / (double)meeting->reader->reads);
    finding_metric(finding, "reads_of_written_inputs_count", (double)meeting->asked);
    finding_metric(finding, "mismatched_keys_count", (double)meeting->keys);
    finding_metric(finding, "writes_count", (double)meeting->writer->writes);
    add_evidence(matching, finding);
    if (written != read) {
        finding->counterpart_name = model_template(model, written)->report->name;
        fault_add_call_sites(model, written, finding);
    }
}

static void match_reader(struct matching *matching, guint reader)
{
    uint32_t writer = best_writer(matching, reader);
    struct meeting meeting = {.reader = unit_at(matching, reader)};

    if (writer == CACHE_NONE)
        return;
    meeting.writer = unit_at(matching, writer);
    meeting.related =
        names_relate(model_template(matching->model, meeting.reader->template_index)->report->name,
                     model_template(matching->model, meeting.writer->template_index)->report->name);
    pair_keys(matching, reader, writer, &meeting);
    meeting.missed = count_missed(matching);
    if ((double)meeting.missed >= thresholds.mismatch_misses_min &&
        (double)meeting.keys >= thresholds.mismatch_keys_min &&
        (double)meeting.asked >= thresholds.mismatch_share_min * (double)meeting.reader->reads)
        report_meeting(matching, &meeting);
}

static struct matching matching_new(struct cache_model *model)
{
    struct matching matching = {.model = model,
                                .units = g_array_new(FALSE, FALSE, sizeof(struct unit)),
                                .of_key = g_new0(uint32_t, model->keys->len + 1),
                                .partner = g_new0(uint32_t, model->keys->len + 1),
                                .likeness = g_new0(uint8_t, model->keys->len + 1),
                                .tokens = g_array_new(FALSE, FALSE, sizeof(struct key_token)),
                                .parts = parts_new()};

    for (unsigned kind = 0; kind < LIKENESSES; kind++)
        matching.next[kind] = g_new0(uint32_t, model->keys->len + 1);
    return matching;
}

static void matching_clear(struct matching *matching)
{
    g_array_free(matching->units, TRUE);
    g_array_free(matching->tokens, TRUE);
    g_free(matching->of_key);
    g_free(matching->partner);
    g_free(matching->likeness);
    for (unsigned kind = 0; kind < LIKENESSES; kind++)
        g_free(matching->next[kind]);
    map_clear(&matching->index);
    parts_free(matching->parts);
}

void find_mismatches(struct cache_model *model, const struct identities *identities)
{
    struct matching matching = matching_new(model);

    (void)identities;
    list_units(&matching);
    index_writers(&matching);
    for (guint u = 0; u < matching.units->len && matching.index.used; u++)
        if (only_reads(model, unit_at(&matching, u)))
            match_reader(&matching, u);
    matching_clear(&matching);
}
