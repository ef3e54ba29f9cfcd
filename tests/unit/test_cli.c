/* The commands as a user calls them: exit statuses, what goes to stdout, to stderr and into files.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>

#include "cmd/cmd.h"
#include "common/capture_builder.h"

static char *directory;

static char *in_directory(const char *name)
{
    return g_build_filename(directory, name, NULL);
}

static char *contents(const char *name)
{
    char *path = in_directory(name), *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    g_free(path);
    return text == NULL ? g_strdup("") : text;
}

static int redirect(FILE *stream, const char *name)
{
    char *path = in_directory(name);
    int kept = dup(fileno(stream)), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    fflush(stream);
    dup2(fd, fileno(stream));
    close(fd);
    g_free(path);
    return kept;
}

static void restore(FILE *stream, int kept)
{
    fflush(stream);
    dup2(kept, fileno(stream));
    close(kept);
}

/* leakey with these words; its output in out.txt and err.txt. */
static int run(const char *const *words)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    int out = redirect(stdout, "out.txt"), err = redirect(stderr, "err.txt");

    g_ptr_array_add(argv, g_strdup("leakey"));
    for (; *words != NULL; words++)
        g_ptr_array_add(argv, g_strdup(*words));
    g_ptr_array_add(argv, NULL);
    /* commands shorten the array as they parse it */
    char **shortened = g_memdup2(argv->pdata, argv->len * sizeof(char *));
    int status = commands_run((int)argv->len - 1, shortened);
    restore(stdout, out);
    restore(stderr, err);
    g_free(shortened);
    g_ptr_array_free(argv, TRUE);
    return status;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void assert_said(const char *stream, const char *part)
{
    char *text = contents(stream);

    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in %s: %s", part, stream, text);
    g_free(text);
}

/* A capture with 200 reads, all hits but the first of each key. */
static void save_capture(const char *name)
{
    struct builder *builder = builder_new();
    char *path = in_directory(name);

    for (uint64_t i = 0; i < 200; i++) {
        char key[32];
        bool first = i < 10;

        g_snprintf(key, sizeof(key), "answer:%u", (unsigned)(i % 10));
        builder_command(builder, &(struct builder_command){.time_ns = (i + 1) * 50 * BUILDER_MS,
                                                           .verb = "GET",
                                                           .key = key,
                                                           .template_name = "answer:<number>",
                                                           .flags = LK_COMMAND_READ,
                                                           .value = first ? NULL : "forty-two",
                                                           .outcome = first ? LK_OUTCOME_MISS
                                                                            : LK_OUTCOME_HIT});
        if (first)
            builder_command(builder, &(struct builder_command){
                                         .time_ns = (i + 1) * 50 * BUILDER_MS + 10 * BUILDER_MS,
                                         .verb = "SET",
                                         .key = key,
                                         .template_name = "answer:<number>",
                                         .flags = LK_COMMAND_WRITE,
                                         .value = "forty-two",
                                         .outcome = LK_OUTCOME_WRITE});
    }
    assert_true(builder_save(builder, path));
    builder_free(builder);
    g_free(path);
}

static int make_directory(void **state)
{
    (void)state;
    directory = g_dir_make_tmp("leakey-test-XXXXXX", NULL);
    if (directory == NULL || chdir(directory) != 0)
        return 1;
    save_capture("run.1.leakey");
    return 0;
}

static int remove_directory(void **state)
{
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;

    (void)state;
    while ((name = g_dir_read_name(listing)) != NULL) {
        char *path = in_directory(name);
        remove(path);
        g_free(path);
    }
    g_dir_close(listing);
    rmdir(directory);
    g_free(directory);
    return 0;
}

/* ---- leakey itself ---- */

