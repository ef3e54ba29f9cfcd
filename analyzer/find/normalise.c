/* The table of normalisers, and what the names of fields tell. */
#include "find/normalise.h"

#include <string.h>

const struct normaliser_row normalisers[NORMALISERS] = {
    [NORMALISER_TIMESTAMP] = {"timestamp", NORMALISER_FREES, FEATURE_SLOTS, "a timestamp",
                              "drop %s"},
    [NORMALISER_UUID] = {"uuid", NORMALISER_FREES, FEATURE_SLOTS, "a uuid", "drop %s"},
    [NORMALISER_COUNTER] = {"counter", NORMALISER_SUPPOSES, FEATURE_SLOTS, "a counter", "drop %s"},
    [NORMALISER_RANDOM] = {"random", NORMALISER_FREES, FEATURE_SLOTS, "a random part", "drop %s"},
    [NORMALISER_WHITESPACE] = {"whitespace", NORMALISER_SPELLS, FEATURE_WHITESPACE, "white space",
                               "collapse white space"},
    [NORMALISER_CASE] = {"case", NORMALISER_SPELLS, FEATURE_CASE, "case", "lower-case text"},
    [NORMALISER_UNICODE] = {"unicode", NORMALISER_SPELLS, FEATURE_UNICODE, "Unicode form",
                            "bring text to Unicode form NFKC"},
    [NORMALISER_ORDER] = {"order", NORMALISER_SPELLS, FEATURE_ORDER, "member order",
                          "sort members by name"},
    [NORMALISER_NUMBER_FORMAT] = {"number-format", NORMALISER_SPELLS, FEATURE_NUMBER_FORMAT,
                                  "number format", "print numbers in one format"},
    [NORMALISER_SALT] = {"salt", NORMALISER_SUPPOSES, FEATURE_SLOTS, "a salt of the process",
                         "derive %s from the input alone, with a fixed seed"},
    [NORMALISER_SIGNED_URL] = {"signed-url", NORMALISER_FREES, FEATURE_SLOTS, "a URL's signature",
                               "drop the signature %s from the URL"},
    [NORMALISER_TEMP_PATH] = {"temp-path", NORMALISER_FREES, FEATURE_SLOTS, "a temporary path",
                              "use what the file holds instead of %s"},
    [NORMALISER_VERSION] = {"version", NORMALISER_SUPPOSES, FEATURE_SLOTS, "a version", "drop %s"},
    [NORMALISER_ADDRESS] = {"address", NORMALISER_FREES, FEATURE_SLOTS, "an address", "drop %s"},
    [NORMALISER_IDENTIFIER] = {"identifier", NORMALISER_SUPPOSES, FEATURE_SLOTS, "an identifier",
                               "drop %s"},
};

enum normaliser normaliser_named(const char *name)
{
    for (unsigned i = 0; i < NORMALISERS; i++)
        if (strcmp(normalisers[i].name, name) == 0)
            return (enum normaliser)i;
    return NORMALISER_NONE;
}

/* Names as whole words, or as the last words of longer names (`x_request_id`). */
static const struct {
    enum name_hint hint;
    const char *names; /* each between blanks */
} hints[] = {
    {HINT_SIGNATURE,
     " x_amz_signature x_amz_date x_amz_credential x_amz_expires x_amz_security_token signature "
     "awsaccesskeyid key_pair_id policy x_goog_signature x_goog_date x_goog_credential "
     "x_goog_expires googleaccessid sig se st skt ske hmac expires "},
    {HINT_NONCE, " nonce request_id req_id requestid reqid request req trace_id traceid trace "
                 "span_id spanid correlation_id correlationid message_id messageid msg_id rid uuid "
                 "guid random rand cache_buster buster cb jti idempotency_key idempotencykey "
                 "invocation_id call_id run_id event_id "},
    {HINT_CLOCK, " ts t time timestamp now date datetime created created_at sent_at received_at "
                 "updated_at requested_at at clock epoch time_ms ts_ms time_ns unix_time "
                 "current_time current_date today "},
    {HINT_IDENTIFIER,
     " user user_id userid uid username account account_id tenant tenant_id customer customer_id "
     "client client_id session session_id sessionid sid doc document doc_id document_id item "
     "item_id product product_id sku order_id org org_id email conversation conversation_id "
     "thread thread_id chat chat_id cart profile file file_id member member_id device device_id "
     "id page owner author team project project_id workspace "},
};

