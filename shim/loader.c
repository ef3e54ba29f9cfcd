/* Finds the loader's functions in libc's or libdl's own table of symbols. */
#define _GNU_SOURCE
#include "loader.h"

#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "dynamic.h"

static const char *const libraries[] = {"libc.so.6", "libdl.so.2"};

/* The loader's own: a handle's ways are not to depend on who opened it. */
#define MODE_INTERNAL 0x80000000u

static bool is_named(const char *path, const char *library)
{
    const char *name = NULL;
    for (; path && *path; path++)
        if (*path == '/')
            name = path + 1;
    return name && lk_same_name(name, library);
}

/* What the loader shows to debuggers, by the program's own dynamic section; NULL: not there. */
static const struct link_map *first_module(void)
{
    const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR), *own = NULL, *dynamic = NULL;
    for (size_t i = 0, count = headers ? getauxval(AT_PHNUM) : 0; i < count; i++) {
        if (headers[i].p_type == PT_PHDR)
            own = &headers[i];
        if (headers[i].p_type == PT_DYNAMIC)
            dynamic = &headers[i];
    }
    if (!own || !dynamic)
        return NULL;
    uintptr_t bias = (uintptr_t)headers - own->p_vaddr;
    for (const ElfW(Dyn) *entry = (const void *)(bias + dynamic->p_vaddr); entry->d_tag != DT_NULL;
         entry++)
        if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr)
            return ((const struct r_debug *)entry->d_un.d_ptr)->r_map;
    return NULL;
}

struct search {
    const char *library, *name;
    void *found;
};

static int look_into(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct search *search = context;
    (void)bytes;
    if (is_named(module->dlpi_name, search->library))
        search->found = lk_dynamic_function(module, search->name);
    return search->found != NULL;
}

/* ThreadSanitizer's dl_iterate_phdr calls a null pointer until it is set up, and by then has called
 * us: it is asked only where a program does not tell debuggers of its modules. */
static void for_modules(struct search *search)
{
    const struct link_map *module = first_module();
    if (!module)
        dl_iterate_phdr(look_into, search);
    for (; module && !search->found; module = module->l_next) {
        ElfW(Phdr)
            dynamic = {.p_type = PT_DYNAMIC, .p_vaddr = (uintptr_t)module->l_ld - module->l_addr};
        struct dl_phdr_info info = {.dlpi_addr = module->l_addr,
                                    .dlpi_name = module->l_name,
                                    .dlpi_phdr = &dynamic,
                                    .dlpi_phnum = 1};
        look_into(&info, 0, search);
    }
}

void *lk_loader_find(const char *name)
{
    struct search search = {.name = name};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries && !search.found; i++) {
        search.library = libraries[i];
        for_modules(&search);
    }
    return search.found;
}

static void *sym_of_libc(void *handle, const char *name)
{
    (void)handle;
    return lk_loader_find(name);
}

static int no_addr(const void *address, Dl_info *info)
{
    (void)address;
    (void)info;
    return 0;
}

static char *no_error(void)
{
    return NULL;
}

struct lk_loader lk_loader = {sym_of_libc, no_addr, no_error};

/* libc's way to load a part of itself, until 2.33. Not RTLD_GLOBAL: nobody else is to find it. Were
 * libc not set up yet, loading would do that, and without the environment. */
static bool load_libdl(void)
{
    void *(*load)(const char *, int) =
        (void *(*)(const char *, int))lk_loader_find("__libc_dlopen_mode");
    if (load && !environ)
        return false;
    if (load)
        load("libdl.so.2", (int)(RTLD_NOW | MODE_INTERNAL));
    return true;
}

bool lk_loader_init(void)
{
    if (lk_loader.sym != sym_of_libc)
        return true;
    if (!lk_loader_find("dlsym") && !load_libdl())
        return false;
    void *addr = lk_loader_find("dladdr"), *error = lk_loader_find("dlerror");
    void *sym = lk_loader_find("dlsym");
    if (addr && error && sym) {
        lk_loader.addr = (int (*)(const void *, Dl_info *))addr;
        lk_loader.error = (char *(*)(void))error;
        lk_loader.sym = (void *(*)(void *, const char *))sym;
    }
    return true;
}
