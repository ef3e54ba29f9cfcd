/* Keys that the analyzer was not written for: for every class of varying part, services drawn by
 * chance (where the part stands, what its field is called, in which form it is written, what the
 * questions are), each with one thing that varies. At least 95 % must be named rightly, and each
 * class in most of its services. Salt varies in no input; test_key_faults.c has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "common/cached_services.h"

#define VARIANTS    12
#define REQUESTS    700
#define QUESTIONS   60
#define RIGHT_RATIO 0.95

/* What a request's varying part looks like. */
typedef void make_part(unsigned n, unsigned form, uint64_t *random, char *out, size_t room);

static void make_timestamp(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    uint64_t ms = 1750000000000ull + n * 37ull, s = ms / 1000;
    unsigned second = n % 60, minute = n / 60 % 60, hour = n / 3600 + 7;

    (void)random;
    switch (form % 6) {
    case 0:
        g_snprintf(out, (gulong)room, "%llu", (unsigned long long)ms);
        break;
    case 1:
        g_snprintf(out, (gulong)room, "%llu.%06u", (unsigned long long)s, n * 37000 % 1000000);
        break;
    case 2:
        g_snprintf(out, (gulong)room, "2025-06-15T%02u:%02u:%02uZ", hour, minute, second);
        break;
    case 3:
        g_snprintf(out, (gulong)room, "2025-06-15 %02u:%02u:%02u", hour, minute, second);
        break;
    case 4:
        g_snprintf(out, (gulong)room, "2025-06-15T%02u:%02u:%02u.%03u+02:00", hour, minute, second,
                   n * 37 % 1000);
        break;
    default:
        s += n;
        g_snprintf(out, (gulong)room, "%llu", (unsigned long long)s);
        break;
    }
}

static void make_uuid(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    const char *uuid = random_uuid(random);

    (void)n;
    g_strlcpy(out, uuid, room);
    if (form % 3 == 1)
        for (char *c = out; *c; c++)
            *c = g_ascii_toupper(*c);
}

static void make_counter(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    (void)random;
    g_snprintf(out, (gulong)room, form % 2 ? "%u" : "%06u", 1000 * (form % 3) + n);
}

static void make_random(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    static const unsigned digits[] = {12, 16, 24, 40};

    (void)n;
    if (form % 2)
        g_strlcpy(out, random_hex(random, digits[form / 2 % 4]), room);
    else
        g_strlcpy(out, random_base62(random, digits[form / 2 % 4] + 8), room);
}

static void make_temp_path(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    (void)n;
    switch (form % 4) {
    case 0:
        g_snprintf(out, (gulong)room, "/tmp/tmp%s/upload.png", random_base62(random, 8));
        break;
    case 1:
        g_snprintf(out, (gulong)room, "/tmp/%s.wav", random_uuid(random));
        break;
    case 2:
        g_snprintf(out, (gulong)room, "/var/folders/%s/%s/T/audio.mp3", random_base62(random, 2),
                   random_base62(random, 24));
        break;
    default:
        g_snprintf(out, (gulong)room, "/dev/shm/job-%s", random_hex(random, 10));
        break;
    }
}

static void make_address(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    (void)n;
    if (form % 2)
        g_snprintf(out, (gulong)room, "<function rank at 0x7f%s>", random_hex(random, 10));
    else
        g_snprintf(out, (gulong)room, "<app.Prompt object at 0x7f%s>", random_hex(random, 10));
}

/* Deployed again and again while the answers stay the same. */
static void make_version(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    (void)n;
    if (form % 2)
        g_snprintf(out, (gulong)room, "v%u", 1 + random_below(random, 9));
    else
        g_snprintf(out, (gulong)room, "%u.%u.%u", 1 + random_below(random, 2),
                   random_below(random, 6), random_below(random, 9));
}

static void make_identifier(unsigned n, unsigned form, uint64_t *random, char *out, size_t room)
{
    (void)n;
    g_snprintf(out, (gulong)room, form % 2 ? "u%u" : "%u", 4000 + random_below(random, 300));
}

/* ---- Where it stands ---- */

static const char *const plain_fields[] = {"meta", "aux", "extra", "info", "part", "x_field"};
static const char *const identifier_fields[] = {"user_id",   "customer_id", "account",
                                                "tenant_id", "userId",      "client_id"};
static const char *const version_fields[] = {"build", "app_version", "release", "client_version"};
static const char *const counter_fields[] = {"seq", "request_no", "turn", "n", "attempt", "index"};

