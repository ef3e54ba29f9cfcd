/* The functions of an ELF file's symbol tables, sorted, so that a look-up does not walk them. */
#include <string.h>

#include "model/debuginfo_parts.h"

struct symbol_table {
    Dwfl_Module *module;
    GArray *ranges; /* struct range; `what` is the symbol's index */
};

/* ---- Ranges ---- */

GArray *ranges_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(struct range));
}

static gint compare_ranges(gconstpointer a, gconstpointer b)
{
    const struct range *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1; /* the inner one later */
    return (x->rank > y->rank) - (x->rank < y->rank);
}

void ranges_sort(GArray *ranges)
{
    Dwarf_Addr furthest = 0;
    g_array_sort(ranges, compare_ranges);
    for (guint i = 0; i < ranges->len; i++) {
        struct range *range = &g_array_index(ranges, struct range, i);
        furthest = MAX(furthest, range->end);
        range->furthest = furthest;
    }
}

const struct range *ranges_find(const GArray *ranges, Dwarf_Addr address)
{
    guint low = 0, high = ranges->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(ranges, struct range, middle).start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low > 0; low--) {
        const struct range *range = &g_array_index(ranges, struct range, low - 1);
        if (address < range->end)
            return range;
        if (address >= range->furthest)
            return NULL;
    }
    return NULL;
}

/* ---- Symbols ---- */

/* Of several names for one place the one that is seen from outside, as other tools show it. */
static guint rank_of(const GElf_Sym *symbol, const char *name)
{
    guint binding = GELF_ST_BIND(symbol->st_info);
    guint seen = binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0;
    return 2 * seen + (name[0] != '_');
}

static bool is_function(const GElf_Sym *symbol)
{
    guint type = GELF_ST_TYPE(symbol->st_info);
    return symbol->st_size != 0 && symbol->st_shndx != SHN_UNDEF &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

struct symbol_table *symbol_table_new(Dwfl_Module *module)
{
    struct symbol_table *table = g_new0(struct symbol_table, 1);
    int count = dwfl_module_getsymtab(module);
    table->module = module;
    table->ranges = ranges_new();
    for (int i = 1; i < count; i++) {
        GElf_Sym symbol;
        GElf_Addr address;
        const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL, NULL);
        if (name == NULL || *name == '\0' || !is_function(&symbol) ||
            address + symbol.st_size < address)
            continue;
        struct range range = {.start = address,
                              .end = address + symbol.st_size,
                              .what = (guint64)i,
                              .rank = rank_of(&symbol, name)};
        g_array_append_val(table->ranges, range);
    }
    ranges_sort(table->ranges);
    return table;
}

void symbol_table_free(struct symbol_table *table)
{
    if (table == NULL)
        return;
    g_array_free(table->ranges, TRUE);
    g_free(table);
}

const char *symbol_table_find(const struct symbol_table *table, GElf_Addr address)
{
    GElf_Sym symbol;
    GElf_Addr start;
    const struct range *range = ranges_find(table->ranges, address);
    return range == NULL ? NULL
                         : dwfl_module_getsym_info(table->module, (int)range->what, &symbol, &start,
                                                   NULL, NULL, NULL);
}
