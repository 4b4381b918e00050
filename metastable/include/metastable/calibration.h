/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fitting numbers of a model to measured traces, and saying how well the fitted model foresees what it was not
 * fitted to.
 *
 * A trace is CSV with a column time_s and any of requests_per_s, goodput_per_s, failures_per_s, attempts_per_s, jobs,
 * orbit, p50_s and p99_s; other columns are ignored, empty fields are missing values. A row holds for the time since
 * the row before. Times rise; where one is missing the trace has a gap, which is counted and not filled.
 *
 * The error of a model is the root of the mean square of its difference from the trace, each column divided by its root
 * mean square, over all rows and columns. The model's value is the median of simulated runs with common random numbers.
 * Numbers are moved in their logarithms by the simplex of Nelder and Mead.
 */
#ifndef METASTABLE_CALIBRATION_H
#define METASTABLE_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include <metastable/model.h>
#include <metastable/simulation.h>

struct hb_error;

#define MS_TRACE_ROWS_MAX 1000000U
#define MS_FIT_MAX 8 /* numbers that are fitted at once */

struct ms_trace_row {
	double time_s;                 /* end of the row's interval */
	double value[MS_SERIES_COUNT]; /* NAN = missing */
};

struct ms_trace {
	uint32_t row_count;
	struct ms_trace_row *rows; /* shape [row_count] */
	uint32_t columns;          /* bit i: series i is there */
	uint32_t gaps;             /* intervals more than half again as long as the median one */
};

/*
 * ms_trace_read_file - read a trace.
 * @ret: ms_trace_finish() frees it.
 *
 * Returns 0; -EBADMSG (no time_s, no known column, a value that is no number, times that do not rise: with the line);
 * -E2BIG; -ENOMEM; or the -errno of the file. Blocks on the disk.
 */
int ms_trace_read_file(const char *path, struct ms_trace *ret, struct hb_error *reterr);
/* ms_trace_read - the same from descriptor @fd; @path is for messages. */
int ms_trace_read(int fd, const char *path, struct ms_trace *ret, struct hb_error *reterr);

void ms_trace_finish(struct ms_trace *trace);

struct ms_calibration_options {
	const char *const *paths; /* BLOCK.NAME of the numbers to fit; shape [path_count] */
	uint32_t path_count;      /* 1 ... MS_FIT_MAX */
	double train_share; /* of the rows of the trace, the first ones; the rest is held out. 0 = 0.7 */
	uint32_t runs;      /* simulated per error; 0 = 10 */
	uint32_t steps; /* of the simplex at most; 0 = 60 */
	uint64_t seed;
};

struct ms_calibration {
	double before[MS_FIT_MAX], after[MS_FIT_MAX];
	double train_before, train_after;       /* errors over the rows that were fitted to */
	double held_out_before, held_out_after; /* and over the others */
	uint32_t train_rows, held_out_rows;
	uint32_t steps;
};

/*
 * ms_calibrate - fit @model, whose triggers are what happened during the trace.
 * @held_out: another trace of the same model's triggers, or NULL: the end of @trace is held out.
 * @fitted: the fitted model; may be @model.
 *
 * Returns 0; -EINVAL (no such number, no rows to hold out); or what the simulation returns.
 */
int ms_calibrate(const struct ms_model *model, const struct ms_trace *trace,
	const struct ms_trace *held_out, const struct ms_calibration_options *options,
	struct ms_model *fitted, struct ms_calibration *ret, struct hb_error *reterr);

/*
 * ms_trace_error - of @model over rows @first ... @first + @count - 1.
 * @ret: NAN if none of them has a value. Returns 0 or as the simulation.
 */
int ms_trace_error(const struct ms_model *model, const struct ms_trace *trace, uint32_t first,
	uint32_t count, uint32_t runs, uint64_t seed, double *ret, struct hb_error *reterr);

#endif
