/*
 * A heap profile as pprof reads it: gzip-ed profile.proto (whose format
 * analyzer/export/profile.proto names). Its sample types begin with those of Go's heap profile.
 *
 * Addresses are the files' own (ELF's virtual addresses): each mapping covers all of them, which
 * pprof takes for addresses that need no shifting. So one profile holds many processes. Frames
 * without a name have an address alone: pprof shows the file then, or finds a name by its build-id.
 */
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "export/exporters.h"
#include "export/profile.pb-c.h"
#include "model/text.h"

#define NS_PER_SECOND 1e9
#define GZIP_WINDOW   (15 + 16) /* zlib's largest window, in gzip's format */
#define NAMED_MOST    5u        /* processes in the comments, which pprof shows every time */

static const struct {
    const char *type, *unit;
    enum export_number number;
} sample_types[] = {
    {"alloc_objects", "count", EXPORT_ALLOCATED_COUNT},
    {"alloc_space", "bytes", EXPORT_ALLOCATED},
    {"inuse_objects", "count", EXPORT_LIVE_COUNT},
    {"inuse_space", "bytes", EXPORT_LIVE},
    {"leaked_objects", "count", EXPORT_LEAKED_COUNT},
    {"leaked_space", "bytes", EXPORT_LEAKED},
    {"peak_space", "bytes", EXPORT_PEAK},
    {"temporary_objects", "count", EXPORT_TEMPORARY},
};
#define DEFAULT_TYPE "inuse_space"
#define TYPES        G_N_ELEMENTS(sample_types)

/* A profile in the making. Its parts are found again by what tells them from others. */
struct profile {
    const struct report *report;
    GPtrArray *owned;    /* whatever the message points to */
    GHashTable *strings; /* text -> index */
    GHashTable *mappings, *functions, *locations;
    GPtrArray *string_table, *mapping, *function, *location, *sample;
};

/* ---- Parts ---- */

/* Zeroed, and freed with the profile. */
static void *take(struct profile *profile, size_t bytes)
{
    void *memory = g_malloc0(bytes);

    g_ptr_array_add(profile->owned, memory);
    return memory;
}

static void *take_pointers(struct profile *profile, size_t count)
{
    return take(profile, count * sizeof(void *));
}

static int64_t text_index(struct profile *profile, const char *text)
{
    gpointer known;
    char *owned;

    if (text == NULL)
        return 0;
    if (g_hash_table_lookup_extended(profile->strings, text, NULL, &known))
        return GPOINTER_TO_INT(known);
    owned = g_strdup(text);
    g_ptr_array_add(profile->owned, owned);
    g_hash_table_insert(profile->strings, owned, GINT_TO_POINTER(profile->string_table->len));
    g_ptr_array_add(profile->string_table, owned);
    return profile->string_table->len - 1;
}

/* The same of what anyone may have chosen: protobuf's strings are UTF-8. */
static int64_t foreign_index(struct profile *profile, const char *text)
{
    char *shown = text == NULL ? NULL : text_printable(text, strlen(text));
    int64_t index = text_index(profile, shown);

    g_free(shown);
    return index;
}

static Pprof__Mapping *mapping_of(struct profile *profile, const char *path, const char *build_id)
{
    char *key = g_strconcat(path, "\n", build_id, NULL);
    Pprof__Mapping *mapping = g_hash_table_lookup(profile->mappings, key);

    if (mapping != NULL) {
        g_free(key);
        return mapping;
    }
    mapping = take(profile, sizeof(*mapping));
    pprof__mapping__init(mapping);
    mapping->memory_limit = UINT64_MAX;
    mapping->filename = foreign_index(profile, path);
    mapping->build_id = foreign_index(profile, build_id);
    g_ptr_array_add(profile->mapping, mapping);
    mapping->id = profile->mapping->len;
    g_hash_table_insert(profile->mappings, key, mapping);
    return mapping;
}

/* Without the linker's name: pprof would shorten a name that is equal to it. */
static uint64_t function_of(struct profile *profile, const char *name, const char *file)
{
    char *key = g_strconcat(name, "\n", file, NULL);
    Pprof__Function *function = g_hash_table_lookup(profile->functions, key);

    if (function != NULL) {
        g_free(key);
        return function->id;
    }
    function = take(profile, sizeof(*function));
    pprof__function__init(function);
    function->name = foreign_index(profile, name);
    function->filename = foreign_index(profile, file);
    g_ptr_array_add(profile->function, function);
    function->id = profile->function->len;
    g_hash_table_insert(profile->functions, key, function);
    return function->id;
}

