/* Reuse distances, of all entries or of the latest and of samples, and what they come to. */
#include "replay/miss_curve.h"

#include <math.h>

#include "model/map.h"
#include "replay/reuse.h"

#define STUDENT_95  2.365 /* two-sided, for MISS_CURVE_SAMPLES - 1 degrees of freedom */
#define NOT_SAMPLED UINT32_MAX

struct sample {
    struct reuse *reuse;
    uint32_t *numbers; /* of each entry, within the sample */
    GArray *distances; /* uint64_t, scaled, of its part of the far reads */
    double share;      /* of the entries */
};

struct miss_curve {
    struct reuse *near;     /* of all entries, or of the latest */
    uint32_t near_entries;  /* at most */
    GArray *near_distances; /* uint64_t */
    struct sample samples[MISS_CURVE_SAMPLES];
    uint32_t sample_count;
    uint8_t *in;     /* of each entry */
    uint64_t *bytes; /* of each entry */
    uint64_t reads, absent, far, largest_bytes;
};

static void choose_entries(struct sample *sample, uint32_t entries, uint64_t salt)
{
    double ratio = (double)MISS_CURVE_SAMPLE_ENTRIES / (double)entries;
    uint64_t threshold = (uint64_t)(ratio * 0x1p64);
    uint32_t count = 0;

    sample->numbers = g_new(uint32_t, entries);
    for (uint32_t i = 0; i < entries; i++)
        sample->numbers[i] =
            hash_mix((uint64_t)i + 1, salt + 1) < threshold ? count++ : NOT_SAMPLED;
    sample->distances = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    sample->share = (double)count / (double)entries;
    sample->reuse = reuse_new(count);
}

struct miss_curve *miss_curve_new(uint32_t entries, uint32_t exact_entries)
{
    struct miss_curve *curve = g_new0(struct miss_curve, 1);
    bool exact = entries <= MAX(exact_entries, MISS_CURVE_NEAR_ENTRIES);

    curve->near = reuse_new(entries);
    curve->near_entries = exact ? entries : MISS_CURVE_NEAR_ENTRIES;
    curve->near_distances = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    curve->in = g_new0(uint8_t, (size_t)entries + 1);
    curve->bytes = g_new0(uint64_t, (size_t)entries + 1);
    curve->sample_count = exact ? 0 : MISS_CURVE_SAMPLES;
    for (uint32_t i = 0; i < curve->sample_count; i++)
        choose_entries(&curve->samples[i], entries, i);
    return curve;
}

void miss_curve_free(struct miss_curve *curve)
{
    for (uint32_t i = 0; i < curve->sample_count; i++) {
        reuse_free(curve->samples[i].reuse);
        g_free(curve->samples[i].numbers);
        g_array_free(curve->samples[i].distances, TRUE);
    }
    reuse_free(curve->near);
    g_array_free(curve->near_distances, TRUE);
    g_free(curve->in);
    g_free(curve->bytes);
    g_free(curve);
}

bool miss_curve_is_exact(const struct miss_curve *curve)
{
    return curve->sample_count == 0;
}

uint64_t miss_curve_largest_entry_bytes(const struct miss_curve *curve)
{
    return curve->largest_bytes;
}

/* ---- The stream ---- */

/* `nearer_bytes`: a far read's distance is more than that. */
static void read_sample(struct sample *sample, uint32_t entry, bool is_near, uint64_t nearer_bytes)
{
    uint32_t number = sample->numbers[entry];
    uint64_t own, distance;

    if (number == NOT_SAMPLED)
        return;
    own = reuse_bytes(sample->reuse, number);
    distance = reuse_read(sample->reuse, number);
    if (is_near)
        return;
    /* The entry itself stands for itself alone, what lies above it for all that is not sampled. */
    distance = own + (uint64_t)((double)(distance - own) / sample->share);
    distance = MAX(distance, nearer_bytes + own);
    g_array_append_val(sample->distances, distance);
}

void miss_curve_read(struct miss_curve *curve, uint32_t entry)
{
    uint64_t distance, nearer_bytes = reuse_total_bytes(curve->near);
    bool is_near;

    curve->reads++;
    if (!curve->in[entry]) {
        curve->absent++;
        return;
    }
    distance = reuse_read(curve->near, entry);
    is_near = distance != REUSE_NONE;
    if (is_near) {
        g_array_append_val(curve->near_distances, distance);
    } else {
        curve->far++;
        reuse_write(curve->near, entry, curve->bytes[entry]);
        reuse_keep_latest(curve->near, curve->near_entries);
    }
    for (uint32_t i = 0; i < curve->sample_count; i++)
        read_sample(&curve->samples[i], entry, is_near, nearer_bytes);
}

void miss_curve_write(struct miss_curve *curve, uint32_t entry, uint64_t bytes)
{
    curve->in[entry] = true;
    curve->bytes[entry] = bytes;
    curve->largest_bytes = MAX(curve->largest_bytes, bytes);
    reuse_write(curve->near, entry, bytes);
    reuse_keep_latest(curve->near, curve->near_entries);
    for (uint32_t i = 0; i < curve->sample_count; i++)
        if (curve->samples[i].numbers[entry] != NOT_SAMPLED)
            reuse_write(curve->samples[i].reuse, curve->samples[i].numbers[entry], bytes);
}

