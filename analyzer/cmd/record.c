/* `leakey record`: runs a command with the shim, as if it had been started without, and says where
 * the captures are. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/launch.h"
#include "cmd/messages.h"
#include "cmd/target.h"
#include "model/units.h"

#define NAME         "record"
#define LIBRARY      "libleakey.so"
#define SUFFIX       ".leakey"
#define LISTED       5 /* captures, at most */
#define NOT_FOUND    127
#define NOT_RUNNABLE 126

static const char description[] =
    "Runs CMD with the shim preloaded, and exits with its status (128+N after signal N).\n"
    "Signals are passed on; standard input and output stay CMD's. Every option is also a\n"
    "variable (LEAKEY_OUTPUT, LEAKEY_SAMPLE, ...) for services that are started\n"
    "otherwise: LD_PRELOAD=libleakey.so alone does the same. SIZE takes K, M, G.\n"
    "\n"
    "Exit status: CMD's; 2 when it cannot be recorded or for usage; 126, 127 as a shell.";

struct settings {
    char *output, *sample, *ring, *keys, *heap, *cache;
    gboolean paused;
    char **command;
};

/* ---- Options and their variables: one table ---- */

static bool is_size(const char *text)
{
    char *end;
    guint64 value;

    errno = 0;
    value = g_ascii_strtoull(text, &end, 10);
    if (!g_ascii_isdigit(*text) || value == 0 || errno != 0)
        return false;
    if (*end != '\0' && strchr("kKmMgG", *end) != NULL) {
        unsigned shift = g_ascii_tolower(*end) == 'k' ? 10 : g_ascii_tolower(*end) == 'm' ? 20 : 30;
        if (value > G_MAXUINT64 >> shift)
            return false;
        end++;
    }
    return *end == '\0';
}

static bool is_sample(const char *text)
{
    return strcmp(text, "all") == 0 || is_size(text);
}

static bool is_keys(const char *text)
{
    return strcmp(text, "text") == 0 || strcmp(text, "hash") == 0;
}

static bool is_switch(const char *text)
{
    return strcmp(text, "on") == 0 || strcmp(text, "off") == 0;
}

static bool is_any(const char *text)
{
    return *text != '\0';
}

static const struct setting {
    const char *option, *variable, *value, *help;
    size_t field; /* in struct settings, of a char * */
    char short_name;
    GOptionArg kind;
    bool (*fits)(const char *text);
} table[] = {
    {"output", "LEAKEY_OUTPUT", "DIR", "where captures go (default: here); made if missing",
     offsetof(struct settings, output), 'o', G_OPTION_ARG_FILENAME, is_any},
    {"sample", "LEAKEY_SAMPLE", "SIZE|all",
     "sample one allocation per SIZE bytes (512K), or every one", offsetof(struct settings, sample),
     0, G_OPTION_ARG_STRING, is_sample},
    {"ring", "LEAKEY_RING", "SIZE", "bound of each process's ring of events (256M)",
     offsetof(struct settings, ring), 0, G_OPTION_ARG_STRING, is_size},
    {"keys", "LEAKEY_KEYS", "text|hash",
     "hash: no text of keys, inputs, arguments is written (text)", offsetof(struct settings, keys),
     0, G_OPTION_ARG_STRING, is_keys},
    {"heap", "LEAKEY_HEAP", "on|off", "record the heap side (on)", offsetof(struct settings, heap),
     0, G_OPTION_ARG_STRING, is_switch},
    {"cache", "LEAKEY_CACHE", "on|off", "record the cache side (on)",
     offsetof(struct settings, cache), 0, G_OPTION_ARG_STRING, is_switch},
};

static char **field_of(struct settings *settings, const struct setting *setting)
{
    return (char **)(void *)((char *)settings + setting->field);
}

static bool parse(struct settings *settings, int *argc, char ***argv, int *status)
{
    GOptionEntry entries[G_N_ELEMENTS(table) + 3] = {{0}};
    size_t count = 0;

    for (; count < G_N_ELEMENTS(table); count++)
        entries[count] = (GOptionEntry){.long_name = table[count].option,
                                        .short_name = table[count].short_name,
                                        .arg = table[count].kind,
                                        .arg_data = field_of(settings, &table[count]),
                                        .description = table[count].help,
                                        .arg_description = table[count].value};
    entries[count++] = (GOptionEntry){"paused",
                                      0,
                                      0,
                                      G_OPTION_ARG_NONE,
                                      &settings->paused,
                                      "record nothing until `leakey resume PID`",
                                      NULL};
    entries[count] = (GOptionEntry){G_OPTION_REMAINING, 0,    0,   G_OPTION_ARG_FILENAME_ARRAY,
                                    &settings->command, NULL, NULL};
    const struct command_line line = {.name = NAME,
                                      .arguments = "[--] CMD [ARGUMENT...]",
                                      .description = description,
                                      .entries = entries,
                                      .strict = true};

    return command_line_parse(&line, argc, argv, status);
}