static void add_line(struct profile *profile, Pprof__Location *location, const char *name,
                     const char *file, int line)
{
    Pprof__Line *made = take(profile, sizeof(*made));

    pprof__line__init(made);
    made->function_id = function_of(profile, name, file);
    made->line = line;
    location->line[location->n_line++] = made;
}

static Pprof__Location *location_new(struct profile *profile, size_t lines)
{
    Pprof__Location *location = take(profile, sizeof(*location));

    pprof__location__init(location);
    location->line = take_pointers(profile, lines);
    g_ptr_array_add(profile->location, location);
    location->id = profile->location->len;
    return location;
}

/* ---- Stacks ---- */

/* One address: the frames that were inlined there and the one that they were inlined into. */
struct place {
    const struct frame *frames;
    guint count;
};

static struct place place_at(const GArray *frames, guint first)
{
    const struct frame *frame = &g_array_index(frames, struct frame, first);
    struct place place = {frame, 1};

    while (frame[place.count - 1].inlined && first + place.count < frames->len &&
           frame[place.count].offset == frame->offset &&
           g_strcmp0(frame[place.count].module, frame->module) == 0)
        place.count++;
    return place;
}

/* Two builds' frames may share an address: names and lines are part of what it is. */
static char *key_of_place(const struct place *place)
{
    const struct frame *frame = place->frames;
    GString *key = g_string_new(NULL);

    g_string_printf(key, "%s\n%s\n%" G_GINT64_MODIFIER "x",
                    frame->module == NULL ? "" : frame->module,
                    frame->build_id == NULL ? "" : frame->build_id, (guint64)frame->offset);
    for (guint i = 0; i < place->count; i++)
        g_string_append_printf(key, "\n%s\n%s\n%d",
                               frame[i].function == NULL ? "" : frame[i].function,
                               frame[i].file == NULL ? "" : frame[i].file, frame[i].line);
    return g_string_free(key, FALSE);
}

static void describe_place(struct profile *profile, Pprof__Location *location,
                           const struct place *place)
{
    const struct frame *frame = place->frames;
    Pprof__Mapping *mapping = NULL;

    location->address = frame->offset;
    if (frame->module != NULL) {
        mapping = mapping_of(profile, frame->module, frame->build_id);
        location->mapping_id = mapping->id;
    }
    for (guint i = 0; i < place->count; i++) {
        if (frame[i].function == NULL)
            continue;
        add_line(profile, location, frame[i].function, frame[i].file, frame[i].line);
        if (mapping == NULL)
            continue;
        mapping->has_functions = true;
        mapping->has_filenames |= frame[i].file != NULL;
        mapping->has_line_numbers |= frame[i].line > 0;
        mapping->has_inline_frames |= frame[i].inlined;
    }
}

static uint64_t location_of_place(struct profile *profile, const struct place *place)
{
    char *key = key_of_place(place);
    Pprof__Location *location = g_hash_table_lookup(profile->locations, key);

    if (location != NULL) {
        g_free(key);
        return location->id;
    }
    location = location_new(profile, place->count);
    describe_place(profile, location, place);
    g_hash_table_insert(profile->locations, key, location);
    return location->id;
}

/* What stands for frames that are not there. */
static uint64_t location_named(struct profile *profile, const char *name)
{
    Pprof__Location *location = g_hash_table_lookup(profile->locations, name);

    if (location == NULL) {
        location = location_new(profile, 1);
        add_line(profile, location, name, NULL, 0);
        g_hash_table_insert(profile->locations, g_strdup(name), location);
    }
    return location->id;
}

static void fill_locations(struct profile *profile, Pprof__Sample *sample,
                           const struct stack *stack)
{
    sample->location_id = take(profile, (stack->frames->len + 1) * sizeof(*sample->location_id));
    for (guint i = 0; i < stack->frames->len;) {
        struct place place = place_at(stack->frames, i);

        sample->location_id[sample->n_location_id++] = location_of_place(profile, &place);
        i += place.count;
    }
    if (stack->cut)
        sample->location_id[sample->n_location_id++] = location_named(profile, EXPORT_CUT);
    if (sample->n_location_id == 0)
        sample->location_id[sample->n_location_id++] = location_named(profile, EXPORT_NO_STACK);
}

