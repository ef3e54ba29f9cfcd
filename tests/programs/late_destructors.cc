// Allocates and frees in destructors of thread-locals: C++ ones, and those of pthread keys that set
// themselves again for as many rounds as there are, after whatever else had a destructor.
// libs: -lstdc++
#include <limits.h>
#include <pthread.h>

#include "planted.h"

enum { THREADS = 300, ALIVE = 6, KEYS = 3 };
enum { LOCAL, KEY, LAST, WORK, SITES };
static site sites[SITES] = {{"Session::~Session()", 0, 0, 0, 0, 0, 0, 0},
                            {"at_key_end(void*)", 0, 0, 0, 0, 0, 0, 0},
                            {"lose_in_last_round()", 0, 0, 0, 0, 0, 0, 0},
                            {"begin_work(Session&)", 0, 0, 0, 0, 0, 0, 0}};
static pthread_key_t keys[KEYS];
static volatile unsigned returns;

struct Session {
    char *text = nullptr;
    OWN_FRAME ~Session()
    {
        for (size_t bytes = 100; bytes < 500; bytes += 100) {
            void *block = site_took(&sites[LOCAL], malloc(bytes), bytes);
            site_free(&sites[LOCAL], block, bytes);
        }
        site_free(&sites[WORK], text, 70);
        returns++;
    }
};
static thread_local Session session;

struct Round {
    size_t bytes; // of this block
    int key, number;
};

static Round *new_round(site *maker, int key, int number)
{
    size_t bytes = sizeof(Round) + 10 * static_cast<size_t>(number) + static_cast<size_t>(key);
    auto *round = static_cast<Round *>(site_took(maker, malloc(bytes), bytes));
    *round = {bytes, key, number};
    return round;
}

OWN_FRAME void lose_in_last_round()
{
    site_took_too(&sites[KEY], 48); // it is called by at_key_end
    site_took(&sites[LAST], malloc(48), 48);
    returns++;
}

OWN_FRAME void at_key_end(void *value)
{
    auto *round = static_cast<Round *>(value);
    int key = round->key, number = round->number;
    site_free(&sites[number == 1 ? WORK : KEY], round, round->bytes);
    if (number < PTHREAD_DESTRUCTOR_ITERATIONS)
        pthread_setspecific(keys[key], new_round(&sites[KEY], key, number + 1));
    else
        lose_in_last_round();
    returns++;
}

OWN_FRAME void begin_work(Session &own)
{
    own.text = static_cast<char *>(site_took(&sites[WORK], malloc(70), 70));
    for (int key = 0; key < KEYS; key++)
        pthread_setspecific(keys[key], new_round(&sites[WORK], key, 1));
    returns++;
}

// What registers the destructor allocates too, but not below begin_work.
static void *do_work(void *)
{
    begin_work(session);
    return nullptr;
}

int main()
{
    for (pthread_key_t &key : keys)
        if (pthread_key_create(&key, at_key_end) != 0)
            abort();
    for (int begun = 0; begun < THREADS; begun += ALIVE) {
        pthread_t alive[ALIVE];
        for (pthread_t &thread : alive)
            if (pthread_create(&thread, nullptr, do_work, nullptr) != 0)
                abort();
        for (pthread_t thread : alive)
            pthread_join(thread, nullptr);
    }
    print_sites_and_exit(sites, SITES);
}
