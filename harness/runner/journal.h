/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal of a run, trials.csv: appended one trial at a time, each in one write() followed by fdatasync(). The last
 * row of a trial is its commit mark (metric trial_wall); readers ignore everything after the last one, and only
 * `hotbed resume` truncates. One writer per file (the run's lock); readers may run at any time.
 */
#ifndef HOTBED_RUNNER_JOURNAL_H
#define HOTBED_RUNNER_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "row.h"

struct hb_error;

/* One committed trial; valid only during the callback. */
struct hb_journal_trial {
	size_t row_count; /* >= 1; the last row is the commit mark */
	const char *const *const
		*rows;      /* shape [row_count][HB_COLUMN_COUNT]; absent columns are "" */
	uint64_t end_bytes; /* offset after the commit mark's CRLF */
};

/* Returns 0 to go on, or a negative errno that ends the reading. */
typedef int hb_journal_trial_fn(
	const struct hb_journal_trial *trial, void *user, struct hb_error *reterr);

/*
 * hb_journal_read - hand every committed trial of @path to @trial, in file order. Memory: one trial.
 * Unknown extra columns are ignored, their order does not matter; a missing column is -EBADMSG naming it.
 * @ret_committed_bytes: offset after the last commit mark (after the header if there is none); may be NULL.
 *
 * Returns 0, -ENOENT, -EBADMSG, -EIO, -ENOMEM or what @trial returned.
 */
int hb_journal_read(const char *path, hb_journal_trial_fn *trial, void *user,
	uint64_t *ret_committed_bytes, struct hb_error *reterr);

#endif
