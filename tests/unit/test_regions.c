/* What of a process's memory is searched: mappings from the text of /proc, the pages that there
 * are, and the pointers that the kernel keeps. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "live/kernel_roots.h"
#include "live/pages.h"
#include "live/regions.h"

static const char maps[] =
    "555555554000-555555556000 r-xp 00000000 fd:01 131 /usr/bin/a name (deleted)\n"
    "555555756000-555555757000 rw-p 00002000 fd:01 131 /usr/bin/a name (deleted)\n"
    "7ffff0000000-7ffff0021000 rw-p 00000000 00:00 0 \n"
    "7ffff0021000-7ffff4000000 ---p 00000000 00:00 0 \n"
    "7ffff5000000-7ffff6000000 rw-s 00000000 00:2f 77 /tmp/x.leakey\n"
    "7ffff6000000-7ffff6001000 rw-s 00000000 00:05 9 /dev/dri/card0\n"
    "7ffff6001000-7ffff6002000 rw-s 00000000 00:01 10 /dev/zero (deleted)\n"
    "7ffff6002000-7ffff6003000 r--s 00000000 fd:01 11 /usr/lib/gconv-modules.cache\n"
    "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n"
    "7ffff7fc1000-7ffff7fc3000 r--p 00000000 00:00 0 [vvar]\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
    "no mapping\n"
    "12-";

static void mappings_are_read_and_chosen(void **state)
{
    (void)state;
    const bool searched[] = {true, true, true, true, false, false, true, false, true, false, false};
    GArray *regions = regions_parse(maps);
    assert_int_equal(regions->len, sizeof(searched) / sizeof(*searched));
    for (guint i = 0; i < regions->len; i++)
        assert_int_equal(region_is_searched(&g_array_index(regions, struct region, i), 77),
                         searched[i]);
    const struct region *code = &g_array_index(regions, struct region, 0);
    assert_true(code->readable && code->executable && !code->writable && !code->shared);
    assert_string_equal(code->path, "/usr/bin/a name (deleted)");
    assert_int_equal(g_array_index(regions, struct region, 1).offset, 0x2000);
    assert_int_equal(g_array_index(regions, struct region, 4).inode, 77);
    assert_string_equal(g_array_index(regions, struct region, 2).path, "");
    assert_ptr_equal(regions_at(regions, 0x555555555fff), code);
    assert_null(regions_at(regions, 0x555555556000));
    regions_free(regions);
}

static void wiped_memory_is_told(void **state)
{
    (void)state;
    GArray *wiped = regions_wiped("7ffff0000000-7ffff0021000 rw-p 00000000 00:00 0 \n"
                                  "Size:                 132 kB\n"
                                  "VmFlags: rd wr mr mw me ac sd \n"
                                  "7ffff1000000-7ffff1001000 rw-p 00000000 00:00 0 \n"
                                  "Size:                   4 kB\n"
                                  "VmFlags: rd wr mr mw me nr wf sd \n"
                                  "VmFlags: wf\n");
    assert_int_equal(wiped->len, 2);
    assert_int_equal(g_array_index(wiped, struct span, 0).start, 0x7ffff1000000);
    spans_join(wiped);
    assert_int_equal(wiped->len, 1);
    g_array_free(wiped, TRUE);
    wiped = regions_wiped("VmFlags: wf\n");
    assert_int_equal(wiped->len, 0);
    g_array_free(wiped, TRUE);
}

static void holes_are_cut_out(void **state)
{
    (void)state;
    const struct span unsorted[] = {{50, 60}, {10, 20}, {18, 30}, {30, 34}, {90, 120}};
    const struct span left[] = {{5, 10}, {34, 50}, {60, 90}};
    GArray *holes = g_array_new(FALSE, FALSE, sizeof(struct span));
    GArray *out = g_array_new(FALSE, FALSE, sizeof(struct span));
    g_array_append_vals(holes, unsorted, 5);
    spans_join(holes);
    assert_int_equal(holes->len, 3);
    spans_without(out, (struct span){5, 100}, holes);
    assert_int_equal(out->len, 3);
    assert_memory_equal(out->data, left, sizeof(left));
    spans_without(out, (struct span){12, 34}, holes);
    assert_int_equal(out->len, 3);
    g_array_free(out, TRUE);
    g_array_free(holes, TRUE);
}

static void the_kernels_pointers_are_read(void **state)
{
    (void)state;
    GArray *words = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    kernel_numbers("pos:\t0\ntfd:        5 events:       19 data:     55d0c0de2010  pos:0 ino:1\n"
                   "tfd:        7 events:       19 data: 7f00000000000008\n",
                   " data:", '\0', words);
    kernel_numbers("ID: 0\nsignal: 14/000055d0c0de2020\nnotify: signal/pid.1\nsignal: 3\n",
                   "signal:", '/', words);
    assert_int_equal(words->len, 3);
    assert_int_equal(g_array_index(words, uint64_t, 0), 0x55d0c0de2010);
    assert_int_equal(g_array_index(words, uint64_t, 1), 0x7f00000000000008);
    assert_int_equal(g_array_index(words, uint64_t, 2), 0x55d0c0de2020);
    g_array_free(words, TRUE);
}

/* ---- Pages, of this very process ---- */