static bool is_off(const char *text, const char *variable)
{
    const char *value = text == NULL ? g_getenv(variable) : text;

    return value != NULL && (strcmp(value, "off") == 0 || strcmp(value, "0") == 0);
}

static bool check(struct settings *settings, int *status)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const char *value = *field_of(settings, &table[i]);

        if (value != NULL && !table[i].fits(value)) {
            *status =
                usage_error(NAME, "--%s: \"%s\" is not %s", table[i].option, value, table[i].value);
            return false;
        }
    }
    if (settings->command == NULL || settings->command[0] == NULL)
        *status = usage_error(NAME, "no command given");
    else if (is_off(settings->heap, "LEAKEY_HEAP") && is_off(settings->cache, "LEAKEY_CACHE"))
        *status = usage_error(NAME, "with --heap off and --cache off there is nothing to record");
    else
        return true;
    return false;
}

/* ---- The shim ---- */

/* Beside the program (a build tree), or in the lib directory beside its bin (an installation).
 * NULL: nowhere. */
static char *find_library(void)
{
    static const char *const places[] = {"",
                                         "../lib",
                                         "../lib64",
                                         "../lib/x86_64-linux-gnu",
                                         "../lib/aarch64-linux-gnu",
                                         "../lib/leakey",
                                         "../lib/x86_64-linux-gnu/leakey",
                                         "../lib/aarch64-linux-gnu/leakey"};
    const char *named = g_getenv("LEAKEY_LIBRARY");
    char *self, *found = NULL;

    if (named != NULL && *named != '\0')
        return access(named, R_OK) == 0 ? g_canonicalize_filename(named, NULL) : NULL;
    self = g_file_read_link("/proc/self/exe", NULL);
    if (self == NULL)
        return NULL;
    char *directory = g_path_get_dirname(self);
    for (size_t i = 0; i < G_N_ELEMENTS(places) && found == NULL; i++) {
        char *candidate = g_build_filename(directory, places[i], LIBRARY, NULL);
        if (access(candidate, R_OK) == 0)
            found = g_canonicalize_filename(candidate, NULL);
        g_free(candidate);
    }
    g_free(directory);
    g_free(self);
    return found;
}

static char **make_environment(struct settings *settings, const char *library,
                               const char *directory)
{
    char **environment = g_get_environ();
    const char *preload = g_environ_getenv(environment, "LD_PRELOAD");
    char *both = preload == NULL || *preload == '\0' ? g_strdup(library)
                                                     : g_strconcat(library, ":", preload, NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        if (*field_of(settings, &table[i]) != NULL)
            environment = g_environ_setenv(environment, table[i].variable,
                                           *field_of(settings, &table[i]), TRUE);
    if (settings->paused)
        environment = g_environ_setenv(environment, "LEAKEY_PAUSED", "on", TRUE);
    environment = g_environ_setenv(environment, "LEAKEY_OUTPUT", directory, TRUE);
    environment = g_environ_setenv(environment, "LD_PRELOAD", both, TRUE);
    g_free(both);
    return environment;
}

/* The output directory, absolute: CMD may go elsewhere. NULL after a message. */
static char *make_directory(const struct settings *settings)
{
    const char *wanted = settings->output != NULL ? settings->output : g_getenv("LEAKEY_OUTPUT");
    char *directory =
        g_canonicalize_filename(wanted == NULL || *wanted == '\0' ? "." : wanted, NULL);

    if (g_mkdir_with_parents(directory, 0777) == 0 && access(directory, W_OK | X_OK) == 0)
        return directory;
    message(NAME, "%s: %s", directory, g_strerror(errno));
    g_free(directory);
    return NULL;
}

/* ---- Afterwards ---- */

/* Names of the captures in the directory, as a set; their order means nothing. */
static GHashTable *list_captures(const char *directory)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;

    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL)
        if (g_str_has_suffix(name, SUFFIX))
            g_hash_table_add(names, g_strdup(name));
    if (listing != NULL)
        g_dir_close(listing);
    return names;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *new_captures(const char *directory, GHashTable *known)
{
    GHashTable *names = list_captures(directory);
    GPtrArray *made = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iterator;
    gpointer name;

    g_hash_table_iter_init(&iterator, names);
    while (g_hash_table_iter_next(&iterator, &name, NULL))
        if (!g_hash_table_contains(known, name))
            g_ptr_array_add(made, g_strdup(name));
    g_hash_table_destroy(names);
    g_ptr_array_sort(made, by_name);
    return made;
}

