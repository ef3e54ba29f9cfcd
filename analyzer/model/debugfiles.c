/* Where binaries and debug files lie; see debugfiles.h. */
#include "model/debugfiles.h"

#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/debuginfod.h"
#include "model/text.h"
#include "read/regular.h"

#define DELETED_MARK    " (deleted)" /* of /proc/PID/maps */
#define BUILD_ID_MOST   64u
#define DEBUG_DIRECTORY "/usr/lib/debug"
#define NS_PER_SECOND   1000000000u

struct debug_files {
    char **sysroots, **debug_paths; /* as named; never NULL */
    char **directories;             /* laid out like /usr/lib/debug */
    struct debuginfod *debuginfod;
};

static char **copy_of(char *const *texts)
{
    return texts == NULL ? g_new0(char *, 1) : g_strdupv((char **)(uintptr_t)texts);
}

struct debug_files *debug_files_new(const struct symbol_search *search)
{
    struct debug_files *files = g_new0(struct debug_files, 1);
    GStrvBuilder *directories = g_strv_builder_new();
    elf_version(EV_CURRENT);
    files->sysroots = copy_of(search->sysroots);
    files->debug_paths = copy_of(search->debug_paths);
    files->debuginfod =
        debuginfod_new(search->download_seconds, search->progress, search->progress_context);
    g_strv_builder_addv(directories, (const char **)(uintptr_t)files->debug_paths);
    for (char **root = files->sysroots; *root != NULL; root++) {
        char *directory = g_strconcat(*root, DEBUG_DIRECTORY, NULL);
        g_strv_builder_add(directories, directory);
        g_free(directory);
    }
    g_strv_builder_add(directories, DEBUG_DIRECTORY);
    files->directories = g_strv_builder_end(directories);
    g_strv_builder_unref(directories);
    return files;
}

void debug_files_free(struct debug_files *files)
{
    if (files == NULL)
        return;
    g_strfreev(files->sysroots);
    g_strfreev(files->debug_paths);
    g_strfreev(files->directories);
    debuginfod_free(files->debuginfod);
    g_free(files);
}

const char *debug_files_problem(const struct debug_files *files)
{
    return debuginfod_problem(files->debuginfod);
}

/* ---- Whether a file is the one ---- */

