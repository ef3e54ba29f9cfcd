/* The rules about what keys are made of, beside duplicate-input-miss: for each, services with the
 * fault and near twins that are healthy, small simulations that count their own truth. A new one is
 * a function and a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "common/cache_script.h"
#include "common/simulated_service.h"

#define PROCESSES 3

struct world { /* processes, their cache, and what is true of them */
    struct builder *builders[PROCESSES];
    GHashTable *entries; /* "database key" -> struct entry */
    double ms;           /* now */
    uint64_t random;
    double truth; /* what the row's metric must be */
};

struct use { /* of one key */
    const char *key, *template_name, *input, *value;
    unsigned process, database, digest_bytes, digest_offset;
    int64_t ttl_ms;
};

struct entry {
    char *value;
    double expires_ms;
};

static void free_entry(gpointer data)
{
    struct entry *entry = data;

    g_free(entry->value);
    g_free(entry);
}

static struct entry *entry_of(const struct world *world, const struct use *use)
{
    char *name = g_strdup_printf("%u %s", use->database, use->key);
    struct entry *entry = g_hash_table_lookup(world->entries, name);

    g_free(name);
    return entry && entry->expires_ms > world->ms ? entry : NULL;
}

static bool there(const struct world *world, const struct use *use)
{
    return entry_of(world, use) != NULL;
}

static void command(struct world *world, const struct use *use, const char *verb, uint16_t flags,
                    enum lk_outcome outcome, const char *value)
{
    struct builder **builder = &world->builders[use->process];
    const char *colon = strrchr(use->key, ':');
    uint16_t offset = use->digest_offset ? (uint16_t)use->digest_offset
                      : colon            ? (uint16_t)(colon - use->key + 1)
                                         : 0;

    if (!*builder)
        *builder = builder_new();
    builder_command(*builder,
                    &(struct builder_command){.time_ns = (uint64_t)(world->ms * 1e6),
                                              .reply_ns = (uint64_t)((world->ms + 0.1) * 1e6),
                                              .verb = verb,
                                              .key = use->key,
                                              .template_name = use->template_name,
                                              .input = use->input,
                                              .digest_offset = offset,
                                              .digest_bytes = (uint16_t)use->digest_bytes,
                                              .value = value,
                                              .flags = flags,
                                              .database = use->database,
                                              .ttl_ms = flags & LK_COMMAND_WRITE ? use->ttl_ms : 0,
                                              .outcome = outcome});
    world->ms += 0.5;
}

static void store(struct world *world, const struct use *use)
{
    struct entry *entry = g_new0(struct entry, 1);

    command(world, use, "SET", LK_COMMAND_WRITE, LK_OUTCOME_WRITE, use->value);
    entry->value = g_strdup(use->value);
    entry->expires_ms = use->ttl_ms ? world->ms + (double)use->ttl_ms : INFINITY;
    g_hash_table_replace(world->entries, g_strdup_printf("%u %s", use->database, use->key), entry);
}

static bool look(struct world *world, const struct use *use)
{
    const struct entry *entry = entry_of(world, use);

    command(world, use, "GET", LK_COMMAND_READ, entry ? LK_OUTCOME_HIT : LK_OUTCOME_MISS,
            entry ? entry->value : NULL);
    return entry != NULL;
}

/* A read; a miss is computed and stored. */
static bool ask(struct world *world, const struct use *use)
{
    bool hit = look(world, use);

    if (!hit)
        store(world, use);
    return hit;
}

static unsigned below(struct world *world, unsigned limit)
{
    return random_below(&world->random, limit);
}

/* Long, and of its own for each number; good until a few more are asked for. */
static const char *value_of(unsigned number)
{
    static char values[8][160];
    static unsigned used;
    char *out = values[used++ % G_N_ELEMENTS(values)], text[32];

    g_snprintf(text, sizeof(text), "value %u", number);
    g_snprintf(out, sizeof(values[0]), "{\"answer\": \"%s\"}", digest_of(text, 120));
    return out;
}

/* ---- reader-writer-mismatch ---- */