/* ---- Samples ---- */

static void add_label(struct profile *profile, Pprof__Sample *sample, const char *key,
                      const char *text)
{
    Pprof__Label *label;

    if (text == NULL)
        return;
    label = take(profile, sizeof(*label));
    pprof__label__init(label);
    label->key = text_index(profile, key);
    label->str = foreign_index(profile, text);
    sample->label[sample->n_label++] = label;
}

/* Which leaks a site is, and what they follow. */
static void fill_labels(struct profile *profile, Pprof__Sample *sample, const char *id)
{
    const GPtrArray *leaks = profile->report->leaks;

    sample->label = take_pointers(profile, 3 * ((size_t)leaks->len + 1));
    for (guint i = 0; i < leaks->len; i++) {
        const struct leak_report *leak = g_ptr_array_index(leaks, i);

        if (strcmp(leak->site->id, id) != 0)
            continue;
        add_label(profile, sample, "leak", leak->rule);
        add_label(profile, sample, "template", leak->template_name);
        add_label(profile, sample, "branch", leak->branch);
    }
}

static void add_sample(struct profile *profile, const struct export_stack *stack)
{
    Pprof__Sample *sample = take(profile, sizeof(*sample));
    bool any = false;

    pprof__sample__init(sample);
    sample->n_value = TYPES;
    sample->value = take(profile, TYPES * sizeof(*sample->value));
    for (size_t i = 0; i < TYPES; i++) {
        sample->value[i] = stack->numbers[sample_types[i].number];
        any |= sample->value[i] != 0;
    }
    if (!any)
        return;
    fill_locations(profile, sample, stack->stack);
    if (stack->numbers[EXPORT_LEAKED_COUNT] != 0)
        fill_labels(profile, sample, stack->id);
    g_ptr_array_add(profile->sample, sample);
}

/* ---- The whole ---- */

static struct profile profile_new(const struct report *report)
{
    struct profile profile = {
        .report = report,
        .owned = g_ptr_array_new_with_free_func(g_free),
        .strings = g_hash_table_new(g_str_hash, g_str_equal),
        .mappings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .functions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .locations = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .string_table = g_ptr_array_new(),
        .mapping = g_ptr_array_new(),
        .function = g_ptr_array_new(),
        .location = g_ptr_array_new(),
        .sample = g_ptr_array_new()};

    text_index(&profile, "");
    return profile;
}

static void profile_release(struct profile *profile)
{
    g_hash_table_destroy(profile->strings);
    g_hash_table_destroy(profile->mappings);
    g_hash_table_destroy(profile->functions);
    g_hash_table_destroy(profile->locations);
    g_ptr_array_free(profile->string_table, TRUE);
    g_ptr_array_free(profile->mapping, TRUE);
    g_ptr_array_free(profile->function, TRUE);
    g_ptr_array_free(profile->location, TRUE);
    g_ptr_array_free(profile->sample, TRUE);
    g_ptr_array_free(profile->owned, TRUE);
}

static Pprof__ValueType *value_type(struct profile *profile, const char *type, const char *unit)
{
    Pprof__ValueType *made = take(profile, sizeof(*made));

    pprof__value_type__init(made);
    made->type = text_index(profile, type);
    made->unit = text_index(profile, unit);
    return made;
}

static int64_t comment_of(struct profile *profile, const struct capture_report *capture)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "process %u:", capture->pid);
    for (guint i = 0; i < capture->command->len; i++)
        g_string_append_printf(text, " %s", (const char *)g_ptr_array_index(capture->command, i));
    int64_t index = foreign_index(profile, text->str);
    g_string_free(text, TRUE);
    return index;
}

