/*
 * Which function of a file's DWARF holds an address. libdw's own way walks a unit's whole tree for
 * each address; here each unit that is asked for is walked once, and its functions are sorted.
 */
#include <dwarf.h>

#include "model/debuginfo_parts.h"

#define NESTING_MOST 64u /* of scopes: foreign files may be made to be deep */

struct units {
    Dwarf *dwarf;
    GArray *ranges;        /* struct range: `what` is the offset of the unit's DIE; NULL not made */
    GHashTable *functions; /* that offset -> GArray of struct range: `what` is the function's DIE */
};

static void free_ranges(gpointer ranges)
{
    g_array_free(ranges, TRUE);
}

struct units *units_new(Dwarf *dwarf)
{
    struct units *units = g_new0(struct units, 1);
    units->dwarf = dwarf;
    units->functions = g_hash_table_new_full(NULL, NULL, NULL, free_ranges);
    return units;
}

void units_free(struct units *units)
{
    if (units == NULL)
        return;
    if (units->ranges != NULL)
        g_array_free(units->ranges, TRUE);
    g_hash_table_destroy(units->functions);
    g_free(units);
}

/* A linker leaves what it dropped at address 0. */
static void add_ranges(GArray *ranges, Dwarf_Die *die)
{
    Dwarf_Addr base;
    struct range range = {.what = dwarf_dieoffset(die)};
    ptrdiff_t at = 0;
    while ((at = dwarf_ranges(die, at, &base, &range.start, &range.end)) > 0)
        if (range.start != 0 && range.start < range.end)
            g_array_append_val(ranges, range);
}

/* ---- Units ---- */

static void make_unit_ranges(struct units *units)
{
    Dwarf_CU *unit = NULL, *next;
    Dwarf_Die die;
    units->ranges = ranges_new();
    while (dwarf_get_units(units->dwarf, unit, &next, NULL, NULL, &die, NULL) == 0) {
        add_ranges(units->ranges, &die);
        unit = next;
    }
    ranges_sort(units->ranges);
}

/* clang writes no .debug_aranges unless told to, so the units are asked themselves then. */
bool units_find(struct units *units, Dwarf_Addr address, Dwarf_Die *unit)
{
    if (units->ranges == NULL && dwarf_addrdie(units->dwarf, address, unit) != NULL)
        return true;
    if (units->ranges == NULL)
        make_unit_ranges(units);
    const struct range *range = ranges_find(units->ranges, address);
    return range != NULL && dwarf_offdie(units->dwarf, range->what, unit) != NULL;
}

/* ---- Functions ---- */

static bool may_hold_functions(int tag)
{
    return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace ||
           tag == DW_TAG_module || tag == DW_TAG_class_type || tag == DW_TAG_structure_type ||
           tag == DW_TAG_union_type;
}

static void collect_functions(GArray *functions, Dwarf_Die *parent, guint depth)
{
    Dwarf_Die die;
    if (depth > NESTING_MOST || dwarf_child(parent, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_subprogram)
            add_ranges(functions, &die);
        if (may_hold_functions(tag))
            collect_functions(functions, &die, depth + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

static const GArray *functions_of(struct units *units, Dwarf_Die *unit)
{
    gpointer key = GSIZE_TO_POINTER(dwarf_dieoffset(unit));
    GArray *functions = g_hash_table_lookup(units->functions, key);
    if (functions != NULL)
        return functions;
    functions = ranges_new();
    collect_functions(functions, unit, 0);
    ranges_sort(functions);
    g_hash_table_insert(units->functions, key, functions);
    return functions;
}

/* Steps into the child that holds the address: a block, or what was inlined. */
static bool step_in(Dwarf_Die *scope, Dwarf_Addr address)
{
    Dwarf_Die die;
    if (dwarf_child(scope, &die) != 0)
        return false;
    do {
        int tag = dwarf_tag(&die);
        if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
             tag == DW_TAG_try_block || tag == DW_TAG_catch_block) &&
            dwarf_haspc(&die, address) > 0) {
            *scope = die;
            return true;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

void units_chain(struct units *units, Dwarf_Die *unit, Dwarf_Addr address, GArray *chain)
{
    const struct range *range = ranges_find(functions_of(units, unit), address);
    Dwarf_Die scope;
    g_array_set_size(chain, 0);
    if (range == NULL || dwarf_offdie(units->dwarf, range->what, &scope) == NULL)
        return;
    g_array_append_val(chain, scope);
    for (guint depth = 0; depth < NESTING_MOST && step_in(&scope, address); depth++)
        if (dwarf_tag(&scope) == DW_TAG_inlined_subroutine)
            g_array_prepend_val(chain, scope);
}
