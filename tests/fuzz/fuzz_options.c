// What users and clients write, under libFuzzer (`make fuzz`): sizes, durations, lists of rules and
// normalisers, addresses to listen at, Accept headers.
// links: shim/config.c
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "config.h"
#include "serve/accept.h"
#include "serve/listen.h"
#include "sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

void lk_sys_say_once(int *said, const char *what, const char *why)
{
    (void)said;
    (void)what;
    (void)why;
}

static void read_size(const char *text)
{
    uint64_t bytes = 0;
    if (lk_parse_size(text, &bytes) && bytes == 0 && strpbrk(text, "123456789") != NULL)
        abort(); /* it wrapped */
}

static void read_address(const char *text)
{
    char *host = NULL, *port = NULL;
    GError *error = NULL;
    if (listen_parse(text, &host, &port, &error) != (error == NULL))
        abort();
    g_clear_error(&error);
    g_free(host);
    g_free(port);
}

static void read_accept(const char *text)
{
    if (accept_exposition(text) > EXPOSE_OPENMETRICS + EXPOSE_PROMETHEUS)
        abort();
}

/* A command with this text as an option's value, and no capture that could be read. */
static const struct {
    int (*run)(int argc, char **argv);
    const char *command, *option;
} options[] = {
    {cmd_report, "report", "--fail-on="},
    {cmd_report, "report", "--format="},
    {cmd_report, "report", "--top="},
    {cmd_report, "report", "--price-gpu-hour="},
    {cmd_what_if, "what-if", "--normalise="},
    {cmd_what_if, "what-if", "--ttl="},
    {cmd_what_if, "what-if", "--cache-size="},
    {cmd_what_if, "what-if", "--policy="},
    {cmd_export, "export", "--to="},
    {cmd_export, "export", "--to=collapsed --metric="},
    {cmd_compare, "compare", "--format="},
    {cmd_dump, "dump", "--what="},
    {cmd_serve, "serve", "--keep="},
    {cmd_serve, "serve", "--templates="},
    {cmd_report, "report", "--"},
};

static void run_command(size_t which, const char *text)
{
    char *option = g_strconcat(options[which].option, text, NULL);
    char *words[] = {(char *)(uintptr_t)options[which].command, option,
                     (char *)(uintptr_t) "/nowhere/a", (char *)(uintptr_t) "/nowhere/b", NULL};
    char **given = g_new0(char *, 5); /* parsing takes words out */
    memcpy(given, words, sizeof words);
    int status = options[which].run(4, given);
    if (status != STATUS_ERROR && strchr(option, '=') == NULL && !g_str_has_prefix(option, "--h"))
        abort();
    g_free(given);
    g_free(option);
}

/* The first byte says what the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0 || size > 200)
        return 0;
    char *text = g_strndup((const char *)bytes + 1, size - 1);
    switch (bytes[0] % 8) {
    case 0:
        read_address(text);
        break;
    case 1:
        read_accept(text);
        break;
    case 2:
    case 3:
        read_size(text);
        break;
    default:
        run_command(bytes[0] / 8 % G_N_ELEMENTS(options), text);
    }
    g_free(text);
    return 0;
}
