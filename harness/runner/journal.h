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

struct hb_csv_buffer;
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

/* ---- writing: the files that grow during a run ---- */

struct hb_journal;

/*
 * hb_journal_lock - open (or create, empty) trials.csv in @folder and lock the run: one runner per results folder.
 * @ret: freed by hb_journal_close(), which also gives up the lock. @ret_bytes: size of the file; may be NULL.
 *
 * Returns 0, -EBUSY (another runner has it; its pid in @reterr), or -errno of the file system. Waits at most half a
 * second for the lock.
 */
int hb_journal_lock(
	const char *folder, struct hb_journal **ret, uint64_t *ret_bytes, struct hb_error *reterr);

/*
 * hb_journal_start - make the locked, empty journal durable: header row, hist.hlog's header, fsync of the folder.
 * Returns 0 or -errno.
 */
int hb_journal_start(struct hb_journal *journal, struct hb_error *reterr);

/*
 * hb_journal_recover - cut the locked journal after its last commit mark, and hist.hlog after its last whole line.
 * @committed_bytes: from hb_journal_read(). @ret_cut_bytes: what was cut from trials.csv.
 * @ret_next_seq: a number above every one that a histogram or log file carries; committed rows are the caller's.
 *
 * Returns 0 or -errno.
 */
int hb_journal_recover(struct hb_journal *journal, uint64_t committed_bytes,
	uint64_t *ret_cut_bytes, uint64_t *ret_next_seq, struct hb_error *reterr);

/*
 * hb_journal_put_hist - append a histogram of trial @seq to hist.hlog: tag "SEQ:NAME", seconds since the run's start.
 * Durable after hb_journal_sync_hists(). @max: largest value, ns. Returns 0 or -errno.
 */
int hb_journal_put_hist(struct hb_journal *journal, uint64_t seq, const char *name, double start_s,
	double length_s, int64_t max, const char *data, struct hb_error *reterr);
int hb_journal_sync_hists(struct hb_journal *journal, struct hb_error *reterr);

/*
 * hb_journal_put_log - write logs/<seq>.txt durably: what the trial printed. @total_bytes: of which @text is the head.
 * Returns 0 or -errno.
 */
int hb_journal_put_log(struct hb_journal *journal, uint64_t seq, const char *text,
	size_t text_bytes, uint64_t total_bytes, struct hb_error *reterr);

/*
 * hb_journal_put_figure - write logs/<seq>-<name>.vl.json durably: a chart that the trial drew. @name: [a-z0-9_-].
 * Returns 0 or -errno.
 */
int hb_journal_put_figure(struct hb_journal *journal, uint64_t seq, const char *name,
	const char *spec, struct hb_error *reterr);

/*
 * hb_journal_commit - append one trial's rows, the commit mark last, in one write() and one fdatasync(). Histograms and
 * log of the trial come before. After a failure (-ENOSPC, -EIO ...) nothing more may be written; what was committed
 * stays. Blocks on the disk.
 */
int hb_journal_commit(
	struct hb_journal *journal, const struct hb_csv_buffer *rows, struct hb_error *reterr);

/* hb_journal_close - give up the lock; NULL is accepted. */
void hb_journal_close(struct hb_journal *journal);

#endif