/* Reads under one name, and after a miss writes under the other. */
static void mismatch(struct world *world, const struct use *read, const struct use *written)
{
    if (!there(world, read))
        world->truth += there(world, written);
    if (!look(world, read))
        store(world, written);
}

static void read_and_write_digest(struct world *world, const char *read_name,
                                  const char *written_name, bool seen)
{
    for (unsigned i = 0; i < 200; i++) {
        unsigned question = below(world, 40);
        char text[64], read[128], written[128], read_template[64], written_template[64];
        struct use use = {.key = read, .template_name = read_template};
        struct use other = {.key = written, .template_name = written_template};

        g_snprintf(text, sizeof(text), "What is the weather in town %u?", question);
        g_snprintf(read, sizeof(read), "%s:%s", read_name, digest_of(text, 64));
        g_snprintf(written, sizeof(written), "%s:%s", written_name, digest_of(text, 64));
        g_snprintf(read_template, sizeof(read_template), "%s:<sha256>", read_name);
        g_snprintf(written_template, sizeof(written_template), "%s:<sha256>", written_name);
        use.input = other.input = seen ? text : NULL;
        other.value = value_of(question);
        mismatch(world, &use, &other);
    }
}

static void prefixes_differ(struct world *world)
{
    read_and_write_digest(world, "emb", "embedding", true);
}

static void prefixes_differ_unseen(struct world *world)
{
    read_and_write_digest(world, "emb", "embedding", false);
}

static void unrelated_names(struct world *world)
{
    read_and_write_digest(world, "answer", "llm", true);
}

static void one_name(struct world *world)
{
    read_and_write_digest(world, "emb", "emb", true);
}

static void read_and_write_number(struct world *world, struct use read, struct use written,
                                  unsigned requests)
{
    const char *read_format = read.key, *written_format = written.key;

    for (unsigned i = 0; i < requests; i++) {
        unsigned user = below(world, 40);
        char number[16], *read_key, *written_key;
        char **parts;

        g_snprintf(number, sizeof(number), "%u", user);
        parts = g_strsplit(read_format, "#", 2);
        read_key = g_strjoinv(number, parts);
        g_strfreev(parts);
        parts = g_strsplit(written_format, "#", 2);
        written_key = g_strjoinv(number, parts);
        g_strfreev(parts);
        read.key = read_key;
        written.key = written_key;
        written.value = value_of(user);
        mismatch(world, &read, &written);
        g_free(read_key);
        g_free(written_key);
    }
}

static void case_differs(struct world *world)
{
    read_and_write_number(world, (struct use){.key = "User:#", .template_name = "User:<number>"},
                          (struct use){.key = "user:#", .template_name = "user:<number>"}, 200);
}

static void separators_differ(struct world *world)
{
    read_and_write_number(
        world, (struct use){.key = "user_profile:#", .template_name = "user_profile:<number>"},
        (struct use){.key = "userProfile:#", .template_name = "userProfile:<number>"}, 200);
}

static void abbreviated(struct world *world)
{
    read_and_write_number(world, (struct use){.key = "prof:#", .template_name = "prof:<number>"},
                          (struct use){.key = "profile:#", .template_name = "profile:<number>"},
                          200);
}

static void databases_differ(struct world *world)
{
    read_and_write_number(
        world, (struct use){.key = "user:#", .template_name = "user:<number>"},
        (struct use){.key = "user:#", .template_name = "user:<number>", .database = 1}, 200);
}

static void databases_agree(struct world *world)
{
    read_and_write_number(
        world, (struct use){.key = "user:#", .template_name = "user:<number>", .database = 1},
        (struct use){.key = "user:#", .template_name = "user:<number>", .database = 1}, 200);
    read_and_write_number(world, (struct use){.key = "user:#", .template_name = "user:<number>"},
                          (struct use){.key = "user:#", .template_name = "user:<number>"}, 200);
}

/* Nobody is banned, and when somebody was last seen is for another service. */
static void other_purposes(struct world *world)
{
    read_and_write_number(world,
                          (struct use){.key = "banned:#", .template_name = "banned:<number>"},
                          (struct use){.key = "seen:#", .template_name = "seen:<number>"}, 200);
}

