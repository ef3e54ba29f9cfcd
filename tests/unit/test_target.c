/* What `record` refuses to run, on copies of a real program with one thing changed in each. */
#define _GNU_SOURCE
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>

#include "cmd/target.h"

static char *directory;

static int make_directory(void **state)
{
    (void)state;
    directory = g_dir_make_tmp("leakey-test-XXXXXX", NULL);
    return directory == NULL;
}

static int remove_directory(void **state)
{
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;

    (void)state;
    while ((name = g_dir_read_name(listing)) != NULL) {
        char *path = g_build_filename(directory, name, NULL);
        unlink(path);
        g_free(path);
    }
    g_dir_close(listing);
    rmdir(directory);
    g_free(directory);
    return 0;
}

/* ---- Programs ---- */

struct image {
    char *bytes;
    gsize size;
};

static struct image plain_program(void)
{
    struct image image;

    assert_true(g_file_get_contents("/bin/ls", &image.bytes, &image.size, NULL));
    return image;
}

static Elf64_Ehdr *header_of(struct image *image)
{
    return (Elf64_Ehdr *)(void *)image->bytes;
}

static Elf64_Phdr *segment_of(struct image *image, uint32_t type)
{
    Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(image->bytes + header_of(image)->e_phoff);

    for (unsigned i = 0; i < header_of(image)->e_phnum; i++)
        if (segments[i].p_type == type)
            return &segments[i];
    fail_msg("no segment of type %u", type);
    return NULL;
}

