/* The table of commands, and what `leakey` does without one. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/messages.h"

static const struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"record", "run a command with the shim, and say where its captures are", cmd_record},
    {"report", "what leaks, which keys never hit, why, and what it costs", cmd_report},
    {"compare", "what changed between two runs, with intervals", cmd_compare},
    {"what-if", "the hit ratio with other keys, TTLs or cache sizes", cmd_what_if},
    {"export", "what was found, for pprof, flame graphs, databases and simulators", cmd_export},
    {"dump", "a capture's events and tables as text", cmd_dump},
    {"top", "a running process, live: memory, sites, templates, misses", cmd_top},
    {"serve", "the running captures of a directory as metrics for Prometheus", cmd_serve},
    {"pause", "make a running process record nothing for a while", cmd_pause},
    {"resume", "make it record again", cmd_resume},
    {"check", "whether captures are whole", cmd_check},
};

static void print_usage(FILE *out)
{
    fputs("Usage: leakey COMMAND [OPTION...] [ARGUMENT...]\n"
          "Finds memory leaks and cache keys that do not work in a running service.\n"
          "\n"
          "  LD_PRELOAD=libleakey.so ./service     records COMMAND.PID.leakey\n"
          "  leakey report CAPTURE                 says what is wrong\n"
          "  leakey compare BEFORE AFTER           says what a change did\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs(
        "\n"
        "`leakey COMMAND --help` and `man leakey-COMMAND` say more.\n"
        "Exit status: 0 done, 1 a gate tripped that was asked for, 2 usage or unreadable input.\n",
        out);
}

int commands_run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (name == NULL) {
        print_usage(stderr);
        return STATUS_ERROR;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return STATUS_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("leakey " LEAKEY_VERSION);
        return STATUS_DONE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    message(name, name[0] == '-' ? "unknown option" : "unknown command");
    print_usage(stderr);
    return STATUS_ERROR;
}