/* What begins alike may be something else. */
static void other_parts(struct world *world)
{
    read_and_write_number(
        world, (struct use){.key = "user:#", .template_name = "user:<number>"},
        (struct use){.key = "userProfile:#", .template_name = "userProfile:<number>"}, 200);
}

static void few_misses(struct world *world)
{
    read_and_write_number(world, (struct use){.key = "User:#", .template_name = "User:<number>"},
                          (struct use){.key = "user:#", .template_name = "user:<number>"}, 20);
}

/* A look-aside of keys that are not there yet, for a template that another worker reads. */
static void read_elsewhere(struct world *world)
{
    case_differs(world);
    for (unsigned i = 0; i < 20; i++)
        look(world, &(struct use){.key = "user:1", .template_name = "user:<number>", .process = 1});
}

/* ---- salted-key ---- */

#define TOWNS 60

/* The key of a question, in a process: its digest with a salt. */
typedef void name_key(struct world *world, unsigned question, unsigned process, char *out,
                      size_t room);

static void salted_digest(struct world *world, unsigned question, unsigned process, char *out,
                          size_t room)
{
    char text[64];

    (void)world;
    g_snprintf(text, sizeof(text), "salt %u question %u", process, question);
    g_snprintf(out, (gulong)room, "llm:%s", digest_of(text, 64));
}

static void plain_digest(struct world *world, unsigned question, unsigned process, char *out,
                         size_t room)
{
    (void)process;
    salted_digest(world, question, 0, out, room);
}

static void nonce_digest(struct world *world, unsigned question, unsigned process, char *out,
                         size_t room)
{
    (void)question;
    (void)process;
    g_snprintf(out, (gulong)room, "llm:%s", random_hex(&world->random, 64));
}

/* As Python's hash() is: 19 digits. */
static void salted_number(struct world *world, unsigned question, unsigned process, char *out,
                          size_t room)
{
    uint64_t state = question * 1000 + process;

    (void)world;
    g_snprintf(out, (gulong)room, "ans:%llu",
               1000000000000000000ull + simulated_random(&state) % 7000000000000000000ull);
}

static void plain_number(struct world *world, unsigned question, unsigned process, char *out,
                         size_t room)
{
    (void)process;
    salted_number(world, question, 0, out, room);
}

/* Each process asks for what the others ask for. */
static void ask_in_processes(struct world *world, name_key *name, const char *template_name,
                             bool seen, unsigned values)
{
    bool asked[PROCESSES][TOWNS] = {{false}};

    for (unsigned i = 0; i < 600; i++) {
        unsigned question = below(world, TOWNS), process = below(world, PROCESSES);
        char key[128], text[64];
        struct use use = {.key = key, .template_name = template_name, .process = process};
        bool elsewhere = false;

        g_snprintf(text, sizeof(text), "What is the weather in town %u?", question);
        name(world, question, process, key, sizeof(key));
        use.input = seen ? text : NULL;
        use.value = value_of(question % values);
        for (unsigned p = 0; p < PROCESSES; p++)
            elsewhere |= asked[p][question];
        world->truth += elsewhere && !there(world, &use);
        asked[process][question] = true;
        ask(world, &use);
    }
}

static void salted_in_each_process(struct world *world)
{
    ask_in_processes(world, salted_digest, "llm:<sha256>", true, TOWNS);
}

static void salted_values_tell(struct world *world)
{
    ask_in_processes(world, salted_number, "ans:<number>", false, TOWNS);
}

static void not_salted(struct world *world)
{
    ask_in_processes(world, plain_digest, "llm:<sha256>", true, TOWNS);
    ask_in_processes(world, plain_number, "ans:<number>", false, TOWNS);
}

static void nonce_in_each_key(struct world *world)
{
    ask_in_processes(world, nonce_digest, "llm:<sha256>", true, TOWNS);
}

/* Inputs are not seen, and few answers go around. */
static void salted_or_few_answers(struct world *world)
{
    ask_in_processes(world, salted_number, "ans:<number>", false, 12);
}

