/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run's folder, read and summarised: what report, claims, compare and export start from. Always from plan.json and
 * trials.csv, never from an earlier summary. Not thread-safe.
 */
#ifndef HOTBED_RUNNER_ANALYSIS_H
#define HOTBED_RUNNER_ANALYSIS_H

#include <cjson/cJSON.h>

#include "plan.h"
#include "summary.h"
#include "trials.h"

struct hb_error;

/* Its members point into one another: it must not be moved. */
struct hb_analysis {
	char *dir;
	struct hb_plan plan;
	struct hb_trials trials;
	struct hb_summary summary;
	cJSON *env; /* env.json; NULL when there is none that can be read */
};

/*
 * hb_analysis_open - read plan.json and trials.csv of @dir and compute the summary.
 * @ret: filled on success; hb_analysis_finish() frees it. A run without a single trial is no error.
 *
 * Returns 0, -ENOENT (no such folder or file; what to do in @reterr), -EBADMSG, -EIO or -ENOMEM. Blocks on the disk.
 */
int hb_analysis_open(const char *dir, struct hb_analysis *ret, struct hb_error *reterr);

/*
 * hb_analysis_find - the same for what a user typed: a folder, a run_id or its beginning, "latest" or NULL.
 * @ret_exit: the exit code for a failure: HB_EXIT_USAGE when there is no such run, HB_EXIT_FAULT when its files are
 *   faulty. Returns as above, and -EINVAL (ambiguous).
 */
int hb_analysis_find(
	const char *operand, struct hb_analysis *ret, int *ret_exit, struct hb_error *reterr);

/* hb_analysis_finish - free everything; a zero-initialised struct is accepted. */
void hb_analysis_finish(struct hb_analysis *analysis);

/* hb_analysis_path - DIR/@name, freed by the caller; NULL without memory. */
char *hb_analysis_path(const struct hb_analysis *analysis, const char *name);

#endif
