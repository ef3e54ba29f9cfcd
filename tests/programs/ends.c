// Works, says what it did, and ends: by a return, or as its argument says (`endings` below).
// libs: -lhiredis
#define _GNU_SOURCE
#define WORK_GETS
#include "work.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static sigjmp_buf back;

static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        abort();
}

static void be_killed(void)
{
    kill(getpid(), SIGKILL);
}

static void touch_nothing(void)
{
    *(volatile char *)8 = 1;
}

static void touch_behind_the_end(void)
{
    int file = memfd_create("empty", 0);
    volatile char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    *mapped = 1;
}

static void set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(number, &action, NULL);
}

static void exit_from_handler(int number)
{
    say("handled\n");
    _exit(number);
}

static void jump_from_handler(int number)
{
    siglongjmp(back, number);
}

static void pass_on(int number)
{
    say("passed on\n");
    signal(number, SIG_DFL); /* and the fault comes again */
}

static void handled(void)
{
    set_handler(SIGSEGV, exit_from_handler, 0);
    touch_nothing();
}

static void passed_on(void)
{
    set_handler(SIGSEGV, pass_on, 0);
    touch_nothing();
}

static void survived(void)
{
    set_handler(SIGSEGV, jump_from_handler, SA_NODEFER);
    for (volatile int i = 0; i < 100; i++)
        if (sigsetjmp(back, 1) == 0)
            touch_nothing();
        else
            lose_block();
    tell();
}

__attribute__((noinline)) static int recurse(int depth)
{
    volatile char here[4096];
    here[0] = 1;
    return depth ? recurse(depth - 1) + here[0] : 0;
}

static void overflowed(void)
{
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    sigaltstack(&stack, NULL);
    set_handler(SIGSEGV, exit_from_handler, SA_ONSTACK);
    recurse(1 << 30);
}

static void abort_handled(void)
{
    set_handler(SIGABRT, pass_on, 0);
    abort();
}

static void take_all_memory(void)
{
    for (;;)
        memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1,
               1 << 20);
}

static void at_once(void)
{
    _exit(3);
}

static void at_once_c99(void)
{
    _Exit(4);
}

static void say_quick(void)
{
    say("quick\n");
}

static void quickly(void)
{
    at_quick_exit(say_quick);
    quick_exit(5);
}

static void *exit_in_thread(void *unused)
{
    (void)unused;
    exit(6);
}

static void in_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, exit_in_thread, NULL);
    pause();
}

static void *work_on(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, NULL);
    work(100);
    tell();
    return NULL;
}

static void main_thread_first(void)
{
    static pthread_t self;
    pthread_t thread;
    self = pthread_self();
    pthread_create(&thread, NULL, work_on, &self);
    pthread_detach(thread);
    pthread_exit(NULL);
}

static void by_system_call(void)
{
    syscall(SYS_exit_group, 8);
}

static const struct {
    const char *name;
    void (*end)(void);
} endings[] = {
    {"kill", be_killed},
    {"segv", touch_nothing},
    {"segv-handled", handled},
    {"segv-passed-on", passed_on},
    {"segv-survived", survived},
    {"stack-overflow", overflowed},
    {"bus", touch_behind_the_end},
    {"abort", abort},
    {"abort-handled", abort_handled},
    {"memory", take_all_memory},
    {"_exit", at_once},
    {"_Exit", at_once_c99},
    {"quick_exit", quickly},
    {"exit-in-thread", in_thread},
    {"main-thread-first", main_thread_first},
    {"system-call", by_system_call},
};

int main(int argc, char **argv)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    work(1000);
    tell();
    for (size_t i = 0; argc > 1 && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(endings[i].name, argv[1]) == 0)
            endings[i].end();
    return argc > 1 ? 0 : 9;
}
