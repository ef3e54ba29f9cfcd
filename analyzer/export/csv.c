/*
 * A trace of requests as Twitter published its own (https://github.com/twitter/cache-trace): a line
 * each, without a head: timestamp in seconds, anonymised key, key size, value size, client,
 * operation, TTL in seconds (0: none, or no write).
 *
 * A key is a number unless its text is asked for. Then it is quoted where RFC 4180 wants it, and
 * what a spreadsheet would take for a formula has an apostrophe before it.
 */
#include <inttypes.h>
#include <string.h>

#include "export/exporters.h"
#include "export/trace.h"
#include "model/text.h"
#include "model/write_kind.h"

static const char *const write_words[WRITE_KINDS] = {
    [WRITE_SET] = "set",         [WRITE_ADD] = "add",   [WRITE_APPEND] = "append",
    [WRITE_PREPEND] = "prepend", [WRITE_INCR] = "incr", [WRITE_DECR] = "decr"};

/* What starts a formula, in wide forms too (OWASP, "CSV Injection"). */
static bool starts_formula(const char *text)
{
    static const gunichar starts[] = {'=', '+', '-', '@', 0xff1d, 0xff0b, 0xff0d, 0xff20};
    gunichar first = g_utf8_get_char(text);

    for (size_t i = 0; i < G_N_ELEMENTS(starts); i++)
        if (first == starts[i])
            return true;
    return false;
}

/* `text` is printable. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

/* A key that was cut has its number after it, so that it stays one of its own. */
static void put_key_text(FILE *out, const struct cache_key *key, uint64_t number)
{
    char *shown = text_printable(key->text, key->text_bytes);
    const char *guard = starts_formula(shown) ? "'" : "";
    char *field = key->text_bytes < key->key_bytes
                      ? g_strdup_printf("%s%s...#%" PRIu64, guard, shown, number)
                      : g_strconcat(guard, shown, NULL);

    if (strpbrk(field, "\",'") != NULL)
        put_quoted(out, field);
    else
        fputs(field, out);
    g_free(field);
    g_free(shown);
}

struct writer {
    FILE *out;
    struct trace trace;
    bool key_text;
};

static void put_row(const struct writer *writer, const struct cache_access *access, uint64_t bytes,
                    const char *operation, uint64_t ttl_seconds)
{
    const struct cache_model *model = writer->trace.model;
    const struct cache_key *key = model_key(model, access->key);

    fprintf(writer->out, "%" PRIu32 ",", trace_seconds(access));
    if (writer->key_text)
        put_key_text(writer->out, key, trace_key_number(access));
    else
        fprintf(writer->out, "%" PRIu64, trace_key_number(access));
    fprintf(writer->out, ",%" PRIu32 ",%" PRIu64 ",%" PRIu32 ",%s,%" PRIu64 "\n", key->key_bytes,
            bytes == TRACE_UNKNOWN ? 0 : bytes, trace_client(model, access), operation,
            ttl_seconds);
}

/* One that does several things (GETDEL, SET with GET) is a request for each. */
static void put_access(struct writer *writer, const struct cache_access *access)
{
    if (access->flags & ACCESS_READ)
        put_row(writer, access, trace_read_bytes(&writer->trace, access), "get", 0);
    if (access->flags & ACCESS_WRITE)
        put_row(writer, access, trace_write_bytes(&writer->trace, access),
                write_words[access_write_kind(access)], trace_ttl_seconds(access));
    if (access->flags & ACCESS_DELETE)
        put_row(writer, access, 0, "delete", 0);
}

static bool keys_are_hashed(const struct cache_model *model)
{
    for (guint i = 0; i < model->keys->len; i++)
        if (model_key(model, i)->hashed)
            return true;
    return false;
}

bool export_csv(const struct analysis *analysis, const struct export_options *options, FILE *out,
                GError **error)
{
    const struct cache_model *model = analysis->cache;
    struct writer writer = {.out = out, .key_text = options->key_text};

    if (options->key_text && keys_are_hashed(model)) {
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_INPUT,
                    "--keys text: these captures hold no key's text (record --keys hash)");
        return false;
    }
    writer.trace = trace_new(model);
    for (guint i = 0; i < model->accesses->len; i++)
        if (model_access(model, i)->key != CACHE_NONE)
            put_access(&writer, model_access(model, i));
    trace_remark(&writer.trace, options);
    trace_release(&writer.trace);
    return true;
}
