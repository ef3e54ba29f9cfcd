/* Looks into programs: ELF headers, notes, needed libraries, `#!` lines. */
#define _GNU_SOURCE
#include "cmd/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "read/regular.h"

#define SCRIPT_LINE 4096 /* of a `#!` line, at most */
#define DEPTH_MOST  8    /* interpreters of interpreters */

static enum target refuse(enum target target, char **why, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static enum target refuse(enum target target, char **why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    *why = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return target;
}

/* ---- ELF ---- */

struct program {
    const char *path;
    Elf *elf;
    GElf_Ehdr header;
    char *interpreter; /* NULL: none */
    bool is_go;
    const char *sanitizer; /* NULL: none */
};

static char *read_interpreter(const struct program *program, const GElf_Phdr *segment)
{
    Elf_Data *data = elf_getdata_rawchunk(program->elf, (int64_t)segment->p_offset,
                                          segment->p_filesz, ELF_T_BYTE);

    return data == NULL ? NULL : g_strndup(data->d_buf, data->d_size);
}

/* The build id that Go's linker writes, present even in stripped programs. */
static bool has_go_note(const struct program *program, const GElf_Phdr *segment)
{
    Elf_Data *data = elf_getdata_rawchunk(program->elf, (int64_t)segment->p_offset,
                                          segment->p_filesz, ELF_T_NHDR);
    size_t at = 0, name, description;
    GElf_Nhdr note;

    while (data != NULL && (at = gelf_getnote(data, at, &note, &name, &description)) != 0)
        if (note.n_type == 4 && note.n_namesz == 4 &&
            memcmp((const char *)data->d_buf + name, "Go\0\0", 4) == 0)
            return true;
    return false;
}

static void read_segments(struct program *program)
{
    size_t count = 0;

    elf_getphdrnum(program->elf, &count);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(program->elf, (int)i, &segment) == NULL)
            continue;
        if (segment.p_type == PT_INTERP && program->interpreter == NULL)
            program->interpreter = read_interpreter(program, &segment);
        program->is_go |= segment.p_type == PT_NOTE && has_go_note(program, &segment);
    }
}

/* Runtimes that stand before malloc themselves: an own entry point of each, exported or needed. */
static const struct {
    const char *symbol, *name;
} sanitizers[] = {
    {"__asan_init", "AddressSanitizer"}, {"__tsan_init", "ThreadSanitizer"},
    {"__msan_init", "MemorySanitizer"},  {"__hwasan_init", "HWAddressSanitizer"},
    {"__lsan_init", "LeakSanitizer"},
};
static const struct {
    const char *library, *name;
} sanitizer_libraries[] = {
    {"libasan.so", "AddressSanitizer"},       {"libtsan.so", "ThreadSanitizer"},
    {"liblsan.so", "LeakSanitizer"},          {"libhwasan.so", "HWAddressSanitizer"},
    {"libclang_rt.asan", "AddressSanitizer"}, {"libclang_rt.tsan", "ThreadSanitizer"},
};

static void look_at_symbols(struct program *program, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize == 0 ? 0 : header->sh_size / header->sh_entsize;

    for (size_t i = 0; data != NULL && i < count && program->sanitizer == NULL; i++) {
        GElf_Sym symbol;
        const char *name = gelf_getsym(data, (int)i, &symbol) == NULL
                               ? NULL
                               : elf_strptr(program->elf, header->sh_link, symbol.st_name);

        for (size_t s = 0; name != NULL && s < G_N_ELEMENTS(sanitizers); s++)
            if (strcmp(name, sanitizers[s].symbol) == 0)
                program->sanitizer = sanitizers[s].name;
    }
}

static void look_at_needed(struct program *program, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize == 0 ? 0 : header->sh_size / header->sh_entsize;

    for (size_t i = 0; data != NULL && i < count && program->sanitizer == NULL; i++) {
        GElf_Dyn entry;
        const char *name = gelf_getdyn(data, (int)i, &entry) == NULL || entry.d_tag != DT_NEEDED
                               ? NULL
                               : elf_strptr(program->elf, header->sh_link, entry.d_un.d_val);

        for (size_t s = 0; name != NULL && s < G_N_ELEMENTS(sanitizer_libraries); s++)
            if (g_str_has_prefix(name, sanitizer_libraries[s].library))
                program->sanitizer = sanitizer_libraries[s].name;
    }
}

