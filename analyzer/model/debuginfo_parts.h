/* Private to debuginfo*.c: the two tables that an address is looked up in. */
#ifndef LEAKEY_MODEL_DEBUGINFO_PARTS_H
#define LEAKEY_MODEL_DEBUGINFO_PARTS_H

#include <elfutils/libdwfl.h>
#include <glib.h>
#include <stdbool.h>

/* Ranges of addresses, each with what lies there. They may nest. */
struct range {
    Dwarf_Addr start, end;
    Dwarf_Addr furthest; /* the greatest end up to here, once sorted */
    guint64 what;
    guint rank; /* of equal ranges the highest is found */
};

GArray *ranges_new(void); /* of struct range */
void ranges_sort(GArray *ranges);
/* The innermost range that holds the address; NULL. */
const struct range *ranges_find(const GArray *ranges, Dwarf_Addr address);

/* debuginfo_units.c: the functions of one file's DWARF. */
struct units;
struct units *units_new(Dwarf *dwarf);
void units_free(struct units *units);
/* The unit that holds the address; false. */
bool units_find(struct units *units, Dwarf_Addr address, Dwarf_Die *unit);
/* The function of that unit that holds the address, and what was inlined into it there: DIEs,
 * innermost first, in `chain`, which is emptied before. */
void units_chain(struct units *units, Dwarf_Die *unit, Dwarf_Addr address, GArray *chain);

/* debuginfo_names.c: what the linker calls the function, or the source with the scopes around it;
 * NULL when it has no name. `qualified` (direct, g_free) keeps the texts. */
const char *function_name(Dwarf_Die *unit, Dwarf_Die *die, GHashTable *qualified);

/* debuginfo_symbols.c: the symbol tables' functions. */
struct symbol_table;
struct symbol_table *symbol_table_new(Dwfl_Module *module);
void symbol_table_free(struct symbol_table *table);
/* The linker's name of the function whose size covers the address; NULL. */
const char *symbol_table_find(const struct symbol_table *table, GElf_Addr address);

#endif