/* A login writes the session, and the same user has another one in each process. */
static void sessions(struct world *world)
{
    char keys[PROCESSES][TOWNS][64];
    struct use use = {.template_name = "session:<md5>"};

    for (use.process = 0; use.process < PROCESSES; use.process++) {
        for (unsigned user = 0; user < TOWNS; user++) {
            use.key = keys[use.process][user];
            use.value = value_of(user);
            g_snprintf(keys[use.process][user], sizeof(keys[0][0]), "session:%s",
                       random_hex(&world->random, 32));
            store(world, &use);
        }
        for (unsigned i = 0; i < 300; i++) {
            use.key = keys[use.process][below(world, TOWNS)];
            look(world, &use);
        }
    }
}

/* Each process has documents of its own; some have the same text. */
static void documents(struct world *world)
{
    struct use use = {.template_name = "doc:<md5>"};

    for (use.process = 0; use.process < PROCESSES; use.process++) {
        for (unsigned document = 0; document < 200; document++) {
            char key[64];

            g_snprintf(key, sizeof(key), "doc:%s", random_hex(&world->random, 32));
            use.key = key;
            use.value = value_of(document < 20 ? document : 1000 * use.process + document);
            ask(world, &use);
            ask(world, &use);
        }
    }
}

/* ---- duplicate-input-miss, by values alone ---- */

/* Each request has a new key, a digest of something that was not seen. */
static void ask_under_new_keys(struct world *world, unsigned requests, unsigned answers,
                               unsigned refused_percent, unsigned again)
{
    bool *known = g_new0(bool, answers + 1);

    for (unsigned i = 0; i < requests; i++) {
        bool refused = below(world, 100) < refused_percent;
        unsigned number = refused ? answers : below(world, answers);
        char key[64];
        struct use use = {.key = key, .template_name = "ans:<md5>"};

        g_snprintf(key, sizeof(key), "ans:%s", random_hex(&world->random, 32));
        use.value = value_of(number);
        world->truth += known[number];
        known[number] = true;
        for (unsigned n = 0; n <= again; n++)
            ask(world, &use);
    }
    g_free(known);
}

static void opaque_nonce(struct world *world)
{
    ask_under_new_keys(world, 500, 60, 0, 0);
}

static void equal_here_and_there(struct world *world)
{
    ask_under_new_keys(world, 500, 1500, 0, 0);
}

static void few_labels(struct world *world)
{
    ask_under_new_keys(world, 500, 12, 0, 0);
}

static void labels_of_many(struct world *world)
{
    ask_under_new_keys(world, 3000, 40, 0, 0);
}

static void often_refused(struct world *world)
{
    ask_under_new_keys(world, 500, 60, 30, 0);
}

static void labels_that_serve(struct world *world)
{
    ask_under_new_keys(world, 500, 60, 0, 1);
}

/* ---- false-hit ---- */

typedef void write_input(unsigned question, unsigned variant, char *out, size_t room);

/* Keys hold 8 characters of a digest, which are the same for every variant of a question. */
static void ask_by_short_digest(struct world *world, write_input *write, bool faulty)
{
    unsigned written[TOWNS] = {0};

    for (unsigned i = 0; i < 400; i++) {
        unsigned question = below(world, TOWNS), variant = below(world, 3);
        char key[64], input[256], text[32];
        struct use use = {
            .key = key, .input = input, .template_name = "llm:<hex>", .digest_bytes = 8};

        g_snprintf(text, sizeof(text), "town %u", question);
        g_snprintf(key, sizeof(key), "llm:%s", digest_of(text, 8));
        write(question, variant, input, sizeof(input));
        use.value = value_of(question * 3 + variant);
        if (!ask(world, &use))
            written[question] = variant;
        else if (faulty)
            world->truth += written[question] != variant;
    }
}

static void temperature_varies(unsigned question, unsigned variant, char *out, size_t room)
{
    g_snprintf(out, (gulong)room,
               "{\"prompt\": \"the weather, in town %u\", \"temperature\": 0.%u, \"n\": 1}",
               question, variant + 1);
}

