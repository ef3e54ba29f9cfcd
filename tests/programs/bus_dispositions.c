// flags: -Wno-deprecated-declarations
/*
 * Sets what SIGBUS does by each function there is for it, and prints what each says that it was,
 * what sigaction says that it is, and what happens when it comes. First before anything was
 * recorded, then after.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern int __sigaction(int, const struct sigaction *, struct sigaction *);
extern __sighandler_t bsd_signal(int, __sighandler_t);

static char alternate[1 << 16];
static volatile sig_atomic_t calls;
static int recording; /* by children, too: a capture each */

static void tell(const char *who, int number)
{
    char here, line[200];
    sigset_t mask;
    calls++;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    int bytes = snprintf(
        line, sizeof line, "  %s: %d, on the %s stack, blocked: itself %d, SIGUSR1 %d\n", who,
        number, &here >= alternate && &here < alternate + sizeof alternate ? "alternate" : "usual",
        sigismember(&mask, SIGBUS), sigismember(&mask, SIGUSR1));
    if (write(1, line, (size_t)bytes) != bytes)
        _exit(1);
}

static void one(int number)
{
    tell("one", number);
}

static void two(int number)
{
    tell("two", number);
}

static void three(int number, siginfo_t *about, void *context)
{
    char line[100];
    int bytes =
        snprintf(line, sizeof line, "  code %d, value %d, context %d\n", about->si_code,
                 about->si_code == SI_QUEUE ? about->si_value.sival_int : -1, context != NULL);
    if (write(1, line, (size_t)bytes) != bytes)
        _exit(1);
    tell("three", number);
}

static const char *name(__sighandler_t handler)
{
    return handler == SIG_DFL                                 ? "default"
           : handler == SIG_IGN                               ? "ignored"
           : handler == SIG_HOLD                              ? "held"
           : handler == SIG_ERR                               ? "error"
           : handler == one                                   ? "one"
           : handler == two                                   ? "two"
           : (void (*)(void))handler == (void (*)(void))three ? "three"
                                                              : "a stranger";
}

static void print_action(void)
{
    struct sigaction now;
    sigaction(SIGBUS, NULL, &now);
    printf("  now %s, flags %#x, mask %d %d\n", name(now.sa_handler),
           (unsigned)now.sa_flags & ~0x04000000u, sigismember(&now.sa_mask, SIGUSR1),
           sigismember(&now.sa_mask, SIGBUS));
}

static void record(void)
{
    for (int i = 0; i < 1000; i++)
        free(malloc(4096));
}

/* In a child, to see what it does: also when it ends it. */
static void try(int (*send)(void))
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (recording)
            record();
        send();
        _exit(calls ? 50 + calls : 40);
    }
    if (waitpid(child, &status, 0) != child)
        abort();
    if (WIFSIGNALED(status))
        printf("  ended by %d\n", WTERMSIG(status));
    else
        printf("  exit %d\n", WEXITSTATUS(status));
}

static int send_twice(void)
{
    return raise(SIGBUS) | raise(SIGBUS);
}

static int send_value(void)
{
    return sigqueue(getpid(), SIGBUS, (union sigval){.sival_int = 77});
}

static int fault(void)
{
    int empty = memfd_create("empty", 0);
    char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, empty, 0);
    struct sigaction now;
    sigaction(SIGBUS, NULL, &now);
    if (now.sa_handler != SIG_DFL) /* would come back for ever */
        return 0;
    return *(volatile char *)mapped = 1;
}

static void look(const char *what)
{
    puts(what);
    print_action();
    try(send_twice);
    try(send_value);
    try(fault);
}

static void set_by_sigaction(int (*set)(int, const struct sigaction *, struct sigaction *))
{
    static const int flags[] = {0,          SA_RESTART,
                                SA_NODEFER, SA_RESETHAND,
                                SA_ONSTACK, SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
    struct sigaction action = {.sa_flags = 0}, old;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        action.sa_flags = flags[i];
        sigemptyset(&action.sa_mask);
        if (i % 2)
            sigaddset(&action.sa_mask, SIGUSR1);
        action.sa_handler = one;
        printf("flags %#x: %d\n", (unsigned)flags[i], set(SIGBUS, &action, &old));
        printf("  was %s %#x\n", name(old.sa_handler), (unsigned)old.sa_flags & ~0x04000000u);
        look("plain");
        action.sa_flags |= SA_SIGINFO;
        action.sa_sigaction = three;
        set(SIGBUS, &action, NULL);
        look("with more");
    }
    printf("no such signal: %d\n", set(1000, &action, NULL));
}

static void all(void)
{
    struct {
        const char *name;
        __sighandler_t (*set)(int, __sighandler_t);
    } simple[] = {
        {"signal", signal},           {"bsd_signal", bsd_signal}, {"ssignal", ssignal},
        {"sysv_signal", sysv_signal}, {"sigset", sigset},
    };
    look("at first");
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        printf("%s: %s", simple[i].name, name(simple[i].set(SIGBUS, one)));
        printf(" %s", name(simple[i].set(SIGBUS, two)));
        look("");
        printf("%s", name(simple[i].set(SIGBUS, SIG_IGN)));
        look("");
        printf("%s", name(simple[i].set(SIGBUS, one)));
        look("");
        printf("%s", name(simple[i].set(SIGBUS, SIG_DFL)));
        look("");
        printf("no such signal: %s\n", name(simple[i].set(1000, one)));
    }
    set_by_sigaction(sigaction);
    set_by_sigaction(__sigaction);
    siginterrupt(SIGBUS, 0);
    look("siginterrupt 0");
    siginterrupt(SIGBUS, 1);
    look("siginterrupt 1");
    printf("sigset: %s", name(sigset(SIGBUS, SIG_HOLD)));
    printf(" %s\n", name(sigset(SIGBUS, SIG_DFL)));
    sigignore(SIGBUS);
    look("sigignore");
    signal(SIGBUS, SIG_DFL);
}

int main(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    all();
    record();
    puts("---- recorded");
    all();
    puts("---- recorded by children");
    recording = 1;
    look("default");
    signal(SIGBUS, one);
    look("one");
    return 0;
}