static void help_lists_every_command(void **state)
{
    static const char *const commands[] = {"record", "report", "compare", "dump",
                                           "pause",  "resume", "check"};

    (void)state;
    assert_int_equal(RUN("--help"), STATUS_DONE);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        assert_said("out.txt", commands[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        char *usage = g_strdup_printf("leakey %s", commands[i]);

        assert_int_equal(RUN(commands[i], "--help"), STATUS_DONE);
        assert_said("out.txt", usage);
        g_free(usage);
    }
    assert_int_equal(RUN("--version"), STATUS_DONE);
    assert_said("out.txt", "leakey " LEAKEY_VERSION "\n");
}

static void wrong_calls_are_errors_of_usage(void **state)
{
    (void)state;
    assert_int_equal(run((const char *const[]){NULL}), STATUS_ERROR);
    assert_int_equal(RUN("no-such"), STATUS_ERROR);
    assert_said("err.txt", "leakey: no-such: unknown command\nUsage:");
    assert_int_equal(RUN("report"), STATUS_ERROR);
    assert_said("err.txt", "leakey: report: no capture given");
    assert_int_equal(RUN("report", "--no-such", "."), STATUS_ERROR);
    assert_int_equal(RUN("report", "--format", "xml", "."), STATUS_ERROR);
    assert_said("err.txt", "there are: text json");
    assert_int_equal(RUN("report", "--top", "0", "."), STATUS_ERROR);
    assert_int_equal(RUN("report", "--price-gpu-hour", "-1", "."), STATUS_ERROR);
    assert_int_equal(RUN("compare", "."), STATUS_ERROR);
    assert_int_equal(RUN("compare", ".", ".", "."), STATUS_ERROR);
    assert_int_equal(RUN("pause"), STATUS_ERROR);
    assert_int_equal(RUN("pause", "12x"), STATUS_ERROR);
    assert_int_equal(RUN("resume", "-1"), STATUS_ERROR);
    assert_int_equal(RUN("record"), STATUS_ERROR);
    assert_int_equal(RUN("record", "--ring", "12Q", "true"), STATUS_ERROR);
    assert_said("err.txt", "--ring: \"12Q\" is not SIZE");
    assert_int_equal(RUN("record", "--keys", "none", "true"), STATUS_ERROR);
    assert_int_equal(RUN("record", "--heap", "off", "--cache", "off", "true"), STATUS_ERROR);
}

/* ---- report ---- */

static void a_report_goes_to_stdout(void **state)
{
    (void)state;
    assert_int_equal(RUN("report", "run.1.leakey"), STATUS_DONE);
    assert_said("out.txt", "No finding: 200 cache reads with a hit ratio of 0.95");
    assert_int_equal(RUN("report", "."), STATUS_DONE);
    assert_int_equal(RUN("report", ".", "run.1.leakey", "--format=json"), STATUS_DONE);
    assert_said("out.txt", "\"reads\": 200,"); /* named twice, read once */
}

static void what_cannot_be_read_is_said(void **state)
{
    char *bad = in_directory("bad.leakey");

    (void)state;
    assert_int_equal(RUN("report", "nowhere"), STATUS_ERROR);
    assert_said("err.txt", "leakey: report: nowhere: ");
    assert_true(g_file_set_contents(bad, "no capture", -1, NULL));
    assert_int_equal(RUN("report", "bad.leakey"), STATUS_ERROR);
    assert_said("err.txt", "bad.leakey");
    assert_int_equal(RUN("report", "."),
                     STATUS_DONE); /* in a directory it is passed over, and noted */
    assert_said("out.txt", "left out: ./bad.leakey");
    unlink(bad);
    g_free(bad);
}

static void a_file_is_whole_or_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(RUN("report", "run.1.leakey", "--format", "json", "-o", "report.json"),
                     STATUS_DONE);
    assert_said("report.json", "leakey.report/1");
    assert_int_equal(RUN("report", "nowhere", "-o", "report.json"), STATUS_ERROR);
    assert_said("report.json", "leakey.report/1");
    assert_int_equal(RUN("report", "run.1.leakey", "-o", "no/such/directory/x"), STATUS_ERROR);
    assert_int_equal(RUN("report", "run.1.leakey", "-o", "."), STATUS_ERROR);
    assert_int_equal(RUN("report", "run.1.leakey", "-o", "/dev/full"), STATUS_ERROR);
    assert_said("err.txt", "/dev/full: No space left on device");
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(listing)) != NULL)
        assert_false(g_str_has_prefix(name, ".leakey"));
    g_dir_close(listing);
}

static void gates_trip_only_on_what_they_name(void **state)
{
    (void)state;
    assert_int_equal(RUN("report", ".", "--fail-on", "any"), STATUS_DONE);
    assert_int_equal(RUN("report", ".", "--fail-on", "heap-leak,reply-leak"), STATUS_DONE);
    assert_int_equal(RUN("report", ".", "--fail-on", "heap-leek"), STATUS_ERROR);
    assert_said("err.txt", "no rule \"heap-leek\"; there are: any duplicate-input-miss");
    assert_int_equal(RUN("report", ".", "--fail-on", ""), STATUS_ERROR);
    assert_int_equal(RUN("report", ".", "--fail-on", "any,"), STATUS_ERROR);
}

