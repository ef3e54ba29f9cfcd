// Loads and unloads a library thousands of times while other threads allocate and throw; then one
// that uses libssl privately. Prints the loops. Arguments: PLUGIN TLS-PLUGIN

// libs: -lstdc++ -ldl
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>
#include <stdexcept>
#include <string>

enum { LOOPS = 3000, TLS_LOOPS = 30 };

static bool over;
static unsigned thrown;

static int deep(int depth)
{
    std::string held(static_cast<size_t>(depth) * 50 + 20, 'x');
    if (depth == 0)
        throw std::runtime_error(held);
    return deep(depth - 1) + static_cast<int>(held.size());
}

static void *allocate_and_throw(void *)
{
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
        try {
            deep(10);
        } catch (const std::exception &) {
            __atomic_fetch_add(&thrown, 1, __ATOMIC_RELAXED);
        }
    }
    return nullptr;
}

static void load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fputs(dlerror(), stderr);
        exit(1);
    }
    free(malloc(100));
    dlclose(library);
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    if (argc < 3)
        return 2;
    for (pthread_t &thread : threads)
        pthread_create(&thread, nullptr, allocate_and_throw, nullptr);
    for (int i = 0; i < LOOPS; i++)
        load(argv[1]);
    for (int i = 0; i < TLS_LOOPS; i++)
        load(argv[2]);
    while (__atomic_load_n(&thrown, __ATOMIC_RELAXED) < 100)
        free(malloc(10));
    __atomic_store_n(&over, true, __ATOMIC_RELAXED);
    for (pthread_t thread : threads)
        pthread_join(thread, nullptr);
    printf("loops %d\n", LOOPS + TLS_LOOPS);
    return 0;
}
