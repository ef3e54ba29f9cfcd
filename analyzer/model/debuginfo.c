/* Names for addresses of one ELF file, by elfutils; see debuginfo.h. */
#define _GNU_SOURCE
#include "model/debuginfo.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUST_HASH_BYTES 19 /* "::h" and 16 digits */

/* libstdc++'s, of the C++ ABI. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

struct range {
    Dwarf_Addr start, end;
    Dwarf_Off unit; /* offset of the compilation unit's DIE */
};

struct debuginfo {
    Dwfl *dwfl;
    Dwfl_Module *module;
    GArray *ranges; /* struct range by start: for units that .debug_aranges leaves out; NULL not yet
                       made */
};

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

/* ---- Opening ---- */

static bool has_build_id(Dwfl_Module *module, const char *wanted)
{
    const unsigned char *bits;
    GElf_Addr where;
    int bytes = dwfl_module_build_id(module, &bits, &where);
    if (bytes <= 0 || wanted == NULL)
        return bytes <= 0 && wanted == NULL;
    if (strlen(wanted) != 2 * (size_t)bytes)
        return false;
    for (size_t i = 0; i < (size_t)bytes; i++) {
        int high = g_ascii_xdigit_value(wanted[2 * i]);
        int low = g_ascii_xdigit_value(wanted[2 * i + 1]);
        if (high << 4 != (bits[i] & 0xf0) || low != (bits[i] & 0x0f))
            return false;
    }
    return true;
}

static int open_regular(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

enum debuginfo_open debuginfo_open(const char *path, const char *build_id,
                                   struct debuginfo **opened)
{
    int fd = open_regular(path);
    *opened = NULL;
    if (fd < 0)
        return DEBUGINFO_NO_FILE;
    struct debuginfo *info = g_new0(struct debuginfo, 1);
    info->dwfl = dwfl_begin(&callbacks);
    if (info->dwfl != NULL) {
        dwfl_report_begin(info->dwfl);
        info->module = dwfl_report_elf(info->dwfl, path, path, fd, 0, true);
        dwfl_report_end(info->dwfl, NULL, NULL);
    }
    if (info->module == NULL) {
        close(fd);
        debuginfo_free(info);
        return DEBUGINFO_NO_FILE;
    }
    if (!has_build_id(info->module, build_id)) {
        debuginfo_free(info);
        return DEBUGINFO_OTHER_BUILD;
    }
    *opened = info;
    return DEBUGINFO_OPENED;
}

void debuginfo_free(struct debuginfo *info)
{
    if (info == NULL)
        return;
    if (info->ranges != NULL)
        g_array_free(info->ranges, TRUE);
    if (info->dwfl != NULL)
        dwfl_end(info->dwfl);
    g_free(info);
}

/* ---- Names ---- */

/* Where a compiler's suffix begins: foo.isra.0, foo.part.1.cold, foo.lto_priv.7. */
static size_t plain_length(const char *name)
{
    static const char *const suffixes[] = {".isra.", ".part.",     ".constprop.",
                                           ".cold",  ".lto_priv.", ".localalias"};
    size_t length = strlen(name);
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        const char *found = strstr(name, suffixes[i]);
        if (found != NULL && found != name)
            length = MIN(length, (size_t)(found - name));
    }
    return length;
}

static void cut_rust_hash(char *name)
{
    size_t length = strlen(name);
    if (length <= RUST_HASH_BYTES || strncmp(name + length - RUST_HASH_BYTES, "::h", 3) != 0)
        return;
    if (strspn(name + length - 16, "0123456789abcdef") == 16)
        name[length - RUST_HASH_BYTES] = '\0';
}

char *debuginfo_demangle(const char *name)
{
    char *plain = g_strndup(name, plain_length(name));
    if (strncmp(plain, "_Z", 2) != 0)
        return plain;
    int status = -1;
    char *demangled = __cxa_demangle(plain, NULL, NULL, &status);
    if (demangled == NULL)
        return plain;
    g_free(plain);
    plain = g_strdup(demangled);
    free(demangled);
    cut_rust_hash(plain);
    return plain;
}

/* The function's linkage name where it has one: it alone tells C++ scopes and arguments. */
static const char *die_name(Dwarf_Die *die)
{
    static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        Dwarf_Attribute memory;
        const char *name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &memory));
        if (name != NULL)
            return name;
    }
    return dwarf_diename(die);
}

/* ---- Units ---- */

static gint compare_ranges(gconstpointer a, gconstpointer b)
{
    Dwarf_Addr x = ((const struct range *)a)->start, y = ((const struct range *)b)->start;
    return (x > y) - (x < y);
}

