// Plants two leaks of different rate and block size, beside a site that is far busier and leaks
// nothing. With --healthy both are missing. --quick: shorter and without pauses, for tests that
// want many runs.
#include "planted.h"

#define ROUNDS       2000u
#define QUICK_ROUNDS 400u
#define LARGE_BYTES  200000u
#define SMALL_BYTES  90000u
#define KEPT         64u

enum { LARGE, SMALL, ANSWER, WINDOW, SITES };
static struct site sites[SITES] = {
    [LARGE] = {.function = "forget_large"},
    [SMALL] = {.function = "forget_small"},
    [ANSWER] = {.function = "answer_request"},
    [WINDOW] = {.function = "keep_window"},
};
static void *window[KEPT];

OWN_FRAME static void forget_large(void)
{
    site_took(&sites[LARGE], malloc(LARGE_BYTES), LARGE_BYTES);
}

OWN_FRAME static void forget_small(void)
{
    site_took(&sites[SMALL], malloc(SMALL_BYTES), SMALL_BYTES);
}

/* Two blocks at a time: the second is temporary, the first is not. */
OWN_FRAME static void answer_request(uint32_t turn)
{
    size_t head = 100 + turn % 7 * 50, body = 1000 + turn % 11 * 300;
    void *first = site_took(&sites[ANSWER], malloc(head), head);
    void *second = site_took(&sites[ANSWER], malloc(body), body);
    site_free(&sites[ANSWER], second, body);
    site_free(&sites[ANSWER], first, head);
}

/* The last KEPT requests are remembered. */
OWN_FRAME static void keep_window(uint32_t turn)
{
    void **place = &window[turn % KEPT];
    if (*place)
        site_free(&sites[WINDOW], *place, 5000);
    *place = site_took(&sites[WINDOW], malloc(5000), 5000);
}

int main(int argc, char **argv)
{
    int healthy = has_option(argc, argv, "--healthy"), quick = has_option(argc, argv, "--quick");
    uint32_t rounds = quick ? QUICK_ROUNDS : ROUNDS;
    read_noise(argc, argv);
    for (uint32_t round = 0; round < rounds; round++) {
        if (!healthy && round % 2 == 0)
            forget_large();
        if (!healthy)
            forget_small();
        for (uint32_t i = 0; i < 20; i++)
            answer_request(round + i);
        keep_window(round);
        if (!quick)
            nap_us(700);
    }
    print_sites_and_exit(sites, SITES);
}
