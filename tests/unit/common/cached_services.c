/* What the simulated services have in common: questions, spellings, answers. */
#include "common/cached_services.h"

const char *const topics[TOPICS] = {
    "reset the password of my account",
    "get a refund for last week's order",
    "find the serial number",
    "connect the camera to a new network",
    "cancel the yearly subscription",
    "export all of my data",
    "replace the battery of the thermostat",
    "share the plan with my family",
    "use the drone in another country",
    "change the address on the invoice",
    "install the firmware safely",
    "mute the doorbell at night",
    "pair the speaker with a phone",
    "restore a deleted recording",
    "read the energy report",
    "order a spare part",
    "lock the door remotely",
    "invite a guest to the household",
};
const char *const products[PRODUCTS] = {"Aurora", "Borealis", "Cumulus", "Delta", "Ember", "Fjord"};

unsigned draw_question(uint64_t *random)
{
    unsigned a = random_below(random, TOPICS * PRODUCTS),
             b = random_below(random, TOPICS * PRODUCTS);

    return a < b ? a : b;
}

void write_question(unsigned question, char *out, size_t room)
{
    g_snprintf(out, (gulong)room, "How do I %s on the %s?", topics[question % TOPICS],
               products[question / TOPICS % PRODUCTS]);
}

void answer(struct request *request, uint64_t number)
{
    uint64_t state = number * 77 + 5;

    g_snprintf(request->value, sizeof(request->value),
               "Thank you for asking. Here is what we found out: %s %s %s", random_hex(&state, 40),
               random_hex(&state, 40), random_hex(&state, 30));
}

void digest_key(struct request *request, const char *prefix)
{
    g_snprintf(request->key, sizeof(request->key), "%s:%s", prefix, digest_of(request->input, 64));
}

void respell(const char *text, uint64_t *random, char *out, bool json)
{
    unsigned habit = random_below(random, 4);
    size_t used = 0;

    for (unsigned i = random_below(random, 3); i; i--)
        out[used++] = ' ';
    for (; *text; text++) {
        char c = *text;

        out[used++] = habit == 1 ? g_ascii_toupper(c) : habit == 2 ? g_ascii_tolower(c) : c;
        if (c == ' ' && habit == 3 && random_below(random, 4) == 0)
            out[used++] = ' ';
        if (c == ' ' && json && random_below(random, 20) == 0)
            out[used++] = '\\', out[used++] = 'n';
    }
    for (unsigned i = random_below(random, 3); i; i--)
        out[used++] = ' ';
    out[used] = '\0';
}

void spell_body(unsigned question, uint64_t *random, char *out, size_t room)
{
    char text[256], prompt[512];
    unsigned order = random_below(random, 3), compact = random_below(random, 2);
    char members[3][700];
    const char *gap = compact ? "" : " ", *between = compact ? "," : ",\n    ";

    write_question(question, text, sizeof(text));
    respell(text, random, prompt, true);
    g_snprintf(members[0], sizeof(members[0]), "\"model\":%s\"support-%u\"", gap, question % 2);
    g_snprintf(members[1], sizeof(members[1]), "\"prompt\":%s\"%s\"", gap, prompt);
    g_snprintf(members[2], sizeof(members[2]), "\"temperature\":%s%s", gap,
               question % 3 ? "0.2" : "0.7");
    g_snprintf(out, (gulong)room, "{%s%s%s%s%s}", members[order], between, members[(order + 1) % 3],
               between, members[(order + 2) % 3]);
}