static void spelling_varies(unsigned question, unsigned variant, char *out, size_t room)
{
    static const char *const words[] = {"the weather", "The  Weather", "THE WEATHER"};

    g_snprintf(out, (gulong)room, "{\"prompt\": \"%s in town %u\"}", words[variant], question);
}

static void nothing_varies(unsigned question, unsigned variant, char *out, size_t room)
{
    (void)variant;
    g_snprintf(out, (gulong)room, "the weather in town %u", question);
}

static void short_digest(struct world *world)
{
    ask_by_short_digest(world, temperature_varies, true);
}

static void short_digest_of_spellings(struct world *world)
{
    ask_by_short_digest(world, spelling_varies, false);
}

static void short_digest_that_serves(struct world *world)
{
    ask_by_short_digest(world, nothing_varies, false);
}

/* The key holds two digests, and either may be the one whose input was found. */
static void two_digests(struct world *world)
{
    for (unsigned i = 0; i < 200; i++) {
        unsigned question = below(world, 20);
        char key[160], text[64];
        struct use use = {.key = key, .template_name = "llm:<md5>:<md5>", .input = text};

        g_snprintf(key, sizeof(key), "llm:%s:%s", digest_of("model", 32),
                   digest_of(value_of(question), 32));
        g_snprintf(text, sizeof(text), "question %u", question);
        use.value = value_of(question);
        if (below(world, 2)) { /* found at the key's end */
            ask(world, &use);
            continue;
        }
        use.input = "model";
        use.digest_offset = 4;
        use.digest_bytes = 32;
        ask(world, &use);
    }
}

/* ---- stale-version ---- */

struct rollout { /* of version 2, after half of the requests */
    const char *format, *templates[2];
    int64_t ttl_ms;
    unsigned old_share; /* per cent of later requests that still use version 1 */
    bool deletes, from_before;
};

static void versioned_key(const struct rollout *rollout, unsigned version, unsigned item, char *out,
                          size_t room)
{
    char **parts = g_strsplit(rollout->format, "#", 2);

    g_snprintf(out, (gulong)room, "%s%u%s:%u", parts[0], version, parts[1], item);
    g_strfreev(parts);
}

static void roll_out(struct world *world, struct rollout rollout)
{
    char key[64];
    struct use use = {.key = key, .ttl_ms = rollout.ttl_ms};

    for (unsigned i = 0; i < 600; i++) {
        unsigned version = i < 300 || below(world, 100) < rollout.old_share ? 1 : 2;
        unsigned item = below(world, TOWNS);

        use.template_name = rollout.templates[version - 1];
        use.value = value_of(version * 1000 + item);
        versioned_key(&rollout, version, item, key, sizeof(key));
        if (rollout.from_before && version == 1 && !there(world, &use)) { /* nobody saw the write */
            struct entry *entry = g_new0(struct entry, 1);

            *entry = (struct entry){g_strdup(use.value), INFINITY};
            g_hash_table_replace(world->entries, g_strdup_printf("0 %s", key), entry);
        }
        ask(world, &use);
    }
    use.template_name = rollout.templates[0];
    for (unsigned item = 0; item < TOWNS; item++) {
        versioned_key(&rollout, 1, item, key, sizeof(key));
        if (rollout.deletes)
            command(world, &use, "DEL", LK_COMMAND_DELETE, LK_OUTCOME_OTHER, NULL);
        else
            world->truth += there(world, &use);
    }
}

#define VERSIONED .format = "emb:v#", .templates = {"emb:v1:<number>", "emb:v2:<number>"}

static void older_version_stays(struct world *world)
{
    roll_out(world, (struct rollout){VERSIONED});
}

static void older_version_from_before(struct world *world)
{
    roll_out(world, (struct rollout){VERSIONED, .from_before = true});
}

static void version_is_a_number(struct world *world)
{
    roll_out(world, (struct rollout){
                        .format = "emb:ver:#",
                        .templates = {"emb:ver:<number>:<number>", "emb:ver:<number>:<number>"}});
}

static void older_version_expires(struct world *world)
{
    roll_out(world, (struct rollout){VERSIONED, .ttl_ms = 100});
}