static bool list_holds(const char *names, const char *name)
{
    char word[66];

    g_snprintf(word, sizeof(word), " %s ", name);
    return strstr(names, word) != NULL;
}

/* "X-Request-Id" and "requestId" -> "x_request_id", "request_id". */
static bool plain_name(const char *name, size_t bytes, char out[64])
{
    size_t used = 0;

    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];

        if (used + 3 > 62)
            return false;
        if (g_ascii_isupper(c) && i && g_ascii_islower(name[i - 1]))
            out[used++] = '_';
        out[used++] = g_ascii_isalnum(c) ? g_ascii_tolower(c) : '_';
    }
    out[used] = '\0';
    return used > 0;
}

enum name_hint name_hint(const char *name, size_t bytes)
{
    char plain[64];

    if (!plain_name(name, bytes, plain))
        return HINT_NONE;
    for (const char *tail = plain; tail; tail = strchr(tail, '_') ? strchr(tail, '_') + 1 : NULL)
        for (size_t i = 0; i < G_N_ELEMENTS(hints); i++)
            if ((i > 0 || tail == plain) && list_holds(hints[i].names, tail))
                return hints[i].hint;
    return HINT_NONE;
}

static enum normaliser of_word(const struct part *part, enum name_hint hint)
{
    if (!(part->flags & PART_FIELD))
        return NORMALISER_NONE;
    if (hint == HINT_NONCE)
        return NORMALISER_RANDOM;
    return hint == HINT_IDENTIFIER ? NORMALISER_IDENTIFIER : NORMALISER_NONE;
}

static enum normaliser of_number(const struct part *part, enum name_hint hint)
{
    if (part->flags & PART_FIELD && hint == HINT_CLOCK)
        return NORMALISER_TIMESTAMP;
    if (part->flags & PART_FIELD && hint == HINT_NONCE)
        return NORMALISER_RANDOM;
    if (part->token_class == LK_CLASS_FLOAT)
        return NORMALISER_NONE;
    return hint == HINT_IDENTIFIER ? NORMALISER_IDENTIFIER : NORMALISER_COUNTER;
}

enum normaliser slot_normaliser(const struct part *part, enum name_hint hint)
{
    if (part->flags & PART_TEMPORARY)
        return NORMALISER_TEMP_PATH;
    if (part->flags & PART_FIELD && hint == HINT_SIGNATURE)
        return NORMALISER_SIGNED_URL;
    switch (part->token_class) {
    case LK_CLASS_TIMESTAMP:
        return NORMALISER_TIMESTAMP;
    case LK_CLASS_UUID:
        return NORMALISER_UUID;
    case LK_CLASS_HEX:
    case LK_CLASS_RANDOM:
        return NORMALISER_RANDOM;
    case LK_CLASS_ADDRESS:
        return NORMALISER_ADDRESS;
    case LK_CLASS_VERSION:
        return NORMALISER_VERSION;
    case LK_CLASS_NUMBER:
    case LK_CLASS_FLOAT:
        return of_number(part, hint);
    case LK_CLASS_WORD:
        return of_word(part, hint);
    default:
        return NORMALISER_NONE;
    }
}

enum normaliser feature_normaliser(unsigned feature)
{
    for (unsigned i = 0; i < NORMALISERS; i++)
        if (normalisers[i].kind == NORMALISER_SPELLS && normalisers[i].feature == feature)
            return (enum normaliser)i;
    return NORMALISER_NONE;
}
