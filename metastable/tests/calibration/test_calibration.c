/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Traces are read with their gaps and faults, and a fit finds what made them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/calibration.h>

static struct hb_error error;

static int read_trace(const char *text, struct ms_trace *ret)
{
	int fd = memfd_create("trace", MFD_CLOEXEC), code;

	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	error = (struct hb_error){0};
	code = ms_trace_read(fd, "trace.csv", ret, &error);
	(void)close(fd);
	return code;
}

Test(trace, columns_are_found_by_name_and_gaps_are_counted)
{
	struct ms_trace trace;

	cr_assert_eq(
		read_trace("host,jobs,time_s,goodput_per_s\na,3,1,5\na,,2,6\na,4,3,\na,5,6,7\n",
			&trace),
		0, "%s", error.text);
	cr_assert_eq(trace.row_count, 4);
	cr_assert_eq(trace.columns, 1U << MS_SERIES_JOBS | 1U << MS_SERIES_GOODPUT);
	cr_assert_eq(trace.rows[0].value[MS_SERIES_JOBS], 3);
	cr_assert(isnan(trace.rows[1].value[MS_SERIES_JOBS]));
	cr_assert(isnan(trace.rows[2].value[MS_SERIES_GOODPUT]));
	cr_assert_eq(trace.rows[3].time_s, 6);
	cr_assert_eq(trace.gaps, 1);
	ms_trace_finish(&trace);
}

static void refuses(const char *text, int line, const char *needle)
{
	struct ms_trace trace;

	cr_assert_eq(read_trace(text, &trace), -EBADMSG, "%s", text);
	cr_assert_eq(error.line, line, "line %d: %s", error.line, error.text);
	cr_assert(strstr(error.text, needle), "%s", error.text);
}

Test(trace, faults_name_the_line)
{
	refuses("time_s,jobs\n1,2\n1,3\n", 3, "does not rise");
	refuses("time_s,jobs\n1,2\n2,many\n", 3, "no number");
	refuses("time_s,jobs\n1,2\n2,-1\n", 3, "no number");
	refuses("time_s,jobs\n1,2\n,3\n", 3, "missing");
	refuses("time_s,color\n1,2\n2,3\n", 1, "no column");
	refuses("time_s,jobs\n1,2\n", 0, "two rows");
}

/* A trace made by the simulation itself, of a model with other numbers than the one that is fitted. */
static struct ms_trace made_trace(const struct ms_model *truth, double end_s)
{
	struct ms_study_options options = {.run = {.end_s = end_s}, .runs = 100, .series = true};
	struct ms_trace trace = {.columns = 1U << MS_SERIES_JOBS | 1U << MS_SERIES_ATTEMPTS};
	struct ms_study study;

	cr_assert_eq(ms_study_run(truth, &options, 99, &study, &error), 0, "%s", error.text);
	trace.rows = calloc(study.bins, sizeof(*trace.rows));
	cr_assert(trace.rows);
	for (uint32_t b = 0; b < study.bins; b++) {
		struct ms_trace_row *row = &trace.rows[trace.row_count++];

		row->time_s = study.first_bin_s + b * study.bin_s;
		for (int s = 0; s < MS_SERIES_COUNT; s++)
			row->value[s] =
				trace.columns & (1U << s)
					? (double)study.bands[(size_t)s * study.bins + b].p50
					: NAN;
	}
	ms_study_finish(&study);
	return trace;
}

Test(calibration, a_fit_finds_the_service_rate_and_foresees_what_was_held_out)
{
	static const char text[] =
		"server db { queue 60; service exp 10/s }\n"
		"client c -> db { rate poisson 6/s; timeout 4s; retry 2 }\n"
		"trigger { at 60s for 60s rate c 14/s; at 180s for 60s rate c 14/s }\n"
		"horizon 60s;";
	const char *paths[] = {"db.service"};
	struct ms_calibration_options options = {
		.paths = paths, .path_count = 1, .runs = 40, .steps = 30, .seed = 1};
	struct ms_calibration result;
	struct ms_model truth, guess, fitted;
	struct ms_trace trace;

	cr_assert_eq(ms_model_read(text, strlen(text), "t", NULL, 0, &truth, &error), 0, "%s",
		error.text);
	trace = made_trace(&truth, 300);
	guess = truth;
	guess.servers[0].service.mean_s = 1 / 13.0;
	cr_assert_eq(ms_calibrate(&guess, &trace, NULL, &options, &fitted, &result, &error), 0,
		"%s", error.text);
	cr_assert_float_eq(result.before[0], 13, 1e-9);
	cr_assert_float_eq(result.after[0], 10, 0.7, "fitted %g", result.after[0]);
	cr_assert(result.train_after < result.train_before);
	cr_assert(result.held_out_after < 0.6 * result.held_out_before, "%g before, %g after",
		result.held_out_before, result.held_out_after);
	ms_trace_finish(&trace);
}

Test(calibration, words_and_nothing_cannot_be_fitted)
{
	static const char text[] = "server db { queue 60; service exp 10/s }\n"
				   "client c -> db { rate poisson 6/s }";
	const char *paths[] = {"db.discipline"};
	struct ms_calibration_options options = {.paths = paths, .path_count = 1};
	struct ms_calibration result;
	struct ms_model model;
	struct ms_trace trace;

	cr_assert_eq(ms_model_read(text, strlen(text), "t", NULL, 0, &model, &error), 0);
	cr_assert_eq(read_trace("time_s,jobs\n1,2\n2,3\n3,4\n", &trace), 0);
	cr_assert_eq(
		ms_calibrate(&model, &trace, NULL, &options, &model, &result, &error), -EINVAL);
	paths[0] = "db.slowdown";
	cr_assert_eq(
		ms_calibrate(&model, &trace, NULL, &options, &model, &result, &error), -EINVAL);
	cr_assert(strstr(error.text, "above 0"));
	ms_trace_finish(&trace);
}