/* clang writes no .debug_aranges unless told to, so the units are asked themselves. */
static void make_ranges(struct debuginfo *info, Dwarf *dwarf)
{
    Dwarf_CU *unit = NULL, *next;
    Dwarf_Die die;
    info->ranges = g_array_new(FALSE, FALSE, sizeof(struct range));
    while (dwarf_get_units(dwarf, unit, &next, NULL, NULL, &die, NULL) == 0) {
        Dwarf_Addr base;
        struct range range = {.unit = dwarf_dieoffset(&die)};
        ptrdiff_t at = 0;
        while ((at = dwarf_ranges(&die, at, &base, &range.start, &range.end)) > 0)
            g_array_append_val(info->ranges, range);
        unit = next;
    }
    g_array_sort(info->ranges, compare_ranges);
}

static bool find_in_ranges(struct debuginfo *info, Dwarf *dwarf, Dwarf_Addr address, Dwarf_Die *die)
{
    if (info->ranges == NULL)
        make_ranges(info, dwarf);
    guint low = 0, high = info->ranges->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(info->ranges, struct range, middle).start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    const struct range *range = &g_array_index(info->ranges, struct range, low - 1);
    return address < range->end && dwarf_offdie(dwarf, range->unit, die) != NULL;
}

/* The unit that holds the address; `bias` is what the DWARF's addresses are lower by. */
static bool find_unit(struct debuginfo *info, Dwarf_Addr address, Dwarf_Die *unit, Dwarf_Addr *bias)
{
    Dwarf_Die *found = dwfl_module_addrdie(info->module, address, bias);
    if (found != NULL) {
        *unit = *found;
        return true;
    }
    Dwarf *dwarf = dwfl_module_getdwarf(info->module, bias);
    return dwarf != NULL && find_in_ranges(info, dwarf, address - *bias, unit);
}

/* ---- Lines and scopes ---- */

static char *whole_path(Dwarf_Die *unit, const char *file)
{
    Dwarf_Attribute memory;
    if (file == NULL)
        return NULL;
    const char *directory = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &memory));
    return g_canonicalize_filename(file, directory != NULL && *directory == '/' ? directory : "/");
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

/* Gives each function among the scopes, innermost first. How many there were. */
static int give_scopes(Dwarf_Die *unit, Dwarf_Die *scopes, int count, const char *file, int line,
                       void (*each)(const struct debug_frame *frame, void *context), void *context)
{
    int given = 0;
    for (int i = 0; i < count; i++) {
        int tag = dwarf_tag(&scopes[i]);
        bool inlined = tag == DW_TAG_inlined_subroutine;
        const char *name = inlined || tag == DW_TAG_subprogram ? die_name(&scopes[i]) : NULL;
        if (name == NULL)
            continue;
        char *function = debuginfo_demangle(name), *path = whole_path(unit, file);
        each(&(struct debug_frame){function, path, line, inlined}, context);
        g_free(function);
        g_free(path);
        given++;
        if (!inlined)
            break;
        file = call_file(unit, &scopes[i]);
        line = call_line(&scopes[i]);
    }
    return given;
}

static bool find_by_dwarf(struct debuginfo *info, uint64_t address, const char **file, int *line,
                          Dwarf_Die *unit,
                          void (*each)(const struct debug_frame *frame, void *context),
                          void *context)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *scopes = NULL, *chain = NULL;
    if (!find_unit(info, address, unit, &bias))
        return false;
    Dwarf_Line *found = dwarf_getsrc_die(unit, address - bias);
    if (found != NULL) {
        *file = dwarf_linesrc(found, NULL, NULL);
        dwarf_lineno(found, line);
    }
    int given = 0;
    if (dwarf_getscopes(unit, address - bias, &scopes) > 0) {
        int count = dwarf_getscopes_die(&scopes[0], &chain);
        if (count > 0)
            given = give_scopes(unit, chain, count, *file, *line, each, context);
    }
    free(chain);
    free(scopes);
    return given != 0;
}

void debuginfo_find(struct debuginfo *info, uint64_t address,
                    void (*each)(const struct debug_frame *frame, void *context), void *context)
{
    const char *file = NULL;
    int line = 0;
    Dwarf_Die unit;
    GElf_Addr bias = 0;
    dwfl_module_getelf(info->module, &bias);
    if (find_by_dwarf(info, address + bias, &file, &line, &unit, each, context))
        return;
    GElf_Off offset;
    GElf_Sym symbol;
    const char *name =
        dwfl_module_addrinfo(info->module, address + bias, &offset, &symbol, NULL, NULL, NULL);
    char *function = name == NULL || *name == '\0' ? NULL : debuginfo_demangle(name);
    char *path = file == NULL ? NULL : whole_path(&unit, file);
    each(&(struct debug_frame){function, path, line, false}, context);
    g_free(function);
    g_free(path);
}
