/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several runs as one: the same experiments measured on other days or hosts. Blocks are renumbered, so that no block of
 * one run is paired with one of another; trials are renumbered too, and their histograms and logs with them. A run
 * given twice counts once. Needs no drivers. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_MERGE_H
#define HOTBED_RUNNER_MERGE_H

#include <stddef.h>

struct hb_error;

/*
 * hb_merge - merge the runs in the folders @dirs into the new folder @out.
 * @dirs: shape [@count], each with plan.json and trials.csv. @out: must not exist, or be empty.
 * Experiments of one name must be described alike (metrics, variants), otherwise their rows mean different things.
 *
 * Returns 0, -ENOENT, -EBADMSG (descriptions differ, and which), -EEXIST, -EIO or -ENOMEM. Blocks on the disk.
 */
int hb_merge(const char *const *dirs, size_t count, const char *out, struct hb_error *reterr);

#endif
