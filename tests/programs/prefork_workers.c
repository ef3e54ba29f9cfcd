// A master and three workers, as a web server has them: all wait in accept on one socket, and a
// worker's answer to a request is its number. Each has a connection of its own to the cache. One
// is killed and another takes its place. Prints what was served; the file `workers` gets a line
// "PID LOST GETS END" for each process.
// libs: -lhiredis
#define _GNU_SOURCE
#define WORK_GETS
#include "work.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define WORKERS 3

struct served { /* by each process, seen by the master when it is gone */
    long lost, gets;
};
static struct served *served;
static int listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};

static void account(int number)
{
    served[number].lost = work_lost;
    served[number].gets = work_gets;
}

static void serve(int number)
{
    work_anew();
    for (;;) {
        char request;
        int connection = accept(listener, NULL, NULL);
        if (read(connection, &request, 1) != 1)
            abort();
        work(40 + number);
        account(number);
        if (request == 'q')
            _exit(0);
        if (write(connection, &number, sizeof number) != sizeof number)
            abort();
        close(connection);
    }
}

static pid_t start(int number)
{
    pid_t pid = fork();
    if (pid == 0)
        serve(number);
    return pid;
}

static int ask(char request)
{
    int number = -1, connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0 ||
        write(connection, &request, 1) != 1)
        abort();
    if (read(connection, &number, sizeof number) < 0)
        abort();
    close(connection);
    return number;
}

int main(void)
{
    pid_t pids[WORKERS + 1];
    int status, answered = 0;
    served = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 64) != 0)
        return 2;
    work(30); /* what workers inherit, and is not theirs */
    for (int i = 0; i < WORKERS; i++)
        pids[i] = start(i);
    for (int i = 0; i < 60; i++)
        answered += ask('r') >= 0;
    while (!served[1].lost)
        ask('r');
    kill(pids[1], SIGKILL);
    waitpid(pids[1], &status, 0);
    printf("killed by %d\n", WTERMSIG(status));
    pids[WORKERS] = start(WORKERS);
    for (int i = 0; i < 60; i++)
        answered += ask('r') >= 0;
    for (int i = 0; i < WORKERS; i++)
        ask('q');
    FILE *list = fopen("workers", "w");
    for (int i = 0; i <= WORKERS; i++) {
        if (i != 1)
            waitpid(pids[i], &status, 0);
        if (served[i].lost)
            fprintf(list, "%d %ld %ld %s\n", pids[i], served[i].lost, served[i].gets,
                    i == 1 ? "signal" : "exit");
    }
    fprintf(list, "%d %ld %ld exit\n", getpid(), work_lost, work_gets);
    fclose(list);
    printf("answered %d\n", answered);
    return 0;
}
