/* Names for addresses of one ELF file, by elfutils; see debuginfo.h. */
#include "model/debuginfo.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/debugfiles.h"
#include "model/debuginfo_parts.h"
#include "model/names.h"

struct debuginfo {
    Dwfl *dwfl;
    Dwfl_Module *module;
    GElf_Addr bias; /* addresses of libdwfl are higher than the file's by this */
    char *path;     /* where the file was when it ran */
    struct debug_files *files;
    bool asked_for_dwarf;
    Dwarf_Addr dwarf_bias;        /* ... and higher than the DWARF's by this */
    struct units *units;          /* NULL: no DWARF */
    struct symbol_table *symbols; /* NULL: not asked for yet */
    GArray *chain;                /* Dwarf_Die, of the address at hand */
    GHashTable *names, *paths;    /* a text of the file, by where it lies -> as it is given */
    GHashTable *qualified;        /* for function_name */
};

/* ---- Opening ---- */

/* libdwfl asks for the debug file of the module, or for what several of them share (dwz); the
 * module's build-id is then that file's. */
static int find_debug_file(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base,
                           const char *file_name, const char *link, GElf_Word link_crc,
                           char **found)
{
    const struct debuginfo *info = *user_data;
    const unsigned char *bits;
    GElf_Addr where;
    int bytes = dwfl_module_build_id(module, &bits, &where);
    (void)name, (void)base;
    struct debug_wanted wanted = {.build_id = bytes > 0 ? bits : NULL,
                                  .build_id_bytes = bytes > 0 ? (size_t)bytes : 0,
                                  .path = info->path,
                                  .found = file_name,
                                  .link = link,
                                  .link_crc = link_crc};
    return debug_files_find(info->files, &wanted, found);
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = find_debug_file,
    .section_address = dwfl_offline_section_address,
};

struct debuginfo *debuginfo_open(int fd, const char *path, const char *found,
                                 struct debug_files *files)
{
    struct debuginfo *info = g_new0(struct debuginfo, 1);
    void **user_data;
    info->files = files;
    info->path = g_strdup(path);
    info->chain = g_array_new(FALSE, FALSE, sizeof(Dwarf_Die));
    info->names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    info->qualified = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    info->paths = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    info->dwfl = dwfl_begin(&callbacks);
    if (info->dwfl != NULL) {
        dwfl_report_begin(info->dwfl);
        info->module = dwfl_report_elf(info->dwfl, found, found, fd, 0, true);
        dwfl_report_end(info->dwfl, NULL, NULL);
    }
    if (info->module == NULL) {
        close(fd);
        debuginfo_free(info);
        return NULL;
    }
    dwfl_module_info(info->module, &user_data, NULL, NULL, NULL, NULL, NULL, NULL);
    *user_data = info;
    dwfl_module_getelf(info->module, &info->bias);
    return info;
}

void debuginfo_free(struct debuginfo *info)
{
    if (info == NULL)
        return;
    units_free(info->units);
    symbol_table_free(info->symbols);
    if (info->dwfl != NULL)
        dwfl_end(info->dwfl);
    g_array_free(info->chain, TRUE);
    g_hash_table_destroy(info->names);
    g_hash_table_destroy(info->paths);
    g_hash_table_destroy(info->qualified);
    g_free(info->path);
    g_free(info);
}

bool debuginfo_has_lines(struct debuginfo *info)
{
    if (!info->asked_for_dwarf) {
        Dwarf *dwarf = dwfl_module_getdwarf(info->module, &info->dwarf_bias);
        info->units = dwarf == NULL ? NULL : units_new(dwarf);
        info->asked_for_dwarf = true;
    }
    return info->units != NULL;
}

/* ---- Names, files and lines ---- */

static const char *person_name(struct debuginfo *info, const char *name)
{
    char *known = g_hash_table_lookup(info->names, name);
    if (known == NULL) {
        known = name_demangled(name);
        g_hash_table_insert(info->names, (gpointer)(uintptr_t)name, known);
    }
    return known;
}

/* The file tables of two units do not share their texts, so the unit need not be part of the key.
 */
static const char *whole_path(struct debuginfo *info, Dwarf_Die *unit, const char *file)
{
    Dwarf_Attribute memory;
    char *known = g_hash_table_lookup(info->paths, file);
    if (known == NULL) {
        const char *directory = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &memory));
        known =
            g_canonicalize_filename(file, directory != NULL && *directory == '/' ? directory : "/");
        g_hash_table_insert(info->paths, (gpointer)(uintptr_t)file, known);
    }
    return known;
}

static int call_line(Dwarf_Die *die)
{
    Dwarf_Attribute memory;
    Dwarf_Word value;
    bool known = dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &memory), &value) == 0;
    return known && value <= G_MAXINT ? (int)value : 0;
}

static const char *call_file(Dwarf_Die *unit, Dwarf_Die *die)
{
    Dwarf_Attribute memory;
    Dwarf_Word value;
    Dwarf_Files *files;
    size_t count;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &memory), &value) != 0 ||
        dwarf_getsrcfiles(unit, &files, &count) != 0 || value >= count)
        return NULL;
    return dwarf_filesrc(files, value, NULL, NULL);
}

/* ---- Finding ---- */

struct place {
    bool has_unit;
    Dwarf_Die unit;
    const char *file;
    int line;
};

static void give(struct debuginfo *info, struct place *place, const char *name, bool inlined,
                 debug_frame_given *each, void *context)
{
    each(&(struct debug_frame){.function = name == NULL ? NULL : person_name(info, name),
                               .file = place->file == NULL
                                           ? NULL
                                           : whole_path(info, &place->unit, place->file),
                               .line = place->line,
                               .inlined = inlined},
         context);
}

/* Gives each function of the chain that has a name. A call's line stands in the scope that was
 * inlined and is of the function around it. */
static bool give_chain(struct debuginfo *info, struct place *place, debug_frame_given *each,
                       void *context)
{
    bool given = false;
    for (guint i = 0; i < info->chain->len; i++) {
        Dwarf_Die *scope = &g_array_index(info->chain, Dwarf_Die, i);
        bool inlined = i + 1 < info->chain->len;
        const char *name = function_name(&place->unit, scope, info->qualified);
        if (name != NULL)
            give(info, place, name, inlined, each, context);
        given |= name != NULL;
        if (inlined) {
            place->file = call_file(&place->unit, scope);
            place->line = call_line(scope);
        }
    }
    return given;
}

static struct place find_place(struct debuginfo *info, Dwarf_Addr address)
{
    struct place place = {.has_unit = false};
    if (!debuginfo_has_lines(info) ||
        !units_find(info->units, address - info->dwarf_bias, &place.unit))
        return place;
    place.has_unit = true;
    Dwarf_Line *found = dwarf_getsrc_die(&place.unit, address - info->dwarf_bias);
    if (found != NULL) {
        place.file = dwarf_linesrc(found, NULL, NULL);
        dwarf_lineno(found, &place.line);
    }
    return place;
}

void debuginfo_find(struct debuginfo *info, uint64_t address, debug_frame_given *each,
                    void *context)
{
    struct place place = find_place(info, address + info->bias);
    if (place.has_unit) {
        units_chain(info->units, &place.unit, address + info->bias - info->dwarf_bias, info->chain);
        if (give_chain(info, &place, each, context))
            return;
    }
    if (info->symbols == NULL)
        info->symbols = symbol_table_new(info->module);
    give(info, &place, symbol_table_find(info->symbols, address + info->bias), false, each,
         context);
}