static void older_version_deleted(struct world *world)
{
    roll_out(world, (struct rollout){VERSIONED, .deletes = true});
}

static void both_versions_serve(struct world *world)
{
    roll_out(world, (struct rollout){VERSIONED, .old_share = 10});
}

/* Each document is saved again and again, and each saved state is read for a while. */
static void revisions(struct world *world)
{
    for (unsigned i = 0; i < 2000; i++) {
        char key[64];
        struct use use = {.key = key, .template_name = "doc:<number>:rev:<number>"};

        g_snprintf(key, sizeof(key), "doc:%u:rev:%u", below(world, 30), i / 50);
        use.value = value_of(i);
        ask(world, &use);
    }
}

/* ---- */

static const struct row {
    const char *name;
    void (*run)(struct world *world);
    const char *rule; /* the one warning; NULL: healthy, and none of the rules speaks */
    enum severity severity;
    const char *metric; /* that must be the truth */
    const char *kind;   /* of the evidence */
    const char *a, *b;  /* a difference that it shows */
    const char *remedy; /* part of it */
} rows[] = {
    {"read by one prefix, written by another", prefixes_differ, "reader-writer-mismatch",
     SEVERITY_ERROR, "mismatched_miss_count", "digest-input", "emb", "embedding",
     "asks for emb:<sha256>, the write stores embedding:<sha256>"},
    {"the same, inputs not seen", prefixes_differ_unseen, "reader-writer-mismatch", SEVERITY_ERROR,
     "mismatched_miss_count", "key-text", "emb", "embedding", "by one function"},
    {"names without a likeness", unrelated_names, "reader-writer-mismatch", SEVERITY_WARNING,
     "mismatched_miss_count", "digest-input", "answer", "llm", "two caches by intent"},
    {"case differs", case_differs, "reader-writer-mismatch", SEVERITY_ERROR,
     "mismatched_miss_count", "key-text", "User", "user", "by one function"},
    {"separators differ", separators_differ, "reader-writer-mismatch", SEVERITY_ERROR,
     "mismatched_miss_count", "key-text", "user_profile", "userProfile", "by one function"},
    {"abbreviated", abbreviated, "reader-writer-mismatch", SEVERITY_ERROR, "mismatched_miss_count",
     "key-text", "prof", "profile", "by one function"},
    {"databases differ", databases_differ, "reader-writer-mismatch", SEVERITY_ERROR,
     "mismatched_miss_count", "key-text", "database 0", "database 1",
     "selects database 0, the write database 1"},
    {"one name", one_name, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"databases agree", databases_agree, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"other purposes", other_purposes, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"other parts", other_parts, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"few misses", few_misses, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"read elsewhere", read_elsewhere, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"salted in each process", salted_in_each_process, "salted-key", SEVERITY_ERROR,
     "salted_miss_count", "digest-input", NULL, NULL, "SHA-256"},
    {"salted, values tell", salted_values_tell, "salted-key", SEVERITY_ERROR, "salted_miss_count",
     "equal-value", NULL, NULL, "fixed seed"},
    {"a nonce in each key", nonce_in_each_key, "duplicate-input-miss", SEVERITY_ERROR,
     "duplicate_miss_count", "digest-input", NULL, NULL, "fixed seed"},
    {"not salted", not_salted, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"salted, or few answers", salted_or_few_answers, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"a nonce not seen", opaque_nonce, "duplicate-input-miss", SEVERITY_WARNING,
     "duplicate_miss_count", "equal-value", NULL, NULL, "what the answer depends on alone"},
    {"equal here and there", equal_here_and_there, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"few labels", few_labels, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"labels of many", labels_of_many, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"often refused", often_refused, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"labels that serve", labels_that_serve, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"a short digest", short_digest, "false-hit", SEVERITY_ERROR, "false_hit_count", "digest-input",
     NULL, NULL, "put `temperature` into the key"},
    {"a short digest of spellings", short_digest_of_spellings, NULL, 0, NULL, NULL, NULL, NULL,
     NULL},
    {"a short digest that serves", short_digest_that_serves, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"two digests", two_digests, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"an older version stays", older_version_stays, "stale-version", SEVERITY_WARNING,
     "stale_entries_count", "key-text", "v1", "v2", "SCAN 0 MATCH 'emb:v1:*'"},
    {"an older version from before", older_version_from_before, "stale-version", SEVERITY_WARNING,
     "stale_entries_count", "key-text", "v1", "v2", "UNLINK"},
    {"the version is a number", version_is_a_number, "stale-version", SEVERITY_WARNING,
     "stale_entries_count", "key-text", "ver:1", "ver:2", "MATCH 'emb:ver:1:*'"},
    {"an older version expires", older_version_expires, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"an older version deleted", older_version_deleted, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"both versions serve", both_versions_serve, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"revisions", revisions, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"sessions", sessions, NULL, 0, NULL, NULL, NULL, NULL, NULL},
    {"documents", documents, NULL, 0, NULL, NULL, NULL, NULL, NULL},
};

