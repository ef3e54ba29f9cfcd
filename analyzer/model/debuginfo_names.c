/* What a function's DIE is called. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "model/debuginfo_parts.h"

/* The function's linkage name where it has one: it alone tells C++ scopes and arguments. One that
 * only Rust's newer demangler reads says less than the source's. */
static const char *linkage_name(Dwarf_Die *die)
{
    static const unsigned names[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        Dwarf_Attribute memory;
        const char *name = dwarf_formstring(dwarf_attr_integrate(die, names[i], &memory));
        if (name != NULL && strncmp(name, "_R", 2) != 0)
            return name;
    }
    return NULL;
}

/* The DIE that stands where the source does: an instance refers to it. */
static Dwarf_Die declaration_of(const Dwarf_Die *die)
{
    static const unsigned references[] = {DW_AT_abstract_origin, DW_AT_specification};
    Dwarf_Die at = *die;
    for (size_t i = 0; i < G_N_ELEMENTS(references); i++) {
        Dwarf_Attribute memory;
        Dwarf_Die next;
        if (dwarf_formref_die(dwarf_attr(&at, references[i], &memory), &next) != NULL)
            at = next;
    }
    return at;
}

static bool is_scope(int tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type ||
           tag == DW_TAG_union_type || tag == DW_TAG_subprogram || tag == DW_TAG_module;
}

/* A lambda is a class without a name that can be called. */
static const char *scope_name(Dwarf_Die *scope, const char *function)
{
    const char *own = dwarf_diename(scope);
    if (own != NULL)
        return own;
    if (dwarf_tag(scope) == DW_TAG_namespace)
        return "(anonymous namespace)";
    return strcmp(function, "operator()") == 0 ? "{lambda}" : "{unnamed}";
}

/* What has no linkage name (a local class's member, a lambda) with the scopes around it. They are
 * found by a walk over the unit, so each is found once. */
static char *qualified_name(Dwarf_Die *die, const char *own)
{
    GString *name = g_string_new(own);
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes_die(die, &scopes);
    for (int i = 1; i < count; i++)
        if (is_scope(dwarf_tag(&scopes[i]))) {
            g_string_prepend(name, "::");
            g_string_prepend(name, scope_name(&scopes[i], own));
        }
    free(scopes);
    return g_string_free(name, FALSE);
}

const char *function_name(Dwarf_Die *unit, Dwarf_Die *die, GHashTable *qualified)
{
    const char *name = linkage_name(die), *own = dwarf_diename(die);
    int language = dwarf_srclang(unit);
    if (name != NULL || own == NULL || language == DW_LANG_C89 || language == DW_LANG_C ||
        language == DW_LANG_C99 || language == DW_LANG_C11 || language == DW_LANG_Mips_Assembler)
        return name != NULL ? name : own;
    Dwarf_Die declaration = declaration_of(die);
    char *known = g_hash_table_lookup(qualified, declaration.addr);
    if (known == NULL) {
        known = qualified_name(&declaration, own);
        g_hash_table_insert(qualified, declaration.addr, known);
    }
    return known;
}
