/* Entries of an older version in the key, which nobody asks for since there is a newer one. */
#include <math.h>
#include <string.h>

#include "find/cache_faults.h"
#include "find/key_tokens.h"
#include "model/units.h"

#define VERSION_PARTS 4  /* of 2.3.1.0 */
#define EDITIONS_MAX  16 /* of one family: more are revisions of single things, or a counter */
#define NS            1e-9

struct version {
    uint32_t numbers[VERSION_PARTS]; /* 1.2 is 1, 2, 0, 0 */
};

/* The keys of one version: of one template, or of templates alike but for the version. */
struct edition {
    uint64_t family;
    struct version version;
    uint32_t template_index;
    char *name; /* the version as written: "v1" */
    uint32_t server, database;
    int64_t first_ns, last_use_ns; /* of reads and writes; INT64_MAX: never */
    uint64_t reads;
    uint64_t reads_since; /* of the newest edition, after this one's last use */
    uint32_t example;     /* an entry that is held */
    double held_entries, held_bytes, lasting_entries;
};

struct shelf {
    struct cache_model *model;
    GArray *editions; /* struct edition */
    uint32_t *of_key; /* each key's edition; CACHE_NONE: it has no version */
    uint64_t *bytes;  /* of each key's latest value */
    uint32_t *newest; /* of each edition: the newest of its family; CACHE_NONE */
    uint32_t *older;  /* of each edition: the next one that has the same newest; CACHE_NONE */
    uint32_t *oldest; /* of each newest edition: where that list begins */
};

static struct edition *edition_at(const struct shelf *shelf, uint32_t index)
{
    return &g_array_index(shelf->editions, struct edition, index);
}

/* ---- Versions ---- */

static int by_version(const struct version *a, const struct version *b)
{
    for (int i = 0; i < VERSION_PARTS; i++)
        if (a->numbers[i] != b->numbers[i])
            return a->numbers[i] < b->numbers[i] ? -1 : 1;
    return 0;
}

static void read_numbers(const char *text, const char *end, struct version *version)
{
    memset(version, 0, sizeof(*version));
    for (int i = 0; i < VERSION_PARTS && text < end; i++) {
        for (; text < end && g_ascii_isdigit(*text); text++)
            version->numbers[i] = version->numbers[i] * 10 + (uint32_t)(*text - '0');
        text++; /* the dot */
    }
}

/* How many letters "v", "ver", "rev" or "version" the word begins with; 0: none of these. */
static size_t version_word(const char *text, size_t bytes)
{
    static const char *const words[] = {"version", "ver", "rev", "v"};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        size_t length = strlen(words[i]);

        if (bytes >= length && g_ascii_strncasecmp(text, words[i], length) == 0 &&
            (bytes == length || g_ascii_isdigit(text[length])))
            return length;
    }
    return 0;
}

static bool all_digits(const char *text, size_t bytes)
{
    size_t i = 0;

    while (i < bytes && g_ascii_isdigit(text[i]))
        i++;
    return bytes > 0 && bytes <= 6 && i == bytes;
}

/* The first version in the text: v2, v2.1, version3, ver:2, rev-7. A number alone, or 1.2.3 without
 * a word, may be anything. */
static bool find_version(const char *text, size_t bytes, struct span *span, struct version *version)
{
    struct lk_lexer lexer = lk_lexer(text, bytes);
    struct lk_token token, before = {0}, word = {0}; /* `word`: ver, `before`: the separator */

    for (; lk_lex_next(&lexer, &token); before = token) {
        const char *at = text + token.offset;
        size_t letters = version_word(at, token.bytes);
        bool whole = letters && token.bytes > letters &&
                     (token.token_class == LK_CLASS_VERSION ||
                      all_digits(at + letters, token.bytes - letters));
        bool after = word.bytes && before.offset == word.offset + word.bytes &&
                     strchr(":=_-.", text[before.offset]) && token.token_class == LK_CLASS_NUMBER &&
                     all_digits(at, token.bytes);

        if (whole || after) {
            read_numbers(at + (whole ? letters : 0), at + token.bytes, version);
            if (after)
                at = text + word.offset;
            *span = (struct span){at, (size_t)(text + token.offset + token.bytes - at),
                                  (size_t)(at - text)};
            return true;
        }
        if (letters && letters == token.bytes)
            word = token;
        else if (before.offset != word.offset || !word.bytes)
            word = (struct lk_token){0};
    }
    return false;
}