static const struct part_class {
    const char *name;
    make_part *make;
    const char *const *fields;
    size_t field_count;
    bool anywhere; /* it needs no field's name to be known */
} part_classes[] = {
    {"timestamp", make_timestamp, plain_fields, G_N_ELEMENTS(plain_fields), true},
    {"uuid", make_uuid, plain_fields, G_N_ELEMENTS(plain_fields), true},
    {"counter", make_counter, counter_fields, G_N_ELEMENTS(counter_fields), false},
    {"random", make_random, plain_fields, G_N_ELEMENTS(plain_fields), true},
    {"temp-path", make_temp_path, plain_fields, G_N_ELEMENTS(plain_fields), true},
    {"address", make_address, plain_fields, G_N_ELEMENTS(plain_fields), true},
    {"version", make_version, version_fields, G_N_ELEMENTS(version_fields), true},
    {"identifier", make_identifier, identifier_fields, G_N_ELEMENTS(identifier_fields), false},
};

static unsigned variant; /* of the service that is being run */
static const struct part_class *part_class;

static void write_words(unsigned question, char *out, size_t room)
{
    static const char *const verbs[] = {"summarise", "translate", "classify", "explain", "rewrite"};
    static const char *const nouns[] = {"the contract", "this invoice", "a poem",    "the manual",
                                        "our policy",   "the report",   "his letter"};
    static const char *const ends[] = {"for a child", "in German", "in two lines", "with care"};

    g_snprintf(out, (gulong)room, "%s %s %s", verbs[question % 5], nouns[question / 5 % 7],
               ends[(question + variant) % 4]);
}

static void place_part(const char *field, const char *part, const char *text, unsigned layout,
                       char *out, size_t room)
{
    switch (layout) {
    case 0:
        g_snprintf(out, (gulong)room, "{\"model\":\"m-7b\",\"%s\":\"%s\",\"prompt\":\"%s\"}", field,
                   part, text);
        break;
    case 1:
        g_snprintf(out, (gulong)room,
                   "{\"prompt\": \"%s\", \"options\": {\"%s\": \"%s\", \"k\": 5}}", text, field,
                   part);
        break;
    case 2:
        g_snprintf(out, (gulong)room, "q=%s&%s=%s&lang=en", text, field, part);
        break;
    case 3:
        g_snprintf(out, (gulong)room, "%s=%s\nprompt=%s\n", field, part, text);
        break;
    case 4:
        g_snprintf(out, (gulong)room, "%s | %s", text, part);
        break;
    default:
        g_snprintf(out, (gulong)room, "[%s] %s", part, text);
        break;
    }
}

static void with_part(unsigned n, uint64_t *random, struct request *request)
{
    char part[256], text[256];
    unsigned layouts = part_class->anywhere ? 6 : 4;

    request->question =
        random_below(random, QUESTIONS) * random_below(random, QUESTIONS) / QUESTIONS;
    write_words(request->question, text, sizeof(text));
    part_class->make(n, variant, random, part, sizeof(part));
    place_part(part_class->fields[variant % part_class->field_count], part, text, variant % layouts,
               request->input, sizeof(request->input));
    digest_key(request, variant % 2 ? "llm" : "answer");
    answer(request, request->question);
}

/* The healthy twin: what the part says decides the answer. */
static void with_part_that_matters(unsigned n, uint64_t *random, struct request *request)
{
    with_part(n, random, request);
    answer(request, g_str_hash(request->input));
}

/* ---- Spellings ---- */

/* One way of writing out of several, for each class. */
typedef void write_input(unsigned question, unsigned way, char *out, size_t room);

static void ordered(unsigned question, unsigned way, char *out, size_t room)
{
    char text[256];

    write_words(question, text, sizeof(text));
    if (variant % 2)
        g_snprintf(out, (gulong)room,
                   way % 2 ? "{\"prompt\":\"%s\",\"k\":%u,\"top\":3}"
                           : "{\"top\":3,\"prompt\":\"%s\",\"k\":%u}",
                   text, variant);
    else
        g_snprintf(out, (gulong)room, way % 2 ? "q=%s&k=%u&mode=fast" : "mode=fast&q=%s&k=%u", text,
                   variant);
}

static void spaced(unsigned question, unsigned way, char *out, size_t room)
{
    static const char *const around[][2] = {
        {"", ""}, {" ", ""}, {"", "\n"}, {"", "  "}, {"\t", ""}};
    char text[256];

    write_words(question, text, sizeof(text));
    g_snprintf(out, (gulong)room, "%s%s%s", around[way % 5][0], text, around[way % 5][1]);
}

static void cased(unsigned question, unsigned way, char *out, size_t room)
{
    char text[256];

    write_words(question, text, sizeof(text));
    if (way % 3 == 1)
        text[0] = g_ascii_toupper(text[0]);
    for (char *c = text; way % 3 == 2 && *c; c++)
        *c = g_ascii_toupper(*c);
    g_snprintf(out, (gulong)room, variant % 2 ? "{\"prompt\":\"%s\"}" : "%s", text);
}

