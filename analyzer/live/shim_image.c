/* The shim's image in another process, by the ELF structures that lie in its memory. */
#include "live/shim_image.h"

#include <elf.h>
#include <string.h>

#include "live/pages.h"
#include "live/regions.h"

#define SONAME        "libleakey.so"
#define HEADERS_MOST  32u
#define DYNAMIC_MOST  128u
#define RELOCATE_MOST 65536u

struct image {
    const struct pages *pages;
    uint64_t base;
    Elf64_Phdr headers[HEADERS_MOST];
    size_t header_count;
    Elf64_Dyn dynamic[DYNAMIC_MOST];
    size_t dynamic_count;
};

static bool copy(const struct pages *pages, uint64_t address, void *into, size_t bytes)
{
    struct span span = {address, address + bytes};
    uint64_t unread = 0;

    return pages_read(pages, &span, 1, into, bytes, &unread);
}

static const Elf64_Phdr *header_of(const struct image *image, uint32_t type)
{
    for (size_t i = 0; i < image->header_count; i++)
        if (image->headers[i].p_type == type)
            return &image->headers[i];
    return NULL;
}

static bool read_headers(struct image *image)
{
    Elf64_Ehdr start;

    if (!copy(image->pages, image->base, &start, sizeof(start)) ||
        memcmp(start.e_ident, ELFMAG, SELFMAG) != 0 || start.e_ident[EI_CLASS] != ELFCLASS64 ||
        start.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    image->header_count = MIN(start.e_phnum, HEADERS_MOST);
    return copy(image->pages, image->base + start.e_phoff, image->headers,
                image->header_count * sizeof(Elf64_Phdr));
}

static bool read_dynamic(struct image *image)
{
    const Elf64_Phdr *segment = header_of(image, PT_DYNAMIC);

    if (segment == NULL)
        return false;
    image->dynamic_count = MIN(segment->p_memsz / sizeof(Elf64_Dyn), DYNAMIC_MOST);
    return copy(image->pages, image->base + segment->p_vaddr, image->dynamic,
                image->dynamic_count * sizeof(Elf64_Dyn));
}

/* The loader has added the base to addresses, or has not. */
static uint64_t dynamic_value(const struct image *image, int64_t tag)
{
    for (size_t i = 0; i < image->dynamic_count && image->dynamic[i].d_tag != DT_NULL; i++)
        if (image->dynamic[i].d_tag == tag)
            return image->dynamic[i].d_un.d_val;
    return 0;
}

static uint64_t dynamic_address(const struct image *image, int64_t tag)
{
    uint64_t value = dynamic_value(image, tag);

    return value == 0 || value >= image->base ? value : image->base + value;
}

static bool is_shim(struct image *image)
{
    char name[sizeof(SONAME)] = "";

    if (!read_headers(image) || !read_dynamic(image))
        return false;
    uint64_t strings = dynamic_address(image, DT_STRTAB), soname = dynamic_value(image, DT_SONAME);
    return strings != 0 && soname != 0 &&
           copy(image->pages, strings + soname, name, sizeof(name)) &&
           memcmp(name, SONAME, sizeof(name)) == 0;
}

static struct span image_span(const struct image *image)
{
    struct span span = {image->base, image->base};

    for (size_t i = 0; i < image->header_count; i++)
        if (image->headers[i].p_type == PT_LOAD)
            span.end =
                MAX(span.end, image->base + image->headers[i].p_vaddr + image->headers[i].p_memsz);
    return span;
}

#if defined(__x86_64__)
/* How far below the thread pointer its TLS begins: a variable's slot in the GOT holds the
 * variable's distance, and the relocation that filled it tells where in the TLS the variable is. */
static uint64_t tls_distance(const struct image *image)
{
    uint64_t table = dynamic_address(image, DT_RELA), bytes = dynamic_value(image, DT_RELASZ);
    size_t count = bytes / sizeof(Elf64_Rela);
    uint64_t distance = 0;

    if (table == 0 || count == 0 || count > RELOCATE_MOST)
        return 0;
    Elf64_Rela *relocations = g_new(Elf64_Rela, count);
    bool known = copy(image->pages, table, relocations, count * sizeof(*relocations));
    for (size_t i = 0; known && i < count && distance == 0; i++) {
        const Elf64_Rela *one = &relocations[i];
        uint64_t slot;
        if (ELF64_R_TYPE(one->r_info) == R_X86_64_TPOFF64 && ELF64_R_SYM(one->r_info) == 0 &&
            copy(image->pages, image->base + one->r_offset, &slot, sizeof(slot)))
            distance = (uint64_t)one->r_addend - slot;
    }
    g_free(relocations);
    return distance;
}
#else
static uint64_t tls_distance(const struct image *image)
{
    (void)image;
    return 0;
}
#endif

struct shim_image shim_image_find(const struct pages *pages, const GArray *regions)
{
    struct shim_image found = {.tls_below = 0};

    for (guint i = 0; i < regions->len && found.image.end == 0; i++) {
        const struct region *region = &g_array_index(regions, struct region, i);
        struct image image = {.pages = pages, .base = region->start};
        if (region->inode == 0 || region->offset != 0 || !region->readable || !is_shim(&image))
            continue;
        const Elf64_Phdr *tls = header_of(&image, PT_TLS);
        found.image = image_span(&image);
        found.tls_below = tls == NULL ? 0 : tls_distance(&image);
        found.tls_bytes = tls == NULL ? 0 : tls->p_memsz;
    }
    return found;
}