/* The template's name without its version; false: its keys have none. */
static bool edition_of(const struct shelf *shelf, const struct cache_key *key,
                       struct edition *edition)
{
    const char *name = model_template(shelf->model, key->template_index)->report->name;
    struct version of_name;
    struct span in_name = {name + strlen(name), 0, 0}, in_key;
    bool named = find_version(name, strlen(name), &in_name, &of_name);

    *edition = (struct edition){.template_index = key->template_index,
                                .server = key->server,
                                .database = key->database,
                                .first_ns = INT64_MAX,
                                .last_use_ns = INT64_MIN,
                                .example = CACHE_NONE};
    edition->family = hash_mix(
        hash_mix(text_hash(name, (size_t)(in_name.text - name)),
                 text_hash(in_name.text + in_name.bytes, strlen(in_name.text + in_name.bytes))),
        hash_mix(key->server + 1, key->database));
    if (named) {
        edition->version = of_name;
        edition->name = g_strndup(in_name.text, in_name.bytes);
        return true;
    }
    if (key->hashed || !find_version(key->text, key->text_bytes, &in_key, &edition->version))
        return false;
    edition->name = g_strndup(in_key.text, in_key.bytes);
    return true;
}

static void list_editions(struct shelf *shelf)
{
    struct map index = {0};

    for (guint i = 0; i < shelf->model->keys->len; i++) {
        const struct cache_key *key = model_key(shelf->model, i);
        struct edition edition;
        uint64_t place;
        uint32_t *at;
        bool added;

        shelf->of_key[i] = CACHE_NONE;
        if (!key->template_index || !edition_of(shelf, key, &edition))
            continue;
        place = edition.family;
        for (int part = 0; part < VERSION_PARTS; part++)
            place = hash_mix(place, edition.version.numbers[part]);
        at = map_put(&index, place, &added);
        if (added) {
            *at = shelf->editions->len;
            g_array_append_val(shelf->editions, edition);
        } else {
            g_free(edition.name);
        }
        shelf->of_key[i] = *at;
    }
    map_clear(&index);
}

/* The highest version of a family that enough was read of. */
static struct map newest_of_families(const struct shelf *shelf)
{
    struct map newest = {0}, counts = {0};

    for (guint i = 0; i < shelf->editions->len; i++)
        ++*map_put(&counts, edition_at(shelf, i)->family, NULL);
    for (guint i = 0; i < shelf->editions->len; i++) {
        const struct edition *edition = edition_at(shelf, i);
        uint32_t *best;
        bool added;

        if ((double)edition->reads < thresholds.stale_reads_min ||
            *map_find(&counts, edition->family) > EDITIONS_MAX)
            continue;
        best = map_put(&newest, edition->family, &added);
        if (added || by_version(&edition_at(shelf, *best)->version, &edition->version) < 0)
            *best = i;
    }
    map_clear(&counts);
    return newest;
}

static void find_newest(struct shelf *shelf)
{
    struct map newest = newest_of_families(shelf);

    memset(shelf->oldest, 0xff, sizeof(uint32_t) * shelf->editions->len);
    for (guint i = 0; i < shelf->editions->len; i++) {
        const uint32_t *best = map_find(&newest, edition_at(shelf, i)->family);

        shelf->newest[i] = CACHE_NONE;
        if (!best ||
            by_version(&edition_at(shelf, i)->version, &edition_at(shelf, *best)->version) >= 0)
            continue;
        shelf->newest[i] = *best;
        shelf->older[i] = shelf->oldest[*best];
        shelf->oldest[*best] = i;
    }
    map_clear(&newest);
}

/* ---- What is used, and what is held ---- */

