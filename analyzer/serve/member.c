/* One capture that `serve` watches; see member.h. */
#define _GNU_SOURCE
#include "serve/member.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/regular.h"

static void take_record(const struct lk_record *record, uint32_t thread, void *context)
{
    recompute_record(context, record, thread);
}

static struct watch *open_watch(const char *path, struct stat *status)
{
    int fd = regular_open(path, status);
    struct watch *watch;

    if (fd < 0)
        return NULL;
    watch = watch_new(fd, path, CAPTURE_LIVE | CAPTURE_TIMELINE);
    if (watch_read(watch, NULL))
        return watch;
    watch_free(watch);
    return NULL;
}

struct member *member_new(const char *path, const struct fleet_options *options, bool *unreadable)
{
    struct stat status;
    struct watch *watch = open_watch(path, &status);
    struct member *member;

    *unreadable = watch == NULL;
    if (watch == NULL || watch_capture(watch)->end != CAPTURE_END_RUNNING) {
        watch_free(watch);
        return NULL;
    }
    member = g_new0(struct member, 1);
    member->watch = watch;
    member->follow = follow_new();
    member->recompute = recompute_new();
    member->ended_seconds = NAN;
    member->inode = status.st_ino;
    member->bounds = (struct measure_bounds){
        .templates = options->templates,
        .sites = options->sites,
        .shown_templates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .shown_sites = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    return member;
}

void member_free(struct member *member)
{
    if (member == NULL)
        return;
    watch_free(member->watch);
    follow_free(member->follow);
    recompute_free(member->recompute);
    measured_free(member->measured);
    g_hash_table_destroy(member->bounds.shown_templates);
    g_hash_table_destroy(member->bounds.shown_sites);
    g_free(member);
}

void member_follow(struct member *member)
{
    if (isnan(member->ended_seconds))
        follow_read(member->follow, watch_fd(member->watch), false, take_record, member->recompute);
}

static void finish(struct member *member, double now)
{
    member->ended_seconds = now;
    follow_read(member->follow, watch_fd(member->watch), true, take_record, member->recompute);
    recompute_finish(member->recompute);
}

/* What has ended is read once more, after its end. */
bool member_read(struct member *member, double now)
{
    if (!isnan(member->ended_seconds))
        return true;
    if (!watch_read(member->watch, NULL))
        return false;
    if (watch_capture(member->watch)->end == CAPTURE_END_RUNNING)
        return true;
    finish(member, now);
    return watch_read(member->watch, NULL);
}

static const struct durations *recompute_of(void *context, uint32_t template_id)
{
    const struct member *member = context;

    return recompute_durations(member->recompute, template_id);
}

static void site_of(void *context, const struct capture *capture, uint32_t site,
                    const char **identity, const char **place)
{
    const struct member *member = context;

    watch_site(member->watch, capture, site, identity, place);
}

void member_measure(struct member *member, guint index, const struct cache_model *model)
{
    const struct measure_sources sources = {site_of, recompute_of, member};
    struct measured *now =
        measure(watch_capture(member->watch), index, model, &member->bounds, &sources);

    now->missed_count = (double)follow_missed_count(member->follow);
    if (member->measured != NULL)
        measured_hold(now, member->measured);
    measured_free(member->measured);
    member->measured = now;
}
