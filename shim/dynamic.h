/*
 * What a loaded module refers to by name: its dynamic section, as it lies in memory. Pure reading
 * but for lk_module_at and the seal; no allocation.
 */
#ifndef LK_DYNAMIC_H
#define LK_DYNAMIC_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lk_reference {
    const char *name;
    void **slot;    /* where the address of what is referred to stands, once it is bound */
    bool by_a_call; /* a slot of the procedure linkage table: until the first call it may hold an
                       address within the module */
};

/* Calls `visit` for each named reference to an address, until that returns false. */
void lk_references(const struct dl_phdr_info *module,
                   bool (*visit)(const struct lk_reference *reference, void *context),
                   void *context);

/* The function of that name that the module itself defines, by its GNU hash table. NULL: none, or
 * one that is chosen at run time (an IFUNC). Of several versions, any. */
void *lk_dynamic_function(const struct dl_phdr_info *module, const char *name);

/* Not strcmp: that may be MemorySanitizer's, which sets itself up in it and calls us before the
 * originals are known. */
bool lk_same_name(const char *a, const char *b);

/* Whether the module refers to that name. */
bool lk_refers_to(const struct dl_phdr_info *module, const char *name);

/* Whether its dynamic section has an entry of that kind. */
bool lk_dynamic_has(const struct dl_phdr_info *module, ElfW(Sxword) tag);

/* Whether the address lies in one of its segments. */
bool lk_module_holds(const struct dl_phdr_info *module, const void *address);

/* From its first to behind its last one; end 0: it has none. */
void lk_module_extent(const struct dl_phdr_info *module, uintptr_t *start, uintptr_t *end);

/* What the loader has made read-only after it had relocated it. */
struct lk_seal {
    uintptr_t start, end;
    bool open; /* it can be written for now */
};
struct lk_seal lk_seal_of(const struct dl_phdr_info *module);
/* Whether the slot can be written: opens the seal if it lies under it. */
bool lk_seal_open(struct lk_seal *seal, void *const *slot);
void lk_seal_close(struct lk_seal *seal);

/* Whether a module is loaded that begins there. Asks the loader. */
bool lk_module_at(uintptr_t start);

#endif