/* When, of what, and how closely sampled; the latter where all captures agree. */
static void describe_captures(struct profile *profile, Pprof__Profile *message)
{
    const GPtrArray *captures = profile->report->captures;
    double start = G_MAXDOUBLE, end = 0;

    message->comment = take(profile, (NAMED_MOST + 2) * sizeof(*message->comment));
    message->comment[message->n_comment++] = text_index(profile, "leakey " LEAKEY_VERSION);
    message->period_type = value_type(profile, "space", "bytes");
    for (guint i = 0; i < captures->len; i++) {
        const struct capture_report *capture = g_ptr_array_index(captures, i);
        int64_t period = (int64_t)capture->sample_bytes;

        start = MIN(start, capture->started);
        end = MAX(end, capture->started + capture->duration_seconds);
        message->period = i == 0 || message->period == period ? period : 0;
        if (i < NAMED_MOST)
            message->comment[message->n_comment++] = comment_of(profile, capture);
    }
    if (captures->len > NAMED_MOST) {
        char *more = g_strdup_printf("and %u processes more", captures->len - NAMED_MOST);

        message->comment[message->n_comment++] = text_index(profile, more);
        g_free(more);
    }
    if (captures->len == 0)
        return;
    message->time_nanos = (int64_t)(start * NS_PER_SECOND);
    message->duration_nanos = (int64_t)((end - start) * NS_PER_SECOND);
}

/* The first mapping is taken for that of the program. */
static void put_executable_first(struct profile *profile)
{
    const GPtrArray *captures = profile->report->captures;
    const struct capture_report *capture =
        captures->len == 0 ? NULL : g_ptr_array_index(captures, 0);
    int64_t executable = capture == NULL ? 0 : foreign_index(profile, capture->executable);

    for (guint i = 0; i < profile->mapping->len; i++) {
        Pprof__Mapping *mapping = g_ptr_array_index(profile->mapping, i);

        if (mapping->filename != executable)
            continue;
        g_ptr_array_remove_index(profile->mapping, i);
        g_ptr_array_insert(profile->mapping, 0, mapping);
        return;
    }
}

static void fill_message(struct profile *profile, Pprof__Profile *message)
{
    message->sample_type = take_pointers(profile, TYPES);
    message->n_sample_type = TYPES;
    for (size_t i = 0; i < TYPES; i++)
        message->sample_type[i] = value_type(profile, sample_types[i].type, sample_types[i].unit);
    message->default_sample_type = text_index(profile, DEFAULT_TYPE);
    describe_captures(profile, message);
    put_executable_first(profile);
    message->n_sample = profile->sample->len;
    message->sample = (Pprof__Sample **)profile->sample->pdata;
    message->n_mapping = profile->mapping->len;
    message->mapping = (Pprof__Mapping **)profile->mapping->pdata;
    message->n_location = profile->location->len;
    message->location = (Pprof__Location **)profile->location->pdata;
    message->n_function = profile->function->len;
    message->function = (Pprof__Function **)profile->function->pdata;
    message->n_string_table = profile->string_table->len;
    message->string_table = (char **)profile->string_table->pdata;
}

/* `bytes` are at most UINT_MAX. False: zlib had no memory. */
static bool put_gzipped(uint8_t *packed, size_t bytes, FILE *out)
{
    z_stream stream = {.next_in = packed, .avail_in = (uInt)bytes};
    uint8_t *room;
    bool done;

    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t most = deflateBound(&stream, bytes);
    room = g_malloc(most);
    stream.next_out = room;
    stream.avail_out = (uInt)most;
    done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    if (done)
        fwrite(room, 1, most - stream.avail_out, out);
    deflateEnd(&stream);
    g_free(room);
    return done;
}

static bool put_message(const Pprof__Profile *message, FILE *out, GError **error)
{
    size_t bytes = pprof__profile__get_packed_size(message);
    bool done = false;

    if (bytes <= UINT_MAX / 2) {
        uint8_t *packed = g_malloc(bytes);

        pprof__profile__pack(message, packed);
        done = put_gzipped(packed, bytes, out);
        g_free(packed);
    }
    if (!done)
        g_set_error(error, LEAKEY_ERROR, LEAKEY_ERROR_SYSTEM,
                    "pprof: a profile of %zu bytes cannot be compressed", bytes);
    return done;
}

bool export_pprof(const struct analysis *analysis, const struct export_options *options, FILE *out,
                  GError **error)
{
    struct profile profile = profile_new(analysis->report);
    GArray *stacks = export_stacks(analysis);
    Pprof__Profile message;

    (void)options;
    pprof__profile__init(&message);
    for (guint i = 0; i < stacks->len; i++)
        add_sample(&profile, &g_array_index(stacks, struct export_stack, i));
    fill_message(&profile, &message);
    bool done = put_message(&message, out, error);
    g_array_unref(stacks);
    profile_release(&profile);
    return done;
}