static void a_run_compared_with_itself_is_the_same(void **state)
{
    (void)state;
    assert_int_equal(RUN("compare", "run.1.leakey", ".", "--fail-on-regression"), STATUS_DONE);
    assert_said("out.txt", "Same: no metric changed beyond noise; no finding before or after.");
    assert_int_equal(RUN("compare", "run.1.leakey", "nowhere"), STATUS_ERROR);
    assert_said("err.txt", "leakey: compare: nowhere: ");
}

/* ---- record, pause, resume ---- */

/* Any library will do to preload: what is looked at here is what happens around it. */
static char *some_library(void)
{
    char *maps = NULL, **lines, *found = NULL;

    g_file_get_contents("/proc/self/maps", &maps, NULL, NULL);
    lines = g_strsplit(maps, "\n", -1);
    for (char **line = lines; *line != NULL && found == NULL; line++)
        if (strstr(*line, "/libjansson.so") != NULL)
            found = g_strdup(strchr(*line, '/'));
    g_strfreev(lines);
    g_free(maps);
    assert_non_null(found);
    return found;
}

static void record_answers_as_the_command_does(void **state)
{
    char *library = some_library();

    (void)state;
    g_setenv("LEAKEY_LIBRARY", library, TRUE);
    assert_int_equal(RUN("record", "--", "sh", "-c", "exit 7"), 7);
    assert_said("err.txt", "nothing was recorded");
    assert_int_equal(RUN("record", "sh", "-c", "kill -TERM $$"), 128 + 15);
    assert_int_equal(
        RUN("record", "--sample", "64K", "--paused", "--keys", "hash", "--", "sh", "-c",
            "echo $LD_PRELOAD $LEAKEY_SAMPLE $LEAKEY_PAUSED $LEAKEY_KEYS $LEAKEY_OUTPUT"),
        0);
    char *expected = g_strdup_printf("%s 64K on hash %s\n", library, directory);
    assert_said("out.txt", expected);
    assert_int_equal(RUN("record", "echo", "a", "--", "--help"), 0);
    assert_said("out.txt", "a -- --help\n");
    g_free(expected);
    g_unsetenv("LEAKEY_LIBRARY");
    g_free(library);
}

static void record_says_what_made_its_capture(void **state)
{
    char *library = some_library();

    (void)state;
    g_setenv("LEAKEY_LIBRARY", library, TRUE);
    assert_int_equal(RUN("record", "-o", "new", "sh", "-c", "cp run.1.leakey new/sh.7.leakey"), 0);
    assert_said("err.txt", "/new/sh.7.leakey: ");
    assert_said("err.txt", "/new\n");
    assert_int_equal(RUN("record", "-o", "new", "sh", "-c", "cp run.1.leakey new/sh.8.leakey"), 0);
    assert_said("err.txt", "next: leakey report ");
    assert_said("err.txt",
                "/new/sh.8.leakey\n"); /* not the directory: it holds another run's too */
    unlink("new/sh.7.leakey");
    unlink("new/sh.8.leakey");
    rmdir("new");
    g_unsetenv("LEAKEY_LIBRARY");
    g_free(library);
}

static void record_refuses_clearly(void **state)
{
    (void)state;
    assert_int_equal(RUN("record", "no-such-command-anywhere"), 127);
    assert_int_equal(RUN("record", "./run.1.leakey"), 126);
    g_setenv("LEAKEY_LIBRARY", "/no/such/libleakey.so", TRUE);
    assert_int_equal(RUN("record", "true"), STATUS_ERROR);
    g_unsetenv("LEAKEY_LIBRARY");
}

static void pause_wants_a_capture(void **state)
{
    char own[16];

    (void)state;
    g_snprintf(own, sizeof(own), "%d", getpid());
    assert_int_equal(RUN("pause", own), STATUS_ERROR);
    assert_said("err.txt", "it has no capture");
    assert_int_equal(RUN("resume", "2147483647"), STATUS_ERROR);
    assert_said("err.txt", "no such process");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_lists_every_command),
        cmocka_unit_test(wrong_calls_are_errors_of_usage),
        cmocka_unit_test(a_report_goes_to_stdout),
        cmocka_unit_test(what_cannot_be_read_is_said),
        cmocka_unit_test(a_file_is_whole_or_as_it_was),
        cmocka_unit_test(gates_trip_only_on_what_they_name),
        cmocka_unit_test(a_run_compared_with_itself_is_the_same),
        cmocka_unit_test(record_answers_as_the_command_does),
        cmocka_unit_test(record_says_what_made_its_capture),
        cmocka_unit_test(record_refuses_clearly),
        cmocka_unit_test(pause_wants_a_capture),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
