// Plants spikes of live memory at regular intervals: a snapshot that is loaded whole, looked at and
// freed. With --healthy as much is allocated as often, but a row at a time. Small work goes on
// beside it; with --busy-end much more of it after the last spike, so that a small ring forgets
// them. Prints what it did as JSON. Arguments: [--healthy] [--busy-end] [COUNT [PERIOD_MS]]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS       768u
#define ROW_BYTES  (64u * 1024u)
#define HOLD_MS    150
#define TICK_MS    5
#define BUSY_WORKS 20000u

static volatile char sink;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Little of it is touched: how long the spikes last must not depend on how busy the machine is.
static void *touch(void *block)
{
    if (!block)
        abort();
    *(char *)block = 1;
    sink = *(char *)block;
    return block;
}

// What every request does.
__attribute__((noinline)) static void serve(void)
{
    void *body = touch(malloc(20000)), *answer = touch(malloc(3000));
    free(body);
    free(answer);
}

static void serve_until(double time)
{
    struct timespec rest = {0, TICK_MS * 1000000};
    while (now() < time) {
        serve();
        nanosleep(&rest, NULL);
    }
}

__attribute__((noinline)) static void load_snapshot(void)
{
    void *rows[ROWS];
    for (unsigned i = 0; i < ROWS; i++)
        rows[i] = touch(malloc(ROW_BYTES));
    serve_until(now() + HOLD_MS / 1000.0);
    for (unsigned i = 0; i < ROWS; i++)
        free(rows[i]);
}

__attribute__((noinline)) static void load_by_rows(void)
{
    for (unsigned i = 0; i < ROWS; i++)
        free(touch(malloc(ROW_BYTES)));
    sink = 1; // no tail call: the frame stays
}

int main(int argc, char **argv)
{
    unsigned numbers[] = {7, 1000}, given = 0;
    int healthy = 0, busy_end = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--healthy"))
            healthy = 1;
        else if (!strcmp(argv[i], "--busy-end"))
            busy_end = 1;
        else if (given < 2)
            numbers[given++] = (unsigned)atoi(argv[i]);
    }
    double period = numbers[1] / 1000.0, due = now() + period / 2, first = 0, last = 0;
    for (unsigned i = 0; i < numbers[0]; i++, due += period) {
        serve_until(due);
        last = now();
        first = i == 0 ? last : first;
        if (healthy)
            load_by_rows();
        else
            load_snapshot();
    }
    serve_until(due);
    for (unsigned i = 0; busy_end && i < BUSY_WORKS; i++)
        serve();
    printf("{\"period_seconds\":%.6f,\"height_bytes\":%u,\"count\":%u,\"function\":\"%s\"}\n",
           (last - first) / (numbers[0] - 1), ROWS * ROW_BYTES, numbers[0],
           healthy ? "load_by_rows" : "load_snapshot");
    return 0;
}