static void read_sections(struct program *program)
{
    Elf_Scn *section = NULL;
    size_t names;

    if (elf_getshdrstrndx(program->elf, &names) != 0)
        return;
    while ((section = elf_nextscn(program->elf, section)) != NULL) {
        GElf_Shdr header;
        const char *name;

        if (gelf_getshdr(section, &header) == NULL)
            continue;
        name = elf_strptr(program->elf, names, header.sh_name);
        program->is_go |= name != NULL && (strcmp(name, ".go.buildinfo") == 0 ||
                                           strcmp(name, ".note.go.buildid") == 0);
        if (header.sh_type == SHT_DYNSYM)
            look_at_symbols(program, section, &header);
        else if (header.sh_type == SHT_DYNAMIC)
            look_at_needed(program, section, &header);
    }
}

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#else
#error "which machine is this?"
#endif

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {{EM_386, "32-bit x86"},     {EM_X86_64, "x86-64"}, {EM_ARM, "32-bit ARM"},
                 {EM_AARCH64, "64-bit ARM"}, {EM_RISCV, "RISC-V"},  {EM_PPC64, "POWER"},
                 {EM_S390, "IBM Z"},         {EM_MIPS, "MIPS"}};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "another machine";
}

static bool is_glibc_loader(const char *interpreter)
{
    const char *slash = strrchr(interpreter, '/');
    const char *name = slash == NULL ? interpreter : slash + 1;

    return g_str_has_prefix(name, "ld-linux") || g_str_has_prefix(name, "ld64.so") ||
           g_str_has_prefix(name, "ld.so") || g_str_has_prefix(name, "ld-2.");
}

static enum target judge_elf(const struct program *program, char **why)
{
    const char *path = program->path;

    if (program->header.e_machine != OWN_MACHINE || gelf_getclass(program->elf) != ELFCLASS64)
        return refuse(TARGET_REFUSED, why, "%s is for %s%s, the shim for %s", path,
                      machine_name(program->header.e_machine),
                      program->header.e_machine == OWN_MACHINE ? " in 32 bits" : "",
                      machine_name(OWN_MACHINE));
    if (program->is_go)
        return refuse(TARGET_REFUSED, why,
                      "%s is a Go program: it makes its system calls and allocations itself, past "
                      "any preloaded library",
                      path);
    if (program->interpreter == NULL)
        return refuse(TARGET_REFUSED, why,
                      "%s is statically linked: there is no loader to bring the shim in", path);
    if (strstr(program->interpreter, "ld-musl") != NULL)
        return refuse(TARGET_REFUSED, why, "%s uses musl; the shim needs glibc", path);
    if (!is_glibc_loader(program->interpreter))
        return refuse(TARGET_REFUSED, why, "%s uses the loader %s; the shim needs glibc's", path,
                      program->interpreter);
    if (program->sanitizer != NULL)
        return refuse(TARGET_REFUSED, why,
                      "%s is built with %s, which stands before malloc itself; use a build without",
                      path, program->sanitizer);
    return TARGET_FITS;
}

static enum target look_at_elf(const char *path, int fd, char **why)
{
    struct program program = {.path = path};
    enum target target;

    elf_version(EV_CURRENT);
    program.elf = elf_begin(fd, ELF_C_READ, NULL);
    if (program.elf == NULL || gelf_getehdr(program.elf, &program.header) == NULL ||
        (program.header.e_type != ET_EXEC && program.header.e_type != ET_DYN)) {
        target = refuse(TARGET_NOT_EXECUTABLE, why, "%s is a damaged or unfinished program", path);
    } else {
        read_segments(&program);
        read_sections(&program);
        target = judge_elf(&program, why);
    }
    g_free(program.interpreter);
    elf_end(program.elf);
    return target;
}

/* The loader drops LD_PRELOAD where a program gains rights. */
static enum target look_at_rights(const char *path, int fd, char **why)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID))
        return refuse(TARGET_REFUSED, why, "%s is set%s: the loader ignores LD_PRELOAD for it",
                      path, status.st_mode & S_ISUID ? "uid" : "gid");
    if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
        return refuse(TARGET_REFUSED, why,
                      "%s has file capabilities: the loader ignores LD_PRELOAD for it", path);
    return TARGET_FITS;
}

/* ---- Looking a command up ---- */

static bool is_executable_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* As a shell: what has a slash is a path, else the first that can be executed in PATH; else the
 * first that is there. */
static enum target find_command(const char *name, char **path, char **why)
{
    bool there = false;

    *path = NULL;
    if (strchr(name, '/') != NULL) {
        if (is_executable_file(name))
            *path = g_strdup(name);
        there = access(name, F_OK) == 0;
    } else {
        const char *search = g_getenv("PATH");
        char **directories = g_strsplit(search == NULL ? "/bin:/usr/bin" : search, ":", -1);

        for (char **directory = directories; *directory != NULL && *path == NULL; directory++) {
            char *candidate = g_build_filename(**directory == '\0' ? "." : *directory, name, NULL);
            if (is_executable_file(candidate))
                *path = g_strdup(candidate);
            there |= access(candidate, F_OK) == 0;
            g_free(candidate);
        }
        g_strfreev(directories);
    }
    if (*path != NULL)
        return TARGET_FITS;
    if (there)
        return refuse(TARGET_NOT_EXECUTABLE, why, "%s: not executable", name);
    return refuse(TARGET_NOT_FOUND, why, "%s: command not found", name);
}