static void note_uses(struct shelf *shelf, struct replay *replay)
{
    for (guint i = 0; i < shelf->model->accesses->len; i++) {
        const struct cache_access *access = model_access(shelf->model, i);
        struct edition *edition;

        replay_step(replay, i);
        if (access->key == CACHE_NONE || shelf->of_key[access->key] == CACHE_NONE ||
            !(access->flags & (ACCESS_READ | ACCESS_WRITE)))
            continue;
        edition = edition_at(shelf, shelf->of_key[access->key]);
        edition->first_ns = MIN(edition->first_ns, access->time_ns);
        edition->last_use_ns = access->time_ns;
        edition->reads += (access->flags & ACCESS_READ) != 0;
        if (access->flags & (ACCESS_WRITE | ACCESS_HIT))
            shelf->bytes[access->key] = access->value_bytes;
    }
}

static void count_held(struct shelf *shelf, const struct replay *replay)
{
    for (guint i = 0; i < shelf->model->keys->len; i++) {
        const struct key_state *state = &replay->states[i];
        struct edition *edition;

        if (shelf->of_key[i] == CACHE_NONE || !key_alive(state, shelf->model->end_ns))
            continue;
        edition = edition_at(shelf, shelf->of_key[i]);
        edition->held_entries++;
        edition->held_bytes += (double)shelf->bytes[i];
        edition->lasting_entries += state->life.expires_ns == INT64_MAX;
        if (edition->example == CACHE_NONE)
            edition->example = i;
    }
}

/* Reads of the newest edition since this one was used last. */
static void count_since(struct shelf *shelf)
{
    for (guint i = 0; i < shelf->model->accesses->len; i++) {
        const struct cache_access *access = model_access(shelf->model, i);
        uint32_t of = access->key == CACHE_NONE ? CACHE_NONE : shelf->of_key[access->key];

        if (of == CACHE_NONE || !(access->flags & ACCESS_READ))
            continue;
        for (uint32_t e = shelf->oldest[of]; e != CACHE_NONE; e = shelf->older[e])
            edition_at(shelf, e)->reads_since +=
                access->time_ns > edition_at(shelf, e)->last_use_ns;
    }
}

/* Both versions may be in use while a roll-out lasts: then the older one is not quiet for long. */
static bool is_stale(const struct shelf *shelf, uint32_t index)
{
    const struct edition *old = edition_at(shelf, index);
    const struct edition *now =
        shelf->newest[index] == CACHE_NONE ? NULL : edition_at(shelf, shelf->newest[index]);
    int64_t since;

    if (!now || old->held_entries < thresholds.stale_entries_min ||
        (double)old->reads_since < thresholds.stale_reads_min)
        return false;
    since = MAX(old->last_use_ns, now->first_ns);
    return (double)(shelf->model->end_ns - since) >=
           thresholds.stale_quiet_min * (double)(shelf->model->end_ns - now->first_ns);
}

/* ---- The finding ---- */

static struct evidence *pair_evidence(const struct shelf *shelf, const struct edition *old,
                                      const struct edition *now)
{
    struct cache_model *model = shelf->model;
    struct evidence *evidence =
        evidence_pair(model, "key-text", 0.9, (struct pair_end){old->example, CACHE_NONE},
                      (struct pair_end){now->example, CACHE_NONE});
    const struct cache_key *a = model_key(model, old->example), *b = model_key(model, now->example);
    struct version version;
    struct span x, y;

    if (!a->hashed && !b->hashed && find_version(a->text, a->text_bytes, &x, &version) &&
        find_version(b->text, b->text_bytes, &y, &version))
        evidence_differ(model, evidence, normalisers[NORMALISER_VERSION].name, x, y);
    return evidence;
}

/* Whether `at` of a template's name follows "ver:" or the like. */
static bool follows_version_word(const char *name, const char *at)
{
    const char *start = at > name ? at - 1 : at; /* the separator */
    const char *end = start;

    while (start > name && g_ascii_isalpha(start[-1]))
        start--;
    return version_word(start, (size_t)(end - start)) == (size_t)(end - start) && end > start;
}

