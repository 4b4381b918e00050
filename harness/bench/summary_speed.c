/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * harness/summary-speed: time and memory of what is made from a run's rows, on a made-up run of known content. The
 * baseline only counts the lines. What must hold is absolute: report on 100,000 rows and summary of 1,000,000 rows
 * within 5 s, the runner within 64 MiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>
#include <hotbed/trial.h>

#include "experiments.h"
#include "programs.h"
#include "run_folder.h"

enum { OUTPUT_BYTES = 4096 };

struct state {
	struct run_folder size;
	char runner[PATH_MAX], output[PATH_MAX + 16], trials[PATH_MAX + 16];
	char text[OUTPUT_BYTES]; /* standard output of the program */
};

/* A command and what its output must say of the run. */
struct variant {
	const char *command; /* of hotbed; NULL = wc */
	int (*verify)(struct hb_trial *trial, const struct state *state);
};

static int folder_fill(struct hb_trial *trial, const struct state *state, uint64_t trials)
{
	struct hb_error error = {0};

	if (run_folder_write(
		    hb_trial_tmpdir(trial), &state->size, hb_trial_seed(trial), trials, &error) < 0)
		return hb_trial_fail(trial, "%s", error.text);
	return 0;
}

static int setup(struct hb_trial *trial)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return hb_trial_fail(trial, "no memory");
	hb_trial_set_state(trial, state);
	state->size = run_folder_size((uint64_t)hb_params_i64(hb_trial_params(trial), "rows"));
	if (program_runner(state->runner) < 0)
		return hb_trial_fail(
			trial, "cannot find hotbed beside this driver; build all of it");
	if (snprintf(state->trials, sizeof(state->trials), "%s/trials.csv",
		    hb_trial_tmpdir(trial)) >= (int)sizeof(state->trials))
		return hb_trial_fail(trial, "the temporary folder's path is too long");
	(void)snprintf(state->output, sizeof(state->output), "%s/output", hb_trial_tmpdir(trial));
	return folder_fill(trial, state, state->size.trials);
}

/* An interrupted run in place of the whole: every count in the output is another. */
static int sabotage(struct hb_trial *trial)
{
	const struct state *state = hb_trial_state(trial);

	return folder_fill(trial, state, state->size.trials / 2);
}

static int run(struct hb_trial *trial)
{
	const struct variant *variant = hb_trial_data(trial);
	struct state *state = hb_trial_state(trial);
	const char *const wc[] = {"wc", "-l", state->trials, NULL};
	const char *const hotbed[] = {
		state->runner, variant->command, hb_trial_tmpdir(trial), "--color", "never", NULL};
	struct program_cost cost;
	int result = program_run(variant->command ? hotbed : wc, state->output, &cost);

	if (result < 0)
		return hb_trial_fail(trial, "the program does not start: %s", strerror(-result));
	if (cost.status != 0)
		return hb_trial_fail(trial, "the program ended with wait status %d", cost.status);
	result = program_output(state->output, state->text, sizeof(state->text));
	if (result < 0)
		return hb_trial_fail(trial, "%s: %s", state->output, strerror(-result));
	hb_trial_metric(trial, "time", (double)cost.time_ns, 1);
	hb_trial_metric(trial, "rss_peak", (double)cost.rss_bytes, 1);
	return 0;
}

static int output_must_hold(struct hb_trial *trial, const struct state *state, const char *expected)
{
	if (!strstr(state->text, expected))
		return hb_trial_fail(trial, "the output lacks '%s': %.200s", expected, state->text);
	return 0;
}

static int verify_wc(struct hb_trial *trial, const struct state *state)
{
	uint64_t lines = strtoull(state->text, NULL, 10);

	if (lines != state->size.rows + 1)
		return hb_trial_fail(trial, "%llu lines, not %llu", (unsigned long long)lines,
			(unsigned long long)state->size.rows + 1);
	return 0;
}

static int verify_status(struct hb_trial *trial, const struct state *state)
{
	char expected[96];

	(void)snprintf(expected, sizeof(expected), "done, %llu of %llu trials",
		(unsigned long long)state->size.trials, (unsigned long long)state->size.trials);
	return output_must_hold(trial, state, expected);
}

static int verify_claims(struct hb_trial *trial, const struct state *state)
{
	int result = output_must_hold(trial, state, "reproduced      Half is half.");

	return result < 0 ? result : output_must_hold(trial, state, "over 12 blocks");
}

/* Rows of summary.csv, by name. */
enum { VARIANT, BASELINE, RATIO, BLOCKS, COLUMNS };

struct summary {
	int columns[COLUMNS];
	uint64_t rows, wrong;
};

