/* Mappings of a process, from the text of /proc; see regions.h. */
#include "live/regions.h"

#include <string.h>

/* "start-end rwxp offset major:minor inode   path"; false for a line that is none. */
static bool parse_line(const char *line, struct region *region)
{
    char *at;

    region->start = g_ascii_strtoull(line, &at, 16);
    if (*at != '-' || at == line)
        return false;
    region->end = g_ascii_strtoull(at + 1, &at, 16);
    if (*at != ' ' || strlen(at) < sizeof(" rwxp ") - 1 || region->start >= region->end)
        return false;
    region->readable = at[1] == 'r';
    region->writable = at[2] == 'w';
    region->executable = at[3] == 'x';
    region->shared = at[4] == 's';
    region->offset = g_ascii_strtoull(at + 5, &at, 16);
    at += strspn(at, " ");
    at += strcspn(at, " "); /* the device: it differs between views of an overlay */
    region->inode = g_ascii_strtoull(at, &at, 10);
    region->path = g_strdup(at + strspn(at, " "));
    return true;
}

static void release(gpointer region)
{
    g_free(((struct region *)region)->path);
}

GArray *regions_parse(const char *maps)
{
    GArray *regions = g_array_new(FALSE, FALSE, sizeof(struct region));
    char **lines = g_strsplit(maps, "\n", -1);

    g_array_set_clear_func(regions, release);
    for (char **line = lines; *line != NULL; line++) {
        struct region region;
        if (parse_line(*line, &region))
            g_array_append_val(regions, region);
    }
    g_strfreev(lines);
    return regions;
}

void regions_free(GArray *regions)
{
    if (regions != NULL)
        g_array_free(regions, TRUE);
}

const struct region *regions_at(const GArray *regions, uint64_t address)
{
    for (guint i = 0; i < regions->len; i++) {
        const struct region *region = &g_array_index(regions, struct region, i);
        if (address >= region->start && address < region->end)
            return region;
    }
    return NULL;
}

static bool flag_is_set(const char *flags, const char *flag)
{
    char **words = g_strsplit(flags, " ", -1);
    bool set = g_strv_contains((const char *const *)words, flag);

    g_strfreev(words);
    return set;
}

GArray *regions_wiped(const char *smaps)
{
    static const char label[] = "VmFlags:";
    GArray *wiped = g_array_new(FALSE, FALSE, sizeof(struct span));
    char **lines = g_strsplit(smaps, "\n", -1);
    struct region region = {.path = NULL};

    for (char **line = lines; *line != NULL; line++) {
        struct region next;
        if (g_str_has_prefix(*line, label)) {
            struct span span = {region.start, region.end};
            if (flag_is_set(*line + strlen(label), "wf") && span.start < span.end)
                g_array_append_val(wiped, span);
        } else if (parse_line(*line, &next)) {
            g_free(region.path);
            region = next;
        }
    }
    g_free(region.path);
    g_strfreev(lines);
    return wiped;
}

/* Devices but for those that are memory. */
static bool is_device(const char *path)
{
    static const char *const memory[] = {"/dev/zero", "/dev/shm/", "/dev/hugepages/"};

    for (size_t i = 0; i < G_N_ELEMENTS(memory); i++)
        if (g_str_has_prefix(path, memory[i]))
            return false;
    return g_str_has_prefix(path, "/dev/");
}

bool region_is_searched(const struct region *region, uint64_t capture_inode)
{
    if (region->inode != 0 && region->inode == capture_inode)
        return false;
    if (g_str_has_prefix(region->path, "[v") || is_device(region->path))
        return false;
    return !region->shared || region->writable;
}

/* ---- Spans ---- */

static gint by_start(gconstpointer a, gconstpointer b)
{
    const struct span *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

void spans_join(GArray *spans)
{
    guint kept = 0;

    g_array_sort(spans, by_start);
    for (guint i = 0; i < spans->len; i++) {
        struct span next = g_array_index(spans, struct span, i);
        struct span *last = kept == 0 ? NULL : &g_array_index(spans, struct span, kept - 1);
        if (last != NULL && next.start <= last->end)
            last->end = MAX(last->end, next.end);
        else
            g_array_index(spans, struct span, kept++) = next;
    }
    g_array_set_size(spans, kept);
}

void spans_without(GArray *out, struct span span, const GArray *holes)
{
    for (guint i = 0; i < holes->len && span.start < span.end; i++) {
        const struct span *hole = &g_array_index(holes, struct span, i);
        if (hole->end <= span.start || hole->start >= span.end)
            continue;
        struct span before = {span.start, hole->start};
        if (before.start < before.end)
            g_array_append_val(out, before);
        span.start = hole->end;
    }
    if (span.start < span.end)
        g_array_append_val(out, span);
}
