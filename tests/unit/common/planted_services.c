/* Services whose keys hold what they should not, or spell the same input in many ways. */
#include "common/cached_services.h"

#include <string.h>

void clock_and_uuid(unsigned n, uint64_t *random, struct request *request)
{
    char body[2048];

    request->question = draw_question(random);
    spell_body(request->question, random, body, sizeof(body));
    g_snprintf(request->input, sizeof(request->input),
               "{\"request_id\":\"%s\",\"ts\":%llu,\"body\":%s}", random_uuid(random),
               EPOCH_MS + n * 8ull, body);
    digest_key(request, "llm");
    answer(request, request->question);
}

void clock_and_uuid_varied_answers(unsigned n, uint64_t *random, struct request *request)
{
    clock_and_uuid(n, random, request);
    answer(request, simulated_random(random));
}

void clock_and_uuid_labels(unsigned n, uint64_t *random, struct request *request)
{
    clock_and_uuid(n, random, request);
    g_snprintf(request->value, sizeof(request->value), "label-%u", request->question % 3);
}

void spelling_alone(unsigned n, uint64_t *random, struct request *request)
{
    (void)n;
    request->question = draw_question(random);
    spell_body(request->question, random, request->input, sizeof(request->input));
    digest_key(request, "llm");
    answer(request, request->question);
}

void spelling_varied_answers(unsigned n, uint64_t *random, struct request *request)
{
    spelling_alone(n, random, request);
    answer(request, simulated_random(random));
}

/* Hashes hide that \\n in JSON is white space: no such thing here. */
void clock_and_uuid_hidden(unsigned n, uint64_t *random, struct request *request)
{
    char *newline;

    clock_and_uuid(n, random, request);
    while ((newline = strstr(request->input, "\\n")))
        newline[0] = newline[1] = ' ';
    digest_key(request, "llm");
}

void clock_and_uuid_hidden_varied(unsigned n, uint64_t *random, struct request *request)
{
    clock_and_uuid_hidden(n, random, request);
    answer(request, simulated_random(random));
}

void body_in_a_string(unsigned n, uint64_t *random, struct request *request)
{
    char body[2048], *escaped;

    request->question = draw_question(random);
    spell_body(request->question, random, body, sizeof(body));
    escaped = g_strescape(body, NULL);
    g_snprintf(request->input, sizeof(request->input),
               "{\"trace\":\"req-%s\",\"payload\":\"%s\",\"sent_at\":\"%u\"}",
               random_hex(random, 12), escaped, 1790000000 + n / 125);
    g_free(escaped);
    digest_key(request, "llm");
    answer(request, request->question);
}

void clock_before_text(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "[2026-11-%02uT%02u:%02u:%02uZ] %s",
               20 + n / 86400, n / 3600 % 24, n / 60 % 60, n % 60, text);
    digest_key(request, "llm");
    answer(request, request->question);
}

void nonce_after_text(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "%s|%s", text, random_hex(random, 16));
    digest_key(request, "llm");
    answer(request, request->question);
}

void nonce_in_key(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->key, sizeof(request->key), "ans:%s:%s", random_base62(random, 24),
               digest_of(text, 32));
    request->template_name = "ans:<random>:<md5>";
    answer(request, request->question);
}

void uuid_in_key(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->key, sizeof(request->key), "ans:%s:%s", random_uuid(random),
               digest_of(text, 32));
    request->template_name = "ans:<uuid>:<md5>";
    answer(request, request->question);
}

void clock_in_key(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->key, sizeof(request->key), "faq:%llu:%s", EPOCH_MS + n * 8ull, text);
    request->template_name = "faq:<timestamp>:<text>";
    answer(request, request->question);
}

void query_order_and_signature(unsigned n, uint64_t *random, struct request *request)
{
    char parameters[4][200];
    unsigned order = random_below(random, 4);

    request->question = draw_question(random);
    g_snprintf(parameters[0], 200, "X-Amz-Date=20261123T%02u%02u%02uZ", n / 3600 % 24, n / 60 % 60,
               n % 60);
    g_snprintf(parameters[1], 200, "X-Amz-Signature=%s", random_hex(random, 64));
    g_snprintf(parameters[2], 200, "width=%u", 100 + request->question % 7);
    g_snprintf(parameters[3], 200, "fit=%s", request->question % 2 ? "cover" : "contain");
    g_snprintf(request->input, sizeof(request->input),
               "GET https://img.example.com/%s/photo.png?%s&%s&%s&%s",
               digest_of(topics[request->question % TOPICS], 12), parameters[order],
               parameters[(order + 1) % 4], parameters[(order + 2) % 4],
               parameters[(order + 3) % 4]);
    request->question = request->question % TOPICS * 14 + request->question % 14;
    digest_key(request, "img");
    request->template_name = "img:<sha256>";
    answer(request, request->question);
}

