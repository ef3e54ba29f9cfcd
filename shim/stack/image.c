/* ELF headers and build-ids in memory. */
#include "stack/image.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#define PAGE 4096u

/* A length as notes have it, with what fills it up. */
static uint64_t padded(uint32_t bytes)
{
    return ((uint64_t)bytes + 3) & ~(uint64_t)3;
}

static void find_build_id(const char *notes, uint64_t bytes, struct lk_image *image)
{
    ElfW(Nhdr) note;
    while (bytes >= sizeof note) {
        memcpy(&note, notes, sizeof note);
        uint64_t name = padded(note.n_namesz), content = padded(note.n_descsz);
        if (name + content > bytes - sizeof note)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + sizeof note, "GNU", 4) == 0) {
            image->build_id_bytes =
                note.n_descsz < sizeof image->build_id ? note.n_descsz : sizeof image->build_id;
            memcpy(image->build_id, notes + sizeof note + name, image->build_id_bytes);
            return;
        }
        notes += sizeof note + name + content;
        bytes -= sizeof note + name + content;
    }
}

/* The program headers: NULL when they do not lie within the mapping. */
static const char *parts_of(const char *base, size_t mapped, ElfW(Ehdr) * file)
{
    if (mapped < sizeof *file)
        return NULL;
    memcpy(file, base, sizeof *file);
    if (memcmp(file->e_ident, ELFMAG, SELFMAG) != 0 || file->e_phentsize != sizeof(ElfW(Phdr)) ||
        file->e_phoff > mapped || file->e_phnum > (mapped - file->e_phoff) / sizeof(ElfW(Phdr)))
        return NULL;
    return base + file->e_phoff;
}

static ElfW(Phdr) part_at(const char *parts, unsigned i)
{
    ElfW(Phdr) part; /* where the file says, so perhaps not aligned */
    memcpy(&part, parts + i * sizeof part, sizeof part);
    return part;
}

bool lk_image_read(const void *mapping, size_t bytes, struct lk_image *image)
{
    const char *base = mapping;
    ElfW(Ehdr) file;
    const char *parts = parts_of(base, bytes, &file);
    uint64_t first = UINT64_MAX, last = 0;
    memset(image, 0, sizeof *image);
    for (unsigned i = 0; parts && i < file.e_phnum; i++) {
        ElfW(Phdr) part = part_at(parts, i);
        if (part.p_type != PT_LOAD)
            continue;
        if (part.p_vaddr < first)
            first = part.p_vaddr;
        if (part.p_vaddr + part.p_memsz > last)
            last = part.p_vaddr + part.p_memsz;
    }
    if (first == UINT64_MAX)
        return false;
    image->bias = (uint64_t)(uintptr_t)base - (first & ~(uint64_t)(PAGE - 1));
    image->end = image->bias + last;
    for (unsigned i = 0; i < file.e_phnum && !image->build_id_bytes; i++) {
        ElfW(Phdr) part = part_at(parts, i);
        if (part.p_type == PT_NOTE && part.p_offset < bytes &&
            part.p_filesz <= bytes - part.p_offset)
            find_build_id(base + part.p_offset, part.p_filesz, image);
    }
    return true;
}