void miss_curve_remove(struct miss_curve *curve, uint32_t entry)
{
    curve->in[entry] = false;
    reuse_remove(curve->near, entry);
    for (uint32_t i = 0; i < curve->sample_count; i++)
        if (curve->samples[i].numbers[entry] != NOT_SAMPLED)
            reuse_remove(curve->samples[i].reuse, curve->samples[i].numbers[entry]);
}

/* ---- What it comes to ---- */

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* How many of the sorted distances are larger. */
static guint count_larger(const GArray *distances, uint64_t bytes)
{
    guint low = 0, high = distances->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(distances, uint64_t, middle) > bytes)
            high = middle;
        else
            low = middle + 1;
    }
    return distances->len - low;
}

static double far_misses(const struct miss_curve *curve, const struct sample *sample,
                         uint64_t bytes)
{
    guint larger = count_larger(sample->distances, bytes);

    return larger == sample->distances->len ? (double)curve->far
                                            : MIN((double)curve->far, larger / sample->share);
}

/* `sample` NULL: there are no far reads. */
static double ratio_by(const struct miss_curve *curve, const struct sample *sample, uint64_t bytes)
{
    double misses = (double)curve->absent + count_larger(curve->near_distances, bytes);

    if (sample != NULL)
        misses += far_misses(curve, sample, bytes);
    return misses / (double)curve->reads;
}

static struct miss_curve_point point_at(const struct miss_curve *curve, uint64_t bytes)
{
    struct miss_curve_point point = {.cache_bytes = bytes};
    double count = curve->sample_count, squares = 0, half;

    if (curve->sample_count == 0)
        point.miss_ratio = ratio_by(curve, NULL, bytes);
    for (uint32_t i = 0; i < curve->sample_count; i++)
        point.miss_ratio += ratio_by(curve, &curve->samples[i], bytes) / count;
    for (uint32_t i = 0; i < curve->sample_count; i++) {
        double off = ratio_by(curve, &curve->samples[i], bytes) - point.miss_ratio;

        squares += off * off;
    }
    half = count > 1 ? STUDENT_95 * sqrt(squares / (count - 1) / count) : 0;
    point.interval[0] = MAX(0, point.miss_ratio - half);
    point.interval[1] = MIN(1, point.miss_ratio + half);
    return point;
}

static void sort(struct miss_curve *curve)
{
    g_array_sort(curve->near_distances, by_size);
    for (uint32_t i = 0; i < curve->sample_count; i++)
        g_array_sort(curve->samples[i].distances, by_size);
}

struct miss_curve_point miss_curve_at(struct miss_curve *curve, uint64_t cache_bytes)
{
    sort(curve);
    return point_at(curve, cache_bytes);
}

/* Every distance that there is, where they are few; NULL: too many. */
static GArray *few_sizes(const struct miss_curve *curve)
{
    const GArray *distances = curve->near_distances;
    GArray *sizes = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    for (guint i = 0; i < distances->len && sizes->len < MISS_CURVE_POINTS; i++) {
        uint64_t size = g_array_index(distances, uint64_t, i);

        if (sizes->len == 0 || g_array_index(sizes, uint64_t, sizes->len - 1) != size)
            g_array_append_val(sizes, size);
    }
    if (miss_curve_is_exact(curve) && sizes->len < MISS_CURVE_POINTS)
        return sizes;
    g_array_free(sizes, TRUE);
    return NULL;
}

static void widen(const GArray *distances, uint64_t *least, uint64_t *most)
{
    if (distances->len == 0)
        return;
    *least = MIN(*least, MAX(1, g_array_index(distances, uint64_t, 0)));
    *most = MAX(*most, g_array_index(distances, uint64_t, distances->len - 1));
}

/* Sizes that grow by the same factor, from the smallest distance to the largest. */
static GArray *spread_sizes(const struct miss_curve *curve)
{
    GArray *sizes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    uint64_t least = UINT64_MAX, most = 1;
    double steps = MISS_CURVE_POINTS - 2;

    widen(curve->near_distances, &least, &most);
    for (uint32_t i = 0; i < curve->sample_count; i++)
        widen(curve->samples[i].distances, &least, &most);
    for (int step = 0; step <= (int)steps && least <= most; step++) {
        double factor = pow((double)most / (double)least, step / steps);
        uint64_t size = step == (int)steps ? most : (uint64_t)ceil((double)least * factor);

        if (sizes->len == 0 || g_array_index(sizes, uint64_t, sizes->len - 1) < size)
            g_array_append_val(sizes, size);
    }
    return sizes;
}

GArray *miss_curve_points(struct miss_curve *curve)
{
    GArray *points = g_array_new(FALSE, FALSE, sizeof(struct miss_curve_point)), *sizes;
    const struct miss_curve_point none = {.miss_ratio = 1, .interval = {1, 1}};

    if (curve->reads == 0)
        return points;
    sort(curve);
    g_array_append_val(points, none);
    sizes = few_sizes(curve);
    if (sizes == NULL)
        sizes = spread_sizes(curve);
    for (guint i = 0; i < sizes->len; i++) {
        struct miss_curve_point point = point_at(curve, g_array_index(sizes, uint64_t, i));

        g_array_append_val(points, point);
    }
    g_array_free(sizes, TRUE);
    return points;
}