/* ---- Scripts and env ---- */

/* "#!/usr/bin/env -S python3 -u" -> its words; the kernel itself gives all after the first as one
 * argument. */
static char **script_words(const char *line)
{
    char *text = g_strndup(line + 2, strcspn(line + 2, "\n"));
    char **words;

    g_strstrip(text);
    words = g_strsplit_set(text, " \t", 2);
    if (words[0] != NULL && words[1] != NULL)
        g_strstrip(words[1]);
    g_free(text);
    return words;
}

static enum target check_words(char *const *argv, unsigned depth, char **why);

/* env's options that take an argument of their own. */
static bool takes_argument(const char *option)
{
    return strcmp(option, "-u") == 0 || strcmp(option, "-C") == 0 ||
           strcmp(option, "--unset") == 0 || strcmp(option, "--chdir") == 0;
}

static bool drops_preload(const char *option, const char *next)
{
    return strcmp(option, "-i") == 0 || strcmp(option, "-") == 0 ||
           strcmp(option, "--ignore-environment") == 0 ||
           (takes_argument(option) && g_strcmp0(next, "LD_PRELOAD") == 0) ||
           strcmp(option, "-uLD_PRELOAD") == 0 || strcmp(option, "--unset=LD_PRELOAD") == 0 ||
           g_str_has_prefix(option, "LD_PRELOAD=");
}

/* What env runs: the first word that is neither an option nor NAME=VALUE. */
static enum target check_env(const char *path, char *const *argv, unsigned depth, char **why)
{
    for (size_t i = 1; argv[i] != NULL; i++) {
        if (drops_preload(argv[i], argv[i + 1]))
            return refuse(TARGET_REFUSED, why, "%s %s: takes LD_PRELOAD out of the environment",
                          path, argv[i]);
        if (g_str_has_prefix(argv[i], "-S") || g_str_has_prefix(argv[i], "--split-string=")) {
            const char *text = argv[i] + (argv[i][1] == 'S' ? 2 : strlen("--split-string="));
            char *joined = g_strconcat("env ", *text == '\0' ? argv[i + 1] : text, NULL);
            char **words = g_strsplit_set(joined, " \t", -1);
            enum target target = check_words(words, depth + 1, why);

            g_strfreev(words);
            g_free(joined);
            return target;
        }
        if (takes_argument(argv[i]) && argv[i + 1] != NULL)
            i++;
        else if (argv[i][0] != '\0' && argv[i][0] != '-' && strchr(argv[i], '=') == NULL)
            return check_words(argv + i, depth + 1, why);
    }
    return TARGET_FITS;
}

static enum target check_script(const char *path, const char *line, unsigned depth, char **why)
{
    char **words = script_words(line), *rest = NULL;
    enum target target = TARGET_FITS;

    if (words[0] == NULL || words[0][0] == '\0') {
        target = refuse(TARGET_NOT_EXECUTABLE, why, "%s: no interpreter in its first line", path);
    } else if (access(words[0], F_OK) != 0) {
        target = refuse(TARGET_NOT_EXECUTABLE, why, "%s: its interpreter %s is not there", path,
                        words[0]);
    } else {
        target = check_words(words, depth + 1, why);
        if (*why != NULL) {
            rest = *why;
            *why = g_strdup_printf("%s is a script: %s", path, rest);
        }
    }
    g_free(rest);
    g_strfreev(words);
    return target;
}

static enum target check_words(char *const *argv, unsigned depth, char **why)
{
    char *path, line[SCRIPT_LINE + 1] = "";
    enum target target;

    while (argv[0] != NULL && argv[0][0] == '\0' && depth > 0)
        argv++; /* between two blanks of a split string */
    if (argv[0] == NULL || depth > DEPTH_MOST)
        return TARGET_FITS; /* the kernel will say what it thinks of it */
    target = find_command(argv[0], &path, why);
    if (path == NULL)
        return target;
    struct stat status;
    int fd = regular_open(path, &status);
    ssize_t bytes = fd < 0 ? -1 : pread(fd, line, SCRIPT_LINE, 0);
    const char *slash = strrchr(path, '/');
    if (bytes >= 2 && memcmp(line, "#!", 2) == 0) {
        target = check_script(path, line, depth, why);
    } else if (bytes >= SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0) {
        target = look_at_rights(path, fd, why);
        if (target == TARGET_FITS)
            target = look_at_elf(path, fd, why);
        if (target == TARGET_FITS && strcmp(slash == NULL ? path : slash + 1, "env") == 0)
            target = check_env(path, argv, depth, why);
    }
    if (fd >= 0)
        close(fd);
    g_free(path);
    return target;
}

enum target target_check(char *const *argv, char **why)
{
    *why = NULL;
    return check_words(argv, 0, why);
}