/* A file of no size holds nothing: so say most of the kernel's own, such as /proc/self/mem. */
static int open_file(const char *path, struct stat *status)
{
    int fd = regular_open(path, status);
    if (fd >= 0 && status->st_size == 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* How many bytes the file's build-id has, copied to `bits`; 0: none; -1: no ELF file. */
static ssize_t read_build_id(int fd, unsigned char bits[BUILD_ID_MOST])
{
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *found = NULL;
    ssize_t bytes = -1;
    if (elf != NULL && elf_kind(elf) == ELF_K_ELF) {
        bytes = dwelf_elf_gnu_build_id(elf, &found);
        bytes = bytes < 0 || bytes > (ssize_t)BUILD_ID_MOST ? 0 : bytes;
        memcpy(bits, found == NULL ? "" : found, found == NULL ? 0 : (size_t)bytes);
    }
    elf_end(elf);
    return bytes;
}

/* The checksum that .gnu_debuglink holds: CRC-32. */
static bool has_checksum(int fd, uint32_t wanted)
{
    unsigned char buffer[65536];
    uint32_t crc = ~0u;
    ssize_t got;
    off_t at = 0;
    while ((got = pread(fd, buffer, sizeof(buffer), at)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            crc ^= buffer[i];
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
        at += got;
    }
    return got == 0 && ~crc == wanted;
}

static int open_debug_file(const char *path, const struct debug_wanted *wanted)
{
    unsigned char bits[BUILD_ID_MOST];
    struct stat status;
    int fd = open_file(path, &status);
    if (fd < 0)
        return -1;
    ssize_t bytes = read_build_id(fd, bits);
    bool right = wanted->build_id != NULL
                     ? bytes == (ssize_t)wanted->build_id_bytes &&
                           memcmp(bits, wanted->build_id, wanted->build_id_bytes) == 0
                     : bytes == 0 && has_checksum(fd, wanted->link_crc);
    if (!right) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* ---- Debug files ---- */

static void add_path(GPtrArray *paths, const char *first, const char *second, const char *third,
                     const char *fourth)
{
    g_ptr_array_add(paths, g_strconcat(first, second, third, fourth, NULL));
}

/* DIRECTORY/.build-id/ab/cdef... and what tools put behind it. */
static void add_build_id_paths(GPtrArray *paths, const struct debug_files *files, const char *hex,
                               const char *const *endings)
{
    if (strlen(hex) < 3)
        return;
    for (char **directory = files->directories; *directory != NULL; directory++) {
        char *stem = g_strdup_printf("%s/.build-id/%.2s/%s", *directory, hex, hex + 2);
        for (size_t i = 0; endings[i] != NULL; i++)
            add_path(paths, stem, endings[i], "", "");
        g_free(stem);
    }
}

/* As gdb looks for them: beside the binary, below .debug there, below the debug directories at the
 * binary's path; and right in a directory that was named. */
static void add_link_paths(GPtrArray *paths, const struct debug_files *files,
                           const struct debug_wanted *wanted)
{
    char *beside = g_path_get_dirname(wanted->found == NULL ? wanted->path : wanted->found);
    char *ran_in = g_path_get_dirname(wanted->path);
    if (*wanted->link == '/') {
        for (char **root = files->sysroots; *root != NULL; root++)
            add_path(paths, *root, wanted->link, "", "");
        add_path(paths, wanted->link, "", "", "");
    } else {
        add_path(paths, beside, "/", wanted->link, "");
        add_path(paths, beside, "/.debug/", wanted->link, "");
        for (char **directory = files->directories; *directory != NULL; directory++)
            add_path(paths, *directory, ran_in, "/", wanted->link);
    }
    const char *name = text_base_name(wanted->link);
    for (char **directory = files->debug_paths; *directory != NULL; directory++)
        add_path(paths, *directory, "/", name, "");
    g_free(beside);
    g_free(ran_in);
}

static char *hex_of(const unsigned char *bits, size_t bytes)
{
    GString *hex = g_string_new(NULL);
    for (size_t i = 0; i < bytes; i++)
        g_string_append_printf(hex, "%02x", bits[i]);
    return g_string_free(hex, FALSE);
}

int debug_files_find(struct debug_files *files, const struct debug_wanted *wanted, char **found)
{
    static const char *const endings[] = {".debug", "/debug", NULL}; /* gdb's and perf's */
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    int fd = -1;
    if (wanted->build_id != NULL) {
        char *hex = hex_of(wanted->build_id, wanted->build_id_bytes);
        add_build_id_paths(paths, files, hex, endings);
        g_free(hex);
    }
    if (wanted->link != NULL)
        add_link_paths(paths, files, wanted);
    for (guint i = 0; i < paths->len && fd < 0; i++) {
        fd = open_debug_file(g_ptr_array_index(paths, i), wanted);
        if (fd >= 0)
            *found = strdup(g_ptr_array_index(paths, i)); /* libdwfl frees it */
    }
    g_ptr_array_free(paths, TRUE);
    if (fd < 0 && wanted->build_id != NULL)
        fd = debuginfod_fetch(files->debuginfod, wanted->build_id, wanted->build_id_bytes, false,
                              found);
    return fd;
}

/* ---- Binaries ---- */

/* Hex digits as bytes: how many; 0 when they are none. */
static size_t bits_of(const char *hex, unsigned char bits[BUILD_ID_MOST])
{
    size_t digits = hex == NULL ? 0 : strlen(hex);
    if (digits % 2 != 0 || digits / 2 > BUILD_ID_MOST)
        return 0;
    for (size_t i = 0; i < digits; i += 2) {
        int high = g_ascii_xdigit_value(hex[i]), low = g_ascii_xdigit_value(hex[i + 1]);
        if (high < 0 || low < 0)
            return 0;
        bits[i / 2] = (unsigned char)(high << 4 | low);
    }
    return digits / 2;
}

/* Where the user says that files are; where they were; where a process in another root sees them.
 */
static void add_binary_paths(GPtrArray *paths, const struct debug_files *files,
                             const struct binary_wanted *wanted, guint *vouched)
{
    static const char *const endings[] = {"", ".debug", "/elf", "/debug", NULL};
    char *path = g_strdup(wanted->path);
    if (g_str_has_suffix(path, DELETED_MARK))
        path[strlen(path) - strlen(DELETED_MARK)] = '\0';
    const char *name = text_base_name(path);
    for (char **root = files->sysroots; *root != NULL; root++)
        add_path(paths, *root, path, "", "");
    for (char **directory = files->debug_paths; *directory != NULL; directory++) {
        add_path(paths, *directory, path, "", "");
        add_path(paths, *directory, "/", name, "");
        add_path(paths, *directory, "/", name, ".debug");
    }
    *vouched = paths->len;
    add_path(paths, path, "", "", "");
    if (wanted->pid != 0) {
        char *root = g_strdup_printf("/proc/%u/root", wanted->pid);
        add_path(paths, root, path, "", "");
        g_free(root);
    }
    if (wanted->build_id != NULL) {
        add_build_id_paths(paths, files, wanted->build_id, endings);
        if (wanted->pid != 0)
            g_ptr_array_add(paths, g_strdup_printf("/proc/%u/exe", wanted->pid));
    }
    g_free(path);
}

static enum binary_found open_binary(const char *path, const struct binary_wanted *wanted,
                                     bool vouched, int *fd)
{
    unsigned char bits[BUILD_ID_MOST], own[BUILD_ID_MOST];
    size_t bytes = bits_of(wanted->build_id, bits);
    struct stat status;
    enum binary_found result = BINARY_FOUND;
    *fd = open_file(path, &status);
    if (*fd < 0)
        return BINARY_NOT_THERE;
    ssize_t own_bytes = read_build_id(*fd, own);
    if (own_bytes < 0)
        result = BINARY_NOT_THERE;
    else if ((size_t)own_bytes != bytes || memcmp(bits, own, bytes) != 0)
        result = BINARY_OTHER_BUILD;
    else if (bytes == 0 && !vouched &&
             (uint64_t)status.st_mtim.tv_sec > wanted->started_ns / NS_PER_SECOND)
        result = BINARY_CHANGED;
    if (result != BINARY_FOUND) {
        close(*fd);
        *fd = -1;
    }
    return result;
}

static bool fetch_binary(struct debug_files *files, const char *build_id, int *fd, char **found)
{
    unsigned char bits[BUILD_ID_MOST];
    size_t bytes = bits_of(build_id, bits);
    char *path = NULL;
    if (bytes == 0)
        return false;
    *fd = debuginfod_fetch(files->debuginfod, bits, bytes, false, &path);
    if (*fd < 0)
        *fd = debuginfod_fetch(files->debuginfod, bits, bytes, true, &path);
    if (*fd >= 0)
        *found = g_strdup(path);
    free(path);
    return *fd >= 0;
}

enum binary_found debug_files_open(struct debug_files *files, const struct binary_wanted *wanted,
                                   int *fd, char **found)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    enum binary_found result = BINARY_NOT_THERE;
    guint vouched;
    add_binary_paths(paths, files, wanted, &vouched);
    for (guint i = 0; i < paths->len && result != BINARY_FOUND; i++) {
        enum binary_found one = open_binary(g_ptr_array_index(paths, i), wanted, i < vouched, fd);
        result = one == BINARY_NOT_THERE ? result : one;
        if (one == BINARY_FOUND)
            *found = g_strdup(g_ptr_array_index(paths, i));
    }
    g_ptr_array_free(paths, TRUE);
    if (result != BINARY_FOUND && fetch_binary(files, wanted->build_id, fd, found))
        result = BINARY_FOUND;
    return result;
}
