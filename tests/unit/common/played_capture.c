/* A capture in plain memory; see played_capture.h. */
#include "common/played_capture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sys.h"

#define PLACES_MAX  4096
#define THREADS_MAX 64u

static struct lk_state the_state;
struct lk_state *lk_state = &the_state;
__thread struct lk_thread lk_self __attribute__((tls_model("initial-exec")));

static uint64_t random_state;

/* What lk_sys_once_wiped handed out; places within such memory come after those that hold it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void **places[PLACES_MAX];
static size_t place_count;

void played_begin(uint32_t granules)
{
    memset(&the_state, 0, sizeof the_state);
    memset(&lk_self, 0, sizeof lk_self);
    the_state.base = aligned_alloc(LK_GRANULE, (size_t)granules * LK_GRANULE);
    assert_non_null(the_state.base);
    memset(the_state.base, 0, (size_t)granules * LK_GRANULE);
    the_state.mapped_bytes = (uint64_t)granules * LK_GRANULE;
    the_state.phase = LK_PHASE_OPEN;
    the_state.generation = 1;
    lk_capture_header()->used_bytes = LK_GRANULE;
    lk_self.heap_position = LK_SEGMENT_ROOM;
    random_state = 42;
}

void played_end(void)
{
    while (place_count) {
        void **place = places[--place_count];
        free(*place);
        *place = NULL;
    }
    free(the_state.base);
    the_state.base = NULL;
}

void played_each(enum lk_extent_kind kind, void (*each)(struct lk_extent *extent, void *context),
                 void *context)
{
    uint64_t at = LK_GRANULE;
    while (at < lk_capture_header()->used_bytes) {
        struct lk_extent *extent = (struct lk_extent *)(void *)(the_state.base + at);
        if (extent->kind == kind)
            each(extent, context);
        at += (uint64_t)(extent->kind ? extent->granules : 1) * LK_GRANULE;
    }
}

struct start {
    void *(*function)(void *index);
    uint32_t index;
};

static void *run_one(void *argument)
{
    const struct start *start = argument;
    lk_self.index = start->index;
    lk_self.generation = 1;
    lk_self.heap_position = LK_SEGMENT_ROOM;
    return start->function((void *)(uintptr_t)start->index);
}

void played_run_threads(uint32_t count, void *(*function)(void *index))
{
    pthread_t threads[THREADS_MAX];
    struct start starts[THREADS_MAX];
    assert_true(count <= THREADS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        starts[i] = (struct start){function, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_one, &starts[i]), 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        void *failures;
        assert_int_equal(pthread_join(threads[i], &failures), 0);
        assert_null(failures);
    }
}

uint64_t played_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 20;
}

/* ---- What capture/file.c defines ---- */

struct lk_header *lk_capture_header(void)
{
    return (struct lk_header *)(void *)the_state.base;
}

char *lk_capture_base(void)
{
    return the_state.base;
}

uint64_t lk_capture_offset(const void *pointer)
{
    return (uint64_t)((const char *)pointer - the_state.base);
}

bool lk_capture_reserve(uint64_t end)
{
    return end <= the_state.mapped_bytes;
}

void lk_drop(enum lk_drop why)
{
    lk_add(&lk_capture_header()->dropped[why], 1);
}

/* ---- What sys.c defines ---- */

void *lk_sys_memory_wiped(size_t bytes)
{
    return calloc(1, bytes);
}

void *lk_sys_make_wiped(void **place, size_t bytes)
{
    pthread_mutex_lock(&lock);
    void *made = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (!made && place_count < PLACES_MAX) {
        made = calloc(1, bytes);
        places[place_count++] = place;
        __atomic_store_n(place, made, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    return made;
}
