/* `leakey dump`: what a capture holds, item by item, for people and scripts. */
#include "cmd/dump.h"

#include <string.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"
#include "cmd/output.h"
#include "cmd/symbol_options.h"
#include "model/json_out.h"
#include "model/text.h"

#define NAME           "dump"
#define REAL_PRECISION 15 /* nanoseconds of a run of weeks */

static const struct part {
    const char *name;
    bool (*dump)(struct dump *dump);
    char separator; /* between an item's values as text */
} parts[] = {
    {"header", dump_header, '\n'},  {"events", dump_events, ' '},
    {"sites", dump_sites, ' '},     {"live", dump_live, ' '},
    {"modules", dump_modules, ' '}, {"templates", dump_templates, ' '},
    {"verbs", dump_verbs, ' '},     {"timeline", dump_timeline, ' '},
};

static const char description[] =
    "Parts: header events sites live modules templates verbs timeline, or all.\n"
    "As json, each item is one object on one line; as text, one line of name=value.\n"
    "Hashes and addresses are hexadecimal; times are seconds since the capture began.\n"
    "\n"
    "Exit status: 0; 2 for usage or unreadable input.";

struct settings {
    char *what, *format, *output;
    struct symbol_options symbols;
    struct symbol_search search;
    char **paths;
};

/* ---- One item ---- */

static bool emit_json(struct dump *dump, json_t *item)
{
    FILE *out = dump->context;
    bool written = json_put_out(item, out, JSON_COMPACT | JSON_REAL_PRECISION(REAL_PRECISION)) &&
                   putc('\n', out) != EOF;
    json_decref(item);
    return written;
}

static void put_real(double number, FILE *out)
{
    char digits[64];
    int bytes = snprintf(digits, sizeof(digits), "%.9f", number);
    while (bytes > 1 && digits[bytes - 1] == '0')
        digits[--bytes] = '\0';
    if (digits[bytes - 1] == '.')
        digits[bytes - 1] = '\0';
    fputs(digits, out);
}

/* A value in a line; texts in quotes unless they are plain words. */
static void put_value(const json_t *value, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-.:/<>@+*";
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        char *shown = text_printable(text, json_string_length(value));
        bool word = *text != '\0' && text[strspn(text, plain)] == '\0';
        fprintf(out, word ? "%s" : "\"%s\"", shown);
        g_free(shown);
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0)
                putc(',', out);
            put_value(json_array_get(value, i), out);
        }
    } else if (json_is_real(value)) {
        put_real(json_real_value(value), out);
    } else {
        json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY);
    }
}

/* "    #2 lookup_answer (/src/llm_cache.c:88)" */
static void put_frame(size_t index, const json_t *frame, FILE *out)
{
    const char *function = json_string_value(json_object_get(frame, "function"));
    const char *file = json_string_value(json_object_get(frame, "file"));
    const char *module = json_string_value(json_object_get(frame, "module"));
    const char *offset = json_string_value(json_object_get(frame, "offset"));
    char *place = file != NULL
                      ? g_strdup_printf("%s:%d", file,
                                        (int)json_integer_value(json_object_get(frame, "line")))
                      : g_strdup_printf("%s+%s", module == NULL ? "no file" : module, offset);
    char *shown = text_printable(place, strlen(place));
    char *name = function == NULL ? g_strdup("?") : text_printable(function, strlen(function));
    bool inlined = json_is_true(json_object_get(frame, "inlined"));
    fprintf(out, "    #%zu %s (%s)%s\n", index, name, shown, inlined ? " inlined" : "");
    g_free(place);
    g_free(shown);
    g_free(name);
}

static bool emit_text(struct dump *dump, json_t *item)
{
    FILE *out = dump->context;
    const json_t *stack = json_object_get(item, "stack");
    bool first = true;
    for (void *at = json_object_iter(item); at != NULL; at = json_object_iter_next(item, at)) {
        const json_t *value = json_object_iter_value(at);
        if (value == stack || json_is_null(value))
            continue;
        if (!first)
            putc(dump->separator, out);
        fprintf(out, "%s=", json_object_iter_key(at));
        put_value(value, out);
        first = false;
    }
    putc('\n', out);
    for (size_t i = 0; i < json_array_size(stack); i++)
        put_frame(i, json_array_get(stack, i), out);
    json_decref(item);
    return ferror(out) == 0;
}

