// Memory goes up and down in ramps of known height; the highest is the third, and all of it is
// freed before the end. Says how high the peak was, when, and how much each function held then.
#include "planted.h"

#define BLOCKS       400u
#define LOAD_BYTES   40000u
#define DECODE_BYTES 25000u
#define BASE_BYTES   3000000u

enum { BASE, LOAD, DECODE, SITES };
static struct site sites[SITES] = {
    {.function = "hold_base"}, {.function = "load_model"}, {.function = "decode_batch"}};
static void *loaded[BLOCKS], *decoded[BLOCKS];
static void *base;
static struct timespec began;
static double peak_seconds;

OWN_FRAME static void hold_base(void)
{
    base = site_took(&sites[BASE], malloc(BASE_BYTES), BASE_BYTES);
}

OWN_FRAME static void *load_model(void)
{
    return site_took(&sites[LOAD], malloc(LOAD_BYTES), LOAD_BYTES);
}

OWN_FRAME static void *decode_batch(void)
{
    return site_took(&sites[DECODE], malloc(DECODE_BYTES), DECODE_BYTES);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began.tv_sec) + (double)(now.tv_nsec - began.tv_nsec) / 1e9;
}

/* Up to that many blocks each, then down to none. */
static void ramp(uint32_t loads, uint32_t decodes, int is_peak)
{
    for (uint32_t i = 0; i < loads || i < decodes; i++) {
        nap_us(250);
        if (i < loads)
            loaded[i] = load_model();
        if (i < decodes)
            decoded[i] = decode_batch();
    }
    if (is_peak) {
        site_mark_peak(sites, SITES);
        peak_seconds = seconds_now();
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (i < loads)
            site_free(&sites[LOAD], loaded[i], LOAD_BYTES);
        if (i < decodes)
            site_free(&sites[DECODE], decoded[i], DECODE_BYTES);
    }
}

int main(int argc, char **argv)
{
    uint64_t peak = 0;
    read_noise(argc, argv);
    clock_gettime(CLOCK_MONOTONIC, &began);
    hold_base();
    ramp(300, 100, 0);
    ramp(100, 390, 0);
    ramp(350, 250, 1);
    ramp(200, 399, 0);
    ramp(399, 10, 0);
    for (int i = 0; i < SITES; i++)
        peak += sites[i].peak_bytes;
    printf("{\"peak_live_bytes\":%" PRIu64 ",\"peak_seconds\":%.3f,", peak, peak_seconds);
    print_sites(sites, SITES);
    printf("}\n");
    fflush(stdout);
    _Exit(0);
}
