/* Finds the loader's functions in libc's or libdl's own table of symbols. */
#define _GNU_SOURCE
#include "loader.h"

#include <link.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "dynamic.h"

static const char *const libraries[] = {"libc.so.6", "libdl.so.2"};

/* The loader's own: a handle's ways are not to depend on who opened it. */
#define MODE_INTERNAL 0x80000000u

struct search {
    const char *library, *name;
    void *found;
};

static int look_into(struct dl_phdr_info *module, size_t bytes, void *context)
{
    struct search *search = context;
    const char *slash = module->dlpi_name ? strrchr(module->dlpi_name, '/') : NULL;
    (void)bytes;
    if (!slash || strcmp(slash + 1, search->library) != 0)
        return 0;
    search->found = lk_dynamic_function(module, search->name);
    return search->found != NULL;
}

void *lk_loader_find(const char *name)
{
    struct search search = {.name = name};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries && !search.found; i++) {
        search.library = libraries[i];
        dl_iterate_phdr(look_into, &search);
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