enum { PAGES = 64 };

static void check_pages(struct pages *pages, uint8_t *memory, size_t page)
{
    GArray *spans = g_array_new(FALSE, FALSE, sizeof(struct span));
    uint64_t start = (uint64_t)(uintptr_t)memory;
    assert_true(pages_present(pages, (struct span){start, start + PAGES * page}, false, spans));
    const struct span expected[] = {{start + 3 * page, start + 5 * page},
                                    {start + 40 * page, start + 41 * page}};
    assert_int_equal(spans->len, 2);
    assert_memory_equal(spans->data, expected, sizeof(expected));
    uint8_t *copy = g_malloc(3 * page);
    uint64_t unread = 0;
    assert_true(pages_read(pages, expected, 2, copy, 3 * page, &unread));
    assert_int_equal(copy[0], 'a');
    assert_int_equal(copy[page], 'b');
    assert_int_equal(copy[2 * page], 'c');
    /* A hole in between is told, and the rest is read nevertheless. */
    struct span whole = {start + 40 * page, start + 42 * page};
    munmap(memory + 41 * page, page);
    memset(copy, 'x', 3 * page);
    assert_false(pages_read(pages, &whole, 1, copy, 2 * page, &unread));
    assert_int_equal(unread, page);
    assert_int_equal(copy[0], 'c');
    assert_int_equal(copy[page], 0);
    g_free(copy);
    g_array_free(spans, TRUE);
}

/* What was never touched is passed over, and stays untouched; what may not be read any more is read
 * all the same. */
static void only_pages_that_there_are_are_read(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int by_ioctl = 0; by_ioctl < 2; by_ioctl++) {
        struct pages *pages = pages_open((unsigned long)getpid(), by_ioctl, NULL);
        uint8_t *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        unsigned char there[PAGES];
        size_t touched = 0;
        assert_non_null(pages);
        assert_ptr_not_equal(memory, MAP_FAILED);
        madvise(memory, PAGES * page, MADV_NOHUGEPAGE);
        memory[3 * page] = 'a';
        memory[4 * page] = 'b';
        memory[40 * page] = 'c';
        mprotect(memory + 4 * page, page, PROT_NONE);
        check_pages(pages, memory, page);
        mincore(memory, 41 * page, there);
        for (size_t i = 0; i < 41; i++)
            touched += there[i] & 1;
        assert_int_equal(touched, 3);
        munmap(memory, PAGES * page);
        pages_close(pages);
    }
}

static void a_process_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    GError *error = NULL;
    assert_null(pages_open(0x7fffffff, true, &error));
    assert_non_null(error);
    g_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings_are_read_and_chosen),
        cmocka_unit_test(wiped_memory_is_told),
        cmocka_unit_test(holes_are_cut_out),
        cmocka_unit_test(the_kernels_pointers_are_read),
        cmocka_unit_test(only_pages_that_there_are_are_read),
        cmocka_unit_test(a_process_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