static int summary_row(const struct hb_csv_record *record, void *user, struct hb_error *reterr)
{
	static const char *const names[COLUMNS] = {"variant", "baseline", "ratio", "blocks"};
	struct summary *summary = user;
	const char *const *fields = record->fields;
	double ratio, expected;

	if (summary->columns[0] < 0)
		return hb_csv_columns(
			record, "summary.csv", names, COLUMNS, COLUMNS, summary->columns, reterr);
	for (int i = 0; i < COLUMNS; i++) {
		if ((size_t)summary->columns[i] >= record->field_count)
			return hb_error_set(reterr, -EBADMSG, "summary.csv: a row is too short");
	}
	expected = strcmp(fields[summary->columns[VARIANT]], "half") == 0 ? 0.5 : 1;
	if (hb_csv_parse_double(fields[summary->columns[RATIO]], &ratio) < 0)
		ratio = 0;
	summary->rows++;
	summary->wrong += !(ratio > 0.95 * expected && ratio < 1.05 * expected) ||
			  strcmp(fields[summary->columns[BLOCKS]], "12") != 0;
	return 0;
}

/* The variant "half" is half of whatever it is compared with, in every metric at every point. */
static int verify_report(struct hb_trial *trial, const struct state *state)
{
	struct summary summary = {.columns = {-1}};
	struct hb_error error = {0};
	char path[PATH_MAX + 16];
	int file;
	int result;

	(void)snprintf(path, sizeof(path), "%s/summary.csv", hb_trial_tmpdir(trial));
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return hb_trial_fail(trial, "%s: %s", path, strerror(errno));
	result = hb_csv_read(file, path, 0, summary_row, &summary, NULL, &error);
	(void)close(file);
	if (result < 0)
		return hb_trial_fail(trial, "%s", error.text);
	if (summary.rows != state->size.comparisons || summary.wrong != 0)
		return hb_trial_fail(trial,
			"%llu comparisons, %llu of them wrong; not %llu right ones",
			(unsigned long long)summary.rows, (unsigned long long)summary.wrong,
			(unsigned long long)state->size.comparisons);
	return output_must_hold(trial, state, "claims: 1 reproduced");
}

static int verify(struct hb_trial *trial)
{
	const struct variant *variant = hb_trial_data(trial);

	return variant->verify(trial, hb_trial_state(trial));
}

static int teardown(struct hb_trial *trial)
{
	free(hb_trial_state(trial));
	return 0;
}

static uint64_t memory_bytes(const struct hb_params *params)
{
	return (uint64_t)64 * 1024 * 1024 + (uint64_t)hb_params_i64(params, "rows") * 1000;
}

static uint64_t trial_ms(const struct hb_params *params)
{
	return 100 + (uint64_t)hb_params_i64(params, "rows") / 400;
}

#define HOOKS \
	.setup = setup, .run = run, .verify = verify, .teardown = teardown, .sabotage = sabotage

static const struct hb_param params[] = {
	{.name = "rows",
		.type = HB_PARAM_INT,
		.unit = "1",
		.help = "rows of trials.csv, rounded up to whole points of 1,200",
		.sweep = "100000,1000000",
		.sweep_quick = "20000",
		.min = 1,
		.max = 10000000},
	{0},
};

static const struct hb_metric metrics[] = {
	{.name = "time",
		.unit = "ns",
		.help = "start to end of the program",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_WALL,
		.min_effect = 0.05},
	{.name = "rss_peak",
		.unit = "B",
		.help = "largest resident set of the program",
		.better = HB_BETTER_LOWER,
		.basis = HB_BASIS_COUNT,
		.min_effect = 0.05},
	{0},
};

static const struct hb_variant variants[] = {
	{.name = "wc",
		.role = HB_ROLE_BASELINE,
		.help = "counts the lines of trials.csv",
		HOOKS,
		.data = &(const struct variant){NULL, verify_wc}},
	{.name = "status",
		.role = HB_ROLE_IDEA,
		.help = "hotbed status: plan and journal",
		HOOKS,
		.data = &(const struct variant){"status", verify_status}},
	{.name = "claims",
		.role = HB_ROLE_IDEA,
		.help = "hotbed claims: the summary, in memory",
		HOOKS,
		.data = &(const struct variant){"claims", verify_claims}},
	{.name = "report",
		.role = HB_ROLE_IDEA,
		.help = "hotbed report: summary, charts and page",
		HOOKS,
		.data = &(const struct variant){"report", verify_report}},
	{0},
};

const struct hb_experiment harness_summary_speed = {
	.name = "summary-speed",
	.question = "How long do summary and report of a large run take, and how much memory?",
	.params = params,
	.metrics = metrics,
	.variants = variants,
	.chart = {.x = "rows", .log_x = true, .log_y = true},
	.blocks = 6,
	.memory_bytes = memory_bytes,
	.trial_ms = trial_ms,
};