static bool of_these_rules(const struct finding *finding)
{
    static const char *const rules[] = {"reader-writer-mismatch", "salted-key", "false-hit",
                                        "stale-version", "duplicate-input-miss"};

    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
        if (strcmp(finding->rule, rules[i]) == 0)
            return finding->severity > SEVERITY_NOTE;
    return false;
}

static double metric_named(const struct finding *finding, const char *name)
{
    for (guint i = 0; i < finding->metrics->len; i++) {
        const struct metric *metric = &g_array_index(finding->metrics, struct metric, i);

        if (strcmp(metric->name, name) == 0)
            return metric->value;
    }
    fail_msg("no metric %s", name);
    return NAN;
}

static bool shows(const struct evidence *evidence, const struct row *row)
{
    for (guint i = 0; i < evidence->differs->len; i++) {
        const struct difference *difference =
            &g_array_index(evidence->differs, struct difference, i);

        assert_true(g_utf8_validate(difference->a, -1, NULL) &&
                    g_utf8_validate(difference->b, -1, NULL));
        if (!row->a || (strcmp(difference->a, row->a) == 0 && strcmp(difference->b, row->b) == 0))
            return true;
    }
    return false;
}

static void check_finding(const struct row *row, const struct world *world,
                          const struct finding *finding)
{
    assert_string_equal(finding->rule, row->rule);
    assert_int_equal(finding->severity, row->severity);
    if (fabs(metric_named(finding, row->metric) - world->truth) > 1e-6)
        fail_msg("%s is %g, and in truth %g", row->metric, metric_named(finding, row->metric),
                 world->truth);
    assert_non_null(strstr(finding->message, finding->template_name));
    if (!strstr(finding->remedy, row->remedy))
        fail_msg("%s", finding->remedy);
    assert_in_range(finding->evidence->len, row->kind ? 1 : 0, 5);
    for (guint i = 0; i < finding->evidence->len; i++) {
        const struct evidence *evidence = g_ptr_array_index(finding->evidence, i);

        assert_string_equal(evidence->kind, row->kind);
        assert_true(evidence->confidence_ratio > 0.5 && evidence->confidence_ratio <= 1);
        assert_true(shows(evidence, row));
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct world world = {.ms = 1, .random = 7};
    struct script script = {0};
    unsigned warned = 0;

    world.entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_entry);
    row->run(&world);
    for (unsigned i = 0; i < PROCESSES; i++)
        if (world.builders[i])
            script_save(&script, world.builders[i]);
    script_analyse(&script);
    for (guint i = 0; i < script.report->findings->len; i++) {
        const struct finding *finding = g_ptr_array_index(script.report->findings, i);

        if (!of_these_rules(finding))
            continue;
        if (!row->rule)
            fail_msg("%s: %s", finding->rule, finding->message);
        check_finding(row, &world, finding);
        warned++;
    }
    assert_int_equal(warned, row->rule ? 1 : 0);
    script_clear(&script);
    g_hash_table_destroy(world.entries);
}

int main(void)
{
    struct CMUnitTest tests[G_N_ELEMENTS(rows)];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
