/* Reads the dynamic sections of loaded modules. */
#define _GNU_SOURCE
#include "dynamic.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

struct dynamic {
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hashes;
    const ElfW(Rela) * tables[2]; /* of the procedure linkage table, and the rest */
    size_t bytes[2];
};

static const ElfW(Dyn) * dynamic_section(const struct dl_phdr_info *module)
{
    for (int i = 0; i < module->dlpi_phnum; i++)
        if (module->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return (const void *)(module->dlpi_addr + module->dlpi_phdr[i].p_vaddr);
    return NULL;
}

/* The loader has made addresses of most offsets in there; where the section is read-only it has
 * not. */
static const void *address_of(const struct dl_phdr_info *module, ElfW(Addr) value)
{
    return (const void *)(value < module->dlpi_addr ? module->dlpi_addr + value : value);
}

static bool read_dynamic(const struct dl_phdr_info *module, struct dynamic *dynamic)
{
    const ElfW(Dyn) *entry = dynamic_section(module);
    bool with_addends = true;
    *dynamic = (struct dynamic){0};
    for (; entry && entry->d_tag != DT_NULL; entry++) {
        const void *address = address_of(module, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB:
            dynamic->symbols = address;
            break;
        case DT_STRTAB:
            dynamic->strings = address;
            break;
        case DT_GNU_HASH:
            dynamic->hashes = address;
            break;
        case DT_JMPREL:
            dynamic->tables[0] = address;
            break;
        case DT_PLTRELSZ:
            dynamic->bytes[0] = entry->d_un.d_val;
            break;
        case DT_RELA:
            dynamic->tables[1] = address;
            break;
        case DT_RELASZ:
            dynamic->bytes[1] = entry->d_un.d_val;
            break;
        case DT_PLTREL:
            with_addends = entry->d_un.d_val == DT_RELA;
            break;
        default:
            break;
        }
    }
    return dynamic->symbols && dynamic->strings && with_addends;
}

/* False: `visit` wants no more. */
static bool visit_relocation(const struct dl_phdr_info *module, const struct dynamic *dynamic,
                             const ElfW(Rela) * relocation,
                             bool (*visit)(const struct lk_reference *reference, void *context),
                             void *context)
{
    uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info);
    uint32_t symbol = (uint32_t)ELF64_R_SYM(relocation->r_info);
    bool is_address = type == LK_RELOCATION_CALL || type == LK_RELOCATION_DATA ||
                      (type == LK_RELOCATION_ADDRESS && relocation->r_addend == 0);
    if (!is_address || !symbol)
        return true;
    struct lk_reference reference = {
        .name = dynamic->strings + dynamic->symbols[symbol].st_name,
        .slot = (void **)(module->dlpi_addr + relocation->r_offset),
        .by_a_call = type == LK_RELOCATION_CALL,
    };
    return visit(&reference, context);
}

void lk_references(const struct dl_phdr_info *module,
                   bool (*visit)(const struct lk_reference *reference, void *context),
                   void *context)
{
    struct dynamic dynamic;
    if (!read_dynamic(module, &dynamic))
        return;
    for (int table = 0; table < 2; table++) {
        size_t count = dynamic.tables[table] ? dynamic.bytes[table] / sizeof(ElfW(Rela)) : 0;
        for (size_t i = 0; i < count; i++)
            if (!visit_relocation(module, &dynamic, &dynamic.tables[table][i], visit, context))
                return;
    }
}

bool lk_same_name(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

static bool is_function(const ElfW(Sym) * symbol)
{
    return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF;
}

/* Buckets, their first symbols, then for each symbol its hash, whose lowest bit ends the bucket:
 * behind a filter that is not needed here. */
void *lk_dynamic_function(const struct dl_phdr_info *module, const char *name)
{
    struct dynamic dynamic;
    if (!read_dynamic(module, &dynamic) || !dynamic.hashes || !dynamic.hashes[0])
        return NULL;
    uint32_t buckets = dynamic.hashes[0], first = dynamic.hashes[1], filter = dynamic.hashes[2];
    const uint32_t *bucket = dynamic.hashes + 4 + filter * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = bucket + buckets;
    uint32_t hash = gnu_hash(name), i = bucket[hash % buckets];
    for (; i >= first; i++) {
        const ElfW(Sym) *symbol = &dynamic.symbols[i];
        if ((chain[i - first] | 1) == (hash | 1) && is_function(symbol) &&
            lk_same_name(dynamic.strings + symbol->st_name, name))
            return (void *)(module->dlpi_addr + symbol->st_value);
        if (chain[i - first] & 1)
            break;
    }
    return NULL;
}

struct wanted {
    const char *name;
    bool found;
};

static bool is_wanted(const struct lk_reference *reference, void *context)
{
    struct wanted *wanted = context;
    wanted->found = strcmp(reference->name, wanted->name) == 0;
    return !wanted->found;
}

bool lk_refers_to(const struct dl_phdr_info *module, const char *name)
{
    struct wanted wanted = {.name = name};
    lk_references(module, is_wanted, &wanted);
    return wanted.found;
}

bool lk_dynamic_has(const struct dl_phdr_info *module, ElfW(Sxword) tag)
{
    const ElfW(Dyn) *entry = dynamic_section(module);
    for (; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == tag)
            return true;
    return false;
}

bool lk_module_holds(const struct dl_phdr_info *module, const void *address)
{
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &module->dlpi_phdr[i];
        if (part->p_type == PT_LOAD &&
            (uintptr_t)address - (module->dlpi_addr + part->p_vaddr) < part->p_memsz)
            return true;
    }
    return false;
}

void lk_module_extent(const struct dl_phdr_info *module, uintptr_t *start, uintptr_t *end)
{
    *start = UINTPTR_MAX, *end = 0;
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &module->dlpi_phdr[i];
        uintptr_t from = module->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        *start = from < *start ? from : *start;
        *end = from + part->p_memsz > *end ? from + part->p_memsz : *end;
    }
}

struct lk_seal lk_seal_of(const struct dl_phdr_info *module)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct lk_seal seal = {0};
    for (int i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &module->dlpi_phdr[i];
        uintptr_t from = module->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_GNU_RELRO)
            continue;
        seal.start = from & ~(page - 1);
        seal.end = (from + part->p_memsz) & ~(page - 1);
    }
    return seal;
}

bool lk_seal_open(struct lk_seal *seal, void *const *slot)
{
    uintptr_t address = (uintptr_t)slot;
    if (seal->open || address < seal->start || address >= seal->end)
        return true;
    seal->open =
        mprotect((void *)seal->start, seal->end - seal->start, PROT_READ | PROT_WRITE) == 0;
    return seal->open;
}

void lk_seal_close(struct lk_seal *seal)
{
    if (seal->open)
        mprotect((void *)seal->start, seal->end - seal->start, PROT_READ);
    seal->open = false;
}

struct present {
    uintptr_t start;
    bool found;
};

static int is_present(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct present *present = context;
    uintptr_t start, end;
    (void)bytes;
    lk_module_extent(module, &start, &end);
    present->found = start == present->start;
    return present->found;
}

bool lk_module_at(uintptr_t start)
{
    struct present present = {.start = start};
    dl_iterate_phdr(is_present, &present);
    return present.found;
}
