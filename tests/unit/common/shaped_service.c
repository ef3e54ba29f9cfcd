/* Blocks, requests and loads of a simulated service; see shaped_service.h. */
#include "common/shaped_service.h"

#include <math.h>

#include "common/capture_analysis.h"
#include "model/heap.h"

static uint64_t now_ns(const struct service *service)
{
    return (uint64_t)(service->now * 1e9);
}

/* What the shim does with an event. */
static void update_timeline(struct service *service, double allocated)
{
    unsigned level = 0;
    while (now_ns(service) / LK_TIMELINE_NS(level) >= LK_TIMELINE_BUCKETS)
        level++;
    struct lk_bucket *bucket = builder_bucket(service->builder, level,
                                              (unsigned)(now_ns(service) / LK_TIMELINE_NS(level)));
    uint64_t live = (uint64_t)MAX(service->live, 0);
    bucket->max_live_bytes = MAX(bucket->max_live_bytes, live);
    bucket->last_live_bytes = live;
    bucket->allocated_bytes += (uint64_t)allocated;
    bucket->updates++;
}

static struct block allocate(struct service *service, uint32_t site, uint64_t size)
{
    double chance = sample_chance(size, service->sample_bytes);
    struct block block = {.size = size};
    if (g_rand_double(service->random) >= chance)
        return block;
    block.address = service->next_address += 0x1000000;
    builder_alloc(service->builder, now_ns(service), block.address, size, site, service->tag);
    service->live += (double)size / chance;
    update_timeline(service, (double)size / chance);
    return block;
}

static void release(struct service *service, struct block block)
{
    if (block.address == 0)
        return;
    g_assert_true(builder_release(service->builder, now_ns(service), block.address));
    service->live -= (double)block.size / sample_chance(block.size, service->sample_bytes);
    update_timeline(service, 0);
}

void service_keep(struct service *service, int queue, uint32_t site, uint64_t size)
{
    struct block block = allocate(service, site, size);
    g_queue_push_tail(&service->kept[queue], g_memdup2(&block, sizeof(block)));
}

void service_release(struct service *service, int queue, unsigned most)
{
    while (service->kept[queue].length > most) {
        struct block *block = g_queue_pop_head(&service->kept[queue]);
        release(service, *block);
        g_free(block);
    }
}

double service_uniform(struct service *service, double low, double high)
{
    return g_rand_double_range(service->random, low, high);
}

double service_exponential(struct service *service, double mean)
{
    return -mean * log(1 - g_rand_double(service->random));
}

static void end_requests(struct service *service)
{
    for (guint i = 0; i < service->held->len;) {
        struct block block = g_array_index(service->held, struct block, i);
        if (block.until > service->now) {
            i++;
            continue;
        }
        g_array_remove_index_fast(service->held, i);
        release(service, block);
    }
}

/* Requests hold some memory for a while; about `megabytes` of it at a time. */
void service_serve(struct service *service, double megabytes)
{
    double lasts = service->seconds / 400;
    double step = service->seconds / 3000;
    end_requests(service);
    for (double due = megabytes * step / lasts; due > 0; due--) {
        struct block block;
        if (due < 1 && g_rand_double(service->random) > due)
            break;
        block = allocate(service, service->site, 1 * MIB);
        block.until = service->now + service_exponential(service, lasts);
        g_array_append_val(service->held, block);
    }
}

void service_follow(struct service *service, const struct load *load)
{
    double at = (service->now - load->starts) / load->lasts;
    unsigned wanted = at < 0 || at >= 1 ? 0 : (unsigned)(MIN(at / 0.3, 1) * 100);
    if (at < 0)
        return;
    while (service->kept[1].length < wanted)
        service_keep(service, 1, service->spike_site, load->bytes / 100);
    service_release(service, 1, at >= 1 ? 0 : 100);
}

struct service service_new(guint32 seed, uint64_t sample_bytes, double seconds)
{
    struct service service = {.builder = builder_new(),
                              .random = g_rand_new_with_seed(seed),
                              .sample_bytes = sample_bytes,
                              .seconds = seconds,
                              .held = g_array_new(FALSE, FALSE, sizeof(struct block))};
    builder_header(service.builder)->sample_bytes = sample_bytes;
    service.site = builder_site(service.builder, (uint64_t[]){0x401000, 0x402000}, 2);
    service.spike_site = builder_site(service.builder, (uint64_t[]){0x403000, 0x402000}, 2);
    return service;
}

struct report *service_report(struct service *service)
{
    struct report *report = analyse_built(service->builder);
    builder_free(service->builder);
    g_rand_free(service->random);
    g_array_free(service->held, TRUE);
    for (int i = 0; i < 2; i++)
        g_queue_clear_full(&service->kept[i], g_free);
    return report;
}
