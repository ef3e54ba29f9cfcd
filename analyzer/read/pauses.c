/* When recording was paused, and the time that is left without that. */
#include <string.h>

#include "read/parts.h"

static struct lk_pause pause_at(const struct capture *capture, uint32_t i)
{
    struct lk_pause pause;
    memcpy(&pause, capture->data + LK_PAUSES_OFFSET + i * sizeof(pause), sizeof(pause));
    return pause;
}

/* A pause without an end goes on, or the process ended in it. */
static bool add_pause(struct capture *capture, struct lk_pause raw, bool latest, uint64_t least)
{
    struct capture_pause pause = {raw.from_ns, raw.to_ns == 0 ? UINT64_MAX : raw.to_ns};
    if ((raw.to_ns == 0 && !latest) || pause.from_ns < least || pause.to_ns < pause.from_ns)
        return false;
    pause.from_ns = MIN(pause.from_ns, capture->duration_ns);
    pause.to_ns = MIN(pause.to_ns, capture->duration_ns);
    capture->paused_ns += pause.to_ns - pause.from_ns;
    g_array_append_val(capture->pauses, pause);
    return true;
}

void capture_read_pauses(struct capture *capture)
{
    uint32_t count = MIN(capture->header.pauses, LK_PAUSES);
    uint64_t least = 0;
    if (capture->bytes < LK_PAUSES_OFFSET + LK_PAUSES * sizeof(struct lk_pause))
        count = 0; /* the end of the file is missing: said elsewhere */
    for (uint32_t i = 0; i < count; i++) {
        struct lk_pause raw = pause_at(capture, i);
        if (!add_pause(capture, raw, i == count - 1, least)) {
            capture_damage(capture, "header: when it was paused");
            break;
        }
        least = raw.to_ns;
    }
    if (capture->header.pauses > LK_PAUSES)
        capture->paused_ns +=
            MIN(capture->header.paused_more_ns,
                capture->duration_ns - MIN(capture->paused_ns, capture->duration_ns));
}

uint64_t capture_recorded_ns(const struct capture *capture, uint64_t time_ns)
{
    uint64_t paused = 0;
    for (guint i = 0; i < capture->pauses->len; i++) {
        const struct capture_pause *pause =
            &g_array_index(capture->pauses, struct capture_pause, i);
        if (time_ns > pause->from_ns)
            paused += MIN(time_ns, pause->to_ns) - pause->from_ns;
    }
    return time_ns - paused;
}

uint64_t capture_time_of(const struct capture *capture, uint64_t recorded_ns)
{
    uint64_t time = recorded_ns;
    for (guint i = 0; i < capture->pauses->len; i++) {
        const struct capture_pause *pause =
            &g_array_index(capture->pauses, struct capture_pause, i);
        if (time > pause->from_ns)
            time += pause->to_ns - pause->from_ns;
    }
    return time;
}