static char *save(const char *name, const void *bytes, size_t size, mode_t mode)
{
    char *path = g_build_filename(directory, name, NULL);

    assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void assert_target(char *const *argv, enum target expected, const char *reason)
{
    char *why;
    enum target target = target_check(argv, &why);

    if (target != expected)
        fail_msg("%s: %d, not %d: %s", argv[0], target, expected, why == NULL ? "" : why);
    if (reason == NULL)
        assert_null(why);
    else if (why == NULL || strstr(why, reason) == NULL)
        fail_msg("%s: not for \"%s\" but: %s", argv[0], reason, why == NULL ? "nothing" : why);
    g_free(why);
}

/* Saves the image, asks about it, frees both. */
static void assert_image(struct image *image, enum target expected, const char *reason)
{
    char *path = save("program", image->bytes, image->size, 0755);

    assert_target((char *[]){path, NULL}, expected, reason);
    g_free(path);
    g_free(image->bytes);
}

static void an_ordinary_program_fits(void **state)
{
    struct image image = plain_program();

    (void)state;
    assert_image(&image, TARGET_FITS, NULL);
    assert_target((char *[]){(char[]){"ls"}, NULL}, TARGET_FITS, NULL);
}

static void a_static_program_does_not(void **state)
{
    struct image image = plain_program();

    (void)state;
    segment_of(&image, PT_INTERP)->p_type = PT_NULL;
    assert_image(&image, TARGET_REFUSED, "statically linked");
}

static void nor_does_one_for_musl_or_another_loader(void **state)
{
    struct image musl = plain_program(), other = plain_program();

    (void)state;
    memcpy(musl.bytes + segment_of(&musl, PT_INTERP)->p_offset, "/lib/ld-musl-x86_64.so.1", 25);
    assert_image(&musl, TARGET_REFUSED, "musl");
    memcpy(other.bytes + segment_of(&other, PT_INTERP)->p_offset, "/system/bin/linker64", 21);
    assert_image(&other, TARGET_REFUSED, "/system/bin/linker64");
}

static void nor_does_a_go_program(void **state)
{
    struct image image = plain_program();
    Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(image.bytes + header_of(&image)->e_phoff);

    (void)state;
    for (unsigned i = 0; i < header_of(&image)->e_phnum; i++) {
        Elf64_Nhdr *note = (Elf64_Nhdr *)(void *)(image.bytes + segments[i].p_offset);

        if (segments[i].p_type != PT_NOTE || note->n_type != NT_GNU_BUILD_ID)
            continue;
        note->n_type = 4;
        memcpy(note + 1, "Go\0\0", 4);
    }
    assert_image(&image, TARGET_REFUSED, "Go program");
}

static void nor_does_one_for_another_machine(void **state)
{
    struct image arm = plain_program();

    (void)state;
    header_of(&arm)->e_machine = header_of(&arm)->e_machine == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
    assert_image(&arm, TARGET_REFUSED, "is for ");
}

static void nor_does_one_that_gains_rights(void **state)
{
    struct image image = plain_program();
    char *path = save("program", image.bytes, image.size, 04755);

    (void)state;
    assert_target((char *[]){path, NULL}, TARGET_REFUSED, "is setuid");
    assert_int_equal(chmod(path, 02755), 0);
    assert_target((char *[]){path, NULL}, TARGET_REFUSED, "is setgid");
    g_free(path);
    g_free(image.bytes);
}

static void nor_does_a_sanitizer_build(void **state)
{
    static const char library[] = "libselinux.so.1";
    struct image image = plain_program();
    char *needed = memmem(image.bytes, image.size, library, sizeof(library));

    (void)state;
    if (needed != NULL) {
        memcpy(needed, "libasan.so.8", 13);
        assert_image(&image, TARGET_REFUSED, "AddressSanitizer");
    } else {
        g_free(image.bytes);
        skip();
    }
}

/* Cut anywhere, or with any byte of its headers changed, it must be answered, not crashed on. */
static void damaged_programs_are_survived(void **state)
{
    struct image image = plain_program();
    char *path = NULL;

    (void)state;
    for (size_t size = 4; size < 4096; size = size * 3 / 2) {
        char *why;

        g_free(path);
        path = save("program", image.bytes, size, 0755);
        assert_int_not_equal(target_check((char *[]){path, NULL}, &why), TARGET_NOT_FOUND);
        g_free(why);
    }
    for (size_t at = 16; at < 64 + 13 * 56; at += 3) {
        char *why, kept = image.bytes[at];

        image.bytes[at] = (char)0xff;
        g_free(path);
        path = save("program", image.bytes, image.size, 0755);
        target_check((char *[]){path, NULL}, &why);
        g_free(why);
        image.bytes[at] = kept;
    }
    g_free(path);
    g_free(image.bytes);
}

/* ---- Looking up, scripts, env ---- */

static void what_is_not_there_is_told_from_what_cannot_run(void **state)
{
    char *path = save("data", "x", 1, 0644);

    (void)state;
    assert_target((char *[]){(char[]){"no-such-command-anywhere"}, NULL}, TARGET_NOT_FOUND,
                  "not found");
    assert_target((char *[]){(char[]){"./no/such/file"}, NULL}, TARGET_NOT_FOUND, "not found");
    assert_target((char *[]){path, NULL}, TARGET_NOT_EXECUTABLE, "not executable");
    assert_target((char *[]){directory, NULL}, TARGET_NOT_EXECUTABLE, "not executable");
    g_free(path);
}

static void assert_script(const char *text, enum target expected, const char *reason)
{
    char *path = save("script", text, strlen(text), 0755);

    assert_target((char *[]){path, NULL}, expected, reason);
    g_free(path);
}

static void scripts_are_what_interprets_them(void **state)
{
    struct image image = plain_program();

    (void)state;
    segment_of(&image, PT_INTERP)->p_type = PT_NULL;
    char *program = save("static", image.bytes, image.size, 0755);
    char *direct = g_strdup_printf("#!%s -x\n", program);
    char *by_env = g_strdup_printf("#! /usr/bin/env %s\n", program);
    char *split = g_strdup_printf("#!/usr/bin/env -S A=1  %s -u\n", program);
    assert_script("#!/bin/sh\nexit\n", TARGET_FITS, NULL);
    assert_script("echo no first line\n", TARGET_FITS, NULL);
    assert_script("#!/usr/bin/env sh\n", TARGET_FITS, NULL);
    assert_script(direct, TARGET_REFUSED, "statically linked");
    assert_script(by_env, TARGET_REFUSED, "statically linked");
    assert_script(split, TARGET_REFUSED, "statically linked");
    assert_script("#!/no/such/interpreter\n", TARGET_NOT_EXECUTABLE, "is not there");
    assert_script("#!\n", TARGET_NOT_EXECUTABLE, "no interpreter");
    assert_script("#!/usr/bin/env -S -i sh\n", TARGET_REFUSED, "LD_PRELOAD");
    assert_target((char *[]){(char[]){"env"}, (char[]){"A=1"}, program, NULL}, TARGET_REFUSED,
                  "statically");
    assert_target(
        (char *[]){(char[]){"env"}, (char[]){"-u"}, (char[]){"LD_PRELOAD"}, (char[]){"ls"}, NULL},
        TARGET_REFUSED, "LD_PRELOAD");
    assert_target((char *[]){(char[]){"env"}, NULL}, TARGET_FITS, NULL);
    g_free(direct);
    g_free(by_env);
    g_free(split);
    g_free(program);
    g_free(image.bytes);
}

static void a_script_that_interprets_itself_ends(void **state)
{
    char *path = g_build_filename(directory, "script", NULL),
         *text = g_strdup_printf("#!%s\n", path);

    (void)state;
    assert_script(text, TARGET_FITS, NULL);
    g_free(text);
    g_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_program_fits),
        cmocka_unit_test(a_static_program_does_not),
        cmocka_unit_test(nor_does_one_for_musl_or_another_loader),
        cmocka_unit_test(nor_does_a_go_program),
        cmocka_unit_test(nor_does_one_for_another_machine),
        cmocka_unit_test(nor_does_one_that_gains_rights),
        cmocka_unit_test(nor_does_a_sanitizer_build),
        cmocka_unit_test(damaged_programs_are_survived),
        cmocka_unit_test(what_is_not_there_is_told_from_what_cannot_run),
        cmocka_unit_test(scripts_are_what_interprets_them),
        cmocka_unit_test(a_script_that_interprets_itself_ends),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