static void composed(unsigned question, unsigned way, char *out, size_t room)
{
    static const char *const names[] = {"M\u00fcnchen", "caf\u00e9", "na\u00efve", "Andr\u00e9"};
    char text[256], *spelled;

    write_words(question, text, sizeof(text));
    spelled = g_utf8_normalize(names[variant % 4], -1, way % 2 ? G_NORMALIZE_NFC : G_NORMALIZE_NFD);
    g_snprintf(out, (gulong)room, "%s in %s", text, spelled);
    g_free(spelled);
}

static void numbered(unsigned question, unsigned way, char *out, size_t room)
{
    static const char *const forms[][3] = {{"0.5", "0.50", "5e-1"},
                                           {"2", "2.0", "2.00"},
                                           {"0.7", "0.70", "7e-1"},
                                           {"1.25", "1.250", "1.2500"}};
    char text[256];

    write_words(question, text, sizeof(text));
    g_snprintf(out, (gulong)room, "{\"prompt\":\"%s\",\"temperature\":%s}", text,
               forms[variant % 4][way % 3]);
}

static void signed_url(unsigned question, unsigned way, char *out, size_t room)
{
    static const char *const urls[][3] = {
        {"https://bucket.example/doc-", ".pdf?X-Amz-Date=20250615T", "Z&X-Amz-Signature="},
        {"https://cdn.example/images/", ".png?Expires=17500", "&Signature="},
        {"https://store.example/", "/scan.tiff?se=2025-06-15&st=1750", "&sig="}};
    const char *const *url = urls[variant % 3];
    uint64_t random = way * 77ull + 5;

    g_snprintf(out, (gulong)room, "%s%u%s%06u%s%s", url[0], question, url[1], 100000 + way % 90000,
               url[2], random_hex(&random, 40));
}

static const struct spelling {
    const char *name;
    write_input *write;
} spellings[] = {
    {"order", ordered},    {"whitespace", spaced},      {"case", cased},
    {"unicode", composed}, {"number-format", numbered}, {"signed-url", signed_url},
};

static const struct spelling *spelling;

static void with_spelling(unsigned n, uint64_t *random, struct request *request)
{
    (void)n;
    request->question =
        random_below(random, QUESTIONS) * random_below(random, QUESTIONS) / QUESTIONS;
    spelling->write(request->question, (unsigned)(simulated_random(random) >> 33), request->input,
                    sizeof(request->input));
    digest_key(request, "llm");
    answer(request, request->question);
}

/* ---- */

struct score {
    unsigned right, all;
};

static bool named(const struct report *report, const char *name)
{
    const struct finding *finding =
        report->findings->len ? g_ptr_array_index(report->findings, 0) : NULL;

    if (!finding || strcmp(finding->rule, "duplicate-input-miss") != 0)
        return false;
    return finding->varying->len > 0 &&
           strcmp(g_array_index(finding->varying, struct varying, 0).class_name, name) == 0;
}

static void try_variants(const char *name, make_request *make, struct score *total)
{
    struct score score = {0};

    for (variant = 0; variant < VARIANTS; variant++) {
        struct service service = {make, REQUESTS, 0, false};
        struct simulation simulation = simulate(&service);
        bool right = named(simulation.report, name);

        score.all++;
        score.right += right;
        if (!right)
            print_message("%s, variant %u: not named\n", name, variant);
        simulation_clear(&simulation);
    }
    print_message("%s: %u of %u\n", name, score.right, score.all);
    assert_true(score.right * 4 >= score.all * 3);
    total->right += score.right;
    total->all += score.all;
}

static void classes_of_unseen_keys_are_named(void **state)
{
    struct score total = {0};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(part_classes); i++) {
        part_class = &part_classes[i];
        try_variants(part_class->name, with_part, &total);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        spelling = &spellings[i];
        try_variants(spelling->name, with_spelling, &total);
    }
    print_message("in all: %u of %u\n", total.right, total.all);
    assert_true(total.right >= RIGHT_RATIO * total.all);
}

static void parts_that_matter_are_no_duplicates(void **state)
{
    static const char *const mattering[] = {"version", "identifier", NULL};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(part_classes); i++) {
        part_class = &part_classes[i];
        for (variant = 0; g_strv_contains(mattering, part_class->name) && variant < VARIANTS;
             variant++) {
            struct service service = {with_part_that_matters, REQUESTS, 0, false};
            struct simulation simulation = simulate(&service);

            assert_int_equal(simulation.report->cache.causes.duplicate_input, 0);
            simulation_clear(&simulation);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_of_unseen_keys_are_named),
        cmocka_unit_test(parts_that_matter_are_no_duplicates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
