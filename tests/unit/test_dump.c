/* The dump and check commands, on captures in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "common/capture_builder.h"

struct fixture {
    char *directory, *capture, *out;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    struct builder *b = builder_new();
    uint32_t site = builder_site(b, (uint64_t[]){0x1010, 0x2020}, 2);
    f->directory = g_dir_make_tmp("leakey-test-XXXXXX", NULL);
    f->capture = g_build_filename(f->directory, "service.1.leakey", NULL);
    f->out = g_build_filename(f->directory, "out", NULL);
    builder_connect(b, BUILDER_MS, 1, "unix:/run/redis.sock");
    builder_alloc(b, 2 * BUILDER_MS, 0x1000, 100, site, 0);
    builder_command(b, &(struct builder_command){.time_ns = 3 * BUILDER_MS,
                                                 .verb = "GET",
                                                 .key = "k:\x1b[2J\xff",
                                                 .template_name = "k:<binary>",
                                                 .input = "\"quoted\" input",
                                                 .flags = LK_COMMAND_READ,
                                                 .outcome = LK_OUTCOME_MISS,
                                                 .site = site});
    builder_live(b, LK_LIVE_REPLY, 0x3000, 64, 4 * BUILDER_MS, site, LK_TAG(LK_OUTCOME_MISS, 1));
    builder_bucket(b, 0, 0)->updates = 1;
    assert_true(builder_save(b, f->capture));
    builder_free(b);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    g_unlink(f->capture);
    g_unlink(f->out);
    g_rmdir(f->directory);
    g_free(f->directory);
    g_free(f->capture);
    g_free(f->out);
    g_free(f);
    return 0;
}

/* Runs a command with stdout in f->out (its messages on stderr are not looked at), gives its
 * status. */
static int run(const struct fixture *f, int (*command)(int, char **), const char *const *words)
{
    char **argv = g_strdupv((char **)(uintptr_t)words),
         **kept = g_memdup2(argv, (g_strv_length(argv) + 1) * sizeof(*argv));
    int saved_out = dup(STDOUT_FILENO), saved_error = dup(STDERR_FILENO);
    fflush(stdout);
    int out = open(f->out, O_WRONLY | O_CREAT | O_TRUNC, 0600),
        nowhere = open("/dev/null", O_WRONLY);
    dup2(out, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    int status = command((int)g_strv_length(argv), argv);
    fflush(stdout);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_error, STDERR_FILENO);
    close(out);
    close(nowhere);
    close(saved_out);
    close(saved_error);
    for (char **word = kept; *word != NULL; word++)
        g_free(*word); /* the command may have taken some out of argv */
    g_free(kept);
    g_free(argv);
    return status;
}

static char *output_of(const struct fixture *f)
{
    char *text = NULL;
    assert_true(g_file_get_contents(f->out, &text, NULL, NULL));
    return text;
}

#define RUN(f, command, ...) run(f, command, (const char *const[]){__VA_ARGS__, NULL})

static void each_item_is_one_json_object(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(RUN(f, cmd_dump, "dump", "--what=all", "--format=json", f->capture),
                     STATUS_DONE);
    char *text = output_of(f), **lines = g_strsplit(text, "\n", -1);
    size_t events = 0, sites = 0;
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        json_t *item = json_loads(*line, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_is_object(item));
        events += json_object_get(item, "event") != NULL;
        sites += json_object_get(item, "stack") != NULL;
        if (g_strcmp0(json_string_value(json_object_get(item, "event")), "command") == 0) {
            assert_string_equal(json_string_value(json_object_get(item, "verb")), "GET");
            assert_string_equal(json_string_value(json_object_get(item, "key")), "k:\\x1b[2J\\xff");
            assert_string_equal(json_string_value(json_object_get(item, "template")), "k:<binary>");
        }
        if (g_strcmp0(json_string_value(json_object_get(item, "event")), "input") == 0)
            assert_string_equal(json_string_value(json_object_get(item, "input")),
                                "\"quoted\" input");
        json_decref(item);
    }
    assert_int_equal(events, 5);
    assert_int_equal(sites, 1);
    g_strfreev(lines);
    g_free(text);
}

static void text_holds_no_control_characters(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(RUN(f, cmd_dump, "dump", "-w", "all", f->capture), STATUS_DONE);
    char *text = output_of(f);
    assert_non_null(strstr(text, "event=command"));
    assert_non_null(strstr(text, "outcome=miss"));
    assert_non_null(strstr(text, "    #1 ?"));
    for (const char *at = text; *at != '\0'; at++)
        assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
    g_free(text);
    assert_int_equal(RUN(f, cmd_dump, "dump", f->capture), STATUS_DONE);
    text = output_of(f);
    assert_non_null(strstr(text, "\npid=4242\n"));
    g_free(text);
}

static void wrong_calls_are_usage_errors(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(RUN(f, cmd_dump, "dump"), STATUS_ERROR);
    assert_int_equal(RUN(f, cmd_dump, "dump", "--what=nothing", f->capture), STATUS_ERROR);
    assert_int_equal(RUN(f, cmd_dump, "dump", "--format=xml", f->capture), STATUS_ERROR);
    assert_int_equal(RUN(f, cmd_dump, "dump", "/nonexistent"), STATUS_ERROR);
    assert_int_equal(RUN(f, cmd_dump, "dump", "--help"), STATUS_DONE);
    assert_int_equal(RUN(f, cmd_check, "check"), STATUS_ERROR);
}

static void check_says_what_is_whole_and_what_is_not(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(RUN(f, cmd_check, "check", f->capture), STATUS_DONE);
    char *text = output_of(f);
    assert_non_null(strstr(text, "service.1.leakey: whole\n"));
    assert_non_null(strstr(text, "holds 5 events, 1 stack, 2 live objects, 1 template, 0 modules"));
    g_free(text);
    assert_int_equal(truncate(f->capture, (off_t)3 * LK_GRANULE), 0);
    assert_int_equal(RUN(f, cmd_check, "check", f->directory), STATUS_DONE);
    text = output_of(f);
    assert_non_null(strstr(text, ": damaged\n"));
    assert_non_null(strstr(text, "left out: the file ends early"));
    g_free(text);
    assert_int_equal(truncate(f->capture, 100), 0);
    assert_int_equal(RUN(f, cmd_check, "check", f->capture), STATUS_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_item_is_one_json_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_holds_no_control_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_calls_are_usage_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_says_what_is_whole_and_what_is_not, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