void temporary_path(unsigned n, uint64_t *random, struct request *request)
{
    (void)n;
    request->question = draw_question(random);
    g_snprintf(request->input, sizeof(request->input),
               "transcribe /tmp/tmp%s/recording-%s.wav in %s", random_base62(random, 8),
               digest_of(topics[request->question % TOPICS], 6),
               products[request->question / TOPICS]);
    digest_key(request, "asr");
    request->template_name = "asr:<sha256>";
    answer(request, request->question);
}

void number_spelling(unsigned n, uint64_t *random, struct request *request)
{
    static const char *const spelled[] = {"0.5", "0.50", "0.500"};
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "{\"prompt\":\"%s\",\"temperature\":%s}",
               text, spelled[random_below(random, 3)]);
    digest_key(request, "llm");
    answer(request, request->question);
}

void unicode_form(unsigned n, uint64_t *random, struct request *request)
{
    static const char *const spelled[] = {"caf\xc3\xa9", "cafe\xcc\x81", "caf\\u00e9"};
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "{\"prompt\":\"%s At the %s.\"}", text,
               spelled[random_below(random, 3)]);
    digest_key(request, "llm");
    answer(request, request->question);
}

void counter(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "{\"seq\":%u,\"prompt\":\"%s\"}", n + 17,
               text);
    digest_key(request, "llm");
    answer(request, request->question);
}

void numbered_requests(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "request_id=%u&q=%s", n + 4711, text);
    digest_key(request, "llm");
    answer(request, 1000000 + n); /* the model answers differently each time */
}

void idle_version(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "{\"build\":\"v1.2.%u\",\"prompt\":\"%s\"}",
               n / 100, text);
    digest_key(request, "llm");
    answer(request, request->question);
}

void idle_user(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "{\"user_id\":%u,\"prompt\":\"%s\"}",
               1000 + random_below(random, 30), text);
    digest_key(request, "llm");
    answer(request, request->question);
}

void idle_seed(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "{\"seed\":%u,\"prompt\":\"%s\"}",
               random_below(random, 2000000000), text);
    digest_key(request, "llm");
    answer(request, request->question);
}

void object_address(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input), "<Prompt object at 0x7f%s>|%s",
               random_hex(random, 10), text);
    digest_key(request, "llm");
    answer(request, request->question);
}

void spelling_in_key(unsigned n, uint64_t *random, struct request *request)
{
    char text[256], spelled[512];

    (void)n;
    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    respell(text, random, spelled, false);
    g_snprintf(request->key, sizeof(request->key), "faq:%s", spelled);
    request->template_name = "faq:<text>";
    answer(request, request->question);
}

/* Each order has a template of its own. */
void order_in_key(unsigned n, uint64_t *random, struct request *request)
{
    unsigned order = random_below(random, 2);

    (void)n;
    request->question = draw_question(random);
    g_snprintf(request->key, sizeof(request->key),
               order ? "search:page=%u&size=%u" : "search:size=%2$u&page=%1$u",
               request->question / 6, request->question % 6);
    request->template_name =
        order ? "search:page=<number>&size=<number>" : "search:size=<number>&page=<number>";
    answer(request, request->question);
}

/* As chat clients send it: the clock is in a message. */
void clock_in_a_message(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(
        request->input, sizeof(request->input),
        "{\"messages\":[{\"role\":\"system\",\"content\":\"You are a support agent. Current time: "
        "2026-11-23T%02u:%02u:%02u.%03uZ. Be brief.\"},{\"role\":\"user\",\"content\":\"%s\"}],\"stream\":false}",
        n / 3600 % 24, n / 60 % 60, n % 60, random_below(random, 1000), text);
    digest_key(request, "llm");
    answer(request, request->question);
}

void lines_of_headers(unsigned n, uint64_t *random, struct request *request)
{
    char text[256];

    request->question = draw_question(random);
    write_question(request->question, text, sizeof(text));
    g_snprintf(request->input, sizeof(request->input),
               "X-Request-Id: %s\nDate: %u\nmodel: gpt-4o\n\n%s\n", random_hex(random, 20),
               1790000000 + n / 100, text);
    digest_key(request, "llm");
    answer(request, simulated_random(random));
}

/* Asked for seldom, so that there is little to go by. */
void few_requests(unsigned n, uint64_t *random, struct request *request)
{
    clock_and_uuid(n, random, request);
}