/* What SCAN takes: the template's name with a star for each part that varies, and the version. */
static const char *pattern_of(struct cache_model *model, const struct edition *edition)
{
    const char *name = model_template(model, edition->template_index)->report->name;
    const char *digits = edition->name + strlen(edition->name), *result;
    GString *out = g_string_new(NULL);

    while (digits > edition->name && g_ascii_isdigit(digits[-1]))
        digits--;
    for (const char *at = name; *at; at++) {
        const char *close = *at == '<' ? strchr(at, '>') : NULL;

        if (close && g_str_has_prefix(at, "<number>") && follows_version_word(name, at))
            g_string_append(out, digits);
        else
            g_string_append_c(out, close ? '*' : *at);
        at = close ? close : at;
    }
    result = report_text(model->report, out->str);
    g_string_free(out, TRUE);
    return result;
}

static const char *remedy_of(struct cache_model *model, const struct edition *old)
{
    return report_printf(
        model->report,
        "delete the keys of %s%s (SCAN 0 MATCH '%s', then UNLINK what it finds), and write "
        "versioned keys with a TTL, so that an old version goes by itself",
        old->name,
        old->database ? report_printf(model->report, " in database %u", old->database) : "",
        pattern_of(model, old));
}

static void report_stale(const struct shelf *shelf, uint32_t index)
{
    struct cache_model *model = shelf->model;
    const struct edition *old = edition_at(shelf, index),
                         *now = edition_at(shelf, shelf->newest[index]);
    double quiet = (double)(model->end_ns - MAX(old->last_use_ns, now->first_ns)) * NS;
    bool lasting = old->lasting_entries > old->held_entries / 2;
    char entries[UNITS_ROOM], bytes[UNITS_ROOM], reads[UNITS_ROOM], seconds[UNITS_ROOM];
    struct finding *finding = fault_new(model, old->template_index, "stale-version",
                                        lasting ? SEVERITY_WARNING : SEVERITY_NOTE);

    finding->message = report_printf(
        model->report,
        "%s entries of %s on %s hold %s and are no longer read: %s reads asked for %s in the last "
        "%s, none for %s",
        units_count(entries, sizeof(entries), old->held_entries), old->name,
        model_template(model, old->template_index)->report->name,
        units_bytes(bytes, sizeof(bytes), old->held_bytes),
        units_count(reads, sizeof(reads), (double)old->reads_since), now->name,
        units_seconds(seconds, sizeof(seconds), quiet), old->name);
    finding->remedy = remedy_of(model, old);
    finding_metric(finding, "stale_entries_count", old->held_entries);
    finding_metric(finding, "held_bytes", old->held_bytes);
    finding_metric(finding, "lasting_entries_count", old->lasting_entries);
    finding_metric(finding, "unread_seconds", quiet);
    finding_metric(finding, "newer_reads_count", (double)old->reads_since);
    if (now->example != CACHE_NONE)
        g_ptr_array_add(finding->evidence, pair_evidence(shelf, old, now));
}

void find_stale(struct cache_model *model, const struct identities *identities)
{
    struct shelf shelf = {.model = model,
                          .editions = g_array_new(FALSE, FALSE, sizeof(struct edition)),
                          .of_key = g_new(uint32_t, model->keys->len + 1),
                          .bytes = g_new0(uint64_t, model->keys->len + 1)};
    struct replay replay = replay_new(model);

    (void)identities;
    list_editions(&shelf);
    shelf.newest = g_new(uint32_t, shelf.editions->len + 1);
    shelf.older = g_new(uint32_t, shelf.editions->len + 1);
    shelf.oldest = g_new(uint32_t, shelf.editions->len + 1);
    if (shelf.editions->len > 1) {
        note_uses(&shelf, &replay);
        count_held(&shelf, &replay);
        find_newest(&shelf);
        count_since(&shelf);
        for (guint i = 0; i < shelf.editions->len; i++)
            if (is_stale(&shelf, i))
                report_stale(&shelf, i);
    }
    replay_clear(&replay);
    for (guint i = 0; i < shelf.editions->len; i++)
        g_free(edition_at(&shelf, i)->name);
    g_array_free(shelf.editions, TRUE);
    g_free(shelf.of_key);
    g_free(shelf.bytes);
    g_free(shelf.newest);
    g_free(shelf.older);
    g_free(shelf.oldest);
}