/* ---- The command ---- */

static const struct part *part_named(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (strcmp(parts[i].name, name) == 0)
            return &parts[i];
    return NULL;
}

static bool is_asked_for(char *const *names, const struct part *part)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, "all") == 0 || strcmp(*names, part->name) == 0)
            return true;
    return false;
}

static void dump_parts(struct dump *dump, const char *what)
{
    char **names = g_strsplit(what, ",", -1);
    bool read_on = true;
    for (size_t i = 0; i < G_N_ELEMENTS(parts) && read_on; i++)
        if (is_asked_for(names, &parts[i])) {
            dump->separator = parts[i].separator;
            read_on = parts[i].dump(dump);
        }
    g_strfreev(names);
}

static bool parse(struct settings *settings, int *argc, char ***argv, int *status)
{
    const GOptionEntry entries[] = {
        {"what", 'w', 0, G_OPTION_ARG_STRING, &settings->what, "which parts (default: header)",
         "PART[,PART...]"},
        {"format", 'f', 0, G_OPTION_ARG_STRING, &settings->format, "text (default) or json",
         "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &settings->output,
         "write to FILE, whole or not at all", "FILE"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &settings->paths, NULL, NULL},
        {0}};
    GOptionEntry more[SYMBOL_ENTRIES];
    const struct command_line line = {.name = NAME,
                                      .arguments = "CAPTURE",
                                      .description = description,
                                      .entries = entries,
                                      .more = more};
    symbol_option_entries(&settings->symbols, more);
    bool parsed = command_line_parse(&line, argc, argv, status);
    if (settings->what == NULL)
        settings->what = g_strdup("header");
    if (settings->format == NULL)
        settings->format = g_strdup("text");
    return parsed;
}

static bool check_parts(const char *what, int *status)
{
    char **names = g_strsplit(what, ",", -1);
    bool known = *names != NULL;
    for (char **name = names; *name != NULL && known; name++)
        known = strcmp(*name, "all") == 0 || part_named(*name) != NULL;
    if (!known)
        *status = usage_error(NAME,
                              "--what: no part \"%s\"; there are: all header events sites live "
                              "modules templates verbs timeline",
                              what);
    g_strfreev(names);
    return known;
}

static bool check(struct settings *settings, int *status)
{
    if (strcmp(settings->format, "text") != 0 && strcmp(settings->format, "json") != 0)
        *status =
            usage_error(NAME, "--format: no format \"%s\"; there are: text json", settings->format);
    else if (settings->paths == NULL || settings->paths[1] != NULL)
        *status = usage_error(NAME, "one capture is to be given");
    else
        return check_parts(settings->what, status) &&
               symbol_options_read(&settings->symbols, NAME, &settings->search, status);
    return false;
}

static bool run(const struct settings *settings, GError **error)
{
    struct output output;
    struct capture *capture = capture_open(settings->paths[0], error);
    if (capture == NULL)
        return false;
    if (capture->damage != 0)
        message(NAME,
                "%s: damaged: %" G_GUINT64_FORMAT " parts left out; `leakey check` says which",
                settings->paths[0], capture->damage);
    bool opened = output_open_paged(&output, settings->output, error);
    if (opened) {
        struct dump dump = {.capture = capture,
                            .report = report_new(),
                            .emit = strcmp(settings->format, "json") == 0 ? emit_json : emit_text,
                            .context = output.stream};
        dump.symbols = symbols_new(dump.report);
        symbols_search(dump.symbols, &settings->search);
        dump_parts(&dump, settings->what);
        symbols_free(dump.symbols);
        report_free(dump.report);
        opened = output_close(&output, error);
    }
    capture_free(capture);
    return opened;
}

int cmd_dump(int argc, char **argv)
{
    struct settings settings = {.what = NULL};
    GError *error = NULL;
    int status;
    if (parse(&settings, &argc, &argv, &status) && check(&settings, &status)) {
        status = run(&settings, &error) ? STATUS_DONE : STATUS_ERROR;
        if (error != NULL)
            message(NAME, "%s", error->message);
        g_clear_error(&error);
    }
    g_free(settings.what);
    g_free(settings.format);
    g_free(settings.output);
    symbol_options_release(&settings.symbols);
    g_strfreev(settings.paths);
    return status;
}
