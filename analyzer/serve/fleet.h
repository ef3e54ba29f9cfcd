/*
 * The running captures of a directory: they come and go. Polled, it follows their rings; asked, it
 * reads their tables and measures them. Series of a process that has ended stay for a while, so
 * that its last values are scraped; captures that had ended before they were seen are passed over.
 */
#ifndef LEAKEY_SERVE_FLEET_H
#define LEAKEY_SERVE_FLEET_H

#include "metrics/families.h"

struct fleet_options {
    const char *directory;
    guint templates, sites; /* labels of each process at most */
    double keep_seconds;    /* after the process has ended */
};

struct fleet;

/* `options` must outlive it. */
struct fleet *fleet_new(const struct fleet_options *options);
void fleet_free(struct fleet *fleet);
/* To be called about once a second: what is not followed in time is overwritten. */
void fleet_poll(struct fleet *fleet);
/* The measurements (struct measured *) are the fleet's, until the next call. */
const GPtrArray *fleet_measure(struct fleet *fleet, struct measured_server *server);

#endif