static void list_made(const char *directory, const GPtrArray *made)
{
    for (guint i = 0; i < MIN(made->len, LISTED); i++) {
        char *path = g_build_filename(directory, g_ptr_array_index(made, i), NULL);
        char size[UNITS_ROOM];
        struct stat status;

        if (stat(path, &status) == 0)
            message(NAME, "%s: %s", path, units_bytes(size, sizeof(size), (double)status.st_size));
        g_free(path);
    }
    if (made->len > LISTED)
        message(NAME, "and %u more captures", made->len - LISTED);
}

/* What was there before is another run's: then the new ones are named. */
static void suggest_report(const char *directory, const GPtrArray *made, bool others)
{
    GString *paths = g_string_new(NULL);

    for (guint i = 0; i < made->len && others; i++) {
        char *path = g_build_filename(directory, g_ptr_array_index(made, i), NULL);
        char *quoted =
            strpbrk(path, " '\"\\$&;()*?<>|`") == NULL ? g_strdup(path) : g_shell_quote(path);
        g_string_append_printf(paths, " %s", quoted);
        g_free(quoted);
        g_free(path);
    }
    if (!others)
        g_string_append_printf(paths, " %s", directory);
    message(NAME, "next: leakey report%s", paths->str);
    g_string_free(paths, TRUE);
}

static void tell_captures(struct settings *settings, const char *directory, GHashTable *known)
{
    GPtrArray *made = new_captures(directory, known);
    const char *sample = settings->sample != NULL ? settings->sample : g_getenv("LEAKEY_SAMPLE");
    bool all = sample != NULL && (strcmp(sample, "all") == 0 || strcmp(sample, "1") == 0);

    if (made->len != 0) {
        list_made(directory, made);
        suggest_report(directory, made, g_hash_table_size(known) != 0);
    } else {
        message(
            NAME,
            "nothing was recorded in %s: %s made no %s and no cache command that the shim sees%s",
            directory, settings->command[0], all ? "allocation" : "allocation that was sampled",
            all ? "" : " (--sample all records every allocation)");
    }
    g_ptr_array_free(made, TRUE);
}

/* ---- */

static int run(struct settings *settings, const char *library, const char *directory)
{
    GHashTable *known = list_captures(directory);
    char **environment = make_environment(settings, library, directory);
    struct launch launch = launch_run(settings->command, environment);
    int status = launch.status;

    if (launch.error != 0) {
        message(NAME, "%s: %s", settings->command[0], g_strerror(launch.error));
        status = launch.error == ENOENT ? NOT_FOUND : NOT_RUNNABLE;
    } else {
        tell_captures(settings, directory, known);
    }
    g_strfreev(environment);
    g_hash_table_destroy(known);
    return status;
}

static int refuse(enum target target, char *why)
{
    message(NAME, "%s", why);
    g_free(why);
    return target == TARGET_NOT_FOUND        ? NOT_FOUND
           : target == TARGET_NOT_EXECUTABLE ? NOT_RUNNABLE
                                             : STATUS_ERROR;
}

static int check_and_run(struct settings *settings)
{
    char *why, *library, *directory;
    enum target target = target_check(settings->command, &why);
    int status = STATUS_ERROR;

    if (target != TARGET_FITS)
        return refuse(target, why);
    library = find_library();
    if (library == NULL) {
        message(NAME, "%s: neither beside leakey nor in ../lib; LEAKEY_LIBRARY can name it",
                LIBRARY);
        return STATUS_ERROR;
    }
    directory = NULL;
    if (strpbrk(library, " :") != NULL)
        message(NAME,
                "%s: LD_PRELOAD takes no path with a blank or a colon; copy the library elsewhere "
                "and name it with LEAKEY_LIBRARY",
                library);
    else if ((directory = make_directory(settings)) != NULL)
        status = run(settings, library, directory);
    g_free(directory);
    g_free(library);
    return status;
}

int cmd_record(int argc, char **argv)
{
    struct settings settings = {0};
    int status;

    if (parse(&settings, &argc, &argv, &status) && check(&settings, &status))
        status = check_and_run(&settings);
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        g_free(*field_of(&settings, &table[i]));
    g_strfreev(settings.command);
    return status;
}
